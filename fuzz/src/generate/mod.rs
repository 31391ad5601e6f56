//! Bytes -> a random, loop-heavy Lua program that terminates and (almost) never fails.
//!
//! In:  bytes: libFuzzer's, or those that a seed expands to ([`bytes_of_seed`]).
//! Out: a [`Case`]: a syntax tree and the JIT knobs drawn from the same bytes.
//!
//! 1. [`scope`]      variables with kinds, names, costs
//! 2. [`expression`] typed expressions: total operations only
//! 3. [`statement`]  statements, phase changes, errors under `pcall`
//! 4. [`looping`]    loops, bounded by construction
//! 5. [`motif`]      idioms written down as Lua with holes
//! 6. [`coroutine`]  idioms of coroutines, and yields
//! 7. [`ending`]     errors that end the program
//!
//! Invariants:
//! - *Deterministic*: the same bytes give the same case, whatever the machine.
//! - *Terminating*: every loop has a bound that the body cannot reach: a numeric `for`, or a counter
//!   that no statement but the loop's own increment assigns. The product of nested bounds is limited
//!   by [`scope::MAX_WORK`].
//! - *Valid*: expressions have kinds (integer, float, number, boolean); an operation that may raise an
//!   error (integer division by zero, bitwise operators on fractions, indexing nil) is made only of
//!   operands for which it cannot, unless it stands under a `pcall` or in an [`ending`] on purpose.
//! - *Comparable*: nothing whose result Lua leaves open (hash order, addresses, the sign and payload
//!   of a NaN in text, `#` is fine because our tables are sized like PUC's).
//!
//! Choice 0 is always the simplest one, so that exhausted bytes make small programs.

mod coroutine;
mod ending;
mod expression;
mod looping;
mod motif;
pub mod passes;
mod scope;
mod statement;

use arbitrary::Unstructured;
use plumb_jit::backend::alloc::{MAX_FPR, MAX_GPR, MIN_FPR, MIN_GPR};
use plumb_jit::opt;
use plumb_jit::syntax::ast::{Block, Chunk, Expr, Stat, StatKind};
use scope::{Kind, Scope};
use std::num::NonZeroU32;

/// The highest threshold of a hot loop that counters can hold.
pub const MAX_HOT_LOOP: u16 = 60_000;

/// What a program runs under, drawn from the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseConfig {
    /// Arrivals at a loop head before it is recorded.
    pub hot_loop: u16,
    /// Exits through one guard before a side trace is recorded there; the JIT's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hot_exit: Option<u16>,
    /// Most VM instructions in a trace; the JIT's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_instructions: Option<u32>,
    /// Passes to run: bit n is entry n of the pipeline. In files: names, all when absent.
    #[serde(with = "passes", skip_serializing_if = "passes::are_all")]
    pub passes: u32,
    /// General registers the allocator may use; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpr_limit: Option<usize>,
    /// Float registers the allocator may use; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fpr_limit: Option<usize>,
    /// A guard's exit that is taken although the guard holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forced_exit: Option<ForcedExit>,
    /// All traces are dropped once so many were compiled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush_at: Option<u32>,
    /// The JIT's run collects garbage at every n-th allocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collect_every: Option<u32>,
    /// How much of a collection is done then.
    #[serde(skip_serializing_if = "Collection::is_whole")]
    pub collection: Collection,
}

/// What the collector does at a point that a case asks for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// A full collection.
    #[default]
    Whole,
    /// So many units of work of the incremental mode, so that traces run while marking is in progress.
    Step(NonZeroU32),
    /// A collection of young objects, in the generational mode.
    Minor,
}

impl Collection {
    fn is_whole(&self) -> bool {
        *self == Collection::Whole
    }
}

/// Which guard is forced to leave, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForcedExit {
    /// Number of the trace.
    pub trace: u32,
    /// Number of the guard in it, modulo the number of its guards.
    pub guard: u32,
    /// At which of its executions; 1 is the first.
    pub nth: u64,
}

impl Default for CaseConfig {
    fn default() -> CaseConfig {
        CaseConfig {
            hot_loop: 56,
            hot_exit: None,
            max_instructions: None,
            passes: passes::ALL,
            gpr_limit: None,
            fpr_limit: None,
            forced_exit: None,
            flush_at: None,
            collect_every: None,
            collection: Collection::Whole,
        }
    }
}

impl CaseConfig {
    /// What is wrong with knobs that a person has written; they mean nothing beyond the bounds that the
    /// command line knows too.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: Option<usize>, least: usize, most: usize| match value {
            Some(value) if !(least..=most).contains(&value) => {
                Err(format!("`{name}` is {value}; it must be from {least} to {most}"))
            }
            _ => Ok(()),
        };
        let counts = |value: Option<u32>| value.map(|value| value as usize);
        let nth = self.forced_exit.map(|exit| usize::try_from(exit.nth).unwrap_or(usize::MAX));
        let hot_loop = Some(usize::from(self.hot_loop));
        within("hot_loop", hot_loop, 1, usize::from(MAX_HOT_LOOP))?;
        within("hot_exit", self.hot_exit.map(usize::from), 1, usize::from(u16::MAX))?;
        within("max_instructions", counts(self.max_instructions), 1, u32::MAX as usize)?;
        within("gpr_limit", self.gpr_limit, MIN_GPR, MAX_GPR)?;
        within("fpr_limit", self.fpr_limit, MIN_FPR, MAX_FPR)?;
        within("forced_exit.nth", nth, 1, usize::MAX)?;
        within("flush_at", counts(self.flush_at), 1, u32::MAX as usize)?;
        within("collect_every", counts(self.collect_every), 1, u32::MAX as usize)
    }
}

/// A program and the knobs it runs under.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub chunk: Chunk,
    pub config: CaseConfig,
}

/// Bytes that a seed stands for.
pub const SEED_BYTES: usize = 3072;

/// Expands a seed into [`SEED_BYTES`] bytes (SplitMix64).
pub fn bytes_of_seed(seed: u64) -> Vec<u8> {
    let mut state = seed ^ 0x706c_756d_6221_0a0a;
    let mut bytes = Vec::with_capacity(SEED_BYTES);
    while bytes.len() < SEED_BYTES {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    bytes
}

/// The case of a seed.
pub fn case_of_seed(seed: u64) -> Case {
    case_of_bytes(&bytes_of_seed(seed))
}

/// The case that bytes describe; any bytes describe one.
pub fn case_of_bytes(bytes: &[u8]) -> Case {
    let mut generator = Generator { u: Unstructured::new(bytes), scope: Scope::default() };
    let config = generator.config();
    let chunk = generator.chunk();
    Case { chunk, config }
}

/// The state of one generation.
struct Generator<'a> {
    u: Unstructured<'a>,
    scope: Scope,
}

impl Generator<'_> {
    // -- choices -----------------------------------------------------------------------------

    /// A number in `low..=high`; `low` when the bytes are used up.
    fn pick(&mut self, low: i64, high: i64) -> i64 {
        self.u.int_in_range(low..=high).unwrap_or(low)
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.pick(0, 99) >= i64::from(100 - percent)
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.pick(0, from.len() as i64 - 1) as usize]
    }

    /// About half of the cases run with nothing but a low threshold; each other knob is turned in one
    /// case of five to fifty, the rarer the more it keeps the JIT from doing.
    fn config(&mut self) -> CaseConfig {
        let hot_loop = self.choose(&[3, 2, 4, 5, 6, 8, 10, 13, 3, 5, 4, 7, 56]);
        let all = i64::from(opt::ALL_PASSES);
        let passes = if self.chance(15) { self.pick(0, all) as u32 } else { u32::MAX };
        let gpr_limit = self.chance(20).then(|| self.pick(8, 14) as usize);
        let fpr_limit = self.chance(20).then(|| self.pick(6, 12) as usize);
        let forced_exit = self.chance(20).then(|| ForcedExit {
            trace: self.choose(&[0, 0, 1, 2, 3]),
            guard: self.pick(0, 63) as u32,
            nth: self.choose(&[1, 2, 3, 1, 2, 5, 8, 13, 21, 50]),
        });
        let flush_at = self.chance(6).then(|| self.pick(1, 4) as u32);
        let collect_every = self.chance(12).then(|| self.choose(&[1, 2, 3, 7, 20]));
        let collection = match collect_every {
            Some(_) => self.collection(),
            None => Collection::Whole,
        };
        let max_instructions = self.chance(3).then(|| self.pick(10, 80) as u32);
        let hot_exit = self.chance(15).then(|| self.choose(&[1, 2, 3, 5, 25]));
        CaseConfig {
            hot_loop,
            hot_exit,
            max_instructions,
            passes,
            gpr_limit,
            fpr_limit,
            forced_exit,
            flush_at,
            collect_every,
            collection,
        }
    }

    fn collection(&mut self) -> Collection {
        match self.pick(0, 5) {
            0 | 1 => Collection::Whole,
            2..=4 => {
                let units = self.choose(&[20, 50, 100, 200, 400, 5]);
                NonZeroU32::new(units).map_or(Collection::Whole, Collection::Step)
            }
            _ => Collection::Minor,
        }
    }

    // -- the program -------------------------------------------------------------------------

    fn chunk(&mut self) -> Chunk {
        let mut stats = Vec::new();
        self.prelude(&mut stats);
        for _ in 0..self.pick(0, 2) {
            match self.chance(10) {
                true => self.producer(&mut stats),
                false => self.function(&mut stats),
            }
        }
        let mut only_motifs = true;
        for _ in 0..self.pick(1, 3) {
            for _ in 0..self.pick(0, 2) {
                self.statement(&mut stats);
            }
            match self.pick(0, 99) {
                65..=89 => self.whole_motif(&mut stats),
                90.. => self.coroutine_motif(&mut stats),
                _ => {
                    self.hot_loop(&mut stats);
                    only_motifs = false;
                }
            }
        }
        // Many motifs are about what the recorder must refuse, and spoil the loops that they are in.
        if only_motifs || self.chance(50) {
            self.hot_loop(&mut stats);
        }
        self.report(&mut stats);
        self.ending(&mut stats);
        Chunk { body: Block::from(stats) }
    }

    /// A few variables of each kind, so that every expression has something to read.
    fn prelude(&mut self, out: &mut Vec<Stat>) {
        for kind in [Kind::Int, Kind::Num, Kind::Float] {
            let value = self.expression(kind, 0);
            self.declare(kind, value, out);
        }
        if self.chance(35) {
            let value = self.expression(Kind::Bool, 1);
            self.declare(Kind::Bool, value, out);
        }
        for _ in 0..self.pick(1, 2) {
            let count = self.pick(1, 12);
            let items = (0..count).map(|_| self.expression(Kind::Num, 0)).collect();
            self.declare_array(items, out);
        }
        if self.chance(45) {
            self.declare_record(out);
        }
        if self.chance(35) {
            self.declare_global(out);
        }
    }

    /// Prints what the program computed. A NaN is printed as "nan": its sign is the machine's.
    fn report(&mut self, out: &mut Vec<Stat>) {
        let names: Vec<(String, Kind)> = self
            .scope
            .visible()
            .filter(|v| v.kind.is_scalar())
            .map(|v| (v.name.clone(), v.kind))
            .collect();
        let mut args = Vec::new();
        for (name, kind) in names {
            let value = Expr::name(name);
            args.push(if kind == Kind::Bool { value } else { expression::printable(value) });
        }
        let arrays: Vec<String> = self.scope.arrays().map(|v| v.name.clone()).collect();
        for name in arrays {
            let length = Expr::unary(plumb_jit::syntax::ast::UnOp::Len, Expr::name(name));
            args.push(length);
        }
        out.push(StatKind::Call(Expr::call(Expr::name("print"), args)).into());
    }
}
