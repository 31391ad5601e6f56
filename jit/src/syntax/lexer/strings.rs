//! String literals and long comments.
//!
//! Escapes are replaced in the scanner's buffer as they are read, so that a message about a bad one
//! quotes the string as PUC does: what came before is already replaced, the bad escape is not.

use super::super::error::SyntaxError;
use super::super::number::{hex_value, is_space};
use super::{Bracket, Lexer, Near, Token};

impl Lexer<'_, '_> {
    pub(super) fn long_string(&mut self, level: usize) -> Result<Token, SyntaxError> {
        self.long_body(level, "string")?;
        Ok(Token::Str(self.shared(level + 2, level + 2)))
    }

    /// A long string or comment from its second bracket to its end. The text stays in the buffer.
    pub(super) fn long_body(&mut self, level: usize, what: &str) -> Result<(), SyntaxError> {
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

    pub(super) fn short_string(&mut self, delimiter: u8) -> Result<Token, SyntaxError> {
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
        Ok(Token::Str(self.shared(1, 1)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn string(source: &str) -> Vec<u8> {
        let mut source = crate::syntax::Source::from(source.as_bytes());
        let mut lexer = Lexer::new(&mut source, b"=test");
        lexer.advance().unwrap();
        match lexer.advance().unwrap() {
            Token::Str(s) => s.to_vec(),
            other => panic!("{other:?}"),
        }
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
}
