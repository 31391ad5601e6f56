//! Any engine's state as a stream of canonical facts.
//!
//! In: an engine that is stopped, seen through [`State`], and a [`Plan`]. Out: calls on a [`Sink`], the
//! same calls for equal states (equal as `policy.rs` defines it) whatever the engine, except that the
//! entries of one table come in no particular order. The traversal exists once; digests and dumps are
//! two sinks of it.
//!
//! Order: frames from the running one outwards, each with the registers that the plan selects, then the
//! roots, among them the main thread while a coroutine runs, then the content of reached objects, breadth
//! first. The content of a coroutine is its status and, frame by frame, what the plan selects; a function that
//! `coroutine.wrap` made shows its coroutine. An object's number is its position
//! in the order of first appearance, which is the same on all engines because
//! - registers, roots and upvalues have an order;
//! - of a table, entries whose values are objects not seen before are taken in the order of their keys.
//!
//! Limits: the content visited is bounded by `Plan::entries`, counted in entries and objects. A table
//! that does not fit is shown by a sample of integer keys (1 to 16, then powers of two) which does not
//! depend on iteration order, and the traversal ends there. Keys that are objects are ordered by what they
//! show of themselves; of keys that look the same, the values are not entered. Frames beyond the first
//! few are shown some at each look, all of them at a look that visits content. A look that does not still
//! enters coroutines, those that registers lead to, directly or through a closure's upvalues or a table's
//! elements (one at each look): they are frames too, and a trace reaches them through open upvalues.
#![forbid(unsafe_code)]

use crate::digest::{Digest, Mixer, entry_digest};
use crate::policy;
use plumb_jit::bytecode::RegisterSet;
use plumb_jit::vm::Unspecified;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;
use std::ops::ControlFlow;

/// Kinds of object that have identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Table,
    Closure,
    Native,
    Userdata,
    Thread,
}

/// An object's identity within one engine and one observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(pub u64);

/// A value as an engine shows it.
#[derive(Clone, Copy, Debug)]
pub enum View<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a [u8]),
    Object(Class, Address),
}

/// A value as it is compared. `Ord` sorts table keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Canonical<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    /// Bits, with all NaNs alike.
    Float(u64),
    Str(&'a [u8]),
    /// A library function or table, by its name.
    Library(&'a LibraryName),
    /// An object, by the order of first appearance.
    Object(Class, u32),
    /// An object without a number.
    Opaque(Class),
}

/// The name of a library function or table, such as `math.sin`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LibraryName {
    text: String,
    /// Of the table entry that holds it under this name: what most entries of the globals are.
    entry: Digest,
}

impl LibraryName {
    pub fn new(text: String) -> LibraryName {
        let mut name = LibraryName { text, entry: Digest::default() };
        name.entry =
            entry_digest(&Canonical::Str(name.text.as_bytes()), &Canonical::Library(&name), true);
        name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The digest of an entry under `key` that holds this, if it is known.
    pub(crate) fn entry_under(&self, key: &[u8]) -> Option<Digest> {
        (key == self.text.as_bytes()).then_some(self.entry)
    }
}

/// A function prototype: its number in a depth-first walk, children after parents, of the main chunk's
/// prototypes. Prototypes loaded at run time all are [`ProtoId::DYNAMIC`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProtoId(pub u32);

impl ProtoId {
    pub const DYNAMIC: ProtoId = ProtoId(u32::MAX);
}

/// Which Lua function, the same on all engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FunctionId {
    pub proto: ProtoId,
    pub line_defined: u32,
    pub last_line: u32,
}

/// Where a Lua frame stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub function: FunctionId,
    /// The instruction about to be executed; in a frame that waits for a call, the calling instruction.
    pub pc: u32,
}

/// `proto:pc`; `?` stands for a prototype loaded at run time.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.function.proto {
            ProtoId::DYNAMIC => write!(f, "?:{}", self.pc),
            ProtoId(proto) => write!(f, "{proto}:{}", self.pc),
        }
    }
}

/// What a coroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadStatus {
    /// Not started yet, or yielded.
    Suspended,
    Running,
    /// Waits for a coroutine that it resumed.
    Normal,
    /// Ended, with or without an error.
    Dead,
}

/// What an object is, before its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Closure(FunctionId),
    Other(Class),
}

/// Is given a frame and its registers.
pub type ThreadFrameVisitor<'a, V> = dyn FnMut(&Frame, &dyn Fn(u8) -> V) -> ControlFlow<()> + 'a;

/// A stopped engine. Methods must not allocate, run Lua code or change anything in the engine.
pub trait State {
    type Value: Copy;

    /// Lua frames, 0 being the running one; native frames are not listed.
    fn frame_count(&self) -> usize;
    /// A frame and its registers, by an index below the prototype's stack size.
    fn level(&self, level: usize) -> (Frame, impl Fn(u8) -> Self::Value + '_);
    fn frame(&self, level: usize) -> Frame {
        self.level(level).0
    }
    fn register(&self, level: usize, index: u8) -> Self::Value {
        self.level(level).1(index)
    }
    /// The source name of a register at this moment, when it holds an active local variable.
    fn register_name(&self, level: usize, index: u8) -> Option<String>;
    fn globals(&self) -> Self::Value;

    fn view(&self, value: Self::Value) -> View<'_>;
    /// Visits all entries of a table whose value is not nil, in any order.
    fn each_entry(
        &self,
        table: Address,
        visit: impl FnMut(Self::Value, Self::Value) -> ControlFlow<()>,
    );
    /// Raw `table[key]`.
    fn get_int(&self, table: Address, key: i64) -> Self::Value;
    fn metatable(&self, table: Address) -> Option<Address>;
    fn function(&self, closure: Address) -> FunctionId;
    fn upvalue_count(&self, closure: Address) -> usize;
    fn upvalue(&self, closure: Address, index: usize) -> Self::Value;
    /// The storage of an upvalue, which closures may share.
    fn upvalue_cell(&self, closure: Address, index: usize) -> Address;
    fn thread_status(&self, thread: Address) -> ThreadStatus;
    /// The function of a coroutine that was not started yet.
    fn thread_body(&self, thread: Address) -> Option<Self::Value>;
    /// The coroutine of a function that `coroutine.wrap` made.
    fn wrapped_thread(&self, native: Address) -> Option<Self::Value>;
    /// Visits the Lua frames of a thread that does not run, the innermost first: where each waits, and
    /// its registers.
    fn each_thread_frame(&self, thread: Address, visit: &mut ThreadFrameVisitor<'_, Self::Value>);
    /// The main thread, while a coroutine runs.
    fn waiting_main(&self) -> Option<Self::Value>;
    /// What the program was shown so far that another run need not show; engines that do not keep account
    /// say nothing.
    fn shown(&self) -> Unspecified {
        Unspecified::default()
    }
    /// The name under which the standard library holds this table or native function, such as `math.sin`.
    fn library_name(&self, class: Class, object: Address) -> Option<&LibraryName>;
}

/// Which registers of a frame take part in a comparison.
pub trait Selection {
    fn registers(&self, level: usize, frame: &Frame) -> RegisterSet;
}

impl<F: Fn(usize, &Frame) -> RegisterSet> Selection for F {
    fn registers(&self, level: usize, frame: &Frame) -> RegisterSet {
        self(level, frame)
    }
}

/// How much of a state is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Innermost frames that are shown; of the rest, [`WINDOW`] frames, and their number.
    pub frames: usize,
    /// Which of the other frames are shown: those from this number on, counted around.
    pub window: usize,
    /// Bound on visited entries and objects; 0 visits no content but that of coroutines.
    pub entries: usize,
    /// Bound on coroutines and their frames that are visited where no other content is.
    pub threads: usize,
    /// Enter library tables too, and every byte of long strings.
    pub complete: bool,
}

impl Plan {
    /// Registers only.
    pub const REGISTERS: Plan =
        Plan { frames: 16, window: 0, entries: 0, threads: 24, complete: false };
    /// The registers of all frames and a bounded part of what they reach.
    pub const REACHABLE: Plan = Plan { frames: usize::MAX, entries: 256, ..Plan::REGISTERS };
    /// All that can be reached, up to a bound that no sane case meets.
    pub const COMPLETE: Plan = Plan { entries: 1 << 20, complete: true, ..Plan::REACHABLE };

    /// Levels to show of a stack of `count` frames.
    fn levels(&self, count: usize) -> impl Iterator<Item = usize> + use<> {
        let inner = count.min(self.frames);
        let others = count - inner;
        let first = (self.window * WINDOW).checked_rem(others).unwrap_or(0);
        let window = first..others.min(first + WINDOW);
        (0..inner).chain(window.map(move |level| inner + level))
    }
}

/// Frames beyond `Plan::frames` that one look shows.
const WINDOW: usize = 8;

/// Receives canonical facts.
pub trait Sink {
    fn frame(&mut self, level: usize, frame: &Frame);
    /// A register of the last frame.
    fn register(&mut self, index: u8, value: &Canonical<'_>);
    fn root(&mut self, index: usize, value: &Canonical<'_>);
    fn begin(&mut self, number: u32, header: &Header);
    /// Forget the entries received since `begin`.
    fn restart(&mut self);
    fn entry(&mut self, key: &Canonical<'_>, value: &Canonical<'_>);
    /// `cell` numbers the upvalues themselves, in the order of first appearance.
    fn upvalue(&mut self, index: usize, cell: u32, value: &Canonical<'_>);
    fn metatable(&mut self, value: &Canonical<'_>);
    fn status(&mut self, status: ThreadStatus);
    /// The function of a coroutine that was not started yet, or the coroutine of a function.
    fn body(&mut self, value: &Canonical<'_>);
    /// A frame of a thread that does not run.
    fn waiting_frame(&mut self, depth: usize, frame: &Frame);
    /// A register of the last waiting frame.
    fn waiting_register(&mut self, index: u8, value: &Canonical<'_>);
    fn end(&mut self, truncated: bool);
}

/// Integer keys that stand for a table too large to be visited: 1 to 16, then powers of two.
fn sample_keys() -> impl Iterator<Item = i64> {
    (1..=16).chain((5..=20).map(|shift| 1 << shift))
}

/// Walks a state; returns the number of registers shown.
pub fn walk<S: State>(
    state: &S,
    selection: &impl Selection,
    roots: &[S::Value],
    plan: &Plan,
    sink: &mut impl Sink,
) -> u64 {
    let mut walker = Walker {
        state,
        plan,
        seen: SPARE.take(),
        left: if plan.entries > 0 { plan.entries } else { plan.threads },
    };
    let mut registers = walker.frames(selection, sink);
    for (index, &root) in roots.iter().enumerate() {
        sink.root(index, &walker.number(root));
    }
    if let Some(main) = state.waiting_main() {
        sink.root(roots.len(), &walker.number(main));
    }
    registers += walker.contents(selection, sink);
    if let Some(seen) = walker.seen.emptied() {
        SPARE.set(seen);
    }
    registers
}

thread_local! {
    /// What the last walk of this thread had allocated: there are hundreds of walks a program.
    static SPARE: Cell<Seen> = Cell::default();
}

/// Entries up to which a table that is a key shows itself by them.
const SHAPED: u64 = 64;

/// Elements of a table that are looked at for coroutines.
const ELEMENTS: usize = 8;

fn leads_to_frames(class: Class) -> bool {
    matches!(class, Class::Thread | Class::Native)
}

/// Addresses that are found by linear search before a map is made.
const SEARCHED: usize = 12;

/// Addresses, numbered in the order of first appearance.
#[derive(Default)]
struct Numbers {
    order: Vec<Address>,
    /// Kept only once there are more than [`SEARCHED`]: most looks see a few.
    map: FxHashMap<Address, u32>,
}

impl Numbers {
    #[inline]
    fn get(&self, address: Address) -> Option<u32> {
        if self.order.len() > SEARCHED {
            return self.map.get(&address).copied();
        }
        let position = self.order.iter().position(|known| *known == address);
        position.map(|index| index as u32)
    }

    /// Numbers an address that has no number yet.
    #[inline]
    fn add(&mut self, address: Address) -> u32 {
        let number = self.order.len() as u32;
        self.order.push(address);
        if self.order.len() > SEARCHED {
            self.map_last();
        }
        number
    }

    fn map_last(&mut self) {
        let first = if self.map.is_empty() { 0 } else { self.order.len() - 1 };
        let numbered = self.order[first..].iter().zip(first as u32..);
        self.map.extend(numbered.map(|(address, number)| (*address, number)));
    }
}

/// What a walk has come across.
#[derive(Default)]
struct Seen {
    objects: Numbers,
    /// Classes of the objects; content is visited in their order.
    classes: Vec<Class>,
    /// Upvalues.
    cells: Numbers,
}

impl Seen {
    /// For another walk, unless emptying it takes longer than making it anew.
    fn emptied(mut self) -> Option<Seen> {
        const WORTH_KEEPING: usize = 256;
        if self.objects.order.len().max(self.cells.order.len()) > WORTH_KEEPING {
            return None;
        }
        for numbers in [&mut self.objects, &mut self.cells] {
            numbers.order.clear();
            numbers.map.clear();
        }
        self.classes.clear();
        Some(self)
    }
}

struct Walker<'s, S: State> {
    state: &'s S,
    plan: &'s Plan,
    seen: Seen,
    left: usize,
}

impl<'s, S: State> Walker<'s, S> {
    fn frames(&mut self, selection: &impl Selection, sink: &mut impl Sink) -> u64 {
        let count = self.state.frame_count();
        let mut registers = 0;
        for level in self.plan.levels(count) {
            let (frame, register) = self.state.level(level);
            // Levels are counted from the running frame; the depth itself is a fact of its own.
            sink.frame(count - level, &frame);
            selection.registers(level, &frame).iter().for_each(|index| {
                let index = index as u8;
                let value = self.number(register(index));
                sink.register(index, &value);
                registers += 1;
            });
        }
        registers
    }

    /// The canonical form of a value; an object seen for the first time gets the next number.
    #[inline(always)]
    fn number(&mut self, value: S::Value) -> Canonical<'s> {
        match self.plain(value) {
            Ok(value) => value,
            Err((class, address)) => self.object(class, address),
        }
    }

    #[inline(always)]
    fn plain(&self, value: S::Value) -> Result<Canonical<'s>, (Class, Address)> {
        Ok(match self.state.view(value) {
            View::Nil => Canonical::Nil,
            View::Bool(b) => Canonical::Bool(b),
            View::Int(i) => Canonical::Int(i),
            View::Float(f) => policy::float(f),
            View::Str(bytes) => Canonical::Str(bytes),
            View::Object(class, address) => return Err((class, address)),
        })
    }

    /// The canonical form of a value; an object without a number stays without.
    #[inline(always)]
    fn seen(&self, value: S::Value) -> Canonical<'s> {
        match self.plain(value) {
            Ok(value) => value,
            Err((class, address)) => {
                self.known_object(class, address).unwrap_or(Canonical::Opaque(class))
            }
        }
    }

    fn known_object(&self, class: Class, address: Address) -> Option<Canonical<'s>> {
        if let Some(number) = self.seen.objects.get(address) {
            return Some(Canonical::Object(class, number));
        }
        let name = match class {
            Class::Table if self.plan.complete => None,
            Class::Table | Class::Native => self.state.library_name(class, address),
            Class::Closure | Class::Userdata | Class::Thread => None,
        };
        name.map(Canonical::Library)
    }

    fn object(&mut self, class: Class, address: Address) -> Canonical<'s> {
        if let Some(known) = self.known_object(class, address) {
            return known;
        }
        self.seen.classes.push(class);
        Canonical::Object(class, self.seen.objects.add(address))
    }

    /// Visits the content of all objects; returns the number of registers shown.
    fn contents(&mut self, selection: &impl Selection, sink: &mut impl Sink) -> u64 {
        let (mut next, mut registers) = (0, 0);
        while next < self.seen.classes.len() && self.left > 0 {
            let (class, address) = (self.seen.classes[next], self.seen.objects.order[next]);
            if self.plan.entries == 0 && !leads_to_frames(class) {
                self.find_threads(next as u32, class, address, sink);
                next += 1;
                continue;
            }
            self.left -= 1;
            match class {
                Class::Table => self.table(next as u32, address, sink),
                Class::Closure => self.closure(next as u32, address, sink),
                Class::Thread => registers += self.thread(next as u32, address, selection, sink),
                Class::Native => {
                    sink.begin(next as u32, &Header::Other(class));
                    if let Some(thread) = self.state.wrapped_thread(address) {
                        sink.body(&self.number(thread));
                    }
                    sink.end(false);
                }
                Class::Userdata => {
                    sink.begin(next as u32, &Header::Other(class));
                    sink.end(false);
                }
            }
            next += 1;
        }
        registers
    }

    /// Where no content is visited: the coroutines in a closure's upvalues, and in one of a table's first
    /// elements, another at each look.
    fn find_threads(&mut self, number: u32, class: Class, address: Address, sink: &mut impl Sink) {
        let state = self.state;
        match class {
            Class::Closure => {
                for index in 0..state.upvalue_count(address) {
                    self.found(number, index as i64, state.upvalue(address, index), sink);
                }
            }
            Class::Table => {
                let key = 1 + (self.plan.window % ELEMENTS) as i64;
                self.found(number, key, state.get_int(address, key), sink);
            }
            _ => {}
        }
    }

    fn found(&mut self, holder: u32, place: i64, value: S::Value, sink: &mut impl Sink) {
        if let View::Object(class, address) = self.state.view(value)
            && leads_to_frames(class)
            && let value @ Canonical::Object(..) = self.object(class, address)
        {
            sink.begin(holder, &Header::Other(class));
            sink.entry(&Canonical::Int(place), &value);
            sink.end(true);
        }
    }

    /// A coroutine: its frames wait for a call each, as those of callers do.
    fn thread(
        &mut self,
        number: u32,
        address: Address,
        selection: &impl Selection,
        sink: &mut impl Sink,
    ) -> u64 {
        let state = self.state;
        sink.begin(number, &Header::Other(Class::Thread));
        let status = state.thread_status(address);
        sink.status(status);
        if let Some(body) = state.thread_body(address) {
            sink.body(&self.number(body));
        }
        let (mut depth, mut registers, mut truncated) = (0, 0, false);
        if matches!(status, ThreadStatus::Suspended | ThreadStatus::Normal) {
            state.each_thread_frame(address, &mut |frame, register| {
                if self.left == 0 {
                    truncated = true;
                    return ControlFlow::Break(());
                }
                self.left -= 1;
                depth += 1;
                sink.waiting_frame(depth, frame);
                for index in selection.registers(depth, frame).iter() {
                    let index = index as u8;
                    let value = self.number(register(index));
                    sink.waiting_register(index, &value);
                    registers += 1;
                }
                ControlFlow::Continue(())
            });
        }
        sink.end(truncated);
        registers
    }

    fn closure(&mut self, number: u32, address: Address, sink: &mut impl Sink) {
        sink.begin(number, &Header::Closure(self.state.function(address)));
        for index in 0..self.state.upvalue_count(address) {
            let value = self.number(self.state.upvalue(address, index));
            let cell = self.state.upvalue_cell(address, index);
            let cell = self.seen.cells.get(cell).unwrap_or_else(|| self.seen.cells.add(cell));
            sink.upvalue(index, cell, &value);
        }
        sink.end(false);
    }

    fn table(&mut self, number: u32, address: Address, sink: &mut impl Sink) {
        sink.begin(number, &Header::Other(Class::Table));
        if let Some(metatable) = self.state.metatable(address) {
            let value = self.object(Class::Table, metatable);
            sink.metatable(&value);
        }
        let state = self.state;
        let mut left = self.left;
        // Entries whose value may get a number; they wait until their order is known.
        let mut objects: Vec<(Canonical<'s>, S::Value)> = Vec::new();
        // Entries whose key may get one.
        let mut keyed: Vec<(Digest, S::Value, S::Value)> = Vec::new();
        let mut overflow = false;
        state.each_entry(address, |key, value| {
            if left == 0 {
                overflow = true;
                return ControlFlow::Break(());
            }
            left -= 1;
            match (self.seen(key), self.seen(value)) {
                (Canonical::Opaque(_), shown) => keyed.push((self.shape(key, &shown), key, value)),
                (key, Canonical::Opaque(_)) => objects.push((key, value)),
                (key, value) => sink.entry(&key, &value),
            }
            ControlFlow::Continue(())
        });
        if overflow {
            self.sample(address, sink);
            self.left = 0;
        } else {
            objects.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            for (key, value) in objects {
                let value = self.number(value);
                sink.entry(&key, &value);
            }
            self.keyed(keyed, sink);
            self.left = left;
        }
        sink.end(overflow);
    }

    /// Entries under objects without a number. What they show of themselves orders them; those that show
    /// the same stay without a number.
    fn keyed(&mut self, mut keyed: Vec<(Digest, S::Value, S::Value)>, sink: &mut impl Sink) {
        keyed.sort_unstable_by_key(|(shape, ..)| *shape);
        for at in 0..keyed.len() {
            let (shape, key, value) = keyed[at];
            let same = |other: Option<&(Digest, S::Value, S::Value)>| {
                other.is_some_and(|(other, ..)| *other == shape)
            };
            let alone = !same(keyed.get(at + 1)) && !same(at.checked_sub(1).map(|at| &keyed[at]));
            let (key, value) = match alone {
                true => (self.number(key), self.number(value)),
                false => (self.seen(key), self.seen(value)),
            };
            sink.entry(&key, &value);
        }
    }

    /// What an entry shows without entering further objects: the key's class, function or plain
    /// entries, and the value.
    fn shape(&self, key: S::Value, value: &Canonical<'s>) -> Digest {
        let mut mixer = Mixer::default();
        mixer.value(value, true);
        let View::Object(class, address) = self.state.view(key) else { return mixer.finish() };
        mixer.word(class as u64);
        match class {
            Class::Closure => {
                let function = self.state.function(address);
                mixer.word(u64::from(function.proto.0));
                mixer.word(u64::from(function.line_defined));
                for index in 0..self.state.upvalue_count(address) {
                    mixer.value(&self.seen(self.state.upvalue(address, index)), true);
                }
            }
            Class::Table => {
                let (mut sum, mut count) = (0u64, 0u64);
                self.state.each_entry(address, |key, value| {
                    let mut entry = Mixer::default();
                    entry.value(&self.seen(key), true);
                    entry.value(&self.seen(value), true);
                    sum = sum.wrapping_add(entry.finish().0);
                    count += 1;
                    if count > SHAPED { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                // The first entries of a large table depend on the order in which it is traversed.
                mixer.word(if count > SHAPED { u64::MAX } else { sum });
            }
            Class::Native | Class::Userdata | Class::Thread => {}
        }
        mixer.finish()
    }

    fn sample(&mut self, table: Address, sink: &mut impl Sink) {
        sink.restart();
        for key in sample_keys() {
            let value = self.number(self.state.get_int(table, key));
            sink.entry(&Canonical::Int(key), &value);
        }
    }
}

/// The digest of a state.
pub fn digest<S: State>(
    state: &S,
    selection: &impl Selection,
    roots: &[S::Value],
    plan: &Plan,
) -> (crate::digest::Digest, u64) {
    let mut sink = crate::digest::DigestSink::new(plan.complete);
    let registers = walk(state, selection, roots, plan, &mut sink);
    (sink.finish(), registers)
}
