//! The clock by example, the mirrored layouts against the public API, limits, and the canonical
//! traversal on real states.

use super::layout::tag;
use super::state::C_CLOSURE_BIT;
use super::*;
use crate::canon::{self, Plan, Selection};
use crate::digest::Digest;
use crate::dump::Snapshot;
use plumb_jit::bytecode::RegisterSet;
use std::collections::BTreeMap;

/// Stops at every clock of a list and hands each state to a closure.
struct At<F> {
    clocks: Vec<u64>,
    look: F,
    ended: bool,
}

impl<F: FnMut(u64, &PucState<'_>)> Observer for At<F> {
    fn first(&mut self) -> Option<Clock> {
        self.clocks.first().copied().map(Clock)
    }
    fn at(&mut self, clock: Clock, state: &PucState<'_>) -> Next {
        (self.look)(clock.0, state);
        self.clocks.iter().copied().find(|&c| c > clock.0).map(Clock).into()
    }
    fn end(&mut self, _: &PucState<'_>, _: &Ending<PucValue>) {
        self.ended = true;
    }
}

fn observe_with(
    source: &str,
    options: &Options,
    clocks: Vec<u64>,
    look: impl FnMut(u64, &PucState<'_>),
) -> (Outcome, bool) {
    let mut at = At { clocks, look, ended: false };
    let outcome = run(source.as_bytes(), "=t", options, &mut at);
    (outcome, at.ended)
}

fn observe(source: &str, clocks: Vec<u64>, look: impl FnMut(u64, &PucState<'_>)) -> Outcome {
    observe_with(source, &Options::default(), clocks, look).0
}

fn trace(source: &str) -> Vec<Tick> {
    pc_trace(source.as_bytes(), "=t", &Options::default()).0
}

/// Named locals only: what a test can rely on without bytecode analysis.
struct Named<'a, 's>(&'a PucState<'s>);

impl Selection for Named<'_, '_> {
    fn registers(&self, level: usize, _: &Frame) -> RegisterSet {
        let mut set = RegisterSet::default();
        (0..self.0.stack_size(level))
            .filter(|&r| self.0.register_name(level, r).is_some())
            .for_each(|r| set.insert(usize::from(r)));
        set
    }
}

/// Digest and dump of the state before the last instruction of the main chunk.
fn last_state(source: &str, plan: &Plan) -> (Digest, Snapshot) {
    let last = trace(source).len() as u64 - 1;
    let mut seen = None;
    observe(source, vec![last], |clock, state| {
        let selection = Named(state);
        let (digest, _) = canon::digest(state, &selection, &[], plan);
        seen = Some((digest, Snapshot::of(Clock(clock), state, &selection, &[], plan)));
    });
    seen.expect("the last instruction is reached")
}

/// `filetests/clock.txt`: a program, then `->` and the `proto:pc` of every counted instruction.
#[test]
fn clock_by_example() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/filetests/clock.txt");
    let text = std::fs::read_to_string(path).expect("filetests/clock.txt");
    let mut blessed = String::new();
    let mut programs = 0;
    for line in text.lines() {
        if line.starts_with("->") {
            continue;
        }
        blessed.push_str(line);
        blessed.push('\n');
        if line.is_empty() || line.starts_with("--") {
            continue;
        }
        programs += 1;
        let ticks = trace(line);
        let pcs: Vec<_> = ticks.iter().map(|t| t.frame.to_string()).collect();
        blessed.push_str(&format!("-> {}: {}\n", ticks.len(), pcs.join(" ")));
    }
    assert!(programs > 30);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &blessed).expect("filetests/clock.txt is writable");
    }
    assert_eq!(text, blessed, "BLESS=1 accepts the new counts");
}

const RICH: &str = r#"
local int, float, nan, yes, no, none = -3, 2.5, 0/0, true, false, nil
local short, long = "short\0bytes", string.rep("long ", 20)
local array, sparse, empty = {1, 2.5, "x", nil, 5}, {[1] = 1, [100] = 2, [-1] = 3, [1.5] = 4}, {}
for i = 1, 40 do array[i] = i * i end
for i = 40, 9, -1 do array[i] = nil end
local named = setmetatable({a = 1, b = {c = {}}, [true] = "t", [array] = "object key"}, {__index = array})
local length = #array + #sparse + #empty
local function outer(a, ...)
  local up = a
  local function inner(b) up = up + b; return up, int, named end
  local first = inner(a)
  return first, inner, select('#', ...)
end
local x, closure, n = outer(1, 2, 3)
table.sort(array, function(a, b) local r = a > b; return r end)
local co = coroutine.create(print)
return closure
"#;

/// Everything the oracle reads by layout, read again through the public API, at every clock of `RICH`.
#[test]
fn layouts_agree_with_the_public_api() {
    let mut registers = 0;
    let mut tables = 0;
    let ticks = trace(RICH).len() as u64;
    let outcome = observe(RICH, (0..ticks).collect(), |_, state| {
        // SAFETY: the engine is stopped in a hook and every push below is popped.
        unsafe {
            for level in 0..state.frame_count() {
                let mut record: ffi::lua_Debug = std::mem::zeroed();
                assert_eq!(ffi::lua_getstack(state.l, state.frames[level].1, &mut record), 1);
                ffi::lua_getinfo(state.l, c"S".as_ptr(), &mut record);
                let function = state.frame(level).function;
                assert_eq!(function.line_defined as i32, record.linedefined);
                assert_eq!(function.last_line as i32, record.lastlinedefined);
                assert_ne!(function.proto, ProtoId::DYNAMIC);
                for index in 0..state.stack_size(level) {
                    let name = ffi::lua_getlocal(state.l, &record, c_int::from(index) + 1);
                    if name.is_null() {
                        // A caller's registers at and above the called function are its callee's.
                        assert!(level > 0);
                        break;
                    }
                    same(state, state.register(level, index), &mut tables);
                    ffi::lua_settop(state.l, -2);
                    registers += 1;
                }
            }
        }
    });
    assert_eq!(outcome.ending, Ending::Returned(vec![()]));
    assert!(registers > 5_000 && tables > 500, "{registers} registers, {tables} tables");
}

/// Compares the value on top of the stack with one read by layout.
///
/// # Safety
/// The engine is stopped, with at least one value above the running frame.
unsafe fn same(state: &PucState<'_>, value: PucValue, tables: &mut usize) {
    let l = state.l;
    // SAFETY: all indices are relative to the value on top; pushes are popped.
    unsafe {
        let kind = ffi::lua_type(l, -1);
        match state.view(value) {
            View::Nil => assert_eq!(kind, ffi::LUA_TNIL),
            View::Bool(b) => {
                assert_eq!((kind, b), (ffi::LUA_TBOOLEAN, ffi::lua_toboolean(l, -1) != 0))
            }
            View::Int(i) => {
                assert_eq!((1, i), (ffi::lua_isinteger(l, -1), ffi::lua_tointeger(l, -1)));
            }
            View::Float(f) => {
                assert_eq!((ffi::LUA_TNUMBER, 0), (kind, ffi::lua_isinteger(l, -1)));
                assert_eq!(f.to_bits(), ffi::lua_tonumber(l, -1).to_bits());
            }
            View::Str(bytes) => {
                assert_eq!(kind, ffi::LUA_TSTRING);
                assert_eq!(bytes, top_bytes(l));
            }
            View::Object(class, address) => {
                let expected = match class {
                    Class::Table => ffi::LUA_TTABLE,
                    Class::Closure | Class::Native => ffi::LUA_TFUNCTION,
                    Class::Userdata if kind == ffi::LUA_TLIGHTUSERDATA => kind,
                    Class::Userdata => ffi::LUA_TUSERDATA,
                    Class::Thread => ffi::LUA_TTHREAD,
                };
                assert_eq!(kind, expected);
                assert_eq!(ffi::lua_topointer(l, -1) as u64, address.0 & !C_CLOSURE_BIT);
                assert_eq!(class == Class::Native, ffi::lua_iscfunction(l, -1) != 0);
                match class {
                    Class::Table => {
                        *tables += 1;
                        same_table(state, address);
                    }
                    Class::Closure => same_upvalues(state, address),
                    _ => {}
                }
            }
        }
    }
}

/// # Safety
/// The closure is on top of the stack.
unsafe fn same_upvalues(state: &PucState<'_>, closure: Address) {
    // SAFETY: the closure is on top; each upvalue pushed is popped.
    unsafe {
        let mut count = 0;
        while !ffi::lua_getupvalue(state.l, -1, count + 1).is_null() {
            let value = state.upvalue(closure, count as usize);
            assert_eq!(raw_top(state.l), value);
            ffi::lua_settop(state.l, -2);
            count += 1;
        }
        assert_eq!(state.upvalue_count(closure), count as usize);
    }
}

/// # Safety
/// The stack is not empty.
unsafe fn raw_top(l: *mut ffi::lua_State) -> PucValue {
    // SAFETY: the stack is not empty.
    unsafe { read((*l.cast::<LuaState>()).top.sub(1)) }
}

/// # Safety
/// The table is on top of the stack.
unsafe fn same_table(state: &PucState<'_>, table: Address) {
    let key_of = |v: PucValue| (v.tag, v.payload);
    let mut ours = BTreeMap::new();
    state.each_entry(table, |key, value| {
        assert!(ours.insert(key_of(key), key_of(value)).is_none(), "an entry is visited twice");
        ControlFlow::Continue(())
    });
    // SAFETY: the table is on top; `lua_next` replaces the key that it consumes.
    unsafe {
        let l = state.l;
        let mut theirs = BTreeMap::new();
        ffi::lua_pushnil(l);
        while ffi::lua_next(l, -2) != 0 {
            let value = raw_top(l);
            ffi::lua_settop(l, -2);
            theirs.insert(key_of(raw_top(l)), key_of(value));
        }
        assert_eq!(ours, theirs);
        for key in (-2..50).chain([99, 100, 101, i64::MIN, i64::MAX]) {
            let ours = state.get_int(table, key);
            ffi::lua_rawgeti(l, -1, key);
            let theirs = raw_top(l);
            ffi::lua_settop(l, -2);
            let nil = |v: PucValue| v.tag & tag::TYPE_MASK == tag::NIL_TYPE;
            assert!(ours == theirs || nil(ours) && nil(theirs), "[{key}]: {ours:?} {theirs:?}");
        }
        let metatable = match ffi::lua_getmetatable(l, -1) {
            0 => None,
            _ => {
                let pointer = ffi::lua_topointer(l, -1) as u64;
                ffi::lua_settop(l, -2);
                Some(Address(pointer))
            }
        };
        assert_eq!(state.metatable(table), metatable);
    }
}

#[test]
fn two_runs_have_equal_digests_and_dumps_at_every_clock() {
    let clocks: Vec<u64> = (0..trace(RICH).len() as u64).collect();
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut seen = Vec::new();
        observe(RICH, clocks.clone(), |clock, state| {
            let (digest, _) =
                canon::digest(state, &Named(state), &[state.globals()], &Plan::COMPLETE);
            let dump = Snapshot::of(
                Clock(clock),
                state,
                &Named(state),
                &[state.globals()],
                &Plan::COMPLETE,
            );
            seen.push((digest, dump));
        });
        assert_eq!(seen.len(), clocks.len());
        runs.push(seen);
    }
    for (a, b) in runs[0].iter().zip(&runs[1]) {
        assert_eq!(a.1.differences(&b.1), []);
        assert_eq!(a.0, b.0);
    }
}

/// Each pair of programs ends in states that must be equal, or must not be.
#[test]
fn equality_of_states() {
    let equal = [
        (
            "local t = {a = 1, b = 2, c = {}, d = {9}}",
            "local t = {} t.d = {9} t.c = {} t.b = 2 t.a = 1",
        ),
        ("local t = {1, 2, 3}", "local t = {} t[3] = 3 t[2] = 2 t[1] = 1"),
        (
            "local t = {} for i = 1, 40 do t[i] = i end for i = 40, 4, -1 do t[i] = nil end",
            "local t = {1, 2, 3}",
        ),
        ("local x = 0/0", "local x = -(0/0)"),
        ("local f = math.floor", "local f = math.floor"),
        ("local t = {} t.t = t", "local t = {} t.t = t"),
    ];
    let unequal = [
        ("local x = 1", "local x = 1.0"),
        ("local x = 0.0", "local x = -0.0"),
        ("local x = 0.1 + 0.2", "local x = 0.3"),
        ("local x = 'a'", "local x = 'b'"),
        ("local x = '1'", "local x = 1"),
        ("local x = nil", "local x = false"),
        ("local f = math.floor", "local f = math.ceil"),
        ("local t = {1, 2, 3}", "local t = {1, 2, 4}"),
        ("local t = {1, 2, 3}", "local t = {1, 2, 3, 4}"),
        ("local t = {a = {1}, b = {2}}", "local t = {a = {2}, b = {1}}"),
        ("local t = {{}, {}}", "local u = {} local t = {u, u}"),
        ("local t = setmetatable({}, {})", "local t = setmetatable({}, nil)"),
        (
            "local a = 1 local function f() return a end",
            "local a = 2 local function f() return a end",
        ),
        ("local t = {} t.t = t", "local t = {} t.t = {}"),
    ];
    // Keep the position alike: only the values of the first local differ.
    let value = |source: &str| {
        let (_, mut dump) = last_state(source, &Plan::REACHABLE);
        let registers = dump.frames.pop().expect("the main chunk").registers;
        (registers.last().map(|r| r.value.clone()), dump.objects)
    };
    for (a, b) in equal {
        assert_eq!(value(a), value(b), "{a} | {b}");
    }
    for (a, b) in unequal {
        assert_ne!(value(a), value(b), "{a} | {b}");
    }
}

#[test]
fn a_digest_changes_exactly_when_the_dump_does() {
    let template = |x: &str| format!("local t = {{10, 20, k = {{'v', {x}}}}} local n = 1");
    let (digest, dump) = last_state(&template("1"), &Plan::REACHABLE);
    for (other, alike) in
        [("1", true), ("2", false), ("1.0", false), ("'1'", false), ("true", false)]
    {
        let (d, s) = last_state(&template(other), &Plan::REACHABLE);
        assert_eq!(digest == d, alike, "{other}");
        assert_eq!(dump.differences(&s).is_empty(), alike, "{other}");
    }
    // Registers alone do not show a difference inside a table.
    let registers = last_state(&template("1"), &Plan::REGISTERS).0;
    assert_eq!(registers, last_state(&template("2"), &Plan::REGISTERS).0);
}

#[test]
fn large_tables_are_sampled_alike_whatever_their_history() {
    let up = "local t = {} for i = 1, 2000 do t[i] = i end local n = 2000";
    let down = "local t = {} for i = 2000, 1, -1 do t[i] = i end local n = 2000";
    let objects = |source: &str, plan: &Plan| last_state(source, plan).1.objects;
    assert!(objects(up, &Plan::REACHABLE)[0].truncated);
    assert_eq!(objects(up, &Plan::REACHABLE), objects(down, &Plan::REACHABLE));
    assert!(!objects(up, &Plan::COMPLETE)[0].truncated);
    // Key 1500 is no sample; the complete walk sees it.
    let other = up.replace("local n", "t[1500] = 0 local n");
    assert_eq!(objects(up, &Plan::REACHABLE), objects(&other, &Plan::REACHABLE));
    assert_ne!(objects(up, &Plan::COMPLETE), objects(&other, &Plan::COMPLETE));
}

#[test]
fn fuel_and_memory_limit_a_run() {
    let limited = |source: &str, options: Options| {
        let (outcome, ended) = observe_with(source, &options, vec![], |_, _| {});
        assert!(!ended, "{source}: {outcome:?}");
        outcome.ending
    };
    let fuel = Options { fuel: 1_000, ..Options::default() };
    assert_eq!(limited("while true do end", fuel.clone()), Ending::Limited(Reason::Fuel));
    // A program cannot catch its way out.
    let stubborn = "while true do pcall(function() while true do end end) end";
    assert_eq!(limited(stubborn, fuel), Ending::Limited(Reason::Fuel));
    let memory = Options { memory: 1 << 20, ..Options::default() };
    let greedy = "local t = {} pcall(function() for i = 1, 1e9 do t[i] = 'x' .. i end end)";
    assert_eq!(limited(greedy, memory), Ending::Limited(Reason::Memory));
    let output = Options { output: 1_000, ..Options::default() };
    assert_eq!(limited("while true do print(1) end", output), Ending::Limited(Reason::Memory));
}

/// Stops far apart fall where stops at each instruction do, whichever coroutine counts, ends or is freed on
/// the way.
#[test]
fn one_count_goes_through_all_coroutines() {
    let source = "local function body(n) for i = 1, n do coroutine.yield(i) end return n end
        local kept = {}
        for n = 1, 9 do
            local co = coroutine.wrap(body)
            kept[n % 3] = co
            for i = 1, n do co(n) end
            pcall(co) pcall(co)
            coroutine.wrap(collectgarbage)()
            for _, other in pairs(kept) do pcall(other) end
            local inner = coroutine.wrap(function()
                local own = coroutine.wrap(body)
                own(3) own() coroutine.yield(own()) error('x')
            end)
            inner() pcall(inner)
        end
        return select('#', table.unpack(kept))";
    let ticks = trace(source);
    for distance in [2, 3, 7, 29, 1000] {
        let clocks = (0..ticks.len() as u64).filter(|clock| clock % distance == 1);
        let mut seen = 0;
        let outcome = observe(source, clocks.clone().collect(), |clock, state| {
            let tick = ticks[clock as usize];
            assert_eq!((state.frame(0), state.frame_count()), (tick.frame, tick.depth), "{clock}");
            seen += 1;
        });
        assert_eq!(outcome.ending, Ending::Returned(vec![()]));
        assert_eq!(seen, clocks.count());
    }
    let run = |fuel| {
        observe_with(source, &Options { fuel, ..Options::default() }, vec![], |_, _| {}).0.ending
    };
    assert_eq!(run(ticks.len() as u64), Ending::Returned(vec![()]));
    assert_eq!(run(ticks.len() as u64 - 1), Ending::Limited(Reason::Fuel));
}

#[test]
fn fuel_is_exact() {
    let source = "for i = 1, 10 do end";
    let count = trace(source).len() as u64;
    let run = |fuel| {
        observe_with(source, &Options { fuel, ..Options::default() }, vec![], |_, _| {}).0.ending
    };
    assert_eq!(run(count), Ending::Returned(vec![]));
    assert_eq!(run(count - 1), Ending::Limited(Reason::Fuel));
}

#[test]
fn output_results_and_errors_are_reported() {
    let outcome = observe("print(1, 2.0, 'x', nil, true) print() return 1, 2", vec![], |_, _| {});
    assert_eq!(outcome.output, b"1\t2.0\tx\tnil\ttrue\n\n");
    assert_eq!(outcome.ending, Ending::Returned(vec![(), ()]));
    let tostring = "print(setmetatable({}, {__tostring = function() return 'shown' end}))";
    assert_eq!(observe(tostring, vec![], |_, _| {}).output, b"shown\n");
    let ending = observe("error('x')", vec![], |_, _| {}).ending;
    assert!(matches!(ending, Ending::Failed { .. }), "{ending:?}");
    let Ending::NotLua(message) = observe("x = = 1", vec![], |_, _| {}).ending else {
        panic!("not Lua")
    };
    assert_eq!(message, b"t:1: unexpected symbol near '='");
    let hidden = "return os, io, debug.sethook, require, dofile, loadfile";
    let mut all_nil = false;
    let last = trace(hidden).len() as u64 - 1;
    observe(hidden, vec![last], |_, state| {
        all_nil = (0..6).all(|r| matches!(state.view(state.register(0, r)), View::Nil));
    });
    assert!(all_nil);
}

#[test]
fn random_numbers_are_the_same_in_each_run() {
    let source = "local a, b = math.random(1 << 40), math.random()";
    let values = || last_state(source, &Plan::REGISTERS).1.frames[0].registers.clone();
    assert_eq!(values(), values());
    assert_eq!(values().len(), 2);
}

#[test]
fn library_objects_have_names_and_can_be_withheld() {
    let source = "local a, b, c, d, e, f = math.floor, math.random, print, math, ipairs({}), utf8";
    let registers = last_state(source, &Plan::REGISTERS).1.frames[0].registers.clone();
    let values: Vec<_> = registers.iter().map(|r| r.value.as_str()).collect();
    let expected = ["math.floor", "math.random", "print", "math", "ipairs iterator"];
    assert_eq!(values[..5], expected.map(|n| format!("library {n}")));
    let options = Options {
        offers: Some(|name| !name.starts_with("math.r") && name != "utf8"),
        ..Options::default()
    };
    let source = "assert(math.floor) assert(not math.random) assert(not utf8) assert(string)";
    let (outcome, _) = observe_with(source, &options, vec![], |_, _| {});
    assert_eq!(outcome.ending, Ending::Returned(vec![]));
}

#[test]
#[should_panic(expected = "seen by the caller")]
fn a_panic_of_the_observer_reaches_the_caller() {
    observe("local a = pcall(function() local b = 1 end)", vec![3], |_, _| {
        panic!("seen by the caller")
    });
}

#[test]
fn a_program_observed_at_each_instruction_ends_as_if_unobserved() {
    let source = "local t = {} for i = 1, 50 do t[#t + 1] = i % 7 end table.sort(t) \
                  for i = 1, #t do if i % 3 == 0 then t[i] = nil end end print(#t, t[7]) return t";
    let unobserved = observe(source, vec![], |_, _| {});
    let clocks = (0..trace(source).len() as u64).collect();
    let observed = observe(source, clocks, |_, state| {
        canon::digest(state, &Named(state), &[state.globals()], &Plan::COMPLETE);
    });
    assert_eq!((observed.ending, observed.output), (unobserved.ending, unobserved.output));
}
