//! The reference engine, stopped: its frames, registers and objects, read from memory.
//!
//! In: a thread of a live Lua state, and what the run knows of it. Out: [`PucState`], a [`State`].
//!
//! Everything here reads memory of a live Lua state whose collector is stopped, so what a value points at is
//! alive, and whose only operating system thread is inside the call that lent the state.

use super::layout::{
    CALL_STATUS_C, CClosure, CallInfo, LuaClosure, LuaState, Node, Proto, STATUS_OK,
    STATUS_YIELDED, TString, TValue, Table, UpVal, tag,
};
use super::{Facts, LibraryNames, NAMES, NIL, PucValue};
use crate::canon::{
    Address, Class, Frame, FunctionId, LibraryName, ProtoId, State, ThreadFrameVisitor,
    ThreadStatus, View,
};
use mlua::ffi;
use std::ffi::{CStr, c_int};
use std::ops::ControlFlow;
use std::ptr;

/// Lua frames from the running one outwards, each with its level among all frames, in the room of a list that
/// is not needed any more.
///
/// # Safety
/// `l` is stopped in a hook, or does not run.
pub(super) unsafe fn lua_frames(
    l: *mut ffi::lua_State,
    mut frames: Vec<(*mut CallInfo, c_int)>,
) -> Vec<(*mut CallInfo, c_int)> {
    frames.clear();
    // SAFETY: the list of calls ends with the base call, whose `previous` is null.
    unsafe {
        let mut ci = (*l.cast::<LuaState>()).ci;
        let mut level = 0;
        while !(*ci).previous.is_null() {
            if (*ci).call_status & CALL_STATUS_C == 0 {
                frames.push((ci, level));
            }
            ci = (*ci).previous;
            level += 1;
        }
    }
    frames
}

/// # Safety
/// `slot` points at a value of a stopped engine.
pub(super) unsafe fn read(slot: *const TValue) -> PucValue {
    // SAFETY: by the caller.
    let TValue { payload, tag } = unsafe { *slot };
    PucValue { payload, tag: tag & tag::MASK }
}

/// The reference engine, stopped.
pub struct PucState<'a> {
    pub(super) l: *mut ffi::lua_State,
    pub(super) facts: &'a Facts,
    pub(super) frames: Vec<(*mut CallInfo, c_int)>,
}

impl PucState<'_> {
    /// What the program printed so far.
    pub fn output(&self) -> &[u8] {
        &self.facts.output
    }

    /// Source line of the running instruction.
    pub fn line(&self) -> u32 {
        // SAFETY: level 0 exists while the hook runs.
        unsafe {
            let mut record: ffi::lua_Debug = std::mem::zeroed();
            if ffi::lua_getstack(self.l, 0, &mut record) == 0 {
                return 0;
            }
            ffi::lua_getinfo(self.l, c"l".as_ptr(), &mut record);
            record.currentline as u32
        }
    }

    /// The running function's stack size in registers.
    pub fn stack_size(&self, level: usize) -> u8 {
        // SAFETY: a Lua frame's function is a Lua closure.
        unsafe { (*self.proto(level)).max_stack_size }
    }

    /// The code of a frame's function.
    ///
    /// # Safety
    /// `level` is below `frame_count`: all frames here are Lua functions'.
    unsafe fn proto(&self, level: usize) -> *const Proto {
        // SAFETY: by the caller, `level` is a Lua frame.
        unsafe { (*((*(*self.frames[level].0).function).payload as *const LuaClosure)).proto }
    }

    fn identify(&self, proto: *const Proto) -> FunctionId {
        let id = self.facts.protos.get(&(proto as usize)).copied().unwrap_or(ProtoId::DYNAMIC);
        // SAFETY: prototypes of live closures are alive.
        let (first, last) = unsafe { ((*proto).line_defined, (*proto).last_line_defined) };
        FunctionId { proto: id, line_defined: first as u32, last_line: last as u32 }
    }

    pub(super) fn collect_names(&self, table: PucValue, prefix: &str, names: &mut LibraryNames) {
        self.each_entry(Address(table.payload), |key, value| {
            let View::Str(key) = self.view(key) else { return ControlFlow::Continue(()) };
            let name = format!("{prefix}{}", String::from_utf8_lossy(key));
            match self.view(value) {
                View::Object(Class::Native, address) => {
                    names.all.push(name.clone());
                    let code = native_code(address);
                    let name = LibraryName::new(name);
                    let entry = names.functions.entry(code).or_insert_with(|| name.clone());
                    if name < *entry {
                        *entry = name;
                    }
                }
                View::Object(Class::Table, _) if prefix.is_empty() && name != "_G" => {
                    self.collect_names(value, &format!("{name}."), names);
                    names.all.push(name.clone());
                    names.tables.push(LibraryName::new(name));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        });
    }
}

/// Address of the C code of a native function.
fn native_code(native: Address) -> u64 {
    if native.0 & C_CLOSURE_BIT == 0 {
        return native.0;
    }
    // SAFETY: `view` sets the bit on addresses of C closures only, and the closure is alive.
    unsafe { (*((native.0 & !C_CLOSURE_BIT) as *const CClosure)).function as u64 }
}

/// C closures and light C functions share one class; the top bit tells their addresses apart.
pub(super) const C_CLOSURE_BIT: u64 = 1 << 63;

impl State for PucState<'_> {
    type Value = PucValue;

    fn frame_count(&self) -> usize {
        self.frames.len()
    }

    #[inline]
    fn level(&self, level: usize) -> (Frame, impl Fn(u8) -> PucValue + '_) {
        let call = self.frames[level].0;
        // SAFETY: `saved_pc` of a stopped Lua frame points behind the current instruction of its code.
        let (frame, size, function) = unsafe {
            let proto = self.proto(level);
            let pc = (*call).saved_pc.offset_from((*proto).code) - 1;
            let frame = Frame { function: self.identify(proto), pc: pc as u32 };
            (frame, (*proto).max_stack_size, (*call).function)
        };
        let register = move |index| {
            assert!(index < size, "register {index} of {size}");
            // SAFETY: a frame's stack holds `max_stack_size` slots above its function.
            unsafe { read(function.add(1 + usize::from(index))) }
        };
        (frame, register)
    }

    fn register_name(&self, level: usize, index: u8) -> Option<String> {
        // SAFETY: the frame exists; the value that `lua_getlocal` pushes is popped.
        unsafe {
            let mut record: ffi::lua_Debug = std::mem::zeroed();
            if ffi::lua_getstack(self.l, self.frames.get(level)?.1, &mut record) == 0 {
                return None;
            }
            let name = ffi::lua_getlocal(self.l, &record, c_int::from(index) + 1);
            if name.is_null() {
                return None;
            }
            ffi::lua_settop(self.l, -2);
            let name = CStr::from_ptr(name).to_string_lossy().into_owned();
            (!name.starts_with("(temp") && !name.starts_with("(C temp")).then_some(name)
        }
    }

    fn globals(&self) -> PucValue {
        self.facts.globals
    }

    #[inline(always)]
    fn view(&self, value: PucValue) -> View<'_> {
        let address = Address(value.payload);
        match value.tag {
            tag::INT => View::Int(value.payload as i64),
            tag::FLOAT => View::Float(f64::from_bits(value.payload)),
            t if t & tag::TYPE_MASK == tag::NIL_TYPE => View::Nil,
            tag::FALSE => View::Bool(false),
            tag::TRUE => View::Bool(true),
            tag::SHORT_STRING | tag::LONG_STRING => {
                let string = value.payload as *const TString;
                // SAFETY: the tag says that the payload is a live string of that length.
                View::Str(unsafe {
                    let len = match value.tag {
                        tag::SHORT_STRING => usize::from((*string).short_len),
                        _ => (*string).long_len_or_next,
                    };
                    std::slice::from_raw_parts(ptr::addr_of!((*string).contents).cast::<u8>(), len)
                })
            }
            tag::TABLE => View::Object(Class::Table, address),
            tag::LUA_CLOSURE => View::Object(Class::Closure, address),
            tag::LIGHT_C_FUNCTION => View::Object(Class::Native, address),
            tag::C_CLOSURE => View::Object(Class::Native, Address(value.payload | C_CLOSURE_BIT)),
            tag::THREAD => View::Object(Class::Thread, address),
            tag::USERDATA | tag::LIGHT_USERDATA => View::Object(Class::Userdata, address),
            other => unreachable!("a stack slot with tag {other:#x}: not a Lua value"),
        }
    }

    #[inline]
    fn each_entry(
        &self,
        table: Address,
        mut visit: impl FnMut(PucValue, PucValue) -> ControlFlow<()>,
    ) {
        let table = table.0 as *const Table;
        // SAFETY: `table` is live; its array has `array_size` slots and its hash part `1 << log2_nodes`
        // nodes (one shared, empty node when there is none).
        unsafe {
            for index in 0..(*table).array_size() {
                let value = read((*table).array.add(index));
                if value.tag & tag::TYPE_MASK != tag::NIL_TYPE {
                    let key = PucValue { payload: index as u64 + 1, tag: tag::INT };
                    if visit(key, value).is_break() {
                        return;
                    }
                }
            }
            for index in 0..1usize << (*table).log2_nodes {
                let Node { payload, tag, key_tag, key_payload, .. } = *(*table).nodes.add(index);
                if tag & tag::TYPE_MASK != tag::NIL_TYPE {
                    let key = PucValue { payload: key_payload, tag: key_tag & tag::MASK };
                    if visit(key, PucValue { payload, tag: tag & tag::MASK }).is_break() {
                        return;
                    }
                }
            }
        }
    }

    fn get_int(&self, table: Address, key: i64) -> PucValue {
        let table = table.0 as *const Table;
        let index = key.wrapping_sub(1) as u64;
        // SAFETY: as in `each_entry`; chains stay within the nodes. This is `luaH_getint` without its
        // side effect on the array hint.
        unsafe {
            if index < (*table).array_size() as u64 {
                return read((*table).array.add(index as usize));
            }
            let size = 1u64 << (*table).log2_nodes;
            let mut node = (*table).nodes.add((key as u64 % ((size - 1) | 1)) as usize);
            loop {
                if (*node).key_tag & tag::MASK == tag::INT && (*node).key_payload == key as u64 {
                    return PucValue { payload: (*node).payload, tag: (*node).tag & tag::MASK };
                }
                match (*node).next {
                    0 => return NIL,
                    next => node = node.offset(next as isize),
                }
            }
        }
    }

    fn metatable(&self, table: Address) -> Option<Address> {
        // SAFETY: `table` is a live table.
        let metatable = unsafe { (*(table.0 as *const Table)).metatable };
        (!metatable.is_null()).then_some(Address(metatable as u64))
    }

    fn function(&self, closure: Address) -> FunctionId {
        // SAFETY: `closure` is a live Lua closure.
        self.identify(unsafe { (*(closure.0 as *const LuaClosure)).proto })
    }

    fn upvalue_count(&self, closure: Address) -> usize {
        // SAFETY: `closure` is a live Lua closure.
        usize::from(unsafe { (*(closure.0 as *const LuaClosure)).num_upvalues })
    }

    fn upvalue(&self, closure: Address, index: usize) -> PucValue {
        let closure = closure.0 as *const LuaClosure;
        // SAFETY: a live closure has `num_upvalues` upvalues; each names the place of its value.
        unsafe {
            let upvalues = ptr::addr_of!((*closure).upvalues).cast::<*mut UpVal>();
            read((**upvalues.add(index)).location)
        }
    }

    fn upvalue_cell(&self, closure: Address, index: usize) -> Address {
        let closure = closure.0 as *const LuaClosure;
        // SAFETY: as in `upvalue`.
        unsafe {
            let upvalues = ptr::addr_of!((*closure).upvalues).cast::<*mut UpVal>();
            Address(*upvalues.add(index) as u64)
        }
    }

    fn thread_status(&self, thread: Address) -> ThreadStatus {
        let thread = thread.0 as *mut LuaState;
        // SAFETY: `thread` is a live thread.
        unsafe {
            let has_calls = (*thread).ci != ptr::addr_of_mut!((*thread).base_ci);
            let has_values = (*thread).top > (*(*thread).ci).function.add(1);
            match (*thread).status {
                _ if thread == self.l.cast() => ThreadStatus::Running,
                STATUS_YIELDED => ThreadStatus::Suspended,
                STATUS_OK if has_calls => ThreadStatus::Normal,
                STATUS_OK if has_values => ThreadStatus::Suspended,
                _ => ThreadStatus::Dead,
            }
        }
    }

    fn thread_body(&self, thread: Address) -> Option<PucValue> {
        let fresh = self.thread_status(thread) == ThreadStatus::Suspended;
        let thread = thread.0 as *mut LuaState;
        // SAFETY: a live thread that was not started has its function above the base of its stack.
        unsafe {
            let fresh = fresh && (*thread).status == STATUS_OK;
            fresh.then(|| read((*(*thread).ci).function.add(1)))
        }
    }

    fn wrapped_thread(&self, native: Address) -> Option<PucValue> {
        if native.0 & C_CLOSURE_BIT == 0 {
            return None;
        }
        let closure = (native.0 & !C_CLOSURE_BIT) as *const CClosure;
        // SAFETY: `view` sets the bit on addresses of live C closures only, whose upvalues follow the fixed
        // part.
        let first = unsafe {
            let upvalues = closure.add(1).cast::<TValue>();
            ((*closure).num_upvalues > 0).then(|| read(upvalues.cast_mut()))?
        };
        // No other function of the library keeps a coroutine.
        (first.tag == tag::THREAD).then_some(first)
    }

    fn each_thread_frame(&self, thread: Address, visit: &mut ThreadFrameVisitor<'_, PucValue>) {
        // SAFETY: a live thread that does not run is as its last instruction left it.
        let frames = unsafe { lua_frames(thread.0 as *mut ffi::lua_State, Vec::new()) };
        let state = PucState { l: thread.0 as *mut ffi::lua_State, facts: self.facts, frames };
        for level in 0..state.frames.len() {
            let (frame, register) = state.level(level);
            if visit(&frame, &register).is_break() {
                return;
            }
        }
    }

    fn waiting_main(&self) -> Option<PucValue> {
        let main = self.facts.main;
        (main != self.l).then_some(PucValue { payload: main as u64, tag: tag::THREAD })
    }

    fn library_name(&self, class: Class, object: Address) -> Option<&LibraryName> {
        if class == Class::Table {
            let table = self.facts.tables.iter().find(|(address, _)| *address == object.0);
            return table.map(|(_, name)| *name);
        }
        NAMES.get()?.functions.get(&native_code(object))
    }
}
