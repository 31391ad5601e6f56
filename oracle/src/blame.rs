//! Who is to blame for a divergence: one stage of the compiler, and what in it.
//!
//! In:  a case (program, JIT configuration) that diverges, and its [`Divergence`].
//! Out: a [`Blame`]: stage, pass, rule, operation, kind of exit, trace; the ladder that showed it; or
//!      [`NothingToBlame`].
//!
//! The case is run again with each stage's output executed in turn, from the bottom up:
//!
//! ```text
//! interpreter   alone against the reference
//! manager       everything is compiled, nothing is entered
//! recorder      the recorded IR, on the evaluator
//! pass k        the IR after the first k passes, on the evaluator
//! lowering      machine-level IR over virtual registers, on its evaluator
//! allocation    the same over registers and spill slots
//! emission      machine code, on the simulator
//! simulator     the same under the eyes of its referee, where the case has one
//! native        the same on the processor, where the case ran there
//! ```
//!
//! The first rung that differs from the interpreter is the culprit: all it adds to the rung below is
//! the output of its own stage. Then the culprit is looked into:
//!
//! - [`rewrite`]: in a pass, the number of the first wrong rewrite by binary search, its rule, and the
//!   operation it changed. If an earlier pass leaves traces at other points than its input does, and only
//!   the loop that peeling makes of the iteration shows it, that pass is looked into instead;
//! - [`recording`]: in a recording, each guard in turn is told to leave, which shows the state there:
//!   the first wrong one says whether a value, a guard or a snapshot is wrong, and at which opcode;
//! - [`restore`](probe): what an exit wrote is compared with the snapshot, by code of its own;
//! - [`backend`]: the instructions that two rungs executed, side by side, up to the first that differ.
//!
//! Invariants: blaming is deterministic, and knows nothing about faults: it looks at what the stages
//! made and at what the engines did.
#![forbid(unsafe_code)]

mod backend;
mod interpreter;
mod ladder;
mod lowering;
mod moments;
mod parting;
mod places;
mod probe;
mod recording;
mod rewrite;
mod snapshots;

use crate::engine::{Options, Program};
use crate::event::{EventKind, StitchSide};
use crate::ours;
use crate::verdict::{Divergence, DivergenceKind, Engine};
use ladder::{Answer, Ladder, Rung};
use plumb_jit::trace::config::JitConfig;
use std::fmt;
use std::rc::Rc;

/// Arrivals after which a loop is hot, that are tried where a whole pass seems to be to blame.
const MOST_HOT: u16 = 16;

/// What is blamed, in the order of the ladder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Stage {
    Interpreter,
    Manager,
    Recorder,
    Pass,
    Lowering,
    Allocation,
    Emission,
    Restore,
    /// What a trace knows by its address was collected: nothing differs without collections.
    Roots,
    /// Not of the compiler: an executor's referee differs.
    Simulator,
    /// The processor differs from the simulator: one of them is wrong, or the code that only the
    /// processor runs, which counts its own arrivals.
    Native,
}

impl Stage {
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Interpreter => "interpreter",
            Stage::Manager => "manager",
            Stage::Recorder => "recorder",
            Stage::Pass => "pass",
            Stage::Lowering => "lowering",
            Stage::Allocation => "allocation",
            Stage::Emission => "emission",
            Stage::Restore => "restore",
            Stage::Roots => "roots",
            Stage::Simulator => "simulator",
            Stage::Native => "native",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One rung of the ladder as it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `recorder`, `fold`, `allocation` ...
    pub rung: String,
    /// `agree`, `DIVERGE` or why nothing was proven.
    pub answer: String,
}

/// What showed the culprit's rung to be wrong. On the ladder, the verifier and the checker of register
/// allocations look at all that is compiled, also where a sweep left them out for speed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Witness {
    Comparison,
    Verifier,
    AllocationChecker,
    /// A trap of the executor, such as a load from memory that is not the program's.
    Trap,
    Panic,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Witness::Comparison => "comparison of the engines' states",
            Witness::Verifier => "verifier of the IR",
            Witness::AllocationChecker => "checker of register allocations",
            Witness::Trap => "trap of the executor",
            Witness::Panic => "panic",
        })
    }
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Blame {
    pub stage: Stage,
    /// Of stage [`Stage::Pass`].
    pub pass: Option<&'static str>,
    /// The rewrite's rule; elsewhere what kind of thing is wrong.
    pub rule: Option<String>,
    /// The IR operation, opcode or machine instruction concerned.
    pub op: Option<String>,
    /// Through what kind of guard the first differing exit left.
    pub exit_kind: Option<String>,
    /// The trace without which nothing diverges, by order of compilation.
    pub trace: Option<u32>,
    pub ladder: Vec<Step>,
    /// How the culprit's rung diverges.
    pub found: Box<Divergence>,
    /// What the culprit was given and what it made of it, as text, where there are two such things.
    pub before: String,
    pub after: String,
}

impl Blame {
    /// What tells this defect from others, and stays the same from program to program.
    pub fn key(&self) -> String {
        let parts = [self.pass, self.rule.as_deref(), self.keyed_op()];
        let parts = parts.into_iter().flatten();
        std::iter::once(self.stage.name()).chain(parts).collect::<Vec<_>>().join(" / ")
    }

    /// A rewrite's rule says enough, and so does what was chosen for an operation or emitted for a step, or
    /// became of a value; the operation tells apart what has no such name.
    fn keyed_op(&self) -> Option<&str> {
        use Stage::{Allocation, Emission, Lowering, Pass};
        let says_enough = matches!(self.stage, Pass | Lowering | Allocation | Emission);
        let named = says_enough && self.rule.is_some();
        self.op.as_deref().filter(|_| !named)
    }

    /// What showed it.
    pub fn witness(&self) -> Witness {
        match broken(&self.found) {
            None => Witness::Comparison,
            Some(text) if text.starts_with("trap ") => Witness::Trap,
            Some(text) if text.contains("the trace after ") => Witness::Verifier,
            Some(text) if text.contains("register allocation: ") => Witness::AllocationChecker,
            Some(_) => Witness::Panic,
        }
    }

    /// The key and the particulars, for people.
    pub fn title(&self) -> String {
        let mut title = self.key();
        if self.keyed_op().is_none()
            && let Some(op) = &self.op
        {
            title += &format!(", at {op}");
        }
        if let Some(kind) = &self.exit_kind {
            title += &format!(", seen through {kind}");
        }
        if let Some(trace) = self.trace {
            title += &format!(", trace {trace}");
        }
        title
    }
}

/// A case that is to be blamed on something.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    pub source: &'a [u8],
    pub chunk_name: &'a str,
    pub config: &'a JitConfig,
    pub options: &'a Options,
}

/// No rung of the ladder differs from the one below: the case agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingToBlame;

impl fmt::Display for NothingToBlame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing to blame: the case agrees on every rung")
    }
}
impl std::error::Error for NothingToBlame {}

/// Finds the culprit.
pub fn blame(case: &Case, found: &Divergence) -> Result<Blame, NothingToBlame> {
    blame_with(case, &ours::Interpreter, found)
}

/// [`blame`] with an engine in the interpreter's place where it is compared with the reference.
pub fn blame_with(
    case: &Case,
    interpreter: &impl crate::engine::Engine,
    found: &Divergence,
) -> Result<Blame, NothingToBlame> {
    let near = near(case, found);
    let program = program(case, near);
    if found.left == Engine::Reference {
        return Ok(interpreter::blame(&program, interpreter, found));
    }
    // Where the interpreter is wrong, a right JIT differs from it.
    if let Some(found) = interpreter::differs(&program, interpreter) {
        return Ok(interpreter::blame(&program, interpreter, &found));
    }
    let climbed = climb(&Ladder::new(program, case.config, found.kind, near < case.options.fuel));
    if climbed.is_ok() || near == case.options.fuel {
        return climbed;
    }
    climb(&Ladder::new(self::program(case, case.options.fuel), case.config, found.kind, false))
}

fn program(case: &Case, fuel: u64) -> Rc<Program> {
    let options = Options { offers: Some(ours::offers), fuel, ..case.options.clone() };
    Rc::new(Program::new(case.source, case.chunk_name, options))
}

/// Fuel that reaches a difference, and where it should show on other rungs. A wrong program often runs
/// on for long, and the ladder runs it many times.
fn near(case: &Case, found: &Divergence) -> u64 {
    let all = case.options.fuel;
    let unknown = matches!(found.kind, DivergenceKind::Broken | DivergenceKind::Thrash)
        || found.event == EventKind::End;
    let reached = match unknown {
        false => Some(found.clock.0),
        // Before the program's end, or behind it in a trace that does not end.
        true => ladder::interpreted(&program(case, all)).instructions,
    };
    reached.map_or(all, |clock| all.min(2 * clock + 10_000))
}

/// Whether a smaller case shows the same defect. Most cases that do not are refused by one run.
pub fn still_blames(case: &Case, found: &Divergence, blame: &Blame) -> bool {
    let against_reference = found.left == Engine::Reference;
    if against_reference && blame.stage != Stage::Interpreter {
        return false;
    }
    let near = near(case, found);
    let program = program(case, near);
    if blame.stage == Stage::Interpreter {
        let interpreter = &ours::Interpreter;
        let differs = || interpreter::differs(&program, interpreter);
        let found = if against_reference { Some(Box::new(found.clone())) } else { differs() };
        let key = found.map(|found| interpreter::blame(&program, interpreter, &found).key());
        return key == Some(blame.key());
    }
    let ladder = Ladder::new(program, case.config, found.kind, near < case.options.fuel);
    let shown_by = blame.ladder.last().map(|step| step.rung.as_str());
    let at = ladder.rungs.iter().position(|rung| shown_by == Some(&*rung.name()));
    let Some(at) = at else {
        return climb(&ladder).is_ok_and(|here| here.key() == blame.key());
    };
    let (Answer::Diverge(here), config) = ladder.ask(&ladder.rungs[at]) else { return false };
    if at > 0 && matches!(ladder.ask(&ladder.rungs[at - 1]).0, Answer::Diverge(_)) {
        return false;
    }
    look_into(&ladder, at, config, here, Vec::new()).key() == blame.key()
}

fn climb(ladder: &Ladder) -> Result<Blame, NothingToBlame> {
    let mut steps = Vec::new();
    for (at, rung) in ladder.rungs.iter().enumerate() {
        let (answer, config) = ladder.ask(rung);
        steps.push(Step { rung: rung.name(), answer: answer.to_string() });
        if let Answer::Diverge(found) = answer {
            let blame = look_into(ladder, at, config, found, steps);
            let whole_pass = blame.pass.is_some() && blame.rule.as_deref() == blame.pass;
            let below = whole_pass.then(|| below_at_other_times(ladder, at, &blame.ladder));
            return Ok(below.flatten().unwrap_or(blame));
        }
    }
    Err(NothingToBlame)
}

/// A rung below `at` that diverges where loops are hot earlier or later. When a loop is recorded depends on
/// what ran before, so the rungs below may have recorded other iterations than the one that is compiled
/// wrongly; this is tried where nothing but a whole pass is to blame. A right rung never diverges.
fn below_at_other_times(ladder: &Ladder, at: usize, steps: &[Step]) -> Option<Blame> {
    let compiles = |rung: &Rung| matches!(rung, Rung::Recorder | Rung::Pass(_));
    ladder.rungs[..at].iter().enumerate().filter(|(_, rung)| compiles(rung)).find_map(
        |(at, rung)| {
            (1..=MOST_HOT).find_map(|hot_loop| {
                let config = JitConfig { hot_loop, ..ladder.config(rung) };
                let answer = ladder.ask_config(&config);
                let Answer::Diverge(found) = answer.clone() else { return None };
                let name = format!("{}, loops hot after {hot_loop}", rung.name());
                let step = Step { rung: name, answer: answer.to_string() };
                let steps = steps.iter().cloned().chain([step]).collect();
                Some(look_into(ladder, at, config, found, steps))
            })
        },
    )
}

/// Names what is wrong in the culprit.
fn look_into(
    ladder: &Ladder,
    at: usize,
    config: JitConfig,
    found: Box<Divergence>,
    ladder_steps: Vec<Step>,
) -> Blame {
    let rung = ladder.first_that_leaves_elsewhere(at);
    let mut blame = Blame {
        stage: rung.stage(),
        pass: rung.pass(),
        rule: None,
        op: None,
        exit_kind: None,
        trace: None,
        ladder: ladder_steps,
        found,
        before: String::new(),
        after: String::new(),
    };
    if matches!(rung, Rung::Manager | Rung::Simulator | Rung::Native) {
        blame.rule = Some(format!("{:?}", blame.found.kind).to_lowercase());
        return blame;
    }
    let config = ladder.first_trace(config, &mut blame);
    blame.trace = trace_to_blame(blame.trace, blame.found.event);
    if ladder.needs_collections(&config) {
        (blame.stage, blame.pass) = (Stage::Roots, None);
        if ladder.needs_marking_in_progress(&config) {
            blame.rule = Some("write barrier".into());
            blame.op = ladder.stores_of_references(&config, blame.trace);
        }
        return blame;
    }
    let seen = ladder.probe(&config);
    blame.exit_kind = exit_kind(&blame.found, &seen);
    if let Some(wrong) = seen.wrong_restore {
        blame.stage = Stage::Restore;
        blame.pass = None;
        blame.rule = Some(wrong);
        return blame;
    }
    match ladder.rungs[at] {
        Rung::Interpreter | Rung::Manager | Rung::Simulator | Rung::Native => {}
        Rung::Recorder => recording::look(ladder, &config, &seen, &mut blame),
        Rung::Pass(_) => rewrite::look(ladder, &config, &mut blame),
        Rung::Lowering | Rung::Allocation | Rung::Emission => {
            backend::look(ladder, at, &config, &seen, &mut blame)
        }
    }
    blame
}

/// The trace to look into, of which `needed` is the last without which nothing diverges. Where a link
/// differs, that may be the trace it leads to; what is wrong there, the trace that was left has made.
fn trace_to_blame(needed: Option<u32>, event: EventKind) -> Option<u32> {
    match event {
        EventKind::Link(from, _, to) if needed == Some(to.0) => Some(from.0),
        EventKind::Link(..)
        | EventKind::TraceEntry(_)
        | EventKind::TraceExit(..)
        | EventKind::Stitch(..)
        | EventKind::Switch
        | EventKind::Checkpoint
        | EventKind::End => needed,
    }
}

/// The guard whose exit was the first to differ, or the other way out of a trace.
fn exit_kind(found: &Divergence, seen: &probe::Seen) -> Option<String> {
    match found.event {
        EventKind::Stitch(_, _, StitchSide::Call) => return Some("a stitched call".into()),
        EventKind::Stitch(_, _, StitchSide::Return) => {
            return Some("a stitched call's return".into());
        }
        _ => {}
    }
    let (trace, exit) = found.event.left()?;
    let ir = &seen.traces.get(trace.0 as usize)?.last_ir()?.output;
    let exit = plumb_jit::ir::trace::SnapshotId(exit.0);
    if exit == ir.end {
        return Some("the end".into());
    }
    let guard = ir.insts.iter().find(|inst| inst.snapshot == Some(exit))?;
    Some(guard.op.text().into())
}

/// The text of a broken rule, where the culprit's rung broke one.
fn broken(found: &Divergence) -> Option<&str> {
    if found.kind != DivergenceKind::Broken {
        return None;
    }
    let states = [&found.right_state, &found.left_state];
    states.into_iter().filter_map(|s| s.ending.as_deref()?.strip_prefix("broke a rule: ")).next()
}

/// A short name for a broken rule: the kind of trap, the verifier's rule, or a panic's first words.
fn name_of_broken(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.first().copied().unwrap_or_default();
    let first = first.strip_prefix("panic: ").unwrap_or(first);
    if let Some(trap) = first.strip_prefix("trap ") {
        return format!("trap {}", trap.split(':').next().unwrap_or_default());
    }
    if first.starts_with("the trace after ") {
        // `v3: rule: message`, `snap #3: rule: message`, `rule: message`
        let mut parts = lines.get(1).copied().unwrap_or_default().trim().split(": ");
        let is_place = |part: &&str| {
            let number = part.strip_prefix("snap #").or(part.strip_prefix('v'));
            number.is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
        };
        return format!("verifier, {}", parts.find(|part| !is_place(part)).unwrap_or("rule"));
    }
    let words: Vec<&str> = first.split_whitespace().take(6).collect();
    let plain: Vec<String> =
        words.iter().map(|word| word.chars().filter(|c| !c.is_ascii_digit()).collect()).collect();
    format!("panic {}", plain.join(" "))
}

#[cfg(test)]
pub(crate) mod tests {
    //! Doors for tests of engines that blame cannot run again.

    use super::*;
    use crate::engine::Leader;
    use crate::event::TraceNumber;
    use probe::{EventLog, Run, Seen};

    pub fn looked_into(found: &Divergence, needed: Option<TraceNumber>) -> Option<TraceNumber> {
        trace_to_blame(needed.map(|trace| trace.0), found.event).map(TraceNumber)
    }

    /// The last run of `trace` before a difference, by the events that `leader` shows.
    pub fn last_run(
        program: &Program,
        leader: &impl Leader,
        found: &Divergence,
        trace: TraceNumber,
    ) -> Option<Run> {
        let (_, log) = leader.lead(program, EventLog::default());
        Seen { events: log.0, ..Seen::default() }.wrong_run(found, trace.0)
    }
}
