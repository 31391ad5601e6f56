//! Which operation was lowered wrongly.
//!
//! In:  the records of one run, of the evaluator of IR and of that of machine-level IR.
//! Out: the first operation whose instructions did something else: wrote another result, left where it
//!      holds, or stayed where it fails; and what was chosen for it.
//!
//! Both are cut into iterations, in which no number comes twice. An operation's group is what stands for
//! it, but for constants, which are made before the loop. Its rule is the kinds of its instructions; of a
//! division, which is several instructions for every kind of operand, the part that is wrong.

use super::backend::{Wrong, inst_kind, is_address};
use plumb_jit::backend::mach::{Inst, IntOp, Line, MachTrace, Test, Width};
use plumb_jit::exec::mach::Record;
use plumb_jit::ir::op::{Op, Ty};
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
    if let Some(wrong) =
        lines.chunk_by(|a, b| a.origin == b.origin).find_map(|g| half_a_store(ir, g))
    {
        return Some(wrong);
    }
    let mut values = Values::new();
    let ascends = |a: &Record, b: &Record| a.step < b.step;
    for (meant, done) in right.chunk_by(ascends).zip(wrong.chunk_by(ascends)) {
        arrive(ir, &mut values, meant);
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
            if is_wrong(ir.ty(id), record, group, &chosen) {
                let rule = wrong_part_of_division(ir, id, &values, group, &chosen);
                let rule = rule.unwrap_or_else(|| shape(&chosen));
                return Some((Some(rule), ir.inst(id).op.text().into()));
            }
        }
    }
    None
}

/// What each value of the IR was last, by number; phis included, which leave no records.
type Values = BTreeMap<u32, u64>;

fn value(ir: &Trace, values: &Values, id: ValueId) -> Option<u64> {
    let inst = ir.inst(id);
    if inst.op == Op::KInt { Some(inst.imm as u64) } else { values.get(&id.0).copied() }
}

/// The values of another iteration. The first one begins with what comes before the loop.
fn arrive(ir: &Trace, values: &mut Values, records: &[Record]) {
    let own = records.iter().filter_map(|record| Some((record.step, record.written?)));
    let first = values.is_empty();
    if first {
        values.extend(own.clone());
    }
    let phis = ir.iter().filter(|(_, inst)| inst.op == Op::Phi);
    let next = usize::from(!first);
    let phis = phis.filter_map(|(id, phi)| Some((id.0, value(ir, values, phi.args.get(next))?)));
    let phis: Values = phis.collect();
    values.extend(own);
    values.extend(phis);
}

/// Of a division rounded to the floor: whether the remainder is wrong or what is made of it.
fn wrong_part_of_division<R>(
    ir: &Trace,
    id: ValueId,
    values: &Values,
    group: &[Record],
    chosen: &[&Inst<R>],
) -> Option<String> {
    let inst = ir.inst(id);
    let divides = matches!(inst.op, Op::IDiv | Op::IMod) && chosen.len() > 1;
    let operand = |n| value(ir, values, inst.args.get(n)).map(|bits| bits as i64);
    let (dividend, divisor) = divides.then(|| operand(0).zip(operand(1)))??;
    let remainder = (divisor != 0).then(|| dividend.wrapping_rem(divisor))?;
    // The quotient comes first, then the remainder, then what is made of them.
    let quotient =
        chosen.iter().position(|inst| matches!(inst, Inst::Int { op: IntOp::Div, .. }))?;
    let has_remainder = group.get(quotient + 1)?.written == Some(remainder as u64);
    Some(match has_remainder {
        true => format!("floor of a division by {}", inst_kind(chosen[chosen.len() - 1])),
        false => "remainder of a division".into(),
    })
}

fn makes_constant<R>(inst: &Inst<R>) -> bool {
    matches!(inst, Inst::IntConst { .. } | Inst::FloatConst { .. } | Inst::IntToFloatBits { .. })
}

/// Equal; or both NaN, or both an address, where the type allows.
pub fn same(ty: Ty, a: u64, b: u64) -> bool {
    let is_nan = |bits| f64::from_bits(bits).is_nan();
    let alike = match ty {
        Ty::Float => is_nan(a) && is_nan(b),
        Ty::Int => false,
        _ => is_address(a) && is_address(b),
    };
    a == b || alike
}

/// Whether the result that a group wrote last is not the operation's. A typed load whose value nobody
/// reads only loads the tag.
fn is_wrong<R>(ty: Ty, meant: &Record, group: &[Record], chosen: &[&Inst<R>]) -> bool {
    let tag = matches!(chosen.last(), Some(Inst::Load { width: Width::Byte, .. }));
    let written = group.last().and_then(|record| record.written).filter(|_| !tag);
    let counts = matches!(chosen.last(), Some(Inst::CountDown { .. }));
    let pair = meant.written.zip(written).filter(|_| !counts);
    pair.is_some_and(|(meant, written)| !same(ty, meant, written))
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
