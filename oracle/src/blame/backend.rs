//! What is wrong in the backend.
//!
//! In:  the culprit's rung, run with a record of each instruction.
//! Out: the IR operation, or the instruction, that is the first to go wrong.
//!
//! - Lowering: each arithmetic operation is computed again from the values that the machine-level IR
//!   itself has produced for its operands.
//! - Allocation: followed symbolically: what each location holds, and who reads something else.
//! - Emission: the steps that the evaluator of allocated code executes, beside those of the machine
//!   code, with what each wrote.
//!
//! Limit: an address differs from run to run, so two values that look like addresses count as equal.

use super::ladder::{Ladder, Rung};
use super::probe::{Seen, TraceSeen};
use super::{Blame, broken, name_of_broken};
use plumb_jit::backend::alloc::{Allocated, Step, survives_call};
use plumb_jit::backend::mach::{Block, Inst, Loc, MachTrace, Role, Virtual};
use plumb_jit::exec::mach::Record;
use plumb_jit::ir::op::Op;
use plumb_jit::ir::semantics;
use plumb_jit::ir::trace::Trace;
use plumb_jit::trace::config::JitConfig;
use std::collections::{BTreeMap, BTreeSet};

pub fn look(ladder: &Ladder, at: usize, config: &JitConfig, seen: &Seen, blame: &mut Blame) {
    if let Some(text) = broken(&blame.found) {
        blame.rule = Some(name_of_broken(text));
    }
    let number = blame.trace.unwrap_or(0) as usize;
    let Some(trace) = seen.traces.get(number) else { return };
    let ir = trace.last_ir().map(|stage| &stage.output);
    let text = |found: Option<String>| found.unwrap_or_default();
    let lowered = || text(trace.lowered.as_ref().map(ToString::to_string));
    let allocated = || text(trace.allocated.as_ref().map(ToString::to_string));
    let (wrong, before, after) = match ladder.rungs[at] {
        Rung::Lowering => {
            let runs = ladder.probe_with(config, true).runs;
            let wrong = ir.zip(trace.lowered.as_ref()).and_then(|(ir, lowered)| {
                let mut runs = runs.iter().filter(|(id, _)| id.0 as usize == number);
                runs.find_map(|(_, records)| wrong_operation(ir, lowered, records))
            });
            (wrong, text(ir.map(ToString::to_string)), lowered())
        }
        Rung::Allocation => {
            let stages = trace.lowered.as_ref().zip(trace.allocated.as_ref());
            let wrong = stages.and_then(|(lowered, allocated)| wrong_place(lowered, allocated));
            (wrong, lowered(), allocated())
        }
        _ => {
            let below = JitConfig {
                executor: plumb_jit::trace::config::ExecutorKind::Allocated,
                ..config.clone()
            };
            let (right, wrong) = (ladder.probe_with(&below, true), ladder.probe_with(config, true));
            let wrong = wrong_step(trace, &right, &wrong);
            (wrong, allocated(), text(trace.code.as_ref().map(|code| code.listing())))
        }
    };
    blame.op = wrong;
    (blame.before, blame.after) = (before, after);
}

/// Equal, or both NaN, or both in the range of addresses.
fn same(a: u64, b: u64) -> bool {
    let is_nan = |bits| f64::from_bits(bits).is_nan();
    let is_address = |bits: u64| (1 << 32..1 << 48).contains(&bits);
    a == b || is_nan(a) && is_nan(b) || is_address(a) && is_address(b)
}

/// The first operation whose instructions do not compute what it says.
fn wrong_operation(ir: &Trace, lowered: &MachTrace, records: &[Record]) -> Option<String> {
    let lines: Vec<_> = lowered.blocks().flat_map(|block| &block.lines).collect();
    let entry = lowered.entry.lines.len() as u32;
    let mut values: Vec<Option<u64>> = ir
        .insts
        .iter()
        .map(|inst| match inst.op {
            Op::KInt | Op::KFloat | Op::KObject | Op::KPtr => Some(inst.imm as u64),
            Op::KPrimitive => Some(0),
            _ => None,
        })
        .collect();
    let mut last = None;
    let groups = records.chunk_by(|a, b| {
        lines[a.step as usize].origin == lines[b.step as usize].origin && a.step < b.step
    });
    for group in groups {
        let first = group[0].step;
        let arrives = last.is_some_and(|last| first <= last || last < entry && first >= entry);
        if arrives {
            let operand = usize::from(last >= Some(entry));
            let phis = ir.iter().filter(|(_, inst)| inst.op == Op::Phi);
            let next: Vec<_> =
                phis.map(|(id, phi)| (id, values[phi.args.get(operand).0 as usize])).collect();
            for (id, value) in next {
                values[id.0 as usize] = value;
            }
        }
        last = group.last().map(|record| record.step);
        let Some(id) = lines[first as usize].origin else { continue };
        let inst = ir.inst(id);
        let args: Option<Vec<u64>> = inst.args.iter().map(|arg| values[arg.0 as usize]).collect();
        let left = group.iter().any(|record| record.left);
        let wrote = |value: u64| group.iter().filter_map(|r| r.written).any(|w| same(w, value));
        let Some(args) = args.filter(|_| !inst.op.is_constant()) else { continue };
        if let Some(holds) = semantics::holds(inst.op, &args) {
            let counts = matches!(lines[first as usize].inst, Inst::CountDown { .. });
            if holds == left {
                return Some(inst.op.text().into());
            }
            // `guard.ine n, 0` and `sub n, 1` in one.
            if let (true, Some(next)) = (counts, values.get_mut(id.0 as usize + 1)) {
                *next = group[0].written;
            }
            continue;
        }
        let value = match inst.op {
            Op::FMod | Op::FPow => group.iter().rev().find_map(|record| record.written),
            op => match semantics::compute(op, &args) {
                Some(value)
                    if !left && !wrote(value) && group.iter().any(|r| r.written.is_some()) =>
                {
                    return Some(inst.op.text().into());
                }
                Some(value) => Some(value),
                None => group.iter().rev().find_map(|record| record.written),
            },
        };
        values[id.0 as usize] = value;
    }
    None
}

/// What each location holds.
type Contents = BTreeMap<Place, BTreeSet<u32>>;

/// A location that can be sorted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Place {
    X(u8),
    D(u8),
    Spill(u32),
}

fn place(loc: Loc) -> Place {
    match loc {
        Loc::X(n) => Place::X(n),
        Loc::D(n) => Place::D(n),
        Loc::Spill(n) => Place::Spill(n),
    }
}

/// The first read of a location that does not hold the value that lowering means: what reads it, where,
/// and what became of it.
fn wrong_place(lowered: &MachTrace, allocated: &Allocated) -> Option<String> {
    let mut held = Contents::new();
    if let Some(wrong) = follow(&lowered.entry, &allocated.entry, &mut held) {
        return Some(wrong);
    }
    let (Some(block), Some(steps)) = (&lowered.body, &allocated.body) else { return None };
    jump(&lowered.entry, block, &mut held);
    let first = follow(block, steps, &mut held);
    jump(block, block, &mut held);
    // Once more, as after the back edge.
    first.or_else(|| follow(block, steps, &mut held))
}

/// The parameters of a block are where its arguments were.
fn jump(from: &Block, to: &Block, held: &mut Contents) {
    let params: Vec<(Virtual, Virtual)> =
        to.params.iter().copied().zip(from.jump_args.iter().copied()).collect();
    for virtuals in held.values_mut() {
        let mut next: BTreeSet<u32> = virtuals
            .iter()
            .copied()
            .filter(|v| !params.iter().any(|(param, _)| param.index == *v))
            .collect();
        let arrived = params.iter().filter(|(_, arg)| virtuals.contains(&arg.index));
        next.extend(arrived.map(|(param, _)| param.index));
        *virtuals = next;
    }
}

fn follow(block: &Block, steps: &[Step], held: &mut Contents) -> Option<String> {
    let mut lines = block.lines.iter();
    for step in steps {
        let (line, inst) = match step {
            Step::Move { from, to } => {
                let value = held.get(&place(*from)).cloned().unwrap_or_default();
                held.insert(place(*to), value);
                continue;
            }
            Step::Inst { inst, .. } => (lines.next()?, inst),
        };
        // A fused count keeps the operands of the count.
        let pairs: Vec<_> = line.inst.operands().into_iter().zip(inst.operands()).collect();
        for &((meant, role), (loc, _)) in &pairs {
            if matches!(role, Role::Def | Role::DefAt(_)) {
                continue;
            }
            let late = role == Role::UseAnyLate;
            let found = held.get(&place(loc)).cloned().unwrap_or_default();
            let is_written = late && line.inst.written() == Some(meant);
            if !found.contains(&meant.index) && !is_written {
                return Some(describe(&line.inst, loc, role, &found));
            }
        }
        if matches!(line.inst, Inst::Call { .. }) {
            held.retain(|place, _| match *place {
                Place::X(n) => survives_call(&Loc::X(n)),
                Place::D(n) => survives_call(&Loc::D(n)),
                Place::Spill(_) => true,
            });
        }
        for ((meant, role), (loc, _)) in pairs {
            if matches!(role, Role::Def | Role::DefAt(_)) {
                held.values_mut().for_each(|virtuals| virtuals.retain(|v| *v != meant.index));
                held.insert(place(loc), BTreeSet::from([meant.index]));
            }
        }
    }
    None
}

fn describe(inst: &Inst<Virtual>, loc: Loc, role: Role, found: &BTreeSet<u32>) -> String {
    let reader = match role {
        Role::UseAny | Role::UseAnyLate => "an exit",
        Role::UseAt(_) => "a call",
        _ if matches!(inst, Inst::Jump) => "a jump",
        _ => "an instruction",
    };
    let place = match loc {
        Loc::Spill(_) => "spill slot",
        Loc::X(_) | Loc::D(_) => "register",
    };
    let what = if found.is_empty() { "nothing" } else { "another value" };
    format!("{reader} finds {what} in a {place}")
}

/// The first step that the machine code does not do as the evaluator of allocated code does.
fn wrong_step(trace: &TraceSeen, right: &Seen, wrong: &Seen) -> Option<String> {
    let (code, allocated) = (trace.code.as_ref()?, trace.allocated.as_ref()?);
    let marks = &code.blob.steps;
    // A step without words leaves no record in machine code.
    let has_words = |step: u32| {
        let next = marks.get(step as usize + 1);
        next.is_none_or(|next| marks[step as usize].word < next.word)
    };
    let steps: Vec<&Step> = allocated.entry.iter().chain(allocated.body.iter().flatten()).collect();
    let name = |record: &Record| steps.get(record.step as usize).map(|step| kind_of(step));
    for ((a_id, a), (b_id, b)) in right.runs.iter().zip(&wrong.runs) {
        if a_id != b_id {
            return None;
        }
        let mut previous = None;
        let mut a = a.iter().filter(|record| has_words(record.step));
        let mut b = b.iter();
        loop {
            let (a, b) = match (a.next(), b.next()) {
                (None, None) => break,
                (Some(a), Some(b)) => (a, b),
                (a, b) => return a.or(b).or(previous).and_then(name),
            };
            if a.step != b.step {
                return previous.and_then(name);
            }
            let written = a.written.zip(b.written).is_some_and(|(a, b)| !same(a, b));
            if written || a.left != b.left {
                return name(a);
            }
            previous = Some(a);
        }
    }
    Some("exit".into())
}

/// What kind of instruction a step is, without its operands.
fn kind_of(step: &Step) -> String {
    let inst = match step {
        Step::Move { from: Loc::Spill(_), .. } => return "reload".into(),
        Step::Move { to: Loc::Spill(_), .. } => return "spill".into(),
        Step::Move { to: Loc::D(_), .. } => return "float move".into(),
        Step::Move { .. } => return "move".into(),
        Step::Inst { inst, .. } => inst,
    };
    match inst {
        Inst::IntConst { .. } => "constant".into(),
        Inst::FloatConst { .. } => "float constant".into(),
        Inst::IntToFloatBits { .. } | Inst::FloatToIntBits { .. } => "bits".into(),
        Inst::Int { op, .. } => op.to_string(),
        Inst::IntImm { op, .. } => format!("{op} immediate"),
        Inst::IntShifted { .. } => "shifted operand".into(),
        Inst::Int1 { op, .. } => op.to_string(),
        Inst::MulSub { .. } => "msub".into(),
        Inst::FrameAddress { .. } => "frame address".into(),
        Inst::Select { cond, .. } => format!("select {}", cond.text()),
        Inst::Float { op, .. } => op.to_string(),
        Inst::Float1 { op, .. } => op.to_string(),
        Inst::FloatSelect { cond, .. } => format!("float select {}", cond.text()),
        Inst::IntToFloat { .. } => "int to float".into(),
        Inst::FloatToInt { .. } => "float to int".into(),
        Inst::Load { width, .. } => width.to_string(),
        Inst::LoadFloat { .. } => "float load".into(),
        Inst::Store { .. } => "store".into(),
        Inst::StoreByte { .. } => "byte store".into(),
        Inst::StoreFloat { .. } => "float store".into(),
        Inst::StorePair { .. } => "pair store".into(),
        Inst::Call { .. } => "call".into(),
        Inst::Guard { leave, .. } => format!("guard {}", leave.text()),
        Inst::GuardZero { .. } => "guard zero".into(),
        Inst::CountDown { .. } | Inst::CountLoop { .. } => "count".into(),
        Inst::Leave { .. } => "leave".into(),
        Inst::Jump => "jump".into(),
    }
}
