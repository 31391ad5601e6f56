//! Expressions and literals as text.

use super::super::ast::*;
use super::super::lexer::is_identifier;
use super::super::precedence::*;
use super::{INLINE_WIDTH, Printer, comma_separated};
use std::fmt::Write;

impl Printer {
    pub(super) fn exprs(&mut self, exprs: &[Expr]) {
        comma_separated!(self, exprs, |expr| self.expr(expr));
    }

    pub(super) fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Nil => self.put("nil"),
            ExprKind::True => self.put("true"),
            ExprKind::False => self.put("false"),
            ExprKind::Int(value) => self.put(&int_literal(*value)),
            ExprKind::Float(value) => self.put(&float_literal(value.0)),
            ExprKind::Str(value) => self.put(&string_literal(value)),
            ExprKind::Vararg => self.put("..."),
            ExprKind::Function(function) => {
                self.put("function");
                self.function(function);
            }
            ExprKind::Name(name) => self.put_name(name),
            ExprKind::Index { object, key } => {
                self.prefix(object);
                self.key_after(key);
            }
            ExprKind::Call { callee, args } => {
                self.prefix(callee);
                self.args(args);
            }
            ExprKind::MethodCall { object, name, args } => {
                self.prefix(object);
                self.put(":");
                self.put_name(&name.text);
                self.args(args);
            }
            ExprKind::Table(fields) => self.table(expr, fields),
            ExprKind::Unary { op, operand } => self.unary(*op, operand),
            ExprKind::Binary { op, left, right } => {
                self.wrapped(left_needs_paren(*op, left), left);
                self.put(" ");
                self.put(op.text());
                self.put(" ");
                self.wrapped(right_needs_paren(*op, right), right);
            }
            ExprKind::Paren(inner) => self.wrapped(true, inner),
        }
    }

    fn wrapped(&mut self, paren: bool, expr: &Expr) {
        if paren {
            self.put("(");
        }
        self.expr(expr);
        if paren {
            self.put(")");
        }
    }

    fn prefix(&mut self, expr: &Expr) {
        self.wrapped(prefix_needs_paren(expr), expr);
    }

    fn args(&mut self, args: &[Expr]) {
        self.put("(");
        self.exprs(args);
        self.put(")");
    }

    fn unary(&mut self, op: UnOp, operand: &Expr) {
        self.put(op.text());
        let paren = operand_needs_paren(operand);
        let is_negation = matches!(operand.kind, ExprKind::Unary { op: UnOp::Neg, .. });
        if op == UnOp::Not || (op == UnOp::Neg && is_negation) {
            self.put(" ");
        }
        self.wrapped(paren, operand);
    }

    /// `.name` or `[key]`
    fn key_after(&mut self, key: &Expr) {
        match &key.kind {
            ExprKind::Str(name) if is_identifier(name) => {
                self.put(".");
                self.put_name(name);
            }
            _ => self.bracketed(key),
        }
    }

    fn bracketed(&mut self, key: &Expr) {
        self.put("[");
        self.expr(key);
        self.put("]");
    }

    fn table(&mut self, table: &Expr, fields: &[Field]) {
        if fit([table], INLINE_WIDTH) {
            self.put("{");
            comma_separated!(self, fields, |field| self.field(field));
            self.put("}");
            return;
        }
        self.put("{");
        self.depth += 1;
        for field in fields {
            self.new_line();
            self.field(field);
            self.put(",");
        }
        self.depth -= 1;
        self.new_line();
        self.put("}");
    }

    fn field(&mut self, field: &Field) {
        if let Field::Pair { key, .. } = field {
            match &key.kind {
                ExprKind::Str(name) if is_identifier(name) => self.put_name(name),
                _ => self.bracketed(key),
            }
            self.put(" = ");
        }
        self.expr(field.value());
    }
}

/// A negative literal has no decimal form; in hexadecimal it wraps around.
fn int_literal(value: i64) -> String {
    if value < 0 { format!("0x{value:x}") } else { value.to_string() }
}

fn float_literal(value: f64) -> String {
    if value.is_nan() {
        "(0/0)".to_string()
    } else if value.is_sign_negative() {
        format!("(-{})", float_literal(-value))
    } else if value.is_infinite() {
        "1e999".to_string()
    } else {
        format!("{value:?}")
    }
}

/// A quoted string that reads back as the same bytes.
pub(super) fn string_literal(bytes: &[u8]) -> String {
    let mut out = String::from('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_char(&mut out, c);
        }
        for byte in chunk.invalid() {
            push_hex(&mut out, *byte);
        }
    }
    out.push('"');
    out
}

fn push_char(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        '\0'..='\x1f' | '\x7f' => push_hex(out, c as u8),
        // Invisible characters would make two different strings look alike.
        _ if c.is_control() || c.is_whitespace() && c != ' ' => {
            let _ = write!(out, "\\u{{{:X}}}", c as u32);
        }
        _ => out.push(c),
    }
}

fn push_hex(out: &mut String, byte: u8) {
    let _ = write!(out, "\\x{byte:02X}");
}

/// Whether the expressions stay within `width` columns on one line, about.
pub(super) fn fit<'a>(exprs: impl IntoIterator<Item = &'a Expr>, width: usize) -> bool {
    let mut room = Some(width);
    exprs.into_iter().all(|expr| {
        take_expr(&mut room, expr);
        room.is_some()
    })
}

/// Columns left; nothing once they are used up.
type Room = Option<usize>;

fn take(room: &mut Room, columns: usize) {
    *room = room.and_then(|room| room.checked_sub(columns));
}

fn take_expr(room: &mut Room, expr: &Expr) {
    take(room, 2);
    if room.is_none() {
        return;
    }
    match &expr.kind {
        ExprKind::Nil | ExprKind::True | ExprKind::False | ExprKind::Vararg => take(room, 3),
        ExprKind::Int(value) => take(room, int_literal(*value).len()),
        ExprKind::Float(_) => take(room, 4),
        ExprKind::Str(text) | ExprKind::Name(text) => take(room, text.len()),
        ExprKind::Function(function) if function.body.stats.is_empty() => take(room, 16),
        ExprKind::Function(_) => *room = None,
        ExprKind::Index { object, key } => take_exprs(room, [&**object, &**key]),
        ExprKind::Call { callee, args } => {
            take_expr(room, callee);
            take_exprs(room, args);
        }
        ExprKind::MethodCall { object, name, args } => {
            take_expr(room, object);
            take(room, name.text.len());
            take_exprs(room, args);
        }
        ExprKind::Table(fields) => {
            for field in fields {
                if let Field::Pair { key, .. } = field {
                    take_expr(room, key);
                }
                take_expr(room, field.value());
            }
        }
        ExprKind::Unary { operand, .. } => take_expr(room, operand),
        ExprKind::Binary { left, right, .. } => take_exprs(room, [&**left, &**right]),
        ExprKind::Paren(inner) => take_expr(room, inner),
    }
}

fn take_exprs<'a>(room: &mut Room, exprs: impl IntoIterator<Item = &'a Expr>) {
    for expr in exprs {
        take_expr(room, expr);
    }
}

#[cfg(test)]
mod tests {
    use super::super::print_expr;
    use super::*;

    #[test]
    fn minus_signs_never_meet() {
        let x = || Expr::name("x");
        let neg = |e| Expr::unary(UnOp::Neg, e);
        assert_eq!(print_expr(&neg(neg(x()))), "- -x");
        assert_eq!(print_expr(&Expr::binary(BinOp::Sub, x(), neg(x()))), "x - -x");
        assert_eq!(print_expr(&Expr::int(-5)), "-5");
        assert_eq!(print_expr(&Expr::int(i64::MIN)), "0x8000000000000000");
    }

    #[test]
    fn parentheses_follow_precedence() {
        let name = Expr::name;
        let sum = || Expr::binary(BinOp::Add, name("a"), name("b"));
        assert_eq!(print_expr(&Expr::binary(BinOp::Mul, sum(), name("c"))), "(a + b) * c");
        assert_eq!(print_expr(&Expr::binary(BinOp::Lt, sum(), name("c"))), "a + b < c");
        assert_eq!(print_expr(&Expr::binary(BinOp::Sub, name("c"), sum())), "c - (a + b)");
        let power = Expr::binary(BinOp::Pow, Expr::int(-2), Expr::int(-2));
        assert_eq!(print_expr(&power), "(-2) ^ -2");
        let text = Expr::method_call(Expr::string("x"), "rep", vec![Expr::int(3)]);
        assert_eq!(print_expr(&text), "(\"x\"):rep(3)");
        let concat = |l, r| Expr::binary(BinOp::Concat, l, r);
        let right = concat(Expr::int(1), concat(Expr::int(2), Expr::int(3)));
        assert_eq!(print_expr(&right), "1 .. 2 .. 3");
        let left = concat(concat(Expr::int(1), Expr::int(2)), Expr::int(3));
        assert_eq!(print_expr(&left), "(1 .. 2) .. 3");
    }

    #[test]
    fn parentheses_missing_from_a_tree_are_added() {
        let sum = Expr::binary(BinOp::Add, Expr::name("a"), Expr::name("b"));
        let (left, right) = (Box::new(sum), Box::new(Expr::int(2)));
        let product = Expr::new(ExprKind::Binary { op: BinOp::Mul, left, right });
        assert_eq!(print_expr(&product), "(a + b) * 2");
    }

    #[test]
    fn literals() {
        assert_eq!(float_literal(1.0), "1.0");
        assert_eq!(float_literal(f64::INFINITY), "1e999");
        assert_eq!(float_literal(5e-324), "5e-324");
        assert_eq!(string_literal(b"a\"\\\n\0\xffz\x80"), r#""a\"\\\n\x00\xFFz\x80""#);
        assert_eq!(string_literal("é\u{a0}\u{85}".as_bytes()), r#""é\u{A0}\u{85}""#);
        assert_eq!(print_expr(&Expr::field(Expr::name("a"), "b")), "a.b");
        assert_eq!(print_expr(&Expr::field(Expr::name("a"), "end")), "a[\"end\"]");
    }
}
