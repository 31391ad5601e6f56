//! Edits that move an expression to where its name is used.
//!
//! In:  a `local` statement and the rest of its block.   Out: the same without the statement, or with it
//! merged into the next.
//!
//! Names are replaced wherever they occur; generated programs have no two variables of one name. A program
//! for which that is wrong changes its meaning, and the predicate decides about it like about any other.

use plumb_jit::syntax::ast::{Block, Expr, ExprKind, Field, Stat, StatKind, Str};

/// Names that one merged declaration may have; more are hard to read.
const MERGED_NAMES: usize = 4;

/// `local x = value; rest` as `rest` with `value` for each `x`; and for a function that only returns an
/// expression, the expression for each call.
pub fn inlined(stats: &[Stat]) -> Option<Vec<Stat>> {
    let (first, rest) = stats.split_first()?;
    let (name, value) = declared(first)?;
    let mut rest = rest.to_vec();
    let mut replace = Replace { name, value: &value, used: false, assigned: false };
    rest.iter_mut().for_each(|stat| replace.stat(stat));
    (replace.used && !replace.assigned).then_some(rest)
}

/// A name and what it stands for.
fn declared(stat: &Stat) -> Option<(&Str, Value)> {
    match &stat.kind {
        StatKind::Local { names, values } => match (&names[..], &values[..]) {
            ([name], [Expr { kind: ExprKind::Function(function), .. }]) => {
                Some((&name.name, returned(&function.params, &function.body)?))
            }
            ([name], [value]) => Some((&name.name, Value::Plain(value.clone()))),
            _ => None,
        },
        StatKind::LocalFunction { name, body } => Some((name, returned(&body.params, &body.body)?)),
        _ => None,
    }
}

enum Value {
    Plain(Expr),
    /// What a call with these parameters returns.
    Call {
        params: Vec<Str>,
        result: Expr,
    },
}

fn returned(params: &[Str], body: &Block) -> Option<Value> {
    match &body.stats[..] {
        [Stat { kind: StatKind::Return(values), .. }] => match &values[..] {
            [result] => Some(Value::Call { params: params.to_vec(), result: result.clone() }),
            _ => None,
        },
        _ => None,
    }
}

/// Two `local` statements as one, where the second does not use the first.
pub fn merged(stats: &[Stat]) -> Option<Vec<Stat>> {
    let [first, second, rest @ ..] = stats else { return None };
    let (
        StatKind::Local { names, values },
        StatKind::Local { names: more_names, values: more_values },
    ) = (&first.kind, &second.kind)
    else {
        return None;
    };
    let complete = names.len() == values.len() && more_names.len() == more_values.len();
    let plain = names.iter().chain(more_names).all(|name| name.attrib.is_none());
    if !complete || !plain || names.len() + more_names.len() > MERGED_NAMES {
        return None;
    }
    for name in names {
        let mut search = Replace {
            name: &name.name,
            value: &Value::Plain(Expr::nil()),
            used: false,
            assigned: false,
        };
        more_values.clone().iter_mut().for_each(|value| search.expr(value));
        if search.used {
            return None;
        }
    }
    let names = names.iter().chain(more_names).cloned().collect();
    let values = values.iter().chain(more_values).cloned().collect();
    let both = Stat { kind: StatKind::Local { names, values }, ..first.clone() };
    Some(std::iter::once(both).chain(rest.iter().cloned()).collect())
}

/// Puts a value in the place of a name.
struct Replace<'a> {
    name: &'a Str,
    value: &'a Value,
    used: bool,
    /// The name is a target, or is used where the value cannot stand.
    assigned: bool,
}

impl Replace<'_> {
    fn block(&mut self, block: &mut Block) {
        block.stats.iter_mut().for_each(|stat| self.stat(stat));
    }

    fn list(&mut self, exprs: &mut [Expr]) {
        exprs.iter_mut().for_each(|expr| self.expr(expr));
    }

    fn stat(&mut self, stat: &mut Stat) {
        match &mut stat.kind {
            StatKind::Local { values, .. } | StatKind::Return(values) => self.list(values),
            StatKind::LocalFunction { body, .. } | StatKind::Function { body, .. } => {
                self.block(&mut body.body)
            }
            StatKind::Assign { targets, values } => {
                for target in targets {
                    match &target.kind {
                        ExprKind::Name(name) => self.assigned |= name == self.name,
                        _ => self.expr(target),
                    }
                }
                self.list(values);
            }
            StatKind::Call(call) => {
                self.expr(call);
                // What stands in the place of a whole call is no statement.
                self.assigned |=
                    !matches!(call.kind, ExprKind::Call { .. } | ExprKind::MethodCall { .. });
            }
            StatKind::Do(body) => self.block(body),
            StatKind::While { cond, body } | StatKind::Repeat { body, cond } => {
                self.expr(cond);
                self.block(body);
            }
            StatKind::If { arms, orelse } => {
                for arm in arms {
                    self.expr(&mut arm.cond);
                    self.block(&mut arm.body);
                }
                orelse.iter_mut().for_each(|body| self.block(body));
            }
            StatKind::NumericFor(numeric) => {
                self.expr(&mut numeric.start);
                self.expr(&mut numeric.limit);
                numeric.step.iter_mut().for_each(|step| self.expr(step));
                self.block(&mut numeric.body);
            }
            StatKind::GenericFor(generic) => {
                self.list(&mut generic.values);
                self.block(&mut generic.body);
            }
            StatKind::Empty | StatKind::Goto(_) | StatKind::Label(_) | StatKind::Break => {}
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        if let Some(value) = self.instead(expr) {
            self.used = true;
            *expr = value;
            return;
        }
        match &mut expr.kind {
            ExprKind::Function(function) => self.block(&mut function.body),
            ExprKind::Index { object, key } => {
                self.expr(object);
                self.expr(key);
            }
            ExprKind::Call { callee, args } => {
                self.expr(callee);
                self.list(args);
            }
            ExprKind::MethodCall { object, args, .. } => {
                self.expr(object);
                self.list(args);
            }
            ExprKind::Table(fields) => {
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
            ExprKind::Name(name) => self.assigned |= name == self.name,
            ExprKind::Nil
            | ExprKind::True
            | ExprKind::False
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::Vararg => {}
        }
    }

    /// What stands in the place of `expr`, if it is the name, or a call of it.
    fn instead(&mut self, expr: &mut Expr) -> Option<Expr> {
        match (self.value, &mut expr.kind) {
            (Value::Plain(value), ExprKind::Name(name)) if name == self.name => {
                Some(operand(value))
            }
            (Value::Call { params, result }, ExprKind::Call { callee, args }) => {
                let named = matches!(&callee.kind, ExprKind::Name(name) if name == self.name);
                if !named {
                    return None;
                }
                self.list(args);
                let mut result = result.clone();
                for (at, param) in params.iter().enumerate() {
                    let arg = Value::Plain(args.get(at).cloned().unwrap_or_else(Expr::nil));
                    let mut replace =
                        Replace { name: param, value: &arg, used: false, assigned: false };
                    replace.expr(&mut result);
                }
                Some(operand(&result))
            }
            _ => None,
        }
    }
}

/// An expression that may stand as an operand, an indexed object or a callee.
fn operand(expr: &Expr) -> Expr {
    match expr.kind {
        ExprKind::Name(_) | ExprKind::Index { .. } | ExprKind::Call { .. } | ExprKind::Paren(_) => {
            expr.clone()
        }
        ExprKind::Int(value) if value >= 0 => expr.clone(),
        ExprKind::Nil | ExprKind::True | ExprKind::False => expr.clone(),
        _ => Expr::paren(expr.clone()),
    }
}
