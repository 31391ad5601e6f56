//! A fault of native code becomes a report instead of a dead process.
//!
//! In:  a function in code memory and its two arguments.   Out: it returned, or the [`Fault`] that
//!      ended it: signal, registers, address.
//!
//! SIGSEGV, SIGBUS and SIGILL are handled process-wide from the first `Native` on. Three cases:
//! - the pc is in code memory, or is the address that could not be fetched (a wild branch), and this
//!   thread is inside [`call`]: the registers are kept, then execution goes on where [`call`] returns,
//!   with the callee-saved registers it had. Nothing of the trace's state is needed for that;
//! - this thread is inside [`call`] but the pc is elsewhere: a helper failed on what the trace gave
//!   it. The heap may be half changed, so the report is written to stderr and the process ends;
//! - otherwise the fault is not ours: the handler that was there before gets it.
//!
//! Invariants:
//! - the handler touches this thread's [`Call`] and the interrupted context only; it does not allocate
//!   or lock;
//! - it runs on the thread's alternate stack (the Rust runtime gives each thread one), because SP may
//!   be what is broken.
//!
//! Limits: an endless loop that does not pass the trace's loop head is not a fault and is not ended.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::fmt::Write;
use std::ops::Range;
use std::ptr;
use std::sync::OnceLock;

use super::machine_context::MachineContext;

/// What a fault left.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub signal: c_int,
    /// The address that could not be accessed (SIGSEGV, SIGBUS).
    pub address: u64,
    pub pc: u64,
    pub registers: Registers,
}

/// Registers of the processor.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    pub gpr: [u64; 31],
    pub fpr: [u64; 32],
    pub sp: u64,
    /// N, Z, C, V from bit 3 down.
    pub nzcv: u8,
}

impl Registers {
    const ZERO: Registers = Registers { gpr: [0; 31], fpr: [0; 32], sp: 0, nzcv: 0 };
}

/// What must be as it was when a call ends: x19 to x30, SP, d8 to d15. `enter` fills it by offsets.
#[repr(C)]
struct Saved {
    x19_to_x30: [u64; 12],
    sp: u64,
    d8_to_d15: [u64; 8],
}

/// A call in progress.
struct Call {
    saved: Saved,
    /// Addresses of code memory.
    code: Range<u64>,
    fault: Fault,
}

thread_local! {
    /// The innermost call of this thread, null outside.
    static CALL: Cell<*mut Call> = const { Cell::new(ptr::null_mut()) };
}

/// Calls `entry(context, base)`, which lies in `code`.
///
/// # Safety
/// `entry` is an AAPCS64 function of these arguments, sound to call with them, unless it is broken in
/// a way that ends in one of the three signals.
pub unsafe fn call(
    entry: u64,
    code: Range<u64>,
    context: *mut c_void,
    base: u64,
) -> Result<(), Box<Fault>> {
    install();
    let fault = Fault { signal: 0, address: 0, pc: 0, registers: Registers::ZERO };
    let saved = Saved { x19_to_x30: [0; 12], sp: 0, d8_to_d15: [0; 8] };
    let mut call = Call { saved, code, fault };
    let outer = CALL.replace(&raw mut call);
    // SAFETY: `entry` is such a function; `saved` is as large as `enter` expects and outlives it.
    let failed = unsafe { enter(context, base, entry, &raw mut call.saved) };
    CALL.set(outer);
    if failed == 0 { Ok(()) } else { Err(Box::new(call.fault)) }
}

/// Calls `entry` and returns 0. The handler may end it early: it restores what is in `saved`, puts 1
/// into x0 and continues at x30, as if this function returned 1.
#[unsafe(naked)]
unsafe extern "C" fn enter(context: *mut c_void, base: u64, entry: u64, saved: *mut Saved) -> u64 {
    core::arch::naked_asm!(
        "stp x19, x20, [x3]",
        "stp x21, x22, [x3, #16]",
        "stp x23, x24, [x3, #32]",
        "stp x25, x26, [x3, #48]",
        "stp x27, x28, [x3, #64]",
        "stp x29, x30, [x3, #80]",
        "mov x16, sp",
        "str x16, [x3, #96]",
        "stp d8, d9, [x3, #104]",
        "stp d10, d11, [x3, #120]",
        "stp d12, d13, [x3, #136]",
        "stp d14, d15, [x3, #152]",
        "stp x29, x30, [sp, #-16]!",
        "blr x2",
        "ldp x29, x30, [sp], #16",
        "mov x0, #0",
        "ret",
    )
}

const SIGNALS: [c_int; 3] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL];

/// The handlers that were there before ours, in the order of [`SIGNALS`].
static BEFORE: OnceLock<[libc::sigaction; 3]> = OnceLock::new();

fn install() {
    BEFORE.get_or_init(|| {
        SIGNALS.map(|signal| {
            // SAFETY: an all-zero `sigaction` is a valid one.
            let (mut ours, mut before): (libc::sigaction, libc::sigaction) =
                unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_fault;
            ours.sa_sigaction = handler as libc::sighandler_t;
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            // SAFETY: both structs are valid; the handler keeps to what a handler may do.
            let result = unsafe { libc::sigaction(signal, &raw const ours, &raw mut before) };
            assert_eq!(result, 0, "sigaction accepts these signals");
            before
        })
    });
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let call = CALL.get();
    // SAFETY: the kernel passes valid structures of this thread.
    let (address, mut machine) =
        unsafe { ((*info).si_addr() as u64, MachineContext::from_raw(context)) };
    // SAFETY: a non-null pointer is to the `Call` of a frame of this thread that is still active, and
    // that frame is suspended while the handler runs.
    let Some(call) = (unsafe { call.as_mut() }) else { return pass_on(signal, info, context) };
    let pc = machine.pc();
    call.fault = Fault { signal, address, pc, registers: machine.registers() };
    if !call.code.contains(&pc) && address != pc {
        report_helper(&call.fault);
        return pass_on(signal, info, context);
    }
    let saved = &call.saved;
    machine.restore(&saved.x19_to_x30, saved.sp, &saved.d8_to_d15);
    machine.resume_at(saved.x19_to_x30[11], 1);
}

/// A fault outside code memory, below a trace.
fn report_helper(fault: &Fault) {
    let mut text = Text { bytes: [0; 160], len: 0 };
    let _ = writeln!(
        text,
        "plumb: {} at pc {:#x}, address {:#x}, in a function that a compiled trace called",
        signal_name(fault.signal),
        fault.pc,
        fault.address
    );
    // SAFETY: writes initialised bytes to stderr, which a signal handler may do.
    unsafe { libc::write(2, text.bytes.as_ptr().cast(), text.len) };
}

/// Hands a signal to the handler that was there before.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let before = SIGNALS.iter().position(|s| *s == signal).and_then(|at| Some(&BEFORE.get()?[at]));
    match before {
        Some(before)
            if before.sa_sigaction != libc::SIG_DFL
                && before.sa_sigaction != libc::SIG_IGN
                && before.sa_flags & libc::SA_SIGINFO != 0 =>
        {
            // SAFETY: with SA_SIGINFO the field holds a function of this type.
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(before.sa_sigaction) };
            handler(signal, info, context);
        }
        // Back to the default action, which the instruction meets when it is executed again.
        // SAFETY: setting a default action is always valid.
        _ => unsafe {
            libc::signal(signal, libc::SIG_DFL);
        },
    }
}

pub fn signal_name(signal: c_int) -> &'static str {
    match signal {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        _ => "a signal",
    }
}

/// Text built without allocation; what does not fit is cut.
struct Text {
    bytes: [u8; 160],
    len: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = self.bytes.len() - self.len;
        let taken = text.len().min(room);
        self.bytes[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}
