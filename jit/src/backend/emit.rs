//! Emission: allocated instructions -> words and exit map.
//!
//! In:  [`Allocated`], and its trace for annotations.   Out: [`CompiledTrace`].
//!
//! Mechanical: one arm an instruction, no analysis, no choice but between encodings of one access.
//! Words come from `dynasm-rs`. Layout, hot code forward:
//!
//! ```text
//! prologue        save callee-saved registers; ctx -> x20, base -> x19; perhaps fuel -> x29
//! pre-roll
//! loop:           ... b loop
//! resume:         prologue; ctx.gpr, ctx.fpr -> registers; b behind the count at the loop head
//! stub n:         movz w16, #n; b common
//! common:         registers -> ctx.gpr, ctx.fpr; x16 -> ctx.exit_id; restore; ret
//! ```
//!
//! `resume` is there where the code counts arrivals: code that had none left goes on with it.
//!
//! Invariants:
//! - x16 is written only inside one instruction's words and by stubs; x18 is never named.
//! - A guard is one conditional branch to its stub. Its reach, 1 MiB, is checked when labels resolve.
//! - SP moves in prologue and epilogue only; spill slots are in the context.

// `dynasm!` converts every register number, also one that is a `u8` already.
#![allow(clippy::useless_conversion)]

use dynasmrt::aarch64::Aarch64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};

use super::BackendConfig;
use super::alloc::{Allocated, Step};
use super::mach::{
    Address, Argument, Base, Cond, Exit, FloatOp, FloatOp1, Held, ImmOp, Inst, IntOp, IntOp1, Loc,
    OrZero, ShiftedOp, Test, Width,
};
use super::{BackendError, CompiledTrace, ExitRecord, Location, Stats};
use crate::exec::code::{Annotation, Category, CodeBlob, GuardBranch, StepMark};
use crate::exec::context::{OUT_OF_FUEL, TraceContext};
use crate::exec::runtime::Helper;
use crate::ir::trace::{Trace, ValueId};

const FRAME: u8 = 19;
const CONTEXT: u8 = 20;
const ZERO: u8 = 31;
/// Loop arrivals left, where the code counts them. Not allocatable, saved with x30.
const ARRIVALS: u8 = 29;
/// The first of each pair of registers that the allocator gives out.
const RESTORED_PAIRS: [usize; 12] = [0, 2, 4, 6, 8, 10, 12, 14, 21, 23, 25, 27];
/// ... and of those that an exit saves.
const SAVED_PAIRS: [usize; 15] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 19, 21, 23, 25, 27, 29];

/// The first of each pair of integer registers, and the pair's place in the trace context.
fn gpr_pairs(firsts: &[usize]) -> impl Iterator<Item = (u8, i32)> {
    firsts.iter().map(|&first| (first as u8, TraceContext::gpr_offset(first) as i32))
}

/// All float registers in pairs, likewise.
fn fpr_pairs() -> impl Iterator<Item = (u8, i32)> {
    (0..32).step_by(2).map(|first| (first as u8, TraceContext::fpr_offset(first) as i32))
}

macro_rules! a64 {
    ($emitter:expr; $($code:tt)*) => { dynasm!($emitter.ops; .arch aarch64; $($code)*) };
}

/// Calls `$emit!(code, args)` with the condition's assembler name.
macro_rules! by_condition {
    ($cond:expr, $emit:ident!($($arg:tt)*)) => {
        match $cond {
            Cond::Eq => $emit!(eq, $($arg)*),
            Cond::Ne => $emit!(ne, $($arg)*),
            Cond::Hs => $emit!(hs, $($arg)*),
            Cond::Lo => $emit!(lo, $($arg)*),
            Cond::Mi => $emit!(mi, $($arg)*),
            Cond::Pl => $emit!(pl, $($arg)*),
            Cond::Vs => $emit!(vs, $($arg)*),
            Cond::Vc => $emit!(vc, $($arg)*),
            Cond::Hi => $emit!(hi, $($arg)*),
            Cond::Ls => $emit!(ls, $($arg)*),
            Cond::Ge => $emit!(ge, $($arg)*),
            Cond::Lt => $emit!(lt, $($arg)*),
            Cond::Gt => $emit!(gt, $($arg)*),
            Cond::Le => $emit!(le, $($arg)*),
        }
    };
}
macro_rules! branch {
    ($cc:ident, $emitter:expr, $label:expr) => { a64!($emitter; b.$cc =>$label) };
}
macro_rules! select {
    ($cc:ident, $emitter:expr, $rd:expr, $yes:expr, $no:expr) => {
        a64!($emitter; csel X($rd), X($yes), X($no), $cc)
    };
}
macro_rules! float_select {
    ($cc:ident, $emitter:expr, $rd:expr, $yes:expr, $no:expr) => {
        a64!($emitter; fcsel D($rd), D($yes), D($no), $cc)
    };
}

/// Emits a trace's code. Of the knobs it knows those for executors that cannot count.
pub fn emit(
    trace: &Trace,
    allocated: &Allocated,
    config: &BackendConfig,
) -> Result<CompiledTrace, BackendError> {
    if allocated.num_exits > u32::from(u16::MAX) {
        return Err(BackendError::TooLong { words: 2 * allocated.num_exits as usize });
    }
    let count_arrivals = config.count_arrivals;
    let mut emitter = Emitter::new(trace, allocated);
    emitter.forced = config.forced.filter(|_| config.count_forced);
    emitter.annotate(Annotation::Text("entry"));
    emitter.prologue(count_arrivals);
    emitter.steps(&allocated.entry);
    if let Some(body) = &allocated.body {
        emitter.define_loop();
        emitter.arrive(count_arrivals);
        emitter.steps(body);
    }
    let hot_words = emitter.word();
    if count_arrivals && allocated.body.is_some() {
        emitter.annotate(Annotation::Text("resume"));
        emitter.resume();
    }
    emitter.annotate(Annotation::Text("exits"));
    emitter.exits(count_arrivals);
    emitter.finish(allocated, hot_words)
}

/// The words of one instruction, for tests of encodings. Branches go to the next word.
pub fn encode(inst: &Inst<Loc>, trace: &Trace) -> Vec<u32> {
    let step = Step::Inst { inst: inst.clone(), origin: None };
    encode_apart(&step, trace, &[], &[])
}

/// The words of one step, followed by `fall`, the loop head, `looped`, and the exit that guards branch
/// to: a test sees by what ran which way control went.
pub fn encode_apart(step: &Step, trace: &Trace, fall: &[u32], looped: &[u32]) -> Vec<u32> {
    let steps = vec![step.clone()];
    let allocated = Allocated { entry: steps, body: None, spill_slots: 0, num_exits: 1 };
    let mut emitter = Emitter::new(trace, &allocated);
    // A jump is a branch once the head is known; where it is, the label says.
    emitter.blob.loop_head = Some(0);
    emitter.steps(&allocated.entry);
    fall.iter().for_each(|&word| emitter.ops.push_u32(word));
    emitter.define_loop();
    looped.iter().for_each(|&word| emitter.ops.push_u32(word));
    let stub = emitter.stubs[0];
    a64!(emitter; =>stub);
    words(emitter.ops).expect("a branch over a few words is in reach")
}

struct Emitter<'t> {
    trace: &'t Trace,
    ops: VecAssembler<Aarch64Relocation>,
    blob: CodeBlob,
    records: Vec<ExitRecord>,
    /// By exit.
    stubs: Vec<DynamicLabel>,
    loop_head: DynamicLabel,
    /// Where counted code goes when it has no arrivals left, and where it goes on when it gets more.
    out_of_fuel: DynamicLabel,
    arrived: DynamicLabel,
    origin: Option<ValueId>,
    /// The guard before which the code counts down to a forced exit.
    forced: Option<ValueId>,
}

impl<'t> Emitter<'t> {
    fn new(trace: &'t Trace, allocated: &Allocated) -> Emitter<'t> {
        let mut ops = VecAssembler::new(0);
        let num_exits = allocated.num_exits as usize;
        let stubs = (0..num_exits).map(|_| ops.new_dynamic_label()).collect();
        let loop_head = ops.new_dynamic_label();
        let out_of_fuel = ops.new_dynamic_label();
        let arrived = ops.new_dynamic_label();
        let unused = ExitRecord { snapshot: trace.end, guard: None, values: Vec::new() };
        let blob = CodeBlob { spill_slots: allocated.spill_slots, ..CodeBlob::default() };
        let records = vec![unused; num_exits];
        let (origin, forced) = (None, None);
        Emitter {
            trace,
            ops,
            blob,
            records,
            stubs,
            loop_head,
            out_of_fuel,
            arrived,
            origin,
            forced,
        }
    }

    /// Index of the next word.
    fn word(&self) -> usize {
        self.ops.offset().0 / 4
    }

    /// The words since the last call belong to this category.
    fn category(&mut self, category: Category) {
        self.blob.categories.resize(self.word(), category);
    }

    fn annotate(&mut self, annotation: Annotation) {
        let word = self.word();
        self.blob.annotations.push((word, annotation));
    }

    fn define_loop(&mut self) {
        let label = self.loop_head;
        a64!(self; =>label);
        self.blob.loop_head = Some(self.word());
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            let written = match step {
                Step::Move { to, .. } => Some(*to),
                Step::Inst { inst, .. } => inst.written(),
            };
            self.blob.steps.push(StepMark { word: self.word() as u32, written });
            match step {
                Step::Move { from, to } => self.copy(*from, *to),
                Step::Inst { inst, origin } => {
                    if let Some(id) = origin.filter(|_| *origin != self.origin) {
                        let inst = self.trace.inst(id).clone();
                        self.annotate(Annotation::Operation(id.0 as usize, inst));
                    }
                    self.origin = *origin;
                    self.inst(inst);
                    self.category(category_of(inst));
                }
            }
        }
    }

    fn arrive(&mut self, count: bool) {
        if count {
            let (out, arrived) = (self.out_of_fuel, self.arrived);
            a64!(self; subs X(ARRIVALS), XSP(ARRIVALS), #1; b.lo =>out; =>arrived);
            self.category(Category::Other);
        }
    }

    fn prologue(&mut self, count_arrivals: bool) {
        a64!(self
            ; stp x29, x30, [sp, #-160]!
            ; stp x19, x20, [sp, #16]
            ; stp x21, x22, [sp, #32]
            ; stp x23, x24, [sp, #48]
            ; stp x25, x26, [sp, #64]
            ; stp x27, x28, [sp, #80]
            ; stp d8, d9, [sp, #96]
            ; stp d10, d11, [sp, #112]
            ; stp d12, d13, [sp, #128]
            ; stp d14, d15, [sp, #144]
            ; mov X(CONTEXT), x0
            ; mov X(FRAME), x1
        );
        if count_arrivals {
            a64!(self; ldr X(ARRIVALS), [X(CONTEXT), TraceContext::ARRIVALS_LEFT as u32]);
        }
        self.category(Category::Other);
    }

    fn epilogue(&mut self) {
        a64!(self
            ; ldp d14, d15, [sp, #144]
            ; ldp d12, d13, [sp, #128]
            ; ldp d10, d11, [sp, #112]
            ; ldp d8, d9, [sp, #96]
            ; ldp x27, x28, [sp, #80]
            ; ldp x25, x26, [sp, #64]
            ; ldp x23, x24, [sp, #48]
            ; ldp x21, x22, [sp, #32]
            ; ldp x19, x20, [sp, #16]
            ; ldp x29, x30, [sp], #160
            ; ret
        );
    }

    /// The entry of a run that goes on where it had no arrivals left.
    fn resume(&mut self) {
        self.blob.resume = Some(self.word());
        self.prologue(true);
        for (first, offset) in gpr_pairs(&RESTORED_PAIRS) {
            a64!(self; ldp X(first), X(first + 1), [X(CONTEXT), offset]);
        }
        for (first, offset) in fpr_pairs() {
            a64!(self; ldp D(first), D(first + 1), [X(CONTEXT), offset]);
        }
        let arrived = self.arrived;
        a64!(self; b =>arrived);
        self.category(Category::Other);
    }

    /// Stubs and the common tail. x16 and x17 are stored with the rest; nobody reads them.
    fn exits(&mut self, count_arrivals: bool) {
        let common = self.ops.new_dynamic_label();
        for (number, stub) in self.stubs.clone().into_iter().enumerate() {
            a64!(self; =>stub; movz w16, number as u32; b =>common);
        }
        if count_arrivals {
            let out = self.out_of_fuel;
            a64!(self; =>out; movz w16, u32::from(OUT_OF_FUEL));
        }
        a64!(self; =>common);
        for (first, offset) in gpr_pairs(&SAVED_PAIRS) {
            a64!(self; stp X(first), X(first + 1), [X(CONTEXT), offset]);
        }
        for (first, offset) in fpr_pairs() {
            a64!(self; stp D(first), D(first + 1), [X(CONTEXT), offset]);
        }
        a64!(self; str x16, [X(CONTEXT), TraceContext::EXIT_ID as u32]);
        if count_arrivals {
            a64!(self; str X(ARRIVALS), [X(CONTEXT), TraceContext::ARRIVALS_LEFT as u32]);
        }
        self.epilogue();
        self.category(Category::Other);
    }

    fn finish(
        mut self,
        allocated: &Allocated,
        hot_words: usize,
    ) -> Result<CompiledTrace, BackendError> {
        let total = self.word();
        // A loop that ends in `CountLoop` has its way out after the back branch.
        let end = allocated.body.as_ref().and_then(|body| body.last());
        let way_out = matches!(end, Some(Step::Inst { inst: Inst::CountLoop { .. }, .. }));
        let loop_end = hot_words - usize::from(way_out);
        let loop_words = self.blob.loop_head.map_or(0, |head| loop_end - head);
        let moves_in =
            |steps: &[Step]| steps.iter().filter(|step| matches!(step, Step::Move { .. })).count();
        let loop_moves = allocated.body.as_deref().map_or(0, moves_in);
        let stats = Stats {
            words: total,
            hot_words,
            loop_words,
            spill_slots: allocated.spill_slots,
            moves: moves_in(&allocated.entry) + loop_moves,
            loop_moves,
        };
        self.blob.words = words(self.ops).ok_or(BackendError::TooLong { words: total })?;
        Ok(CompiledTrace { blob: self.blob, exits: self.records, stats })
    }

    fn copy(&mut self, from: Loc, to: Loc) {
        match (from, to) {
            (Loc::X(from), Loc::X(to)) => a64!(self; mov X(to), X(from)),
            (Loc::D(from), Loc::D(to)) => a64!(self; fmov D(to), D(from)),
            (Loc::X(from), Loc::Spill(slot)) => {
                a64!(self; str X(from), [X(CONTEXT), spill_offset(slot)])
            }
            (Loc::D(from), Loc::Spill(slot)) => {
                a64!(self; str D(from), [X(CONTEXT), spill_offset(slot)])
            }
            (Loc::Spill(slot), Loc::X(to)) => {
                a64!(self; ldr X(to), [X(CONTEXT), spill_offset(slot)])
            }
            (Loc::Spill(slot), Loc::D(to)) => {
                a64!(self; ldr D(to), [X(CONTEXT), spill_offset(slot)])
            }
            (from, to) => panic!("no move from {from} to {to}"),
        }
        let is_spill = |loc| matches!(loc, Loc::Spill(_));
        let memory = is_spill(from) || is_spill(to);
        self.category(if memory { Category::Memory } else { Category::Moves });
    }

    fn inst(&mut self, inst: &Inst<Loc>) {
        match *inst {
            Inst::IntConst { rd, value } => self.int_const(x(rd), value),
            Inst::FloatConst { rd, bits: 0 } => a64!(self; fmov D(d(rd)), xzr),
            Inst::FloatConst { rd, bits } => {
                a64!(self; fmov D(d(rd)), f64::from_bits(bits) as f32)
            }
            Inst::IntToFloatBits { rd, rn } => a64!(self; fmov D(d(rd)), X(x(rn))),
            Inst::FloatToIntBits { rd, rn } => a64!(self; fmov X(x(rd)), D(d(rn))),
            Inst::Int { op, rd, rn, rm } => self.int(op, x(rd), x(rn), x(rm)),
            Inst::IntImm { op, rd, rn, imm } => self.int_imm(op, x(rd), x(rn), imm),
            Inst::IntShifted { op, rd, rn, rm, amount } => {
                let (rd, rn, rm, amount) = (x(rd), x(rn), x(rm), u32::from(amount));
                match op {
                    ShiftedOp::AddLeft => a64!(self; add X(rd), X(rn), X(rm), LSL amount),
                    ShiftedOp::AddRightSigned => a64!(self; add X(rd), X(rn), X(rm), ASR amount),
                    ShiftedOp::AndRightSigned => a64!(self; and X(rd), X(rn), X(rm), ASR amount),
                }
            }
            Inst::Int1 { op, rd, rn } => match op {
                IntOp1::Neg => a64!(self; neg X(x(rd)), X(x(rn))),
                IntOp1::Not => a64!(self; mvn X(x(rd)), X(x(rn))),
                IntOp1::Abs => a64!(self; cmp XSP(x(rn)), #0; cneg X(x(rd)), X(x(rn)), lt),
            },
            Inst::MulSub { rd, rn, rm, ra } => {
                a64!(self; msub X(x(rd)), X(x(rn)), X(x(rm)), X(x(ra)))
            }
            Inst::FrameAddress { rd, offset } => match offset {
                0.. => a64!(self; add XSP(x(rd)), XSP(FRAME), offset as u32),
                _ => a64!(self; sub XSP(x(rd)), XSP(FRAME), offset.unsigned_abs()),
            },
            Inst::Select { test, cond, rd, yes, no } => {
                self.test(test);
                by_condition!(cond, select!(self, x(rd), or_zero(yes), or_zero(no)))
            }
            Inst::Float { op, rd, rn, rm } => {
                let (rd, rn, rm) = (d(rd), d(rn), d(rm));
                match op {
                    FloatOp::Add => a64!(self; fadd D(rd), D(rn), D(rm)),
                    FloatOp::Sub => a64!(self; fsub D(rd), D(rn), D(rm)),
                    FloatOp::Mul => a64!(self; fmul D(rd), D(rn), D(rm)),
                    FloatOp::Div => a64!(self; fdiv D(rd), D(rn), D(rm)),
                }
            }
            Inst::Float1 { op, rd, rn } => match op {
                FloatOp1::Neg => a64!(self; fneg D(d(rd)), D(d(rn))),
                FloatOp1::Abs => a64!(self; fabs D(d(rd)), D(d(rn))),
                FloatOp1::Sqrt => a64!(self; fsqrt D(d(rd)), D(d(rn))),
                FloatOp1::Floor => a64!(self; frintm D(d(rd)), D(d(rn))),
                FloatOp1::Ceil => a64!(self; frintp D(d(rd)), D(d(rn))),
            },
            Inst::FloatSelect { test, cond, rd, yes, no } => {
                self.test(test);
                by_condition!(cond, float_select!(self, d(rd), d(yes), d(no)))
            }
            Inst::IntToFloat { rd, rn } => a64!(self; scvtf D(d(rd)), X(x(rn))),
            Inst::FloatToInt { rd, rn } => a64!(self; fcvtzs X(x(rd)), D(d(rn))),
            Inst::Load { width, rd, from } => self.load(width, x(rd), from),
            Inst::LoadFloat { rd, from } => {
                let (rd, base) = (d(rd), base(from));
                match scaled(from.offset, 8) {
                    Some(offset) => a64!(self; ldr D(rd), [X(base), offset]),
                    None => a64!(self; ldur D(rd), [X(base), from.offset]),
                }
            }
            Inst::Store { rn, to } => {
                let (rn, base) = (or_zero(rn), base(to));
                match scaled(to.offset, 8) {
                    Some(offset) => a64!(self; str X(rn), [X(base), offset]),
                    None => a64!(self; stur X(rn), [X(base), to.offset]),
                }
            }
            Inst::StoreByte { rn, to } => {
                let (rn, base) = (or_zero(rn), base(to));
                match scaled(to.offset, 1) {
                    Some(offset) => a64!(self; strb W(rn), [X(base), offset]),
                    None => a64!(self; sturb W(rn), [X(base), to.offset]),
                }
            }
            Inst::StoreFloat { rn, to } => {
                let (rn, base) = (d(rn), base(to));
                match scaled(to.offset, 8) {
                    Some(offset) => a64!(self; str D(rn), [X(base), offset]),
                    None => a64!(self; stur D(rn), [X(base), to.offset]),
                }
            }
            Inst::StorePair { first, second, to } => {
                let (first, second) = (or_zero(first), or_zero(second));
                a64!(self; stp X(first), X(second), [X(base(to)), to.offset])
            }
            Inst::Call { helper, ref args, .. } => self.call(helper, args),
            Inst::Guard { test, leave, ref exit } => {
                self.count_forced(exit);
                self.test(test);
                let stub = self.guard_exit(exit);
                by_condition!(leave, branch!(self, stub))
            }
            Inst::GuardZero { rn, leave_zero, ref exit } => {
                self.count_forced(exit);
                let stub = self.guard_exit(exit);
                match leave_zero {
                    true => a64!(self; cbz X(x(rn)), =>stub),
                    false => a64!(self; cbnz X(x(rn)), =>stub),
                }
            }
            // These two are no entries of `guards`: their exits are right only if the count is 0.
            Inst::CountDown { rd, rn, ref exit } => {
                let stub = self.record(exit);
                a64!(self; subs X(x(rd)), XSP(x(rn)), #1; b.lo =>stub)
            }
            Inst::CountLoop { rd, rn, ref exit } => {
                let stub = self.record(exit);
                let label = self.loop_head;
                a64!(self; subs X(x(rd)), XSP(x(rn)), #1; b.hs =>label; b =>stub)
            }
            Inst::Leave { ref exit } => {
                let stub = self.record(exit);
                a64!(self; b =>stub)
            }
            Inst::Jump if self.blob.loop_head.is_none() => {}
            Inst::Jump => {
                let label = self.loop_head;
                a64!(self; b =>label)
            }
        }
    }

    /// The shortest of the two plain forms: set the pieces of the value, or of its complement.
    fn int_const(&mut self, rd: u8, value: u64) {
        let pieces = [0u32, 16, 32, 48].map(|shift| (shift, (value >> shift) as u16));
        let not_zero = pieces.iter().filter(|(_, piece)| *piece != 0).count();
        let not_ones = pieces.iter().filter(|(_, piece)| *piece != u16::MAX).count();
        let background = if not_ones < not_zero { u16::MAX } else { 0 };
        let mut rest = pieces.into_iter().filter(|(_, piece)| *piece != background);
        let (shift, piece) = rest.next().unwrap_or((0, background));
        match background {
            0 => a64!(self; movz X(rd), u32::from(piece), LSL shift),
            _ => a64!(self; movn X(rd), u32::from(!piece), LSL shift),
        }
        for (shift, piece) in rest {
            a64!(self; movk X(rd), u32::from(piece), LSL shift);
        }
    }

    fn int(&mut self, op: IntOp, rd: u8, rn: u8, rm: u8) {
        match op {
            IntOp::Add => a64!(self; add X(rd), X(rn), X(rm)),
            IntOp::Sub => a64!(self; sub X(rd), X(rn), X(rm)),
            IntOp::And => a64!(self; and X(rd), X(rn), X(rm)),
            IntOp::Or => a64!(self; orr X(rd), X(rn), X(rm)),
            IntOp::Xor => a64!(self; eor X(rd), X(rn), X(rm)),
            IntOp::Mul => a64!(self; mul X(rd), X(rn), X(rm)),
            IntOp::Div => a64!(self; sdiv X(rd), X(rn), X(rm)),
            IntOp::ShiftLeft => a64!(self; lsl X(rd), X(rn), X(rm)),
            IntOp::ShiftRight => a64!(self; lsr X(rd), X(rn), X(rm)),
        }
    }

    fn int_imm(&mut self, op: ImmOp, rd: u8, rn: u8, imm: u64) {
        let small = imm as u32;
        match op {
            ImmOp::Add => a64!(self; add XSP(rd), XSP(rn), small),
            ImmOp::Sub => a64!(self; sub XSP(rd), XSP(rn), small),
            ImmOp::And => a64!(self; and XSP(rd), X(rn), imm),
            ImmOp::Or => a64!(self; orr XSP(rd), X(rn), imm),
            ImmOp::Xor => a64!(self; eor XSP(rd), X(rn), imm),
            ImmOp::ShiftLeft => a64!(self; lsl X(rd), X(rn), small),
            ImmOp::ShiftRight => a64!(self; lsr X(rd), X(rn), small),
            ImmOp::ShiftRightSigned => a64!(self; asr X(rd), X(rn), small),
        }
    }

    fn test(&mut self, test: Test<Loc>) {
        match test {
            Test::Int(a, b) => a64!(self; cmp X(x(a)), X(x(b))),
            Test::IntImm(a, imm @ 0..) => a64!(self; cmp XSP(x(a)), imm as u32),
            Test::IntImm(a, imm) => a64!(self; cmn XSP(x(a)), imm.unsigned_abs()),
            Test::Float(a, b) => a64!(self; fcmp D(d(a)), D(d(b))),
            Test::FloatZero(a) => a64!(self; fcmp D(d(a)), 0.0),
            Test::NonZeroThenSign(a, b) => {
                a64!(self; cmp XSP(x(a)), #0; ccmp X(x(b)), #0, #0, ne)
            }
        }
    }

    fn load(&mut self, width: Width, rd: u8, from: Address<Loc>) {
        let (base, offset) = (base(from), from.offset);
        match (width, scaled(offset, width.bytes())) {
            (Width::Byte, Some(offset)) => a64!(self; ldrb W(rd), [X(base), offset]),
            (Width::Byte, None) => a64!(self; ldurb W(rd), [X(base), offset]),
            (Width::Word, Some(offset)) => a64!(self; ldr W(rd), [X(base), offset]),
            (Width::Word, None) => a64!(self; ldur W(rd), [X(base), offset]),
            (Width::Double, Some(offset)) => a64!(self; ldr X(rd), [X(base), offset]),
            (Width::Double, None) => a64!(self; ldur X(rd), [X(base), offset]),
        }
    }

    /// Register arguments are in place; the others are set here, in registers that a call destroys
    /// anyway.
    fn call(&mut self, helper: Helper, args: &[Argument<Loc>]) {
        for (position, arg) in args.iter().enumerate() {
            let rd = position as u8;
            match *arg {
                Argument::Reg(_) => {}
                Argument::Heap => a64!(self; ldr X(rd), [X(CONTEXT), TraceContext::HEAP as u32]),
                Argument::Imm(value) => a64!(self; movz X(rd), u32::from(value)),
            }
        }
        let offset = TraceContext::helper_offset(helper.slot()) as u32;
        a64!(self; ldr x16, [X(CONTEXT), offset]; blr x16);
    }

    /// Leaves through `exit` when the count of the forced guard reaches 0. A guard defines nothing, so
    /// its exit finds the same values before it and after it.
    fn count_forced(&mut self, exit: &Exit<Loc>) {
        if self.forced.is_none() || self.forced != self.origin {
            return;
        }
        // One guard of the IR may be several here; an execution of it is one of the first.
        self.forced = None;
        let (left, stub) = (TraceContext::FORCE_LEFT as u32, self.stubs[exit.id.0 as usize]);
        a64!(self
            ; ldr x16, [X(CONTEXT), left]
            ; sub x16, x16, #1
            ; str x16, [X(CONTEXT), left]
            ; cbz x16, =>stub
        );
    }

    /// The stub of an exit; the next word is the branch to it.
    fn guard_exit(&mut self, exit: &Exit<Loc>) -> DynamicLabel {
        let word = self.word();
        self.blob.guards.push(GuardBranch { word, exit: exit.id.0 });
        self.record(exit)
    }

    fn record(&mut self, exit: &Exit<Loc>) -> DynamicLabel {
        let values = exit.values.iter().map(|(value, held)| (*value, read_from(held))).collect();
        let snapshot = exit.snapshot;
        let guard = self.origin.filter(|&id| self.trace.inst(id).snapshot == Some(snapshot));
        self.records[exit.id.0 as usize] = ExitRecord { snapshot, guard, values };
        self.stubs[exit.id.0 as usize]
    }
}

fn words(ops: VecAssembler<Aarch64Relocation>) -> Option<Vec<u32>> {
    let bytes = ops.finalize().ok()?;
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    Some(bytes.chunks_exact(4).map(word).collect())
}

fn read_from(held: &Held<Loc>) -> Location {
    match *held {
        Held::Const(bits) => Location::Const(bits),
        Held::At(Loc::X(n)) => Location::Gpr(n),
        Held::At(Loc::D(n)) => Location::Fpr(n),
        Held::At(Loc::Spill(n)) => Location::Spill(n),
    }
}

fn category_of(inst: &Inst<Loc>) -> Category {
    match inst {
        Inst::IntConst { .. } | Inst::FloatConst { .. } => Category::Constants,
        Inst::IntToFloatBits { .. } | Inst::FloatToIntBits { .. } => Category::Moves,
        Inst::Int { .. }
        | Inst::IntImm { .. }
        | Inst::IntShifted { .. }
        | Inst::Int1 { .. }
        | Inst::MulSub { .. }
        | Inst::FrameAddress { .. }
        | Inst::Select { .. } => Category::IntegerArithmetic,
        Inst::Float { .. }
        | Inst::Float1 { .. }
        | Inst::FloatSelect { .. }
        | Inst::IntToFloat { .. }
        | Inst::FloatToInt { .. } => Category::FloatArithmetic,
        Inst::Load { .. }
        | Inst::LoadFloat { .. }
        | Inst::Store { .. }
        | Inst::StoreByte { .. }
        | Inst::StoreFloat { .. }
        | Inst::StorePair { .. } => Category::Memory,
        Inst::Call { .. } => Category::Other,
        Inst::Guard { .. }
        | Inst::GuardZero { .. }
        | Inst::CountDown { .. }
        | Inst::CountLoop { .. }
        | Inst::Leave { .. }
        | Inst::Jump => Category::GuardsAndBranches,
    }
}

fn x(loc: Loc) -> u8 {
    match loc {
        Loc::X(n) => n,
        _ => panic!("{loc} where an x register must be"),
    }
}

fn d(loc: Loc) -> u8 {
    match loc {
        Loc::D(n) => n,
        _ => panic!("{loc} where a d register must be"),
    }
}

fn or_zero(operand: OrZero<Loc>) -> u8 {
    match operand {
        OrZero::Reg(loc) => x(loc),
        OrZero::Zero => ZERO,
    }
}

fn base(address: Address<Loc>) -> u8 {
    match address.base {
        Base::Reg(loc) => x(loc),
        Base::Frame => FRAME,
    }
}

/// The offset, if the scaled unsigned form of a load or store has it.
fn scaled(offset: i32, bytes: i32) -> Option<u32> {
    (offset >= 0 && offset % bytes == 0 && offset / bytes < 4096).then_some(offset as u32)
}

fn spill_offset(slot: u32) -> u32 {
    TraceContext::spill_offset(slot as usize) as u32
}
