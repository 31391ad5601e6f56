//! `loadfile` and `dofile`, and loading files for `require` and the command line.
//!
//! In:  a file name, or none for standard input.   Out: the main function of the chunk, or PUC's message.
//!
//! Limit: a file is read to its end before it is parsed; PUC stops at a syntax error.

use crate::bytecode;
use crate::heap::{ClosureRef, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::host::stream::{Stream, StreamKind};
use crate::vm::host::{Errno, c_string, until_nul};
use crate::vm::native::{Args, NativeFunction, Outcome, Returned};
use std::sync::Arc;

pub static FUNCTIONS: [NativeFunction; 2] = [
    NativeFunction { name: "dofile", call: dofile, intrinsic: None },
    NativeFunction { name: "loadfile", call: loadfile, intrinsic: None },
];

/// Why a chunk could not be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadError {
    pub message: Vec<u8>,
    /// The text is the beginning of a longer chunk.
    pub is_incomplete: bool,
}

/// Loads a chunk from a file (`luaL_loadfilex`).
pub fn load_file(vm: &mut Vm, name: Option<&[u8]>, mode: &[u8]) -> Result<ClosureRef, LoadError> {
    let failed = |what: &str, errno: Errno| {
        let name = name.map_or(&b"stdin"[..], until_nul);
        let reason =
            if errno == Errno(0) { Vec::new() } else { [b": ", &errno.text()[..]].concat() };
        let message = [b"cannot ", what.as_bytes(), b" ", name, &reason].concat();
        LoadError { message, is_incomplete: false }
    };
    let mut stream = match name {
        Some(name) => Stream::open(&c_string(name), c"r").map_err(|errno| failed("open", errno))?,
        None => Stream::standard(StreamKind::Input),
    };
    let mut source = Vec::new();
    Errno::clear();
    loop {
        let block = source.len().clamp(1 << 12, 1 << 24);
        if stream.read(block, &mut source) != Some(block) {
            break;
        }
    }
    if stream.error() {
        return Err(failed("read", Errno::last()));
    }
    let chunk_name = match name {
        Some(name) => [b"@", until_nul(name)].concat(),
        None => b"=stdin".to_vec(),
    };
    load_buffer(vm, &without_header(source), &chunk_name, mode)
}

/// Loads a chunk from memory (`luaL_loadbufferx`).
pub fn load_buffer(
    vm: &mut Vm,
    source: &[u8],
    chunk_name: &[u8],
    mode: &[u8],
) -> Result<ClosureRef, LoadError> {
    let mode = String::from_utf8_lossy(mode);
    match bytecode::load(source, chunk_name, &mode, vm.c_calls) {
        Ok(proto) => Ok(vm.load(&Arc::new(proto))),
        Err(error) => {
            let is_incomplete = error.message.ends_with(b"<eof>");
            Err(LoadError { message: error.message, is_incomplete })
        }
    }
}

/// Drops a byte order mark, and a first line that starts with `#`; the line break of that stays, so that
/// lines keep their numbers, unless a binary chunk follows. Of an incomplete mark the first byte stays,
/// which no chunk can begin with.
fn without_header(source: Vec<u8>) -> Vec<u8> {
    let mut source = source;
    match &source[..] {
        [0xef, 0xbb, 0xbf, ..] => drop(source.drain(..3)),
        [0xef, 0xbb, _, ..] => drop(source.drain(1..3)),
        [0xef, _, ..] => drop(source.drain(1..2)),
        _ => {}
    }
    if source.first() == Some(&b'#') {
        let end = source.iter().position(|byte| *byte == b'\n').unwrap_or(source.len());
        let binary = source.get(end + 1) == Some(&0x1b);
        source.drain(..end + usize::from(binary));
    }
    source
}

fn loadfile(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.opt_str(args, 1)?;
    let mode =
        vm.opt_str(args, 2)?.map_or(b"bt".to_vec(), |mode| until_nul(mode.as_bytes()).to_vec());
    let name = name.as_ref().map(|name| name.as_bytes());
    match load_file(vm, name, &mode) {
        Ok(closure) => {
            if let Some(environment) = vm.arg_opt(args, 3)
                && closure.upvalue_count() > 0
            {
                closure.upvalue(0).set(&mut vm.heap, environment);
            }
            vm.ret(Value::from(closure))
        }
        Err(error) => {
            let message = vm.heap.new_string_value(&error.message);
            vm.ret_all(&[Value::NIL, message])
        }
    }
}

fn dofile(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.opt_str(args, 1)?;
    let name = name.as_ref().map(|name| name.as_bytes());
    match load_file(vm, name, b"bt") {
        Ok(closure) => {
            let func = vm.open_top();
            vm.push(Value::from(closure));
            vm.call_then(func, |vm, _, outcome| match outcome {
                Outcome::Done { count, .. } => vm.ret_pushed(count),
                Outcome::Failed { .. } => unreachable!("the call is not protected"),
            })
        }
        Err(error) => {
            let message = vm.heap.new_string_value(&error.message);
            Err(crate::vm::LuaError::new(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::without_header;

    #[test]
    fn headers() {
        let cases: [(&[u8], &[u8]); 8] = [
            (b"return 1", b"return 1"),
            (b"\xef\xbb\xbfreturn 1", b"return 1"),
            (b"\xef\xbb\xbf#!lua\nreturn 1", b"\nreturn 1"),
            (b"#", b""),
            (b"#!lua\n\x1bLua", b"\x1bLua"),
            (b"\xef\xbbreturn", b"\xefeturn"),
            (b"\xefreturn", b"\xefeturn"),
            (b"\xef", b"\xef"),
        ];
        for (source, kept) in cases {
            assert_eq!(without_header(source.to_vec()), kept, "{source:?}");
        }
    }
}
