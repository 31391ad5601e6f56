//! Faults of lowering: the wrong instruction for an operation.

use super::{Fault, Plant};
use plumb_jit::backend::mach::{
    Cond, Inst, IntOp, Line, MachTrace, OrZero, ShiftedOp, Test, Virtual,
};
use plumb_jit::heap::value::VALUE_SIZE;
use plumb_jit::heap::{Tag, layout};
use plumb_jit::ir::op::Op;

macro_rules! faults {
    ($($name:literal, $about:literal, $imitates:literal, $rare:expr, [$($op:ident),*], $change:expr;)*) => {
        &[$(Fault {
            name: $name,
            about: $about,
            imitates: $imitates,
            rare: $rare,
            ops: &[$(Op::$op),*],
            plant: Plant::Lowered($change),
        }),*]
    };
}

#[rustfmt::skip]
pub const FAULTS: &[Fault] = faults! {
    "lower.shift-range", "a variable shift count is taken modulo 64", "ARM64's shifts for Lua's", Some("only at counts of 64 and more, and below 0"), [Shl, Shr], |t| each(t, shift_range);
    "lower.unordered", "a float comparison leaves on GE for PL, and on GT for HI", "wrong condition after fcmp: LT for MI", Some("only at a NaN"), [GuardFLt, GuardFLe], |t| each(t, unordered);
    "lower.saturation", "a converted float is not tested for saturation", "2^63 converts to maxint", Some("only at 2^63"), [FloatToInt], saturation;
    "lower.floor-division", "a quotient is not corrected to the floor", "sdiv for floor division", Some("only at negative dividends"), [IDiv], |t| each(t, floor_division);
    "lower.floor-modulo", "a remainder by a variable is not corrected to the divisor's sign", "sdiv for floor division", Some("only at operands of different sign"), [IMod], |t| each(t, floor_modulo);
    "lower.compare-immediate", "a comparison with a negative constant uses its size", "cmn and cmp confused", None, [GuardILt, GuardILe], |t| each(t, compare_immediate);
    "lower.store-tag", "a stored float keeps the tag that was there", "the tag store dropped as redundant", Some("only where the element was no float"), [ArrayStore, HashStore], store_tag;
    "lower.node-key", "a node is not compared with its key", "LuaJIT's HREFK without its guard", Some("only where tables of other shapes come"), [HashSlot], node_key;
    "lower.select-nan", "math.min and math.max choose on LT for MI", "wrong condition after fcmp: LT for MI", Some("only at a NaN"), [FMin, FMax], |t| each(t, select_nan);
    "lower.multiply-subtract", "a remainder is the quotient's product less the dividend", "msub's operands", None, [IMod], |t| each(t, multiply_subtract);
    "lower.upvalue-bound", "an upvalue's distance from the frame in bytes is compared with the frame's size in slots", "a stack offset scaled once too few", Some("only with closures over variables of several frames or threads"), [GuardUpvalueOutside], upvalue_bound;
    "lower.power-of-two", "multiplication by a power of two shifts one too few", "log2 rounded down twice", None, [Mul], |t| each(t, power_of_two);
};

fn blocks(trace: &mut MachTrace) -> impl Iterator<Item = &mut Vec<Line>> {
    std::iter::once(&mut trace.entry).chain(&mut trace.body).map(|block| &mut block.lines)
}

fn each(trace: &mut MachTrace, change: fn(&mut Inst<Virtual>)) {
    blocks(trace).flatten().for_each(|line| change(&mut line.inst));
}

fn shift_range(inst: &mut Inst<Virtual>) {
    if let Inst::Select { test: Test::IntImm(_, 64), cond: Cond::Lo, yes, no, .. } = inst {
        *no = *yes;
    }
}

fn unordered(inst: &mut Inst<Virtual>) {
    if let Inst::Guard { test: Test::Float(..) | Test::FloatZero(_), leave, .. } = inst {
        *leave = match *leave {
            Cond::Pl => Cond::Ge,
            Cond::Hi => Cond::Gt,
            other => other,
        };
    }
}

fn saturation(trace: &mut MachTrace) {
    for lines in blocks(trace) {
        lines.retain(|line| !matches!(line.inst, Inst::Guard { leave: Cond::Vs, .. }));
    }
}

fn floor_division(inst: &mut Inst<Virtual>) {
    if let Inst::IntShifted { op: ShiftedOp::AddRightSigned, rd, rn, .. } = *inst {
        *inst = Inst::Int { op: IntOp::Or, rd, rn, rm: rn };
    }
}

fn floor_modulo(inst: &mut Inst<Virtual>) {
    if let Inst::Select { test: Test::NonZeroThenSign(..), yes, no, .. } = inst {
        *yes = *no;
    }
}

fn compare_immediate(inst: &mut Inst<Virtual>) {
    if let Inst::Guard { test: Test::IntImm(_, imm @ ..0), leave, .. } = inst
        && *leave != Cond::Vs
    {
        *imm = -*imm;
    }
}

fn store_tag(trace: &mut MachTrace) {
    for lines in blocks(trace) {
        let mut after_float = false;
        lines.retain(|line| {
            let tag =
                matches!(line.inst, Inst::StoreByte { rn: OrZero::Reg(_), .. }) && after_float;
            after_float = matches!(line.inst, Inst::StoreFloat { .. });
            !tag
        });
    }
}

fn node_key(trace: &mut MachTrace) {
    for lines in blocks(trace) {
        for at in (2..lines.len()).rev() {
            let [tag, load, key] = &lines[at - 2..=at] else { continue };
            let is_string = matches!(
                tag.inst,
                Inst::Guard { test: Test::IntImm(_, tag), .. } if tag == Tag::Str as i32
            );
            let loads = matches!(
                load.inst,
                Inst::Load { from, .. } if from.offset == layout::NODE_KEY_PAYLOAD as i32
            );
            if is_string && loads && matches!(key.inst, Inst::Guard { test: Test::Int(..), .. }) {
                lines.remove(at);
            }
        }
    }
}

fn select_nan(inst: &mut Inst<Virtual>) {
    if let Inst::FloatSelect { cond, .. } = inst
        && *cond == Cond::Mi
    {
        *cond = Cond::Lt;
    }
}

fn multiply_subtract(inst: &mut Inst<Virtual>) {
    if let Inst::MulSub { rd, rn, ra, .. } = *inst {
        *inst = Inst::Int { op: IntOp::Sub, rd, rn: ra, rm: rn };
    }
}

fn upvalue_bound(trace: &mut MachTrace) {
    for lines in blocks(trace) {
        for at in 2..lines.len() {
            let [base, distance, guard] = &mut lines[at - 2..=at] else { continue };
            let from_frame = matches!(base.inst, Inst::FrameAddress { offset: 0, .. })
                && matches!(distance.inst, Inst::Int { op: IntOp::Sub, .. });
            if from_frame && let Inst::Guard { test: Test::IntImm(_, bytes), .. } = &mut guard.inst
            {
                *bytes /= VALUE_SIZE as i32;
            }
        }
    }
}

fn power_of_two(inst: &mut Inst<Virtual>) {
    use plumb_jit::backend::mach::ImmOp;
    if let Inst::IntImm { op: ImmOp::ShiftLeft, imm, .. } = inst
        && *imm > 2
    {
        *imm -= 1;
    }
}
