//! Faults of the passes: each adds one wrong rule to one pass.

use super::Fault;
use super::Plant;
use super::edit::{Change, Edit, kint, used, with};
use super::recorder::faults;
use plumb_jit::ir::builder::Builder;
use plumb_jit::ir::op::{Op, Ty};
use plumb_jit::ir::trace::{Args, Inst, Trace, ValueId};
use std::collections::HashMap;

// -- fold ------------------------------------------------------------------------------------------

#[rustfmt::skip]
pub const FOLD: &[Fault] = faults! {
    "fold.self-minus", "`x - x` of floats is 0.0", "folding as if floats were integers", Some("only at NaN and infinities"), [FSub], "fold", |e| float(e, |out, i| (i.op == Op::FSub && i.args.get(0) == i.args.get(1)).then(|| Change::Use(out.kfloat(0.0))));
    "fold.times-zero", "`x * 0.0` is 0.0", "lj-981: folding of a multiplication by 0", Some("only at negative x, NaN and infinities"), [FMul], "fold", |e| float(e, |out, i| (i.op == Op::FMul && is_float(out, i, 0.0)).then(|| Change::Use(out.kfloat(0.0))));
    "fold.plus-zero", "`x + 0.0` is x", "lj-783: folding and -0", Some("only at -0.0"), [FAdd], "fold", |e| float(e, |out, i| (i.op == Op::FAdd && is_float(out, i, 0.0)).then(|| Change::Use(i.args.get(0))));
    "fold.negate", "`-x` of floats is `0.0 - x`", "lj-783: folding and -0", Some("only at 0.0"), [FNeg], "fold", |e| float(e, |out, i| (i.op == Op::FNeg).then(|| { let zero = out.kfloat(0.0); Change::Put(with(i, Op::FSub, &[zero, i.args.get(0)])) }));
    "fold.reciprocal", "`x / k` is `x * (1 / k)` for every k", "fast-math", None, [FDiv], "fold", reciprocal;
    "fold.min-order", "math.min and math.max of floats commute", "operands swapped where NaN and zeros tell", Some("only at a NaN, or at 0.0 against -0.0"), [FMin, FMax], "fold", |e| float(e, |_, i| matches!(i.op, Op::FMin | Op::FMax).then(|| Change::Put(with(i, i.op, &[i.args.get(1), i.args.get(0)]))));
    "fold.float-abs", "math.abs of a float is max(x, -x)", "lowering of abs without the sign bit", Some("only at -0.0 and NaN"), [FAbs], "fold", |e| float(e, |out, i| (i.op == Op::FAbs).then(|| { let zero = out.kfloat(0.0); let x = i.args.get(0); let negated = out.push(Op::FSub, Ty::Float, &[zero, x], 0, None); Change::Put(with(i, Op::FMax, &[x, negated])) }));
    "fold.integer-sum", "`(a + b)` converted to a float is the sum of the conversions", "lj-994: narrowing undone", Some("only beyond 2^53"), [IntToFloat], "fold", integer_sum;
    "fold.saturate", "an addition of constants saturates", "int overflow folded as float", Some("only across 2^63-1"), [Add], "fold", saturate;
    "fold.floor-division", "`x // 2^k` shifts without the sign", "floor division and signs", Some("only at negative x"), [IDiv], "fold", floor_division;
    "fold.modulo-sign", "the result of `%` by a constant has the dividend's sign", "modulo and signs", Some("only at operands of different sign"), [IMod], "fold", modulo_sign;
    "fold.shift-count", "a constant shift count is taken modulo 64", "lj-1079: folds of 64-bit shifts", Some("only at counts of 64 and more"), [Shl, Shr], "fold", shift_count;
    "fold.absolute", "`math.abs` of an integer is dropped", "range analysis without negative numbers", None, [IAbs], "fold", |e| e.each(|_, i, _| (i.op == Op::IAbs).then(|| Change::Use(i.args.get(0))));
    "fold.complement", "`~x` is `-x`", "two's complement off by one", None, [BNot, Neg], "fold", |e| e.each(|_, i, _| (i.op == Op::BNot).then(|| Change::Put(with(i, Op::Neg, &[i.args.get(0)]))));
    "fold.ceil", "a ceiling is a floor plus 1", "ceil of an integral float", None, [FCeil, FFloor], "fold", |e| float(e, |out, i| (i.op == Op::FCeil).then(|| { let floor = out.push(Op::FFloor, Ty::Float, &[i.args.get(0)], 0, None); let one = out.kfloat(1.0); Change::Put(with(i, Op::FAdd, &[floor, one])) }));
    "fold.square-root", "`x ^ 0.5` is the square root", "lj-684: pow", Some("only at -0.0 and -inf"), [FPow], "fold", |e| float(e, |out, i| (i.op == Op::FPow && is_float(out, i, 0.5)).then(|| Change::Put(with(i, Op::FSqrt, &[i.args.get(0)]))));
    "fold.cube", "`x ^ 3` is `x * x * x`", "lj-9: pow by repeated multiplication", Some("only where the products round differently"), [FPow], "fold", |e| float(e, |out, i| (i.op == Op::FPow && is_float(out, i, 3.0)).then(|| { let x = i.args.get(0); let square = out.push(Op::FMul, Ty::Float, &[x, x], 0, None); Change::Put(with(i, Op::FMul, &[square, x])) }));
    "fold.float-modulo", "`a % b` of floats is C's fmod", "modulo and signs", Some("only at operands of different sign"), [FMod], "fold", float_modulo;
    "fold.empty-mask", "`x & k` with a negative k masks 32 bits", "an immediate narrowed to 32 bits", None, [BAnd], "fold", |e| e.each(|out, i, _| { let k = out.as_kint(*i.args.iter().collect::<Vec<_>>().get(1)?)?; (i.op == Op::BAnd && k < 0).then(|| { let narrow = out.kint(i64::from(k as u32)); Change::Put(with(i, Op::BAnd, &[i.args.get(0), narrow])) }) });
    "fold.string-length", "the length of a string is its number of bytes and the NUL", "object size for length", Some("only at lengths of strings"), [StrLen], "fold", |e| e.each(|out, i, _| (i.op == Op::StrLen).then(|| { let one = out.kint(1); let length = out.push_inst(i.clone()); Change::Put(Inst { args: Args::new(&[length, one]), op: Op::Add, ..i.clone() }) }));
};

fn float(edit: &mut Edit, mut rule: impl FnMut(&mut Builder, &Inst) -> Option<Change>) {
    edit.each(|out, inst, _| if inst.ty == Ty::Float { rule(out, inst) } else { None });
}

/// The second operand is this constant.
fn is_float(out: &Builder, inst: &Inst, k: f64) -> bool {
    inst.args.len() == 2
        && out.as_kfloat(inst.args.get(1)).is_some_and(|x| x.to_bits() == k.to_bits())
}

fn reciprocal(edit: &mut Edit) {
    float(edit, |out, inst| {
        let divisor = (inst.op == Op::FDiv).then(|| out.as_kfloat(inst.args.get(1)))??;
        let factor = out.kfloat(1.0 / divisor);
        Some(Change::Put(with(inst, Op::FMul, &[inst.args.get(0), factor])))
    });
}

fn integer_sum(edit: &mut Edit) {
    float(edit, |out, inst| {
        let sum = (inst.op == Op::IntToFloat).then(|| out.inst(inst.args.get(0)).clone())?;
        if !matches!(sum.op, Op::Add | Op::Sub | Op::Mul) {
            return None;
        }
        let parts: Vec<ValueId> =
            sum.args.iter().map(|a| out.push(Op::IntToFloat, Ty::Float, &[a], 0, None)).collect();
        let op = match sum.op {
            Op::Add => Op::FAdd,
            Op::Sub => Op::FSub,
            _ => Op::FMul,
        };
        Some(Change::Put(with(inst, op, &parts)))
    });
}

/// `k + x` with a large constant stops at the end of the range.
fn saturate(edit: &mut Edit) {
    edit.each(|out, inst, _| {
        let k = (inst.op == Op::Add).then(|| out.as_kint(inst.args.get(1)))??;
        let (x, rest) = (inst.args.get(0), i64::MAX.checked_sub(k)?);
        if k < 1 << 62 {
            return None;
        }
        let rest = out.kint(rest);
        let bounded = out.push(Op::IMin, Ty::Int, &[x, rest], 0, None);
        Some(Change::Put(with(inst, Op::Add, &[bounded, inst.args.get(1)])))
    });
}

fn floor_division(edit: &mut Edit) {
    edit.each(|out, inst, _| {
        let k = (inst.op == Op::IDiv).then(|| out.as_kint(inst.args.get(1)))??;
        if k <= 1 || k.count_ones() != 1 {
            return None;
        }
        let amount = out.kint(i64::from(k.trailing_zeros()));
        Some(Change::Put(with(inst, Op::Shr, &[inst.args.get(0), amount])))
    });
}

/// `x % k` as `x - k * (|x| // k)`, the sign of x put back.
fn modulo_sign(edit: &mut Edit) {
    edit.each(|out, inst, _| {
        let k = (inst.op == Op::IMod).then(|| out.as_kint(inst.args.get(1)))??;
        if k == 0 {
            return None;
        }
        let (x, modulus) = (inst.args.get(0), out.kint(k.wrapping_abs()));
        let size = out.push(Op::IAbs, Ty::Int, &[x], 0, None);
        let rest = out.push(Op::IMod, Ty::Int, &[size, modulus], 0, None);
        // The sign: min(max(x, -1), 1).
        let (low, high) = (out.kint(-1), out.kint(1));
        let sign = out.push(Op::IMax, Ty::Int, &[x, low], 0, None);
        let sign = out.push(Op::IMin, Ty::Int, &[sign, high], 0, None);
        Some(Change::Put(with(inst, Op::Mul, &[rest, sign])))
    });
}

/// `a % b` as if both were positive.
fn float_modulo(edit: &mut Edit) {
    float(edit, |out, inst| {
        if inst.op != Op::FMod {
            return None;
        }
        let size = out.push(Op::FAbs, Ty::Float, &[inst.args.get(0)], 0, None);
        Some(Change::Put(with(inst, Op::FMod, &[size, inst.args.get(1)])))
    });
}

fn shift_count(edit: &mut Edit) {
    // Folding itself has made the result a constant, so the rule is tried on its input.
    let Some(input) = edit.input.cloned() else { return };
    let mut shifts = input.iter().any(|(_, inst)| {
        matches!(inst.op, Op::Shl | Op::Shr)
            && kint(&input, inst.args.get(1)).is_some_and(|k| !(-63..=63).contains(&k))
    });
    if !shifts {
        return;
    }
    let output = std::mem::replace(edit.trace, input);
    edit.each(|out, inst, _| {
        let k = matches!(inst.op, Op::Shl | Op::Shr).then(|| out.as_kint(inst.args.get(1)))??;
        if (-63..=63).contains(&k) {
            return None;
        }
        let amount = out.kint(k & 63);
        shifts = false;
        Some(Change::Put(with(inst, inst.op, &[inst.args.get(0), amount])))
    });
    if shifts {
        *edit.trace = output;
    }
}

// -- cse -------------------------------------------------------------------------------------------

#[rustfmt::skip]
pub const CSE: &[Fault] = faults! {
    "cse.across-store", "an element is not loaded again after a store to the array", "CSE across a store", None, [ArrayLoad, ArrayStore], "cse", |e| again(e, |i| i.op == Op::ArrayLoad);
    "cse.across-field-store", "a field is not loaded again after a store to a field", "load forwarding through an alias", Some("only through two names of one table"), [HashLoad, HashStore], "cse", |e| again(e, |i| i.op == Op::HashLoad);
    "cse.across-upvalue-store", "an upvalue is not loaded again after a store to an upvalue", "load forwarding through an alias", Some("only through two closures over one variable"), [UpvalueLoad, UpvalueStore], "cse", |e| again(e, |i| i.op == Op::UpvalueLoad);
    "cse.across-rehash", "a table's array and nodes are where they were before it grew", "lj-980: load forwarding after a rehash", None, [TableArray, TableLimit, TableArraySize, HashSlot, TableSetInt], "cse", |e| again(e, |i| matches!(i.op, Op::TableArray | Op::TableLimit | Op::TableArraySize | Op::HashSlot));
    "cse.lookup", "a key that was absent still is after a store", "lj-980: load forwarding after a rehash", Some("only where an absent key is read again"), [HashFind, HashFindInt, TableSetInt, TableSetStr], "cse", |e| again(e, |i| matches!(i.op, Op::HashFind | Op::HashFindInt));
    "cse.length", "the length of a table is not computed again after a store", "CSE across a call", None, [TableLen], "cse", |e| again(e, |i| i.op == Op::TableLen);
    "cse.index", "a stored element is found at another index", "a hash of the key for the key", None, [ArrayLoad, ArrayStore], "cse", index;
    "cse.zeros", "the constants 0.0 and -0.0 are one", "a constant pool keyed by ==", Some("only where both zeros are constants"), [KFloat], "cse", zeros;
    "cse.operator", "bitwise operations on the same operands are one value", "CSE of an op by its operands", Some("only where two of them share their operands"), [BAnd, BOr, BXor], "cse", |e| operands(e, |op| matches!(op, Op::BAnd | Op::BOr | Op::BXor));
    "cse.extremes", "the minimum and the maximum of the same operands are one value", "CSE of an op by its operands", None, [IMin, IMax], "cse", |e| operands(e, |op| matches!(op, Op::IMin | Op::IMax | Op::FMin | Op::FMax));
    "cse.commutes", "`a - b` and `b - a` are one value", "operands sorted although the op does not commute", None, [Sub, FSub], "cse", commutes;
};

/// A load that was done before is not done again, whatever was written meanwhile.
fn again(edit: &mut Edit, which: impl Fn(&Inst) -> bool) {
    let mut seen: HashMap<(Op, Ty, Args, i64), ValueId> = HashMap::new();
    edit.each(|out, inst, _| {
        if !which(inst) {
            return None;
        }
        let next = ValueId(out.len() as u32);
        let first = *seen.entry((inst.op, inst.ty, inst.args, inst.imm)).or_insert(next);
        (first != next).then_some(Change::Use(first))
    });
}

fn index(edit: &mut Edit) {
    let mut stored: HashMap<(ValueId, Ty), ValueId> = HashMap::new();
    edit.each(|out, inst, _| match inst.op {
        Op::ArrayStore => {
            let value = inst.args.get(2);
            stored.insert((inst.args.get(0), out.ty(value)), value);
            None
        }
        Op::ArrayLoad => stored.get(&(inst.args.get(0), inst.ty)).map(|&value| Change::Use(value)),
        _ => None,
    });
}

fn zeros(edit: &mut Edit) {
    edit.each(|out, inst, _| {
        let minus_zero = inst.op == Op::KFloat && inst.imm as u64 == (-0.0f64).to_bits();
        let zero = |other: &&Inst| other.op == Op::KFloat && other.imm == 0;
        if minus_zero && out.insts().iter().any(|i| zero(&i)) {
            return Some(Change::Use(out.kfloat(0.0)));
        }
        None
    });
}

fn operands(edit: &mut Edit, which: impl Fn(Op) -> bool) {
    let mut seen: HashMap<(Ty, Args), ValueId> = HashMap::new();
    edit.each(|out, inst, _| {
        let next = ValueId(out.len() as u32);
        let first = which(inst.op).then(|| *seen.entry((inst.ty, inst.args)).or_insert(next))?;
        (first != next).then_some(Change::Use(first))
    });
}

fn commutes(edit: &mut Edit) {
    let mut seen: HashMap<(Op, Args), ValueId> = HashMap::new();
    edit.each(|out, inst, _| {
        if !matches!(inst.op, Op::Sub | Op::FSub | Op::FDiv) {
            return None;
        }
        let reverse = Args::new(&[inst.args.get(1), inst.args.get(0)]);
        let known = seen.get(&(inst.op, reverse)).copied();
        seen.entry((inst.op, inst.args)).or_insert(ValueId(out.len() as u32));
        known.map(Change::Use)
    });
}

// -- guards ----------------------------------------------------------------------------------------

#[rustfmt::skip]
pub const GUARDS: &[Fault] = faults! {
    "guards.symmetric", "`a <= b` implies `b <= a`", "an order treated as an equality", Some("only where both orders are compared"), [GuardILe], "guards", symmetric;
    "guards.not-less", "`not a < b` implies `b <= a`", "comparison with NaN negated", Some("only at a NaN"), [GuardFNLt, GuardFLe], "guards", not_less;
    "guards.constant", "a comparison with a constant implies the same with any constant", "facts keyed without the constant", None, [GuardILt, GuardILe], "guards", any_constant;
    "guards.sign", "`a < b` implies that a is an index below b", "signed for unsigned", Some("only at a negative index"), [GuardULt], "guards", sign;
    "guards.conversion", "a float that was converted to an integer once is taken to be one again", "a guard kept although its value changed", None, [FloatToInt], "guards", conversion;
    "guards.upvalue", "one open or closed upvalue implies that all are", "facts keyed without the operand", Some("only with upvalues in different places"), [GuardUpvalueClosed, GuardUpvalueOutside], "guards", upvalue;
    "guards.pointer", "one node that exists implies that the next does", "facts keyed without the operand", None, [GuardNonNull], "guards", |e| e.drop_guards(|_, _, i| i.op == Op::GuardNonNull);
};

fn earlier(trace: &Trace, id: ValueId, fits: impl Fn(&Inst) -> bool) -> bool {
    trace.insts[..id.0 as usize].iter().any(fits)
}

fn reversed(inst: &Inst) -> Args {
    Args::new(&[inst.args.get(1), inst.args.get(0)])
}

fn symmetric(edit: &mut Edit) {
    edit.drop_guards(|trace, id, inst| {
        matches!(inst.op, Op::GuardILe | Op::GuardILt)
            && earlier(trace, id, |known| {
                matches!(known.op, Op::GuardILe | Op::GuardILt) && known.args == reversed(inst)
            })
    });
}

fn not_less(edit: &mut Edit) {
    edit.drop_guards(|trace, id, inst| {
        matches!(inst.op, Op::GuardFLe | Op::GuardFLt)
            && earlier(trace, id, |known| {
                matches!(known.op, Op::GuardFNLt | Op::GuardFNLe) && known.args == reversed(inst)
            })
    });
}

fn any_constant(edit: &mut Edit) {
    edit.drop_guards(|trace, id, inst| {
        let shape = |inst: &Inst| {
            let constant = |n| kint(trace, inst.args.get(n)).is_some();
            match (constant(0), constant(1)) {
                (true, false) => Some((inst.op, 0, inst.args.get(1))),
                (false, true) => Some((inst.op, 1, inst.args.get(0))),
                _ => None,
            }
        };
        let compares = |inst: &Inst| matches!(inst.op, Op::GuardILt | Op::GuardILe);
        compares(inst)
            && shape(inst).is_some()
            && earlier(trace, id, |known| compares(known) && shape(known) == shape(inst))
    });
}

fn sign(edit: &mut Edit) {
    edit.drop_guards(|trace, id, inst| {
        let (index, _) = match inst.op {
            Op::GuardULt => (inst.args.get(0), ()),
            _ => return false,
        };
        earlier(trace, id, |known| {
            matches!(known.op, Op::GuardILt | Op::GuardILe)
                && (known.args.get(0) == index
                    || trace.inst(index).args.iter().any(|part| part == known.args.get(0)))
        })
    });
}

/// A conversion of another float, of the same kind of origin, gives the value of the first.
fn conversion(edit: &mut Edit) {
    let mut seen: HashMap<Op, ValueId> = HashMap::new();
    edit.each(|out, inst, _| {
        if inst.op != Op::FloatToInt {
            return None;
        }
        let origin = out.inst(inst.args.get(0)).op;
        let next = ValueId(out.len() as u32);
        let first = *seen.entry(origin).or_insert(next);
        (first != next).then_some(Change::Use(first))
    });
}

fn upvalue(edit: &mut Edit) {
    edit.drop_guards(|_, _, inst| {
        matches!(inst.op, Op::GuardUpvalueClosed | Op::GuardUpvalueOutside)
    });
}

// -- peel ------------------------------------------------------------------------------------------

#[rustfmt::skip]
pub const PEEL: &[Fault] = faults! {
    "peel.phi-swapped", "two phis of one type get each other's next value", "swapped phi", None, [Phi], "peel", phi_swapped;
    "peel.stale-exit", "exits of the loop restore a slot as the pre-roll left it", "lj-688: a snapshot of the pre-roll in the loop", None, [Phi], "peel", stale_exit;
    "peel.hoisted-load", "a load of the loop is taken from the pre-roll although the loop stores", "a hoisted load", None, [ArrayLoad, HashLoad, UpvalueLoad], "peel", hoisted_load;
    "peel.hoisted-guard", "a guard of the loop is dropped because the pre-roll's held", "guard elimination across a phi", None, [GuardILt, GuardILe], "peel", hoisted_guard;
    "peel.missing-slot", "exits of the loop do not restore what earlier iterations changed", "lj-994: instable state at loop unroll", None, [Phi], "peel", missing_slot;
    "peel.hoisted-length", "the length of a table is taken from the pre-roll", "a hoisted call", None, [TableLen], "peel", hoisted_length;
};

fn phis(trace: &Trace) -> Vec<ValueId> {
    trace.iter().filter(|(_, inst)| inst.op == Op::Phi).map(|(id, _)| id).collect()
}

fn phi_swapped(edit: &mut Edit) {
    let phis = phis(edit.trace);
    for (at, &a) in phis.iter().enumerate() {
        let same = |b: &&ValueId| edit.trace.ty(**b) == edit.trace.ty(a);
        let Some(&b) = phis[at + 1..].iter().find(same) else { continue };
        if edit.trace.ty(a).is_primitive() || !edit.allow() {
            return;
        }
        let (x, y) = (edit.trace.inst(a).args, edit.trace.inst(b).args);
        edit.trace.insts[a.0 as usize].args = Args::new(&[x.get(0), y.get(1)]);
        edit.trace.insts[b.0 as usize].args = Args::new(&[y.get(0), x.get(1)]);
        return;
    }
}

fn stale_exit(edit: &mut Edit) {
    let Some(head) = edit.trace.loop_head() else { return };
    edit.snapshots(|trace, guard, snapshot| {
        let mut changed = false;
        for (_, value) in &mut snapshot.slots {
            let inst = trace.inst(*value);
            if guard > head && inst.op == Op::Phi {
                (*value, changed) = (inst.args.get(0), true);
            }
        }
        changed
    });
}

fn missing_slot(edit: &mut Edit) {
    let Some(head) = edit.trace.loop_head() else { return };
    edit.snapshots(|trace, guard, snapshot| {
        let before = snapshot.slots.len();
        snapshot.slots.retain(|&(_, value)| trace.inst(value).op != Op::Phi);
        guard > head && snapshot.slots.len() < before
    });
}

/// In the body, a value that the pre-roll computed from the same operands.
fn from_pre_roll(edit: &mut Edit, which: impl Fn(&Inst) -> bool) {
    let Some(head) = edit.trace.loop_head() else { return };
    let old = edit.trace.clone();
    let mut first: HashMap<(Op, Ty, Args, i64), ValueId> = HashMap::new();
    let mut became: HashMap<ValueId, ValueId> = HashMap::new();
    edit.each(|out, inst, id| {
        let plain = old.inst(id);
        became.insert(id, ValueId(out.len() as u32));
        if !which(inst) {
            return None;
        }
        let key = (plain.op, plain.ty, plain.args, plain.imm);
        if id < head {
            first.entry(key).or_insert(id);
            return None;
        }
        let found = became.get(first.get(&key)?)?;
        Some(Change::Use(*found))
    });
}

fn hoisted_load(edit: &mut Edit) {
    from_pre_roll(edit, |i| matches!(i.op, Op::ArrayLoad | Op::HashLoad | Op::UpvalueLoad));
}

/// A guard that compares something variable with something invariant holds, if that of the pre-roll did.
fn hoisted_guard(edit: &mut Edit) {
    let Some(head) = edit.trace.loop_head() else { return };
    let bound = |inst: &Inst| {
        let invariant = |n: usize| inst.args.get(n) < head;
        let compares = matches!(inst.op, Op::GuardILt | Op::GuardILe);
        (compares && invariant(0) != invariant(1)).then(|| {
            let n = usize::from(invariant(1));
            (inst.op, n, inst.args.get(n))
        })
    };
    edit.drop_guards(|trace, id, inst| {
        id > head
            && bound(inst).is_some_and(|(op, n, arg)| {
                earlier(trace, head, |known| known.op == op && known.args.get(n) == arg)
            })
    });
}

fn hoisted_length(edit: &mut Edit) {
    from_pre_roll(edit, |i| i.op == Op::TableLen);
}

// -- carry, dce --------------------------------------------------------------------------------------

#[rustfmt::skip]
pub const CARRY_AND_DCE: &[Fault] = faults! {
    "carry.first", "a carried value stays what the pre-roll computed", "missing phi", None, [Phi], "carry", carry_first;
    "carry.wrong", "a carried value is the other operand's", "swapped phi", None, [Phi], "carry", carry_wrong;
    "dce.load-guard", "a load whose value nobody uses is dropped with its type guard", "DCE of a guard", None, [ArrayLoad, HashLoad, SlotLoad], "dce", load_guard;
    "dce.conversion", "a conversion to an integer that nobody uses is dropped with its guard", "DCE of a guard", Some("only at fractions in dead code"), [FloatToInt], "dce", dead_conversion;
    "dce.store", "a store is dropped because a later one overwrites it, exits between", "dead store before an exit", None, [ArrayStore, HashStore, UpvalueStore], "dce", dead_store;
    "dce.snapshot", "a value that only exits need is dead", "use-def purge of live slots (lj-737)", None, [], "dce", snapshot_only;
    "dce.flags", "a store that clears cached metamethods is dead", "a write without a reader on the trace", Some("only where a metatable gets its event in the loop"), [TableClearFlags], "dce", |e| e.each(|_, i, _| (i.op == Op::TableClearFlags).then_some(Change::Drop));
};

/// Phis that the pass added: those beyond its input's.
fn added_phis(edit: &Edit) -> Vec<ValueId> {
    let before = edit.input.map_or(0, |input| phis(input).len());
    phis(edit.trace).split_off(before)
}

fn carry_first(edit: &mut Edit) {
    for phi in added_phis(edit) {
        if edit.allow() {
            let inst = &mut edit.trace.insts[phi.0 as usize];
            inst.args = Args::new(&[inst.args.get(0), inst.args.get(0)]);
        }
    }
}

/// The next value is another one of the body of the same type, computed before it.
fn carry_wrong(edit: &mut Edit) {
    let Some(head) = edit.trace.loop_head() else { return };
    for phi in added_phis(edit) {
        let inst = edit.trace.inst(phi).clone();
        let next = inst.args.get(1);
        let body = (head.0 + 1..next.0).rev().map(ValueId);
        let other = body
            .into_iter()
            .find(|&v| edit.trace.ty(v) == inst.ty && edit.trace.inst(v).op != Op::Phi);
        let Some(other) = other else { continue };
        if edit.allow() {
            edit.trace.insts[phi.0 as usize].args = Args::new(&[inst.args.get(0), other]);
        }
    }
}

fn drop_unused(edit: &mut Edit, which: impl Fn(&Inst) -> bool) {
    let used = used(edit.trace);
    edit.each(|_, inst, id| {
        let unused = which(inst) && !used[id.0 as usize];
        // Nobody maps its value.
        unused.then_some(Change::Drop)
    });
}

fn load_guard(edit: &mut Edit) {
    drop_unused(edit, |i| {
        matches!(i.op, Op::ArrayLoad | Op::HashLoad | Op::UpvalueLoad | Op::SlotLoad)
    });
}

fn dead_conversion(edit: &mut Edit) {
    drop_unused(edit, |i| i.op == Op::FloatToInt);
}

fn dead_store(edit: &mut Edit) {
    let old = edit.trace.clone();
    let place = |inst: &Inst| -> Option<Vec<ValueId>> {
        let stores = matches!(inst.op, Op::ArrayStore | Op::HashStore | Op::UpvalueStore);
        let mut args: Vec<ValueId> = inst.args.iter().collect();
        args.pop().filter(|_| stores).map(|_| args)
    };
    edit.each(|_, _, id| {
        let this = place(old.inst(id))?;
        let later = &old.insts[id.0 as usize + 1..];
        let again =
            |inst: &&Inst| inst.op == old.inst(id).op && place(inst).as_ref() == Some(&this);
        let at = later.iter().position(|inst| again(&inst))?;
        // Only within one copy of the iteration, and nothing loads from there in between.
        let between = &later[..at];
        let reads = old.inst(id).op.effects().writes;
        let stays = between
            .iter()
            .any(|inst| inst.op == Op::Loop || inst.op.effects().reads.overlaps(reads));
        (!stays).then_some(Change::Drop)
    });
}

fn snapshot_only(edit: &mut Edit) {
    let mut read = vec![false; edit.trace.insts.len()];
    for arg in edit.trace.insts.iter().flat_map(|inst| inst.args.iter()) {
        read[arg.0 as usize] = true;
    }
    edit.snapshots(|trace, _, snapshot| {
        let before = snapshot.slots.len();
        snapshot.slots.retain(|&(_, value)| {
            read[value.0 as usize]
                || !trace.inst(value).op.effects().is_pure()
                || trace.inst(value).op.is_constant()
        });
        snapshot.slots.len() < before
    });
}
