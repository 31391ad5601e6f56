//! The `plumb` command as a person meets it: exit codes and messages, bad input first.

use plumb_fuzz::runner::command;
use std::path::{Path, PathBuf};
use std::process::Output;

fn plumb(args: &[&str]) -> Output {
    command(env!("CARGO_BIN_EXE_plumb")).args(args).output().expect("plumb starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exit code 2 and one clear line on stderr that contains `part`.
fn refused(args: &[&str], part: &str) {
    let output = plumb(args);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}\n{stderr}");
    assert!(stderr.contains(part), "{args:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
}

fn file(name: &str, contents: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("plumb-cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    let path = folder.join(name);
    std::fs::write(&path, contents).expect("a temporary file can be written");
    path
}

fn arg(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}

#[test]
fn every_command_has_help() {
    for command in ["sweep", "check", "run", "trace", "repro", "bench"] {
        let output = plumb(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(text(&output.stdout).contains("Usage:"), "{command}");
    }
}

#[test]
fn missing_files_are_named() {
    for command in ["check", "trace"] {
        refused(&[command, "no-such-file.lua"], "no-such-file.lua");
    }
    refused(&["repro", "no-such-case"], "no-such-case");
}

#[test]
fn files_that_are_not_text_are_refused() {
    let path = file("latin1.lua", b"print('caf\xe9')\n");
    for command in ["check", "trace"] {
        refused(&[command, arg(&path)], "not UTF-8");
    }
}

#[test]
fn files_that_are_not_lua_get_the_message_of_lua() {
    let path = file("broken.lua", b"for i = 1 do end\n");
    for command in ["check", "trace"] {
        refused(&[command, arg(&path)], "broken.lua:1: ',' expected near 'do'");
    }
}

#[test]
fn a_first_line_for_the_shell_is_skipped() {
    let path = file("script.lua", b"\xef\xbb\xbf#!/usr/bin/lua\nfor i = 1, 100 do end\n");
    for command in ["check", "run", "trace"] {
        let output = plumb(&[command, arg(&path)]);
        assert_eq!(output.status.code(), Some(0), "{command}: {}", text(&output.stderr));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let path = file("piped.lua", b"for i = 1, 100 do end\n");
    for name in ["check", "trace"] {
        let (reader, writer) = std::io::pipe().expect("pipes can be made");
        drop(reader);
        let output = command(env!("CARGO_BIN_EXE_plumb"))
            .args([name, arg(&path)])
            .stdout(writer)
            .output()
            .expect("plumb starts");
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
    }
}

#[test]
fn endless_programs_end_inconclusively() {
    let path = file("endless.lua", b"local n = 0 while true do n = n + 1 end\n");
    let output = plumb(&["check", "--fuel", "200000", arg(&path)]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("fuel"), "{}", text(&output.stdout));
}

#[test]
fn bad_options_are_explained() {
    refused(&["sweep", "--seeds", "5"], "A..B");
    refused(&["sweep", "--seeds", "9..3"], "empty");
    refused(&["sweep", "--jobs", "0"], "jobs");
    refused(&["check"], "FILES");
    refused(&["run", "--jit", "maybe", "x.lua"], "maybe");
    if !cfg!(target_arch = "aarch64") {
        let path = file("native.lua", b"print(1)\n");
        refused(&["check", "--executor", "native", arg(&path)], "ARM64");
    }
}

#[test]
fn run_prints_what_the_program_prints() {
    let source = b"local s = 0 for i = 1, 1000 do s = s + i end print(s, ...) print(arg[1])\n";
    let path = file("sum.lua", source);
    for jit in ["on", "off"] {
        let output = plumb(&["run", "--jit", jit, arg(&path), "a", "b"]);
        assert_eq!(text(&output.stdout), "500500\ta\tb\na\n", "{}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn a_failing_program_exits_with_1_and_its_message() {
    let path = file("fail.lua", b"local t = nil\nprint(1)\nreturn t.x\n");
    let output = plumb(&["run", arg(&path)]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "1\n");
    let stderr = text(&output.stderr);
    assert!(stderr.contains(":3: attempt to index a nil value (local 't')"), "{stderr}");
}

#[test]
fn check_says_what_it_compared() {
    let path = file("loop.lua", b"local s = 0 for i = 1, 1000 do s = s + i * 0.5 end print(s)\n");
    let output = plumb(&["check", arg(&path)]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(
        stdout.contains("agree") && stdout.contains("1 traces, 1 entries, 1 exits"),
        "{stdout}"
    );
}

#[test]
fn trace_shows_every_stage() {
    let path =
        file("stages.lua", b"local x = 0.0 for i = 1, 100 do x = x * 0.5 + i end print(x)\n");
    let output = plumb(&["trace", arg(&path)]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    for part in [
        "FORLOOP",
        "-- recorded",
        "peel",
        "-- allocated",
        "-- code",
        "float arithmetic",
        "one loop iteration",
    ] {
        assert!(stdout.contains(part), "`{part}` is missing in\n{stdout}");
    }
}

#[test]
fn sweep_writes_its_report() {
    let report = file("sweep.json", b"");
    let output = plumb(&["sweep", "--seeds", "0..50", "--no-save", "--report", arg(&report)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&report).expect("it was written")).expect("JSON");
    assert_eq!(json["programs"], 50);
    for key in [
        "programs_per_second",
        "traced_percent",
        "side_exit_percent",
        "aborts",
        "inconclusive",
        "trace_entries_compared",
        "trace_exits_compared",
        "registers_compared",
    ] {
        assert!(!json[key].is_null(), "{key} is missing");
    }
}

#[test]
fn the_interpreter_is_timed_against_the_reference() {
    refused(&["bench", "interp", "--program", "fob"], "there are: mandelbrot, fib");
    refused(&["bench", "interp", "--repeats", "0"], "--repeats");
    let path = file("bench.json", b"");
    let args =
        ["bench", "interp", "--program", "nqueens", "--repeats", "1", "--report", arg(&path)];
    let output = plumb(&args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("nqueens"), "{}", text(&output.stdout));
    let report = std::fs::read_to_string(&path).expect("the report is written");
    assert!(report.contains("\"result\": \"552 (integer)\""), "{report}");
    assert!(report.contains("\"ratio\""), "{report}");
}
