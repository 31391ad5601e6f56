//! What system calls that fail look like in Lua.
//!
//! In:  a result of [`crate::vm::host`].   Out: `true`, or nil, a message and the error number.

use crate::heap::Value;
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::host::Errno;
use crate::vm::host::process::Ended;
use crate::vm::native::Returned;

/// `luaL_fileresult`: true, or nil, `name: reason` and the number.
pub fn file_result(
    vm: &mut Vm,
    result: Result<(), Errno>,
    name: Option<&[u8]>,
) -> LuaResult<Returned> {
    let Err(errno) = result else {
        return vm.ret(Value::TRUE);
    };
    let reason = reason(errno);
    let message = match name {
        Some(name) => [name, b": ", &reason].concat(),
        None => reason,
    };
    let message = vm.heap.new_string_value(&message);
    vm.ret_all(&[Value::NIL, message, Value::int(i64::from(errno.0))])
}

/// `luaL_execresult`: true or nil, `exit` or `signal`, and the code.
pub fn command_result(vm: &mut Vm, status: Result<i32, Errno>) -> LuaResult<Returned> {
    let ended = match status {
        Ok(status) => Ended::of(status),
        Err(Errno(0)) => Ended::of(-1),
        Err(errno) => return file_result(vm, Err(errno), None),
    };
    let (kind, code) = match ended {
        Ended::Exit(code) => ("exit", code),
        Ended::Signal(signal) => ("signal", signal),
    };
    let success = if ended == Ended::Exit(0) { Value::TRUE } else { Value::NIL };
    let kind = vm.heap.new_string_value(kind.as_bytes());
    vm.ret_all(&[success, kind, Value::int(i64::from(code))])
}

pub fn reason(errno: Errno) -> Vec<u8> {
    if errno == Errno(0) { b"(no extra info)".to_vec() } else { errno.text() }
}
