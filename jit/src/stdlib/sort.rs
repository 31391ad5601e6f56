//! `table.sort`: the quicksort of PUC Lua 5.4.
//!
//! In:  a list and an order.   Out: the list sorted in place.
//!
//! Invariants: the same reads, writes and comparisons in the same order as PUC, so that an order
//! function with effects, or one that is no order at all, shows the same.
//!
//! Limits: after a very uneven partition of a large interval PUC picks pivots by the clock; we then
//! take the constant that its source recommends to those who want no randomness.

use super::table::{READ_WRITE_LENGTH, check_list};
use crate::heap::Value;
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::native::{Args, BasicType, Returned};

/// Intervals at least this long may use a pivot off the middle.
const RANDOM_PIVOT_LIMIT: u32 = 100;
/// In place of the clock, once a partition was too uneven.
const PIVOT_SEED: u32 = !0;

pub(super) fn sort(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let list = check_list(vm, args, 1, READ_WRITE_LENGTH)?;
    let length = vm.length_int(list)?;
    if length > 1 {
        if length >= i64::from(i32::MAX) {
            return Err(vm.arg_error(1, "array too big"));
        }
        let order = vm.arg(args, 2);
        if !order.is_nil() {
            vm.check_type(args, 2, BasicType::Function)?;
        }
        let roots = vm.open_top();
        for _ in 0..ROOTS {
            vm.push(Value::NIL);
        }
        Sort { vm, list, order, roots }.interval(1, length as u32, 0)?;
    }
    vm.ret0()
}

/// Stack slots that keep the values under comparison alive while the order function runs.
const ROOTS: usize = 3;
const LEFT: usize = 0;
const RIGHT: usize = 1;
const PIVOT: usize = 2;

struct Sort<'vm> {
    vm: &'vm mut Vm,
    list: Value,
    /// The order function, nil for `<`.
    order: Value,
    /// First of the [`ROOTS`] slots.
    roots: usize,
}

impl Sort<'_> {
    /// Reads `list[index]` and keeps it alive in a root slot.
    fn read(&mut self, index: u32, root: usize) -> LuaResult<Value> {
        let value = self.vm.index(self.list, Value::int(i64::from(index)))?;
        self.vm.set_stack_value(self.roots + root, value);
        Ok(value)
    }

    fn write(&mut self, index: u32, value: Value) -> LuaResult<()> {
        self.vm.set_index(self.list, Value::int(i64::from(index)), value)
    }

    fn is_less(&mut self, a: Value, b: Value) -> LuaResult<bool> {
        if self.order.is_nil() {
            if let (Some(a), Some(b)) = (a.as_int(), b.as_int()) {
                return Ok(a < b);
            }
            return self.vm.less_than(a, b);
        }
        Ok(!self.vm.call1(self.order, &[a, b])?.is_falsy())
    }

    /// Sorts `low..=high`; recurses into the smaller part, so that the depth is logarithmic.
    fn interval(&mut self, mut low: u32, mut high: u32, mut seed: u32) -> LuaResult<()> {
        while low < high {
            let lowest = self.read(low, LEFT)?;
            let highest = self.read(high, RIGHT)?;
            if self.is_less(highest, lowest)? {
                self.write(low, highest)?;
                self.write(high, lowest)?;
            }
            if high - low == 1 {
                return Ok(());
            }
            let middle = pivot_index(low, high, seed);
            self.order_middle(low, middle, high)?;
            if high - low == 2 {
                return Ok(());
            }
            let pivot = self.read(middle, PIVOT)?;
            let next_to_last = self.read(high - 1, RIGHT)?;
            self.write(middle, next_to_last)?;
            self.write(high - 1, pivot)?;
            let middle = self.partition(low, high, pivot)?;
            let smaller = if middle - low < high - middle {
                self.interval(low, middle - 1, seed)?;
                let smaller = middle - low;
                low = middle + 1;
                smaller
            } else {
                self.interval(middle + 1, high, seed)?;
                let smaller = high - middle;
                high = middle - 1;
                smaller
            };
            // `high` may be below `low` by one here; PUC's unsigned difference is then huge.
            if high.wrapping_sub(low) / 128 > smaller {
                seed = PIVOT_SEED;
                self.vm.shown.pivot = true;
            }
        }
        Ok(())
    }

    /// Puts `middle` between `low` and `high`, which are in order.
    fn order_middle(&mut self, low: u32, middle: u32, high: u32) -> LuaResult<()> {
        let pivot = self.read(middle, LEFT)?;
        let lowest = self.read(low, RIGHT)?;
        if self.is_less(pivot, lowest)? {
            self.write(middle, lowest)?;
            return self.write(low, pivot);
        }
        let highest = self.read(high, RIGHT)?;
        if self.is_less(highest, pivot)? {
            self.write(middle, highest)?;
            return self.write(high, pivot);
        }
        Ok(())
    }

    /// Partitions `low..=high` around `pivot`, which is at `high - 1`; returns its final index.
    fn partition(&mut self, low: u32, high: u32, pivot: Value) -> LuaResult<u32> {
        let (mut i, mut j) = (low, high - 1);
        loop {
            i += 1;
            let mut left = self.read(i, LEFT)?;
            while self.is_less(left, pivot)? {
                if i == high - 1 {
                    return Err(self.vm.error(INVALID_ORDER));
                }
                i += 1;
                left = self.read(i, LEFT)?;
            }
            j -= 1;
            let mut right = self.read(j, RIGHT)?;
            while self.is_less(pivot, right)? {
                if j < i {
                    return Err(self.vm.error(INVALID_ORDER));
                }
                j -= 1;
                right = self.read(j, RIGHT)?;
            }
            if j < i {
                self.write(high - 1, left)?;
                self.write(i, pivot)?;
                return Ok(i);
            }
            self.write(i, right)?;
            self.write(j, left)?;
        }
    }
}

const INVALID_ORDER: &str = "invalid order function for sorting";

/// The middle, or for large intervals an index in the second or third quarter if there is a seed.
fn pivot_index(low: u32, high: u32, seed: u32) -> u32 {
    if high - low < RANDOM_PIVOT_LIMIT || seed == 0 {
        return (low + high) / 2;
    }
    let quarter = (high - low) / 4;
    seed % (quarter * 2) + low + quarter
}
