//! Local variables and upvalues.
//!
//! In:  a level or a function, and a number from 1; varargs have numbers from -1 downwards.
//! Out: name and value, or the variable changed.

use super::{frame_at, thread_argument};
use crate::heap::{Tag, ThreadRef, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::native::{Args, BasicType, Returned};

/// The frame that argument `n` names.
fn check_level(vm: &mut Vm, args: Args, n: usize, thread: ThreadRef) -> LuaResult<Option<usize>> {
    let level = vm.check_int(args, n)?;
    Ok(frame_at(vm, thread, level))
}

pub fn getlocal(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let (thread, skipped) = thread_argument(vm, args);
    let number = vm.check_int(args, skipped + 2)? as i32;
    let subject = vm.arg(args, skipped + 1);
    if subject.is_function() {
        vm.push(subject);
        let name = subject
            .as_closure()
            .and_then(|closure| closure.proto().parameter_name(number).map(<[u8]>::to_vec));
        return match name {
            Some(name) => vm.ret_str(&name),
            None => vm.ret(Value::NIL),
        };
    }
    let Some(index) = check_level(vm, args, skipped + 1, thread)? else {
        return Err(vm.arg_error(skipped + 1, "level out of range"));
    };
    let state = vm.thread_state(thread);
    match state.find_local(index, number) {
        Some((name, slot)) => {
            let value = state.stack.get(slot);
            let name = vm.heap.new_string_value(&name);
            vm.ret_all(&[name, value])
        }
        None => vm.ret(Value::NIL),
    }
}

pub fn setlocal(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let (thread, skipped) = thread_argument(vm, args);
    vm.check_int(args, skipped + 1)?;
    let number = vm.check_int(args, skipped + 2)? as i32;
    let Some(index) = check_level(vm, args, skipped + 1, thread)? else {
        return Err(vm.arg_error(skipped + 1, "level out of range"));
    };
    let value = vm.check_any(args, skipped + 3)?;
    let name = vm.set_local(thread, index, number, value);
    vm.keep_args(args, skipped as u32 + 2);
    match name {
        Some(name) => vm.ret_str(&name),
        None => vm.ret(Value::NIL),
    }
}

/// Name and value of upvalue `n` of a function. Those of natives have no names.
fn upvalue(function: Value, n: i32) -> Option<(Vec<u8>, Value)> {
    let index = usize::try_from(n).ok()?.checked_sub(1)?;
    if let Some(closure) = function.as_closure() {
        if index >= closure.upvalue_count() {
            return None;
        }
        let name = closure.proto().proto.upvalue_name(index).unwrap_or(b"(no name)").to_vec();
        return Some((name, closure.upvalue(index).get()));
    }
    let closure = function.as_native_closure()?;
    (index < closure.upvalue_count()).then(|| (Vec::new(), closure.upvalue(index)))
}

pub fn getupvalue(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let number = vm.check_int(args, 2)? as i32;
    let function = vm.check_type(args, 1, BasicType::Function)?;
    match upvalue(function, number) {
        Some((name, value)) => {
            let name = vm.heap.new_string_value(&name);
            vm.ret_all(&[name, value])
        }
        None => vm.ret0(),
    }
}

pub fn setupvalue(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    vm.check_any(args, 3)?;
    let number = vm.check_int(args, 2)? as i32;
    let function = vm.check_type(args, 1, BasicType::Function)?;
    let Some((name, _)) = upvalue(function, number) else {
        return vm.ret0();
    };
    // PUC takes the last argument, whichever it is.
    let value = vm.arg(args, args.len());
    let index = number as usize - 1;
    if let Some(closure) = function.as_closure() {
        let upvalue = closure.upvalue(index);
        upvalue.set(&mut vm.heap, value);
    } else if let Some(closure) = function.as_native_closure() {
        closure.set_upvalue(&mut vm.heap, index, value);
    }
    vm.ret_str(&name)
}

/// What identifies upvalue `n` of a function.
fn identity(function: Value, n: i32) -> Option<u64> {
    let index = usize::try_from(n).ok()?.checked_sub(1)?;
    if let Some(closure) = function.as_closure() {
        return (index < closure.upvalue_count()).then(|| closure.upvalue(index).address());
    }
    let closure = function.as_native_closure()?;
    (index < closure.upvalue_count()).then(|| closure.upvalue_address(index))
}

/// The function and the upvalue's number in arguments `n` and `n + 1`.
fn check_upvalue(vm: &mut Vm, args: Args, n: usize) -> LuaResult<(Value, i32)> {
    let number = vm.check_int(args, n + 1)? as i32;
    let function = vm.check_type(args, n, BasicType::Function)?;
    Ok((function, number))
}

pub fn upvalueid(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let (function, number) = check_upvalue(vm, args, 1)?;
    let id = identity(function, number);
    vm.ret(id.map_or(Value::NIL, |address| Value::from_raw(Tag::LightUserdata, address)))
}

pub fn upvaluejoin(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let mut sides = Vec::new();
    for n in [1, 3] {
        let (function, number) = check_upvalue(vm, args, n)?;
        if identity(function, number).is_none() {
            return Err(vm.arg_error(n + 1, "invalid upvalue index"));
        }
        sides.push((function, number as usize - 1));
    }
    for (n, (function, _)) in [1, 3].into_iter().zip(&sides) {
        if function.as_closure().is_none() {
            return Err(vm.arg_error(n, "Lua function expected"));
        }
    }
    let closures = sides.iter().map(|(function, index)| (function.as_closure(), *index));
    if let [(Some(to), to_index), (Some(from), from_index)] = closures.collect::<Vec<_>>()[..] {
        to.join_upvalue(&mut vm.heap, to_index, from.upvalue(from_index));
    }
    vm.ret0()
}
