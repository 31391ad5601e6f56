//! Conversion specifications of `string.format`: C's `printf` with Lua's checks.
//!
//! In:  a specification such as `%-08.3f` and a number or string.
//! Out: the bytes that C's `snprintf` writes in the C locale, or the error that
//!      Lua 5.4 raises for a malformed specification.
//!
//! Invariant: floats are printed by the C library, as PUC does, so that its quirks are shared too
//! (the digits of `%#g` after a carry, the leading digit of `%a`); the rest is written here.
//!
//! Limits: width and precision have at most two digits; Lua rejects longer ones.

use crate::heap::number::format_float;
use std::fmt::{self, Write};

/// A parsed specification.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Spec {
    /// `-`: pad on the right.
    pub left: bool,
    /// `+`: sign also for non-negative numbers.
    pub plus: bool,
    /// ` `: a blank where the sign would be.
    pub space: bool,
    /// `#`: alternate form.
    pub alternate: bool,
    /// `0`: pad with zeros after the sign.
    pub zero: bool,
    pub width: usize,
    pub precision: Option<usize>,
    pub conversion: u8,
}

const ALL_FLAGS: &[u8] = b"-+#0 ";
/// PUC's buffer for one specification holds 32 bytes, 10 of them kept for what it adds.
const MAX_SPEC_LEN: usize = 22;

/// The text of the specification that starts after a `%`: flags, width, precision and the
/// conversion character (missing when the format ends early). Error: PUC's message.
pub fn scan(rest: &[u8]) -> Result<&[u8], String> {
    let is_modifier = |b: &u8| ALL_FLAGS.contains(b) || b"123456789.".contains(b);
    let modifiers = rest.iter().take_while(|b| is_modifier(b)).count();
    if modifiers + 1 >= MAX_SPEC_LEN {
        return Err("invalid format (too long)".into());
    }
    Ok(&rest[..rest.len().min(modifiers + 1)])
}

/// The specification as error messages quote it: `%` and `text` up to a NUL.
fn quoted(text: &[u8]) -> String {
    let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
    // Only the conversion character can be outside ASCII; `Spec::parse` never sees one.
    format!("%{}", String::from_utf8_lossy(&text[..end]))
}

/// Message for a conversion character that `string.format` does not know. Bytes, since
/// that character may be anything.
pub fn unknown_conversion(text: &[u8]) -> Vec<u8> {
    let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
    [b"invalid conversion '%", &text[..end], b"' to 'format'"].concat()
}

impl Spec {
    /// Parses `text` (see [`scan`]); its last byte is a conversion letter.
    /// `flags` are the accepted ones, and a precision is accepted if `takes_precision`.
    pub fn parse(text: &[u8], flags: &[u8], takes_precision: bool) -> Result<Spec, String> {
        let mut spec = Spec::default();
        let mut at = 0;
        while let Some(&flag) = text.get(at).filter(|b| flags.contains(b)) {
            match flag {
                b'-' => spec.left = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.alternate = true,
                _ => spec.zero = true,
            }
            at += 1;
        }
        if text.get(at) != Some(&b'0') {
            spec.width = two_digits(text, &mut at);
            if text.get(at) == Some(&b'.') && takes_precision {
                at += 1;
                spec.precision = Some(two_digits(text, &mut at));
            }
        }
        match text.get(at) {
            Some(&c) if c.is_ascii_alphabetic() => spec.conversion = c,
            _ => return Err(format!("invalid conversion specification: '{}'", quoted(text))),
        }
        Ok(spec)
    }

    /// Pads `prefix + body` to the width; zeros go between the two.
    fn pad(&self, out: &mut Vec<u8>, prefix: &[u8], body: &[u8], zero: bool) {
        let fill = self.width.saturating_sub(prefix.len() + body.len());
        let spaces = |out: &mut Vec<u8>| out.resize(out.len() + fill, b' ');
        if !self.left && !zero {
            spaces(out);
        }
        out.extend_from_slice(prefix);
        if !self.left && zero {
            out.resize(out.len() + fill, b'0');
        }
        out.extend_from_slice(body);
        if self.left {
            spaces(out);
        }
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
    }

    /// `%c`
    pub fn char(&self, out: &mut Vec<u8>, c: u8) {
        self.pad(out, b"", &[c], false);
    }

    /// `%s`, and `%p` of a value without an address
    pub fn str(&self, out: &mut Vec<u8>, s: &[u8]) {
        let shown = self.precision.map_or(s.len(), |p| p.min(s.len()));
        self.pad(out, b"", &s[..shown], false);
    }

    /// `%p`
    pub fn pointer(&self, out: &mut Vec<u8>, address: u64) {
        self.pad(out, b"", format!("{address:#x}").as_bytes(), false);
    }

    /// `%d %i %u %o %x %X`
    pub fn int(&self, out: &mut Vec<u8>, n: i64) {
        let (mut prefix, mut digits) = match self.conversion {
            b'd' | b'i' => (self.sign(n < 0), n.unsigned_abs().to_string()),
            b'o' => ("", format!("{n:o}")),
            b'x' => (if self.alternate && n != 0 { "0x" } else { "" }, format!("{n:x}")),
            b'X' => (if self.alternate && n != 0 { "0X" } else { "" }, format!("{n:X}")),
            _ => ("", (n as u64).to_string()),
        };
        if self.precision == Some(0) && n == 0 {
            digits.clear();
        }
        if let Some(precision) = self.precision {
            digits = "0".repeat(precision.saturating_sub(digits.len())) + &digits;
        }
        if self.conversion == b'o' && self.alternate && !digits.starts_with('0') {
            prefix = "0";
        }
        let zero = self.zero && self.precision.is_none();
        self.pad(out, prefix.as_bytes(), digits.as_bytes(), zero);
    }

    /// `%e %E %f %g %G %a %A`
    pub fn float(&self, out: &mut Vec<u8>, x: f64) {
        out.extend_from_slice(&format_float(&self.to_string(), x));
    }
}

/// The specification as C's `printf` takes it.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('%')?;
        let flags = [self.left, self.plus, self.space, self.alternate, self.zero];
        for (_, flag) in flags.iter().zip("-+ #0".chars()).filter(|(is_set, _)| **is_set) {
            f.write_char(flag)?;
        }
        if self.width > 0 {
            write!(f, "{}", self.width)?;
        }
        if let Some(precision) = self.precision {
            write!(f, ".{precision}")?;
        }
        f.write_char(self.conversion.into())
    }
}

/// Reads at most two digits.
fn two_digits(text: &[u8], at: &mut usize) -> usize {
    let mut n = 0;
    for _ in 0..2 {
        if let Some(d) = text.get(*at).filter(|b| b.is_ascii_digit()) {
            n = n * 10 + usize::from(d - b'0');
            *at += 1;
        }
    }
    n
}

/// A string as a Lua literal, for `%q`.
pub fn quote_str(out: &mut Vec<u8>, s: &[u8]) {
    out.push(b'"');
    for (i, &byte) in s.iter().enumerate() {
        match byte {
            b'"' | b'\\' | b'\n' => out.extend([b'\\', byte]),
            0..=31 | 127 => {
                let digit_follows = s.get(i + 1).is_some_and(u8::is_ascii_digit);
                let width = if digit_follows { 3 } else { 1 };
                out.extend_from_slice(format!("\\{byte:0width$}").as_bytes());
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// An integer as a Lua literal, for `%q`. The least one has no decimal literal.
pub fn quote_int(out: &mut Vec<u8>, n: i64) {
    let text = if n == i64::MIN { format!("{n:#x}") } else { n.to_string() };
    out.extend_from_slice(text.as_bytes());
}

/// A float as a Lua literal, for `%q`: hexadecimal, so that no digit is lost.
pub fn quote_float(out: &mut Vec<u8>, x: f64) {
    if x.is_nan() {
        out.extend_from_slice(b"(0/0)");
    } else if x.is_infinite() {
        out.extend_from_slice(if x > 0.0 { b"1e9999" } else { b"-1e9999" });
    } else {
        Spec { conversion: b'a', ..Spec::default() }.float(out, x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_print_back() {
        for text in ["d", "-+ #010.3e", "5s", ".0f"] {
            let spec = Spec::parse(text.as_bytes(), ALL_FLAGS, true).unwrap();
            assert_eq!(spec.to_string(), format!("%{text}"));
        }
    }

    #[test]
    fn malformed_specifications() {
        assert_eq!(scan(b"-+#0 -+#0 -+#0 -+#0 -+#0 d"), Err("invalid format (too long)".into()));
        let error = Spec::parse(b"05c", b"-", false).unwrap_err();
        assert_eq!(error, "invalid conversion specification: '%05c'");
        assert_eq!(unknown_conversion(b"y"), b"invalid conversion '%y' to 'format'");
    }
}
