//! The simulator with a referee: each n-th run is repeated on the unicorn engine and compared.
//!
//! In:  as every executor.   Out: as the simulator; a difference is a trap of kind `Referee`.
//!
//! The simulator leads, on the VM's memory. A run is cut at its helper calls, and each stretch between
//! is repeated by the emulator: same registers, same number of instructions, and the memory that the
//! stretch began with. That memory is the host's as it is now, with the objects that the simulator
//! touched put back: it asks the memory map before it touches an object for the first time, and the map
//! here keeps a copy. At the end of a stretch all registers, flags, the pc and the memory that either
//! side touched must be equal. Then the helper runs, once, on the host, and the next stretch starts
//! from the simulator's state.
//!
//! Limits: memory that the emulator alone writes, outside live objects, is not looked at (the
//! simulator's own accesses are checked by itself); runs with a forced exit are not compared.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::machine::{Machine, PAGE, Sharing};
use crate::exec::code::{CodeBlob, InstallError, InstalledCode};
use crate::exec::context::TraceContext;
use crate::exec::executor::{Executor, ForcedExit, MemoryMap, RunEnv, RunStats, first_epoch};
use crate::exec::helpers::HelperTable;
use crate::exec::sim::{CODE_BASE, Seen, Simulator, Watch};
use crate::exec::trap::Trap;

/// Entries into traces, of all threads: a program has few, so each would never reach its n-th.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// See the module's documentation.
pub struct Refereed {
    simulator: Simulator,
    /// Made at the first run to compare: most programs have none.
    machine: Option<Machine>,
    /// The machine's code is not the simulator's.
    stale: bool,
    sample: u64,
    compared: u64,
    forced: bool,
}

impl Refereed {
    /// Compares each `sample`-th run of all in the process; 1 compares all.
    pub fn new(sample: u32) -> Refereed {
        Refereed {
            simulator: Simulator::new(),
            machine: None,
            stale: true,
            sample: u64::from(sample.max(1)),
            compared: 0,
            forced: false,
        }
    }

    /// The emulator with the simulator's code.
    fn machine(&mut self) -> Result<&mut Machine, InstallError> {
        let machine = self.machine.get_or_insert_with(|| Machine::new(Sharing::Copies));
        if std::mem::take(&mut self.stale) {
            machine.write_code(CODE_BASE, self.simulator.code_words())?;
        }
        Ok(machine)
    }
}

impl Executor for Refereed {
    fn name(&self) -> &'static str {
        "sim+unicorn"
    }

    fn install(&mut self, blob: CodeBlob) -> Result<InstalledCode, InstallError> {
        self.stale = true;
        self.simulator.install(blob)
    }

    fn patch(&mut self, code: &InstalledCode, edits: &[(usize, u32)]) -> Result<(), InstallError> {
        self.stale = true;
        self.simulator.patch(code, edits)
    }

    fn reset(&mut self) {
        self.stale = true;
        self.simulator.reset();
    }

    fn force_exit(&mut self, request: Option<ForcedExit>) -> bool {
        self.forced = request.is_some();
        self.simulator.force_exit(request)
    }

    fn refereed(&self) -> u64 {
        self.compared
    }

    fn was_forced(&self) -> bool {
        self.simulator.was_forced()
    }

    fn run(
        &mut self,
        code: &InstalledCode,
        ctx: &mut TraceContext,
        base: u64,
        env: &mut dyn RunEnv,
    ) -> Result<RunStats, Trap> {
        let run = RUNS.fetch_add(1, Ordering::Relaxed) + 1;
        if self.forced || !run.is_multiple_of(self.sample) {
            return self.simulator.run(code, ctx, base, env);
        }
        self.compared += 1;
        let context = std::ptr::from_mut(ctx).expose_provenance() as u64;
        self.machine().expect("the emulator has as much room for code").set_context(context);
        let env: &dyn RunEnv = env;
        let map = Recording {
            map: env.memory(),
            context,
            epoch: Cell::new(first_epoch()),
            old: RefCell::default(),
        };
        let mut watched = Watched { map: &map, helpers: env.helpers(), fuel: env.fuel() };
        let machine = self.machine.as_mut().expect("made above");
        let mut compare = Compare { machine, map: &map, from: None };
        self.simulator.run_watched(code, ctx, base, &mut watched, Some(&mut compare))
    }
}

/// A memory map that keeps what each object held when it was first asked for.
struct Recording<'a> {
    map: &'a dyn MemoryMap,
    context: u64,
    epoch: Cell<u64>,
    old: RefCell<BTreeMap<u64, Vec<u8>>>,
}

impl Recording<'_> {
    /// Forgets all, and makes the simulator ask again. The context, which nobody asks for, is kept now.
    fn restart(&self) {
        self.epoch.set(first_epoch());
        let context = host_bytes(self.context, std::mem::size_of::<TraceContext>());
        self.old.replace(BTreeMap::from([(self.context, context)]));
    }
}

// SAFETY: regions are those of the map behind, and the epoch changes at least as often: a recording
// lives for one run, in which only helpers free memory, and `restart` comes before each.
unsafe impl MemoryMap for Recording<'_> {
    fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    fn region(&self, addr: u64, len: u64) -> Option<Range<u64>> {
        let object = self.map.region(addr, len)?;
        // Only the pages of this access: the VM's stack is one object of many megabytes.
        let pages = addr & !(PAGE - 1)..(addr + len).next_multiple_of(PAGE);
        for page in pages.clone().step_by(PAGE as usize) {
            let piece = object.start.max(page)..object.end.min(page + PAGE);
            if !piece.is_empty() {
                let bytes = || host_bytes(piece.start, (piece.end - piece.start) as usize);
                self.old.borrow_mut().entry(piece.start).or_insert_with(bytes);
            }
        }
        Some(object.start.max(pages.start)..object.end.min(pages.end))
    }
}

/// A copy of live memory, or of a page with live memory.
fn host_bytes(address: u64, bytes: usize) -> Vec<u8> {
    let from = std::ptr::with_exposed_provenance::<u8>(address as usize);
    let mut copy = vec![0; bytes];
    // SAFETY: callers pass a region that the memory map has just called live, the context, or a part of
    // a page that holds either, which the host has mapped as a whole; nobody writes it meanwhile.
    unsafe { std::ptr::copy_nonoverlapping(from, copy.as_mut_ptr(), bytes) };
    copy
}

struct Watched<'a> {
    map: &'a Recording<'a>,
    helpers: &'a HelperTable,
    fuel: u64,
}

impl RunEnv for Watched<'_> {
    fn memory(&self) -> &dyn MemoryMap {
        self.map
    }

    fn helpers(&self) -> &HelperTable {
        self.helpers
    }

    fn fuel(&self) -> u64 {
        self.fuel
    }
}

struct Compare<'a> {
    machine: &'a mut Machine,
    map: &'a Recording<'a>,
    /// Where the stretch began.
    from: Option<Seen>,
}

impl Watch for Compare<'_> {
    fn resumes(&mut self, seen: &Seen) {
        self.map.restart();
        self.from = Some(seen.clone());
    }

    fn pauses(&mut self, seen: &Seen) -> Result<(), String> {
        let from = self.from.take().expect("a run resumes before it pauses");
        let count = seen.executed - from.executed;
        self.machine.forget_pages();
        self.machine.set_old(self.map.old.take());
        self.machine.set(&from);
        let ran = if count == 0 { Ok(()) } else { self.machine.run(self.map.map, from.pc, count) };
        let mut found = self.machine.get();
        if count == 0 {
            found.pc = from.pc;
        }
        let mut differences = registers(seen, &found);
        if let Err(error) = ran {
            differences.insert(0, format!("the emulator stopped: {error}"));
        }
        differences.extend(self.memory());
        // The helper that follows may free memory.
        self.map.restart();
        if differences.is_empty() {
            return Ok(());
        }
        differences.truncate(16);
        let lines = differences.join("\n    ");
        Err(format!(
            "the unicorn engine differs {count} instructions after {:#x}\n    {lines}",
            from.pc
        ))
    }
}

/// Registers that differ, named.
fn registers(simulator: &Seen, emulator: &Seen) -> Vec<String> {
    let general = simulator.gpr.iter().zip(&emulator.gpr).enumerate();
    let general = general.map(|(i, (a, b))| (format!("x{i}"), *a, *b));
    let float = simulator.fpr.iter().zip(&emulator.fpr).enumerate();
    let float = float.map(|(i, (a, b))| (format!("d{i}"), *a, *b));
    let others = [
        ("sp".to_string(), simulator.sp, emulator.sp),
        ("nzcv".to_string(), u64::from(simulator.nzcv), u64::from(emulator.nzcv)),
        ("pc".to_string(), simulator.pc, emulator.pc),
    ];
    general
        .chain(float)
        .chain(others)
        .filter(|(_, a, b)| a != b)
        .map(|(name, a, b)| format!("{name}: simulator {a:016x}, unicorn {b:016x}"))
        .collect()
}

impl Compare<'_> {
    /// Live memory that differs: pages that the emulator touched, and objects that the simulator did.
    fn memory(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let pages = self.machine.pages();
        for &page in pages {
            self.compare_bytes(page, &self.machine.read(page, PAGE as usize), &mut wrong);
        }
        // What the emulator has not touched is there as it was. The context may span pages.
        for (&start, old) in self.machine.old() {
            let end = start + old.len() as u64;
            for page in (start & !(PAGE - 1)..end).step_by(PAGE as usize) {
                let (from, to) = (start.max(page), end.min(page + PAGE));
                if !pages.contains(&page) {
                    let bytes = &old[(from - start) as usize..(to - start) as usize];
                    self.compare_bytes(from, bytes, &mut wrong);
                }
            }
        }
        wrong
    }

    /// Notes the live bytes at `start` that differ. The bytes lie in one page of the host.
    fn compare_bytes(&self, start: u64, emulator: &[u8], wrong: &mut Vec<String>) {
        // The page holds live memory, so it is there.
        let simulator = host_bytes(start, emulator.len());
        if simulator == emulator {
            return;
        }
        let is_live = |address: u64| {
            address.wrapping_sub(self.map.context) < std::mem::size_of::<TraceContext>() as u64
                || self.map.map.region(address, 1).is_some()
        };
        for (at, (ours, theirs)) in simulator.iter().zip(emulator).enumerate() {
            let address = start + at as u64;
            if ours != theirs && is_live(address) {
                wrong.push(format!(
                    "byte at {address:#x}: simulator {ours:02x}, unicorn {theirs:02x}"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dynasmrt::aarch64::Aarch64Relocation;
    use dynasmrt::{DynasmApi, VecAssembler, dynasm};

    use super::*;
    use crate::exec::HostFn;
    use crate::exec::arena::ArenaEnv;
    use crate::exec::trap::TrapKind;

    unsafe extern "C" fn half(x: f64) -> f64 {
        x / 2.0
    }

    /// Loads, adds, stores; calls a helper; stores again.
    fn words(added: u32) -> Vec<u32> {
        let mut ops = VecAssembler::<Aarch64Relocation>::new(0);
        dynasm!(ops
            ; .arch aarch64
            ; stp x29, x30, [sp, -32]!
            ; stp x19, x20, [sp, 16]
            ; mov x20, x0
            ; mov x19, x1
            ; ldr x2, [x19]
            ; add x2, x2, added
            ; str x2, [x19, 8]
            ; ldr d0, [x19, 16]
            ; ldr x16, [x20, TraceContext::helper_offset(0) as u32]
            ; blr x16
            ; str d0, [x19, 24]
            ; str x19, [x20, TraceContext::EXIT_ID as u32]
            ; ldp x19, x20, [sp, 16]
            ; ldp x29, x30, [sp], 32
            ; ret
        );
        let bytes = ops.finalize().unwrap();
        let (chunks, _) = bytes.as_chunks::<4>();
        chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect()
    }

    struct Bench {
        refereed: Refereed,
        env: ArenaEnv,
        context: Box<TraceContext>,
        block: u64,
    }

    fn bench() -> Bench {
        let (mut env, mut context) = (ArenaEnv::default(), TraceContext::new());
        // SAFETY: the function takes any float.
        context.helpers[0] = unsafe { env.helpers.add("half", HostFn::Float1(half), &[]) };
        let block = env.arena.allocate(&[40, 0, 3.0f64.to_bits(), 0]);
        Bench { refereed: Refereed::new(1), env, context, block }
    }

    impl Bench {
        fn run(&mut self, code: &InstalledCode) -> Result<RunStats, Trap> {
            self.refereed.run(code, &mut self.context, self.block, &mut self.env)
        }
    }

    #[test]
    fn right_runs_pass() {
        let mut bench = bench();
        let code =
            bench.refereed.install(CodeBlob { words: words(2), ..CodeBlob::default() }).unwrap();
        for _ in 0..3 {
            bench.run(&code).unwrap_or_else(|trap| panic!("{trap}"));
        }
        let halved = [40, 42, 3.0f64.to_bits(), 1.5f64.to_bits()];
        assert_eq!(bench.env.arena.cells(bench.block), halved);
        assert_eq!(bench.refereed.refereed(), 3);
    }

    /// The simulator runs another addition than the emulator: register and memory are named.
    #[test]
    fn a_simulator_that_adds_wrongly_is_seen() {
        let mut bench = bench();
        let code =
            bench.refereed.install(CodeBlob { words: words(2), ..CodeBlob::default() }).unwrap();
        bench.run(&code).unwrap();
        bench.refereed.simulator.patch(&code, &[(5, words(3)[5])]).unwrap();
        let trap = bench.run(&code).unwrap_err();
        assert_eq!(trap.kind, TrapKind::Referee);
        let cell = bench.block + 8;
        for part in [
            "x2: simulator 000000000000002b, unicorn 000000000000002a".to_string(),
            format!("byte at {cell:#x}: simulator 2b, unicorn 2a"),
        ] {
            assert!(trap.message.contains(&part), "{trap}");
        }
    }

    /// A store that only one side makes.
    #[test]
    fn a_missing_store_is_seen() {
        let mut bench = bench();
        let code =
            bench.refereed.install(CodeBlob { words: words(2), ..CodeBlob::default() }).unwrap();
        bench.refereed.machine().unwrap();
        let nop = 0xd503_201f;
        bench.refereed.simulator.patch(&code, &[(6, nop)]).unwrap();
        let trap = bench.run(&code).unwrap_err();
        assert!(trap.message.contains("simulator 00, unicorn 2a"), "{trap}");
        bench.refereed.simulator.patch(&code, &[(6, words(2)[6]), (11, nop)]).unwrap();
        bench.context.exit_id = 0;
        let trap = bench.run(&code).unwrap_err();
        assert_eq!(trap.kind, TrapKind::Referee, "{trap}");
    }
}
