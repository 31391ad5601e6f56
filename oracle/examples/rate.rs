//! How many programs a second the oracle compares, on one core.
//!
//! `cargo run --release -p plumb-oracle --example rate [FILE.lua]`: the time of one program under the
//! reference alone, and of the reference in lockstep with itself at pseudo-random clocks, which is the
//! oracle's own cost without that of our engines.

use plumb_oracle::engine::{
    Ending, Engine, Next, Options, Outcome, Program, RandomClocks, Watcher,
};
use plumb_oracle::lockstep::{Select, two_way};
use plumb_oracle::puc::Reference;
use plumb_oracle::{canon::State, event::Clock, verdict::Verdict};
use std::rc::Rc;
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

struct Nobody;

impl Watcher for Nobody {
    fn first(&mut self) -> Option<Clock> {
        None
    }
    fn at<S: State>(&mut self, _: Clock, _: &S) -> Next {
        Next::Never
    }
    fn end<S: State>(&mut self, _: &S, _: &Ending<S::Value>, _: &[u8]) {}
}

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
    let program = Rc::new(Program::new(&source, "=rate", Options::default()));
    rate("reference alone", |_| {
        let (Outcome { ending, .. }, _) = Reference.run(&program, Nobody);
        assert!(matches!(ending, Ending::Returned(_)), "{ending:?}");
    });
    let mut checkpoints = 0;
    let mut programs = 0;
    rate("reference with itself", |seed| {
        let leader = RandomClocks { engine: &Reference, seed };
        let verdict = two_way(&program, &leader, &Reference, Select::Defined);
        let Verdict::Agree(compared) = verdict else { panic!("{verdict:?}") };
        checkpoints += compared.checkpoints;
        programs += 1;
    });
    println!("{} checkpoints a program", checkpoints / programs);
}
