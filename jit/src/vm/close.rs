//! To-be-closed variables (`local x <close>`, the fourth value of a generic `for`).
//!
//! In:  TBC and TFORPREP, which mark a variable; the end of its scope.
//! Out: its metamethod `__close` is called with the value and the error, if there is one.
//!
//! A scope ends in one of these ways:
//! - CLOSE and RETURN call one method at a time: when it returns, the instruction is executed again
//!   ([`Vm::close_variable`], `Vm::finish_instruction`);
//! - an error is caught by a protected native: see `Vm::go_on_catching`;
//! - a native or the host goes on after an error of something it called: [`Vm::catch_error`];
//! - a coroutine is closed: `Vm::close_coroutine`; the state is: `Vm::close`.
//!
//! The first two do not recurse in Rust, so close methods may yield there, as in PUC.
//!
//! Invariants: a thread lists the slots of its pending variables by rising address; a variable leaves
//! the list before its method is called. Upvalues of a scope are closed before its variables.

use super::Vm;
use super::call::Flow;
use super::error::{ErrorKind, LuaError, LuaResult};
use super::frame::ThreadState;
use crate::bytecode::{Event, Pc};
use crate::heap::Value;

impl ThreadState {
    /// Whether a variable at or above slot `level` is pending.
    #[inline(always)]
    pub(crate) fn has_to_be_closed(&self, level: usize) -> bool {
        self.to_be_closed.last().is_some_and(|slot| *slot as usize >= level)
    }
}

impl Vm {
    /// Marks the variable in `slot`, a register of the running Lua function (`luaF_newtbcupval`).
    pub(crate) fn mark_to_be_closed(&mut self, slot: usize) -> LuaResult<()> {
        let value = self.thread.stack.get(slot);
        if value.is_falsy() {
            return Ok(());
        }
        if self.metamethod(value, Event::Close).is_nil() {
            return Err(self.not_closable(slot));
        }
        self.thread.to_be_closed.push(slot as u32);
        Ok(())
    }

    #[cold]
    fn not_closable(&mut self, slot: usize) -> Box<LuaError> {
        let view = self.top_frame();
        let name = view.proto().and_then(|proto| {
            let pc = Pc(view.pc.0.saturating_sub(1));
            proto.proto.local_name(slot - view.base, pc)
        });
        let name = name.unwrap_or(b"(temporary)").to_vec();
        self.runtime_error([b"variable '", &name[..], b"' got a non-closable value"].concat())
    }

    /// Removes the innermost pending variable at or above slot `level` from the list.
    pub(crate) fn next_to_close(&mut self, level: usize) -> Option<usize> {
        if !self.thread.has_to_be_closed(level) {
            return None;
        }
        self.thread.to_be_closed.pop().map(|slot| slot as usize)
    }

    /// End of the slots at or above `func` that pending variables need.
    pub(crate) fn pending_end(&self, func: usize) -> usize {
        self.thread.to_be_closed.last().map_or(func, |slot| func.max(*slot as usize + 1))
    }

    /// CLOSE: calls the method of the innermost pending variable.
    pub(crate) fn close_variable(&mut self) -> LuaResult<Flow> {
        let variable = self.next_to_close(0).expect("a variable is pending");
        // What is above the variable is dead; PUC leaves the error object, nil, there.
        self.thread.stack.set(variable + 1, Value::NIL);
        self.call_close_method(variable, variable + 2)
    }

    /// RETURN of `count` values from slot `first` on: the same, above the values.
    pub(crate) fn close_variable_for_return(
        &mut self,
        first: usize,
        count: usize,
    ) -> LuaResult<Flow> {
        let frame = self.thread.top_frame_mut();
        frame.callee = count as u32;
        let func = (frame.top as usize).max(first + count);
        let variable = self.next_to_close(0).expect("a variable is pending");
        self.call_close_method(variable, func)
    }

    fn call_close_method(&mut self, variable: usize, func: usize) -> LuaResult<Flow> {
        let value = self.thread.stack.get(variable);
        let method = self.metamethod(value, Event::Close);
        self.call_metamethod_at(func, method, &[value, Value::NIL], 0, 0)
    }

    /// Puts `error` above a variable, and above that the call of its method with the value and the
    /// error; returns the slot of the method.
    pub(crate) fn push_close_method(&mut self, variable: usize, error: Value) -> usize {
        let value = self.thread.stack.get(variable);
        let method = self.metamethod(value, Event::Close);
        self.thread.top = variable as u32 + 1;
        for pushed in [error, method, value, error] {
            self.push(pushed);
        }
        variable + 2
    }

    /// Closes all variables at or above slot `level`, whatever happens; calls cannot yield
    /// (`luaD_closeprotected`). Returns the error that stands at the end. Errors out only if the host
    /// ends the program.
    pub(crate) fn close_protected(
        &mut self,
        level: usize,
        error: Option<Value>,
    ) -> LuaResult<Option<Value>> {
        let mut error = error;
        self.close_upvalues(level);
        while let Some(variable) = self.next_to_close(level) {
            let func = self.push_close_method(variable, error.unwrap_or(Value::NIL));
            match self.catching(|vm| vm.call_slot(func, 0)) {
                Ok(()) => error = error.map(|_| self.thread.stack.get(func - 1)),
                Err(new) if new.kind == ErrorKind::Stopped => return Err(new),
                Err(new) => error = Some(new.value),
            }
        }
        Ok(error)
    }

    /// Ends an error of something that was called with stack slot `level` and what is above it: closes
    /// what it left pending, and returns the error value. For natives that go on after an error. An
    /// error by which the host ends the program cannot be ended.
    pub fn catch_error(&mut self, level: usize, error: Box<LuaError>) -> LuaResult<Value> {
        if error.kind == ErrorKind::Stopped {
            self.thread.to_be_closed.retain(|slot| (*slot as usize) < level);
            return Err(error);
        }
        let value = self.close_protected(level, Some(error.value))?;
        self.thread.top = level as u32;
        Ok(value.expect("closing does not make an error undone"))
    }
}
