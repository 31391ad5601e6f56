//! Random token soups and damaged programs: both accept, or both give the same message.

use super::{Both, Noise, report};

const TOKENS: &[&str] = &[
    "and",
    "break",
    "do",
    "else",
    "elseif",
    "end",
    "false",
    "for",
    "function",
    "goto",
    "if",
    "in",
    "local",
    "nil",
    "not",
    "or",
    "repeat",
    "return",
    "then",
    "true",
    "until",
    "while",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "#",
    "&",
    "~",
    "|",
    "<<",
    ">>",
    "//",
    "==",
    "~=",
    "<=",
    ">=",
    "<",
    ">",
    "=",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "::",
    ";",
    ":",
    ",",
    ".",
    "..",
    "...",
    "a",
    "b",
    "c",
    "a",
    "b",
    "x",
    "y",
    "self",
    "_ENV",
    "1",
    "0x1p4",
    "3.5",
    "'s'",
    "\"t\"",
    "[[l]]",
    "[==[\nl]==]",
    "<const>",
    "<close>",
    "::l::",
    "goto l",
    "local a",
    "local b <const> = 1",
    "f()",
    "b = 2",
    "a.b",
    "a[1]",
    "x:m()",
    "--[[c]]",
    "--c\n",
    "'\\",
    "3x",
    "@",
    "!",
    "$",
    "\\",
    "0x",
    "'\\q'",
];

const GAPS: &[&str] = &[" ", " ", " ", "\n", "\t", "\r\n", ""];

/// Pieces that are often right in a sequence, so that errors come late.
const PHRASES: &[&str] = &[
    "local a = 1",
    "local a, b = f()",
    "if a then",
    "elseif b then",
    "else",
    "end",
    "end",
    "end",
    "while a do",
    "for i = 1, 2 do",
    "for k in f do",
    "repeat",
    "until b",
    "do",
    "break",
    "goto l",
    "::l::",
    "::m::",
    "goto m",
    "local c <const> = 5",
    "c = 1",
    "local d <close> = nil",
    "d = 2",
    "function f(a, ...)",
    "local function g()",
    "return",
    "return 1, ...;",
    "f(a, b)",
    "a.b.c = {1, x = 2; [3] = 4}",
    "f 'x' {} ()",
    ";",
    ";",
    "(a or b).c()",
    "x = function()",
    "local e",
    "a, b = b, a",
    "y = -x ^ 2 .. 'z'",
    "local b",
    "print(...)",
    "a = {",
    "}",
    "f(",
    ")",
];

fn soup(noise: &mut Noise, pieces: &[&str], length: usize) -> String {
    (0..length).map(|_| noise.pick(pieces).to_string() + noise.pick(GAPS)).collect()
}

#[test]
fn token_soups() {
    let both = Both::default();
    let mut noise = Noise(0x5eed_0001);
    let sources = (0..5000).map(|_| {
        let length = 1 + noise.below(12);
        soup(&mut noise, TOKENS, length)
    });
    report(sources.filter_map(|s| both.difference(s.as_bytes(), "=t")).collect());
}

#[test]
fn phrase_soups() {
    let both = Both::default();
    let mut noise = Noise(0x5eed_0002);
    let mut accepted = 0;
    let mut differences = Vec::new();
    for _ in 0..5000 {
        let length = 1 + noise.below(14);
        let source = soup(&mut noise, PHRASES, length);
        accepted += usize::from(both.ours(source.as_bytes(), "=t").is_none());
        differences.extend(both.difference(source.as_bytes(), "=t"));
    }
    report(differences);
    assert!(accepted > 100, "{accepted} accepted");
}

/// A valid program with a few bytes removed, doubled, or replaced by tokens.
#[test]
fn damaged_programs() {
    let both = Both::default();
    let mut noise = Noise(0x5eed_0003);
    let mut differences = Vec::new();
    for _ in 0..3000 {
        let mut source = include_bytes!("sample.lua").to_vec();
        for _ in 0..=noise.below(3) {
            let at = noise.below(source.len());
            let width = noise.below(8).min(source.len() - at);
            let token = noise.pick(TOKENS).as_bytes();
            match noise.below(4) {
                0 => drop(source.drain(at..at + width)),
                1 => drop(source.splice(at..at, token.iter().copied())),
                2 => drop(source.splice(at..at + width, token.iter().copied())),
                _ => source[at] = noise.bits() as u8,
            }
        }
        differences.extend(both.difference(&source, "=t"));
    }
    report(differences);
}
