//! Lowering of arithmetic, conversions and comparisons.
//!
//! Float conditions after `fcmp a, b`: a < b is MI, a <= b is LS, and with the operands swapped GT
//! and GE; all four are false if one is NaN. Their inversions PL, HI, LE and LT are then true, so a
//! guard's leave condition is the plain inversion of what must hold.

use super::{Lower, Place};
use crate::backend::mach::{
    Argument, Class, Cond, FloatOp, FloatOp1, ImmOp, Inst, IntOp, IntOp1, OrZero, ShiftedOp, Test,
    Virtual,
};
use crate::exec::runtime::Helper;
use crate::ir::op::Op;
use crate::ir::trace::{self, SnapshotId, ValueId};

/// Largest immediate of add, sub, cmp and cmn.
const IMM12_MAX: i64 = 4095;

impl Lower<'_> {
    #[rustfmt::skip]
    pub(super) fn arith_op(&mut self, inst: &trace::Inst) -> Place {
        let arg = |index: usize| inst.args.get(index);
        match inst.op {
            Op::Add => self.add(arg(0), arg(1)),
            Op::Sub => self.sub(arg(0), arg(1)),
            Op::Mul => self.mul(arg(0), arg(1)),
            Op::IDiv => self.floor_div(arg(0), arg(1)),
            Op::IMod => self.floor_mod(arg(0), arg(1)),
            Op::Neg => self.int1(IntOp1::Neg, arg(0)),
            Op::BNot => self.int1(IntOp1::Not, arg(0)),
            Op::IAbs => self.int1(IntOp1::Abs, arg(0)),
            Op::BAnd => self.bitwise(IntOp::And, ImmOp::And, arg(0), arg(1)),
            Op::BOr => self.bitwise(IntOp::Or, ImmOp::Or, arg(0), arg(1)),
            Op::BXor => self.bitwise(IntOp::Xor, ImmOp::Xor, arg(0), arg(1)),
            Op::Shl => self.shift(Direction::Left, arg(0), arg(1)),
            Op::Shr => self.shift(Direction::Right, arg(0), arg(1)),
            Op::IMin => self.int_select(Cond::Lt, arg(0), arg(1)),
            Op::IMax => self.int_select(Cond::Gt, arg(0), arg(1)),

            Op::FAdd => self.float(FloatOp::Add, arg(0), arg(1)),
            Op::FSub => self.float(FloatOp::Sub, arg(0), arg(1)),
            Op::FMul => self.float(FloatOp::Mul, arg(0), arg(1)),
            Op::FDiv => self.float(FloatOp::Div, arg(0), arg(1)),
            Op::FMod => self.float_call(Helper::FloatMod, arg(0), arg(1)),
            Op::FPow if self.constant(arg(1)) == Some(2.0f64.to_bits()) => self.float(FloatOp::Mul, arg(0), arg(0)),
            Op::FPow => self.float_call(Helper::FloatPow, arg(0), arg(1)),
            Op::FNeg => self.float1(FloatOp1::Neg, arg(0)),
            Op::FAbs => self.float1(FloatOp1::Abs, arg(0)),
            Op::FSqrt => self.float1(FloatOp1::Sqrt, arg(0)),
            Op::FFloor => self.float1(FloatOp1::Floor, arg(0)),
            Op::FCeil => self.float1(FloatOp1::Ceil, arg(0)),
            // Lua keeps the first argument unless the second is smaller (greater).
            Op::FMin => self.float_select((arg(1), arg(0)), arg(1), arg(0)),
            Op::FMax => self.float_select((arg(0), arg(1)), arg(1), arg(0)),

            Op::IntToFloat => {
                let rn = self.reg(arg(0));
                Place::Reg(self.define_float(|rd| Inst::IntToFloat { rd, rn }))
            }
            Op::FloatToInt => self.float_to_int(arg(0), snapshot_of(inst)),

            Op::GuardILt => self.guard_int(Cond::Lt, inst),
            Op::GuardILe => self.guard_int(Cond::Le, inst),
            Op::GuardIEq | Op::GuardPEq => self.guard_int(Cond::Eq, inst),
            Op::GuardINe | Op::GuardPNe => self.guard_int(Cond::Ne, inst),
            Op::GuardULt => self.guard_int(Cond::Lo, inst),
            Op::GuardFits53 => self.guard_fits53(arg(0), snapshot_of(inst)),
            Op::GuardFLt => self.guard_float(Cond::Mi, inst),
            Op::GuardFLe => self.guard_float(Cond::Ls, inst),
            Op::GuardFNLt => self.guard_float(Cond::Pl, inst),
            Op::GuardFNLe => self.guard_float(Cond::Hi, inst),
            Op::GuardFEq => self.guard_float(Cond::Eq, inst),
            Op::GuardFNe => self.guard_float(Cond::Ne, inst),
            Op::GuardNull => self.guard_zero(arg(0), false, snapshot_of(inst)),
            Op::GuardNonNull => self.guard_zero(arg(0), true, snapshot_of(inst)),
            op => unreachable!("{op} is lowered elsewhere"),
        }
    }

    fn int(&mut self, op: IntOp, rn: Virtual, rm: Virtual) -> Virtual {
        self.define_int(|rd| Inst::Int { op, rd, rn, rm })
    }

    fn int_imm(&mut self, op: ImmOp, rn: Virtual, imm: u64) -> Virtual {
        self.define_int(|rd| Inst::IntImm { op, rd, rn, imm })
    }

    fn int1(&mut self, op: IntOp1, value: ValueId) -> Place {
        let rn = self.reg(value);
        Place::Reg(self.define_int(|rd| Inst::Int1 { op, rd, rn }))
    }

    /// The operands of a commutative operation with a constant, if any, second.
    fn constant_last(&self, a: ValueId, b: ValueId) -> (ValueId, ValueId) {
        if self.constant(a).is_some() { (b, a) } else { (a, b) }
    }

    fn add(&mut self, a: ValueId, b: ValueId) -> Place {
        let (a, b) = self.constant_last(a, b);
        let rn = self.reg(a);
        if let Some(imm) = self.constant(b)
            && let Some(sum) = self.add_constant(rn, imm as i64)
        {
            return Place::Reg(sum);
        }
        let rm = self.reg(b);
        Place::Reg(self.int(IntOp::Add, rn, rm))
    }

    /// rn + imm without a register for imm, if that can be.
    fn add_constant(&mut self, rn: Virtual, imm: i64) -> Option<Virtual> {
        match imm {
            0 => Some(rn),
            1..=IMM12_MAX => Some(self.int_imm(ImmOp::Add, rn, imm as u64)),
            _ if (-IMM12_MAX..0).contains(&imm) => {
                Some(self.int_imm(ImmOp::Sub, rn, imm.unsigned_abs()))
            }
            _ => None,
        }
    }

    fn sub(&mut self, a: ValueId, b: ValueId) -> Place {
        if self.constant(a) == Some(0) {
            return self.int1(IntOp1::Neg, b);
        }
        let rn = self.reg(a);
        if let Some(imm) = self.constant(b)
            && let Some(difference) = self.add_constant(rn, (imm as i64).wrapping_neg())
        {
            return Place::Reg(difference);
        }
        let rm = self.reg(b);
        Place::Reg(self.int(IntOp::Sub, rn, rm))
    }

    fn mul(&mut self, a: ValueId, b: ValueId) -> Place {
        let (a, b) = self.constant_last(a, b);
        let rn = self.reg(a);
        match self.constant(b) {
            Some(1) => Place::Reg(rn),
            Some(factor) if factor.is_power_of_two() => {
                Place::Reg(self.int_imm(ImmOp::ShiftLeft, rn, factor.trailing_zeros().into()))
            }
            _ => {
                let rm = self.reg(b);
                Place::Reg(self.int(IntOp::Mul, rn, rm))
            }
        }
    }

    fn bitwise(&mut self, op: IntOp, imm_op: ImmOp, a: ValueId, b: ValueId) -> Place {
        let (a, b) = self.constant_last(a, b);
        let rn = self.reg(a);
        match self.constant(b) {
            Some(imm) if dynasmrt::aarch64::encode_logical_immediate_64bit(imm).is_some() => {
                Place::Reg(self.int_imm(imm_op, rn, imm))
            }
            _ => {
                let rm = self.reg(b);
                Place::Reg(self.int(op, rn, rm))
            }
        }
    }

    /// The quotient towards zero and its remainder.
    fn divide(&mut self, a: Virtual, b: Virtual) -> (Virtual, Virtual) {
        let quotient = self.int(IntOp::Div, a, b);
        let remainder = self.define_int(|rd| Inst::MulSub { rd, rn: quotient, rm: b, ra: a });
        (quotient, remainder)
    }

    /// Whether a quotient towards zero lies above the floor: the remainder is not zero and its sign
    /// is not the divisor's. Holds on LT.
    fn rounded_up(&mut self, remainder: Virtual, divisor: Virtual) -> Test<Virtual> {
        let signs = self.int(IntOp::Xor, remainder, divisor);
        Test::NonZeroThenSign(remainder, signs)
    }

    fn floor_div(&mut self, a: ValueId, b: ValueId) -> Place {
        let rn = self.reg(a);
        let constant = self.constant(b).map(|bits| bits as i64);
        match constant {
            Some(1) => return Place::Reg(rn),
            Some(-1) => return self.int1(IntOp1::Neg, a),
            Some(divisor) if divisor > 0 && divisor.count_ones() == 1 => {
                let amount = divisor.trailing_zeros().into();
                return Place::Reg(self.int_imm(ImmOp::ShiftRightSigned, rn, amount));
            }
            _ => {}
        }
        let rm = self.reg(b);
        let (quotient, remainder) = self.divide(rn, rm);
        if constant.is_some_and(|divisor| divisor > 0) {
            // The remainder's sign bits are the correction, -1 or 0.
            let op = ShiftedOp::AddRightSigned;
            let fixed = |rd| Inst::IntShifted { op, rd, rn: quotient, rm: remainder, amount: 63 };
            return Place::Reg(self.define_int(fixed));
        }
        let test = self.rounded_up(remainder, rm);
        let below = self.int_imm(ImmOp::Sub, quotient, 1);
        Place::Reg(self.select(test, Cond::Lt, OrZero::Reg(below), OrZero::Reg(quotient)))
    }

    fn floor_mod(&mut self, a: ValueId, b: ValueId) -> Place {
        let rn = self.reg(a);
        let constant = self.constant(b).map(|bits| bits as i64);
        match constant {
            Some(1 | -1) => return Place::Const(0),
            Some(divisor) if divisor > 0 && divisor.count_ones() == 1 => {
                return Place::Reg(self.int_imm(ImmOp::And, rn, divisor as u64 - 1));
            }
            _ => {}
        }
        let rm = self.reg(b);
        let (_, remainder) = self.divide(rn, rm);
        if constant.is_some_and(|divisor| divisor > 0) {
            let op = ShiftedOp::AndRightSigned;
            let correction = self.define_int(|rd| Inst::IntShifted {
                op,
                rd,
                rn: rm,
                rm: remainder,
                amount: 63,
            });
            return Place::Reg(self.int(IntOp::Add, remainder, correction));
        }
        let test = self.rounded_up(remainder, rm);
        let above = self.int(IntOp::Add, remainder, rm);
        Place::Reg(self.select(test, Cond::Lt, OrZero::Reg(above), OrZero::Reg(remainder)))
    }

    fn select(
        &mut self,
        test: Test<Virtual>,
        cond: Cond,
        yes: OrZero<Virtual>,
        no: OrZero<Virtual>,
    ) -> Virtual {
        self.define_int(|rd| Inst::Select { test, cond, rd, yes, no })
    }

    /// a if `a cond b`, else b.
    fn int_select(&mut self, cond: Cond, a: ValueId, b: ValueId) -> Place {
        let (test, cond) = self.int_test(cond, a, b);
        let (yes, no) = (self.reg_or_zero(a), self.reg_or_zero(b));
        Place::Reg(self.select(test, cond, yes, no))
    }

    /// Lua's shifts. ARM64 takes amounts modulo 64, so both directions are computed and one, or
    /// zero, is selected: the amount, taken unsigned, is below 64 in at most one direction (or 0,
    /// where both directions agree).
    fn shift(&mut self, direction: Direction, a: ValueId, amount: ValueId) -> Place {
        let (forward, forward_imm, backward, backward_imm) = match direction {
            Direction::Left => {
                (IntOp::ShiftLeft, ImmOp::ShiftLeft, IntOp::ShiftRight, ImmOp::ShiftRight)
            }
            Direction::Right => {
                (IntOp::ShiftRight, ImmOp::ShiftRight, IntOp::ShiftLeft, ImmOp::ShiftLeft)
            }
        };
        if let Some(amount) = self.constant(amount) {
            let rn = self.reg(a);
            return match amount as i64 {
                0 => Place::Reg(rn),
                n @ 1..=63 => Place::Reg(self.int_imm(forward_imm, rn, n as u64)),
                n @ -63..=-1 => Place::Reg(self.int_imm(backward_imm, rn, n.unsigned_abs())),
                _ => Place::Const(0),
            };
        }
        let (rn, rm) = (self.reg(a), self.reg(amount));
        let there = self.int(forward, rn, rm);
        let back_amount = self.define_int(|rd| Inst::Int1 { op: IntOp1::Neg, rd, rn: rm });
        let back = self.int(backward, rn, back_amount);
        let in_range = |amount| Test::IntImm(amount, 64);
        let back = self.select(in_range(back_amount), Cond::Lo, OrZero::Reg(back), OrZero::Zero);
        Place::Reg(self.select(in_range(rm), Cond::Lo, OrZero::Reg(there), OrZero::Reg(back)))
    }

    fn float(&mut self, op: FloatOp, a: ValueId, b: ValueId) -> Place {
        let (rn, rm) = (self.reg(a), self.reg(b));
        Place::Reg(self.define_float(|rd| Inst::Float { op, rd, rn, rm }))
    }

    fn float1(&mut self, op: FloatOp1, value: ValueId) -> Place {
        let rn = self.reg(value);
        Place::Reg(self.define_float(|rd| Inst::Float1 { op, rd, rn }))
    }

    fn float_call(&mut self, helper: Helper, a: ValueId, b: ValueId) -> Place {
        let args = vec![Argument::Reg(self.reg(a)), Argument::Reg(self.reg(b))];
        Place::Reg(self.define_float(|rd| Inst::Call { helper, args, result: Some(rd) }))
    }

    /// `yes` if `less.0 < less.1`, else `no`.
    fn float_select(&mut self, less: (ValueId, ValueId), yes: ValueId, no: ValueId) -> Place {
        let (test, cond) = self.float_test(Cond::Mi, less.0, less.1);
        let (yes, no) = (self.reg(yes), self.reg(no));
        Place::Reg(self.define_float(|rd| Inst::FloatSelect { test, cond, rd, yes, no }))
    }

    /// Exact iff converting back gives the same float. The conversion saturates, so 2^63 and above
    /// come back as 2^63 from maxint, which itself no float equals: maxint + 1 overflows.
    fn float_to_int(&mut self, value: ValueId, snapshot: SnapshotId) -> Place {
        let float = self.reg(value);
        let int = self.define_int(|rd| Inst::FloatToInt { rd, rn: float });
        let back = self.define_float(|rd| Inst::IntToFloat { rd, rn: int });
        self.guard(Test::Float(float, back), Cond::Ne, snapshot);
        self.guard(Test::IntImm(int, -1), Cond::Vs, snapshot);
        Place::Reg(int)
    }

    /// Flags and condition for `a cond b`, integers or addresses.
    fn int_test(&mut self, cond: Cond, a: ValueId, b: ValueId) -> (Test<Virtual>, Cond) {
        if let Some(imm) = self.constant(b).and_then(compare_immediate) {
            return (Test::IntImm(self.reg(a), imm), cond);
        }
        if let Some(imm) = self.constant(a).and_then(compare_immediate) {
            return (Test::IntImm(self.reg(b), imm), swapped_int(cond));
        }
        (Test::Int(self.reg(a), self.reg(b)), cond)
    }

    fn float_test(&mut self, cond: Cond, a: ValueId, b: ValueId) -> (Test<Virtual>, Cond) {
        let is_zero = |bits: u64| f64::from_bits(bits) == 0.0;
        if self.constant(b).is_some_and(is_zero) {
            return (Test::FloatZero(self.reg(a)), cond);
        }
        if self.constant(a).is_some_and(is_zero) {
            return (Test::FloatZero(self.reg(b)), swapped_float(cond));
        }
        (Test::Float(self.reg(a), self.reg(b)), cond)
    }

    fn guard(&mut self, test: Test<Virtual>, leave: Cond, snapshot: SnapshotId) {
        let exit = self.exit(snapshot);
        self.push(Inst::Guard { test, leave, exit });
    }

    pub(super) fn guard_zero(
        &mut self,
        value: ValueId,
        leave_zero: bool,
        snapshot: SnapshotId,
    ) -> Place {
        let rn = self.reg(value);
        let exit = self.exit(snapshot);
        self.push(Inst::GuardZero { rn, leave_zero, exit });
        Place::None
    }

    /// Stays while `cond` holds between the operands.
    fn guard_int(&mut self, cond: Cond, inst: &trace::Inst) -> Place {
        let (test, cond) = self.int_test(cond, inst.args.get(0), inst.args.get(1));
        self.guard_holds(test, cond, snapshot_of(inst));
        Place::None
    }

    /// Stays while the flags of `test` satisfy `cond`.
    pub(super) fn guard_holds(&mut self, test: Test<Virtual>, cond: Cond, snapshot: SnapshotId) {
        match (test, cond) {
            (Test::IntImm(rn, 0), Cond::Eq | Cond::Ne) => {
                let exit = self.exit(snapshot);
                self.push(Inst::GuardZero { rn, leave_zero: cond == Cond::Ne, exit });
            }
            _ => self.guard(test, cond.inverted(), snapshot),
        }
    }

    fn guard_float(&mut self, cond: Cond, inst: &trace::Inst) -> Place {
        let (test, cond) = self.float_test(cond, inst.args.get(0), inst.args.get(1));
        self.guard(test, cond.inverted(), snapshot_of(inst));
        Place::None
    }

    /// -2^53 <= a <= 2^53 as one unsigned comparison.
    fn guard_fits53(&mut self, value: ValueId, snapshot: SnapshotId) -> Place {
        let rn = self.reg(value);
        let bias = self.constant_reg(Class::Int, 1 << 53);
        let range = self.constant_reg(Class::Int, 1 << 54);
        let biased = self.int(IntOp::Add, rn, bias);
        self.guard(Test::Int(biased, range), Cond::Hi, snapshot);
        Place::None
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Left,
    Right,
}

/// The snapshot that the verifier demands of every guard.
pub(super) fn snapshot_of(inst: &trace::Inst) -> SnapshotId {
    inst.snapshot.unwrap_or_else(|| panic!("{} has no snapshot", inst.op))
}

fn compare_immediate(bits: u64) -> Option<i32> {
    let value = bits as i64;
    (-IMM12_MAX..=IMM12_MAX).contains(&value).then_some(value as i32)
}

/// The integer condition for `b, a` that says what `cond` says for `a, b`.
fn swapped_int(cond: Cond) -> Cond {
    match cond {
        Cond::Eq | Cond::Ne => cond,
        Cond::Lt => Cond::Gt,
        Cond::Le => Cond::Ge,
        Cond::Gt => Cond::Lt,
        Cond::Lo => Cond::Hi,
        _ => unreachable!("no integer comparison is lowered to {}", cond.text()),
    }
}

/// The same after `fcmp`.
fn swapped_float(cond: Cond) -> Cond {
    match cond {
        Cond::Eq | Cond::Ne => cond,
        Cond::Mi => Cond::Gt,
        Cond::Ls => Cond::Ge,
        Cond::Pl => Cond::Le,
        Cond::Hi => Cond::Lt,
        _ => unreachable!("no float comparison is lowered to {}", cond.text()),
    }
}
