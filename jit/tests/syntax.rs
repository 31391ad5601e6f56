//! The parser against the reference: each source goes to both, and both must accept it, or give
//! the same message.

use mlua::Lua;
use plumb_jit::syntax::parse;

/// The reference's message, or nothing when it accepts.
fn reference(lua: &Lua, source: &[u8]) -> Option<Vec<u8>> {
    let load: mlua::Function = lua.globals().get("plumb_load").unwrap();
    let message: Option<mlua::LuaString> = load.call(lua.create_string(source).unwrap()).unwrap();
    message.map(|m| m.as_bytes().to_vec())
}

/// `pcall` keeps the host's error handler, which would add a traceback, away from the message.
fn new_lua() -> Lua {
    let lua = Lua::new();
    let helper = "function plumb_load(s) return (select(3, pcall(load, s, '=t', 't'))) end";
    lua.load(helper).exec().unwrap();
    lua
}

/// C calls under way in the helper: the chunk itself, and `pcall`.
const HELPER_C_CALLS: u32 = 2;

#[test]
fn nesting_limit() {
    let lua = new_lua();
    for n in 150..205 {
        let source = format!("x = {}1{}", "(".repeat(n), ")".repeat(n));
        let ours = plumb_jit::syntax::parse_at_depth(source.as_bytes(), b"=t", HELPER_C_CALLS);
        let ours = ours.err().map(|e| e.message);
        assert_eq!(ours, reference(&lua, source.as_bytes()), "{n}");
    }
    assert!(parse(b"x = 1", b"=t").is_ok());
}
