//! Arithmetic on literals.
//!
//! In:  an operator and numeric literals. Out: the literal result, or nothing when PUC does not fold:
//! operands without an integer value under a bitwise operator, a zero divisor, and float results that
//! are NaN or zero (a zero constant would lose the sign of -0.0).

use crate::syntax::ast::{BinOp, UnOp};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    fn as_float(self) -> f64 {
        match self {
            Number::Int(value) => value as f64,
            Number::Float(value) => value,
        }
    }

    fn as_int(self) -> Option<i64> {
        match self {
            Number::Int(value) => Some(value),
            Number::Float(value) => float_to_int(value),
        }
    }
}

/// The integer that equals this float, if there is one.
pub(super) fn float_to_int(value: f64) -> Option<i64> {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    (value.floor() == value && (-TWO_63..TWO_63).contains(&value)).then_some(value as i64)
}

pub(super) fn fold_unary(op: UnOp, operand: Number) -> Option<Number> {
    match (op, operand) {
        (UnOp::Neg, Number::Int(value)) => Some(Number::Int(value.wrapping_neg())),
        (UnOp::Neg, Number::Float(value)) => foldable(-value),
        (UnOp::BNot, operand) => operand.as_int().map(|value| Number::Int(!value)),
        (UnOp::Not | UnOp::Len, _) => None,
    }
}

pub(super) fn fold_binary(op: BinOp, left: Number, right: Number) -> Option<Number> {
    match op {
        BinOp::BAnd | BinOp::BOr | BinOp::BXor | BinOp::Shl | BinOp::Shr => {
            fold_bitwise(op, left.as_int()?, right.as_int()?).map(Number::Int)
        }
        BinOp::Div | BinOp::IDiv | BinOp::Mod if right.as_float() == 0.0 => None,
        _ => match (left, right) {
            (Number::Int(x), Number::Int(y)) if !matches!(op, BinOp::Div | BinOp::Pow) => {
                fold_ints(op, x, y).map(Number::Int)
            }
            _ => fold_floats(op, left.as_float(), right.as_float()).and_then(foldable),
        },
    }
}

fn foldable(result: f64) -> Option<Number> {
    (!result.is_nan() && result != 0.0).then_some(Number::Float(result))
}

fn fold_bitwise(op: BinOp, x: i64, y: i64) -> Option<i64> {
    Some(match op {
        BinOp::BAnd => x & y,
        BinOp::BOr => x | y,
        BinOp::BXor => x ^ y,
        BinOp::Shl => shift_left(x, y),
        BinOp::Shr => shift_left(x, y.wrapping_neg()),
        _ => return None,
    })
}

/// A logical shift; negative counts shift right, counts of 64 and more give 0.
fn shift_left(x: i64, count: i64) -> i64 {
    let bits = x as u64;
    (match count {
        0..64 => bits << count,
        -63..0 => bits >> -count,
        _ => 0,
    }) as i64
}

fn fold_ints(op: BinOp, x: i64, y: i64) -> Option<i64> {
    Some(match op {
        BinOp::Add => x.wrapping_add(y),
        BinOp::Sub => x.wrapping_sub(y),
        BinOp::Mul => x.wrapping_mul(y),
        BinOp::IDiv => {
            let quotient = x.wrapping_div(y);
            if x.wrapping_rem(y) != 0 && (x ^ y) < 0 { quotient - 1 } else { quotient }
        }
        BinOp::Mod => {
            let remainder = x.wrapping_rem(y);
            if remainder != 0 && (remainder ^ y) < 0 { remainder + y } else { remainder }
        }
        _ => return None,
    })
}

fn fold_floats(op: BinOp, x: f64, y: f64) -> Option<f64> {
    Some(match op {
        BinOp::Add => x + y,
        BinOp::Sub => x - y,
        BinOp::Mul => x * y,
        BinOp::Div => x / y,
        BinOp::IDiv => (x / y).floor(),
        BinOp::Pow if y == 2.0 => x * x,
        BinOp::Pow => x.powf(y),
        BinOp::Mod => {
            let remainder = x % y;
            let signs_differ = if remainder > 0.0 { y < 0.0 } else { remainder < 0.0 && y > 0.0 };
            if signs_differ { remainder + y } else { remainder }
        }
        _ => return None,
    })
}
