//! Builds traces: the recorder appends, passes rebuild.
//!
//! In:  instructions in order, snapshots.   Out: a [`Trace`].
//!
//! Invariants:
//! - Equal constants are one instruction and equal snapshots are one snapshot. A trace is a
//!   straight line (the loop's back edge jumps to a point in it), so whatever stands earlier
//!   dominates whatever stands later, and sharing is always legal.
//! - No constant stands after `loop`: [`Builder::finish`] moves those that folding made there.
//!
//! [`Rewriter`] is how a pass rebuilds a trace: it maps the input's ids to the output's and
//! translates snapshots when the first guard that names them is copied.

use super::op::{Op, Ty};
use super::trace::{Args, FrameLink, Inst, Snapshot, SnapshotId, Trace, ValueId};
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

/// A trace under construction.
#[derive(Clone)]
pub struct Builder {
    trace: Trace,
    constants: FxHashMap<(Op, Ty, i64), ValueId>,
    /// By pc, clock and number among those that share both: few do.
    snapshots: FxHashMap<(u32, u32, u32), SnapshotId>,
}

impl Builder {
    /// An empty trace of the loop at `head` in runtime proto `proto`.
    pub fn new(proto: u32, head: u32) -> Builder {
        let trace = Trace {
            proto,
            head,
            iteration_clock: 0,
            max_slots: 0,
            insts: Vec::new(),
            snapshots: Vec::new(),
            end: SnapshotId(0),
        };
        Builder { trace, constants: FxHashMap::default(), snapshots: FxHashMap::default() }
    }

    /// An empty trace with the header of `input`, and room for as much.
    pub fn like(input: &Trace) -> Builder {
        let mut out = Builder::new(input.proto, input.head);
        out.reserve_for(input);
        out.trace.iteration_clock = input.iteration_clock;
        out.trace.max_slots = input.max_slots;
        out
    }

    /// Makes room for another copy of `input`.
    pub fn reserve_for(&mut self, input: &Trace) {
        self.trace.insts.reserve(input.insts.len());
        self.trace.snapshots.reserve(input.snapshots.len());
        self.snapshots.reserve(input.snapshots.len());
    }

    /// Appends an instruction.
    pub fn push(
        &mut self,
        op: Op,
        ty: Ty,
        args: &[ValueId],
        imm: i64,
        snapshot: Option<SnapshotId>,
    ) -> ValueId {
        self.push_inst(Inst { op, ty, args: Args::new(args), imm, snapshot })
    }

    /// Appends an instruction; a constant that exists already is returned instead.
    pub fn push_inst(&mut self, inst: Inst) -> ValueId {
        let next = ValueId(self.trace.insts.len() as u32);
        if inst.op.is_constant() {
            let id = *self.constants.entry((inst.op, inst.ty, inst.imm)).or_insert(next);
            if id != next {
                return id;
            }
        }
        self.trace.insts.push(inst);
        next
    }

    /// Integer constant.
    pub fn kint(&mut self, value: i64) -> ValueId {
        self.push(Op::KInt, Ty::Int, &[], value, None)
    }
    /// Float constant; two constants are the same when their bits are.
    pub fn kfloat(&mut self, value: f64) -> ValueId {
        self.push(Op::KFloat, Ty::Float, &[], value.to_bits() as i64, None)
    }
    /// nil, false or true.
    pub fn kpri(&mut self, ty: Ty) -> ValueId {
        debug_assert!(ty.is_primitive(), "kpri of type {ty}");
        self.push(Op::KPrimitive, ty, &[], 0, None)
    }
    /// A pinned object or a static library function.
    pub fn kobj(&mut self, ty: Ty, address: u64) -> ValueId {
        self.push(Op::KObject, ty, &[], address as i64, None)
    }
    /// A raw address.
    pub fn kptr(&mut self, address: u64) -> ValueId {
        self.push(Op::KPtr, Ty::Ptr, &[], address as i64, None)
    }

    /// Registers a snapshot; an equal one is shared.
    pub fn snapshot(&mut self, snapshot: Snapshot) -> SnapshotId {
        let next = SnapshotId(self.trace.snapshots.len() as u32);
        for number in 0.. {
            match self.snapshots.entry((snapshot.pc, snapshot.clock, number)) {
                Entry::Vacant(free) => {
                    free.insert(next);
                    break;
                }
                Entry::Occupied(taken) if *self.trace.snapshot(*taken.get()) == snapshot => {
                    return *taken.get();
                }
                Entry::Occupied(_) => {}
            }
        }
        self.trace.snapshots.push(snapshot);
        next
    }

    /// Number of instructions so far; the next instruction's id.
    pub fn len(&self) -> usize {
        self.trace.insts.len()
    }
    pub fn is_empty(&self) -> bool {
        self.trace.insts.is_empty()
    }
    pub fn inst(&self, id: ValueId) -> &Inst {
        self.trace.inst(id)
    }
    pub fn insts(&self) -> &[Inst] {
        &self.trace.insts
    }
    pub fn ty(&self, id: ValueId) -> Ty {
        self.trace.ty(id)
    }
    /// The integer constant that `id` is, if it is one.
    pub fn as_kint(&self, id: ValueId) -> Option<i64> {
        let inst = self.inst(id);
        (inst.op == Op::KInt).then_some(inst.imm)
    }
    /// The float constant that `id` is, if it is one.
    pub fn as_kfloat(&self, id: ValueId) -> Option<f64> {
        let inst = self.inst(id);
        (inst.op == Op::KFloat).then_some(f64::from_bits(inst.imm as u64))
    }

    /// Gives phi `phi` its value on arrival from the end.
    pub fn set_phi_next(&mut self, phi: ValueId, next: ValueId) {
        let inst = &mut self.trace.insts[phi.0 as usize];
        assert!(inst.op == Op::Phi, "{} is not a phi", inst.op);
        inst.args = Args::new(&[inst.args.get(0), next]);
    }

    /// The recorded trace: `end` is the state after the whole iteration, whose length in VM
    /// instructions is `end.clock`; `max_slots` counts stack slots above the root frame's base.
    pub fn finish_recording(mut self, end: Snapshot, max_slots: u32) -> Trace {
        self.trace.iteration_clock = end.clock;
        self.trace.max_slots = max_slots;
        let end = self.snapshot(end);
        self.finish(end)
    }

    /// The trace, with `end` as the state at its end.
    pub fn finish(mut self, end: SnapshotId) -> Trace {
        self.trace.end = end;
        hoist_constants(self.trace)
    }
}

/// Moves constants that stand after `loop` before it.
fn hoist_constants(trace: Trace) -> Trace {
    let Some(loop_head) = trace.loop_head() else { return trace };
    let late = |id: ValueId, inst: &Inst| id > loop_head && inst.op.is_constant();
    if !trace.iter().any(|(id, inst)| late(id, inst)) {
        return trace;
    }
    let before = trace.iter().filter(|&(id, _)| id < loop_head);
    let moved = trace.iter().filter(|&(id, inst)| late(id, inst));
    let after = trace.iter().filter(|&(id, inst)| id >= loop_head && !late(id, inst));
    let order: Vec<ValueId> = before.chain(moved).chain(after).map(|(id, _)| id).collect();
    renumber(&trace, &order)
}

/// The trace with its instructions in `order`, a permutation of all ids.
fn renumber(trace: &Trace, order: &[ValueId]) -> Trace {
    let mut new_id = vec![ValueId(0); order.len()];
    for (position, old) in order.iter().enumerate() {
        new_id[old.0 as usize] = ValueId(position as u32);
    }
    let map = |id: ValueId| new_id[id.0 as usize];
    let insts = order.iter().map(|&old| {
        let inst = trace.inst(old).clone();
        Inst { args: inst.args.map(map), ..inst }
    });
    Trace {
        insts: insts.collect(),
        snapshots: trace.snapshots.iter().map(|s| s.map_values(map)).collect(),
        ..trace.clone()
    }
}

impl Snapshot {
    /// The same state with each value replaced.
    pub fn map_values(&self, map: impl Fn(ValueId) -> ValueId) -> Snapshot {
        let frame = |link: &FrameLink| FrameLink { closure: map(link.closure), ..link.clone() };
        Snapshot {
            pc: self.pc,
            clock: self.clock,
            open_top: self.open_top,
            frames: self.frames.iter().map(frame).collect(),
            slots: self.slots.iter().map(|&(slot, value)| (slot, map(value))).collect(),
        }
    }
    /// All values that leaving through this snapshot needs, with repetitions.
    pub fn values(&self) -> impl Iterator<Item = ValueId> + '_ {
        let closures = self.frames.iter().map(|link| link.closure);
        closures.chain(self.slots.iter().map(|&(_, value)| value))
    }
}

/// Rebuilds a trace instruction by instruction under a substitution of values.
pub struct Rewriter<'a> {
    input: &'a Trace,
    pub out: Builder,
    values: Vec<Option<ValueId>>,
    snapshots: Vec<Option<SnapshotId>>,
    /// Output phi and the input's id of its second operand, which is defined later.
    phis: Vec<(ValueId, ValueId)>,
}

impl<'a> Rewriter<'a> {
    pub fn new(input: &'a Trace) -> Rewriter<'a> {
        Rewriter {
            input,
            out: Builder::like(input),
            values: vec![None; input.insts.len()],
            snapshots: vec![None; input.snapshots.len()],
            phis: Vec::new(),
        }
    }

    /// What the input's `old` became.
    pub fn map(&self, old: ValueId) -> ValueId {
        self.values[old.0 as usize].expect("a value is copied or replaced before its uses")
    }

    /// The output's copy of one of the input's snapshots.
    pub fn snapshot(&mut self, old: SnapshotId) -> SnapshotId {
        if let Some(id) = self.snapshots[old.0 as usize] {
            return id;
        }
        let translated = self.input.snapshot(old).map_values(|value| self.map(value));
        let id = self.out.snapshot(translated);
        self.snapshots[old.0 as usize] = Some(id);
        id
    }

    /// The instruction with operands and snapshot of the output; not for phis.
    pub fn substitute(&mut self, inst: &Inst) -> Inst {
        let snapshot = inst.snapshot.map(|old| self.snapshot(old));
        Inst { args: inst.args.map(|value| self.map(value)), snapshot, ..inst.clone() }
    }

    /// Copies the input's instruction `old`.
    pub fn copy(&mut self, old: ValueId) -> ValueId {
        let inst = self.input.inst(old);
        if inst.op != Op::Phi {
            let inst = self.substitute(inst);
            return self.define(old, inst);
        }
        self.define_phi(old, inst.args.get(0), inst.args.get(1))
    }

    /// Appends a phi that stands for the input's `old`; its operands are values of the input too.
    pub fn define_phi(&mut self, old: ValueId, first: ValueId, next: ValueId) -> ValueId {
        let (ty, first) = (self.input.ty(old), self.map(first));
        let args = Args::new(&[first, first]);
        let phi = self.define(old, Inst { op: Op::Phi, ty, args, imm: 0, snapshot: None });
        self.phis.push((phi, next));
        phi
    }

    /// Appends `inst`, which stands for the input's `old`.
    pub fn define(&mut self, old: ValueId, inst: Inst) -> ValueId {
        let new = self.out.push_inst(inst);
        self.values[old.0 as usize] = Some(new);
        new
    }

    /// Uses of the input's `old` become uses of `new`.
    pub fn replace(&mut self, old: ValueId, new: ValueId) {
        self.values[old.0 as usize] = Some(new);
    }

    pub fn finish(mut self) -> Trace {
        for (phi, next) in std::mem::take(&mut self.phis) {
            let next = self.map(next);
            self.out.set_phi_next(phi, next);
        }
        let end = self.snapshot(self.input.end);
        self.out.finish(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_end(head: u32, clock: u32) -> Snapshot {
        Snapshot { pc: head, clock, open_top: None, frames: Vec::new(), slots: Vec::new() }
    }

    #[test]
    fn constants_are_shared_by_bits() {
        let mut b = Builder::new(0, 0);
        assert_eq!(b.kint(1), b.kint(1));
        assert_eq!(b.kfloat(f64::NAN), b.kfloat(f64::NAN));
        assert_ne!(b.kfloat(0.0), b.kfloat(-0.0));
        assert_ne!(b.kpri(Ty::Nil), b.kpri(Ty::False));
        assert_ne!(b.kobj(Ty::Str, 16), b.kobj(Ty::Table, 16));
        assert_eq!(b.len(), 8);
    }

    #[test]
    fn snapshots_are_shared() {
        let mut b = Builder::new(0, 3);
        let first = b.snapshot(empty_end(3, 1));
        assert_eq!(first, b.snapshot(empty_end(3, 1)));
        assert_ne!(first, b.snapshot(empty_end(3, 2)));
    }

    #[test]
    fn finish_moves_constants_out_of_the_loop() {
        let mut b = Builder::new(0, 0);
        let one = b.kint(1);
        b.push(Op::Loop, Ty::Void, &[], 0, None);
        let phi = b.push(Op::Phi, Ty::Int, &[one, one], 0, None);
        let two = b.kint(2);
        let sum = b.push(Op::Add, Ty::Int, &[phi, two], 0, None);
        b.set_phi_next(phi, sum);
        let trace = b.finish_recording(Snapshot { slots: vec![(0, sum)], ..empty_end(0, 4) }, 1);
        let ops: Vec<Op> = trace.insts.iter().map(|inst| inst.op).collect();
        assert_eq!(ops, [Op::KInt, Op::KInt, Op::Loop, Op::Phi, Op::Add]);
        assert_eq!(trace.insts[4].args, Args::new(&[ValueId(3), ValueId(1)]));
        assert_eq!(trace.insts[3].args, Args::new(&[ValueId(0), ValueId(4)]));
        assert_eq!(trace.snapshot(trace.end).slots, [(0, ValueId(4))]);
    }

    #[test]
    fn rewriter_copies_a_looping_trace_unchanged() {
        let text = "trace proto=1 head=2 clock=5 slots=2 end=#1\n\
                    v0:int = sload s0 #0\n\
                    v1:int = kint 1\n\
                    loop\n\
                    v3:int = phi v0, v4\n\
                    v4:int = add v3, v1\n\
                    guard.ilt v4, v1 #2\n\
                    snap #0 pc=2 clock=0 {}\n\
                    snap #1 pc=2 clock=5 {0: v4}\n\
                    snap #2 pc=4 clock=2 {0: v4}\n";
        let input = crate::ir::parse::parse(text).unwrap();
        let mut rewriter = Rewriter::new(&input);
        for (id, _) in input.iter() {
            rewriter.copy(id);
        }
        let output = rewriter.finish();
        assert_eq!(input.insts.len(), output.insts.len());
        assert_eq!(output.snapshot(output.end), input.snapshot(input.end));
        assert_eq!(output.insts[3], input.insts[3]);
    }
}
