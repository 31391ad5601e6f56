//! What all engines have in common: bounds of a run, how it ends, who watches it.
//!
//! In: a [`Program`] and a [`Watcher`]. Out: an [`Outcome`]. An [`Engine`] stops at each clock its
//! watcher asks for and shows its state there; it runs deterministically, so that a run can be repeated
//! to look closer.
#![forbid(unsafe_code)]

use crate::canon::State;
use crate::event::{Clock, EventKind};
use crate::masks::Masks;
use crate::verdict::{self, Reason};
use plumb_jit::bytecode::{self, Proto};
use std::sync::Arc;

/// Bounds of a run, and what it may use. Every engine gets the same.
#[derive(Clone, Debug)]
pub struct Options {
    /// Instructions after which the run is limited by [`Reason::Fuel`].
    pub fuel: u64,
    /// Bytes after which the run is limited by [`Reason::Memory`].
    pub memory: usize,
    /// Bytes of output after which the run is limited by [`Reason::Memory`].
    pub output: usize,
    /// Seed given to `math.randomseed` before the program starts.
    pub random_seed: i64,
    /// When set, library functions and tables whose name it rejects are removed before the program
    /// starts, so that one engine offers what another offers. Names are like `math.sin`.
    pub offers: Option<fn(&str) -> bool>,
    /// Everything that can be reached, up to a bound, is compared at each moment, not at a sample of them.
    pub thorough: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            fuel: 50_000_000,
            memory: 256 << 20,
            output: 1 << 20,
            random_seed: 0,
            offers: None,
            thorough: false,
        }
    }
}

/// A program to be compared, and what is known about its bytecode.
#[derive(Clone, Debug)]
pub struct Program {
    pub source: Vec<u8>,
    /// As for `load`: `@file.lua`, or `=name`.
    pub chunk_name: String,
    /// Our compiler's output, or its error message.
    pub proto: Result<Arc<Proto>, Vec<u8>>,
    pub masks: Masks,
    pub options: Options,
}

impl Program {
    /// Compiles a source text, once for all runs of our engines.
    pub fn new(source: &[u8], chunk_name: &str, options: Options) -> Program {
        let proto = bytecode::load(source, chunk_name.as_bytes(), "t", 0);
        let proto = proto.map(Arc::new).map_err(|error| error.message);
        let masks = proto.as_deref().map(Masks::of).unwrap_or_default();
        Program { source: source.to_vec(), chunk_name: chunk_name.into(), proto, masks, options }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending<V> {
    Returned(Vec<V>),
    /// An error that the program did not catch.
    Failed {
        error: V,
        /// Where it was raised: `luaL_traceback` without a message, from the function that raised it down
        /// to the main chunk. `None` where Lua calls no message handler: the room for handlers is
        /// exhausted.
        traceback: Option<Vec<u8>>,
    },
    /// The source was rejected with this message.
    NotLua(Vec<u8>),
    Limited(Reason),
    /// The watcher asked for it.
    Stopped,
    /// The engine caught itself breaking a rule: a defect of ours, with its description.
    Broken(String),
}

/// What a run leaves behind.
#[derive(Debug)]
pub struct Outcome {
    pub ending: Ending<()>,
    pub output: Vec<u8>,
    /// Instructions of the run, where the engine knows (the reference does not: it shows a total only by
    /// stopping before the last instruction and not after it).
    pub instructions: Option<u64>,
}

/// Where to stop next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At this clock, which is later than the present one.
    At(Clock),
    /// Not before the end.
    Never,
    /// End the run here.
    Stop,
}

impl From<Option<Clock>> for Next {
    fn from(clock: Option<Clock>) -> Next {
        clock.map_or(Next::Never, Next::At)
    }
}

/// Watches a run at clocks of its choice.
///
/// Watchers and sinks own what they need: engines keep them behind `'static` hooks, and give them back.
pub trait Watcher: 'static {
    /// The first clock to stop at.
    fn first(&mut self) -> Option<Clock>;
    /// The engine stands at `clock`.
    fn at<S: State>(&mut self, clock: Clock, state: &S) -> Next;
    /// The program has ended and its values are still there. Not called for runs that were limited or
    /// stopped, nor for rejected sources.
    fn end<S: State>(&mut self, state: &S, ending: &Ending<S::Value>, output: &[u8]);
}

/// Looks at nothing: the outcome says enough.
pub struct Unwatched;

impl Watcher for Unwatched {
    fn first(&mut self) -> Option<Clock> {
        None
    }
    fn at<S: State>(&mut self, _: Clock, _: &S) -> Next {
        Next::Never
    }
    fn end<S: State>(&mut self, _: &S, _: &Ending<S::Value>, _: &[u8]) {}
}

/// An engine that can be driven to clocks.
pub trait Engine {
    fn kind(&self) -> verdict::Engine;
    fn run<W: Watcher>(&self, program: &Program, watcher: W) -> (Outcome, W);
}

/// Receives the events of a leading run.
pub trait EventSink: 'static {
    fn event<S: State>(&mut self, clock: Clock, kind: EventKind, state: &S) -> Next;
    fn end<S: State>(&mut self, state: &S, ending: &Ending<S::Value>, output: &[u8]);
}

/// An engine that decides itself when it is looked at.
pub trait Leader {
    fn kind(&self) -> verdict::Engine;
    fn lead<E: EventSink>(&self, program: &Program, sink: E) -> (Outcome, E);
    /// Traces compiled in the last run.
    fn traces(&self) -> u64 {
        0
    }
}

/// Leads with an engine that has no events of its own, by looking at pseudo-random clocks: every few
/// instructions at first, ever more rarely later, so that the number of looks grows with the logarithm
/// of the run's length.
pub struct RandomClocks<'e, E> {
    pub engine: &'e E,
    pub seed: u64,
}

impl<E: Engine> Leader for RandomClocks<'_, E> {
    fn kind(&self) -> verdict::Engine {
        self.engine.kind()
    }

    fn lead<S: EventSink>(&self, program: &Program, sink: S) -> (Outcome, S) {
        let watcher = RandomWatcher { random: self.seed, now: 0, sink };
        let (outcome, watcher) = self.engine.run(program, watcher);
        (outcome, watcher.sink)
    }
}

struct RandomWatcher<S> {
    random: u64,
    now: u64,
    sink: S,
}

impl<S> RandomWatcher<S> {
    /// SplitMix64.
    fn next(&mut self) -> Clock {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        self.now += 1 + z % (8 + self.now / 32);
        Clock(self.now)
    }
}

impl<S: EventSink> Watcher for RandomWatcher<S> {
    fn first(&mut self) -> Option<Clock> {
        Some(self.next())
    }

    fn at<T: State>(&mut self, clock: Clock, state: &T) -> Next {
        match self.sink.event(clock, EventKind::Checkpoint, state) {
            Next::Stop => Next::Stop,
            _ => Next::At(self.next()),
        }
    }

    fn end<T: State>(&mut self, state: &T, ending: &Ending<T::Value>, output: &[u8]) {
        self.sink.end(state, ending, output);
    }
}
