//! A difference between the interpreter and the reference: at which instruction it begins.
//!
//! In:  the program, the engine in the interpreter's place, the difference.
//! Out: a blame on the interpreter with the opcode executed just before the first difference.
//!
//! Both engines are driven to every clock from the last agreement on, so that the instruction is
//! exact. Limit: a few ten thousand clocks; a wider gap is looked at in its first part only.

use super::moments::{Code, moments};
use super::{Blame, Stage, Step};
use crate::canon::State;
use crate::engine::{
    Ending, Engine, EventSink, Leader, Next, Outcome, Program, RandomClocks, Watcher,
};
use crate::event::{Clock, EventKind};
use crate::lockstep::{Select, first_difference, two_way};
use crate::puc::Reference;
use crate::verdict::{self, Divergence, Verdict};
use plumb_jit::bytecode::Op as Opcode;
use std::rc::Rc;

/// Whether an engine in the interpreter's place differs from the reference, by itself.
pub fn differs(program: &Rc<Program>, engine: &impl Engine) -> Option<Box<Divergence>> {
    let leader = RandomClocks { engine, seed: program.source.len() as u64 };
    match two_way(program, &leader, &Reference, Select::Defined) {
        Verdict::Diverge(found) => Some(found),
        Verdict::Agree(_) | Verdict::Inconclusive(_) => None,
    }
}

/// Clocks looked at one by one.
const MOST_CLOCKS: u64 = 20_000;

pub fn blame(program: &Rc<Program>, engine: &impl Engine, found: &Divergence) -> Blame {
    let start = found.agreed.map_or(0, |(clock, _)| clock.0);
    let end = found.clock.0.min(start + MOST_CLOCKS);
    let leader = EveryClock { engine, start, end };
    let closer = first_difference(program, &leader, &Reference, Select::Defined, usize::MAX);
    let found = closer.unwrap_or_else(|| Box::new(found.clone()));
    let before = found.clock.0.saturating_sub(1);
    Blame {
        stage: Stage::Interpreter,
        pass: None,
        rule: Some(format!("{:?}", found.kind).to_lowercase()),
        op: executed(program, engine, before).map(|op| op.name().into()),
        exit_kind: None,
        trace: None,
        ladder: vec![Step {
            rung: Stage::Interpreter.name().into(),
            answer: format!("DIVERGE from the reference at {}", found.clock),
        }],
        found,
        before: String::new(),
        after: String::new(),
    }
}

/// The opcode that an engine executes at a clock.
fn executed(program: &Program, engine: &impl Engine, clock: u64) -> Option<Opcode> {
    let seen = moments(program, engine, clock, clock);
    Code::new(program).opcode(seen.first()?.frames.first()?)
}

/// An engine that is looked at at every clock of a range.
struct EveryClock<'e, E> {
    engine: &'e E,
    start: u64,
    end: u64,
}

impl<E: Engine> Leader for EveryClock<'_, E> {
    fn kind(&self) -> verdict::Engine {
        self.engine.kind()
    }
    fn lead<S: EventSink>(&self, program: &Program, sink: S) -> (Outcome, S) {
        let watcher = Every { next: self.start, end: self.end, sink };
        let (outcome, watcher) = self.engine.run(program, watcher);
        (outcome, watcher.sink)
    }
}

struct Every<S> {
    next: u64,
    end: u64,
    sink: S,
}

impl<S: EventSink> Watcher for Every<S> {
    fn first(&mut self) -> Option<Clock> {
        Some(Clock(self.next))
    }
    fn at<T: State>(&mut self, clock: Clock, state: &T) -> Next {
        self.next = clock.0 + 1;
        match self.sink.event(clock, EventKind::Checkpoint, state) {
            Next::Stop => Next::Stop,
            _ if self.next <= self.end => Next::At(Clock(self.next)),
            _ => Next::Never,
        }
    }
    fn end<T: State>(&mut self, state: &T, ending: &Ending<T::Value>, output: &[u8]) {
        self.sink.end(state, ending, output);
    }
}
