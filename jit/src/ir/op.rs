//! The op table: every IR operation, once.
//!
//! In:  nothing.
//! Out: [`Op`] with its operand kinds, result, effects and text name. Printer, parser,
//!      verifier and evaluator are driven by it; passes ask [`Op::effects`] and keep no lists.
//!
//! Invariants:
//! - Numbers are `Int` (64-bit, wrapping) or `Float` (binary64, round to nearest even, bit-exact:
//!   never contracted, never reassociated); there is no "number" type.
//! - An op that may leave the trace is a guard and carries a snapshot; an op without a guard
//!   always succeeds for operands of its kinds (`idiv`/`imod` need a dominating `guard.ine d, 0`).
//! - Effects name memory regions; two ops may be reordered or merged only if their regions allow it.

use crate::heap::value::Tag;
use std::fmt;

/// Static type of an IR value. Lua types fix the value's tag; `Ptr` never reaches a Lua slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Ty {
    /// No result.
    Void,
    Nil,
    False,
    True,
    Int,
    Float,
    Str,
    Table,
    /// A Lua closure.
    Closure,
    /// A library function without upvalues.
    Native,
    /// A raw address: array part, node value, upvalue object, metatable, proto. May be null.
    Ptr,
}

/// What an operand must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Int,
    Float,
    Str,
    Table,
    Closure,
    Ptr,
    /// Anything compared by address: `Str`, `Table`, `Closure`, `Native`, `Ptr`.
    Address,
    /// Any value that can live in a Lua slot (all but `Void` and `Ptr`).
    Lua,
    /// Any value but `Void`.
    Any,
}

/// What an op yields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Yields {
    /// Nothing.
    Void,
    /// Always this type.
    Fixed(Ty),
    /// `Inst::ty` says (loads and constants); must be a Lua type.
    Declared,
}

/// What the immediate field means, for the text form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Imm {
    None,
    /// A signed 64-bit integer constant.
    Int,
    /// The bits of a float constant.
    FloatBits,
    /// The address of a pinned object or of a runtime proto.
    Address,
    /// A slot of the root frame, counted from its base.
    Slot,
    /// An index (upvalue, node).
    Index,
}

/// Memory regions. Two regions never overlap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Regions(u8);

impl Regions {
    pub const NONE: Regions = Regions(0);
    /// Registers of the root frame as they were at trace entry; nothing on a trace writes them.
    pub const STACK: Regions = Regions(1);
    /// A table's array pointer, `alimit`, nodes, node keys and metatable pointer.
    pub const SHAPE: Regions = Regions(2);
    /// Values in array parts.
    pub const ARRAY: Regions = Regions(4);
    /// Values in hash nodes.
    pub const HASH: Regions = Regions(8);
    /// Values of upvalues.
    pub const UPVALUE: Regions = Regions(16);
    /// Where upvalues point (open or closed); nothing on a trace writes it.
    pub const UPVALUE_STATE: Regions = Regions(32);
    /// Cached absence bits of metamethods; traces write but never read them.
    pub const FLAGS: Regions = Regions(64);

    pub const fn union(self, other: Regions) -> Regions {
        Regions(self.0 | other.0)
    }
    pub const fn overlaps(self, other: Regions) -> bool {
        self.0 & other.0 != 0
    }
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// What an op may do besides yielding its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effects {
    pub reads: Regions,
    pub writes: Regions,
    /// May leave the trace through its snapshot.
    pub guard: bool,
    /// Fixed in its place: `loop`, `phi`.
    pub structural: bool,
}

impl Effects {
    /// No memory, no exit: same operands, same result, at any place that they dominate.
    pub const fn is_pure(self) -> bool {
        self.reads.is_none() && self.writes.is_none() && !self.guard && !self.structural
    }
    /// Must be kept although nobody uses the result.
    pub const fn is_root(self) -> bool {
        self.guard || self.structural || !self.writes.is_none()
    }
}

const fn pure() -> Effects {
    Effects { reads: Regions::NONE, writes: Regions::NONE, guard: false, structural: false }
}
const fn guard() -> Effects {
    Effects { guard: true, ..pure() }
}
const fn reads(regions: Regions) -> Effects {
    Effects { reads: regions, ..pure() }
}
const fn reads_guarded(regions: Regions) -> Effects {
    Effects { reads: regions, guard: true, ..pure() }
}
const fn writes(regions: Regions) -> Effects {
    Effects { writes: regions, ..pure() }
}
const fn structural() -> Effects {
    Effects { structural: true, ..pure() }
}
const TABLE_MEMORY: Regions = Regions::SHAPE.union(Regions::ARRAY).union(Regions::HASH);
const fn table_call() -> Effects {
    Effects { reads: TABLE_MEMORY, writes: TABLE_MEMORY.union(Regions::FLAGS), ..pure() }
}

macro_rules! ops {
    ($( $(#[doc = $doc:literal])+ $op:ident = $text:literal, [$($kind:ident),*], $result:expr, $imm:ident, $effects:expr; )*) => {
        /// An IR operation; the doc of each says what it computes.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op { $( $(#[doc = $doc])+ $op, )* }

        impl Op {
            /// Every op, in table order.
            pub const ALL: &'static [Op] = &[$(Op::$op),*];
            /// Name in the text form.
            pub const fn text(self) -> &'static str { match self { $(Op::$op => $text,)* } }
            pub const fn operands(self) -> &'static [Kind] { match self { $(Op::$op => &[$(Kind::$kind),*],)* } }
            pub const fn result(self) -> Yields { match self { $(Op::$op => $result,)* } }
            pub const fn imm(self) -> Imm { match self { $(Op::$op => Imm::$imm,)* } }
            pub const fn effects(self) -> Effects { match self { $(Op::$op => $effects,)* } }
            /// One-line description, for listings and the reference page.
            pub const fn doc(self) -> &'static str { match self { $(Op::$op => concat!($($doc),+),)* } }
        }
    };
}
use Yields::{Declared, Fixed, Void};

ops! {
    // Constants.
    /// Integer constant.
    KInt = "kint", [], Fixed(Ty::Int), Int, pure();
    /// Float constant, compared by bits.
    KFloat = "kfloat", [], Fixed(Ty::Float), FloatBits, pure();
    /// nil, false or true, by declared type.
    KPrimitive = "kpri", [], Declared, None, pure();
    /// A pinned object (string, table, closure) or a static library function.
    KObject = "kobj", [], Declared, Address, pure();
    /// A raw address: a runtime proto.
    KPtr = "kptr", [], Fixed(Ty::Ptr), Address, pure();

    // Entry state.
    /// Register `imm` of the root frame at trace entry; leaves if its tag is not the declared type's.
    SlotLoad = "sload", [], Declared, Slot, reads_guarded(Regions::STACK);
    /// The closure that runs in the root frame.
    RootClosure = "rootclosure", [], Fixed(Ty::Closure), None, pure();

    // Integer arithmetic, all wrapping modulo 2^64 (manual 3.4.1, 3.4.2).
    /// a + b
    Add = "add", [Int, Int], Fixed(Ty::Int), None, pure();
    /// a - b
    Sub = "sub", [Int, Int], Fixed(Ty::Int), None, pure();
    /// a * b
    Mul = "mul", [Int, Int], Fixed(Ty::Int), None, pure();
    /// Floor division; b is not 0 (guarded before); minint // -1 = minint.
    IDiv = "idiv", [Int, Int], Fixed(Ty::Int), None, pure();
    /// Modulo with the sign of b; b is not 0 (guarded before); x % -1 = 0.
    IMod = "imod", [Int, Int], Fixed(Ty::Int), None, pure();
    /// 0 - a
    Neg = "neg", [Int], Fixed(Ty::Int), None, pure();
    /// a & b
    BAnd = "band", [Int, Int], Fixed(Ty::Int), None, pure();
    /// a | b
    BOr = "bor", [Int, Int], Fixed(Ty::Int), None, pure();
    /// a ~ b
    BXor = "bxor", [Int, Int], Fixed(Ty::Int), None, pure();
    /// ~a
    BNot = "bnot", [Int], Fixed(Ty::Int), None, pure();
    /// a << b as Lua: logical; |b| >= 64 gives 0, negative b shifts right.
    Shl = "shl", [Int, Int], Fixed(Ty::Int), None, pure();
    /// a >> b as Lua: logical; |b| >= 64 gives 0, negative b shifts left.
    Shr = "shr", [Int, Int], Fixed(Ty::Int), None, pure();
    /// math.min of two integers.
    IMin = "imin", [Int, Int], Fixed(Ty::Int), None, pure();
    /// math.max of two integers.
    IMax = "imax", [Int, Int], Fixed(Ty::Int), None, pure();
    /// math.abs of an integer; minint stays minint.
    IAbs = "iabs", [Int], Fixed(Ty::Int), None, pure();

    // Float arithmetic.
    /// a + b
    FAdd = "fadd", [Float, Float], Fixed(Ty::Float), None, pure();
    /// a - b
    FSub = "fsub", [Float, Float], Fixed(Ty::Float), None, pure();
    /// a * b
    FMul = "fmul", [Float, Float], Fixed(Ty::Float), None, pure();
    /// a / b
    FDiv = "fdiv", [Float, Float], Fixed(Ty::Float), None, pure();
    /// C fmod adjusted to the sign of b (`luai_nummod`).
    FMod = "fmod", [Float, Float], Fixed(Ty::Float), None, pure();
    /// C pow; b == 2 is a * a (`luai_numpow`).
    FPow = "fpow", [Float, Float], Fixed(Ty::Float), None, pure();
    /// Sign bit flipped, also of zeros and NaN.
    FNeg = "fneg", [Float], Fixed(Ty::Float), None, pure();
    /// Sign bit cleared.
    FAbs = "fabs", [Float], Fixed(Ty::Float), None, pure();
    /// Square root.
    FSqrt = "fsqrt", [Float], Fixed(Ty::Float), None, pure();
    /// Round towards minus infinity, still a float (-0.0 stays -0.0).
    FFloor = "ffloor", [Float], Fixed(Ty::Float), None, pure();
    /// Round towards plus infinity, still a float.
    FCeil = "fceil", [Float], Fixed(Ty::Float), None, pure();
    /// math.min(a, b): b if b < a, else a (so a NaN stays where Lua leaves it).
    FMin = "fmin", [Float, Float], Fixed(Ty::Float), None, pure();
    /// math.max(a, b): b if a < b, else a.
    FMax = "fmax", [Float, Float], Fixed(Ty::Float), None, pure();

    // Conversions.
    /// Integer to nearest float.
    IntToFloat = "i2f", [Int], Fixed(Ty::Float), None, pure();
    /// Float to the integer equal to it; leaves if there is none (fraction, NaN, out of range).
    FloatToInt = "f2i", [Float], Fixed(Ty::Int), None, guard();

    // Guards: stay while the condition holds. No guard is the negation of another where NaN
    // would make both false; `fnlt` is "not (a < b)".
    /// a < b, signed
    GuardILt = "guard.ilt", [Int, Int], Void, None, guard();
    /// a <= b, signed
    GuardILe = "guard.ile", [Int, Int], Void, None, guard();
    /// a == b
    GuardIEq = "guard.ieq", [Int, Int], Void, None, guard();
    /// a ~= b
    GuardINe = "guard.ine", [Int, Int], Void, None, guard();
    /// a < b, unsigned (array bounds)
    GuardULt = "guard.ult", [Int, Int], Void, None, guard();
    /// a is exactly representable as a float: -2^53 <= a <= 2^53
    GuardFits53 = "guard.fits53", [Int], Void, None, guard();
    /// a < b
    GuardFLt = "guard.flt", [Float, Float], Void, None, guard();
    /// a <= b
    GuardFLe = "guard.fle", [Float, Float], Void, None, guard();
    /// not (a < b)
    GuardFNLt = "guard.fnlt", [Float, Float], Void, None, guard();
    /// not (a <= b)
    GuardFNLe = "guard.fnle", [Float, Float], Void, None, guard();
    /// a == b
    GuardFEq = "guard.feq", [Float, Float], Void, None, guard();
    /// a ~= b (also when one is NaN)
    GuardFNe = "guard.fne", [Float, Float], Void, None, guard();
    /// Same address.
    GuardPEq = "guard.peq", [Address, Address], Void, None, guard();
    /// Different addresses.
    GuardPNe = "guard.pne", [Address, Address], Void, None, guard();
    /// The pointer is null.
    GuardNull = "guard.null", [Ptr], Void, None, guard();
    /// The pointer is not null.
    GuardNonNull = "guard.nonnull", [Ptr], Void, None, guard();

    // Tables. Indices into array parts are zero-based here.
    /// Address of the array part.
    TableArray = "tarray", [Table], Fixed(Ty::Ptr), None, reads(Regions::SHAPE);
    /// `alimit`: bound of the array fast path, zero-extended.
    TableLimit = "tlimit", [Table], Fixed(Ty::Int), None, reads(Regions::SHAPE);
    /// Metatable, or null.
    TableMeta = "tmeta", [Table], Fixed(Ty::Ptr), None, reads(Regions::SHAPE);
    /// Element b of the array part at a (b < alimit, guarded before); leaves if its tag is not the declared type's.
    ArrayLoad = "aload", [Ptr, Int], Declared, None, reads_guarded(Regions::ARRAY);
    /// Store c into element b of the array part at a (b < alimit, guarded before).
    ArrayStore = "astore", [Ptr, Int, Lua], Void, None, writes(Regions::ARRAY);
    /// Address of the value in node `imm` of table a; leaves unless that node exists and its key is the short string b.
    HashSlot = "hslot", [Table, Str], Fixed(Ty::Ptr), Index, reads_guarded(Regions::SHAPE);
    /// Address of the value of short string key b in table a's hash part, or null: a helper call without effects.
    HashFind = "hfind", [Table, Str], Fixed(Ty::Ptr), None, reads(Regions::SHAPE);
    /// Number of slots of the array part, zero-extended (at least `alimit`).
    TableArraySize = "tasize", [Table], Fixed(Ty::Int), None, reads(Regions::SHAPE);
    /// Address of the value of integer key b in table a's hash part, or null: a helper call without effects. Says nothing of the array part.
    HashFindInt = "hfindint", [Table, Int], Fixed(Ty::Ptr), None, reads(Regions::SHAPE);
    /// Value at a node address (not null); leaves if its tag is not the declared type's.
    HashLoad = "hload", [Ptr], Declared, None, reads_guarded(Regions::HASH);
    /// Store b at a node address.
    HashStore = "hstore", [Ptr, Lua], Void, None, writes(Regions::HASH);
    /// Forget cached metamethod absence of table a (it may be a metatable and just got a new field).
    TableClearFlags = "tclearflags", [Table], Void, None, writes(Regions::FLAGS);
    /// Raw set of integer key b to c in table a; may grow the table. No metatable is consulted.
    TableSetInt = "tsetint", [Table, Int, Lua], Void, None, table_call();
    /// Raw set of string key b to c in table a; may grow the table. No metatable is consulted.
    TableSetStr = "tsetstr", [Table, Str, Lua], Void, None, table_call();
    /// Border of table a (`luaH_getn`; moves `alimit`). No metatable is consulted.
    TableLen = "tlen", [Table], Fixed(Ty::Int), None, table_call();
    /// Length of a string in bytes.
    StrLen = "slen", [Str], Fixed(Ty::Int), None, pure();

    // Closures and upvalues.
    /// The runtime proto of a closure.
    ClosureProto = "cproto", [Closure], Fixed(Ty::Ptr), None, pure();
    /// Upvalue object `imm` of a closure.
    UpvalueRef = "upref", [Closure], Fixed(Ty::Ptr), Index, pure();
    /// The upvalue is closed (points at its own value).
    GuardUpvalueClosed = "guard.upclosed", [Ptr], Void, None, reads_guarded(Regions::UPVALUE_STATE);
    /// The upvalue points at none of the root frame's `imm` registers: into an earlier frame, into the stack of another
    /// thread, or at its own value. What it points at is memory, which only stores to upvalues change.
    GuardUpvalueOutside = "guard.upoutside", [Ptr], Void, Index, reads_guarded(Regions::UPVALUE_STATE);
    /// The upvalue is open and points exactly at slot `imm` of the root frame: the trace uses its own value of that slot.
    GuardUpvalueSlot = "guard.upslot", [Ptr], Void, Slot, reads_guarded(Regions::UPVALUE_STATE);
    /// Value of an upvalue through its location; leaves if its tag is not the declared type's.
    UpvalueLoad = "uload", [Ptr], Declared, None, reads_guarded(Regions::UPVALUE);
    /// Store b into upvalue a through its location.
    UpvalueStore = "ustore", [Ptr, Lua], Void, None, writes(Regions::UPVALUE);

    // Structure.
    /// The loop head: control comes here from above and from the end of the trace.
    Loop = "loop", [], Void, None, structural();
    /// Right after `loop`: a on arrival from above, b (defined later) on arrival from the end.
    Phi = "phi", [Any, Any], Declared, None, structural();
}

impl Op {
    /// A value known without executing anything; sharable anywhere in a trace.
    pub const fn is_constant(self) -> bool {
        matches!(self, Op::KInt | Op::KFloat | Op::KPrimitive | Op::KObject | Op::KPtr)
    }
}

impl Ty {
    pub const ALL: &'static [Ty] = &[
        Ty::Void,
        Ty::Nil,
        Ty::False,
        Ty::True,
        Ty::Int,
        Ty::Float,
        Ty::Str,
        Ty::Table,
        Ty::Closure,
        Ty::Native,
        Ty::Ptr,
    ];
    pub const fn text(self) -> &'static str {
        match self {
            Ty::Void => "void",
            Ty::Nil => "nil",
            Ty::False => "false",
            Ty::True => "true",
            Ty::Int => "int",
            Ty::Float => "float",
            Ty::Str => "str",
            Ty::Table => "tab",
            Ty::Closure => "fun",
            Ty::Native => "native",
            Ty::Ptr => "ptr",
        }
    }
    /// The tag of a Lua slot that holds a value of this type.
    pub const fn tag(self) -> Option<Tag> {
        match self {
            Ty::Void | Ty::Ptr => None,
            Ty::Nil => Some(Tag::Nil),
            Ty::False => Some(Tag::False),
            Ty::True => Some(Tag::True),
            Ty::Int => Some(Tag::Int),
            Ty::Float => Some(Tag::Float),
            Ty::Str => Some(Tag::Str),
            Ty::Table => Some(Tag::Table),
            Ty::Closure => Some(Tag::Closure),
            Ty::Native => Some(Tag::Native),
        }
    }
    /// The type of values with this tag; none for tags that traces do not handle.
    pub const fn of_tag(tag: Tag) -> Option<Ty> {
        match tag {
            Tag::Nil => Some(Ty::Nil),
            Tag::False => Some(Ty::False),
            Tag::True => Some(Ty::True),
            Tag::Int => Some(Ty::Int),
            Tag::Float => Some(Ty::Float),
            Tag::Str => Some(Ty::Str),
            Tag::Table => Some(Ty::Table),
            Tag::Closure => Some(Ty::Closure),
            Tag::Native => Some(Ty::Native),
            _ => None,
        }
    }
    /// Can live in a Lua slot.
    pub const fn is_lua(self) -> bool {
        !matches!(self, Ty::Void | Ty::Ptr)
    }
    /// nil, false and true: the type is the whole value.
    pub const fn is_primitive(self) -> bool {
        matches!(self, Ty::Nil | Ty::False | Ty::True)
    }
    /// Values of this type refer to an object that the collector may free.
    pub const fn is_collectable(self) -> bool {
        matches!(self, Ty::Str | Ty::Table | Ty::Closure)
    }
    /// Compared by address.
    pub const fn is_address(self) -> bool {
        matches!(self, Ty::Str | Ty::Table | Ty::Closure | Ty::Native | Ty::Ptr)
    }
    pub const fn matches(self, kind: Kind) -> bool {
        match kind {
            Kind::Int => matches!(self, Ty::Int),
            Kind::Float => matches!(self, Ty::Float),
            Kind::Str => matches!(self, Ty::Str),
            Kind::Table => matches!(self, Ty::Table),
            Kind::Closure => matches!(self, Ty::Closure),
            Kind::Ptr => matches!(self, Ty::Ptr),
            Kind::Address => self.is_address(),
            Kind::Lua => self.is_lua(),
            Kind::Any => !matches!(self, Ty::Void),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
