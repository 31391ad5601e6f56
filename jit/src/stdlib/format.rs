//! Conversion specifications of `string.format`: C's `printf` with Lua's checks.
//!
//! In:  a specification such as `%-08.3f` and a number or string.
//! Out: the bytes that glibc's `snprintf` writes in the C locale, or the error that
//!      Lua 5.4 raises for a malformed specification.
//!
//! Invariants: decimal conversions are exact and round half to even, as glibc does in the
//! default rounding mode. `%a` prints normal numbers with a leading 1 and subnormal ones
//! with a leading 0 and exponent -1022, which is glibc's choice among those C allows.
//!
//! Limits: width and precision have at most two digits; Lua rejects longer ones.

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
        let mut prefix = self.sign(x.is_sign_negative()).to_string();
        let magnitude = x.abs();
        let mut body = if x.is_nan() {
            "nan".into()
        } else if x.is_infinite() {
            "inf".into()
        } else {
            match self.conversion.to_ascii_lowercase() {
                b'a' => {
                    prefix.push_str("0x");
                    self.hexadecimal(magnitude)
                }
                b'e' => exponential(magnitude, self.precision.unwrap_or(6), self.alternate),
                b'f' => fixed(magnitude, self.precision.unwrap_or(6), self.alternate),
                _ => general(magnitude, self.precision.unwrap_or(6), self.alternate),
            }
        };
        if self.conversion.is_ascii_uppercase() {
            prefix.make_ascii_uppercase();
            body.make_ascii_uppercase();
        }
        self.pad(out, prefix.as_bytes(), body.as_bytes(), self.zero && x.is_finite());
    }

    /// `%a` of a finite, non-negative number, without the `0x`.
    fn hexadecimal(&self, x: f64) -> String {
        const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
        const MANTISSA_NIBBLES: usize = MANTISSA_BITS as usize / 4;
        let biased = (x.to_bits() >> MANTISSA_BITS) as i32;
        let leading = u64::from(biased != 0);
        let exponent = match (biased, x == 0.0) {
            (_, true) => 0,
            (0, _) => f64::MIN_EXP - 1,
            _ => biased - (f64::MAX_EXP - 1),
        };
        let mantissa = x.to_bits() & ((1 << MANTISSA_BITS) - 1);
        let mut bits = leading << MANTISSA_BITS | mantissa;
        let mut nibbles = MANTISSA_NIBBLES;
        if let Some(precision) = self.precision.filter(|&p| p < MANTISSA_NIBBLES) {
            let dropped = 4 * (MANTISSA_NIBBLES - precision) as u32;
            bits = round_half_even(bits, dropped);
            nibbles = precision;
        }
        let leading = bits >> (4 * nibbles);
        let fraction = bits & ((1 << (4 * nibbles)) - 1);
        let mut digits =
            if nibbles == 0 { String::new() } else { format!("{fraction:0nibbles$x}") };
        match self.precision {
            None => digits.truncate(digits.trim_end_matches('0').len()),
            Some(precision) => digits.extend((nibbles..precision).map(|_| '0')),
        }
        let point = if digits.is_empty() && !self.alternate { "" } else { "." };
        format!("{leading:x}{point}{digits}p{exponent:+}")
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

fn round_half_even(bits: u64, dropped: u32) -> u64 {
    let kept = bits >> dropped;
    let rest = bits & ((1 << dropped) - 1);
    let half = 1 << (dropped - 1);
    kept + u64::from(rest > half || (rest == half && kept & 1 == 1))
}

fn fixed(x: f64, precision: usize, alternate: bool) -> String {
    let point = if precision == 0 && alternate { "." } else { "" };
    format!("{x:.precision$}{point}")
}

/// Digits and decimal exponent, rounded to `precision` digits after the point.
fn scientific(x: f64, precision: usize) -> (String, i32) {
    let text = format!("{x:.precision$e}");
    let (digits, exponent) = text.split_once('e').expect("`{:e}` writes an exponent");
    (digits.into(), exponent.parse().expect("the exponent of `{:e}` is an integer"))
}

/// C writes at least two exponent digits and always a sign.
fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

fn exponential(x: f64, precision: usize, alternate: bool) -> String {
    let (mut digits, exponent) = scientific(x, precision);
    if precision == 0 && alternate {
        digits.push('.');
    }
    with_exponent(&digits, exponent)
}

/// `%g`: the shorter of `%e` and `%f` for `precision` significant digits (C11 7.21.6.1).
fn general(x: f64, precision: usize, alternate: bool) -> String {
    let significant = precision.max(1);
    let (digits, exponent) = scientific(x, significant - 1);
    let is_fixed = exponent >= -4 && exponent < significant as i32;
    let mut digits = if is_fixed {
        format!("{x:.*}", (significant as i32 - 1 - exponent) as usize)
    } else {
        digits
    };
    if alternate && !digits.contains('.') {
        digits.push('.');
    }
    if !alternate && digits.contains('.') {
        digits.truncate(digits.trim_end_matches('0').trim_end_matches('.').len());
    }
    if is_fixed { digits } else { with_exponent(&digits, exponent) }
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

    fn float(text: &str, x: f64) -> String {
        let mut out = Vec::new();
        Spec::parse(text.as_bytes(), ALL_FLAGS, true).unwrap().float(&mut out, x);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_round_half_to_even() {
        assert_eq!(float(".0f", 0.5), "0");
        assert_eq!(float(".0f", 1.5), "2");
        assert_eq!(float(".1f", 0.25), "0.2");
        assert_eq!(float(".0e", 2.5), "2e+00");
        assert_eq!(float(".14g", 0.1), "0.1");
        assert_eq!(float(".14g", 1e15), "1e+15");
        assert_eq!(float("#.3g", 1.0), "1.00");
    }

    #[test]
    fn hexadecimal_floats_follow_glibc() {
        assert_eq!(float("a", 1.0), "0x1p+0");
        assert_eq!(float("a", -0.0), "-0x0p+0");
        assert_eq!(float("a", f64::from_bits(1)), "0x0.0000000000001p-1022");
        assert_eq!(float(".0a", 1.999), "0x2p+0");
        assert_eq!(float("+010.1A", 0.1), "+0X01.AP-4");
    }

    #[test]
    fn malformed_specifications() {
        assert_eq!(scan(b"-+#0 -+#0 -+#0 -+#0 -+#0 d"), Err("invalid format (too long)".into()));
        let error = Spec::parse(b"05c", b"-", false).unwrap_err();
        assert_eq!(error, "invalid conversion specification: '%05c'");
        assert_eq!(unknown_conversion(b"y"), b"invalid conversion '%y' to 'format'");
    }
}
