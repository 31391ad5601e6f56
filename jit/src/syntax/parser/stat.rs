//! Statements.

use super::super::ast::*;
use super::super::lexer::{Near, Token};
use super::super::scope::VarKind;
use super::{Parsed, Parser};

impl Parser<'_> {
    /// Parses one statement and appends it; a label also takes the empty statements and labels
    /// after it, which PUC handles before the label itself.
    pub(super) fn statement(&mut self, stats: &mut Vec<Stat>) -> Parsed {
        let line = self.line();
        self.enter_level()?;
        if self.at(&Token::DbColon) {
            self.label(stats, line)?;
        } else if !self.accept_char(b';')? {
            let (kind, end) = self.statement_kind(line)?;
            stats.push(Stat { kind, line, end });
        }
        self.leave_level();
        Ok(())
    }

    fn statement_kind(&mut self, line: Line) -> Parsed<(StatKind, Line)> {
        let kind = match self.lexer.token {
            Token::If => self.if_statement(line)?,
            Token::While => self.while_statement(line)?,
            Token::Do => {
                self.lexer.advance()?;
                let body = self.block()?;
                self.expect_match(&Token::End, &Token::Do, line)?;
                StatKind::Do(body)
            }
            Token::For => self.for_statement(line)?,
            Token::Repeat => self.repeat_statement(line)?,
            Token::Function => self.function_statement(line)?,
            Token::Local => {
                self.lexer.advance()?;
                if self.accept(&Token::Function)? {
                    self.local_function()?
                } else {
                    self.local_statement()?
                }
            }
            Token::Return => return self.return_statement(),
            Token::Break => {
                self.lexer.advance()?;
                self.scopes.break_(line.0);
                StatKind::Break
            }
            Token::Goto => {
                self.lexer.advance()?;
                let name_line = self.line();
                let name = self.expect_name()?;
                self.scopes.goto(&name, name_line.0);
                StatKind::Goto(name)
            }
            _ => self.expression_statement()?,
        };
        Ok((kind, self.last_line()))
    }

    fn if_statement(&mut self, line: Line) -> Parsed<StatKind> {
        let mut arms = vec![self.arm()?];
        while self.at(&Token::Elseif) {
            arms.push(self.arm()?);
        }
        let orelse = if self.accept(&Token::Else)? { Some(self.block()?) } else { None };
        self.expect_match(&Token::End, &Token::If, line)?;
        Ok(StatKind::If { arms, orelse })
    }

    /// `if` or `elseif`, its condition and its block.
    fn arm(&mut self) -> Parsed<Arm> {
        self.lexer.advance()?;
        let cond = self.expression()?;
        self.expect(&Token::Then)?;
        let then_line = self.last_line();
        self.scopes.open_block(false);
        let mut stats = Vec::new();
        let mut skip_line = Line::default();
        let starts_empty = self.at_char(b';');
        if self.at(&Token::Break) {
            let line = self.line();
            self.lexer.advance()?;
            self.scopes.break_(line.0);
            stats.push(Stat { kind: StatKind::Break, line, end: self.last_line() });
            while self.accept_char(b';')? {}
            skip_line = self.last_line();
        }
        self.statements_after(&mut stats)?;
        if starts_empty && stats.first().is_some_and(|stat| stat.kind == StatKind::Break) {
            stats.insert(0, Stat { kind: StatKind::Empty, line: then_line, end: then_line });
        }
        self.close_block()?;
        let body = Block { stats, end: self.last_line() };
        Ok(Arm { cond, then_line, body, skip_line })
    }

    fn while_statement(&mut self, line: Line) -> Parsed<StatKind> {
        self.lexer.advance()?;
        let cond = self.expression()?;
        self.scopes.open_block(true);
        self.expect(&Token::Do)?;
        let body = self.block()?;
        self.expect_match(&Token::End, &Token::While, line)?;
        self.close_block()?;
        Ok(StatKind::While { cond, body })
    }

    fn repeat_statement(&mut self, line: Line) -> Parsed<StatKind> {
        self.scopes.open_block(true);
        self.scopes.open_block(false);
        self.lexer.advance()?;
        let body = self.statements()?;
        self.expect_match(&Token::Until, &Token::Repeat, line)?;
        let cond = self.expression()?;
        self.close_block()?;
        self.close_block()?;
        Ok(StatKind::Repeat { body, cond })
    }

    fn for_statement(&mut self, line: Line) -> Parsed<StatKind> {
        self.scopes.open_block(true);
        self.lexer.advance()?;
        let var = self.expect_name()?;
        let kind = match self.lexer.token {
            Token::Char(b'=') => self.numeric_for(var)?,
            Token::Char(b',') | Token::In => self.generic_for(var)?,
            _ => return Err(self.error("'=' or 'in' expected")),
        };
        self.expect_match(&Token::End, &Token::For, line)?;
        self.close_block()?;
        Ok(kind)
    }

    /// The hidden variables of a loop count towards the limit of locals.
    fn declare_loop_state(&mut self, count: usize) -> Parsed {
        let hidden = Str::from("(for state)");
        (0..count).try_for_each(|_| self.declare(&hidden))
    }

    fn numeric_for(&mut self, var: Str) -> Parsed<StatKind> {
        self.declare_loop_state(3)?;
        self.declare(&var)?;
        self.expect_char(b'=')?;
        let start = self.expression()?;
        self.expect_char(b',')?;
        let limit = self.expression()?;
        let step = if self.accept_char(b',')? { Some(self.expression()?) } else { None };
        self.scopes.activate(3);
        let (do_line, body) = self.for_body(1)?;
        let numeric = NumericFor { var, start, limit, step, do_line, body };
        Ok(StatKind::NumericFor(Box::new(numeric)))
    }

    fn generic_for(&mut self, first: Str) -> Parsed<StatKind> {
        self.declare_loop_state(4)?;
        self.declare(&first)?;
        let mut names = vec![first];
        while self.accept_char(b',')? {
            let name = self.expect_name()?;
            self.declare(&name)?;
            names.push(name);
        }
        self.expect(&Token::In)?;
        let in_line = self.line();
        let values = self.expressions()?;
        self.scopes.activate(4);
        let (do_line, body) = self.for_body(names.len())?;
        let generic = GenericFor { names, values, in_line, do_line, body };
        Ok(StatKind::GenericFor(Box::new(generic)))
    }

    fn for_body(&mut self, variables: usize) -> Parsed<(Line, Block)> {
        self.expect(&Token::Do)?;
        let do_line = self.last_line();
        self.scopes.open_block(false);
        self.scopes.activate(variables);
        let body = self.block()?;
        self.close_block()?;
        Ok((do_line, body))
    }

    fn function_statement(&mut self, line: Line) -> Parsed<StatKind> {
        self.lexer.advance()?;
        let base = self.expect_lined_name()?;
        let used = self.scopes.reference(&base.text);
        self.scoped(used)?;
        let mut path = Vec::new();
        while self.accept_char(b'.')? {
            path.push(self.expect_lined_name()?);
        }
        let is_method = self.accept_char(b':')?;
        let method = if is_method { Some(self.expect_lined_name()?) } else { None };
        let body = self.function(is_method, line)?;
        if path.is_empty() && !is_method {
            let assignable = self.scopes.check_assignable(&base.text);
            self.scoped(assignable)?;
        }
        Ok(StatKind::Function { name: FunctionName { base, path, method }, body })
    }

    fn local_function(&mut self) -> Parsed<StatKind> {
        let name = self.expect_name()?;
        self.declare(&name)?;
        self.scopes.activate(1);
        let body = self.function(false, self.line())?;
        Ok(StatKind::LocalFunction { name, body })
    }

    fn local_statement(&mut self) -> Parsed<StatKind> {
        let mut names: Vec<LocalName> = Vec::new();
        let mut has_close = false;
        loop {
            let name = self.expect_name()?;
            self.declare(&name)?;
            let attrib = self.attribute()?;
            self.scopes.set_last_kind(attrib.into());
            if attrib == Some(Attrib::Close) {
                if has_close {
                    let message = b"multiple to-be-closed variables in local list";
                    return Err(self.lexer.error(message, Near::Nothing));
                }
                has_close = true;
            }
            names.push(LocalName { name, attrib });
            if !self.accept_char(b',')? {
                break;
            }
        }
        let values = if self.accept_char(b'=')? { self.expressions()? } else { Vec::new() };
        if names.len() == values.len()
            && let (Some(last), Some(value)) = (names.last(), values.last())
            && last.attrib == Some(Attrib::Const)
            && self.may_be_constant(value)?
        {
            self.scopes.set_last_kind(VarKind::Constant);
        }
        self.scopes.activate(names.len());
        Ok(StatKind::Local { names, values })
    }

    fn attribute(&mut self) -> Parsed<Option<Attrib>> {
        if !self.accept_char(b'<')? {
            return Ok(None);
        }
        let name = self.expect_name()?;
        self.expect_char(b'>')?;
        match &*name {
            b"const" => Ok(Some(Attrib::Const)),
            b"close" => Ok(Some(Attrib::Close)),
            other => {
                let message = [b"unknown attribute '", other, b"'"].concat();
                Err(self.lexer.error(&message, Near::Nothing))
            }
        }
    }

    /// Whether PUC may know the value while compiling. Folding may still refuse (a NaN, say).
    fn may_be_constant(&mut self, value: &Expr) -> Parsed<bool> {
        Ok(match &value.kind {
            ExprKind::Nil | ExprKind::True | ExprKind::False => true,
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Str(_) => true,
            ExprKind::Name(name) => {
                let constant = self.scopes.is_constant(name);
                self.scoped(constant)?
            }
            ExprKind::Paren(inner) => self.may_be_constant(inner)?,
            ExprKind::Unary { op, operand } => *op != UnOp::Len && self.may_be_constant(operand)?,
            ExprKind::Binary { op, left, right } => {
                may_fold(*op) && self.may_be_constant(left)? && self.may_be_constant(right)?
            }
            _ => false,
        })
    }

    fn return_statement(&mut self) -> Parsed<(StatKind, Line)> {
        self.lexer.advance()?;
        let is_empty = self.block_follows(true) || self.at_char(b';');
        let values = if is_empty { Vec::new() } else { self.expressions()? };
        let end = self.last_line();
        self.accept_char(b';')?;
        Ok((StatKind::Return(values), end))
    }

    fn label(&mut self, stats: &mut Vec<Stat>, line: Line) -> Parsed {
        self.lexer.advance()?;
        let name = self.expect_name()?;
        self.expect(&Token::DbColon)?;
        let position = stats.len();
        let kind = StatKind::Label(name.clone());
        stats.push(Stat { kind, line, end: line });
        while self.at_char(b';') || self.at(&Token::DbColon) {
            self.statement(stats)?;
        }
        let last = self.block_follows(false);
        let defined = self.scopes.label(&name, line.0, last);
        self.scoped(defined)?;
        stats[position].end = self.last_line();
        Ok(())
    }

    fn expression_statement(&mut self) -> Parsed<StatKind> {
        let first = self.suffixed_expression()?;
        if self.at_char(b'=') || self.at_char(b',') {
            return self.assignment(first);
        }
        match first.kind {
            ExprKind::Call { .. } | ExprKind::MethodCall { .. } => Ok(StatKind::Call(first)),
            _ => Err(self.error("syntax error")),
        }
    }

    fn assignment(&mut self, first: Expr) -> Parsed<StatKind> {
        self.check_target(&first)?;
        let mut targets = vec![first];
        while self.accept_char(b',')? {
            let target = self.suffixed_expression()?;
            self.enter_level()?;
            self.check_target(&target)?;
            targets.push(target);
        }
        self.expect_char(b'=')?;
        let values = self.expressions()?;
        self.levels -= targets.len() as u32 - 1;
        Ok(StatKind::Assign { targets, values })
    }

    fn check_target(&mut self, target: &Expr) -> Parsed {
        match &target.kind {
            ExprKind::Index { .. } => Ok(()),
            ExprKind::Name(name) => {
                let assignable = self.scopes.check_assignable(name);
                self.scoped(assignable)
            }
            _ => Err(self.error("syntax error")),
        }
    }
}

fn may_fold(op: BinOp) -> bool {
    use BinOp::*;
    !matches!(op, Concat | Eq | Ne | Lt | Le | Gt | Ge)
}
