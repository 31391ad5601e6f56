//! Programs of some size whose results are known: `programs/*.lua`, and what each prints beside it.
//!
//! The oracle compares engines with each other; the expected text compares them with the world.

use plumb_fuzz::generate::{CaseConfig, ForcedExit};
use plumb_fuzz::harness::{Answer, Job, USER_FUEL, judge};
use plumb_fuzz::regression::report;
use plumb_jit::heap::Value;
use plumb_jit::trace::config::ExecutorKind;
use plumb_jit::vm::Vm;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn programs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    let entries = std::fs::read_dir(folder).expect("the folder is readable");
    let paths = entries.map(|entry| entry.expect("its entries are readable").path());
    let mut lua: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "lua")).collect();
    lua.sort();
    lua
}

#[test]
fn they_print_what_is_known() {
    let programs = programs();
    assert!(programs.len() >= 17, "{programs:?}");
    for path in programs {
        let source = std::fs::read(&path).expect("a readable file");
        let proto = plumb_jit::bytecode::load(&source, b"=program", "t", 0).expect("valid Lua");
        let mut vm = Vm::new();
        plumb_jit::stdlib::open_all(&mut vm);
        let main = Value::from(vm.load(&Arc::new(proto)));
        vm.call(main, &[]).unwrap_or_else(|error| panic!("{}: {}", path.display(), error.text()));
        let expected = std::fs::read_to_string(path.with_extension("out")).expect("what it prints");
        assert_eq!(String::from_utf8_lossy(&vm.output), expected, "{}", path.display());
        assert!(!expected.contains("WRONG"), "{}", path.display());
    }
}

/// Under plain knobs, and under some that make the JIT do more.
#[test]
fn all_engines_agree_on_them() {
    let busy = CaseConfig {
        hot_loop: 3,
        gpr_limit: Some(10),
        forced_exit: Some(ForcedExit { trace: 0, guard: 3, nth: 2 }),
        flush_at: Some(4),
        collect_every: Some(50),
        ..CaseConfig::default()
    };
    let (mut traces, mut registers) = (0, 0);
    for path in programs() {
        let source = std::fs::read(&path).expect("a readable file");
        for config in [CaseConfig::default(), busy.clone()] {
            let judged = judge(&Job {
                source: &source,
                chunk_name: "=program",
                config,
                executor: ExecutorKind::host_default(),
                tap: None,
                check: false,
                thorough: false,
                fuel: USER_FUEL,
            });
            let Answer::Agree(compared) = judged.answer else {
                panic!("{}\n{}", path.display(), report(&judged.answer, &source, None));
            };
            traces += compared.traces;
            registers += compared.registers;
        }
    }
    assert!(traces > 20 && registers > 1_000_000, "{traces} traces, {registers} registers");
}
