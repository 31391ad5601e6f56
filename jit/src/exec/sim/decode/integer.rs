//! Integer data processing: constants, sums, logic, shifts, bit fields, products, selects, tests.

use disarm64::decoder::{InsnId, Opcode};

use super::super::alu::narrow;
use super::super::op::{
    Bitfield, Extend, Ins, Logic, Op, Operand2, Prepare, Select, Shift, Unary, ZERO,
};
use super::{Decoded, Word, id};

pub(super) fn decode(insn: Opcode, word: Word) -> Decoded {
    use InsnId::*;
    match id(insn) {
        MOVZ_Rd_HALF | MOVN_Rd_HALF | MOVK_Rd_HALF => wide_constant(insn, word),
        ADR_Rd_ADDR_PCREL21 | ADRP_Rd_ADDR_ADRP => Some(pc_relative(insn, word)),
        ADD_Rd_SP_Rn_SP_AIMM | SUB_Rd_SP_Rn_SP_AIMM | ADDS_Rd_Rn_SP_AIMM | SUBS_Rd_Rn_SP_AIMM => {
            add_immediate(insn, word)
        }
        ADD_Rd_Rn_Rm_SFT | SUB_Rd_Rn_Rm_SFT | ADDS_Rd_Rn_Rm_SFT | SUBS_Rd_Rn_Rm_SFT => {
            add_shifted(insn, word)
        }
        ADD_Rd_SP_Rn_SP_Rm_EXT
        | SUB_Rd_SP_Rn_SP_Rm_EXT
        | ADDS_Rd_Rn_SP_Rm_EXT
        | SUBS_Rd_Rn_SP_Rm_EXT => add_extended(insn, word),
        AND_Rd_SP_Rn_LIMM | ORR_Rd_SP_Rn_LIMM | EOR_Rd_SP_Rn_LIMM | ANDS_Rd_Rn_LIMM => {
            logic_immediate(insn, word)
        }
        AND_Rd_Rn_Rm_SFT | BIC_Rd_Rn_Rm_SFT | ORR_Rd_Rn_Rm_SFT | ORN_Rd_Rn_Rm_SFT
        | EOR_Rd_Rn_Rm_SFT | EON_Rd_Rn_Rm_SFT | ANDS_Rd_Rn_Rm_SFT | BICS_Rd_Rn_Rm_SFT => {
            logic_shifted(insn, word)
        }
        SBFM_Rd_Rn_IMMR_IMMS | UBFM_Rd_Rn_IMMR_IMMS | BFM_Rd_Rn_IMMR_IMMS => bitfield(insn, word),
        EXTR_Rd_Rn_Rm_IMMS => extract(word),
        LSLV_Rd_Rn_Rm => Some(shift_register(Shift::Lsl, word)),
        LSRV_Rd_Rn_Rm => Some(shift_register(Shift::Lsr, word)),
        ASRV_Rd_Rn_Rm => Some(shift_register(Shift::Asr, word)),
        RORV_Rd_Rn_Rm => Some(shift_register(Shift::Ror, word)),
        RBIT_Rd_Rn => Some(unary(Unary::Rbit, word)),
        REV16_Rd_Rn => Some(unary(Unary::Rev16, word)),
        REV32_Rd_Rn => Some(unary(Unary::Rev32, word)),
        REV_Rd_Rn => Some(unary(Unary::Rev32, word)),
        REV_Rd_X_Rn_X => Some(unary(Unary::Rev64, word)),
        CLZ_Rd_Rn => Some(unary(Unary::Clz, word)),
        CLS_Rd_Rn => Some(unary(Unary::Cls, word)),
        CSEL_Rd_Rn_Rm_COND => Some(select(Select::Keep, word)),
        CSINC_Rd_Rn_Rm_COND => Some(select(Select::Increment, word)),
        CSINV_Rd_Rn_Rm_COND => Some(select(Select::Invert, word)),
        CSNEG_Rd_Rn_Rm_COND => Some(select(Select::Negate, word)),
        CCMP_Rn_Rm_NZCV_COND | CCMN_Rn_Rm_NZCV_COND => Some(compare_if(insn, word)),
        CCMP_Rn_CCMP_IMM_NZCV_COND | CCMN_Rn_CCMP_IMM_NZCV_COND => {
            Some(compare_immediate_if(insn, word))
        }
        _ => product(insn, word),
    }
}

fn wide_constant(insn: Opcode, word: Word) -> Decoded {
    let (rd, w) = (word.rd(), word.is_w());
    let shift = 16 * word.field(21, 2) as u8;
    let imm = word.field(5, 16) as u16;
    if w && shift > 16 {
        return None;
    }
    let placed = (imm as u64) << shift;
    let constant = |value| Ins::new(Op::Constant { rd, value }).writes(&[rd]);
    Some(match id(insn) {
        InsnId::MOVZ_Rd_HALF => constant(placed),
        InsnId::MOVN_Rd_HALF => constant(narrow(w, !placed)),
        _ => Ins::new(Op::MoveKeep { rd, w, shift, imm }).reads(&[word.source(0)]).writes(&[rd]),
    })
}

fn pc_relative(insn: Opcode, word: Word) -> Ins {
    let rd = word.rd();
    let offset = word.signed(5, 19) << 2 | word.field(29, 2) as i64;
    let value = match id(insn) {
        InsnId::ADR_Rd_ADDR_PCREL21 => word.address().wrapping_add_signed(offset),
        _ => (word.address() & !0xfff).wrapping_add_signed(offset << 12),
    };
    Ins::new(Op::Constant { rd, value }).writes(&[rd])
}

fn is_subtraction(insn: Opcode) -> bool {
    use InsnId::*;
    matches!(
        id(insn),
        SUB_Rd_SP_Rn_SP_AIMM
            | SUBS_Rd_Rn_SP_AIMM
            | SUB_Rd_Rn_Rm_SFT
            | SUBS_Rd_Rn_Rm_SFT
            | SUB_Rd_SP_Rn_SP_Rm_EXT
            | SUBS_Rd_Rn_SP_Rm_EXT
    )
}

fn sets_flags(insn: Opcode) -> bool {
    use InsnId::*;
    matches!(
        id(insn),
        ADDS_Rd_Rn_SP_AIMM
            | SUBS_Rd_Rn_SP_AIMM
            | ADDS_Rd_Rn_Rm_SFT
            | SUBS_Rd_Rn_Rm_SFT
            | ADDS_Rd_Rn_SP_Rm_EXT
            | SUBS_Rd_Rn_SP_Rm_EXT
    )
}

fn add_immediate(insn: Opcode, word: Word) -> Decoded {
    if word.flag(23) {
        return None;
    }
    let (rn, w) = (word.or_sp(5), word.is_w());
    let imm = (word.field(10, 12) as u64) << if word.flag(22) { 12 } else { 0 };
    let flags = sets_flags(insn);
    let rd = if flags { word.rd() } else { word.or_sp(0) };
    let ins = match (flags, is_subtraction(insn)) {
        (false, false) => Ins::new(Op::AddImm { rd, rn, w, imm }),
        (false, true) => Ins::new(Op::AddImm { rd, rn, w, imm: imm.wrapping_neg() }),
        (true, false) => Ins::new(Op::AddsImm { rd, rn, w, imm }).writes_flags(),
        (true, true) => Ins::new(Op::SubsImm { rd, rn, w, imm }).writes_flags(),
    };
    Some(ins.reads(&[rn]).writes(&[rd]))
}

fn add_shifted(insn: Opcode, word: Word) -> Decoded {
    let op2 = shifted(word, false)?;
    let flags = sets_flags(insn);
    Some(add_operand2(flags, is_subtraction(insn), word.rd(), word.rn(), op2, word))
}

fn add_extended(insn: Opcode, word: Word) -> Decoded {
    let amount = word.field(10, 3) as u8;
    if amount > 4 {
        return None;
    }
    let prepare = Prepare::Extend(extension(word.field(13, 3)));
    let op2 = Operand2 { rm: word.rm(), prepare, amount };
    let flags = sets_flags(insn);
    let rd = if flags { word.rd() } else { word.or_sp(0) };
    Some(add_operand2(flags, is_subtraction(insn), rd, word.or_sp(5), op2, word))
}

fn add_operand2(flags: bool, subtract: bool, rd: u8, rn: u8, op2: Operand2, word: Word) -> Ins {
    let (rm, w) = (op2.rm, word.is_w());
    let op = match (flags, subtract) {
        (false, false) if op2.is_plain() => Op::AddReg { rd, rn, rm, w },
        (false, true) if op2.is_plain() => Op::SubReg { rd, rn, rm, w },
        (true, true) if op2.is_plain() => Op::SubsReg { rd, rn, rm, w },
        (false, false) => Op::Add { rd, rn, w, op2 },
        (false, true) => Op::Sub { rd, rn, w, op2 },
        (true, false) => Op::Adds { rd, rn, w, op2 },
        (true, true) => Op::Subs { rd, rn, w, op2 },
    };
    let ins = Ins::new(op).reads(&[rn, rm]).writes(&[rd]);
    if flags { ins.writes_flags() } else { ins }
}

/// The shifted register operand; rotation exists for logic only.
fn shifted(word: Word, rotation: bool) -> Option<Operand2> {
    let kind = match word.field(22, 2) {
        0 => Shift::Lsl,
        1 => Shift::Lsr,
        2 => Shift::Asr,
        _ if rotation => Shift::Ror,
        _ => return None,
    };
    let amount = word.field(10, 6) as u8;
    if word.is_w() && amount > 31 {
        return None;
    }
    Some(Operand2 { rm: word.rm(), prepare: Prepare::Shift(kind), amount })
}

pub(super) fn extension(option: u32) -> Extend {
    match option {
        0 => Extend::Uxtb,
        1 => Extend::Uxth,
        2 => Extend::Uxtw,
        3 => Extend::Uxtx,
        4 => Extend::Sxtb,
        5 => Extend::Sxth,
        6 => Extend::Sxtw,
        _ => Extend::Sxtx,
    }
}

fn logic_immediate(insn: Opcode, word: Word) -> Decoded {
    let (rn, w) = (word.rn(), word.is_w());
    let imm = bitmask(word)?;
    let (kind, rd) = match id(insn) {
        InsnId::AND_Rd_SP_Rn_LIMM => (Logic::And, word.or_sp(0)),
        InsnId::ORR_Rd_SP_Rn_LIMM => (Logic::Orr, word.or_sp(0)),
        InsnId::EOR_Rd_SP_Rn_LIMM => (Logic::Eor, word.or_sp(0)),
        _ => (Logic::Ands, word.rd()),
    };
    if kind == Logic::Orr && rn == ZERO {
        return Some(Ins::new(Op::Constant { rd, value: imm }).writes(&[rd]));
    }
    let ins = Ins::new(Op::LogicImm { kind, rd, rn, w, imm }).reads(&[rn]).writes(&[rd]);
    Some(if kind == Logic::Ands { ins.writes_flags() } else { ins })
}

/// The bitmask immediate: a run of ones, rotated, in elements of 2 to 64 bits that fill the register.
fn bitmask(word: Word) -> Option<u64> {
    let (n, immr, imms) = (word.field(22, 1), word.field(16, 6), word.field(10, 6));
    if word.is_w() && n == 1 {
        return None;
    }
    let selector = n << 6 | !imms & 0x3f;
    let length = 31u32.checked_sub(selector.leading_zeros()).filter(|length| *length >= 1)?;
    let size = 1u32 << length;
    let (ones, rotation) = (imms & (size - 1), immr & (size - 1));
    if ones == size - 1 {
        return None;
    }
    let element_mask = u64::MAX >> (64 - size);
    let run = u64::MAX >> (63 - ones);
    let element = if rotation == 0 {
        run
    } else {
        (run >> rotation | run << (size - rotation)) & element_mask
    };
    let mut value = element;
    let mut filled = size;
    while filled < 64 {
        value |= value << filled;
        filled *= 2;
    }
    Some(narrow(word.is_w(), value))
}

fn logic_shifted(insn: Opcode, word: Word) -> Decoded {
    use InsnId::*;
    let (rd, rn, w) = (word.rd(), word.rn(), word.is_w());
    let op2 = shifted(word, true)?;
    let (kind, invert) = match id(insn) {
        AND_Rd_Rn_Rm_SFT => (Logic::And, false),
        BIC_Rd_Rn_Rm_SFT => (Logic::And, true),
        ORR_Rd_Rn_Rm_SFT => (Logic::Orr, false),
        ORN_Rd_Rn_Rm_SFT => (Logic::Orr, true),
        EOR_Rd_Rn_Rm_SFT => (Logic::Eor, false),
        EON_Rd_Rn_Rm_SFT => (Logic::Eor, true),
        ANDS_Rd_Rn_Rm_SFT => (Logic::Ands, false),
        _ => (Logic::Ands, true),
    };
    if kind == Logic::Orr && !invert && rn == ZERO && op2.is_plain() {
        let op = Op::Move { rd, rn: op2.rm, w };
        return Some(Ins::new(op).reads(&[op2.rm]).writes(&[rd]));
    }
    let op = Op::Logic { kind, invert, rd, rn, w, op2 };
    let ins = Ins::new(op).reads(&[rn, op2.rm]).writes(&[rd]);
    Some(if kind == Logic::Ands { ins.writes_flags() } else { ins })
}

fn bitfield(insn: Opcode, word: Word) -> Decoded {
    let (rd, rn, w) = (word.rd(), word.rn(), word.is_w());
    let (immr, imms) = (word.field(16, 6) as u8, word.field(10, 6) as u8);
    let width = if w { 32 } else { 64 };
    if word.flag(22) == w || immr >= width || imms >= width {
        return None;
    }
    let shift = |kind, amount| Op::ShiftImm { kind, rd, rn, w, amount };
    let op = match id(insn) {
        InsnId::SBFM_Rd_Rn_IMMR_IMMS if imms == width - 1 => shift(Shift::Asr, immr),
        InsnId::UBFM_Rd_Rn_IMMR_IMMS if imms == width - 1 => shift(Shift::Lsr, immr),
        InsnId::UBFM_Rd_Rn_IMMR_IMMS if imms + 1 == immr => shift(Shift::Lsl, width - immr),
        InsnId::SBFM_Rd_Rn_IMMR_IMMS => {
            Op::Bitfield { kind: Bitfield::Signed, rd, rn, w, immr, imms }
        }
        InsnId::UBFM_Rd_Rn_IMMR_IMMS => {
            Op::Bitfield { kind: Bitfield::Unsigned, rd, rn, w, immr, imms }
        }
        _ => Op::Bitfield { kind: Bitfield::Insert, rd, rn, w, immr, imms },
    };
    let ins = Ins::new(op).reads(&[rn]).writes(&[rd]);
    let keeps = matches!(op, Op::Bitfield { kind: Bitfield::Insert, .. });
    Some(if keeps { ins.reads(&[word.source(0)]) } else { ins })
}

fn extract(word: Word) -> Decoded {
    let (rd, rn, rm, w) = (word.rd(), word.rn(), word.rm(), word.is_w());
    let lsb = word.field(10, 6) as u8;
    if word.flag(22) == w || (w && lsb > 31) {
        return None;
    }
    Some(Ins::new(Op::Extract { rd, rn, rm, w, lsb }).reads(&[rn, rm]).writes(&[rd]))
}

fn shift_register(kind: Shift, word: Word) -> Ins {
    let (rd, rn, rm, w) = (word.rd(), word.rn(), word.rm(), word.is_w());
    Ins::new(Op::ShiftReg { kind, rd, rn, rm, w }).reads(&[rn, rm]).writes(&[rd])
}

fn unary(kind: Unary, word: Word) -> Ins {
    let (rd, rn, w) = (word.rd(), word.rn(), word.is_w());
    Ins::new(Op::Unary { kind, rd, rn, w }).reads(&[rn]).writes(&[rd])
}

fn select(kind: Select, word: Word) -> Ins {
    let (rd, rn, rm, w) = (word.rd(), word.rn(), word.rm(), word.is_w());
    let op = Op::Select { kind, rd, rn, rm, w, cond: word.cond() };
    Ins::new(op).reads(&[rn, rm]).reads_flags().writes(&[rd])
}

fn compare_if(insn: Opcode, word: Word) -> Ins {
    let (rn, rm, w) = (word.rn(), word.rm(), word.is_w());
    let add = id(insn) == InsnId::CCMN_Rn_Rm_NZCV_COND;
    let nzcv = word.field(0, 4) as u8;
    let op = Op::CompareIf { rn, rm, w, add, cond: word.cond(), nzcv };
    Ins::new(op).reads(&[rn, rm]).reads_flags().writes_flags()
}

fn compare_immediate_if(insn: Opcode, word: Word) -> Ins {
    let (rn, w) = (word.rn(), word.is_w());
    let add = id(insn) == InsnId::CCMN_Rn_CCMP_IMM_NZCV_COND;
    let (imm, nzcv) = (word.field(16, 5) as u8, word.field(0, 4) as u8);
    let op = Op::CompareImmIf { rn, imm, w, add, cond: word.cond(), nzcv };
    Ins::new(op).reads(&[rn]).reads_flags().writes_flags()
}

/// Products and quotients.
fn product(insn: Opcode, word: Word) -> Decoded {
    use InsnId::*;
    let (rd, rn, rm, ra, w) = (word.rd(), word.rn(), word.rm(), word.source(10), word.is_w());
    let op = match id(insn) {
        MADD_Rd_Rn_Rm_Ra => Op::MulAdd { rd, rn, rm, ra, w, subtract: false },
        MSUB_Rd_Rn_Rm_Ra => Op::MulAdd { rd, rn, rm, ra, w, subtract: true },
        SMADDL_Rd_Rn_Rm_Ra => Op::MulAddLong { rd, rn, rm, ra, signed: true, subtract: false },
        SMSUBL_Rd_Rn_Rm_Ra => Op::MulAddLong { rd, rn, rm, ra, signed: true, subtract: true },
        UMADDL_Rd_Rn_Rm_Ra => Op::MulAddLong { rd, rn, rm, ra, signed: false, subtract: false },
        UMSUBL_Rd_Rn_Rm_Ra => Op::MulAddLong { rd, rn, rm, ra, signed: false, subtract: true },
        SMULH_Rd_Rn_Rm => Op::MulHigh { rd, rn, rm, signed: true },
        UMULH_Rd_Rn_Rm => Op::MulHigh { rd, rn, rm, signed: false },
        SDIV_Rd_Rn_Rm => Op::Divide { rd, rn, rm, w, signed: true },
        UDIV_Rd_Rn_Rm => Op::Divide { rd, rn, rm, w, signed: false },
        _ => return None,
    };
    let ins = Ins::new(op).reads(&[rn, rm]).writes(&[rd]);
    let adds = matches!(op, Op::MulAdd { .. } | Op::MulAddLong { .. });
    Some(if adds { ins.reads(&[ra]) } else { ins })
}
