//! Names for values and functions in messages, by symbolic execution of the bytecode.
//!
//! In:  a proto, a pc and a register (or a frame).   Out: what PUC's `ldebug.c` says about it, such as
//! `local 'x'`, `field 'y'`, `global 'f'`, `method 'm'`, `constant 'abc'`.
//!
//! Invariant: the answers equal PUC's for the same code, also where PUC gives up or is misled.

use super::Vm;
use super::error::LuaError;
use super::frame::ThreadState;
use crate::bytecode::{Constant, Event, Instruction, Op, Pc, Proto};
use crate::heap::Value;
use crate::syntax::error::until_nul;

/// What kind of name it is, and the name.
pub type Name = (&'static str, Vec<u8>);

const UNKNOWN: &[u8] = b"?";

/// The last instruction before `last` that set `register`, if that is certain.
fn find_setter(proto: &Proto, last: Pc, register: usize) -> Option<Pc> {
    let mut last = last.index();
    if proto.code[last].op().info().is_metamethod() {
        // The arithmetic instruction before it did not execute.
        last -= 1;
    }
    let mut setter = None;
    // Code before this position is conditional.
    let mut jump_target = 0;
    for (pc, instruction) in proto.code[..last].iter().enumerate() {
        let (op, a) = (instruction.op(), instruction.a());
        let changes = match op {
            Op::LoadNil => a <= register && register <= a + instruction.b(),
            Op::TForCall => register >= a + 2,
            Op::Call | Op::TailCall => register >= a,
            Op::Jmp => {
                let target = (pc as i64 + 1 + i64::from(instruction.sj())) as usize;
                if target <= last && target > jump_target {
                    jump_target = target;
                }
                false
            }
            _ => op.info().sets_a() && register == a,
        };
        if changes {
            setter = (pc >= jump_target).then_some(Pc(pc as u32));
        }
    }
    setter
}

fn constant_name(proto: &Proto, index: usize) -> Option<Name> {
    match &proto.constants[index] {
        Constant::Str(bytes) => Some(("constant", until_nul(bytes).to_vec())),
        _ => None,
    }
}

fn upvalue_name(proto: &Proto, index: usize) -> Vec<u8> {
    proto.upvalue_name(index).unwrap_or(UNKNOWN).to_vec()
}

/// A name that needs no table access, and otherwise the setter to look at.
fn basic_name(proto: &Proto, pc: Pc, register: usize) -> Result<Name, Option<Pc>> {
    if let Some(name) = proto.local_name(register, pc) {
        return Ok(("local", name.to_vec()));
    }
    let setter = find_setter(proto, pc, register).ok_or(None)?;
    let instruction = proto.code[setter.index()];
    let name = match instruction.op() {
        Op::Move if instruction.b() < instruction.a() => {
            return basic_name(proto, setter, instruction.b());
        }
        Op::GetUpval => Some(("upvalue", upvalue_name(proto, instruction.b()))),
        Op::LoadK => constant_name(proto, instruction.bx()),
        Op::LoadKX => constant_name(proto, proto.code[setter.index() + 1].ax()),
        _ => None,
    };
    name.ok_or(Some(setter))
}

/// Name of the constant that a register holds as a key.
fn register_key_name(proto: &Proto, pc: Pc, register: usize) -> Vec<u8> {
    match basic_name(proto, pc, register) {
        Ok(("constant", name)) => name,
        _ => UNKNOWN.to_vec(),
    }
}

fn constant_key_name(proto: &Proto, index: usize) -> Vec<u8> {
    constant_name(proto, index).map_or_else(|| UNKNOWN.to_vec(), |(_, name)| name)
}

/// Whether an indexed table is the environment.
fn access_kind(proto: &Proto, pc: Pc, instruction: Instruction, is_upvalue: bool) -> &'static str {
    let table = instruction.b();
    let name = if is_upvalue {
        Some(upvalue_name(proto, table))
    } else {
        match basic_name(proto, pc, table) {
            Ok(("local" | "upvalue", name)) => Some(name),
            _ => None,
        }
    };
    if name.as_deref() == Some(b"_ENV") { "global" } else { "field" }
}

/// A name for the value in `register` when instruction `pc` executes.
pub fn register_name(proto: &Proto, pc: Pc, register: usize) -> Option<Name> {
    let setter = match basic_name(proto, pc, register) {
        Ok(name) => return Some(name),
        Err(setter) => setter?,
    };
    let instruction = proto.code[setter.index()];
    match instruction.op() {
        Op::GetTabUp => Some((
            access_kind(proto, setter, instruction, true),
            constant_key_name(proto, instruction.c()),
        )),
        Op::GetTable => Some((
            access_kind(proto, setter, instruction, false),
            register_key_name(proto, setter, instruction.c()),
        )),
        Op::GetI => Some(("field", b"integer index".to_vec())),
        Op::GetField => Some((
            access_kind(proto, setter, instruction, false),
            constant_key_name(proto, instruction.c()),
        )),
        Op::SelfIndex => {
            let name = if instruction.k() {
                constant_key_name(proto, instruction.c())
            } else {
                register_key_name(proto, setter, instruction.c())
            };
            Some(("method", name))
        }
        _ => None,
    }
}

/// A name for the function that instruction `pc` calls.
fn called_name(proto: &Proto, pc: Pc) -> Option<Name> {
    let instruction = proto.code[pc.index()];
    let event = match instruction.op() {
        Op::Call | Op::TailCall => return register_name(proto, pc, instruction.a()),
        Op::TForCall => return Some(("for iterator", b"for iterator".to_vec())),
        Op::SelfIndex | Op::GetTabUp | Op::GetTable | Op::GetI | Op::GetField => Event::Index,
        Op::SetTabUp | Op::SetTable | Op::SetI | Op::SetField => Event::NewIndex,
        Op::MmBin | Op::MmBinI | Op::MmBinK => Event::from_u8(instruction.c() as u8)?,
        Op::Unm => Event::Unm,
        Op::BNot => Event::BNot,
        Op::Len => Event::Len,
        Op::Concat => Event::Concat,
        Op::Eq => Event::Eq,
        Op::Lt | Op::LtI | Op::GtI => Event::Lt,
        Op::Le | Op::LeI | Op::GeI => Event::Le,
        Op::Close | Op::Return => Event::Close,
        _ => return None,
    };
    Some(("metamethod", event.name().as_bytes()[2..].to_vec()))
}

fn format_name(name: Option<Name>) -> Vec<u8> {
    match name {
        Some((kind, name)) => [b" (", kind.as_bytes(), b" '", &name, b"')"].concat(),
        None => Vec::new(),
    }
}

impl ThreadState {
    /// The code of Lua frame `index` and the instruction it executes.
    fn current_instruction(&self, index: usize) -> Option<(&Proto, Pc)> {
        let view = self.view(index);
        let closure = view.closure?;
        Some((&closure.proto().proto, Pc(view.pc.0.checked_sub(1)?)))
    }

    /// How the function of frame `index` was called, as far as its caller's code tells
    /// (`getfuncname`).
    pub fn function_name(&self, index: usize) -> Option<Name> {
        if self.frames[index].is_tail_call() {
            return None;
        }
        self.called_at(index)
    }

    /// A name for the function that frame `index`, which may still be to come, is to run
    /// (`funcnamefromcall`).
    fn called_at(&self, index: usize) -> Option<Name> {
        let caller = index.checked_sub(1);
        if caller.is_some_and(|caller| self.hooks.interrupts(caller)) {
            return Some(("hook", UNKNOWN.to_vec()));
        }
        if self.finalizer == index as u32 {
            return Some(("metamethod", b"__gc".to_vec()));
        }
        let (proto, pc) = self.current_instruction(caller?)?;
        called_name(proto, pc)
    }
}

impl Vm {
    /// How the function of frame `index` was called (see [`ThreadState::function_name`]).
    pub fn function_name(&self, index: usize) -> Option<Name> {
        self.thread.function_name(index)
    }

    /// A description such as ` (local 'x')` of the value at `slot`, which may be a register of the
    /// running function, the location of one of its upvalues, or anything else (no description).
    fn describe(&self, slot: *const Value) -> Vec<u8> {
        let Some(index) = self.frame_count().checked_sub(1) else {
            return Vec::new();
        };
        let view = self.frame(index);
        let (Some(closure), Some((proto, pc))) =
            (view.closure, self.thread.current_instruction(index))
        else {
            return Vec::new();
        };
        for upvalue in 0..closure.upvalue_count() {
            if closure.upvalue(upvalue).location().cast_const() == slot {
                return format_name(Some(("upvalue", upvalue_name(proto, upvalue))));
            }
        }
        match self.stack_index_of(slot) {
            Some(at) if at >= view.base && at < view.base + view.registers.len() => {
                format_name(register_name(proto, pc, at - view.base))
            }
            _ => Vec::new(),
        }
    }

    /// The type's name, or the string `__name` of its metatable (`luaT_objtypename`).
    pub fn type_name_of(&mut self, value: Value) -> Vec<u8> {
        let metatable = match (value.as_table(), value.as_userdata()) {
            (Some(table), _) => table.metatable(),
            (_, Some(userdata)) => userdata.metatable(),
            _ => None,
        };
        if let Some(metatable) = metatable {
            let key = self.heap.new_string(b"__name");
            if let Some(name) = metatable.get_str(key).as_str() {
                return until_nul(name.as_bytes()).to_vec();
            }
        }
        value.type_name().as_bytes().to_vec()
    }

    fn type_error_with(&mut self, value: Value, action: &str, extra: &[u8]) -> Box<LuaError> {
        let type_name = self.type_name_of(value);
        let message =
            [b"attempt to ", action.as_bytes(), b" a ", &type_name, b" value", extra].concat();
        self.runtime_error(message)
    }

    /// `attempt to <action> a <type> value (<name>)` for the operand at `slot`.
    #[cold]
    pub(crate) fn type_error(&mut self, slot: *const Value, action: &str) -> Box<LuaError> {
        let extra = self.describe(slot);
        // SAFETY: callers pass the address of a register, an upvalue, a constant or a local copy.
        let value = unsafe { *slot };
        self.type_error_with(value, action, &extra)
    }

    /// The error of calling the value at `slot`.
    #[cold]
    pub(crate) fn call_error(&mut self, slot: *const Value) -> Box<LuaError> {
        let name = self.thread.called_at(self.frame_count());
        let extra = match name {
            Some(_) => format_name(name),
            None => self.describe(slot),
        };
        // SAFETY: as in `type_error`.
        let value = unsafe { *slot };
        self.type_error_with(value, "call", &extra)
    }

    #[cold]
    pub(crate) fn for_error(&mut self, value: Value, what: &str) -> Box<LuaError> {
        let type_name = self.type_name_of(value);
        self.runtime_error(
            [b"bad 'for' ", what.as_bytes(), b" (number expected, got ", &type_name, b")"].concat(),
        )
    }

    #[cold]
    pub(crate) fn concat_error(
        &mut self,
        left: *const Value,
        right: *const Value,
    ) -> Box<LuaError> {
        // SAFETY: as in `type_error`.
        let left_is_fine = unsafe { (*left).is_string() || (*left).is_number() };
        self.type_error(if left_is_fine { right } else { left }, "concatenate")
    }

    /// The error of arithmetic (or bitwise operations) on operands that are not numbers.
    #[cold]
    pub(crate) fn operand_error(
        &mut self,
        left: *const Value,
        right: *const Value,
        action: &str,
    ) -> Box<LuaError> {
        // SAFETY: as in `type_error`.
        let left_is_wrong = unsafe { !(*left).is_number() };
        self.type_error(if left_is_wrong { left } else { right }, action)
    }

    /// The error of a bitwise operation on numbers without integer representation.
    #[cold]
    pub(crate) fn no_integer_error(
        &mut self,
        left: *const Value,
        right: *const Value,
    ) -> Box<LuaError> {
        // SAFETY: as in `type_error`.
        let left_is_fine = unsafe { super::arith::to_integer(*left).is_some() };
        let extra = self.describe(if left_is_fine { right } else { left });
        self.runtime_error([b"number", &extra[..], b" has no integer representation"].concat())
    }

    #[cold]
    pub(crate) fn order_error(&mut self, left: Value, right: Value) -> Box<LuaError> {
        let left = self.type_name_of(left);
        let right = self.type_name_of(right);
        let message = if left == right {
            [b"attempt to compare two ", &left[..], b" values"].concat()
        } else {
            [b"attempt to compare ", &left[..], b" with ", &right].concat()
        };
        self.runtime_error(message)
    }
}
