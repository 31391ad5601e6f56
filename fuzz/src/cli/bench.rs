//! `plumb bench`: how fast a part is on this machine.

use super::{check_report, emitln, write_report};
use crate::bench::{Row, choose, geometric_mean, measure as measure_program};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plumb_jit::exec::measure::{Speed, measure};
use plumb_jit::exec::{Executor, Simulator};
use serde::Serialize;
use std::io::IsTerminal;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Part {
    /// The ARM64 simulator: instructions per second, and the time to enter and leave a trace; next to
    /// the unicorn engine, if it is built in.
    Sim,
    /// The interpreter, JIT off, against reference Lua (PUC): wall time of the same programs, by turns;
    /// writes reports/bench-interp.json.
    Interp(InterpArgs),
}

#[derive(clap::Args, Clone, Debug)]
struct InterpArgs {
    /// Only this program; may be given more than once.
    #[arg(long, value_name = "NAME")]
    program: Vec<String>,
    /// Runs of each program on each engine; the best counts.
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    repeats: u32,
    /// Where the figures go [default: reports/bench-interp.json].
    #[arg(long)]
    report: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    match &args.part {
        Part::Sim => sim(),
        Part::Interp(args) => interp(args),
    }
}

/// What is written for machines.
#[derive(Serialize)]
struct Report<'a> {
    repeats: u32,
    /// Of ours / reference's time.
    geometric_mean: f64,
    worst: &'a str,
    worst_ratio: f64,
    programs: &'a [Row],
}

fn interp(args: &InterpArgs) -> anyhow::Result<u8> {
    let chosen = choose(&args.program)?;
    let path = args.report.clone().unwrap_or_else(|| "reports/bench-interp.json".into());
    check_report(&path)?;
    let bar = ProgressBar::new(chosen.len() as u64 * u64::from(args.repeats));
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_style(ProgressStyle::with_template("{bar:40.cyan/blue} {percent:>3}% {msg}")?);
    let mut rows = Vec::new();
    emitln!("{:<16}{:>14}{:>14}{:>9}", "program", "PUC", "Plumb", "ratio")?;
    for program in chosen {
        bar.set_message(program.0);
        let row = measure_program(program, args.repeats, &|| bar.inc(1))?;
        bar.suspend(|| print_row(&row))?;
        rows.push(row);
    }
    bar.finish_and_clear();
    let worst = rows.iter().max_by(|a, b| a.ratio.total_cmp(&b.ratio));
    let worst = worst.context("a program at least is measured")?;
    let mean = geometric_mean(&rows);
    if rows.len() > 1 {
        emitln!("{:<44}{mean:>9.3}", "geometric mean")?;
        emitln!("{:<44}{:>9.3}", format!("worst: {}", worst.program), worst.ratio)?;
    }
    write_report(
        &path,
        &Report {
            repeats: args.repeats,
            geometric_mean: mean,
            worst: worst.program,
            worst_ratio: worst.ratio,
            programs: &rows,
        },
    )?;
    emitln!("written to {}", path.display())?;
    Ok(0)
}

fn print_row(row: &Row) -> anyhow::Result<()> {
    emitln!(
        "{:<16}{:>11.2} ms{:>11.2} ms{:>9.3}",
        row.program,
        row.reference_seconds * 1e3,
        row.interpreter_seconds * 1e3,
        row.ratio,
    )
}

fn sim() -> anyhow::Result<u8> {
    emitln!("executor     float loop    memory loop      one entry")?;
    show(&mut Simulator::new())?;
    unicorn()?;
    Ok(0)
}

fn show(executor: &mut dyn Executor) -> anyhow::Result<()> {
    let Speed { float_loop, memory_loop, entry } = measure(executor);
    emitln!(
        "{:<9} {:>8.0} M/s     {:>8.0} M/s  {:>10.0} ns",
        executor.name(),
        float_loop / 1e6,
        memory_loop / 1e6,
        entry.as_secs_f64() * 1e9,
    )
}

#[cfg(feature = "unicorn")]
fn unicorn() -> anyhow::Result<()> {
    show(&mut plumb_jit::exec::unicorn::Unicorn::new())
}

#[cfg(not(feature = "unicorn"))]
fn unicorn() -> anyhow::Result<()> {
    emitln!("(the unicorn engine is not in this build: --features unicorn)")
}
