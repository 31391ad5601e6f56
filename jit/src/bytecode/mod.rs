//! AST -> `Proto`: the code PUC Lua 5.4.9 would emit, instruction for instruction.
//!
//! 1. [`opcode`]  the instruction set: one table of 83 opcodes, and the 32-bit word
//! 2. [`proto`]   a compiled function as data

#![forbid(unsafe_code)]

pub mod opcode;
pub mod proto;

pub use opcode::{Event, Format, Instruction, Op, OpInfo, Operand, Pc};
pub use proto::{AbsLine, Constant, LocalVar, Proto, UpvalueDesc, VarKind};
