//! The text form of traces, read.
//!
//! In:  text as [`super::print`] writes it.   Out: a [`Trace`], or [`ParseError`] with its line.
//!
//! Value and snapshot names are free (`v12`, `vsum`, `#exit`): a value's id is the position of
//! its instruction, a snapshot's id the position of its line; printing renames them so.
//! `;` starts a comment. Nothing but the form is checked; rules are the verifier's.

use super::op::{Imm, Op, Ty};
use super::print::Symbols;
use super::trace::{Args, FrameLink, Inst, Snapshot, SnapshotId, Trace, ValueId};
use rustc_hash::FxHashMap;
use std::fmt;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// 1-based.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}
impl std::error::Error for ParseError {}

/// Reads a trace whose objects are given by address.
pub fn parse(text: &str) -> Result<Trace, ParseError> {
    parse_with(text, &Symbols::default())
}

/// Reads a trace whose objects may be given by a name in `symbols`.
pub fn parse_with(text: &str, symbols: &Symbols) -> Result<Trace, ParseError> {
    let lines: Vec<Line> = text.lines().enumerate().filter_map(Line::new).collect();
    let names = Names::collect(&lines)?;
    let mut header = None;
    let (mut insts, mut snapshots) = (Vec::new(), Vec::new());
    for line in &lines {
        let mut cursor = Cursor { tokens: &line.tokens, line: line.number, names: &names };
        match line.tokens[0] {
            "trace" => header = Some(cursor.header()?),
            "snap" => snapshots.push(cursor.snapshot()?),
            _ => insts.push(cursor.inst(symbols)?),
        }
        if let Some(extra) = cursor.tokens.first() {
            return Err(cursor.error(format!("unexpected `{extra}`")));
        }
    }
    let header = header.ok_or(ParseError { line: 1, message: "no `trace` line".to_owned() })?;
    Ok(Trace { insts, snapshots, ..header })
}

struct Line<'a> {
    number: usize,
    tokens: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// None for a line without tokens.
    fn new((index, text): (usize, &'a str)) -> Option<Line<'a>> {
        let tokens = tokenize(text.split(';').next().unwrap_or(""));
        (!tokens.is_empty()).then_some(Line { number: index + 1, tokens })
    }
}

/// Splits at spaces and around punctuation.
fn tokenize(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() || "=:,[]{}".contains(c) {
            if start < at {
                tokens.push(&text[start..at]);
            }
            if !c.is_whitespace() {
                tokens.push(&text[at..at + 1]);
            }
            start = at + c.len_utf8();
        }
    }
    if start < text.len() {
        tokens.push(&text[start..]);
    }
    tokens
}

/// Which instruction a value name and which snapshot a snapshot name means.
#[derive(Default)]
struct Names<'a> {
    values: FxHashMap<&'a str, ValueId>,
    snapshots: FxHashMap<&'a str, SnapshotId>,
}

impl<'a> Names<'a> {
    fn collect(lines: &[Line<'a>]) -> Result<Names<'a>, ParseError> {
        let mut names = Names::default();
        let (mut insts, mut snapshots) = (0, 0);
        for line in lines {
            let (name, fresh) = match line.tokens[0] {
                "trace" => continue,
                "snap" => {
                    snapshots += 1;
                    let name = line.tokens.get(1).copied().unwrap_or("");
                    let id = SnapshotId(snapshots - 1);
                    (name, names.snapshots.insert(name, id).is_none())
                }
                name => {
                    insts += 1;
                    let defines = line.tokens.get(1) == Some(&":");
                    let id = ValueId(insts - 1);
                    (name, !defines || names.values.insert(name, id).is_none())
                }
            };
            if !fresh {
                let message = format!("`{name}` is defined twice");
                return Err(ParseError { line: line.number, message });
            }
        }
        Ok(names)
    }
}

/// The rest of a line.
struct Cursor<'a> {
    tokens: &'a [&'a str],
    line: usize,
    names: &'a Names<'a>,
}

impl<'a> Cursor<'a> {
    fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError { line: self.line, message: message.into() }
    }
    fn next(&mut self) -> Result<&'a str, ParseError> {
        let (&token, rest) =
            self.tokens.split_first().ok_or_else(|| self.error("the line ends too early"))?;
        self.tokens = rest;
        Ok(token)
    }
    fn eat(&mut self, token: &str) -> bool {
        let found = self.tokens.first() == Some(&token);
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }
    fn expect(&mut self, token: &str) -> Result<(), ParseError> {
        let found = self.next()?;
        if found == token {
            return Ok(());
        }
        Err(self.error(format!("expected `{token}`, found `{found}`")))
    }
    fn number<T: std::str::FromStr>(&mut self) -> Result<T, ParseError> {
        let token = self.next()?;
        token.parse().map_err(|_| self.error(format!("`{token}` is not a number that fits here")))
    }
    /// `name=number`
    fn field<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, ParseError> {
        self.expect(name)?;
        self.expect("=")?;
        self.number()
    }
    fn value(&mut self) -> Result<ValueId, ParseError> {
        let name = self.next()?;
        let id = self.names.values.get(name).copied();
        id.ok_or_else(|| self.error(format!("no instruction defines `{name}`")))
    }
    fn snapshot_name(&mut self) -> Result<SnapshotId, ParseError> {
        let name = self.next()?;
        let id = self.names.snapshots.get(name).copied();
        id.ok_or_else(|| self.error(format!("no `snap` line defines `{name}`")))
    }

    fn header(&mut self) -> Result<Trace, ParseError> {
        self.expect("trace")?;
        let proto = self.field("proto")?;
        let head = self.field("head")?;
        let iteration_clock = self.field("clock")?;
        let max_slots = self.field("slots")?;
        self.expect("end")?;
        self.expect("=")?;
        let end = self.snapshot_name()?;
        let (insts, snapshots) = (Vec::new(), Vec::new());
        Ok(Trace { proto, head, iteration_clock, max_slots, insts, snapshots, end })
    }

    fn snapshot(&mut self) -> Result<Snapshot, ParseError> {
        self.expect("snap")?;
        self.next()?;
        let pc = self.field("pc")?;
        let clock = self.field("clock")?;
        let open_top = if self.eat("top") {
            self.expect("=")?;
            Some(self.number()?)
        } else {
            None
        };
        let mut frames = Vec::new();
        if self.eat("frames") {
            self.expect("=")?;
            self.expect("[")?;
            while !self.eat("]") {
                frames.push(self.frame()?);
                self.eat(",");
            }
        }
        let mut slots = Vec::new();
        self.expect("{")?;
        while !self.eat("}") {
            let slot = self.number()?;
            self.expect(":")?;
            slots.push((slot, self.value()?));
            self.eat(",");
        }
        Ok(Snapshot { pc, clock, open_top, frames, slots })
    }

    fn frame(&mut self) -> Result<FrameLink, ParseError> {
        self.expect("fun")?;
        let closure = self.value()?;
        let base = self.field("base")?;
        let return_pc = self.field("ret")?;
        let wanted = self.field("want")?;
        Ok(FrameLink { closure, base, return_pc, wanted })
    }

    fn inst(&mut self, symbols: &Symbols) -> Result<Inst, ParseError> {
        let mut ty = Ty::Void;
        if self.tokens.get(1) == Some(&":") {
            self.next()?;
            self.expect(":")?;
            let name = self.next()?;
            ty = *Ty::ALL
                .iter()
                .find(|ty| ty.text() == name)
                .ok_or_else(|| self.error(format!("no type is called `{name}`")))?;
            self.expect("=")?;
        }
        let name = self.next()?;
        let op = *Op::ALL
            .iter()
            .find(|op| op.text() == name)
            .ok_or_else(|| self.error(format!("no op is called `{name}`")))?;
        let mut args = Vec::new();
        for position in 0..op.operands().len() {
            if position > 0 {
                self.expect(",")?;
            }
            args.push(self.value()?);
        }
        let imm = self.imm(op, symbols)?;
        let guarded = self.tokens.first().is_some_and(|token| token.starts_with('#'));
        let snapshot = if guarded { Some(self.snapshot_name()?) } else { None };
        Ok(Inst { op, ty, args: Args::new(&args), imm, snapshot })
    }

    fn imm(&mut self, op: Op, symbols: &Symbols) -> Result<i64, ParseError> {
        match op.imm() {
            Imm::None => Ok(0),
            Imm::Int => self.number(),
            Imm::Slot => {
                let token = self.next()?;
                let digits = token.strip_prefix('s').and_then(|digits| digits.parse().ok());
                digits.ok_or_else(|| self.error(format!("`{token}` is not a slot")))
            }
            Imm::Index => {
                self.expect("[")?;
                let index = self.number()?;
                self.expect("]")?;
                Ok(index)
            }
            Imm::FloatBits => self.float_bits(),
            Imm::Address => self.address(symbols),
        }
    }

    fn float_bits(&mut self) -> Result<i64, ParseError> {
        if self.tokens.first().is_some_and(|token| token.starts_with("0x")) {
            return Ok(self.hex()? as i64);
        }
        Ok(self.number::<f64>()?.to_bits() as i64)
    }

    fn address(&mut self, symbols: &Symbols) -> Result<i64, ParseError> {
        match self.tokens.first().and_then(|token| token.strip_prefix('@')) {
            None => Ok(self.hex()? as i64),
            Some(name) => {
                self.next()?;
                let address = symbols.address(name);
                let address = address.ok_or_else(|| self.error(format!("unknown `@{name}`")))?;
                Ok(address as i64)
            }
        }
    }

    fn hex(&mut self) -> Result<u64, ParseError> {
        let token = self.next()?;
        let digits = token.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
        digits.ok_or_else(|| self.error(format!("`{token}` is not a hexadecimal number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::print::{print, print_with};
    use proptest::prelude::*;

    const SAMPLE: &str = "trace proto=3 head=12 clock=9 slots=20 end=#3
v0:int = sload s5 #0
v1:float = kfloat -0.0
v2:float = kfloat 0x7ff8000000000001
v3:fun = kobj 0x7f0010
v4:tab = sload s6 #0
v5:str = kobj 0x40
v6:ptr = hslot v4, v5 [2] #1
v7:int = hload v6 #1
guard.ilt v0, v7 #2
v9:nil = kpri
hstore v6, v9
loop
v12:int = phi v0, v13
v13:int = add v12, v7
snap #0 pc=12 clock=0 {}
snap #1 pc=13 clock=1 {5: v0, 6: v4}
snap #2 pc=2 clock=4 frames=[fun v3 base=9 ret=14 want=1, fun v3 base=15 ret=3 want=-1] {8: v3}
snap #3 pc=12 clock=9 {5: v13}
";

    #[test]
    fn sample_round_trips() {
        let trace = parse(SAMPLE).unwrap();
        assert_eq!(print(&trace), SAMPLE);
    }

    #[test]
    fn names_are_free_and_symbols_resolve() {
        let mut symbols = Symbols::default();
        symbols.define("t1", 0x1000);
        let text = "trace proto=0 head=0 clock=1 slots=1 end=#out ; header\n\
                    snap #out pc=0 clock=1 {0: vtable}\n\
                    vtable:tab = kobj @t1\n";
        let trace = parse_with(text, &symbols).unwrap();
        assert_eq!(trace.insts[0].imm, 0x1000);
        assert!(print_with(&trace, &symbols).contains("v0:tab = kobj @t1"));
        assert!(print(&trace).contains("v0:tab = kobj 0x1000"));
    }

    #[test]
    fn errors_name_the_line() {
        let bad = |line: &str| {
            let text = format!(
                "trace proto=0 head=0 clock=1 slots=1 end=#0\n{line}\nsnap #0 pc=0 clock=1 {{}}"
            );
            let error = parse(&text).unwrap_err();
            assert_eq!(error.line, 2, "{error}");
            error.message
        };
        assert!(bad("v0:int = kint x").contains("`x` is not a number"));
        assert!(bad("v0:int = frob").contains("`frob`"));
        assert!(bad("v0:num = kint 1").contains("`num`"));
        assert!(bad("v0:int = neg v9").contains("`v9`"));
        assert!(bad("v0:int = kint 1 #7").contains("`#7`"));
        assert!(bad("v0:int = kint 1 2").contains("unexpected `2`"));
        assert!(bad("v0:int = sload 5").contains("not a slot"));
        assert!(bad("v0:tab = kobj @t").contains("`@t`"));
        assert!(bad("v0:int = add").contains("too early"));
        assert!(parse("").unwrap_err().message.contains("no `trace` line"));
        let twice = "trace proto=0 head=0 clock=1 slots=1 end=#0\nv0:int = kint 1\nv0:int = kint 2\n\
                     snap #0 pc=0 clock=1 {}";
        assert!(parse(twice).unwrap_err().message.contains("twice"));
    }

    /// Any trace whose instructions fit the table in number of operands: the form only.
    fn any_trace() -> impl Strategy<Value = Trace> {
        let inst = (0..Op::ALL.len(), 1..Ty::ALL.len(), any::<[u32; 3]>(), any::<i64>());
        let snapshot = (any::<(u32, u32)>(), any::<[i16; 2]>(), any::<[u32; 3]>(), 0..3usize);
        let parts = (prop::collection::vec(inst, 1..40), prop::collection::vec(snapshot, 1..6));
        (parts, any::<[u32; 4]>())
            .prop_map(|((insts, snapshots), header)| build(&insts, &snapshots, header))
    }

    type RawInst = (usize, usize, [u32; 3], i64);
    type RawSnapshot = ((u32, u32), [i16; 2], [u32; 3], usize);

    fn build(raw: &[RawInst], raw_snapshots: &[RawSnapshot], header: [u32; 4]) -> Trace {
        use crate::ir::op::Yields;
        let mut insts: Vec<Inst> = Vec::new();
        // The first instruction gives a name that every operand may use.
        for &(op, ty, args, imm) in std::iter::once(&(0, 1, [0; 3], 7)).chain(raw) {
            let op = Op::ALL[op];
            let ty = match op.result() {
                Yields::Void => Ty::Void,
                Yields::Fixed(ty) => ty,
                Yields::Declared => Ty::ALL[ty],
            };
            let named: Vec<u32> =
                (0..insts.len() as u32).filter(|&i| insts[i as usize].ty != Ty::Void).collect();
            let pick =
                |seed: u32| ValueId(*named.get(seed as usize % named.len().max(1)).unwrap_or(&0));
            let args: Vec<ValueId> =
                args[..op.operands().len()].iter().map(|&seed| pick(seed)).collect();
            let imm = match op.imm() {
                Imm::None => 0,
                _ => imm,
            };
            let guard = op.effects().guard;
            let snapshot = guard.then_some(SnapshotId(imm as u32 % raw_snapshots.len() as u32));
            insts.push(Inst { op, ty, args: Args::new(&args), imm, snapshot });
        }
        let snapshots = raw_snapshots.iter().map(|&((pc, clock), slots, nums, frames)| Snapshot {
            pc,
            clock,
            open_top: (clock % 3 == 0).then_some(slots[0] as i32),
            frames: (0..frames)
                .map(|depth| FrameLink {
                    closure: ValueId(0),
                    base: slots[0] as i32 + depth as i32,
                    return_pc: nums[0],
                    wanted: nums[1] as i32,
                })
                .collect(),
            slots: slots.iter().map(|&slot| (slot as i32, ValueId(0))).collect(),
        });
        let [proto, head, iteration_clock, max_slots] = header;
        let snapshots: Vec<Snapshot> = snapshots.collect();
        let end = SnapshotId(header[0] % snapshots.len() as u32);
        Trace { proto, head, iteration_clock, max_slots, insts, snapshots, end }
    }

    proptest! {
        #[test]
        fn printed_traces_parse_back(trace in any_trace()) {
            let text = print(&trace);
            let back = parse(&text).unwrap();
            prop_assert_eq!(print(&back), text);
            prop_assert_eq!(back, trace);
        }
    }
}
