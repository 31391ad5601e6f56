//! Evaluators of machine-level IR: what lowering and what allocation made, run without machine code.
//!
//! In:  a [`MachTrace`] or an [`Allocated`], the context (heap, helpers), the frame's base, the
//!      environment.
//! Out: a [`Run`]: the exit, the values of its snapshot, loop arrivals; or a [`Fault`].
//!
//! 1. [`semantics`] what each instruction computes
//! 2. [`memory`]    host memory, each access checked
//! 3. [`registers`] virtual registers; registers and spill slots
//! 4. this file: one step, and the two loops
//!
//! They stand between the IR evaluator and the simulator, so that a wrong result can be pinned on
//! lowering, on allocation or on emission: each stage's output is executed as it is.
//!
//! Invariants:
//! - A read of a register that was never written, or that a call has destroyed since, is a fault.
//! - Condition flags do not outlive their instruction, as the instruction set demands.
//! - With a log, each executed instruction leaves one [`Record`], moves included.

pub mod memory;
pub mod registers;
pub mod semantics;

use std::fmt::{self, Display};

use super::context::TraceContext;
use super::executor::RunEnv;
use super::trap::TrapKind;
use crate::backend::alloc::{Allocated, Step};
use crate::backend::mach::{
    Address, Argument, Base, Block, Exit, ExitId, Held, Inst, MachTrace, OrZero, Test, Width,
};
use crate::exec::runtime::Helper;
use crate::ir::trace::{SnapshotId, ValueId};
use memory::Memory;
use registers::{Locations, Registers, Virtuals};
use semantics::Outcome;

/// Loop arrivals between two questions whether the run is to stop.
const CHECK_DISTANCE: u64 = 1 << 14;

/// A broken rule: always a defect of the compiler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    pub kind: TrapKind,
    pub message: String,
    /// The instruction's text.
    pub instruction: String,
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trap {:?}: {}\n  at `{}`", self.kind, self.message, self.instruction)
    }
}

impl std::error::Error for Fault {}

fn fault(kind: TrapKind, message: String) -> Fault {
    Fault { kind, message, instruction: String::new() }
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    pub exit: ExitId,
    pub snapshot: SnapshotId,
    /// The values that the snapshot names, as the exit found them.
    pub values: Vec<(ValueId, u64)>,
    /// How often the loop head was reached.
    pub loop_arrivals: u64,
    pub executed: u64,
}

impl Run {
    /// The 64 bits of a value that the exit's snapshot names.
    ///
    /// # Panics
    /// When the snapshot does not name it.
    pub fn read(&self, value: ValueId) -> u64 {
        let found = self.values.iter().find(|(id, _)| *id == value);
        found.unwrap_or_else(|| panic!("v{} is not in snapshot #{}", value.0, self.snapshot.0)).1
    }
}

/// One executed instruction, for comparing two executors step by step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// Index among the entry's and then the loop's steps, moves included; of the evaluator of IR, the
    /// number of the instruction.
    pub step: u32,
    /// The 64 bits that it wrote into a register.
    pub written: Option<u64>,
    /// Whether the trace was left here.
    pub left: bool,
}

/// What a run works on besides its registers.
struct Machine<'a> {
    memory: Memory<'a>,
    context: &'a TraceContext,
    base: u64,
    env: &'a dyn RunEnv,
    executed: u64,
    loop_arrivals: u64,
    log: Option<&'a mut Vec<Record>>,
    /// The guard of the IR that was counted last, and the first exit that stands for it: one guard of the
    /// IR may be several here, one after the other.
    counted: Option<(ValueId, ExitId)>,
}

/// What one instruction led to.
enum Flow {
    Next,
    Jump,
    Leave(ExitId, SnapshotId, Vec<(ValueId, u64)>),
}

impl<'a> Machine<'a> {
    fn new(
        context: &'a TraceContext,
        base: u64,
        env: &'a dyn RunEnv,
        log: Option<&'a mut Vec<Record>>,
    ) -> Machine<'a> {
        let memory = Memory::new(env.memory());
        Machine { memory, context, base, env, executed: 0, loop_arrivals: 0, log, counted: None }
    }

    fn address<R: Copy>(
        &self,
        registers: &impl Registers<R>,
        address: Address<R>,
    ) -> Result<u64, Fault> {
        let base = match address.base {
            Base::Reg(r) => registers.read(r)?,
            Base::Frame => self.base,
        };
        Ok(base.wrapping_add_signed(i64::from(address.offset)))
    }

    fn test<R: Copy>(registers: &impl Registers<R>, test: Test<R>) -> Result<Outcome, Fault> {
        Ok(match test {
            Test::Int(a, b) => Outcome::of_integers(registers.read(a)?, registers.read(b)?),
            Test::IntImm(a, imm) => Outcome::of_integers(registers.read(a)?, i64::from(imm) as u64),
            Test::Float(a, b) => Outcome::of_floats(registers.read(a)?, registers.read(b)?),
            Test::FloatZero(a) => Outcome::of_floats(registers.read(a)?, 0),
            Test::NonZeroThenSign(a, b) => {
                let (a, b) = (registers.read(a)?, registers.read(b)?);
                if a == 0 { Outcome::Clear } else { Outcome::of_integers(b, 0) }
            }
        })
    }

    fn leave<R: Copy>(registers: &impl Registers<R>, exit: &Exit<R>) -> Result<Flow, Fault> {
        let value = |(id, held): &(ValueId, Held<R>)| {
            Ok((
                *id,
                match *held {
                    Held::Const(bits) => bits,
                    Held::At(r) => registers.read(r)?,
                },
            ))
        };
        let values = exit.values.iter().map(value).collect::<Result<_, Fault>>()?;
        Ok(Flow::Leave(exit.id, exit.snapshot, values))
    }

    fn call<R: Copy>(
        &mut self,
        registers: &mut impl Registers<R>,
        helper: Helper,
        args: &[Argument<R>],
        result: Option<R>,
    ) -> Result<(), Fault> {
        let mut values = [0; 6];
        for (position, (arg, value)) in args.iter().zip(&mut values).enumerate() {
            *value = match *arg {
                Argument::Reg(r) => registers.argument(r, position as u8)?,
                Argument::Heap => self.context.heap,
                Argument::Imm(imm) => u64::from(imm),
            };
        }
        let address = self.context.helpers[helper.slot()];
        let function = self.env.helpers().get(address).ok_or_else(|| {
            fault(TrapKind::UnknownHelper, format!("no helper is at {address:#x}"))
        })?;
        let accepts = |parameter, value| self.memory.accepts(parameter, value);
        if let Some(at) = self.env.helpers().refused(address, &values, accepts) {
            let text = format!("argument {at} of {} is {:#x}", helper.name(), values[at]);
            return Err(fault(TrapKind::BadArgument, text));
        }
        self.memory.audit()?;
        let value = self.memory.call(function, values);
        registers.destroy_caller_saved();
        match result {
            Some(rd) => registers.result(rd, value),
            None => Ok(()),
        }
    }

    #[rustfmt::skip]
    fn instruction<R: Copy>(&mut self, registers: &mut impl Registers<R>, inst: &Inst<R>) -> Result<Flow, Fault> {
        let or_zero = |registers: &dyn Fn(R) -> Result<u64, Fault>, operand| match operand {
            OrZero::Reg(r) => registers(r),
            OrZero::Zero => Ok(0),
        };
        let read = |r| registers.read(r);
        let (rd, value) = match *inst {
            Inst::IntConst { rd, value } => (rd, value),
            Inst::FloatConst { rd, bits } => (rd, bits),
            Inst::IntToFloatBits { rd, rn } | Inst::FloatToIntBits { rd, rn } => (rd, read(rn)?),
            Inst::Int { op, rd, rn, rm } => (rd, semantics::int(op, read(rn)?, read(rm)?)),
            Inst::IntImm { op, rd, rn, imm } => (rd, semantics::int_imm(op, read(rn)?, imm)),
            Inst::IntShifted { op, rd, rn, rm, amount } => (rd, semantics::shifted(op, read(rn)?, read(rm)?, amount)),
            Inst::Int1 { op, rd, rn } => (rd, semantics::int1(op, read(rn)?)),
            Inst::MulSub { rd, rn, rm, ra } => (rd, read(ra)?.wrapping_sub(read(rn)?.wrapping_mul(read(rm)?))),
            Inst::FrameAddress { rd, offset } => (rd, self.base.wrapping_add_signed(i64::from(offset))),
            Inst::Select { test, cond, rd, yes, no } => {
                let chosen = if Self::test(registers, test)?.holds(cond) { yes } else { no };
                (rd, or_zero(&read, chosen)?)
            }
            Inst::Float { op, rd, rn, rm } => (rd, semantics::float(op, read(rn)?, read(rm)?)),
            Inst::Float1 { op, rd, rn } => (rd, semantics::float1(op, read(rn)?)),
            Inst::FloatSelect { test, cond, rd, yes, no } => {
                (rd, read(if Self::test(registers, test)?.holds(cond) { yes } else { no })?)
            }
            Inst::IntToFloat { rd, rn } => (rd, semantics::int_to_float(read(rn)?)),
            Inst::FloatToInt { rd, rn } => (rd, semantics::float_to_int(read(rn)?)),
            Inst::Load { width, rd, from } => {
                let address = self.address(registers, from)?;
                (rd, match width {
                    Width::Byte => u64::from(self.memory.load::<u8>(address)?),
                    Width::Word => u64::from(self.memory.load::<u32>(address)?),
                    Width::Double => self.memory.load::<u64>(address)?,
                })
            }
            Inst::LoadFloat { rd, from } => (rd, self.memory.load::<u64>(self.address(registers, from)?)?),
            Inst::Store { rn, to } => {
                let value = or_zero(&read, rn)?;
                self.memory.store(self.address(registers, to)?, value)?;
                return Ok(Flow::Next);
            }
            Inst::StoreByte { rn, to } => {
                let value = or_zero(&read, rn)? as u8;
                self.memory.store(self.address(registers, to)?, value)?;
                return Ok(Flow::Next);
            }
            Inst::StoreFloat { rn, to } => {
                let value = read(rn)?;
                self.memory.store(self.address(registers, to)?, value)?;
                return Ok(Flow::Next);
            }
            Inst::StorePair { first, second, to } => {
                let (first, second) = (or_zero(&read, first)?, or_zero(&read, second)?);
                let address = self.address(registers, to)?;
                self.memory.store(address, first)?;
                self.memory.store(address.wrapping_add(8), second)?;
                return Ok(Flow::Next);
            }
            Inst::Call { helper, ref args, result } => {
                self.call(registers, helper, args, result)?;
                return Ok(Flow::Next);
            }
            Inst::Guard { test, leave, ref exit } => {
                return if Self::test(registers, test)?.holds(leave) { Self::leave(registers, exit) } else { Ok(Flow::Next) };
            }
            Inst::GuardZero { rn, leave_zero, ref exit } => {
                return if (read(rn)? == 0) == leave_zero { Self::leave(registers, exit) } else { Ok(Flow::Next) };
            }
            Inst::CountDown { rd, rn, ref exit } | Inst::CountLoop { rd, rn, ref exit } => {
                let count = read(rn)?;
                registers.write(rd, count.wrapping_sub(1));
                return match inst {
                    _ if count == 0 => Self::leave(registers, exit),
                    Inst::CountLoop { .. } => Ok(Flow::Jump),
                    _ => Ok(Flow::Next),
                };
            }
            Inst::Leave { ref exit } => return Self::leave(registers, exit),
            Inst::Jump => return Ok(Flow::Jump),
        };
        registers.write(rd, value);
        Ok(Flow::Next)
    }

    /// One instruction, counted, logged and named in its fault.
    fn step<R: Copy + Display>(
        &mut self,
        registers: &mut impl Registers<R>,
        step: usize,
        inst: &Inst<R>,
        origin: Option<ValueId>,
    ) -> Result<Flow, Fault> {
        self.executed += 1;
        let named = |fault: Fault| Fault { instruction: inst.to_string(), ..fault };
        let forced = match inst {
            Inst::Guard { exit, .. } | Inst::GuardZero { exit, .. } => {
                origin.is_some_and(|guard| self.forces(guard, exit.id)).then_some(exit)
            }
            _ => None,
        };
        let flow = match forced {
            Some(exit) => Self::leave(registers, exit),
            None => self.instruction(registers, inst),
        }
        .map_err(named)?;
        if self.log.is_some() {
            let written = inst.written().map(|rd| registers.read(rd)).transpose().map_err(named)?;
            self.note(step, written, matches!(flow, Flow::Leave(..)));
        }
        Ok(flow)
    }

    fn forces(&mut self, guard: ValueId, exit: ExitId) -> bool {
        let again = self.counted.filter(|&(last, first)| last == guard && first != exit);
        if again.is_some() {
            return false;
        }
        self.counted = Some((guard, exit));
        self.env.forces(guard)
    }

    fn note(&mut self, step: usize, written: Option<u64>, left: bool) {
        if let Some(log) = &mut self.log {
            log.push(Record { step: step as u32, written, left });
        }
    }

    /// To be called at the loop head.
    fn arrive(&mut self) -> Result<(), Fault> {
        self.loop_arrivals += 1;
        let fuel = self.env.fuel();
        if self.executed > fuel {
            let named = fault(TrapKind::OutOfFuel, format!("more than {fuel} instructions"));
            return Err(Fault { instruction: "loop".into(), ..named });
        }
        if self.loop_arrivals.is_multiple_of(CHECK_DISTANCE) && self.env.is_interrupted() {
            return Err(fault(TrapKind::Interrupted, String::new()));
        }
        Ok(())
    }

    fn run(
        &self,
        exit: ExitId,
        snapshot: SnapshotId,
        values: Vec<(ValueId, u64)>,
    ) -> Result<Run, Fault> {
        self.memory.audit()?;
        let (loop_arrivals, executed) = (self.loop_arrivals, self.executed);
        Ok(Run { exit, snapshot, values, loop_arrivals, executed })
    }
}

fn falls_off(block: &str) -> Fault {
    fault(TrapKind::OutsideCode, format!("control falls off the end of {block}"))
}

/// Runs what lowering made.
pub fn evaluate_lowered(
    trace: &MachTrace,
    context: &TraceContext,
    base: u64,
    env: &dyn RunEnv,
    log: Option<&mut Vec<Record>>,
) -> Result<Run, Fault> {
    let mut machine = Machine::new(context, base, env, log);
    let mut registers = Virtuals::new(trace.num_virtuals as usize);
    let mut block: &Block = &trace.entry;
    loop {
        let first = if std::ptr::eq(block, &trace.entry) { 0 } else { trace.entry.lines.len() };
        let mut jumped = false;
        for (index, line) in block.lines.iter().enumerate() {
            match machine.step(&mut registers, first + index, &line.inst, line.origin)? {
                Flow::Next => {}
                Flow::Jump => {
                    jumped = true;
                    break;
                }
                Flow::Leave(exit, snapshot, values) => {
                    return machine.run(exit, snapshot, values);
                }
            }
        }
        let Some(body) = trace.body.as_ref().filter(|_| jumped) else {
            return Err(falls_off("a block"));
        };
        let values: Vec<u64> =
            block.jump_args.iter().map(|&r| registers.read(r)).collect::<Result<_, _>>()?;
        for (&param, value) in body.params.iter().zip(values) {
            registers.write(param, value);
        }
        machine.arrive()?;
        block = body;
    }
}

/// Runs what allocation made.
pub fn evaluate_allocated(
    trace: &Allocated,
    context: &TraceContext,
    base: u64,
    env: &dyn RunEnv,
    log: Option<&mut Vec<Record>>,
) -> Result<Run, Fault> {
    let mut machine = Machine::new(context, base, env, log);
    let mut registers = Locations::new(trace.spill_slots);
    let mut block: &[Step] = &trace.entry;
    let mut first = 0;
    loop {
        let mut jumped = false;
        for (index, step) in block.iter().enumerate() {
            let at = first + index;
            match step {
                Step::Move { from, to } => {
                    machine.executed += 1;
                    let named =
                        |fault| Fault { instruction: format!("{to} = move {from}"), ..fault };
                    let value = registers.read(*from).map_err(named)?;
                    registers.write(*to, value);
                    machine.note(at, Some(value), false);
                }
                Step::Inst { inst, origin } => {
                    match machine.step(&mut registers, at, inst, *origin)? {
                        Flow::Next => {}
                        Flow::Jump => {
                            jumped = true;
                            break;
                        }
                        Flow::Leave(exit, snapshot, values) => {
                            return machine.run(exit, snapshot, values);
                        }
                    }
                }
            }
        }
        let Some(body) = trace.body.as_ref().filter(|_| jumped) else {
            return Err(falls_off("a block"));
        };
        machine.arrive()?;
        (block, first) = (body, trace.entry.len());
    }
}
