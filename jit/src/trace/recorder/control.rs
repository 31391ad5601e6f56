//! Jumps and the numeric `for`.
//!
//! In:  JMP (alone or consumed by a test), FORLOOP.
//! Out: guards for loop counts; an abort when control does not stay in the loop being recorded.
//!
//! A backward jump to the head ends the iteration: the next step sees the head and finishes. A
//! backward jump elsewhere belongs to an inner loop or to one around.

use super::*;

impl Recorder {
    /// A taken jump of `distance` from `next`, the instruction after the jump.
    pub(super) fn jump(&mut self, next: u32, distance: i32) -> Result<(), Abort> {
        if distance >= 0 {
            return Ok(());
        }
        let target = next.wrapping_add_signed(distance);
        if self.in_root() && target == self.head {
            return Ok(());
        }
        let around = self.in_root() && target < self.head;
        Err(if around { Abort::LeavesLoop } else { Abort::InnerLoop })
    }

    /// FORLOOP: integers count a precomputed, unsigned iteration count down; floats compare.
    pub(super) fn for_loop(&mut self, view: &View, i: Instruction) -> Result<(), Abort> {
        let a = i.a();
        let body = self.pc + 1 - i.bx() as u32;
        let step = self.register(view, a + 2)?;
        let goes_on = match step.actual.tag() {
            Tag::Int => self.int_for_loop(view, a, step)?,
            _ => self.float_for_loop(view, a, step)?,
        };
        if !goes_on {
            return Err(if self.in_root() && body == self.head {
                Abort::LeavesLoop
            } else {
                Abort::InnerLoop
            });
        }
        self.jump(self.pc + 1, -(i.bx() as i32))
    }

    fn int_for_loop(&mut self, view: &View, a: usize, step: Operand) -> Result<bool, Abort> {
        let count = self.register(view, a + 1)?;
        let index = self.register(view, a)?;
        if count.actual.payload() == 0 {
            return Ok(false);
        }
        let zero = self.builder.kint(0);
        self.guard(Op::GuardINe, &[count.ir, zero]);
        let one = self.builder.kint(1);
        let count = self.pure(Op::Sub, Ty::Int, &[count.ir, one]);
        let index = self.pure(Op::Add, Ty::Int, &[index.ir, step.ir]);
        self.set_register(a + 1, count);
        self.set_register(a, index);
        self.set_register(a + 3, index);
        Ok(true)
    }

    fn float_for_loop(&mut self, view: &View, a: usize, step: Operand) -> Result<bool, Abort> {
        let limit = self.register(view, a + 1)?;
        let index = self.register(view, a)?;
        let (Some(x), Some(by), Some(end)) =
            (index.actual.as_float(), step.actual.as_float(), limit.actual.as_float())
        else {
            return Err(Abort::ArithmeticOperand);
        };
        let next = self.pure(Op::FAdd, Ty::Float, &[index.ir, step.ir]);
        let zero = self.builder.kfloat(0.0);
        let goes_on = if 0.0 < by {
            self.guard(Op::GuardFLt, &[zero, step.ir]);
            self.guard(Op::GuardFLe, &[next, limit.ir]);
            x + by <= end
        } else {
            self.guard(Op::GuardFNLt, &[zero, step.ir]);
            self.guard(Op::GuardFLe, &[limit.ir, next]);
            end <= x + by
        };
        self.set_register(a, next);
        self.set_register(a + 3, next);
        Ok(goes_on)
    }
}
