//! `string.*` with edge indices; comparison, concatenation, escapes in source.

use crate::edges::{fill, index, quote, short_string, value};
use crate::harness::check;
use proptest::prelude::*;
use proptest::sample::select;

#[test]
fn slices_and_bytes() {
    let form = select(vec![
        "T(string.sub, U, I)",
        "T(string.sub, U, I, J)",
        "T(string.byte, U)",
        "T(string.byte, U, I)",
        "T(string.byte, U, I, J)",
        "T(string.rep, U, (I))",
        "T(string.rep, U, (I), W)",
        "T(string.upper, U)",
        "T(string.lower, U)",
        "T(string.len, U)",
        "T(string.reverse, U)",
        "T(string.char, I, J)",
        "T(string.find, U, W, I, true)",
        "T(string.find, U, W, J)",
        "T(function() return U < W, U <= W, U == W, U > W, U .. W, #U end)",
        "T(function() return (U):sub(I, J):rep(3, W) end)",
        "T(string.sub)",
        "T(string.rep, U)",
        "T(function() return (U).x, (U).len end)",
        "T(function() return (U)[I] end)",
        "T(function() local s = U s.x = 1 end)",
        "T(function() local s = U s() end)",
        "T(load, U)",
        "T(function() return #U + U end)",
    ]);
    let string = || prop_oneof![6 => short_string(), 1 => value()];
    check(
        1200,
        (form, string(), string(), index(), index()).prop_map(|(form, u, w, i, j)| {
            // A repetition that fits in memory is not an edge.
            let is_large = i.len() > 6 && !i.contains('.') || i == "2^53";
            let is_large = is_large && form.contains("rep");
            // Nor is one that has to be counted, of nothing.
            let far = if u.len() > 2 { "(1 << 62)" } else { "5" };
            let i = if is_large { far.to_string() } else { i };
            fill(form, &[('I', &i), ('J', &j), ('U', &u), ('W', &w)])
        }),
    );
}

#[test]
fn escapes_in_source() {
    let piece = select(vec![
        "\\a",
        "\\b",
        "\\n",
        "\\\n",
        "\\\r",
        "\\x41",
        "\\x4",
        "\\xg0",
        "\\x",
        "\\65",
        "\\256",
        "\\0",
        "\\1234",
        "\\z  \n ",
        "\\z",
        "\\u{41}",
        "\\u{7FFFFFFF}",
        "\\u{80000000}",
        "\\u{}",
        "\\u{g}",
        "\\u41",
        "\\u",
        "\\q",
        "\\",
        "\\\\",
        "\\'",
        "\\\"",
        "'",
        "\"",
        "a",
        "\n",
        "\r\n",
        "\0",
        "\u{e9}",
        "]]",
        "--[[",
        "\\u{110000",
        "\\999",
        "\\-",
    ]);
    let pieces = proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat());
    let wrap = select(vec![
        ("'", "'"),
        ("\"", "\""),
        ("[[", "]]"),
        ("[==[", "]==]"),
        ("[=[", "]]"),
        ("'", ""),
        ("--[[", "]] 1"),
    ]);
    check(
        1200,
        (wrap, pieces).prop_map(|((open, close), pieces)| {
            format!("P({})", quote(format!("{open}{pieces}{close}").as_bytes()))
        }),
    );
}
