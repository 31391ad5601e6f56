//! The library `io`.
//!
//! In:  file names, modes, formats.   Out: file handles; [`read`] and [`write`] have what they do.
//!
//! A handle is a userdata with the metatable `FILE*` of the registry; it holds a C stream while it is
//! open. The default files are in the registry, under PUC's names.
//!
//! Limit: as long as a VM keeps its output (see `vm::output`), `io.stdout` writes into that, and has no
//! position or buffer of its own.

pub mod read;
pub mod write;

use super::system::{command_result, file_result, reason};
use crate::heap::{TableRef, UserdataRef, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::host::stream::{Stream, StreamKind};
use crate::vm::host::{Errno, c_string};
use crate::vm::native::{Args, NativeFunction, Returned};

pub static FUNCTIONS: [NativeFunction; 11] = [
    NativeFunction { name: "close", call: close_default, intrinsic: None },
    NativeFunction { name: "flush", call: write::flush_default, intrinsic: None },
    NativeFunction { name: "input", call: input, intrinsic: None },
    NativeFunction { name: "lines", call: read::lines_of, intrinsic: None },
    NativeFunction { name: "open", call: open, intrinsic: None },
    NativeFunction { name: "output", call: output, intrinsic: None },
    NativeFunction { name: "popen", call: popen, intrinsic: None },
    NativeFunction { name: "read", call: read::read_default, intrinsic: None },
    NativeFunction { name: "tmpfile", call: tmpfile, intrinsic: None },
    NativeFunction { name: "type", call: type_of, intrinsic: None },
    NativeFunction { name: "write", call: write::write_default, intrinsic: None },
];

static METHODS: [NativeFunction; 7] = [
    NativeFunction { name: "read", call: read::read, intrinsic: None },
    NativeFunction { name: "write", call: write::write, intrinsic: None },
    NativeFunction { name: "lines", call: read::lines, intrinsic: None },
    NativeFunction { name: "flush", call: write::flush, intrinsic: None },
    NativeFunction { name: "seek", call: write::seek, intrinsic: None },
    NativeFunction { name: "close", call: close, intrinsic: None },
    NativeFunction { name: "setvbuf", call: write::setvbuf, intrinsic: None },
];

static METAMETHODS: [NativeFunction; 3] = [
    NativeFunction { name: "__gc", call: release, intrinsic: None },
    NativeFunction { name: "__close", call: release, intrinsic: None },
    NativeFunction { name: "__tostring", call: to_string, intrinsic: None },
];

/// Name of the metatable, in the registry and in messages.
const HANDLE: &str = "FILE*";
/// Names of the default files in the registry.
const INPUT: &str = "_IO_input";
const OUTPUT: &str = "_IO_output";

/// What the userdata holds: the stream, until it is closed.
struct Handle(Option<Stream>);

/// Adds the metatable of handles and the standard files.
pub fn finish(vm: &mut Vm, library: TableRef) {
    let methods = super::table_of(vm, &METHODS, 0);
    let metatable = super::table_of(vm, &METAMETHODS, 2);
    let name = vm.heap.new_string_value(HANDLE.as_bytes());
    metatable.set_name(&mut vm.heap, "__name", name);
    metatable.set_name(&mut vm.heap, "__index", Value::from(methods));
    let registry = vm.registry();
    registry.set_name(&mut vm.heap, HANDLE, Value::from(metatable));
    let files = [
        ("stdin", StreamKind::Input, Some(INPUT)),
        ("stdout", StreamKind::Output, Some(OUTPUT)),
        ("stderr", StreamKind::Error, None),
    ];
    for (name, kind, default) in files {
        let handle = Box::new(Handle(Some(Stream::standard(kind))));
        let file = Value::from(vm.heap.new_userdata(handle, Some(metatable)));
        library.set_name(&mut vm.heap, name, file);
        if let Some(default) = default {
            registry.set_name(&mut vm.heap, default, file);
        }
    }
}

// -- handles ---------------------------------------------------------------------------------

fn registered(vm: &mut Vm, name: &str) -> Value {
    let key = vm.heap.new_string(name.as_bytes());
    vm.registry().get_str(key)
}

/// The handle that a value is, open or not.
fn as_handle(vm: &mut Vm, value: Value) -> Option<UserdataRef> {
    let userdata = value.as_userdata()?;
    let expected = registered(vm, HANDLE);
    let metatable = Value::from(userdata.metatable()?);
    (metatable.raw_equals(expected) && userdata.with(|_: &mut Handle| ()).is_some())
        .then_some(userdata)
}

/// Argument 1 as a handle, open or not.
fn check_handle(vm: &mut Vm, args: Args) -> LuaResult<UserdataRef> {
    let value = vm.arg(args, 1);
    match as_handle(vm, value) {
        Some(handle) => Ok(handle),
        None => Err(vm.arg_type_error(args, 1, HANDLE)),
    }
}

/// Argument 1 as a handle that is open.
fn check_open(vm: &mut Vm, args: Args) -> LuaResult<UserdataRef> {
    let handle = check_handle(vm, args)?;
    if is_open(handle) { Ok(handle) } else { Err(vm.error("attempt to use a closed file")) }
}

/// A default file, which must be open.
fn default_file(vm: &mut Vm, name: &str) -> LuaResult<UserdataRef> {
    let file = registered(vm, name).as_userdata();
    match file.filter(|file| is_open(*file)) {
        Some(file) => Ok(file),
        None => {
            let name = name.trim_start_matches("_IO_");
            Err(vm.error(format!("default {name} file is closed")))
        }
    }
}

fn is_open(handle: UserdataRef) -> bool {
    handle.with(|handle: &mut Handle| handle.0.is_some()).unwrap_or(false)
}

/// Runs `f` on the stream of an open handle.
fn with_stream<R>(handle: UserdataRef, f: impl FnOnce(&mut Stream) -> R) -> R {
    handle
        .with(|handle: &mut Handle| handle.0.as_mut().map(f))
        .flatten()
        .expect("callers have seen that the handle is open")
}

/// Whether the handle is standard output while the VM keeps that.
fn is_kept(vm: &Vm, handle: UserdataRef) -> bool {
    vm.keeps_output() && with_stream(handle, |stream| stream.kind()) == StreamKind::Output
}

fn new_handle(vm: &mut Vm, stream: Stream) -> Value {
    let metatable = registered(vm, HANDLE).as_table();
    Value::from(vm.heap.new_userdata(Box::new(Handle(Some(stream))), metatable))
}

// -- opening ---------------------------------------------------------------------------------

/// `[rwa]`, then perhaps `+`, then any number of `b`.
fn is_mode(mode: &[u8]) -> bool {
    let Some((b'r' | b'w' | b'a', rest)) = mode.split_first() else {
        return false;
    };
    rest.strip_prefix(b"+").unwrap_or(rest).iter().all(|byte| *byte == b'b')
}

fn open(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.check_str(args, 1)?;
    let mode = vm.opt_str(args, 2)?;
    let mode = c_string(mode.as_ref().map_or(b"r", |mode| mode.as_bytes()));
    if !is_mode(mode.as_bytes()) {
        return Err(vm.arg_error(2, "invalid mode"));
    }
    let name = c_string(name.as_bytes());
    let stream = Stream::open(&name, &mode);
    opened(vm, stream, Some(name.as_bytes()))
}

fn popen(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let command = vm.check_str(args, 1)?;
    let mode = vm.opt_str(args, 2)?;
    let mode = c_string(mode.as_ref().map_or(b"r", |mode| mode.as_bytes()));
    if !matches!(mode.as_bytes(), b"r" | b"w") {
        return Err(vm.arg_error(2, "invalid mode"));
    }
    let command = c_string(command.as_bytes());
    let stream = Stream::command(&command, &mode);
    opened(vm, stream, Some(command.as_bytes()))
}

fn tmpfile(vm: &mut Vm, _: Args) -> LuaResult<Returned> {
    opened(vm, Stream::temporary(), None)
}

/// A handle for the stream, or why there is none.
fn opened(vm: &mut Vm, stream: Result<Stream, Errno>, name: Option<&[u8]>) -> LuaResult<Returned> {
    match stream {
        Ok(stream) => {
            let handle = new_handle(vm, stream);
            vm.ret(handle)
        }
        Err(errno) => {
            // PUC makes the handle first.
            vm.push(Value::NIL);
            file_result(vm, Err(errno), name)
        }
    }
}

/// A handle for a file that must be there.
fn open_or_fail(vm: &mut Vm, name: &[u8], mode: &[u8]) -> LuaResult<Value> {
    let name = c_string(name);
    match Stream::open(&name, &c_string(mode)) {
        Ok(stream) => Ok(new_handle(vm, stream)),
        Err(errno) => {
            let reason = reason(errno);
            let message = [b"cannot open file '", name.as_bytes(), b"' (", &reason, b")"].concat();
            Err(vm.error(message))
        }
    }
}

fn input(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    change_default(vm, args, INPUT, b"r")
}

fn output(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    change_default(vm, args, OUTPUT, b"w")
}

/// Sets a default file if there is an argument, and returns what it is.
fn change_default(vm: &mut Vm, args: Args, name: &str, mode: &[u8]) -> LuaResult<Returned> {
    let argument = vm.arg(args, 1);
    if !argument.is_nil() {
        let file = match super::text_of(argument) {
            Some(path) => open_or_fail(vm, &path, mode)?,
            None => Value::from(check_open(vm, args)?),
        };
        let registry = vm.registry();
        registry.set_name(&mut vm.heap, name, file);
    }
    let file = registered(vm, name);
    vm.ret(file)
}

// -- the rest --------------------------------------------------------------------------------

fn type_of(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let value = vm.check_any(args, 1)?;
    match as_handle(vm, value) {
        Some(handle) => vm.ret_str(if is_open(handle) { b"file" } else { b"closed file" }),
        None => vm.ret(Value::NIL),
    }
}

fn to_string(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let handle = check_handle(vm, args)?;
    if !is_open(handle) {
        return vm.ret_str(b"file (closed)");
    }
    let address = with_stream(handle, |stream| stream.address());
    vm.ret_str(format!("file ({address:#x})").as_bytes())
}

fn close(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let handle = check_open(vm, args)?;
    close_handle(vm, handle)
}

fn close_default(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    if args.len() > 0 {
        return close(vm, args);
    }
    match registered(vm, OUTPUT).as_userdata().filter(|file| is_open(*file)) {
        Some(handle) => close_handle(vm, handle),
        None => Err(vm.error("attempt to use a closed file")),
    }
}

/// Closes an open handle, unless it is a standard file.
fn close_handle(vm: &mut Vm, handle: UserdataRef) -> LuaResult<Returned> {
    match with_stream(handle, |stream| stream.kind()) {
        StreamKind::File | StreamKind::Pipe => {}
        StreamKind::Input | StreamKind::Output | StreamKind::Error => {
            let message = vm.heap.new_string_value(b"cannot close standard file");
            return vm.ret_all(&[Value::NIL, message]);
        }
    }
    let stream = handle.with(|handle: &mut Handle| handle.0.take()).flatten();
    let stream = stream.expect("the handle is open");
    let kind = stream.kind();
    let status = stream.close();
    if kind == StreamKind::Pipe {
        return command_result(vm, status);
    }
    file_result(vm, status.map(|_| ()), None)
}

/// `__gc` and `__close`: closes what is open.
fn release(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let handle = check_handle(vm, args)?;
    if is_open(handle) {
        // Nobody is there to be told of a failure.
        let _ = close_handle(vm, handle)?;
    }
    vm.ret0()
}

#[cfg(test)]
mod tests {
    use super::is_mode;

    #[test]
    fn modes() {
        for mode in ["r", "w", "a", "r+", "w+b", "ab", "rbb"] {
            assert!(is_mode(mode.as_bytes()), "{mode}");
        }
        for mode in ["", "x", "rw", "r+b+", "br", "rt", "r++"] {
            assert!(!is_mode(mode.as_bytes()), "{mode}");
        }
    }
}
