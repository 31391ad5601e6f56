//! Data memory for the evaluators of machine-level IR: host memory, each access checked.
//!
//! In:  addresses.   Out: values, or the fact that nothing live is there.
//!
//! Limit: regions that were hit are remembered while the map's epoch stands, a few at a time.

use std::cell::{Cell, RefCell};
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use super::{Fault, fault};
use crate::exec::executor::MemoryMap;
use crate::exec::helpers::{HostFn, Parameter};
use crate::exec::trap::TrapKind;
use rustc_hash::FxHashSet;

/// Regions remembered; a loop rarely touches more.
const KNOWN: usize = 8;

/// Host memory behind a map.
pub struct Memory<'a> {
    map: &'a dyn MemoryMap,
    epoch: Cell<u64>,
    /// Start and end of live regions.
    known: [Cell<(u64, u64)>; KNOWN],
    next: Cell<usize>,
    /// Addresses that were stored to.
    written: RefCell<FxHashSet<u64>>,
}

impl<'a> Memory<'a> {
    pub fn new(map: &'a dyn MemoryMap) -> Memory<'a> {
        Memory {
            map,
            epoch: Cell::new(map.epoch()),
            known: Default::default(),
            next: Cell::new(0),
            written: RefCell::default(),
        }
    }

    /// Denies that a store since the last call of this has left what is no value. To be asked before host
    /// code looks at the heap, or moves what is in it.
    pub fn audit(&self) -> Result<(), Fault> {
        match self.written.borrow_mut().drain().find(|&at| !self.map.is_sound_at(at)) {
            Some(at) => {
                let text = format!("no value any more at {at:#x}, which was stored to");
                Err(fault(TrapKind::UnsoundValue, text))
            }
            None => Ok(()),
        }
    }

    pub fn accepts(&self, parameter: Parameter, value: u64) -> bool {
        self.map.accepts(parameter, value)
    }

    /// Whether all of `address .. address + bytes` is in one live region.
    fn is_live(&self, address: u64, bytes: u64) -> bool {
        let Some(end) = address.checked_add(bytes) else { return false };
        let epoch = self.map.epoch();
        if self.epoch.replace(epoch) != epoch {
            self.known.iter().for_each(|region| region.set((0, 0)));
        }
        let inside = |(start, stop): (u64, u64)| start <= address && end <= stop;
        if self.known.iter().any(|region| inside(region.get())) {
            return true;
        }
        let Some(region) = self.map.region(address, bytes) else { return false };
        let region = (region.start, region.end);
        self.known[self.next.get()].set(region);
        self.next.set((self.next.get() + 1) % KNOWN);
        inside(region)
    }

    fn check(&self, what: &str, address: u64, bytes: u64) -> Result<(), Fault> {
        if self.is_live(address, bytes) {
            return Ok(());
        }
        let text = format!("{what} of {bytes} bytes at {address:#x}, which is not live");
        Err(fault(TrapKind::WildAccess, text))
    }

    /// The plain value at an address.
    pub fn load<T: Plain>(&self, address: u64) -> Result<T, Fault> {
        self.check("load", address, size_of::<T>() as u64)?;
        // SAFETY: `check` found all bytes in a live region, and by `MemoryMap`'s contract those are
        // readable as plain bytes.
        Ok(unsafe { with_exposed_provenance::<T>(address as usize).read_unaligned() })
    }

    pub fn store<T: Plain>(&self, address: u64, value: T) -> Result<(), Fault> {
        let bytes = size_of::<T>() as u64;
        self.check("store", address, bytes)?;
        if !self.map.accepts_store(address, bytes) {
            let text =
                format!("store of {bytes} bytes at {address:#x}, which is no place for a value");
            return Err(fault(TrapKind::WildAccess, text));
        }
        self.written.borrow_mut().insert(address);
        // SAFETY: as in `load`; the region is writable, too.
        unsafe { with_exposed_provenance_mut::<T>(address as usize).write_unaligned(value) };
        Ok(())
    }

    /// Calls a helper with integers and floats by position.
    pub fn call(&self, function: HostFn, args: [u64; 6]) -> u64 {
        let [a, b, c, d, e, f] = args;
        let float = f64::from_bits;
        // SAFETY: `HelperTable::add` was promised that the function may be called with what correct
        // traces pass; that this trace is correct is the compiler's promise, on every executor.
        unsafe {
            match function {
                HostFn::Int0(call) => call(),
                HostFn::Int1(call) => call(a),
                HostFn::Int2(call) => call(a, b),
                HostFn::Int3(call) => call(a, b, c),
                HostFn::Int4(call) => call(a, b, c, d),
                HostFn::Int5(call) => call(a, b, c, d, e),
                HostFn::Int6(call) => call(a, b, c, d, e, f),
                HostFn::Float1(call) => call(float(a)).to_bits(),
                HostFn::Float2(call) => call(float(a), float(b)).to_bits(),
            }
        }
    }
}

/// Integers of any bits.
pub trait Plain: Copy {}
impl Plain for u8 {}
impl Plain for u32 {}
impl Plain for u64 {}
