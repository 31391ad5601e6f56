//! Trace -> ARM64 code.
//!
//! 1. [`mach`]  the machine-level IR: what the next stages speak
//! 2. [`lower`] IR -> machine-level IR over virtual registers; every choice is made here
//! 3. [`alloc`] virtual registers -> registers, spill slots and moves
//! 4. [`emit`]  allocated instructions -> words and exit map; mechanical
//! 5. [`listing`] the result for people
//!
//! [`compile`] runs them in this order and shows each stage's output to a [`Tap`].

#![forbid(unsafe_code)]

pub mod alloc;
pub mod emit;
pub mod listing;
pub mod lower;
pub mod mach;

use std::fmt;

use alloc::{Allocated, Strategy};
use mach::{ExitId, MachTrace};

use crate::exec::code::CodeBlob;
use crate::exec::context::TraceContext;
use crate::ir::trace::{SnapshotId, Trace, ValueId};

/// Why a trace was declined.
#[derive(Clone, Debug)]
pub enum BackendError {
    /// More spill slots than the context has.
    TooManySpills { needed: usize },
    /// A branch does not reach its exit.
    TooLong { words: usize },
    /// The allocator found no answer.
    Allocation(regalloc2::RegAllocError),
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackendError::TooManySpills { needed } => {
                write!(f, "the trace needs {needed} spill slots")
            }
            BackendError::TooLong { words } => {
                write!(f, "the trace has {words} words, beyond the reach of a conditional branch")
            }
            BackendError::Allocation(error) => write!(f, "register allocation: {error}"),
        }
    }
}

impl std::error::Error for BackendError {}

/// Sees, and may change, what each stage hands to the next.
pub trait Tap {
    fn lowered(&mut self, _: &mut MachTrace) {}
    fn allocated(&mut self, _: &mut Allocated) {}
    fn emitted(&mut self, _: &mut CompiledTrace) {}
}

/// No tap.
impl Tap for () {}

/// Where a snapshot's value is when its exit was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Location {
    Gpr(u8),
    Fpr(u8),
    Spill(u32),
    Const(u64),
}

impl Location {
    /// The value's 64 bits, from a context that an exit has filled.
    pub fn read(self, ctx: &TraceContext) -> u64 {
        match self {
            Location::Gpr(n) => ctx.gpr[n as usize],
            Location::Fpr(n) => ctx.fpr[n as usize],
            Location::Spill(n) => ctx.spills[n as usize],
            Location::Const(bits) => bits,
        }
    }
}

/// One exit: its snapshot, and where each value that the snapshot names is, ascending by value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExitRecord {
    pub snapshot: SnapshotId,
    /// The IR guard that leaves here; none for the end of a linear trace.
    pub guard: Option<ValueId>,
    pub values: Vec<(ValueId, Location)>,
}

impl ExitRecord {
    /// Where a value of the snapshot is.
    ///
    /// # Panics
    /// When the snapshot does not name the value.
    pub fn location(&self, value: ValueId) -> Location {
        match self.values.binary_search_by_key(&value, |&(v, _)| v) {
            Ok(found) => self.values[found].1,
            Err(_) => panic!("v{} is not in snapshot #{}", value.0, self.snapshot.0),
        }
    }
}

/// Sizes, for reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    pub words: usize,
    /// Words before the exit stubs.
    pub hot_words: usize,
    /// Words from the loop head to the back branch, both included.
    pub loop_words: usize,
    pub spill_slots: usize,
    /// Moves, spills and reloads that the allocator inserted, in all and in the loop.
    pub moves: usize,
    pub loop_moves: usize,
}

/// A compiled trace.
#[derive(Clone, Debug)]
pub struct CompiledTrace {
    pub blob: CodeBlob,
    /// By [`ExitId`].
    pub exits: Vec<ExitRecord>,
    pub stats: Stats,
}

impl CompiledTrace {
    /// The exit that a run took.
    pub fn exit(&self, ctx: &TraceContext) -> (ExitId, &ExitRecord) {
        let id = ExitId(ctx.exit_id as u32);
        (id, &self.exits[id.0 as usize])
    }

    /// The 64 bits of a value that the taken exit's snapshot names: the payload that its type's tag
    /// goes with.
    pub fn read(&self, ctx: &TraceContext, value: ValueId) -> u64 {
        self.exit(ctx).1.location(value).read(ctx)
    }
}

/// Knobs of the backend.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct BackendConfig {
    pub strategy: Strategy,
    /// Allocatable integer registers, [`alloc::MIN_GPR`] to [`alloc::MAX_GPR`]; a number outside is
    /// taken as the nearest inside.
    pub gpr_limit: usize,
    /// Allocatable float registers, [`alloc::MIN_FPR`] to [`alloc::MAX_FPR`].
    pub fpr_limit: usize,
    /// Run the allocation checker also in release builds.
    pub check: bool,
    /// The code itself counts `TraceContext::arrivals_left` down at the loop head, and leaves below 0,
    /// for executors that cannot: a subtraction and a branch an iteration.
    pub count_arrivals: bool,
    /// A guard that can be made to leave although it holds: it is not fused with other instructions.
    pub forced: Option<ValueId>,
    /// The code itself counts `TraceContext::force_left` down before that guard, and leaves at 0, for
    /// executors that cannot force.
    pub count_forced: bool,
}

impl Default for BackendConfig {
    fn default() -> BackendConfig {
        BackendConfig {
            strategy: Strategy::Backtracking,
            gpr_limit: alloc::MAX_GPR,
            fpr_limit: alloc::MAX_FPR,
            check: false,
            count_arrivals: false,
            forced: None,
            count_forced: false,
        }
    }
}

/// Compiles a verified trace.
pub fn compile(
    trace: &Trace,
    config: &BackendConfig,
    tap: &mut dyn Tap,
) -> Result<CompiledTrace, BackendError> {
    let mut lowered = lower::lower_forcing(trace, config.forced);
    tap.lowered(&mut lowered);
    let mut allocated = alloc::allocate(&lowered, config)?;
    tap.allocated(&mut allocated);
    let mut compiled = emit::emit(trace, &allocated, config)?;
    tap.emitted(&mut compiled);
    Ok(compiled)
}
