//! Our words, read back by decoders that share nothing with the encoder.
//!
//! Lines are compared as lists of words with numbers in one notation, because decoders differ in
//! blanks, bases and whether they show an offset of zero.

use plumb_jit::backend::alloc::Step;
use plumb_jit::backend::mach::Inst;
use plumb_jit::exec::disasm::{disassemble, instruction};

use super::meaning::{constant_value, meaning};
use super::rng::Rng;
use super::table::{self, Subject};

/// A line's words: mnemonic, registers, numbers as decimals. Branch targets are dropped.
fn tidy(line: &str) -> Vec<String> {
    let line = line.split("//").next().unwrap_or("");
    let line = line.split(" <").next().unwrap_or("");
    let separators = |c: char| c.is_whitespace() || ",[]".contains(c);
    let mut words: Vec<String> =
        line.split(separators).filter(|word| !word.is_empty()).map(canonical).collect();
    let name = words.first().cloned().unwrap_or_default();
    if name == "b" || name.starts_with("b.") || name == "cbz" || name == "cbnz" {
        words.truncate(if name.starts_with("cb") { 2 } else { 1 });
    }
    // Every return is to x30; GNU does not say so.
    if words == ["ret", "x30"] {
        words.truncate(1);
    }
    let memory = line.contains('[');
    if words.last().is_some_and(|last| last == "0") && (memory || words.ends_with(&lsl_zero())) {
        words.pop();
        if words.last().is_some_and(|last| last == "lsl") {
            words.pop();
        }
    }
    words
}

fn lsl_zero() -> [String; 2] {
    ["lsl".into(), "0".into()]
}

/// A number in decimal; anything else as it is.
fn canonical(word: &str) -> String {
    let Some(number) = word.strip_prefix('#') else { return word.to_string() };
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    if let Some(hex) = digits.strip_prefix("0x") {
        let value = u64::from_str_radix(hex, 16).expect("hexadecimal");
        return format!("{sign}{value}");
    }
    match digits.parse::<u64>() {
        Ok(value) => format!("{sign}{value}"),
        Err(_) => digits.parse::<f64>().map_or(word.to_string(), |value| format!("{sign}{value}")),
    }
}

fn subjects() -> Vec<(String, Step, Vec<u32>)> {
    let mut rng = Rng::new(11);
    let mut all = Vec::new();
    for form in table::forms() {
        for _ in 0..24 {
            let step = form.draw(&mut rng);
            let words = table::words(&Subject::Step(step.clone()), &[], &[]);
            all.push((form.name.clone(), step, words));
        }
    }
    all
}

#[test]
fn the_decoder_reads_what_was_meant() {
    let mut wrong = Vec::new();
    for (form, step, words) in subjects() {
        let found: Vec<Vec<String>> = disassemble(&words).iter().map(|line| tidy(line)).collect();
        let right = match &step {
            Step::Inst { inst: Inst::IntConst { rd, value }, .. } => {
                constant_value(&found) == Some((rd.to_string(), *value))
            }
            _ => found == meaning(&step).iter().map(|line| tidy(line)).collect::<Vec<_>>(),
        };
        if !right {
            wrong
                .push(format!("{form}: {step:?}\n  meant {:?}\n  found {found:?}", meaning(&step)));
        }
    }
    wrong.truncate(8);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// `just referee`. GNU's disassembler, without aliases, reads each word as the decoder does.
#[test]
#[ignore = "needs aarch64-linux-gnu-objdump"]
fn gnu_objdump_agrees() {
    let tool = "aarch64-linux-gnu-objdump";
    if std::process::Command::new(tool).arg("--version").output().is_err() {
        println!("SKIPPED: {tool} is not installed (Debian: binutils-aarch64-linux-gnu)");
        return;
    }
    let mut words: Vec<u32> = subjects().into_iter().flat_map(|(_, _, words)| words).collect();
    words.extend([false, true].into_iter().flat_map(table::frame));
    words.sort_unstable();
    words.dedup();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let file = std::env::temp_dir().join(format!("plumb-forms-{}.bin", std::process::id()));
    std::fs::write(&file, bytes).expect("a temporary file");
    let arguments =
        ["-D", "-b", "binary", "-m", "aarch64", "-M", "no-aliases", "--no-show-raw-insn"];
    let output = std::process::Command::new(tool).args(arguments).arg(&file).output();
    let output = output.expect("objdump runs");
    let _ = std::fs::remove_file(&file);
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter_map(|line| line.split_once(":\t").map(|(_, text)| text));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), words.len(), "objdump shows a line for each word");
    let mut wrong = Vec::new();
    for (word, gnu) in words.iter().zip(lines) {
        let ours = instruction(*word, 0);
        if tidy(gnu) != tidy(&ours) {
            wrong.push(format!("{word:08x}: objdump `{gnu}`, decoder `{ours}`"));
        }
    }
    println!("{} words read alike by objdump and disarm64", words.len() - wrong.len());
    wrong.truncate(12);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
