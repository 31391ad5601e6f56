//! The lines in the tree, seen through the compiler: generated programs with line breaks anywhere
//! between tokens compile to the reference's bytecode, debug information included.

use super::Noise;
use super::generate::Generator;
use mlua::Lua;
use plumb_jit::bytecode::{dump, listing, load, undump};
use plumb_jit::syntax::print;

/// Puts line breaks, comments and semicolons at random between the tokens of a printed program.
fn scatter(text: &str, noise: &mut Noise) -> String {
    let mut out = String::new();
    let mut in_string = false;
    let mut previous = '\n';
    for c in text.chars() {
        if c == '"' && previous != '\\' {
            in_string = !in_string;
        }
        previous = if previous == '\\' && c == '\\' { ' ' } else { c };
        let breakable = !in_string && " \n()[]{},;#".contains(c);
        if breakable && noise.below(3) == 0 {
            out.push_str(noise.pick(&["\n", "\n", "\n\n", " --[[\n]] ", " -- x\r\n"]));
        }
        if c == '\n' && !in_string && noise.below(6) == 0 {
            out.push_str(noise.pick(&[";\n", ";\n;", ";"]));
        }
        out.push(c);
        if breakable && noise.below(3) == 0 {
            out.push('\n');
        }
    }
    out
}

#[test]
fn instructions_have_the_references_lines() {
    let lua = Lua::new();
    let dump_chunk = "local source = ... local chunk, message = load(source, '=t')
                      if chunk then return string.dump(chunk) end
                      return nil, message";
    let dump_chunk = lua.load(dump_chunk).into_function().unwrap();
    let mut noise = Noise(0x5eed_0030);
    let mut accepted = 0;
    for _ in 0..3000 {
        let bytes: Vec<u8> = (0..200).map(|_| noise.bits() as u8).collect();
        let source = scatter(&print(&Generator::new(&bytes).chunk()), &mut noise);
        let (reference, message): (Option<mlua::LuaString>, Option<mlua::LuaString>) =
            dump_chunk.call(lua.create_string(&source).unwrap()).unwrap();
        let ours = load(source.as_bytes(), b"=t", "t", 1);
        let Some(reference) = reference else {
            // A semicolon may stand where none is allowed.
            let message = message.unwrap().as_bytes().to_vec();
            assert_eq!(
                ours.map(|_| ()),
                Err(plumb_jit::syntax::SyntaxError::new(message)),
                "{source}"
            );
            continue;
        };
        accepted += 1;
        let ours = ours.unwrap_or_else(|e| panic!("{e}\n{source}"));
        if dump(&ours, false) != *reference.as_bytes() {
            let reference = undump(&reference.as_bytes(), b"=t").unwrap();
            panic!(
                "{source}\n--- ours\n{}\n--- reference\n{}",
                listing(&ours),
                listing(&reference)
            );
        }
    }
    assert!(accepted > 1000, "{accepted} accepted");
}
