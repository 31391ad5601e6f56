//! The `plumb` command.
//!
//! Exit codes: 0 all is well; 1 a divergence, or a Lua program ended with an error; 2 the command cannot
//! do what it was asked (one line on stderr says what, where and what to do); 3 inconclusive; 4 the harness
//! fails its own test; 130 a sweep was interrupted before it found anything.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let command = plumb_fuzz::cli::parse();
    match plumb_fuzz::cli::run(command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("plumb: {error:#}");
            ExitCode::from(2)
        }
    }
}
