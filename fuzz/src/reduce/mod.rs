//! A diverging program -> the smallest one that still diverges the same way.
//!
//! In:  a syntax tree and a predicate ("still the same divergence"), which may be slow.
//! Out: a smaller tree for which the predicate holds.
//!
//! 1. [`edits`] every way to make a tree smaller, numbered
//! 2. this file: the search
//!
//! The search runs the edit kinds from coarse (drop runs of statements) to fine (shrink constants), each
//! until none of its edits is accepted, and starts again as long as anything changed. Candidates of one
//! round are tested in parallel; the first accepted in edit order wins, so the result does not depend on
//! the number of threads. A candidate must be strictly smaller by [`size`], so the search ends.
//!
//! Limits: edits may make a program endless or invalid; the predicate answers no to those (the oracle's
//! fuel decides, never a clock on the wall).

pub mod edits;

use edits::EditKind;
use plumb_jit::syntax::ast::Chunk;
use plumb_jit::syntax::printer::print;
use rayon::prelude::*;

/// How a reduction went.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduced {
    pub chunk: Chunk,
    /// Candidates for which the predicate was asked.
    pub candidates: u64,
    /// Edits accepted.
    pub accepted: u64,
}

/// Reduces `chunk` while `still_diverges` holds, asking at most `budget` candidates.
pub fn reduce(
    chunk: &Chunk,
    budget: u64,
    still_diverges: &(dyn Fn(&Chunk) -> bool + Sync),
) -> Reduced {
    let mut reduced = Reduced { chunk: chunk.clone(), candidates: 0, accepted: 0 };
    loop {
        let accepted_before = reduced.accepted;
        for kind in EditKind::ALL {
            exhaust(&mut reduced, kind, budget, still_diverges);
        }
        if reduced.accepted == accepted_before || reduced.candidates >= budget {
            return reduced;
        }
    }
}

/// Applies edits of one kind until none is accepted.
fn exhaust(
    reduced: &mut Reduced,
    kind: EditKind,
    budget: u64,
    still_diverges: &(dyn Fn(&Chunk) -> bool + Sync),
) {
    // After an accepted edit the search goes on from the same number: earlier edits were refused
    // just now, and most of them still would be.
    let mut next = 0;
    let batch = rayon::current_num_threads().max(1) * 2;
    loop {
        let count = edits::count(&reduced.chunk, kind);
        if next >= count || reduced.candidates >= budget {
            return;
        }
        let end = count.min(next + batch);
        let before = size(&reduced.chunk);
        let base = &reduced.chunk;
        let found = (next..end)
            .into_par_iter()
            .filter_map(|number| {
                let candidate = edits::apply(base, kind, number)?;
                let smaller = size(&candidate) < before;
                (smaller && still_diverges(&candidate)).then_some((number, candidate))
            })
            .min_by_key(|(number, _)| *number);
        reduced.candidates += (end - next) as u64;
        match found {
            Some((number, candidate)) => {
                reduced.chunk = candidate;
                reduced.accepted += 1;
                next = number;
            }
            None => next = end,
        }
    }
}

/// What "smaller" means: fewer lines first, then fewer characters, then smaller digits.
pub fn size(chunk: &Chunk) -> (usize, usize, u64) {
    let text = print(chunk);
    let digits = text.bytes().filter(u8::is_ascii_digit).map(|d| u64::from(d - b'0')).sum();
    (text.lines().count(), text.len(), digits)
}

/// Lines of the printed program that hold code.
pub fn lines(chunk: &Chunk) -> usize {
    print(chunk).lines().filter(|line| !line.trim().is_empty()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_jit::syntax::parser::parse;

    fn parsed(text: &str) -> Chunk {
        parse(text.as_bytes(), b"=test").expect("the test's source is Lua")
    }

    #[test]
    fn keeps_only_what_the_predicate_needs() {
        let chunk = parsed(
            "local a, b = 1, 2\nlocal c = a + b\nfor i = 1, 100 do\n  c = c + i\n  \
             if c > 50 then c = c - 7 end\n  b = b * 2\nend\nprint(a, b, c)\n",
        );
        let needs = |chunk: &Chunk| {
            let text = print(chunk);
            text.contains("for") && text.contains("* 2") && parse(text.as_bytes(), b"=t").is_ok()
        };
        let reduced = reduce(&chunk, 100_000, &needs);
        assert!(needs(&reduced.chunk));
        assert!(lines(&reduced.chunk) <= 3, "{}", print(&reduced.chunk));
        assert!(reduced.accepted > 0 && reduced.candidates >= reduced.accepted);
    }

    #[test]
    fn a_program_that_must_stay_whole_stays_whole() {
        let chunk = parsed("local x = 1\nreturn x\n");
        let whole = print(&chunk);
        let reduced = reduce(&chunk, 1000, &|c| print(c) == whole);
        assert_eq!(reduced.chunk, chunk);
        assert_eq!(reduced.accepted, 0);
    }

    #[test]
    fn every_numbered_edit_exists() {
        let chunk = parsed(
            "local t = {1, 2.5, x = 3}\nlocal function f(a, b) if a then return b end return a end\n\
             while t[1] < 10 do t[1] = t[1] + f(1, 2) break end\nrepeat local z = not t until z\n",
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
