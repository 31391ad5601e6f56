//! The traceback of an error that nothing catches, on all engines.
//!
//! In: programs that fail. Out: one text, the one that stands beside the program: what `luaL_traceback` of PUC
//! says where the error is raised. The lockstep compares it at the end of each run.

use plumb_jit::trace::config::{ExecutorKind, JitConfig};
use plumb_oracle::canon::State;
use plumb_oracle::check::{check_jit, check_without_jit};
use plumb_oracle::engine::{Ending, Engine, EventSink, Leader, Next, Options, Program, Unwatched};
use plumb_oracle::event::{Clock, EventKind};
use plumb_oracle::ours::{self, Interpreter, Jit};
use plumb_oracle::puc::Reference;
use plumb_oracle::verdict::Verdict;

fn config() -> JitConfig {
    JitConfig { hot_loop: 3, executor: ExecutorKind::Simulator, ..JitConfig::default() }
}

fn options() -> Options {
    Options { fuel: 5_000_000, offers: Some(ours::offers), ..Options::default() }
}

/// Hears of nothing but traces.
struct Traces(u32);

impl EventSink for Traces {
    fn event<S: State>(&mut self, _: Clock, kind: EventKind, _: &S) -> Next {
        self.0 += u32::from(matches!(kind, EventKind::TraceEntry(_)));
        Next::Never
    }
    fn end<S: State>(&mut self, _: &S, _: &Ending<S::Value>, _: &[u8]) {}
}

fn traceback(ending: Ending<()>) -> Option<String> {
    match ending {
        Ending::Failed { traceback, .. } => {
            traceback.map(|text| String::from_utf8(text).expect("names are ASCII"))
        }
        other => panic!("the program does not fail: {other:?}"),
    }
}

/// What each engine says, reference first, and how often a trace was entered.
fn tracebacks(source: &str) -> ([Option<String>; 3], u32) {
    let program = Program::new(source.as_bytes(), "=t", options());
    let (reference, _) = Reference.run(&program, Unwatched);
    let (interpreter, _) = Interpreter.run(&program, Unwatched);
    let (jit, Traces(entries)) = Jit::new(config()).lead(&program, Traces(0));
    ([reference, interpreter, jit].map(|outcome| traceback(outcome.ending)), entries)
}

/// The lockstep agrees at every moment, and at the end.
fn must_agree(source: &str) {
    let verdicts = [
        check_jit(source.as_bytes(), "=t", &config(), &options()).0,
        check_without_jit(source.as_bytes(), "=t", 1, &options()),
    ];
    for verdict in verdicts {
        match verdict {
            Verdict::Agree(compared) => assert!(compared.failed, "{source}"),
            Verdict::Diverge(found) => {
                panic!("{}", plumb_oracle::report::divergence(&found, source.as_bytes(), None))
            }
            Verdict::Inconclusive(reason) => panic!("{source}: {reason}"),
        }
    }
}

/// `expected`: the lines below the heading, apart by `|`.
fn fails(source: &str, expected: &str) -> u32 {
    let (texts, entries) = tracebacks(source);
    let lines = expected.split('|').map(|line| format!("\n\t{line}"));
    let text = lines.fold(String::from("stack traceback:"), |text, line| text + &line);
    for (engine, found) in ["reference", "interpreter", "jit"].iter().zip(&texts) {
        assert_eq!(found.as_deref(), Some(text.as_str()), "{engine}: {source}");
    }
    must_agree(source);
    entries
}

/// A whole traceback, the same on all engines, that has these lines.
fn fails_with(source: &str, expected: &[&str]) -> String {
    let ([reference, interpreter, jit], _) = tracebacks(source);
    let text = reference.expect("the handler hears of the error");
    assert_eq!(interpreter.as_ref(), Some(&text), "interpreter: {source}");
    assert_eq!(jit.as_ref(), Some(&text), "jit: {source}");
    for line in expected {
        assert!(text.contains(&format!("\n\t{line}")), "{line}: {text}");
    }
    must_agree(source);
    text
}

#[test]
fn functions_are_named_by_how_they_were_called() {
    fails(
        "local function deep(x)\n return x.y.z\nend\nlocal function up() local n = deep({}) return n end\n\
         function global() local n = up() return n end\nlocal t = {field = function() global() end}\n\
         function t:method() self.field() end\nt:method()",
        "t:2: in upvalue 'deep'|t:4: in upvalue 'up'|t:5: in function 'global'|t:6: in field 'field'|\
         t:7: in method 'method'|t:8: in main chunk",
    );
    fails(
        "local t = {f = {g = function() error('x') end}}\nlocal function h() t.f.g() end\n(function() h() end)()",
        "[C]: in function 'error'|t:1: in field 'g'|t:2: in upvalue 'h'|t:3: in function <t:3>|t:3: in main chunk",
    );
    fails(
        "string.mine = function() return #nil end\nlocal n = string.mine()",
        "t:1: in function 'string.mine'|t:2: in main chunk",
    );
    fails(
        "local load = load('local a = ... return a + {}', '=loaded')\nlocal n = load(1)",
        "loaded:1: in local 'load'|t:2: in main chunk",
    );
}

/// Which of several global names a traceback shows is a matter of the order of tables.
#[test]
fn functions_with_several_names_go_by_one() {
    let names = ["a", "b", "foo", "helper", "zeta", "unpack", "fail", "run"];
    for first in names {
        for second in names.iter().filter(|second| **second != first) {
            for source in [
                format!(
                    "{first} = function() error('x') end\n{second} = {first}\nlocal n = {second}()"
                ),
                format!("{first} = table.sort\nlocal n = {first}(1, {second})"),
                format!("{first} = math.tan\nstring.{second} = {first}\nlocal n = {first}()"),
            ] {
                let ([reference, interpreter, jit], _) = tracebacks(&source);
                assert!(reference.is_some());
                assert_eq!((&interpreter, &jit), (&reference, &reference), "{source}");
            }
        }
    }
}

#[test]
fn natives_are_levels_and_so_are_functions_that_they_call() {
    fails(
        "table.sort({3, 2, 1}, function(a, b)\n return a < nil end)",
        "t:2: in function <t:1>|[C]: in function 'table.sort'|t:1: in main chunk",
    );
    fails(
        "local s = ('x'):rep(3)\ns:gsub('.', function(c) local n = c + 1 return n end)",
        "[C]: in metamethod 'add'|t:2: in function <t:2>|[C]: in function 'string.gsub'|\
         t:2: in main chunk",
    );
}

#[test]
fn metamethods_and_iterators_are_named() {
    fails(
        "local t = setmetatable({}, {__index = function(t, k)\n error(k) end})\nlocal n = t.x",
        "[C]: in function 'error'|t:2: in metamethod 'index'|t:3: in main chunk",
    );
    fails(
        "local mt = {__lt = function(a, b) return a.x.y end}\nlocal a = setmetatable({}, mt)\nif a < a then end",
        "t:1: in metamethod 'lt'|t:3: in main chunk",
    );
    fails(
        "local function step(_, i)\n return i.j.k end\nfor i in step, nil, 1 do end",
        "t:2: in for iterator 'for iterator'|t:3: in main chunk",
    );
}

#[test]
fn a_tail_call_hides_its_caller() {
    fails(
        "local function a() error('x') end\nlocal function b() return a() end\nlocal function c() return b() end\nc()",
        "[C]: in function 'error'|t:1: in function <t:1>|(...tail calls...)|t:4: in main chunk",
    );
}

/// The level of `error` is about its message; the traceback is the whole of it.
#[test]
fn a_level_changes_the_message_alone() {
    for level in ["0", "1", "2", "3"] {
        fails(
            &format!("local function f()\n error('x', {level})\nend\nf()"),
            "[C]: in function 'error'|t:2: in local 'f'|t:4: in main chunk",
        );
    }
}

/// No handler runs `__tostring`, which would count instructions.
#[test]
fn any_value_can_be_an_error() {
    for value in
        ["nil", "{}", "42", "print", "setmetatable({}, {__tostring = function() return 'x' end})"]
    {
        fails(
            &format!("local function f() error({value}) end\nf()"),
            "[C]: in function 'error'|t:1: in local 'f'|t:2: in main chunk",
        );
    }
    fails("assert(nil)", "[C]: in function 'assert'|t:1: in main chunk");
}

/// `wrap` raises the error again in the thread that resumed; so does `error` where `resume` returned.
#[test]
fn a_coroutine_fails_where_it_was_resumed() {
    fails(
        "local co = coroutine.wrap(function()\n local x = nil + 1\nend)\nlocal function go() co() end\ngo()",
        "[C]: in upvalue 'co'|t:4: in local 'go'|t:5: in main chunk",
    );
    fails(
        "local co = coroutine.create(function()\n error({})\nend)\nlocal function go()\n \
         local ok, e = coroutine.resume(co)\n error(e)\nend\ngo()",
        "[C]: in function 'error'|t:6: in local 'go'|t:8: in main chunk",
    );
}

/// Of the error that stands at the end: the first one, unless closing raised another.
#[test]
fn variables_are_closed_after_the_traceback_was_made() {
    let closing = |body: &str| {
        format!(
            "local function f()\n local c <close> = setmetatable({{}}, {{__close = function(_, e)\n {body}\n end}})\n \
             error('first')\nend\nf()"
        )
    };
    fails(
        &closing("for i = 1, 20 do end"),
        "[C]: in function 'error'|t:5: in local 'f'|t:7: in main chunk",
    );
    fails(&closing("error('second')"), "[C]: in function 'error'|t:3: in function <t:2>");
    fails(
        "local function f()\n local c <close> = setmetatable({}, {__close = function(_, e)\n error('x')\n end})\nend\nf()",
        "[C]: in function 'error'|t:3: in metamethod 'close'|t:5: in local 'f'|t:6: in main chunk",
    );
}

/// What a program catches leaves no trace in the traceback of what it does not.
#[test]
fn the_last_error_counts() {
    fails(
        "local function f(n) error(n) end\nfor i = 1, 20 do pcall(f, i) end\nlocal ok, e = pcall(f, 1)\nerror(e)",
        "[C]: in function 'error'|t:4: in main chunk",
    );
    fails("load(function() error('x') end)\nlocal t = nil\nlocal n = t.x", "t:3: in main chunk");
    fails(
        "xpcall(error, function(e) return e end)\nlocal x <const> = {}\nx()",
        "t:3: in main chunk",
    );
}

/// A traced loop is left before what fails in it; callers are at their lines again.
#[test]
fn an_error_in_a_traced_loop_has_its_callers() {
    let entries = fails(
        "local t = {}\nfor i = 1, 60 do t[i] = {v = i} end\nt[50] = 7\nlocal function get(x)\n return x.v\nend\n\
         local function sum(n)\n local s = 0\n for i = 1, n do\n  s = s + get(t[i])\n end\n return s\nend\n\
         local function run()\n local s = sum(60)\n return s\nend\nrun()",
        "t:5: in upvalue 'get'|t:10: in upvalue 'sum'|t:15: in local 'run'|t:18: in main chunk",
    );
    assert!(entries > 0);
    let entries = fails(
        "local function check(i)\n if i > 40 then\n  error('too large')\n end\n return i\nend\n\
         local function twice(i)\n local a = check(i)\n return a + a\nend\n\
         local s = 0\nfor i = 1, 60 do\n s = s + twice(i)\nend",
        "[C]: in function 'error'|t:3: in upvalue 'check'|t:8: in local 'twice'|t:13: in main chunk",
    );
    assert!(entries > 0);
}

/// The handler gets the room that the overflow left, and no more calls of C than are left.
#[test]
fn overflows_are_traced_to_both_ends() {
    let ends =
        ["t:1: in upvalue 'f'", "t:1: in local 'f'", "t:2: in main chunk", "...\t(skipping "];
    fails_with("local function f(x) return 1 + f(x) end\nf(1)", &ends);
    fails_with(
        "local function f(...)\n local a, b, c = ...\n return 1 + f(...)\nend\nf(1, 2)",
        &["...\t"],
    );
    let comparing = "local mt = {} mt.__lt = function(a, b) return a < b end\n\
                     local a = setmetatable({}, mt)\nreturn a < a";
    fails_with(comparing, &["t:1: in metamethod 'lt'", "t:3: in main chunk"]);
    fails_with(
        "local function f() return tostring(setmetatable({}, {__tostring = f})) end\n\
         local function g(n) table.sort({3, 2, 1}, function() g(n + 1) end) end\ng(1)",
        &["[C]: in function 'table.sort'"],
    );
    fails_with(
        "local s = ('('):rep(250) local f = load('return ' .. s)\nf()",
        &["t:2: in main chunk"],
    );
    // An open list of values that leaves no room where the count hook is called.
    for n in [999_969, 999_970, 999_985, 999_986] {
        let source = format!(
            "local t = {{}}\nlocal function f(...)\n return ...\nend\nlocal function g()\n local n = 1\n return f(\n  n,\n  table.unpack(\n   t, 1, {n}))\nend\nlocal x = g()\nerror(x)"
        );
        fails_with(&source, &["t:"]);
    }
    // Errors near the end of the C stack, some of them in the handler.
    for depth in 190..199 {
        let source = format!(
            "local function g(n) if n == 0 then error({{}}) end table.sort({{3, 2, 1}}, function() g(n - 1) end) end\ng({depth})"
        );
        fails_with(&source, &["[C]: in function 'table.sort'"]);
    }
}

/// Limits are no errors of the program.
#[test]
fn a_limited_run_has_no_traceback() {
    let endless = "local function f() while true do end end f()";
    let large = "local t = {} for i = 1, 1 << 40 do t[i] = ('x'):rep(1 << 20) .. i end";
    for source in [endless, large] {
        let options = Options { memory: 32 << 20, ..options() };
        let program = Program::new(source.as_bytes(), "=t", options);
        for ending in [
            Reference.run(&program, Unwatched).0.ending,
            Interpreter.run(&program, Unwatched).0.ending,
            Jit::new(config()).lead(&program, Traces(0)).0.ending,
        ] {
            assert!(matches!(ending, Ending::Limited(_)), "{source}: {ending:?}");
        }
    }
}
