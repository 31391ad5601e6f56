//! Assembling a few instructions and running them.

use dynasmrt::aarch64::Aarch64Relocation;
use dynasmrt::{DynasmApi, VecAssembler, dynasm};

use crate::exec::arena::ArenaEnv;
use crate::exec::{
    CodeBlob, Executor, InstalledCode, RunStats, Simulator, TraceContext, Trap, TrapKind,
};

pub type Assembler = VecAssembler<Aarch64Relocation>;

/// The words that `emit` assembles.
pub fn words(emit: impl FnOnce(&mut Assembler)) -> Vec<u32> {
    let mut assembler = Assembler::new(0);
    emit(&mut assembler);
    let bytes = assembler.finalize().expect("test code assembles");
    let (chunks, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect()
}

pub fn blob(emit: impl FnOnce(&mut Assembler)) -> CodeBlob {
    CodeBlob { words: words(emit), ..CodeBlob::default() }
}

/// Assembles an instruction, or several, into a `fn(&mut Assembler)`.
macro_rules! asm {
    ($($code:tt)*) => {
        |assembler: &mut $crate::exec::sim::tests::support::Assembler| {
            dynasmrt::dynasm!(assembler ; .arch aarch64 ; $($code)*)
        }
    };
}
pub(super) use asm;

/// A simulator with its environment and a context.
pub struct Bench {
    pub simulator: Simulator,
    pub context: Box<TraceContext>,
    pub env: ArenaEnv,
}

impl Bench {
    pub fn new() -> Bench {
        Bench {
            simulator: Simulator::new(),
            context: TraceContext::new(),
            env: ArenaEnv::default(),
        }
    }

    pub fn install(&mut self, emit: impl FnOnce(&mut Assembler)) -> InstalledCode {
        self.simulator.install(blob(emit)).expect("test code fits")
    }

    pub fn go(&mut self, code: &InstalledCode, base: u64) -> Result<RunStats, Trap> {
        self.simulator.run(code, &mut self.context, base, &mut self.env)
    }

    /// Installs and runs once.
    pub fn run(&mut self, emit: impl FnOnce(&mut Assembler), base: u64) -> Result<RunStats, Trap> {
        let code = self.install(emit);
        self.go(&code, base)
    }

    /// Runs code that must trap.
    pub fn trap(&mut self, emit: impl FnOnce(&mut Assembler), base: u64) -> Trap {
        self.run(emit, base).expect_err("the code breaks a rule")
    }
}

/// The kind of trap and the word it happened at.
pub fn place(trap: &Trap) -> (TrapKind, Option<usize>) {
    (trap.kind, trap.word)
}

/// Runs instructions on given operands and shows x0 or d0 and the flags afterwards.
pub struct Probe {
    bench: Bench,
    code: InstalledCode,
    cells: u64,
}

/// What instructions left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub x0: u64,
    pub d0: u64,
    pub nzcv: u8,
}

impl Probe {
    /// Before the instructions: x2, x3, x4 and d2, d3, d4 hold the three operands, x0 and d0 hold
    /// zero, the flags are `nzcv`.
    pub fn with_flags(nzcv: u8, emit: impl FnOnce(&mut Assembler)) -> Probe {
        let mut bench = Bench::new();
        let cells = bench.env.arena.allocate(&[0; 4]);
        let nzcv = nzcv as u32;
        let code = bench.install(|a| {
            dynasm!(a
                ; .arch aarch64
                ; mov x9, x0
                ; ldp x2, x3, [x1]
                ; ldr x4, [x1, 16]
                ; fmov d2, x2
                ; fmov d3, x3
                ; fmov d4, x4
                ; mov x0, 0
                ; fmov d0, xzr
                ; cmp xzr, xzr
                ; ccmp xzr, 0, nzcv, ne
            );
            emit(a);
            dynasm!(a
                ; .arch aarch64
                ; str x0, [x9]
                ; str d0, [x9, TraceContext::FPR as u32]
                ; cset x10, mi
                ; cset x11, eq
                ; cset x12, cs
                ; cset x13, vs
                ; stp x10, x11, [x9, 16]
                ; stp x12, x13, [x9, 32]
                ; ret
            );
        });
        Probe { bench, code, cells }
    }

    pub fn new(emit: impl FnOnce(&mut Assembler)) -> Probe {
        Probe::with_flags(0, emit)
    }

    pub fn run(&mut self, operands: [u64; 3]) -> Outcome {
        self.bench.env.arena.fill(self.cells, &operands);
        if let Err(trap) = self.bench.go(&self.code, self.cells) {
            panic!("{trap}");
        }
        let gpr = &self.bench.context.gpr;
        let nzcv = (gpr[2] << 3 | gpr[3] << 2 | gpr[4] << 1 | gpr[5]) as u8;
        Outcome { x0: gpr[0], d0: self.bench.context.fpr[0], nzcv }
    }
}

/// Integers at the edges of 32 and 64 bits.
pub const INTEGERS: [u64; 14] = [
    0,
    1,
    2,
    5,
    63,
    64,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
    0x0123_4567_89ab_cdef,
];

/// Bits of floats at every edge that matters.
pub const FLOATS: [u64; 27] = [
    0x0000_0000_0000_0000, // 0
    0x8000_0000_0000_0000, // -0
    0x3ff0_0000_0000_0000, // 1
    0xbff0_0000_0000_0000, // -1
    0x3fe0_0000_0000_0000, // 0.5
    0xbfe0_0000_0000_0000, // -0.5
    0x3ff8_0000_0000_0000, // 1.5
    0x4004_0000_0000_0000, // 2.5
    0xc004_0000_0000_0000, // -2.5
    0x3fd5_5555_5555_5555, // 1/3
    0x7ff0_0000_0000_0000, // infinity
    0xfff0_0000_0000_0000, // -infinity
    0x7ff8_0000_0000_0000, // default NaN
    0xfff8_0000_0000_0123, // quiet NaN with a payload
    0x7ff0_0000_0000_0456, // signalling NaN
    0xfff4_0000_0000_0789, // another
    0x0000_0000_0000_0001, // least subnormal
    0x800f_ffff_ffff_ffff, // greatest negative subnormal
    0x7fef_ffff_ffff_ffff, // greatest
    0x4330_0000_0000_0001, // 2^52 + 1
    0x432f_ffff_ffff_ffff, // 2^52 - 0.5
    0x43e0_0000_0000_0000, // 2^63
    0xc3e0_0000_0000_0000, // -2^63
    0x43df_ffff_ffff_ffff, // just below 2^63
    0x43f0_0000_0000_0000, // 2^64
    0x41e0_0000_0000_0000, // 2^31
    0x41f0_0000_0000_0000, // 2^32
];
