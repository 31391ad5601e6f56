//! Decoded instructions: the form that the simulator's loop executes.
//!
//! In:  what `decode` read from a word.   Out: operands ready to use; no bit field is left.
//!
//! Registers are indexes into one file of 64-bit cells: 0..=30 x0..x30, 31 unused (its bit in masks
//! stands for the flags), 32..=63 the low halves of v0..v31, then three cells that are not general:
//! `ZERO` (reads of xzr), `SINK` (writes to xzr) and `SP`. A 32-bit operation reads full cells and
//! narrows its result, as the architecture does.
//!
//! Limits: no vectors, no single or half precision arithmetic, no atomics, no system registers, no
//! `adc`/`sbc`. What is missing decodes to `Fault::Unknown` and traps when reached.

/// Index of a cell in the register file.
pub type Reg = u8;

/// More than there are, so that any `Reg` is an index.
pub const CELLS: usize = 256;
/// First floating-point register.
pub const FPR: Reg = 32;
pub const ZERO: Reg = 64;
pub const SINK: Reg = 65;
pub const SP: Reg = 66;

/// Bit of the condition flags in a mask of registers.
pub const FLAGS: u64 = 1 << 31;
/// x18 is never touched, so its bit stands for cells that are always defined (xzr, sp).
pub const ALWAYS: u64 = 1 << 18;

/// The bit of a register in `Ins::reads`, `Ins::writes` and the mask of defined registers.
#[inline(always)]
pub const fn bit(reg: Reg) -> u64 {
    if reg >= ZERO { ALWAYS } else { 1 << reg }
}

/// One pre-decoded instruction.
#[derive(Clone, Copy, Debug)]
pub struct Ins {
    pub op: Op,
    /// Must be defined before; the data of a store is not included.
    pub reads: u64,
    /// Defined afterwards.
    pub writes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    Lsl,
    Lsr,
    Asr,
    Ror,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extend {
    Uxtb,
    Uxth,
    Uxtw,
    Uxtx,
    Sxtb,
    Sxth,
    Sxtw,
    Sxtx,
}

/// How a second operand is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepare {
    Shift(Shift),
    Extend(Extend),
}

/// A shifted or extended register.
#[derive(Clone, Copy, Debug)]
pub struct Operand2 {
    pub rm: Reg,
    pub prepare: Prepare,
    pub amount: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    And,
    Orr,
    Eor,
    /// `and` that sets the flags.
    Ands,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    Keep,
    Increment,
    Invert,
    Negate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    Rbit,
    Rev16,
    Rev32,
    Rev64,
    Clz,
    Cls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bitfield {
    Signed,
    Unsigned,
    /// `bfm`: keeps the other bits of the destination.
    Insert,
}

/// Size and extension of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    U8,
    U16,
    U32,
    U64,
    /// Sign-extended to 32 bits (upper half zero).
    S8W,
    S16W,
    /// Sign-extended to 64 bits.
    S8X,
    S16X,
    S32X,
}

impl Access {
    #[inline(always)]
    pub const fn bytes(self) -> u64 {
        match self {
            Access::U8 | Access::S8W | Access::S8X => 1,
            Access::U16 | Access::S16W | Access::S16X => 2,
            Access::U32 | Access::S32X => 4,
            Access::U64 => 8,
        }
    }

    /// From the zero-extended bytes to the register's contents.
    #[inline(always)]
    pub const fn extend(self, raw: u64) -> u64 {
        match self {
            Access::U8 | Access::U16 | Access::U32 | Access::U64 => raw,
            Access::S8W => raw as u8 as i8 as i32 as u32 as u64,
            Access::S16W => raw as u16 as i16 as i32 as u32 as u64,
            Access::S8X => raw as u8 as i8 as u64,
            Access::S16X => raw as u16 as i16 as u64,
            Access::S32X => raw as u32 as i32 as u64,
        }
    }
}

/// How an immediate offset is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    Offset,
    Pre,
    Post,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatUnary {
    Neg,
    Abs,
    Sqrt,
    Round(Rounding),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatBinary {
    Nmul,
    Min,
    Max,
    MinNum,
    MaxNum,
}

/// Rounding of `frint*` and `fcvt*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To nearest, ties to even: `n`, and `x` and `i` with the default FPCR.
    TiesEven,
    TiesAway,
    Up,
    Down,
    Zero,
}

/// Pseudo instructions that trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Unknown,
    Stale,
    Outside,
    Platform,
}

/// Index of a word in the simulator's code space.
pub type Target = u32;

/// `w` marks 32-bit forms. `rd` is `SINK` or `SP` where the encoding says 31.
#[derive(Clone, Copy, Debug)]
#[rustfmt::skip] // one line an instruction
pub enum Op {
    // Integer: constants and moves.
    Constant { rd: Reg, value: u64 },
    MoveKeep { rd: Reg, w: bool, shift: u8, imm: u16 },
    Move { rd: Reg, rn: Reg, w: bool },
    // Integer: addition. `sub` with an immediate is `AddImm` of its negation.
    AddImm { rd: Reg, rn: Reg, w: bool, imm: u64 },
    AddReg { rd: Reg, rn: Reg, rm: Reg, w: bool },
    SubReg { rd: Reg, rn: Reg, rm: Reg, w: bool },
    Add { rd: Reg, rn: Reg, w: bool, op2: Operand2 },
    Sub { rd: Reg, rn: Reg, w: bool, op2: Operand2 },
    AddsImm { rd: Reg, rn: Reg, w: bool, imm: u64 },
    SubsImm { rd: Reg, rn: Reg, w: bool, imm: u64 },
    SubsReg { rd: Reg, rn: Reg, rm: Reg, w: bool },
    Adds { rd: Reg, rn: Reg, w: bool, op2: Operand2 },
    Subs { rd: Reg, rn: Reg, w: bool, op2: Operand2 },
    // Integer: logic, shifts, bit fields.
    LogicImm { kind: Logic, rd: Reg, rn: Reg, w: bool, imm: u64 },
    Logic { kind: Logic, invert: bool, rd: Reg, rn: Reg, w: bool, op2: Operand2 },
    ShiftImm { kind: Shift, rd: Reg, rn: Reg, w: bool, amount: u8 },
    ShiftReg { kind: Shift, rd: Reg, rn: Reg, rm: Reg, w: bool },
    Bitfield { kind: Bitfield, rd: Reg, rn: Reg, w: bool, immr: u8, imms: u8 },
    Extract { rd: Reg, rn: Reg, rm: Reg, w: bool, lsb: u8 },
    Unary { kind: Unary, rd: Reg, rn: Reg, w: bool },
    // Integer: multiplication and division.
    MulAdd { rd: Reg, rn: Reg, rm: Reg, ra: Reg, w: bool, subtract: bool },
    MulAddLong { rd: Reg, rn: Reg, rm: Reg, ra: Reg, signed: bool, subtract: bool },
    MulHigh { rd: Reg, rn: Reg, rm: Reg, signed: bool },
    Divide { rd: Reg, rn: Reg, rm: Reg, w: bool, signed: bool },
    // Integer: conditional.
    Select { kind: Select, rd: Reg, rn: Reg, rm: Reg, w: bool, cond: u8 },
    CompareIf { rn: Reg, rm: Reg, w: bool, add: bool, cond: u8, nzcv: u8 },
    CompareImmIf { rn: Reg, imm: u8, w: bool, add: bool, cond: u8, nzcv: u8 },
    // Float (double precision).
    FAdd { rd: Reg, rn: Reg, rm: Reg },
    FSub { rd: Reg, rn: Reg, rm: Reg },
    FMul { rd: Reg, rn: Reg, rm: Reg },
    FDiv { rd: Reg, rn: Reg, rm: Reg },
    FBinary { kind: FloatBinary, rd: Reg, rn: Reg, rm: Reg },
    FUnary { kind: FloatUnary, rd: Reg, rn: Reg },
    FMulAdd { rd: Reg, rn: Reg, rm: Reg, ra: Reg, negate_product: bool, negate_addend: bool },
    FCompare { rn: Reg, rm: Reg },
    FCompareIf { rn: Reg, rm: Reg, cond: u8, nzcv: u8 },
    FSelect { rd: Reg, rn: Reg, rm: Reg, cond: u8 },
    IntToFloat { rd: Reg, rn: Reg, w: bool, signed: bool },
    FloatToInt { rd: Reg, rn: Reg, w: bool, signed: bool, rounding: Rounding },
    // Memory.
    Load { access: Access, rt: Reg, rn: Reg, offset: i32 },
    LoadIndexed { access: Access, rt: Reg, rn: Reg, rm: Reg, extend: Extend, shift: u8 },
    LoadWriteback { access: Access, rt: Reg, rn: Reg, index: Index, offset: i32 },
    LoadLiteral { access: Access, rt: Reg, address: u64 },
    LoadPair { access: Access, rt: Reg, rt2: Reg, rn: Reg, index: Index, offset: i32 },
    Store { access: Access, rt: Reg, rn: Reg, offset: i32 },
    StoreIndexed { access: Access, rt: Reg, rn: Reg, rm: Reg, extend: Extend, shift: u8 },
    StoreWriteback { access: Access, rt: Reg, rn: Reg, index: Index, offset: i32 },
    StorePair { access: Access, rt: Reg, rt2: Reg, rn: Reg, index: Index, offset: i32 },
    // The commonest forms apart: 64 bits, offset addressing.
    Load64 { rt: Reg, rn: Reg, offset: i32 },
    Store64 { rt: Reg, rn: Reg, offset: i32 },
    LoadPair64 { rt: Reg, rt2: Reg, rn: Reg, offset: i32 },
    StorePair64 { rt: Reg, rt2: Reg, rn: Reg, offset: i32 },
    // Pairs of this and the next words, `count` in all: consecutive registers at consecutive addresses,
    // upwards or `down`wards from the first. What prologues, exits and epilogues are made of.
    LoadRun { rt: Reg, rn: Reg, count: u8, down: bool, offset: i32 },
    StoreRun { rt: Reg, rn: Reg, count: u8, down: bool, offset: i32 },
    // Control.
    Nop,
    Branch { target: Target },
    BranchLink { target: Target },
    BranchIf { cond: u8, target: Target },
    BranchZero { rt: Reg, w: bool, nonzero: bool, target: Target },
    BranchBit { rt: Reg, bit: u8, set: bool, target: Target },
    BranchReg { rn: Reg },
    CallReg { rn: Reg },
    // Not instructions.
    Fault(Fault),
    /// The op kept aside, at a loop head (count the arrival), or a guard to force, or both.
    Wrapped { kept: u32, head: bool, forced: bool, watched: bool },
}

impl Op {
    /// The target of a conditional branch.
    pub fn conditional_target(self) -> Option<Target> {
        match self {
            Op::BranchIf { target, .. }
            | Op::BranchZero { target, .. }
            | Op::BranchBit { target, .. } => Some(target),
            _ => None,
        }
    }
}

const _: () = assert!(std::mem::size_of::<Op>() == 16);
const _: () = assert!(std::mem::size_of::<Ins>() == 32);
