//! A recording becomes something an executor can run.
//!
//! In:  the recorded trace, the knobs.
//! Out: the optimised trace and its code; each stage's output shown to the observer on the way.
//!
//! Stages shown, in order: `recorded`, the name of each pass that ran, `lowered`, `allocated`,
//! `code`.

use super::abort::Abort;
use super::config::{ExecutorKind, ForcedExit, JitConfig};
use super::engine::Engine;
use super::tap::TapRef;
use crate::backend::alloc::{Allocated, MAX_FPR, MAX_GPR, Strategy};
use crate::backend::mach::MachTrace;
use crate::backend::{self, BackendConfig, CompiledTrace, Tap, alloc, lower};
use crate::exec::{Category, InstalledCode};
use crate::ir::trace::{Trace, ValueId};
use crate::opt;

/// What an executor runs.
pub enum CompiledCode {
    /// The evaluator takes the IR itself.
    Ir,
    Lowered(Box<MachTrace>),
    Allocated(Box<Allocated>),
    Machine {
        compiled: Box<CompiledTrace>,
        installed: InstalledCode,
    },
}

impl CompiledCode {
    /// Instructions from the loop head to the back branch, by category; `None` without such a loop.
    pub fn loop_counts(&self) -> Option<Vec<(Category, usize)>> {
        let CompiledCode::Machine { compiled, .. } = self else { return None };
        let head = compiled.blob.loop_head?;
        let words = head..head + compiled.stats.loop_words;
        let count = |category| {
            words.clone().filter(|&word| compiled.blob.category(word) == category).count()
        };
        Some(Category::ALL.iter().map(|&category| (category, count(category))).collect())
    }
}

/// What became of a recording.
pub struct Compilation {
    pub ir: Trace,
    pub code: CompiledCode,
    /// The guard whose exit can be forced.
    pub forced: Option<ValueId>,
}

/// The output of a stage, as observers see it: after the tap, before any check.
pub enum Shown<'a> {
    /// The recording, then each pass.
    Ir(&'a opt::Stage<'a>),
    Lowered(&'a MachTrace),
    Allocated(&'a Allocated),
    Code(&'a CompiledTrace),
}

impl Shown<'_> {
    pub fn name(&self) -> &'static str {
        match self {
            Shown::Ir(stage) => stage.name,
            Shown::Lowered(_) => "lowered",
            Shown::Allocated(_) => "allocated",
            Shown::Code(_) => "code",
        }
    }
    pub fn text(&self) -> String {
        match self {
            Shown::Ir(stage) => stage.output.to_string(),
            Shown::Lowered(lowered) => lowered.to_string(),
            Shown::Allocated(allocated) => allocated.to_string(),
            Shown::Code(compiled) => compiled.listing(),
        }
    }
}

/// Called after each stage.
pub type StageObserver<'a> = dyn FnMut(&Shown) + 'a;

pub fn compile(
    recorded: &Trace,
    config: &JitConfig,
    engine: &mut Engine,
    observer: &mut StageObserver,
    forced: Option<ForcedExit>,
) -> Result<Compilation, Abort> {
    let options =
        opt::Options { mask: config.passes, limit: config.rewrite_limit, verify: config.check };
    let ir = opt::run_pipeline(recorded, &options, &mut |stage| {
        if let Some(tap) = &config.tap {
            tap.trace(stage);
        }
        observer(&Shown::Ir(stage));
    });
    let forced = forced.and_then(|forced| guard_of(&ir, forced));
    if engine.kind() == ExecutorKind::Eval {
        return Ok(Compilation { ir, code: CompiledCode::Ir, forced });
    }
    let backend_config = BackendConfig {
        strategy: Strategy::Backtracking,
        gpr_limit: config.gpr_limit.unwrap_or(MAX_GPR),
        fpr_limit: config.fpr_limit.unwrap_or(MAX_FPR),
        check: config.check,
        count_arrivals: engine.counts_in_code(),
        forced,
        count_forced: engine.counts_in_code(),
    };
    let mut tap = BackendTap { ir: &ir, tap: config.tap.as_ref(), observer };
    if matches!(engine.kind(), ExecutorKind::Mach | ExecutorKind::Allocated) {
        let mut lowered = lower::lower_forcing(&ir, forced);
        tap.lowered(&mut lowered);
        if engine.kind() == ExecutorKind::Mach {
            let code = CompiledCode::Lowered(Box::new(lowered));
            return Ok(Compilation { ir, code, forced });
        }
        let allocated = alloc::allocate(&lowered, &backend_config);
        let mut allocated = allocated.map_err(|_| Abort::Backend)?;
        tap.allocated(&mut allocated);
        let code = CompiledCode::Allocated(Box::new(allocated));
        return Ok(Compilation { ir, code, forced });
    }
    let compiled = backend::compile(&ir, &backend_config, &mut tap).map_err(|_| Abort::Backend)?;
    let installed = engine.install(compiled.blob.clone()).map_err(|_| Abort::CodeMemory)?;
    let code = CompiledCode::Machine { compiled: Box::new(compiled), installed };
    Ok(Compilation { ir, code, forced })
}

fn guard_of(ir: &Trace, forced: ForcedExit) -> Option<ValueId> {
    let guards = || ir.iter().filter(|(_, inst)| inst.snapshot.is_some()).map(|(id, _)| id);
    guards().nth(forced.guard as usize % guards().count().max(1))
}

/// Shows the backend's stages to the tap, then to the observer.
struct BackendTap<'a, 'b> {
    ir: &'a Trace,
    tap: Option<&'a TapRef>,
    observer: &'a mut StageObserver<'b>,
}

impl Tap for BackendTap<'_, '_> {
    fn lowered(&mut self, trace: &mut MachTrace) {
        if let Some(tap) = self.tap {
            tap.lowered(self.ir, trace);
        }
        (self.observer)(&Shown::Lowered(trace));
    }
    fn allocated(&mut self, allocated: &mut Allocated) {
        if let Some(tap) = self.tap {
            tap.allocated(self.ir, allocated);
        }
        (self.observer)(&Shown::Allocated(allocated));
    }
    fn emitted(&mut self, compiled: &mut CompiledTrace) {
        if let Some(tap) = self.tap {
            tap.emitted(self.ir, compiled);
        }
        (self.observer)(&Shown::Code(compiled));
    }
}
