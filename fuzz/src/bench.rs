//! The interpreter's time against PUC's.
//!
//! In:  the programs of `fuzz/programs/bench`, each a chunk that returns its result.
//! Out: [`Row`]s: the best wall time of each engine and their ratio.
//!
//! Both engines run in one process, by turns, so that what else the machine does hits both alike; the
//! best of several runs is taken because disturbance only ever adds time. Compiling and opening
//! libraries are not counted. The results of every run are compared; no time is given for a program on
//! which the engines disagree.
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

/// The programs of these names, in their order; without names, all.
pub fn choose(names: &[String]) -> anyhow::Result<Vec<(&'static str, &'static str)>> {
    if names.is_empty() {
        return Ok(PROGRAMS.to_vec());
    }
    let find = |name: &String| PROGRAMS.iter().find(|(program, _)| program == name).copied();
    let unknown = |name| {
        let known: Vec<&str> = PROGRAMS.iter().map(|(program, _)| *program).collect();
        anyhow!("no program is called `{name}`; there are: {}", known.join(", "))
    };
    names.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
}

/// Measures one program, `repeats` times on each engine; calls `after_repeat` in between.
pub fn measure(
    (program, source): (&'static str, &str),
    repeats: u32,
    after_repeat: &dyn Fn(),
) -> anyhow::Result<Row> {
    let mut reference = Reference::new(program, source)?;
    let mut interpreter = Interpreter::new(program, source)?;
    let (mut best_theirs, mut best_ours) = (Duration::MAX, Duration::MAX);
    let mut agreed = String::new();
    for _ in 0..repeats.max(1) {
        let (theirs, expected) = reference.run()?;
        let (ours, result) = interpreter.run()?;
        if result != expected {
            bail!(
                "`{program}`: the engines disagree: {result}, reference {expected}; no time is given"
            );
        }
        (best_theirs, best_ours) = (best_theirs.min(theirs), best_ours.min(ours));
        agreed = expected;
        after_repeat();
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

/// PUC Lua, a program loaded.
struct Reference {
    program: &'static str,
    function: mlua::Function,
    /// Its handles do not keep a state alive.
    _lua: mlua::Lua,
}

impl Reference {
    fn new(program: &'static str, source: &str) -> anyhow::Result<Reference> {
        let lua = mlua::Lua::new();
        let function = lua.load(source).set_name(format!("={program}")).into_function();
        let function =
            function.map_err(|error| anyhow!("reference Lua refuses `{program}`: {error}"))?;
        Ok(Reference { program, function, _lua: lua })
    }

    /// The time of one run, and its result as text with its type.
    fn run(&mut self) -> anyhow::Result<(Duration, String)> {
        let begin = Instant::now();
        let value = self.function.call::<mlua::Value>(());
        let time = begin.elapsed();
        let text = value.and_then(|value| {
            let kind = match value {
                mlua::Value::Integer(_) => "integer",
                mlua::Value::Number(_) => "float",
                _ => value.type_name(),
            };
            Ok(format!("{} ({kind})", value.to_string()?))
        });
        let text =
            text.map_err(|error| anyhow!("reference Lua fails on `{}`: {error}", self.program))?;
        Ok((time, text))
    }
}

/// Our interpreter, a program loaded.
struct Interpreter {
    program: &'static str,
    vm: Vm,
    function: Value,
}

impl Interpreter {
    fn new(program: &'static str, source: &str) -> anyhow::Result<Interpreter> {
        let proto = bytecode::load(source.as_bytes(), format!("={program}").as_bytes(), "t", 0);
        let proto = proto.map_err(|error| anyhow!("`{program}` is refused: {error}"))?;
        let mut vm = Vm::new();
        plumb_jit::stdlib::open_all(&mut vm);
        let function = Value::from(vm.load(&Arc::new(proto)));
        vm.heap.pinned.push(function);
        Ok(Interpreter { program, vm, function })
    }

    /// The time of one run, and its result as text with its type.
    fn run(&mut self) -> anyhow::Result<(Duration, String)> {
        let begin = Instant::now();
        let values = self.vm.call(self.function, &[]);
        let time = begin.elapsed();
        let text = values.and_then(|values| {
            let value = values.first().copied().unwrap_or(Value::NIL);
            let kind = match (value.as_int(), value.as_float()) {
                (Some(_), _) => "integer",
                (_, Some(_)) => "float",
                _ => value.type_name(),
            };
            Ok(format!("{} ({kind})", self.vm.to_string(value)?.to_text()))
        });
        let text = text.map_err(|error| anyhow!("`{}` fails: {}", self.program, error.text()))?;
        Ok((time, text))
    }
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
            ("fib", "196418 (integer)"),
            ("sieve", "17984 (integer)"),
            ("spectral_norm", "1.274219991 (string)"),
            ("ackermann", "509 (integer)"),
            ("fannkuch", "1616 22 (string)"),
            ("nqueens", "552 (integer)"),
        ];
        for (name, expected) in known {
            let program = *PROGRAMS.iter().find(|(program, _)| *program == name).unwrap();
            assert_eq!(measure(program, 1, &|| ()).unwrap().result, expected, "{name}");
        }
    }

    /// What the engines differ in on purpose shows that they are compared: addresses; and the reference
    /// here has no debug library, from which a result is made that differs in its type alone.
    #[test]
    fn no_time_for_results_that_differ() {
        for source in ["return tostring({})", "return debug and 1 or 1.0"] {
            let error = measure(("odd", source), 1, &|| ()).unwrap_err().to_string();
            assert!(error.contains("disagree"), "{source}: {error}");
        }
    }

    #[test]
    fn unknown_programs_are_answered_with_the_known() {
        let error = choose(&["fob".into()]).unwrap_err().to_string();
        assert!(error.contains("`fob`") && error.contains("mandelbrot, fib, sieve"), "{error}");
        assert_eq!(choose(&["fib".into()]).unwrap()[0].0, "fib");
    }
}
