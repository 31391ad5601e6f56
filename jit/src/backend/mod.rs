//! Trace -> ARM64 code.
//!
//! 1. [`mach`]  the machine-level IR: what the next stages speak
//! 2. [`lower`] IR -> machine-level IR over virtual registers; every choice is made here

#![forbid(unsafe_code)]

pub mod lower;
pub mod mach;
