//! What is wrong in a recording.
//!
//! In:  the configuration of the recorder's rung, what it showed, how it diverges.
//! Out: whether a snapshot, a guard, a value or a store is wrong, and the kind of the operation.
//!
//! The interpreter is looked at twice, instruction by instruction: in the iteration that was recorded,
//! and in the run that went wrong.
//!
//! 1. [`snapshots`](super::snapshots): each snapshot must stand where the recorded iteration stood at its
//!    clock. That needs no run of the trace.
//! 2. What the recorder loads only to test it must be tested, and so must where an upvalue is; what it
//!    takes from a register must have had that type, and an upvalue is the one that the instruction names.
//! 3. The wrong run is followed guard by guard. Where the interpreter goes another way than the recorded
//!    iteration and the trace does not leave, a guard is wrong: see [`parting`](super::parting). A
//!    snapshot that names another value than the interpreter holds has a wrong entry, or a wrong value,
//!    which is followed back to the instruction that first had it wrong.
//! 4. If all registers are right, a store is wrong.
//!
//! Limits: contents of tables and upvalues are not followed. Functions loaded at run time have no
//! bytecode here; in them the instruction stays unknown.

use super::ladder::Ladder;
use super::moments::{Code, Moment, Plain, moments};
use super::probe::{Records, Seen};
use super::snapshots::{Entry, Mismatch};
use super::{Blame, broken, name_of_broken, parting, snapshots};
use crate::ours::Interpreter;
use plumb_jit::bytecode::Op as Opcode;
use plumb_jit::exec::mach::Record;
use plumb_jit::ir::op::{Op, Ty};
use plumb_jit::ir::print::print_with;
use plumb_jit::ir::trace::{Inst, Slot, Snapshot, SnapshotId, Trace, ValueId};
use plumb_jit::trace::config::JitConfig;

pub fn look(ladder: &Ladder, config: &JitConfig, seen: &Seen, blame: &mut Blame) {
    let number = blame.trace.unwrap_or(0);
    let Some(trace) = seen.traces.get(number as usize) else { return };
    let Some(ir) = trace.last_ir().map(|stage| &stage.output) else { return };
    blame.after = print_with(ir, &trace.symbols());
    let length = u64::from(ir.iteration_clock);
    let recorded = trace.recorded.map(|end| (end.saturating_sub(length), end));
    let recorded = recorded.map(|(start, end)| moments(&ladder.program, &Interpreter, start, end));
    let recorded = recorded.filter(|recorded| is_recording(recorded, ir)).unwrap_or_default();
    let code = Code::new(&ladder.program);
    let wrong = fixed(ir, &recorded, &code);
    let wrong = wrong.or_else(|| broken(&blame.found).map(|text| (name_of_broken(text), None)));
    let wrong = wrong.or_else(|| {
        let run = seen.wrong_run(&blame.found, number)?;
        let now = moments(&ladder.program, &Interpreter, run.clock, run.clock + length);
        let records = ladder.probe_with(config, Records::Of(run.entry)).runs.pop()?.records;
        Some(Iteration { ladder, ir, code, recorded, now, records }.look(blame))
    });
    let (rule, op) = wrong.unwrap_or_else(|| ("unexplained".into(), None));
    (blame.rule, blame.op) = (Some(rule), op);
}

/// The rule, and the operation.
pub type Wrong = (String, Option<String>);

/// Whether these are the moments of the iteration that the trace was made from.
fn is_recording(recorded: &[Moment], ir: &Trace) -> bool {
    let head = |moment: &Moment| moment.frames.first().is_some_and(|frame| frame.pc == ir.head);
    recorded.len() == ir.iteration_clock as usize + 1
        && recorded.first().is_some_and(head)
        && recorded.last().is_some_and(head)
}

/// What is wrong whatever the run.
fn fixed(ir: &Trace, recorded: &[Moment], code: &Code) -> Option<Wrong> {
    if let Some(wrong) = snapshots::misplaced(ir, recorded, code) {
        return Some(wrong);
    }
    if let Some(op) = untested(ir) {
        return Some(("not tested".into(), Some(op.into())));
    }
    if has_unplaced_upvalue(ir) {
        return Some(("not tested".into(), Some("where an upvalue is".into())));
    }
    if snapshots::has_stale_callee(ir) {
        return Some(("snapshot entry stale".into(), None));
    }
    if misses_upvalue(ir, recorded, code) {
        return Some(("another upvalue".into(), None));
    }
    let entry = &recorded.first()?.frames.first()?.registers;
    ir.insts.iter().filter(|inst| inst.op == Op::SlotLoad).find_map(|load| {
        let held = entry.get(usize::try_from(load.imm).ok()?)?;
        let wrong = !snapshots::is_of(*held, load.ty);
        wrong.then(|| (type_rule(*held).into(), None))
    })
}

/// An operation whose result is good for a guard only, and that no guard reads.
fn untested(ir: &Trace) -> Option<&'static str> {
    let mut read = vec![false; ir.insts.len()];
    ir.insts.iter().flat_map(|inst| inst.args.iter()).for_each(|arg| read[arg.0 as usize] = true);
    let mut untested = ir.iter().filter(|(id, _)| !read[id.0 as usize]);
    untested.find_map(|(_, inst)| match inst.op {
        Op::HashFind | Op::HashFindInt => Some("a key's absence"),
        Op::TableMeta | Op::ClosureProto | Op::UpvalueRef => Some(inst.op.text()),
        Op::TableLimit | Op::TableArraySize => Some("the end of an array"),
        _ => None,
    })
}

/// Whether an upvalue is taken for memory without a guard that it is no register.
fn has_unplaced_upvalue(ir: &Trace) -> bool {
    let guards = |inst: &Inst| {
        matches!(inst.op, Op::GuardUpvalueClosed | Op::GuardUpvalueOutside)
            .then(|| inst.args.get(0))
    };
    let placed: Vec<ValueId> = ir.insts.iter().filter_map(guards).collect();
    let memory = |inst: &&Inst| matches!(inst.op, Op::UpvalueLoad | Op::UpvalueStore);
    ir.insts.iter().filter(memory).any(|inst| !placed.contains(&inst.args.get(0)))
}

/// Whether a recorded upvalue is another one than the instruction's. What is read of it is guarded, at the
/// clock of the instruction.
fn misses_upvalue(ir: &Trace, recorded: &[Moment], code: &Code) -> bool {
    let upvalues = ir.insts.iter().enumerate().filter(|(_, inst)| inst.op == Op::UpvalueRef);
    upvalues.into_iter().any(|(at, inst)| {
        let guard = ir.insts[at..].iter().find_map(|inst| inst.snapshot);
        let clock = guard.map(|id| ir.snapshot(id).clock as usize);
        let frame = clock.and_then(|clock| recorded.get(clock)?.frames.first());
        let named = frame.and_then(|frame| code.at(frame)).and_then(|i| match i.op() {
            Opcode::GetUpval | Opcode::SetUpval | Opcode::GetTabUp => Some(i.b()),
            Opcode::SetTabUp => Some(i.a()),
            _ => None,
        });
        named.is_some_and(|named| named as i64 != inst.imm)
    })
}

fn type_rule(held: Plain) -> &'static str {
    match held {
        Plain::Bool(_) => "truth of a boolean",
        _ => "type of a register",
    }
}

/// One run of the trace beside the interpreter.
pub struct Iteration<'a> {
    ladder: &'a Ladder,
    pub ir: &'a Trace,
    pub code: Code<'a>,
    /// The states of the recorded iteration, by clock; empty if unknown.
    pub recorded: Vec<Moment>,
    /// Those of the run that went wrong.
    pub now: Vec<Moment>,
    records: Vec<Record>,
}

impl Iteration<'_> {
    fn look(&self, blame: &Blame) -> Wrong {
        let parting = parting::clock(&self.recorded, &self.now);
        let mut values: Vec<Option<u64>> = vec![None; self.ir.insts.len()];
        for record in &self.records {
            values[record.step as usize] = record.written;
            let Some(snapshot) = self.ir.insts[record.step as usize].snapshot else { continue };
            let clock = self.ir.snapshot(snapshot).clock as usize;
            if let Some(parted) = parting.filter(|&parted| clock > parted) {
                return parting::wrong_guard(self, parted);
            }
            if let Some(wrong) = self.wrong_entry(snapshot, &values) {
                return wrong;
            }
            if record.left {
                return self.store(blame);
            }
        }
        match parting {
            Some(parted) => parting::wrong_guard(self, parted),
            None => self.wrong_entry(self.ir.end, &values).unwrap_or_else(|| self.store(blame)),
        }
    }

    fn store(&self, blame: &Blame) -> Wrong {
        let decided = (0..self.now.len()).find_map(|clock| parting::wrong_choice(self, clock));
        if let Some(wrong) = decided {
            return wrong;
        }
        let store = |op: &Op| !op.effects().writes.is_none();
        let mut stores: Vec<Op> = self.ir.insts.iter().map(|inst| inst.op).filter(store).collect();
        stores.sort_unstable();
        stores.dedup();
        let upvalue = blame.found.differences.iter().any(|d| d.place.contains("upvalue"));
        let only = stores.first().copied().filter(|_| stores.len() == 1);
        let op = only.or(upvalue.then_some(Op::UpvalueStore));
        ("store".into(), op.map(|op| op.text().into()))
    }

    fn wrong_entry(&self, id: SnapshotId, values: &[Option<u64>]) -> Option<Wrong> {
        let snapshot = self.ir.snapshot(id);
        let wrong = snapshots::mismatches(self, snapshot, values);
        let first = wrong.first()?;
        let clock = snapshot.clock as usize;
        let named = |rule: &str| Some((rule.into(), None));
        if snapshots::swapped(&wrong) {
            return named("snapshot entries swapped");
        }
        if let Some(missing) = wrong.iter().find(|wrong| wrong.entry.is_none()) {
            if self.is_written_through_upvalue(missing.slot, clock) {
                return named("upvalue in a register");
            }
            let chosen = self.origin(missing.slot, clock);
            if let Some(wrong) = chosen.and_then(|clock| parting::wrong_choice(self, clock)) {
                return Some(wrong);
            }
            let end = if id == self.ir.end { "the end" } else { "a guard" };
            return Some(("snapshot entry missing".into(), Some(end.into())));
        }
        if let Some(extra) = wrong.iter().find(|wrong| self.writer(wrong.slot, clock).is_none()) {
            if self.is_written_through_upvalue(extra.slot, clock) {
                return named("upvalue in a register");
            }
            return named("snapshot entry of an unchanged slot");
        }
        // Of several, the one that was computed first: the others may follow from it.
        let earliest = |wrong: &&Mismatch| wrong.entry.as_ref().map(|entry| entry.value);
        let first = wrong.iter().min_by_key(earliest).unwrap_or(first);
        let entry = first.entry.as_ref()?;
        Some(self.wrong_value(first.slot, clock, entry, values))
    }

    /// A slot holds another value than the interpreter: since which instruction?
    fn wrong_value(
        &self,
        slot: Slot,
        clock: usize,
        entry: &Entry,
        values: &[Option<u64>],
    ) -> Wrong {
        let Some(written) = self.origin(slot, clock) else {
            return ("snapshot entry stale".into(), None);
        };
        if let Some(wrong) = parting::wrong_choice(self, written) {
            return wrong;
        }
        let frame = &self.now[written].frames[0];
        let opcode = self.code.opcode(frame);
        if self.is_stale(entry.value, written, opcode) || self.was_there(slot, entry.value, written)
        {
            return ("snapshot entry stale".into(), None);
        }
        let inst = self.ir.inst(entry.value);
        if let Some(operand) = self.wrong_operand(entry.value, written, values) {
            let (operand_slot, operand) = operand;
            return self.wrong_value(operand_slot, written, &operand, values);
        }
        let reads = matches!(
            opcode,
            Some(
                Opcode::GetTabUp
                    | Opcode::GetTable
                    | Opcode::GetI
                    | Opcode::GetField
                    | Opcode::SelfIndex
            )
        );
        match (inst.op, inst.ty) {
            (Op::KPrimitive, Ty::True | Ty::False) => (type_rule(Plain::Bool(true)).into(), None),
            (Op::KPrimitive, Ty::Nil) if reads => {
                ("not tested".into(), Some("a key's absence".into()))
            }
            (op, _) if opcode == Some(Opcode::GetUpval) && op != Op::UpvalueLoad => {
                ("upvalue in a register".into(), None)
            }
            (op, _) => (format!("value {}", op.text()), opcode.map(|opcode| opcode.name().into())),
        }
    }

    /// The clock of the instruction that last wrote a slot before `clock`, moves followed.
    fn origin(&self, slot: Slot, clock: usize) -> Option<usize> {
        let written = self.writer(slot, clock)?;
        let frame = &self.now[written].frames[0];
        match self.code.at(frame) {
            Some(i) if i.op() == Opcode::Move => {
                let source = self.base(written) + i.b() as Slot;
                self.origin(source, written).or(Some(written))
            }
            _ => Some(written),
        }
    }

    pub fn masks(&self) -> &crate::masks::Masks {
        &self.ladder.program.masks
    }

    /// The running frame's first slot at a clock.
    fn base(&self, clock: usize) -> Slot {
        let callers = self.now[clock].frames.iter().skip(1);
        let function = |frame| self.code.at(frame).map_or(0, |call| call.a() as Slot + 1);
        callers.map(function).sum()
    }

    /// The clock of the instruction that last wrote a slot before `clock`.
    fn writer(&self, slot: Slot, clock: usize) -> Option<usize> {
        (0..clock.min(self.now.len())).rev().find(|&at| {
            let (moment, register) = (&self.now[at], slot - self.base(at));
            let frame = moment.frames.first();
            let writes = |frame| {
                usize::try_from(register).is_ok_and(|register| self.code.writes(frame, register))
            };
            frame.is_some_and(writes) || self.root_changed(slot, at)
        })
    }

    /// Whether a register of the root frame has another value after an instruction: what it writes
    /// through an upvalue, or a callee's result.
    fn root_changed(&self, slot: Slot, at: usize) -> bool {
        let held = |at: usize| {
            let root = self.now.get(at)?.frames.last()?;
            root.registers.get(usize::try_from(slot).ok()?).copied()
        };
        let waits = self.now.get(at + 1).is_some_and(|next| next.frames.len() > 1);
        let upvalue = |frame| self.code.opcode(frame) == Some(Opcode::SetUpval);
        let through = waits && self.now[at].frames.first().is_some_and(upvalue);
        through && held(at).zip(held(at + 1)).is_some_and(|(before, after)| before != after)
    }

    /// Whether the interpreter wrote a slot through an upvalue, in the recorded iteration or in this one.
    fn is_written_through_upvalue(&self, slot: Slot, clock: usize) -> bool {
        let wrote = |moments: &[Moment]| {
            let upto = moments.get(..=clock).unwrap_or(moments);
            upto.windows(2).any(|pair| {
                let held = |moment: &Moment| {
                    let root = moment.frames.last()?;
                    root.registers.get(usize::try_from(slot).ok()?).copied()
                };
                let by = pair[0].frames.first().and_then(|frame| self.code.opcode(frame));
                by == Some(Opcode::SetUpval) && held(&pair[0]) != held(&pair[1])
            })
        };
        wrote(&self.now) || wrote(&self.recorded)
    }

    /// Whether a value was there before the instruction at clock `written` could have made it.
    fn is_stale(&self, value: ValueId, written: usize, by: Option<Opcode>) -> bool {
        let inst = self.ir.inst(value);
        if inst.op.is_constant() {
            use Opcode::*;
            let computes = matches!(
                by,
                Some(
                    AddI | AddK | SubK | MulK | Add | Sub | Mul | Div | IDiv | Mod | Unm | ForLoop
                )
            );
            return computes;
        }
        let clock_of = |id: SnapshotId| self.ir.snapshot(id).clock as usize;
        let latest = match (inst.op, inst.snapshot) {
            (Op::SlotLoad, _) => 0,
            (_, Some(own)) => clock_of(own),
            (_, None) => {
                let after = &self.ir.insts[value.0 as usize..];
                let guard = after.iter().find_map(|inst| inst.snapshot);
                guard.map_or(self.ir.iteration_clock as usize, clock_of)
            }
        };
        latest < written
    }

    /// Whether a snapshot taken up to the instruction at clock `written` names the value already, a constant
    /// in the same slot.
    fn was_there(&self, slot: Slot, value: ValueId, written: usize) -> bool {
        let any_slot = !self.ir.inst(value).op.is_constant();
        let is_named = |&(at, held): &(Slot, ValueId)| held == value && (any_slot || at == slot);
        let mut snapshots = self.ir.insts.iter().filter_map(|inst| inst.snapshot);
        snapshots.any(|id| {
            let snapshot = self.ir.snapshot(id);
            snapshot.clock as usize <= written && snapshot.slots.iter().any(is_named)
        })
    }

    /// An operand of an operation that is wrong already, with its slot.
    fn wrong_operand(
        &self,
        value: ValueId,
        clock: usize,
        values: &[Option<u64>],
    ) -> Option<(Slot, Entry)> {
        let frame = self.now[clock].frames.first()?;
        let i = self.code.at(frame)?;
        use Opcode::*;
        let registers = match i.op() {
            Add | Sub | Mul | Mod | Pow | Div | IDiv | BAnd | BOr | BXor | Shl | Shr => {
                vec![i.b(), i.c()]
            }
            AddI | AddK | SubK | MulK | ModK | PowK | DivK | IDivK | BAndK | BOrK | BXorK
            | ShrI | Unm | BNot => vec![i.b()],
            _ => return None,
        };
        let inst = self.ir.inst(value);
        let base = self.base(clock);
        registers.into_iter().zip(inst.args.iter()).find_map(|(register, arg)| {
            let arg = match self.ir.inst(arg) {
                converted if converted.op == Op::IntToFloat => converted.args.get(0),
                _ => arg,
            };
            let found = snapshots::plain(self.ir.ty(arg), values[arg.0 as usize]?);
            let held = *frame.registers.get(register)?;
            let is_written = self.writer(base + register as Slot, clock).is_some();
            let wrong = held != found && is_written;
            wrong.then_some((base + register as Slot, Entry { value: arg, found }))
        })
    }

    /// The guards of the instruction at a clock.
    pub fn guards_at(&self, clock: usize) -> impl Iterator<Item = Op> + '_ {
        let of = move |snapshot: &Snapshot| snapshot.clock as usize == clock;
        let guards = self.ir.insts.iter().filter(|inst| inst.ty == Ty::Void);
        guards
            .filter(move |inst| inst.snapshot.is_some_and(|id| of(self.ir.snapshot(id))))
            .map(|i| i.op)
    }
}
