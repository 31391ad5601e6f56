//! Runs a chunk on our interpreter and on PUC, and compares what they print and how they end.
//!
//! The library functions here are the few that the snippets need, so that a failure points at the
//! interpreter and not at the standard library.

#![allow(dead_code)]

use mlua::{Lua, LuaOptions, MultiValue, StdLib};
use plumb_jit::bytecode::{Event, Proto, undump};
use plumb_jit::heap::{StrRef, Value};
use plumb_jit::vm::native::{Args, NativeFunction, Outcome, Returned};
use plumb_jit::vm::{BasicType, Intrinsic, LuaResult, Vm};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What a program printed, and the message it ended with, if it failed.
#[derive(Clone, PartialEq, Eq)]
pub struct Run {
    pub output: String,
    pub error: Option<String>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.output)?;
        match &self.error {
            Some(error) => write!(f, "error: {error}"),
            None => Ok(()),
        }
    }
}

pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A PUC state whose `print` writes into the returned buffer.
pub fn puc() -> (Lua, Rc<RefCell<Vec<u8>>>) {
    let lua = Lua::new_with(StdLib::ALL_SAFE, LuaOptions::default()).expect("PUC starts");
    let output = Rc::new(RefCell::new(Vec::new()));
    let sink = output.clone();
    let print = lua
        .create_function(move |lua, values: MultiValue| {
            let tostring: mlua::Function = lua.globals().get("tostring")?;
            let mut sink = sink.borrow_mut();
            for (index, value) in values.into_iter().enumerate() {
                if index > 0 {
                    sink.push(b'\t');
                }
                let text: mlua::LuaString = tostring.call(value)?;
                sink.extend_from_slice(&text.as_bytes());
            }
            sink.push(b'\n');
            Ok(())
        })
        .expect("PUC makes a function");
    lua.globals().set("print", print).expect("print is set");
    lua.load(
        "unpack = table.unpack
        function sort2(a, b) return a < b end
        function call(f, ...) return f(...) end",
    )
    .exec()
    .expect("the helpers of the snippets are set");
    (lua, output)
}

pub fn compile(lua: &Lua, source: &str) -> mlua::Function {
    lua.load(source)
        .set_name("=t")
        .into_function()
        .unwrap_or_else(|error| panic!("the snippet compiles: {error}\n{source}"))
}

pub fn proto_of(function: &mlua::Function) -> Arc<Proto> {
    let bytes = function.dump(false);
    Arc::new(undump(&bytes, b"=t").expect("PUC's dump is readable"))
}

pub fn run_puc(source: &str) -> Run {
    let (lua, output) = puc();
    let function = compile(&lua, source);
    let pcall: mlua::Function = lua.globals().get("pcall").expect("pcall");
    let mut results: MultiValue = pcall.call(function).expect("pcall catches");
    let ok = results.pop_front().is_some_and(|v| v == mlua::Value::Boolean(true));
    let error = (!ok).then(|| match results.pop_front() {
        Some(mlua::Value::String(text)) => lossy(&text.as_bytes()),
        Some(other) => format!("(error object is a {} value)", other.type_name()),
        None => "no error value".to_string(),
    });
    let output = lossy(&output.borrow());
    Run { output, error }
}

pub fn new_vm() -> Vm {
    let mut vm = Vm::new();
    for function in BASE {
        vm.set_global(function.name, Value::native(function));
    }
    let strings = vm.heap.new_table();
    for function in STRING {
        strings.set_name(&mut vm.heap, function.name, Value::native(function));
    }
    let math = vm.heap.new_table();
    math.set_name(&mut vm.heap, "huge", Value::float(f64::INFINITY));
    math.set_name(&mut vm.heap, "maxinteger", Value::int(i64::MAX));
    math.set_name(&mut vm.heap, "mininteger", Value::int(i64::MIN));
    vm.set_global("math", Value::from(math));
    let globals = Value::from(vm.globals());
    let loaded = vm.loaded();
    loaded.set_name(&mut vm.heap, "_G", globals);
    loaded.set_name(&mut vm.heap, "string", Value::from(strings));
    vm.set_global("_G", globals);
    vm.set_global("string", Value::from(strings));
    let metatable = vm.heap.new_table();
    for function in STRING_ARITHMETIC {
        metatable.set_name(&mut vm.heap, function.name, Value::native(function));
    }
    metatable.set_name(&mut vm.heap, "__index", Value::from(strings));
    let empty = vm.heap.new_string_value(b"");
    vm.set_metatable_of(empty, Some(metatable));
    vm
}

pub fn run_ours(source: &str) -> Run {
    let (lua, _) = puc();
    let proto = proto_of(&compile(&lua, source));
    let mut vm = new_vm();
    run_in(&mut vm, &proto)
}

pub fn run_in(vm: &mut Vm, proto: &Arc<Proto>) -> Run {
    let closure = vm.load(proto);
    let result = vm.call(Value::from(closure), &[]);
    let error = result.err().map(|error| error.text());
    Run { output: lossy(&std::mem::take(&mut vm.output)), error }
}

/// Both engines must print the same and end the same way; a description of the difference if not.
pub fn difference(source: &str) -> Option<String> {
    let (ours, puc) = (run_ours(source), run_puc(source));
    (ours != puc).then(|| format!("\n{source}\n--- ours:\n{ours:?}\n--- PUC:\n{puc:?}\n"))
}

/// Checks every snippet of a file; `---` lines separate them.
pub fn check_all(snippets: &str) {
    let differences: Vec<String> = snippets.split("---\n").filter_map(difference).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

macro_rules! natives {
    ($($name:literal => $call:expr;)*) => {
        &[$(NativeFunction { name: $name, call: $call, intrinsic: if matches!($name.as_bytes(), b"next") { Some(Intrinsic::Next) } else { None } }),*]
    };
}

static BASE: &[NativeFunction] = natives! {
    "print" => |vm, args| {
        for n in 1..=args.len() {
            if n > 1 {
                vm.output.push(b'\t');
            }
            let text = vm.to_string(vm.arg(args, n))?;
            vm.output.extend_from_slice(text.as_bytes());
        }
        vm.output.push(b'\n');
        vm.ret0()
    };
    "type" => |vm, args| {
        let name = vm.check_any(args, 1)?.type_name();
        vm.ret_str(name.as_bytes())
    };
    "tostring" => |vm, args| {
        let value = vm.check_any(args, 1)?;
        let text = vm.to_string(value)?;
        vm.ret(Value::from(text))
    };
    "tonumber" => |vm, args| {
        let value = vm.check_any(args, 1)?;
        let number = vm.to_number(value).unwrap_or(Value::NIL);
        vm.ret(number)
    };
    "rawget" => |vm, args| {
        let table = vm.check_table(args, 1)?;
        let key = vm.check_any(args, 2)?;
        vm.ret(table.get(key))
    };
    "rawset" => |vm, args| {
        let table = vm.check_table(args, 1)?;
        let (key, value) = (vm.check_any(args, 2)?, vm.check_any(args, 3)?);
        if let Err(error) = table.set(&mut vm.heap, key, value) {
            return Err(vm.runtime_error(error.message()));
        }
        vm.ret(Value::from(table))
    };
    "rawequal" => |vm, args| {
        let (a, b) = (vm.check_any(args, 1)?, vm.check_any(args, 2)?);
        vm.ret(Value::bool(a.raw_equals(b)))
    };
    "rawlen" => |vm, args| {
        let table = vm.check_table(args, 1)?;
        vm.ret(Value::int(table.length()))
    };
    "setmetatable" => |vm, args| {
        let table = vm.check_table(args, 1)?;
        let metatable = vm.arg(args, 2).as_table();
        table.set_metatable(metatable);
        vm.ret(Value::from(table))
    };
    "getmetatable" => |vm, args| {
        let value = vm.check_any(args, 1)?;
        let metatable = vm.metatable_of(value).map_or(Value::NIL, Value::from);
        vm.ret(metatable)
    };
    "next" => |vm, args| {
        let table = vm.check_table(args, 1)?;
        match table.next(vm.arg(args, 2)) {
            Ok(Some((key, value))) => vm.ret_all(&[key, value]),
            Ok(None) => vm.ret(Value::NIL),
            Err(_) => Err(vm.runtime_error("invalid key to 'next'")),
        }
    };
    "pairs" => |vm, args| {
        let table = vm.check_any(args, 1)?;
        let next = vm.get_global("next");
        vm.ret_all(&[next, table, Value::NIL])
    };
    "select" => |vm, args| {
        if vm.arg(args, 1).as_str().is_some_and(|s| s.as_bytes() == b"#") {
            return vm.ret(Value::int(args.len() as i64 - 1));
        }
        let n = vm.check_int(args, 1)?;
        let rest = vm.args_from(args, n as usize + 1).to_vec();
        vm.ret_all(&rest)
    };
    "error" => |vm, args| {
        let level = vm.opt_int(args, 2, 1)?;
        let value = vm.arg(args, 1);
        if level > 0 && let Some(message) = value.as_str() {
            let mut text = vm.where_at(level as usize);
            text.extend_from_slice(message.as_bytes());
            return Err(plumb_jit::vm::LuaError::new(vm.heap.new_string_value(&text)));
        }
        Err(plumb_jit::vm::LuaError::new(value))
    };
    "assert" => |vm, args| {
        if vm.check_any(args, 1)?.is_falsy() {
            let message = vm.arg_opt(args, 2);
            return Err(match message.and_then(Value::as_str) {
                None => vm.error("assertion failed!"),
                Some(message) => vm.error(message.as_bytes()),
            });
        }
        let values = vm.args_from(args, 1).to_vec();
        vm.ret_all(&values)
    };
    "pcall" => |vm, args| {
        vm.check_any(args, 1)?;
        shift_in(vm, args, 1);
        vm.protected_call_then(args.slot(2), None, finish_pcall)
    };
    "xpcall" => |vm, args| {
        let function = vm.arg(args, 1);
        let handler = vm.check_type(args, 2, BasicType::Function)?;
        vm.set_arg(args, 1, handler);
        vm.set_arg(args, 2, Value::TRUE);
        let last = vm.arg(args, args.len());
        vm.push(last);
        for n in (4..=args.len()).rev() {
            vm.set_arg(args, n, vm.arg(args, n - 1));
        }
        vm.set_stack_value(args.slot(3), function);
        vm.protected_call_then(args.slot(3), Some(args.slot(1)), finish_pcall)
    };
    "collectgarbage" => |vm, _| {
        vm.ret(Value::int(0))
    };
    "unpack" => |vm, args| {
        let table = vm.check_table(args, 1)?;
        let count = table.length();
        let values: Vec<Value> = (1..=count).map(|index| table.get_int(index)).collect();
        vm.ret_all(&values)
    };
    "sort2" => |vm, args| {
        let (a, b) = (vm.arg(args, 1), vm.arg(args, 2));
        let less = vm.less_than(a, b)?;
        vm.ret(Value::bool(less))
    };
    "call" => |vm, args| {
        let values = vm.args_from(args, 2).to_vec();
        let results = vm.call(vm.arg(args, 1), &values)?;
        vm.ret_all(&results)
    };
};

/// Inserts `true` before argument `n`.
fn shift_in(vm: &mut Vm, args: Args, n: usize) {
    let last = vm.arg(args, args.len());
    vm.push(last);
    for index in (n + 1..=args.len()).rev() {
        vm.set_arg(args, index, vm.arg(args, index - 1));
    }
    vm.set_arg(args, n, Value::TRUE);
}

fn finish_pcall(vm: &mut Vm, _: Args, outcome: Outcome) -> LuaResult<Returned> {
    match outcome {
        Outcome::Done { count, .. } => vm.ret_pushed(count + 1),
        Outcome::Failed { slot } => {
            vm.set_stack_value(slot - 1, Value::FALSE);
            vm.ret_pushed(2)
        }
    }
}

static STRING: &[NativeFunction] = natives! {
    "len" => |vm, args| {
        let string = vm.check_str(args, 1)?;
        vm.ret(Value::int(string.len() as i64))
    };
    "rep" => |vm, args| {
        let string = vm.check_str(args, 1)?;
        let count = vm.check_int(args, 2)?.max(0) as usize;
        let bytes = string.as_bytes().repeat(count);
        vm.ret_str(&bytes)
    };
};

macro_rules! string_arithmetic {
    ($($name:literal, $event:ident;)*) => {
        natives! { $($name => |vm, args| string_arithmetic(vm, args, Event::$event);)* }
    };
}
static STRING_ARITHMETIC: &[NativeFunction] = string_arithmetic! {
    "__add", Add; "__sub", Sub; "__mul", Mul; "__mod", Mod; "__pow", Pow; "__div", Div;
    "__idiv", IDiv; "__unm", Unm;
};

fn string_arithmetic(vm: &mut Vm, args: Args, event: Event) -> LuaResult<Returned> {
    let (a, b) = (vm.arg(args, 1), vm.arg(args, 2));
    if let (Some(a), Some(b)) = (vm.to_number(a), vm.to_number(b)) {
        let result = vm.arith(event, a, b)?;
        return vm.ret(result);
    }
    let metamethod = if b.as_str().is_some() { Value::NIL } else { vm.metamethod(b, event) };
    if metamethod.is_nil() {
        let name = &event.name()[2..];
        let (a, b) = (a.type_name(), b.type_name());
        return Err(vm.error(format!("attempt to {name} a '{a}' with a '{b}'")));
    }
    let result = vm.call1(metamethod, &[a, b])?;
    vm.ret(result)
}

/// Keeps a string alive across collections, for tests that collect by hand.
pub fn pin(vm: &mut Vm, bytes: &[u8]) -> StrRef {
    let string = vm.heap.new_string(bytes);
    vm.heap.pinned.push(Value::from(string));
    string
}
