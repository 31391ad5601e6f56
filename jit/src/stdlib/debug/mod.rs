//! The debug library.
//!
//! In:  functions, threads and levels.   Out: what `vm::activation` and `vm::hook` know of them.
//!
//! 1. [`info`]       `getinfo`
//! 2. [`variables`]  local variables and upvalues
//! 3. [`hooks`]      `sethook` and `gethook`
//! 4. here           tracebacks, metatables, user values, the registry, the console
//!
//! Most functions take a thread before their other arguments; without one they look at the running
//! thread.
//!
//! Limits: userdata have no user values, as the ones that the standard libraries make have none in PUC.

pub mod hooks;
pub mod info;
pub mod variables;

use crate::bytecode;
use crate::heap::{TableRef, ThreadRef, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::host::stream::{Stream, StreamKind};
use crate::vm::native::{Args, BasicType, NativeFunction, Returned};
use std::io::Write;
use std::sync::Arc;

pub static FUNCTIONS: [NativeFunction; 17] = [
    NativeFunction { name: "debug", call: debug, intrinsic: None },
    NativeFunction { name: "getuservalue", call: getuservalue, intrinsic: None },
    NativeFunction { name: "gethook", call: hooks::gethook, intrinsic: None },
    NativeFunction { name: "getinfo", call: info::getinfo, intrinsic: None },
    NativeFunction { name: "getlocal", call: variables::getlocal, intrinsic: None },
    NativeFunction { name: "getregistry", call: getregistry, intrinsic: None },
    NativeFunction { name: "getmetatable", call: getmetatable, intrinsic: None },
    NativeFunction { name: "getupvalue", call: variables::getupvalue, intrinsic: None },
    NativeFunction { name: "upvaluejoin", call: variables::upvaluejoin, intrinsic: None },
    NativeFunction { name: "upvalueid", call: variables::upvalueid, intrinsic: None },
    NativeFunction { name: "setuservalue", call: setuservalue, intrinsic: None },
    NativeFunction { name: "sethook", call: hooks::sethook, intrinsic: None },
    NativeFunction { name: "setlocal", call: variables::setlocal, intrinsic: None },
    NativeFunction { name: "setmetatable", call: setmetatable, intrinsic: None },
    NativeFunction { name: "setupvalue", call: variables::setupvalue, intrinsic: None },
    NativeFunction { name: "traceback", call: traceback, intrinsic: None },
    NativeFunction { name: "setcstacklimit", call: setcstacklimit, intrinsic: None },
];

/// What of it asks for nothing but the program's state, and leaves it alone.
pub static TRACEBACK: [NativeFunction; 1] =
    [NativeFunction { name: "traceback", call: traceback, intrinsic: None }];

/// What PUC keeps at these positions of the registry (`LUA_RIDX_MAINTHREAD`, `LUA_RIDX_GLOBALS`).
pub fn finish(vm: &mut Vm, _: TableRef) {
    let registry = vm.registry();
    for (index, value) in
        [Value::from(vm.main_thread()), Value::from(vm.globals())].iter().enumerate()
    {
        registry.set_beyond_limit(&mut vm.heap, Value::int(index as i64 + 1), *value);
    }
}

/// The thread that a function is about, and how many arguments name it (0 or 1).
fn thread_argument(vm: &Vm, args: Args) -> (ThreadRef, usize) {
    match vm.arg(args, 1).as_thread() {
        Some(thread) => (thread, 1),
        None => (vm.current_thread(), 0),
    }
}

/// The frame of a thread at a level, which C takes as an `int`.
fn frame_at(vm: &Vm, thread: ThreadRef, level: i64) -> Option<usize> {
    vm.thread_state(thread).frame_at(usize::try_from(level as i32).ok()?)
}

fn traceback(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let (thread, skipped) = thread_argument(vm, args);
    let message = vm.arg(args, skipped + 1);
    let text = super::text_of(message);
    if text.is_none() && !message.is_nil() {
        return vm.ret(message);
    }
    let default = i64::from(thread == vm.current_thread());
    let level = vm.opt_int(args, skipped + 2, default)? as i32;
    // There is nothing at a negative level.
    let level = usize::try_from(level).unwrap_or(usize::MAX);
    let text = vm.traceback_of(vm.thread_state(thread), text.as_deref(), level);
    vm.ret_str(&text)
}

fn getregistry(vm: &mut Vm, _: Args) -> LuaResult<Returned> {
    vm.ret(Value::from(vm.registry()))
}

fn getmetatable(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let value = vm.check_any(args, 1)?;
    vm.ret(vm.metatable_of(value).map_or(Value::NIL, Value::from))
}

fn setmetatable(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let metatable = match vm.arg_opt(args, 2) {
        Some(value) if value.is_nil() || value.is_table() => value.as_table(),
        _ => return Err(vm.arg_type_error(args, 2, "nil or table")),
    };
    let value = vm.arg(args, 1);
    vm.set_metatable_of(value, metatable);
    vm.keep_args(args, 0);
    vm.ret(value)
}

fn getuservalue(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    vm.opt_int(args, 2, 1)?;
    vm.ret(Value::NIL)
}

fn setuservalue(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    vm.opt_int(args, 3, 1)?;
    vm.check_type(args, 1, BasicType::Userdata)?;
    vm.check_any(args, 2)?;
    vm.keep_args(args, 1);
    vm.ret(Value::NIL)
}

/// Kept by PUC for old programs; the limit cannot be changed.
fn setcstacklimit(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    vm.check_int(args, 1)?;
    vm.ret(Value::int(200))
}

/// Longest line that the console reads at a time, its end included.
const CONSOLE_LINE: usize = 249;

/// Executes lines of standard input until one says `cont`.
fn debug(vm: &mut Vm, _: Args) -> LuaResult<Returned> {
    // The stream that `io` reads: what one has buffered, the other must see.
    let mut input = Stream::standard(StreamKind::Input);
    loop {
        eprint!("lua_debug> ");
        // Nobody is left to be told of a console that cannot be written.
        let _ = std::io::stderr().flush();
        let mut line = Vec::new();
        while line.len() < CONSOLE_LINE && line.last() != Some(&b'\n') {
            match input.byte() {
                Some(byte) => line.push(byte),
                None => break,
            }
        }
        if line.is_empty() || line == b"cont\n" {
            return vm.ret0();
        }
        if let Some(message) = run_line(vm, &line)? {
            eprintln!("{}", String::from_utf8_lossy(&message));
        }
    }
}

/// The text of the error, if there is one.
fn run_line(vm: &mut Vm, line: &[u8]) -> LuaResult<Option<Vec<u8>>> {
    let proto = match bytecode::load(line, b"=(debug command)", "bt", vm.c_calls) {
        Ok(proto) => proto,
        Err(error) => return Ok(Some(error.message)),
    };
    let function = Value::from(vm.load(&Arc::new(proto)));
    let level = vm.open_top();
    let Err(error) = vm.catching_unhandled(|vm| vm.call(function, &[])) else {
        return Ok(None);
    };
    let value = vm.catch_error(level, error)?;
    Ok(Some(vm.to_string(value)?.as_bytes().to_vec()))
}
