//! The clock by example, and the mirrored layouts against the public API.

use super::*;
use crate::canon::{self, Plan, RegisterSet};
use std::collections::BTreeMap;

/// Stops at given clocks and hands each state to a closure.
struct At<F> {
    clocks: Vec<u64>,
    look: F,
    ended: bool,
}

impl<F: FnMut(u64, &PucState<'_>)> Observer for At<F> {
    fn first(&mut self) -> Option<Clock> {
        self.clocks.first().copied().map(Clock)
    }
    fn at(&mut self, clock: Clock, state: &PucState<'_>) -> Option<Clock> {
        (self.look)(clock.0, state);
        self.clocks.iter().copied().find(|&c| c > clock.0).map(Clock)
    }
    fn end(&mut self, _: &PucState<'_>, _: &Ending<PucValue>) {
        self.ended = true;
    }
}

fn observe(source: &str, clocks: Vec<u64>, look: impl FnMut(u64, &PucState<'_>)) -> Outcome {
    let mut at = At { clocks, look, ended: false };
    let outcome = run(source.as_bytes(), "=t", &Options::default(), &mut at);
    assert!(
        at.ended || matches!(outcome.ending, Ending::Limited(_) | Ending::NotLua(_)),
        "{outcome:?}"
    );
    outcome
}

fn trace(source: &str) -> Vec<Tick> {
    pc_trace(source.as_bytes(), "=t", &Options::default()).0
}

/// Programs with their exact number of counted instructions.
const COUNTS: &[(&str, usize)] = &[
    // RETURN; VARARGPREP is not counted.
    ("", 1),
    // LOADI, RETURN.
    ("local a = 1", 2),
    // A taken jump is part of the test: TEST+JMP, then RETURN; not taken: TEST (JMP skipped), LOADI, RETURN.
    ("local a if a then local b = 1 end", 3),
    ("local a = 1 if a then local b = 1 end", 4),
];

#[test]
fn exact_instruction_counts() {
    for (source, count) in COUNTS {
        let ticks = trace(source);
        let pcs: Vec<_> =
            ticks.iter().map(|t| (t.frame.function.proto.0, t.frame.pc, t.line)).collect();
        assert_eq!(ticks.len(), *count, "{source}: (proto, pc, line) {pcs:?}");
    }
}
