//! Lowering: IR -> machine-level IR over virtual registers.
//!
//! In:  a verified trace.   Out: [`MachTrace`]. Every choice of instruction is made here: immediates,
//! addressing, fused compare and leave, sequences for operations that ARM64 lacks, helper calls.
//!
//! - Constants need a register only where no immediate serves. Each is then set once, in the
//!   pre-roll, and lives across the loop as an ordinary value; the allocator may spill it, which
//!   makes it a literal load. Constants that only snapshots name need none at all.
//! - A guard lists the values of its snapshot as operands that may be anywhere, so an exit finds
//!   them in registers or spill slots, and keeping them alive is the allocator's business.
//! - Values that enter a trace are loaded one by one, each before its type guard's next use: defined
//!   by one instruction, they would all need a register at once.
//!
//! Limits: element addresses are shared within a trace, nothing else is; common subexpressions are
//! the optimiser's.

mod arith;
mod memory;

use rustc_hash::FxHashMap;

use super::mach::{Block, Class, Exit, ExitId, Held, Inst, Line, MachTrace, OrZero, Virtual};
use crate::heap::value::Tag;
use crate::ir::op::{Op, Ty};
use crate::ir::trace::{SnapshotId, Trace, ValueId};

/// Lowers a trace that the verifier accepts.
///
/// # Panics
/// When an operand has no value, which the verifier excludes.
pub fn lower(trace: &Trace) -> MachTrace {
    lower_forcing(trace, None)
}

/// As [`lower`], but keeps guard `forced` apart from other instructions, so that its exit may be taken
/// while it holds.
pub fn lower_forcing(trace: &Trace, forced: Option<ValueId>) -> MachTrace {
    let mut lower = Lower::new(trace);
    for (id, inst) in trace.iter() {
        if lower.places.len() > id.0 as usize {
            continue;
        }
        lower.origin = Some(id);
        if forced != Some(id)
            && let Some(next) = lower.count_down(id, inst)
        {
            lower.places.extend([Place::None, Place::Reg(next)]);
            continue;
        }
        let place = lower.op(id, inst);
        lower.places.push(place);
    }
    lower.origin = None;
    lower.finish()
}

/// Register class of a value of this type; none if the type is the whole value.
pub fn class_of(ty: Ty) -> Option<Class> {
    match ty {
        Ty::Void | Ty::Nil | Ty::False | Ty::True => None,
        Ty::Float => Some(Class::Float),
        Ty::Int | Ty::Str | Ty::Table | Ty::Closure | Ty::Native | Ty::Ptr => Some(Class::Int),
    }
}

/// The tag byte of a Lua value of this type.
pub fn tag_of(ty: Ty) -> Tag {
    match ty {
        Ty::Nil => Tag::Nil,
        Ty::False => Tag::False,
        Ty::True => Tag::True,
        Ty::Int => Tag::Int,
        Ty::Float => Tag::Float,
        Ty::Str => Tag::Str,
        Ty::Table => Tag::Table,
        Ty::Closure => Tag::Closure,
        Ty::Native => Tag::Native,
        Ty::Void | Ty::Ptr => panic!("{ty} never reaches a Lua slot"),
    }
}

/// Where an IR value is.
#[derive(Clone, Copy)]
enum Place {
    /// The op yields nothing, or nobody reads it.
    None,
    /// These 64 bits.
    Const(u64),
    Reg(Virtual),
}

struct Lower<'t> {
    trace: &'t Trace,
    /// By value, as far as lowered.
    places: Vec<Place>,
    /// By value: named by an operand or a snapshot.
    used: Vec<bool>,
    entry: Vec<Line>,
    body: Vec<Line>,
    in_loop: bool,
    params: Vec<Virtual>,
    /// The value that each parameter has after an iteration.
    next_values: Vec<ValueId>,
    entry_args: Vec<Virtual>,
    /// Constants already in a register, by class and bits.
    constants: FxHashMap<(Class, u64), Virtual>,
    /// Addresses of array elements, by array and index register.
    elements: FxHashMap<(Virtual, Virtual), Virtual>,
    num_virtuals: u32,
    num_exits: u32,
    origin: Option<ValueId>,
}

impl<'t> Lower<'t> {
    fn new(trace: &'t Trace) -> Lower<'t> {
        Lower {
            trace,
            places: Vec::with_capacity(trace.insts.len()),
            used: used_values(trace),
            entry: Vec::new(),
            body: Vec::new(),
            in_loop: false,
            params: Vec::new(),
            next_values: Vec::new(),
            entry_args: Vec::new(),
            constants: FxHashMap::default(),
            elements: FxHashMap::default(),
            num_virtuals: 0,
            num_exits: 0,
            origin: None,
        }
    }

    fn op(&mut self, id: ValueId, inst: &crate::ir::trace::Inst) -> Place {
        match inst.op {
            Op::KInt | Op::KFloat | Op::KObject | Op::KPtr => Place::Const(inst.imm as u64),
            Op::KPrimitive => Place::Const(0),
            Op::Loop => {
                self.in_loop = true;
                Place::None
            }
            Op::Phi => self.phi(inst),
            Op::SlotLoad
            | Op::RootClosure
            | Op::TableArray
            | Op::TableLimit
            | Op::TableArraySize
            | Op::HashFindInt
            | Op::TableMeta
            | Op::ArrayLoad
            | Op::ArrayStore
            | Op::HashSlot
            | Op::HashFind
            | Op::HashLoad
            | Op::HashStore
            | Op::TableClearFlags
            | Op::TableSetInt
            | Op::TableSetStr
            | Op::TableLen
            | Op::StrLen
            | Op::ClosureProto
            | Op::UpvalueRef
            | Op::GuardUpvalueClosed
            | Op::GuardUpvalueOutside
            | Op::GuardUpvalueSlot
            | Op::UpvalueLoad
            | Op::UpvalueStore => self.memory_op(id, inst),
            _ => self.arith_op(inst),
        }
    }

    fn phi(&mut self, inst: &crate::ir::trace::Inst) -> Place {
        let Some(class) = class_of(inst.ty) else { return Place::Const(0) };
        let init = self.reg(inst.args.get(0));
        let param = self.fresh(class);
        self.entry_args.push(init);
        self.params.push(param);
        self.next_values.push(inst.args.get(1));
        Place::Reg(param)
    }

    /// `guard.ine n, 0` followed by `sub n, 1`, the end of a counted loop, is one instruction. Gives
    /// the difference.
    fn count_down(&mut self, id: ValueId, guard: &crate::ir::trace::Inst) -> Option<Virtual> {
        let sub = self.trace.insts.get(id.0 as usize + 1)?;
        if guard.op != Op::GuardINe || sub.op != Op::Sub {
            return None;
        }
        let (count, one) = (guard.args.get(0), sub.args.get(1));
        let is_one = one.0 < id.0 && self.constant(one) == Some(1);
        let fits = self.constant(guard.args.get(1)) == Some(0) && sub.args.get(0) == count;
        if !is_one || !fits || self.constant(count).is_some() {
            return None;
        }
        let rn = self.reg(count);
        let mut exit = self.exit(guard.snapshot?);
        for (value, held) in &mut exit.values {
            if *value == count {
                *held = Held::Const(0);
            }
        }
        Some(self.define(Class::Int, |rd| Inst::CountDown { rd, rn, exit }))
    }

    fn finish(mut self) -> MachTrace {
        if !self.in_loop {
            let exit = self.exit(self.trace.end);
            self.push(Inst::Leave { exit });
            let entry = Block { lines: self.entry, ..Block::default() };
            let (num_virtuals, num_exits) = (self.num_virtuals, self.num_exits);
            return MachTrace { entry, body: None, num_virtuals, num_exits };
        }
        let next_values = std::mem::take(&mut self.next_values);
        let jump_args = next_values.into_iter().map(|value| self.reg(value)).collect();
        self.entry.push(Line { inst: Inst::Jump, origin: None });
        let entry = Block { params: Vec::new(), lines: self.entry, jump_args: self.entry_args };
        let mut body = Block { params: self.params, lines: self.body, jump_args };
        sink_count_down(&mut body);
        body.lines.push(Line { inst: Inst::Jump, origin: None });
        let (num_virtuals, num_exits) = (self.num_virtuals, self.num_exits);
        MachTrace { entry, body: Some(body), num_virtuals, num_exits }
    }

    fn fresh(&mut self, class: Class) -> Virtual {
        let index = self.num_virtuals;
        self.num_virtuals += 1;
        Virtual { index, class }
    }

    fn push(&mut self, inst: Inst<Virtual>) {
        let line = Line { inst, origin: self.origin };
        if self.in_loop { self.body.push(line) } else { self.entry.push(line) }
    }

    /// Defines a fresh register by the instruction that `inst` makes of it.
    fn define(&mut self, class: Class, inst: impl FnOnce(Virtual) -> Inst<Virtual>) -> Virtual {
        let rd = self.fresh(class);
        self.push(inst(rd));
        rd
    }

    fn define_int(&mut self, inst: impl FnOnce(Virtual) -> Inst<Virtual>) -> Virtual {
        self.define(Class::Int, inst)
    }

    fn define_float(&mut self, inst: impl FnOnce(Virtual) -> Inst<Virtual>) -> Virtual {
        self.define(Class::Float, inst)
    }

    /// The bits of a value that is known now.
    fn constant(&self, value: ValueId) -> Option<u64> {
        match self.places[value.0 as usize] {
            Place::Const(bits) => Some(bits),
            _ => None,
        }
    }

    /// The register that holds a value.
    fn reg(&mut self, value: ValueId) -> Virtual {
        match self.places[value.0 as usize] {
            Place::Reg(r) => r,
            Place::Const(bits) => {
                let class = class_of(self.trace.ty(value)).unwrap_or(Class::Int);
                let user = self.origin.replace(value);
                let r = self.constant_reg(class, bits);
                self.origin = user;
                r
            }
            Place::None => panic!("v{} is read and has no value", value.0),
        }
    }

    /// A register with these bits, set in the pre-roll.
    fn constant_reg(&mut self, class: Class, bits: u64) -> Virtual {
        if let Some(&r) = self.constants.get(&(class, bits)) {
            return r;
        }
        let rd = self.fresh(class);
        self.constants.insert((class, bits), rd);
        let inst = match class {
            Class::Int => Inst::IntConst { rd, value: bits },
            Class::Float if is_short_float(bits) => Inst::FloatConst { rd, bits },
            Class::Float => {
                let rn = self.constant_reg(Class::Int, bits);
                Inst::IntToFloatBits { rd, rn }
            }
        };
        self.entry.push(Line { inst, origin: self.origin });
        rd
    }

    fn reg_or_zero(&mut self, value: ValueId) -> OrZero<Virtual> {
        match self.constant(value) {
            Some(bits) => self.constant_or_zero(bits),
            None => OrZero::Reg(self.reg(value)),
        }
    }

    fn constant_or_zero(&mut self, bits: u64) -> OrZero<Virtual> {
        match bits {
            0 => OrZero::Zero,
            _ => OrZero::Reg(self.constant_reg(Class::Int, bits)),
        }
    }

    /// A new exit through a snapshot, with its values where they are now.
    fn exit(&mut self, snapshot: SnapshotId) -> Exit<Virtual> {
        let id = ExitId(self.num_exits);
        self.num_exits += 1;
        let held = |value: ValueId| match self.places[value.0 as usize] {
            Place::Const(bits) => (value, Held::Const(bits)),
            Place::Reg(r) => (value, Held::At(r)),
            Place::None => panic!("v{} is in a snapshot and has no value", value.0),
        };
        // Distinct and ascending.
        let mut values: Vec<_> = self.trace.snapshot(snapshot).values().map(held).collect();
        values.sort_unstable_by_key(|&(value, _)| value);
        values.dedup_by_key(|&mut (value, _)| value);
        Exit { id, snapshot, values }
    }
}

/// Moves the loop's count to its end, where it can be one with the back branch. Only arithmetic may
/// stand in between, and no exit value may be a phi that this arithmetic updates: keeping the old
/// and the new value apart would cost the move that the branch saves.
fn sink_count_down(body: &mut Block) {
    let is_count = |line: &Line| matches!(line.inst, Inst::CountDown { .. });
    let Some(at) = body.lines.iter().rposition(is_count) else { return };
    let Inst::CountDown { rd: count, exit, .. } = &body.lines[at].inst else { return };
    let passed = &body.lines[at + 1..];
    let mentions = |line: &Line, r: Virtual| {
        let mut mentioned = false;
        line.inst.visit(&mut |v, _| mentioned |= v == r);
        mentioned
    };
    let is_updated = |r: Virtual| {
        let updates = body.params.iter().zip(&body.jump_args);
        updates
            .filter(|(param, _)| **param == r)
            .any(|(_, next)| passed.iter().any(|line| mentions(line, *next)))
    };
    let keeps = exit.values.iter().any(|(_, held)| match held {
        Held::At(r) => is_updated(*r),
        Held::Const(_) => false,
    });
    if !keeps && passed.iter().all(|line| line.inst.is_arithmetic() && !mentions(line, *count)) {
        body.lines[at..].rotate_left(1);
    }
}

fn used_values(trace: &Trace) -> Vec<bool> {
    let mut used = vec![false; trace.insts.len()];
    let mut snapshots = vec![trace.end];
    for inst in &trace.insts {
        for arg in inst.args.iter() {
            used[arg.0 as usize] = true;
        }
        snapshots.extend(inst.snapshot);
    }
    snapshots.sort_unstable();
    snapshots.dedup();
    for snapshot in snapshots {
        for value in trace.snapshot(snapshot).values() {
            used[value.0 as usize] = true;
        }
    }
    used
}

/// `fmov` has an immediate for it, or it is +0.0.
fn is_short_float(bits: u64) -> bool {
    let float = f64::from_bits(bits);
    let single = float as f32;
    let is_exact = f64::from(single).to_bits() == bits;
    bits == 0 || is_exact && dynasmrt::aarch64::encode_floating_point_immediate(single).is_some()
}
