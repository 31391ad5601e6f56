//! The recorder: watches one iteration of a hot loop and writes it down as IR.
//!
//! In:  a [`View`] of the VM before each instruction that the interpreter is about to execute.
//! Out: a linear [`Trace`] when the head is reached again, or an [`Abort`].
//!
//! How it works: the interpreter executes; the recorder stands one instruction ahead of it, reads
//! the actual operands, decides what the instruction will do, and emits the guards that make the
//! same decision on later iterations. [`SlotMap`] says which IR value a register holds; an
//! instruction that only moves values emits nothing.
//!
//! Invariants:
//! - One snapshot per instruction, made before anything is recorded of it; the guards of an
//!   instruction stand before its write. So leaving is always legal: the interpreter redoes it.
//! - Every decision taken from an actual value is guarded: types at the load that brings the value
//!   in, conditions by a compare guard, callees by their proto or address.
//! - `clock` grows by one per call of [`Recorder::step`], because the interpreter calls it once per
//!   instruction that it fetches (design D2).
//!
//! 1. this file: state, snapshots, operands, dispatch
//! 2. [`arith`]    arithmetic and bitwise operators
//! 3. [`compare`]  tests and order
//! 4. [`tables`]   table access, upvalues
//! 5. [`calls`]    inlined calls, returns, known library functions
//! 6. [`slots`]    the slot map

mod arith;
mod calls;
mod compare;
mod control;
mod slots;
mod tables;

use super::abort::Abort;
use super::config::JitConfig;
use super::view::View;
use crate::bytecode::Pc;
use crate::bytecode::liveness::Liveness;
use crate::bytecode::{Instruction, Op as Opcode};
use crate::heap::value::{Tag, Value};
use crate::ir::builder::Builder;
use crate::ir::op::{Op, Ty};
use crate::ir::trace::{FrameLink, Slot, Snapshot, SnapshotId, Trace, ValueId};
use crate::vm::RuntimeProto;
use slots::SlotMap;
use std::ptr::NonNull;
use std::sync::Arc;

/// What one step led to.
pub enum Step {
    /// Go on: call again before the next instruction.
    Continue,
    /// The head was reached again; the instruction was not recorded.
    Done(Box<Recording>),
}

/// A finished recording.
pub struct Recording {
    pub trace: Trace,
    /// Values that the trace holds as constants; they must stay alive as long as the trace.
    pub pinned: Vec<Value>,
    /// Functions whose address the trace compares with: as long.
    pub inlined: Vec<NonNull<RuntimeProto>>,
}

/// A frame that is active in the iteration being recorded; index 0 is the root frame.
struct Frame {
    base: Slot,
    /// `None` for the root frame, whose closure is not fixed.
    link: Option<FrameLink>,
    proto_address: u64,
    liveness: Arc<Liveness>,
    max_stack: Slot,
}

pub struct Recorder {
    builder: Builder,
    slots: SlotMap,
    frames: Vec<Frame>,
    /// Entry values that were loaded, with their slot.
    loaded: Vec<(Slot, ValueId)>,
    pinned: Vec<Value>,
    inlined: Vec<NonNull<RuntimeProto>>,
    /// VM frames below and including the root frame.
    root_depth: usize,
    proto: u32,
    head: u32,
    /// The instruction being recorded.
    pc: u32,
    clock: u32,
    /// End of the open list of values that the previous instruction left.
    open_top: Option<Slot>,
    /// The same, left by the instruction being recorded.
    left_open: Option<Slot>,
    /// Snapshot of the instruction being recorded, once a guard asked for it.
    snapshot: Option<SnapshotId>,
    max_slots: u32,
    max_instructions: u32,
    max_inline_depth: usize,
    tables_may_grow: bool,
}

/// A register or constant operand: its IR value and what it is right now.
#[derive(Clone, Copy)]
struct Operand {
    ir: ValueId,
    actual: Value,
}

impl Recorder {
    /// Starts at a loop head; the view's running frame becomes the root frame and its pc the head.
    pub fn new(view: &View, config: &JitConfig) -> Recorder {
        let proto = view.proto();
        Recorder {
            builder: Builder::new(view.proto_id(), view.pc()),
            slots: SlotMap::default(),
            frames: vec![Frame {
                base: 0,
                link: None,
                proto_address: view.proto_address(),
                liveness: view.liveness(),
                max_stack: Slot::from(proto.max_stack_size),
            }],
            loaded: Vec::new(),
            pinned: Vec::new(),
            inlined: Vec::new(),
            root_depth: view.depth(),
            proto: view.proto_id(),
            head: view.pc(),
            pc: view.pc(),
            clock: 0,
            open_top: None,
            left_open: None,
            snapshot: None,
            max_slots: u32::from(proto.max_stack_size),
            max_instructions: config.max_instructions,
            max_inline_depth: config.max_inline_depth,
            tables_may_grow: config.tables_may_grow,
        }
    }

    pub fn head(&self) -> u32 {
        self.head
    }

    /// Records the instruction that the interpreter is about to execute.
    pub fn step(&mut self, view: &View) -> Result<Step, Abort> {
        if view.depth() != self.root_depth + self.frames.len() - 1 {
            return Err(Abort::UnexpectedFrame);
        }
        if view.proto_address() != self.frame().proto_address {
            return Err(Abort::UnexpectedFrame);
        }
        self.pc = view.pc();
        self.snapshot = None;
        if self.in_root() && self.pc == self.head && self.clock > 0 {
            return self.finish().map(|recording| Step::Done(Box::new(recording)));
        }
        if self.clock >= self.max_instructions {
            return Err(Abort::TooLong);
        }
        self.instruction(view, view.instruction(self.pc))?;
        self.open_top = self.left_open.take();
        self.clock += 1;
        Ok(Step::Continue)
    }

    fn finish(&mut self) -> Result<Recording, Abort> {
        for &(slot, entry) in &self.loaded {
            let end = self.slots.get(slot).unwrap_or(entry);
            if self.builder.ty(end) != self.builder.ty(entry) {
                return Err(Abort::TypeUnstable);
            }
        }
        let end = self.end_snapshot();
        let empty = Builder::new(self.proto, self.head);
        let builder = std::mem::replace(&mut self.builder, empty);
        let trace = builder.finish_recording(end, self.max_slots);
        let (pinned, inlined) = (&mut self.pinned, &mut self.inlined);
        Ok(Recording { trace, pinned: std::mem::take(pinned), inlined: std::mem::take(inlined) })
    }

    /// The state at the end of the iteration keeps every changed slot that is live at the head or
    /// that the next iteration loads.
    fn end_snapshot(&self) -> Snapshot {
        let live = &self.frames[0].liveness;
        let loaded: Vec<Slot> = self.loaded.iter().map(|&(slot, _)| slot).collect();
        let slots = self
            .slots
            .changed()
            .filter(|&(slot, _)| {
                slot >= 0
                    && slot < self.frames[0].max_stack
                    && (live.live_in(Pc(self.head)).contains(slot as usize)
                        || loaded.contains(&slot))
            })
            .collect();
        let (pc, clock) = (self.head, self.clock);
        Snapshot { pc, clock, open_top: None, frames: Vec::new(), slots }
    }

    // -- state -------------------------------------------------------------------------------

    fn frame(&self) -> &Frame {
        self.frames.last().expect("the root frame is never popped")
    }

    fn in_root(&self) -> bool {
        self.frames.len() == 1
    }

    /// The snapshot of the current instruction.
    fn snapshot(&mut self) -> SnapshotId {
        if let Some(snapshot) = self.snapshot {
            return snapshot;
        }
        let snapshot = self.make_snapshot();
        let id = self.builder.snapshot(snapshot);
        self.snapshot = Some(id);
        id
    }

    fn make_snapshot(&self) -> Snapshot {
        let frames: Vec<FrameLink> = self.frames.iter().filter_map(|f| f.link.clone()).collect();
        let slots = self.slots.changed().filter(|&(slot, _)| self.is_live(slot)).collect();
        let (pc, clock, open_top) = (self.pc, self.clock, self.open_top);
        Snapshot { pc, clock, open_top, frames, slots }
    }

    /// Whether the interpreter may still read this slot when it resumes at the current instruction.
    fn is_live(&self, slot: Slot) -> bool {
        let index = self.frames.iter().rposition(|f| slot >= f.base - 1).unwrap_or(0);
        let frame = &self.frames[index];
        if slot == frame.base - 1 {
            return index > 0;
        }
        let register = slot - frame.base;
        if register >= frame.max_stack {
            return false;
        }
        let resume = match self.frames.get(index + 1).and_then(|inner| inner.link.as_ref()) {
            Some(inner) => inner.return_pc,
            None => self.pc,
        };
        frame.liveness.live_in(Pc(resume)).contains(register as usize)
    }

    // -- emission ----------------------------------------------------------------------------

    fn pure(&mut self, op: Op, ty: Ty, args: &[ValueId]) -> ValueId {
        self.builder.push(op, ty, args, 0, None)
    }

    fn guard(&mut self, op: Op, args: &[ValueId]) {
        let snapshot = self.snapshot();
        self.builder.push(op, Ty::Void, args, 0, Some(snapshot));
    }

    /// A load that leaves the trace when the loaded tag is not `ty`'s.
    fn typed_load(&mut self, op: Op, ty: Ty, args: &[ValueId]) -> ValueId {
        let snapshot = self.snapshot();
        self.builder.push(op, ty, args, 0, Some(snapshot))
    }

    /// The objects that the recording names so far.
    pub fn pinned(&self) -> &[Value] {
        &self.pinned
    }

    /// The functions that it inlines so far.
    pub fn inlined(&self) -> &[NonNull<RuntimeProto>] {
        &self.inlined
    }

    fn store(&mut self, op: Op, args: &[ValueId]) {
        self.builder.push(op, Ty::Void, args, 0, None);
    }

    fn primitive(&mut self, ty: Ty) -> ValueId {
        self.builder.kpri(ty)
    }

    /// An actual value as an IR constant.
    fn constant(&mut self, value: Value) -> Result<ValueId, Abort> {
        Ok(match ty_of(value)? {
            Ty::Int => self.builder.kint(value.payload() as i64),
            Ty::Float => self.builder.kfloat(f64::from_bits(value.payload())),
            ty if ty.is_primitive() => self.builder.kpri(ty),
            ty => {
                self.pinned.push(value);
                self.builder.kobj(ty, value.payload())
            }
        })
    }

    // -- registers ---------------------------------------------------------------------------

    fn slot_of(&self, register: usize) -> Slot {
        self.frame().base + register as Slot
    }

    fn register(&mut self, view: &View, register: usize) -> Result<Operand, Abort> {
        let slot = self.slot_of(register);
        let actual = view.register(register);
        Ok(Operand { ir: self.slot(slot, actual)?, actual })
    }

    /// The IR value of a slot, loading its entry value if the trace has not touched it.
    fn slot(&mut self, slot: Slot, actual: Value) -> Result<ValueId, Abort> {
        if let Some(value) = self.slots.get(slot) {
            return Ok(value);
        }
        let ty = ty_of(actual)?;
        let snapshot = self.snapshot();
        let value = self.builder.push(Op::SlotLoad, ty, &[], i64::from(slot), Some(snapshot));
        self.slots.note_loaded(slot, value);
        self.loaded.push((slot, value));
        Ok(value)
    }

    fn set_register(&mut self, register: usize, value: ValueId) {
        let slot = self.slot_of(register);
        self.slots.set(slot, value);
    }

    fn constant_operand(&mut self, view: &View, index: usize) -> Result<Operand, Abort> {
        let actual = view.constant(index);
        Ok(Operand { ir: self.constant(actual)?, actual })
    }

    fn integer_operand(&mut self, value: i64) -> Operand {
        Operand { ir: self.builder.kint(value), actual: Value::int(value) }
    }

    /// RK(C): a constant when k is set.
    fn register_or_constant(&mut self, view: &View, i: Instruction) -> Result<Operand, Abort> {
        if i.k() { self.constant_operand(view, i.c()) } else { self.register(view, i.c()) }
    }

    /// The closure of the running frame.
    fn closure(&mut self) -> ValueId {
        match &self.frame().link {
            Some(link) => link.closure,
            None => self.pure(Op::RootClosure, Ty::Closure, &[]),
        }
    }

    // -- dispatch ----------------------------------------------------------------------------

    fn instruction(&mut self, view: &View, i: Instruction) -> Result<(), Abort> {
        match i.op() {
            Opcode::Move => {
                let value = self.register(view, i.b())?;
                self.set_register(i.a(), value.ir);
            }
            Opcode::LoadI => {
                let value = self.builder.kint(i64::from(i.sbx()));
                self.set_register(i.a(), value);
            }
            Opcode::LoadF => {
                let value = self.builder.kfloat(f64::from(i.sbx()));
                self.set_register(i.a(), value);
            }
            Opcode::LoadK => {
                let value = self.constant_operand(view, i.bx())?;
                self.set_register(i.a(), value.ir);
            }
            Opcode::LoadKX => {
                let index = view.instruction(self.pc + 1).ax();
                let value = self.constant_operand(view, index)?;
                self.set_register(i.a(), value.ir);
            }
            Opcode::LoadFalse | Opcode::LFalseSkip => {
                let value = self.primitive(Ty::False);
                self.set_register(i.a(), value);
            }
            Opcode::LoadTrue => {
                let value = self.primitive(Ty::True);
                self.set_register(i.a(), value);
            }
            Opcode::LoadNil => {
                let value = self.primitive(Ty::Nil);
                for register in i.a()..=i.a() + i.b() {
                    self.set_register(register, value);
                }
            }

            Opcode::GetUpval => {
                let value = self.get_upvalue(view, i.b())?;
                self.set_register(i.a(), value.ir);
            }
            Opcode::SetUpval => {
                let value = self.register(view, i.a())?;
                self.set_upvalue(view, i.b(), value)?;
            }
            Opcode::GetTabUp
            | Opcode::GetTable
            | Opcode::GetI
            | Opcode::GetField
            | Opcode::SelfIndex => self.table_get(view, i)?,
            Opcode::SetTabUp | Opcode::SetTable | Opcode::SetI | Opcode::SetField => {
                self.table_set(view, i)?
            }
            Opcode::NewTable | Opcode::SetList => return Err(Abort::MakesTable),

            Opcode::AddI
            | Opcode::AddK
            | Opcode::SubK
            | Opcode::MulK
            | Opcode::ModK
            | Opcode::PowK
            | Opcode::DivK
            | Opcode::IDivK
            | Opcode::BAndK
            | Opcode::BOrK
            | Opcode::BXorK
            | Opcode::ShrI
            | Opcode::ShlI
            | Opcode::Add
            | Opcode::Sub
            | Opcode::Mul
            | Opcode::Mod
            | Opcode::Pow
            | Opcode::Div
            | Opcode::IDiv
            | Opcode::BAnd
            | Opcode::BOr
            | Opcode::BXor
            | Opcode::Shl
            | Opcode::Shr => self.binary(view, i)?,
            Opcode::MmBin | Opcode::MmBinI | Opcode::MmBinK => {
                return Err(Abort::ArithmeticOperand);
            }
            Opcode::Unm | Opcode::BNot => self.unary(view, i)?,
            Opcode::Not => {
                let operand = self.register(view, i.b())?;
                let ty = if operand.actual.is_falsy() { Ty::True } else { Ty::False };
                let value = self.primitive(ty);
                self.set_register(i.a(), value);
            }
            Opcode::Len => self.length(view, i)?,
            Opcode::Concat => return Err(Abort::Concat),

            Opcode::Close | Opcode::Tbc => return Err(Abort::ClosesUpvalues),
            Opcode::Jmp => self.jump(self.pc + 1, i.sj())?,
            Opcode::Eq
            | Opcode::Lt
            | Opcode::Le
            | Opcode::EqK
            | Opcode::EqI
            | Opcode::LtI
            | Opcode::LeI
            | Opcode::GtI
            | Opcode::GeI
            | Opcode::Test
            | Opcode::TestSet => self.test(view, i)?,

            Opcode::Call => self.call(view, i)?,
            Opcode::TailCall => return Err(Abort::TailCall),
            Opcode::Return | Opcode::Return0 | Opcode::Return1 => self.ret(view, i)?,
            Opcode::ForLoop => self.for_loop(view, i)?,
            Opcode::ForPrep => return Err(Abort::InnerLoop),
            Opcode::TForPrep | Opcode::TForCall | Opcode::TForLoop => {
                return Err(Abort::GenericFor);
            }
            Opcode::Closure => return Err(Abort::MakesClosure),
            Opcode::VarArg | Opcode::VarArgPrep => return Err(Abort::VarArg),
            Opcode::ExtraArg => unreachable!("EXTRAARG is never executed by itself"),
        }
        Ok(())
    }
}

/// The IR type of an actual value.
fn ty_of(value: Value) -> Result<Ty, Abort> {
    Ok(match value.tag() {
        Tag::Nil => Ty::Nil,
        Tag::False => Ty::False,
        Tag::True => Ty::True,
        Tag::Int => Ty::Int,
        Tag::Float => Ty::Float,
        Tag::Str => Ty::Str,
        Tag::Table => Ty::Table,
        Tag::Closure => Ty::Closure,
        Tag::Native => Ty::Native,
        _ => return Err(Abort::ValueType),
    })
}
