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
//!
//! Invariant: results and error messages equal those of PUC Lua 5.4 byte for byte, except for
//! addresses and for what each module names under *Limits*.

#![forbid(unsafe_code)]

pub mod arith;
pub mod base;
pub mod format;
pub mod math;
pub mod pack;
pub mod pattern;
pub mod random;
pub mod sort;
pub mod string;
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
    /// Adds what is not a plain function.
    finish: fn(&mut Vm, TableRef),
}

/// Every library, once. `_G` stands for the globals themselves.
static LIBRARIES: &[Library] = &[
    Library { name: "_G", functions: &base::FUNCTIONS, finish: base::finish },
    Library { name: "math", functions: &math::FUNCTIONS, finish: math::finish },
    Library { name: "table", functions: &table::FUNCTIONS, finish: |_, _| {} },
    Library { name: "string", functions: &string::FUNCTIONS, finish: string::finish },
    Library { name: "utf8", functions: &utf8::FUNCTIONS, finish: utf8::finish },
];

/// Builds the globals.
pub fn open_all(vm: &mut Vm) {
    for library in LIBRARIES {
        let functions = library.functions.len() as u32;
        let table = match library.name {
            "_G" => vm.globals(),
            _ => vm.heap.new_table_sized(0, functions),
        };
        for function in library.functions {
            table.set_name(&mut vm.heap, function.name, Value::native(function));
        }
        (library.finish)(vm, table);
        vm.globals().set_name(&mut vm.heap, library.name, Value::from(table));
        vm.loaded().set_name(&mut vm.heap, library.name, Value::from(table));
    }
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
