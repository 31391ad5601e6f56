//! Unary and binary operators.
//!
//! A binary operator takes three steps, because its left operand must be placed before the right one
//! is compiled: [`Compiler::infix`], the right operand, [`Compiler::postfix`]. Each step keeps literals
//! as long as a variant of the instruction may hold them as operand: `sC` (ADDI, SHRI, SHLI and the
//! comparisons), or a constant (ADDK and its kin, EQK). Every arithmetic instruction is followed by the
//! one that calls its metamethod.

use super::super::opcode::{Event, Instruction, Op};
use super::expdesc::{ExpDesc, Kind, encode_signed, fit_signed};
use super::fold::{Number, fold_binary, fold_unary};
use super::{Compiler, Res};
use crate::syntax::ast::{BinOp, UnOp};

/// The opcode as far from `first` as `op` is from `first_op`; both enums have PUC's order.
fn variant(op: BinOp, first_op: BinOp, first: Op) -> Op {
    Op::from_u8(first as u8 + (op as u8 - first_op as u8))
}

fn event(op: BinOp) -> u32 {
    Event::Add as u32 + op as u32 - BinOp::Add as u32
}

/// Second operand of an arithmetic instruction.
struct Operand {
    op: Op,
    /// Encoded B or C field.
    field: u32,
    metamethod: Op,
    event: u32,
    /// The operands were swapped.
    flipped: bool,
}

impl<'a> Compiler<'a> {
    pub(super) fn unary(&mut self, op: UnOp, e: &mut ExpDesc<'a>, line: u32) -> Res {
        self.discharge(e);
        if let Some(folded) = e.numeral().and_then(|number| fold_unary(op, number)) {
            e.kind = literal(folded);
            return Ok(());
        }
        let op = match op {
            UnOp::Not => return self.negate(e),
            UnOp::Neg => Op::Unm,
            UnOp::BNot => Op::BNot,
            UnOp::Len => Op::Len,
        };
        let register = self.place_anywhere(e)?;
        self.release_value(e);
        e.kind = Kind::Relocatable(self.emit(Instruction::abc(op, 0, register, 0)));
        self.f.fix_line(line);
        Ok(())
    }

    /// Places the left operand.
    pub(super) fn infix(&mut self, op: BinOp, left: &mut ExpDesc<'a>) -> Res {
        self.discharge(left);
        match op {
            BinOp::And => self.go_if_true(left)?,
            BinOp::Or => self.go_if_false(left)?,
            BinOp::Concat => self.place_next(left)?,
            BinOp::Eq | BinOp::Ne => {
                if left.numeral().is_none() {
                    self.place_or_constant(left)?;
                }
            }
            BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => {
                if left.comparison_immediate(&mut false).is_none() {
                    self.place_anywhere(left)?;
                }
            }
            _ => {
                if left.numeral().is_none() {
                    self.place_anywhere(left)?;
                }
            }
        }
        Ok(())
    }

    /// Combines the placed left operand with the right one; the result is in `left`.
    pub(super) fn postfix(
        &mut self,
        op: BinOp,
        left: &mut ExpDesc<'a>,
        mut right: ExpDesc<'a>,
        line: u32,
    ) -> Res {
        self.discharge(&mut right);
        if let (Some(x), Some(y)) = (left.numeral(), right.numeral())
            && let Some(folded) = fold_binary(op, x, y)
        {
            left.kind = literal(folded);
            return Ok(());
        }
        match op {
            BinOp::And => {
                self.f.concat_jumps(&mut right.exit_false, left.exit_false)?;
                *left = right;
                Ok(())
            }
            BinOp::Or => {
                self.f.concat_jumps(&mut right.exit_true, left.exit_true)?;
                *left = right;
                Ok(())
            }
            BinOp::Concat => self.concat(left, &mut right, line),
            BinOp::Eq | BinOp::Ne => self.equality(op, left, right),
            BinOp::Lt | BinOp::Le => self.order(op, left, right),
            // (a > b) is (b < a).
            BinOp::Gt | BinOp::Ge => {
                std::mem::swap(left, &mut right);
                self.order(if op == BinOp::Gt { BinOp::Lt } else { BinOp::Le }, left, right)
            }
            BinOp::Add | BinOp::Mul => self.commutative(op, left, right, line),
            BinOp::BAnd | BinOp::BOr | BinOp::BXor => self.bitwise(op, left, right, line),
            BinOp::Sub | BinOp::Div | BinOp::IDiv | BinOp::Mod | BinOp::Pow => {
                if op == BinOp::Sub && self.negated_immediate(op, Op::AddI, left, &right, line)? {
                    return Ok(());
                }
                self.arithmetic(op, left, right, false, line)
            }
            BinOp::Shl => {
                if left.signed_immediate().is_some() {
                    std::mem::swap(left, &mut right);
                    return self.immediate(op, Op::ShlI, left, &right, true, line);
                }
                if self.negated_immediate(op, Op::ShrI, left, &right, line)? {
                    return Ok(());
                }
                self.registers(op, left, right, line)
            }
            BinOp::Shr if right.signed_immediate().is_some() => {
                self.immediate(op, Op::ShrI, left, &right, false, line)
            }
            BinOp::Shr => self.registers(op, left, right, line),
        }
    }

    // Arithmetic.

    /// Emits the instruction and its metamethod call.
    fn finish_arithmetic(
        &mut self,
        left: &mut ExpDesc<'a>,
        right: &ExpDesc<'a>,
        operand: Operand,
        line: u32,
    ) -> Res {
        let register = self.place_anywhere(left)?;
        let pc = self.emit(Instruction::abc(operand.op, 0, register, operand.field));
        self.release_values(left, right);
        left.kind = Kind::Relocatable(pc);
        self.f.fix_line(line);
        self.emit(Instruction::abck(
            operand.metamethod,
            register,
            operand.field,
            operand.event,
            operand.flipped,
        ));
        self.f.fix_line(line);
        Ok(())
    }

    /// Both operands in registers.
    fn registers(
        &mut self,
        op: BinOp,
        left: &mut ExpDesc<'a>,
        mut right: ExpDesc<'a>,
        line: u32,
    ) -> Res {
        let field = self.place_anywhere(&mut right)?;
        let operand = Operand {
            op: variant(op, BinOp::Add, Op::Add),
            field,
            metamethod: Op::MmBin,
            event: event(op),
            flipped: false,
        };
        self.finish_arithmetic(left, &right, operand, line)
    }

    /// The right operand is a small integer literal.
    fn immediate(
        &mut self,
        op: BinOp,
        code: Op,
        left: &mut ExpDesc<'a>,
        right: &ExpDesc<'a>,
        flipped: bool,
        line: u32,
    ) -> Res {
        let Some(value) = right.signed_immediate() else {
            unreachable!("the caller saw a small integer");
        };
        let field = encode_signed(value);
        let operand =
            Operand { op: code, field, metamethod: Op::MmBinI, event: event(op), flipped };
        self.finish_arithmetic(left, right, operand, line)
    }

    /// `left - I` as `left + -I`, `left << I` as `left >> -I`, when both signs fit. The metamethod sees
    /// the original operand.
    fn negated_immediate(
        &mut self,
        op: BinOp,
        code: Op,
        left: &mut ExpDesc<'a>,
        right: &ExpDesc<'a>,
        line: u32,
    ) -> Res<bool> {
        let Some(value) = right.signed_immediate().filter(|&v| fit_signed(-i64::from(v)).is_some())
        else {
            return Ok(false);
        };
        let operand = Operand {
            op: code,
            field: encode_signed(-value),
            metamethod: Op::MmBinI,
            event: event(op),
            flipped: false,
        };
        self.finish_arithmetic(left, right, operand, line)?;
        let pc = self.f.pc() - 1;
        let metamethod = self.f.instruction(pc);
        *metamethod = metamethod.with_b(encode_signed(value));
        Ok(true)
    }

    /// The right operand is constant `index`.
    fn with_constant(
        &mut self,
        op: BinOp,
        left: &mut ExpDesc<'a>,
        right: &ExpDesc<'a>,
        index: u32,
        flipped: bool,
        line: u32,
    ) -> Res {
        let operand = Operand {
            op: variant(op, BinOp::Add, Op::AddK),
            field: index,
            metamethod: Op::MmBinK,
            event: event(op),
            flipped,
        };
        self.finish_arithmetic(left, right, operand, line)
    }

    /// No operand is a literal that an instruction can hold: back to the original order.
    fn without_constant(
        &mut self,
        op: BinOp,
        left: &mut ExpDesc<'a>,
        mut right: ExpDesc<'a>,
        flipped: bool,
        line: u32,
    ) -> Res {
        if flipped {
            std::mem::swap(left, &mut right);
        }
        self.registers(op, left, right, line)
    }

    fn arithmetic(
        &mut self,
        op: BinOp,
        left: &mut ExpDesc<'a>,
        mut right: ExpDesc<'a>,
        flipped: bool,
        line: u32,
    ) -> Res {
        if right.numeral().is_some()
            && let Some(index) = self.try_constant(&mut right)
        {
            return self.with_constant(op, left, &right, index, flipped, line);
        }
        self.without_constant(op, left, right, flipped, line)
    }

    fn commutative(
        &mut self,
        op: BinOp,
        left: &mut ExpDesc<'a>,
        mut right: ExpDesc<'a>,
        line: u32,
    ) -> Res {
        let flipped = left.numeral().is_some();
        if flipped {
            std::mem::swap(left, &mut right);
        }
        if op == BinOp::Add && right.signed_immediate().is_some() {
            return self.immediate(op, Op::AddI, left, &right, flipped, line);
        }
        self.arithmetic(op, left, right, flipped, line)
    }

    fn bitwise(
        &mut self,
        op: BinOp,
        left: &mut ExpDesc<'a>,
        mut right: ExpDesc<'a>,
        line: u32,
    ) -> Res {
        let flipped = matches!(left.kind, Kind::Int(_));
        if flipped {
            std::mem::swap(left, &mut right);
        }
        if matches!(right.kind, Kind::Int(_))
            && let Some(index) = self.try_constant(&mut right)
        {
            return self.with_constant(op, left, &right, index, flipped, line);
        }
        self.without_constant(op, left, right, flipped, line)
    }

    // Comparisons.

    fn compare(&mut self, left: &mut ExpDesc<'a>, right: &ExpDesc<'a>, test: Instruction) -> Res {
        self.release_values(left, right);
        self.emit(test);
        left.kind = Kind::Jump(self.emit_jump());
        Ok(())
    }

    fn order(&mut self, op: BinOp, left: &mut ExpDesc<'a>, mut right: ExpDesc<'a>) -> Res {
        let mut is_float = false;
        let (code, a, b) = if let Some(immediate) = right.comparison_immediate(&mut is_float) {
            (Op::LtI, self.place_anywhere(left)?, immediate)
        } else if let Some(immediate) = left.comparison_immediate(&mut is_float) {
            // (I < b) is (b > I).
            (Op::GtI, self.place_anywhere(&mut right)?, immediate)
        } else {
            (Op::Lt, self.place_anywhere(left)?, self.place_anywhere(&mut right)?)
        };
        let code = variant(op, BinOp::Lt, code);
        let test = Instruction::abck(code, a, b, u32::from(is_float), true);
        self.compare(left, &right, test)
    }

    fn equality(&mut self, op: BinOp, left: &mut ExpDesc<'a>, mut right: ExpDesc<'a>) -> Res {
        if !matches!(left.kind, Kind::Fixed(_)) {
            std::mem::swap(left, &mut right);
        }
        let a = self.place_anywhere(left)?;
        let mut is_float = false;
        let (code, b) = match right.comparison_immediate(&mut is_float) {
            Some(immediate) => (Op::EqI, immediate),
            None => match self.place_or_constant(&mut right)? {
                (index, true) => (Op::EqK, index),
                (register, false) => (Op::Eq, register),
            },
        };
        let test = Instruction::abck(code, a, b, u32::from(is_float), op == BinOp::Eq);
        self.compare(left, &right, test)
    }

    // Concatenation.

    /// `a .. (b .. c)` becomes one CONCAT of three registers.
    fn concat(&mut self, left: &mut ExpDesc<'a>, right: &mut ExpDesc<'a>, line: u32) -> Res {
        self.place_next(right)?;
        let Kind::Fixed(first) = left.kind else { unreachable!("infix placed the left operand") };
        match self.f.previous_instruction().filter(|i| i.op() == Op::Concat) {
            Some(concat) => {
                self.release_value(right);
                let pc = self.f.pc() - 1;
                *self.f.instruction(pc) = concat.with_a(first).with_b(concat.b() as u32 + 1);
            }
            None => {
                self.emit(Instruction::abc(Op::Concat, first, 2, 0));
                self.release_value(right);
                self.f.fix_line(line);
            }
        }
        Ok(())
    }
}

fn literal<'a>(number: Number) -> Kind<'a> {
    match number {
        Number::Int(value) => Kind::Int(value),
        Number::Float(value) => Kind::Float(value),
    }
}
