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

/// PUC compiles while it parses, so the limits of its code generator come before the errors of the text
/// behind them; README lists this difference. Which message a refused text gets is not compared then.
const GENERATOR_LIMITS: [&str; 5] = [
    "needs too many registers",
    "control structure too long",
    "too many local variables",
    "too many upvalues",
    "constructor too long",
];

/// Panics with both sides when they differ.
fn check(text: &[u8]) {
    // A first byte of ESC means a binary chunk, which neither side promises to survive.
    if text.first() == Some(&0x1b) {
        return;
    }
    if let Err(difference) = PUC.with(|lua| compare_with(lua, text, "=text")) {
        let is_limit = |limit: &&str| difference.contains(*limit);
        if difference.starts_with("different errors") && GENERATOR_LIMITS.iter().any(is_limit) {
            return;
        }
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
