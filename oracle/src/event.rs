//! What is compared, and when.
//!
//! A [`Clock`] is the number of VM instructions that a run has completed. The state at clock `c` is the
//! one just before instruction number `c + 1` is executed. `puc.rs` defines which instructions count;
//! every engine counts alike, so one clock value names the same moment in all of them.
//!
//! An [`Event`] is a moment at which an engine shows its state as a digest. Events of one run are in
//! clock order; several may share a clock (a trace that leaves before its first instruction).
#![forbid(unsafe_code)]

use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// VM instructions completed since the start of the run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Clock(pub u64);

/// A trace, numbered by the JIT in the order of compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TraceNumber(pub u32);

/// An exit of one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExitNumber(pub u32);

/// Why the run was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// Control passes from the interpreter to a trace.
    TraceEntry(TraceNumber),
    /// Control passes from a trace, through this exit, to the interpreter.
    TraceExit(TraceNumber, ExitNumber),
    /// Another coroutine, or its resumer, goes on.
    Switch,
    /// A clock that the harness chose, no trace involved.
    Checkpoint,
    /// The program has ended: results or error, output, all reachable data.
    End,
}

/// One observed moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub clock: Clock,
    pub kind: EventKind,
    /// What is compared between the JIT and the interpreter: live registers of all frames.
    pub digest: Digest,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventKind::TraceEntry(t) => write!(f, "entry of trace {}", t.0),
            EventKind::TraceExit(t, e) => write!(f, "exit {} of trace {}", e.0, t.0),
            EventKind::Switch => f.write_str("switch of coroutines"),
            EventKind::Checkpoint => f.write_str("checkpoint"),
            EventKind::End => f.write_str("end of the program"),
        }
    }
}
