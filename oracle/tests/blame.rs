//! Blame: one wrong stage at a time, made by a tap, must be named; a right case has nothing to blame.

use plumb_jit::backend::CompiledTrace;
use plumb_jit::backend::alloc::{Allocated, Step};
use plumb_jit::backend::mach::{FloatOp, Inst as MachInst, IntOp, MachTrace};
use plumb_jit::bytecode::{Instruction, Op as Opcode};
use plumb_jit::heap::Value;
use plumb_jit::ir::op::{Op, Ty};
use plumb_jit::ir::trace::{Args, Inst, SnapshotId, Trace, ValueId};
use plumb_jit::opt::{RECORDED, Stage as IrStage};
use plumb_jit::trace::config::{ExecutorKind, JitConfig};
use plumb_jit::trace::restore::Restored;
use plumb_jit::trace::tap::{StageTap, TapRef};
use plumb_oracle::blame::{
    Blame, Case, NothingToBlame, Stage, Witness, blame, blame_with, still_blames,
};
use plumb_oracle::check::check_jit;
use plumb_oracle::engine::{Engine, Options, Outcome, Program, Watcher};
use plumb_oracle::lockstep::three_way;
use plumb_oracle::ours::{Interpreter, Jit};
use plumb_oracle::puc::Reference;
use plumb_oracle::verdict::{Divergence, Verdict};
use std::rc::Rc;
use std::sync::Arc;

const SOURCE: &str = "\
local s, f, t = 0, 0.5, {}
local k = 3
for i = 1, 60 do
  s = s + i * k
  f = f * 0.75 - i
  if s > 900 then s = s - 7 end
  t[i] = s
end
return s, f, t
";

fn config(tap: Option<TapRef>) -> JitConfig {
    let executor = ExecutorKind::Simulator;
    JitConfig { hot_loop: 5, executor, check: true, tap, ..JitConfig::default() }
}

fn options() -> Options {
    Options { fuel: 200_000, ..Options::default() }
}

fn diverges(source: &str, config: &JitConfig) -> Box<Divergence> {
    match check_jit(source.as_bytes(), "=t", config, &options()).0 {
        Verdict::Diverge(found) => found,
        verdict => panic!("the fault is not found: {verdict:?}"),
    }
}

fn blamed(source: &str, tap: impl StageTap + 'static) -> Blame {
    blamed_under(source, config(Some(TapRef::new(tap))))
}

fn blamed_under(source: &str, config: JitConfig) -> Blame {
    let found = diverges(source, &config);
    let options = options();
    let case =
        Case { source: source.as_bytes(), chunk_name: "=t", config: &config, options: &options };
    let first = blame(&case, &found).expect("something to blame");
    let second = blame(&case, &found).expect("something to blame");
    assert_eq!((first.key(), first.title()), (second.key(), second.title()), "deterministic");
    assert!(still_blames(&case, &found, &first), "{}", first.title());
    let diverging = first.ladder.last().expect("a ladder has rungs");
    assert!(diverging.answer.starts_with("DIVERGE"), "{:?}", first.ladder);
    first
}

/// Changes the trace after one stage.
struct After(&'static str, fn(&mut IrStage));

impl StageTap for After {
    fn trace(&self, stage: &mut IrStage) {
        if stage.name == self.0 {
            (self.1)(stage);
        }
    }
}

/// Makes the first instruction that fits into another, as a rewrite of this name.
fn rewrite(stage: &mut IrStage, rule: &'static str, from: Op, to: Op) {
    let found = stage.output.insts.iter().rposition(|inst| inst.op == from);
    if let Some(at) = found
        && stage.cx.allow(rule)
    {
        stage.output.insts[at].op = to;
    }
}

#[test]
fn a_right_case_is_refused() {
    let config = config(None);
    let (verdict, _) = check_jit(SOURCE.as_bytes(), "=t", &config, &options());
    assert!(verdict.is_agree());
    let wrong = After("fold", |stage| rewrite(stage, "planted", Op::FSub, Op::FAdd));
    let found = diverges(SOURCE, &JitConfig { tap: Some(TapRef::new(wrong)), ..config.clone() });
    let options = options();
    let case =
        Case { source: SOURCE.as_bytes(), chunk_name: "=t", config: &config, options: &options };
    assert_eq!(blame(&case, &found).unwrap_err(), NothingToBlame);
}

#[test]
fn each_pass_is_blamed_by_its_name_and_rule() {
    type Fault = fn(&mut IrStage);
    let taps: [(&str, Fault); 6] = [
        ("fold", |stage| rewrite(stage, "planted", Op::FSub, Op::FAdd)),
        ("cse", |stage| rewrite(stage, "planted", Op::FSub, Op::FAdd)),
        ("guards", |stage| rewrite(stage, "planted", Op::FSub, Op::FAdd)),
        ("peel", |stage| rewrite(stage, "planted", Op::FSub, Op::FAdd)),
        ("carry", |stage| rewrite(stage, "planted", Op::FSub, Op::FAdd)),
        ("dce", |stage| rewrite(stage, "planted", Op::FSub, Op::FAdd)),
    ];
    for (pass, tap) in taps {
        let blame = blamed(SOURCE, After(pass, tap));
        assert_eq!((blame.stage, blame.pass), (Stage::Pass, Some(pass)), "{}", blame.title());
        assert_eq!(blame.rule.as_deref(), Some("planted"), "{}", blame.title());
        assert_eq!(blame.op.as_deref(), Some("fsub"), "{}", blame.title());
        assert_eq!(blame.trace, Some(0));
        assert!(blame.before.contains("fsub") && blame.after.contains("fadd"));
    }
}

/// What is wrong without any rewrite is named by what it changed.
#[test]
fn a_pass_that_spoils_its_input_is_blamed_without_a_rule() {
    let tap = After("cse", |stage| {
        for inst in &mut stage.output.insts {
            if inst.op == Op::FSub {
                let (a, b) = (inst.args.get(0), inst.args.get(1));
                inst.args = Args::new(&[b, a]);
            }
        }
    });
    let blame = blamed(SOURCE, tap);
    assert_eq!((blame.pass, blame.rule.as_deref()), (Some("cse"), None), "{}", blame.title());
    assert_eq!(blame.op.as_deref(), Some("fsub"));
}

#[test]
fn a_wrong_guard_of_the_recorder_is_named_by_what_it_lets_pass() {
    let tap = After(RECORDED, |stage| {
        let guard = stage.output.insts.iter_mut().find(|inst| inst.op == Op::GuardILe);
        if let Some(guard) = guard {
            let (a, b) = (guard.args.get(0), guard.args.get(1));
            (guard.op, guard.args) = (Op::GuardILt, Args::new(&[b, a]));
        }
    });
    let blame = blamed(SOURCE, tap);
    assert_eq!(blame.stage, Stage::Recorder, "{}", blame.title());
    assert_eq!(blame.rule.as_deref(), Some("guard.ilt of unequal integers"), "{}", blame.title());
}

#[test]
fn a_wrong_value_of_the_recorder_is_named_by_its_operation_and_opcode() {
    let tap = After(RECORDED, |stage| rewrite(stage, "planted", Op::FSub, Op::FAdd));
    let blame = blamed(SOURCE, tap);
    assert_eq!(blame.stage, Stage::Recorder, "{}", blame.title());
    assert_eq!(blame.rule.as_deref(), Some("value fadd"), "{}", blame.title());
    assert_eq!(blame.op.as_deref(), Some("SUB"), "{}", blame.title());
}

#[test]
fn a_wrong_snapshot_of_the_recorder_is_told_from_a_wrong_value() {
    let tap = After(RECORDED, |stage| {
        let guard = stage.output.insts.iter().find(|inst| inst.op == Op::GuardILe);
        if let Some(snapshot) = guard.and_then(|guard| guard.snapshot) {
            stage.output.snapshots[snapshot.0 as usize].slots.remove(0);
        }
    });
    let blame = blamed(SOURCE, tap);
    assert_eq!(blame.stage, Stage::Recorder, "{}", blame.title());
    assert_eq!(blame.rule.as_deref(), Some("snapshot entry missing"), "{}", blame.title());
}

/// Whoever stands elsewhere than the recorded iteration did is found without a run of the trace.
#[test]
fn a_snapshot_that_stands_elsewhere_is_told_from_one_with_a_wrong_clock() {
    fn first_guard(stage: &mut IrStage) -> Option<SnapshotId> {
        let guard = stage.output.insts.iter().find(|inst| inst.op == Op::GuardILe);
        guard.and_then(|guard| guard.snapshot)
    }
    let blame = blamed(
        SOURCE,
        After(RECORDED, |stage| {
            if let Some(id) = first_guard(stage) {
                stage.output.snapshots[id.0 as usize].pc += 1;
            }
        }),
    );
    assert_eq!(blame.key(), "recorder / snapshot pc / a guard of a condition");
    let blame = blamed(
        SOURCE,
        After(RECORDED, |stage| {
            if let Some(id) = first_guard(stage) {
                stage.output.snapshots[id.0 as usize].clock -= 1;
            }
        }),
    );
    assert_eq!(blame.key(), "recorder / snapshot clock");
}

struct Lowered;
impl StageTap for Lowered {
    fn lowered(&self, _: &Trace, lowered: &mut MachTrace) {
        let Some(body) = &mut lowered.body else { return };
        for line in &mut body.lines {
            if let MachInst::Float { op: op @ FloatOp::Sub, .. } = &mut line.inst {
                *op = FloatOp::Add;
            }
        }
    }
}

struct Moved;
impl StageTap for Moved {
    fn allocated(&self, _: &Trace, allocated: &mut Allocated) {
        let Some(body) = &mut allocated.body else { return };
        for step in body {
            if let Step::Inst { inst: MachInst::Int { op: IntOp::Add, rn, rm, .. }, .. } = step {
                *rn = *rm;
            }
        }
    }
}

struct Emitted;
impl StageTap for Emitted {
    fn emitted(&self, _: &Trace, compiled: &mut CompiledTrace) {
        for word in &mut compiled.blob.words {
            // fsub d, d, d -> fadd d, d, d
            if *word & 0xffe0_fc00 == 0x1e60_3800 {
                *word ^= 0x1000;
            }
        }
    }
}

/// On the processor: what the simulator shows too is the emission's, the rest is not.
#[cfg(all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")))]
#[test]
fn the_processor_has_a_rung_of_its_own() {
    /// Only in code that counts its arrivals, as only the processor's does.
    struct Counted;
    impl StageTap for Counted {
        fn emitted(&self, trace: &Trace, compiled: &mut CompiledTrace) {
            if compiled.blob.resume.is_some() {
                Emitted.emitted(trace, compiled);
            }
        }
    }
    for (tap, stage) in
        [(TapRef::new(Emitted), Stage::Emission), (TapRef::new(Counted), Stage::Native)]
    {
        let config = JitConfig { executor: ExecutorKind::Native, ..config(Some(tap)) };
        let blame = blamed_under(SOURCE, config);
        assert_eq!(blame.stage, stage, "{}", blame.title());
        let op = (stage == Stage::Emission).then_some("fsub");
        assert_eq!(blame.op.as_deref(), op, "{}", blame.title());
    }
}

struct WrongRestore;
impl StageTap for WrongRestore {
    fn restored(&self, _: &Trace, _: SnapshotId, restored: &mut Restored) {
        if let Some((_, value)) = restored.slots.first_mut() {
            *value = Value::int(-1);
        }
    }
}

#[test]
fn each_stage_of_the_backend_is_blamed() {
    let blame = blamed(SOURCE, Lowered);
    assert_eq!((blame.stage, blame.pass), (Stage::Lowering, None), "{}", blame.title());
    assert_eq!(blame.op.as_deref(), Some("fsub"), "{}", blame.title());
    let blame = blamed(SOURCE, Moved);
    assert_eq!(blame.stage, Stage::Allocation, "{}", blame.title());
    let wrong = "an instruction finds another value in a register";
    assert_eq!(blame.op.as_deref(), Some(wrong), "{}", blame.title());
    let blame = blamed(SOURCE, Emitted);
    assert_eq!(blame.stage, Stage::Emission, "{}", blame.title());
    assert_eq!(blame.op.as_deref(), Some("fsub"), "{}", blame.title());
    let text = plumb_oracle::report::blame(&blame);
    assert!(text.contains("emission     DIVERGE") && text.contains("allocation   agree"), "{text}");
}

#[test]
fn a_wrong_restore_is_not_taken_for_a_wrong_recording() {
    let blame = blamed(SOURCE, WrongRestore);
    assert_eq!(blame.stage, Stage::Restore, "{}", blame.title());
    assert!(
        blame.rule.as_deref().is_some_and(|rule| rule.starts_with("register, ")),
        "{}",
        blame.title()
    );
}

/// An interpreter that adds where the program subtracts.
struct Doctored;

impl Engine for Doctored {
    fn kind(&self) -> plumb_oracle::verdict::Engine {
        plumb_oracle::verdict::Engine::Interpreter
    }
    fn run<W: Watcher>(&self, program: &Program, watcher: W) -> (Outcome, W) {
        let mut program = program.clone();
        if let Ok(proto) = &mut program.proto {
            let proto = Arc::make_mut(proto);
            for word in &mut proto.code {
                if word.op() == Opcode::Sub {
                    *word = Instruction(word.0 - Opcode::Sub as u32 + Opcode::Add as u32);
                }
            }
        }
        Interpreter.run(&program, watcher)
    }
}

/// The JIT is right and differs from a wrong interpreter, which differs from the reference.
#[test]
fn a_wrong_interpreter_is_not_taken_for_a_wrong_jit() {
    let (config, options) = (config(None), options());
    let program = Rc::new(Program::new(SOURCE.as_bytes(), "=t", options.clone()));
    let verdict = three_way(&program, &Jit::new(config.clone()), &Doctored, &Reference);
    let Verdict::Diverge(found) = verdict else { panic!("not found: {verdict:?}") };
    let case =
        Case { source: SOURCE.as_bytes(), chunk_name: "=t", config: &config, options: &options };
    let blame = blame_with(&case, &Doctored, &found).expect("something to blame");
    assert_eq!((blame.stage, blame.op.as_deref()), (Stage::Interpreter, Some("SUB")));
    assert_eq!(blame.key(), "interpreter / register / SUB");
}

/// A sweep leaves the verifier out; on the ladder it looks at every rung, and what it finds is its finding.
#[test]
fn what_the_verifier_finds_is_credited_to_it() {
    let tap = After("cse", |stage| {
        // The loop's values are used before they are made.
        let Some(at) = stage.output.insts.iter().rposition(|inst| inst.op == Op::FSub) else {
            return;
        };
        let last = ValueId(stage.output.insts.len() as u32 - 1);
        let second = stage.output.insts[at].args.get(1);
        stage.output.insts[at].args = Args::new(&[last, second]);
    });
    let config = JitConfig { check: false, ..config(Some(TapRef::new(tap))) };
    let found = diverges(SOURCE, &config);
    let options = options();
    let case =
        Case { source: SOURCE.as_bytes(), chunk_name: "=t", config: &config, options: &options };
    let blame = blame(&case, &found).expect("something to blame");
    assert_eq!((blame.stage, blame.pass), (Stage::Pass, Some("cse")), "{}", blame.title());
    assert_eq!(blame.witness(), Witness::Verifier, "{}", blame.title());
    let text = plumb_oracle::report::blame(&blame);
    assert!(text.contains("shown by the verifier of the IR"), "{text}");
}

/// However late a wrong guard is noticed, and whatever stands around it.
#[test]
fn a_wrong_guard_of_the_recorder_has_one_key_in_all_programs() {
    let sources = [
        // The trace runs on where the program has ended.
        "local c = 0 while c < 25 do c = c + 1 end",
        // A call with an open list of arguments before it.
        "local t, c = {}, 0
         local function f() end
         repeat c = c + 1 t.v = math.max(0, f()) until c >= 26",
        "local n, c = 0, 0
         for i = 1, 60 do if i < 33 then n = n + 1 else c = c + i end end
         return n, c",
    ];
    for source in sources {
        let tap = After(RECORDED, |stage| {
            let guards = stage.output.insts.iter_mut().filter(|inst| inst.op == Op::GuardILt);
            guards.for_each(|guard| guard.op = Op::GuardILe);
        });
        let blame = blamed(source, tap);
        assert_eq!(blame.key(), "recorder / guard.ile of equal integers", "{source}");
    }
}

/// Of an upvalue that may be open or closed, each iteration that begins with the interpreter's state reads
/// the right value. The loop that peeling makes does not.
#[test]
fn a_pass_is_blamed_for_a_guard_that_only_the_peeled_loop_needs() {
    let source = "
        local sum, first = 0, nil
        for outer = 1, 8 do
          local n = 0
          local function read() return n end
          first = first or read
          local chosen = outer % 2 == 0 and first or read
          for i = 0, outer == 1 and -1 or 19 do sum = sum + chosen() n = n - 1 end
        end
        return sum";
    let tap = After("guards", |stage| {
        let upvalue = |inst: &Inst| matches!(inst.op, Op::GuardUpvalueClosed);
        while let Some(at) = stage.output.insts.iter().position(upvalue)
            && stage.cx.allow("planted")
        {
            let guard = &mut stage.output.insts[at];
            let nothing = Inst { op: Op::KInt, ty: Ty::Int, args: Args::new(&[]), ..guard.clone() };
            *guard = Inst { imm: 0, snapshot: None, ..nothing };
        }
    });
    let blame = blamed(source, tap);
    assert_eq!(blame.key(), "pass / guards / planted", "{}", blame.title());
}

struct WrongRemainder;
impl StageTap for WrongRemainder {
    fn lowered(&self, _: &Trace, lowered: &mut MachTrace) {
        let blocks = std::iter::once(&mut lowered.entry).chain(&mut lowered.body);
        for line in blocks.flat_map(|block| &mut block.lines) {
            if let MachInst::MulSub { rd, rn, ra, .. } = line.inst {
                line.inst = MachInst::Int { op: IntOp::Sub, rd, rn: ra, rm: rn };
            }
        }
    }
}

/// All forms of a division have it in common.
#[test]
fn the_wrong_part_of_a_division_is_named_alike_in_all_its_forms() {
    for division in ["i % 7", "(i - 30) % k", "(20 - i) // 7", "(20 - i) // k"] {
        let source =
            format!("local s, k = 0, -7 for i = 1, 60 do s = s ~ ({division}) end return s");
        let blame = blamed(&source, WrongRemainder);
        assert_eq!(blame.key(), "lowering / remainder of a division", "{division}");
    }
}

struct WrongScale;
impl StageTap for WrongScale {
    fn emitted(&self, _: &Trace, compiled: &mut CompiledTrace) {
        for word in &mut compiled.blob.words {
            // add x, x, x, lsl #4 -> lsl #3
            if *word & 0xffe0_fc00 == 0x8b00_1000 {
                *word = *word & !0xfc00 | 3 << 10;
            }
        }
    }
}

/// Two runs have other addresses, so their distances are compared: who loads from there is not to blame.
#[test]
fn a_wrong_address_is_blamed_on_the_step_that_computed_it() {
    let mut keys = Vec::new();
    for element in ["i * 0.5", "i", "i % 2 == 0"] {
        let source = format!(
            "local t, n = {{}}, 0 for i = 1, 40 do t[i] = {element} end
             for i = 2, 40 do if t[i] == t[i - 1] then n = n + 1 end end return n"
        );
        keys.push(blamed(&source, WrongScale).key());
    }
    keys.dedup();
    assert_eq!(keys, ["emission / add x x x lsl"]);
}

struct SwappedDivision;
impl StageTap for SwappedDivision {
    fn emitted(&self, _: &Trace, compiled: &mut CompiledTrace) {
        for word in &mut compiled.blob.words {
            // fdiv d, d, d
            if *word & 0xffe0_fc00 == 0x1e60_1800 {
                let (rn, rm) = (*word >> 5 & 31, *word >> 16 & 31);
                *word = *word & !(31 << 5 | 31 << 16) | rm << 5 | rn << 16;
            }
        }
    }
}

/// How far two stacks are apart, and which NaN an operation makes, differs from run to run: neither is what
/// is wrong.
#[test]
fn what_differs_between_right_runs_is_not_blamed() {
    for before in [
        // An upvalue of a waiting thread; that it is no register of this frame is a question of distance.
        "n = n + 1",
        // The bits of a NaN pass through a general register.
        "local z = (i - 1.0) * 0.0 t[-i] = z / z",
    ] {
        let source = format!(
            "local n, t = 0, {{}}
             local f = coroutine.wrap(function()
               for i = 1, 40 do {before} d = i / 7 end
             end)
             f() return d"
        );
        let blame = blamed(&source, SwappedDivision);
        assert_eq!(blame.key(), "emission / fdiv d d d", "{before}");
    }
}
