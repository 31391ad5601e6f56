//! Planted faults: miscompiles on purpose, to measure the harness by.
//!
//! In:  a fault's name.   Out: a [`TapRef`] that corrupts the output of one stage the way a real bug would.
//!
//! 1. [`eight`]     the bugs that the project began with
//! 2. [`recorder`]  guards and snapshots as recorded
//! 3. [`passes`]    one wrong rule in a pass
//! 4. [`lower`], [`allocate`], [`emit`] the backend's stages
//! 5. [`restore`]   from an exit back to the interpreter
//! 6. [`roots`]     what a trace asks of the collector
//! 7. [`edit`]      how traces are rewritten
//!
//! Invariants:
//! - A fault is a pure function of the stage's output (see [`StageTap`]); it counts nothing.
//! - A fault over a pass's output asks [`PassCx::allow`] for each wrong rewrite under its own name, as if
//!   the pass had one rule more; so the rewrite limit bisects it like a rule.
//! - The harness knows nothing of faults: what finds one is a comparison, the verifier, a checker or
//!   the executor.
//! - Each pass and each IR op is touched by a fault (`fuzz/tests/faults.rs`).

pub mod allocate;
pub mod edit;
pub mod eight;
pub mod emit;
pub mod lower;
pub mod passes;
pub mod recorder;
pub mod restore;
pub mod roots;

use edit::Edit;
use plumb_jit::backend::CompiledTrace;
use plumb_jit::backend::alloc::Allocated;
use plumb_jit::backend::mach::MachTrace;
use plumb_jit::ir::op::Op;
use plumb_jit::ir::trace::{SnapshotId, Trace};
use plumb_jit::opt::{self, Stage};
use plumb_jit::trace::restore::Restored;
use plumb_jit::trace::tap::{StageTap, TapRef, TraceRoots};

/// A planted fault.
#[derive(Clone, Copy)]
pub struct Fault {
    /// On the command line, in the card, and the rule's name in blame.
    pub name: &'static str,
    /// What is wrong, in a line.
    pub about: &'static str,
    /// The real bug that it imitates, or the kind of bug.
    pub imitates: &'static str,
    /// When it bites, if that is rare.
    pub rare: Option<&'static str>,
    /// Ops whose traces it can change.
    pub ops: &'static [Op],
    pub plant: Plant,
}

/// Where a fault sits and what it does there.
#[derive(Clone, Copy)]
pub enum Plant {
    /// In the recording ([`opt::RECORDED`]) or in the output of the pass of this name.
    Trace(&'static str, fn(&mut Edit)),
    Lowered(fn(&mut MachTrace)),
    Allocated(fn(&mut Allocated)),
    Emitted(fn(&mut CompiledTrace)),
    Restored(fn(&Trace, &mut Restored)),
    Rooted(fn(&Trace, &mut TraceRoots)),
}

impl Plant {
    /// The stage that blame must name: `recorded`, a pass, `lowered`, `allocated`, `code`, `restored`,
    /// `roots`.
    pub fn stage(&self) -> &'static str {
        match self {
            Plant::Trace(stage, _) => stage,
            Plant::Lowered(_) => "lowered",
            Plant::Allocated(_) => "allocated",
            Plant::Emitted(_) => "code",
            Plant::Restored(_) => "restored",
            Plant::Rooted(_) => "roots",
        }
    }
}

impl Fault {
    /// The fault, to be planted.
    pub fn tap(&self) -> TapRef {
        TapRef::new(*self)
    }

    /// The pass that it corrupts, if it is one's.
    pub fn pass(&self) -> Option<&'static str> {
        let stage = self.plant.stage();
        opt::PIPELINE.iter().map(|pass| pass.name).find(|&name| name == stage)
    }
}

impl StageTap for Fault {
    fn name(&self) -> Option<&str> {
        Some(self.name)
    }
    fn trace(&self, stage: &mut Stage) {
        if let Plant::Trace(at, rewrite) = self.plant
            && at == stage.name
        {
            rewrite(&mut Edit {
                rule: self.name,
                cx: stage.cx,
                input: stage.input,
                trace: stage.output,
            });
        }
    }
    fn lowered(&self, _: &Trace, lowered: &mut MachTrace) {
        if let Plant::Lowered(change) = self.plant {
            change(lowered);
        }
    }
    fn allocated(&self, _: &Trace, allocated: &mut Allocated) {
        if let Plant::Allocated(change) = self.plant {
            change(allocated);
        }
    }
    fn emitted(&self, _: &Trace, compiled: &mut CompiledTrace) {
        if let Plant::Emitted(change) = self.plant {
            change(compiled);
        }
    }
    fn rooted(&self, trace: &Trace, roots: &mut TraceRoots) {
        if let Plant::Rooted(change) = self.plant {
            change(trace, roots);
        }
    }
    fn restored(&self, trace: &Trace, _: SnapshotId, restored: &mut Restored) {
        if let Plant::Restored(change) = self.plant {
            change(trace, restored);
        }
    }
}

/// All faults, the eight first.
pub fn all() -> Vec<Fault> {
    let groups: [&[Fault]; 13] = [
        eight::FAULTS,
        recorder::FAULTS,
        recorder::SNAPSHOTS,
        passes::FOLD,
        passes::CSE,
        passes::GUARDS,
        passes::PEEL,
        passes::CARRY_AND_DCE,
        lower::FAULTS,
        allocate::FAULTS,
        emit::FAULTS,
        restore::FAULTS,
        roots::FAULTS,
    ];
    groups.concat()
}

/// The fault of this name.
pub fn find(name: &str) -> Option<Fault> {
    all().into_iter().find(|fault| fault.name == name)
}

/// Changes that look like faults and are none, with the reason: planted, they could never be found.
pub const EQUIVALENT: &[(&str, &str)] = &[
    (
        "code: fcvtns for fcvtzs",
        "a float that is not integral fails the comparison of the value converted back, whichever way it \
         was rounded; an integral one is not rounded",
    ),
    (
        "recorded: a stricter guard",
        "a guard that fails more often only leaves earlier, and leaving is always legal",
    ),
    (
        "roots: a string or a library function that a trace names not kept alive",
        "each is a constant of the function that runs the trace, or of one that it inlined and that is kept \
         alive (`roots.functions`), or a library function without upvalues, which no collector owns; a test \
         drops them all",
    ),
    (
        "fold: x % 2^k as x & (2^k - 1)",
        "Lua's modulo has the divisor's sign, so for a positive power of two it is the low bits, \
         also of a negative x",
    ),
    (
        "guards: the guard of a float loop's step dropped",
        "FORPREP made the step a float and no instruction of the body writes its register",
    ),
];
