//! Lua expressions for values, the edges often.

use proptest::prelude::*;
use proptest::sample::select;

/// A string literal of these bytes.
pub fn quote(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', byte as char]),
            b' '..=b'~' => text.push(byte as char),
            _ => text += &format!("\\{byte:03}"),
        }
    }
    text + "\""
}

/// The form with its letters replaced, all at once.
pub fn fill(form: &str, letters: &[(char, &str)]) -> String {
    let mut text = String::new();
    for c in form.chars() {
        match letters.iter().find(|(letter, _)| *letter == c) {
            Some((_, replacement)) => text += replacement,
            None => text.push(c),
        }
    }
    text
}

/// The float with these bits, as an expression.
pub fn float_literal(x: f64) -> String {
    match x {
        _ if x.is_nan() => "(0/0)".into(),
        f64::INFINITY => "math.huge".into(),
        f64::NEG_INFINITY => "(-math.huge)".into(),
        _ => format!("({x:e} + 0.0)").replace("-0e0 + 0.0", "-0.0"),
    }
}

pub fn integer_literal(i: i64) -> String {
    if i == i64::MIN { "math.mininteger".into() } else { format!("({i})") }
}

/// Integers: small ones, powers of two and their neighbours, any.
pub fn integer() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![
        4 => -9i64..20,
        4 => (0u32..64, -2i64..3).prop_map(|(shift, d)| (1i64 << shift).wrapping_add(d)),
        2 => (0u32..64, -2i64..3).prop_map(|(shift, d)| (-1i64 << shift).wrapping_add(d)),
        1 => any::<i64>(),
    ]
}

/// Floats: integral ones near every power of two, halves, subnormals, limits, any bits.
pub fn float() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![
        3 => select(vec![
            0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1.0, -1.0, 3.0, 0.1, 1e15, 1e16, 123456.0, 1e100,
            f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX, f64::MIN, f64::MIN_POSITIVE,
            5e-324, -5e-324, f64::EPSILON, 9007199254740992.0, 9007199254740993.0,
            9223372036854775807.0, 9223372036854774784.0, -9223372036854775808.0, 1.8446744073709552e19,
        ]),
        3 => (-70i32..70, any::<bool>(), -2i64..3).prop_map(|(e, negative, ulps)| {
            let x = f64::from_bits(((e + 1023) as u64) << 52).to_bits().wrapping_add_signed(ulps);
            if negative { -f64::from_bits(x) } else { f64::from_bits(x) }
        }),
        2 => (-4000i32..4000).prop_map(|i| f64::from(i) / 8.0),
        2 => (-400i32..400, 1u32..100_000).prop_map(|(e, m)| format!("{m}e{e}").parse().unwrap()),
        1 => (0u64..1 << 52).prop_map(f64::from_bits),
        1 => any::<u64>().prop_map(f64::from_bits),
    ]
}

pub fn number() -> impl Strategy<Value = String> + Clone {
    prop_oneof![integer().prop_map(integer_literal), float().prop_map(float_literal)]
}

/// The text of a numeral, well-formed or nearly so.
pub fn numeral() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        3 => "[0-9]{1,3}([.][0-9]{0,3})?([eE][-+]?[0-9]{1,3})?",
        2 => "[0-9]{0,22}([.][0-9]{0,22})?([eE][-+]?[0-9]{0,4})?",
        2 => "0[xX][0-9a-fA-F]{0,18}([.][0-9a-fA-F]{0,18})?([pP][-+]?[0-9]{0,3})?",
        1 => "0[xX]0{0,40}[1-9a-f]?[0-9a-f]{0,14}[.]?0{0,30}[0-9a-f]{0,30}([pP][-+]?[0-9]{1,3})?",
        1 => "[.][0-9]{0,3}",
        1 => "[0-9a-zA-Z_.]{0,6}",
        1 => "[1-9][0-9]{15,330}([.][0-9]{0,20})?(e-?[0-9]{1,3})?",
        1 => "0[.]0{0,330}[1-9][0-9]{0,25}",
        1 => integer().prop_map(|i| i.to_string()),
        1 => integer().prop_map(|i| format!("{i:#x}")),
        2 => float().prop_map(|x| format!("{x:e}")),
        1 => float().prop_map(|x| format!("{x}")),
        1 => halfway(),
        1 => hex_rounding(),
        1 => select(vec![
            "inf", "nan", "0x", "0x.p1", "0xp1", "1e", "1e+", "0x1p", ".", "", "0x.8", "0x1.", "1..2",
            "9223372036854775807", "9223372036854775808", "0x7fffffffffffffff", "0xffffffffffffffff",
            "0x10000000000000000", "1e308", "1e309", "4.9e-324", "2e-324", "2.5e-324", "infinity",
            "2.4703282292062327e-324", "2.4703282292062328e-324", "1.7976931348623158e308",
            "1.7976931348623159e308", "2.2250738585072011e-308", "0x1p-1074", "0x1p-1075",
            "0x1.8p-1075", "0x1p1023", "0x1p1024", "0x1.fffffffffffff8p1023", "0x1.fffffffffffff7p1023",
        ]).prop_map(String::from),
    ]
}

/// Half-way between two neighbours, exactly or nearly: where a conversion has to look at every digit.
fn halfway() -> impl Strategy<Value = String> + Clone {
    (1u64 << 53..1 << 54, 0u32..80, "[0-9]{0,3}", any::<bool>()).prop_map(
        |(odd, zeros, tail, up)| {
            let last = if up { "1" } else { "" };
            format!("{}.{}{tail}{last}", (odd | 1) << 9 | 0x100, "0".repeat(zeros as usize))
        },
    )
}

/// Hexadecimal floats with more bits than a float has; exact ones among subnormals, where some versions
/// of glibc's `strtod` round wrongly.
fn hex_rounding() -> impl Strategy<Value = String> + Clone {
    let tail = select(vec!["8", "7", "80", "81", "7f", "800000001", "c", "4"]);
    let normal = (tail, "[0-9a-f]{13}", -1022i32..-1010)
        .prop_map(|(tail, digits, exponent)| format!("0x1.{digits}{tail}p{exponent}"));
    let subnormal = ("[0-9a-f]{8}", -1040i32..-1010).prop_map(|(d, e)| format!("0x1.{d}p{e}"));
    prop_oneof![normal, subnormal]
}

/// A numeral as a string: signs, white space, what does not belong there.
pub fn numeric_string() -> impl Strategy<Value = String> + Clone {
    let space = || select(vec!["", "", "", " ", "\t", "\n\u{b}\u{c}\r ", "\0", "x", "-"]);
    let sign = select(vec!["", "", "-", "+", "--", "- "]);
    (space(), sign, numeral(), space()).prop_map(|(before, sign, digits, after)| {
        quote(format!("{before}{sign}{digits}{after}").as_bytes())
    })
}

/// A value of any kind.
pub fn value() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        6 => number(),
        2 => numeric_string(),
        1 => select(vec!["nil", "true", "false", "{}", "math.type", "''", "'abc'", "'a\\0b'", "coroutine.create(math.type)"])
            .prop_map(String::from),
    ]
}

/// What a library function takes where it wants a small integer, and what it does not want there.
pub fn index() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        12 => (-8i64..10).prop_map(integer_literal),
        2 => integer().prop_map(integer_literal),
        1 => select(vec!["nil", "2.0", "'3'", "1.5", "'x'", "{}", "math.huge", "0/0", "2^53", "-0.0"])
            .prop_map(String::from),
    ]
}

/// The same without the large ones, for what loops that often.
pub fn small_index() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        12 => (-8i64..10).prop_map(integer_literal),
        1 => select(vec!["nil", "2.0", "'3'", "1.5", "'x'", "{}", "math.huge", "0/0", "-0.0"])
            .prop_map(String::from),
    ]
}

/// Short strings over a small alphabet.
pub fn short_string() -> impl Strategy<Value = String> + Clone {
    let bytes = proptest::collection::vec(select(b"aab\0\xffz1 ".to_vec()), 0..9);
    bytes.prop_map(|bytes| quote(&bytes))
}
