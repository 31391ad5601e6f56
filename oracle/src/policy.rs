//! What "equal" means. Nothing else in the crate decides it: an engine's value becomes a
//! [`Canonical`] here, and two values are equal when their canonical forms are identical.
//!
//! | rule | reason |
//! |---|---|
//! | type tags matter, and so does the integer/float subtype | `math.type`, `//`, `%` and formatting tell `1` from `1.0` (manual 3.3.3, 3.4.3) |
//! | floats are compared bit for bit | Lua prescribes IEEE doubles; a different last bit is a different program result |
//! | any NaN equals any NaN | sign and payload of a NaN differ between processors and Lua shows no way to compare them |
//! | `-nan` printed is `nan` printed | the sign of a NaN is the processor's and the C compiler's (0/0 is negative on x86-64, positive on ARM64; which operand's NaN survives an addition depends on their order in the machine code); C's `printf` shows it |
//! | -0.0 is not 0.0 | `1 / x` tells them apart |
//! | strings are equal by bytes | a Lua string is a byte sequence (manual 2.1) |
//! | the digits after `: 0x` do not count | addresses as text (`tostring({})`) differ from run to run |
//! | a table, closure, thread or userdata is the number of its first appearance in the traversal | addresses differ from run to run; identity and sharing do not |
//! | a library function or library table is its name | each engine has its own implementation of it |
//! | a Lua function is its position in the program plus the lines it spans | closures of one prototype behave alike up to their upvalues, which are visited |
//! | tables are equal by content, whatever their internal order or array size | order of `next` and the array/hash split are unspecified (manual 6.1) |
//! | objects that are keys are numbered in the order of what they show of themselves; those that show the same count by their class only | no other order over such keys exists that all engines share |
//! | upvalues are equal by value and by which closures share them | assignments through one closure are seen by others |
//! | error messages are equal to the letter, position prefix included | programs can catch and print them |
//! | so is the traceback of an error that nothing catches | it shows the position of every caller, which a wrong exit may get wrong |
//!
//! A difference is Inconclusive, with its reason, only if the program was shown before it what two runs need
//! not share ([`plumb_jit::vm::Unspecified`]): an address, a traversal of a table whose order depends on
//! addresses (other orders are equal on all engines), the collector's state. Registers that the program can no
//! longer read are left out before values get here: dead ones ([`crate::masks`]), and what lies above an open
//! list of values (`ours.rs`).
#![forbid(unsafe_code)]

use crate::canon::{Canonical, Class};
use std::borrow::Cow;

/// The one bit pattern that stands for every NaN.
const NAN: u64 = 0x7ff8_0000_0000_0000;

/// Canonical form of a float: its bits, all NaNs alike.
#[inline]
pub fn float(value: f64) -> Canonical<'static> {
    Canonical::Float(if value.is_nan() { NAN } else { value.to_bits() })
}

/// Printed bytes in the form in which they are compared: the sign of a printed NaN and the digits of
/// addresses dropped.
pub fn output(printed: &[u8]) -> Cow<'_, [u8]> {
    let is_signed_nan = |at: usize| {
        let rest = &printed[at..];
        (rest.starts_with(b"-nan") || rest.starts_with(b"-NAN"))
            && !rest.get(4).is_some_and(u8::is_ascii_alphanumeric)
            && !printed[..at].last().is_some_and(u8::is_ascii_alphanumeric)
    };
    if !(0..printed.len()).any(is_signed_nan) {
        return string(printed);
    }
    let kept = (0..printed.len()).filter(|&at| !is_signed_nan(at)).map(|at| printed[at]);
    Cow::Owned(string(&kept.collect::<Vec<u8>>()).into_owned())
}

/// A string in the form in which it is compared: the digits of addresses dropped.
pub fn string(bytes: &[u8]) -> Cow<'_, [u8]> {
    const MARK: &[u8] = b": 0x";
    if !bytes.contains(&MARK[0]) || !bytes.windows(MARK.len()).any(|window| window == MARK) {
        return Cow::Borrowed(bytes);
    }
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        let (before, after) = rest.split_at(at + MARK.len());
        kept.extend_from_slice(before);
        let digits = after.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        rest = &after[digits..];
    }
    kept.extend_from_slice(rest);
    Cow::Owned(kept)
}

/// Whether an error message says that our engines lack something.
pub fn is_unsupported(message: &[u8]) -> bool {
    message.windows(17).any(|w| w == b"not supported yet")
}

/// Whether source text contains `word` as a whole name. Comments and strings count: a caller only widens
/// a doubt with it.
pub fn mentions(source: &[u8], word: &str) -> bool {
    let part_of_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let starts = source.windows(word.len()).enumerate();
    starts.filter(|(_, window)| window[0] == word.as_bytes()[0]).any(|(start, window)| {
        window == word.as_bytes()
            && !source[..start].last().is_some_and(part_of_name)
            && !source[start + word.len()..].first().is_some_and(part_of_name)
    })
}

/// How a canonical value is printed in dumps: two values print alike only when they are equal.
pub fn text(value: &Canonical<'_>) -> String {
    match *value {
        Canonical::Nil => "nil".into(),
        Canonical::Bool(b) => b.to_string(),
        Canonical::Int(i) => i.to_string(),
        Canonical::Float(bits) => {
            let value = f64::from_bits(bits);
            if value.is_finite() {
                format!("{value:?} (bits {bits:016x})")
            } else {
                lua_non_finite(value).into()
            }
        }
        Canonical::Str(bytes) => quote(&string(bytes)),
        Canonical::Object(class, number) => format!("{} #{number}", class_name(class)),
        Canonical::Library(name) => format!("library {}", name.text()),
        Canonical::Opaque(class) => format!("some {}", class_name(class)),
    }
}

fn lua_non_finite(value: f64) -> &'static str {
    if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    }
}

pub fn class_name(class: Class) -> &'static str {
    match class {
        Class::Table => "table",
        Class::Closure => "function",
        Class::Native => "native function",
        Class::Userdata => "userdata",
        Class::Thread => "thread",
    }
}

/// A byte string between double quotes, bytes outside printable ASCII as `\ddd`.
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for &b in bytes {
        match b {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(b));
            }
            b' '..=b'~' => out.push(char::from(b)),
            _ => out.push_str(&format!("\\{b:03}")),
        }
    }
    out.push('"');
    out
}

/// Values that are all different, of each kind and at the edges.
#[cfg(test)]
pub(crate) fn distinct_values() -> Vec<Canonical<'static>> {
    let library = |name: &str| {
        let name = crate::canon::LibraryName::new(name.into());
        Canonical::Library(Box::leak(Box::new(name)))
    };
    vec![
        Canonical::Nil,
        Canonical::Bool(false),
        Canonical::Bool(true),
        Canonical::Int(0),
        Canonical::Int(1),
        float(0.0),
        float(-0.0),
        float(1.0),
        float(f64::INFINITY),
        float(f64::NEG_INFINITY),
        float(f64::NAN),
        float(0.1 + 0.2),
        float(0.3),
        // Its bits are those of the integer 1.
        float(5e-324),
        Canonical::Str(b""),
        Canonical::Str(b"1"),
        Canonical::Str(b"nil"),
        Canonical::Str(b"a\0b"),
        Canonical::Object(Class::Table, 0),
        Canonical::Object(Class::Table, 1),
        Canonical::Object(Class::Table, 2),
        Canonical::Object(Class::Closure, 1),
        library(""),
        library("math.sin"),
        Canonical::Opaque(Class::Table),
        Canonical::Opaque(Class::Closure),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_of_a_printed_nan_is_dropped_and_nothing_else() {
        let same = |a: &[u8], b: &[u8]| output(a) == output(b);
        assert!(
            same(b"x\t-nan\n", b"x\tnan\n") && same(b"-nan", b"nan") && same(b"-NAN,", b"NAN,")
        );
        for text in [&b"-1 -inf -0.0"[..], b"-nano", b"x-nan", b"- nan", b"--", b""] {
            assert_eq!(output(text), text);
        }
    }

    #[test]
    fn every_pair_of_distinct_values_is_unequal_and_prints_unalike() {
        let values = distinct_values();
        for (i, a) in values.iter().enumerate() {
            for b in &values[i + 1..] {
                assert_ne!(a, b);
                assert_ne!(text(a), text(b));
            }
        }
    }

    #[test]
    fn any_nan_is_any_nan() {
        let other = f64::from_bits(0xfff8_0000_0000_0001);
        assert!(other.is_nan());
        assert_eq!(float(f64::NAN), float(other));
        assert_eq!(float(f64::NAN), float(-f64::NAN));
    }

    #[test]
    fn a_mention_is_a_whole_name() {
        assert!(mentions(b"for k in pairs(t) do", "pairs"));
        assert!(mentions(b"next", "next"));
        assert!(!mentions(b"for k in ipairs(t) do next_one() end", "pairs"));
        assert!(!mentions(b"for k in ipairs(t) do next_one() end", "next"));
    }

    #[test]
    fn addresses_are_recognised() {
        let same = |a: &[u8], b: &[u8]| string(a) == string(b);
        assert!(same(b"x = table: 0x55d0c8, y", b"x = table: 0x7f, y"));
        assert!(!same(b"table: 0x55", b"function: 0x55") && !same(b"0x55", b"0x56"));
        assert_eq!(&*string(b"a: 0x1b: 0x2 z"), b"a: 0x: 0x z");
    }
}
