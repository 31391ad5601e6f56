//! A trace: a straight line of SSA instructions, its snapshots, and how it ends.
//!
//! In:  nothing.   Out: [`Trace`], [`Inst`], [`Snapshot`], [`FrameLink`].
//!
//! A trace has one of two shapes; both can be executed:
//!
//! - *linear*, as recorded: one iteration. At its end the state of snapshot `end` is written back
//!   and the trace is entered again from the top (an exit whose pc is the head).
//! - *looping*, after peeling: one iteration (the pre-roll), `loop`, phis, a second copy of the
//!   iteration; its end jumps to `loop`. Invariants stand in the pre-roll.
//!
//! Invariants (checked by the verifier):
//! - `ValueId(n)` is the result of `insts[n]`; operands are defined earlier (a phi's second later).
//! - Each guard names its snapshot; each snapshot's values dominate every guard that names it.
//! - No write stands between a snapshot's point and its guard: leaving is always legal, and the
//!   interpreter redoes the bytecode instruction at `pc` from the start.
//! - Nothing but an exit writes VM registers. A snapshot lists the slots that the trace changed
//!   since entry and that are live at `pc`; all other slots still hold their value from entry.

use super::op::{Op, Ty};

/// Result of an instruction; its index in [`Trace::insts`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

/// Index in [`Trace::snapshots`]; also the exit number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct SnapshotId(pub u32);

/// A stack slot counted from the root frame's base; inlined frames lie above, slot -1 is the
/// root frame's function.
pub type Slot = i32;

/// One instruction. Unused operands are absent; `ty` is `Void` when there is no result.
#[derive(Clone, PartialEq, Debug)]
pub struct Inst {
    pub op: Op,
    pub ty: Ty,
    pub args: Args,
    /// Meaning by `op.imm()`; 0 when none.
    pub imm: i64,
    pub snapshot: Option<SnapshotId>,
}

/// Up to three operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Args {
    len: u8,
    values: [u32; 3],
}

impl Args {
    pub fn new(values: &[ValueId]) -> Args {
        let mut args = Args { len: values.len() as u8, values: [0; 3] };
        for (to, from) in args.values.iter_mut().zip(values) {
            *to = from.0;
        }
        args
    }
    pub fn len(&self) -> usize {
        self.len as usize
    }
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    pub fn get(&self, index: usize) -> ValueId {
        assert!(index < self.len(), "operand {index} of {}", self.len);
        ValueId(self.values[index])
    }
    pub fn iter(&self) -> impl Iterator<Item = ValueId> + '_ {
        self.values[..self.len()].iter().map(|&v| ValueId(v))
    }
    pub fn map(&self, mut f: impl FnMut(ValueId) -> ValueId) -> Args {
        let mut out = *self;
        for v in &mut out.values[..self.len as usize] {
            *v = f(ValueId(*v)).0;
        }
        out
    }
}

/// A Lua call that was inlined and is still active at a snapshot, outermost first.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct FrameLink {
    /// The callee, a `Closure` value; it also stands in slot `base - 1`.
    pub closure: ValueId,
    /// Where the callee's registers begin.
    pub base: Slot,
    /// The caller's resume pc: the instruction after its OP_CALL.
    pub return_pc: u32,
    /// Results the caller wants, -1 for all (PUC's `nresults`).
    pub wanted: i32,
}

/// The interpreter state to restore when a guard fails.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Snapshot {
    /// Next instruction of the innermost frame.
    pub pc: u32,
    /// VM instructions fetched since the iteration began (design D2's clock).
    pub clock: u32,
    /// End of an open list of values (the slot after the last), when the instruction at `pc` takes one
    /// that the instruction before it left.
    pub open_top: Option<Slot>,
    /// Inlined frames, outermost first; empty in the root frame.
    pub frames: Vec<FrameLink>,
    /// Changed live slots, ascending; the value's type gives the tag.
    pub slots: Vec<(Slot, ValueId)>,
}

/// A trace as a value.
#[derive(Clone, PartialEq, Debug)]
pub struct Trace {
    /// Id of the runtime proto that holds the loop.
    pub proto: u32,
    /// The loop head: the instruction that backward jumps land on.
    pub head: u32,
    /// VM instructions fetched in one whole iteration.
    pub iteration_clock: u32,
    /// Stack slots needed above the root frame's base, all inlined frames included.
    pub max_slots: u32,
    pub insts: Vec<Inst>,
    pub snapshots: Vec<Snapshot>,
    /// State at the end of the last copy of the iteration (pc == head, no frames, clock ==
    /// `iteration_clock`). A looping trace jumps to `loop` there, but may leave instead.
    pub end: SnapshotId,
}

impl Trace {
    pub fn inst(&self, id: ValueId) -> &Inst {
        &self.insts[id.0 as usize]
    }
    pub fn ty(&self, id: ValueId) -> Ty {
        self.inst(id).ty
    }
    /// The trace may store a reference to an object in another one by itself (runtime functions that it
    /// calls deal with the collector themselves).
    pub fn stores_references(&self) -> bool {
        self.reference_stores().next().is_some()
    }
    /// The stores that do.
    pub fn reference_stores(&self) -> impl Iterator<Item = Op> + '_ {
        let stores = |op| matches!(op, Op::ArrayStore | Op::HashStore | Op::UpvalueStore);
        let of_reference = |inst: &&Inst| {
            let stored = inst.args.iter().last().expect("the last operand of a store is the value");
            self.ty(stored).is_collectable()
        };
        let stores = self.insts.iter().filter(move |inst| stores(inst.op));
        stores.filter(of_reference).map(|inst| inst.op)
    }
    pub fn snapshot(&self, id: SnapshotId) -> &Snapshot {
        &self.snapshots[id.0 as usize]
    }
    /// Instructions with their ids, in order.
    pub fn iter(&self) -> impl Iterator<Item = (ValueId, &Inst)> {
        self.insts.iter().enumerate().map(|(i, inst)| (ValueId(i as u32), inst))
    }
    /// Position of the `loop` op, if the trace was peeled.
    pub fn loop_head(&self) -> Option<ValueId> {
        self.iter().find(|(_, inst)| inst.op == Op::Loop).map(|(id, _)| id)
    }
}
