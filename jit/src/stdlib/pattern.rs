//! Lua patterns (manual section 6.4.1): a backtracking matcher over bytes.
//!
//! In:  a subject, a pattern without its leading anchor, a start position.
//! Out: the end of the match and its captures, as positions in the subject.
//!
//! Invariants:
//! - Same matches, same errors and the same depth limit as PUC Lua 5.4; a malformed part of
//!   a pattern is an error only when matching reaches it.
//! - Subject and pattern read as a NUL just past their ends, as C strings do; PUC's results
//!   depend on that (`%f` at the end of the subject, a suffix looked for after the last item).
//!
//! Limits: 32 captures; 200 nested calls of the matcher ("pattern too complex").

use std::fmt;

const MAX_CAPTURES: usize = 32;
const MAX_DEPTH: u32 = 200;
const ESCAPE: u8 = b'%';

/// How much of a capture is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Extent {
    /// Its closing parenthesis was not reached.
    Open,
    /// `()`: the capture is a position.
    Position,
    Len(usize),
}

#[derive(Clone, Copy, Debug)]
struct Capture {
    start: usize,
    extent: Extent,
}

/// What a capture holds once its match succeeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Captured {
    /// Byte range of the subject.
    Range(usize, usize),
    /// One-based position.
    Position(usize),
}

/// A pattern that cannot be matched; `Display` is PUC's message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatternError {
    EndsWithEscape,
    MissingBracket,
    MissingBalanceArguments,
    MissingFrontierSet,
    TooManyCaptures,
    InvalidCapture,
    /// One-based, as the message counts.
    InvalidCaptureIndex(i32),
    UnfinishedCapture,
    TooComplex,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PatternError::EndsWithEscape => "malformed pattern (ends with '%')",
            PatternError::MissingBracket => "malformed pattern (missing ']')",
            PatternError::MissingBalanceArguments => {
                "malformed pattern (missing arguments to '%b')"
            }
            PatternError::MissingFrontierSet => "missing '[' after '%f' in pattern",
            PatternError::TooManyCaptures => "too many captures",
            PatternError::InvalidCapture => "invalid pattern capture",
            PatternError::InvalidCaptureIndex(i) => {
                return write!(f, "invalid capture index %{i}");
            }
            PatternError::UnfinishedCapture => "unfinished capture",
            PatternError::TooComplex => "pattern too complex",
        })
    }
}

type Matched = Result<Option<usize>, PatternError>;

/// A successful match.
#[derive(Clone, Debug)]
pub struct Match {
    pub start: usize,
    pub end: usize,
    captures: Vec<Capture>,
}

impl Match {
    /// Number of values that a match returns: its captures, or the whole match if it has none.
    pub fn num_values(&self) -> usize {
        self.captures.len().max(1)
    }

    /// Number of explicit captures.
    pub fn num_captures(&self) -> usize {
        self.captures.len()
    }

    /// Capture `i`, zero-based; number 0 of a pattern without captures is the whole match.
    pub fn capture(&self, i: usize) -> Result<Captured, PatternError> {
        let Some(capture) = self.captures.get(i) else {
            if i == 0 {
                return Ok(Captured::Range(self.start, self.end));
            }
            return Err(PatternError::InvalidCaptureIndex(i as i32 + 1));
        };
        match capture.extent {
            Extent::Open => Err(PatternError::UnfinishedCapture),
            Extent::Position => Ok(Captured::Position(capture.start + 1)),
            Extent::Len(len) => Ok(Captured::Range(capture.start, capture.start + len)),
        }
    }
}

/// Matches `pattern` at `start` of `subject`, and nowhere else.
pub fn match_at(
    subject: &[u8],
    pattern: &[u8],
    start: usize,
) -> Result<Option<Match>, PatternError> {
    let mut matcher = Matcher { subject, pattern, depth_left: MAX_DEPTH, captures: Vec::new() };
    let end = matcher.run(start, 0)?;
    Ok(end.map(|end| Match { start, end, captures: matcher.captures }))
}

/// The first match at or after `start`; only at `start` if `anchored`.
pub fn search(
    subject: &[u8],
    pattern: &[u8],
    start: usize,
    anchored: bool,
) -> Result<Option<Match>, PatternError> {
    let last = if anchored { start } else { subject.len() };
    for at in start..=last {
        if let Some(found) = match_at(subject, pattern, at)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// True if no byte of `pattern` is special, so that a plain search finds the same.
pub fn is_plain(pattern: &[u8]) -> bool {
    !pattern.iter().any(|b| b"^$*+?.([%-".contains(b))
}

/// First occurrence of `needle` at or after `start`.
pub fn find_plain(subject: &[u8], needle: &[u8], start: usize) -> Option<usize> {
    let Some((&first, rest)) = needle.split_first() else { return Some(start) };
    let mut at = start;
    while at + needle.len() <= subject.len() {
        at += subject[at..=subject.len() - needle.len()].iter().position(|&b| b == first)?;
        if subject[at + 1..].starts_with(rest) {
            return Some(at);
        }
        at += 1;
    }
    None
}

struct Matcher<'a> {
    subject: &'a [u8],
    pattern: &'a [u8],
    depth_left: u32,
    captures: Vec<Capture>,
}

impl Matcher<'_> {
    fn subject_at(&self, s: usize) -> u8 {
        self.subject.get(s).copied().unwrap_or(0)
    }

    fn pattern_at(&self, p: usize) -> u8 {
        self.pattern.get(p).copied().unwrap_or(0)
    }

    /// Matches the pattern from `p` on at `s`; one level of the depth limit.
    fn run(&mut self, s: usize, p: usize) -> Matched {
        if self.depth_left == 0 {
            return Err(PatternError::TooComplex);
        }
        self.depth_left -= 1;
        let result = self.run_items(s, p);
        self.depth_left += 1;
        result
    }

    /// The loop consumes items that need no backtracking; the rest recurses through `run`.
    fn run_items(&mut self, mut s: usize, mut p: usize) -> Matched {
        while p != self.pattern.len() {
            match self.pattern_at(p) {
                b'(' if self.pattern_at(p + 1) == b')' => {
                    return self.start_capture(s, p + 2, Extent::Position);
                }
                b'(' => return self.start_capture(s, p + 1, Extent::Open),
                b')' => return self.end_capture(s, p + 1),
                b'$' if p + 1 == self.pattern.len() => {
                    return Ok((s == self.subject.len()).then_some(s));
                }
                ESCAPE if self.pattern_at(p + 1) == b'b' => match self.balance(s, p + 2)? {
                    Some(end) => (s, p) = (end, p + 4),
                    None => return Ok(None),
                },
                ESCAPE if self.pattern_at(p + 1) == b'f' => match self.frontier(s, p + 2)? {
                    Some(next) => p = next,
                    None => return Ok(None),
                },
                ESCAPE if self.pattern_at(p + 1).is_ascii_digit() => {
                    match self.back_reference(s, self.pattern_at(p + 1))? {
                        Some(end) => (s, p) = (end, p + 2),
                        None => return Ok(None),
                    }
                }
                _ => {
                    let suffix = self.item_end(p)?;
                    let matches = self.single(s, p, suffix);
                    match (self.pattern_at(suffix), matches) {
                        (b'*' | b'?' | b'-', false) => p = suffix + 1,
                        (_, false) => return Ok(None),
                        (b'?', true) => match self.run(s + 1, suffix + 1)? {
                            Some(end) => return Ok(Some(end)),
                            None => p = suffix + 1,
                        },
                        (b'+', true) => return self.longest(s + 1, p, suffix),
                        (b'*', true) => return self.longest(s, p, suffix),
                        (b'-', true) => return self.shortest(s, p, suffix),
                        (_, true) => (s, p) = (s + 1, suffix),
                    }
                }
            }
        }
        Ok(Some(s))
    }

    /// Position after the single-character item at `p`: where its suffix may stand.
    fn item_end(&self, mut p: usize) -> Result<usize, PatternError> {
        let first = self.pattern_at(p);
        p += 1;
        match first {
            ESCAPE if p == self.pattern.len() => Err(PatternError::EndsWithEscape),
            ESCAPE => Ok(p + 1),
            b'[' => {
                if self.pattern_at(p) == b'^' {
                    p += 1;
                }
                // The first character belongs to the set even if it is a `]`.
                loop {
                    if p >= self.pattern.len() {
                        return Err(PatternError::MissingBracket);
                    }
                    let escaped = self.pattern_at(p) == ESCAPE && p + 1 < self.pattern.len();
                    p += 1 + usize::from(escaped);
                    if self.pattern_at(p) == b']' && p < self.pattern.len() {
                        return Ok(p + 1);
                    }
                }
            }
            _ => Ok(p),
        }
    }

    /// Does the byte at `s` match the item `p..end`?
    fn single(&self, s: usize, p: usize, end: usize) -> bool {
        let Some(&c) = self.subject.get(s) else { return false };
        match self.pattern_at(p) {
            b'.' => true,
            ESCAPE => matches_class(c, self.pattern_at(p + 1)),
            b'[' => self.in_set(c, p, end - 1),
            literal => literal == c,
        }
    }

    /// Is `c` in the set whose `[` is at `p` and whose `]` is at `close`?
    fn in_set(&self, c: u8, mut p: usize, close: usize) -> bool {
        let negated = self.pattern_at(p + 1) == b'^';
        p += 1 + usize::from(negated);
        while p < close {
            let low = self.pattern_at(p);
            if low == ESCAPE {
                if matches_class(c, self.pattern_at(p + 1)) {
                    return !negated;
                }
                p += 2;
            } else if self.pattern_at(p + 1) == b'-' && p + 2 < close {
                if (low..=self.pattern_at(p + 2)).contains(&c) {
                    return !negated;
                }
                p += 3;
            } else {
                if low == c {
                    return !negated;
                }
                p += 1;
            }
        }
        negated
    }

    /// `%bxy` with `x` at `p`.
    fn balance(&self, s: usize, p: usize) -> Matched {
        if p + 1 >= self.pattern.len() {
            return Err(PatternError::MissingBalanceArguments);
        }
        let (open, close) = (self.pattern[p], self.pattern[p + 1]);
        if self.subject_at(s) != open {
            return Ok(None);
        }
        let mut nesting = 1;
        for (i, &c) in self.subject.iter().enumerate().skip(s + 1) {
            if c == close {
                nesting -= 1;
                if nesting == 0 {
                    return Ok(Some(i + 1));
                }
            } else if c == open {
                nesting += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]` with `[` at `p`; the result is the next pattern position.
    fn frontier(&self, s: usize, p: usize) -> Matched {
        if self.pattern_at(p) != b'[' {
            return Err(PatternError::MissingFrontierSet);
        }
        let end = self.item_end(p)?;
        let previous = if s == 0 { 0 } else { self.subject[s - 1] };
        let is_frontier =
            !self.in_set(previous, p, end - 1) && self.in_set(self.subject_at(s), p, end - 1);
        Ok(is_frontier.then_some(end))
    }

    fn back_reference(&self, s: usize, digit: u8) -> Matched {
        let index = i32::from(digit) - i32::from(b'1');
        let capture = usize::try_from(index).ok().and_then(|i| self.captures.get(i));
        match capture {
            None | Some(Capture { extent: Extent::Open, .. }) => {
                Err(PatternError::InvalidCaptureIndex(index + 1))
            }
            // PUC compares with the length -2 made unsigned, which no subject has.
            Some(Capture { extent: Extent::Position, .. }) => Ok(None),
            Some(&Capture { start, extent: Extent::Len(len) }) => {
                let same = self.subject[s..].starts_with(&self.subject[start..start + len]);
                Ok(same.then_some(s + len))
            }
        }
    }

    fn longest(&mut self, s: usize, p: usize, suffix: usize) -> Matched {
        let mut count = 0;
        while self.single(s + count, p, suffix) {
            count += 1;
        }
        for taken in (0..=count).rev() {
            if let Some(end) = self.run(s + taken, suffix + 1)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    fn shortest(&mut self, mut s: usize, p: usize, suffix: usize) -> Matched {
        loop {
            if let Some(end) = self.run(s, suffix + 1)? {
                return Ok(Some(end));
            }
            if !self.single(s, p, suffix) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn start_capture(&mut self, s: usize, p: usize, extent: Extent) -> Matched {
        if self.captures.len() >= MAX_CAPTURES {
            return Err(PatternError::TooManyCaptures);
        }
        self.captures.push(Capture { start: s, extent });
        let end = self.run(s, p)?;
        if end.is_none() {
            self.captures.pop();
        }
        Ok(end)
    }

    fn end_capture(&mut self, s: usize, p: usize) -> Matched {
        let open = self.captures.iter().rposition(|c| c.extent == Extent::Open);
        let open = open.ok_or(PatternError::InvalidCapture)?;
        self.captures[open].extent = Extent::Len(s - self.captures[open].start);
        let end = self.run(s, p)?;
        if end.is_none() {
            self.captures[open].extent = Extent::Open;
        }
        Ok(end)
    }
}

/// `isspace` of the C locale; Rust's ASCII whitespace lacks the vertical tab.
fn is_space(c: u8) -> bool {
    matches!(c, b' ' | b'\t'..=b'\r')
}

/// Is `c` in class `%class`? A letter that names no class, or another character, is itself.
fn matches_class(c: u8, class: u8) -> bool {
    let in_class = match class.to_ascii_lowercase() {
        b'a' => c.is_ascii_alphabetic(),
        b'c' => c.is_ascii_control(),
        b'd' => c.is_ascii_digit(),
        b'g' => c.is_ascii_graphic(),
        b'l' => c.is_ascii_lowercase(),
        b'p' => c.is_ascii_punctuation(),
        b's' => is_space(c),
        b'u' => c.is_ascii_uppercase(),
        b'w' => c.is_ascii_alphanumeric(),
        b'x' => c.is_ascii_hexdigit(),
        b'z' => c == 0,
        _ => return class == c,
    };
    in_class == class.is_ascii_lowercase()
}
