//! Marking: the grey objects, what each kind of object refers to, weak tables.
//!
//! In:  roots, through a [`Marker`].   Out: everything reachable is black; entries of weak tables whose
//! object was not reached are gone.
//!
//! A table's `__mode` is read whenever the table is visited, so changing it takes effect. Weak tables
//! are put aside while marking (strong parts of them are visited) and dealt with in the atomic phase.
//! Strings behave as values: they are never removed from weak tables.

use super::alloc::FREED;
use super::colour::Age;
use super::layout::{
    Closure, GcHeader, NativeClosure, Node, ObjectKind, Table, Thread, Upvalue, Userdata,
};
use super::object::{ClosureRef, NativeClosureRef, StrRef, TableRef, ThreadRef, UpvalueRef};
use super::value::{Tag, Value};
use crate::bytecode::{Event, Proto};
use crate::vm::RuntimeProto;
use std::ptr::NonNull;

/// The objects that marking still has to deal with.
pub struct Marker {
    /// Reached, to be visited.
    pub(super) grey: Vec<*mut GcHeader>,
    /// To be visited (again) in the atomic phase.
    pub(super) grey_again: Vec<*mut GcHeader>,
    /// Weak tables found in the atomic phase, by what may have to be removed from them: values,
    /// entries by key once it is known which values are reached, both.
    pub(super) weak_values: Vec<*mut Table>,
    pub(super) ephemerons: Vec<*mut Table>,
    pub(super) all_weak: Vec<*mut Table>,
    pub(super) is_atomic: bool,
    /// Units of work so far: what was visited, slots and references included.
    pub(super) work: u64,
    /// The string `__mode`.
    pub(super) mode_name: Option<StrRef>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weakness {
    Strong,
    Values,
    Keys,
    Both,
}

impl Marker {
    pub(super) fn new() -> Marker {
        Marker {
            grey: Vec::new(),
            grey_again: Vec::new(),
            weak_values: Vec::new(),
            ephemerons: Vec::new(),
            all_weak: Vec::new(),
            is_atomic: false,
            work: 0,
            mode_name: None,
        }
    }

    pub(super) fn clear(&mut self) {
        self.grey.clear();
        self.grey_again.clear();
        self.clear_weak_lists();
    }

    pub(super) fn clear_weak_lists(&mut self) {
        self.weak_values.clear();
        self.ephemerons.clear();
        self.all_weak.clear();
    }

    #[inline(always)]
    pub fn value(&mut self, value: Value) {
        if value.is_collectable() && value.tag() != Tag::DeadKey {
            self.object(value.payload() as *mut GcHeader);
        }
    }

    pub fn values(&mut self, values: &[Value]) {
        self.work += values.len() as u64;
        for value in values {
            self.value(*value);
        }
    }

    pub(crate) fn count_work(&mut self, units: usize) {
        self.work += units as u64;
    }

    pub fn upvalue(&mut self, upvalue: UpvalueRef) {
        self.object(upvalue.as_ptr().cast());
    }

    pub(super) fn proto(&mut self, proto: *const RuntimeProto) {
        self.object(proto.cast_mut().cast());
    }

    #[inline(always)]
    pub(super) fn object(&mut self, object: *mut GcHeader) {
        // SAFETY: roots and reached objects refer to live objects only.
        debug_assert!(unsafe { (*object).mark } != FREED, "a freed object was reached");
        // SAFETY: as above.
        if unsafe { (*object).is_white() } {
            self.white_object(object);
        }
    }

    fn table_pointer(&mut self, table: *mut Table) {
        if !table.is_null() {
            self.object(table.cast());
        }
    }

    /// Reaches an object. Those with at most one reference are visited at once; the recursion is two
    /// deep at most, since an upvalue refers to no upvalue and a metatable is a table.
    fn white_object(&mut self, object: *mut GcHeader) {
        // SAFETY: the object is live, and `kind` names the struct that begins with the header.
        unsafe {
            match (*object).kind {
                ObjectKind::Str => (*object).set_black(),
                ObjectKind::Upvalue => {
                    let upvalue: *mut Upvalue = object.cast();
                    if UpvalueRef::from_ptr(NonNull::new_unchecked(upvalue)).is_open() {
                        // Grey as long as it is open: stores to stack slots have no barrier, and the
                        // stack is visited atomically.
                        (*object).set_grey();
                    } else {
                        (*object).set_black();
                    }
                    self.value(*(*upvalue).location);
                }
                ObjectKind::Userdata => {
                    (*object).set_black();
                    self.table_pointer((*object.cast::<Userdata>()).metatable);
                }
                _ => {
                    (*object).set_grey();
                    self.grey.push(object);
                }
            }
        }
    }

    /// Visits one grey object. The units of work, `None` if there is none.
    pub(super) fn propagate_one(&mut self) -> Option<usize> {
        let object = self.grey.pop()?;
        // SAFETY: grey objects are live, and `kind` names the struct that begins with the header.
        let units = unsafe {
            (*object).set_black();
            match (*object).kind {
                ObjectKind::Table => self.visit_table(object.cast()),
                ObjectKind::Closure => self.visit_closure(object.cast()),
                ObjectKind::NativeClosure => self.visit_native_closure(object.cast()),
                ObjectKind::Upvalue => {
                    self.value(*(*object.cast::<Upvalue>()).location);
                    1
                }
                ObjectKind::Userdata => {
                    self.table_pointer((*object.cast::<Userdata>()).metatable);
                    1
                }
                ObjectKind::Thread => self.visit_thread(object.cast()),
                ObjectKind::Proto => self.visit_proto(object.cast()),
                ObjectKind::Str => 1,
            }
        };
        self.work += units as u64;
        Some(units)
    }

    /// Visits all grey objects. The units of work.
    pub(super) fn propagate_all(&mut self) -> usize {
        let mut work = 0;
        while let Some(units) = self.propagate_one() {
            work += units;
        }
        work
    }

    /// # Safety
    /// `proto` is live.
    unsafe fn visit_proto(&mut self, proto: *const RuntimeProto) -> usize {
        // SAFETY: the caller says so.
        let proto = unsafe { &*proto };
        self.values(&proto.constants);
        for child in &proto.children {
            self.proto(*child);
        }
        let Proto { upvalues, locals, .. } = &*proto.proto;
        1 + proto.constants.len() + proto.children.len() + upvalues.len() + locals.len()
    }

    /// # Safety
    /// `closure` is live.
    unsafe fn visit_closure(&mut self, closure: *mut Closure) -> usize {
        // SAFETY: the pointer is not null, and a live closure's upvalue pointers are live or, while it
        // is being made, null.
        unsafe {
            self.proto((*closure).proto);
            let slots = ClosureRef::from_ptr(NonNull::new_unchecked(closure)).upvalue_slots();
            for index in 0..(*closure).num_upvalues {
                let upvalue = *slots.add(index);
                if !upvalue.is_null() {
                    self.object(upvalue.cast());
                }
            }
            1 + (*closure).num_upvalues
        }
    }

    /// # Safety
    /// `closure` is live.
    unsafe fn visit_native_closure(&mut self, closure: *mut NativeClosure) -> usize {
        // SAFETY: the pointer is not null.
        let closure = unsafe { NativeClosureRef::from_ptr(NonNull::new_unchecked(closure)) };
        for index in 0..closure.upvalue_count() {
            self.value(closure.upvalue(index));
        }
        1 + closure.upvalue_count()
    }
}

/// Threads.
impl Marker {
    /// The state of the running thread is in the VM, which marks it as a root.
    ///
    /// # Safety
    /// `thread` is live, and no reference to its state is.
    unsafe fn visit_thread(&mut self, thread: *mut Thread) -> usize {
        // SAFETY: the pointer is not null.
        let thread = unsafe { ThreadRef::from_ptr(NonNull::new_unchecked(thread)) };
        if let Some(resumer) = thread.resumer() {
            self.value(Value::from(resumer));
        }
        // SAFETY: by the caller's promise.
        let Some(state) = (unsafe { thread.suspended_state_mut() }) else {
            return 1;
        };
        let end = state.live_end();
        if self.is_atomic {
            state.clear_dead_slots(end);
        }
        state.mark(self, end);
        1 + end
    }

    /// In the atomic phase: visits a thread whether or not it was visited, if it was reached; else the
    /// values of its upvalues that were, since the stores to its stack had no barrier.
    pub(super) fn visit_again_if_reached(&mut self, thread: ThreadRef) {
        let object: *mut GcHeader = thread.as_ptr().cast();
        // SAFETY: the heap lists live threads and threads their open upvalues; nothing runs.
        unsafe {
            if !(*object).is_white() {
                (*object).set_grey();
                return self.grey.push(object);
            }
            let Some(state) = thread.suspended_state() else { return };
            let mut upvalue = state.open_upvalues;
            while !upvalue.is_null() {
                if !(*upvalue).header.is_white() {
                    self.value(*(*upvalue).location);
                }
                upvalue = (*upvalue).next_open;
            }
        }
    }
}

/// Tables.
impl Marker {
    /// # Safety
    /// `table` is live.
    unsafe fn visit_table(&mut self, table: *mut Table) -> usize {
        // SAFETY: a live table's parts have the sizes it says.
        unsafe {
            let metatable = (*table).metatable;
            let weakness = if metatable.is_null() {
                Weakness::Strong
            } else {
                self.object(metatable.cast());
                self.weakness(metatable)
            };
            match weakness {
                Weakness::Strong => self.visit_strong(table),
                Weakness::Values => self.visit_weak_values(table),
                Weakness::Keys => {
                    self.visit_ephemeron(table, false);
                }
                Weakness::Both if self.is_atomic => self.all_weak.push(table),
                Weakness::Both => self.visit_again(table),
            }
            1 + (*table).array_size as usize + 2 * node_count(table)
        }
    }

    /// # Safety
    /// `metatable` is live.
    unsafe fn weakness(&self, metatable: *mut Table) -> Weakness {
        const ABSENT: u8 = 1 << Event::Mode as u8;
        // SAFETY: the caller says so.
        unsafe {
            if (*metatable).absent_metamethods & ABSENT != 0 {
                return Weakness::Strong;
            }
            let handle = TableRef::from_ptr(NonNull::new_unchecked(metatable));
            let mode = self.mode_name.map_or(Value::NIL, |name| handle.get_str(name));
            if mode.is_nil() {
                (*metatable).absent_metamethods |= ABSENT;
            }
            // A long string is no mode, and a C string ends at its first NUL.
            let Some(mode) = mode.as_str().filter(|mode| mode.is_short()) else {
                return Weakness::Strong;
            };
            let text = mode.as_bytes().split(|b| *b == 0).next().unwrap_or_default();
            match (text.contains(&b'k'), text.contains(&b'v')) {
                (false, false) => Weakness::Strong,
                (false, true) => Weakness::Values,
                (true, false) => Weakness::Keys,
                (true, true) => Weakness::Both,
            }
        }
    }

    /// # Safety
    /// `table` is live.
    unsafe fn visit_strong(&mut self, table: *mut Table) {
        // SAFETY: a live table's parts have the sizes it says.
        unsafe {
            for index in 0..(*table).array_size as usize {
                self.value(*(*table).array.add(index));
            }
            for index in 0..node_count(table) {
                let node = (*table).nodes.add(index);
                if (*node).value.is_nil() {
                    clear_key(node);
                } else {
                    self.value((*node).key());
                    self.value((*node).value);
                }
            }
        }
    }

    /// # Safety
    /// `table` is live.
    unsafe fn visit_weak_values(&mut self, table: *mut Table) {
        // SAFETY: a live table's parts have the sizes it says.
        unsafe {
            let mut may_clear = (*table).array_size > 0;
            for index in 0..node_count(table) {
                let node = (*table).nodes.add(index);
                if (*node).value.is_nil() {
                    clear_key(node);
                } else {
                    self.value((*node).key());
                    may_clear |= self.is_cleared((*node).value);
                }
            }
            if !self.is_atomic {
                self.visit_again(table);
            } else if may_clear {
                self.weak_values.push(table);
            }
        }
    }

    /// Puts a weak table aside until the atomic phase.
    ///
    /// # Safety
    /// `table` is live.
    unsafe fn visit_again(&mut self, table: *mut Table) {
        // SAFETY: the caller says so.
        unsafe { (*table).header.set_grey() };
        self.grey_again.push(table.cast());
    }

    /// Marks the values whose key is reached. Whether there were any.
    ///
    /// # Safety
    /// `table` is live.
    unsafe fn visit_ephemeron(&mut self, table: *mut Table, backwards: bool) -> bool {
        let (mut marked, mut has_white_key, mut has_white_pair) = (false, false, false);
        // SAFETY: a live table's parts have the sizes it says.
        unsafe {
            for index in 0..(*table).array_size as usize {
                marked |= self.mark_if_white(*(*table).array.add(index));
            }
            let count = node_count(table);
            for index in 0..count {
                let node = (*table).nodes.add(if backwards { count - 1 - index } else { index });
                if (*node).value.is_nil() {
                    clear_key(node);
                } else if self.is_cleared((*node).key()) {
                    has_white_key = true;
                    has_white_pair |= is_white((*node).value);
                } else {
                    marked |= self.mark_if_white((*node).value);
                }
            }
        }
        if !self.is_atomic {
            // SAFETY: the caller says that the table is live.
            unsafe { self.visit_again(table) };
        } else if has_white_pair {
            self.ephemerons.push(table);
        } else if has_white_key {
            self.all_weak.push(table);
        }
        marked
    }

    fn mark_if_white(&mut self, value: Value) -> bool {
        let white = is_white(value);
        if white {
            self.object(value.payload() as *mut GcHeader);
        }
        white
    }

    /// Whether a key or value of a weak table would be removed if marking ended now.
    fn is_cleared(&mut self, value: Value) -> bool {
        if value.is_string() {
            self.value(value);
            return false;
        }
        is_white(value)
    }

    /// Visits the ephemeron tables until no key leads to another value. The direction alternates, since
    /// chains often run along one table.
    pub(super) fn converge_ephemerons(&mut self) {
        let mut backwards = false;
        loop {
            let mut changed = false;
            for table in std::mem::take(&mut self.ephemerons) {
                // SAFETY: the lists hold live tables.
                if unsafe { self.visit_ephemeron(table, backwards) } {
                    self.propagate_all();
                    changed = true;
                }
            }
            if !changed {
                return;
            }
            backwards = !backwards;
        }
    }

    /// Removes the entries whose key was not reached from the ephemeron and all-weak tables.
    pub(super) fn clear_by_keys(&mut self) {
        for list in 0..2 {
            let tables = if list == 0 { &self.ephemerons } else { &self.all_weak };
            for table in tables.clone() {
                // SAFETY: the lists hold live tables, whose parts have the sizes they say.
                unsafe {
                    for index in 0..node_count(table) {
                        let node = (*table).nodes.add(index);
                        if !(*node).value.is_nil() && self.is_cleared((*node).key()) {
                            (*node).value = Value::NIL;
                        }
                        if (*node).value.is_nil() {
                            clear_key(node);
                        }
                    }
                }
            }
        }
    }

    /// Removes the entries whose value was not reached from the weak tables after the first `values`
    /// and `both` of their lists.
    pub(super) fn clear_by_values(&mut self, values: usize, both: usize) {
        let tables = [&self.weak_values[values..], &self.all_weak[both..]].concat();
        for table in tables {
            // SAFETY: the lists hold live tables, whose parts have the sizes they say.
            unsafe {
                for index in 0..(*table).array_size as usize {
                    let slot = (*table).array.add(index);
                    if self.is_cleared(*slot) {
                        *slot = Value::NIL;
                    }
                }
                for index in 0..node_count(table) {
                    let node = (*table).nodes.add(index);
                    if self.is_cleared((*node).value) {
                        (*node).value = Value::NIL;
                    }
                    if (*node).value.is_nil() {
                        clear_key(node);
                    }
                }
            }
        }
    }

    /// Lets an object that became old in the last minor collection be visited once more.
    ///
    /// # Safety
    /// `object` is live.
    pub(super) unsafe fn revisit_old1(&mut self, object: *mut GcHeader) {
        // SAFETY: the caller says so.
        unsafe {
            if (*object).age() == Age::Old1 {
                (*object).set_age(Age::Old);
                if (*object).is_black() && (*object).kind != ObjectKind::Str {
                    (*object).set_grey();
                    self.grey.push(object);
                }
            }
        }
    }
}

fn is_white(value: Value) -> bool {
    if !value.is_collectable() || value.tag() == Tag::DeadKey {
        return false;
    }
    // SAFETY: values in live tables refer to live objects, dead keys excepted.
    let header = unsafe { &*(value.payload() as *const GcHeader) };
    debug_assert!(header.mark != FREED, "a weak table refers to a freed object");
    header.is_white()
}

/// # Safety
/// `table` is live.
unsafe fn node_count(table: *mut Table) -> usize {
    // SAFETY: the caller says so.
    unsafe { if (*table).has_nodes { 1 << (*table).log2_nodes } else { 0 } }
}

/// Keeps an empty node in its chain, but not its key alive.
///
/// # Safety
/// `node` is in a live table's own vector, and its value is nil.
unsafe fn clear_key(node: *mut Node) {
    // SAFETY: the caller says so.
    unsafe {
        if (*node).key_tag as u8 >= Tag::Str as u8 {
            (*node).key_tag = Tag::DeadKey;
        }
    }
}
