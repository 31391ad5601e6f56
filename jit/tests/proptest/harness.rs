//! A program of random statements on both engines.
//!
//! Both outputs are compared as bytes; the first line that differs is reported with the program.

use mlua::{Function, Lua, LuaOptions, MultiValue, StdLib, Value};
use plumb_jit::bytecode;
use plumb_jit::stdlib::open_all;
use plumb_jit::vm::{LuaError, Vm};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// `S` shows a value so that different values look different: numbers with subtype and all bits, a string
/// with its length. `T` calls and shows what comes of it; `P` does so for the text of an expression.
const PRELUDE: &str = r##"
local format, mtype, rawtype = string.format, math.type, type
local function one(v)
  if mtype(v) == "float" then return v ~= v and "nan" or format("%a", v) end
  if rawtype(v) == "string" then return #v .. ":" .. v end
  if rawtype(v) == "number" or rawtype(v) == "boolean" then return tostring(v) end
  return rawtype(v)
end
function S(...)
  local shown = {}
  for i = 1, select("#", ...) do shown[i] = one((select(i, ...))) end
  print(table.concat(shown, "\t"))
end
function T(f, ...) S(pcall(f, ...)) end
function P(text)
  local f, message = load("return " .. text, "=e")
  if f then S(pcall(f)) else S(message) end
end
"##;

/// As many programs as asked for by the environment, else `count`.
pub fn cases(count: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    Config {
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::with_cases(asked.unwrap_or(count))
    }
}

/// Runs `programs` programs of up to 20 statements and compares what they print.
pub fn check(programs: u32, statement: impl Strategy<Value = String>) {
    let program = proptest::collection::vec(statement, 1..20);
    proptest!(cases(programs), |(program in program)| { compare(&program.join("\n"))?; });
}

/// Both must print the same and end in the same way.
pub fn compare(program: &str) -> Result<(), TestCaseError> {
    let source = format!("{PRELUDE}{program}");
    let (puc, ours) = (under_puc(&source), under_ours(&source));
    if puc == ours {
        return Ok(());
    }
    let lines = |run: &Run| -> Vec<String> {
        run.0.split(|&b| b == b'\n').map(|line| line.escape_ascii().to_string()).collect()
    };
    let (puc_lines, our_lines) = (lines(&puc), lines(&ours));
    let at = puc_lines.iter().zip(&our_lines).take_while(|(a, b)| a == b).count();
    Err(TestCaseError::fail(format!(
        "output line {}\n  PUC  {:?} {:?}\n  ours {:?} {:?}\n{program}",
        at + 1,
        puc_lines.get(at),
        puc.1,
        our_lines.get(at),
        ours.1
    )))
}

/// What was printed, and the message of the error that ended it.
type Run = (Vec<u8>, Option<String>);

fn under_puc(source: &str) -> Run {
    let lua = Lua::new_with(StdLib::ALL_SAFE, LuaOptions::new()).expect("PUC Lua starts");
    let output = Rc::new(RefCell::new(Vec::new()));
    let sink = output.clone();
    let print = lua.create_function(move |_, text: mlua::LuaString| {
        sink.borrow_mut().extend_from_slice(&text.as_bytes());
        sink.borrow_mut().push(b'\n');
        Ok(())
    });
    lua.globals().set("print", print.expect("a function")).expect("it is set");
    let chunk = lua.load(source).set_name("=t").into_function();
    let chunk = chunk.unwrap_or_else(|error| panic!("the program compiles: {error}\n{source}"));
    let pcall: Function = lua.globals().get("pcall").expect("pcall");
    let mut results: MultiValue = pcall.call(chunk).expect("pcall returns");
    let ok = results.pop_front() == Some(Value::Boolean(true));
    let error = (!ok).then(|| results[0].to_string().expect("the error is a string"));
    (output.take(), error)
}

fn under_ours(source: &str) -> Run {
    let mut vm = Vm::new();
    open_all(&mut vm);
    let proto = bytecode::load(source.as_bytes(), b"=t", "t", 0)
        .unwrap_or_else(|error| panic!("the program compiles: {error}\n{source}"));
    let chunk = vm.load(&Arc::new(proto));
    let pcall = vm.get_global("pcall");
    let results = vm.call(pcall, &[chunk.into()]).expect("pcall returns");
    let error = results[0].is_falsy().then(|| LuaError::new(results[1]).text());
    (std::mem::take(&mut vm.output), error)
}

#[test]
fn the_comparison_sees_a_difference() {
    assert!(compare("S(0.1 + 0.2, 'x')").is_ok());
    assert!(compare("S(tostring(print))").is_err());
    assert!(compare("error(tostring({}))").is_err());
}
