//! The simulated processor's view of data memory. The only unsafe code of the simulator: a host
//! access after its check, and the call of a host function.
//!
//! In:  addresses and sizes.   Out: values, or the rule that an access breaks.
//!
//! Four places exist: live regions of the memory map (host memory), the context (host memory), the
//! stack (simulated, at addresses no host memory has), code (simulated, loads only). Each instruction
//! remembers the region it last hit; it is asked for again only outside that region or when the map's
//! epoch moved on, and then the region that any instruction found last comes before the map. Context and
//! stack are compared against directly.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use super::op::Access;
use super::space::Space;
use crate::exec::context::TraceContext;
use crate::exec::executor::MemoryMap;
use crate::exec::helpers::{HostFn, Parameter};
use crate::exec::trap::TrapKind;
use rustc_hash::FxHashSet;

/// Bytes of simulated stack.
pub const STACK_BYTES: usize = 8 << 10;
pub const STACK_BASE: u64 = 0x005a_c000_0000_0000;
/// SP at the entry of a trace; what lies above is the caller's.
pub const STACK_TOP: u64 = STACK_BASE + STACK_BYTES as u64 - 256;
/// Bytes of the context that an exit fills: `gpr` and `fpr`.
const EXIT_AREA: u64 = TraceContext::EXIT_ID as u64;
const CONTEXT_BYTES: u64 = std::mem::size_of::<TraceContext>() as u64;

/// The region an instruction hit last.
#[derive(Clone, Copy)]
pub struct Hit {
    start: u64,
    /// Greatest offset from `start` at which this instruction's access fits.
    room: u64,
    epoch: u64,
}

impl Hit {
    /// Matches no access: no map counts that far.
    pub const NONE: Hit = Hit { start: 0, room: 0, epoch: u64::MAX };
}

/// A place in the context or on the stack.
struct Own {
    pointer: *mut u8,
    /// Registers that were never written may be saved here: on the stack, and where an exit stores all
    /// registers.
    accepts_undefined: bool,
}

pub struct Denied {
    pub kind: TrapKind,
    pub message: String,
}

/// Data memory during one run.
pub struct Memory<'a> {
    map: &'a dyn MemoryMap,
    epoch: u64,
    /// The region that was found last at this epoch, start and end.
    found: Cell<(u64, u64)>,
    context: *mut u8,
    context_address: u64,
    exclusive: PhantomData<(&'a mut TraceContext, &'a mut Stack)>,
    /// `STACK_BYTES` bytes.
    stack: *mut u8,
    space: &'a Space,
    /// Addresses that were stored to, if they are to be looked at.
    written: Option<FxHashSet<u64>>,
}

/// The bytes of the simulated stack.
pub struct Stack(Box<[u8; STACK_BYTES]>);

impl Stack {
    pub fn new() -> Stack {
        Stack(Box::new([0; STACK_BYTES]))
    }
}

impl<'a> Memory<'a> {
    pub fn new(
        map: &'a dyn MemoryMap,
        context: &'a mut TraceContext,
        stack: &'a mut Stack,
        space: &'a Space,
    ) -> Memory<'a> {
        let context: *mut TraceContext = context;
        Memory {
            map,
            epoch: map.epoch(),
            found: Cell::default(),
            context: context.cast(),
            context_address: context.expose_provenance() as u64,
            exclusive: PhantomData,
            stack: stack.0.as_mut_ptr(),
            space,
            written: None,
        }
    }

    /// From now on remembers which values are stored to.
    pub fn audit(&mut self) {
        self.written = Some(FxHashSet::default());
    }

    /// A place where a store since the last call of this has left what is no value. To be asked before
    /// host code looks at the heap, or moves what is in it.
    pub fn unsound(&mut self) -> Option<u64> {
        let mut written = self.written.iter_mut().flat_map(|written| written.drain());
        written.find(|&at| !self.map.is_sound_at(at))
    }

    pub fn accepts(&self, parameter: Parameter, value: u64) -> bool {
        self.map.accepts(parameter, value)
    }

    /// Before a store to the heap.
    #[inline(always)]
    fn note(&mut self, address: u64, bytes: u64) -> Result<(), Box<Denied>> {
        match &mut self.written {
            Some(written) if self.map.accepts_store(address, bytes) => {
                written.insert(address);
                Ok(())
            }
            Some(_) => Err(Box::new(Denied {
                kind: TrapKind::WildAccess,
                message: format!(
                    "store of {bytes} bytes at {address:#x}, which is no place for a value"
                ),
            })),
            None => Ok(()),
        }
    }

    /// To be called whenever the host may have changed the heap.
    fn refresh(&mut self) {
        let epoch = self.map.epoch();
        if epoch != self.epoch {
            (self.epoch, self.found) = (epoch, Cell::default());
        }
    }

    #[inline(always)]
    fn is_hit(&self, hit: &Hit, address: u64) -> bool {
        address.wrapping_sub(hit.start) <= hit.room && hit.epoch == self.epoch
    }

    /// Where an access to the context or to the live part of the stack goes.
    #[inline(always)]
    fn own(&self, address: u64, bytes: u64, sp: u64) -> Option<Own> {
        let offset = address.wrapping_sub(self.context_address);
        if offset <= CONTEXT_BYTES - bytes {
            let pointer = self.context.wrapping_add(offset as usize);
            return Some(Own { pointer, accepts_undefined: offset <= EXIT_AREA - bytes });
        }
        let offset = address.wrapping_sub(STACK_BASE);
        if offset <= STACK_TOP - STACK_BASE - bytes && address >= sp {
            let pointer = self.stack.wrapping_add(offset as usize);
            return Some(Own { pointer, accepts_undefined: true });
        }
        None
    }

    /// The loaded value, extended as `access` says.
    #[inline(always)]
    pub fn load(
        &self,
        hit: &mut Hit,
        address: u64,
        access: Access,
        sp: u64,
    ) -> Result<u64, Box<Denied>> {
        if self.is_hit(hit, address) {
            // SAFETY: `hit` came from `find`, so the access lies in a region of the map; the epoch is
            // unchanged, so by `MemoryMap`'s contract the region is live.
            return Ok(unsafe { host_load(with_exposed_provenance(address as usize), access) });
        }
        if let Some(Own { pointer, .. }) = self.own(address, access.bytes(), sp) {
            // SAFETY: `own` returns pointers into the context or the stack with room for the access,
            // and `self` has exclusive access to both.
            return Ok(unsafe { host_load(pointer, access) });
        }
        self.load_elsewhere(hit, address, access, sp)
    }

    fn load_elsewhere(
        &self,
        hit: &mut Hit,
        address: u64,
        access: Access,
        sp: u64,
    ) -> Result<u64, Box<Denied>> {
        check_stack(address, access.bytes(), sp)?;
        if let Some(raw) = self.space.load(address, access.bytes()) {
            return Ok(access.extend(raw));
        }
        self.find(hit, address, access.bytes(), "load")?;
        // SAFETY: `find` has just checked the access against the live map.
        Ok(unsafe { host_load(with_exposed_provenance(address as usize), access) })
    }

    /// Two adjacent values.
    #[inline(always)]
    pub fn load_pair(
        &self,
        hit: &mut Hit,
        address: u64,
        access: Access,
        sp: u64,
    ) -> Result<[u64; 2], Box<Denied>> {
        let bytes = access.bytes();
        if let Some(Own { pointer, .. }) = self.own(address, 2 * bytes, sp) {
            // SAFETY: as in `load`, with room for both.
            return Ok(unsafe {
                [host_load(pointer, access), host_load(pointer.add(bytes as usize), access)]
            });
        }
        let first = self.load(hit, address, access, sp)?;
        Ok([first, self.load(hit, address.wrapping_add(bytes), access, sp)?])
    }

    /// `undefined` says whether the data register was never written; then only saving it is allowed.
    #[inline(always)]
    pub fn store(
        &mut self,
        hit: &mut Hit,
        address: u64,
        access: Access,
        value: u64,
        undefined: bool,
        sp: u64,
    ) -> Result<(), Box<Denied>> {
        if self.is_hit(hit, address) && !undefined {
            self.note(address, access.bytes())?;
            // SAFETY: as in `load`.
            unsafe { host_store(with_exposed_provenance_mut(address as usize), access, value) };
            return Ok(());
        }
        if let Some(own) = self.own(address, access.bytes(), sp)
            && (own.accepts_undefined || !undefined)
        {
            // SAFETY: as in `load`.
            unsafe { host_store(own.pointer, access, value) };
            return Ok(());
        }
        if undefined {
            return Err(Box::new(Denied {
                kind: TrapKind::UndefinedRead,
                message: format!("store to {address:#x} of a register that was never written"),
            }));
        }
        self.store_elsewhere(hit, address, access, value, sp)
    }

    fn store_elsewhere(
        &mut self,
        hit: &mut Hit,
        address: u64,
        access: Access,
        value: u64,
        sp: u64,
    ) -> Result<(), Box<Denied>> {
        check_stack(address, access.bytes(), sp)?;
        self.find(hit, address, access.bytes(), "store")?;
        self.note(address, access.bytes())?;
        // SAFETY: `find` has just checked the access against the live map.
        unsafe { host_store(with_exposed_provenance_mut(address as usize), access, value) };
        Ok(())
    }

    /// Stores two registers side by side if they go where undefined registers may go: the common case
    /// of a prologue and of an exit. Anything else is for `store`, one by one.
    #[inline(always)]
    pub fn save_pair(&mut self, address: u64, access: Access, values: [u64; 2], sp: u64) -> bool {
        let bytes = access.bytes();
        let Some(own) = self.own(address, 2 * bytes, sp).filter(|own| own.accepts_undefined) else {
            return false;
        };
        // SAFETY: as in `load`, with room for both.
        unsafe {
            host_store(own.pointer, access, values[0]);
            host_store(own.pointer.add(bytes as usize), access, values[1]);
        }
        true
    }

    /// `save_pair` for more.
    #[inline(always)]
    pub fn save_run(&mut self, address: u64, cells: &[u64], sp: u64) -> bool {
        let own = self.own(address, 8 * cells.len() as u64, sp);
        let Some(own) = own.filter(|own| own.accepts_undefined) else { return false };
        // SAFETY: as in `load`, with room for all; cells are the machine's, which lie elsewhere.
        unsafe {
            let from = cells.as_ptr().cast::<u8>();
            own.pointer.copy_from_nonoverlapping(from, 8 * cells.len());
        }
        true
    }

    /// Loads from the stack or the context into all cells; false for memory elsewhere.
    #[inline(always)]
    pub fn restore_run(&self, address: u64, cells: &mut [u64], sp: u64) -> bool {
        let Some(own) = self.own(address, 8 * cells.len() as u64, sp) else { return false };
        // SAFETY: as in `save_run`.
        unsafe {
            let to = cells.as_mut_ptr().cast::<u8>();
            to.copy_from_nonoverlapping(own.pointer, 8 * cells.len());
        }
        true
    }

    /// Asks the map, and remembers the answer.
    fn find(&self, hit: &mut Hit, address: u64, bytes: u64, what: &str) -> Result<(), Box<Denied>> {
        let holds = |&(start, end): &(u64, u64)| {
            start <= address && end >= address && end - address >= bytes
        };
        let region = Some(self.found.get()).filter(holds).or_else(|| {
            let region = self.map.region(address, bytes)?;
            Some((region.start, region.end)).filter(holds)
        });
        let Some((start, end)) = region else {
            return Err(Box::new(Denied {
                kind: TrapKind::WildAccess,
                message: format!("{what} of {bytes} bytes at {address:#x}, which is not live"),
            }));
        };
        self.found.set((start, end));
        *hit = Hit { start, room: end - start - bytes, epoch: self.epoch };
        Ok(())
    }

    /// Calls a helper. Its arguments come from the simulated registers.
    pub fn call(&mut self, function: HostFn, x: [u64; 6], d: [u64; 2]) -> u64 {
        let f = f64::from_bits;
        // SAFETY: `HelperTable::add` was promised that the function may be called with what correct
        // traces pass; that this trace is correct is the compiler's promise, on every executor.
        let result = unsafe {
            match function {
                HostFn::Int0(call) => call(),
                HostFn::Int1(call) => call(x[0]),
                HostFn::Int2(call) => call(x[0], x[1]),
                HostFn::Int3(call) => call(x[0], x[1], x[2]),
                HostFn::Int4(call) => call(x[0], x[1], x[2], x[3]),
                HostFn::Int5(call) => call(x[0], x[1], x[2], x[3], x[4]),
                HostFn::Int6(call) => call(x[0], x[1], x[2], x[3], x[4], x[5]),
                HostFn::Float1(call) => call(f(d[0])).to_bits(),
                HostFn::Float2(call) => call(f(d[0]), f(d[1])).to_bits(),
            }
        };
        self.refresh();
        result
    }
}

/// Denies what lies in the stack's address range; the legal part of it was served before.
fn check_stack(address: u64, bytes: u64, sp: u64) -> Result<(), Box<Denied>> {
    if address.wrapping_sub(STACK_BASE) >= STACK_BYTES as u64 {
        return Ok(());
    }
    let side = if address < sp { "below SP" } else { "above the trace's frame" };
    Err(Box::new(Denied {
        kind: TrapKind::StackAccess,
        message: format!("{bytes} bytes at {address:#x} are {side} ({sp:#x})"),
    }))
}

/// # Safety
/// The bytes of `access` at `pointer` must be readable.
#[inline(always)]
unsafe fn host_load(pointer: *const u8, access: Access) -> u64 {
    // SAFETY: the caller's promise; alignment is not required.
    unsafe {
        match access {
            Access::U64 => pointer.cast::<u64>().read_unaligned(),
            Access::U32 => pointer.cast::<u32>().read_unaligned() as u64,
            Access::U8 => pointer.read() as u64,
            Access::U16 => pointer.cast::<u16>().read_unaligned() as u64,
            Access::S32X => access.extend(pointer.cast::<u32>().read_unaligned() as u64),
            Access::S16W | Access::S16X => {
                access.extend(pointer.cast::<u16>().read_unaligned() as u64)
            }
            Access::S8W | Access::S8X => access.extend(pointer.read() as u64),
        }
    }
}

/// # Safety
/// The bytes of `access` at `pointer` must be writable.
#[inline(always)]
unsafe fn host_store(pointer: *mut u8, access: Access, value: u64) {
    // SAFETY: the caller's promise; alignment is not required.
    unsafe {
        match access.bytes() {
            8 => pointer.cast::<u64>().write_unaligned(value),
            4 => pointer.cast::<u32>().write_unaligned(value as u32),
            2 => pointer.cast::<u16>().write_unaligned(value as u16),
            _ => pointer.write(value as u8),
        }
    }
}
