//! Integer semantics on plain values: flags, shifts, bit fields, division.
//!
//! Each function follows the pseudocode of the Arm architecture manual for the 32- or 64-bit form
//! (`w` marks 32-bit); operands may carry garbage above bit 31 in 32-bit forms, results do not.

use super::op::{Bitfield, Extend, Logic, Operand2, Prepare, Select, Shift, Unary};

pub const N: u8 = 8;
pub const Z: u8 = 4;
pub const C: u8 = 2;
pub const V: u8 = 1;

/// For each condition code, the set of NZCV values (as bits) for which it holds.
const HOLDS: [u16; 16] = {
    let mut table = [0u16; 16];
    let mut cond = 0;
    while cond < 16 {
        let mut nzcv = 0u8;
        while nzcv < 16 {
            let n = nzcv & N != 0;
            let z = nzcv & Z != 0;
            let c = nzcv & C != 0;
            let v = nzcv & V != 0;
            let base = match cond >> 1 {
                0 => z,
                1 => c,
                2 => n,
                3 => v,
                4 => c && !z,
                5 => n == v,
                6 => n == v && !z,
                _ => true,
            };
            // The low bit inverts, except for the two encodings of "always".
            if base != (cond & 1 == 1 && cond != 15) {
                table[cond] |= 1 << nzcv;
            }
            nzcv += 1;
        }
        cond += 1;
    }
    table
};

#[inline(always)]
pub fn holds(cond: u8, nzcv: u8) -> bool {
    HOLDS[(cond & 15) as usize] >> (nzcv & 15) & 1 == 1
}

#[inline(always)]
pub fn narrow(w: bool, value: u64) -> u64 {
    if w { value as u32 as u64 } else { value }
}

#[inline(always)]
fn flags(n: bool, z: bool, c: bool, v: bool) -> u8 {
    (n as u8) << 3 | (z as u8) << 2 | (c as u8) << 1 | v as u8
}

/// Sum and NZCV.
#[inline(always)]
pub fn adds(w: bool, a: u64, b: u64) -> (u64, u8) {
    if w {
        let (a, b) = (a as u32, b as u32);
        let (sum, carry) = a.overflowing_add(b);
        let overflow = ((a ^ sum) & (b ^ sum)) >> 31 != 0;
        let nzcv = flags(sum >> 31 != 0, sum == 0, carry, overflow);
        (sum as u64, nzcv)
    } else {
        let (sum, carry) = a.overflowing_add(b);
        let overflow = ((a ^ sum) & (b ^ sum)) >> 63 != 0;
        (sum, flags(sum >> 63 != 0, sum == 0, carry, overflow))
    }
}

/// Difference and NZCV; carry means "no borrow".
#[inline(always)]
pub fn subs(w: bool, a: u64, b: u64) -> (u64, u8) {
    if w {
        let (a, b) = (a as u32, b as u32);
        let (difference, borrow) = a.overflowing_sub(b);
        let (signed, overflow) = (a as i32).overflowing_sub(b as i32);
        (difference as u64, flags(signed < 0, difference == 0, !borrow, overflow))
    } else {
        let (difference, borrow) = a.overflowing_sub(b);
        let (signed, overflow) = (a as i64).overflowing_sub(b as i64);
        (difference, flags(signed < 0, difference == 0, !borrow, overflow))
    }
}

/// NZCV of `ands` and `bics`.
#[inline(always)]
pub fn logic_flags(w: bool, value: u64) -> u8 {
    let negative = if w { value >> 31 & 1 } else { value >> 63 } != 0;
    flags(negative, value == 0, false, false)
}

#[inline(always)]
pub fn logic(kind: Logic, w: bool, a: u64, b: u64) -> u64 {
    let value = match kind {
        Logic::And | Logic::Ands => a & b,
        Logic::Orr => a | b,
        Logic::Eor => a ^ b,
    };
    narrow(w, value)
}

/// Shift by an amount that is taken modulo the register's width.
#[inline(always)]
pub fn shift(kind: Shift, w: bool, value: u64, amount: u64) -> u64 {
    if w {
        let (value, amount) = (value as u32, (amount & 31) as u32);
        let result = match kind {
            Shift::Lsl => value << amount,
            Shift::Lsr => value >> amount,
            Shift::Asr => ((value as i32) >> amount) as u32,
            Shift::Ror => value.rotate_right(amount),
        };
        result as u64
    } else {
        let amount = (amount & 63) as u32;
        match kind {
            Shift::Lsl => value << amount,
            Shift::Lsr => value >> amount,
            Shift::Asr => ((value as i64) >> amount) as u64,
            Shift::Ror => value.rotate_right(amount),
        }
    }
}

#[inline(always)]
pub fn extend(kind: Extend, value: u64) -> u64 {
    match kind {
        Extend::Uxtb => value as u8 as u64,
        Extend::Uxth => value as u16 as u64,
        Extend::Uxtw => value as u32 as u64,
        Extend::Uxtx | Extend::Sxtx => value,
        Extend::Sxtb => value as u8 as i8 as u64,
        Extend::Sxth => value as u16 as i16 as u64,
        Extend::Sxtw => value as u32 as i32 as u64,
    }
}

/// The value of a shifted or extended register operand.
#[inline(always)]
pub fn operand2(w: bool, op2: Operand2, rm: u64) -> u64 {
    match op2.prepare {
        Prepare::Shift(kind) => shift(kind, w, rm, op2.amount as u64),
        Prepare::Extend(kind) => extend(kind, rm) << op2.amount,
    }
}

/// `sbfm`, `ubfm`, `bfm` with fields already checked against the width.
pub fn bitfield(kind: Bitfield, w: bool, old: u64, source: u64, immr: u8, imms: u8) -> u64 {
    let width = if w { 32 } else { 64 };
    let (immr, imms) = (immr as u32, imms as u32);
    let source = narrow(w, source);
    // Either bits immr..=imms go down to bit 0, or bits 0..=imms go up to bit width - immr.
    let (field, length, position) = if imms >= immr {
        (source >> immr, imms - immr + 1, 0)
    } else {
        (source, imms + 1, width - immr)
    };
    let ones = u64::MAX >> (64 - length);
    let placed = (field & ones) << position;
    let value = match kind {
        Bitfield::Unsigned => placed,
        Bitfield::Insert => old & !(ones << position) | placed,
        Bitfield::Signed => {
            let unused = 64 - length - position;
            ((placed << unused) as i64 >> unused) as u64
        }
    };
    narrow(w, value)
}

/// Low half of `high:low >> lsb`.
pub fn extract(w: bool, high: u64, low: u64, lsb: u8) -> u64 {
    if w {
        let pair = high << 32 | low as u32 as u64;
        (pair >> lsb) as u32 as u64
    } else {
        ((((high as u128) << 64) | low as u128) >> lsb) as u64
    }
}

pub fn unary(kind: Unary, w: bool, value: u64) -> u64 {
    if w {
        let value = value as u32;
        let result = match kind {
            Unary::Rbit => value.reverse_bits(),
            Unary::Rev16 => (value & 0xff00_ff00) >> 8 | (value & 0x00ff_00ff) << 8,
            Unary::Rev32 | Unary::Rev64 => value.swap_bytes(),
            Unary::Clz => value.leading_zeros(),
            Unary::Cls => (value ^ ((value as i32) >> 1) as u32).leading_zeros() - 1,
        };
        return result as u64;
    }
    match kind {
        Unary::Rbit => value.reverse_bits(),
        Unary::Rev16 => (value & 0xff00_ff00_ff00_ff00) >> 8 | (value & 0x00ff_00ff_00ff_00ff) << 8,
        Unary::Rev32 => value.swap_bytes().rotate_right(32),
        Unary::Rev64 => value.swap_bytes(),
        Unary::Clz => value.leading_zeros() as u64,
        Unary::Cls => cls64(value),
    }
}

/// Copies of the sign bit below it.
fn cls64(value: u64) -> u64 {
    (value ^ ((value as i64) >> 1) as u64).leading_zeros() as u64 - 1
}

/// Division by zero gives 0, the one overflow wraps; neither traps.
#[inline(always)]
pub fn divide(w: bool, signed: bool, a: u64, b: u64) -> u64 {
    match (w, signed) {
        (false, true) if b != 0 => (a as i64).wrapping_div(b as i64) as u64,
        (false, false) if b != 0 => a / b,
        (true, true) if b as u32 != 0 => (a as i32).wrapping_div(b as i32) as u32 as u64,
        (true, false) if b as u32 != 0 => (a as u32 / b as u32) as u64,
        _ => 0,
    }
}

/// `madd`, `msub`.
#[inline(always)]
pub fn mul_add(w: bool, subtract: bool, a: u64, b: u64, addend: u64) -> u64 {
    let product = a.wrapping_mul(b);
    let value = if subtract { addend.wrapping_sub(product) } else { addend.wrapping_add(product) };
    narrow(w, value)
}

/// `smaddl`, `smsubl`, `umaddl`, `umsubl`.
pub fn mul_add_long(signed: bool, subtract: bool, a: u64, b: u64, addend: u64) -> u64 {
    let (a, b) = if signed {
        (a as i32 as u64, b as i32 as u64)
    } else {
        (a as u32 as u64, b as u32 as u64)
    };
    mul_add(false, subtract, a, b, addend)
}

pub fn mul_high(signed: bool, a: u64, b: u64) -> u64 {
    if signed {
        ((a as i64 as i128 * b as i64 as i128) >> 64) as u64
    } else {
        ((a as u128 * b as u128) >> 64) as u64
    }
}

#[inline(always)]
pub fn select(kind: Select, w: bool, condition: bool, a: u64, b: u64) -> u64 {
    let other = match kind {
        Select::Keep => b,
        Select::Increment => b.wrapping_add(1),
        Select::Invert => !b,
        Select::Negate => b.wrapping_neg(),
    };
    narrow(w, if condition { a } else { other })
}
