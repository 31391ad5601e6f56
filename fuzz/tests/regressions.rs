//! Every case under `regressions/`, on every executor that this machine has.

use plumb_fuzz::harness::{Answer, Job, USER_FUEL, blame_of, judge};
use plumb_fuzz::regression::{RegressionCase, Status, name, report};
use plumb_jit::trace::config::ExecutorKind;
use std::path::Path;

fn cases() -> Vec<RegressionCase> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../regressions");
    RegressionCase::load_all(&folder).expect("regressions/ is readable")
}

fn replay(executor: ExecutorKind) {
    for case in cases() {
        let name = name(&case.folder);
        let job = Job {
            source: &case.source,
            chunk_name: "=case",
            config: case.file.config.clone(),
            executor,
            tap: None,
            check: true,
            thorough: false,
            fuel: USER_FUEL,
        };
        let judged = judge(&job);
        let text = report(&judged.answer, &case.source, None);
        match (&judged.answer, case.file.status) {
            (Answer::Agree(compared), _) => {
                assert!(
                    compared.traces >= case.file.min_traces,
                    "{name}: {} traces, at least {} wanted",
                    compared.traces,
                    case.file.min_traces
                );
                assert_eq!(compared.trace_entries, compared.trace_exits, "{name}");
                if case.file.min_traces > 0 {
                    assert!(compared.trace_entries > 0, "{name}: no trace was entered");
                }
            }
            (Answer::Found(finding), Status::Open) => {
                let blame = blame_of(&job, finding);
                let found = blame.map_or_else(|| finding.signature(), |blame| blame.key());
                let known = case.file.signature.as_ref().is_none_or(|known| *known == found);
                assert!(known, "{name}: it is `{found}` now\n{text}");
            }
            _ => panic!("{name} ({executor:?}):\n{text}"),
        }
    }
}

#[test]
fn all_cases_on_the_default_executor() {
    replay(ExecutorKind::host_default());
}

#[test]
fn all_cases_on_the_evaluators() {
    for executor in [ExecutorKind::Eval, ExecutorKind::Mach, ExecutorKind::Allocated] {
        replay(executor);
    }
}

/// The oracle compares engines with each other; this compares them with the known answer.
#[test]
fn outputs_are_the_known_ones() {
    for case in cases() {
        let Some(expected) = &case.file.output else { continue };
        let lua = mlua::Lua::new();
        let printed = std::rc::Rc::new(std::cell::RefCell::new(String::new()));
        let sink = printed.clone();
        let print = lua
            .create_function(move |lua, values: mlua::Variadic<mlua::Value>| {
                let tostring: mlua::Function = lua.globals().get("tostring")?;
                let texts: mlua::Result<Vec<String>> =
                    values.iter().map(|value| tostring.call(value.clone())).collect();
                sink.borrow_mut().push_str(&(texts?.join("\t") + "\n"));
                Ok(())
            })
            .expect("a function can be made");
        lua.globals().set("print", print).expect("globals can be set");
        lua.load(&case.source[..]).exec().expect("ground truth runs in PUC");
        assert_eq!(*printed.borrow(), *expected, "{}", name(&case.folder));
    }
}

#[test]
fn cases_are_complete() {
    let cases = cases();
    assert!(cases.len() >= 10, "only {} cases", cases.len());
    for case in cases {
        assert!(!case.file.story.is_empty(), "{} has no story", case.folder.display());
        assert!(
            case.file.status != Status::Open || case.file.signature.is_some(),
            "{} is open without a signature",
            case.folder.display()
        );
    }
}
