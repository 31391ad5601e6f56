//! Every Lua program of the repository prints the same however often the collector runs.
//!
//! In:  the scripts of the other tests, the programs of `fuzz/`, the regressions. Out: one that differs
//! from what it prints at the usual pace (which the other tests compare with PUC), and under which
//! regime: a full collection, a piece of an incremental one, or a minor one, at every allocation point;
//! without JIT, and with traces, which are executed by the evaluator.
//!
//! A heap of the libraries alone is a thousand units of work. A program that makes the collector do
//! much more than most is collected at every second point after [`PATIENCE`] units, every third after
//! twice as many, and so on. The number of collections is printed.
//!
//! Limits: `PATIENCE` is for the ordinary test run. Thirty times more, and the programs that are too
//! long for it: `cargo test -p plumb-jit --test stress -- --ignored`. Any other test runs under a
//! regime when `PLUMB_STRESS` is set (see `heap::Stress`).

mod support;

use plumb_jit::heap::{Stress, StressAction};
use plumb_jit::trace::config::{ExecutorKind, JitConfig};
use plumb_jit::trace::manager::Jit;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{Run, files, new_vm, run_in, without_addresses};

const PATIENCE: u64 = 30_000;

struct Program {
    name: String,
    source: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).expect("a readable file")).into_owned()
}

/// All `.lua` files below a folder of the repository.
fn lua_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root().join(folder)];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "lua") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Files and folders that no run of this test takes, with the reason.
const SKIPPED: [(&str, &str); 6] = [
    ("base_collectgarbage", "prints the collector's answers"),
    (
        "gc_metamethods",
        "prints the collector's answers (a regime sets its mode), and when finalizers ran",
    ),
    ("overview", "asks when a cycle ends"),
    ("pace", "asks when a cycle ends"),
    ("bench", "benchmarks, too long"),
    ("bytecode", "only for the compiler: some never end"),
];

/// What the ordinary run leaves to the long one, with the reason.
const LONG: [(&str, &str); 3] = [
    ("deep", "seconds in the compiler, which makes no garbage"),
    ("mandelbrot-1000", "seconds without an allocation; mandelbrot-10 is the same program"),
    ("sieve-1000000", "seconds without an allocation; sieve-100 is the same program"),
];

fn programs(long: bool) -> Vec<Program> {
    let mut programs = Vec::new();
    let prelude = read(&root().join("jit/tests/lua/stdlib/prelude.lua"));
    let left_out = |name: &str| {
        let is =
            |(part, _): &(&str, &str)| name.trim_end_matches(".lua").split('/').any(|n| n == *part);
        SKIPPED.iter().any(is) || (!long && LONG.iter().any(is))
    };
    for folder in ["jit/tests/lua", "jit/tests/vm", "fuzz/programs", "fuzz/selftest", "regressions"]
    {
        for path in lua_files(folder) {
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            if left_out(&name) {
                continue;
            }
            let text = read(&path);
            if folder == "jit/tests/vm" {
                let snippets = text.split("---\n").enumerate();
                programs.extend(snippets.map(|(number, source)| Program {
                    name: format!("{name}, {number}"),
                    source: source.to_string(),
                }));
            } else if name.contains("lua/stdlib/") {
                programs.push(Program { name, source: format!("{prelude} {text}") });
            } else {
                programs.push(Program { name, source: text });
            }
        }
    }
    programs
}

/// How a program ended, and how many collections there were.
fn run(program: &Program, stress: Option<Stress>, jit: bool) -> (Run, u64) {
    let proto = plumb_jit::bytecode::load(program.source.as_bytes(), b"=t", "t", 0);
    let proto = proto.unwrap_or_else(|error| panic!("{}: {error}", program.name));
    let mut vm = new_vm();
    if jit {
        let executor = ExecutorKind::Eval;
        let config = JitConfig { hot_loop: 5, executor, ..JitConfig::default() };
        Jit::new(config, Box::new(())).install(&mut vm);
    }
    vm.heap.set_stress(stress);
    let mut ended = run_in(&mut vm, &Arc::new(proto));
    ended.output = without_addresses(&ended.output);
    vm.heap.set_stress(None);
    // Finalizers, and what they reach, are still whole.
    vm.collect();
    drop(Jit::take(&mut vm));
    (ended, vm.heap.collections)
}

/// Runs all programs under a regime, without and with JIT.
fn check(long: bool, regime: &str, action: StressAction) {
    let patience = NonZeroU64::new(if long { 30 * PATIENCE } else { PATIENCE });
    let stress = Stress { patience, ..Stress::always(action) };
    let programs = programs(long);
    let mut collections = [0; 2];
    let mut failures = Vec::new();
    for program in &programs {
        let _turn = files::turn(&program.source);
        let (expected, _) = run(program, None, false);
        for jit in [false, true] {
            let (ours, count) = run(program, Some(stress), jit);
            collections[usize::from(jit)] += count;
            if ours != expected {
                failures.push(format!(
                    "{}, {regime}, JIT {jit}\n--- stressed:\n{ours:?}\n--- usual:\n{expected:?}",
                    program.name
                ));
            }
        }
    }
    let [without, with] = collections;
    println!("{regime}: {} programs, {without} collections, {with} with JIT", programs.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(without.min(with) > 3 * programs.len() as u64, "the collector ran");
}

fn units(n: u32) -> StressAction {
    StressAction::Step(NonZeroU32::new(n).expect("not zero"))
}

macro_rules! regimes {
    ($($test:ident, $long_test:ident: $regime:literal, $action:expr;)*) => { $(
        #[test]
        fn $test() {
            check(false, $regime, $action);
        }
        #[test]
        #[ignore = "takes a minute; CI runs it"]
        fn $long_test() {
            check(true, $regime, $action);
        }
    )* };
}

regimes! {
    full_collections, full_collections_long: "full", StressAction::Full;
    tiny_steps, tiny_steps_long: "tiny steps", units(1);
    small_steps, small_steps_long: "small steps", units(40);
    minor_collections, minor_collections_long: "minor", StressAction::Minor;
}
