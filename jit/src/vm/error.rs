//! Lua errors as Rust values.
//!
//! In:  a message or any Lua value.   Out: [`LuaError`], carried by `Result` through Rust code.
//!
//! Invariant: nothing is collected between the making of an error and the moment it reaches a stack
//! slot (of a protected call) or the host.

use super::Vm;
use crate::heap::Value;
use crate::heap::table::TableError;
use crate::syntax::error::chunk_display;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    Runtime,
    Memory,
    /// An error while a message handler ran out of its own room.
    InErrorHandling,
    Syntax,
    /// The host ends the program (a driver's tick): no protected call catches it.
    Stopped,
}

/// An error on its way to the nearest protected call.
#[derive(Clone, Debug)]
pub struct LuaError {
    pub value: Value,
    pub kind: ErrorKind,
    /// The message handler of the innermost `xpcall` has seen it.
    pub(crate) handled: bool,
}

impl LuaError {
    pub fn new(value: Value) -> Box<LuaError> {
        Box::new(LuaError { value, kind: ErrorKind::Runtime, handled: false })
    }
    /// An error that no protected call catches; for drivers that end a program.
    pub fn stopped(value: Value) -> Box<LuaError> {
        Box::new(LuaError { value, kind: ErrorKind::Stopped, handled: true })
    }
    /// Bytes of the message, if the error is a string or a number.
    pub fn message(&self) -> Option<Vec<u8>> {
        match self.value.as_str() {
            Some(string) => Some(string.as_bytes().to_vec()),
            None => crate::heap::number::number_text(self.value),
        }
    }
    /// The message as text for people; names the type of an error object that is not a string.
    pub fn text(&self) -> String {
        match self.message() {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => format!("(error object is a {} value)", self.value.type_name()),
        }
    }
}

/// What can go wrong in Lua code: a `Result` with an error that is one word wide.
pub type LuaResult<T> = Result<T, Box<LuaError>>;

impl Vm {
    /// An error raised by the interpreter: the position of the running function is prefixed if it is
    /// a Lua function.
    #[cold]
    pub fn runtime_error(&mut self, message: impl AsRef<[u8]>) -> Box<LuaError> {
        let mut text = self.position_prefix(self.frame_count().checked_sub(1));
        text.extend_from_slice(message.as_ref());
        LuaError::new(self.heap.new_string_value(&text))
    }

    /// An error raised by a library function: the position of its caller is prefixed (`luaL_error`).
    #[cold]
    pub fn error(&mut self, message: impl AsRef<[u8]>) -> Box<LuaError> {
        let mut text = self.where_at(1);
        text.extend_from_slice(message.as_ref());
        LuaError::new(self.heap.new_string_value(&text))
    }

    #[cold]
    pub(crate) fn table_error(&mut self, error: TableError) -> Box<LuaError> {
        if error == TableError::Memory {
            return self.memory_error();
        }
        self.runtime_error(error.message())
    }

    #[cold]
    pub(crate) fn memory_error(&mut self) -> Box<LuaError> {
        Box::new(LuaError {
            kind: ErrorKind::Memory,
            // Memory errors do not run the handler (as PUC's `LUA_ERRMEM`).
            handled: true,
            value: Value::from(self.memory_message),
        })
    }

    /// `chunk:line: ` for the function at `level` (0 is the running one), empty if it is not a Lua
    /// function or its lines are unknown (`luaL_where`).
    pub fn where_at(&self, level: usize) -> Vec<u8> {
        let Some(index) = self.frame_count().checked_sub(level + 1) else {
            return Vec::new();
        };
        match self.current_line(index) {
            Some(line) if line > 0 => self.position_prefix(Some(index)),
            _ => Vec::new(),
        }
    }

    /// Line of the instruction that frame `index` executes.
    pub fn current_line(&self, index: usize) -> Option<u32> {
        self.thread.current_line(index)
    }

    fn position_prefix(&self, index: Option<usize>) -> Vec<u8> {
        let Some(index) = index else {
            return Vec::new();
        };
        let Some(closure) = self.frame(index).closure else {
            return Vec::new();
        };
        let mut text = match &closure.proto().proto.source {
            Some(source) => chunk_display(source),
            None => b"?".to_vec(),
        };
        let line = self.current_line(index).map_or(-1, i64::from);
        text.extend_from_slice(format!(":{line}: ").as_bytes());
        text
    }
}
