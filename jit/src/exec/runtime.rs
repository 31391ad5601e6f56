//! The runtime functions that compiled traces call.
//!
//! In:  arguments as AAPCS64 passes them; where a function needs the heap, its address is the
//!      first argument (`TraceContext::heap`).
//! Out: one value in x0 or d0.
//!
//! Invariants:
//! - [`Helper`] is the slot number in `TraceContext::helpers`.
//! - A helper never unwinds, never collects and never runs Lua code.
//! - Arithmetic helpers are the functions that the interpreter uses, so both round alike.

/// A function that a trace can call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Helper {
    /// (a, b) -> a % b as Lua floats
    FloatMod,
    /// (a, b) -> a ^ b
    FloatPow,
    /// (table, key) -> address of the value of a short string key, or null
    HashFind,
    /// (heap, table, key, payload, tag): raw set of an integer key
    TableSetInt,
    /// (heap, table, key, payload, tag): raw set of a string key
    TableSetStr,
    /// (table) -> border
    TableLen,
}

impl Helper {
    pub const ALL: [Helper; 6] = [
        Helper::FloatMod,
        Helper::FloatPow,
        Helper::HashFind,
        Helper::TableSetInt,
        Helper::TableSetStr,
        Helper::TableLen,
    ];

    /// Index in `TraceContext::helpers`.
    pub const fn slot(self) -> usize {
        self as usize
    }

    pub const fn name(self) -> &'static str {
        match self {
            Helper::FloatMod => "fmod",
            Helper::FloatPow => "fpow",
            Helper::HashFind => "hfind",
            Helper::TableSetInt => "tsetint",
            Helper::TableSetStr => "tsetstr",
            Helper::TableLen => "tlen",
        }
    }
}
