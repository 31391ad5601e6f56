//! Source bytes -> tokens.
//!
//! In: the bytes of a chunk and its name. Out: one token at a time, with PUC's two line counters.
//!
//! Invariants: `line_number` is the line the scanner has reached, `last_line` the line of the last
//! token consumed; both move exactly as in PUC's `llex.c`, including when a token of lookahead has
//! been read. `buffer` holds what PUC's scanner buffer holds, because error messages quote it: the
//! text of the token scanned last, with escapes already replaced up to the error.

use super::ast::Str;
use super::error::{SyntaxError, chunk_display, until};
use super::number::{self, Number, hex_value, is_space};

#[derive(Clone, PartialEq, Debug)]
pub enum Token {
    Eof,
    Name(Str),
    Str(Str),
    Int(i64),
    Float(f64),
    /// A single-byte token, valid or not.
    Char(u8),
    And,
    Break,
    Do,
    Else,
    Elseif,
    End,
    False,
    For,
    Function,
    Goto,
    If,
    In,
    Local,
    Nil,
    Not,
    Or,
    Repeat,
    Return,
    Then,
    True,
    Until,
    While,
    IDiv,
    Concat,
    Dots,
    Eq,
    Ge,
    Le,
    Ne,
    Shl,
    Shr,
    DbColon,
}

/// The reserved words.
const KEYWORDS: [(&str, Token); 22] = [
    ("and", Token::And),
    ("break", Token::Break),
    ("do", Token::Do),
    ("else", Token::Else),
    ("elseif", Token::Elseif),
    ("end", Token::End),
    ("false", Token::False),
    ("for", Token::For),
    ("function", Token::Function),
    ("goto", Token::Goto),
    ("if", Token::If),
    ("in", Token::In),
    ("local", Token::Local),
    ("nil", Token::Nil),
    ("not", Token::Not),
    ("or", Token::Or),
    ("repeat", Token::Repeat),
    ("return", Token::Return),
    ("then", Token::Then),
    ("true", Token::True),
    ("until", Token::Until),
    ("while", Token::While),
];

/// Tokens of two or three fixed bytes.
const SYMBOLS: [(&str, Token); 10] = [
    ("//", Token::IDiv),
    ("..", Token::Concat),
    ("...", Token::Dots),
    ("==", Token::Eq),
    (">=", Token::Ge),
    ("<=", Token::Le),
    ("~=", Token::Ne),
    ("<<", Token::Shl),
    (">>", Token::Shr),
    ("::", Token::DbColon),
];

fn keyword(word: &[u8]) -> Option<Token> {
    let found = KEYWORDS.iter().find(|(text, _)| text.as_bytes() == word)?;
    Some(found.1.clone())
}

/// Whether these bytes are a name: what `a.b` accepts after the dot.
pub fn is_identifier(text: &[u8]) -> bool {
    match text {
        [first, ..] if is_name_start(*first) => {
            text.iter().all(|&c| is_name_byte(c)) && keyword(text).is_none()
        }
        _ => false,
    }
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Token {
    /// The token as messages name it when it is *expected*.
    pub fn describe(&self) -> String {
        match self {
            Token::Eof => "<eof>".into(),
            Token::Name(_) => "<name>".into(),
            Token::Str(_) => "<string>".into(),
            Token::Int(_) => "<integer>".into(),
            Token::Float(_) => "<number>".into(),
            Token::Char(c @ b' '..=b'~') => format!("'{}'", *c as char),
            Token::Char(c) => format!("'<\\{c}>'"),
            fixed => {
                let mut table = KEYWORDS.iter().chain(&SYMBOLS);
                let found = table.find(|(_, token)| token == fixed);
                format!("'{}'", found.expect("every fixed token has its text in a table").0)
            }
        }
    }
}

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

pub struct Lexer<'a> {
    source: &'a [u8],
    position: usize,
    chunkname: &'a [u8],
    /// The current token.
    pub token: Token,
    lookahead: Option<Token>,
    /// Line that the scanner has reached.
    pub line_number: u32,
    /// Line of the last token consumed.
    pub last_line: u32,
    buffer: Vec<u8>,
}

impl<'a> Lexer<'a> {
    /// Before the first [`advance`](Lexer::advance) the current token means nothing.
    pub fn new(source: &'a [u8], chunkname: &'a [u8]) -> Lexer<'a> {
        Lexer {
            source,
            position: 0,
            chunkname,
            token: Token::Eof,
            lookahead: None,
            line_number: 1,
            last_line: 1,
            buffer: Vec::new(),
        }
    }

    /// Consumes the current token and returns it; the next one becomes current.
    pub fn advance(&mut self) -> Result<Token, SyntaxError> {
        self.last_line = self.line_number;
        let next = match self.lookahead.take() {
            Some(token) => token,
            None => self.scan()?,
        };
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// The token after the current one. At most once between two advances.
    pub fn peek(&mut self) -> Result<&Token, SyntaxError> {
        debug_assert!(self.lookahead.is_none(), "one token of lookahead");
        let token = self.scan()?;
        Ok(self.lookahead.insert(token))
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
        SyntaxError { message: text }
    }

    fn fail<T>(&self, message: &str, near: Near) -> Result<T, SyntaxError> {
        Err(self.error(message.as_bytes(), near))
    }

    fn current(&self) -> Option<u8> {
        self.source.get(self.position).copied()
    }

    fn current_is(&self, test: impl Fn(u8) -> bool) -> bool {
        self.current().is_some_and(test)
    }

    fn skip(&mut self) {
        self.position += 1;
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
        while self.current_is(is_name_byte) {
            self.save();
        }
        keyword(&self.buffer).unwrap_or_else(|| Token::Name(Str::from(&self.buffer[..])))
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

    fn long_string(&mut self, level: usize) -> Result<Token, SyntaxError> {
        self.long_body(level, "string")?;
        let text = &self.buffer[level + 2..self.buffer.len() - (level + 2)];
        Ok(Token::Str(Str::from(text)))
    }

    /// A long string or comment from its second bracket to its end. The text stays in the buffer.
    fn long_body(&mut self, level: usize, what: &str) -> Result<(), SyntaxError> {
        let start_line = self.line_number;
        self.save();
        if self.at_newline() {
            self.skip_newline();
        }
        loop {
            match self.current() {
                None => {
                    let message = format!("unfinished long {what} (starting at line {start_line})");
                    return self.fail(&message, Near::Eof);
                }
                Some(b']') => {
                    if self.bracket_level() == Bracket::Long(level) {
                        self.save();
                        return Ok(());
                    }
                }
                Some(b'\n' | b'\r') => {
                    self.buffer.push(b'\n');
                    self.skip_newline();
                }
                Some(_) => self.save(),
            }
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

    fn short_string(&mut self, delimiter: u8) -> Result<Token, SyntaxError> {
        self.save();
        loop {
            match self.current() {
                None => return self.fail("unfinished string", Near::Eof),
                Some(b'\n' | b'\r') => return self.fail("unfinished string", Near::Buffer),
                Some(b'\\') => self.escape()?,
                Some(byte) => {
                    self.save();
                    if byte == delimiter {
                        break;
                    }
                }
            }
        }
        Ok(Token::Str(Str::from(&self.buffer[1..self.buffer.len() - 1])))
    }

    /// An escape sequence. Its text is in the buffer while it may still be wrong.
    fn escape(&mut self) -> Result<(), SyntaxError> {
        self.save();
        let Some(byte) = self.current() else {
            return Ok(()); // the caller sees the end of the source
        };
        let value = match byte {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' | b'"' | b'\'' => byte,
            b'x' => self.hex_escape()?,
            b'u' => return self.utf8_escape(),
            b'z' => {
                self.unsave(1);
                self.skip();
                self.skip_spaces();
                return Ok(());
            }
            b'\n' | b'\r' => {
                self.skip_newline();
                self.replace_backslash(b'\n');
                return Ok(());
            }
            _ => {
                self.check_escape(byte.is_ascii_digit(), "invalid escape sequence")?;
                let value = self.decimal_escape()?;
                self.replace_backslash(value);
                return Ok(());
            }
        };
        self.skip();
        self.replace_backslash(value);
        Ok(())
    }

    fn replace_backslash(&mut self, value: u8) {
        self.unsave(1);
        self.buffer.push(value);
    }

    fn skip_spaces(&mut self) {
        while self.current_is(is_space) {
            if self.at_newline() {
                self.skip_newline();
            } else {
                self.skip();
            }
        }
    }

    /// The message quotes the string up to and including the byte that is wrong.
    fn check_escape(&mut self, ok: bool, message: &str) -> Result<(), SyntaxError> {
        if ok {
            return Ok(());
        }
        self.save();
        self.fail(message, Near::Buffer)
    }

    /// Saves the current byte and gives the value of the hexadecimal digit after it.
    fn hex_digit(&mut self) -> Result<u8, SyntaxError> {
        self.save();
        let ok = self.current_is(|c| c.is_ascii_hexdigit());
        self.check_escape(ok, "hexadecimal digit expected")?;
        Ok(self.current().map_or(0, hex_value))
    }

    /// `\xXX`, up to its last digit.
    fn hex_escape(&mut self) -> Result<u8, SyntaxError> {
        let high = self.hex_digit()?;
        let low = self.hex_digit()?;
        self.unsave(2);
        Ok(high << 4 | low)
    }

    /// `\u{XXX}`: up to 31 bits, in the original (six-byte) UTF-8.
    fn utf8_escape(&mut self) -> Result<(), SyntaxError> {
        let start = self.buffer.len() - 1;
        self.save();
        let open = self.current() == Some(b'{');
        self.check_escape(open, "missing '{'")?;
        let mut code = u32::from(self.hex_digit()?);
        loop {
            self.save();
            let Some(digit) = self.current().filter(u8::is_ascii_hexdigit) else { break };
            self.check_escape(code <= 0x7FFF_FFFF >> 4, "UTF-8 value too large")?;
            code = code << 4 | u32::from(hex_value(digit));
        }
        let closed = self.current() == Some(b'}');
        self.check_escape(closed, "missing '}'")?;
        self.skip();
        self.buffer.truncate(start);
        push_utf8(&mut self.buffer, code);
        Ok(())
    }

    /// `\ddd`, up to three digits; all are consumed.
    fn decimal_escape(&mut self) -> Result<u8, SyntaxError> {
        let mut value = 0u32;
        let mut digits = 0;
        while digits < 3
            && let Some(digit) = self.current().filter(u8::is_ascii_digit)
        {
            value = value * 10 + u32::from(digit - b'0');
            self.save();
            digits += 1;
        }
        self.check_escape(value <= 255, "decimal escape too large")?;
        self.unsave(digits);
        Ok(value as u8)
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

/// Appends a code point below 2^31, in up to six bytes (also what `utf8.char` does).
pub fn push_utf8(out: &mut Vec<u8>, code: u32) {
    if code < 0x80 {
        out.push(code as u8);
        return;
    }
    let mut tail = [0u8; 6];
    let mut count = 0;
    let mut rest = code;
    let mut first_byte_room = 0x3f;
    while rest > first_byte_room {
        tail[count] = 0x80 | (rest & 0x3f) as u8;
        count += 1;
        rest >>= 6;
        first_byte_room >>= 1;
    }
    out.push(((!first_byte_room << 1) | rest) as u8);
    out.extend(tail[..count].iter().rev());
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
        let mut lexer = Lexer::new(source.as_bytes(), b"=test");
        lexer.advance().unwrap();
        let mut found = Vec::new();
        while lexer.token != Token::Eof {
            found.push(lexer.advance().unwrap());
        }
        found
    }

    fn string(source: &str) -> Vec<u8> {
        match &tokens(source)[..] {
            [Token::Str(s)] => s.to_vec(),
            other => panic!("{other:?}"),
        }
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
    fn escapes() {
        assert_eq!(string(r#""\a\b\f\n\r\t\v\\\"\'""#), b"\x07\x08\x0c\n\r\t\x0b\\\"'");
        assert_eq!(string(r#""\x41\65\0651""#), b"AAA1");
        assert_eq!(string("'a\\z \n\t b'"), b"ab");
        assert_eq!(string("'a\\\r\nb'"), b"a\nb");
        assert_eq!(
            string(r"'\u{7FFFFFFF}\u{20AC}\u{7f}'"),
            b"\xfd\xbf\xbf\xbf\xbf\xbf\xe2\x82\xac\x7f"
        );
    }

    #[test]
    fn long_strings_normalise_line_breaks() {
        assert_eq!(string("[==[\r\na\n\rb]]\rc]==]"), b"a\nb]]\nc");
    }

    #[test]
    fn lines_are_those_of_the_last_and_the_reached_token() {
        let mut lexer = Lexer::new(b"a --[[\n\n]] b\r\nc", b"=test");
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

    #[test]
    fn identifiers_are_names_that_are_not_reserved() {
        assert!(is_identifier(b"_x1") && is_identifier(b"End"));
        assert!(!is_identifier(b"end") && !is_identifier(b"1x") && !is_identifier(b""));
        assert!(!is_identifier("é".as_bytes()) && !is_identifier(b"a b"));
    }
}
