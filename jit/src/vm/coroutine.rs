//! Coroutines: create, resume, yield, end, close.
//!
//! In:  what a native asks for ([`Vm::resume_then`], [`Vm::yield_values`]).   Out: another thread runs.
//!
//! Resuming switches the thread under the interpreter loop; nothing recurses in Rust. The native that
//! resumes (`coroutine.resume`, the function of `coroutine.wrap`) keeps its frame and waits, as one that
//! waits for a function it called; what the coroutine yields, returns or fails with completes it. The
//! frame of `coroutine.yield` waits in the same way for the values of the next resume.
//!
//! Invariants:
//! - a coroutine that was not started has no frames and its function in slot 1;
//! - a thread with a call under way that recurses in Rust (`Vm::call`) is not yieldable;
//! - a coroutine that ends gives its stack back at once; one that fails keeps its frames, for
//!   tracebacks, and its pending variables, until it is closed.

use super::Vm;
use super::call::{After, Flow, MAX_C_CALLS};
use super::error::{ErrorKind, LuaError, LuaResult};
use super::frame::{ThreadState, flag};
use super::native::{Args, Continuation, Outcome, Return, Returned};
use crate::heap::layout::ThreadStatus;
use crate::heap::stack::{LIMIT, Stack};
use crate::heap::{ThreadRef, Value};
use std::ops::ControlFlow;

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

    /// Resumes `thread` with the topmost `nargs` values. `then` gets what it yields or returns; or the
    /// error, also if it cannot be resumed.
    pub fn resume_then(
        &mut self,
        thread: ThreadRef,
        nargs: usize,
        args: Args,
        then: Continuation,
    ) -> LuaResult<Returned> {
        let refusal = match thread.status() {
            status if !self.has_room(thread, nargs) && status != ThreadStatus::Dead => {
                "too many arguments to resume"
            }
            ThreadStatus::Running | ThreadStatus::Normal => "cannot resume non-suspended coroutine",
            ThreadStatus::Dead | ThreadStatus::Failed => "cannot resume dead coroutine",
            ThreadStatus::Suspended if self.c_calls >= MAX_C_CALLS => "C stack overflow",
            ThreadStatus::Suspended => {
                return Ok(Returned(Return::Resume { thread, nargs: nargs as u32, then }));
            }
        };
        self.thread.top -= nargs as u32;
        let message = self.heap.new_string_value(refusal.as_bytes());
        let slot = self.thread.top as usize;
        self.push(message);
        then(self, args, Outcome::Failed { slot })
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
        (state.handler, state.handling, state.unyieldable) = (0, 0, 0);
        let result = if state.has_to_be_closed(BODY_SLOT) {
            self.switch_down(thread);
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
    /// `Continue`: it has already ended, and the native goes on with this outcome.
    pub(super) fn enter_coroutine(
        &mut self,
        thread: ThreadRef,
        nargs: usize,
    ) -> LuaResult<ControlFlow<Flow, Outcome>> {
        self.hand_over(thread, nargs);
        self.switch_down(thread);
        self.c_calls += 1;
        self.thread.base_c_calls = self.c_calls;
        if self.thread.frames.is_empty() {
            if self.c_calls >= MAX_C_CALLS {
                return Err(self.runtime_error("C stack overflow"));
            }
            return Ok(match self.precall(BODY_SLOT, nargs, -1, flag::BODY)? {
                Flow::Done => ControlFlow::Continue(self.end_coroutine()),
                flow => ControlFlow::Break(flow),
            });
        }
        let flags = self.finish_native(nargs);
        Ok(ControlFlow::Break(match self.after_return(flags, true)? {
            After::Continue => Flow::Enter,
            After::Exit => Flow::Exit,
        }))
    }

    /// The running coroutine yields the topmost `count` values; the frame of the native that asked for
    /// it stays. What its resumer does with them is complete when this returns.
    pub(super) fn leave_coroutine(&mut self, count: usize) -> LuaResult<Flow> {
        self.interrupt(self.c_calls - self.thread.base_c_calls);
        let outcome = self.hand_up(count, ThreadStatus::Suspended);
        Ok(match self.complete_resume(outcome)? {
            After::Continue => Flow::Enter,
            After::Exit => Flow::Exit,
        })
    }

    /// The body of the running coroutine has returned: its results are from its slot on.
    pub(super) fn end_coroutine(&mut self) -> Outcome {
        let thread = self.current;
        let outcome = self.hand_up(self.thread.top as usize - BODY_SLOT, ThreadStatus::Dead);
        self.bury(thread);
        outcome
    }

    /// The running coroutine ends with an error that nothing in it catches.
    pub(super) fn fail_coroutine(&mut self, error: &LuaError) -> LuaResult<After> {
        self.leave_error_on_top(error);
        self.switch_up(ThreadStatus::Failed);
        let slot = self.thread.top as usize;
        self.push(error.value);
        self.complete_resume(Outcome::Failed { slot })
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

    /// Completes the native on top, which has resumed a coroutine.
    fn complete_resume(&mut self, outcome: Outcome) -> LuaResult<After> {
        let flags = self.thread.top_frame().flags;
        let returned = self.run_continuation(outcome)?;
        match self.go_on_native(returned)? {
            Flow::Enter => Ok(After::Continue),
            Flow::Exit => Ok(After::Exit),
            Flow::Done => self.after_return(flags, false),
        }
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

    /// Hands the topmost `count` values to the resumer and lets it run.
    fn hand_up(&mut self, count: usize, status: ThreadStatus) -> Outcome {
        let resumer = self.current.resumer().expect("a coroutine has a resumer");
        let fits = self.has_room(resumer, count + 1);
        if fits {
            self.hand_over(resumer, count);
        } else {
            self.thread.top -= count as u32;
        }
        self.switch_up(status);
        if fits {
            return Outcome::Done { first: self.thread.top as usize - count, count };
        }
        let slot = self.thread.top as usize;
        let message = self.heap.new_string_value(b"too many results to resume");
        self.push(message);
        Outcome::Failed { slot }
    }

    /// Lets `thread`, which does not run, run on behalf of the running one.
    fn switch_down(&mut self, thread: ThreadRef) {
        // SAFETY: a handle points to a live thread.
        unsafe {
            (*thread.as_ptr()).resumer = self.current.as_ptr();
            (*thread.as_ptr()).resumer_c_calls = self.c_calls;
        }
        self.switch(thread, ThreadStatus::Normal);
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
            (*current).state.write(std::ptr::read(&raw const self.thread));
            (&raw mut self.thread).write((*next.as_ptr()).state.assume_init_read());
        }
        self.current.set_status(status);
        next.set_status(ThreadStatus::Running);
        self.current = next;
        // SAFETY: the thread that just ran has its state in its object now.
        let left = unsafe { (*current).state.assume_init_ref() };
        if self.thread.hooks.mask != 0 || left.hooks.mask != 0 {
            self.hooks_changed();
        }
    }

    /// Gives back what an ended coroutine has.
    fn bury(&mut self, thread: ThreadRef) {
        self.retire_upvalues(thread);
        thread.set_status(ThreadStatus::Dead);
        // SAFETY: the thread does not run; nobody refers to its slots any more, upvalues least of all.
        unsafe {
            let state = thread.suspended_state_mut().expect("an ended thread does not run");
            state.stack.free(&mut self.heap.allocator);
            let ended = ThreadState { top: 0, ..ThreadState::new(Stack::empty()) };
            *state = ended;
        }
    }

    fn retire_upvalues(&mut self, thread: ThreadRef) {
        // SAFETY: the thread does not run; this is the only reference to its state.
        let state = unsafe { thread.suspended_state_mut() };
        let state = state.expect("an ended thread does not run");
        state.close_upvalues(0, |upvalue, value| self.heap.barrier(upvalue, value));
    }
}
