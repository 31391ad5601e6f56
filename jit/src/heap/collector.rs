//! Mark and sweep.
//!
//! In:  the roots, marked by the VM through a [`Marker`].   Out: every object that was not reached is
//! freed, and the debt is set so that the next collection comes after some growth.
//!
//! Invariants:
//! - runs only at the interpreter's allocation points, never while a trace runs;
//! - outside a collection every object's `mark` is 0.
//!
//! Limits: stop-the-world and not generational; no finalizers, no weak tables.

use super::layout::{
    Closure, GcHeader, NativeClosure, Node, ObjectKind, Str, Table, Thread, Upvalue, Userdata,
};
use super::object::{ClosureRef, NativeClosureRef, ThreadRef, UpvalueRef};
use super::value::{Tag, VALUE_SIZE, Value};
use super::{Heap, object_bytes};
use std::ptr::NonNull;

const MARKED: u8 = 1;

/// The set of reached objects whose contents were not visited yet.
pub struct Marker {
    grey: Vec<*mut GcHeader>,
}

impl Marker {
    pub fn value(&mut self, value: Value) {
        if value.is_collectable() && value.tag() != Tag::DeadKey {
            self.object(value.payload() as *mut GcHeader);
        }
    }

    pub fn values(&mut self, values: &[Value]) {
        for value in values {
            self.value(*value);
        }
    }

    pub fn upvalue(&mut self, upvalue: UpvalueRef) {
        self.object(upvalue.as_ptr().cast());
    }

    fn object(&mut self, object: *mut GcHeader) {
        // SAFETY: roots and reached objects refer to live objects only.
        unsafe {
            if (*object).mark == MARKED {
                return;
            }
            (*object).mark = MARKED;
            // Strings refer to nothing.
            if (*object).kind != ObjectKind::Str {
                self.grey.push(object);
            }
        }
    }

    fn drain(&mut self) {
        while let Some(object) = self.grey.pop() {
            // SAFETY: grey objects are live, and `kind` names the struct that begins with the header.
            unsafe {
                match (*object).kind {
                    ObjectKind::Table => self.visit_table(object.cast()),
                    ObjectKind::Closure => self.visit_closure(object.cast()),
                    ObjectKind::NativeClosure => self.visit_native_closure(object.cast()),
                    ObjectKind::Upvalue => self.value(*(*object.cast::<Upvalue>()).location),
                    ObjectKind::Userdata => {
                        self.table_pointer((*object.cast::<Userdata>()).metatable);
                    }
                    ObjectKind::Thread => self.visit_thread(object.cast()),
                    ObjectKind::Str | ObjectKind::Proto => {}
                }
            }
        }
    }

    fn table_pointer(&mut self, table: *mut Table) {
        if !table.is_null() {
            self.object(table.cast());
        }
    }

    /// # Safety
    /// `table` is live.
    unsafe fn visit_table(&mut self, table: *mut Table) {
        // SAFETY: a live table's parts have the sizes it says.
        unsafe {
            self.table_pointer((*table).metatable);
            for index in 0..(*table).array_size as usize {
                self.value(*(*table).array.add(index));
            }
            if !(*table).has_nodes {
                return;
            }
            for index in 0..1usize << (*table).log2_nodes {
                let node = (*table).nodes.add(index);
                if (*node).value.is_nil() {
                    // Keep the node in its chain, but not its key alive.
                    if (*node).key_tag as u8 >= Tag::Str as u8 {
                        (*node).key_tag = Tag::DeadKey;
                    }
                } else {
                    self.value((*node).key());
                    self.value((*node).value);
                }
            }
        }
    }

    /// # Safety
    /// `closure` is live.
    unsafe fn visit_closure(&mut self, closure: *mut Closure) {
        // SAFETY: the pointer is not null, and a live closure's upvalue pointers are live or, while it
        // is being made, null.
        unsafe {
            let slots = ClosureRef::from_ptr(NonNull::new_unchecked(closure)).upvalue_slots();
            for index in 0..(*closure).num_upvalues {
                let upvalue = *slots.add(index);
                if !upvalue.is_null() {
                    self.object(upvalue.cast());
                }
            }
        }
    }

    /// The state of the running thread is in the VM, which marks it as a root.
    ///
    /// # Safety
    /// `thread` is live, and no reference to its state is.
    unsafe fn visit_thread(&mut self, thread: *mut Thread) {
        // SAFETY: the pointer is not null.
        let thread = unsafe { ThreadRef::from_ptr(NonNull::new_unchecked(thread)) };
        if let Some(resumer) = thread.resumer() {
            self.value(Value::from(resumer));
        }
        // SAFETY: by the caller's promise.
        if let Some(state) = unsafe { thread.suspended_state_mut() } {
            state.clear_dead_slots();
            state.mark(self);
        }
    }

    /// # Safety
    /// `closure` is live.
    unsafe fn visit_native_closure(&mut self, closure: *mut NativeClosure) {
        // SAFETY: the pointer is not null.
        let closure = unsafe { NativeClosureRef::from_ptr(NonNull::new_unchecked(closure)) };
        for index in 0..closure.upvalue_count() {
            self.value(closure.upvalue(index));
        }
    }
}

impl Heap {
    /// Frees everything that neither `pinned` nor the roots that `mark_roots` marks reach.
    pub fn collect(&mut self, mark_roots: impl FnOnce(&mut Marker)) {
        let mut marker = Marker { grey: Vec::new() };
        marker.values(&self.pinned);
        mark_roots(&mut marker);
        marker.drain();
        self.bury_unreached_threads();
        self.interned
            // SAFETY: the intern table holds live strings.
            .retain(|string: *mut Str| unsafe { (*string).header.mark == MARKED });
        self.sweep();
        let live = self.allocator.live_bytes();
        let growth = live / 100 * (self.pause_percent.max(100) - 100);
        self.allocator.set_debt(-isize::try_from(growth.max(64 * 1024)).unwrap_or(isize::MAX));
        if self.collect_every.is_some() {
            self.allocator.set_debt(isize::MAX / 2);
        }
        self.collections += 1;
    }

    /// Closes the upvalues of threads that were not reached, while all objects still exist: reached
    /// closures may share them. Their values were marked through the upvalues.
    fn bury_unreached_threads(&mut self) {
        self.threads.retain(|thread| {
            // SAFETY: the list holds all threads, none of which was freed yet; nothing runs, so no
            // reference to a state is live.
            unsafe {
                let reached = (*thread.as_ptr()).header.mark == MARKED;
                if !reached && let Some(state) = thread.suspended_state_mut() {
                    state.close_upvalues(0, |_, _| {});
                }
                reached
            }
        });
    }

    fn sweep(&mut self) {
        let mut link: *mut *mut GcHeader = &raw mut self.objects;
        // SAFETY: `link` is the list's head or the `next` field of a live object; an object is taken
        // off the list before it is freed, and nothing that is reachable refers to it.
        unsafe {
            while !(*link).is_null() {
                let object = *link;
                if (*object).mark == MARKED {
                    (*object).mark = 0;
                    link = &raw mut (*object).next;
                } else {
                    *link = (*object).next;
                    self.free_object(object);
                }
            }
        }
    }

    /// # Safety
    /// `object` is off the list of objects and nothing uses it any more.
    pub(super) unsafe fn free_object(&mut self, object: *mut GcHeader) {
        let bytes = object_bytes(object);
        // SAFETY: a table's parts came from this allocator with these sizes; so did the object.
        unsafe {
            match (*object).kind {
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
                _ => {}
            }
            self.allocator.release(NonNull::new_unchecked(object.cast()), bytes);
        }
    }
}
