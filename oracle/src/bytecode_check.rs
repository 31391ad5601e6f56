//! Our bytecode against PUC's, field by field.
//!
//! In:  Lua source. Out: agreement, or the first difference, named and shown as two listings. Sources
//! that PUC refuses must be refused by us with the same message.
//!
//! Everything that `string.dump` shows is compared: code, constants, upvalue descriptors, line
//! information, local variables, stack size, parameters, positions, nested functions.

use std::fmt::Write;
use std::sync::Arc;

use mlua::{Function, Lua};
use plumb_jit::bytecode::{Proto, dump, listing, load, undump};

/// Lines shown before and after the first line that differs.
const CONTEXT_LINES: usize = 6;

/// Compiles `source` with PUC and with our compiler and compares the results. `chunk_name` has PUC's
/// form (`@file`, `=name`, or source text).
pub fn compare_with_puc(source: &[u8], chunk_name: &str) -> Result<(), String> {
    compare_with(&Lua::new(), source, chunk_name)
}

/// As [`compare_with_puc`], in a Lua state that the caller keeps: much faster for many sources.
pub fn compare_with(lua: &Lua, source: &[u8], chunk_name: &str) -> Result<(), String> {
    let ours = load(source, chunk_name.as_bytes(), "t", 0);
    let theirs = puc_chunk(lua, source, chunk_name);
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => compare_chunks(&ours, &theirs, chunk_name),
        // mlua shows PUC's message with replacement characters, and so does `to_string`.
        (Err(ours), Err(theirs)) if ours.to_string() == theirs => Ok(()),
        (Err(ours), Err(theirs)) => {
            Err(format!("different errors\n  ours: {ours}\n  PUC:  {theirs}"))
        }
        (Ok(_), Err(theirs)) => Err(format!("only PUC refuses this: {theirs}")),
        (Err(ours), Ok(_)) => Err(format!("only we refuse this: {ours}")),
    }
}

/// PUC's binary chunk of a source, or its error message.
fn puc_chunk(lua: &Lua, source: &[u8], chunk_name: &str) -> Result<Vec<u8>, String> {
    match lua.load(source).set_name(chunk_name).into_function() {
        Ok(function) => Ok(Function::dump(&function, false)),
        // Too deep a nesting is a runtime error to mlua, whose own text is left out.
        Err(mlua::Error::SyntaxError { message, .. } | mlua::Error::RuntimeError(message)) => {
            Err(message)
        }
        Err(other) => Err(other.to_string()),
    }
}

fn compare_chunks(ours: &Proto, theirs: &[u8], chunk_name: &str) -> Result<(), String> {
    let proto = undump(theirs, chunk_name.as_bytes())
        .map_err(|error| format!("PUC's chunk cannot be read: {error}"))?;
    if let Some(field) = first_difference("main", ours, &proto) {
        return Err(format!("{field} differs\n{}", side_by_side(&listing(ours), &listing(&proto))));
    }
    if dump(ours, false) != theirs {
        return Err("equal prototypes, but the dumps differ".into());
    }
    Ok(())
}

fn first_difference(path: &str, ours: &Proto, theirs: &Proto) -> Option<String> {
    let fields = [
        ("code", ours.code == theirs.code),
        ("constants", ours.constants == theirs.constants),
        ("upvalues", ours.upvalues == theirs.upvalues),
        ("max_stack_size", ours.max_stack_size == theirs.max_stack_size),
        ("num_params", ours.num_params == theirs.num_params),
        ("is_vararg", ours.is_vararg == theirs.is_vararg),
        ("line_defined", ours.line_defined == theirs.line_defined),
        ("last_line_defined", ours.last_line_defined == theirs.last_line_defined),
        ("lineinfo", ours.lineinfo == theirs.lineinfo),
        ("abslineinfo", ours.abslineinfo == theirs.abslineinfo),
        ("locals", ours.locals == theirs.locals),
        ("source", ours.source == theirs.source),
        ("number of functions", ours.protos.len() == theirs.protos.len()),
    ];
    let field = fields.iter().find(|(_, equal)| !equal).map(|(name, _)| format!("{path}: {name}"));
    let nested = |(index, (ours, theirs)): (usize, (&Arc<Proto>, &Arc<Proto>))| {
        first_difference(&format!("{path}.{index}"), ours, theirs)
    };
    // A nested function that differs usually explains why its parent does.
    ours.protos.iter().zip(&theirs.protos).enumerate().find_map(nested).or(field)
}

/// Two listings from a little before their first difference.
fn side_by_side(ours: &str, theirs: &str) -> String {
    let ours: Vec<&str> = ours.lines().collect();
    let theirs: Vec<&str> = theirs.lines().collect();
    let first = ours.iter().zip(&theirs).take_while(|(x, y)| x == y).count();
    let from = first.saturating_sub(CONTEXT_LINES);
    let mut out = String::new();
    for (title, lines) in [("ours", &ours), ("PUC", &theirs)] {
        let _ = writeln!(out, "--- {title}");
        for (index, line) in lines.iter().enumerate().skip(from).take(2 * CONTEXT_LINES + 1) {
            let _ = writeln!(out, "{} {line}", if index == first { ">" } else { " " });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_found_and_shown() {
        let lua = Lua::new();
        let theirs = puc_chunk(&lua, b"local x = 1\nreturn x + 2", "=t").unwrap();
        let ours = load(b"local x = 1\nreturn x + 3", b"=t", "t", 0).unwrap();
        let report = compare_chunks(&ours, &theirs, "=t").unwrap_err();
        assert!(report.starts_with("main: code differs"), "{report}");
        assert!(report.contains("ADDI") && report.contains("--- PUC"), "{report}");
    }

    #[test]
    fn refusals_must_agree_to_the_letter() {
        compare_with_puc(b"x = = 1", "=t").unwrap();
        compare_with_puc(b"goto nowhere", "=t").unwrap();
    }
}
