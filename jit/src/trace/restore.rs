//! From an exit back to interpreter state.
//!
//! In:  the VM as it was at trace entry, the snapshot of the exit, a reader of IR values.
//! Out: registers, inlined frames, pc and clock as if the interpreter had run up to the snapshot.
//!
//! Invariants: one function for every executor; only the way a value is read differs. The stack has
//! room for `max_slots` (checked before entry). Registers of a rebuilt frame that the snapshot does
//! not list are dead; they are set to nil, so that the collector never meets a stale object.

use crate::bytecode::Pc;
use crate::heap::value::{Tag, Value};
use crate::ir::op::Ty;
use crate::ir::trace::{Slot, SnapshotId, Trace, ValueId};
use crate::vm::Vm;

/// Restores `snapshot` of `trace` into the VM whose top frame is the trace's root frame.
/// `clock` is the number of instructions that the trace stood for.
pub fn restore(
    vm: &mut Vm,
    trace: &Trace,
    snapshot: SnapshotId,
    clock: u64,
    read: &dyn Fn(ValueId) -> u64,
) {
    let snapshot = trace.snapshot(snapshot);
    let root_base = vm.top_frame().base;
    let index = |slot: Slot| (root_base as i64 + i64::from(slot)) as usize;
    let value = |id: ValueId| value_of(trace.ty(id), read(id));

    for link in &snapshot.frames {
        let closure = value(link.closure).as_closure().expect("a frame's closure is a closure");
        for register in 0..closure.proto().proto.max_stack_size {
            vm.set_stack_value(index(link.base + Slot::from(register)), Value::NIL);
        }
    }
    for &(slot, id) in &snapshot.slots {
        vm.set_stack_value(index(slot), value(id));
    }
    for link in &snapshot.frames {
        vm.set_pc(Pc(link.return_pc));
        vm.set_stack_value(index(link.base - 1), value(link.closure));
        vm.push_lua_frame(index(link.base - 1), link.wanted, 0, Pc(0));
    }
    vm.set_pc(Pc(snapshot.pc));
    if let Some(top) = snapshot.open_top {
        vm.set_open_top(index(top));
    }
    vm.advance_clock(clock);
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
