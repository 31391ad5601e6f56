//! What each machine instruction computes: one table, no machine code.
//!
//! In:  an operation and its operands' 64 bits.   Out: the result's 64 bits, or whether a test holds.
//!
//! Written from the meaning that [`crate::backend::mach`] gives each instruction. It shares nothing with
//! the simulator, which decodes words: were both wrong about an instruction, they would be wrong apart.

use std::cmp::Ordering;

use crate::backend::mach::{Cond, FloatOp, FloatOp1, ImmOp, IntOp, IntOp1, ShiftedOp};

pub fn int(op: IntOp, a: u64, b: u64) -> u64 {
    match op {
        IntOp::Add => a.wrapping_add(b),
        IntOp::Sub => a.wrapping_sub(b),
        IntOp::And => a & b,
        IntOp::Or => a | b,
        IntOp::Xor => a ^ b,
        IntOp::Mul => a.wrapping_mul(b),
        IntOp::Div => match b {
            // The architecture says so; lowering guards against it.
            0 => 0,
            _ => (a as i64).wrapping_div(b as i64) as u64,
        },
        IntOp::ShiftLeft => a.wrapping_shl(b as u32 % 64),
        IntOp::ShiftRight => a.wrapping_shr(b as u32 % 64),
    }
}

pub fn int_imm(op: ImmOp, a: u64, imm: u64) -> u64 {
    match op {
        ImmOp::Add => a.wrapping_add(imm),
        ImmOp::Sub => a.wrapping_sub(imm),
        ImmOp::And => a & imm,
        ImmOp::Or => a | imm,
        ImmOp::Xor => a ^ imm,
        ImmOp::ShiftLeft => a << imm,
        ImmOp::ShiftRight => a >> imm,
        ImmOp::ShiftRightSigned => (a as i64 >> imm) as u64,
    }
}

pub fn int1(op: IntOp1, a: u64) -> u64 {
    match op {
        IntOp1::Neg => a.wrapping_neg(),
        IntOp1::Not => !a,
        IntOp1::Abs => (a as i64).wrapping_abs() as u64,
    }
}

pub fn shifted(op: ShiftedOp, a: u64, b: u64, amount: u8) -> u64 {
    match op {
        ShiftedOp::AddLeft => a.wrapping_add(b << amount),
        ShiftedOp::AddRightSigned => a.wrapping_add((b as i64 >> amount) as u64),
        ShiftedOp::AndRightSigned => a & (b as i64 >> amount) as u64,
    }
}

pub fn float(op: FloatOp, a: u64, b: u64) -> u64 {
    let (a, b) = (f64::from_bits(a), f64::from_bits(b));
    let result = match op {
        FloatOp::Add => a + b,
        FloatOp::Sub => a - b,
        FloatOp::Mul => a * b,
        FloatOp::Div => a / b,
    };
    result.to_bits()
}

pub fn float1(op: FloatOp1, a: u64) -> u64 {
    const SIGN: u64 = 1 << 63;
    let value = f64::from_bits(a);
    match op {
        FloatOp1::Neg => a ^ SIGN,
        FloatOp1::Abs => a & !SIGN,
        FloatOp1::Sqrt => value.sqrt().to_bits(),
        FloatOp1::Floor => value.floor().to_bits(),
        FloatOp1::Ceil => value.ceil().to_bits(),
    }
}

pub fn int_to_float(a: u64) -> u64 {
    (a as i64 as f64).to_bits()
}

pub fn float_to_int(a: u64) -> u64 {
    f64::from_bits(a) as i64 as u64
}

/// What a test found out, as far as conditions can ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Of two integers: their order as signed and as unsigned numbers, the sign of their difference
    /// and whether it overflowed.
    Integers { signed: Ordering, unsigned: Ordering, negative: bool, overflow: bool },
    /// Of two floats; `None` if one is NaN.
    Floats(Option<Ordering>),
    /// All flags clear.
    Clear,
}

impl Outcome {
    pub fn of_integers(a: u64, b: u64) -> Outcome {
        let (difference, overflow) = (a as i64).overflowing_sub(b as i64);
        Outcome::Integers {
            signed: (a as i64).cmp(&(b as i64)),
            unsigned: a.cmp(&b),
            negative: difference < 0,
            overflow,
        }
    }

    pub fn of_floats(a: u64, b: u64) -> Outcome {
        Outcome::Floats(f64::from_bits(a).partial_cmp(&f64::from_bits(b)))
    }

    pub fn holds(self, cond: Cond) -> bool {
        match self {
            Outcome::Integers { signed, unsigned, negative, overflow } => match cond {
                Cond::Eq => signed.is_eq(),
                Cond::Ne => signed.is_ne(),
                Cond::Hs => unsigned.is_ge(),
                Cond::Lo => unsigned.is_lt(),
                Cond::Hi => unsigned.is_gt(),
                Cond::Ls => unsigned.is_le(),
                Cond::Ge => signed.is_ge(),
                Cond::Lt => signed.is_lt(),
                Cond::Gt => signed.is_gt(),
                Cond::Le => signed.is_le(),
                Cond::Mi => negative,
                Cond::Pl => !negative,
                Cond::Vs => overflow,
                Cond::Vc => !overflow,
            },
            // Conditions come in pairs of opposites, so NaN is on one side of each.
            Outcome::Floats(order) => match cond {
                Cond::Eq => order.is_some_and(Ordering::is_eq),
                Cond::Mi | Cond::Lo => order.is_some_and(Ordering::is_lt),
                Cond::Ls => order.is_some_and(Ordering::is_le),
                Cond::Gt => order.is_some_and(Ordering::is_gt),
                Cond::Ge => order.is_some_and(Ordering::is_ge),
                Cond::Vc => order.is_some(),
                Cond::Ne | Cond::Pl | Cond::Hs | Cond::Hi | Cond::Le | Cond::Lt | Cond::Vs => {
                    !self.holds(cond.inverted())
                }
            },
            Outcome::Clear => match cond {
                Cond::Eq | Cond::Hs | Cond::Mi | Cond::Vs | Cond::Hi | Cond::Lt | Cond::Le => false,
                Cond::Ne | Cond::Lo | Cond::Pl | Cond::Vc | Cond::Ls | Cond::Ge | Cond::Gt => true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_the_opposite_of_its_inverse() {
        let nan = f64::NAN.to_bits();
        let outcomes = [
            Outcome::of_integers(1, u64::MAX),
            Outcome::of_integers(i64::MIN as u64, 1),
            Outcome::of_integers(5, 5),
            Outcome::of_floats(1f64.to_bits(), 2f64.to_bits()),
            Outcome::of_floats(0, (-0.0f64).to_bits()),
            Outcome::of_floats(nan, nan),
            Outcome::Clear,
        ];
        for outcome in outcomes {
            for cond in Cond::ALL {
                assert_ne!(
                    outcome.holds(cond),
                    outcome.holds(cond.inverted()),
                    "{outcome:?} {cond:?}"
                );
            }
        }
    }

    #[test]
    fn a_nan_is_unordered() {
        let outcome = Outcome::of_floats(f64::NAN.to_bits(), 0);
        let holding = [Cond::Ne, Cond::Hs, Cond::Pl, Cond::Vs, Cond::Hi, Cond::Lt, Cond::Le];
        for cond in Cond::ALL {
            assert_eq!(outcome.holds(cond), holding.contains(&cond), "{cond:?}");
        }
    }

    #[test]
    fn signed_unsigned_and_overflow_differ() {
        let outcome = Outcome::of_integers(i64::MIN as u64, 1);
        let holds = |cond| outcome.holds(cond);
        assert!(holds(Cond::Lt) && holds(Cond::Hi) && holds(Cond::Vs) && holds(Cond::Pl));
    }

    #[test]
    fn edges_of_integers_and_floats() {
        let min = i64::MIN as u64;
        assert_eq!(int(IntOp::Div, min, u64::MAX), min);
        assert_eq!(int(IntOp::ShiftLeft, 1, 65), 2);
        assert_eq!(int1(IntOp1::Abs, min), min);
        assert_eq!(float_to_int(1e300f64.to_bits()) as i64, i64::MAX);
        assert_eq!(float_to_int(f64::NAN.to_bits()), 0);
        assert_eq!(float1(FloatOp1::Neg, 0), (-0.0f64).to_bits());
        assert_eq!(shifted(ShiftedOp::AndRightSigned, 7, u64::MAX, 63), 7);
    }
}
