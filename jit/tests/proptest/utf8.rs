//! `utf8.*`: sound and broken encodings, every position, strict and lax.

use crate::edges::{fill, index, quote, value};
use crate::harness::check;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Sequences of each length, their limits, and the ways to break one.
fn bytes() -> impl Strategy<Value = String> + Clone {
    let piece = prop_oneof![
        6 => select(vec![
            &b"a"[..], b"\0", b"\x7f", b"\xc2\x80", b"\xdf\xbf", b"\xe0\xa0\x80", b"\xef\xbf\xbf", b"\xf0\x90\x80\x80",
            b"\xf4\x8f\xbf\xbf", b"\xc3\xa9", b"\xe2\x82\xac",
        ]).prop_map(<[u8]>::to_vec),
        3 => select(vec![
            &b"\x80"[..], b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf",
            b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80",
            b"\xfd\xbf\xbf\xbf\xbf\xbf", b"\xfe", b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98",
        ]).prop_map(<[u8]>::to_vec),
        1 => any::<u8>().prop_map(|b| vec![b]),
    ];
    vec(piece, 0..6).prop_map(|pieces| quote(&pieces.concat()))
}

#[test]
fn functions() {
    let form = select(vec![
        "T(utf8.len, U)",
        "T(utf8.len, U, I)",
        "T(utf8.len, U, I, J)",
        "T(utf8.len, U, I, J, true)",
        "T(utf8.codepoint, U)",
        "T(utf8.codepoint, U, I)",
        "T(utf8.codepoint, U, I, J)",
        "T(utf8.codepoint, U, I, J, true)",
        "T(utf8.offset, U, I)",
        "T(utf8.offset, U, I, J)",
        "T(function() for p, c in utf8.codes(U) do S(p, c) end end)",
        "T(function() for p, c in utf8.codes(U, true) do S(p, c) end end)",
        "T(function() local f, s = utf8.codes(U) return f(s, I) end)",
        "T(function() for c in string.gmatch(U, utf8.charpattern) do S(c) end end)",
        "P('\"\\\\u{' .. string.format('%x', I) .. '}\"')",
    ]);
    check(
        1200,
        (form, bytes(), index(), index())
            .prop_map(|(form, bytes, i, j)| fill(form, &[('I', &i), ('J', &j), ('U', &bytes)])),
    );
}

#[test]
fn characters() {
    let code = prop_oneof![
        4 => (0u32..32, -1i64..2).prop_map(|(s, d)| ((1i64 << s) + d).to_string()),
        2 => (0i64..0x11_0000).prop_map(|c| c.to_string()),
        1 => value(),
    ];
    check(800, vec(code, 0..4).prop_map(|codes| {
        let codes = codes.join(", ");
        format!("T(function() local s = utf8.char({codes}) return s, utf8.codepoint(s, 1, -1, true) end)")
    }));
}
