//! Plain blocks of memory for running code without the VM's heap: tests, examples, measurements.
//!
//! Each block is a region of its own, so an access past its end traps.

use std::ops::Range;
use std::ptr::NonNull;

use super::executor::{DEFAULT_FUEL, MemoryMap, RunEnv, first_epoch};
use super::helpers::HelperTable;

/// Blocks of 64-bit cells at stable addresses.
pub struct Arena {
    blocks: Vec<NonNull<[u64]>>,
    epoch: u64,
}

impl Default for Arena {
    fn default() -> Self {
        Arena::new()
    }
}

impl Arena {
    pub fn new() -> Arena {
        Arena { blocks: Vec::new(), epoch: first_epoch() }
    }

    /// A block with these contents; returns its address.
    pub fn allocate(&mut self, cells: &[u64]) -> u64 {
        let block: *mut [u64] = Box::into_raw(cells.into());
        let address = block.cast::<u64>().expose_provenance() as u64;
        self.blocks.push(NonNull::new(block).expect("a box is not null"));
        address
    }

    /// Frees the block at `address`; later accesses trap.
    ///
    /// # Panics
    /// When no block starts there.
    pub fn free(&mut self, address: u64) {
        let starts = |block: &NonNull<[u64]>| block.cast::<u64>().addr().get() as u64 == address;
        let at = self.blocks.iter().position(starts).expect("a block starts at the address");
        let block = self.blocks.swap_remove(at);
        self.epoch += 1;
        // SAFETY: the pointer came from `Box::into_raw` and left the list just now.
        drop(unsafe { Box::from_raw(block.as_ptr()) });
    }

    /// Overwrites one cell of the block at `address`.
    ///
    /// # Panics
    /// When no block starts there, or it is shorter.
    pub fn set(&mut self, address: u64, cell: usize, value: u64) {
        let starts = |block: &&NonNull<[u64]>| block.cast::<u64>().addr().get() as u64 == address;
        let block = self.blocks.iter().find(starts).expect("a block starts at the address");
        assert!(cell < block.len(), "cell {cell} of {}", block.len());
        // SAFETY: the block is live, the cell inside it, and no reference to it exists.
        unsafe { block.cast::<u64>().add(cell).write(value) };
    }

    /// The contents of the block at `address`.
    ///
    /// # Panics
    /// When no block starts there.
    pub fn cells(&self, address: u64) -> Vec<u64> {
        let starts = |block: &&NonNull<[u64]>| block.cast::<u64>().addr().get() as u64 == address;
        let block = self.blocks.iter().find(starts).expect("a block starts at the address");
        // SAFETY: the block is live until `free`, and no reference to it outlives this call.
        unsafe { block.as_ref() }.to_vec()
    }
}

impl Arena {
    /// Overwrites the first cells of the block at `address`.
    ///
    /// # Panics
    /// When no block starts there, or it is shorter.
    pub fn fill(&mut self, address: u64, cells: &[u64]) {
        let starts =
            |block: &&mut NonNull<[u64]>| block.cast::<u64>().addr().get() as u64 == address;
        let block = self.blocks.iter_mut().find(starts).expect("a block starts at the address");
        // SAFETY: as in `cells`, and `&mut self` excludes other references.
        let block = unsafe { block.as_mut() };
        block[..cells.len()].copy_from_slice(cells);
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for block in self.blocks.drain(..) {
            // SAFETY: the pointer came from `Box::into_raw` and is dropped once.
            drop(unsafe { Box::from_raw(block.as_ptr()) });
        }
    }
}

// SAFETY: regions are exactly the live blocks; freeing one changes the epoch; references to blocks
// exist only inside `cells`, never during a run.
unsafe impl MemoryMap for Arena {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn region(&self, addr: u64, len: u64) -> Option<Range<u64>> {
        let range = |block: &NonNull<[u64]>| {
            let start = block.cast::<u64>().addr().get() as u64;
            start..start + 8 * block.len() as u64
        };
        let holds =
            |range: &Range<u64>| range.start <= addr && addr.checked_add(len) <= Some(range.end);
        self.blocks.iter().map(range).find(|range| holds(range) && addr.checked_add(len).is_some())
    }
}

/// An environment of an arena and helpers.
pub struct ArenaEnv {
    pub arena: Arena,
    pub helpers: HelperTable,
    pub fuel: u64,
}

impl Default for ArenaEnv {
    fn default() -> Self {
        ArenaEnv { arena: Arena::new(), helpers: HelperTable::new(), fuel: DEFAULT_FUEL }
    }
}

impl RunEnv for ArenaEnv {
    fn memory(&self) -> &dyn MemoryMap {
        &self.arena
    }

    fn helpers(&self) -> &HelperTable {
        &self.helpers
    }

    fn fuel(&self) -> u64 {
        self.fuel
    }
}
