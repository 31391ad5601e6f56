//! Memory layout of PUC Lua 5.4's objects, as the vendored 5.4.9 lays them out on a 64-bit target.
//!
//! The oracle reads values and program counters straight from memory: thousands of registers a program
//! make the public API (which copies each value to the Lua stack first, and shows a line but no pc) too
//! slow and too coarse. Sources: `lobject.h`, `lstate.h`. The tests of `puc` compare what these layouts
//! show with what the public API shows.
//!
//! Only types here; every read is in `puc`.
#![forbid(unsafe_code)]

use std::mem::offset_of;

/// `LUA_V*` variants without the collectable bit.
pub mod tag {
    pub const MASK: u8 = 0x3f;
    pub const NIL_TYPE: u8 = 0;
    pub const TYPE_MASK: u8 = 0x0f;
    pub const FALSE: u8 = 0x01;
    pub const TRUE: u8 = 0x11;
    pub const LIGHT_USERDATA: u8 = 0x02;
    pub const INT: u8 = 0x03;
    pub const FLOAT: u8 = 0x13;
    pub const SHORT_STRING: u8 = 0x04;
    pub const LONG_STRING: u8 = 0x14;
    pub const TABLE: u8 = 0x05;
    pub const LUA_CLOSURE: u8 = 0x06;
    pub const LIGHT_C_FUNCTION: u8 = 0x16;
    pub const C_CLOSURE: u8 = 0x26;
    pub const USERDATA: u8 = 0x07;
    pub const THREAD: u8 = 0x08;
}

/// `TValue`, and a stack slot.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct TValue {
    pub payload: u64,
    pub tag: u8,
}

#[repr(C)]
pub struct Header {
    pub next: *mut Header,
    pub tag: u8,
    pub marked: u8,
}

#[repr(C)]
pub struct TString {
    pub next: *mut Header,
    pub tag: u8,
    pub marked: u8,
    pub extra: u8,
    /// Length of a short string, 0xff for a long one.
    pub short_len: u8,
    pub hash: u32,
    /// Length of a long string; of a short one, the next in its bucket of the string table.
    pub long_len_or_next: usize,
    pub contents: [u8; 1],
}

#[repr(C)]
pub struct Proto {
    pub next: *mut Header,
    pub tag: u8,
    pub marked: u8,
    pub num_params: u8,
    pub is_vararg: u8,
    pub max_stack_size: u8,
    pub size_upvalues: i32,
    pub size_k: i32,
    pub size_code: i32,
    pub size_line_info: i32,
    pub size_p: i32,
    pub size_local_vars: i32,
    pub size_abs_line_info: i32,
    pub line_defined: i32,
    pub last_line_defined: i32,
    pub k: *mut TValue,
    pub code: *mut u32,
    pub p: *mut *mut Proto,
}

#[repr(C)]
pub struct UpVal {
    pub next: *mut Header,
    pub tag: u8,
    pub marked: u8,
    /// The stack slot while open, the upvalue's own storage when closed.
    pub location: *mut TValue,
}

#[repr(C)]
pub struct LuaClosure {
    pub next: *mut Header,
    pub tag: u8,
    pub marked: u8,
    pub num_upvalues: u8,
    pub gc_list: *mut Header,
    pub proto: *mut Proto,
    pub upvalues: [*mut UpVal; 1],
}

#[repr(C)]
pub struct CClosure {
    pub next: *mut Header,
    pub tag: u8,
    pub marked: u8,
    pub num_upvalues: u8,
    pub gc_list: *mut Header,
    pub function: usize,
}

#[repr(C)]
pub struct Node {
    pub payload: u64,
    pub tag: u8,
    pub key_tag: u8,
    pub next: i32,
    pub key_payload: u64,
}

#[repr(C)]
pub struct Table {
    pub next: *mut Header,
    pub tag: u8,
    pub marked: u8,
    pub flags: u8,
    pub log2_nodes: u8,
    /// Array size, or a hint below it when bit 7 of `flags` is set.
    pub array_limit: u32,
    pub array: *mut TValue,
    pub nodes: *mut Node,
    pub last_free: *mut Node,
    pub metatable: *mut Table,
}

/// `CallInfo`; `saved_pc` is meaningful for Lua frames.
#[repr(C)]
pub struct CallInfo {
    pub function: *mut TValue,
    pub top: *mut TValue,
    pub previous: *mut CallInfo,
    pub next: *mut CallInfo,
    pub saved_pc: *const u32,
    pub rest_of_union: [u64; 2],
    pub u2: u32,
    pub num_results: i16,
    pub call_status: u16,
}

/// Bit of `CallInfo::call_status`: a C function is running.
pub const CALL_STATUS_C: u16 = 1 << 1;

/// Values of `LuaState::status`; any other is an error.
pub const STATUS_OK: u8 = 0;
pub const STATUS_YIELDED: u8 = 1;

/// The part of `global_State` up to the hash seed.
#[repr(C)]
pub struct GlobalState {
    pub allocate: usize,
    pub user_data: usize,
    pub memory: [isize; 4],
    pub buckets: *mut *mut TString,
    pub num_strings: i32,
    pub num_buckets: i32,
    pub registry: TValue,
    pub nil: TValue,
    pub seed: u32,
}

/// `lua_State` up to the state of the count hook.
#[repr(C)]
pub struct LuaState {
    pub next: *mut Header,
    pub tag: u8,
    pub marked: u8,
    pub status: u8,
    pub allow_hook: u8,
    pub num_ci: u16,
    pub top: *mut TValue,
    pub global: *mut GlobalState,
    pub ci: *mut CallInfo,
    pub stack_last: *mut TValue,
    pub stack: *mut TValue,
    pub lists: [usize; 5],
    pub base_ci: CallInfo,
    pub hook: usize,
    pub error_function: isize,
    pub num_c_calls: u32,
    pub old_pc: i32,
    pub base_hook_count: i32,
    /// Instructions left before the hook is called.
    pub hook_count: i32,
}

impl Table {
    /// `luaH_realasize`: the array's true size. `array_limit` may be a hint for `#t`.
    pub fn array_size(&self) -> usize {
        if self.flags & 0x80 == 0 || self.array_limit & self.array_limit.wrapping_sub(1) == 0 {
            self.array_limit as usize
        } else {
            self.array_limit.next_power_of_two() as usize
        }
    }
}

const _: () = {
    assert!(
        size_of::<usize>() == 8,
        "the reference engine's layout is known for 64-bit targets only"
    );
    assert!(size_of::<TValue>() == 16 && size_of::<Node>() == 24 && size_of::<CallInfo>() == 64);
    assert!(offset_of!(TString, contents) == 24 && offset_of!(GlobalState, seed) == 96);
    assert!(offset_of!(Proto, code) == 64 && offset_of!(Proto, line_defined) == 44);
    assert!(offset_of!(LuaClosure, proto) == 24 && offset_of!(UpVal, location) == 16);
    assert!(size_of::<CClosure>() == 32);
    assert!(offset_of!(Table, metatable) == 40 && offset_of!(LuaState, ci) == 32);
    assert!(offset_of!(LuaState, base_ci) == 96 && offset_of!(LuaState, hook_count) == 188);
};
