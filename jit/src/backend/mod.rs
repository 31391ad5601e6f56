//! Trace -> ARM64 code.
//!
//! 1. [`mach`]  the machine-level IR: what the next stages speak

#![forbid(unsafe_code)]

pub mod mach;
