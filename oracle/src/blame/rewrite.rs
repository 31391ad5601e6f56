//! Which rewrite of a pass is wrong.
//!
//! In:  the configuration of the pass's rung.
//! Out: the rule of the first rewrite without which the case agrees, the operation that it changed, and
//!      the trace before and after it.
//!
//! Limits: rewrites are counted within one compilation, so the limit holds for all traces alike; the
//! first trace that is needed was found before. A pass whose very output without any rewrite is wrong
//! has no rule to name, and what differs from its input is named instead.

use super::ladder::{Answer, Ladder};
use super::probe::IrStage;
use super::{Blame, broken, name_of_broken};
use plumb_jit::ir::op::Op;
use plumb_jit::ir::print::{Symbols, print_with};
use plumb_jit::ir::trace::{Inst, Trace};
use plumb_jit::trace::config::JitConfig;

pub fn look(ladder: &Ladder, config: &JitConfig, blame: &mut Blame) {
    let Some(pass) = blame.pass else { return };
    let limited = |limit| JitConfig { rewrite_limit: Some((pass, limit)), ..config.clone() };
    let trace = blame.trace.unwrap_or(0) as usize;
    let stage_at = |config: &JitConfig| -> Option<(IrStage, Symbols)> {
        let mut seen = ladder.probe(config);
        let trace = seen.traces.get_mut(trace)?;
        let symbols = trace.symbols();
        let ir = std::mem::take(&mut trace.ir);
        Some((ir.into_iter().rfind(|stage| stage.name == pass)?, symbols))
    };
    if let Some(text) = broken(&blame.found) {
        blame.op = Some(name_of_broken(text));
    }
    let Some((whole, symbols)) = stage_at(config) else { return };
    let ask = |limit| match ladder.ask_config(&limited(limit)) {
        Answer::Diverge(found) => Some(found),
        _ => None,
    };
    if ask(0).is_some() || whole.rewrites == 0 {
        let (Some(input), Some((bare, names))) = (&whole.input, stage_at(&limited(0))) else {
            return;
        };
        let (a, b) = (print_with(input, &symbols), print_with(&bare.output, &names));
        blame.op = changed((input, &symbols), (&bare.output, &names)).or(blame.op.take());
        (blame.before, blame.after) = (a, b);
        return;
    }
    let (mut agrees, mut diverges) = (0, whole.rewrites);
    while diverges - agrees > 1 {
        let middle = agrees + (diverges - agrees) / 2;
        match ask(middle) {
            Some(found) => (blame.found, diverges) = (found, middle),
            None => agrees = middle,
        }
    }
    let (good, bad) = (stage_at(&limited(agrees)), stage_at(&limited(diverges)));
    let (Some((good, a)), Some((bad, b))) = (good, bad) else { return };
    blame.rule = bad.rule.map(Into::into);
    blame.op = changed((&good.output, &a), (&bad.output, &b)).or(blame.op.take());
    (blame.before, blame.after) = (print_with(&good.output, &a), print_with(&bad.output, &b));
}

/// The operation at the first place where two traces differ. What stands before it is equal, so its
/// operands have the same numbers in both.
fn changed(
    (before, names_before): (&Trace, &Symbols),
    (after, names_after): (&Trace, &Symbols),
) -> Option<String> {
    let object = |inst: &Inst, names: &Symbols| match inst.op {
        Op::KObject | Op::KPtr => names.name(inst.imm as u64).map(str::to_string),
        _ => None,
    };
    for (a, b) in before.insts.iter().zip(&after.insts) {
        let names = (object(a, names_before), object(b, names_after));
        if !same(a, b) && (names.0.is_none() || names.0 != names.1) {
            return Some(a.op.text().into());
        }
        let snapshot =
            |trace: &Trace, inst: &Inst| inst.snapshot.map(|id| trace.snapshot(id).clone());
        if snapshot(before, a) != snapshot(after, b) {
            return Some(format!("snapshot of {}", a.op.text()));
        }
    }
    let longer = if before.insts.len() > after.insts.len() { before } else { after };
    let rest = longer.insts.get(before.insts.len().min(after.insts.len()));
    if let Some(inst) = rest {
        return Some(inst.op.text().into());
    }
    (before.snapshot(before.end) != after.snapshot(after.end)).then(|| "snapshot of the end".into())
}

/// Equal but for the number of the snapshot.
fn same(a: &Inst, b: &Inst) -> bool {
    (a.op, a.ty, a.args, a.imm, a.snapshot.is_some())
        == (b.op, b.ty, b.args, b.imm, b.snapshot.is_some())
}
