//! The searchers of `require`.
//!
//! In:  a module's name.   Out: a loader and its second argument, or a line for the error message.

use crate::heap::Value;
use crate::stdlib::load_file::load_file;
use crate::stdlib::text_of;
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::host::stream::Stream;
use crate::vm::host::{c_string, until_nul};
use crate::vm::native::{Args, NativeFunction, Returned};

/// In the order in which they are asked. Upvalue 1 of each is the table `package`.
pub static SEARCHERS: [NativeFunction; 4] = [
    NativeFunction { name: "searcher_preload", call: search_preload, intrinsic: None },
    NativeFunction { name: "searcher_lua", call: search_lua, intrinsic: None },
    NativeFunction { name: "searcher_c", call: search_c, intrinsic: None },
    NativeFunction { name: "searcher_c_root", call: search_c_root, intrinsic: None },
];

const NO_C_MODULES: &[u8] = b"dynamic libraries not enabled; check your Lua installation";

/// A field of the table `package`.
fn package_field(vm: &mut Vm, name: &str) -> LuaResult<Value> {
    let package = vm.native_upvalue(1);
    let key = vm.heap.new_string_value(name.as_bytes());
    vm.index(package, key)
}

/// Asks the searchers for the module that argument 1 names; an error if none knows it.
pub fn find_loader(vm: &mut Vm, args: Args) -> LuaResult<(Value, Value)> {
    let Some(searchers) = package_field(vm, "searchers")?.as_table() else {
        return Err(vm.error("'package.searchers' must be a table"));
    };
    vm.push(Value::from(searchers));
    let name = vm.arg(args, 1);
    let mut places = Vec::new();
    for i in 1.. {
        let searcher = searchers.get_int(i);
        if searcher.is_nil() {
            let name = text_of(name).expect("the name is a string");
            let name = until_nul(&name);
            let message = [b"module '", name, b"' not found:", until_nul(&places)].concat();
            return Err(vm.error(message));
        }
        vm.push(searcher);
        vm.push(name);
        vm.call_pushed(1, 2)?;
        let (data, found) = (vm.pop(), vm.pop());
        if found.is_function() {
            return Ok((found, data));
        }
        if let Some(place) = text_of(found) {
            places.extend_from_slice(b"\n\t");
            places.extend_from_slice(&place);
        }
    }
    unreachable!("the list of searchers ends")
}

// -- paths -----------------------------------------------------------------------------------

/// The first readable file among the templates of `path`, or the lines that say where it is not.
fn search_path(
    name: &[u8],
    path: &[u8],
    separator: &[u8],
    replacement: &[u8],
) -> Result<Vec<u8>, Vec<u8>> {
    let name = match separator {
        [] => name.to_vec(),
        _ => replace_all(name, separator, replacement),
    };
    let path = replace_all(path, b"?", &name);
    for file in path.split(|byte| *byte == b';').filter(|_| !path.is_empty()) {
        if Stream::open(&c_string(file), c"r").is_ok() {
            return Ok(file.to_vec());
        }
    }
    let files = replace_all(&path, b";", b"'\n\tno file '");
    Err([b"no file '", &files[..], b"'"].concat())
}

fn replace_all(text: &[u8], pattern: &[u8], replacement: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with(pattern) {
            out.extend_from_slice(replacement);
            rest = &rest[pattern.len()..];
        } else {
            out.push(rest[0]);
            rest = &rest[1..];
        }
    }
    out
}

pub fn searchpath(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.check_str(args, 1)?;
    let path = vm.check_str(args, 2)?;
    let separator = vm.opt_str(args, 3)?;
    let replacement = vm.opt_str(args, 4)?;
    let found = search_path(
        until_nul(name.as_bytes()),
        until_nul(path.as_bytes()),
        separator.as_ref().map_or(b".", |s| until_nul(s.as_bytes())),
        replacement.as_ref().map_or(b"/", |s| until_nul(s.as_bytes())),
    );
    vm.push(Value::NIL);
    let separator = separator.as_ref().map_or(&b"."[..], |s| until_nul(s.as_bytes()));
    if has_separator(until_nul(name.as_bytes()), separator) {
        vm.push(Value::NIL);
    }
    match found {
        Ok(file) => vm.ret_str(&file),
        Err(places) => {
            let places = vm.heap.new_string_value(&places);
            vm.ret_all(&[Value::NIL, places])
        }
    }
}

/// Whether [`search_path`] writes the name anew, for which PUC leaves one value more on the stack.
fn has_separator(name: &[u8], separator: &[u8]) -> bool {
    match separator {
        [] => false,
        [first, ..] => name.contains(first),
    }
}

/// [`search_path`] in a field of `package`.
fn find_file(vm: &mut Vm, name: &[u8], field: &str) -> LuaResult<Result<Vec<u8>, Vec<u8>>> {
    let path = package_field(vm, field)?;
    // Path, name with its separators replaced, buffer.
    let left = if has_separator(until_nul(name), b".") { 3 } else { 2 };
    for _ in 0..left {
        vm.push(path);
    }
    match text_of(path) {
        Some(path) => Ok(search_path(until_nul(name), until_nul(&path), b".", b"/")),
        None => Err(vm.error(format!("'package.{field}' must be a string"))),
    }
}

// -- searchers -------------------------------------------------------------------------------

fn search_preload(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.check_str(args, 1)?;
    let key = vm.heap.new_string(b"_PRELOAD");
    let preload = vm.registry().get_str(key);
    vm.push(preload);
    let loader = vm.index(preload, Value::from(name))?;
    if loader.is_nil() {
        vm.push(loader);
        let name = until_nul(name.as_bytes());
        return vm.ret_str(&[b"no field package.preload['", name, b"']"].concat());
    }
    let data = vm.heap.new_string_value(b":preload:");
    vm.ret_all(&[loader, data])
}

fn search_lua(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.check_str(args, 1)?;
    let file = match find_file(vm, name.as_bytes(), "path")? {
        Ok(file) => file,
        Err(places) => return vm.ret_str(&places),
    };
    match load_file(vm, Some(&file), b"bt") {
        Ok(closure) => {
            // The name that was found.
            vm.push(Value::NIL);
            vm.push(Value::from(closure));
            let file = vm.heap.new_string_value(&file);
            vm.push(file);
            vm.ret_pushed(2)
        }
        Err(error) => fail_to_load(vm, args, &file, &error.message),
    }
}

fn fail_to_load(vm: &mut Vm, args: Args, file: &[u8], message: &[u8]) -> LuaResult<Returned> {
    let name = vm.check_str(args, 1)?;
    let message = [
        b"error loading module '",
        until_nul(name.as_bytes()),
        b"' from file '",
        file,
        b"':\n\t",
        until_nul(message),
    ];
    Err(vm.error(message.concat()))
}

fn search_c(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.check_str(args, 1)?;
    match find_file(vm, name.as_bytes(), "cpath")? {
        Ok(file) => fail_to_load(vm, args, &file, NO_C_MODULES),
        Err(places) => vm.ret_str(&places),
    }
}

fn search_c_root(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.check_str(args, 1)?;
    let Some(dot) = until_nul(name.as_bytes()).iter().position(|byte| *byte == b'.') else {
        return vm.ret0();
    };
    vm.push(Value::NIL);
    match find_file(vm, &name.as_bytes()[..dot], "cpath")? {
        Ok(file) => fail_to_load(vm, args, &file, NO_C_MODULES),
        Err(places) => vm.ret_str(&places),
    }
}

pub fn loadlib(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    vm.check_str(args, 1)?;
    vm.check_str(args, 2)?;
    let message = vm.heap.new_string_value(NO_C_MODULES);
    let place = vm.heap.new_string_value(b"absent");
    vm.ret_all(&[Value::NIL, message, place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_and_messages() {
        assert_eq!(
            search_path(b"a.b", b"/nonexistent/?.lua;/nonexistent/?/init.lua", b".", b"/"),
            Err(b"no file '/nonexistent/a/b.lua'\n\tno file '/nonexistent/a/b/init.lua'".to_vec())
        );
        assert_eq!(search_path(b"a", b"", b".", b"/"), Err(b"no file ''".to_vec()));
        assert_eq!(search_path(b"null", b"/dev/?", b"", b"/"), Ok(b"/dev/null".to_vec()));
    }
}
