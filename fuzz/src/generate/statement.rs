//! Statements other than loops: declarations, assignments, branches, functions, errors on purpose.
//!
//! In:  the scope.   Out: statements pushed to a list.
//!
//! *Phase changes* are what a trace has to survive: a variable that turns from integer to float at one
//! iteration, a value that jumps to the edge of its range, an array that gets a hole or grows. They
//! stand under a test on a loop variable, so that the trace is recorded before them.

use super::Generator;
use super::scope::{Kind, RECORD_FIELDS, Variable};
use plumb_jit::syntax::ast::{
    Arm, BinOp, Block, Expr, Field, Function, LocalName, Stat, StatKind, UnOp,
};

const MAX_DEPTH: usize = 5;
/// Per cent of a coroutine's statements that yield.
const YIELDS: u8 = 12;

impl Generator<'_> {
    pub(super) fn statement(&mut self, out: &mut Vec<Stat>) {
        if self.scope.in_coroutine && self.chance(YIELDS) {
            return self.yield_statement(out);
        }
        let deep = self.scope.depth >= MAX_DEPTH || self.u.is_empty();
        match self.pick(0, 24) {
            22..=24 if self.scope.loops > 0 => self.motif(out),
            0..=6 => self.assignment(out),
            7 | 8 => self.local(out),
            9..=11 => self.array_store(out),
            12 => self.record_store(out),
            13 => self.global_store(out),
            14 => self.swap(out),
            _ if deep => self.assignment(out),
            15..=17 => self.branch(out),
            18 => self.phase_change(out),
            19 if self.scope.loops < 3 => self.any_loop(out),
            20 => self.protected_call(out),
            _ => self.append(out),
        }
    }

    pub(super) fn block(&mut self, statements: i64) -> Vec<Stat> {
        let mark = self.scope.enter();
        let mut out = Vec::new();
        for _ in 0..self.pick(1, statements) {
            self.statement(&mut out);
        }
        self.scope.leave(mark);
        out
    }

    // -- declarations ------------------------------------------------------------------------

    pub(super) fn declare(&mut self, kind: Kind, value: Expr, out: &mut Vec<Stat>) {
        let prefix = match kind {
            Kind::Int => "n",
            Kind::Float => "x",
            Kind::Num => "v",
            Kind::Bool => "b",
            Kind::Array => "t",
            Kind::Record => "r",
            Kind::Function => "f",
        };
        let name = self.scope.fresh(prefix);
        out.push(local(&name, value));
        self.add(name, kind, true);
    }

    pub(super) fn add(&mut self, name: String, kind: Kind, assignable: bool) {
        self.scope.add(Variable { name, kind, assignable, global: false, work: 0 });
    }

    pub(super) fn declare_array(&mut self, items: Vec<Expr>, out: &mut Vec<Stat>) {
        let fields = items.into_iter().map(Field::Item).collect();
        self.declare(Kind::Array, plumb_jit::syntax::ast::ExprKind::Table(fields).into(), out);
    }

    pub(super) fn declare_record(&mut self, out: &mut Vec<Stat>) {
        let fields = RECORD_FIELDS
            .iter()
            .map(|&(name, kind)| Field::pair(Expr::string(name), self.expression(kind, 0)))
            .collect();
        self.declare(Kind::Record, plumb_jit::syntax::ast::ExprKind::Table(fields).into(), out);
    }

    pub(super) fn declare_global(&mut self, out: &mut Vec<Stat>) {
        let name = self.scope.fresh("G");
        let value = self.expression(Kind::Num, 0);
        out.push(assign(Expr::name(name.as_str()), value));
        let kind = Kind::Num;
        self.scope.add(Variable { name, kind, assignable: true, global: true, work: 0 });
    }

    fn local(&mut self, out: &mut Vec<Stat>) {
        if self.scope.is_full() {
            return self.assignment(out);
        }
        let kind = self.choose(&[Kind::Num, Kind::Int, Kind::Float, Kind::Bool]);
        let value = self.expression(kind, 2);
        self.declare(kind, value, out);
    }

    // -- stores ------------------------------------------------------------------------------

    /// A random assignable scalar.
    fn target(&mut self) -> Option<(String, Kind)> {
        let fits = |v: &&Variable| v.assignable && v.kind.is_scalar();
        let last = self.scope.visible().filter(fits).count().checked_sub(1)?;
        let index = self.pick(0, last as i64);
        let target = self.scope.visible().filter(fits).nth(index as usize)?;
        Some((target.name.clone(), target.kind))
    }

    pub(super) fn assignment(&mut self, out: &mut Vec<Stat>) {
        let Some((name, kind)) = self.target() else { return self.local(out) };
        let value = if kind != Kind::Bool && self.chance(45) {
            // Accumulate: a loop-carried dependency.
            let op = self.choose(&[BinOp::Add, BinOp::Sub, BinOp::Add, BinOp::Mul]);
            let value = self.expression(kind, 1);
            Expr::binary(op, Expr::name(name.as_str()), value)
        } else {
            self.expression(kind, 3)
        };
        out.push(assign(Expr::name(name), value));
    }

    fn swap(&mut self, out: &mut Vec<Stat>) {
        let (Some((a, ka)), Some((b, kb))) = (self.target(), self.target()) else {
            return self.assignment(out);
        };
        if ka != kb {
            return self.assignment(out);
        }
        out.push(
            StatKind::Assign {
                targets: vec![Expr::name(a.as_str()), Expr::name(b.as_str())],
                values: vec![Expr::name(b.as_str()), Expr::name(a.as_str())],
            }
            .into(),
        );
    }

    fn array_store(&mut self, out: &mut Vec<Stat>) {
        let Some(array) = self.variable(Kind::Array) else { return self.assignment(out) };
        let index = self.index(1);
        let value = if self.chance(4) { Expr::nil() } else { self.expression(Kind::Num, 2) };
        out.push(assign(Expr::index(Expr::name(array), index), value));
    }

    /// `t[#t + 1] = v`
    fn append(&mut self, out: &mut Vec<Stat>) {
        let Some(array) = self.variable(Kind::Array) else { return self.assignment(out) };
        let length = Expr::unary(UnOp::Len, Expr::name(array.as_str()));
        let index = Expr::binary(BinOp::Add, length, Expr::int(1));
        let value = self.expression(Kind::Num, 1);
        out.push(assign(Expr::index(Expr::name(array), index), value));
    }

    fn record_store(&mut self, out: &mut Vec<Stat>) {
        let Some(record) = self.variable(Kind::Record) else { return self.assignment(out) };
        let (field, kind) = self.choose(&RECORD_FIELDS);
        let target = Expr::field(Expr::name(record), field);
        let value = if self.chance(50) {
            let op = self.choose(&[BinOp::Add, BinOp::Sub, BinOp::Mul]);
            let value = self.expression(kind, 1);
            Expr::binary(op, target.clone(), value)
        } else {
            self.expression(kind, 2)
        };
        out.push(assign(target, value));
    }

    fn global_store(&mut self, out: &mut Vec<Stat>) {
        let Some(name) = self.scope.visible().find(|v| v.global).map(|v| v.name.clone()) else {
            return self.assignment(out);
        };
        let value = self.expression(Kind::Num, 2);
        out.push(assign(Expr::name(name), value));
    }

    // -- control -----------------------------------------------------------------------------

    fn branch(&mut self, out: &mut Vec<Stat>) {
        let cond = self.bool_expression(2);
        let body = self.block(2);
        let mut arms = vec![Arm::new(cond, Block::from(body))];
        if self.chance(20) {
            let cond = self.bool_expression(1);
            let body = self.block(1);
            arms.push(Arm::new(cond, Block::from(body)));
        }
        let orelse = self.chance(40).then(|| Block::from(self.block(2)));
        out.push(StatKind::If { arms, orelse }.into());
    }

    /// From one iteration on, a variable has another type or an extreme value.
    fn phase_change(&mut self, out: &mut Vec<Stat>) {
        let Some(counter) = self.counter() else { return self.assignment(out) };
        let Some((name, kind)) = self.target() else { return self.assignment(out) };
        let op = self.choose(&[BinOp::Eq, BinOp::Ge, BinOp::Gt, BinOp::Eq]);
        let at = Expr::int(self.pick(2, 40));
        let cond = Expr::binary(op, Expr::name(counter), at);
        let value = match kind {
            Kind::Num => {
                let to = self.choose(&[Kind::Float, Kind::Int]);
                self.expression(to, 1)
            }
            Kind::Int => {
                let edge = self.choose(&[i64::MAX, i64::MIN, i64::MAX - 3, 1 << 53, 0]);
                Expr::int(edge)
            }
            _ => self.expression(kind, 1),
        };
        let body = vec![assign(Expr::name(name), value)];
        out.push(only_if(cond, body));
    }

    /// A loop variable, or failing that any integer.
    pub(super) fn counter(&mut self) -> Option<String> {
        let counters: Vec<String> = self
            .scope
            .of_kind(Kind::Int)
            .filter(|v| !v.assignable)
            .map(|v| v.name.clone())
            .collect();
        match counters.last() {
            Some(_) => {
                let index = counters.len() as i64 - 1 - self.pick(0, counters.len() as i64 - 1);
                Some(counters[index as usize].clone())
            }
            None => self.variable(Kind::Int),
        }
    }

    // -- functions and errors ----------------------------------------------------------------

    /// `local function f(a, b) ... return e end`; reads and writes the variables around it.
    pub(super) fn function(&mut self, out: &mut Vec<Stat>) {
        let name = self.scope.fresh("f");
        let params = [self.scope.fresh("a"), self.scope.fresh("a")];
        let outer = self.scope.enter_function(false);
        for param in &params {
            self.add(param.clone(), Kind::Num, true);
        }
        let mut body = Vec::new();
        if self.chance(25) {
            let cond = self.bool_expression(1);
            let early = self.expression(Kind::Num, 1);
            body.push(only_if(cond, vec![StatKind::Return(vec![early]).into()]));
        }
        for _ in 0..self.pick(0, 2) {
            self.statement(&mut body);
        }
        let result = self.expression(Kind::Num, 2);
        // Parentheses would keep this from being a tail call; traces decline those.
        let result =
            if result.is_multi() && self.chance(80) { Expr::paren(result) } else { result };
        body.push(StatKind::Return(vec![result]).into());
        let work = self.scope.leave_function(outer);
        out.push(
            StatKind::LocalFunction {
                name: name.as_str().into(),
                body: Box::new(Function {
                    params: params.iter().map(|p| p.as_str().into()).collect(),
                    body: Block::from(body),
                    ..Function::default()
                }),
            }
            .into(),
        );
        self.add_function(name, work);
    }

    pub(super) fn add_function(&mut self, name: String, work: u64) {
        let kind = Kind::Function;
        self.scope.add(Variable { name, kind, assignable: false, global: false, work });
    }

    /// A loop that raises an error at some iteration, under `pcall`; the message is printed.
    fn protected_call(&mut self, out: &mut Vec<Stat>) {
        if self.scope.loops > 0 || self.scope.in_function {
            return self.branch(out);
        }
        let mark = self.scope.enter();
        let outer = self.scope.in_function;
        self.scope.in_function = true;
        let mut body = Vec::new();
        self.failing_loop(&mut body);
        self.scope.in_function = outer;
        self.scope.leave(mark);
        let function = Function { body: Block::from(body), ..Function::default() };
        let function = plumb_jit::syntax::ast::ExprKind::Function(Box::new(function)).into();
        let call = Expr::call(Expr::name("pcall"), vec![function]);
        out.push(StatKind::Call(Expr::call(Expr::name("print"), vec![call])).into());
    }

    /// A statement that raises an error.
    pub(super) fn failing_statement(&mut self) -> Stat {
        let scalar = self.variable(Kind::Num).map_or(Expr::int(1), Expr::name);
        match self.pick(0, 6) {
            0 => {
                let message = Expr::string("stop");
                StatKind::Call(Expr::call(Expr::name("error"), vec![message])).into()
            }
            1 => {
                let name = self.scope.fresh("u");
                let missing = Expr::field(Expr::name("missing"), "field");
                local(&name, missing)
            }
            2 => {
                let name = self.scope.fresh("u");
                let int = self.variable(Kind::Int).map_or(Expr::int(1), Expr::name);
                let op = self.choose(&[BinOp::Mod, BinOp::IDiv]);
                local(&name, Expr::binary(op, int, Expr::int(0)))
            }
            3 => {
                let name = self.scope.fresh("u");
                local(&name, Expr::binary(BinOp::Lt, scalar, Expr::string("1")))
            }
            4 => {
                let name = self.scope.fresh("u");
                local(&name, Expr::binary(BinOp::BAnd, scalar, Expr::float(1.5)))
            }
            5 => StatKind::Call(Expr::call(Expr::paren(scalar), vec![])).into(),
            _ => {
                // A number as error value: no position is added to it.
                StatKind::Call(Expr::call(Expr::name("error"), vec![scalar, Expr::int(2)])).into()
            }
        }
    }
}

pub(super) fn local(name: &str, value: Expr) -> Stat {
    StatKind::Local { names: vec![LocalName::from(name)], values: vec![value] }.into()
}

pub(super) fn assign(target: Expr, value: Expr) -> Stat {
    StatKind::Assign { targets: vec![target], values: vec![value] }.into()
}

pub(super) fn only_if(cond: Expr, body: Vec<Stat>) -> Stat {
    StatKind::If { arms: vec![Arm::new(cond, Block::from(body))], orelse: None }.into()
}
