//! What the trace knows of the VM's registers while it is recorded.
//!
//! In:  reads and writes of slots (counted from the root frame's base; -1 is its function).
//! Out: the IR value a slot holds, and which slots differ from the trace's entry.
//!
//! Invariants: a slot without a value still holds what it held at entry. Forgetting a slot is
//! only legal when the bytecode can no longer read it (above a returned call).

use crate::ir::trace::{Slot, ValueId};

#[derive(Default)]
pub struct SlotMap {
    /// Index 0 is slot -1.
    slots: Vec<Entry>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    value: Option<ValueId>,
    changed: bool,
}

impl SlotMap {
    fn entry(&mut self, slot: Slot) -> &mut Entry {
        let index = (slot + 1) as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, Entry::default());
        }
        &mut self.slots[index]
    }

    pub fn get(&self, slot: Slot) -> Option<ValueId> {
        self.slots.get((slot + 1) as usize).and_then(|entry| entry.value)
    }

    /// The slot's entry value was loaded.
    pub fn note_loaded(&mut self, slot: Slot, value: ValueId) {
        *self.entry(slot) = Entry { value: Some(value), changed: false };
    }

    pub fn set(&mut self, slot: Slot, value: ValueId) {
        *self.entry(slot) = Entry { value: Some(value), changed: true };
    }

    /// Forget `first` and everything above it: a call returned, or is about to start.
    pub fn forget_from(&mut self, first: Slot) {
        self.slots.truncate((first + 1) as usize);
    }

    /// Changed slots, ascending.
    pub fn changed(&self) -> impl Iterator<Item = (Slot, ValueId)> + '_ {
        self.slots.iter().enumerate().filter(|(_, entry)| entry.changed).map(|(index, entry)| {
            let value = entry.value.expect("a changed slot has a value");
            (index as Slot - 1, value)
        })
    }
}
