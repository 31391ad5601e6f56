//! `plumb trace`: what each stage makes of a program's hot loops.

use super::knobs::Knobs;
use super::{ExecutorArg, chunk_name, emit, executor, quiet, read_source};
use crate::harness::{Job, USER_FUEL, panic_text};
use plumb_jit::bytecode;
use plumb_jit::exec::Category;
use plumb_jit::heap::Value;
use plumb_jit::ir::trace::Trace;
use plumb_jit::stdlib;
use plumb_jit::trace::compile::Shown;
use plumb_jit::trace::manager::{Jit, JitObserver, TraceId};
use plumb_jit::vm::Vm;
use std::cell::RefCell;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// A Lua source file.
    file: PathBuf,
    #[command(flatten)]
    knobs: Knobs,
    /// What runs the compiled traces.
    #[arg(long, value_enum)]
    executor: Option<ExecutorArg>,
    /// VM instructions after which the program is stopped.
    #[arg(long, default_value_t = USER_FUEL)]
    fuel: u64,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let source = read_source(&args.file)?;
    let text = stages(&Job {
        source: &source,
        chunk_name: &chunk_name(&args.file),
        config: args.knobs.config(),
        executor: executor(args.executor)?,
        tap: None,
        check: true,
        thorough: false,
        fuel: args.fuel,
    })?;
    emit(format_args!("{text}"))?;
    Ok(0)
}

/// Collects every stage of every compilation.
#[derive(Default)]
struct Log {
    text: String,
    trace: Option<TraceId>,
    last: String,
}

struct Collector(Rc<RefCell<Log>>);

impl JitObserver for Collector {
    fn stage(&mut self, trace: TraceId, stage: &Shown) {
        let mut log = self.0.borrow_mut();
        let (text, stage) = (stage.text(), stage.name());
        if log.trace != Some(trace) || stage == "recorded" {
            log.trace = Some(trace);
            let _ = writeln!(log.text, "\n==== trace {} ====", trace.0);
        }
        if text == log.last {
            let _ = writeln!(log.text, "\n-- after {stage}: unchanged");
        } else {
            let _ = writeln!(log.text, "\n-- {stage}\n{}", text.trim_end());
        }
        log.last = text;
    }

    fn code(&mut self, _: TraceId, loop_counts: &[(Category, usize)]) {
        let mut log = self.0.borrow_mut();
        let total: usize = loop_counts.iter().map(|(_, count)| count).sum();
        let _ = writeln!(log.text, "\n-- instructions in one loop iteration: {total}");
        for (category, count) in loop_counts {
            let _ = writeln!(log.text, "{:>6}  {category}", count);
        }
    }

    fn aborted(&mut self, proto: u32, head: u32, abort: plumb_jit::trace::abort::Abort) {
        let mut log = self.0.borrow_mut();
        let _ =
            writeln!(log.text, "\n(recording of function {proto}, pc {head} given up: {abort})");
        log.trace = None;
    }

    fn compiled(&mut self, _: TraceId, _: &Trace) {}
}

/// Bytecode and all stages of all traces of a program, as text. The program is run; its output is dropped.
pub fn stages(job: &Job) -> anyhow::Result<String> {
    let proto = bytecode::load(job.source, job.chunk_name.as_bytes(), "t", 0)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut text = format!("== bytecode\n{}", bytecode::listing(&proto));
    let log = Rc::new(RefCell::new(Log::default()));
    let mut vm = Vm::new();
    stdlib::open_all(&mut vm);
    let mut jit = Jit::new(job.jit_config(), Box::new(Collector(log.clone())));
    jit.set_clock_limit(job.fuel);
    jit.install(&mut vm);
    let main = Value::from(vm.load(&Arc::new(proto)));
    // A stage that breaks a rule panics, in the checks between the stages; those before it are shown.
    let ended = quiet(|| catch_unwind(AssertUnwindSafe(|| vm.call(main, &[]))));
    text.push_str(&log.borrow().text);
    if log.borrow().text.is_empty() {
        text.push_str("\n(no loop became hot)\n");
    }
    match ended {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            let _ = writeln!(text, "\nthe program ended with an error: {}", error.text());
        }
        Err(panic) => {
            let _ = writeln!(text, "\nPlumb panicked (a bug of ours):\n{}", panic_text(&*panic));
        }
    }
    Ok(text)
}
