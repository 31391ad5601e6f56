//! The unicorn engine (QEMU's translator as a library): another opinion on what ARM64 code does.
//!
//! 1. [`Unicorn`]  an executor like the others
//! 2. [`Refereed`] the simulator; each n-th run also here, from the same memory image
//!
//! It shares no code with the simulator: it decodes and computes by itself. It is slow to enter, so it
//! samples. It checks no rules: a wild access is an error, nothing else is.
//!
//! Limits: x86-64 and aarch64 hosts with pages of 4 KiB or a multiple; exits cannot be forced;
//! [`Unicorn`] has fuel only for code that was compiled to count arrivals.

mod machine;
mod referee;

pub use referee::Refereed;

use std::sync::Arc;

use super::code::{CodeBlob, InstallError, InstalledCode};
use super::context::TraceContext;
use super::executor::{Executor, ForcedExit, RunEnv, RunStats};
use super::helpers::HostFn;
use super::sim::{CODE_BASE, RETURN, STACK_TOP, Seen};
use super::trap::{RegisterDump, Trap, TrapKind};
use machine::{Machine, Sharing};

/// See the module's documentation.
pub struct Unicorn {
    machine: Machine,
    /// Bytes of code so far.
    used: u64,
    generation: u64,
}

impl Default for Unicorn {
    fn default() -> Self {
        Unicorn::new()
    }
}

impl Unicorn {
    pub fn new() -> Unicorn {
        Unicorn { machine: Machine::new(Sharing::Host), used: 0, generation: 0 }
    }

    /// Runs until the return; host functions are called on the way.
    fn follow(&mut self, env: &mut dyn RunEnv, mut seen: Seen) -> Result<Seen, (Seen, String)> {
        loop {
            self.machine.set(&seen);
            let stopped = self.machine.run(env.memory(), seen.pc, 0);
            seen = self.machine.get();
            if seen.pc == RETURN {
                return Ok(seen);
            }
            let Some(function) = env.helpers().get(seen.pc) else {
                let why = stopped.err().unwrap_or_else(|| "control left the code".into());
                return Err((seen, why));
            };
            let result = call(function, &seen);
            match function.float_arguments() {
                0 => seen.gpr[0] = result,
                _ => seen.fpr[0] = result,
            }
            seen.pc = seen.gpr[30];
        }
    }
}

fn call(function: HostFn, seen: &Seen) -> u64 {
    let (x, d) = (&seen.gpr, |n: usize| f64::from_bits(seen.fpr[n]));
    // SAFETY: `HelperTable::add` was promised that the function may be called with what correct traces
    // pass; that this trace is correct is the compiler's promise, on every executor.
    unsafe {
        match function {
            HostFn::Int0(call) => call(),
            HostFn::Int1(call) => call(x[0]),
            HostFn::Int2(call) => call(x[0], x[1]),
            HostFn::Int3(call) => call(x[0], x[1], x[2]),
            HostFn::Int4(call) => call(x[0], x[1], x[2], x[3]),
            HostFn::Int5(call) => call(x[0], x[1], x[2], x[3], x[4]),
            HostFn::Int6(call) => call(x[0], x[1], x[2], x[3], x[4], x[5]),
            HostFn::Float1(call) => call(d(0)).to_bits(),
            HostFn::Float2(call) => call(d(0), d(1)).to_bits(),
        }
    }
}

impl Executor for Unicorn {
    fn name(&self) -> &'static str {
        "unicorn"
    }

    fn install(&mut self, blob: CodeBlob) -> Result<InstalledCode, InstallError> {
        let address = CODE_BASE + self.used;
        self.machine.write_code(address, &blob.words)?;
        // One word stays zero, an undefined instruction, between blobs.
        self.used += 4 * blob.words.len() as u64 + 4;
        Ok(InstalledCode { blob: Arc::new(blob), address, generation: self.generation })
    }

    fn patch(&mut self, code: &InstalledCode, edits: &[(usize, u32)]) -> Result<(), InstallError> {
        for &(word, value) in edits {
            assert!(word < code.blob.words.len(), "word {word} is outside the code");
            self.machine.write_code(code.word_address(word), &[value])?;
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.generation += 1;
        self.used = 0;
        self.machine.forget_pages();
    }

    fn force_exit(&mut self, request: Option<ForcedExit>) -> bool {
        request.is_none()
    }

    fn run(
        &mut self,
        code: &InstalledCode,
        ctx: &mut TraceContext,
        base: u64,
        env: &mut dyn RunEnv,
    ) -> Result<RunStats, Trap> {
        assert_eq!(
            code.generation, self.generation,
            "installed code is used after the executor's reset"
        );
        let arrivals = env.fuel() / code.blob.words.len().max(1) as u64;
        ctx.arrivals_left = arrivals;
        let context = std::ptr::from_mut(ctx).expose_provenance() as u64;
        self.machine.set_context(context);
        let mut seen = Seen {
            gpr: [0; 31],
            fpr: [0; 32],
            sp: STACK_TOP,
            nzcv: 0,
            pc: code.address,
            executed: 0,
        };
        (seen.gpr[0], seen.gpr[1], seen.gpr[30]) = (context, base, RETURN);
        match self.follow(env, seen) {
            Ok(_) => {
                let loop_arrivals = arrivals.wrapping_sub(ctx.arrivals_left);
                Ok(RunStats { loop_arrivals, instructions: 0 })
            }
            Err((seen, message)) => Err(trap(code, &seen, message)),
        }
    }
}

fn trap(code: &InstalledCode, seen: &Seen, message: String) -> Trap {
    let word = seen.pc.checked_sub(code.address).map(|offset| offset as usize / 4);
    let word = word.filter(|&word| word < code.blob.words.len());
    let bits = word.map_or(0, |word| code.blob.words[word]);
    let text = super::disasm::instruction(bits, seen.pc);
    Trap {
        kind: TrapKind::OutsideCode,
        word,
        instruction: format!("{:#x}: {bits:08x}  {text}", seen.pc),
        operation: word.and_then(|word| code.blob.annotation(word)).map(ToString::to_string),
        message,
        registers: Box::new(RegisterDump {
            gpr: seen.gpr,
            fpr: seen.fpr,
            sp: seen.sp,
            nzcv: seen.nzcv,
            defined: u64::MAX,
            instructions: 0,
        }),
    }
}
