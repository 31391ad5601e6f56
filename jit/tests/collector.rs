//! The collector: scripts that print what they print under PUC, however often it runs; memory that
//! stays bounded; the order of finalizers when a state is closed.

mod support;

use plumb_jit::heap::{Stress, StressAction};
use plumb_jit::vm::Vm;
use std::num::NonZeroU32;
use std::sync::Arc;
use support::{Run, lossy, new_vm, run_puc};

fn scripts() -> Vec<(String, String)> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lua/gc");
    let entries = std::fs::read_dir(&directory).expect("the scripts are there");
    let mut scripts: Vec<(String, String)> = entries
        .map(|entry| {
            let path = entry.expect("readable directory").path();
            let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("readable script"))
        })
        .collect();
    scripts.sort();
    scripts
}

fn run(vm: &mut Vm, source: &str) -> Run {
    let proto = plumb_jit::bytecode::load::load(source.as_bytes(), b"=t", "t", 0)
        .unwrap_or_else(|error| panic!("the script compiles: {error}\n{source}"));
    support::run_in(vm, &Arc::new(proto))
}

/// How often the collector runs, besides when it is due.
fn regimes() -> [(&'static str, Option<Stress>); 5] {
    let stress = |action| Some(Stress::always(action));
    let units = |n| StressAction::Step(NonZeroU32::new(n).expect("not zero"));
    [
        ("usual", None),
        ("full", stress(StressAction::Full)),
        ("tiny steps", stress(units(1))),
        ("small steps", stress(units(40))),
        ("minor", stress(StressAction::Minor)),
    ]
}

#[test]
fn scripts_print_what_they_print_under_puc_whenever_the_collector_runs() {
    let mut failures = Vec::new();
    for (name, source) in scripts() {
        let expected = run_puc(&source);
        for (regime, stress) in regimes() {
            // Scripts that ask when a cycle ends, or in which mode the collector is.
            let mut vm = new_vm();
            vm.heap.set_stress(stress);
            if vm.heap.is_stressed() && source.starts_with("-- pace\n") {
                continue;
            }
            let ours = run(&mut vm, &source);
            if ours != expected {
                failures
                    .push(format!("{name}, {regime}\n--- ours:\n{ours:?}\n--- PUC:\n{expected:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What is printed while the state is closed.
const CLOSING: &str = "
    local function make(name, more)
      return setmetatable({name = name}, {__gc = function(self) print(self.name) if more then more(self) end end})
    end
    a, b, c = make 'a', make 'b', make 'c'
    d = make('d', function() make 'never called' print(#tostring(a) > 0, collectgarbage('count')) end)
    e = make('e', function() error 'no one sees this' end)
    setmetatable(a, {__gc = function() print 'the finalizer of a was replaced' end})
    f = make('f', function(self) setmetatable(self, getmetatable(self)) end)
    print 'end of the script'";

#[test]
fn closing_calls_all_finalizers_latest_first() {
    // A plain C function: mlua's own callbacks do not work while the state is closed.
    unsafe extern "C-unwind" fn write(state: *mut mlua::ffi::lua_State) -> std::ffi::c_int {
        let mut len = 0;
        // SAFETY: PUC calls this with a string as the only argument.
        let bytes = unsafe {
            let text = mlua::ffi::lua_tolstring(state, 1, &raw mut len);
            std::slice::from_raw_parts(text.cast::<u8>(), len)
        };
        WRITTEN.with_borrow_mut(|written| written.extend_from_slice(bytes));
        0
    }
    thread_local! {
        static WRITTEN: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    let lua = mlua::Lua::new();
    // SAFETY: the function keeps to Lua's protocol.
    let write = unsafe { lua.create_c_function(write) }.expect("PUC makes a function");
    let print = "local write = ... function print(...) local t = table.pack(...)
        for i = 1, t.n do t[i] = tostring(t[i]) end write(table.concat(t, '\\t') .. '\\n') end";
    lua.load(print).call::<()>(write).expect("print is set");
    lua.load(CLOSING).exec().expect("the script runs");
    drop(lua);
    let expected = lossy(&WRITTEN.with_borrow(Clone::clone));
    let mut vm = new_vm();
    let ended = run(&mut vm, CLOSING);
    vm.close().expect("finalizers cannot end the program");
    let ours = ended.output + &lossy(&vm.output);
    assert_eq!(ours, expected);
    assert!(ours.ends_with("the finalizer of a was replaced\n"), "{ours}");
}

/// The most bytes in use while the program runs, as it sees them, in KiB.
fn peak(mode: &str, body: &str) -> f64 {
    let source = format!(
        "collectgarbage('{mode}') local peak, keep = 0, {{}}
        for i = 1, 60000 do {body}
          if i % 100 == 0 then peak = math.max(peak, collectgarbage('count')) end
        end return peak"
    );
    let proto =
        plumb_jit::bytecode::load::load(source.as_bytes(), b"=t", "t", 0).expect("it compiles");
    let mut vm = new_vm();
    let closure = vm.load(&Arc::new(proto));
    let results = vm.call(closure.into(), &[]).expect("it runs");
    results[0].as_float().expect("a float")
}

#[test]
fn garbage_stays_bounded_in_each_mode() {
    let bodies = [
        "local t = {i, {i}, tostring(i) .. 'x', function() return i end}",
        // By library functions only.
        "string.rep('x', 1000 + i % 10)",
        "for w in ('a' .. i .. ' b c'):gmatch('%w+') do end",
        // Cycles through metatables and upvalues.
        "local t = {} t.self = setmetatable({}, {__index = t, __gc = function() t = nil end})",
        // Old objects that get young ones.
        "keep[i % 100] = {i, {}} keep[i % 7 .. 'k'] = {}",
        // Functions of the compiler's.
        "load('local t = {...} return function() return t, \"' .. i % 50 .. '\" end')(i)",
        "keep.weak = keep.weak or setmetatable({}, {__mode = 'k'}) keep.weak[{}] = {i}",
    ];
    for mode in ["incremental", "generational"] {
        for body in bodies {
            let peak = peak(mode, body);
            assert!(peak < 3000.0, "{mode}: {peak} KiB\n{body}");
        }
    }
}
