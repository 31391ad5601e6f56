//! From hot loops to compiled traces, and back into the interpreter.
//!
//! 1. [`config`]   the knobs
//! 2. [`view`]     what the recorder may see of the VM
//! 3. [`recorder`] one iteration of a loop -> IR
//! 4. [`abort`]    why a recording is given up
//! 5. [`compile`]  IR -> passes -> code
//! 6. [`engine`]   evaluator, simulator, native behind one door
//! 7. [`restore`]  from an exit back to interpreter state
//! 8. [`manager`]  which loops are recorded, compiled, entered, given up
//! 9. [`stats`]    counters
//! 10. [`tap`]     what may look between the stages

#![forbid(unsafe_code)]

pub mod abort;
pub mod compile;
pub mod config;
pub mod engine;
pub mod manager;
pub mod recorder;
pub mod restore;
pub mod stats;
pub mod tap;
pub mod view;
