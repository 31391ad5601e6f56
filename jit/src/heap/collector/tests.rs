//! Random object graphs change while the collector is at work: what is reachable stays as it was, what
//! is not is freed, and the verifier finds no broken invariant.

use super::super::mark::Marker;
use super::super::value::Value;
use super::super::{Heap, TableRef, UpvalueRef};
use super::{Mode, Phase, Roots};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Roots: one table that holds the graph, one with weak values that sees what is alive, and values on
/// a "stack" without barriers.
struct World {
    heap: Heap,
    graph: TableRef,
    watch: TableRef,
    stack: Vec<Value>,
    next_id: i64,
}

struct WorldRoots<'a>(&'a [Value]);

impl Roots for WorldRoots<'_> {
    fn mark(&self, marker: &mut Marker) {
        marker.values(self.0);
    }
    fn clear_dead_slots(&mut self) {}
}

const NODES: u32 = 12;

impl World {
    fn new() -> World {
        let mut heap = Heap::new();
        let graph = heap.new_table();
        let watch = heap.new_table();
        let metatable = heap.new_table();
        let mode = heap.new_string_value(b"v");
        metatable.set_name(&mut heap, "__mode", mode);
        watch.set_metatable(&mut heap, Some(metatable));
        heap.pinned = vec![Value::from(graph), Value::from(watch)];
        World { heap, graph, watch, stack: vec![Value::NIL; 4], next_id: 0 }
    }

    fn with_roots<R>(&mut self, run: impl FnOnce(&mut Heap, &mut dyn Roots) -> R) -> R {
        run(&mut self.heap, &mut WorldRoots(&self.stack))
    }

    fn new_node(&mut self) -> TableRef {
        self.next_id += 1;
        let node = self.heap.new_table();
        node.set_name(&mut self.heap, "id", Value::int(self.next_id));
        self.watch.set_int(&mut self.heap, self.next_id, Value::from(node)).expect("valid key");
        node
    }

    /// One of the nodes that the graph holds, if there is one at this place.
    fn node(&self, at: u32) -> Option<TableRef> {
        self.graph.get_int(i64::from(at % NODES) + 1).as_table()
    }

    fn mutate(&mut self, op: u32) {
        let (kind, a, b) = (op % 11, op / 11, op / 200);
        let (from, to) = (self.node(a), self.node(b));
        let heap = &mut self.heap;
        let value = to.map_or(Value::NIL, Value::from);
        match (kind, from) {
            (0 | 1, _) => {
                let node = self.new_node();
                let key = i64::from(a % NODES) + 1;
                self.graph.set_int(&mut self.heap, key, node.into()).expect("valid key");
            }
            (2, _) => {
                let key = i64::from(a % NODES) + 1;
                self.graph.set_int(heap, key, Value::NIL).expect("valid key");
            }
            (3, _) => self.stack[a as usize % 4] = value,
            (4, Some(from)) => from.set_int(heap, i64::from(b % 5) + 1, value).expect("valid key"),
            (5, Some(from)) => from.set_name(heap, ["x", "y", "z"][b as usize % 3], value),
            (6, Some(from)) => from.set_metatable(heap, to),
            (7, Some(from)) if to.is_some() => {
                from.set(heap, value, Value::TRUE).expect("valid key");
            }
            (8, Some(from)) => {
                // Through an upvalue that may be older than what it gets.
                let held = from.peek_int(9).as_native_closure();
                match held {
                    Some(closure) => closure.set_upvalue(heap, 0, value),
                    None => {
                        let closure = heap.new_native_closure(&NATIVE, &[value]);
                        from.set_int(heap, 9, closure.into()).expect("valid key");
                    }
                }
            }
            (9, Some(from)) => {
                // A reference moves from a table to the stack, where nothing tells the collector.
                self.stack[b as usize % 4] = from.peek_int(1);
                from.set_int(heap, 1, Value::NIL).expect("valid key");
            }
            _ => {
                // Garbage, also strings that were there before.
                heap.new_string(format!("s{}", a % 7).as_bytes());
                heap.new_upvalue(value);
            }
        }
    }

    /// The ids of the nodes that the roots reach, by a naive traversal.
    fn reachable(&self) -> BTreeSet<i64> {
        let mut seen = BTreeSet::new();
        let mut ids = BTreeSet::new();
        let mut pending = self.stack.clone();
        pending.push(Value::from(self.graph));
        while let Some(value) = pending.pop() {
            if let Some(closure) = value.as_native_closure() {
                pending.push(closure.upvalue(0));
            }
            let Some(table) = value.as_table() else { continue };
            if !seen.insert(table.address()) {
                continue;
            }
            pending.extend(table.metatable().map(Value::from));
            for (key, value) in table.entries() {
                if key.as_str().is_some_and(|key| key.as_bytes() == b"id") {
                    ids.insert(value.as_int().expect("an id"));
                }
                pending.extend([key, value]);
            }
        }
        ids
    }

    fn watched(&self) -> BTreeSet<i64> {
        let entries = self.watch.entries();
        entries
            .map(|(id, node)| {
                let node = node.as_table().expect("nodes are watched");
                let named = node.entries().find(|(key, _)| key.is_string()).expect("it has an id");
                assert!(named.1.as_int().is_some() || named.1.is_table());
                id.as_int().expect("an id")
            })
            .collect()
    }

    /// No invariant of the collector is broken.
    fn verify(&mut self) {
        self.heap.verify(&self.stack, None);
    }
}

static NATIVE: crate::vm::NativeFunction =
    crate::vm::NativeFunction { name: "none", call: |vm, _| vm.ret0(), intrinsic: None };

/// Ends what a step left undone, as the VM does after it called finalizers.
fn finish(world: &mut World) {
    if world.heap.phase() == Phase::Finalize {
        while world.heap.next_to_finalize().is_some() {}
        world.heap.end_cycle();
    }
}

fn run(ops: &[u32], mut collect: impl FnMut(&mut World, u32)) {
    let mut world = World::new();
    for op in ops {
        world.mutate(*op);
        collect(&mut world, op / 7);
        finish(&mut world);
        world.verify();
        assert!(world.watched().is_superset(&world.reachable()), "a reachable node is gone");
    }
    world.with_roots(Heap::full);
    finish(&mut world);
    assert_eq!(world.watched(), world.reachable());
}

fn ops() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0u32..40_000, 1..if cfg!(miri) { 40 } else { 400 })
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        cases: if cfg!(miri) { 4 } else { 150 },
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn incremental_steps_keep_exactly_what_is_reachable(ops in ops()) {
        run(&ops, |world, n| {
            world.with_roots(|heap, roots| heap.advance(roots, 1 + n as isize % 9));
        });
    }

    #[test]
    fn generational_steps_keep_exactly_what_is_reachable(ops in ops()) {
        run(&ops, |world, n| {
            if n % 5 == 0 {
                world.with_roots(|heap, roots| heap.change_mode(roots, Mode::Generational));
                world.with_roots(Heap::minor);
            }
        });
    }

    #[test]
    fn modes_change_at_any_time(ops in ops()) {
        run(&ops, |world, n| match n % 13 {
            0 => { world.with_roots(|heap, roots| heap.change_mode(roots, Mode::Generational)); }
            1 => { world.with_roots(|heap, roots| heap.change_mode(roots, Mode::Incremental)); }
            2 => world.with_roots(Heap::full),
            3 => world.heap.note_unbarriered_stores(),
            _ if world.heap.mode() == Mode::Generational => {
                let after = world.with_roots(Heap::generational_step);
                world.heap.end_generational_step(after);
            }
            _ => { world.with_roots(|heap, roots| heap.advance(roots, 1 + n as isize % 30)); }
        });
    }
}

/// Stores without a barrier, as traces make them, are found if the heap is told.
#[test]
fn stores_of_traces_are_found_when_they_are_noted() {
    for generational in [false, true] {
        let mut world = World::new();
        for op in 0..400 {
            world.mutate(op * 11);
        }
        let node = world.node(3).expect("nodes were made");
        if generational {
            world.with_roots(|heap, roots| heap.change_mode(roots, Mode::Generational));
        } else {
            world.with_roots(|heap, roots| heap.advance(roots, 100_000));
            finish(&mut world);
            world.with_roots(|heap, roots| heap.advance(roots, 40));
            assert_eq!(world.heap.phase(), Phase::Propagate);
        }
        node.set_int(&mut world.heap, 1, Value::int(0)).expect("valid key");
        let young = world.new_node();
        let slot = node.int_slot(1);
        // SAFETY: the slot of a key that is present.
        unsafe { *slot = Value::from(young) };
        world.heap.note_unbarriered_stores();
        if generational {
            let after = world.with_roots(Heap::generational_step);
            world.heap.end_generational_step(after);
        } else {
            world.with_roots(|heap, roots| heap.advance(roots, 1_000_000));
            finish(&mut world);
        }
        assert!(world.reachable().contains(&world.next_id));
        assert_eq!(world.watched(), world.reachable());
    }
}

/// A world in which marking goes on, and a node of it that was visited already.
fn while_marking() -> (World, TableRef) {
    let mut world = World::new();
    for op in 0..400 {
        world.mutate(op * 11);
    }
    let node = (0..NODES).find_map(|at| world.node(at)).expect("nodes were made");
    // SAFETY: the graph holds the node.
    let is_visited = || unsafe { (*node.as_ptr()).header.is_black() };
    while world.heap.phase() != Phase::Propagate || !is_visited() {
        world.with_roots(|heap, roots| heap.advance(roots, 1));
        finish(&mut world);
    }
    world.verify();
    (world, node)
}

#[test]
#[should_panic(expected = "a black Table refers to a white Table")]
fn the_verifier_sees_a_store_without_a_barrier() {
    let (mut world, node) = while_marking();
    node.set_int(&mut world.heap, 1, Value::int(0)).expect("valid key");
    let young = world.heap.new_table();
    // SAFETY: the slot of a key that is present.
    unsafe { *node.int_slot(1) = Value::from(young) };
    world.verify();
}

#[test]
#[should_panic(expected = "a grey Table is on no list")]
fn the_verifier_sees_a_forgotten_grey_object() {
    let (mut world, node) = while_marking();
    // SAFETY: the graph holds the node.
    unsafe { (*node.as_ptr()).header.set_grey() };
    world.verify();
}

#[test]
#[should_panic(expected = "refers to an object that was found dead")]
fn the_verifier_sees_a_reference_to_what_was_found_dead() {
    let mut world = World::new();
    let dropped = world.heap.new_table();
    world.with_roots(|heap, roots| {
        while heap.phase() != Phase::Sweep {
            heap.advance(roots, 1);
        }
    });
    world.stack[0] = Value::from(dropped);
    world.verify();
}

/// A string that was found dead but not swept is used again.
#[test]
fn dead_strings_come_back() {
    let mut world = World::new();
    world.heap.new_string(b"comes back");
    world.with_roots(|heap, roots| {
        while heap.phase() != Phase::Sweep {
            heap.advance(roots, 1);
        }
    });
    let string = world.heap.new_string(b"comes back");
    world.stack[0] = Value::from(string);
    world.with_roots(Heap::full);
    finish(&mut world);
    assert_eq!(world.heap.new_string(b"comes back"), string);
}

/// An upvalue shared with an object that moved on keeps its last value.
#[test]
fn upvalues_hold_their_values() {
    let mut world = World::new();
    let node = world.new_node();
    let upvalue: UpvalueRef = world.heap.new_upvalue(Value::from(node));
    let mut roots = UpvalueRoots(upvalue);
    world.heap.full(&mut roots);
    finish(&mut world);
    assert_eq!(world.watched().len(), 1);
    upvalue.set(&mut world.heap, Value::NIL);
    world.heap.full(&mut roots);
    finish(&mut world);
    assert!(world.watched().is_empty());
}

struct UpvalueRoots(UpvalueRef);

impl Roots for UpvalueRoots {
    fn mark(&self, marker: &mut Marker) {
        marker.upvalue(self.0);
    }
    fn clear_dead_slots(&mut self) {}
}
