//! The interactive mode.
//!
//! In:  lines of a person or of a pipe.   Out: results, shown with the program's `print`; errors.
//!
//! A line is tried as an expression first, then as a statement; while it is the beginning of a longer one
//! (the message ends in `<eof>`), more lines are read.

use super::standalone::Standalone;
use plumb_jit::heap::{ClosureRef, Value};
use plumb_jit::stdlib::load_file::{LoadError, load_buffer};
use plumb_jit::vm::host::process;
use plumb_jit::vm::host::stream::{Stream, StreamKind};
use plumb_jit::vm::{LuaResult, Vm};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};

/// Where lines come from.
enum Input {
    Terminal(Box<Editor<(), MemHistory>>),
    /// C's stream, which `io.read` of the program reads too.
    Stream(Stream),
}

enum Line {
    Text(Vec<u8>),
    /// Ctrl-C: what was typed is dropped.
    Dropped,
    End,
}

/// Reads and runs until the input ends.
pub fn run(session: &mut Standalone, vm: &mut Vm) -> LuaResult<()> {
    let program = session.program.take();
    let mut input = Input::new();
    loop {
        let loaded = match read_chunk(vm, &mut input)? {
            Chunk::End => break,
            Chunk::Dropped => continue,
            Chunk::Loaded(loaded) => loaded,
        };
        match loaded {
            Ok(chunk) => {
                if let Ok(results) = session.call(vm, Value::from(chunk), &[]) {
                    show(session, vm, &results);
                }
            }
            Err(error) => session.report(&error.message),
        }
    }
    vm.write_output(b"\n");
    vm.flush_output();
    session.program = program;
    Ok(())
}

/// Prints results, if there are any.
fn show(session: &Standalone, vm: &mut Vm, results: &[Value]) {
    if results.is_empty() {
        return;
    }
    let print = vm.get_global("print");
    if let Err(error) = vm.call(print, results) {
        let reason = error.message().unwrap_or_else(|| b"(null)".to_vec());
        session.report(&[b"error calling 'print' (", &reason[..], b")"].concat());
    }
}

enum Chunk {
    Loaded(Result<ClosureRef, LoadError>),
    Dropped,
    End,
}

/// Reads lines until they are a chunk, right or wrong.
fn read_chunk(vm: &mut Vm, input: &mut Input) -> LuaResult<Chunk> {
    let prompt = prompt(vm, "_PROMPT", b"> ")?;
    let mut text = match input.line(vm, &prompt) {
        Line::Text(text) => text,
        Line::Dropped => return Ok(Chunk::Dropped),
        Line::End => return Ok(Chunk::End),
    };
    if let Some(expression) = text.strip_prefix(b"=") {
        text = [b"return ", expression].concat();
    }
    let expression = [b"return ", &text[..], b";"].concat();
    let loaded = load_buffer(vm, &expression, b"=stdin", b"bt");
    if loaded.is_ok() {
        input.remember(&text);
        return Ok(Chunk::Loaded(loaded));
    }
    loop {
        let loaded = load_buffer(vm, &text, b"=stdin", b"bt");
        if loaded.as_ref().is_err_and(|error| error.is_incomplete) {
            let prompt = self::prompt(vm, "_PROMPT2", b">> ")?;
            match input.line(vm, &prompt) {
                Line::Text(more) => {
                    text.push(b'\n');
                    text.extend_from_slice(&more);
                    continue;
                }
                Line::Dropped => return Ok(Chunk::Dropped),
                Line::End => {}
            }
        }
        input.remember(&text);
        return Ok(Chunk::Loaded(loaded));
    }
}

/// A prompt: the global of this name by `tostring`, or the default.
fn prompt(vm: &mut Vm, name: &str, default: &[u8]) -> LuaResult<Vec<u8>> {
    let value = vm.get_global(name);
    if value.is_nil() {
        return Ok(default.to_vec());
    }
    Ok(vm.to_string(value)?.as_bytes().to_vec())
}

impl Input {
    fn new() -> Input {
        if process::input_is_terminal() {
            let config = Config::builder().auto_add_history(false).build();
            if let Ok(editor) = Editor::with_history(config, MemHistory::new()) {
                return Input::Terminal(Box::new(editor));
            }
        }
        Input::Stream(Stream::standard(StreamKind::Input))
    }

    /// The next line, without its line break.
    fn line(&mut self, vm: &mut Vm, prompt: &[u8]) -> Line {
        match self {
            Input::Terminal(editor) => {
                vm.flush_output();
                match editor.readline(&*String::from_utf8_lossy(prompt)) {
                    Ok(line) => Line::Text(line.into_bytes()),
                    Err(ReadlineError::Interrupted) => Line::Dropped,
                    Err(_) => Line::End,
                }
            }
            Input::Stream(stream) => {
                vm.write_output(prompt);
                vm.flush_output();
                let mut text = Vec::new();
                if stream.line(&mut text) == 0 {
                    return Line::End;
                }
                if text.last() == Some(&b'\n') {
                    text.pop();
                }
                Line::Text(plumb_jit::vm::host::until_nul(&text).to_vec())
            }
        }
    }

    fn remember(&mut self, text: &[u8]) {
        if let Input::Terminal(editor) = self
            && !text.is_empty()
        {
            // A line that cannot be remembered can still be run.
            let _ = editor.add_history_entry(String::from_utf8_lossy(text));
        }
    }
}
