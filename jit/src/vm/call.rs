//! Calls, returns, protected calls and error unwinding.
//!
//! In:  a function in a stack slot with its arguments above it.   Out: its results from that slot on.
//!
//! Invariants:
//! - the interpreter loop (`Vm::run`) executes all Lua frames above the innermost fresh one. A call
//!   from Lua code pushes a frame and goes on in the same loop ([`Flow::Enter`]); a native runs at
//!   once ([`Flow::Done`]), unless it asked for a call of its own, in which case its frame waits;
//! - a frame's flags say what its return completes: an instruction, a waiting native, a coroutine, or
//!   the loop;
//! - `c_calls` counts what PUC counts: calls that go through C there (metamethods, iterators of
//!   generic loops, pcall, callbacks), so that "C stack overflow" comes at the same depth.

use super::error::{ErrorKind, LuaError, LuaResult};
use super::frame::{Frame, FrameKind, Waiting, flag};
use super::native::{Args, Continuation, NativeFunction, Outcome, Return, Returned};
use super::{NATIVE_STACK, Vm};
use crate::bytecode::Event;
use crate::heap::layout::Closure;
use crate::heap::{ClosureRef, Tag, ThreadRef, Value};
use crate::syntax::error::chunk_display;

/// Nesting of C calls at which PUC reports an overflow (`LUAI_MAXCCALLS`).
pub(super) const MAX_C_CALLS: u32 = 200;
/// Extra nesting for message handlers that report the overflow.
const HANDLER_C_CALLS: u32 = MAX_C_CALLS / 10 * 11;

/// How a call went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Flow {
    /// It is complete; the results are in place.
    Done,
    /// The interpreter loop has to run the frame on top, which may be another thread's. What the call
    /// completes is done when it returns, or was done.
    Enter,
    /// The fresh frame has returned: the loop that runs it ends.
    Exit,
}

/// What the interpreter loop does after a return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum After {
    /// Go on with the frame on top.
    Continue,
    /// The fresh frame returned: leave the loop.
    Exit,
}

/// Where a run of the interpreter loop began: frames from `floor` on, and all threads resumed since,
/// are its own.
#[derive(Clone, Copy)]
struct Start {
    thread: ThreadRef,
    floor: usize,
}

impl After {
    pub(crate) fn flow(self) -> Flow {
        match self {
            After::Continue => Flow::Enter,
            After::Exit => Flow::Exit,
        }
    }
}

impl Vm {
    /// Calls `function` and returns its results. For hosts, and for natives that need results at once;
    /// see [`Vm::call_then`] for those that do not. The results are not rooted.
    pub fn call(&mut self, function: Value, args: &[Value]) -> LuaResult<Vec<Value>> {
        let func = self.thread.top as usize;
        self.ensure_stack(args.len() + 1, "too many arguments")?;
        self.push(function);
        for arg in args {
            self.push(*arg);
        }
        self.call_slot(func, -1)?;
        let end = self.thread.top as usize;
        let results = self.thread.stack.slice(func, end).to_vec();
        self.thread.top = func as u32;
        Ok(results)
    }

    /// Calls `function` and returns its first result.
    pub fn call1(&mut self, function: Value, args: &[Value]) -> LuaResult<Value> {
        self.push(function);
        for arg in args {
            self.push(*arg);
        }
        self.call_pushed(args.len(), 1)?;
        Ok(self.pop())
    }

    /// Calls the function below the topmost `nargs` values, and replaces them all by `wanted` results
    /// (all of them if -1), as `lua_call`.
    pub fn call_pushed(&mut self, nargs: usize, wanted: i32) -> LuaResult<()> {
        self.call_slot(self.thread.top as usize - nargs - 1, wanted)
    }

    /// [`Vm::call_pushed`] with the function in stack slot `func`.
    ///
    /// An error leaves variables to be closed pending: whoever catches it closes them. A native that
    /// goes on after an error calls within [`Vm::catching`] and ends the error with [`Vm::catch_error`].
    pub fn call_slot(&mut self, func: usize, wanted: i32) -> LuaResult<()> {
        let depth = self.thread.frames.len();
        let (handler, c_calls) = (self.thread.handler, self.c_calls);
        self.thread.unyieldable += 1;
        let result = self.call_fresh(func, wanted);
        self.thread.unyieldable -= 1;
        self.c_calls = c_calls;
        match result {
            Ok(()) => {
                if wanted >= 0 {
                    self.thread.top = (func as i32 + wanted) as u32;
                }
                Ok(())
            }
            Err(error) if self.is_doomed(&error) => Err(error),
            Err(error) => {
                self.close_upvalues(func);
                self.thread.truncate(depth);
                self.thread.handler = handler;
                self.thread.top = self.pending_end(func) as u32;
                if depth == 0 && self.current == self.main {
                    // Nobody else will.
                    let value = self.catch_error(func, error.clone())?;
                    return Err(Box::new(LuaError { value, ..*error }));
                }
                Err(error)
            }
        }
    }

    /// Whether an error ends the running coroutine, since nothing in it catches: then its frames stay
    /// as they are, for tracebacks.
    fn is_doomed(&self, error: &LuaError) -> bool {
        self.current != self.main
            && self.thread.catching == 0
            && error.kind != ErrorKind::Stopped
            && !self.thread.frames.iter().any(|frame| frame.flags & flag::PROTECTED != 0)
    }

    /// Runs calls whose errors the caller goes on after.
    pub fn catching<T>(&mut self, calls: impl FnOnce(&mut Vm) -> T) -> T {
        self.thread.catching += 1;
        let result = calls(self);
        self.thread.catching -= 1;
        result
    }

    /// [`Vm::catching`] where no message handler sees the errors (`lua_pcall` without one).
    pub fn catching_unhandled<T>(&mut self, calls: impl FnOnce(&mut Vm) -> T) -> T {
        let handler = std::mem::take(&mut self.thread.handler);
        let result = self.catching(calls);
        self.thread.handler = handler;
        result
    }

    fn call_fresh(&mut self, func: usize, wanted: i32) -> LuaResult<()> {
        let start = Start { thread: self.current, floor: self.thread.frames.len() };
        let entered = self.enter_c_call().and_then(|()| {
            let nargs = self.thread.top as usize - func - 1;
            self.precall(func, nargs, wanted, flag::FRESH)
        });
        match entered {
            Ok(Flow::Done | Flow::Exit) => Ok(()),
            Ok(Flow::Enter) => self.execute(start),
            Err(error) => match self.unwind(error, start)? {
                After::Exit => Ok(()),
                After::Continue => self.execute(start),
            },
        }
    }

    /// Runs the interpreter loop until the frame it started with has returned.
    fn execute(&mut self, start: Start) -> LuaResult<()> {
        loop {
            let error = match self.run() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if self.unwind(error, start)? == After::Exit {
                return Ok(());
            }
        }
    }

    /// [`Vm::call`] with a message handler, which sees an error where it is raised; what an error left
    /// pending is closed, under the handler too. For hosts.
    pub fn call_handled(
        &mut self,
        function: Value,
        args: &[Value],
        handler: Value,
    ) -> LuaResult<Vec<Value>> {
        let slot = self.thread.top;
        self.push(handler);
        let outer = std::mem::replace(&mut self.thread.handler, slot);
        let result = self.call(function, args).or_else(|error| {
            let kind = error.kind;
            let value = self.catch_error(slot as usize + 1, error)?;
            Err(Box::new(LuaError { value, kind, handled: true }))
        });
        self.thread.handler = outer;
        self.thread.top = slot;
        result
    }

    /// Counts a call that PUC makes through C.
    pub(crate) fn enter_c_call(&mut self) -> LuaResult<()> {
        self.c_calls += 1;
        if self.c_calls >= MAX_C_CALLS {
            return self.c_stack_overflow();
        }
        Ok(())
    }

    #[cold]
    fn c_stack_overflow(&mut self) -> LuaResult<()> {
        if self.c_calls == MAX_C_CALLS {
            return Err(self.runtime_error("C stack overflow"));
        }
        if self.c_calls >= HANDLER_C_CALLS {
            return Err(self.error_in_error_handling());
        }
        Ok(())
    }

    /// Starts a call of whatever is in slot `func`.
    pub(crate) fn precall(
        &mut self,
        func: usize,
        nargs: usize,
        wanted: i32,
        flags: u16,
    ) -> LuaResult<Flow> {
        let mut nargs = nargs;
        loop {
            let function = self.thread.stack.get(func);
            match function.tag() {
                Tag::Closure => {
                    self.push_lua_call(func, nargs, wanted, flags)?;
                    return Ok(Flow::Enter);
                }
                Tag::Native | Tag::NativeClosure => {
                    let native = function.native_function().expect("the tag says native");
                    return self.call_native(native, func, nargs, wanted, flags);
                }
                _ => {
                    self.insert_call_metamethod(func, nargs)?;
                    nargs += 1;
                }
            }
        }
    }

    /// Puts the metamethod `__call` below a value that is not a function.
    #[cold]
    pub(crate) fn insert_call_metamethod(&mut self, func: usize, nargs: usize) -> LuaResult<()> {
        let end = func + 1 + nargs;
        if !self.admit(end + 1) {
            return Err(self.stack_overflow(end));
        }
        let metamethod = self.metamethod(self.thread.stack.get(func), Event::Call);
        if metamethod.is_nil() {
            let slot = self.thread.stack.slot(func);
            return Err(self.call_error(slot));
        }
        let slots = self.thread.stack.slice_mut(func, end + 1);
        slots.copy_within(0..=nargs, 1);
        slots[0] = metamethod;
        self.thread.top = end as u32 + 1;
        Ok(())
    }

    /// Pushes the frame of the Lua function in slot `func`.
    #[inline(always)]
    pub(crate) fn push_lua_call(
        &mut self,
        func: usize,
        nargs: usize,
        wanted: i32,
        flags: u16,
    ) -> LuaResult<()> {
        let slot = self.thread.stack.slot(func);
        // SAFETY: callers have seen a Lua function in this slot; its closure keeps the proto alive.
        let proto = unsafe { &*(*((*slot).payload() as *const Closure)).proto };
        let size = usize::from(proto.max_stack_size);
        let end = func + 1 + nargs + size;
        if end > self.thread.admitted_end as usize {
            return self.push_lua_call_slowly(func, nargs, wanted, flags, end);
        }
        self.push_admitted_lua_call(func, nargs, wanted, flags)
    }

    /// [`Vm::push_lua_call`] when hooks are set, or where the stack, which may move, has to get room up
    /// to `end` first.
    #[cold]
    fn push_lua_call_slowly(
        &mut self,
        func: usize,
        nargs: usize,
        wanted: i32,
        flags: u16,
        end: usize,
    ) -> LuaResult<()> {
        if !self.admit_slow(end) {
            return Err(self.stack_overflow(func + 1 + nargs));
        }
        self.thread.hooks.note_call();
        self.push_admitted_lua_call(func, nargs, wanted, flags)
    }

    #[inline(always)]
    fn push_admitted_lua_call(
        &mut self,
        func: usize,
        nargs: usize,
        wanted: i32,
        flags: u16,
    ) -> LuaResult<()> {
        let slot = self.thread.stack.slot(func);
        // SAFETY: callers have seen a Lua function in this slot; its closure keeps the proto alive.
        let proto = unsafe { &*(*((*slot).payload() as *const Closure)).proto };
        let size = usize::from(proto.max_stack_size);
        let params = usize::from(proto.num_params);
        for missing in nargs..params {
            // SAFETY: the parameters are inside the frame, which was admitted.
            unsafe { *slot.add(1 + missing) = Value::NIL };
        }
        if proto.is_vararg {
            return self.push_vararg_call(func, nargs.max(params), wanted, flags);
        }
        let frame = Frame {
            saved_pc: proto.code,
            top: (func + 1 + size) as u32,
            flags,
            ..Frame::new(func as u32, wanted, FrameKind::Lua)
        };
        self.thread.push_frame(frame);
        Ok(())
    }

    /// Pushes the frame of a vararg function after doing what VARARGPREP does: the function and its
    /// fixed parameters move above all arguments.
    #[inline(never)]
    fn push_vararg_call(
        &mut self,
        func: usize,
        nargs: usize,
        wanted: i32,
        flags: u16,
    ) -> LuaResult<()> {
        let closure = self.thread.stack.get(func).as_closure();
        let proto = closure.expect("the slot holds a Lua function").proto();
        let size = usize::from(proto.max_stack_size);
        let params = usize::from(proto.num_params);
        let moved = func + 1 + nargs;
        if !self.admit(moved + 1 + size) {
            // In the function itself, at its first instruction.
            self.thread.push_frame(Frame {
                saved_pc: proto.pointer_to(proto.entry()),
                top: (func + 1 + size) as u32,
                flags,
                ..Frame::new(func as u32, wanted, FrameKind::Lua)
            });
            return Err(self.stack_overflow(moved));
        }
        let slots = self.thread.stack.slice_mut(func, moved + 1 + params);
        slots.copy_within(0..=params, nargs + 1);
        slots[1..=params].fill(Value::NIL);
        self.thread.push_frame(Frame {
            saved_pc: proto.pointer_to(proto.entry()),
            top: (moved + 1 + size) as u32,
            extra_args: (nargs - params) as u32,
            flags,
            ..Frame::new(moved as u32, wanted, FrameKind::Lua)
        });
        Ok(())
    }

    /// Calls a native function.
    #[inline]
    pub(crate) fn call_native(
        &mut self,
        native: &'static NativeFunction,
        func: usize,
        nargs: usize,
        wanted: i32,
        flags: u16,
    ) -> LuaResult<Flow> {
        let end = func + 1 + nargs;
        if end + NATIVE_STACK > self.thread.admitted_end as usize {
            return self.call_native_slowly(native, func, nargs, wanted, flags);
        }
        let args = self.push_native_frame(func, nargs, wanted, flags);
        let returned = (native.call)(self, args)?;
        match returned.0 {
            Return::Values(count) => {
                self.finish_native(count as usize);
                Ok(Flow::Done)
            }
            // Taken apart here: handed on as a whole, it would be read in wider pieces than it was
            // written in, which stalls the processor.
            Return::Resume { thread, nargs } => self.enter_coroutine(thread, nargs as usize),
            Return::Yield(count) => self.leave_coroutine(count as usize),
            _ => self.go_on_native(returned),
        }
    }

    /// [`Vm::call_native`] when the stack has to be extended or hooks are set.
    #[cold]
    fn call_native_slowly(
        &mut self,
        native: &'static NativeFunction,
        func: usize,
        nargs: usize,
        wanted: i32,
        flags: u16,
    ) -> LuaResult<Flow> {
        if !self.admit_slow(func + 1 + nargs + NATIVE_STACK) {
            return Err(self.stack_overflow(func + 1 + nargs));
        }
        let args = self.push_native_frame(func, nargs, wanted, flags);
        self.call_native_with_hooks(native, args)
    }

    #[inline(always)]
    fn push_native_frame(&mut self, func: usize, nargs: usize, wanted: i32, flags: u16) -> Args {
        self.thread.push_frame(Frame {
            flags,
            extra_args: nargs as u32,
            ..Frame::new(func as u32, wanted, FrameKind::Native)
        });
        self.thread.top = (func + 1 + nargs) as u32;
        Args { base: func as u32 + 1, count: nargs as u32 }
    }

    /// Moves the results of the native on top to its function's slot, and drops its frame.
    #[inline]
    fn finish_native(&mut self, count: usize) -> u16 {
        let frame = *self.thread.top_frame();
        self.thread.frames.pop();
        let first = self.thread.top as usize - count;
        self.move_results(frame.func as usize, first, count, frame.wanted);
        frame.flags
    }

    /// Moves `count` results from slot `first` to `target`, and adjusts them to `wanted`.
    #[inline(always)]
    pub(crate) fn move_results(&mut self, target: usize, first: usize, count: usize, wanted: i32) {
        if wanted == 1 {
            // SAFETY: results and their target are slots of live frames.
            unsafe {
                let value = if count == 0 { Value::NIL } else { *self.thread.stack.slot(first) };
                *self.thread.stack.slot(target) = value;
            }
            self.thread.top = target as u32 + 1;
            return;
        }
        let kept = if wanted < 0 { count } else { count.min(wanted as usize) };
        let end = target + if wanted < 0 { count } else { wanted as usize };
        for index in 0..kept {
            let value = self.thread.stack.get(first + index);
            self.thread.stack.set(target + index, value);
        }
        for index in target + kept..end {
            self.thread.stack.set(index, Value::NIL);
        }
        self.thread.top = end as u32;
    }

    /// Deals with what a native returned, until its frame is gone or it waits for something.
    pub(crate) fn go_on_native(&mut self, returned: Returned) -> LuaResult<Flow> {
        let mut returned = returned;
        loop {
            match returned.0 {
                Return::Values(count) | Return::AfterHooks(count) => {
                    let count = count as usize;
                    if self.thread.hooks.mask != 0 {
                        self.hook_return(self.thread.top as usize - count, count)?;
                    }
                    self.finish_native(count);
                    return Ok(Flow::Done);
                }
                Return::Call { func, then, protected, handler } => {
                    self.wait_for(func, then, protected, handler);
                    self.enter_c_call()?;
                    let nargs = (self.thread.top - func) as usize - 1;
                    let flags = flag::COUNTED | flag::CONTINUES;
                    match self.precall(func as usize, nargs, -1, flags)? {
                        Flow::Done => self.c_calls -= 1,
                        flow => return Ok(flow),
                    }
                    let outcome = self.callee_outcome();
                    returned = self.run_continuation(outcome)?;
                }
                Return::Resume { thread, nargs } => {
                    return self.enter_coroutine(thread, nargs as usize);
                }
                Return::Yield(count) => return self.leave_coroutine(count as usize),
            }
        }
    }

    /// Notes in the native frame on top what it waits for.
    fn wait_for(&mut self, func: u32, then: Continuation, protected: bool, handler: Option<u32>) {
        self.thread.waiting.push(Waiting {
            frame: self.thread.frames.len() - 1,
            then,
            outer_handler: self.thread.handler,
            c_calls: self.c_calls,
            interruptions: self.thread.interruptions,
        });
        let frame = self.thread.top_frame_mut();
        frame.callee = func;
        frame.top = func;
        if protected {
            frame.flags |= flag::PROTECTED;
            self.thread.handler = handler.unwrap_or(0);
        }
    }

    /// The results of the function that the native on top called; they are in place.
    fn callee_outcome(&self) -> Outcome {
        let first = self.thread.top_frame().callee as usize;
        Outcome::Done { first, count: self.thread.top as usize - first }
    }

    fn run_continuation(&mut self, outcome: Outcome) -> LuaResult<Returned> {
        let waiting = self.thread.waiting.pop().expect("a native waits");
        debug_assert_eq!(waiting.frame, self.thread.frames.len() - 1);
        let frame = self.thread.top_frame_mut();
        let args = Args { base: frame.func + 1, count: frame.extra_args };
        if frame.flags & flag::PROTECTED != 0 {
            frame.flags &= !flag::PROTECTED;
            self.thread.handler = waiting.outer_handler;
        }
        (waiting.then)(self, args, outcome)
    }

    /// Completes what the return of a frame with these flags completes. `interrupted`: PUC's C stack
    /// was cut while the frame was pending (see [`Vm::interrupt`]), though its flags do not say so.
    pub(crate) fn after_return(&mut self, flags: u16, interrupted: bool) -> LuaResult<After> {
        let (mut flags, mut interrupted) = (flags, interrupted);
        loop {
            if flags & flag::COUNTED != 0 {
                self.c_calls -= 1;
            }
            interrupted |= flags & flag::INTERRUPTED != 0;
            if flags & flag::FRESH != 0 {
                return Ok(After::Exit);
            }
            if flags & flag::CLOSING != 0 {
                let error = self.thread.stack.get(self.thread.top as usize - 1);
                return self.go_on_catching(error);
            }
            if flags & flag::BODY != 0 {
                (flags, interrupted) = (self.end_coroutine()?, false);
                continue;
            }
            if flags & flag::CONTINUES != 0 {
                let waiting = self.thread.top_frame().flags;
                let outcome = self.callee_outcome();
                let returned = self.run_continuation(outcome)?;
                match self.go_on_native(returned)? {
                    Flow::Enter => return Ok(After::Continue),
                    Flow::Exit => return Ok(After::Exit),
                    Flow::Done => {}
                }
                flags = waiting & !flag::PROTECTED;
                continue;
            }
            if flags & flag::METAMETHOD != 0 {
                let negated = flags & flag::NEGATED != 0;
                // A frame that this may push is run next; else the instruction is complete.
                if self.finish_instruction(negated, interrupted)? == Flow::Exit {
                    return Ok(After::Exit);
                }
            }
            return Ok(After::Continue);
        }
    }

    /// Finds who catches an error among the frames since `start`, and lets it go on.
    fn unwind(&mut self, error: Box<LuaError>, start: Start) -> LuaResult<After> {
        let mut error = error;
        loop {
            error = self.handle(error);
            if error.kind == ErrorKind::Stopped {
                self.abandon_coroutines(start.thread);
                return Err(error);
            }
            let is_home = self.current == start.thread;
            let floor = if is_home { start.floor } else { 0 };
            let frames = &self.thread.frames;
            let catcher = (floor..frames.len())
                .rev()
                .find(|index| frames[*index].flags & flag::PROTECTED != 0);
            let result = match catcher {
                Some(index) => self.catch(error.value, index),
                None if is_home => return Err(error),
                None => self.fail_coroutine(&error),
            };
            match result {
                Ok(after) => return Ok(after),
                Err(next) => error = next,
            }
        }
    }

    /// Lets the protected native frame `index` catch an error.
    fn catch(&mut self, error: Value, index: usize) -> LuaResult<After> {
        let level = self.thread.frames[index].callee as usize;
        self.close_upvalues(level);
        self.thread.truncate(index + 1);
        self.thread.hooks.note_error();
        let waiting = *self.thread.waiting.last().expect("a native waits");
        if self.thread.unyieldable == 0 {
            // PUC unwinds to the resume, and goes on from there.
            let current = waiting.interruptions == self.thread.interruptions;
            let counted = if current { waiting.c_calls - self.thread.base_c_calls } else { 0 };
            self.interrupt(counted);
            self.c_calls = self.thread.base_c_calls;
        } else {
            self.c_calls = waiting.c_calls;
        }
        self.go_on_catching(error)
    }

    /// Closes the variables that an error left pending, then resumes the protected native on top.
    fn go_on_catching(&mut self, error: Value) -> LuaResult<After> {
        let mut error = error;
        let frame = *self.thread.top_frame();
        let slot = frame.callee as usize;
        while let Some(variable) = self.next_to_close(slot) {
            let func = self.push_close_method(variable, error);
            self.enter_c_call()?;
            match self.precall(func, 2, 0, flag::COUNTED | flag::CLOSING)? {
                Flow::Enter => return Ok(After::Continue),
                Flow::Exit => return Ok(After::Exit),
                Flow::Done => self.c_calls -= 1,
            }
            error = self.thread.stack.get(func - 1);
        }
        self.thread.stack.set(slot, error);
        self.thread.top = frame.callee + 1;
        self.thread.shrink();
        let returned = self.run_continuation(Outcome::Failed { slot })?;
        let interrupted = self.thread.unyieldable == 0;
        match self.go_on_native(returned)? {
            Flow::Enter => Ok(After::Continue),
            Flow::Exit => Ok(After::Exit),
            Flow::Done => self.after_return(frame.flags & !flag::PROTECTED, interrupted),
        }
    }

    /// Where PUC unwinds its C stack (a yield, or an error caught in a coroutine), it forgets the C
    /// calls that were pending and later completes their callers' instructions one by one
    /// (`luaV_finishOp`): nesting is no longer counted, and a few instructions are fetched that an
    /// uninterrupted call would skip. So marks the innermost `counted` counted frames.
    pub(crate) fn interrupt(&mut self, counted: u32) {
        let mut counted = counted;
        self.thread.interruptions = self.thread.interruptions.wrapping_add(1);
        for frame in self.thread.frames.iter_mut().rev() {
            if counted == 0 {
                return;
            }
            if frame.flags & flag::COUNTED != 0 {
                frame.flags ^= flag::COUNTED | flag::INTERRUPTED;
                counted -= 1;
            }
        }
    }

    /// Lets the message handler see an error, where it was raised.
    fn handle(&mut self, error: Box<LuaError>) -> Box<LuaError> {
        let overflow_top = std::mem::take(&mut self.thread.handler_top);
        if error.handled || self.thread.handler == 0 {
            return error;
        }
        let handler = self.thread.stack.get(self.thread.handler as usize);
        // The handler runs above everything that is alive, also above a Lua frame's registers.
        let top = self.thread.frames.last().map_or(0, |frame| frame.top);
        self.thread.top = match overflow_top {
            0 => self.thread.top.max(top),
            exact => exact,
        };
        let result = self.call1(handler, &[error.value]);
        match result {
            Ok(value) => Box::new(LuaError { value, kind: error.kind, handled: true }),
            Err(mut inner) => {
                inner.handled = true;
                inner
            }
        }
    }

    /// What the message handler in force makes of an error that a native has caught already.
    pub(crate) fn handled(&mut self, value: Value) -> Value {
        self.handle(LuaError::new(value)).value
    }

    /// Runs a chunk without a protected call around it; what it printed is in `output`.
    pub fn run_chunk(&mut self, closure: ClosureRef) -> LuaResult<Vec<Value>> {
        self.call(Value::from(closure), &[])
    }

    /// The short name of the chunk that a function was defined in.
    pub fn chunk_name(&self, closure: ClosureRef) -> Vec<u8> {
        match &closure.proto().proto.source {
            Some(source) => chunk_display(source),
            None => b"?".to_vec(),
        }
    }
}
