//! Syntax errors, and how a chunk's name is shown in messages.

use std::fmt;

/// PUC's whole message, position included: `[string "x ="]:1: unexpected symbol near <eof>`.
/// Bytes, because it may quote any of the source.
#[derive(Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub message: Vec<u8>,
    /// PUC raises it as it raises errors of a running program: message handlers see it.
    pub is_runtime: bool,
}

impl SyntaxError {
    pub fn new(message: Vec<u8>) -> SyntaxError {
        SyntaxError { message, is_runtime: false }
    }

    /// A limit that PUC's front end reports without a position.
    pub fn runtime(message: impl Into<Vec<u8>>) -> SyntaxError {
        SyntaxError { message: message.into(), is_runtime: true }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message))
    }
}

impl fmt::Debug for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyntaxError({self})")
    }
}

impl std::error::Error for SyntaxError {}

/// Longest displayed name, its terminating zero in C included (`LUA_IDSIZE`).
const ID_SIZE: usize = 60;

/// A chunk's name as messages show it: `=name` and `@file` lose their mark, anything else is
/// source text and becomes `[string "first line..."]`. At most 59 bytes.
pub fn chunk_display(chunkname: &[u8]) -> Vec<u8> {
    let name = until(chunkname, 0);
    match name {
        [b'=', literal @ ..] => literal[..literal.len().min(ID_SIZE - 1)].to_vec(),
        [b'@', file @ ..] if file.len() < ID_SIZE => file.to_vec(),
        [b'@', file @ ..] => {
            let tail = &file[file.len() - (ID_SIZE - 1 - 3)..];
            [b"...", tail].concat()
        }
        source => {
            let room = ID_SIZE - b"[string \"...\"]\0".len();
            let line = until(source, b'\n');
            if line.len() == source.len() && source.len() < room {
                [b"[string \"", source, b"\"]"].concat()
            } else {
                [b"[string \"", &line[..line.len().min(room)], b"...\"]"].concat()
            }
        }
    }
}

/// What C sees of these bytes as a string: the part before the first NUL.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    until(bytes, 0)
}

/// The part before the first `stop`.
pub(super) fn until(bytes: &[u8], stop: u8) -> &[u8] {
    bytes.split(|&b| b == stop).next().unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_as_puc_cuts_them() {
        let show = |name: &str| String::from_utf8(chunk_display(name.as_bytes())).unwrap();
        assert_eq!(show("=stdin"), "stdin");
        assert_eq!(show("@a/b.lua"), "a/b.lua");
        assert_eq!(show("return 1"), "[string \"return 1\"]");
        assert_eq!(show("x = 1\ny = 2"), "[string \"x = 1...\"]");
        assert_eq!(show(&format!("={}", "n".repeat(80))), "n".repeat(59));
        assert_eq!(show(&format!("@{}", "f".repeat(80))), format!("...{}", "f".repeat(56)));
        assert_eq!(show(&"s".repeat(80)), format!("[string \"{}...\"]", "s".repeat(45)));
    }
}
