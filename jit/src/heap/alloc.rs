//! The one place where heap memory is obtained and given back.
//!
//! In:  sizes in bytes.   Out: 16-byte aligned blocks; byte counts; on request, a map of what is live.
//!
//! Invariants:
//! - every object, array part, node vector and value stack comes from here, so `live_bytes` is exact;
//!   what function prototypes have elsewhere is charged;
//! - while tracking is on, `regions` holds exactly the live blocks, and `epoch` differs between any two
//!   moments between which a block was given back.
//!
//! Tracking exists for the simulator, which checks each load and store of machine code against live
//! memory. It costs a tree insertion a block, so it is off unless asked for. It also knows which blocks
//! are objects, so that an address from a wrong trace is never taken for one.

use crate::exec::first_epoch;
use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, handle_alloc_error, realloc};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::ptr::NonNull;

const ALIGN: usize = 16;

/// A live block.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub bytes: u64,
    pub kind: BlockKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockKind {
    /// Values side by side: an array part, a stack.
    Values,
    /// A table's node vector.
    Nodes,
    /// It begins with a `GcHeader`.
    Object,
}

pub struct Allocator {
    live_bytes: usize,
    /// Bytes allocated since the last collection, less its allowance; a collection is due when positive.
    debt: isize,
    regions: Option<BTreeMap<u64, Block>>,
    epoch: u64,
    quarantine: Option<Quarantine>,
}

/// What each byte of a block in quarantine is.
pub(super) const FREED: u8 = 0xDB;
const QUARANTINE_BYTES: usize = 4 << 20;

/// Blocks that were given back, oldest first.
#[derive(Default)]
struct Quarantine {
    blocks: VecDeque<(NonNull<u8>, Layout)>,
    bytes: usize,
    /// All stay, and stay as they are.
    keeps: bool,
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        for (block, layout) in self.blocks.drain(..) {
            // SAFETY: the block was given back with this layout.
            unsafe { dealloc(block.as_ptr(), layout) };
        }
    }
}

impl Allocator {
    pub fn new() -> Allocator {
        Allocator {
            live_bytes: 0,
            debt: -64 * 1024,
            regions: None,
            epoch: first_epoch(),
            quarantine: None,
        }
    }

    pub fn allocate(&mut self, bytes: usize) -> NonNull<u8> {
        self.obtain(bytes, false)
    }

    /// All-zero memory, which as values is all nil.
    pub fn allocate_zeroed(&mut self, bytes: usize) -> NonNull<u8> {
        self.obtain(bytes, true)
    }

    fn obtain(&mut self, bytes: usize, zeroed: bool) -> NonNull<u8> {
        let layout = layout(bytes);
        // SAFETY: `layout` never has size zero.
        let block = unsafe { if zeroed { alloc_zeroed(layout) } else { alloc(layout) } };
        let Some(block) = NonNull::new(block) else { handle_alloc_error(layout) };
        self.live_bytes += layout.size();
        self.debt += layout.size() as isize;
        if let Some(regions) = &mut self.regions {
            let bytes = layout.size() as u64;
            regions.insert(block.as_ptr() as u64, Block { bytes, kind: BlockKind::Values });
        }
        block
    }

    /// Counts memory that an object has elsewhere.
    pub fn charge(&mut self, bytes: usize) {
        self.live_bytes += bytes;
        self.debt += bytes as isize;
    }
    /// Counts no more what was [charged](Allocator::charge).
    pub fn discharge(&mut self, bytes: usize) {
        self.live_bytes -= bytes;
        self.debt -= bytes as isize;
    }

    /// Whether the host would give a block of this size.
    pub fn host_has(&self, bytes: usize) -> bool {
        let Ok(layout) = Layout::from_size_align(bytes.max(1), ALIGN) else {
            return false;
        };
        // SAFETY: `layout` does not have size zero; the block is given back with the same layout.
        unsafe {
            let block = alloc(layout);
            if !block.is_null() {
                dealloc(block, layout);
            }
            !block.is_null()
        }
    }

    /// # Safety
    /// `block` came from this allocator with the same `bytes` and is not used afterwards.
    pub unsafe fn release(&mut self, block: NonNull<u8>, bytes: usize) {
        let layout = layout(bytes);
        self.live_bytes -= layout.size();
        self.debt -= layout.size() as isize;
        if let Some(regions) = &mut self.regions {
            let was = regions.remove(&(block.as_ptr() as u64));
            debug_assert!(was.is_some(), "a block that was given back was tracked");
            self.epoch += 1;
        }
        if self.quarantine.is_some() {
            return self.put_in_quarantine(block, layout);
        }
        // SAFETY: the caller says that the block came from `allocate` with this size.
        unsafe { dealloc(block.as_ptr(), layout) }
    }

    /// From now on blocks that are given back are overwritten and not used again for a while, so that
    /// a reference to one is seen as what it is. Not under AddressSanitizer, which does it better.
    pub fn quarantine(&mut self) {
        const SANITIZED: bool = option_env!("PLUMB_ASAN").is_some();
        if cfg!(debug_assertions) && !SANITIZED {
            self.quarantine.get_or_insert_default();
        }
    }

    /// From now on blocks that are given back are not used again, and keep what they hold: whoever still
    /// refers to one does no harm. They are no part of the map of live memory.
    pub fn keep_released(&mut self) {
        self.quarantine.get_or_insert_default().keeps = true;
    }

    #[cold]
    fn put_in_quarantine(&mut self, block: NonNull<u8>, layout: Layout) {
        let Some(quarantine) = &mut self.quarantine else { return };
        quarantine.bytes += layout.size();
        quarantine.blocks.push_back((block, layout));
        if quarantine.keeps {
            return;
        }
        // SAFETY: the block is given back, and has this layout.
        unsafe { block.as_ptr().write_bytes(FREED, layout.size()) };
        while quarantine.bytes > QUARANTINE_BYTES
            && let Some((oldest, layout)) = quarantine.blocks.pop_front()
        {
            quarantine.bytes -= layout.size();
            // SAFETY: the block was given back, and leaves the quarantine once.
            unsafe { dealloc(oldest.as_ptr(), layout) };
        }
    }

    /// Changes the size of a block, which may move; what it gains is not initialized.
    ///
    /// # Safety
    /// `block` came from this allocator with `old_bytes` and is not used afterwards.
    pub unsafe fn reallocate(
        &mut self,
        block: NonNull<u8>,
        old_bytes: usize,
        new_bytes: usize,
    ) -> NonNull<u8> {
        let (old, new) = (layout(old_bytes), layout(new_bytes));
        if cfg!(debug_assertions) && self.quarantine.is_some() {
            let moved = self.obtain(new_bytes, false);
            // SAFETY: by the caller's promise; both blocks have so many bytes.
            unsafe {
                let bytes = old_bytes.min(new_bytes);
                std::ptr::copy_nonoverlapping(block.as_ptr(), moved.as_ptr(), bytes);
                self.release(block, old_bytes);
            }
            return moved;
        }
        // SAFETY: the caller says that the block came from `allocate` with this size; `layout` never
        // has size zero.
        let moved = unsafe { realloc(block.as_ptr(), old, new.size()) };
        let Some(moved) = NonNull::new(moved) else { handle_alloc_error(new) };
        self.live_bytes = self.live_bytes - old.size() + new.size();
        self.debt += new.size() as isize - old.size() as isize;
        if let Some(regions) = &mut self.regions {
            let was = regions.remove(&(block.as_ptr() as u64));
            debug_assert!(was.is_some(), "a block that was given back was tracked");
            let bytes = new.size() as u64;
            regions.insert(moved.as_ptr() as u64, Block { bytes, kind: BlockKind::Values });
            self.epoch += 1;
        }
        moved
    }

    /// Zeroed address space that costs memory only where it is touched; for value stacks, which must
    /// not move. Not counted in `live_bytes`.
    pub fn reserve(&mut self, bytes: usize) -> NonNull<u8> {
        // SAFETY: an anonymous private mapping at an address of the kernel's choice touches nothing.
        let block = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if block == libc::MAP_FAILED {
            handle_alloc_error(layout(bytes));
        }
        if let Some(regions) = &mut self.regions {
            regions.insert(block as u64, Block { bytes: bytes as u64, kind: BlockKind::Values });
        }
        NonNull::new(block.cast()).expect("a mapping is not at address zero")
    }

    /// # Safety
    /// `block` came from [`Allocator::reserve`] with the same `bytes` and is not used afterwards.
    pub unsafe fn unreserve(&mut self, block: NonNull<u8>, bytes: usize) {
        if let Some(regions) = &mut self.regions {
            regions.remove(&(block.as_ptr() as u64));
            self.epoch += 1;
        }
        // SAFETY: the caller says that this is a whole mapping that nobody uses.
        unsafe { libc::munmap(block.as_ptr().cast(), bytes) };
    }

    pub fn live_bytes(&self) -> usize {
        self.live_bytes
    }
    pub fn debt(&self) -> isize {
        self.debt
    }
    pub fn set_debt(&mut self, debt: isize) {
        self.debt = debt;
    }

    /// Starts tracking with these blocks as the live ones, or stops it.
    pub fn track(&mut self, live: Option<BTreeMap<u64, Block>>) {
        self.regions = live;
        self.epoch += 1;
    }
    /// The block at this address now holds something else than values.
    pub fn mark_as(&mut self, address: u64, kind: BlockKind) {
        if let Some(block) = self.regions.as_mut().and_then(|regions| regions.get_mut(&address)) {
            block.kind = kind;
        }
    }
    /// What the live block that begins at this address holds. `None` when tracking is off.
    pub fn kind_at(&self, address: u64) -> Option<BlockKind> {
        self.regions.as_ref()?.get(&address).map(|block| block.kind)
    }
    /// Whether a live object begins at this address. False when tracking is off.
    pub fn is_object(&self, address: u64) -> bool {
        self.kind_at(address) == Some(BlockKind::Object)
    }
    pub fn is_tracking(&self) -> bool {
        self.regions.is_some()
    }
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The live block that holds all of `addr .. addr + len`. `None` when tracking is off.
    pub fn region(&self, addr: u64, len: u64) -> Option<Range<u64>> {
        let (&start, block) = self.regions.as_ref()?.range(..=addr).next_back()?;
        let end = start + block.bytes;
        (addr.checked_add(len)? <= end).then_some(start..end)
    }
}

impl Default for Allocator {
    fn default() -> Self {
        Allocator::new()
    }
}

/// Size as the allocator accounts for it.
pub fn block_bytes(bytes: usize) -> usize {
    layout(bytes).size()
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes.max(1), ALIGN).expect("block sizes stay below isize::MAX")
}
