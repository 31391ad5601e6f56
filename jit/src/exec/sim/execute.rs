//! The simulator's loop.
//!
//! In:  decoded code, registers, memory.   Out: the return to the caller, or the rule that was broken.
//!
//! Each step checks that what the instruction reads was written before, marks what it writes, and does
//! the operation on whole register cells. Counting costs nothing on straight-line code: at each taken
//! branch the length of the run that ended is added to the instruction count, and +1/-1 at its two ends
//! to `flow`, whose prefix sums are the executions of each word. A straight line ends at a trap op at
//! the latest, so fuel is looked at on taken branches only.
//!
//! One long function, because a call an instruction would double its cost; the arms delegate to
//! `alu`, `fpu` and `memory`.

use super::alu;
use super::fpu;
use super::memory::{Denied, Hit, Memory};
use super::op::{ALWAYS, Access, CELLS, FLAGS, FPR, Fault, Index, Logic, Op, Reg, SP, Target, bit};
use super::space::{Space, address_of};
use super::steps::Steps;
use super::{Seen, Watch};
use crate::exec::executor::RunEnv;
use crate::exec::helpers::HelperTable;
use crate::exec::trap::TrapKind;

/// Where a trace returns to.
pub const RETURN: u64 = 0x00ca_11e4_0000_0000;
const LINK: Reg = 30;

/// Architectural state, plus what is known about it.
pub struct Machine {
    pub x: [u64; CELLS],
    pub nzcv: u8,
    /// Registers written in this run (`op::bit`).
    pub defined: u64,
    pub executed: u64,
    pub arrivals: u64,
}

/// Instructions between two questions whether the run is to stop.
const CHECK_DISTANCE: u64 = 1 << 20;

/// All that a run works on.
pub struct Run<'a> {
    pub machine: &'a mut Machine,
    pub memory: Memory<'a>,
    pub space: &'a Space,
    /// One a word.
    pub hits: &'a mut [Hit],
    /// One a word; see the module's documentation.
    pub flow: &'a mut [u64],
    pub helpers: &'a HelperTable,
    pub env: &'a dyn RunEnv,
    /// Executions of the forced guard until it is taken; 0 for never.
    pub force_in: &'a mut u64,
    pub watch: Option<&'a mut dyn Watch>,
    pub steps: &'a mut Steps,
}

/// A broken rule at a word of the code space.
pub struct Stop {
    pub at: usize,
    pub kind: TrapKind,
    pub message: String,
}

impl Machine {
    fn get(&self, reg: Reg) -> u64 {
        self.x[reg as usize]
    }
}

impl Run<'_> {
    /// Executes from word `start` until the return. The caller checks the callee-saved registers.
    pub fn execute(mut self, start: usize) -> Result<(), Stop> {
        let ops = &self.space.ops[..];
        let fuel = self.env.fuel();
        let mut next_check = fuel.min(CHECK_DISTANCE);
        let mut pc = start;
        let mut line_start = start;
        let mut executed = 0u64;
        let mut defined = self.machine.defined | ALWAYS;
        let mut nzcv = self.machine.nzcv;

        macro_rules! x {
            ($reg:expr) => {
                self.machine.x[$reg as usize]
            };
        }
        macro_rules! end_line {
            () => {
                executed += (pc - line_start + 1) as u64;
                self.flow[line_start] = self.flow[line_start].wrapping_add(1);
                self.flow[pc + 1] = self.flow[pc + 1].wrapping_sub(1);
            };
        }
        macro_rules! stop {
            ($kind:expr, $message:expr) => {{
                let message: String = $message;
                break Err(Stop { at: pc, kind: $kind, message });
            }};
        }
        macro_rules! denied {
            ($denied:expr) => {{
                let Denied { kind, message } = *$denied;
                stop!(kind, message)
            }};
        }
        macro_rules! goto {
            ($target:expr) => {{
                end_line!();
                pc = $target as usize;
                line_start = pc;
                if executed > next_check {
                    if executed > fuel {
                        stop!(TrapKind::OutOfFuel, format!("more than {fuel} instructions"));
                    }
                    if self.env.is_interrupted() {
                        stop!(TrapKind::Interrupted, String::new());
                    }
                    next_check = fuel.min(executed + CHECK_DISTANCE);
                }
                continue;
            }};
        }
        // A comparison goes on to the branch that mostly follows it, without another round of the loop.
        macro_rules! compare {
            ($ins:expr, $nzcv:expr) => {{
                nzcv = $nzcv;
                if let Op::BranchIf { cond, target } = ops[pc + 1].op {
                    pc += 1;
                    if alu::holds(cond, nzcv) {
                        defined |= $ins.writes;
                        goto!(target);
                    }
                }
            }};
        }
        // The base register of an access; SP must be aligned.
        macro_rules! base {
            ($rn:expr) => {{
                let base = x!($rn);
                if $rn == SP && !base.is_multiple_of(16) {
                    stop!(TrapKind::MisalignedStack, format!("sp is {base:#x}"));
                }
                base
            }};
        }
        macro_rules! load {
            ($access:expr, $rt:expr, $address:expr) => {
                match self.memory.load(&mut self.hits[pc], $address, $access, x!(SP)) {
                    Ok(value) => x!($rt) = value,
                    Err(denied) => denied!(denied),
                }
            };
        }
        macro_rules! store {
            ($access:expr, $rt:expr, $address:expr, $sp:expr) => {{
                let (address, value, undefined) = ($address, x!($rt), defined & bit($rt) == 0);
                let hit = &mut self.hits[pc];
                if let Err(denied) = self.memory.store(hit, address, $access, value, undefined, $sp)
                {
                    denied!(denied)
                }
            }};
        }

        macro_rules! load_pair {
            ($access:expr, $rt:expr, $rt2:expr, $address:expr) => {
                match self.memory.load_pair(&mut self.hits[pc], $address, $access, x!(SP)) {
                    Ok([first, second]) => (x!($rt), x!($rt2)) = (first, second),
                    Err(denied) => denied!(denied),
                }
            };
        }
        macro_rules! store_pair {
            ($access:expr, $rt:expr, $rt2:expr, $address:expr, $sp:expr) => {{
                let (address, sp) = ($address, $sp);
                if !self.memory.save_pair(address, $access, [x!($rt), x!($rt2)], sp) {
                    store!($access, $rt, address, sp);
                    store!($access, $rt2, address.wrapping_add($access.bytes()), sp);
                }
            }};
        }

        let outcome = loop {
            let ins = &ops[pc];
            if ins.reads & !defined != 0 {
                stop!(TrapKind::UndefinedRead, undefined_names(ins.reads & !defined));
            }
            let mut op = &ins.op;
            if let Op::Wrapped { kept, head, forced, watched } = *op {
                op = &self.space.kept[kept as usize];
                self.machine.arrivals += head as u64;
                if watched {
                    self.steps.reach(pc, &self.machine.x);
                }
                if forced {
                    let left = *self.force_in;
                    *self.force_in = left.saturating_sub(1);
                    if left == 1 {
                        goto!(taken_target(*op));
                    }
                }
            }
            match *op {
                Op::Constant { rd, value } => x!(rd) = value,
                Op::MoveKeep { rd, w, shift, imm } => {
                    let kept = x!(rd) & !(0xffff << shift);
                    x!(rd) = alu::narrow(w, kept | (imm as u64) << shift);
                }
                Op::Move { rd, rn, w } => x!(rd) = alu::narrow(w, x!(rn)),

                Op::AddImm { rd, rn, w, imm } => {
                    x!(rd) = alu::narrow(w, x!(rn).wrapping_add(imm));
                }
                Op::AddReg { rd, rn, rm, w } => {
                    x!(rd) = alu::narrow(w, x!(rn).wrapping_add(x!(rm)));
                }
                Op::SubReg { rd, rn, rm, w } => {
                    x!(rd) = alu::narrow(w, x!(rn).wrapping_sub(x!(rm)));
                }
                Op::Add { rd, rn, w, op2 } => {
                    let right = alu::operand2(w, op2, x!(op2.rm));
                    x!(rd) = alu::narrow(w, x!(rn).wrapping_add(right));
                }
                Op::Sub { rd, rn, w, op2 } => {
                    let right = alu::operand2(w, op2, x!(op2.rm));
                    x!(rd) = alu::narrow(w, x!(rn).wrapping_sub(right));
                }
                Op::AddsImm { rd, rn, w, imm } => (x!(rd), nzcv) = alu::adds(w, x!(rn), imm),
                Op::SubsImm { rd, rn, w, imm } => {
                    let (difference, flags) = alu::subs(w, x!(rn), imm);
                    x!(rd) = difference;
                    compare!(ins, flags);
                }
                Op::SubsReg { rd, rn, rm, w } => {
                    let (difference, flags) = alu::subs(w, x!(rn), x!(rm));
                    x!(rd) = difference;
                    compare!(ins, flags);
                }
                Op::Adds { rd, rn, w, op2 } => {
                    let right = alu::operand2(w, op2, x!(op2.rm));
                    (x!(rd), nzcv) = alu::adds(w, x!(rn), right);
                }
                Op::Subs { rd, rn, w, op2 } => {
                    let right = alu::operand2(w, op2, x!(op2.rm));
                    (x!(rd), nzcv) = alu::subs(w, x!(rn), right);
                }

                Op::LogicImm { kind, rd, rn, w, imm } => {
                    let value = alu::logic(kind, w, x!(rn), imm);
                    x!(rd) = value;
                    if kind == Logic::Ands {
                        nzcv = alu::logic_flags(w, value);
                    }
                }
                Op::Logic { kind, invert, rd, rn, w, op2 } => {
                    let right = alu::operand2(w, op2, x!(op2.rm));
                    let value = alu::logic(kind, w, x!(rn), if invert { !right } else { right });
                    x!(rd) = value;
                    if kind == Logic::Ands {
                        nzcv = alu::logic_flags(w, value);
                    }
                }
                Op::ShiftImm { kind, rd, rn, w, amount } => {
                    x!(rd) = alu::shift(kind, w, x!(rn), amount as u64);
                }
                Op::ShiftReg { kind, rd, rn, rm, w } => {
                    x!(rd) = alu::shift(kind, w, x!(rn), x!(rm));
                }
                Op::Bitfield { kind, rd, rn, w, immr, imms } => {
                    x!(rd) = alu::bitfield(kind, w, x!(rd), x!(rn), immr, imms);
                }
                Op::Extract { rd, rn, rm, w, lsb } => {
                    x!(rd) = alu::extract(w, x!(rn), x!(rm), lsb);
                }
                Op::Unary { kind, rd, rn, w } => x!(rd) = alu::unary(kind, w, x!(rn)),

                Op::MulAdd { rd, rn, rm, ra, w, subtract } => {
                    x!(rd) = alu::mul_add(w, subtract, x!(rn), x!(rm), x!(ra));
                }
                Op::MulAddLong { rd, rn, rm, ra, signed, subtract } => {
                    x!(rd) = alu::mul_add_long(signed, subtract, x!(rn), x!(rm), x!(ra));
                }
                Op::MulHigh { rd, rn, rm, signed } => {
                    x!(rd) = alu::mul_high(signed, x!(rn), x!(rm));
                }
                Op::Divide { rd, rn, rm, w, signed } => {
                    x!(rd) = alu::divide(w, signed, x!(rn), x!(rm));
                }

                Op::Select { kind, rd, rn, rm, w, cond } => {
                    x!(rd) = alu::select(kind, w, alu::holds(cond, nzcv), x!(rn), x!(rm));
                }
                Op::CompareIf { rn, rm, w, add, cond, nzcv: otherwise } => {
                    nzcv = match (alu::holds(cond, nzcv), add) {
                        (true, true) => alu::adds(w, x!(rn), x!(rm)).1,
                        (true, false) => alu::subs(w, x!(rn), x!(rm)).1,
                        (false, _) => otherwise,
                    };
                }
                Op::CompareImmIf { rn, imm, w, add, cond, nzcv: otherwise } => {
                    nzcv = match (alu::holds(cond, nzcv), add) {
                        (true, true) => alu::adds(w, x!(rn), imm as u64).1,
                        (true, false) => alu::subs(w, x!(rn), imm as u64).1,
                        (false, _) => otherwise,
                    };
                }

                Op::FAdd { rd, rn, rm } => x!(rd) = fpu::add(x!(rn), x!(rm)),
                Op::FSub { rd, rn, rm } => x!(rd) = fpu::sub(x!(rn), x!(rm)),
                Op::FMul { rd, rn, rm } => x!(rd) = fpu::mul(x!(rn), x!(rm)),
                Op::FDiv { rd, rn, rm } => x!(rd) = fpu::div(x!(rn), x!(rm)),
                Op::FBinary { kind, rd, rn, rm } => x!(rd) = fpu::binary(kind, x!(rn), x!(rm)),
                Op::FUnary { kind, rd, rn } => x!(rd) = fpu::unary(kind, x!(rn)),
                Op::FMulAdd { rd, rn, rm, ra, negate_product, negate_addend } => {
                    let sign = |negate: bool, bits| if negate { fpu::negate(bits) } else { bits };
                    let (a, addend) = (sign(negate_product, x!(rn)), sign(negate_addend, x!(ra)));
                    x!(rd) = fpu::mul_add(a, x!(rm), addend);
                }
                Op::FCompare { rn, rm } => compare!(ins, fpu::compare(x!(rn), x!(rm))),
                Op::FCompareIf { rn, rm, cond, nzcv: otherwise } => {
                    nzcv = if alu::holds(cond, nzcv) {
                        fpu::compare(x!(rn), x!(rm))
                    } else {
                        otherwise
                    };
                }
                Op::FSelect { rd, rn, rm, cond } => {
                    x!(rd) = if alu::holds(cond, nzcv) { x!(rn) } else { x!(rm) };
                }
                Op::IntToFloat { rd, rn, w, signed } => {
                    x!(rd) = fpu::from_int(w, signed, x!(rn));
                }
                Op::FloatToInt { rd, rn, w, signed, rounding } => {
                    x!(rd) = fpu::to_int(w, signed, rounding, x!(rn));
                }

                Op::Load { access, rt, rn, offset } => {
                    load!(access, rt, base!(rn).wrapping_add_signed(offset as i64));
                }
                Op::LoadIndexed { access, rt, rn, rm, extend, shift } => {
                    let index = alu::extend(extend, x!(rm)) << shift;
                    load!(access, rt, base!(rn).wrapping_add(index));
                }
                Op::LoadWriteback { access, rt, rn, index, offset } => {
                    let (address, updated) = indexed(index, base!(rn), offset);
                    load!(access, rt, address);
                    x!(rn) = updated;
                }
                Op::LoadLiteral { access, rt, address } => load!(access, rt, address),
                Op::LoadPair { access, rt, rt2, rn, index, offset } => {
                    let (address, updated) = indexed(index, base!(rn), offset);
                    load_pair!(access, rt, rt2, address);
                    if index != Index::Offset {
                        x!(rn) = updated;
                    }
                }
                Op::Load64 { rt, rn, offset } => {
                    load!(Access::U64, rt, base!(rn).wrapping_add_signed(offset as i64));
                }
                Op::LoadPair64 { rt, rt2, rn, offset } => {
                    let address = base!(rn).wrapping_add_signed(offset as i64);
                    load_pair!(Access::U64, rt, rt2, address);
                }
                Op::LoadRun { rt, rn, count, down, offset } => {
                    let base = base!(rn);
                    let (first, low) = lowest(rt, base, count, down, offset);
                    let cells = &mut self.machine.x[first..first + 2 * count as usize];
                    if !self.memory.restore_run(low, cells, base) {
                        // One at a time, so that the offender is named.
                        let address = base.wrapping_add_signed(offset as i64);
                        load_pair!(Access::U64, rt, rt + 1, address);
                        defined |= bit(rt) | bit(rt + 1);
                        pc += 1;
                        continue;
                    }
                    pc += count as usize - 1;
                }
                Op::StoreRun { rt, rn, count, down, offset } => {
                    let base = base!(rn);
                    let (first, low) = lowest(rt, base, count, down, offset);
                    let cells = &self.machine.x[first..first + 2 * count as usize];
                    if self.memory.save_run(low, cells, x!(SP)) {
                        pc += count as usize - 1;
                    } else {
                        let address = base.wrapping_add_signed(offset as i64);
                        store_pair!(Access::U64, rt, rt + 1, address, x!(SP));
                    }
                }
                Op::Store { access, rt, rn, offset } => {
                    store!(access, rt, base!(rn).wrapping_add_signed(offset as i64), x!(SP));
                }
                Op::StoreIndexed { access, rt, rn, rm, extend, shift } => {
                    let index = alu::extend(extend, x!(rm)) << shift;
                    store!(access, rt, base!(rn).wrapping_add(index), x!(SP));
                }
                Op::StoreWriteback { access, rt, rn, index, offset } => {
                    let (address, updated) = indexed(index, base!(rn), offset);
                    store!(access, rt, address, if rn == SP { updated } else { x!(SP) });
                    x!(rn) = updated;
                }
                Op::StorePair { access, rt, rt2, rn, index, offset } => {
                    let (address, updated) = indexed(index, base!(rn), offset);
                    let sp = if rn == SP { updated.min(x!(SP)) } else { x!(SP) };
                    store_pair!(access, rt, rt2, address, sp);
                    x!(rn) = updated;
                }
                Op::Store64 { rt, rn, offset } => {
                    let address = base!(rn).wrapping_add_signed(offset as i64);
                    store!(Access::U64, rt, address, x!(SP));
                }
                Op::StorePair64 { rt, rt2, rn, offset } => {
                    let address = base!(rn).wrapping_add_signed(offset as i64);
                    store_pair!(Access::U64, rt, rt2, address, x!(SP));
                }

                Op::Nop => {}
                Op::Branch { target } => goto!(target),
                Op::BranchLink { target } => {
                    x!(LINK) = address_of(pc + 1);
                    defined |= bit(LINK);
                    goto!(target);
                }
                Op::BranchIf { cond, target } => {
                    if alu::holds(cond, nzcv) {
                        goto!(target);
                    }
                }
                Op::BranchZero { rt, w, nonzero, target } => {
                    if (alu::narrow(w, x!(rt)) != 0) == nonzero {
                        goto!(target);
                    }
                }
                Op::BranchBit { rt, bit, set, target } => {
                    if (x!(rt) >> (bit & 63) & 1 != 0) == set {
                        goto!(target);
                    }
                }
                Op::BranchReg { rn } => {
                    let address = x!(rn);
                    if address == RETURN {
                        end_line!();
                        break Ok(());
                    }
                    match self.space.index_of(address) {
                        Some(target) => goto!(target),
                        None => stop!(TrapKind::OutsideCode, format!("branch to {address:#x}")),
                    }
                }
                Op::CallReg { rn } => {
                    let before = executed + (pc - line_start) as u64;
                    if let Err(message) = self.pause(pc, nzcv, before) {
                        stop!(TrapKind::Referee, message);
                    }
                    match self.call_helper(x!(rn), pc, defined) {
                        Ok(after) => defined = after,
                        Err(denied) => denied!(denied),
                    }
                    self.resume(pc + 1, nzcv, before + 1);
                }

                Op::Fault(fault) => {
                    let (kind, message) = describe(fault);
                    stop!(kind, message.into())
                }
                Op::Wrapped { .. } => unreachable!("a wrapper keeps a plain op"),
            }
            defined |= ins.writes;
            pc += 1;
        };

        if outcome.is_err() {
            end_line!();
        }
        let outcome = match self.memory.unsound() {
            Some(cell) if outcome.is_ok() => {
                let (at, kind) = (start, TrapKind::UnsoundValue);
                Err(Stop { at, kind, message: no_value_at(cell) })
            }
            _ => outcome,
        };
        self.machine.executed = executed;
        self.machine.defined = defined;
        self.machine.nzcv = nzcv;
        outcome
    }

    /// Shows the state before a call to who watches the run.
    #[inline(never)]
    fn pause(&mut self, at: usize, nzcv: u8, executed: u64) -> Result<(), String> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        watch.pauses(&Seen::of(self.machine, address_of(at), nzcv, executed))
    }

    /// Shows the state after a call.
    #[inline(never)]
    fn resume(&mut self, at: usize, nzcv: u8, executed: u64) {
        if let Some(watch) = &mut self.watch {
            watch.resumes(&Seen::of(self.machine, address_of(at), nzcv, executed));
        }
    }

    /// Calls a helper, then destroys what it may destroy. Returns the registers defined afterwards.
    fn call_helper(&mut self, address: u64, pc: usize, defined: u64) -> Result<u64, Box<Denied>> {
        let deny = |kind, message| Err(Box::new(Denied { kind, message }));
        let Some(function) = self.helpers.get(address) else {
            return deny(TrapKind::UnknownHelper, format!("call of {address:#x}"));
        };
        let (integers, floats) = (function.integer_arguments(), function.float_arguments());
        let arguments = ((1u64 << integers) - 1) | (((1u64 << floats) - 1) << FPR);
        if arguments & !defined != 0 {
            let name = self.helpers.name(address).unwrap_or("?");
            let registers = undefined_names(arguments & !defined);
            return deny(TrapKind::UndefinedRead, format!("argument of {name}: {registers}"));
        }
        let sp = self.machine.get(SP);
        if !sp.is_multiple_of(16) {
            return deny(TrapKind::MisalignedStack, format!("sp is {sp:#x} at a call"));
        }
        let x: [u64; 6] = std::array::from_fn(|i| self.machine.get(i as Reg));
        let d = std::array::from_fn(|i| self.machine.get(FPR + i as Reg));
        let integers = &x[..function.integer_arguments()];
        if let Some(at) = self.helpers.refused(address, integers, |k, v| self.memory.accepts(k, v))
        {
            let name = self.helpers.name(address).unwrap_or("?");
            let message = format!("argument {at} of {name} is {:#x}", x[at]);
            return deny(TrapKind::BadArgument, message);
        }
        if let Some(cell) = self.memory.unsound() {
            return deny(TrapKind::UnsoundValue, no_value_at(cell));
        }
        let result = self.memory.call(function, x, d);
        for (first, end) in CALLER_SAVED_RUNS {
            self.machine.x[first..end].copy_from_slice(&CLOBBERED[first..end]);
        }
        // A real `blr` leaves the return address in x30; nobody may rely on it after the call.
        self.machine.x[LINK as usize] = address_of(pc + 1);
        let result_register = if floats > 0 { FPR } else { 0 };
        self.machine.x[result_register as usize] = result;
        Ok(defined & !CALLER_SAVED | bit(result_register))
    }
}

fn no_value_at(cell: u64) -> String {
    format!("no value any more at {cell:#x}, which was stored to")
}

/// Cells from one up to another: x0-x17, v0-v7 and v16-v31; of v8-v15 the low halves survive.
const CALLER_SAVED_RUNS: [(usize, usize); 3] = [(0, 18), (32, 40), (48, 64)];

/// What a helper leaves in the registers it may destroy.
const CLOBBERED: [u64; 64] = {
    let mut cells = [0; 64];
    let mut cell = 0;
    while cell < 64 {
        cells[cell] = 0xc10b_be4e_d000_0000 | cell as u64;
        cell += 1;
    }
    cells
};

/// Those cells, x30 and the flags.
const CALLER_SAVED: u64 = {
    let (mut saved, mut run) = (1 << LINK | FLAGS, 0);
    while run < CALLER_SAVED_RUNS.len() {
        let (mut cell, end) = CALLER_SAVED_RUNS[run];
        while cell < end {
            saved |= 1 << cell;
            cell += 1;
        }
        run += 1;
    }
    saved
};

/// The first cell and the lowest address of a run.
#[inline(always)]
fn lowest(rt: Reg, base: u64, count: u8, down: bool, offset: i32) -> (usize, u64) {
    let address = base.wrapping_add_signed(offset as i64);
    let others = count as usize - 1;
    match down {
        true => (rt as usize - 2 * others, address.wrapping_sub(16 * others as u64)),
        false => (rt as usize, address),
    }
}

fn indexed(index: Index, base: u64, offset: i32) -> (u64, u64) {
    let moved = base.wrapping_add_signed(offset as i64);
    match index {
        Index::Offset => (moved, base),
        Index::Pre => (moved, moved),
        Index::Post => (base, moved),
    }
}

/// Where a guard's branch goes. `Space::force` admits only conditional branches.
fn taken_target(op: Op) -> Target {
    op.conditional_target().expect("only conditional branches are forced")
}

fn describe(fault: Fault) -> (TrapKind, &'static str) {
    match fault {
        Fault::Unknown => (TrapKind::UnknownInstruction, "the simulator does not know this word"),
        Fault::Stale => (TrapKind::StaleInstruction, "changed since the last cache flush"),
        Fault::Outside => (TrapKind::OutsideCode, "control left the code"),
        Fault::Platform => (TrapKind::PlatformRegister, "x18 must not be touched"),
    }
}

#[cold]
fn undefined_names(mask: u64) -> String {
    let name = |i: u32| match i {
        31 => "the flags".to_string(),
        0..31 => format!("x{i}"),
        _ => format!("d{}", i - FPR as u32),
    };
    let names: Vec<String> = (0..64).filter(|i| mask >> i & 1 == 1).map(name).collect();
    format!("{} was never written", names.join(", "))
}
