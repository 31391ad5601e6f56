//! The library `coroutine`.
//!
//! In:  arguments.   Out: results. The work is done in `vm::coroutine`.

use crate::heap::layout::ThreadStatus;
use crate::heap::{ThreadRef, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::native::{Args, BasicType, NativeFunction, Returned};

pub static FUNCTIONS: [NativeFunction; 8] = [
    NativeFunction { name: "create", call: create, intrinsic: None },
    NativeFunction { name: "resume", call: resume, intrinsic: None },
    NativeFunction { name: "running", call: running, intrinsic: None },
    NativeFunction { name: "status", call: status, intrinsic: None },
    NativeFunction { name: "wrap", call: wrap, intrinsic: None },
    NativeFunction { name: "yield", call: yield_, intrinsic: None },
    NativeFunction { name: "isyieldable", call: isyieldable, intrinsic: None },
    NativeFunction { name: "close", call: close, intrinsic: None },
];

/// What `wrap` returns; its upvalue is the coroutine.
static WRAPPED: NativeFunction = NativeFunction { name: "wrapped", call: wrapped, intrinsic: None };

fn check_thread(vm: &mut Vm, args: Args) -> LuaResult<ThreadRef> {
    let value = vm.check_type(args, 1, BasicType::Thread)?;
    Ok(value.as_thread().expect("the type was checked"))
}

fn status_name(thread: ThreadRef) -> &'static str {
    match thread.status() {
        ThreadStatus::Suspended => "suspended",
        ThreadStatus::Running => "running",
        ThreadStatus::Normal => "normal",
        ThreadStatus::Dead | ThreadStatus::Failed => "dead",
    }
}

fn new_coroutine(vm: &mut Vm, args: Args) -> LuaResult<ThreadRef> {
    let function = vm.check_type(args, 1, BasicType::Function)?;
    Ok(vm.new_coroutine(function))
}

fn create(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let thread = new_coroutine(vm, args)?;
    vm.ret(Value::from(thread))
}

fn resume(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let thread = check_thread(vm, args)?;
    vm.resume(thread, args.len() - 1, false)
}

fn wrap(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let thread = Value::from(new_coroutine(vm, args)?);
    let closure = vm.heap.new_native_closure(&WRAPPED, &[thread]);
    vm.ret(Value::from(closure))
}

fn wrapped(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let thread = vm.native_upvalue(1).as_thread().expect("`wrap` made the upvalue");
    vm.resume(thread, args.len(), true)
}

fn yield_(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    vm.yield_values(args.len())
}

fn status(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let thread = check_thread(vm, args)?;
    vm.ret_str(status_name(thread).as_bytes())
}

fn running(vm: &mut Vm, _: Args) -> LuaResult<Returned> {
    let thread = vm.current_thread();
    let is_main = thread == vm.main_thread();
    vm.ret_all(&[Value::from(thread), Value::bool(is_main)])
}

fn isyieldable(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let thread = if args.len() == 0 { vm.current_thread() } else { check_thread(vm, args)? };
    let is_yieldable = vm.is_yieldable(thread);
    vm.ret(Value::bool(is_yieldable))
}

fn close(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let thread = check_thread(vm, args)?;
    match thread.status() {
        ThreadStatus::Running | ThreadStatus::Normal => {
            let message = format!("cannot close a {} coroutine", status_name(thread));
            Err(vm.error(message))
        }
        _ => match vm.close_coroutine(thread)? {
            None => vm.ret(Value::TRUE),
            Some(error) => vm.ret_all(&[Value::FALSE, error]),
        },
    }
}
