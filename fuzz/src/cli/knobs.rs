//! The knobs of a case, by hand: options that `check`, `trace` and `run` share.

use crate::generate::{CaseConfig, Collection, ForcedExit, MAX_HOT_LOOP, passes};
use plumb_jit::backend::alloc::{MAX_FPR, MAX_GPR, MIN_FPR, MIN_GPR};

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Knobs of the JIT")]
pub struct Knobs {
    /// Arrivals at a loop head before it is compiled.
    #[arg(long, default_value_t = 56, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_HOT_LOOP)))]
    hot_loop: u16,
    /// Exits at one point after which they count as hot: where a side trace would begin [default: 10].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    hot_exit: Option<u16>,
    /// Most VM instructions in a trace.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_instructions: Option<u32>,
    /// Passes to run, separated by commas; `none` for none [default: all].
    #[arg(long, value_parser = mask)]
    passes: Option<u32>,
    /// General registers that the allocator may use.
    #[arg(long, value_name = "N", value_parser = gprs)]
    gprs: Option<usize>,
    /// Float registers that the allocator may use.
    #[arg(long, value_name = "N", value_parser = fprs)]
    fprs: Option<usize>,
    /// Take the exit of one guard once although the guard holds: numbers of the trace, of the guard in
    /// it, and of the guard's execution (1 is the first).
    #[arg(long, value_name = "TRACE:GUARD:NTH", value_parser = forced_exit)]
    force_exit: Option<ForcedExit>,
    /// Drop all traces once N were compiled.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    flush_at: Option<u32>,
    /// Collect garbage at every N-th allocation of the JIT's run.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    collect_every: Option<u32>,
    /// What is done then: `whole`, `minor` (the generational mode), or units of the incremental mode.
    #[arg(long, value_name = "HOW", default_value = "whole", value_parser = collection)]
    collection: Collection,
}

impl Knobs {
    pub fn config(&self) -> CaseConfig {
        CaseConfig {
            hot_loop: self.hot_loop,
            hot_exit: self.hot_exit,
            max_instructions: self.max_instructions,
            passes: self.passes.unwrap_or(passes::ALL),
            gpr_limit: self.gprs,
            fpr_limit: self.fprs,
            forced_exit: self.force_exit,
            flush_at: self.flush_at,
            collect_every: self.collect_every,
            collection: self.collection,
        }
    }
}

fn collection(text: &str) -> Result<Collection, String> {
    match text {
        "whole" => Ok(Collection::Whole),
        "minor" => Ok(Collection::Minor),
        units => units.parse().map(Collection::Step).map_err(|_| {
            format!("`{units}` is neither `whole` nor `minor` nor a number of units above 0")
        }),
    }
}

fn mask(text: &str) -> Result<u32, String> {
    if text == "none" {
        return Ok(0);
    }
    text.split(',').try_fold(0, |mask, name| Ok(mask | passes::bit(name.trim())?))
}

fn registers(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("`{text}` is not a number from {least} to {most}"))
}

fn gprs(text: &str) -> Result<usize, String> {
    registers(text, MIN_GPR, MAX_GPR)
}

fn fprs(text: &str) -> Result<usize, String> {
    registers(text, MIN_FPR, MAX_FPR)
}

fn forced_exit(text: &str) -> Result<ForcedExit, String> {
    let mut parts = text.split(':');
    let parsed = (|| {
        let (trace, guard) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let nth = parts.next()?.parse().ok().filter(|nth| *nth > 0)?;
        parts.next().is_none().then_some(ForcedExit { trace, guard, nth })
    })();
    parsed.ok_or_else(|| format!("`{text}` is not TRACE:GUARD:NTH, for example 0:3:1"))
}
