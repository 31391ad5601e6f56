//! `plumb run`: a Lua program, with or without the JIT.

use super::knobs::Knobs;
use super::{ExecutorArg, chunk_name, executor};
use crate::harness::jit_config;
use anyhow::Context;
use clap::ValueEnum;
use plumb_jit::bytecode;
use plumb_jit::heap::Value;
use plumb_jit::stdlib;
use plumb_jit::syntax::lexer::skip_file_header;
use plumb_jit::trace::manager::Jit;
use plumb_jit::vm::Vm;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// A Lua source file or binary chunk.
    file: PathBuf,
    /// Arguments of the program: `...` and the table `arg`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
    /// Compile hot loops.
    #[arg(long, value_enum, default_value_t = Switch::On)]
    jit: Switch,
    #[command(flatten)]
    knobs: Knobs,
    /// What runs the compiled traces.
    #[arg(long, value_enum)]
    executor: Option<ExecutorArg>,
    /// Print what the JIT did, to stderr.
    #[arg(long)]
    stats: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let shown = args.file.display();
    let source = std::fs::read(&args.file).with_context(|| format!("cannot read `{shown}`"))?;
    let executor = executor(args.executor)?;
    let name = chunk_name(&args.file);
    let proto = bytecode::load(skip_file_header(&source), name.as_bytes(), "bt", 0)
        .map_err(|error| anyhow::anyhow!("{error}"))?;

    let mut vm = Vm::new();
    stdlib::open_all(&mut vm);
    vm.use_standard_output();
    set_arg(&mut vm, args);
    if args.jit == Switch::On {
        let config = jit_config(&args.knobs.config(), executor);
        Jit::new(config, Box::new(())).install(&mut vm);
    }
    let main = Value::from(vm.load(&Arc::new(proto)));
    let arguments: Vec<Value> =
        args.args.iter().map(|arg| vm.heap.new_string_value(arg.as_bytes())).collect();
    let result = vm.call(main, &arguments);
    let code = match result {
        Ok(_) => 0,
        Err(error) => {
            eprintln!("plumb: {}", error.text());
            1
        }
    };
    if args.stats {
        if let Some(jit) = Jit::take(&mut vm) {
            eprintln!("{:#?}", jit.stats());
        } else {
            eprintln!("the JIT is off");
        }
    }
    Ok(code)
}

/// The global table `arg`, as the `lua` command makes it.
fn set_arg(vm: &mut Vm, args: &Args) {
    let table = vm.heap.new_table();
    let script = vm.heap.new_string_value(args.file.as_os_str().as_encoded_bytes());
    let items = std::iter::once(script)
        .chain(args.args.iter().map(|arg| vm.heap.new_string_value(arg.as_bytes())));
    for (index, value) in items.collect::<Vec<_>>().into_iter().enumerate() {
        table
            .set_int(&mut vm.heap, index as i64, value)
            .expect("a small table has room for its arguments");
    }
    vm.set_global("arg", Value::from(table));
}
