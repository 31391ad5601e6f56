//! The library functions.

#![forbid(unsafe_code)]

pub mod format;
pub mod pattern;
pub mod random;
