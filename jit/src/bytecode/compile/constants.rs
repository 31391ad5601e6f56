//! The constant table of a function, with PUC's order and PUC's duplicates.
//!
//! PUC remembers the index of each constant in one table for the whole chunk, so a nested function may
//! overwrite what its parent remembered, and the parent then adds the constant a second time. Keys are
//! those of a Lua table, where a float with an integer value is that integer.

use super::super::proto::{Constant, MAX_SHORT_STRING_BYTES};
use super::Compiler;
use super::fold::float_to_int;
use crate::syntax::ast::Str;

/// Key of the memory of constant indices.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key<'a> {
    Nil,
    False,
    True,
    Int(i64),
    /// Bits of a float without an integer value.
    Float(u64),
    Str(&'a [u8]),
}

impl<'a> Compiler<'a> {
    fn constant(&mut self, key: Key<'a>, value: Constant) -> u32 {
        if let Some(&index) = self.constant_indices.get(&key)
            && self.f.constants.get(index as usize) == Some(&value)
        {
            return index;
        }
        let index = self.f.constants.len() as u32;
        self.constant_indices.insert(key, index);
        self.f.constants.push(value);
        index
    }

    pub(super) fn nil_constant(&mut self) -> u32 {
        self.constant(Key::Nil, Constant::Nil)
    }

    pub(super) fn bool_constant(&mut self, value: bool) -> u32 {
        if value {
            self.constant(Key::True, Constant::True)
        } else {
            self.constant(Key::False, Constant::False)
        }
    }

    pub(super) fn int_constant(&mut self, value: i64) -> u32 {
        self.constant(Key::Int(value), Constant::Int(value))
    }

    /// A float with an integer value is remembered under a neighbouring fraction, lest it collide with
    /// the integer. Large ones have no such neighbour and do collide.
    pub(super) fn float_constant(&mut self, value: f64) -> u32 {
        let key = match float_to_int(value) {
            None => value,
            Some(0) => f64::EPSILON,
            Some(_) => value + value * f64::EPSILON,
        };
        let key = float_to_int(key).map_or(Key::Float(key.to_bits()), Key::Int);
        self.constant(key, Constant::Float(value))
    }

    pub(super) fn string_constant(&mut self, value: &'a Str) -> u32 {
        let key = Key::Str(value);
        if let Some(&index) = self.constant_indices.get(&key)
            && matches!(self.f.constants.get(index as usize), Some(Constant::Str(old)) if *old == value.0)
        {
            return index;
        }
        let bytes = if value.len() <= MAX_SHORT_STRING_BYTES {
            value.0.clone()
        } else {
            self.long_strings.entry(value).or_insert_with(|| value.0.clone()).clone()
        };
        self.constant(key, Constant::Str(bytes))
    }
}
