//! A trace as a value: op table, trace, builder, text form, verifier, evaluator.

#![forbid(unsafe_code)]

pub mod op;
pub mod trace;
