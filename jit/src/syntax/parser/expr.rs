//! Expressions. See the header of [`ast`](super::super::ast) for what each line means.

use super::super::ast::*;
use super::super::lexer::Token;
use super::super::precedence::{UNARY_PRIORITY, priority};
use super::{Parser, take_from};

fn unary_operator(token: &Token) -> Option<UnOp> {
    match token {
        Token::Not => Some(UnOp::Not),
        Token::Char(b'-') => Some(UnOp::Neg),
        Token::Char(b'~') => Some(UnOp::BNot),
        Token::Char(b'#') => Some(UnOp::Len),
        _ => None,
    }
}

fn binary_operator(token: &Token) -> Option<BinOp> {
    Some(match token {
        Token::Char(b'+') => BinOp::Add,
        Token::Char(b'-') => BinOp::Sub,
        Token::Char(b'*') => BinOp::Mul,
        Token::Char(b'%') => BinOp::Mod,
        Token::Char(b'^') => BinOp::Pow,
        Token::Char(b'/') => BinOp::Div,
        Token::IDiv => BinOp::IDiv,
        Token::Char(b'&') => BinOp::BAnd,
        Token::Char(b'|') => BinOp::BOr,
        Token::Char(b'~') => BinOp::BXor,
        Token::Shl => BinOp::Shl,
        Token::Shr => BinOp::Shr,
        Token::Concat => BinOp::Concat,
        Token::Eq => BinOp::Eq,
        Token::Char(b'<') => BinOp::Lt,
        Token::Le => BinOp::Le,
        Token::Ne => BinOp::Ne,
        Token::Char(b'>') => BinOp::Gt,
        Token::Ge => BinOp::Ge,
        Token::And => BinOp::And,
        Token::Or => BinOp::Or,
        _ => return None,
    })
}

impl Parser<'_, '_> {
    /// In place of an expression that PUC never sees.
    fn missing(&self) -> Expr {
        self.node(ExprKind::Nil, self.last_line())
    }

    /// A node whose last token has just been consumed.
    fn node(&self, kind: ExprKind, line: Line) -> Expr {
        Expr { kind, line, end: self.last_line(), sep: Line::default() }
    }

    pub(super) fn expression(&mut self) -> Expr {
        self.subexpression(0)
    }

    /// One or more expressions between commas.
    pub(super) fn expressions(&mut self) -> Vec<Expr> {
        let start = self.exprs.len();
        let mut expr = self.expression();
        while self.accept_char(b',') {
            expr.sep = self.last_line();
            self.exprs.push(expr);
            expr = self.expression();
        }
        self.exprs.push(expr);
        take_from(&mut self.exprs, start)
    }

    /// An operand and the binary operators above `limit` that follow it.
    fn subexpression(&mut self, limit: u8) -> Expr {
        self.enter_level();
        let siblings_height = std::mem::take(&mut self.height);
        let mut left = match unary_operator(&self.lexer.token) {
            Some(op) => {
                self.advance();
                let line = self.last_line();
                let operand = Box::new(self.subexpression(UNARY_PRIORITY));
                self.node(ExprKind::Unary { op, operand }, line)
            }
            None => self.simple_expression(),
        };
        while let Some(op) = binary_operator(&self.lexer.token)
            && priority(op).0 > limit
        {
            self.advance();
            let line = self.last_line();
            let right = Box::new(self.subexpression(priority(op).1));
            self.grow();
            left = self.node(ExprKind::Binary { op, left: Box::new(left), right }, line);
        }
        self.height = siblings_height.max(self.height + 1);
        self.leave_level();
        left
    }

    fn simple_expression(&mut self) -> Expr {
        let before = self.last_line();
        let kind = match &self.lexer.token {
            Token::Float(value) => ExprKind::Float(Float(*value)),
            Token::Int(value) => ExprKind::Int(*value),
            Token::Str(value) => ExprKind::Str(value.clone()),
            Token::Nil => ExprKind::Nil,
            Token::True => ExprKind::True,
            Token::False => ExprKind::False,
            Token::Dots if self.scopes.is_vararg() => ExprKind::Vararg,
            Token::Dots => {
                self.fail_here("cannot use '...' outside a vararg function");
                return self.missing();
            }
            Token::Char(b'{') => return self.table(),
            Token::Function => {
                self.advance();
                let function = self.function(false, self.line());
                return self.node(ExprKind::Function(function), before);
            }
            _ => return self.suffixed_expression(),
        };
        self.advance();
        self.node(kind, before)
    }

    fn primary_expression(&mut self) -> Expr {
        let line = self.line();
        match self.lexer.token {
            Token::Char(b'(') => {
                self.advance();
                let inner = Box::new(self.expression());
                self.expect_match(&Token::Char(b')'), &Token::Char(b'('), line);
                self.node(ExprKind::Paren(inner), line)
            }
            Token::Name(_) => {
                let name = self.expect_name();
                self.scoped(|scopes| scopes.reference(&name));
                self.node(ExprKind::Name(name), line)
            }
            _ => {
                self.fail_here("unexpected symbol");
                self.missing()
            }
        }
    }

    /// A primary expression with its fields, indices, calls and method calls.
    pub(super) fn suffixed_expression(&mut self) -> Expr {
        let siblings_height = std::mem::take(&mut self.height);
        let mut expr = self.primary_expression();
        loop {
            expr = match self.lexer.token {
                Token::Char(b'.') => {
                    self.advance();
                    let name = self.expect_name();
                    let key = Box::new(self.node(ExprKind::Str(name), self.last_line()));
                    let kind = ExprKind::Index { object: Box::new(expr), key };
                    self.node(kind, self.last_line())
                }
                Token::Char(b'[') => {
                    let key = Box::new(self.bracketed_key());
                    let kind = ExprKind::Index { object: Box::new(expr), key };
                    self.node(kind, self.last_line())
                }
                Token::Char(b':') => {
                    self.advance();
                    let name = Box::new(self.expect_lined_name());
                    let line = self.line();
                    let args = self.arguments();
                    let object = Box::new(expr);
                    self.node(ExprKind::MethodCall { object, name, args }, line)
                }
                Token::Char(b'(' | b'{') | Token::Str(_) => {
                    let line = self.line();
                    let args = self.arguments();
                    self.node(ExprKind::Call { callee: Box::new(expr), args }, line)
                }
                _ => break,
            };
            self.grow();
        }
        self.height = siblings_height.max(self.height);
        expr
    }

    /// `[key]`
    fn bracketed_key(&mut self) -> Expr {
        self.advance();
        let key = self.expression();
        self.expect_char(b']');
        key
    }

    fn arguments(&mut self) -> Vec<Expr> {
        let line = self.line();
        match &self.lexer.token {
            Token::Char(b'(') => {
                self.advance();
                let args = if self.at_char(b')') { Vec::new() } else { self.expressions() };
                self.expect_match(&Token::Char(b')'), &Token::Char(b'('), line);
                args
            }
            Token::Char(b'{') => vec![self.table()],
            Token::Str(_) => vec![self.simple_expression()],
            _ => {
                self.fail_here("function arguments expected");
                Vec::new()
            }
        }
    }

    fn table(&mut self) -> Expr {
        let before = self.last_line();
        let line = self.line();
        self.expect_char(b'{');
        let start = self.fields.len();
        while !self.at_char(b'}') {
            let mut field = self.table_field();
            let separated = self.accept_char(b',') || self.accept_char(b';');
            if separated && let Field::Item(value) | Field::Pair { value, .. } = &mut field {
                value.sep = self.last_line();
            }
            self.fields.push(field);
            if !separated {
                break;
            }
        }
        self.expect_match(&Token::Char(b'}'), &Token::Char(b'{'), line);
        let fields = take_from(&mut self.fields, start);
        self.node(ExprKind::Table(fields), before)
    }

    fn table_field(&mut self) -> Field {
        let is_name = matches!(self.lexer.token, Token::Name(_));
        let key = if is_name && self.is_next(&Token::Char(b'=')) {
            let name = self.expect_name();
            self.node(ExprKind::Str(name), self.last_line())
        } else if self.at_char(b'[') {
            self.bracketed_key()
        } else {
            return Field::Item(self.expression());
        };
        self.expect_char(b'=');
        let eq_line = self.last_line();
        let value = self.expression();
        Field::Pair { key, eq_line, value }
    }
}
