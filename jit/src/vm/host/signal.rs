//! The keyboard's interrupt, and broken pipes.
//!
//! In:  a request to listen.   Out: a flag.
//!
//! A handler may do next to nothing: it sets a flag that the interpreter's driver looks at (see
//! `vm::interrupt`), and gives the signal its default action back, so that a second one ends the process
//! whatever the program does.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn note_interrupt(signal: libc::c_int) {
    INTERRUPTED.store(true, Ordering::Relaxed);
    // SAFETY: `signal` may be called in a handler.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Interrupts are noted from now on, instead of ending the process.
pub fn listen() {
    INTERRUPTED.store(false, Ordering::Relaxed);
    let handler = note_interrupt as extern "C" fn(libc::c_int);
    // SAFETY: the handler stores to an atomic and resets itself, both allowed at any moment.
    unsafe { libc::signal(libc::SIGINT, handler as libc::sighandler_t) };
}

/// Interrupts do nothing: for a process whose parent decides what they mean.
pub fn ignore_interrupt() {
    // SAFETY: ignoring is one of the actions that a signal has.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
}

/// Interrupts end the process again.
pub fn stop_listening() {
    // SAFETY: the default action.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
}

/// Whether there was an interrupt; asking forgets it.
pub fn take_interrupt() -> bool {
    INTERRUPTED.load(Ordering::Relaxed) && INTERRUPTED.swap(false, Ordering::Relaxed)
}

/// Writing to a pipe that nobody reads ends the process, here and in the commands that it starts: what C
/// programs expect and Rust's start-up code changes.
pub fn default_broken_pipe() {
    // SAFETY: the default action.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}
