//! The library functions.
//!
//! In:  a fresh [`Vm`].   Out: its globals.
//!
//! 1. [`base`]    `print`, `pcall`, `load` and the other globals
//! 2. [`math`]    numbers, and [`random`] numbers
//! 3. [`table`]   lists; [`sort`] has the order of comparisons that PUC has
//! 4. [`string`]  bytes; [`format`] is C's `printf`, [`pattern`] the matcher, [`pack`] the binary
//!    format, [`arith`] the arithmetic of strings
//! 5. [`utf8`]    code points
//! 6. [`coroutine`]  what `vm::coroutine` does, as functions
//! 7. [`debug`]   functions and frames from inside
//! 8. [`io`], [`os`], [`load_file`], [`package`]  what touches the system outside; [`system`] has what
//!    they share
//!
//! Invariant: results and error messages equal those of PUC Lua 5.4 byte for byte, except for
//! addresses and for what each module names under *Limits*.

#![forbid(unsafe_code)]

pub mod arith;
pub mod base;
pub mod coroutine;
pub mod debug;
pub mod format;
pub mod io;
pub mod load_file;
pub mod math;
pub mod os;
pub mod pack;
pub mod package;
pub mod pattern;
pub mod random;
pub mod sort;
pub mod string;
pub mod system;
pub mod table;
pub mod utf8;

use crate::heap::{TableRef, Value};
use crate::vm::{NativeFunction, Vm};

/// A library: a global table of functions.
///
/// The functions are elements of a static array, not of a slice that a static refers to: only the
/// former has one address in every compilation unit, and a function's address is its identity.
struct Library {
    name: &'static str,
    functions: &'static [NativeFunction],
    /// The keys that the table gets first, in this order; empty if that is the order of `functions`.
    keys: &'static [&'static str],
    /// Adds what is not a plain function.
    finish: fn(&mut Vm, TableRef),
}

/// The libraries whose results depend on nothing but the program. `_G` stands for the globals themselves.
static PURE: &[Library] = &[
    Library { name: "_G", functions: &base::FUNCTIONS, keys: base::KEYS, finish: base::finish },
    Library { name: "table", functions: &table::FUNCTIONS, keys: &[], finish: |_, _| {} },
    Library { name: "string", functions: &string::FUNCTIONS, keys: &[], finish: string::finish },
    Library { name: "math", functions: &math::FUNCTIONS, keys: math::KEYS, finish: math::finish },
    Library { name: "utf8", functions: &utf8::FUNCTIONS, keys: &[], finish: utf8::finish },
    Library { name: "coroutine", functions: &coroutine::FUNCTIONS, keys: &[], finish: |_, _| {} },
];

/// The libraries that touch the system outside, or (`debug`) the hooks by which runs are compared. `_G` adds
/// to the globals.
static SYSTEM: &[Library] = &[
    Library { name: "_G", functions: &load_file::FUNCTIONS, keys: &[], finish: |_, _| {} },
    Library { name: "package", functions: &package::FUNCTIONS, keys: &[], finish: package::finish },
    Library { name: "io", functions: &io::FUNCTIONS, keys: &[], finish: io::finish },
    Library { name: "os", functions: &os::FUNCTIONS, keys: &[], finish: |_, _| {} },
    Library { name: "debug", functions: &debug::FUNCTIONS, keys: &[], finish: debug::finish },
];

/// What [`open_pure`] has of the system's libraries.
static PART: &[Library] =
    &[Library { name: "debug", functions: &debug::TRACEBACK, keys: &[], finish: |_, _| {} }];

/// Builds the globals.
pub fn open_all(vm: &mut Vm) {
    open(vm, PURE);
    open(vm, SYSTEM);
}

/// Builds the globals without what touches the system outside: `dofile`, `loadfile`, `require`, `io`,
/// `os`, `package`; of `debug` it has `traceback` alone. For hosts that compare runs: tables are traversed in
/// the order in which PUC's are that open these libraries in this order.
pub fn open_pure(vm: &mut Vm) {
    open(vm, PURE);
    open(vm, PART);
    for function in &load_file::FUNCTIONS {
        vm.set_global(function.name, Value::NIL);
    }
}

fn open(vm: &mut Vm, libraries: &'static [Library]) {
    for library in libraries {
        let table = match library.name {
            "_G" => {
                let globals = vm.globals();
                reserve(vm, globals, library.keys);
                set_functions(vm, globals, library.functions);
                globals
            }
            _ if !library.keys.is_empty() => {
                let table = vm.heap.new_table_sized(0, library.keys.len() as u32);
                reserve(vm, table, library.keys);
                set_functions(vm, table, library.functions);
                table
            }
            _ => table_of(vm, library.functions, 0),
        };
        (library.finish)(vm, table);
        vm.globals().set_name(&mut vm.heap, library.name, Value::from(table));
        vm.loaded().set_name(&mut vm.heap, library.name, Value::from(table));
    }
}

/// Gives a table these keys, in this order.
fn reserve(vm: &mut Vm, table: TableRef, keys: &[&str]) {
    for key in keys {
        table.set_name(&mut vm.heap, key, Value::FALSE);
    }
}

/// A table of these functions by name, with room for `more` fields.
fn table_of(vm: &mut Vm, functions: &'static [NativeFunction], more: u32) -> TableRef {
    let table = vm.heap.new_table_sized(0, functions.len() as u32 + more);
    set_functions(vm, table, functions);
    table
}

fn set_functions(vm: &mut Vm, table: TableRef, functions: &'static [NativeFunction]) {
    for function in functions {
        table.set_name(&mut vm.heap, function.name, Value::native(function));
    }
}

/// Whether a value of tag `Native` may have this address: that of a static of this program, as all
/// library functions are, also those that no library lists (iterators' steps).
pub(crate) fn may_be_function(address: u64) -> bool {
    const STATICS_BYTES: u64 = 1 << 20;
    let distance = address.abs_diff(base::FUNCTIONS.as_ptr() as u64);
    distance < STATICS_BYTES && address.is_multiple_of(align_of::<NativeFunction>() as u64)
}

/// A field of a value's metatable, read without metamethods; nil if there is none.
fn metatable_field(vm: &mut Vm, value: Value, name: &str) -> Value {
    let key = vm.heap.new_string(name.as_bytes());
    vm.metatable_of(value).map_or(Value::NIL, |metatable| metatable.get_str(key))
}

/// The bytes of a string or number, as concatenation would see them.
fn text_of(value: Value) -> Option<Vec<u8>> {
    match value.as_str() {
        Some(string) => Some(string.as_bytes().to_vec()),
        None => crate::heap::number::number_text(value),
    }
}
