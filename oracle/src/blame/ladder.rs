//! The rungs, and what each answers.
//!
//! In:  a program and the configuration under which it diverges.
//! Out: for each rung the configuration that executes its stage's output, and whether that differs from
//!      the interpreter.

use super::probe::{Probe, Records, Seen};
use super::{Blame, Stage};
use crate::check::thrash;
use crate::engine::{Ending, Engine as _, Leader, Outcome, Program, Unwatched};
use crate::event::{Clock, EventKind};
use crate::lockstep::{Select, two_way_thoroughly};
use crate::ours::{Interpreter, Jit};
use crate::verdict::{Divergence, DivergenceKind, Reason, THRASH_BOUND, Verdict};
use plumb_jit::heap::{Stress, StressAction};
use plumb_jit::ir::op::Op;
use plumb_jit::opt::{PIPELINE, peel};
use plumb_jit::trace::config::{ExecutorKind, ForcedExit, JitConfig};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// What the interpreter makes of a program, by itself.
pub fn interpreted(program: &Program) -> Outcome {
    Interpreter.run(program, Unwatched).0
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rung {
    Interpreter,
    Manager,
    Recorder,
    /// Index in the pipeline.
    Pass(usize),
    Lowering,
    Allocation,
    Emission,
    /// The simulator under the eyes of its referee.
    #[cfg_attr(not(feature = "unicorn"), allow(dead_code))]
    Simulator,
    /// The processor, after the simulator has run the same emission.
    Native,
}

impl Rung {
    pub fn stage(self) -> Stage {
        match self {
            Rung::Interpreter => Stage::Interpreter,
            Rung::Manager => Stage::Manager,
            Rung::Recorder => Stage::Recorder,
            Rung::Pass(_) => Stage::Pass,
            Rung::Lowering => Stage::Lowering,
            Rung::Allocation => Stage::Allocation,
            Rung::Emission => Stage::Emission,
            Rung::Simulator => Stage::Simulator,
            Rung::Native => Stage::Native,
        }
    }
    pub fn pass(self) -> Option<&'static str> {
        match self {
            Rung::Pass(index) => Some(PIPELINE[index].name),
            _ => None,
        }
    }
    pub fn name(self) -> String {
        self.pass().map_or_else(|| self.stage().name().into(), Into::into)
    }
}

/// What a rung answers.
#[derive(Clone, Debug)]
pub enum Answer {
    Agree,
    Diverge(Box<Divergence>),
    Unknown(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Agree => f.write_str("agree"),
            Answer::Diverge(found) => {
                write!(f, "DIVERGE at {} ({})", found.clock, found.event)
            }
            Answer::Unknown(reason) => f.write_str(reason),
        }
    }
}

/// Guards that are forced in turn on a rung.
const MOST_GUARDS: u32 = 64;

pub struct Ladder {
    pub program: Rc<Program>,
    pub config: JitConfig,
    pub rungs: Vec<Rung>,
    /// Results agree; what is to blame for the thrashing?
    thrash: bool,
    /// The program has less fuel than it might need: to use it up proves as much as the end.
    cut: bool,
}

impl Ladder {
    pub fn new(
        program: Rc<Program>,
        config: &JitConfig,
        kind: DivergenceKind,
        cut: bool,
    ) -> Ladder {
        let enabled = |index: &usize| config.passes & (1 << index) != 0;
        let mut rungs = vec![Rung::Interpreter, Rung::Manager, Rung::Recorder];
        rungs.extend((0..PIPELINE.len()).filter(enabled).map(Rung::Pass));
        let backend: &[Rung] = match config.executor {
            ExecutorKind::Eval => &[],
            ExecutorKind::Mach => &[Rung::Lowering],
            ExecutorKind::Allocated => &[Rung::Lowering, Rung::Allocation],
            ExecutorKind::Simulator => &[Rung::Lowering, Rung::Allocation, Rung::Emission],
            ExecutorKind::Native => {
                &[Rung::Lowering, Rung::Allocation, Rung::Emission, Rung::Native]
            }
            #[cfg(feature = "unicorn")]
            ExecutorKind::Refereed { .. } => {
                &[Rung::Lowering, Rung::Allocation, Rung::Emission, Rung::Simulator]
            }
        };
        rungs.extend(backend);
        let thrash = kind == DivergenceKind::Thrash;
        Ladder { program, config: config.clone(), rungs, thrash, cut }
    }

    /// The configuration that executes what the rung's stage makes.
    pub fn config(&self, rung: &Rung) -> JitConfig {
        let case = self.config.clone();
        let (executor, passes) = match *rung {
            Rung::Interpreter | Rung::Manager | Rung::Recorder => (ExecutorKind::Eval, 0),
            Rung::Pass(index) => (ExecutorKind::Eval, case.passes & ((2 << index) - 1)),
            Rung::Lowering => (ExecutorKind::Mach, case.passes),
            Rung::Allocation => (ExecutorKind::Allocated, case.passes),
            // It checks, and keeps records.
            Rung::Emission => (ExecutorKind::Simulator, case.passes),
            Rung::Simulator | Rung::Native => (case.executor.for_replay(), case.passes),
        };
        // What nobody enters is not verified: the recorder answers for it.
        let enter = *rung != Rung::Manager;
        JitConfig { executor, passes, enter, check: enter, ..case }
    }

    /// The rung's answer, and the configuration that gave it.
    pub fn ask(&self, rung: &Rung) -> (Answer, JitConfig) {
        let config = self.config(rung);
        let answer = match rung {
            Rung::Interpreter => self.interpreter_holds(),
            _ => self.ask_config(&config),
        };
        let numbered_otherwise = matches!(rung, Rung::Recorder | Rung::Pass(_));
        match (&answer, config.forced_exit) {
            (Answer::Agree, Some(_)) if numbered_otherwise => {
                self.ask_forcing(&config).unwrap_or((answer, config))
            }
            _ => (answer, config),
        }
    }

    /// A forced exit is named by its number among the guards of the optimised trace. On rungs with other
    /// IR that number means another guard, so all are tried.
    fn ask_forcing(&self, config: &JitConfig) -> Option<(Answer, JitConfig)> {
        let forced = config.forced_exit?;
        let seen = self.probe(config);
        let ir = &seen.traces.get(forced.trace as usize)?.last_ir()?.output;
        let guards = ir.insts.iter().filter(|inst| inst.snapshot.is_some()).count() as u32;
        (0..guards.min(MOST_GUARDS)).find_map(|guard| {
            let forced_exit = Some(ForcedExit { guard, ..forced });
            let config = JitConfig { forced_exit, ..config.clone() };
            match self.ask_config(&config) {
                answer @ Answer::Diverge(_) => Some((answer, config)),
                _ => None,
            }
        })
    }

    /// Runs the JIT against the interpreter.
    pub fn ask_config(&self, config: &JitConfig) -> Answer {
        let jit = Jit::new(config.clone());
        match two_way_thoroughly(&self.program, &jit, &Interpreter, Select::Live) {
            Verdict::Agree(compared) if self.thrash && jit.stats().thrash > THRASH_BOUND => {
                Answer::Diverge(Box::new(thrash(&compared, &jit.stats())))
            }
            Verdict::Agree(_) => Answer::Agree,
            Verdict::Diverge(found) => Answer::Diverge(found),
            Verdict::Inconclusive(Reason::Fuel) if self.cut => Answer::Agree,
            Verdict::Inconclusive(reason) => Answer::Unknown(reason.to_string()),
        }
    }

    /// The pass that is to blame where pass `at` is the first to diverge: an earlier one, if with it the
    /// interpreter is left and entered at other clocks than without it. No pass may do that but one that
    /// makes a loop of the iteration; that each iteration begins with the interpreter's state may hide it.
    pub fn first_that_leaves_elsewhere(&self, at: usize) -> Rung {
        let found = self.rungs[at];
        let moments = |rung: &Rung| -> Vec<(Clock, EventKind)> {
            let events = self.probe(&self.config(rung)).events;
            events.into_iter().map(|(clock, kind)| (clock, kind.through_any_exit())).collect()
        };
        let passes = self.rungs[..at].windows(2);
        let mut passes = passes.filter(|pair| matches!(pair[1], Rung::Pass(_))).peekable();
        if !matches!(found, Rung::Pass(_)) || self.config.forced_exit.is_some() {
            return found;
        }
        let Some(first) = passes.peek() else { return found };
        let mut before = moments(&first[0]);
        for pair in passes {
            let after = moments(&pair[1]);
            if before != after && pair[1].pass() != Some(peel::PASS.name) {
                return pair[1];
            }
            before = after;
        }
        found
    }

    /// Whether what diverges under this configuration agrees where nothing is collected: then something
    /// died that a trace needs.
    pub fn needs_collections(&self, config: &JitConfig) -> bool {
        let without = JitConfig { stress: None, ..config.clone() };
        config.stress.is_some() && matches!(self.ask_config(&without), Answer::Agree)
    }

    /// Whether what diverges where collections go on beside the program agrees where each is whole: then
    /// the trace has hidden a store from a marking that was under way, or from a minor collection.
    pub fn needs_marking_in_progress(&self, config: &JitConfig) -> bool {
        let Some(stress) = config.stress else { return false };
        let whole = Stress { action: StressAction::Full, ..stress };
        let config = JitConfig { stress: Some(whole), ..config.clone() };
        stress != whole && matches!(self.ask_config(&config), Answer::Agree)
    }

    /// Into what a trace stores references.
    pub fn stores_of_references(&self, config: &JitConfig, trace: Option<u32>) -> Option<String> {
        let seen = self.probe(config);
        let ir = &seen.traces.get(trace? as usize)?.last_ir()?.output;
        let mut stores = ir.reference_stores();
        let first = stores.next()?;
        let upvalues = first == Op::UpvalueStore && stores.all(|op| op == first);
        Some(if upvalues { "upvalue" } else { "table" }.into())
    }

    /// The interpreter is the JIT's yardstick, so it must at least not break down.
    fn interpreter_holds(&self) -> Answer {
        match interpreted(&self.program).ending {
            Ending::Broken(text) => Answer::Unknown(format!("breaks a rule: {text}")),
            _ => Answer::Agree,
        }
    }

    /// Runs the JIT and keeps what its stages made.
    pub fn probe(&self, config: &JitConfig) -> Seen {
        self.probe_with(config, Records::None)
    }

    /// The same with the instructions of runs.
    pub fn probe_with(&self, config: &JitConfig, records: Records) -> Seen {
        let probe = Rc::new(RefCell::new(Probe::new(records)));
        let jit = Jit::with_probe(config.clone(), probe.clone());
        let (outcome, log) = jit.lead(&self.program, super::probe::EventLog::default());
        drop(outcome);
        let mut seen = std::mem::take(&mut probe.borrow_mut().seen);
        seen.events = log.0;
        seen
    }

    /// The fewest traces with which `all` still diverges; their configuration.
    pub fn first_trace(&self, all: JitConfig, blame: &mut Blame) -> JitConfig {
        let compiled = self.probe(&all).traces.len() as u32;
        let with = |max_traces| JitConfig { max_traces, ..all.clone() };
        let (mut agrees, mut diverges) = (0, compiled);
        while diverges - agrees > 1 {
            let middle = agrees + (diverges - agrees) / 2;
            match self.ask_config(&with(middle)) {
                Answer::Diverge(found) => {
                    blame.found = found;
                    diverges = middle;
                }
                _ => agrees = middle,
            }
        }
        if compiled == 0 {
            return all;
        }
        // A trace that is never finished (a panic on the way) is the last that was begun.
        match self.ask_config(&with(diverges)) {
            Answer::Diverge(found) => {
                blame.found = found;
                blame.trace = Some(diverges - 1);
                with(diverges)
            }
            _ => all,
        }
    }
}
