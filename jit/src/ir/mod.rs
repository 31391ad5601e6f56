//! A trace as a value: op table, trace, builder, text form, verifier, evaluator.
//!
//! 1. [`op`]      the op table, from which everything below is driven
//! 2. [`trace`]   instructions and snapshots
//! 3. [`builder`] appending (recorder) and rebuilding under a substitution (passes)
//! 4. [`mod@print`], [`parse`]  the text form; it reads back to an equal trace
//! 5. [`verify`]  the rules every trace obeys, checked after every pass
//! 6. [`semantics`], [`eval`]  what the ops compute; an executor without machine code
//! 7. [`fake`]    made-up objects for the evaluator

#![forbid(unsafe_code)]

pub mod builder;
pub mod eval;
pub mod fake;
pub mod op;
pub mod parse;
pub mod print;
#[cfg(test)]
pub mod random;
pub mod semantics;
pub mod trace;
pub mod verify;
