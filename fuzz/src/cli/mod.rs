//! The command line: one module a command.

mod bench;
mod check;
mod knobs;
mod referee;
mod repro;
mod run;
mod score;
mod sweep;
mod trace;

use crate::faults;
use crate::worker;
use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use plumb_jit::bytecode;
use plumb_jit::syntax::lexer::skip_file_header;
use plumb_jit::trace::config::ExecutorKind;
use plumb_jit::trace::tap::TapRef;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Lua 5.4 with an ARM64 trace JIT, and the harness that compares it with its interpreter and with
/// reference Lua, program by program.
///
/// Without a command: a sweep of 30 seconds.
#[derive(Parser, Debug)]
#[command(name = "plumb", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Generated programs through three engines in lockstep; writes reports/sweep.json.
    ///
    /// Exits with 0 when all agree, with 1 when something diverged, with 4 when the harness fails its own
    /// test. A divergence is reduced and saved under regressions/. Ctrl-C ends the sweep, with the summary and
    /// the findings so far (130 when there are none); a second one ends the command.
    Sweep(sweep::Args),
    /// Your own Lua files through three engines in lockstep.
    ///
    /// Exits with 0 when all agree, 1 when one diverges, 3 when nothing could be proven for one.
    Check(check::Args),
    /// Runs a Lua program.
    Run(run::Args),
    /// Shows what the JIT makes of a program: bytecode, IR after each pass, registers, machine code.
    Trace(trace::Args),
    /// Plants known miscompiles, one at a time, and measures how the harness finds and blames them; writes
    /// reports/score.json.
    Score(score::Args),
    /// Speed of a part, on this machine.
    Bench(bench::Args),
    /// Replays a case of regressions/ and shows where the engines differ, if they do.
    Repro(repro::Args),
    /// Judges what it is asked on stdin (see `worker.rs`).
    #[command(hide = true)]
    Worker,
}

/// Which executor runs compiled traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExecutorArg {
    /// The IR evaluator, no machine code.
    Eval,
    /// The evaluator of machine-level IR, before register allocation.
    Mach,
    /// The evaluator of machine-level IR, after register allocation.
    Allocated,
    /// Machine code on the ARM64 simulator.
    Sim,
    /// Machine code on this machine (ARM64 hosts only).
    Native,
}

impl ExecutorArg {
    /// As on the command line.
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
    }
}

/// Where a command that judges finds the executor it was asked for. Native jobs are then judged by other
/// processes.
fn executor(arg: Option<ExecutorArg>) -> anyhow::Result<ExecutorKind> {
    let kind = match arg {
        None => ExecutorKind::host_default(),
        Some(ExecutorArg::Eval) => ExecutorKind::Eval,
        Some(ExecutorArg::Mach) => ExecutorKind::Mach,
        Some(ExecutorArg::Allocated) => ExecutorKind::Allocated,
        Some(ExecutorArg::Sim) => ExecutorKind::Simulator,
        Some(ExecutorArg::Native) if ExecutorKind::host_default() == ExecutorKind::Native => {
            ExecutorKind::Native
        }
        Some(ExecutorArg::Native) => anyhow::bail!(
            "--executor native needs an ARM64 Linux or macOS host; use `sim` or `eval` here"
        ),
    };
    if kind == ExecutorKind::Native {
        worker::isolate(&std::env::current_exe()?);
    }
    Ok(kind)
}

/// The fault of this name, to be planted.
fn planted(name: &str) -> anyhow::Result<TapRef> {
    let fault = faults::find(name);
    let fault = fault
        .with_context(|| format!("no fault is called `{name}`; `plumb score --list` names all"))?;
    Ok(fault.tap())
}

/// The command line of this process.
pub fn parse() -> Cli {
    Cli::parse_from(run::prepare(std::env::args_os().collect()))
}

/// Runs a command; the number is the exit code.
pub fn run(cli: Cli) -> anyhow::Result<u8> {
    match cli.command.unwrap_or_else(|| Command::Sweep(sweep::Args::default())) {
        Command::Sweep(args) => sweep::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Repro(args) => repro::run(&args),
        Command::Worker => worker::serve().map(|()| 0),
    }
}

/// Prints to stdout. A reader that has gone away (`plumb ... | head`) is not an error: the work and the
/// exit code stay the same. A full disk is one.
fn emit(text: std::fmt::Arguments) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_fmt(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to stdout")
        }
        _ => Ok(()),
    }
}

/// [`emit`] with a format and a line break.
macro_rules! emitln {
    ($($format:tt)*) => { $crate::cli::emit(format_args!("{}\n", format_args!($($format)*))) };
}
use emitln;

/// Sees to it that a report can be written, before the work that it is about. Leaves no file behind.
fn check_report(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder of `{shown}`"))?;
    }
    let is_new = !path.exists();
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
    opened.with_context(|| format!("cannot write `{shown}`"))?;
    if is_new {
        std::fs::remove_file(path).with_context(|| format!("cannot write `{shown}`"))?;
    }
    Ok(())
}

/// Writes a report for machines.
fn write_report(path: &Path, report: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(report)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

/// Panics of what is judged are findings and are shown as such; the default message in between would tear
/// the progress bar, and look like a failure of the command.
fn quiet<T>(work: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = work();
    std::panic::set_hook(hook);
    result
}

/// Reads a Lua source file that is to be compiled and printed: it must be text. As the `lua` command
/// does, skips a byte order mark and a first line that starts with `#`.
fn read_source(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if let Err(error) = std::str::from_utf8(&bytes) {
        anyhow::bail!(
            "`{}` is not UTF-8 text (byte {}); give a Lua source file",
            path.display(),
            error.valid_up_to()
        );
    }
    Ok(skip_file_header(&bytes).to_vec())
}

/// The syntax error of a source that is not Lua, as reference Lua words it.
fn must_be_lua(source: &[u8], chunk_name: &str) -> anyhow::Result<()> {
    let loaded = bytecode::load(source, chunk_name.as_bytes(), "t", 0);
    loaded.map(|_| ()).map_err(|error| anyhow::anyhow!("{error}"))
}

/// `@path`, as `lua path` names its chunk.
fn chunk_name(path: &Path) -> String {
    format!("@{}", path.display())
}

/// The repository that the command is run in: where `regressions/` is.
fn regressions_dir() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().map(|dir| dir.join("regressions")).find(|dir| dir.is_dir());
    found.unwrap_or_else(|| here.join("regressions"))
}
