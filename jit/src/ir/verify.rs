//! The rules every trace obeys, checked.
//!
//! In:  a [`Trace`] (and, for [`verify_pass`], the trace it was made from).
//! Out: all violations, each with its rule and place; empty when the trace is well formed.
//!
//! How a snapshot's point is known. The recorder makes one snapshot for each bytecode instruction
//! that contains a guard; its point is the beginning of that instruction, and its clock numbers
//! the points of an iteration. No pass moves a guard or a write: peeling copies the iteration in
//! order and drops what is redundant, so in each copy of the iteration (pre-roll, body) the
//! guards still stand in the order of their clocks and on the same side of each write. Hence:
//!
//! - within one trace: clocks of guards never fall in a copy, and no write stands between two
//!   guards of one clock ([`Rule::WriteBeforeGuard`]);
//! - against the input: in each copy the writes are the input's, in order, and each guard has as
//!   many writes of its copy before it as the input's guards of that clock
//!   ([`Rule::WritesPreserved`], [`Rule::GuardOrder`]).
//!
//! Limits: that a guard which a pass removed was implied is not checked here (the evaluator
//! comparison does); pcs are not checked against the bytecode, which a trace does not carry.

use super::op::{Imm, Kind, Op, Regions, Ty, Yields};
use super::print::print_inst;
use super::trace::{Inst, Snapshot, SnapshotId, Trace, ValueId};
use std::fmt;

/// A rule of well-formedness.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Rule {
    /// Operands are defined earlier; one `loop`; phis right after it; entry state before it.
    Order,
    /// Operand count, operand types, result type, immediate as the op table says.
    Types,
    /// The loop body does not name a phi's initial value: it is stale there.
    StaleInLoop,
    /// Guards name a snapshot of the trace, other instructions none.
    GuardHasSnapshot,
    /// A snapshot's values are Lua values defined before every guard that names it.
    SnapshotDominates,
    /// Slots ascend and are in bounds, frames nest, clocks are within the iteration.
    SnapshotForm,
    /// No write stands between a snapshot's point and a guard that names it.
    WriteBeforeGuard,
    /// The writes of each copy of the iteration are the input's, in order.
    WritesPreserved,
    /// The guards of each copy are a subsequence of the input's, at the same side of each write.
    GuardOrder,
    /// A table's array or node address is not used after a write that may move it.
    StaleAddress,
    /// Both values of a phi have its type.
    PhiTypes,
    /// A divisor is known not to be 0.
    DivisorGuarded,
    /// An array index is known to be below the table's limit.
    IndexGuarded,
    /// A node address is known not to be null.
    PointerGuarded,
}

impl Rule {
    /// The short name that reports print; V-numbers are those of the design notes.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::Order => "V1 order",
            Rule::Types => "V2 types",
            Rule::StaleInLoop => "V3 stale in loop",
            Rule::GuardHasSnapshot => "V4 guard has snapshot",
            Rule::SnapshotDominates => "V5 snapshot dominates",
            Rule::SnapshotForm => "V6 snapshot form",
            Rule::WriteBeforeGuard => "V7 write before guard",
            Rule::WritesPreserved => "V8 writes preserved",
            Rule::GuardOrder => "V9 guard order",
            Rule::StaleAddress => "V11 stale address",
            Rule::PhiTypes => "V15 phi types",
            Rule::DivisorGuarded => "divisor guarded",
            Rule::IndexGuarded => "index guarded",
            Rule::PointerGuarded => "pointer guarded",
        }
    }
}

/// Where a rule is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Inst(ValueId),
    Snapshot(SnapshotId),
    Trace,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    pub rule: Rule,
    pub place: Place,
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Inst(id) => write!(f, "v{}: ", id.0)?,
            Place::Snapshot(id) => write!(f, "snap #{}: ", id.0)?,
            Place::Trace => {}
        }
        write!(f, "{}: {}", self.rule.name(), self.message)
    }
}

/// Every rule that one trace can be checked for by itself.
pub fn verify(trace: &Trace) -> Vec<Violation> {
    let mut checker = Checker { trace, loop_head: trace.loop_head(), violations: Vec::new() };
    checker.operand_ids();
    if !checker.violations.is_empty() {
        // The other rules look operands and snapshots up.
        return checker.violations;
    }
    checker.order();
    checker.types();
    checker.phis();
    checker.snapshots();
    checker.stale_in_loop();
    checker.guard_points();
    checker.memory_safety();
    checker.violations
}

/// Panics with the trace and all violations if there are any; `stage` says who made the trace.
pub fn assert_valid(stage: &str, trace: &Trace) {
    assert_none(stage, trace, &verify(trace));
}

/// Panics unless `output` is well formed and may stand for `input`.
pub fn assert_pass(stage: &str, input: &Trace, output: &Trace) {
    assert_valid(stage, output);
    assert_none(stage, output, &verify_pass(input, output));
}

/// As [`assert_pass`], for a pass that was stopped after some rewrites. It may have simplified a
/// value in the pre-roll but not in the body, so [`Rule::StaleInLoop`] does not apply.
pub fn assert_limited_pass(stage: &str, input: &Trace, output: &Trace) {
    let mut violations = verify(output);
    violations.retain(|violation| violation.rule != Rule::StaleInLoop);
    assert_none(stage, output, &violations);
    assert_none(stage, output, &verify_pass(input, output));
}

fn assert_none(stage: &str, trace: &Trace, violations: &[Violation]) {
    if !violations.is_empty() {
        let list: Vec<String> = violations.iter().map(|v| format!("  {v}\n")).collect();
        panic!("the trace after {stage} breaks rules:\n{}{trace}", list.concat());
    }
}

struct Checker<'a> {
    trace: &'a Trace,
    loop_head: Option<ValueId>,
    violations: Vec<Violation>,
}

impl Checker<'_> {
    fn report(&mut self, rule: Rule, place: Place, message: impl Into<String>) {
        self.violations.push(Violation { rule, place, message: message.into() });
    }
    fn report_inst(&mut self, rule: Rule, id: ValueId, message: &str) {
        let line = print_inst(id.0 as usize, self.trace.inst(id));
        self.report(rule, Place::Inst(id), format!("{message}: `{line}`"));
    }
    fn in_body(&self, id: ValueId) -> bool {
        self.loop_head.is_some_and(|head| id > head)
    }

    /// Ids are in range, so that the rest may index.
    fn operand_ids(&mut self) {
        let values = self.trace.insts.len() as u32;
        let snapshots = self.trace.snapshots.len() as u32;
        for (id, inst) in self.trace.iter() {
            if inst.args.iter().any(|arg| arg.0 >= values) {
                self.report(Rule::Order, Place::Inst(id), "an operand is no instruction");
            }
            if inst.snapshot.is_some_and(|snapshot| snapshot.0 >= snapshots) {
                self.report(Rule::GuardHasSnapshot, Place::Inst(id), "no such snapshot");
            }
        }
        for (index, snapshot) in self.trace.snapshots.iter().enumerate() {
            if snapshot.values().any(|value| value.0 >= values) {
                let place = Place::Snapshot(SnapshotId(index as u32));
                self.report(Rule::SnapshotDominates, place, "a value is no instruction");
            }
        }
        if self.trace.end.0 >= snapshots {
            self.report(Rule::SnapshotForm, Place::Trace, "`end` is no snapshot");
        }
    }

    /// V1.
    fn order(&mut self) {
        for (id, inst) in self.trace.iter() {
            let earlier = |arg: ValueId| arg < id;
            match inst.op {
                Op::Loop if Some(id) != self.loop_head => {
                    self.report_inst(Rule::Order, id, "a second loop head");
                }
                Op::Phi => self.phi_place(id, inst),
                Op::SlotLoad if self.in_body(id) => {
                    self.report_inst(Rule::Order, id, "entry state is read in the loop body");
                }
                _ if !inst.args.iter().all(earlier) => {
                    self.report_inst(Rule::Order, id, "used before it is defined");
                }
                _ => {}
            }
        }
    }

    fn phi_place(&mut self, id: ValueId, inst: &Inst) {
        let previous = id.0.checked_sub(1).map(|i| self.trace.insts[i as usize].op);
        if !matches!(previous, Some(Op::Loop | Op::Phi)) || !self.in_body(id) {
            self.report_inst(Rule::Order, id, "a phi stands right after `loop`");
        }
        if inst.args.len() == 2 && self.loop_head.is_some_and(|head| inst.args.get(0) > head) {
            self.report_inst(Rule::Order, id, "the initial value is defined before the loop");
        }
    }

    /// V2, V4.
    fn types(&mut self) {
        for (id, inst) in self.trace.iter() {
            let kinds = inst.op.operands();
            if kinds.len() != inst.args.len() {
                self.report_inst(Rule::Types, id, "wrong number of operands");
                continue;
            }
            let fits = |(arg, &kind): (ValueId, &Kind)| self.trace.ty(arg).matches(kind);
            if !inst.args.iter().zip(kinds).all(fits) {
                self.report_inst(Rule::Types, id, "an operand has the wrong type");
            }
            if !result_fits(inst) {
                self.report_inst(Rule::Types, id, "wrong result type");
            }
            if !self.imm_fits(inst) {
                self.report_inst(Rule::Types, id, "the immediate is out of range");
            }
            if inst.op.effects().guard != inst.snapshot.is_some() {
                self.report_inst(Rule::GuardHasSnapshot, id, "guards and only guards name one");
            }
        }
    }

    fn imm_fits(&self, inst: &Inst) -> bool {
        match inst.op.imm() {
            Imm::None => inst.imm == 0,
            Imm::Int | Imm::FloatBits => true,
            Imm::Address => inst.op == Op::KPtr || inst.imm != 0,
            Imm::Slot => (0..i64::from(self.trace.max_slots)).contains(&inst.imm),
            Imm::Index => (0..1 << 32).contains(&inst.imm),
        }
    }

    /// V15.
    fn phis(&mut self) {
        for (id, inst) in self.trace.iter().filter(|(_, inst)| inst.op == Op::Phi) {
            if inst.args.iter().any(|arg| self.trace.ty(arg) != inst.ty) {
                self.report_inst(Rule::PhiTypes, id, "phi of another type than its values");
            }
        }
    }

    /// V5, V6.
    fn snapshots(&mut self) {
        for (id, inst) in self.trace.iter() {
            let Some(named) = inst.snapshot else { continue };
            // A guarded load's own result is not defined when it leaves.
            if self.trace.snapshot(named).values().any(|value| value >= id) {
                self.report_inst(Rule::SnapshotDominates, id, "its snapshot names a later value");
            }
        }
        for (index, snapshot) in self.trace.snapshots.iter().enumerate() {
            let place = Place::Snapshot(SnapshotId(index as u32));
            if snapshot.values().any(|value| !self.trace.ty(value).is_lua()) {
                self.report(Rule::SnapshotDominates, place, "it names a value that is not Lua's");
            }
            if let Err(message) = snapshot_form(self.trace, snapshot) {
                self.report(Rule::SnapshotForm, place, message);
            }
        }
        let end = self.trace.snapshot(self.trace.end);
        let clock = self.trace.iteration_clock;
        if end.pc != self.trace.head || end.clock != clock || !end.frames.is_empty() {
            let place = Place::Snapshot(self.trace.end);
            self.report(Rule::SnapshotForm, place, "`end` is the loop head, an iteration later");
        }
    }

    /// V3. Constants are exempt: the body may mean the number itself. Anything else that the body
    /// finds equal to a phi's initial value depends on invariants only, so the phi's next value,
    /// computed from the same, would be equal as well and the phi not be needed.
    fn stale_in_loop(&mut self) {
        let phis =
            self.trace.insts.iter().filter(|inst| inst.op == Op::Phi && inst.args.len() == 2);
        let stale: Vec<ValueId> = phis
            .map(|phi| phi.args.get(0))
            .filter(|&init| !self.trace.inst(init).op.is_constant())
            .collect();
        let body = self.loop_head.map_or(usize::MAX, |head| head.0 as usize);
        for (id, inst) in self.trace.iter().skip(body) {
            let skipped = usize::from(inst.op == Op::Phi);
            let named = inst.snapshot.map(|named| self.trace.snapshot(named));
            let mut values =
                inst.args.iter().skip(skipped).chain(named.into_iter().flat_map(Snapshot::values));
            if values.any(|value| stale.contains(&value)) {
                self.report_inst(Rule::StaleInLoop, id, "names the initial value of a phi");
            }
        }
    }

    /// V7.
    fn guard_points(&mut self) {
        // Clock of the last guard of this copy, and whether a write followed it.
        let mut point: Option<(u32, bool)> = None;
        for (id, inst) in self.trace.iter() {
            if inst.op == Op::Loop {
                point = None;
            }
            if let Some(named) = inst.snapshot {
                let clock = self.trace.snapshot(named).clock;
                if let Some((last, written)) = point {
                    if clock < last {
                        self.report_inst(Rule::WriteBeforeGuard, id, "leaves to an earlier point");
                    } else if clock == last && written {
                        let message = "a write stands between the snapshot's point and this guard";
                        self.report_inst(Rule::WriteBeforeGuard, id, message);
                    }
                }
                point = Some((clock, point.is_some_and(|(last, w)| w && clock == last)));
            }
            if !inst.op.effects().writes.is_none() {
                point = point.map(|(clock, _)| (clock, true));
            }
        }
    }

    /// Divisors, array indices and node addresses are guarded; addresses are fresh.
    fn memory_safety(&mut self) {
        let mut known = Known { loop_writes: body_writes(self.trace), ..Known::default() };
        for (id, inst) in self.trace.iter() {
            if inst.args.len() != inst.op.operands().len() {
                continue;
            }
            if inst.op == Op::Loop {
                known.kill(known.loop_writes);
            }
            if let Some((rule, message)) = known.missing(self.trace, inst) {
                self.report_inst(rule, id, message);
            }
            known.learn(self.trace, id, inst);
        }
    }
}

fn result_fits(inst: &Inst) -> bool {
    match inst.op.result() {
        Yields::Void => inst.ty == Ty::Void,
        Yields::Fixed(ty) => inst.ty == ty,
        Yields::Declared => match inst.op {
            Op::KPrimitive => inst.ty.is_primitive(),
            Op::KObject => inst.ty.is_lua() && inst.ty.is_address(),
            _ => inst.ty.is_lua(),
        },
    }
}

fn snapshot_form(trace: &Trace, snapshot: &Snapshot) -> Result<(), &'static str> {
    let slots = trace.max_slots as i32;
    if snapshot.clock > trace.iteration_clock {
        return Err("its clock is past the iteration's end");
    }
    if !snapshot.slots.is_sorted_by(|a, b| a.0 < b.0) {
        return Err("slots do not ascend");
    }
    if snapshot.slots.iter().any(|&(slot, _)| !(0..slots).contains(&slot)) {
        return Err("a slot is out of bounds");
    }
    let mut previous = 0;
    for link in &snapshot.frames {
        if link.base <= previous || link.base > slots {
            return Err("frame bases do not ascend within the stack");
        }
        if link.wanted < -1 {
            return Err("a frame wants a negative number of results");
        }
        if trace.ty(link.closure) != Ty::Closure {
            return Err("a frame's function is not a closure");
        }
        let function = snapshot.slots.iter().find(|&&(slot, _)| slot == link.base - 1);
        if function.is_some_and(|&(_, value)| value != link.closure) {
            return Err("the slot below a frame's base is not its function");
        }
        previous = link.base;
    }
    Ok(())
}

/// Regions that the loop body writes.
fn body_writes(trace: &Trace) -> Regions {
    let Some(head) = trace.loop_head() else { return Regions::NONE };
    let body = trace.insts[head.0 as usize..].iter();
    body.fold(Regions::NONE, |all, inst| all.union(inst.op.effects().writes))
}

/// Facts that memory accesses rely on.
#[derive(Default)]
struct Known {
    loop_writes: Regions,
    /// Integers known not to be 0.
    nonzero: Vec<ValueId>,
    /// (index, limit): index < limit, unsigned.
    below: Vec<(ValueId, ValueId)>,
    /// Pointers known not to be null.
    nonnull: Vec<ValueId>,
    /// Values read from a table's shape that are out of date.
    expired: Vec<ValueId>,
    /// Values read from a table's shape that are up to date.
    shape: Vec<ValueId>,
}

impl Known {
    fn kill(&mut self, writes: Regions) {
        if writes.overlaps(Regions::SHAPE) {
            self.expired.append(&mut self.shape);
        }
    }

    fn learn(&mut self, trace: &Trace, id: ValueId, inst: &Inst) {
        let arg = |index| inst.args.get(index);
        match inst.op {
            Op::GuardINe if is_zero(trace, arg(1)) => self.nonzero.push(arg(0)),
            Op::GuardINe if is_zero(trace, arg(0)) => self.nonzero.push(arg(1)),
            Op::GuardILt => {
                let constant = |id: ValueId| {
                    let inst = trace.inst(id);
                    (inst.op == Op::KInt).then_some(inst.imm)
                };
                if constant(arg(0)).is_some_and(|k| k >= 0) {
                    self.nonzero.push(arg(1));
                }
                if constant(arg(1)).is_some_and(|k| k <= 0) {
                    self.nonzero.push(arg(0));
                }
            }
            // What something is below of is not 0.
            Op::GuardULt => {
                self.below.push((arg(0), arg(1)));
                self.nonzero.push(arg(1));
            }
            Op::GuardNonNull => self.nonnull.push(arg(0)),
            Op::HashSlot => self.nonnull.push(id),
            _ => {}
        }
        let effects = inst.op.effects();
        self.kill(effects.writes);
        if effects.reads.overlaps(Regions::SHAPE) && inst.ty != Ty::Void {
            self.shape.push(id);
        }
    }

    /// What `inst` relies on and is not known.
    fn missing(&self, trace: &Trace, inst: &Inst) -> Option<(Rule, &'static str)> {
        let arg = |index| inst.args.get(index);
        let (rule, message, holds) = match inst.op {
            Op::IDiv | Op::IMod => {
                let divisor = trace.inst(arg(1));
                let constant = divisor.op == Op::KInt && divisor.imm != 0;
                let known = constant || self.nonzero.contains(&arg(1));
                (Rule::DivisorGuarded, "the divisor may be 0", known)
            }
            Op::ArrayLoad | Op::ArrayStore => {
                if self.expired.contains(&arg(0)) {
                    return Some((Rule::StaleAddress, "the array may have moved"));
                }
                let known = self.index_below_limit(trace, arg(0), arg(1));
                (Rule::IndexGuarded, "the index may be past the limit", known)
            }
            Op::HashLoad | Op::HashStore => {
                if self.expired.contains(&arg(0)) {
                    return Some((Rule::StaleAddress, "the node may have moved"));
                }
                let known = self.nonnull.contains(&arg(0));
                (Rule::PointerGuarded, "the node address may be null", known)
            }
            _ => return None,
        };
        (!holds).then_some((rule, message))
    }

    /// A guard put `index` (or a constant no smaller) below the current limit of the table whose
    /// array `array` is.
    fn index_below_limit(&self, trace: &Trace, array: ValueId, index: ValueId) -> bool {
        let source = trace.inst(array);
        let is_limit = |limit: ValueId| {
            let inst = trace.inst(limit);
            inst.op == Op::TableLimit && inst.args == source.args && !self.expired.contains(&limit)
        };
        let covers = |guarded: ValueId| {
            let (wanted, guarded_inst) = (trace.inst(index), trace.inst(guarded));
            let constants = wanted.op == Op::KInt && guarded_inst.op == Op::KInt;
            guarded == index || (constants && wanted.imm as u64 <= guarded_inst.imm as u64)
        };
        source.op == Op::TableArray
            && self.below.iter().any(|&(guarded, limit)| is_limit(limit) && covers(guarded))
    }
}

fn is_zero(trace: &Trace, id: ValueId) -> bool {
    let inst = trace.inst(id);
    inst.op == Op::KInt && inst.imm == 0
}

/// Rules that relate a pass's output to its input: V8 and what V9 can say without a proof.
pub fn verify_pass(input: &Trace, output: &Trace) -> Vec<Violation> {
    let mut violations = Vec::new();
    let inputs = copies(input);
    for (index, copy) in copies(output).iter().enumerate() {
        // A peeled trace's body is compared with the one iteration that was recorded.
        let original = inputs.get(index).unwrap_or(&inputs[0]);
        if copy.writes != original.writes {
            let (was, is) = (op_names(&original.writes), op_names(&copy.writes));
            let message = format!("writes were [{was}], are [{is}]");
            violations.push(Violation {
                rule: Rule::WritesPreserved,
                place: Place::Trace,
                message,
            });
        }
        guard_order(original, copy, &mut violations);
    }
    let same_header = (input.proto, input.head, input.iteration_clock, input.max_slots)
        == (output.proto, output.head, output.iteration_clock, output.max_slots);
    if !same_header {
        let message = "the trace's header changed".to_owned();
        violations.push(Violation { rule: Rule::SnapshotForm, place: Place::Trace, message });
    }
    violations
}

/// What one copy of the iteration does to the world, in order.
#[derive(Default)]
struct IterationCopy {
    writes: Vec<(Op, i64)>,
    guards: Vec<PlacedGuard>,
}

struct PlacedGuard {
    id: ValueId,
    op: Op,
    ty: Ty,
    clock: u32,
    pc: u32,
    writes_before: usize,
}

impl PlacedGuard {
    fn is_copy_of(&self, original: &PlacedGuard) -> bool {
        let key = |g: &PlacedGuard| (g.op, g.ty, g.clock, g.pc, g.writes_before);
        key(self) == key(original)
    }
}

fn copies(trace: &Trace) -> Vec<IterationCopy> {
    let mut copies = vec![IterationCopy::default()];
    for (id, inst) in trace.iter() {
        if inst.op == Op::Loop {
            copies.push(IterationCopy::default());
        }
        let copy = copies.last_mut().expect("there is a first copy");
        if let Some(named) = inst.snapshot {
            let Snapshot { clock, pc, .. } = *trace.snapshot(named);
            let (op, ty, writes_before) = (inst.op, inst.ty, copy.writes.len());
            copy.guards.push(PlacedGuard { id, op, ty, clock, pc, writes_before });
        }
        if !inst.op.effects().writes.is_none() {
            copy.writes.push((inst.op, inst.imm));
        }
    }
    copies
}

/// Each guard of `copy` is one of `original`'s, in order.
fn guard_order(original: &IterationCopy, copy: &IterationCopy, violations: &mut Vec<Violation>) {
    let mut rest = original.guards.iter();
    for guard in &copy.guards {
        if !rest.any(|candidate| guard.is_copy_of(candidate)) {
            let message = format!(
                "`{}` leaving at clock {} to pc {} is not the input's, or moved",
                guard.op, guard.clock, guard.pc
            );
            let place = Place::Inst(guard.id);
            violations.push(Violation { rule: Rule::GuardOrder, place, message });
            return;
        }
    }
}

fn op_names(writes: &[(Op, i64)]) -> String {
    let names: Vec<&str> = writes.iter().map(|(op, _)| op.text()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests;
