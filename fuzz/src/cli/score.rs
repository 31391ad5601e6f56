//! `plumb score`: plants each fault in turn and runs the ordinary harness.
//!
//! Each fault is scored by a process of its own, so that one that crashes or hangs costs its own row only.

use super::{ExecutorArg, check_report, emit, emitln, executor, write_report};
use crate::faults::{self, Fault};
use crate::runner::command;
use crate::score::{Card, Row, Rules, score};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Read};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only faults whose names contain this.
    #[arg(long)]
    fault: Option<String>,
    /// Only the eight of the design and every twelfth other fault.
    #[arg(long)]
    sample: bool,
    /// Time for each fault, in seconds (300 or 300s).
    #[arg(long, default_value = "300s", value_parser = seconds)]
    budget: Duration,
    /// Faults scored at the same time [default: one a core].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Shows the catalogue and stops.
    #[arg(long)]
    list: bool,
    /// Also reduces each program found, trying at most this many candidates.
    #[arg(long, default_value_t = 0)]
    reduce: u64,
    /// Goes on within the budget until a fault was found so often, to count the keys that blame gives it.
    #[arg(long, default_value = "1")]
    findings: NonZeroUsize,
    /// What runs the compiled traces.
    #[arg(long, value_enum)]
    executor: Option<ExecutorArg>,
    /// Where the card goes [default: reports/score.json].
    #[arg(long)]
    report: Option<PathBuf>,
    /// Fails unless this percentage is found, and all of the eight.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    at_least: Option<f64>,
    /// Scores the one fault of this name here and prints its row.
    #[arg(long, hide = true)]
    row: Option<String>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse::<f64>();
    let valid = number.ok().filter(|n| n.is_finite() && *n > 0.0 && *n <= 86_400.0);
    valid.map(Duration::from_secs_f64).ok_or_else(|| format!("`{text}` is no number of seconds"))
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| format!("`{text}` is no number from 0 to 100"))
}

/// Blame and reduction come on top of the budget.
const GRACE: Duration = Duration::from_secs(120);

pub fn run(args: &Args) -> anyhow::Result<u8> {
    if let Some(name) = &args.row {
        return one_row(args, name);
    }
    let chosen = chosen(args);
    anyhow::ensure!(
        !chosen.is_empty(),
        "no fault's name contains `{}`; `plumb score --list` names all",
        args.fault.as_deref().unwrap_or("")
    );
    if args.list {
        return list(&chosen);
    }
    let path = args.report.clone().unwrap_or_else(|| "reports/score.json".into());
    check_report(&path)?;
    let rows = all_rows(args, &chosen)?;
    let card = Card::new(rows, args.budget);
    print_card(&card)?;
    write_report(&path, &card)?;
    emitln!("written to {}", path.display())?;
    let Some(wanted) = args.at_least else { return Ok(0) };
    let eight = !card.rows.iter().any(|row| row.fault.starts_with("eight.") && !row.found);
    if card.found_percent >= wanted && eight {
        return Ok(0);
    }
    let found = card.found_percent;
    emitln!("too few: {found:.1} % found; wanted are {wanted} %, and all of the eight")?;
    Ok(1)
}

fn chosen(args: &Args) -> Vec<Fault> {
    let named = |fault: &Fault| args.fault.as_ref().is_none_or(|part| fault.name.contains(part));
    let sampled = |(at, fault): &(usize, Fault)| {
        !args.sample || fault.name.starts_with("eight.") || at % 12 == 0
    };
    faults::all().into_iter().filter(named).enumerate().filter(sampled).map(|(_, f)| f).collect()
}

fn list(faults: &[Fault]) -> anyhow::Result<u8> {
    for fault in faults {
        emitln!("{:<28} {:<10} {}", fault.name, fault.plant.stage(), fault.about)?;
        emitln!("{:<39} like: {}", "", fault.imitates)?;
        if let Some(rare) = fault.rare {
            emitln!("{:<39} {rare}", "")?;
        }
    }
    emitln!("{} faults; not counted, since nothing can show them:", faults.len())?;
    for (what, why) in faults::EQUIVALENT {
        emitln!("  {what}: {why}")?;
    }
    Ok(0)
}

fn one_row(args: &Args, name: &str) -> anyhow::Result<u8> {
    let fault = faults::find(name).with_context(|| format!("no fault is called `{name}`"))?;
    std::panic::set_hook(Box::new(|_| {}));
    let executor = executor(args.executor)?;
    let rules = Rules {
        budget: args.budget,
        executor,
        findings: args.findings.get(),
        reduction: args.reduce,
    };
    emitln!("{}", serde_json::to_string(&score(&fault, &rules))?)?;
    Ok(0)
}

fn all_rows(args: &Args, faults: &[Fault]) -> anyhow::Result<Vec<Row>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cores, usize::from);
    let bar = ProgressBar::new(faults.len() as u64);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_style(ProgressStyle::with_template("{bar:40.cyan/blue} {pos}/{len} {msg}")?);
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || -> anyhow::Result<()> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(fault) = faults.get(at) else { return Ok(()) };
            bar.set_message(fault.name);
            let row = in_process(args, fault)?;
            bar.suspend(|| print_row(&row))?;
            bar.inc(1);
            rows.lock().expect("no thread panics while it holds this").push((at, row));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|w| w.join().expect("a worker does not panic"))
    })?;
    bar.finish_and_clear();
    let mut rows = rows.into_inner().expect("all threads ended");
    rows.sort_by_key(|(at, _)| *at);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Scores a fault in a process of its own.
fn in_process(args: &Args, fault: &Fault) -> anyhow::Result<Row> {
    let mut command = command(std::env::current_exe()?);
    command.args(["score", "--row", fault.name]);
    command.args(["--budget", &args.budget.as_secs_f64().to_string()]);
    command.args(["--findings", &args.findings.to_string()]);
    command.args(["--reduce", &args.reduce.to_string()]);
    if let Some(executor) = args.executor {
        command.args(["--executor", &executor.name()]);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let (start, limit) = (Instant::now(), args.budget + GRACE);
    let status = loop {
        match child.try_wait()? {
            Some(status) => break Some(status),
            None if start.elapsed() > limit => {
                child.kill()?;
                child.wait()?;
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut text = String::new();
    child.stdout.take().context("stdout is piped")?.read_to_string(&mut text)?;
    if let Ok(row) = serde_json::from_str(&text) {
        return Ok(row);
    }
    let ended = if status.is_some() { "crash" } else { "hang" };
    Ok(Row {
        fault: fault.name.into(),
        about: fault.about.into(),
        imitates: fault.imitates.into(),
        stage: fault.plant.stage().into(),
        rare: fault.rare.map(Into::into),
        seconds: start.elapsed().as_secs_f64(),
        found_by: Some(ended.into()),
        ..Row::default()
    })
}

fn print_row(row: &Row) -> anyhow::Result<()> {
    let mark = |right: Option<bool>| match right {
        Some(true) => "right",
        Some(false) => "WRONG",
        None => "-",
    };
    let found = if row.found { "found" } else { "NOT FOUND" };
    emitln!(
        "{:<28} {found:<9} {:>7.2} s {:>7} programs  {:<11} blame: {} {}",
        row.fault,
        row.seconds,
        row.programs,
        row.found_by.as_deref().unwrap_or("-"),
        mark(row.stage_right.filter(|_| row.pass_right != Some(false)).or(row.pass_right)),
        row.blamed.as_deref().unwrap_or(""),
    )
}

fn print_card(card: &Card) -> anyhow::Result<()> {
    let line = |name: &str, value: String| emitln!("  {name:<38}{value:>12}");
    emit(format_args!("\n"))?;
    line("planted", card.faults.to_string())?;
    line("found", format!("{} ({:.1} %)", card.found, card.found_percent))?;
    line("budget of each, one thread", format!("{:.0} s", card.budget_seconds))?;
    line("median time", format!("{:.2} s", card.median_seconds))?;
    line("median programs", card.median_programs.to_string())?;
    if let Some(seconds) = card.eight_seconds {
        line("the eight, slowest", format!("{seconds:.2} s"))?;
    }
    line("blamed on the right stage", format!("{:.1} %", card.stage_right_percent))?;
    line("... and pass, for faults of passes", format!("{:.1} %", card.pass_right_percent))?;
    line("slowest blame", format!("{:.2} s", card.blame_seconds))?;
    if card.faults_with_keys > 0 {
        let (findings, right) = (card.findings, card.findings_right_percent);
        line(&format!("of {findings} findings blamed right"), format!("{right:.1} %"))?;
        let name = format!("keys a fault, of {} found often", card.faults_with_keys);
        line(&name, format!("{:.2}", card.keys_per_fault))?;
    }
    line("keys that several faults share", card.shared_keys.len().to_string())?;
    if let Some(lines) = card.median_reduced_lines {
        line("median reduced lines", lines.to_string())?;
    }
    for (key, faults) in &card.shared_keys {
        emitln!("  shared: {key}: {}", faults.join(", "))?;
    }
    let missed = card.rows.iter().filter(|row| !row.found).map(|row| row.fault.as_str());
    let missed: Vec<&str> = missed.collect();
    if !missed.is_empty() {
        emitln!("  not found: {}", missed.join(", "))?;
    }
    Ok(())
}
