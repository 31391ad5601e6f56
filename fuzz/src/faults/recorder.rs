//! Faults of the recorder: guards that are missing, too weak or of the wrong polarity, and snapshots that
//! do not say what the interpreter would hold.

use super::edit::{Change, Edit, kint, previous, slot_of, with};
use super::{Fault, Plant};
use plumb_jit::ir::op::{Op, Ty};
use plumb_jit::ir::trace::{Inst, Trace, ValueId};
use plumb_jit::opt::RECORDED;

macro_rules! faults {
    ($($name:literal, $about:literal, $imitates:literal, $rare:expr, [$($op:ident),*], $stage:expr, $plant:expr;)*) => {
        &[$(Fault {
            name: $name,
            about: $about,
            imitates: $imitates,
            rare: $rare,
            ops: &[$(Op::$op),*],
            plant: Plant::Trace($stage, $plant),
        }),*]
    };
}
pub(super) use faults;

#[rustfmt::skip]
pub const FAULTS: &[Fault] = faults! {
    "recorder.less-or-equal", "the guard of `a < b` also holds when they are equal", "a weaker condition code at record time", Some("only when both are equal"), [GuardILt], RECORDED, less_or_equal;
    "recorder.nan-order", "the guard of `a <= b` is `not b < a`", "comparison with NaN negated", Some("only at a NaN"), [GuardFLe], RECORDED, nan_order;
    "recorder.nan-less", "the guard of `a < b` is `not b <= a`", "comparison with NaN negated", Some("only at a NaN"), [GuardFLt], RECORDED, nan_less;
    "recorder.not-equal", "the guard of `a ~= b` on floats is missing", "missing guard", None, [GuardFNe], RECORDED, |edit| edit.drop_guards(|_, _, i| i.op == Op::GuardFNe);
    "recorder.divisor", "a divisor is not guarded against 0", "missing guard", Some("only at a divisor of 0"), [GuardINe], RECORDED, divisor;
    "recorder.identity", "the guard that two objects are the same, or are not, is missing", "missing guard", Some("only where objects are compared"), [GuardPEq, GuardPNe, KObject], RECORDED, identity;
    "recorder.callee", "the callee's proto is not guarded", "wrong callee frame", None, [ClosureProto, KPtr], RECORDED, |edit| edit.drop_guards(|t, _, i| i.op == Op::GuardPEq && t.inst(i.args.get(0)).op == Op::ClosureProto);
    "recorder.metatable", "a missing metatable is not guarded", "the access path of a plain table used past a metatable change", Some("only when a metatable is set in the loop"), [TableMeta, GuardNull], RECORDED, |edit| edit.drop_guards(|t, _, i| i.op == Op::GuardNull && t.inst(i.args.get(0)).op == Op::TableMeta);
    "recorder.absent", "that a key is absent is not guarded", "lj-980: a negative lookup kept", None, [HashFindInt], RECORDED, |edit| edit.drop_guards(|t, _, i| i.op == Op::GuardNull && t.inst(i.args.get(0)).op != Op::TableMeta);
    "recorder.bounds", "an array index is not compared with the array's bound", "missing bounds check", None, [GuardULt], RECORDED, |edit| edit.drop_guards(|_, _, i| i.op == Op::GuardULt);
    "recorder.upvalue-slot", "that an open upvalue is a register of the root frame is not guarded", "missed upvalue close", Some("only with closures over different variables"), [GuardUpvalueSlot], RECORDED, |edit| edit.drop_guards(|_, _, i| i.op == Op::GuardUpvalueSlot);
    "recorder.upvalue-outside", "that an open upvalue is no register of the root frame is not guarded", "LuaJIT #176: an open upvalue that aliases a slot later on", Some("only with closures over variables of several frames or threads"), [GuardUpvalueOutside], RECORDED, |edit| edit.drop_guards(|_, _, i| i.op == Op::GuardUpvalueOutside);
    "recorder.wide-integer", "an integer compared with a float is rounded first", "comparison through a double", Some("only beyond 2^53"), [GuardFits53], RECORDED, |edit| edit.drop_guards(|_, _, i| i.op == Op::GuardFits53);
    "recorder.last-iteration", "a counted loop runs once more than its count", "off by one in FORLOOP", Some("only in the last iteration"), [GuardINe, Sub], RECORDED, last_iteration;
    "recorder.equal-integers", "the guard of `a == b` on integers only bounds a from above", "a weaker condition code at record time", None, [GuardIEq], RECORDED, equal_integers;
    "recorder.not-less-float", "the guard of `not a < b` is missing", "missing guard", None, [GuardFNLt, GuardFNLe], RECORDED, |edit| edit.drop_guards(|_, _, i| matches!(i.op, Op::GuardFNLt | Op::GuardFNLe));
    "recorder.equal-floats", "the guard of `a == b` on floats is `a <= b`", "a weaker condition code at record time", None, [GuardFEq], RECORDED, equal_floats;
    "recorder.closed-upvalue", "an upvalue of the callee is taken from the root closure", "wrong callee frame", None, [RootClosure, UpvalueRef], RECORDED, closed_upvalue;
};

fn less_or_equal(edit: &mut Edit) {
    edit.each(|_, inst, _| {
        let weaker = Inst { op: Op::GuardILe, ..inst.clone() };
        (inst.op == Op::GuardILt).then_some(Change::Put(weaker))
    });
}

/// Replaces a float comparison by the negation of the reverse one.
fn negated(edit: &mut Edit, from: Op, to: Op) {
    edit.each(|_, inst, _| {
        (inst.op == from)
            .then(|| Change::Put(with(inst, to, &[inst.args.get(1), inst.args.get(0)])))
    });
}

fn nan_order(edit: &mut Edit) {
    negated(edit, Op::GuardFLe, Op::GuardFNLt);
}

fn nan_less(edit: &mut Edit) {
    negated(edit, Op::GuardFLt, Op::GuardFNLe);
}

fn divisor(edit: &mut Edit) {
    edit.drop_guards(|trace, id, inst| {
        let next = trace.insts.get(id.0 as usize + 1);
        let divides = |next: &Inst| matches!(next.op, Op::IDiv | Op::IMod);
        inst.op == Op::GuardINe && next.is_some_and(divides)
    });
}

fn identity(edit: &mut Edit) {
    edit.drop_guards(|trace, _, inst| {
        matches!(inst.op, Op::GuardPEq | Op::GuardPNe)
            && trace.inst(inst.args.get(0)).op != Op::ClosureProto
    });
}

fn last_iteration(edit: &mut Edit) {
    let old = edit.trace.clone();
    edit.each(|out, inst, id| {
        let next = old.insts.get(id.0 as usize + 1)?;
        let counts = inst.op == Op::GuardINe
            && next.op == Op::Sub
            && kint(&old, next.args.get(1)) == Some(1)
            && next.args.get(0) == old.inst(id).args.get(0);
        let below = out.kint(-1);
        counts.then(|| Change::Put(with(inst, Op::GuardILt, &[below, inst.args.get(0)])))
    });
}

fn equal_integers(edit: &mut Edit) {
    edit.each(|_, inst, _| {
        let weaker = Inst { op: Op::GuardILe, ..inst.clone() };
        (inst.op == Op::GuardIEq).then_some(Change::Put(weaker))
    });
}

fn equal_floats(edit: &mut Edit) {
    edit.each(|_, inst, _| {
        let weaker = Inst { op: Op::GuardFLe, ..inst.clone() };
        (inst.op == Op::GuardFEq).then_some(Change::Put(weaker))
    });
}

/// The second upvalue of a closure is taken for its first.
fn closed_upvalue(edit: &mut Edit) {
    edit.each(|_, inst, _| {
        let first = Inst { imm: 0, ..inst.clone() };
        (inst.op == Op::UpvalueRef && inst.imm == 1).then_some(Change::Put(first))
    });
}

#[rustfmt::skip]
pub const SNAPSHOTS: &[Fault] = faults! {
    "snapshot.omits", "the last changed slot is missing", "snapshot entry omitted", None, [], RECORDED, omits;
    "snapshot.stale", "a slot has the value that it had at the exit before", "stale snapshot entry (LuaJIT #579)", None, [], RECORDED, stale;
    "snapshot.swapped", "two slots of one type are swapped", "lj-1132: bad snapshot refs", None, [], RECORDED, swapped;
    "snapshot.pc", "an exit of a comparison resumes after it", "wrong exit pc", None, [], RECORDED, after_compare;
    "snapshot.results", "a frame rebuilt at an exit returns no result to its caller", "wrong result count", None, [], RECORDED, results;
    "snapshot.return-pc", "a frame rebuilt at an exit returns to one instruction later", "wrong pc in a frame", None, [], RECORDED, return_pc;
    "snapshot.depth", "the innermost frame is missing: the exit resumes in the caller", "wrong frame depth", None, [], RECORDED, depth;
    "snapshot.end", "a slot that every iteration writes is missing at the end", "lj-737: snapshot use-def of a live slot", None, [], RECORDED, end;
    "snapshot.clock", "an exit counts one instruction too few", "a snapshot merged across an instruction", None, [], RECORDED, clock;
};

fn omits(edit: &mut Edit) {
    edit.snapshots(|_, _, snapshot| snapshot.slots.len() > 1 && snapshot.slots.pop().is_some());
}

fn stale(edit: &mut Edit) {
    edit.snapshots(|trace, guard, snapshot| {
        let Some(before) = previous(trace, guard, snapshot.clock) else { return false };
        let mut changed = false;
        for (slot, value) in &mut snapshot.slots {
            if let Some(old) = slot_of(before, *slot).filter(|old| old != value) {
                (*value, changed) = (old, true);
            }
        }
        changed
    });
}

fn swapped(edit: &mut Edit) {
    edit.snapshots(|trace, _, snapshot| {
        for at in 1..snapshot.slots.len() {
            let (a, b) = (snapshot.slots[at - 1].1, snapshot.slots[at].1);
            if a != b
                && trace.ty(a) == trace.ty(b)
                && !trace.ty(a).is_primitive()
                && trace.ty(a) != Ty::Closure
            {
                (snapshot.slots[at - 1].1, snapshot.slots[at].1) = (b, a);
                return true;
            }
        }
        false
    });
}

fn compares(trace: &Trace, guard: ValueId) -> bool {
    use Op::*;
    matches!(
        trace.inst(guard).op,
        GuardILt
            | GuardILe
            | GuardIEq
            | GuardFLt
            | GuardFLe
            | GuardFNLt
            | GuardFNLe
            | GuardFEq
            | GuardFNe
    )
}

fn after_compare(edit: &mut Edit) {
    edit.snapshots(|trace, guard, snapshot| {
        snapshot.pc += 1;
        snapshot.clock += 1;
        snapshot.clock < trace.iteration_clock && compares(trace, guard)
    });
}

fn results(edit: &mut Edit) {
    edit.snapshots(|_, _, snapshot| match snapshot.frames.last_mut() {
        Some(frame) if frame.wanted > 0 => {
            frame.wanted = 0;
            true
        }
        _ => false,
    });
}

fn return_pc(edit: &mut Edit) {
    edit.snapshots(|_, _, snapshot| match snapshot.frames.last_mut() {
        Some(frame) => {
            frame.return_pc += 1;
            true
        }
        None => false,
    });
}

fn depth(edit: &mut Edit) {
    edit.snapshots(|_, _, snapshot| {
        let Some(frame) = snapshot.frames.pop() else { return false };
        snapshot.pc = frame.return_pc;
        snapshot.open_top = None;
        snapshot.slots.retain(|&(slot, _)| slot < frame.base - 1);
        true
    });
}

fn end(edit: &mut Edit) {
    let trace = &*edit.trace;
    let loaded = |slot: i32| {
        trace.insts.iter().any(|inst| inst.op == Op::SlotLoad && inst.imm == i64::from(slot))
    };
    let end = trace.end.0 as usize;
    let Some(at) = trace.snapshots[end].slots.iter().position(|&(slot, _)| !loaded(slot)) else {
        return;
    };
    if edit.allow() {
        edit.trace.snapshots[end].slots.remove(at);
    }
}

fn clock(edit: &mut Edit) {
    edit.snapshots(|trace, guard, snapshot| {
        let plain = compares(trace, guard) && snapshot.clock > 1;
        snapshot.clock -= u32::from(plain);
        plain
    });
}
