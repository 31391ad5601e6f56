//! The interpreter as an engine: driven to clocks by ticks.

use super::{Library, VmState, ending_of, guarded, prepare, rejected, run_main, without_values};
use crate::engine::{Ending, Engine, Next, Outcome, Program, Watcher};
use crate::event::Clock;
use crate::verdict::{self, Reason};
use plumb_jit::heap::Value;
use plumb_jit::vm::{Driver, LuaError, Vm};
use std::cell::RefCell;
use std::num::NonZeroU32;
use std::rc::Rc;

/// The interpreter.
pub struct Interpreter;

/// The interpreter, collecting at every n-th allocation point.
pub struct Collecting(pub NonZeroU32);

/// What the driver and the engine share.
struct Watched<W> {
    watcher: W,
    library: Library,
    protos: u32,
    fuel: u64,
    output_limit: usize,
    over: Option<Ending<Value>>,
}

struct Ticker<W>(Rc<RefCell<Option<Watched<W>>>>);

impl<W: Watcher> Watched<W> {
    /// Looks at the VM; returns the clock of the next tick, or `None` when the run is over.
    fn tick(&mut self, vm: &Vm) -> Option<u64> {
        let clock = vm.clock();
        if clock >= self.fuel {
            self.over.get_or_insert(Ending::Limited(Reason::Fuel));
        }
        if vm.output.len() > self.output_limit {
            self.over.get_or_insert(Ending::Limited(Reason::Memory));
        }
        if self.over.is_some() {
            return None;
        }
        let state = VmState::new(vm, &self.library, self.protos);
        match self.watcher.at(Clock(clock), &state) {
            Next::At(next) => Some(next.0.min(self.fuel)),
            Next::Never => Some(self.fuel),
            Next::Stop => {
                self.over = Some(Ending::Stopped);
                None
            }
        }
    }
}

impl<W: Watcher> Driver for Ticker<W> {
    fn tick(&mut self, vm: &mut Vm) -> Result<(), Box<LuaError>> {
        let mut watched = self.0.borrow_mut();
        match watched.as_mut().expect("the engine holds it while running").tick(vm) {
            Some(next) => {
                vm.tick_at(next);
                Ok(())
            }
            None => {
                vm.tick_at(vm.clock() + 1);
                Err(LuaError::new(Value::NIL))
            }
        }
    }

    fn loop_head(&mut self, _: &mut Vm) {}
}

impl Engine for Interpreter {
    fn kind(&self) -> verdict::Engine {
        verdict::Engine::Interpreter
    }

    fn run<W: Watcher>(&self, program: &Program, watcher: W) -> (Outcome, W) {
        run(program, watcher, None)
    }
}

impl Engine for Collecting {
    fn kind(&self) -> verdict::Engine {
        verdict::Engine::Interpreter
    }

    fn run<W: Watcher>(&self, program: &Program, watcher: W) -> (Outcome, W) {
        run(program, watcher, Some(self.0))
    }
}

fn run<W: Watcher>(
    program: &Program,
    mut watcher: W,
    collect_every: Option<NonZeroU32>,
) -> (Outcome, W) {
    let proto = match &program.proto {
        Ok(proto) => proto,
        Err(message) => return (rejected(message), watcher),
    };
    let (mut vm, library) = prepare(program);
    if collect_every.is_some() {
        vm.heap.stopped = false;
        vm.heap.set_collect_every(collect_every);
    }
    let closure = vm.load(proto);
    let first = watcher.first().map_or(program.options.fuel, |c| c.0.min(program.options.fuel));
    let shared = Rc::new(RefCell::new(Some(Watched {
        watcher,
        library,
        protos: vm.proto_count(),
        fuel: program.options.fuel,
        output_limit: program.options.output,
        over: None,
    })));
    vm.set_driver(Some(Box::new(Ticker(shared.clone()))));
    vm.tick_at(first);
    let result = guarded(|| run_main(&mut vm, closure));
    let mut watched = shared.take().expect("the run is over");
    let ending = match (watched.over.take(), result) {
        (Some(over), _) => over,
        (None, Ok(result)) => ending_of(&mut vm, result),
        (None, Err(panic)) => Ending::Broken(panic),
    };
    if matches!(ending, Ending::Returned(_) | Ending::Failed { .. }) {
        let state = VmState::new(&vm, &watched.library, watched.protos);
        watched.watcher.end(&state, &ending, &vm.output);
    }
    let instructions = Some(vm.clock());
    let output = std::mem::take(&mut vm.output);
    (Outcome { ending: without_values(ending), output, instructions }, watched.watcher)
}
