//! Arithmetic and comparison beyond the interpreter's fast paths.
//!
//! In:  two values and an event.   Out: the result without metamethods, or `None`.
//!
//! Strings count as numbers in arithmetic: PUC does that in the string metatable (`lstrlib.c`), and
//! so does our string library; nothing here converts them.

use crate::bytecode::Event;
use crate::heap::Value;
use crate::heap::number::{
    Rounding, float_floor_div, float_le_int, float_lt_int, float_mod, float_pow, float_to_int,
    int_floor_div, int_le_float, int_lt_float, int_mod, shift_left, shift_right,
};

/// The float value of a number.
#[inline(always)]
pub fn to_float(value: Value) -> Option<f64> {
    match value.as_float() {
        Some(float) => Some(float),
        None => value.as_int().map(|int| int as f64),
    }
}

/// The integer value of a number, if it has one. Strings are not converted.
#[inline(always)]
pub fn to_integer(value: Value) -> Option<i64> {
    match value.as_int() {
        Some(int) => Some(int),
        None => float_to_int(value.as_float()?, Rounding::Exact),
    }
}

/// Why raw arithmetic gave no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArithError {
    /// Some operand is not a number (or not an integer, for a bitwise operation).
    Operands,
    ZeroDivision(&'static str),
}

pub const DIVIDE_BY_ZERO: &str = "attempt to divide by zero";
pub const MODULO_BY_ZERO: &str = "attempt to perform 'n%0'";

/// `left <event> right` on numbers, for the arithmetic and bitwise events. Unary events take the
/// operand twice.
pub fn arithmetic(event: Event, left: Value, right: Value) -> Result<Value, ArithError> {
    match event {
        Event::BAnd | Event::BOr | Event::BXor | Event::Shl | Event::Shr | Event::BNot => {
            let (Some(a), Some(b)) = (to_integer(left), to_integer(right)) else {
                return Err(ArithError::Operands);
            };
            return Ok(Value::int(match event {
                Event::BAnd => a & b,
                Event::BOr => a | b,
                Event::BXor => a ^ b,
                Event::Shl => shift_left(a, b),
                Event::Shr => shift_right(a, b),
                _ => !a,
            }));
        }
        _ => {}
    }
    if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
        let int = match event {
            Event::Add => Some(a.wrapping_add(b)),
            Event::Sub => Some(a.wrapping_sub(b)),
            Event::Mul => Some(a.wrapping_mul(b)),
            Event::Unm => Some(a.wrapping_neg()),
            Event::Mod => Some(int_mod(a, b).ok_or(ArithError::ZeroDivision(MODULO_BY_ZERO))?),
            Event::IDiv => {
                Some(int_floor_div(a, b).ok_or(ArithError::ZeroDivision(DIVIDE_BY_ZERO))?)
            }
            _ => None,
        };
        if let Some(int) = int {
            return Ok(Value::int(int));
        }
    }
    let (Some(a), Some(b)) = (to_float(left), to_float(right)) else {
        return Err(ArithError::Operands);
    };
    Ok(Value::float(match event {
        Event::Add => a + b,
        Event::Sub => a - b,
        Event::Mul => a * b,
        Event::Mod => float_mod(a, b),
        Event::Pow => float_pow(a, b),
        Event::Div => a / b,
        Event::IDiv => float_floor_div(a, b),
        Event::Unm => -a,
        other => unreachable!("{other:?} is not an arithmetic event"),
    }))
}

/// `left < right` for numbers and strings, `None` for anything else.
pub fn less_than(left: Value, right: Value) -> Option<bool> {
    if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
        return Some(a.as_bytes() < b.as_bytes());
    }
    number_less_than(left, right)
}

/// `left <= right` for numbers and strings, `None` for anything else.
pub fn less_equal(left: Value, right: Value) -> Option<bool> {
    if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
        return Some(a.as_bytes() <= b.as_bytes());
    }
    number_less_equal(left, right)
}

#[inline]
pub fn number_less_than(left: Value, right: Value) -> Option<bool> {
    Some(match (left.as_int(), right.as_int()) {
        (Some(a), Some(b)) => a < b,
        (Some(a), None) => int_lt_float(a, right.as_float()?),
        (None, Some(b)) => float_lt_int(left.as_float()?, b),
        (None, None) => left.as_float()? < right.as_float()?,
    })
}

#[inline]
pub fn number_less_equal(left: Value, right: Value) -> Option<bool> {
    Some(match (left.as_int(), right.as_int()) {
        (Some(a), Some(b)) => a <= b,
        (Some(a), None) => int_le_float(a, right.as_float()?),
        (None, Some(b)) => float_le_int(left.as_float()?, b),
        (None, None) => left.as_float()? <= right.as_float()?,
    })
}
