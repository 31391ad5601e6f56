//! Loads and stores: sizes, extension, addressing.

use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};

use super::support::{Assembler, Bench, asm};

type Emit = fn(&mut Assembler);

/// Bytes 0x80, 0x91, ... so that every byte differs and sign bits are set.
const BLOCK: [u64; 6] = [
    0xf7e6_d5c4_b3a2_9180,
    0x0102_0304_0506_0788,
    0x1111_2222_3333_4444,
    0x5555_6666_7777_8888,
    0x9999_aaaa_bbbb_cccc,
    0xdddd_eeee_ffff_0123,
];

fn byte(at: usize) -> u8 {
    BLOCK[at / 8].to_le_bytes()[at % 8]
}

fn bytes<const N: usize>(at: usize) -> [u8; N] {
    std::array::from_fn(|i| byte(at + i))
}

/// Runs with x1 at the block, x5 = 1, x6 = -1, x7 = 2^32 + 2; gives x0 and x1's displacement.
fn load(emit: impl FnOnce(&mut Assembler)) -> (u64, u64) {
    let mut bench = Bench::new();
    let block = bench.env.arena.allocate(&BLOCK);
    let run = bench.run(
        |a| {
            dynasm!(a ; .arch aarch64
                ; mov x9, x0 ; mov x5, 1 ; movn x6, 0 ; mov x7, 2 ; movk x7, 1, lsl 32);
            emit(a);
            dynasm!(a ; .arch aarch64 ; stp x0, x1, [x9] ; ret);
        },
        block,
    );
    run.unwrap_or_else(|trap| panic!("{trap}"));
    (bench.context.gpr[0], bench.context.gpr[1] - block)
}

#[test]
fn sizes_and_extension() {
    let cases: [(Emit, u64); 11] = [
        (asm!(ldr x0, [x1, 8]), u64::from_le_bytes(bytes(8))),
        (asm!(ldr w0, [x1, 4]), u32::from_le_bytes(bytes(4)) as u64),
        (asm!(ldrh w0, [x1, 2]), u16::from_le_bytes(bytes(2)) as u64),
        (asm!(ldrb w0, [x1, 1]), byte(1) as u64),
        (asm!(ldrsw x0, [x1, 4]), i32::from_le_bytes(bytes(4)) as u64),
        (asm!(ldrsh x0, [x1, 2]), i16::from_le_bytes(bytes(2)) as u64),
        (asm!(ldrsh w0, [x1, 2]), i16::from_le_bytes(bytes(2)) as u32 as u64),
        (asm!(ldrsb x0, [x1, 1]), byte(1) as i8 as u64),
        (asm!(ldrsb w0, [x1, 1]), byte(1) as i8 as u32 as u64),
        (asm!(ldr d0, [x1, 8]; fmov x0, d0), u64::from_le_bytes(bytes(8))),
        (asm!(ldr s0, [x1, 4]; fmov x0, d0), u32::from_le_bytes(bytes(4)) as u64),
    ];
    for (number, (emit, expected)) in cases.into_iter().enumerate() {
        assert_eq!(load(emit), (expected, 0), "case {number}");
    }
}

#[test]
fn addressing() {
    let at = |offset: usize| u64::from_le_bytes(bytes(offset));
    let cases: [(Emit, (u64, u64)); 17] = [
        (asm!(ldur x0, [x1, 3]), (at(3), 0)),
        (asm!(add x1, x1, 16; ldur x0, [x1, -13]), (at(3), 16)),
        (asm!(ldr x0, [x1, 8]!), (at(8), 8)),
        (asm!(ldr x0, [x1], 8), (at(0), 8)),
        (asm!(add x1, x1, 16; ldr x0, [x1, -8]!), (at(8), 8)),
        (asm!(ldr x0, [x1, x5]), (at(1), 0)),
        (asm!(ldr x0, [x1, x5, lsl 3]), (at(8), 0)),
        (asm!(add x1, x1, 16; ldr x0, [x1, x6, lsl 3]), (at(8), 16)),
        (asm!(add x1, x1, 16; ldr x0, [x1, w6, sxtw 3]), (at(8), 16)),
        (asm!(ldr x0, [x1, w7, uxtw 3]), (at(16), 0)),
        (asm!(ldr x0, [x1, w7, uxtw]), (at(2), 0)),
        (asm!(ldr x0, [x1, w7, sxtw]), (at(2), 0)),
        (asm!(ldrb w0, [x1, x5]), (byte(1) as u64, 0)),
        (asm!(ldrh w0, [x1, x5, lsl 1]), (u16::from_le_bytes(bytes(2)) as u64, 0)),
        (asm!(ldr w0, [x1, x5, lsl 2]), (u32::from_le_bytes(bytes(4)) as u64, 0)),
        (asm!(ldr d0, [x1, x5, lsl 3]; fmov x0, d0), (at(8), 0)),
        (asm!(ldur d0, [x1, 3]; fmov x0, d0), (at(3), 0)),
    ];
    for (number, (emit, expected)) in cases.into_iter().enumerate() {
        assert_eq!(load(emit), expected, "case {number}");
    }
}

#[test]
fn pairs() {
    let sum = |a: u64, b: u64| a.wrapping_add(b.wrapping_mul(3));
    let at = |offset: usize| u64::from_le_bytes(bytes(offset));
    let word = |offset: usize| u32::from_le_bytes(bytes(offset)) as u64;
    let cases: [(Emit, (u64, u64)); 7] = [
        (asm!(ldp x2, x3, [x1, 8]), (sum(at(8), at(16)), 0)),
        (asm!(ldp x2, x3, [x1, 16]!), (sum(at(16), at(24)), 16)),
        (asm!(ldp x2, x3, [x1], 16), (sum(at(0), at(8)), 16)),
        (asm!(add x1, x1, 16; ldp x2, x3, [x1, -16]), (sum(at(0), at(8)), 16)),
        (asm!(ldp w2, w3, [x1, 8]), (sum(word(8), word(12)), 0)),
        (asm!(ldp d2, d3, [x1, 8]; fmov x2, d2; fmov x3, d3), (sum(at(8), at(16)), 0)),
        (asm!(ldpsw x2, x3, [x1]), (sum(word(0) as i32 as u64, word(4) as i32 as u64), 0)),
    ];
    for (number, (emit, expected)) in cases.into_iter().enumerate() {
        let outcome = load(|a| {
            emit(a);
            dynasm!(a ; .arch aarch64 ; mov x4, 3 ; madd x0, x3, x4, x2);
        });
        assert_eq!(outcome, expected, "case {number}");
    }
}

/// Runs with x1 at zeroed cells and x2 = d2 = a pattern; gives the cells.
fn store(emit: impl FnOnce(&mut Assembler)) -> Vec<u64> {
    let mut bench = Bench::new();
    let block = bench.env.arena.allocate(&[0; 4]);
    let pattern = bench.env.arena.allocate(&[0xf0e1_d2c3_b4a5_9687]);
    let cell = bench.env.arena.allocate(&[block, pattern]);
    let run = bench.run(
        |a| {
            dynasm!(a ; .arch aarch64
                ; ldp x1, x2, [x1] ; ldr x2, [x2] ; fmov d2, x2 ; mov x5, 1 ; mov x3, x1);
            emit(a);
            dynasm!(a ; .arch aarch64 ; sub x3, x1, x3 ; str x3, [x0] ; ret);
        },
        cell,
    );
    run.unwrap_or_else(|trap| panic!("{trap}"));
    let mut cells = bench.env.arena.cells(block);
    cells.push(bench.context.gpr[0]);
    cells
}

#[test]
fn stores() {
    const P: u64 = 0xf0e1_d2c3_b4a5_9687;
    let cases: [(Emit, [u64; 5]); 17] = [
        (asm!(str x2, [x1, 8]), [0, P, 0, 0, 0]),
        (asm!(str w2, [x1, 4]), [P << 32, 0, 0, 0, 0]),
        (asm!(strh w2, [x1, 2]), [0x9687_0000, 0, 0, 0, 0]),
        (asm!(strb w2, [x1, 1]), [0x8700, 0, 0, 0, 0]),
        (asm!(str d2, [x1, 16]), [0, 0, P, 0, 0]),
        (asm!(str s2, [x1]), [P & 0xffff_ffff, 0, 0, 0, 0]),
        (asm!(stur x2, [x1, 4]), [P << 32, P >> 32, 0, 0, 0]),
        (asm!(str x2, [x1, x5, lsl 3]), [0, P, 0, 0, 0]),
        (asm!(strb w2, [x1, x5]), [0x8700, 0, 0, 0, 0]),
        (asm!(str d2, [x1, x5, lsl 3]), [0, P, 0, 0, 0]),
        (asm!(str x2, [x1], 8), [P, 0, 0, 0, 8]),
        (asm!(str x2, [x1, 8]!), [0, P, 0, 0, 8]),
        (asm!(stp x2, x5, [x1, 8]), [0, P, 1, 0, 0]),
        (asm!(stp x2, xzr, [x1], 16), [P, 0, 0, 0, 16]),
        (asm!(stp d2, d2, [x1, 16]!), [0, 0, P, P, 16]),
        (asm!(stp w2, w5, [x1]), [1 << 32 | P & 0xffff_ffff, 0, 0, 0, 0]),
        (asm!(str xzr, [x1]), [0; 5]),
    ];
    for (number, (emit, expected)) in cases.into_iter().enumerate() {
        assert_eq!(store(emit), expected, "case {number}");
    }
}

#[test]
fn literals_come_from_code_memory() {
    let quad = 0x0123_4567_89ab_cdefu64;
    let cases: [(Emit, u64); 5] = [
        (asm!(ldr x0, >lit), quad),
        (asm!(ldr w0, >lit), quad & 0xffff_ffff),
        (asm!(ldrsw x0, >lit), quad as i32 as u64),
        (asm!(ldr d0, >lit; fmov x0, d0), quad),
        (asm!(adr x2, >lit; ldr x0, [x2]), quad),
    ];
    for (number, (emit, expected)) in cases.into_iter().enumerate() {
        let outcome = load(|a| {
            emit(a);
            dynasm!(a ; .arch aarch64 ; b >over ; lit: ; .u64 quad ; over:);
        });
        assert_eq!(outcome, (expected, 0), "case {number}");
    }
}
