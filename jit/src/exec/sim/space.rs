//! Code memory of the simulator: what is written, and what the processor sees.
//!
//! In:  blobs to install, words to change, flushes.
//! Out: decoded instructions, one a word.
//!
//! A real processor may execute an old instruction until the cache is flushed. Here `words` is memory
//! and `ops` is decoded from a copy taken at the flush; a word that was changed and not flushed
//! decodes to a trap, so a forgotten flush shows at the first execution.
//!
//! Neighbouring words that save or restore registers in order are joined: the first one's op does the work
//! of all (`Op::StoreRun`). Every word keeps an op of its own, for what branches into the middle.
//!
//! Invariants: a run ends before a word that was changed and not flushed, and before a loop head; `ops[0]` and one op after each block are traps, so that falling off the end and wild
//! direct branches need no check while running; a loop head's op is wrapped to count arrivals; at most
//! one guard is wrapped to be forced.

use std::sync::Arc;

use super::decode::decode;
use super::op::{Fault, Ins, Op, Reg, SP, bit};
use crate::exec::code::{CodeBlob, InstallError};

/// Simulated address of word 0. No user-space address has this bit, so it never meets host memory.
pub const BASE: u64 = 0x00c0_de00_0000_0000;
/// As large as the region of the native executor; `b` and `bl` reach everywhere in it.
const MAX_WORDS: usize = (64 << 20) / 4;
/// `udf #0`, between blocks.
const UNDEFINED: u32 = 0;
/// Room at the start, for the traces of a small program.
pub const FIRST_WORDS: usize = 1 << 10;

/// One installed blob.
pub struct Block {
    pub start: usize,
    pub blob: Arc<CodeBlob>,
}

impl Block {
    pub fn contains(&self, at: usize) -> bool {
        at >= self.start && at < self.start + self.blob.words.len()
    }
}

pub struct Space {
    pub words: Vec<u32>,
    pub ops: Vec<Ins>,
    blocks: Vec<Block>,
    /// Ops that `Wrapped` ones stand for.
    pub kept: Vec<Op>,
    /// The guard branch that is wrapped to be taken regardless of its condition.
    forced: Option<usize>,
    pub generation: u64,
}

impl Space {
    pub fn new() -> Space {
        let mut space = Space {
            words: Vec::with_capacity(FIRST_WORDS),
            ops: Vec::with_capacity(FIRST_WORDS),
            blocks: Vec::new(),
            kept: Vec::new(),
            forced: None,
            generation: 0,
        };
        space.push_barrier();
        space
    }

    pub fn reset(&mut self) {
        let generation = self.generation + 1;
        *self = Space::new();
        self.generation = generation;
    }

    fn push_barrier(&mut self) {
        self.words.push(UNDEFINED);
        self.ops.push(Ins::fault(Fault::Outside));
    }

    /// Index of the blob's first word.
    pub fn install(&mut self, blob: Arc<CodeBlob>) -> Result<usize, InstallError> {
        let start = self.words.len();
        let length = blob.words.len();
        if start + length + 1 > MAX_WORDS {
            return Err(InstallError::Full { needed_bytes: 4 * length });
        }
        self.words.extend_from_slice(&blob.words);
        self.ops.resize(start + length, Ins::fault(Fault::Outside));
        self.push_barrier();
        self.blocks.push(Block { start, blob });
        self.flush(start, start + length);
        Ok(start)
    }

    /// Changes memory only.
    pub fn write(&mut self, at: usize, word: u32) {
        if self.words[at] != word {
            self.words[at] = word;
            self.ops[at] = Ins::fault(Fault::Stale);
            self.join(at, at + 1);
        }
    }

    /// Makes memory visible to execution.
    pub fn flush(&mut self, start: usize, end: usize) {
        let space = self.words.len();
        for at in start..end {
            self.ops[at] = decode(self.words[at], at, space, BASE);
        }
        let heads: Vec<usize> = self.blocks.iter().filter_map(Block::loop_head).collect();
        for at in heads.into_iter().filter(|at| (start..end).contains(at)) {
            self.wrap(at, |head, _, _| *head = true);
        }
        if let Some(at) = self.forced.take_if(|at| (start..end).contains(at)) {
            self.force(at);
        }
        self.join(start, end);
    }

    /// Joins runs anew after ops of a range have changed.
    fn join(&mut self, start: usize, end: usize) {
        let first = start.saturating_sub(MAX_RUN).max(1);
        for at in (first..end).rev() {
            if Run::of(self.ops[at].op).is_none() {
                continue;
            }
            let alone = self.ops[at].alone();
            self.ops[at] = alone.joined_with(&self.ops[at + 1]).unwrap_or(alone);
        }
    }

    /// Changes what the wrapper at a word does, making one if needed.
    fn wrap(&mut self, at: usize, change: impl FnOnce(&mut bool, &mut bool, &mut bool)) {
        if !matches!(self.ops[at].op, Op::Wrapped { .. }) {
            self.kept.push(self.ops[at].op);
            let kept = (self.kept.len() - 1) as u32;
            self.ops[at].op = Op::Wrapped { kept, head: false, forced: false, watched: false };
        }
        if let Op::Wrapped { head, forced, watched, .. } = &mut self.ops[at].op {
            change(head, forced, watched);
        }
    }

    /// The op that executes at `at`.
    fn plain_op(&self, at: usize) -> Op {
        match self.ops[at].op {
            Op::Wrapped { kept, .. } => self.kept[kept as usize],
            op => op,
        }
    }

    /// Has the watch called whenever control reaches a word.
    pub fn watch(&mut self, at: usize) {
        self.wrap(at, |_, _, watched| *watched = true);
    }

    /// Marks a conditional branch to be forced; false if the word is none.
    pub fn force(&mut self, at: usize) -> bool {
        self.unforce();
        if self.plain_op(at).conditional_target().is_none() {
            return false;
        }
        self.wrap(at, |_, forced, _| *forced = true);
        self.forced = Some(at);
        true
    }

    pub fn is_forced(&self) -> bool {
        self.forced.is_some()
    }

    /// Ends forcing.
    pub fn unforce(&mut self) {
        if let Some(at) = self.forced.take() {
            self.wrap(at, |_, forced, _| *forced = false);
        }
    }

    pub fn block_at(&self, at: usize) -> Option<&Block> {
        let after = self.blocks.partition_point(|block| block.start <= at);
        self.blocks[..after].last().filter(|block| block.contains(at))
    }

    /// Index of the word at a code address, if that is inside the space.
    pub fn index_of(&self, address: u64) -> Option<usize> {
        let offset = address.wrapping_sub(BASE);
        let index = (offset / 4) as usize;
        (offset.is_multiple_of(4) && index < self.words.len()).then_some(index)
    }

    /// Little-endian bytes of code memory, for literals.
    pub fn load(&self, address: u64, bytes: u64) -> Option<u64> {
        let mut value = 0;
        for i in 0..bytes {
            let offset = address.wrapping_add(i).wrapping_sub(BASE);
            let word = *self.words.get((offset / 4) as usize)?;
            value |= (word as u64 >> (8 * (offset % 4)) & 0xff) << (8 * i);
        }
        Some(value)
    }
}

/// Most pairs in a run: all float registers.
const MAX_RUN: usize = 16;

/// A run, or one pair, as the same thing.
#[derive(Clone, Copy)]
struct Run {
    load: bool,
    rt: Reg,
    rn: Reg,
    count: u8,
    down: bool,
    offset: i32,
}

impl Run {
    fn of(op: Op) -> Option<Run> {
        Some(match op {
            Op::LoadRun { rt, rn, count, down, offset } => {
                Run { load: true, rt, rn, count, down, offset }
            }
            Op::StoreRun { rt, rn, count, down, offset } => {
                Run { load: false, rt, rn, count, down, offset }
            }
            // A base that is loaded meanwhile would move the rest; only SP cannot be.
            Op::LoadPair64 { rt, rt2, rn: SP, offset } if rt2 == rt + 1 => {
                Run { load: true, rt, rn: SP, count: 1, down: false, offset }
            }
            Op::StorePair64 { rt, rt2, rn, offset } if rt2 == rt + 1 => {
                Run { load: false, rt, rn, count: 1, down: false, offset }
            }
            _ => return None,
        })
    }

    /// This pair and the run after it, if they are one.
    fn before(self, next: Run) -> Option<Run> {
        let same =
            self.load == next.load && self.rn == next.rn && usize::from(next.count) < MAX_RUN;
        let up = next.rt == self.rt + 2 && next.offset == self.offset + 16;
        let down = next.rt + 2 == self.rt && next.offset + 16 == self.offset;
        let fits = |is_down| next.count == 1 || next.down == is_down;
        let joins = same && (up && fits(false) || down && fits(true));
        joins.then_some(Run { count: next.count + 1, down, ..self })
    }
}

impl Ins {
    /// What this word does by itself.
    fn alone(self) -> Ins {
        match self.op {
            Op::LoadRun { rt, rn, offset, .. } => Ins {
                op: Op::LoadPair64 { rt, rt2: rt + 1, rn, offset },
                writes: bit(rt) | bit(rt + 1),
                ..self
            },
            Op::StoreRun { rt, rn, offset, .. } => {
                Ins { op: Op::StorePair64 { rt, rt2: rt + 1, rn, offset }, ..self }
            }
            _ => self,
        }
    }

    /// The op for this word and the next ones.
    fn joined_with(self, next: &Ins) -> Option<Ins> {
        let Run { load, rt, rn, count, down, offset } =
            Run::of(self.op)?.before(Run::of(next.op)?)?;
        let op = match load {
            true => Op::LoadRun { rt, rn, count, down, offset },
            false => Op::StoreRun { rt, rn, count, down, offset },
        };
        Some(Ins { op, writes: self.writes | next.writes, ..self })
    }
}

impl Block {
    fn loop_head(&self) -> Option<usize> {
        Some(self.start + self.blob.loop_head?)
    }
}

pub fn address_of(index: usize) -> u64 {
    BASE + 4 * index as u64
}
