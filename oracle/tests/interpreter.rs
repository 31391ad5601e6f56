//! The interpreter against the reference: the clock by example, and lockstep at pseudo-random clocks over
//! every Lua file of the repository.

use plumb_oracle::canon::{Canonical, State};
use plumb_oracle::check::check_interpreter;
use plumb_oracle::engine::{Ending, Engine, Next, Options, Program, Watcher};
use plumb_oracle::event::Clock;
use plumb_oracle::ours::{self, Interpreter};
use plumb_oracle::puc::{self, Reference};
use plumb_oracle::report;
use plumb_oracle::verdict::{Reason, Verdict};
use std::path::{Path, PathBuf};

fn options() -> Options {
    Options { offers: Some(ours::offers), fuel: 3_000_000, ..Options::default() }
}

/// Every position at every clock.
struct Every(Vec<String>);

impl Watcher for Every {
    fn first(&mut self) -> Option<Clock> {
        Some(Clock(0))
    }
    fn at<S: State>(&mut self, clock: Clock, state: &S) -> Next {
        self.0.push(format!("{}/{}", state.frame(0), state.frame_count()));
        Next::At(Clock(clock.0 + 1))
    }
    fn end<S: State>(&mut self, _: &S, _: &Ending<S::Value>, _: &[u8]) {}
}

fn examples() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/filetests/clock.txt");
    let text = std::fs::read_to_string(path).expect("filetests/clock.txt");
    let program =
        |line: &&str| !(line.is_empty() || line.starts_with("--") || line.starts_with("->"));
    text.lines().filter(program).map(String::from).collect()
}

#[test]
fn the_interpreter_keeps_the_clock_by_example() {
    let mut wrong = Vec::new();
    for source in examples().into_iter().filter(|source| !source.contains("<close>")) {
        let program = Program::new(source.as_bytes(), "=t", options());
        let (ticks, _) = puc::pc_trace(source.as_bytes(), "=t", &options());
        let expected: Vec<String> =
            ticks.iter().map(|t| format!("{}/{}", t.frame, t.depth)).collect();
        let (outcome, every) = Interpreter.run(&program, Every(Vec::new()));
        if every.0 != expected || outcome.instructions != Some(expected.len() as u64) {
            let total = outcome.instructions;
            wrong.push(format!(
                "{source}\n  expected {expected:?}\n  got      {:?} ({total:?})",
                every.0
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn lockstep(source: &[u8], name: &str, seed: u64) -> Verdict {
    check_interpreter(source, name, seed, &options())
}

/// Programs that show what nobody can compare. All others must agree. The reference's collector is stopped
/// and ours is not, so they differ in what weak tables still hold and in how much memory is in use; a table
/// that is traversed by keys which are objects, or that was made before the reference got our hash seed, has
/// an order of its own on each engine.
const DOUBTFUL: &[(&str, Reason)] = &[
    // Asks what is first in a table with weak keys; has finalizers.
    ("gc/ephemerons.lua", Reason::IterationOrder),
    ("gc/ephemerons.lua", Reason::Collector),
    // Measures what closures keep alive.
    ("gc/functions.lua", Reason::Collector),
    // Traverses a graph with objects as keys, some of them weak.
    ("gc/mutation.lua", Reason::IterationOrder),
    // Traverses weak tables and ephemerons after collections.
    ("gc/overview.lua", Reason::IterationOrder),
    // Asks weak tables, and the count, how far a cycle has come.
    ("gc/pace.lua", Reason::IterationOrder),
    ("gc/pace.lua", Reason::Collector),
    // Traverses weak tables after collections.
    ("gc/weak.lua", Reason::IterationOrder),
    ("language/gc_metamethods.lua", Reason::IterationOrder),
    // Prints what `collectgarbage` returns.
    ("stdlib/base_collectgarbage.lua", Reason::Collector),
    // Lists the names in `math`, a table made before the seed was set.
    ("stdlib/math_constants.lua", Reason::IterationOrder),
];

fn accepted(name: &str, reason: Reason) -> bool {
    matches!(reason, Reason::Fuel | Reason::NotLua | Reason::Unsupported)
        || DOUBTFUL.iter().any(|(file, why)| name.ends_with(file) && *why == reason)
}

/// Runs all programs at some seeds; panics with every report. Returns the number of registers compared.
fn must_agree(programs: &[(String, Vec<u8>)], seeds: std::ops::Range<u64>) -> u64 {
    let mut registers = 0;
    let mut wrong = Vec::new();
    for (name, source) in programs {
        for seed in seeds.clone() {
            match lockstep(source, name, seed) {
                Verdict::Agree(compared) => registers += compared.registers,
                Verdict::Inconclusive(reason) if accepted(name, reason) => {}
                Verdict::Inconclusive(reason) => {
                    wrong.push(format!("{name}, seed {seed}: {reason}"))
                }
                Verdict::Diverge(found) => {
                    let report = report::divergence(&found, source, None);
                    wrong.push(format!("{name}, seed {seed}\n{report}"));
                    break;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} programs\n{}", wrong.len(), wrong.join("\n"));
    registers
}

#[test]
fn lockstep_over_the_examples() {
    let programs: Vec<_> =
        examples().into_iter().map(|s| ("=example".into(), s.into_bytes())).collect();
    assert!(must_agree(&programs, 0..4) > 100);
}

fn lua_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                lua_files(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "lua") {
            found.push(path);
        }
    }
}

#[test]
fn lockstep_over_every_lua_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut files = Vec::new();
    lua_files(root, &mut files);
    assert!(files.len() > 10, "{files:?}");
    let program = |path: &PathBuf| {
        let name = format!("@{}", path.strip_prefix(root).unwrap_or(path).display());
        (name, std::fs::read(path).expect("a readable file"))
    };
    let programs: Vec<_> = files.iter().map(program).collect();
    assert!(must_agree(&programs, 0..3) > 1_000);
}

#[test]
fn dumps_of_both_engines_read_alike() {
    struct Dump(Vec<String>);
    impl Watcher for Dump {
        fn first(&mut self) -> Option<Clock> {
            Some(Clock(3))
        }
        fn at<S: State>(&mut self, _: Clock, state: &S) -> Next {
            let names = (0..3).map(|r| format!("{:?}", state.register_name(0, r)));
            self.0.extend(names);
            Next::Never
        }
        fn end<S: State>(&mut self, state: &S, ending: &Ending<S::Value>, _: &[u8]) {
            let Ending::Returned(values) = ending else { return };
            assert_eq!(values.len(), 2);
            let canonical = |v: &S::Value| match state.view(*v) {
                plumb_oracle::canon::View::Int(i) => Canonical::Int(i),
                _ => Canonical::Nil,
            };
            self.0.push(format!("{:?}", values.iter().map(canonical).collect::<Vec<_>>()));
        }
    }
    let program = Program::new(b"local a, b = 1, 2 local c = a + b return c, nil", "=t", options());
    let ours = Interpreter.run(&program, Dump(Vec::new())).1.0;
    let theirs = Reference.run(&program, Dump(Vec::new())).1.0;
    assert_eq!(ours, theirs);
    assert_eq!(ours, ["Some(\"a\")", "Some(\"b\")", "Some(\"c\")", "[Int(3), Nil]"]);
}
