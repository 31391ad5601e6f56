//! Running compiled traces on the VM's own heap.
//!
//! In:  a heap, the helper table, fuel.   Out: a [`RunEnv`] for one run.
//!
//! Invariant: while a trace runs, the heap is reached only through the raw pointer kept here (by
//! the memory map, for a moment) and by helpers; the VM holds no reference into it.

use super::executor::{MemoryMap, RunEnv};
use super::helpers::{HelperTable, Parameter};
use super::host_memory::HostMemory;
use crate::heap::Heap;
use crate::heap::layout::ObjectKind;
use crate::ir::eval::{EvalTrap, Forced, Log, Outcome, evaluate_logging};
use crate::ir::trace::{Trace, ValueId};
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Range;

/// The environment of one run on a VM's heap.
pub struct HostEnv<'a> {
    map: HeapMap,
    helpers: &'a HelperTable,
    fuel: u64,
    forced: Option<&'a Cell<Option<Forced>>>,
    audits: bool,
    interrupt: Option<fn() -> bool>,
    interrupted: Cell<bool>,
    /// The heap is borrowed for as long as this lives.
    heap: PhantomData<&'a mut Heap>,
}

impl<'a> HostEnv<'a> {
    pub fn new(heap: &'a mut Heap, helpers: &'a HelperTable, fuel: u64) -> HostEnv<'a> {
        HostEnv {
            map: HeapMap(heap),
            helpers,
            fuel,
            forced: None,
            audits: false,
            interrupt: None,
            interrupted: Cell::new(false),
            heap: PhantomData,
        }
    }

    /// Stops a run that lasts when `interrupt` says so.
    pub fn heed(&mut self, interrupt: Option<fn() -> bool>) {
        self.interrupt = interrupt;
    }

    /// Whether the run was stopped by that.
    pub fn was_interrupted(&self) -> bool {
        self.interrupted.get()
    }

    /// Evaluators of machine-level IR have the guard in `forced` leave.
    pub fn force(&mut self, forced: &'a Cell<Option<Forced>>) {
        self.forced = Some(forced);
    }

    /// Distrusts the trace: the values that it stores are looked at when it leaves.
    pub fn audited(self, audits: bool) -> HostEnv<'a> {
        HostEnv { audits, ..self }
    }
}

impl RunEnv for HostEnv<'_> {
    fn memory(&self) -> &dyn MemoryMap {
        &self.map
    }
    fn helpers(&self) -> &HelperTable {
        self.helpers
    }
    fn fuel(&self) -> u64 {
        self.fuel
    }
    fn is_interrupted(&self) -> bool {
        let stops = self.interrupt.is_some_and(|interrupt| interrupt());
        self.interrupted.set(self.interrupted.get() || stops);
        stops
    }
    fn forces(&self, guard: ValueId) -> bool {
        let Some(cell) = self.forced else { return false };
        let mut forced = cell.get();
        let leaves = forced.as_mut().is_some_and(|forced| forced.leaves(guard));
        cell.set(forced);
        leaves
    }
    fn audits(&self) -> bool {
        self.audits
    }
}

struct HeapMap(*mut Heap);

// SAFETY: the heap changes its epoch whenever a region it reported is freed, and its regions are
// memory it allocated itself, reached through raw pointers only.
unsafe impl MemoryMap for HeapMap {
    fn epoch(&self) -> u64 {
        // SAFETY: the heap outlives the environment, and no reference to it is live (helpers make
        // theirs only while they run).
        unsafe { (*self.0).epoch() }
    }
    fn region(&self, addr: u64, len: u64) -> Option<Range<u64>> {
        // SAFETY: as above.
        unsafe { (*self.0).region(addr, len) }
    }
    fn accepts(&self, parameter: Parameter, value: u64) -> bool {
        // SAFETY: as above.
        let heap = unsafe { &*self.0 };
        match parameter {
            Parameter::Any | Parameter::Tag => true,
            Parameter::Heap => value == self.0 as u64,
            Parameter::Table => heap.is_object(value, ObjectKind::Table),
            Parameter::Str => heap.is_object(value, ObjectKind::Str),
            Parameter::Payload { tag } => heap.is_sound(tag, value),
        }
    }
    fn accepts_store(&self, addr: u64, bytes: u64) -> bool {
        // SAFETY: as above.
        unsafe { (*self.0).may_be_stored_to(addr, bytes) }
    }
    fn is_sound_at(&self, addr: u64) -> bool {
        // SAFETY: as above.
        unsafe { (*self.0).is_sound_at(addr) }
    }
}

/// Runs a trace on the IR evaluator, on the VM's own memory. `base` is the address of the root frame's
/// register 0. As with machine code, the trace must have been recorded in this VM for this frame.
/// With `check` the trace may be wrong: accesses to memory that is not live, wrong arguments of helpers
/// and stored nonsense are traps.
pub fn evaluate_on_host(
    heap: &mut Heap,
    base: u64,
    trace: &Trace,
    fuel: u64,
    check: bool,
    forced: Option<&mut Forced>,
    log: Option<&mut Log>,
) -> Result<Outcome, EvalTrap> {
    let map = HeapMap(&raw mut *heap);
    let map = check.then_some(&map as &dyn MemoryMap);
    let heap = (&raw mut *heap).expose_provenance() as u64;
    // SAFETY: the caller keeps the contract above; the heap's address was exposed just now, those of
    // its objects and of the stack when they were allocated, and the VM holds no reference to them.
    let mut memory = unsafe { HostMemory::new(base, heap, map) };
    let outcome = evaluate_logging(trace, &mut memory, fuel, forced, log)?;
    memory.audit()?;
    Ok(outcome)
}
