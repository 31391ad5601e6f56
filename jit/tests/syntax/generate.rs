//! Bytes -> a random syntax tree that is a valid program.
//!
//! In: bytes, each a decision; when they run out every choice is the first (and smallest). Out: a
//! chunk that keeps the invariants of the AST and passes PUC's checks: `break` in loops, gotos to
//! visible labels, no assignment to constants, `...` in vararg functions only.

use plumb_jit::syntax::ast::*;

const NAMES: [&str; 8] = ["a", "b", "c", "t", "x", "_y1", "self", "_ENV"];
/// Only these are declared with an attribute, and these are never assigned to.
const CONSTANT_NAMES: [&str; 2] = ["k1", "k2"];
const MAX_DEPTH: usize = 7;

pub struct Generator<'a> {
    bytes: std::slice::Iter<'a, u8>,
    depth: usize,
    in_loop: bool,
    vararg: bool,
    /// Labels already defined and still visible: a goto back to them is always legal.
    labels: Vec<Str>,
    label_count: usize,
}

impl<'a> Generator<'a> {
    pub fn new(bytes: &'a [u8]) -> Generator<'a> {
        Generator {
            bytes: bytes.iter(),
            depth: 0,
            in_loop: false,
            vararg: true,
            labels: Vec::new(),
            label_count: 0,
        }
    }

    pub fn chunk(mut self) -> Chunk {
        let mut stats = Vec::new();
        while self.bytes.len() > 0 {
            self.statement(&mut stats);
        }
        Chunk { body: Block::from(stats) }
    }

    fn byte(&mut self) -> u8 {
        self.bytes.next().copied().unwrap_or(0)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    fn flip(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn name(&mut self) -> Str {
        Str::from(NAMES[self.below(NAMES.len())])
    }

    fn new_label(&mut self) -> Str {
        self.label_count += 1;
        Str::from(format!("l{}", self.label_count))
    }

    fn list<T>(&mut self, most: usize, mut each: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| each(self)).collect()
    }

    fn some<T>(&mut self, most: usize, mut each: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..1 + self.below(most)).map(|_| each(self)).collect()
    }

    /// `until_sees`: a block whose condition sees its locals, where a label is never the last.
    fn block(&mut self, in_loop: bool, until_sees: bool) -> Block {
        let (outer_loop, outer_labels) = (self.in_loop, self.labels.len());
        self.in_loop = in_loop;
        self.depth += 1;
        let mut stats = Vec::new();
        if self.depth < MAX_DEPTH {
            for _ in 0..self.below(4) {
                self.statement(&mut stats);
            }
        }
        match self.below(5) {
            1 => stats.push(StatKind::Return(self.list(2, Self::expr)).into()),
            2 if !until_sees => self.add_exit(&mut stats),
            _ => {}
        }
        self.depth -= 1;
        self.in_loop = outer_loop;
        self.labels.truncate(outer_labels);
        Block::from(stats)
    }

    /// A jump forward to a label that ends the block.
    fn add_exit(&mut self, stats: &mut Vec<Stat>) {
        let label = self.new_label();
        let jump = Stat::new(StatKind::Goto(label.clone()));
        let arm = Arm::new(self.expr(), Block::from(vec![jump]));
        stats.insert(0, StatKind::If { arms: vec![arm], orelse: None }.into());
        stats.push(StatKind::Label(label).into());
    }

    fn statement(&mut self, stats: &mut Vec<Stat>) {
        let kind = match self.below(16) {
            0 => StatKind::Call(self.call()),
            1 => self.local(),
            2 => StatKind::LocalFunction { name: self.name(), body: self.function() },
            3 => StatKind::Function { name: Box::new(self.function_name()), body: self.function() },
            4..=6 => StatKind::Assign {
                targets: self.some(3, Self::target),
                values: self.some(3, Self::expr),
            },
            7 => StatKind::Do(self.block(self.in_loop, false)),
            8 => StatKind::While { cond: self.expr(), body: self.block(true, false) },
            9 => StatKind::Repeat { body: self.block(true, true), cond: self.expr() },
            10 | 11 => self.if_stat(),
            12 => StatKind::NumericFor(Box::new(NumericFor {
                var: self.name(),
                start: self.expr(),
                limit: self.expr(),
                step: if self.flip() { Some(self.expr()) } else { None },
                do_line: Line::default(),
                body: self.block(true, false),
            })),
            13 => StatKind::GenericFor(Box::new(GenericFor {
                names: self.some(3, Self::name),
                values: self.some(2, Self::expr),
                in_line: Line::default(),
                do_line: Line::default(),
                body: self.block(true, false),
            })),
            14 if self.in_loop => StatKind::Break,
            _ => match self.labels.last().cloned() {
                Some(label) if self.flip() => StatKind::Goto(label),
                _ => {
                    let label = self.new_label();
                    self.labels.push(label.clone());
                    StatKind::Label(label)
                }
            },
        };
        stats.push(kind.into());
    }

    fn if_stat(&mut self) -> StatKind {
        let arms = self.some(3, |g| {
            let cond = g.expr();
            let mut body = g.block(g.in_loop, false);
            if g.in_loop && g.flip() {
                body.stats.insert(0, StatKind::Break.into());
            }
            let starts_with_break = body.stats.first().is_some_and(|s| s.kind == StatKind::Break);
            if starts_with_break && g.flip() {
                body.stats.insert(0, StatKind::Empty.into());
            }
            Arm::new(cond, body)
        });
        let orelse = if self.flip() { Some(self.block(self.in_loop, false)) } else { None };
        StatKind::If { arms, orelse }
    }

    fn local(&mut self) -> StatKind {
        let mut names: Vec<LocalName> = self.some(3, |g| g.name().into());
        if self.flip() {
            let attrib = if self.flip() { Attrib::Const } else { Attrib::Close };
            let name = Str::from(CONSTANT_NAMES[self.below(2)]);
            let at = self.below(names.len());
            names[at] = LocalName { name, attrib: Some(attrib) };
        }
        StatKind::Local { names, values: self.list(3, Self::expr) }
    }

    fn function_name(&mut self) -> FunctionName {
        FunctionName {
            base: Name::from(self.name()),
            path: self.list(2, |g| Name::from(g.name())),
            method: if self.flip() { Some(Name::from(self.name())) } else { None },
        }
    }

    fn function(&mut self) -> Box<Function> {
        let outer_vararg = self.vararg;
        let outer_labels = std::mem::take(&mut self.labels);
        self.vararg = self.flip();
        let function = Function {
            params: self.list(3, Self::name),
            vararg: self.vararg,
            body: self.block(false, false),
            ..Function::default()
        };
        self.vararg = outer_vararg;
        self.labels = outer_labels;
        Box::new(function)
    }

    fn target(&mut self) -> Expr {
        if self.flip() { Expr::name(self.name()) } else { Expr::index(self.expr(), self.key()) }
    }

    fn key(&mut self) -> Expr {
        match self.below(3) {
            0 => Expr::string(self.name()),
            1 => Expr::string("end"),
            _ => self.expr(),
        }
    }

    fn call(&mut self) -> Expr {
        let callee = self.expr();
        if self.flip() {
            Expr::call(callee, self.list(3, Self::expr))
        } else {
            Expr::method_call(callee, self.name(), self.list(3, Self::expr))
        }
    }

    fn expr(&mut self) -> Expr {
        if self.depth >= MAX_DEPTH {
            return Expr::name(self.name());
        }
        self.depth += 1;
        let expr = match self.below(22) {
            0..=3 => Expr::name(self.name()),
            4 => Expr::nil(),
            5 => Expr::bool(self.flip()),
            6 | 7 => Expr::int(self.byte() as i8 as i64),
            8 => Expr::new(ExprKind::Int(self.bits() as i64)),
            9 => Expr::float(f64::from_bits(self.bits())),
            10 => Expr::float(f64::from(self.byte()) / 4.0),
            11 => Expr::string(self.list(12, Self::byte)),
            12 => Expr::string(CONSTANT_NAMES[self.below(2)]),
            13 if self.vararg => Expr::new(ExprKind::Vararg),
            14 => Expr::new(ExprKind::Function(self.function())),
            15 => Expr::index(self.expr(), self.key()),
            16 => self.call(),
            17 => Expr::new(ExprKind::Table(self.list(4, Self::field))),
            18 => Expr::unary(UnOp::ALL[self.below(4)], self.expr()),
            19 => Expr::paren(self.expr()),
            _ => {
                let op = BinOp::ALL[self.below(BinOp::ALL.len())];
                Expr::binary(op, self.expr(), self.expr())
            }
        };
        self.depth -= 1;
        expr
    }

    fn bits(&mut self) -> u64 {
        (0..8).fold(0, |bits, _| bits << 8 | u64::from(self.byte()))
    }

    fn field(&mut self) -> Field {
        match self.below(3) {
            0 => Field::Item(self.expr()),
            _ => Field::pair(self.key(), self.expr()),
        }
    }
}
