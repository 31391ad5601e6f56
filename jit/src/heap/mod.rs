//! Values and heap objects: the layouts that traces read, and the collector.
//!
//! 1. [`value`]     the 16-byte value
//! 2. [`layout`]    object structs and the offsets that traces use
//! 3. [`alloc`]     where memory comes from, and what is live
//! 4. [`number`]    arithmetic and conversions of numbers, shared by interpreter, constant folding and JIT
//! 5. [`object`]    safe handles to objects
//! 6. [`string`]    strings and the intern table
//! 7. [`table`]     tables, sized exactly as PUC sizes them
//! 8. [`stack`]     the value stack of a thread
//! 9. [`collector`] the phases of a collection, finalizers; [`colour`] the mark of an object,
//!    [`barrier`] what a store tells the collector, [`mark`] reachability and weak tables, [`sweep`]
//!    freeing, [`pace`] when; [`verify`] looks for broken invariants under stress
//!
//! Invariants that make the handles of [`object`] usable from safe code:
//! - an object is freed only by a collection;
//! - a collection happens only where the interpreter asks for one (`Vm::collect_if_due`), and
//!   everything that can be reached from the roots survives it;
//! - so a handle is good until the next such point, and for as long as its object is reachable. Code
//!   that keeps a handle longer must root it (the stack, the registry, or `Heap::pinned`).

pub mod alloc;
mod barrier;
pub mod collector;
mod colour;
pub mod layout;
pub mod mark;
pub mod number;
pub mod object;
pub mod pace;
pub mod stack;
pub mod string;
mod sweep;
pub mod table;
pub mod value;
mod verify;

pub use object::{
    ClosureRef, NativeClosureRef, StrRef, TableRef, ThreadRef, UpvalueRef, UserdataRef,
};
pub use value::{Tag, Value};

use crate::vm::RuntimeProto;
use crate::vm::frame::ThreadState;
use alloc::{Allocator, Block, BlockKind};
use collector::Collector;
use layout::{
    Closure, EMPTY_NODE, GcHeader, NativeClosure, Node, ObjectKind, Str, Table, Thread,
    ThreadStatus, Upvalue, Userdata,
};
use pace::Pace;
use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::OnceLock;
use string::InternTable;
use value::VALUE_SIZE;

/// What to do at allocation points, instead of what the pace asks for (a test switch).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stress {
    /// Act at every n-th allocation point.
    pub every: NonZeroU32,
    pub action: StressAction,
    /// After each so many units of work (an object or slot visited or swept) n grows by one, so that
    /// the time of a program that keeps much and runs long is not the product of the two.
    pub patience: Option<NonZeroU64>,
}

impl Stress {
    /// Acts at every allocation point, whatever that costs.
    pub fn always(action: StressAction) -> Stress {
        Stress { every: NonZeroU32::MIN, action, patience: None }
    }

    /// What the environment asks of all heaps of a checked build, so that any test can be run under it:
    /// `PLUMB_STRESS` is `full`, `minor`, or the units of an incremental step.
    fn of_environment() -> Option<Stress> {
        const PATIENCE: Option<NonZeroU64> = NonZeroU64::new(20_000);
        static ACTION: OnceLock<Option<StressAction>> = OnceLock::new();
        if !cfg!(debug_assertions) {
            return None;
        }
        let action = ACTION.get_or_init(|| {
            let units = |text: &str| text.parse().expect("PLUMB_STRESS: full, minor or a number");
            Some(match std::env::var("PLUMB_STRESS").ok()?.as_str() {
                "full" => StressAction::Full,
                "minor" => StressAction::Minor,
                text => StressAction::Step(units(text)),
            })
        });
        action.map(|action| Stress { patience: PATIENCE, ..Stress::always(action) })
    }
}

/// The last two also set the mode that they need, whatever the program chose: `collectgarbage` then answers
/// as PUC does in that mode (a "step" of the generational mode never ends a cycle, so it gives false).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StressAction {
    /// A full collection.
    Full,
    /// So many units of work of the incremental mode.
    Step(NonZeroU32),
    /// A step of the generational mode.
    Minor,
}

/// Blocks from this size on may be more than the host has.
const LARGE_BYTES: usize = 1 << 20;

/// All objects of one VM.
pub struct Heap {
    pub(crate) allocator: Allocator,
    /// Head of the list of all objects.
    pub(crate) objects: *mut GcHeader,
    pub(crate) interned: InternTable,
    /// All threads: those that a collection does not reach close their upvalues before they go.
    pub(crate) threads: Vec<ThreadRef>,
    /// Values that must survive besides those the VM reaches (the JIT's constants).
    pub pinned: Vec<Value>,
    /// Values that the recording in progress names.
    pub recorded: Vec<Value>,
    /// Functions that traces inline, and those that the recording in progress does.
    pub pinned_protos: Vec<NonNull<RuntimeProto>>,
    pub recorded_protos: Vec<NonNull<RuntimeProto>>,
    /// The live function prototypes by number, and the next number.
    pub(crate) protos: BTreeMap<u32, NonNull<RuntimeProto>>,
    pub(crate) next_proto: u32,
    /// Live bytes above which allocation fails with "not enough memory"; `usize::MAX` for no limit.
    pub limit_bytes: usize,
    pub(crate) collector: Collector,
    stress: Option<Stress>,
    /// Allocation points until the next one at which `stress` acts.
    points_left: u32,
    /// `collectgarbage("stop")`.
    pub stopped: bool,
    /// Collections so far.
    pub collections: u64,
    /// Units of the verifier's work so far.
    verified: u64,
}

impl Heap {
    pub fn new() -> Heap {
        let mut heap = Heap {
            allocator: Allocator::new(),
            objects: std::ptr::null_mut(),
            interned: InternTable::new(),
            threads: Vec::new(),
            pinned: Vec::new(),
            recorded: Vec::new(),
            pinned_protos: Vec::new(),
            recorded_protos: Vec::new(),
            protos: BTreeMap::new(),
            next_proto: 0,
            limit_bytes: usize::MAX,
            collector: Collector::new(),
            stress: None,
            points_left: 0,
            stopped: false,
            collections: 0,
            verified: 0,
        };
        heap.name_metamethods();
        if let Some(stress) = Stress::of_environment() {
            heap.set_stress(Some(stress));
        }
        heap
    }

    /// Bytes in use, as `collectgarbage("count")` reports in KiB.
    pub fn live_bytes(&self) -> usize {
        self.allocator.live_bytes()
    }

    /// The collector wants to run at the next allocation point.
    #[inline(always)]
    pub fn collection_due(&self) -> bool {
        self.allocator.debt() > 0
    }

    /// Collects everything at every n-th allocation point from now on; `None` for the usual pace.
    pub fn set_collect_every(&mut self, points: Option<NonZeroU32>) {
        let always = Stress::always(StressAction::Full);
        self.set_stress(points.map(|every| Stress { every, ..always }));
    }

    /// Runs the collector like this from now on; `None` for the usual pace.
    pub fn set_stress(&mut self, stress: Option<Stress>) {
        self.stress = stress.or_else(Stress::of_environment);
        self.points_left = self.stress.map_or(0, |stress| stress.every.get());
        if self.stress.is_some() {
            self.allocator.quarantine();
        }
        self.set_debt(0);
    }
    /// Objects that are freed stay as they are, for programs whose traces are not to be trusted: one may
    /// still be referred to. A trace that touches one is told by the map of live memory.
    pub fn keep_freed(&mut self) {
        self.allocator.keep_released();
    }
    pub fn is_stressed(&self) -> bool {
        self.stress.is_some()
    }
    /// Counts an allocation point: what is to be done at this one.
    pub(crate) fn stress_action(&mut self) -> Option<StressAction> {
        let stress = self.stress?;
        self.points_left -= 1;
        if self.points_left > 0 {
            return None;
        }
        let grown = stress.patience.map_or(0, |patience| self.collector.work() / patience);
        let grown = u32::try_from(grown).unwrap_or(u32::MAX);
        self.points_left = stress.every.get().saturating_add(grown);
        Some(stress.action)
    }

    /// The parameters of `collectgarbage`.
    pub fn pace(&mut self) -> &mut Pace {
        &mut self.collector.pace
    }
    /// Bytes allocated beyond the point at which the collector wants to run.
    pub(crate) fn debt(&self) -> isize {
        self.allocator.debt()
    }

    /// Whether the host would give a block of this size.
    fn host_has(&self, bytes: usize) -> bool {
        self.allocator.host_has(bytes)
    }
    /// Blocks of so many bytes together may be allocated: the limit has room, and so has the host.
    pub(crate) fn can_allocate(&self, bytes: usize) -> bool {
        self.has_room(bytes) && (bytes < LARGE_BYTES || self.host_has(bytes))
    }
    /// The memory limit leaves room for so many bytes more.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.live_bytes().saturating_add(bytes) <= self.limit_bytes
    }

    /// Does what cannot fail although the limit may have no room: small tables that the VM and its libraries
    /// make. The next allocation point notices the excess.
    pub(crate) fn beyond_limit<T>(&mut self, work: impl FnOnce(&mut Heap) -> T) -> T {
        let limit = std::mem::replace(&mut self.limit_bytes, usize::MAX);
        let result = work(self);
        self.limit_bytes = limit;
        result
    }

    pub(crate) fn link(&mut self, object: *mut GcHeader, kind: ObjectKind) {
        // SAFETY: `object` was just allocated with room for a header.
        unsafe {
            object.write(GcHeader { next: self.objects, kind, mark: self.collector.white.mark() })
        };
        self.objects = object;
        self.allocator.mark_as(object as u64, BlockKind::Object);
    }

    pub fn new_table(&mut self) -> TableRef {
        let block = self.allocator.allocate(size_of::<Table>()).cast::<Table>();
        self.link(block.as_ptr().cast(), ObjectKind::Table);
        let table = block.as_ptr();
        // SAFETY: the block has room for a Table; its header was written by `link`.
        unsafe {
            (*table).array = NonNull::<Value>::dangling().as_ptr();
            (*table).alimit = 0;
            (*table).array_size = 0;
            (*table).nodes = (&raw const EMPTY_NODE).cast_mut();
            (*table).metatable = std::ptr::null_mut();
            (*table).last_free = 0;
            (*table).log2_nodes = 0;
            (*table).has_nodes = false;
            (*table).absent_metamethods = u8::MAX;
            (*table).own_order = false;
        }
        TableRef::from_ptr(block)
    }

    /// A table with room for `array` list items and `hash` other keys.
    pub fn new_table_sized(&mut self, array: u32, hash: u32) -> TableRef {
        let table = self.new_table();
        if array > 0 || hash > 0 {
            table.resize(self, array, hash);
        }
        table
    }

    /// A function prototype; `make` is given its header and number.
    pub(crate) fn new_proto(
        &mut self,
        make: impl FnOnce(GcHeader, u32) -> RuntimeProto,
    ) -> *mut RuntimeProto {
        let block = self.allocator.allocate(size_of::<RuntimeProto>()).cast::<RuntimeProto>();
        self.link(block.as_ptr().cast(), ObjectKind::Proto);
        let id = self.next_proto;
        self.next_proto += 1;
        self.protos.insert(id, block);
        // SAFETY: the block has room for a RuntimeProto; its header was written by `link`.
        unsafe {
            let header = block.cast::<GcHeader>().read();
            block.write(make(header, id));
            self.allocator.charge(block.as_ref().extra_bytes);
        }
        block.as_ptr()
    }

    /// A Lua closure whose upvalues are still to be set (each to a valid upvalue, before anything
    /// else allocates).
    pub(crate) fn new_closure(
        &mut self,
        proto: *const crate::vm::proto::RuntimeProto,
        num_upvalues: usize,
    ) -> NonNull<Closure> {
        let block = self.allocator.allocate_zeroed(closure_bytes(num_upvalues)).cast::<Closure>();
        self.link(block.as_ptr().cast(), ObjectKind::Closure);
        // SAFETY: the block has room for a Closure.
        unsafe {
            (*block.as_ptr()).proto = proto;
            (*block.as_ptr()).num_upvalues = num_upvalues;
        }
        block
    }

    pub fn new_native_closure(
        &mut self,
        function: &'static crate::vm::native::NativeFunction,
        upvalues: &[Value],
    ) -> NativeClosureRef {
        let block =
            self.allocator.allocate(native_closure_bytes(upvalues.len())).cast::<NativeClosure>();
        self.link(block.as_ptr().cast(), ObjectKind::NativeClosure);
        let closure = block.as_ptr();
        // SAFETY: the block has room for the closure and its upvalues.
        unsafe {
            (*closure).function = function;
            (*closure).num_upvalues = upvalues.len();
            let slots = (&raw mut (*closure).upvalues).cast::<Value>();
            std::ptr::copy_nonoverlapping(upvalues.as_ptr(), slots, upvalues.len());
        }
        NativeClosureRef::from_ptr(block)
    }

    /// A closed upvalue that holds `value`.
    pub fn new_upvalue(&mut self, value: Value) -> UpvalueRef {
        let block = self.allocator.allocate(size_of::<Upvalue>()).cast::<Upvalue>();
        self.link(block.as_ptr().cast(), ObjectKind::Upvalue);
        let upvalue = block.as_ptr();
        // SAFETY: the block has room for an Upvalue.
        unsafe {
            (*upvalue).closed = value;
            (*upvalue).location = &raw mut (*upvalue).closed;
            (*upvalue).next_open = std::ptr::null_mut();
        }
        UpvalueRef::from_ptr(block)
    }

    pub fn new_userdata(
        &mut self,
        payload: Box<dyn std::any::Any>,
        metatable: Option<TableRef>,
    ) -> UserdataRef {
        let block = self.allocator.allocate(size_of::<Userdata>()).cast::<Userdata>();
        self.link(block.as_ptr().cast(), ObjectKind::Userdata);
        let userdata = block.as_ptr();
        // SAFETY: the block has room for a Userdata; `payload` is written, not assigned, because the
        // memory held no box before.
        unsafe {
            (*userdata).metatable = metatable.map_or(std::ptr::null_mut(), TableRef::as_ptr);
            (&raw mut (*userdata).payload).write(payload);
        }
        if let Some(metatable) = metatable {
            self.check_finalizer(userdata.cast(), metatable);
        }
        UserdataRef::from_ptr(block)
    }

    /// A thread with this state, or the running one, whose state is in the VM.
    pub(crate) fn new_thread(&mut self, state: Option<ThreadState>) -> ThreadRef {
        let block = self.allocator.allocate(size_of::<Thread>()).cast::<Thread>();
        self.link(block.as_ptr().cast(), ObjectKind::Thread);
        let thread = block.as_ptr();
        // SAFETY: the block has room for a Thread; what it held before is not looked at.
        unsafe {
            (*thread).resumer = std::ptr::null_mut();
            (*thread).resumer_c_calls = 0;
            (*thread).is_memory_error = false;
            (*thread).status = ThreadStatus::Running;
            if let Some(state) = state {
                (*thread).status = ThreadStatus::Suspended;
                (*thread).state.write(state);
            }
        }
        let thread = ThreadRef::from_ptr(block);
        self.threads.push(thread);
        thread
    }

    /// Turns the map of live memory on or off. See [`Heap::region`].
    pub fn track_regions(&mut self, on: bool, stacks: &[(u64, u64)]) {
        if !on {
            return self.allocator.track(None);
        }
        if self.allocator.is_tracking() {
            return;
        }
        let mut live: BTreeMap<u64, Block> = stacks
            .iter()
            .map(|&(address, bytes)| (address, Block { bytes, kind: BlockKind::Values }))
            .collect();
        for mut object in [self.objects, self.collector.to_sweep] {
            while !object.is_null() {
                // SAFETY: the lists link objects that were not freed.
                unsafe {
                    let kinds = [BlockKind::Object, BlockKind::Values, BlockKind::Nodes];
                    let blocks = blocks_of(object).into_iter().zip(kinds);
                    let blocks = blocks.filter(|((_, bytes), _)| *bytes > 0);
                    live.extend(blocks.map(|((at, bytes), kind)| (at, Block { bytes, kind })));
                    object = (*object).next;
                }
            }
        }
        self.allocator.track(Some(live));
    }

    /// Changes whenever a region that was live stops being so.
    pub fn epoch(&self) -> u64 {
        self.allocator.epoch()
    }

    /// The live object, table part or stack that holds all of `addr .. addr + len`; `None` also when
    /// tracking is off. The shared empty node counts as live.
    pub fn region(&self, addr: u64, len: u64) -> Option<Range<u64>> {
        let empty = (&raw const EMPTY_NODE) as u64;
        let empty = empty..empty + size_of::<Node>() as u64;
        if empty.contains(&addr) {
            return (addr + len <= empty.end).then_some(empty);
        }
        self.allocator.region(addr, len)
    }
}

/// What a wrong trace may have made; needs tracking, without which nothing collectable is sound.
impl Heap {
    /// Whether a live object of this kind begins at `address`.
    pub fn is_object(&self, address: u64, kind: ObjectKind) -> bool {
        // SAFETY: a tracked object is live and begins with a header.
        self.allocator.is_object(address) && unsafe { (*(address as *const GcHeader)).kind } == kind
    }

    /// Whether tag and payload, as a trace handles them, are a value that may be looked at.
    pub fn is_sound(&self, tag: u8, payload: u64) -> bool {
        const STR: u8 = Tag::Str as u8;
        const TABLE: u8 = Tag::Table as u8;
        const CLOSURE: u8 = Tag::Closure as u8;
        const NATIVE: u8 = Tag::Native as u8;
        match tag {
            0..=4 => true,
            STR => self.is_object(payload, ObjectKind::Str),
            TABLE => self.is_object(payload, ObjectKind::Table),
            CLOSURE => self.is_object(payload, ObjectKind::Closure),
            NATIVE => crate::stdlib::may_be_function(payload),
            _ => false,
        }
    }

    /// Whether `address` is a place that stores of traces may change: a value or its tag in a table, on a
    /// stack or in a closed upvalue, and a table's flags. Lengths, pointers and keys are not.
    pub fn may_be_stored_to(&self, address: u64, bytes: u64) -> bool {
        let Some(region) = self.allocator.region(address, bytes) else { return false };
        let offset = (address - region.start) as usize;
        let end = offset + bytes as usize;
        match self.allocator.kind_at(region.start) {
            Some(BlockKind::Values) => true,
            Some(BlockKind::Nodes) => {
                let node = offset / size_of::<Node>() * size_of::<Node>();
                end <= node + layout::NODE_VALUE + VALUE_SIZE
            }
            Some(BlockKind::Object) if self.is_object(region.start, ObjectKind::Table) => {
                (offset, bytes) == (layout::TABLE_ABSENT_METAMETHODS, 1)
            }
            Some(BlockKind::Object) if self.is_object(region.start, ObjectKind::Upvalue) => {
                let closed = layout::UPVALUE_CLOSED;
                closed <= offset && end <= closed + VALUE_SIZE
            }
            _ => false,
        }
    }

    /// Whether the memory around `address`, which a trace has written, is a sound value still. The
    /// flags of a table are no value.
    pub fn is_sound_at(&self, address: u64) -> bool {
        // A table that grew since has given the block back; what it moved was a value then.
        let Some(region) = self.region(address, 1) else { return true };
        let cell = match () {
            () if self.is_object(region.start, ObjectKind::Table) => return true,
            () if self.is_object(region.start, ObjectKind::Upvalue) => {
                region.start + layout::UPVALUE_CLOSED as u64
            }
            // Values lie side by side from the start of a block, which is aligned as they are.
            () => address & !(VALUE_SIZE as u64 - 1),
        };
        if cell + VALUE_SIZE as u64 > region.end {
            return false;
        }
        // SAFETY: the whole cell lies in a live region; plain bytes are read.
        let (payload, tag) = unsafe {
            let cell = std::ptr::with_exposed_provenance::<u8>(cell as usize);
            let payload = cell.add(value::VALUE_PAYLOAD).cast::<u64>().read();
            (payload, cell.add(value::VALUE_TAG).read())
        };
        self.is_sound(tag, payload)
    }
}

impl Default for Heap {
    fn default() -> Self {
        Heap::new()
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // Nobody asks any more what is live.
        self.allocator.track(None);
        for mut object in [self.objects, self.collector.to_sweep] {
            while !object.is_null() {
                // SAFETY: each object is on one list once, and nobody uses the heap any more.
                unsafe {
                    let next = (*object).next;
                    self.free_object(object);
                    object = next;
                }
            }
        }
    }
}

/// The memory of an object: its own block, that of the values it has and that of its nodes (size 0 where
/// there is none).
///
/// # Safety
/// `object` was not freed, and no reference to the state of a thread is live.
unsafe fn blocks_of(object: *mut GcHeader) -> [(u64, u64); 3] {
    let block = |address: u64, bytes: usize| match bytes {
        0 => (address, 0),
        _ => (address, alloc::block_bytes(bytes) as u64),
    };
    let own = block(object as u64, object_bytes(object));
    // SAFETY: `kind` names the struct that begins with the header.
    unsafe {
        match (*object).kind {
            ObjectKind::Table => {
                let table = &*object.cast::<Table>();
                let nodes = if table.has_nodes { size_of::<Node>() << table.log2_nodes } else { 0 };
                let array = block(table.array as u64, table.array_size as usize * VALUE_SIZE);
                [own, array, block(table.nodes as u64, nodes)]
            }
            ObjectKind::Thread => {
                let thread = ThreadRef::from_ptr(NonNull::new_unchecked(object.cast()));
                let stack = thread.suspended_state().map(|state| state.stack.region());
                [own, stack.unwrap_or((0, 0)), (0, 0)]
            }
            _ => [own, (0, 0), (0, 0)],
        }
    }
}

pub(crate) fn closure_bytes(num_upvalues: usize) -> usize {
    size_of::<Closure>() + num_upvalues * size_of::<*mut Upvalue>()
}
pub(crate) fn native_closure_bytes(num_upvalues: usize) -> usize {
    size_of::<NativeClosure>() + num_upvalues * VALUE_SIZE
}

/// Size of the object's own block.
pub(crate) fn object_bytes(object: *mut GcHeader) -> usize {
    // SAFETY: callers pass live objects, and `kind` names the struct that begins with this header.
    unsafe {
        match (*object).kind {
            ObjectKind::Str => string::str_bytes((*object.cast::<Str>()).len),
            ObjectKind::Table => size_of::<Table>(),
            ObjectKind::Closure => closure_bytes((*object.cast::<Closure>()).num_upvalues),
            ObjectKind::NativeClosure => {
                native_closure_bytes((*object.cast::<NativeClosure>()).num_upvalues)
            }
            ObjectKind::Upvalue => size_of::<Upvalue>(),
            ObjectKind::Userdata => size_of::<Userdata>(),
            ObjectKind::Thread => size_of::<Thread>(),
            ObjectKind::Proto => size_of::<RuntimeProto>(),
        }
    }
}
