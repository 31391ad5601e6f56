//! The collector: nothing that is reachable is freed, everything else is; the map of live memory.

mod support;

use plumb_jit::heap::Value;
use plumb_jit::vm::Vm;
use std::num::NonZeroU32;
use support::{compile, new_vm, proto_of, puc, run_in, run_puc};

fn programs() -> impl Iterator<Item = &'static str> {
    [
        include_str!("vm/control.lua"),
        include_str!("vm/metamethods.lua"),
        include_str!("vm/protected.lua"),
        include_str!("vm/operators.lua"),
    ]
    .into_iter()
    .flat_map(|file| file.split("---\n"))
    .filter(|program| !program.contains("20000"))
}

fn load(vm: &mut Vm, source: &str) -> Value {
    let (lua, _) = puc();
    let proto = proto_of(&compile(&lua, source));
    Value::from(vm.load(&proto))
}

/// Collecting at every allocation point changes no result.
#[test]
fn programs_survive_constant_collection() {
    for program in programs() {
        let (lua, _) = puc();
        let proto = proto_of(&compile(&lua, program));
        let mut vm = new_vm();
        vm.heap.set_collect_every(NonZeroU32::new(1));
        let ours = run_in(&mut vm, &proto);
        assert_eq!(ours, run_puc(program), "{program}");
    }
}

#[test]
fn garbage_is_freed() {
    let mut vm = new_vm();
    let function = load(
        &mut vm,
        "local t for i = 1, 200000 do t = {i, {i}, tostring(i) .. 'x', function() return i end} end return t",
    );
    vm.call(function, &[]).expect("the program ends");
    assert!(vm.heap.collections > 5);
    assert!(vm.heap.live_bytes() < 1 << 20, "{} bytes", vm.heap.live_bytes());
    let before = vm.heap.live_bytes();
    vm.collect();
    assert!(vm.heap.live_bytes() <= before);
}

#[test]
fn live_data_is_kept() {
    let mut vm = new_vm();
    let function = load(
        &mut vm,
        "local list
        for i = 1, 50000 do list = {next = list, value = i, name = 'n' .. i} end
        local sum, node = 0, list
        while node do sum = sum + node.value; assert(node.name == 'n' .. node.value); node = node.next end
        return sum",
    );
    let results = vm.call(function, &[]).expect("the program ends");
    assert_eq!(results[0].as_int(), Some(50000 * 50001 / 2));
    assert!(vm.heap.collections > 2);
}

#[test]
fn a_memory_limit_is_a_lua_error() {
    let mut vm = new_vm();
    vm.heap.limit_bytes = 4 << 20;
    let function = load(&mut vm, "local t = {} for i = 1, 1e9 do t[i] = {} end");
    let error = vm.call(function, &[]).expect_err("memory runs out");
    assert_eq!(error.text(), "not enough memory");
    vm.collect();
    let function = load(
        &mut vm,
        "local ok, e = pcall(function() local s = 'x' while true do s = s .. s end end) return e",
    );
    let results = vm.call(function, &[]).expect("the error is caught");
    assert_eq!(results[0].as_str().expect("a message").as_bytes(), b"not enough memory");
}

#[test]
fn regions_are_live_blocks() {
    let mut vm = new_vm();
    let early = vm.heap.new_table_sized(10, 4);
    vm.set_global("early", Value::from(early));
    vm.track_regions(true);
    let late = vm.heap.new_table_sized(4, 0);
    for table in [early, late] {
        let region = vm.heap.region(table.address(), 8).expect("the table is live");
        assert_eq!(region.start, table.address());
        let array = table.array().as_ptr() as u64;
        let bytes = 16 * u64::from(table.array_size());
        assert_eq!(vm.heap.region(array, bytes), Some(array..array + bytes));
        assert_eq!(vm.heap.region(array, bytes + 1), None, "past the end");
    }
    assert!(vm.heap.region(vm.stack_address(), 16).is_some());
    assert!(vm.heap.region(8, 8).is_none());
    let nodes = early.nodes();
    assert!(vm.heap.region(nodes.as_ptr() as u64, 4 * 32).is_some());
    // Tables without nodes share one.
    assert!(vm.heap.region(late_node(late), 32).is_some());

    let epoch = vm.heap.epoch();
    let address = late.address();
    vm.collect();
    assert!(vm.heap.region(address, 8).is_none(), "it was not reachable");
    assert_ne!(vm.heap.epoch(), epoch);
    assert!(vm.heap.region(early.address(), 8).is_some());
}

fn late_node(table: plumb_jit::heap::TableRef) -> u64 {
    assert_eq!(table.node_count(), 0);
    (&raw const plumb_jit::heap::layout::EMPTY_NODE) as u64
}

#[test]
fn strings_are_interned_and_uninterned() {
    let mut vm = Vm::new();
    let kept = support::pin(&mut vm, b"kept");
    assert_eq!(vm.heap.new_string(b"kept"), kept);
    for i in 0..1000 {
        vm.heap.new_string(format!("dropped {i}").as_bytes());
    }
    vm.collect();
    assert_eq!(vm.heap.new_string(b"kept"), kept);
    assert_eq!(kept.as_bytes(), b"kept");
    let long = [b'x'; 100];
    let (a, b) = (vm.heap.new_string(&long), vm.heap.new_string(&long));
    assert!(a != b && a.equals(b) && Value::from(a).raw_equals(Value::from(b)));
}
