//! Typed expressions.
//!
//! In:  a kind and a depth budget.   Out: an expression of that kind that cannot raise an error.
//!
//! Integers wrap, floats may be infinite or NaN: both are wanted. What can fail is avoided by form:
//! an integer divisor is a non-zero literal or `e | 1`, bitwise operands are integers, array reads
//! are followed by `or`.

use super::Generator;
use super::scope::{Kind, RECORD_FIELDS, Variable};
use plumb_jit::syntax::ast::{BinOp, Expr, UnOp};

/// Integers at the edges of what can go wrong.
const INT_EDGES: [i64; 12] =
    [0, 1, -1, 2, i64::MAX, i64::MIN, i64::MAX - 1, 1 << 53, (1 << 53) + 1, -(1 << 53), 63, 64];
/// Floats at the edges.
const FLOAT_EDGES: [f64; 14] = [
    0.0,
    1.0,
    -0.0,
    0.5,
    -1.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    9007199254740992.0,
    9223372036854775808.0,
    -9223372036854775808.0,
    5e-324,
    1e308,
    0.1,
];

impl Generator<'_> {
    pub(super) fn expression(&mut self, kind: Kind, depth: usize) -> Expr {
        if depth == 0 || self.u.is_empty() {
            return self.leaf(kind);
        }
        match kind {
            Kind::Int => self.int_expression(depth),
            Kind::Float => self.float_expression(depth),
            Kind::Num => self.num_expression(depth),
            Kind::Bool => self.bool_expression(depth),
            Kind::Array | Kind::Record | Kind::Function => self.leaf(kind),
        }
    }

    /// A literal or a variable.
    pub(super) fn leaf(&mut self, kind: Kind) -> Expr {
        if self.chance(70)
            && let Some(name) = self.variable(kind)
        {
            return Expr::name(name);
        }
        let sharp = self.scope.loops > 0 && self.chance(15);
        let sharp = match kind {
            Kind::Int if sharp => self.sharp_int(),
            Kind::Float if sharp => self.sharp_float(),
            _ => None,
        };
        if let Some(expr) = sharp {
            return expr;
        }
        match kind {
            Kind::Int => self.int_literal(),
            Kind::Float => self.float_literal(),
            Kind::Num if self.chance(40) => self.float_literal(),
            Kind::Num => self.int_literal(),
            Kind::Bool => Expr::bool(self.chance(50)),
            Kind::Array | Kind::Record | Kind::Function => Expr::nil(),
        }
    }

    /// The name of a visible variable whose values are of `kind`.
    pub(super) fn variable(&mut self, kind: Kind) -> Option<String> {
        let fits = |v: &&Variable| kind.accepts(v.kind);
        let last = self.scope.visible().filter(fits).count().checked_sub(1)?;
        // Recent variables are likelier: they are the loops' own.
        let back = self.pick(0, last as i64);
        let variable = self.scope.visible().filter(fits).nth_back(back as usize)?;
        Some(variable.name.clone())
    }

    pub(super) fn int_literal(&mut self) -> Expr {
        match self.pick(0, 9) {
            0..=6 => Expr::int(self.pick(-3, 12)),
            7 => Expr::int(self.pick(-1000, 1000)),
            _ => Expr::int(self.choose(&INT_EDGES)),
        }
    }

    fn float_literal(&mut self) -> Expr {
        match self.pick(0, 9) {
            0..=5 => Expr::float(self.pick(-8, 24) as f64 * 0.25),
            6 => Expr::float(self.pick(-1000, 1000) as f64 / 7.0),
            _ => {
                let edge = self.choose(&FLOAT_EDGES);
                if edge.is_infinite() {
                    let huge = Expr::field(Expr::name("math"), "huge");
                    return if edge > 0.0 { huge } else { Expr::unary(UnOp::Neg, huge) };
                }
                Expr::float(edge)
            }
        }
    }

    fn int_expression(&mut self, depth: usize) -> Expr {
        use BinOp::*;
        let d = depth - 1;
        match self.pick(0, 15) {
            0..=5 => {
                let op = self.choose(&[Add, Sub, Mul, Add, Sub]);
                self.both(op, Kind::Int, Kind::Int, d)
            }
            6 | 7 => {
                let op = self.choose(&[BAnd, BOr, BXor, Shl, Shr]);
                if matches!(op, Shl | Shr) && self.chance(40) {
                    // The edges of a shift: Lua's distances have no modulus.
                    let distance = self.choose(&[1, 63, 64, 65, -1, -63, -64, 31, 32, 100]);
                    let value = self.expression(Kind::Int, d);
                    return Expr::binary(op, value, Expr::int(distance));
                }
                self.both(op, Kind::Int, Kind::Int, d)
            }
            8 | 9 => {
                let op = self.choose(&[Mod, IDiv]);
                let left = self.expression(Kind::Int, d);
                let right = self.nonzero_int(d);
                Expr::binary(op, left, right)
            }
            10 => {
                let op = self.choose(&[UnOp::Neg, UnOp::BNot]);
                let operand = self.expression(Kind::Int, d);
                Expr::unary(op, operand)
            }
            11 => {
                let function = self.choose(&["min", "max"]);
                let args = vec![self.expression(Kind::Int, d), self.expression(Kind::Int, d)];
                math(function, args)
            }
            12 => math("abs", vec![self.expression(Kind::Int, d)]),
            13 => match self.variable(Kind::Array) {
                Some(array) => Expr::unary(UnOp::Len, Expr::name(array)),
                None => self.leaf(Kind::Int),
            },
            14 => self.field(Kind::Int),
            _ => self.select(Kind::Int, d),
        }
    }

    /// An integer that is never zero.
    fn nonzero_int(&mut self, depth: usize) -> Expr {
        if self.chance(30) {
            let value = self.expression(Kind::Int, depth);
            return Expr::binary(BinOp::BOr, value, Expr::int(1));
        }
        let literal = self.choose(&[2, 3, 1, -1, 7, 8, -3, 16, 10, i64::MAX, i64::MIN]);
        Expr::int(literal)
    }

    fn float_expression(&mut self, depth: usize) -> Expr {
        use BinOp::*;
        let d = depth - 1;
        match self.pick(0, 11) {
            0..=4 => {
                let op = self.choose(&[Add, Mul, Sub, Div]);
                let other = self.choose(&[Kind::Float, Kind::Num, Kind::Int]);
                if self.chance(50) {
                    self.both(op, Kind::Float, other, d)
                } else {
                    self.both(op, other, Kind::Float, d)
                }
            }
            5 => self.both(Div, Kind::Num, Kind::Num, d),
            6 => {
                let op = self.choose(&[Mod, IDiv]);
                self.both(op, Kind::Float, Kind::Num, d)
            }
            7 => {
                let exponent = self.choose(&[2.0, 0.5, 3.0, -1.0]);
                let base = self.expression(Kind::Num, d);
                Expr::binary(Pow, base, Expr::float(exponent))
            }
            8 => math("sqrt", vec![self.expression(Kind::Num, d)]),
            9 => Expr::unary(UnOp::Neg, self.expression(Kind::Float, d)),
            10 => self.field(Kind::Float),
            _ => self.select(Kind::Float, d),
        }
    }

    fn num_expression(&mut self, depth: usize) -> Expr {
        use BinOp::*;
        let d = depth - 1;
        match self.pick(0, 15) {
            0..=3 => {
                let op = self.choose(&[Add, Sub, Mul]);
                self.both(op, Kind::Num, Kind::Num, d)
            }
            4 => self.int_expression(depth),
            5 => self.float_expression(depth),
            6..=8 => self.element(d),
            9 => {
                let function = self.choose(&["floor", "abs", "ceil"]);
                math(function, vec![self.expression(Kind::Num, d)])
            }
            10 => {
                let function = self.choose(&["min", "max"]);
                math(function, vec![self.expression(Kind::Num, d), self.expression(Kind::Num, d)])
            }
            11 | 12 => self.call(d),
            13 => self.field(Kind::Num),
            _ => self.select(Kind::Num, d),
        }
    }

    pub(super) fn bool_expression(&mut self, depth: usize) -> Expr {
        use BinOp::*;
        let d = depth - 1;
        match self.pick(0, 9) {
            0..=4 => {
                let op = self.choose(&[Lt, Le, Gt, Ge]);
                let kind = self.choose(&[Kind::Int, Kind::Num, Kind::Float]);
                self.both(op, kind, kind, d)
            }
            5 => {
                let op = self.choose(&[Eq, Ne]);
                self.both(op, Kind::Num, Kind::Num, d)
            }
            6 => {
                let step = Expr::int(self.pick(2, 5));
                let left = self.expression(Kind::Int, d);
                let rest = Expr::int(self.pick(0, 2));
                Expr::binary(Eq, Expr::binary(Mod, left, step), rest)
            }
            7 => Expr::unary(UnOp::Not, self.expression(Kind::Bool, d)),
            8 => {
                let op = self.choose(&[And, Or]);
                self.both(op, Kind::Bool, Kind::Bool, d)
            }
            _ => self.leaf(Kind::Bool),
        }
    }

    fn both(&mut self, op: BinOp, left: Kind, right: Kind, depth: usize) -> Expr {
        let left = self.expression(left, depth);
        let right = self.expression(right, depth);
        Expr::binary(op, left, right)
    }

    /// `cond and a or b`: numbers are truthy, so this is a choice.
    fn select(&mut self, kind: Kind, depth: usize) -> Expr {
        let cond = self.bool_expression(depth.max(1));
        let (yes, no) = (self.expression(kind, depth), self.expression(kind, depth));
        Expr::binary(BinOp::Or, Expr::binary(BinOp::And, cond, yes), no)
    }

    /// An array element; a hole reads as a number.
    fn element(&mut self, depth: usize) -> Expr {
        let Some(array) = self.variable(Kind::Array) else { return self.leaf(Kind::Num) };
        let index = self.index(depth);
        let value = Expr::index(Expr::name(array), index);
        let default = self.leaf(Kind::Num);
        Expr::binary(BinOp::Or, value, default)
    }

    /// An array index: a loop variable, or something brought into a small range.
    pub(super) fn index(&mut self, depth: usize) -> Expr {
        match self.pick(0, 3) {
            0 => self.variable(Kind::Int).map_or(Expr::int(1), Expr::name),
            1 => Expr::int(self.pick(1, 12)),
            2 => {
                let value = self.expression(Kind::Int, depth);
                let size = Expr::int(self.pick(4, 24));
                Expr::binary(BinOp::Add, Expr::binary(BinOp::Mod, value, size), Expr::int(1))
            }
            _ => {
                let value = self.variable(Kind::Int).map_or(Expr::int(1), Expr::name);
                let op = self.choose(&[BinOp::Add, BinOp::Sub]);
                Expr::binary(op, value, Expr::int(1))
            }
        }
    }

    fn field(&mut self, kind: Kind) -> Expr {
        let Some(record) = self.variable(Kind::Record) else { return self.leaf(kind) };
        let fields: Vec<&str> =
            RECORD_FIELDS.iter().filter(|(_, k)| kind.accepts(*k)).map(|(name, _)| *name).collect();
        let name = self.choose(&fields);
        Expr::field(Expr::name(record), name)
    }

    /// A generated function that is cheap enough to be called here.
    pub(super) fn callable(&mut self) -> Option<String> {
        let room = self.scope.room();
        let callable: Vec<(String, u64)> = self
            .scope
            .of_kind(Kind::Function)
            .filter(|f| f.work <= room)
            .map(|f| (f.name.clone(), f.work))
            .collect();
        let last = callable.len().checked_sub(1)?;
        let (name, work) = callable[self.pick(0, last as i64) as usize].clone();
        self.scope.peak_work = self.scope.peak_work.max(self.scope.work().saturating_mul(work));
        Some(name)
    }

    /// A call of a generated function, if there is one.
    pub(super) fn call(&mut self, depth: usize) -> Expr {
        let Some(name) = self.callable() else { return self.leaf(Kind::Num) };
        let args = vec![self.expression(Kind::Num, depth), self.expression(Kind::Num, depth)];
        Expr::call(Expr::name(name), args)
    }
}

fn math(function: &str, args: Vec<Expr>) -> Expr {
    Expr::call(Expr::field(Expr::name("math"), function), args)
}

/// A number as `print` should see it: NaN's sign and payload are not Lua's to say.
pub(super) fn printable(value: Expr) -> Expr {
    let same = Expr::binary(BinOp::Eq, value.clone(), value.clone());
    Expr::binary(BinOp::Or, Expr::binary(BinOp::And, same, value), Expr::string("nan"))
}
