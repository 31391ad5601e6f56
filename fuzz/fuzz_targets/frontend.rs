//! Coverage-guided search for text that our compiler and PUC's treat differently: one refuses it, the
//! messages differ, or the bytecode does.
//!
//! Under `cargo fuzz run frontend` a libFuzzer target; in an ordinary build a program that replays the
//! input files it is given, so that the target cannot rot unseen.

#![cfg_attr(fuzzing, no_main)]

use plumb_oracle::bytecode_check::compare_with;

thread_local! {
    /// Making a state costs more than compiling a small text.
    static PUC: mlua::Lua = mlua::Lua::new();
}

/// Panics with both sides when they differ.
fn check(text: &[u8]) {
    // A first byte of ESC means a binary chunk, which neither side promises to survive.
    if text.first() == Some(&0x1b) {
        return;
    }
    if let Err(difference) = PUC.with(|lua| compare_with(lua, text, "=text")) {
        panic!("{difference}\n-- source:\n{}", String::from_utf8_lossy(text));
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|text: &[u8]| check(text));

#[cfg(not(fuzzing))]
fn main() {
    for path in std::env::args_os().skip(1) {
        match std::fs::read(&path) {
            Ok(text) => check(&text),
            Err(error) => {
                eprintln!("frontend: cannot read `{}`: {error}", path.display());
                std::process::exit(2);
            }
        }
    }
}
