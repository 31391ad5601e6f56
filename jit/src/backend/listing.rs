//! A compiled trace for people: code, exits, and what an iteration costs.
//!
//! In:  [`CompiledTrace`].   Out: text. The words after the hot code are the same in every trace
//! (stubs, saving and restoring of registers) and left out.

use std::fmt::{self, Display};

use super::{CompiledTrace, Location};
use crate::exec::code::{Category, CodeBlob};
use crate::exec::disasm;

/// Instructions by category, in the order of [`Category::ALL`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CategoryCounts(pub [usize; Category::ALL.len()]);

impl CategoryCounts {
    pub fn get(&self, category: Category) -> usize {
        self.0[category as usize]
    }
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

/// `12: float arithmetic 7, guards and branches 4, integer arithmetic 1`
impl Display for CategoryCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.total())?;
        let mut separator = ": ";
        for category in Category::ALL {
            if self.get(category) > 0 {
                write!(f, "{separator}{category} {}", self.get(category))?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

impl CompiledTrace {
    /// What one whole iteration of the loop executes; nothing for a linear trace.
    pub fn loop_counts(&self) -> CategoryCounts {
        let mut counts = CategoryCounts::default();
        if let Some(head) = self.blob.loop_head {
            for word in head..head + self.stats.loop_words {
                counts.0[self.blob.category(word) as usize] += 1;
            }
        }
        counts
    }

    /// The listing.
    pub fn listing(&self) -> String {
        use fmt::Write;
        let hot = self.stats.hot_words;
        let annotations = self.blob.annotations.iter().filter(|(word, _)| *word < hot);
        let blob = CodeBlob {
            words: self.blob.words[..hot].to_vec(),
            annotations: annotations.cloned().collect(),
            ..self.blob.clone()
        };
        let mut text = disasm::listing(&blob);
        for (number, exit) in self.exits.iter().enumerate() {
            let _ = write!(text, "exit {number} #{}", exit.snapshot.0);
            for (value, location) in &exit.values {
                let _ = write!(text, " v{}={location}", value.0);
            }
            text.push('\n');
        }
        if self.blob.loop_head.is_some() {
            let _ = writeln!(text, "instructions an iteration: {}", self.loop_counts());
        }
        text
    }
}

impl Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Gpr(n) => write!(f, "x{n}"),
            Location::Fpr(n) => write!(f, "d{n}"),
            Location::Spill(n) => write!(f, "spill{n}"),
            Location::Const(bits) => write!(f, "{bits:#x}"),
        }
    }
}
