//! What one run of the JIT shows of itself: each stage's output, each run's instructions, and whether
//! exits restore what their snapshots say.

use crate::canon::State;
use crate::engine::{Ending, EventSink, Next};
use crate::event::{Clock, EventKind, TraceNumber};
use crate::verdict::{Divergence, DivergenceKind};
use plumb_jit::backend::CompiledTrace;
use plumb_jit::backend::alloc::Allocated;
use plumb_jit::backend::mach::MachTrace;
use plumb_jit::exec::mach::Record;
use plumb_jit::heap::{Tag, Value};
use plumb_jit::ir::op::Op;
use plumb_jit::ir::print::Symbols;
use plumb_jit::ir::trace::{Slot, SnapshotId, Trace, ValueId};
use plumb_jit::trace::compile::Shown;
use plumb_jit::trace::manager::{JitObserver, StitchSide, TraceId};
use plumb_jit::trace::restore::value_of;
use plumb_jit::vm::Vm;

/// Records kept in all; a program that needs more is not looked at instruction by instruction.
const MAX_RECORDS: usize = 1 << 21;

/// A stage of IR.
pub struct IrStage {
    pub name: &'static str,
    pub input: Option<Trace>,
    pub output: Trace,
    /// Of the last rewrite.
    pub rule: Option<&'static str>,
    /// Rewrites done.
    pub rewrites: u64,
}

/// What became of one trace.
#[derive(Default)]
pub struct TraceSeen {
    pub ir: Vec<IrStage>,
    pub lowered: Option<MachTrace>,
    pub allocated: Option<Allocated>,
    pub code: Option<CompiledTrace>,
    /// The clock at which its recording was complete.
    pub recorded: Option<u64>,
}

impl TraceSeen {
    pub fn last_ir(&self) -> Option<&IrStage> {
        self.ir.last()
    }

    /// Names of the objects, by the order in which the trace first mentions them: addresses differ from
    /// run to run.
    pub fn symbols(&self) -> Symbols {
        let mut symbols = Symbols::default();
        let mut named = 0;
        let insts = self.ir.iter().flat_map(|stage| &stage.output.insts);
        for inst in insts.filter(|inst| matches!(inst.op, Op::KObject | Op::KPtr)) {
            let address = inst.imm as u64;
            if symbols.name(address).is_none() {
                named += 1;
                symbols.define(&format!("{}{named}", inst.ty.text()), address);
            }
        }
        symbols
    }
}

/// What one run did.
pub struct RunSeen {
    pub trace: TraceId,
    pub records: Vec<Record>,
    /// None if it did not end.
    pub left: Option<ExitSeen>,
}

/// How a run ended, before anything was restored.
pub struct ExitSeen {
    pub exit: SnapshotId,
    /// Of the snapshot.
    pub values: Vec<(ValueId, u64)>,
}

#[derive(Default)]
pub struct Seen {
    /// By number.
    pub traces: Vec<TraceSeen>,
    /// Each run that left records, in order.
    pub runs: Vec<RunSeen>,
    /// What the first exit that restored something else than its snapshot got wrong.
    pub wrong_restore: Option<String>,
    pub events: Vec<(Clock, EventKind)>,
}

/// Which runs leave records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Records {
    None,
    /// Of the run with this number, counted from 0 over all traces.
    Of(u64),
    All,
}

/// A run of a trace: from an entry, a link or the return of a stitched call to whatever comes next.
pub struct Run {
    /// Its number, counted from 0 over all traces.
    pub entry: u64,
    /// The clock at which it was entered.
    pub clock: u64,
}

impl Seen {
    /// The last run of a trace before a difference. What an entry or a link shows, the run before it has
    /// left.
    pub fn wrong_run(&self, found: &Divergence, trace: u32) -> Option<Run> {
        let end = match found.event {
            _ if found.kind == DivergenceKind::Broken => self.events.len(),
            _ => found.moment,
        };
        let events = self.events.get(..end.min(self.events.len()))?;
        // Of two that end at different clocks, what happens after the earlier end is a consequence.
        let ended = found.left_state.clock.min(found.right_state.clock);
        let events = match found.kind {
            DivergenceKind::Length => &events[..events.partition_point(|(at, _)| *at < ended)],
            _ => events,
        };
        let own = Some(TraceNumber(trace));
        let at = events.iter().rposition(|(_, kind)| kind.entered() == own)?;
        let entry = events[..at].iter().filter(|event| is_entry(event)).count() as u64;
        Some(Run { entry, clock: events[at].0.0 })
    }

    /// The events up to the entry of this number: runs of two executors are the same run if these are equal.
    pub fn up_to_run(&self, run: u64) -> &[(Clock, EventKind)] {
        let entries = (0..self.events.len()).filter(|&at| is_entry(&self.events[at]));
        let end = entries.take(run as usize + 1).last().map_or(0, |at| at + 1);
        &self.events[..end]
    }

    fn trace(&mut self, trace: TraceId) -> &mut TraceSeen {
        let index = trace.0 as usize;
        if self.traces.len() <= index {
            self.traces.resize_with(index + 1, TraceSeen::default);
        }
        &mut self.traces[index]
    }
}

fn is_entry((_, kind): &(Clock, EventKind)) -> bool {
    kind.entered().is_some()
}

pub struct Probe {
    records: Records,
    /// Runs so far.
    runs: u64,
    kept: usize,
    expected: Option<Expected>,
    pub seen: Seen,
}

impl Probe {
    pub fn new(records: Records) -> Probe {
        Probe { records, runs: 0, kept: 0, expected: None, seen: Seen::default() }
    }

    /// Whether the present run is one that leaves records.
    fn is_kept(&self) -> bool {
        match self.records {
            Records::Of(run) => run + 1 == self.runs,
            Records::All => self.kept < MAX_RECORDS,
            Records::None => false,
        }
    }

    /// The exit that was announced by `leaving` is restored.
    fn restored(&mut self, vm: &Vm) {
        if let Some(expected) = self.expected.take() {
            self.seen.wrong_restore = expected.difference(vm);
        }
    }
}

impl JitObserver for Probe {
    fn wants_records(&self) -> bool {
        self.records != Records::None && self.kept < MAX_RECORDS
    }

    fn entering(&mut self, _: &Vm, _: TraceId) {
        self.runs += 1;
    }

    fn wants_links(&self) -> bool {
        true
    }

    fn linked(&mut self, vm: &Vm, _: TraceId, _: SnapshotId, _: TraceId) {
        self.restored(vm);
        self.runs += 1;
    }

    fn stitched(&mut self, vm: &Vm, _: TraceId, _: SnapshotId, side: StitchSide) {
        match side {
            StitchSide::Call => self.restored(vm),
            StitchSide::Return => self.runs += 1,
        }
    }

    fn executed(&mut self, trace: TraceId, records: &[Record]) {
        if self.is_kept() {
            self.kept += records.len();
            self.seen.runs.push(RunSeen { trace, records: records.to_vec(), left: None });
        }
    }

    fn recorded(&mut self, vm: &Vm, trace: TraceId) {
        self.seen.trace(trace).recorded = Some(vm.clock());
    }

    fn stage(&mut self, trace: TraceId, stage: &Shown) {
        let seen = self.seen.trace(trace);
        match stage {
            Shown::Ir(stage) => {
                if stage.input.is_none() {
                    // An earlier attempt under this number was given up.
                    *seen = TraceSeen { recorded: seen.recorded, ..TraceSeen::default() };
                }
                seen.ir.push(IrStage {
                    name: stage.name,
                    input: stage.input.cloned(),
                    output: stage.output.clone(),
                    rule: stage.cx.last_rule(),
                    rewrites: stage.cx.count(),
                });
            }
            Shown::Lowered(lowered) => seen.lowered = Some((*lowered).clone()),
            Shown::Allocated(allocated) => seen.allocated = Some((*allocated).clone()),
            Shown::Code(code) => seen.code = Some((*code).clone()),
        }
    }

    fn leaving(
        &mut self,
        vm: &Vm,
        ir: &Trace,
        exit: SnapshotId,
        clock: u64,
        read: &dyn Fn(ValueId) -> u64,
    ) {
        if self.is_kept()
            && let Some(run) = self.seen.runs.last_mut()
        {
            let values = ir.snapshot(exit).values().map(|id| (id, read(id))).collect();
            run.left = Some(ExitSeen { exit, values });
        }
        if self.seen.wrong_restore.is_none() {
            self.expected = Some(Expected::new(vm, ir, exit, clock, read));
        }
    }

    fn left(&mut self, vm: &Vm, _: TraceId, _: SnapshotId) {
        self.restored(vm);
    }
}

/// The state that a snapshot describes, applied by code of its own.
struct Expected {
    frames: usize,
    /// Stack index, value.
    slots: Vec<(usize, Value)>,
    /// Base of each inlined frame.
    bases: Vec<usize>,
    /// Of the root frame and the inlined ones.
    pcs: Vec<u32>,
    open_top: Option<usize>,
    clock: u64,
}

impl Expected {
    fn new(
        vm: &Vm,
        ir: &Trace,
        exit: SnapshotId,
        clock: u64,
        read: &dyn Fn(ValueId) -> u64,
    ) -> Expected {
        let snapshot = ir.snapshot(exit);
        let root = vm.top_frame().base;
        let index = |slot: Slot| root.wrapping_add_signed(slot as isize);
        let value = |id: ValueId| value_of(ir.ty(id), read(id));
        let mut slots: Vec<(usize, Value)> =
            snapshot.slots.iter().map(|&(slot, id)| (index(slot), value(id))).collect();
        let callees = snapshot.frames.iter();
        slots.extend(callees.map(|link| (index(link.base - 1), value(link.closure))));
        let mut pcs: Vec<u32> = snapshot.frames.iter().map(|link| link.return_pc).collect();
        pcs.push(snapshot.pc);
        Expected {
            frames: vm.frames().len(),
            slots,
            bases: snapshot.frames.iter().map(|link| index(link.base)).collect(),
            pcs,
            open_top: snapshot.open_top.map(index),
            clock: vm.clock() + clock,
        }
    }

    /// What the VM has otherwise.
    fn difference(&self, vm: &Vm) -> Option<String> {
        if vm.frames().len() != self.frames + self.bases.len() {
            return Some("frame count".into());
        }
        let inlined = &vm.frames()[self.frames..];
        if inlined.iter().map(|frame| frame.base()).ne(self.bases.iter().copied()) {
            return Some("frame base".into());
        }
        let pcs = (self.frames - 1..vm.frames().len()).map(|index| vm.frame(index).pc.0);
        if pcs.ne(self.pcs.iter().copied()) {
            return Some("pc".into());
        }
        let same =
            |a: Value, b: Value| a.tag() == b.tag() && (a.is_nil() || a.payload() == b.payload());
        // A callee's place may be named twice, by the frame and by a slot.
        let found = self.slots.iter().map(|&(index, value)| (index, value, vm.stack_value(index)));
        let wrong: Vec<_> = found.filter(|&(_, value, found)| !same(found, value)).collect();
        let is_callee = |index: usize| self.bases.first().is_some_and(|&base| index + 1 >= base);
        let is_left_out = |&(index, value, found): &(usize, Value, Value)| {
            is_callee(index) && found.is_nil() && value.tag() != Tag::False
        };
        if wrong.iter().any(is_left_out) && wrong.iter().all(|&(index, ..)| is_callee(index)) {
            return Some("callee's register left out".into());
        }
        if let Some(&(_, value, found)) = wrong.first() {
            return Some(format!("register, {}", wrong_value(value, found)));
        }
        if self.open_top.is_some_and(|top| vm.open_top() != top) {
            return Some("open top".into());
        }
        (vm.clock() != self.clock).then(|| "clock".into())
    }
}

/// What kind of value became what.
fn wrong_value(expected: Value, found: Value) -> String {
    let tag = format!("{:?}", expected.tag()).to_lowercase();
    if found.tag() != expected.tag() {
        return format!("{tag} as {:?}", found.tag()).to_lowercase();
    }
    match (expected.as_int(), expected.as_float()) {
        (Some(int), _) if i32::try_from(int).is_err() => "wide int".into(),
        (_, Some(float)) if float.is_nan() => "NaN".into(),
        (_, Some(float)) if float == 0.0 && float.is_sign_negative() => "-0.0".into(),
        _ => tag,
    }
}

/// Keeps the events of a run.
#[derive(Default)]
pub struct EventLog(pub Vec<(Clock, EventKind)>);

impl EventSink for EventLog {
    fn event<S: State>(&mut self, clock: Clock, kind: EventKind, _: &S) -> Next {
        self.0.push((clock, kind));
        Next::Never
    }
    fn end<S: State>(&mut self, _: &S, _: &Ending<S::Value>, _: &[u8]) {}
}
