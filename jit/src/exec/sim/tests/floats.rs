//! Float instructions on edge operands. Expected NaNs follow Arm's rules, written here a second time.

use dynasmrt::{DynasmApi, dynasm};

use super::support::{Assembler, FLOATS, INTEGERS, Probe, asm};

type Emit = fn(&mut Assembler);

const DEFAULT_NAN: u64 = 0x7ff8_0000_0000_0000;

fn is_nan(bits: u64) -> bool {
    f64::from_bits(bits).is_nan()
}

/// The first signalling NaN quieted, else the first quiet NaN, else the default NaN.
fn nan_of(operands: &[u64]) -> u64 {
    const QUIET: u64 = 0x0008_0000_0000_0000;
    let nans: Vec<u64> = operands.iter().copied().filter(|bits| is_nan(*bits)).collect();
    let signalling = nans.iter().find(|bits| **bits & QUIET == 0);
    signalling.or(nans.first()).map_or(DEFAULT_NAN, |bits| bits | QUIET)
}

fn result(value: f64, operands: &[u64]) -> u64 {
    if value.is_nan() { nan_of(operands) } else { value.to_bits() }
}

fn check_pairs(cases: &[(Emit, fn(u64, u64) -> u64)]) {
    for (number, (emit, expect)) in cases.iter().enumerate() {
        let mut probe = Probe::new(emit);
        for a in FLOATS {
            for b in FLOATS {
                let (actual, expected) = (probe.run([a, b, 0]).d0, expect(a, b));
                assert_eq!(actual, expected, "case {number}: {a:#x} {b:#x} gave {actual:#x}");
            }
        }
    }
}

fn f(bits: u64) -> f64 {
    f64::from_bits(bits)
}

#[test]
fn arithmetic() {
    check_pairs(&[
        (asm!(fadd d0, d2, d3), |a, b| result(f(a) + f(b), &[a, b])),
        (asm!(fsub d0, d2, d3), |a, b| result(f(a) - f(b), &[a, b])),
        (asm!(fmul d0, d2, d3), |a, b| result(f(a) * f(b), &[a, b])),
        (asm!(fdiv d0, d2, d3), |a, b| result(f(a) / f(b), &[a, b])),
        (asm!(fnmul d0, d2, d3), |a, b| result(f(a) * f(b), &[a, b]) ^ 1 << 63),
    ]);
}

/// `fmin` and `fmax` order zeros and propagate NaNs; the `nm` forms prefer a number to a quiet NaN.
#[test]
fn minima_and_maxima() {
    fn least(a: u64, b: u64) -> u64 {
        match f(a).partial_cmp(&f(b)) {
            None => nan_of(&[a, b]),
            Some(std::cmp::Ordering::Equal) if a != b => 1 << 63,
            Some(std::cmp::Ordering::Less) => a,
            Some(_) => b,
        }
    }
    fn greatest(a: u64, b: u64) -> u64 {
        if is_nan(a) || is_nan(b) { nan_of(&[a, b]) } else { negate(least(negate(a), negate(b))) }
    }
    fn negate(bits: u64) -> u64 {
        bits ^ 1 << 63
    }
    fn number(a: u64, b: u64, choose: fn(u64, u64) -> u64) -> u64 {
        let quiet = |bits: u64| is_nan(bits) && bits & 1 << 51 != 0;
        match (quiet(a), quiet(b)) {
            (true, false) if !is_nan(b) => b,
            (false, true) if !is_nan(a) => a,
            _ => choose(a, b),
        }
    }
    check_pairs(&[
        (asm!(fmin d0, d2, d3), least),
        (asm!(fmax d0, d2, d3), greatest),
        (asm!(fminnm d0, d2, d3), |a, b| number(a, b, least)),
        (asm!(fmaxnm d0, d2, d3), |a, b| number(a, b, greatest)),
    ]);
}

#[test]
fn one_operand() {
    check_pairs(&[
        (asm!(fmov d0, d2), |a, _| a),
        (asm!(fneg d0, d2), |a, _| a ^ 1 << 63),
        (asm!(fabs d0, d2), |a, _| a & u64::MAX >> 1),
        (asm!(fsqrt d0, d2), |a, _| result(f(a).sqrt(), &[a])),
        (asm!(frintm d0, d2), |a, _| result(f(a).floor(), &[a])),
        (asm!(frintp d0, d2), |a, _| result(f(a).ceil(), &[a])),
        (asm!(frintz d0, d2), |a, _| result(f(a).trunc(), &[a])),
        (asm!(frinta d0, d2), |a, _| result(f(a).round(), &[a])),
        (asm!(frintn d0, d2), |a, _| result(f(a).round_ties_even(), &[a])),
        (asm!(frintx d0, d2), |a, _| result(f(a).round_ties_even(), &[a])),
    ]);
    let half = f64::to_bits(0.5);
    assert_eq!(f(Probe::new(asm!(frinta d0, d2)).run([half, 0, 0]).d0), 1.0);
    assert_eq!(f(Probe::new(asm!(frintn d0, d2)).run([half, 0, 0]).d0), 0.0);
}

#[test]
fn fused() {
    let cases: [(Emit, u64, u64); 4] = [
        (asm!(fmadd d0, d2, d3, d4), 0, 0),
        (asm!(fmsub d0, d2, d3, d4), 1 << 63, 0),
        (asm!(fnmadd d0, d2, d3, d4), 1 << 63, 1 << 63),
        (asm!(fnmsub d0, d2, d3, d4), 0, 1 << 63),
    ];
    for (number, (emit, product_sign, addend_sign)) in cases.into_iter().enumerate() {
        let mut probe = Probe::new(emit);
        for a in FLOATS {
            for b in FLOATS {
                for c in [0, 1 << 63, f64::to_bits(-1.0), FLOATS[10], FLOATS[13], FLOATS[14]] {
                    let (x, z) = (a ^ product_sign, c ^ addend_sign);
                    let value = f(x).mul_add(f(b), f(z));
                    let invalid = (f(x) * f(b)).is_nan() && !is_nan(x) && !is_nan(b);
                    let expected = if invalid && nan_of(&[z]) == z && is_nan(z) {
                        DEFAULT_NAN
                    } else {
                        result(value, &[z, x, b])
                    };
                    let actual = probe.run([a, b, c]).d0;
                    assert_eq!(
                        actual, expected,
                        "case {number}: {a:#x} {b:#x} {c:#x}: {actual:#x}"
                    );
                }
            }
        }
    }
    // One rounding: (1 + 2^-30)(1 - 2^-30) - 1 is not 0.
    let (a, b) = (1.0 + 2f64.powi(-30), 1.0 - 2f64.powi(-30));
    let operands = [a.to_bits(), b.to_bits(), f64::to_bits(-1.0)];
    assert_eq!(f(Probe::new(asm!(fmadd d0, d2, d3, d4)).run(operands).d0), -(2f64.powi(-60)));
}

fn compared(a: u64, b: u64) -> u8 {
    match f(a).partial_cmp(&f(b)) {
        Some(std::cmp::Ordering::Less) => 0b1000,
        Some(std::cmp::Ordering::Equal) => 0b0110,
        Some(std::cmp::Ordering::Greater) => 0b0010,
        None => 0b0011,
    }
}

#[test]
fn comparison() {
    let cases: [(Emit, fn(u64, u64) -> u8); 5] = [
        (asm!(fcmp d2, d3), compared),
        (asm!(fcmpe d2, d3), compared),
        (asm!(fcmp d2, 0.0), |a, _| compared(a, 0)),
        (asm!(fcmpe d2, 0.0), |a, _| compared(a, 0)),
        (asm!(cmp xzr, xzr; fccmp d2, d3, 9, eq), compared),
    ];
    for (emit, flags) in cases {
        let mut probe = Probe::with_flags(0b1111, emit);
        for a in FLOATS {
            for b in FLOATS {
                assert_eq!(probe.run([a, b, 0]).nzcv, flags(a, b), "{a:#x} {b:#x}");
            }
        }
    }
    assert_eq!(Probe::new(asm!(fccmp d2, d3, 9, eq)).run([0, 0, 0]).nzcv, 9);
}

#[test]
fn select() {
    check_pairs(&[
        (asm!(fcmp d2, d3; fcsel d0, d2, d3, mi), |a, b| if f(a) < f(b) { a } else { b }),
        (
            asm!(fcmp d2, d3; fcsel d0, d2, d3, vs),
            |a, b| {
                if is_nan(a) || is_nan(b) { a } else { b }
            },
        ),
    ]);
}

#[test]
fn integers_to_floats_and_back() {
    let to_float: [(Emit, fn(u64) -> f64); 4] = [
        (asm!(scvtf d0, x2), |a| a as i64 as f64),
        (asm!(ucvtf d0, x2), |a| a as f64),
        (asm!(scvtf d0, w2), |a| a as i32 as f64),
        (asm!(ucvtf d0, w2), |a| a as u32 as f64),
    ];
    for (emit, expect) in to_float {
        let mut probe = Probe::new(emit);
        for a in INTEGERS.into_iter().chain(FLOATS) {
            assert_eq!(f(probe.run([a, 0, 0]).d0), expect(a), "{a:#x}");
        }
    }
    // Saturation and NaN -> 0, spelled out rather than left to `as`.
    fn saturate(value: f64, least: i128, greatest: i128) -> u64 {
        if value.is_nan() {
            0
        } else if value <= least as f64 {
            least as u64
        } else if value >= greatest as f64 {
            greatest as u64
        } else {
            value as i128 as u64
        }
    }
    fn i64_of(value: f64) -> u64 {
        saturate(value, i64::MIN as i128, i64::MAX as i128)
    }
    fn u64_of(value: f64) -> u64 {
        saturate(value, 0, u64::MAX as i128)
    }
    let to_int: [(Emit, fn(f64) -> u64); 12] = [
        (asm!(fcvtzs x0, d2), |v| i64_of(v.trunc())),
        (asm!(fcvtzu x0, d2), |v| u64_of(v.trunc())),
        (asm!(fcvtms x0, d2), |v| i64_of(v.floor())),
        (asm!(fcvtmu x0, d2), |v| u64_of(v.floor())),
        (asm!(fcvtps x0, d2), |v| i64_of(v.ceil())),
        (asm!(fcvtpu x0, d2), |v| u64_of(v.ceil())),
        (asm!(fcvtns x0, d2), |v| i64_of(v.round_ties_even())),
        (asm!(fcvtnu x0, d2), |v| u64_of(v.round_ties_even())),
        (asm!(fcvtas x0, d2), |v| i64_of(v.round())),
        (asm!(fcvtau x0, d2), |v| u64_of(v.round())),
        (asm!(fcvtzs w0, d2), |v| {
            saturate(v.trunc(), i32::MIN as i128, i32::MAX as i128) as u32 as u64
        }),
        (asm!(fcvtzu w0, d2), |v| saturate(v.trunc(), 0, u32::MAX as i128)),
    ];
    for (number, (emit, expect)) in to_int.into_iter().enumerate() {
        let mut probe = Probe::new(emit);
        for a in FLOATS {
            assert_eq!(probe.run([a, 0, 0]).x0, expect(f(a)), "case {number}: {}", f(a));
        }
    }
}

#[test]
fn moves_between_the_files() {
    let mut probe = Probe::new(asm!(fmov x0, d2; fmov d0, x3));
    let outcome = probe.run([0x8123_4567_89ab_cdef, 0xf, 0]);
    assert_eq!((outcome.x0, outcome.d0), (0x8123_4567_89ab_cdef, 0xf));
    let mut probe = Probe::new(asm!(fmov w0, s2; fmov s0, w3));
    let outcome = probe.run([0x8123_4567_89ab_cdef, 0x1_2345_6789, 0]);
    assert_eq!((outcome.x0, outcome.d0), (0x89ab_cdef, 0x2345_6789));
    let mut probe = Probe::new(asm!(movi d0, 0xff00_ff00_00ff_00ff));
    assert_eq!(probe.run([0; 3]).d0, 0xff00_ff00_00ff_00ff);
}

/// All 256 immediates of `fmov`: +-(16..31)/16 * 2^(-3..4).
#[test]
fn immediates() {
    for sign in [1.0f32, -1.0] {
        for fraction in 16..32 {
            for exponent in -3..=4 {
                let value = sign * fraction as f32 / 16.0 * 2f32.powi(exponent);
                let mut probe = Probe::new(|a| dynasm!(a ; .arch aarch64 ; fmov d0, value));
                assert_eq!(f(probe.run([0; 3]).d0), value as f64);
            }
        }
    }
}

/// Half and single precision are not modelled: they must trap, not be taken for double.
#[test]
fn other_precisions_trap() {
    for emit in [
        asm!(fadd s0, s2, s3) as Emit,
        asm!(fmul h0, h2, h3),
        asm!(fcvt d0, s2),
        asm!(fcmp s2, s3),
        asm!(fcvtzs x0, s2),
        asm!(scvtf s0, x2),
        asm!(fcvtzs x0, d2, 4),
    ] {
        let trap = super::support::Bench::new().trap(emit, 0);
        assert_eq!(trap.kind, crate::exec::TrapKind::UnknownInstruction, "{trap}");
    }
}
