//! Optimisation: `Trace -> Trace`, one file a pass.
//!
//! In:  a recorded trace, which passes of [`PIPELINE`] to run, a tap.
//! Out: an equivalent trace. After each pass the tap sees the result, then it is verified.
//!
//! 1. [`fold`]   constant folding and identities that are exact in Lua 5.4
//! 2. [`cse`]    values computed before; loads that no write came between; stored values
//! 3. [`guards`] guards that earlier ones imply
//! 4. [`peel`]   pre-roll, `loop`, body: invariants and their guards leave the loop
//! 5. [`carry`]  values that the previous iteration computed already
//! 6. [`dce`]    what no guard, write or snapshot needs
//!
//! Invariants of every pass:
//! - It never moves a guard or a write and never drops a write; leaving through a guard happens
//!   at the same point of the same iteration, in the same state.
//! - Floats stay bit-exact: nothing is reassociated or contracted.
//! - It depends on its input and on the [`PassCx`] only. Every rewrite asks [`PassCx::allow`]
//!   first, so that a miscompile can be pinned on one rewrite by bisecting their number.

#![forbid(unsafe_code)]

pub mod carry;
pub mod cse;
pub mod dce;
pub mod fold;
pub mod guards;
pub mod peel;

use crate::ir::trace::Trace;
use crate::ir::verify;
use std::cell::Cell;

/// One step of the pipeline.
pub struct Pass {
    /// The name in dumps, on the command line, in blame and of the directory of its filetests.
    pub name: &'static str,
    pub run: fn(&PassCx, &Trace) -> Trace,
}

/// All passes, in order. Bit n of a pass mask is entry n.
pub const PIPELINE: &[Pass] =
    &[fold::PASS, cse::PASS, guards::PASS, peel::PASS, carry::PASS, dce::PASS];

/// The mask that runs every pass.
pub const ALL_PASSES: u32 = (1 << PIPELINE.len()) - 1;

/// What a pass may know besides its input: how many rewrites it may still do.
#[derive(Default)]
pub struct PassCx {
    limit: Option<u64>,
    count: Cell<u64>,
    last_rule: Cell<Option<&'static str>>,
}

impl PassCx {
    /// Any number of rewrites.
    pub fn new() -> PassCx {
        PassCx::default()
    }
    /// At most `limit` rewrites.
    pub fn with_limit(limit: u64) -> PassCx {
        PassCx { limit: Some(limit), ..PassCx::default() }
    }

    /// Whether the pass may apply `rule` here; counts it.
    pub fn allow(&self, rule: &'static str) -> bool {
        let count = self.count.get();
        let allowed = self.limit.is_none_or(|limit| count < limit);
        if allowed {
            self.count.set(count + 1);
            self.last_rule.set(Some(rule));
        }
        allowed
    }

    /// Rewrites done.
    pub fn count(&self) -> u64 {
        self.count.get()
    }
    /// The rule of the last rewrite done.
    pub fn last_rule(&self) -> Option<&'static str> {
        self.last_rule.get()
    }
    /// Forgets the rewrites since `count` was read, because their result was thrown away.
    fn rewind(&self, count: u64) {
        self.count.set(count);
    }
}

/// How to run the pipeline.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bit n set: run `PIPELINE[n]`.
    pub mask: u32,
    /// At most this many rewrites in the pass of this name.
    pub limit: Option<(&'static str, u64)>,
    /// Verify the input and each pass's output; a violation is a panic.
    pub verify: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { mask: ALL_PASSES, limit: None, verify: cfg!(debug_assertions) }
    }
}

/// The name of the stage before the first pass, as taps see it.
pub const RECORDED: &str = "recorded";

/// A stage that has just run, as taps see it.
pub struct Stage<'a> {
    /// [`RECORDED`] or the pass's name.
    pub name: &'static str,
    /// What the pass asked for each rewrite; what a tap rewrites is counted on from there.
    pub cx: &'a PassCx,
    /// What the pass was given; `None` for [`RECORDED`].
    pub input: Option<&'a Trace>,
    pub output: &'a mut Trace,
}

/// Runs the passes that `options` names. `tap` is called after each stage: first [`RECORDED`], then
/// each pass that runs. It may change the output, which is how faults are planted; verification
/// comes after it.
pub fn run_pipeline(input: &Trace, options: &Options, tap: &mut dyn FnMut(&mut Stage)) -> Trace {
    let cx_of = |name| match options.limit {
        Some((limited, limit)) if limited == name => PassCx::with_limit(limit),
        _ => PassCx::new(),
    };
    let mut trace = input.clone();
    tap(&mut Stage { name: RECORDED, cx: &cx_of(RECORDED), input: None, output: &mut trace });
    if options.verify {
        verify::assert_valid(RECORDED, &trace);
    }
    for (index, pass) in PIPELINE.iter().enumerate() {
        if options.mask & (1 << index) == 0 {
            continue;
        }
        let cx = cx_of(pass.name);
        let mut output = (pass.run)(&cx, &trace);
        tap(&mut Stage { name: pass.name, cx: &cx, input: Some(&trace), output: &mut output });
        if options.verify && options.limit.is_some() {
            verify::assert_limited_pass(pass.name, &trace, &output);
        } else if options.verify {
            verify::assert_pass(pass.name, &trace, &output);
        }
        trace = output;
    }
    trace
}

/// Runs one pass by name, without a limit.
pub fn run_pass(name: &str, input: &Trace) -> Option<Trace> {
    let pass = PIPELINE.iter().find(|pass| pass.name == name)?;
    Some((pass.run)(&PassCx::new(), input))
}

#[cfg(test)]
mod tests;
