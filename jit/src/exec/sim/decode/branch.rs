//! Control flow and hints.

use disarm64::decoder::{InsnId, Opcode};

use super::super::op::{Ins, Op};
use super::{Decoded, Word, id};

/// x30, written by calls.
const LINK: u8 = 30;

pub(super) fn decode(insn: Opcode, word: Word) -> Decoded {
    use InsnId::*;
    Some(match id(insn) {
        B_ADDR_PCREL26 => Ins::new(Op::Branch { target: word.target(word.signed(0, 26)) }),
        BL_ADDR_PCREL26 => {
            Ins::new(Op::BranchLink { target: word.target(word.signed(0, 26)) }).writes(&[LINK])
        }
        B_C_ADDR_PCREL19 => {
            let cond = word.field(0, 4) as u8;
            let target = word.target(word.signed(5, 19));
            Ins::new(Op::BranchIf { cond, target }).reads_flags()
        }
        CBZ_Rt_ADDR_PCREL19 | CBNZ_Rt_ADDR_PCREL19 => {
            let (rt, w) = (word.source(0), word.is_w());
            let nonzero = id(insn) == CBNZ_Rt_ADDR_PCREL19;
            let target = word.target(word.signed(5, 19));
            Ins::new(Op::BranchZero { rt, w, nonzero, target }).reads(&[rt])
        }
        TBZ_Rt_BIT_NUM_ADDR_PCREL14 | TBNZ_Rt_BIT_NUM_ADDR_PCREL14 => {
            let rt = word.source(0);
            let bit = (word.field(31, 1) << 5 | word.field(19, 5)) as u8;
            let set = id(insn) == TBNZ_Rt_BIT_NUM_ADDR_PCREL14;
            let target = word.target(word.signed(5, 14));
            Ins::new(Op::BranchBit { rt, bit, set, target }).reads(&[rt])
        }
        BR_Rn | RET_Rn => Ins::new(Op::BranchReg { rn: word.rn() }).reads(&[word.rn()]),
        BLR_Rn => Ins::new(Op::CallReg { rn: word.rn() }).reads(&[word.rn()]),
        HINT_UIMM7 => Ins::new(Op::Nop),
        _ => return None,
    })
}
