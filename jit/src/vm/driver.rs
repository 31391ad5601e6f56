//! What the JIT and the oracle plug into the interpreter.
//!
//! In:  the VM's state between two instructions.   Out: whatever the driver changes.
//!
//! The driver is taken out of the VM while it is called, so nested execution from inside it (which
//! none of ours does) would run without it.

use super::Vm;
use super::error::LuaError;

/// `Any`, so that callers get their concrete driver back from the VM by upcasting.
pub trait Driver: std::any::Any {
    /// The clock reached the point set with [`Vm::tick_at`]. The state is the one just before
    /// instruction number `clock() + 1` executes, and the top frame's pc is that instruction. The
    /// driver may read everything and set the next tick; it must not change the program's state.
    /// An error it returns is thrown as if the instruction had raised it.
    fn tick(&mut self, vm: &mut Vm) -> Result<(), Box<LuaError>>;

    /// A taken backward jump landed on a loop head whose counter is 0. The top frame's pc is the loop
    /// head, the next instruction to fetch. The driver may rewrite registers, push and pop frames
    /// (not below the frame that was on top when the innermost `Vm::call` began), change the pc,
    /// advance the clock and reset the counter.
    fn loop_head(&mut self, vm: &mut Vm);
}
