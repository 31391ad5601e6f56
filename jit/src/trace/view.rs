//! What the recorder may see of the VM.
//!
//! In:  the VM between two instructions.   Out: read-only answers without side effects.
//!
//! Invariant: nothing here changes the VM; in particular no table lookup moves `alimit` (PUC's hint
//! for `#`), which an ordinary `t[i]` may.

use crate::bytecode::liveness::Liveness;
use crate::bytecode::{Instruction, Pc, Proto};
use crate::heap::{TableRef, Value};
use crate::vm::{Intrinsic, RuntimeProto, Vm};
use std::ptr::NonNull;
use std::sync::Arc;

/// The running frame, ready for questions.
pub struct View<'vm> {
    vm: &'vm Vm,
    proto: &'vm RuntimeProto,
    pc: Pc,
    base: usize,
    registers: &'vm [Value],
}

/// An element access by integer key.
pub enum ArrayAccess {
    /// In the array part, below `alimit`: the fast path that a trace can take.
    Inside(Value),
    /// In the array part, but not below `alimit`: an ordinary access would move it.
    AboveLimit,
    /// In the hash part, or nowhere.
    Hash(Option<Value>),
}

/// A field access by short string key.
pub enum FieldAccess {
    /// The key has a node; its value may be nil.
    Node {
        index: u32,
        value: Value,
    },
    Absent,
}

/// Where an upvalue of the running closure points, and its value.
pub enum UpvalueView {
    Closed(Value),
    Open {
        stack_index: usize,
        value: Value,
    },
    /// Open on the stack of another thread.
    Elsewhere(Value),
}

impl<'vm> View<'vm> {
    /// A view of the running frame, if it is a Lua function's.
    pub fn new(vm: &'vm Vm) -> Option<View<'vm>> {
        let frame = vm.top_frame();
        let proto = frame.closure?.proto();
        Some(View { vm, proto, pc: frame.pc, base: frame.base, registers: frame.registers })
    }

    /// Number of frames.
    pub fn depth(&self) -> usize {
        self.vm.frame_count()
    }
    pub fn pc(&self) -> u32 {
        self.pc.0
    }
    /// Stack index of register 0.
    pub fn base_index(&self) -> usize {
        self.base
    }
    pub fn proto(&self) -> &Proto {
        &self.proto.proto
    }
    pub fn proto_id(&self) -> u32 {
        self.proto.id
    }
    pub fn proto_address(&self) -> u64 {
        std::ptr::from_ref(self.proto) as u64
    }
    pub fn liveness(&self) -> Arc<Liveness> {
        self.proto.liveness()
    }
    pub fn instruction(&self, pc: u32) -> Instruction {
        self.proto.code()[pc as usize]
    }
    pub fn constant(&self, index: usize) -> Value {
        self.proto.constants()[index]
    }
    pub fn register(&self, register: usize) -> Value {
        self.registers[register]
    }

    // -- objects -----------------------------------------------------------------------------

    pub fn is_short_string(&self, value: Value) -> bool {
        value.as_str().is_some_and(|string| string.is_short())
    }
    pub fn string_bytes(&self, value: Value) -> &[u8] {
        value.as_str().map_or(&[], |string| string.as_bytes())
    }
    pub fn has_metatable(&self, table: Value) -> bool {
        self.table(table).metatable().is_some()
    }

    pub fn array_element(&self, table: Value, key: i64) -> ArrayAccess {
        let table = self.table(table);
        let index = (key as u64).wrapping_sub(1);
        if index < u64::from(table.alimit()) {
            ArrayAccess::Inside(table.array()[index as usize])
        } else if index < u64::from(table.array_size()) {
            ArrayAccess::AboveLimit
        } else {
            ArrayAccess::Hash(table.hash_int(key))
        }
    }

    pub fn field(&self, table: Value, key: Value) -> FieldAccess {
        let table = self.table(table);
        let key = key.as_str().expect("the key is a string");
        match table.node_index_of_str(key) {
            Some(index) => FieldAccess::Node { index, value: table.nodes()[index as usize].value },
            None => FieldAccess::Absent,
        }
    }

    fn table(&self, value: Value) -> TableRef {
        value.as_table().expect("the recorder checked the tag")
    }

    // -- functions ---------------------------------------------------------------------------

    /// The function that a closure runs.
    pub fn callee(&self, closure: Value) -> Callee<'vm> {
        Callee { proto: closure.as_closure().expect("the recorder checked the tag").proto() }
    }

    /// What a library function is to a trace.
    pub fn intrinsic(&self, function: Value) -> Option<Intrinsic> {
        function.as_native()?.intrinsic
    }

    /// Upvalue `index` of the running closure.
    pub fn upvalue(&self, index: usize) -> UpvalueView {
        let closure = self.vm.top_frame().closure.expect("the running frame is a Lua function's");
        let upvalue = closure.upvalue(index);
        let value = upvalue.get();
        if !upvalue.is_open() {
            return UpvalueView::Closed(value);
        }
        match self.vm.stack_index_of(upvalue.location()) {
            Some(stack_index) => UpvalueView::Open { stack_index, value },
            None => UpvalueView::Elsewhere(value),
        }
    }
}

/// A Lua function about to be called.
pub struct Callee<'vm> {
    proto: &'vm RuntimeProto,
}

impl Callee<'_> {
    pub fn proto(&self) -> &Proto {
        &self.proto.proto
    }
    pub fn address(&self) -> u64 {
        std::ptr::from_ref(self.proto) as u64
    }
    /// To be kept alive.
    pub fn runtime(&self) -> NonNull<RuntimeProto> {
        NonNull::from(self.proto)
    }
    pub fn liveness(&self) -> Arc<Liveness> {
        self.proto.liveness()
    }
}
