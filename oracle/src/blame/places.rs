//! What is wrong in an allocation, followed symbolically.
//!
//! In:  machine-level IR before and after allocation.
//! Out: who first reads a location that does not hold the value that is meant, where that value is
//!      instead, and what was written over it.
//!
//! The body is followed twice: as after the entry, and as after the back edge. A value that the first time
//! was where the second time it is not has been lost at the back edge.
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
    /// How each location was last written.
    wrote: BTreeMap<Place, &'static str>,
    /// Where a value was last, before something was written over it, and by what.
    lost: BTreeMap<u32, (Place, &'static str)>,
}

/// The rule, and who reads what.
type Wrong = (Option<String>, String);

pub fn wrong_place(lowered: &MachTrace, allocated: &Allocated) -> Option<Wrong> {
    let mut at = Followed::default();
    if let Some(wrong) = at.follow(&lowered.entry, &allocated.entry, false) {
        return Some(wrong);
    }
    let (Some(block), Some(steps)) = (&lowered.body, &allocated.body) else { return None };
    at.jump(&lowered.entry, block);
    let first = at.follow(block, steps, false);
    at.jump(block, block);
    first.or_else(|| at.follow(block, steps, true))
}

impl Followed {
    fn write(&mut self, to: Place, values: BTreeSet<u32>, by: &'static str) {
        let before = self.held.insert(to, values).unwrap_or_default();
        self.wrote.insert(to, by);
        for value in before {
            if !self.held.values().any(|held| held.contains(&value)) {
                self.lost.insert(value, (to, by));
            }
        }
    }

    /// The parameters of a block are where its arguments were.
    fn jump(&mut self, from: &Block, to: &Block) {
        let params: Vec<(u32, u32)> =
            to.params.iter().zip(&from.jump_args).map(|(p, a)| (p.index, a.index)).collect();
        for values in self.held.values_mut() {
            let is_param = |value: &u32| params.iter().any(|(param, _)| param == value);
            let mut next: BTreeSet<u32> =
                values.iter().copied().filter(|value| !is_param(value)).collect();
            let arrived = params.iter().filter(|(_, arg)| values.contains(arg));
            next.extend(arrived.map(|(param, _)| *param));
            *values = next;
        }
        let lost = params.iter().filter_map(|(param, arg)| Some((*param, *self.lost.get(arg)?)));
        let lost: Vec<_> = lost.collect();
        params.iter().for_each(|(param, _)| _ = self.lost.remove(param));
        self.lost.extend(lost);
    }

    fn follow(&mut self, block: &Block, steps: &[Step], again: bool) -> Option<Wrong> {
        let mut lines = block.lines.iter();
        for step in steps {
            let (line, inst) = match step {
                Step::Move { from, to } => {
                    let values = self.held.get(&place(*from)).cloned().unwrap_or_default();
                    let by = if place(*from).is_spill() { "a reload" } else { "a move" };
                    self.write(place(*to), values, by);
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
                    return Some((
                        Some(self.rule(pair, &pairs, again)),
                        self.reader(pair, &line.inst),
                    ));
                }
            }
            if matches!(line.inst, Inst::Call { .. }) {
                self.call();
            }
            for pair in pairs.iter().filter(|pair| pair.defines()) {
                self.held.values_mut().for_each(|values| _ = values.remove(&pair.meant.index));
                self.lost.remove(&pair.meant.index);
                self.write(pair.at, BTreeSet::from([pair.meant.index]), "an instruction");
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
            self.write(place, BTreeSet::new(), "a call");
        }
    }

    fn holds(&self, at: Place, meant: Virtual) -> bool {
        self.held.get(&at).is_some_and(|values| values.contains(&meant.index))
    }

    /// What became of the value.
    fn rule(&self, pair: &Pair, pairs: &[Pair], again: bool) -> String {
        let swapped = |other: &&Pair| {
            self.holds(other.at, pair.meant)
                && self.holds(pair.at, other.meant)
                && other.at != pair.at
        };
        if pairs.iter().any(|other| swapped(&other)) {
            return "two values in each other's place".into();
        }
        let is_at = self.held.iter().find(|(_, values)| values.contains(&pair.meant.index));
        let wrote = self.wrote.get(&pair.at).copied().unwrap_or("nothing");
        match is_at {
            Some((place, _)) if place.is_spill() && matches!(wrote, "a reload" | "a move") => {
                format!("{wrote} took it from another place than its spill slot")
            }
            Some((place, _)) if place.is_spill() => "it is in a spill slot".into(),
            Some(_) if again => "not moved at the back edge".into(),
            Some((place, _)) => format!("it is in {}", place.name()),
            None => match self.lost.get(&pair.meant.index) {
                Some((place, by)) => format!("overwritten by {by} in {}", place.name()),
                None => "never there".into(),
            },
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
