//! `plumb sweep`: generated programs, a summary, and what was found, reduced.

use super::{
    ExecutorArg, check_report, emitln, executor, planted, quiet, referee, regressions_dir,
    write_report,
};
use crate::campaign::{Found, Plan, Summary, sweep, with_job};
use crate::generate::case_of_seed;
use crate::harness::{Answer, GENERATED_FUEL, judge_and_blame};
use crate::reduce;
use crate::regression;
use crate::selftest::{self, PROBES, Probe};
use crate::triage::{self, Group};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plumb_jit::syntax::printer::print;
use plumb_jit::trace::config::ExecutorKind;
use plumb_jit::vm::host::signal;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(clap::Args, Debug, Default)]
pub struct Args {
    /// Seeds to run, as A..B (B not included).
    #[arg(long, value_parser = seeds, value_name = "A..B", conflicts_with = "seconds")]
    seeds: Option<(u64, u64)>,
    /// Run for this many seconds, from seed 0 on [default: 30].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// Threads [default: one a core].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// What runs the compiled traces.
    #[arg(long, value_enum)]
    executor: Option<ExecutorArg>,
    /// Repeat trace entries on another emulator and compare registers, flags and memory.
    #[arg(long, value_enum, value_name = "REFEREE", conflicts_with = "executor")]
    referee: Option<RefereeArg>,
    /// With --referee: each how-many-th entry [default: 100].
    #[arg(long, value_name = "N", requires = "referee",
          value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,
    /// Stop after this many findings, of any signature [default: 20].
    #[arg(long)]
    max_findings: Option<NonZeroUsize>,
    /// Leave the JIT out: the interpreter with itself, with itself under garbage collections, and with
    /// the reference. Every finding is a false alarm (writes reports/aa.json).
    #[arg(long)]
    aa: bool,
    /// Compare everything that can be reached at each moment, not at a sample of them (about 1.7 times the
    /// work).
    #[arg(long, conflicts_with = "aa")]
    thorough: bool,
    /// Plant one of the faults of `plumb score --list`, to see what a finding looks like. Nothing is
    /// saved under regressions/.
    #[arg(long, value_name = "FAULT", conflicts_with = "aa")]
    plant: Option<String>,
    /// Where the summary goes [default: reports/sweep.json].
    #[arg(long)]
    report: Option<PathBuf>,
    /// Do not save findings under regressions/.
    #[arg(long)]
    no_save: bool,
}

/// Who repeats what the simulator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum RefereeArg {
    /// The unicorn engine.
    Unicorn,
}

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let form =
        || format!("`{text}` is not a range of seeds; write it as A..B, for example 0..1000");
    let (a, b) = text.split_once("..").ok_or_else(form)?;
    let (a, b) = (a.parse().map_err(|_| form())?, b.parse().map_err(|_| form())?);
    if a < b { Ok((a, b)) } else { Err(format!("`{text}` is empty; A must be less than B")) }
}

/// Candidates that the reducer may try for one signature.
const REDUCTION_BUDGET: u64 = 15_000;
/// ... and for all of them; a signature that comes after it is spent is shown as it was found.
const TOTAL_REDUCTION_BUDGET: u64 = 40_000;

/// Exit code of a harness that fails its own test.
pub const UNFIT: u8 = 4;
/// Exit code of a sweep that Ctrl-C ended before it found anything, as shells have it.
const INTERRUPTED: u8 = 130;

/// Without machine code there is no lowering to be wrong.
fn selftest_probes(executor: ExecutorKind) -> &'static [Probe] {
    let backend = PROBES.iter().position(|probe| probe.fault.starts_with("lower."));
    match executor {
        ExecutorKind::Eval => &PROBES[..backend.unwrap_or(PROBES.len())],
        _ => PROBES,
    }
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = Plan {
        first_seed: args.seeds.map_or(0, |(a, _)| a),
        end_seed: args.seeds.map(|(_, b)| b),
        time: match args.seeds {
            Some(_) => None,
            None => Some(Duration::from_secs(args.seconds.unwrap_or(30))),
        },
        jobs: args.jobs.map_or(cores, usize::from),
        executor: match args.referee {
            Some(RefereeArg::Unicorn) => referee::unicorn(args.sample.unwrap_or(100))?,
            None => executor(args.executor)?,
        },
        without_jit: args.aa,
        thorough: args.thorough,
        tap: args.plant.as_deref().map(planted).transpose()?,
        max_findings: args.max_findings.map_or(20, usize::from),
    };
    let name = if args.aa { "reports/aa.json" } else { "reports/sweep.json" };
    let report = args.report.clone().unwrap_or_else(|| name.into());
    check_report(&report)?;
    if let Err(failure) = quiet(|| selftest::run(selftest_probes(plan.executor), plan.executor)) {
        emitln!("the harness fails its own test and does not run: {failure}")?;
        return Ok(UNFIT);
    }
    let bar = progress_bar(&plan);
    let start = Instant::now();
    signal::listen();
    let (mut summary, findings) = quiet(|| {
        sweep(&plan, &|programs, found| {
            bar.set_position(match plan.time {
                Some(_) => start.elapsed().as_millis() as u64,
                None => programs,
            });
            bar.set_message(format!("{programs} programs, {found} findings"));
            match signal::take_interrupt() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })
    });
    signal::stop_listening();
    bar.finish_and_clear();
    if summary.interrupted {
        eprintln!("interrupted; what follows is of the programs until then");
    }

    write_report(&report, &summary)?;
    if args.aa {
        print_false_alarms(&summary, &findings)?;
        emitln!("\nwritten to {}", report.display())?;
        return Ok(exit_code(&summary, findings.len()));
    }
    print_summary(&summary)?;
    emitln!("\nwritten to {}", report.display())?;
    let mut budget = TOTAL_REDUCTION_BUDGET;
    for group in triage::group(findings) {
        let line = show(&group, &plan, budget.min(REDUCTION_BUDGET), args)?;
        budget = budget.saturating_sub(line.candidates);
        summary.findings.push(line);
        write_report(&report, &summary)?;
    }
    Ok(exit_code(&summary, summary.findings.len()))
}

fn exit_code(summary: &Summary, findings: usize) -> u8 {
    match (findings, summary.interrupted) {
        (0, false) => 0,
        (0, true) => INTERRUPTED,
        _ => 1,
    }
}

fn progress_bar(plan: &Plan) -> ProgressBar {
    let length = match (plan.end_seed, plan.time) {
        (Some(end), _) => end - plan.first_seed,
        (None, time) => time.unwrap_or_default().as_millis() as u64,
    };
    let bar = ProgressBar::new(length);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_style(bar_style());
    bar
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40.cyan/blue} {percent:>3}% {msg}")
        .expect("the template is valid")
}

/// Findings of a sweep without the JIT, in full: they are not reduced, the harness itself is at fault.
fn print_false_alarms(s: &Summary, findings: &[Found]) -> anyhow::Result<()> {
    let line = |name: &str, value: String| emitln!("  {name:<26}{value:>14}");
    emitln!("JIT off: interpreter, interpreter with collections, reference")?;
    line("programs", s.programs.to_string())?;
    line("programs per second", format!("{:.0}", s.programs_per_second))?;
    line("false alarms", s.diverged.to_string())?;
    line("moments compared", s.checkpoints_compared.to_string())?;
    line("registers compared", s.registers_compared.to_string())?;
    line("inconclusive", format!("{:.2} %", s.inconclusive_percent))?;
    for (reason, count) in s.inconclusive.iter().filter(|(_, count)| **count > 0) {
        line(&format!("  {reason}"), count.to_string())?;
    }
    for found in findings {
        let source = print(&case_of_seed(found.seed).chunk);
        let answer = Answer::Found(found.finding.clone());
        emitln!("\nseed {}\n{}", found.seed, regression::report(&answer, source.as_bytes(), None))?;
    }
    Ok(())
}

fn print_summary(s: &Summary) -> anyhow::Result<()> {
    let line = |name: &str, value: String| emitln!("  {name:<26}{value:>14}");
    emitln!("three engines in lockstep: reference, interpreter, JIT ({})", s.executor)?;
    line("programs", s.programs.to_string())?;
    line("programs per second", format!("{:.0}", s.programs_per_second))?;
    line("agreed", s.agreed.to_string())?;
    line("diverged", s.diverged.to_string())?;
    line("completed a trace", format!("{:.1} %", s.traced_percent))?;
    line("took a side exit", format!("{:.1} %", s.side_exit_percent))?;
    line("exits that became hot", s.hot_exits.to_string())?;
    line("ended with an error", format!("{:.2} %", s.failed_percent))?;
    line("traces compiled", s.traces.to_string())?;
    line("trace entries compared", s.trace_entries_compared.to_string())?;
    line("trace exits compared", s.trace_exits_compared.to_string())?;
    if s.links_compared > 0 {
        line("links compared", s.links_compared.to_string())?;
    }
    if s.stitches_compared > 0 {
        line("stitched calls compared", s.stitches_compared.to_string())?;
    }
    line("switches compared", s.switches_compared.to_string())?;
    line("registers compared", s.registers_compared.to_string())?;
    if s.refereed_entries > 0 {
        line("entries refereed", s.refereed_entries.to_string())?;
    }
    line("inconclusive", format!("{:.2} %", s.inconclusive_percent))?;
    for (reason, count) in s.inconclusive.iter().filter(|(_, count)| **count > 0) {
        line(&format!("  {reason}"), count.to_string())?;
    }
    let aborted: u64 = s.aborts.values().sum();
    line("recordings aborted", format!("{aborted} of {}", s.recordings))?;
    let mut aborts: Vec<_> = s.aborts.iter().collect();
    aborts.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), **name));
    for (reason, count) in aborts {
        line(&format!("  {reason}"), count.to_string())?;
    }
    Ok(())
}

/// Reduces the smallest program of a signature, saves it, and shows it.
fn show(group: &Group, plan: &Plan, budget: u64, args: &Args) -> anyhow::Result<triage::Line> {
    emitln!("\n{}", group.heading())?;
    let bar = ProgressBar::new(budget);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_style(bar_style());
    let reduction = quiet(|| {
        group.reduce(plan.executor.for_replay(), plan.tap.as_ref(), budget, &|reduced| {
            bar.set_position(reduced.candidates);
            let lines = reduce::lines(&reduced.case.chunk);
            bar.set_message(format!("reducing: {lines} lines, {} candidates", reduced.candidates));
        })
    });
    bar.finish_and_clear();
    let line = group.line(&reduction);
    emitln!("{}", line.text())?;
    let case = &reduction.reduced.case;
    let source = print(&case.chunk);
    let (executor, tap) = (plan.executor.for_replay(), plan.tap.as_ref());
    let (judged, blame) = quiet(|| with_job(case, executor, tap, GENERATED_FUEL, judge_and_blame));
    emitln!("{}", regression::report(&judged.answer, source.as_bytes(), blame.as_ref()))?;
    if !args.no_save && args.plant.is_none() {
        let seed = group.smallest().seed;
        let folder = regression::save(
            &regressions_dir(),
            seed,
            &group.signature,
            &source,
            &case.config,
            executor,
            blame.as_ref(),
        )?;
        emitln!(
            "saved as {}; `plumb repro {}` replays it",
            folder.display(),
            regression::name(&folder)
        )?;
    }
    Ok(line)
}
