//! Each form of machine instruction, read back by a decoder that shares nothing with the encoder.

use plumb_jit::backend::emit::encode;
use plumb_jit::backend::mach::{
    Address, Argument, Base, Cond, Exit, ExitId, FloatOp, FloatOp1, Held, ImmOp, Inst, IntOp,
    IntOp1, Loc, OrZero, ShiftedOp, Test, Width,
};
use plumb_jit::exec::TraceContext;
use plumb_jit::exec::disasm::disassemble;
use plumb_jit::exec::runtime::Helper;
use plumb_jit::ir::parse::parse;
use plumb_jit::ir::trace::{SnapshotId, ValueId};

const X1: Loc = Loc::X(1);
const X2: Loc = Loc::X(2);
const X3: Loc = Loc::X(3);
const X24: Loc = Loc::X(24);
const D1: Loc = Loc::D(1);
const D2: Loc = Loc::D(2);
const D30: Loc = Loc::D(30);

fn at(base: Loc, offset: i32) -> Address<Loc> {
    Address { base: Base::Reg(base), offset }
}

fn frame(offset: i32) -> Address<Loc> {
    Address { base: Base::Frame, offset }
}

fn exit() -> Exit<Loc> {
    let values = vec![(ValueId(0), Held::At(X1))];
    Exit { id: ExitId(0), snapshot: SnapshotId(0), values }
}

fn guard(test: Test<Loc>, leave: Cond) -> Inst<Loc> {
    Inst::Guard { test, leave, exit: exit() }
}

/// The decoder's text with single blanks.
fn decoded(inst: &Inst<Loc>) -> String {
    let trace = parse("trace proto=0 head=0 clock=1 slots=1 end=#0\nsnap #0 pc=0 clock=1 {}");
    let words = encode(inst, &trace.expect("a trace without instructions"));
    let lines = disassemble(&words);
    let tidy = |line: &String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    lines.iter().map(tidy).collect::<Vec<_>>().join("; ")
}

#[track_caller]
fn check(cases: &[(Inst<Loc>, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(inst, expected)| (inst, expected, decoded(inst)))
        .filter(|(_, expected, found)| found != *expected)
        .map(|(inst, expected, found)| format!("{inst}\n  expected {expected}\n  found    {found}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn integer_arithmetic() {
    let int = |op| Inst::Int { op, rd: X1, rn: X2, rm: X24 };
    let imm = |op, imm| Inst::IntImm { op, rd: X1, rn: X2, imm };
    let shifted = |op, amount| Inst::IntShifted { op, rd: X1, rn: X2, rm: X3, amount };
    let int1 = |op| Inst::Int1 { op, rd: X1, rn: X2 };
    check(&[
        (int(IntOp::Add), "add x1, x2, x24"),
        (int(IntOp::Sub), "sub x1, x2, x24"),
        (int(IntOp::And), "and x1, x2, x24"),
        (int(IntOp::Or), "orr x1, x2, x24"),
        (int(IntOp::Xor), "eor x1, x2, x24"),
        (int(IntOp::Mul), "madd x1, x2, x24, xzr"),
        (int(IntOp::Div), "sdiv x1, x2, x24"),
        (int(IntOp::ShiftLeft), "lslv x1, x2, x24"),
        (int(IntOp::ShiftRight), "lsrv x1, x2, x24"),
        (imm(ImmOp::Add, 4095), "add x1, x2, #0xfff"),
        (imm(ImmOp::Sub, 1), "sub x1, x2, #0x1"),
        (imm(ImmOp::And, 0xff), "and x1, x2, #0xff"),
        (imm(ImmOp::Or, 0x8000_0000_0000_0000), "orr x1, x2, #0x8000000000000000"),
        (imm(ImmOp::Xor, 0x5555_5555_5555_5555), "eor x1, x2, #0x5555555555555555"),
        (imm(ImmOp::ShiftLeft, 1), "ubfm x1, x2, #63, #62"),
        (imm(ImmOp::ShiftLeft, 63), "ubfm x1, x2, #1, #0"),
        (imm(ImmOp::ShiftRight, 7), "ubfm x1, x2, #7, #63"),
        (imm(ImmOp::ShiftRightSigned, 63), "sbfm x1, x2, #63, #63"),
        (shifted(ShiftedOp::AddLeft, 4), "add x1, x2, x3, lsl #4"),
        (shifted(ShiftedOp::AddRightSigned, 63), "add x1, x2, x3, asr #63"),
        (shifted(ShiftedOp::AndRightSigned, 63), "and x1, x2, x3, asr #63"),
        (int1(IntOp1::Neg), "sub x1, xzr, x2"),
        (int1(IntOp1::Not), "orn x1, xzr, x2"),
        (int1(IntOp1::Abs), "subs xzr, x2, #0x0; csneg x1, x2, x2, ge"),
        (Inst::MulSub { rd: X1, rn: X2, rm: X3, ra: X24 }, "msub x1, x2, x3, x24"),
        (Inst::FrameAddress { rd: X1, offset: 48 }, "add x1, x19, #0x30"),
        (Inst::FrameAddress { rd: X1, offset: -16 }, "sub x1, x19, #0x10"),
    ]);
}

#[test]
fn constants() {
    let int = |value| Inst::IntConst { rd: X1, value };
    let float = |value: f64| Inst::FloatConst { rd: D1, bits: value.to_bits() };
    check(&[
        (int(0), "movz x1, #0x0, lsl #0x0"),
        (int(7), "movz x1, #0x7, lsl #0x0"),
        (int(0x1234_0000_0000), "movz x1, #0x1234, lsl #0x20"),
        (int(0x1_0000_0001), "movz x1, #0x1, lsl #0x0; movk x1, #0x1, lsl #0x20"),
        (int(u64::MAX), "movn x1, #0x0, lsl #0x0"),
        (int(-2i64 as u64), "movn x1, #0x1, lsl #0x0"),
        (int(0xffff_1234_ffff_ffff), "movn x1, #0xedcb, lsl #0x20"),
        (
            int(0x1234_5678_9abc_def0),
            "movz x1, #0xdef0, lsl #0x0; movk x1, #0x9abc, lsl #0x10; movk x1, #0x5678, lsl #0x20; movk x1, #0x1234, lsl #0x30",
        ),
        (int(i64::MIN as u64), "movz x1, #0x8000, lsl #0x30"),
        (float(0.0), "fmov d1, xzr"),
        (float(1.0), "fmov d1, #1"),
        (float(-31.0), "fmov d1, #-31"),
        (float(0.125), "fmov d1, #0.125"),
        (Inst::IntToFloatBits { rd: D1, rn: X2 }, "fmov d1, x2"),
        (Inst::FloatToIntBits { rd: X1, rn: D2 }, "fmov x1, d2"),
    ]);
}

#[test]
fn float_arithmetic() {
    let float = |op| Inst::Float { op, rd: D1, rn: D2, rm: D30 };
    let float1 = |op| Inst::Float1 { op, rd: D1, rn: D2 };
    check(&[
        (float(FloatOp::Add), "fadd d1, d2, d30"),
        (float(FloatOp::Sub), "fsub d1, d2, d30"),
        (float(FloatOp::Mul), "fmul d1, d2, d30"),
        (float(FloatOp::Div), "fdiv d1, d2, d30"),
        (float1(FloatOp1::Neg), "fneg d1, d2"),
        (float1(FloatOp1::Abs), "fabs d1, d2"),
        (float1(FloatOp1::Sqrt), "fsqrt d1, d2"),
        (float1(FloatOp1::Floor), "frintm d1, d2"),
        (float1(FloatOp1::Ceil), "frintp d1, d2"),
        (Inst::IntToFloat { rd: D1, rn: X2 }, "scvtf d1, x2"),
        (Inst::FloatToInt { rd: X1, rn: D2 }, "fcvtzs x1, d2"),
    ]);
}

#[test]
fn selects() {
    let (yes, no) = (OrZero::Reg(X3), OrZero::Zero);
    let select = |test, cond| Inst::Select { test, cond, rd: X1, yes, no };
    let float = |test, cond| Inst::FloatSelect { test, cond, rd: D1, yes: D2, no: D30 };
    check(&[
        (select(Test::Int(X1, X2), Cond::Lt), "subs xzr, x1, x2; csel x1, x3, xzr, lt"),
        (select(Test::IntImm(X1, 64), Cond::Lo), "subs xzr, x1, #0x40; csel x1, x3, xzr, cc"),
        (select(Test::IntImm(X1, -4095), Cond::Gt), "adds xzr, x1, #0xfff; csel x1, x3, xzr, gt"),
        (
            select(Test::NonZeroThenSign(X1, X2), Cond::Lt),
            "subs xzr, x1, #0x0; ccmp x2, #0x0, #0x0, ne; csel x1, x3, xzr, lt",
        ),
        (float(Test::Float(D1, D2), Cond::Mi), "fcmp d1, d2; fcsel d1, d2, d30, mi"),
        (float(Test::FloatZero(D1), Cond::Gt), "fcmp d1, #0.0; fcsel d1, d2, d30, gt"),
    ]);
}

#[test]
fn loads_and_stores() {
    let load = |width, from| Inst::Load { width, rd: X1, from };
    let load_float = |from| Inst::LoadFloat { rd: D1, from };
    let store = |rn, to| Inst::Store { rn, to };
    let byte = |rn, to| Inst::StoreByte { rn, to };
    let float = |to| Inst::StoreFloat { rn: D1, to };
    let pair = |first, second, to| Inst::StorePair { first, second, to };
    let x1 = OrZero::Reg(X1);
    check(&[
        (load(Width::Double, at(X2, 0)), "ldr x1, [x2]"),
        (load(Width::Double, at(X2, 32760)), "ldr x1, [x2, #0x7ff8]"),
        (load(Width::Double, at(X2, -8)), "ldur x1, [x2, #-8]"),
        (load(Width::Double, at(X2, 4)), "ldur x1, [x2, #4]"),
        (load(Width::Double, frame(-16)), "ldur x1, [x19, #-16]"),
        (load(Width::Word, at(X2, 40)), "ldr w1, [x2, #0x28]"),
        (load(Width::Byte, frame(4088)), "ldrb w1, [x19, #0xff8]"),
        (load(Width::Byte, frame(-8)), "ldurb w1, [x19, #-8]"),
        (load_float(frame(48)), "ldr d1, [x19, #0x30]"),
        (load_float(frame(-16)), "ldur d1, [x19, #-16]"),
        (store(x1, at(X2, 8)), "str x1, [x2, #0x8]"),
        (store(OrZero::Zero, at(X2, -16)), "stur xzr, [x2, #-16]"),
        (byte(OrZero::Zero, at(X2, 8)), "strb wzr, [x2, #0x8]"),
        (byte(x1, at(X2, -8)), "sturb w1, [x2, #-8]"),
        (float(at(X2, 16)), "str d1, [x2, #0x10]"),
        (float(at(X2, -16)), "stur d1, [x2, #-16]"),
        (pair(x1, OrZero::Reg(X3), at(X2, 0)), "stp x1, x3, [x2]"),
        (pair(OrZero::Zero, x1, at(X2, -512)), "stp xzr, x1, [x2, #-512]"),
        (pair(x1, OrZero::Zero, frame(504)), "stp x1, xzr, [x19, #504]"),
    ]);
}

#[test]
fn guards_and_branches() {
    let zero = |leave_zero| Inst::GuardZero { rn: X1, leave_zero, exit: exit() };
    let mut cases = vec![
        (zero(true), "cbz x1, 0x4".to_owned()),
        (zero(false), "cbnz x1, 0x4".to_owned()),
        (Inst::Leave { exit: exit() }, "b 0x4".to_owned()),
        (guard(Test::Float(D1, D2), Cond::Pl), "fcmp d1, d2; b.pl 0x8".to_owned()),
        (guard(Test::FloatZero(D1), Cond::Le), "fcmp d1, #0.0; b.le 0x8".to_owned()),
        (guard(Test::IntImm(X1, -1), Cond::Vs), "adds xzr, x1, #0x1; b.vs 0x8".to_owned()),
    ];
    // The decoder prefers other names for two conditions.
    let name = |cond: Cond| match cond {
        Cond::Hs => "cs",
        Cond::Lo => "cc",
        _ => cond.text(),
    };
    cases.extend(Cond::ALL.map(|cond| {
        (guard(Test::Int(X1, X2), cond), format!("subs xzr, x1, x2; b.{} 0x8", name(cond)))
    }));
    let cases: Vec<(Inst<Loc>, &str)> =
        cases.iter().map(|(inst, text)| (inst.clone(), text.as_str())).collect();
    check(&cases);
}

#[test]
fn calls() {
    let offset = |helper: Helper| TraceContext::helper_offset(helper.slot());
    let args = vec![Argument::Heap, Argument::Reg(X1), Argument::Imm(3)];
    let set = Inst::Call { helper: Helper::TableSetInt, args, result: None };
    let set_text = format!(
        "ldr x0, [x20, #{:#x}]; movz x2, #0x3, lsl #0x0; ldr x16, [x20, #{:#x}]; blr x16",
        TraceContext::HEAP,
        offset(Helper::TableSetInt)
    );
    let args = vec![Argument::Reg(Loc::D(0))];
    let power = Inst::Call { helper: Helper::FloatMod, args, result: Some(Loc::D(0)) };
    let power_text = format!("ldr x16, [x20, #{:#x}]; blr x16", offset(Helper::FloatMod));
    check(&[(set, &set_text), (power, &power_text)]);
}

#[test]
fn counted_loops() {
    let exit = exit();
    let down = Inst::CountDown { rd: X1, rn: X2, exit: exit.clone() };
    let back = Inst::CountLoop { rd: X1, rn: X1, exit };
    check(&[(down, "subs x1, x2, #0x1; b.cc 0x8"), (back, "subs x1, x1, #0x1; b.cs 0xc; b 0xc")]);
}
