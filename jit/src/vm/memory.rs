//! Memory: when the collector runs, what it must keep, finalizers, the limit.
//!
//! In:  the interpreter's allocation points, `collectgarbage`, requests of the host.
//! Out: collections by [`crate::heap`], calls of finalizers, the error "not enough memory".
//!
//! Invariants:
//! - at an allocation point everything alive is below a known stack slot or reachable otherwise, and
//!   no handle in a Rust local is used afterwards unless it is;
//! - finalizers run at allocation points and in full collections, never elsewhere: outside of any
//!   other call's reach, without hooks (the driver is put aside) and with the collector stopped. An
//!   error in one becomes a warning;
//! - the limit is noticed at the first allocation point past it, and before a large block is
//!   allocated ([`Vm::check_room`]); what is allocated in between is small.

use super::error::{ErrorKind, LuaError, LuaResult};
use super::frame::{NO_FRAME, ThreadState};
use super::{BasicType, Vm};
use crate::bytecode::Event;
use crate::heap::collector::{Mode, Phase, Roots};
use crate::heap::mark::Marker;
use crate::heap::table::TableError;
use crate::heap::{Heap, StrRef, StressAction, TableRef, ThreadRef, Value};

/// Finalizers called in a step, and the work that one stands for.
const FINALIZERS_A_STEP: usize = 10;
const FINALIZER_WORK: isize = 50;
/// While it is stopped, the collector is asked again after so many bytes.
const STOPPED_BYTES: isize = 2000;

struct VmRoots<'vm> {
    thread: &'vm mut ThreadState,
    /// End of the slots in use of the running thread.
    end: usize,
    threads: [ThreadRef; 2],
    tables: [TableRef; 3],
    metatables: &'vm [Option<TableRef>; BasicType::COUNT],
    names: &'vm [StrRef; Event::COUNT],
    message: StrRef,
}

impl Roots for VmRoots<'_> {
    fn mark(&self, marker: &mut Marker) {
        self.thread.mark(marker, self.end);
        for thread in self.threads {
            marker.value(Value::from(thread));
        }
        for table in self.tables.iter().chain(self.metatables.iter().flatten()) {
            marker.value(Value::from(*table));
        }
        for name in self.names.iter().chain([&self.message]) {
            marker.value(Value::from(*name));
        }
    }

    fn clear_dead_slots(&mut self) {
        self.thread.clear_dead_slots(self.end);
    }
}

/// The collector.
impl Vm {
    /// An allocation point: collects if the collector is due. Stack slots of the running thread below
    /// `end` are in use, and those above are not.
    #[inline(always)]
    pub(crate) fn collect_if_due(&mut self, end: usize) -> LuaResult<()> {
        if self.heap.collection_due() {
            return self.collect_due(end);
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn collect_due(&mut self, end: usize) -> LuaResult<()> {
        if self.is_finalizing || self.heap.stopped || self.closing {
            self.heap.set_debt(-STOPPED_BYTES);
        } else if self.heap.is_stressed() {
            self.stress(end)?;
            self.verify_heap();
        } else {
            self.collector_step(end)?;
        }
        if self.heap.live_bytes() > self.heap.limit_bytes {
            return self.emergency(end, 0);
        }
        Ok(())
    }

    /// A basic step in the current mode.
    fn collector_step(&mut self, end: usize) -> LuaResult<()> {
        match self.heap.mode() {
            Mode::Incremental => self.incremental_step(end),
            Mode::Generational => self.generational_step(end),
        }
    }

    /// Does the work that the debt stands for, and some in advance.
    fn incremental_step(&mut self, end: usize) -> LuaResult<()> {
        let bytes = self.heap.debt();
        let mut debt = self.heap.pace().work_for(bytes);
        let advance = self.heap.pace().step_work();
        loop {
            let budget = debt.saturating_add(advance).max(1);
            let left = self.with_roots(end, |heap, roots| heap.advance(roots, budget));
            debt -= budget - left;
            if self.heap.phase() == Phase::Finalize {
                let called = self.call_finalizers(end, FINALIZERS_A_STEP)?;
                debt -= called as isize * FINALIZER_WORK;
                if called == 0 {
                    self.heap.end_cycle();
                }
            }
            if self.heap.phase() == Phase::Pause {
                return Ok(());
            }
            if debt <= -advance {
                let bytes = self.heap.pace().bytes_for(debt);
                self.heap.set_debt(bytes);
                return Ok(());
            }
        }
    }

    fn generational_step(&mut self, end: usize) -> LuaResult<()> {
        let after = self.with_roots(end, Heap::generational_step);
        self.call_finalizers(end, usize::MAX)?;
        self.heap.end_generational_step(after);
        Ok(())
    }

    fn stress(&mut self, end: usize) -> LuaResult<()> {
        match self.heap.stress_action() {
            None => Ok(()),
            Some(StressAction::Full) => self.full_collection(end),
            Some(StressAction::Step(units)) => {
                let work = units.get() as isize;
                self.with_roots(end, |heap, roots| {
                    heap.change_mode(roots, Mode::Incremental);
                    heap.advance(roots, work)
                });
                if self.heap.phase() == Phase::Finalize {
                    self.call_finalizers(end, usize::MAX)?;
                    self.heap.end_cycle();
                }
                Ok(())
            }
            Some(StressAction::Minor) => {
                self.with_roots(end, |heap, roots| heap.change_mode(roots, Mode::Generational));
                self.generational_step(end)
            }
        }
    }

    /// Panics if an invariant of the collector is broken; only in checked builds.
    fn verify_heap(&mut self) {
        if !self.heap.verification_is_due() {
            return;
        }
        let tables = [self.globals, self.registry, self.loaded].into_iter();
        let tables = tables.chain(self.type_metatables.iter().copied().flatten());
        let names = self.event_names.iter().copied().chain([self.memory_message]);
        let threads = [self.current, self.main].map(Value::from);
        let held = tables.map(Value::from).chain(names.map(Value::from)).chain(threads);
        let held: Vec<Value> = held.collect();
        self.heap.verify(&held, Some(&self.thread));
    }

    /// A full collection with its finalizers.
    fn full_collection(&mut self, end: usize) -> LuaResult<()> {
        self.with_roots(end, Heap::full);
        self.call_finalizers(end, usize::MAX)?;
        self.heap.end_cycle();
        Ok(())
    }

    /// Memory is short: collects without calling finalizers. An error if there is still not room for
    /// `bytes` more.
    fn emergency(&mut self, end: usize, bytes: usize) -> LuaResult<()> {
        self.with_roots(end, Heap::full);
        self.heap.end_cycle();
        if self.heap.has_room(bytes) { Ok(()) } else { Err(self.memory_error()) }
    }

    /// Collects now. For hosts between two runs, and tests.
    pub fn collect(&mut self) {
        let end = self.live_end();
        // Only a driver that ends the program can interrupt a finalizer, and drivers are put aside.
        let _ = self.full_collection(end);
    }

    /// End of the stack slots of the running thread that may be in use.
    fn live_end(&self) -> usize {
        self.thread.live_end()
    }

    fn with_roots<R>(&mut self, end: usize, run: impl FnOnce(&mut Heap, &mut dyn Roots) -> R) -> R {
        let mut roots = VmRoots {
            thread: &mut self.thread,
            end,
            threads: [self.current, self.main],
            tables: [self.globals, self.registry, self.loaded],
            metatables: &self.type_metatables,
            names: &self.event_names,
            message: self.memory_message,
        };
        run(&mut self.heap, &mut roots)
    }
}

/// The requests of `collectgarbage`. They are refused (`None`) while a finalizer runs.
impl Vm {
    pub fn collector_is_available(&self) -> bool {
        !self.is_finalizing
    }

    /// `collectgarbage("collect")`.
    pub fn collect_all(&mut self) -> LuaResult<()> {
        let end = self.live_end();
        self.full_collection(end)
    }

    /// `collectgarbage("restart")`.
    pub fn restart_collector(&mut self) {
        self.heap.set_debt(0);
        self.heap.stopped = false;
    }

    /// `collectgarbage("step")`: a basic step, or as much as the allocation of so many KiB would
    /// cause. Whether a cycle ended.
    pub fn step_collector(&mut self, kib: i32) -> LuaResult<bool> {
        let end = self.live_end();
        let mut debt = 1;
        if kib == 0 {
            self.heap.set_debt(0);
            self.collector_step(end)?;
        } else {
            debt = kib as isize * 1024 + self.heap.debt();
            self.heap.set_debt(debt);
            if debt > 0 {
                self.collector_step(end)?;
            }
        }
        Ok(debt > 0 && self.heap.phase() == Phase::Pause)
    }

    /// `collectgarbage("incremental")` and `("generational")`: the mode before.
    pub fn set_collector_mode(&mut self, mode: Mode) -> LuaResult<Mode> {
        let before = self.heap.mode();
        let end = self.live_end();
        if self.with_roots(end, |heap, roots| heap.change_mode(roots, mode)) {
            self.call_finalizers(end, usize::MAX)?;
            self.heap.end_cycle();
        }
        Ok(before)
    }
}

/// Finalizers.
impl Vm {
    /// Calls this many of the finalizers that are due; how many there were.
    fn call_finalizers(&mut self, end: usize, most: usize) -> LuaResult<usize> {
        for called in 0..most {
            let Some(object) = self.heap.next_to_finalize() else {
                return Ok(called);
            };
            let finalizer = self.metamethod(object, Event::Gc);
            if !finalizer.is_nil() {
                self.call_finalizer(end, finalizer, object)?;
            }
        }
        Ok(most)
    }

    fn call_finalizer(&mut self, end: usize, finalizer: Value, object: Value) -> LuaResult<()> {
        self.shown.collector = true;
        let (top, handler) = (self.thread.top, self.thread.handler);
        let clock = self.clock();
        let driver = self.set_driver(None);
        let tick = std::mem::replace(&mut self.driver_tick, u64::MAX);
        let hooks = std::mem::replace(&mut self.thread.hooks.mask, 0);
        self.hooks_changed();
        self.thread.top = end as u32;
        self.thread.handler = 0;
        self.is_finalizing = true;
        self.push(finalizer);
        self.push(object);
        self.thread.finalizer = self.frame_count() as u32;
        let result = match self.catching(|vm| vm.call_pushed(1, 0)) {
            Err(error) if error.kind != ErrorKind::Stopped => {
                let kind = error.kind;
                let value = self.catch_error(end, error);
                value.and_then(|value| Err(Box::new(LuaError { kind, ..*LuaError::new(value) })))
            }
            result => result,
        };
        self.thread.finalizer = NO_FRAME;
        self.is_finalizing = false;
        self.thread.handler = handler;
        self.thread.top = top;
        self.set_driver(driver);
        // PUC's hooks do not see a finalizer, so a count hook's clock stands still.
        self.rewind_clock(clock);
        self.driver_tick = tick;
        self.thread.hooks.mask = hooks;
        self.hooks_changed();
        match result {
            Err(error) if error.kind == ErrorKind::Stopped => Err(error),
            Err(error) => {
                self.warn_of_error(&error, "__gc");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// `error in <place> (<message>)` as a warning.
    pub(crate) fn warn_of_error(&mut self, error: &LuaError, place: &str) {
        let message = match error.value.as_str() {
            // A C string ends at its first NUL.
            Some(text) => text.as_bytes().split(|b| *b == 0).next().unwrap_or_default(),
            None => b"error object is not a string",
        };
        for part in [&b"error in "[..], place.as_bytes(), b" (", message] {
            self.warning(part, true);
        }
        self.warning(b")", false);
    }

    /// Ends the program as `lua_close` does: closes the main thread's pending variables and upvalues,
    /// then calls all finalizers, in the reverse order of marking, errors becoming warnings. May be
    /// called while the program runs, in any thread; then, nothing of it runs afterwards.
    pub fn close(&mut self) -> LuaResult<()> {
        let driver = self.set_driver(None);
        self.abandon_calls();
        // An error that stands at the end is nobody's.
        let closed = self.close_protected(1, None).map(|_| ());
        self.thread.top = 1;
        self.closing = true;
        self.heap.begin_close();
        let ended = closed.and_then(|()| self.call_finalizers(1, usize::MAX).map(|_| ()));
        self.set_driver(driver);
        ended
    }
}

/// The limit.
impl Vm {
    /// Changes a table; if memory is short, again after an emergency collection. What `change` holds
    /// must be reachable.
    pub(crate) fn or_collect<T>(
        &mut self,
        mut change: impl FnMut(&mut Vm) -> Result<T, TableError>,
    ) -> LuaResult<T> {
        let result = change(self);
        let result = match result {
            Err(TableError::Memory) => {
                let end = self.live_end();
                self.emergency(end, 0)?;
                change(self)
            }
            result => result,
        };
        result.map_err(|error| self.table_error(error))
    }

    /// Refuses to build something of `bytes` bytes for which there is no room, after an emergency
    /// collection. For natives: what they hold must be reachable.
    pub fn check_room(&mut self, bytes: usize) -> LuaResult<()> {
        if !self.heap.has_room(bytes) {
            let end = self.live_end();
            self.emergency(end, bytes)?;
        }
        if !self.heap.can_allocate(bytes) {
            return Err(self.memory_error());
        }
        Ok(())
    }
}
