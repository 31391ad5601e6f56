//! Interrupts: the host stops a program that runs, wherever it is.
//!
//! In:  a question that the host answers, such as "was Ctrl-C pressed?".   Out: the error `interrupted!`,
//! which the program may catch.
//!
//! The question is asked at a tick every [`POLL_DISTANCE`] instructions, so the interpreter's loop does
//! no more than it does without. A library function is not interrupted before it returns.
//!
//! A trace that runs for long asks too, and is then given up where it is: what it stored into objects
//! stays, while the locals of the frames it runs in are those from when it was entered.

use super::Vm;
use super::error::LuaResult;

/// Instructions between two questions: less than a millisecond.
const POLL_DISTANCE: u64 = 1 << 17;

/// Whether and when the host is asked.
pub(crate) struct Interrupts {
    pub(crate) is_requested: Option<fn() -> bool>,
    /// The host has said so already.
    is_pending: bool,
    /// The clock of the next question, `u64::MAX` for never.
    pub(crate) next_poll: u64,
}

impl Interrupts {
    pub(crate) fn new() -> Interrupts {
        Interrupts { is_requested: None, is_pending: false, next_poll: u64::MAX }
    }

    /// The next question comes a distance after this clock.
    pub(crate) fn schedule(&mut self, clock: u64) {
        self.next_poll = match self.is_requested {
            Some(_) => clock + POLL_DISTANCE,
            None => u64::MAX,
        };
    }
}

impl Vm {
    /// Raises the error `interrupted!` in the running function soon after `is_requested` says so.
    pub fn set_interrupt(&mut self, is_requested: Option<fn() -> bool>) {
        self.interrupts.is_requested = is_requested;
        self.interrupts.schedule(self.clock());
        self.hooks_changed();
    }

    /// A trace was given up for an interrupt: raise it before the next instruction.
    pub(crate) fn note_interrupt(&mut self) {
        self.interrupts.is_pending = true;
        self.interrupts.next_poll = self.clock();
        self.hooks_changed();
    }

    /// The host is to be asked at this clock.
    pub(crate) fn interrupt_poll_is_due(&self) -> bool {
        self.clock() >= self.interrupts.next_poll
    }

    /// Asks the host, at a tick.
    #[cold]
    pub(crate) fn poll_interrupt(&mut self) -> LuaResult<()> {
        let now = self.clock();
        self.interrupts.schedule(now);
        let is_pending = std::mem::take(&mut self.interrupts.is_pending);
        if is_pending || self.interrupts.is_requested.is_some_and(|is_requested| is_requested()) {
            // The instruction does not execute.
            self.arm(now);
            return Err(self.error("interrupted!"));
        }
        Ok(())
    }
}
