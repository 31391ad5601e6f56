//! One program, all engines: what the command line, the fuzzer and the tests call.
#![forbid(unsafe_code)]

use crate::dump::{Difference, Snapshot};
use crate::engine::{Options, Program, RandomClocks};
use crate::event::{Clock, EventKind};
use crate::lockstep::{Select, three_way, two_way, without_jit};
use crate::ours::{self, Collecting, Interpreter, Jit};
use crate::puc::Reference;
use crate::verdict::{Compared, Divergence, DivergenceKind, Engine, THRASH_BOUND, Verdict};
use plumb_jit::trace::config::JitConfig;
use plumb_jit::trace::stats::JitStats;
use std::num::NonZeroU32;
use std::rc::Rc;

/// Bounds as given, on all engines the library that ours has.
fn program(source: &[u8], chunk_name: &str, options: &Options) -> Rc<Program> {
    let options = Options { offers: Some(ours::offers), ..options.clone() };
    Rc::new(Program::new(source, chunk_name, options))
}

/// The JIT, the interpreter and the reference in lockstep at every trace entry and exit. A program that
/// enters no trace is compared at pseudo-random clocks instead, besides its end. The counters are those of
/// the JIT's last run.
pub fn check_jit(
    source: &[u8],
    chunk_name: &str,
    config: &JitConfig,
    options: &Options,
) -> (Verdict, JitStats) {
    let jit = Jit::new(config.clone());
    let program = program(source, chunk_name, options);
    let verdict = three_way(&program, &jit, &Interpreter, &Reference);
    let stats = jit.stats();
    match verdict {
        Verdict::Agree(compared) if stats.thrash > THRASH_BOUND => {
            (Verdict::Diverge(Box::new(thrash(&compared, &stats))), stats)
        }
        Verdict::Diverge(mut divergence) if is_of_the_simulator(&divergence) => {
            divergence.kind = DivergenceKind::Simulator;
            (Verdict::Diverge(divergence), stats)
        }
        verdict => (verdict, stats),
    }
}

/// Whether the JIT was stopped because a referee saw the simulator differ.
fn is_of_the_simulator(divergence: &Divergence) -> bool {
    let ending = divergence.right_state.ending.as_deref().unwrap_or("");
    divergence.kind == DivergenceKind::Broken && ending.contains("trap Referee")
}

/// A JIT whose results are right and whose traces do not pay.
pub(crate) fn thrash(compared: &Compared, stats: &JitStats) -> Divergence {
    let empty = |text: String| Snapshot { ending: Some(text), ..Snapshot::default() };
    let (left, right) = (format!("at most {THRASH_BOUND}"), stats.thrash.to_string());
    Divergence {
        kind: DivergenceKind::Thrash,
        left: Engine::Interpreter,
        right: Engine::Jit,
        moment: compared.moments() as usize,
        clock: Clock(compared.instructions),
        event: EventKind::End,
        line: None,
        agreed: None,
        left_state: empty(left.clone()),
        right_state: empty(right.clone()),
        differences: vec![Difference {
            place: "entries into one loop's traces that their instructions do not pay for".into(),
            left,
            right,
        }],
    }
}

/// The process in which the JIT ran is dead: it cannot say at which moment anything went wrong.
pub fn died(report: &str) -> Divergence {
    let ending = format!("broke a rule: crash: {report}");
    Divergence {
        kind: DivergenceKind::Broken,
        left: Engine::Interpreter,
        right: Engine::Jit,
        moment: 0,
        clock: Clock(0),
        event: EventKind::End,
        line: None,
        agreed: None,
        left_state: Snapshot::default(),
        right_state: Snapshot { ending: Some(ending.clone()), ..Snapshot::default() },
        differences: vec![Difference {
            place: "ending".into(),
            left: "(not looked at)".into(),
            right: ending,
        }],
    }
}

/// The same comparison with the JIT off, at pseudo-random clocks: the interpreter with itself, with itself
/// under garbage collections, and with the reference. What it finds is a false alarm of the harness, or a
/// defect of the interpreter; none may be blamed on the JIT.
pub fn check_without_jit(source: &[u8], chunk_name: &str, seed: u64, options: &Options) -> Verdict {
    let leader = RandomClocks { engine: &Interpreter, seed };
    let every = NonZeroU32::new(1 + (seed % 13) as u32).expect("at least 1");
    let program = program(source, chunk_name, options);
    without_jit(&program, &leader, &Interpreter, &Collecting(every), &Reference)
}

/// The interpreter and the reference in lockstep at pseudo-random clocks drawn from `seed`.
pub fn check_interpreter(source: &[u8], chunk_name: &str, seed: u64, options: &Options) -> Verdict {
    let leader = RandomClocks { engine: &Interpreter, seed };
    two_way(&program(source, chunk_name, options), &leader, &Reference, Select::Defined)
}
