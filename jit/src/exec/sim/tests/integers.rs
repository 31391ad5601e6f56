//! Integer instructions on edge operands, against Rust's own arithmetic.

use dynasmrt::aarch64::{encode_logical_immediate_32bit, encode_logical_immediate_64bit};
use dynasmrt::{DynasmApi, dynasm};

use super::support::{Assembler, INTEGERS, Probe, asm};

type Emit = fn(&mut Assembler);
type Expect = fn(u64, u64, u64) -> u64;

/// Runs each instruction on all pairs of edge operands (the third operand varies along).
fn check(cases: &[(Emit, Expect)]) {
    for (number, (emit, expect)) in cases.iter().enumerate() {
        let mut probe = Probe::new(emit);
        for (i, a) in INTEGERS.into_iter().enumerate() {
            for (j, b) in INTEGERS.into_iter().enumerate() {
                let c = INTEGERS[(i + 3 * j) % INTEGERS.len()];
                let (actual, expected) = (probe.run([a, b, c]).x0, expect(a, b, c));
                assert_eq!(actual, expected, "case {number}: {a:#x} {b:#x} {c:#x}");
            }
        }
    }
}

fn low(value: u64) -> u64 {
    value as u32 as u64
}

#[test]
fn constants() {
    check(&[
        (asm!(movz x0, 0xabcd, lsl 32), |_, _, _| 0xabcd << 32),
        (asm!(movz w0, 0xabcd, lsl 16), |_, _, _| 0xabcd_0000),
        (asm!(movn x0, 0xabcd, lsl 48), |_, _, _| !(0xabcd << 48)),
        (asm!(movn w0, 0), |_, _, _| 0xffff_ffff),
        (asm!(mov x0, x2; movk x0, 0x1234, lsl 16), |a, _, _| a & !0xffff_0000 | 0x1234_0000),
        (asm!(mov x0, x2; movk w0, 0x1234), |a, _, _| low(a) & !0xffff | 0x1234),
        (asm!(mov x0, x2), |a, _, _| a),
        (asm!(mov w0, w2), |a, _, _| low(a)),
        (asm!(mvn x0, x2), |a, _, _| !a),
        (asm!(mvn w0, w2), |a, _, _| low(!a)),
    ]);
}

#[test]
fn sums() {
    check(&[
        (asm!(add x0, x2, x3), |a, b, _| a.wrapping_add(b)),
        (asm!(add w0, w2, w3), |a, b, _| low(a.wrapping_add(b))),
        (asm!(sub x0, x2, x3), |a, b, _| a.wrapping_sub(b)),
        (asm!(sub w0, w2, w3), |a, b, _| low(a.wrapping_sub(b))),
        (asm!(add x0, x2, 4095), |a, _, _| a.wrapping_add(4095)),
        (asm!(add x0, x2, 1, lsl 12), |a, _, _| a.wrapping_add(4096)),
        (asm!(sub x0, x2, 1), |a, _, _| a.wrapping_sub(1)),
        (asm!(sub w0, w2, 1), |a, _, _| low(a.wrapping_sub(1))),
        (asm!(add x0, x2, x3, lsl 3), |a, b, _| a.wrapping_add(b << 3)),
        (asm!(add w0, w2, w3, lsr 3), |a, b, _| low(a.wrapping_add(low(b) >> 3))),
        (asm!(sub x0, x2, x3, asr 63), |a, b, _| a.wrapping_sub((b as i64 >> 63) as u64)),
        (asm!(sub w0, w2, w3, asr 31), |a, b, _| low(a.wrapping_sub((b as i32 >> 31) as u64))),
        (asm!(add x0, x2, w3, uxtw), |a, b, _| a.wrapping_add(low(b))),
        (asm!(add x0, x2, w3, sxtw 2), |a, b, _| a.wrapping_add((b as i32 as u64) << 2)),
        (asm!(sub x0, x2, w3, uxtb 1), |a, b, _| a.wrapping_sub((b & 0xff) << 1)),
        (asm!(sub x0, x2, w3, sxth), |a, b, _| a.wrapping_sub(b as i16 as u64)),
        (asm!(neg x0, x2), |a, _, _| a.wrapping_neg()),
        (asm!(neg w0, w2), |a, _, _| low(a.wrapping_neg())),
    ]);
}

#[test]
fn logic() {
    check(&[
        (asm!(and x0, x2, x3), |a, b, _| a & b),
        (asm!(orr x0, x2, x3), |a, b, _| a | b),
        (asm!(eor w0, w2, w3), |a, b, _| low(a ^ b)),
        (asm!(bic x0, x2, x3), |a, b, _| a & !b),
        (asm!(orn w0, w2, w3), |a, b, _| low(a | !b)),
        (asm!(eon x0, x2, x3), |a, b, _| a ^ !b),
        (asm!(and x0, x2, x3, ror 5), |a, b, _| a & b.rotate_right(5)),
        (asm!(orr w0, w2, w3, ror 5), |a, b, _| low(a | (b as u32).rotate_right(5) as u64)),
        (asm!(eor x0, x2, x3, lsl 60), |a, b, _| a ^ b << 60),
        (asm!(and x0, x2, 0xff), |a, _, _| a & 0xff),
        (asm!(orr x0, x2, 0x5555555555555555), |a, _, _| a | 0x5555_5555_5555_5555),
        (asm!(eor w0, w2, 0xf0f0f0f0), |a, _, _| low(a ^ 0xf0f0_f0f0)),
    ]);
}

#[test]
fn shifts_and_bit_fields() {
    check(&[
        (asm!(lsl x0, x2, 7), |a, _, _| a << 7),
        (asm!(lsl w0, w2, 31), |a, _, _| low(a << 31)),
        (asm!(lsr x0, x2, 63), |a, _, _| a >> 63),
        (asm!(lsr w0, w2, 4), |a, _, _| low(a) >> 4),
        (asm!(asr x0, x2, 63), |a, _, _| (a as i64 >> 63) as u64),
        (asm!(asr w0, w2, 4), |a, _, _| low((a as i32 >> 4) as u64)),
        (asm!(ror x0, x2, 9), |a, _, _| a.rotate_right(9)),
        (asm!(ror w0, w2, 9), |a, _, _| (a as u32).rotate_right(9) as u64),
        (asm!(lsl x0, x2, x3), |a, b, _| a << (b & 63)),
        (asm!(lsl w0, w2, w3), |a, b, _| low(low(a) << (b & 31))),
        (asm!(lsr x0, x2, x3), |a, b, _| a >> (b & 63)),
        (asm!(lsr w0, w2, w3), |a, b, _| low(a) >> (b & 31)),
        (asm!(asr x0, x2, x3), |a, b, _| (a as i64 >> (b & 63)) as u64),
        (asm!(asr w0, w2, w3), |a, b, _| low((a as i32 >> (b & 31)) as u64)),
        (asm!(ror x0, x2, x3), |a, b, _| a.rotate_right((b & 63) as u32)),
        (asm!(sxtw x0, w2), |a, _, _| a as i32 as u64),
        (asm!(sxtb x0, w2), |a, _, _| a as i8 as u64),
        (asm!(sxth w0, w2), |a, _, _| low(a as i16 as u64)),
        (asm!(uxtb w0, w2), |a, _, _| a & 0xff),
        (asm!(uxth w0, w2), |a, _, _| a & 0xffff),
        (asm!(ubfx x0, x2, 20, 30), |a, _, _| a >> 20 & 0x3fff_ffff),
        (asm!(sbfx x0, x2, 20, 30), |a, _, _| ((a << 14) as i64 >> 34) as u64),
        (asm!(ubfiz x0, x2, 20, 30), |a, _, _| (a & 0x3fff_ffff) << 20),
        (asm!(sbfiz w0, w2, 4, 8), |a, _, _| low(((a as i8) as i32 as u64) << 4)),
        (asm!(mov x0, x3; bfi x0, x2, 8, 16), |a, b, _| b & !0xff_ff00 | (a & 0xffff) << 8),
        (asm!(mov x0, x3; bfxil x0, x2, 8, 16), |a, b, _| b & !0xffff | a >> 8 & 0xffff),
        (asm!(extr x0, x2, x3, 12), |a, b, _| a << 52 | b >> 12),
        (asm!(extr w0, w2, w3, 12), |a, b, _| low(a << 20 | low(b) >> 12)),
    ]);
}

#[test]
fn bit_counting_and_reversal() {
    check(&[
        (asm!(clz x0, x2), |a, _, _| a.leading_zeros() as u64),
        (asm!(clz w0, w2), |a, _, _| (a as u32).leading_zeros() as u64),
        (asm!(cls x0, x2), |a, _, _| {
            let same = if a >> 63 == 1 { a.leading_ones() } else { a.leading_zeros() };
            same as u64 - 1
        }),
        (asm!(cls w0, w2), |a, _, _| {
            let a = a as u32;
            let same = if a >> 31 == 1 { a.leading_ones() } else { a.leading_zeros() };
            same as u64 - 1
        }),
        (asm!(rbit x0, x2), |a, _, _| a.reverse_bits()),
        (asm!(rbit w0, w2), |a, _, _| (a as u32).reverse_bits() as u64),
        (asm!(rev x0, x2), |a, _, _| a.swap_bytes()),
        (asm!(rev w0, w2), |a, _, _| (a as u32).swap_bytes() as u64),
        (asm!(rev32 x0, x2), |a, _, _| {
            ((a >> 32) as u32).swap_bytes() as u64 * (1 << 32) + (a as u32).swap_bytes() as u64
        }),
        (asm!(rev16 x0, x2), |a, _, _| {
            (0..4).map(|i| ((a >> (16 * i)) as u16).swap_bytes() as u64 * (1 << (16 * i))).sum()
        }),
    ]);
}

#[test]
fn products_and_quotients() {
    check(&[
        (asm!(mul x0, x2, x3), |a, b, _| a.wrapping_mul(b)),
        (asm!(mul w0, w2, w3), |a, b, _| low(a.wrapping_mul(b))),
        (asm!(madd x0, x2, x3, x4), |a, b, c| c.wrapping_add(a.wrapping_mul(b))),
        (asm!(msub x0, x2, x3, x4), |a, b, c| c.wrapping_sub(a.wrapping_mul(b))),
        (asm!(msub w0, w2, w3, w4), |a, b, c| low(c.wrapping_sub(a.wrapping_mul(b)))),
        (asm!(mneg x0, x2, x3), |a, b, _| a.wrapping_mul(b).wrapping_neg()),
        (asm!(smull x0, w2, w3), |a, b, _| (a as i32 as i64 * b as i32 as i64) as u64),
        (asm!(umull x0, w2, w3), |a, b, _| low(a) * low(b)),
        (asm!(smaddl x0, w2, w3, x4), |a, b, c| {
            c.wrapping_add((a as i32 as i64 * b as i32 as i64) as u64)
        }),
        (asm!(umsubl x0, w2, w3, x4), |a, b, c| c.wrapping_sub(low(a) * low(b))),
        (asm!(smulh x0, x2, x3), |a, b, _| {
            ((a as i64 as i128).wrapping_mul(b as i64 as i128) >> 64) as u64
        }),
        (asm!(umulh x0, x2, x3), |a, b, _| ((a as u128 * b as u128) >> 64) as u64),
        (asm!(sdiv x0, x2, x3), |a, b, _| {
            (a as i64).checked_div(b as i64).map_or(if b == 0 { 0 } else { a }, |q| q as u64)
        }),
        (asm!(sdiv w0, w2, w3), |a, b, _| {
            let (a, b) = (a as i32, b as i32);
            low(a.checked_div(b).map_or(if b == 0 { 0 } else { a }, |q| q) as u64)
        }),
        (asm!(udiv x0, x2, x3), |a, b, _| a.checked_div(b).unwrap_or(0)),
        (asm!(udiv w0, w2, w3), |a, b, _| low(a).checked_div(low(b)).unwrap_or(0)),
    ]);
}

#[test]
fn selects() {
    check(&[
        (
            asm!(cmp x2, x3; csel x0, x2, x3, lt),
            |a, b, _| {
                if (a as i64) < b as i64 { a } else { b }
            },
        ),
        (
            asm!(cmp x2, x3; csinc x0, x2, x3, ls),
            |a, b, _| {
                if a <= b { a } else { b.wrapping_add(1) }
            },
        ),
        (asm!(cmp w2, w3; csinv x0, x2, x3, hi), |a, b, _| if low(a) > low(b) { a } else { !b }),
        (asm!(cmp x2, x3; csneg w0, w2, w3, eq), |a, b, _| {
            if a == b { low(a) } else { low(b.wrapping_neg()) }
        }),
        (asm!(cmp x2, x3; cset x0, ne), |a, b, _| (a != b) as u64),
        (
            asm!(cmp x2, x3; csetm x0, gt),
            |a, b, _| {
                if (a as i64) > b as i64 { u64::MAX } else { 0 }
            },
        ),
        (asm!(cmp x2, x3; cneg x0, x4, ge), |a, b, c| {
            if (a as i64) >= b as i64 { c.wrapping_neg() } else { c }
        }),
    ]);
}

/// NZCV from exact arithmetic in 128 bits.
fn sum_flags(bits: u32, unsigned: i128, signed: i128) -> u8 {
    let mask = (1i128 << bits) - 1;
    let result = unsigned & mask;
    let negative = result >> (bits - 1) & 1 == 1;
    let carry = unsigned > mask;
    let overflow = signed < -(1 << (bits - 1)) || signed >= 1 << (bits - 1);
    (negative as u8) << 3 | ((result == 0) as u8) << 2 | (carry as u8) << 1 | overflow as u8
}

fn adds_flags(w: bool, a: u64, b: u64) -> u8 {
    if w {
        sum_flags(32, low(a) as i128 + low(b) as i128, a as i32 as i128 + b as i32 as i128)
    } else {
        sum_flags(64, a as i128 + b as i128, a as i64 as i128 + b as i64 as i128)
    }
}

/// `a - b` is `a + not b + 1`.
fn subs_flags(w: bool, a: u64, b: u64) -> u8 {
    if w {
        sum_flags(32, low(a) as i128 + low(!b) as i128 + 1, a as i32 as i128 - b as i32 as i128)
    } else {
        sum_flags(64, a as i128 + !b as i128 + 1, a as i64 as i128 - b as i64 as i128)
    }
}

fn and_flags(w: bool, value: u64) -> u8 {
    let (value, top) = if w { (low(value), 31) } else { (value, 63) };
    ((value >> top) as u8) << 3 | ((value == 0) as u8) << 2
}

#[test]
fn flags() {
    type Flags = fn(u64, u64) -> u8;
    let cases: [(Emit, Flags); 17] = [
        (asm!(adds x0, x2, x3), |a, b| adds_flags(false, a, b)),
        (asm!(adds w0, w2, w3), |a, b| adds_flags(true, a, b)),
        (asm!(subs x0, x2, x3), |a, b| subs_flags(false, a, b)),
        (asm!(subs w0, w2, w3), |a, b| subs_flags(true, a, b)),
        (asm!(cmp x2, x3), |a, b| subs_flags(false, a, b)),
        (asm!(cmp w2, 5), |a, _| subs_flags(true, a, 5)),
        (asm!(cmp x2, 5), |a, _| subs_flags(false, a, 5)),
        (asm!(cmn x2, 5), |a, _| adds_flags(false, a, 5)),
        (asm!(cmn w2, w3), |a, b| adds_flags(true, a, b)),
        (asm!(cmp x2, x3, lsl 4), |a, b| subs_flags(false, a, b << 4)),
        (asm!(cmp x2, w3, sxtw), |a, b| subs_flags(false, a, b as i32 as u64)),
        (asm!(cmn x2, x3, lsr 1), |a, b| adds_flags(false, a, b >> 1)),
        (asm!(tst x2, x3), |a, b| and_flags(false, a & b)),
        (asm!(tst w2, w3), |a, b| and_flags(true, a & b)),
        (asm!(tst x2, 0x8000000000000001), |a, _| and_flags(false, a & 0x8000_0000_0000_0001)),
        (asm!(ands w0, w2, 0xff), |a, _| and_flags(true, a & 0xff)),
        (asm!(bics x0, x2, x3), |a, b| and_flags(false, a & !b)),
    ];
    for (number, (emit, flags)) in cases.into_iter().enumerate() {
        let mut probe = Probe::with_flags(0b1111, emit);
        for a in INTEGERS {
            for b in INTEGERS {
                let nzcv = probe.run([a, b, 0]).nzcv;
                assert_eq!(nzcv, flags(a, b), "case {number}: {a:#x} {b:#x} gave {nzcv:04b}");
            }
        }
    }
}

#[test]
fn conditional_comparison() {
    type Flags = fn(u64, u64) -> u8;
    let cases: [(Emit, Flags, u8); 5] = [
        (asm!(ccmp x2, x3, 5, eq), |a, b| subs_flags(false, a, b), 5),
        (asm!(ccmp w2, w3, 0, eq), |a, b| subs_flags(true, a, b), 0),
        (asm!(ccmp x2, 31, 9, eq), |a, _| subs_flags(false, a, 31), 9),
        (asm!(ccmn x2, x3, 2, eq), |a, b| adds_flags(false, a, b), 2),
        (asm!(ccmn w2, 7, 15, eq), |a, _| adds_flags(true, a, 7), 15),
    ];
    for (emit, flags, otherwise) in cases {
        let (mut holds, mut fails) = (Probe::with_flags(4, emit), Probe::with_flags(0, emit));
        for a in INTEGERS {
            for b in INTEGERS {
                assert_eq!(holds.run([a, b, 0]).nzcv, flags(a, b), "{a:#x} {b:#x}");
                assert_eq!(fails.run([a, b, 0]).nzcv, otherwise);
            }
        }
    }
}

/// All bitmask immediates: every run length and rotation in every element size.
#[test]
fn bitmask_immediates() {
    let mut values = Vec::new();
    for size in [2u32, 4, 8, 16, 32, 64] {
        let element_mask = u64::MAX >> (64 - size);
        for ones in 1..size {
            for rotation in 0..size {
                let run = (1u64 << ones) - 1;
                let element = (run << rotation | run >> ((size - rotation) % 64)) & element_mask;
                let element = if rotation == 0 { run } else { element };
                values.push((0..64 / size).fold(0, |all, i| all | element << (i * size)));
            }
        }
    }
    assert_eq!(values.len(), 5334);
    values.retain(|value| encode_logical_immediate_64bit(*value).is_some());
    assert_eq!(values.len(), 5334, "the assembler knows them all");
    for chunk in values.chunks(500) {
        let mut bench = super::support::Bench::new();
        let block = bench.env.arena.allocate(&vec![0; chunk.len()]);
        let run = bench.run(
            |a| {
                for &value in chunk {
                    dynasm!(a ; .arch aarch64 ; orr x2, xzr, value ; str x2, [x1], 8);
                }
                dynasm!(a ; .arch aarch64 ; ret);
            },
            block,
        );
        run.unwrap_or_else(|trap| panic!("{trap}"));
        assert_eq!(bench.env.arena.cells(block), chunk);
    }
}

#[test]
fn bitmask_immediates_of_32_bits() {
    for value in [1u32, 0x8000_0001, 0x0f0f_0f0f, 0x7fff_ffff, 0xaaaa_aaaa, 0xffff_0000] {
        assert!(encode_logical_immediate_32bit(value).is_some());
        let mut probe = Probe::new(|a| dynasm!(a ; .arch aarch64 ; and w0, w2, value));
        assert_eq!(probe.run([u64::MAX, 0, 0]).x0, value as u64);
    }
}
