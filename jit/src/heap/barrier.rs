//! The write barrier: every store of a reference into an object goes through here.
//!
//! In:  an object and what is about to be stored in it.   Out: no black object refers to a white one
//! while the collector relies on that.
//!
//! Invariant: the store functions of [`super::object`] and [`super::table`] call the barrier
//! themselves, so that no caller can forget it. The exceptions are the interpreter's fast path for
//! tables (which calls it by hand), stack slots (visited atomically, so they need none), objects that
//! are being made (white), and the stores of traces (see [`super::collector`]).
//!
//! Why backwards only (the owner becomes grey again): one kind of barrier for all objects needs no
//! extra age for what a store makes old (PUC's `OLD0`), and the objects for which PUC moves forward
//! (closures, upvalues, metatables) are small or rarely written.

use super::Heap;
use super::collector::Phase;
use super::colour::{Age, BLACK};
use super::layout::GcHeader;
use super::object::TableRef;
use super::value::Value;

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

    /// Due before the metatable of a table or userdata is set. If it has a finalizer now, the object
    /// is marked for finalization.
    pub(crate) fn metatable_barrier(&mut self, owner: *mut GcHeader, metatable: Option<TableRef>) {
        if let Some(metatable) = metatable {
            self.object_barrier(owner, metatable.as_ptr().cast());
            self.check_finalizer(owner, metatable);
        }
    }

    /// Due when an open upvalue, which is white or grey, becomes the owner of `value`.
    pub(crate) fn close_barrier(&mut self, owner: *mut GcHeader, value: Value) {
        // SAFETY: the caller passes a live upvalue.
        unsafe {
            if !(*owner).is_white() {
                (*owner).set_black();
                self.barrier(owner, value);
            }
        }
    }

    #[cold]
    fn barrier_black(&mut self, owner: *mut GcHeader, target: *mut GcHeader) {
        let collector = &mut self.collector;
        // SAFETY: both are live objects.
        unsafe {
            if !(*target).is_white() {
                return;
            }
            if collector.phase != Phase::Propagate {
                // Sweeping (objects are never black in a pause): the owner counts as swept.
                return (*owner).renew(collector.white);
            }
            (*owner).set_grey();
            match (*owner).age() {
                Age::Touched2 => (*owner).set_age(Age::Touched1),
                age => {
                    if age != Age::New {
                        (*owner).set_age(Age::Touched1);
                    }
                    collector.marker.grey_again.push(owner);
                }
            }
        }
    }
}
