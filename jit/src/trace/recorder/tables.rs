//! Table access, length, upvalues.
//!
//! In:  GETTABUP .. SETFIELD, SELF, LEN, GETUPVAL, SETUPVAL.
//! Out: array accesses under a bounds guard, hash accesses with constant string keys through a
//!      guarded node, everything that might create a key through a helper call.
//!
//! Metatables: a read that finds a value never asks one; a read that finds nil, and any write, is
//! recorded only for tables without a metatable, and guarded so. Values are loaded under a guard
//! of their type.
//!
//! Upvalues: an open one that points at a register of the root frame *is* that register: the trace
//! uses its own value of the slot, under a guard that it still points there. Any other is memory,
//! reached through the upvalue's location, which is read anew in each run: a closed one, one that is
//! open in an earlier frame, one that is open on the stack of another thread. While a trace runs no
//! other thread does, no stack moves and no upvalue is opened or closed, so a location is good for
//! the run. Between two runs all of that happens. An upvalue that was open when it was recorded is
//! therefore guarded only to be no register of the root frame (closed, it is as good), and the
//! frames of other threads, resumers included, are nothing to an exit: it writes the running
//! thread's registers from the root frame on, and what was stored elsewhere is in its place already.

use super::*;
use crate::trace::view::{ArrayAccess, FieldAccess, UpvalueView};

/// A key as the recorder can express it.
enum Key {
    /// One-based, as in Lua.
    Int { ir: ValueId, actual: i64 },
    /// A constant short string.
    Str { ir: ValueId, actual: Value },
}

impl Recorder {
    pub(super) fn table_get(&mut self, view: &View, i: Instruction) -> Result<(), Abort> {
        let (table, key) = match i.op() {
            Opcode::GetTabUp => {
                let table = self.get_upvalue(view, i.b())?;
                (table, self.constant_operand(view, i.c())?)
            }
            Opcode::GetTable => (self.register(view, i.b())?, self.register(view, i.c())?),
            Opcode::GetI => (self.register(view, i.b())?, self.integer_operand(i.c() as i64)),
            Opcode::GetField => (self.register(view, i.b())?, self.constant_operand(view, i.c())?),
            _ => (self.register(view, i.b())?, self.register_or_constant(view, i)?),
        };
        if table.actual.tag() != Tag::Table {
            return Err(Abort::IndexOperand);
        }
        let value = match self.key(view, key, i)? {
            Key::Int { ir, actual } => self.get_int(view, table, ir, actual)?,
            Key::Str { ir, actual } => self.get_str(view, table, ir, actual)?,
        };
        if i.op() == Opcode::SelfIndex {
            self.set_register(i.a() + 1, table.ir);
        }
        self.set_register(i.a(), value);
        Ok(())
    }

    pub(super) fn table_set(&mut self, view: &View, i: Instruction) -> Result<(), Abort> {
        let (table, key) = match i.op() {
            Opcode::SetTabUp => {
                let table = self.get_upvalue(view, i.a())?;
                (table, self.constant_operand(view, i.b())?)
            }
            Opcode::SetTable => (self.register(view, i.a())?, self.register(view, i.b())?),
            Opcode::SetI => (self.register(view, i.a())?, self.integer_operand(i.b() as i64)),
            _ => (self.register(view, i.a())?, self.constant_operand(view, i.b())?),
        };
        let value = self.register_or_constant(view, i)?;
        if table.actual.tag() != Tag::Table {
            return Err(Abort::IndexOperand);
        }
        match self.key(view, key, i)? {
            Key::Int { ir, actual } => self.set_int(view, table, ir, actual, value),
            Key::Str { ir, actual } => self.set_str(view, table, ir, actual, value),
        }
    }

    /// Strings must be constants of the instruction: a node is found for one key only.
    fn key(&mut self, view: &View, key: Operand, i: Instruction) -> Result<Key, Abort> {
        match key.actual.tag() {
            Tag::Int => Ok(Key::Int { ir: key.ir, actual: key.actual.payload() as i64 }),
            Tag::Float => {
                let x = f64::from_bits(key.actual.payload());
                let actual = arith::float_to_int(x).ok_or(Abort::IndexKey)?;
                Ok(Key::Int { ir: self.int_of(key)?, actual })
            }
            Tag::Str if view.is_short_string(key.actual) => {
                let variable = match i.op() {
                    Opcode::GetTable | Opcode::SetTable => true,
                    Opcode::SelfIndex => !i.k(),
                    _ => false,
                };
                if variable {
                    return Err(Abort::IndexKey);
                }
                Ok(Key::Str { ir: key.ir, actual: key.actual })
            }
            _ => Err(Abort::IndexKey),
        }
    }

    // -- integer keys ------------------------------------------------------------------------

    /// Bounds-guarded address pair of an array element: array base and zero-based index.
    fn element(&mut self, table: ValueId, key: ValueId) -> (ValueId, ValueId) {
        let one = self.builder.kint(1);
        let index = self.pure(Op::Sub, Ty::Int, &[key, one]);
        let limit = self.pure(Op::TableLimit, Ty::Int, &[table]);
        self.guard(Op::GuardULt, &[index, limit]);
        let array = self.pure(Op::TableArray, Ty::Ptr, &[table]);
        (array, index)
    }

    fn get_int(
        &mut self,
        view: &View,
        table: Operand,
        key: ValueId,
        actual_key: i64,
    ) -> Result<ValueId, Abort> {
        let value = match view.array_element(table.actual, actual_key) {
            ArrayAccess::Inside(value) => value,
            ArrayAccess::Hash(value) if actual_key != 0 => {
                return self.get_hash_int(view, table, key, value);
            }
            ArrayAccess::Hash(_) | ArrayAccess::AboveLimit => return Err(Abort::IndexKey),
        };
        let ty = ty_of(value)?;
        let (array, index) = self.element(table.ir, key);
        let loaded = self.typed_load(Op::ArrayLoad, ty, &[array, index]);
        if ty == Ty::Nil {
            self.no_metatable(view, table)?;
        }
        Ok(loaded)
    }

    /// An integer key outside the array part: it has a node, or reads as nil. The key is not 0, for
    /// which the guard's comparison would say nothing.
    fn get_hash_int(
        &mut self,
        view: &View,
        table: Operand,
        key: ValueId,
        value: Option<Value>,
    ) -> Result<ValueId, Abort> {
        let size = self.pure(Op::TableArraySize, Ty::Int, &[table.ir]);
        self.guard(Op::GuardULt, &[size, key]);
        let address = self.pure(Op::HashFindInt, Ty::Ptr, &[table.ir, key]);
        let ty = ty_of(value.unwrap_or(Value::NIL))?;
        if ty == Ty::Nil {
            self.no_metatable(view, table)?;
        }
        if value.is_none() {
            self.guard(Op::GuardNull, &[address]);
            return Ok(self.primitive(Ty::Nil));
        }
        self.guard(Op::GuardNonNull, &[address]);
        Ok(self.typed_load(Op::HashLoad, ty, &[address]))
    }

    fn set_int(
        &mut self,
        view: &View,
        table: Operand,
        key: ValueId,
        actual_key: i64,
        value: Operand,
    ) -> Result<(), Abort> {
        ty_of(value.actual)?;
        self.no_metatable(view, table)?;
        match view.array_element(table.actual, actual_key) {
            ArrayAccess::Inside(_) => {
                let (array, index) = self.element(table.ir, key);
                self.store(Op::ArrayStore, &[array, index, value.ir]);
            }
            ArrayAccess::Hash(_) | ArrayAccess::AboveLimit => {
                self.may_grow()?;
                self.store(Op::TableSetInt, &[table.ir, key, value.ir]);
            }
        }
        Ok(())
    }

    // -- constant string keys ----------------------------------------------------------------

    fn get_str(
        &mut self,
        view: &View,
        table: Operand,
        key: ValueId,
        actual_key: Value,
    ) -> Result<ValueId, Abort> {
        match view.field(table.actual, actual_key) {
            FieldAccess::Node { index, value } => {
                let ty = ty_of(value)?;
                let address = self.node(table.ir, key, index);
                let loaded = self.typed_load(Op::HashLoad, ty, &[address]);
                if ty == Ty::Nil {
                    self.no_metatable(view, table)?;
                }
                Ok(loaded)
            }
            FieldAccess::Absent => {
                self.no_metatable(view, table)?;
                let address = self.pure(Op::HashFind, Ty::Ptr, &[table.ir, key]);
                self.guard(Op::GuardNull, &[address]);
                Ok(self.primitive(Ty::Nil))
            }
        }
    }

    fn set_str(
        &mut self,
        view: &View,
        table: Operand,
        key: ValueId,
        actual_key: Value,
        value: Operand,
    ) -> Result<(), Abort> {
        ty_of(value.actual)?;
        self.no_metatable(view, table)?;
        match view.field(table.actual, actual_key) {
            FieldAccess::Node { index, .. } => {
                let address = self.node(table.ir, key, index);
                self.store(Op::HashStore, &[address, value.ir]);
                // The table may itself be a metatable whose absence cache names this event.
                if view.string_bytes(actual_key).starts_with(b"__") {
                    self.store(Op::TableClearFlags, &[table.ir]);
                }
            }
            FieldAccess::Absent => {
                self.may_grow()?;
                self.store(Op::TableSetStr, &[table.ir, key, value.ir]);
            }
        }
        Ok(())
    }

    /// Whether a store that may add a key can be traced.
    fn may_grow(&self) -> Result<(), Abort> {
        if self.tables_may_grow { Ok(()) } else { Err(Abort::MemoryLimit) }
    }

    fn node(&mut self, table: ValueId, key: ValueId, index: u32) -> ValueId {
        let snapshot = self.snapshot();
        self.builder.push(Op::HashSlot, Ty::Ptr, &[table, key], i64::from(index), Some(snapshot))
    }

    pub(super) fn no_metatable(&mut self, view: &View, table: Operand) -> Result<(), Abort> {
        if view.has_metatable(table.actual) {
            return Err(Abort::Metatable);
        }
        let meta = self.pure(Op::TableMeta, Ty::Ptr, &[table.ir]);
        self.guard(Op::GuardNull, &[meta]);
        Ok(())
    }

    pub(super) fn length(&mut self, view: &View, i: Instruction) -> Result<(), Abort> {
        let operand = self.register(view, i.b())?;
        let length = match operand.actual.tag() {
            Tag::Str => self.pure(Op::StrLen, Ty::Int, &[operand.ir]),
            Tag::Table => {
                self.no_metatable(view, operand)?;
                self.pure(Op::TableLen, Ty::Int, &[operand.ir])
            }
            _ => return Err(Abort::LengthOperand),
        };
        self.set_register(i.a(), length);
        Ok(())
    }

    // -- upvalues ----------------------------------------------------------------------------

    pub(super) fn get_upvalue(&mut self, view: &View, index: usize) -> Result<Operand, Abort> {
        match self.upvalue(view, index)? {
            UpvaluePlace::Slot(slot, actual) => {
                Ok(Operand { ir: self.slot(slot, actual)?, actual })
            }
            UpvaluePlace::Memory(upvalue, actual) => {
                let ty = ty_of(actual)?;
                Ok(Operand { ir: self.typed_load(Op::UpvalueLoad, ty, &[upvalue]), actual })
            }
        }
    }

    pub(super) fn set_upvalue(
        &mut self,
        view: &View,
        index: usize,
        value: Operand,
    ) -> Result<(), Abort> {
        match self.upvalue(view, index)? {
            UpvaluePlace::Slot(slot, _) => self.slots.set(slot, value.ir),
            UpvaluePlace::Memory(upvalue, _) => {
                self.store(Op::UpvalueStore, &[upvalue, value.ir]);
            }
        }
        Ok(())
    }

    fn upvalue(&mut self, view: &View, index: usize) -> Result<UpvaluePlace, Abort> {
        let closure = self.closure();
        let upvalue = self.builder.push(Op::UpvalueRef, Ty::Ptr, &[closure], index as i64, None);
        match view.upvalue(index) {
            UpvalueView::Closed(value) => {
                self.guard(Op::GuardUpvalueClosed, &[upvalue]);
                Ok(UpvaluePlace::Memory(upvalue, value))
            }
            UpvalueView::Elsewhere(value) => Ok(self.outside_upvalue(upvalue, value)),
            UpvalueView::Open { stack_index, value } => {
                let slot = self.slot_from_stack(view, stack_index);
                if slot < -1 {
                    return Ok(self.outside_upvalue(upvalue, value));
                }
                if slot < 0 || slot >= self.frames[0].max_stack {
                    return Err(Abort::UpvalueAlias);
                }
                self.guard_upvalue(Op::GuardUpvalueSlot, upvalue, i64::from(slot));
                Ok(UpvaluePlace::Slot(slot, value))
            }
        }
    }

    fn outside_upvalue(&mut self, upvalue: ValueId, value: Value) -> UpvaluePlace {
        let registers = i64::from(self.frames[0].max_stack);
        self.guard_upvalue(Op::GuardUpvalueOutside, upvalue, registers);
        UpvaluePlace::Memory(upvalue, value)
    }

    fn guard_upvalue(&mut self, op: Op, upvalue: ValueId, imm: i64) {
        let snapshot = self.snapshot();
        self.builder.push(op, Ty::Void, &[upvalue], imm, Some(snapshot));
    }

    /// A stack index as a slot of the root frame.
    fn slot_from_stack(&self, view: &View, stack_index: usize) -> Slot {
        let running_base = view.base_index() as i64 - i64::from(self.frame().base);
        (stack_index as i64 - running_base).clamp(i64::from(Slot::MIN), i64::from(Slot::MAX))
            as Slot
    }
}

/// Where an upvalue's value is for the trace.
enum UpvaluePlace {
    /// A register of the root frame, and what it is now.
    Slot(Slot, Value),
    /// Behind an upvalue object, and what it is now.
    Memory(ValueId, Value),
}
