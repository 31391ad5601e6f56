//! Canonical facts -> text, and the differences between two texts.
//!
//! In: the facts of [`crate::canon::walk`]. Out: a [`Snapshot`] to print side by side with another
//! engine's. Two snapshots are equal exactly when no fact differs, because `policy::text` prints unequal
//! values unalike; entries of a table are sorted by key. Strings are printed whole up to a bound.
#![forbid(unsafe_code)]

use crate::canon::{Canonical, Frame, Header, Plan, Selection, Sink, State, ThreadStatus, walk};
use crate::event::Clock;
use crate::policy;
use plumb_jit::vm::Unspecified;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A whole state as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub clock: Clock,
    /// Innermost first.
    pub frames: Vec<FrameDump>,
    /// Values that are compared besides registers: results, error value, globals.
    pub roots: Vec<String>,
    pub objects: Vec<ObjectDump>,
    /// Of the error that ended the program, innermost function first, if there is one.
    #[serde(default)]
    pub traceback: Vec<String>,
    /// What the program printed so far.
    pub output: Vec<u8>,
    /// How the program ended, when it has.
    pub ending: Option<String>,
    /// What the program was shown so far that another run need not show. No part of a file.
    #[serde(skip)]
    pub shown: Unspecified,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameDump {
    pub frame: Frame,
    /// Depth of the call, 1 being the outermost Lua frame.
    pub depth: usize,
    pub registers: Vec<RegisterDump>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterDump {
    pub index: u8,
    pub name: Option<String>,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectDump {
    pub number: u32,
    pub header: String,
    /// Upvalues, metatable and entries, by printed key.
    pub content: BTreeMap<String, String>,
    pub truncated: bool,
}

/// One fact that two snapshots show differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Such as `frame 0, register 3 (i)` or `table #2 [17]`.
    pub place: String,
    pub left: String,
    pub right: String,
}

/// Longest prefix of a string that a dump shows; a longer one is followed by its length and digest.
const SHOWN: usize = 256;

impl Snapshot {
    /// Dumps a stopped engine.
    pub fn of<S: State>(
        clock: Clock,
        state: &S,
        selection: &impl Selection,
        roots: &[S::Value],
        plan: &Plan,
    ) -> Snapshot {
        let mut sink = DumpSink::default();
        walk(state, selection, roots, plan, &mut sink);
        let mut snapshot = sink.snapshot;
        snapshot.clock = clock;
        snapshot.shown = state.shown();
        for (level, frame) in snapshot.frames.iter_mut().enumerate() {
            for register in &mut frame.registers {
                register.name = state.register_name(level, register.index);
            }
        }
        snapshot
    }

    /// Every fact that differs, outermost kind first: position, registers, roots, traceback, content, output.
    pub fn differences(&self, other: &Snapshot) -> Vec<Difference> {
        let mut out = Vec::new();
        let mut differ = |place: String, left: Option<String>, right: Option<String>| {
            if left != right {
                let text = |side: Option<String>| side.unwrap_or_else(|| "(absent)".into());
                out.push(Difference { place, left: text(left), right: text(right) });
            }
        };
        differ("ending".into(), self.ending.clone(), other.ending.clone());
        let depths = [self, other].map(|s| s.frames.len().to_string());
        let [left, right] = depths;
        differ("frames".into(), Some(left), Some(right));
        for (level, (a, b)) in self.frames.iter().zip(&other.frames).enumerate() {
            let at = |f: &FrameDump| Some(format!("depth {}, {}", f.depth, position(&f.frame)));
            differ(format!("frame {level}"), at(a), at(b));
            let registers = |f: &FrameDump| -> BTreeMap<u8, (Option<String>, String)> {
                f.registers.iter().map(|r| (r.index, (r.name.clone(), r.value.clone()))).collect()
            };
            let (a, b) = (registers(a), registers(b));
            for index in union(&a, &b) {
                let name = [&a, &b].iter().find_map(|m| m.get(&index).and_then(|r| r.0.clone()));
                let name = name.map_or_else(|| "(temporary)".into(), |n| format!("({n})"));
                let value =
                    |m: &BTreeMap<u8, (Option<String>, String)>| m.get(&index).map(|r| r.1.clone());
                differ(format!("frame {level}, register {index} {name}"), value(&a), value(&b));
            }
        }
        for index in 0..self.roots.len().max(other.roots.len()) {
            let value = |s: &Snapshot| s.roots.get(index).cloned();
            differ(format!("root {index}"), value(self), value(other));
        }
        for index in 0..self.traceback.len().max(other.traceback.len()) {
            let line = |s: &Snapshot| s.traceback.get(index).cloned();
            differ(format!("traceback, line {}", index + 1), line(self), line(other));
        }
        for index in 0..self.objects.len().max(other.objects.len()) {
            match (self.objects.get(index), other.objects.get(index)) {
                (Some(a), Some(b)) => {
                    let place = format!("{} #{}", a.header, a.number);
                    differ(place.clone(), Some(a.header.clone()), Some(b.header.clone()));
                    for key in union(&a.content, &b.content) {
                        let place = format!("{place} {key}");
                        differ(place, a.content.get(&key).cloned(), b.content.get(&key).cloned());
                    }
                }
                (a, b) => {
                    let header = |o: Option<&ObjectDump>| o.map(|o| o.header.clone());
                    differ(format!("object #{index}"), header(a), header(b));
                }
            }
        }
        let (left, right) = (policy::quote(&self.output), policy::quote(&other.output));
        differ("output".into(), Some(left), Some(right));
        out
    }
}

fn union<K: Ord + Clone, V>(a: &BTreeMap<K, V>, b: &BTreeMap<K, V>) -> Vec<K> {
    let keys: std::collections::BTreeSet<&K> = a.keys().chain(b.keys()).collect();
    keys.into_iter().cloned().collect()
}

fn position(frame: &Frame) -> String {
    let function = frame.function;
    match function.line_defined {
        0 => format!("main chunk, pc {}", frame.pc),
        _ => format!(
            "function at lines {}-{}, pc {}",
            function.line_defined, function.last_line, frame.pc
        ),
    }
}

impl Snapshot {
    pub fn heading(&self) -> String {
        match &self.ending {
            Some(ending) => format!("clock {}, {ending}", self.clock.0),
            None => format!("clock {}", self.clock.0),
        }
    }

    pub fn root_lines(&self) -> BTreeMap<usize, String> {
        self.roots.iter().enumerate().map(|(i, root)| (i, format!("root {i}: {root}"))).collect()
    }

    /// The traceback under a heading, by number of line.
    pub fn traceback_lines(&self) -> BTreeMap<usize, String> {
        let heading = self.traceback.first().map(|_| "stack traceback:".to_string());
        let lines = self.traceback.iter().map(|line| format!("  {line}"));
        heading.into_iter().chain(lines).enumerate().collect()
    }
}

/// What is below the heading of a traceback, in the form in which it is compared.
pub fn traceback_lines(text: &[u8]) -> Vec<String> {
    let text = policy::string(text);
    let lines = text.split(|byte| *byte == b'\n').skip(1);
    let shown = lines.map(|line| policy::quote(line.strip_prefix(b"\t").unwrap_or(line)));
    shown.map(|line| line[1..line.len() - 1].to_string()).collect()
}

impl FrameDump {
    pub fn heading(&self, level: usize) -> String {
        format!("frame {level}: depth {}, {}", self.depth, position(&self.frame))
    }

    /// Registers by number.
    pub fn lines(&self) -> BTreeMap<u8, String> {
        let line = |r: &RegisterDump| {
            let name = r.name.as_deref().unwrap_or("(temporary)");
            (r.index, format!("  R{:<3} {name:<14} {}", r.index, r.value))
        };
        self.registers.iter().map(line).collect()
    }
}

impl ObjectDump {
    pub fn heading(&self) -> String {
        format!(
            "#{} {}{}",
            self.number,
            self.header,
            if self.truncated { " (sampled)" } else { "" }
        )
    }

    /// Content by printed key.
    pub fn lines(&self) -> BTreeMap<String, String> {
        self.content
            .iter()
            .map(|(key, value)| (key.clone(), format!("  {key} = {value}")))
            .collect()
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.heading())?;
        for (level, frame) in self.frames.iter().enumerate() {
            writeln!(f, "{}", frame.heading(level))?;
            frame.lines().values().try_for_each(|line| writeln!(f, "{line}"))?;
        }
        self.root_lines().values().try_for_each(|line| writeln!(f, "{line}"))?;
        self.traceback_lines().values().try_for_each(|line| writeln!(f, "{line}"))?;
        for object in &self.objects {
            writeln!(f, "{}", object.heading())?;
            object.lines().values().try_for_each(|line| writeln!(f, "{line}"))?;
        }
        Ok(())
    }
}

/// Collects canonical facts as text.
#[derive(Default)]
struct DumpSink {
    snapshot: Snapshot,
    /// The frame of a coroutine that is being shown.
    waiting: usize,
}

impl DumpSink {
    fn object(&mut self) -> &mut ObjectDump {
        self.snapshot.objects.last_mut().expect("content comes after `begin`")
    }

    /// Entries under keys that print alike (numberless objects) are told apart by a counter.
    fn insert(&mut self, key: String, value: String) {
        let content = &mut self.object().content;
        let mut unique = key.clone();
        let mut copies = 1;
        while content.contains_key(&unique) {
            copies += 1;
            unique = format!("{key} ({copies})");
        }
        content.insert(unique, value);
    }
}

fn shown(value: &Canonical<'_>) -> String {
    match *value {
        Canonical::Str(bytes) if bytes.len() > SHOWN => {
            let mut mixer = crate::digest::Mixer::default();
            mixer.bytes(&policy::string(bytes));
            let digest = mixer.finish().0;
            format!(
                "{}... ({} bytes, digest {digest:016x})",
                policy::quote(&bytes[..SHOWN]),
                bytes.len()
            )
        }
        _ => policy::text(value),
    }
}

impl Sink for DumpSink {
    fn frame(&mut self, depth: usize, frame: &Frame) {
        self.snapshot.frames.push(FrameDump { frame: *frame, depth, registers: Vec::new() });
    }

    fn register(&mut self, index: u8, value: &Canonical<'_>) {
        let register = RegisterDump { index, name: None, value: shown(value) };
        let frame = self.snapshot.frames.last_mut().expect("registers come after their frame");
        frame.registers.push(register);
    }

    fn root(&mut self, _index: usize, value: &Canonical<'_>) {
        self.snapshot.roots.push(shown(value));
    }

    fn begin(&mut self, number: u32, header: &Header) {
        let header = match header {
            Header::Closure(f) if f.line_defined == 0 => "function (main chunk)".into(),
            Header::Closure(f) => format!("function at lines {}-{}", f.line_defined, f.last_line),
            Header::Other(class) => policy::class_name(*class).into(),
        };
        let object = ObjectDump { number, header, content: BTreeMap::new(), truncated: false };
        self.snapshot.objects.push(object);
    }

    fn restart(&mut self) {
        self.object().content.retain(|key, _| key == METATABLE);
    }

    fn entry(&mut self, key: &Canonical<'_>, value: &Canonical<'_>) {
        self.insert(format!("[{}]", shown(key)), shown(value));
    }

    fn upvalue(&mut self, index: usize, cell: u32, value: &Canonical<'_>) {
        self.insert(format!("upvalue {index}"), format!("{} (cell {cell})", shown(value)));
    }

    fn metatable(&mut self, value: &Canonical<'_>) {
        self.insert(METATABLE.into(), shown(value));
    }

    fn status(&mut self, status: ThreadStatus) {
        self.insert("status".into(), format!("{status:?}").to_lowercase());
    }

    fn body(&mut self, value: &Canonical<'_>) {
        self.insert("not started, function".into(), shown(value));
    }

    fn waiting_frame(&mut self, depth: usize, frame: &Frame) {
        self.waiting = depth;
        self.insert(format!("frame {depth:03}"), position(frame));
    }

    fn waiting_register(&mut self, index: u8, value: &Canonical<'_>) {
        self.insert(format!("frame {:03}, register {index:03}", self.waiting), shown(value));
    }

    fn end(&mut self, truncated: bool) {
        self.object().truncated = truncated;
    }
}

const METATABLE: &str = "metatable";
