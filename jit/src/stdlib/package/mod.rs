//! `require` and the library `package`.
//!
//! In:  module names.   Out: modules. [`search`] finds files and makes loaders.
//!
//! Limit: C modules cannot be loaded; they get the message of a PUC that was built without them.

pub mod search;

use crate::heap::{TableRef, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::native::{Args, NativeFunction, Returned};

pub static FUNCTIONS: [NativeFunction; 2] = [
    NativeFunction { name: "loadlib", call: search::loadlib, intrinsic: None },
    NativeFunction { name: "searchpath", call: search::searchpath, intrinsic: None },
];

static REQUIRE: NativeFunction = NativeFunction { name: "require", call: require, intrinsic: None };

/// Directory separator, path separator, mark of the name, mark of the program's directory, ignore mark.
const CONFIG: &[u8] = b"/\n;\n?\n!\n-\n";

const LUA_PATH: &[u8] = b"/usr/local/share/lua/5.4/?.lua;/usr/local/share/lua/5.4/?/init.lua;\
/usr/local/lib/lua/5.4/?.lua;/usr/local/lib/lua/5.4/?/init.lua;./?.lua;./?/init.lua";
const C_PATH: &[u8] = b"/usr/local/lib/lua/5.4/?.so;/usr/local/lib/lua/5.4/loadall.so;./?.so";

/// Set in the registry, it keeps the environment from changing the paths (the option `-E`).
pub const NO_ENVIRONMENT: &str = "LUA_NOENV";

/// Adds the fields that are not functions, and the global `require`.
pub fn finish(vm: &mut Vm, package: TableRef) {
    let upvalue = [Value::from(package)];
    let searchers = vm.heap.new_table_sized(search::SEARCHERS.len() as u32, 0);
    package.set_name(&mut vm.heap, "searchers", Value::from(searchers));
    for (i, searcher) in search::SEARCHERS.iter().enumerate() {
        let searcher = Value::from(vm.heap.new_native_closure(searcher, &upvalue));
        searchers.set_beyond_limit(&mut vm.heap, Value::int(i as i64 + 1), searcher);
    }
    for (name, variable, default) in
        [("path", "LUA_PATH", LUA_PATH), ("cpath", "LUA_CPATH", C_PATH)]
    {
        let path = path_from_environment(vm, variable, default);
        let path = vm.heap.new_string_value(&path);
        package.set_name(&mut vm.heap, name, path);
    }
    let config = vm.heap.new_string_value(CONFIG);
    let loaded = Value::from(vm.loaded());
    let preload = Value::from(vm.heap.new_table());
    package.set_name(&mut vm.heap, "config", config);
    package.set_name(&mut vm.heap, "loaded", loaded);
    package.set_name(&mut vm.heap, "preload", preload);
    let registry = vm.registry();
    registry.set_name(&mut vm.heap, "_PRELOAD", preload);
    let require = Value::from(vm.heap.new_native_closure(&REQUIRE, &upvalue));
    vm.set_global(REQUIRE.name, require);
}

/// A search path: the variable with the version's suffix, the plain one, or the default, which also
/// replaces a `;;`.
fn path_from_environment(vm: &mut Vm, variable: &str, default: &[u8]) -> Vec<u8> {
    let key = vm.heap.new_string(NO_ENVIRONMENT.as_bytes());
    if !vm.registry().get_str(key).is_falsy() {
        return default.to_vec();
    }
    let versioned = format!("{variable}_5_4");
    let path = super::os::environment(versioned.as_bytes())
        .or_else(|| super::os::environment(variable.as_bytes()));
    match path {
        Some(path) => with_default(&path, default),
        None => default.to_vec(),
    }
}

fn with_default(path: &[u8], default: &[u8]) -> Vec<u8> {
    let Some(mark) = path.windows(2).position(|pair| pair == b";;") else {
        return path.to_vec();
    };
    let (before, after) = (&path[..mark], &path[mark + 2..]);
    let parts = [before, default, after];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(&b';')
}

fn require(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let name = vm.check_str(args, 1)?;
    let loaded = Value::from(vm.loaded());
    vm.keep_args(args, 1);
    vm.push(loaded);
    let module = vm.index(loaded, Value::from(name))?;
    if !module.is_falsy() {
        return vm.ret(module);
    }
    let (loader, data) = search::find_loader(vm, args)?;
    // Kept on the stack while the loader runs.
    vm.push(data);
    let mut module = vm.call1(loader, &[vm.arg(args, 1), data])?;
    if !module.is_nil() {
        vm.set_index(loaded, Value::from(name), module)?;
    }
    module = vm.index(loaded, Value::from(name))?;
    if module.is_nil() {
        module = Value::TRUE;
        vm.set_index(loaded, Value::from(name), module)?;
    }
    // Below them PUC has the name, `package.loaded`, `package.searchers` and a buffer.
    vm.keep_args(args, 1);
    for value in [loaded, Value::NIL, Value::NIL, module, data] {
        vm.push(value);
    }
    vm.ret_pushed(2)
}

#[cfg(test)]
mod tests {
    use super::with_default;

    #[test]
    fn two_separators_stand_for_the_default() {
        let cases = [
            ("a", "a"),
            (";;", "D"),
            ("a;;", "a;D"),
            (";;b", "D;b"),
            ("a;;b;;c", "a;D;b;;c"),
            ("", ""),
        ];
        for (path, expected) in cases {
            assert_eq!(with_default(path.as_bytes(), b"D"), expected.as_bytes(), "{path}");
        }
    }
}
