//! Double-precision semantics with FPCR = 0: round to nearest even, no flush to zero, no default-NaN
//! mode.
//!
//! The host computes; only NaN results are redone here, because the sign and payload of a NaN differ
//! between processors. Arm's rules: a signalling operand wins over a quiet one, the first over the
//! second, and is quieted; an invalid operation on numbers gives the positive default NaN.

use super::op::{FloatBinary, FloatUnary, Rounding};

const QUIET: u64 = 1 << 51;
pub const DEFAULT_NAN: u64 = 0x7ff8_0000_0000_0000;

#[inline(always)]
fn is_nan(bits: u64) -> bool {
    bits & (u64::MAX >> 1) > 0x7ff0_0000_0000_0000
}

fn is_signalling(bits: u64) -> bool {
    is_nan(bits) && bits & QUIET == 0
}

/// The NaN that an operation on these operands, in this priority, returns.
#[cold]
fn propagate(operands: &[u64]) -> u64 {
    let signalling = operands.iter().find(|bits| is_signalling(**bits));
    let nan = signalling.or_else(|| operands.iter().find(|bits| is_nan(**bits)));
    nan.map_or(DEFAULT_NAN, |bits| bits | QUIET)
}

#[inline(always)]
fn settle(result: f64, a: u64, b: u64) -> u64 {
    if result.is_nan() { propagate(&[a, b]) } else { result.to_bits() }
}

#[inline(always)]
pub fn add(a: u64, b: u64) -> u64 {
    settle(f64::from_bits(a) + f64::from_bits(b), a, b)
}

#[inline(always)]
pub fn sub(a: u64, b: u64) -> u64 {
    settle(f64::from_bits(a) - f64::from_bits(b), a, b)
}

#[inline(always)]
pub fn mul(a: u64, b: u64) -> u64 {
    settle(f64::from_bits(a) * f64::from_bits(b), a, b)
}

#[inline(always)]
pub fn div(a: u64, b: u64) -> u64 {
    settle(f64::from_bits(a) / f64::from_bits(b), a, b)
}

pub fn binary(kind: FloatBinary, a: u64, b: u64) -> u64 {
    match kind {
        // The product is negated after NaN handling, as the manual's `FPNeg(FPMul(a, b))` says.
        FloatBinary::Nmul => negate(mul(a, b)),
        FloatBinary::Min => min(a, b),
        FloatBinary::Max => max(a, b),
        FloatBinary::MinNum => {
            let (a, b) = missing_number(a, b, f64::INFINITY);
            min(a, b)
        }
        FloatBinary::MaxNum => {
            let (a, b) = missing_number(a, b, f64::NEG_INFINITY);
            max(a, b)
        }
    }
}

/// A quiet NaN beside a number counts as the neutral operand.
fn missing_number(a: u64, b: u64, neutral: f64) -> (u64, u64) {
    let quiet = |bits| is_nan(bits) && !is_signalling(bits);
    match (quiet(a), quiet(b)) {
        (true, false) => (neutral.to_bits(), b),
        (false, true) => (a, neutral.to_bits()),
        _ => (a, b),
    }
}

fn min(a: u64, b: u64) -> u64 {
    if is_nan(a) || is_nan(b) {
        return propagate(&[a, b]);
    }
    let (x, y) = (f64::from_bits(a), f64::from_bits(b));
    if x == 0.0 && y == 0.0 {
        return a | b; // -0 is the smaller
    }
    if x < y { a } else { b }
}

fn max(a: u64, b: u64) -> u64 {
    if is_nan(a) || is_nan(b) {
        return propagate(&[a, b]);
    }
    let (x, y) = (f64::from_bits(a), f64::from_bits(b));
    if x == 0.0 && y == 0.0 {
        return a & b;
    }
    if x > y { a } else { b }
}

#[inline(always)]
pub fn negate(bits: u64) -> u64 {
    bits ^ 1 << 63
}

#[inline(always)]
pub fn unary(kind: FloatUnary, bits: u64) -> u64 {
    let value = f64::from_bits(bits);
    let result = match kind {
        FloatUnary::Neg => return negate(bits),
        FloatUnary::Abs => return bits & !(1 << 63),
        FloatUnary::Sqrt => value.sqrt(),
        FloatUnary::Round(rounding) => round(rounding, value),
    };
    if result.is_nan() { propagate(&[bits]) } else { result.to_bits() }
}

#[inline(always)]
pub fn round(rounding: Rounding, value: f64) -> f64 {
    match rounding {
        Rounding::TiesEven => value.round_ties_even(),
        Rounding::TiesAway => value.round(),
        Rounding::Up => value.ceil(),
        Rounding::Down => value.floor(),
        Rounding::Zero => value.trunc(),
    }
}

/// `a * b + addend` with one rounding. Operands come already negated as the form asks.
pub fn mul_add(a: u64, b: u64, addend: u64) -> u64 {
    let (x, y) = (f64::from_bits(a), f64::from_bits(b));
    // Infinity times zero is invalid even when the addend is a quiet NaN.
    let invalid = (x.is_infinite() && y == 0.0) || (x == 0.0 && y.is_infinite());
    if invalid && !is_signalling(addend) {
        return DEFAULT_NAN;
    }
    let result = x.mul_add(y, f64::from_bits(addend));
    if result.is_nan() { propagate(&[addend, a, b]) } else { result.to_bits() }
}

/// NZCV of `fcmp`: unordered is C and V.
#[inline(always)]
pub fn compare(a: u64, b: u64) -> u8 {
    let (x, y) = (f64::from_bits(a), f64::from_bits(b));
    if x < y {
        0b1000
    } else if x == y {
        0b0110
    } else if x > y {
        0b0010
    } else {
        0b0011
    }
}

#[inline(always)]
pub fn from_int(w: bool, signed: bool, value: u64) -> u64 {
    let float = match (w, signed) {
        (false, true) => value as i64 as f64,
        (false, false) => value as f64,
        (true, true) => value as i32 as f64,
        (true, false) => value as u32 as f64,
    };
    float.to_bits()
}

/// Saturates; NaN gives 0. Rust's `as` has exactly these rules.
#[inline(always)]
pub fn to_int(w: bool, signed: bool, rounding: Rounding, bits: u64) -> u64 {
    let value = round(rounding, f64::from_bits(bits));
    match (w, signed) {
        (false, true) => value as i64 as u64,
        (false, false) => value as u64,
        (true, true) => value as i32 as u32 as u64,
        (true, false) => value as u32 as u64,
    }
}
