//! Safe handles to heap objects.
//!
//! In:  values with collectable tags.   Out: `Copy` handles with accessors.
//!
//! Why this is sound enough: see the module documentation of [`super`]: an object is freed only by a
//! collection, collections happen only at the interpreter's allocation points, and whatever the roots
//! reach survives. A handle obtained from a live value is therefore good until the next such point, and
//! longer while its object is reachable. Only [`Value::from_raw`] can make a handle from nothing, and
//! its caller vouches for the payload.

use super::Heap;
use super::layout::{
    CLOSURE_UPVALUES, Closure, NativeClosure, Str, Table, Thread, Upvalue, Userdata,
};
use super::value::{Tag, Value};
use crate::vm::native::NativeFunction;
use crate::vm::proto::RuntimeProto;
use std::ptr::NonNull;

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident($layout:ident), $tag:ident, $as_name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(transparent)]
        pub struct $name(NonNull<$layout>);

        impl $name {
            #[inline(always)]
            pub(crate) fn from_ptr(pointer: NonNull<$layout>) -> $name {
                $name(pointer)
            }
            #[inline(always)]
            pub fn as_ptr(self) -> *mut $layout {
                self.0.as_ptr()
            }
            /// The object's address, which identifies it while it lives.
            #[inline(always)]
            pub fn address(self) -> u64 {
                self.0.as_ptr() as u64
            }
        }

        impl From<$name> for Value {
            #[inline(always)]
            fn from(object: $name) -> Value {
                Value::from_raw(Tag::$tag, object.address())
            }
        }

        impl Value {
            #[inline(always)]
            pub fn $as_name(self) -> Option<$name> {
                if self.tag() as u8 == Tag::$tag as u8 {
                    NonNull::new(self.payload() as *mut $layout).map($name)
                } else {
                    None
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.address())
            }
        }
    )* };
}

handles! {
    /// A string.
    StrRef(Str), Str, as_str;
    /// A table. Its operations are in [`super::table`].
    TableRef(Table), Table, as_table;
    /// A Lua function.
    ClosureRef(Closure), Closure, as_closure;
    /// A library function with upvalues.
    NativeClosureRef(NativeClosure), NativeClosure, as_native_closure;
    /// A full userdata.
    UserdataRef(Userdata), Userdata, as_userdata;
    /// A coroutine or the main thread. Its operations are in `vm::thread`.
    ThreadRef(Thread), Thread, as_thread;
}

/// An upvalue. Not a value of the language: only closures refer to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct UpvalueRef(NonNull<Upvalue>);

impl StrRef {
    #[inline(always)]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        // SAFETY: a handle points to a live string.
        unsafe { (*self.as_ptr()).len }
    }
    /// Interned: equal short strings are the same object.
    #[inline(always)]
    pub fn is_short(self) -> bool {
        // SAFETY: a handle points to a live string.
        unsafe { (*self.as_ptr()).is_short }
    }
    pub(crate) fn hash_field(self) -> u32 {
        // SAFETY: a handle points to a live string.
        unsafe { (*self.as_ptr()).hash }
    }
    /// The bytes. The lifetime is the caller's choice: it must end before the string can be collected.
    #[inline(always)]
    pub fn as_bytes<'a>(self) -> &'a [u8] {
        // SAFETY: `len` bytes follow the header in the same block; they never change once visible.
        unsafe { std::slice::from_raw_parts(self.as_ptr().add(1).cast::<u8>(), self.len()) }
    }
    /// The bytes as text, with invalid parts replaced; for messages.
    pub fn to_text<'a>(self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.as_bytes())
    }
    /// Fills in part of a string that nobody has seen yet.
    pub(super) fn write_bytes(self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= self.len());
        // SAFETY: the range was checked, and the string is still private to its maker.
        unsafe {
            let data = self.as_ptr().add(1).cast::<u8>();
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.add(at), bytes.len());
        }
    }
    /// Same bytes.
    #[inline(always)]
    pub fn equals(self, other: StrRef) -> bool {
        self == other
            || (!self.is_short() && !other.is_short() && self.as_bytes() == other.as_bytes())
    }
}

impl ClosureRef {
    /// The code. Good as long as the closure is alive.
    #[inline(always)]
    pub fn proto<'a>(self) -> &'a RuntimeProto {
        // SAFETY: a closure's proto is set before the closure is visible, and lives as long.
        unsafe { &*(*self.as_ptr()).proto }
    }
    pub fn upvalue_count(self) -> usize {
        // SAFETY: a handle points to a live closure.
        unsafe { (*self.as_ptr()).num_upvalues }
    }
    /// Upvalue `index` (from 0).
    pub fn upvalue(self, index: usize) -> UpvalueRef {
        assert!(index < self.upvalue_count());
        // SAFETY: the index was checked, and upvalues are set before the closure is visible.
        unsafe { UpvalueRef(NonNull::new_unchecked(self.upvalue_slots().add(index).read())) }
    }
    /// Sets an upvalue of a closure that is being made: nothing was allocated since.
    pub(crate) fn set_upvalue(self, index: usize, upvalue: UpvalueRef) {
        assert!(index < self.upvalue_count());
        // SAFETY: the index was checked.
        unsafe { self.upvalue_slots().add(index).write(upvalue.0.as_ptr()) }
    }
    /// Makes this closure share an upvalue of another (`debug.upvaluejoin`).
    pub fn join_upvalue(self, heap: &mut Heap, index: usize, upvalue: UpvalueRef) {
        heap.object_barrier(self.as_ptr().cast(), upvalue.as_ptr().cast());
        self.set_upvalue(index, upvalue);
    }
    #[inline(always)]
    pub(crate) fn upvalue_slots(self) -> *mut *mut Upvalue {
        // SAFETY: the upvalue pointers follow the fixed part of the closure in its block.
        unsafe { self.as_ptr().cast::<u8>().add(CLOSURE_UPVALUES).cast() }
    }
}

impl UpvalueRef {
    pub(crate) fn from_ptr(pointer: NonNull<Upvalue>) -> UpvalueRef {
        UpvalueRef(pointer)
    }
    pub fn as_ptr(self) -> *mut Upvalue {
        self.0.as_ptr()
    }
    pub fn address(self) -> u64 {
        self.0.as_ptr() as u64
    }
    /// Still refers to a stack slot.
    pub fn is_open(self) -> bool {
        // SAFETY: closures keep their upvalues alive.
        unsafe { (*self.as_ptr()).location != &raw mut (*self.as_ptr()).closed }
    }
    /// Address of the value: a stack slot while open, else inside the upvalue.
    #[inline(always)]
    pub fn location(self) -> *mut Value {
        // SAFETY: closures keep their upvalues alive.
        unsafe { (*self.as_ptr()).location }
    }
    pub fn get(self) -> Value {
        // SAFETY: the location is a slot of a live stack or the upvalue's own field.
        unsafe { *self.location() }
    }
    #[inline(always)]
    pub fn set(self, heap: &mut Heap, value: Value) {
        heap.barrier(self.as_ptr().cast(), value);
        // SAFETY: as in `get`.
        unsafe { *self.location() = value }
    }
}

impl NativeClosureRef {
    pub fn function(self) -> &'static NativeFunction {
        // SAFETY: set from a static reference when the closure was made.
        unsafe { &*(*self.as_ptr()).function }
    }
    pub fn upvalue_count(self) -> usize {
        // SAFETY: a handle points to a live closure.
        unsafe { (*self.as_ptr()).num_upvalues }
    }
    pub fn upvalue(self, index: usize) -> Value {
        assert!(index < self.upvalue_count());
        // SAFETY: the index was checked.
        unsafe { self.slots().add(index).read() }
    }
    pub fn set_upvalue(self, heap: &mut Heap, index: usize, value: Value) {
        assert!(index < self.upvalue_count());
        heap.barrier(self.as_ptr().cast(), value);
        // SAFETY: the index was checked.
        unsafe { self.slots().add(index).write(value) }
    }
    /// Address of an upvalue's slot, which identifies it.
    pub fn upvalue_address(self, index: usize) -> u64 {
        assert!(index < self.upvalue_count());
        self.slots().wrapping_add(index) as u64
    }
    fn slots(self) -> *mut Value {
        // SAFETY: the upvalues follow the fixed part of the closure in its block.
        unsafe { (&raw mut (*self.as_ptr()).upvalues).cast() }
    }
}

impl UserdataRef {
    pub fn metatable(self) -> Option<TableRef> {
        // SAFETY: a handle points to a live userdata.
        NonNull::new(unsafe { (*self.as_ptr()).metatable }).map(TableRef)
    }
    /// Also marks the userdata for finalization if the metatable has a finalizer now.
    pub fn set_metatable(self, heap: &mut Heap, metatable: Option<TableRef>) {
        heap.metatable_barrier(self.as_ptr().cast(), metatable);
        // SAFETY: a handle points to a live userdata.
        unsafe {
            (*self.as_ptr()).metatable = metatable.map_or(std::ptr::null_mut(), TableRef::as_ptr)
        }
    }
    /// Runs `f` on the payload if it is a `T`. `f` must not reach the same userdata again.
    pub fn with<T: 'static, R>(self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        // SAFETY: a handle points to a live userdata, and `f` has the only reference to its payload.
        let payload = unsafe { &mut (*self.as_ptr()).payload };
        payload.downcast_mut::<T>().map(f)
    }
}

impl Value {
    /// A library function without upvalues.
    pub fn native(function: &'static NativeFunction) -> Value {
        Value::from_raw(Tag::Native, std::ptr::from_ref(function) as u64)
    }
    #[inline(always)]
    pub fn as_native(self) -> Option<&'static NativeFunction> {
        if self.tag() == Tag::Native {
            // SAFETY: only `Value::native` makes values with this tag, from a static reference.
            Some(unsafe { &*(self.payload() as *const NativeFunction) })
        } else {
            None
        }
    }
    /// The library function, with or without upvalues.
    pub fn native_function(self) -> Option<&'static NativeFunction> {
        self.as_native().or_else(|| self.as_native_closure().map(NativeClosureRef::function))
    }
    pub fn is_function(self) -> bool {
        matches!(self.tag(), Tag::Native | Tag::Closure | Tag::NativeClosure)
    }
    #[inline(always)]
    pub fn is_number(self) -> bool {
        matches!(self.tag(), Tag::Int | Tag::Float)
    }
    #[inline(always)]
    pub fn is_string(self) -> bool {
        self.tag() == Tag::Str
    }
    #[inline(always)]
    pub fn is_table(self) -> bool {
        self.tag() == Tag::Table
    }

    /// Equality without metamethods (`rawequal`).
    #[inline(always)]
    pub fn raw_equals(self, other: Value) -> bool {
        if self.tag() == other.tag() {
            return match self.tag() {
                Tag::Float => f64::from_bits(self.payload()) == f64::from_bits(other.payload()),
                Tag::Str => {
                    self.payload() == other.payload()
                        || self.as_str().zip(other.as_str()).is_some_and(|(a, b)| a.equals(b))
                }
                _ => self.payload() == other.payload(),
            };
        }
        match (self.as_int(), other.as_float(), self.as_float(), other.as_int()) {
            (Some(int), Some(float), _, _) | (_, _, Some(float), Some(int)) => {
                super::number::float_to_int_exact(float) == Some(int)
            }
            _ => false,
        }
    }

    /// The basic type's name, as `type` returns it.
    pub fn type_name(self) -> &'static str {
        match self.tag() {
            Tag::Nil | Tag::DeadKey => "nil",
            Tag::False | Tag::True => "boolean",
            Tag::Int | Tag::Float => "number",
            Tag::LightUserdata | Tag::Userdata => "userdata",
            Tag::Native | Tag::Closure | Tag::NativeClosure => "function",
            Tag::Str => "string",
            Tag::Table => "table",
            Tag::Thread => "thread",
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.tag() {
            Tag::Nil => write!(f, "nil"),
            Tag::False => write!(f, "false"),
            Tag::True => write!(f, "true"),
            Tag::Int => write!(f, "{}", self.payload() as i64),
            Tag::Float => write!(f, "{:?}f", f64::from_bits(self.payload())),
            Tag::Str => match self.as_str() {
                Some(string) => write!(f, "{:?}", string.to_text()),
                None => write!(f, "string"),
            },
            tag => write!(f, "{tag:?}({:#x})", self.payload()),
        }
    }
}
