//! The score card: each planted fault against the ordinary harness.
//!
//! In:  a fault, a budget of time.
//! Out: a [`Row`]: whether an ordinary sweep from seed 0 found it, after how long, who found it, whom blame
//!      accuses, and how small the program got; and the [`Card`] of many rows.
//!
//! The harness runs as in any sweep, on one thread; it differs in the planted tap alone. (Where a tap is
//! planted the executor also looks at what a trace stores and restores, so that nonsense is reported
//! rather than met as a crash.)

use crate::campaign::{Found, Plan, sweep};
use crate::faults::Fault;
use crate::generate::case_of_seed;
use crate::harness::{Finding, GENERATED_FUEL, Job};
use crate::triage;
use plumb_jit::syntax::printer::print;
use plumb_jit::trace::config::ExecutorKind;
use plumb_oracle::blame::{self, Blame, Stage};
use plumb_oracle::verdict::DivergenceKind;
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// What became of one fault.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    pub fault: String,
    pub about: String,
    pub imitates: String,
    /// The stage that it corrupts, a pass by its name.
    pub stage: String,
    /// When it bites, if that is rare.
    pub rare: Option<String>,
    pub found: bool,
    pub seconds: f64,
    /// Programs judged until it was found, or in the whole budget.
    pub programs: u64,
    pub seed: Option<u64>,
    /// `comparison`, `verifier`, `allocation checker`, `executor`, `restore`, `panic`, `crash`, `hang`.
    pub found_by: Option<String>,
    pub signature: Option<String>,
    /// The key that blame gives.
    pub blamed: Option<String>,
    pub blame_seconds: Option<f64>,
    pub stage_right: Option<bool>,
    /// For faults of a pass: that pass.
    pub pass_right: Option<bool>,
    pub lines: Option<usize>,
    pub reduced_lines: Option<usize>,
}

/// How to score.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub budget: Duration,
    pub executor: ExecutorKind,
    /// Candidates of the reduction; none to leave it out.
    pub reduction: u64,
}

/// Plants a fault and sweeps until it is found or the budget is spent.
pub fn score(fault: &Fault, rules: &Rules) -> Row {
    let mut row = Row {
        fault: fault.name.into(),
        about: fault.about.into(),
        imitates: fault.imitates.into(),
        stage: fault.plant.stage().into(),
        rare: fault.rare.map(Into::into),
        ..Row::default()
    };
    let plan = Plan {
        first_seed: 0,
        end_seed: None,
        time: Some(rules.budget),
        jobs: 1,
        executor: rules.executor,
        without_jit: false,
        tap: Some(fault.tap()),
        max_findings: 1,
    };
    let (summary, mut findings) = sweep(&plan, &|_, _| {});
    (row.seconds, row.programs) = (summary.seconds, summary.programs);
    let Some(found) = findings.pop() else { return row };
    row.found = true;
    (row.seconds, row.programs, row.seed) = (found.seconds, found.programs, Some(found.seed));
    row.signature = Some(found.finding.signature());
    row.found_by = Some(found_by(&found.finding).into());
    accuse(fault, rules, &found, &mut row);
    if rules.reduction > 0
        && let Some(group) = triage::group(vec![found]).first()
    {
        let reduction = group.reduce(rules.executor, plan.tap.as_ref(), rules.reduction, &|_| {});
        let line = group.line(&reduction);
        (row.lines, row.reduced_lines) = (Some(line.lines), Some(line.reduced_lines));
    }
    row
}

/// Whose rule it was that the fault broke, by the report's own words.
fn found_by(finding: &Finding) -> &'static str {
    let Finding::Diverge(divergence) = finding else { return "panic" };
    if divergence.kind != DivergenceKind::Broken {
        return "comparison";
    }
    let endings = [&divergence.left_state, &divergence.right_state];
    let text: String = endings.iter().filter_map(|state| state.ending.as_deref()).collect();
    let by = [
        ("breaks rules", "verifier"),
        ("register allocation:", "allocation checker"),
        ("the exit ", "restore"),
        ("trap ", "executor"),
    ];
    by.iter().find(|(words, _)| text.contains(words)).map_or("panic", |(_, by)| by)
}

/// Asks blame, and whether it is right.
fn accuse(fault: &Fault, rules: &Rules, found: &Found, row: &mut Row) {
    let Finding::Diverge(divergence) = &found.finding else { return };
    let case = case_of_seed(found.seed);
    let source = print(&case.chunk);
    let job = Job {
        source: source.as_bytes(),
        chunk_name: "=case",
        config: case.config,
        executor: rules.executor,
        tap: Some(fault.tap()),
        check: false,
        fuel: GENERATED_FUEL,
    };
    let options = plumb_oracle::engine::Options { fuel: job.fuel, ..Default::default() };
    let config = job.jit_config();
    let case = blame::Case {
        source: job.source,
        chunk_name: job.chunk_name,
        config: &config,
        options: &options,
    };
    let start = Instant::now();
    let blamed = catch_unwind(AssertUnwindSafe(|| blame::blame(&case, divergence)));
    row.blame_seconds = Some(start.elapsed().as_secs_f64());
    match blamed {
        Ok(Ok(blame)) => {
            row.blamed = Some(blame.key());
            row.stage_right = Some(blame.stage == stage_of(fault));
            row.pass_right = fault.pass().map(|pass| is_pass(&blame, pass));
        }
        _ => {
            row.stage_right = Some(false);
            row.pass_right = fault.pass().map(|_| false);
        }
    }
}

fn is_pass(blame: &Blame, pass: &str) -> bool {
    blame.stage == Stage::Pass && blame.pass == Some(pass)
}

/// The stage that blame must name.
pub fn stage_of(fault: &Fault) -> Stage {
    match fault.plant.stage() {
        "recorded" => Stage::Recorder,
        "lowered" => Stage::Lowering,
        "allocated" => Stage::Allocation,
        "code" => Stage::Emission,
        "restored" => Stage::Restore,
        _ => Stage::Pass,
    }
}

/// All rows and what they come to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Card {
    pub faults: usize,
    pub found: usize,
    pub found_percent: f64,
    pub budget_seconds: f64,
    pub median_seconds: f64,
    pub median_programs: u64,
    /// The slowest of the eight of the design, if all were found.
    pub eight_seconds: Option<f64>,
    pub stage_right_percent: f64,
    pub pass_right_percent: f64,
    pub median_reduced_lines: Option<usize>,
    /// Faults that two names of blame are given to, or names that two faults share, are looked for here.
    pub distinct_keys: usize,
    pub rows: Vec<Row>,
    /// Changes that no harness can find, and why.
    pub equivalent: Vec<(String, String)>,
}

impl Card {
    pub fn new(rows: Vec<Row>, budget: Duration) -> Card {
        let found: Vec<&Row> = rows.iter().filter(|row| row.found).collect();
        let mut seconds: Vec<f64> = found.iter().map(|row| row.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        let mut programs: Vec<u64> = found.iter().map(|row| row.programs).collect();
        programs.sort_unstable();
        let mut lines: Vec<usize> = found.iter().filter_map(|row| row.reduced_lines).collect();
        lines.sort_unstable();
        let mut keys: Vec<&String> = found.iter().filter_map(|row| row.blamed.as_ref()).collect();
        keys.sort();
        keys.dedup();
        let eight: Vec<&Row> = rows.iter().filter(|row| row.fault.starts_with("eight.")).collect();
        let slowest = eight.iter().map(|row| row.seconds).fold(0.0, f64::max);
        let all_found = !eight.is_empty() && eight.iter().all(|row| row.found);
        Card {
            faults: rows.len(),
            found: found.len(),
            found_percent: percent(found.len(), rows.len()),
            budget_seconds: budget.as_secs_f64(),
            median_seconds: middle(&seconds).unwrap_or_default(),
            median_programs: middle(&programs).unwrap_or_default(),
            eight_seconds: all_found.then_some(slowest),
            stage_right_percent: right(found.iter().filter_map(|row| row.stage_right)),
            pass_right_percent: right(found.iter().filter_map(|row| row.pass_right)),
            median_reduced_lines: middle(&lines),
            distinct_keys: keys.len(),
            equivalent: crate::faults::EQUIVALENT
                .iter()
                .map(|(what, why)| (what.to_string(), why.to_string()))
                .collect(),
            rows,
        }
    }
}

fn middle<T: Copy>(sorted: &[T]) -> Option<T> {
    sorted.get(sorted.len() / 2).copied()
}

fn right(answers: impl Iterator<Item = bool>) -> f64 {
    let answers: Vec<bool> = answers.collect();
    percent(answers.iter().filter(|right| **right).count(), answers.len())
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}
