//! `find`, `match`, `gmatch`, `gsub` with random patterns, well-formed or not.

use crate::edges::{fill, index, quote};
use crate::harness::check;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn piece() -> impl Strategy<Value = &'static str> + Clone {
    prop_oneof![
        12 => select(vec!["a", "b", "c", ".", "[ab]", "[^a]", "%a", "%w", "(a", "b)", "(", ")", "()", "*", "+", "-", "?"]),
        6 => select(vec![
            "[", "]", "[]]", "[^]a]", "[a-c]", "[c-a]", "[a-", "[%w_]", "[%", "[^", "[^%s]", "[%a-z]", "[a-%d]",
            "%b()", "%bab", "%b", "%baa", "%f[a]", "%f[%W]", "%f[^%z]", "%f", "%fa", "%1", "%2", "%0", "%9", "%",
        ]),
        4 => select(vec![
            "^", "$", "\0", "%.", "%%", "%]", "%S", "%d", "%s", "%p", "%x", "%z", "%c", "%g", "%l", "%u", "%D",
            "%L", "%C", "%G", "%k", "\u{e9}", "%\u{e9}", "1", " ", ",", "a*", "a-", ".-", "(a*)", "(.-)", "(()",
        ]),
    ]
}

fn pattern() -> impl Strategy<Value = String> + Clone {
    (select(vec!["", "", "", "^"]), vec(piece(), 0..8), select(vec!["", "", "", "$"])).prop_map(
        |(start, pieces, end)| quote(format!("{start}{}{end}", pieces.concat()).as_bytes()),
    )
}

/// Patterns that are not malformed, so that more of them get to match.
fn sound_pattern() -> impl Strategy<Value = String> + Clone {
    let single =
        select(vec!["a", "b", ".", "[ab]", "[^a]", "%a", "%w", "[%d_]", "%s", "[b-z]", "[]]"]);
    let item = prop_oneof![
        6 => (single.clone(), select(vec!["", "", "*", "+", "-", "?"])).prop_map(|(a, b)| format!("{a}{b}")),
        2 => (single.clone(), select(vec!["", "*", "+", "-", "?"])).prop_map(|(a, b)| format!("({a}{b})")),
        1 => (single, select(vec!["", "*", "-"])).prop_map(|(a, b)| format!("({a}(.{b}))")),
        1 => select(vec!["()", "%f[%w]", "%f[^a]", "%b()", "%bab", "(%a)%1", "(a*)(.)%2", "$"]).prop_map(String::from),
    ];
    (select(vec!["", "", "^"]), vec(item, 1..5), select(vec!["", "", "$"]))
        .prop_map(|(start, items, end)| quote(format!("{start}{}{end}", items.concat()).as_bytes()))
}

fn any_pattern() -> impl Strategy<Value = String> + Clone {
    prop_oneof![pattern(), sound_pattern()]
}

fn subject() -> impl Strategy<Value = String> + Clone {
    let byte = select(b"aaaabbbc() ()1_.,]\0\x0b\xc3\xa9AZ".to_vec());
    prop_oneof![
        6 => vec(byte, 0..24).prop_map(|bytes| quote(&bytes)),
        1 => (select(vec!["a", "ab", "(a)", "aab"]), 0usize..60).prop_map(|(s, n)| quote(s.repeat(n).as_bytes())),
    ]
}

#[test]
fn searches() {
    let form = select(vec![
        "T(string.find, U, R)",
        "T(string.match, U, R)",
        "T(string.find, U, R, I)",
        "T(string.match, U, R, I)",
        "T(string.find, U, R, I, true)",
        "T(function() local n = 0 for a, b, c in string.gmatch(U, R) do S(a, b, c) n = n + 1 if n > 40 then break end end end)",
        "T(function() for a, b, c in string.gmatch(U, R, I) do S(a, b, c) end end)",
    ]);
    check(
        900,
        (form, subject(), any_pattern(), index()).prop_map(|(form, subject, pattern, at)| {
            fill(form, &[('I', &at), ('R', &pattern), ('U', &subject)])
        }),
    );
}

#[test]
fn replacements() {
    let text = vec(
        select(vec!["x", "%0", "%1", "%2", "%9", "%%", "%", "%a", "", "\0", "<", ">", "% "]),
        0..5,
    );
    let replacement = prop_oneof![
        4 => text.prop_map(|pieces| quote(pieces.concat().as_bytes())),
        1 => select(vec![
            "{}", "{a = 'X', b = false, aa = 1, ab = 2.5}", "{[1] = 'one', [2] = 'two', [3] = 3}", "{a = {}}",
            "setmetatable({}, {__index = function(t, k) return k .. '!' end})", "12", "1.5", "nil", "true",
            "function(...) S(...) end", "function(a) return a end", "function(a, b) return b end",
            "function() return false end", "function() return {} end", "function(a) return #a end",
            "function() return true end", "string.upper", "function() error('inner', 0) end",
        ]).prop_map(String::from),
    ];
    let limit = prop_oneof![3 => Just(String::new()), 1 => index().prop_map(|n| format!(", {n}"))];
    check(
        900,
        (subject(), any_pattern(), replacement, limit).prop_map(
            |(subject, pattern, replacement, limit)| {
                format!("T(string.gsub, {subject}, {pattern}, {replacement}{limit})")
            },
        ),
    );
}
