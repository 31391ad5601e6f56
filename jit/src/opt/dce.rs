//! Dead code elimination.
//!
//! In:     a verified trace.
//! Out:    only guards, writes, the loop head, and what they, their snapshots and the end state
//!         need; a phi counts as needed only if its value is.
//! Keeps:  every guard, also a load whose value nobody uses: its type check may stand for a
//!         branch that the recorder followed.
//! Limits: no stores are removed.

use super::{Pass, PassCx};
use crate::ir::builder::Rewriter;
use crate::ir::op::Op;
use crate::ir::trace::{Trace, ValueId};

pub const PASS: Pass = Pass { name: "dce", run };

fn run(cx: &PassCx, input: &Trace) -> Trace {
    let mut rewriter = Rewriter::new(input);
    let mut kept = needed(input);
    for (id, _) in input.iter() {
        let keep = &mut kept[id.0 as usize];
        // What may not be dropped keeps what it uses.
        if !*keep && !cx.allow("dead") {
            *keep = true;
        }
    }
    close_over_operands(input, &mut kept);
    for (old, _) in input.iter().filter(|(id, _)| kept[id.0 as usize]) {
        rewriter.copy(old);
    }
    rewriter.finish()
}

/// Which instructions something observable depends on.
fn needed(trace: &Trace) -> Vec<bool> {
    let mut needed = vec![false; trace.insts.len()];
    for (id, inst) in trace.iter() {
        needed[id.0 as usize] = inst.op != Op::Phi && inst.op.effects().is_root();
    }
    for value in trace.snapshot(trace.end).values() {
        needed[value.0 as usize] = true;
    }
    close_over_operands(trace, &mut needed);
    needed
}

/// Marks what marked instructions and their snapshots use.
fn close_over_operands(trace: &Trace, marked: &mut [bool]) {
    let is_marked = |(id, _): &(ValueId, _)| marked[id.0 as usize];
    let mut work: Vec<ValueId> = trace.iter().filter(is_marked).map(|(id, _)| id).collect();
    while let Some(id) = work.pop() {
        let inst = trace.inst(id);
        let snapshot = inst.snapshot.map(|snapshot| trace.snapshot(snapshot));
        let uses = inst.args.iter().chain(snapshot.into_iter().flat_map(|s| s.values()));
        for used in uses {
            if !std::mem::replace(&mut marked[used.0 as usize], true) {
                work.push(used);
            }
        }
    }
}
