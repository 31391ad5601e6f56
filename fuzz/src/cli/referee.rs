//! The referee of the simulator that the command was asked for, if it was built in.

use plumb_jit::trace::config::ExecutorKind;

/// The simulator, with each `sample`-th entry into a trace repeated on the unicorn engine.
#[cfg(feature = "unicorn")]
pub fn unicorn(sample: u32) -> anyhow::Result<ExecutorKind> {
    Ok(ExecutorKind::Refereed { sample })
}

#[cfg(not(feature = "unicorn"))]
pub fn unicorn(_: u32) -> anyhow::Result<ExecutorKind> {
    anyhow::bail!(
        "--referee unicorn is not in this build: the unicorn engine is GPL-2.0 and off by default; \
         build with `cargo build --release --features unicorn` (needs cmake and libclang; \
         Debian: cmake libclang-dev)"
    )
}
