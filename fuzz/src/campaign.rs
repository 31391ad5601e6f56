//! Many programs: a range of seeds or a stretch of time, on several threads.
//!
//! In:  [`Plan`].   Out: [`Summary`] (also `reports/sweep.json`) and the findings.
//!
//! Each seed is a program of its own and runs in fresh states of all engines; the order in which threads
//! take seeds has no influence on any result. A time-boxed sweep takes seeds upwards from its first.

use crate::generate::{Case, case_of_seed};
use crate::harness::{
    Answer, Finding, GENERATED_FUEL, Job, Judged, blame_of, judge, judge_without_jit,
};
use plumb_jit::syntax::printer::print;
use plumb_jit::trace::config::ExecutorKind;
use plumb_jit::trace::tap::TapRef;
use plumb_oracle::blame::Blame;
use plumb_oracle::verdict::{Compared, Reason};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub first_seed: u64,
    /// One past the last seed; `None` runs until `time` is over.
    pub end_seed: Option<u64>,
    pub time: Option<Duration>,
    pub jobs: usize,
    pub executor: ExecutorKind,
    /// The JIT is off: every finding is a false alarm.
    pub without_jit: bool,
    /// Everything that can be reached is compared at each moment ([`Job::thorough`]).
    pub thorough: bool,
    /// Planted in the compiler's stages.
    pub tap: Option<TapRef>,
    /// Stop after this many findings.
    pub max_findings: usize,
}

/// A finding and the seed that shows it.
#[derive(Clone, Debug)]
pub struct Found {
    pub seed: u64,
    pub finding: Finding,
    /// Its cause, where it is known.
    pub blame: Option<Box<Blame>>,
    /// Programs judged until then, this one included.
    pub programs: u64,
    /// Time since the sweep began, before anybody was blamed for it.
    pub seconds: f64,
    /// What blaming took.
    pub blame_seconds: f64,
}

impl Found {
    /// What findings of one cause have in common.
    pub fn signature(&self) -> String {
        self.blame.as_ref().map_or_else(|| self.finding.signature(), |blame| blame.key())
    }
}

/// What a sweep saw.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    pub programs: u64,
    /// Broken off before its end: by Ctrl-C, in the `plumb` command.
    pub interrupted: bool,
    pub seconds: f64,
    pub programs_per_second: f64,
    pub jobs: usize,
    pub first_seed: u64,
    pub executor: String,
    pub agreed: u64,
    pub diverged: u64,
    /// Programs that completed at least one trace.
    pub traced_programs: u64,
    pub traced_percent: f64,
    /// Programs that left a trace through a side exit at least once.
    pub side_exit_programs: u64,
    pub side_exit_percent: f64,
    /// Exits that became hot: where side traces would begin.
    pub hot_exits: u64,
    /// Programs with one.
    pub hot_exit_programs: u64,
    /// Programs that ended with an error that they did not catch.
    pub failed_programs: u64,
    pub failed_percent: f64,
    pub forced_exits: u64,
    pub flushes: u64,
    pub traces: u64,
    pub recordings: u64,
    pub aborts: BTreeMap<&'static str, u64>,
    pub blacklisted_loops: u64,
    pub retired_traces: u64,
    pub inconclusive: BTreeMap<&'static str, u64>,
    pub inconclusive_percent: f64,
    pub instructions: u64,
    pub trace_entries_compared: u64,
    pub trace_exits_compared: u64,
    /// From one trace straight into another.
    pub links_compared: u64,
    /// Ends of calls that a trace has made for it, two a call.
    pub stitches_compared: u64,
    /// Switches of coroutines.
    pub switches_compared: u64,
    /// Moments compared that no trace chose.
    pub checkpoints_compared: u64,
    pub registers_compared: u64,
    pub loop_arrivals: u64,
    /// Entries into traces that a referee of the simulator repeated.
    pub refereed_entries: u64,
    /// One line a signature.
    pub findings: Vec<crate::triage::Line>,
}

#[derive(Default)]
struct Totals {
    summary: Summary,
    compared: Compared,
}

impl Totals {
    fn add(&mut self, judged: &Judged) {
        let s = &mut self.summary;
        s.programs += 1;
        let stats = &judged.stats;
        s.traced_programs += u64::from(stats.compiled > 0);
        s.side_exit_programs += u64::from(stats.side_exits > 0);
        s.hot_exits += stats.hot_exits;
        s.hot_exit_programs += u64::from(stats.hot_exits > 0);
        s.forced_exits += stats.forced_exits;
        s.flushes += stats.flushes;
        s.traces += stats.compiled;
        s.recordings += stats.recordings;
        s.blacklisted_loops += stats.blacklisted;
        s.retired_traces += stats.retired;
        s.loop_arrivals += stats.loop_arrivals;
        s.refereed_entries += stats.refereed;
        for (abort, count) in &stats.aborts {
            *s.aborts.entry(abort.name()).or_default() += count;
        }
        match &judged.answer {
            Answer::Agree(compared) => {
                s.agreed += 1;
                s.failed_programs += u64::from(compared.failed);
                self.compared += *compared;
            }
            Answer::Found(_) => s.diverged += 1,
            Answer::Inconclusive(reason) => *s.inconclusive.entry(reason.name()).or_default() += 1,
        }
    }

    fn finish(mut self, plan: &Plan, elapsed: Duration) -> Summary {
        let s = &mut self.summary;
        let percent = |part: u64| 100.0 * part as f64 / s.programs.max(1) as f64;
        s.traced_percent = percent(s.traced_programs);
        s.side_exit_percent = percent(s.side_exit_programs);
        s.failed_percent = percent(s.failed_programs);
        s.inconclusive_percent = percent(s.inconclusive.values().sum());
        s.seconds = elapsed.as_secs_f64();
        s.programs_per_second = s.programs as f64 / s.seconds.max(1e-9);
        s.jobs = plan.jobs;
        s.first_seed = plan.first_seed;
        s.executor = match plan.without_jit {
            true => "off".to_string(),
            false => plan.executor.name().to_string(),
        };
        s.instructions = self.compared.instructions;
        s.trace_entries_compared = self.compared.trace_entries;
        s.trace_exits_compared = self.compared.trace_exits;
        s.links_compared = self.compared.links;
        s.stitches_compared = self.compared.stitches;
        s.switches_compared = self.compared.switches;
        s.checkpoints_compared = self.compared.checkpoints;
        s.registers_compared = self.compared.registers;
        // Every reason has a line, so that a new one is seen at once.
        for reason in Reason::ALL {
            s.inconclusive.entry(reason.name()).or_default();
        }
        self.summary
    }
}

/// Judges a generated case.
pub fn judge_case(case: &Case, executor: ExecutorKind) -> Judged {
    judge_within(case, executor, GENERATED_FUEL)
}

/// Judges a generated case with the JIT off, at clocks drawn from `seed`.
pub fn judge_case_without_jit(case: &Case, seed: u64) -> Judged {
    let source = print(&case.chunk);
    let job = Job {
        source: source.as_bytes(),
        chunk_name: "=case",
        config: case.config.clone(),
        executor: ExecutorKind::Eval,
        tap: None,
        check: false,
        thorough: false,
        fuel: GENERATED_FUEL,
    };
    judge_without_jit(&job, seed)
}

/// Judges a generated case that may run for `fuel` instructions.
pub fn judge_within(case: &Case, executor: ExecutorKind, fuel: u64) -> Judged {
    judge_tapped(case, executor, None, fuel)
}

/// ... with a tap planted in the compiler's stages.
pub fn judge_tapped(
    case: &Case,
    executor: ExecutorKind,
    tap: Option<&TapRef>,
    fuel: u64,
) -> Judged {
    with_job(case, executor, tap, fuel, judge)
}

/// Asks something about a generated case.
pub fn with_job<T>(
    case: &Case,
    executor: ExecutorKind,
    tap: Option<&TapRef>,
    fuel: u64,
    ask: impl FnOnce(&Job) -> T,
) -> T {
    ask(&Job {
        tap: tap.cloned(),
        source: print(&case.chunk).as_bytes(),
        chunk_name: "=case",
        config: case.config.clone(),
        executor,
        check: false,
        thorough: false,
        fuel,
    })
}

/// Runs a plan. `progress` is called now and then with programs done and findings so far; it may break the
/// sweep off, which then has the summary and the findings of what was done.
pub fn sweep(
    plan: &Plan,
    progress: &(dyn Fn(u64, usize) -> ControlFlow<()> + Sync),
) -> (Summary, Vec<Found>) {
    let start = Instant::now();
    let next = AtomicU64::new(plan.first_seed);
    let done = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let interrupted = AtomicBool::new(false);
    let findings: Mutex<Vec<Found>> = Mutex::default();
    let totals: Mutex<Totals> = Mutex::default();

    let worker = || {
        let mut own = Totals::default();
        while !stop.load(Ordering::Relaxed) {
            // The counter stops at the end: near 2^64 a thread more would wrap it around to seed 0.
            let end = plan.end_seed.unwrap_or(u64::MAX);
            let take = |seed| (seed < end).then(|| seed + 1);
            let taken = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
            let Ok(seed) = taken else { break };
            if plan.time.is_some_and(|time| start.elapsed() >= time) {
                break;
            }
            let case = case_of_seed(seed);
            let judged = match plan.without_jit {
                true => judge_case_without_jit(&case, seed),
                false => {
                    let ask = |job: &Job| judge(&Job { thorough: plan.thorough, ..job.clone() });
                    with_job(&case, plan.executor, plan.tap.as_ref(), GENERATED_FUEL, ask)
                }
            };
            own.add(&judged);
            let programs = done.fetch_add(1, Ordering::Relaxed) + 1;
            if let Answer::Found(finding) = judged.answer {
                let seconds = start.elapsed().as_secs_f64();
                let (executor, tap) = (plan.executor, plan.tap.as_ref());
                let blame =
                    |job: &Job| blame_of(&Job { thorough: plan.thorough, ..job.clone() }, &finding);
                let blame = match plan.without_jit {
                    true => None,
                    false => with_job(&case, executor, tap, GENERATED_FUEL, blame).map(Box::new),
                };
                let blame_seconds = start.elapsed().as_secs_f64() - seconds;
                let mut findings = findings.lock().expect("no thread panics while it holds this");
                let found = Found { seed, finding, blame, programs, seconds, blame_seconds };
                findings.push(found);
                if findings.len() >= plan.max_findings {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            if programs.is_multiple_of(64) {
                let found = findings.lock().expect("no thread panics while it holds this").len();
                if progress(programs, found).is_break() {
                    interrupted.store(true, Ordering::Relaxed);
                    stop.store(true, Ordering::Relaxed);
                }
            }
        }
        let mut totals = totals.lock().expect("no thread panics while it holds this");
        merge(&mut totals, own);
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(plan.jobs)
        .build()
        .expect("threads can be started");
    pool.scope(|scope| {
        for _ in 0..plan.jobs {
            scope.spawn(|_| worker());
        }
    });

    let totals = totals.into_inner().expect("all threads ended");
    let mut findings = findings.into_inner().expect("all threads ended");
    findings.sort_by_key(|found| found.seed);
    let mut summary = totals.finish(plan, start.elapsed());
    summary.interrupted = interrupted.into_inner();
    (summary, findings)
}

fn merge(into: &mut Totals, from: Totals) {
    into.compared += from.compared;
    let (a, b) = (&mut into.summary, from.summary);
    a.programs += b.programs;
    a.agreed += b.agreed;
    a.diverged += b.diverged;
    a.traced_programs += b.traced_programs;
    a.side_exit_programs += b.side_exit_programs;
    a.hot_exits += b.hot_exits;
    a.hot_exit_programs += b.hot_exit_programs;
    a.failed_programs += b.failed_programs;
    a.forced_exits += b.forced_exits;
    a.flushes += b.flushes;
    a.traces += b.traces;
    a.recordings += b.recordings;
    a.blacklisted_loops += b.blacklisted_loops;
    a.retired_traces += b.retired_traces;
    a.loop_arrivals += b.loop_arrivals;
    a.refereed_entries += b.refereed_entries;
    for (key, count) in b.aborts {
        *a.aborts.entry(key).or_default() += count;
    }
    for (key, count) in b.inconclusive {
        *a.inconclusive.entry(key).or_default() += count;
    }
}
