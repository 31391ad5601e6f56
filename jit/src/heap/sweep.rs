//! Sweeping: what was not reached is freed, the rest gets its colour and age for the next cycle.
//!
//! In:  the list of objects after an atomic phase, which has changed the current white: objects with
//! the other white are dead.   Out: a list of live objects.
//!
//! Invariant: an object is taken off its list before it is freed, and nothing that is reachable refers
//! to it.

use super::colour::Age;
use super::layout::{GcHeader, Node, ObjectKind, Str, Table, Userdata};
use super::object::ThreadRef;
use super::value::VALUE_SIZE;
use super::{Heap, object_bytes};
use crate::vm::RuntimeProto;
use std::ptr::NonNull;

impl Heap {
    /// Sweeps so many objects at most; the live ones go to the list of objects. How many it was.
    pub(super) fn sweep_some(&mut self, most: usize) -> usize {
        let white = self.collector.white;
        let mut swept = 0;
        while swept < most && !self.collector.to_sweep.is_null() {
            let object = self.collector.to_sweep;
            swept += 1;
            // SAFETY: each object is on one list, from which it is taken before it is freed.
            unsafe {
                self.collector.to_sweep = (*object).next;
                if (*object).has_white(white.other()) {
                    self.free_object(object);
                } else {
                    (*object).renew(white);
                    (*object).next = self.objects;
                    self.objects = object;
                }
            }
        }
        self.collector.swept += swept as u64;
        swept
    }

    /// Makes every object white and new, after finishing the sweep if there is one.
    pub(super) fn whiten_all(&mut self) {
        self.sweep_some(usize::MAX);
        let mut object = self.objects;
        while !object.is_null() {
            // SAFETY: the list links live objects.
            unsafe {
                (*object).renew(self.collector.white);
                object = (*object).next;
            }
        }
    }

    /// Frees the dead and makes everything else old and black.
    pub(super) fn sweep_to_old(&mut self) {
        let dead = self.collector.white.other();
        self.sweep_segment(None, std::ptr::null_mut(), |object| {
            // SAFETY: `sweep_segment` passes live objects.
            unsafe {
                if (*object).has_white(dead) {
                    return false;
                }
                (*object).set_age(Age::Old);
                if !is_open_upvalue(object) {
                    (*object).set_black();
                }
                true
            }
        });
    }

    /// Frees young objects that are dead, and ages the others: new ones become survivals and white
    /// again, survivals become old.
    pub(super) fn sweep_young(&mut self) {
        let white = self.collector.white;
        let age = |object: *mut GcHeader| {
            // SAFETY: `sweep_segment` passes live objects.
            unsafe {
                if (*object).is_white() {
                    return false;
                }
                match (*object).age() {
                    Age::New => {
                        (*object).set_white(white);
                        (*object).set_age(Age::Survival);
                    }
                    Age::Survival => (*object).set_age(Age::Old1),
                    Age::Old1 | Age::Old | Age::Touched1 | Age::Touched2 => {}
                }
                true
            }
        };
        let last_new = self.sweep_segment(None, self.collector.survival, age);
        self.sweep_segment(last_new, self.collector.old1, age);
        self.collector.old = self.collector.old1;
        // SAFETY: the last new object is on the list.
        self.collector.old1 =
            last_new.map_or(self.objects, |last| unsafe { (*last.as_ptr()).next });
        self.collector.survival = self.objects;
    }

    /// Sweeps the objects after `previous` (from the head of the list on, if `None`) up to `end`. The
    /// last object before `end` that was kept.
    fn sweep_segment(
        &mut self,
        previous: Option<NonNull<GcHeader>>,
        end: *mut GcHeader,
        keep: impl Fn(*mut GcHeader) -> bool,
    ) -> Option<NonNull<GcHeader>> {
        let mut previous = previous;
        let mut swept = 0;
        loop {
            // SAFETY: the list links live objects; one is taken off before it is freed.
            unsafe {
                let object = match previous {
                    None => self.objects,
                    Some(previous) => (*previous.as_ptr()).next,
                };
                if object == end {
                    self.collector.swept += swept;
                    return previous;
                }
                swept += 1;
                if keep(object) {
                    previous = NonNull::new(object);
                    continue;
                }
                match previous {
                    None => self.objects = (*object).next,
                    Some(previous) => (*previous.as_ptr()).next = (*object).next,
                }
                self.free_object(object);
            }
        }
    }

    /// After a minor collection: touched objects are black again, and watched for one more.
    pub(super) fn age_touched(&mut self) {
        self.collector.marker.grey_again.retain(|object| {
            // SAFETY: touched objects are old, and old objects survive minor collections.
            unsafe {
                let again = (**object).age() == Age::Touched1;
                (**object).set_age(if again { Age::Touched2 } else { Age::Old });
                again
            }
        });
    }

    /// # Safety
    /// `object` is off the list of objects and nothing uses it any more.
    pub(super) unsafe fn free_object(&mut self, object: *mut GcHeader) {
        let bytes = object_bytes(object);
        // SAFETY: a table's parts came from this allocator with these sizes; so did the object.
        unsafe {
            match (*object).kind {
                ObjectKind::Str => {
                    let string = object.cast::<Str>();
                    if (*string).is_short {
                        self.interned.remove(string);
                    }
                }
                ObjectKind::Table => {
                    let table = object.cast::<Table>();
                    let size = (*table).array_size as usize;
                    if size > 0 {
                        let array = NonNull::new_unchecked((*table).array.cast());
                        self.allocator.release(array, size * VALUE_SIZE);
                    }
                    if (*table).has_nodes {
                        let nodes = NonNull::new_unchecked((*table).nodes.cast());
                        self.allocator.release(nodes, size_of::<Node>() << (*table).log2_nodes);
                    }
                }
                ObjectKind::Userdata => {
                    std::ptr::drop_in_place(&raw mut (*object.cast::<Userdata>()).payload);
                }
                ObjectKind::Thread => {
                    let thread = ThreadRef::from_ptr(NonNull::new_unchecked(object.cast()));
                    if let Some(state) = thread.suspended_state_mut() {
                        state.stack.free(&mut self.allocator);
                        std::ptr::drop_in_place(state);
                    }
                }
                ObjectKind::Proto => {
                    let proto = object.cast::<RuntimeProto>();
                    self.protos.remove(&(*proto).id);
                    self.allocator.discharge((*proto).extra_bytes);
                    std::ptr::drop_in_place(proto);
                }
                ObjectKind::Closure | ObjectKind::NativeClosure | ObjectKind::Upvalue => {}
            }
            self.allocator.release(NonNull::new_unchecked(object.cast()), bytes);
        }
    }
}

/// # Safety
/// `object` is live.
unsafe fn is_open_upvalue(object: *mut GcHeader) -> bool {
    use super::layout::Upvalue;
    // SAFETY: the caller says so.
    unsafe {
        (*object).kind == ObjectKind::Upvalue && {
            let upvalue = object.cast::<Upvalue>();
            (*upvalue).location != &raw mut (*upvalue).closed
        }
    }
}
