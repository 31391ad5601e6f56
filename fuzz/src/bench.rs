//! The interpreter's time against PUC's.
//!
//! In:  the programs of `fuzz/programs/bench`, each a chunk that returns its result.
//! Out: [`Row`]s: the best wall time of each engine and their ratio.
//!
//! Both engines run in one process, by turns, so that what else the machine does hits both alike; the
//! best of several runs is taken because disturbance only ever adds time. Compiling and opening
//! libraries are not counted. No time is given for a program on which the engines disagree.
//!
//! Limits: wall time on a busy machine varies by some per cent between invocations; compare ratios of
//! one invocation only.

use anyhow::{anyhow, bail};
use plumb_jit::bytecode;
use plumb_jit::heap::Value;
use plumb_jit::vm::Vm;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

macro_rules! programs {
    ($($name:literal),* $(,)?) => {
        /// Name and source, in the order of the table.
        pub const PROGRAMS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../programs/bench/", $name, ".lua")))),*];
    };
}

programs! {
    "mandelbrot", "fib", "sieve", "spectral_norm", "ackermann", "nbody", "fannkuch", "binary_trees",
    "nqueens", "matmul", "strings", "string_keys", "closures", "methods", "sort", "coroutines", "gsub",
}

/// One program's figures.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub program: &'static str,
    pub reference_seconds: f64,
    pub interpreter_seconds: f64,
    /// Ours / reference: less is better.
    pub ratio: f64,
    pub result: String,
}

/// Measures one program. Each engine runs at least `rounds` times, and until `time` was spent.
pub fn measure(
    (program, source): (&'static str, &str),
    rounds: u32,
    time: Duration,
) -> anyhow::Result<Row> {
    let lua = mlua::Lua::new();
    let chunk_name = format!("={program}");
    let theirs = lua.load(source).set_name(&chunk_name).into_function();
    let theirs = theirs.map_err(|e| anyhow!("reference Lua refuses `{program}`: {e}"))?;

    let proto = bytecode::load(source.as_bytes(), chunk_name.as_bytes(), "t", 0);
    let proto = proto.map_err(|error| anyhow!("`{program}` is refused: {error}"))?;
    let mut vm = Vm::new();
    plumb_jit::stdlib::open_all(&mut vm);
    let ours = Value::from(vm.load(&Arc::new(proto)));
    vm.heap.pinned.push(ours);

    let (mut best_theirs, mut best_ours) = (Duration::MAX, Duration::MAX);
    let mut agreed = String::new();
    let (start, mut round) = (Instant::now(), 0);
    while round < rounds || start.elapsed() < time {
        round += 1;
        let begin = Instant::now();
        let value: mlua::Value =
            theirs.call(()).map_err(|e| anyhow!("reference Lua fails on `{program}`: {e}"))?;
        best_theirs = best_theirs.min(begin.elapsed());
        let expected = value.to_string().map_err(|e| anyhow!("`{program}`: {e}"))?;

        let begin = Instant::now();
        let values = vm.call(ours, &[]);
        best_ours = best_ours.min(begin.elapsed());
        let values = values.map_err(|e| anyhow!("`{program}` fails: {}", e.text()))?;
        let first = values.first().copied().unwrap_or(Value::NIL);
        let result = match vm.to_string(first) {
            Ok(text) => text.to_text().to_string(),
            Err(error) => bail!("`{program}`: its result has no text: {}", error.text()),
        };
        if result != expected {
            bail!(
                "`{program}`: the engines disagree: {result}, reference {expected}; no time is given"
            );
        }
        agreed = expected;
    }
    let (theirs, ours) = (best_theirs.as_secs_f64(), best_ours.as_secs_f64());
    Ok(Row {
        program,
        reference_seconds: theirs,
        interpreter_seconds: ours,
        ratio: ours / theirs,
        result: agreed,
    })
}

/// The geometric mean of the ratios.
pub fn geometric_mean(rows: &[Row]) -> f64 {
    (rows.iter().map(|row| row.ratio.ln()).sum::<f64>() / rows.len().max(1) as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The results that independent sources give for these programs.
    #[test]
    fn programs_compute_what_is_known() {
        let known = [
            ("fib", "196418"),
            ("sieve", "17984"),
            ("spectral_norm", "1.274219991"),
            ("ackermann", "509"),
            ("fannkuch", "1616 22"),
            ("nqueens", "552"),
        ];
        for (name, expected) in known {
            let program = *PROGRAMS.iter().find(|(program, _)| *program == name).unwrap();
            assert_eq!(measure(program, 1, Duration::ZERO).unwrap().result, expected, "{name}");
        }
    }

    #[test]
    fn no_time_for_wrong_results() {
        let odd = "return tostring({})";
        let error = measure(("odd", odd), 1, Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains("disagree"), "{error}");
    }
}
