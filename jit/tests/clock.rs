//! The clock against PUC's count hook: the same instructions are counted, in the same order.

mod support;

use mlua::{HookTriggers, VmState};
use plumb_jit::bytecode::Pc;
use plumb_jit::heap::Value;
use plumb_jit::vm::{Driver, LuaError, Vm};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use support::{compile, new_vm, proto_of, puc};

/// Lines of the instructions that PUC's hook sees, one an instruction.
fn puc_lines(source: &str) -> Vec<u32> {
    let (lua, _) = puc();
    let function = compile(&lua, source);
    let lines = Rc::new(RefCell::new(Vec::new()));
    let sink = lines.clone();
    let triggers = HookTriggers::new().every_nth_instruction(1);
    // Coroutines inherit it.
    lua.set_global_hook(triggers, move |_, debug| {
        let line = debug.current_line().expect("the chunk has lines");
        sink.borrow_mut().push(line as u32);
        Ok(VmState::Continue)
    })
    .expect("the hook is set");
    // How the program ends is compared elsewhere.
    let _ = function.call::<()>(());
    lua.remove_global_hook();
    lines.take()
}

/// Sees every instruction before it executes.
#[derive(Default)]
struct Lines {
    seen: Vec<u32>,
    clocks: Vec<u64>,
}

impl Driver for Lines {
    fn tick(&mut self, vm: &mut Vm) -> Result<(), Box<LuaError>> {
        let frame = vm.top_frame();
        let proto = &frame.proto().expect("instructions belong to Lua functions").proto;
        self.seen.push(proto.line(frame.pc).expect("the chunk has lines"));
        self.clocks.push(vm.clock());
        vm.tick_at(vm.clock() + 1);
        Ok(())
    }
    fn loop_head(&mut self, _: &mut Vm) {}
}

fn our_vm(source: &str) -> (Vm, Value) {
    let (lua, _) = puc();
    let proto = proto_of(&compile(&lua, source));
    let mut vm = new_vm();
    let closure = vm.load(&proto);
    (vm, Value::from(closure))
}

fn our_lines(source: &str) -> (Lines, u64) {
    let (mut vm, function) = our_vm(source);
    vm.set_driver(Some(Box::new(Lines::default())));
    vm.tick_at(0);
    let _ = vm.call(function, &[]);
    let clock = vm.clock();
    let mut driver = vm.set_driver(None).expect("the driver is back");
    let lines = (&mut *driver as &mut dyn Any).downcast_mut::<Lines>().expect("it is ours");
    (std::mem::take(lines), clock)
}

fn programs() -> impl Iterator<Item = &'static str> {
    [
        include_str!("vm/control.lua"),
        include_str!("vm/metamethods.lua"),
        include_str!("vm/protected.lua"),
        include_str!("vm/operators.lua"),
        include_str!("vm/coroutines.lua"),
        include_str!("vm/close.lua"),
    ]
    .into_iter()
    .flat_map(|file| file.split("---\n"))
    // These use helpers that are Lua functions in the PUC state, or recurse until an overflow, or
    // fail with an object that the host turns into a string.
    .filter(|program| {
        ![
            "call(",
            "sort2",
            "f() + 1",
            "f(1, ...)",
            "second",
            "deep",
            "100000",
            "unpack",
            "error(setm",
            "1 + g()",
            "local function nest",
        ]
        .iter()
        .any(|needle| program.contains(needle))
    })
}

#[test]
fn every_instruction_is_counted_as_by_the_count_hook() {
    let mut compared = 0;
    for program in programs() {
        let puc = puc_lines(program);
        let (ours, clock) = our_lines(program);
        assert_eq!(ours.seen, puc, "{program}");
        assert_eq!(clock, puc.len() as u64, "{program}");
        let clocks: Vec<u64> = (0..clock).collect();
        assert_eq!(ours.clocks, clocks, "{program}");
        compared += 1;
    }
    assert!(compared > 80, "only {compared} programs were compared");
}

#[test]
fn the_clock_runs_without_ticks() {
    for program in programs() {
        let (mut vm, function) = our_vm(program);
        let _ = vm.call(function, &[]);
        assert_eq!(vm.clock(), puc_lines(program).len() as u64, "{program}");
    }
}

/// Ticks at chosen clocks only.
struct Checkpoints {
    points: Vec<u64>,
    seen: Vec<(u64, Pc)>,
}

impl Driver for Checkpoints {
    fn tick(&mut self, vm: &mut Vm) -> Result<(), Box<LuaError>> {
        self.seen.push((vm.clock(), vm.top_frame().pc));
        match self.points.pop() {
            Some(next) => vm.tick_at(next),
            None => vm.no_tick(),
        }
        Ok(())
    }
    fn loop_head(&mut self, _: &mut Vm) {}
}

#[test]
fn ticks_come_exactly_where_they_were_asked_for() {
    let source =
        "local s = 0 for i = 1, 100 do s = s + i if i % 3 == 0 then s = s - 1 end end return s";
    let (mut vm, function) = our_vm(source);
    vm.set_driver(Some(Box::new(Checkpoints {
        points: vec![400, 399, 111, 10],
        seen: Vec::new(),
    })));
    vm.tick_at(7);
    vm.call(function, &[]).expect("the program ends");
    let total = vm.clock();
    let mut driver = vm.set_driver(None).expect("the driver is back");
    let checkpoints =
        (&mut *driver as &mut dyn Any).downcast_mut::<Checkpoints>().expect("it is ours");
    let clocks: Vec<u64> = checkpoints.seen.iter().map(|(clock, _)| *clock).collect();
    assert_eq!(clocks, [7, 10, 111, 399, 400]);
    assert_eq!(total, puc_lines(source).len() as u64);
}

/// Counts arrivals at loop heads.
#[derive(Default)]
struct Heads {
    arrivals: Vec<(Pc, u64)>,
}

impl Driver for Heads {
    fn tick(&mut self, _: &mut Vm) -> Result<(), Box<LuaError>> {
        Ok(())
    }
    fn loop_head(&mut self, vm: &mut Vm) {
        let frame = vm.top_frame();
        self.arrivals.push((frame.pc, vm.clock()));
    }
}

#[test]
fn loop_heads_call_the_driver_after_their_count() {
    for (source, expected) in [
        ("for i = 1, 10 do local x = i end", 10 - 1),
        ("for i = 1.0, 10 do local x = i end", 10 - 1),
        ("local i = 0 while i < 10 do i = i + 1 end", 10),
        ("local i = 0 repeat i = i + 1 until i >= 10", 10 - 1),
        ("local i = 0 ::top:: i = i + 1 if i < 10 then goto top end", 10 - 1),
        ("for k in next, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10} do local x = k end", 10),
        (
            "local function it(_, k) if k < 10 then return k + 1 end end for k in it, nil, 0 do local x = k end",
            10,
        ),
        (
            "local t = setmetatable({}, {__lt = function(a, b) return b < 11 end}) local i = 0 repeat i = i + 1 until not (t < i)",
            10,
        ),
    ] {
        for hot in [0u16, 3] {
            let (lua, _) = puc();
            let proto = proto_of(&compile(&lua, source));
            let mut vm = new_vm();
            vm.set_initial_hot_count(hot);
            let closure = vm.load(&proto);
            vm.set_driver(Some(Box::new(Heads::default())));
            vm.call(Value::from(closure), &[]).expect("the program ends");
            let mut driver = vm.set_driver(None).expect("the driver is back");
            let heads = (&mut *driver as &mut dyn Any).downcast_mut::<Heads>().expect("it is ours");
            assert_eq!(heads.arrivals.len(), expected - usize::from(hot), "{source}");
            let pc = heads.arrivals[0].0;
            assert!(heads.arrivals.iter().all(|(other, _)| *other == pc), "{source}");
            let clocks: Vec<u64> = heads.arrivals.iter().map(|(_, clock)| *clock).collect();
            assert!(clocks.is_sorted(), "{source}");
        }
    }
}

#[test]
fn without_a_driver_hot_loops_just_run() {
    let (lua, _) = puc();
    let proto = proto_of(&compile(&lua, "local s = 0 for i = 1, 10 do s = s + i end return s"));
    let mut vm = new_vm();
    vm.set_initial_hot_count(0);
    let closure = vm.load(&proto);
    let results = vm.call(Value::from(closure), &[]).expect("the program ends");
    assert_eq!(results[0].as_int(), Some(55));
}

/// Runs the rest of a counting loop itself, as a trace would.
struct Trace;

impl Driver for Trace {
    fn tick(&mut self, _: &mut Vm) -> Result<(), Box<LuaError>> {
        Ok(())
    }
    fn loop_head(&mut self, vm: &mut Vm) {
        // Registers: s, (index, count, step), i. The body has one ADD and one MMBIN, then FORLOOP.
        let frame = vm.top_frame();
        let (base, pc) = (frame.base, frame.pc);
        let value = |register: usize| frame.registers[register].as_int().expect("an integer");
        let (mut sum, mut index, mut count) = (value(0), value(1), value(2));
        let iterations = count as u64;
        while count > 0 {
            sum += index;
            index += 1;
            count -= 1;
        }
        vm.set_stack_value(base, Value::int(sum));
        vm.set_stack_value(base + 1, Value::int(index));
        vm.set_stack_value(base + 2, Value::int(0));
        vm.set_stack_value(base + 4, Value::int(index));
        vm.advance_clock(2 * iterations);
        vm.set_pc(pc);
    }
}

#[test]
fn a_driver_may_run_the_loop_itself() {
    let source = "local s = 0 for i = 1, 1000 do s = s + i end return s";
    let (lua, _) = puc();
    let proto = proto_of(&compile(&lua, source));
    let mut vm = new_vm();
    vm.set_initial_hot_count(10);
    let closure = vm.load(&proto);
    vm.set_driver(Some(Box::new(Trace)));
    let results = vm.call(Value::from(closure), &[]).expect("the program ends");
    assert_eq!(results[0].as_int(), Some(500500));
    assert_eq!(vm.clock(), puc_lines(source).len() as u64);
}

/// Ends the program at a clock.
struct Stop;

impl Driver for Stop {
    fn tick(&mut self, vm: &mut Vm) -> Result<(), Box<LuaError>> {
        Err(LuaError::stopped(vm.heap.new_string_value(b"out of time")))
    }
    fn loop_head(&mut self, _: &mut Vm) {}
}

#[test]
fn no_protected_call_catches_the_end_of_a_program() {
    let source = "while true do pcall(function() while true do end end) end";
    let (mut vm, function) = our_vm(source);
    vm.set_driver(Some(Box::new(Stop)));
    vm.tick_at(1000);
    let error = vm.call(function, &[]).expect_err("the program is endless");
    assert_eq!(error.text(), "out of time");
    assert_eq!(vm.clock(), 1000);
    assert_eq!(vm.frame_count(), 0);
}
