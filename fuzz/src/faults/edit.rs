//! How faults rewrite traces: as a pass would, one counted rewrite at a time.
//!
//! In:  a stage's output.   Out: the same trace with some instructions or snapshots replaced, well formed but
//! for what the fault breaks on purpose.

use plumb_jit::ir::builder::{Builder, Rewriter};
use plumb_jit::ir::op::{Op, Ty};
use plumb_jit::ir::trace::{Args, Inst, Slot, Snapshot, SnapshotId, Trace, ValueId};
use plumb_jit::opt::PassCx;
use std::collections::BTreeSet;

/// A stage's output under the knife.
pub struct Edit<'a> {
    /// The name under which rewrites are counted.
    pub rule: &'static str,
    pub cx: &'a PassCx,
    /// What the pass was given.
    pub input: Option<&'a Trace>,
    pub trace: &'a mut Trace,
}

/// What becomes of an instruction. Values are of the trace being built.
pub enum Change {
    /// It is gone; only for instructions without a result.
    Drop,
    /// Its uses become uses of this value, and it is gone.
    Use(ValueId),
    /// Another one stands for it.
    Put(Inst),
    /// Another one stands there, and its uses become uses of this value.
    PutAndUse(Inst, ValueId),
}

impl Edit<'_> {
    /// Whether one more wrong rewrite may be done; counts it.
    pub fn allow(&self) -> bool {
        self.cx.allow(self.rule)
    }

    /// Rebuilds the trace. `change` sees each instruction but phis, with operands of the trace being
    /// built, and its id in the old one.
    pub fn each(&mut self, mut change: impl FnMut(&mut Builder, &Inst, ValueId) -> Option<Change>) {
        let old = self.trace.clone();
        let mut rewriter = Rewriter::new(&old);
        for (id, inst) in old.iter() {
            if inst.op == Op::Phi {
                rewriter.copy(id);
                continue;
            }
            let inst = rewriter.substitute(inst);
            match change(&mut rewriter.out, &inst, id).filter(|_| self.allow()) {
                None => {
                    rewriter.define(id, inst);
                }
                Some(Change::Drop) => {}
                Some(Change::Use(value)) => rewriter.replace(id, value),
                Some(Change::Put(inst)) => {
                    rewriter.define(id, inst);
                }
                Some(Change::PutAndUse(inst, value)) => {
                    rewriter.define(id, inst);
                    rewriter.replace(id, value);
                }
            }
        }
        *self.trace = rewriter.finish();
    }

    /// Drops the guards without a result that `which` names. It sees the old trace.
    pub fn drop_guards(&mut self, which: impl Fn(&Trace, ValueId, &Inst) -> bool) {
        let old = self.trace.clone();
        self.each(|_, _, id| {
            let inst = old.inst(id);
            let guard = inst.op.effects().guard && inst.ty == Ty::Void;
            (guard && which(&old, id, inst)).then_some(Change::Drop)
        });
    }

    /// Changes the snapshots that guards name, each once, in order of their first guard. `change` sees the
    /// trace and that guard, and says whether it changed anything.
    pub fn snapshots(&mut self, mut change: impl FnMut(&Trace, ValueId, &mut Snapshot) -> bool) {
        let mut seen = BTreeSet::new();
        for index in 0..self.trace.insts.len() {
            let guard = ValueId(index as u32);
            let Some(id) = self.trace.inst(guard).snapshot else { continue };
            if id == self.trace.end || !seen.insert(id) {
                continue;
            }
            let mut snapshot = self.trace.snapshot(id).clone();
            if change(self.trace, guard, &mut snapshot) && self.allow() {
                self.trace.snapshots[id.0 as usize] = snapshot;
            }
        }
    }

    /// Gives a guard a snapshot of its own.
    pub fn set_snapshot(&mut self, guard: ValueId, snapshot: Snapshot) {
        let id = SnapshotId(self.trace.snapshots.len() as u32);
        self.trace.snapshots.push(snapshot);
        self.trace.insts[guard.0 as usize].snapshot = Some(id);
    }
}

/// `inst` as another op over other operands.
pub fn with(inst: &Inst, op: Op, args: &[ValueId]) -> Inst {
    Inst { op, args: Args::new(args), ..inst.clone() }
}

/// The integer constant that a value is.
pub fn kint(trace: &Trace, id: ValueId) -> Option<i64> {
    let inst = trace.inst(id);
    (inst.op == Op::KInt).then_some(inst.imm)
}

/// The first snapshot of a guard before `guard` that leaves to an earlier instruction.
pub fn previous(trace: &Trace, guard: ValueId, clock: u32) -> Option<&Snapshot> {
    let before = trace.insts[..guard.0 as usize].iter().rev().filter_map(|inst| inst.snapshot);
    before.map(|id| trace.snapshot(id)).find(|snapshot| snapshot.clock < clock)
}

/// The value of a slot in a snapshot.
pub fn slot_of(snapshot: &Snapshot, slot: Slot) -> Option<ValueId> {
    snapshot.slots.iter().find(|(s, _)| *s == slot).map(|(_, value)| *value)
}

/// Whether an instruction or a snapshot that counts names each value.
pub fn used(trace: &Trace) -> Vec<bool> {
    let mut used = vec![false; trace.insts.len()];
    let mut note = |value: ValueId| used[value.0 as usize] = true;
    for inst in &trace.insts {
        inst.args.iter().for_each(&mut note);
        if let Some(snapshot) = inst.snapshot {
            trace.snapshot(snapshot).values().for_each(&mut note);
        }
    }
    trace.snapshot(trace.end).values().for_each(&mut note);
    used
}
