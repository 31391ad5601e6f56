//! Source text -> AST, and back.
//!
//! 1. [`lexer`]      bytes ([`source`]) -> tokens; [`number`] reads and writes numerals
//! 2. [`parser`]     tokens -> AST, with PUC's error messages; `scope` is what it knows about names
//! 3. [`ast`]        the tree: what the compiler reads, the generator builds and the reducer edits;
//!    `build` has its constructors
//! 4. [`printer`]    AST -> source, for generated, reduced and stored programs
//!
//! [`precedence`] knows where a tree needs parentheses: the constructors and the printer ask it.

#![forbid(unsafe_code)]

pub mod ast;
mod build;
pub mod error;
pub mod lexer;
pub mod number;
pub mod parser;
pub mod precedence;
pub mod printer;
mod scope;
pub mod source;

pub use error::SyntaxError;
pub use parser::{parse, parse_at_depth, parse_within};
pub use printer::print;
pub use source::Source;
