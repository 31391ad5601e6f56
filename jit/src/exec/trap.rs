//! What an executor reports when machine code breaks a rule.
//!
//! A trap is a defect of the compiler, so it carries what a person needs to find it: the rule, the
//! place in the trace's code, the instruction, the IR operation it came from and all registers.

use std::fmt;

/// The broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrapKind {
    /// The decoder, or the simulator, does not know the word.
    UnknownInstruction,
    /// The word was changed and not flushed: a real processor may run the old one.
    StaleInstruction,
    /// Control left the installed code: a wild branch, or falling off the end.
    OutsideCode,
    /// A load or store outside live memory, the context and the stack.
    WildAccess,
    /// A stack access below SP, or above the frame of the trace.
    StackAccess,
    /// SP not a multiple of 16 when used as a base.
    MisalignedStack,
    /// A register (or the flags) was read before this run wrote it, or after a helper destroyed it.
    UndefinedRead,
    /// x18 belongs to the platform.
    PlatformRegister,
    /// A callee-saved register, or SP, does not have its entry value at the return.
    CalleeSaved,
    /// `blr` to an address that is no helper.
    UnknownHelper,
    /// An argument of a helper call is not what the helper takes.
    BadArgument,
    /// The run stored a tag that does not fit the payload beside it.
    UnsoundValue,
    /// The run executed more instructions than it was allowed.
    OutOfFuel,
    /// Another executor of the same code came to another state: a defect of the simulator, or of the
    /// other.
    Referee,
    /// Not a broken rule: the host wants the run to stop.
    Interrupted,
}

/// A stopped run.
#[derive(Clone, Debug)]
pub struct Trap {
    pub kind: TrapKind,
    /// Index of the offending word in the code that was run; none if control was elsewhere.
    pub word: Option<usize>,
    /// `address: word  disassembly` of the offending instruction.
    pub instruction: String,
    /// IR text of the operation that the instruction belongs to.
    pub operation: Option<String>,
    pub message: String,
    pub registers: Box<RegisterDump>,
}

/// Registers at the trap.
#[derive(Clone, Debug)]
pub struct RegisterDump {
    pub gpr: [u64; 31],
    pub fpr: [u64; 32],
    pub sp: u64,
    /// N, Z, C, V from bit 3 down.
    pub nzcv: u8,
    /// Bit i: x`i` was written; bit 31: the flags; bit 32+i: d`i`.
    pub defined: u64,
    pub instructions: u64,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trap {:?}: {}", self.kind, self.message)?;
        match self.word {
            Some(word) => write!(f, "\n  at word {word}: {}", self.instruction)?,
            None => write!(f, "\n  at {}", self.instruction)?,
        }
        if let Some(operation) = &self.operation {
            write!(f, "\n  of `{operation}`")?;
        }
        write!(f, "\n{}", self.registers)
    }
}

impl std::error::Error for Trap {}

impl fmt::Display for RegisterDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  sp {:016x}  nzcv ", self.sp)?;
        if self.is_defined(31) {
            write!(f, "{:04b}", self.nzcv)?;
        } else {
            write!(f, "----")?;
        }
        write!(f, "  after {} instructions", self.instructions)?;
        for (i, value) in self.gpr.iter().enumerate() {
            separate(f, i)?;
            write!(f, "x{i:<2} {}", Hex(self.is_defined(i), *value))?;
        }
        for (i, value) in self.fpr.iter().enumerate() {
            separate(f, i)?;
            write!(f, "d{i:<2} {}", Hex(self.is_defined(32 + i), *value))?;
        }
        Ok(())
    }
}

impl RegisterDump {
    fn is_defined(&self, bit: usize) -> bool {
        self.defined >> bit & 1 == 1
    }
}

fn separate(f: &mut fmt::Formatter<'_>, column: usize) -> fmt::Result {
    f.write_str(if column.is_multiple_of(4) { "\n  " } else { "  " })
}

/// Sixteen digits, or dashes where the register was never written.
struct Hex(bool, u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 { write!(f, "{:016x}", self.1) } else { f.write_str("----------------") }
    }
}
