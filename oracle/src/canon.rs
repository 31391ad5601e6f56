//! Any engine's state as a stream of canonical facts.
//!
//! In: an engine that is stopped, seen through [`State`], and a [`Plan`]. Out: calls on a [`Sink`], the
//! same calls for equal states (equal as `policy.rs` defines it) whatever the engine, except that the
//! entries of one table come in no particular order. The traversal exists once; digests and dumps are
//! two sinks of it.
//!
//! Order: frames from the running one outwards, each with the registers that the plan selects, then the
//! plan's roots, then the content of reached objects, breadth first. An object's number is its position
//! in the order of first appearance, which is the same on all engines because
//! - registers, roots and upvalues have an order;
//! - of a table, entries whose values are objects not seen before are taken in the order of their keys.
//!
//! Limits: the content visited is bounded by `Plan::entries`, counted in entries and objects. A table
//! that does not fit is shown by a sample of integer keys (1 to 16, then powers of two) which does not
//! depend on iteration order, and the traversal ends there. Objects under keys that are objects
//! themselves are not entered. Upvalues are compared by value, not by the identity of their cells.
#![forbid(unsafe_code)]

use crate::policy;
use plumb_jit::bytecode::RegisterSet;
use rustc_hash::FxHashMap;
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
    Library(&'a str),
    /// An object, by the order of first appearance.
    Object(Class, u32),
    /// An object without a number.
    Opaque(Class),
}

/// A function prototype: its number in a depth-first walk, children after parents, of the main chunk's
/// prototypes. Prototypes loaded at run time all are [`ProtoId::DYNAMIC`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtoId(pub u32);

impl ProtoId {
    pub const DYNAMIC: ProtoId = ProtoId(u32::MAX);
}

/// Which Lua function, the same on all engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FunctionId {
    pub proto: ProtoId,
    pub line_defined: u32,
    pub last_line: u32,
}

/// Where a Lua frame stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What an object is, before its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Closure(FunctionId),
    Other(Class),
}

/// A stopped engine. Methods must not allocate, run Lua code or change anything in the engine.
pub trait State {
    type Value: Copy;

    /// Lua frames, 0 being the running one; native frames are not listed.
    fn frame_count(&self) -> usize;
    fn frame(&self, level: usize) -> Frame;
    /// Register `index` of a frame; `index` is below the prototype's stack size.
    fn register(&self, level: usize, index: u8) -> Self::Value;
    /// The source name of a register at this moment, when it holds an active local variable.
    fn register_name(&self, level: usize, index: u8) -> Option<String>;
    fn globals(&self) -> Self::Value;

    fn view(&self, value: Self::Value) -> View<'_>;
    /// Visits all entries of a table whose value is not nil, in any order.
    fn each_entry(
        &self,
        table: Address,
        visit: &mut dyn FnMut(Self::Value, Self::Value) -> ControlFlow<()>,
    );
    /// Raw `table[key]`.
    fn get_int(&self, table: Address, key: i64) -> Self::Value;
    fn metatable(&self, table: Address) -> Option<Address>;
    fn function(&self, closure: Address) -> FunctionId;
    fn upvalue_count(&self, closure: Address) -> usize;
    fn upvalue(&self, closure: Address, index: usize) -> Self::Value;
    /// The name under which the standard library holds this function or table, such as `math.sin`.
    fn library_name(&self, object: Address) -> Option<&str>;
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
    /// Frames whose registers are shown; deeper ones show only where they stand.
    pub register_frames: usize,
    /// Frames that are shown at all; of the rest only the number.
    pub frames: usize,
    /// Bound on visited entries and objects; 0 visits no content.
    pub entries: usize,
    /// Enter library tables too, and every byte of long strings.
    pub complete: bool,
}

impl Plan {
    /// Registers only.
    pub const REGISTERS: Plan =
        Plan { register_frames: 16, frames: 32, entries: 0, complete: false };
    /// Registers and a bounded part of what they reach.
    pub const REACHABLE: Plan = Plan { entries: 256, ..Plan::REGISTERS };
    /// All that can be reached, up to a bound that no sane case meets.
    pub const COMPLETE: Plan =
        Plan { register_frames: 64, frames: 256, entries: 1 << 20, complete: true };
}

/// Receives canonical facts.
pub trait Sink {
    fn frame(&mut self, level: usize, frame: &Frame);
    fn register(&mut self, level: usize, index: u8, value: &Canonical<'_>);
    fn root(&mut self, index: usize, value: &Canonical<'_>);
    fn begin(&mut self, number: u32, header: &Header);
    /// Forget the entries received since `begin`.
    fn restart(&mut self);
    fn entry(&mut self, key: &Canonical<'_>, value: &Canonical<'_>);
    fn upvalue(&mut self, index: usize, value: &Canonical<'_>);
    fn metatable(&mut self, value: &Canonical<'_>);
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
        numbers: FxHashMap::default(),
        queue: Vec::new(),
        left: plan.entries,
    };
    let registers = walker.frames(selection, sink);
    for (index, &root) in roots.iter().enumerate() {
        sink.root(index, &walker.number(root));
    }
    walker.contents(sink);
    registers
}

/// Objects that are found by linear search before a map is made.
const SEARCHED: usize = 12;

struct Walker<'s, S: State> {
    state: &'s S,
    plan: &'s Plan,
    /// Numbers of objects, kept only once there are more than [`SEARCHED`]: most looks see a few.
    numbers: FxHashMap<Address, u32>,
    /// Objects in the order of their numbers; content is visited in this order.
    queue: Vec<(Class, Address)>,
    left: usize,
}

impl<'s, S: State> Walker<'s, S> {
    fn frames(&mut self, selection: &impl Selection, sink: &mut impl Sink) -> u64 {
        let count = self.state.frame_count();
        let mut registers = 0;
        for level in 0..count.min(self.plan.frames) {
            let frame = self.state.frame(level);
            // Levels are counted from the running frame; the depth itself is a fact of its own.
            sink.frame(count - level, &frame);
            if level < self.plan.register_frames {
                for index in selection.registers(level, &frame).iter() {
                    let index = index as u8;
                    let value = self.number(self.state.register(level, index));
                    sink.register(level, index, &value);
                    registers += 1;
                }
            }
        }
        registers
    }

    /// The canonical form of a value; an object seen for the first time gets the next number.
    #[inline]
    fn number(&mut self, value: S::Value) -> Canonical<'s> {
        self.canonical(value, true)
    }

    #[inline]
    fn canonical(&mut self, value: S::Value, fresh: bool) -> Canonical<'s> {
        match self.state.view(value) {
            View::Nil => Canonical::Nil,
            View::Bool(b) => Canonical::Bool(b),
            View::Int(i) => Canonical::Int(i),
            View::Float(f) => policy::float(f),
            View::Str(bytes) => Canonical::Str(bytes),
            View::Object(class, address) => self.object(class, address, fresh),
        }
    }

    fn known(&self, address: Address) -> Option<u32> {
        if self.queue.len() > SEARCHED {
            return self.numbers.get(&address).copied();
        }
        let position = self.queue.iter().position(|(_, known)| *known == address);
        position.map(|index| index as u32)
    }

    fn object(&mut self, class: Class, address: Address, fresh: bool) -> Canonical<'s> {
        if let Some(number) = self.known(address) {
            return Canonical::Object(class, number);
        }
        let enter_library = self.plan.complete && class == Class::Table;
        if !enter_library && let Some(name) = self.state.library_name(address) {
            return Canonical::Library(name);
        }
        if !fresh {
            return Canonical::Opaque(class);
        }
        let number = self.queue.len() as u32;
        self.queue.push((class, address));
        match self.queue.len() {
            ..=SEARCHED => {}
            len if len == SEARCHED + 1 => {
                let numbered = self.queue.iter().zip(0..).map(|((_, address), n)| (*address, n));
                self.numbers.extend(numbered);
            }
            _ => {
                self.numbers.insert(address, number);
            }
        }
        Canonical::Object(class, number)
    }

    fn contents(&mut self, sink: &mut impl Sink) {
        let mut next = 0;
        while next < self.queue.len() && self.left > 0 {
            let (class, address) = self.queue[next];
            self.left -= 1;
            match class {
                Class::Table => self.table(next as u32, address, sink),
                Class::Closure => self.closure(next as u32, address, sink),
                Class::Native | Class::Userdata | Class::Thread => {
                    sink.begin(next as u32, &Header::Other(class));
                    sink.end(false);
                }
            }
            next += 1;
        }
    }

    fn closure(&mut self, number: u32, address: Address, sink: &mut impl Sink) {
        sink.begin(number, &Header::Closure(self.state.function(address)));
        for index in 0..self.state.upvalue_count(address) {
            let value = self.number(self.state.upvalue(address, index));
            sink.upvalue(index, &value);
        }
        sink.end(false);
    }

    fn table(&mut self, number: u32, address: Address, sink: &mut impl Sink) {
        sink.begin(number, &Header::Other(Class::Table));
        if let Some(metatable) = self.state.metatable(address) {
            let value = self.object(Class::Table, metatable, true);
            sink.metatable(&value);
        }
        let state = self.state;
        let mut left = self.left;
        // Entries whose value may get a number; they wait until their order is known.
        let mut objects: Vec<(Canonical<'s>, S::Value)> = Vec::new();
        let mut overflow = false;
        state.each_entry(address, &mut |key, value| {
            if left == 0 {
                overflow = true;
                return ControlFlow::Break(());
            }
            left -= 1;
            let key = self.canonical(key, false);
            match self.canonical(value, false) {
                Canonical::Opaque(_)
                    if !matches!(key, Canonical::Opaque(_) | Canonical::Object(..)) =>
                {
                    objects.push((key, value));
                }
                value => sink.entry(&key, &value),
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
            self.left = left;
        }
        sink.end(overflow);
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
