//! What the debug interface sees of functions and of the frames of a thread; tracebacks.
//!
//! In:  a function, or a thread and a level.   Out: where it was defined, the line it executes, the
//! slots and names of its variables, or the text of a traceback.
//!
//! Levels count from the innermost frame, which is 0, as in `lua_getstack`. Everything here reads a
//! [`ThreadState`], running or not.
//!
//! Invariant: texts and names equal those of PUC's `ldebug.c` and `luaL_traceback`.

use super::Vm;
use super::frame::ThreadState;
use super::hook::Transfer;
use super::proto::RuntimeProto;
use crate::bytecode::{Pc, Proto};
use crate::heap::{ThreadRef, Value};
use crate::syntax::error::chunk_display;

/// Levels that a traceback shows at either end of a deep stack (`LEVELS1`, `LEVELS2`).
const FIRST_LEVELS: usize = 10;
const LAST_LEVELS: usize = 11;

/// Where a function comes from (option `S` of `debug.getinfo`).
pub struct Definition<'a> {
    /// With its prefix `@` or `=`.
    pub source: &'a [u8],
    pub short_source: Vec<u8>,
    /// -1 for a native function.
    pub line_defined: i64,
    pub last_line_defined: i64,
    /// `main`, `Lua` or `C`.
    pub what: &'static str,
}

impl<'a> Definition<'a> {
    /// `proto` is `None` for a native function.
    pub fn of(proto: Option<&'a Proto>) -> Definition<'a> {
        let Some(proto) = proto else {
            return Definition {
                source: b"=[C]",
                short_source: b"[C]".to_vec(),
                line_defined: -1,
                last_line_defined: -1,
                what: "C",
            };
        };
        let source = proto.source.as_deref().unwrap_or(b"=?");
        Definition {
            source,
            short_source: chunk_display(source),
            line_defined: i64::from(proto.line_defined),
            last_line_defined: i64::from(proto.last_line_defined),
            what: if proto.line_defined == 0 { "main" } else { "Lua" },
        }
    }
}

impl ThreadState {
    /// The frame at a level.
    pub fn frame_at(&self, level: usize) -> Option<usize> {
        self.frames.len().checked_sub(level)?.checked_sub(1)
    }

    /// The function of frame `index`.
    pub fn function_of(&self, index: usize) -> Value {
        self.stack.get(self.frames[index].func())
    }

    /// What frame `index`, interrupted by a call or return hook, passes on.
    pub fn transfer_of(&self, index: usize) -> Transfer {
        self.hooks.transfer_of(index)
    }

    /// Name and slot of local variable `n` (from 1) of frame `index`, an argument beyond the fixed
    /// ones if `n` is negative (`luaG_findlocal`).
    pub fn find_local(&self, index: usize, n: i32) -> Option<(Vec<u8>, usize)> {
        let view = self.view(index);
        let register = usize::try_from(n.checked_sub(1)?);
        if let Some(closure) = view.closure {
            if n < 0 {
                let position = n.unsigned_abs() as usize - 1;
                let extra = view.varargs.len();
                let slot = || view.frame.func() - extra + position;
                return (position < extra).then(|| (b"(vararg)".to_vec(), slot()));
            }
            let pc = Pc(view.pc.0.saturating_sub(1));
            if let Ok(register) = register
                && let Some(name) = closure.proto().proto.local_name(register, pc)
            {
                return Some((name.to_vec(), view.base + register));
            }
        }
        let end = match self.frames.get(index + 1) {
            Some(next) => next.func(),
            None if view.closure.is_some() => view.frame.top as usize,
            None => self.top as usize,
        };
        let slot = view.base + register.ok()?;
        let name = if view.closure.is_some() { "(temporary)" } else { "(C temporary)" };
        (slot < end).then(|| (name.into(), slot))
    }

    /// Line of the instruction that frame `index` executes.
    pub fn current_line(&self, index: usize) -> Option<u32> {
        let view = self.view(index);
        let proto = &view.closure?.proto().proto;
        proto.line(Pc(view.pc.0.saturating_sub(1)))
    }
}

impl RuntimeProto {
    /// Name of parameter `n` (from 1): of the variable that is live when the function starts.
    pub fn parameter_name(&self, n: i32) -> Option<&[u8]> {
        self.proto.local_name(usize::try_from(n).ok()?.checked_sub(1)?, Pc(0))
    }
}

impl Vm {
    /// Sets a local variable (see [`ThreadState::find_local`]), and returns its name.
    pub fn set_local(
        &mut self,
        thread: ThreadRef,
        index: usize,
        n: i32,
        value: Value,
    ) -> Option<Vec<u8>> {
        let state = self.thread_state_mut(thread);
        let (name, slot) = state.find_local(index, n)?;
        state.stack.set(slot, value);
        Some(name)
    }

    /// The text of a traceback of the running thread from `level` on, below `message`
    /// (`luaL_traceback`).
    pub fn traceback(&self, message: Option<&[u8]>, level: usize) -> Vec<u8> {
        self.traceback_of(&self.thread, message, level)
    }

    /// [`Vm::traceback`] of any thread.
    pub fn traceback_of(
        &self,
        thread: &ThreadState,
        message: Option<&[u8]>,
        level: usize,
    ) -> Vec<u8> {
        let mut text = Vec::new();
        if let Some(message) = message {
            // A C string ends at its first NUL.
            let end = message.iter().position(|byte| *byte == 0).unwrap_or(message.len());
            text.extend_from_slice(&message[..end]);
            text.push(b'\n');
        }
        text.extend_from_slice(b"stack traceback:");
        let levels = thread.frames.len();
        // PUC counts up to the last level that it finds by doubling, which is 0 at least.
        let last = levels.saturating_sub(1);
        let is_deep = last > level && last - level > FIRST_LEVELS + LAST_LEVELS;
        let gap =
            if is_deep { level + FIRST_LEVELS..last + 1 - LAST_LEVELS } else { levels..levels };
        for level in level..levels {
            if level == gap.start {
                // PUC does not count the level at which it notices.
                let line = format!("\n\t...\t(skipping {} levels)", gap.len() - 1);
                text.extend_from_slice(line.as_bytes());
            }
            if !gap.contains(&level) {
                self.trace_frame(thread, levels - 1 - level, &mut text);
            }
        }
        text
    }

    /// Appends the lines of one frame to a traceback.
    fn trace_frame(&self, thread: &ThreadState, index: usize, text: &mut Vec<u8>) {
        let view = thread.view(index);
        let proto = view.closure.map(|closure| &*closure.proto().proto);
        let definition = Definition::of(proto);
        text.extend_from_slice(b"\n\t");
        text.extend_from_slice(&definition.short_source);
        match thread.current_line(index) {
            Some(line) if line > 0 => text.extend_from_slice(format!(":{line}: in ").as_bytes()),
            _ => text.extend_from_slice(b": in "),
        }
        let name = if let Some(name) = self.global_function_name(thread.function_of(index)) {
            [b"function '", &name[..], b"'"].concat()
        } else if let Some((kind, name)) = thread.function_name(index) {
            [kind.as_bytes(), b" '", &name, b"'"].concat()
        } else {
            match definition.what {
                "main" => b"main chunk".to_vec(),
                "C" => b"?".to_vec(),
                _ => {
                    let line = format!(":{}>", definition.line_defined);
                    [b"function <", &definition.short_source[..], line.as_bytes()].concat()
                }
            }
        };
        text.extend_from_slice(&name);
        if view.frame.is_tail_call() {
            text.extend_from_slice(b"\n\t(...tail calls...)");
        }
    }
}
