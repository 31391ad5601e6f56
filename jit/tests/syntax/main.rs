//! The front end against the reference: lexer, parser, numbers and printer.
//!
//! Expectations are never written down: each source or value goes to PUC Lua (through `mlua`) too,
//! and both must say the same, error messages to the letter.

mod accepted;
mod generate;
mod limits;
mod lines;
mod numbers;
mod rejected;
mod roundtrip;
mod soup;

use mlua::Lua;
use plumb_jit::bytecode::load;

/// PUC and our parser, loading the same source under the same name.
pub struct Both {
    lua: Lua,
    load: mlua::Function,
}

/// C calls under way in the helper below: its chunk, and `pcall`, which keeps the host's error
/// handler (it would add a traceback) away from the message.
const HELPER_C_CALLS: u32 = 2;

impl Default for Both {
    fn default() -> Both {
        let lua = Lua::new();
        let helper = "local source, name = ...
                      local ran, chunk, message = pcall(load, source, name, 't')
                      if not ran then return chunk end
                      return message";
        let load = lua.load(helper).into_function().unwrap();
        Both { lua, load }
    }
}

impl Both {
    /// The reference's message, or nothing when it accepts.
    pub fn reference(&self, source: &[u8], chunkname: &str) -> Option<Vec<u8>> {
        let source = self.lua.create_string(source).unwrap();
        let message: Option<mlua::LuaString> = self.load.call((source, chunkname)).unwrap();
        message.map(|m| m.as_bytes().to_vec())
    }

    /// Our message, or nothing when we accept.
    pub fn ours(&self, source: &[u8], chunkname: &str) -> Option<Vec<u8>> {
        let loaded = load(source, chunkname.as_bytes(), "t", HELPER_C_CALLS);
        loaded.err().map(|error| error.message)
    }

    /// Nothing when both agree, else both answers.
    pub fn difference(&self, source: &[u8], chunkname: &str) -> Option<String> {
        let (reference, ours) = (self.reference(source, chunkname), self.ours(source, chunkname));
        if reference == ours {
            return None;
        }
        let show = |answer: &Option<Vec<u8>>| match answer {
            Some(message) => message.escape_ascii().to_string(),
            None => "accepted".to_string(),
        };
        let source = source.escape_ascii();
        let (reference, ours) = (show(&reference), show(&ours));
        Some(format!("source: {source}\n  reference: {reference}\n  ours:      {ours}"))
    }
}

/// A small fixed-seed generator (xorshift), for tests that need repeatable noise.
pub struct Noise(pub u64);

impl Noise {
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.bits() >> 16) as usize % limit
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// Fails with all differences found, the first few in full.
pub fn report(differences: Vec<String>) {
    let count = differences.len();
    let shown: Vec<_> = differences.into_iter().take(10).collect();
    assert!(count == 0, "{count} differences\n{}", shown.join("\n"));
}
