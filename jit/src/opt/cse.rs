//! Common subexpression elimination, loads and stored values included.
//!
//! In:     a verified trace.
//! Out:    a value computed before is not computed again; a load finds the value that was loaded
//!         or stored at the same place, unless a write came between.
//! Keeps:  guards over registers (they yield nothing; [`super::guards`] removes those);
//!         a load's guard goes only together with the load, when the same load was done.
//! Limits: two places are the same only when they are the same SSA values. A write kills every
//!         load of the regions it writes, except for three kinds of places that cannot be equal:
//!         elements of one array at constant distances, and nodes of different keys.
//!
//! At `loop` everything that the body may write is forgotten: control also comes from below.

use super::fold::split_offset;
use super::{Pass, PassCx};
use crate::ir::builder::{Builder, Rewriter};
use crate::ir::op::{Op, Regions, Ty};
use crate::ir::trace::{Args, Inst, Trace, ValueId};
use rustc_hash::{FxBuildHasher, FxHashMap};

pub const PASS: Pass = Pass { name: "cse", run };

fn run(cx: &PassCx, input: &Trace) -> Trace {
    let mut rewriter = Rewriter::new(input);
    let mut available = Available::with_room_for(input);
    for (old, inst) in input.iter() {
        if inst.op == Op::Phi {
            rewriter.copy(old);
            continue;
        }
        if inst.op == Op::Loop {
            available.kill_regions(writes_from(input, old));
        }
        let inst = rewriter.substitute(inst);
        if let Some(value) = available.find(cx, &inst) {
            rewriter.replace(old, value);
            continue;
        }
        let new = rewriter.define(old, inst);
        available.record(&rewriter.out, new);
    }
    rewriter.finish()
}

/// Regions that instructions from `start` on write.
pub fn writes_from(trace: &Trace, start: ValueId) -> Regions {
    let rest = trace.insts[start.0 as usize..].iter();
    rest.fold(Regions::NONE, |all, inst| all.union(inst.op.effects().writes))
}

/// Operation, type, operands, immediate.
type Key = (Op, Ty, Args, i64);

/// Values that need not be computed again.
#[derive(Clone)]
pub struct Available {
    values: FxHashMap<Key, ValueId>,
}

fn key(inst: &Inst) -> Key {
    (inst.op, inst.ty, inst.args, inst.imm)
}

/// An op whose result depends on operands and readable memory only.
fn is_reusable(inst: &Inst) -> bool {
    let effects = inst.op.effects();
    inst.ty != Ty::Void && effects.writes.is_none() && !effects.structural
}

impl Available {
    /// Nothing yet, with room for what a copy of `trace` makes available.
    pub fn with_room_for(trace: &Trace) -> Available {
        Available { values: FxHashMap::with_capacity_and_hasher(trace.insts.len(), FxBuildHasher) }
    }

    /// The value of `inst`, if it is available and the pass may use it.
    pub fn find(&self, cx: &PassCx, inst: &Inst) -> Option<ValueId> {
        if inst.op.is_constant() || !is_reusable(inst) {
            // The builder shares constants.
            return None;
        }
        let value = *self.values.get(&key(inst))?;
        let rule = if inst.op.effects().reads.is_none() { "cse.value" } else { "cse.load" };
        cx.allow(rule).then_some(value)
    }

    /// Notes what instruction `id` makes available and what it makes stale.
    pub fn record(&mut self, out: &Builder, id: ValueId) {
        let inst = out.inst(id);
        if is_reusable(inst) {
            self.values.insert(key(inst), id);
            return;
        }
        let writes = inst.op.effects().writes;
        if writes.is_none() {
            return;
        }
        self.values.retain(|load, _| {
            !load.0.effects().reads.overlaps(writes) || cannot_alias(out, inst, load)
        });
        if let Some((load, stored)) = stored_value(out, inst) {
            self.values.insert(load, stored);
        }
    }

    /// Forgets all loads from `regions`.
    pub fn kill_regions(&mut self, regions: Regions) {
        self.values.retain(|load, _| !load.0.effects().reads.overlaps(regions));
    }
}

/// The load that would find what `store` stored, and the value.
fn stored_value(out: &Builder, store: &Inst) -> Option<(Key, ValueId)> {
    let load = match store.op {
        Op::ArrayStore => Op::ArrayLoad,
        Op::HashStore => Op::HashLoad,
        Op::UpvalueStore => Op::UpvalueLoad,
        _ => return None,
    };
    let args: Vec<ValueId> = store.args.iter().collect();
    let (&stored, place) = args.split_last()?;
    Some(((load, out.ty(stored), Args::new(place), 0), stored))
}

/// `store` certainly goes to another place than `load` reads.
fn cannot_alias(out: &Builder, store: &Inst, load: &Key) -> bool {
    let (load_op, _, load_args, _) = load;
    match (store.op, load_op) {
        (Op::ArrayStore, Op::ArrayLoad) => {
            let same_array = store.args.get(0) == load_args.get(0);
            same_array && indices_differ(out, store.args.get(1), load_args.get(1))
        }
        (Op::HashStore, Op::HashLoad) => {
            let (stored, loaded) =
                (node_key(out, store.args.get(0)), node_key(out, load_args.get(0)));
            // A node has one key; addresses from before a rehash are never used after it.
            matches!((stored, loaded), (Some(stored), Some(loaded)) if stored != loaded)
        }
        _ => false,
    }
}

/// Both are below the array's limit, so they are equal only if they are equal modulo 2^64.
fn indices_differ(out: &Builder, a: ValueId, b: ValueId) -> bool {
    if let (Some(a), Some(b)) = (out.as_kint(a), out.as_kint(b)) {
        return a != b;
    }
    let ((root_a, offset_a), (root_b, offset_b)) = (split_offset(out, a), split_offset(out, b));
    root_a == root_b && offset_a != offset_b
}

/// The constant key of the node that a pointer leads to.
fn node_key(out: &Builder, pointer: ValueId) -> Option<i64> {
    let inst = out.inst(pointer);
    if !matches!(inst.op, Op::HashSlot | Op::HashFind) {
        return None;
    }
    let key = out.inst(inst.args.get(1));
    (key.op == Op::KObject).then_some(key.imm)
}
