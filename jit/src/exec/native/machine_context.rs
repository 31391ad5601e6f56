//! The interrupted context that a signal handler is given, on the systems that `native` runs on.
//!
//! In:  the third argument of a handler.   Out: its registers, and their restoration.
//!
//! Invariant: the layouts are those of the systems' public headers (`asm/sigcontext.h` on Linux,
//! `mach/arm/_structs.h` and `sys/_types/_ucontext.h` on macOS); what the handler writes becomes the
//! thread's state when it returns.

use std::ffi::c_void;

use super::fault::Registers;

/// A view of one interrupted context, valid while the handler runs.
pub struct MachineContext {
    general: *mut General,
    /// v0 to v31; null where the context has none.
    vectors: *mut [u128; 32],
}

/// x0 to x30, SP, pc and flags: the same order on both systems.
#[repr(C)]
struct General {
    x: [u64; 31],
    sp: u64,
    pc: u64,
    /// 64 bits on Linux, 32 and padding on macOS; N, Z, C, V are bits 31 to 28 of both.
    pstate: u32,
}

impl MachineContext {
    pub fn pc(&self) -> u64 {
        // SAFETY: `general` points into a live context.
        unsafe { (*self.general).pc }
    }

    pub fn registers(&self) -> Registers {
        // SAFETY: the pointers are into a live context, `vectors` perhaps null.
        let (general, vectors) = unsafe { (&*self.general, self.vectors.as_ref()) };
        Registers {
            gpr: general.x,
            fpr: std::array::from_fn(|i| vectors.map_or(0, |vectors| vectors[i] as u64)),
            sp: general.sp,
            nzcv: (general.pstate >> 28) as u8,
        }
    }

    /// Sets x19 to x30, SP, and the low halves of v8 to v15.
    pub fn restore(&mut self, x19_to_x30: &[u64; 12], sp: u64, d8_to_d15: &[u64; 8]) {
        // SAFETY: as in `registers`; nobody else uses the context now.
        let (general, vectors) = unsafe { (&mut *self.general, self.vectors.as_mut()) };
        general.x[19..].copy_from_slice(x19_to_x30);
        general.sp = sp;
        if let Some(vectors) = vectors {
            for (vector, low) in vectors[8..16].iter_mut().zip(d8_to_d15) {
                *vector = u128::from(*low);
            }
        }
    }

    /// Goes on at `pc` with `x0`.
    pub fn resume_at(&mut self, pc: u64, x0: u64) {
        // SAFETY: as in `restore`.
        let general = unsafe { &mut *self.general };
        general.x[0] = x0;
        general.pc = pc;
    }
}

#[cfg(target_os = "linux")]
impl MachineContext {
    /// # Safety
    /// `context` is the third argument of a running signal handler.
    pub unsafe fn from_raw(context: *mut c_void) -> MachineContext {
        /// The record that holds v0 to v31, among others that the kernel appends.
        const FPSIMD_MAGIC: u32 = 0x4650_8001;
        #[repr(C)]
        struct Record {
            magic: u32,
            size: u32,
        }
        /// After the fixed fields, at the next multiple of 16.
        const RECORDS: usize = 288;
        const RECORDS_BYTES: usize = 4096;
        // SAFETY: the kernel's structure: fault address, then the general registers, then a chain of
        // records, each with its size, the last with magic 0; it ends within `RECORDS_BYTES`.
        unsafe {
            let machine: *mut u8 =
                (&raw mut (*context.cast::<libc::ucontext_t>()).uc_mcontext).cast();
            let general = machine.add(8).cast::<General>();
            let mut vectors = std::ptr::null_mut();
            let mut offset = 0;
            while offset < RECORDS_BYTES {
                let record = machine.add(RECORDS + offset).cast::<Record>();
                if (*record).magic == FPSIMD_MAGIC {
                    // fpsr and fpcr lie between.
                    vectors = record.cast::<u8>().add(16).cast();
                }
                if (*record).magic == 0 || (*record).size == 0 {
                    break;
                }
                offset += (*record).size as usize;
            }
            MachineContext { general, vectors }
        }
    }
}

#[cfg(target_os = "macos")]
impl MachineContext {
    /// # Safety
    /// `context` is the third argument of a running signal handler.
    pub unsafe fn from_raw(context: *mut c_void) -> MachineContext {
        #[repr(C)]
        struct UserContext {
            on_stack: i32,
            mask: u32,
            stack: libc::stack_t,
            link: *mut c_void,
            machine_bytes: usize,
            machine: *mut Machine,
        }
        #[repr(C)]
        struct Machine {
            /// Fault address, syndrome, exception.
            exception: [u64; 2],
            general: General,
            padding: u32,
            vectors: [u128; 32],
        }
        // SAFETY: these are the layouts of the system's headers.
        unsafe {
            let machine = (*context.cast::<UserContext>()).machine;
            MachineContext {
                general: &raw mut (*machine).general,
                vectors: &raw mut (*machine).vectors,
            }
        }
    }
}
