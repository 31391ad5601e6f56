//! Random traces: the evaluators of machine-level IR and the simulator against the IR evaluator.

use plumb_jit::backend::alloc::{Allocated, Step};
use plumb_jit::backend::alloc::{MAX_FPR, MAX_GPR, MIN_FPR, MIN_GPR, Strategy};
use plumb_jit::backend::mach::{FloatOp, Inst, IntOp, MachTrace};
use plumb_jit::backend::{self, BackendConfig, CompiledTrace, Location, Tap};
use plumb_jit::exec::code::{CodeBlob, GuardBranch};
use plumb_jit::exec::context::OUT_OF_FUEL;
use plumb_jit::exec::executor::{Executor, ForcedExit};
use plumb_jit::exec::{disasm, mach, sim::Simulator};
use plumb_jit::ir::eval::{Forced, Outcome, evaluate, evaluate_forcing};
use plumb_jit::ir::op::Op;
use plumb_jit::ir::print::print_with;
use plumb_jit::ir::trace::{Trace, ValueId};

use super::generate::{generate, negated};
use super::rng::Rng;
use super::world::{Shadow, World, same_bits};

/// Far beyond the few iterations that a generated loop makes.
const FUEL: u64 = 1_000_000;
/// What counted code may use up; no loop here comes near it.
const ARRIVALS: u64 = 1 << 40;

/// Keeps what the stages before emission made, after another tap.
struct Keep<'t> {
    inner: &'t mut dyn Tap,
    lowered: Option<MachTrace>,
    allocated: Option<Allocated>,
}

impl Tap for Keep<'_> {
    fn lowered(&mut self, trace: &mut MachTrace) {
        self.inner.lowered(trace);
        self.lowered = Some(trace.clone());
    }
    fn allocated(&mut self, allocated: &mut Allocated) {
        self.inner.allocated(allocated);
        self.allocated = Some(allocated.clone());
    }
    fn emitted(&mut self, compiled: &mut CompiledTrace) {
        self.inner.emitted(compiled);
    }
}

/// What the stages before emission show of themselves when they are run.
fn evaluated(
    world: &mut World,
    trace: &Trace,
    keep: &Keep,
    outcome: &Outcome,
    shadow: &Shadow,
) -> Vec<String> {
    let mut found = Vec::new();
    for stage in ["lowered", "allocated"] {
        let ctx = world.reset();
        let mut log = Vec::new();
        let run = match stage {
            "lowered" => {
                let lowered = keep.lowered.as_ref().expect("the tap was called");
                mach::evaluate_lowered(lowered, &ctx, world.base, &world.env, Some(&mut log))
            }
            _ => {
                let allocated = keep.allocated.as_ref().expect("the tap was called");
                mach::evaluate_allocated(allocated, &ctx, world.base, &world.env, Some(&mut log))
            }
        };
        let here = match run {
            Err(fault) => vec![fault.to_string()],
            Ok(run)
                if run.snapshot != outcome.exit || run.loop_arrivals != outcome.loop_arrivals =>
            {
                vec![format!("leaves through {:?}, evaluator {:?}", run.snapshot, outcome.exit)]
            }
            Ok(run) => {
                assert_eq!(log.len() as u64, run.executed, "one record an instruction");
                assert!(log.last().is_some_and(|last| last.left));
                values_differ(world, trace, &|value| run.read(value), outcome, shadow)
            }
        };
        found.extend(here.into_iter().map(|text| format!("{stage}: {text}")));
    }
    found
}

/// Runs `trace` in the evaluator and, compiled, in the evaluators of the stages on the way and in
/// the simulator. When they differ, the error shows both sides and the listing.
pub fn compare(
    world: &mut World,
    trace: &Trace,
    config: &BackendConfig,
    tap: &mut dyn Tap,
) -> Result<Outcome, String> {
    compare_forcing(world, trace, config, tap, 0)
}

/// As [`compare`], with `config.forced` leaving at its `nth` execution.
fn compare_forcing(
    world: &mut World,
    trace: &Trace,
    config: &BackendConfig,
    tap: &mut dyn Tap,
    nth: u64,
) -> Result<Outcome, String> {
    let mut shadow = world.shadow();
    let mut forced = config.forced.map(|guard| Forced { guard, left: nth });
    let outcome = evaluate_forcing(trace, &mut shadow, FUEL, forced.as_mut());
    let outcome = outcome.expect("a valid trace");
    let mut keep = Keep { inner: tap, lowered: None, allocated: None };
    let compiled = backend::compile(trace, config, &mut keep)
        .unwrap_or_else(|error| panic!("{error}, {config:?}"));
    let on_the_way = match config.forced {
        None => evaluated(world, trace, &keep, &outcome, &shadow),
        // Their environment here forces nothing; `tests/jit.rs` has one that does.
        Some(_) => Vec::new(),
    };
    let mut simulator = Simulator::new();
    let code = simulator.install(compiled.blob.clone()).expect("room");
    let mut ctx = world.reset();
    ctx.arrivals_left = ARRIVALS;
    if let Some(guard) = config.forced {
        let leaves = |exit: u32| compiled.exits[exit as usize].guard == Some(guard);
        let branch = compiled.blob.guards.iter().find(|branch| leaves(branch.exit));
        match branch {
            Some(_) if config.count_forced => ctx.force_left = nth,
            Some(&GuardBranch { word, .. }) => {
                assert!(simulator.force_exit(Some(ForcedExit { code: code.clone(), word, nth })));
            }
            // A guard that always leaves has no branch.
            None => {}
        }
    }
    let run = simulator.run(&code, &mut ctx, world.base, &mut world.env);
    let expected = Expected { trace, compiled: &compiled, outcome: &outcome, shadow: &shadow };
    let mut found = match run {
        Err(trap) => vec![trap.to_string()],
        Ok(_) if config.count_arrivals && ARRIVALS - ctx.arrivals_left != outcome.loop_arrivals => {
            vec![format!(
                "{} arrivals left, evaluator {}",
                ctx.arrivals_left, outcome.loop_arrivals
            )]
        }
        Ok(stats)
            if trace.loop_head().is_some() && stats.loop_arrivals != outcome.loop_arrivals =>
        {
            vec![format!("loop: code {}, evaluator {}", stats.loop_arrivals, outcome.loop_arrivals)]
        }
        Ok(_) => expected.differences(world, &ctx),
    };
    found.extend(on_the_way);
    if config.count_arrivals {
        found.extend(expected.in_portions(world));
        found.extend(expected.natively(world));
    }
    if found.is_empty() {
        return Ok(outcome);
    }
    let listing = disasm::listing(&compiled.blob);
    let text = print_with(trace, &world.symbols);
    Err(format!("{config:?}\n{}\n{text}\n{listing}", found.join("\n")))
}

/// Compiled code, and what the evaluator made of its trace.
struct Expected<'a> {
    trace: &'a Trace,
    compiled: &'a CompiledTrace,
    outcome: &'a Outcome,
    shadow: &'a Shadow,
}

impl Expected<'_> {
    /// How counted code differs that gets one arrival at a time and is resumed after each.
    fn in_portions(&self, world: &mut World) -> Vec<String> {
        let mut simulator = Simulator::new();
        let mut code = simulator.install(self.compiled.blob.clone()).expect("room");
        let mut ctx = world.reset();
        let mut arrivals = 0;
        loop {
            // The run that is resumed has arrived already.
            ctx.arrivals_left = 0;
            if let Err(trap) = simulator.run(&code, &mut ctx, world.base, &mut world.env) {
                return vec![format!("resumed after {arrivals} arrivals: {trap}")];
            }
            if ctx.exit_id != u64::from(OUT_OF_FUEL) {
                break;
            }
            if arrivals == 0 {
                code = simulator.install(resuming(&self.compiled.blob)).expect("room");
            }
            arrivals += 1;
            if arrivals > FUEL {
                return vec!["resumed without end".into()];
            }
        }
        let expected = self.outcome.loop_arrivals;
        if arrivals != expected {
            return vec![format!("resumed {arrivals} times, evaluator {expected}")];
        }
        self.differences(world, &ctx)
    }

    /// How counted code differs on the processor.
    #[cfg(all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")))]
    fn natively(&self, world: &mut World) -> Vec<String> {
        let mut native = plumb_jit::exec::Native::new().expect("executable memory");
        let code = native.install(self.compiled.blob.clone()).expect("room");
        let mut ctx = world.reset();
        match native.run(&code, &mut ctx, world.base, &mut world.env) {
            Err(trap) => vec![format!("native: {trap}")],
            Ok(stats) if stats.loop_arrivals != self.outcome.loop_arrivals => {
                vec![format!("native: {} arrivals", stats.loop_arrivals)]
            }
            Ok(_) => self.differences(world, &ctx),
        }
    }

    #[cfg(not(all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos"))))]
    fn natively(&self, _: &World) -> Vec<String> {
        Vec::new()
    }

    fn differences(&self, world: &World, ctx: &plumb_jit::exec::TraceContext) -> Vec<String> {
        let (_, exit) = self.compiled.exit(ctx);
        let expected = self.outcome.exit;
        if exit.snapshot != expected {
            return vec![format!("exit: code {:?}, evaluator {expected:?}", exit.snapshot)];
        }
        let read = |value| self.compiled.read(ctx, value);
        values_differ(world, self.trace, &read, self.outcome, self.shadow)
    }
}

/// The code with its second entry as the first. Spilled values are not poisoned at entry.
fn resuming(blob: &CodeBlob) -> CodeBlob {
    let mut blob = CodeBlob { spill_slots: 0, ..blob.clone() };
    let entry = blob.resume.expect("looping code that counts") as u32;
    blob.words[0] = 0x1400_0000 | entry; // b
    blob
}

/// How memory and the exit's values differ from the evaluator's.
fn values_differ(
    world: &World,
    trace: &Trace,
    read: &dyn Fn(ValueId) -> u64,
    outcome: &Outcome,
    shadow: &Shadow,
) -> Vec<String> {
    let mut found = world.differences(shadow);
    let snapshot = trace.snapshot(outcome.exit);
    let values = snapshot.slots.iter().map(|&(_, value)| value);
    for value in values.chain(snapshot.frames.iter().map(|frame| frame.closure)) {
        let (code, expected) = (read(value), outcome.read(value));
        if !same_bits(code, expected) {
            found.push(format!("v{}: code {code:#x}, evaluator {expected:#x}", value.0));
        }
    }
    found
}

fn configs(rng: &mut Rng) -> Vec<BackendConfig> {
    let limits = |gpr_limit, fpr_limit, strategy| BackendConfig {
        gpr_limit,
        fpr_limit,
        strategy,
        check: true,
        count_arrivals: strategy == Strategy::SinglePass,
        ..BackendConfig::default()
    };
    let gpr = MIN_GPR + rng.below(MAX_GPR - MIN_GPR);
    let fpr = MIN_FPR + rng.below(MAX_FPR - MIN_FPR);
    vec![
        limits(MAX_GPR, MAX_FPR, Strategy::Backtracking),
        limits(MIN_GPR, MIN_FPR, Strategy::Backtracking),
        limits(gpr, fpr, Strategy::Backtracking),
        limits(gpr, fpr, Strategy::SinglePass),
        limits(MIN_GPR, MIN_FPR, Strategy::SinglePass),
    ]
}

/// Negates guards that fail early, so that most runs get far.
fn repair(rng: &mut Rng, world: &World, trace: &mut Trace, free_guards: &[ValueId]) {
    for _ in 0..20 {
        let outcome = evaluate(trace, &mut world.shadow(), FUEL).expect("a valid trace");
        let Some(guard) = outcome.guard.filter(|guard| free_guards.contains(guard)) else { return };
        if outcome.loop_arrivals > 1 || rng.percent(10) {
            return;
        }
        if let Some(other) = negated(trace.inst(guard)) {
            trace.insts[guard.0 as usize] = other;
        }
    }
}

fn case(seed: u64) -> (Rng, World, Trace) {
    let world = World::new(seed % 16);
    let mut rng = Rng::new(seed);
    let (mut trace, free_guards) = generate(&mut rng, &world, !seed.is_multiple_of(3));
    repair(&mut rng, &world, &mut trace, &free_guards);
    (rng, world, trace)
}

#[test]
fn random_traces() {
    let traces: u64 = match std::env::var("BACKEND_TRACES") {
        Ok(count) => count.parse().expect("BACKEND_TRACES is a number"),
        Err(_) => 1000,
    };
    let mut seen = vec![0u32; Op::ALL.len()];
    let (mut ends, mut iterated) = (0, 0);
    let first: u64 = std::env::var("BACKEND_FIRST")
        .map_or(0, |first| first.parse().expect("BACKEND_FIRST is a number"));
    for seed in first..first + traces {
        let (mut rng, mut world, trace) = case(seed);
        for config in configs(&mut rng) {
            let outcome = compare(&mut world, &trace, &config, &mut ())
                .unwrap_or_else(|difference| panic!("seed {seed}: {difference}"));
            ends += u32::from(outcome.guard.is_none());
            iterated += u32::from(outcome.loop_arrivals > 1);
        }
        for inst in &trace.insts {
            seen[inst.op as usize] += 1;
        }
    }
    let missing: Vec<&Op> = Op::ALL.iter().filter(|op| seen[**op as usize] == 0).collect();
    assert!(missing.is_empty(), "never generated: {missing:?}");
    assert!(ends > 0 && iterated > 0, "{ends} runs got to the end, {iterated} iterated");
}

/// Every guard can be forced, those that end a counted loop included, by the simulator and by code that
/// counts itself.
#[test]
fn forced_guards() {
    let mut forced = 0;
    for seed in 0..300 {
        let (mut rng, mut world, trace) = case(seed);
        let guards = trace.iter().filter(|(_, inst)| inst.snapshot.is_some());
        for guard in guards.map(|(id, _)| id).collect::<Vec<_>>() {
            let nth = 1 + rng.below(3) as u64;
            for count_forced in [false, true] {
                let config =
                    BackendConfig { forced: Some(guard), count_forced, ..Default::default() };
                let outcome = compare_forcing(&mut world, &trace, &config, &mut (), nth)
                    .unwrap_or_else(|found| panic!("seed {seed}, v{}: {found}", guard.0));
                let plain = evaluate(&trace, &mut world.shadow(), FUEL).expect("a valid trace");
                forced += u32::from(outcome != plain);
            }
        }
    }
    assert!(forced > 300, "only {forced} runs left early");
}

/// A planted defect, at the first place where it can be.
enum Fault {
    /// fsub where fadd should be.
    WrongFloatOp,
    /// sub with its operands swapped.
    SwappedOperands,
    /// A phi keeps its value from entry.
    PhiDropped,
    /// A guard leaves on the opposite condition.
    GuardInverted,
    /// A guard does nothing.
    GuardDropped,
    /// An exit reads a value from the wrong place.
    WrongLocation,
    /// A move of the allocator is missing.
    MoveDropped,
    /// A store is missing.
    StoreDropped,
}

impl Tap for Fault {
    fn lowered(&mut self, trace: &mut MachTrace) {
        let Some(body) = &mut trace.body else { return };
        if let (Fault::PhiDropped, Some(param)) = (&self, body.params.last()) {
            *body.jump_args.last_mut().expect("an argument for each parameter") = *param;
        }
        for line in &mut body.lines {
            match (&self, &mut line.inst) {
                (Fault::WrongFloatOp, Inst::Float { op: op @ FloatOp::Add, .. }) => {
                    *op = FloatOp::Sub
                }
                (Fault::SwappedOperands, Inst::Int { op: IntOp::Sub, rn, rm, .. }) => {
                    std::mem::swap(rn, rm)
                }
                (Fault::GuardInverted, Inst::Guard { leave, .. }) => *leave = leave.inverted(),
                _ => continue,
            }
            return;
        }
    }

    fn allocated(&mut self, allocated: &mut Allocated) {
        let Some(body) = &mut allocated.body else { return };
        let found = body.iter().position(|step| {
            matches!(
                (&self, step),
                (Fault::MoveDropped, Step::Move { .. })
                    | (Fault::GuardDropped, Step::Inst { inst: Inst::Guard { .. }, .. })
                    | (Fault::StoreDropped, Step::Inst { inst: Inst::StorePair { .. }, .. })
            )
        });
        if let Some(at) = found {
            body.remove(at);
        }
    }

    fn emitted(&mut self, compiled: &mut CompiledTrace) {
        if let Fault::WrongLocation = self {
            for (_, location) in compiled.exits.iter_mut().flat_map(|exit| &mut exit.values) {
                if let Location::Gpr(n) = location {
                    *location = Location::Gpr((*n + 1) % 8);
                }
            }
        }
    }
}

/// The comparison finds each kind of miscompile within a few hundred traces.
#[test]
fn planted_faults_are_found() {
    let faults = [
        Fault::WrongFloatOp,
        Fault::SwappedOperands,
        Fault::PhiDropped,
        Fault::GuardInverted,
        Fault::GuardDropped,
        Fault::WrongLocation,
        Fault::MoveDropped,
        Fault::StoreDropped,
    ];
    for (number, mut fault) in faults.into_iter().enumerate() {
        let config = BackendConfig { gpr_limit: MIN_GPR, fpr_limit: MIN_FPR, ..Default::default() };
        let found = (0..1000).any(|seed| {
            let (_, mut world, trace) = case(seed);
            compare(&mut world, &trace, &config, &mut fault).is_err()
        });
        assert!(found, "fault {number} was not found");
    }
}
