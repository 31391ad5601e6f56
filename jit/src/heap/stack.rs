//! The value stack of one thread.
//!
//! In:  how many slots.   Out: [`Stack`], an array of value slots that starts as nil.
//!
//! There are two kinds:
//! - the main thread's is a fixed reservation of address space, which uses memory only where slots
//!   were touched and never moves;
//! - a coroutine's starts small and moves when it grows ([`Stack::grow`]).
//!
//! Invariants:
//! - every slot holds a valid value at all times: it starts as nil, and the collector resets slots
//!   above the live frames before it frees what they refer to;
//! - slots below `LIMIT` are for programs; the rest is room for reporting a stack overflow and for
//!   frames that were admitted just below the limit;
//! - a stack moves only when its running thread asks for room (`Vm::admit` and its kin). Slot addresses
//!   are therefore good between two such points: open upvalues are corrected by the mover, the
//!   interpreter takes its base address anew after everything that may call, and a trace asks for its
//!   room before it is entered.
//!
//! Why coroutines do not reserve address space as well: a reservation costs a system call and a page
//! fault to make, another call to give back, and at least two pages of memory to hold (its own and one
//! of page table), where a small block of the allocator costs under a tenth of a microsecond and 1 KiB.
//! A hundred thousand coroutines fit that way, and growing is rare.

use super::alloc::Allocator;
use super::value::{VALUE_SIZE, Value};
use std::ptr::NonNull;

/// Slots a program may use (`LUAI_MAXSTACK`).
pub const LIMIT: usize = 1_000_000;
/// Room above the limit.
const RESERVE: usize = 8192;
/// Slots of a coroutine's first stack: a small Lua function and a library function it calls.
const FIRST_SLOTS: usize = 64;

pub struct Stack {
    slots: NonNull<Value>,
    capacity: u32,
    is_fixed: bool,
}

impl Stack {
    /// A stack that has all the slots it may ever need.
    pub fn new_fixed(allocator: &mut Allocator) -> Stack {
        let capacity = LIMIT + RESERVE;
        let slots = allocator.reserve(capacity * VALUE_SIZE).cast();
        Stack { slots, capacity: capacity as u32, is_fixed: true }
    }

    /// A small stack that moves when it grows.
    pub fn new_growing(allocator: &mut Allocator) -> Stack {
        let slots = allocator.allocate_zeroed(FIRST_SLOTS * VALUE_SIZE).cast();
        Stack { slots, capacity: FIRST_SLOTS as u32, is_fixed: false }
    }

    /// No slots at all.
    pub fn empty() -> Stack {
        Stack { slots: NonNull::dangling(), capacity: 0, is_fixed: false }
    }

    /// Gives the memory back; the stack is then empty.
    ///
    /// # Safety
    /// `allocator` is the one that made the stack; no slot address is used afterwards.
    pub unsafe fn free(&mut self, allocator: &mut Allocator) {
        let bytes = self.bytes();
        let old = std::mem::replace(self, Stack::empty());
        // SAFETY: by the caller's promise.
        unsafe {
            if old.is_fixed {
                allocator.unreserve(old.slots.cast(), bytes);
            } else if bytes > 0 {
                allocator.release(old.slots.cast(), bytes);
            }
        }
    }

    /// Moves to a place with at least `needed` slots, usually twice as many as before.
    ///
    /// # Safety
    /// `allocator` is the one that made the stack, which is not fixed. Addresses of old slots are not
    /// used afterwards; the caller corrects the open upvalues.
    pub unsafe fn grow(&mut self, allocator: &mut Allocator, needed: usize) {
        debug_assert!(!self.is_fixed);
        let capacity = needed.max((self.capacity() * 2).clamp(FIRST_SLOTS, LIMIT));
        let slots = allocator.allocate_zeroed(capacity * VALUE_SIZE).cast::<Value>();
        // SAFETY: the new block has room for all old slots; the rest is all nil.
        unsafe {
            std::ptr::copy_nonoverlapping(self.slots.as_ptr(), slots.as_ptr(), self.capacity());
            self.free(allocator);
        }
        *self = Stack { slots, capacity: capacity as u32, is_fixed: false };
    }

    #[inline(always)]
    pub fn base(&self) -> *mut Value {
        self.slots.as_ptr()
    }
    /// Slots there are.
    #[inline(always)]
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }
    pub fn is_fixed(&self) -> bool {
        self.is_fixed
    }
    fn bytes(&self) -> usize {
        self.capacity() * VALUE_SIZE
    }
    #[inline(always)]
    pub fn slot(&self, index: usize) -> *mut Value {
        debug_assert!(index <= self.capacity());
        // SAFETY: indices come from frames, whose extent is checked against the capacity when pushed.
        unsafe { self.slots.as_ptr().add(index) }
    }
    #[inline(always)]
    pub fn get(&self, index: usize) -> Value {
        assert!(index < self.capacity());
        // SAFETY: the index was checked; every slot holds a valid value.
        unsafe { *self.slots.as_ptr().add(index) }
    }
    #[inline(always)]
    pub fn set(&mut self, index: usize, value: Value) {
        assert!(index < self.capacity());
        // SAFETY: the index was checked.
        unsafe { *self.slots.as_ptr().add(index) = value }
    }
    /// Slots `start .. end`.
    pub fn slice(&self, start: usize, end: usize) -> &[Value] {
        assert!(start <= end && end <= self.capacity());
        // SAFETY: the range was checked; every slot holds a valid value.
        unsafe { std::slice::from_raw_parts(self.slots.as_ptr().add(start), end - start) }
    }
    /// Slots `start .. end`, to be written.
    pub fn slice_mut(&mut self, start: usize, end: usize) -> &mut [Value] {
        assert!(start <= end && end <= self.capacity());
        // SAFETY: the range was checked; every slot holds a valid value.
        unsafe { std::slice::from_raw_parts_mut(self.slots.as_ptr().add(start), end - start) }
    }
    /// The index of a slot, if `address` is one.
    pub fn index_of(&self, address: *const Value) -> Option<usize> {
        let offset = (address as usize).checked_sub(self.slots.as_ptr() as usize)?;
        (offset < self.bytes()).then_some(offset / VALUE_SIZE)
    }
    /// Address and size of the slots, for the memory map.
    pub fn region(&self) -> (u64, u64) {
        (self.slots.as_ptr() as u64, self.bytes() as u64)
    }
}
