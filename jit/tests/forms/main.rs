//! Evidence that the simulator is right, instruction form by instruction form.
//!
//! 1. [`table`]    every form that the emitter can make, with random registers and immediates
//! 2. [`meaning`]  what each form should read as, in canonical assembly
//! 3. [`input`]    operand values: edges and random ones
//! 4. [`harness`]  words and an input -> a blob that any executor runs, and the state afterwards
//! 5. [`vectors`]  cases as text, recorded by a referee; `data/vectors.txt`
//! 6. [`coverage`] what the emitter makes of many traces is in the table
//!
//! The simulator, the unicorn engine and the processor itself run the very same blobs.

// Who records and who compares depends on the build.
#![cfg_attr(not(all(feature = "unicorn", target_arch = "aarch64")), allow(dead_code))]

mod coverage;
mod encodings;
mod harness;
mod input;
mod meaning;
mod referee;
use traces::rng;
mod table;
/// Random traces, shared with the backend's tests.
#[allow(dead_code)]
#[path = "../backend"]
mod traces {
    pub mod generate;
    pub mod rng;
    pub mod world;
}
mod vectors;
