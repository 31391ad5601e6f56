//! The executors behind one door: evaluator, simulator, native.
//!
//! In:  a VM at a trace's head, the trace, its code.
//! Out: [`Run`]: the exit taken, loop arrivals, and a reader of the exit's values; or the executor's
//!      report of a broken rule.

use super::compile::CompiledCode;
use super::config::ExecutorKind;
use crate::exec::host::{HostEnv, evaluate_on_host};
use crate::exec::{
    CodeBlob, Executor, HelperTable, InstallError, InstalledCode, Simulator, TraceContext, runtime,
};
use crate::heap::value::VALUE_SIZE;
use crate::ir::trace::{SnapshotId, Trace, ValueId};
use crate::vm::Vm;

/// How a run ended.
pub struct Run<'a> {
    pub exit: SnapshotId,
    /// How often the loop head was reached.
    pub loop_arrivals: u64,
    /// The 64 bits of a value that the exit's snapshot names.
    pub read: Box<dyn Fn(ValueId) -> u64 + 'a>,
}

/// The executor of one VM.
pub struct Engine {
    machine: Option<Machine>,
}

/// An executor of machine code and what it shares with traces.
struct Machine {
    executor: Box<dyn Executor>,
    context: Box<TraceContext>,
    helpers: HelperTable,
    kind: ExecutorKind,
}

impl Engine {
    pub fn new(kind: ExecutorKind) -> Engine {
        let machine = match kind {
            ExecutorKind::Eval => None,
            ExecutorKind::Simulator | ExecutorKind::Native => {
                executor(kind).map(|executor| Machine {
                    executor,
                    context: TraceContext::new(),
                    helpers: HelperTable::new(),
                    kind,
                })
            }
        };
        Engine { machine }
    }

    /// Whether this executor wants machine code (else the IR is enough).
    pub fn needs_code(&self) -> bool {
        self.machine.is_some()
    }

    /// Whether the code must count loop arrivals itself.
    pub fn counts_in_code(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.kind == ExecutorKind::Native)
    }

    /// Whether the executor asks the heap which memory is live.
    pub fn needs_regions(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.kind == ExecutorKind::Simulator)
    }

    pub fn install(&mut self, blob: CodeBlob) -> Result<InstalledCode, InstallError> {
        let machine = self.machine.as_mut().expect("only executors of machine code install");
        machine.executor.install(blob)
    }

    /// Runs a trace from its head. `clock_left` bounds the VM instructions it may stand for; a run
    /// stops soon after them (evaluator) or traps for lack of fuel (simulator).
    pub fn run<'a>(
        &'a mut self,
        vm: &mut Vm,
        trace: &'a Trace,
        code: &'a CompiledCode,
        clock_left: Option<u64>,
    ) -> Result<Run<'a>, String> {
        let base = vm.stack_address() + (VALUE_SIZE * vm.top_frame().base) as u64;
        match (&mut self.machine, code) {
            (Some(machine), CompiledCode::Machine { compiled, installed }) => {
                let arrivals =
                    clock_left.map(|clock| clock / u64::from(trace.iteration_clock.max(1)));
                let words = compiled.blob.words.len() as u64;
                let fuel = arrivals.map_or(u64::MAX, |n| n.saturating_add(3).saturating_mul(words));
                runtime::install(&mut machine.helpers, &mut machine.context, &raw mut vm.heap);
                let mut env = HostEnv::new(&mut vm.heap, &machine.helpers, fuel);
                let stats = machine
                    .executor
                    .run(installed, &mut machine.context, base, &mut env)
                    .map_err(|trap| trap.to_string())?;
                let context = &machine.context;
                let exit = compiled.exit(context).1.snapshot;
                let loop_arrivals = match machine.kind {
                    ExecutorKind::Native => context.loop_arrivals,
                    _ => stats.loop_arrivals,
                };
                let read = Box::new(move |value| compiled.read(context, value));
                Ok(Run { exit, loop_arrivals, read })
            }
            _ => {
                let fuel = clock_left.unwrap_or(u64::MAX);
                let outcome = evaluate_on_host(&mut vm.heap, base, trace, fuel)
                    .map_err(|trap| trap.to_string())?;
                let (exit, loop_arrivals) = (outcome.exit, outcome.loop_arrivals);
                Ok(Run { exit, loop_arrivals, read: Box::new(move |value| outcome.read(value)) })
            }
        }
    }
}

/// `None` where the system refuses executable memory; traces are then left to the evaluator.
#[cfg(all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")))]
fn executor(kind: ExecutorKind) -> Option<Box<dyn Executor>> {
    match kind {
        ExecutorKind::Native => Some(Box::new(crate::exec::native::Native::new().ok()?)),
        _ => Some(Box::new(Simulator::new())),
    }
}

#[cfg(not(all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos"))))]
fn executor(_: ExecutorKind) -> Option<Box<dyn Executor>> {
    Some(Box::new(Simulator::new()))
}
