//! Assembling a few instructions and running them.

use dynasmrt::VecAssembler;
use dynasmrt::aarch64::Aarch64Relocation;

use crate::exec::arena::ArenaEnv;
use crate::exec::{CodeBlob, Executor, RunStats, Simulator, TraceContext, Trap};

pub type Assembler = VecAssembler<Aarch64Relocation>;

/// The words that `emit` assembles.
pub fn words(emit: impl FnOnce(&mut Assembler)) -> Vec<u32> {
    let mut assembler = Assembler::new(0);
    emit(&mut assembler);
    let bytes = assembler.finalize().expect("test code assembles");
    let (chunks, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect()
}

pub fn blob(emit: impl FnOnce(&mut Assembler)) -> CodeBlob {
    CodeBlob { words: words(emit), ..CodeBlob::default() }
}

/// A simulator with its environment and a context.
pub struct Bench {
    pub simulator: Simulator,
    pub context: Box<TraceContext>,
    pub env: ArenaEnv,
}

impl Bench {
    pub fn new() -> Bench {
        Bench {
            simulator: Simulator::new(),
            context: TraceContext::new(),
            env: ArenaEnv::default(),
        }
    }

    /// Installs and runs once.
    pub fn run(&mut self, blob: CodeBlob, base: u64) -> Result<RunStats, Trap> {
        let code = self.simulator.install(blob).expect("test code fits");
        self.simulator.run(&code, &mut self.context, base, &mut self.env)
    }
}
