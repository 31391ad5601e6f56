//! The ladder on generated programs: right programs agree on every rung.

use plumb_fuzz::campaign::with_job;
use plumb_fuzz::generate::case_of_seed;
use plumb_fuzz::harness::{Answer, GENERATED_FUEL, Job, judge};
use plumb_fuzz::regression::report;
use plumb_jit::syntax::printer::print;
use plumb_jit::trace::config::ExecutorKind;

#[test]
fn checked_evaluators_agree_on_generated_programs() {
    let executors = [ExecutorKind::Eval, ExecutorKind::Mach, ExecutorKind::Allocated];
    for seed in 0..120 {
        let case = case_of_seed(seed);
        for executor in executors {
            for passes in [0, case.config.passes] {
                let mut case = case.clone();
                case.config.passes = passes;
                let ask = |job: &Job| {
                    judge(&Job { check: true, config: job.config.clone(), tap: None, ..*job })
                };
                let judged = with_job(&case, executor, None, GENERATED_FUEL, ask);
                let source = print(&case.chunk);
                assert!(
                    !matches!(judged.answer, Answer::Found(_)),
                    "seed {seed}, {executor:?}, passes {passes:#x}, {:?}\n{}",
                    case.config,
                    report(&judged.answer, source.as_bytes(), None)
                );
            }
        }
    }
}
