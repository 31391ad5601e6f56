//! Loads and stores of one or two general or floating-point registers.

use disarm64::decoder::{InsnId, Opcode};

use super::super::op::{Access, Extend, Index, Ins, Op, Reg};
use super::integer::extension;
use super::{Decoded, Word, id};

pub(super) fn decode(insn: Opcode, word: Word) -> Decoded {
    use InsnId::*;
    match id(insn) {
        LDR_Rt_ADDR_UIMM12 | LDRB_Rt_ADDR_UIMM12 | LDRH_Rt_ADDR_UIMM12 | LDRSB_Rt_ADDR_UIMM12
        | LDRSH_Rt_ADDR_UIMM12 | LDRSW_Rt_ADDR_UIMM12 | STR_Rt_ADDR_UIMM12
        | STRB_Rt_ADDR_UIMM12 | STRH_Rt_ADDR_UIMM12 | LDR_Ft_ADDR_UIMM12 | STR_Ft_ADDR_UIMM12 => {
            Single::of(word)?.scaled(word)
        }
        LDUR_Rt_ADDR_SIMM9 | LDURB_Rt_ADDR_SIMM9 | LDURH_Rt_ADDR_SIMM9 | LDURSB_Rt_ADDR_SIMM9
        | LDURSH_Rt_ADDR_SIMM9 | LDURSW_Rt_ADDR_SIMM9 | STUR_Rt_ADDR_SIMM9
        | STURB_Rt_ADDR_SIMM9 | STURH_Rt_ADDR_SIMM9 | LDUR_Ft_ADDR_SIMM9 | STUR_Ft_ADDR_SIMM9 => {
            Some(Single::of(word)?.offset(word.signed(12, 9) as i32))
        }
        LDR_Rt_ADDR_SIMM9 | LDRB_Rt_ADDR_SIMM9 | LDRH_Rt_ADDR_SIMM9 | LDRSB_Rt_ADDR_SIMM9
        | LDRSH_Rt_ADDR_SIMM9 | LDRSW_Rt_ADDR_SIMM9 | STR_Rt_ADDR_SIMM9 | STRB_Rt_ADDR_SIMM9
        | STRH_Rt_ADDR_SIMM9 | LDR_Ft_ADDR_SIMM9 | STR_Ft_ADDR_SIMM9 => {
            Single::of(word)?.writeback(word)
        }
        LDR_Rt_ADDR_REGOFF | LDRB_Rt_ADDR_REGOFF | LDRH_Rt_ADDR_REGOFF | LDRSB_Rt_ADDR_REGOFF
        | LDRSH_Rt_ADDR_REGOFF | LDRSW_Rt_ADDR_REGOFF | STR_Rt_ADDR_REGOFF
        | STRB_Rt_ADDR_REGOFF | STRH_Rt_ADDR_REGOFF | LDR_Ft_ADDR_REGOFF | STR_Ft_ADDR_REGOFF => {
            Single::of(word)?.indexed(word)
        }
        LDR_Rt_ADDR_PCREL19 | LDRSW_Rt_ADDR_PCREL19 | LDR_Ft_ADDR_PCREL19 => literal(insn, word),
        LDP_Rt_Rt2_ADDR_SIMM7
        | LDP_Rt_W_Rt2_W_ADDR_SIMM7_S_S
        | LDP_Ft_Ft2_ADDR_SIMM7
        | LDP_Ft_S_S_Ft2_S_S_ADDR_SIMM7_S_S
        | LDPSW_Rt_Rt2_ADDR_SIMM7
        | LDPSW_Rt_X_Rt2_X_ADDR_SIMM7_S_S
        | STP_Rt_Rt2_ADDR_SIMM7
        | STP_Rt_W_Rt2_W_ADDR_SIMM7_S_S
        | STP_Ft_Ft2_ADDR_SIMM7
        | STP_Ft_S_S_Ft2_S_S_ADDR_SIMM7_S_S => pair(word),
        _ => None,
    }
}

/// The part that all single-register forms share: size (31:30), V (26), opc (23:22), Rt, Rn.
struct Single {
    access: Access,
    load: bool,
    rt: Reg,
    rn: Reg,
}

impl Single {
    fn of(word: Word) -> Option<Single> {
        let (size, opc) = (word.field(30, 2), word.field(22, 2));
        if word.flag(26) {
            // opc 2 and 3 are the 128-bit forms.
            let access = match (size, opc) {
                (2, 0 | 1) => Access::U32,
                (3, 0 | 1) => Access::U64,
                _ => return None,
            };
            return Some(Single { access, load: opc == 1, rt: word.float(0), rn: word.or_sp(5) });
        }
        let access = match (size, opc) {
            (0, 0 | 1) => Access::U8,
            (1, 0 | 1) => Access::U16,
            (2, 0 | 1) => Access::U32,
            (3, 0 | 1) => Access::U64,
            (0, 2) => Access::S8X,
            (0, 3) => Access::S8W,
            (1, 2) => Access::S16X,
            (1, 3) => Access::S16W,
            (2, 2) => Access::S32X,
            _ => return None,
        };
        let load = opc != 0;
        let rt = if load { word.destination(0) } else { word.source(0) };
        Some(Single { access, load, rt, rn: word.or_sp(5) })
    }

    fn finish(&self, op: Op, address: &[Reg]) -> Ins {
        let ins = Ins::new(op).reads(address);
        if self.load { ins.writes(&[self.rt]) } else { ins.uses(&[self.rt]) }
    }

    fn offset(&self, offset: i32) -> Ins {
        let &Single { access, load, rt, rn } = self;
        let op = match (load, access) {
            (true, Access::U64) => Op::Load64 { rt, rn, offset },
            (true, _) => Op::Load { access, rt, rn, offset },
            (false, Access::U64) => Op::Store64 { rt, rn, offset },
            (false, _) => Op::Store { access, rt, rn, offset },
        };
        self.finish(op, &[rn])
    }

    fn scaled(&self, word: Word) -> Decoded {
        let offset = word.field(10, 12) as i32 * self.access.bytes() as i32;
        Some(self.offset(offset))
    }

    fn writeback(&self, word: Word) -> Decoded {
        let &Single { access, load, rt, rn } = self;
        let index = match word.field(10, 2) {
            1 => Index::Post,
            3 => Index::Pre,
            _ => return None,
        };
        if rt == rn {
            return None; // constrained unpredictable
        }
        let offset = word.signed(12, 9) as i32;
        let op = if load {
            Op::LoadWriteback { access, rt, rn, index, offset }
        } else {
            Op::StoreWriteback { access, rt, rn, index, offset }
        };
        Some(self.finish(op, &[rn]).writes(&[rn]))
    }

    fn indexed(&self, word: Word) -> Decoded {
        let &Single { access, load, rt, rn } = self;
        let rm = word.rm();
        let extend = extension(word.field(13, 3));
        if !matches!(extend, Extend::Uxtw | Extend::Uxtx | Extend::Sxtw | Extend::Sxtx) {
            return None;
        }
        let shift = if word.flag(12) { access.bytes().trailing_zeros() as u8 } else { 0 };
        let op = if load {
            Op::LoadIndexed { access, rt, rn, rm, extend, shift }
        } else {
            Op::StoreIndexed { access, rt, rn, rm, extend, shift }
        };
        Some(self.finish(op, &[rn, rm]))
    }
}

fn literal(insn: Opcode, word: Word) -> Decoded {
    let address = word.address().wrapping_add_signed(4 * word.signed(5, 19));
    let opc = word.field(30, 2);
    let (access, rt) = match id(insn) {
        InsnId::LDR_Ft_ADDR_PCREL19 if opc == 0 => (Access::U32, word.float(0)),
        InsnId::LDR_Ft_ADDR_PCREL19 if opc == 1 => (Access::U64, word.float(0)),
        InsnId::LDR_Rt_ADDR_PCREL19 if opc == 0 => (Access::U32, word.destination(0)),
        InsnId::LDR_Rt_ADDR_PCREL19 if opc == 1 => (Access::U64, word.destination(0)),
        InsnId::LDRSW_Rt_ADDR_PCREL19 => (Access::S32X, word.destination(0)),
        _ => return None,
    };
    Some(Ins::new(Op::LoadLiteral { access, rt, address }).writes(&[rt]))
}

fn pair(word: Word) -> Decoded {
    let (opc, float, load) = (word.field(30, 2), word.flag(26), word.flag(22));
    let access = match (float, opc) {
        (false, 0) | (true, 0) => Access::U32,
        (false, 1) if load => Access::S32X,
        (false, 2) | (true, 1) => Access::U64,
        _ => return None,
    };
    let index = match word.field(23, 2) {
        1 => Index::Post,
        2 => Index::Offset,
        3 => Index::Pre,
        _ => return None,
    };
    let register = |low| match (float, load) {
        (true, _) => word.float(low),
        (false, true) => word.destination(low),
        (false, false) => word.source(low),
    };
    let (rt, rt2, rn) = (register(0), register(10), word.or_sp(5));
    let unpredictable = (load && rt == rt2) || (index != Index::Offset && (rt == rn || rt2 == rn));
    if unpredictable {
        return None;
    }
    let offset = word.signed(15, 7) as i32 * access.bytes() as i32;
    let is_common = access == Access::U64 && index == Index::Offset;
    let op = match (load, is_common) {
        (true, true) => Op::LoadPair64 { rt, rt2, rn, offset },
        (true, false) => Op::LoadPair { access, rt, rt2, rn, index, offset },
        (false, true) => Op::StorePair64 { rt, rt2, rn, offset },
        (false, false) => Op::StorePair { access, rt, rt2, rn, index, offset },
    };
    let ins = Ins::new(op);
    let ins = if load { ins.writes(&[rt, rt2]) } else { ins.uses(&[rt, rt2]) };
    let ins = ins.reads(&[rn]);
    Some(if index == Index::Offset { ins } else { ins.writes(&[rn]) })
}
