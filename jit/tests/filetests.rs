//! Data-driven tests of the optimisation passes: `filetests/opt/<pass>/*.ir`.
//!
//! A file holds an input trace, what the pass makes of it, and runs:
//!
//! ```text
//! ; what the file shows
//! ; let @t = table [1, 2]
//! trace ...
//! ; run: s0=5 s1=@t
//! ; expect
//! trace ...
//! ```
//!
//! `; let` lines define objects (see `plumb_jit::ir::fake`), `; run:` lines give entry slots. The
//! input is verified, the pass named by the directory is applied (`pipeline` applies all), and its
//! output is verified against the input and compared with the text after `; expect`; `BLESS=1`
//! writes that text. Each run executes both traces to an exit and compares clock, exit and memory.
//! `; end: s0=5` after a `; run:` line states the slots that must come out, after as many iterations as it
//! takes until a guard fails: a slot that is read and written goes through all of them.

use plumb_jit::heap::value::Tag;
use plumb_jit::ir::eval::TraceMemory;
use plumb_jit::ir::fake::{FakeMemory, parse_word, run_to_exit};
use plumb_jit::ir::parse::parse_with;
use plumb_jit::ir::print::{Symbols, print_with};
use plumb_jit::ir::trace::{Slot, Trace};
use plumb_jit::ir::verify::{verify, verify_pass};
use plumb_jit::opt::{self, Options};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("filetests/opt");
    let mut files = Vec::new();
    for directory in entries(&root) {
        files.extend(
            entries(&directory).into_iter().filter(|f| f.extension().is_some_and(|e| e == "ir")),
        );
    }
    assert!(!files.is_empty(), "no filetests under {}", root.display());
    let failures: Vec<String> = files.iter().filter_map(|file| check(file).err()).collect();
    assert!(
        failures.is_empty(),
        "{} of {} files:\n\n{}",
        failures.len(),
        files.len(),
        failures.join("\n")
    );
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut paths: Vec<PathBuf> = read.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn check(file: &Path) -> Result<(), String> {
    let fail = |what: String| Err(format!("{}: {what}", file.display()));
    let text = fs::read_to_string(file).unwrap();
    let (given, expected) = text.split_once("; expect\n").unwrap_or((&text, ""));
    let case = match Case::parse(given) {
        Ok(case) => case,
        Err(error) => return fail(error),
    };
    let violations = verify(&case.input);
    if !violations.is_empty() {
        return fail(format!("the input is not valid: {}", violations[0]));
    }
    let pass = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let output = apply(pass, &case.input);
    if let Some(violation) = verify(&output).iter().chain(&verify_pass(&case.input, &output)).next()
    {
        return fail(format!("the output is not valid: {violation}\n{output}"));
    }
    for run in &case.runs {
        if let Err(difference) = case.compare(run, &output) {
            return fail(format!("`; run: {}`: {difference}", run.slots));
        }
    }
    let found = print_with(&output, &case.symbols);
    if std::env::var_os("BLESS").is_some() {
        fs::write(file, format!("{given}; expect\n{found}")).unwrap();
    } else if found != expected {
        return fail(format!("expected\n{expected}\nfound\n{found}"));
    }
    Ok(())
}

fn apply(pass: &str, input: &Trace) -> Trace {
    if pass == "pipeline" {
        return opt::run_pipeline(input, &Options::default(), &mut |_| {});
    }
    opt::run_pass(pass, input).unwrap_or_else(|| panic!("no pass is called {pass}"))
}

struct Case {
    input: Trace,
    symbols: Symbols,
    memory: FakeMemory,
    runs: Vec<Run>,
}

/// Slots with tag and payload.
type Slots = Vec<(Slot, (Tag, u64))>;

struct Run {
    slots: String,
    end: Option<String>,
}

impl Case {
    fn parse(text: &str) -> Result<Case, String> {
        let (mut symbols, mut memory) = (Symbols::default(), FakeMemory::new());
        let mut runs: Vec<Run> = Vec::new();
        for line in text.lines() {
            if let Some(definition) = line.strip_prefix("; let ") {
                memory.define(definition, &mut symbols)?;
            } else if let Some(slots) = line.strip_prefix("; run:") {
                runs.push(Run { slots: slots.trim().to_owned(), end: None });
            } else if let Some(end) = line.strip_prefix("; end:") {
                let run = runs.last_mut().ok_or("`; end:` follows a `; run:`")?;
                run.end = Some(end.trim().to_owned());
            }
        }
        if runs.is_empty() {
            return Err("no `; run:` line".to_owned());
        }
        let input = parse_with(text, &symbols).map_err(|error| error.to_string())?;
        Ok(Case { input, symbols, memory, runs })
    }

    fn slots(&self, text: &str) -> Result<Slots, String> {
        let pairs = text.split_whitespace().map(|pair| {
            let (slot, word) = pair.split_once('=').ok_or(format!("no `=` in `{pair}`"))?;
            let slot = slot.trim_start_matches('s').parse().map_err(|_| format!("`{pair}`"))?;
            Ok((slot, parse_word(word, &self.symbols)?))
        });
        pairs.collect()
    }

    fn compare(&self, run: &Run, output: &Trace) -> Result<(), String> {
        let slots = self.slots(&run.slots)?;
        let start = || {
            let mut memory = self.memory.clone();
            slots.iter().for_each(|&(slot, word)| memory.set_slot(slot, word));
            memory
        };
        let before = run_to_exit(&self.input, start())?;
        let after = run_to_exit(output, start())?;
        if before != after {
            return Err(format!("before {before:?}\nafter {after:?}"));
        }
        for (slot, word) in self.slots(run.end.as_deref().unwrap_or(""))? {
            let found = before.memory.clone().slot(slot);
            if found != word {
                return Err(format!("slot {slot} ends as {found:?}, not {word:?}"));
            }
        }
        Ok(())
    }
}
