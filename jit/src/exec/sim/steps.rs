//! Records of the allocated steps that code executes, for comparison with their evaluator.
//!
//! In:  the marks of a blob, and each arrival at a marked word.
//! Out: a [`Record`] a step. What a step wrote is read when the next one is reached.
//!
//! Limit: what goes to a spill slot is not looked at; its reload is.

use rustc_hash::FxHashMap;

use super::op::{CELLS, FPR};
use crate::backend::mach::Loc;
use crate::exec::code::CodeBlob;
use crate::exec::mach::Record;

/// A step, and the register cell that it writes.
type Mark = (u32, Option<usize>);

#[derive(Default)]
pub struct Steps {
    /// By word of the code space.
    marks: FxHashMap<usize, Mark>,
    /// Reached and not finished.
    pending: Option<Mark>,
    pub records: Vec<Record>,
}

impl Steps {
    /// Marks the steps of a blob that is installed at `start`; the words to be watched. Of steps that
    /// share a word all but the last have none of their own.
    pub fn mark(&mut self, start: usize, blob: &CodeBlob) -> Vec<usize> {
        let mut words = Vec::new();
        for (step, mark) in blob.steps.iter().enumerate() {
            let at = start + mark.word as usize;
            self.marks.insert(at, (step as u32, mark.written.and_then(cell)));
            words.push(at);
        }
        words
    }

    /// Control reaches a marked word.
    pub fn reach(&mut self, at: usize, registers: &[u64; CELLS]) {
        if let Some((step, cell)) = self.pending.take() {
            let written = cell.map(|cell| registers[cell]);
            self.records.push(Record { step, written, left: false });
        }
        self.pending = self.marks.get(&at).copied();
    }

    /// The run is over: by leaving, or by a trap.
    pub fn end(&mut self, left: bool) {
        if let Some((step, _)) = self.pending.take() {
            self.records.push(Record { step, written: None, left });
        }
    }
}

fn cell(loc: Loc) -> Option<usize> {
    match loc {
        Loc::X(n) => Some(n as usize),
        Loc::D(n) => Some(FPR as usize + n as usize),
        Loc::Spill(_) => None,
    }
}
