//! Coverage-guided search for programs on which the JIT, the interpreter and reference Lua differ.
//!
//! Under `cargo fuzz run trace_diff` a libFuzzer target; in an ordinary build a program that replays the
//! input files it is given, so that the target cannot rot unseen.

#![cfg_attr(fuzzing, no_main)]

use plumb_fuzz::campaign::judge_case;
use plumb_fuzz::generate::case_of_bytes;
use plumb_fuzz::harness::Answer;
use plumb_fuzz::regression::report;
use plumb_jit::syntax::printer::print;
use plumb_jit::trace::config::ExecutorKind;

/// Panics with a report when the engines differ on the program that `bytes` describe.
fn check(bytes: &[u8]) {
    let case = case_of_bytes(bytes);
    let judged = judge_case(&case, ExecutorKind::host_default());
    if let Answer::Found(finding) = &judged.answer {
        let source = print(&case.chunk);
        panic!(
            "{}\n-- config: {:?}\n{source}\n{}",
            finding.signature(),
            case.config,
            report(&judged.answer, source.as_bytes(), None)
        );
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check(bytes));

#[cfg(not(fuzzing))]
fn main() {
    for path in std::env::args_os().skip(1) {
        match std::fs::read(&path) {
            Ok(bytes) => check(&bytes),
            Err(error) => {
                eprintln!("trace_diff: cannot read `{}`: {error}", path.display());
                std::process::exit(2);
            }
        }
    }
}
