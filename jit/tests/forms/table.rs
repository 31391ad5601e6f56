//! The table of instruction forms.
//!
//! In:  a source of choices.   Out: a step that the emitter accepts, or the frame of a whole trace.
//!
//! A form is a variant of the machine-level IR with its operation, condition and kind of operand; its
//! registers and immediates are drawn. The lists of variants are exhaustive at compile time: a new
//! operation, condition or instruction does not compile until it is named here.

use plumb_jit::backend::BackendConfig;
use plumb_jit::backend::alloc::{Allocated, SCRATCH_FPR, SCRATCH_GPR, Step};
use plumb_jit::backend::emit::{emit, encode_apart};
use plumb_jit::backend::mach::{
    Address, Argument, Base, Cond, Exit, ExitId, FloatOp, FloatOp1, Held, ImmOp, Inst, IntOp,
    IntOp1, Loc, OrZero, ShiftedOp, Test, Width,
};
use plumb_jit::exec::runtime::Helper;
use plumb_jit::ir::parse::parse;
use plumb_jit::ir::trace::{SnapshotId, Trace, ValueId};

use super::rng::Rng;

/// All values of an enum; the match makes a forgotten one an error.
macro_rules! every {
    ($ty:ident: $($variant:ident),* $(,)?) => {{
        fn _all_are_named(value: $ty) {
            match value { $($ty::$variant => {})* }
        }
        [$($ty::$variant),*]
    }};
}

/// One form.
pub struct Form {
    pub name: String,
    make: Box<dyn Fn(&mut Rng) -> Step>,
}

/// A drawn instance of a form.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Words of one step.
    Step(Step),
    /// Prologue, exit and epilogue of an empty trace.
    Frame { count_arrivals: bool },
}

impl Form {
    pub fn draw(&self, rng: &mut Rng) -> Step {
        (self.make)(rng)
    }
}

const GPR: [u8; 24] =
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 21, 22, 23, 24, 25, 26, 27, 28];

fn x(rng: &mut Rng) -> Loc {
    Loc::X(rng.pick(&GPR))
}

fn d(rng: &mut Rng) -> Loc {
    Loc::D(rng.below(31) as u8)
}

/// The allocator's own moves may also use its scratch registers.
fn x_or_scratch(rng: &mut Rng) -> Loc {
    if rng.percent(20) { Loc::X(SCRATCH_GPR) } else { x(rng) }
}

fn d_or_scratch(rng: &mut Rng) -> Loc {
    if rng.percent(20) { Loc::D(SCRATCH_FPR) } else { d(rng) }
}

/// A register other than those, so that data and address of an access do not meet.
fn x_except(rng: &mut Rng, others: &[Loc]) -> Loc {
    loop {
        let loc = x(rng);
        if !others.contains(&loc) {
            return loc;
        }
    }
}

fn imm12(rng: &mut Rng) -> i32 {
    let edges = [0, 1, 2, 63, 64, 255, 256, 2047, 2048, 4094, 4095];
    if rng.percent(50) { rng.pick(&edges) } else { rng.below(4096) as i32 }
}

/// A run of ones, rotated, repeated in elements of 2 to 64 bits: what the logical immediates are.
fn bitmask(rng: &mut Rng) -> u64 {
    let size = rng.pick(&[2u32, 4, 8, 16, 32, 64]);
    let ones = 1 + rng.below(size as usize - 1) as u32;
    let element = u64::MAX >> (64 - ones);
    let rotation = rng.below(size as usize) as u32;
    let mut value = element;
    let mut width = size;
    while width < 64 {
        value |= value << width;
        width *= 2;
    }
    value.rotate_right(rotation)
}

fn amount(rng: &mut Rng) -> u64 {
    if rng.percent(50) { rng.pick(&[0, 1, 31, 32, 62, 63]) } else { rng.below(64) as u64 }
}

fn wide(rng: &mut Rng) -> u64 {
    let piece = |rng: &mut Rng| {
        if rng.percent(50) { rng.pick(&[0, 0xffff]) } else { rng.next() & 0xffff }
    };
    (0..4).fold(0, |value, _| value << 16 | piece(rng))
}

/// A float that `fmov` has, from its eight bits.
fn short_float(rng: &mut Rng) -> u64 {
    let imm = rng.below(256) as u64;
    let exponent = if imm & 0x40 == 0 { 0x400 } else { 0x3fc } + (imm >> 4 & 3);
    (imm >> 7) << 63 | exponent << 52 | (imm & 15) << 48
}

fn exit() -> Exit<Loc> {
    let values = vec![(ValueId(0), Held::Const(0))];
    Exit { id: ExitId(0), snapshot: SnapshotId(0), values }
}

/// `[base + offset]`; an offset of the scaled kind fits the unsigned form.
fn address(rng: &mut Rng, frame: bool, scaled: bool, bytes: i32, data: &[Loc]) -> Address<Loc> {
    let offset = match scaled {
        true => bytes * imm12(rng),
        false if rng.percent(60) => -1 - rng.below(256) as i32,
        false => {
            let odd = rng.below(256) as i32;
            // Bytes have no unscaled positive offset.
            if bytes == 1 || odd % bytes == 0 { -1 - odd } else { odd }
        }
    };
    let base = if frame { Base::Frame } else { Base::Reg(x_except(rng, data)) };
    Address { base, offset }
}

/// Kinds of test that set flags.
const TESTS: [&str; 6] = ["cmp", "cmp imm", "cmn imm", "fcmp", "fcmp zero", "ccmp"];

fn test(kind: &str, rng: &mut Rng) -> Test<Loc> {
    match kind {
        "cmp" => Test::Int(x(rng), x(rng)),
        "cmp imm" => Test::IntImm(x(rng), imm12(rng)),
        "cmn imm" => Test::IntImm(x(rng), -imm12(rng).max(1)),
        "fcmp" => Test::Float(d(rng), d(rng)),
        "fcmp zero" => Test::FloatZero(d(rng)),
        _ => Test::NonZeroThenSign(x(rng), x(rng)),
    }
}

/// The kind of a test, so that a new one is missed in [`TESTS`].
pub fn test_kind(test: &Test<Loc>) -> &'static str {
    match test {
        Test::Int(..) => "cmp",
        Test::IntImm(_, 0..) => "cmp imm",
        Test::IntImm(..) => "cmn imm",
        Test::Float(..) => "fcmp",
        Test::FloatZero(..) => "fcmp zero",
        Test::NonZeroThenSign(..) => "ccmp",
    }
}

/// Kinds of instruction: the variants of [`Inst`], each of which some form must draw.
macro_rules! shapes {
    ($($variant:ident)*) => {
        pub const SHAPES: &[&str] = &[$(stringify!($variant)),*];
        pub fn shape(inst: &Inst<Loc>) -> &'static str {
            match inst { $(Inst::$variant { .. } => stringify!($variant),)* }
        }
    };
}
shapes! {
    IntConst FloatConst IntToFloatBits FloatToIntBits Int IntImm IntShifted Int1 MulSub FrameAddress
    Select Float Float1 FloatSelect IntToFloat FloatToInt Load LoadFloat Store StoreByte StoreFloat
    StorePair Call Guard GuardZero CountDown CountLoop Leave Jump
}

#[derive(Default)]
struct Table(Vec<Form>);

impl Table {
    fn inst(&mut self, name: String, make: impl Fn(&mut Rng) -> Inst<Loc> + 'static) {
        self.step(name, move |rng| Step::Inst { inst: make(rng), origin: None });
    }

    fn step(&mut self, name: String, make: impl Fn(&mut Rng) -> Step + 'static) {
        self.0.push(Form { name, make: Box::new(make) });
    }
}

/// Every form, in a fixed order.
pub fn forms() -> Vec<Form> {
    let mut table = Table::default();
    constants_and_moves(&mut table);
    integers(&mut table);
    floats(&mut table);
    selects(&mut table);
    memory(&mut table);
    control(&mut table);
    table.0
}

fn constants_and_moves(table: &mut Table) {
    table.inst("const".into(), |r| Inst::IntConst { rd: x(r), value: wide(r) });
    table.inst("fconst zero".into(), |r| Inst::FloatConst { rd: d(r), bits: 0 });
    table.inst("fconst".into(), |r| Inst::FloatConst { rd: d(r), bits: short_float(r) });
    table.inst("bits to float".into(), |r| Inst::IntToFloatBits { rd: d(r), rn: x(r) });
    table.inst("bits to int".into(), |r| Inst::FloatToIntBits { rd: x(r), rn: d(r) });
    type Ends = fn(&mut Rng) -> (Loc, Loc);
    let spill = |rng: &mut Rng| Loc::Spill(rng.below(512) as u32);
    let moves: [(&str, Ends); 6] = [
        ("move x x", |r| (x_or_scratch(r), x_or_scratch(r))),
        ("move d d", |r| (d_or_scratch(r), d_or_scratch(r))),
        ("move x spill", |r| (x_or_scratch(r), Loc::Spill(0))),
        ("move d spill", |r| (d_or_scratch(r), Loc::Spill(0))),
        ("move spill x", |r| (Loc::Spill(0), x_or_scratch(r))),
        ("move spill d", |r| (Loc::Spill(0), d_or_scratch(r))),
    ];
    for (name, ends) in moves {
        table.step(name.into(), move |rng| {
            let (from, to) = ends(rng);
            let slot = spill(rng);
            let place = |loc| if matches!(loc, Loc::Spill(_)) { slot } else { loc };
            Step::Move { from: place(from), to: place(to) }
        });
    }
}

fn integers(table: &mut Table) {
    let ops = every!(IntOp: Add, Sub, And, Or, Xor, Mul, Div, ShiftLeft, ShiftRight);
    for op in ops {
        table.inst(format!("{op}"), move |r| Inst::Int { op, rd: x(r), rn: x(r), rm: x(r) });
    }
    let ops = every!(ImmOp: Add, Sub, And, Or, Xor, ShiftLeft, ShiftRight, ShiftRightSigned);
    for op in ops {
        table.inst(format!("{op} imm"), move |r| {
            let imm = match op {
                ImmOp::Add | ImmOp::Sub => imm12(r) as u64,
                ImmOp::And | ImmOp::Or | ImmOp::Xor => bitmask(r),
                ImmOp::ShiftLeft | ImmOp::ShiftRight | ImmOp::ShiftRightSigned => amount(r),
            };
            Inst::IntImm { op, rd: x(r), rn: x(r), imm }
        });
    }
    let ops = every!(ShiftedOp: AddLeft, AddRightSigned, AndRightSigned);
    for op in ops {
        table.inst(format!("shifted {op:?}"), move |r| Inst::IntShifted {
            op,
            rd: x(r),
            rn: x(r),
            rm: x(r),
            amount: amount(r) as u8,
        });
    }
    for op in every!(IntOp1: Neg, Not, Abs) {
        table.inst(format!("{op}"), move |r| Inst::Int1 { op, rd: x(r), rn: x(r) });
    }
    table.inst("msub".into(), |r| Inst::MulSub { rd: x(r), rn: x(r), rm: x(r), ra: x(r) });
    table.inst("frame +".into(), |r| Inst::FrameAddress { rd: x(r), offset: imm12(r) });
    table.inst("frame -".into(), |r| Inst::FrameAddress { rd: x(r), offset: -imm12(r).max(1) });
}

fn floats(table: &mut Table) {
    for op in every!(FloatOp: Add, Sub, Mul, Div) {
        table.inst(format!("{op}"), move |r| Inst::Float { op, rd: d(r), rn: d(r), rm: d(r) });
    }
    for op in every!(FloatOp1: Neg, Abs, Sqrt, Floor, Ceil) {
        table.inst(format!("{op}"), move |r| Inst::Float1 { op, rd: d(r), rn: d(r) });
    }
    table.inst("scvtf".into(), |r| Inst::IntToFloat { rd: d(r), rn: x(r) });
    table.inst("fcvtzs".into(), |r| Inst::FloatToInt { rd: x(r), rn: d(r) });
}

fn conditions() -> [Cond; 14] {
    every!(Cond: Eq, Ne, Hs, Lo, Mi, Pl, Vs, Vc, Hi, Ls, Ge, Lt, Gt, Le)
}

fn or_zero(rng: &mut Rng) -> OrZero<Loc> {
    if rng.percent(30) { OrZero::Zero } else { OrZero::Reg(x(rng)) }
}

fn selects(table: &mut Table) {
    for kind in TESTS {
        for cond in conditions() {
            let name = cond.text();
            table.inst(format!("{kind} csel {name}"), move |r| {
                let test = test(kind, r);
                Inst::Select { test, cond, rd: x(r), yes: or_zero(r), no: or_zero(r) }
            });
            table.inst(format!("{kind} fcsel {name}"), move |r| {
                let test = test(kind, r);
                Inst::FloatSelect { test, cond, rd: d(r), yes: d(r), no: d(r) }
            });
            table.inst(format!("{kind} b.{name}"), move |r| Inst::Guard {
                test: test(kind, r),
                leave: cond,
                exit: exit(),
            });
        }
    }
}

fn memory(table: &mut Table) {
    for frame in [false, true] {
        for scaled in [true, false] {
            let at = match (frame, scaled) {
                (false, true) => "[x, #]",
                (false, false) => "[x, # unscaled]",
                (true, true) => "[frame, #]",
                (true, false) => "[frame, # unscaled]",
            };
            for width in every!(Width: Byte, Word, Double) {
                table.inst(format!("{width} {at}"), move |r| {
                    let from = address(r, frame, scaled, width.bytes(), &[]);
                    Inst::Load { width, rd: x(r), from }
                });
            }
            table.inst(format!("ldr d {at}"), move |r| Inst::LoadFloat {
                rd: d(r),
                from: address(r, frame, scaled, 8, &[]),
            });
            table.inst(format!("str {at}"), move |r| {
                let rn = or_zero(r);
                Inst::Store { rn, to: address(r, frame, scaled, 8, &used(&[rn])) }
            });
            table.inst(format!("strb {at}"), move |r| {
                let rn = or_zero(r);
                Inst::StoreByte { rn, to: address(r, frame, scaled, 1, &used(&[rn])) }
            });
            table.inst(format!("str d {at}"), move |r| Inst::StoreFloat {
                rn: d(r),
                to: address(r, frame, scaled, 8, &[]),
            });
        }
        let at = if frame { "[frame, #]" } else { "[x, #]" };
        table.inst(format!("stp {at}"), move |r| {
            let (first, second) = (or_zero(r), or_zero(r));
            let to = address(r, frame, true, 8, &used(&[first, second]));
            let offset = 8 * r.pick(&[-64, -63, -2, -1, 0, 1, 2, 62, 63]);
            Inst::StorePair { first, second, to: Address { offset, ..to } }
        });
    }
}

fn used(operands: &[OrZero<Loc>]) -> Vec<Loc> {
    let register = |operand: &OrZero<Loc>| match *operand {
        OrZero::Reg(loc) => Some(loc),
        OrZero::Zero => None,
    };
    operands.iter().filter_map(register).collect()
}

fn control(table: &mut Table) {
    for leave_zero in [true, false] {
        let name = if leave_zero { "cbz" } else { "cbnz" };
        table.inst(name.into(), move |r| Inst::GuardZero { rn: x(r), leave_zero, exit: exit() });
    }
    table.inst("count down".into(), |r| Inst::CountDown { rd: x(r), rn: x(r), exit: exit() });
    table.inst("count loop".into(), |r| Inst::CountLoop { rd: x(r), rn: x(r), exit: exit() });
    table.inst("leave".into(), |_| Inst::Leave { exit: exit() });
    table.inst("jump".into(), |_| Inst::Jump);
    table.inst("call".into(), |r| {
        let helper = r.pick(&Helper::ALL);
        let args = match r.below(3) {
            0 => vec![Argument::Reg(Loc::X(0)), Argument::Imm(r.next() as u16)],
            1 => vec![Argument::Heap, Argument::Reg(Loc::X(1)), Argument::Imm(r.next() as u16)],
            _ => vec![Argument::Heap, Argument::Imm(0), Argument::Imm(u16::MAX)],
        };
        Inst::Call { helper, args, result: None }
    });
}

/// A trace for annotations; the forms need none of its content.
pub fn empty_trace() -> Trace {
    let text = "trace proto=0 head=0 clock=1 slots=1 end=#0\nsnap #0 pc=0 clock=1 {}";
    parse(text).expect("a trace without instructions")
}

/// The words of a subject as the emitter makes them. A step's words are followed by `fall`, the loop
/// head, `looped` and the exit. The branch of a call, and the return of a frame, are left out: they
/// leave the code.
pub fn words(subject: &Subject, fall: &[u32], looped: &[u32]) -> Vec<u32> {
    let trace = empty_trace();
    match subject {
        Subject::Step(step) => {
            let mut words = encode_apart(step, &trace, fall, looped);
            if let Step::Inst { inst: Inst::Call { .. }, .. } = step {
                words.remove(words.len() - fall.len() - looped.len() - 1);
            }
            words
        }
        Subject::Frame { count_arrivals } => {
            let mut words = frame(*count_arrivals);
            words.pop();
            words.extend(fall.iter().chain(looped));
            words
        }
    }
}

/// A trace that leaves at once, as a whole.
pub fn frame(count_arrivals: bool) -> Vec<u32> {
    let leave = Step::Inst { inst: Inst::Leave { exit: exit() }, origin: None };
    let allocated =
        Allocated { entry: vec![], body: Some(vec![leave]), spill_slots: 0, num_exits: 1 };
    let config = BackendConfig { count_arrivals, ..BackendConfig::default() };
    emit(&empty_trace(), &allocated, &config).expect("a short trace").blob.words
}

#[test]
fn every_instruction_of_the_backend_has_a_form() {
    let mut rng = Rng::new(1);
    let mut seen = std::collections::BTreeSet::new();
    for form in forms() {
        for _ in 0..50 {
            if let Step::Inst { inst, .. } = form.draw(&mut rng) {
                seen.insert(shape(&inst));
                if let Inst::Guard { test, .. } = &inst {
                    assert!(form.name.starts_with(test_kind(test)), "{}: {inst}", form.name);
                }
            }
        }
    }
    let missing: Vec<_> = SHAPES.iter().filter(|shape| !seen.contains(*shape)).collect();
    assert!(missing.is_empty(), "no form draws {missing:?}");
}
