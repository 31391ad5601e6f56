//! A diverging case -> the smallest one that still diverges the same way.
//!
//! In:  a case and a predicate ("still the same divergence"), which may be slow.
//! Out: a smaller case for which the predicate holds.
//!
//! 1. [`edits`]   every way to make a tree smaller, numbered
//! 2. [`inline`]  those that move an expression to where its name is used
//! 3. this file: the search
//!
//! The search simplifies the knobs, then runs the edit kinds from coarse (drop runs of statements) to
//! fine (shrink constants), each until none of its edits is accepted, and starts again as long as
//! anything changed. Candidates of one round are tested in parallel; the first accepted in edit order
//! wins. A candidate must be strictly smaller by [`size`], so the search ends; one that was refused is
//! not asked for again.
//!
//! Limits: edits may make a program endless or invalid; the predicate answers no to those (the oracle's
//! fuel decides, never a clock on the wall).

pub mod edits;
pub mod inline;

use crate::generate::{Case, CaseConfig, ForcedExit};
use edits::EditKind;
use plumb_jit::syntax::ast::Chunk;
use plumb_jit::syntax::printer::print;
use rayon::prelude::*;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How a reduction goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduced {
    pub case: Case,
    /// Candidates for which the predicate was asked.
    pub candidates: u64,
    /// Edits accepted.
    pub accepted: u64,
}

/// "Still the same divergence."
pub type Predicate<'a> = &'a (dyn Fn(&Case) -> bool + Sync);

/// Reduces `case` while `still_diverges` holds, asking about `budget` candidates at most (a round that
/// is under way is finished). `progress` sees each state on the way.
pub fn reduce(
    case: &Case,
    budget: u64,
    still_diverges: Predicate,
    progress: &dyn Fn(&Reduced),
) -> Reduced {
    let reduced = Reduced { case: case.clone(), candidates: 0, accepted: 0 };
    let mut search = Search { reduced, budget, still_diverges, progress, refused: HashSet::new() };
    loop {
        let accepted_before = search.reduced.accepted;
        search.simplify_knobs();
        for kind in EditKind::ALL {
            search.exhaust(kind);
        }
        if search.reduced.accepted == accepted_before || search.is_over() {
            return search.reduced;
        }
    }
}

struct Search<'a> {
    reduced: Reduced,
    budget: u64,
    still_diverges: Predicate<'a>,
    progress: &'a dyn Fn(&Reduced),
    /// Hashes of the cases for which the predicate said no.
    refused: HashSet<u64>,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.reduced.candidates >= self.budget
    }

    fn accept(&mut self, case: Case) {
        self.reduced.case = case;
        self.reduced.accepted += 1;
    }

    /// Knobs as they are by default, and a loop that is hot soon.
    fn simplify_knobs(&mut self) {
        let mut next = 0;
        while let Some(config) = simpler_config(&self.reduced.case.config, next) {
            if self.is_over() {
                return;
            }
            let case = Case { config, ..self.reduced.case.clone() };
            let known = self.refused.contains(&identity(&case));
            self.reduced.candidates += u64::from(!known);
            if !known && (self.still_diverges)(&case) {
                self.accept(case);
            } else {
                self.refused.insert(identity(&case));
                next += 1;
            }
            (self.progress)(&self.reduced);
        }
    }

    /// Applies edits of one kind until none is accepted.
    fn exhaust(&mut self, kind: EditKind) {
        // After an accepted edit the search goes on from the same number: earlier edits were refused
        // just now, and most of them still would be.
        let mut next = 0;
        let batch = rayon::current_num_threads().max(1) * 2;
        loop {
            let count = edits::count(&self.reduced.case.chunk, kind);
            if next >= count || self.is_over() {
                return;
            }
            let end = count.min(next + batch);
            match self.try_edits(kind, next, end) {
                Some((number, case)) => {
                    self.accept(case);
                    next = number;
                }
                None => next = end,
            }
            (self.progress)(&self.reduced);
        }
    }

    /// The first of the edits `from..to` that is accepted.
    fn try_edits(&mut self, kind: EditKind, from: usize, to: usize) -> Option<(usize, Case)> {
        let base = &self.reduced.case;
        let before = size(&base.chunk);
        let mut asked: Vec<(usize, u64, Case)> = Vec::new();
        for number in from..to {
            let Some(chunk) = edits::apply(&base.chunk, kind, number) else { continue };
            let case = Case { chunk, config: base.config.clone() };
            let id = identity(&case);
            let known =
                self.refused.contains(&id) || asked.iter().any(|(_, other, _)| *other == id);
            if !known && size(&case.chunk) < before {
                asked.push((number, id, case));
            }
        }
        self.reduced.candidates += asked.len() as u64;
        let still_diverges = self.still_diverges;
        let answers: Vec<bool> =
            asked.par_iter().map(|(_, _, case)| still_diverges(case)).collect();
        let refused =
            asked.iter().zip(&answers).filter(|(_, yes)| !**yes).map(|((_, id, _), _)| *id);
        self.refused.extend(refused);
        let first = answers.iter().position(|yes| *yes)?;
        let (number, _, case) = asked.swap_remove(first);
        Some((number, case))
    }
}

fn identity(case: &Case) -> u64 {
    let mut hasher = DefaultHasher::new();
    print(&case.chunk).hash(&mut hasher);
    case.config.hash(&mut hasher);
    hasher.finish()
}

/// Simpler knobs than `config`'s, numbered.
fn simpler_config(config: &CaseConfig, number: usize) -> Option<CaseConfig> {
    let plain = CaseConfig::default();
    let mut simpler = vec![
        CaseConfig { hot_loop: config.hot_loop, ..plain.clone() },
        CaseConfig { gpr_limit: None, fpr_limit: None, passes: plain.passes, ..config.clone() },
        CaseConfig { forced_exit: None, ..config.clone() },
        CaseConfig { flush_at: None, ..config.clone() },
        CaseConfig { collect_every: None, collection: plain.collection, ..config.clone() },
        CaseConfig { collection: plain.collection, ..config.clone() },
        CaseConfig { max_instructions: None, ..config.clone() },
        CaseConfig { hot_exit: None, ..config.clone() },
        CaseConfig { gpr_limit: None, ..config.clone() },
        CaseConfig { fpr_limit: None, ..config.clone() },
        CaseConfig { passes: plain.passes, ..config.clone() },
    ];
    let sooner = [2, 3, 4].into_iter().filter(|&hot_loop| hot_loop < config.hot_loop);
    simpler.extend(sooner.map(|hot_loop| CaseConfig { hot_loop, ..config.clone() }));
    if let Some(forced) = config.forced_exit {
        let mut force = |forced| {
            simpler.push(CaseConfig { forced_exit: Some(forced), ..config.clone() });
        };
        (0..forced.trace).for_each(|trace| force(ForcedExit { trace, ..forced }));
        let guards = [0, 1, 2, 3, forced.guard / 2];
        let lower = guards.into_iter().filter(|&guard| guard < forced.guard);
        lower.for_each(|guard| force(ForcedExit { guard, ..forced }));
        (1..forced.nth.min(4)).for_each(|nth| force(ForcedExit { nth, ..forced }));
    }
    simpler.retain(|other| other != config);
    simpler.into_iter().nth(number)
}

/// What "smaller" means: fewer lines first, then fewer characters, then smaller digits. A loop whose
/// bound is not in its head counts for more characters than it has.
pub fn size(chunk: &Chunk) -> (usize, usize, u64) {
    const UNBOUNDED: usize = 30;
    let text = print(chunk);
    let digits = text.bytes().filter(u8::is_ascii_digit).map(|d| u64::from(d - b'0')).sum();
    let unbounded = ["while ", "repeat", "::"];
    let starts = |line: &str| unbounded.iter().any(|word| line.trim_start().starts_with(word));
    let unbounded = text.lines().filter(|line| starts(line)).count();
    (text.lines().count(), text.len() + UNBOUNDED * unbounded, digits)
}

/// Lines of the printed program that hold code.
pub fn lines(chunk: &Chunk) -> usize {
    print(chunk).lines().filter(|line| !line.trim().is_empty()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Collection;
    use plumb_jit::syntax::parser::parse;

    fn parsed(text: &str) -> Chunk {
        parse(text.as_bytes(), b"=test").expect("the test's source is Lua")
    }

    fn case(chunk: Chunk) -> Case {
        Case { chunk, config: CaseConfig::default() }
    }

    #[test]
    fn keeps_only_what_the_predicate_needs() {
        let chunk = parsed(
            "local a, b = 1, 2\nlocal c = a + b\nfor i = 1, 100 do\n  c = c + i\n  \
             if c > 50 then c = c - 7 end\n  b = b * 2\nend\nprint(a, b, c)\n",
        );
        let needs = |case: &Case| {
            let text = print(&case.chunk);
            text.contains("for") && text.contains("* 2") && parse(text.as_bytes(), b"=t").is_ok()
        };
        let reduced = reduce(&case(chunk), 100_000, &needs, &|_| {});
        assert!(needs(&reduced.case));
        assert!(lines(&reduced.case.chunk) <= 3, "{}", print(&reduced.case.chunk));
        assert!(reduced.accepted > 0 && reduced.candidates >= reduced.accepted);
    }

    #[test]
    fn a_program_that_must_stay_whole_stays_whole() {
        let chunk = parsed("local x = 1\nreturn x\n");
        let whole = case(chunk);
        let reduced = reduce(&whole, 1000, &|case| *case == whole, &|_| {});
        assert_eq!(reduced.case, whole);
        assert_eq!(reduced.accepted, 0);
    }

    #[test]
    fn knobs_become_plain_unless_they_are_needed() {
        let chunk = parsed("return 1\n");
        let config = CaseConfig {
            hot_loop: 13,
            hot_exit: Some(3),
            max_instructions: Some(30),
            passes: 5,
            gpr_limit: Some(9),
            fpr_limit: Some(7),
            forced_exit: Some(ForcedExit { trace: 1, guard: 40, nth: 8 }),
            flush_at: Some(2),
            collect_every: Some(7),
            collection: Collection::Minor,
        };
        let tight = Case { chunk, config };
        let needs = |case: &Case| case.config.gpr_limit == Some(9) && case.config.hot_loop > 2;
        let reduced = reduce(&tight, 1000, &needs, &|_| {});
        let kept = CaseConfig { hot_loop: 3, gpr_limit: Some(9), ..CaseConfig::default() };
        assert_eq!(reduced.case.config, kept);
    }

    #[test]
    fn the_budget_bounds_the_search_and_progress_is_told() {
        let text = "local a, b = 1, 2\n".repeat(40);
        let told = std::cell::Cell::new(0);
        let all = |case: &Case| print(&case.chunk).len() > 200;
        let reduced = reduce(&case(parsed(&text)), 10, &all, &|_| told.set(told.get() + 1));
        assert!(reduced.candidates < 10 + 2 * rayon::current_num_threads() as u64);
        assert!(told.get() > 0);
    }

    #[test]
    fn every_loop_becomes_one_that_counts_from_1() {
        let loops = [
            "local c = 0\nwhile c < 100 do\n  c = c + 1\n  print(1)\nend\n",
            "local c = 0\nrepeat\n  c = c + 1\n  print(1)\nuntil c > 30\n",
            "local c = 0\n::top::\nc = c + 1\nprint(1)\nif c < 8 then goto top end\n",
            "for i = 9223372036854775700, 9223372036854775800 do\n  print(1)\nend\n",
            "for i = 100, 1, -1 do\n  print((1))\nend\n",
        ];
        let needs = |case: &Case| {
            let text = print(&case.chunk);
            let jumps = text.contains("::top::") && text.contains("goto top");
            let loops = jumps || ["while", "repeat", "for"].iter().any(|word| text.contains(word));
            text.contains("print(") && text.contains('1') && loops
        };
        for text in loops {
            let reduced = reduce(&case(parsed(text)), 1000, &needs, &|_| {});
            let text = print(&reduced.case.chunk);
            assert!(text.starts_with("for i = "), "{text}");
            assert!(lines(&reduced.case.chunk) == 3 && !text.contains("922"), "{text}");
        }
    }

    #[test]
    fn values_move_to_their_uses_and_declarations_merge() {
        let inlined = |text: &str| {
            let chunk = parsed(text);
            let count = edits::count(&chunk, EditKind::Inline);
            let all = (0..count).map(|n| edits::apply(&chunk, EditKind::Inline, n));
            all.map(|chunk| print(&chunk.expect("an edit that was counted"))).collect::<Vec<_>>()
        };
        assert_eq!(inlined("local a = -7\nreturn a + b\n"), ["return (-7) + b\n"]);
        let call = "local function f(x, y) return x - y end\nreturn f(b, f(1, 2))\n";
        assert_eq!(inlined(call), ["return (b - (1 - 2))\n"]);
        // A target, a function that is more than a value, and a name without a use stay.
        assert_eq!(inlined("local a = 1\na = a + 1\n"), Vec::<String>::new());
        assert_eq!(inlined("local function f() return 1 end\nprint(f)\n"), Vec::<String>::new());
        assert_eq!(inlined("local a = 1\n"), Vec::<String>::new());

        let chunk = parsed("local a = 1\nlocal b = 2\nlocal c = b\n");
        assert_eq!(edits::count(&chunk, EditKind::Merge), 1);
        let merged = edits::apply(&chunk, EditKind::Merge, 0).expect("an edit that was counted");
        assert_eq!(print(&merged), "local a, b = 1, 2\nlocal c = b\n");
    }

    #[test]
    fn every_numbered_edit_exists() {
        let chunk = parsed(
            "local t = {1, 2.5, x = 3}\nlocal function f(a, b) if a then return b end return a end\n\
             while t[1] < 10 do t[1] = t[1] + f(1, 2) break end\nrepeat local z = not t until z\n\
             local g = function(a) return a end\nlocal u = 1\nlocal v = 2\nprint(g(u), v)\n",
        );
        for kind in EditKind::ALL {
            let count = edits::count(&chunk, kind);
            for number in 0..count {
                assert!(edits::apply(&chunk, kind, number).is_some(), "{kind:?} {number}");
            }
            assert!(edits::apply(&chunk, kind, count).is_none(), "{kind:?}");
        }
    }
}
