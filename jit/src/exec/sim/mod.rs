//! The ARM64 simulator: runs the very words the backend emitted, on any host, and checks each step.
//!
//! 1. [`op`]      what a decoded instruction is
//! 2. [`decode`]  words -> decoded instructions, by an independent decoder
//! 3. [`space`]   code memory, with the cache that must be flushed
//! 4. [`alu`], [`fpu`] semantics on plain values
//! 5. [`memory`]  data memory: heap, context, stack; helper calls
//! 6. [`execute`] the loop
//! 7. [`steps`]   records of what is executed, on demand
//!
//! Checked, each a `TrapKind`: every load and store lies in live memory; no register is read before
//! this run wrote it or after a helper destroyed it; callee-saved registers and SP are restored;
//! SP is aligned; nothing is stored below SP; changed code is flushed; control stays in the code; x18 is
//! not touched; the run ends.
//!
//! Limits: one thread; the high halves of vector registers do not exist; FPCR is its default; a value
//! that was saved on the stack undefined counts as defined after it is loaded back.

mod alu;
mod decode;
mod execute;
mod fpu;
mod memory;
mod op;
mod space;
mod steps;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::code::{Category, CodeBlob, InstallError, InstalledCode};
use super::context::TraceContext;
use super::disasm;
use super::executor::{Executor, ForcedExit, RunEnv, RunStats};
use super::mach::Record;
use super::trap::{RegisterDump, Trap, TrapKind};
pub use execute::RETURN;
use execute::{Machine, Run, Stop};
use memory::{Hit, Memory, Stack};
pub use memory::{STACK_BASE, STACK_BYTES, STACK_TOP};
use op::{ALWAYS, CELLS, FPR, SP, bit};
pub use space::BASE as CODE_BASE;
use space::{FIRST_WORDS, Space, address_of};
use steps::Steps;

/// The architectural state at a moment of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub gpr: [u64; 31],
    pub fpr: [u64; 32],
    pub sp: u64,
    pub nzcv: u8,
    pub pc: u64,
    /// Instructions since the entry.
    pub executed: u64,
}

impl Seen {
    fn of(machine: &Machine, pc: u64, nzcv: u8, executed: u64) -> Seen {
        Seen {
            gpr: std::array::from_fn(|i| machine.x[i]),
            fpr: std::array::from_fn(|i| machine.x[FPR as usize + i]),
            sp: machine.x[SP as usize],
            nzcv,
            pc,
            executed,
        }
    }
}

/// Sees a run where another executor of the same code can be compared with it: at its ends and on both
/// sides of each helper call.
pub trait Watch {
    /// At the entry, and after a call.
    fn resumes(&mut self, seen: &Seen);
    /// Before a call, and after the return. An error stops the run.
    fn pauses(&mut self, seen: &Seen) -> Result<(), String>;
}

/// See the module's documentation.
pub struct Simulator {
    space: Space,
    machine: Machine,
    stack: Stack,
    hits: Vec<Hit>,
    flow: Vec<u64>,
    force_in: u64,
    steps: Steps,
}

impl Default for Simulator {
    fn default() -> Self {
        Simulator::new()
    }
}

impl Simulator {
    pub fn new() -> Simulator {
        let mut simulator = Simulator {
            space: Space::new(),
            machine: Machine { x: [0; CELLS], nzcv: 0, defined: 0, executed: 0, arrivals: 0 },
            stack: Stack::new(),
            hits: Vec::with_capacity(FIRST_WORDS),
            flow: Vec::with_capacity(FIRST_WORDS),
            force_in: 0,
            steps: Steps::default(),
        };
        simulator.fit();
        simulator
    }

    /// Gives each word its `hits` and `flow` cell.
    fn fit(&mut self) {
        self.hits.resize(self.space.words.len(), Hit::NONE);
        self.flow.resize(self.space.words.len() + 1, 0);
    }

    fn start_of(&self, code: &InstalledCode) -> usize {
        assert_eq!(
            code.generation, self.space.generation,
            "installed code is used after the executor's reset"
        );
        self.space.index_of(code.address).expect("installed code has an address in the code space")
    }

    /// Changes a word of code memory without flushing it. `Executor::patch` is what linking uses; this
    /// is what a forgotten flush does.
    pub fn write_unflushed(&mut self, code: &InstalledCode, word: usize, value: u32) {
        let start = self.start_of(code);
        assert!(word < code.blob.words.len(), "word {word} is outside the code");
        self.space.write(start + word, value);
        // What the old instruction hit says nothing about the new one's size.
        self.hits[start + word] = Hit::NONE;
    }

    /// Code memory from `CODE_BASE` on.
    pub fn code_words(&self) -> &[u32] {
        &self.space.words
    }

    /// Executions of each word of `code` since installation or `clear_counts`.
    pub fn word_counts(&self, code: &InstalledCode) -> Vec<u64> {
        let start = self.start_of(code);
        let mut running = 0u64;
        let cells = &self.flow[start..start + code.blob.words.len()];
        cells
            .iter()
            .map(|change| {
                running = running.wrapping_add(*change);
                running
            })
            .collect()
    }

    /// Instructions executed in `code`, by category, in the order of `Category::ALL`.
    pub fn category_counts(&self, code: &InstalledCode) -> [u64; Category::ALL.len()] {
        let mut totals = [0; Category::ALL.len()];
        for (word, count) in self.word_counts(code).into_iter().enumerate() {
            totals[code.blob.category(word) as usize] += count;
        }
        totals
    }

    pub fn clear_counts(&mut self) {
        self.flow.fill(0);
    }

    fn prepare(&mut self, context: u64, base: u64) {
        let machine = &mut self.machine;
        machine.x[..ENTRY.len()].copy_from_slice(&ENTRY);
        machine.x[0] = context;
        machine.x[1] = base;
        machine.defined = bit(0) | bit(1) | bit(30) | ALWAYS;
        machine.nzcv = 0;
        machine.executed = 0;
        machine.arrivals = 0;
    }

    #[cold]
    fn trap(&self, stop: Stop) -> Trap {
        let Stop { at, kind, message } = stop;
        let block = self.space.block_at(at);
        let word = block.map(|block| at - block.start);
        let bits = self.space.words[at];
        let (pc, text) = (address_of(at), disasm::instruction(bits, address_of(at)));
        let machine = &self.machine;
        Trap {
            kind,
            word,
            instruction: format!("{pc:#x}: {bits:08x}  {text}"),
            operation: block
                .and_then(|block| block.blob.annotation(at - block.start))
                .map(ToString::to_string),
            message,
            registers: Box::new(RegisterDump {
                gpr: std::array::from_fn(|i| machine.x[i]),
                fpr: std::array::from_fn(|i| machine.x[FPR as usize + i]),
                sp: machine.x[SP as usize],
                nzcv: machine.nzcv,
                defined: machine.defined & !ALWAYS,
                instructions: machine.executed,
            }),
        }
    }

    /// The first callee-saved register that was not restored.
    fn unrestored(&self) -> Option<String> {
        let saved = (19..30).chain(FPR as usize + 8..FPR as usize + 16).chain([SP as usize]);
        let mut changed = saved.filter(|&cell| self.machine.x[cell] != ENTRY[cell]);
        let cell = changed.next()?;
        let name = match cell {
            0..32 => format!("x{cell}"),
            32..64 => format!("d{}", cell - 32),
            _ => "sp".to_string(),
        };
        let (was, is) = (ENTRY[cell], self.machine.x[cell]);
        Some(format!("{name} was {was:#x} at entry and is {is:#x} at the return"))
    }
}

/// Registers at entry: recognisable patterns, so that a leak shows in a dump.
const ENTRY: [u64; SP as usize + 1] = {
    let mut cells = [0; SP as usize + 1];
    let mut i = 0;
    while i < 64 {
        cells[i] = 0xdead_0000_0000_0000 | i as u64;
        i += 1;
    }
    cells[30] = RETURN;
    cells[SP as usize] = STACK_TOP;
    cells
};

/// What spill slots hold at entry.
const UNSPILLED: u64 = 0x7ff7_dead_0000_0000;

impl Executor for Simulator {
    fn name(&self) -> &'static str {
        "sim"
    }

    fn install(&mut self, blob: CodeBlob) -> Result<InstalledCode, InstallError> {
        let blob = Arc::new(blob);
        let start = self.space.install(blob.clone())?;
        self.fit();
        let address = address_of(start);
        Ok(InstalledCode { blob, address, generation: self.space.generation })
    }

    fn patch(&mut self, code: &InstalledCode, edits: &[(usize, u32)]) -> Result<(), InstallError> {
        let start = self.start_of(code);
        for &(word, value) in edits {
            self.write_unflushed(code, word, value);
            self.space.flush(start + word, start + word + 1);
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.space.reset();
        self.hits.clear();
        self.flow.clear();
        self.force_in = 0;
        self.fit();
    }

    fn force_exit(&mut self, request: Option<ForcedExit>) -> bool {
        self.space.unforce();
        self.force_in = 0;
        let Some(ForcedExit { code, word, nth }) = request else { return true };
        let at = self.start_of(&code) + word;
        assert!(word < code.blob.words.len(), "word {word} is outside the code");
        self.force_in = nth;
        self.space.force(at)
    }

    fn was_forced(&self) -> bool {
        self.space.is_forced() && self.force_in == 0
    }

    fn watch(&mut self, code: &InstalledCode) -> bool {
        let start = self.start_of(code);
        for at in self.steps.mark(start, &code.blob) {
            self.space.watch(at);
        }
        true
    }

    fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.steps.records)
    }

    fn run(
        &mut self,
        code: &InstalledCode,
        ctx: &mut TraceContext,
        base: u64,
        env: &mut dyn RunEnv,
    ) -> Result<RunStats, Trap> {
        self.run_watched(code, ctx, base, env, None)
    }
}

impl Simulator {
    /// `Executor::run` before the eyes of `watch`.
    pub fn run_watched(
        &mut self,
        code: &InstalledCode,
        ctx: &mut TraceContext,
        base: u64,
        env: &mut dyn RunEnv,
        mut watch: Option<&mut dyn Watch>,
    ) -> Result<RunStats, Trap> {
        let start = self.start_of(code);
        for (slot, cell) in ctx.spills.iter_mut().take(code.blob.spill_slots).enumerate() {
            *cell = UNSPILLED | slot as u64;
        }
        let context = std::ptr::from_mut(ctx).expose_provenance() as u64;
        self.prepare(context, base);
        if let Some(watch) = &mut watch {
            watch.resumes(&Seen::of(&self.machine, code.address, 0, 0));
        }
        let env: &dyn RunEnv = env;
        let mut memory = Memory::new(env.memory(), ctx, &mut self.stack, &self.space);
        if env.audits() {
            memory.audit();
        }
        let run = Run {
            machine: &mut self.machine,
            memory,
            space: &self.space,
            hits: &mut self.hits,
            flow: &mut self.flow,
            helpers: env.helpers(),
            env,
            force_in: &mut self.force_in,
            watch: watch.as_mut().map(|watch| &mut **watch as &mut dyn Watch),
            steps: &mut self.steps,
        };
        let outcome = run.execute(start);
        self.steps.end(outcome.is_ok());
        if let Err(stop) = outcome {
            return Err(self.trap(stop));
        }
        if let Some(message) = self.unrestored() {
            return Err(self.trap(Stop { at: start, kind: TrapKind::CalleeSaved, message }));
        }
        if let Some(watch) = watch {
            let Machine { nzcv, executed, .. } = self.machine;
            let seen = Seen::of(&self.machine, RETURN, nzcv, executed);
            if let Err(message) = watch.pauses(&seen) {
                return Err(self.trap(Stop { at: start, kind: TrapKind::Referee, message }));
            }
        }
        Ok(RunStats { loop_arrivals: self.machine.arrivals, instructions: self.machine.executed })
    }
}
