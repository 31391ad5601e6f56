//! Faults of emission: wrong words.
//!
//! Words are changed bit by bit, by the encodings of the ARM manual; the simulator's decoder accepts all.

use super::{Fault, Plant};
use plumb_jit::backend::CompiledTrace;
use plumb_jit::ir::op::Op;

macro_rules! faults {
    ($($name:literal, $about:literal, $imitates:literal, $rare:expr, [$($op:ident),*], $change:expr;)*) => {
        &[$(Fault {
            name: $name,
            about: $about,
            imitates: $imitates,
            rare: $rare,
            ops: &[$(Op::$op),*],
            plant: Plant::Emitted($change),
        }),*]
    };
}

#[rustfmt::skip]
pub const FAULTS: &[Fault] = faults! {
    "emit.inverted", "the last guard that compares integers has its condition inverted", "condition inverted", None, [], inverted;
    "emit.signed", "a bound is compared signed", "signed for unsigned", Some("only at a negative index"), [GuardULt], |c| guards(c, |cond| (cond == HS).then_some(GE));
    "emit.unordered", "a guard after fcmp leaves on GE for PL, and on GT for HI", "fcmp: the unordered case", Some("only at a NaN"), [GuardFLt, GuardFLe], unordered;
    "emit.subtract-order", "the operands of fsub are swapped", "operand order of fsub", None, [FSub], |c| words(c, |w| (w & 0xffe0_fc00 == 0x1e60_3800).then(|| swap_operands(w)));
    "emit.divide-order", "the operands of fdiv are swapped", "operand order of fdiv", None, [FDiv], |c| words(c, |w| (w & 0xffe0_fc00 == 0x1e60_1800).then(|| swap_operands(w)));
    "emit.scale", "the index of an array is scaled by 8", "gscript: S bit of a register offset", None, [ArrayLoad, ArrayStore], |c| words(c, |w| (w & 0xffe0_fc00 == 0x8b00_1000).then_some(w & !0xfc00 | 3 << 10));
    "emit.32-bit-add", "an addition of two registers is done in 32 bits", "32-bit for 64-bit", Some("only beyond 32 bits"), [Add], |c| words(c, |w| (w & 0xffe0_fc00 == 0x8b00_0000).then_some(w & !(1 << 31)));
    "emit.32-bit-multiply", "a multiplication is done in 32 bits", "32-bit for 64-bit", Some("only beyond 32 bits"), [Mul], |c| words(c, |w| (w & 0xffe0_fc00 == 0x9b00_7c00).then_some(w & !(1 << 31)));
    "emit.32-bit-convert", "an integer is converted to a float from 32 bits", "32-bit for 64-bit", Some("only beyond 32 bits"), [IntToFloat], |c| words(c, |w| (w & 0xffff_fc00 == 0x9e62_0000).then_some(w & !(1 << 31)));
    "emit.literal", "the highest piece of a constant is 0", "wrong literal", None, [KFloat, KInt], |c| words(c, |w| (w & 0xffe0_0000 == 0xf2e0_0000).then_some(w & !0x001f_ffe0));
    "emit.wrong-exit", "the last guard of the loop branches to the next exit", "branch to the wrong exit", None, [], wrong_exit;
    "emit.count", "a counted loop ends when 1 is left", "LS for LO, or HI for HS, at the end of the loop", None, [GuardINe], count;
    "emit.shift-sign", "an arithmetic shift is logical", "lsr for asr", Some("only at negative operands"), [IDiv], |c| words(c, |w| (w & 0xffc0_fc00 == 0x9340_fc00).then_some(w | 0x4000_0000));
    "emit.floor", "floor rounds towards zero", "frintz for frintm", Some("only at negative fractions"), [FFloor], |c| words(c, |w| (w & 0xffff_fc00 == 0x1e65_4000).then_some(w | 0x8000));
    "emit.ceil", "ceil rounds to the nearest", "frintn for frintp", Some("only at fractions below a half"), [FCeil], |c| words(c, |w| (w & 0xffff_fc00 == 0x1e64_c000).then_some(w & !0x8000));
    "emit.move", "a move of a float moves 32 bits", "32-bit for 64-bit", None, [], |c| words(c, |w| (w & 0xffff_fc00 == 0x1e60_4000).then_some(w & !0x0040_0000));
    "emit.callee-saved", "x21 and x22 are not restored", "a callee-saved register lost", Some("only with a full register file"), [], |c| words(c, |w| (w == LDP_X21).then_some(LDP_X23));
    "emit.exit-registers", "an exit does not save x4 and x5", "exit handler", Some("only with many values at an exit"), [], exit_registers;
    "emit.negate", "fneg is fabs", "opcode bits of fneg", Some("only at positive operands"), [FNeg], |c| words(c, |w| (w & 0xffff_fc00 == 0x1e61_4000).then_some(w & 0x3ff | 0x1e60_c000));
    "emit.square-root", "fsqrt moves its operand", "opcode bits of fsqrt", None, [FSqrt], |c| words(c, |w| (w & 0xffff_fc00 == 0x1e61_c000).then_some(w & 0x3ff | 0x1e60_4000));
    "emit.helper", "fmod is called for fpow, and fpow for fmod", "wrong entry of the helper table", None, [FMod, FPow], helper;
};

const HS: u32 = 2;
const LO: u32 = 3;
const PL: u32 = 5;
const HI: u32 = 8;
const LS: u32 = 9;
const GE: u32 = 10;
const GT: u32 = 12;
/// `ldp x21, x22, [sp, #32]` and the pair after it.
const LDP_X21: u32 = 0xa942_5bf5;
const LDP_X23: u32 = 0xa943_63f7;

fn words(compiled: &mut CompiledTrace, change: impl Fn(u32) -> Option<u32>) {
    for word in &mut compiled.blob.words {
        *word = change(*word).unwrap_or(*word);
    }
}

fn swap_operands(word: u32) -> u32 {
    let (first, second) = (word >> 5 & 31, word >> 16 & 31);
    word & !(31 << 5 | 31 << 16) | second << 5 | first << 16
}

fn is_conditional(word: u32) -> bool {
    word & 0xff00_0010 == 0x5400_0000
}

/// CBZ or CBNZ.
fn compares_and_branches(word: u32) -> bool {
    word & 0x7e00_0000 == 0x3400_0000
}

fn is_float_compare(word: u32) -> bool {
    word & 0xffe0_fc07 == 0x1e60_2000
}

fn unordered(compiled: &mut CompiledTrace) {
    let words = &mut compiled.blob.words;
    for at in 1..words.len() {
        if !is_float_compare(words[at - 1]) || !is_conditional(words[at]) {
            continue;
        }
        let cond = match words[at] & 15 {
            PL => GE,
            HI => GT,
            other => other,
        };
        words[at] = words[at] & !15 | cond;
    }
}

/// Changes the conditions of guards.
fn guards(compiled: &mut CompiledTrace, change: impl Fn(u32) -> Option<u32>) {
    for guard in &compiled.blob.guards {
        // The branch follows the comparison.
        let at = (guard.word..guard.word + 3).find(|&at| is_conditional(compiled.blob.words[at]));
        let Some(word) = at.map(|at| &mut compiled.blob.words[at]) else { continue };
        if let Some(cond) = change(*word & 15) {
            *word = *word & !15 | cond;
        }
    }
}

fn inverted(compiled: &mut CompiledTrace) {
    let signed = |word: u32| is_conditional(word) && (10..14).contains(&(word & 15));
    let hot = ..compiled.stats.hot_words;
    if let Some(word) = compiled.blob.words[hot].iter_mut().rev().find(|word| signed(**word)) {
        *word ^= 1;
    }
}

fn wrong_exit(compiled: &mut CompiledTrace) {
    let last = compiled.blob.guards.last().copied();
    let Some(guard) = last.filter(|guard| guard.exit as usize + 1 < compiled.exits.len()) else {
        return;
    };
    let words = &mut compiled.blob.words;
    let branches = |word: u32| is_conditional(word) || compares_and_branches(word);
    let branch = (guard.word..guard.word + 3).find(|&at| branches(words[at]));
    if let Some(at) = branch {
        // A stub is two words.
        words[at] += 2 << 5;
    }
}

/// The branch of a counted loop: out of it on LO, or back on HS, the only conditional one that goes back.
fn count(compiled: &mut CompiledTrace) {
    words(compiled, |word| {
        let back = word & 1 << 23 != 0;
        let cond = match word & 15 {
            HS if back => HI,
            LO => LS,
            _ => return None,
        };
        is_conditional(word).then_some(word & !15 | cond)
    });
}

/// The exit's store of a pair is done twice for the pair before instead.
fn exit_registers(compiled: &mut CompiledTrace) {
    let hot = compiled.stats.hot_words;
    let is_pair = |word: u32| word & 0xffc0_7fff == 0xa900_1684;
    for at in hot + 1..compiled.blob.words.len() {
        if is_pair(compiled.blob.words[at]) {
            compiled.blob.words[at] = compiled.blob.words[at - 1];
        }
    }
}

fn helper(compiled: &mut CompiledTrace) {
    use plumb_jit::exec::TraceContext;
    use plumb_jit::exec::runtime::Helper;
    let load = |helper: Helper| {
        let offset = TraceContext::helper_offset(helper.slot()) as u32 / 8;
        0xf940_0000 | offset << 10 | 20 << 5 | 16
    };
    let (modulo, power) = (load(Helper::FloatMod), load(Helper::FloatPow));
    words(compiled, |word| match word {
        _ if word == modulo => Some(power),
        _ if word == power => Some(modulo),
        _ => None,
    });
}
