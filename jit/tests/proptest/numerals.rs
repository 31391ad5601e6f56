//! Text to number and back: `tonumber`, coercions, numerals in source, `tostring`, `%g`, `%a`.

use crate::edges::{fill, float, float_literal, index, number, numeral, numeric_string, value};
use crate::harness::check;
use proptest::prelude::*;
use proptest::sample::select;

#[test]
fn strings_to_numbers() {
    let forms = select(vec![
        "T(tonumber, X)",
        "T(math.tointeger, X)",
        "T(function(x) return x + 0, -x, x // 1, x * 1.0 end, X)",
        "T(function(x) return x | 0 end, X)",
        "T(function(x) return ~x end, X)",
        "T(function(x) return 1 << x, x >> 1 end, X)",
        "T(string.rep, 'ab', (tonumber(X) or 0) ~= 0 and 1 or X)",
        "T(function(x) for i = x, 1 do S(i) break end end, X)",
        "T(string.char, X)",
        "T(math.floor, X)",
        "T(string.format, '%d', X)",
        "T(string.format, '%.3f', X)",
        "T(select, X, 1, 2)",
    ]);
    check(1500, (forms, numeric_string()).prop_map(|(form, x)| fill(form, &[('X', &x)])));
}

#[test]
fn bases() {
    let text = prop_oneof![
        "[-+ ]{0,2}[0-9a-zA-Z]{0,12}[ \t]{0,2}",
        "-?[01]{1,70}",
        "[0-9]{1,25}",
        "[0-9a-zA-Z_. \n-]{0,6}",
    ];
    let base = prop_oneof![6 => (0i32..40).prop_map(|b| b.to_string()), 1 => index()];
    check(
        800,
        (text, base).prop_map(|(text, base)| {
            format!("T(tonumber, {}, {base})", crate::edges::quote(text.as_bytes()))
        }),
    );
    check(200, (value(), index()).prop_map(|(x, base)| format!("T(tonumber, {x}, {base})")));
}

/// A numeral where the lexer meets it, next to what may follow.
#[test]
fn numerals_in_source() {
    let after = select(vec![
        "", "", "", " ", "..1", " .. 1", "+1", "-", ".", "..", "x", "//2", "e", "_", "\u{e9}",
    ]);
    check(
        1000,
        (numeral(), after).prop_map(|(text, after)| {
            format!("P({})", crate::edges::quote(format!("{text}{after}").as_bytes()))
        }),
    );
}

#[test]
fn numbers_to_strings() {
    let forms = select(vec![
        "T(tostring, X)",
        "S(X .. '', '' .. X, X .. X)",
        "T(string.format, '%s|%q|%.14g|%.17g|%.99f', X, X, X, X, X)",
        "T(string.format, '%a %A %.0a %.1a %.5a %20.13a %-30.20a|', X, X, X, X, X, X, X)",
        "T(string.format, '%d', X)",
        "T(string.format, '%x %X %#x %o %5.3i', X, X, X, X, X)",
        "T(string.format, '%c', X)",
        "S(tonumber(tostring(X)), tonumber(string.format('%.17g', X)), tonumber(string.format('%a', X)))",
        "T(table.concat, {X, X}, X)",
        "T(string.len, X)",
        "T(string.reverse, X)",
        "do local t = {} T(rawset, t, X, 1) for k in next, t do S(k) end end",
    ]);
    check(1500, (forms, number()).prop_map(|(form, x)| fill(form, &[('X', &x)])));
}

#[test]
fn float_conversions() {
    let form = ("[-+#0 ]{0,3}", "([1-9][0-9]?)?", "([.][0-9]{0,2})?", select(b"aAeEfFgG".to_vec()));
    check(
        1000,
        (form, float()).prop_map(|((flags, width, precision, conversion), x)| {
            let spec = format!("%{flags}{width}{precision}{}", conversion as char);
            // The sign that C prints for a NaN is one that Lua programs cannot choose.
            let x = if x.is_nan() { "1.0".into() } else { float_literal(x) };
            format!("T(string.format, '{spec}', {x})")
        }),
    );
}
