//! A mismatch, explained.
//!
//! In: two engines, the record that one left and the [`Mismatch`] that the other met. Out: a [`Verdict`]: the
//! first difference with both states, or the reason why the difference proves nothing.
//!
//! Both engines run again, twice: with every moment looked at deeply, to find the first difference and
//! not only the first that was sampled; then to that moment, to dump their states.

use super::{End, Mismatch, Record, Schedule, Select, end_roots, follow, record};
use crate::canon::{Plan, State};
use crate::dump::{Difference, Snapshot, traceback_lines};
use crate::engine::{Ending, Engine, EventSink, Leader, Next, Outcome, Program, Watcher};
use crate::event::{Clock, EventKind};
use crate::policy;
use crate::verdict::{Divergence, DivergenceKind, Reason, Verdict};
use plumb_jit::bytecode::Pc;
use plumb_jit::vm::Unspecified;
use std::rc::Rc;

/// Runs both engines again to the first difference and prints it.
pub(super) fn explain(
    program: &Rc<Program>,
    leader: &impl Leader,
    follower: &impl Engine,
    select: Select,
    led: &Rc<Record>,
    mismatch: Mismatch,
) -> Verdict {
    let limit = match mismatch {
        Mismatch::Moment(index) => index + 1,
        _ => usize::MAX,
    };
    let deep = record(program, leader, select, Schedule::Deep, limit);
    let (led, mismatch) = match follow(program, &deep, follower, select, Schedule::Deep, None) {
        Err(Ok(earlier @ Mismatch::Moment(_))) => (&deep, earlier),
        _ => (led, mismatch),
    };
    let whole = mismatch == Mismatch::End;
    let target = match mismatch {
        Mismatch::Moment(index) => Target::Moment(index),
        _ => Target::End { whole },
    };
    let left_state = snapshot_of_leader(program, leader, select, target);
    let right_target = match (mismatch, &led.end) {
        (Mismatch::Moment(index), _) => RightTarget::Clock(led.moments[index].clock),
        (Mismatch::RunsOn, End::Ended { total: Some(total), .. }) => {
            RightTarget::Clock(Clock(*total))
        }
        _ => RightTarget::End { whole },
    };
    let right_state = snapshot_of_follower(program, follower, select, right_target);
    let differences = left_state.differences(&right_state);
    let shown = [left_state.shown, right_state.shown];
    if let Some(reason) = excuse(select, shown, &differences) {
        return Verdict::Inconclusive(reason);
    }
    let (clock, event, before) = match mismatch {
        Mismatch::Moment(index) => (led.moments[index].clock, led.moments[index].kind, index),
        _ => {
            let total = match led.end {
                End::Ended { total, .. } => total.unwrap_or_default(),
                _ => 0,
            };
            (Clock(total), EventKind::End, led.moments.len())
        }
    };
    let agreed = before.checked_sub(1).map(|i| (led.moments[i].clock, led.moments[i].kind));
    Verdict::Diverge(Box::new(Divergence {
        kind: kind_of(mismatch, &differences),
        left: follower.kind().min(leader.kind()),
        right: follower.kind().max(leader.kind()),
        moment: before,
        clock,
        event,
        line: line_of(program, &left_state),
        agreed,
        left_state: if follower.kind() < leader.kind() {
            right_state.clone()
        } else {
            left_state.clone()
        },
        right_state: if follower.kind() < leader.kind() { left_state } else { right_state },
        differences: orient(differences, follower.kind() < leader.kind()),
    }))
}

/// Source line at which a dumped state stands.
fn line_of(program: &Program, state: &Snapshot) -> Option<u32> {
    let frame = state.frames.first()?.frame;
    let mut protos = Vec::new();
    program.proto.as_ref().ok()?.for_each(&mut |proto| protos.push(proto));
    protos.get(frame.function.proto.0 as usize)?.line(Pc(frame.pc))
}

/// Puts the more trusted engine on the left.
fn orient(mut differences: Vec<Difference>, swap: bool) -> Vec<Difference> {
    if swap {
        for difference in &mut differences {
            std::mem::swap(&mut difference.left, &mut difference.right);
        }
    }
    differences
}

fn kind_of(mismatch: Mismatch, differences: &[Difference]) -> DivergenceKind {
    match mismatch {
        Mismatch::RunsOn | Mismatch::EndsEarly => DivergenceKind::Length,
        Mismatch::Syntax => DivergenceKind::Syntax,
        Mismatch::Broken => DivergenceKind::Broken,
        Mismatch::Moment(_) | Mismatch::End => {
            let place = differences.first().map_or("", |d| d.place.as_str());
            match place {
                "output" => DivergenceKind::Output,
                "ending" => DivergenceKind::Result,
                _ if place.starts_with("traceback") => DivergenceKind::Traceback,
                _ if place.starts_with("root") => DivergenceKind::Result,
                _ if place.contains("register") => DivergenceKind::Register,
                _ if place.starts_with("frame") => DivergenceKind::Position,
                _ => DivergenceKind::Reachable,
            }
        }
    }
}

/// Differences that Lua leaves open, given what the program was shown before them.
pub(super) fn excuse(
    select: Select,
    shown: [Unspecified; 2],
    differences: &[Difference],
) -> Option<Reason> {
    let any = |test: &dyn Fn(&[u8]) -> bool| {
        differences.iter().any(|d| test(d.left.as_bytes()) || test(d.right.as_bytes()))
    };
    if any(&policy::is_unsupported) {
        return Some(Reason::Unsupported);
    }
    let was_shown = |what: fn(&Unspecified) -> bool| shown.iter().any(what);
    if was_shown(|shown| shown.address) {
        return Some(Reason::Address);
    }
    if was_shown(|shown| shown.order) {
        return Some(Reason::IterationOrder);
    }
    // The JIT and the interpreter have one seed.
    if select == Select::Defined && was_shown(|shown| shown.pivot) {
        return Some(Reason::RandomPivot);
    }
    was_shown(|shown| shown.collector).then_some(Reason::Collector)
}

fn dump<S: State>(program: &Program, select: Select, clock: Clock, state: &S) -> Snapshot {
    let plan = Plan { entries: 4096, ..Plan::REACHABLE };
    match select {
        Select::Live => Snapshot::of(clock, state, &program.masks.live(), &[], &plan),
        Select::Defined => Snapshot::of(clock, state, &program.masks.defined(), &[], &plan),
    }
}

/// `whole`: with globals and all that can be reached, as the end's digest has it.
fn end_dump<S: State>(
    program: &Program,
    state: &S,
    ending: &Ending<S::Value>,
    output: &[u8],
    whole: bool,
) -> Snapshot {
    let mut roots = end_roots(state, ending);
    let plan = if whole { Plan::COMPLETE } else { Plan::REACHABLE };
    if !whole {
        roots.pop();
    }
    let text = match ending {
        Ending::Failed { .. } => "ended with an error (root 0)".to_string(),
        Ending::Returned(values) => format!("returned {} values", values.len()),
        _ => "ended elsewhere".into(),
    };
    let traceback = match ending {
        Ending::Failed { traceback: Some(text), .. } => traceback_lines(text),
        _ => Vec::new(),
    };
    let dumped = Snapshot::of(Clock::default(), state, &program.masks.live(), &roots, &plan);
    Snapshot {
        output: policy::output(output).into_owned(),
        ending: Some(text),
        traceback,
        ..dumped
    }
}

#[derive(Clone, Copy)]
enum Target {
    Moment(usize),
    /// `whole`: with all that can be reached, when both engines ended.
    End {
        whole: bool,
    },
}

#[derive(Clone, Copy)]
enum RightTarget {
    Clock(Clock),
    End { whole: bool },
}

struct Dumper {
    program: Rc<Program>,
    select: Select,
    target: Target,
    seen: usize,
    snapshot: Option<Snapshot>,
}

impl EventSink for Dumper {
    fn event<S: State>(&mut self, clock: Clock, _: EventKind, state: &S) -> Next {
        let here = self.seen;
        self.seen += 1;
        match self.target {
            Target::Moment(index) if index == here => {
                self.snapshot = Some(dump(&self.program, self.select, clock, state));
                Next::Stop
            }
            _ => Next::Never,
        }
    }
    fn end<S: State>(&mut self, state: &S, ending: &Ending<S::Value>, output: &[u8]) {
        let whole = matches!(self.target, Target::End { whole: true });
        let dump = || end_dump(&self.program, state, ending, output, whole);
        self.snapshot.get_or_insert_with(dump);
    }
}

fn ended_without(outcome: &Outcome) -> Snapshot {
    let text = match &outcome.ending {
        Ending::NotLua(message) => format!("rejected: {}", policy::quote(message)),
        Ending::Limited(reason) => format!("limited: {reason}"),
        Ending::Broken(rule) => format!("broke a rule: {rule}"),
        Ending::Returned(_) | Ending::Failed { .. } | Ending::Stopped => "ended elsewhere".into(),
    };
    Snapshot { ending: Some(text), output: outcome.output.clone(), ..Snapshot::default() }
}

fn snapshot_of_leader(
    program: &Rc<Program>,
    leader: &impl Leader,
    select: Select,
    target: Target,
) -> Snapshot {
    let dumper = Dumper { program: program.clone(), select, target, seen: 0, snapshot: None };
    let (outcome, dumper) = leader.lead(program, dumper);
    dumper.snapshot.map_or_else(|| ended_without(&outcome), |s| with_clock(s, outcome.instructions))
}

fn snapshot_of_follower(
    program: &Rc<Program>,
    follower: &impl Engine,
    select: Select,
    target: RightTarget,
) -> Snapshot {
    struct Stop {
        clock: Option<Clock>,
        dumper: Dumper,
    }
    impl Watcher for Stop {
        fn first(&mut self) -> Option<Clock> {
            self.clock
        }
        fn at<S: State>(&mut self, clock: Clock, state: &S) -> Next {
            self.dumper.event(clock, EventKind::Checkpoint, state)
        }
        fn end<S: State>(&mut self, state: &S, ending: &Ending<S::Value>, output: &[u8]) {
            self.dumper.end(state, ending, output);
        }
    }
    let (clock, target) = match target {
        RightTarget::Clock(clock) => (Some(clock), Target::Moment(0)),
        RightTarget::End { whole } => (None, Target::End { whole }),
    };
    let dumper = Dumper { program: program.clone(), select, target, seen: 0, snapshot: None };
    let (outcome, stop) = follower.run(program, Stop { clock, dumper });
    let snapshot = stop.dumper.snapshot;
    snapshot.map_or_else(|| ended_without(&outcome), |s| with_clock(s, outcome.instructions))
}

/// A state at the end of a run carries the run's length where it is known.
fn with_clock(mut snapshot: Snapshot, total: Option<u64>) -> Snapshot {
    if let (Some(_), Some(total)) = (&snapshot.ending, total) {
        snapshot.clock = Clock(total);
    }
    snapshot
}
