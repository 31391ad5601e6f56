//! Loops: hot by construction, bounded by construction.
//!
//! In:  the scope's remaining work.   Out: a loop statement.
//!
//! Bounds: a numeric `for` has a trip count known here (its variable may be overwritten in the body,
//! which Lua allows and which changes nothing). `while`, `repeat` and `goto` loops count in a variable
//! of their own that is not assignable by any other statement, and test it in their condition.

use super::Generator;
use super::scope::Kind;
use super::statement::{assign, local, only_if};
use plumb_jit::syntax::ast::{BinOp, Block, Expr, NumericFor, Stat, StatKind, UnOp};

impl Generator<'_> {
    /// An outermost loop, long enough to be compiled.
    pub(super) fn hot_loop(&mut self, out: &mut Vec<Stat>) {
        let trips = match self.pick(0, 3) {
            0 => self.pick(60, 130),
            1 => self.pick(20, 60),
            2 => self.pick(100, 250),
            _ => self.pick(9, 30),
        };
        self.loop_of(trips as u64, out);
    }

    /// A loop as large as the work around it allows.
    pub(super) fn any_loop(&mut self, out: &mut Vec<Stat>) {
        let room = self.scope.room().min(60) as i64;
        if room < 3 {
            return self.assignment(out);
        }
        let trips = self.pick(3, room);
        self.loop_of(trips as u64, out);
    }

    fn loop_of(&mut self, trips: u64, out: &mut Vec<Stat>) {
        let before = self.scope.multiply(trips);
        self.scope.loops += 1;
        match self.pick(0, 9) {
            0..=4 => self.numeric_for(trips, out),
            5 => self.float_for(trips, out),
            6 | 7 => self.while_loop(trips, out),
            8 => self.repeat_loop(trips, out),
            _ => self.goto_loop(trips, out),
        }
        self.scope.loops -= 1;
        self.scope.work = before;
    }

    fn numeric_for(&mut self, trips: u64, out: &mut Vec<Stat>) {
        let trips = trips as i64;
        let (start, limit, step) = match self.pick(0, 9) {
            0..=4 => (1, trips, None),
            5 => (0, trips - 1, Some(1)),
            6 => (trips, 1, Some(-1)),
            7 => {
                let step = self.choose(&[2, 3, -2, 7, -5]);
                let start = self.pick(-20, 20);
                // Ends between two steps, so the limit itself is never reached.
                (start, start + step * (trips - 1) + self.pick(0, 1) * step.signum(), Some(step))
            }
            8 => (i64::MAX - trips + 1, i64::MAX, None),
            _ => (i64::MIN + trips - 1, i64::MIN, Some(-1)),
        };
        let var = self.scope.fresh("i");
        let start = Expr::int(start);
        // A float limit is clipped to an integer before the loop (manual 3.3.5).
        let limit = if limit.unsigned_abs() < 1 << 50 && self.chance(12) {
            Expr::float(limit as f64 + 0.25 * (step.unwrap_or(1).signum() as f64))
        } else {
            Expr::int(limit)
        };
        self.for_statement(var, Kind::Int, start, limit, step.map(Expr::int), out);
    }

    fn float_for(&mut self, trips: u64, out: &mut Vec<Stat>) {
        let step = self.choose(&[0.5, 1.0, 0.25, -0.5, -1.0]);
        let start = self.pick(-4, 4) as f64 * 0.5;
        let limit = start + step * (trips - 1) as f64;
        let var = self.scope.fresh("x");
        let (start, limit, step) = (Expr::float(start), Expr::float(limit), Expr::float(step));
        self.for_statement(var, Kind::Float, start, limit, Some(step), out);
    }

    fn for_statement(
        &mut self,
        var: String,
        kind: Kind,
        start: Expr,
        limit: Expr,
        step: Option<Expr>,
        out: &mut Vec<Stat>,
    ) {
        let mark = self.scope.enter();
        // The body may overwrite its copy of the loop variable.
        let assignable = self.chance(8);
        self.add(var.clone(), kind, assignable);
        let body = self.loop_body();
        self.scope.leave(mark);
        out.push(
            StatKind::NumericFor(Box::new(NumericFor {
                var: var.as_str().into(),
                start,
                limit,
                step,
                do_line: Default::default(),
                body: Block::from(body),
            }))
            .into(),
        );
    }

    /// `local c = 0; while c < N [and cond] do c = c + 1 ... end`
    fn while_loop(&mut self, trips: u64, out: &mut Vec<Stat>) {
        let counter = self.declare_counter(out);
        let mut cond =
            Expr::binary(BinOp::Lt, Expr::name(counter.as_str()), Expr::int(trips as i64));
        if self.chance(20) {
            let extra = self.often_true(trips);
            cond = Expr::binary(BinOp::And, cond, extra);
        }
        let mark = self.scope.enter();
        let mut body = vec![increment(&counter)];
        body.extend(self.loop_body());
        self.scope.leave(mark);
        out.push(StatKind::While { cond, body: Block::from(body) }.into());
    }

    /// `local c = 0; repeat c = c + 1 ... until c >= N [or cond]`
    fn repeat_loop(&mut self, trips: u64, out: &mut Vec<Stat>) {
        let counter = self.declare_counter(out);
        let mark = self.scope.enter();
        let mut body = vec![increment(&counter)];
        body.extend(self.loop_body());
        // The condition sees the body's locals: that is why it is made before they go.
        let mut cond =
            Expr::binary(BinOp::Ge, Expr::name(counter.as_str()), Expr::int(trips as i64));
        if self.chance(20) {
            let extra = Expr::unary(UnOp::Not, self.often_true(trips));
            cond = Expr::binary(BinOp::Or, cond, extra);
        }
        self.scope.leave(mark);
        out.push(StatKind::Repeat { body: Block::from(body), cond }.into());
    }

    /// `local c = 0; ::top:: c = c + 1 ... if c < N then goto top end`
    fn goto_loop(&mut self, trips: u64, out: &mut Vec<Stat>) {
        let counter = self.declare_counter(out);
        let label = self.scope.fresh("top");
        let mark = self.scope.enter();
        let mut body = vec![StatKind::Label(label.as_str().into()).into(), increment(&counter)];
        body.push(StatKind::Do(Block::from(self.straight_body())).into());
        self.scope.leave(mark);
        let cond = Expr::binary(BinOp::Lt, Expr::name(counter), Expr::int(trips as i64));
        body.push(only_if(cond, vec![StatKind::Goto(label.as_str().into()).into()]));
        out.push(StatKind::Do(Block::from(body)).into());
    }

    fn declare_counter(&mut self, out: &mut Vec<Stat>) -> String {
        let counter = self.scope.fresh("c");
        out.push(local(&counter, Expr::int(0)));
        self.add(counter.clone(), Kind::Int, false);
        counter
    }

    /// True for most iterations: a test against a float that a loop rarely reaches.
    fn often_true(&mut self, trips: u64) -> Expr {
        let value = self.variable(Kind::Num).map_or(Expr::int(1), Expr::name);
        let far = Expr::int(self.pick(50, 50 + 10 * trips as i64));
        let op = self.choose(&[BinOp::Lt, BinOp::Ne]);
        Expr::binary(op, value, far)
    }

    fn loop_body(&mut self) -> Vec<Stat> {
        let mut body = Vec::new();
        if self.chance(11) {
            body.push(self.early_exit());
        }
        body.extend(self.straight_body());
        if self.chance(11) {
            body.push(self.early_exit());
        }
        body
    }

    /// Statements without a jump out. Locals of the body stay visible to the end of it.
    fn straight_body(&mut self) -> Vec<Stat> {
        let mut body = Vec::new();
        for _ in 0..self.pick(1, 5) {
            self.statement(&mut body);
        }
        body
    }

    /// `if counter == K then break end`, K around the hot count.
    fn early_exit(&mut self) -> Stat {
        let cond = match self.counter() {
            Some(counter) if self.chance(80) => {
                let op = self.choose(&[BinOp::Eq, BinOp::Gt]);
                let at = Expr::int(self.pick(1, 60));
                Expr::binary(op, Expr::name(counter), at)
            }
            _ => {
                let value = self.variable(Kind::Num).map_or(Expr::int(0), Expr::name);
                Expr::binary(BinOp::Eq, value, Expr::int(self.pick(-2, 9)))
            }
        };
        only_if(cond, vec![StatKind::Break.into()])
    }

    /// A loop in which an error is raised at iteration K, after traces were made.
    pub(super) fn failing_loop(&mut self, out: &mut Vec<Stat>) {
        let trips = self.pick(10, 60).min(self.scope.room().max(3) as i64);
        let before = self.scope.multiply(trips as u64);
        self.scope.loops += 1;
        let var = self.scope.fresh("i");
        let mark = self.scope.enter();
        self.add(var.clone(), Kind::Int, false);
        let mut body = Vec::new();
        for _ in 0..self.pick(1, 2) {
            self.assignment(&mut body);
        }
        let cond =
            Expr::binary(BinOp::Eq, Expr::name(var.as_str()), Expr::int(self.pick(1, trips)));
        let failing = self.failing_statement();
        body.push(only_if(cond, vec![failing]));
        self.scope.leave(mark);
        self.scope.loops -= 1;
        self.scope.work = before;
        out.push(
            StatKind::NumericFor(Box::new(NumericFor {
                var: var.as_str().into(),
                start: Expr::int(1),
                limit: Expr::int(trips),
                step: None,
                do_line: Default::default(),
                body: Block::from(body),
            }))
            .into(),
        );
    }
}

fn increment(counter: &str) -> Stat {
    let value = Expr::binary(BinOp::Add, Expr::name(counter), Expr::int(1));
    assign(Expr::name(counter), value)
}
