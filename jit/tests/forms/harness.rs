//! Running a subject: state in, state out, on any executor.
//!
//! In:  the words of a subject and a [`State`].   Out: the state afterwards and the [`Way`] control took.
//!
//! The harness is machine code around the subject, the same for all executors: it saves the
//! callee-saved registers, loads flags and all registers from a block of memory, runs the subject,
//! stores everything back. A subject uses any register but x18 and SP; what the harness needs
//! meanwhile is on the stack. Two marks on the stack tell whether control fell through the subject,
//! went to the loop head, or to the exit.

// `dynasm!` converts every register number, also one that is a `u8` already.
#![allow(clippy::useless_conversion)]

use dynasmrt::aarch64::Aarch64Relocation;
use dynasmrt::{DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use plumb_jit::exec::arena::ArenaEnv;
use plumb_jit::exec::{CodeBlob, Executor, InstalledCode, TraceContext};

use super::input::{CELLS, NEAR, State, WINDOW};

type Assembler = VecAssembler<Aarch64Relocation>;

/// How control left the subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Fell,
    Looped,
    Left,
}

// The harness's stack frame.
const FRAME: i32 = 208;
const BLOCK: u32 = 160;
const FALL_MARK: u32 = 168;
const LOOP_MARK: u32 = 176;
const SAVED_X0: u32 = 184;

// The block: x0..x30, d0..d31, flags, marks.
const D: usize = 31;
const NZCV: usize = 63;
const MARKS: usize = 64;
const BLOCK_CELLS: usize = 66;

fn assemble(emit: impl FnOnce(&mut Assembler)) -> Vec<u32> {
    let mut assembler = Assembler::new(0);
    emit(&mut assembler);
    let bytes = assembler.finalize().expect("the harness assembles");
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect()
}

/// Words after a subject that control passes only by falling through.
pub fn fall_words() -> Vec<u32> {
    assemble(|a| dynasm!(a ; .arch aarch64 ; str xzr, [sp, FALL_MARK]))
}

/// Words that control passes by falling through or by going to the loop head.
pub fn loop_words() -> Vec<u32> {
    assemble(|a| dynasm!(a ; .arch aarch64 ; str xzr, [sp, LOOP_MARK]))
}

/// The subject with the harness around it.
pub fn blob(subject: &[u32]) -> CodeBlob {
    let words = assemble(|a| {
        enter(a);
        subject.iter().for_each(|&word| a.push_u32(word));
        leave(a);
    });
    CodeBlob { words, ..CodeBlob::default() }
}

fn enter(a: &mut Assembler) {
    dynasm!(a
        ; .arch aarch64
        ; stp x29, x30, [sp, -FRAME]!
        ; stp x19, x20, [sp, 16]
        ; stp x21, x22, [sp, 32]
        ; stp x23, x24, [sp, 48]
        ; stp x25, x26, [sp, 64]
        ; stp x27, x28, [sp, 80]
        ; stp d8, d9, [sp, 96]
        ; stp d10, d11, [sp, 112]
        ; stp d12, d13, [sp, 128]
        ; stp d14, d15, [sp, 144]
        ; str x1, [sp, BLOCK]
        ; str x1, [sp, FALL_MARK]
        ; str x1, [sp, LOOP_MARK]
        ; mov x0, x1
        // The flags can only be set to constants: one of sixteen.
        ; ldr x1, [x0, 8 * NZCV as u32]
        ; adr x2, >table
        ; add x2, x2, x1, lsl 3
        ; cmp xzr, xzr
        ; br x2
        ; table:
    );
    for nzcv in 0..16 {
        dynasm!(a ; .arch aarch64 ; ccmp xzr, 0, nzcv, ne ; b >ready);
    }
    dynasm!(a ; .arch aarch64 ; ready:);
    for d in (0..32u8).step_by(2) {
        let offset = 8 * (D as i32 + i32::from(d));
        dynasm!(a ; .arch aarch64 ; ldp D(d), D(d + 1), [x0, offset]);
    }
    for x in (1..31u8).filter(|x| *x != 18) {
        dynasm!(a ; .arch aarch64 ; ldr X(x), [x0, 8 * u32::from(x)]);
    }
    dynasm!(a ; .arch aarch64 ; ldr x0, [x0]);
}

fn leave(a: &mut Assembler) {
    dynasm!(a ; .arch aarch64 ; str x0, [sp, SAVED_X0] ; ldr x0, [sp, BLOCK]);
    for x in (1..31u8).filter(|x| *x != 18) {
        dynasm!(a ; .arch aarch64 ; str X(x), [x0, 8 * u32::from(x)]);
    }
    for d in (0..32u8).step_by(2) {
        let offset = 8 * (D as i32 + i32::from(d));
        dynasm!(a ; .arch aarch64 ; stp D(d), D(d + 1), [x0, offset]);
    }
    dynasm!(a
        ; .arch aarch64
        ; cset x1, mi
        ; cset x2, eq
        ; cset x3, cs
        ; cset x4, vs
        ; add x4, x4, x3, lsl 1
        ; add x4, x4, x2, lsl 2
        ; add x4, x4, x1, lsl 3
        ; str x4, [x0, 8 * NZCV as u32]
        ; ldr x1, [sp, SAVED_X0]
        ; str x1, [x0]
        ; ldr x1, [sp, FALL_MARK]
        ; str x1, [x0, 8 * MARKS as u32]
        ; ldr x1, [sp, LOOP_MARK]
        ; str x1, [x0, 8 * (MARKS as u32 + 1)]
        ; ldp x19, x20, [sp, 16]
        ; ldp x21, x22, [sp, 32]
        ; ldp x23, x24, [sp, 48]
        ; ldp x25, x26, [sp, 64]
        ; ldp x27, x28, [sp, 80]
        ; ldp d8, d9, [sp, 96]
        ; ldp d10, d11, [sp, 112]
        ; ldp d12, d13, [sp, 128]
        ; ldp d14, d15, [sp, 144]
        ; ldp x29, x30, [sp], FRAME
        ; ret
    );
}

/// An executor with the memory that the harness works on.
pub struct Bench<E> {
    executor: E,
    env: ArenaEnv,
    context: Box<TraceContext>,
    block: u64,
    window: u64,
    installed: usize,
}

/// Subjects that code memory holds before it is emptied.
const INSTALLED: usize = 256;

impl<E: Executor> Bench<E> {
    pub fn new(executor: E) -> Bench<E> {
        let mut env = ArenaEnv::default();
        let block = env.arena.allocate(&[0; BLOCK_CELLS]);
        let window = env.arena.allocate(&[0; CELLS]);
        Bench { executor, env, context: TraceContext::new(), block, window, installed: 0 }
    }

    pub fn name(&self) -> &'static str {
        self.executor.name()
    }

    /// Code installed earlier may be gone after this.
    pub fn install(&mut self, subject: &[u32]) -> InstalledCode {
        if self.installed == INSTALLED {
            self.executor.reset();
            self.installed = 0;
        }
        self.installed += 1;
        self.executor.install(blob(subject)).expect("code memory has room")
    }

    /// Runs an installed subject. The error is the executor's report of a broken rule.
    pub fn run(&mut self, code: &InstalledCode, before: &State) -> Result<(State, Way), String> {
        let place = |value: u64| match value.wrapping_sub(WINDOW - NEAR) < 2 * NEAR {
            true => value.wrapping_sub(WINDOW).wrapping_add(self.window),
            false => value,
        };
        let mut block = [0; BLOCK_CELLS];
        for (cell, value) in block.iter_mut().zip(before.x.iter().chain(&before.d)) {
            *cell = place(*value);
        }
        block[NZCV] = u64::from(before.nzcv);
        self.env.arena.fill(self.block, &block);
        self.env.arena.fill(self.window, &before.window);
        self.executor
            .run(code, &mut self.context, self.block, &mut self.env)
            .map_err(|trap| trap.to_string())?;
        let block = self.env.arena.cells(self.block);
        let unplace = |value: u64| match value.wrapping_sub(self.window - NEAR) < 2 * NEAR {
            true => value.wrapping_sub(self.window).wrapping_add(WINDOW),
            false => value,
        };
        let mut after = State {
            nzcv: block[NZCV] as u8,
            x: std::array::from_fn(|i| unplace(block[i])),
            d: std::array::from_fn(|i| unplace(block[D + i])),
            window: self.env.arena.cells(self.window),
        };
        after.x[18] = 0;
        after.window.iter_mut().for_each(|cell| *cell = unplace(*cell));
        let way = match (block[MARKS], block[MARKS + 1]) {
            (0, 0) => Way::Fell,
            (_, 0) => Way::Looped,
            _ => Way::Left,
        };
        Ok((after, way))
    }
}
