//! The verifier: looks at a heap between two pieces of the collector's work. A test switch.
//!
//! In:  a heap, the handles that the VM holds, the running thread's stack.   Out: a panic that names the
//! first reference, or colour, that must not be.
//!
//! It knows neither the marking nor its roots: it goes over all objects and asks of each reference,
//! weak ones and dead stack slots included, where it leads.
//!
//! 1. No reference leads to an object that was freed or will be: unswept, of the other white. Empty
//!    nodes of tables refer to their key as well, unless it was cleared.
//! 2. While marking goes on, or minor collections do, a black object that is not watched for another
//!    reason (its age) refers to no white one; threads excepted, which are visited atomically. Not after
//!    the stores of a trace.
//! 3. A grey object is on a list of those to be visited, open upvalues excepted; an open upvalue is never
//!    black, so that stores to its slot need no barrier.
//! 4. In a pause everything is white.
//!
//! A verification is as much work as a collection. There is one after a piece of work when the collector
//! has worked twice as much since the last ([`Heap::verification_is_due`]).
//!
//! Limits: a freed block is known by what it was overwritten with as long as it is in quarantine (or by
//! AddressSanitizer).

use super::Heap;
use super::alloc::FREED;
use super::collector::{Collector, Phase};
use super::colour::Age;
use super::layout::{
    Closure, GcHeader, NativeClosure, ObjectKind, Table, Thread, Upvalue, Userdata,
};
use super::object::{ClosureRef, NativeClosureRef, ThreadRef, UpvalueRef};
use super::value::{Tag, Value};
use crate::vm::RuntimeProto;
use crate::vm::frame::ThreadState;
use rustc_hash::FxHashSet;
use std::fmt::Debug;
use std::ptr::NonNull;

impl Heap {
    /// Whether the collector has worked so much that a verification takes little of the time.
    pub(crate) fn verification_is_due(&self) -> bool {
        cfg!(debug_assertions) && self.verified <= self.collector.work() / 2
    }

    /// Panics if an invariant of the collector does not hold. `held` is what the VM refers to, `running`
    /// the state of the thread that runs.
    pub(crate) fn verify(&mut self, held: &[Value], running: Option<&ThreadState>) {
        let Collector { phase, white, marker, unbarriered, .. } = &self.collector;
        let verifier = Verifier {
            phase: *phase,
            doomed: if *phase == Phase::Sweep { white.other().mark() } else { 0 },
            has_barriers: *phase == Phase::Propagate && !unbarriered,
            grey: marker.grey.iter().chain(&marker.grey_again).copied().collect(),
        };
        self.held(held).for_each(|target| verifier.target("the VM", target));
        let mut work = 0;
        if let Some(state) = running {
            work += thread_references(state, &mut |target| verifier.target("the stack", target));
        }
        for mut object in [self.objects, self.collector.to_sweep] {
            while !object.is_null() {
                // SAFETY: the lists link objects that were not freed.
                unsafe {
                    work += verifier.object(object);
                    object = (*object).next;
                }
            }
        }
        self.verified += work as u64;
    }

    /// What is neither in an object nor on the running thread's stack.
    fn held<'a>(&'a self, by_vm: &'a [Value]) -> impl Iterator<Item = *mut GcHeader> + 'a {
        let values = by_vm.iter().chain(&self.pinned).chain(&self.recorded);
        let values = values.filter(|value| value.is_collectable());
        let objects = values.map(|value| value.payload() as *mut GcHeader);
        let protos = self.pinned_protos.iter().chain(&self.recorded_protos);
        let protos = protos.map(|proto| proto.as_ptr().cast());
        let threads = self.threads.iter().map(|thread| thread.as_ptr().cast());
        objects.chain(protos).chain(threads).chain(self.collector.held())
    }
}

struct Verifier {
    phase: Phase,
    /// The marks of objects that were found dead, and are to be swept.
    doomed: u8,
    /// No black object may refer to a white one.
    has_barriers: bool,
    /// The objects that are to be visited.
    grey: FxHashSet<*mut GcHeader>,
}

impl Verifier {
    /// Something refers to this.
    fn target(&self, from: impl Debug, target: *mut GcHeader) {
        // SAFETY: the target was not freed, or is in quarantine: this is what is asked.
        let mark = unsafe { (*target).mark };
        if mark == FREED || mark & self.doomed != 0 {
            let is = if mark == FREED { "freed" } else { "found dead" };
            panic!("{from:?} refers to an object that was {is}, at {target:?}");
        }
    }

    /// The units of work.
    ///
    /// # Safety
    /// `object` is on a list of objects.
    unsafe fn object(&self, object: *mut GcHeader) -> usize {
        // SAFETY: the caller says so; what it refers to is looked at after it was found to be alive.
        unsafe {
            let GcHeader { kind, mark, .. } = *object;
            assert!(mark != FREED, "a list of objects holds a freed one");
            if mark & self.doomed != 0 {
                return 1;
            }
            let (white, black) = ((*object).is_white(), (*object).is_black());
            let is_open = kind == ObjectKind::Upvalue && {
                let upvalue = NonNull::new_unchecked(object.cast::<Upvalue>());
                UpvalueRef::from_ptr(upvalue).is_open()
            };
            match self.phase {
                Phase::Pause => assert!(white, "in a pause a {kind:?} is not white"),
                Phase::Propagate if is_open => assert!(!black, "an open upvalue is black"),
                Phase::Propagate if !white && !black => {
                    assert!(self.grey.contains(&object), "a grey {kind:?} is on no list");
                }
                _ => {}
            }
            let no_white = self.has_barriers
                && black
                && kind != ObjectKind::Thread
                && matches!((*object).age(), Age::New | Age::Old);
            object_references(object, &mut |target| {
                self.target(kind, target);
                let broken = no_white && (*target).is_white();
                assert!(!broken, "a black {kind:?} refers to a white {:?}", (*target).kind);
            })
        }
    }
}

/// Visits everything that an object refers to. The units of work.
///
/// # Safety
/// `object` is on a list of objects.
unsafe fn object_references(object: *mut GcHeader, visit: &mut impl FnMut(*mut GcHeader)) -> usize {
    // SAFETY: `kind` names the struct that begins with the header, whose parts have the sizes it says.
    // Pointers in it may be null where an object is optional, or is still being made.
    unsafe {
        match (*object).kind {
            ObjectKind::Str => 1,
            ObjectKind::Table => table_references(&*object.cast(), visit),
            ObjectKind::Closure => {
                let closure = object.cast::<Closure>();
                visit((*closure).proto.cast_mut().cast());
                let slots = ClosureRef::from_ptr(NonNull::new_unchecked(closure)).upvalue_slots();
                for index in 0..(*closure).num_upvalues {
                    visit_pointer(*slots.add(index), visit);
                }
                1 + (*closure).num_upvalues
            }
            ObjectKind::NativeClosure => {
                let closure = NonNull::new_unchecked(object.cast::<NativeClosure>());
                let closure = NativeClosureRef::from_ptr(closure);
                (0..closure.upvalue_count()).for_each(|n| visit_value(closure.upvalue(n), visit));
                1 + closure.upvalue_count()
            }
            ObjectKind::Upvalue => {
                visit_value(*(*object.cast::<Upvalue>()).location, visit);
                1
            }
            ObjectKind::Userdata => {
                visit_pointer((*object.cast::<Userdata>()).metatable, visit);
                1
            }
            ObjectKind::Thread => {
                let thread = object.cast::<Thread>();
                visit_pointer((*thread).resumer, visit);
                let thread = ThreadRef::from_ptr(NonNull::new_unchecked(thread));
                1 + thread.suspended_state().map_or(0, |state| thread_references(state, visit))
            }
            ObjectKind::Proto => {
                let proto = &*object.cast::<RuntimeProto>();
                proto.constants.iter().for_each(|value| visit_value(*value, visit));
                proto.children.iter().for_each(|child| visit_pointer(child.cast_mut(), visit));
                1 + proto.constants.len() + proto.children.len()
            }
        }
    }
}

/// # Safety
/// The table's parts have the sizes it says.
unsafe fn table_references(table: &Table, visit: &mut impl FnMut(*mut GcHeader)) -> usize {
    visit_pointer(table.metatable, visit);
    // SAFETY: the caller says so.
    unsafe {
        for index in 0..table.array_size as usize {
            visit_value(*table.array.add(index), visit);
        }
        let nodes = if table.has_nodes { 1 << table.log2_nodes } else { 0 };
        for index in 0..nodes {
            let node = &*table.nodes.add(index);
            visit_value(node.key(), visit);
            visit_value(node.value, visit);
        }
        1 + table.array_size as usize + 2 * nodes
    }
}

/// All slots that were in use since they were last cleared, whether a frame owns them or not.
fn thread_references(state: &ThreadState, visit: &mut impl FnMut(*mut GcHeader)) -> usize {
    state.stack.slice(0, state.dirty_end()).iter().for_each(|value| visit_value(*value, visit));
    let mut upvalue = state.open_upvalues;
    while !upvalue.is_null() {
        visit_pointer(upvalue, visit);
        // SAFETY: it was found to be alive.
        upvalue = unsafe { (*upvalue).next_open };
    }
    state.dirty_end()
}

fn visit_value(value: Value, visit: &mut impl FnMut(*mut GcHeader)) {
    if value.is_collectable() && value.tag() != Tag::DeadKey {
        visit(value.payload() as *mut GcHeader);
    }
}

fn visit_pointer<T>(pointer: *mut T, visit: &mut impl FnMut(*mut GcHeader)) {
    if !pointer.is_null() {
        visit(pointer.cast());
    }
}
