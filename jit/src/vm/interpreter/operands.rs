//! What the loop's locals point at: registers, constants, code.
//!
//! In:  addresses that the loop keeps in machine registers, operands of verified instructions.
//! Out: values, read and written without a check.
//!
//! Invariants: those of the [loop](super): operands are in range, the frame has its room, and the closure
//! that runs is alive.

use crate::bytecode::Instruction;
use crate::heap::layout::Closure;
use crate::heap::{ClosureRef, StrRef, TableRef, Tag, UpvalueRef, Value};
use std::ptr::NonNull;

/// The registers of the running function.
#[derive(Clone, Copy)]
pub(super) struct Registers(pub(super) *mut Value);

impl Registers {
    #[inline(always)]
    pub(super) fn at(self, index: usize) -> *mut Value {
        // SAFETY: verified code names registers below `max_stack_size`, for which the frame has room.
        unsafe { self.0.add(index) }
    }
    #[inline(always)]
    pub(super) fn get(self, index: usize) -> Value {
        // SAFETY: as in `at`; every stack slot holds a valid value.
        unsafe { *self.at(index) }
    }
    #[inline(always)]
    pub(super) fn set(self, index: usize, value: Value) {
        // SAFETY: as in `at`.
        unsafe { *self.at(index) = value }
    }
    /// Puts a result where the function was.
    #[inline(always)]
    pub(super) fn set_function_slot(self, value: Value) {
        // SAFETY: the slot below a Lua frame's registers holds its closure.
        unsafe { *self.0.sub(1) = value }
    }
    /// The running function, which is in the slot below the registers.
    #[inline(always)]
    pub(super) fn closure(self) -> *mut Closure {
        // SAFETY: the slot below a Lua frame's registers holds its closure.
        unsafe { (*self.0.sub(1)).payload() as *mut Closure }
    }
    /// An upvalue of the running function.
    #[inline(always)]
    pub(super) fn upvalue_object(self, index: usize) -> UpvalueRef {
        // SAFETY: verified code names upvalues that the closure has.
        unsafe {
            let closure = ClosureRef::from_ptr(NonNull::new_unchecked(self.closure()));
            UpvalueRef::from_ptr(NonNull::new_unchecked(*closure.upvalue_slots().add(index)))
        }
    }
    /// Location of an upvalue of the running function.
    #[inline(always)]
    pub(super) fn upvalue(self, index: usize) -> *mut Value {
        self.upvalue_object(index).location()
    }
}

/// The constants of the running function.
#[derive(Clone, Copy)]
pub(super) struct Constants(pub(super) *const Value);

impl Constants {
    #[inline(always)]
    pub(super) fn at(self, index: usize) -> *const Value {
        // SAFETY: verified code names constants that exist.
        unsafe { self.0.add(index) }
    }
    #[inline(always)]
    pub(super) fn get(self, index: usize) -> Value {
        // SAFETY: as in `at`.
        unsafe { *self.at(index) }
    }
    /// A constant that the verifier knows to be a string.
    #[inline(always)]
    pub(super) fn string(self, index: usize) -> StrRef {
        Operand(self.at(index)).string()
    }
}

/// The next instruction.
#[derive(Clone, Copy)]
pub(super) struct Cursor(pub(super) *const Instruction);

impl Cursor {
    #[inline(always)]
    pub(super) fn fetch(&mut self) -> Instruction {
        // SAFETY: the pointer is inside the code, which ends in a return.
        unsafe {
            let instruction = *self.0;
            self.0 = self.0.add(1);
            instruction
        }
    }
    #[inline(always)]
    pub(super) fn peek(self) -> Instruction {
        // SAFETY: only called where verified code has another instruction.
        unsafe { *self.0 }
    }
    #[inline(always)]
    pub(super) fn skip(&mut self, distance: isize) {
        // SAFETY: verified jumps stay inside the code.
        self.0 = unsafe { self.0.offset(distance) };
    }
}

/// A register, a constant or an upvalue's value, read as what its tag says.
#[derive(Clone, Copy)]
pub(super) struct Operand(pub(super) *const Value);

impl Operand {
    #[inline(always)]
    pub(super) fn value(self) -> Value {
        // SAFETY: made from the address of a valid value.
        unsafe { *self.0 }
    }
    #[inline(always)]
    pub(super) fn tag(self) -> Tag {
        // SAFETY: as in `value`.
        unsafe { (*self.0).tag() }
    }
    /// The payload of a value whose tag is `Int`.
    #[inline(always)]
    pub(super) fn int(self) -> i64 {
        debug_assert!(self.tag() == Tag::Int);
        // SAFETY: a value begins with its payload, and any payload is an integer.
        unsafe { *self.0.cast::<i64>() }
    }
    /// The payload of a value whose tag is `Float`.
    #[inline(always)]
    pub(super) fn float(self) -> f64 {
        debug_assert!(self.tag() == Tag::Float);
        // SAFETY: a value begins with its payload, and any payload is a float.
        unsafe { *self.0.cast::<f64>() }
    }
    #[inline(always)]
    pub(super) fn to_float(self) -> Option<f64> {
        match self.tag() {
            Tag::Float => Some(self.float()),
            Tag::Int => Some(self.int() as f64),
            _ => None,
        }
    }
    /// The object of a value whose tag is `Table`.
    #[inline(always)]
    pub(super) fn table(self) -> TableRef {
        debug_assert!(self.tag() == Tag::Table);
        let pointer = self.value().payload() as *mut crate::heap::layout::Table;
        // SAFETY: the payload of a table value is a pointer to a table.
        TableRef::from_ptr(unsafe { NonNull::new_unchecked(pointer) })
    }
    /// The object of a value whose tag is `Str`.
    #[inline(always)]
    pub(super) fn string(self) -> StrRef {
        debug_assert!(self.tag() == Tag::Str);
        let pointer = self.value().payload() as *mut crate::heap::layout::Str;
        // SAFETY: the payload of a string value is a pointer to a string.
        StrRef::from_ptr(unsafe { NonNull::new_unchecked(pointer) })
    }
}
