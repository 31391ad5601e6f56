//! `string.pack`, `unpack` and `packsize`: random formats, alignment, errors.

use crate::edges::{index, number, quote, short_string, value};
use crate::harness::check;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn option() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        8 => select(vec!["b", "B", "h", "H", "i", "I", "l", "L", "j", "J", "T", "f", "d", "n", "s", "z", "x"]).prop_map(String::from),
        4 => (select(vec!["i", "I", "s", "c"]), 0u32..18).prop_map(|(o, n)| format!("{o}{n}")),
        2 => (select(vec!["!", "X"]), select(vec!["", "1", "2", "4", "8", "16", "3", "17", "b", "i4", "d", "s", "z", "x", "c3", "!", "i3"]))
            .prop_map(|(a, b)| format!("{a}{b}")),
        3 => select(vec!["<", ">", "=", " "]).prop_map(String::from),
        1 => select(vec![
            "c", "y", "i99999999999",  "X", "Xz", "\0", "i0", "I17", "!0", "s0",
        ]).prop_map(String::from),
    ]
}

fn format() -> impl Strategy<Value = String> + Clone {
    vec(option(), 1..7).prop_map(|options| quote(options.concat().as_bytes()))
}

fn argument() -> impl Strategy<Value = String> + Clone {
    prop_oneof![4 => number(), 3 => short_string(), 1 => value()]
}

#[test]
fn packing() {
    check(
        1200,
        (format(), vec(argument(), 0..6)).prop_map(|(format, arguments)| {
            let arguments: String = arguments.iter().map(|a| format!(", {a}")).collect();
            format!("T(string.packsize, {format}) T(string.pack, {format}{arguments})")
        }),
    );
}

/// Formats for integers and floats only, so that most arguments fit, and what comes back.
#[test]
fn numbers_come_back() {
    let option = prop_oneof![
        4 => select(vec!["b", "B", "h", "H", "i", "I", "l", "j", "J", "f", "d", "n", "x", "<", ">", "=", "!", "!4", "!2", "!16", "Xd", "Xi8", "Xh"]).prop_map(String::from),
        2 => (select(vec!["i", "I"]), 1u32..17).prop_map(|(o, n)| format!("{o}{n}")),
    ];
    let formats = vec(option, 1..7).prop_map(|options| quote(options.concat().as_bytes()));
    check(
        1000,
        (formats, vec(number(), 6), index()).prop_map(|(format, numbers, at)| {
            format!(
        "do local ok, s = pcall(string.pack, {format}, {}) S(ok, s) T(string.packsize, {format})
         if ok then T(string.unpack, {format}, s) T(string.unpack, {format}, s, {at}) end end",
        numbers.join(", ")
    )
        }),
    );
}

#[test]
fn unpacking() {
    let bytes =
        vec(prop_oneof![3 => select(vec![0u8, 1, 2, 0x7f, 0x80, 0xff]), 1 => any::<u8>()], 0..24);
    check(
        1200,
        (format(), bytes, index(), any::<bool>()).prop_map(|(format, bytes, at, from_start)| {
            let at = if from_start { String::new() } else { format!(", {at}") };
            format!("T(string.unpack, {format}, {}{at})", quote(&bytes))
        }),
    );
}
