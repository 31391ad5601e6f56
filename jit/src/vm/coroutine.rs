//! Coroutines: create, resume, yield, end, close.
//!
//! In:  what a native asks for ([`Vm::resume_then`], [`Vm::yield_values`]).   Out: another thread runs.
//!
//! Resuming switches the thread under the interpreter loop; nothing recurses in Rust. The native that
//! resumes (`coroutine.resume`, the function of `coroutine.wrap`) keeps its frame and waits; what the
//! coroutine yields, returns or fails with completes it. The frame of `coroutine.yield` waits in the
//! same way for the values of the next resume. Values go straight from one stack to their place on the
//! other, unless hooks want to see the return or the stack has to grow.
//!
//! Invariants:
//! - a coroutine that was not started has no frames and its function in slot 1;
//! - a thread with a call under way that recurses in Rust (`Vm::call`) is not yieldable;
//! - a coroutine that ends gives its stack back at once; one that fails keeps its frames, for
//!   tracebacks, and its pending variables, until it is closed.

use super::Vm;
use super::call::{After, Flow, MAX_C_CALLS};
use super::error::{ErrorKind, LuaError, LuaResult};
use super::frame::{NO_FRAME, ThreadState, flag};
use super::native::{Return, Returned};
use crate::heap::layout::ThreadStatus;
use crate::heap::stack::{LIMIT, Stack};
use crate::heap::{ThreadRef, Value};

/// Where a coroutine's function is before it starts; level of everything on its stack.
const BODY_SLOT: usize = 1;

/// For the library.
impl Vm {
    /// A coroutine that will run `function`.
    pub fn new_coroutine(&mut self, function: Value) -> ThreadRef {
        let stack = Stack::new_growing(&mut self.heap.allocator);
        let mut state = ThreadState::new(stack);
        state.stack.set(BODY_SLOT, function);
        state.top = BODY_SLOT as u32 + 1;
        let thread = self.heap.new_thread(Some(state));
        if self.thread.hooks.mask != 0 {
            self.inherit_hooks(thread);
        }
        thread
    }

    /// Resumes `thread` with the topmost `nargs` values, and returns what it yields or returns. An
    /// error, also that it cannot be resumed, is a result of the native (false and the error), or, if
    /// it `wraps` the coroutine, raised.
    pub fn resume(&mut self, thread: ThreadRef, nargs: usize, wraps: bool) -> LuaResult<Returned> {
        let refusal = match thread.status() {
            ThreadStatus::Suspended if self.c_calls >= MAX_C_CALLS => "C stack overflow",
            ThreadStatus::Suspended if self.has_room(thread, nargs) => {
                let kind = if wraps { flag::WRAPS } else { flag::RESUMES };
                self.thread.top_frame_mut().flags |= kind;
                return Ok(Returned(Return::Resume { thread, nargs: nargs as u32 }));
            }
            ThreadStatus::Suspended => "too many arguments to resume",
            ThreadStatus::Running | ThreadStatus::Normal => "cannot resume non-suspended coroutine",
            ThreadStatus::Dead | ThreadStatus::Failed => "cannot resume dead coroutine",
        };
        let message = self.heap.new_string_value(refusal.as_bytes());
        if wraps {
            return Err(self.wrapped_error(None, message));
        }
        self.ret_all(&[Value::FALSE, message])
    }

    /// Suspends the running coroutine; the topmost `count` values go to its resumer, and those of the
    /// next resume become the results of the native.
    pub fn yield_values(&mut self, count: usize) -> LuaResult<Returned> {
        if self.thread.unyieldable == 0 {
            return Ok(Returned(Return::Yield(count as u32)));
        }
        Err(self.runtime_error(if self.current == self.main {
            "attempt to yield from outside a coroutine"
        } else {
            "attempt to yield across a C-call boundary"
        }))
    }

    /// The function of a coroutine that was not started yet.
    pub fn coroutine_body(&self, thread: ThreadRef) -> Option<Value> {
        let state = self.thread_state(thread);
        let fresh = thread.status() == ThreadStatus::Suspended && state.frames.is_empty();
        fresh.then(|| state.stack.get(BODY_SLOT))
    }

    /// Whether a thread has no calls under way that cannot be suspended.
    pub fn is_yieldable(&self, thread: ThreadRef) -> bool {
        self.thread_state(thread).unyieldable == 0
    }

    /// Ends a coroutine that does not run: closes its pending variables. Returns the error it ended
    /// with, or that closing it raised.
    pub fn close_coroutine(&mut self, thread: ThreadRef) -> LuaResult<Option<Value>> {
        debug_assert!(!matches!(thread.status(), ThreadStatus::Running | ThreadStatus::Normal));
        let has_failed = thread.status() == ThreadStatus::Failed;
        let state = self.thread_state_mut(thread);
        let error = has_failed.then(|| state.stack.get(state.top as usize - 1));
        state.frames.clear();
        state.waiting.clear();
        (state.handler, state.unyieldable, state.catching) = (0, 0, 0);
        let result = if state.has_to_be_closed(BODY_SLOT) {
            self.switch_down(thread);
            // Closing does not nest as resuming does.
            self.c_calls -= 1;
            let result = self.close_protected(BODY_SLOT, error);
            self.switch_up(ThreadStatus::Dead);
            result
        } else {
            Ok(error)
        };
        self.bury(thread);
        result
    }
}

/// For the interpreter.
impl Vm {
    /// Runs a suspended coroutine with the topmost `nargs` values, on behalf of the native on top.
    /// `Done`: it has already ended, and the native is complete.
    pub(super) fn enter_coroutine(&mut self, thread: ThreadRef, nargs: usize) -> LuaResult<Flow> {
        if self.thread_state(thread).frames.is_empty() {
            return self.start_coroutine(thread, nargs);
        }
        let completed = self.complete_waiting(thread, nargs);
        self.switch_down(thread);
        let flags = match completed {
            Some(flags) => flags,
            None => self.return_pushed(nargs)?,
        };
        if flags == 0 {
            return Ok(Flow::Enter);
        }
        self.after_return(flags, true).map(After::flow)
    }

    fn start_coroutine(&mut self, thread: ThreadRef, nargs: usize) -> LuaResult<Flow> {
        self.hand_over(thread, nargs);
        self.switch_down(thread);
        if self.c_calls >= MAX_C_CALLS {
            return Err(self.runtime_error("C stack overflow"));
        }
        let flow = self.precall(BODY_SLOT, nargs, -1, flag::BODY)?;
        if flow == Flow::Done {
            self.end_coroutine()?;
        }
        Ok(flow)
    }

    /// The running coroutine yields the topmost `count` values; the frame of the native that asked for
    /// it stays. What its resumer does with them is complete when this returns.
    pub(super) fn leave_coroutine(&mut self, count: usize) -> LuaResult<Flow> {
        self.interrupt(self.c_calls - self.thread.base_c_calls);
        let flags = self.hand_up(count, ThreadStatus::Suspended)?;
        if flags == 0 {
            return Ok(Flow::Enter);
        }
        self.after_return(flags, false).map(After::flow)
    }

    /// The body of the running coroutine has returned: its results are from its slot on. The native
    /// that waited for it is complete; returns what its return completes (its flags).
    pub(super) fn end_coroutine(&mut self) -> LuaResult<u16> {
        let thread = self.current;
        let flags = self.hand_up(self.thread.top as usize - BODY_SLOT, ThreadStatus::Dead);
        self.bury(thread);
        flags
    }

    /// The running coroutine ends with an error that nothing in it catches.
    pub(super) fn fail_coroutine(&mut self, error: &LuaError) -> LuaResult<After> {
        let thread = self.current;
        self.leave_error_on_top(error);
        self.switch_up(ThreadStatus::Failed);
        let flags = self.report_failure(thread, error.value)?;
        self.after_return(flags, false)
    }

    /// Completes the native on top, which resumed `thread`, with an error.
    fn report_failure(&mut self, thread: ThreadRef, error: Value) -> LuaResult<u16> {
        if self.thread.top_frame().flags & flag::WRAPS != 0 {
            return Err(self.wrapped_error(Some(thread), error));
        }
        self.push(Value::FALSE);
        self.push(error);
        self.return_values(2)
    }

    /// The error that a wrapped coroutine raises in its caller: a coroutine that failed is closed, and
    /// a message gets the caller's position in front.
    #[cold]
    fn wrapped_error(&mut self, thread: Option<ThreadRef>, error: Value) -> Box<LuaError> {
        let mut value = error;
        let mut is_memory_error = false;
        if let Some(thread) = thread
            && thread.status() == ThreadStatus::Failed
        {
            is_memory_error = thread.failed_for_memory();
            match self.close_coroutine(thread) {
                Ok(closed) => value = closed.unwrap_or(error),
                Err(stopped) => return stopped,
            }
            is_memory_error &= value.raw_equals(error);
        }
        match value.as_str() {
            Some(_) if is_memory_error => self.memory_error(),
            Some(message) => {
                let text = [&self.where_at(1), message.as_bytes()].concat();
                LuaError::new(self.heap.new_string_value(&text))
            }
            None => LuaError::new(value),
        }
    }

    /// The host ends the program: every coroutine that runs or waits above `home` fails.
    pub(super) fn abandon_coroutines(&mut self, home: ThreadRef) {
        while self.current != home {
            let error = LuaError { value: Value::NIL, kind: ErrorKind::Stopped, handled: true };
            self.leave_error_on_top(&error);
            self.switch_up(ThreadStatus::Failed);
        }
    }

    fn leave_error_on_top(&mut self, error: &LuaError) {
        let end = self.thread.frames.last().map_or(0, |frame| frame.top);
        self.thread.top = self.thread.top.max(end);
        self.push(error.value);
        let is_memory_error = error.kind == ErrorKind::Memory;
        // SAFETY: the running thread's object is live.
        unsafe { (*self.current.as_ptr()).is_memory_error = is_memory_error };
    }

    /// Whether `count` values can be pushed on a thread's stack.
    fn has_room(&self, thread: ThreadRef, count: usize) -> bool {
        self.thread_state(thread).top as usize + count <= LIMIT
    }

    /// Moves the topmost `count` values to another thread's stack, which has room.
    fn hand_over(&mut self, thread: ThreadRef, count: usize) {
        let first = self.thread.top as usize - count;
        // SAFETY: the other thread does not run; this is the only reference to its state.
        let target = unsafe { thread.suspended_state_mut() };
        let target = target.expect("the running thread hands nothing over to itself");
        let start = target.top as usize;
        if start + count > target.checked_end as usize {
            target.extend(&mut self.heap.allocator, start + count);
        }
        let values = self.thread.stack.slice(first, first + count);
        target.stack.slice_mut(start, start + count).copy_from_slice(values);
        target.top += count as u32;
        self.thread.top = first as u32;
    }

    /// Completes the native that waits on top of `thread`, which does not run, with the topmost
    /// `count` values: they go where its results belong, and its frame is dropped. Returns what its
    /// return completes. `None`: that takes more; the values were only handed over.
    fn complete_waiting(&mut self, thread: ThreadRef, count: usize) -> Option<u16> {
        // SAFETY: the other thread does not run; this is the only reference to its state.
        let target = unsafe { thread.suspended_state_mut() };
        let target = target.expect("a waiting thread does not run");
        let frame = *target.top_frame();
        let func = frame.func as usize;
        // `coroutine.resume` says that it went well.
        let reported = usize::from(frame.flags & flag::RESUMES != 0);
        let given = count + reported;
        let wanted = if frame.wanted < 0 { given } else { frame.wanted as usize };
        let end = func + wanted;
        if target.hooks.mask != 0 || end > target.checked_end as usize {
            self.hand_over(thread, count);
            return None;
        }
        let first = self.thread.top as usize - count;
        self.thread.top = first as u32;
        target.frames.pop();
        target.top = end as u32;
        let values = self.thread.stack.slice(first, first + count);
        let results = target.stack.slice_mut(func, end);
        let (report, rest) = results.split_at_mut(reported.min(wanted));
        report.fill(Value::TRUE);
        for (slot, value) in rest.iter_mut().zip(values) {
            *slot = *value;
        }
        if given < wanted {
            results[given..].fill(Value::NIL);
        }
        Some(frame.flags & !(flag::RESUMES | flag::WRAPS))
    }

    /// Completes the native on top, to which the topmost `count` values were handed over.
    #[cold]
    fn return_pushed(&mut self, count: usize) -> LuaResult<u16> {
        let mut count = count;
        if self.thread.top_frame().flags & flag::RESUMES != 0 {
            self.push(Value::TRUE);
            let end = self.thread.top as usize;
            self.thread.stack.slice_mut(end - 1 - count, end).rotate_right(1);
            count += 1;
        }
        self.return_values(count)
    }

    /// Completes the native on top with the topmost `count` values; returns what that completes.
    #[cold]
    fn return_values(&mut self, count: usize) -> LuaResult<u16> {
        let flags = self.thread.top_frame().flags & !(flag::RESUMES | flag::WRAPS);
        let returned = Returned(Return::Values(count as u32));
        // Plain values complete it at once.
        let _ = self.go_on_native(returned)?;
        Ok(flags)
    }

    /// Hands the topmost `count` values to the native that resumed the running coroutine, and lets its
    /// thread run. Returns what the native's return completes.
    fn hand_up(&mut self, count: usize, status: ThreadStatus) -> LuaResult<u16> {
        let resumer = self.current.resumer().expect("a coroutine has a resumer");
        if !self.has_room(resumer, count + 1) {
            return self.refuse_results(count, status);
        }
        let completed = self.complete_waiting(resumer, count);
        self.switch_up(status);
        match completed {
            Some(flags) => Ok(flags),
            None => self.return_pushed(count),
        }
    }

    #[cold]
    fn refuse_results(&mut self, count: usize, status: ThreadStatus) -> LuaResult<u16> {
        let thread = self.current;
        self.thread.top -= count as u32;
        self.switch_up(status);
        let message = self.heap.new_string_value(b"too many results to resume");
        self.report_failure(thread, message)
    }

    /// Lets `thread`, which does not run, run on behalf of the running one. As in PUC, its nesting of
    /// C calls starts from the resumer's.
    fn switch_down(&mut self, thread: ThreadRef) {
        // SAFETY: a handle points to a live thread.
        unsafe {
            (*thread.as_ptr()).resumer = self.current.as_ptr();
            (*thread.as_ptr()).resumer_c_calls = self.c_calls;
        }
        self.switch(thread, ThreadStatus::Normal);
        self.c_calls += 1;
        self.thread.base_c_calls = self.c_calls;
    }

    /// Lets the resumer of the running thread run.
    fn switch_up(&mut self, status: ThreadStatus) {
        let thread = self.current;
        let resumer = thread.resumer().expect("a coroutine has a resumer");
        self.switch(resumer, status);
        // SAFETY: a handle points to a live thread.
        unsafe {
            (*thread.as_ptr()).resumer = std::ptr::null_mut();
            self.c_calls = (*thread.as_ptr()).resumer_c_calls;
        }
    }

    /// Lets another thread run; the running one gets `status`.
    fn switch(&mut self, next: ThreadRef, status: ThreadStatus) {
        debug_assert!(self.current != next);
        let current = self.current.as_ptr();
        // SAFETY: both threads are live. The state of the running one is in the VM and goes to its
        // object, which holds none; the other's is in its object and goes to the VM. Each is moved
        // bit by bit, so that there is one of each before and after.
        unsafe {
            let (left, entered) = ((*current).state.as_mut_ptr(), (*next.as_ptr()).state.as_ptr());
            std::ptr::copy_nonoverlapping(&raw const self.thread, left, 1);
            std::ptr::copy_nonoverlapping(entered, &raw mut self.thread, 1);
        }
        self.current.set_status(status);
        next.set_status(ThreadStatus::Running);
        self.current = next;
        // SAFETY: the thread that just ran has its state in its object now.
        let left = unsafe { (*current).state.assume_init_ref() };
        if self.thread.hooks.mask != 0 || left.hooks.mask != 0 {
            self.hooks_changed();
        }
        self.note_switch();
    }

    /// Drops all calls of the program: the main thread runs, with no call, and with the variables that
    /// the dropped calls left pending. What called this must never return to them.
    pub(crate) fn abandon_calls(&mut self) {
        if self.current != self.main {
            self.switch(self.main, ThreadStatus::Normal);
        }
        self.thread.truncate(0);
        self.thread.handler = 0;
        self.thread.finalizer = NO_FRAME;
    }

    /// Gives back what an ended coroutine has.
    fn bury(&mut self, thread: ThreadRef) {
        self.retire_upvalues(thread);
        thread.set_status(ThreadStatus::Dead);
        // SAFETY: the thread does not run; nobody refers to its slots any more, upvalues least of all.
        unsafe {
            let state = thread.suspended_state_mut().expect("an ended thread does not run");
            state.stack.free(&mut self.heap.allocator);
            // What hooks were set can still be asked.
            let hooks = state.hooks;
            let ended = ThreadState { top: 0, hooks, ..ThreadState::new(Stack::empty()) };
            *state = ended;
        }
    }

    fn retire_upvalues(&mut self, thread: ThreadRef) {
        // SAFETY: the thread does not run; this is the only reference to its state.
        let state = unsafe { thread.suspended_state_mut() };
        let state = state.expect("an ended thread does not run");
        state.close_upvalues(0, |upvalue, value| self.heap.close_barrier(upvalue, value));
    }
}
