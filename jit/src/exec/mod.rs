//! Executors of compiled traces: machine code -> registers.
//!
//! 1. [`context`]  the block of memory that a running trace and the VM share
//! 2. [`code`]     what the backend hands over, and what is installed
//! 3. [`executor`] the interface: memory map, helpers, one run
//! 4. [`helpers`]  functions that traces may call
//! 5. [`runtime`]  the helpers that compiled traces call
//! 6. [`trap`]     a broken rule, reported for a person
//! 7. [`disasm`]   words -> text, by an independent decoder
//! 8. [`sim`]      the ARM64 simulator: any host, every step checked
//! 9. `native`     the processor itself, on aarch64 hosts, with its code memory
//! 10. [`arena`]    memory for running code without the VM
//! 11. [`host_memory`] the VM's memory for the IR evaluator, an executor without machine code
//! 12. [`host`]   the VM's memory for machine code, and the evaluator on it
//! 13. [`mach`]   evaluators of machine-level IR, before and after allocation
//! 14. `unicorn`  another emulator (cargo feature), as an executor and as the simulator's referee
//! 15. [`measure`] how fast an executor is

pub mod arena;
pub mod code;
#[cfg(all(any(target_os = "linux", target_os = "macos"), any(test, target_arch = "aarch64")))]
mod code_memory;
pub mod context;
pub mod disasm;
pub mod executor;
pub mod helpers;
pub mod host;
pub mod host_memory;
pub mod mach;
pub mod measure;
#[cfg(all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")))]
pub mod native;
pub mod runtime;
pub mod sim;
pub mod trap;
#[cfg(feature = "unicorn")]
pub mod unicorn;

pub use code::{Category, CodeBlob, GuardBranch, InstallError, InstalledCode};
pub use context::TraceContext;
pub use executor::{Executor, ForcedExit, MemoryMap, RunEnv, RunStats, first_epoch};
pub use helpers::{HelperTable, HostFn};
#[cfg(all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")))]
pub use native::Native;
pub use sim::Simulator;
pub use trap::{RegisterDump, Trap, TrapKind};
