//! Guard elimination: a guard that an earlier one implies is gone.
//!
//! In:     a verified trace.
//! Out:    no guard over registers is repeated or implied by a dominating one.
//! Keeps:  the first guard of each fact, with its snapshot: it is the one that leaves earliest.
//! Limits: facts are about SSA values, one guard at a time; no intervals, except that a
//!         comparison with a constant implies those with weaker constants.
//!
//! A fact that was guarded stays true wherever the guard dominates, in later iterations too: an
//! SSA value defined before `loop` does not change, and one defined after it is guarded anew.
//! Facts about memory ([`Op::GuardUpvalueClosed`] and its kin) fall with writes of their region.

use super::cse::writes_from;
use super::{Pass, PassCx};
use crate::ir::builder::{Builder, Rewriter};
use crate::ir::op::{Op, Regions, Ty};
use crate::ir::trace::{Args, Inst, Trace, ValueId};
use rustc_hash::FxHashSet;

pub const PASS: Pass = Pass { name: "guards", run };

fn run(cx: &PassCx, input: &Trace) -> Trace {
    let mut rewriter = Rewriter::new(input);
    let mut facts = Facts::default();
    for (old, inst) in input.iter() {
        if inst.op == Op::Phi {
            rewriter.copy(old);
            continue;
        }
        if inst.op == Op::Loop {
            facts.kill_regions(writes_from(input, old));
        }
        let inst = rewriter.substitute(inst);
        if facts.implied(cx, &rewriter.out, &inst) {
            continue;
        }
        facts.record(&rewriter.out, &inst);
        rewriter.define(old, inst);
    }
    rewriter.finish()
}

/// What guards have established.
#[derive(Clone, Default)]
pub struct Facts {
    known: FxHashSet<(Op, Args, i64)>,
    /// The tightest constant bounds: (comparison with the constant right or left, value, constant).
    bounds: Vec<(Op, Side, ValueId, i64)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    ConstantLeft,
    ConstantRight,
}

/// A guard without a result: one that can be dropped by itself.
fn is_pure_guard(inst: &Inst) -> bool {
    inst.op.effects().guard && inst.ty == Ty::Void
}

impl Facts {
    /// Whether `inst` is a guard that cannot fail here, and the pass may drop it.
    pub fn implied(&self, cx: &PassCx, out: &Builder, inst: &Inst) -> bool {
        if !is_pure_guard(inst) {
            return false;
        }
        if self.known.contains(&(inst.op, inst.args, inst.imm)) {
            return cx.allow("guard.implied");
        }
        self.within_bounds(out, inst) && cx.allow("guard.bound")
    }

    /// Notes that `inst` held.
    pub fn record(&mut self, out: &Builder, inst: &Inst) {
        if !is_pure_guard(inst) {
            self.kill_regions(inst.op.effects().writes);
            return;
        }
        self.known.insert((inst.op, inst.args, inst.imm));
        if inst.args.len() == 2 {
            let swapped = Args::new(&[inst.args.get(1), inst.args.get(0)]);
            for &(op, order) in consequences(inst.op) {
                let args = if order == Order::Same { inst.args } else { swapped };
                self.known.insert((op, args, 0));
            }
        }
        if let Some(bound) = bound(out, inst) {
            self.bounds.push(bound);
        }
    }

    /// Forgets facts that were read from `regions`.
    pub fn kill_regions(&mut self, regions: Regions) {
        if !regions.is_none() {
            self.known.retain(|(op, ..)| !op.effects().reads.overlaps(regions));
        }
    }

    fn within_bounds(&self, out: &Builder, inst: &Inst) -> bool {
        let Some((op, side, value, wanted)) = bound(out, inst) else { return false };
        self.bounds.iter().any(|&(known_op, known_side, known_value, known)| {
            let same = known_side == side && known_value == value;
            same && implies(known_op, known, op, wanted, side)
        })
    }
}

/// A signed or unsigned comparison of a value with a constant.
fn bound(out: &Builder, inst: &Inst) -> Option<(Op, Side, ValueId, i64)> {
    if !matches!(inst.op, Op::GuardILt | Op::GuardILe | Op::GuardULt) {
        return None;
    }
    let (a, b) = (inst.args.get(0), inst.args.get(1));
    match (out.as_kint(a), out.as_kint(b)) {
        (Some(k), None) => Some((inst.op, Side::ConstantLeft, b, k)),
        (None, Some(k)) => Some((inst.op, Side::ConstantRight, a, k)),
        _ => None,
    }
}

/// `value known_op known` (or mirrored) implies `value op wanted`.
fn implies(known_op: Op, known: i64, op: Op, wanted: i64, side: Side) -> bool {
    let (tight, loose) = match side {
        Side::ConstantRight => (known, wanted),
        Side::ConstantLeft => (wanted, known),
    };
    match (known_op, op) {
        (Op::GuardULt, Op::GuardULt) => tight as u64 <= loose as u64,
        // From `<=` to `<` the constant must be strictly weaker.
        (Op::GuardILe, Op::GuardILt) => tight < loose,
        (Op::GuardILt | Op::GuardILe, Op::GuardILt | Op::GuardILe) => tight <= loose,
        _ => false,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Same,
    Swapped,
}

/// Guards over the same two operands that hold when `op` does.
fn consequences(op: Op) -> &'static [(Op, Order)] {
    use Order::{Same, Swapped};
    match op {
        Op::GuardILt => &[(Op::GuardILe, Same), (Op::GuardINe, Same), (Op::GuardINe, Swapped)],
        Op::GuardIEq => &[(Op::GuardIEq, Swapped), (Op::GuardILe, Same), (Op::GuardILe, Swapped)],
        Op::GuardINe => &[(Op::GuardINe, Swapped)],
        Op::GuardULt => &[(Op::GuardINe, Same), (Op::GuardINe, Swapped)],
        // A true comparison excludes NaN, so the negated reverse ones hold as well.
        Op::GuardFLt => &[
            (Op::GuardFLe, Same),
            (Op::GuardFNe, Same),
            (Op::GuardFNe, Swapped),
            (Op::GuardFNLt, Swapped),
            (Op::GuardFNLe, Swapped),
        ],
        Op::GuardFLe => &[(Op::GuardFNLt, Swapped)],
        Op::GuardFEq => &[
            (Op::GuardFEq, Swapped),
            (Op::GuardFLe, Same),
            (Op::GuardFLe, Swapped),
            (Op::GuardFNLt, Same),
            (Op::GuardFNLt, Swapped),
        ],
        // False comparisons say nothing about the reverse: one operand may be a NaN.
        Op::GuardFNLe => &[(Op::GuardFNLt, Same)],
        Op::GuardFNe => &[(Op::GuardFNe, Swapped)],
        Op::GuardPEq => &[(Op::GuardPEq, Swapped)],
        Op::GuardPNe => &[(Op::GuardPNe, Swapped)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::semantics::holds;

    /// Each claimed consequence holds for all operands for which the guard does.
    #[test]
    fn consequences_follow() {
        let ints = [0, 1, -1, i64::MAX, i64::MIN].map(|i| i as u64);
        let floats = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NAN].map(f64::to_bits);
        for &op in Op::ALL {
            let floaty = op.operands().first() == Some(&crate::ir::op::Kind::Float);
            let samples: &[u64] = if floaty { &floats } else { &ints };
            for &(implied, order) in consequences(op) {
                for &a in samples {
                    for &b in samples {
                        let args = if order == Order::Same { [a, b] } else { [b, a] };
                        let follows =
                            holds(op, &[a, b]) != Some(true) || holds(implied, &args) == Some(true);
                        assert!(follows, "{op} {a:#x} {b:#x} does not imply {implied}");
                    }
                }
            }
        }
    }

    #[test]
    fn bounds_imply_weaker_bounds_only() {
        let samples = [i64::MIN, -2, -1, 0, 1, 2, i64::MAX];
        let ops = [Op::GuardILt, Op::GuardILe, Op::GuardULt];
        for (known_op, op) in ops.iter().flat_map(|&a| ops.iter().map(move |&b| (a, b))) {
            for (known, wanted) in samples.iter().flat_map(|&a| samples.map(|b| (a, b))) {
                for side in [Side::ConstantLeft, Side::ConstantRight] {
                    if !implies(known_op, known, op, wanted, side) {
                        continue;
                    }
                    for x in samples {
                        let pair = |k: i64| match side {
                            Side::ConstantLeft => [k as u64, x as u64],
                            Side::ConstantRight => [x as u64, k as u64],
                        };
                        let follows = holds(known_op, &pair(known)) != Some(true)
                            || holds(op, &pair(wanted)) == Some(true);
                        assert!(follows, "{known_op} {known} gives {op} {wanted} at {x}");
                    }
                }
            }
        }
    }
}
