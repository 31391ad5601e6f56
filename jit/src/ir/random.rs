//! Random valid traces over made-up objects, for property tests.
//!
//! In:  a seed and a length.   Out: a linear trace and the memory it was "recorded" in.
//!
//! It works as the recorder does: it executes what it emits, so that each guard holds for the
//! first iteration and types of loads are those that were seen. The last instruction is the loop
//! count, so every run ends.

use super::builder::Builder;
use super::eval::{Machine, Step, TraceMemory};
use super::fake::FakeMemory;
use super::op::{Op, Ty};
use super::semantics;
use super::trace::{Slot, Snapshot, SnapshotId, Trace, ValueId};
use crate::heap::value::{Tag, VALUE_TAG};
use std::collections::BTreeMap;

/// A recorded trace and the memory at its head.
pub struct Generated {
    pub trace: Trace,
    pub memory: FakeMemory,
}

/// Slots with numbers; their types may change.
const NUMBERS: Slot = 6;
const TABLE_A: Slot = 6;
const TABLE_B: Slot = 7;
const COUNT: Slot = 8;
const MAX_SLOTS: u32 = 10;
const HEAD: u32 = 10;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound as u64) as usize
    }
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
    pub fn int(&mut self) -> i64 {
        self.pick(&[0, 1, 2, 3, 4, 5, 7, -1, -2, 63, 64, i64::MAX, i64::MIN, 1 << 53])
    }
    pub fn float(&mut self) -> f64 {
        let special = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 4.0, 1e300, f64::INFINITY, f64::NAN];
        self.pick(&special)
    }
    pub fn number(&mut self) -> (Tag, u64) {
        match self.below(2) {
            0 => (Tag::Int, self.int() as u64),
            _ => (Tag::Float, self.float().to_bits()),
        }
    }
}

/// Registers for another run of a generated trace: mostly the recorded ones, some changed.
pub fn vary_slots(memory: &mut FakeMemory, random: &mut Random) {
    for slot in 0..NUMBERS {
        if random.below(3) == 0 {
            let word = match (random.below(4), memory.slot(slot).0) {
                (0, _) => random.number(),
                (_, Tag::Int) => (Tag::Int, random.int() as u64),
                _ => (Tag::Float, random.float().to_bits()),
            };
            memory.set_slot(slot, word);
        }
    }
    memory.set_slot(COUNT, (Tag::Int, random.below(12) as u64));
}

/// Records about `len` bytecode instructions.
pub fn generate(seed: u64, len: usize) -> Generated {
    let mut random = Random(seed);
    let memory = world(&mut random);
    let mut recorder = Recorder {
        random,
        memory: memory.clone(),
        machine: Machine::new(0),
        out: Builder::new(1, HEAD),
        slots: BTreeMap::new(),
        loaded: BTreeMap::new(),
        clock: 0,
        snapshot: None,
    };
    for _ in 0..len {
        recorder.instruction();
    }
    recorder.count_down();
    let end = recorder.state(HEAD);
    Generated { trace: recorder.out.finish_recording(end, MAX_SLOTS), memory }
}

fn world(random: &mut Random) -> FakeMemory {
    let mut memory = FakeMemory::new();
    let keys = [memory.string(), memory.string()];
    let array =
        |random: &mut Random| -> Vec<(Tag, u64)> { (0..6).map(|_| random.number()).collect() };
    let nodes = [(keys[0], random.number()), (keys[1], random.number())];
    let values = array(random);
    let a = memory.table(&values, &nodes, 0);
    let values = array(random);
    let b = memory.table(&values, &nodes, 0);
    let upvalues = [
        memory.upvalue((Tag::Int, 5)),
        memory.upvalue((Tag::Float, 0.5f64.to_bits())),
        memory.upvalue_elsewhere((Tag::Int, 7)),
    ];
    memory.closure(&upvalues);
    for slot in 0..NUMBERS {
        memory.set_slot(slot, random.number());
    }
    memory.set_slot(TABLE_A, (Tag::Table, a));
    // The two tables are sometimes one.
    memory.set_slot(TABLE_B, (Tag::Table, random.pick(&[a, b])));
    memory.set_slot(COUNT, (Tag::Int, random.below(10) as u64 + 1));
    memory
}

struct Recorder {
    random: Random,
    memory: FakeMemory,
    machine: Machine,
    out: Builder,
    /// Slots written in this iteration.
    slots: BTreeMap<Slot, ValueId>,
    /// Slots read from the entry state.
    loaded: BTreeMap<Slot, ValueId>,
    clock: u32,
    /// The current instruction's, made when its first guard needs it.
    snapshot: Option<SnapshotId>,
}

impl Recorder {
    fn state(&self, pc: u32) -> Snapshot {
        let slots = self.slots.iter().map(|(&slot, &value)| (slot, value)).collect();
        Snapshot { pc, clock: self.clock, open_top: None, frames: Vec::new(), slots }
    }

    /// Emits and executes; the caller has made sure that a guard holds.
    fn emit(&mut self, op: Op, ty: Ty, args: &[ValueId], imm: i64) -> ValueId {
        let snapshot = op.effects().guard.then(|| match self.snapshot {
            Some(snapshot) => snapshot,
            None => {
                let state = self.state(HEAD + 1 + self.clock);
                let snapshot = self.out.snapshot(state);
                self.snapshot = Some(snapshot);
                snapshot
            }
        });
        let id = self.out.push(op, ty, args, imm, snapshot);
        let step = self.machine.step(self.out.insts(), id, &mut self.memory);
        assert_eq!(step, Ok(Step::Next), "{op} was expected to hold");
        id
    }

    fn next_instruction(&mut self) {
        self.clock += 1;
        self.snapshot = None;
    }

    fn kint(&mut self, value: i64) -> ValueId {
        self.emit(Op::KInt, Ty::Int, &[], value)
    }

    /// The value in a slot, loaded with the type that it has now.
    fn read(&mut self, slot: Slot) -> ValueId {
        if let Some(&value) = self.slots.get(&slot).or(self.loaded.get(&slot)) {
            return value;
        }
        let ty = Ty::of_tag(self.memory.slot(slot).0).expect("a type that traces handle");
        let value = self.emit(Op::SlotLoad, ty, &[], slot.into());
        self.loaded.insert(slot, value);
        value
    }

    fn read_number(&mut self) -> ValueId {
        let slot = self.random.below(NUMBERS as usize) as Slot;
        self.read(slot)
    }
    fn read_int(&mut self) -> Option<ValueId> {
        let value = self.read_number();
        (self.out.ty(value) == Ty::Int).then_some(value)
    }
    fn read_float(&mut self) -> ValueId {
        let value = self.read_number();
        match self.out.ty(value) {
            Ty::Int => self.emit(Op::IntToFloat, Ty::Float, &[value], 0),
            _ => value,
        }
    }
    fn int_operand(&mut self) -> Option<ValueId> {
        if self.random.below(3) == 0 {
            let value = self.random.int();
            return Some(self.kint(value));
        }
        self.read_int()
    }
    fn float_operand(&mut self) -> ValueId {
        if self.random.below(3) == 0 {
            let bits = self.random.float().to_bits() as i64;
            return self.emit(Op::KFloat, Ty::Float, &[], bits);
        }
        self.read_float()
    }

    /// Writes a number slot, mostly one that has this type already.
    fn write(&mut self, value: ValueId) {
        let slot = self.random.below(NUMBERS as usize) as Slot;
        let current = match self.slots.get(&slot).or(self.loaded.get(&slot)) {
            Some(&value) => self.out.ty(value),
            None => Ty::of_tag(self.memory.slot(slot).0).unwrap_or(Ty::Nil),
        };
        if current == self.out.ty(value) || self.random.below(10) == 0 {
            self.slots.insert(slot, value);
        }
    }

    /// One bytecode instruction; sometimes nothing comes of it.
    fn instruction(&mut self) {
        self.next_instruction();
        match self.random.below(13) {
            0..3 => self.int_arithmetic(),
            3..6 => self.float_arithmetic(),
            6 => self.compare_ints(),
            7 => self.compare_floats(),
            8 => self.array_access(),
            9 => self.hash_access(),
            10 => self.upvalue_access(),
            11 => self.table_call(),
            _ => self.move_or_convert(),
        }
    }

    fn int_arithmetic(&mut self) {
        const OPS: [Op; 13] = [
            Op::Add,
            Op::Add,
            Op::Sub,
            Op::Mul,
            Op::BAnd,
            Op::BOr,
            Op::BXor,
            Op::Shl,
            Op::Shr,
            Op::IMin,
            Op::IMax,
            Op::IDiv,
            Op::IMod,
        ];
        let op = self.random.pick(&OPS);
        let (Some(a), Some(b)) = (self.int_operand(), self.int_operand()) else { return };
        if matches!(op, Op::IDiv | Op::IMod) {
            if self.machine.read(b) == 0 {
                return;
            }
            let zero = self.kint(0);
            self.emit(Op::GuardINe, Ty::Void, &[b, zero], 0);
        }
        let value = match self.random.below(8) {
            0 => {
                let op = self.random.pick(&[Op::Neg, Op::BNot, Op::IAbs]);
                self.emit(op, Ty::Int, &[a], 0)
            }
            _ => self.emit(op, Ty::Int, &[a, b], 0),
        };
        self.write(value);
    }

    fn float_arithmetic(&mut self) {
        const BINARY: [Op; 8] =
            [Op::FAdd, Op::FSub, Op::FMul, Op::FDiv, Op::FMod, Op::FPow, Op::FMin, Op::FMax];
        const UNARY: [Op; 5] = [Op::FNeg, Op::FAbs, Op::FSqrt, Op::FFloor, Op::FCeil];
        let a = self.float_operand();
        let value = if self.random.below(4) == 0 {
            let op = self.random.pick(&UNARY);
            self.emit(op, Ty::Float, &[a], 0)
        } else {
            let (op, b) = (self.random.pick(&BINARY), self.float_operand());
            self.emit(op, Ty::Float, &[a, b], 0)
        };
        self.write(value);
    }

    /// Emits whichever of `guards` holds now.
    fn guard_one_of(&mut self, guards: &[Op], args: &[ValueId]) {
        let payloads: Vec<u64> = args.iter().map(|&arg| self.machine.read(arg)).collect();
        let start = self.random.below(guards.len());
        let holds = |op: &&Op| semantics::holds(**op, &payloads) == Some(true);
        if let Some(&op) = guards.iter().cycle().skip(start).take(guards.len()).find(holds) {
            self.emit(op, Ty::Void, args, 0);
        }
    }

    fn compare_ints(&mut self) {
        let (Some(a), Some(b)) = (self.int_operand(), self.int_operand()) else { return };
        let guards = [Op::GuardILt, Op::GuardILe, Op::GuardIEq, Op::GuardINe, Op::GuardULt];
        self.guard_one_of(&guards, &[a, b]);
        self.guard_one_of(&[Op::GuardFits53], &[a]);
    }

    fn compare_floats(&mut self) {
        let (a, b) = (self.float_operand(), self.float_operand());
        let guards =
            [Op::GuardFLt, Op::GuardFLe, Op::GuardFNLt, Op::GuardFNLe, Op::GuardFEq, Op::GuardFNe];
        self.guard_one_of(&guards, &[a, b]);
    }

    fn table(&mut self) -> ValueId {
        let slot = self.random.pick(&[TABLE_A, TABLE_B]);
        self.read(slot)
    }

    /// The type of the value at `address`.
    fn seen_type(&mut self, address: u64) -> Ty {
        let tag = self.memory.read_u8(address + VALUE_TAG as u64).expect("a value's address");
        *Ty::ALL.iter().find(|ty| ty.tag().is_some_and(|t| t as u8 == tag)).expect("a Lua type")
    }

    fn array_access(&mut self) {
        let table = self.table();
        let Some(mut index) = self.int_operand() else { return };
        if self.random.below(2) == 0 {
            let one = self.kint(1);
            index = self.emit(Op::Sub, Ty::Int, &[index, one], 0);
        }
        let limit = self.emit(Op::TableLimit, Ty::Int, &[table], 0);
        if self.machine.read(index) >= self.machine.read(limit) {
            return;
        }
        self.emit(Op::GuardULt, Ty::Void, &[index, limit], 0);
        let array = self.emit(Op::TableArray, Ty::Ptr, &[table], 0);
        if self.random.below(2) == 0 {
            let value = self.read_number();
            self.emit(Op::ArrayStore, Ty::Void, &[array, index, value], 0);
        } else {
            let address = self.machine.read(array) + 16 * self.machine.read(index);
            let ty = self.seen_type(address);
            let value = self.emit(Op::ArrayLoad, ty, &[array, index], 0);
            self.write_if_number(value);
        }
    }

    fn write_if_number(&mut self, value: ValueId) {
        if matches!(self.out.ty(value), Ty::Int | Ty::Float) {
            self.write(value);
        }
    }

    fn hash_access(&mut self) {
        let table = self.table();
        let node = self.random.below(2);
        // The world allocates the two keys first.
        let keys = {
            let mut fresh = FakeMemory::new();
            [fresh.string(), fresh.string()]
        };
        let key = self.emit(Op::KObject, Ty::Str, &[], keys[node] as i64);
        let slot = if self.random.below(3) == 0 {
            let slot = self.emit(Op::HashFind, Ty::Ptr, &[table, key], 0);
            self.emit(Op::GuardNonNull, Ty::Void, &[slot], 0);
            slot
        } else {
            self.emit(Op::HashSlot, Ty::Ptr, &[table, key], node as i64)
        };
        if self.random.below(2) == 0 {
            let value = self.read_number();
            self.emit(Op::HashStore, Ty::Void, &[slot, value], 0);
        } else {
            let address = self.machine.read(slot);
            let ty = self.seen_type(address);
            let value = self.emit(Op::HashLoad, ty, &[slot], 0);
            self.write_if_number(value);
        }
    }

    fn upvalue_access(&mut self) {
        let closure = self.emit(Op::RootClosure, Ty::Closure, &[], 0);
        let index = self.random.below(3) as i64;
        let upvalue = self.emit(Op::UpvalueRef, Ty::Ptr, &[closure], index);
        if index < 2 && self.random.below(2) == 0 {
            self.emit(Op::GuardUpvalueClosed, Ty::Void, &[upvalue], 0);
        } else {
            self.emit(Op::GuardUpvalueOutside, Ty::Void, &[upvalue], i64::from(MAX_SLOTS));
        }
        if self.random.below(2) == 0 {
            let value = self.read_number();
            self.emit(Op::UpvalueStore, Ty::Void, &[upvalue, value], 0);
        } else {
            let location =
                self.machine.read(upvalue) + crate::heap::layout::UPVALUE_LOCATION as u64;
            let location = self.memory.read_u64(location).expect("an upvalue's address");
            let ty = self.seen_type(location);
            let value = self.emit(Op::UpvalueLoad, ty, &[upvalue], 0);
            self.write_if_number(value);
        }
    }

    fn table_call(&mut self) {
        let table = self.table();
        match self.random.below(4) {
            0 => {
                let length = self.emit(Op::TableLen, Ty::Int, &[table], 0);
                self.write(length);
            }
            1 => {
                let Some(key) = self.int_operand() else { return };
                let value = self.read_number();
                self.emit(Op::TableSetInt, Ty::Void, &[table, key, value], 0);
            }
            2 => {
                let meta = self.emit(Op::TableMeta, Ty::Ptr, &[table], 0);
                self.emit(Op::GuardNull, Ty::Void, &[meta], 0);
            }
            _ => {
                let other = self.table();
                self.guard_one_of(&[Op::GuardPEq, Op::GuardPNe], &[table, other]);
            }
        }
    }

    fn move_or_convert(&mut self) {
        let value = self.read_number();
        let payload = self.machine.read(value);
        let converts = semantics::compute(Op::FloatToInt, &[payload]).is_some();
        let value = match self.out.ty(value) {
            Ty::Float if converts => self.emit(Op::FloatToInt, Ty::Int, &[value], 0),
            _ => value,
        };
        self.write(value);
    }

    /// What a numeric `for` records: leave when the count is 0, else count down.
    fn count_down(&mut self) {
        self.next_instruction();
        let count = self.read(COUNT);
        let (zero, one) = (self.kint(0), self.kint(1));
        self.emit(Op::GuardINe, Ty::Void, &[count, zero], 0);
        let next = self.emit(Op::Sub, Ty::Int, &[count, one], 0);
        self.slots.insert(COUNT, next);
        self.next_instruction();
    }
}
