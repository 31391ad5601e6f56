//! AST -> `Proto`: the code PUC Lua 5.4.9 would emit, instruction for instruction.
//!
//! 1. [`opcode`]  the instruction set: one table of 83 opcodes, and the 32-bit word
//! 2. [`proto`]   a compiled function as data
//! 3. [`mod@compile`]  syntax tree -> prototype
//! 4. [`mod@dump`], [`mod@undump`]  PUC's binary chunk format, both directions
//! 5. [`mod@load`]     a chunk of either kind -> prototype
//! 6. [`mod@listing`]  prototype -> text, as `luac -l -l`
//! 7. [`mod@verify`]   structural rules, checked on what was compiled or read
//! 8. [`mod@effects`]  what one instruction does to registers
//! 9. [`liveness`]     which registers are live, which are defined

#![forbid(unsafe_code)]

pub mod compile;
pub mod dump;
pub mod effects;
pub mod listing;
pub mod liveness;
pub mod load;
pub mod opcode;
pub mod proto;
pub mod undump;
pub mod verify;

pub use compile::compile;
pub use dump::dump;
pub use effects::{Effects, RegisterSet, effects, effects_of};
pub use listing::listing;
pub use liveness::Liveness;
pub use load::{load, load_source};
pub use opcode::{Event, Format, Instruction, Op, OpInfo, Operand, Pc};
pub use proto::{AbsLine, Constant, LocalVar, MAX_REGISTERS, Proto, UpvalueDesc, VarKind};
pub use undump::undump;
pub use verify::{Violation, verify};
