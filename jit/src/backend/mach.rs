//! Machine-level IR: what the register allocator sees, and what it leaves for the emitter.
//!
//! In:  built by [`super::lower`] over virtual registers ([`Virtual`]).
//! Out: the same instructions over locations ([`Loc`]) after [`super::alloc`]; [`Inst::map`] goes
//!      from one to the other, so there is one instruction set, one text form and one emitter.
//!
//! ```text
//! entry:
//!   i0 = ldrb [frame + 24]            ; v0
//!   cmp i0, 3; leave ne -> exit 0 {}
//!   i1 = ldr [frame + 16]
//!   jump(i1)
//! loop(i2):
//!   i3 = add i2, 1
//!   cmp i3, i4; leave ge -> exit 1 {v4 = i3}
//!   jump(i3)
//! ```
//!
//! Invariants:
//! - Virtual registers are in SSA form; block parameters are the phis of the trace.
//! - Condition flags never live from one instruction to the next: whatever sets them also uses them.
//!   The moves that the allocator puts between instructions therefore need not preserve them.
//! - An instruction reads its operands before it writes its result, so a result may share a
//!   register with an operand; operands of role `UseAnyLate` are the exception.
//! - Immediates are encodable; lowering has checked.

use std::fmt::{self, Display};

use crate::exec::runtime::Helper;
use crate::ir::trace::{SnapshotId, ValueId};

/// Register class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Class {
    /// x registers: integers, addresses, tags.
    Int,
    /// d registers.
    Float,
}

/// A virtual register, defined once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Virtual {
    pub index: u32,
    pub class: Class,
}

/// Where an operand is after allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Loc {
    X(u8),
    D(u8),
    /// An entry of `TraceContext::spills`.
    Spill(u32),
}

/// Number of a guard's exit, dense within a trace. Two guards of one snapshot have two exits,
/// because their values may be in different places.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct ExitId(pub u32);

/// What an instruction demands of an operand's location.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Read from any register.
    Use,
    /// Read from wherever it is: a register or a spill slot.
    UseAny,
    /// Read from wherever it is, after the result was written.
    UseAnyLate,
    /// Read from this register of its class.
    UseAt(u8),
    /// Written to any register.
    Def,
    /// Written to this register of its class.
    DefAt(u8),
}

/// A value that a snapshot names, at its exit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Held<R> {
    /// No register needed: constants, and types that are the whole value.
    Const(u64),
    At(R),
}

/// Where a guard leaves to, and what must be readable there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exit<R> {
    pub id: ExitId,
    pub snapshot: SnapshotId,
    pub values: Vec<(ValueId, Held<R>)>,
}

/// A register or the zero register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrZero<R> {
    Reg(R),
    Zero,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base<R> {
    Reg(R),
    /// x19: register 0 of the root frame.
    Frame,
}

/// `[base + offset]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address<R> {
    pub base: Base<R>,
    pub offset: i32,
}

/// Width of an integer load; narrow loads extend with zeros.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    Byte,
    Word,
    Double,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IntOp {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Mul,
    /// Rounds to zero; minint / -1 = minint.
    Div,
    /// Shift amounts are taken modulo 64.
    ShiftLeft,
    ShiftRight,
}

/// Operations whose second operand is an immediate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImmOp {
    /// 12 bits.
    Add,
    Sub,
    /// A bitmask immediate.
    And,
    Or,
    Xor,
    /// 0 to 63.
    ShiftLeft,
    ShiftRight,
    ShiftRightSigned,
}

/// Operations on one integer register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IntOp1 {
    Neg,
    Not,
    /// minint stays minint.
    Abs,
}

/// `rd = rn op (rm shifted by a constant)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShiftedOp {
    /// rn + (rm << amount)
    AddLeft,
    /// rn + (rm >> amount), signed
    AddRightSigned,
    /// rn & (rm >> amount), signed
    AndRightSigned,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FloatOp {
    Add,
    Sub,
    Mul,
    Div,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FloatOp1 {
    Neg,
    Abs,
    Sqrt,
    Floor,
    Ceil,
}

/// Condition codes, by the architecture's names and numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Cond {
    Eq = 0,
    Ne = 1,
    Hs = 2,
    Lo = 3,
    Mi = 4,
    Pl = 5,
    Vs = 6,
    Vc = 7,
    Hi = 8,
    Ls = 9,
    Ge = 10,
    Lt = 11,
    Gt = 12,
    Le = 13,
}

/// What sets the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Test<R> {
    Int(R, R),
    /// |immediate| fits 12 bits.
    IntImm(R, i32),
    /// Operands are NaN: C and V set, N and Z clear.
    Float(R, R),
    FloatZero(R),
    /// Second operand against 0 if the first is not 0; else N = Z = C = V = 0.
    NonZeroThenSign(R, R),
}

/// An argument of a helper call; integers go to x0, x1, ... by position, floats to d0, d1, ...
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument<R> {
    Reg(R),
    /// The VM's heap, from the context.
    Heap,
    Imm(u16),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Inst<R> {
    IntConst {
        rd: R,
        value: u64,
    },
    /// A float that `fmov` can encode, or +0.0.
    FloatConst {
        rd: R,
        bits: u64,
    },
    /// The same 64 bits in the other class.
    IntToFloatBits {
        rd: R,
        rn: R,
    },
    FloatToIntBits {
        rd: R,
        rn: R,
    },

    Int {
        op: IntOp,
        rd: R,
        rn: R,
        rm: R,
    },
    IntImm {
        op: ImmOp,
        rd: R,
        rn: R,
        imm: u64,
    },
    IntShifted {
        op: ShiftedOp,
        rd: R,
        rn: R,
        rm: R,
        amount: u8,
    },
    Int1 {
        op: IntOp1,
        rd: R,
        rn: R,
    },
    /// rd = ra - rn * rm
    MulSub {
        rd: R,
        rn: R,
        rm: R,
        ra: R,
    },
    /// rd = x19 + offset, |offset| fits 12 bits.
    FrameAddress {
        rd: R,
        offset: i32,
    },
    /// rd = if cond then yes else no
    Select {
        test: Test<R>,
        cond: Cond,
        rd: R,
        yes: OrZero<R>,
        no: OrZero<R>,
    },

    Float {
        op: FloatOp,
        rd: R,
        rn: R,
        rm: R,
    },
    Float1 {
        op: FloatOp1,
        rd: R,
        rn: R,
    },
    FloatSelect {
        test: Test<R>,
        cond: Cond,
        rd: R,
        yes: R,
        no: R,
    },
    /// Signed integer to nearest float.
    IntToFloat {
        rd: R,
        rn: R,
    },
    /// Towards zero, saturating, NaN to 0.
    FloatToInt {
        rd: R,
        rn: R,
    },

    Load {
        width: Width,
        rd: R,
        from: Address<R>,
    },
    LoadFloat {
        rd: R,
        from: Address<R>,
    },
    Store {
        rn: OrZero<R>,
        to: Address<R>,
    },
    StoreByte {
        rn: OrZero<R>,
        to: Address<R>,
    },
    StoreFloat {
        rn: R,
        to: Address<R>,
    },
    /// Two adjacent words, the first at the address.
    StorePair {
        first: OrZero<R>,
        second: OrZero<R>,
        to: Address<R>,
    },

    Call {
        helper: Helper,
        args: Vec<Argument<R>>,
        result: Option<R>,
    },

    /// Leaves if the test yields the condition.
    Guard {
        test: Test<R>,
        leave: Cond,
        exit: Exit<R>,
    },
    /// Leaves if `rn` is zero (or not zero, if `leave_zero` is false).
    GuardZero {
        rn: R,
        leave_zero: bool,
        exit: Exit<R>,
    },
    /// rd = rn - 1; leaves if rn was 0. The exit knows that `rn` is 0, so nobody has to keep it.
    CountDown {
        rd: R,
        rn: R,
        exit: Exit<R>,
    },
    /// `CountDown` and `Jump`: back to the loop head unless rn was 0. Made after allocation, where no
    /// move stands between the two.
    CountLoop {
        rd: R,
        rn: R,
        exit: Exit<R>,
    },
    /// Leaves always: the end of a linear trace.
    Leave {
        exit: Exit<R>,
    },
    /// To the loop head; from above it falls through.
    Jump,
}

impl<R: Copy> Inst<R> {
    /// The instruction over other registers. `f` is called once for each operand, in a fixed order.
    pub fn map<S>(&self, f: &mut impl FnMut(R, Role) -> S) -> Inst<S> {
        self.map_with(f, Exit::map)
    }

    /// Shows `f` each operand with its demand, in the order of [`Inst::map`].
    pub fn visit(&self, f: &mut impl FnMut(R, Role)) {
        self.map_with(f, |exit, role, f| {
            exit.values.iter().for_each(|(_, held)| {
                if let Held::At(r) = *held {
                    f(r, role);
                }
            });
            Exit { id: exit.id, snapshot: exit.snapshot, values: Vec::new() }
        });
    }

    #[rustfmt::skip]
    fn map_with<S, F: FnMut(R, Role) -> S>(&self, f: &mut F, map_exit: impl Fn(&Exit<R>, Role, &mut F) -> Exit<S>) -> Inst<S> {
        use Inst::*;
        match *self {
            IntConst { rd, value } => IntConst { rd: f(rd, Role::Def), value },
            FloatConst { rd, bits } => FloatConst { rd: f(rd, Role::Def), bits },
            IntToFloatBits { rd, rn } => IntToFloatBits { rn: f(rn, Role::Use), rd: f(rd, Role::Def) },
            FloatToIntBits { rd, rn } => FloatToIntBits { rn: f(rn, Role::Use), rd: f(rd, Role::Def) },
            Int { op, rd, rn, rm } => Int { op, rn: f(rn, Role::Use), rm: f(rm, Role::Use), rd: f(rd, Role::Def) },
            IntImm { op, rd, rn, imm } => IntImm { op, rn: f(rn, Role::Use), rd: f(rd, Role::Def), imm },
            IntShifted { op, rd, rn, rm, amount } => IntShifted { op, rn: f(rn, Role::Use), rm: f(rm, Role::Use), rd: f(rd, Role::Def), amount },
            Int1 { op, rd, rn } => Int1 { op, rn: f(rn, Role::Use), rd: f(rd, Role::Def) },
            MulSub { rd, rn, rm, ra } => MulSub { rn: f(rn, Role::Use), rm: f(rm, Role::Use), ra: f(ra, Role::Use), rd: f(rd, Role::Def) },
            FrameAddress { rd, offset } => FrameAddress { rd: f(rd, Role::Def), offset },
            Select { test, cond, rd, yes, no } => Select { test: test.map(f), cond, yes: yes.map(f), no: no.map(f), rd: f(rd, Role::Def) },
            Float { op, rd, rn, rm } => Float { op, rn: f(rn, Role::Use), rm: f(rm, Role::Use), rd: f(rd, Role::Def) },
            Float1 { op, rd, rn } => Float1 { op, rn: f(rn, Role::Use), rd: f(rd, Role::Def) },
            FloatSelect { test, cond, rd, yes, no } => FloatSelect { test: test.map(f), cond, yes: f(yes, Role::Use), no: f(no, Role::Use), rd: f(rd, Role::Def) },
            IntToFloat { rd, rn } => IntToFloat { rn: f(rn, Role::Use), rd: f(rd, Role::Def) },
            FloatToInt { rd, rn } => FloatToInt { rn: f(rn, Role::Use), rd: f(rd, Role::Def) },
            Load { width, rd, from } => Load { width, from: from.map(f), rd: f(rd, Role::Def) },
            LoadFloat { rd, from } => LoadFloat { from: from.map(f), rd: f(rd, Role::Def) },
            Store { rn, to } => Store { rn: rn.map(f), to: to.map(f) },
            StoreByte { rn, to } => StoreByte { rn: rn.map(f), to: to.map(f) },
            StoreFloat { rn, to } => StoreFloat { rn: f(rn, Role::Use), to: to.map(f) },
            StorePair { first, second, to } => StorePair { first: first.map(f), second: second.map(f), to: to.map(f) },
            Call { helper, ref args, result } => {
                let argument = |(position, arg): (usize, &Argument<R>)| match *arg {
                    Argument::Reg(r) => Argument::Reg(f(r, Role::UseAt(position as u8))),
                    Argument::Heap => Argument::Heap,
                    Argument::Imm(value) => Argument::Imm(value),
                };
                let args = args.iter().enumerate().map(argument).collect();
                Call { helper, args, result: result.map(|r| f(r, Role::DefAt(0))) }
            }
            Guard { test, leave, ref exit } => Guard { test: test.map(f), leave, exit: map_exit(exit, Role::UseAny, f) },
            CountDown { rd, rn, ref exit } => CountDown { rn: f(rn, Role::Use), exit: map_exit(exit, Role::UseAnyLate, f), rd: f(rd, Role::Def) },
            CountLoop { rd, rn, ref exit } => CountLoop { rn: f(rn, Role::Use), exit: map_exit(exit, Role::UseAnyLate, f), rd: f(rd, Role::Def) },
            GuardZero { rn, leave_zero, ref exit } => GuardZero { rn: f(rn, Role::Use), leave_zero, exit: map_exit(exit, Role::UseAny, f) },
            Leave { ref exit } => Leave { exit: map_exit(exit, Role::UseAny, f) },
            Jump => Jump,
        }
    }

    /// Reads and writes registers only, and goes on.
    pub fn is_arithmetic(&self) -> bool {
        use Inst::*;
        match self {
            IntConst { .. }
            | FloatConst { .. }
            | IntToFloatBits { .. }
            | FloatToIntBits { .. }
            | Int { .. }
            | IntImm { .. }
            | IntShifted { .. }
            | Int1 { .. }
            | MulSub { .. }
            | FrameAddress { .. }
            | Select { .. }
            | Float { .. }
            | Float1 { .. }
            | FloatSelect { .. }
            | IntToFloat { .. }
            | FloatToInt { .. } => true,
            Load { .. }
            | LoadFloat { .. }
            | Store { .. }
            | StoreByte { .. }
            | StoreFloat { .. }
            | StorePair { .. }
            | Call { .. }
            | Guard { .. }
            | GuardZero { .. }
            | CountDown { .. }
            | CountLoop { .. }
            | Leave { .. }
            | Jump => false,
        }
    }

    /// The register that the instruction writes.
    pub fn written(&self) -> Option<R> {
        let mut written = None;
        self.visit(&mut |r, role| {
            if matches!(role, Role::Def | Role::DefAt(_)) {
                written.get_or_insert(r);
            }
        });
        written
    }

    /// What [`Inst::visit`] shows.
    pub fn operands(&self) -> Vec<(R, Role)> {
        let mut operands = Vec::new();
        self.visit(&mut |r, role| operands.push((r, role)));
        operands
    }
}

impl<R: Copy> Test<R> {
    fn map<S>(self, f: &mut impl FnMut(R, Role) -> S) -> Test<S> {
        match self {
            Test::Int(a, b) => Test::Int(f(a, Role::Use), f(b, Role::Use)),
            Test::IntImm(a, imm) => Test::IntImm(f(a, Role::Use), imm),
            Test::Float(a, b) => Test::Float(f(a, Role::Use), f(b, Role::Use)),
            Test::FloatZero(a) => Test::FloatZero(f(a, Role::Use)),
            Test::NonZeroThenSign(a, b) => Test::NonZeroThenSign(f(a, Role::Use), f(b, Role::Use)),
        }
    }
}

impl<R: Copy> OrZero<R> {
    fn map<S>(self, f: &mut impl FnMut(R, Role) -> S) -> OrZero<S> {
        match self {
            OrZero::Reg(r) => OrZero::Reg(f(r, Role::Use)),
            OrZero::Zero => OrZero::Zero,
        }
    }
}

impl<R: Copy> Address<R> {
    fn map<S>(self, f: &mut impl FnMut(R, Role) -> S) -> Address<S> {
        let base = match self.base {
            Base::Reg(r) => Base::Reg(f(r, Role::Use)),
            Base::Frame => Base::Frame,
        };
        Address { base, offset: self.offset }
    }
}

impl<R: Copy> Exit<R> {
    fn map<S>(&self, role: Role, f: &mut impl FnMut(R, Role) -> S) -> Exit<S> {
        let held = |(value, held): &(ValueId, Held<R>)| match *held {
            Held::Const(bits) => (*value, Held::Const(bits)),
            Held::At(r) => (*value, Held::At(f(r, role))),
        };
        Exit {
            id: self.id,
            snapshot: self.snapshot,
            values: self.values.iter().map(held).collect(),
        }
    }
}

impl Cond {
    pub const ALL: [Cond; 14] = [
        Cond::Eq,
        Cond::Ne,
        Cond::Hs,
        Cond::Lo,
        Cond::Mi,
        Cond::Pl,
        Cond::Vs,
        Cond::Vc,
        Cond::Hi,
        Cond::Ls,
        Cond::Ge,
        Cond::Lt,
        Cond::Gt,
        Cond::Le,
    ];

    /// The condition that holds exactly when this one does not, whatever the flags are.
    pub const fn inverted(self) -> Cond {
        Cond::ALL[self as usize ^ 1]
    }

    pub const fn text(self) -> &'static str {
        match self {
            Cond::Eq => "eq",
            Cond::Ne => "ne",
            Cond::Hs => "hs",
            Cond::Lo => "lo",
            Cond::Mi => "mi",
            Cond::Pl => "pl",
            Cond::Vs => "vs",
            Cond::Vc => "vc",
            Cond::Hi => "hi",
            Cond::Ls => "ls",
            Cond::Ge => "ge",
            Cond::Lt => "lt",
            Cond::Gt => "gt",
            Cond::Le => "le",
        }
    }
}

/// One instruction and the IR value it was lowered from, for listings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub inst: Inst<Virtual>,
    pub origin: Option<ValueId>,
}

/// A block ends with `jump` (with arguments for the loop's parameters) or with `leave`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    pub params: Vec<Virtual>,
    pub lines: Vec<Line>,
    pub jump_args: Vec<Virtual>,
}

/// A trace before register allocation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MachTrace {
    /// The whole of a linear trace; the pre-roll of a looping one.
    pub entry: Block,
    pub body: Option<Block>,
    /// Virtual registers are numbered below this.
    pub num_virtuals: u32,
    pub num_exits: u32,
}

impl MachTrace {
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        std::iter::once(&self.entry).chain(&self.body)
    }
}

impl Display for Virtual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = if self.class == Class::Int { 'i' } else { 'f' };
        write!(f, "{class}{}", self.index)
    }
}

impl Display for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loc::X(n) => write!(f, "x{n}"),
            Loc::D(n) => write!(f, "d{n}"),
            Loc::Spill(n) => write!(f, "spill{n}"),
        }
    }
}

impl<R: Display> Display for OrZero<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrZero::Reg(r) => r.fmt(f),
            OrZero::Zero => f.write_str("zero"),
        }
    }
}

impl<R: Display> Display for Address<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.base {
            Base::Reg(r) => write!(f, "[{r}")?,
            Base::Frame => write!(f, "[frame")?,
        }
        match self.offset {
            0 => write!(f, "]"),
            n if n < 0 => write!(f, " - {}]", -n),
            n => write!(f, " + {n}]"),
        }
    }
}

impl<R: Display> Display for Test<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Test::Int(a, b) => write!(f, "cmp {a}, {b}"),
            Test::IntImm(a, imm) => write!(f, "cmp {a}, {imm}"),
            Test::Float(a, b) => write!(f, "fcmp {a}, {b}"),
            Test::FloatZero(a) => write!(f, "fcmp {a}, 0.0"),
            Test::NonZeroThenSign(a, b) => write!(f, "cmp {a}, 0 ne ? cmp {b}, 0"),
        }
    }
}

impl<R: Display> Display for Exit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {} #{} {{", self.id.0, self.snapshot.0)?;
        for (i, (value, held)) in self.values.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match held {
                Held::Const(bits) => write!(f, "{comma}v{} = {bits:#x}", value.0)?,
                Held::At(r) => write!(f, "{comma}v{} = {r}", value.0)?,
            }
        }
        f.write_str("}")
    }
}

impl<R: Display> Display for Argument<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Argument::Reg(r) => r.fmt(f),
            Argument::Heap => f.write_str("heap"),
            Argument::Imm(value) => value.fmt(f),
        }
    }
}

macro_rules! names {
    ($($ty:ident { $($variant:ident = $text:literal),* $(,)? })*) => {
        $(impl Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($ty::$variant => $text,)* })
            }
        })*
    };
}
names! {
    IntOp {
        Add = "add", Sub = "sub", And = "and", Or = "or", Xor = "xor", Mul = "mul", Div = "div",
        ShiftLeft = "lsl", ShiftRight = "lsr",
    }
    ImmOp {
        Add = "add", Sub = "sub", And = "and", Or = "or", Xor = "xor",
        ShiftLeft = "lsl", ShiftRight = "lsr", ShiftRightSigned = "asr",
    }
    IntOp1 { Neg = "neg", Not = "not", Abs = "abs" }
    FloatOp { Add = "fadd", Sub = "fsub", Mul = "fmul", Div = "fdiv" }
    FloatOp1 { Neg = "fneg", Abs = "fabs", Sqrt = "fsqrt", Floor = "ffloor", Ceil = "fceil" }
    Width { Byte = "ldrb", Word = "ldrw", Double = "ldr" }
}

#[rustfmt::skip]
impl<R: Display> Display for Inst<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Inst::*;
        match self {
            IntConst { rd, value } => write!(f, "{rd} = const {value:#x}"),
            FloatConst { rd, bits } => write!(f, "{rd} = const {:?}", f64::from_bits(*bits)),
            IntToFloatBits { rd, rn } | FloatToIntBits { rd, rn } => write!(f, "{rd} = bits {rn}"),
            Int { op, rd, rn, rm } => write!(f, "{rd} = {op} {rn}, {rm}"),
            IntImm { op, rd, rn, imm } => write!(f, "{rd} = {op} {rn}, {imm:#x}"),
            IntShifted { op, rd, rn, rm, amount } => match op {
                ShiftedOp::AddLeft => write!(f, "{rd} = add {rn}, {rm} lsl {amount}"),
                ShiftedOp::AddRightSigned => write!(f, "{rd} = add {rn}, {rm} asr {amount}"),
                ShiftedOp::AndRightSigned => write!(f, "{rd} = and {rn}, {rm} asr {amount}"),
            },
            Int1 { op, rd, rn } => write!(f, "{rd} = {op} {rn}"),
            MulSub { rd, rn, rm, ra } => write!(f, "{rd} = {ra} - {rn} * {rm}"),
            FrameAddress { rd, offset } => write!(f, "{rd} = frame {offset:+}"),
            Select { test, cond, rd, yes, no } => write!(f, "{test}; {rd} = {} ? {yes} : {no}", cond.text()),
            Float { op, rd, rn, rm } => write!(f, "{rd} = {op} {rn}, {rm}"),
            Float1 { op, rd, rn } => write!(f, "{rd} = {op} {rn}"),
            FloatSelect { test, cond, rd, yes, no } => write!(f, "{test}; {rd} = {} ? {yes} : {no}", cond.text()),
            IntToFloat { rd, rn } => write!(f, "{rd} = float {rn}"),
            FloatToInt { rd, rn } => write!(f, "{rd} = int {rn}"),
            Load { width, rd, from } => write!(f, "{rd} = {width} {from}"),
            LoadFloat { rd, from } => write!(f, "{rd} = ldr {from}"),
            Store { rn, to } => write!(f, "str {rn}, {to}"),
            StoreByte { rn, to } => write!(f, "strb {rn}, {to}"),
            StoreFloat { rn, to } => write!(f, "str {rn}, {to}"),
            StorePair { first, second, to } => write!(f, "stp {first}, {second}, {to}"),
            Call { helper, args, result } => {
                if let Some(rd) = result {
                    write!(f, "{rd} = ")?;
                }
                write!(f, "call {}(", helper.name())?;
                for (i, arg) in args.iter().enumerate() {
                    write!(f, "{}{arg}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Guard { test, leave, exit } => write!(f, "{test}; leave {} -> {exit}", leave.text()),
            GuardZero { rn, leave_zero: true, exit } => write!(f, "leave zero {rn} -> {exit}"),
            GuardZero { rn, leave_zero: false, exit } => write!(f, "leave nonzero {rn} -> {exit}"),
            CountDown { rd, rn, exit } => write!(f, "{rd} = sub {rn}, 1; leave below -> {exit}"),
            CountLoop { rd, rn, exit } => write!(f, "{rd} = sub {rn}, 1; loop unless below -> {exit}"),
            Leave { exit } => write!(f, "leave -> {exit}"),
            Jump => f.write_str("jump"),
        }
    }
}

impl Display for MachTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (block, name) in self.blocks().zip(["entry", "loop"]) {
            writeln!(f, "{name}{}:", list(&block.params))?;
            for line in &block.lines {
                let mut text = line.inst.to_string();
                if line.inst == Inst::Jump {
                    text += &list(&block.jump_args);
                }
                match line.origin {
                    Some(origin) => writeln!(f, "  {text:<40} ; v{}", origin.0)?,
                    None => writeln!(f, "  {text}")?,
                }
            }
        }
        Ok(())
    }
}

fn list(registers: &[Virtual]) -> String {
    if registers.is_empty() {
        return String::new();
    }
    let names: Vec<String> = registers.iter().map(Virtual::to_string).collect();
    format!("({})", names.join(", "))
}

impl Width {
    pub const fn bytes(self) -> i32 {
        match self {
            Width::Byte => 1,
            Width::Word => 4,
            Width::Double => 8,
        }
    }
}
