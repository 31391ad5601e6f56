//! The collector: precise, incremental or generational, with finalizers; PUC 5.4's algorithm.
//!
//! In:  the roots, which the VM marks through [`Roots`]; the interpreter's requests to go on.
//! Out: unreachable objects are freed ([`super::sweep`]), entries of weak tables removed
//! ([`super::mark`]), objects to be finalized put in a queue that the VM serves.
//!
//! A cycle in incremental mode: *pause*, *propagate* (the marking, in pieces), the atomic phase (stacks
//! and everything touched meanwhile are visited, weak tables cleared, finalizable objects separated),
//! *sweep* in pieces, *finalize*. In generational mode the phase is *propagate* between two
//! collections, each of which is one atomic piece: minor ones visit and sweep young objects only.
//! Objects made while sweeping are not on the list that is swept.
//!
//! Invariants:
//! - nothing here runs except at the interpreter's allocation points, on `collectgarbage`, and on the
//!   host's request; never while a trace runs;
//! - in the propagate phase no black object refers to a white one. [`super::barrier`] keeps this for
//!   all stores but those of traces;
//! - *stores of traces* have no barrier. The trace manager notes that a trace which stores collectable
//!   values ran ([`Heap::note_unbarriered_stores`]); if marking was in progress, the atomic phase then
//!   whitens everything and marks from scratch, and in generational mode the next collection is a
//!   major one. So a trace costs nothing, and marking is as long as a full collection's at worst;
//! - a worklist holds no object that may be freed: grey objects were reached, and the lists are
//!   empty, or cleared, before sweeping begins;
//! - `finalizable` holds weak pointers: the atomic phase takes those that were not reached out of it
//!   and marks them, so what remains is alive.
//!
//! Order of finalizers: the reverse of the order in which the objects were marked for finalization,
//! after those of earlier cycles that still wait.
//!
//! Limits: functions that a trace inlines are freed with the VM, not before.

use super::Heap;
use super::colour::White;
use super::layout::{GcHeader, ObjectKind};
use super::mark::Marker;
use super::object::{StrRef, TableRef};
use super::pace::Pace;
use super::value::{Tag, Value};
use crate::bytecode::Event;
use std::collections::VecDeque;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Pause,
    Propagate,
    Sweep,
    /// Finalizers that the cycle found wait to be called.
    Finalize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Incremental,
    Generational,
}

/// What the VM contributes to a cycle.
pub trait Roots {
    /// Marks everything that must survive. Called when marking begins and in the atomic phase.
    fn mark(&self, marker: &mut Marker);
    /// Forgets values in stack slots that nothing will read; called in the atomic phase.
    fn clear_dead_slots(&mut self);
}

/// Objects swept in a step.
const SWEEP_OBJECTS: usize = 100;

pub(crate) struct Collector {
    pub(super) phase: Phase,
    /// What runs now; see `last_major_work`.
    pub(super) kind: Mode,
    pub(super) white: White,
    pub(super) marker: Marker,
    /// The string `__gc`.
    gc_name: Option<StrRef>,
    /// A trace stored references since the marking, or the last collection, began.
    pub(super) unbarriered: bool,
    /// Objects of this cycle that the sweep has not seen.
    pub(super) to_sweep: *mut GcHeader,
    /// In generational mode the list of objects is ordered by age: new ones, from here on those that
    /// survived one collection, then those that became old in the last one, then the old.
    pub(super) survival: *mut GcHeader,
    pub(super) old1: *mut GcHeader,
    pub(super) old: *mut GcHeader,
    /// Objects with a finalizer, in the order in which they were marked for finalization.
    finalizable: Vec<*mut GcHeader>,
    /// The first so many of them are old.
    old_finalizable: usize,
    /// Objects whose finalizer is due, and which are alive until it was called.
    to_finalize: VecDeque<*mut GcHeader>,
    /// The state is being closed: no more objects are marked for finalization.
    closing: bool,
    pub pace: Pace,
    /// Bytes that survived the last (major) collection.
    pub(super) estimate: usize,
    /// Objects swept so far.
    pub(super) swept: u64,
    /// Work of the last major collection if it was a bad one: it freed so little that the next is
    /// a major one again, done in incremental mode. Else 0.
    last_major_work: usize,
}

impl Collector {
    pub fn new() -> Collector {
        Collector {
            phase: Phase::Pause,
            kind: Mode::Incremental,
            white: White::FIRST,
            marker: Marker::new(),
            gc_name: None,
            unbarriered: false,
            to_sweep: std::ptr::null_mut(),
            survival: std::ptr::null_mut(),
            old1: std::ptr::null_mut(),
            old: std::ptr::null_mut(),
            finalizable: Vec::new(),
            old_finalizable: 0,
            to_finalize: VecDeque::new(),
            closing: false,
            pace: Pace::default(),
            estimate: 0,
            swept: 0,
            last_major_work: 0,
        }
    }

    /// Units of work done so far: objects and slots visited, objects swept.
    pub(super) fn work(&self) -> u64 {
        self.marker.work + self.swept
    }

    /// What the collector itself refers to.
    pub(super) fn held(&self) -> impl Iterator<Item = *mut GcHeader> + '_ {
        let names = [self.gc_name, self.marker.mode_name].into_iter().flatten();
        let names = names.map(|name| name.as_ptr().cast());
        names.chain(self.finalizable.iter().chain(&self.to_finalize).copied())
    }
}

/// Steps of a cycle.
impl Heap {
    /// Tells the collector the names of the metamethods `__gc` and `__mode`.
    pub(super) fn name_metamethods(&mut self) {
        self.collector.gc_name = Some(self.new_string(b"__gc"));
        self.collector.marker.mode_name = Some(self.new_string(b"__mode"));
    }

    /// An object that was found again without going through another one is not dead, if it was.
    ///
    /// # Safety
    /// `object` is on the list of objects, or on the list to sweep.
    pub(super) unsafe fn revive(&self, object: *mut GcHeader) {
        let white = self.collector.white;
        // SAFETY: the caller says so. Only while sweeping there are objects of the other white.
        unsafe {
            if self.collector.phase == Phase::Sweep && (*object).has_white(white.other()) {
                (*object).set_white(white);
            }
        }
    }

    pub fn phase(&self) -> Phase {
        self.collector.phase
    }

    /// The mode that was asked for: after a bad collection, the generational mode is left for a while.
    pub fn mode(&self) -> Mode {
        if self.collector.last_major_work != 0 { Mode::Generational } else { self.collector.kind }
    }

    /// Tells the collector that a trace stored references without a barrier.
    pub fn note_unbarriered_stores(&mut self) {
        self.collector.unbarriered = true;
    }

    /// Goes on with a cycle (or begins one) until `work` units are done, or finalizers are due, or the
    /// cycle ends. What is left of `work`.
    pub(crate) fn advance(&mut self, roots: &mut dyn Roots, work: isize) -> isize {
        let mut left = work;
        loop {
            left -= self.single_step(roots) as isize;
            if left <= 0 || matches!(self.collector.phase, Phase::Pause | Phase::Finalize) {
                return left;
            }
        }
    }

    fn single_step(&mut self, roots: &mut dyn Roots) -> usize {
        match self.collector.phase {
            Phase::Pause => {
                self.restart(roots);
                1
            }
            Phase::Propagate => match self.collector.marker.propagate_one() {
                Some(units) => units,
                None => {
                    let units = self.atomic(roots);
                    self.enter_sweep();
                    self.collector.estimate = self.live_bytes();
                    units
                }
            },
            Phase::Sweep => {
                let before = self.live_bytes();
                let swept = self.sweep_some(SWEEP_OBJECTS);
                let freed = before - self.live_bytes();
                self.collector.estimate = self.collector.estimate.saturating_sub(freed);
                if self.collector.to_sweep.is_null() {
                    self.collector.phase = Phase::Finalize;
                }
                swept
            }
            Phase::Finalize => 0,
        }
    }

    /// Begins a cycle: everything is white, and the roots are marked.
    fn restart(&mut self, roots: &mut dyn Roots) {
        self.collector.marker.clear();
        self.collector.marker.is_atomic = false;
        self.collector.unbarriered = false;
        self.collector.phase = Phase::Propagate;
        self.mark_roots(roots);
    }

    fn mark_roots(&mut self, roots: &dyn Roots) {
        let Collector { marker, to_finalize, gc_name, .. } = &mut self.collector;
        roots.mark(marker);
        marker.values(&self.pinned);
        marker.values(&self.recorded);
        for proto in self.pinned_protos.iter().chain(&self.recorded_protos) {
            marker.proto(proto.as_ptr());
        }
        for name in [*gc_name, marker.mode_name].into_iter().flatten() {
            marker.value(Value::from(name));
        }
        for object in to_finalize {
            marker.object(*object);
        }
    }

    /// The part of the marking that the program must not interrupt. The units of work.
    fn atomic(&mut self, roots: &mut dyn Roots) -> usize {
        if self.collector.unbarriered {
            self.whiten_all();
            self.collector.marker.clear();
            self.collector.unbarriered = false;
        }
        self.collector.marker.is_atomic = true;
        roots.clear_dead_slots();
        let again = std::mem::take(&mut self.collector.marker.grey_again);
        self.mark_roots(roots);
        let marker = &mut self.collector.marker;
        let mut work = marker.propagate_all();
        // Stacks have no barriers: all threads are visited again.
        for thread in &self.threads {
            marker.visit_again_if_reached(*thread);
        }
        work += marker.propagate_all();
        marker.grey.extend_from_slice(&again);
        work += marker.propagate_all();
        marker.converge_ephemerons();
        // All that is strongly reachable is marked. Weak values go before finalizers run, ...
        marker.clear_by_values(0, 0);
        let (values, both) = (marker.weak_values.len(), marker.all_weak.len());
        self.separate_finalizable(false);
        let Collector { marker, to_finalize, .. } = &mut self.collector;
        for object in to_finalize.iter() {
            marker.object(*object);
        }
        work += marker.propagate_all();
        marker.converge_ephemerons();
        // ... weak keys when it is known what the finalizers keep.
        marker.clear_by_keys();
        marker.clear_by_values(values, both);
        marker.clear_weak_lists();
        marker.is_atomic = false;
        // The touched objects of the generational mode are still to be aged.
        marker.grey_again = again;
        self.bury_unreached_threads();
        self.collector.white = self.collector.white.other();
        self.collections += 1;
        work
    }

    /// Closes the upvalues of threads that were not reached, while all objects still exist: reached
    /// closures may share them. Their values were marked through the upvalues.
    fn bury_unreached_threads(&mut self) {
        self.threads.retain(|thread| {
            // SAFETY: the list holds all threads, none of which was freed yet; nothing runs, so no
            // reference to a state is live.
            unsafe {
                let reached = !(*thread.as_ptr()).header.is_white();
                if !reached && let Some(state) = thread.suspended_state_mut() {
                    state.close_upvalues(0, |upvalue, _| {
                        if !(*upvalue).is_white() {
                            (*upvalue).set_black();
                        }
                    });
                }
                reached
            }
        });
    }

    fn enter_sweep(&mut self) {
        self.collector.marker.clear();
        debug_assert!(self.collector.to_sweep.is_null());
        self.collector.to_sweep = std::mem::replace(&mut self.objects, std::ptr::null_mut());
        self.collector.phase = Phase::Sweep;
    }

    /// Goes on with a cycle of the incremental mode until it is in this phase.
    fn run_until(&mut self, roots: &mut dyn Roots, phase: Phase) {
        while self.collector.phase != phase {
            if self.collector.phase == Phase::Finalize {
                self.collector.phase = Phase::Pause;
            } else {
                self.single_step(roots);
            }
        }
    }

    /// A full collection, in the current mode. The VM calls the finalizers that are due, and then
    /// [`Heap::end_full`].
    pub(crate) fn full(&mut self, roots: &mut dyn Roots) {
        if self.collector.kind == Mode::Generational {
            return self.full_generational(roots);
        }
        if self.collector.phase == Phase::Propagate {
            // Whiten everything by a sweep, which finds nothing dead.
            self.enter_sweep();
        }
        self.run_until(roots, Phase::Pause);
        self.restart(roots);
        self.atomic(roots);
        self.enter_sweep();
        self.run_until(roots, Phase::Finalize);
        self.collector.estimate = self.live_bytes();
    }

    /// The cycle is over: its finalizers were called. Sets the time of the next.
    pub(crate) fn end_cycle(&mut self) {
        if self.collector.kind == Mode::Generational {
            self.set_minor_debt();
        } else {
            self.collector.phase = Phase::Pause;
            self.set_pause_debt();
        }
    }
}

/// Generational mode.
impl Heap {
    /// Changes the mode. Entering the generational one is a full collection; whether it was done.
    pub(crate) fn change_mode(&mut self, roots: &mut dyn Roots, mode: Mode) -> bool {
        let enters = mode == Mode::Generational && self.collector.kind == Mode::Incremental;
        if enters {
            self.enter_generational(roots);
        } else if mode != self.collector.kind {
            self.enter_incremental();
        }
        self.collector.last_major_work = 0;
        enters
    }

    /// A full collection after which everything is old. The units of work.
    fn enter_generational(&mut self, roots: &mut dyn Roots) -> usize {
        if self.collector.phase != Phase::Propagate {
            self.run_until(roots, Phase::Pause);
            self.restart(roots);
        }
        let work = self.atomic(roots);
        self.make_all_old();
        work
    }

    fn make_all_old(&mut self) {
        self.collector.marker.clear();
        self.sweep_to_old();
        let first = self.objects;
        let collector = &mut self.collector;
        (collector.survival, collector.old1, collector.old) = (first, first, first);
        collector.old_finalizable = collector.finalizable.len();
        collector.kind = Mode::Generational;
        collector.phase = Phase::Propagate;
        collector.last_major_work = 0;
        self.collector.estimate = self.live_bytes();
    }

    fn enter_incremental(&mut self) {
        self.whiten_all();
        let collector = &mut self.collector;
        collector.marker.clear();
        let none = std::ptr::null_mut();
        (collector.survival, collector.old1, collector.old) = (none, none, none);
        collector.old_finalizable = 0;
        collector.kind = Mode::Incremental;
        collector.phase = Phase::Pause;
        collector.last_major_work = 0;
    }

    fn full_generational(&mut self, roots: &mut dyn Roots) {
        self.enter_incremental();
        self.enter_generational(roots);
    }

    /// A step of the generational mode: usually a minor collection, a major one when memory has grown
    /// much since the last. A major collection that frees little is a bad one: the following ones are
    /// major too, and done in incremental mode, until one is good.
    ///
    /// The VM calls finalizers and then [`Heap::end_generational_step`].
    pub(crate) fn generational_step(&mut self, roots: &mut dyn Roots) -> AfterStep {
        if self.collector.last_major_work != 0 {
            return self.step_after_bad(roots);
        }
        let base = self.collector.estimate;
        let growth = self.collector.pace.major_growth(base);
        let major = self.allocator.debt() > 0 && self.live_bytes() > base + growth;
        if !major && !self.collector.unbarriered {
            self.minor(roots);
            return AfterStep::Minor;
        }
        self.enter_incremental();
        let work = self.enter_generational(roots);
        if major && self.live_bytes() >= base + growth / 2 {
            self.collector.last_major_work = work;
            return AfterStep::Pause;
        }
        AfterStep::Minor
    }

    fn step_after_bad(&mut self, roots: &mut dyn Roots) -> AfterStep {
        let last = self.collector.last_major_work;
        if self.collector.kind == Mode::Generational {
            self.enter_incremental();
        }
        self.run_until(roots, Phase::Pause);
        self.restart(roots);
        let work = self.atomic(roots);
        if work < last + (last >> 3) {
            self.make_all_old();
            return AfterStep::Minor;
        }
        self.enter_sweep();
        self.run_until(roots, Phase::Finalize);
        self.collector.estimate = self.live_bytes();
        self.collector.last_major_work = work;
        AfterStep::Pause
    }

    /// Sets the time of the next collection.
    pub(crate) fn end_generational_step(&mut self, after: AfterStep) {
        match after {
            AfterStep::Minor => self.set_minor_debt(),
            AfterStep::Pause => {
                if self.collector.kind == Mode::Incremental {
                    self.collector.phase = Phase::Pause;
                }
                self.set_pause_debt();
            }
        }
    }

    /// Collects young objects.
    pub(crate) fn minor(&mut self, roots: &mut dyn Roots) {
        debug_assert!(self.collector.phase == Phase::Propagate);
        let mut object = self.collector.old1;
        while object != self.collector.old {
            // SAFETY: a segment of the list of objects, which are live.
            unsafe {
                self.collector.marker.revisit_old1(object);
                object = (*object).next;
            }
        }
        self.atomic(roots);
        self.sweep_young();
        self.age_touched();
        let collector = &mut self.collector;
        // SAFETY: what the atomic phase left in the list is alive.
        let is_old = |object: &*mut GcHeader| unsafe { (**object).is_old() };
        let young = &collector.finalizable[collector.old_finalizable..];
        collector.old_finalizable += young.iter().take_while(|object| is_old(object)).count();
    }
}

/// What a step of the generational mode leaves to be set: when the next collection is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AfterStep {
    /// After some growth, a minor one.
    Minor,
    /// After a long pause, a major one.
    Pause,
}

/// Pace.
impl Heap {
    /// Sets the time of the next cycle of the incremental mode.
    pub(crate) fn set_pause_debt(&mut self) {
        let threshold = self.collector.pace.threshold(self.collector.estimate);
        let debt = self.live_bytes() as i128 - threshold as i128;
        self.set_debt(debt.min(0).max(isize::MIN as i128 / 2) as isize);
    }

    fn set_minor_debt(&mut self) {
        let growth = self.collector.pace.minor_growth(self.live_bytes());
        self.set_debt(-(growth as isize));
    }

    /// Sets the debt; the collector runs when it is positive. Never beyond the memory limit, so that
    /// the limit is noticed.
    pub(crate) fn set_debt(&mut self, debt: isize) {
        let room = self.limit_bytes.saturating_sub(self.live_bytes());
        let room = isize::try_from(room).unwrap_or(isize::MAX);
        let debt = if self.stress.is_some() { isize::MAX / 2 } else { debt.max(-room) };
        self.allocator.set_debt(debt);
    }
}

/// Finalizers.
impl Heap {
    /// Marks an object for finalization if it gets a metatable that has a finalizer now.
    pub(super) fn check_finalizer(&mut self, object: *mut GcHeader, metatable: TableRef) {
        const ABSENT: u8 = 1 << Event::Gc as u8;
        // SAFETY: the caller passes live objects.
        unsafe {
            if (*metatable.as_ptr()).absent_metamethods & ABSENT != 0
                || (*object).is_finalizable()
                || self.collector.closing
            {
                return;
            }
            let finalizer = self.collector.gc_name.map(|name| metatable.get_str(name));
            if finalizer.is_none_or(Value::is_nil) {
                (*metatable.as_ptr()).absent_metamethods |= ABSENT;
                return;
            }
            (*object).set_finalizable(true);
        }
        self.collector.finalizable.push(object);
    }

    /// Moves what was not reached (or everything) from `finalizable` to the queue, latest first.
    fn separate_finalizable(&mut self, all: bool) {
        let collector = &mut self.collector;
        let first = if all { 0 } else { collector.old_finalizable };
        // SAFETY: the list holds objects that are not freed before this was called.
        let is_due = |object: *mut GcHeader| all || unsafe { (*object).is_white() };
        let young = &collector.finalizable[first..];
        let due = young.iter().rev().copied().filter(|object| is_due(*object));
        collector.to_finalize.extend(due);
        let mut index = 0;
        collector.finalizable.retain(|object| {
            index += 1;
            index <= first || !is_due(*object)
        });
    }

    /// The next object whose finalizer is due. It is an ordinary object from now on.
    pub(crate) fn next_to_finalize(&mut self) -> Option<Value> {
        let object = self.collector.to_finalize.pop_front()?;
        // SAFETY: the queue keeps its objects alive.
        unsafe {
            (*object).set_finalizable(false);
            let tag = match (*object).kind {
                ObjectKind::Table => Tag::Table,
                ObjectKind::Userdata => Tag::Userdata,
                kind => unreachable!("objects of kind {kind:?} have no metatable of their own"),
            };
            Some(Value::from_raw(tag, object as u64))
        }
    }

    /// The VM ends: all finalizers are due, and no object is marked for finalization any more.
    pub(crate) fn begin_close(&mut self) {
        self.collector.closing = true;
        self.enter_incremental();
        self.separate_finalizable(true);
    }
}

#[cfg(test)]
mod tests;
