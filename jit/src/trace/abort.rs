//! Why a recording was given up: a closed list, each reason counted.
//!
//! In:  nothing.   Out: [`Abort`], its message, and whether trying again later makes sense.
//!
//! Declining is data. A *transient* reason describes the moment (the loop was about to end, an
//! inner loop was not compiled yet, a type had not settled); a *structural* one describes the
//! code (an instruction that traces cannot express), so the loop is blacklisted sooner.

use std::fmt;

macro_rules! aborts {
    ($( $(#[doc = $doc:literal])+ $name:ident, $kind:ident, $text:literal; )*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
        pub enum Abort { $( $(#[doc = $doc])+ $name, )* }

        impl Abort {
            pub const ALL: &'static [Abort] = &[$(Abort::$name),*];
            /// Stable identifier for counters and reports.
            pub const fn name(self) -> &'static str { match self { $(Abort::$name => stringify!($name),)* } }
            pub const fn message(self) -> &'static str { match self { $(Abort::$name => $text,)* } }
            const fn persistence(self) -> Persistence { match self { $(Abort::$name => Persistence::$kind,)* } }
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Persistence {
    Transient,
    Structural,
}

aborts! {
    /// The recorded iteration was the last one.
    LeavesLoop, Transient, "the loop ended while it was recorded";
    /// A loop inside the loop; it gets a trace of its own.
    InnerLoop, Transient, "another loop runs inside the loop";
    /// A variable changes its type from iteration to iteration.
    TypeUnstable, Transient, "a variable ends the iteration with another type than it began with";
    /// The iteration is longer than `max_instructions`.
    TooLong, Structural, "the iteration is too long";
    /// Calls nested deeper than `max_inline_depth`, recursion included.
    TooDeep, Structural, "calls are nested too deep to inline";
    /// The loop's function returns from inside the loop.
    ReturnsFromRoot, Transient, "the function that holds the loop returned";
    /// The interpreter is somewhere the recorder does not follow (a metamethod, a callback).
    UnexpectedFrame, Structural, "control went to a function that was not called by the trace";
    /// An error was raised while recording.
    ErrorRaised, Transient, "an error was raised";
    /// A tail call.
    TailCall, Structural, "tail calls are not traced";
    /// A library function without a trace form.
    NativeCall, Structural, "this library function is not traced";
    /// A called value that is neither a Lua function nor a known library function.
    CallKind, Structural, "this kind of callee is not traced";
    /// A function with variable arguments.
    VarArg, Structural, "functions with variable arguments are not traced";
    /// A list of arguments or results of unknown length.
    OpenResults, Structural, "open argument and result lists are not traced";
    /// A closure is made.
    MakesClosure, Structural, "closure creation is not traced";
    /// A table is made.
    MakesTable, Structural, "table creation is not traced";
    /// Strings are concatenated.
    Concat, Structural, "concatenation is not traced";
    /// Upvalues are closed, or a to-be-closed variable is made.
    ClosesUpvalues, Structural, "closing upvalues is not traced";
    /// The generic `for`.
    GenericFor, Structural, "the generic for loop is not traced";
    /// Arithmetic on strings or through metamethods.
    ArithmeticOperand, Structural, "arithmetic on values that are not numbers is not traced";
    /// An order comparison of strings or through metamethods.
    CompareOperand, Structural, "order comparison of values that are not numbers is not traced";
    /// Equality of long strings or through metamethods.
    EqualityOperand, Structural, "this equality comparison is not traced";
    /// An integer and a float are compared and the integer has no exact float.
    CompareWide, Transient, "an integer beyond 2^53 is compared with a float";
    /// Something that is not a table is indexed.
    IndexOperand, Structural, "indexing values that are not tables is not traced";
    /// A key that is not an integer or a constant short string.
    IndexKey, Structural, "table access with this kind of key is not traced";
    /// An access that a metatable might answer.
    Metatable, Structural, "access to a table with a metatable is not traced";
    /// A key is added, which may take memory: a trace cannot fail for lack of it, and the limit is to hold.
    MemoryLimit, Structural, "tables do not grow in traces while memory is limited";
    /// `#` of something that is neither a string nor a plain table.
    LengthOperand, Structural, "length of this value is not traced";
    /// A value of a type that traces do not know (userdata, coroutines, bound library functions).
    ValueType, Structural, "values of this type are not traced";
    /// A local of an active function is captured in a way that traces cannot follow.
    UpvalueAlias, Structural, "this captured variable is not traced";
    /// The backend declined (register pressure, code size).
    Backend, Structural, "the backend declined the trace";
    /// The executor has no room for the code.
    CodeMemory, Transient, "code memory is full";
}

impl Abort {
    /// Worth another try after a while.
    pub fn is_transient(self) -> bool {
        self.persistence() == Persistence::Transient
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}
