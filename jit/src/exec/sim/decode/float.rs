//! Double-precision data processing and moves between the register files.
//!
//! In `disarm64` the plain names of the scalar forms (`FADD_Fd_Fn_Fm`) are the half-precision ones;
//! those with a qualifier (`_S_S`) cover single and double, told apart by `ftype`.

use disarm64::decoder::{InsnId, Opcode};

use super::super::op::{FPR, FloatBinary, FloatUnary, Ins, Op, Reg, Rounding, ZERO};
use super::{Decoded, Word, id};

/// `ftype` of double precision, in bits 23:22.
const DOUBLE: u32 = 1;

pub(super) fn decode(insn: Opcode, word: Word) -> Decoded {
    use InsnId::*;
    if id(insn) == MOVI_Sd_SIMD_IMM {
        return Some(byte_mask(word));
    }
    if matches!(id(insn), FMOV_Rd_W_Fn_S_S | FMOV_Fd_S_S_Rn_W) {
        return transfer(insn, word);
    }
    if word.field(22, 2) != DOUBLE {
        return None;
    }
    let (rd, rn) = (word.float(0), word.float(5));
    match id(insn) {
        FMOV_Fd_S_S_FPIMM => Some(constant(word)),
        FMOV_Fd_S_S_Fn_S_S => {
            Some(Ins::new(Op::Move { rd, rn, w: false }).reads(&[rn]).writes(&[rd]))
        }
        FNEG_Fd_S_S_Fn_S_S => Some(unary(FloatUnary::Neg, word)),
        FABS_Fd_S_S_Fn_S_S => Some(unary(FloatUnary::Abs, word)),
        FSQRT_Fd_S_S_Fn_S_S => Some(unary(FloatUnary::Sqrt, word)),
        FRINTN_Fd_S_S_Fn_S_S | FRINTX_Fd_S_S_Fn_S_S | FRINTI_Fd_S_S_Fn_S_S => {
            Some(round(Rounding::TiesEven, word))
        }
        FRINTA_Fd_S_S_Fn_S_S => Some(round(Rounding::TiesAway, word)),
        FRINTP_Fd_S_S_Fn_S_S => Some(round(Rounding::Up, word)),
        FRINTM_Fd_S_S_Fn_S_S => Some(round(Rounding::Down, word)),
        FRINTZ_Fd_S_S_Fn_S_S => Some(round(Rounding::Zero, word)),
        FCMP_Fn_S_S_Fm_S_S | FCMPE_Fn_S_S_Fm_S_S => Some(compare(rn, word.float(16))),
        FCMP_Fn_S_S_FPIMM0 | FCMPE_Fn_S_S_FPIMM0 => Some(compare(rn, ZERO)),
        FCCMP_Fn_S_S_Fm_S_S_NZCV_COND | FCCMPE_Fn_S_S_Fm_S_S_NZCV_COND => {
            let (rm, cond, nzcv) = (word.float(16), word.cond(), word.field(0, 4) as u8);
            let ins = Ins::new(Op::FCompareIf { rn, rm, cond, nzcv });
            Some(ins.reads(&[rn, rm]).reads_flags().writes_flags())
        }
        FCSEL_Fd_S_S_Fn_S_S_Fm_S_S_COND => {
            let rm = word.float(16);
            let ins = Ins::new(Op::FSelect { rd, rn, rm, cond: word.cond() });
            Some(ins.reads(&[rn, rm]).reads_flags().writes(&[rd]))
        }
        _ => arithmetic(insn, word).or_else(|| conversion(insn, word)),
    }
}

fn arithmetic(insn: Opcode, word: Word) -> Decoded {
    use InsnId::*;
    let (rd, rn, rm, ra) = (word.float(0), word.float(5), word.float(16), word.float(10));
    let binary = |kind| Op::FBinary { kind, rd, rn, rm };
    let fused = |negate_product, negate_addend| Op::FMulAdd {
        rd,
        rn,
        rm,
        ra,
        negate_product,
        negate_addend,
    };
    let op = match id(insn) {
        FADD_Fd_S_S_Fn_S_S_Fm_S_S => Op::FAdd { rd, rn, rm },
        FSUB_Fd_S_S_Fn_S_S_Fm_S_S => Op::FSub { rd, rn, rm },
        FMUL_Fd_S_S_Fn_S_S_Fm_S_S => Op::FMul { rd, rn, rm },
        FDIV_Fd_S_S_Fn_S_S_Fm_S_S => Op::FDiv { rd, rn, rm },
        FNMUL_Fd_S_S_Fn_S_S_Fm_S_S => binary(FloatBinary::Nmul),
        FMIN_Fd_S_S_Fn_S_S_Fm_S_S => binary(FloatBinary::Min),
        FMAX_Fd_S_S_Fn_S_S_Fm_S_S => binary(FloatBinary::Max),
        FMINNM_Fd_S_S_Fn_S_S_Fm_S_S => binary(FloatBinary::MinNum),
        FMAXNM_Fd_S_S_Fn_S_S_Fm_S_S => binary(FloatBinary::MaxNum),
        FMADD_Fd_S_S_Fn_S_S_Fm_S_S_Fa_S_S => fused(false, false),
        FMSUB_Fd_S_S_Fn_S_S_Fm_S_S_Fa_S_S => fused(true, false),
        FNMADD_Fd_S_S_Fn_S_S_Fm_S_S_Fa_S_S => fused(true, true),
        FNMSUB_Fd_S_S_Fn_S_S_Fm_S_S_Fa_S_S => fused(false, true),
        _ => return None,
    };
    let ins = Ins::new(op).reads(&[rn, rm]).writes(&[rd]);
    Some(if matches!(op, Op::FMulAdd { .. }) { ins.reads(&[ra]) } else { ins })
}

/// Conversions between integers and doubles; fixed-point forms are not supported.
fn conversion(insn: Opcode, word: Word) -> Decoded {
    use InsnId::*;
    let to_int = |rounding, signed| {
        let (rd, rn, w) = (word.rd(), word.float(5), word.is_w());
        let op = Op::FloatToInt { rd, rn, w, signed, rounding };
        Some(Ins::new(op).reads(&[rn]).writes(&[rd]))
    };
    let to_float = |signed| {
        let (rd, rn, w) = (word.float(0), word.rn(), word.is_w());
        let op = Op::IntToFloat { rd, rn, w, signed };
        Some(Ins::new(op).reads(&[rn]).writes(&[rd]))
    };
    match id(insn) {
        SCVTF_Fd_S_D_Rn_W => to_float(true),
        UCVTF_Fd_S_D_Rn_W => to_float(false),
        FCVTZS_Rd_W_Fn_S_D => to_int(Rounding::Zero, true),
        FCVTZU_Rd_W_Fn_S_D => to_int(Rounding::Zero, false),
        FCVTMS_Rd_W_Fn_S_D => to_int(Rounding::Down, true),
        FCVTMU_Rd_W_Fn_S_D => to_int(Rounding::Down, false),
        FCVTPS_Rd_W_Fn_S_D => to_int(Rounding::Up, true),
        FCVTPU_Rd_W_Fn_S_D => to_int(Rounding::Up, false),
        FCVTNS_Rd_W_Fn_S_D => to_int(Rounding::TiesEven, true),
        FCVTNU_Rd_W_Fn_S_D => to_int(Rounding::TiesEven, false),
        FCVTAS_Rd_W_Fn_S_D => to_int(Rounding::TiesAway, true),
        FCVTAU_Rd_W_Fn_S_D => to_int(Rounding::TiesAway, false),
        _ => None,
    }
}

/// `fmov` between files: x with d, w with s.
fn transfer(insn: Opcode, word: Word) -> Decoded {
    let w = match (word.is_w(), word.field(22, 2)) {
        (false, DOUBLE) => false,
        (true, 0) => true,
        _ => return None,
    };
    let to_integer = id(insn) == InsnId::FMOV_Rd_W_Fn_S_S;
    let (rd, rn) = if to_integer { (word.rd(), word.float(5)) } else { (word.float(0), word.rn()) };
    Some(Ins::new(Op::Move { rd, rn, w }).reads(&[rn]).writes(&[rd]))
}

/// `fmov d, #imm8`: sign, a 3-bit exponent around 1.0, 4 bits of fraction.
fn constant(word: Word) -> Ins {
    let rd = word.float(0);
    let imm = word.field(13, 8) as u64;
    let (sign, high, low, fraction) = (imm >> 7, imm >> 6 & 1, imm >> 4 & 3, imm & 15);
    let exponent = (high ^ 1) << 10 | (high * 0xff) << 2 | low;
    let value = sign << 63 | exponent << 52 | fraction << 48;
    Ins::new(Op::Constant { rd, value }).writes(&[rd])
}

/// `movi d, #imm64`: each of eight bits fills a byte.
fn byte_mask(word: Word) -> Ins {
    let rd: Reg = FPR + word.field(0, 5) as Reg;
    let bits = word.field(16, 3) << 5 | word.field(5, 5);
    let value = (0..8).filter(|i| bits >> i & 1 == 1).map(|i| 0xffu64 << (8 * i)).sum();
    Ins::new(Op::Constant { rd, value }).writes(&[rd])
}

fn unary(kind: FloatUnary, word: Word) -> Ins {
    let (rd, rn) = (word.float(0), word.float(5));
    Ins::new(Op::FUnary { kind, rd, rn }).reads(&[rn]).writes(&[rd])
}

fn round(rounding: Rounding, word: Word) -> Ins {
    unary(FloatUnary::Round(rounding), word)
}

/// Without trapped exceptions the signalling and the quiet comparison do the same.
fn compare(rn: Reg, rm: Reg) -> Ins {
    Ins::new(Op::FCompare { rn, rm }).reads(&[rn, rm]).writes_flags()
}
