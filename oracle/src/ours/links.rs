//! A stand-in for a JIT with links and stitched calls: the interpreter, of which each iteration passes for
//! a run of a trace that leads into another one, and each call of a native function for a stitched call.
//!
//! It speaks to the same observer as the JIT does, so the moments that links and stitched calls make go the
//! whole way: from the observer's calls through the lockstep to its report and to blame.

use super::jit::{Plugged, lead};
use super::{Interpreter, offers};
use crate::blame::tests::{last_run, looked_into};
use crate::engine::{EventSink, Leader, Options, Outcome, Program};
use crate::event::{EventKind, ExitNumber, StitchSide, TraceNumber};
use crate::lockstep::{Select, three_way, two_way};
use crate::puc::Reference;
use crate::verdict::{self, Divergence, DivergenceKind, Verdict};
use plumb_jit::bytecode::Op;
use plumb_jit::heap::{Tag, Value};
use plumb_jit::ir::trace::SnapshotId;
use plumb_jit::trace::manager::{self, JitObserver, TraceId};
use plumb_jit::vm::{Driver, LuaError, Vm};
use std::rc::Rc;

/// Where the state is wrong when it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wrong {
    Nowhere,
    /// At the link of this number.
    Link(u32),
    /// Before the stitched call of this number.
    Call(u32),
    /// After it.
    Return(u32),
}

struct Linking(Wrong);

struct Running {
    observer: Box<dyn JitObserver>,
    wrong: Wrong,
    /// The trace whose run this passes for; `None` before the first.
    trace: Option<TraceId>,
    links: u32,
    calls: u32,
    /// Calls under way: number, frames at the call.
    pending: Vec<(u32, usize)>,
}

/// The exit of the link, or of the stitched call, of this number.
fn exit(number: u32) -> SnapshotId {
    SnapshotId(10 + number)
}

/// Register 0 of the main chunk is 1 off.
fn spoil(vm: &mut Vm) {
    let base = vm.frames()[0].base();
    let value = vm.stack_value(base).as_int().expect("register 0 is an integer");
    vm.set_stack_value(base, Value::int(value + 1));
}

impl Driver for Running {
    fn tick(&mut self, vm: &mut Vm) -> Result<(), Box<LuaError>> {
        vm.tick_at(vm.clock() + 1);
        if self.trace.is_none() {
            self.observer.entering(vm, TraceId(0));
            self.trace = Some(TraceId(0));
        }
        let trace = self.trace.expect("it is entered");
        let depth = vm.frame_count();
        while let Some((call, at)) = self.pending.pop_if(|(_, at)| depth <= *at) {
            // Deeper ones raised an error.
            if depth == at {
                if self.wrong == Wrong::Return(call) {
                    spoil(vm);
                }
                self.observer.stitched(vm, trace, exit(call), manager::StitchSide::Return);
            }
        }
        let frame = vm.top_frame();
        let Some(code) = frame.proto().map(|proto| proto.code()) else { return Ok(()) };
        let next = code[frame.pc.index()];
        let callee = || frame.registers[next.a()];
        match next.op() {
            Op::Call if matches!(callee().tag(), Tag::Native | Tag::NativeClosure) => {
                self.pending.push((self.calls, depth));
                if self.wrong == Wrong::Call(self.calls) {
                    spoil(vm);
                }
                self.observer.stitched(vm, trace, exit(self.calls), manager::StitchSide::Call);
                self.calls += 1;
            }
            Op::Return | Op::Return0 | Op::Return1 if depth == 1 => {
                self.observer.left(vm, trace, SnapshotId(1));
            }
            _ => {}
        }
        Ok(())
    }

    fn loop_head(&mut self, vm: &mut Vm) {
        let from = self.trace.expect("the first tick is before the first instruction");
        let to = TraceId(1 - from.0);
        if self.wrong == Wrong::Link(self.links) {
            spoil(vm);
        }
        assert!(self.observer.wants_links());
        self.observer.linked(vm, from, exit(self.links), to);
        self.trace = Some(to);
        self.links += 1;
    }
}

impl Plugged for Linking {
    fn plug(&self, vm: &mut Vm, observer: Box<dyn JitObserver>, _: u64) {
        // Every arrival at a loop head is told.
        vm.set_initial_hot_count(0);
        vm.heap.stopped = true;
        vm.tick_at(0);
        let pending = Vec::new();
        let running = Running { observer, wrong: self.0, trace: None, links: 0, calls: 0, pending };
        vm.set_driver(Some(Box::new(running)));
    }

    fn unplug(&self, _: &mut Vm) {}
}

impl Leader for Linking {
    fn kind(&self) -> verdict::Engine {
        verdict::Engine::Jit
    }
    fn lead<E: EventSink>(&self, program: &Program, sink: E) -> (Outcome, E) {
        lead(self, program, sink, None)
    }
}

const SOURCE: &str = "local n, f = 0, function(x) if x == 3 then error('three') end return x end
for i = 1, 6 do
  n = n + math.abs(-i)
  pcall(f, i)
end
return n";

fn program() -> Rc<Program> {
    let options = Options { offers: Some(offers), ..Options::default() };
    Rc::new(Program::new(SOURCE.as_bytes(), "=links", options))
}

fn check(wrong: Wrong) -> Verdict {
    let verdict = two_way(&program(), &Linking(wrong), &Interpreter, Select::Live);
    let all = three_way(&program(), &Linking(wrong), &Interpreter, &Reference);
    assert_eq!(verdict.is_agree(), all.is_agree(), "{all:?}");
    verdict
}

fn first_difference(wrong: Wrong) -> Box<Divergence> {
    match check(wrong) {
        Verdict::Diverge(found) => found,
        other => panic!("{wrong:?}: {other:?}"),
    }
}

#[test]
fn links_and_stitched_calls_are_compared_and_counted() {
    let Verdict::Agree(compared) = check(Wrong::Nowhere) else { panic!("a false alarm") };
    assert_eq!((compared.trace_entries, compared.trace_exits), (1, 1));
    assert_eq!(compared.links, 5);
    // Of 6 calls of `math.abs`, 6 of `pcall`, both ends; of `error`, one.
    assert_eq!(compared.stitches, 25);
    let text = crate::report::compared(&compared);
    assert!(text.contains("5 links, 25 ends of stitched calls"), "{text}");
}

#[test]
fn a_wrong_state_at_a_link_is_found_there() {
    let found = first_difference(Wrong::Link(2));
    let (from, to) = (TraceNumber(0), TraceNumber(1));
    assert_eq!(found.event, EventKind::Link(from, ExitNumber(12), to));
    assert_eq!(found.kind, DivergenceKind::Register);
    assert_eq!(found.differences[0].place, "frame 0, register 0 (n)");
    let report = crate::report::divergence(&found, SOURCE.as_bytes(), None);
    let last = "last agreement at";
    assert!(report.contains("(link from exit 12 of trace 0 to trace 1)"), "{report}");
    assert!(report.lines().any(|line| line.starts_with(last) && line.contains("stitched call")));
    // The value was made by the trace that was left.
    assert_eq!(looked_into(&found, Some(to)), Some(from));
    assert_eq!(looked_into(&found, Some(TraceNumber(7))), Some(TraceNumber(7)));
}

#[test]
fn a_wrong_state_at_either_end_of_a_stitched_call_is_found_there() {
    // 0 is `math.abs(-1)`, 1 the first `pcall`.
    for (wrong, side, text) in [
        (Wrong::Call(1), StitchSide::Call, "(stitched call at exit 11 of trace 0)"),
        (
            Wrong::Return(1),
            StitchSide::Return,
            "(return of the stitched call at exit 11 of trace 0)",
        ),
    ] {
        let found = first_difference(wrong);
        assert_eq!(found.event, EventKind::Stitch(TraceNumber(0), ExitNumber(11), side));
        let report = crate::report::divergence(&found, SOURCE.as_bytes(), None);
        assert!(report.contains(text), "{report}");
        assert_eq!(looked_into(&found, Some(TraceNumber(0))), Some(TraceNumber(0)));
    }
}

/// What a moment shows, the run before it has made: of the trace that a link left, not of that it enters.
#[test]
fn the_run_before_a_link_is_the_one_to_look_into() {
    let found = first_difference(Wrong::Link(2));
    let run = |trace| last_run(&program(), &Linking(Wrong::Link(2)), &found, TraceNumber(trace));
    let (left, entered) = (run(0).expect("it ran"), run(1).expect("it ran"));
    assert!(entered.clock < left.clock && left.clock < found.clock.0);
    assert!(entered.entry < left.entry);
    // The run that ends at this link, of the third iteration, began at the return of the third `pcall`.
    let at_return = first_difference(Wrong::Return(5));
    assert!(matches!(at_return.event, EventKind::Stitch(_, _, StitchSide::Return)));
    assert_eq!(left.clock, at_return.clock.0);
}
