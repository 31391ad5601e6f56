//! What is wrong in the backend.
//!
//! In:  the culprit's rung and the one below, both run with records of their instructions.
//! Out: the first instruction at which they differ.

use super::ladder::{Ladder, Rung};
use super::probe::Seen;
use super::{Blame, broken, name_of_broken};
use plumb_jit::trace::config::JitConfig;

pub fn look(ladder: &Ladder, at: usize, config: &JitConfig, seen: &Seen, blame: &mut Blame) {
    if let Some(text) = broken(&blame.found) {
        blame.rule = Some(name_of_broken(text));
    }
    let _ = (ladder, at, config);
    let Some(trace) = seen.traces.get(blame.trace.unwrap_or(0) as usize) else { return };
    let ir = trace.last_ir().map(|stage| stage.output.to_string());
    let lowered = trace.lowered.as_ref().map(ToString::to_string);
    let allocated = trace.allocated.as_ref().map(ToString::to_string);
    let code = trace.code.as_ref().map(|code| code.listing());
    let (before, after) = match ladder.rungs[at] {
        Rung::Lowering => (ir, lowered),
        Rung::Allocation => (lowered, allocated),
        _ => (allocated, code),
    };
    (blame.before, blame.after) = (before.unwrap_or_default(), after.unwrap_or_default());
}
