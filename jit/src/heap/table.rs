//! Tables, sized exactly as PUC 5.4 sizes them.
//!
//! In:  keys and values.   Out: lookups, stores, length, traversal.
//!
//! Invariants:
//! - a key that is not in its main position collides with a key that is in its own (Brent's variation
//!   of a chained scatter table), as in `ltable.c`;
//! - `array_size` and the number of nodes change only in [`TableRef::resize`], at the moments and to
//!   the sizes that PUC chooses; the hint `alimit` moves exactly as PUC's. So `#t` of a table with
//!   holes, and the order of a traversal of integer and float keys, equal PUC's;
//! - float keys with an integral value are stored as integers; nil and NaN are never keys.
//!
//! Limits: the order of string keys differs from PUC, whose string hash is seeded at random.

use super::Heap;
use super::alloc::BlockKind;
use super::layout::{EMPTY_NODE, Node, Table};
use super::number::float_to_int_exact;
use super::object::{StrRef, TableRef};
use super::value::{Tag, VALUE_SIZE, Value};
use std::ptr::NonNull;

/// Why a store or a resize was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableError {
    KeyIsNil,
    KeyIsNan,
    Overflow,
    /// There is no memory for the new size, or the limit forbids it.
    Memory,
}

impl TableError {
    /// PUC's message.
    pub fn message(self) -> &'static str {
        match self {
            TableError::KeyIsNil => "table index is nil",
            TableError::KeyIsNan => "table index is NaN",
            TableError::Overflow => "table overflow",
            TableError::Memory => "not enough memory",
        }
    }
}

/// `next` was given a key that is not in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidKey;

const MAX_ARRAY_BITS: u32 = 31;
/// PUC limits the array part to what an `int` counts, and so do the node vectors.
const MAX_ARRAY_SIZE: u64 = 1 << MAX_ARRAY_BITS;
const MAX_NODE_BITS: u32 = 30;

/// Integer keys counted by size class: class n holds keys in `2^(n-1) + 1 ..= 2^n`.
type SizeClasses = [u32; MAX_ARRAY_BITS as usize + 1];

fn ceil_log2(x: u32) -> u32 {
    if x <= 1 { 0 } else { 32 - (x - 1).leading_zeros() }
}

/// `x` has at most one bit set, as PUC's `ispow2` (true for 0).
fn is_power_of_two(x: u32) -> bool {
    x & x.wrapping_sub(1) == 0
}

/// The array index that an integer key could have, if any.
fn array_index(key: i64) -> Option<u32> {
    ((key as u64).wrapping_sub(1) < MAX_ARRAY_SIZE).then_some(key as u32)
}

fn hash_float(float: f64) -> u32 {
    let (mantissa, exponent) = frexp(float);
    let scaled = mantissa * 2_147_483_648.0;
    // Infinities and NaN; everything else is far inside the integers after scaling.
    if !(-9.2e18..9.2e18).contains(&scaled) {
        return 0;
    }
    let bits = (exponent as u32).wrapping_add(scaled as i64 as u32);
    if bits <= i32::MAX as u32 { bits } else { !bits }
}

/// Splits a float into a mantissa in `[0.5, 1)` and an exponent, as C's `frexp`.
fn frexp(float: f64) -> (f64, i32) {
    let bits = float.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    match exponent {
        0x7ff => (float, 0),
        0 if float == 0.0 => (float, 0),
        0 => {
            let (mantissa, exponent) = frexp(float * 18_014_398_509_481_984.0);
            (mantissa, exponent - 54)
        }
        _ => (f64::from_bits(bits & !(0x7ff << 52) | 1022 << 52), exponent - 1022),
    }
}

impl Node {
    #[inline(always)]
    pub fn key(&self) -> Value {
        Value::from_raw(self.key_tag, self.key_payload)
    }
}

// Raw parts. These are the only functions here that touch memory.
impl TableRef {
    #[inline(always)]
    fn table(self) -> *mut Table {
        self.as_ptr()
    }
    /// PUC's hint for the length, and the bound of the fast path of integer lookups.
    #[inline(always)]
    pub fn alimit(self) -> u32 {
        // SAFETY: a handle points to a live table.
        unsafe { (*self.table()).alimit }
    }
    #[inline(always)]
    fn set_alimit(self, alimit: u32) {
        // SAFETY: a handle points to a live table.
        unsafe { (*self.table()).alimit = alimit }
    }
    /// Slots of the array part.
    #[inline(always)]
    pub fn array_size(self) -> u32 {
        // SAFETY: a handle points to a live table.
        unsafe { (*self.table()).array_size }
    }
    /// Slots of the hash part, 0 if there is none.
    pub fn node_count(self) -> u32 {
        if self.has_nodes() { 1 << self.log2_nodes() } else { 0 }
    }
    #[inline(always)]
    fn has_nodes(self) -> bool {
        // SAFETY: a handle points to a live table.
        unsafe { (*self.table()).has_nodes }
    }
    #[inline(always)]
    fn log2_nodes(self) -> u8 {
        // SAFETY: a handle points to a live table.
        unsafe { (*self.table()).log2_nodes }
    }
    /// Slot of array index `index` (from 1), which must be at most `array_size`.
    #[inline(always)]
    fn array_slot(self, index: u32) -> *mut Value {
        debug_assert!(1 <= index && index <= self.array_size());
        // SAFETY: every caller has compared the index with `array_size` (or `alimit`, which is less).
        unsafe { (*self.table()).array.add(index as usize - 1) }
    }
    #[inline(always)]
    fn array_value(self, index: u32) -> Value {
        // SAFETY: as in `array_slot`; array slots always hold valid values.
        unsafe { *self.array_slot(index) }
    }
    /// Node `index`; there is always at least one, perhaps the shared empty one.
    #[inline(always)]
    fn node(self, index: u32) -> *mut Node {
        // SAFETY: indices are masked or reduced to the number of nodes by every caller.
        unsafe { (*self.table()).nodes.add(index as usize) }
    }
    /// The node after `node` in its chain.
    #[inline(always)]
    fn next_in_chain(node: *mut Node) -> Option<*mut Node> {
        // SAFETY: chains stay inside one node vector.
        unsafe {
            let distance = (*node).next;
            (distance != 0).then(|| node.offset(distance as isize))
        }
    }
    pub fn metatable(self) -> Option<TableRef> {
        // SAFETY: a handle points to a live table.
        NonNull::new(unsafe { (*self.table()).metatable }).map(TableRef::from_ptr)
    }
    /// Also marks the table for finalization if the metatable has a finalizer now.
    pub fn set_metatable(self, heap: &mut Heap, metatable: Option<TableRef>) {
        heap.metatable_barrier(self.as_ptr().cast(), metatable);
        // SAFETY: a handle points to a live table.
        unsafe {
            (*self.table()).metatable = metatable.map_or(std::ptr::null_mut(), TableRef::as_ptr)
        }
    }
    /// Forgets which metamethods are known to be absent; due after any store that may add a key.
    #[inline(always)]
    pub(crate) fn invalidate_metamethods(self) {
        // SAFETY: a handle points to a live table.
        unsafe { (*self.table()).absent_metamethods = 0 }
    }
    /// The array part.
    pub fn array<'a>(self) -> &'a [Value] {
        // SAFETY: the array has `array_size` valid values. The lifetime is the caller's choice: it
        // must end before the table changes.
        unsafe { std::slice::from_raw_parts((*self.table()).array, self.array_size() as usize) }
    }
    /// The hash part in memory order, free and dead nodes included.
    pub fn nodes<'a>(self) -> &'a [Node] {
        // SAFETY: as in `array`.
        unsafe { std::slice::from_raw_parts((*self.table()).nodes, self.node_count() as usize) }
    }
}

// Lookup.
impl TableRef {
    #[inline(always)]
    fn main_position_pow2(self, hash: u32) -> *mut Node {
        self.node(hash & ((1 << self.log2_nodes()) - 1))
    }
    #[inline(always)]
    fn main_position_mod(self, hash: u64) -> *mut Node {
        let divisor = ((1u64 << self.log2_nodes()) - 1) | 1;
        self.node((hash % divisor) as u32)
    }
    #[inline(always)]
    fn main_position_int(self, key: i64) -> *mut Node {
        let divisor = ((1u32 << self.log2_nodes()) - 1) | 1;
        if key as u64 <= i32::MAX as u64 {
            self.node(key as u32 % divisor)
        } else {
            self.main_position_mod(key as u64)
        }
    }
    fn main_position(self, key: Value) -> *mut Node {
        match key.tag() {
            Tag::Int => self.main_position_int(key.payload() as i64),
            Tag::Float => {
                self.main_position_mod(u64::from(hash_float(f64::from_bits(key.payload()))))
            }
            Tag::Str => {
                let string = key.as_str().expect("the tag is Str");
                self.main_position_pow2(string.hash())
            }
            Tag::False => self.main_position_pow2(0),
            Tag::True => self.main_position_pow2(1),
            _ => self.main_position_mod(u64::from(key.payload() as u32)),
        }
    }

    /// Slot of an integer key, null if absent. Moves the length hint, as PUC's `luaH_getint`.
    #[inline(always)]
    pub(crate) fn int_slot(self, key: i64) -> *mut Value {
        if (key as u64).wrapping_sub(1) < u64::from(self.alimit()) {
            return self.array_slot(key as u32);
        }
        self.int_slot_beyond_limit(key)
    }

    pub(crate) fn int_slot_beyond_limit(self, key: i64) -> *mut Value {
        if (key as u64).wrapping_sub(1) < u64::from(self.array_size()) {
            self.set_alimit(key as u32);
            return self.array_slot(key as u32);
        }
        self.int_node_slot(key)
    }

    pub(crate) fn int_node_slot(self, key: i64) -> *mut Value {
        let mut node = self.main_position_int(key);
        loop {
            // SAFETY: `node` points into the node vector.
            unsafe {
                if (*node).key_tag == Tag::Int && (*node).key_payload == key as u64 {
                    return &raw mut (*node).value;
                }
            }
            match TableRef::next_in_chain(node) {
                Some(next) => node = next,
                None => return std::ptr::null_mut(),
            }
        }
    }

    /// Slot of a short string key, null if absent.
    #[inline(always)]
    pub(crate) fn short_str_slot(self, key: StrRef) -> *mut Value {
        debug_assert!(key.is_short());
        let mut node = self.main_position_pow2(key.hash_field());
        loop {
            // SAFETY: `node` points into the node vector.
            unsafe {
                if (*node).key_payload == key.address() && (*node).key_tag == Tag::Str {
                    return &raw mut (*node).value;
                }
                let distance = (*node).next;
                if distance == 0 {
                    return std::ptr::null_mut();
                }
                node = node.offset(distance as isize);
            }
        }
    }

    fn generic_node(self, key: Value, accept_dead: bool) -> Option<*mut Node> {
        let mut node = self.main_position(key);
        loop {
            // SAFETY: `node` points into the node vector.
            let (tag, payload) = unsafe { ((*node).key_tag, (*node).key_payload) };
            let same = if tag == key.tag() {
                // Keys equal as values; the main position of nil is never asked for.
                payload == key.payload() || Value::from_raw(tag, payload).raw_equals(key)
            } else {
                accept_dead
                    && tag == Tag::DeadKey
                    && key.is_collectable()
                    && payload == key.payload()
            };
            if same {
                return Some(node);
            }
            node = TableRef::next_in_chain(node)?;
        }
    }

    /// Slot of any key, null if absent.
    #[inline]
    pub(crate) fn slot(self, key: Value) -> *mut Value {
        match key.tag() {
            Tag::Str => {
                let string = key.as_str().expect("the tag is Str");
                if string.is_short() {
                    return self.short_str_slot(string);
                }
            }
            Tag::Int => return self.int_slot(key.payload() as i64),
            Tag::Nil => return std::ptr::null_mut(),
            Tag::Float => {
                if let Some(int) = float_to_int_exact(f64::from_bits(key.payload())) {
                    return self.int_slot(int);
                }
            }
            _ => {}
        }
        match self.generic_node(key, false) {
            // SAFETY: the node is in the node vector.
            Some(node) => unsafe { &raw mut (*node).value },
            None => std::ptr::null_mut(),
        }
    }

    #[inline(always)]
    fn read(slot: *mut Value) -> Value {
        if slot.is_null() {
            Value::NIL
        } else {
            // SAFETY: a slot that is not null is inside the table.
            unsafe { *slot }
        }
    }

    /// `t[key]` without metamethods. May move the length hint, as PUC's lookup does.
    pub fn get(self, key: Value) -> Value {
        TableRef::read(self.slot(key))
    }
    /// `t[key]` for an integer key; see [`TableRef::get`].
    #[inline]
    pub fn get_int(self, key: i64) -> Value {
        TableRef::read(self.int_slot(key))
    }
    /// Replaces the value of an integer key, if it has one that is not nil; whether it has.
    #[inline]
    pub(crate) fn replace_int(self, heap: &mut Heap, key: i64, value: Value) -> bool {
        let slot = self.int_slot(key);
        // SAFETY: a slot that is not null is inside the table.
        if slot.is_null() || unsafe { (*slot).is_nil() } {
            return false;
        }
        heap.barrier(self.as_ptr().cast(), value);
        // SAFETY: as above.
        unsafe { *slot = value };
        true
    }
    /// `t[key]` for a string key.
    pub fn get_str(self, key: StrRef) -> Value {
        self.get(Value::from(key))
    }
    /// The value that an integer key's node holds (it may be nil); `None` without a node.
    pub fn hash_int(self, key: i64) -> Option<Value> {
        let slot = self.int_node_slot(key);
        (!slot.is_null()).then(|| TableRef::read(slot))
    }
    /// `t[key]` for an integer key, without any side effect.
    pub fn peek_int(self, key: i64) -> Value {
        if (key as u64).wrapping_sub(1) < u64::from(self.array_size()) {
            self.array_value(key as u32)
        } else {
            TableRef::read(self.int_node_slot(key))
        }
    }
    /// `t[key]` without any side effect.
    pub fn peek(self, key: Value) -> Value {
        let int = key.as_int().or_else(|| key.as_float().and_then(float_to_int_exact));
        match int {
            Some(int) => self.peek_int(int),
            None => self.get(key),
        }
    }
    /// Index of the node that holds a short string key, if it is present (for traces, which guard on
    /// the node's key instead of searching).
    pub fn node_index_of_str(self, key: StrRef) -> Option<u32> {
        let slot = self.short_str_slot(key);
        // SAFETY: the value is the first field of a node of this table's vector.
        (!slot.is_null()).then(|| unsafe { slot.cast::<Node>().offset_from(self.node(0)) } as u32)
    }
}

// Stores.
impl TableRef {
    /// `t[key] = value` without metamethods.
    pub fn set(self, heap: &mut Heap, key: Value, value: Value) -> Result<(), TableError> {
        let slot = self.slot(key);
        self.finish_set(heap, key, slot, value)
    }

    /// Completes a store whose lookup found `slot` (null if the key is absent).
    #[inline]
    pub(crate) fn finish_set(
        self,
        heap: &mut Heap,
        key: Value,
        slot: *mut Value,
        value: Value,
    ) -> Result<(), TableError> {
        self.invalidate_metamethods();
        if slot.is_null() {
            self.insert(heap, key, value)
        } else {
            heap.barrier(self.as_ptr().cast(), value);
            // SAFETY: a slot that is not null is inside the table.
            unsafe { *slot = value };
            Ok(())
        }
    }

    /// Stores into slot `index` (from 1) of the array part.
    pub(crate) fn set_array_slot(self, heap: &mut Heap, index: usize, value: Value) {
        assert!(1 <= index && index <= self.array_size() as usize);
        heap.barrier(self.as_ptr().cast(), value);
        // SAFETY: the index was checked.
        unsafe { *self.array_slot(index as u32) = value }
    }

    pub fn set_int(self, heap: &mut Heap, key: i64, value: Value) -> Result<(), TableError> {
        self.set(heap, Value::int(key), value)
    }

    /// `t[name] = value` for a short name, in a small table of a library.
    pub fn set_name(self, heap: &mut Heap, name: &str, value: Value) {
        let key = heap.new_string_value(name.as_bytes());
        self.set_beyond_limit(heap, key, value);
    }

    /// `t[key] = value` for a valid key, whether or not the memory limit has room. Panics only where no
    /// memory helps: in a table of 2^30 nodes.
    pub(crate) fn set_beyond_limit(self, heap: &mut Heap, key: Value, value: Value) {
        heap.beyond_limit(|heap| self.set(heap, key, value))
            .expect("the key is valid and the table has room");
    }

    /// Whether another run may traverse an equal table in another order.
    pub fn has_own_order(self) -> bool {
        // SAFETY: a handle points to a live table.
        unsafe { (*self.table()).own_order }
    }

    /// Says that the order of `next` is this run's own.
    fn set_own_order(self) {
        // SAFETY: as above; nobody holds references into the table's header.
        unsafe { (*self.as_ptr()).own_order = true }
    }

    /// Adds a key that is absent.
    fn insert(self, heap: &mut Heap, key: Value, value: Value) -> Result<(), TableError> {
        let mut key = key;
        match key.tag() {
            Tag::Nil => return Err(TableError::KeyIsNil),
            Tag::Float => {
                let float = f64::from_bits(key.payload());
                if let Some(int) = float_to_int_exact(float) {
                    key = Value::int(int);
                } else if float.is_nan() {
                    return Err(TableError::KeyIsNan);
                }
            }
            _ => {}
        }
        if value.is_nil() {
            return Ok(());
        }
        if !matches!(key.tag(), Tag::Int | Tag::Float | Tag::Str | Tag::False | Tag::True) {
            self.set_own_order();
        }
        heap.barrier(self.as_ptr().cast(), key);
        heap.barrier(self.as_ptr().cast(), value);
        let mut main = self.main_position(key);
        // SAFETY: `main` and `free` point into this table's node vector, and chains stay inside it.
        // The shared empty node is never written: without nodes, `take_free_node` returns None.
        unsafe {
            if !(*main).value.is_nil() || !self.has_nodes() {
                let Some(free) = self.take_free_node() else {
                    self.rehash(heap, key)?;
                    return self.set(heap, key, value);
                };
                let mut other = self.main_position((*main).key());
                if other != main {
                    // The colliding key is a guest here: move it to the free node.
                    while other.offset((*other).next as isize) != main {
                        other = other.offset((*other).next as isize);
                    }
                    (*other).next = free.offset_from(other) as i32;
                    *free = std::ptr::read(main);
                    if (*main).next != 0 {
                        (*free).next += main.offset_from(free) as i32;
                        (*main).next = 0;
                    }
                    (*main).value = Value::NIL;
                } else {
                    // The colliding key is at home: the new key goes to the free node.
                    if (*main).next != 0 {
                        (*free).next = main.offset((*main).next as isize).offset_from(free) as i32;
                    }
                    (*main).next = free.offset_from(main) as i32;
                    main = free;
                }
            }
            (*main).key_tag = key.tag();
            (*main).key_payload = key.payload();
            (*main).value = value;
        }
        Ok(())
    }

    fn take_free_node(self) -> Option<*mut Node> {
        if !self.has_nodes() {
            return None;
        }
        let table = self.table();
        // SAFETY: a handle points to a live table; `last_free` counts down from the number of nodes.
        unsafe {
            while (*table).last_free > 0 {
                (*table).last_free -= 1;
                let node = self.node((*table).last_free);
                if (*node).key_tag == Tag::Nil {
                    return Some(node);
                }
            }
        }
        None
    }
}

// Sizes.
impl TableRef {
    /// Gives both parts new sizes and moves every element to where it then belongs. `nodes` is rounded
    /// up to a power of two.
    pub fn try_resize(self, heap: &mut Heap, array: u32, nodes: u32) -> Result<(), TableError> {
        let old_size = self.array_size();
        let array_bytes = if array > old_size { array as usize * VALUE_SIZE } else { 0 };
        let node_bytes = if nodes == 0 { 0 } else { size_of::<Node>() << ceil_log2(nodes) };
        if !heap.can_allocate(array_bytes + node_bytes) {
            return Err(TableError::Memory);
        }
        let old_nodes = self.take_node_vector();
        if let Err(overflow) = self.make_node_vector(heap, nodes) {
            self.put_node_vector(old_nodes);
            return Err(overflow);
        }
        if array < old_size {
            // The vanishing slice goes to the new hash part.
            let table = self.table();
            // SAFETY: a handle points to a live table; the old slots stay allocated until below.
            unsafe {
                (*table).array_size = array;
                (*table).alimit = array;
                for index in array..old_size {
                    let value = *(*table).array.add(index as usize);
                    if !value.is_nil() {
                        self.set_int(heap, i64::from(index) + 1, value)?;
                    }
                }
            }
        }
        self.reallocate_array(heap, old_size, array);
        self.reinsert(heap, old_nodes)?;
        self.free_node_vector(heap, old_nodes);
        Ok(())
    }

    /// [`TableRef::try_resize`] for sizes known to be small.
    pub fn resize(self, heap: &mut Heap, array: u32, nodes: u32) {
        heap.beyond_limit(|heap| self.try_resize(heap, array, nodes))
            .expect("the sizes are far below the limits");
    }

    /// Grows the array part to hold `array` items, leaving the hash part as it is.
    pub(crate) fn resize_array(self, heap: &mut Heap, array: u32) -> Result<(), TableError> {
        self.try_resize(heap, array, self.node_count())
    }

    fn reallocate_array(self, heap: &mut Heap, old_size: u32, new_size: u32) {
        let table = self.table();
        // SAFETY: a handle points to a live table whose array block has `old_size` slots (none when 0);
        // the new block has `new_size` slots, of which the first `min` are copied and the rest nil.
        unsafe {
            let old = (*table).array;
            if new_size != old_size {
                let old_bytes = old_size as usize * VALUE_SIZE;
                let new_bytes = new_size as usize * VALUE_SIZE;
                let block = NonNull::new_unchecked(old.cast::<u8>());
                let new = match (old_size, new_size) {
                    (0, _) => heap.allocator.allocate_zeroed(new_bytes),
                    (_, 0) => {
                        heap.allocator.release(block, old_bytes);
                        NonNull::<Value>::dangling().cast()
                    }
                    // A large block moves by its page table, without a copy.
                    _ => heap.allocator.reallocate(block, old_bytes, new_bytes),
                };
                let new = new.as_ptr().cast::<Value>();
                if 0 < old_size && old_size < new_size {
                    let added = (new_size - old_size) as usize;
                    new.add(old_size as usize).write_bytes(0, added);
                }
                (*table).array = new;
            }
            (*table).array_size = new_size;
            (*table).alimit = new_size;
        }
    }

    fn take_node_vector(self) -> NodeVector {
        let table = self.table();
        // SAFETY: a handle points to a live table.
        unsafe {
            NodeVector {
                nodes: (*table).nodes,
                log2_nodes: (*table).log2_nodes,
                has_nodes: (*table).has_nodes,
                last_free: (*table).last_free,
            }
        }
    }

    fn put_node_vector(self, vector: NodeVector) {
        let table = self.table();
        // SAFETY: a handle points to a live table; the vector was made for it.
        unsafe {
            (*table).nodes = vector.nodes;
            (*table).log2_nodes = vector.log2_nodes;
            (*table).has_nodes = vector.has_nodes;
            (*table).last_free = vector.last_free;
        }
    }

    fn make_node_vector(self, heap: &mut Heap, size: u32) -> Result<(), TableError> {
        if size == 0 {
            self.put_node_vector(NodeVector {
                nodes: (&raw const EMPTY_NODE).cast_mut(),
                log2_nodes: 0,
                has_nodes: false,
                last_free: 0,
            });
            return Ok(());
        }
        let log2_nodes = ceil_log2(size);
        if log2_nodes > MAX_NODE_BITS {
            return Err(TableError::Overflow);
        }
        // Zeroed nodes are free: nil value, nil key, end of chain.
        let nodes = heap.allocator.allocate_zeroed(size_of::<Node>() << log2_nodes).cast::<Node>();
        heap.allocator.mark_as(nodes.as_ptr() as u64, BlockKind::Nodes);
        self.put_node_vector(NodeVector {
            nodes: nodes.as_ptr(),
            log2_nodes: log2_nodes as u8,
            has_nodes: true,
            last_free: 1 << log2_nodes,
        });
        Ok(())
    }

    fn reinsert(self, heap: &mut Heap, old: NodeVector) -> Result<(), TableError> {
        if !old.has_nodes {
            return Ok(());
        }
        for index in 0..1usize << old.log2_nodes {
            // SAFETY: the old vector is still allocated and has that many nodes.
            let (key, value) = unsafe {
                let node = &*old.nodes.add(index);
                (node.key(), node.value)
            };
            if !value.is_nil() {
                self.set(heap, key, value)?;
            }
        }
        Ok(())
    }

    fn free_node_vector(self, heap: &mut Heap, old: NodeVector) {
        if old.has_nodes {
            // SAFETY: the vector was replaced, so nothing refers to it any more.
            unsafe {
                heap.allocator.release(
                    NonNull::new_unchecked(old.nodes.cast()),
                    size_of::<Node>() << old.log2_nodes,
                );
            }
        }
    }

    /// Makes room for `extra`, a key that found no free node.
    fn rehash(self, heap: &mut Heap, extra: Value) -> Result<(), TableError> {
        let mut classes: SizeClasses = [0; MAX_ARRAY_BITS as usize + 1];
        self.set_alimit(self.array_size());
        let mut for_array = self.count_array(&mut classes);
        let mut total = for_array;
        for node in self.nodes() {
            if !node.value.is_nil() {
                if node.key_tag == Tag::Int {
                    for_array += count_int(node.key_payload as i64, &mut classes);
                }
                total += 1;
            }
        }
        if let Some(key) = extra.as_int() {
            for_array += count_int(key, &mut classes);
        }
        total += 1;
        let (array, in_array) = best_array_size(&classes, for_array);
        self.try_resize(heap, array, total - in_array)
    }

    /// Counts the elements of the array part by size class.
    fn count_array(self, classes: &mut SizeClasses) -> u32 {
        let array = self.array();
        let mut total = 0;
        let mut start = 0usize;
        for (class, count) in classes.iter_mut().enumerate() {
            let end = (1usize << class).min(array.len());
            if start >= end && start >= array.len() {
                break;
            }
            let used = array[start..end].iter().filter(|v| !v.is_nil()).count() as u32;
            *count += used;
            total += used;
            start = end;
        }
        total
    }
}

#[derive(Clone, Copy)]
struct NodeVector {
    nodes: *mut Node,
    log2_nodes: u8,
    has_nodes: bool,
    last_free: u32,
}

fn count_int(key: i64, classes: &mut SizeClasses) -> u32 {
    match array_index(key) {
        Some(index) => {
            classes[ceil_log2(index) as usize] += 1;
            1
        }
        None => 0,
    }
}

/// The largest power of two such that more than half of that many slots would be used, and how many
/// keys go there. `total` counts all integer keys.
fn best_array_size(classes: &SizeClasses, total: u32) -> (u32, u32) {
    let (mut seen, mut size, mut in_array) = (0, 0, 0);
    for (class, &count) in classes.iter().enumerate() {
        let candidate = 1u32 << class;
        if total <= candidate / 2 {
            break;
        }
        seen += count;
        if seen > candidate / 2 {
            size = candidate;
            in_array = seen;
        }
    }
    (size, in_array)
}

// Length.
impl TableRef {
    /// A border of the table: PUC's `luaH_getn`, with the same choice among borders and the same
    /// movement of the hint.
    pub fn length(self) -> i64 {
        let limit = self.alimit();
        if limit > 0 && self.array_value(limit).is_nil() {
            return i64::from(self.border_before(limit));
        }
        let mut limit = limit;
        if limit != self.array_size() {
            if self.array_value(limit + 1).is_nil() {
                return i64::from(limit);
            }
            limit = self.array_size();
            if self.array_value(limit).is_nil() {
                let border = self.search_array(self.alimit(), limit);
                self.set_alimit(border);
                return i64::from(border);
            }
        }
        if !self.has_nodes() || self.get_int(i64::from(limit) + 1).is_nil() {
            return i64::from(limit);
        }
        self.search_nodes(u64::from(limit)) as i64
    }

    /// A border below `limit`, whose slot is empty; kept as the new hint where PUC can represent it.
    fn border_before(self, limit: u32) -> u32 {
        let size_is_power = is_power_of_two(self.array_size());
        if limit >= 2 && !self.array_value(limit - 1).is_nil() {
            if size_is_power && !is_power_of_two(limit - 1) {
                self.set_alimit(limit - 1);
            }
            return limit - 1;
        }
        let border = self.search_array(0, limit);
        if size_is_power && border > self.array_size() / 2 {
            self.set_alimit(border);
        }
        border
    }

    /// Binary search between `low` (present, or 0) and `high` (absent).
    fn search_array(self, low: u32, high: u32) -> u32 {
        let (mut low, mut high) = (low, high);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if self.array_value(middle).is_nil() {
                high = middle;
            } else {
                low = middle;
            }
        }
        low
    }

    /// A border in the hash part; `start` is present or 0, and `start + 1` is present.
    fn search_nodes(self, start: u64) -> u64 {
        let mut high = start.max(1);
        let mut low;
        loop {
            low = high;
            if high <= i64::MAX as u64 / 2 {
                high *= 2;
            } else {
                high = i64::MAX as u64;
                if self.get_int(i64::MAX).is_nil() {
                    break;
                }
                return high;
            }
            if self.get_int(high as i64).is_nil() {
                break;
            }
        }
        while high - low > 1 {
            let middle = low.midpoint(high);
            if self.get_int(middle as i64).is_nil() {
                high = middle;
            } else {
                low = middle;
            }
        }
        low
    }
}

// Traversal.
impl TableRef {
    /// The entry after `key` (the first one for nil): the array part, then the nodes in memory order.
    pub fn next(self, key: Value) -> Result<Option<(Value, Value)>, InvalidKey> {
        let array = self.array();
        let start = self.traversal_index(key)?;
        for (index, value) in array.iter().enumerate().skip(start) {
            if !value.is_nil() {
                return Ok(Some((Value::int(index as i64 + 1), *value)));
            }
        }
        for node in self.nodes().iter().skip(start.saturating_sub(array.len())) {
            if !node.value.is_nil() {
                return Ok(Some((node.key(), node.value)));
            }
        }
        Ok(None)
    }

    /// Position after `key` in a traversal: array slots, then nodes.
    fn traversal_index(self, key: Value) -> Result<usize, InvalidKey> {
        if key.is_nil() {
            return Ok(0);
        }
        let size = self.array_size();
        let int = key.as_int().or_else(|| key.as_float().and_then(float_to_int_exact));
        if let Some(index) = int.and_then(array_index)
            && index <= size
        {
            return Ok(index as usize);
        }
        let key = int.map_or(key, Value::int);
        let node = self.generic_node(key, true).ok_or(InvalidKey)?;
        // SAFETY: the node is in this table's vector.
        let index = unsafe { node.offset_from(self.node(0)) };
        Ok(size as usize + index as usize + 1)
    }

    /// Entries in traversal order.
    pub fn entries(self) -> impl Iterator<Item = (Value, Value)> {
        let array = self.array().iter().enumerate();
        let array = array.map(|(index, value)| (Value::int(index as i64 + 1), *value));
        let nodes = self.nodes().iter().map(|node| (node.key(), node.value));
        array.chain(nodes).filter(|(_, value)| !value.is_nil())
    }
}
