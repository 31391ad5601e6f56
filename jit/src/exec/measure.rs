//! How fast an executor of machine code is.
//!
//! In:  an executor.   Out: [`Speed`].
//!
//! Two loops that stand for what traces do, float arithmetic as in mandelbrot and loads and stores as in
//! a sieve; and a trace that leaves at once, for the cost of entering: prologue, exit, epilogue. All
//! code around the loops is the backend's own. Each figure is the best of several rounds.

use std::time::{Duration, Instant};

use dynasmrt::aarch64::Aarch64Relocation;
use dynasmrt::{DynasmApi, DynasmLabelApi, VecAssembler, dynasm};

use super::arena::ArenaEnv;
use super::code::CodeBlob;
use super::context::TraceContext;
use super::executor::Executor;
use super::sim::Simulator;
use crate::backend::BackendConfig;
use crate::backend::alloc::{Allocated, Step};
use crate::backend::emit::emit;
use crate::backend::mach::{Exit, ExitId, Inst};
use crate::ir::parse::parse;
use crate::ir::trace::SnapshotId;

type Assembler = VecAssembler<Aarch64Relocation>;

pub struct Speed {
    /// Instructions a second.
    pub float_loop: f64,
    pub memory_loop: f64,
    /// From entry to return.
    pub entry: Duration,
}

const ROUNDS: usize = 5;
/// Iterations of a loop, times 65,536.
const ITERATIONS: u32 = 20;
const ENTRIES: u32 = 20_000;
const ARRAY: usize = 2048;

pub fn measure(executor: &mut dyn Executor) -> Speed {
    Speed {
        float_loop: rate(executor, float_loop),
        memory_loop: rate(executor, memory_loop),
        entry: entry(executor),
    }
}

fn rate(executor: &mut dyn Executor, body: fn(&mut Assembler)) -> f64 {
    let blob = trace(body);
    let mut env = ArenaEnv::default();
    let mut context = TraceContext::new();
    let base = env.arena.allocate(&[0; ARRAY]);
    // Not every executor counts; the simulator does.
    let mut counter = Simulator::new();
    let code = counter.install(blob.clone()).expect("a short loop");
    let counted = counter.run(&code, &mut context, base, &mut env).expect("the loop is valid");
    let code = executor.install(blob).expect("a short loop");
    let once = || {
        let started = Instant::now();
        executor.run(&code, &mut context, base, &mut env).expect("the loop is valid");
        started.elapsed()
    };
    let best = std::iter::repeat_with(once).take(ROUNDS).min().expect("some rounds");
    counted.instructions as f64 / best.as_secs_f64()
}

fn entry(executor: &mut dyn Executor) -> Duration {
    let code = executor.install(trace(|_| ())).expect("a short trace");
    let mut env = ArenaEnv::default();
    let mut context = TraceContext::new();
    let round = || {
        let started = Instant::now();
        for _ in 0..ENTRIES {
            executor.run(&code, &mut context, 0, &mut env).expect("the trace is valid");
        }
        started.elapsed() / ENTRIES
    };
    std::iter::repeat_with(round).take(ROUNDS).min().expect("some rounds")
}

/// Prologue, `body`, and the way out, as the backend emits them.
fn trace(body: impl FnOnce(&mut Assembler)) -> CodeBlob {
    let text = "trace proto=0 head=0 clock=1 slots=1 end=#0\nsnap #0 pc=0 clock=1 {}";
    let ir = parse(text).expect("a trace without instructions");
    let exit = Exit { id: ExitId(0), snapshot: SnapshotId(0), values: Vec::new() };
    let leave = Step::Inst { inst: Inst::Leave { exit }, origin: None };
    let steps = Some(vec![leave]);
    let allocated = Allocated { entry: vec![], body: steps, spill_slots: 0, num_exits: 1 };
    let compiled = emit(&ir, &allocated, &BackendConfig::default()).expect("a short trace");
    let mut words = compiled.blob.words;
    let head = compiled.blob.loop_head.expect("a loop");
    let mut assembler = Assembler::new(0);
    body(&mut assembler);
    let bytes = assembler.finalize().expect("the loop assembles");
    let (chunks, _) = bytes.as_chunks::<4>();
    words.splice(head..head, chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)));
    CodeBlob { words, ..CodeBlob::default() }
}

fn memory_loop(a: &mut Assembler) {
    dynasm!(a
        ; .arch aarch64
        ; movz x1, ITERATIONS, lsl 16
        ; mov x2, 0
        ; head:
        ; and x3, x2, 1023
        ; str x2, [x19, x3, lsl 3]
        ; ldr x4, [x19, x3, lsl 3]
        ; cmp x4, x2
        ; b.ne >out
        ; add x2, x2, 1
        ; subs x1, x1, 1
        ; b.hi <head
        ; out:
    );
}

fn float_loop(a: &mut Assembler) {
    dynasm!(a
        ; .arch aarch64
        ; movz x1, ITERATIONS, lsl 16
        ; fmov d0, 0.5
        ; fmov d1, 0.25
        ; fmov d2, 0.125
        ; fmov d3, 4.0
        ; head:
        ; fmul d4, d0, d0
        ; fmul d5, d1, d1
        ; fsub d6, d4, d5
        ; fadd d7, d0, d0
        ; fmul d1, d7, d1
        ; fadd d0, d6, d2
        ; fmul d1, d1, d2
        ; fadd d8, d4, d5
        ; fcmp d8, d3
        ; b.gt >out
        ; subs x1, x1, 1
        ; b.hi <head
        ; out:
    );
}
