//! Numeric loops: FORPREP, and the step of a float loop.
//!
//! In:  R[A] initial value, R[A+1] limit, R[A+2] step, as the program gave them.
//! Out: R[A] index, R[A+1] iterations left (integers) or limit (floats), R[A+3] the variable; or the error
//!      that names which of them is no number.

use super::operands::Registers;
use crate::heap::Value;
use crate::heap::number::{Rounding, float_to_int, parse_number};
use crate::vm::Vm;
use crate::vm::arith::to_float;
use crate::vm::error::LuaResult;

impl Vm {
    /// FORPREP: checks and prepares a numeric loop; true if it does not run.
    pub(super) fn prepare_for(&mut self, registers: Registers, a: usize) -> LuaResult<bool> {
        let (init, limit, step) = (registers.get(a), registers.get(a + 1), registers.get(a + 2));
        let (Some(init_int), Some(step_int)) = (init.as_int(), step.as_int()) else {
            return self.prepare_float_for(registers, a);
        };
        if step_int == 0 {
            return Err(self.runtime_error("'for' step is zero"));
        }
        registers.set(a + 3, init);
        let Some(limit) = self.for_limit(init_int, limit, step_int)? else {
            return Ok(true);
        };
        let count = if step_int > 0 {
            (limit as u64).wrapping_sub(init_int as u64) / step_int as u64
        } else {
            // `step + 1` avoids negating the smallest integer.
            let step = ((-(step_int + 1)) as u64).wrapping_add(1);
            (init_int as u64).wrapping_sub(limit as u64) / step
        };
        registers.set(a + 1, Value::int(count as i64));
        Ok(false)
    }

    /// The integer limit of an integer loop, `None` if the loop does not run.
    pub(super) fn for_limit(
        &mut self,
        init: i64,
        limit: Value,
        step: i64,
    ) -> LuaResult<Option<i64>> {
        let rounding = if step < 0 { Rounding::Ceil } else { Rounding::Floor };
        let Some(number) = self.to_number(limit) else {
            return Err(self.for_error(limit, "limit"));
        };
        let int = match number.as_float() {
            None => number.as_int(),
            Some(float) => float_to_int(float, rounding),
        };
        let limit = match int {
            Some(int) => int,
            None if number.as_float().is_some_and(|float| float > 0.0) => {
                if step < 0 {
                    return Ok(None);
                }
                i64::MAX
            }
            None => {
                if step > 0 {
                    return Ok(None);
                }
                i64::MIN
            }
        };
        let runs = if step > 0 { init <= limit } else { init >= limit };
        Ok(runs.then_some(limit))
    }

    pub(super) fn prepare_float_for(&mut self, registers: Registers, a: usize) -> LuaResult<bool> {
        let limit = self.for_float(registers.get(a + 1), "limit")?;
        let step = self.for_float(registers.get(a + 2), "step")?;
        let init = self.for_float(registers.get(a), "initial value")?;
        if step == 0.0 {
            return Err(self.runtime_error("'for' step is zero"));
        }
        if if step > 0.0 { limit < init } else { init < limit } {
            return Ok(true);
        }
        registers.set(a + 1, Value::float(limit));
        registers.set(a + 2, Value::float(step));
        registers.set(a, Value::float(init));
        registers.set(a + 3, Value::float(init));
        Ok(false)
    }

    pub(super) fn for_float(&mut self, value: Value, what: &str) -> LuaResult<f64> {
        let number = match value.as_str() {
            Some(string) => parse_number(string.as_bytes()),
            None => Some(value),
        };
        match number.and_then(to_float) {
            Some(float) => Ok(float),
            None => Err(self.for_error(value, what)),
        }
    }
}

/// Advances a float loop; true if it goes on.
#[inline(always)]
pub(super) fn float_for_step(registers: Registers, a: usize) -> bool {
    let float = |register| f64::from_bits(registers.get(register).payload());
    let (step, limit) = (float(a + 2), float(a + 1));
    let index = float(a) + step;
    let goes_on = if step > 0.0 { index <= limit } else { limit <= index };
    if goes_on {
        registers.set(a, Value::float(index));
        registers.set(a + 3, Value::float(index));
    }
    goes_on
}
