//! The trace manager: decides what is recorded, compiled, entered and given up.
//!
//! In:  the interpreter's calls at loop heads and at ticks ([`Driver`]).
//! Out: compiled traces that run instead of the interpreter; counters; calls of a [`JitObserver`].
//!
//! States of a loop head: counting -> recording -> compiled, or after an abort counting again with a
//! doubled threshold, and after too many aborts blacklisted. A compiled trace that does not pay (it is
//! left after a few instructions, again and again) is retired and its head counts again. So no loop tries
//! forever.
//!
//! Invariants:
//! - the clock is the interpreter's: an exit advances it by what the trace stood for;
//! - a trace is entered only when the stack has room for its inlined frames;
//! - objects and functions named by a trace are pinned in the heap as long as the VM lives, those that a
//!   recording names as long as it goes on;
//! - the heap is told when a trace that stores references runs: its stores have no barrier.

use super::abort::Abort;
use super::compile::{Compilation, CompiledCode, Shown, compile};
use super::config::JitConfig;
use super::engine::{Engine, Run, RunOptions};
use super::recorder::{Recorder, Recording, Step};
use super::restore::Restored;
use super::stats::JitStats;
use super::tap::TraceRoots;
use super::view::View;
use crate::exec::Category;
use crate::exec::mach::Record;
use crate::heap::StressAction;
use crate::ir::trace::{SnapshotId, Trace, ValueId};
use crate::vm::proto::NEVER_HOT;
use crate::vm::{Driver, LuaError, Vm};
use rustc_hash::FxHashMap;

/// Number of a trace within a VM, in order of compilation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct TraceId(pub u32);

/// Which end of a stitched call an observer is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum StitchSide {
    /// The call instruction is about to be executed.
    Call,
    /// It is done.
    Return,
}

/// Sees what the JIT does. All methods default to nothing.
pub trait JitObserver {
    /// Whether [`JitObserver::executed`] is wanted.
    fn wants_records(&self) -> bool {
        false
    }
    /// Whether [`JitObserver::switched`] is wanted.
    fn wants_switches(&self) -> bool {
        false
    }
    /// Another thread is about to execute its first instruction since it was resumed, or went on.
    fn switched(&mut self, _vm: &Vm) {}
    /// The instructions of one run, where the executor keeps records (evaluators, simulator); also of a
    /// run that trapped.
    fn executed(&mut self, _trace: TraceId, _records: &[Record]) {}
    /// A run has ended; nothing is restored yet. `clock` is what it stood for, `read` gives the
    /// values that the exit's snapshot names.
    fn leaving(
        &mut self,
        _vm: &Vm,
        _ir: &Trace,
        _exit: SnapshotId,
        _clock: u64,
        _read: &dyn Fn(ValueId) -> u64,
    ) {
    }
    /// The VM is about to enter a trace; its state is the interpreter's.
    fn entering(&mut self, _vm: &Vm, _trace: TraceId) {}
    /// A trace was left; the VM's state is restored.
    fn left(&mut self, _vm: &Vm, _trace: TraceId, _exit: SnapshotId) {}
    /// Whether [`JitObserver::linked`] is wanted.
    fn wants_links(&self) -> bool {
        false
    }
    /// Control passes from a trace, through this exit, straight into another trace. The VM is as if the
    /// interpreter were about to go on there: registers, frames, pc and clock are what the exit's snapshot
    /// says. Machine code hands values on in registers and restores nothing; for an observer that wants
    /// links the manager therefore makes the link: the one run ends ([`JitObserver::executed`],
    /// [`JitObserver::leaving`]), its exit is restored, this is called, and another run begins.
    fn linked(&mut self, _vm: &Vm, _from: TraceId, _exit: SnapshotId, _to: TraceId) {}
    /// A trace is suspended at an exit, so that the VM calls a native function for it. Before the call the
    /// VM is as the exit's snapshot says, its pc at the call instruction; after it, as the interpreter
    /// leaves it, before the next instruction. A call that raises an error has no [`StitchSide::Return`].
    fn stitched(&mut self, _vm: &Vm, _trace: TraceId, _exit: SnapshotId, _side: StitchSide) {}
    /// A trace was recorded, up to the VM's clock; it is about to be compiled.
    fn recorded(&mut self, _vm: &Vm, _trace: TraceId) {}
    /// A trace was compiled.
    fn compiled(&mut self, _trace: TraceId, _ir: &Trace) {}
    /// An executor found a broken rule: the compiler's defect. The run stops.
    fn trapped(&mut self, _trace: TraceId, _report: &str) {}
    /// Instructions of one loop iteration by category, when machine code with a loop was made.
    fn code(&mut self, _trace: TraceId, _loop_counts: &[(Category, usize)]) {}
    /// The recording of the loop at `head` of runtime proto `proto` was given up.
    fn aborted(&mut self, _proto: u32, _head: u32, _abort: Abort) {}
    /// Each stage of a compilation shows its output (see `compile`).
    fn stage(&mut self, _trace: TraceId, _stage: &Shown) {}
}

impl JitObserver for () {}

/// Consecutive entries that left where they began before a trace is retired.
const MAX_STUCK: u32 = 6;

/// VM instructions that a trace must stand for to make up for one entry and exit. Entering, leaving and
/// restoring takes about as long as 60 in the interpreter; half of that is a loss beyond doubt.
pub const ENTRY_COST: u64 = 32;

/// A loop head: runtime proto and pc.
type Head = (u32, u32);

#[derive(Clone, Copy, Default)]
struct HeadState {
    trace: Option<TraceId>,
    attempts: u32,
    blacklisted: bool,
    /// Entries, and the VM instructions that they stood for, over all traces of this head.
    entries: u64,
    instructions: u64,
}

struct CompiledTrace {
    ir: Trace,
    code: CompiledCode,
    /// The collector is told of each run (see [`Trace::stores_references`]).
    stores_references: bool,
    /// What its entries have cost beyond what they stood for, in VM instructions, never below 0.
    loss: u64,
    /// Entries in a row that left with the clock unmoved.
    stuck: u32,
    /// Side exits taken, by snapshot.
    taken: Box<[u32]>,
}

impl CompiledTrace {
    /// Counts a side exit; whether it has become hot by that.
    fn becomes_hot(&mut self, exit: SnapshotId, hot_exit: u16) -> bool {
        let taken = &mut self.taken[exit.0 as usize];
        *taken = taken.saturating_add(1);
        *taken == u32::from(hot_exit)
    }
}

/// The JIT of one VM. Plug it in with [`Vm::set_driver`].
pub struct Jit {
    config: JitConfig,
    engine: Engine,
    heads: FxHashMap<Head, HeadState>,
    traces: Vec<CompiledTrace>,
    recording: Option<(Head, Recorder)>,
    observer: Box<dyn JitObserver>,
    stats: JitStats,
    /// The clock at which the run must stop.
    clock_limit: Option<u64>,
    trapped: Option<String>,
    /// All traces are to be dropped at the next loop head.
    flush_pending: bool,
    /// What the last exit restored; kept for its memory.
    restored: Restored,
}

impl Jit {
    pub fn new(config: JitConfig, observer: Box<dyn JitObserver>) -> Jit {
        Jit {
            engine: Engine::new(config.executor, config.distrusts_traces()),
            config,
            heads: FxHashMap::default(),
            traces: Vec::new(),
            recording: None,
            observer,
            stats: JitStats::default(),
            clock_limit: None,
            trapped: None,
            flush_pending: false,
            restored: Restored::default(),
        }
    }

    /// Stop with an error when the clock reaches `limit`.
    pub fn set_clock_limit(&mut self, limit: u64) {
        self.clock_limit = Some(limit);
    }

    /// Plugs a JIT into a VM; chunks loaded afterwards are compiled.
    pub fn install(self, vm: &mut Vm) {
        vm.set_initial_hot_count(self.config.hot_loop.min(NEVER_HOT - 1));
        if let Some(stress) = self.config.stress {
            vm.heap.set_stress(Some(stress));
            // A store that is hidden from a marking under way leaves references to freed objects. Between
            // whole collections there are none: what a wrong trace knows is there, or something else.
            if self.config.distrusts_traces() && stress.action != StressAction::Full {
                vm.heap.keep_freed();
            }
        }
        vm.tick_at_switches(self.observer.wants_switches());
        vm.track_regions(self.engine.needs_regions());
        if let Some(limit) = self.clock_limit {
            vm.tick_at(limit);
        }
        vm.set_driver(Some(Box::new(self)));
    }

    /// Takes the JIT out of a VM again.
    pub fn take(vm: &mut Vm) -> Option<Box<Jit>> {
        let driver: Box<dyn std::any::Any> = vm.set_driver(None)?;
        let mut jit: Box<Jit> = driver.downcast().ok()?;
        jit.stats.refereed = jit.engine.refereed();
        Some(jit)
    }

    pub fn trace(&self, id: TraceId) -> &Trace {
        &self.traces[id.0 as usize].ir
    }

    pub fn trace_count(&self) -> usize {
        self.traces.len()
    }

    /// The executor's report when a compiled trace broke a rule.
    pub fn trap(&self) -> Option<&str> {
        self.trapped.as_deref()
    }

    // -- recording ---------------------------------------------------------------------------

    fn start_recording(&mut self, vm: &mut Vm, head: Head) {
        let Some(view) = View::new(vm) else { return };
        self.stats.recordings += 1;
        self.recording = Some((head, Recorder::new(&view, &self.config)));
        vm.tick_at(vm.clock());
    }

    /// One step of the recording; called before each instruction.
    fn record(&mut self, vm: &mut Vm) {
        let Some((head, recorder)) = &mut self.recording else { return };
        let head = *head;
        let step = match View::new(vm) {
            Some(view) => recorder.step(&view),
            None => Err(Abort::UnexpectedFrame),
        };
        match step {
            Ok(Step::Continue) => {
                // The program may drop what the recording names, and collect.
                let known = vm.heap.recorded.len();
                vm.heap.recorded.extend_from_slice(&recorder.pinned()[known..]);
                let known = vm.heap.recorded_protos.len();
                vm.heap.recorded_protos.extend_from_slice(&recorder.inlined()[known..]);
                vm.tick_at(vm.clock() + 1);
            }
            Ok(Step::Done(recording)) => {
                self.recording = None;
                self.rearm(vm);
                self.finish(vm, head, *recording);
            }
            Err(abort) => {
                self.recording = None;
                self.rearm(vm);
                self.aborted(vm, head, abort);
            }
        }
    }

    /// Asks for the next tick when nothing is recorded.
    fn rearm(&self, vm: &mut Vm) {
        match self.clock_limit {
            Some(limit) if limit > vm.clock() => vm.tick_at(limit),
            Some(_) => vm.tick_at(vm.clock() + 1),
            None => vm.no_tick(),
        }
    }

    fn finish(&mut self, vm: &mut Vm, head: Head, recording: Recording) {
        let id = TraceId(self.traces.len() as u32);
        self.observer.recorded(vm, id);
        let observer = &mut self.observer;
        let forced = self.config.forced_exit.filter(|forced| forced.trace == id.0);
        let mut show = |stage: &Shown| observer.stage(id, stage);
        let result = compile(&recording.trace, &self.config, &mut self.engine, &mut show, forced);
        match result {
            Ok(Compilation { ir, code, forced: guard }) => {
                self.observer.compiled(id, &ir);
                if let Some(counts) = code.loop_counts() {
                    self.observer.code(id, &counts);
                }
                self.stats.compiled += 1;
                let (objects, functions) = (recording.pinned, recording.inlined);
                let stores_references = ir.stores_references();
                let mut roots = TraceRoots { objects, functions, stores_references };
                if let Some(tap) = &self.config.tap {
                    tap.rooted(&ir, &mut roots);
                }
                vm.heap.pinned.extend(roots.objects);
                vm.heap.pinned_protos.extend(roots.functions);
                forget_recorded(vm);
                if let (Some(forced), Some(guard)) = (forced, guard) {
                    self.engine.force(id, &code, guard, forced.nth);
                }
                let stores_references = roots.stores_references;
                let taken = vec![0; ir.snapshots.len()].into();
                self.traces.push(CompiledTrace {
                    ir,
                    code,
                    stores_references,
                    loss: 0,
                    stuck: 0,
                    taken,
                });
                self.heads.entry(head).or_default().trace = Some(id);
                set_counter(vm, head, 0);
                self.flush_pending |= self.config.flush_at == Some(self.traces.len() as u32);
            }
            Err(abort) => {
                self.flush_pending |= abort == Abort::CodeMemory;
                self.aborted(vm, head, abort);
            }
        }
    }

    fn aborted(&mut self, vm: &mut Vm, head: Head, abort: Abort) {
        forget_recorded(vm);
        self.observer.aborted(head.0, head.1, abort);
        *self.stats.aborts.entry(abort).or_default() += 1;
        let state = self.heads.entry(head).or_default();
        // A structural reason will not go away by waiting; it costs two attempts.
        state.attempts += if abort.is_transient() { 1 } else { 2 };
        self.penalize(vm, head, false);
    }

    /// Counts again, from a count that doubles with each attempt, or never again.
    fn penalize(&mut self, vm: &mut Vm, head: Head, give_up: bool) {
        let state = self.heads.entry(head).or_default();
        if give_up || state.attempts >= self.config.max_attempts {
            state.blacklisted = true;
            self.stats.blacklisted += 1;
            set_counter(vm, head, NEVER_HOT);
        } else {
            let count = u64::from(self.config.hot_loop.max(1)) << state.attempts.min(12);
            set_counter(vm, head, count.min(u64::from(NEVER_HOT - 1)) as u16);
        }
    }

    // -- running -----------------------------------------------------------------------------

    /// Enters a trace, and gives it up if that has not paid for too long.
    fn run(&mut self, vm: &mut Vm, head: Head, id: TraceId) {
        let (clock, exits) = (vm.clock(), self.stats.exits);
        self.run_until_left(vm, id);
        if self.stats.exits == exits {
            return;
        }
        let stood_for = vm.clock() - clock;
        let trace = &mut self.traces[id.0 as usize];
        trace.loss = (trace.loss + ENTRY_COST).saturating_sub(stood_for);
        trace.stuck = if stood_for == 0 { trace.stuck + 1 } else { 0 };
        let may_lose = u64::from(self.config.max_fruitless).saturating_mul(ENTRY_COST);
        let gives_up = trace.stuck > MAX_STUCK || trace.loss > may_lose;
        let state = self.heads.entry(head).or_default();
        state.entries += 1;
        state.instructions += stood_for;
        let loss = (state.entries * ENTRY_COST).saturating_sub(state.instructions);
        self.stats.thrash = self.stats.thrash.max(loss / ENTRY_COST);
        if gives_up {
            self.retire(vm, head);
        }
    }

    /// Runs a trace until the interpreter is to go on.
    fn run_until_left(&mut self, vm: &mut Vm, id: TraceId) {
        if !self.config.enter {
            return;
        }
        let logs = self.observer.wants_records();
        loop {
            let needed = self.traces[id.0 as usize].ir.max_slots as usize;
            let end = vm.top_frame().base + needed;
            if !vm.admit_trace(end) {
                return;
            }
            let before = vm.clock();
            self.observer.entering(vm, id);
            self.stats.entries += 1;
            let trace = &mut self.traces[id.0 as usize];
            if trace.stores_references {
                vm.heap.note_unbarriered_stores();
            }
            let left = self.clock_limit.map(|limit| limit.saturating_sub(before));
            let mut records = logs.then(Vec::new);
            let options = RunOptions { clock_left: left, log: records.as_mut() };
            let run = self.engine.run(vm, id, &trace.ir, &trace.code, options);
            if let Some(records) = &records {
                self.observer.executed(id, records);
            }
            let ran = run.and_then(|Run { exit, loop_arrivals, read }| {
                let clock = loop_arrivals * u64::from(trace.ir.iteration_clock)
                    + u64::from(trace.ir.snapshot(exit).clock);
                self.observer.leaving(vm, &trace.ir, exit, clock, &*read);
                self.restored.read(&trace.ir, exit, clock, &*read);
                if let Some(tap) = &self.config.tap {
                    tap.restored(&trace.ir, exit, &mut self.restored);
                }
                if self.config.distrusts_traces() {
                    self.restored.check(vm, &trace.ir)?;
                }
                self.restored.write(vm);
                Ok((exit, loop_arrivals))
            });
            let (exit, loop_arrivals) = match ran {
                Ok(ran) => ran,
                Err(_) if self.engine.was_interrupted() => return vm.note_interrupt(),
                Err(report) => return self.broke(vm, id, report),
            };
            self.stats.exits += 1;
            let whole = exit == trace.ir.end;
            if !whole {
                self.stats.side_exits += 1;
                let hot = trace.becomes_hot(exit, self.config.hot_exit);
                self.stats.hot_exits += u64::from(hot);
            }
            self.stats.loop_arrivals += loop_arrivals;
            self.observer.left(vm, id, exit);
            // A linear trace that ran to its end is at its own head again; so is a looping one
            // that ran out of fuel.
            let limited = self.clock_limit.is_some_and(|limit| vm.clock() >= limit);
            if !whole || limited || vm.interrupt_poll_is_due() {
                return;
            }
        }
    }

    /// Drops all traces: their heads count again from the start. Attempts and blacklisting stay, so
    /// that no loop tries forever. Legal at any loop head, where no trace runs.
    fn flush(&mut self, vm: &mut Vm) {
        self.flush_pending = false;
        self.stats.flushes += 1;
        self.stats.forced_exits += u64::from(self.engine.was_forced());
        if let Some((recorded, _)) = self.recording.take() {
            self.rearm(vm);
            self.aborted(vm, recorded, Abort::CodeMemory);
        }
        self.engine.reset();
        let count = self.config.hot_loop.min(NEVER_HOT - 1);
        for (&head, state) in &mut self.heads {
            if state.trace.take().is_some() {
                set_counter(vm, head, count);
            }
        }
    }

    /// Counters so far.
    pub fn stats(&self) -> JitStats {
        let mut stats = self.stats.clone();
        stats.forced_exits += u64::from(self.engine.was_forced());
        stats
    }

    /// A trace broke a rule: the run ends at the next instruction.
    fn broke(&mut self, vm: &mut Vm, id: TraceId, report: String) {
        self.observer.trapped(id, &report);
        self.trapped = Some(format!("{report}\n  in trace {}", id.0));
        vm.tick_at(vm.clock());
    }

    fn retire(&mut self, vm: &mut Vm, head: Head) {
        self.stats.retired += 1;
        let state = self.heads.entry(head).or_default();
        state.trace = None;
        state.attempts += 2;
        self.penalize(vm, head, false);
    }
}

/// What a recording names need not live for its sake any more.
fn forget_recorded(vm: &mut Vm) {
    vm.heap.recorded.clear();
    vm.heap.recorded_protos.clear();
}

fn set_counter(vm: &Vm, (proto, pc): Head, count: u16) {
    if let Some(proto) = vm.proto(proto) {
        proto.hot[pc as usize].set(count);
    }
}

impl Driver for Jit {
    fn tick(&mut self, vm: &mut Vm) -> Result<(), Box<LuaError>> {
        if let Some(trap) = &self.trapped {
            let message = format!("the JIT broke a rule: {trap}");
            vm.tick_at(vm.clock() + 1);
            return Err(vm.error(&message));
        }
        if self.clock_limit.is_some_and(|limit| vm.clock() >= limit) {
            self.recording = None;
            vm.tick_at(vm.clock() + 1);
            return Err(vm.error("instruction limit reached"));
        }
        if vm.take_switch() {
            self.observer.switched(vm);
            self.rearm(vm);
        }
        self.record(vm);
        Ok(())
    }

    fn loop_head(&mut self, vm: &mut Vm) {
        if self.trapped.is_some() {
            return;
        }
        if self.flush_pending {
            self.flush(vm);
        }
        let frame = vm.top_frame();
        let Some(closure) = frame.closure else { return };
        let head = (closure.proto().id, frame.pc.0);
        let state = self.heads.entry(head).or_default();
        if state.blacklisted {
            return set_counter(vm, head, NEVER_HOT);
        }
        match state.trace {
            Some(id) => {
                if let Some((recorded, _)) = self.recording.take() {
                    self.rearm(vm);
                    self.aborted(vm, recorded, Abort::InnerLoop);
                }
                self.run(vm, head, id);
            }
            None if self.traces.len() >= self.config.max_traces as usize => {
                self.penalize(vm, head, true);
            }
            None if self.recording.is_none() => self.start_recording(vm, head),
            None => {}
        }
    }
}
