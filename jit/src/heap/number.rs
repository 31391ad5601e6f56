//! Arithmetic and conversions of Lua numbers.
//!
//! In:  i64 and f64.   Out: what manual sections 3.4.1 to 3.4.3 say, bit for bit what PUC computes.
//!
//! One home for these rules: the interpreter, constant folding, the IR evaluator and the JIT's helper
//! functions call them, so that they cannot disagree. `pow` and `fmod` are the C library's.

/// 2^63, the first float above the integers.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

unsafe extern "C" {
    safe fn fmod(x: f64, y: f64) -> f64;
    #[link_name = "pow"]
    safe fn c_pow(x: f64, y: f64) -> f64;
}

/// How a float becomes an integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rounding {
    /// Only if it has an integral value.
    Exact,
    Floor,
    Ceil,
}

#[inline(always)]
fn integral_to_int(float: f64) -> Option<i64> {
    if (-TWO_63..TWO_63).contains(&float) { Some(float as i64) } else { None }
}

/// The integer a float converts to, if it is in range after rounding.
#[inline]
pub fn float_to_int(float: f64, rounding: Rounding) -> Option<i64> {
    let mut floor = float.floor();
    if floor != float {
        match rounding {
            Rounding::Exact => return None,
            Rounding::Floor => {}
            Rounding::Ceil => floor += 1.0,
        }
    }
    integral_to_int(floor)
}

/// The integer with the same value, if there is one.
#[inline(always)]
pub fn float_to_int_exact(float: f64) -> Option<i64> {
    if (-TWO_63..TWO_63).contains(&float) {
        let int = float as i64;
        if int as f64 == float {
            return Some(int);
        }
    }
    None
}

/// Floor division; `None` for a zero divisor.
#[inline(always)]
pub fn int_floor_div(a: i64, b: i64) -> Option<i64> {
    if (b as u64).wrapping_add(1) <= 1 {
        return if b == 0 { None } else { Some(a.wrapping_neg()) };
    }
    let quotient = a / b;
    Some(if (a ^ b) < 0 && quotient * b != a { quotient - 1 } else { quotient })
}

/// Modulo whose result has the divisor's sign; `None` for a zero divisor.
#[inline(always)]
pub fn int_mod(a: i64, b: i64) -> Option<i64> {
    if (b as u64).wrapping_add(1) <= 1 {
        return if b == 0 { None } else { Some(0) };
    }
    let rest = a % b;
    Some(if rest != 0 && (rest ^ b) < 0 { rest + b } else { rest })
}

#[inline(always)]
pub fn float_floor_div(a: f64, b: f64) -> f64 {
    (a / b).floor()
}

#[inline(always)]
pub fn float_mod(a: f64, b: f64) -> f64 {
    let rest = fmod(a, b);
    // `fmod` truncates; correct it where the quotient is negative and not integral.
    if (rest > 0.0 && b < 0.0) || (rest < 0.0 && b > 0.0) { rest + b } else { rest }
}

#[inline(always)]
pub fn float_pow(a: f64, b: f64) -> f64 {
    if b == 2.0 { a * a } else { c_pow(a, b) }
}

/// Shift left; a negative distance shifts right; bits shifted out are lost.
#[inline(always)]
pub fn shift_left(a: i64, distance: i64) -> i64 {
    if distance <= -64 || distance >= 64 {
        0
    } else if distance < 0 {
        ((a as u64) >> -distance) as i64
    } else {
        ((a as u64) << distance) as i64
    }
}

/// Shift right, the reverse of [`shift_left`].
#[inline(always)]
pub fn shift_right(a: i64, distance: i64) -> i64 {
    if distance <= -64 || distance >= 64 {
        0
    } else if distance < 0 {
        ((a as u64) << -distance) as i64
    } else {
        ((a as u64) >> distance) as i64
    }
}

/// Integers that a float represents exactly, without trying.
#[inline(always)]
fn fits_float(int: i64) -> bool {
    (1u64 << 53).wrapping_add(int as u64) <= 2 << 53
}

#[inline(always)]
pub fn int_lt_float(a: i64, b: f64) -> bool {
    if fits_float(a) {
        (a as f64) < b
    } else {
        match float_to_int(b, Rounding::Ceil) {
            Some(b) => a < b,
            None => b > 0.0,
        }
    }
}
#[inline(always)]
pub fn int_le_float(a: i64, b: f64) -> bool {
    if fits_float(a) {
        (a as f64) <= b
    } else {
        match float_to_int(b, Rounding::Floor) {
            Some(b) => a <= b,
            None => b > 0.0,
        }
    }
}
#[inline(always)]
pub fn float_lt_int(a: f64, b: i64) -> bool {
    if fits_float(b) {
        a < (b as f64)
    } else {
        match float_to_int(a, Rounding::Floor) {
            Some(a) => a < b,
            None => a < 0.0,
        }
    }
}
#[inline(always)]
pub fn float_le_int(a: f64, b: i64) -> bool {
    if fits_float(b) {
        a <= (b as f64)
    } else {
        match float_to_int(a, Rounding::Ceil) {
            Some(a) => a <= b,
            None => a < 0.0,
        }
    }
}

/// Text of a float in C's `printf` with one conversion, such as `%.14g` or `%+10.3e`.
///
/// `spec` must be one conversion of a double: `%`, flags, width, precision and one of `aAeEfFgG`.
pub fn format_float(spec: &str, float: f64) -> Vec<u8> {
    assert_conversion(spec, "aAeEfFgG");
    // SAFETY: the specification takes one double, which is what it is given.
    format_with(spec, |buffer, size, spec| unsafe { libc::snprintf(buffer, size, spec, float) })
}

/// Text of an integer in C's `printf` with one conversion, such as `%5.2d`.
///
/// `spec` must be one conversion of an int: `%`, flags, width, precision and one of `dioxXuc`; the
/// length modifier is added here.
pub fn format_int(spec: &str, int: i64) -> Vec<u8> {
    assert_conversion(spec, "dioxXu");
    let (head, conversion) = spec.split_at(spec.len() - 1);
    // SAFETY: the specification takes one `long long`, which is what it is given.
    format_with(&format!("{head}ll{conversion}"), |buffer, size, spec| unsafe {
        libc::snprintf(buffer, size, spec, int)
    })
}

fn assert_conversion(spec: &str, conversions: &str) {
    let inner = spec.strip_prefix('%').unwrap_or("");
    let (body, last) = inner.split_at(inner.len().saturating_sub(1));
    assert!(
        !last.is_empty()
            && conversions.contains(last)
            && body.chars().all(|c| "-+ #0123456789.".contains(c)),
        "{spec:?} is one conversion out of {conversions}"
    );
}

fn format_with(
    spec: &str,
    print: impl Fn(*mut libc::c_char, usize, *const libc::c_char) -> i32,
) -> Vec<u8> {
    let spec = std::ffi::CString::new(spec).expect("a specification has no NUL");
    let mut buffer = vec![0u8; 64];
    loop {
        let written = print(buffer.as_mut_ptr().cast(), buffer.len(), spec.as_ptr());
        let written = usize::try_from(written).expect("a checked specification can be printed");
        if written < buffer.len() {
            buffer.truncate(written);
            return buffer;
        }
        buffer.resize(written + 1, 0);
    }
}

/// Text of a number as `tostring` shows it: `%d`, or `%.14g` with `.0` if it looks like an integer.
pub fn number_text(number: super::Value) -> Option<Vec<u8>> {
    if let Some(int) = number.as_int() {
        return Some(int.to_string().into_bytes());
    }
    let mut text = format_float("%.14g", number.as_float()?);
    if text.iter().all(|c| c.is_ascii_digit() || *c == b'-') {
        text.extend_from_slice(b".0");
    }
    Some(text)
}

/// The number that a string denotes (`tonumber` without a base, string arithmetic).
pub fn parse_number(text: &[u8]) -> Option<super::Value> {
    let text = trim_space(text);
    parse_int(text).map(super::Value::int).or_else(|| parse_float(text).map(super::Value::float))
}

fn is_space(c: u8) -> bool {
    matches!(c, b' ' | b'\t'..=b'\r')
}

fn trim_space(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|c| !is_space(*c)).unwrap_or(text.len());
    let end = text.iter().rposition(|c| !is_space(*c)).map_or(start, |last| last + 1);
    &text[start..end]
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn hex_digits(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'0', b'x' | b'X', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// Decimal integers must fit 64 bits; hexadecimal ones wrap.
fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    let magnitude = if let Some(digits) = hex_digits(digits) {
        let mut value = 0u64;
        for c in digits {
            value = value.wrapping_mul(16).wrapping_add(u64::from((*c as char).to_digit(16)?));
        }
        (!digits.is_empty()).then_some(value)?
    } else {
        let mut value = 0u64;
        for c in digits {
            let digit = u64::from((*c as char).to_digit(10)?);
            value = value.checked_mul(10)?.checked_add(digit)?;
        }
        let limit = i64::MAX as u64 + u64::from(negative);
        (!digits.is_empty() && value <= limit).then_some(value)?
    };
    Some(if negative { magnitude.wrapping_neg() } else { magnitude } as i64)
}

fn parse_float(text: &[u8]) -> Option<f64> {
    let (negative, rest) = split_sign(text);
    let magnitude = match hex_digits(rest) {
        Some(digits) => parse_hex_float(digits)?,
        None => {
            // Rust also reads "inf", "nan" and "infinity", which Lua does not.
            let plain = rest
                .iter()
                .all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'e' | b'E' | b'+' | b'-'));
            let starts = rest.first().is_some_and(|c| c.is_ascii_digit() || *c == b'.');
            (plain && starts).then_some(())?;
            std::str::from_utf8(rest).ok()?.parse::<f64>().ok()?
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

/// What follows `0x`: hexadecimal digits with a point, and a binary exponent.
fn parse_hex_float(text: &[u8]) -> Option<f64> {
    let (mut mantissa, mut exponent) = (0u64, 0i64);
    let (mut any, mut point, mut sticky) = (false, false, false);
    let mut at = 0;
    while at < text.len() {
        let c = text[at];
        if c == b'.' && !point {
            point = true;
        } else if let Some(digit) = (c as char).to_digit(16) {
            any = true;
            if mantissa >> 60 == 0 {
                mantissa = mantissa << 4 | u64::from(digit);
                exponent -= if point { 4 } else { 0 };
            } else {
                sticky |= digit != 0;
                exponent += if point { 0 } else { 4 };
            }
        } else {
            break;
        }
        at += 1;
    }
    if !any {
        return None;
    }
    if at < text.len() {
        if !matches!(text[at], b'p' | b'P') {
            return None;
        }
        let (negative, digits) = split_sign(&text[at + 1..]);
        if digits.is_empty() {
            return None;
        }
        let mut given = 0i64;
        for c in digits {
            let digit = i64::from((*c as char).to_digit(10)?);
            given = (given * 10 + digit).min(1 << 40);
        }
        exponent += if negative { -given } else { given };
    }
    Some(scale(mantissa, sticky, exponent))
}

/// `mantissa * 2^exponent`, rounded once to nearest even; `sticky` says that bits were cut off below.
fn scale(mantissa: u64, sticky: bool, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    // Normalise to 64 bits: value = mantissa * 2^exponent with the top bit set.
    let shift = mantissa.leading_zeros();
    let mantissa = mantissa << shift;
    let exponent = exponent - i64::from(shift);
    // Exponent of the leading bit.
    let leading = exponent + 63;
    if leading > 1023 {
        return f64::INFINITY;
    }
    // Bits that a normal or subnormal result keeps.
    let keep = if leading >= -1022 { 53 } else { 53 - (-1022 - leading) };
    if keep < 0 {
        return 0.0;
    }
    let drop = 64 - keep as u32;
    let kept = if drop == 64 { 0 } else { mantissa >> drop };
    let rest = if drop == 64 { mantissa } else { mantissa & ((1 << drop) - 1) };
    let half = 1u64 << (drop - 1);
    let up = rest > half || (rest == half && (sticky || kept & 1 == 1));
    let rounded = kept + u64::from(up);
    // `rounded` has at most 54 bits, so both products below are exact or overflow as they should.
    let unit = exponent + i64::from(drop);
    let half_unit = unit / 2;
    let power = |e: i64| f64::from_bits(((e + 1023) as u64) << 52);
    if unit == -1074 {
        // Subnormal results: the rounded integer is already counted in units of 2^-1074.
        f64::from_bits(rounded)
    } else {
        rounded as f64 * power(half_unit) * power(unit - half_unit)
    }
}
