//! Between the stages: what may look at, or change, what one stage hands to the next.
//!
//! In:  the output of a stage, just after it ran and before anything checks it.
//! Out: the same value, perhaps changed. All methods default to leaving it alone.
//!
//! In order: the recording and each pass ([`StageTap::trace`]), lowering, allocation, emission, the
//! roots to keep alive, and at each exit the state to restore. Planted faults are taps; the stages
//! themselves know of none.
//!
//! Invariant: a tap is a pure function of what it is shown. The same case is run again with other
//! passes and other executors to find out which stage is to blame, and the tap must do the same then.

use super::restore::Restored;
use crate::backend::CompiledTrace;
use crate::backend::alloc::Allocated;
use crate::backend::mach::MachTrace;
use crate::heap::Value;
use crate::ir::trace::{SnapshotId, Trace};
use crate::opt::Stage;
use crate::vm::RuntimeProto;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

/// What a trace asks of the collector: what must stay alive as long as it, as it knows these by their
/// addresses, and whether it must be told that the trace ran.
#[derive(Default)]
pub struct TraceRoots {
    pub objects: Vec<Value>,
    /// Functions that the trace has inlined.
    pub functions: Vec<NonNull<RuntimeProto>>,
    /// The trace stores references to objects in others; its stores have no barrier.
    pub stores_references: bool,
}

/// Sees, and may change, what each stage hands to the next.
pub trait StageTap: Send + Sync {
    /// The name under which another process can make the same tap.
    fn name(&self) -> Option<&str> {
        None
    }
    /// The recording, then the output of each pass that runs. A tap that rewrites asks
    /// [`Stage::cx`] for each rewrite, as a pass does, so that one wrong rewrite can be found.
    fn trace(&self, _stage: &mut Stage) {}
    fn lowered(&self, _trace: &Trace, _lowered: &mut MachTrace) {}
    fn allocated(&self, _trace: &Trace, _allocated: &mut Allocated) {}
    fn emitted(&self, _trace: &Trace, _compiled: &mut CompiledTrace) {}
    /// What the trace asks of the collector.
    fn rooted(&self, _trace: &Trace, _roots: &mut TraceRoots) {}
    /// What an exit is about to write into the interpreter's state.
    fn restored(&self, _trace: &Trace, _exit: SnapshotId, _restored: &mut Restored) {}
}

/// A shared tap; equal to itself only.
#[derive(Clone)]
pub struct TapRef(Arc<dyn StageTap>);

impl TapRef {
    pub fn new(tap: impl StageTap + 'static) -> TapRef {
        TapRef(Arc::new(tap))
    }
}

impl std::ops::Deref for TapRef {
    type Target = dyn StageTap;
    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl PartialEq for TapRef {
    fn eq(&self, other: &TapRef) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for TapRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TapRef")
    }
}
