//! Call frames and the state of one thread.
//!
//! In:  nothing.   Out: [`Frame`], [`ThreadState`], and read access for the recorder and the oracle.
//!
//! Invariants:
//! - `func` is the stack index of the function's slot, and its registers start at `func + 1`. In a
//!   vararg function the extra arguments lie below `func` (VARARGPREP moved the function up);
//! - `saved_pc` points to the next instruction to fetch. While a frame is not on top it points after
//!   the instruction that made the call;
//! - a Lua frame owns the slots up to `top` (`func + 1 + max_stack_size`); a native frame those up to
//!   the thread's `top`.

use super::Vm;
use super::hook::Hooks;
use super::native::Continuation;
use super::proto::RuntimeProto;
use crate::bytecode::{Instruction, Pc};
use crate::heap::layout::Upvalue;
use crate::heap::stack::Stack;
use crate::heap::{ClosureRef, Value};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FrameKind {
    Lua,
    /// A library function that is running, or that waits for a function it called.
    Native,
}

/// Why a frame needs more than a plain return.
pub mod flag {
    /// Returning ends the current run of the interpreter loop (entered by `Vm::call`).
    pub const FRESH: u16 = 1;
    /// Replaced its caller by a tail call.
    pub const TAIL: u16 = 2;
    /// Called by an instruction other than CALL: returning completes that instruction.
    pub const METAMETHOD: u16 = 4;
    /// Counts against the limit of C calls, as the same call does in PUC.
    pub const COUNTED: u16 = 8;
    /// A native frame that catches errors of what it called.
    pub const PROTECTED: u16 = 16;
    /// The metamethod `__lt` stands in for a missing `__le`: negate its result.
    pub const NEGATED: u16 = 32;
    /// Returning resumes the native below, which waits for this call.
    pub const CONTINUES: u16 = 64;
    /// The outermost call of a coroutine: returning ends it.
    pub const BODY: u16 = 128;
    /// Was pending when PUC cut its C stack (see [`super::Vm::interrupt`]), and counts no more.
    pub const INTERRUPTED: u16 = 256;
    /// Closes a variable while an error unwinds: returning goes on with catching the error.
    pub const CLOSING: u16 = 512;
    /// A native that waits for a coroutine: `coroutine.resume`, which reports how it went ...
    pub const RESUMES: u16 = 1024;
    /// ... or the function of `coroutine.wrap`, which passes errors on.
    pub const WRAPS: u16 = 2048;
}

/// One call. Kept small: pushing it is most of what a call costs.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Frame {
    pub(crate) saved_pc: *const Instruction,
    pub(crate) func: u32,
    pub(crate) top: u32,
    /// Lua frames: arguments beyond the fixed parameters of a vararg function. Native frames: number
    /// of arguments.
    pub(crate) extra_args: u32,
    /// Results the caller wants, -1 for all.
    pub(crate) wanted: i32,
    /// Native frames: slot of the called function. Lua frames: end of the operands of a CONCAT that
    /// called a metamethod, or number of results of a RETURN that closes variables.
    pub(crate) callee: u32,
    pub(crate) flags: u16,
    pub(crate) kind: FrameKind,
}
const _: () = assert!(size_of::<Frame>() == 32);

/// What a native frame that waits for a function it called goes on with.
#[derive(Clone, Copy)]
pub(crate) struct Waiting {
    /// Index of the frame.
    pub(crate) frame: usize,
    pub(crate) then: Continuation,
    /// The message handler to restore.
    pub(crate) outer_handler: u32,
    /// Nesting of C calls to restore when an error is caught here.
    pub(crate) c_calls: u32,
    /// The thread's interruptions so far.
    pub(crate) interruptions: u32,
}

impl Frame {
    pub fn kind(&self) -> FrameKind {
        self.kind
    }
    pub fn is_lua(&self) -> bool {
        self.kind == FrameKind::Lua
    }
    /// Stack index of the function's slot.
    pub fn func(&self) -> usize {
        self.func as usize
    }
    /// Stack index of register 0 (of the first argument, in a native frame).
    pub fn base(&self) -> usize {
        self.func as usize + 1
    }
    /// Results the caller wants, -1 for all.
    pub fn wanted(&self) -> i32 {
        self.wanted
    }
    /// Arguments beyond the fixed parameters of a vararg function.
    pub fn extra_args(&self) -> u32 {
        if self.is_lua() { self.extra_args } else { 0 }
    }
    pub fn is_tail_call(&self) -> bool {
        self.flags & flag::TAIL != 0
    }
    /// Called on behalf of an instruction other than CALL.
    pub fn is_metamethod(&self) -> bool {
        self.flags & flag::METAMETHOD != 0
    }
    /// Returning from it leaves the interpreter loop.
    pub fn is_fresh(&self) -> bool {
        self.flags & flag::FRESH != 0
    }
}

pub(crate) const NO_FRAME: u32 = u32::MAX;

/// Stack and frames of one thread of execution.
pub struct ThreadState {
    pub(crate) stack: Stack,
    pub(crate) frames: Vec<Frame>,
    /// One entry for each native frame that waits, outermost first.
    pub(crate) waiting: Vec<Waiting>,
    /// First free slot of a native frame; the end of an open list of values between the instruction
    /// that leaves one and the instruction that takes it.
    pub(crate) top: u32,
    /// Slots below this were admitted; the collector clears dead slots up to here.
    pub(crate) checked_end: u32,
    /// Calls that end above this take their slow path (see `overflow` and `hook`).
    pub(crate) admitted_end: u32,
    pub(crate) hooks: Hooks,
    /// Open upvalues by falling stack address.
    pub(crate) open_upvalues: *mut Upvalue,
    /// Slot of the message handler of the innermost `xpcall`, 0 if there is none.
    pub(crate) handler: u32,
    /// Slots of the variables to be closed, ascending.
    pub(crate) to_be_closed: Vec<u32>,
    /// Calls under way that cannot be suspended; the main thread has one more.
    pub(crate) unyieldable: u32,
    /// Nesting of C calls that this thread started from.
    pub(crate) base_c_calls: u32,
    /// See [`Vm::interrupt`].
    pub(crate) interruptions: u32,
    /// Calls under way in code that goes on after an error (see [`Vm::catching`]).
    pub(crate) catching: u32,
    /// Index of the frame of the finalizer that runs, [`NO_FRAME`] if none does.
    pub(crate) finalizer: u32,
    /// The stack has room above its limit, as an overflow is being reported.
    pub(crate) overflowing: bool,
    /// Slot at which the handler of the overflow just raised is called, else 0.
    pub(crate) handler_top: u32,
}

/// Everything about one frame that an observer may see.
pub struct FrameView<'vm> {
    pub frame: &'vm Frame,
    /// `None` in a native frame.
    pub closure: Option<ClosureRef>,
    /// The instruction to fetch next (the one after the call, in frames that are not on top).
    pub pc: Pc,
    /// Stack index of register 0.
    pub base: usize,
    /// All registers of a Lua frame; the values between base and top of a native one.
    pub registers: &'vm [Value],
    /// Extra arguments of a vararg function.
    pub varargs: &'vm [Value],
}

impl FrameView<'_> {
    pub fn proto(&self) -> Option<&RuntimeProto> {
        self.closure.map(ClosureRef::proto)
    }
}

impl ThreadState {
    /// Frame `index`, counted from the outermost.
    pub fn view(&self, index: usize) -> FrameView<'_> {
        let frame = &self.frames[index];
        let base = frame.base();
        let closure = self.closure_of(frame);
        let (end, pc) = match closure {
            Some(closure) => (
                base + usize::from(closure.proto().max_stack_size),
                closure.proto().pc_of(frame.saved_pc),
            ),
            None => ((self.top as usize).max(base), Pc(0)),
        };
        let fixed = closure.map_or(0, |closure| usize::from(closure.proto().num_params));
        let extra = frame.extra_args() as usize;
        let varargs = match extra {
            0 => &[],
            _ => {
                let start = frame.func() - extra;
                debug_assert!(start > fixed);
                self.stack.slice(start, frame.func())
            }
        };
        let registers = self.stack.slice(base, end);
        FrameView { frame, closure, pc, base, registers, varargs }
    }

    /// The Lua function of a frame, `None` in a native one.
    pub(crate) fn closure_of(&self, frame: &Frame) -> Option<ClosureRef> {
        match frame.kind {
            FrameKind::Lua => self.stack.get(frame.func()).as_closure(),
            FrameKind::Native => None,
        }
    }
}

impl Vm {
    /// The call frames, outermost first.
    pub fn frames(&self) -> &[Frame] {
        &self.thread.frames
    }

    pub fn frame_count(&self) -> usize {
        self.thread.frames.len()
    }

    /// Frame `index`, counted from the outermost.
    pub fn frame(&self, index: usize) -> FrameView<'_> {
        self.thread.view(index)
    }

    /// The innermost frame.
    pub fn top_frame(&self) -> FrameView<'_> {
        self.frame(self.thread.frames.len() - 1)
    }

    pub(crate) fn frame_closure(&self, frame: &Frame) -> Option<ClosureRef> {
        self.thread.closure_of(frame)
    }

    /// The function of a frame.
    pub fn frame_function(&self, frame: &Frame) -> Value {
        self.thread.stack.get(frame.func())
    }

    /// End of an open list of values (see [`ThreadState::top`]).
    pub fn open_top(&self) -> usize {
        self.thread.top as usize
    }
    pub fn set_open_top(&mut self, index: usize) {
        assert!(index <= self.thread.checked_end as usize);
        self.thread.top = index as u32;
    }

    /// A stack slot of the running thread.
    pub fn stack_value(&self, index: usize) -> Value {
        self.thread.stack.get(index)
    }
    /// Writes a stack slot; `index` must belong to a live frame.
    pub fn set_stack_value(&mut self, index: usize, value: Value) {
        assert!(index < self.thread.checked_end as usize);
        self.thread.stack.set(index, value);
    }
    /// Address of stack slot 0, which never changes.
    pub fn stack_address(&self) -> u64 {
        self.thread.stack.base() as u64
    }
    /// The stack index of a slot address of the running thread.
    pub fn stack_index_of(&self, address: *const Value) -> Option<usize> {
        self.thread.stack.index_of(address)
    }

    /// Moves the top frame to another instruction.
    pub fn set_pc(&mut self, pc: Pc) {
        let closure = self.top_frame().closure.expect("the top frame is a Lua frame");
        let pointer = closure.proto().pointer_to(pc);
        self.thread.frames.last_mut().expect("there is a frame").saved_pc = pointer;
    }

    /// Sets the pc of any Lua frame (a trace's exit restores the frames it inlined).
    pub fn set_frame_pc(&mut self, index: usize, pc: Pc) {
        let closure = self.frame(index).closure.expect("the frame is a Lua frame");
        self.thread.frames[index].saved_pc = closure.proto().pointer_to(pc);
    }

    /// Pushes the frame of a Lua function whose closure is already in its slot `func`, stopped at
    /// `pc`, as if the frame below had called it. The registers are the caller's to fill in.
    pub fn push_lua_frame(&mut self, func: usize, wanted: i32, extra_args: u32, pc: Pc) {
        let closure =
            self.thread.stack.get(func).as_closure().expect("the slot holds a Lua function");
        let top = func + 1 + usize::from(closure.proto().max_stack_size);
        assert!(self.admit(top), "the trace checked that the stack has room");
        self.thread.frames.push(Frame {
            saved_pc: closure.proto().pointer_to(pc),
            top: top as u32,
            extra_args,
            ..Frame::new(func as u32, wanted, FrameKind::Lua)
        });
    }

    /// Drops the innermost frame without completing its call.
    pub fn pop_frame(&mut self) {
        self.thread.frames.pop().expect("there is a frame");
    }
}

impl Frame {
    #[inline(always)]
    pub(crate) fn new(func: u32, wanted: i32, kind: FrameKind) -> Frame {
        Frame {
            saved_pc: std::ptr::null(),
            func,
            top: func + 1,
            extra_args: 0,
            wanted,
            callee: 0,
            kind,
            flags: 0,
        }
    }
}

impl ThreadState {
    /// The innermost frame.
    #[inline(always)]
    pub(crate) fn top_frame(&self) -> &Frame {
        debug_assert!(!self.frames.is_empty());
        // SAFETY: called only while a function runs, and each running function has a frame.
        unsafe { self.frames.last().unwrap_unchecked() }
    }
    #[inline(always)]
    pub(crate) fn top_frame_mut(&mut self) -> &mut Frame {
        debug_assert!(!self.frames.is_empty());
        // SAFETY: as in `top_frame`.
        unsafe { self.frames.last_mut().unwrap_unchecked() }
    }
    /// Pushes a frame, field by field into its place: built elsewhere and copied, it would be read
    /// back in wider pieces than it was written in, which stalls the processor.
    #[inline(always)]
    pub(crate) fn push_frame(&mut self, frame: Frame) {
        if self.frames.len() == self.frames.capacity() {
            self.grow_frames();
        }
        // SAFETY: there is room for one more.
        unsafe {
            let length = self.frames.len();
            let place = self.frames.as_mut_ptr().add(length);
            (&raw mut (*place).saved_pc).write(frame.saved_pc);
            (&raw mut (*place).func).write(frame.func);
            (&raw mut (*place).top).write(frame.top);
            (&raw mut (*place).extra_args).write(frame.extra_args);
            (&raw mut (*place).wanted).write(frame.wanted);
            (&raw mut (*place).callee).write(frame.callee);
            (&raw mut (*place).kind).write(frame.kind);
            (&raw mut (*place).flags).write(frame.flags);
            self.frames.set_len(length + 1);
        }
    }
    #[cold]
    fn grow_frames(&mut self) {
        self.frames.reserve(64);
    }
    /// Drops all frames from `depth` on.
    pub(crate) fn truncate(&mut self, depth: usize) {
        self.frames.truncate(depth);
        while self.waiting.last().is_some_and(|waiting| waiting.frame >= depth) {
            self.waiting.pop();
        }
    }
}
