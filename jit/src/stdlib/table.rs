//! The `table` library.
//!
//! In:  a table, or a value whose metatable makes it behave like one.   Out: its elements moved.
//!
//! Invariants: elements are read and written through metamethods, in PUC's order; a value that came
//! from a metamethod is stored or pushed before anything else is called.

use super::text_of;
use crate::heap::Value;
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::native::{Args, Intrinsic, NativeFunction, Returned};

pub static FUNCTIONS: [NativeFunction; 7] = [
    NativeFunction { name: "concat", call: concat, intrinsic: None },
    NativeFunction { name: "insert", call: insert, intrinsic: Some(Intrinsic::TableInsert) },
    NativeFunction { name: "pack", call: pack, intrinsic: None },
    NativeFunction { name: "unpack", call: unpack, intrinsic: None },
    NativeFunction { name: "remove", call: remove, intrinsic: Some(Intrinsic::TableRemove) },
    NativeFunction { name: "move", call: move_elements, intrinsic: None },
    NativeFunction { name: "sort", call: super::sort::sort, intrinsic: None },
];

/// Metamethods that make a value usable as a list.
pub(super) const READ: &[&str] = &["__index"];
pub(super) const WRITE: &[&str] = &["__newindex"];
pub(super) const READ_LENGTH: &[&str] = &["__index", "__len"];
pub(super) const READ_WRITE_LENGTH: &[&str] = &["__index", "__newindex", "__len"];

/// Argument `n`, which must be a table or have these metamethods.
pub(super) fn check_list(
    vm: &mut Vm,
    args: Args,
    n: usize,
    metamethods: &[&str],
) -> LuaResult<Value> {
    let value = vm.arg(args, n);
    if value.is_table() {
        return Ok(value);
    }
    let metatable = vm.metatable_of(value);
    let has = |vm: &mut Vm, name: &&str| {
        let key = vm.heap.new_string(name.as_bytes());
        metatable.is_some_and(|metatable| !metatable.get_str(key).is_nil())
    };
    if metatable.is_some() && metamethods.iter().all(|name| has(vm, name)) {
        return Ok(value);
    }
    Err(vm.arg_type_error(args, n, "table"))
}

fn insert(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let list = check_list(vm, args, 1, READ_WRITE_LENGTH)?;
    let end = vm.length_int(list)?.wrapping_add(1);
    let position = match args.len() {
        2 => end,
        3 => {
            let position = vm.check_int(args, 2)?;
            if (position as u64).wrapping_sub(1) >= end as u64 {
                return Err(vm.arg_error(2, "position out of bounds"));
            }
            let mut index = end;
            while index > position {
                let value = vm.index(list, Value::int(index - 1))?;
                vm.set_index(list, Value::int(index), value)?;
                index -= 1;
            }
            position
        }
        _ => return Err(vm.error("wrong number of arguments to 'insert'")),
    };
    vm.set_index(list, Value::int(position), vm.arg(args, args.len()))?;
    vm.ret0()
}

fn remove(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let list = check_list(vm, args, 1, READ_WRITE_LENGTH)?;
    let size = vm.length_int(list)?;
    let mut position = vm.opt_int(args, 2, size)?;
    if position != size && (position as u64).wrapping_sub(1) > size as u64 {
        return Err(vm.arg_error(2, "position out of bounds"));
    }
    let removed = vm.index(list, Value::int(position))?;
    vm.push(removed);
    while position < size {
        let value = vm.index(list, Value::int(position + 1))?;
        vm.set_index(list, Value::int(position), value)?;
        position += 1;
    }
    vm.set_index(list, Value::int(position), Value::NIL)?;
    vm.ret_pushed(1)
}

fn move_elements(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let first = vm.check_int(args, 2)?;
    let last = vm.check_int(args, 3)?;
    let to = vm.check_int(args, 4)?;
    let target_arg = if vm.arg(args, 5).is_nil() { 1 } else { 5 };
    let source = check_list(vm, args, 1, READ)?;
    let target = check_list(vm, args, target_arg, WRITE)?;
    if last >= first {
        if !(first > 0 || last < i64::MAX + first) {
            return Err(vm.arg_error(3, "too many elements to move"));
        }
        let count = last - first + 1;
        if to > i64::MAX - count + 1 {
            return Err(vm.arg_error(4, "destination wrap around"));
        }
        let forwards =
            to > last || to <= first || { target_arg != 1 && !vm.equals(source, target)? };
        for step in 0..count {
            let offset = if forwards { step } else { count - 1 - step };
            let value = vm.index(source, Value::int(first + offset))?;
            vm.set_index(target, Value::int(to + offset), value)?;
        }
    }
    vm.ret(target)
}

fn concat(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let list = check_list(vm, args, 1, READ_LENGTH)?;
    let length = vm.length_int(list)?;
    let separator = vm.opt_str(args, 2)?.map_or(&b""[..], |separator| separator.as_bytes());
    let mut index = vm.opt_int(args, 3, 1)?;
    let last = vm.opt_int(args, 4, length)?;
    let mut text = Vec::new();
    while index <= last {
        let value = vm.index(list, Value::int(index))?;
        let Some(element) = text_of(value) else {
            return Err(vm.error(format!(
                "invalid value ({}) at index {index} in table for 'concat'",
                value.type_name()
            )));
        };
        text.extend_from_slice(&element);
        if index == last {
            break;
        }
        text.extend_from_slice(separator);
        index += 1;
    }
    vm.check_room(text.len())?;
    vm.ret_str(&text)
}

fn pack(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let count = args.len();
    vm.check_room(count * size_of::<Value>())?;
    let table = vm.heap.new_table_sized(count as u32, 1);
    for n in (1..=count).rev() {
        let value = vm.arg(args, n);
        vm.set_index(Value::from(table), Value::int(n as i64), value)?;
    }
    table.set_name(&mut vm.heap, "n", Value::int(count as i64));
    vm.keep_args(args, 0);
    vm.ret(Value::from(table))
}

fn unpack(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let list = vm.arg(args, 1);
    let first = vm.opt_int(args, 2, 1)?;
    let last = match vm.arg(args, 3).is_nil() {
        true => vm.length_int(list)?,
        false => vm.check_int(args, 3)?,
    };
    if first > last {
        return vm.ret0();
    }
    let beyond_first = (last as u64).wrapping_sub(first as u64);
    if beyond_first >= i32::MAX as u64 || !vm.check_stack(beyond_first as usize + 1) {
        return Err(vm.error("too many results to unpack"));
    }
    for offset in 0..=beyond_first as i64 {
        let value = vm.index(list, Value::int(first + offset))?;
        vm.push(value);
    }
    vm.ret_pushed(beyond_first as usize + 1)
}
