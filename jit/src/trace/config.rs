//! The knobs of the JIT.

use super::tap::TapRef;
use crate::heap::Stress;

/// Which executor runs compiled traces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExecutorKind {
    /// The IR evaluator: no machine code.
    Eval,
    /// The evaluator of machine-level IR, on what lowering made.
    Mach,
    /// The same, on what register allocation made.
    Allocated,
    /// Machine code on the ARM64 simulator.
    Simulator,
    /// Machine code on this machine (aarch64 hosts).
    Native,
    /// The simulator; each `sample`-th entry into a trace, of all in the process, also on the unicorn
    /// engine.
    #[cfg(feature = "unicorn")]
    Refereed { sample: u32 },
}

impl ExecutorKind {
    /// Native where the host can run ARM64 code, else the simulator.
    pub const fn host_default() -> ExecutorKind {
        if cfg!(all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos"))) {
            ExecutorKind::Native
        } else {
            ExecutorKind::Simulator
        }
    }
    pub const fn name(self) -> &'static str {
        match self {
            ExecutorKind::Eval => "eval",
            ExecutorKind::Mach => "mach",
            ExecutorKind::Allocated => "allocated",
            ExecutorKind::Simulator => "sim",
            ExecutorKind::Native => "native",
            #[cfg(feature = "unicorn")]
            ExecutorKind::Refereed { .. } => "sim+unicorn",
        }
    }

    /// The kind that shows again what this one has shown: a referee that looks at every entry.
    pub const fn for_replay(self) -> ExecutorKind {
        match self {
            #[cfg(feature = "unicorn")]
            ExecutorKind::Refereed { .. } => ExecutorKind::Refereed { sample: 1 },
            kind => kind,
        }
    }
}

/// Takes a guard's exit once, although the guard holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ForcedExit {
    /// In the trace of this number.
    pub trace: u32,
    /// The guard of this number in the optimised trace, modulo the number of its guards.
    pub guard: u32,
    /// At this execution; 1 is the first.
    pub nth: u64,
}

/// Limits and choices of the trace compiler. A case draws some of them from its bytes.
#[derive(Clone, PartialEq, Debug)]
pub struct JitConfig {
    /// Arrivals at a loop head before it is recorded. LuaJIT's default is 56.
    pub hot_loop: u16,
    /// Exits with one snapshot after which it is hot: a side trace would begin there. The manager counts
    /// exits and hot ones ([`super::stats::JitStats::hot_exits`]); there are no side traces, so nothing
    /// else depends on it. LuaJIT's default is 10.
    pub hot_exit: u16,
    /// Most VM instructions in one recorded iteration.
    pub max_instructions: u32,
    /// Most Lua calls inlined inside one another.
    pub max_inline_depth: usize,
    /// Traces may add keys to tables. A trace cannot fail for lack of memory: where the memory limit
    /// has to hold to the byte, they must not.
    pub tables_may_grow: bool,
    /// Failed recordings of one loop head before it is blacklisted.
    pub max_attempts: u32,
    /// How many entries into a trace may go unpaid before it is retired: an entry is paid for by
    /// [`ENTRY_COST`](super::manager::ENTRY_COST) instructions that the trace stands for, on that entry or
    /// on a later one.
    pub max_fruitless: u32,
    /// Passes to run: bit n is entry n of `opt::PIPELINE`.
    pub passes: u32,
    /// At most this many rewrites in the pass of this name, for bisection.
    pub rewrite_limit: Option<(&'static str, u64)>,
    pub executor: ExecutorKind,
    /// General registers the allocator may use; `None` for all.
    pub gpr_limit: Option<usize>,
    /// Float registers the allocator may use; `None` for all.
    pub fpr_limit: Option<usize>,
    /// Traces that may be compiled; more are not recorded.
    pub max_traces: u32,
    /// Enter compiled traces. Without it everything is compiled and interpreted.
    pub enter: bool,
    pub forced_exit: Option<ForcedExit>,
    /// Drop all traces and their code once so many were compiled, and go on.
    pub flush_at: Option<u32>,
    /// When the VM that the JIT is installed in collects; `None` for the usual pace.
    pub stress: Option<Stress>,
    /// Verify the IR after each stage and check each register allocation.
    pub check: bool,
    /// Sees and may change what each stage hands on.
    pub tap: Option<TapRef>,
}

impl JitConfig {
    /// A trace may be wrong: what it touches, stores and restores is looked at, so that nonsense ends
    /// as a report and not as a crash.
    pub fn distrusts_traces(&self) -> bool {
        self.check || self.tap.is_some()
    }
}

impl Default for JitConfig {
    fn default() -> JitConfig {
        JitConfig {
            hot_loop: 56,
            hot_exit: 10,
            max_instructions: 4000,
            max_inline_depth: 8,
            tables_may_grow: true,
            max_attempts: 8,
            max_fruitless: 40,
            passes: u32::MAX,
            rewrite_limit: None,
            executor: ExecutorKind::host_default(),
            gpr_limit: None,
            fpr_limit: None,
            max_traces: 1000,
            enter: true,
            forced_exit: None,
            flush_at: None,
            stress: None,
            check: cfg!(debug_assertions),
            tap: None,
        }
    }
}
