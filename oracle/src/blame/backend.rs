//! What is wrong in the backend.
//!
//! In:  the culprit's rung, run with a record of each instruction.
//! Out: the IR operation, or the instruction, that is the first to go wrong.
//!
//! - [`lowering`]: what each operation's instructions computed, beside what the evaluator of IR did.
//! - Allocation: followed symbolically (see [`places`](super::places)).
//! - Emission: the steps that the evaluator of allocated code executes, beside those of the machine
//!   code, with what each wrote, in the run that went wrong: those after it only show consequences.
//!   The rule is the form of the words that were emitted for the step.
//!
//!   Where all steps are right, what the exit found of the values that its snapshot names.
//!
//! Limit: an address differs from run to run, so two values that look like addresses count as equal, unless
//! they were computed from an address: then the distance counts. How far two objects are apart differs from
//! run to run as well: what counts is that the difference is that of the operands.

use super::ladder::{Ladder, Rung};
use super::places::wrong_place;
use super::probe::{Records, RunSeen, Seen, TraceSeen};
use super::{Blame, broken, lowering, name_of_broken};
use crate::verdict::DivergenceKind;
use plumb_jit::backend::alloc::Step;
use plumb_jit::backend::mach::{Inst, IntOp, Loc, Role, Test};
use plumb_jit::exec::disasm;
use plumb_jit::exec::mach::Record;
use plumb_jit::ir::print::print_with;
use plumb_jit::trace::config::{ExecutorKind, JitConfig};
use std::collections::HashMap;

/// What is wrong: the rule, and the operation or who reads it.
pub type Wrong = (Option<String>, String);

pub fn look(ladder: &Ladder, at: usize, config: &JitConfig, seen: &Seen, blame: &mut Blame) {
    let number = blame.trace.unwrap_or(0);
    let Some(trace) = seen.traces.get(number as usize) else { return };
    let ir = trace.last_ir().map(|stage| print_with(&stage.output, &trace.symbols()));
    let text = |found: Option<String>| found.unwrap_or_default();
    let lowered = || text(trace.lowered.as_ref().map(ToString::to_string));
    let allocated = || text(trace.allocated.as_ref().map(ToString::to_string));
    // Most often the last run is the wrong one; where it shows nothing, an earlier one has spoilt memory.
    let suspects = seen.wrong_run(&blame.found, number).map(|run| Records::Of(run.entry));
    // Of two that enter a trace not equally often, runs of one number are not the same run.
    let suspects = suspects.filter(|_| blame.found.kind != DivergenceKind::Thrash);
    let suspects = suspects.into_iter().chain([Records::All]);
    let below = |executor| JitConfig { executor, ..config.clone() };
    let compare = |below: &JitConfig, wrong: &dyn Fn(&Seen, &Seen) -> Option<Wrong>| {
        suspects.clone().find_map(|records| {
            let both = [below, config].map(|config| ladder.probe_with(config, records));
            let same_run = match records {
                Records::Of(run) => both[0].up_to_run(run) == both[1].up_to_run(run),
                _ => true,
            };
            wrong(&both[0], &both[1]).filter(|_| same_run)
        })
    };
    let (wrong, before, after): (Option<Wrong>, _, _) = match ladder.rungs[at] {
        Rung::Lowering => {
            let wrong = compare(&below(ExecutorKind::Eval), &|right, wrong| {
                same_runs(right, wrong).find_map(|(right_run, run)| {
                    // Constants are addresses of the very run that left the records.
                    let trace = wrong.traces.get(run.trace.0 as usize)?;
                    let (ir, lowered) = (&trace.last_ir()?.output, trace.lowered.as_ref()?);
                    lowering::wrong_operation(ir, lowered, &right_run.records, &run.records)
                })
            });
            (wrong, text(ir), lowered())
        }
        Rung::Allocation => {
            let stages = trace.lowered.as_ref().zip(trace.allocated.as_ref());
            let wrong = stages.and_then(|(lowered, allocated)| wrong_place(lowered, allocated));
            (wrong, lowered(), allocated())
        }
        _ => {
            let wrong = compare(&below(ExecutorKind::Allocated), &|right, wrong| {
                same_runs(right, wrong).find_map(|(right_run, run)| {
                    let trace = wrong.traces.get(run.trace.0 as usize)?;
                    wrong_step(trace, &right_run.records, &run.records)
                        .or_else(|| wrong_exit(trace, right_run, run))
                })
            });
            let code = trace.code.as_ref().map(|code| code.listing());
            (wrong, allocated(), text(code))
        }
    };
    (blame.before, blame.after) = (before, after);
    match wrong {
        Some((rule, op)) => (blame.rule, blame.op) = (rule, Some(op)),
        None => blame.rule = Some(unexplained(blame)),
    }
}

/// The runs of two executors that entered the same trace, side by side.
fn same_runs<'s>(
    right: &'s Seen,
    wrong: &'s Seen,
) -> impl Iterator<Item = (&'s RunSeen, &'s RunSeen)> {
    right.runs.iter().zip(&wrong.runs).take_while(|(a, b)| a.trace == b.trace)
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

/// Whether a value looks like an address.
pub fn is_address(bits: u64) -> bool {
    (1 << 32..1 << 48).contains(&bits)
}

/// What the registers hold in two runs, as far as steps have written them.
type Registers = HashMap<Loc, (u64, u64)>;

/// Whether a step has written the same in two runs: equal, or both NaN, from a float register; addresses, if
/// they have the same distance from the address that they were computed from.
fn same(step: &Step, registers: &Registers, (a, b): (u64, u64)) -> bool {
    let is_nan = |bits| f64::from_bits(bits).is_nan();
    if a == b || matches!(written(step), Some(Loc::D(_))) {
        return a == b || is_nan(a) && is_nan(b);
    }
    let Step::Inst { inst, .. } = step else { return is_address(a) && is_address(b) };
    if matches!(inst, Inst::FloatToIntBits { .. }) {
        return is_nan(a) && is_nan(b);
    }
    if let Inst::Int { op: IntOp::Sub, rn, rm, .. } = inst
        && let (Some((from, from_too)), Some((less, less_too))) =
            (registers.get(rn), registers.get(rm))
        && [from, from_too, less, less_too].into_iter().all(|bits| is_address(*bits))
    {
        return (a, b) == (from.wrapping_sub(*less), from_too.wrapping_sub(*less_too));
    }
    let computes = matches!(inst, Inst::Int { .. } | Inst::IntImm { .. } | Inst::IntShifted { .. });
    let reads = inst.operands().into_iter().filter(|(_, role)| *role == Role::Use);
    let mut known = reads.filter_map(|(loc, _)| registers.get(&loc));
    let base = known.find(|(a, b)| is_address(*a) && is_address(*b)).filter(|_| computes);
    let moved = base.is_none_or(|(x, y)| a.wrapping_sub(*x) == b.wrapping_sub(*y));
    is_address(a) && is_address(b) && moved
}

fn written(step: &Step) -> Option<Loc> {
    match step {
        Step::Move { to, .. } => Some(*to),
        Step::Inst { inst, .. } => inst.written(),
    }
}

/// The first step that the machine code does not do as the evaluator of allocated code does.
fn wrong_step(trace: &TraceSeen, right: &[Record], wrong: &[Record]) -> Option<Wrong> {
    let (code, allocated) = (trace.code.as_ref()?, trace.allocated.as_ref()?);
    let steps: Vec<&Step> = allocated.entry.iter().chain(allocated.body.iter().flatten()).collect();
    let marks = &code.blob.steps;
    let words = |step: u32| {
        let first = marks[step as usize].word as usize;
        let next = marks.get(step as usize + 1).map_or(code.stats.hot_words, |m| m.word as usize);
        code.blob.words.get(first..next).unwrap_or_default()
    };
    let named = |record: &Record| {
        let step = steps.get(record.step as usize)?;
        Some((form(step, words(record.step)), kind_of(step)))
    };
    let mut previous = None;
    let mut registers = Registers::new();
    // A step without words leaves no record in machine code.
    let mut right = right.iter().filter(|record| !words(record.step).is_empty());
    let mut wrong = wrong.iter();
    loop {
        match (right.next(), wrong.next()) {
            (None, None) => return None,
            (Some(a), Some(b)) if a.step == b.step => {
                let step = steps.get(a.step as usize)?;
                let both = a.written.zip(b.written);
                let wrong = both.is_some_and(|both| !same(step, &registers, both));
                if wrong || a.left != b.left {
                    return named(a);
                }
                registers.extend(written(step).zip(both));
                previous = Some(a);
            }
            // One went another way, or was trapped.
            (a, b) => return previous.or(a).or(b).and_then(named),
        }
    }
}

/// What was emitted for a step, without its registers and numbers; nothing where the kind of step says
/// enough.
fn form(step: &Step, words: &[u32]) -> Option<String> {
    let inst = match step {
        Step::Move { .. } => None,
        Step::Inst { inst: Inst::Guard { test, leave, .. }, .. } => {
            // The condition of the branch that a guard became, beside the one that was meant.
            let branch = words.iter().find(|&&word| word & 0xff00_0010 == 0x5400_0000)?;
            return match branch & 15 {
                is if is == *leave as u32 => None,
                is if is == *leave as u32 ^ 1 => Some("inverted".into()),
                _ => Some(format!("on another condition after {}", compared(test))),
            };
        }
        Step::Inst { inst, .. } => Some(inst),
    };
    let says_enough = |inst: &Inst<Loc>| {
        let long = matches!(inst, Inst::IntConst { .. } | Inst::Call { .. });
        long || inst.written().is_none()
    };
    if inst.is_some_and(says_enough) {
        return None;
    }
    let plain = |word: &u32| {
        let text = disasm::instruction(*word, 0);
        let (name, operands) = text.split_once(' ').unwrap_or((&text, ""));
        let kinds = operands.split(',').map(|operand| {
            let operand = operand.trim();
            match operand.chars().next() {
                Some('#') => "#".to_string(),
                _ => operand.chars().take_while(|c| !c.is_ascii_digit()).collect(),
            }
        });
        let kinds: Vec<String> = kinds.collect();
        format!("{name} {}", kinds.join(" ").trim_end_matches('#').trim_end())
    };
    Some(words.iter().map(plain).collect::<Vec<_>>().join(", "))
}

/// What a guard's condition is about.
fn compared(test: &Test<Loc>) -> &'static str {
    match test {
        Test::Float(..) | Test::FloatZero(_) => "floats",
        _ => "integers",
    }
}

/// All steps do what they should: the exit may be another one, or lose what it should keep.
fn wrong_exit(trace: &TraceSeen, right: &RunSeen, wrong: &RunSeen) -> Option<Wrong> {
    let (meant, taken) = (right.left.as_ref()?, wrong.left.as_ref()?);
    if meant.exit != taken.exit {
        return Some((None, "exit of another guard".into()));
    }
    let ir = &trace.last_ir()?.output;
    let mut values = meant.values.iter().zip(&taken.values);
    let lost = values.any(|((id, a), (_, b))| !lowering::same(ir.ty(*id), *a, *b));
    lost.then(|| (None, "exit".into()))
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

pub fn inst_kind<R>(inst: &Inst<R>) -> String {
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
