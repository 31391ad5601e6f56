//! The end of the stack: who may go how near to it, and how an overflow is reported.
//!
//! In:  the slot at which a frame, or a list of values, would end.   Out: room, or an error.
//!
//! PUC keeps [`LIMIT`] slots for programs. An overflow makes the stack larger by [`HANDLER_STACK`] slots for
//! message handlers ([`ThreadState::overflowing`]), until the error is caught by a protected call that lies
//! below the limit; running out of these as well is an "error in error handling".
//!
//! Under a count hook PUC needs [`NATIVE_STACK`] slots above the registers of a Lua frame (and above an open
//! list of values) at each instruction at which the hook is called. A frame that ends nearer to the limit is
//! entered, and fails before its first instruction, which is not counted. [`Vm::imitate_count_hook`] does
//! the same, so that two engines whose runs are compared by such a hook end at one clock. It costs nothing
//! until the stack is nearly full; from then on each instruction gets a tick.

use super::error::{ErrorKind, LuaError, LuaResult};
use super::frame::{FrameKind, ThreadState};
use super::{NATIVE_STACK, Vm};
use crate::heap::Value;
use crate::heap::stack::LIMIT;

/// Slots above the limit for message handlers (`ERRORSTACKSIZE`).
const HANDLER_STACK: usize = 200;
/// Calls that end above this slot take their slow path.
const NEAR_LIMIT: usize = LIMIT - NATIVE_STACK;

/// What is done near the limit.
#[derive(Clone, Copy, Default)]
pub(crate) struct NearLimit {
    /// See [`Vm::imitate_count_hook`].
    imitates_count_hook: bool,
    /// A frame came near the limit: each instruction gets a tick.
    watching: bool,
}

impl ThreadState {
    /// Whether slots below `end` may be in use.
    fn has_room(&self, end: usize) -> bool {
        match self.overflowing {
            true => end < LIMIT + HANDLER_STACK,
            false => end <= LIMIT,
        }
    }

    /// Sets the end of the slots that calls may use without asking: none while hooks are set.
    pub(crate) fn refresh_admission(&mut self) {
        let fast_end = self.checked_end.min(NEAR_LIMIT as u32);
        self.admitted_end = if self.hooks.mask != 0 { 0 } else { fast_end };
    }

    pub(crate) fn set_checked_end(&mut self, end: usize) {
        self.checked_end = end as u32;
        self.refresh_admission();
    }

    /// An error was caught: the room above the limit is taken back, unless a frame still uses it.
    pub(crate) fn shrink(&mut self) {
        if !self.overflowing {
            return;
        }
        let reserved = |frame: &super::Frame| match frame.kind {
            FrameKind::Lua => frame.top as usize,
            FrameKind::Native => frame.base() + frame.extra_args as usize + NATIVE_STACK,
        };
        let end = self.frames.iter().map(reserved).max().unwrap_or(0).max(self.top as usize);
        if end < LIMIT {
            self.overflowing = false;
            let dirty = self.checked_end as usize;
            if dirty > LIMIT {
                self.stack.slice_mut(LIMIT, dirty).fill(Value::NIL);
                self.set_checked_end(LIMIT);
            }
        }
    }
}

impl Vm {
    /// From now on, Lua frames fail near the limit where they fail under PUC's count hook.
    pub fn imitate_count_hook(&mut self) {
        self.near_limit.imitates_count_hook = true;
    }

    /// Whether a frame may end at slot `end`.
    #[inline(always)]
    pub(crate) fn admit(&mut self, end: usize) -> bool {
        end <= self.thread.admitted_end as usize || self.admit_slow(end)
    }

    #[cold]
    pub(crate) fn admit_slow(&mut self, end: usize) -> bool {
        if !self.thread.has_room(end) {
            return false;
        }
        if end > self.thread.checked_end as usize {
            self.extend_checked_end(end);
        }
        if end > NEAR_LIMIT && self.near_limit.imitates_count_hook && !self.near_limit.watching {
            self.near_limit.watching = true;
            self.watch(self.clock());
        }
        true
    }

    /// Whether a trace may use slots below `end`. It has no tick before its instructions, nor do its
    /// native calls ask for room.
    pub(crate) fn admit_trace(&mut self, end: usize) -> bool {
        self.thread.has_room(end + NATIVE_STACK) && self.admit(end)
    }

    /// Notes that slots below `end` may be in use, also above the limit. The stack may move.
    #[cold]
    pub(crate) fn extend_checked_end(&mut self, end: usize) {
        self.thread.extend(&mut self.heap.allocator, end);
    }

    /// The error for a stack that ends before what was to be put above slot `top`, where a message
    /// handler is called.
    #[cold]
    pub(crate) fn stack_overflow(&mut self, top: usize) -> Box<LuaError> {
        if std::mem::replace(&mut self.thread.overflowing, true) {
            return self.error_in_error_handling();
        }
        self.thread.handler_top = top as u32;
        self.runtime_error("stack overflow")
    }

    pub(crate) fn error_in_error_handling(&mut self) -> Box<LuaError> {
        Box::new(LuaError {
            value: self.heap.new_string_value(b"error in error handling"),
            kind: ErrorKind::InErrorHandling,
            handled: true,
        })
    }

    /// Makes sure that `count` values can be pushed (`lua_checkstack`).
    pub fn check_stack(&mut self, count: usize) -> bool {
        let fits = self.admit(self.thread.top as usize + count);
        // PUC makes the stack larger all the same.
        self.thread.overflowing |= !fits;
        fits
    }

    /// Makes sure that `count` values can be pushed, or raises an error (`luaL_checkstack`).
    pub fn ensure_stack(&mut self, count: usize, message: &str) -> LuaResult<()> {
        if self.check_stack(count) {
            return Ok(());
        }
        Err(if message.is_empty() {
            self.error("stack overflow")
        } else {
            self.error(format!("stack overflow ({message})"))
        })
    }

    /// Whether each instruction gets a tick.
    pub(crate) fn watches_stack_end(&self) -> bool {
        self.near_limit.watching && !self.is_finalizing
    }

    /// Asks for a tick when the clock has this value.
    pub(crate) fn watch(&mut self, clock: u64) {
        let now = self.clock();
        self.tick_point = clock + 1;
        self.ticks_left = self.tick_point - now;
    }

    /// Before an instruction: raises an overflow where PUC's `luaD_hook` does.
    pub(crate) fn check_room_for_hook(&mut self) -> LuaResult<()> {
        let frame = *self.thread.top_frame();
        // SAFETY: a tick comes before an instruction of the Lua frame on top, to which its pc points.
        let (instruction, next) = unsafe { (*frame.saved_pc, frame.saved_pc.add(1)) };
        let open = if instruction.takes_top() { self.thread.top } else { 0 };
        let end = frame.top.max(open) as usize;
        if self.thread.has_room(end + NATIVE_STACK) {
            return Ok(());
        }
        self.thread.top_frame_mut().saved_pc = next;
        let error = self.stack_overflow(end);
        self.thread.top_frame_mut().saved_pc = frame.saved_pc;
        Err(error)
    }
}
