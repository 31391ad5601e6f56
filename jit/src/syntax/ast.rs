//! The syntax tree of Lua 5.4: one AST for the compiler, the program generator and the reducer.
//!
//! In: built by [`parse`](super::parse), or by hand through the constructors below.
//! Out: read by the compiler and by the printer.
//!
//! The tree is plain owned data. Equality is structural and ignores lines ([`Line`] always compares
//! equal); float literals compare by bits.
//!
//! # Lines
//! PUC compiles while it parses, so an instruction's line is `lastline`: the line of the last token
//! *consumed* when the instruction is emitted. The tree keeps what is needed to reproduce that:
//!
//! - [`Expr::end`], [`Stat::end`]: `lastline` once the node has been parsed (its last token).
//! - [`Expr::sep`]: in a list, the line of the separator after this element. PUC puts element `i`
//!   of an expression list into its register after consuming that separator; the last element of
//!   call arguments or of a constructor goes there after `)` or `}` (the `end` of the call or table),
//!   the last one of any other list at its own `end`.
//! - [`Expr::line`]: the operator's line for unary and binary operations; `linenumber` at the
//!   start of the arguments for calls; and for tables and `...`, whose instruction PUC emits
//!   before it consumes their first token, the line of the token *before* them.
//! - [`Stat::line`]: `linenumber` when the statement starts.
//! - [`Block::end`]: `lastline` when the block's statements are over and its terminator is not yet
//!   consumed; trailing semicolons count.
//!
//! A [`Line`] also says which token it is the line of, so that the compiler can tell what PUC's parser had
//! consumed when it finds an error.
//!
//! Lines of a tree built by hand mean nothing: print it and parse the text to have real ones.
//!
//! # Invariants (the parser keeps them; a tree built by hand must, to be a program)
//! - `Return` is the last statement of its block.
//! - Parentheses are nodes ([`ExprKind::Paren`]): they truncate `(f())` and move instructions to
//!   other lines. Where precedence demands them they are present too; [`Expr::binary`],
//!   [`Expr::unary`], [`Expr::index`] and [`Expr::call`] add them, and so does
//!   the printer.
//! - `a.b` is `a["b"]`, `{b = 1}` is `{["b"] = 1}`, `f"x"` is `f("x")`: one form each.
//! - Semicolons are not kept, except [`StatKind::Empty`], see there.
//! - Float literals are not negative and not NaN. A negative integer literal is legal (Lua writes
//!   it in hexadecimal); [`Expr::int`] makes a negation instead.

use super::lexer;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

/// A token's source line, and which token it is. Compares equal to every other: lines are not part of a
/// tree's identity.
#[derive(Clone, Copy, Default, Eq)]
pub struct Line {
    /// 1-based.
    pub number: u32,
    /// 1-based plus one: how often the lexer has advanced once the token is consumed.
    pub token: u32,
}

impl Line {
    /// Whether PUC consumes the token before it reports an error of the text.
    pub fn is_reached(self) -> bool {
        self.token != lexer::STOPPED
    }
}

impl PartialEq for Line {
    fn eq(&self, _: &Line) -> bool {
        true
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.number)
    }
}

/// A Lua string or an identifier: any bytes. The lexer shares equal ones where it can, and prototypes
/// share them with the tree: a chunk has far more names than different names.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Str(pub Arc<[u8]>);

impl Deref for Str {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Str {
    fn from(s: &str) -> Str {
        Str(s.as_bytes().into())
    }
}

impl From<&[u8]> for Str {
    fn from(s: &[u8]) -> Str {
        Str(s.into())
    }
}

impl From<String> for Str {
    fn from(s: String) -> Str {
        Str(s.into_bytes().into())
    }
}

impl From<Vec<u8>> for Str {
    fn from(s: Vec<u8>) -> Str {
        Str(s.into())
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Names that the parser and the compiler know without a token.
pub static ENV: LazyLock<Str> = LazyLock::new(|| Str::from("_ENV"));
pub static SELF: LazyLock<Str> = LazyLock::new(|| Str::from("self"));
/// The control variables of `for` loops, as debuggers see them.
pub static FOR_STATE: LazyLock<Str> = LazyLock::new(|| Str::from("(for state)"));

/// A float literal, compared by bits.
#[derive(Clone, Copy)]
pub struct Float(pub f64);

impl PartialEq for Float {
    fn eq(&self, other: &Float) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}
impl Eq for Float {}

impl fmt::Debug for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// An identifier with the line of its token, where an instruction may need that line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    pub text: Str,
    pub line: Line,
}

impl<T: Into<Str>> From<T> for Name {
    fn from(text: T) -> Name {
        Name { text: text.into(), line: Line::default() }
    }
}

/// A whole chunk: the body of a vararg function whose only upvalue is `_ENV`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chunk {
    pub body: Block,
}

/// Statements with one scope.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    pub stats: Vec<Stat>,
    /// `lastline` before the terminator is consumed: leaving the scope, the jump back of `while` and
    /// the jump over `else` have this line. For a chunk, also its final return.
    pub end: Line,
}

impl From<Vec<Stat>> for Block {
    fn from(stats: Vec<Stat>) -> Block {
        Block { stats, end: Line::default() }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stat {
    pub kind: StatKind,
    /// `linenumber` when the statement starts.
    pub line: Line,
    /// `lastline` after the statement's own last token. For a label: when PUC creates it, that is
    /// after the empty statements and further labels that follow it.
    pub end: Line,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StatKind {
    /// `;`, kept only as the first statement of a `then` block whose next one is `break`, because
    /// PUC compiles `then break` specially and `then ; break` not. Dropped everywhere else.
    Empty,
    /// `local a <const>, b = values`. Padding with nil happens at `Stat::end`.
    Local {
        names: Vec<LocalName>,
        values: Vec<Expr>,
    },
    /// `local function name body`. `body.line` is the line of its `(`.
    LocalFunction {
        name: Str,
        body: Box<Function>,
    },
    /// `function a.b.c:m body`. `body.line` is the statement's line, which the store has too.
    Function {
        name: Box<FunctionName>,
        body: Box<Function>,
    },
    /// Targets are `Name` or `Index`.
    Assign {
        targets: Vec<Expr>,
        values: Vec<Expr>,
    },
    /// A `Call` or a `MethodCall`.
    Call(Expr),
    Do(Block),
    /// The exit test has the line `cond.end`.
    While {
        cond: Expr,
        body: Block,
    },
    /// The condition sees the body's locals.
    Repeat {
        body: Block,
        cond: Expr,
    },
    If {
        arms: Vec<Arm>,
        orelse: Option<Block>,
    },
    NumericFor(Box<NumericFor>),
    GenericFor(Box<GenericFor>),
    /// Its jump has the line `Stat::end`.
    Goto(Str),
    Label(Str),
    Break,
    /// The return instruction has the line `Stat::end` (a `;` after it does not count).
    Return(Vec<Expr>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalName {
    pub name: Str,
    pub attrib: Option<Attrib>,
}

impl<T: Into<Str>> From<T> for LocalName {
    fn from(name: T) -> LocalName {
        LocalName { name: name.into(), attrib: None }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Attrib {
    Const,
    Close,
}

/// `base.path[0].path[1]:method`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionName {
    pub base: Name,
    pub path: Vec<Name>,
    /// When present, the body has an implicit first parameter `self`.
    pub method: Option<Name>,
}

/// One `if cond then body` or `elseif cond then body`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arm {
    pub cond: Expr,
    /// Line of `then`: the condition's test has it.
    pub then_line: Line,
    pub body: Block,
    /// When the body starts with `break` and goes on: line of the jump over the rest, that is of the
    /// last token of the `break` and its semicolons.
    pub skip_line: Line,
}

impl Arm {
    pub fn new(cond: Expr, body: Block) -> Arm {
        Arm { cond, then_line: Line::default(), body, skip_line: Line::default() }
    }
}

/// `for var = start, limit, step do body end`. Each of the three goes to its register at its own
/// `end`; a missing step is loaded at `limit.end`; the loop instruction has the statement's line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumericFor {
    pub var: Str,
    pub start: Expr,
    pub limit: Expr,
    pub step: Option<Expr>,
    /// Line of `do`: the prepare instruction.
    pub do_line: Line,
    pub body: Block,
}

/// `for names in values do body end`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GenericFor {
    pub names: Vec<Str>,
    pub values: Vec<Expr>,
    /// Line of the token after `in`: the call and loop instructions.
    pub in_line: Line,
    /// Line of `do`: the prepare instruction.
    pub do_line: Line,
    pub body: Block,
}

/// Parameters and body of a function, without its name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Function {
    /// Without an implicit `self`.
    pub params: Vec<Str>,
    pub vararg: bool,
    /// Line of `...` in the parameter list, when `vararg`.
    pub vararg_line: Line,
    pub body: Block,
    /// PUC's `linedefined`.
    pub line: Line,
    /// Line of `end`: PUC's `lastlinedefined`, the final return and the closure instruction.
    pub end: Line,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub line: Line,
    pub end: Line,
    pub sep: Line,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExprKind {
    Nil,
    True,
    False,
    Int(i64),
    Float(Float),
    Str(Str),
    Vararg,
    Function(Box<Function>),
    /// Local, upvalue or global variable.
    Name(Str),
    /// `object[key]`; `object.name` when the key is a string literal.
    Index {
        object: Box<Expr>,
        key: Box<Expr>,
    },
    Call {
        callee: Box<Expr>,
        args: Vec<Expr>,
    },
    /// `object:name(args)`; the self instruction has the line `name.line`.
    MethodCall {
        object: Box<Expr>,
        name: Box<Name>,
        args: Vec<Expr>,
    },
    Table(Vec<Field>),
    Unary {
        op: UnOp,
        operand: Box<Expr>,
    },
    Binary {
        op: BinOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Paren(Box<Expr>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Field {
    /// `value`, in the array part.
    Item(Expr),
    /// `[key] = value` or `name = value`; `eq_line` is the line of `=`, where the key is put
    /// into its register. The store has the line `value.end`.
    Pair { key: Expr, eq_line: Line, value: Expr },
}

impl Field {
    pub fn pair(key: Expr, value: Expr) -> Field {
        Field::Pair { key, eq_line: Line::default(), value }
    }

    /// The element's value.
    pub fn value(&self) -> &Expr {
        match self {
            Field::Item(value) | Field::Pair { value, .. } => value,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnOp {
    Neg,
    BNot,
    Not,
    Len,
}

impl UnOp {
    pub const ALL: [UnOp; 4] = [UnOp::Neg, UnOp::BNot, UnOp::Not, UnOp::Len];

    pub fn text(self) -> &'static str {
        match self {
            UnOp::Neg => "-",
            UnOp::BNot => "~",
            UnOp::Not => "not",
            UnOp::Len => "#",
        }
    }
}

/// In the order of PUC's `BinOpr`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinOp {
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
    Concat,
    Eq,
    Lt,
    Le,
    Ne,
    Gt,
    Ge,
    And,
    Or,
}

impl BinOp {
    pub const ALL: [BinOp; 21] = [
        BinOp::Add,
        BinOp::Sub,
        BinOp::Mul,
        BinOp::Mod,
        BinOp::Pow,
        BinOp::Div,
        BinOp::IDiv,
        BinOp::BAnd,
        BinOp::BOr,
        BinOp::BXor,
        BinOp::Shl,
        BinOp::Shr,
        BinOp::Concat,
        BinOp::Eq,
        BinOp::Lt,
        BinOp::Le,
        BinOp::Ne,
        BinOp::Gt,
        BinOp::Ge,
        BinOp::And,
        BinOp::Or,
    ];

    pub fn text(self) -> &'static str {
        match self {
            BinOp::Add => "+",
            BinOp::Sub => "-",
            BinOp::Mul => "*",
            BinOp::Mod => "%",
            BinOp::Pow => "^",
            BinOp::Div => "/",
            BinOp::IDiv => "//",
            BinOp::BAnd => "&",
            BinOp::BOr => "|",
            BinOp::BXor => "~",
            BinOp::Shl => "<<",
            BinOp::Shr => ">>",
            BinOp::Concat => "..",
            BinOp::Eq => "==",
            BinOp::Lt => "<",
            BinOp::Le => "<=",
            BinOp::Ne => "~=",
            BinOp::Gt => ">",
            BinOp::Ge => ">=",
            BinOp::And => "and",
            BinOp::Or => "or",
        }
    }
}
