//! The interpreter: `Proto` -> effects.

pub mod proto;
