//! What a form should read as: canonical assembly, written from the machine-level IR and the Arm manual,
//! without the emitter's tables.
//!
//! In:  a step.   Out: one line an instruction, in the decoder's words where it has a choice (`cs` for
//! `hs`). Branch targets are left out; the vectors show where branches go.

use plumb_jit::backend::alloc::Step;
use plumb_jit::backend::mach::{
    Address, Argument, Base, Cond, FloatOp, FloatOp1, ImmOp, Inst, IntOp, IntOp1, Loc, OrZero,
    ShiftedOp, Test, Width,
};
use plumb_jit::exec::TraceContext;

/// What a step reads as. Constants have several spellings, so they are judged by [`constant_value`].
pub fn meaning(step: &Step) -> Vec<String> {
    match step {
        Step::Move { from, to } => vec![copy(*from, *to)],
        Step::Inst { inst, .. } => instruction(inst),
    }
}

fn copy(from: Loc, to: Loc) -> String {
    let slot = |n: u32| format!("[x20, #{}]", TraceContext::spill_offset(n as usize));
    match (from, to) {
        (Loc::X(_), Loc::X(_)) => format!("orr {to}, xzr, {from}"),
        (Loc::Spill(n), _) => format!("ldr {to}, {}", slot(n)),
        (_, Loc::Spill(n)) => format!("str {from}, {}", slot(n)),
        _ => format!("fmov {to}, {from}"),
    }
}

fn cond(cond: Cond) -> &'static str {
    match cond {
        Cond::Hs => "cs",
        Cond::Lo => "cc",
        _ => cond.text(),
    }
}

fn zr(operand: OrZero<Loc>) -> String {
    match operand {
        OrZero::Reg(loc) => loc.to_string(),
        OrZero::Zero => "xzr".into(),
    }
}

/// The 32-bit name of an x register.
fn w(name: String) -> String {
    name.replacen('x', "w", 1)
}

/// A load or store of `bytes`: the scaled form where it has the offset, else the unscaled one.
fn access(name: &str, register: &str, at: Address<Loc>, bytes: i32) -> String {
    let base = match at.base {
        Base::Reg(loc) => loc.to_string(),
        Base::Frame => "x19".into(),
    };
    let scaled = at.offset >= 0 && at.offset % bytes == 0 && at.offset / bytes <= 4095;
    let name = match name.split_at(2) {
        _ if scaled => name.to_string(),
        (kind, rest) => format!("{kind}u{rest}"),
    };
    format!("{name} {register}, [{base}, #{}]", at.offset)
}

fn test(test: Test<Loc>) -> Vec<String> {
    match test {
        Test::Int(a, b) => vec![format!("subs xzr, {a}, {b}")],
        Test::IntImm(a, n @ 0..) => vec![format!("subs xzr, {a}, #{n}")],
        Test::IntImm(a, n) => vec![format!("adds xzr, {a}, #{}", -n)],
        Test::Float(a, b) => vec![format!("fcmp {a}, {b}")],
        Test::FloatZero(a) => vec![format!("fcmp {a}, #0.0")],
        Test::NonZeroThenSign(a, b) => {
            vec![format!("subs xzr, {a}, #0"), format!("ccmp {b}, #0, #0, ne")]
        }
    }
}

fn with_test(tested: Test<Loc>, last: String) -> Vec<String> {
    let mut lines = test(tested);
    lines.push(last);
    lines
}

fn integer(op: IntOp, rd: Loc, rn: Loc, rm: Loc) -> String {
    match op {
        IntOp::Add => format!("add {rd}, {rn}, {rm}"),
        IntOp::Sub => format!("sub {rd}, {rn}, {rm}"),
        IntOp::And => format!("and {rd}, {rn}, {rm}"),
        IntOp::Or => format!("orr {rd}, {rn}, {rm}"),
        IntOp::Xor => format!("eor {rd}, {rn}, {rm}"),
        IntOp::Mul => format!("madd {rd}, {rn}, {rm}, xzr"),
        IntOp::Div => format!("sdiv {rd}, {rn}, {rm}"),
        IntOp::ShiftLeft => format!("lslv {rd}, {rn}, {rm}"),
        IntOp::ShiftRight => format!("lsrv {rd}, {rn}, {rm}"),
    }
}

fn immediate(op: ImmOp, rd: Loc, rn: Loc, imm: u64) -> String {
    match op {
        ImmOp::Add => format!("add {rd}, {rn}, #{imm}"),
        ImmOp::Sub => format!("sub {rd}, {rn}, #{imm}"),
        ImmOp::And => format!("and {rd}, {rn}, #{imm:#x}"),
        ImmOp::Or => format!("orr {rd}, {rn}, #{imm:#x}"),
        ImmOp::Xor => format!("eor {rd}, {rn}, #{imm:#x}"),
        ImmOp::ShiftLeft => format!("ubfm {rd}, {rn}, #{}, #{}", (64 - imm) % 64, 63 - imm),
        ImmOp::ShiftRight => format!("ubfm {rd}, {rn}, #{imm}, #63"),
        ImmOp::ShiftRightSigned => format!("sbfm {rd}, {rn}, #{imm}, #63"),
    }
}

fn float1(op: FloatOp1) -> &'static str {
    match op {
        FloatOp1::Neg => "fneg",
        FloatOp1::Abs => "fabs",
        FloatOp1::Sqrt => "fsqrt",
        FloatOp1::Floor => "frintm",
        FloatOp1::Ceil => "frintp",
    }
}

fn instruction(inst: &Inst<Loc>) -> Vec<String> {
    let one = |line: String| vec![line];
    match *inst {
        Inst::IntConst { .. } => vec![],
        Inst::FloatConst { rd, bits: 0 } => one(format!("fmov {rd}, xzr")),
        Inst::FloatConst { rd, bits } => one(format!("fmov {rd}, #{}", f64::from_bits(bits))),
        Inst::IntToFloatBits { rd, rn } | Inst::FloatToIntBits { rd, rn } => {
            one(format!("fmov {rd}, {rn}"))
        }
        Inst::Int { op, rd, rn, rm } => one(integer(op, rd, rn, rm)),
        Inst::IntImm { op, rd, rn, imm } => one(immediate(op, rd, rn, imm)),
        Inst::IntShifted { op, rd, rn, rm, amount } => one(match op {
            ShiftedOp::AddLeft => format!("add {rd}, {rn}, {rm}, lsl #{amount}"),
            ShiftedOp::AddRightSigned => format!("add {rd}, {rn}, {rm}, asr #{amount}"),
            ShiftedOp::AndRightSigned => format!("and {rd}, {rn}, {rm}, asr #{amount}"),
        }),
        Inst::Int1 { op, rd, rn } => match op {
            IntOp1::Neg => one(format!("sub {rd}, xzr, {rn}")),
            IntOp1::Not => one(format!("orn {rd}, xzr, {rn}")),
            IntOp1::Abs => {
                vec![format!("subs xzr, {rn}, #0"), format!("csneg {rd}, {rn}, {rn}, ge")]
            }
        },
        Inst::MulSub { rd, rn, rm, ra } => one(format!("msub {rd}, {rn}, {rm}, {ra}")),
        Inst::FrameAddress { rd, offset: offset @ 0.. } => one(format!("add {rd}, x19, #{offset}")),
        Inst::FrameAddress { rd, offset } => one(format!("sub {rd}, x19, #{}", -offset)),
        Inst::Select { test, cond: c, rd, yes, no } => {
            with_test(test, format!("csel {rd}, {}, {}, {}", zr(yes), zr(no), cond(c)))
        }
        Inst::Float { op, rd, rn, rm } => {
            let name = match op {
                FloatOp::Add => "fadd",
                FloatOp::Sub => "fsub",
                FloatOp::Mul => "fmul",
                FloatOp::Div => "fdiv",
            };
            one(format!("{name} {rd}, {rn}, {rm}"))
        }
        Inst::Float1 { op, rd, rn } => one(format!("{} {rd}, {rn}", float1(op))),
        Inst::FloatSelect { test, cond: c, rd, yes, no } => {
            with_test(test, format!("fcsel {rd}, {yes}, {no}, {}", cond(c)))
        }
        Inst::IntToFloat { rd, rn } => one(format!("scvtf {rd}, {rn}")),
        Inst::FloatToInt { rd, rn } => one(format!("fcvtzs {rd}, {rn}")),
        Inst::Load { width: Width::Byte, rd, from } => {
            one(access("ldrb", &w(rd.to_string()), from, 1))
        }
        Inst::Load { width: Width::Word, rd, from } => {
            one(access("ldr", &w(rd.to_string()), from, 4))
        }
        Inst::Load { width: Width::Double, rd, from } | Inst::LoadFloat { rd, from } => {
            one(access("ldr", &rd.to_string(), from, 8))
        }
        Inst::Store { rn, to } => one(access("str", &zr(rn), to, 8)),
        Inst::StoreByte { rn, to } => one(access("strb", &w(zr(rn)), to, 1)),
        Inst::StoreFloat { rn, to } => one(access("str", &rn.to_string(), to, 8)),
        Inst::StorePair { first, second, to } => {
            one(access("stp", &format!("{}, {}", zr(first), zr(second)), to, 8)
                .replace("stup", "stp"))
        }
        Inst::Call { helper, ref args, .. } => {
            let argument = |(position, arg): (usize, &Argument<Loc>)| match *arg {
                Argument::Reg(_) => None,
                Argument::Heap => Some(format!("ldr x{position}, [x20, #{}]", TraceContext::HEAP)),
                Argument::Imm(n) => Some(format!("movz x{position}, #{n}")),
            };
            let mut lines: Vec<String> = args.iter().enumerate().filter_map(argument).collect();
            lines.push(format!("ldr x16, [x20, #{}]", TraceContext::helper_offset(helper.slot())));
            lines
        }
        Inst::Guard { test, leave, .. } => with_test(test, format!("b.{}", cond(leave))),
        Inst::GuardZero { rn, leave_zero: true, .. } => one(format!("cbz {rn}")),
        Inst::GuardZero { rn, leave_zero: false, .. } => one(format!("cbnz {rn}")),
        Inst::CountDown { rd, rn, .. } => vec![format!("subs {rd}, {rn}, #1"), "b.cc".into()],
        Inst::CountLoop { rd, rn, .. } => {
            vec![format!("subs {rd}, {rn}, #1"), "b.cs".into(), "b".into()]
        }
        Inst::Leave { .. } | Inst::Jump => one("b".into()),
    }
}

/// The value that a sequence of `movz`, `movn` and `movk` puts into one register, from its text.
pub fn constant_value(lines: &[Vec<String>]) -> Option<(String, u64)> {
    let mut register: Option<(String, u64)> = None;
    for line in lines {
        let number = |at: usize| line.get(at).and_then(|text| text.parse::<u64>().ok());
        let (name, rd, piece) = (line.first()?.as_str(), line.get(1)?, number(2)?);
        let shift = if line.get(3).is_some() { number(4)? } else { 0 };
        let placed = piece << shift;
        let value = match (name, &register) {
            ("movz", None) => placed,
            ("movn", None) => !placed,
            ("movk", Some((same, old))) if same == rd => *old & !(0xffff << shift) | placed,
            _ => return None,
        };
        register = Some((rd.clone(), value));
    }
    register
}
