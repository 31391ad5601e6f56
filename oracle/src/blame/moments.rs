//! What an engine holds, instruction by instruction.
//!
//! In:  a program, an engine, a range of clocks.
//! Out: a [`Moment`] a clock: where each frame stands and what its registers hold; and [`Code`], the
//!      bytecode to look instructions up in.
//!
//! Limits: frames below the one that runs at the first clock are left out. Of strings and objects only
//! the kind is kept, since another run has them at other addresses.

use crate::canon::{Class, ProtoId, State, View};
use crate::engine::{Ending, Engine, Next, Program, Watcher};
use crate::event::Clock;
use plumb_jit::bytecode::{Instruction, Op as Opcode, Pc, Proto, effects};

/// A value as two runs can compare it.
#[derive(Clone, Copy, Debug)]
pub enum Plain {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str,
    Object(Class),
}

impl PartialEq for Plain {
    /// Floats by bits, all NaNs alike.
    fn eq(&self, other: &Plain) -> bool {
        match (*self, *other) {
            (Plain::Nil, Plain::Nil) | (Plain::Str, Plain::Str) => true,
            (Plain::Bool(a), Plain::Bool(b)) => a == b,
            (Plain::Int(a), Plain::Int(b)) => a == b,
            (Plain::Float(a), Plain::Float(b)) => {
                a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
            }
            (Plain::Object(a), Plain::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl Plain {
    /// The name of its type; numbers by their subtype.
    pub fn kind(self) -> &'static str {
        match self {
            Plain::Nil => "nil",
            Plain::Bool(_) => "boolean",
            Plain::Int(_) => "integer",
            Plain::Float(_) => "float",
            Plain::Str => "string",
            Plain::Object(_) => "object",
        }
    }
}

/// A frame that runs, or waits at the instruction that called.
#[derive(Clone, PartialEq, Debug)]
pub struct FrameAt {
    pub proto: ProtoId,
    pub pc: u32,
    pub registers: Vec<Plain>,
}

/// The state at one clock.
#[derive(Clone, PartialEq, Debug)]
pub struct Moment {
    /// The running frame first.
    pub frames: Vec<FrameAt>,
    /// Frames of the whole stack.
    pub depth: usize,
}

impl Moment {
    /// Where each frame stands.
    pub fn positions(&self) -> impl Iterator<Item = (ProtoId, u32)> + '_ {
        self.frames.iter().map(|frame| (frame.proto, frame.pc))
    }
}

/// The states at the clocks `from..=to`, as far as the program runs.
pub fn moments(program: &Program, engine: &impl Engine, from: u64, to: u64) -> Vec<Moment> {
    let stack_sizes = Code::new(program).0.iter().map(|proto| proto.max_stack_size).collect();
    engine.run(program, Walker { stack_sizes, next: from, to, seen: Vec::new() }).1.seen
}

struct Walker {
    /// By [`ProtoId`].
    stack_sizes: Vec<u8>,
    next: u64,
    to: u64,
    seen: Vec<Moment>,
}

impl Walker {
    fn look<S: State>(&self, state: &S) -> Moment {
        let depth = state.frame_count();
        let first = self.seen.first().map_or(depth, |moment| moment.depth);
        let levels = (depth + 1).saturating_sub(first).clamp(usize::from(depth > 0), depth);
        let frame = |level: usize| {
            let frame = state.frame(level);
            let size = self.stack_sizes.get(frame.function.proto.0 as usize).copied();
            let register = |index| plain(state, state.register(level, index));
            let registers = (0..size.unwrap_or(0)).map(register).collect();
            FrameAt { proto: frame.function.proto, pc: frame.pc, registers }
        };
        Moment { frames: (0..levels).map(frame).collect(), depth }
    }
}

fn plain<S: State>(state: &S, value: S::Value) -> Plain {
    match state.view(value) {
        View::Nil => Plain::Nil,
        View::Bool(value) => Plain::Bool(value),
        View::Int(value) => Plain::Int(value),
        View::Float(value) => Plain::Float(value),
        View::Str(_) => Plain::Str,
        View::Object(class, _) => Plain::Object(class),
    }
}

impl Watcher for Walker {
    fn first(&mut self) -> Option<Clock> {
        Some(Clock(self.next))
    }
    fn at<S: State>(&mut self, clock: Clock, state: &S) -> Next {
        let moment = self.look(state);
        self.seen.push(moment);
        self.next = clock.0 + 1;
        if self.next <= self.to { Next::At(Clock(self.next)) } else { Next::Stop }
    }
    fn end<S: State>(&mut self, _: &S, _: &Ending<S::Value>, _: &[u8]) {}
}

/// The functions of the main chunk, by [`ProtoId`]. What is loaded at run time has no code here.
pub struct Code<'p>(Vec<&'p Proto>);

impl<'p> Code<'p> {
    pub fn new(program: &'p Program) -> Code<'p> {
        let mut protos = Vec::new();
        if let Ok(main) = &program.proto {
            main.for_each(&mut |proto| protos.push(proto));
        }
        Code(protos)
    }

    /// The instruction at which a frame stands.
    pub fn at(&self, frame: &FrameAt) -> Option<Instruction> {
        self.0.get(frame.proto.0 as usize)?.code.get(frame.pc as usize).copied()
    }

    pub fn opcode(&self, frame: &FrameAt) -> Option<Opcode> {
        self.at(frame).map(Instruction::op)
    }

    /// Constant `index` of a frame's function.
    pub fn constant(&self, frame: &FrameAt, index: usize) -> Option<Plain> {
        use plumb_jit::bytecode::Constant;
        Some(match self.0.get(frame.proto.0 as usize)?.constants.get(index)? {
            Constant::Nil => Plain::Nil,
            Constant::False => Plain::Bool(false),
            Constant::True => Plain::Bool(true),
            Constant::Int(value) => Plain::Int(*value),
            Constant::Float(value) => Plain::Float(*value),
            Constant::Str(_) => Plain::Str,
        })
    }

    /// Whether the instruction at which a frame stands may write a register of the frame.
    pub fn writes(&self, frame: &FrameAt, register: usize) -> bool {
        let Some(proto) = self.0.get(frame.proto.0 as usize) else { return false };
        let effects = effects(proto, Pc(frame.pc));
        effects.edges().any(|edge| edge.writes.contains(register))
    }
}
