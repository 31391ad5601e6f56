//! Arithmetic and bitwise operators (manual sections 3.4.1 to 3.4.3).
//!
//! In:  ADD .. SHR with register, constant or immediate operands; UNM, BNOT.
//! Out: one op on integers when both operands are integers, else on floats; operands that are not
//!      numbers abort (strings and metamethods stay with the interpreter).
//!
//! Division and modulo of integers are guarded against a zero divisor: the interpreter raises the
//! error. Bitwise operators accept floats that equal an integer, through a guarded conversion.

use super::*;

/// An arithmetic operator, whatever form its operands have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Sub,
    Mul,
    Mod,
    Pow,
    Div,
    IDiv,
    BAnd,
    BOr,
    BXor,
    Shl,
    Shr,
}

impl Recorder {
    pub(super) fn binary(&mut self, view: &View, i: Instruction) -> Result<(), Abort> {
        use Operator::*;
        let operator = match i.op() {
            Opcode::AddI | Opcode::AddK | Opcode::Add => Add,
            Opcode::SubK | Opcode::Sub => Sub,
            Opcode::MulK | Opcode::Mul => Mul,
            Opcode::ModK | Opcode::Mod => Mod,
            Opcode::PowK | Opcode::Pow => Pow,
            Opcode::DivK | Opcode::Div => Div,
            Opcode::IDivK | Opcode::IDiv => IDiv,
            Opcode::BAndK | Opcode::BAnd => BAnd,
            Opcode::BOrK | Opcode::BOr => BOr,
            Opcode::BXorK | Opcode::BXor => BXor,
            Opcode::ShlI | Opcode::Shl => Shl,
            _ => Shr,
        };
        let first = self.register(view, i.b())?;
        let second = match i.op() {
            Opcode::AddI | Opcode::ShrI | Opcode::ShlI => self.integer_operand(i64::from(i.sc())),
            Opcode::AddK
            | Opcode::SubK
            | Opcode::MulK
            | Opcode::ModK
            | Opcode::PowK
            | Opcode::DivK
            | Opcode::IDivK
            | Opcode::BAndK
            | Opcode::BOrK
            | Opcode::BXorK => self.constant_operand(view, i.c())?,
            _ => self.register(view, i.c())?,
        };
        // SHLI shifts its immediate by the register.
        let (a, b) = if i.op() == Opcode::ShlI { (second, first) } else { (first, second) };
        let result = match operator {
            BAnd | BOr | BXor | Shl | Shr => self.bitwise(operator, a, b)?,
            Pow | Div => self.float_arithmetic(operator, a, b)?,
            _ if a.actual.is_int() && b.actual.is_int() => self.int_arithmetic(operator, a, b)?,
            _ => self.float_arithmetic(operator, a, b)?,
        };
        self.set_register(i.a(), result);
        Ok(())
    }

    fn int_arithmetic(
        &mut self,
        operator: Operator,
        a: Operand,
        b: Operand,
    ) -> Result<ValueId, Abort> {
        let op = match operator {
            Operator::Add => Op::Add,
            Operator::Sub => Op::Sub,
            Operator::Mul => Op::Mul,
            Operator::IDiv => Op::IDiv,
            _ => Op::IMod,
        };
        if matches!(op, Op::IDiv | Op::IMod) {
            if b.actual.payload() == 0 {
                return Err(Abort::ErrorRaised);
            }
            let zero = self.builder.kint(0);
            self.guard(Op::GuardINe, &[b.ir, zero]);
        }
        Ok(self.pure(op, Ty::Int, &[a.ir, b.ir]))
    }

    fn float_arithmetic(
        &mut self,
        operator: Operator,
        a: Operand,
        b: Operand,
    ) -> Result<ValueId, Abort> {
        let a = self.float_of(a)?;
        let b = self.float_of(b)?;
        let op = match operator {
            Operator::Add => Op::FAdd,
            Operator::Sub => Op::FSub,
            Operator::Mul => Op::FMul,
            Operator::Div | Operator::IDiv => Op::FDiv,
            Operator::Mod => Op::FMod,
            _ => Op::FPow,
        };
        let result = self.pure(op, Ty::Float, &[a, b]);
        Ok(match operator {
            Operator::IDiv => self.pure(Op::FFloor, Ty::Float, &[result]),
            _ => result,
        })
    }

    fn bitwise(&mut self, operator: Operator, a: Operand, b: Operand) -> Result<ValueId, Abort> {
        let a = self.int_of(a)?;
        let b = self.int_of(b)?;
        let op = match operator {
            Operator::BAnd => Op::BAnd,
            Operator::BOr => Op::BOr,
            Operator::BXor => Op::BXor,
            Operator::Shl => Op::Shl,
            _ => Op::Shr,
        };
        Ok(self.pure(op, Ty::Int, &[a, b]))
    }

    pub(super) fn unary(&mut self, view: &View, i: Instruction) -> Result<(), Abort> {
        let operand = self.register(view, i.b())?;
        let result = match (i.op(), operand.actual.tag()) {
            (Opcode::Unm, Tag::Int) => self.pure(Op::Neg, Ty::Int, &[operand.ir]),
            (Opcode::Unm, Tag::Float) => self.pure(Op::FNeg, Ty::Float, &[operand.ir]),
            (Opcode::Unm, _) => return Err(Abort::ArithmeticOperand),
            _ => {
                let operand = self.int_of(operand)?;
                self.pure(Op::BNot, Ty::Int, &[operand])
            }
        };
        self.set_register(i.a(), result);
        Ok(())
    }

    /// A number as a float.
    pub(super) fn float_of(&mut self, operand: Operand) -> Result<ValueId, Abort> {
        match operand.actual.tag() {
            Tag::Float => Ok(operand.ir),
            Tag::Int => Ok(self.pure(Op::IntToFloat, Ty::Float, &[operand.ir])),
            _ => Err(Abort::ArithmeticOperand),
        }
    }

    /// A number with an integer value as an integer; a float is converted under a guard.
    pub(super) fn int_of(&mut self, operand: Operand) -> Result<ValueId, Abort> {
        match operand.actual.tag() {
            Tag::Int => Ok(operand.ir),
            Tag::Float if float_to_int(f64::from_bits(operand.actual.payload())).is_some() => {
                Ok(self.typed_load(Op::FloatToInt, Ty::Int, &[operand.ir]))
            }
            _ => Err(Abort::ArithmeticOperand),
        }
    }
}

/// The integer equal to a float, if there is one (`lua_numbertointeger` on an integral value).
pub(super) fn float_to_int(x: f64) -> Option<i64> {
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x);
    (in_range && x.fract() == 0.0).then_some(x as i64)
}
