//! The evaluator: executes a trace without machine code.
//!
//! In:  a verified [`Trace`], the [`TraceMemory`] it reads and writes, fuel.
//! Out: an [`Outcome`]: which snapshot it left through and every value computed so far.
//!
//! It is an executor of its own, and the yardstick for passes: a trace before and after a pass
//! must leave through equal states. Everything outside registers goes through [`TraceMemory`],
//! word by word at the offsets of `heap::layout`, so the same code runs on the real heap, on an
//! overlay of it, and on made-up tables ([`super::fake`]).
//!
//! A linear trace runs once and leaves through `end`. A looping trace runs until a guard fails,
//! or through `end` when its fuel is used up at the end of an iteration. In both cases the VM
//! instructions executed since entry are `loop_arrivals * iteration_clock + snapshot.clock`.

use super::op::{Op, Ty};
use super::semantics;
use super::trace::{Inst, Slot, SnapshotId, Trace, ValueId};
use crate::heap::layout;
use crate::heap::value::{Tag, VALUE_PAYLOAD, VALUE_SIZE, VALUE_TAG};
use std::fmt;

/// What a trace sees of the VM. Addresses are the trace's own: constants, entry slots, and what
/// it reads through them.
pub trait TraceMemory {
    /// Register `slot` of the root frame as it was at entry.
    fn slot(&mut self, slot: Slot) -> (Tag, u64);
    /// Address of slot 0 of the root frame.
    fn base(&mut self) -> u64;
    /// The closure that runs in the root frame.
    fn root_closure(&mut self) -> u64;

    fn read_u8(&mut self, address: u64) -> Result<u8, EvalTrap>;
    fn read_u32(&mut self, address: u64) -> Result<u32, EvalTrap>;
    fn read_u64(&mut self, address: u64) -> Result<u64, EvalTrap>;
    fn write_u8(&mut self, address: u64, value: u8) -> Result<(), EvalTrap>;
    fn write_u64(&mut self, address: u64, value: u64) -> Result<(), EvalTrap>;

    /// Address of the value of short string `key` in `table`'s hash part, or 0.
    fn hash_find(&mut self, table: u64, key: u64) -> Result<u64, EvalTrap>;
    /// Address of the value of integer `key` in `table`'s hash part, or 0.
    fn hash_find_int(&mut self, table: u64, key: i64) -> Result<u64, EvalTrap>;
    /// Raw set of an integer key.
    fn table_set_int(
        &mut self,
        table: u64,
        key: i64,
        tag: Tag,
        payload: u64,
    ) -> Result<(), EvalTrap>;
    /// Raw set of a string key.
    fn table_set_str(
        &mut self,
        table: u64,
        key: u64,
        tag: Tag,
        payload: u64,
    ) -> Result<(), EvalTrap>;
    /// Border of `table`.
    fn table_len(&mut self, table: u64) -> Result<i64, EvalTrap>;
}

/// The trace did what no valid trace does: a defect of the compiler, never of the Lua program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvalTrap {
    /// Nothing that the trace may touch is at this address.
    BadAddress(u64),
    /// What was stored around this address is no Lua value.
    UnsoundValue(u64),
    /// `idiv` or `imod` by 0.
    ZeroDivisor(ValueId),
    /// The memory has no such helper.
    NoHelper(&'static str),
}

impl fmt::Display for EvalTrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvalTrap::BadAddress(address) => write!(f, "the trace touches {address:#x}"),
            EvalTrap::UnsoundValue(at) => write!(f, "no value any more at {at:#x}, stored to"),
            EvalTrap::ZeroDivisor(id) => write!(f, "v{} divides by 0", id.0),
            EvalTrap::NoHelper(name) => write!(f, "helper `{name}` is missing"),
        }
    }
}
impl std::error::Error for EvalTrap {}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The snapshot that the run left through.
    pub exit: SnapshotId,
    /// The guard that failed; none when the run left through `end`.
    pub guard: Option<ValueId>,
    /// Payload of each value when the run left; 0 where none was computed.
    pub values: Vec<u64>,
    /// How often `loop` was reached.
    pub loop_arrivals: u64,
    /// Instructions executed, constants and structure included.
    pub executed: u64,
}

impl Outcome {
    /// Payload of a value at the exit.
    pub fn read(&self, id: ValueId) -> u64 {
        self.values[id.0 as usize]
    }
    /// VM instructions fetched since the trace was entered.
    pub fn clock(&self, trace: &Trace) -> u64 {
        let snapshot = trace.snapshot(self.exit);
        self.loop_arrivals * u64::from(trace.iteration_clock) + u64::from(snapshot.clock)
    }
    /// The slots to write, with tag and payload.
    pub fn slots(&self, trace: &Trace) -> Vec<(Slot, Tag, u64)> {
        let slots = trace.snapshot(self.exit).slots.iter();
        let value = |&(slot, id): &(Slot, ValueId)| {
            let tag = trace.ty(id).tag().expect("snapshots name Lua values");
            (slot, tag, self.read(id))
        };
        slots.map(value).collect()
    }
}

/// Runs `trace`. `fuel` bounds the instructions of a looping trace; it is looked at between
/// iterations only, so that the run always ends in a state that the interpreter can go on from.
pub fn evaluate(
    trace: &Trace,
    memory: &mut dyn TraceMemory,
    fuel: u64,
) -> Result<Outcome, EvalTrap> {
    evaluate_forcing(trace, memory, fuel, None)
}

/// A guard that leaves once although it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forced {
    pub guard: ValueId,
    /// Executions until it leaves; 0 for never.
    pub left: u64,
}

impl Forced {
    /// Counts an execution of `id`; true when it is the one that leaves.
    pub fn leaves(&mut self, id: ValueId) -> bool {
        if id != self.guard || self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.left == 0
    }
}

/// As [`evaluate`], with a guard that may be forced.
pub fn evaluate_forcing(
    trace: &Trace,
    memory: &mut dyn TraceMemory,
    fuel: u64,
    forced: Option<&mut Forced>,
) -> Result<Outcome, EvalTrap> {
    evaluate_logging(trace, memory, fuel, forced, None)
}

/// Is told of each instruction executed: its result, if it has one, and whether the trace was left there.
pub type Log<'l> = dyn FnMut(ValueId, Option<u64>, bool) + 'l;

/// As [`evaluate_forcing`], with a log.
pub fn evaluate_logging(
    trace: &Trace,
    memory: &mut dyn TraceMemory,
    fuel: u64,
    mut forced: Option<&mut Forced>,
    mut log: Option<&mut Log>,
) -> Result<Outcome, EvalTrap> {
    let mut machine = Machine::new(trace.insts.len());
    let loop_head = trace.loop_head();
    let (mut loop_arrivals, mut executed) = (0, 0);
    let mut at = 0;
    while at < trace.insts.len() {
        let id = ValueId(at as u32);
        let inst = trace.inst(id);
        executed += 1;
        if inst.op == Op::Loop {
            machine.enter_loop(trace, id, loop_arrivals == 0);
            loop_arrivals += 1;
        }
        let forces = forced.as_mut().is_some_and(|forced| forced.leaves(id));
        let leaves = forces || machine.step(&trace.insts, id, memory)? == Step::Leave;
        if let Some(log) = &mut log {
            log(id, (inst.ty != Ty::Void && !leaves).then(|| machine.read(id)), leaves);
        }
        if leaves {
            let exit = inst.snapshot.expect("only guards leave, and they name a snapshot");
            return Ok(machine.leave(exit, Some(id), loop_arrivals, executed));
        }
        at += 1;
        if let Some(head) = loop_head
            && at == trace.insts.len()
            && executed < fuel
        {
            at = head.0 as usize;
        }
    }
    Ok(machine.leave(trace.end, None, loop_arrivals, executed))
}

/// What one instruction did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Next,
    /// A guard failed.
    Leave,
}

/// The values computed so far.
#[derive(Clone, Default)]
pub struct Machine {
    values: Vec<u64>,
}

impl Machine {
    pub fn new(len: usize) -> Machine {
        Machine { values: vec![0; len] }
    }

    pub fn read(&self, id: ValueId) -> u64 {
        self.values[id.0 as usize]
    }

    fn leave(
        self,
        exit: SnapshotId,
        guard: Option<ValueId>,
        loop_arrivals: u64,
        executed: u64,
    ) -> Outcome {
        Outcome { exit, guard, values: self.values, loop_arrivals, executed }
    }

    /// Gives all phis their values at once: the initial ones, or those of the back edge.
    fn enter_loop(&mut self, trace: &Trace, head: ValueId, from_above: bool) {
        let operand = usize::from(!from_above);
        let phis = trace.iter().skip(head.0 as usize + 1).take_while(|(_, i)| i.op == Op::Phi);
        let arrivals: Vec<(ValueId, u64)> =
            phis.map(|(id, phi)| (id, self.read(phi.args.get(operand)))).collect();
        for (id, value) in arrivals {
            self.values[id.0 as usize] = value;
        }
    }

    /// Executes instruction `id` of `insts`; phis take their values at `loop`.
    pub fn step(
        &mut self,
        insts: &[Inst],
        id: ValueId,
        memory: &mut dyn TraceMemory,
    ) -> Result<Step, EvalTrap> {
        let inst = &insts[id.0 as usize];
        if inst.op == Op::Phi {
            return Ok(Step::Next);
        }
        if self.values.len() < insts.len() {
            self.values.resize(insts.len(), 0);
        }
        let args = Operands::read(self, insts, inst);
        if let Some(holds) = semantics::holds(inst.op, args.all()) {
            return Ok(if holds { Step::Next } else { Step::Leave });
        }
        match execute(id, inst, &args, memory)? {
            Effect::Value(value) => self.values[id.0 as usize] = value,
            Effect::Nothing => {}
            Effect::Leave => return Ok(Step::Leave),
        }
        Ok(Step::Next)
    }
}

enum Effect {
    Value(u64),
    Nothing,
    Leave,
}

impl Effect {
    fn guard(holds: bool) -> Effect {
        if holds { Effect::Nothing } else { Effect::Leave }
    }
}

/// An instruction's operands.
struct Operands {
    payloads: [u64; 3],
    len: usize,
    /// Tag of the last operand, which is the one that stores write.
    tag: Option<Tag>,
}

impl Operands {
    fn read(machine: &Machine, insts: &[Inst], inst: &Inst) -> Operands {
        let mut operands = Operands { payloads: [0; 3], len: inst.args.len(), tag: None };
        for (payload, arg) in operands.payloads.iter_mut().zip(inst.args.iter()) {
            *payload = machine.read(arg);
            operands.tag = insts[arg.0 as usize].ty.tag();
        }
        operands
    }
    fn all(&self) -> &[u64] {
        &self.payloads[..self.len]
    }
    /// Tag of the value that a store writes.
    fn stored_tag(&self) -> Tag {
        self.tag.expect("stores write Lua values")
    }
}

fn execute(
    id: ValueId,
    inst: &Inst,
    args: &Operands,
    memory: &mut dyn TraceMemory,
) -> Result<Effect, EvalTrap> {
    let [a, b, c] = args.payloads;
    let offset = |field: usize| a.wrapping_add(field as u64);
    let index = inst.imm as u64;
    Ok(match inst.op {
        Op::KInt | Op::KFloat | Op::KPrimitive | Op::KObject | Op::KPtr => Effect::Value(index),
        Op::SlotLoad => {
            let (tag, payload) = memory.slot(inst.imm as Slot);
            if Some(tag) == inst.ty.tag() { Effect::Value(payload) } else { Effect::Leave }
        }
        Op::RootClosure => Effect::Value(memory.root_closure()),

        Op::TableArray => Effect::Value(memory.read_u64(offset(layout::TABLE_ARRAY))?),
        Op::TableLimit => Effect::Value(memory.read_u32(offset(layout::TABLE_ALIMIT))?.into()),
        Op::TableMeta => Effect::Value(memory.read_u64(offset(layout::TABLE_METATABLE))?),
        Op::ArrayLoad => load(memory, element(a, b), inst.ty)?,
        Op::ArrayStore => store(memory, element(a, b), args.stored_tag(), c)?,
        Op::HashSlot => hash_slot(memory, a, b, index)?,
        Op::TableArraySize => {
            Effect::Value(memory.read_u32(offset(layout::TABLE_ARRAY_SIZE))?.into())
        }
        Op::HashFind => Effect::Value(memory.hash_find(a, b)?),
        Op::HashFindInt => Effect::Value(memory.hash_find_int(a, b as i64)?),
        Op::HashLoad => load(memory, a, inst.ty)?,
        Op::HashStore => store(memory, a, args.stored_tag(), b)?,
        Op::TableClearFlags => {
            memory.write_u8(offset(layout::TABLE_ABSENT_METAMETHODS), 0)?;
            Effect::Nothing
        }
        Op::TableSetInt => {
            memory.table_set_int(a, b as i64, args.stored_tag(), c)?;
            Effect::Nothing
        }
        Op::TableSetStr => {
            memory.table_set_str(a, b, args.stored_tag(), c)?;
            Effect::Nothing
        }
        Op::TableLen => Effect::Value(memory.table_len(a)? as u64),
        Op::StrLen => Effect::Value(memory.read_u64(offset(layout::STR_LEN))?),

        Op::ClosureProto => Effect::Value(memory.read_u64(offset(layout::CLOSURE_PROTO))?),
        Op::UpvalueRef => {
            let entry = offset(layout::CLOSURE_UPVALUES).wrapping_add(8 * index);
            Effect::Value(memory.read_u64(entry)?)
        }
        Op::GuardUpvalueClosed | Op::GuardUpvalueOutside | Op::GuardUpvalueSlot => {
            let location = memory.read_u64(offset(layout::UPVALUE_LOCATION))?;
            let (closed, base) = (offset(layout::UPVALUE_CLOSED), memory.base());
            Effect::guard(match inst.op {
                Op::GuardUpvalueClosed => location == closed,
                Op::GuardUpvalueOutside => location < base || location >= element(base, index),
                _ => location == element(base, index),
            })
        }
        Op::UpvalueLoad => {
            let location = memory.read_u64(offset(layout::UPVALUE_LOCATION))?;
            load(memory, location, inst.ty)?
        }
        Op::UpvalueStore => {
            let location = memory.read_u64(offset(layout::UPVALUE_LOCATION))?;
            store(memory, location, args.stored_tag(), b)?
        }
        Op::Loop | Op::Phi => Effect::Nothing,
        op => match semantics::compute(op, args.all()) {
            Some(value) => Effect::Value(value),
            None if op == Op::FloatToInt => Effect::Leave,
            None => return Err(EvalTrap::ZeroDivisor(id)),
        },
    })
}

/// Address of element `index` of the values at `array`.
fn element(array: u64, index: u64) -> u64 {
    array.wrapping_add(index.wrapping_mul(VALUE_SIZE as u64))
}

/// The payload at `address`, if its tag is that of `ty`.
fn load(memory: &mut dyn TraceMemory, address: u64, ty: Ty) -> Result<Effect, EvalTrap> {
    let tag = memory.read_u8(address.wrapping_add(VALUE_TAG as u64))?;
    if Some(tag) != ty.tag().map(|tag| tag as u8) {
        return Ok(Effect::Leave);
    }
    Ok(Effect::Value(memory.read_u64(address.wrapping_add(VALUE_PAYLOAD as u64))?))
}

fn store(
    memory: &mut dyn TraceMemory,
    address: u64,
    tag: Tag,
    payload: u64,
) -> Result<Effect, EvalTrap> {
    memory.write_u64(address.wrapping_add(VALUE_PAYLOAD as u64), payload)?;
    memory.write_u8(address.wrapping_add(VALUE_TAG as u64), tag as u8)?;
    Ok(Effect::Nothing)
}

/// Address of the value in node `index`, if that node exists and its key is the string `key`.
fn hash_slot(
    memory: &mut dyn TraceMemory,
    table: u64,
    key: u64,
    index: u64,
) -> Result<Effect, EvalTrap> {
    let field = |offset: usize| table.wrapping_add(offset as u64);
    let log2_nodes = memory.read_u8(field(layout::TABLE_LOG2_NODES))?;
    if index >> log2_nodes != 0 {
        return Ok(Effect::Leave);
    }
    let nodes = memory.read_u64(field(layout::TABLE_NODES))?;
    let node = nodes.wrapping_add(index * layout::NODE_SIZE as u64);
    let found_tag = memory.read_u8(node.wrapping_add(layout::NODE_KEY_TAG as u64))?;
    let found = memory.read_u64(node.wrapping_add(layout::NODE_KEY_PAYLOAD as u64))?;
    if found_tag != Tag::Str as u8 || found != key {
        return Ok(Effect::Leave);
    }
    Ok(Effect::Value(node.wrapping_add(layout::NODE_VALUE as u64)))
}
