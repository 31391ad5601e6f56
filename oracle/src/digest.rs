//! Canonical facts -> 64 bits.
//!
//! In: the facts that [`crate::canon::walk`] emits. Out: a [`Digest`], equal when all facts are equal.
//! The function is fixed (no per-process seed), so a digest printed in a report can be reproduced.
//! Different facts share a digest with probability about 2^-64; nothing adversarial feeds it.
//!
//! Entries of one table are combined by addition of their own digests: engines iterate hash parts in
//! different orders, and addition does not care.
#![forbid(unsafe_code)]

use crate::canon::{Canonical, Class, Frame, Header, Sink, ThreadStatus};
use crate::policy;

/// 64 bits that stand for a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u64);

/// Strings longer than this are hashed by length, head and tail unless `whole_strings` is set.
const STRING_SAMPLE: usize = 32;

/// A running mix of 64-bit words, by folded 128-bit multiplication.
#[derive(Clone, Copy, Debug)]
pub struct Mixer(u64);

impl Default for Mixer {
    fn default() -> Self {
        Mixer(0x243f_6a88_85a3_08d3)
    }
}

impl Mixer {
    #[inline]
    pub fn word(&mut self, word: u64) {
        self.tagged(0, word);
    }

    /// Mixes in a word and a small number that says what it is, at the cost of one: the number chooses the
    /// factor.
    #[inline]
    fn tagged(&mut self, tag: u64, word: u64) {
        let factor = 0x9e37_79b9_7f4a_7c15 ^ tag << 1;
        let product = u128::from(self.0 ^ word) * u128::from(factor);
        self.0 = ((product as u64) ^ ((product >> 64) as u64))
            .wrapping_add(0x1319_8a2e_0370_7345)
            .rotate_left(23);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (chunks, rest) = bytes.as_chunks::<8>();
        for chunk in chunks {
            self.word(u64::from_le_bytes(*chunk));
        }
        if !rest.is_empty() {
            self.word(rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)));
        }
    }

    pub fn finish(self) -> Digest {
        let mut last = self;
        last.word(0x5bd1_e995);
        Digest(last.0)
    }

    /// Mixes in a text and what it is; of a long one a sample, if `sampled`.
    #[inline(never)]
    fn text_at(&mut self, tag: u64, bytes: &[u8], sampled: bool) {
        self.tagged(tag, 0);
        self.string(bytes, !sampled);
    }

    fn string(&mut self, bytes: &[u8], whole: bool) {
        if whole || bytes.len() <= 2 * STRING_SAMPLE {
            self.bytes(&policy::string(bytes));
        } else {
            self.word(bytes.len() as u64);
            self.bytes(&bytes[..STRING_SAMPLE]);
            self.bytes(&bytes[bytes.len() - STRING_SAMPLE..]);
        }
    }

    /// Mixes in a value; of a long string a sample, unless `whole` is set.
    #[inline]
    pub fn value(&mut self, value: &Canonical<'_>, whole: bool) {
        self.value_at(0, value, whole);
    }

    /// Mixes in a value and a small number that says where it is.
    #[inline(always)]
    fn value_at(&mut self, place: u64, value: &Canonical<'_>, whole: bool) {
        let (kind, word) = match *value {
            Canonical::Nil => (1, 0),
            Canonical::Bool(b) => (2, u64::from(b)),
            Canonical::Int(i) => (4, i as u64),
            Canonical::Float(bits) => (5, bits),
            Canonical::Str(bytes) => return self.text_at(place << 8 | 6, bytes, !whole),
            Canonical::Library(name) => {
                return self.text_at(place << 8 | 7, name.text().as_bytes(), false);
            }
            Canonical::Object(class, number) => (8, class_word(class) << 32 | u64::from(number)),
            Canonical::Opaque(class) => (9, class_word(class)),
        };
        self.tagged(place << 8 | kind, word);
    }
}

fn class_word(class: Class) -> u64 {
    8 + class as u64
}

/// The digest of a table's entry; of long strings a sample, unless `whole` is set.
pub(crate) fn entry_digest(key: &Canonical<'_>, value: &Canonical<'_>, whole: bool) -> Digest {
    let mut mixer = Mixer::default();
    mixer.value(key, whole);
    mixer.value(value, whole);
    mixer.finish()
}

/// Folds canonical facts into a digest.
#[derive(Default)]
pub struct DigestSink {
    main: Mixer,
    /// Commutative sum over the entries of the object being visited.
    entries: u64,
    count: u64,
    whole_strings: bool,
}

impl DigestSink {
    /// `whole_strings`: hash every byte of long strings instead of a sample.
    pub fn new(whole_strings: bool) -> Self {
        DigestSink { whole_strings, ..DigestSink::default() }
    }

    pub fn finish(self) -> Digest {
        self.main.finish()
    }

    /// Mixes in bytes that are not part of the state, such as the program's output.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.main.bytes(bytes);
    }
}

impl Sink for DigestSink {
    #[inline]
    fn frame(&mut self, level: usize, frame: &Frame) {
        let function = &frame.function;
        let lines = u64::from(function.line_defined) << 32 | u64::from(function.last_line);
        self.main.tagged(level as u64, lines);
        self.main.word(u64::from(function.proto.0) << 32 | u64::from(frame.pc));
    }

    #[inline]
    fn register(&mut self, index: u8, value: &Canonical<'_>) {
        self.main.value_at(u64::from(index), value, self.whole_strings);
    }

    fn root(&mut self, index: usize, value: &Canonical<'_>) {
        self.main.word(index as u64);
        self.main.value(value, self.whole_strings);
    }

    fn begin(&mut self, number: u32, header: &Header) {
        self.main.word(u64::from(number));
        match header {
            Header::Closure(function) => {
                self.main.word(u64::from(function.proto.0));
                self.main
                    .word(u64::from(function.line_defined) << 32 | u64::from(function.last_line));
            }
            Header::Other(class) => self.main.word(class_word(*class)),
        }
        self.restart();
    }

    fn restart(&mut self) {
        (self.entries, self.count) = (0, 0);
    }

    fn entry(&mut self, key: &Canonical<'_>, value: &Canonical<'_>) {
        let known = match (key, value) {
            (Canonical::Str(key), Canonical::Library(name)) => name.entry_under(key),
            _ => None,
        };
        let digest = known.unwrap_or_else(|| entry_digest(key, value, self.whole_strings));
        self.entries = self.entries.wrapping_add(digest.0);
        self.count += 1;
    }

    fn upvalue(&mut self, index: usize, cell: u32, value: &Canonical<'_>) {
        self.main.word(u64::from(cell));
        self.root(index, value);
    }

    fn metatable(&mut self, value: &Canonical<'_>) {
        self.main.word(0x6d74);
        self.main.value(value, self.whole_strings);
    }

    fn status(&mut self, status: ThreadStatus) {
        self.main.word(0x7468 << 8 | status as u64);
    }

    fn body(&mut self, value: &Canonical<'_>) {
        self.main.value(value, self.whole_strings);
    }

    fn waiting_frame(&mut self, depth: usize, frame: &Frame) {
        self.frame(depth, frame);
    }

    fn waiting_register(&mut self, index: u8, value: &Canonical<'_>) {
        self.register(index, value);
    }

    fn end(&mut self, truncated: bool) {
        self.main.word(self.entries);
        self.main.word(self.count << 1 | u64::from(truncated));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::LibraryName;

    #[test]
    fn words_bytes_and_order_matter_and_repetition_does_not_collapse() {
        let of = |words: &[u64]| {
            let mut mixer = Mixer::default();
            words.iter().for_each(|&w| mixer.word(w));
            mixer.finish()
        };
        let all = [of(&[]), of(&[0]), of(&[0, 0]), of(&[1, 2]), of(&[2, 1]), of(&[u64::MAX])];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
        let text = |bytes: &[u8]| {
            let mut mixer = Mixer::default();
            mixer.bytes(bytes);
            mixer.finish()
        };
        assert_ne!(text(b""), text(b"\0"));
        assert_ne!(text(b"abcdefgh\0"), text(b"abcdefgh"));
    }

    /// What a value is and where it is count as much as its bits do.
    #[test]
    fn equal_bits_of_other_kinds_and_places_have_other_digests() {
        let values = policy::distinct_values();
        let mut seen = std::collections::HashSet::new();
        for index in 0..=255 {
            for value in &values {
                let mut sink = DigestSink::new(false);
                sink.register(index, value);
                assert!(seen.insert(sink.finish()), "register {index}, {value:?}");
            }
        }
    }

    /// The digest that a library function's name has ready is that of the entry, and of no other.
    #[test]
    fn a_ready_digest_is_that_of_the_entry() {
        let [print, pairs] = ["print", "pairs"].map(|name| LibraryName::new(name.into()));
        let digest = |key: &[u8], name| {
            let mut sink = DigestSink::new(false);
            sink.entry(&Canonical::Str(key), &Canonical::Library(name));
            sink.entries
        };
        let plain =
            |key, name| entry_digest(&Canonical::Str(key), &Canonical::Library(name), false).0;
        let mut seen = std::collections::HashSet::new();
        for (key, name) in
            [(&b"print"[..], &print), (b"print", &pairs), (b"pairs", &print), (b"pairs", &pairs)]
        {
            assert_eq!(digest(key, name), plain(key, name));
            assert!(seen.insert(digest(key, name)));
        }
    }

    #[test]
    fn no_collision_among_small_integers_and_floats() {
        let mut seen = std::collections::HashSet::new();
        for i in -5_000i64..5_000 {
            for value in [Canonical::Int(i), Canonical::Float((i as f64).to_bits())] {
                let mut mixer = Mixer::default();
                mixer.value(&value, false);
                assert!(seen.insert(mixer.finish().0), "{value:?} collides");
            }
        }
    }

    #[test]
    fn a_long_string_is_sampled_unless_asked_for_whole() {
        let (a, mut b) = (vec![b'x'; 200], vec![b'x'; 200]);
        b[100] = b'y';
        let digest = |bytes: &[u8], whole| {
            let mut sink = DigestSink::new(whole);
            sink.root(0, &Canonical::Str(bytes));
            sink.finish()
        };
        assert_eq!(digest(&a, false), digest(&b, false));
        assert_ne!(digest(&a, true), digest(&b, true));
    }
}
