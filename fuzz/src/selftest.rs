//! Whether the harness can tell right from wrong, asked at the start of each sweep.
//!
//! In:  an executor.
//! Out: nothing, or what the harness failed at: five programs (`fuzz/selftest/`) must agree, and the same
//!      five, each with a fault planted, must diverge. It takes some milliseconds.

use crate::faults;
use crate::generate::CaseConfig;
use crate::harness::{Answer, Job, judge};
use plumb_jit::trace::config::ExecutorKind;
use plumb_jit::trace::tap::TapRef;

/// A program, and a fault under which it must diverge.
pub struct Probe {
    pub name: &'static str,
    pub source: &'static str,
    pub fault: &'static str,
}

macro_rules! probes {
    ($($name:literal under $fault:literal,)*) => {
        &[$(Probe {
            name: $name,
            source: include_str!(concat!("../selftest/", $name, ".lua")),
            fault: $fault,
        }),*]
    };
}

/// One a kind of stage: a pass, restoring, a snapshot, the recorder, the backend (last: see [`run`]'s
/// callers that have no machine code).
pub const PROBES: &[Probe] = probes! {
    "sum" under "eight.move-alias",
    "float" under "eight.integer-tag",
    "call" under "snapshot.omits",
    "branch" under "restore.exit-at-head",
    "array" under "lower.multiply-subtract",
};

/// Fuel for programs of a few hundred instructions.
const FUEL: u64 = 100_000;

/// Runs the probes, plain and planted.
pub fn run(probes: &[Probe], executor: ExecutorKind) -> Result<(), String> {
    for probe in probes {
        let fault = faults::find(probe.fault)
            .ok_or_else(|| format!("no fault is called `{}`", probe.fault))?;
        match ask(probe, executor, None) {
            Answer::Agree(compared) if compared.trace_entries > 0 => {}
            Answer::Agree(_) => return Err(format!("`{}` entered no trace", probe.name)),
            Answer::Found(finding) => {
                let signature = finding.signature();
                return Err(format!("`{}` is right and was found wrong: {signature}", probe.name));
            }
            Answer::Inconclusive(reason) => {
                return Err(format!("`{}` was not decided: {reason}", probe.name));
            }
        }
        if !matches!(ask(probe, executor, Some(fault.tap())), Answer::Found(_)) {
            let (name, fault) = (probe.name, fault.name);
            return Err(format!("`{name}` with the fault `{fault}` was not found wrong"));
        }
    }
    Ok(())
}

fn ask(probe: &Probe, executor: ExecutorKind, tap: Option<TapRef>) -> Answer {
    let job = Job {
        source: probe.source.as_bytes(),
        chunk_name: "=selftest",
        config: CaseConfig { hot_loop: 5, ..CaseConfig::default() },
        executor,
        tap,
        check: false,
        thorough: false,
        fuel: FUEL,
    };
    judge(&job).answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_passes() {
        for executor in [ExecutorKind::Eval, ExecutorKind::Simulator] {
            let plain = |probe: &&Probe| !probe.fault.starts_with("lower.");
            let code = executor != ExecutorKind::Eval;
            for probe in PROBES.iter().filter(|probe| code || plain(probe)) {
                assert_eq!(run(std::slice::from_ref(probe), executor), Ok(()), "{executor:?}");
            }
        }
    }

    #[test]
    fn a_harness_that_finds_nothing_is_told() {
        // A fault that cannot touch this program stands for a comparison that sees nothing.
        let blind = Probe { name: "sum", source: PROBES[0].source, fault: "fold.shift-count" };
        let told = run(&[blind], ExecutorKind::Simulator).unwrap_err();
        assert!(told.contains("was not found wrong"), "{told}");
    }

    #[test]
    fn a_harness_that_proves_nothing_is_told() {
        let untraced = Probe { name: "none", source: "print(1)", fault: "eight.move-alias" };
        let told = run(&[untraced], ExecutorKind::Simulator).unwrap_err();
        assert!(told.contains("entered no trace"), "{told}");
        let endless = Probe { name: "endless", source: "while true do end", fault: "eight.reload" };
        let told = run(&[endless], ExecutorKind::Simulator).unwrap_err();
        assert!(told.contains("was not decided"), "{told}");
    }
}
