//! Faults of an exit: what is written into the interpreter's state.

use super::{Fault, Plant};
use plumb_jit::heap::{Tag, Value};
use plumb_jit::ir::trace::Trace;
use plumb_jit::trace::restore::Restored;

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "restore.false-as-nil",
        about: "false is restored as nil",
        imitates: "one falsy value for two in a snapshot's type",
        rare: None,
        ops: &[],
        plant: Plant::Restored(false_as_nil),
    },
    Fault {
        name: "restore.minus-zero",
        about: "-0.0 is restored as 0.0",
        imitates: "a float tested for zero and rematerialised from the zero register",
        rare: Some("only at -0.0"),
        ops: &[],
        plant: Plant::Restored(minus_zero),
    },
    Fault {
        name: "restore.boxed-nan",
        about: "a NaN is restored as nil",
        imitates: "NaN boxing: a computed NaN taken for a boxed value",
        rare: Some("only at a NaN"),
        ops: &[],
        plant: Plant::Restored(boxed_nan),
    },
    Fault {
        name: "restore.wide-integer",
        about: "an integer beyond 2^47 is restored as a float",
        imitates: "48-bit boxed integers that silently become floats",
        rare: Some("only beyond 2^47"),
        ops: &[],
        plant: Plant::Restored(wide_integer),
    },
    Fault {
        name: "restore.callee-registers",
        about: "the registers of the innermost rebuilt frame are left nil",
        imitates: "three failed attempts at calls in traces: snapshots knew no frames",
        rare: None,
        ops: &[],
        plant: Plant::Restored(callee_registers),
    },
    Fault {
        name: "restore.exit-at-head",
        about: "an exit without inlined frames resumes at the loop head",
        imitates: "the exit's pc overwritten by the loop's pc",
        rare: None,
        ops: &[],
        plant: Plant::Restored(exit_at_head),
    },
    Fault {
        name: "restore.open-list",
        about: "the end of an open list is one slot short",
        imitates: "LuaJIT #299: snapshot at CALLM",
        rare: Some("only between a call with open results and its consumer"),
        ops: &[],
        plant: Plant::Restored(open_list),
    },
];

fn each(restored: &mut Restored, change: impl Fn(Value) -> Option<Value>) {
    for (_, value) in &mut restored.slots {
        *value = change(*value).unwrap_or(*value);
    }
}

fn false_as_nil(_: &Trace, restored: &mut Restored) {
    each(restored, |value| (value.tag() == Tag::False).then_some(Value::NIL));
}

fn minus_zero(_: &Trace, restored: &mut Restored) {
    each(restored, |value| value.as_float().filter(|&x| x == 0.0).map(|_| Value::float(0.0)));
}

fn boxed_nan(_: &Trace, restored: &mut Restored) {
    each(restored, |value| value.as_float().filter(|x| x.is_nan()).map(|_| Value::NIL));
}

fn wide_integer(_: &Trace, restored: &mut Restored) {
    let wide = |i: &i64| i.unsigned_abs() > 1 << 47;
    each(restored, |value| value.as_int().filter(wide).map(|i| Value::float(i as f64)));
}

fn callee_registers(_: &Trace, restored: &mut Restored) {
    if let Some(frame) = restored.frames.last() {
        let base = frame.base;
        restored.slots.retain(|&(slot, _)| slot < base);
    }
}

fn exit_at_head(trace: &Trace, restored: &mut Restored) {
    if restored.frames.is_empty() {
        restored.pc = trace.head;
        restored.open_top = None;
    }
}

fn open_list(_: &Trace, restored: &mut Restored) {
    restored.open_top = restored.open_top.map(|top| top - 1);
}
