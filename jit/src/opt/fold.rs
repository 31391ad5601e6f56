//! Constant folding and algebraic identities.
//!
//! In:     a verified trace.
//! Out:    operations on constants became constants, identities their operand, guards that hold
//!         by their operands alone are gone.
//! Keeps:  guards that must fail (the trace leaves there); every NaN result is left to be
//!         computed, since its sign is the executor's.
//! Limits: looks at one instruction and its operands' definitions; facts from guards are
//!         [`super::guards`]'s.
//!
//! What is exact for floats: `x * 1.0`, `x / 1.0`, `x - 0.0`, `x + -0.0` are `x`, also for -0.0;
//! `x / 2^k` is `x * 2^-k`; `x ^ 2` is `x * x` by definition. Not exact, and never done: `x + 0.0`
//! (-0.0 becomes 0.0), `x * 0.0`, `x - x` (NaN, infinities), `x == x` (NaN), `x ^ 1` (the C library
//! may flip a NaN's sign, which `tostring` shows).

use super::{Pass, PassCx};
use crate::ir::builder::{Builder, Rewriter};
use crate::ir::op::{Op, Ty};
use crate::ir::semantics;
use crate::ir::trace::{Args, Inst, Trace, ValueId};

pub const PASS: Pass = Pass { name: "fold", run };

fn run(cx: &PassCx, input: &Trace) -> Trace {
    let mut rewriter = Rewriter::new(input);
    for (old, inst) in input.iter() {
        if inst.op == Op::Phi {
            fold_phi(cx, &mut rewriter, old, inst);
            continue;
        }
        let inst = rewriter.substitute(inst);
        match fold(cx, &mut rewriter.out, inst) {
            Folded::Value(value) => rewriter.replace(old, value),
            Folded::Holds => {}
            Folded::Keep(inst) => {
                let new = rewriter.define(old, inst);
                if let Some(constant) = whole_value(cx, &mut rewriter.out, new) {
                    rewriter.replace(old, constant);
                }
            }
        }
    }
    rewriter.finish()
}

/// A phi that can only have its initial value is that value.
fn fold_phi(cx: &PassCx, rewriter: &mut Rewriter, old: ValueId, inst: &Inst) {
    let (first, next) = (inst.args.get(0), inst.args.get(1));
    if (next == old || next == first) && cx.allow("phi.trivial") {
        let first = rewriter.map(first);
        rewriter.replace(old, first);
    } else {
        rewriter.copy(old);
    }
}

/// What an instruction folds to.
pub enum Folded {
    /// Its result is this value.
    Value(ValueId),
    /// It is a guard that always holds.
    Holds,
    /// It must be emitted, perhaps in another form.
    Keep(Inst),
}

/// The constant that the value `id` is by its type alone: nil, false or true that was loaded. The
/// load stays as a guard; its users need no register.
pub fn whole_value(cx: &PassCx, out: &mut Builder, id: ValueId) -> Option<ValueId> {
    let inst = out.inst(id);
    let primitive = inst.ty.is_primitive() && !inst.op.is_constant() && inst.op != Op::Phi;
    let ty = inst.ty;
    (primitive && cx.allow("primitive")).then(|| out.kpri(ty))
}

/// Folds `inst`, whose operands are values of `out`, as far as rules apply.
pub fn fold(cx: &PassCx, out: &mut Builder, mut inst: Inst) -> Folded {
    // Each rewrite to another form shortens or canonicalises; the bound is a backstop.
    for _ in 0..8 {
        let next = constants(cx, out, &inst)
            .or_else(|| guard(cx, out, &inst))
            .or_else(|| integer(cx, out, &inst))
            .or_else(|| float(cx, out, &inst));
        match next {
            None => break,
            Some(Folded::Keep(changed)) => inst = changed,
            Some(done) => return done,
        }
    }
    Folded::Keep(inst)
}

fn apply(cx: &PassCx, rule: &'static str, folded: impl FnOnce() -> Folded) -> Option<Folded> {
    if cx.allow(rule) { Some(folded()) } else { None }
}

/// Operations and guards whose operands are all constants.
fn constants(cx: &PassCx, out: &mut Builder, inst: &Inst) -> Option<Folded> {
    let all = !inst.args.is_empty() && inst.args.iter().all(|arg| out.inst(arg).op.is_constant());
    if !all {
        return None;
    }
    let args: Vec<u64> = inst.args.iter().map(|arg| out.inst(arg).imm as u64).collect();
    if let Some(holds) = semantics::holds(inst.op, &args) {
        return if holds { apply(cx, "guard.const", || Folded::Holds) } else { None };
    }
    let value = semantics::compute(inst.op, &args)?;
    match inst.ty {
        Ty::Int => apply(cx, "const.int", || Folded::Value(out.kint(value as i64))),
        Ty::Float => {
            let value = f64::from_bits(value);
            if value.is_nan() {
                return None;
            }
            apply(cx, "const.float", || Folded::Value(out.kfloat(value)))
        }
        _ => None,
    }
}

/// Guards that hold whatever their operands are.
fn guard(cx: &PassCx, out: &Builder, inst: &Inst) -> Option<Folded> {
    let holds = match inst.op {
        // `guard.feq x, x` may fail: x may be a NaN.
        Op::GuardILe | Op::GuardIEq | Op::GuardPEq | Op::GuardFNLt => {
            inst.args.get(0) == inst.args.get(1)
        }
        Op::GuardNonNull => out.inst(inst.args.get(0)).op == Op::HashSlot,
        _ => false,
    };
    if holds { apply(cx, "guard.self", || Folded::Holds) } else { None }
}

/// Integer identities; all of arithmetic modulo 2^64.
fn integer(cx: &PassCx, out: &mut Builder, inst: &Inst) -> Option<Folded> {
    let is_binary = inst.args.len() == 2 && inst.ty == Ty::Int;
    if !is_binary {
        return double_unary(cx, out, inst);
    }
    let (a, b) = (inst.args.get(0), inst.args.get(1));
    if out.ty(a) != Ty::Int {
        return None;
    }
    if a == b
        && let Some(folded) = same_operand(cx, out, inst.op, a)
    {
        return Some(folded);
    }
    let commutes =
        matches!(inst.op, Op::Add | Op::Mul | Op::BAnd | Op::BOr | Op::BXor | Op::IMin | Op::IMax);
    if commutes && out.as_kint(a).is_some() && out.as_kint(b).is_none() {
        // Constants stand right, where the identities look for them.
        return apply(cx, "int.commute", || {
            Folded::Keep(Inst { args: Args::new(&[b, a]), ..inst.clone() })
        });
    }
    let k = out.as_kint(b)?;
    with_constant(cx, out, inst, a, k).or_else(|| offset(cx, out, inst, a, k))
}

fn same_operand(cx: &PassCx, out: &mut Builder, op: Op, a: ValueId) -> Option<Folded> {
    match op {
        Op::Sub | Op::BXor => apply(cx, "int.self_zero", || Folded::Value(out.kint(0))),
        Op::BAnd | Op::BOr | Op::IMin | Op::IMax => apply(cx, "int.self", || Folded::Value(a)),
        _ => None,
    }
}

/// `a op k`.
fn with_constant(
    cx: &PassCx,
    out: &mut Builder,
    inst: &Inst,
    a: ValueId,
    k: i64,
) -> Option<Folded> {
    let neutral = match inst.op {
        Op::Add | Op::Sub | Op::BOr | Op::BXor | Op::Shl | Op::Shr => k == 0,
        Op::Mul | Op::IDiv => k == 1,
        Op::BAnd => k == -1,
        _ => false,
    };
    if neutral {
        return apply(cx, "int.neutral", || Folded::Value(a));
    }
    let absorbed = match inst.op {
        Op::Mul | Op::BAnd if k == 0 => Some(0),
        Op::IMod if k == 1 || k == -1 => Some(0),
        Op::BOr if k == -1 => Some(-1),
        // |k| >= 64 shifts everything out.
        Op::Shl | Op::Shr if !(-63..=63).contains(&k) => Some(0),
        _ => None,
    };
    if let Some(value) = absorbed {
        return apply(cx, "int.absorb", || Folded::Value(out.kint(value)));
    }
    let negates = matches!(inst.op, Op::Mul | Op::IDiv) && k == -1;
    if negates {
        return apply(cx, "int.negate", || {
            Folded::Keep(Inst { op: Op::Neg, args: Args::new(&[a]), ..inst.clone() })
        });
    }
    None
}

/// `(x + k1) + k2` and its kin; also `x - k` as an addition when that meets another.
fn offset(cx: &PassCx, out: &mut Builder, inst: &Inst, a: ValueId, k: i64) -> Option<Folded> {
    let outer = match inst.op {
        Op::Add => k,
        Op::Sub => k.wrapping_neg(),
        _ => return None,
    };
    let (root, inner) = split_offset(out, a);
    if root == a {
        return None;
    }
    apply(cx, "int.offset", || {
        let total = inner.wrapping_add(outer);
        if total == 0 {
            return Folded::Value(root);
        }
        let total = out.kint(total);
        Folded::Keep(Inst { op: Op::Add, args: Args::new(&[root, total]), ..inst.clone() })
    })
}

/// `value` as `root + constant`, modulo 2^64.
pub fn split_offset(out: &Builder, value: ValueId) -> (ValueId, i64) {
    let inst = out.inst(value);
    match inst.op {
        Op::Add => match out.as_kint(inst.args.get(1)) {
            Some(k) => (inst.args.get(0), k),
            None => (value, 0),
        },
        Op::Sub => match out.as_kint(inst.args.get(1)) {
            Some(k) => (inst.args.get(0), k.wrapping_neg()),
            None => (value, 0),
        },
        _ => (value, 0),
    }
}

/// `-(-x)` and its kin, of integers and floats; rounding what is round.
fn double_unary(cx: &PassCx, out: &mut Builder, inst: &Inst) -> Option<Folded> {
    if inst.args.len() != 1 {
        return None;
    }
    let a = inst.args.get(0);
    let inner = out.inst(a).clone();
    let undone = matches!((inst.op, inner.op), (Op::Neg, Op::Neg) | (Op::BNot, Op::BNot))
        || matches!((inst.op, inner.op), (Op::FNeg, Op::FNeg));
    if undone {
        return apply(cx, "unary.undo", || Folded::Value(inner.args.get(0)));
    }
    let already = match inst.op {
        Op::IAbs => inner.op == Op::IAbs,
        Op::FAbs => inner.op == Op::FAbs,
        Op::FFloor | Op::FCeil => {
            matches!(inner.op, Op::FFloor | Op::FCeil | Op::IntToFloat)
        }
        _ => false,
    };
    if already {
        return apply(cx, "unary.already", || Folded::Value(a));
    }
    if inst.op == Op::FAbs && inner.op == Op::FNeg {
        return apply(cx, "fabs.fneg", || {
            Folded::Keep(Inst { args: Args::new(&[inner.args.get(0)]), ..inst.clone() })
        });
    }
    None
}

/// Float identities that hold for every value, zeros, infinities and NaN included.
fn float(cx: &PassCx, out: &mut Builder, inst: &Inst) -> Option<Folded> {
    if inst.args.len() != 2 || inst.ty != Ty::Float {
        return None;
    }
    let (a, b) = (inst.args.get(0), inst.args.get(1));
    if a == b && matches!(inst.op, Op::FMin | Op::FMax) {
        return apply(cx, "float.self", || Folded::Value(a));
    }
    let bits = |value: f64| value.to_bits();
    let (left, right) = (out.as_kfloat(a).map(bits), out.as_kfloat(b).map(bits));
    let (one, zero, minus_zero) = (Some(bits(1.0)), Some(bits(0.0)), Some(bits(-0.0)));
    let neutral = match inst.op {
        Op::FMul if right == one => Some(a),
        Op::FMul if left == one => Some(b),
        Op::FDiv if right == one => Some(a),
        Op::FSub if right == zero => Some(a),
        Op::FAdd if right == minus_zero => Some(a),
        Op::FAdd if left == minus_zero => Some(b),
        _ => None,
    };
    if let Some(value) = neutral {
        return apply(cx, "float.neutral", || Folded::Value(value));
    }
    match inst.op {
        Op::FPow if right == Some(bits(2.0)) => apply(cx, "fpow.square", || {
            Folded::Keep(Inst { op: Op::FMul, args: Args::new(&[a, a]), ..inst.clone() })
        }),
        Op::FDiv => {
            let reciprocal = exact_reciprocal(f64::from_bits(right?))?;
            apply(cx, "fdiv.power_of_two", || {
                let reciprocal = out.kfloat(reciprocal);
                Folded::Keep(Inst {
                    op: Op::FMul,
                    args: Args::new(&[a, reciprocal]),
                    ..inst.clone()
                })
            })
        }
        _ => None,
    }
}

/// `1 / divisor` if both are normal powers of two, so that multiplying rounds as dividing does.
fn exact_reciprocal(divisor: f64) -> Option<f64> {
    const MANTISSA: u64 = (1 << 52) - 1;
    let power_of_two = |x: f64| x.is_normal() && x.to_bits() & MANTISSA == 0;
    let reciprocal = 1.0 / divisor;
    (power_of_two(divisor) && power_of_two(reciprocal)).then_some(reciprocal)
}
