//! Values that the previous iteration has computed already.
//!
//! In:     a verified looping trace (a linear one is returned as it is).
//! Out:    a body value that is, from the second iteration on, what the iteration before computed
//!         under another name, and in the first what the pre-roll computed, became a phi of the
//!         two.
//! Keeps:  guards, writes and snapshots' points; only pure operations are replaced.
//! Limits: one iteration back; no loads; the values must be there, none is added for the purpose.
//!
//! In mandelbrot's loop the iteration ends with the test `zr*zr + zi*zi > 4` and begins with
//! `zr*zr - zi*zi`: both products of the new iteration are the old one's.
//!
//! ```text
//! v10 = fmul v9, v9                     v10 = fmul v9, v9
//! loop                                  loop
//! v12 = phi v9, v20             =>      v12 = phi v9, v20
//! v13 = fmul v12, v12                   v13 = phi v10, v21
//! ...                                   ...
//! v21 = fmul v20, v20                   v21 = fmul v20, v20
//! ```

use super::{Pass, PassCx};
use crate::ir::builder::Rewriter;
use crate::ir::op::{Op, Ty};
use crate::ir::trace::{Args, Inst, Trace, ValueId};
use rustc_hash::{FxBuildHasher, FxHashMap};

pub const PASS: Pass = Pass { name: "carry", run };

fn run(cx: &PassCx, input: &Trace) -> Trace {
    let Some(head) = input.loop_head() else { return input.clone() };
    let carried = find(cx, input, head);
    if carried.order.is_empty() {
        return input.clone();
    }
    let mut rewriter = Rewriter::new(input);
    let mut phis_done = false;
    for (old, inst) in input.iter() {
        if old > head && inst.op != Op::Phi && !phis_done {
            phis_done = true;
            for (&value, both) in carried.order.iter().zip(&carried.both) {
                rewriter.define_phi(value, both.first, both.next);
            }
        }
        if !carried.order.contains(&old) {
            rewriter.copy(old);
        }
    }
    rewriter.finish()
}

/// The two values of a phi, as ids of the input.
#[derive(Clone, Copy)]
struct Both {
    first: ValueId,
    next: ValueId,
}

/// Body values that become phis, in order.
#[derive(Default)]
struct Carried {
    order: Vec<ValueId>,
    both: Vec<Both>,
}

fn find(cx: &PassCx, input: &Trace, head: ValueId) -> Carried {
    let computed = computed(input);
    let live_into_body = live_into_body(input, head);
    let mut found = Carried::default();
    // What a value is at the first arrival and at the next; known for phis, invariants and values
    // that became phis.
    let mut arrivals: Vec<Option<Both>> = vec![None; input.insts.len()];
    for (id, inst) in input.iter() {
        if id < head {
            arrivals[id.0 as usize] = Some(Both { first: id, next: id });
        } else if inst.op == Op::Phi {
            let both = Both { first: inst.args.get(0), next: inst.args.get(1) };
            arrivals[id.0 as usize] = Some(both);
        } else if let Some(both) = carry(inst, &arrivals, &computed) {
            // An initial value that the body also uses for itself would make the phi look stale.
            let constant = input.inst(both.first).op.is_constant();
            let free = constant || !live_into_body[both.first.0 as usize];
            if both.first < head && both.next != id && free && cx.allow("carry") {
                arrivals[id.0 as usize] = Some(both);
                found.order.push(id);
                found.both.push(both);
            }
        }
    }
    found
}

type Key = (Op, Ty, Args, i64);

/// Where each eligible operation is computed.
fn computed(input: &Trace) -> FxHashMap<Key, ValueId> {
    let mut computed = FxHashMap::with_capacity_and_hasher(input.insts.len(), FxBuildHasher);
    for (id, inst) in input.iter().filter(|(_, inst)| is_eligible(inst)) {
        computed.entry((inst.op, inst.ty, inst.args, inst.imm)).or_insert(id);
    }
    computed
}

/// A pure operation that yields a Lua value.
fn is_eligible(inst: &Inst) -> bool {
    inst.op.effects().is_pure() && inst.ty.is_lua() && !inst.args.is_empty()
}

/// Which values the body names, other than as a phi's initial value.
fn live_into_body(input: &Trace, head: ValueId) -> Vec<bool> {
    let mut live = vec![false; input.insts.len()];
    for (_, inst) in input.iter().skip(head.0 as usize) {
        let args = inst.args.iter().skip(usize::from(inst.op == Op::Phi));
        let snapshot = inst.snapshot.map(|snapshot| input.snapshot(snapshot));
        for value in args.chain(snapshot.into_iter().flat_map(|s| s.values())) {
            live[value.0 as usize] = true;
        }
    }
    live
}

/// What `inst` is at the first arrival and at the next, if both are computed somewhere.
fn carry(
    inst: &Inst,
    arrivals: &[Option<Both>],
    computed: &FxHashMap<Key, ValueId>,
) -> Option<Both> {
    let at = |arg: ValueId| arrivals[arg.0 as usize];
    if !is_eligible(inst) || inst.args.iter().any(|arg| at(arg).is_none()) {
        return None;
    }
    let find = |of: fn(Both) -> ValueId| {
        let args = inst.args.map(|arg| at(arg).map_or(arg, of));
        computed.get(&(inst.op, inst.ty, args, inst.imm)).copied()
    };
    Some(Both { first: find(|both| both.first)?, next: find(|both| both.next)? })
}
