//! Strings: short ones interned, long ones not.
//!
//! In:  bytes.   Out: [`StrRef`]; equal short strings are the same object.
//!
//! Invariant: a short string is in the intern table exactly as long as it is alive. The bytes of a
//! string are followed by a NUL that its length does not count.

use super::layout::{MAX_SHORT_LEN, ObjectKind, Str};
use super::object::StrRef;
use super::{Heap, Value};

/// Buckets of short strings, chained through `Str::next_interned`.
pub(crate) struct InternTable {
    buckets: Vec<*mut Str>,
    count: usize,
}

impl InternTable {
    pub fn new() -> InternTable {
        InternTable { buckets: vec![std::ptr::null_mut(); 128], count: 0 }
    }

    /// The string with these bytes, perhaps one that is dead and not swept yet.
    fn find(&self, bytes: &[u8], hash: u32) -> Option<StrRef> {
        let mut at = self.buckets[hash as usize & (self.buckets.len() - 1)];
        while let Some(string) = std::ptr::NonNull::new(at) {
            let string = StrRef::from_ptr(string);
            if string.hash_field() == hash && string.as_bytes() == bytes {
                return Some(string);
            }
            // SAFETY: the table holds live strings only.
            at = unsafe { (*at).next_interned };
        }
        None
    }

    fn insert(&mut self, string: *mut Str) {
        if self.count >= self.buckets.len() {
            self.grow();
        }
        // SAFETY: `string` is a live short string that is not in the table.
        unsafe {
            let bucket = (*string).hash as usize & (self.buckets.len() - 1);
            (*string).next_interned = self.buckets[bucket];
            self.buckets[bucket] = string;
        }
        self.count += 1;
    }

    fn grow(&mut self) {
        let doubled = vec![std::ptr::null_mut(); self.buckets.len() * 2];
        let old = std::mem::replace(&mut self.buckets, doubled);
        self.count = 0;
        for mut at in old {
            while !at.is_null() {
                // SAFETY: the table holds live strings only; each is linked into one bucket.
                let next = unsafe { (*at).next_interned };
                self.insert(at);
                at = next;
            }
        }
    }

    /// Forgets a string, which is about to be freed.
    ///
    /// # Safety
    /// The string is in the table.
    pub unsafe fn remove(&mut self, string: *mut Str) {
        // SAFETY: `link` is the bucket or the `next_interned` field of a string in the table, up to the
        // one that the caller says is there.
        unsafe {
            let bucket = (*string).hash as usize & (self.buckets.len() - 1);
            let mut link: *mut *mut Str = &raw mut self.buckets[bucket];
            while *link != string {
                link = &raw mut (**link).next_interned;
            }
            *link = (*string).next_interned;
        }
        self.count -= 1;
    }
}

pub(crate) fn str_bytes(len: usize) -> usize {
    size_of::<Str>() + len + 1
}

/// Where hashing starts. PUC draws a seed for each state; a fixed one makes the order of `next`
/// reproducible.
pub const HASH_SEED: u32 = 0x5065_6e64;

/// `luaS_hash`: with PUC's function and sizes, and one seed, tables are traversed in PUC's order.
pub fn hash_bytes(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(HASH_SEED ^ bytes.len() as u32, |hash, &byte| {
        hash ^ (hash << 5).wrapping_add(hash >> 2).wrapping_add(u32::from(byte))
    })
}

impl StrRef {
    /// Hash of the bytes; computed once for long strings.
    pub fn hash(self) -> u32 {
        let string = self.as_ptr();
        // SAFETY: a handle points to a live string; nobody holds references into its header.
        unsafe {
            if !(*string).has_hash {
                (*string).hash = hash_bytes(self.as_bytes());
                (*string).has_hash = true;
            }
            (*string).hash
        }
    }
}

impl Heap {
    /// The string with these bytes (interned when short).
    pub fn new_string(&mut self, bytes: &[u8]) -> StrRef {
        if bytes.len() > MAX_SHORT_LEN {
            let string = self.allocate_string(bytes.len());
            string.write_bytes(0, bytes);
            return string;
        }
        let hash = hash_bytes(bytes);
        if let Some(known) = self.interned.find(bytes, hash) {
            // SAFETY: strings in the table are on the list of objects.
            unsafe { self.revive(known.as_ptr().cast()) };
            return known;
        }
        let string = self.allocate_string(bytes.len());
        string.write_bytes(0, bytes);
        // SAFETY: the string is new; nobody else sees it yet.
        unsafe {
            (*string.as_ptr()).hash = hash;
            (*string.as_ptr()).has_hash = true;
            (*string.as_ptr()).is_short = true;
        }
        self.interned.insert(string.as_ptr());
        string
    }

    pub fn new_string_value(&mut self, bytes: &[u8]) -> Value {
        Value::from(self.new_string(bytes))
    }

    /// The concatenation of `parts`, without an intermediate copy when it is long.
    pub fn concat_strings(&mut self, parts: &[Value]) -> StrRef {
        let bytes_of = |part: &Value| part.as_str().expect("the parts are strings");
        let len: usize = parts.iter().map(|part| bytes_of(part).len()).sum();
        if len <= MAX_SHORT_LEN {
            let mut buffer = [0u8; MAX_SHORT_LEN];
            let mut at = 0;
            for part in parts {
                let bytes = bytes_of(part).as_bytes();
                buffer[at..at + bytes.len()].copy_from_slice(bytes);
                at += bytes.len();
            }
            return self.new_string(&buffer[..len]);
        }
        let string = self.allocate_string(len);
        let mut at = 0;
        for part in parts {
            string.write_bytes(at, bytes_of(part).as_bytes());
            at += bytes_of(part).len();
        }
        string
    }

    /// A long string object whose `len` bytes must be filled before anyone sees it.
    fn allocate_string(&mut self, len: usize) -> StrRef {
        let block = self.allocator.allocate(str_bytes(len)).cast::<Str>();
        self.link(block.as_ptr().cast(), ObjectKind::Str);
        let string = block.as_ptr();
        // SAFETY: the block has room for a Str, `len` bytes and the NUL.
        unsafe {
            (*string).len = len;
            (*string).hash = 0;
            (*string).is_short = false;
            (*string).has_hash = false;
            (*string).next_interned = std::ptr::null_mut();
            string.add(1).cast::<u8>().add(len).write(0);
        }
        StrRef::from_ptr(block)
    }
}
