//! Runtime form of a `bytecode::Proto`: constants as heap values, loop counters for the JIT.
//!
//! In:  a verified [`Proto`].   Out: [`RuntimeProto`], which closures and frames point to.
//!
//! Invariants:
//! - made once per proto when a chunk is loaded, never moved, alive as long as the VM;
//! - `code` points to the instructions of `proto`, which never change;
//! - the values in `constants` are roots.

use super::Vm;
use crate::bytecode::liveness::Liveness;
use crate::bytecode::{Constant, Instruction, Op, Pc, Proto};
use crate::heap::Value;
use std::cell::{Cell, OnceCell};
use std::sync::Arc;

/// Counter value of a loop head that never calls the driver.
pub const NEVER_HOT: u16 = u16::MAX;

#[repr(C)]
pub struct RuntimeProto {
    /// Unique number within the VM, in order of loading.
    pub id: u32,
    pub(crate) code: *const Instruction,
    pub(crate) constants: Box<[Value]>,
    pub(crate) num_params: u8,
    pub(crate) is_vararg: bool,
    pub(crate) max_stack_size: u8,
    pub proto: Arc<Proto>,
    pub(crate) children: Box<[*const RuntimeProto]>,
    /// One counter an instruction, used where the instruction is a loop head: [`NEVER_HOT`] is never
    /// hot, 0 calls the driver, anything else counts down on arrival.
    pub hot: Box<[Cell<u16>]>,
    liveness: OnceCell<Arc<Liveness>>,
    /// `hot_bias + address of an instruction / 2` is the address of the instruction's counter.
    pub(crate) hot_bias: usize,
}

impl RuntimeProto {
    pub fn constants(&self) -> &[Value] {
        &self.constants
    }
    pub fn code(&self) -> &[Instruction] {
        &self.proto.code
    }
    /// Which registers matter at each instruction; computed at the first use.
    pub fn liveness(&self) -> Arc<Liveness> {
        self.liveness.get_or_init(|| Arc::new(Liveness::new(&self.proto))).clone()
    }
    /// The nested function `index`.
    pub fn child(&self, index: usize) -> &RuntimeProto {
        // SAFETY: children are owned by the same VM and never freed before it.
        unsafe { &*self.children[index] }
    }
    /// Sets the counter of every instruction, in this function only.
    pub fn set_hot_counters(&self, value: u16) {
        for counter in &self.hot {
            counter.set(value);
        }
    }
    /// Position of an instruction pointer into this function's code.
    pub(crate) fn pc_of(&self, pointer: *const Instruction) -> Pc {
        let offset = pointer as usize - self.code as usize;
        Pc((offset / size_of::<Instruction>()) as u32)
    }
    pub(crate) fn pointer_to(&self, pc: Pc) -> *const Instruction {
        assert!(pc.index() < self.proto.code.len());
        // SAFETY: the index was checked.
        unsafe { self.code.add(pc.index()) }
    }
    /// Where execution starts: after VARARGPREP, which is part of the call.
    pub fn entry(&self) -> Pc {
        Pc(u32::from(self.is_vararg))
    }
}

impl Vm {
    /// Makes the runtime form of a proto and of all nested ones.
    pub(crate) fn instantiate(&mut self, proto: &Arc<Proto>) -> *const RuntimeProto {
        let constants = proto
            .constants
            .iter()
            .map(|constant| match constant {
                Constant::Nil => Value::NIL,
                Constant::False => Value::FALSE,
                Constant::True => Value::TRUE,
                Constant::Int(int) => Value::int(*int),
                Constant::Float(float) => Value::float(*float),
                Constant::Str(bytes) => self.heap.new_string_value(bytes),
            })
            .collect();
        debug_assert!(!proto.is_vararg || proto.code[0].op() == Op::VarArgPrep);
        let hot = vec![Cell::new(self.initial_hot_count); proto.code.len()].into_boxed_slice();
        let runtime = Box::new(RuntimeProto {
            id: self.protos.len() as u32,
            code: proto.code.as_ptr(),
            constants,
            num_params: proto.num_params,
            is_vararg: proto.is_vararg,
            max_stack_size: proto.max_stack_size,
            proto: proto.clone(),
            children: Box::new([]),
            liveness: OnceCell::new(),
            hot_bias: (hot.as_ptr() as usize).wrapping_sub(proto.code.as_ptr() as usize >> 1),
            hot,
        });
        let pointer = Box::into_raw(runtime);
        // Registered before its children, so that ids follow the order of definition.
        self.protos.push(pointer);
        let children = proto.protos.iter().map(|child| self.instantiate(child));
        let children = children.collect();
        // SAFETY: just made; nobody else refers to it yet.
        unsafe { (*pointer).children = children };
        pointer
    }

    /// All functions loaded so far, by id.
    pub fn protos(&self) -> impl Iterator<Item = &RuntimeProto> {
        // SAFETY: protos live as long as the VM.
        self.protos.iter().map(|proto| unsafe { &**proto })
    }
}
