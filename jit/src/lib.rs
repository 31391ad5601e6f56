//! Plumb's Lua 5.4 and its ARM64 trace JIT.
//!
//! The modules follow the data flow:
//!
//! 1. [`syntax`]   source text -> AST
//! 2. [`bytecode`] AST -> `Proto` (the code PUC Lua 5.4 would emit, instruction for instruction)
//! 3. [`heap`]     values and objects; the layouts that traces read
//! 4. [`vm`]       `Proto` -> effects: the interpreter
//! 5. [`stdlib`]   the library functions
//! 6. [`trace`]    hot loops: counters, recorder, snapshots, abort reasons
//! 7. [`ir`]       a trace as a value: op table, builder, text form, verifier, evaluator
//! 8. [`opt`]      `Trace -> Trace`, one file a pass
//! 9. [`backend`]  `Trace` -> ARM64 code
//! 10. [`exec`]    code -> registers: simulator, native
//!
//! Invariant: nothing here knows that it is being fuzzed or compared.

pub mod backend;
pub mod bytecode;
pub mod exec;
pub mod heap;
pub mod ir;
pub mod opt;
pub mod stdlib;
pub mod syntax;
pub mod trace;
pub mod vm;
