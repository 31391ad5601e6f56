//! Runs traces on the processor itself; exists on aarch64 Linux and macOS.
//!
//! In:  as every executor.   Out: the context as the exit left it.
//!
//! It checks nothing: a broken rule is a crash or a wrong result here. The simulator is where rules
//! are checked, on any host.
//!
//! Limits: instructions are not counted, exits cannot be forced, `loop_arrivals` is what the code
//! itself wrote into the context.

use std::sync::Arc;

use super::code::{CodeBlob, InstallError, InstalledCode};
use super::code_memory::{ExecutableRegion, Unchanged, WritableRegion};
use super::context::TraceContext;
use super::executor::{Executor, ForcedExit, RunEnv, RunStats};
use super::trap::Trap;

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
        _: &mut dyn RunEnv,
    ) -> Result<RunStats, Trap> {
        self.check(code);
        assert!(self.region.is_some(), "code memory was lost");
        ctx.loop_arrivals = 0;
        let entry = std::ptr::with_exposed_provenance::<()>(code.address as usize);
        // SAFETY: `address` is word 0 of code in the executable region (the generation was checked),
        // and word 0 of a blob is a function of this type that keeps AAPCS64: the backend's contract,
        // see `code`.
        unsafe {
            let entry: extern "C" fn(*mut TraceContext, u64) = std::mem::transmute(entry);
            entry(ctx, base);
        }
        Ok(RunStats { loop_arrivals: ctx.loop_arrivals, instructions: 0 })
    }
}

#[cfg(test)]
mod tests {
    use dynasmrt::aarch64::Aarch64Relocation;
    use dynasmrt::{DynasmApi, VecAssembler, dynasm};

    use super::*;
    use crate::exec::arena::ArenaEnv;

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
}
