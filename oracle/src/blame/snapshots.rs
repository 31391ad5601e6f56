//! Whether snapshots say what the interpreter holds.
//!
//! In:  a recording, the interpreter's states by clock, the values that a run has computed.
//! Out: a snapshot that stands elsewhere than the recorded iteration did ([`misplaced`]); the slots of a
//!      snapshot that name another value than the interpreter has ([`mismatches`]).

use super::moments::{Code, FrameAt, Moment, Plain};
use super::recording::{Iteration, Wrong};
use crate::canon::{Class, Frame, FunctionId, Selection};
use plumb_jit::bytecode::{Op as Opcode, RegisterSet};
use plumb_jit::ir::op::Ty;
use plumb_jit::ir::trace::{Slot, Snapshot, SnapshotId, Trace, ValueId};

/// The first snapshot that does not fit the recorded iteration.
pub fn misplaced(ir: &Trace, recorded: &[Moment], code: &Code) -> Option<Wrong> {
    let start = recorded.first()?.depth;
    let wrong = |id: SnapshotId| {
        let snapshot = ir.snapshot(id);
        misfit(snapshot, recorded.get(snapshot.clock as usize), start, code)
    };
    let (at, id, rule) = ir.insts.iter().enumerate().find_map(|(at, inst)| {
        let id = inst.snapshot?;
        Some((at, id, wrong(id)?))
    })?;
    // The clock may be what is wrong: then the snapshot fits the instruction beside it, which no guard
    // around contradicts.
    let clock = ir.snapshot(id).clock as usize;
    let beside = [clock.wrapping_sub(1), clock + 1];
    let fits = |&other: &usize| {
        recorded.get(other).is_some_and(|m| misfit(ir.snapshot(id), Some(m), start, code).is_none())
    };
    if beside.iter().any(fits) {
        return Some(("snapshot clock".into(), None));
    }
    let loads = ir.insts[at].ty != Ty::Void;
    let guard = if loads { "a guard of a type" } else { "a guard of a condition" };
    Some((format!("snapshot {rule}"), (rule == "pc").then(|| guard.into())))
}

/// Whether the slot of an inlined frame's function has another value, that of an earlier snapshot.
pub fn has_stale_callee(ir: &Trace) -> bool {
    let snapshots: Vec<&Snapshot> =
        ir.insts.iter().filter_map(|inst| inst.snapshot).map(|id| ir.snapshot(id)).collect();
    snapshots.iter().any(|snapshot| {
        snapshot.frames.iter().any(|link| {
            let callee = |entry: &&(Slot, ValueId)| entry.0 == link.base - 1;
            let entry = snapshot.slots.iter().find(callee).filter(|entry| entry.1 != link.closure);
            let earlier = |other: &&Snapshot| other.clock < snapshot.clock;
            entry.is_some_and(|entry| {
                snapshots.iter().copied().filter(earlier).any(|other| other.slots.contains(entry))
            })
        })
    })
}

/// In what a snapshot differs from where the interpreter stands.
fn misfit(
    snapshot: &Snapshot,
    moment: Option<&Moment>,
    start: usize,
    code: &Code,
) -> Option<&'static str> {
    let Some(moment) = moment else { return Some("clock") };
    if moment.depth != start + snapshot.frames.len() {
        return Some("frames");
    }
    // Outermost first, as the snapshot has them.
    let callers = moment.frames.iter().skip(1).rev();
    for (link, caller) in snapshot.frames.iter().zip(callers) {
        if link.return_pc != caller.pc + 1 {
            return Some("return pc");
        }
        let call = code.at(caller).filter(|call| call.op() == Opcode::Call);
        if call.is_some_and(|call| link.wanted != call.c() as i32 - 1) {
            return Some("results");
        }
    }
    (moment.frames.first()?.pc != snapshot.pc).then_some("pc")
}

/// A slot that a snapshot gets wrong.
pub struct Mismatch {
    pub slot: Slot,
    pub expected: Plain,
    /// What the snapshot names; none if it leaves the slot out.
    pub entry: Option<Entry>,
}

#[derive(Clone, Copy)]
pub struct Entry {
    pub value: ValueId,
    /// What it is in this run.
    pub found: Plain,
}

/// The slots of a snapshot that do not say what the interpreter holds where it matters.
pub fn mismatches(
    iteration: &Iteration,
    snapshot: &Snapshot,
    values: &[Option<u64>],
) -> Vec<Mismatch> {
    let mut wrong = Vec::new();
    let Some(moment) = iteration.now.get(snapshot.clock as usize) else { return wrong };
    let entry = &iteration.now[0].frames[0].registers;
    // Of a list that is open, the interpreter's top says where it ends.
    let top = snapshot.open_top.unwrap_or(Slot::MAX);
    let bases = std::iter::once(0).chain(snapshot.frames.iter().map(|link| link.base));
    // Outermost first, as the bases are.
    for ((depth, base), frame) in bases.enumerate().zip(moment.frames.iter().rev()) {
        let level = snapshot.frames.len().saturating_sub(depth);
        for register in iteration.live(level, frame).iter() {
            let slot = base + register as Slot;
            if slot >= top {
                continue;
            }
            let Some(&expected) = frame.registers.get(register) else { continue };
            let named = snapshot.slots.iter().find(|(named, _)| *named == slot);
            let Some(&(_, value)) = named else {
                let unchanged = entry.get(slot as usize).is_none_or(|held| *held == expected);
                if depth > 0 || !unchanged {
                    wrong.push(Mismatch { slot, expected, entry: None });
                }
                continue;
            };
            let Some(bits) = values[value.0 as usize] else { continue };
            let found = plain(iteration.ir.ty(value), bits);
            if found != expected {
                wrong.push(Mismatch { slot, expected, entry: Some(Entry { value, found }) });
            }
        }
    }
    wrong
}

/// Whether two slots hold each other's values.
pub fn swapped(wrong: &[Mismatch]) -> bool {
    let found = |mismatch: &Mismatch| mismatch.entry.map(|entry| entry.found);
    wrong.iter().any(|a| {
        let other = |b: &&Mismatch| {
            a.slot != b.slot && found(a) == Some(b.expected) && found(b) == Some(a.expected)
        };
        wrong.iter().any(|b| other(&b))
    })
}

/// A trace's value by its type and its 64 bits.
pub fn plain(ty: Ty, bits: u64) -> Plain {
    match ty {
        Ty::Nil | Ty::Void | Ty::Ptr => Plain::Nil,
        Ty::False => Plain::Bool(false),
        Ty::True => Plain::Bool(true),
        Ty::Int => Plain::Int(bits as i64),
        Ty::Float => Plain::Float(f64::from_bits(bits)),
        Ty::Str => Plain::Str,
        Ty::Table => Plain::Object(Class::Table),
        Ty::Closure => Plain::Object(Class::Closure),
        Ty::Native => Plain::Object(Class::Native),
    }
}

/// Whether a value has this type.
pub fn is_of(value: Plain, ty: Ty) -> bool {
    match (value, ty) {
        (Plain::Int(_), Ty::Int) | (Plain::Float(_), Ty::Float) => true,
        (value, ty) => plain(ty, 0) == value,
    }
}

impl Iteration<'_> {
    /// The live registers of a frame, `level` frames outside the running one.
    fn live(&self, level: usize, frame: &FrameAt) -> RegisterSet {
        let function = FunctionId { proto: frame.proto, line_defined: 0, last_line: 0 };
        self.masks().live().registers(level, &Frame { function, pc: frame.pc })
    }
}
