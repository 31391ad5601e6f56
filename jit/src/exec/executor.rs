//! The interface that all executors of machine code share.
//!
//! In:  installed code, a context, the base of the running frame, the environment (`RunEnv`).
//! Out: the context as the exit left it, and counts; or a `Trap`, which is always a defect of the
//!      compiler (or of the executor), never of the Lua program.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::code::{CodeBlob, InstallError, InstalledCode};
use super::context::TraceContext;
use super::helpers::{HelperTable, Parameter};
use super::mach::Record;
use super::trap::Trap;
use crate::ir::trace::ValueId;

/// Which host memory a trace may touch. The heap implements it.
///
/// # Safety
/// A range that `region` returns must stay valid for reads and writes of plain bytes, through pointers
/// made from its addresses (exposed provenance), until `epoch` returns a different number. The
/// simulator dereferences inside it without asking again, also in later runs, so an epoch's number
/// must not be used twice in the process: count up from `first_epoch`. No Rust reference to that memory
/// may be live while a trace runs.
pub unsafe trait MemoryMap {
    /// Changes whenever any region handed out before stops being live.
    fn epoch(&self) -> u64;

    /// The live object (or stack segment) that contains all of `addr .. addr + len`, if there is one.
    /// Narrow is better: one object, so that an index past an object's end is seen.
    fn region(&self, addr: u64, len: u64) -> Option<Range<u64>>;

    /// Whether a helper may be given `value` as such an argument.
    fn accepts(&self, _kind: Parameter, _value: u64) -> bool {
        true
    }

    /// Whether a trace may store to this place at all.
    fn accepts_store(&self, _addr: u64, _bytes: u64) -> bool {
        true
    }

    /// Whether what was stored at `addr` left a sound value there.
    fn is_sound_at(&self, _addr: u64) -> bool {
        true
    }
}

/// A number for `MemoryMap::epoch` from which the caller may count up 2^40 times without meeting an
/// epoch of another map.
pub fn first_epoch() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed) << 40
}

/// What a run needs from the VM besides the context.
///
/// Helpers change the heap while `&mut dyn RunEnv` is held; an implementation keeps raw pointers to
/// what they change, not references.
pub trait RunEnv {
    fn memory(&self) -> &dyn MemoryMap;
    fn helpers(&self) -> &HelperTable;

    /// Whether the simulator looks, at the exit, at each value that the run stored.
    fn audits(&self) -> bool {
        false
    }

    /// Instructions after which an executor gives up on a run; native code counts whole iterations.
    fn fuel(&self) -> u64 {
        DEFAULT_FUEL
    }

    /// Whether the host wants the run to stop, asked now and then.
    fn is_interrupted(&self) -> bool {
        false
    }

    /// Counts an execution of an IR guard: whether it leaves although it holds. Only evaluators ask;
    /// executors of machine code have `Executor::force_exit`.
    fn forces(&self, _guard: ValueId) -> bool {
        false
    }
}

/// Far beyond any bounded test loop, yet an endless one ends within a minute.
pub const DEFAULT_FUEL: u64 = 10_000_000_000;

/// Take the guard branch at `word` at its `nth` execution (1 is the first, counted from the moment of
/// the request, over all runs) although its condition does not hold.
#[derive(Clone, Debug)]
pub struct ForcedExit {
    pub code: InstalledCode,
    pub word: usize,
    pub nth: u64,
}

/// Facts about one run, from entry to exit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunStats {
    /// Executions of the loop head's first word.
    pub loop_arrivals: u64,
    /// Instructions executed; 0 where the executor cannot count.
    pub instructions: u64,
}

/// Runs machine code. Implementations: `Simulator`, and `Native` on aarch64 hosts.
pub trait Executor {
    /// The name on the command line and in reports.
    fn name(&self) -> &'static str;

    /// Copies the code into code memory and makes it executable (flushed).
    fn install(&mut self, blob: CodeBlob) -> Result<InstalledCode, InstallError>;

    /// Overwrites words of installed code and flushes them.
    fn patch(&mut self, code: &InstalledCode, edits: &[(usize, u32)]) -> Result<(), InstallError>;

    /// Drops all installed code; earlier handles become invalid.
    fn reset(&mut self);

    /// Asks for a guard's exit to be taken. Returns false where that is not supported.
    fn force_exit(&mut self, request: Option<ForcedExit>) -> bool;

    /// Runs that were repeated by another executor and compared.
    fn refereed(&self) -> u64 {
        0
    }

    /// Whether the requested exit was taken.
    fn was_forced(&self) -> bool {
        false
    }

    /// Keeps a record of each allocated step that later runs of this code execute, for
    /// [`Executor::take_records`]. Returns false where that is not supported.
    fn watch(&mut self, _code: &InstalledCode) -> bool {
        false
    }

    /// The records since the last call.
    fn take_records(&mut self) -> Vec<Record> {
        Vec::new()
    }

    /// Runs from word 0 to the return. `base` is the address of the running frame's register 0.
    ///
    /// # Panics
    /// When `code` was installed before the last `reset`.
    fn run(
        &mut self,
        code: &InstalledCode,
        ctx: &mut TraceContext,
        base: u64,
        env: &mut dyn RunEnv,
    ) -> Result<RunStats, Trap>;
}
