//! Words -> text, by the decoder of the `disarm64` crate.
//!
//! Why that crate: encoder and decoder must not share a misreading, so the text does not come from
//! the emitter's tables. `disarm64`, `yaxpeax-arm` and `capstone` agree on the words we emit;
//! `disarm64` is pure Rust, is generated from the tables of GNU binutils and also gives the canonical
//! instruction (`subs` for `cmp`), which is what the simulator is built on.

use disarm64::decoder;

use super::code::CodeBlob;

/// One instruction; branch targets are shown relative to `pc`.
pub fn instruction(word: u32, pc: u64) -> String {
    use disarm64::InsnDisplay;
    match decoder::decode(word) {
        Some(insn) => {
            let text = insn.display_at(pc).to_string();
            let (mnemonic, operands) = text.split_once('\t').unwrap_or((&text, ""));
            format!("{mnemonic:<6} {}", operands.trim_start()).trim_end().to_string()
        }
        None => format!(".word {word:#010x}"),
    }
}

/// One line a word, addresses counted from 0.
pub fn disassemble(words: &[u32]) -> Vec<String> {
    let line = |(index, &word): (usize, &u32)| instruction(word, 4 * index as u64);
    words.iter().enumerate().map(line).collect()
}

/// The listing a person reads: word index, word, instruction, category; the IR operation's text where
/// its code starts, and the loop head marked.
pub fn listing(blob: &CodeBlob) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let mut annotations = blob.annotations.iter().peekable();
    for (index, line) in disassemble(&blob.words).iter().enumerate() {
        while let Some((_, operation)) = annotations.next_if(|(at, _)| *at <= index) {
            let _ = writeln!(text, "        ; {operation}");
        }
        if blob.loop_head == Some(index) {
            let _ = writeln!(text, "loop:");
        }
        let word = blob.words[index];
        let category = blob.category(index);
        let _ = writeln!(text, "{index:5}  {word:08x}  {line:<40} ; {category}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::code::{Annotation, Category};

    #[test]
    fn text_of_known_and_unknown_words() {
        assert_eq!(
            disassemble(&[0x9102_0083, 0xeb01_001f, 0x54ff_ffe1, 0xd65f_03c0, 0xffff_ffff]),
            [
                "add    x3, x4, #0x80",
                "subs   xzr, x0, x1",
                "b.ne   0x4",
                "ret    x30",
                ".word 0xffffffff",
            ]
        );
    }

    #[test]
    fn listings_show_operations_and_the_loop_head() {
        let blob = CodeBlob {
            words: vec![0x9102_0083, 0x17ff_ffff],
            loop_head: Some(1),
            annotations: vec![
                (0, Annotation::Text("0001 ADD")),
                (1, Annotation::Text("0002 LOOP")),
            ],
            categories: vec![Category::IntegerArithmetic],
            ..CodeBlob::default()
        };
        let lines: Vec<String> = listing(&blob).lines().map(str::to_string).collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[0].contains("; 0001 ADD"));
        assert!(lines[1].contains("add") && lines[1].ends_with("; integer arithmetic"));
        assert_eq!(lines[3], "loop:");
        assert!(lines[4].ends_with("; other"));
    }
}
