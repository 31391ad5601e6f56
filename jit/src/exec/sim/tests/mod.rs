//! Tests of the simulator. Words come from `dynasmrt`, decoding from `disarm64`: two independent
//! readings of the architecture must agree.

// Tables of (instructions, expectation); `dynasm!` converts register numbers itself.
#![allow(clippy::type_complexity, clippy::useless_conversion)]

mod control;
mod floats;
mod integers;
mod loads;
#[cfg(all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")))]
mod processor;
mod support;
mod traps;
