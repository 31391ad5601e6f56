//! What is wrong in an allocation, followed symbolically.
//!
//! In:  machine-level IR before and after allocation.
//! Out: who first reads a location that does not hold the value that is meant, where that value is
//!      instead, and what was written over it.
//!
//! The body is followed twice: as after the entry, and as after the back edge.
//!
//! Invariants: who happens to read a wrong location first differs from program to program; where the value
//! went is the defect's own. So the rule names the latter only.

use plumb_jit::backend::alloc::{Allocated, SCRATCH_FPR, SCRATCH_GPR, Step, survives_call};
use plumb_jit::backend::mach::{Block, Inst, Line, Loc, MachTrace, Role, Virtual};
use std::collections::{BTreeMap, BTreeSet};

/// A location that can be sorted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Place {
    X(u8),
    D(u8),
    Spill(u32),
}

fn place(loc: Loc) -> Place {
    match loc {
        Loc::X(n) => Place::X(n),
        Loc::D(n) => Place::D(n),
        Loc::Spill(n) => Place::Spill(n),
    }
}

impl Place {
    fn is_spill(self) -> bool {
        matches!(self, Place::Spill(_))
    }
    fn name(self) -> &'static str {
        match self {
            Place::X(SCRATCH_GPR) | Place::D(SCRATCH_FPR) => "the scratch register",
            Place::Spill(_) => "a spill slot",
            Place::X(_) | Place::D(_) => "a register",
        }
    }
}

/// The locations up to one point of a trace.
#[derive(Default)]
struct Followed {
    /// What each location holds: several virtual registers may have one value.
    held: BTreeMap<Place, BTreeSet<u32>>,
    /// How each location was written, in order.
    wrote: BTreeMap<Place, Vec<Write>>,
    /// When each value was made.
    made: BTreeMap<u32, usize>,
    /// Moved to, and not read yet.
    unread: BTreeSet<Place>,
    /// Steps so far.
    now: usize,
    /// Instructions so far: moves between two of them are one group, as if done at once.
    group: usize,
    /// A move of nothing, which no one may ever read.
    empty_move: Option<Wrong>,
}

#[derive(Clone)]
struct Write {
    at: usize,
    group: usize,
    by: &'static str,
    /// Where a move took it from.
    from: Option<Place>,
    values: BTreeSet<u32>,
}

/// The rule, and who reads what.
type Wrong = (Option<String>, String);

pub fn wrong_place(lowered: &MachTrace, allocated: &Allocated) -> Option<Wrong> {
    let mut at = Followed::default();
    if let Some(wrong) = at.follow(&lowered.entry, &allocated.entry) {
        return Some(wrong);
    }
    let (Some(block), Some(steps)) = (&lowered.body, &allocated.body) else {
        return at.empty_move;
    };
    at.jump(&lowered.entry, block);
    if let Some(wrong) = at.follow(block, steps) {
        return Some(wrong);
    }
    at.jump(block, block);
    at.follow(block, steps).or(at.empty_move)
}

impl Followed {
    fn write(&mut self, to: Place, values: BTreeSet<u32>, by: &'static str, from: Option<Place>) {
        self.held.insert(to, values.clone());
        let write = Write { at: self.now, group: self.group, by, from, values };
        self.wrote.entry(to).or_default().push(write);
        match from {
            Some(_) => self.unread.insert(to),
            None => self.unread.remove(&to),
        };
    }

    /// The parameters of a block are where its arguments were.
    fn jump(&mut self, from: &Block, to: &Block) {
        let params: Vec<(u32, u32)> =
            to.params.iter().zip(&from.jump_args).map(|(p, a)| (p.index, a.index)).collect();
        let written = self.wrote.values_mut().flatten().map(|write| &mut write.values);
        for values in self.held.values_mut().chain(written) {
            let is_param = |value: &u32| params.iter().any(|(param, _)| param == value);
            let mut next: BTreeSet<u32> =
                values.iter().copied().filter(|value| !is_param(value)).collect();
            let arrived = params.iter().filter(|(_, arg)| values.contains(arg));
            next.extend(arrived.map(|(param, _)| *param));
            *values = next;
        }
        let made = |value: &u32| self.made.get(value).copied().unwrap_or_default();
        let made: Vec<(u32, usize)> =
            params.iter().map(|(param, arg)| (*param, made(arg))).collect();
        self.made.extend(made);
    }

    fn follow(&mut self, block: &Block, steps: &[Step]) -> Option<Wrong> {
        let mut lines = block.lines.iter();
        for (index, step) in steps.iter().enumerate() {
            self.now += 1;
            let (line, inst) = match step {
                Step::Move { from, to } => {
                    self.move_value(place(*from), place(*to));
                    continue;
                }
                Step::Inst { inst, .. } => (lines.next()?, inst),
            };
            self.group += 1;
            let pairs = pairs_of(&line.inst, inst);
            for pair in pairs.iter().filter(|pair| !pair.defines()) {
                let late = pair.role == Role::UseAnyLate;
                let is_written = late && line.inst.written() == Some(pair.meant);
                if !self.holds(pair.at, pair.meant) && !is_written {
                    let ahead = pair.is_exit().then(|| (lines.as_slice(), &steps[index + 1..]));
                    let is_wanted =
                        ahead.is_some_and(|ahead| self.is_wanted(pair.at, &pairs, ahead));
                    let rule = self.rule(pair, &pairs, is_wanted);
                    return Some((Some(rule), self.reader(pair, &line.inst)));
                }
            }
            pairs.iter().for_each(|pair| _ = self.unread.remove(&pair.at));
            if matches!(line.inst, Inst::Call { .. }) {
                self.call();
            }
            for pair in pairs.iter().filter(|pair| pair.defines()) {
                let value = pair.meant.index;
                self.held.values_mut().for_each(|values| _ = values.remove(&value));
                self.made.insert(value, self.now);
                self.write(pair.at, BTreeSet::from([value]), "an instruction", None);
            }
        }
        None
    }

    /// Whether what is in a place now is what another reader of it expects, now or ahead: then it was
    /// brought there on purpose. Exits that expect something else say nothing, they may be wrong too.
    fn is_wanted(&self, at: Place, now: &[Pair], (lines, steps): (&[Line], &[Step])) -> bool {
        let expected = |pair: &Pair| (self.holds(at, pair.meant), pair.is_exit());
        let verdict = |pairs: &[Pair]| {
            let readers = pairs.iter().filter(|pair| pair.at == at && !pair.defines());
            readers.map(expected).find(|&(holds, is_exit)| holds || !is_exit)
        };
        if let Some((holds, _)) = verdict(now) {
            return holds;
        }
        let mut lines = lines.iter();
        for step in steps {
            let inst = match step {
                Step::Move { from, to } => {
                    // A move of it to somewhere else is not followed.
                    if place(*from) == at || place(*to) == at {
                        return false;
                    }
                    continue;
                }
                Step::Inst { inst, .. } => inst,
            };
            let Some(line) = lines.next() else { return false };
            let pairs = pairs_of(&line.inst, inst);
            if let Some((holds, _)) = verdict(&pairs) {
                return holds;
            }
            if pairs.iter().any(|pair| pair.at == at && pair.defines()) {
                return false;
            }
        }
        false
    }

    fn move_value(&mut self, from: Place, to: Place) {
        let values = self.held.get(&from).cloned().unwrap_or_default();
        if values.is_empty() && self.empty_move.is_none() {
            let wrong = |rule| (Some(rule), "a move finds nothing".to_string());
            self.empty_move = self.empty_move_rule(from, to).map(wrong);
        }
        self.unread.remove(&from);
        let by = if from.is_spill() { "a reload" } else { "a move" };
        self.write(to, values, by, Some(from));
    }

    fn call(&mut self) {
        let clobbered = |place: &Place| match *place {
            Place::X(n) => !survives_call(&Loc::X(n)),
            Place::D(n) => !survives_call(&Loc::D(n)),
            Place::Spill(_) => false,
        };
        let places: Vec<Place> = self.held.keys().copied().filter(clobbered).collect();
        for place in places {
            self.write(place, BTreeSet::new(), "a call", None);
        }
    }

    fn holds(&self, at: Place, meant: Virtual) -> bool {
        self.held.get(&at).is_some_and(|values| values.contains(&meant.index))
    }

    /// How a place was written since a value was made, before step `end`.
    fn writes(&self, at: Place, value: u32, end: usize) -> impl DoubleEndedIterator<Item = &Write> {
        let since = self.made.get(&value).copied().unwrap_or_default();
        let writes = self.wrote.get(&at).map_or(&[][..], Vec::as_slice);
        writes.iter().filter(move |write| (since..end).contains(&write.at))
    }

    fn ever_held(&self, at: Place, value: u32) -> bool {
        self.writes(at, value, usize::MAX).any(|write| write.values.contains(&value))
    }

    /// What was written over a value in a place, before step `end`.
    fn lost(&self, at: Place, value: u32, end: usize) -> Option<&Write> {
        let mut after = None;
        for write in self.writes(at, value, end).rev() {
            if write.values.contains(&value) {
                return after;
            }
            after = Some(write);
        }
        None
    }

    /// What became of the value. `is_wanted`: what is in its place belongs there.
    fn rule(&self, pair: &Pair, pairs: &[Pair], is_wanted: bool) -> String {
        let swapped = |other: &&Pair| {
            self.holds(other.at, pair.meant)
                && self.holds(pair.at, other.meant)
                && other.at != pair.at
        };
        if pairs.iter().any(|other| swapped(&other)) {
            return "two values in each other's place".into();
        }
        let value = pair.meant.index;
        let is_held = self.held.values().any(|values| values.contains(&value));
        let was_there = self.ever_held(pair.at, value);
        if self.unread.contains(&pair.at)
            && !is_wanted
            && let Some(rule) = self.moved(value, pair.at, usize::MAX)
        {
            return rule;
        }
        if pair.is_exit() && was_there && self.is_spilled(value) {
            return "an exit reads where it was before it was spilled".into();
        }
        if is_held || !was_there {
            return "not moved there".into();
        }
        let by = self.wrote.get(&pair.at).and_then(|writes| writes.last());
        let by = by.map_or("nothing", |write| write.by);
        format!("overwritten by {by} in {}", pair.at.name())
    }

    fn is_spilled(&self, value: u32) -> bool {
        self.held.iter().any(|(place, held)| place.is_spill() && held.contains(&value))
    }

    /// Why the last move to a place before step `end` did not bring the value.
    fn moved(&self, value: u32, to: Place, end: usize) -> Option<String> {
        let write = self.writes(to, value, end).next_back()?;
        let from = write.from?;
        let scratch = [Place::X(SCRATCH_GPR), Place::D(SCRATCH_FPR)];
        if !scratch.contains(&from) && scratch.iter().any(|&at| self.ever_held(at, value)) {
            return Some("it was saved in the scratch register".into());
        }
        let overwritten = "its register was overwritten before it was moved";
        let Some(lost) = self.lost(from, value, write.at) else {
            if self.follows_wrong_order(value, to, end) {
                return Some(overwritten.into());
            }
            let mut spills = self.wrote.keys().filter(|place| place.is_spill());
            let was_spilled = spills.any(|&spill| self.ever_held(spill, value));
            let other_slot = from.is_spill() && was_spilled;
            return other_slot.then(|| "a reload took it from another slot".into());
        };
        if !from.is_spill() && lost.from.is_some() && lost.values.is_empty() {
            return Some(format!("overwritten by a move in {}", from.name()));
        }
        let in_order = lost.from.is_none() || lost.group != write.group;
        Some(match from.is_spill() {
            true => format!("its spill slot was overwritten by {}", lost.by),
            false if in_order && self.is_spilled(value) => {
                "a move took it from another place than its spill slot".into()
            }
            // It was given up in an earlier group, without a move that kept it.
            false if in_order => "not moved there".into(),
            false => overwritten.into(),
        })
    }

    /// Whether one of the moves that brought another value took it from a register where the value was
    /// until a move of the same group.
    fn follows_wrong_order(&self, value: u32, to: Place, end: usize) -> bool {
        let Some(write) = self.writes(to, value, end).next_back() else { return false };
        let Some(from) = write.from else { return false };
        match self.lost(from, value, write.at) {
            Some(lost) => !from.is_spill() && lost.from.is_some() && lost.group == write.group,
            None => self.follows_wrong_order(value, from, write.at),
        }
    }

    /// What is wrong with a move from a place that holds nothing.
    fn empty_move_rule(&self, from: Place, to: Place) -> Option<String> {
        let last = self.wrote.get(&to)?.last()?;
        if last.by == "an instruction" && last.group == self.group {
            return Some(format!("overwritten by a move in {}", to.name()));
        }
        let before = self.wrote.get(&from)?.iter().rev().find(|write| !write.values.is_empty())?;
        let spilled = before.values.iter().any(|&value| self.is_spilled(value));
        spilled.then(|| "a move took it from another place than its spill slot".into())
    }

    fn reader(&self, pair: &Pair, inst: &Inst<Virtual>) -> String {
        let reader = match pair.role {
            _ if pair.is_exit() => "an exit",
            Role::UseAt(_) => "a call",
            _ if matches!(inst, Inst::Jump) => "a jump",
            _ => "an instruction",
        };
        let found = self.held.get(&pair.at).is_some_and(|values| !values.is_empty());
        let what = if found { "another value" } else { "nothing" };
        let place = if pair.at.is_spill() { "spill slot" } else { "register" };
        format!("{reader} finds {what} in a {place}")
    }
}

/// An operand before and after allocation.
struct Pair {
    meant: Virtual,
    role: Role,
    at: Place,
}

/// A fused count keeps the operands of the count.
fn pairs_of(line: &Inst<Virtual>, inst: &Inst<Loc>) -> Vec<Pair> {
    (line.operands().into_iter().zip(inst.operands()))
        .map(|((meant, role), (loc, _))| Pair { meant, role, at: place(loc) })
        .collect()
}

impl Pair {
    fn is_exit(&self) -> bool {
        matches!(self.role, Role::UseAny | Role::UseAnyLate)
    }
    fn defines(&self) -> bool {
        matches!(self.role, Role::Def | Role::DefAt(_))
    }
}
