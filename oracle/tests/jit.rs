//! The JIT, the interpreter and the reference in lockstep: over the regressions, over every Lua file of the
//! repository with loops that get hot at once, and with traces that are made wrong on purpose.

use plumb_jit::trace::config::{ExecutorKind, JitConfig};
use plumb_oracle::check::check_jit;
use plumb_oracle::engine::Options;
use plumb_oracle::report;
use plumb_oracle::verdict::{Compared, Reason, Verdict};
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
