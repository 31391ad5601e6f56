//! Debug hooks: calls of a Lua function at calls, returns, new lines and every n-th instruction.
//!
//! In:  [`Hooks`] of the running thread.   Out: calls of the hook, as PUC's `luaG_traceexec`,
//! `luaD_hookcall` and `rethook` make them.
//!
//! A thread without hooks pays nothing. One with hooks gets a tick before each instruction, and its
//! calls take the slow path of the check for stack room (`ThreadState::admitted_end` is 0):
//! - a Lua function's call event comes at the tick before its first instruction, its return event at
//!   the tick before its RETURN (inside the RETURN where variables are closed first);
//! - a native's events come around its call.
//!
//! Invariants:
//! - hooks do not run inside hooks; a hook is a native call, which cannot yield;
//! - while a hook runs, the pc of the frame it interrupts is after the instruction about to execute,
//!   as in a frame that made a call;
//! - traces are neither recorded nor entered by a thread with hooks.
//!
//! Limits: the clock counts the instructions of hooks.

use super::Vm;
use super::call::Flow;
use super::error::LuaResult;
use super::frame::FrameKind;
use super::native::{Args, NativeFunction};
use crate::bytecode::{Op, Pc, Proto};
use crate::heap::{TableRef, ThreadRef, Value};

/// The events a hook asks for.
pub mod mask {
    pub const CALL: u8 = 1;
    pub const RETURN: u8 = 2;
    pub const LINE: u8 = 4;
    pub const COUNT: u8 = 8;
}

/// Key of the hook table in the registry.
const HOOK_KEY: &str = "_HOOKKEY";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum HookEvent {
    Call,
    Return,
    Line,
    Count,
    TailCall,
}

impl HookEvent {
    fn name(self) -> &'static [u8] {
        match self {
            HookEvent::Call => b"call",
            HookEvent::Return => b"return",
            HookEvent::Line => b"line",
            HookEvent::Count => b"count",
            HookEvent::TailCall => b"tail call",
        }
    }
}

/// Where the values are that a call or return passes on, counted from the function's first slot
/// after its own (option `r` of `debug.getinfo`).
#[derive(Clone, Copy, Default)]
pub struct Transfer {
    pub first: u16,
    pub count: u16,
}

/// The hooks of one thread. The function is in the hook table of the registry.
#[derive(Clone, Copy, Default)]
pub(crate) struct Hooks {
    /// The events asked for, 0 if there is no hook.
    pub(crate) mask: u8,
    /// The distance of count events.
    pub(crate) base_count: i32,
    count_left: i32,
    /// The last instruction seen, to notice new lines.
    old_pc: u32,
    /// The frame that the running hook interrupts, and what it transfers.
    running: Option<(u32, Transfer)>,
    /// The top frame was pushed a moment ago.
    entering: bool,
}

impl Hooks {
    /// Frame `index` is interrupted by a hook.
    pub(crate) fn interrupts(&self, index: usize) -> bool {
        self.running.is_some_and(|(frame, _)| frame as usize == index)
    }
    /// What frame `index`, interrupted by a call or return hook, passes on.
    pub(crate) fn transfer_of(&self, index: usize) -> Transfer {
        match self.running {
            Some((frame, transfer)) if frame as usize == index && transfer.count > 0 => transfer,
            _ => Transfer::default(),
        }
    }
    /// A frame is about to be pushed.
    pub(crate) fn note_call(&mut self) {
        self.entering = self.mask != 0;
    }
    /// An error was caught.
    pub(crate) fn note_error(&mut self) {
        self.entering = false;
    }
}

/// Whether the line of instruction `new` differs from that of `old`, which is before it.
fn line_changes(proto: &Proto, old: u32, new: u32) -> bool {
    !proto.lineinfo.is_empty() && proto.line(Pc(old)) != proto.line(Pc(new))
}

/// Setting hooks.
impl Vm {
    /// The table from threads to hook functions (`registry._HOOKKEY`), made at the first use.
    pub(crate) fn hook_table(&mut self) -> TableRef {
        let key = self.heap.new_string(HOOK_KEY.as_bytes());
        if let Some(table) = self.registry.get_str(key).as_table() {
            return table;
        }
        let table = self.heap.new_table();
        let weak_keys = self.heap.new_string_value(b"k");
        table.set_name(&mut self.heap, "__mode", weak_keys);
        table.set_metatable(&mut self.heap, Some(table));
        let registry = self.registry;
        registry.set_name(&mut self.heap, HOOK_KEY, Value::from(table));
        table
    }

    /// Sets the events of a thread; the function is in the hook table.
    pub(crate) fn set_hook_events(&mut self, thread: ThreadRef, mask: u8, count: i32) {
        let hooks = &mut self.thread_state_mut(thread).hooks;
        (hooks.mask, hooks.base_count, hooks.count_left) = (mask, count, count);
        if thread == self.current {
            self.hooks_changed();
        }
    }

    /// The events of a thread and the distance of count events.
    pub(crate) fn hook_events(&self, thread: ThreadRef) -> (u8, i32) {
        let hooks = &self.thread_state(thread).hooks;
        (hooks.mask, hooks.base_count)
    }

    /// A new thread has the hooks of the one that makes it, but not its function: as in PUC, the hook
    /// table has none for it.
    #[cold]
    pub(crate) fn inherit_hooks(&mut self, thread: ThreadRef) {
        let Hooks { mask, base_count, .. } = self.thread.hooks;
        let state = self.thread_state_mut(thread);
        state.hooks = Hooks { mask, base_count, count_left: base_count, ..Hooks::default() };
        state.refresh_admission();
    }

    /// Puts the interpreter in the mode that the running thread's hooks need. To be called, outside of
    /// ticks, when they change or another thread goes on.
    pub(crate) fn hooks_changed(&mut self) {
        let now = self.clock();
        self.thread.refresh_admission();
        if self.thread.hooks.mask != 0 {
            self.arm(now);
        } else {
            self.arm(self.driver_tick.max(now));
        }
    }
}

/// Ticks.
impl Vm {
    /// A tick of a thread with hooks: the driver's, if it is due, then the hooks of the instruction
    /// about to execute.
    #[cold]
    pub(crate) fn tick_with_hooks(&mut self) -> LuaResult<()> {
        let result = match self.clock() >= self.driver_tick {
            true => self.call_driver_tick(),
            false => Ok(()),
        };
        let result = result.and_then(|()| self.hook_instruction());
        let now = self.clock();
        if result.is_err() {
            // The instruction does not execute.
            self.arm(now);
        } else if self.thread.hooks.mask != 0 {
            self.arm(now + 1);
        } else {
            self.arm(self.driver_tick.max(now + 1));
        }
        result
    }

    /// Calls the hooks that are due before the next instruction of the Lua frame on top.
    fn hook_instruction(&mut self) -> LuaResult<()> {
        let frame = self.thread.top_frame_mut();
        // SAFETY: the pc points to an instruction, so the one after it is in or just past the code.
        frame.saved_pc = unsafe { frame.saved_pc.add(1) };
        self.hook_function_entry()?;
        self.hook_line_and_count()?;
        self.hook_return_instruction()?;
        let frame = self.thread.top_frame_mut();
        // SAFETY: back to the instruction.
        frame.saved_pc = unsafe { frame.saved_pc.sub(1) };
        Ok(())
    }

    /// The Lua function on top and the instruction it is about to execute.
    fn hooked_instruction(&self) -> (&Proto, u32) {
        let frame = self.thread.top_frame();
        let proto = self.frame_closure(frame).expect("a Lua function is running").proto();
        (&proto.proto, proto.pc_of(frame.saved_pc).0 - 1)
    }

    fn hook_function_entry(&mut self) -> LuaResult<()> {
        if !std::mem::take(&mut self.thread.hooks.entering) {
            return Ok(());
        }
        let (proto, _) = self.hooked_instruction();
        let (params, is_vararg) = (proto.num_params, proto.is_vararg);
        self.thread.hooks.old_pc = 0;
        if self.thread.hooks.mask & mask::CALL != 0 {
            let event = match self.thread.top_frame().is_tail_call() {
                true => HookEvent::TailCall,
                false => HookEvent::Call,
            };
            self.call_hook(event, None, Transfer { first: 1, count: u16::from(params) })?;
        }
        if is_vararg {
            self.thread.hooks.old_pc = 1;
        }
        Ok(())
    }

    fn hook_line_and_count(&mut self) -> LuaResult<()> {
        let hooks = &mut self.thread.hooks;
        let mask = hooks.mask;
        let mut count_is_due = false;
        if mask & mask::COUNT != 0 {
            hooks.count_left = hooks.count_left.wrapping_sub(1);
            count_is_due = hooks.count_left == 0;
        }
        if count_is_due {
            hooks.count_left = hooks.base_count;
            self.call_hook(HookEvent::Count, None, Transfer::default())?;
        }
        if mask & mask::LINE != 0 {
            let last_seen = self.thread.hooks.old_pc;
            let (proto, pc) = self.hooked_instruction();
            // Left over from another function, it may not exist in this one.
            let old_pc = if (last_seen as usize) < proto.code.len() { last_seen } else { 0 };
            if pc <= old_pc || line_changes(proto, old_pc, pc) {
                let line = proto.line(Pc(pc));
                self.call_hook(HookEvent::Line, line, Transfer::default())?;
            }
            self.thread.hooks.old_pc = pc;
        }
        Ok(())
    }

    /// The return event of a RETURN that closes nothing.
    fn hook_return_instruction(&mut self) -> LuaResult<()> {
        let (proto, pc) = self.hooked_instruction();
        let i = proto.code[pc as usize];
        let first = self.thread.top_frame().base() + i.a();
        match i.op() {
            Op::Return0 => self.hook_return(first, 0),
            Op::Return1 => self.hook_return(first, 1),
            Op::Return if !i.k() => {
                let open = self.thread.top as usize;
                self.hook_return(first, if i.b() != 0 { i.b() - 1 } else { open - first })
            }
            _ => Ok(()),
        }
    }
}

/// Events.
impl Vm {
    /// The function on top is about to return `count` values from slot `first` on.
    #[cold]
    pub(crate) fn hook_return(&mut self, first: usize, count: usize) -> LuaResult<()> {
        if self.thread.hooks.mask & mask::RETURN != 0 {
            let offset = first - self.thread.top_frame().func();
            let transfer = Transfer { first: offset as u16, count: count as u16 };
            let open = self.thread.top;
            self.thread.top = open.max((first + count) as u32);
            let result = self.call_hook(HookEvent::Return, None, transfer);
            self.thread.top = open;
            result?;
        }
        self.hooks_leave_function();
        Ok(())
    }

    /// Lines are compared with the instruction that made the call from now on.
    fn hooks_leave_function(&mut self) {
        let frames = &self.thread.frames;
        let Some(caller) = frames.len().checked_sub(2).map(|index| frames[index]) else {
            return;
        };
        if let Some(closure) = self.frame_closure(&caller) {
            self.thread.hooks.old_pc = closure.proto().pc_of(caller.saved_pc).0.saturating_sub(1);
        }
    }

    /// After a TAILCALL of a native: the RETURN that passes its results on gets no tick.
    pub(crate) fn hook_tail_called_native(&mut self, results: usize) -> LuaResult<()> {
        if self.thread.hooks.mask == 0 {
            return Ok(());
        }
        // SAFETY: TAILCALL is followed by RETURN.
        let following = unsafe { *self.thread.top_frame().saved_pc };
        if following.k() {
            return Ok(());
        }
        self.hook_return(results, self.thread.top as usize - results)
    }

    /// A native's call when the stack has to be extended or hooks are set.
    #[cold]
    pub(crate) fn call_native_with_hooks(
        &mut self,
        native: &'static NativeFunction,
        args: Args,
    ) -> LuaResult<Flow> {
        if self.thread.hooks.mask & mask::CALL != 0 {
            let transfer = Transfer { first: 1, count: args.count as u16 };
            self.call_hook(HookEvent::Call, None, transfer)?;
        }
        let returned = (native.call)(self, args)?;
        self.go_on_native(returned)
    }

    /// Calls the hook function of the running thread.
    fn call_hook(
        &mut self,
        event: HookEvent,
        line: Option<u32>,
        transfer: Transfer,
    ) -> LuaResult<()> {
        if self.thread.hooks.mask == 0 || self.thread.hooks.running.is_some() {
            return Ok(());
        }
        let open = self.thread.top;
        let index = self.thread.frames.len() - 1;
        let frame = self.thread.frames[index];
        if frame.kind == FrameKind::Lua {
            // An open list of values above the registers stays as it is.
            let (proto, pc) = self.hooked_instruction();
            let keeps_open = proto.code[pc as usize].takes_top() || event == HookEvent::Return;
            self.thread.top = if keeps_open { open.max(frame.top) } else { frame.top };
        }
        let top = self.thread.top as usize;
        if !self.admit(top + super::NATIVE_STACK) {
            return Err(self.stack_overflow(top));
        }
        let table = self.hook_table();
        let function = table.get(Value::from(self.current));
        if function.is_function() {
            self.thread.hooks.running = Some((index as u32, transfer));
            self.push(Value::from(table));
            self.push(function);
            let name = self.heap.new_string_value(event.name());
            self.push(name);
            self.push(line.map_or(Value::NIL, |line| Value::int(i64::from(line))));
            let result = self.call_pushed(2, 0);
            self.thread.hooks.running = None;
            result?;
        }
        self.thread.top = open;
        Ok(())
    }
}
