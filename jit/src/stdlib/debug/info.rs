//! `debug.getinfo`.
//!
//! In:  a function or a level, and options.   Out: a table of the fields that the options ask for.

use super::{frame_at, thread_argument};
use crate::bytecode::{Pc, Proto};
use crate::heap::{TableRef, Value};
use crate::vm::Vm;
use crate::vm::activation::Definition;
use crate::vm::error::LuaResult;
use crate::vm::frame::ThreadState;
use crate::vm::native::{Args, Returned};
use std::collections::BTreeSet;

const ALL_OPTIONS: &[u8] = b"SlnrutLf";

/// A field's name and value, before it is in the heap.
enum Field {
    Bytes(Vec<u8>),
    Int(i64),
    Bool(bool),
    Value(Value),
    /// Lines as keys.
    Lines(BTreeSet<u32>),
    Absent,
}

pub fn getinfo(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let (thread, skipped) = thread_argument(vm, args);
    let options = match vm.opt_str(args, skipped + 2)? {
        Some(options) => {
            // A C string ends at its first NUL.
            options.as_bytes().split(|byte| *byte == 0).next().unwrap_or_default()
        }
        None => b"flnSrtu",
    };
    if options.first() == Some(&b'>') {
        return Err(vm.arg_error(skipped + 2, "invalid option '>'"));
    }
    let subject = vm.arg(args, skipped + 1);
    let frame = if subject.is_function() {
        None
    } else {
        let level = vm.check_int(args, skipped + 1)?;
        match frame_at(vm, thread, level) {
            Some(index) => Some(index),
            None => return vm.ret(Value::NIL),
        }
    };
    if options.iter().any(|option| !ALL_OPTIONS.contains(option)) {
        return Err(vm.arg_error(skipped + 2, "invalid option"));
    }
    let state = vm.thread_state(thread);
    let function = match frame {
        Some(index) => state.function_of(index),
        None => subject,
    };
    let mut fields = Vec::new();
    // The order of PUC's fields.
    for option in b"SlunrtLf".iter().filter(|option| options.contains(option)) {
        describe(state, function, frame, *option, &mut fields);
    }
    let table = vm.heap.new_table();
    for (name, field) in fields {
        let value = materialize(vm, field);
        table.set_name(&mut vm.heap, name, value);
    }
    vm.ret(Value::from(table))
}

/// The fields of one option.
fn describe(
    state: &ThreadState,
    function: Value,
    frame: Option<usize>,
    option: u8,
    fields: &mut Vec<(&'static str, Field)>,
) {
    let proto = function.as_closure().map(|closure| &*closure.proto().proto);
    match option {
        b'S' => {
            let definition = Definition::of(proto);
            fields.extend([
                ("source", Field::Bytes(definition.source.to_vec())),
                ("short_src", Field::Bytes(definition.short_source)),
                ("linedefined", Field::Int(definition.line_defined)),
                ("lastlinedefined", Field::Int(definition.last_line_defined)),
                ("what", Field::Bytes(definition.what.into())),
            ]);
        }
        b'l' => {
            let line = frame.and_then(|index| state.current_line(index));
            fields.push(("currentline", Field::Int(line.map_or(-1, i64::from))));
        }
        b'u' => {
            let count = function.as_closure().map(|closure| closure.upvalue_count());
            let native = function.as_native_closure().map(|closure| closure.upvalue_count());
            let params = proto.map_or(0, |proto| proto.num_params);
            fields.extend([
                ("nups", Field::Int(count.or(native).unwrap_or(0) as i64)),
                ("nparams", Field::Int(i64::from(params))),
                ("isvararg", Field::Bool(proto.is_none_or(|proto| proto.is_vararg))),
            ]);
        }
        b'n' => {
            let name = frame.and_then(|index| state.function_name(index));
            let (kind, name) = match name {
                Some((kind, name)) => (kind, Field::Bytes(name)),
                None => ("", Field::Absent),
            };
            fields.extend([("name", name), ("namewhat", Field::Bytes(kind.into()))]);
        }
        b'r' => {
            let transfer = frame.map(|index| state.transfer_of(index)).unwrap_or_default();
            fields.extend([
                ("ftransfer", Field::Int(i64::from(transfer.first))),
                ("ntransfer", Field::Int(i64::from(transfer.count))),
            ]);
        }
        b't' => {
            let is_tail_call = frame.is_some_and(|index| state.frames[index].is_tail_call());
            fields.push(("istailcall", Field::Bool(is_tail_call)));
        }
        b'L' => fields.push(("activelines", proto.map_or(Field::Absent, active_lines))),
        _ => fields.push(("func", Field::Value(function))),
    }
}

/// The lines on which a breakpoint can be hit.
fn active_lines(proto: &Proto) -> Field {
    let first = usize::from(proto.is_vararg);
    let lines = (first..proto.lineinfo.len()).filter_map(|pc| proto.line(Pc(pc as u32)));
    Field::Lines(lines.collect())
}

fn materialize(vm: &mut Vm, field: Field) -> Value {
    match field {
        Field::Bytes(bytes) => vm.heap.new_string_value(&bytes),
        Field::Int(int) => Value::int(int),
        Field::Bool(bool) => Value::bool(bool),
        Field::Value(value) => value,
        Field::Absent => Value::NIL,
        Field::Lines(lines) => {
            let table: TableRef = vm.heap.new_table();
            for line in lines {
                let key = Value::int(i64::from(line));
                table.set_beyond_limit(&mut vm.heap, key, Value::TRUE);
            }
            Value::from(table)
        }
    }
}
