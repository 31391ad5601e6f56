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
use plumb_jit::backend::mach::{Block, Inst, Loc, MachTrace, Role, Virtual};
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

/// The locations at one point of a trace.
#[derive(Default)]
struct Followed {
    /// What each location holds: several virtual registers may have one value.
    held: BTreeMap<Place, BTreeSet<u32>>,
    /// What it has held since the value was made.
    ever: BTreeMap<Place, BTreeSet<u32>>,
    /// How each location was last written, and where a move took that from.
    wrote: BTreeMap<Place, Write>,
    /// Moved to, and not read yet.
    unread: BTreeSet<Place>,
}

#[derive(Clone, Copy)]
struct Write {
    by: &'static str,
    from: Option<Place>,
}

/// The rule, and who reads what.
type Wrong = (Option<String>, String);

pub fn wrong_place(lowered: &MachTrace, allocated: &Allocated) -> Option<Wrong> {
    let mut at = Followed::default();
    if let Some(wrong) = at.follow(&lowered.entry, &allocated.entry) {
        return Some(wrong);
    }
    let (Some(block), Some(steps)) = (&lowered.body, &allocated.body) else { return None };
    at.jump(&lowered.entry, block);
    let first = at.follow(block, steps);
    at.jump(block, block);
    first.or_else(|| at.follow(block, steps))
}

impl Followed {
    fn write(&mut self, to: Place, values: BTreeSet<u32>, write: Write) {
        self.ever.entry(to).or_default().extend(&values);
        self.held.insert(to, values);
        self.wrote.insert(to, write);
        match write.from {
            Some(_) => self.unread.insert(to),
            None => self.unread.remove(&to),
        };
    }

    /// The parameters of a block are where its arguments were.
    fn jump(&mut self, from: &Block, to: &Block) {
        let params: Vec<(u32, u32)> =
            to.params.iter().zip(&from.jump_args).map(|(p, a)| (p.index, a.index)).collect();
        for values in self.held.values_mut().chain(self.ever.values_mut()) {
            let is_param = |value: &u32| params.iter().any(|(param, _)| param == value);
            let mut next: BTreeSet<u32> =
                values.iter().copied().filter(|value| !is_param(value)).collect();
            let arrived = params.iter().filter(|(_, arg)| values.contains(arg));
            next.extend(arrived.map(|(param, _)| *param));
            *values = next;
        }
    }

    fn follow(&mut self, block: &Block, steps: &[Step]) -> Option<Wrong> {
        let mut lines = block.lines.iter();
        for step in steps {
            let (line, inst) = match step {
                Step::Move { from, to } => {
                    let values = self.held.get(&place(*from)).cloned().unwrap_or_default();
                    let by = if place(*from).is_spill() { "a reload" } else { "a move" };
                    self.write(place(*to), values, Write { by, from: Some(place(*from)) });
                    self.unread.remove(&place(*from));
                    continue;
                }
                Step::Inst { inst, .. } => (lines.next()?, inst),
            };
            // A fused count keeps the operands of the count.
            let pairs: Vec<Pair> = (line.inst.operands().into_iter().zip(inst.operands()))
                .map(|((meant, role), (loc, _))| Pair { meant, role, at: place(loc) })
                .collect();
            for pair in pairs.iter().filter(|pair| !pair.defines()) {
                let late = pair.role == Role::UseAnyLate;
                let is_written = late && line.inst.written() == Some(pair.meant);
                if !self.holds(pair.at, pair.meant) && !is_written {
                    return Some((Some(self.rule(pair, &pairs)), self.reader(pair, &line.inst)));
                }
            }
            pairs.iter().for_each(|pair| _ = self.unread.remove(&pair.at));
            if matches!(line.inst, Inst::Call { .. }) {
                self.call();
            }
            for pair in pairs.iter().filter(|pair| pair.defines()) {
                let all = self.held.values_mut().chain(self.ever.values_mut());
                all.for_each(|values| _ = values.remove(&pair.meant.index));
                let write = Write { by: "an instruction", from: None };
                self.write(pair.at, BTreeSet::from([pair.meant.index]), write);
            }
        }
        None
    }

    fn call(&mut self) {
        let clobbered = |place: &Place| match *place {
            Place::X(n) => !survives_call(&Loc::X(n)),
            Place::D(n) => !survives_call(&Loc::D(n)),
            Place::Spill(_) => false,
        };
        let places: Vec<Place> = self.held.keys().copied().filter(clobbered).collect();
        for place in places {
            self.write(place, BTreeSet::new(), Write { by: "a call", from: None });
        }
    }

    fn holds(&self, at: Place, meant: Virtual) -> bool {
        self.held.get(&at).is_some_and(|values| values.contains(&meant.index))
    }

    fn ever_held(&self, at: Place, value: u32) -> bool {
        self.ever.get(&at).is_some_and(|values| values.contains(&value))
    }

    /// What became of the value.
    fn rule(&self, pair: &Pair, pairs: &[Pair]) -> String {
        let swapped = |other: &&Pair| {
            self.holds(other.at, pair.meant)
                && self.holds(pair.at, other.meant)
                && other.at != pair.at
        };
        if pairs.iter().any(|other| swapped(&other)) {
            return "two values in each other's place".into();
        }
        let value = pair.meant.index;
        let mut held = self.held.iter().filter(|(_, values)| values.contains(&value));
        let is_spilled = held.any(|(place, _)| place.is_spill());
        let was_there = self.ever_held(pair.at, value);
        let is_exit = matches!(pair.role, Role::UseAny | Role::UseAnyLate);
        if is_exit && was_there && is_spilled {
            return "an exit reads where it was before it was spilled".into();
        }
        let write = self.wrote.get(&pair.at).filter(|_| self.unread.contains(&pair.at));
        if let Some(rule) = write.and_then(|write| self.moved(value, write.from?, is_spilled)) {
            return rule;
        }
        let by = self.wrote.get(&pair.at).map_or("nothing", |write| write.by);
        match was_there {
            true => format!("overwritten by {by} in {}", pair.at.name()),
            false => "not moved there".into(),
        }
    }

    /// Why a move from a place did not bring the value.
    fn moved(&self, value: u32, from: Place, is_spilled: bool) -> Option<String> {
        let had_it = self.ever_held(from, value);
        let by = self.wrote.get(&from).map_or("nothing", |write| write.by);
        let scratch = [Place::X(SCRATCH_GPR), Place::D(SCRATCH_FPR)];
        let was_spilled =
            self.ever.iter().any(|(place, held)| place.is_spill() && held.contains(&value));
        if !scratch.contains(&from) && scratch.iter().any(|&at| self.ever_held(at, value)) {
            return Some("it was saved in the scratch register".into());
        }
        match from.is_spill() {
            true if had_it => Some(format!("its spill slot was overwritten by {by}")),
            true if was_spilled => Some("a reload took it from another slot".into()),
            true => None,
            false if is_spilled => {
                Some("a move took it from another place than its spill slot".into())
            }
            false if had_it => Some("its register was overwritten before it was moved".into()),
            false => None,
        }
    }

    fn reader(&self, pair: &Pair, inst: &Inst<Virtual>) -> String {
        let reader = match pair.role {
            Role::UseAny | Role::UseAnyLate => "an exit",
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

impl Pair {
    fn defines(&self) -> bool {
        matches!(self.role, Role::Def | Role::DefAt(_))
    }
}
