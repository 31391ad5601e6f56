//! The interpreter's time against PUC's, on small loops. Prints ratios; run it with
//! `cargo test --release -p plumb-jit --test speed -- --ignored --nocapture`; the environment variable
//! `SPEED=fib` selects one program.

mod support;

use plumb_jit::heap::Value;
use std::time::{Duration, Instant};
use support::{compile, new_vm, proto_of, puc};

const PROGRAMS: &[(&str, &str)] = &[
    (
        "fib",
        "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(30)",
    ),
    (
        "mandelbrot",
        "local n, count = 200, 0
        for y = 0, n - 1 do
          local ci = 2 * y / n - 1
          for x = 0, n - 1 do
            local cr = 2 * x / n - 1.5
            local zr, zi = 0.0, 0.0
            for i = 1, 50 do zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci end
            if not (zr * zr + zi * zi > 4) then count = count + 1 end
          end
        end
        return count",
    ),
    (
        "sieve",
        "local total = 0
        for round = 1, 5 do
          local n, sieve = 200000, {}
          for i = 2, n do sieve[i] = true end
          for i = 2, n do
            if sieve[i] then
              total = total + 1
              for j = i * i, n, i do sieve[j] = false end
            end
          end
        end
        return total",
    ),
    ("sum", "local s = 0 for i = 1, 10000000 do s = s + i % 7 end return s"),
    (
        "while",
        "local i, s = 0, 0 while i < 5000000 do i = i + 1 if i % 3 == 0 then s = s + i end end return s",
    ),
    (
        "fields",
        "local p = {x = 0, y = 1} for i = 1, 3000000 do p.x = p.x + p.y p.y = p.x - p.y end return p.x",
    ),
    (
        "methods",
        "local C = {} C.__index = C function C:add(n) self.v = self.v + n return self end
        local o = setmetatable({v = 0}, C) for i = 1, 2000000 do o:add(i) end return o.v",
    ),
    (
        "closures",
        "local s = 0 for i = 1, 1000000 do local f = function(x) return x + i end s = s + f(1) end return s",
    ),
    (
        "tables",
        "local s = 0 for i = 1, 1000000 do local t = {i, i + 1, x = i} s = s + t[1] + t.x end return s",
    ),
    (
        "concat",
        "local n = 0 for i = 1, 500000 do local s = 'a' .. i .. 'b' n = n + #s end return n",
    ),
    (
        "iterate",
        "local t = {} for i = 1, 1000 do t[i] = i end local s = 0
        for r = 1, 1000 do for k, v in next, t do s = s + v end end return s",
    ),
    (
        "natives",
        "local s, type = 0, type for i = 1, 2000000 do if type(i) == 'number' then s = s + 1 end end return s",
    ),
    (
        "ping-pong",
        "local co = coroutine.wrap(function(a) while true do a = coroutine.yield(a + 1) end end)
        local s = 0 for i = 1, 1000000 do s = s + co(i) end return s",
    ),
    (
        "resume",
        "local resume, yield = coroutine.resume, coroutine.yield
        local co = coroutine.create(function(a) while true do a = yield(a + 1) end end)
        local s = 0 for i = 1, 1000000 do local _, v = resume(co, i) s = s + v end return s",
    ),
    (
        "generators",
        "local function walk(n) if n > 0 then walk(n - 1) coroutine.yield(n) walk(n - 1) end end
        local s = 0
        for r = 1, 20 do for v in coroutine.wrap(function() walk(12) end) do s = s + v end end
        return s",
    ),
    (
        "co_create",
        "local s = 0 for i = 1, 300000 do s = s + coroutine.wrap(function() return i end)() end return s",
    ),
    (
        "co_live",
        "local t = {} for i = 1, 100000 do
          local co = coroutine.wrap(function() local n = i while true do coroutine.yield(n) n = n + 1 end end)
          co() t[i] = co
        end
        local s = 0 for i = 1, 100000 do s = s + t[i]() end return s",
    ),
];

fn best(mut run: impl FnMut()) -> Duration {
    let times = (0..5).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    times.min().expect("there are runs")
}

#[test]
#[ignore = "a measurement"]
fn time_against_puc() {
    let mut logs = 0.0;
    let only = std::env::var("SPEED").ok();
    for (name, source) in PROGRAMS {
        if only.as_deref().is_some_and(|only| only != *name) {
            continue;
        }
        let (lua, _) = puc();
        let function = compile(&lua, source);
        let expected: mlua::Value = function.call(()).expect("the program ends");
        let puc_time = best(|| function.call::<()>(()).expect("the program ends"));

        let mut vm = new_vm();
        let closure = vm.load(&proto_of(&function));
        vm.heap.pinned.push(Value::from(closure));
        let results = vm.call(Value::from(closure), &[]).expect("the program ends");
        let result = vm.to_string(results[0]).expect("a number").to_text();
        assert_eq!(result, expected.to_string().expect("a number"), "{name}");
        let our_time = best(|| {
            let _ = vm.call(Value::from(closure), &[]).expect("the program ends");
        });
        let ratio = our_time.as_secs_f64() / puc_time.as_secs_f64();
        logs += ratio.ln();
        println!("{name:12} PUC {puc_time:>10.2?}  ours {our_time:>10.2?}  ratio {ratio:.2}");
    }
    println!("geometric mean {:.2}", (logs / PROGRAMS.len() as f64).exp());
}

/// A fuzzer makes a state for each program.
#[test]
#[ignore = "a measurement"]
fn time_of_a_new_state() {
    let ours = best(|| {
        for _ in 0..1000 {
            let mut vm = plumb_jit::vm::Vm::new();
            plumb_jit::stdlib::open_all(&mut vm);
        }
    });
    let puc = best(|| {
        for _ in 0..1000 {
            mlua::Lua::new();
        }
    });
    println!("a new state: PUC {:.2?}, ours {:.2?}", puc / 1000, ours / 1000);
}
