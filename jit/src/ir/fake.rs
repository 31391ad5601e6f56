//! Made-up objects for the evaluator: a small heap of bytes laid out as `heap::layout` says.
//!
//! In:  tables, strings, closures, upvalues and entry slots, built by hand or from text.
//! Out: a [`TraceMemory`]; two of them are equal when their bytes and their logs are.
//!
//! Text, one definition a line, for filetests:
//!
//! ```text
//! @k = string
//! @t = table [1, 2.5, true, nil] {@k: 7}
//! @m = table [] {} @t            (with a metatable)
//! @u = upvalue 5                 (closed)
//! @o = open 3                    (open, at slot 3; -5 is below the root frame's function)
//! @e = elsewhere 5               (open, at a slot of another stack)
//! @f = closure @u, @o
//! ```
//!
//! Limits: raw sets beyond the array part or of absent keys are appended to a log instead of
//! growing a hash part, except that a set of the key after the last moves the array to twice the
//! size, so that stale addresses show.

use super::eval::{EvalTrap, TraceMemory, evaluate};
use super::print::Symbols;
use super::trace::{FrameLink, Slot, Trace};
use crate::heap::layout;
use crate::heap::value::{Tag, VALUE_SIZE, VALUE_TAG};
use std::fmt;

/// A tagged payload.
pub type Word = (Tag, u64);

/// A heap of made-up objects and the root frame's registers.
#[derive(Clone, PartialEq, Eq)]
pub struct FakeMemory {
    bytes: Vec<u8>,
    root_closure: u64,
    /// Raw sets that no array element or node took: table, key, value.
    log: Vec<(u64, Word, Word)>,
}

/// Address of the first byte; what lies below is never mapped.
const START: u64 = 0x1_0000;
/// Stack slots below and from the root frame's base.
const SLOTS_BELOW: u64 = 16;
const SLOTS: u64 = 256;
const BASE: u64 = START + SLOTS_BELOW * VALUE_SIZE as u64;

/// Slots that are not nil, by number; then words that are not 0, sixteen bytes a line.
impl fmt::Debug for FakeMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.bytes.chunks(VALUE_SIZE).enumerate() {
            if word.iter().any(|&byte| byte != 0) {
                let address = START + (index * VALUE_SIZE) as u64;
                let slot = index as i64 - SLOTS_BELOW as i64;
                match self.word(address) {
                    Ok((Tag::Float, bits)) if slot < SLOTS as i64 => {
                        write!(f, "\n  s{slot} = {:?} ({bits:#018x})", f64::from_bits(bits))?;
                        continue;
                    }
                    Ok((Tag::Int, int)) if slot < SLOTS as i64 => {
                        write!(f, "\n  s{slot} = {}", int as i64)?;
                        continue;
                    }
                    _ => {}
                }
                let half =
                    |half: &[u8]| half.iter().rev().map(|b| format!("{b:02x}")).collect::<String>();
                let (low, high) = word.split_at(word.len().min(VALUE_TAG));
                write!(f, "\n  {address:#x}: {} {}", half(low), half(high))?;
            }
        }
        write!(f, "\n  log {:x?}", self.log)
    }
}

impl Default for FakeMemory {
    fn default() -> Self {
        FakeMemory::new()
    }
}

impl FakeMemory {
    /// All slots nil, no objects.
    pub fn new() -> FakeMemory {
        let bytes = vec![0; (SLOTS_BELOW + SLOTS) as usize * VALUE_SIZE];
        FakeMemory { bytes, root_closure: 0, log: Vec::new() }
    }

    fn allocate(&mut self, size: usize) -> u64 {
        let address = START + self.bytes.len() as u64;
        self.bytes.resize(self.bytes.len() + size.next_multiple_of(16), 0);
        address
    }

    fn bytes(&self, address: u64, len: usize) -> Result<std::ops::Range<usize>, EvalTrap> {
        let start = address.checked_sub(START).ok_or(EvalTrap::BadAddress(address))? as usize;
        let end = start.checked_add(len).filter(|&end| end <= self.bytes.len());
        end.map(|end| start..end).ok_or(EvalTrap::BadAddress(address))
    }

    fn read<const N: usize>(&self, address: u64) -> Result<[u8; N], EvalTrap> {
        let range = self.bytes(address, N)?;
        Ok(self.bytes[range].try_into().expect("the range has N bytes"))
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), EvalTrap> {
        let range = self.bytes(address, bytes.len())?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    fn word(&self, address: u64) -> Result<Word, EvalTrap> {
        let tag = self.read::<1>(address.wrapping_add(VALUE_TAG as u64))?[0];
        let tag = TAGS.iter().copied().find(|&known| known as u8 == tag);
        let tag = tag.ok_or(EvalTrap::BadAddress(address))?;
        Ok((tag, u64::from_le_bytes(self.read(address)?)))
    }

    fn set_word(&mut self, address: u64, (tag, payload): Word) -> Result<(), EvalTrap> {
        self.write(address, &payload.to_le_bytes())?;
        self.write(address.wrapping_add(VALUE_TAG as u64), &[tag as u8])
    }

    fn field(&self, object: u64, offset: usize) -> Result<u64, EvalTrap> {
        Ok(u64::from_le_bytes(self.read(object.wrapping_add(offset as u64))?))
    }

    /// For objects this module laid out itself.
    fn put(&mut self, object: u64, offset: usize, bytes: &[u8]) {
        self.write(object + offset as u64, bytes).expect("within a fresh object");
    }

    /// Writes a register of the root frame.
    pub fn set_slot(&mut self, slot: Slot, word: Word) {
        self.set_word(slot_address(slot), word).expect("a slot of the fake stack");
    }

    pub fn string(&mut self) -> u64 {
        let string = self.allocate(size_of::<layout::Str>());
        self.put(string, layout::STR_LEN, &3u64.to_le_bytes());
        string
    }

    /// A table with this array part and these string keys.
    pub fn table(&mut self, array: &[Word], nodes: &[(u64, Word)], metatable: u64) -> u64 {
        let table = self.allocate(size_of::<layout::Table>());
        let values = self.allocate(array.len() * VALUE_SIZE);
        for (index, &word) in array.iter().enumerate() {
            self.set_word(element(values, index as u64), word).expect("a fresh array part");
        }
        let log2_nodes = nodes.len().max(1).next_power_of_two().trailing_zeros() as u8;
        let hash = self.allocate(layout::NODE_SIZE << log2_nodes);
        for (index, &(key, word)) in nodes.iter().enumerate() {
            let node = hash + (index * layout::NODE_SIZE) as u64;
            self.set_word(node, word).expect("a fresh node");
            self.put(node, layout::NODE_KEY_PAYLOAD, &key.to_le_bytes());
            self.put(node, layout::NODE_KEY_TAG, &[Tag::Str as u8]);
        }
        self.put(table, layout::TABLE_ARRAY, &values.to_le_bytes());
        self.put(table, layout::TABLE_ALIMIT, &(array.len() as u32).to_le_bytes());
        self.put(table, layout::TABLE_ARRAY_SIZE, &(array.len() as u32).to_le_bytes());
        self.put(table, layout::TABLE_NODES, &hash.to_le_bytes());
        self.put(table, layout::TABLE_LOG2_NODES, &[log2_nodes]);
        self.put(table, layout::TABLE_METATABLE, &metatable.to_le_bytes());
        table
    }

    /// A closed upvalue.
    pub fn upvalue(&mut self, word: Word) -> u64 {
        let upvalue = self.allocate(size_of::<layout::Upvalue>());
        let closed = upvalue + layout::UPVALUE_CLOSED as u64;
        self.put(upvalue, layout::UPVALUE_LOCATION, &closed.to_le_bytes());
        self.set_word(closed, word).expect("a fresh upvalue");
        upvalue
    }

    /// An open upvalue at a slot of the root frame, or below it.
    pub fn open_upvalue(&mut self, slot: Slot) -> u64 {
        let upvalue = self.allocate(size_of::<layout::Upvalue>());
        self.put(upvalue, layout::UPVALUE_LOCATION, &slot_address(slot).to_le_bytes());
        upvalue
    }

    /// An open upvalue at a slot of another stack.
    pub fn upvalue_elsewhere(&mut self, word: Word) -> u64 {
        let upvalue = self.allocate(size_of::<layout::Upvalue>());
        let slot = self.allocate(VALUE_SIZE);
        self.put(upvalue, layout::UPVALUE_LOCATION, &slot.to_le_bytes());
        self.set_word(slot, word).expect("a fresh slot");
        upvalue
    }

    /// A closure with these upvalues; it becomes the root frame's.
    pub fn closure(&mut self, upvalues: &[u64]) -> u64 {
        let closure = self.allocate(layout::CLOSURE_UPVALUES + 8 * upvalues.len());
        for (index, upvalue) in upvalues.iter().enumerate() {
            self.put(closure, layout::CLOSURE_UPVALUES + 8 * index, &upvalue.to_le_bytes());
        }
        self.root_closure = closure;
        closure
    }

    fn node_value(&self, table: u64, key: u64) -> Result<u64, EvalTrap> {
        let nodes = self.field(table, layout::TABLE_NODES)?;
        let log2_nodes = self.read::<1>(table + layout::TABLE_LOG2_NODES as u64)?[0];
        for index in 0..1u64 << log2_nodes {
            let node = nodes + index * layout::NODE_SIZE as u64;
            let tag = self.read::<1>(node + layout::NODE_KEY_TAG as u64)?[0];
            if tag == Tag::Str as u8 && self.field(node, layout::NODE_KEY_PAYLOAD)? == key {
                return Ok(node + layout::NODE_VALUE as u64);
            }
        }
        Ok(0)
    }

    fn alimit(&self, table: u64) -> Result<u64, EvalTrap> {
        let limit = self.read(table.wrapping_add(layout::TABLE_ALIMIT as u64))?;
        Ok(u32::from_le_bytes(limit).into())
    }

    /// Moves the array part to twice its size.
    fn grow_array(&mut self, table: u64) -> Result<(), EvalTrap> {
        let (old, size) = (self.field(table, layout::TABLE_ARRAY)?, self.alimit(table)?);
        let new_size = (2 * size).max(4);
        let new = self.allocate(new_size as usize * VALUE_SIZE);
        for index in 0..size {
            let word = self.word(element(old, index))?;
            self.set_word(element(new, index), word)?;
        }
        self.put(table, layout::TABLE_ARRAY, &new.to_le_bytes());
        self.put(table, layout::TABLE_ALIMIT, &(new_size as u32).to_le_bytes());
        self.put(table, layout::TABLE_ARRAY_SIZE, &(new_size as u32).to_le_bytes());
        Ok(())
    }

    /// Reads the definitions in `text` into this memory and their names into `symbols`.
    pub fn define(&mut self, text: &str, symbols: &mut Symbols) -> Result<(), String> {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let problem = |what: &str| format!("{what} in `{line}`");
            let (name, rest) = line.split_once('=').ok_or_else(|| problem("no `=`"))?;
            let name = name.trim().strip_prefix('@').ok_or_else(|| problem("no `@name`"))?;
            let (kind, rest) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
            let words = |list: &str| words(list, symbols);
            let address = match kind {
                "string" => self.string(),
                "upvalue" => {
                    let word = parse_word(rest.trim(), symbols)?;
                    self.upvalue(word)
                }
                "elsewhere" => {
                    let word = parse_word(rest.trim(), symbols)?;
                    self.upvalue_elsewhere(word)
                }
                "open" => {
                    let slot = rest.trim().parse().map_err(|_| problem("no slot"))?;
                    self.open_upvalue(slot)
                }
                "closure" => {
                    let upvalues: Vec<u64> = words(rest)?.iter().map(|word| word.1).collect();
                    self.closure(&upvalues)
                }
                "table" => {
                    let between = |open: char, close: char| {
                        let start = rest.find(open)? + 1;
                        Some(&rest[start..start + rest[start..].find(close)?])
                    };
                    let array = words(between('[', ']').unwrap_or(""))?;
                    let pairs = between('{', '}').unwrap_or("").replace(':', ",");
                    let pairs = words(&pairs)?;
                    let nodes: Vec<(u64, Word)> =
                        pairs.chunks_exact(2).map(|pair| (pair[0].1, pair[1])).collect();
                    let tail = rest.rsplit(['}', ']']).next().unwrap_or("").trim();
                    let metatable = if tail.is_empty() { 0 } else { parse_word(tail, symbols)?.1 };
                    self.table(&array, &nodes, metatable)
                }
                _ => return Err(problem("unknown kind of object")),
            };
            symbols.define(name, address);
            self.kinds_check(name, kind)?;
        }
        Ok(())
    }

    fn kinds_check(&self, name: &str, kind: &str) -> Result<(), String> {
        // A name's first letter says its kind, so that `@t` can stand for a tagged value.
        let expected = match kind {
            "string" => "k",
            "table" => "tm",
            "closure" => "f",
            _ => "uo",
        };
        let fits = name.chars().next().is_some_and(|first| expected.contains(first));
        if fits {
            Ok(())
        } else {
            Err(format!("the name of a {kind} begins with one of `{expected}`"))
        }
    }
}

fn words(list: &str, symbols: &Symbols) -> Result<Vec<Word>, String> {
    let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| parse_word(item, symbols)).collect()
}

/// A value: `nil`, `true`, `false`, `5`, `0.5`, `inf`, `nan`, `@t1`.
pub fn parse_word(text: &str, symbols: &Symbols) -> Result<Word, String> {
    match text {
        "nil" => return Ok((Tag::Nil, 0)),
        "false" => return Ok((Tag::False, 0)),
        "true" => return Ok((Tag::True, 0)),
        _ => {}
    }
    if let Some(name) = text.strip_prefix('@') {
        let address = symbols.address(name).ok_or_else(|| format!("unknown `{text}`"))?;
        let tag = match name.chars().next() {
            Some('t' | 'm') => Tag::Table,
            Some('f') => Tag::Closure,
            Some('k') => Tag::Str,
            // Upvalues are not Lua values; only their address is used.
            _ => Tag::LightUserdata,
        };
        return Ok((tag, address));
    }
    if let Ok(int) = text.parse::<i64>() {
        return Ok((Tag::Int, int as u64));
    }
    let float = text.parse::<f64>().map_err(|_| format!("`{text}` is no value"))?;
    Ok((Tag::Float, float.to_bits()))
}

/// What can be observed of a run that ended at a guard; registers are in `memory`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observed {
    pub pc: u32,
    /// VM instructions since the first entry.
    pub clock: u64,
    /// Base, return pc and wanted results of each inlined frame.
    pub frames: Vec<(Slot, u32, i32)>,
    pub memory: FakeMemory,
}

/// Most times that [`run_to_exit`] enters a linear trace.
const MAX_ENTRIES: u32 = 10_000;
const FUEL: u64 = 1_000_000;

/// Enters the trace, as the VM would, until a guard fails. Two equivalent traces are observed to
/// be equal from any memory.
pub fn run_to_exit(trace: &Trace, mut memory: FakeMemory) -> Result<Observed, String> {
    let mut clock = 0;
    for _ in 0..MAX_ENTRIES {
        let outcome = evaluate(trace, &mut memory, FUEL).map_err(|trap| trap.to_string())?;
        clock += outcome.clock(trace);
        for (slot, tag, payload) in outcome.slots(trace) {
            memory.set_slot(slot, (tag, payload));
        }
        if outcome.guard.is_some() {
            let snapshot = trace.snapshot(outcome.exit);
            let frame = |link: &FrameLink| (link.base, link.return_pc, link.wanted);
            let frames = snapshot.frames.iter().map(frame).collect();
            return Ok(Observed { pc: snapshot.pc, clock, frames, memory });
        }
    }
    Err(format!("no guard failed in {MAX_ENTRIES} entries"))
}

const TAGS: [Tag; 9] = [
    Tag::Nil,
    Tag::False,
    Tag::True,
    Tag::Int,
    Tag::Float,
    Tag::Native,
    Tag::Str,
    Tag::Table,
    Tag::Closure,
];

fn slot_address(slot: Slot) -> u64 {
    BASE.wrapping_add_signed(i64::from(slot) * VALUE_SIZE as i64)
}

fn element(array: u64, index: u64) -> u64 {
    array.wrapping_add(index.wrapping_mul(VALUE_SIZE as u64))
}

impl TraceMemory for FakeMemory {
    fn slot(&mut self, slot: Slot) -> (Tag, u64) {
        self.word(slot_address(slot)).expect("a slot of the fake stack")
    }
    fn base(&mut self) -> u64 {
        BASE
    }
    fn root_closure(&mut self) -> u64 {
        self.root_closure
    }
    fn read_u8(&mut self, address: u64) -> Result<u8, EvalTrap> {
        Ok(self.read::<1>(address)?[0])
    }
    fn read_u32(&mut self, address: u64) -> Result<u32, EvalTrap> {
        Ok(u32::from_le_bytes(self.read(address)?))
    }
    fn read_u64(&mut self, address: u64) -> Result<u64, EvalTrap> {
        Ok(u64::from_le_bytes(self.read(address)?))
    }
    fn write_u8(&mut self, address: u64, value: u8) -> Result<(), EvalTrap> {
        self.write(address, &[value])
    }
    fn write_u64(&mut self, address: u64, value: u64) -> Result<(), EvalTrap> {
        self.write(address, &value.to_le_bytes())
    }
    fn hash_find(&mut self, table: u64, key: u64) -> Result<u64, EvalTrap> {
        self.node_value(table, key)
    }
    /// Made-up tables have string keys only in their hash part.
    fn hash_find_int(&mut self, _: u64, _: i64) -> Result<u64, EvalTrap> {
        Ok(0)
    }
    fn table_set_int(
        &mut self,
        table: u64,
        key: i64,
        tag: Tag,
        payload: u64,
    ) -> Result<(), EvalTrap> {
        let index = (key as u64).wrapping_sub(1);
        if index == self.alimit(table)? {
            self.grow_array(table)?;
        }
        if index < self.alimit(table)? {
            let array = self.field(table, layout::TABLE_ARRAY)?;
            return self.set_word(element(array, index), (tag, payload));
        }
        self.log.push((table, (Tag::Int, key as u64), (tag, payload)));
        Ok(())
    }
    fn table_set_str(
        &mut self,
        table: u64,
        key: u64,
        tag: Tag,
        payload: u64,
    ) -> Result<(), EvalTrap> {
        match self.node_value(table, key)? {
            0 => self.log.push((table, (Tag::Str, key), (tag, payload))),
            address => self.set_word(address, (tag, payload))?,
        }
        Ok(())
    }
    fn table_len(&mut self, table: u64) -> Result<i64, EvalTrap> {
        let array = self.field(table, layout::TABLE_ARRAY)?;
        let limit = self.alimit(table)?;
        let mut border = 0;
        while border < limit && self.word(element(array, border))?.0 != Tag::Nil {
            border += 1;
        }
        Ok(border as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::eval::{Outcome, evaluate};
    use crate::ir::parse::parse_with;
    use crate::ir::trace::SnapshotId;
    use crate::ir::verify::verify;

    /// Evaluates `body` over `objects` with `slots` from slot 0 on.
    fn run(objects: &str, slots: &str, body: &str) -> (Outcome, FakeMemory, Vec<(Slot, Word)>) {
        let (mut memory, mut symbols) = (FakeMemory::new(), Symbols::default());
        memory.define(objects, &mut symbols).unwrap();
        for (slot, word) in words(slots, &symbols).unwrap().into_iter().enumerate() {
            memory.set_slot(slot as Slot, word);
        }
        let text = format!("trace proto=0 head=0 clock=9 slots=9 end=#end\n{body}");
        let trace = parse_with(&text, &symbols).unwrap();
        assert_eq!(verify(&trace), []);
        let outcome = evaluate(&trace, &mut memory, 1_000).unwrap();
        let slots = outcome.slots(&trace).into_iter().map(|(slot, tag, p)| (slot, (tag, p)));
        let slots = slots.collect();
        (outcome, memory, slots)
    }

    const COUNT: &str = "vi:int = sload s0 #0
vn:int = sload s1 #0
vone:int = kint 1
va:int = add vi, vone
guard.ilt va, vn #1
loop
vp:int = phi va, vb
vb:int = add vp, vone
guard.ilt vb, vn #2
snap #0 pc=0 clock=0 {}
snap #1 pc=3 clock=2 {0: va}
snap #2 pc=3 clock=2 {0: vb}
snap #end pc=0 clock=9 {0: vb}";

    #[test]
    fn loops_until_a_guard_fails() {
        let (outcome, _, slots) = run("", "0, 5", COUNT);
        assert_eq!((outcome.exit, outcome.loop_arrivals), (SnapshotId(2), 4));
        assert_eq!(slots, [(0, (Tag::Int, 5))]);
        let (outcome, _, slots) = run("", "7, 5", COUNT);
        assert_eq!((outcome.exit, outcome.loop_arrivals), (SnapshotId(1), 0));
        assert_eq!(slots, [(0, (Tag::Int, 8))]);
        let (outcome, _, slots) = run("", "0.0, 5", COUNT);
        assert_eq!((outcome.exit, outcome.executed), (SnapshotId(0), 1));
        assert_eq!(slots, []);
    }

    #[test]
    fn fuel_ends_an_endless_loop_at_its_end() {
        let (outcome, _, slots) = run("", "0, 100000", COUNT);
        assert_eq!(outcome.guard, None);
        assert_eq!(slots, [(0, (Tag::Int, outcome.loop_arrivals + 1))]);
    }

    #[test]
    fn phis_change_at_once() {
        let swap = "va:int = sload s0 #0
vb:int = sload s1 #0
vc:int = sload s2 #0
v1:int = kint 1
vc1:int = sub vc, v1
loop
vx:int = phi vb, vy
vy:int = phi va, vx
vn:int = phi vc1, vm
v0:int = kint 0
guard.ine vn, v0 #1
vm:int = sub vn, v1
snap #0 pc=0 clock=0 {}
snap #1 pc=2 clock=1 {0: vx, 1: vy}
snap #end pc=0 clock=9 {0: vy, 1: vx, 2: vm}";
        let (_, _, slots) = run("", "10, 20, 3", swap);
        assert_eq!(slots, [(0, (Tag::Int, 20)), (1, (Tag::Int, 10))]);
    }

    #[test]
    fn tables_are_read_and_written() {
        let body = "vt:tab = sload s0 #0
vi:int = sload s1 #0
vlim:int = tlimit vt
guard.ult vi, vlim #0
varr:ptr = tarray vt
vx:float = aload varr, vi #0
vk:str = kobj @k
vs:ptr = hslot vt, vk [0] #0
vh:int = hload vs #0
vm:ptr = tmeta vt
guard.null vm #0
astore varr, vi, vh
hstore vs, vx
vlen:int = tlen vt
snap #0 pc=0 clock=0 {}
snap #end pc=0 clock=9 {2: vlen, 3: vx}";
        let objects = "@k = string\n@t = table [1, 2.5, nil] {@k: 7}";
        let (outcome, mut memory, slots) = run(objects, "@t, 1", body);
        assert_eq!(outcome.guard, None);
        assert_eq!(slots, [(2, (Tag::Int, 2)), (3, (Tag::Float, 2.5f64.to_bits()))]);
        let table = memory.slot(0).1;
        let array = memory.field(table, layout::TABLE_ARRAY).unwrap();
        assert_eq!(memory.word(array + 16).unwrap(), (Tag::Int, 7));
        let node = memory.field(table, layout::TABLE_NODES).unwrap();
        assert_eq!(memory.word(node).unwrap(), (Tag::Float, 2.5f64.to_bits()));
        for slots in ["@t, 0", "@t, 3", "@t, -1"] {
            assert!(run(objects, slots, body).0.guard.is_some(), "{slots}");
        }
    }

    #[test]
    fn upvalues_are_told_apart() {
        let body = |guard: &str| {
            format!(
                "vf:fun = rootclosure\nvu:ptr = upref vf [0]\n{guard}\nvx:int = kint 9\n\
                 ustore vu, vx\nvy:int = uload vu #1\nsnap #0 pc=0 clock=0 {{}}\n\
                 snap #1 pc=1 clock=1 {{}}\nsnap #end pc=0 clock=9 {{1: vy}}"
            )
        };
        let holds = |upvalue: &str, guard: &str| {
            run(&format!("@u = {upvalue}\n@f = closure @u"), "3, 4", &body(guard)).0.guard.is_none()
        };
        assert!(holds("upvalue 5", "guard.upclosed vu #0"));
        assert!(!holds("upvalue 5", "guard.upslot vu s1 #0"));
        assert!(holds("upvalue 5", "guard.upoutside vu [4] #0"));
        assert!(holds("open 1", "guard.upslot vu s1 #0"));
        assert!(!holds("open 0", "guard.upslot vu s1 #0"));
        assert!(!holds("open 1", "guard.upclosed vu #0"));
        assert!(!holds("open 0", "guard.upoutside vu [4] #0"));
        assert!(!holds("open 3", "guard.upoutside vu [4] #0"));
        for outside in ["open 4", "open -1", "open -5", "elsewhere 5"] {
            assert!(holds(outside, "guard.upoutside vu [4] #0"), "{outside}");
            assert!(!holds(outside, "guard.upclosed vu #0"), "{outside}");
            assert!(!holds(outside, "guard.upslot vu s1 #0"), "{outside}");
        }
    }

    #[test]
    fn raw_sets_grow_the_array_or_are_logged() {
        let body = "vt:tab = sload s0 #0
vk:int = sload s1 #0
tsetint vt, vk, vk
vlim:int = tlimit vt
snap #0 pc=0 clock=0 {}
snap #end pc=0 clock=9 {2: vlim}";
        let limit = |key: &str| {
            let (_, memory, slots) = run("@t = table [1, 2]", &format!("@t, {key}"), body);
            (slots[0].1.1, memory.log.len())
        };
        assert_eq!(limit("2"), (2, 0));
        assert_eq!(limit("3"), (4, 0));
        assert_eq!(limit("9"), (2, 1));
    }
}
