//! The JIT as a leader: its events are the entries into traces, the exits from them, links between them,
//! stitched calls, and switches of coroutines.
//!
//! The JIT cannot be stopped from its observer. A sink that wants no more is not called again, and the run
//! goes on to its end or to its fuel.

use super::{Library, VmState, ending_of, guarded, prepare, rejected, run_main, without_values};
use crate::engine::{Ending, EventSink, Leader, Next, Outcome, Program};
use crate::event::{Clock, EventKind, ExitNumber, StitchSide, TraceNumber};
use crate::verdict::{self, Reason};
use plumb_jit::exec::mach::Record;
use plumb_jit::heap::Value;
use plumb_jit::ir::trace::{SnapshotId, Trace, ValueId};
use plumb_jit::trace::compile::Shown;
use plumb_jit::trace::config::JitConfig;
use plumb_jit::trace::manager::{self, JitObserver, TraceId};
use plumb_jit::trace::stats::JitStats;
use plumb_jit::vm::{LuaResult, Vm};
use std::cell::RefCell;
use std::rc::Rc;

/// Our trace JIT with its knobs.
pub struct Jit {
    config: JitConfig,
    stats: RefCell<JitStats>,
    probe: Option<Rc<RefCell<dyn JitObserver>>>,
}

impl Jit {
    pub fn new(config: JitConfig) -> Jit {
        Jit { config, stats: RefCell::default(), probe: None }
    }

    /// The same with another observer beside the lockstep's.
    pub fn with_probe(config: JitConfig, probe: Rc<RefCell<dyn JitObserver>>) -> Jit {
        Jit { probe: Some(probe), ..Jit::new(config) }
    }

    /// Counters of the last run.
    pub fn stats(&self) -> JitStats {
        self.stats.borrow().clone()
    }
}

/// What the observer and the engine share.
struct Shared<E> {
    sink: E,
    library: Library,
    protos: u32,
    /// The sink wants no more.
    stopped: bool,
    trap: Option<String>,
}

struct Observer<E> {
    shared: Rc<RefCell<Option<Shared<E>>>>,
    probe: Option<Rc<RefCell<dyn JitObserver>>>,
}

impl<E: EventSink> Observer<E> {
    fn event(&self, vm: &Vm, kind: EventKind) {
        let mut shared = self.shared.borrow_mut();
        let shared = shared.as_mut().expect("the engine holds it while running");
        if !shared.stopped {
            let state = VmState::new(vm, &shared.library, shared.protos);
            let next = shared.sink.event(Clock(vm.clock()), kind, &state);
            shared.stopped = next == Next::Stop;
        }
    }
}

impl<E> Observer<E> {
    fn probe(&self, tell: impl FnOnce(&mut dyn JitObserver)) {
        if let Some(probe) = &self.probe {
            tell(&mut *probe.borrow_mut());
        }
    }
}

impl<E: EventSink> JitObserver for Observer<E> {
    fn wants_records(&self) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.borrow().wants_records())
    }

    fn executed(&mut self, trace: TraceId, records: &[Record]) {
        self.probe(|probe| probe.executed(trace, records));
    }

    fn leaving(
        &mut self,
        vm: &Vm,
        ir: &Trace,
        exit: SnapshotId,
        clock: u64,
        read: &dyn Fn(ValueId) -> u64,
    ) {
        self.probe(|probe| probe.leaving(vm, ir, exit, clock, read));
    }

    fn recorded(&mut self, vm: &Vm, trace: TraceId) {
        self.probe(|probe| probe.recorded(vm, trace));
    }

    fn stage(&mut self, trace: TraceId, stage: &Shown) {
        self.probe(|probe| probe.stage(trace, stage));
    }

    fn entering(&mut self, vm: &Vm, trace: TraceId) {
        self.probe(|probe| probe.entering(vm, trace));
        self.event(vm, EventKind::TraceEntry(TraceNumber(trace.0)));
    }

    fn left(&mut self, vm: &Vm, trace: TraceId, exit: SnapshotId) {
        self.probe(|probe| probe.left(vm, trace, exit));
        self.event(vm, EventKind::TraceExit(TraceNumber(trace.0), ExitNumber(exit.0)));
    }

    fn wants_links(&self) -> bool {
        true
    }

    fn linked(&mut self, vm: &Vm, from: TraceId, exit: SnapshotId, to: TraceId) {
        self.probe(|probe| probe.linked(vm, from, exit, to));
        let kind = EventKind::Link(TraceNumber(from.0), ExitNumber(exit.0), TraceNumber(to.0));
        self.event(vm, kind);
    }

    fn stitched(&mut self, vm: &Vm, trace: TraceId, exit: SnapshotId, side: manager::StitchSide) {
        self.probe(|probe| probe.stitched(vm, trace, exit, side));
        let side = match side {
            manager::StitchSide::Call => StitchSide::Call,
            manager::StitchSide::Return => StitchSide::Return,
        };
        self.event(vm, EventKind::Stitch(TraceNumber(trace.0), ExitNumber(exit.0), side));
    }

    fn wants_switches(&self) -> bool {
        true
    }

    fn switched(&mut self, vm: &Vm) {
        self.event(vm, EventKind::Switch);
    }

    fn trapped(&mut self, _: TraceId, report: &str) {
        let mut shared = self.shared.borrow_mut();
        shared.as_mut().expect("the engine holds it while running").trap = Some(report.into());
    }
}

impl Leader for Jit {
    fn kind(&self) -> verdict::Engine {
        verdict::Engine::Jit
    }

    fn lead<E: EventSink>(&self, program: &Program, sink: E) -> (Outcome, E) {
        lead(self, program, sink, self.probe.as_ref())
    }

    fn traces(&self) -> u64 {
        self.stats.borrow().compiled
    }
}

/// What drives a VM and tells an observer what it does.
pub(super) trait Plugged {
    fn plug(&self, vm: &mut Vm, observer: Box<dyn JitObserver>, fuel: u64);
    /// The run is over.
    fn unplug(&self, vm: &mut Vm);
}

impl Plugged for Jit {
    fn plug(&self, vm: &mut Vm, observer: Box<dyn JitObserver>, fuel: u64) {
        vm.heap.stopped = self.config.stress.is_none() && !vm.heap.is_stressed();
        let mut jit = manager::Jit::new(self.config.clone(), observer);
        jit.set_clock_limit(fuel);
        jit.install(vm);
    }

    fn unplug(&self, vm: &mut Vm) {
        // A panic inside the driver takes the JIT along.
        self.stats.replace(manager::Jit::take(vm).map(|jit| jit.stats()).unwrap_or_default());
    }
}

/// Runs a program with `plugged`, whose observations are the sink's events.
pub(super) fn lead<E: EventSink>(
    plugged: &impl Plugged,
    program: &Program,
    sink: E,
    probe: Option<&Rc<RefCell<dyn JitObserver>>>,
) -> (Outcome, E) {
    let proto = match &program.proto {
        Ok(proto) => proto,
        Err(message) => return (rejected(message), sink),
    };
    let (mut vm, library) = prepare(program);
    let shared = Shared { sink, library, protos: 0, stopped: false, trap: None };
    let shared = Rc::new(RefCell::new(Some(shared)));
    let observer = Observer { shared: shared.clone(), probe: probe.cloned() };
    plugged.plug(&mut vm, Box::new(observer), program.options.fuel);
    let closure = vm.load(proto);
    if let Some(shared) = shared.borrow_mut().as_mut() {
        shared.protos = vm.proto_count();
    }
    let result = guarded(|| run_main(&mut vm, closure));
    let mut shared = shared.take().expect("the run is over");
    plugged.unplug(&mut vm);
    let ending = ending(&mut vm, program, result, shared.trap.take(), shared.stopped);
    if matches!(ending, Ending::Returned(_) | Ending::Failed { .. }) {
        let state = VmState::new(&vm, &shared.library, shared.protos);
        shared.sink.end(&state, &ending, &vm.output);
    }
    let instructions = Some(vm.clock());
    let output = std::mem::take(&mut vm.output);
    (Outcome { ending: without_values(ending), output, instructions }, shared.sink)
}

fn ending(
    vm: &mut Vm,
    program: &Program,
    result: Result<LuaResult<Vec<Value>>, String>,
    trap: Option<String>,
    stopped: bool,
) -> Ending<Value> {
    let limit = program.options.fuel;
    match (trap, result) {
        // A trace that never leaves its loop: right for an endless program, and compared as fuel.
        (Some(trap), _) if trap.starts_with("trap OutOfFuel") => Ending::Limited(Reason::Fuel),
        (Some(trap), _) => Ending::Broken(trap),
        (None, Err(panic)) => Ending::Broken(panic),
        (None, Ok(Err(error)))
            if vm.clock() >= limit && error.text().ends_with("instruction limit reached") =>
        {
            Ending::Limited(Reason::Fuel)
        }
        (None, Ok(_)) if vm.output.len() > program.options.output => {
            Ending::Limited(Reason::Memory)
        }
        (None, Ok(_)) if stopped => Ending::Stopped,
        (None, Ok(result)) => ending_of(vm, result),
    }
}
