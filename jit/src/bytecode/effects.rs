//! What one instruction does to the registers of its frame, and where it may go next.
//!
//! In:  a prototype and a position. Out: [`Effects`]: registers read, and for each successor the
//! registers that hold a new value there ([`Edge::writes`]) or one that nobody should look at
//! ([`Edge::clobbers`]).
//!
//! Operand roles come from the opcode table; only opcodes that touch a *range* of registers, or whose
//! successors differ in what was written, are spelled out here.
//!
//! Conventions:
//! - Arithmetic has two successors: past its MMBIN with the result written, and the MMBIN without.
//! - A test has two: past its JMP, and the JMP.
//! - An open operand range (`B = 0`, up to `top`) reads every register from its start on; an open
//!   result range (`C = 0`) clobbers every register from its start on, because the number of results is
//!   only known at run time.
//! - A called function's frame starts inside the caller's registers, so a call clobbers everything
//!   above its results. CONCAT clobbers its operands: they are overwritten while it works.
//! - A metamethod called by any other instruction runs above `max_stack_size` and clobbers nothing.

use super::opcode::{Op, Operand, Pc};
use super::proto::Proto;

/// A set of registers of one frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RegisterSet([u64; 4]);

impl RegisterSet {
    pub const EMPTY: RegisterSet = RegisterSet([0; 4]);
    pub const ALL: RegisterSet = RegisterSet([u64::MAX; 4]);

    pub fn one(register: usize) -> RegisterSet {
        let mut set = RegisterSet::EMPTY;
        set.insert(register);
        set
    }

    /// Registers from `start` up to, but not including, `end`. Registers from 256 on do not exist.
    pub fn range(start: usize, end: usize) -> RegisterSet {
        // Registers of word `index` below `bound`.
        let below = |index: usize, bound: usize| match bound.saturating_sub(64 * index) {
            64.. => u64::MAX,
            few => (1 << few) - 1,
        };
        RegisterSet(std::array::from_fn(|index| below(index, end) & !below(index, start)))
    }

    #[inline]
    pub fn insert(&mut self, register: usize) {
        debug_assert!(register < 256, "register {register} is out of range");
        self.0[register / 64] |= 1 << (register % 64);
    }

    #[inline]
    pub fn contains(&self, register: usize) -> bool {
        register < 256 && self.0[register / 64] & 1 << (register % 64) != 0
    }

    pub fn is_empty(&self) -> bool {
        *self == RegisterSet::EMPTY
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// 64 registers from `64 * index` on, the first in the lowest bit.
    #[inline]
    pub fn word(&self, index: usize) -> u64 {
        self.0[index]
    }

    #[inline]
    pub fn set_word(&mut self, index: usize, registers: u64) {
        self.0[index] = registers;
    }

    /// Registers in ascending order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let RegisterSet(mut words) = *self;
        let mut index = 0;
        std::iter::from_fn(move || {
            while words[index] == 0 {
                index += 1;
                if index == words.len() {
                    index -= 1;
                    return None;
                }
            }
            let bit = words[index].trailing_zeros() as usize;
            words[index] &= words[index] - 1;
            Some(64 * index + bit)
        })
    }

    fn zip(self, other: RegisterSet, combine: impl Fn(u64, u64) -> u64) -> RegisterSet {
        RegisterSet(std::array::from_fn(|i| combine(self.0[i], other.0[i])))
    }

    #[must_use]
    #[inline]
    pub fn union(self, other: RegisterSet) -> RegisterSet {
        self.zip(other, |x, y| x | y)
    }

    #[must_use]
    pub fn intersection(self, other: RegisterSet) -> RegisterSet {
        self.zip(other, |x, y| x & y)
    }

    #[must_use]
    #[inline]
    pub fn without(self, other: RegisterSet) -> RegisterSet {
        self.zip(other, |x, y| x & !y)
    }
}

impl FromIterator<usize> for RegisterSet {
    fn from_iter<I: IntoIterator<Item = usize>>(registers: I) -> RegisterSet {
        let mut set = RegisterSet::EMPTY;
        registers.into_iter().for_each(|register| set.insert(register));
        set
    }
}

impl std::fmt::Debug for RegisterSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// One way out of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub target: Pc,
    /// Registers with a new value.
    pub writes: RegisterSet,
    /// Registers whose value is left over from something else. Disjoint from `writes`.
    pub clobbers: RegisterSet,
}

impl Edge {
    fn to(target: Pc) -> Edge {
        Edge { target, writes: RegisterSet::EMPTY, clobbers: RegisterSet::EMPTY }
    }

    fn writing(target: Pc, writes: RegisterSet) -> Edge {
        Edge { target, writes, clobbers: RegisterSet::EMPTY }
    }
}

/// What one instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    pub reads: RegisterSet,
    /// Its successors; none for a return.
    edges: [Option<Edge>; 2],
}

impl Effects {
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().flatten()
    }

    fn new(reads: RegisterSet, first: Edge) -> Effects {
        Effects { reads, edges: [Some(first), None] }
    }

    fn branch(reads: RegisterSet, first: Edge, second: Edge) -> Effects {
        Effects { reads, edges: [Some(first), Some(second)] }
    }

    fn leaving(reads: RegisterSet) -> Effects {
        Effects { reads, edges: [None, None] }
    }
}

/// The effects of all instructions.
pub fn effects_of(proto: &Proto) -> Vec<Effects> {
    (0..proto.code.len() as u32).map(|pc| effects(proto, Pc(pc))).collect()
}

/// The effects of the instruction at `pc`.
pub fn effects(proto: &Proto, pc: Pc) -> Effects {
    let i = proto.code[pc.index()];
    let (a, b, c) = (i.a(), i.b(), i.c());
    let (next, skip) = (pc.next(), pc.next().next());
    let range = RegisterSet::range;
    let from = |start: usize| range(start, usize::from(proto.max_stack_size));
    match i.op() {
        Op::LoadNil => Effects::new(RegisterSet::EMPTY, Edge::writing(next, range(a, a + b + 1))),
        Op::SelfIndex => {
            let mut reads = RegisterSet::one(b);
            if !i.k() {
                reads.insert(c);
            }
            Effects::new(reads, Edge::writing(next, range(a, a + 2)))
        }
        Op::Concat => {
            let edge = Edge { target: next, writes: RegisterSet::one(a), clobbers: from(a + 1) };
            Effects::new(range(a, a + b), edge)
        }
        Op::Close => {
            // A variable's method is called right above it, where the block's registers were. Variables of
            // blocks that have ended count too: what is above them is dead. Where the method yields, the
            // instruction is executed anew when it is done, for the other variables.
            let marked = proto.code[..pc.index()].iter().filter_map(|mark| match mark.op() {
                Op::Tbc => Some(mark.a()),
                Op::TForPrep => Some(mark.a() + 3),
                _ => None,
            });
            match marked.filter(|variable| *variable >= a).min() {
                None => Effects::new(RegisterSet::EMPTY, Edge::to(next)),
                Some(lowest) => {
                    let clobbers = from(lowest + 1);
                    let [done, again] = [next, pc].map(|pc| Edge { clobbers, ..Edge::to(pc) });
                    Effects::branch(RegisterSet::EMPTY, done, again)
                }
            }
        }
        Op::ExtraArg => Effects::new(RegisterSet::EMPTY, Edge::to(next)),
        Op::Jmp => Effects::new(RegisterSet::EMPTY, Edge::to(next.offset(i.sj()))),
        Op::TestSet => Effects::branch(
            RegisterSet::one(b),
            Edge::writing(next, RegisterSet::one(a)),
            Edge::to(skip),
        ),
        Op::Call => {
            let reads = if b == 0 { from(a) } else { range(a, a + b) };
            let writes = if c == 0 { RegisterSet::EMPTY } else { range(a, a + c - 1) };
            let clobbers = from(a).without(writes);
            Effects::new(reads, Edge { target: next, writes, clobbers })
        }
        Op::TailCall => Effects::leaving(if b == 0 { from(a) } else { range(a, a + b) }),
        Op::Return => Effects::leaving(if b == 0 { from(a) } else { range(a, a + b - 1) }),
        Op::Return0 => Effects::leaving(RegisterSet::EMPTY),
        Op::Return1 => Effects::leaving(RegisterSet::one(a)),
        Op::ForPrep => {
            let enter = Edge::writing(next, range(a, a + 4));
            // PUC has written R[A+3] of an integer loop, not of a float loop, when it skips the body.
            let leave = Edge {
                target: next.offset(i.bx() as i32 + 1),
                writes: RegisterSet::EMPTY,
                clobbers: range(a, a + 4),
            };
            Effects::branch(range(a, a + 3), enter, leave)
        }
        Op::ForLoop => {
            let writes = [a, a + 1, a + 3].into_iter().collect();
            let again = Edge::writing(next.offset(-(i.bx() as i32)), writes);
            Effects::branch(range(a, a + 3), again, Edge::to(next))
        }
        Op::TForPrep => Effects::new(RegisterSet::one(a + 3), Edge::to(next.offset(i.bx() as i32))),
        Op::TForCall => {
            let writes = range(a + 4, a + 4 + c);
            let clobbers = from(a + 4).without(writes);
            Effects::new(range(a, a + 3), Edge { target: next, writes, clobbers })
        }
        Op::TForLoop => {
            let target = next.offset(-(i.bx() as i32));
            let again = Edge::writing(target, RegisterSet::one(a + 2));
            Effects::branch(RegisterSet::one(a + 4), again, Edge::to(next))
        }
        Op::SetList => {
            let reads = if b == 0 { from(a) } else { range(a, a + b + 1) };
            Effects::new(reads, Edge::to(if i.k() { skip } else { next }))
        }
        Op::VarArg => {
            let writes = if c == 0 { RegisterSet::EMPTY } else { range(a, a + c - 1) };
            let clobbers = if c == 0 { from(a) } else { RegisterSet::EMPTY };
            Effects::new(RegisterSet::EMPTY, Edge { target: next, writes, clobbers })
        }
        Op::VarArgPrep => {
            let params = range(0, usize::from(proto.num_params));
            Effects::new(params, Edge::writing(next, params))
        }
        Op::Closure => {
            let captured = captured_registers(proto, pc);
            let result = RegisterSet::one(a);
            Effects::new(captured.without(result), Edge::writing(next, result))
        }
        _ => by_roles(proto, pc),
    }
}

/// Effects of an instruction whose operands are single registers.
fn by_roles(proto: &Proto, pc: Pc) -> Effects {
    let i = proto.code[pc.index()];
    let info = i.op().info();
    let mut reads = RegisterSet::EMPTY;
    for (operand, register) in [(info.a, i.a()), (info.b, i.b()), (info.c, i.c())] {
        match operand {
            Operand::Read => reads.insert(register),
            Operand::ReadOrConstant if !i.k() => reads.insert(register),
            _ => {}
        }
    }
    let (next, skip) = (pc.next(), pc.next().next());
    let writes =
        if info.a == Operand::Write { RegisterSet::one(i.a()) } else { RegisterSet::EMPTY };
    if info.is_test() {
        Effects::branch(reads, Edge::to(next), Edge::to(skip))
    } else if info.is_metamethod() {
        let arithmetic = proto.code[pc.index() - 1];
        Effects::new(reads, Edge::writing(next, RegisterSet::one(arithmetic.a())))
    } else if has_metamethod(proto, pc) {
        Effects::branch(reads, Edge::writing(skip, writes), Edge::to(next))
    } else if matches!(i.op(), Op::LoadKX | Op::NewTable | Op::LFalseSkip) {
        Effects::new(reads, Edge::writing(skip, writes))
    } else {
        Effects::new(reads, Edge::writing(next, writes))
    }
}

/// The next instruction is the metamethod call of this one.
fn has_metamethod(proto: &Proto, pc: Pc) -> bool {
    proto.code.get(pc.index() + 1).is_some_and(|next| next.op().info().is_metamethod())
}

/// Registers that the CLOSURE at `pc` captures as upvalues.
pub fn captured_registers(proto: &Proto, pc: Pc) -> RegisterSet {
    let nested = &proto.protos[proto.code[pc.index()].bx()];
    nested.upvalues.iter().filter(|up| up.in_stack).map(|up| usize::from(up.index)).collect()
}
