//! Tokens -> AST, with PUC's syntax errors to the letter.
//!
//! In: a chunk's bytes and name. Out: its [`Chunk`], or the first error PUC would report.
//!
//! The parser follows `lparser.c` token by token: PUC reports errors while it compiles in one pass,
//! so names, labels and limits are checked here too ([`super::scope`]), at PUC's moments.
//!
//! Limits: errors that need generated code (too many registers, jumps too long) are the compiler's.
//! PUC takes left-associative chains of any length. A tree of more than [`MAX_HEIGHT`] operators on one
//! path is only made for callers that are prepared for it ([`parse_within`]), since walking it
//! recursively needs a large stack.
//!
//! - `stat` statements
//! - `expr` expressions

mod expr;
mod stat;

use super::ast::*;
use super::error::SyntaxError;
use super::lexer::{Lexer, Near, Token};
use super::scope::{ScopeError, Scopes};

/// PUC's `LUAI_MAXCCALLS`: nesting of C calls and of statements and expressions together.
const MAX_C_CALLS: u32 = 200;

/// Operators, calls and indexings on one path from an expression's root.
pub const MAX_HEIGHT: u32 = 2000;

/// Parses a chunk that the host loads, with no C call under way.
pub fn parse(source: &[u8], chunkname: &[u8]) -> Result<Chunk, SyntaxError> {
    parse_at_depth(source, chunkname, 0)
}

/// Parses a chunk when `c_calls` C calls are under way: they count towards the nesting limit.
/// (`load` called from a Lua main chunk: one.)
pub fn parse_at_depth(source: &[u8], chunkname: &[u8], c_calls: u32) -> Result<Chunk, SyntaxError> {
    parse_within(source, chunkname, c_calls, MAX_HEIGHT).unwrap_or_else(|TooTall(error)| Err(error))
}

/// An expression is higher than the caller allows; the message that says so.
pub struct TooTall(pub SyntaxError);

/// [`parse_at_depth`] with another limit of the height of expressions.
pub fn parse_within(
    source: &[u8],
    chunkname: &[u8],
    c_calls: u32,
    max_height: u32,
) -> Result<Result<Chunk, SyntaxError>, TooTall> {
    let mut parser = Parser::new(source, chunkname, c_calls, max_height);
    match parser.chunk() {
        Err(error) if parser.is_too_tall => Err(TooTall(error)),
        parsed => Ok(parsed),
    }
}

/// Whether every text that begins with `source` is refused, so that a reader need not be asked for more.
pub fn is_refused(source: &[u8], chunkname: &[u8], c_calls: u32) -> bool {
    let mut parser = Parser::new(source, chunkname, c_calls, MAX_HEIGHT);
    parser.chunk().is_err() && !parser.is_too_tall && !parser.lexer.ran_out()
}

type Parsed<T = ()> = Result<T, SyntaxError>;

struct Parser<'a> {
    lexer: Lexer<'a>,
    scopes: Scopes,
    /// Nesting, as PUC counts C calls.
    levels: u32,
    /// Greatest height of the expressions parsed since the enclosing one began.
    height: u32,
    max_height: u32,
    is_too_tall: bool,
}

impl<'a> Parser<'a> {
    fn new(source: &'a [u8], chunkname: &'a [u8], c_calls: u32, max_height: u32) -> Parser<'a> {
        Parser {
            lexer: Lexer::new(source, chunkname),
            scopes: Scopes::default(),
            levels: c_calls,
            height: 0,
            max_height,
            is_too_tall: false,
        }
    }
}

impl Parser<'_> {
    fn chunk(&mut self) -> Parsed<Chunk> {
        self.scopes.open_main();
        self.lexer.advance()?;
        let body = self.statements()?;
        self.check(&Token::Eof)?;
        let closed = self.scopes.close_function();
        self.scoped(closed)?;
        Ok(Chunk { body })
    }

    /// PUC's `linenumber`.
    fn line(&self) -> Line {
        Line(self.lexer.line_number)
    }

    /// PUC's `lastline`.
    fn last_line(&self) -> Line {
        Line(self.lexer.last_line)
    }

    fn at(&self, token: &Token) -> bool {
        self.lexer.token == *token
    }

    fn at_char(&self, symbol: u8) -> bool {
        self.at(&Token::Char(symbol))
    }

    fn accept(&mut self, token: &Token) -> Parsed<bool> {
        let found = self.at(token);
        if found {
            self.lexer.advance()?;
        }
        Ok(found)
    }

    fn accept_char(&mut self, symbol: u8) -> Parsed<bool> {
        self.accept(&Token::Char(symbol))
    }

    fn check(&self, token: &Token) -> Parsed {
        if self.at(token) { Ok(()) } else { Err(self.expected(token)) }
    }

    fn expect(&mut self, token: &Token) -> Parsed {
        self.check(token)?;
        self.lexer.advance()?;
        Ok(())
    }

    fn expect_char(&mut self, symbol: u8) -> Parsed {
        self.expect(&Token::Char(symbol))
    }

    /// `close` must end what `open` began at `line`.
    fn expect_match(&mut self, close: &Token, open: &Token, line: Line) -> Parsed {
        if self.accept(close)? {
            return Ok(());
        }
        if line.0 == self.lexer.line_number {
            return Err(self.expected(close));
        }
        let (close, open, line) = (close.describe(), open.describe(), line.0);
        Err(self.error(&format!("{close} expected (to close {open} at line {line})")))
    }

    fn expect_name(&mut self) -> Parsed<Str> {
        if !matches!(self.lexer.token, Token::Name(_)) {
            return Err(self.error("<name> expected"));
        }
        match self.lexer.advance()? {
            Token::Name(name) => Ok(name),
            other => unreachable!("the current token is a name, not {other:?}"),
        }
    }

    /// A name together with its line.
    fn expect_lined_name(&mut self) -> Parsed<Name> {
        let text = self.expect_name()?;
        Ok(Name { text, line: self.last_line() })
    }

    fn error(&self, message: &str) -> SyntaxError {
        self.lexer.error_here(message)
    }

    fn expected(&self, token: &Token) -> SyntaxError {
        self.error(&format!("{} expected", token.describe()))
    }

    /// Gives a failed scope check its position.
    fn scoped<T>(&self, result: Result<T, ScopeError>) -> Parsed<T> {
        result.map_err(|error| match error {
            ScopeError::Semantic(message) => self.lexer.error(&message, Near::Nothing),
            ScopeError::Limit(message) => self.error(&message),
        })
    }

    fn enter_level(&mut self) -> Parsed {
        self.levels += 1;
        if self.levels < MAX_C_CALLS {
            return Ok(());
        }
        // PUC raises this one as a runtime error, without a position.
        Err(SyntaxError { message: b"C stack overflow".to_vec() })
    }

    fn leave_level(&mut self) {
        self.levels -= 1;
    }

    /// The expression being parsed got one operator higher.
    fn grow(&mut self) -> Parsed {
        self.height += 1;
        let limit = self.max_height as usize;
        self.is_too_tall = self.height > self.max_height;
        let check = self.scopes.check_limit(self.height as usize, limit, "nested operations");
        self.scoped(check)
    }

    /// Whether the current token ends a block. `until` ends it without closing its scope.
    fn block_follows(&self, with_until: bool) -> bool {
        match self.lexer.token {
            Token::Else | Token::Elseif | Token::End | Token::Eof => true,
            Token::Until => with_until,
            _ => false,
        }
    }

    fn statements(&mut self) -> Parsed<Block> {
        let mut stats = Vec::new();
        self.statements_after(&mut stats)?;
        Ok(Block { stats, end: self.last_line() })
    }

    fn statements_after(&mut self, stats: &mut Vec<Stat>) -> Parsed {
        while !self.block_follows(true) {
            let is_return = self.at(&Token::Return);
            self.statement(stats)?;
            if is_return {
                break;
            }
        }
        Ok(())
    }

    fn block(&mut self) -> Parsed<Block> {
        self.scopes.open_block(false);
        let block = self.statements()?;
        self.close_block()?;
        Ok(block)
    }

    fn close_block(&mut self) -> Parsed {
        let closed = self.scopes.close_block();
        self.scoped(closed)
    }

    fn declare(&mut self, name: &Str) -> Parsed {
        let declared = self.scopes.declare(name, super::scope::VarKind::Regular);
        self.scoped(declared)
    }

    /// Parameters and body of a function, from its `(` to its `end`.
    fn function(&mut self, is_method: bool, line: Line) -> Parsed<Box<Function>> {
        self.scopes.open_function(line.0);
        self.expect_char(b'(')?;
        if is_method {
            self.declare(&Str::from("self"))?;
            self.scopes.activate(1);
        }
        let mut function = Box::new(Function { line, ..Function::default() });
        self.parameters(&mut function)?;
        self.expect_char(b')')?;
        function.body = self.statements()?;
        function.end = self.line();
        self.expect_match(&Token::End, &Token::Function, line)?;
        let closed = self.scopes.close_function();
        self.scoped(closed)?;
        Ok(function)
    }

    fn parameters(&mut self, function: &mut Function) -> Parsed {
        if !self.at_char(b')') {
            loop {
                match self.lexer.token {
                    Token::Name(_) => {
                        let name = self.expect_name()?;
                        self.declare(&name)?;
                        function.params.push(name);
                    }
                    Token::Dots => {
                        self.lexer.advance()?;
                        function.vararg = true;
                        function.vararg_line = self.last_line();
                    }
                    _ => return Err(self.error("<name> or '...' expected")),
                }
                if function.vararg || !self.accept_char(b',')? {
                    break;
                }
            }
        }
        self.scopes.activate(function.params.len());
        if function.vararg {
            self.scopes.set_vararg();
        }
        Ok(())
    }
}
