//! The oracle: three engines in lockstep.
//!
//! In: a Lua program. Out: a [`verdict::Verdict`] that says whether the trace JIT, the interpreter and
//! reference Lua agree at every compared moment of it, or where they first differ.
//!
//! The modules follow the data flow:
//!
//! 1. [`event`]    what is compared, and when: the instruction clock
//! 2. [`engine`]   what all engines have in common
//! 3. [`puc`]      the reference engine (the one `unsafe` module of this crate)
//! 4. [`masks`]    which registers mean something at an instruction
//! 5. [`canon`]    any engine's state as a stream of canonical facts
//! 6. [`policy`]   what "equal" means, one rule a reason
//! 7. [`digest`]   canonical facts -> 64 bits
//! 8. [`dump`]     canonical facts -> text, and the differences between two texts
//! 9. [`lockstep`] several engines, one program: the first difference
//! 10. [`verdict`] `Agree | Diverge | Inconclusive(reason)`
//! 11. [`report`]  a divergence as text for people
//! 12. [`check`]   all of it behind two functions
//! 13. [`blame`]   which stage of the compiler a divergence is due to
//!
//! Beside the line: [`bytecode_check`], our compiler against PUC's.
//!
//! Invariant: an engine is only ever read while it is being observed; observing never changes a run.

pub mod blame;
pub mod bytecode_check;
pub mod canon;
pub mod check;
pub mod digest;
pub mod dump;
pub mod engine;
pub mod event;
pub mod lockstep;
pub mod masks;
pub mod ours;
pub mod policy;
pub mod puc;
pub mod report;
pub mod verdict;
