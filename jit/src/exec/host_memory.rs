//! The VM's own memory, as the IR evaluator sees it.
//!
//! In:  the running frame and the heap.   Out: [`HostMemory`], a [`TraceMemory`].
//!
//! Invariant: reads, writes and helper calls go to the addresses that compiled code would use, so
//! a trace may run here or as machine code and the VM cannot tell.
//!
//! Addresses are checked where a [`MemoryMap`] is given. Without one a wrong trace is a wrong program
//! here as it is in machine code.

use super::executor::MemoryMap;
use super::helpers::{HostFn, Parameter};
use super::runtime::Helper;
use crate::bytecode::MAX_REGISTERS;
use crate::heap::value::{Tag, VALUE_PAYLOAD, VALUE_SIZE, VALUE_TAG};
use crate::ir::eval::{EvalTrap, TraceMemory};
use crate::ir::op::Ty;
use crate::ir::trace::Slot;
use rustc_hash::FxHashSet;
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

/// The running frame's registers, and everything reachable from them.
pub struct HostMemory<'a> {
    base: u64,
    heap: u64,
    map: Option<&'a dyn MemoryMap>,
    /// Addresses that were stored to, where there is a map to ask about them.
    written: FxHashSet<u64>,
    /// What registers of the root frame held at entry that were stored to. No right trace does that; of a
    /// wrong one, its stores would be taken for the values at entry.
    overwritten: Vec<(Slot, (Tag, u64))>,
}

impl<'a> HostMemory<'a> {
    /// `base` is the address of the root frame's register 0, `heap` is `TraceContext::heap`.
    ///
    /// # Safety
    /// While this value lives it may only be given to traces that were recorded in this VM and
    /// keep the verifier's rules, for the frame at `base`, whose stack holds the trace's
    /// `max_slots`. The addresses of the stack, of `heap` and of all objects reachable from the
    /// frame have exposed provenance, and no Rust reference to them is live during a run.
    pub unsafe fn new(base: u64, heap: u64, map: Option<&'a dyn MemoryMap>) -> HostMemory<'a> {
        HostMemory { base, heap, map, written: FxHashSet::default(), overwritten: Vec::new() }
    }

    /// Denies an address where nothing live is, if there is a map to ask.
    fn check(&self, address: u64, bytes: u64) -> Result<(), EvalTrap> {
        match self.map {
            Some(map) if map.region(address, bytes).is_none() => Err(EvalTrap::BadAddress(address)),
            _ => Ok(()),
        }
    }

    fn check_store(&mut self, address: u64, bytes: u64) -> Result<(), EvalTrap> {
        self.check(address, bytes)?;
        if let Some(map) = self.map {
            if !map.accepts_store(address, bytes) {
                return Err(EvalTrap::BadAddress(address));
            }
            self.written.insert(address);
        }
        self.keep_entry_value(address);
        Ok(())
    }

    fn keep_entry_value(&mut self, address: u64) {
        let slot = address.wrapping_sub(self.base) / VALUE_SIZE as u64;
        if slot < u64::from(MAX_REGISTERS)
            && self.overwritten.iter().all(|kept| kept.0 != slot as Slot)
        {
            let value = self.slot(slot as Slot);
            self.overwritten.push((slot as Slot, value));
        }
    }

    /// Denies what a helper may not be given.
    fn accepts(&self, parameter: Parameter, value: u64) -> Result<(), EvalTrap> {
        match self.map {
            Some(map) if !map.accepts(parameter, value) => Err(EvalTrap::BadAddress(value)),
            _ => Ok(()),
        }
    }

    /// Whether all places that were stored to since the last audit hold values still. To be asked before
    /// host code looks at the heap, or moves what is in it.
    pub fn audit(&mut self) -> Result<(), EvalTrap> {
        let map = self.map;
        let unsound = |&at: &u64| map.is_some_and(|map| !map.is_sound_at(at));
        match self.written.drain().find(unsound) {
            Some(at) => Err(EvalTrap::UnsoundValue(at)),
            None => Ok(()),
        }
    }

    fn slot_address(&self, slot: Slot) -> u64 {
        self.base.wrapping_add_signed(i64::from(slot) * VALUE_SIZE as i64)
    }

    fn load<T: Copy>(&self, address: u64) -> T {
        // SAFETY: `new`'s caller vouches that a verified trace only names live memory.
        unsafe { with_exposed_provenance::<T>(address as usize).read() }
    }

    fn store<T>(&mut self, address: u64, value: T) {
        // SAFETY: as for `load`; a trace stores whole values into live objects only.
        unsafe { with_exposed_provenance_mut::<T>(address as usize).write(value) }
    }
}

fn call(helper: Helper, args: [u64; 5]) -> Result<u64, EvalTrap> {
    let [a, b, c, d, e] = args;
    // SAFETY: the arguments are those that compiled code passes: live objects of the kinds that
    // the IR's types say, the heap that owns them, and a valid value.
    unsafe {
        match helper.host_fn() {
            HostFn::Int1(f) => Ok(f(a)),
            HostFn::Int2(f) => Ok(f(a, b)),
            HostFn::Int5(f) => Ok(f(a, b, c, d, e)),
            _ => Err(EvalTrap::NoHelper(helper.name())),
        }
    }
}

impl TraceMemory for HostMemory<'_> {
    fn slot(&mut self, slot: Slot) -> (Tag, u64) {
        if let Some(&(_, value)) = self.overwritten.iter().find(|kept| kept.0 == slot) {
            return value;
        }
        let address = self.slot_address(slot);
        let tag = self.load::<Tag>(address.wrapping_add(VALUE_TAG as u64));
        (tag, self.load(address.wrapping_add(VALUE_PAYLOAD as u64)))
    }
    fn base(&mut self) -> u64 {
        self.base
    }
    fn root_closure(&mut self) -> u64 {
        let (tag, payload) = self.slot(-1);
        debug_assert_eq!(Some(tag), Ty::Closure.tag(), "the root frame runs a Lua closure");
        payload
    }
    fn read_u8(&mut self, address: u64) -> Result<u8, EvalTrap> {
        self.check(address, 1)?;
        Ok(self.load(address))
    }
    fn read_u32(&mut self, address: u64) -> Result<u32, EvalTrap> {
        self.check(address, 4)?;
        Ok(self.load(address))
    }
    fn read_u64(&mut self, address: u64) -> Result<u64, EvalTrap> {
        self.check(address, 8)?;
        Ok(self.load(address))
    }
    fn write_u8(&mut self, address: u64, value: u8) -> Result<(), EvalTrap> {
        self.check_store(address, 1)?;
        self.store(address, value);
        Ok(())
    }
    fn write_u64(&mut self, address: u64, value: u64) -> Result<(), EvalTrap> {
        self.check_store(address, 8)?;
        self.store(address, value);
        Ok(())
    }
    fn hash_find(&mut self, table: u64, key: u64) -> Result<u64, EvalTrap> {
        self.accepts(Parameter::Table, table)?;
        self.accepts(Parameter::Str, key)?;
        call(Helper::HashFind, [table, key, 0, 0, 0])
    }
    fn hash_find_int(&mut self, table: u64, key: i64) -> Result<u64, EvalTrap> {
        self.accepts(Parameter::Table, table)?;
        call(Helper::HashFindInt, [table, key as u64, 0, 0, 0])
    }
    fn table_set_int(
        &mut self,
        table: u64,
        key: i64,
        tag: Tag,
        payload: u64,
    ) -> Result<(), EvalTrap> {
        self.accepts(Parameter::Table, table)?;
        self.accepts(Parameter::Payload { tag: tag as u8 }, payload)?;
        self.audit()?;
        call(Helper::TableSetInt, [self.heap, table, key as u64, payload, tag as u64]).map(drop)
    }
    fn table_set_str(
        &mut self,
        table: u64,
        key: u64,
        tag: Tag,
        payload: u64,
    ) -> Result<(), EvalTrap> {
        self.accepts(Parameter::Table, table)?;
        self.accepts(Parameter::Str, key)?;
        self.accepts(Parameter::Payload { tag: tag as u8 }, payload)?;
        self.audit()?;
        call(Helper::TableSetStr, [self.heap, table, key, payload, tag as u64]).map(drop)
    }
    fn table_len(&mut self, table: u64) -> Result<i64, EvalTrap> {
        self.accepts(Parameter::Table, table)?;
        Ok(call(Helper::TableLen, [table, 0, 0, 0, 0])? as i64)
    }
}
