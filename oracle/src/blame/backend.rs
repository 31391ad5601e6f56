//! What is wrong in the backend.
//!
//! In:  the culprit's rung, run with a record of each instruction.
//! Out: the IR operation, or the instruction, that is the first to go wrong.
//!
//! - Lowering: each arithmetic operation is computed again from the values that the machine-level IR
//!   itself has produced for its operands. The instructions that were chosen for it say which of its
//!   forms is wrong.
//! - Allocation: followed symbolically (see [`places`](super::places)).
//! - Emission: the steps that the evaluator of allocated code executes, beside those of the machine
//!   code, with what each wrote, up to the run that went wrong: those after it only show consequences.
//!
//! Limit: an address differs from run to run, so two values that look like addresses count as equal.

use super::ladder::{Ladder, Rung};
use super::places::wrong_place;
use super::probe::{Seen, TraceSeen};
use super::{Blame, broken, name_of_broken};
use crate::event::EventKind;
use crate::verdict::DivergenceKind;
use plumb_jit::backend::alloc::Step;
use plumb_jit::backend::mach::{Inst, Loc, MachTrace, Test};
use plumb_jit::exec::mach::Record;
use plumb_jit::ir::op::Op;
use plumb_jit::ir::semantics;
use plumb_jit::ir::trace::Trace;
use plumb_jit::trace::config::JitConfig;

/// What is wrong: the rule, and the operation or who reads it.
type Wrong = (Option<String>, String);

pub fn look(ladder: &Ladder, at: usize, config: &JitConfig, seen: &Seen, blame: &mut Blame) {
    let number = blame.trace.unwrap_or(0) as usize;
    let Some(trace) = seen.traces.get(number) else { return };
    let ir = trace.last_ir().map(|stage| &stage.output);
    let text = |found: Option<String>| found.unwrap_or_default();
    let lowered = || text(trace.lowered.as_ref().map(ToString::to_string));
    let allocated = || text(trace.allocated.as_ref().map(ToString::to_string));
    let (wrong, before, after): (Option<Wrong>, _, _) = match ladder.rungs[at] {
        Rung::Lowering => {
            // Constants are addresses of the very run that left the records.
            let Seen { runs, traces, .. } = ladder.probe_with(config, true);
            let wrong = traces.get(number).and_then(|trace| {
                let (ir, lowered) = (&trace.last_ir()?.output, trace.lowered.as_ref()?);
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
            let wrong = wrong_step(trace, &right, &wrong, blame);
            (
                wrong.map(|op| (None, op)),
                allocated(),
                text(trace.code.as_ref().map(|code| code.listing())),
            )
        }
    };
    (blame.before, blame.after) = (before, after);
    match wrong {
        Some((rule, op)) => (blame.rule, blame.op) = (rule, Some(op)),
        None => blame.rule = Some(unexplained(blame)),
    }
}

/// What tells defects apart of which no instruction shows the cause.
fn unexplained(blame: &Blame) -> String {
    if let Some(text) = broken(&blame.found) {
        return name_of_broken(text);
    }
    let place = blame.found.differences.first().map_or("", |difference| &difference.place);
    match blame.found.kind {
        DivergenceKind::Thrash => "thrash".into(),
        DivergenceKind::Register if place.split(" / ").count() == 1 && !place.contains('[') => {
            "a register".into()
        }
        DivergenceKind::Register => "memory behind a register".into(),
        kind => format!("{kind:?}").to_lowercase(),
    }
}

/// The kinds of the instructions of one operation, in order; those that only load a constant left out.
fn shape(lowered: &MachTrace, first: u32, last: u32) -> String {
    let lines: Vec<_> = lowered.blocks().flat_map(|block| &block.lines).collect();
    let lines = lines.get(first as usize..=last as usize).unwrap_or_default();
    let mut kinds: Vec<String> = lines.iter().map(|line| inst_kind(&line.inst)).collect();
    kinds.retain(|kind| !kind.ends_with("constant"));
    kinds.dedup();
    kinds.join(", ")
}

/// What a guard compares.
fn guard_kind(lowered: &MachTrace, first: u32, last: u32) -> String {
    let lines: Vec<_> = lowered.blocks().flat_map(|block| &block.lines).collect();
    let lines = lines.get(first as usize..=last as usize).unwrap_or_default();
    let test = lines.iter().find_map(|line| match line.inst {
        Inst::Guard { test, .. } => Some(test),
        _ => None,
    });
    match test {
        Some(Test::Int(..)) => "guard of integers".into(),
        Some(Test::IntImm(..)) => "guard of an integer and a constant".into(),
        Some(Test::Float(..) | Test::FloatZero(_)) => "guard of floats".into(),
        _ => format!("guard by {}", shape(lowered, first, last)),
    }
}

/// Equal, or both NaN, or both in the range of addresses.
fn same(a: u64, b: u64) -> bool {
    let is_nan = |bits| f64::from_bits(bits).is_nan();
    let is_address = |bits: u64| (1 << 32..1 << 48).contains(&bits);
    a == b || is_nan(a) && is_nan(b) || is_address(a) && is_address(b)
}

/// The first operation whose instructions do not compute what it says.
fn wrong_operation(ir: &Trace, lowered: &MachTrace, records: &[Record]) -> Option<Wrong> {
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
                let end = group.last().map_or(first, |record| record.step);
                return Some((Some(guard_kind(lowered, first, end)), inst.op.text().into()));
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
                    let end = group.last().map_or(first, |record| record.step);
                    return Some((Some(shape(lowered, first, end)), inst.op.text().into()));
                }
                Some(value) => Some(value),
                None => group.iter().rev().find_map(|record| record.written),
            },
        };
        values[id.0 as usize] = value;
    }
    None
}

/// The first step that the machine code does not do as the evaluator of allocated code does.
fn wrong_step(trace: &TraceSeen, right: &Seen, wrong: &Seen, blame: &Blame) -> Option<String> {
    let (code, allocated) = (trace.code.as_ref()?, trace.allocated.as_ref()?);
    let marks = &code.blob.steps;
    // A step without words leaves no record in machine code.
    let has_words = |step: u32| {
        let next = marks.get(step as usize + 1);
        next.is_none_or(|next| marks[step as usize].word < next.word)
    };
    let steps: Vec<&Step> = allocated.entry.iter().chain(allocated.body.iter().flatten()).collect();
    let name = |record: &Record| steps.get(record.step as usize).map(|step| kind_of(step));
    // The condition of the branch that a guard became, beside the one that was meant.
    let named = |record: &Record| {
        let Some(Step::Inst { inst: Inst::Guard { leave, .. }, .. }) =
            steps.get(record.step as usize)
        else {
            return name(record);
        };
        let end = marks
            .get(record.step as usize + 1)
            .map_or(code.blob.words.len(), |next| next.word as usize);
        let words = code.blob.words.get(marks[record.step as usize].word as usize..end)?;
        let branch = words.iter().find(|&&word| word & 0xff00_0010 == 0x5400_0000)?;
        let (meant, is) = (*leave as u32, branch & 15);
        Some(match is {
            _ if is == meant => "guard".into(),
            _ if is == meant ^ 1 => "guard inverted".into(),
            _ => "guard on another condition".into(),
        })
    };
    let moment = blame.found.moment.min(wrong.events.len());
    let entries = wrong.events[..moment]
        .iter()
        .filter(|(_, kind)| matches!(kind, EventKind::TraceEntry(_)))
        .count()
        .max(1);
    for ((a_id, a), (b_id, b)) in right.runs.iter().zip(&wrong.runs).take(entries) {
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
                (a, b) => return a.or(b).or(previous).and_then(named),
            };
            if a.step != b.step {
                return previous.and_then(named);
            }
            let written = a.written.zip(b.written).is_some_and(|(a, b)| !same(a, b));
            if written || a.left != b.left {
                return named(a);
            }
            previous = Some(a);
        }
    }
    let exit = |seen: &Seen| seen.events.get(blame.found.moment).map(|(_, kind)| *kind);
    match (exit(right), exit(wrong)) {
        (Some(EventKind::TraceExit(a, meant)), Some(EventKind::TraceExit(b, taken)))
            if a == b && meant != taken =>
        {
            Some("exit of another guard".into())
        }
        _ => Some("exit".into()),
    }
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
    inst_kind(inst)
}

fn inst_kind<R>(inst: &Inst<R>) -> String {
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
