//! The instruction set: one table of the 83 opcodes of Lua 5.4, and the 32-bit instruction word.
//!
//! In:  nothing. Out: [`Op`] with its metadata ([`OpInfo`]) and [`Instruction`], whose bit layout is
//! exactly PUC's (`lopcodes.h`):
//!
//! ```text
//!        31       24 23       16  15  14        7 6        0
//! Abc  |    C (8)   |   B (8)   | k |   A (8)   |  op (7)  |
//! ABx  |          Bx (17)           |   A (8)   |  op (7)  |
//! AsBx |         sBx (17)           |   A (8)   |  op (7)  |
//! Ax   |                  Ax (25)               |  op (7)  |
//! SJ   |                  sJ (25)               |  op (7)  |
//! ```
//!
//! Signed fields are stored in excess notation: stored value = value + offset, where the offset is
//! half of the largest unsigned value of that field.
//!
//! The listing, the verifier and the data-flow analyses read operand roles from the table; none of
//! them keeps a private list of opcodes, except where an operand stands for a range of registers.

/// Largest value of operand A (also the largest register number that can be encoded).
pub const MAX_A: u32 = 0xff;
/// Largest value of operand B.
pub const MAX_B: u32 = 0xff;
/// Largest value of operand C.
pub const MAX_C: u32 = 0xff;
/// Largest value of operand Bx.
pub const MAX_BX: u32 = (1 << 17) - 1;
/// Largest value of operand Ax.
pub const MAX_AX: u32 = (1 << 25) - 1;
/// Largest stored (unsigned) value of operand sJ.
pub const MAX_SJ: u32 = (1 << 25) - 1;
/// Excess of sB and sC: stored = value + 127.
pub const OFFSET_SC: i32 = (MAX_C >> 1) as i32;
/// Excess of sBx.
pub const OFFSET_SBX: i32 = (MAX_BX >> 1) as i32;
/// Excess of sJ.
pub const OFFSET_SJ: i32 = (MAX_SJ >> 1) as i32;
/// List items that a constructor gathers in registers before it emits a SETLIST.
pub const FIELDS_PER_FLUSH: u32 = 50;

const A: u8 = 1 << 3;
const T: u8 = 1 << 4;
const IT: u8 = 1 << 5;
const OT: u8 = 1 << 6;
const MM: u8 = 1 << 7;

/// How the operands are laid out in the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Format {
    Abc,
    ABx,
    AsBx,
    Ax,
    SJ,
}

/// What one operand means. In formats ABx and AsBx the entry of B describes Bx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Always zero, or has no meaning.
    Unused,
    /// A register that the instruction reads.
    Read,
    /// A register that the instruction writes (conditionally for TESTSET).
    Write,
    /// The first of several registers; which ones, and how, is particular to the opcode.
    Range,
    /// Index of an upvalue.
    Upvalue,
    /// Index of a constant of any type.
    Constant,
    /// Index of a constant that is a short string (at most 40 bytes).
    ConstantString,
    /// Index of a constant that is a number.
    ConstantNumber,
    /// Index of a constant that is an integer.
    ConstantInteger,
    /// A constant index when k is set, else a register that the instruction reads.
    ReadOrConstant,
    /// An unsigned immediate integer.
    Unsigned,
    /// A signed immediate integer in excess notation.
    Signed,
    /// A number of registers, parameters or slots; its bias is particular to the opcode.
    Count,
    /// A metamethod event, numbered as in [`Event`].
    Event,
    /// 0 or 1.
    Flag,
    /// A forward or backward distance in instructions.
    Jump,
    /// Index of a nested function prototype.
    Proto,
}

/// Everything the table says about an opcode.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// The name that `luac -l` prints.
    pub name: &'static str,
    pub format: Format,
    pub a: Operand,
    /// B, or Bx.
    pub b: Operand,
    pub c: Operand,
    flags: u8,
    /// What the instruction does, as pseudo-code. R registers, K constants, Up upvalues, P nested
    /// prototypes, RK(C) is K[C] when k is set and R[C] otherwise. `pc` already points to the next
    /// instruction.
    pub doc: &'static str,
}

impl OpInfo {
    /// Mode bits in PUC's packing (`luaP_opmodes`): format in bits 0-2, then A, T, IT, OT, MM.
    pub const fn mode_bits(&self) -> u8 {
        self.flags | self.format as u8
    }
    /// Writes register A.
    pub const fn sets_a(&self) -> bool {
        self.flags & A != 0
    }
    /// A test: the next instruction must be a JMP, which the test consumes or skips.
    pub const fn is_test(&self) -> bool {
        self.flags & T != 0
    }
    /// Reads the open `top` left by the previous instruction when B = 0.
    pub const fn uses_top(&self) -> bool {
        self.flags & IT != 0
    }
    /// Leaves an open `top` for the next instruction when C = 0.
    pub const fn sets_top(&self) -> bool {
        self.flags & OT != 0
    }
    /// Runs only when the arithmetic instruction before it could not.
    pub const fn is_metamethod(&self) -> bool {
        self.flags & MM != 0
    }
}

macro_rules! opcodes {
    ($($op:ident = $name:literal, $format:ident, $a:ident $b:ident $c:ident, $flags:expr, $doc:literal;)*) => {
        /// An opcode. The discriminant is PUC's number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op {
            $(#[doc = $doc] $op,)*
        }

        impl Op {
            /// All opcodes, in order of their number.
            pub const ALL: [Op; Op::COUNT] = [$(Op::$op),*];
            pub const COUNT: usize = [$(stringify!($op)),*].len();

            /// The opcode with this number. Numbers without an opcode are read as EXTRAARG, which no
            /// valid code executes; the verifier rejects them. Compiles to a compare and a select,
            /// and melts into the jump table of a `match` on the result.
            #[inline(always)]
            pub const fn from_u8(number: u8) -> Op {
                match number {
                    $(n if n == Op::$op as u8 => Op::$op,)*
                    _ => Op::ExtraArg,
                }
            }
        }

        static INFO: [OpInfo; Op::COUNT] = [
            $(OpInfo {
                name: $name,
                format: Format::$format,
                a: Operand::$a,
                b: Operand::$b,
                c: Operand::$c,
                flags: $flags,
                doc: $doc,
            },)*
        ];
    };
}

opcodes! {
//  opcode   name    format  A B C    mode flags    meaning
    Move = "MOVE", Abc, Write Read Unused, A, "R[A] := R[B]";
    LoadI = "LOADI", AsBx, Write Unused Unused, A, "R[A] := sBx";
    LoadF = "LOADF", AsBx, Write Unused Unused, A, "R[A] := (float)sBx";
    LoadK = "LOADK", ABx, Write Constant Unused, A, "R[A] := K[Bx]";
    LoadKX = "LOADKX", ABx, Write Unused Unused, A, "R[A] := K[next instruction's Ax]; pc++";
    LoadFalse = "LOADFALSE", Abc, Write Unused Unused, A, "R[A] := false";
    LFalseSkip = "LFALSESKIP", Abc, Write Unused Unused, A, "R[A] := false; pc++";
    LoadTrue = "LOADTRUE", Abc, Write Unused Unused, A, "R[A] := true";
    LoadNil = "LOADNIL", Abc, Range Count Unused, A, "R[A], ..., R[A+B] := nil";
    GetUpval = "GETUPVAL", Abc, Write Upvalue Unused, A, "R[A] := Up[B]";
    SetUpval = "SETUPVAL", Abc, Read Upvalue Unused, 0, "Up[B] := R[A]";
    GetTabUp = "GETTABUP", Abc, Write Upvalue ConstantString, A, "R[A] := Up[B][K[C]]";
    GetTable = "GETTABLE", Abc, Write Read Read, A, "R[A] := R[B][R[C]]";
    GetI = "GETI", Abc, Write Read Unsigned, A, "R[A] := R[B][C]";
    GetField = "GETFIELD", Abc, Write Read ConstantString, A, "R[A] := R[B][K[C]]";
    SetTabUp = "SETTABUP", Abc, Upvalue ConstantString ReadOrConstant, 0, "Up[A][K[B]] := RK(C)";
    SetTable = "SETTABLE", Abc, Read Read ReadOrConstant, 0, "R[A][R[B]] := RK(C)";
    SetI = "SETI", Abc, Read Unsigned ReadOrConstant, 0, "R[A][B] := RK(C)";
    SetField = "SETFIELD", Abc, Read ConstantString ReadOrConstant, 0, "R[A][K[B]] := RK(C)";
    NewTable = "NEWTABLE", Abc, Write Count Count, A, "R[A] := {} sized for 2^(B-1) hash slots (0 when B = 0) and C array slots (EXTRAARG*256 + C when k); pc++";
    SelfIndex = "SELF", Abc, Range Read ReadOrConstant, A, "R[A+1] := R[B]; R[A] := R[B][RK(C)]";
    AddI = "ADDI", Abc, Write Read Signed, A, "if R[B] is a number: R[A] := R[B] + sC; pc++";
    AddK = "ADDK", Abc, Write Read ConstantNumber, A, "if both are numbers: R[A] := R[B] + K[C]; pc++";
    SubK = "SUBK", Abc, Write Read ConstantNumber, A, "if both are numbers: R[A] := R[B] - K[C]; pc++";
    MulK = "MULK", Abc, Write Read ConstantNumber, A, "if both are numbers: R[A] := R[B] * K[C]; pc++";
    ModK = "MODK", Abc, Write Read ConstantNumber, A, "if both are numbers: R[A] := R[B] % K[C]; pc++";
    PowK = "POWK", Abc, Write Read ConstantNumber, A, "if both are numbers: R[A] := R[B] ^ K[C]; pc++";
    DivK = "DIVK", Abc, Write Read ConstantNumber, A, "if both are numbers: R[A] := R[B] / K[C]; pc++";
    IDivK = "IDIVK", Abc, Write Read ConstantNumber, A, "if both are numbers: R[A] := R[B] // K[C]; pc++";
    BAndK = "BANDK", Abc, Write Read ConstantInteger, A, "if both have integer values: R[A] := R[B] & K[C]; pc++";
    BOrK = "BORK", Abc, Write Read ConstantInteger, A, "if both have integer values: R[A] := R[B] | K[C]; pc++";
    BXorK = "BXORK", Abc, Write Read ConstantInteger, A, "if both have integer values: R[A] := R[B] ~ K[C]; pc++";
    ShrI = "SHRI", Abc, Write Read Signed, A, "if R[B] has an integer value: R[A] := R[B] >> sC; pc++";
    ShlI = "SHLI", Abc, Write Read Signed, A, "if R[B] has an integer value: R[A] := sC << R[B]; pc++";
    Add = "ADD", Abc, Write Read Read, A, "if both are numbers: R[A] := R[B] + R[C]; pc++";
    Sub = "SUB", Abc, Write Read Read, A, "if both are numbers: R[A] := R[B] - R[C]; pc++";
    Mul = "MUL", Abc, Write Read Read, A, "if both are numbers: R[A] := R[B] * R[C]; pc++";
    Mod = "MOD", Abc, Write Read Read, A, "if both are numbers: R[A] := R[B] % R[C]; pc++";
    Pow = "POW", Abc, Write Read Read, A, "if both are numbers: R[A] := R[B] ^ R[C]; pc++";
    Div = "DIV", Abc, Write Read Read, A, "if both are numbers: R[A] := R[B] / R[C]; pc++";
    IDiv = "IDIV", Abc, Write Read Read, A, "if both are numbers: R[A] := R[B] // R[C]; pc++";
    BAnd = "BAND", Abc, Write Read Read, A, "if both have integer values: R[A] := R[B] & R[C]; pc++";
    BOr = "BOR", Abc, Write Read Read, A, "if both have integer values: R[A] := R[B] | R[C]; pc++";
    BXor = "BXOR", Abc, Write Read Read, A, "if both have integer values: R[A] := R[B] ~ R[C]; pc++";
    Shl = "SHL", Abc, Write Read Read, A, "if both have integer values: R[A] := R[B] << R[C]; pc++";
    Shr = "SHR", Abc, Write Read Read, A, "if both have integer values: R[A] := R[B] >> R[C]; pc++";
    MmBin = "MMBIN", Abc, Read Read Event, MM, "R[previous instruction's A] := metamethod C (R[A], R[B])";
    MmBinI = "MMBINI", Abc, Read Signed Event, MM, "R[previous instruction's A] := metamethod C (R[A], sB), operands swapped when k";
    MmBinK = "MMBINK", Abc, Read Constant Event, MM, "R[previous instruction's A] := metamethod C (R[A], K[B]), operands swapped when k";
    Unm = "UNM", Abc, Write Read Unused, A, "R[A] := -R[B]";
    BNot = "BNOT", Abc, Write Read Unused, A, "R[A] := ~R[B]";
    Not = "NOT", Abc, Write Read Unused, A, "R[A] := not R[B]";
    Len = "LEN", Abc, Write Read Unused, A, "R[A] := #R[B]";
    Concat = "CONCAT", Abc, Range Count Unused, A, "R[A] := R[A] .. ... .. R[A+B-1]";
    Close = "CLOSE", Abc, Range Unused Unused, 0, "close all upvalues and to-be-closed variables >= R[A]";
    Tbc = "TBC", Abc, Read Unused Unused, 0, "mark R[A] as to be closed";
    Jmp = "JMP", SJ, Unused Unused Unused, 0, "pc += sJ";
    Eq = "EQ", Abc, Read Read Unused, T, "if (R[A] == R[B]) ~= k then pc++ else do the next jump";
    Lt = "LT", Abc, Read Read Unused, T, "if (R[A] < R[B]) ~= k then pc++ else do the next jump";
    Le = "LE", Abc, Read Read Unused, T, "if (R[A] <= R[B]) ~= k then pc++ else do the next jump";
    EqK = "EQK", Abc, Read Constant Unused, T, "if (R[A] == K[B]) ~= k then pc++ else do the next jump (raw equality)";
    EqI = "EQI", Abc, Read Signed Flag, T, "if (R[A] == sB) ~= k then pc++ else do the next jump";
    LtI = "LTI", Abc, Read Signed Flag, T, "if (R[A] < sB) ~= k then pc++ else do the next jump (C: sB was written as a float)";
    LeI = "LEI", Abc, Read Signed Flag, T, "if (R[A] <= sB) ~= k then pc++ else do the next jump (C: sB was written as a float)";
    GtI = "GTI", Abc, Read Signed Flag, T, "if (R[A] > sB) ~= k then pc++ else do the next jump (C: sB was written as a float)";
    GeI = "GEI", Abc, Read Signed Flag, T, "if (R[A] >= sB) ~= k then pc++ else do the next jump (C: sB was written as a float)";
    Test = "TEST", Abc, Read Unused Unused, T, "if (not R[A]) == k then pc++ else do the next jump";
    TestSet = "TESTSET", Abc, Write Read Unused, T | A, "if (not R[B]) == k then pc++ else { R[A] := R[B]; do the next jump }";
    Call = "CALL", Abc, Range Count Count, OT | IT | A, "R[A], ..., R[A+C-2] := R[A](R[A+1], ..., R[A+B-1]); B = 0: arguments up to top; C = 0: all results, sets top";
    TailCall = "TAILCALL", Abc, Range Count Count, OT | IT | A, "return R[A](R[A+1], ..., R[A+B-1]); B = 0: arguments up to top; k: close upvalues; C > 0: vararg with C-1 parameters";
    Return = "RETURN", Abc, Range Count Count, IT, "return R[A], ..., R[A+B-2]; B = 0: up to top; k: close upvalues; C > 0: vararg with C-1 parameters";
    Return0 = "RETURN0", Abc, Unused Unused Unused, 0, "return";
    Return1 = "RETURN1", Abc, Read Unused Unused, 0, "return R[A]";
    ForLoop = "FORLOOP", ABx, Range Jump Unused, A, "update R[A] and R[A+1]; if the loop goes on then { R[A+3] := R[A]; pc -= Bx }";
    ForPrep = "FORPREP", ABx, Range Jump Unused, A, "check and prepare R[A], R[A+1], R[A+2]; if the loop runs then R[A+3] := R[A] else pc += Bx+1";
    TForPrep = "TFORPREP", ABx, Range Jump Unused, 0, "mark R[A+3] as to be closed; pc += Bx";
    TForCall = "TFORCALL", Abc, Range Unused Count, 0, "R[A+4], ..., R[A+3+C] := R[A](R[A+1], R[A+2])";
    TForLoop = "TFORLOOP", ABx, Range Jump Unused, A, "if R[A+4] ~= nil then { R[A+2] := R[A+4]; pc -= Bx }";
    SetList = "SETLIST", Abc, Range Count Count, IT, "R[A][C+i] := R[A+i], 1 <= i <= B (B = 0: up to top; k: C is EXTRAARG*256 + C; pc++)";
    Closure = "CLOSURE", ABx, Write Proto Unused, A, "R[A] := closure(P[Bx])";
    VarArg = "VARARG", Abc, Range Unused Count, OT | A, "R[A], ..., R[A+C-2] := varargs; C = 0: all of them, sets top";
    VarArgPrep = "VARARGPREP", Abc, Count Unused Unused, IT | A, "move the A fixed parameters above the extra arguments";
    ExtraArg = "EXTRAARG", Ax, Unused Unused Unused, 0, "extra operand of the previous instruction; never executed by itself";
}

impl Op {
    #[inline(always)]
    pub fn info(self) -> &'static OpInfo {
        &INFO[self as usize]
    }
    pub fn name(self) -> &'static str {
        self.info().name
    }
}

/// A metamethod event, numbered as PUC's `TMS`; operand C of MMBIN, MMBINI and MMBINK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Event {
    Index,
    NewIndex,
    Gc,
    Mode,
    Len,
    Eq,
    Add,
    Sub,
    Mul,
    Mod,
    Pow,
    Div,
    IDiv,
    BAnd,
    BOr,
    BXor,
    Shl,
    Shr,
    Unm,
    BNot,
    Lt,
    Le,
    Concat,
    Call,
    Close,
}

impl Event {
    pub const COUNT: usize = Event::ALL.len();
    /// All events, in order of their number.
    pub const ALL: [Event; 25] = [
        Event::Index,
        Event::NewIndex,
        Event::Gc,
        Event::Mode,
        Event::Len,
        Event::Eq,
        Event::Add,
        Event::Sub,
        Event::Mul,
        Event::Mod,
        Event::Pow,
        Event::Div,
        Event::IDiv,
        Event::BAnd,
        Event::BOr,
        Event::BXor,
        Event::Shl,
        Event::Shr,
        Event::Unm,
        Event::BNot,
        Event::Lt,
        Event::Le,
        Event::Concat,
        Event::Call,
        Event::Close,
    ];

    /// The metatable key, such as `__add`.
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; Event::COUNT] = [
            "__index",
            "__newindex",
            "__gc",
            "__mode",
            "__len",
            "__eq",
            "__add",
            "__sub",
            "__mul",
            "__mod",
            "__pow",
            "__div",
            "__idiv",
            "__band",
            "__bor",
            "__bxor",
            "__shl",
            "__shr",
            "__unm",
            "__bnot",
            "__lt",
            "__le",
            "__concat",
            "__call",
            "__close",
        ];
        NAMES[self as usize]
    }

    /// The event with this number, if there is one.
    pub fn from_u8(number: u8) -> Option<Event> {
        Event::ALL.get(usize::from(number)).copied()
    }
}

/// Index of an instruction in its function's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Pc(pub u32);

impl Pc {
    #[inline(always)]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
    #[inline(always)]
    pub const fn next(self) -> Pc {
        Pc(self.0 + 1)
    }
    /// This position moved by a signed distance.
    #[inline(always)]
    pub const fn offset(self, distance: i32) -> Pc {
        Pc(self.0.wrapping_add_signed(distance))
    }
}

impl std::fmt::Display for Pc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One 32-bit instruction word. Accessors do not check that the opcode has that operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Instruction(pub u32);

impl Instruction {
    #[inline(always)]
    pub const fn op(self) -> Op {
        Op::from_u8((self.0 & 0x7f) as u8)
    }
    #[inline(always)]
    pub const fn a(self) -> usize {
        ((self.0 >> 7) & 0xff) as usize
    }
    #[inline(always)]
    pub const fn b(self) -> usize {
        ((self.0 >> 16) & 0xff) as usize
    }
    #[inline(always)]
    pub const fn c(self) -> usize {
        (self.0 >> 24) as usize
    }
    #[inline(always)]
    pub const fn k(self) -> bool {
        self.0 & (1 << 15) != 0
    }
    /// B as a signed immediate.
    #[inline(always)]
    pub const fn sb(self) -> i32 {
        self.b() as i32 - OFFSET_SC
    }
    /// C as a signed immediate.
    #[inline(always)]
    pub const fn sc(self) -> i32 {
        self.c() as i32 - OFFSET_SC
    }
    #[inline(always)]
    pub const fn bx(self) -> usize {
        (self.0 >> 15) as usize
    }
    #[inline(always)]
    pub const fn sbx(self) -> i32 {
        (self.0 >> 15) as i32 - OFFSET_SBX
    }
    #[inline(always)]
    pub const fn ax(self) -> usize {
        (self.0 >> 7) as usize
    }
    #[inline(always)]
    pub const fn sj(self) -> i32 {
        (self.0 >> 7) as i32 - OFFSET_SJ
    }

    pub const fn abck(op: Op, a: u32, b: u32, c: u32, k: bool) -> Instruction {
        debug_assert!(a <= MAX_A && b <= MAX_B && c <= MAX_C);
        Instruction(op as u32 | a << 7 | (k as u32) << 15 | b << 16 | c << 24)
    }
    pub const fn abc(op: Op, a: u32, b: u32, c: u32) -> Instruction {
        Instruction::abck(op, a, b, c, false)
    }
    pub const fn abx(op: Op, a: u32, bx: u32) -> Instruction {
        debug_assert!(a <= MAX_A && bx <= MAX_BX);
        Instruction(op as u32 | a << 7 | bx << 15)
    }
    pub const fn asbx(op: Op, a: u32, sbx: i32) -> Instruction {
        Instruction::abx(op, a, (sbx + OFFSET_SBX) as u32)
    }
    pub const fn from_ax(op: Op, ax: u32) -> Instruction {
        debug_assert!(ax <= MAX_AX);
        Instruction(op as u32 | ax << 7)
    }
    pub const fn from_sj(op: Op, sj: i32) -> Instruction {
        Instruction::from_ax(op, (sj + OFFSET_SJ) as u32)
    }

    #[must_use]
    pub const fn with_op(self, op: Op) -> Instruction {
        Instruction(self.0 & !0x7f | op as u32)
    }
    #[must_use]
    pub const fn with_a(self, a: u32) -> Instruction {
        debug_assert!(a <= MAX_A);
        Instruction(self.0 & !(0xff << 7) | a << 7)
    }
    #[must_use]
    pub const fn with_b(self, b: u32) -> Instruction {
        debug_assert!(b <= MAX_B);
        Instruction(self.0 & !(0xff << 16) | b << 16)
    }
    #[must_use]
    pub const fn with_c(self, c: u32) -> Instruction {
        debug_assert!(c <= MAX_C);
        Instruction(self.0 & !(0xff << 24) | c << 24)
    }
    #[must_use]
    pub const fn with_k(self, k: bool) -> Instruction {
        Instruction(self.0 & !(1 << 15) | (k as u32) << 15)
    }
    #[must_use]
    pub const fn with_bx(self, bx: u32) -> Instruction {
        debug_assert!(bx <= MAX_BX);
        Instruction(self.0 & 0x7fff | bx << 15)
    }
    #[must_use]
    pub const fn with_sj(self, sj: i32) -> Instruction {
        Instruction(self.0 & 0x7f | ((sj + OFFSET_SJ) as u32) << 7)
    }

    /// Leaves an open `top` that the next instruction must use.
    pub fn opens_top(self) -> bool {
        self.op() == Op::TailCall || self.op().info().sets_top() && self.c() == 0
    }
    /// Uses the open `top` that the previous instruction must have left.
    pub fn takes_top(self) -> bool {
        // VARARGPREP has the flag because of PUC's opmode table; its B is always zero.
        self.op() != Op::VarArgPrep && self.op().info().uses_top() && self.b() == 0
    }
}

impl std::fmt::Debug for Instruction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let op = self.op();
        write!(f, "{}", op.name())?;
        match op.info().format {
            Format::Abc => {
                write!(
                    f,
                    " {} {} {}{}",
                    self.a(),
                    self.b(),
                    self.c(),
                    if self.k() { " k" } else { "" }
                )
            }
            Format::ABx => write!(f, " {} {}", self.a(), self.bx()),
            Format::AsBx => write!(f, " {} {}", self.a(), self.sbx()),
            Format::Ax => write!(f, " {}", self.ax()),
            Format::SJ => write!(f, " {}", self.sj()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_match_the_table_position() {
        assert_eq!(Op::COUNT, 83);
        for (number, op) in Op::ALL.into_iter().enumerate() {
            assert_eq!(op as usize, number);
            assert_eq!(Op::from_u8(number as u8), op);
        }
        assert_eq!(Op::from_u8(83), Op::ExtraArg);
        assert_eq!(Op::Jmp as u8, 56);
        assert_eq!(Op::ExtraArg as u8, 82);
    }

    #[test]
    fn mode_bits_are_pucs() {
        // Spot values computed by hand from `lopcodes.c`.
        assert_eq!(Op::Move.info().mode_bits(), 0b0000_1000);
        assert_eq!(Op::LoadI.info().mode_bits(), 0b0000_1010);
        assert_eq!(Op::MmBin.info().mode_bits(), 0b1000_0000);
        assert_eq!(Op::Jmp.info().mode_bits(), 0b0000_0100);
        assert_eq!(Op::TestSet.info().mode_bits(), 0b0001_1000);
        assert_eq!(Op::Call.info().mode_bits(), 0b0110_1000);
        assert_eq!(Op::Return.info().mode_bits(), 0b0010_0000);
        assert_eq!(Op::ForLoop.info().mode_bits(), 0b0000_1001);
        assert_eq!(Op::VarArg.info().mode_bits(), 0b0100_1000);
        assert_eq!(Op::ExtraArg.info().mode_bits(), 0b0000_0011);
    }

    #[test]
    fn fields_round_trip_at_their_limits() {
        for (a, b, c, k) in
            [(0, 0, 0, false), (255, 255, 255, true), (1, 2, 3, true), (128, 0, 255, false)]
        {
            let i = Instruction::abck(Op::EqK, a, b, c, k);
            assert_eq!(
                (i.op(), i.a(), i.b(), i.c(), i.k()),
                (Op::EqK, a as usize, b as usize, c as usize, k)
            );
        }
        for sbx in [-OFFSET_SBX, -1, 0, 1, MAX_BX as i32 - OFFSET_SBX] {
            assert_eq!(Instruction::asbx(Op::LoadI, 7, sbx).sbx(), sbx);
        }
        for sj in [-OFFSET_SJ, -1, 0, 1, MAX_SJ as i32 - OFFSET_SJ] {
            assert_eq!(Instruction::from_sj(Op::Jmp, sj).sj(), sj);
        }
        let i = Instruction::abc(Op::Call, 1, 2, 3).with_c(0).with_k(true).with_a(9).with_b(0);
        assert_eq!(format!("{i:?}"), "CALL 9 0 0 k");
        assert!(i.opens_top() && i.takes_top());
    }
}
