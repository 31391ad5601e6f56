//! Findings -> one reduced case a signature.
//!
//! In:  the findings of a sweep.
//! Out: [`Group`]s: the findings that share a signature, of which only the one with the smallest program
//!      is reduced; its [`Line`] says what that took.
//!
//! One defect usually shows in many programs; the signature is what all of them blame. Where nothing can be
//! blamed it is coarse, and two defects may share one: the second shows once the first is fixed.

use crate::campaign::{Found, judge_tapped, with_job};
use crate::generate::{Case, case_of_seed};
use crate::harness::Job;
use crate::harness::{Answer, GENERATED_FUEL, has_cause};
use crate::reduce::{self, Reduced};
use crate::regression::BlameFile;
use plumb_jit::syntax::printer::print;
use plumb_jit::trace::config::ExecutorKind;
use plumb_jit::trace::tap::TapRef;
use plumb_oracle::check::check_interpreter;
use plumb_oracle::engine::Options;
use plumb_oracle::verdict::Verdict;
use serde::Serialize;
use std::time::Instant;

/// Fuel that a reduction tries to do with. Many edits make a loop endless, and each such candidate burns all
/// that it is given.
const REDUCTION_FUEL: [u64; 3] = [5_000, 30_000, 300_000];

/// Findings that share a signature.
#[derive(Clone, Debug)]
pub struct Group {
    pub signature: String,
    /// The earliest first; never empty.
    found: Vec<Found>,
    /// Index of the one with the fewest lines.
    smallest: usize,
}

/// The smallest program of a group, reduced.
pub struct Reduction {
    pub reduced: Reduced,
    pub lines_before: usize,
    pub seconds: f64,
}

/// A group in the summary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    pub signature: String,
    /// What is blamed, of the finding that was reduced.
    pub blame: Option<BlameFile>,
    /// Seeds of all findings; the first is the one that was reduced.
    pub seeds: Vec<u64>,
    /// Programs judged until the first finding.
    pub found_after_programs: u64,
    pub found_after_seconds: f64,
    pub lines: usize,
    pub reduced_lines: usize,
    pub reduction_seconds: f64,
    pub candidates: u64,
}

/// Findings by signature, in the order in which the signatures were first seen.
pub fn group(mut findings: Vec<Found>) -> Vec<Group> {
    findings.sort_by_key(|found| (found.programs, found.seed));
    let mut groups: Vec<Group> = Vec::new();
    for found in findings {
        let signature = found.signature();
        match groups.iter_mut().find(|group| group.signature == signature) {
            Some(group) => group.found.push(found),
            None => groups.push(Group { signature, found: vec![found], smallest: 0 }),
        }
    }
    for group in &mut groups {
        let lines = |at: &usize| reduce::lines(&case_of_seed(group.found[*at].seed).chunk);
        group.smallest = (0..group.found.len()).min_by_key(lines).unwrap_or(0);
    }
    groups
}

impl Group {
    pub fn smallest(&self) -> &Found {
        &self.found[self.smallest]
    }

    /// Seeds, the one with the smallest program first.
    fn seeds(&self) -> Vec<u64> {
        let smallest = self.smallest().seed;
        let others = self.found.iter().map(|found| found.seed).filter(|&seed| seed != smallest);
        std::iter::once(smallest).chain(others).collect()
    }

    /// Signature, first finding and seeds, for people.
    pub fn heading(&self) -> String {
        const SHOWN: usize = 8;
        let (first, seeds) = (&self.found[0], self.seeds());
        let shown: Vec<String> = seeds.iter().take(SHOWN).map(u64::to_string).collect();
        let more = if seeds.len() > SHOWN { " ..." } else { "" };
        format!(
            "{}: found after {} programs, {:.1} s; {} findings, seeds {}{more}",
            self.signature,
            first.programs,
            first.seconds,
            seeds.len(),
            shown.join(" "),
        )
    }

    /// Reduces the smallest program, asking at most `budget` candidates.
    pub fn reduce(
        &self,
        executor: ExecutorKind,
        tap: Option<&TapRef>,
        budget: u64,
        progress: &dyn Fn(&Reduced),
    ) -> Reduction {
        let case = case_of_seed(self.smallest().seed);
        let start = Instant::now();
        let shows = |case: &Case, fuel: u64| {
            let Answer::Found(finding) = judge_tapped(case, executor, tap, fuel).answer else {
                return false;
            };
            let same = match &self.smallest().blame {
                Some(blame) => {
                    let asked = |job: &Job| has_cause(job, &finding, blame);
                    with_job(case, executor, tap, fuel, asked)
                }
                None => finding.signature() == self.signature,
            };
            same && ends(case, fuel)
        };
        let fuel = REDUCTION_FUEL.into_iter().find(|&fuel| shows(&case, fuel));
        let fuel = fuel.unwrap_or(GENERATED_FUEL);
        let same = |case: &Case| shows(case, fuel);
        let reduced = reduce::reduce(&case, budget, &same, progress);
        let lines_before = reduce::lines(&case.chunk);
        Reduction { reduced, lines_before, seconds: start.elapsed().as_secs_f64() }
    }

    pub fn line(&self, reduction: &Reduction) -> Line {
        Line {
            signature: self.signature.clone(),
            blame: self.smallest().blame.as_deref().map(BlameFile::new),
            seeds: self.seeds(),
            found_after_programs: self.found[0].programs,
            found_after_seconds: self.found[0].seconds,
            lines: reduction.lines_before,
            reduced_lines: reduce::lines(&reduction.reduced.case.chunk),
            reduction_seconds: reduction.seconds,
            candidates: reduction.reduced.candidates,
        }
    }
}

/// Whether the program ends. One that does not could never be shown to agree once the defect is gone.
fn ends(case: &Case, fuel: u64) -> bool {
    let options = Options { fuel, ..Options::default() };
    let verdict = check_interpreter(print(&case.chunk).as_bytes(), "=case", 0, &options);
    !matches!(verdict, Verdict::Inconclusive(_))
}

impl Line {
    /// What the reduction did, for people.
    pub fn text(&self) -> String {
        format!(
            "seed {} reduced from {} to {} lines in {:.1} s ({} candidates)",
            self.seeds[0], self.lines, self.reduced_lines, self.reduction_seconds, self.candidates,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Finding;

    #[test]
    fn an_endless_program_does_not_end() {
        let case = |text: &str| {
            let chunk = plumb_jit::syntax::parser::parse(text.as_bytes(), b"=test");
            Case { chunk: chunk.expect("the test's source is Lua"), config: Default::default() }
        };
        assert!(ends(&case("for i = 1, 99 do end"), 5_000));
        assert!(!ends(&case("while true do end"), 5_000));
    }

    fn found(seed: u64, programs: u64, text: &str) -> Found {
        Found {
            seed,
            finding: Finding::Panic(text.to_string()),
            blame: None,
            programs,
            seconds: 0.5,
            blame_seconds: 0.1,
        }
    }

    #[test]
    fn findings_of_one_signature_are_one_group_with_its_smallest_program() {
        let findings =
            vec![found(7, 9, "b"), found(3, 4, "a"), found(5, 6, "b"), found(11, 12, "b")];
        let groups = group(findings);
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].signature.as_str(), groups[0].seeds()), ("panic / a", vec![3]));
        let mut seeds = groups[1].seeds();
        let lines = |seed: u64| reduce::lines(&case_of_seed(seed).chunk);
        assert!(seeds.iter().all(|&seed| lines(seeds[0]) <= lines(seed)));
        assert!(groups[1].heading().contains("after 6 programs"), "{}", groups[1].heading());
        seeds.sort_unstable();
        assert_eq!(seeds, [5, 7, 11]);
    }
}
