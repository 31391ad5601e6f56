//! Descriptions of expressions whose code is not complete yet.
//!
//! PUC's compiler delays code: an expression is described first, and turned into instructions only
//! when its user says where the value should go. Emitting PUC's exact code means taking the same
//! decisions from the same descriptions, so the kinds below correspond to those of `lparser.h`.

use super::super::opcode::{MAX_C, OFFSET_SC};
use super::fold::{Number, float_to_int};
use crate::syntax::ast::Str;

/// A list of JMP instructions that wait for their target, linked through their own operands: the
/// position of the first one, or nothing.
pub(super) type JumpList = Option<u32>;

/// Where a value is, or how to get it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    /// No expression (an empty list).
    Void,
    Nil,
    True,
    False,
    /// Constant with this index.
    Constant(u32),
    Float(f64),
    Int(i64),
    /// String literal that has no constant index yet.
    Str(&'a Str),
    /// Value in this register, where it stays.
    Fixed(u32),
    /// Local variable: its register and its index among the function's active variables.
    Local {
        register: u32,
        variable: usize,
    },
    Upvalue(u32),
    /// Compile-time constant variable.
    ConstVariable {
        name: &'a Str,
        value: ConstValue<'a>,
    },
    /// `R[table][R[key]]`
    Indexed {
        table: u32,
        key: u32,
    },
    /// `Up[table][K[key]]`
    IndexedUpvalue {
        table: u32,
        key: u32,
    },
    /// `R[table][key]`
    IndexedInt {
        table: u32,
        key: u32,
    },
    /// `R[table][K[key]]`
    IndexedStr {
        table: u32,
        key: u32,
    },
    /// A comparison: position of its JMP.
    Jump(u32),
    /// Position of an instruction whose operand A is still free to choose.
    Relocatable(u32),
    /// Position of a CALL.
    Call(u32),
    /// Position of a VARARG.
    Vararg(u32),
}

/// The value of a `<const>` variable that is known when compiling.
#[derive(Clone, Copy, Debug)]
pub(super) enum ConstValue<'a> {
    Nil,
    True,
    False,
    Int(i64),
    Float(f64),
    Str(&'a Str),
}

impl<'a> ConstValue<'a> {
    pub fn kind(self) -> Kind<'a> {
        match self {
            ConstValue::Nil => Kind::Nil,
            ConstValue::True => Kind::True,
            ConstValue::False => Kind::False,
            ConstValue::Int(value) => Kind::Int(value),
            ConstValue::Float(value) => Kind::Float(value),
            ConstValue::Str(value) => Kind::Str(value),
        }
    }
}

/// An expression: its main value, and jumps out of `and`/`or` that may also produce its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpDesc<'a> {
    pub kind: Kind<'a>,
    /// Jumps taken when the value is true.
    pub exit_true: JumpList,
    /// Jumps taken when the value is false.
    pub exit_false: JumpList,
}

impl<'a> From<Kind<'a>> for ExpDesc<'a> {
    fn from(kind: Kind<'a>) -> ExpDesc<'a> {
        ExpDesc { kind, exit_true: None, exit_false: None }
    }
}

impl<'a> ExpDesc<'a> {
    pub fn has_jumps(&self) -> bool {
        self.exit_true != self.exit_false
    }

    /// May stand for any number of values.
    pub fn is_multi(&self) -> bool {
        matches!(self.kind, Kind::Call(_) | Kind::Vararg(_))
    }

    pub fn is_indexed(&self) -> bool {
        matches!(
            self.kind,
            Kind::Indexed { .. }
                | Kind::IndexedUpvalue { .. }
                | Kind::IndexedInt { .. }
                | Kind::IndexedStr { .. }
        )
    }

    /// The number, if this is a numeric literal.
    pub fn numeral(&self) -> Option<Number> {
        match self.kind {
            _ if self.has_jumps() => None,
            Kind::Int(value) => Some(Number::Int(value)),
            Kind::Float(value) => Some(Number::Float(value)),
            _ => None,
        }
    }

    /// The value, if it is known when compiling.
    pub fn const_value(&self) -> Option<ConstValue<'a>> {
        match self.kind {
            _ if self.has_jumps() => None,
            Kind::Nil => Some(ConstValue::Nil),
            Kind::True => Some(ConstValue::True),
            Kind::False => Some(ConstValue::False),
            Kind::Int(value) => Some(ConstValue::Int(value)),
            Kind::Float(value) => Some(ConstValue::Float(value)),
            Kind::Str(value) => Some(ConstValue::Str(value)),
            Kind::ConstVariable { value, .. } => Some(value),
            _ => None,
        }
    }

    /// An integer literal.
    pub fn int_literal(&self) -> Option<i64> {
        match self.kind {
            Kind::Int(value) if !self.has_jumps() => Some(value),
            _ => None,
        }
    }

    /// An integer literal that fits the unsigned operand C.
    pub fn unsigned_immediate(&self) -> Option<u32> {
        self.int_literal().and_then(|value| u32::try_from(value).ok()).filter(|&c| c <= MAX_C)
    }

    /// An integer literal that fits the signed operand sC.
    pub fn signed_immediate(&self) -> Option<i32> {
        self.int_literal().and_then(fit_signed)
    }

    /// The encoded operand sB of a comparison with this number, if it fits. Sets `is_float` when the
    /// number was written as a float, whether or not it fits: PUC's code shows that flag.
    pub fn comparison_immediate(&self, is_float: &mut bool) -> Option<u32> {
        let value = match self.kind {
            Kind::Int(value) => value,
            Kind::Float(value) => {
                let value = float_to_int(value)?;
                *is_float = true;
                value
            }
            _ => return None,
        };
        fit_signed(value).filter(|_| !self.has_jumps()).map(encode_signed)
    }
}

/// The value, if the signed operands sB and sC can hold it.
pub(super) fn fit_signed(value: i64) -> Option<i32> {
    let range = -i64::from(OFFSET_SC)..=i64::from(MAX_C) - i64::from(OFFSET_SC);
    range.contains(&value).then_some(value as i32)
}

/// Excess notation of a value that fits.
pub(super) fn encode_signed(value: i32) -> u32 {
    (value + OFFSET_SC) as u32
}
