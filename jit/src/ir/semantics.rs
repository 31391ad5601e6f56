//! What the arithmetic ops and register-only guards compute.
//!
//! In:  an op and its operands' 64-bit payloads.   Out: the result's payload, or whether it holds.
//!
//! One home for the evaluator and for constant folding, so that both agree bit for bit; the
//! numbers' own rules (manual 3.4.1 to 3.4.4) are the interpreter's, in `heap::number`.
//!
//! Limits: the sign and payload of a NaN result are the host's; Lua programs cannot tell except
//! by printing, and folding leaves NaN results alone ([`super::super::opt::fold`]).

use super::op::Op;
use crate::heap::number;

const TWO_53: i64 = 1 << 53;

/// The payload that an arithmetic op or conversion yields. None for other ops, for a zero divisor
/// and for a float without an equal integer.
pub fn compute(op: Op, args: &[u64]) -> Option<u64> {
    let int = |index: usize| args[index] as i64;
    let float = |index: usize| f64::from_bits(args[index]);
    let from_int = |value: i64| Some(value as u64);
    let from_float = |value: f64| Some(value.to_bits());
    match op {
        Op::Add => from_int(int(0).wrapping_add(int(1))),
        Op::Sub => from_int(int(0).wrapping_sub(int(1))),
        Op::Mul => from_int(int(0).wrapping_mul(int(1))),
        Op::IDiv => number::int_floor_div(int(0), int(1)).map(|value| value as u64),
        Op::IMod => number::int_mod(int(0), int(1)).map(|value| value as u64),
        Op::Neg => from_int(int(0).wrapping_neg()),
        Op::BAnd => from_int(int(0) & int(1)),
        Op::BOr => from_int(int(0) | int(1)),
        Op::BXor => from_int(int(0) ^ int(1)),
        Op::BNot => from_int(!int(0)),
        Op::Shl => from_int(number::shift_left(int(0), int(1))),
        Op::Shr => from_int(number::shift_right(int(0), int(1))),
        Op::IMin => from_int(int(0).min(int(1))),
        Op::IMax => from_int(int(0).max(int(1))),
        Op::IAbs => from_int(int(0).wrapping_abs()),
        Op::FAdd => from_float(float(0) + float(1)),
        Op::FSub => from_float(float(0) - float(1)),
        Op::FMul => from_float(float(0) * float(1)),
        Op::FDiv => from_float(float(0) / float(1)),
        Op::FMod => from_float(number::float_mod(float(0), float(1))),
        Op::FPow => from_float(number::float_pow(float(0), float(1))),
        // Bit operations, so that a NaN's sign flips as well.
        Op::FNeg => Some(args[0] ^ (1 << 63)),
        Op::FAbs => Some(args[0] & !(1 << 63)),
        Op::FSqrt => from_float(float(0).sqrt()),
        Op::FFloor => from_float(float(0).floor()),
        Op::FCeil => from_float(float(0).ceil()),
        Op::FMin => Some(if float(1) < float(0) { args[1] } else { args[0] }),
        Op::FMax => Some(if float(0) < float(1) { args[1] } else { args[0] }),
        Op::IntToFloat => from_float(int(0) as f64),
        Op::FloatToInt => number::float_to_int_exact(float(0)).map(|value| value as u64),
        _ => None,
    }
}

/// Whether a guard over registers alone holds. None for other ops.
// The negated float comparisons are the guards' definitions; a NaN makes both false.
#[allow(clippy::neg_cmp_op_on_partial_ord)]
pub fn holds(op: Op, args: &[u64]) -> Option<bool> {
    let int = |index: usize| args[index] as i64;
    let float = |index: usize| f64::from_bits(args[index]);
    Some(match op {
        Op::GuardILt => int(0) < int(1),
        Op::GuardILe => int(0) <= int(1),
        Op::GuardIEq => int(0) == int(1),
        Op::GuardINe => int(0) != int(1),
        Op::GuardULt => args[0] < args[1],
        Op::GuardFits53 => (-TWO_53..=TWO_53).contains(&int(0)),
        Op::GuardFLt => float(0) < float(1),
        Op::GuardFLe => float(0) <= float(1),
        Op::GuardFNLt => !(float(0) < float(1)),
        Op::GuardFNLe => !(float(0) <= float(1)),
        Op::GuardFEq => float(0) == float(1),
        Op::GuardFNe => float(0) != float(1),
        Op::GuardPEq => args[0] == args[1],
        Op::GuardPNe => args[0] != args[1],
        Op::GuardNull => args[0] == 0,
        Op::GuardNonNull => args[0] != 0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::op::Ty;
    use mlua::Lua;

    const INTS: [i64; 14] = [0, 1, -1, 2, -2, 3, 7, -7, 63, 64, 65, -64, i64::MAX, i64::MIN];
    const FLOATS: [f64; 16] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -2.5,
        2.0,
        3.0,
        -3.0,
        1e300,
        5e-324,
        9_223_372_036_854_775_808.0,
        -9_223_372_036_854_775_808.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];

    /// What the reference computes for each op, as Lua source over `a` and `b`.
    const INT_OPS: [(Op, &str); 15] = [
        (Op::Add, "a + b"),
        (Op::Sub, "a - b"),
        (Op::Mul, "a * b"),
        (Op::IDiv, "b ~= 0 and a // b"),
        (Op::IMod, "b ~= 0 and a % b"),
        (Op::Neg, "-a"),
        (Op::BAnd, "a & b"),
        (Op::BOr, "a | b"),
        (Op::BXor, "a ~ b"),
        (Op::BNot, "~a"),
        (Op::Shl, "a << b"),
        (Op::Shr, "a >> b"),
        (Op::IMin, "math.min(a, b)"),
        (Op::IMax, "math.max(a, b)"),
        (Op::IAbs, "math.abs(a)"),
    ];
    const FLOAT_OPS: [(Op, &str); 12] = [
        (Op::FAdd, "a + b"),
        (Op::FSub, "a - b"),
        (Op::FMul, "a * b"),
        (Op::FDiv, "a / b"),
        (Op::FMod, "a % b"),
        (Op::FPow, "a ^ b"),
        (Op::FNeg, "-a"),
        (Op::FAbs, "math.abs(a)"),
        (Op::FSqrt, "math.sqrt(a)"),
        (Op::FMin, "math.min(a, b)"),
        (Op::FMax, "math.max(a, b)"),
        // Multiplying a zero quotient keeps its sign, so `//` shows the floor of `a / b`.
        (Op::FFloor, "a // 1.0"),
    ];

    #[test]
    fn integer_ops_agree_with_the_reference() {
        let lua = Lua::new();
        for (op, source) in INT_OPS {
            let chunk = format!("local a, b = ...; return {source} or nil");
            let reference = lua.load(chunk).into_function().unwrap();
            for (a, b) in pairs(&INTS) {
                let expected: Option<i64> = reference.call((a, b)).unwrap();
                let args = [a as u64, b as u64];
                assert_eq!(compute(op, &args).map(|v| v as i64), expected, "{op} {a} {b}");
            }
        }
    }

    #[test]
    fn float_ops_agree_with_the_reference() {
        let lua = Lua::new();
        for (op, source) in FLOAT_OPS {
            let chunk = format!("local a, b = ...; return {source}");
            let reference = lua.load(chunk).into_function().unwrap();
            for (a, b) in pairs(&FLOATS) {
                // mlua passes a float with an integral value as a float.
                let expected: f64 = reference.call((a, b)).unwrap();
                let found = f64::from_bits(compute(op, &[a.to_bits(), b.to_bits()]).unwrap());
                let same =
                    found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
                assert!(same, "{op} {a:?} {b:?}: {found:?}, reference {expected:?}");
            }
        }
    }

    #[test]
    fn conversions_agree_with_the_reference() {
        let lua = Lua::new();
        let to_int = lua.load("return math.tointeger((...))").into_function().unwrap();
        let to_float = lua.load("return (...) + 0.0").into_function().unwrap();
        for a in FLOATS {
            let expected: Option<i64> = to_int.call(a).unwrap();
            assert_eq!(number::float_to_int_exact(a), expected, "{a:?}");
        }
        for a in INTS {
            let expected: f64 = to_float.call(a).unwrap();
            assert_eq!(compute(Op::IntToFloat, &[a as u64]), Some(expected.to_bits()), "{a}");
        }
    }

    #[test]
    fn guards_agree_with_the_reference() {
        let lua = Lua::new();
        let guards = [
            (Op::GuardILt, Op::GuardFLt, "a < b"),
            (Op::GuardILe, Op::GuardFLe, "a <= b"),
            (Op::GuardIEq, Op::GuardFEq, "a == b"),
            (Op::GuardINe, Op::GuardFNe, "a ~= b"),
        ];
        for (int_guard, float_guard, source) in guards {
            let chunk = format!("local a, b = ...; return {source}");
            let reference = lua.load(chunk).into_function().unwrap();
            for (a, b) in pairs(&INTS) {
                let expected: bool = reference.call((a, b)).unwrap();
                assert_eq!(holds(int_guard, &[a as u64, b as u64]), Some(expected));
            }
            for (a, b) in pairs(&FLOATS) {
                let args = [a.to_bits(), b.to_bits()];
                let expected: bool = reference.call((a, b)).unwrap();
                assert_eq!(holds(float_guard, &args), Some(expected), "{a:?} {source} {b:?}");
                let negated = match float_guard {
                    Op::GuardFLt => Op::GuardFNLt,
                    Op::GuardFLe => Op::GuardFNLe,
                    _ => continue,
                };
                assert_eq!(holds(negated, &args), Some(!expected), "not {a:?} {source} {b:?}");
            }
        }
    }

    #[test]
    fn guards_of_words() {
        assert_eq!(holds(Op::GuardULt, &[u64::MAX, 1]), Some(false));
        assert_eq!(holds(Op::GuardULt, &[0, 1]), Some(true));
        assert_eq!(holds(Op::GuardFits53, &[1 << 53]), Some(true));
        assert_eq!(holds(Op::GuardFits53, &[(1 << 53) + 1]), Some(false));
        assert_eq!(holds(Op::GuardFits53, &[-((1i64 << 53) + 1) as u64]), Some(false));
        assert_eq!(holds(Op::GuardNull, &[0]), Some(true));
        assert_eq!(holds(Op::GuardPNe, &[8, 8]), Some(false));
    }

    /// Every op without memory is defined here, and no other.
    #[test]
    fn covers_the_op_table() {
        for &op in Op::ALL {
            let effects = op.effects();
            let numeric = op
                .operands()
                .iter()
                .all(|kind| [Ty::Int, Ty::Float, Ty::Ptr].iter().any(|ty| ty.matches(*kind)));
            let registers_only = effects.reads.is_none()
                && effects.writes.is_none()
                && !effects.structural
                && !op.operands().is_empty()
                && numeric;
            let args = [1.0f64.to_bits(); 3];
            let defined = compute(op, &args).is_some() || holds(op, &args).is_some();
            assert_eq!(defined, registers_only, "{op}");
        }
    }

    fn pairs<T: Copy>(values: &[T]) -> impl Iterator<Item = (T, T)> + '_ {
        values.iter().flat_map(|&a| values.iter().map(move |&b| (a, b)))
    }
}
