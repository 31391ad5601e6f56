//! The interpreter: `Proto` -> effects.
//!
//! 1. [`proto`]   runtime form of a compiled function
//! 2. [`frame`]   call frames, the stack of a thread, read access for observers
//! 3. [`thread`]  threads: room on their stacks, what they keep alive, access to all of them
//! 4. [`native`]  library functions: arguments, results, continuations
//! 4. [`driver`]  what the JIT and the oracle plug in: ticks and loop heads
//! 5. [`error`]   Lua errors as Rust values
//! 6. [`debug`]   names for values in messages, by symbolic execution
//! 7. [`activation`]  what the debug interface sees of functions and frames; tracebacks
//! 8. [`arith`]   arithmetic and comparison beyond the fast paths
//! 9. [`meta`]    metamethods
//! 10. [`call`]   calls, returns, protected calls, unwinding
//! 11. [`hook`]   debug hooks
//! 12. [`interpreter`]  the loop; [`interrupt`] stops it from outside
//! 13. [`memory`] collections, finalizers, the memory limit
//! 14. [`host`]   the C library: streams, time, processes; [`output`] standard output and warnings
//!
//! Invariants:
//! - Lua functions calling Lua functions, metamethods, and protected calls do not recurse in Rust;
//! - the clock counts instructions as PUC's count hook does (see [`Vm::clock`]);
//! - nothing is collected except at allocation points (see [`memory`]), which the interpreter has
//!   after instructions that allocate and after calls of library functions.

pub mod activation;
pub mod arith;
pub mod call;
pub mod close;
pub mod coroutine;
pub mod debug;
pub mod driver;
pub mod error;
pub mod frame;
pub mod hook;
pub mod host;
pub mod interpreter;
pub mod interrupt;
pub mod memory;
pub mod meta;
pub mod native;
pub mod output;
pub mod overflow;
pub mod proto;
pub mod thread;

pub use driver::Driver;
pub use error::{ErrorKind, LuaError, LuaResult};
pub use frame::{Frame, FrameKind, FrameView};
pub use native::{Args, BasicType, Intrinsic, NativeFunction, Outcome, Returned};
pub use proto::RuntimeProto;

use crate::bytecode::{Event, Proto};
use crate::heap::layout::Upvalue;
use crate::heap::stack::Stack;
use crate::heap::{ClosureRef, Heap, StrRef, TableRef, ThreadRef, UpvalueRef, Value};
use frame::ThreadState;
use proto::NEVER_HOT;
use std::ptr::NonNull;
use std::sync::Arc;

/// Slots a native may push without asking (`LUA_MINSTACK`).
pub(crate) const NATIVE_STACK: usize = 20;

/// What a program was shown that two runs need not share. Whatever it does afterwards may depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unspecified {
    /// An object's address as text.
    pub address: bool,
    /// A traversal of a table whose order is this run's own.
    pub order: bool,
    /// The collector's state.
    pub collector: bool,
    /// An array being sorted by pivots that PUC draws from the time (a large part split unevenly).
    pub pivot: bool,
}

/// A Lua state.
pub struct Vm {
    pub heap: Heap,
    /// Stack and frames of the running thread.
    pub(crate) thread: ThreadState,
    /// The object of the running thread.
    pub(crate) current: ThreadRef,
    pub(crate) main: ThreadRef,
    pub(crate) globals: TableRef,
    pub(crate) registry: TableRef,
    pub(crate) loaded: TableRef,
    pub(crate) type_metatables: [Option<TableRef>; BasicType::COUNT],
    /// Names of the metamethods, by event.
    pub(crate) event_names: [StrRef; Event::COUNT],
    pub(crate) memory_message: StrRef,
    /// What the program was shown so far that another run need not show.
    pub shown: Unspecified,
    /// What the program printed, unless it goes to the process's standard output.
    pub output: Vec<u8>,
    pub(crate) destination: output::Output,
    pub(crate) driver: Option<Box<dyn Driver>>,
    /// Instructions until the next tick, counted down by the interpreter.
    pub(crate) ticks_left: u64,
    /// `clock + ticks_left`, constant while instructions execute.
    pub(crate) tick_point: u64,
    /// The clock at which the driver wants a tick, `u64::MAX` for none.
    pub(crate) driver_tick: u64,
    pub(crate) switches: Switches,
    pub(crate) interrupts: interrupt::Interrupts,
    pub(crate) near_limit: overflow::NearLimit,
    /// Nesting of calls that PUC makes through C (`nCcalls`).
    pub(crate) c_calls: u32,
    pub(crate) initial_hot_count: u16,
    /// A finalizer is running.
    pub(crate) is_finalizing: bool,
    /// [`Vm::close`] was called.
    pub(crate) closing: bool,
}

impl Vm {
    pub fn new() -> Vm {
        let mut heap = Heap::new();
        let stack = Stack::new_fixed(&mut heap.allocator);
        let main = heap.new_thread(None);
        let globals = heap.new_table();
        let registry = heap.new_table();
        let loaded = heap.new_table();
        registry.set_name(&mut heap, "_LOADED", Value::from(loaded));
        let event_names = Event::ALL.map(|event| heap.new_string(event.name().as_bytes()));
        let memory_message = heap.new_string(b"not enough memory");
        Vm {
            thread: ThreadState { unyieldable: 1, ..ThreadState::new(stack) },
            current: main,
            main,
            heap,
            globals,
            registry,
            loaded,
            type_metatables: [None; BasicType::COUNT],
            event_names,
            memory_message,
            shown: Unspecified::default(),
            output: Vec::new(),
            destination: output::Output::new(),
            driver: None,
            ticks_left: u64::MAX,
            tick_point: u64::MAX,
            driver_tick: u64::MAX,
            switches: Switches::default(),
            interrupts: interrupt::Interrupts::new(),
            near_limit: overflow::NearLimit::default(),
            c_calls: 0,
            initial_hot_count: NEVER_HOT,
            is_finalizing: false,
            closing: false,
        }
    }

    /// The table of globals.
    pub fn globals(&self) -> TableRef {
        self.globals
    }
    /// The registry (a table that programs cannot reach).
    pub fn registry(&self) -> TableRef {
        self.registry
    }
    /// `package.loaded`.
    pub fn loaded(&self) -> TableRef {
        self.loaded
    }

    pub fn set_global(&mut self, name: &str, value: Value) {
        self.globals.set_name(&mut self.heap, name, value);
    }
    pub fn get_global(&mut self, name: &str) -> Value {
        let key = self.heap.new_string(name.as_bytes());
        self.globals.get_str(key)
    }

    /// The metatable of any value.
    pub fn metatable_of(&self, value: Value) -> Option<TableRef> {
        match BasicType::of(value) {
            BasicType::Table => value.as_table()?.metatable(),
            BasicType::Userdata => value.as_userdata()?.metatable(),
            other => self.type_metatables[other as usize],
        }
    }
    /// Sets the metatable of a table or userdata, or of all values of another type.
    pub fn set_metatable_of(&mut self, value: Value, metatable: Option<TableRef>) {
        match (value.as_table(), value.as_userdata()) {
            (Some(table), _) => table.set_metatable(&mut self.heap, metatable),
            (_, Some(userdata)) => userdata.set_metatable(&mut self.heap, metatable),
            _ => self.type_metatables[BasicType::of(value) as usize] = metatable,
        }
    }
    /// The metamethod of a value for an event, nil if there is none.
    pub fn metamethod(&self, value: Value, event: Event) -> Value {
        match self.metatable_of(value) {
            Some(metatable) => metatable.get_str(self.event_names[event as usize]),
            None => Value::NIL,
        }
    }
    /// The name `__add` and so on as a string object.
    pub fn event_name(&self, event: Event) -> StrRef {
        self.event_names[event as usize]
    }

    /// A function for a compiled chunk. Its first upvalue is the table of globals.
    pub fn load(&mut self, proto: &Arc<Proto>) -> ClosureRef {
        let runtime = self.instantiate(proto);
        let count = proto.upvalues.len();
        let closure = ClosureRef::from_ptr(self.heap.new_closure(runtime, count));
        for index in 0..count {
            let value = if index == 0 { Value::from(self.globals) } else { Value::NIL };
            let upvalue = self.heap.new_upvalue(value);
            closure.set_upvalue(index, upvalue);
        }
        closure
    }

    /// Initial loop counter of functions loaded from now on; [`NEVER_HOT`] turns the JIT off.
    pub fn set_initial_hot_count(&mut self, count: u16) {
        self.initial_hot_count = count;
    }

    /// Plugs in a driver, and gives back the one before.
    pub fn set_driver(&mut self, driver: Option<Box<dyn Driver>>) -> Option<Box<dyn Driver>> {
        std::mem::replace(&mut self.driver, driver)
    }
    /// The driver, unless it is being called.
    pub fn driver_mut(&mut self) -> Option<&mut (dyn Driver + 'static)> {
        self.driver.as_deref_mut()
    }

    /// Turns the map of live memory on or off (see [`Heap::region`]).
    pub fn track_regions(&mut self, on: bool) {
        let stacks = [self.thread.stack.region()];
        self.heap.track_regions(on, &stacks);
    }
}

/// What the driver is told of threads that begin to run.
#[derive(Default)]
pub(crate) struct Switches {
    watched: bool,
    happened: bool,
}

/// The clock.
impl Vm {
    /// Another thread has begun to run. The driver sees nothing of finalizers.
    pub(crate) fn note_switch(&mut self) {
        if self.switches.watched && !self.is_finalizing {
            self.switches.happened = true;
            self.tick_at(self.clock());
        }
    }
    /// Instructions fetched so far, as PUC's count hook counts them: not VARARGPREP, not an EXTRAARG,
    /// not the JMP that a test consumes, not the TFORCALL that follows a TFORPREP, and not the
    /// TFORLOOP that follows a TFORCALL. At a tick, the instruction about to execute is not counted.
    pub fn clock(&self) -> u64 {
        self.tick_point.wrapping_sub(self.ticks_left)
    }
    /// Asks for a tick just before instruction number `clock + 1`, that is, when `clock()` has this
    /// value. During a tick, the earliest is `clock() + 1`; at a loop head, `clock()`.
    pub fn tick_at(&mut self, clock: u64) {
        debug_assert!(clock >= self.clock());
        self.driver_tick = clock;
        self.arm_for_driver();
    }
    /// Asks for a tick whenever another thread has begun to run, besides those asked for otherwise: the
    /// next one is earlier then, and has to be asked for again.
    pub fn tick_at_switches(&mut self, on: bool) {
        self.switches.watched = on;
    }
    /// Whether another thread has begun to run since this was asked last.
    pub fn take_switch(&mut self) -> bool {
        std::mem::take(&mut self.switches.happened)
    }
    /// Asks for no tick at all.
    pub fn no_tick(&mut self) {
        self.driver_tick = u64::MAX;
        self.arm_for_driver();
    }
    /// A thread with hooks has a tick before each instruction, whatever the driver asks for.
    fn arm_for_driver(&mut self) {
        if self.thread.hooks.mask == 0 {
            self.arm(self.driver_tick);
        }
    }
    /// Makes the interpreter stop when `clock()` has this value, `u64::MAX` for never.
    pub(crate) fn arm(&mut self, clock: u64) {
        let now = self.clock();
        let clock = clock.min(self.interrupts.next_poll.max(now));
        let clock = if self.watches_stack_end() { now } else { clock };
        self.tick_point = clock.saturating_add(1);
        self.ticks_left = self.tick_point - now;
    }
    /// The clock at which the next tick comes.
    pub fn next_tick(&self) -> u64 {
        self.driver_tick
    }
    /// Advances the clock by instructions that a trace executed. If the next tick lies in between, it
    /// comes before the next instruction.
    pub fn advance_clock(&mut self, instructions: u64) {
        let now = self.clock() + instructions;
        if now < self.tick_point {
            self.ticks_left = self.tick_point - now;
        } else {
            self.ticks_left = 1;
            self.tick_point = now + 1;
        }
    }
    /// Sets the clock back to an earlier value: what ran since was not the program's.
    pub(crate) fn rewind_clock(&mut self, clock: u64) {
        self.tick_point = clock.wrapping_add(self.ticks_left);
        self.interrupts.schedule(clock);
    }
    /// Sets the clock to zero (between two programs).
    pub fn reset_clock(&mut self) {
        self.ticks_left = u64::MAX;
        self.tick_point = u64::MAX;
        self.driver_tick = u64::MAX;
        self.interrupts.schedule(0);
        self.hooks_changed();
    }
}

/// Open upvalues.
impl Vm {
    /// The open upvalue of a stack slot, made if need be.
    pub(crate) fn find_upvalue(&mut self, slot: *mut Value) -> UpvalueRef {
        let mut link: *mut *mut Upvalue = &raw mut self.thread.open_upvalues;
        // SAFETY: the list holds open upvalues that some closure keeps alive, by falling address.
        unsafe {
            while !(*link).is_null() && (**link).location >= slot {
                if (**link).location == slot {
                    return UpvalueRef::from_ptr(NonNull::new_unchecked(*link));
                }
                link = &raw mut (**link).next_open;
            }
        }
        let upvalue = self.heap.new_upvalue(Value::NIL);
        // SAFETY: the new upvalue is put between its neighbours in the list.
        unsafe {
            (*upvalue.as_ptr()).location = slot;
            (*upvalue.as_ptr()).next_open = *link;
            *link = upvalue.as_ptr();
        }
        upvalue
    }

    /// Closes every upvalue at or above stack slot `level`.
    pub(crate) fn close_upvalues(&mut self, level: usize) {
        self.thread.close_upvalues(level, |upvalue, value| self.heap.close_barrier(upvalue, value));
    }
}

impl Default for Vm {
    fn default() -> Self {
        Vm::new()
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // SAFETY: nothing runs any more; the objects freed after this do not touch the stack.
        unsafe { self.thread.stack.free(&mut self.heap.allocator) };
    }
}
