//! A chunk, as text or binary -> `Proto`.
//!
//! In:  the bytes that a host or the function `load` was given. Out: the main function's prototype, or
//! PUC's error message. A binary chunk is verified: PUC would run a malformed one and crash.
//!
//! Limits: PUC stops asking a reader at an error of the code generator too; here the text is read up to its
//! end or first other error before code is generated.

use super::compile::compile_parsed;
use super::proto::Proto;
use super::undump::{bad_format, undump_source};
use super::verify::verify;
use crate::syntax::parser::{MAX_HEIGHT, TooTall};
use crate::syntax::{self, Source, SyntaxError};

/// First byte of a binary chunk.
const ESCAPE: u8 = 0x1b;

/// Loads a chunk while `c_calls` C calls are under way (they count towards PUC's nesting limit).
///
/// `mode` is that of Lua's `load`: text is accepted if it contains a `t`, binary chunks if it contains
/// a `b`. A `#` line at the start of a file is the caller's to remove.
pub fn load(
    bytes: &[u8],
    chunk_name: &[u8],
    mode: &str,
    c_calls: u32,
) -> Result<Proto, SyntaxError> {
    load_source(&mut Source::from(bytes), chunk_name, mode, c_calls)
}

/// As [`load`], of bytes that may still have to be read. Nothing is read after an error of the text, nor
/// behind a binary chunk.
pub fn load_source(
    source: &mut Source,
    chunk_name: &[u8],
    mode: &str,
    c_calls: u32,
) -> Result<Proto, SyntaxError> {
    let is_binary = source.bytes().first() == Some(&ESCAPE);
    let (kind, flag) = if is_binary { ("binary", 'b') } else { ("text", 't') };
    if !mode.contains(flag) {
        let message = format!("attempt to load a {kind} chunk (mode is '{mode}')");
        return Err(SyntaxError::new(message.into_bytes()));
    }
    if is_binary {
        let proto = undump_source(source, chunk_name)?;
        match verify(&proto) {
            Ok(()) => Ok(proto),
            Err(violations) => Err(bad_format(chunk_name, &violations[0].to_string())),
        }
    } else {
        compile_text(source, chunk_name, c_calls)
    }
}

fn compile_text(
    source: &mut Source,
    chunk_name: &[u8],
    c_calls: u32,
) -> Result<Proto, SyntaxError> {
    match syntax::parse_within(source, chunk_name, c_calls, MAX_HEIGHT) {
        Ok(parse) => compile_parsed(parse, source.bytes(), chunk_name),
        Err(TooTall(error)) => {
            // A reader cannot be called from another stack.
            while source.extend() {}
            compile_tall_text(source.bytes(), chunk_name, c_calls).unwrap_or(Err(error))
        }
    }
}

/// Stack for each byte of a text with expressions that are too high for an ordinary stack. One operator
/// of a chain takes two bytes at least. Address space only, unless it is used.
const STACK_PER_BYTE: usize = 4 << 10;

/// Parses, compiles and drops a tree of any height, on a stack that suffices; `None` if the system
/// refuses such a stack.
fn compile_tall_text(
    bytes: &[u8],
    chunk_name: &[u8],
    c_calls: u32,
) -> Option<Result<Proto, SyntaxError>> {
    let work = || {
        let parsed = syntax::parse_within(&mut Source::from(bytes), chunk_name, c_calls, u32::MAX);
        match parsed {
            Ok(parse) => compile_parsed(parse, bytes, chunk_name),
            Err(TooTall(error)) => Err(error),
        }
    };
    std::thread::scope(|scope| {
        let stack_size = bytes.len().checked_mul(STACK_PER_BYTE)?;
        let thread = std::thread::Builder::new().stack_size(stack_size);
        let handle = thread.spawn_scoped(scope, work).ok()?;
        Some(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::dump::dump;
    use super::*;

    #[test]
    fn text_and_binary_give_the_same_prototype() {
        let proto = load(b"local a = 1; return a + 2", b"=x", "bt", 0).unwrap();
        assert_eq!(load(&dump(&proto, false), b"=x", "b", 0).unwrap(), proto);
    }

    #[test]
    fn a_binary_chunk_that_breaks_a_rule_is_refused() {
        let mut proto = load(b"return 1", b"=x", "t", 0).unwrap();
        proto.max_stack_size = 0;
        let message = load(&dump(&proto, true), b"=x", "b", 0).unwrap_err().to_string();
        assert!(message.starts_with("x: bad binary format (function main"), "{message}");
    }

    #[test]
    fn refused_modes_and_bad_text_have_pucs_messages() {
        let message = |bytes: &[u8], mode| load(bytes, b"=x", mode, 0).unwrap_err().to_string();
        assert_eq!(message(b"return", "b"), "attempt to load a text chunk (mode is 'b')");
        assert_eq!(message(b"\x1bLua", "t"), "attempt to load a binary chunk (mode is 't')");
        assert_eq!(message(b"x =", "bt"), "x:1: unexpected symbol near <eof>");
    }
}
