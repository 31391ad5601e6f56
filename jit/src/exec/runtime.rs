//! The runtime functions that compiled traces call.
//!
//! In:  arguments as AAPCS64 passes them; where a function needs the heap, its address is the
//!      first argument (`TraceContext::heap`).
//! Out: one value in x0 or d0.
//!
//! Invariants:
//! - [`Helper`] is the slot number in `TraceContext::helpers`.
//! - A helper never unwinds, never collects and never runs Lua code.
//! - Arithmetic helpers are the functions that the interpreter uses, so both round alike.

use super::context::TraceContext;
use super::helpers::{HelperTable, HostFn, Parameter};
use crate::heap::{Heap, StrRef, TableRef, Tag, Value, number};

/// A function that a trace can call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Helper {
    /// (a, b) -> a % b as Lua floats
    FloatMod,
    /// (a, b) -> a ^ b
    FloatPow,
    /// (table, key) -> address of the value of a short string key, or null
    HashFind,
    /// (table, key) -> address of the value of an integer key in the hash part, or null
    HashFindInt,
    /// (heap, table, key, payload, tag): raw set of an integer key
    TableSetInt,
    /// (heap, table, key, payload, tag): raw set of a string key
    TableSetStr,
    /// (table) -> border
    TableLen,
}

impl Helper {
    pub const ALL: [Helper; 7] = [
        Helper::FloatMod,
        Helper::FloatPow,
        Helper::HashFind,
        Helper::HashFindInt,
        Helper::TableSetInt,
        Helper::TableSetStr,
        Helper::TableLen,
    ];

    /// Index in `TraceContext::helpers`.
    pub const fn slot(self) -> usize {
        self as usize
    }

    pub const fn name(self) -> &'static str {
        match self {
            Helper::FloatMod => "fmod",
            Helper::FloatPow => "fpow",
            Helper::HashFind => "hfind",
            Helper::HashFindInt => "hfindint",
            Helper::TableSetInt => "tsetint",
            Helper::TableSetStr => "tsetstr",
            Helper::TableLen => "tlen",
        }
    }
}

impl Helper {
    /// The host function. It is sound to call with what its documentation says: live heap objects,
    /// and the heap that owns them.
    pub fn host_fn(self) -> HostFn {
        match self {
            Helper::FloatMod => HostFn::Float2(float_mod),
            Helper::FloatPow => HostFn::Float2(float_pow),
            Helper::HashFind => HostFn::Int2(hash_find),
            Helper::HashFindInt => HostFn::Int2(hash_find_int),
            Helper::TableSetInt => HostFn::Int5(table_set_int),
            Helper::TableSetStr => HostFn::Int5(table_set_str),
            Helper::TableLen => HostFn::Int1(table_len),
        }
    }
}

impl Helper {
    /// What each integer argument must be.
    pub const fn parameters(self) -> &'static [Parameter] {
        use Parameter::{Any, Payload, Str, Table, Tag};
        match self {
            Helper::FloatMod | Helper::FloatPow => &[],
            Helper::HashFind => &[Table, Str],
            Helper::HashFindInt => &[Table, Any],
            Helper::TableSetInt => &[Parameter::Heap, Table, Any, Payload { tag: 0 }, Tag],
            Helper::TableSetStr => &[Parameter::Heap, Table, Str, Payload { tag: 0 }, Tag],
            Helper::TableLen => &[Table],
        }
    }
}

/// Makes all helpers callable: from the simulator by `table`, from traces by `ctx`. `heap` must
/// outlive every run with this context and stay where it is.
pub fn install(table: &mut HelperTable, ctx: &mut TraceContext, heap: *mut Heap) {
    ctx.heap = heap.expose_provenance() as u64;
    for helper in Helper::ALL {
        // SAFETY: correct traces pass live objects of the kinds that the IR's types say, and the
        // heap of this context; no helper unwinds.
        ctx.helpers[helper.slot()] =
            unsafe { table.add(helper.name(), helper.host_fn(), helper.parameters()) };
    }
}

unsafe extern "C" fn float_mod(a: f64, b: f64) -> f64 {
    number::float_mod(a, b)
}

unsafe extern "C" fn float_pow(a: f64, b: f64) -> f64 {
    number::float_pow(a, b)
}

unsafe extern "C" fn hash_find(table: u64, key: u64) -> u64 {
    table_of(table).short_str_slot(str_of(key)).expose_provenance() as u64
}

unsafe extern "C" fn hash_find_int(table: u64, key: u64) -> u64 {
    table_of(table).int_node_slot(key as i64).expose_provenance() as u64
}

unsafe extern "C" fn table_set_int(heap: u64, table: u64, key: u64, payload: u64, tag: u64) -> u64 {
    // SAFETY: the caller is a trace, which passes `TraceContext::heap` and a tag with its payload.
    unsafe { table_set(heap, table, Value::int(key as i64), payload, tag) }
}

unsafe extern "C" fn table_set_str(heap: u64, table: u64, key: u64, payload: u64, tag: u64) -> u64 {
    // SAFETY: as above.
    unsafe { table_set(heap, table, Value::from(str_of(key)), payload, tag) }
}

unsafe extern "C" fn table_len(table: u64) -> u64 {
    table_of(table).length() as u64
}

/// # Safety
/// `heap` is the address of the heap that owns `table`, and nobody else borrows it; `tag` and
/// `payload` are a valid value's.
unsafe fn table_set(heap: u64, table: u64, key: Value, payload: u64, tag: u64) -> u64 {
    let heap = std::ptr::with_exposed_provenance_mut::<Heap>(heap as usize);
    // SAFETY: the caller says so; `install` exposed the heap's address.
    let heap = unsafe { &mut *heap };
    let value = Value::from_raw(lua_tag(tag), payload);
    // A trace cannot fail here: the limit is noticed at the interpreter's next allocation point. Where
    // that is too late, no such trace is recorded (`JitConfig::tables_may_grow`).
    // A panic here aborts the process rather than unwind into the trace.
    table_of(table).set_beyond_limit(heap, key, value);
    0
}

fn table_of(address: u64) -> TableRef {
    Value::from_raw(Tag::Table, address).as_table().expect("the tag says table")
}

fn str_of(address: u64) -> StrRef {
    Value::from_raw(Tag::Str, address).as_str().expect("the tag says string")
}

/// The tag with this number, of the types that traces handle.
fn lua_tag(tag: u64) -> Tag {
    const TAGS: [Tag; 9] = [
        Tag::Nil,
        Tag::False,
        Tag::True,
        Tag::Int,
        Tag::Float,
        Tag::Native,
        Tag::Str,
        Tag::Table,
        Tag::Closure,
    ];
    let found = TAGS.into_iter().find(|&t| t as u64 == tag);
    found.unwrap_or_else(|| panic!("a trace stores a value with tag {tag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a trace's call does, by address and signature as the simulator calls it.
    fn call(helper: Helper, args: &[u64]) -> u64 {
        // SAFETY: the tests pass live objects of one heap, which nobody borrows during the call.
        unsafe {
            match (helper.host_fn(), args) {
                (HostFn::Int1(f), &[a]) => f(a),
                (HostFn::Int2(f), &[a, b]) => f(a, b),
                (HostFn::Int5(f), &[a, b, c, d, e]) => f(a, b, c, d, e),
                (function, _) => panic!("{function:?} with {} arguments", args.len()),
            }
        }
    }

    #[test]
    fn tables_through_helpers() {
        let mut heap = Heap::new();
        let table = heap.new_table();
        let key = heap.new_string(b"key");
        let other = heap.new_string(b"other");
        let mut helpers = HelperTable::new();
        let mut ctx = TraceContext::new();
        install(&mut helpers, &mut ctx, &raw mut heap);
        let (t, heap) = (table.address(), ctx.heap);

        assert_eq!(call(Helper::HashFind, &[t, key.address()]), 0);
        for index in 1..=100u64 {
            call(Helper::TableSetInt, &[heap, t, index, index * 7, Tag::Int as u64]);
        }
        let half = 0.5f64.to_bits();
        call(Helper::TableSetStr, &[heap, t, key.address(), half, Tag::Float as u64]);

        assert_eq!(call(Helper::TableLen, &[t]), 100);
        assert_eq!(table.get_int(100).as_int(), Some(700));
        assert_eq!(table.get_str(key).as_float(), Some(0.5));
        assert_ne!(call(Helper::HashFind, &[t, key.address()]), 0);
        assert_eq!(call(Helper::HashFind, &[t, other.address()]), 0);
    }

    #[test]
    fn every_slot_of_the_context_is_a_known_helper() {
        let mut heap = Heap::new();
        let mut helpers = HelperTable::new();
        let mut ctx = TraceContext::new();
        install(&mut helpers, &mut ctx, &raw mut heap);
        for helper in Helper::ALL {
            assert_eq!(helpers.name(ctx.helpers[helper.slot()]), Some(helper.name()));
        }
    }
}
