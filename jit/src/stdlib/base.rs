//! The basic functions.
//!
//! In:  arguments.   Out: results; `print` appends to the VM's output.
//!
//! Invariants: `pcall`, `xpcall` and `pairs` with a metamethod do not recurse in Rust; they leave a
//! continuation.
//!
//! Limits:
//! - `load` asks a reader function for more than PUC does after a function that is too large for the code
//!   generator.

use super::{metatable_field, text_of};
use crate::bytecode::{self, Proto};
use crate::heap::collector::Mode;
use crate::heap::number::{Rounding, float_to_int, parse_number};
use crate::heap::{TableRef, Value};
use crate::syntax::error::until_nul;
use crate::syntax::{Source, SyntaxError};
use crate::vm::Vm;
use crate::vm::error::{LuaError, LuaResult};
use crate::vm::native::{Args, BasicType, Intrinsic, NativeFunction, Outcome, Returned};
use std::sync::Arc;

/// The globals in the order in which PUC makes them, those of [`super::load_file`] among them.
#[rustfmt::skip]
pub(super) const KEYS: &[&str] = &[
    "assert", "collectgarbage", "dofile", "error", "getmetatable", "ipairs", "loadfile", "load", "next",
    "pairs", "pcall", "print", "warn", "rawequal", "rawlen", "rawget", "rawset", "select", "setmetatable",
    "tonumber", "tostring", "type", "xpcall", "_G", "_VERSION",
];

pub static FUNCTIONS: [NativeFunction; 21] = [
    NativeFunction { name: "collectgarbage", call: collectgarbage, intrinsic: None },
    NativeFunction { name: "assert", call: assert, intrinsic: None },
    NativeFunction { name: "error", call: error, intrinsic: None },
    NativeFunction { name: "getmetatable", call: getmetatable, intrinsic: None },
    NativeFunction { name: "ipairs", call: ipairs, intrinsic: None },
    NativeFunction { name: "load", call: load, intrinsic: None },
    NativeFunction { name: "next", call: next, intrinsic: Some(Intrinsic::Next) },
    NativeFunction { name: "pairs", call: pairs, intrinsic: None },
    NativeFunction { name: "pcall", call: pcall, intrinsic: None },
    NativeFunction { name: "print", call: print, intrinsic: None },
    NativeFunction { name: "warn", call: warn, intrinsic: None },
    NativeFunction { name: "rawequal", call: rawequal, intrinsic: Some(Intrinsic::RawEqual) },
    NativeFunction { name: "rawlen", call: rawlen, intrinsic: Some(Intrinsic::RawLen) },
    NativeFunction { name: "rawget", call: rawget, intrinsic: Some(Intrinsic::RawGet) },
    NativeFunction { name: "rawset", call: rawset, intrinsic: Some(Intrinsic::RawSet) },
    NativeFunction { name: "select", call: select, intrinsic: Some(Intrinsic::Select) },
    NativeFunction { name: "setmetatable", call: setmetatable, intrinsic: None },
    NativeFunction { name: "tonumber", call: tonumber, intrinsic: None },
    NativeFunction { name: "tostring", call: tostring, intrinsic: None },
    NativeFunction { name: "type", call: type_of, intrinsic: Some(Intrinsic::Type) },
    NativeFunction { name: "xpcall", call: xpcall, intrinsic: None },
];

/// What `ipairs` returns to step with.
static IPAIRS_STEP: NativeFunction = NativeFunction {
    name: "ipairs_step",
    call: ipairs_step,
    intrinsic: Some(Intrinsic::IPairsStep),
};

pub fn finish(vm: &mut Vm, globals: TableRef) {
    let version = vm.heap.new_string_value(b"Lua 5.4");
    globals.set_name(&mut vm.heap, "_VERSION", version);
}

fn print(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    for n in 1..=args.len() {
        let text = vm.to_string(vm.arg(args, n))?;
        if n > 1 {
            vm.write_output(b"\t");
        }
        vm.write_output(text.as_bytes());
    }
    vm.end_output_line();
    vm.ret0()
}

fn warn(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    for n in 1..=args.len().max(1) {
        vm.check_str(args, n)?;
    }
    for n in 1..=args.len() {
        let piece = vm.check_str(args, n)?;
        vm.warning(piece.as_bytes(), n < args.len());
    }
    vm.ret0()
}

fn type_of(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let value = vm.check_any(args, 1)?;
    vm.ret_str(value.type_name().as_bytes())
}

fn tostring(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let value = vm.check_any(args, 1)?;
    let text = vm.to_string(value)?;
    vm.ret(Value::from(text))
}

fn tonumber(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    if vm.arg(args, 2).is_nil() {
        let value = vm.check_any(args, 1)?;
        if value.is_number() {
            vm.keep_args(args, 0);
        }
        let number = match value.as_str() {
            Some(text) => parse_number(text.as_bytes()),
            None => Some(value).filter(|value| value.is_number()),
        };
        return vm.ret(number.unwrap_or(Value::NIL));
    }
    let base = vm.check_int(args, 2)?;
    let text = vm.check_type(args, 1, BasicType::String)?.as_str().expect("it is a string");
    if !(2..=36).contains(&base) {
        return Err(vm.arg_error(2, "base out of range"));
    }
    let number = parse_in_base(text.as_bytes(), base as u64);
    vm.ret(number.map_or(Value::NIL, Value::int))
}

/// An integer numeral in a base, spaces around it; the value wraps.
fn parse_in_base(text: &[u8], base: u64) -> Option<i64> {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|b| !is_space(b))?;
    let end = text.iter().rposition(|b| !is_space(b))? + 1;
    let (negative, digits) = match &text[start..end] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut magnitude = 0u64;
    for digit in digits {
        let digit = u64::from((*digit as char).to_digit(36)?);
        if digit >= base {
            return None;
        }
        magnitude = magnitude.wrapping_mul(base).wrapping_add(digit);
    }
    Some(if negative { magnitude.wrapping_neg() } else { magnitude } as i64)
}

fn error(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    // C's `int`.
    let level = vm.opt_int(args, 2, 1)? as i32;
    Err(raise(vm, vm.arg(args, 1), level))
}

/// The error with this value; a string gets the position of the function at `level` (1 is the
/// caller of the running one).
fn raise(vm: &mut Vm, value: Value, level: i32) -> Box<LuaError> {
    match value.as_str() {
        Some(message) if level > 0 => {
            let text = [&vm.where_at(level as usize), message.as_bytes()].concat();
            LuaError::new(vm.heap.new_string_value(&text))
        }
        _ => LuaError::new(value),
    }
}

fn assert(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    if !vm.arg(args, 1).is_falsy() {
        return vm.ret_pushed(args.len());
    }
    vm.check_any(args, 1)?;
    let message = match vm.arg_opt(args, 2) {
        Some(message) => message,
        None => vm.heap.new_string_value(b"assertion failed!"),
    };
    Err(raise(vm, message, 1))
}

fn pcall(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    vm.check_any(args, 1)?;
    protected_call(vm, args, 1, &[Value::TRUE], None)
}

fn xpcall(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    vm.check_type(args, 2, BasicType::Function)?;
    let function = vm.arg(args, 1);
    protected_call(vm, args, 3, &[Value::TRUE, function], Some(args.slot(2)))
}

/// Inserts values before the arguments from `first` on, and calls the function that follows `true`,
/// the first of them. So `true` stands before the results, and the stack is used as in PUC, where a
/// runaway recursion through `pcall` ends.
fn protected_call(
    vm: &mut Vm,
    args: Args,
    first: usize,
    inserted: &[Value],
    handler: Option<usize>,
) -> LuaResult<Returned> {
    for _ in inserted {
        vm.push(Value::NIL);
    }
    for n in (first..=args.len()).rev() {
        vm.set_stack_value(args.slot(n) + inserted.len(), vm.arg(args, n));
    }
    for (offset, value) in inserted.iter().enumerate() {
        vm.set_stack_value(args.slot(first) + offset, *value);
    }
    let func = args.slot(first) + 1;
    vm.protected_call_then(func, handler, |vm, _, outcome| match outcome {
        Outcome::Done { count, .. } => vm.ret_pushed(count + 1),
        Outcome::Failed { slot } => {
            let error = vm.stack_value(slot);
            vm.push(Value::FALSE);
            vm.push(error);
            vm.ret_pushed(2)
        }
    })
}

fn select(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let count = args.len() as i64;
    if vm.arg(args, 1).as_str().is_some_and(|s| s.as_bytes().first() == Some(&b'#')) {
        return vm.ret(Value::int(count - 1));
    }
    let n = match vm.check_int(args, 1)? {
        n if n < 0 => count.wrapping_add(n),
        n => n.min(count),
    };
    if n < 1 {
        return Err(vm.arg_error(1, "index out of range"));
    }
    vm.ret_pushed((count - n) as usize)
}

fn rawequal(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let left = vm.check_any(args, 1)?;
    let right = vm.check_any(args, 2)?;
    vm.ret(Value::bool(left.raw_equals(right)))
}

fn rawlen(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let value = vm.arg(args, 1);
    match (value.as_table(), value.as_str()) {
        (Some(table), _) => vm.ret(Value::int(table.length())),
        (_, Some(string)) => vm.ret(Value::int(string.len() as i64)),
        _ => Err(vm.arg_type_error(args, 1, "table or string")),
    }
}

fn rawget(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let table = vm.check_table(args, 1)?;
    let key = vm.check_any(args, 2)?;
    vm.keep_args(args, 1);
    vm.ret(table.get(key))
}

fn rawset(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let table = vm.check_table(args, 1)?;
    let key = vm.check_any(args, 2)?;
    let value = vm.check_any(args, 3)?;
    vm.or_collect(|vm| table.set(&mut vm.heap, key, value))?;
    vm.keep_args(args, 0);
    vm.ret(Value::from(table))
}

fn getmetatable(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let value = vm.check_any(args, 1)?;
    let Some(metatable) = vm.metatable_of(value) else {
        return vm.ret(Value::NIL);
    };
    let shown = metatable_field(vm, value, "__metatable");
    vm.push(Value::from(metatable));
    if shown.is_nil() { vm.ret_pushed(1) } else { vm.ret(shown) }
}

fn setmetatable(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let table = vm.check_table(args, 1)?;
    let metatable = match vm.arg_opt(args, 2) {
        Some(value) if value.is_nil() => None,
        Some(value) if value.is_table() => value.as_table(),
        _ => return Err(vm.arg_type_error(args, 2, "nil or table")),
    };
    if !metatable_field(vm, Value::from(table), "__metatable").is_nil() {
        return Err(vm.error("cannot change a protected metatable"));
    }
    table.set_metatable(&mut vm.heap, metatable);
    vm.keep_args(args, 0);
    vm.ret(Value::from(table))
}

fn next(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let table = vm.check_table(args, 1)?;
    let key = vm.arg(args, 2);
    vm.shown.order |= table.has_own_order();
    // PUC converts no float here, and finds no key that is a float with an integral value.
    let is_key = key.as_float().is_none_or(|x| float_to_int(x, Rounding::Exact).is_none());
    vm.keep_args(args, 1);
    match table.next(key) {
        Ok(Some((key, value))) if is_key => vm.ret_all(&[key, value]),
        Ok(None) if is_key => vm.ret(Value::NIL),
        _ => Err(vm.runtime_error("invalid key to 'next'")),
    }
}

fn pairs(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let value = vm.check_any(args, 1)?;
    let metamethod = metatable_field(vm, value, "__pairs");
    if metamethod.is_nil() {
        vm.shown.order |= value.as_table().is_some_and(|table| table.has_own_order());
        let next = FUNCTIONS.iter().find(|function| function.name == "next");
        return vm.ret_all(&[Value::native(next.expect("`next` is listed")), value, Value::NIL]);
    }
    let func = vm.open_top();
    vm.push(metamethod);
    vm.push(value);
    vm.call_then(func, |vm, _, outcome| {
        let Outcome::Done { count, .. } = outcome else {
            unreachable!("an unprotected call that ends has results");
        };
        for _ in count..3 {
            vm.push(Value::NIL);
        }
        for _ in 3..count {
            vm.pop();
        }
        vm.ret_pushed(3)
    })
}

fn ipairs(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let value = vm.check_any(args, 1)?;
    vm.ret_all(&[Value::native(&IPAIRS_STEP), value, Value::int(0)])
}

fn ipairs_step(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let index = Value::int(vm.check_int(args, 2)?.wrapping_add(1));
    let value = vm.index(vm.arg(args, 1), index)?;
    vm.push(index);
    vm.push(value);
    vm.ret_pushed(if value.is_nil() { 1 } else { 2 })
}

/// Slots that `load` has below its results if it is given a reader: four arguments and what was read.
const READER_SLOTS: u32 = 5;

fn load(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    // `check_str` turns a number into the string it denotes, as PUC's `lua_tolstring` does.
    let is_text = vm.arg(args, 1).is_string() || vm.arg(args, 1).is_number();
    let text = if is_text { Some(vm.check_str(args, 1)?) } else { None };
    let mode = vm.opt_str(args, 3)?.map_or(&b"bt"[..], |mode| until_nul(mode.as_bytes()));
    let name = vm.opt_str(args, 2)?.map(|name| until_nul(name.as_bytes()));
    let mode = String::from_utf8_lossy(mode);
    if text.is_none() {
        vm.check_type(args, 1, BasicType::Function)?;
        vm.keep_args(args, READER_SLOTS);
    }
    let level = vm.open_top();
    let loaded = match text {
        Some(text) => {
            let name = name.unwrap_or(until_nul(text.as_bytes()));
            Ok(bytecode::load(text.as_bytes(), name, &mode, vm.c_calls))
        }
        None => {
            let reader = vm.arg(args, 1);
            vm.catching(|vm| load_pieces(vm, reader, name.unwrap_or(b"=(load)"), &mode))
        }
    };
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            let value = vm.catch_error(level, error)?;
            return vm.ret_all(&[Value::NIL, value]);
        }
    };
    match loaded {
        Ok(proto) => {
            let closure = vm.load(&Arc::new(proto));
            if let Some(environment) = vm.arg_opt(args, 4)
                && closure.upvalue_count() > 0
            {
                closure.upvalue(0).set(&mut vm.heap, environment);
            }
            vm.ret(Value::from(closure))
        }
        Err(error) => {
            let mut message = vm.heap.new_string_value(&error.message);
            if error.is_runtime {
                message = vm.catching(|vm| vm.handled(message));
            }
            vm.ret_all(&[Value::NIL, message])
        }
    }
}

/// Loads what a reader function gives, until it gives nil or an empty string. Its error goes before that of
/// the text, which ends there.
fn load_pieces(
    vm: &mut Vm,
    reader: Value,
    name: &[u8],
    mode: &str,
) -> LuaResult<Result<Proto, SyntaxError>> {
    let c_calls = vm.c_calls;
    let mut failure = None;
    let mut read = |bytes: &mut Vec<u8>| {
        failure = read_piece(vm, reader, bytes).err();
        failure.is_none()
    };
    let loaded = bytecode::load_source(&mut Source::read(&mut read), name, mode, c_calls);
    failure.map_or(Ok(loaded), Err)
}

fn read_piece(vm: &mut Vm, reader: Value, bytes: &mut Vec<u8>) -> LuaResult<()> {
    let piece = vm.call1(reader, &[])?;
    match text_of(piece) {
        Some(piece) => bytes.extend_from_slice(&piece),
        None if piece.is_nil() => {}
        None => return Err(vm.error("reader function must return a string")),
    }
    vm.check_room(bytes.len())
}

const OPTIONS: &[&str] = &[
    "stop",
    "restart",
    "collect",
    "count",
    "step",
    "setpause",
    "setstepmul",
    "isrunning",
    "generational",
    "incremental",
];

fn collectgarbage(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let option = OPTIONS[vm.check_option(args, 1, Some("collect"), OPTIONS)?];
    // C's `int`.
    let mut parameter = |n| vm.opt_int(args, n, 0).map(|value| value as i32);
    let parameters = match option {
        "step" | "setpause" | "setstepmul" => [parameter(2)?, 0, 0],
        "generational" => [parameter(2)?, parameter(3)?, 0],
        "incremental" => [parameter(2)?, parameter(3)?, parameter(4)?],
        _ => [0; 3],
    };
    if !vm.collector_is_available() {
        return vm.ret(Value::NIL);
    }
    match option {
        "stop" => vm.heap.stopped = true,
        "restart" => {
            vm.shown.collector = true;
            vm.restart_collector();
        }
        "collect" => vm.collect_all()?,
        "count" => {
            vm.shown.collector = true;
            return vm.ret(Value::float(vm.heap.live_bytes() as f64 / 1024.0));
        }
        "step" => {
            vm.shown.collector = true;
            let ended = vm.step_collector(parameters[0])?;
            return vm.ret(Value::bool(ended));
        }
        "isrunning" => {
            vm.shown.collector = true;
            return vm.ret(Value::bool(!vm.heap.stopped));
        }
        "setpause" | "setstepmul" => {
            let pace = vm.heap.pace();
            let previous = match option {
                "setpause" => pace.set_pause(parameters[0]),
                _ => pace.set_step_multiplier(parameters[0]),
            };
            return vm.ret(Value::int(i64::from(previous)));
        }
        mode => return change_mode(vm, mode, parameters),
    }
    vm.ret(Value::int(0))
}

fn change_mode(vm: &mut Vm, mode: &str, [a, b, c]: [i32; 3]) -> LuaResult<Returned> {
    let mode = if mode == "generational" {
        vm.heap.pace().set_generational(a, b);
        Mode::Generational
    } else {
        vm.heap.pace().set_incremental(a, b, c);
        Mode::Incremental
    };
    match vm.set_collector_mode(mode)? {
        Mode::Generational => vm.ret_str(b"generational"),
        Mode::Incremental => vm.ret_str(b"incremental"),
    }
}
