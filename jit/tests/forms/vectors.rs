//! Recorded cases: a subject's words, an input, and what a referee saw afterwards.
//!
//! Text form, one code line followed by its cases:
//!
//! ```text
//! code add: 8b0300a1 f90057ff f9005bff
//! 4 x3=7fffffffffffffff x5=1 > 4f x1=8000000000000000
//! ```
//!
//! Before `>`: NZCV as a hexadecimal digit, and what differs from [`State::pattern`]. After it: NZCV, the
//! way control took (`f` fell through, `l` to the loop head, `e` to the exit), and what changed. `x`
//! and `d` are registers, `m` a 64-bit cell of the window at that byte offset, values are hexadecimal,
//! `@n` is the window's address plus n. What is not listed has not changed, and that is compared too.

use std::fmt::Write;

use plumb_jit::exec::{Executor, Simulator};

use super::harness::{Bench, Way};
use super::input::{NEAR, State, WINDOW};
use super::table;

pub struct Group {
    pub form: String,
    pub words: Vec<u32>,
    pub cases: Vec<Case>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    pub before: State,
    pub after: State,
    pub way: Way,
}

/// The recorded cases.
pub fn recorded() -> Vec<Group> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vectors.txt");
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    parse(&text)
}

fn value(v: u64) -> String {
    let offset = v.wrapping_sub(WINDOW) as i64;
    match offset {
        0.. if offset < NEAR as i64 => format!("@{offset:x}"),
        _ if offset < 0 && offset >= -(NEAR as i64) => format!("@-{:x}", -offset),
        _ => format!("{v:x}"),
    }
}

fn parse_value(text: &str) -> u64 {
    let hex = |text: &str| u64::from_str_radix(text, 16).expect("a hexadecimal number");
    match text.strip_prefix('@') {
        Some(offset) => match offset.strip_prefix('-') {
            Some(offset) => WINDOW - hex(offset),
            None => WINDOW + hex(offset),
        },
        None => hex(text),
    }
}

/// What differs between two states, as assignments.
fn changes(from: &State, to: &State) -> String {
    let mut text = String::new();
    let mut list = |name: char, from: &[u64], to: &[u64], unit: usize| {
        for (i, (a, b)) in from.iter().zip(to).enumerate() {
            if a != b {
                let place = if unit == 1 { i.to_string() } else { format!("{:x}", i * unit) };
                write!(text, " {name}{place}={}", value(*b)).expect("text");
            }
        }
    };
    list('x', &from.x, &to.x, 1);
    list('d', &from.d, &to.d, 1);
    list('m', &from.window, &to.window, 8);
    text
}

fn assign(state: &mut State, words: &[&str]) {
    for word in words {
        let (place, v) = word.split_once('=').expect("place=value");
        let v = parse_value(v);
        let (kind, number) = place.split_at(1);
        match kind {
            "x" => state.x[number.parse::<usize>().expect("a register")] = v,
            "d" => state.d[number.parse::<usize>().expect("a register")] = v,
            "m" => state.window[usize::from_str_radix(number, 16).expect("an offset") / 8] = v,
            other => panic!("`{other}` is no place"),
        }
    }
}

pub fn print_case(case: &Case) -> String {
    let way = match case.way {
        Way::Fell => 'f',
        Way::Looped => 'l',
        Way::Left => 'e',
    };
    let before = changes(&State::pattern(), &case.before);
    let after = changes(&case.before, &case.after);
    format!("{:x}{before} > {:x}{way}{after}", case.before.nzcv, case.after.nzcv)
}

pub fn print_group(group: &Group) -> String {
    let words: Vec<String> = group.words.iter().map(|word| format!("{word:08x}")).collect();
    let mut text = format!("code {}: {}\n", group.form, words.join(" "));
    for case in &group.cases {
        text += &print_case(case);
        text.push('\n');
    }
    text
}

fn parse_case(line: &str) -> Case {
    let digit = |c: char| c.to_digit(16).expect("NZCV") as u8;
    let (before, after) = line.split_once(" > ").expect("before > after");
    let before: Vec<&str> = before.split(' ').collect();
    let after: Vec<&str> = after.split(' ').collect();
    let mut start = State::pattern();
    start.nzcv = digit(before[0].chars().next().expect("flags"));
    assign(&mut start, &before[1..]);
    let mut end = start.clone();
    let mut head = after[0].chars();
    end.nzcv = digit(head.next().expect("flags"));
    let way = match head.next() {
        Some('f') => Way::Fell,
        Some('l') => Way::Looped,
        _ => Way::Left,
    };
    assign(&mut end, &after[1..]);
    Case { before: start, after: end, way }
}

fn parse(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_prefix("code ") {
            Some(code) => {
                let (form, words) = code.rsplit_once(": ").expect("form: words");
                let word = |text| u32::from_str_radix(text, 16).expect("a word");
                let words = words.split(' ').map(word).collect();
                groups.push(Group { form: form.into(), words, cases: Vec::new() });
            }
            None => groups.last_mut().expect("a code line first").cases.push(parse_case(line)),
        }
    }
    groups
}

/// Runs all cases; returns how many, and the first few differences.
pub fn replay<E: Executor>(bench: &mut Bench<E>, groups: &[Group]) -> (usize, Vec<String>) {
    let (mut cases, mut wrong) = (0, Vec::new());
    for group in groups {
        let code = bench.install(&group.words);
        for case in &group.cases {
            cases += 1;
            if let Some(difference) = differs(bench, &code, group, case) {
                wrong.push(difference);
            }
        }
    }
    wrong.truncate(20);
    (cases, wrong)
}

fn differs<E: Executor>(
    bench: &mut Bench<E>,
    code: &plumb_jit::exec::InstalledCode,
    group: &Group,
    case: &Case,
) -> Option<String> {
    let found = match bench.run(code, &case.before) {
        Ok((after, way)) if after == case.after && way == case.way => return None,
        Ok((after, way)) => print_case(&Case { before: case.before.clone(), after, way }),
        Err(trap) => trap,
    };
    let text = plumb_jit::exec::disasm::disassemble(&group.words).join("; ");
    let (form, name, expected) = (&group.form, bench.name(), print_case(case));
    Some(format!("{form}: {text}\n  recorded {expected}\n  {name:<8} {found}"))
}

#[test]
fn the_simulator_does_what_the_referee_did() {
    let groups = recorded();
    let (cases, wrong) = replay(&mut Bench::new(Simulator::new()), &groups);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(cases >= 10_000, "only {cases} cases");
}

#[test]
fn every_form_is_recorded() {
    let groups = recorded();
    let recorded: std::collections::HashSet<&str> =
        groups.iter().map(|group| group.form.as_str()).collect();
    let forms = table::forms();
    let missing: Vec<_> = forms
        .iter()
        .filter(|form| !recorded.contains(form.name.as_str()))
        .map(|f| &f.name)
        .collect();
    let some = &missing[..missing.len().min(5)];
    assert!(missing.is_empty(), "run `just vectors`: no case of {some:?} ...");
}

#[test]
fn a_wrong_result_is_seen() {
    let mut groups = recorded();
    let group = groups.iter_mut().find(|group| group.form == "add").expect("recorded");
    group.cases.truncate(4);
    group.cases[0].after.x[3] ^= 1;
    group.cases[1].after.nzcv ^= 4;
    group.cases[2].after.window[7] ^= 1;
    group.cases[3].way = Way::Left;
    let (_, wrong) = replay(&mut Bench::new(Simulator::new()), &groups);
    assert_eq!(wrong.len(), 4, "{wrong:?}");
}

#[test]
fn text_form_reads_back() {
    for group in recorded().iter().step_by(50) {
        for case in &group.cases {
            assert_eq!(&parse_case(&print_case(case)), case);
        }
    }
}
