//! A divergence as text for people.
//!
//! In: a [`Divergence`] and the program. Out: what differs, first and in a table; then the source with the
//! line marked where both engines stand; then both states side by side.
#![forbid(unsafe_code)]

use crate::blame::{Blame, Stage};
use crate::dump::{FrameDump, ObjectDump, Snapshot};
use crate::verdict::{Compared, Divergence};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Rows of the table of differences.
const DIFFERENCES: usize = 20;
/// Lines of source printed before it is cut.
const SOURCE_LINES: usize = 200;
/// Registers or entries that are printed even when both sides agree on them.
const FEW: usize = 24;
/// Lines of a stage's output.
const STAGE_LINES: usize = 150;
/// Width of one column.
const COLUMN: usize = 60;

/// The whole report. `line` overrides the source line that is marked.
pub fn divergence(found: &Divergence, source: &[u8], line: Option<u32>) -> String {
    let mut out = String::new();
    let (left, right) = (found.left, found.right);
    let _ = writeln!(
        out,
        "{right} differs from {left}: {:?}, at {} ({})",
        found.kind, found.clock, found.event
    );
    match found.agreed {
        Some((clock, event)) => {
            let _ = writeln!(out, "last agreement at {clock} ({event})");
        }
        None => out.push_str("no earlier moment was compared\n"),
    }
    out.push('\n');
    columns(&mut out, "", &left.to_string(), &right.to_string());
    for difference in found.differences.iter().take(DIFFERENCES) {
        let _ = writeln!(out, "{}", difference.place);
        columns(&mut out, "  ", &difference.left, &difference.right);
    }
    match found.differences.len() {
        0 => out.push_str("the difference did not show again when both were run once more\n"),
        n if n > DIFFERENCES => {
            let _ = writeln!(out, "... and {} more", n - DIFFERENCES);
        }
        _ => {}
    }
    out.push_str("\nsource\n");
    numbered(&mut out, source, line.or(found.line));
    out.push_str("\nstates\n");
    side_by_side(&mut out, &found.left_state, &found.right_state);
    out
}

/// What is to blame: its name, the first difference, how the rungs of the ladder answered, and what the
/// culprit was given beside what it made of it.
pub fn blame(blame: &Blame) -> String {
    let mut out = format!("blame: {}\n", blame.title());
    let found = &blame.found;
    let _ = writeln!(out, "shown by the {}", blame.witness());
    let _ = writeln!(out, "first difference at {} ({})", found.clock, found.event);
    if let Some(first) = found.differences.first() {
        let (left, right) = (&first.left, &first.right);
        let _ = writeln!(out, "  {}: {} {left}, {} {right}", first.place, found.left, found.right);
    }
    out.push('\n');
    for step in &blame.ladder {
        let _ = writeln!(out, "  {:<12} {}", step.rung, step.answer);
    }
    out.push('\n');
    if blame.stage == Stage::Pass {
        let _ = writeln!(out, "what the rewrite changed");
        changed_lines(&mut out, &blame.before, &blame.after);
    } else {
        for text in [&blame.before, &blame.after] {
            for line in text.lines().take(STAGE_LINES) {
                let _ = writeln!(out, "  {line}");
            }
            out.push('\n');
        }
    }
    out.push('\n');
    out
}

/// Lines of both texts in order; lines that stand on one side only are marked.
fn changed_lines(out: &mut String, before: &str, after: &str) {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    // Length of the longest common subsequence of the rests from (i, j) on.
    let mut common = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = if a[i] == b[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let (mark, line) = if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
            (' ', a[i - 1])
        } else if j == b.len() || i < a.len() && common[i + 1][j] >= common[i][j + 1] {
            i += 1;
            ('-', a[i - 1])
        } else {
            j += 1;
            ('+', b[j - 1])
        };
        let _ = writeln!(out, "{mark} {line}");
    }
}

/// What an agreement rests on, in one line; another if the program failed.
pub fn compared(compared: &Compared) -> String {
    let failed = match compared.failed {
        true => {
            "\nthe program ended with an error, the same on all engines (they have no os, io and package)"
        }
        false => "",
    };
    // Of what most programs have none.
    let some = |count: u64, what: &str| match count {
        0 => String::new(),
        _ => format!(", {count} {what}"),
    };
    let links = some(compared.links, "links");
    let stitches = some(compared.stitches, "ends of stitched calls");
    format!(
        "{} traces, {} entries, {} exits{links}{stitches}, {} switches, {} checkpoints, {} registers compared in {} instructions{failed}",
        compared.traces,
        compared.trace_entries,
        compared.trace_exits,
        compared.switches,
        compared.checkpoints,
        compared.registers,
        compared.instructions,
    )
}

fn numbered(out: &mut String, source: &[u8], line: Option<u32>) {
    let text = String::from_utf8_lossy(source);
    for (index, content) in text.lines().enumerate().take(SOURCE_LINES) {
        let mark = if line == Some(index as u32 + 1) { '>' } else { ' ' };
        let _ = writeln!(out, "{mark}{:4} {content}", index + 1);
    }
    if text.lines().count() > SOURCE_LINES {
        out.push_str("  ...\n");
    }
}

fn side_by_side(out: &mut String, left: &Snapshot, right: &Snapshot) {
    let row = |out: &mut String, a: Option<String>, b: Option<String>| {
        let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
        columns(out, if a == b { "  " } else { "! " }, &a, &b);
    };
    row(out, Some(left.heading()), Some(right.heading()));
    for level in 0..left.frames.len().max(right.frames.len()) {
        let frames = [left, right].map(|s| s.frames.get(level));
        let [a, b] = frames.map(|f| f.map(|f| f.heading(level)));
        row(out, a, b);
        let registers = |f: Option<&FrameDump>| f.map(|f| f.lines()).unwrap_or_default();
        rows(out, &registers(frames[0]), &registers(frames[1]));
    }
    rows(out, &left.root_lines(), &right.root_lines());
    rows(out, &left.traceback_lines(), &right.traceback_lines());
    for index in 0..left.objects.len().max(right.objects.len()) {
        let objects = [left, right].map(|s| s.objects.get(index));
        let [a, b] = objects.map(|o| o.map(|o| o.heading()));
        row(out, a, b);
        let content = |o: Option<&ObjectDump>| o.map(|o| o.lines()).unwrap_or_default();
        rows(out, &content(objects[0]), &content(objects[1]));
    }
}

/// Lines of both sides by key; of many lines, only those that differ.
fn rows<K: Ord>(out: &mut String, left: &BTreeMap<K, String>, right: &BTreeMap<K, String>) {
    let keys: BTreeSet<&K> = left.keys().chain(right.keys()).collect();
    let mut hidden = 0;
    for key in &keys {
        let (a, b) = (left.get(key), right.get(key));
        if a == b && keys.len() > FEW {
            hidden += 1;
            continue;
        }
        let text = |side: Option<&String>| side.map_or("", String::as_str).to_string();
        columns(out, if a == b { "  " } else { "! " }, &text(a), &text(b));
    }
    if hidden > 0 {
        let _ = writeln!(out, "    ... {hidden} equal lines");
    }
}

/// One row of two columns; what does not fit goes on in the next row.
fn columns(out: &mut String, prefix: &str, left: &str, right: &str) {
    let pieces = |text: &str| -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(COLUMN).map(|c| c.iter().collect()).collect()
    };
    let (left, right) = (pieces(left), pieces(right));
    for row in 0..left.len().max(right.len()).max(1) {
        let cell = |side: &[String]| side.get(row).cloned().unwrap_or_default();
        let line = format!("{prefix}{:COLUMN$} | {}", cell(&left), cell(&right));
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
