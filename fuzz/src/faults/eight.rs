//! The eight bugs that the project began with (design, section 0).

use super::edit::{Change, Edit, kint, slot_of};
use super::{Fault, Plant};
use plumb_jit::backend::alloc::{Allocated, Step};
use plumb_jit::backend::mach::{Cond, Inst, Loc, MachTrace, Test, Width};
use plumb_jit::heap::Tag;
use plumb_jit::heap::Value;
use plumb_jit::ir::op::{Op, Ty};
use plumb_jit::ir::trace::{Args, Trace, ValueId};
use plumb_jit::opt::RECORDED;
use plumb_jit::trace::restore::Restored;

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "eight.move-alias",
        about: "a loop-carried sum is read where it stood at entry",
        imitates: "bug 1: MOVE became an alias and emitted no code; sum 1..15 was 66, not 120",
        rare: None,
        ops: &[Op::Phi, Op::Loop],
        plant: Plant::Trace("peel", move_alias),
    },
    Fault {
        name: "eight.test-polarity",
        about: "the guard of a tested boolean holds for the other one",
        imitates: "bug 2: TEST's guard had its polarity swapped; sieve(100) gave 93 primes, not 25",
        rare: None,
        ops: &[Op::KPrimitive],
        plant: Plant::Trace(RECORDED, test_polarity),
    },
    Fault {
        name: "eight.write-back",
        about: "an exit also writes slots that the trace changes only later",
        imitates: "bug 3: the set of written slots was scanned past an unconditional exit",
        rare: None,
        ops: &[],
        plant: Plant::Trace(RECORDED, write_back),
    },
    Fault {
        name: "eight.integer-guards",
        about: "type guards of floats test for an integer, so each entry leaves at once",
        imitates: "bug 4: float traces were compiled by a path whose guards knew only integers",
        rare: None,
        ops: &[Op::SlotLoad],
        plant: Plant::Lowered(integer_guards),
    },
    Fault {
        name: "eight.exit-in-the-middle",
        about: "a failing type guard before the loop resumes in the middle of the body",
        imitates: "bug 5: a pre-loop guard's exit had a pc of the loop body",
        rare: Some("only when an entry type changes"),
        ops: &[Op::SlotLoad],
        plant: Plant::Trace(RECORDED, exit_in_the_middle),
    },
    Fault {
        name: "eight.integer-tag",
        about: "an exit stores floats under the tag of an integer",
        imitates: "bug 6: float slots were counted as integers and stored back with an int tag",
        rare: None,
        ops: &[],
        plant: Plant::Restored(integer_tag),
    },
    Fault {
        name: "eight.slot-reuse",
        about: "a constant's register is taken by another role of its slot, and is stale an iteration later",
        imitates: "bug 7: one bytecode register in three roles was one slot to the compiler",
        rare: None,
        ops: &[],
        plant: Plant::Trace("peel", slot_reuse),
    },
    Fault {
        name: "eight.reload",
        about: "a spilled value is reloaded from a slot that was rewritten meanwhile",
        imitates: "bug 8: a temporary's round trip through memory met another temporary",
        rare: Some("only with a full register file"),
        ops: &[],
        plant: Plant::Allocated(reload),
    },
];

/// A phi that an addition feeds is its initial value.
fn move_alias(edit: &mut Edit) {
    for index in 0..edit.trace.insts.len() {
        let inst = &edit.trace.insts[index];
        if inst.op != Op::Phi || inst.args.len() < 2 {
            continue;
        }
        let (first, next) = (inst.args.get(0), edit.trace.inst(inst.args.get(1)));
        let phi = ValueId(index as u32);
        let is_phi = |value: ValueId| edit.trace.inst(value).op == Op::Phi && value != phi;
        let sums = matches!(next.op, Op::Add | Op::FAdd)
            && next.args.iter().any(|arg| arg == phi)
            && next.args.iter().any(is_phi);
        if sums && edit.allow() {
            edit.trace.insts[index].args = Args::new(&[first, first]);
        }
    }
}

fn test_polarity(edit: &mut Edit) {
    edit.each(|out, inst, _| {
        let other = match inst.ty {
            Ty::True => Ty::False,
            Ty::False => Ty::True,
            _ => return None,
        };
        if inst.op.is_constant() {
            return None;
        }
        let recorded = out.kpri(inst.ty);
        Some(Change::PutAndUse(plumb_jit::ir::trace::Inst { ty: other, ..inst.clone() }, recorded))
    });
}

fn write_back(edit: &mut Edit) {
    let end = edit.trace.snapshot(edit.trace.end).clone();
    edit.snapshots(|trace, guard, snapshot| {
        let missing = end.slots.iter().find(|(slot, _)| slot_of(snapshot, *slot).is_none());
        let Some(&(slot, value)) = missing.filter(|_| snapshot.frames.is_empty()) else {
            return false;
        };
        // What happens to be in the register: the last value of the slot's later type.
        let ty = trace.ty(value);
        let before = (0..guard.0).rev().map(ValueId);
        let Some(stale) = before.into_iter().find(|&v| trace.ty(v) == ty) else { return false };
        snapshot.slots.push((slot, stale));
        snapshot.slots.sort_unstable();
        true
    });
}

fn integer_guards(lowered: &mut MachTrace) {
    let blocks = std::iter::once(&mut lowered.entry).chain(&mut lowered.body);
    for block in blocks {
        let mut loaded = None;
        for line in &mut block.lines {
            match &mut line.inst {
                Inst::Load { width: Width::Byte, rd, .. } => loaded = Some(*rd),
                Inst::Guard { test: Test::IntImm(tag, expected), leave: Cond::Ne, .. }
                    if loaded == Some(*tag) && *expected == Tag::Float as i32 =>
                {
                    *expected = Tag::Int as i32;
                }
                _ => {}
            }
        }
    }
}

fn exit_in_the_middle(edit: &mut Edit) {
    for index in 0..edit.trace.insts.len() {
        let guard = ValueId(index as u32);
        let inst = edit.trace.inst(guard);
        let Some(id) = inst.snapshot.filter(|_| inst.op == Op::SlotLoad) else { continue };
        let mut snapshot = edit.trace.snapshot(id).clone();
        let later = edit.trace.insts[index..].iter().filter_map(|inst| inst.snapshot);
        let mut later = later.map(|id| edit.trace.snapshot(id));
        let target = later.find(|s| s.frames.is_empty() && s.clock > snapshot.clock + 1);
        let Some(pc) = target.map(|s| s.pc).filter(|_| snapshot.frames.is_empty()) else {
            continue;
        };
        if edit.allow() {
            snapshot.pc = pc;
            edit.set_snapshot(guard, snapshot);
        }
    }
}

fn integer_tag(_: &Trace, restored: &mut Restored) {
    for (_, value) in &mut restored.slots {
        if value.tag() == Tag::Float {
            *value = Value::int(value.payload() as i64);
        }
    }
}

/// In the body, a constant that a slot holds at times is read from the slot's phi.
fn slot_reuse(edit: &mut Edit) {
    let Some(head) = edit.trace.loop_head() else { return };
    let trace = edit.trace.clone();
    let end = trace.snapshot(trace.end);
    let holds = |slot, constant: ValueId| {
        let body = trace.insts[head.0 as usize..].iter().filter_map(|inst| inst.snapshot);
        body.map(|id| trace.snapshot(id)).any(|s| slot_of(s, slot) == Some(constant))
    };
    for index in head.0 as usize..trace.insts.len() {
        let inst = &trace.insts[index];
        if inst.op == Op::Phi {
            continue;
        }
        for (at, arg) in inst.args.iter().enumerate() {
            if !trace.inst(arg).op.is_constant() || kint(&trace, arg) == Some(0) {
                continue;
            }
            let phi_of = |&(slot, next): &(i32, ValueId)| {
                let phi = trace.iter().find(|(_, phi)| {
                    phi.op == Op::Phi && phi.args.get(1) == next && phi.ty == trace.ty(arg)
                });
                phi.filter(|_| holds(slot, arg)).map(|(id, _)| id)
            };
            let Some(phi) = end.slots.iter().find_map(phi_of) else { continue };
            if edit.allow() {
                let mut args: Vec<ValueId> = edit.trace.insts[index].args.iter().collect();
                args[at] = phi;
                edit.trace.insts[index].args = Args::new(&args);
            }
        }
    }
}

/// Between a spill and its reload another register of the class is spilled to the same slot.
fn reload(allocated: &mut Allocated) {
    for steps in std::iter::once(&mut allocated.entry).chain(&mut allocated.body) {
        let Some((at, slot, other)) = rewritten(steps) else { continue };
        steps.insert(at, Step::Move { from: other, to: Loc::Spill(slot) });
    }
}

/// A reload, its slot, and a register written since the spill.
fn rewritten(steps: &[Step]) -> Option<(usize, u32, Loc)> {
    steps.iter().enumerate().find_map(|(at, step)| {
        let Step::Move { from: Loc::Spill(slot), to } = step else { return None };
        let spill = steps[..at].iter().rposition(
            |step| matches!(step, Step::Move { to: Loc::Spill(to), .. } if to == slot),
        )?;
        let written = steps[spill + 1..at].iter().rev().find_map(|step| match step {
            Step::Inst { inst, .. } => inst.written(),
            Step::Move { .. } => None,
        });
        let fits = |loc: &Loc| matches!((loc, to), (Loc::X(_), Loc::X(_)) | (Loc::D(_), Loc::D(_)));
        written.filter(fits).map(|loc| (at, *slot, loc))
    })
}
