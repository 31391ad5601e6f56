//! What instructions build: tables, lists, closures, and the copies of extra arguments.
//!
//! In: the instruction, of the frame on top.   Out: objects; registers filled.

use super::EXTRA_UNIT;
use super::operands::Registers;
use crate::bytecode::Instruction;
use crate::heap::table::TableError;
use crate::heap::{ClosureRef, TableRef, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use std::ptr::NonNull;

impl Vm {
    pub(super) fn make_table(&mut self, i: Instruction, extra: Instruction) -> LuaResult<Value> {
        // Only a binary chunk can ask for more than there can be.
        let hash = match (i.b() as u32).checked_sub(1) {
            Some(log2) => 1u32.checked_shl(log2).unwrap_or(u32::MAX),
            None => 0,
        };
        let array = i.c() + if i.k() { extra.ax() * EXTRA_UNIT } else { 0 };
        if hash == 0 && array == 0 {
            return Ok(Value::from(self.heap.new_table()));
        }
        self.or_collect(|vm| {
            let table = vm.heap.new_table();
            table.try_resize(&mut vm.heap, array as u32, hash)?;
            Ok(Value::from(table))
        })
    }

    pub(super) fn set_list(&mut self, i: Instruction, extra: usize) -> LuaResult<()> {
        let base = self.register_index(i.a());
        let count = count_from_list(i.b(), base, self.thread.top);
        let Some(table) = self.thread.stack.get(base).as_table() else {
            // No compiler's code: only a changed binary chunk comes here.
            return Err(self.type_error(self.thread.stack.slot(base), "index"));
        };
        let last = i.c() + extra * EXTRA_UNIT + count;
        self.or_collect(|vm| vm.fill_list(table, base, last, count))
    }

    pub(super) fn fill_list(
        &mut self,
        table: TableRef,
        base: usize,
        last: usize,
        count: usize,
    ) -> Result<(), TableError> {
        if last > table.array_size() as usize {
            let size = u32::try_from(last).map_err(|_| TableError::Overflow)?;
            table.resize_array(&mut self.heap, size)?;
        }
        for offset in (1..=count).rev() {
            let value = self.thread.stack.get(base + offset);
            table.set_array_slot(&mut self.heap, last - (count - offset), value);
        }
        Ok(())
    }

    pub(super) fn make_closure(&mut self, registers: Registers, index: usize) -> ClosureRef {
        // SAFETY: the running closure is live, and verified code names a child that exists.
        let outer = unsafe { ClosureRef::from_ptr(NonNull::new_unchecked(registers.closure())) };
        let proto = outer.proto().child(index);
        let upvalues = &proto.proto.upvalues;
        let closure = ClosureRef::from_ptr(self.heap.new_closure(proto, upvalues.len()));
        for (position, description) in upvalues.iter().enumerate() {
            let source = usize::from(description.index);
            let upvalue = if description.in_stack {
                self.find_upvalue(registers.at(source))
            } else {
                outer.upvalue(source)
            };
            closure.set_upvalue(position, upvalue);
        }
        closure
    }

    pub(super) fn copy_varargs(&mut self, i: Instruction) -> LuaResult<()> {
        let frame = *self.thread.top_frame();
        let available = frame.extra_args as usize;
        let target = frame.func as usize + 1 + i.a();
        let wanted = match i.c() {
            0 => {
                if !self.admit(frame.top as usize + available) {
                    return Err(self.stack_overflow(frame.top as usize));
                }
                self.thread.top = (target + available) as u32;
                available
            }
            c => c - 1,
        };
        let first = frame.func as usize - available;
        let copied = wanted.min(available);
        for index in 0..copied {
            let value = self.thread.stack.get(first + index);
            self.thread.stack.set(target + index, value);
        }
        for index in target + copied..target + wanted {
            self.thread.stack.set(index, Value::NIL);
        }
        Ok(())
    }
}

/// Number of items of a SETLIST.
fn count_from_list(operand: usize, base: usize, top: u32) -> usize {
    if operand != 0 { operand } else { top as usize - base - 1 }
}
