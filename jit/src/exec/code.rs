//! Machine code as data: what the backend hands over, and what an executor has installed.
//!
//! In:  `CodeBlob`, position-independent words plus what the backend knows about them.
//! Out: `InstalledCode`, a handle that an `Executor` accepts until its next `reset`.
//!
//! The calling contract of a blob: word 0 is the entry of one AAPCS64 function
//! `extern "C" fn(ctx: *mut TraceContext, base: *mut Value)`. Its prologue saves the callee-saved
//! registers on SP, puts `base` in x19 and `ctx` in x20. A guard branches to its exit stub
//! (`movz w16, #exit; b common`); `common` stores the registers (x18 excepted) into the context and
//! x16 into `exit_id`, restores the callee-saved registers and returns. x16 and x17 are scratch, x18
//! is never touched. A helper is called by `ldr x16, [x20, #helper]; blr x16`, arguments in x0-x7 or
//! d0-d7, result in x0 or d0.

use std::fmt;
use std::sync::Arc;

use crate::backend::mach::Loc;
use crate::ir::print::print_inst;
use crate::ir::trace::Inst;

/// What an instruction is for; the unit of the instruction-count report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Category {
    FloatArithmetic,
    IntegerArithmetic,
    GuardsAndBranches,
    Memory,
    Constants,
    Moves,
    Other,
}

impl Category {
    pub const ALL: [Category; 7] = [
        Category::FloatArithmetic,
        Category::IntegerArithmetic,
        Category::GuardsAndBranches,
        Category::Memory,
        Category::Constants,
        Category::Moves,
        Category::Other,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Category::FloatArithmetic => "float arithmetic",
            Category::IntegerArithmetic => "integer arithmetic",
            Category::GuardsAndBranches => "guards and branches",
            Category::Memory => "memory",
            Category::Constants => "constants",
            Category::Moves => "moves",
            Category::Other => "other",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A conditional branch whose taken side is an exit stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardBranch {
    /// Index of the branch in `CodeBlob::words`.
    pub word: usize,
    /// The exit number its stub puts into w16.
    pub exit: u32,
}

/// Where the words of one allocated instruction begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepMark {
    pub word: u32,
    /// The register that it writes.
    pub written: Option<Loc>,
}

/// What a stretch of code does. It becomes text only where somebody reads it.
#[derive(Clone, Debug)]
pub enum Annotation {
    Text(&'static str),
    /// An IR operation and its number.
    Operation(usize, Inst),
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Operation(index, inst) => f.write_str(&print_inst(*index, inst)),
        }
    }
}

/// Position-independent machine code of one trace.
#[derive(Clone, Debug, Default)]
pub struct CodeBlob {
    pub words: Vec<u32>,
    /// Index of the loop head's first word, if the trace loops.
    pub loop_head: Option<usize>,
    /// Index of the second entry's first word, in code that counts its arrivals and loops: called as word
    /// 0 is, it goes on behind the loop head with the registers that are in the context.
    pub resume: Option<usize>,
    /// The operation that starts at a word, for listings; ascending word indexes.
    pub annotations: Vec<(usize, Annotation)>,
    /// One category a word; words past its end count as `Other`.
    pub categories: Vec<Category>,
    pub guards: Vec<GuardBranch>,
    /// By index of the allocated step, the entry's first.
    pub steps: Vec<StepMark>,
    /// Number of spill slots that the code uses, from slot 0 on. The simulator poisons them at entry.
    pub spill_slots: usize,
}

impl CodeBlob {
    pub fn category(&self, word: usize) -> Category {
        self.categories.get(word).copied().unwrap_or(Category::Other)
    }

    /// The operation whose code contains `word`.
    pub fn annotation(&self, word: usize) -> Option<&Annotation> {
        let after = self.annotations.partition_point(|(at, _)| *at <= word);
        let (_, annotation) = self.annotations.get(after.checked_sub(1)?)?;
        Some(annotation)
    }
}

/// Code that an executor holds, ready to run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InstalledCode {
    /// As handed to `Executor::install`; patches are not reflected here.
    pub blob: Arc<CodeBlob>,
    /// Address of word 0: a host address on `native`, a simulated one on the simulator.
    pub address: u64,
    /// The executor's generation at installation; `Executor::reset` starts a new one, after which
    /// this handle is refused.
    pub(super) generation: u64,
}

impl InstalledCode {
    /// Address of a word, for branches between traces.
    pub fn word_address(&self, word: usize) -> u64 {
        self.address + 4 * word as u64
    }
}

/// Why code could not be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstallError {
    /// The code region is used up: drop all traces, `reset`, and go on.
    Full { needed_bytes: usize },
    /// The operating system refused executable memory.
    Refused(String),
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstallError::Full { needed_bytes } => {
                write!(f, "code memory is full ({needed_bytes} more bytes were needed)")
            }
            InstallError::Refused(why) => write!(f, "no executable memory: {why}"),
        }
    }
}

impl std::error::Error for InstallError {}
