//! `plumb check`: a person's own programs in lockstep.

use super::knobs::Knobs;
use super::{ExecutorArg, chunk_name, emitln, executor, must_be_lua, planted, quiet, read_source};
use crate::harness::{Answer, Job, USER_FUEL, judge_and_blame};
use crate::regression::report;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Lua source files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    knobs: Knobs,
    /// What runs the compiled traces.
    #[arg(long, value_enum)]
    executor: Option<ExecutorArg>,
    /// VM instructions before a program is given up as inconclusive.
    #[arg(long, default_value_t = USER_FUEL)]
    fuel: u64,
    /// Compare everything that can be reached at each moment, not at a sample of them.
    #[arg(long)]
    thorough: bool,
    /// Plant one of the faults of `plumb score --list`.
    #[arg(long, value_name = "FAULT")]
    plant: Option<String>,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let executor = executor(args.executor)?;
    let tap = args.plant.as_deref().map(planted).transpose()?;
    // All files are read first: a wrong name must not show after minutes of work.
    let sources: Vec<Vec<u8>> =
        args.files.iter().map(|path| read_source(path)).collect::<anyhow::Result<_>>()?;
    for (path, source) in args.files.iter().zip(&sources) {
        must_be_lua(source, &chunk_name(path))?;
    }
    let (mut diverged, mut inconclusive) = (false, false);
    for (path, source) in args.files.iter().zip(&sources) {
        let job = Job {
            source,
            chunk_name: &chunk_name(path),
            config: args.knobs.config(),
            executor,
            tap: tap.clone(),
            check: true,
            thorough: args.thorough,
            fuel: args.fuel,
        };
        let (judged, blame) = quiet(|| judge_and_blame(&job));
        let word = match &judged.answer {
            Answer::Agree(_) => "agree",
            Answer::Found(_) => "DIVERGE",
            Answer::Inconclusive(_) => "inconclusive",
        };
        diverged |= matches!(judged.answer, Answer::Found(_));
        inconclusive |= matches!(judged.answer, Answer::Inconclusive(_));
        emitln!("{}: {word}", path.display())?;
        emitln!("{}", report(&judged.answer, source, blame.as_ref()).trim_end())?;
    }
    Ok(if diverged {
        1
    } else if inconclusive {
        3
    } else {
        0
    })
}
