//! Every way to make a syntax tree smaller, numbered.
//!
//! In:  a tree, an edit kind, a number.   Out: the tree with that one edit.
//!
//! One walk serves counting and applying: it visits the places where an edit of the kind is possible
//! in a fixed order and counts down; at zero it edits and stops.

use super::inline;
use plumb_jit::syntax::ast::{
    Block, Chunk, Expr, ExprKind, Field, NumericFor, Stat, StatKind, Str,
};

/// Kinds of edits, coarse to fine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EditKind {
    /// Drop a run of statements.
    Statements,
    /// Put a compound statement's body (or one arm) in its place.
    Unwrap,
    /// Drop an `else`, an `elseif`, a table field, a value, an argument, a parameter.
    Parts,
    /// Drop a declaration and put its value, or the call's result, wherever the name is used.
    Inline,
    /// Make a loop of any kind a numeric `for` from 1.
    Count,
    /// Put an operand in the place of an expression, or a literal.
    Expressions,
    /// Bring a number closer to zero.
    Numbers,
    /// Make two `local` statements one.
    Merge,
}

impl EditKind {
    pub const ALL: [EditKind; 8] = [
        EditKind::Statements,
        EditKind::Unwrap,
        EditKind::Parts,
        EditKind::Inline,
        EditKind::Count,
        EditKind::Expressions,
        EditKind::Numbers,
        EditKind::Merge,
    ];
}

/// Number of edits of a kind that a tree offers.
pub fn count(chunk: &Chunk, kind: EditKind) -> usize {
    let mut walk = Walk { kind, left: usize::MAX, done: false };
    walk.block(&mut chunk.body.clone());
    usize::MAX - walk.left
}

/// The tree with edit `number` applied; `None` when there are fewer.
pub fn apply(chunk: &Chunk, kind: EditKind, number: usize) -> Option<Chunk> {
    let mut edited = chunk.clone();
    let mut walk = Walk { kind, left: number, done: false };
    walk.block(&mut edited.body);
    walk.done.then_some(edited)
}

struct Walk {
    kind: EditKind,
    left: usize,
    done: bool,
}

impl Walk {
    /// An edit is possible here: is it the one? At most one call returns true.
    fn here(&mut self) -> bool {
        if self.done {
            return false;
        }
        if self.left == 0 {
            self.done = true;
            return true;
        }
        self.left -= 1;
        false
    }

    fn block(&mut self, block: &mut Block) {
        match self.kind {
            EditKind::Statements => self.drop_run(&mut block.stats),
            EditKind::Unwrap => self.unwrap_one(&mut block.stats),
            EditKind::Inline => self.rewrite_rest(&mut block.stats, inline::inlined),
            EditKind::Merge => self.rewrite_rest(&mut block.stats, inline::merged),
            EditKind::Count => self.count_loop(&mut block.stats),
            _ => {}
        }
        for stat in &mut block.stats {
            if self.done {
                return;
            }
            self.stat(stat);
        }
    }

    /// Runs of statements, long ones first.
    fn drop_run(&mut self, stats: &mut Vec<Stat>) {
        let mut length = stats.len();
        while length > 0 {
            let mut start = 0;
            while start + length <= stats.len() {
                if self.here() {
                    stats.drain(start..start + length);
                    return;
                }
                start += length.div_ceil(2);
            }
            length /= 2;
        }
    }

    fn unwrap_one(&mut self, stats: &mut Vec<Stat>) {
        for at in 0..stats.len() {
            for body in bodies(&stats[at]) {
                if self.here() {
                    stats.splice(at..=at, body);
                    return;
                }
            }
        }
    }

    /// An edit of a statement together with those after it in its block.
    fn rewrite_rest(&mut self, stats: &mut Vec<Stat>, edit: fn(&[Stat]) -> Option<Vec<Stat>>) {
        for at in 0..stats.len() {
            if let Some(rest) = edit(&stats[at..])
                && self.here()
            {
                stats.truncate(at);
                stats.extend(rest);
                return;
            }
        }
    }

    fn count_loop(&mut self, stats: &mut Vec<Stat>) {
        for at in 0..stats.len() {
            let Some((end, body)) = loop_at(&stats[at..]) else { continue };
            let var = match &stats[at].kind {
                StatKind::NumericFor(numeric) => numeric.var.clone(),
                _ => "i".into(),
            };
            for trips in [9, 99] {
                if self.here() {
                    stats.splice(at..=at + end, [counted_loop(var, trips, body)]);
                    return;
                }
            }
        }
    }

    fn stat(&mut self, stat: &mut Stat) {
        match &mut stat.kind {
            StatKind::Local { names, values } => {
                if self.kind == EditKind::Parts && names.len() > 1 {
                    for at in 0..names.len() {
                        if self.here() {
                            names.remove(at);
                            if at < values.len() {
                                values.remove(at);
                            }
                            return;
                        }
                    }
                }
                self.list(values);
            }
            StatKind::LocalFunction { body, .. } | StatKind::Function { body, .. } => {
                self.params(&mut body.params);
                self.block(&mut body.body);
            }
            StatKind::Assign { targets, values } => {
                if self.kind == EditKind::Parts && targets.len() > 1 {
                    for at in 0..targets.len() {
                        if self.here() {
                            targets.remove(at);
                            if at < values.len() {
                                values.remove(at);
                            }
                            return;
                        }
                    }
                }
                for target in targets {
                    if let ExprKind::Index { object, key } = &mut target.kind {
                        self.inside(object);
                        self.expr(key);
                    }
                }
                self.list(values);
            }
            StatKind::Call(call) => self.inside(call),
            StatKind::Do(body) => self.block(body),
            StatKind::While { cond, body } | StatKind::Repeat { body, cond } => {
                self.expr(cond);
                self.block(body);
            }
            StatKind::If { arms, orelse } => {
                if self.kind == EditKind::Parts {
                    if orelse.is_some() && self.here() {
                        *orelse = None;
                        return;
                    }
                    for at in 0..arms.len() {
                        if arms.len() > 1 && self.here() {
                            arms.remove(at);
                            return;
                        }
                    }
                }
                for arm in arms {
                    self.expr(&mut arm.cond);
                    self.block(&mut arm.body);
                }
                if let Some(orelse) = orelse {
                    self.block(orelse);
                }
            }
            StatKind::NumericFor(numeric) => {
                if self.kind == EditKind::Parts && numeric.step.is_some() && self.here() {
                    numeric.step = None;
                    return;
                }
                self.expr(&mut numeric.start);
                self.expr(&mut numeric.limit);
                if let Some(step) = &mut numeric.step {
                    self.expr(step);
                }
                self.block(&mut numeric.body);
            }
            StatKind::GenericFor(generic) => {
                self.list(&mut generic.values);
                self.block(&mut generic.body);
            }
            StatKind::Return(values) => self.list(values),
            StatKind::Empty | StatKind::Goto(_) | StatKind::Label(_) | StatKind::Break => {}
        }
    }

    fn params<T>(&mut self, params: &mut Vec<T>) {
        if self.kind == EditKind::Parts {
            for at in 0..params.len() {
                if self.here() {
                    params.remove(at);
                    return;
                }
            }
        }
    }

    fn list(&mut self, exprs: &mut Vec<Expr>) {
        self.params(exprs);
        for expr in exprs {
            if self.done {
                return;
            }
            // Around a whole value, parentheses only cut a call's results.
            if let ExprKind::Paren(inner) = &expr.kind
                && self.kind == EditKind::Expressions
                && self.here()
            {
                *expr = (**inner).clone();
                return;
            }
            self.expr(expr);
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        if self.done {
            return;
        }
        match self.kind {
            EditKind::Expressions => {
                for smaller in smaller_expressions(expr) {
                    if self.here() {
                        *expr = smaller;
                        return;
                    }
                }
            }
            EditKind::Numbers => {
                for smaller in smaller_numbers(expr) {
                    if self.here() {
                        *expr = smaller;
                        return;
                    }
                }
            }
            _ => {}
        }
        self.inside(expr);
    }

    /// The operands of an expression that itself must keep its form.
    fn inside(&mut self, expr: &mut Expr) {
        match &mut expr.kind {
            ExprKind::Function(function) => {
                self.params(&mut function.params);
                self.block(&mut function.body);
            }
            ExprKind::Index { object, key } => {
                self.inside(object);
                self.expr(key);
            }
            ExprKind::Call { callee, args } => {
                self.inside(callee);
                self.list(args);
            }
            ExprKind::MethodCall { object, args, .. } => {
                self.inside(object);
                self.list(args);
            }
            ExprKind::Table(fields) => {
                self.params(fields);
                for field in fields {
                    match field {
                        Field::Item(value) => self.expr(value),
                        Field::Pair { key, value, .. } => {
                            self.expr(key);
                            self.expr(value);
                        }
                    }
                }
            }
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Nil
            | ExprKind::True
            | ExprKind::False
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::Vararg
            | ExprKind::Name(_) => {}
        }
    }
}

/// The loop that begins with the first of `stats`: where it ends, and its body.
fn loop_at(stats: &[Stat]) -> Option<(usize, Block)> {
    match &stats[0].kind {
        StatKind::While { body, .. } | StatKind::Repeat { body, .. } => Some((0, body.clone())),
        StatKind::NumericFor(numeric) => Some((0, numeric.body.clone())),
        StatKind::Label(label) => {
            let end = stats.iter().rposition(|stat| goes_to(stat, label))?;
            Some((end, Block::from(stats[1..end].to_vec())))
        }
        _ => None,
    }
}

/// `goto label`, or `if .. then goto label end`.
fn goes_to(stat: &Stat, label: &Str) -> bool {
    match &stat.kind {
        StatKind::Goto(target) => target == label,
        StatKind::If { arms, orelse: None } => match &arms[..] {
            [arm] => matches!(&arm.body.stats[..], [only] if goes_to(only, label)),
            _ => false,
        },
        _ => false,
    }
}

/// `for var = 1, trips do body end`.
fn counted_loop(var: Str, trips: i64, body: Block) -> Stat {
    let numeric = NumericFor {
        var,
        start: Expr::int(1),
        limit: Expr::int(trips),
        step: None,
        do_line: Default::default(),
        body,
    };
    StatKind::NumericFor(Box::new(numeric)).into()
}

/// What may stand in the place of a compound statement.
fn bodies(stat: &Stat) -> Vec<Vec<Stat>> {
    match &stat.kind {
        StatKind::Do(body) | StatKind::While { body, .. } | StatKind::Repeat { body, .. } => {
            vec![body.stats.clone()]
        }
        StatKind::If { arms, orelse } => {
            let arms = arms.iter().map(|arm| arm.body.stats.clone());
            arms.chain(orelse.iter().map(|body| body.stats.clone())).collect()
        }
        StatKind::NumericFor(numeric) => {
            let first = StatKind::Local {
                names: vec![numeric.var.clone().into()],
                values: vec![numeric.start.clone()],
            };
            let body = std::iter::once(first.into()).chain(numeric.body.stats.clone()).collect();
            vec![numeric.body.stats.clone(), body]
        }
        StatKind::GenericFor(generic) => vec![generic.body.stats.clone()],
        // `print(pcall(function() ... end))` and the like.
        StatKind::Call(call) => functions_in(call),
        _ => Vec::new(),
    }
}

fn functions_in(expr: &Expr) -> Vec<Vec<Stat>> {
    match &expr.kind {
        ExprKind::Function(function) => vec![function.body.stats.clone()],
        ExprKind::Call { args, .. } => args.iter().flat_map(functions_in).collect(),
        _ => Vec::new(),
    }
}

/// Operands first, then the simplest literals.
fn smaller_expressions(expr: &Expr) -> Vec<Expr> {
    let mut out: Vec<Expr> = match &expr.kind {
        ExprKind::Unary { operand, .. } => vec![(**operand).clone()],
        ExprKind::Binary { left, right, .. } => vec![(**left).clone(), (**right).clone()],
        ExprKind::Paren(inner) => vec![(**inner).clone()],
        ExprKind::Call { args, .. } | ExprKind::MethodCall { args, .. } => args.clone(),
        ExprKind::Index { object, key } => vec![(**object).clone(), (**key).clone()],
        ExprKind::Nil | ExprKind::True | ExprKind::False => return Vec::new(),
        ExprKind::Int(0 | 1) => return Vec::new(),
        _ => Vec::new(),
    };
    // An operand that binds weaker than its surroundings needs parentheses around it; the printer
    // and the constructors know, a bare replacement does not.
    for candidate in &mut out {
        if matches!(candidate.kind, ExprKind::Binary { .. } | ExprKind::Unary { .. }) {
            *candidate = Expr::paren(candidate.clone());
        }
    }
    let literals = [Expr::int(0), Expr::int(1), Expr::float(0.5), Expr::bool(true), Expr::nil()];
    out.extend(literals.into_iter().filter(|literal| literal.kind != expr.kind));
    out
}

/// Numbers closer to zero: halves, neighbours, round ones.
fn smaller_numbers(expr: &Expr) -> Vec<Expr> {
    match expr.kind {
        ExprKind::Int(value) if value != 0 => {
            let mut values = vec![0, 1, 2, 3, 5, 10, value / 2, value.wrapping_sub(value.signum())];
            values.retain(|v| v.unsigned_abs() < value.unsigned_abs());
            values.dedup();
            values.into_iter().map(|v| Expr::new(ExprKind::Int(v))).collect()
        }
        ExprKind::Float(value) if value.0 != 0.0 => {
            let mut values = vec![0.0, 1.0, 0.5, 2.0, value.0.trunc()];
            values.retain(|v| v.to_bits() != value.0.to_bits() && v.is_finite());
            values
                .into_iter()
                .map(|v| Expr::new(ExprKind::Float(plumb_jit::syntax::ast::Float(v))))
                .collect()
        }
        _ => Vec::new(),
    }
}
