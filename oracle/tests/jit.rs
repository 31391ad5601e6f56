//! The JIT, the interpreter and the reference in lockstep: over the regressions, over every Lua file of the
//! repository with loops that get hot at once, and with traces that are made wrong on purpose.

use plumb_jit::backend::mach::{Inst, MachTrace};
use plumb_jit::ir::trace::Trace;
use plumb_jit::trace::config::{ExecutorKind, JitConfig};
use plumb_jit::trace::tap::{StageTap, TapRef};
use plumb_oracle::check::check_jit;
use plumb_oracle::engine::Options;
use plumb_oracle::report;
use plumb_oracle::verdict::{Compared, DivergenceKind, Engine, Reason, THRASH_BOUND, Verdict};
use std::path::{Path, PathBuf};

fn config(hot_loop: u16, executor: ExecutorKind) -> JitConfig {
    JitConfig { hot_loop, executor, check: true, ..JitConfig::default() }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
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

/// Checks files under several configurations; panics with every report.
fn must_agree(files: &[PathBuf], configs: &[JitConfig], fuel: u64) -> Compared {
    let options = Options { fuel, ..Options::default() };
    let mut wrong = Vec::new();
    let mut total = Compared::default();
    for path in files {
        let source = std::fs::read(path).expect("a readable file");
        let name = format!("@{}", path.strip_prefix(root()).unwrap_or(path).display());
        for config in configs {
            let (verdict, _) = check_jit(&source, &name, config, &options);
            match verdict {
                Verdict::Agree(compared) => total += compared,
                Verdict::Inconclusive(_) => {}
                Verdict::Diverge(found) => {
                    let report = report::divergence(&found, &source, None);
                    wrong.push(format!("{name}, {config:?}\n{report}"));
                    break;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} programs\n{}", wrong.len(), wrong.join("\n"));
    total
}

#[test]
fn lockstep_over_every_lua_file() {
    let mut files = Vec::new();
    lua_files(&root().join("jit"), &mut files);
    lua_files(&root().join("regressions"), &mut files);
    let mut configs = Vec::new();
    for executor in [ExecutorKind::Eval, ExecutorKind::Simulator] {
        configs.extend([1, 2, 7].map(|hot| config(hot, executor)));
    }
    let total = must_agree(&files, &configs, 300_000);
    assert!(total.traces > 50 && total.trace_exits > 100, "{total:?}");
    println!("{}", report::compared(&total));
}

#[test]
fn an_endless_loop_is_out_of_fuel_on_every_executor() {
    let options = Options { fuel: 20_000, ..Options::default() };
    for executor in [ExecutorKind::Eval, ExecutorKind::Simulator] {
        for source in ["while true do end", "local x = 0 while true do x = x + 1 end"] {
            let (verdict, _) = check_jit(source.as_bytes(), "=t", &config(2, executor), &options);
            assert!(
                matches!(verdict, Verdict::Inconclusive(Reason::Fuel)),
                "{executor:?}: {verdict:?}"
            );
        }
    }
}

#[test]
fn a_traced_loop_is_compared_at_entries_and_exits() {
    let source = "local s = 0 for i = 1, 100 do s = s + i end return s";
    let (verdict, stats) = check_jit(
        source.as_bytes(),
        "=t",
        &config(5, ExecutorKind::Simulator),
        &Options::default(),
    );
    let Verdict::Agree(compared) = verdict else { panic!("{verdict:?}") };
    assert!(compared.traces >= 1 && compared.trace_entries >= 1 && compared.trace_exits >= 1);
    assert!(compared.registers > 0 && stats.loop_arrivals > 50, "{compared:?} {stats:?}");
    assert_eq!(compared.instructions, 206);
}

/// A loop that never leaves: its guards are gone after lowering.
struct NoGuards;

impl StageTap for NoGuards {
    fn lowered(&self, _: &Trace, lowered: &mut MachTrace) {
        if let Some(body) = &mut lowered.body {
            body.lines.retain(|line| !matches!(line.inst, Inst::Guard { .. }));
        }
    }
}

/// The clock decides that a trace is endless, not a timer: the interpreter ends where the JIT does not.
#[test]
fn an_endless_trace_diverges_by_fuel() {
    let source = "local i, n = 0, 1000 while i < n do i = i + 1 end return i";
    let options = Options { fuel: 200_000, ..Options::default() };
    for executor in [ExecutorKind::Mach, ExecutorKind::Allocated, ExecutorKind::Simulator] {
        let doctored = JitConfig { tap: Some(TapRef::new(NoGuards)), ..config(3, executor) };
        let (verdict, _) = check_jit(source.as_bytes(), "=endless", &doctored, &options);
        let Verdict::Diverge(found) = verdict else { panic!("{executor:?}: {verdict:?}") };
        assert_eq!(found.kind, DivergenceKind::Length, "{executor:?}");
        assert_eq!(found.right, Engine::Jit);
        assert_eq!(found.right_state.ending.as_deref(), Some("limited: fuel"));
        let (verdict, _) = check_jit(source.as_bytes(), "=endless", &config(3, executor), &options);
        assert!(verdict.is_agree(), "{executor:?}: {verdict:?}");
    }
}

/// Every entry runs some instructions, or an iteration, and leaves through one guard. The manager gives such a
/// trace up; one that did not would be found.
#[test]
fn a_trace_that_thrashes_is_found() {
    let source = |float: &str| {
        format!(
            "local t, n = {{}}, 0 for i = 1, 3000 do t[i] = {float} and i + 0.5 or i end
             for i = 1, 3000 do
               n = n + 1 local v = t[i] if v > 1000000 then n = n - 2 end
             end
             return n"
        )
    };
    for (executor, float) in [
        (ExecutorKind::Eval, "i > 50"),
        (ExecutorKind::Simulator, "i > 50"),
        (ExecutorKind::Eval, "i % 2 == 0"),
        (ExecutorKind::Simulator, "i % 2 == 0"),
    ] {
        let source = source(float);
        let check = |config: &JitConfig| {
            check_jit(source.as_bytes(), "=thrash", config, &Options::default())
        };
        let (verdict, stats) = check(&config(5, executor));
        assert!(verdict.is_agree() && stats.thrash <= THRASH_BOUND, "{verdict:?} {stats:?}");
        let never_gives_up = JitConfig { max_fruitless: u32::MAX, ..config(5, executor) };
        let (verdict, stats) = check(&never_gives_up);
        let Verdict::Diverge(found) = verdict else { panic!("{executor:?}: {stats:?}") };
        assert_eq!(found.kind, DivergenceKind::Thrash, "{stats:?}");
        assert!(report::divergence(&found, source.as_bytes(), None).contains("Thrash"));
    }
}
