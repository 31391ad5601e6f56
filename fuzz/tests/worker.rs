//! A worker answers as the harness does at home.

use plumb_fuzz::campaign::with_job;
use plumb_fuzz::faults;
use plumb_fuzz::generate::case_of_seed;
use plumb_fuzz::harness::{Answer, GENERATED_FUEL, judge};
use plumb_fuzz::regression::report;
use plumb_fuzz::runner::command;
use plumb_fuzz::worker::Worker;
use plumb_jit::syntax::printer::print;
use plumb_jit::trace::config::ExecutorKind;
use std::time::Duration;

#[test]
fn a_worker_answers_as_the_harness_does() {
    let mut worker = Worker::new(Box::new(|| {
        let mut worker = command(env!("CARGO_BIN_EXE_plumb"));
        worker.arg("worker");
        worker
    }));
    let (mut agreed, mut found) = (0, 0);
    for fault in [None, faults::find("snapshot.omits"), faults::find("restore.false-as-nil")] {
        for seed in 0..8 {
            let case = case_of_seed(seed);
            let tap = fault.map(|fault| fault.tap());
            let (there, here) =
                with_job(&case, ExecutorKind::Simulator, tap.as_ref(), GENERATED_FUEL, |job| {
                    (worker.judge(job, Duration::from_secs(120)), judge(job))
                });
            let source = print(&case.chunk);
            let text = |answer: &Answer| report(answer, source.as_bytes(), None);
            assert_eq!(text(&there.answer), text(&here.answer), "seed {seed}");
            assert_eq!(there.stats, here.stats, "seed {seed}");
            agreed += u32::from(matches!(here.answer, Answer::Agree(_)));
            found += u32::from(matches!(here.answer, Answer::Found(_)));
        }
    }
    assert!(agreed >= 8 && found >= 2, "{agreed} agreed, {found} were found");
}
