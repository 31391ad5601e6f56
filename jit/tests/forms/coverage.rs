//! What the emitter makes of many traces is in the table.
//!
//! The class of a word is what the independent decoder calls it, and its two top bits, which tell sizes
//! apart. Every class in the code of random traces, of the IR test files and of the traces of Lua
//! programs must be a class of some form's words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use disarm64::decoder;
use plumb_jit::backend::alloc::{MAX_FPR, MAX_GPR, MIN_FPR, MIN_GPR, Strategy};
use plumb_jit::backend::{self, BackendConfig};
use plumb_jit::exec::disasm;
use plumb_jit::heap::Value;
use plumb_jit::ir::trace::Trace;
use plumb_jit::trace::config::{ExecutorKind, JitConfig};
use plumb_jit::trace::manager::{Jit, JitObserver, TraceId};
use plumb_jit::vm::Vm;

use super::rng::Rng;
use super::table::{self, Subject};
use super::traces::generate::generate;
use super::traces::world::World;

type Class = (String, u32);

fn class(word: u32) -> Class {
    let id = decoder::decode(word).map_or("unknown".into(), |insn| format!("{:?}", insn.id()));
    (id, word >> 30)
}

fn classes_of_the_table() -> BTreeSet<Class> {
    let mut rng = Rng::new(7);
    let mut classes = BTreeSet::new();
    for form in table::forms() {
        for _ in 0..40 {
            let subject = Subject::Step(form.draw(&mut rng));
            classes.extend(table::words(&subject, &[], &[]).into_iter().map(class));
        }
    }
    // The frame as a whole, and the one word of calls that the harness cannot run.
    for count_arrivals in [false, true] {
        classes.extend(table::frame(count_arrivals).into_iter().map(class));
    }
    classes.insert(class(0xd63f_0200)); // blr x16
    classes
}

/// Classes of words seen, each with an example.
#[derive(Default)]
struct Seen(BTreeMap<Class, u32>);

impl Seen {
    fn add(&mut self, trace: &Trace, config: &BackendConfig) {
        let compiled = backend::compile(trace, config, &mut ()).expect("it compiles");
        for word in compiled.blob.words {
            self.0.entry(class(word)).or_insert(word);
        }
    }
}

fn configs(rng: &mut Rng) -> BackendConfig {
    let few = rng.percent(50);
    BackendConfig {
        strategy: if rng.percent(30) { Strategy::SinglePass } else { Strategy::Backtracking },
        gpr_limit: if few { MIN_GPR } else { MAX_GPR },
        fpr_limit: if few { MIN_FPR } else { MAX_FPR },
        count_arrivals: rng.percent(50),
        check: false,
        ..BackendConfig::default()
    }
}

fn random_traces(seen: &mut Seen) {
    for seed in 0..600 {
        let mut rng = Rng::new(seed);
        let world = World::new(seed);
        let (trace, _) = generate(&mut rng, &world, seed % 2 == 0);
        let config = configs(&mut rng);
        seen.add(&trace, &config);
    }
}

/// Keeps the IR that the JIT compiles.
struct Collect(Arc<Mutex<Vec<Trace>>>);

impl JitObserver for Collect {
    fn compiled(&mut self, _: TraceId, ir: &Trace) {
        self.0.lock().expect("one thread").push(ir.clone());
    }
}

const PROGRAMS: [&str; 6] = [
    "local t = {} for i = 1, 300 do t[i] = i % 7 // 3 + (i ~ 5) << (i & 70) end
     local s = 0 for i = 1, #t do if t[i] > 2 then s = s + t[i] else s = s - 1 end end print(s)",
    "local t = {x = 1, y = 2.5} for i = 1, 200 do t.x = t.x + i t.y = t.y * 0.5 + i / 3 end print(t.x, t.y)",
    "local z = 0.5 for i = 1, 200 do z = z * z - 0.75 if z ~= z then break end end print(z)",
    "local n = 1 while n < 1000 do n = n + math.floor(n * 1.5) % 3 + 1 end print(n)",
    "local f = function(a, b) return a - b end local s = 0 for i = 1, 200 do s = s + f(i, 2) end print(s)",
    "local s = 0 for i = 1, 100 do for j = 1, 20 do s = s + (i - j) // (j - 21) end end print(s, 2 ^ s)",
];

fn lua_traces(seen: &mut Seen) {
    let traces = Arc::new(Mutex::new(Vec::new()));
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../regressions");
    let mut sources: Vec<String> = PROGRAMS.map(String::from).to_vec();
    for entry in std::fs::read_dir(root).expect("regressions/") {
        let file = entry.expect("a folder").path().join("case.lua");
        sources.extend(std::fs::read_to_string(file));
    }
    for source in sources {
        let proto = plumb_jit::bytecode::load(source.as_bytes(), b"=test", "t", 0).expect("Lua");
        let mut vm = Vm::new();
        plumb_jit::stdlib::open_all(&mut vm);
        let executor = ExecutorKind::Eval;
        let config = JitConfig { hot_loop: 3, executor, ..JitConfig::default() };
        let mut jit = Jit::new(config, Box::new(Collect(traces.clone())));
        jit.set_clock_limit(200_000);
        jit.install(&mut vm);
        let main = Value::from(vm.load(&Arc::new(proto)));
        // An error of the program, or the limit, ends it; its traces count.
        let _ = vm.call(main, &[]);
    }
    let traces = traces.lock().expect("one thread");
    assert!(traces.len() > 10, "{} traces", traces.len());
    let mut rng = Rng::new(3);
    for trace in traces.iter() {
        let config = configs(&mut rng);
        seen.add(trace, &config);
    }
}

#[test]
fn what_the_emitter_makes_is_in_the_table() {
    let table = classes_of_the_table();
    let mut seen = Seen::default();
    random_traces(&mut seen);
    lua_traces(&mut seen);
    let missing: Vec<String> = seen
        .0
        .iter()
        .filter(|(class, _)| !table.contains(class))
        .map(|(class, &word)| format!("{class:?}, for example {}", disasm::instruction(word, 0)))
        .collect();
    assert!(missing.is_empty(), "the table of forms lacks\n  {}", missing.join("\n  "));
    assert!(seen.0.len() > 40, "the traces show {} classes only", seen.0.len());
}
