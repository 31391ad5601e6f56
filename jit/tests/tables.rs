//! Tables against PUC: `#t` with holes, lookups and traversal order after random stores.

mod support;

use mlua::{Lua, Table as PucTable};
use plumb_jit::heap::{Heap, TableRef, Value};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Key {
    Int(i64),
    Float(f64),
    Bool(bool),
}

#[derive(Clone, Debug)]
enum Step {
    Set(Key, bool),
    Length,
    Get(i64),
    /// `t[#t + 1] = v`
    Append,
    /// `t[#t] = nil`
    RemoveLast,
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        8 => (1..40i64).prop_map(Key::Int),
        2 => (-5..300i64).prop_map(Key::Int),
        1 => any::<i64>().prop_map(Key::Int),
        1 => (0..64u32).prop_map(|shift| Key::Int(1i64.wrapping_shl(shift))),
        1 => (-20..20i32).prop_map(|n| Key::Float(f64::from(n) / 2.0)),
        1 => any::<f64>().prop_filter("NaN is no key", |f| !f.is_nan()).prop_map(Key::Float),
        1 => any::<bool>().prop_map(Key::Bool),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (key(), prop::bool::weighted(0.7)).prop_map(|(key, set)| Step::Set(key, set)),
        3 => Just(Step::Length),
        2 => (-2..64i64).prop_map(Step::Get),
        6 => Just(Step::Append),
        3 => Just(Step::RemoveLast),
    ]
}

struct Pair {
    heap: Heap,
    ours: TableRef,
    puc: PucTable,
    serial: i64,
}

impl Pair {
    fn store(&mut self, key: &Key, present: bool) {
        self.serial += 1;
        let (value, puc_value) = if present {
            (Value::int(self.serial), mlua::Value::Integer(self.serial))
        } else {
            (Value::NIL, mlua::Value::Nil)
        };
        let (ours, puc) = match *key {
            Key::Int(int) => (Value::int(int), mlua::Value::Integer(int)),
            Key::Float(float) => (Value::float(float), mlua::Value::Number(float)),
            Key::Bool(bool) => (Value::bool(bool), mlua::Value::Boolean(bool)),
        };
        self.ours.set(&mut self.heap, ours, value).expect("the key is valid");
        self.puc.raw_set(puc, puc_value).expect("the key is valid");
    }

    fn length(&self) -> i64 {
        let (ours, puc) = (self.ours.length(), self.puc.raw_len() as i64);
        assert_eq!(ours, puc, "length");
        ours
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Set(key, present) => self.store(key, *present),
            Step::Length => {
                self.length();
            }
            Step::Get(key) => {
                let puc: Option<i64> = self.puc.raw_get(*key).expect("values are integers");
                assert_eq!(self.ours.get_int(*key).as_int(), puc);
            }
            Step::Append => {
                let next = self.length() + 1;
                self.store(&Key::Int(next), true);
            }
            Step::RemoveLast => {
                let last = self.length();
                self.store(&Key::Int(last), false);
            }
        }
    }

    /// Traversal order, by `next` and by `entries`.
    fn compare_contents(&self) {
        let mut puc = Vec::new();
        for pair in self.puc.clone().pairs::<mlua::Value, i64>() {
            let (key, value) = pair.expect("values are integers");
            puc.push((format!("{key:?}"), value));
        }
        let name = |key: Value| match (key.as_int(), key.as_float()) {
            (Some(int), _) => format!("{:?}", mlua::Value::Integer(int)),
            (_, Some(float)) => format!("{:?}", mlua::Value::Number(float)),
            _ => format!("{:?}", mlua::Value::Boolean(key.raw_equals(Value::TRUE))),
        };
        let entries: Vec<(String, i64)> = self
            .ours
            .entries()
            .map(|(key, value)| (name(key), value.as_int().expect("values are integers")))
            .collect();
        assert_eq!(entries, puc, "entries");
        let mut key = Value::NIL;
        let mut walked = 0;
        while let Some((next, value)) = self.ours.next(key).expect("the key is in the table") {
            assert_eq!((name(next), value.as_int().unwrap()), entries[walked]);
            assert!(self.ours.peek(next).raw_equals(value));
            walked += 1;
            key = next;
        }
        assert_eq!(walked, entries.len());
    }
}

fn run(array: u32, hash: u32, steps: &[Step]) {
    let lua = Lua::new();
    let mut heap = Heap::new();
    let ours = heap.new_table_sized(array, hash);
    let puc =
        lua.create_table_with_capacity(array as usize, hash as usize).expect("PUC makes a table");
    let mut pair = Pair { heap, ours, puc, serial: 0 };
    for step in steps {
        pair.apply(step);
    }
    pair.length();
    pair.compare_contents();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn tables_behave_as_pucs(
        array in 0..20u32,
        hash in 0..10u32,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        run(array, hash, &steps);
    }
}

#[test]
fn growing_and_shrinking_a_sequence() {
    let mut steps: Vec<Step> = (0..1000).map(|_| Step::Append).collect();
    steps.extend((0..990).map(|_| Step::RemoveLast));
    steps.extend((0..100).map(|_| Step::Append));
    run(0, 0, &steps);
    run(7, 0, &steps);
    run(0, 5, &steps);
}

#[test]
fn stores_of_bad_keys_are_refused() {
    let mut heap = Heap::new();
    let table = heap.new_table();
    assert!(table.set(&mut heap, Value::NIL, Value::TRUE).is_err());
    assert!(table.set(&mut heap, Value::float(f64::NAN), Value::TRUE).is_err());
    assert!(table.set(&mut heap, Value::float(f64::NAN), Value::NIL).is_err());
    assert!(table.next(Value::int(1)).is_err());
}
