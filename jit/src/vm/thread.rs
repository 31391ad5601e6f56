//! Threads: coroutines and the main thread.
//!
//! In:  a stack, or the object of a thread.   Out: [`ThreadState`]'s room, roots and upvalues; access to
//! every thread of a VM.
//!
//! The state of the running thread is in `Vm::thread`, so that the interpreter reaches it without a
//! detour; the states of all others are in their objects. [`Vm::thread_state`] finds either.
//!
//! Invariants:
//! - exactly one thread is running (`Vm::current`); the threads that wait for it, each because it
//!   resumed the next, are linked by `resumer` down to the main thread;
//! - the state in an object is initialized exactly while the thread does not run;
//! - open upvalues of a thread are in its list until it ends, is closed, or is found unreachable.

use super::Vm;
use super::frame::{Frame, NO_FRAME, ThreadState};
use super::hook::Hooks;
use crate::heap::alloc::Allocator;
use crate::heap::layout::{GcHeader, ThreadStatus};
use crate::heap::mark::Marker;
use crate::heap::stack::{LIMIT, Stack};
use crate::heap::{ThreadRef, UpvalueRef, Value};
use std::ptr::NonNull;

/// Slots that the main thread admits at a time.
const STACK_STEP: usize = 1024;

impl ThreadState {
    /// A thread without frames. Slot 0 stands for the function of the outermost level, as in PUC.
    pub(crate) fn new(stack: Stack) -> ThreadState {
        let checked_end = if stack.is_fixed() { 0 } else { stack.capacity() as u32 };
        ThreadState {
            stack,
            frames: Vec::new(),
            waiting: Vec::new(),
            top: 1,
            checked_end,
            admitted_end: checked_end,
            hooks: Hooks::default(),
            open_upvalues: std::ptr::null_mut(),
            handler: 0,
            to_be_closed: Vec::new(),
            unyieldable: 0,
            base_c_calls: 0,
            interruptions: 0,
            catching: 0,
            finalizer: NO_FRAME,
            overflowing: false,
            handler_top: 0,
        }
    }

    /// The call frames, outermost first.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Notes that slots below `end` may be in use, making them if need be: a growing stack moves.
    pub(crate) fn extend(&mut self, allocator: &mut Allocator, end: usize) {
        if end > self.stack.capacity() && !self.stack.is_fixed() {
            self.move_stack(allocator, end);
        }
        let end = end.max(self.checked_end as usize);
        // Whole steps, but never past the limit unasked: a deep recursion must end where it does.
        let step = if self.stack.is_fixed() {
            end.next_multiple_of(STACK_STEP)
        } else {
            self.stack.capacity()
        };
        self.set_checked_end(step.min(end.max(LIMIT)));
    }

    fn move_stack(&mut self, allocator: &mut Allocator, needed: usize) {
        let old = self.stack.base() as usize;
        // SAFETY: all stacks come from the heap's allocator; open upvalues are corrected below, and
        // nobody else keeps slot addresses across a request for room (see `heap::stack`).
        unsafe {
            self.stack.grow(allocator, needed);
            let mut upvalue = self.open_upvalues;
            while let Some(open) = upvalue.as_mut() {
                let offset = open.location as usize - old;
                open.location = self.stack.base().byte_add(offset);
                upvalue = open.next_open;
            }
        }
    }

    /// Closes every upvalue at or above stack slot `level`; `barrier` is told what is stored where.
    pub(crate) fn close_upvalues(
        &mut self,
        level: usize,
        mut barrier: impl FnMut(*mut GcHeader, Value),
    ) {
        let level = self.stack.slot(level);
        // SAFETY: the list holds open upvalues; closing copies the slot and unlinks.
        unsafe {
            while let Some(upvalue) = self.open_upvalues.as_mut() {
                if upvalue.location < level {
                    break;
                }
                self.open_upvalues = upvalue.next_open;
                let value = *upvalue.location;
                barrier(&raw mut upvalue.header, value);
                upvalue.closed = value;
                upvalue.location = &raw mut upvalue.closed;
            }
        }
    }
}

/// For the collector.
impl ThreadState {
    /// End of the slots that may be in use: those of a native frame end at the top, and so do those
    /// that the Lua frame which called it uses.
    pub(crate) fn live_end(&self) -> usize {
        match self.frames.last() {
            Some(frame) if frame.is_lua() => self.extent(),
            _ => self.top as usize,
        }
    }

    /// End of the slots that frames own.
    fn extent(&self) -> usize {
        let frames = self.frames.iter().map(|frame| frame.top);
        let end = frames.max().unwrap_or(0).max(self.top) as usize;
        end.min(self.stack.capacity())
    }

    /// End of the slots that were in use since dead ones were last cleared.
    pub(crate) fn dirty_end(&self) -> usize {
        self.extent().max(self.checked_end as usize)
    }

    /// Sets the slots from `end` on to nil: they may hold values that nothing keeps alive.
    pub(crate) fn clear_dead_slots(&mut self, end: usize) {
        let extent = self.extent();
        self.stack.slice_mut(end, self.dirty_end()).fill(Value::NIL);
        if self.stack.is_fixed() {
            self.set_checked_end(extent.next_multiple_of(STACK_STEP).min(extent.max(LIMIT)));
        }
    }

    /// Marks everything that the thread refers to: its slots before `end` and its open upvalues, which
    /// stay in its list whether a closure refers to them or not.
    pub(crate) fn mark(&self, marker: &mut Marker, end: usize) {
        marker.values(self.stack.slice(0, end));
        // Looking for the end of the slots, and clearing those behind it, is work as well.
        marker.count_work(self.frames.len() + (self.checked_end as usize).saturating_sub(end));
        let mut upvalue = self.open_upvalues;
        while let Some(open) = NonNull::new(upvalue) {
            marker.upvalue(UpvalueRef::from_ptr(open));
            // SAFETY: the list holds live upvalues.
            upvalue = unsafe { (*upvalue).next_open };
        }
    }
}

impl ThreadRef {
    pub fn status(self) -> ThreadStatus {
        // SAFETY: a handle points to a live thread.
        unsafe { (*self.as_ptr()).status }
    }
    pub(crate) fn set_status(self, status: ThreadStatus) {
        // SAFETY: as in `status`.
        unsafe { (*self.as_ptr()).status = status }
    }
    /// Whether the error that ended a failed thread was "not enough memory".
    pub fn failed_for_memory(self) -> bool {
        // SAFETY: as in `status`.
        unsafe { (*self.as_ptr()).is_memory_error }
    }
    /// The thread that resumed this one, if this one runs or waits for another.
    pub fn resumer(self) -> Option<ThreadRef> {
        // SAFETY: as in `status`; the resumer is kept alive by this thread.
        NonNull::new(unsafe { (*self.as_ptr()).resumer }).map(ThreadRef::from_ptr)
    }

    /// The state, unless the thread is running.
    pub(crate) fn suspended_state<'a>(self) -> Option<&'a ThreadState> {
        if self.status() == ThreadStatus::Running {
            return None;
        }
        // SAFETY: a handle points to a live thread, whose state is initialized as it does not run.
        Some(unsafe { (*self.as_ptr()).state.assume_init_ref() })
    }

    /// The state, unless the thread is running.
    ///
    /// # Safety
    /// While the reference lives, there is no other to this state, and the thread is not resumed.
    pub(crate) unsafe fn suspended_state_mut<'a>(self) -> Option<&'a mut ThreadState> {
        if self.status() == ThreadStatus::Running {
            return None;
        }
        // SAFETY: as in `suspended_state`, and by the caller's promise.
        Some(unsafe { (*self.as_ptr()).state.assume_init_mut() })
    }
}

impl Vm {
    /// The thread that runs.
    pub fn current_thread(&self) -> ThreadRef {
        self.current
    }
    /// The thread that is not a coroutine.
    pub fn main_thread(&self) -> ThreadRef {
        self.main
    }
    /// The running thread and those that wait for it, innermost first.
    pub fn active_threads(&self) -> impl Iterator<Item = ThreadRef> + '_ {
        std::iter::successors(Some(self.current), |thread| thread.resumer())
    }
    /// Stack and frames of any thread.
    pub fn thread_state(&self, thread: ThreadRef) -> &ThreadState {
        thread.suspended_state().unwrap_or(&self.thread)
    }
    /// Stack and frames of any thread, to be changed; addresses of slots must not be kept.
    pub(crate) fn thread_state_mut(&mut self, thread: ThreadRef) -> &mut ThreadState {
        // SAFETY: the reference borrows the VM, so no other is made and nothing is resumed meanwhile.
        unsafe { thread.suspended_state_mut() }.unwrap_or(&mut self.thread)
    }
}
