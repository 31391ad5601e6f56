//! Source text -> AST, and back.
//!
//! 1. [`ast`]        the tree: what the compiler reads, the generator builds and the reducer edits
//! 2. [`precedence`] where a tree needs parentheses

#![forbid(unsafe_code)]

pub mod ast;
pub mod precedence;
