//! The JIT as a leader: its events are the entries into traces and the exits from them.
//!
//! The JIT cannot be stopped from its observer. A sink that wants no more is not called again, and the run
//! goes on to its end or to its fuel.

use super::{Library, VmState, ending_of, guarded, prepare, rejected, without_values};
use crate::engine::{Ending, EventSink, Leader, Next, Outcome, Program};
use crate::event::{Clock, EventKind, ExitNumber, TraceNumber};
use crate::verdict::{self, Reason};
use plumb_jit::heap::Value;
use plumb_jit::ir::trace::SnapshotId;
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
}

impl Jit {
    pub fn new(config: JitConfig) -> Jit {
        Jit { config, stats: RefCell::default() }
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

struct Observer<E>(Rc<RefCell<Option<Shared<E>>>>);

impl<E: EventSink> Observer<E> {
    fn event(&self, vm: &Vm, kind: EventKind) {
        let mut shared = self.0.borrow_mut();
        let shared = shared.as_mut().expect("the engine holds it while running");
        if !shared.stopped {
            let state = VmState::new(vm, &shared.library, shared.protos);
            let next = shared.sink.event(Clock(vm.clock()), kind, &state);
            shared.stopped = next == Next::Stop;
        }
    }
}

impl<E: EventSink> JitObserver for Observer<E> {
    fn entering(&mut self, vm: &Vm, trace: TraceId) {
        self.event(vm, EventKind::TraceEntry(TraceNumber(trace.0)));
    }

    fn left(&mut self, vm: &Vm, trace: TraceId, exit: SnapshotId) {
        self.event(vm, EventKind::TraceExit(TraceNumber(trace.0), ExitNumber(exit.0)));
    }

    fn trapped(&mut self, _: TraceId, report: &str) {
        let mut shared = self.0.borrow_mut();
        shared.as_mut().expect("the engine holds it while running").trap = Some(report.into());
    }
}

impl Leader for Jit {
    fn kind(&self) -> verdict::Engine {
        verdict::Engine::Jit
    }

    fn lead<E: EventSink>(&self, program: &Program, sink: E) -> (Outcome, E) {
        let proto = match &program.proto {
            Ok(proto) => proto,
            Err(message) => return (rejected(message), sink),
        };
        let (mut vm, library) = prepare(program);
        let shared = Shared { sink, library, protos: 0, stopped: false, trap: None };
        let shared = Rc::new(RefCell::new(Some(shared)));
        let mut jit = manager::Jit::new(self.config.clone(), Box::new(Observer(shared.clone())));
        jit.set_clock_limit(program.options.fuel);
        jit.install(&mut vm);
        let closure = vm.load(proto);
        if let Some(shared) = shared.borrow_mut().as_mut() {
            shared.protos = vm.protos().count() as u32;
        }
        let result = guarded(|| vm.run_chunk(closure));
        let mut shared = shared.take().expect("the run is over");
        // A panic inside the driver takes the JIT along.
        self.stats.replace(manager::Jit::take(&mut vm).map(|jit| jit.stats()).unwrap_or_default());
        let ending = ending(&vm, program, result, shared.trap.take(), shared.stopped);
        if matches!(ending, Ending::Returned(_) | Ending::Failed(_)) {
            let state = VmState::new(&vm, &shared.library, shared.protos);
            shared.sink.end(&state, &ending, &vm.output);
        }
        let instructions = Some(vm.clock());
        let output = std::mem::take(&mut vm.output);
        (Outcome { ending: without_values(ending), output, instructions }, shared.sink)
    }

    fn traces(&self) -> u64 {
        self.stats.borrow().compiled
    }
}

fn ending(
    vm: &Vm,
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
        (None, Ok(result)) => ending_of(result),
    }
}
