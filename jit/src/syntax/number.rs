//! Numbers as text: Lua's conversions between numerals and values.
//!
//! In: bytes of a numeral, or a number. Out: the number PUC's `luaO_str2num` reads, or the text its
//! `lua_Number2str` writes. Used by the lexer, `tonumber`, string arithmetic, `tostring` and `..`.
//!
//! Invariants: reading is correctly rounded (half to even, subnormals included); nothing depends
//! on the locale; writing matches glibc's `%.14g`, with `inf`, `-inf`, `nan`, `-nan`.

/// A Lua number: the two subtypes stay apart.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    Int(i64),
    Float(f64),
}

/// Lua's white space (C's `isspace` in the C locale).
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn trim(mut s: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = s
        && is_space(*first)
    {
        s = rest;
    }
    while let [rest @ .., last] = s
        && is_space(*last)
    {
        s = rest;
    }
    s
}

/// Splits an optional sign off. True means negative.
fn sign(s: &[u8]) -> (bool, &[u8]) {
    match s {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, s),
    }
}

fn hex_prefix(s: &[u8]) -> Option<&[u8]> {
    match s {
        [b'0', b'x' | b'X', rest @ ..] => Some(rest),
        _ => None,
    }
}

pub fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Reads a whole string as a number: white space around it is skipped, anything else is refused.
///
/// Integers that do not fit become floats in decimal and wrap around in hexadecimal.
pub fn parse(text: &[u8]) -> Option<Number> {
    let text = trim(text);
    parse_int(text).map(Number::Int).or_else(|| parse_float(text).map(Number::Float))
}

fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(text);
    let magnitude = match hex_prefix(digits) {
        Some(hex) => parse_hex_int(hex)?,
        None => parse_decimal_int(digits, negative)?,
    };
    Some(if negative { magnitude.wrapping_neg() } else { magnitude } as i64)
}

fn parse_hex_int(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    Some(digits.iter().fold(0, |acc, &d| (acc << 4) | u64::from(hex_value(d))))
}

/// Accepts up to `i64::MAX`, and one more when negative.
fn parse_decimal_int(digits: &[u8], negative: bool) -> Option<u64> {
    let mut value: u64 = 0;
    for d in digits {
        if !d.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(d - b'0'))?;
    }
    let fits = value <= i64::MAX as u64 + u64::from(negative);
    (!digits.is_empty() && fits).then_some(value)
}

fn parse_float(text: &[u8]) -> Option<f64> {
    let (negative, digits) = sign(text);
    let magnitude = match hex_prefix(digits) {
        Some(hex) => parse_hex_float(hex)?,
        None => parse_decimal_float(digits)?,
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// `digits [. digits] [e [sign] digits]` with a digit before or after the dot.
fn parse_decimal_float(text: &[u8]) -> Option<f64> {
    let starts_right = match text {
        [b'.', d, ..] => d.is_ascii_digit(),
        [d, ..] => d.is_ascii_digit(),
        [] => false,
    };
    // What `f64::from_str` accepts beyond C's decimal numerals (inf, nan, a sign) starts otherwise.
    if !starts_right {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The part of a hexadecimal float after `0x`.
fn parse_hex_float(text: &[u8]) -> Option<f64> {
    let mut mantissa: u64 = 0;
    let mut exponent: i64 = 0;
    let mut lost_bits = false;
    let mut digits = 0usize;
    let mut seen_dot = false;
    let mut rest = text;
    while let [c, tail @ ..] = rest {
        if *c == b'.' && !seen_dot {
            seen_dot = true;
        } else if c.is_ascii_hexdigit() {
            digits += 1;
            let digit = hex_value(*c);
            if mantissa >> 60 == 0 {
                mantissa = mantissa << 4 | u64::from(digit);
            } else {
                lost_bits |= digit != 0;
                exponent += 4;
            }
            exponent -= if seen_dot { 4 } else { 0 };
        } else {
            break;
        }
        rest = tail;
    }
    if digits == 0 {
        return None;
    }
    let scale = match rest {
        [] => 0,
        [b'p' | b'P', tail @ ..] => parse_exponent(tail)?,
        _ => return None,
    };
    Some(scale_to_float(mantissa, lost_bits, exponent.saturating_add(scale)))
}

/// A decimal exponent; beyond any float's range it saturates.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |acc: i64, d: &u8| acc.saturating_mul(10).saturating_add(i64::from(d - b'0'));
    let value = digits.iter().fold(0, add);
    Some(if negative { -value } else { value })
}

/// `mantissa * 2^exponent`, rounded once, half to even. `lost_bits` says that the true mantissa
/// is a little larger.
fn scale_to_float(mantissa: u64, lost_bits: bool, exponent: i64) -> f64 {
    const MANTISSA_BITS: i64 = 53;
    const MIN_EXPONENT: i64 = -1074;
    const MAX_EXPONENT: i64 = 971;
    if mantissa == 0 {
        return 0.0;
    }
    let width = 64 - i64::from(mantissa.leading_zeros());
    // Bits below the last one that the result can hold, given its own exponent.
    let excess = (width - MANTISSA_BITS).max(MIN_EXPONENT.saturating_sub(exponent));
    if excess > 64 {
        return 0.0;
    }
    let (mut kept, mut exponent) = (mantissa, exponent);
    if excess > 0 {
        kept = if excess == 64 { 0 } else { mantissa >> excess };
        let half = 1u64 << (excess - 1);
        let below = mantissa & (half | (half - 1));
        let above_half = below > half || (below == half && lost_bits);
        if above_half || (below == half && kept & 1 == 1) {
            kept += 1;
        }
        exponent += excess;
    }
    if exponent > MAX_EXPONENT + MANTISSA_BITS {
        return f64::INFINITY;
    }
    // `kept` has at most 54 significant bits, the 54th only as a power of two: all steps are exact.
    let mut value = kept as f64;
    let mut left = exponent as i32;
    while left != 0 {
        let step = left.clamp(-1000, 1000);
        value *= 2f64.powi(step);
        left -= step;
    }
    value
}

/// `%.14g`, with `.0` added to what would look like an integer: PUC's `tostring` of a float.
pub fn float_to_string(value: f64) -> String {
    // Below 1e14 an integral value has at most 14 digits: no rounding, no exponent.
    if value.fract() == 0.0 && value.abs() < 1e14 {
        return format!("{value:.1}");
    }
    let mut text = format_g(value, 14);
    if text.bytes().all(|c| c == b'-' || c.is_ascii_digit()) {
        text.push_str(".0");
    }
    text
}

/// Text of a number as `tostring` and `..` give it.
pub fn to_string(number: Number) -> String {
    match number {
        Number::Int(i) => i.to_string(),
        Number::Float(f) => float_to_string(f),
    }
}

/// C's `%.{precision}g`.
pub fn format_g(value: f64, precision: usize) -> String {
    if !value.is_finite() {
        return non_finite(value).to_string();
    }
    let precision = precision.max(1);
    let scientific = format!("{:.*e}", precision - 1, value);
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a decimal exponent");
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", strip_zeros(mantissa), exponent.abs());
    }
    let decimals = (precision as i32 - 1 - exponent) as usize;
    strip_zeros(&format!("{value:.decimals$}")).to_string()
}

/// What glibc prints for infinities and NaNs.
pub fn non_finite(value: f64) -> &'static str {
    match (value.is_nan(), value.is_sign_negative()) {
        (true, false) => "nan",
        (true, true) => "-nan",
        (false, false) => "inf",
        (false, true) => "-inf",
    }
}

/// Drops the zeros that end a fraction, and the dot when nothing follows it.
fn strip_zeros(text: &str) -> &str {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(text: &str) -> f64 {
        match parse(text.as_bytes()) {
            Some(Number::Float(f)) => f,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn int(text: &str) -> i64 {
        match parse(text.as_bytes()) {
            Some(Number::Int(i)) => i,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn integers_stop_at_their_range_in_decimal_and_wrap_in_hexadecimal() {
        assert_eq!(int("9223372036854775807"), i64::MAX);
        assert_eq!(int("-9223372036854775808"), i64::MIN);
        assert_eq!(float("9223372036854775808"), 9223372036854775808.0);
        assert_eq!(int("0xffffffffffffffff"), -1);
        assert_eq!(int("0x1ffffffffffffffff"), -1);
        assert_eq!(int(" \t-0x10\n"), -16);
    }

    #[test]
    fn hexadecimal_floats_round_once() {
        assert_eq!(float("0x1p-1074"), f64::from_bits(1));
        assert_eq!(float("0x1p-1075"), 0.0);
        assert_eq!(float("0x1.8p-1075"), f64::from_bits(1));
        assert_eq!(float("0x1.00000000000008p0"), 1.0);
        assert_eq!(float("0x1.000000000000080000000000001p0"), 1.0 + f64::EPSILON);
        assert_eq!(float("0x1.fffffffffffffp1023"), f64::MAX);
        assert_eq!(float("0x1.fffffffffffff8p1023"), f64::INFINITY);
        assert_eq!(float("0x.8p1"), 1.0);
        assert_eq!(float("0x1p99999999999999999999"), f64::INFINITY);
        assert_eq!(float("0x1p-99999999999999999999"), 0.0);
    }

    #[test]
    fn what_is_not_a_numeral_is_refused() {
        for text in ["", " ", "0x", "0xp1", ".", "e1", "1e", "1e+", "inf", "nan", "1 2", "--1"] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
        for text in ["0x1p", "+-1", "1\0", "- 1", "1_0", "infinity", "0x.p1", "+inf", "1e5.0"] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn floats_are_written_as_percent_14_g() {
        let cases = [
            (1e15, "1e+15"),
            (1e14, "1e+14"),
            (123456789012345.0, "1.2345678901234e+14"),
            (99999999999999.0, "99999999999999.0"),
            (99999999999999.9, "1e+14"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.33333333333333"),
            (-0.0, "-0.0"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (1e300, "1e+300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (3.5, "3.5"),
        ];
        for (value, text) in cases {
            assert_eq!(float_to_string(value), text);
        }
    }
}
