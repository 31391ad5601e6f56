//! Runs a chunk on our interpreter and on PUC, and compares what they print and how they end.

#![allow(dead_code)]

pub mod files;

use mlua::{Lua, LuaOptions, MultiValue, StdLib};
use plumb_jit::bytecode::{Proto, undump};
use plumb_jit::heap::{StrRef, Value};
use plumb_jit::vm::Vm;
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
    lua.load(HELPERS).exec().expect("the helpers are set");
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

/// Functions that some snippets use, the same on both sides.
const HELPERS: &str = "unpack = table.unpack
    function sort2(a, b) return a < b end
    function call(f, ...) return f(...) end";

pub fn new_vm() -> Vm {
    let mut vm = Vm::new();
    plumb_jit::stdlib::open_all(&mut vm);
    let helpers = plumb_jit::bytecode::load::load(HELPERS.as_bytes(), b"=helpers", "t", 0)
        .expect("they compile");
    let helpers = vm.load(&Arc::new(helpers));
    vm.call(Value::from(helpers), &[]).expect("they run");
    vm.reset_clock();
    vm
}

pub fn run_ours(source: &str) -> Run {
    let proto = plumb_jit::bytecode::load::load(source.as_bytes(), b"=t", "t", 0)
        .unwrap_or_else(|error| panic!("the snippet compiles: {error}\n{source}"));
    run_in(&mut new_vm(), &Arc::new(proto))
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

/// For a long chunk: the first line of output that differs, with the source line that made it if the
/// chunk prints once a line.
pub fn first_different_line(source: &str) -> Option<String> {
    let (ours, puc) = (run_ours(source), run_puc(source));
    assert_eq!(puc.error, None, "every line catches its own error");
    if ours == puc {
        return None;
    }
    let (our_lines, puc_lines) = (ours.output.lines(), puc.output.lines());
    let number = our_lines.clone().zip(puc_lines.clone()).take_while(|(a, b)| a == b).count();
    let shows: Vec<&str> = source.lines().filter(|line| line.starts_with("show(")).collect();
    Some(format!(
        "{}\n  ours: {:?} {:?}\n  PUC:  {:?} {:?}",
        shows.get(number).unwrap_or(&"(end)"),
        our_lines.clone().nth(number),
        ours.error,
        puc_lines.clone().nth(number),
        puc.error,
    ))
}

/// `table: 0x55d8c0ffee00` becomes `table: ?`.
pub fn without_addresses(text: &str) -> String {
    let mut pieces = text.split(": 0x");
    let mut shown = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        shown += if piece.len() - rest.len() >= 6 { ": ?" } else { ": 0x" };
        shown += if piece.len() - rest.len() >= 6 { rest } else { piece };
    }
    shown
}

/// Checks every snippet of a file; `---` lines separate them.
pub fn check_all(snippets: &str) {
    let differences: Vec<String> = snippets.split("---\n").filter_map(difference).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Keeps a string alive across collections, for tests that collect by hand.
pub fn pin(vm: &mut Vm, bytes: &[u8]) -> StrRef {
    let string = vm.heap.new_string(bytes);
    vm.heap.pinned.push(Value::from(string));
    string
}
