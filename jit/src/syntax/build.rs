//! Constructors for trees built by hand: the generator, the reducer and tests use them.
//!
//! They add the parentheses that precedence demands; lines stay zero.

use super::ast::*;
use super::precedence;

impl Expr {
    pub fn new(kind: ExprKind) -> Expr {
        Expr { kind, line: Line::default(), end: Line::default(), sep: Line::default() }
    }

    pub fn nil() -> Expr {
        Expr::new(ExprKind::Nil)
    }

    pub fn bool(value: bool) -> Expr {
        Expr::new(if value { ExprKind::True } else { ExprKind::False })
    }

    /// A negative value becomes a negation; `i64::MIN` stays a (hexadecimal) literal.
    pub fn int(value: i64) -> Expr {
        match value {
            i64::MIN | 0.. => Expr::new(ExprKind::Int(value)),
            _ => Expr::unary(UnOp::Neg, Expr::new(ExprKind::Int(-value))),
        }
    }

    /// A negative value becomes a negation, NaN becomes `-(0/0)`: Lua has no literals for them.
    pub fn float(value: f64) -> Expr {
        if value.is_nan() {
            let nan = Expr::binary(BinOp::Div, Expr::int(0), Expr::int(0));
            return Expr::unary(UnOp::Neg, nan);
        }
        let literal = Expr::new(ExprKind::Float(Float(value.abs())));
        if value.is_sign_negative() { Expr::unary(UnOp::Neg, literal) } else { literal }
    }

    pub fn string(value: impl Into<Str>) -> Expr {
        Expr::new(ExprKind::Str(value.into()))
    }

    pub fn name(name: impl Into<Str>) -> Expr {
        Expr::new(ExprKind::Name(name.into()))
    }

    pub fn index(object: Expr, key: Expr) -> Expr {
        let object = Box::new(precedence::as_prefix(object));
        Expr::new(ExprKind::Index { object, key: Box::new(key) })
    }

    /// `object.name`
    pub fn field(object: Expr, name: impl Into<Str>) -> Expr {
        Expr::index(object, Expr::string(name))
    }

    pub fn call(callee: Expr, args: Vec<Expr>) -> Expr {
        let callee = Box::new(precedence::as_prefix(callee));
        Expr::new(ExprKind::Call { callee, args })
    }

    pub fn method_call(object: Expr, name: impl Into<Str>, args: Vec<Expr>) -> Expr {
        let object = Box::new(precedence::as_prefix(object));
        let name = Box::new(Name::from(name.into()));
        Expr::new(ExprKind::MethodCall { object, name, args })
    }

    pub fn unary(op: UnOp, operand: Expr) -> Expr {
        let operand = Box::new(precedence::as_unary_operand(operand));
        Expr::new(ExprKind::Unary { op, operand })
    }

    pub fn binary(op: BinOp, left: Expr, right: Expr) -> Expr {
        let left = Box::new(precedence::as_left_operand(op, left));
        let right = Box::new(precedence::as_right_operand(op, right));
        Expr::new(ExprKind::Binary { op, left, right })
    }

    pub fn paren(inner: Expr) -> Expr {
        Expr::new(ExprKind::Paren(Box::new(inner)))
    }

    /// May stand for any number of values where a list takes them: a call or `...`.
    pub fn is_multi(&self) -> bool {
        matches!(self.kind, ExprKind::Call { .. } | ExprKind::MethodCall { .. } | ExprKind::Vararg)
    }
}

impl Stat {
    pub fn new(kind: StatKind) -> Stat {
        Stat { kind, line: Line::default(), end: Line::default() }
    }
}

impl From<StatKind> for Stat {
    fn from(kind: StatKind) -> Stat {
        Stat::new(kind)
    }
}

impl From<ExprKind> for Expr {
    fn from(kind: ExprKind) -> Expr {
        Expr::new(kind)
    }
}
