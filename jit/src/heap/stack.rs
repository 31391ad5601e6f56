//! The value stack of one thread.
//!
//! In:  nothing.   Out: [`Stack`], a fixed reservation of value slots that never moves.
//!
//! Invariants:
//! - every slot holds a valid value at all times: it starts as nil, and the collector resets slots
//!   above the live frames before it frees what they refer to;
//! - slots below `LIMIT` are for programs; the rest is room for reporting a stack overflow and for
//!   frames that were admitted just below the limit.
//!
//! Why fixed: open upvalues, the interpreter and traces may all keep slot addresses across calls. The
//! reservation is address space; memory is used only where slots were touched.

use super::alloc::Allocator;
use super::value::{VALUE_SIZE, Value};
use std::ptr::NonNull;

/// Slots a program may use (`LUAI_MAXSTACK`).
pub const LIMIT: usize = 1_000_000;
/// Room above the limit.
const RESERVE: usize = 8192;

pub struct Stack {
    slots: NonNull<Value>,
}

pub const STACK_BYTES: usize = (LIMIT + RESERVE) * VALUE_SIZE;

impl Stack {
    pub fn new(allocator: &mut Allocator) -> Stack {
        Stack { slots: allocator.reserve(STACK_BYTES).cast() }
    }

    /// # Safety
    /// `allocator` is the one that made the stack; no slot address is used afterwards.
    pub unsafe fn free(&mut self, allocator: &mut Allocator) {
        // SAFETY: by the caller's promise.
        unsafe { allocator.unreserve(self.slots.cast(), STACK_BYTES) };
    }

    #[inline(always)]
    pub fn base(&self) -> *mut Value {
        self.slots.as_ptr()
    }
    #[inline(always)]
    pub fn slot(&self, index: usize) -> *mut Value {
        debug_assert!(index < LIMIT + RESERVE);
        // SAFETY: indices come from frames, whose extent is checked against the limit when pushed.
        unsafe { self.slots.as_ptr().add(index) }
    }
    #[inline(always)]
    pub fn get(&self, index: usize) -> Value {
        assert!(index < LIMIT + RESERVE);
        // SAFETY: the index was checked; every slot holds a valid value.
        unsafe { *self.slots.as_ptr().add(index) }
    }
    #[inline(always)]
    pub fn set(&mut self, index: usize, value: Value) {
        assert!(index < LIMIT + RESERVE);
        // SAFETY: the index was checked.
        unsafe { *self.slots.as_ptr().add(index) = value }
    }
    /// Slots `start .. end`.
    pub fn slice(&self, start: usize, end: usize) -> &[Value] {
        assert!(start <= end && end <= LIMIT + RESERVE);
        // SAFETY: the range was checked; every slot holds a valid value.
        unsafe { std::slice::from_raw_parts(self.slots.as_ptr().add(start), end - start) }
    }
    /// Slots `start .. end`, to be written.
    pub fn slice_mut(&mut self, start: usize, end: usize) -> &mut [Value] {
        assert!(start <= end && end <= LIMIT + RESERVE);
        // SAFETY: the range was checked; every slot holds a valid value.
        unsafe { std::slice::from_raw_parts_mut(self.slots.as_ptr().add(start), end - start) }
    }
    /// The index of a slot, if `address` is one.
    pub fn index_of(&self, address: *const Value) -> Option<usize> {
        let offset = (address as usize).checked_sub(self.slots.as_ptr() as usize)?;
        (offset < STACK_BYTES).then_some(offset / VALUE_SIZE)
    }
    /// Address and size of the reservation, for the memory map.
    pub fn region(&self) -> (u64, u64) {
        (self.slots.as_ptr() as u64, STACK_BYTES as u64)
    }
}
