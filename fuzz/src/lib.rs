//! Generator, reducer, campaign and the `plumb` command.
//!
//! 1. [`generate`]   bytes -> a loop-heavy program and the knobs it runs under
//! 2. [`harness`]    one program through three engines
//! 3. [`campaign`]   many programs on several threads
//! 4. [`reduce`]     a diverging program -> a small one
//! 5. [`triage`]     findings of one signature -> one reduced case
//! 6. [`regression`] cases kept forever
//! 7. [`faults`]     planted miscompiles, to measure the harness by
//! 8. [`score`]      ... and how it did
//! 9. [`selftest`]   whether the harness can be believed
//! 10. [`bench`]      the interpreter's time against PUC's
//! 11. [`runner`]    starting programs of this target
//! 12. [`worker`]    judging in another process
//! 13. [`cli`]       the `plumb` command

#![forbid(unsafe_code)]

pub mod bench;
pub mod campaign;
pub mod cli;
pub mod faults;
pub mod generate;
pub mod harness;
pub mod reduce;
pub mod regression;
pub mod runner;
pub mod score;
pub mod selftest;
pub mod triage;
pub mod worker;
