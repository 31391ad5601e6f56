//! The collector: nothing that is reachable is freed, everything else is; the map of live memory.

mod support;

use plumb_jit::heap::Value;
use plumb_jit::heap::layout::{
    NODE_KEY_PAYLOAD, NODE_KEY_TAG, TABLE_ABSENT_METAMETHODS, TABLE_ALIMIT, TABLE_ARRAY,
};
use plumb_jit::heap::value::VALUE_TAG;
use plumb_jit::vm::Vm;
use std::num::NonZeroU32;
use support::{compile, new_vm, proto_of, puc, run_in, run_puc};

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
    .filter(|program| {
        !["20000", "1 + f(n + 1)", "1 + g()", "gen(120)"].iter().any(|s| program.contains(s))
    })
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

/// The program takes away everything through which it could reach what the VM itself needs. (PUC needs
/// what is in the registry, so this is not compared.) The heap's verifier looks at what is left.
#[test]
fn what_only_the_vm_refers_to_is_kept() {
    let program = "local debug, load, type, rep = debug, load, type, string.rep
        local getregistry, collect, pcall, print = debug.getregistry, collectgarbage, pcall, print
        local registry, chunk = getregistry(), debug.getinfo(1, 'f').func
        package.loaded, registry._LOADED, registry[2], package = nil
        registry = nil
        debug.setupvalue(chunk, 1, {})
        for i = 1, 50 do local garbage = {i} collect() end
        local global = load 'return _G'
        print(type(global()), rep('x', 3), pcall(rep, 'x', 1 << 30))";
    let mut vm = new_vm();
    vm.heap.set_collect_every(NonZeroU32::new(1));
    vm.heap.limit_bytes = 64 << 20;
    let function = load(&mut vm, program);
    vm.call(function, &[]).expect("the program ends");
    let printed = String::from_utf8_lossy(&vm.output);
    assert_eq!(printed, "table\txxx\tfalse\tnot enough memory\n");
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

/// What a wrong trace stores to is denied before it is damaged, unless a value may be there.
#[test]
fn stores_go_to_places_for_values() {
    let mut vm = new_vm();
    let early = vm.heap.new_table_sized(10, 4);
    vm.track_regions(true);
    let late = vm.heap.new_table_sized(4, 2);
    for table in [early, late] {
        let array = table.array().as_ptr() as u64;
        let nodes = table.nodes().as_ptr() as u64;
        let value = |at: u64| [(at, 8), (at + VALUE_TAG as u64, 1)];
        let last = array + 16 * u64::from(table.array_size() - 1);
        let flags = table.address() + TABLE_ABSENT_METAMETHODS as u64;
        for (at, bytes) in [value(array), value(last), value(nodes), value(nodes + 32)].concat() {
            assert!(vm.heap.may_be_stored_to(at, bytes), "{:#x} of {bytes} bytes", at - array);
        }
        assert!(vm.heap.may_be_stored_to(flags, 1));
        let denied = [
            (flags, 2),
            (table.address() + TABLE_ARRAY as u64, 8),
            (table.address() + TABLE_ALIMIT as u64, 4),
            (nodes + NODE_KEY_PAYLOAD as u64, 8),
            (nodes + 32 + NODE_KEY_TAG as u64, 1),
            (nodes + NODE_KEY_PAYLOAD as u64 - 4, 8),
            (last + 16, 1),
        ];
        for (at, bytes) in denied {
            assert!(!vm.heap.may_be_stored_to(at, bytes), "{:#x} of {bytes} bytes", at - array);
        }
    }
    let text = vm.heap.new_string_value(&[b'x'; 64]);
    assert!(!vm.heap.may_be_stored_to(text.payload() + 24, 8));
    assert!(vm.heap.may_be_stored_to(vm.stack_address(), 8));
    let shared = vm.heap.new_table_sized(1, 0);
    assert!(
        !vm.heap.may_be_stored_to(late_node(shared), 8),
        "the node of all tables without a hash part"
    );
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

/// Suspended coroutines that nothing refers to are freed with their stacks; closures keep what they
/// share with them.
#[test]
fn unreachable_coroutines_are_freed() {
    let mut vm = new_vm();
    let function = load(
        &mut vm,
        "local keep, getters = {}, {}
        for i = 1, 20000 do
          local co = coroutine.wrap(function()
            local mine, more = i, {}
            local function get() return mine + #more end
            coroutine.yield(get)
            error('never resumed')
          end)
          local get = co()
          if i % 1000 == 0 then getters[#getters + 1] = get end
          if i % 5000 == 0 then keep[#keep + 1] = co end
        end
        for i = 1, 100000 do local garbage = {i} end
        local sum = 0
        for _, get in ipairs(getters) do sum = sum + get() end
        return sum, #keep",
    );
    let results = vm.call(function, &[]).expect("the program ends");
    assert_eq!(results[0].as_int(), Some(210_000));
    assert_eq!(results[1].as_int(), Some(4));
    vm.collect();
    assert!(vm.heap.live_bytes() < 1 << 20, "{} bytes", vm.heap.live_bytes());
}

/// A hundred thousand coroutines may wait at once.
#[test]
fn many_coroutines_live_at_once() {
    let mut vm = new_vm();
    let function = load(
        &mut vm,
        "local t = {}
        for i = 1, 100000 do
          t[i] = coroutine.wrap(function() local n = i while true do coroutine.yield(n) n = n + 1 end end)
          t[i]()
        end
        local sum = 0
        for i = 1, #t do sum = sum + t[i]() end
        return sum",
    );
    let results = vm.call(function, &[]).expect("the program ends");
    assert_eq!(results[0].as_int(), Some(5_000_150_000));
    assert!(vm.heap.live_bytes() < 250 << 20, "{} bytes", vm.heap.live_bytes());
}

/// The memory map has the stack of every coroutine, wherever it is.
#[test]
fn stacks_of_coroutines_are_in_the_memory_map() {
    let mut vm = new_vm();
    vm.track_regions(true);
    let function = load(
        &mut vm,
        "local function deep(n) if n == 0 then coroutine.yield() return 0 end return 1 + deep(n - 1) end
        local co = coroutine.create(deep)
        coroutine.resume(co, 1000)
        return co",
    );
    let results = vm.call(function, &[]).expect("the program ends");
    let thread = results[0].as_thread().expect("a coroutine");
    let state = vm.thread_state(thread);
    let frames = state.frames().len();
    assert_eq!(frames, 1002, "the calls and the yield");
    for index in 0..frames {
        let registers = state.view(index).registers;
        let bytes = std::mem::size_of_val(registers) as u64;
        let region = vm.heap.region(registers.as_ptr() as u64, bytes.max(1));
        assert!(region.is_some(), "frame {index}");
    }
    vm.close_coroutine(thread).expect("it can be closed");
    vm.collect();
}
