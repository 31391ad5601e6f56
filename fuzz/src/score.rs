//! The score card: each planted fault against the ordinary harness.
//!
//! In:  a fault, a budget of time.
//! Out: a [`Row`]: whether an ordinary sweep from seed 0 found it, after how long, who found it, whom blame
//!      accuses, and how small the program got; and the [`Card`] of many rows.
//!
//! The harness runs as in any sweep, on one thread; it differs in the planted tap alone. (Where a tap is
//! planted the executor also looks at what a trace stores and restores, so that nonsense is reported
//! rather than met as a crash.)

use crate::campaign::{Plan, sweep};
use crate::faults::Fault;
use crate::harness::Finding;
use crate::triage;
use plumb_jit::trace::config::ExecutorKind;
use plumb_oracle::blame::{Blame, Stage};
use plumb_oracle::verdict::DivergenceKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

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
    /// The longest that blaming one of the findings took.
    pub blame_seconds: Option<f64>,
    pub stage_right: Option<bool>,
    /// For faults of a pass: that pass.
    pub pass_right: Option<bool>,
    /// Findings that were blamed, the first included; of them those blamed on the right stage, and pass.
    pub findings: u64,
    pub findings_right: u64,
    /// The keys that blame gave to them, and the seeds.
    pub keys: BTreeMap<String, Vec<u64>>,
    pub lines: Option<usize>,
    pub reduced_lines: Option<usize>,
}

/// How to score.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub budget: Duration,
    pub executor: ExecutorKind,
    /// Findings to blame, within the budget.
    pub findings: usize,
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
        thorough: false,
        tap: Some(fault.tap()),
        max_findings: rules.findings.max(1),
    };
    let (summary, mut findings) = sweep(&plan, &|_, _| ControlFlow::Continue(()));
    (row.seconds, row.programs) = (summary.seconds, summary.programs);
    if findings.is_empty() {
        return row;
    }
    for found in &findings {
        let right = found.blame.as_ref().is_some_and(|blame| is_right(fault, blame));
        row.findings += 1;
        row.findings_right += u64::from(right);
        row.keys.entry(found.signature()).or_default().push(found.seed);
        let longest = row.blame_seconds.unwrap_or_default();
        row.blame_seconds = Some(found.blame_seconds.max(longest));
    }
    let found = findings.swap_remove(0);
    row.found = true;
    (row.seconds, row.programs, row.seed) = (found.seconds, found.programs, Some(found.seed));
    row.signature = Some(found.finding.signature());
    row.found_by = Some(found_by(&found.finding).into());
    row.blamed = found.blame.as_ref().map(|blame| blame.key());
    let blame = found.blame.as_deref();
    row.stage_right = Some(blame.is_some_and(|blame| blame.stage == stage_of(fault)));
    row.pass_right = fault.pass().map(|pass| blame.is_some_and(|blame| is_pass(blame, pass)));
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
        ("crash: ", "crash"),
    ];
    by.iter().find(|(words, _)| text.contains(words)).map_or("panic", |(_, by)| by)
}

fn is_right(fault: &Fault, blame: &Blame) -> bool {
    blame.stage == stage_of(fault) && fault.pass().is_none_or(|pass| is_pass(blame, pass))
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
        "roots" => Stage::Roots,
        _ => Stage::Pass,
    }
}

/// Findings below which a fault's keys are not counted: too few to show a second one.
pub const ENOUGH_FINDINGS: u64 = 5;

/// Keys that more than one fault makes.
fn shared_keys(found: &[&Row]) -> BTreeMap<String, Vec<String>> {
    let mut faults: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in found {
        for key in row.keys.keys() {
            faults.entry(key.clone()).or_default().push(row.fault.clone());
        }
    }
    faults.retain(|_, faults| faults.len() > 1);
    faults
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
    /// The longest that blaming a finding took.
    pub blame_seconds: f64,
    /// Findings blamed in all, and the part of them blamed on the right stage and pass.
    pub findings: u64,
    pub findings_right_percent: f64,
    /// Keys that a fault makes over its findings, on average; of faults found at least
    /// [`ENOUGH_FINDINGS`] times, of which there are so many.
    pub keys_per_fault: f64,
    pub faults_with_keys: usize,
    /// Keys that several faults make, and which.
    pub shared_keys: BTreeMap<String, Vec<String>>,
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
        let often: Vec<&&Row> =
            found.iter().filter(|row| row.findings >= ENOUGH_FINDINGS).collect();
        let keys: usize = often.iter().map(|row| row.keys.len()).sum();
        let findings: u64 = found.iter().map(|row| row.findings).sum();
        let findings_right: u64 = found.iter().map(|row| row.findings_right).sum();
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
            blame_seconds: found.iter().filter_map(|row| row.blame_seconds).fold(0.0, f64::max),
            findings,
            findings_right_percent: percent(findings_right as usize, findings as usize),
            keys_per_fault: keys as f64 / often.len().max(1) as f64,
            faults_with_keys: often.len(),
            shared_keys: shared_keys(&found),
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
