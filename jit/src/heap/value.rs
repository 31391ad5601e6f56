//! The 16-byte Lua value: a 64-bit payload and a one-byte tag.
//!
//! In:  nothing; this is the vocabulary of every later stage.
//! Out: [`Value`], [`Tag`].
//!
//! Invariants:
//! - `payload` at offset 0, `tag` at offset 8; traces load and store both.
//! - Tags are ordered so that the two tests traces need are one comparison:
//!   falsy is `tag < Tag::True`, collectable is `tag >= Tag::Str`.
//! - The payload of `Nil`, `False` and `True` is 0, so equal values have equal bits
//!   (floats excepted: NaN and the two zeros follow IEEE 754).
//!
//! Lua 5.4 integers need all 64 bits, so NaN-boxing would have to box them; a
//! separate tag keeps integers and floats unboxed and their subtype observable.

use std::mem::offset_of;

/// Type tag of a [`Value`]; the integer/float subtype is part of it (manual section 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tag {
    Nil = 0,
    False = 1,
    True = 2,
    Int = 3,
    Float = 4,
    /// A raw pointer given by the host.
    LightUserdata = 5,
    /// A library function without upvalues: `*const NativeFunction`, statically allocated.
    Native = 6,
    // Everything below is collectable: the payload is a pointer to a `GcHeader`.
    Str = 7,
    Table = 8,
    /// A Lua closure.
    Closure = 9,
    /// A library function with upvalues.
    NativeClosure = 10,
    Userdata = 11,
    Thread = 12,
    /// Key of a table node whose object was collected; never visible to a program.
    DeadKey = 13,
}

/// A Lua value. `Copy`: the collector is precise and objects never move.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Value {
    payload: u64,
    tag: Tag,
}

pub const VALUE_SIZE: usize = 16;
pub const VALUE_PAYLOAD: usize = offset_of!(Value, payload);
pub const VALUE_TAG: usize = offset_of!(Value, tag);
const _: () = assert!(size_of::<Value>() == VALUE_SIZE && VALUE_PAYLOAD == 0 && VALUE_TAG == 8);

impl Value {
    pub const NIL: Value = Value { payload: 0, tag: Tag::Nil };
    pub const FALSE: Value = Value { payload: 0, tag: Tag::False };
    pub const TRUE: Value = Value { payload: 0, tag: Tag::True };

    #[inline(always)]
    pub const fn int(i: i64) -> Value {
        Value { payload: i as u64, tag: Tag::Int }
    }
    #[inline(always)]
    pub const fn float(f: f64) -> Value {
        Value { payload: f.to_bits(), tag: Tag::Float }
    }
    #[inline(always)]
    pub const fn bool(b: bool) -> Value {
        if b { Value::TRUE } else { Value::FALSE }
    }
    /// Any value from its two words. The caller vouches that `payload` is what `tag` says
    /// (a live object for collectable tags, 0 for nil and booleans).
    #[inline(always)]
    pub const fn from_raw(tag: Tag, payload: u64) -> Value {
        Value { payload, tag }
    }
    #[inline(always)]
    pub const fn tag(self) -> Tag {
        self.tag
    }
    #[inline(always)]
    pub const fn payload(self) -> u64 {
        self.payload
    }
    #[inline(always)]
    pub const fn is_nil(self) -> bool {
        matches!(self.tag, Tag::Nil)
    }
    #[inline(always)]
    pub const fn is_int(self) -> bool {
        matches!(self.tag, Tag::Int)
    }
    #[inline(always)]
    pub const fn is_float(self) -> bool {
        matches!(self.tag, Tag::Float)
    }
    /// nil and false are falsy, everything else is truthy.
    #[inline(always)]
    pub const fn is_falsy(self) -> bool {
        (self.tag as u8) < Tag::True as u8
    }
    #[inline(always)]
    pub const fn is_collectable(self) -> bool {
        self.tag as u8 >= Tag::Str as u8
    }
    #[inline(always)]
    pub const fn as_int(self) -> Option<i64> {
        if self.is_int() { Some(self.payload as i64) } else { None }
    }
    #[inline(always)]
    pub const fn as_float(self) -> Option<f64> {
        if self.is_float() { Some(f64::from_bits(self.payload)) } else { None }
    }
}
