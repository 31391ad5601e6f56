//! Measurements: `cargo test --release -p plumb-jit exec::sim::tests::speed -- --ignored --nocapture`.

use std::time::Instant;

use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};

use super::support::{Assembler, Bench, blob};
use crate::exec::{Executor, TraceContext};

/// The prologue, exit and epilogue every trace has; `body` runs between, and ends by falling through.
fn trace(assembler: &mut Assembler, body: impl FnOnce(&mut Assembler)) {
    dynasm!(assembler
        ; .arch aarch64
        ; stp x29, x30, [sp, -160]!
        ; stp x19, x20, [sp, 16]
        ; stp x21, x22, [sp, 32]
        ; stp x23, x24, [sp, 48]
        ; stp x25, x26, [sp, 64]
        ; stp x27, x28, [sp, 80]
        ; stp d8, d9, [sp, 96]
        ; stp d10, d11, [sp, 112]
        ; stp d12, d13, [sp, 128]
        ; stp d14, d15, [sp, 144]
        ; mov x20, x0
        ; mov x19, x1
    );
    body(assembler);
    dynasm!(assembler
        ; .arch aarch64
        ; movz w16, 7
    );
    for register in (0..18).step_by(2) {
        let offset = TraceContext::gpr_offset(register as usize) as i32;
        dynasm!(assembler ; .arch aarch64 ; stp X(register), X(register + 1), [x20, offset]);
    }
    for register in (19..29).step_by(2) {
        let offset = TraceContext::gpr_offset(register as usize) as i32;
        dynasm!(assembler ; .arch aarch64 ; stp X(register), X(register + 1), [x20, offset]);
    }
    for register in (0..32).step_by(2) {
        let offset = TraceContext::fpr_offset(register as usize) as i32;
        dynasm!(assembler ; .arch aarch64 ; stp D(register), D(register + 1), [x20, offset]);
    }
    dynasm!(assembler
        ; .arch aarch64
        ; str x16, [x20, TraceContext::EXIT_ID as u32]
        ; ldp x19, x20, [sp, 16]
        ; ldp x21, x22, [sp, 32]
        ; ldp x23, x24, [sp, 48]
        ; ldp x25, x26, [sp, 64]
        ; ldp x27, x28, [sp, 80]
        ; ldp d8, d9, [sp, 96]
        ; ldp d10, d11, [sp, 112]
        ; ldp d12, d13, [sp, 128]
        ; ldp d14, d15, [sp, 144]
        ; ldp x29, x30, [sp], 160
        ; ret
    );
}

#[test]
#[ignore = "a measurement"]
fn entry() {
    let mut bench = Bench::new();
    let code = bench.simulator.install(blob(|a| trace(a, |_| ()))).unwrap();
    let entries = 2_000_000u32;
    let started = Instant::now();
    let mut instructions = 0;
    for _ in 0..entries {
        let stats = bench.simulator.run(&code, &mut bench.context, 0, &mut bench.env).unwrap();
        instructions += stats.instructions;
    }
    let per_entry = started.elapsed() / entries;
    println!("entry: {per_entry:?}, {} instructions", instructions / entries as u64);
}

/// A sieve-like store loop and a mandelbrot-like float loop.
#[test]
#[ignore = "a measurement"]
fn loops() {
    let mut bench = Bench::new();
    let array = bench.env.arena.allocate(&[0; 2048]);
    let memory = blob(|a| {
        trace(a, |a| {
            dynasm!(a
                ; .arch aarch64
                ; movz x1, 20, lsl 16
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
        })
    });
    let float = blob(|a| {
        trace(a, |a| {
            dynasm!(a
                ; .arch aarch64
                ; movz x1, 20, lsl 16
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
        })
    });
    for (name, blob) in [("memory loop", memory), ("float loop", float)] {
        let code = bench.simulator.install(blob).unwrap();
        let started = Instant::now();
        let mut instructions = 0;
        for _ in 0..20 {
            let run = bench.simulator.run(&code, &mut bench.context, array, &mut bench.env);
            instructions += run.unwrap().instructions;
        }
        let rate = instructions as f64 / started.elapsed().as_secs_f64() / 1e6;
        println!("{name}: {rate:.0} M instructions/s");
    }
}
