//! Compares files on all engines: `cargo run --release -p plumb-oracle --example check FILE.lua...`.
//! Fuel is a billion instructions; loops are hot after the default number of arrivals.

use plumb_jit::trace::config::JitConfig;
use plumb_oracle::check::check_jit;
use plumb_oracle::engine::Options;
use plumb_oracle::report;
use plumb_oracle::verdict::Verdict;
use std::time::Instant;

fn main() {
    let options = Options { fuel: 1_000_000_000, memory: 2 << 30, ..Options::default() };
    for path in std::env::args().skip(1) {
        let source = match std::fs::read(&path) {
            Ok(source) => source,
            Err(error) => {
                eprintln!("{path}: {error}");
                continue;
            }
        };
        let start = Instant::now();
        let (verdict, stats) =
            check_jit(&source, &format!("@{path}"), &JitConfig::default(), &options);
        let seconds = start.elapsed().as_secs_f64();
        match verdict {
            Verdict::Agree(compared) => {
                println!("{path}: {} ({seconds:.2} s)", report::compared(&compared))
            }
            Verdict::Inconclusive(reason) => {
                println!("{path}: inconclusive: {reason} ({seconds:.2} s)")
            }
            Verdict::Diverge(found) => {
                println!("{path}\n{}", report::divergence(&found, &source, None))
            }
        }
        println!("  {stats:?}");
    }
}
