//! The `math` library, with the deprecated functions that PUC keeps for Lua 5.3.
//!
//! In:  numbers.   Out: what the C library's functions give, as in PUC; so equality with PUC
//!      holds on the same machine.
//!
//! Invariants:
//! - `floor`, `ceil` and `modf` return an integer whenever the result fits one;
//! - `min` and `max` compare with `<`, metamethods included, and return one of their arguments;
//! - the generator starts from a fixed seed, so that a program without `randomseed` repeats.
//!
//! Limits: `randomseed()` draws the new seed from the generator itself, where PUC takes the
//! clock and an address.

use super::random::Random;
use crate::heap::number::{Rounding, float_to_int, parse_number};
use crate::heap::{TableRef, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::native::{Args, Intrinsic, NativeFunction, Returned};

/// The keys of the library in the order in which PUC makes them.
#[rustfmt::skip]
pub(super) const KEYS: &[&str] = &[
    "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "tointeger", "floor", "fmod", "ult", "log",
    "max", "min", "modf", "rad", "sin", "sqrt", "tan", "type", "atan2", "cosh", "sinh", "tanh", "pow",
    "frexp", "ldexp", "log10", "random", "randomseed", "pi", "huge", "maxinteger", "mininteger",
];

pub static FUNCTIONS: [NativeFunction; 28] = [
    NativeFunction { name: "abs", call: abs, intrinsic: Some(Intrinsic::MathAbs) },
    NativeFunction { name: "acos", call: |vm, args| unary(vm, args, f64::acos), intrinsic: None },
    NativeFunction { name: "asin", call: |vm, args| unary(vm, args, f64::asin), intrinsic: None },
    NativeFunction { name: "atan", call: atan, intrinsic: None },
    NativeFunction { name: "ceil", call: ceil, intrinsic: Some(Intrinsic::MathCeil) },
    NativeFunction {
        name: "cos",
        call: |vm, args| unary(vm, args, f64::cos),
        intrinsic: Some(Intrinsic::MathCos),
    },
    NativeFunction { name: "deg", call: deg, intrinsic: None },
    NativeFunction {
        name: "exp",
        call: |vm, args| unary(vm, args, f64::exp),
        intrinsic: Some(Intrinsic::MathExp),
    },
    NativeFunction {
        name: "tointeger",
        call: tointeger,
        intrinsic: Some(Intrinsic::MathToInteger),
    },
    NativeFunction { name: "floor", call: floor, intrinsic: Some(Intrinsic::MathFloor) },
    NativeFunction { name: "fmod", call: fmod, intrinsic: Some(Intrinsic::MathFmod) },
    NativeFunction { name: "ult", call: ult, intrinsic: Some(Intrinsic::MathUlt) },
    NativeFunction { name: "log", call: log, intrinsic: Some(Intrinsic::MathLog) },
    NativeFunction { name: "max", call: max, intrinsic: Some(Intrinsic::MathMax) },
    NativeFunction { name: "min", call: min, intrinsic: Some(Intrinsic::MathMin) },
    NativeFunction { name: "modf", call: modf, intrinsic: None },
    NativeFunction { name: "rad", call: rad, intrinsic: None },
    NativeFunction {
        name: "sin",
        call: |vm, args| unary(vm, args, f64::sin),
        intrinsic: Some(Intrinsic::MathSin),
    },
    NativeFunction {
        name: "sqrt",
        call: |vm, args| unary(vm, args, f64::sqrt),
        intrinsic: Some(Intrinsic::MathSqrt),
    },
    NativeFunction {
        name: "tan",
        call: |vm, args| unary(vm, args, f64::tan),
        intrinsic: Some(Intrinsic::MathTan),
    },
    NativeFunction { name: "type", call: type_of, intrinsic: Some(Intrinsic::MathType) },
    NativeFunction { name: "cosh", call: |vm, args| unary(vm, args, f64::cosh), intrinsic: None },
    NativeFunction { name: "sinh", call: |vm, args| unary(vm, args, f64::sinh), intrinsic: None },
    NativeFunction { name: "tanh", call: |vm, args| unary(vm, args, f64::tanh), intrinsic: None },
    NativeFunction { name: "log10", call: |vm, args| unary(vm, args, f64::log10), intrinsic: None },
    NativeFunction { name: "pow", call: pow, intrinsic: None },
    NativeFunction { name: "frexp", call: frexp, intrinsic: None },
    NativeFunction { name: "ldexp", call: ldexp, intrinsic: None },
];

/// Functions that share the generator as their upvalue.
static RANDOM: NativeFunction = NativeFunction { name: "random", call: random, intrinsic: None };
static RANDOMSEED: NativeFunction =
    NativeFunction { name: "randomseed", call: randomseed, intrinsic: None };

/// Constants, the generator, and the second name of `atan`.
pub fn finish(vm: &mut Vm, library: TableRef) {
    let constants = [
        ("pi", Value::float(std::f64::consts::PI)),
        ("huge", Value::float(f64::INFINITY)),
        ("maxinteger", Value::int(i64::MAX)),
        ("mininteger", Value::int(i64::MIN)),
    ];
    for (name, value) in constants {
        library.set_name(&mut vm.heap, name, value);
    }
    let atan_name = vm.heap.new_string(b"atan");
    let atan = library.get_str(atan_name);
    library.set_name(&mut vm.heap, "atan2", atan);
    let generator = Value::from(vm.heap.new_userdata(Box::new(Random::seeded(0, 0)), None));
    for function in [&RANDOM, &RANDOMSEED] {
        let closure = vm.heap.new_native_closure(function, &[generator]);
        library.set_name(&mut vm.heap, function.name, Value::from(closure));
    }
}

fn unary(vm: &mut Vm, args: Args, function: fn(f64) -> f64) -> LuaResult<Returned> {
    let x = vm.check_float(args, 1)?;
    vm.ret(Value::float(function(x)))
}

fn abs(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    if let Some(int) = vm.arg(args, 1).as_int() {
        return vm.ret(Value::int(int.wrapping_abs()));
    }
    unary(vm, args, f64::abs)
}

/// An integer if the integral float `x` fits one.
fn integral(x: f64) -> Value {
    float_to_int(x, Rounding::Exact).map_or(Value::float(x), Value::int)
}

fn floor(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    round(vm, args, f64::floor)
}

fn ceil(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    round(vm, args, f64::ceil)
}

fn round(vm: &mut Vm, args: Args, function: fn(f64) -> f64) -> LuaResult<Returned> {
    let x = vm.arg(args, 1);
    if x.is_int() {
        vm.keep_args(args, 0);
        return vm.ret(x);
    }
    let x = vm.check_float(args, 1)?;
    vm.ret(integral(function(x)))
}

fn modf(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let x = vm.arg(args, 1);
    if x.is_int() {
        vm.keep_args(args, 0);
        return vm.ret_all(&[x, Value::float(0.0)]);
    }
    let x = vm.check_float(args, 1)?;
    let whole = if x < 0.0 { x.ceil() } else { x.floor() };
    // Infinity minus itself would not be 0.
    let fraction = if x == whole { 0.0 } else { x - whole };
    vm.ret_all(&[integral(whole), Value::float(fraction)])
}

fn fmod(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    if let (Some(a), Some(b)) = (vm.arg(args, 1).as_int(), vm.arg(args, 2).as_int()) {
        if b == 0 {
            return Err(vm.arg_error(2, "zero"));
        }
        return vm.ret(Value::int(a.wrapping_rem(b)));
    }
    // In PUC both checks are arguments of one C call; GCC evaluates them from the right on x86-64 and
    // from the left on ARM64, which shows in the message when both are wrong.
    if cfg!(target_arch = "aarch64") {
        vm.check_float(args, 1)?;
    }
    let b = vm.check_float(args, 2)?;
    let a = vm.check_float(args, 1)?;
    vm.ret(Value::float(a % b))
}

fn ult(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let a = vm.check_int(args, 1)?;
    let b = vm.check_int(args, 2)?;
    vm.ret(Value::bool((a as u64) < b as u64))
}

fn log(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let x = vm.check_float(args, 1)?;
    if vm.arg(args, 2).is_nil() {
        return vm.ret(Value::float(x.ln()));
    }
    let base = vm.check_float(args, 2)?;
    let result = match base {
        2.0 => x.log2(),
        10.0 => x.log10(),
        _ => x.ln() / base.ln(),
    };
    vm.ret(Value::float(result))
}

fn atan(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let y = vm.check_float(args, 1)?;
    let x = vm.opt_float(args, 2, 1.0)?;
    vm.ret(Value::float(y.atan2(x)))
}

fn pow(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let x = vm.check_float(args, 1)?;
    let y = vm.check_float(args, 2)?;
    vm.ret(Value::float(x.powf(y)))
}

fn deg(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    unary(vm, args, |x| x * (180.0 / std::f64::consts::PI))
}

fn rad(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    unary(vm, args, |x| x * (std::f64::consts::PI / 180.0))
}

fn tointeger(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let value = vm.check_any(args, 1)?;
    let number = value.as_str().map_or(Some(value), |s| parse_number(s.as_bytes()));
    let int = number.and_then(|number| {
        let from_float = number.as_float().and_then(|x| float_to_int(x, Rounding::Exact));
        number.as_int().or(from_float)
    });
    vm.ret(int.map_or(Value::NIL, Value::int))
}

fn type_of(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let value = vm.check_any(args, 1)?;
    if value.is_int() {
        vm.ret_str(b"integer")
    } else if value.is_float() {
        vm.ret_str(b"float")
    } else {
        vm.ret(Value::NIL)
    }
}

fn min(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    extremum(vm, args, |vm, candidate, best| vm.less_than(candidate, best))
}

fn max(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    extremum(vm, args, |vm, candidate, best| vm.less_than(best, candidate))
}

fn extremum(
    vm: &mut Vm,
    args: Args,
    is_better: fn(&mut Vm, Value, Value) -> LuaResult<bool>,
) -> LuaResult<Returned> {
    let mut best = vm.check_any(args, 1)?;
    for n in 2..=args.len() {
        let candidate = vm.arg(args, n);
        if is_better(vm, candidate, best)? {
            best = candidate;
        }
    }
    vm.ret(best)
}

/// `x == mantissa * 2^exponent` with the mantissa in `[0.5, 1)`.
fn frexp(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let x = vm.check_float(args, 1)?;
    let (mantissa, exponent) = split_exponent(x);
    vm.ret_all(&[Value::float(mantissa), Value::int(exponent)])
}

fn split_exponent(x: f64) -> (f64, i64) {
    const EXPONENT_MASK: u64 = 0x7ff << 52;
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    if x.is_subnormal() {
        let (mantissa, exponent) = split_exponent(x * (1u64 << 54) as f64);
        return (mantissa, exponent - 54);
    }
    let exponent = ((x.to_bits() & EXPONENT_MASK) >> 52) as i64 - 1022;
    (f64::from_bits(x.to_bits() & !EXPONENT_MASK | 1022 << 52), exponent)
}

fn ldexp(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let x = vm.check_float(args, 1)?;
    // C's `ldexp` takes an `int`.
    let exponent = vm.check_int(args, 2)? as i32;
    vm.ret(Value::float(scale(x, exponent)))
}

/// `x * 2^exponent`, rounded once: the steps downwards keep 53 bits above the least exponent.
fn scale(mut x: f64, exponent: i32) -> f64 {
    let power = |e: i32| f64::from_bits(((e + 1023) as u64) << 52);
    let mut rest = exponent.clamp(-3000, 3000);
    while rest > 1023 {
        x *= power(1023);
        rest -= 1023;
    }
    for _ in 0..2 {
        if rest < -1022 {
            x *= power(-1022 + 53);
            rest += 1022 - 53;
        }
    }
    x * power(rest.max(-1022))
}

/// Runs `f` on the generator that the library's functions share.
fn with_generator<R>(vm: &Vm, f: impl FnOnce(&mut Random) -> R) -> R {
    let generator = vm.native_upvalue(1).as_userdata();
    generator.and_then(|userdata| userdata.with(f)).expect("upvalue 1 holds the generator")
}

fn random(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    // PUC draws before it looks at the arguments, so a failed call advances the sequence too.
    let word = with_generator(vm, Random::next_u64);
    let (low, high) = match args.len() {
        0 => return vm.ret(Value::float(Random::unit_float(word))),
        1 => match vm.check_int(args, 1)? {
            0 => return vm.ret(Value::int(word as i64)),
            high => (1, high),
        },
        2 => (vm.check_int(args, 1)?, vm.check_int(args, 2)?),
        _ => return Err(vm.error("wrong number of arguments")),
    };
    if low > high {
        return Err(vm.arg_error(1, "interval is empty"));
    }
    let limit = (high as u64).wrapping_sub(low as u64);
    let offset = with_generator(vm, |generator| generator.project(word, limit));
    vm.ret(Value::int(offset.wrapping_add(low as u64) as i64))
}

fn randomseed(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let (n1, n2) = if args.len() == 0 {
        with_generator(vm, |generator| (generator.next_u64() as i64, generator.next_u64() as i64))
    } else {
        (vm.check_int(args, 1)?, vm.opt_int(args, 2, 0)?)
    };
    with_generator(vm, |generator| *generator = Random::seeded(n1 as u64, n2 as u64));
    vm.ret_all(&[Value::int(n1), Value::int(n2)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_rounds_once() {
        assert_eq!(scale(1.0, -1074), f64::from_bits(1));
        assert_eq!(scale(1.0, -1075), 0.0);
        assert_eq!(scale(f64::from_bits(0x3fff_ffff_ffff_ffff), -1023), f64::MIN_POSITIVE);
        assert_eq!(scale(f64::from_bits(1), 2097), f64::from_bits(0x7fe0_0000_0000_0000));
        assert_eq!(scale(1.0, 1024), f64::INFINITY);
        assert_eq!(scale(0.0, i32::MAX), 0.0);
    }

    #[test]
    fn exponents_are_split() {
        assert_eq!(split_exponent(8.0), (0.5, 4));
        assert_eq!(split_exponent(-0.75), (-0.75, 0));
        assert_eq!(split_exponent(f64::from_bits(1)), (0.5, -1073));
        assert_eq!(split_exponent(f64::NEG_INFINITY), (f64::NEG_INFINITY, 0));
    }
}
