//! The library `os`.
//!
//! In:  arguments.   Out: results of the system; [`date`] has the calendar.
//!
//! Limit: a locale changes how C formats numbers and dates, as in PUC, but not how numerals are read.

pub mod date;

use super::system::{command_result, file_result};
use crate::heap::{Tag, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::host::c_string;
use crate::vm::host::process::{self, Locale};
use crate::vm::native::{Args, NativeFunction, Returned};

pub static FUNCTIONS: [NativeFunction; 11] = [
    NativeFunction { name: "clock", call: clock, intrinsic: None },
    NativeFunction { name: "date", call: date::date, intrinsic: None },
    NativeFunction { name: "difftime", call: date::difftime, intrinsic: None },
    NativeFunction { name: "execute", call: execute, intrinsic: None },
    NativeFunction { name: "exit", call: exit, intrinsic: None },
    NativeFunction { name: "getenv", call: getenv, intrinsic: None },
    NativeFunction { name: "remove", call: remove, intrinsic: None },
    NativeFunction { name: "rename", call: rename, intrinsic: None },
    NativeFunction { name: "setlocale", call: setlocale, intrinsic: None },
    NativeFunction { name: "time", call: date::time, intrinsic: None },
    NativeFunction { name: "tmpname", call: tmpname, intrinsic: None },
];

fn clock(vm: &mut Vm, _: Args) -> LuaResult<Returned> {
    vm.ret(Value::float(process::processor_seconds()))
}

fn execute(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    match vm.opt_str(args, 1)? {
        Some(command) => {
            let status = process::run_command(&c_string(command.as_bytes()));
            command_result(vm, status)
        }
        None => vm.ret(Value::bool(process::has_shell())),
    }
}

/// Ends the process, not only the VM: so does C's `exit`, which also flushes the open files.
fn exit(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let code = match vm.arg(args, 1).tag() {
        Tag::True => 0,
        Tag::False => 1,
        _ => vm.opt_int(args, 1, 0)? as i32,
    };
    if !vm.arg(args, 2).is_falsy() {
        vm.close()?;
    }
    std::process::exit(code)
}

fn getenv(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.check_str(args, 1)?;
    match environment(name.as_bytes()) {
        Some(value) => vm.ret_str(&value),
        None => vm.ret(Value::NIL),
    }
}

/// The value of an environment variable. Rust refuses names that C finds to be absent.
pub fn environment(name: &[u8]) -> Option<Vec<u8>> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let name = crate::vm::host::until_nul(name);
    if name.is_empty() || name.contains(&b'=') {
        return None;
    }
    std::env::var_os(std::ffi::OsStr::from_bytes(name)).map(OsStringExt::into_vec)
}

fn remove(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.check_str(args, 1)?;
    let name = c_string(name.as_bytes());
    let result = process::remove(&name);
    file_result(vm, result, Some(name.as_bytes()))
}

fn rename(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let from = vm.check_str(args, 1)?;
    let to = vm.check_str(args, 2)?;
    let result = process::rename(&c_string(from.as_bytes()), &c_string(to.as_bytes()));
    file_result(vm, result, None)
}

fn setlocale(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    const NAMES: &[&str] = &["all", "collate", "ctype", "monetary", "numeric", "time"];
    const CATEGORIES: [Locale; 6] = [
        Locale::All,
        Locale::Collate,
        Locale::Ctype,
        Locale::Monetary,
        Locale::Numeric,
        Locale::Time,
    ];
    let name = vm.opt_str(args, 1)?.map(|name| c_string(name.as_bytes()));
    let category = CATEGORIES[vm.check_option(args, 2, Some("all"), NAMES)?];
    match process::set_locale(category, name.as_deref()) {
        Some(name) => vm.ret_str(&name),
        None => vm.ret(Value::NIL),
    }
}

fn tmpname(vm: &mut Vm, _: Args) -> LuaResult<Returned> {
    match process::temporary_name() {
        Some(name) => vm.ret_str(&name),
        None => Err(vm.error("unable to generate a unique filename")),
    }
}
