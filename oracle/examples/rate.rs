//! How many programs a second the oracle compares, on one core.
//!
//! `cargo run --release -p plumb-oracle --example rate [FILE.lua]`: one program, compiled, run and compared
//! again and again: under the reference alone, under the interpreter alone, with both in lockstep at
//! pseudo-random clocks, and with the JIT leading both (loops hot after two arrivals, checks on).

use plumb_jit::trace::config::{ExecutorKind, JitConfig};
use plumb_oracle::check::{check_interpreter, check_jit};
use plumb_oracle::engine::{Ending, Engine, Options, Outcome, Program, Unwatched};
use plumb_oracle::ours::Interpreter;
use plumb_oracle::puc::Reference;
use plumb_oracle::report;
use plumb_oracle::verdict::{Compared, Verdict};
use std::time::{Duration, Instant};

const DEFAULT: &str = "
local t = {}
for i = 1, 60 do t[i] = i * 2 end
local function sum(a, n) local s = 0.0 for i = 1, n do s = s + a[i] end return s end
local total = 0
for k = 1, 10 do
  for i = 1, 20 do if i % 3 == 0 then total = total + sum(t, 5) else t[i] = t[i] ~ k end end
end
return total
";

fn rate(name: &str, mut work: impl FnMut(u64)) {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < Duration::from_secs(2) {
        work(count);
        count += 1;
    }
    println!("{name:24} {:10.0} a second", count as f64 / start.elapsed().as_secs_f64());
}

fn main() {
    let source = match std::env::args().nth(1) {
        Some(path) => std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")),
        None => DEFAULT.into(),
    };
    let program = Program::new(&source, "=rate", Options::default());
    rate("reference alone", |_| {
        let (Outcome { ending, .. }, _) = Reference.run(&program, Unwatched);
        assert!(matches!(ending, Ending::Returned(_)), "{ending:?}");
    });
    rate("interpreter alone", |_| {
        let (Outcome { ending, .. }, _) = Interpreter.run(&program, Unwatched);
        assert!(matches!(ending, Ending::Returned(_)), "{ending:?}");
    });
    let mut total = Compared::default();
    let mut programs = 0;
    let mut count = |verdict| {
        let Verdict::Agree(compared) = verdict else { panic!("{verdict:?}") };
        total += compared;
        programs += 1;
    };
    let options = Options::default();
    rate("interpreter, reference", |seed| {
        count(check_interpreter(&source, "=rate", seed, &options));
    });
    for executor in [ExecutorKind::Eval, ExecutorKind::Simulator] {
        let config = JitConfig { hot_loop: 2, executor, check: true, ..JitConfig::default() };
        rate(&format!("all three, {}", executor.name()), |_| {
            count(check_jit(&source, "=rate", &config, &options).0);
        });
    }
    println!("{programs} programs: {}", report::compared(&total));
}
