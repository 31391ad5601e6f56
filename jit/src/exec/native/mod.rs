//! Runs traces on the processor itself; exists on aarch64 Linux and macOS.
//!
//! In:  as every executor.   Out: the context as the exit left it.
//!
//! 1. [`fault`]           signals of running code become traps
//! 2. [`machine_context`] the registers of an interrupted thread
//!
//! It checks nothing: a broken rule is a trap of the processor, or a wrong result. The simulator is
//! where rules are checked, on any host.
//!
//! A run is given its arrivals at the loop head in portions. Between two of them the host is asked
//! whether it wants the run to stop.
//!
//! Limits: instructions are not counted; code counts arrivals at its loop head and forces exits only
//! when it was compiled to. Fuel is counted in arrivals, so an endless loop that does not pass the
//! loop head stays endless, and deaf.

pub mod fault;
mod machine_context;

use std::sync::Arc;

use super::code::{CodeBlob, InstallError, InstalledCode};
use super::code_memory::{ExecutableRegion, Unchanged, WritableRegion};
use super::context::{OUT_OF_FUEL, TraceContext};
use super::disasm;
use super::executor::{Executor, ForcedExit, RunEnv, RunStats};
use super::trap::{RegisterDump, Trap, TrapKind};
use fault::{Fault, Registers, signal_name};

/// See the module's documentation.
pub struct Native {
    /// `None` only after the system refused to change a protection back.
    region: Option<ExecutableRegion>,
    generation: u64,
}

impl Native {
    pub fn new() -> Result<Native, InstallError> {
        Ok(Native { region: Some(ExecutableRegion::reserve()?), generation: 0 })
    }

    fn check(&self, code: &InstalledCode) {
        assert_eq!(
            code.generation, self.generation,
            "installed code is used after the executor's reset"
        );
    }

    /// Opens with `open`, writes with `write`, seals.
    fn change(
        &mut self,
        open: impl FnOnce(ExecutableRegion) -> Result<WritableRegion, Unchanged<ExecutableRegion>>,
        write: impl FnOnce(&mut WritableRegion),
    ) -> Result<(), InstallError> {
        let lost = || InstallError::Refused("code memory was lost".into());
        let region = self.region.take().ok_or_else(lost)?;
        let mut writable = match open(region) {
            Ok(writable) => writable,
            Err(Unchanged { region, error }) => {
                self.region = Some(region);
                return Err(error);
            }
        };
        write(&mut writable);
        self.region = Some(writable.seal().map_err(|unchanged| unchanged.error)?);
        Ok(())
    }
}

impl Executor for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn install(&mut self, blob: CodeBlob) -> Result<InstalledCode, InstallError> {
        let Some(region) = &self.region else {
            return Err(InstallError::Refused("code memory was lost".into()));
        };
        let address = region.next_address();
        // One undefined instruction after the code stops what falls off its end.
        let bytes = 4 * blob.words.len() + 4;
        self.change(
            |region| region.open_free(bytes),
            |writable| {
                writable.write(address, &blob.words);
                writable.write(address + bytes - 4, &[0]);
            },
        )?;
        let (blob, generation) = (Arc::new(blob), self.generation);
        Ok(InstalledCode { blob, address: address as u64, generation })
    }

    fn patch(&mut self, code: &InstalledCode, edits: &[(usize, u32)]) -> Result<(), InstallError> {
        self.check(code);
        let address = code.address as usize;
        self.change(
            |region| region.open_at(address, 4 * code.blob.words.len()),
            |writable| {
                for &(word, value) in edits {
                    assert!(word < code.blob.words.len(), "word {word} is outside the code");
                    writable.write(address + 4 * word, &[value]);
                }
            },
        )
    }

    fn reset(&mut self) {
        self.generation += 1;
        if let Some(region) = &mut self.region {
            region.clear();
        }
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
        self.check(code);
        let region = self.region.as_ref().expect("code memory was lost").addresses();
        let fuel = env.fuel() / code.blob.words.len().max(1) as u64;
        let (mut spent, mut entry) = (0, code.address);
        loop {
            let portion = PORTION.min(fuel - spent);
            // A resumed run has arrived already.
            ctx.arrivals_left = portion - u64::from(spent > 0);
            // SAFETY: `entry` is word 0, or the word to resume at, of code in the executable region
            // (the generation was checked); both are functions of these arguments that keep AAPCS64:
            // the backend's contract, see `code`.
            let run = unsafe { fault::call(entry, region.clone(), (&raw mut *ctx).cast(), base) };
            run.map_err(|fault| trap_of(&fault, code))?;
            if ctx.exit_id != u64::from(OUT_OF_FUEL) {
                let loop_arrivals = spent + portion - ctx.arrivals_left;
                return Ok(RunStats { loop_arrivals, instructions: 0 });
            }
            spent += portion;
            if spent == fuel {
                let text = format!("the loop was to be entered more than {fuel} times");
                return Err(stopped(TrapKind::OutOfFuel, text, ctx));
            }
            if env.is_interrupted() {
                return Err(stopped(TrapKind::Interrupted, "the host stops the run".into(), ctx));
            }
            entry = code.word_address(code.blob.resume.expect("counted code can be resumed"));
        }
    }
}

/// Arrivals between two questions to the host: milliseconds.
const PORTION: u64 = 1 << 16;

/// What a person needs to know about a fault.
fn trap_of(fault: &Fault, code: &InstalledCode) -> Trap {
    let word = fault.pc.wrapping_sub(code.address) / 4;
    // The undefined instruction after the code counts as outside.
    let word = usize::try_from(word).ok().filter(|&word| word < code.blob.words.len());
    let access = format!("{} at address {:#x}", signal_name(fault.signal), fault.address);
    let (kind, message) = match (word, fault.signal) {
        (None, _) => (TrapKind::OutsideCode, format!("{access}: control left the trace's code")),
        (_, libc::SIGILL) => (TrapKind::UnknownInstruction, "SIGILL".to_string()),
        _ => (TrapKind::WildAccess, access),
    };
    let instruction = match word {
        // Patches are not reflected in the blob; what ran is in memory, but may be what is broken.
        Some(word) => {
            let bits = code.blob.words[word];
            format!("{:#x}: {bits:08x}  {}", fault.pc, disasm::instruction(bits, fault.pc))
        }
        None => format!("{:#x}, code is at {:#x}", fault.pc, code.address),
    };
    let operation = word.and_then(|word| code.blob.annotation(word)).map(ToString::to_string);
    let registers = dump(&fault.registers);
    Trap { kind, word, instruction, operation, message, registers }
}

/// The report of a run that ended at its loop head.
fn stopped(kind: TrapKind, message: String, ctx: &TraceContext) -> Trap {
    let registers = Registers { gpr: ctx.gpr, fpr: ctx.fpr, sp: 0, nzcv: 0 };
    Trap {
        kind,
        word: None,
        instruction: "the loop head".to_string(),
        operation: None,
        message,
        registers: dump(&registers),
    }
}

fn dump(registers: &Registers) -> Box<RegisterDump> {
    let Registers { gpr, fpr, sp, nzcv } = *registers;
    Box::new(RegisterDump { gpr, fpr, sp, nzcv, defined: u64::MAX, instructions: 0 })
}

#[cfg(test)]
mod tests {
    use dynasmrt::aarch64::Aarch64Relocation;
    use dynasmrt::{DynasmApi, VecAssembler, dynasm};

    use super::*;
    use crate::exec::arena::ArenaEnv;
    use crate::exec::code::Annotation;

    fn blob(value: u32) -> CodeBlob {
        let mut ops = VecAssembler::<Aarch64Relocation>::new(0);
        dynasm!(ops
            ; .arch aarch64
            ; movz w16, value
            ; str x16, [x0, TraceContext::EXIT_ID as u32]
            ; str x1, [x0, TraceContext::gpr_offset(1) as u32]
            ; ret
        );
        let bytes = ops.finalize().unwrap();
        let (chunks, _) = bytes.as_chunks::<4>();
        let words = chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
        CodeBlob { words, ..CodeBlob::default() }
    }

    #[test]
    fn installs_runs_and_patches() {
        let mut native = Native::new().unwrap();
        let mut context = TraceContext::new();
        let mut env = ArenaEnv::default();
        let code = native.install(blob(7)).unwrap();
        let other = native.install(blob(8)).unwrap();
        native.run(&code, &mut context, 42, &mut env).unwrap();
        assert_eq!((context.exit_id, context.gpr[1]), (7, 42));
        native.patch(&code, &[(0, blob(9).words[0])]).unwrap();
        native.run(&code, &mut context, 42, &mut env).unwrap();
        assert_eq!(context.exit_id, 9);
        native.run(&other, &mut context, 42, &mut env).unwrap();
        assert_eq!(context.exit_id, 8);
    }

    #[test]
    #[should_panic(expected = "after the executor's reset")]
    fn refuses_code_from_before_a_reset() {
        let mut native = Native::new().unwrap();
        let code = native.install(blob(7)).unwrap();
        native.reset();
        let _ = native.run(&code, &mut TraceContext::new(), 0, &mut ArenaEnv::default());
    }

    fn run(words: &[u32], annotation: &'static str) -> Result<RunStats, Trap> {
        let mut native = Native::new().unwrap();
        let annotations = vec![(0, Annotation::Text(annotation))];
        let blob = CodeBlob { words: words.to_vec(), annotations, ..CodeBlob::default() };
        let code = native.install(blob).unwrap();
        native.run(&code, &mut TraceContext::new(), 0x1234, &mut ArenaEnv::default())
    }

    macro_rules! words {
        ($($code:tt)*) => {{
            let mut ops = VecAssembler::<Aarch64Relocation>::new(0);
            dynasm!(ops ; .arch aarch64 $($code)*);
            let bytes = ops.finalize().unwrap();
            let (chunks, _) = bytes.as_chunks::<4>();
            chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect::<Vec<_>>()
        }};
    }

    #[test]
    fn a_wild_load_is_a_trap_that_names_the_operation() {
        let words = words!(; movz x7, 77 ; movz x3, 40 ; ldr x4, [x3] ; ret);
        let trap = run(&words, "v9 = aload v3").unwrap_err();
        assert_eq!((trap.kind, trap.word), (TrapKind::WildAccess, Some(2)));
        assert_eq!(trap.operation.as_deref(), Some("v9 = aload v3"));
        assert_eq!((trap.registers.gpr[7], trap.registers.gpr[1]), (77, 0x1234));
        let text = trap.to_string();
        assert!(text.contains("SIGSEGV at address 0x28") && text.contains("ldr"), "{text}");
    }

    /// The code destroys every register that a caller relies on, SP too, before it fails.
    #[test]
    fn callee_saved_registers_survive_a_fault() {
        let words = words!(
            ; mov x19, xzr ; mov x20, xzr ; mov x21, xzr ; mov x22, xzr ; mov x23, xzr
            ; mov x24, xzr ; mov x25, xzr ; mov x26, xzr ; mov x27, xzr ; mov x28, xzr
            ; mov x29, xzr ; mov x30, xzr
            ; fmov d8, xzr ; fmov d9, xzr ; fmov d10, xzr ; fmov d11, xzr
            ; fmov d12, xzr ; fmov d13, xzr ; fmov d14, xzr ; fmov d15, xzr
            ; mov x16, xzr ; mov sp, x16 ; str x16, [x16]
        );
        let (floats, text) = ([1.5f64, 2.5, 3.5], "kept".to_string());
        for _ in 0..3 {
            let trap = run(&words, "").unwrap_err();
            assert_eq!((trap.word, trap.registers.sp), (Some(22), 0));
        }
        assert_eq!((floats.iter().sum::<f64>(), text.as_str()), (7.5, "kept"));
    }

    #[test]
    fn undefined_instructions_and_lost_control_are_traps() {
        let trap = run(&[0], "").unwrap_err();
        assert_eq!((trap.kind, trap.word), (TrapKind::UnknownInstruction, Some(0)));
        // Falls off the end.
        let trap = run(&words!(; nop), "").unwrap_err();
        assert_eq!((trap.kind, trap.word), (TrapKind::OutsideCode, None));
        // Branches to an address that nobody owns.
        let trap = run(&words!(; movz x3, 64 ; br x3), "").unwrap_err();
        assert_eq!((trap.kind, trap.word), (TrapKind::OutsideCode, None));
    }
}
