//! `plumb run`: the `lua` command, with the JIT.
//!
//! 1. [`options`]     the arguments of `lua`
//! 2. [`standalone`]  what `lua` does with them: initialisation, `-e`, `-l`, script, errors
//! 3. [`repl`]        the interactive mode
//!
//! Messages, exit codes and the order of output are those of PUC's `lua.c`, where the program's name is
//! `lua` (or what `plumb` was called through a link whose name begins with `lua`, which needs no `run`).
//! Differences: `-v` names this program, and at a terminal Ctrl-C drops the line being typed.

mod options;
mod repl;
mod standalone;

use super::knobs::Knobs;
use super::{ExecutorArg, executor};
use crate::harness::jit_config;
use clap::{CommandFactory, ValueEnum};
use plumb_jit::trace::manager::Jit;
use plumb_jit::vm::Vm;
use plumb_jit::vm::host::signal;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Options of `lua` (-e STAT, -i, -l MOD, -v, -E, -W, --, -), a script, its arguments. Without any:
    /// interactive at a terminal, else the program is read from stdin.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "LUA ARGUMENTS")]
    rest: Vec<OsString>,
    /// Compile hot loops.
    #[arg(long, value_enum, default_value_t = Switch::On)]
    jit: Switch,
    /// Memory the program may use, in bytes; beyond it gets the error "not enough memory".
    #[arg(long, value_name = "BYTES")]
    memory: Option<usize>,
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
    let executor = executor(args.executor)?;
    let argv: Vec<Vec<u8>> = std::env::args_os().map(OsString::into_vec).collect();
    let own = argv.len().saturating_sub(args.rest.len());
    let program = argv.first().filter(|name| is_lua(name)).cloned();

    signal::default_broken_pipe();
    let mut vm = Vm::new();
    vm.use_standard_output();
    if let Some(bytes) = args.memory {
        vm.heap.limit_bytes = bytes;
    }
    if args.jit == Switch::On {
        let mut config = jit_config(&args.knobs.config(), executor);
        config.tables_may_grow = args.memory.is_none();
        Jit::new(config, Box::new(())).install(&mut vm);
    }
    let program = program.unwrap_or_else(|| b"lua".to_vec());
    let success = standalone::run(&mut vm, program, argv, own);
    if args.stats {
        if let Some(jit) = Jit::take(&mut vm) {
            eprintln!("{:#?}", jit.stats());
        } else {
            eprintln!("the JIT is off");
        }
    }
    Ok(if success { 0 } else { 1 })
}

/// Whether the command was called by a name that begins with `lua`.
fn is_lua(program: &[u8]) -> bool {
    let path = Path::new(std::ffi::OsStr::from_bytes(program));
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"lua"))
}

/// Puts a `--` before the arguments of `lua`, so that `clap` leaves all of them alone, and `run` before
/// them if the command's name is that of `lua`.
pub fn prepare(argv: Vec<OsString>) -> Vec<OsString> {
    let mut argv = argv;
    if argv.first().is_some_and(|name| is_lua(name.as_bytes())) {
        argv.splice(1..1, ["run".into(), "--".into()]);
        return argv;
    }
    if argv.get(1).is_none_or(|command| command != "run") {
        return argv;
    }
    let cli = super::Cli::command();
    let command = cli.find_subcommand("run").expect("the command has `run`");
    let takes_value = |name: &str| {
        let option = command.get_arguments().find(|option| option.get_long() == Some(name));
        option.is_some_and(|option| option.get_action().takes_values())
    };
    let mut own = 2;
    while let Some(name) = argv.get(own).and_then(|arg| arg.to_str()?.strip_prefix("--")) {
        if name.is_empty() {
            break;
        }
        own += if takes_value(name) { 2 } else { 1 };
    }
    if argv.get(own).is_some_and(|arg| arg != "-h") {
        argv.insert(own, "--".into());
    }
    argv
}

#[cfg(test)]
mod tests {
    use super::prepare;

    fn prepared(line: &str) -> String {
        let argv = prepare(line.split(' ').map(Into::into).collect());
        let words: Vec<_> = argv.iter().map(|word| word.to_str().expect("text")).collect();
        words.join(" ")
    }

    #[test]
    fn arguments_of_lua_are_set_apart() {
        assert_eq!(prepared("plumb run"), "plumb run");
        assert_eq!(prepared("plumb run a.lua --x"), "plumb run -- a.lua --x");
        assert_eq!(prepared("plumb run --jit off -e x"), "plumb run --jit off -- -e x");
        assert_eq!(prepared("plumb run --jit=off --stats -"), "plumb run --jit=off --stats -- -");
        assert_eq!(prepared("plumb run -- -e"), "plumb run -- -- -e");
        assert_eq!(prepared("plumb run --help"), "plumb run --help");
        assert_eq!(prepared("plumb check -- x"), "plumb check -- x");
        assert_eq!(prepared("/bin/lua5.4 -v"), "/bin/lua5.4 run -- -v");
    }
}
