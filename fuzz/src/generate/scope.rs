//! What the generator knows of the program so far: variables, kinds, work.

/// Kind of a variable or expression; the generator's static type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Int,
    Float,
    /// An integer or a float; changes from iteration to iteration on purpose.
    Num,
    Bool,
    /// A table with numbers (and holes) at 1, 2, ...
    Array,
    /// A table with the fields of [`RECORD_FIELDS`], all numbers of the given kinds.
    Record,
    /// A function of two numbers that returns a number.
    Function,
}

impl Kind {
    pub fn is_scalar(self) -> bool {
        matches!(self, Kind::Int | Kind::Float | Kind::Num | Kind::Bool)
    }
    /// A value of kind `other` may be stored where `self` is expected.
    pub fn accepts(self, other: Kind) -> bool {
        self == other || (self == Kind::Num && matches!(other, Kind::Int | Kind::Float))
    }
}

/// Fields of every record, with the kind they keep.
pub const RECORD_FIELDS: [(&str, Kind); 4] =
    [("n", Kind::Int), ("x", Kind::Float), ("v", Kind::Num), ("w", Kind::Num)];

/// Upper bound for the product of nested trip counts, calls included. Measured on all planted faults, twice:
/// with 3,000 as many programs are needed to find them (a sum of 52,500, against 52,800), and each costs a
/// quarter more; with 400 more are needed (58,400).
pub const MAX_WORK: u64 = 1_000;

#[derive(Clone, Debug)]
pub struct Variable {
    pub name: String,
    pub kind: Kind,
    /// Loop counters are read only.
    pub assignable: bool,
    pub global: bool,
    /// For functions: loop iterations that one call may run.
    pub work: u64,
}

/// Variables in scope, and where in the program we are.
#[derive(Default)]
pub struct Scope {
    variables: Vec<Variable>,
    /// Variables before this one are hidden.
    pub first: usize,
    next_name: usize,
    /// Nesting of blocks, loops included.
    pub depth: usize,
    /// Nesting of loops in the current function.
    pub loops: usize,
    /// Product of the bounds of the loops around (in functions: of the function's own).
    pub work: u64,
    /// Greatest product seen in the function being generated.
    pub peak_work: u64,
    pub in_function: bool,
    /// In the body of a coroutine, where statements may yield.
    pub in_coroutine: bool,
}

/// What [`Scope::leave_function`] brings back.
pub struct Outside {
    mark: usize,
    work: u64,
    peak_work: u64,
    loops: usize,
    in_function: bool,
    in_coroutine: bool,
}

/// Lua allows 200 locals a function; far fewer keep programs readable.
pub const MAX_VARIABLES: usize = 40;

impl Scope {
    pub fn fresh(&mut self, prefix: &str) -> String {
        self.next_name += 1;
        format!("{prefix}{}", self.next_name)
    }

    pub fn add(&mut self, variable: Variable) {
        self.variables.push(variable);
    }

    pub fn len(&self) -> usize {
        self.variables.len()
    }

    pub fn is_full(&self) -> bool {
        self.variables.len() - self.first >= MAX_VARIABLES
    }

    /// Number of variables now, to be given to [`Scope::leave`].
    pub fn enter(&mut self) -> usize {
        self.depth += 1;
        self.variables.len()
    }

    pub fn leave(&mut self, mark: usize) {
        self.depth -= 1;
        self.variables.truncate(mark);
    }

    /// Enters a function that is called from elsewhere: its work counts from one.
    pub fn enter_function(&mut self, in_coroutine: bool) -> Outside {
        let mark = self.enter();
        let (work, peak_work, loops) = (self.work, self.peak_work, self.loops);
        let outside = Outside {
            mark,
            work,
            peak_work,
            loops,
            in_function: self.in_function,
            in_coroutine: self.in_coroutine,
        };
        (self.work, self.peak_work, self.loops) = (1, 1, 0);
        (self.in_function, self.in_coroutine) = (true, in_coroutine);
        outside
    }

    /// Leaves it; returns the work of one call.
    pub fn leave_function(&mut self, outside: Outside) -> u64 {
        self.leave(outside.mark);
        let work = self.peak_work;
        let Outside { mark: _, work: before, peak_work, loops, in_function, in_coroutine } =
            outside;
        (self.work, self.peak_work, self.loops) = (before, peak_work, loops);
        (self.in_function, self.in_coroutine) = (in_function, in_coroutine);
        work
    }

    pub fn visible(&self) -> impl DoubleEndedIterator<Item = &Variable> {
        self.variables[self.first..].iter()
    }

    pub fn arrays(&self) -> impl Iterator<Item = &Variable> {
        self.of_kind(Kind::Array)
    }

    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Variable> {
        self.visible().filter(move |v| v.kind == kind)
    }

    /// Work of the code at this place, at least 1.
    pub fn work(&self) -> u64 {
        self.work.max(1)
    }

    /// The code here does `factor` times as much as the code around.
    pub fn multiply(&mut self, factor: u64) -> u64 {
        let before = self.work();
        self.work = before.saturating_mul(factor.max(1));
        self.peak_work = self.peak_work.max(self.work);
        before
    }

    /// The largest factor that keeps the work in bounds.
    pub fn room(&self) -> u64 {
        MAX_WORK / self.work()
    }
}
