//! `os.date`, `os.time`, `os.difftime`.
//!
//! In:  times in seconds, tables of fields.   Out: text by C's `strftime`, tables, seconds.

use crate::heap::Value;
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::host::time::{Calendar, Parts, now};
use crate::vm::host::{c_string, until_nul};
use crate::vm::native::{Args, BasicType, Returned};

/// The conversions of C99, and their second letters after the modifiers `E` and `O`.
const CONVERSIONS: &[u8] = b"aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%";
const AFTER_E: &[u8] = b"cCxXyY";
const AFTER_O: &[u8] = b"deHImMSuUVwWy";

pub fn date(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let format = match vm.opt_str(args, 1)? {
        Some(format) => format.as_bytes().to_vec(),
        None => b"%c".to_vec(),
    };
    let time = if vm.arg(args, 2).is_nil() { now() } else { vm.check_int(args, 2)? };
    let (universal, format) = match format.split_first() {
        Some((b'!', rest)) => (true, rest),
        _ => (false, &format[..]),
    };
    let Some(calendar) = Calendar::of(time, universal) else {
        return Err(vm.error("date result cannot be represented in this installation"));
    };
    if until_nul(format) == b"*t" {
        let table = vm.heap.new_table_sized(0, 9);
        vm.push(Value::from(table));
        set_fields(vm, Value::from(table), &calendar.parts())?;
        return vm.ret_pushed(1);
    }
    let mut text = Vec::new();
    let mut rest = format;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            text.push(*byte);
            continue;
        }
        let Some(length) = conversion_length(rest) else {
            let message = [b"invalid conversion specifier '%", until_nul(rest), &b"'"[..]].concat();
            return Err(vm.arg_error(1, message));
        };
        let conversion = [b"%", &rest[..length]].concat();
        text.extend_from_slice(&calendar.format(&c_string(&conversion)));
        rest = &rest[length..];
    }
    vm.ret_str(&text)
}

/// Length of the conversion that begins after a `%`; `None` if it is none of C99's.
fn conversion_length(text: &[u8]) -> Option<usize> {
    match text {
        [b'E', second, ..] if AFTER_E.contains(second) => Some(2),
        [b'O', second, ..] if AFTER_O.contains(second) => Some(2),
        [first, ..] if CONVERSIONS.contains(first) => Some(1),
        _ => None,
    }
}

pub fn time(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let time = if vm.arg(args, 1).is_nil() {
        now()
    } else {
        let table = vm.check_type(args, 1, BasicType::Table)?;
        let parts = Parts {
            year: field(vm, table, "year", None, 1900)?,
            month: field(vm, table, "month", None, 1)?,
            day: field(vm, table, "day", None, 0)?,
            hour: field(vm, table, "hour", Some(12), 0)?,
            minute: field(vm, table, "min", Some(0), 0)?,
            second: field(vm, table, "sec", Some(0), 0)?,
            is_dst: daylight_saving(vm, table)?,
            ..Parts::default()
        };
        let (time, parts) = Calendar::normalize(parts);
        set_fields(vm, table, &parts)?;
        time
    };
    if time == -1 {
        return Err(vm.error("time result cannot be represented in this installation"));
    }
    vm.ret(Value::int(time))
}

pub fn difftime(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let end = vm.check_int(args, 1)?;
    let start = vm.check_int(args, 2)?;
    vm.ret(Value::float(difference(end, start)))
}

/// C's `difftime` for integral times: the exact difference, rounded once.
fn difference(end: i64, start: i64) -> f64 {
    (i128::from(end) - i128::from(start)) as f64
}

/// Sets the fields of a date, minding metamethods.
fn set_fields(vm: &mut Vm, table: Value, parts: &Parts) -> LuaResult<()> {
    let fields = [
        ("year", parts.year, 1900),
        ("month", parts.month, 1),
        ("day", parts.day, 0),
        ("hour", parts.hour, 0),
        ("min", parts.minute, 0),
        ("sec", parts.second, 0),
        ("yday", parts.yearday, 1),
        ("wday", parts.weekday, 1),
    ];
    for (name, value, delta) in fields {
        let key = vm.heap.new_string_value(name.as_bytes());
        vm.set_index(table, key, Value::int(i64::from(value) + delta))?;
    }
    if parts.is_dst >= 0 {
        let key = vm.heap.new_string_value(b"isdst");
        vm.set_index(table, key, Value::bool(parts.is_dst != 0))?;
    }
    Ok(())
}

fn daylight_saving(vm: &mut Vm, table: Value) -> LuaResult<i32> {
    let key = vm.heap.new_string_value(b"isdst");
    let value = vm.index(table, key)?;
    Ok(if value.is_nil() { -1 } else { i32::from(!value.is_falsy()) })
}

/// A field of a date as C counts it (`delta` less than Lua does).
fn field(
    vm: &mut Vm,
    table: Value,
    name: &str,
    default: Option<i32>,
    delta: i64,
) -> LuaResult<i32> {
    let key = vm.heap.new_string_value(name.as_bytes());
    let value = vm.index(table, key)?;
    let Some(int) = vm.to_int(value) else {
        return match default {
            _ if !value.is_nil() => Err(vm.error(format!("field '{name}' is not an integer"))),
            Some(default) => Ok(default),
            None => Err(vm.error(format!("field '{name}' missing in date table"))),
        };
    };
    // Large years pass the upper bound by what the subtraction takes, as in PUC.
    let fits = if int >= 0 {
        int - delta <= i64::from(i32::MAX)
    } else {
        i64::from(i32::MIN) + delta <= int
    };
    if !fits {
        return Err(vm.error(format!("field '{name}' is out-of-bound")));
    }
    Ok((int - delta) as i32)
}
