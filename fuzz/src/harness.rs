//! One program through three engines: the question every command asks.
//!
//! In:  source, chunk name, the case's knobs, fuel.
//! Out: [`Judged`]: agreement with what was compared, a [`Finding`], or the reason why nothing was proven.
//!
//! A finding is any defect of ours: a divergence (which includes traps of the executor and panics of our
//! engines), or a panic of the harness itself. [`blame_of`] names its cause, which is what findings are
//! grouped by and what the reducer keeps.

use crate::generate::{CaseConfig, Collection};
use crate::worker;
use plumb_jit::heap::{Stress, StressAction};
use plumb_jit::trace::config::{self, ExecutorKind, JitConfig};
use plumb_jit::trace::stats::JitStats;
use plumb_jit::trace::tap::TapRef;
use plumb_oracle::blame::{self, Blame, Case, Stage};
use plumb_oracle::engine::Options;
use plumb_oracle::verdict::{Compared, Divergence, Reason, Verdict};
use std::any::Any;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A program and what it runs under.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    pub source: &'a [u8],
    /// As for Lua's `load`: `@file.lua` or `=name`.
    pub chunk_name: &'a str,
    pub config: CaseConfig,
    pub executor: ExecutorKind,
    /// Planted in the compiler's stages; faults are (see [`crate::faults`]).
    pub tap: Option<TapRef>,
    /// Verify the IR after each pass and every register allocation, also in release builds.
    pub check: bool,
    /// Compare everything that can be reached at each moment, not at a sample of them.
    pub thorough: bool,
    /// VM instructions before a program is given up as inconclusive.
    pub fuel: u64,
}

/// Fuel of a generated program. They need 9,000 on average; loops of a coroutine within loops of its
/// resumer took more than this in 9 of 1,000,000 (6 to 13 million).
pub const GENERATED_FUEL: u64 = 5_000_000;
/// Fuel of a person's program.
pub const USER_FUEL: u64 = 2_000_000_000;

/// A defect of ours.
#[derive(Clone, Debug)]
pub enum Finding {
    Diverge(Box<Divergence>),
    /// The message of a panic outside the engines (those inside are divergences of kind `Broken`).
    Panic(String),
}

impl Finding {
    /// What differs from what in kind: coarser than a blame, for what cannot be blamed.
    pub fn signature(&self) -> String {
        match self {
            Finding::Diverge(d) => {
                let (left, right, kind) = d.signature();
                format!("{left} / {right} / {kind:?}").to_lowercase()
            }
            Finding::Panic(text) => format!("panic / {}", text.lines().next().unwrap_or("").trim()),
        }
    }
}

/// The answer for one program.
#[derive(Clone, Debug)]
pub enum Answer {
    Agree(Compared),
    Found(Finding),
    Inconclusive(Reason),
}

/// An answer, and what the JIT did on the way.
#[derive(Clone, Debug)]
pub struct Judged {
    pub answer: Answer,
    pub stats: JitStats,
}

impl Job<'_> {
    /// The JIT's knobs for this job.
    pub fn jit_config(&self) -> JitConfig {
        let check = self.check || cfg!(debug_assertions);
        JitConfig { check, tap: self.tap.clone(), ..jit_config(&self.config, self.executor) }
    }
}

/// The JIT's knobs for those of a case.
pub fn jit_config(case: &CaseConfig, executor: ExecutorKind) -> JitConfig {
    let plain = JitConfig::default();
    JitConfig {
        hot_loop: case.hot_loop,
        hot_exit: case.hot_exit.unwrap_or(plain.hot_exit),
        max_instructions: case.max_instructions.unwrap_or(plain.max_instructions),
        passes: case.passes,
        gpr_limit: case.gpr_limit,
        fpr_limit: case.fpr_limit,
        forced_exit: case.forced_exit.map(|forced| config::ForcedExit {
            trace: forced.trace,
            guard: forced.guard,
            nth: forced.nth,
        }),
        flush_at: case.flush_at,
        stress: case.collect_every.and_then(NonZeroU32::new).map(|every| {
            let action = match case.collection {
                Collection::Whole => StressAction::Full,
                Collection::Step(units) => StressAction::Step(units),
                Collection::Minor => StressAction::Minor,
            };
            Stress { every, ..Stress::always(action) }
        }),
        executor,
        ..plain
    }
}

/// Who is to blame for a finding of this job; `None` where nobody can be: for a panic of the harness, and
/// where the finding does not show again.
pub fn blame_of(job: &Job, finding: &Finding) -> Option<Blame> {
    let Finding::Diverge(found) = finding else { return None };
    if !worker::isolates(job) {
        return with_case(job, |case| blame::blame(case, found).ok()).flatten();
    }
    // The simulator runs the same code, and survives it. What it does not show is the processor's.
    let here = on_simulator(job);
    match with_case(&here, |case| blame::blame(case, found)) {
        Some(Ok(blame)) => Some(blame),
        Some(Err(_)) => Some(blame_processor(found)),
        None => None,
    }
}

/// The job that can be judged in this process in place of a native one.
fn on_simulator<'a>(job: &Job<'a>) -> Job<'a> {
    Job { executor: ExecutorKind::Simulator, ..job.clone() }
}

fn blame_processor(found: &Divergence) -> Blame {
    Blame {
        stage: Stage::Native,
        pass: None,
        rule: Some(format!("{:?}", found.kind).to_lowercase()),
        op: None,
        exit_kind: None,
        trace: None,
        ladder: Vec::new(),
        found: Box::new(found.clone()),
        before: String::new(),
        after: String::new(),
    }
}

/// Whether a finding of this job has the cause `known`.
pub fn has_cause(job: &Job, finding: &Finding, known: &Blame) -> bool {
    let Finding::Diverge(found) = finding else { return false };
    if !worker::isolates(job) {
        return with_case(job, |case| blame::still_blames(case, found, known)).unwrap_or(false);
    }
    let here = on_simulator(job);
    match known.stage {
        Stage::Native => {
            blame_processor(found).key() == known.key()
                && matches!(judge_here(&here).answer, Answer::Agree(_))
        }
        _ => with_case(&here, |case| blame::still_blames(case, found, known)).unwrap_or(false),
    }
}

/// Judges a job, and blames what was found.
pub fn judge_and_blame(job: &Job) -> (Judged, Option<Blame>) {
    let judged = judge(job);
    let blame = match &judged.answer {
        Answer::Found(finding) => blame_of(job, finding),
        _ => None,
    };
    (judged, blame)
}

/// `None` if `work` panics, which is a defect of the ladder and must not hide the finding.
fn with_case<T>(job: &Job, work: impl FnOnce(&Case) -> T) -> Option<T> {
    let (config, options) = (job.jit_config(), options(job));
    let (source, chunk_name) = (job.source, job.chunk_name);
    let case = Case { source, chunk_name, config: &config, options: &options };
    catch_unwind(AssertUnwindSafe(|| work(&case))).ok()
}

fn options(job: &Job) -> Options {
    Options { fuel: job.fuel, thorough: job.thorough, ..Options::default() }
}

/// Runs a program on all three engines and compares them; in another process where native code may do harm
/// (see [`worker`]).
pub fn judge(job: &Job) -> Judged {
    worker::judge_elsewhere(job).unwrap_or_else(|| judge_here(job))
}

/// [`judge`] in this process.
pub fn judge_here(job: &Job) -> Judged {
    let config = job.jit_config();
    let options = options(job);
    judged(|| plumb_oracle::check::check_jit(job.source, job.chunk_name, &config, &options))
}

/// The same comparison with the JIT off; what it finds is a false alarm.
pub fn judge_without_jit(job: &Job, seed: u64) -> Judged {
    let options = options(job);
    judged(|| {
        let verdict =
            plumb_oracle::check::check_without_jit(job.source, job.chunk_name, seed, &options);
        (verdict, JitStats::default())
    })
}

fn judged(run: impl FnOnce() -> (Verdict, JitStats)) -> Judged {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok((verdict, stats)) => {
            let answer = match verdict {
                Verdict::Agree(compared) => Answer::Agree(compared),
                Verdict::Diverge(divergence) => Answer::Found(Finding::Diverge(divergence)),
                Verdict::Inconclusive(reason) => Answer::Inconclusive(reason),
            };
            Judged { answer, stats }
        }
        Err(payload) => {
            let answer = Answer::Found(Finding::Panic(panic_text(&*payload)));
            Judged { answer, stats: JitStats::default() }
        }
    }
}

/// The message of a panic.
pub fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "a panic without a message".to_string())
}
