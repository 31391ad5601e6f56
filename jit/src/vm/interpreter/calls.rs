//! Calls that the loop makes: CALL, TAILCALL, TFORCALL.
//!
//! In:  slot of the called value, number of arguments; the state was saved.
//! Out: a frame pushed or replaced, or a native run; [`Flow`] says which.
//!
//! Calls of Lua functions with a fixed number of arguments and room for their frame are apart from all
//! others, and inline: most calls are. What they leave out is in `vm/call.rs`.

use crate::bytecode::Instruction;
use crate::heap::layout::Closure;
use crate::heap::{Tag, Value};
use crate::vm::Vm;
use crate::vm::call::Flow;
use crate::vm::error::LuaResult;
use crate::vm::frame::{Frame, FrameKind, flag};
use crate::vm::proto::RuntimeProto;

impl Vm {
    /// The Lua function in slot `func`, if it takes a fixed number of arguments and its frame has room
    /// without further ado. Good as long as the function is in that slot.
    #[inline(always)]
    pub(super) fn plain_callee<'a>(&self, func: usize, nargs: usize) -> Option<&'a RuntimeProto> {
        // SAFETY: the called function's slot is a register of the running function; the payload of a
        // closure value is a pointer to a closure, which the slot keeps alive, and its proto with it.
        let proto = unsafe {
            let slot = self.thread.stack.slot(func);
            if (*slot).tag() != Tag::Closure {
                return None;
            }
            &*(*((*slot).payload() as *const Closure)).proto
        };
        let end = func + 1 + nargs + usize::from(proto.max_stack_size);
        (!proto.is_vararg && end <= self.thread.admitted_end as usize).then_some(proto)
    }

    /// Pushes the frame of a [`Vm::plain_callee`].
    #[inline(always)]
    pub(super) fn push_plain_call(
        &mut self,
        proto: &RuntimeProto,
        func: usize,
        nargs: usize,
        wanted: i32,
    ) {
        self.clear_missing(proto, func, nargs);
        self.thread.push_frame(Frame {
            saved_pc: proto.code,
            top: (func + 1 + usize::from(proto.max_stack_size)) as u32,
            ..Frame::new(func as u32, wanted, FrameKind::Lua)
        });
    }

    /// Puts a [`Vm::plain_callee`] with its arguments in the place of the running function, which has
    /// neither extra arguments nor anything to close; its slot is returned.
    #[inline(always)]
    pub(super) fn replace_by_plain_call(
        &mut self,
        proto: &RuntimeProto,
        func: usize,
        nargs: usize,
    ) -> usize {
        let target = self.thread.top_frame().func as usize;
        for offset in 0..=nargs {
            // SAFETY: both are slots of the running function's frame, or the one below it.
            unsafe {
                let value = *self.thread.stack.slot(func + offset);
                *self.thread.stack.slot(target + offset) = value;
            }
        }
        self.clear_missing(proto, target, nargs);
        let frame = self.thread.top_frame_mut();
        frame.saved_pc = proto.code;
        frame.top = (target + 1 + usize::from(proto.max_stack_size)) as u32;
        frame.callee = 0;
        frame.flags |= flag::TAIL;
        target
    }

    /// Parameters without an argument are nil.
    #[inline(always)]
    pub(super) fn clear_missing(&mut self, proto: &RuntimeProto, func: usize, nargs: usize) {
        for missing in nargs..usize::from(proto.num_params) {
            // SAFETY: the parameters are inside the frame, for which there is room.
            unsafe { *self.thread.stack.slot(func + 1 + missing) = Value::NIL };
        }
    }

    /// Drops the frame that returns: what its caller wants, and its flags.
    #[inline(always)]
    pub(super) fn pop_returning(&mut self) -> (i32, u16) {
        let frame = self.thread.top_frame();
        let returning = (frame.wanted, frame.flags);
        self.thread.frames.pop();
        returning
    }

    /// CALL: a Lua function's frame is pushed, a native is run.
    #[inline(always)]
    pub(super) fn call_from_lua(
        &mut self,
        func: usize,
        nargs: usize,
        wanted: i32,
    ) -> LuaResult<Flow> {
        // SAFETY: the called function's slot is a register of the running function.
        let function = unsafe { *self.thread.stack.slot(func) };
        if function.tag() == Tag::Closure {
            return self.push_lua_call(func, nargs, wanted, 0).map(|()| Flow::Enter);
        }
        self.thread.top = (func + 1 + nargs) as u32;
        if let Some(native) = function.as_native() {
            return self.call_native(native, func, nargs, wanted, 0);
        }
        self.precall(func, nargs, wanted, 0)
    }

    /// TAILCALL: a Lua function replaces the frame; a native is called in it, and the RETURN that
    /// follows passes its results on.
    pub(super) fn tail_call(
        &mut self,
        i: Instruction,
        func: usize,
        nargs: usize,
    ) -> LuaResult<Flow> {
        if i.k() {
            let base = self.register_index(0);
            self.close_upvalues(base);
        }
        let mut nargs = nargs;
        while !self.thread.stack.get(func).is_function() {
            self.insert_call_metamethod(func, nargs)?;
            nargs += 1;
        }
        let Some(closure) = self.thread.stack.get(func).as_closure() else {
            let flow = self.precall(func, nargs, -1, flag::METAMETHOD)?;
            if flow == Flow::Done {
                self.hook_tail_called_native(func)?;
                // The RETURN that follows belongs to the same fetch.
                self.ticks_left = self.ticks_left.wrapping_add(1);
            }
            return Ok(flow);
        };
        let frame = *self.thread.top_frame();
        let mut target = frame.func as usize;
        if i.c() != 0 {
            target -= frame.extra_args as usize + i.c();
        }
        let top = func + 1 + nargs;
        let given_back = frame.func as usize - target;
        let needed = usize::from(closure.proto().max_stack_size);
        if !self.admit((top + needed).saturating_sub(given_back)) {
            return Err(self.stack_overflow(top));
        }
        let slots = self.thread.stack.slice_mut(target, func + 1 + nargs);
        slots.copy_within(func - target.., 0);
        self.thread.frames.pop();
        self.push_lua_call(target, nargs, frame.wanted, frame.flags | flag::TAIL)?;
        Ok(Flow::Enter)
    }

    /// TFORCALL and the TFORLOOP after it.
    pub(super) fn call_iterator(&mut self, i: Instruction) -> LuaResult<Flow> {
        let base = self.register_index(i.a());
        let slots = self.thread.stack.slice_mut(base, base + 7);
        slots.copy_within(0..3, 4);
        self.thread.top = base as u32 + 7;
        self.enter_c_call()?;
        let flags = flag::METAMETHOD | flag::COUNTED;
        let flow = self.precall(base + 4, 2, i.c() as i32, flags)?;
        if flow == Flow::Done {
            self.c_calls -= 1;
            // Complete: the loop goes on or ends.
            return self.finish_instruction(false, false);
        }
        Ok(flow)
    }
}
