//! Faults of register allocation: moves, spill slots, and where an exit finds its values.

use super::{Fault, Plant};
use plumb_jit::backend::alloc::{Allocated, SCRATCH_FPR, SCRATCH_GPR, Step};
use plumb_jit::backend::mach::{Exit, Held, Inst, Loc};

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "allocate.edit-dropped",
        about: "the last move of the loop is missing",
        imitates: "LuaJIT's phi shuffle: a rename lost at the back edge",
        rare: None,
        ops: &[],
        plant: Plant::Allocated(edit_dropped),
    },
    Fault {
        name: "allocate.edits-reordered",
        about: "of two parallel moves, the one that overwrites the other's source comes first",
        imitates: "parallel move order",
        rare: None,
        ops: &[],
        plant: Plant::Allocated(edits_reordered),
    },
    Fault {
        name: "allocate.wrong-slot",
        about: "a reload reads the neighbouring spill slot",
        imitates: "LuaJIT #1031: spill restored from the wrong slot",
        rare: Some("only with a full register file"),
        ops: &[],
        plant: Plant::Allocated(wrong_slot),
    },
    Fault {
        name: "allocate.clobber",
        about: "a value is read after a call from the register that it had before",
        imitates: "a call's clobbers ignored",
        rare: Some("only across helper calls"),
        ops: &[],
        plant: Plant::Allocated(clobber),
    },
    Fault {
        name: "allocate.cycle",
        about: "a cycle of moves is broken without saving the first register",
        imitates: "parallel move cycles without a scratch register",
        rare: Some("only where moves form a cycle"),
        ops: &[],
        plant: Plant::Allocated(cycle),
    },
    Fault {
        name: "allocate.exit-swapped",
        about: "an exit finds two values in each other's register",
        imitates: "openresty/luajit2 PR 69: exit map under register pressure",
        rare: None,
        ops: &[],
        plant: Plant::Allocated(exit_swapped),
    },
    Fault {
        name: "allocate.exit-stale",
        about: "an exit reads a spilled value from the register that it once had",
        imitates: "lj-688: a snapshot after a rename",
        rare: Some("only with a full register file"),
        ops: &[],
        plant: Plant::Allocated(exit_stale),
    },
    Fault {
        name: "allocate.call-result",
        about: "another register's content is moved over the result of a call",
        imitates: "a call's result register clobbered before it is read",
        rare: Some("only across helper calls"),
        ops: &[],
        plant: Plant::Allocated(call_result),
    },
];

fn blocks(allocated: &mut Allocated) -> impl Iterator<Item = &mut Vec<Step>> {
    std::iter::once(&mut allocated.entry).chain(&mut allocated.body)
}

fn is_move(step: &Step) -> bool {
    matches!(step, Step::Move { .. })
}

fn edit_dropped(allocated: &mut Allocated) {
    if let Some(body) = &mut allocated.body
        && let Some(last) = body.iter().rposition(is_move)
    {
        body.remove(last);
    }
}

fn edits_reordered(allocated: &mut Allocated) {
    for steps in blocks(allocated) {
        for at in 1..steps.len() {
            let (Step::Move { from, .. }, Step::Move { to, .. }) = (&steps[at - 1], &steps[at])
            else {
                continue;
            };
            if from == to {
                steps.swap(at - 1, at);
            }
        }
    }
}

fn wrong_slot(allocated: &mut Allocated) {
    let slots = allocated.spill_slots as u32;
    if slots < 2 {
        return;
    }
    for step in blocks(allocated).flatten() {
        if let Step::Move { from: Loc::Spill(slot), .. } = step {
            *slot = if *slot + 1 < slots { *slot + 1 } else { *slot - 1 };
            return;
        }
    }
}

/// The register that was last spilled to `slot` before step `at`.
fn spilled_from(steps: &[Step], at: usize, slot: u32) -> Option<(usize, Loc)> {
    steps[..at].iter().enumerate().rev().find_map(|(index, step)| match step {
        Step::Move { from, to: Loc::Spill(to) } if *to == slot => Some((index, *from)),
        _ => None,
    })
}

fn clobber(allocated: &mut Allocated) {
    for steps in blocks(allocated) {
        for at in 0..steps.len() {
            let Step::Move { from: Loc::Spill(slot), to } = steps[at] else { continue };
            let Some((spill, register)) = spilled_from(steps, at, slot) else { continue };
            let calls = |step: &Step| matches!(step, Step::Inst { inst: Inst::Call { .. }, .. });
            if steps[spill..at].iter().any(calls) {
                steps[at] = Step::Move { from: register, to };
            }
        }
    }
}

fn call_result(allocated: &mut Allocated) {
    for steps in blocks(allocated) {
        for at in (0..steps.len()).rev() {
            let Step::Inst { inst: inst @ Inst::Call { .. }, .. } = &steps[at] else { continue };
            let from = match inst.written() {
                Some(Loc::X(register)) => Loc::X(register + 1),
                Some(Loc::D(register)) => Loc::D(register + 1),
                _ => continue,
            };
            let to = inst.written().expect("it has just been seen");
            steps.insert(at + 1, Step::Move { from, to });
        }
    }
}

fn cycle(allocated: &mut Allocated) {
    let scratch = [Loc::X(SCRATCH_GPR), Loc::D(SCRATCH_FPR)];
    for steps in blocks(allocated) {
        for at in 0..steps.len() {
            let Step::Move { from, to } = steps[at] else { continue };
            if !scratch.contains(&to) || matches!(from, Loc::Spill(_)) {
                continue;
            }
            // What the scratch register should have kept is read from its old place.
            let back = steps[at..]
                .iter()
                .position(|step| matches!(step, Step::Move { from, .. } if *from == to));
            if let Some(Step::Move { from: source, to }) = back.map(|n| &mut steps[at + n])
                && *to != from
            {
                *source = from;
            }
        }
    }
}

/// The exit of a guard.
fn exit_of(inst: &mut Inst<Loc>) -> Option<&mut Exit<Loc>> {
    match inst {
        Inst::Guard { exit, .. } | Inst::GuardZero { exit, .. } => Some(exit),
        _ => None,
    }
}

fn exit_swapped(allocated: &mut Allocated) {
    for step in blocks(allocated).flatten() {
        let Step::Inst { inst, .. } = step else { continue };
        let Some(exit) = exit_of(inst) else { continue };
        let in_registers = |held: &Held<Loc>, float: bool| match held {
            Held::At(Loc::X(_)) => !float,
            Held::At(Loc::D(_)) => float,
            _ => false,
        };
        for float in [false, true] {
            let mut at =
                exit.values.iter().enumerate().filter(|(_, (_, held))| in_registers(held, float));
            let (Some((a, _)), Some((b, _))) = (at.next(), at.next()) else { continue };
            let (first, second) = (exit.values[a].1.clone(), exit.values[b].1.clone());
            (exit.values[a].1, exit.values[b].1) = (second, first);
            break;
        }
    }
}

fn exit_stale(allocated: &mut Allocated) {
    for steps in blocks(allocated) {
        for at in 0..steps.len() {
            let before = steps[..at].to_vec();
            let Step::Inst { inst, .. } = &mut steps[at] else { continue };
            let Some(exit) = exit_of(inst) else { continue };
            for (_, held) in &mut exit.values {
                if let Held::At(Loc::Spill(slot)) = *held
                    && let Some((_, register)) = spilled_from(&before, at, slot)
                {
                    *held = Held::At(register);
                }
            }
        }
    }
}
