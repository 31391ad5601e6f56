//! `plumb repro`: one case of `regressions/`, everything about it.

use super::trace::stages;
use super::{ExecutorArg, emitln, executor, quiet, regressions_dir};
use crate::harness::{Answer, Job, USER_FUEL, judge_and_blame};
use crate::regression::{RegressionCase, Status, report};
use clap::ValueEnum;
use plumb_jit::trace::config::ExecutorKind;
use std::path::{Path, PathBuf};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// A name under regressions/, or the path of a case's folder.
    case: PathBuf,
    /// What runs the compiled traces [default: what ran them when the case was found].
    #[arg(long, value_enum)]
    executor: Option<ExecutorArg>,
    /// Only the verdict: no source, bytecode, IR or machine code.
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let case = RegressionCase::load(&find(&args.case)?)?;
    let executor = replayed_on(&case, args.executor)?;
    let job = Job {
        source: &case.source,
        chunk_name: "=case",
        config: case.file.config.clone(),
        executor,
        tap: None,
        check: true,
        thorough: false,
        fuel: USER_FUEL,
    };
    emitln!("{}\n{}\n", crate::regression::name(&case.folder), case.file.story)?;
    if !args.quiet {
        emitln!("== source\n{}", String::from_utf8_lossy(&case.source).trim_end())?;
        emitln!("\n{}", stages(&job)?)?;
    }
    let (judged, blame) = quiet(|| judge_and_blame(&job));
    let text = report(&judged.answer, &case.source, blame.as_ref());
    emitln!("== verdict\n{}", text.trim_end())?;
    Ok(match judged.answer {
        Answer::Agree(_) => 0,
        Answer::Found(_) => {
            if case.file.status == Status::Open {
                emitln!("(this case is known to be open)")?;
            }
            1
        }
        Answer::Inconclusive(_) => 3,
    })
}

/// What is asked for; else what the case was found on, if this machine has that.
fn replayed_on(case: &RegressionCase, asked: Option<ExecutorArg>) -> anyhow::Result<ExecutorKind> {
    if let (None, Some(name)) = (asked, &case.file.executor) {
        match ExecutorArg::from_str(name, false).map(|known| executor(Some(known))) {
            Ok(Ok(kind)) => return Ok(kind),
            _ => eprintln!("found on the executor `{name}`, which is not to be had here"),
        }
    }
    executor(asked)
}

fn find(case: &Path) -> anyhow::Result<PathBuf> {
    if case.join("case.lua").is_file() {
        return Ok(case.to_path_buf());
    }
    let known = regressions_dir().join(case);
    if known.join("case.lua").is_file() {
        return Ok(known);
    }
    anyhow::bail!(
        "there is no case `{}`: neither that folder nor `{}` has a case.lua; see the names in `{}`",
        case.display(),
        known.display(),
        regressions_dir().display()
    )
}
