//! How a program ends under `plumb run`: what it is called back for, in which order, what it prints,
//! what stderr and the exit code say.
//!
//! In:  `ends.txt`: a prelude, then scripts, each with what PUC 5.4's `lua` does with prelude and script.
//! Out: the first difference of each script. A backslash ends output that has no line break at its end.
//!
//! `PLUMB_REFERENCE=lua5.4 cargo test -p plumb-fuzz --test ends` checks the record against that program.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

struct Case {
    name: &'static str,
    script: &'static str,
    expected: &'static str,
}

fn cases() -> (&'static str, Vec<Case>) {
    let mut parts = include_str!("ends.txt").split("\n== ");
    let prelude = parts.next().expect("a file has a beginning");
    let case = |text: &'static str| {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let (name, rest) = text.split_once('\n').expect("a name is a line");
        let (script, expected) = rest.split_once("-- exit ").expect("an exit code is recorded");
        Case { name, script, expected }
    };
    (prelude, parts.map(case).collect())
}

/// What happened, as it is recorded.
fn run(folder: &Path) -> String {
    let mut command = match std::env::var_os("PLUMB_REFERENCE") {
        Some(reference) => Command::new(reference),
        None => {
            let mut plumb = plumb_fuzz::runner::command(env!("CARGO_BIN_EXE_plumb"));
            plumb.arg("run");
            plumb
        }
    };
    command.arg("s.lua").current_dir(folder).stdin(Stdio::null());
    for name in ["LUA_INIT", "LUA_INIT_5_4"] {
        command.env_remove(name);
    }
    let output = command.output().expect("the command starts");
    let code = output.status.code().expect("no signal ends it");
    let mut text = format!("{code}\n{}", String::from_utf8_lossy(&output.stdout));
    if !text.ends_with('\n') {
        text.push_str("\\\n");
    }
    write!(text, "-- stderr\n{}", String::from_utf8_lossy(&output.stderr)).expect("a string grows");
    // The line break before the next case, or at the end of the file.
    text.strip_suffix('\n').map(str::to_string).expect("text ends in a line break")
}

fn directory() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("plumb-ends-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    folder
}

#[test]
fn programs_end_as_under_puc() {
    let folder = directory();
    let (prelude, cases) = cases();
    assert!(cases.len() > 50);
    let mut failures = String::new();
    for Case { name, script, expected } in cases {
        std::fs::write(folder.join("s.lua"), [prelude, "\n", script].concat())
            .expect("a file is written");
        let ours = run(&folder);
        if ours != expected {
            write!(failures, "== {name}\n{script}-- ours\n{ours}-- recorded\n{expected}\n")
                .expect("a string grows");
        }
    }
    std::fs::remove_dir_all(&folder).expect("the folder goes away");
    assert!(failures.is_empty(), "{failures}");
}
