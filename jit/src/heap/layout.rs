//! Memory layout of heap objects: what traces may read, offset by offset.
//!
//! In:  nothing.   Out: `repr(C)` object structs and their asserted offsets.
//!
//! Invariants:
//! - Objects never move; a pointer stays valid until the collector frees the object.
//! - Every collectable object begins with a [`GcHeader`].
//! - A table follows PUC 5.4's sizing exactly (`luaH_resize`, `rehash`, `luaH_getn` with its
//!   moving `alimit`), so that `#t` of a table with holes is what PUC answers. The bound that
//!   a trace checks is `alimit`, as PUC's `luaH_getint` fast path does.
//! - An upvalue's `location` points either at its own `closed` field or at a stack slot.

use super::value::{Tag, VALUE_SIZE, Value};
use crate::vm::frame::ThreadState;
use std::mem::{MaybeUninit, offset_of};

/// Common first words of collectable objects.
#[repr(C)]
pub struct GcHeader {
    /// Intrusive list of all objects, for the sweeper.
    pub next: *mut GcHeader,
    pub kind: ObjectKind,
    /// Collector colour bits.
    pub mark: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ObjectKind {
    Str,
    Table,
    Closure,
    NativeClosure,
    Upvalue,
    Userdata,
    Thread,
    /// Runtime form of a `bytecode::Proto`.
    Proto,
}

/// A string: header, hash, length; `len` bytes and a NUL follow in the same allocation.
/// Strings of at most [`MAX_SHORT_LEN`] bytes are interned: equal iff same pointer.
#[repr(C)]
pub struct Str {
    pub header: GcHeader,
    pub len: usize,
    pub hash: u32,
    pub is_short: bool,
    /// Long strings are hashed when they first serve as a key.
    pub has_hash: bool,
    /// Next string of the same bucket of the intern table.
    pub next_interned: *mut Str,
}
pub const MAX_SHORT_LEN: usize = 40;

/// A table: array part `1..=array_size`, and a hash part of `1 << log2_nodes` chained nodes.
#[repr(C)]
pub struct Table {
    pub header: GcHeader,
    /// `array_size` values; dangling when empty.
    pub array: *mut Value,
    /// PUC's `alimit`: a hint for `#t`, at most `array_size`, and the bound of the fast path.
    pub alimit: u32,
    /// Real number of allocated array slots (PUC computes it from `alimit`; we store it).
    pub array_size: u32,
    /// `1 << log2_nodes` nodes, or the shared empty node when `has_nodes` is false.
    pub nodes: *mut Node,
    pub metatable: *mut Table,
    /// All node positions at and above this index were handed out.
    pub last_free: u32,
    pub log2_nodes: u8,
    pub has_nodes: bool,
    /// Bit n set: metamethod n is known absent (when this table is used as a metatable).
    /// Any raw store that may add a key must clear it.
    pub absent_metamethods: u8,
    /// The order of `next` is this run's own: the table has, or had, a key that is hashed by its
    /// address, or was filled by the host.
    pub own_order: bool,
}

/// One hash node. `next` is a relative index into the node array, 0 ends the chain.
#[repr(C)]
pub struct Node {
    pub value: Value,
    pub key_payload: u64,
    pub key_tag: Tag,
    pub next: i32,
}

/// The node vector of all tables without a hash part. Never written.
pub static EMPTY_NODE: Node =
    Node { value: Value::NIL, key_payload: 0, key_tag: Tag::Nil, next: 0 };

/// An upvalue; open while `location` points into a stack.
#[repr(C)]
pub struct Upvalue {
    pub header: GcHeader,
    pub location: *mut Value,
    pub closed: Value,
    /// Next open upvalue of the same stack, by falling stack address.
    pub next_open: *mut Upvalue,
}

/// A Lua closure: `num_upvalues` pointers to [`Upvalue`] follow.
#[repr(C)]
pub struct Closure {
    pub header: GcHeader,
    /// The runtime proto; its address identifies the function's code as long as it is alive.
    pub proto: *const crate::vm::proto::RuntimeProto,
    pub num_upvalues: usize,
    pub upvalues: [*mut Upvalue; 0],
}

/// A library function with upvalues: `num_upvalues` values follow.
#[repr(C)]
pub struct NativeClosure {
    pub header: GcHeader,
    pub function: *const crate::vm::native::NativeFunction,
    pub num_upvalues: usize,
    pub upvalues: [Value; 0],
}

/// A full userdata: a Rust value owned by the heap.
#[repr(C)]
pub struct Userdata {
    pub header: GcHeader,
    pub metatable: *mut Table,
    pub payload: Box<dyn std::any::Any>,
}

/// A coroutine, or the main thread.
#[repr(C)]
pub struct Thread {
    pub header: GcHeader,
    pub status: ThreadStatus,
    /// While it runs or waits for a coroutine it resumed: the thread that resumed it.
    pub resumer: *mut Thread,
    /// A failed thread ended for lack of memory.
    pub is_memory_error: bool,
    /// Nesting of C calls of the resumer when it resumed this one.
    pub resumer_c_calls: u32,
    /// Stack and frames. They are in the VM, and this is not initialized, while the thread runs.
    pub state: MaybeUninit<ThreadState>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ThreadStatus {
    /// Not started yet, or yielded.
    Suspended,
    Running,
    /// Has resumed another thread.
    Normal,
    /// Ended, or was closed.
    Dead,
    /// Ended by an error. Its frames stay as they were; the error value is on top of its stack.
    Failed,
}

macro_rules! offsets {
    ($($name:ident = $ty:ty, $field:ident;)*) => { $(pub const $name: usize = offset_of!($ty, $field);)* };
}
offsets! {
    HEADER_KIND = GcHeader, kind;
    STR_LEN = Str, len;
    TABLE_ARRAY = Table, array;
    TABLE_ALIMIT = Table, alimit;
    TABLE_ARRAY_SIZE = Table, array_size;
    TABLE_NODES = Table, nodes;
    TABLE_METATABLE = Table, metatable;
    TABLE_LOG2_NODES = Table, log2_nodes;
    TABLE_ABSENT_METAMETHODS = Table, absent_metamethods;
    NODE_VALUE = Node, value;
    NODE_KEY_PAYLOAD = Node, key_payload;
    NODE_KEY_TAG = Node, key_tag;
    UPVALUE_LOCATION = Upvalue, location;
    UPVALUE_CLOSED = Upvalue, closed;
    CLOSURE_PROTO = Closure, proto;
    CLOSURE_UPVALUES = Closure, upvalues;
}
pub const NODE_SIZE: usize = 32;
const _: () = assert!(size_of::<Node>() == NODE_SIZE && VALUE_SIZE == 16);
