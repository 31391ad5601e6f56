//! The bytes of a chunk, all at once or in pieces from a reader.
//!
//! Invariant: a piece is asked for when a byte behind those at hand is needed, and not before. The reader is
//! a function of the running program, which can tell how often it is called.

use std::borrow::Cow;

/// Appends a piece; false when there is none.
pub type Reader<'r> = dyn FnMut(&mut Vec<u8>) -> bool + 'r;

pub struct Source<'r> {
    bytes: Cow<'r, [u8]>,
    /// `None` once it had nothing more to give.
    reader: Option<&'r mut Reader<'r>>,
}

impl<'r> From<&'r [u8]> for Source<'r> {
    fn from(bytes: &'r [u8]) -> Source<'r> {
        Source { bytes: Cow::Borrowed(bytes), reader: None }
    }
}

impl<'r> Source<'r> {
    /// A source whose first byte has been asked for.
    pub fn read(reader: &'r mut Reader<'r>) -> Source<'r> {
        let mut source = Source { bytes: Cow::Owned(Vec::new()), reader: Some(reader) };
        source.extend();
        source
    }

    /// The bytes that are at hand.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Asks for another piece; false when the source has ended.
    #[cold]
    pub fn extend(&mut self) -> bool {
        let Some(reader) = &mut self.reader else { return false };
        let old = self.bytes.len();
        let is_longer = reader(self.bytes.to_mut()) && self.bytes.len() > old;
        if !is_longer {
            self.reader = None;
        }
        is_longer
    }
}
