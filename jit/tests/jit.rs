//! The JIT on small programs: same output as the interpreter, traces really entered.

use plumb_jit::bytecode;
use plumb_jit::heap::{Stress, StressAction, Value};
use plumb_jit::trace::abort::Abort;
use plumb_jit::trace::config::{ExecutorKind, ForcedExit, JitConfig};
use plumb_jit::trace::manager::Jit;
use plumb_jit::trace::stats::JitStats;
use plumb_jit::vm::Vm;
use std::num::NonZeroU32;
use std::sync::Arc;

fn run(source: &str, executor: Option<ExecutorKind>) -> (String, u64, JitStats) {
    let plain = JitConfig { hot_loop: 5, check: true, ..JitConfig::default() };
    run_with(source, executor.map(|executor| JitConfig { executor, ..plain }))
}

fn run_with(source: &str, config: Option<JitConfig>) -> (String, u64, JitStats) {
    let proto = bytecode::load(source.as_bytes(), b"=test", "t", 0).expect("valid Lua");
    let mut vm = Vm::new();
    plumb_jit::stdlib::open_all(&mut vm);
    if let Some(config) = config {
        Jit::new(config, Box::new(())).install(&mut vm);
    }
    let main = Value::from(vm.load(&Arc::new(proto)));
    if let Err(error) = vm.call(main, &[]) {
        vm.output.extend_from_slice(error.text().as_bytes());
    }
    let output = String::from_utf8_lossy(&vm.output).into_owned();
    let clock = vm.clock();
    let stats = Jit::take(&mut vm).map(|jit| jit.stats()).unwrap_or_default();
    (output, clock, stats)
}

fn check(source: &str) {
    let (expected, clock, _) = run(source, None);
    for executor in [ExecutorKind::Eval, ExecutorKind::Simulator] {
        let (output, jit_clock, stats) = run(source, Some(executor));
        assert_eq!(output, expected, "{executor:?}\n{source}\n{stats:?}");
        assert_eq!(jit_clock, clock, "clock under {executor:?}\n{source}");
        assert!(stats.entries > 0 && stats.loop_arrivals > 0, "{executor:?}\n{source}\n{stats:?}");
    }
}

#[test]
fn integer_for_loop() {
    check("local s = 0 for i = 1, 1000 do s = s + i end print(s)");
}
#[test]
fn float_loop_and_constants() {
    check("local x = 0.0 for i = 1, 100 do x = x * 0.5 + i - 0.25 end print(x)");
}
#[test]
fn while_and_repeat() {
    check("local n, s = 0, 0 while n < 100 do n = n + 1 s = s + n * 2 end print(n, s)");
    check("local n, s = 0, 0 repeat n = n + 1 s = s ~ n until n >= 100 print(n, s)");
}
#[test]
fn arrays() {
    check(
        "local t = {} for i = 1, 100 do t[i] = i * 2 end local s = 0 for i = 1, 100 do s = s + t[i] end print(s, #t)",
    );
}
#[test]
fn fields_and_globals() {
    check(
        "local p = {x = 1, y = 2.5} n = 0 for i = 1, 100 do p.x = p.x + i p.y = p.y * 0.5 n = n + 1 end print(p.x, p.y, n)",
    );
}
#[test]
fn inlined_calls_and_upvalues() {
    check(
        "local k = 0 local function f(a, b) k = k + a return a + b end local s = 0 for i = 1, 100 do s = f(s, i) end print(s, k)",
    );
    check(
        "local function g(a) if a > 50 then return a * 2 end return a end local s = 0 for i = 1, 100 do s = s + g(i) end print(s)",
    );
}
#[test]
fn nested_loops() {
    check("local s = 0 for i = 1, 20 do for j = 1, 30 do s = s + i * j end end print(s)");
}
#[test]
fn type_change_leaves_the_trace() {
    check("local x = 0 for i = 1, 100 do if i == 50 then x = 0.5 end x = x + 1 end print(x)");
}
#[test]
fn library_functions() {
    check(
        "local s = 0 for i = 1, 200 do s = s + math.floor(i / 3) + math.max(i, 7) - math.min(i, 9) + math.abs(-i) end print(s)",
    );
    check("local s = 0.0 for i = 1, 200 do s = s + math.sqrt(i) end print(s)");
}
#[test]
fn error_inside_a_loop() {
    check(
        "local function f() local s = 0 for i = 1, 100 do if i == 80 then s = s + nil end s = s + i end end print(pcall(f))",
    );
}
#[test]
fn integer_keys_in_the_hash_part() {
    check(
        "local t = {[1000] = 1} local s = 0 for i = 1, 100 do s = s + (t[2000] or 3) + t[1000] t[1000] = i end print(s)",
    );
}
#[test]
fn rounding_beyond_the_integers() {
    check(
        "local s = 0 for i = 1, 100 do s = s + math.floor(1e300 * i) / 1e300 + math.max(i, 50.5) end print(s)",
    );
    check(
        "local n, m = 0, math.maxinteger for i = 1, 100 do if m - i > 9.2e18 then n = n + 1 end end print(n)",
    );
}
#[test]
fn open_lists_of_results() {
    check(
        "local function g(a) return a, a + 1 end local function f(a, b) return a * b end local s = 0 for i = 1, 100 do s = s + f(g(i)) end print(s)",
    );
    check(
        "local function g(a) if a > 70 then a = a + 0.5 end return a end local s = 0 for i = 1, 100 do s = math.max(s, g(i)) end print(s)",
    );
    check(
        "local function g(a) return a, 2 end local function h(a) return 7, g(a) end local s, x, y, z = 0 for i = 1, 100 do x, y, z = h(i) s = s + x * y - z end print(s)",
    );
    check(
        "local k = 1 local function f(a) return a + k end local function g(a) if a == 60 then k = 0.5 end return a end local s = 0 for i = 1, 100 do s = s + f(g(i)) end print(s)",
    );
}

/// Guards of types, bounds, a count-down, an inlined call and an upvalue.
const GUARDED: &str = "local t, up = {}, 0 local function f(x) up = up + x return x * 2 end \
    for i = 1, 60 do t[i] = f(i) + up if i % 7 == 0 then up = up // 2 end end \
    local s = 0.5 for i = 60, 1, -1 do s = s + t[i] end print(s, up, #t)";

#[test]
fn any_guard_may_leave_at_any_time() {
    let (expected, clock, _) = run(GUARDED, None);
    for executor in [
        ExecutorKind::Eval,
        ExecutorKind::Mach,
        ExecutorKind::Allocated,
        ExecutorKind::Simulator,
        ExecutorKind::host_default(),
    ] {
        let mut taken = 0;
        for (trace, guard, nth) in
            (0..2).flat_map(|t| (0..40).flat_map(move |g| [1, 2, 9].map(|n| (t, g, n))))
        {
            let forced_exit = Some(ForcedExit { trace, guard, nth });
            let config = JitConfig {
                hot_loop: 5,
                check: true,
                executor,
                forced_exit,
                ..JitConfig::default()
            };
            let (output, jit_clock, stats) = run_with(GUARDED, Some(config));
            assert_eq!(output, expected, "{executor:?} {forced_exit:?}");
            assert_eq!(jit_clock, clock, "{executor:?} {forced_exit:?}");
            taken += stats.forced_exits;
        }
        assert!(taken > 100, "{executor:?}: only {taken} exits were forced");
    }
}

#[test]
fn traces_are_dropped_and_made_again() {
    let (expected, clock, plain) = run(GUARDED, Some(ExecutorKind::Simulator));
    for flush_at in 1..=2 {
        for executor in [ExecutorKind::Eval, ExecutorKind::Simulator] {
            let config = JitConfig {
                hot_loop: 5,
                check: true,
                executor,
                flush_at: Some(flush_at),
                stress: Some(Stress::always(StressAction::Full)),
                ..JitConfig::default()
            };
            let (output, jit_clock, stats) = run_with(GUARDED, Some(config));
            assert_eq!((output, jit_clock), (expected.clone(), clock), "{executor:?}");
            assert_eq!(stats.flushes, 1, "{executor:?}");
            assert!(stats.compiled >= plain.compiled, "{stats:?}");
        }
    }
}

#[test]
fn loops_inside_coroutines() {
    // Traced in a coroutine, on a stack that has moved, and entered again by other coroutines.
    check(
        "local function work(n) local s = 0 for i = 1, n do s = s + i end return s end
        local function deep(d, n) if d == 0 then return work(n) end return (deep(d - 1, n)) end
        for d = 0, 60, 20 do
          local co = coroutine.wrap(function(n) while n do n = coroutine.yield(deep(d, n)) end end)
          print(co(100), co(200), work(50))
        end",
    );
    // A loop that yields, around and inside loops that do not.
    check(
        "local co = coroutine.wrap(function()
          for i = 1, 30 do
            local s = 0
            for j = 1, 40 do s = s + i * j end
            coroutine.yield(s)
          end
        end)
        local total = 0
        for i = 1, 30 do
          total = total + co()
          for j = 1, 20 do total = total ~ j end
        end
        print(total)",
    );
    // Upvalues on another thread's stack.
    check(
        "local n = 0
        local co = coroutine.wrap(function()
          local own = 0
          local function add() for i = 1, 50 do own = own + 1 n = n + own end end
          while true do add() coroutine.yield(own) end
        end)
        for i = 1, 5 do print(co(), n) end
        for i = 1, 100 do n = n + 1 end
        print(n)",
    );
}

/// Variables on the stacks of other threads, which close, move, end and are collected between runs. That
/// the script prints what PUC prints is a test of the language's; here it is traced, and no recording
/// declines a captured variable.
#[test]
fn variables_of_other_threads() {
    let script = include_str!("lua/language/captured_elsewhere.lua");
    check(script);
    let (expected, ..) = run(script, None);
    let step = StressAction::Step(NonZeroU32::MIN.saturating_add(30));
    for action in [StressAction::Full, step, StressAction::Minor] {
        let stress = Some(Stress::always(action));
        let config = JitConfig { hot_loop: 5, check: true, stress, ..JitConfig::default() };
        let (output, _, stats) = run_with(script, Some(config));
        assert_eq!(output, expected, "{action:?}");
        assert!(!stats.aborts.contains_key(&Abort::UpvalueAlias), "{stats:?}");
    }
}

#[test]
fn loops_and_variables_to_be_closed() {
    check(
        "local closed = 0
        local mt = {__close = function(t) for i = 1, t.n do closed = closed + i end end}
        for i = 1, 60 do
          local c <close> = setmetatable({n = i}, mt)
          local s = 0
          for j = 1, 30 do s = s + j end
          if i % 7 == 0 then goto next end
          closed = closed + s
          ::next::
        end
        print(closed)",
    );
}

/// Functions that traces inline stay, whatever becomes of the closures: a trace compares addresses.
#[test]
fn traces_outlive_the_functions_they_inline() {
    check(
        "local total = 0
        local function loop(f, n) for i = 1, 60 do n = f(n, i) end return n end
        for i = 1, 120 do
          total = total + loop(load('local a, b = ... return a + b * ' .. i), i)
          total = total ~ loop(load('local function f(a, b) return a - b + ' .. i .. ' end return f')(), i)
          if i % 4 == 0 then collectgarbage() end
        end
        print(total)",
    );
}

/// Where side traces would begin: at exits that are taken as often as the knob says, each counted once.
#[test]
fn exits_become_hot_where_the_knob_says() {
    let source = "local n, m = 0, 0 for i = 1, 305 do n = n + 1 if i % 10 == 0 then m = m + 1 end end print(n, m)";
    for executor in [ExecutorKind::Eval, ExecutorKind::Simulator] {
        let stats = |hot_exit| {
            let config = JitConfig { hot_loop: 5, hot_exit, executor, ..JitConfig::default() };
            run_with(source, Some(config)).2
        };
        // `i % 10 == 0` leaves again and again; the end of the loop leaves once.
        let taken = stats(1).side_exits;
        assert!((20..=31).contains(&taken), "{taken}");
        for (hot_exit, hot) in [(1, 2), (2, 1), (taken as u16 - 1, 1), (taken as u16, 0)] {
            assert_eq!(stats(hot_exit).hot_exits, hot, "{executor:?} after {hot_exit} of {taken}");
        }
    }
}
