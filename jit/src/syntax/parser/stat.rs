//! Statements.

use super::super::ast::*;
use super::super::lexer::Token;
use super::super::scope::VarKind;
use super::{Parser, take_from};

impl Parser<'_, '_> {
    /// Parses one statement and appends it to its block; a label also takes the empty statements and labels
    /// after it, which PUC handles before the label itself.
    pub(super) fn statement(&mut self) {
        let line = self.line();
        self.enter_level();
        if self.at(&Token::DbColon) {
            self.label(line);
        } else if !self.accept_char(b';') {
            let (kind, end) = self.statement_kind(line);
            self.stats.push(Stat { kind, line, end });
        }
        self.leave_level();
    }

    fn statement_kind(&mut self, line: Line) -> (StatKind, Line) {
        let kind = match self.lexer.token {
            Token::If => self.if_statement(line),
            Token::While => self.while_statement(line),
            Token::Do => {
                self.advance();
                let body = self.block();
                self.expect_match(&Token::End, &Token::Do, line);
                StatKind::Do(body)
            }
            Token::For => self.for_statement(line),
            Token::Repeat => self.repeat_statement(line),
            Token::Function => self.function_statement(line),
            Token::Local => {
                self.advance();
                if self.accept(&Token::Function) {
                    self.local_function()
                } else {
                    self.local_statement()
                }
            }
            Token::Return => return self.return_statement(),
            Token::Break => {
                self.advance();
                self.note(|scopes| scopes.break_(line.number));
                StatKind::Break
            }
            Token::Goto => {
                self.advance();
                let name_line = self.line();
                let name = self.expect_name();
                self.note(|scopes| scopes.goto(&name, name_line.number));
                StatKind::Goto(name)
            }
            _ => self.expression_statement(),
        };
        (kind, self.last_line())
    }

    fn if_statement(&mut self, line: Line) -> StatKind {
        let mut arms = vec![self.arm()];
        while self.at(&Token::Elseif) {
            arms.push(self.arm());
        }
        let orelse = if self.accept(&Token::Else) { Some(self.block()) } else { None };
        self.expect_match(&Token::End, &Token::If, line);
        StatKind::If { arms, orelse }
    }

    /// `if` or `elseif`, its condition and its block.
    fn arm(&mut self) -> Arm {
        self.advance();
        let cond = self.expression();
        self.expect(&Token::Then);
        let then_line = self.last_line();
        self.open_block(false);
        let start = self.stats.len();
        let mut skip_line = Line::default();
        let starts_empty = self.at_char(b';');
        if self.at(&Token::Break) {
            let line = self.line();
            self.advance();
            self.note(|scopes| scopes.break_(line.number));
            let end = self.last_line();
            self.stats.push(Stat { kind: StatKind::Break, line, end });
            while self.accept_char(b';') {}
            skip_line = self.last_line();
        }
        self.statements_after();
        let mut stats = take_from(&mut self.stats, start);
        if starts_empty && stats.first().is_some_and(|stat| stat.kind == StatKind::Break) {
            stats.insert(0, Stat { kind: StatKind::Empty, line: then_line, end: then_line });
        }
        self.close_block();
        let body = Block { stats, end: self.last_line() };
        Arm { cond, then_line, body, skip_line }
    }

    fn while_statement(&mut self, line: Line) -> StatKind {
        self.advance();
        let cond = self.expression();
        self.open_block(true);
        self.expect(&Token::Do);
        let body = self.block();
        self.expect_match(&Token::End, &Token::While, line);
        self.close_block();
        StatKind::While { cond, body }
    }

    fn repeat_statement(&mut self, line: Line) -> StatKind {
        self.open_block(true);
        self.open_block(false);
        self.advance();
        let body = self.statements();
        self.expect_match(&Token::Until, &Token::Repeat, line);
        let cond = self.expression();
        self.close_block();
        self.close_block();
        StatKind::Repeat { body, cond }
    }

    fn for_statement(&mut self, line: Line) -> StatKind {
        self.open_block(true);
        self.advance();
        let var = self.expect_name();
        let kind = match self.lexer.token {
            Token::Char(b'=') => self.numeric_for(var),
            Token::Char(b',') | Token::In => self.generic_for(var),
            _ => {
                self.fail_here("'=' or 'in' expected");
                StatKind::Do(self.block())
            }
        };
        self.expect_match(&Token::End, &Token::For, line);
        self.close_block();
        kind
    }

    /// The hidden variables of a loop count towards the limit of locals.
    fn declare_loop_state(&mut self, count: usize) {
        (0..count).for_each(|_| self.declare(&FOR_STATE));
    }

    fn numeric_for(&mut self, var: Str) -> StatKind {
        self.declare_loop_state(3);
        self.declare(&var);
        self.expect_char(b'=');
        let start = self.expression();
        self.expect_char(b',');
        let limit = self.expression();
        let step = if self.accept_char(b',') { Some(self.expression()) } else { None };
        self.activate(3);
        let (do_line, body) = self.for_body(1);
        let numeric = NumericFor { var, start, limit, step, do_line, body };
        StatKind::NumericFor(Box::new(numeric))
    }

    fn generic_for(&mut self, first: Str) -> StatKind {
        self.declare_loop_state(4);
        self.declare(&first);
        let mut names = vec![first];
        while self.accept_char(b',') {
            names.push(self.expect_new_name());
        }
        self.expect(&Token::In);
        let in_line = self.line();
        let values = self.expressions();
        self.activate(4);
        let (do_line, body) = self.for_body(names.len());
        let generic = GenericFor { names, values, in_line, do_line, body };
        StatKind::GenericFor(Box::new(generic))
    }

    fn for_body(&mut self, variables: usize) -> (Line, Block) {
        self.expect(&Token::Do);
        let do_line = self.last_line();
        self.open_block(false);
        self.activate(variables);
        let body = self.block();
        self.close_block();
        (do_line, body)
    }

    fn function_statement(&mut self, line: Line) -> StatKind {
        self.advance();
        let base = self.expect_lined_name();
        self.scoped(|scopes| scopes.reference(&base.text));
        let mut path = Vec::new();
        while self.accept_char(b'.') {
            path.push(self.expect_lined_name());
        }
        let is_method = self.accept_char(b':');
        let method = if is_method { Some(self.expect_lined_name()) } else { None };
        let body = self.function(is_method, line);
        if path.is_empty() && !is_method {
            self.scoped(|scopes| scopes.check_assignable(&base.text));
        }
        StatKind::Function { name: Box::new(FunctionName { base, path, method }), body }
    }

    fn local_function(&mut self) -> StatKind {
        let name = self.expect_new_name();
        self.activate(1);
        let body = self.function(false, self.line());
        StatKind::LocalFunction { name, body }
    }

    fn local_statement(&mut self) -> StatKind {
        let mut names: Vec<LocalName> = Vec::new();
        let mut has_close = false;
        loop {
            let name = self.expect_new_name();
            let attrib = self.attribute();
            self.note(|scopes| scopes.set_last_kind(attrib.into()));
            if attrib == Some(Attrib::Close) {
                if has_close {
                    self.fail_plainly(b"multiple to-be-closed variables in local list");
                }
                has_close = true;
            }
            names.push(LocalName { name, attrib });
            if !self.accept_char(b',') {
                break;
            }
        }
        let values = if self.accept_char(b'=') { self.expressions() } else { Vec::new() };
        if names.len() == values.len()
            && let (Some(last), Some(value)) = (names.last(), values.last())
            && last.attrib == Some(Attrib::Const)
            && self.may_be_constant(value)
        {
            self.note(|scopes| scopes.set_last_kind(VarKind::Constant));
        }
        self.activate(names.len());
        StatKind::Local { names, values }
    }

    fn attribute(&mut self) -> Option<Attrib> {
        if !self.accept_char(b'<') {
            return None;
        }
        let name = self.expect_name();
        self.expect_char(b'>');
        match &*name {
            b"const" => Some(Attrib::Const),
            b"close" => Some(Attrib::Close),
            other => {
                self.fail_plainly(&[b"unknown attribute '", other, b"'"].concat());
                None
            }
        }
    }

    /// Whether PUC may know the value while compiling. Folding may still refuse (a NaN, say).
    fn may_be_constant(&mut self, value: &Expr) -> bool {
        match &value.kind {
            ExprKind::Nil | ExprKind::True | ExprKind::False => true,
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Str(_) => true,
            ExprKind::Name(name) => self.scoped(|scopes| scopes.is_constant(name)),
            ExprKind::Paren(inner) => self.may_be_constant(inner),
            ExprKind::Unary { op, operand } => *op != UnOp::Len && self.may_be_constant(operand),
            ExprKind::Binary { op, left, right } => {
                may_fold(*op) && self.may_be_constant(left) && self.may_be_constant(right)
            }
            _ => false,
        }
    }

    fn return_statement(&mut self) -> (StatKind, Line) {
        self.advance();
        let is_empty = self.block_follows(true) || self.at_char(b';');
        let values = if is_empty { Vec::new() } else { self.expressions() };
        let end = self.last_line();
        self.accept_char(b';');
        (StatKind::Return(values), end)
    }

    fn label(&mut self, line: Line) {
        self.advance();
        let name = self.expect_name();
        self.expect(&Token::DbColon);
        let position = self.stats.len();
        let kind = StatKind::Label(name.clone());
        self.stats.push(Stat { kind, line, end: line });
        while self.at_char(b';') || self.at(&Token::DbColon) {
            self.statement();
        }
        let last = self.block_follows(false);
        self.stats[position].end = self.last_line();
        self.scoped(|scopes| scopes.label(&name, line.number, last));
    }

    fn expression_statement(&mut self) -> StatKind {
        let first = self.suffixed_expression();
        if self.at_char(b'=') || self.at_char(b',') {
            return self.assignment(first);
        }
        match first.kind {
            ExprKind::Call { .. } | ExprKind::MethodCall { .. } => {}
            _ => self.fail_here("syntax error"),
        }
        StatKind::Call(first)
    }

    fn assignment(&mut self, first: Expr) -> StatKind {
        self.check_target(&first);
        let mut targets = vec![first];
        while self.accept_char(b',') {
            self.note_separator(&mut targets);
            let target = self.suffixed_expression();
            self.enter_level();
            self.check_target(&target);
            targets.push(target);
        }
        self.expect_char(b'=');
        self.note_separator(&mut targets);
        let values = self.expressions();
        self.levels -= targets.len() as u32 - 1;
        StatKind::Assign { targets, values }
    }

    fn note_separator(&self, targets: &mut [Expr]) {
        if let Some(target) = targets.last_mut() {
            target.sep = self.last_line();
        }
    }

    fn check_target(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Index { .. } => {}
            ExprKind::Name(name) => self.scoped(|scopes| scopes.check_assignable(name)),
            _ => self.fail_here("syntax error"),
        }
    }
}

fn may_fold(op: BinOp) -> bool {
    use BinOp::*;
    !matches!(op, Concat | Eq | Ne | Lt | Le | Gt | Ge)
}
