//! Words -> decoded instructions.
//!
//! In:  a word, its index in the code space, the space's size.
//! Out: an `Ins`; a word that is unknown, reserved or touches x18 becomes an op that traps when
//!      reached, so that data between code is harmless.
//!
//! Which instruction a word is, is the answer of the `disarm64` crate, whose tables come from GNU
//! binutils; the operand fields of that instruction are read here as the Arm manual places them. The
//! emitter's tables play no part.

mod branch;
mod float;
mod integer;
mod memory;

use disarm64::decoder::{self, Opcode};

use super::op::{ALWAYS, FLAGS, FPR, Fault, Ins, Op, Operand2, Reg, SINK, SP, ZERO, bit};

/// A word and where it is.
#[derive(Clone, Copy)]
struct Word {
    bits: u32,
    /// Index in the code space.
    at: usize,
    /// Number of words in the code space.
    space: usize,
    /// Simulated address of word 0 of the space.
    base: u64,
}

/// Decodes the word at index `at` of a code space of `space` words that starts at address `base`.
pub fn decode(bits: u32, at: usize, space: usize, base: u64) -> Ins {
    let word = Word { bits, at, space, base };
    let Some(insn) = decoder::decode(bits) else {
        return Ins::fault(Fault::Unknown);
    };
    let decoded = integer::decode(insn, word)
        .or_else(|| memory::decode(insn, word))
        .or_else(|| float::decode(insn, word))
        .or_else(|| branch::decode(insn, word));
    match decoded {
        Some(ins) => ins.refuse_platform_register(),
        None => Ins::fault(Fault::Unknown),
    }
}

/// What a decoder of one family gives; `None` for another family's word or a reserved encoding.
type Decoded = Option<Ins>;

/// Bit of x18 while decoding: `bit(18)` is `ALWAYS`, shared with xzr and sp, so a use of x18 is noted
/// apart, in a mask bit that no decoded instruction needs: a fault reads and writes nothing.
const PLATFORM: Reg = 18;

impl Ins {
    fn new(op: Op) -> Ins {
        Ins { op, reads: 0, writes: 0 }
    }

    pub fn fault(fault: Fault) -> Ins {
        Ins::new(Op::Fault(fault))
    }

    fn reads(mut self, registers: &[Reg]) -> Ins {
        for &register in registers {
            self.note(register);
            self.reads |= bit(register);
        }
        self
    }

    fn writes(mut self, registers: &[Reg]) -> Ins {
        for &register in registers {
            self.note(register);
            self.writes |= bit(register);
        }
        self
    }

    /// Marks registers that are used but need not be defined (the data of stores).
    fn uses(mut self, registers: &[Reg]) -> Ins {
        for &register in registers {
            self.note(register);
        }
        self
    }

    fn note(&mut self, register: Reg) {
        if register == PLATFORM {
            self.op = Op::Fault(Fault::Platform);
        }
    }

    fn reads_flags(mut self) -> Ins {
        self.reads |= FLAGS;
        self
    }

    fn writes_flags(mut self) -> Ins {
        self.writes |= FLAGS;
        self
    }

    fn refuse_platform_register(self) -> Ins {
        match self.op {
            Op::Fault(fault) => Ins::fault(fault),
            _ => Ins { reads: self.reads & !ALWAYS, writes: self.writes & !ALWAYS, ..self },
        }
    }
}

impl Word {
    fn field(self, low: u32, width: u32) -> u32 {
        self.bits >> low & ((1u64 << width) - 1) as u32
    }

    fn flag(self, position: u32) -> bool {
        self.field(position, 1) == 1
    }

    /// A field as a two's complement number.
    fn signed(self, low: u32, width: u32) -> i64 {
        let unused = 64 - width;
        ((self.field(low, width) as i64) << unused) >> unused
    }

    /// The `sf` bit: false for 32-bit forms.
    fn is_w(self) -> bool {
        !self.flag(31)
    }

    fn number(self, low: u32) -> Reg {
        self.field(low, 5) as Reg
    }

    /// A register that is read, 31 being xzr.
    fn source(self, low: u32) -> Reg {
        match self.number(low) {
            31 => ZERO,
            number => number,
        }
    }

    /// A register that is written, 31 being xzr.
    fn destination(self, low: u32) -> Reg {
        match self.number(low) {
            31 => SINK,
            number => number,
        }
    }

    /// A register where 31 is SP.
    fn or_sp(self, low: u32) -> Reg {
        match self.number(low) {
            31 => SP,
            number => number,
        }
    }

    fn float(self, low: u32) -> Reg {
        FPR + self.number(low)
    }

    fn rd(self) -> Reg {
        self.destination(0)
    }

    fn rn(self) -> Reg {
        self.source(5)
    }

    fn rm(self) -> Reg {
        self.source(16)
    }

    fn cond(self) -> u8 {
        self.field(12, 4) as u8
    }

    /// Index of a branch target `offset` words away; index 0 of a space is never code.
    fn target(self, offset: i64) -> u32 {
        let target = self.at as i64 + offset;
        if target > 0 && target < self.space as i64 { target as u32 } else { 0 }
    }

    fn address(self) -> u64 {
        self.base + 4 * self.at as u64
    }
}

impl Operand2 {
    fn is_plain(self) -> bool {
        use super::op::{Extend, Prepare, Shift};
        self.amount == 0
            && matches!(
                self.prepare,
                Prepare::Shift(Shift::Lsl) | Prepare::Extend(Extend::Uxtx | Extend::Sxtx)
            )
    }
}

/// The identity of a decoded word, under a short name for the families.
fn id(insn: Opcode) -> decoder::InsnId {
    insn.id()
}
