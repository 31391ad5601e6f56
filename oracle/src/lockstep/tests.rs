//! The lockstep on the reference engine against itself, plainly and with planted faults: each fault is an
//! engine whose view of a value, position, output or length is wrong, and must be found where it begins.

use super::*;
use crate::canon::{
    Address, Class, Frame, FunctionId, LibraryName, ThreadFrameVisitor, ThreadStatus, View,
};
use crate::engine::{Options, RandomClocks};
use crate::ours;
use crate::puc::{self, Reference};
use crate::verdict::{self, DivergenceKind};
use plumb_jit::trace::config::{ExecutorKind, JitConfig};
use plumb_jit::vm::Unspecified;
use std::ops::ControlFlow;

/// What a wrong engine gets wrong, from `FAULT_CLOCK` on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Shows the integer 40 as 41.
    Integer,
    /// Shows the integer 40 as the float 40.0.
    Subtype,
    /// Shows 0.0 as -0.0.
    ZeroSign,
    /// Shows one NaN as another: not a difference.
    OtherNan,
    /// Shows every string with its last byte changed.
    Bytes,
    /// Loses the entry under key 7 of every table.
    Entry,
    /// The same at one moment only, the fourteenth.
    PassingEntry,
    /// Loses metatables.
    Metatable,
    /// Shows the second upvalue of closures as nil.
    Upvalue,
    Pc,
    /// Prints one byte more.
    Output,
    /// Returns something else.
    Result,
    /// Shows an uncaught error to be raised in a function called at another line.
    Traceback,
    /// Claims one instruction more, or less, than the program has.
    Longer,
    Shorter,
    /// Runs out of fuel where the other engine ends.
    Endless,
}

const FAULT_CLOCK: u64 = 100;

/// The reference engine in the place of the interpreter, with a fault.
struct Faulty(Fault);

struct FaultyState<'s, S> {
    inner: &'s S,
    fault: Fault,
}

impl<S: State> State for FaultyState<'_, S> {
    type Value = S::Value;
    fn frame_count(&self) -> usize {
        self.inner.frame_count()
    }
    fn level(&self, level: usize) -> (Frame, impl Fn(u8) -> S::Value + '_) {
        let (frame, register) = self.inner.level(level);
        let pc = frame.pc + u32::from(self.fault == Fault::Pc);
        (Frame { pc, ..frame }, register)
    }
    fn register_name(&self, level: usize, index: u8) -> Option<String> {
        self.inner.register_name(level, index)
    }
    fn globals(&self) -> S::Value {
        self.inner.globals()
    }
    fn view(&self, value: S::Value) -> View<'_> {
        match (self.fault, self.inner.view(value)) {
            (Fault::Integer, View::Int(40)) => View::Int(41),
            (Fault::Subtype, View::Int(40)) => View::Float(40.0),
            (Fault::ZeroSign, View::Float(0.0)) => View::Float(-0.0),
            (Fault::OtherNan, View::Float(f)) if f.is_nan() => {
                View::Float(f64::from_bits(0x7ff8_0000_0000_1234))
            }
            (Fault::Bytes, View::Str(bytes)) => View::Str(&bytes[..bytes.len() - 1]),
            (_, view) => view,
        }
    }
    fn each_entry(
        &self,
        table: Address,
        mut visit: impl FnMut(S::Value, S::Value) -> ControlFlow<()>,
    ) {
        self.inner.each_entry(table, |key, value| {
            let lost = self.fault == Fault::Entry && matches!(self.inner.view(key), View::Int(7));
            if lost { ControlFlow::Continue(()) } else { visit(key, value) }
        });
    }
    fn get_int(&self, table: Address, key: i64) -> S::Value {
        self.inner.get_int(table, key)
    }
    fn metatable(&self, table: Address) -> Option<Address> {
        self.inner.metatable(table).filter(|_| self.fault != Fault::Metatable)
    }
    fn function(&self, closure: Address) -> FunctionId {
        self.inner.function(closure)
    }
    fn thread_status(&self, thread: Address) -> ThreadStatus {
        self.inner.thread_status(thread)
    }
    fn thread_body(&self, thread: Address) -> Option<S::Value> {
        self.inner.thread_body(thread)
    }
    fn wrapped_thread(&self, native: Address) -> Option<S::Value> {
        self.inner.wrapped_thread(native)
    }
    fn each_thread_frame(&self, thread: Address, visit: &mut ThreadFrameVisitor<'_, S::Value>) {
        self.inner.each_thread_frame(thread, visit);
    }
    fn waiting_main(&self) -> Option<S::Value> {
        self.inner.waiting_main()
    }
    fn upvalue_count(&self, closure: Address) -> usize {
        let count = self.inner.upvalue_count(closure);
        if self.fault == Fault::Upvalue { count.min(1) } else { count }
    }
    fn upvalue(&self, closure: Address, index: usize) -> S::Value {
        self.inner.upvalue(closure, index)
    }
    fn upvalue_cell(&self, closure: Address, index: usize) -> Address {
        self.inner.upvalue_cell(closure, index)
    }
    fn shown(&self) -> plumb_jit::vm::Unspecified {
        self.inner.shown()
    }
    fn library_name(&self, class: Class, object: Address) -> Option<&LibraryName> {
        self.inner.library_name(class, object)
    }
}

struct FaultyWatcher<W> {
    fault: Fault,
    /// Moments so far.
    moments: usize,
    watcher: W,
}

impl<W: Watcher> Watcher for FaultyWatcher<W> {
    fn first(&mut self) -> Option<Clock> {
        self.watcher.first()
    }
    fn at<S: State>(&mut self, clock: Clock, state: &S) -> Next {
        self.moments += 1;
        let fault = match self.fault {
            Fault::PassingEntry if self.moments == 14 => Fault::Entry,
            fault if clock.0 >= FAULT_CLOCK => fault,
            _ => Fault::None,
        };
        self.watcher.at(clock, &FaultyState { inner: state, fault })
    }
    fn end<S: State>(&mut self, state: &S, ending: &Ending<S::Value>, output: &[u8]) {
        let mut output = output.to_vec();
        let mut ending = ending.clone();
        match (self.fault, &mut ending) {
            (Fault::Output, _) => output.push(b'!'),
            (Fault::Result, Ending::Returned(values)) => drop(values.pop()),
            (Fault::Traceback, Ending::Failed { traceback: Some(text), .. }) => {
                let right = String::from_utf8_lossy(text);
                *text = right.replace("t:7: in local 'outer'", "t:6: in local 'outer'").into();
            }
            _ => {}
        }
        self.watcher.end(&FaultyState { inner: state, fault: self.fault }, &ending, &output);
    }
}

impl Engine for Faulty {
    fn kind(&self) -> verdict::Engine {
        verdict::Engine::Interpreter
    }
    fn run<W: Watcher>(&self, program: &Program, watcher: W) -> (Outcome, W) {
        let fault = self.0;
        let options = Options {
            fuel: if fault == Fault::Endless { 90 } else { 1_000_000 },
            ..program.options
        };
        let program = Program { options, ..program.clone() };
        let (mut outcome, faulty) =
            Reference.run(&program, FaultyWatcher { fault, moments: 0, watcher });
        let (ticks, _) = puc::pc_trace(&program.source, &program.chunk_name, &program.options);
        let skew = match fault {
            Fault::Longer => 1,
            Fault::Shorter => -1,
            _ => 0,
        };
        outcome.instructions = Some((ticks.len() as u64).wrapping_add_signed(skew));
        (outcome, faulty.watcher)
    }
}

fn program(source: &str) -> Rc<Program> {
    let options = Options { fuel: 100_000, offers: Some(ours::offers), ..Options::default() };
    Rc::new(Program::new(source.as_bytes(), "=t", options))
}

fn lockstep(source: &str, fault: Fault, seed: u64) -> Verdict {
    let engine = Faulty(fault);
    two_way(&program(source), &RandomClocks { engine: &engine, seed }, &Reference, Select::Defined)
}

const SOURCE: &str = "
local t = setmetatable({}, {})
local name, zero, nan, up1, up2 = 'name', 0.0, 0/0, 1, 2
local function f() return up1, up2 end
for i = 1, 60 do
  t[i] = i * 2
end
print(#t)
return t, 40
";

#[test]
fn an_engine_agrees_with_itself() {
    for seed in 0..20 {
        let Verdict::Agree(compared) = lockstep(SOURCE, Fault::None, seed) else {
            panic!("seed {seed}")
        };
        assert!(compared.checkpoints >= 10 && compared.registers >= 50, "{compared:?}");
    }
}

#[test]
fn a_difference_that_is_none_is_not_reported() {
    assert!(lockstep(SOURCE, Fault::OtherNan, 1).is_agree());
}

#[test]
fn each_planted_fault_is_found_and_named() {
    use DivergenceKind::*;
    let faults = [
        (Fault::Integer, Reachable),
        (Fault::Subtype, Reachable),
        (Fault::ZeroSign, Register),
        (Fault::Bytes, Register),
        (Fault::Entry, Reachable),
        (Fault::Metatable, Reachable),
        (Fault::Upvalue, Reachable),
        (Fault::Pc, Position),
        (Fault::Output, Output),
        (Fault::Result, Result),
        (Fault::Longer, Length),
        (Fault::Shorter, Length),
        (Fault::Endless, Length),
    ];
    for (fault, kind) in faults {
        let Verdict::Diverge(found) = lockstep(SOURCE, fault, 7) else {
            panic!("{fault:?} is not found")
        };
        assert_eq!(found.kind, kind, "{fault:?}: {:?}", found.differences);
        assert_eq!(
            (found.left, found.right),
            (verdict::Engine::Reference, verdict::Engine::Interpreter)
        );
        let at_end = matches!(kind, Output | Result | Length);
        assert_eq!(found.event == EventKind::End, at_end, "{fault:?}");
        if !at_end {
            let (agreed, _) = found.agreed.expect("moments before the fault agree");
            assert!(agreed.0 < FAULT_CLOCK && found.clock.0 >= FAULT_CLOCK, "{fault:?}");
            assert!(!found.differences.is_empty());
        }
        let report = crate::report::divergence(&found, SOURCE.as_bytes(), None);
        assert!(report.contains("interpreter differs from reference"), "{report}");
    }
}

/// With sampling, a wrong table entry may be noticed late; the report still names the first moment.
#[test]
fn the_first_difference_is_reported_not_the_first_sampled() {
    let source =
        "local t, n = {}, 0 for i = 1, 3000 do n = i if i == 5 then t[7] = 1 end end return n";
    let Verdict::Diverge(found) = lockstep(source, Fault::Entry, 3) else { panic!("not found") };
    let (agreed, _) = found.agreed.expect("a moment before the fault");
    assert!(agreed.0 < FAULT_CLOCK, "{agreed:?}");
    assert!(found.clock.0 < FAULT_CLOCK + 40, "{:?}", found.clock);
}

/// CLOSE begins again after a method that yielded, and finds what the method's call left above the variable.
#[test]
fn what_a_yielding_method_leaves_is_no_difference() {
    let source = "
local co = coroutine.wrap(function()
  for i = 1, 20 do
    local a <close> = setmetatable({}, {__close = function() G = coroutine.yield(0.5) end})
    local b, c, d, e, f, g = i, i, i, i, i, i
    local h = b + c * d + e .. f + g
  end
end)
for i = 1, 20 do co(i * 2) end";
    for seed in 0..30 {
        let leader = RandomClocks { engine: &ours::Interpreter, seed };
        let verdict = two_way(&program(source), &leader, &Reference, Select::Defined);
        assert!(verdict.is_agree(), "seed {seed}: {verdict:?}");
    }
}

/// A sample of moments need not show what a table loses for one moment.
#[test]
fn a_thorough_comparison_looks_behind_registers_at_every_moment() {
    let source = "local t = {1, 2, 3, 4, 5, 6, 7, 8} for i = 1, 200 do t[1] = i end return t";
    let compare = |thorough| {
        let mut program = Program::clone(&program(source));
        program.options.thorough = thorough;
        let leader = RandomClocks { engine: &Faulty(Fault::PassingEntry), seed: 1 };
        two_way(&Rc::new(program), &leader, &Reference, Select::Defined)
    };
    assert!(compare(false).is_agree());
    let Verdict::Diverge(found) = compare(true) else { panic!("the passing entry is not found") };
    assert_eq!((found.kind, found.moment), (DivergenceKind::Reachable, 13));
}

#[test]
fn the_differences_name_place_and_both_values() {
    let source = "local count = 1 for i = 1, 60 do count = 40 end return count";
    let Verdict::Diverge(found) = lockstep(source, Fault::Integer, 5) else { panic!("not found") };
    let difference = &found.differences[0];
    assert_eq!(difference.place, "frame 0, register 0 (count)");
    assert_eq!((difference.left.as_str(), difference.right.as_str()), ("40", "41"));
}

/// The digest of what every moment covers, at one clock.
fn shallow<E: Engine>(engine: &E, source: &str, select: Select) -> Digest {
    struct Once(Rc<Program>, Select, Option<Digest>);
    impl Watcher for Once {
        fn first(&mut self) -> Option<Clock> {
            Some(Clock(60))
        }
        fn at<S: State>(&mut self, _: Clock, state: &S) -> Next {
            self.2 = Some(look(&self.0, self.1, &Plan::REGISTERS, state).0);
            Next::Never
        }
        fn end<S: State>(&mut self, _: &S, _: &Ending<S::Value>, _: &[u8]) {}
    }
    let program = program(source);
    let (_, once) = engine.run(&program, Once(program.clone(), select, None));
    once.2.expect("the program is long enough")
}

/// Coroutines that registers lead to are compared at every moment, not only where content is.
#[test]
fn every_moment_covers_the_frames_of_coroutines() {
    let yielded = "local co = coroutine.create(function(a) local n = a + KKK coroutine.yield() return n end) \
                   coroutine.resume(co, 10) for i = 1, 90 do end return co";
    let wrapped = "local co = coroutine.wrap(function() local n = KKK coroutine.yield() return n end) \
                   co() for i = 1, 90 do end return co()";
    let waiting = "local n = KKK local co = coroutine.wrap(function() for i = 1, 900 do end end) co() n = n + 1";
    let in_upvalue = "local function hold() local co = coroutine.wrap(function() local n = KKK coroutine.yield() return n end) \
                      co() return function() return co end end local f = hold() for i = 1, 90 do end return f";
    let in_table = "local function hold() local co = coroutine.wrap(function() local n = KKK coroutine.yield() return n end) \
                    co() return {co} end local t = hold() for i = 1, 90 do end return t";
    for source in [yielded, wrapped, waiting, in_upvalue, in_table] {
        let with = |k: &str| source.replace("KKK", k);
        for select in [Select::Live, Select::Defined] {
            let digest = |k| shallow(&ours::Interpreter, &with(k), select);
            assert_ne!(digest("30"), digest("31"), "{source}");
            assert_eq!(digest("30"), shallow(&Reference, &with("30"), select), "{source}");
        }
    }
}

/// Wherever a coroutine is kept, its frames are compared as soon as it goes on.
#[test]
fn switches_of_coroutines_are_moments() {
    #[derive(Default)]
    struct Log(Vec<(Clock, EventKind, Digest)>, Option<Rc<Program>>);
    impl EventSink for Log {
        fn event<S: State>(&mut self, clock: Clock, kind: EventKind, state: &S) -> Next {
            let program = self.1.as_ref().expect("the program that runs");
            self.0.push((clock, kind, look(program, Select::Live, &Plan::REGISTERS, state).0));
            Next::Never
        }
        fn end<S: State>(&mut self, _: &S, _: &Ending<S::Value>, _: &[u8]) {}
    }
    let source = "local t = {deep = {co = coroutine.wrap(function(a) local n = KKK
            while true do n = n + coroutine.yield(a) end end)}}
        for i = 1, 3 do t.deep.co(i) end
        for a in coroutine.wrap(function() coroutine.yield(1) end) do t[1] = a end";
    let switches = |k: &str| {
        let program = program(&source.replace("KKK", k));
        let jit = ours::Jit::new(Default::default());
        let (_, log) = jit.lead(&program, Log(Vec::new(), Some(program.clone())));
        assert!(log.0.is_sorted_by_key(|(clock, ..)| clock.0));
        log.0.into_iter().filter(|(_, kind, _)| *kind == EventKind::Switch).collect::<Vec<_>>()
    };
    let (a, b) = (switches("30"), switches("31"));
    assert_eq!((a.len(), b.len()), (10, 10), "two a resume");
    // In the coroutine, where its variable is live.
    for at in [2, 4] {
        assert_ne!(a[at].2, b[at].2);
    }
    let verdict = crate::check::check_jit(
        source.replace("KKK", "30").as_bytes(),
        "=switches",
        &Default::default(),
        &Options::default(),
    );
    assert!(verdict.0.is_agree(), "{verdict:?}");
}

/// Frames of coroutines that wait are compared: of one that yielded, and of those that wait for another.
#[test]
fn frames_of_threads_that_do_not_run_are_compared() {
    let yielded = "local co = coroutine.create(function(a) local n = a + 30 coroutine.yield() return n end) \
                   coroutine.resume(co, 10) for i = 1, 90 do end return co";
    let waiting = "local n = 40 local co = coroutine.wrap(function() for i = 1, 900 do end end) co() n = n + 1";
    let fresh = "local co = coroutine.create(function() end) for i = 1, 90 do end return co";
    for source in [yielded, waiting, fresh] {
        assert!(lockstep(source, Fault::None, 3).is_agree(), "{source}");
    }
    for source in [yielded, waiting] {
        let Verdict::Diverge(found) = lockstep(source, Fault::Integer, 3) else {
            panic!("not found: {source}")
        };
        let shown = &found.differences[0];
        assert!(
            shown.place.starts_with("thread #") && shown.place.contains("register"),
            "{shown:?}"
        );
        assert_eq!((shown.left.as_str(), shown.right.as_str()), ("40", "41"));
    }
}

#[test]
fn a_follower_that_is_wrong_is_found_too() {
    let program = program(SOURCE);
    let leader = Faulty(Fault::None);
    let verdict = two_way(
        &program,
        &RandomClocks { engine: &leader, seed: 1 },
        &Faulty(Fault::Subtype),
        Select::Live,
    );
    assert!(matches!(verdict, Verdict::Diverge(_)));
}

#[test]
fn three_engines_agree_or_the_wrong_one_is_named() {
    let program = program(SOURCE);
    let right = Faulty(Fault::None);
    let wrong = Faulty(Fault::Integer);
    let leader = |engine| RandomClocks { engine, seed: 9 };
    let all = three_way(&program, &leader(&right), &right, &Reference);
    let Verdict::Agree(compared) = all else { panic!("{all:?}") };
    assert!(compared.registers > 0);
    // A wrong middle engine differs from its leader first.
    assert!(matches!(
        three_way(&program, &leader(&right), &wrong, &Reference),
        Verdict::Diverge(_)
    ));
    // A pair that is wrong alike differs from the reference.
    let Verdict::Diverge(found) = three_way(&program, &leader(&wrong), &wrong, &Reference) else {
        panic!("not found")
    };
    assert_eq!(found.left, verdict::Engine::Reference);
}

/// The JIT, with a fault in what it shows.
struct FaultyJit(Fault, ours::Jit);

struct FaultySink<E> {
    fault: Fault,
    sink: E,
}

impl<E: EventSink> EventSink for FaultySink<E> {
    fn event<S: State>(&mut self, clock: Clock, kind: EventKind, state: &S) -> Next {
        let fault = if clock.0 >= FAULT_CLOCK { self.fault } else { Fault::None };
        self.sink.event(clock, kind, &FaultyState { inner: state, fault })
    }
    fn end<S: State>(&mut self, state: &S, ending: &Ending<S::Value>, output: &[u8]) {
        self.sink.end(state, ending, output);
    }
}

impl Leader for FaultyJit {
    fn kind(&self) -> verdict::Engine {
        verdict::Engine::Jit
    }
    fn lead<E: EventSink>(&self, program: &Program, sink: E) -> (Outcome, E) {
        let (outcome, faulty) = self.1.lead(program, FaultySink { fault: self.0, sink });
        (outcome, faulty.sink)
    }
}

#[test]
fn a_jit_that_restores_a_wrong_value_is_found_at_that_exit() {
    let source = "local n = 0 for i = 1, 60 do if i % 9 == 0 then n = 40 end end return n";
    let program = program(source);
    let jit = |fault| {
        let config =
            JitConfig { hot_loop: 3, executor: ExecutorKind::Eval, ..JitConfig::default() };
        FaultyJit(fault, ours::Jit::new(config))
    };
    let check = |fault| three_way(&program, &jit(fault), &ours::Interpreter, &Reference);
    let agreed = check(Fault::None);
    let Verdict::Agree(compared) = agreed else { panic!("the right JIT does not agree") };
    assert!(compared.trace_exits > 2, "{compared:?}");
    for fault in [Fault::Integer, Fault::Subtype, Fault::Pc] {
        let Verdict::Diverge(found) = check(fault) else { panic!("{fault:?} is not found") };
        assert_eq!((found.left, found.right), (verdict::Engine::Interpreter, verdict::Engine::Jit));
        assert!(matches!(found.event, EventKind::TraceEntry(_) | EventKind::TraceExit(..)));
        assert!(found.agreed.is_some() && !found.differences.is_empty());
    }
}

#[test]
fn doubtful_programs_are_inconclusive_for_their_reason() {
    let verdict = |source: &str, fault| match lockstep(source, fault, 2) {
        Verdict::Inconclusive(reason) => Some(reason),
        _ => None,
    };
    assert_eq!(verdict("x = = 1", Fault::None), Some(Reason::NotLua));
    assert_eq!(verdict("while true do end", Fault::None), Some(Reason::Fuel));
}

/// What the program was shown decides, not what its text mentions.
#[test]
fn only_what_was_shown_excuses_a_difference() {
    struct Shown(Unspecified);
    impl Watcher for Shown {
        fn first(&mut self) -> Option<Clock> {
            None
        }
        fn at<S: State>(&mut self, _: Clock, _: &S) -> Next {
            Next::Never
        }
        fn end<S: State>(&mut self, state: &S, _: &Ending<S::Value>, _: &[u8]) {
            self.0 = state.shown();
        }
    }
    let excuse = |source: &str| {
        let program = program(source);
        let (_, shown) = crate::ours::Interpreter
            .run(&program, Shown(Unspecified { address: true, ..Default::default() }));
        let difference = crate::dump::Difference {
            place: "frame 0, register 0".into(),
            left: "1".into(),
            right: "2".into(),
        };
        let shown = [shown.0, Unspecified::default()];
        explain::excuse(Select::Defined, shown, &[difference])
    };
    for (shows, reason) in [
        ("tostring({})", Some(Reason::Address)),
        ("string.format('%p', {})", Some(Reason::Address)),
        ("next({[print] = 1})", Some(Reason::IterationOrder)),
        ("pairs({[{}] = 1})", Some(Reason::IterationOrder)),
        ("pairs(math)", None),
        ("pairs({[print] = 1})", Some(Reason::IterationOrder)),
        ("collectgarbage('count')", Some(Reason::Collector)),
        (
            "(function() local t = {} for i = 1, 2000 do t[i] = i end \
              table.sort(t, function(a, b) return a > b end) end)()",
            Some(Reason::RandomPivot),
        ),
        ("pcall(string.byte, ('x'):rep(1000000), 1, -1)", None),
        ("next({a = 1, [2.5] = 2, [true] = 3})", None),
        ("collectgarbage()", None),
        ("pairs({1, 2, x = 3})", None),
        ("{[print] = tostring(1)}", None),
    ] {
        assert_eq!(excuse(&format!("local x = {shows}")), reason, "{shows}");
    }
}

/// Two runs need not allocate at one address; what they print of it is compared without its digits.
#[test]
fn addresses_in_text_are_no_difference() {
    let source =
        b"local t = {} local s = tostring(t) for i = 1, 90 do s = tostring(print) end print(s, t)";
    for seed in 0..8 {
        let verdict =
            crate::check::check_without_jit(source, "=addresses", seed, &Options::default());
        assert!(verdict.is_agree(), "{verdict:?}");
    }
}

/// `next` gives one order on all engines, whatever was added and removed, but for keys hashed by address.
#[test]
fn tables_are_traversed_in_one_order() {
    let source = br#"
        local t, log = {}, {}
        local x = 7
        for round = 1, 400 do
            x = (x * 1103515245 + 12345) % 2147483648
            local k = x % 97
            if x % 5 == 0 then k = "k" .. k elseif x % 5 == 1 then k = k + 0.5
            elseif x % 5 == 2 then k = -k elseif x % 5 == 3 then k = (k % 2 == 0) end
            if x % 7 < 3 then t[k] = nil else t[k] = round end
            if round % 16 == 0 then
                local s = ""
                for key, value in next, t do s = s .. tostring(key) .. "=" .. value .. ";" end
                log[#log + 1] = s
            end
        end
        print(table.concat(log, "\n"))"#;
    for seed in 0..4 {
        let verdict = crate::check::check_without_jit(source, "=order", seed, &Options::default());
        assert!(verdict.is_agree(), "{verdict:?}");
    }
}

/// The libraries too: the first of two names that `next` finds is the one that a traceback shows.
#[test]
fn libraries_are_traversed_in_one_order() {
    let change = r#"
        for i = 1, 60 do _G["g" .. i] = i; math["m" .. i * i] = i end
        g20, g30, math.m25 = nil, nil, nil
        for i = 100, 140 do _G["h" .. i] = i; string["s" .. i] = i end"#;
    let show = r#"
        for _, library in ipairs({_G, string, table, math, utf8, coroutine, debug}) do
            local s = ""
            for key in pairs(library) do s = s .. key .. " " end
            print(s)
        end"#;
    for source in [show.to_string(), format!("{change}{show}")] {
        let source = source.as_bytes();
        let verdict = crate::check::check_without_jit(source, "=order", 1, &Options::default());
        assert!(verdict.is_agree(), "{verdict:?}");
    }
}

/// The clock stands still in finalizers: those that `collectgarbage` runs are over within one instruction.
#[test]
fn finalizers_are_not_counted() {
    let source = br#"
        local sum = 0
        local function die(object)
            for i = 1, object.n do sum = sum + i end
        end
        for round = 1, 20 do
            local object = setmetatable({n = round * 7}, {__gc = die})
            local before = sum
            object = nil
            collectgarbage()
            for i = 1, 10 do sum = sum ~ i end
            print(round, before, sum)
        end"#;
    for seed in 0..8 {
        let verdict = crate::check::check_without_jit(source, "=fin", seed, &Options::default());
        assert!(verdict.is_agree(), "{verdict:?}");
    }
}

/// One clock goes through all coroutines of a program.
#[test]
fn coroutines_share_one_clock() {
    let source = br#"
        local log = {}
        local function generate(n)
            return coroutine.wrap(function()
                for i = 1, n do
                    local ok, sent = pcall(coroutine.yield, i)
                    if sent then log[#log + 1] = sent end
                end
                error("done")
            end)
        end
        local sum = 0
        for round = 1, 6 do
            local a, b = generate(20), generate(10)
            for i = 1, 10 do sum = sum + a() * b() end
            a(round)
        end
        local co = coroutine.create(function(x)
            local inner = coroutine.wrap(function() for i = 1, 30 do coroutine.yield(i * x) end end)
            for i = 1, 30 do coroutine.yield(inner() + i) end
            return "end"
        end)
        local ok, value = coroutine.resume(co, 3)
        while ok and coroutine.status(co) ~= "dead" do
            log[#log + 1] = value
            ok, value = coroutine.resume(co)
        end
        print(sum, value, #log, pcall(generate(0)), coroutine.isyieldable(), log)"#;
    for seed in 0..8 {
        let verdict =
            crate::check::check_without_jit(source, "=threads", seed, &Options::default());
        let Verdict::Agree(compared) = verdict else { panic!("{verdict:?}") };
        assert!(compared.checkpoints > 50);
    }
}

/// Collections that a program asks for come at the same clocks on all engines, and no others come.
#[test]
fn weak_tables_and_finalizers_do_not_show_the_collector() {
    let source = b"local weak = setmetatable({}, {__mode = 'k'}) local n = 0
        for i = 1, 3000 do
            weak[{}] = i
            setmetatable({}, {__gc = function() n = n + 1 end})
            local s = ('x'):rep(i)
        end
        local count = 0 for _ in pairs(weak) do count = count + 1 end
        return count, n";
    let verdict = crate::check::check_interpreter(source, "=weak", 5, &Options::default());
    assert!(verdict.is_agree(), "{verdict:?}");
}

#[test]
fn objects_as_keys_and_shared_upvalues_are_compared() {
    let agree = |source: &str| {
        let verdict =
            crate::check::check_without_jit(source.as_bytes(), "=keys", 3, &Options::default());
        assert!(verdict.is_agree(), "{source}\n{verdict:?}");
    };
    agree(
        "local t = {} for i = 1, 40 do t[{i}] = {i, x = {i}} t[function() return i end] = i end \
           setmetatable(t, {__index = t}) t[t] = t return t",
    );
    agree("local t = {} for i = 1, 40 do t[{}] = {} end for i = 1, 40 do t[i] = i end return t");
    agree(
        "local f, g do local x = 0 f = function() x = x + 1 return x end \
           g = function() return x end end for i = 1, 30 do f() end return f, g, g()",
    );
}

/// Which call exhausts the stack, and what is left for those who hear of it, is compared to the slot.
#[test]
fn a_stack_overflow_comes_at_one_clock() {
    let programs = [
        "local function f() return 1 + f() end f()",
        "local function f(a, b, c) return 1 + f(a, b, c) end return pcall(f)",
        "local n = 0 local function f(...) n = n + 1 return 1 + f(...) end \
         print(pcall(f, 1, 2, 3)) for i = 1, 30 do n = n + i end return n",
        "local n = 0 local function f() n = n + 1 return 1 + f() end \
         print(xpcall(f, function(m) n = 0 return f() end)) print(n) n = 0 \
         print(xpcall(f, function(m) n = 0 print(pcall(f)) print(n) return m end)) print(n)",
        "local t = setmetatable({}, {__call = function(self, n) return 1 + self(n + 1) end}) return pcall(t, 1)",
        "local function f(...) return select('#', ...) end local t = {} \
         for n = 999940, 1000010 do print(n, pcall(function() return f(table.unpack(t, 1, n)) end)) end",
        "local function f(...) local a <const>, b = ... return g(...) end \
         function g(...) return 1 + f(2, ...) end return pcall(f)",
        "local n = 0 local function f() local c <close> = setmetatable({}, {__close = function(_, e) n = n + 1 end}) \
         return 1 + f() end print(pcall(f)) return n",
        "local n = 0 local function f(x) n = n + 1 for i = 1, 3 do n = n + i end return 1 + f(x) end return pcall(f, 1), n",
        "local co = coroutine.create(function() local function f(a) return 1 + f(a) end return f(1) end) \
         return coroutine.resume(co)",
        "local co = coroutine.wrap(function() local function f(a) return 1 + f(a) end \
         coroutine.yield(pcall(f, 1)) return pcall(f) end) print(co()) return co()",
    ];
    for source in programs {
        for seed in 0..3 {
            let source = source.as_bytes();
            let verdict =
                crate::check::check_interpreter(source, "=deep", seed, &Options::default());
            match verdict {
                Verdict::Agree(_) => {}
                Verdict::Diverge(found) => {
                    panic!("{}", crate::report::divergence(&found, source, None))
                }
                other => panic!("{}: {other:?}", String::from_utf8_lossy(source)),
            }
        }
    }
}

#[test]
fn errors_are_compared_with_their_message() {
    let failing = "local t = {} for i = 1, 60 do t[i] = i end error('message')";
    assert!(lockstep(failing, Fault::None, 4).is_agree());
    let Verdict::Diverge(found) = lockstep(failing, Fault::Bytes, 4) else { panic!("not found") };
    assert_eq!(found.left_state.roots[0], "\"t:1: message\"");
}

/// The caller of the function that failed is at another line; nothing else differs.
#[test]
fn a_wrong_traceback_is_found_and_shown_beside_the_right_one() {
    let source = "
local function inner(n)
  if n == 40 then error('message') end
end
local function outer()
  local sum = 0
  for i = 1, 60 do inner(i) end
end
outer()";
    assert!(lockstep(source, Fault::None, 4).is_agree());
    let Verdict::Diverge(found) = lockstep(source, Fault::Traceback, 4) else {
        panic!("not found")
    };
    assert_eq!((found.kind, found.event), (DivergenceKind::Traceback, EventKind::End));
    let [difference] = &found.differences[..] else { panic!("{:?}", found.differences) };
    assert_eq!(difference.place, "traceback, line 3");
    let report = crate::report::divergence(&found, source.as_bytes(), None);
    let (_, states) = report.split_once("\nstates\n").expect("the report shows both states");
    let lines = [
        ("  ", "stack traceback:", "stack traceback:"),
        ("  ", "  [C]: in function 'error'", "  [C]: in function 'error'"),
        ("  ", "  t:3: in upvalue 'inner'", "  t:3: in upvalue 'inner'"),
        ("! ", "  t:7: in local 'outer'", "  t:6: in local 'outer'"),
        ("  ", "  t:9: in main chunk", "  t:9: in main chunk"),
    ];
    for (mark, left, right) in lines {
        let line = format!("{mark}{left:60} | {right}\n");
        assert!(states.contains(&line), "{line}{report}");
    }
}
