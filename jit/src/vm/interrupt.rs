//! Interrupts: the host stops a program that runs, wherever it is.
//!
//! In:  a question that the host answers, such as "was Ctrl-C pressed?".   Out: the error `interrupted!`,
//! which the program may catch.
//!
//! The question is asked at a tick every [`POLL_DISTANCE`] instructions, so the interpreter's loop does
//! no more than it does without. A library function is not interrupted before it returns.

use super::Vm;
use super::error::LuaResult;

/// Instructions between two questions: less than a millisecond.
const POLL_DISTANCE: u64 = 1 << 17;

/// Whether and when the host is asked.
pub(crate) struct Interrupts {
    is_requested: Option<fn() -> bool>,
    /// The clock of the next question, `u64::MAX` for never.
    pub(crate) next_poll: u64,
}

impl Interrupts {
    pub(crate) fn new() -> Interrupts {
        Interrupts { is_requested: None, next_poll: u64::MAX }
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

    /// Asks the host, at a tick or after a trace.
    #[cold]
    pub(crate) fn poll_interrupt(&mut self) -> LuaResult<()> {
        let now = self.clock();
        self.interrupts.schedule(now);
        if self.interrupts.is_requested.is_some_and(|is_requested| is_requested()) {
            // The instruction does not execute.
            self.arm(now);
            return Err(self.error("interrupted!"));
        }
        Ok(())
    }
}
