//! Which operation was lowered wrongly.
//!
//! In:  the records of one run, of the evaluator of IR and of that of machine-level IR.
//! Out: the first operation whose instructions did something else: wrote another result, left where it
//!      holds, or stayed where it fails; and what was chosen for it.
//!
//! Both are cut into iterations, in which no number comes twice. An operation's group is what stands for
//! it, but for constants, which are made before the loop.

use super::backend::{Wrong, inst_kind, same};
use plumb_jit::backend::mach::{Inst, Line, MachTrace, Test, Width};
use plumb_jit::exec::mach::Record;
use plumb_jit::ir::op::Op;
use plumb_jit::ir::trace::{Trace, ValueId};
use std::collections::BTreeMap;

/// The first operation whose instructions do not do what it says.
pub fn wrong_operation(
    ir: &Trace,
    lowered: &MachTrace,
    right: &[Record],
    wrong: &[Record],
) -> Option<Wrong> {
    let lines: Vec<&Line> = lowered.blocks().flat_map(|block| &block.lines).collect();
    let chosen_for = |id: ValueId| -> Vec<&Inst<_>> {
        lines.iter().filter(|line| line.origin == Some(id)).map(|line| &line.inst).collect()
    };
    let ascends = |a: &Record, b: &Record| a.step < b.step;
    for (meant, done) in right.chunk_by(ascends).zip(wrong.chunk_by(ascends)) {
        let meant: BTreeMap<u32, &Record> = meant.iter().map(|r| (r.step, r)).collect();
        let same_origin =
            |a: &Record, b: &Record| lines[a.step as usize].origin == lines[b.step as usize].origin;
        for group in done.chunk_by(same_origin) {
            let chosen: Vec<&Inst<_>> =
                group.iter().map(|record| &lines[record.step as usize].inst).collect();
            let Some(id) = lines[group[0].step as usize].origin else { continue };
            if chosen.iter().all(|inst| makes_constant(inst)) {
                continue;
            }
            let Some(record) = meant.get(&id.0) else {
                // The evaluator had left before.
                let left = meant.values().find(|record| record.left)?;
                return Some(wrong_guard(ir, ValueId(left.step), &chosen_for(ValueId(left.step))));
            };
            let left = group.iter().any(|record| record.left);
            if left != record.left {
                return Some(wrong_guard(ir, id, &chosen_for(id)));
            }
            if is_wrong(record, group, &chosen) {
                return Some((Some(shape(&chosen)), ir.inst(id).op.text().into()));
            }
        }
    }
    lines.chunk_by(|a, b| a.origin == b.origin).find_map(|group| half_a_store(ir, group))
}

fn makes_constant<R>(inst: &Inst<R>) -> bool {
    matches!(inst, Inst::IntConst { .. } | Inst::FloatConst { .. } | Inst::IntToFloatBits { .. })
}

/// Whether the result that a group wrote last is not the operation's. A typed load whose value nobody
/// reads only loads the tag.
fn is_wrong<R>(meant: &Record, group: &[Record], chosen: &[&Inst<R>]) -> bool {
    let tag = matches!(chosen.last(), Some(Inst::Load { width: Width::Byte, .. }));
    let written = group.last().and_then(|record| record.written).filter(|_| !tag);
    let counts = matches!(chosen.last(), Some(Inst::CountDown { .. }));
    let pair = meant.written.zip(written).filter(|_| !counts);
    pair.is_some_and(|(meant, written)| !same(meant, written))
}

/// A store of a value without its tag. Nobody else would notice if the right one is there already.
fn half_a_store(ir: &Trace, group: &[&Line]) -> Option<Wrong> {
    let op = ir.inst(group[0].origin?).op;
    let stores = matches!(op, Op::ArrayStore | Op::HashStore | Op::UpvalueStore);
    let tag = |line: &&Line| matches!(line.inst, Inst::StoreByte { .. } | Inst::StorePair { .. });
    let any = |line: &&Line| matches!(line.inst, Inst::Store { .. } | Inst::StoreFloat { .. });
    let half = stores && group.iter().any(any) && !group.iter().any(tag);
    half.then(|| (Some("store without a tag".into()), op.text().into()))
}

fn name(ir: &Trace, id: ValueId) -> String {
    let inst = ir.inst(id);
    match inst.op {
        Op::SlotLoad | Op::ArrayLoad | Op::HashLoad | Op::UpvalueLoad => {
            format!("load of {}", inst.ty)
        }
        op => op.text().into(),
    }
}

fn is_condition(op: Op) -> bool {
    op.effects().guard && op.effects().reads.is_none() && op != Op::FloatToInt
}

/// A guard left where it holds, or stayed where it fails.
fn wrong_guard<R>(ir: &Trace, id: ValueId, chosen: &[&Inst<R>]) -> Wrong {
    let rule = match is_condition(ir.inst(id).op) {
        true => guard_kind(chosen),
        false => format!("guard of {}", name(ir, id)),
    };
    (Some(rule), ir.inst(id).op.text().into())
}

/// The kinds of the instructions of one operation; those that only load a constant left out.
fn shape<R>(chosen: &[&Inst<R>]) -> String {
    let mut kinds: Vec<String> =
        chosen.iter().filter(|inst| !makes_constant(inst)).map(|inst| inst_kind(inst)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(", ")
}

/// What a guard compares.
fn guard_kind<R>(chosen: &[&Inst<R>]) -> String {
    let test = chosen.iter().find_map(|inst| match inst {
        Inst::Guard { test, .. } => Some(test),
        _ => None,
    });
    match test {
        Some(Test::Int(..)) => "guard of integers".into(),
        Some(Test::IntImm(..)) => "guard of an integer and a constant".into(),
        Some(Test::Float(..) | Test::FloatZero(_)) => "guard of floats".into(),
        _ => format!("guard by {}", shape(chosen)),
    }
}
