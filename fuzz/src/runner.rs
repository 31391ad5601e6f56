//! Starting a program that was built for this target, this one included.
//!
//! Where the target is another machine than the host, such programs run under an emulator:
//! `PLUMB_TEST_RUNNER` names it, as `.ci/arm64` does.

use std::ffi::OsStr;
use std::process::Command;

/// A command that runs `program`.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    match std::env::var_os("PLUMB_TEST_RUNNER").filter(|runner| !runner.is_empty()) {
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(program);
            command
        }
        None => Command::new(program),
    }
}
