//! Loop peeling by copy-substitution.
//!
//! In:     a linear trace: one iteration.
//! Out:    pre-roll, `loop`, phis, body; in the body nothing that the pre-roll has done and that
//!         no iteration changes: constants, invariant loads and invariant guards are gone.
//! Keeps:  each copy has the input's writes in order, and its guards leave at the same points.
//! Limits: declines (returns the input) when a slot that is read at entry ends the iteration with
//!         another type, and for a trace that loops already.
//!
//! The pre-roll is the iteration as recorded. The body is the iteration once more, with each entry
//! slot replaced by what the previous iteration left there, sent through the same folding, value
//! numbering and guard facts as the pre-roll. So whatever does not depend on a changing slot or on
//! memory that the loop writes is found in the pre-roll and not emitted. Hoisting proper would
//! have to prove that a guard may run early; here the pre-roll's guard *is* the first iteration's.
//!
//! Which slots change is found optimistically. Suppose that none does: every slot that the
//! iteration writes carries, at the loop head, the value that the pre-roll left in it. Emit the
//! body under that assumption. A slot whose body end is not its carried value did change; it gets a
//! phi, and the body is emitted anew, until the assumption holds. Slots that begin equal share a
//! phi until their body ends differ. Each round refutes something, so there are few.
//!
//! A body snapshot is the carried state overlaid with what this iteration changed so far. Within an
//! inlined call, carried slots from the callee's function slot up are left out: the call has
//! overwritten them in the root frame, and the callee's own slots are the iteration's.

use super::cse::{Available, writes_from};
use super::fold::{Folded, fold, whole_value};
use super::guards::Facts;
use super::{Pass, PassCx};
use crate::ir::builder::Builder;
use crate::ir::op::{Op, Regions, Ty};
use crate::ir::trace::{Args, Inst, Slot, Snapshot, SnapshotId, Trace, ValueId};

pub const PASS: Pass = Pass { name: "peel", run };

fn run(cx: &PassCx, input: &Trace) -> Trace {
    if input.loop_head().is_some() || !entry_types_are_stable(input) || !cx.allow("peel") {
        return input.clone();
    }
    let mut pre_roll = Copier::new(input);
    pre_roll.copy_iteration(cx, input, &Carried::default());
    let mut classes = Classes::unchanged(&pre_roll.end_slots(input));
    let count = cx.count();
    loop {
        let mut body = pre_roll.clone();
        body.out.reserve_for(input);
        let carried = body.enter_loop(input, &classes);
        body.copy_iteration(cx, input, &carried);
        let ends = body.end_slots(input);
        if !classes.refine(&carried, &ends) {
            return body.finish(input, &carried, &ends);
        }
        cx.rewind(count);
    }
}

/// Each slot that is read at entry ends the iteration with the type that was read.
fn entry_types_are_stable(input: &Trace) -> bool {
    let ends = &input.snapshot(input.end).slots;
    let mut loads = input.insts.iter().filter(|inst| inst.op == Op::SlotLoad);
    loads.all(|load| find(ends, load.imm as Slot).is_none_or(|end| input.ty(end) == load.ty))
}

/// What a slot holds in a state; slots ascend.
fn find(state: &[(Slot, ValueId)], slot: Slot) -> Option<ValueId> {
    let at = state.binary_search_by_key(&slot, |&(slot, _)| slot).ok()?;
    Some(state[at].1)
}

/// Slots that the iteration writes, in classes that share a value at the loop head.
struct Classes {
    members: Vec<Class>,
}

struct Class {
    slots: Vec<Slot>,
    /// The value after the pre-roll.
    first: ValueId,
    /// Some iteration changes it: it needs a phi.
    changes: bool,
}

impl Classes {
    /// No slot changes; those with the same value are one class.
    fn unchanged(ends: &[(Slot, ValueId)]) -> Classes {
        let mut members: Vec<Class> = Vec::new();
        for &(slot, first) in ends {
            match members.iter_mut().find(|class| class.first == first) {
                Some(class) => class.slots.push(slot),
                None => members.push(Class { slots: vec![slot], first, changes: false }),
            }
        }
        Classes { members }
    }

    /// Splits classes by the values that a body left in their slots. Returns whether the body was
    /// made under an assumption that it refutes.
    fn refine(&mut self, carried: &Carried, ends: &[(Slot, ValueId)]) -> bool {
        let end = |slot| find(ends, slot).expect("carried slots are those of the end state");
        let mut refined: Vec<Class> = Vec::new();
        let mut refuted = false;
        for class in &self.members {
            let start = refined.len();
            for &slot in &class.slots {
                let next = end(slot);
                let alike = |other: &&mut Class| end(other.slots[0]) == next;
                if let Some(other) = refined[start..].iter_mut().find(alike) {
                    other.slots.push(slot);
                    continue;
                }
                let changes = class.changes || next != carried.value(slot);
                refined.push(Class { slots: vec![slot], first: class.first, changes });
            }
            let split = refined.len() > start + 1;
            refuted |= split || refined[start..].iter().any(|new| new.changes && !class.changes);
        }
        self.members = refined;
        refuted
    }
}

/// What each written slot holds at the loop head; empty in the pre-roll.
#[derive(Default)]
struct Carried {
    /// Ascending.
    slots: Vec<(Slot, ValueId)>,
    /// Phi and one slot of its class, whose end is the phi's next value.
    phis: Vec<(ValueId, Slot)>,
}

impl Carried {
    fn get(&self, slot: Slot) -> Option<ValueId> {
        find(&self.slots, slot)
    }
    fn value(&self, slot: Slot) -> ValueId {
        self.get(slot).expect("every slot of a class is carried")
    }

    /// `own` on top of the carried state; `limit` is the first slot that the root frame does not
    /// own at this point.
    fn overlay(&self, own: Vec<(Slot, ValueId)>, limit: Slot) -> Vec<(Slot, ValueId)> {
        if self.slots.is_empty() {
            return own;
        }
        let mut slots = Vec::with_capacity(self.slots.len() + own.len());
        let carried = self.slots.iter().copied().take_while(|&(slot, _)| slot < limit);
        let mut carried = carried.peekable();
        for (slot, value) in own {
            while let Some(below) = carried.next_if(|&(carried, _)| carried < slot) {
                slots.push(below);
            }
            carried.next_if(|&(carried, _)| carried == slot);
            slots.push((slot, value));
        }
        slots.extend(carried);
        slots
    }
}

/// Emits copies of the iteration, reducing as it goes.
#[derive(Clone)]
struct Copier {
    out: Builder,
    available: Available,
    facts: Facts,
    /// What each of the input's values became in the copy under way.
    values: Vec<Option<ValueId>>,
    snapshots: Vec<Option<SnapshotId>>,
}

impl Copier {
    fn new(input: &Trace) -> Copier {
        Copier {
            out: Builder::like(input),
            available: Available::with_room_for(input),
            facts: Facts::default(),
            values: Vec::new(),
            snapshots: Vec::new(),
        }
    }

    fn map(&self, old: ValueId) -> ValueId {
        self.values[old.0 as usize].expect("a value is copied before its uses")
    }

    /// Ends the pre-roll: `loop` and a phi for each class that changes. What the loop writes must
    /// not be taken from the pre-roll.
    fn enter_loop(&mut self, input: &Trace, classes: &Classes) -> Carried {
        let writes: Regions = writes_from(input, ValueId(0));
        self.available.kill_regions(writes);
        self.facts.kill_regions(writes);
        self.out.push(Op::Loop, Ty::Void, &[], 0, None);
        let mut carried = Carried::default();
        for class in &classes.members {
            let mut value = class.first;
            if class.changes {
                let ty = self.out.ty(value);
                value = self.out.push(Op::Phi, ty, &[value, value], 0, None);
                carried.phis.push((value, class.slots[0]));
            }
            carried.slots.extend(class.slots.iter().map(|&slot| (slot, value)));
        }
        carried.slots.sort_unstable_by_key(|&(slot, _)| slot);
        carried
    }

    fn copy_iteration(&mut self, cx: &PassCx, input: &Trace, carried: &Carried) {
        let entry = std::mem::take(&mut self.values);
        self.values = vec![None; input.insts.len()];
        self.snapshots = vec![None; input.snapshots.len()];
        for (old, inst) in input.iter() {
            let slot_value = match inst.op {
                Op::SlotLoad => {
                    carried.get(inst.imm as Slot).or(entry.get(old.0 as usize).copied().flatten())
                }
                _ => None,
            };
            self.values[old.0 as usize] = match slot_value {
                Some(value) => Some(value),
                None => self.copy(cx, input, inst, carried),
            };
        }
    }

    /// Copies one instruction; None if it is a guard that holds already.
    fn copy(
        &mut self,
        cx: &PassCx,
        input: &Trace,
        inst: &Inst,
        carried: &Carried,
    ) -> Option<ValueId> {
        let args: Args = inst.args.map(|value| self.map(value));
        let inst = match fold(cx, &mut self.out, Inst { args, ..inst.clone() }) {
            Folded::Value(value) => return Some(value),
            Folded::Holds => return None,
            Folded::Keep(inst) => inst,
        };
        if let Some(value) = self.available.find(cx, &inst) {
            return Some(value);
        }
        if self.facts.implied(cx, &self.out, &inst) {
            return None;
        }
        self.facts.record(&self.out, &inst);
        let snapshot = inst.snapshot.map(|old| self.snapshot(input, old, carried));
        let new = self.out.push_inst(Inst { snapshot, ..inst });
        self.available.record(&self.out, new);
        Some(whole_value(cx, &mut self.out, new).unwrap_or(new))
    }

    fn snapshot(&mut self, input: &Trace, old: SnapshotId, carried: &Carried) -> SnapshotId {
        if let Some(new) = self.snapshots[old.0 as usize] {
            return new;
        }
        let mut state: Snapshot = input.snapshot(old).map_values(|value| self.map(value));
        let limit = state.frames.first().map_or(Slot::MAX, |link| link.base - 1);
        state.slots = carried.overlay(state.slots, limit);
        let new = self.out.snapshot(state);
        self.snapshots[old.0 as usize] = Some(new);
        new
    }

    /// What the copy just made leaves in each slot of the end state.
    fn end_slots(&self, input: &Trace) -> Vec<(Slot, ValueId)> {
        let end = input.snapshot(input.end);
        end.slots.iter().map(|&(slot, value)| (slot, self.map(value))).collect()
    }

    fn finish(mut self, input: &Trace, carried: &Carried, ends: &[(Slot, ValueId)]) -> Trace {
        for &(phi, slot) in &carried.phis {
            let next = find(ends, slot).expect("carried slots are those of the end state");
            self.out.set_phi_next(phi, next);
        }
        let end = Snapshot { slots: ends.to_vec(), ..input.snapshot(input.end).clone() };
        let end = self.out.snapshot(end);
        self.out.finish(end)
    }
}
