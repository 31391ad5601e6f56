//! The oracle: three engines in lockstep.
//!
//! In: a Lua program. Out: a [`verdict::Verdict`] that says whether the trace JIT, the interpreter and
//! reference Lua agree at every compared moment of it, or where they first differ.
//!
//! The modules follow the data flow:
//!
//! 1. [`event`]   what is compared, and when: the instruction clock
//! 2. [`puc`]     the reference engine (the one `unsafe` file of this crate)
//! 3. [`canon`]   any engine's state as a stream of canonical facts
//! 4. [`policy`]  what "equal" means, one rule a reason
//! 5. [`digest`]  canonical facts -> 64 bits
//! 6. [`dump`]    canonical facts -> text, and the differences between two texts
//! 7. [`verdict`] `Agree | Diverge | Inconclusive(reason)`
//!
//! Invariant: an engine is only ever read while it is being observed; observing never changes a run.

pub mod canon;
pub mod digest;
pub mod dump;
pub mod event;
pub mod policy;
pub mod puc;
pub mod verdict;
