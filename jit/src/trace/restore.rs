//! From an exit back to interpreter state.
//!
//! In:  the VM as it was at trace entry, the snapshot of the exit, a reader of IR values.
//! Out: registers, inlined frames, pc and clock as if the interpreter had run up to the snapshot.
//!
//! Invariants: one function for every executor; only the way a value is read differs. The stack has
//! room for `max_slots` (checked before entry). Registers of a rebuilt frame that the snapshot does
//! not list are dead; they are set to nil, so that the collector never meets a stale object.

use crate::bytecode::Pc;
use crate::heap::ClosureRef;
use crate::heap::value::{Tag, Value};
use crate::ir::op::Ty;
use crate::ir::trace::{Slot, SnapshotId, Trace, ValueId};
use crate::vm::Vm;

/// What an exit writes into the interpreter's state.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// Changed registers, counted from the root frame's base.
    pub slots: Vec<(Slot, Value)>,
    /// Inlined frames, outermost first.
    pub frames: Vec<RestoredFrame>,
    /// Next instruction of the innermost frame.
    pub pc: u32,
    pub open_top: Option<Slot>,
    /// VM instructions that the run stood for.
    pub clock: u64,
}

/// An inlined frame to rebuild.
#[derive(Clone, Debug)]
pub struct RestoredFrame {
    pub closure: Value,
    pub base: Slot,
    /// Where the caller goes on.
    pub return_pc: u32,
    pub wanted: i32,
}

impl Restored {
    /// Fills `self` with what `snapshot` of `trace` says, `read` giving the values. `clock` is the
    /// number of instructions that the run stood for. (Reused, so that an exit allocates nothing.)
    pub fn read(
        &mut self,
        trace: &Trace,
        snapshot: SnapshotId,
        clock: u64,
        read: &dyn Fn(ValueId) -> u64,
    ) {
        let snapshot = trace.snapshot(snapshot);
        let value = |id: ValueId| value_of(trace.ty(id), read(id));
        self.slots.clear();
        self.slots.extend(snapshot.slots.iter().map(|&(slot, id)| (slot, value(id))));
        self.frames.clear();
        self.frames.extend(snapshot.frames.iter().map(|link| RestoredFrame {
            closure: value(link.closure),
            base: link.base,
            return_pc: link.return_pc,
            wanted: link.wanted,
        }));
        self.pc = snapshot.pc;
        self.open_top = snapshot.open_top;
        self.clock = clock;
    }

    /// Whether the interpreter can go on from here at all: live values in slots that exist, pcs in the
    /// code. A correct trace never fails this; needs tracked memory.
    pub fn check(&self, vm: &Vm, trace: &Trace) -> Result<(), String> {
        let sound = |value: Value| vm.heap.is_sound(value.tag() as u8, value.payload());
        let in_frame = |slot: Slot| (0..trace.max_slots as Slot).contains(&slot);
        for &(slot, value) in &self.slots {
            if !in_frame(slot) || !sound(value) {
                let (tag, payload) = (value.tag(), value.payload());
                return Err(format!("the exit restores {tag:?} {payload:#x} to slot {slot}"));
            }
        }
        let mut running = vm.top_frame().closure;
        let mut base = 0;
        let length = |closure: Option<ClosureRef>| {
            closure.map_or(0, |closure| closure.proto().proto.code.len() as u32)
        };
        for frame in &self.frames {
            let callee = Some(frame.closure).filter(|&c| sound(c)).and_then(Value::as_closure);
            let Some(callee) = callee else {
                return Err(format!("the exit rebuilds a frame of {:?}", frame.closure.tag()));
            };
            let end = frame.base + Slot::from(callee.proto().proto.max_stack_size);
            if frame.base <= base || end > trace.max_slots as Slot {
                return Err(format!("the exit rebuilds a frame at slot {}", frame.base));
            }
            if frame.return_pc >= length(running) {
                return Err(format!("the exit returns to pc {}", frame.return_pc));
            }
            (running, base) = (Some(callee), frame.base);
        }
        if self.pc >= length(running) {
            return Err(format!("the exit resumes at pc {}", self.pc));
        }
        match self.open_top {
            Some(top) if !(base..=trace.max_slots as Slot).contains(&top) => {
                Err(format!("the exit leaves an open list that ends at slot {top}"))
            }
            _ => Ok(()),
        }
    }

    /// Writes all of it into the VM whose top frame is the trace's root frame.
    pub fn write(&self, vm: &mut Vm) {
        let root_base = vm.top_frame().base;
        let index = |slot: Slot| (root_base as i64 + i64::from(slot)) as usize;
        for frame in &self.frames {
            let closure = frame.closure.as_closure().expect("a frame's closure is a closure");
            for register in 0..closure.proto().proto.max_stack_size {
                vm.set_stack_value(index(frame.base + Slot::from(register)), Value::NIL);
            }
        }
        for &(slot, value) in &self.slots {
            vm.set_stack_value(index(slot), value);
        }
        for frame in &self.frames {
            vm.set_pc(Pc(frame.return_pc));
            vm.set_stack_value(index(frame.base - 1), frame.closure);
            vm.push_lua_frame(index(frame.base - 1), frame.wanted, 0, Pc(0));
        }
        vm.set_pc(Pc(self.pc));
        if let Some(top) = self.open_top {
            vm.set_open_top(index(top));
        }
        vm.advance_clock(self.clock);
    }
}

/// The Lua value that an IR value of type `ty` with these 64 bits stands for.
pub fn value_of(ty: Ty, payload: u64) -> Value {
    let tag = match ty {
        Ty::Nil => return Value::NIL,
        Ty::False => return Value::FALSE,
        Ty::True => return Value::TRUE,
        Ty::Int => Tag::Int,
        Ty::Float => Tag::Float,
        Ty::Str => Tag::Str,
        Ty::Table => Tag::Table,
        Ty::Closure => Tag::Closure,
        Ty::Native => Tag::Native,
        Ty::Void | Ty::Ptr => unreachable!("{ty} never stands in a Lua slot (verifier rule)"),
    };
    Value::from_raw(tag, payload)
}
