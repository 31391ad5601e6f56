//! The `plumb` command as a person meets it: exit codes and messages, bad input first.

use plumb_fuzz::runner::command;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

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
    for command in ["sweep", "check", "run", "trace", "score", "repro", "bench"] {
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
fn what_would_prove_nothing_is_refused() {
    refused(&["sweep", "--seconds", "0"], "0 is not in 1..");
    refused(&["sweep", "--max-findings", "0"], "--max-findings");
    refused(&["score", "--findings", "0"], "--findings");
    refused(&["score", "--at-least", "101"], "`101` is no number from 0 to 100");
    refused(&["check", "x.lua", "--collection", "some"], "`some` is neither `whole` nor `minor`");
}

/// Not after the work, which may take long.
#[test]
fn a_report_that_cannot_be_written_is_refused_before_the_work() {
    let folder = std::env::temp_dir();
    for command in [&["sweep"][..], &["score"], &["bench", "interp"]] {
        let output = plumb(&[command, &["--report", arg(&folder)]].concat());
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert_eq!(text(&output.stdout), "", "{command:?}");
        assert!(text(&output.stderr).contains("plumb: cannot write"), "{command:?}");
    }
}

#[test]
fn case_files_are_checked() {
    let folder = file("case.lua", b"print(1)").parent().expect("it is in a folder").to_path_buf();
    for (config, message) in [
        (r#"{"hot_loop": 0}"#, "`hot_loop` is 0; it must be from 1 to 60000"),
        (r#"{"gpr_limit": 1000}"#, "`gpr_limit` is 1000; it must be from 6 to 24"),
        (r#"{"passes": ["fold", "licm"]}"#, "there is no pass `licm`; there are fold, "),
        (r#"{"hot_lop": 5}"#, "unknown field `hot_lop`"),
    ] {
        let json = format!(r#"{{"status": "fixed", "story": "s", "config": {config}}}"#);
        file("case.json", json.as_bytes());
        refused(&["repro", arg(&folder)], message);
    }
}

/// On what the case was found on, unless something else is asked for or this machine does not have it.
#[test]
fn a_case_is_replayed_on_what_it_was_found_on() {
    let folder = file("on.lua", b"").with_file_name("found-on");
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("a temporary file can be written");
    };
    write("case.lua", "local t = 0 for i = 1, 100 do t = t + i end print(t)\n");
    for (found_on, asked, is_lowered) in
        [("eval", None, false), ("eval", Some("sim"), true), ("vax", None, true)]
    {
        let json = format!(r#"{{"status": "fixed", "story": "s", "executor": "{found_on}"}}"#);
        write("case.json", &json);
        let mut args = vec!["repro", arg(&folder)];
        args.extend(asked.iter().flat_map(|asked| ["--executor", asked]));
        let output = plumb(&args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr).contains("`vax`, which is not"), found_on == "vax");
        let stages = text(&output.stdout);
        assert_eq!(stages.contains("-- lowered"), is_lowered, "{found_on}, {asked:?}\n{stages}");
    }
}

/// The checks between the stages panic; that is a finding, not a failure of the command.
#[test]
fn broken_stages_are_findings() {
    let path = file("sum.lua", b"local t = 0 for i = 1, 100 do t = t + i end print(t)\n");
    let output = plumb(&["check", "--hot-loop", "3", "--plant", "eight.move-alias", arg(&path)]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), String::new()));
    assert!(text(&output.stdout).contains("blame: pass / peel / eight.move-alias"));
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

/// All engines agree on an error too; whoever checks a program must be told.
#[test]
fn check_says_that_a_program_failed() {
    let output = plumb(&["check", arg(&file("clock.lua", b"print(os.clock())\n"))]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("the program ended with an error"));
}

/// Texts of tracebacks, of errors in loops that are traced.
#[test]
fn tracebacks_are_compared() {
    let source = br#"
        local function get(t, i) local v = t[i] return v.x + i end
        local function sum(t, n) local s = 0 for i = 1, n do s = s + get(t, i) end return s end
        local t = {}
        for i = 1, 40 do t[i] = {x = i} end
        for n = 5, 45 do
          local ok, text = xpcall(sum, debug.traceback, t, n)
          if not ok then error(text) end
        end"#;
    let path = file("traceback.lua", source);
    let output = plumb(&["check", "--hot-loop", "3", arg(&path)]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(!stdout.contains(" 0 entries") && stdout.contains("ended with an error"), "{stdout}");
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
        "hot_exits",
        "aborts",
        "inconclusive",
        "trace_entries_compared",
        "trace_exits_compared",
        "links_compared",
        "stitches_compared",
        "registers_compared",
    ] {
        assert!(!json[key].is_null(), "{key} is missing");
    }
}

/// A summary and a report of what was done until Ctrl-C.
#[cfg(unix)]
#[test]
fn an_interrupted_sweep_shows_what_it_did() {
    let report = file("interrupted.json", b"");
    let args = ["sweep", "--seconds", "600", "--jobs", "1", "--no-save", "--report", arg(&report)];
    // It listens when its self-test is over, and nothing tells when: an early interrupt just ends it.
    for patience in [2, 5, 10, 30, 60] {
        let mut plumb = command(env!("CARGO_BIN_EXE_plumb"));
        plumb.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = plumb.spawn().expect("plumb starts");
        std::thread::sleep(Duration::from_secs(patience));
        let kill = ["-INT", &process.id().to_string()];
        assert!(Command::new("kill").args(kill).status().expect("kill starts").success());
        let output = process.wait_with_output().expect("it ends");
        if output.status.code().is_none() {
            continue;
        }
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("interrupted"), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("trace entries compared"));
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&report).expect("it was written")).expect("JSON");
        assert_eq!(json["interrupted"], true);
        assert!(json["programs"].as_u64() >= Some(64), "{json}");
        return;
    }
    panic!("it never listened");
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
