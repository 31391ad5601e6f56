//! Runtime form of a `bytecode::Proto`: constants as heap values, loop counters for the JIT.
//!
//! In:  a verified [`Proto`].   Out: [`RuntimeProto`], which closures and frames point to.
//!
//! Invariants:
//! - made once per proto when a chunk is loaded, never moved; an object of the heap that lives as long
//!   as a closure, an enclosing proto or a trace that inlines it refers to it. A frame's closure is in
//!   its stack slot, so code that runs is alive;
//! - constants and children are set before anything can be collected and never change: no barriers;
//! - `code` points to the instructions of `proto`, which never change;
//! - numbers are not given twice, so that who remembers one (the JIT's loop heads) finds this function
//!   or none.

use super::Vm;
use crate::bytecode::liveness::Liveness;
use crate::bytecode::proto::MAX_SHORT_STRING_BYTES;
use crate::bytecode::{Constant, Instruction, Op, Pc, Proto};
use crate::heap::Value;
use crate::heap::layout::GcHeader;
use rustc_hash::FxHashMap;
use std::cell::{Cell, OnceCell};
use std::sync::Arc;

/// Counter value of a loop head that never calls the driver.
pub const NEVER_HOT: u16 = u16::MAX;

#[repr(C)]
pub struct RuntimeProto {
    pub(crate) header: GcHeader,
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
    /// Bytes besides the struct itself that count as the program's.
    pub(crate) extra_bytes: usize,
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
        // SAFETY: a proto keeps its children alive.
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

/// The objects made for long strings, by the address of the bytes: constants of a chunk that share
/// their bytes are one object (short strings always are), which `%p` shows.
type LongStrings = FxHashMap<*const u8, Value>;

impl Vm {
    /// Makes the runtime form of a proto and of all nested ones.
    pub(crate) fn instantiate(&mut self, proto: &Arc<Proto>) -> *const RuntimeProto {
        let source_bytes = proto.source.as_ref().map_or(0, |source| source.len());
        self.instantiate_nested(proto, source_bytes, &mut LongStrings::default())
    }

    fn instantiate_nested(
        &mut self,
        proto: &Arc<Proto>,
        shared: usize,
        long_strings: &mut LongStrings,
    ) -> *const RuntimeProto {
        let constants = proto
            .constants
            .iter()
            .map(|constant| match constant {
                Constant::Nil => Value::NIL,
                Constant::False => Value::FALSE,
                Constant::True => Value::TRUE,
                Constant::Int(int) => Value::int(*int),
                Constant::Float(float) => Value::float(*float),
                Constant::Str(bytes) if bytes.len() <= MAX_SHORT_STRING_BYTES => {
                    self.heap.new_string_value(bytes)
                }
                Constant::Str(bytes) => *long_strings
                    .entry(bytes.as_ptr())
                    .or_insert_with(|| self.heap.new_string_value(bytes)),
            })
            .collect();
        debug_assert!(!proto.is_vararg || proto.code[0].op() == Op::VarArgPrep);
        let hot = vec![Cell::new(self.initial_hot_count); proto.code.len()].into_boxed_slice();
        // Numbered before its children, so that numbers follow the order of definition.
        let pointer = self.heap.new_proto(|header, id| RuntimeProto {
            header,
            id,
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
            extra_bytes: shared + size_of_parts(proto),
        });
        let children = proto.protos.iter();
        let children = children.map(|child| self.instantiate_nested(child, 0, long_strings));
        let children = children.collect();
        // SAFETY: just made; nobody else refers to it yet.
        unsafe { (*pointer).children = children };
        pointer
    }

    /// How many functions were loaded so far: the next one's number.
    pub fn proto_count(&self) -> u32 {
        self.heap.next_proto
    }

    /// The function with this number, if it is still alive.
    pub fn proto(&self, id: u32) -> Option<&RuntimeProto> {
        // SAFETY: the heap lists live protos, and nothing is freed while the VM is borrowed.
        self.heap.protos.get(&id).map(|proto| unsafe { proto.as_ref() })
    }
}

/// What the vectors of a proto and of its runtime form take, about.
fn size_of_parts(proto: &Proto) -> usize {
    let constants = proto.constants.iter().map(|constant| match constant {
        Constant::Str(bytes) => bytes.len(),
        _ => 0,
    });
    let names = proto.locals.iter().map(|local| local.name.len()).sum::<usize>()
        + proto.upvalues.iter().filter_map(|up| up.name.as_ref()).map(|n| n.len()).sum::<usize>();
    let vectors = size_of_val(&proto.code[..])
        + size_of_val(&proto.constants[..])
        + size_of_val(&proto.upvalues[..])
        + size_of_val(&proto.protos[..])
        + size_of_val(&proto.lineinfo[..])
        + size_of_val(&proto.abslineinfo[..])
        + size_of_val(&proto.locals[..]);
    let runtime = proto.constants.len() * size_of::<Value>()
        + proto.protos.len() * size_of::<*const RuntimeProto>()
        + proto.code.len() * size_of::<Cell<u16>>();
    size_of::<Proto>() + vectors + constants.sum::<usize>() + names + runtime
}
