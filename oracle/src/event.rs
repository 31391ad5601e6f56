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

/// Which end of a stitched call is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StitchSide {
    /// The call instruction is the next one: function and arguments are in registers.
    Call,
    /// The instruction is done: results are in registers. What the function did meanwhile (it may run Lua
    /// code) has events of its own. A call that raises an error has no such moment.
    Return,
}

/// Why the run was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// Control passes from the interpreter to a trace.
    TraceEntry(TraceNumber),
    /// Control passes from a trace, through this exit, to the interpreter.
    TraceExit(TraceNumber, ExitNumber),
    /// Control passes from the first trace, through its exit, straight into the second.
    Link(TraceNumber, ExitNumber, TraceNumber),
    /// A trace, at this exit, has a native function called that its code cannot call, and goes on after it.
    Stitch(TraceNumber, ExitNumber, StitchSide),
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

impl EventKind {
    /// The trace that runs from this moment on, if it is one that begins to run.
    pub fn entered(self) -> Option<TraceNumber> {
        match self {
            EventKind::TraceEntry(trace) | EventKind::Link(_, _, trace) => Some(trace),
            EventKind::Stitch(trace, _, StitchSide::Return) => Some(trace),
            EventKind::TraceExit(..)
            | EventKind::Stitch(_, _, StitchSide::Call)
            | EventKind::Switch
            | EventKind::Checkpoint
            | EventKind::End => None,
        }
    }

    /// The trace that ran up to this moment, and the exit through which it was left.
    pub fn left(self) -> Option<(TraceNumber, ExitNumber)> {
        match self {
            EventKind::TraceExit(trace, exit) | EventKind::Link(trace, exit, _) => {
                Some((trace, exit))
            }
            EventKind::Stitch(trace, exit, StitchSide::Call) => Some((trace, exit)),
            EventKind::TraceEntry(_)
            | EventKind::Stitch(_, _, StitchSide::Return)
            | EventKind::Switch
            | EventKind::Checkpoint
            | EventKind::End => None,
        }
    }

    /// The same event whatever the number of its exit.
    pub fn through_any_exit(self) -> EventKind {
        const ANY: ExitNumber = ExitNumber(0);
        match self {
            EventKind::TraceExit(trace, _) => EventKind::TraceExit(trace, ANY),
            EventKind::Link(from, _, to) => EventKind::Link(from, ANY, to),
            EventKind::Stitch(trace, _, side) => EventKind::Stitch(trace, ANY, side),
            other @ (EventKind::TraceEntry(_)
            | EventKind::Switch
            | EventKind::Checkpoint
            | EventKind::End) => other,
        }
    }
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
            EventKind::Link(from, exit, to) => {
                write!(f, "link from exit {} of trace {} to trace {}", exit.0, from.0, to.0)
            }
            EventKind::Stitch(t, e, StitchSide::Call) => {
                write!(f, "stitched call at exit {} of trace {}", e.0, t.0)
            }
            EventKind::Stitch(t, e, StitchSide::Return) => {
                write!(f, "return of the stitched call at exit {} of trace {}", e.0, t.0)
            }
            EventKind::Switch => f.write_str("switch of coroutines"),
            EventKind::Checkpoint => f.write_str("checkpoint"),
            EventKind::End => f.write_str("end of the program"),
        }
    }
}
