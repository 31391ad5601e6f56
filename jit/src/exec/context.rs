//! The memory block a running trace shares with the VM.
//!
//! In:  the VM fills `helpers` once and passes the block's address to a trace (x0 at entry, x20 while
//!      the trace runs).
//! Out: at an exit the trace has stored every register and the exit's number; the VM reads snapshot
//!      values from `gpr`, `fpr` and `spills`.
//!
//! Invariant: each field can be reached by a scaled unsigned 12-bit offset of a 64-bit load or store
//! (`ldr x, [x20, #imm]`, imm a multiple of 8 below 32,768), asserted at compile time. `gpr` and
//! `fpr` come first because an exit stores them with `stp`, which reaches 504.
//!
//! Spill slots live here and not on the stack: an exit may then read them after the trace's own frame
//! is gone, and a trace's stack frame has one fixed size.

use std::mem::offset_of;

/// Spill slots of 8 bytes; a trace that needs more is declined by the backend.
pub const SPILL_SLOTS: usize = 512;
/// The exit number of code that has reached its loop head too often: no exit of a trace.
pub const OUT_OF_FUEL: u16 = u16::MAX;
/// Helper addresses reachable with one load from the context.
pub const HELPER_SLOTS: usize = 32;

/// See the module's documentation. Layout is read and written by machine code.
#[repr(C, align(64))]
pub struct TraceContext {
    /// x0..x30 at the exit. `gpr[18]` is never written (x18 belongs to the platform) and `gpr[16]`,
    /// `gpr[17]` hold scratch values.
    pub gpr: [u64; 31],
    /// Low 64 bits of v0..v31 at the exit.
    pub fpr: [u64; 32],
    /// Which exit was taken.
    pub exit_id: u64,
    /// Times the loop head may still be reached. Counted down only by code that was compiled to count
    /// (native), which leaves with exit [`OUT_OF_FUEL`] below 0, and goes on from `CodeBlob::resume`;
    /// the simulator counts without help.
    pub arrivals_left: u64,
    /// The VM's heap, first argument of the helpers that allocate.
    pub heap: u64,
    /// Addresses of helper functions, loaded by `ldr x16, [x20, #helper]; blr x16`.
    pub helpers: [u64; HELPER_SLOTS],
    /// Executions left until the forced guard leaves; 0 for never. Counted by code that was compiled
    /// to (native).
    pub force_left: u64,
    /// Spilled values.
    pub spills: [u64; SPILL_SLOTS],
}

impl TraceContext {
    pub const GPR: usize = offset_of!(TraceContext, gpr);
    pub const FPR: usize = offset_of!(TraceContext, fpr);
    pub const EXIT_ID: usize = offset_of!(TraceContext, exit_id);
    pub const ARRIVALS_LEFT: usize = offset_of!(TraceContext, arrivals_left);
    pub const HEAP: usize = offset_of!(TraceContext, heap);
    pub const HELPERS: usize = offset_of!(TraceContext, helpers);
    pub const FORCE_LEFT: usize = offset_of!(TraceContext, force_left);
    pub const SPILLS: usize = offset_of!(TraceContext, spills);

    pub const fn gpr_offset(register: usize) -> usize {
        assert!(register < 31);
        Self::GPR + 8 * register
    }

    pub const fn fpr_offset(register: usize) -> usize {
        assert!(register < 32);
        Self::FPR + 8 * register
    }

    pub const fn helper_offset(slot: usize) -> usize {
        assert!(slot < HELPER_SLOTS);
        Self::HELPERS + 8 * slot
    }

    pub const fn spill_offset(slot: usize) -> usize {
        assert!(slot < SPILL_SLOTS);
        Self::SPILLS + 8 * slot
    }

    /// A zeroed context. Boxed, because its address must stay the same while a trace runs.
    pub fn new() -> Box<TraceContext> {
        Box::new(TraceContext {
            gpr: [0; 31],
            fpr: [0; 32],
            exit_id: 0,
            arrivals_left: 0,
            heap: 0,
            helpers: [0; HELPER_SLOTS],
            force_left: 0,
            spills: [0; SPILL_SLOTS],
        })
    }
}

/// First offset that a 64-bit load with a scaled unsigned 12-bit immediate cannot reach.
const SCALED_12_BIT_END: usize = 8 << 12;
const _: () = assert!(TraceContext::spill_offset(SPILL_SLOTS - 1) < SCALED_12_BIT_END);
const _: () = assert!(TraceContext::GPR == 0 && TraceContext::FPR == 248);
const _: () = assert!(TraceContext::EXIT_ID == 504 && TraceContext::HELPERS == 528);
const _: () = assert!(std::mem::align_of::<TraceContext>() == 64);
