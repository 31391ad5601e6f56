//! AST -> `Proto`: the code PUC Lua 5.4.9 would emit, instruction for instruction.
//!
//! 1. [`opcode`]  the instruction set: one table of 83 opcodes, and the 32-bit word
//! 2. [`proto`]   a compiled function as data
//! 3. [`mod@compile`]  syntax tree -> prototype
//! 4. [`mod@dump`], [`mod@undump`]  PUC's binary chunk format, both directions

#![forbid(unsafe_code)]

pub mod compile;
pub mod dump;
pub mod opcode;
pub mod proto;
pub mod undump;

pub use compile::compile;
pub use dump::dump;
pub use opcode::{Event, Format, Instruction, Op, OpInfo, Operand, Pc};
pub use proto::{AbsLine, Constant, LocalVar, Proto, UpvalueDesc, VarKind};
pub use undump::{UndumpError, undump};
