//! Source bytes -> tokens.
//!
//! In: the bytes of a chunk, which may still come from a reader, and its name. Out: one token at a
//! time, with PUC's two line counters.
//!
//! Invariants: `line_number` is the line the scanner has reached, `last_line` the line of the last
//! token consumed; both move exactly as in PUC's `llex.c`, including when a token of lookahead has
//! been read. `buffer` holds what PUC's scanner buffer holds, because error messages quote it: the
//! text of the token scanned last, with escapes already replaced up to the error.
//!
//! - `token`   tokens and names
//! - `strings` string literals and long comments

mod strings;
mod token;

pub use strings::push_utf8;
pub use token::{Token, is_identifier};

use super::ast::Str;
use super::error::{SyntaxError, chunk_display, until};
use super::number::{self, Number};
use super::source::Source;
use token::{is_name_byte, is_name_start, keyword};

/// [`Lexer::advances`] of a lexer that gives no more tokens.
pub const STOPPED: u32 = u32::MAX;

/// Longer strings are not shared: they seldom come twice.
const MAX_SHARED_BYTES: usize = 40;
/// Few enough that a small chunk does not pay for them.
const SLOTS: usize = 64;

/// What an error message quotes after `near`.
#[derive(Clone, Copy)]
pub(super) enum Near {
    /// Nothing: the message ends without it.
    Nothing,
    /// The scanner's buffer.
    Buffer,
    /// `<eof>`
    Eof,
}

pub struct Lexer<'a, 'r> {
    source: &'a mut Source<'r>,
    position: usize,
    chunkname: &'a [u8],
    /// The current token.
    pub token: Token,
    lookahead: Option<Token>,
    /// Line that the scanner has reached.
    pub line_number: u32,
    /// Line of the last token consumed.
    pub last_line: u32,
    /// How often [`advance`](Lexer::advance) was called; [`STOPPED`] after [`stop`](Lexer::stop).
    pub advances: u32,
    buffer: Vec<u8>,
    /// Names and short strings seen before, each in the slot that its bytes choose.
    seen: Box<[Option<Str>; SLOTS]>,
}

impl<'a, 'r> Lexer<'a, 'r> {
    /// Before the first [`advance`](Lexer::advance) the current token means nothing.
    pub fn new(source: &'a mut Source<'r>, chunkname: &'a [u8]) -> Lexer<'a, 'r> {
        Lexer {
            source,
            position: 0,
            chunkname,
            token: Token::Eof,
            lookahead: None,
            line_number: 1,
            last_line: 1,
            advances: 0,
            buffer: Vec::new(),
            seen: Box::new([const { None }; SLOTS]),
        }
    }

    /// Consumes the current token and returns it; the next one becomes current.
    pub fn advance(&mut self) -> Result<Token, SyntaxError> {
        if self.advances == STOPPED {
            return Ok(Token::Eof);
        }
        self.advances += 1;
        self.last_line = self.line_number;
        let next = match self.lookahead.take() {
            Some(token) => token,
            None => self.scan()?,
        };
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// Gives nothing but ends of the source from here on.
    pub fn stop(&mut self) {
        self.advances = STOPPED;
        self.token = Token::Eof;
    }

    /// The token after the current one. At most once between two advances.
    pub fn peek(&mut self) -> Result<&Token, SyntaxError> {
        if self.advances == STOPPED {
            return Ok(&self.token);
        }
        debug_assert!(self.lookahead.is_none(), "one token of lookahead");
        let token = self.scan()?;
        Ok(self.lookahead.insert(token))
    }

    /// An error at the token that is current after so many advances.
    pub fn error_after(
        source: &'r [u8],
        chunkname: &[u8],
        advances: u32,
        message: &str,
    ) -> SyntaxError {
        let mut source = Source::from(source);
        let mut lexer = Lexer::new(&mut source, chunkname);
        for _ in 0..advances {
            if let Err(error) = lexer.advance() {
                return error;
            }
        }
        lexer.error_here(message)
    }

    /// An error at the current token.
    pub fn error_here(&self, message: &str) -> SyntaxError {
        match &self.token {
            Token::Name(_) | Token::Str(_) | Token::Int(_) | Token::Float(_) => {
                self.error(message.as_bytes(), Near::Buffer)
            }
            Token::Eof => self.error(message.as_bytes(), Near::Eof),
            // PUC's sign for "no token to show" is the token zero.
            Token::Char(0) => self.error(message.as_bytes(), Near::Nothing),
            fixed => {
                let message = format!("{message} near {}", fixed.describe());
                self.error(message.as_bytes(), Near::Nothing)
            }
        }
    }

    pub(super) fn error(&self, message: &[u8], near: Near) -> SyntaxError {
        let mut text = chunk_display(self.chunkname);
        text.extend_from_slice(format!(":{}: ", self.line_number).as_bytes());
        text.extend_from_slice(message);
        match near {
            Near::Nothing => {}
            Near::Buffer => {
                // PUC prints the buffer as a C string.
                text.extend_from_slice(b" near '");
                text.extend_from_slice(until(&self.buffer, 0));
                text.push(b'\'');
            }
            Near::Eof => text.extend_from_slice(b" near <eof>"),
        }
        SyntaxError::new(text)
    }

    fn fail<T>(&self, message: &str, near: Near) -> Result<T, SyntaxError> {
        Err(self.error(message.as_bytes(), near))
    }

    fn current(&self) -> Option<u8> {
        self.source.bytes().get(self.position).copied()
    }

    fn current_is(&self, test: impl Fn(u8) -> bool) -> bool {
        self.current().is_some_and(test)
    }

    /// PUC's scanner always holds the byte after those consumed, so it is asked for at once.
    fn skip(&mut self) {
        self.position += 1;
        if self.position >= self.source.bytes().len() {
            self.source.extend();
        }
    }

    /// Skips the current byte if it is `byte`.
    fn accept(&mut self, byte: u8) -> bool {
        let found = self.current() == Some(byte);
        if found {
            self.skip();
        }
        found
    }

    /// Moves the current byte, if there is one, to the buffer.
    fn save(&mut self) {
        if let Some(byte) = self.current() {
            self.buffer.push(byte);
            self.skip();
        }
    }

    fn save_if(&mut self, set: &[u8; 2]) -> bool {
        let found = self.current_is(|c| set.contains(&c));
        if found {
            self.save();
        }
        found
    }

    fn unsave(&mut self, count: usize) {
        self.buffer.truncate(self.buffer.len() - count);
    }

    fn at_newline(&self) -> bool {
        self.current_is(|c| c == b'\n' || c == b'\r')
    }

    /// Skips `\n`, `\r`, `\r\n` or `\n\r` as one line break.
    fn skip_newline(&mut self) {
        let first = self.current();
        self.skip();
        if self.at_newline() && self.current() != first {
            self.skip();
        }
        self.line_number += 1;
    }

    fn scan(&mut self) -> Result<Token, SyntaxError> {
        self.buffer.clear();
        loop {
            let Some(byte) = self.current() else { return Ok(Token::Eof) };
            match byte {
                b'\n' | b'\r' => self.skip_newline(),
                b' ' | b'\x0c' | b'\t' | b'\x0b' => self.skip(),
                b'-' => {
                    self.skip();
                    if !self.accept(b'-') {
                        return Ok(Token::Char(b'-'));
                    }
                    self.skip_comment()?;
                }
                b'[' => {
                    return match self.bracket_level() {
                        Bracket::Long(level) => self.long_string(level),
                        Bracket::Single => Ok(Token::Char(b'[')),
                        Bracket::Broken => self.fail("invalid long string delimiter", Near::Buffer),
                    };
                }
                b'"' | b'\'' => return self.short_string(byte),
                b'.' => {
                    self.save();
                    if self.accept(b'.') {
                        return Ok(if self.accept(b'.') { Token::Dots } else { Token::Concat });
                    }
                    if self.current_is(|c| c.is_ascii_digit()) {
                        return self.numeral();
                    }
                    return Ok(Token::Char(b'.'));
                }
                b'0'..=b'9' => return self.numeral(),
                _ if is_name_start(byte) => return Ok(self.word()),
                _ => {
                    self.skip();
                    return Ok(self.symbol(byte));
                }
            }
        }
    }

    /// A symbol whose first byte has been skipped.
    fn symbol(&mut self, first: u8) -> Token {
        match first {
            b'=' if self.accept(b'=') => Token::Eq,
            b'<' if self.accept(b'=') => Token::Le,
            b'<' if self.accept(b'<') => Token::Shl,
            b'>' if self.accept(b'=') => Token::Ge,
            b'>' if self.accept(b'>') => Token::Shr,
            b'/' if self.accept(b'/') => Token::IDiv,
            b'~' if self.accept(b'=') => Token::Ne,
            b':' if self.accept(b':') => Token::DbColon,
            _ => Token::Char(first),
        }
    }

    fn word(&mut self) -> Token {
        loop {
            let at_hand = &self.source.bytes()[self.position..];
            let length = at_hand.iter().position(|&c| !is_name_byte(c)).unwrap_or(at_hand.len());
            self.buffer.extend_from_slice(&at_hand[..length]);
            self.position += length;
            if self.current().is_some() || !self.source.extend() {
                break;
            }
        }
        match keyword(&self.buffer) {
            Some(keyword) => keyword,
            None => Token::Name(self.shared(0, 0)),
        }
    }

    /// The buffer as a string, without so many bytes at its start and at its end.
    fn shared(&mut self, start: usize, end: usize) -> Str {
        let text = &self.buffer[start..self.buffer.len() - end];
        if text.len() > MAX_SHARED_BYTES {
            return Str::from(text);
        }
        let slot = &mut self.seen[slot_of(text)];
        match slot {
            Some(known) if **known == *text => known.clone(),
            _ => slot.insert(Str::from(text)).clone(),
        }
    }

    /// A comment whose `--` has been skipped.
    fn skip_comment(&mut self) -> Result<(), SyntaxError> {
        if self.current() == Some(b'[') {
            let level = self.bracket_level();
            self.buffer.clear();
            if let Bracket::Long(level) = level {
                self.long_body(level, "comment")?;
                self.buffer.clear();
                return Ok(());
            }
        }
        while self.current().is_some() && !self.at_newline() {
            self.skip();
        }
        Ok(())
    }

    /// Reads `[==` or `]==`, leaving a second bracket unread.
    fn bracket_level(&mut self) -> Bracket {
        let bracket = self.current();
        self.save();
        let start = self.buffer.len();
        while self.current() == Some(b'=') {
            self.save();
        }
        let level = self.buffer.len() - start;
        match level {
            _ if self.current() == bracket => Bracket::Long(level),
            0 => Bracket::Single,
            _ => Bracket::Broken,
        }
    }

    /// Reads liberally what may be a numeral, then lets [`number::parse`] judge.
    fn numeral(&mut self) -> Result<Token, SyntaxError> {
        let first = self.current();
        self.save();
        let hexadecimal = first == Some(b'0') && self.save_if(b"xX");
        let exponent = if hexadecimal { b"Pp" } else { b"Ee" };
        loop {
            if self.save_if(exponent) {
                self.save_if(b"-+");
            } else if self.current_is(|c| c.is_ascii_hexdigit() || c == b'.') {
                self.save();
            } else {
                break;
            }
        }
        if self.current_is(is_name_start) {
            self.save();
        }
        match number::parse(&self.buffer) {
            Some(Number::Int(i)) => Ok(Token::Int(i)),
            Some(Number::Float(f)) => Ok(Token::Float(f)),
            None => self.fail("malformed number", Near::Buffer),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Bracket {
    /// A well-formed opening or closing with this many `=`.
    Long(usize),
    /// One bracket alone.
    Single,
    /// `[=` without a second bracket.
    Broken,
}

fn slot_of(text: &[u8]) -> usize {
    let byte = |at: usize| text.get(at).map_or(0, |&byte| usize::from(byte));
    let last = byte(text.len().wrapping_sub(1));
    (byte(0) * 5 + byte(text.len() / 2) * 3 + last + text.len() * 11) % SLOTS
}

/// Drops what the file loader drops: a byte order mark, and a first line that starts with `#`
/// (its line break stays, so that lines keep their numbers).
pub fn skip_file_header(source: &[u8]) -> &[u8] {
    let source = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source);
    if source.first() != Some(&b'#') {
        return source;
    }
    let end = source.iter().position(|&c| c == b'\n').unwrap_or(source.len());
    &source[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &str) -> Vec<Token> {
        let mut source = Source::from(source.as_bytes());
        let mut lexer = Lexer::new(&mut source, b"=test");
        lexer.advance().unwrap();
        let mut found = Vec::new();
        while lexer.token != Token::Eof {
            found.push(lexer.advance().unwrap());
        }
        found
    }

    #[test]
    fn symbols_take_the_longest_match() {
        use Token::*;
        let found = tokens("<<= >= // / ... .. . :: : ~= ~ == =");
        let expected = [
            Shl,
            Char(b'='),
            Ge,
            IDiv,
            Char(b'/'),
            Dots,
            Concat,
            Char(b'.'),
            DbColon,
            Char(b':'),
            Ne,
            Char(b'~'),
            Eq,
            Char(b'='),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_are_those_of_the_last_and_the_reached_token() {
        let mut source = Source::from(&b"a --[[\n\n]] b\r\nc"[..]);
        let mut lexer = Lexer::new(&mut source, b"=test");
        let mut lines = Vec::new();
        for _ in 0..4 {
            lexer.advance().unwrap();
            lines.push((lexer.last_line, lexer.line_number));
        }
        assert_eq!(lines, [(1, 1), (1, 3), (3, 4), (4, 4)]);
    }

    #[test]
    fn file_headers_are_dropped_and_lines_kept() {
        assert_eq!(skip_file_header(b"\xef\xbb\xbf#!lua\nreturn"), b"\nreturn");
        assert_eq!(skip_file_header(b"return"), b"return");
        assert_eq!(skip_file_header(b"# only"), b"");
    }
}
