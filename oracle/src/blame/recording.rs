//! What is wrong in a recording.
//!
//! In:  the configuration of the recorder's rung, what it showed, how it diverges.
//! Out: whether a guard, a value, a store or a snapshot is wrong, at which opcode or IR operation.
//!
//! Leaving is always legal: a guard that is told to leave although it holds must restore a state that
//! the interpreter has at that clock. So each guard of the run that went wrong is told to leave in turn,
//! and the first that shows a wrong state bounds the defect: it lies between the guard before and this
//! one. If the guards after it are right again, only this one's snapshot is wrong.

use super::interpreter::{At, path};
use super::ladder::Ladder;
use super::probe::Seen;
use super::{Blame, broken, name_of_broken};
use crate::event::{Clock, EventKind};
use crate::lockstep::{Select, first_difference};
use crate::ours::{Interpreter, Jit};
use crate::verdict::Divergence;
use plumb_jit::ir::trace::{Slot, Snapshot, SnapshotId, Trace, ValueId};
use plumb_jit::trace::config::{EarlyExit, JitConfig};

/// Guards that are told to leave; a longer trace is looked at in strides.
const MOST_GUARDS: usize = 150;

pub fn look(ladder: &Ladder, config: &JitConfig, seen: &Seen, blame: &mut Blame) {
    if let Some(text) = broken(&blame.found) {
        blame.rule = Some(name_of_broken(text));
        return;
    }
    let Some(run) = wrong_run(&blame.found, seen) else { return };
    let Some(ir) = seen.traces.get(run.trace).and_then(|t| t.last_ir()).map(|s| &s.output) else {
        return;
    };
    blame.after = ir.to_string();
    let guards = guards(ir);
    let look = |run: &Run, guard: ValueId| {
        let early_exit = Some(EarlyExit { entry: run.entry, guard });
        let jit = Jit::new(JitConfig { early_exit, ..config.clone() });
        first_difference(&ladder.program, &jit, &Interpreter, Select::Live, run.exit_moment + 1)
    };
    let stride = guards.len().div_ceil(MOST_GUARDS).max(1);
    let looks: Vec<usize> = (0..guards.len()).step_by(stride).collect();
    let mut before = None;
    for (number, &index) in looks.iter().enumerate() {
        let (at, snapshot) = guards[index];
        let Some(found) = look(&run, at) else {
            before = Some((at, snapshot));
            continue;
        };
        let next = looks[number + 1..].iter().map(|&i| guards[i]).find(|(_, s)| *s != snapshot);
        // Where this guard fails by itself nothing comes after it; the run before went further.
        let heals = |run: &Run| next.is_some_and(|(next, _)| look(run, next).is_none());
        let healed = heals(&run)
            || run.previous(seen).is_some_and(|run| look(&run, at).is_some() && heals(&run));
        let wrong = Wrong { ir, before, snapshot, found: &found, clock: run.clock };
        if healed {
            wrong.snapshot(blame)
        } else {
            wrong.recording(ladder, blame)
        }
        return;
    }
    let wrong =
        Wrong { ir, before, snapshot: ir.end, found: &blame.found.clone(), clock: run.clock };
    wrong.recording(ladder, blame);
}

/// The run of a trace that went wrong.
struct Run {
    /// Number of the entry.
    entry: u64,
    trace: usize,
    /// Index of the event at which it is left.
    exit_moment: usize,
    /// The clock at which it was entered.
    clock: u64,
}

impl Run {
    /// The run of the same trace before this one.
    fn previous(&self, seen: &Seen) -> Option<Run> {
        let events = seen.events.get(..self.exit_moment.checked_sub(1)?)?;
        let run = last_run(events)?;
        (run.trace == self.trace).then_some(run)
    }
}

/// The last run before the difference. What an entry shows, the run before it has left.
fn wrong_run(found: &Divergence, seen: &Seen) -> Option<Run> {
    let end = match found.event {
        EventKind::TraceExit(..) => found.moment + 1,
        _ => found.moment,
    };
    last_run(seen.events.get(..end.min(seen.events.len()))?)
}

fn last_run(events: &[(Clock, EventKind)]) -> Option<Run> {
    let is_entry = |kind: &EventKind| matches!(kind, EventKind::TraceEntry(_));
    let at = events.iter().rposition(|(_, kind)| is_entry(kind))?;
    let entry = events[..at].iter().filter(|(_, kind)| is_entry(kind)).count() as u64;
    let (clock, EventKind::TraceEntry(trace)) = events[at] else { return None };
    Some(Run { entry, trace: trace.0 as usize, exit_moment: at + 1, clock: clock.0 })
}

/// Each guard, and its snapshot.
fn guards(ir: &Trace) -> Vec<(ValueId, SnapshotId)> {
    ir.iter().filter_map(|(id, inst)| Some((id, inst.snapshot?))).collect()
}

/// A snapshot whose state is wrong.
struct Wrong<'a> {
    ir: &'a Trace,
    /// The last guard that was right.
    before: Option<(ValueId, SnapshotId)>,
    snapshot: SnapshotId,
    found: &'a Divergence,
    clock: u64,
}

impl Wrong<'_> {
    /// Only this snapshot is wrong.
    fn snapshot(&self, blame: &mut Blame) {
        let snapshot = self.ir.snapshot(self.snapshot);
        blame.rule = Some(
            match self.register() {
                _ if self.is_elsewhere() && snapshot.frames.is_empty() => "snapshot position",
                _ if self.is_elsewhere() => "snapshot frames",
                Some((register, _)) if self.value_in(snapshot, register).is_none() => {
                    "snapshot entry missing"
                }
                Some(_) => "snapshot entry wrong",
                None => "snapshot",
            }
            .into(),
        );
    }

    /// What was recorded since the guard before is wrong.
    fn recording(&self, ladder: &Ladder, blame: &mut Blame) {
        let clock_of = |id: SnapshotId| self.clock + u64::from(self.ir.snapshot(id).clock);
        let from = self.before.map_or(self.clock, |(_, id)| clock_of(id));
        let to = clock_of(self.snapshot).max(from + 1);
        let path = path(&ladder.program, &Interpreter, from, to);
        let opcode = |at: Option<&At>| at.map(|at| at.opcode.to_string());
        if self.is_elsewhere() {
            blame.rule = Some("guard".into());
            blame.op = opcode(path.iter().find(|at| at.is_branch));
            return;
        }
        let Some((register, value)) = self.register() else {
            blame.rule = Some("store".into());
            blame.op = opcode(path.iter().rfind(|at| at.stores));
            return;
        };
        let Some(value) = value else {
            blame.rule = Some("snapshot entry missing".into());
            return;
        };
        blame.rule = Some(format!("value {}", self.ir.inst(value).op.text()));
        blame.op = opcode(path.iter().rfind(|at| at.writes == Some(register)));
    }

    /// Whether the states differ in where they stand.
    fn is_elsewhere(&self) -> bool {
        let place = self.found.differences.first().map_or("", |d| d.place.as_str());
        place.starts_with("frame") && !place.contains("register")
    }

    /// The first register of the running frame that differs, and what the snapshot says of it.
    fn register(&self) -> Option<(u8, Option<ValueId>)> {
        let registers = self.found.differences.iter().filter_map(|difference| {
            let rest = difference.place.strip_prefix("frame 0, register ")?;
            rest.split(' ').next()?.parse().ok()
        });
        let snapshot = self.ir.snapshot(self.snapshot);
        // Of several, the one whose value was computed first: the others may follow from it.
        registers
            .map(|register: u8| (register, self.value_in(snapshot, register)))
            .min_by_key(|(register, value)| (value.map_or(u32::MAX, |id| id.0), *register))
    }

    fn value_in(&self, snapshot: &Snapshot, register: u8) -> Option<ValueId> {
        let base = snapshot.frames.last().map_or(0, |frame| frame.base);
        let slot = base + Slot::from(register);
        snapshot.slots.iter().find(|(s, _)| *s == slot).map(|&(_, id)| id)
    }
}
