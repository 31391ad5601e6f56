//! Generator, reducer, campaign and the `plumb` command.

#![forbid(unsafe_code)]

pub mod generate;
pub mod reduce;
