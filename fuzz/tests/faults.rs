//! The catalogue of planted faults: complete, honest about what it touches, and found.

use plumb_fuzz::campaign::{Plan, judge_tapped, sweep};
use plumb_fuzz::faults::{self, Fault, Plant, edit::Edit};
use plumb_fuzz::generate::case_of_seed;
use plumb_fuzz::generate::{CaseConfig, Collection};
use plumb_fuzz::harness::{Answer, Finding, GENERATED_FUEL, Job, judge, judge_and_blame};
use plumb_fuzz::score::{Rules, score};
use plumb_jit::backend::CompiledTrace;
use plumb_jit::backend::alloc::Allocated;
use plumb_jit::backend::mach::MachTrace;
use plumb_jit::heap::Tag;
use plumb_jit::ir::op::Op;
use plumb_jit::ir::trace::Trace;
use plumb_jit::opt::{PIPELINE, PassCx, Stage};
use plumb_jit::syntax::printer::print;
use plumb_jit::trace::config::ExecutorKind;
use plumb_jit::trace::tap::{StageTap, TapRef, TraceRoots};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Ops by text, of traces that a fault changed; and all ops that were recorded at all.
#[derive(Default)]
struct Observed {
    touched: BTreeMap<&'static str, BTreeSet<&'static str>>,
    recorded: BTreeSet<&'static str>,
}

/// Tries every fault on each stage's output, changes nothing, and notes what would have changed.
struct Watch {
    faults: Vec<Fault>,
    observed: Arc<Mutex<Observed>>,
}

fn ops(trace: &Trace) -> BTreeSet<&'static str> {
    trace.insts.iter().map(|inst| inst.op.text()).collect()
}

impl Watch {
    fn note(&self, fault: &Fault, trace: &Trace) {
        let mut observed = self.observed.lock().unwrap();
        observed.touched.entry(fault.name).or_default().extend(ops(trace));
    }
    fn on<T: Clone>(
        &self,
        trace: &Trace,
        output: &T,
        text: fn(&T) -> String,
        change: impl Fn(&Fault, &mut T),
    ) {
        let before = text(output);
        for fault in &self.faults {
            let mut changed = output.clone();
            change(fault, &mut changed);
            if text(&changed) != before {
                self.note(fault, trace);
            }
        }
    }
}

impl StageTap for Watch {
    fn trace(&self, stage: &mut Stage) {
        self.observed.lock().unwrap().recorded.extend(ops(stage.output));
        for fault in &self.faults {
            let Plant::Trace(at, rewrite) = fault.plant else { continue };
            if at != stage.name {
                continue;
            }
            let (cx, mut changed) = (PassCx::new(), stage.output.clone());
            rewrite(&mut Edit {
                rule: fault.name,
                cx: &cx,
                input: stage.input,
                trace: &mut changed,
            });
            if cx.count() > 0 && changed != *stage.output {
                assert_eq!(cx.last_rule(), Some(fault.name), "a rewrite is counted as the fault's");
                let mut all = ops(stage.output);
                all.extend(stage.input.iter().flat_map(|input| ops(input)));
                let mut observed = self.observed.lock().unwrap();
                observed.touched.entry(fault.name).or_default().extend(all);
            }
        }
    }
    fn lowered(&self, trace: &Trace, lowered: &mut MachTrace) {
        self.on(
            trace,
            lowered,
            |t| t.to_string(),
            |fault, t| {
                if let Plant::Lowered(change) = fault.plant {
                    change(t);
                }
            },
        );
    }
    fn allocated(&self, trace: &Trace, allocated: &mut Allocated) {
        self.on(
            trace,
            allocated,
            |t| t.to_string(),
            |fault, t| {
                if let Plant::Allocated(change) = fault.plant {
                    change(t);
                }
            },
        );
    }
    fn emitted(&self, trace: &Trace, compiled: &mut CompiledTrace) {
        self.on(
            trace,
            compiled,
            |t| format!("{:?}", t.blob.words),
            |fault, t| {
                if let Plant::Emitted(change) = fault.plant {
                    change(t);
                }
            },
        );
    }
}

/// What the faults do to the traces of these seeds.
fn observe(seeds: std::ops::Range<u64>) -> Observed {
    let observed = Arc::<Mutex<Observed>>::default();
    for seed in seeds {
        let case = case_of_seed(seed);
        let source = print(&case.chunk);
        judge(&Job {
            source: source.as_bytes(),
            chunk_name: "=case",
            config: case.config,
            executor: ExecutorKind::Simulator,
            tap: Some(TapRef::new(Watch { faults: faults::all(), observed: observed.clone() })),
            check: false,
            thorough: false,
            fuel: GENERATED_FUEL,
        });
    }
    Arc::into_inner(observed).expect("all runs are over").into_inner().unwrap()
}

#[test]
fn names_are_unique_and_there_are_enough() {
    let faults = faults::all();
    let names: BTreeSet<&str> = faults.iter().map(|fault| fault.name).collect();
    assert_eq!(names.len(), faults.len());
    assert!(faults.len() >= 60, "{}", faults.len());
    let eight = faults.iter().filter(|fault| fault.name.starts_with("eight."));
    assert_eq!(eight.count(), 8);
    let rare = faults.iter().filter(|fault| fault.rare.is_some()).count();
    assert!(3 * rare >= faults.len(), "a third is rare on purpose: {rare}");
}

/// ARCHITECTURE.md: no pass, op or trace feature lands without its faults.
#[test]
fn every_pass_has_faults() {
    for pass in PIPELINE {
        let has = faults::all().iter().any(|fault| fault.pass() == Some(pass.name));
        assert!(has, "no fault corrupts the pass `{}`; see fuzz/src/faults/passes.rs", pass.name);
    }
}

/// Each op that generated programs record is declared by a fault, and a fault that declares an op is seen
/// to change a trace with it.
#[test]
fn every_op_is_touched() {
    let observed = observe(0..1000);
    let (mut declared, mut unseen) = (BTreeSet::new(), Vec::new());
    for fault in faults::all() {
        let touched = observed.touched.get(fault.name).cloned().unwrap_or_default();
        // What is rare may not come in so few programs; `plumb score` says whether it ever does.
        let seen = |op: &&Op| fault.rare.is_some() || touched.contains(op.text());
        declared.extend(fault.ops.iter().map(|op| op.text()));
        unseen.extend(fault.ops.iter().filter(|op| !seen(op)).map(|op| (fault.name, op.text())));
    }
    assert!(unseen.is_empty(), "these faults never change a trace with the op: {unseen:?}");
    let missing: Vec<_> = observed.recorded.difference(&declared).collect();
    assert!(missing.is_empty(), "no fault declares {missing:?}; see fuzz/src/faults/");
}

/// A sample of what `plumb score` does at length.
#[test]
fn planted_faults_are_found() {
    let sample =
        ["eight.move-alias", "eight.integer-tag", "snapshot.omits", "recorder.equal-integers"];
    for name in sample {
        let fault = faults::find(name).expect("it is in the catalogue");
        let plan = Plan {
            first_seed: 0,
            end_seed: Some(300),
            time: Some(Duration::from_secs(120)),
            jobs: 1,
            executor: ExecutorKind::Simulator,
            without_jit: false,
            thorough: false,
            tap: Some(fault.tap()),
            max_findings: 1,
        };
        let (summary, findings) = sweep(&plan, &|_, _| std::ops::ControlFlow::Continue(()));
        let found = findings.first();
        assert!(found.is_some(), "{name} was not found in {} programs", summary.programs);
        assert!(matches!(found.unwrap().finding, Finding::Diverge(_)), "{name}");
    }
}

fn job(source: &str, config: CaseConfig, tap: TapRef) -> Job<'_> {
    Job {
        source: source.as_bytes(),
        chunk_name: "=case",
        config,
        executor: ExecutorKind::Simulator,
        tap: Some(tap),
        check: false,
        thorough: false,
        fuel: GENERATED_FUEL,
    }
}

/// Another function comes to stand at the address of a dead one that a trace has inlined.
#[test]
fn a_function_that_a_trace_needs_must_be_kept() {
    let source = r#"
        local n = 0
        for j = 1, 9 do
          local f = load("return function(a) return a % 7 + " .. j .. " end")()
          for i = 1, 12 do n = n + f(i) end
        end
        print(n)"#;
    let config = CaseConfig { hot_loop: 4, collect_every: Some(1), ..CaseConfig::default() };
    let fault = faults::find("roots.functions").expect("it is in the catalogue");
    // A checked build does not use freed blocks again while the heap is stressed: there nothing comes to
    // stand in the dead function's place.
    if !cfg!(debug_assertions) {
        let (judged, blame) = judge_and_blame(&job(source, config.clone(), fault.tap()));
        assert!(matches!(judged.answer, Answer::Found(Finding::Diverge(_))), "{:?}", judged.answer);
        assert_eq!(blame.expect("it shows again").key(), "roots");
    }
    let kept = judge(&Job { tap: None, ..job(source, config, fault.tap()) });
    assert!(matches!(kept.answer, Answer::Agree(_)), "{:?}", kept.answer);
}

/// A reference moves to a table, or upvalue, that the collector has looked at, from where it has not.
#[test]
fn stores_of_traces_need_the_barrier() {
    let tables = r#"
        local a, b, v = {}, {}, 0
        for j = 1, 9 do a[j] = {j}; b[j] = false end
        for r = 1, 40 do
          for i = 1, 9 do b[i] = a[i]; a[i] = false end
          a, b = b, a
          local x = {r, {}}
          for i = 1, 9 do v = v + a[i][1] end
        end
        print(v)"#;
    let upvalues = r#"
        local function cell(p)
          local o = p
          return {get = function() return o end, set = function(q) o = q end}
        end
        local a, b, v = {}, {}, 0
        for j = 1, 9 do a[j] = cell({j}) b[j] = cell(false) end
        for r = 1, 60 do
          for i = 1, 9 do local from, to = a[i], b[i] to.set(from.get()) from.set(false) end
          a, b = b, a
          local x = {r, {}}
          for i = 1, 9 do v = v + a[i].get()[1] end
        end
        print(v)"#;
    let cases =
        [("roots.table-barrier", "table", tables), ("roots.upvalue-barrier", "upvalue", upvalues)];
    for (name, into, source) in cases {
        let fault = faults::find(name).expect("it is in the catalogue");
        let mut found = 0;
        for units in [20, 50, 200, 400] {
            let collection = Collection::Step(NonZeroU32::new(units).expect("not zero"));
            let plain = CaseConfig::default();
            let config = CaseConfig { hot_loop: 3, collect_every: Some(1), collection, ..plain };
            let (judged, blame) = judge_and_blame(&job(source, config.clone(), fault.tap()));
            if let Answer::Found(_) = judged.answer {
                let key = blame.expect("it shows again").key();
                assert_eq!(key, format!("roots / write barrier / {into}"), "{units}");
                found += 1;
            }
            let kept = judge(&Job { tap: None, ..job(source, config, fault.tap()) });
            assert!(matches!(kept.answer, Answer::Agree(_)), "{:?}", kept.answer);
        }
        assert!(found > 0, "{name}");
    }
}

/// Drops what is listed as equivalent: the objects that a trace names, its functions apart.
struct NoObjects;

impl StageTap for NoObjects {
    fn rooted(&self, _: &Trace, roots: &mut TraceRoots) {
        let known = |tag| matches!(tag, Tag::Str | Tag::Native);
        assert!(roots.objects.iter().all(|object| known(object.tag())), "{:?}", roots.objects);
        roots.objects.clear();
    }
}

#[test]
fn objects_of_a_trace_live_without_it() {
    let mut traced = 0;
    for seed in 0..400 {
        let case = case_of_seed(seed);
        let source = print(&case.chunk);
        let config = CaseConfig { collect_every: Some(1), ..case.config };
        let judged = judge(&job(&source, config, TapRef::new(NoObjects)));
        assert!(!matches!(judged.answer, Answer::Found(_)), "seed {seed}: {:?}", judged.answer);
        traced += u32::from(judged.stats.entries > 0);
    }
    assert!(traced > 300, "{traced} programs entered a trace");
}

/// Registers that hold something else make wild stores; whatever they hit, it ends as a report and not as
/// the death of this process.
#[test]
fn wild_stores_are_reported() {
    for name in ["allocate.edits-reordered", "emit.signed", "recorder.bounds"] {
        let fault = faults::find(name).expect("it is in the catalogue");
        let mut found = 0;
        for seed in 0..120 {
            let case = case_of_seed(seed);
            let judged =
                judge_tapped(&case, ExecutorKind::Simulator, Some(&fault.tap()), GENERATED_FUEL);
            found += u32::from(matches!(judged.answer, Answer::Found(_)));
        }
        assert!(found > 1, "{name}: {found}");
    }
}

/// A sample of what `plumb score --findings N` counts: each of these makes one key over several programs,
/// and none makes another's.
#[test]
fn one_fault_makes_one_key() {
    let sample = [
        "recorder.less-or-equal",
        "recorder.closed-upvalue",
        "snapshot.omits",
        "fold.complement",
        "lower.multiply-subtract",
        "emit.scale",
        "restore.callee-registers",
    ];
    let rules = Rules {
        budget: Duration::from_secs(120),
        executor: ExecutorKind::Simulator,
        findings: 4,
        reduction: 0,
    };
    let mut keys = BTreeSet::new();
    for name in sample {
        let row = score(&faults::find(name).expect("it is in the catalogue"), &rules);
        assert_eq!((row.findings, row.findings_right), (4, 4), "{name}: {:?}", row.keys);
        assert_eq!(row.keys.len(), 1, "{name}: {:?}", row.keys);
        assert!(keys.insert(row.keys.into_keys().next()), "{name} shares its key");
    }
}
