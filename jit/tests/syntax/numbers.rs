//! Numerals and their text: `tonumber`, `tostring` and `string.format` of the reference.

use super::{Noise, report};
use mlua::Lua;
use plumb_jit::syntax::number::{self, Number};

/// A number with nothing left out: the subtype, and a float's bits (all NaNs alike).
fn exact(number: Option<Number>) -> String {
    match number {
        None => "fail".to_string(),
        Some(Number::Int(i)) => format!("integer {i}"),
        Some(Number::Float(f)) if f.is_nan() => "nan".to_string(),
        Some(Number::Float(f)) => format!("float {:016x}", f.to_bits()),
    }
}

fn from_lua(value: mlua::Value) -> Option<Number> {
    match value {
        mlua::Value::Integer(i) => Some(Number::Int(i)),
        mlua::Value::Number(f) => Some(Number::Float(f)),
        _ => None,
    }
}

const NUMERALS: &[&str] = &[
    "0",
    "-0",
    "+0",
    "1",
    "007",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "99999999999999999999",
    "0x0",
    "0xF",
    "0Xabcdef",
    "-0x1",
    "0x7fffffffffffffff",
    "0x8000000000000000",
    "0xffffffffffffffff",
    "0x10000000000000000",
    "0x123456789abcdef01",
    "0.0",
    "-0.0",
    ".5",
    "5.",
    "5.e1",
    ".5e1",
    "1e1",
    "1E+1",
    "1e-1",
    "1e308",
    "1e309",
    "-1e309",
    "1e-323",
    "1e-324",
    "2.4703282292062327e-324",
    "2.4703282292062328e-324",
    "2.2250738585072011e-308",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "179769313486231580793e289",
    "1e99999",
    "1e-99999",
    "1e9999999999999999999",
    "0e9999999999999999999",
    "0x.8",
    "0x8.",
    "0x8.8p0",
    "0x1p4",
    "0x1P-4",
    "0x1p+4",
    "0x.1p4",
    "0x1.p4",
    "0x1p-1074",
    "0x1p-1075",
    "0x1.8p-1075",
    "0x1.00000000000001p-1075",
    "0x1p1023",
    "0x1p1024",
    "0x1.fffffffffffff7p1023",
    "0x1.fffffffffffff8p1023",
    "0x1.fffffffffffffbp0",
    "0x1.00000000000008p0",
    "0x1.000000000000080000000000000000000000001p0",
    "0x1.00000000000018p0",
    "0x123456789abcdef0123456789p0",
    "0x0.0000000000000000000000000000000000001p200",
    "0x0p99999999999",
    "0x1p99999999999999999999999",
    "0x1p-99999999999999999999999",
    "0x",
    "0xp1",
    "0x.",
    "0x.p1",
    "0x1p",
    "0x1p+",
    "0xg",
    "0x1.1.1",
    "1.1.1",
    "",
    " ",
    ".",
    "e1",
    "1e",
    "1e+",
    "1e1.0",
    "+",
    "-",
    "--1",
    "+-1",
    "- 1",
    " 1",
    "1 ",
    "\t\n\x0b\x0c\r 1 \t\n",
    "1 1",
    "1a",
    "inf",
    "-inf",
    "nan",
    "Infinity",
    "NaN",
    "1_000",
    "1,5",
    "0b1",
    "0o7",
    "1f",
    "1d",
    "0x1g",
    "\u{a0}1",
    "１",
    "1\0",
    "\x001",
    "0x1p1p1",
    "1e1e1",
    "1..2",
    "0.1",
    "0.2",
    "0.30000000000000004",
    "123456789012345678",
    "1234567890123456789012",
    "5e-324",
    "4.9406564584124654e-324",
    "3.14",
];

#[test]
fn numerals_read_as_tonumber_reads_them() {
    let lua = Lua::new();
    let tonumber: mlua::Function = lua.globals().get("tonumber").unwrap();
    let mut noise = Noise(0x5eed_0010);
    let mut texts: Vec<Vec<u8>> = NUMERALS.iter().map(|t| t.as_bytes().to_vec()).collect();
    for _ in 0..20_000 {
        texts.push(random_numeral(&mut noise));
    }
    for _ in 0..5000 {
        texts.push(format!("{:.*e}", noise.below(20), f64::from_bits(noise.bits())).into_bytes());
    }
    let mut differences = Vec::new();
    let mut floats = 0;
    for text in texts {
        let ours = exact(number::parse(&text));
        let value = tonumber.call(lua.create_string(&text).unwrap()).unwrap();
        let reference = exact(from_lua(value));
        floats += usize::from(reference.starts_with("float"));
        if ours != reference {
            differences.push(format!("{}: {reference}, ours {ours}", text.escape_ascii()));
        }
    }
    report(differences);
    assert!(floats > 5000, "only {floats} floats");
}

/// Mostly well-formed decimal and hexadecimal numerals.
fn random_numeral(noise: &mut Noise) -> Vec<u8> {
    let hexadecimal = noise.below(2) == 0;
    let digits: &[u8] = if hexadecimal { b"0123456789abcdefABCDEF" } else { b"0123456789" };
    let mut text = noise.pick(&["", "", "-", "+", " "]).as_bytes().to_vec();
    text.extend_from_slice(if hexadecimal { b"0x" } else { b"" });
    for _ in 0..noise.below(24) {
        text.push(digits[noise.below(digits.len())]);
    }
    if noise.below(2) == 0 {
        text.push(b'.');
        for _ in 0..noise.below(24) {
            text.push(digits[noise.below(digits.len())]);
        }
    }
    if noise.below(2) == 0 {
        text.push(if hexadecimal { b'p' } else { b'e' });
        let exponent = noise.below(2400) as i64 - 1200;
        text.extend_from_slice(exponent.to_string().as_bytes());
    }
    if noise.below(20) == 0 {
        text.push(noise.bits() as u8);
    }
    text
}

#[test]
fn floats_are_written_as_the_reference_writes_them() {
    let lua = Lua::new();
    let tostring: mlua::Function = lua.globals().get("tostring").unwrap();
    let format: mlua::Function = lua.load("return string.format").eval().unwrap();
    let mut noise = Noise(0x5eed_0011);
    let mut differences = Vec::new();
    for value in interesting_floats(&mut noise) {
        let precision = noise.below(25);
        let pairs: [(String, String); 3] = [
            (tostring.call(value).unwrap(), number::to_string(Number::Float(value))),
            (format.call(("%.14g", value)).unwrap(), number::format_g(value, 14)),
            (
                format.call((format!("%.{precision}g"), value)).unwrap(),
                number::format_g(value, precision),
            ),
        ];
        let wrong = pairs.into_iter().filter(|(reference, ours)| reference != ours);
        differences.extend(wrong.map(|(reference, ours)| format!("{reference}, ours {ours}")));
    }
    report(differences);
}

#[test]
fn integers_are_written_as_the_reference_writes_them() {
    let lua = Lua::new();
    let tostring: mlua::Function = lua.globals().get("tostring").unwrap();
    for value in [0, 1, -1, 42, i64::MAX, i64::MIN, i64::MIN + 1, 1 << 53] {
        let reference: String = tostring.call(value).unwrap();
        assert_eq!(number::to_string(Number::Int(value)), reference);
    }
}

fn interesting_floats(noise: &mut Noise) -> Vec<f64> {
    let mut values = vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -f64::NAN];
    values.extend([f64::MAX, f64::MIN, f64::MIN_POSITIVE, f64::from_bits(1), f64::EPSILON]);
    for exponent in -20..25 {
        let power = 10f64.powi(exponent);
        values.extend([power, -power, power.next_up(), power.next_down(), power * 9.5]);
        values.extend([power * 1.5, power * 9.999999999999995, power * 0.99999999999999]);
    }
    values.extend((0..64).map(|bit| 2f64.powi(bit)));
    for _ in 0..10_000 {
        values.push(f64::from_bits(noise.bits()));
        values.push((noise.bits() >> noise.below(64)) as f64);
        values.push(noise.bits() as i64 as f64 / 1e9);
        values.push(noise.below(1000) as f64 / 8.0);
    }
    values
}
