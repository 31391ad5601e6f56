//! What `lua` does with its arguments.
//!
//! In:  a VM without libraries, the arguments.   Out: whether all went well; messages on stderr.
//!
//! All of it runs inside one native function, so that tracebacks end as PUC's do, in `[C]: in ?`.

use super::options::{self, Action, Options};
use super::repl;
use plumb_jit::heap::collector::Mode;
use plumb_jit::heap::{ClosureRef, Value};
use plumb_jit::stdlib;
use plumb_jit::stdlib::load_file::{LoadError, load_buffer, load_file};
use plumb_jit::stdlib::os::environment;
use plumb_jit::stdlib::package::NO_ENVIRONMENT;
use plumb_jit::vm::host::stream::{Stream, StreamKind};
use plumb_jit::vm::host::{process, signal};
use plumb_jit::vm::native::{Args, NativeFunction, Returned};
use plumb_jit::vm::{LuaError, LuaResult, Vm};

static MAIN: NativeFunction = NativeFunction { name: "main", call: main, intrinsic: None };
static HANDLER: NativeFunction =
    NativeFunction { name: "message handler", call: add_traceback, intrinsic: None };

/// A run of `lua`.
pub struct Standalone {
    /// The name before messages; none in the interactive mode.
    pub program: Option<Vec<u8>>,
    /// All arguments of the process, and how many of them are not `lua`'s.
    argv: Vec<Vec<u8>>,
    own: usize,
    success: bool,
}

/// Something failed; the user has been told.
pub struct Reported;

/// Runs `lua` with the arguments `argv[own..]`; true if nothing failed.
pub fn run(vm: &mut Vm, program: Vec<u8>, argv: Vec<Vec<u8>>, own: usize) -> bool {
    let session = Standalone { program: Some(program.clone()), argv, own, success: false };
    let session = vm.heap.new_userdata(Box::new(Some(session)), None);
    let success = match vm.call(Value::native(&MAIN), &[Value::from(session)]) {
        Ok(results) => !results[0].is_falsy(),
        Err(error) => {
            message(Some(&program), &text_of(&error));
            false
        }
    };
    // Only an interrupt could end it early, and nobody listens to those any more.
    let _ = vm.close();
    success
}

fn main(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let session = vm.arg(args, 1).as_userdata();
    let session = session.and_then(|data| data.with(Option::<Standalone>::take)).flatten();
    let mut session = session.expect("argument 1 is a session");
    session.success = session.start(vm)?.is_ok();
    vm.ret(Value::bool(session.success))
}

impl Standalone {
    fn start(&mut self, vm: &mut Vm) -> LuaResult<Result<(), Reported>> {
        let args = self.argv[self.own..].to_vec();
        let options = match options::parse(&args) {
            Ok(options) => options,
            Err(wrong) => {
                let program = self.program.as_deref().unwrap_or(b"lua");
                to_stderr(&options::usage(program, &args[wrong]));
                return Ok(Err(Reported));
            }
        };
        if options.version {
            print_version(vm);
        }
        if options.ignore_environment {
            let registry = vm.registry();
            registry.set_name(&mut vm.heap, NO_ENVIRONMENT, Value::TRUE);
        }
        stdlib::open_all(vm);
        self.set_arg(vm, options.script);
        vm.set_collector_mode(Mode::Generational)?;
        self.execute(vm, &options, &args)
    }

    fn execute(
        &mut self,
        vm: &mut Vm,
        options: &Options,
        args: &[Vec<u8>],
    ) -> LuaResult<Result<(), Reported>> {
        let prepared = match options.ignore_environment {
            true => Ok(()),
            false => self.initialise(vm),
        };
        if prepared.is_err() || self.act(vm, &options.actions).is_err() {
            return Ok(Err(Reported));
        }
        if let Some(script) = options.script {
            let name = (!options.script_is_input).then(|| &args[script][..]);
            let loaded = load_file(vm, name, b"bt");
            if self.run_script(vm, loaded)?.is_err() {
                return Ok(Err(Reported));
            }
        }
        let has_statements =
            options.actions.iter().any(|action| matches!(action, Action::Execute(_)));
        if options.interactive {
            repl::run(self, vm)?;
        } else if options.script.is_none() && !has_statements && !options.version {
            if process::input_is_terminal() {
                print_version(vm);
                repl::run(self, vm)?;
            } else {
                // As in PUC, its failure is not the command's.
                let loaded = load_file(vm, None, b"bt");
                let _ = self.run_chunk(vm, loaded);
            }
        }
        Ok(Ok(()))
    }

    /// The global `arg`: all arguments of the process, the script at 0.
    fn set_arg(&self, vm: &mut Vm, script: Option<usize>) {
        let script = script.map_or(0, |script| self.own + script);
        let (after, before) = (self.argv.len().saturating_sub(script + 1), script + 1);
        // Beyond its two sizes it never grows, so a limit cannot refuse that.
        let table = vm.heap.new_table_sized(after as u32, before as u32);
        for (i, arg) in self.argv.iter().enumerate() {
            let text = vm.heap.new_string_value(arg);
            table
                .set_int(&mut vm.heap, i as i64 - script as i64, text)
                .expect("a small table has room for its arguments");
        }
        vm.set_global("arg", Value::from(table));
    }

    /// Runs what `LUA_INIT` says.
    fn initialise(&mut self, vm: &mut Vm) -> Result<(), Reported> {
        for name in ["LUA_INIT_5_4", "LUA_INIT"] {
            let Some(init) = environment(name.as_bytes()) else {
                continue;
            };
            let loaded = match init.strip_prefix(b"@") {
                Some(file) => load_file(vm, Some(file), b"bt"),
                None => load_buffer(vm, &init, format!("={name}").as_bytes(), b"bt"),
            };
            return self.run_chunk(vm, loaded);
        }
        Ok(())
    }

    fn act(&mut self, vm: &mut Vm, actions: &[Action]) -> Result<(), Reported> {
        for action in actions {
            match action {
                Action::Execute(statement) => {
                    let loaded = load_buffer(vm, statement, b"=(command line)", b"bt");
                    self.run_chunk(vm, loaded)?;
                }
                Action::Require(module) => self.require(vm, module)?,
                Action::Warnings => vm.warning(b"@on", false),
            }
        }
        Ok(())
    }

    /// `-l module` and `-l global=module`; without a name, what follows a `-` is left out of the
    /// global's.
    fn require(&mut self, vm: &mut Vm, argument: &[u8]) -> Result<(), Reported> {
        let split = |separator| argument.iter().position(|byte| *byte == separator);
        let (global, module) = match (split(b'='), split(b'-')) {
            (Some(at), _) => (&argument[..at], &argument[at + 1..]),
            (None, Some(at)) => (&argument[..at], argument),
            (None, None) => (argument, argument),
        };
        let name = vm.heap.new_string_value(module);
        let require = vm.get_global("require");
        let results = self.call(vm, require, &[name])?;
        let global = String::from_utf8_lossy(global);
        vm.set_global(&global, results.first().copied().unwrap_or(Value::NIL));
        Ok(())
    }

    /// Runs the script with the arguments that `arg` holds, which the program may have changed.
    fn run_script(
        &mut self,
        vm: &mut Vm,
        loaded: Result<ClosureRef, LoadError>,
    ) -> LuaResult<Result<(), Reported>> {
        let Ok(script) = loaded else {
            return Ok(self.run_chunk(vm, loaded));
        };
        let script = Value::from(script);
        // Kept on the stack while metamethods of `arg` run.
        vm.push(script);
        let arg = vm.get_global("arg");
        let Some(table) = arg.as_table() else {
            return Err(vm.error("'arg' is not a table"));
        };
        let count = vm.length_int(arg)?;
        let arguments: Vec<Value> = (1..=count).map(|i| table.get_int(i)).collect();
        Ok(self.call(vm, script, &arguments).map(|_| ()))
    }

    /// Runs a chunk, if it could be loaded.
    pub fn run_chunk(
        &mut self,
        vm: &mut Vm,
        loaded: Result<ClosureRef, LoadError>,
    ) -> Result<(), Reported> {
        match loaded {
            Ok(chunk) => {
                // With this slot a stack overflows after as many calls as under PUC's `lua`.
                vm.push(Value::from(chunk));
                let result = self.call(vm, Value::from(chunk), &[]);
                vm.pop();
                result.map(|_| ())
            }
            Err(error) => {
                self.report(&error.message);
                Err(Reported)
            }
        }
    }

    /// Calls a function; an error is shown with a traceback, and Ctrl-C is one (`docall`).
    pub fn call(
        &mut self,
        vm: &mut Vm,
        function: Value,
        args: &[Value],
    ) -> Result<Vec<Value>, Reported> {
        signal::listen();
        vm.set_interrupt(Some(signal::take_interrupt));
        let result = vm.call_handled(function, args, Value::native(&HANDLER));
        vm.set_interrupt(None);
        signal::stop_listening();
        result.map_err(|error| {
            self.report(&text_of(&error));
            Reported
        })
    }

    pub fn report(&self, text: &[u8]) {
        message(self.program.as_deref(), text);
    }
}

/// Makes an error into a message with a traceback, where it is raised (`msghandler`).
fn add_traceback(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let error = vm.arg(args, 1);
    let text = match LuaError::new(error).message() {
        Some(text) => text,
        None => {
            let key = vm.heap.new_string(b"__tostring");
            let show =
                vm.metatable_of(error).map_or(Value::NIL, |metatable| metatable.get_str(key));
            if !show.is_nil() {
                let shown = vm.call1(show, &[error])?;
                if shown.is_string() {
                    return vm.ret(shown);
                }
            }
            format!("(error object is a {} value)", error.type_name()).into_bytes()
        }
    };
    let text = vm.traceback(Some(&text), 1);
    vm.ret_str(&text)
}

fn text_of(error: &LuaError) -> Vec<u8> {
    error.message().unwrap_or_else(|| b"(error message not a string)".to_vec())
}

/// A line on stderr, after the program's name.
pub fn message(program: Option<&[u8]>, text: &[u8]) {
    let text = plumb_jit::vm::host::until_nul(text);
    match program {
        Some(program) => to_stderr(&[program, b": ", text, b"\n"].concat()),
        None => to_stderr(&[text, b"\n"].concat()),
    }
}

fn to_stderr(text: &[u8]) {
    // Nobody can be told that stderr is closed.
    let _ = Stream::standard(StreamKind::Error).write(text);
}

fn print_version(vm: &mut Vm) {
    vm.write_output(concat!("Lua 5.4  Plumb ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
    vm.flush_output();
}
