//! The simulator against the processor it runs on: random words of the supported data processing
//! forms, executed by both on the same random registers and flags. Exists on aarch64 hosts; an
//! emulator of another hand (`qemu-aarch64`) counts as one.

use dynasmrt::{DynasmApi, dynasm};

use super::super::decode::decode;
use super::super::op::{FLAGS, Ins, Op, SP, bit};
use super::support::{Assembler, Bench, FLOATS, INTEGERS, blob};
use crate::exec::native::Native;
use crate::exec::{Executor, TraceContext, disasm};

const SEED: u64 = 0x5eed_0001;
const TRACES: usize = 1000;
const WORDS_IN_TRACE: usize = 12;

/// splitmix64
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.next() as usize % items.len()]
    }

    /// Edge values more often than not.
    fn value(&mut self) -> u64 {
        match self.next() % 4 {
            0 => self.pick(&INTEGERS),
            1 => self.pick(&FLOATS),
            2 => self.next() >> (self.next() % 64),
            _ => self.next(),
        }
    }

    /// A word of a supported form that neither branches nor touches memory, x18-x20 or SP.
    fn word(&mut self) -> u32 {
        // Data processing: immediate, register, scalar float with two and three operands.
        let (fixed, free) = self.pick(&[
            (0x1000_0000, 0xe3ff_ffff),
            (0x0a00_0000, 0xf1ff_ffff),
            (0x1ac0_0000, 0xe03f_ffff),
            (0x1a80_0000, 0xe07f_ffff),
            (0x1e60_0000, 0x001f_ffff),
            (0x9e60_0000, 0x001f_ffff),
            (0x1e60_0000, 0x801f_ffff),
            (0x1f40_0000, 0x003f_ffff),
            (0x9b00_0000, 0x00ff_ffff),
        ]);
        loop {
            let word = fixed | self.next() as u32 & free;
            let ins = decode(word, 1, 2, 0);
            if is_plain(&ins, word) {
                return word;
            }
        }
    }
}

fn is_plain(ins: &Ins, word: u32) -> bool {
    let reserved = bit(19) | bit(20);
    // `adr` gives an address, which differs between executors.
    let is_address = word >> 24 & 0x1f == 0x10;
    let uses_sp = format!("{:?}", ins.op).contains(&format!(": {SP}"));
    let is_data = !matches!(
        ins.op,
        Op::Fault(_)
            | Op::Branch { .. }
            | Op::BranchLink { .. }
            | Op::BranchIf { .. }
            | Op::BranchZero { .. }
            | Op::BranchBit { .. }
            | Op::BranchReg { .. }
            | Op::CallReg { .. }
    ) && !format!("{:?}", ins.op).starts_with("Load")
        && !format!("{:?}", ins.op).starts_with("Store");
    is_data && !is_address && !uses_sp && (ins.reads | ins.writes) & reserved == 0
}

/// Saves what must be saved, loads all registers from the block at x1, sets the flags, runs the words
/// and stores everything into the context; the flags go to the first spill slots.
fn trace(a: &mut Assembler, nzcv: u32, words: &[u32]) {
    dynasm!(a
        ; .arch aarch64
        ; stp x29, x30, [sp, -160]!
        ; stp x19, x20, [sp, 16]
        ; stp x21, x22, [sp, 32]
        ; stp x23, x24, [sp, 48]
        ; stp x25, x26, [sp, 64]
        ; stp x27, x28, [sp, 80]
        ; stp d8, d9, [sp, 96]
        ; stp d10, d11, [sp, 112]
        ; stp d12, d13, [sp, 128]
        ; stp d14, d15, [sp, 144]
        ; mov x20, x0
        ; mov x19, x1
        ; cmp xzr, xzr
        ; ccmp xzr, 0, nzcv, ne
    );
    for register in 0..32u32 {
        dynasm!(a ; .arch aarch64 ; ldr D(register as u8), [x19, 8 * (32 + register)]);
    }
    for register in (0..31u32).filter(|register| !(18..21).contains(register)) {
        dynasm!(a ; .arch aarch64 ; ldr X(register as u8), [x19, 8 * register]);
    }
    for &word in words {
        dynasm!(a ; .arch aarch64 ; .u32 word);
    }
    for register in (0..31usize).filter(|register| !(18..21).contains(register)) {
        let offset = TraceContext::gpr_offset(register) as u32;
        dynasm!(a ; .arch aarch64 ; str X(register as u8), [x20, offset]);
    }
    for register in 0..32usize {
        let offset = TraceContext::fpr_offset(register) as u32;
        dynasm!(a ; .arch aarch64 ; str D(register as u8), [x20, offset]);
    }
    let flags = TraceContext::spill_offset(0) as u32;
    dynasm!(a
        ; .arch aarch64
        ; cset x0, mi ; str x0, [x20, flags]
        ; cset x0, eq ; str x0, [x20, flags + 8]
        ; cset x0, cs ; str x0, [x20, flags + 16]
        ; cset x0, vs ; str x0, [x20, flags + 24]
        ; ldp x19, x20, [sp, 16]
        ; ldp x21, x22, [sp, 32]
        ; ldp x23, x24, [sp, 48]
        ; ldp x25, x26, [sp, 64]
        ; ldp x27, x28, [sp, 80]
        ; ldp d8, d9, [sp, 96]
        ; ldp d10, d11, [sp, 112]
        ; ldp d12, d13, [sp, 128]
        ; ldp d14, d15, [sp, 144]
        ; ldp x29, x30, [sp], 160
        ; ret
    );
}

fn state(context: &TraceContext) -> Vec<u64> {
    let mut state = context.gpr.to_vec();
    state.extend(context.fpr);
    state.extend(&context.spills[..4]);
    state
}

#[test]
fn simulator_agrees_with_the_processor() {
    let mut random = Random(SEED);
    let mut native = Native::new().unwrap();
    let mut bench = Bench::new();
    let block = bench.env.arena.allocate(&[0; 64]);
    let mut flag_writers = 0;
    for number in 0..TRACES {
        let words: Vec<u32> = (0..WORDS_IN_TRACE).map(|_| random.word()).collect();
        flag_writers +=
            words.iter().filter(|word| decode(**word, 1, 2, 0).writes & FLAGS != 0).count();
        let nzcv = random.next() as u32 % 16;
        let cells: [u64; 64] = std::array::from_fn(|_| random.value());
        bench.env.arena.fill(block, &cells);

        let simulated = bench.install(|a| trace(a, nzcv, &words));
        if let Err(trap) = bench.go(&simulated, block) {
            panic!("trace {number}: {trap}");
        }
        let mut context = TraceContext::new();
        let installed = native.install(blob(|a| trace(a, nzcv, &words))).unwrap();
        native.run(&installed, &mut context, block, &mut bench.env).unwrap();

        let (ours, theirs) = (state(&bench.context), state(&context));
        if let Some(at) = (0..ours.len()).find(|at| ours[*at] != theirs[*at]) {
            panic!(
                "trace {number}, nzcv {nzcv:04b}, cell {at}: simulator {:#x}, processor {:#x}\n{}\nfrom {cells:x?}",
                ours[at],
                theirs[at],
                disasm::disassemble(&words).join("\n"),
            );
        }
    }
    assert!(flag_writers > TRACES / 2, "only {flag_writers} words set the flags");
}
