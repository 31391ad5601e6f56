//! The executors behind one door: evaluators of IR and of machine-level IR, simulator, native.
//!
//! In:  a VM at a trace's head, the trace, its code.
//! Out: [`Run`]: the exit taken, loop arrivals, and a reader of the exit's values; or the executor's
//!      report of a broken rule.

use super::compile::CompiledCode;
use super::config::ExecutorKind;
use super::manager::TraceId;
use crate::exec::host::{HostEnv, evaluate_on_host};
use crate::exec::mach::{self, Record};
use crate::exec::{
    CodeBlob, Executor, ForcedExit, HelperTable, InstallError, InstalledCode, Simulator,
    TraceContext, runtime,
};
use crate::heap::value::VALUE_SIZE;
use crate::ir::eval::{Forced, Log};
use crate::ir::trace::{SnapshotId, Trace, ValueId};
use crate::vm::Vm;
use std::cell::Cell;

/// How a run ended.
pub struct Run<'a> {
    pub exit: SnapshotId,
    /// How often the loop head was reached.
    pub loop_arrivals: u64,
    /// The 64 bits of a value that the exit's snapshot names.
    pub read: Box<dyn Fn(ValueId) -> u64 + 'a>,
}

/// How one run goes.
#[derive(Default)]
pub struct RunOptions<'l> {
    /// VM instructions that the run may stand for: it stops soon after them (evaluator of IR) or
    /// traps for lack of fuel (all others).
    pub clock_left: Option<u64>,
    /// Takes a record of each instruction, where the executor keeps any.
    pub log: Option<&'l mut Vec<Record>>,
}

/// The executor of one VM, and what it shares with traces.
pub struct Engine {
    kind: ExecutorKind,
    check: bool,
    /// Of machine code; the other kinds evaluate a stage's output.
    executor: Option<Box<dyn Executor>>,
    context: Box<TraceContext>,
    helpers: HelperTable,
    /// The forced guard and the trace that holds it. Evaluators count here.
    forced: Option<(TraceId, Forced)>,
    interrupted: bool,
}

/// VM instructions that the evaluator of IR executes at a time while the program may be interrupted.
const INTERRUPT_DISTANCE: u64 = 1 << 20;

impl Engine {
    /// With `check`, evaluators look at each address too, and all at what a trace stores.
    pub fn new(kind: ExecutorKind, check: bool) -> Engine {
        let (kind, executor) = match kind {
            ExecutorKind::Eval | ExecutorKind::Mach | ExecutorKind::Allocated => (kind, None),
            #[cfg(feature = "unicorn")]
            ExecutorKind::Refereed { sample } => {
                (kind, Some(Box::new(crate::exec::unicorn::Refereed::new(sample)) as _))
            }
            ExecutorKind::Simulator | ExecutorKind::Native => match executor(kind) {
                Some(executor) => (kind, Some(executor)),
                None => (ExecutorKind::Eval, None),
            },
        };
        let (context, helpers) = (TraceContext::new(), HelperTable::new());
        Engine { kind, check, executor, context, helpers, forced: None, interrupted: false }
    }

    pub fn kind(&self) -> ExecutorKind {
        self.kind
    }

    /// Whether the code must count loop arrivals itself.
    pub fn counts_in_code(&self) -> bool {
        self.kind == ExecutorKind::Native
    }

    /// Whether the executor asks the heap which memory is live.
    pub fn needs_regions(&self) -> bool {
        match self.kind {
            ExecutorKind::Eval => self.check,
            ExecutorKind::Mach | ExecutorKind::Allocated | ExecutorKind::Simulator => true,
            ExecutorKind::Native => self.check,
            #[cfg(feature = "unicorn")]
            ExecutorKind::Refereed { .. } => true,
        }
    }

    /// Runs that a referee has repeated.
    pub fn refereed(&self) -> u64 {
        self.executor.as_ref().map_or(0, |executor| executor.refereed())
    }

    pub fn install(&mut self, blob: CodeBlob) -> Result<InstalledCode, InstallError> {
        self.executor.as_mut().expect("only executors of machine code install").install(blob)
    }

    /// Drops all code.
    pub fn reset(&mut self) {
        self.forced = None;
        self.context.force_left = 0;
        if let Some(executor) = &mut self.executor {
            executor.reset();
        }
    }

    /// Has `guard` of a compiled trace leave at its `nth` execution from now on.
    pub fn force(&mut self, id: TraceId, code: &CompiledCode, guard: ValueId, nth: u64) {
        self.forced = Some((id, Forced { guard, left: nth }));
        let CompiledCode::Machine { compiled, installed } = code else { return };
        if self.counts_in_code() {
            self.context.force_left = nth;
            return;
        }
        let leaves = |exit: u32| compiled.exits[exit as usize].guard == Some(guard);
        let branch = compiled.blob.guards.iter().find(|branch| leaves(branch.exit));
        if let (Some(executor), Some(branch)) = (&mut self.executor, branch) {
            let code = installed.clone();
            executor.force_exit(Some(ForcedExit { code, word: branch.word, nth }));
        }
    }

    /// Whether the last run was given up because the host wants the program to stop.
    pub fn was_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Whether the forced exit was taken.
    pub fn was_forced(&self) -> bool {
        match &self.executor {
            None => self.forced.is_some_and(|(_, forced)| forced.left == 0),
            // The code counts on after it was taken: below 0 is above where it began.
            Some(_) if self.counts_in_code() => self
                .forced
                .is_some_and(|(_, forced)| self.context.force_left.wrapping_sub(1) >= forced.left),
            Some(executor) => executor.was_forced(),
        }
    }

    /// Runs a trace from its head.
    pub fn run<'a>(
        &'a mut self,
        vm: &mut Vm,
        id: TraceId,
        trace: &'a Trace,
        code: &'a CompiledCode,
        options: RunOptions,
    ) -> Result<Run<'a>, String> {
        let RunOptions { clock_left, log } = options;
        let base = vm.stack_address() + (VALUE_SIZE * vm.top_frame().base) as u64;
        let arrivals = clock_left.map(|clock| clock / u64::from(trace.iteration_clock.max(1)));
        // An iteration executes no more instructions than there are.
        let fuel = |instructions: usize| {
            arrivals.map_or(u64::MAX, |n| n.saturating_add(3).saturating_mul(instructions as u64))
        };
        runtime::install(&mut self.helpers, &mut self.context, &raw mut vm.heap);
        let interrupt = vm.interrupts.is_requested;
        self.interrupted = false;
        let instructions = match code {
            CompiledCode::Ir => {
                // At the end of its fuel it leaves through an ordinary exit.
                let unlimited = if interrupt.is_some() { INTERRUPT_DISTANCE } else { u64::MAX };
                let fuel = clock_left.unwrap_or(unlimited);
                let forced = self.forced.as_mut().filter(|(trace, _)| *trace == id);
                let forced = forced.map(|(_, forced)| forced);
                let check = self.check;
                let mut log = log.map(|log| {
                    |id: ValueId, written, left| log.push(Record { step: id.0, written, left })
                });
                let log = log.as_mut().map(|log| log as &mut Log);
                let outcome = evaluate_on_host(&mut vm.heap, base, trace, fuel, check, forced, log)
                    .map_err(|trap| format!("trap IR: {trap}"))?;
                let (exit, loop_arrivals) = (outcome.exit, outcome.loop_arrivals);
                let read = Box::new(move |value| outcome.read(value));
                return Ok(Run { exit, loop_arrivals, read });
            }
            CompiledCode::Lowered(lowered) => lowered.blocks().map(|b| b.lines.len()).sum(),
            CompiledCode::Allocated(allocated) => {
                allocated.entry.len() + allocated.body.as_ref().map_or(0, Vec::len)
            }
            CompiledCode::Machine { compiled, .. } => compiled.blob.words.len(),
        };
        let env = HostEnv::new(&mut vm.heap, &self.helpers, fuel(instructions));
        let mut env = env.audited(self.check);
        let forced = self.forced.filter(|(trace, _)| *trace == id).map(|(_, forced)| forced);
        let forced = Cell::new(forced);
        env.force(&forced);
        env.heed(interrupt);
        let run = match code {
            CompiledCode::Ir => unreachable!("it has just been run"),
            CompiledCode::Lowered(lowered) => {
                mach::evaluate_lowered(lowered, &self.context, base, &env, log)
            }
            CompiledCode::Allocated(allocated) => {
                mach::evaluate_allocated(allocated, &self.context, base, &env, log)
            }
            CompiledCode::Machine { compiled, installed } => {
                let executor = self.executor.as_mut().expect("it installed the code");
                if log.is_some() {
                    executor.watch(installed);
                }
                let stats = executor.run(installed, &mut self.context, base, &mut env);
                self.interrupted = env.was_interrupted();
                if let Some(log) = log {
                    *log = executor.take_records();
                }
                let stats = stats.map_err(|trap| trap.to_string())?;
                let context = &self.context;
                let exit = compiled.exit(context).1.snapshot;
                let loop_arrivals = stats.loop_arrivals;
                let read = Box::new(move |value| compiled.read(context, value));
                return Ok(Run { exit, loop_arrivals, read });
            }
        };
        if let (Some(forced), Some((_, own))) = (forced.get(), &mut self.forced) {
            *own = forced;
        }
        self.interrupted = env.was_interrupted();
        let run = run.map_err(|fault| fault.to_string())?;
        let (exit, loop_arrivals) = (run.snapshot, run.loop_arrivals);
        Ok(Run { exit, loop_arrivals, read: Box::new(move |value| run.read(value)) })
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
