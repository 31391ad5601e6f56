//! The three answers of the oracle.
//!
//! `Agree`: every compared moment was equal on every engine that ran. `Diverge`: the first difference,
//! with the state of both sides. `Inconclusive`: nothing was proven, for a reason from a closed list;
//! each has a counter, so a harness that quietly stops comparing shows in its own numbers.
#![forbid(unsafe_code)]

use crate::dump::{Difference, Snapshot};
use crate::event::{Clock, EventKind};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Debug)]
pub enum Verdict {
    Agree(Compared),
    Diverge(Box<Divergence>),
    Inconclusive(Reason),
}

impl Verdict {
    pub fn is_agree(&self) -> bool {
        matches!(self, Verdict::Agree(_))
    }
}

/// What was compared on the way to `Agree`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Instructions of the whole run, by the common clock.
    pub instructions: u64,
    /// Traces that the JIT compiled.
    pub traces: u64,
    pub trace_entries: u64,
    pub trace_exits: u64,
    /// Moments at which one trace led straight into another.
    pub links: u64,
    /// Ends of stitched calls: two a call, one if it raised an error.
    pub stitches: u64,
    /// Moments at which another coroutine went on.
    pub switches: u64,
    /// Moments chosen by the harness rather than by a trace.
    pub checkpoints: u64,
    /// Register comparisons, summed over moments and pairs of engines.
    pub registers: u64,
    /// The program ended with an error that it did not catch, the same on all engines.
    pub failed: bool,
}

impl Compared {
    /// Moments of the JIT's choice.
    pub fn moments(&self) -> u64 {
        self.trace_entries + self.trace_exits + self.links + self.stitches + self.switches
    }
}

impl std::ops::AddAssign for Compared {
    fn add_assign(&mut self, other: Compared) {
        self.instructions += other.instructions;
        self.traces += other.traces;
        self.trace_entries += other.trace_entries;
        self.trace_exits += other.trace_exits;
        self.links += other.links;
        self.stitches += other.stitches;
        self.switches += other.switches;
        self.checkpoints += other.checkpoints;
        self.registers += other.registers;
        self.failed |= other.failed;
    }
}

/// The engines of the lockstep, by how far they are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Engine {
    Reference,
    Interpreter,
    Jit,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Reference => "reference",
            Engine::Interpreter => "interpreter",
            Engine::Jit => "jit",
        })
    }
}

/// What kind of fact differs first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DivergenceKind {
    /// Where the engines stand: function, pc or call depth.
    Position,
    /// A register's value.
    Register,
    /// Something reachable from the registers or globals: table content, upvalue, metatable.
    Reachable,
    /// One engine ended while the other went on.
    Length,
    /// Return values or error of the program.
    Result,
    /// Where the error that ended the program was raised, or what had called what there.
    Traceback,
    /// Bytes printed.
    Output,
    /// One engine rejects the source, or rejects it with another message.
    Syntax,
    /// All results agree, but a loop's traces were entered with too little progress more often than
    /// [`THRASH_BOUND`] allows.
    Thrash,
    /// The simulator and its referee came to different states: a defect of an executor, not of the
    /// compiler.
    Simulator,
    /// An engine caught itself breaking a rule: a trap of the executor, a failed check of a compilation.
    Broken,
}

/// How many entries into a loop head's traces may go unpaid by what the traces stand for
/// ([`JitStats::thrash`](plumb_jit::trace::stats::JitStats::thrash)). A link from trace to trace is no entry:
/// what counts is how far control comes between the interpreter's going and its coming back.
///
/// The trace manager retires a trace beyond 40 of them, and blacklists a loop at its fourth retirement; one
/// flush may cost one trace more. That makes 205. A JIT beyond 256 does not keep its promise that no loop
/// tries forever.
pub const THRASH_BOUND: u64 = 256;

/// The first moment at which two engines differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Divergence {
    pub kind: DivergenceKind,
    /// The more trusted engine.
    pub left: Engine,
    pub right: Engine,
    /// Moments that were compared before this one.
    pub moment: usize,
    pub clock: Clock,
    pub event: EventKind,
    /// Source line of the running instruction, where both stand in the main chunk's functions.
    pub line: Option<u32>,
    /// The last moment at which both agreed, if any.
    pub agreed: Option<(Clock, EventKind)>,
    pub left_state: Snapshot,
    pub right_state: Snapshot,
    pub differences: Vec<Difference>,
}

impl Divergence {
    /// The part that a reducer keeps: who differs from whom, in what kind of fact.
    pub fn signature(&self) -> (Engine, Engine, DivergenceKind) {
        (self.left, self.right, self.kind)
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why nothing was proven. A closed list: a new reason is a change to be reviewed.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The key used in reports.
            pub fn name(self) -> &'static str {
                match self { $(Reason::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// The program needs more instructions than it was given.
    Fuel = "fuel",
    /// The program needs more memory than it was given.
    Memory = "memory",
    /// A difference after the program was shown an object's address as text.
    Address = "address in text",
    /// A difference after a table was traversed whose order depends on addresses.
    ///
    /// All other tables are traversed in one order on all engines.
    IterationOrder = "iteration order",
    /// A difference after a large array was sorted with pivots that the reference draws from the time.
    RandomPivot = "random pivot",
    /// A difference after the program was shown the collector's state.
    Collector = "collector",
    /// All engines reject the source as not Lua, with one message.
    NotLua = "not Lua",
    /// The program uses a part of the language or library that an engine does not have yet.
    Unsupported = "unsupported",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each reason occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReasonCounts([u64; Reason::ALL.len()]);

impl ReasonCounts {
    pub fn add(&mut self, reason: Reason) {
        self.0[reason as usize] += 1;
    }

    pub fn merge(&mut self, other: &ReasonCounts) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }

    pub fn get(&self, reason: Reason) -> u64 {
        self.0[reason as usize]
    }

    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.iter().map(|&r| (r, self.get(r)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_distinct_names_and_own_counters() {
        let names: std::collections::HashSet<_> = Reason::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        let mut counts = ReasonCounts::default();
        counts.add(Reason::Memory);
        counts.add(Reason::Memory);
        counts.add(Reason::Fuel);
        let mut sum = counts.clone();
        sum.merge(&counts);
        assert_eq!(
            (sum.get(Reason::Memory), sum.get(Reason::Fuel), sum.get(Reason::Collector)),
            (4, 2, 0)
        );
        assert_eq!(sum.total(), 6);
    }
}
