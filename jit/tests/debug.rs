//! The debug library, hooks, tracebacks and messages against PUC, byte for byte.
//!
//! The scripts of `tests/lua/debug`, one a topic, and `tests/lua/language`, one a section of the manual,
//! run on both under `pcall`, with the debug library. What they print, and the error that ends them,
//! must be the same, except for addresses. A script must not depend on the order of a table's hash part.

mod support;

use mlua::{Lua, LuaOptions, MultiValue, StdLib};
use plumb_jit::heap::Value;
use plumb_jit::vm::NativeFunction;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use support::{Run, lossy, new_vm, without_addresses};

/// PUC with the debug library. `print` is a Lua function on both sides, so that frames are the same.
fn puc(source: &str, name: &str) -> Run {
    // SAFETY: the scripts of this test do not use the debug library to break PUC.
    let lua = unsafe { Lua::unsafe_new_with(StdLib::ALL, LuaOptions::default()) };
    let output = Rc::new(RefCell::new(Vec::new()));
    let sink = output.clone();
    let write = lua.create_function(move |_, text: mlua::LuaString| {
        sink.borrow_mut().extend_from_slice(&text.as_bytes());
        Ok(())
    });
    lua.globals().set("emit", write.expect("a function")).expect("it is set");
    let load = |source: &str, name: &str| {
        lua.load(source).set_name(name).into_function().unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    load(PRELUDE, "=prelude").call::<()>(()).expect("the prelude runs");
    let chunk = load(source, name);
    let pcall: mlua::Function = lua.globals().get("pcall").expect("pcall");
    let mut results: MultiValue = pcall.call(chunk).expect("pcall catches");
    let ok = results.pop_front() == Some(mlua::Value::Boolean(true));
    let error = (!ok).then(|| match results.pop_front() {
        Some(mlua::Value::String(text)) => lossy(&text.as_bytes()),
        other => format!("{other:?}"),
    });
    let output = lossy(&output.borrow());
    Run { output, error }
}

fn ours(source: &str, name: &str) -> Run {
    let mut vm = new_vm();
    // The slot of the message handler with which `mlua` calls: stack limits are compared to the slot.
    vm.push(Value::NIL);
    vm.set_global("emit", Value::native(&EMIT));
    run_chunk(&mut vm, PRELUDE, "=prelude").expect("the prelude runs");
    let error = run_chunk(&mut vm, source, name).err();
    Run { output: lossy(&vm.output), error }
}

/// What `print` of the prelude calls for each piece.
static EMIT: NativeFunction = NativeFunction {
    name: "emit",
    call: |vm, args| {
        let text = vm.check_str(args, 1)?;
        vm.output.extend_from_slice(text.as_bytes());
        vm.ret0()
    },
    intrinsic: None,
};

fn run_chunk(vm: &mut plumb_jit::vm::Vm, source: &str, name: &str) -> Result<(), String> {
    let proto = plumb_jit::bytecode::load(source.as_bytes(), name.as_bytes(), "t", 0)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let chunk = vm.load(&Arc::new(proto));
    let pcall = vm.get_global("pcall");
    let results = vm.call(pcall, &[Value::from(chunk)]).expect("pcall catches");
    match results[0].is_falsy() {
        true => Err(plumb_jit::vm::LuaError::new(results[1]).text()),
        false => Ok(()),
    }
}

const PRELUDE: &str = "local emit, tostring, select = emit, tostring, select
    _G.emit = nil
    function print(...)
        for i = 1, select('#', ...) do
            if i > 1 then emit '\\t' end
            emit(tostring((select(i, ...))))
        end
        emit '\\n'
    end
    function write(...)
        for i = 1, select('#', ...) do emit(tostring((select(i, ...)))) end
    end";

/// The first line that differs, or the error that ends the script.
fn difference(source: &str, name: &str) -> Option<String> {
    let (mut ours, mut puc) = (ours(source, name), puc(source, name));
    for run in [&mut ours, &mut puc] {
        run.output = without_addresses(&run.output);
    }
    if ours == puc && puc.error.is_none() {
        return None;
    }
    let lines = ours.output.lines().zip(puc.output.lines());
    let number = lines.take_while(|(a, b)| a == b).count();
    let (our_line, puc_line) = (ours.output.lines().nth(number), puc.output.lines().nth(number));
    Some(format!(
        "{name}, output line {}\n  PUC  {puc_line:?} {:?}\n  ours {our_line:?} {:?}",
        number + 1,
        puc.error,
        ours.error
    ))
}

fn check_scripts(folder: &str) {
    let directory = format!("{}/tests/lua/{folder}", env!("CARGO_MANIFEST_DIR"));
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut count = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(directory).expect("the scripts are there") {
        let path = entry.expect("a file").path();
        let name = format!("@{}", path.file_name().expect("a name").to_string_lossy());
        if !name.contains(&only) {
            continue;
        }
        count += 1;
        failures.extend(difference(&std::fs::read_to_string(&path).expect("text"), &name));
    }
    assert!(count > 0, "there are scripts");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn scripts_of_the_debug_interface() {
    check_scripts("debug");
}

#[test]
fn scripts_of_the_manuals_sections() {
    check_scripts("language");
}

#[test]
fn the_comparison_sees_a_difference() {
    assert_eq!(difference("print(1)", "=x"), None);
    assert_eq!(difference("print(print, {}, '0x10: 0x1234')", "=x"), None);
    assert!(difference("print(collectgarbage('count'))", "=x").is_some());
    assert!(difference("print(1) error('a script has to reach its end')", "=x").is_some());
}
