//! Several engines, one program: the first difference.
//!
//! In: a [`Program`], an engine that leads (the JIT, at its trace entries, exits, links and stitched calls; or any engine at
//! pseudo-random clocks) and engines that follow. Out: a [`Verdict`].
//!
//! A run streams. The leader leaves a [`Record`]: a digest for each moment, and one of the end. A follower
//! is driven to the same clocks and must show the same digests; it may write a record of its own on the
//! way, for the next follower. Only on a mismatch are both engines run again, by [`explain`].
//!
//! What a digest covers depends on the pair ([`Select`]) and on the moment's number ([`Schedule`]): every
//! moment covers registers, some also what the registers reach.
//!
//! The end covers results or the error with its traceback, output, globals and all that they reach.
//!
//! The length of a run is compared too: the follower must execute the leader's last instruction and no
//! further one. Fuel is measured by the common clock, so an engine that ends where another exhausts its
//! fuel has diverged.
#![forbid(unsafe_code)]

mod explain;

use crate::canon::{self, Plan, State};
use crate::digest::{Digest, DigestSink};
use crate::engine::{
    Ending, Engine, EventSink, Leader, Next, Outcome, Program, RandomClocks, Watcher,
};
use crate::event::{Clock, EventKind};
use crate::policy;
use crate::verdict::{Compared, Divergence, Reason, Verdict};
use explain::explain;
use std::rc::Rc;

/// Which registers a pair of engines compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// Live ones in all frames: between the JIT and the interpreter.
    Live,
    /// Defined ones in all frames: between the interpreter and the reference.
    Defined,
}

/// How deep each moment is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Schedule {
    /// Deeply at the first moments, then a few times for each doubling of their number: a deep look costs
    /// some hundred times a shallow one.
    Sampled,
    /// Deeply at the first [`THOROUGH`] moments, then as [`Schedule::Sampled`].
    Thorough,
    /// Deeply at every moment.
    Deep,
}

/// Moments that a thorough comparison looks at deeply, one by one.
const THOROUGH: usize = 256;

/// Moments recorded before only one in [`THIN`] is kept.
const FULL_RECORD: usize = 1 << 22;
/// Odd, so that both entries and exits are kept.
const THIN: usize = 61;

impl Schedule {
    /// What the bounds of a run ask for.
    fn of(program: &Program) -> Schedule {
        if program.options.thorough { Schedule::Deep } else { Schedule::Sampled }
    }

    fn plan(self, select: Select, moment: usize) -> Plan {
        // The JIT is the suspect; what the interpreter does to tables it does at every end, too.
        let often = match select {
            Select::Live => 8,
            Select::Defined => 4,
        };
        let stride = (moment.next_power_of_two() / (2 * often)).max(1);
        let each = match self {
            Schedule::Sampled => often,
            Schedule::Thorough => THOROUGH,
            Schedule::Deep => usize::MAX,
        };
        let deep = moment < each || moment.is_multiple_of(stride);
        let plan = if deep { Plan::REACHABLE } else { Plan::REGISTERS };
        Plan { window: moment, ..plan }
    }
}

/// One moment of a record.
#[derive(Clone, Copy, Debug)]
struct Moment {
    clock: Clock,
    kind: EventKind,
    digest: Digest,
}

/// How a recorded run ended.
#[derive(Clone, Debug, PartialEq)]
enum End {
    /// With results or an error, whose digest this is. The total is known for engines that count.
    Ended {
        digest: Digest,
        total: Option<u64>,
        /// With an error.
        failed: bool,
    },
    NotLua(Vec<u8>),
    Limited(Reason),
    Broken,
}

/// What a run showed.
struct Record {
    moments: Vec<Moment>,
    end: End,
}

/// Digests of a state under a selection.
fn look<S: State>(program: &Program, select: Select, plan: &Plan, state: &S) -> (Digest, u64) {
    match select {
        Select::Live => canon::digest(state, &program.masks.live(), &[], plan),
        Select::Defined => canon::digest(state, &program.masks.defined(), &[], plan),
    }
}

/// What is compared at the end: results or error, globals, all they reach.
fn end_roots<S: State>(state: &S, ending: &Ending<S::Value>) -> Vec<S::Value> {
    let mut roots = match ending {
        Ending::Returned(values) => values.clone(),
        Ending::Failed { error, .. } => vec![*error],
        _ => Vec::new(),
    };
    roots.push(state.globals());
    roots
}

/// Only suspended coroutines have registers at the end: those that are live.
fn end_digest<S: State>(
    program: &Program,
    state: &S,
    ending: &Ending<S::Value>,
    output: &[u8],
) -> Digest {
    let mut sink = DigestSink::new(true);
    match ending {
        Ending::Failed { traceback, .. } => {
            sink.bytes(b"failed");
            sink.bytes(&policy::string(traceback.as_deref().unwrap_or_default()));
        }
        _ => sink.bytes(b"returned"),
    }
    sink.bytes(&policy::output(output));
    let roots = end_roots(state, ending);
    canon::walk(state, &program.masks.live(), &roots, &Plan::COMPLETE, &mut sink);
    sink.finish()
}

/// Writes a record of a leading run.
struct Recorder {
    program: Rc<Program>,
    select: Select,
    schedule: Schedule,
    /// Stop after this many moments.
    limit: usize,
    moments: Vec<Moment>,
    /// Events so far, recorded or not.
    events: usize,
    end: Option<Digest>,
}

impl EventSink for Recorder {
    fn event<S: State>(&mut self, clock: Clock, kind: EventKind, state: &S) -> Next {
        self.events += 1;
        if self.events > FULL_RECORD && !self.events.is_multiple_of(THIN) {
            return Next::Never;
        }
        let plan = self.schedule.plan(self.select, self.moments.len());
        let (digest, _) = look(&self.program, self.select, &plan, state);
        self.moments.push(Moment { clock, kind, digest });
        if self.moments.len() >= self.limit { Next::Stop } else { Next::Never }
    }

    fn end<S: State>(&mut self, state: &S, ending: &Ending<S::Value>, output: &[u8]) {
        self.end = Some(end_digest(&self.program, state, ending, output));
    }
}

fn end_of(outcome: &Outcome, digest: Option<Digest>) -> End {
    match &outcome.ending {
        Ending::NotLua(message) => End::NotLua(message.clone()),
        Ending::Limited(reason) => End::Limited(*reason),
        // A stopped run is cut on purpose; nothing is compared beyond its last moment.
        Ending::Stopped => End::Limited(Reason::Fuel),
        Ending::Broken(_) => End::Broken,
        Ending::Returned(_) | Ending::Failed { .. } => {
            let digest = digest.expect("an engine that ends normally shows its end");
            let failed = matches!(outcome.ending, Ending::Failed { .. });
            End::Ended { digest, total: outcome.instructions, failed }
        }
    }
}

/// Where two runs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mismatch {
    /// At this moment of the record.
    Moment(usize),
    /// Results, error, traceback, globals or output.
    End,
    /// The follower executes instructions after the leader's last.
    RunsOn,
    /// The follower ends before the leader does.
    EndsEarly,
    Syntax,
    /// An engine caught itself breaking a rule.
    Broken,
}

/// Follows a record, and writes one of its own under another selection.
struct Follower {
    program: Rc<Program>,
    record: Rc<Record>,
    select: Select,
    schedule: Schedule,
    next: usize,
    /// Whether the leader's last instruction was reached.
    saw_last: bool,
    mismatch: Option<Mismatch>,
    registers: u64,
    also: Option<Select>,
    moments: Vec<Moment>,
    end: Option<Digest>,
}

impl Follower {
    fn new(program: &Rc<Program>, record: &Rc<Record>, select: Select, schedule: Schedule) -> Self {
        Follower {
            program: program.clone(),
            record: record.clone(),
            select,
            schedule,
            next: 0,
            saw_last: false,
            mismatch: None,
            registers: 0,
            also: None,
            moments: Vec::new(),
            end: None,
        }
    }

    fn total(&self) -> Option<u64> {
        match self.record.end {
            End::Ended { total, .. } => total,
            _ => None,
        }
    }

    /// The stop after `clock` (or the first one): the next moment, then around the end.
    fn stop_after(&self, clock: Option<Clock>) -> Option<Clock> {
        if let Some(moment) = self.record.moments.get(self.next) {
            return Some(moment.clock);
        }
        let total = self.total()?;
        let later = |c: &u64| clock.is_none_or(|clock| *c > clock.0);
        [total.saturating_sub(1), total].into_iter().find(later).map(Clock)
    }

    fn differs(&mut self, mismatch: Mismatch) -> Next {
        self.mismatch.get_or_insert(mismatch);
        Next::Stop
    }
}

impl Watcher for Follower {
    fn first(&mut self) -> Option<Clock> {
        self.stop_after(None)
    }

    fn at<S: State>(&mut self, clock: Clock, state: &S) -> Next {
        if let Some(total) = self.total() {
            if clock.0 >= total {
                return self.differs(Mismatch::RunsOn);
            }
            self.saw_last |= clock.0 + 1 == total;
        }
        while let Some(moment) = self.record.moments.get(self.next).filter(|m| m.clock == clock) {
            let plan = self.schedule.plan(self.select, self.next);
            let (digest, registers) = look(&self.program, self.select, &plan, state);
            self.registers += registers;
            if digest != moment.digest {
                return self.differs(Mismatch::Moment(self.next));
            }
            if let Some(also) = self.also {
                let plan = self.schedule.plan(also, self.next);
                let (digest, _) = look(&self.program, also, &plan, state);
                self.moments.push(Moment { digest, ..*moment });
            }
            self.next += 1;
        }
        self.stop_after(Some(clock)).into()
    }

    fn end<S: State>(&mut self, state: &S, ending: &Ending<S::Value>, output: &[u8]) {
        let digest = end_digest(&self.program, state, ending, output);
        self.end = Some(digest);
        let (expected, total) = match self.record.end {
            End::Ended { digest, total, .. } => (digest, total),
            // The leader exhausted its fuel; other endings are told apart by `follow`.
            End::Limited(_) => {
                self.differs(Mismatch::EndsEarly);
                return;
            }
            End::NotLua(_) | End::Broken => return,
        };
        if self.next < self.record.moments.len() || total.is_some() && !self.saw_last {
            self.differs(Mismatch::EndsEarly);
        } else if digest != expected {
            self.differs(Mismatch::End);
        }
    }
}

/// An engine that leads by being driven to given moments.
struct Listed<'e, E> {
    engine: &'e E,
    record: Rc<Record>,
}

struct ListedWatcher<S> {
    record: Rc<Record>,
    next: usize,
    sink: S,
}

impl<E: Engine> Leader for Listed<'_, E> {
    fn kind(&self) -> crate::verdict::Engine {
        self.engine.kind()
    }
    fn lead<S: EventSink>(&self, program: &Program, sink: S) -> (Outcome, S) {
        let watcher = ListedWatcher { record: self.record.clone(), next: 0, sink };
        let (outcome, watcher) = self.engine.run(program, watcher);
        (outcome, watcher.sink)
    }
}

impl<S: EventSink> Watcher for ListedWatcher<S> {
    fn first(&mut self) -> Option<Clock> {
        self.record.moments.first().map(|m| m.clock)
    }
    fn at<T: State>(&mut self, clock: Clock, state: &T) -> Next {
        while let Some(moment) = self.record.moments.get(self.next).filter(|m| m.clock == clock) {
            self.next += 1;
            if self.sink.event(clock, moment.kind, state) == Next::Stop {
                return Next::Stop;
            }
        }
        self.record.moments.get(self.next).map(|m| m.clock).into()
    }
    fn end<T: State>(&mut self, state: &T, ending: &Ending<T::Value>, output: &[u8]) {
        self.sink.end(state, ending, output);
    }
}

fn record(
    program: &Rc<Program>,
    leader: &impl Leader,
    select: Select,
    schedule: Schedule,
    limit: usize,
) -> Rc<Record> {
    let recorder = Recorder {
        program: program.clone(),
        select,
        schedule,
        limit,
        moments: Vec::new(),
        events: 0,
        end: None,
    };
    let (outcome, recorder) = leader.lead(program, recorder);
    let end = end_of(&outcome, recorder.end);
    Rc::new(Record { moments: recorder.moments, end })
}

/// What following a record came to, when nothing differed.
struct Followed {
    record: Rc<Record>,
    registers: u64,
}

/// Drives a follower along a record.
fn follow(
    program: &Rc<Program>,
    record: &Rc<Record>,
    engine: &impl Engine,
    select: Select,
    schedule: Schedule,
    also: Option<Select>,
) -> Result<Followed, Result<Mismatch, Reason>> {
    let follower = Follower { also, ..Follower::new(program, record, select, schedule) };
    let (outcome, follower) = engine.run(program, follower);
    if let Some(mismatch) = follower.mismatch {
        return Err(Ok(mismatch));
    }
    match (&record.end, &outcome.ending) {
        (End::Broken, _) | (_, Ending::Broken(_)) => return Err(Ok(Mismatch::Broken)),
        (End::NotLua(a), Ending::NotLua(b)) if a == b => return Err(Err(Reason::NotLua)),
        (End::NotLua(_), _) | (_, Ending::NotLua(_)) => return Err(Ok(Mismatch::Syntax)),
        (_, Ending::Limited(Reason::Fuel)) if matches!(record.end, End::Ended { .. }) => {
            return Err(Ok(Mismatch::RunsOn));
        }
        (_, Ending::Limited(reason)) | (End::Limited(reason), _) => return Err(Err(*reason)),
        (End::Ended { .. }, _) => {}
    }
    let end = end_of(&outcome, follower.end);
    let own = Record { moments: follower.moments, end };
    Ok(Followed { record: Rc::new(own), registers: follower.registers })
}

/// Compares one leader with one follower.
pub fn two_way(
    program: &Rc<Program>,
    leader: &impl Leader,
    follower: &impl Engine,
    select: Select,
) -> Verdict {
    compare(program, leader, follower, select, Schedule::of(program))
}

/// The same with a deep look at each of the first moments, so that what an event leaves behind registers
/// shows at that event.
pub fn two_way_thoroughly(
    program: &Rc<Program>,
    leader: &impl Leader,
    follower: &impl Engine,
    select: Select,
) -> Verdict {
    compare(program, leader, follower, select, Schedule::Thorough)
}

fn compare(
    program: &Rc<Program>,
    leader: &impl Leader,
    follower: &impl Engine,
    select: Select,
    schedule: Schedule,
) -> Verdict {
    let led = record(program, leader, select, schedule, usize::MAX);
    if let Some(verdict) = hopeless(&led) {
        return verdict;
    }
    match follow(program, &led, follower, select, schedule, None) {
        Ok(followed) => Verdict::Agree(compared(&led, leader.traces(), followed.registers)),
        Err(Err(reason)) => Verdict::Inconclusive(reason),
        Err(Ok(mismatch)) => explain(program, leader, follower, select, &led, mismatch),
    }
}

/// Compares the JIT with the interpreter and the interpreter with the reference, at the JIT's moments; where
/// it has entered no trace, the latter two at pseudo-random clocks too.
pub fn three_way(
    program: &Rc<Program>,
    jit: &impl Leader,
    interpreter: &impl Engine,
    reference: &impl Engine,
) -> Verdict {
    let schedule = Schedule::of(program);
    let led = record(program, jit, Select::Live, schedule, usize::MAX);
    if let Some(verdict) = hopeless(&led) {
        return verdict;
    }
    let also = Some(Select::Defined);
    let first = match follow(program, &led, interpreter, Select::Live, schedule, also) {
        Ok(followed) => followed,
        Err(Err(reason)) => return Verdict::Inconclusive(reason),
        Err(Ok(mismatch)) => {
            return explain(program, jit, interpreter, Select::Live, &led, mismatch);
        }
    };
    // What remains without moments, the end, is compared below.
    if !led.moments.is_empty() {
        let record = &first.record;
        match follow(program, record, reference, Select::Defined, schedule, None) {
            Ok(second) => {
                let all = compared(&led, jit.traces(), first.registers + second.registers);
                if all.trace_entries > 0 {
                    return Verdict::Agree(all);
                }
            }
            Err(Err(reason)) => return Verdict::Inconclusive(reason),
            Err(Ok(mismatch)) => {
                let leader = Listed { engine: interpreter, record: record.clone() };
                return explain(program, &leader, reference, Select::Defined, record, mismatch);
            }
        }
    }
    let leader = RandomClocks { engine: interpreter, seed: program.source.len() as u64 };
    two_way(program, &leader, reference, Select::Defined)
}

/// The first difference among the leader's first `moments` moments, each looked at deeply.
pub fn first_difference(
    program: &Rc<Program>,
    leader: &impl Leader,
    follower: &impl Engine,
    select: Select,
    moments: usize,
) -> Option<Box<Divergence>> {
    let led = record(program, leader, select, Schedule::Deep, moments);
    match follow(program, &led, follower, select, Schedule::Deep, None) {
        Err(Ok(mismatch @ Mismatch::Moment(_))) => {
            match explain(program, leader, follower, select, &led, mismatch) {
                Verdict::Diverge(found) => Some(found),
                Verdict::Agree(_) | Verdict::Inconclusive(_) => None,
            }
        }
        _ => None,
    }
}

/// The comparison with the JIT left out, at the moments of `leader`, which drives `interpreter`: with
/// `interpreter` again, with `collecting` (the interpreter under garbage collections), and with the
/// reference. Whatever differs is a false alarm, or a defect of the interpreter.
pub fn without_jit(
    program: &Rc<Program>,
    leader: &impl Leader,
    interpreter: &impl Engine,
    collecting: &impl Engine,
    reference: &impl Engine,
) -> Verdict {
    let schedule = Schedule::of(program);
    let led = record(program, leader, Select::Defined, schedule, usize::MAX);
    if let Some(verdict) = hopeless(&led) {
        return verdict;
    }
    let mut registers = 0;
    // A collection may take what dead registers hold.
    let also = Some(Select::Live);
    let again = match follow(program, &led, interpreter, Select::Defined, schedule, also) {
        Ok(followed) => followed,
        Err(Err(reason)) => return Verdict::Inconclusive(reason),
        Err(Ok(mismatch)) => {
            return explain(program, leader, interpreter, Select::Defined, &led, mismatch);
        }
    };
    registers += again.registers;
    match follow(program, &again.record, collecting, Select::Live, schedule, None) {
        Ok(followed) => registers += followed.registers,
        Err(Err(reason)) => return Verdict::Inconclusive(reason),
        Err(Ok(mismatch)) => {
            let leader = Listed { engine: interpreter, record: again.record.clone() };
            return explain(program, &leader, collecting, Select::Live, &again.record, mismatch);
        }
    }
    match follow(program, &led, reference, Select::Defined, schedule, None) {
        Ok(followed) => Verdict::Agree(compared(&led, 0, registers + followed.registers)),
        Err(Err(reason)) => Verdict::Inconclusive(reason),
        Err(Ok(mismatch)) => explain(program, leader, reference, Select::Defined, &led, mismatch),
    }
}

/// A leader that ran out of anything but fuel has nothing to follow.
fn hopeless(record: &Record) -> Option<Verdict> {
    match record.end {
        End::Limited(reason) if reason != Reason::Fuel => Some(Verdict::Inconclusive(reason)),
        _ => None,
    }
}

fn compared(record: &Record, traces: u64, registers: u64) -> Compared {
    let mut compared = Compared { traces, registers, ..Compared::default() };
    if let End::Ended { total, failed, .. } = record.end {
        compared.instructions = total.unwrap_or_default();
        compared.failed = failed;
    }
    for moment in &record.moments {
        match moment.kind {
            EventKind::TraceEntry(_) => compared.trace_entries += 1,
            EventKind::TraceExit(..) => compared.trace_exits += 1,
            EventKind::Link(..) => compared.links += 1,
            EventKind::Stitch(..) => compared.stitches += 1,
            EventKind::Switch => compared.switches += 1,
            EventKind::Checkpoint | EventKind::End => compared.checkpoints += 1,
        }
    }
    compared
}

#[cfg(test)]
mod tests;
