//! The write barrier: every store of a reference into an object goes through here.
//!
//! In:  an object and what is about to be stored in it.   Out: a black object that gets a reference to
//! a white one is grey again, and will be visited again.
//!
//! Invariant: the store functions of [`super::object`] and [`super::table`] call the barrier
//! themselves, so that no caller can forget it. The exceptions are the interpreter's fast path for
//! tables (which calls it by hand), stack slots (visited atomically, so they need none), objects that
//! are being made (white), and the stores of traces (see [`super::collector`]).
//!
//! Why backwards only: one kind of barrier for all objects needs no extra age for what a store makes
//! old (PUC's `OLD0`), and the objects for which PUC moves forward (closures, upvalues, metatables)
//! are small or rarely written.

use super::Heap;
use super::layout::GcHeader;
use super::object::TableRef;
use super::value::Value;

/// Bit of [`GcHeader::mark`]: reached and visited.
pub(crate) const BLACK: u8 = 4;

impl Heap {
    /// Due before `value` is stored in `owner`.
    #[inline(always)]
    pub(crate) fn barrier(&mut self, owner: *mut GcHeader, value: Value) {
        // SAFETY: callers pass live objects.
        if value.is_collectable() && unsafe { (*owner).mark } & BLACK != 0 {
            self.barrier_black(owner, value.payload() as *mut GcHeader);
        }
    }

    /// Due before a reference to `target` is stored in `owner`.
    #[inline(always)]
    pub(crate) fn object_barrier(&mut self, owner: *mut GcHeader, target: *mut GcHeader) {
        // SAFETY: callers pass live objects.
        if unsafe { (*owner).mark } & BLACK != 0 {
            self.barrier_black(owner, target);
        }
    }

    /// Due before the metatable of a table or userdata is set.
    pub(crate) fn metatable_barrier(&mut self, owner: *mut GcHeader, metatable: Option<TableRef>) {
        if let Some(metatable) = metatable {
            self.object_barrier(owner, metatable.as_ptr().cast());
        }
    }

    #[cold]
    fn barrier_black(&mut self, _owner: *mut GcHeader, _target: *mut GcHeader) {
        unreachable!("no object is black outside a collection, which is atomic");
    }
}
