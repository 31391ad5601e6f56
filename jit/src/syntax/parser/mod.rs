//! Tokens -> AST, with PUC's syntax errors to the letter.
//!
//! In: a chunk's bytes and name. Out: its [`Chunk`], or the first error that PUC would report and what
//! was parsed before it ([`Parse`]).
//!
//! The parser follows `lparser.c` token by token: PUC reports errors while it compiles in one pass,
//! so names, labels and limits are checked here too ([`super::scope`]), at PUC's moments. Errors that need
//! generated code (too many registers, jumps too long) are the compiler's, and may come before the error
//! of the text; so an error does not end the parser. From then on every token is the end of the source,
//! which closes all that is open, and every place in the tree says that PUC never got there
//! ([`Line::is_reached`]). What is missing is an empty name or `nil`.
//!
//! Limits:
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
use super::scope::{ScopeError, Scopes, VarKind};
use super::source::Source;

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
    let TooTall(error) =
        match parse_within(&mut Source::from(source), chunkname, c_calls, MAX_HEIGHT) {
            Ok(Parse { chunk, error: None }) => return Ok(chunk),
            Ok(Parse { error: Some(error), .. }) => return Err(error),
            Err(too_tall) => too_tall,
        };
    Err(error)
}

/// An expression is higher than the caller allows; the message that says so.
pub struct TooTall(pub SyntaxError);

/// A chunk, whole unless there is an error: what was parsed before it then.
pub struct Parse {
    pub chunk: Chunk,
    pub error: Option<SyntaxError>,
}

/// [`parse_at_depth`] with another limit of the height of expressions, and with what comes before an error.
pub fn parse_within(
    source: &mut Source,
    chunkname: &[u8],
    c_calls: u32,
    max_height: u32,
) -> Result<Parse, TooTall> {
    let mut parser = Parser {
        lexer: Lexer::new(source, chunkname),
        scopes: Scopes::default(),
        error: None,
        levels: c_calls,
        height: 0,
        max_height,
        is_too_tall: false,
        stats: Vec::new(),
        exprs: Vec::new(),
        fields: Vec::new(),
    };
    let chunk = parser.chunk();
    match parser.error {
        Some(error) if parser.is_too_tall => Err(TooTall(error)),
        error => Ok(Parse { chunk, error }),
    }
}

struct Parser<'a, 'r> {
    lexer: Lexer<'a, 'r>,
    scopes: Scopes,
    /// The first error. Nothing counts after it.
    error: Option<SyntaxError>,
    /// Nesting, as PUC counts C calls.
    levels: u32,
    /// Greatest height of the expressions parsed since the enclosing one began.
    height: u32,
    max_height: u32,
    is_too_tall: bool,
    /// Members of the lists being parsed, innermost last: a list is made when its length is known.
    stats: Vec<Stat>,
    exprs: Vec<Expr>,
    fields: Vec<Field>,
}

/// The members of a list that begins here.
fn take_from<T>(members: &mut Vec<T>, start: usize) -> Vec<T> {
    members.drain(start..).collect()
}

impl Parser<'_, '_> {
    fn chunk(&mut self) -> Chunk {
        self.scopes.open_main();
        self.advance();
        let body = self.statements();
        self.check(&Token::Eof);
        self.scoped(Scopes::close_function);
        Chunk { body }
    }

    // Errors.

    fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// The first error ends the source.
    fn fail(&mut self, error: SyntaxError) {
        if !self.has_failed() {
            self.error = Some(error);
            self.lexer.stop();
        }
    }

    fn fail_here(&mut self, message: &str) {
        self.fail(self.lexer.error_here(message));
    }

    fn fail_plainly(&mut self, message: &[u8]) {
        self.fail(self.lexer.error(message, Near::Nothing));
    }

    /// Tells the scopes something, unless there was an error.
    fn note(&mut self, tell: impl FnOnce(&mut Scopes)) {
        if !self.has_failed() {
            tell(&mut self.scopes);
        }
    }

    /// Asks the scopes something, unless there was an error, and gives a failed check its position.
    fn scoped<T: Default>(&mut self, ask: impl FnOnce(&mut Scopes) -> Result<T, ScopeError>) -> T {
        if self.has_failed() {
            return T::default();
        }
        match ask(&mut self.scopes) {
            Ok(answer) => return answer,
            Err(ScopeError::Semantic(message)) => self.fail_plainly(&message),
            Err(ScopeError::Limit(message)) => self.fail_here(&message),
        }
        T::default()
    }

    // Tokens.

    fn advance(&mut self) -> Token {
        match self.lexer.advance() {
            Ok(token) => token,
            Err(error) => {
                self.fail(error);
                Token::Eof
            }
        }
    }

    /// PUC's `linenumber`.
    fn line(&self) -> Line {
        Line { number: self.lexer.line_number, token: self.lexer.advances.saturating_add(1) }
    }

    /// PUC's `lastline`.
    fn last_line(&self) -> Line {
        Line { number: self.lexer.last_line, token: self.lexer.advances }
    }

    fn at(&self, token: &Token) -> bool {
        self.lexer.token == *token
    }

    fn at_char(&self, symbol: u8) -> bool {
        self.at(&Token::Char(symbol))
    }

    /// Whether `token` comes after the current one.
    fn is_next(&mut self, token: &Token) -> bool {
        match self.lexer.peek() {
            Ok(next) => next == token,
            Err(error) => {
                self.fail(error);
                false
            }
        }
    }

    fn accept(&mut self, token: &Token) -> bool {
        let found = self.at(token);
        if found {
            self.advance();
        }
        found
    }

    fn accept_char(&mut self, symbol: u8) -> bool {
        self.accept(&Token::Char(symbol))
    }

    fn check(&mut self, token: &Token) {
        if !self.at(token) {
            self.fail_here(&format!("{} expected", token.describe()));
        }
    }

    fn expect(&mut self, token: &Token) {
        self.check(token);
        self.advance();
    }

    fn expect_char(&mut self, symbol: u8) {
        self.expect(&Token::Char(symbol));
    }

    /// `close` must end what `open` began at `line`.
    fn expect_match(&mut self, close: &Token, open: &Token, line: Line) {
        if line.number == self.lexer.line_number {
            return self.expect(close);
        }
        if !self.accept(close) {
            let (close, open, line) = (close.describe(), open.describe(), line.number);
            self.fail_here(&format!("{close} expected (to close {open} at line {line})"));
        }
    }

    /// A name, empty if there is none.
    fn expect_name(&mut self) -> Str {
        if !matches!(self.lexer.token, Token::Name(_)) {
            self.fail_here("<name> expected");
        }
        match self.advance() {
            Token::Name(name) if !self.has_failed() => name,
            _ => Str::default(),
        }
    }

    /// A name together with its line.
    fn expect_lined_name(&mut self) -> Name {
        let text = self.expect_name();
        Name { text, line: self.last_line() }
    }

    /// The name of a new variable; empty if there is none or one too many.
    fn expect_new_name(&mut self) -> Str {
        let name = self.expect_name();
        self.declare(&name);
        if self.has_failed() { Str::default() } else { name }
    }

    // Nesting.

    fn enter_level(&mut self) {
        self.levels += 1;
        if self.levels >= MAX_C_CALLS {
            self.fail(SyntaxError::runtime("C stack overflow"));
        }
    }

    fn leave_level(&mut self) {
        self.levels -= 1;
    }

    /// The expression being parsed got one operator higher.
    fn grow(&mut self) {
        self.height += 1;
        if self.height > self.max_height && !self.has_failed() {
            self.is_too_tall = true;
            let limit = self.max_height as usize;
            self.scoped(|scopes| scopes.check_limit(limit + 1, limit, "nested operations"));
        }
    }

    // Blocks and functions.

    /// Whether the current token ends a block. `until` ends it without closing its scope.
    fn block_follows(&self, with_until: bool) -> bool {
        match self.lexer.token {
            Token::Else | Token::Elseif | Token::End | Token::Eof => true,
            Token::Until => with_until,
            _ => false,
        }
    }

    fn statements(&mut self) -> Block {
        let start = self.stats.len();
        self.statements_after();
        Block { stats: take_from(&mut self.stats, start), end: self.last_line() }
    }

    fn statements_after(&mut self) {
        while !self.block_follows(true) {
            let is_return = self.at(&Token::Return);
            self.statement();
            if is_return {
                break;
            }
        }
    }

    fn block(&mut self) -> Block {
        self.open_block(false);
        let block = self.statements();
        self.close_block();
        block
    }

    fn open_block(&mut self, is_loop: bool) {
        self.note(|scopes| scopes.open_block(is_loop));
    }

    fn close_block(&mut self) {
        self.scoped(Scopes::close_block);
    }

    fn declare(&mut self, name: &Str) {
        self.scoped(|scopes| scopes.declare(name, VarKind::Regular));
    }

    fn activate(&mut self, count: usize) {
        self.note(|scopes| scopes.activate(count));
    }

    /// Parameters and body of a function, from its `(` to its `end`.
    fn function(&mut self, is_method: bool, line: Line) -> Box<Function> {
        self.note(|scopes| scopes.open_function(line.number));
        self.expect_char(b'(');
        if is_method {
            self.declare(&SELF);
            self.activate(1);
        }
        let mut function = Box::new(Function { line, ..Function::default() });
        self.parameters(&mut function);
        self.expect_char(b')');
        function.body = self.statements();
        self.expect_match(&Token::End, &Token::Function, line);
        function.end = self.last_line();
        self.scoped(Scopes::close_function);
        function
    }

    fn parameters(&mut self, function: &mut Function) {
        if !self.at_char(b')') {
            loop {
                match self.lexer.token {
                    Token::Name(_) => {
                        let name = self.expect_new_name();
                        function.params.push(name);
                    }
                    Token::Dots => {
                        self.advance();
                        function.vararg = true;
                        function.vararg_line = self.last_line();
                    }
                    _ => self.fail_here("<name> or '...' expected"),
                }
                if function.vararg || !self.accept_char(b',') {
                    break;
                }
            }
        }
        self.activate(function.params.len());
        if function.vararg {
            self.note(|scopes| scopes.set_vararg());
        }
    }
}
