//! Tests: order, equality, truthiness.
//!
//! In:  EQ .. TESTSET.
//! Out: a guard that fails when the outcome differs from the recorded one; none where the operand
//!      types already fix the outcome.
//!
//! A float order is never inverted by swapping: the guard for "not a < b" is its own op, because
//! both `a < b` and `b <= a` are false when one is NaN.

use super::*;
use crate::heap::layout::MAX_SHORT_LEN;

/// `a < b` or `a <= b`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Lt,
    Le,
}

impl Recorder {
    pub(super) fn test(&mut self, view: &View, i: Instruction) -> Result<(), Abort> {
        let outcome = match i.op() {
            Opcode::Test => self.register(view, i.a())?.actual,
            Opcode::TestSet => {
                let operand = self.register(view, i.b())?;
                if operand.actual.is_falsy() != i.k() {
                    self.set_register(i.a(), operand.ir);
                }
                operand.actual
            }
            _ => Value::bool(self.comparison(view, i)?),
        };
        if outcome.is_falsy() == i.k() {
            return Ok(());
        }
        // The test consumes the jump that follows it.
        let jump = view.instruction(self.pc + 1);
        self.jump(self.pc + 2, jump.sj())
    }

    fn comparison(&mut self, view: &View, i: Instruction) -> Result<bool, Abort> {
        let a = self.register(view, i.a())?;
        match i.op() {
            Opcode::Eq => {
                let b = self.register(view, i.b())?;
                self.equality(view, a, b)
            }
            Opcode::EqK => {
                let b = self.constant_operand(view, i.b())?;
                self.equality(view, a, b)
            }
            Opcode::Lt | Opcode::Le => {
                let b = self.register(view, i.b())?;
                let order = if i.op() == Opcode::Lt { Order::Lt } else { Order::Le };
                self.order(order, a, b)
            }
            op => {
                let b = self.integer_operand(i64::from(i.sb()));
                match op {
                    Opcode::EqI => self.equality(view, a, b),
                    Opcode::LtI => self.order(Order::Lt, a, b),
                    Opcode::LeI => self.order(Order::Le, a, b),
                    Opcode::GtI => self.order(Order::Lt, b, a),
                    _ => self.order(Order::Le, b, a),
                }
            }
        }
    }

    fn order(&mut self, order: Order, a: Operand, b: Operand) -> Result<bool, Abort> {
        if let (Some(x), Some(y)) = (a.actual.as_int(), b.actual.as_int()) {
            let outcome = if order == Order::Lt { x < y } else { x <= y };
            // not (a < b) is b <= a, and not (a <= b) is b < a.
            match (order, outcome) {
                (Order::Lt, true) => self.guard(Op::GuardILt, &[a.ir, b.ir]),
                (Order::Lt, false) => self.guard(Op::GuardILe, &[b.ir, a.ir]),
                (Order::Le, true) => self.guard(Op::GuardILe, &[a.ir, b.ir]),
                (Order::Le, false) => self.guard(Op::GuardILt, &[b.ir, a.ir]),
            }
            return Ok(outcome);
        }
        match (a.actual.as_float(), b.actual.as_float()) {
            (None, Some(y)) if is_wide(a) => return self.wide_int_float_order(order, a, y, b.ir),
            (Some(x), None) if is_wide(b) => return self.wide_float_int_order(order, x, a.ir, b),
            _ => {}
        }
        let (x, a) = self.exact_float(a)?;
        let (y, b) = self.exact_float(b)?;
        let outcome = if order == Order::Lt { x < y } else { x <= y };
        let op = match (order, outcome) {
            (Order::Lt, true) => Op::GuardFLt,
            (Order::Lt, false) => Op::GuardFNLt,
            (Order::Le, true) => Op::GuardFLe,
            (Order::Le, false) => Op::GuardFNLe,
        };
        self.guard(op, &[a, b]);
        Ok(outcome)
    }

    /// `a < b` for the operands' actual values, under a guard.
    pub(super) fn less_than(&mut self, a: Operand, b: Operand) -> Result<bool, Abort> {
        self.order(Order::Lt, a, b)
    }

    /// An integer without an exact float against a float. Lua compares exactly: `i < y` is
    /// `i < ceil(y)` and `i <= y` is `i <= floor(y)`, where that is an integer at all.
    fn wide_int_float_order(
        &mut self,
        order: Order,
        a: Operand,
        y: f64,
        b: ValueId,
    ) -> Result<bool, Abort> {
        let rounding = if order == Order::Lt { Op::FCeil } else { Op::FFloor };
        match self.rounded(rounding, y, b) {
            Some(b) => self.order(order, a, b),
            // NaN is false; above all integers is true, below all is false.
            None => Ok(y > 0.0),
        }
    }

    /// A float against an integer without an exact float: `x < i` is `floor(x) < i` and `x <= i` is `ceil(x) <= i`.
    fn wide_float_int_order(
        &mut self,
        order: Order,
        x: f64,
        a: ValueId,
        b: Operand,
    ) -> Result<bool, Abort> {
        let rounding = if order == Order::Lt { Op::FFloor } else { Op::FCeil };
        match self.rounded(rounding, x, a) {
            Some(a) => self.order(order, a, b),
            None => Ok(x < 0.0),
        }
    }

    /// A float rounded to an integer under a guard; `None`, also guarded, when it has none.
    fn rounded(&mut self, rounding: Op, actual: f64, ir: ValueId) -> Option<Operand> {
        let rounded = if rounding == Op::FCeil { actual.ceil() } else { actual.floor() };
        let Some(int) = arith::float_to_int(rounded) else {
            self.guard_outside_integers(actual, ir);
            return None;
        };
        let rounded = self.pure(rounding, Ty::Float, &[ir]);
        let ir = self.typed_load(Op::FloatToInt, Ty::Int, &[rounded]);
        Some(Operand { ir, actual: Value::int(int) })
    }

    /// Guards that a float which rounds to no integer is so for the same reason: NaN, too large, or too
    /// small.
    pub(super) fn guard_outside_integers(&mut self, actual: f64, ir: ValueId) {
        if actual.is_nan() {
            self.guard(Op::GuardFNe, &[ir, ir]);
        } else if actual > 0.0 {
            let bound = self.builder.kfloat(9_223_372_036_854_775_808.0);
            self.guard(Op::GuardFLe, &[bound, ir]);
        } else {
            let bound = self.builder.kfloat(-9_223_372_036_854_775_808.0);
            self.guard(Op::GuardFLt, &[ir, bound]);
        }
    }

    /// A number as a float with the same mathematical value. Lua compares integers with floats
    /// exactly, so an integer beyond 2^53 must not be rounded first.
    fn exact_float(&mut self, operand: Operand) -> Result<(f64, ValueId), Abort> {
        if let Some(x) = operand.actual.as_float() {
            return Ok((x, operand.ir));
        }
        let Some(i) = operand.actual.as_int() else { return Err(Abort::CompareOperand) };
        if i.unsigned_abs() > 1 << 53 {
            return Err(Abort::CompareWide);
        }
        self.guard(Op::GuardFits53, &[operand.ir]);
        Ok((i as f64, self.pure(Op::IntToFloat, Ty::Float, &[operand.ir])))
    }

    fn equality(&mut self, view: &View, a: Operand, b: Operand) -> Result<bool, Abort> {
        let (ta, tb) = (a.actual.tag(), b.actual.tag());
        let same_payload = a.actual.payload() == b.actual.payload();
        match (ta, tb) {
            (Tag::Int, Tag::Int) => {
                let op = if same_payload { Op::GuardIEq } else { Op::GuardINe };
                self.guard(op, &[a.ir, b.ir]);
                Ok(same_payload)
            }
            (Tag::Int | Tag::Float, Tag::Int | Tag::Float) => {
                let (x, a) = self.exact_float(a)?;
                let (y, b) = self.exact_float(b)?;
                let op = if x == y { Op::GuardFEq } else { Op::GuardFNe };
                self.guard(op, &[a, b]);
                Ok(x == y)
            }
            // The types are guarded where the operands were loaded.
            _ if ta != tb => Ok(false),
            (Tag::Nil | Tag::False | Tag::True, _) => Ok(true),
            (Tag::Str, _) => {
                if !view.is_short_string(a.actual) || !view.is_short_string(b.actual) {
                    return Err(Abort::EqualityOperand);
                }
                let same = self.same_address(a, b);
                if !same {
                    // Strings at different addresses differ if one is interned; the other may be long.
                    self.guard_one_short(a, b);
                }
                Ok(same)
            }
            (Tag::Table, _) => {
                let same = self.same_address(a, b);
                if !same {
                    // Different tables may still be equal by __eq of either.
                    self.no_metatable(view, a)?;
                    self.no_metatable(view, b)?;
                }
                Ok(same)
            }
            (Tag::Closure | Tag::Native, _) => Ok(self.same_address(a, b)),
            _ => Err(Abort::EqualityOperand),
        }
    }

    /// Guards that one of two short strings is short in later iterations, too. A constant is.
    fn guard_one_short(&mut self, a: Operand, b: Operand) {
        let constant = |operand: Operand| self.builder.inst(operand.ir).op == Op::KObject;
        if constant(a) || constant(b) {
            return;
        }
        let length = self.pure(Op::StrLen, Ty::Int, &[b.ir]);
        let longest = self.builder.kint(MAX_SHORT_LEN as i64);
        self.guard(Op::GuardILe, &[length, longest]);
    }

    fn same_address(&mut self, a: Operand, b: Operand) -> bool {
        let same = a.actual.payload() == b.actual.payload();
        self.guard(if same { Op::GuardPEq } else { Op::GuardPNe }, &[a.ir, b.ir]);
        same
    }
}

/// An integer that may have no exact float.
fn is_wide(operand: Operand) -> bool {
    operand.actual.as_int().is_some_and(|i| i.unsigned_abs() > 1 << 53)
}
