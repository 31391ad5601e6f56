//! Every pass and every mixture of passes keeps what a trace does, on random traces.

use super::*;
use crate::ir::fake::{Observed, run_to_exit};
use crate::ir::op::Op;
use crate::ir::random::{Generated, Random, generate, vary_slots};
use proptest::prelude::*;

/// What `trace` does from the recorded registers and from `variations` others.
fn behaviour(
    trace: &Trace,
    generated: &Generated,
    variations: u64,
) -> Vec<Result<Observed, String>> {
    let memories = (0..=variations).map(|variation| {
        let mut memory = generated.memory.clone();
        if variation > 0 {
            vary_slots(&mut memory, &mut Random(variation));
        }
        memory
    });
    memories.map(|memory| run_to_exit(trace, memory)).collect()
}

/// `output` behaves as the generated trace does.
fn check_behaviour(stage: &str, generated: &Generated, input: &Trace, output: &Trace) {
    let (before, after) = (behaviour(input, generated, 6), behaviour(output, generated, 6));
    for (before, after) in before.iter().zip(&after) {
        assert!(before == after, "after {stage}:\n{before:?}\n{after:?}\n{input}\n{output}");
        assert!(before.is_ok(), "{before:?}\n{input}");
    }
}

/// `output` is also valid and may stand for `input`.
fn check(stage: &str, generated: &Generated, input: &Trace, output: &Trace) {
    verify::assert_pass(stage, input, output);
    check_behaviour(stage, generated, input, output);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_traces_are_valid(seed: u64, len in 0..60usize) {
        verify::assert_valid("generation", &generate(seed, len).trace);
    }

    #[test]
    fn each_pass_keeps_behaviour(seed: u64, len in 0..60usize) {
        let generated = generate(seed, len);
        for pass in PIPELINE {
            let output = (pass.run)(&PassCx::new(), &generated.trace);
            check(pass.name, &generated, &generated.trace, &output);
            // Every pass also takes traces that loop already.
            let peeled = (peel::PASS.run)(&PassCx::new(), &generated.trace);
            let again = (pass.run)(&PassCx::new(), &peeled);
            check(pass.name, &generated, &peeled, &again);
        }
    }

    #[test]
    fn the_pipeline_keeps_behaviour(seed: u64, len in 0..60usize, mask in 0..=ALL_PASSES) {
        let generated = generate(seed, len);
        for mask in [mask, ALL_PASSES] {
            let options = Options { mask, ..Options::default() };
            let output = run_pipeline(&generated.trace, &options, &mut |_| {});
            check("the pipeline", &generated, &generated.trace, &output);
        }
    }

    #[test]
    fn limited_passes_keep_behaviour(seed: u64, len in 0..60usize, limit in 0..40u64) {
        let generated = generate(seed, len);
        for pass in PIPELINE {
            let cx = PassCx::with_limit(limit);
            let output = (pass.run)(&cx, &generated.trace);
            prop_assert!(cx.count() <= limit);
            verify::assert_limited_pass(pass.name, &generated.trace, &output);
            check_behaviour(pass.name, &generated, &generated.trace, &output);
        }
    }
}

/// The properties above mean something: most traces peel, loop, and run for more than one iteration.
#[test]
fn random_traces_exercise_the_passes() {
    let (mut peeled, mut looped, mut rewrites, mut carried) = (0, 0, 0, 0);
    for seed in 0..200 {
        let generated = generate(seed, 30);
        let cx = PassCx::new();
        let output = (peel::PASS.run)(&cx, &generated.trace);
        rewrites += cx.count();
        peeled += u32::from(output.loop_head().is_some());
        let cx = PassCx::new();
        (carry::PASS.run)(&cx, &output);
        carried += cx.count();
        let observed = run_to_exit(&output, generated.memory).unwrap();
        looped += u32::from(observed.clock > 2 * u64::from(output.iteration_clock));
    }
    assert!(carried > 3, "{carried}");
    assert!(peeled > 100 && looped > 30 && rewrites > 2_000, "{peeled} {looped} {rewrites}");
}

#[test]
fn the_tap_sees_each_stage_and_the_limit_stops_rewrites() {
    let generated = generate(1, 30);
    let mut stages = Vec::new();
    run_pipeline(&generated.trace, &Options::default(), &mut |stage| stages.push(stage.name));
    assert_eq!(stages, ["recorded", "fold", "cse", "guards", "peel", "carry", "dce"]);
    let options = Options { limit: Some(("peel", 0)), ..Options::default() };
    let output = run_pipeline(&generated.trace, &options, &mut |_| {});
    assert_eq!(output.loop_head(), None);
    let options = Options { mask: 1, ..Options::default() };
    let mut stages = Vec::new();
    run_pipeline(&generated.trace, &options, &mut |stage| stages.push(stage.name));
    assert_eq!(stages, ["recorded", "fold"]);
}

#[test]
#[should_panic(expected = "V8 writes preserved")]
fn a_planted_fault_is_verified_after_the_tap() {
    let generated = (0..)
        .map(|seed| generate(seed, 30))
        .find(|generated| generated.trace.insts.iter().any(|inst| inst.op == Op::ArrayStore));
    let options = Options { verify: true, ..Options::default() };
    run_pipeline(&generated.unwrap().trace, &options, &mut |stage| {
        if stage.name == "fold" {
            let writes = |inst: &&mut crate::ir::trace::Inst| inst.op == Op::ArrayStore;
            let store = stage.output.insts.iter_mut().find(writes).unwrap();
            *store = crate::ir::trace::Inst {
                op: Op::KInt,
                ty: crate::ir::op::Ty::Int,
                args: crate::ir::trace::Args::new(&[]),
                imm: 0,
                snapshot: None,
            };
        }
    });
}
