//! Random cases of every form: the simulator against the unicorn engine (cargo feature `unicorn`), and
//! against the processor itself (aarch64 builds, also under qemu).
//!
//! How many cases, and from which seed: `PLUMB_CASES`, `PLUMB_SEED`. The recorded vectors are drawn here
//! too, by `just vectors`.

use plumb_jit::exec::{Executor, Simulator};

use super::harness::{Bench, fall_words, loop_words};
use super::input::{self, State};
use super::rng::Rng;
use super::table::{self, Form, Subject};
use super::vectors::{Case, Group, print_case};

const NOP: u32 = 0xd503_201f;

/// Words to run, and the inputs to run them on.
pub struct Drawn {
    pub form: String,
    pub words: Vec<u32>,
    pub inputs: Vec<State>,
}

/// How much to draw.
#[derive(Clone, Copy)]
pub struct Amount {
    /// Drawn instances of a form.
    pub instances: usize,
    /// Inputs of each.
    pub inputs: usize,
    /// Percentage of operands that are edges.
    pub edges: usize,
}

/// Instances of a form with inputs: the instruction as a whole, and each of its words alone.
pub fn draw_form(form: &Form, amount: Amount, rng: &mut Rng) -> Vec<Drawn> {
    let mut drawn = Vec::new();
    for _ in 0..amount.instances {
        let subject = Subject::Step(form.draw(rng));
        drawn.extend(draw_subject(&form.name, &subject, amount, rng));
    }
    drawn
}

fn draw_subject(form: &str, subject: &Subject, amount: Amount, rng: &mut Rng) -> Vec<Drawn> {
    let (fall, looped) = (fall_words(), loop_words());
    let words = table::words(subject, &fall, &looped);
    let own = words.len() - fall.len() - looped.len();
    let mut variants = vec![words.clone()];
    if own > 1 && matches!(subject, Subject::Step(_)) {
        variants.extend((0..own).map(|kept| {
            let word = |(at, word): (usize, &u32)| if at < own && at != kept { NOP } else { *word };
            words.iter().enumerate().map(word).collect()
        }));
    }
    let mut drawn = Vec::new();
    for words in variants {
        let inputs = (0..amount.inputs).map(|_| input::draw(subject, rng, amount.edges)).collect();
        drawn.push(Drawn { form: form.into(), words, inputs });
    }
    drawn
}

/// The frame of a trace as a whole.
pub fn draw_frames(amount: Amount, rng: &mut Rng) -> Vec<Drawn> {
    let frame = |count_arrivals| Subject::Frame { count_arrivals };
    let frames = [frame(false), frame(true)];
    frames.iter().flat_map(|subject| draw_subject("frame", subject, amount, rng)).collect()
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// Runs drawn cases on the simulator and on `referee` until there were enough.
pub fn compare<E: Executor>(mut referee: Bench<E>, default_cases: u64) {
    let (cases, seed) = (number("PLUMB_CASES", default_cases), number("PLUMB_SEED", 1));
    let mut simulator = Bench::new(Simulator::new());
    let mut rng = Rng::new(seed);
    let forms = table::forms();
    let (mut done, mut wrong) = (0, Vec::new());
    while done < cases && wrong.len() < 20 {
        let edges = 10 * rng.below(11);
        let amount = Amount { instances: 1, inputs: 12, edges };
        let mut drawn = draw_frames(amount, &mut rng);
        drawn.extend(forms.iter().flat_map(|form| draw_form(form, amount, &mut rng)));
        for drawn in drawn {
            done += drawn.inputs.len() as u64;
            wrong.extend(differences(&mut simulator, &mut referee, &drawn));
        }
    }
    println!("{done} cases of {} forms on sim and {}, seed {seed}", forms.len(), referee.name());
    wrong.truncate(20);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn differences<E: Executor>(
    simulator: &mut Bench<Simulator>,
    referee: &mut Bench<E>,
    drawn: &Drawn,
) -> Vec<String> {
    let (ours, theirs) = (simulator.install(&drawn.words), referee.install(&drawn.words));
    let show = |before: &State, result: Result<_, String>| match result {
        Ok((after, way)) => print_case(&Case { before: before.clone(), after, way }),
        Err(trap) => trap,
    };
    let mut wrong = Vec::new();
    for before in &drawn.inputs {
        let (a, b) = (simulator.run(&ours, before), referee.run(&theirs, before));
        if a == b && a.is_ok() {
            continue;
        }
        let ends = (a.is_ok(), b.is_ok());
        let before = input::shrink(before, |smaller| {
            let (a, b) = (simulator.run(&ours, smaller), referee.run(&theirs, smaller));
            (a.is_ok(), b.is_ok()) == ends && (a != b || a.is_err())
        });
        let (a, b) = (simulator.run(&ours, &before), referee.run(&theirs, &before));
        let text = plumb_jit::exec::disasm::disassemble(&drawn.words).join("; ");
        let (a, b) = (show(&before, a), show(&before, b));
        let name = referee.name();
        wrong.push(format!("{}: {text}\n  sim      {a}\n  {name:<8} {b}", drawn.form));
    }
    wrong
}

/// The cases of `data/vectors.txt`, without what happened.
pub fn to_record() -> Vec<Drawn> {
    let mut rng = Rng::new(2024);
    let mut drawn = draw_frames(Amount { instances: 1, inputs: 10, edges: 70 }, &mut rng);
    for form in table::forms() {
        let conditional = ["csel", "fcsel", "b."].iter().any(|part| form.name.contains(part));
        let (instances, inputs) = if conditional { (1, 6) } else { (10, 14) };
        let amount = Amount { instances, inputs, edges: 70 };
        drawn.extend(draw_form(&form, amount, &mut rng));
    }
    drawn
}

pub fn record<E: Executor>(bench: &mut Bench<E>) -> Vec<Group> {
    let mut groups = Vec::new();
    for Drawn { form, words, inputs } in to_record() {
        let code = bench.install(&words);
        let run = |before: State| match bench.run(&code, &before) {
            Ok((after, way)) => Case { before, after, way },
            Err(trap) => panic!("{form}: {trap}"),
        };
        let cases = inputs.into_iter().map(run).collect();
        groups.push(Group { form, words, cases });
    }
    groups
}

#[cfg(feature = "unicorn")]
mod unicorn {
    use plumb_jit::exec::unicorn::Unicorn;

    use super::super::vectors::{print_group, recorded, replay};
    use super::*;

    #[test]
    fn the_simulator_and_unicorn_agree() {
        compare(Bench::new(Unicorn::new()), 20_000);
    }

    #[test]
    fn unicorn_repeats_what_is_recorded() {
        let (_, wrong) = replay(&mut Bench::new(Unicorn::new()), &recorded());
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }

    /// `just vectors`.
    #[test]
    #[ignore = "writes tests/data/vectors.txt"]
    fn write_vectors() {
        let groups = record(&mut Bench::new(Unicorn::new()));
        let cases: usize = groups.iter().map(|group| group.cases.len()).sum();
        let mut text = format!(
            "# {cases} cases, run by the unicorn engine. Written by `just vectors`; the form is described\n\
             # in tests/forms/vectors.rs.\n"
        );
        groups.iter().for_each(|group| text += &print_group(group));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vectors.txt");
        std::fs::write(path, &text).expect("the file can be written");
        println!("{cases} cases, {} bytes", text.len());
    }
}

#[cfg(all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")))]
mod native {
    use plumb_jit::exec::Native;

    use super::super::vectors::{recorded, replay};
    use super::*;

    fn bench() -> Bench<Native> {
        Bench::new(Native::new().expect("executable memory"))
    }

    #[test]
    fn the_simulator_and_the_processor_agree() {
        compare(bench(), 5_000);
    }

    #[test]
    fn the_processor_repeats_what_is_recorded() {
        let (_, wrong) = replay(&mut bench(), &recorded());
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }
}

/// The harness itself: the simulator against itself proves nothing about forms, but that inputs and
/// results go through.
#[test]
fn drawn_cases_run() {
    let mut rng = Rng::new(5);
    let mut bench = Bench::new(Simulator::new());
    let amount = Amount { instances: 1, inputs: 2, edges: 50 };
    for form in table::forms() {
        for drawn in draw_form(&form, amount, &mut rng) {
            let code = bench.install(&drawn.words);
            for before in &drawn.inputs {
                if let Err(trap) = bench.run(&code, before) {
                    let text = plumb_jit::exec::disasm::disassemble(&drawn.words).join("; ");
                    panic!("{}: {text}\n{trap}", form.name);
                }
            }
        }
    }
}
