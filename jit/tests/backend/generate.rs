//! Random traces over a [`World`]: every op, typed, bounded loops, snapshots of random values.

use plumb_jit::ir::op::{Imm, Op, Ty, Yields};
use plumb_jit::ir::trace::{Args, FrameLink, Inst, Slot, Snapshot, SnapshotId, Trace, ValueId};

use super::rng::Rng;
use super::world::{SLOTS, World, random_float, random_int};

pub struct Generator<'w> {
    rng: &'w mut Rng,
    world: &'w World,
    trace: Trace,
    /// Values in scope, by type.
    pool: Vec<(Ty, ValueId)>,
    /// Guards that a repair may negate: the value of no later instruction depends on their truth.
    pub free_guards: Vec<ValueId>,
    /// Written memory since the last snapshot: a new one is due.
    stale: bool,
}

/// A random trace, and the guards that may be negated.
pub fn generate(rng: &mut Rng, world: &World, looping: bool) -> (Trace, Vec<ValueId>) {
    let trace = Trace {
        proto: 0,
        head: 0,
        iteration_clock: 10,
        max_slots: SLOTS as u32,
        insts: Vec::new(),
        snapshots: Vec::new(),
        end: SnapshotId(0),
    };
    let mut g =
        Generator { rng, world, trace, pool: Vec::new(), free_guards: Vec::new(), stale: true };
    g.constants();
    g.slots();
    for _ in 0..g.rng.below(25) {
        g.step();
    }
    if looping {
        g.body();
    }
    g.trace.end = g.new_snapshot();
    (g.trace, g.free_guards)
}

/// The guard that holds exactly when this one does not.
pub fn negated(inst: &Inst) -> Option<Inst> {
    let (op, swap) = match inst.op {
        Op::GuardILt => (Op::GuardILe, true),
        Op::GuardILe => (Op::GuardILt, true),
        Op::GuardIEq => (Op::GuardINe, false),
        Op::GuardINe => (Op::GuardIEq, false),
        Op::GuardFLt => (Op::GuardFNLt, false),
        Op::GuardFNLt => (Op::GuardFLt, false),
        Op::GuardFLe => (Op::GuardFNLe, false),
        Op::GuardFNLe => (Op::GuardFLe, false),
        Op::GuardFEq => (Op::GuardFNe, false),
        Op::GuardFNe => (Op::GuardFEq, false),
        Op::GuardPEq => (Op::GuardPNe, false),
        Op::GuardPNe => (Op::GuardPEq, false),
        Op::GuardNull => (Op::GuardNonNull, false),
        Op::GuardNonNull => (Op::GuardNull, false),
        _ => return None,
    };
    let mut args: Vec<ValueId> = inst.args.iter().collect();
    if swap {
        args.reverse();
    }
    Some(Inst { op, args: Args::new(&args), ..inst.clone() })
}

impl Generator<'_> {
    fn push(&mut self, op: Op, ty: Ty, args: &[ValueId], imm: i64) -> ValueId {
        let snapshot = op.effects().guard.then(|| self.snapshot());
        let id = ValueId(self.trace.insts.len() as u32);
        self.trace.insts.push(Inst { op, ty, args: Args::new(args), imm, snapshot });
        if ty != Ty::Void {
            self.pool.push((ty, id));
        }
        if !op.effects().writes.is_none() {
            self.stale = true;
        }
        id
    }

    fn constants(&mut self) {
        for int in [0, 1, 2, 3] {
            self.push(Op::KInt, Ty::Int, &[], int);
        }
        for _ in 0..6 {
            let int = random_int(self.rng);
            self.push(Op::KInt, Ty::Int, &[], int);
            let float = random_float(self.rng).to_bits() as i64;
            self.push(Op::KFloat, Ty::Float, &[], float);
        }
        for ty in [Ty::Nil, Ty::False, Ty::True] {
            self.push(Op::KPrimitive, ty, &[], 0);
        }
        for index in 0..self.world.tables.len() {
            self.push(Op::KObject, Ty::Table, &[], self.world.tables[index].address as i64);
        }
        for index in 0..self.world.strings.len() {
            self.push(Op::KObject, Ty::Str, &[], self.world.strings[index] as i64);
        }
        self.push(Op::KObject, Ty::Closure, &[], self.world.closure as i64);
        self.push(Op::KPtr, Ty::Ptr, &[], 0);
    }

    fn slots(&mut self) {
        for slot in 0..SLOTS {
            if self.rng.percent(70) {
                let mut ty = self.world.slots[slot].0;
                if self.rng.percent(1) {
                    ty = Ty::Int;
                }
                self.push(Op::SlotLoad, ty, &[], slot as i64);
            }
        }
        self.push(Op::RootClosure, Ty::Closure, &[], 0);
    }

    fn of(&mut self, ty: Ty) -> ValueId {
        let found: Vec<ValueId> =
            self.pool.iter().filter(|(t, _)| *t == ty).map(|&(_, v)| v).collect();
        // Recent values are likelier.
        let start = if self.rng.percent(50) { found.len().saturating_sub(6) } else { 0 };
        self.rng.pick(&found[start..])
    }

    fn lua_value(&mut self) -> ValueId {
        let found: Vec<ValueId> =
            self.pool.iter().filter(|(t, _)| t.is_lua()).map(|&(_, v)| v).collect();
        self.rng.pick(&found)
    }

    /// A constant table with its number.
    fn table(&mut self) -> (usize, ValueId) {
        let index = self.rng.below(self.world.tables.len());
        let address = self.world.tables[index].address;
        (index, self.object(address))
    }

    fn object(&self, address: u64) -> ValueId {
        let is = |inst: &Inst| inst.op == Op::KObject && inst.imm as u64 == address;
        let at = self.trace.insts.iter().position(is).expect("every object has a constant");
        ValueId(at as u32)
    }

    /// One of the constants 0 to 3, which every trace begins with.
    fn kint(&self, value: u32) -> ValueId {
        ValueId(value)
    }

    fn new_snapshot(&mut self) -> SnapshotId {
        let mut slots: Vec<(Slot, ValueId)> = Vec::new();
        for slot in 0..SLOTS as Slot {
            if self.rng.percent(25) {
                slots.push((slot, self.lua_value()));
            }
        }
        let mut frames = Vec::new();
        if self.rng.percent(20) {
            let closure = self.of(Ty::Closure);
            frames.push(FrameLink { closure, base: 12, return_pc: 3, wanted: 1 });
        }
        let id = SnapshotId(self.trace.snapshots.len() as u32);
        self.trace.snapshots.push(Snapshot {
            pc: id.0,
            clock: id.0,
            open_top: None,
            frames,
            slots,
        });
        self.stale = false;
        id
    }

    fn snapshot(&mut self) -> SnapshotId {
        if self.stale || self.rng.percent(40) {
            return self.new_snapshot();
        }
        SnapshotId(self.trace.snapshots.len() as u32 - 1)
    }

    /// One op, with what must stand before it.
    fn step(&mut self) {
        match self.rng.below(10) {
            0..=4 => self.pure(),
            5..=6 => self.guard(),
            _ => self.memory(),
        }
    }

    /// Any op without memory, its operands by kind.
    fn pure(&mut self) {
        let ops: Vec<Op> = Op::ALL
            .iter()
            .copied()
            .filter(|op| op.effects().is_pure() && !op.operands().is_empty())
            .filter(|op| op.imm() == Imm::None && *op != Op::ClosureProto)
            .collect();
        let op = self.rng.pick(&ops);
        let args: Vec<ValueId> = op.operands().iter().map(|&kind| self.of_kind(kind)).collect();
        if matches!(op, Op::IDiv | Op::IMod) {
            let zero = self.kint(0);
            self.push(Op::GuardINe, Ty::Void, &[args[1], zero], 0);
        }
        let Yields::Fixed(ty) = op.result() else { return };
        self.push(op, ty, &args, 0);
    }

    fn of_kind(&mut self, kind: plumb_jit::ir::op::Kind) -> ValueId {
        let types: Vec<Ty> = Ty::ALL
            .iter()
            .copied()
            .filter(|ty| ty.matches(kind) && self.pool.iter().any(|(t, _)| t == ty))
            .collect();
        let ty = self.rng.pick(&types);
        self.of(ty)
    }

    fn guard(&mut self) {
        if self.rng.percent(15) {
            let float = self.of(Ty::Float);
            let floor = self.push(Op::FFloor, Ty::Float, &[float], 0);
            self.push(Op::FloatToInt, Ty::Int, &[floor], 0);
            return;
        }
        let ops = [
            Op::GuardILt,
            Op::GuardILe,
            Op::GuardIEq,
            Op::GuardINe,
            Op::GuardULt,
            Op::GuardFits53,
            Op::GuardFLt,
            Op::GuardFLe,
            Op::GuardFNLt,
            Op::GuardFNLe,
            Op::GuardFEq,
            Op::GuardFNe,
            Op::GuardPEq,
            Op::GuardPNe,
            Op::GuardNull,
            Op::GuardNonNull,
        ];
        let op = self.rng.pick(&ops);
        let args: Vec<ValueId> = op.operands().iter().map(|&kind| self.of_kind(kind)).collect();
        let id = self.push(op, Ty::Void, &args, 0);
        self.free_guards.push(id);
    }

    fn memory(&mut self) {
        let (number, table) = self.table();
        let object = &self.world.tables[number];
        match self.rng.below(12) {
            0..=3 => self.array(number, table),
            4 | 5 => {
                let node = self.rng.below(object.nodes.len());
                let (key, ty) = object.nodes[node];
                let key = self.object(self.world.strings[key]);
                let slot = if self.rng.percent(50) {
                    self.push(Op::HashSlot, Ty::Ptr, &[table, key], node as i64)
                } else {
                    let slot = self.push(Op::HashFind, Ty::Ptr, &[table, key], 0);
                    self.push(Op::GuardNonNull, Ty::Void, &[slot], 0);
                    slot
                };
                self.load_or_store(Op::HashLoad, Op::HashStore, &[slot], ty);
            }
            6 => {
                let key = self.object(self.world.strings[2]);
                let slot = self.push(Op::HashFind, Ty::Ptr, &[table, key], 0);
                self.push(Op::GuardNull, Ty::Void, &[slot], 0);
                self.push(Op::TableMeta, Ty::Ptr, &[table], 0);
            }
            7 => {
                let value = self.lua_value();
                let key = self.of(Ty::Int);
                self.push(Op::TableSetInt, Ty::Void, &[table, key, value], 0);
            }
            8 => {
                let value = self.lua_value();
                let key = self.of(Ty::Str);
                self.push(Op::TableSetStr, Ty::Void, &[table, key, value], 0);
            }
            9 => {
                self.push(Op::TableClearFlags, Ty::Void, &[table], 0);
                self.push(Op::TableLen, Ty::Int, &[table], 0);
                self.push(Op::TableArraySize, Ty::Int, &[table], 0);
                let key = self.of(Ty::Int);
                let slot = self.push(Op::HashFindInt, Ty::Ptr, &[table, key], 0);
                self.push(Op::GuardNull, Ty::Void, &[slot], 0);
            }
            10 => {
                let string = self.of(Ty::Str);
                self.push(Op::StrLen, Ty::Int, &[string], 0);
                let closure = self.of(Ty::Closure);
                self.push(Op::ClosureProto, Ty::Ptr, &[closure], 0);
            }
            _ => self.upvalue(),
        }
    }

    fn array(&mut self, number: usize, table: ValueId) {
        let array = self.push(Op::TableArray, Ty::Ptr, &[table], 0);
        let limit = self.push(Op::TableLimit, Ty::Int, &[table], 0);
        let elements = &self.world.tables[number].elements;
        let (index, ty) = if self.rng.percent(50) {
            let index = self.rng.below(4);
            (self.kint(index as u32), elements[index])
        } else {
            let any = self.of(Ty::Int);
            let mask = self.kint(3);
            (self.push(Op::BAnd, Ty::Int, &[any, mask], 0), elements[0])
        };
        self.push(Op::GuardULt, Ty::Void, &[index, limit], 0);
        self.load_or_store(Op::ArrayLoad, Op::ArrayStore, &[array, index], ty);
    }

    fn upvalue(&mut self) {
        let closure = self.object(self.world.closure);
        let index = self.rng.below(3);
        let upvalue = self.push(Op::UpvalueRef, Ty::Ptr, &[closure], index as i64);
        // A closed one is outside as well; slot 2 is not one of the first two.
        let (guard, imm) = self.rng.pick(match index {
            0 => &[(Op::GuardUpvalueClosed, 0), (Op::GuardUpvalueOutside, 40)],
            1 => &[(Op::GuardUpvalueSlot, 2), (Op::GuardUpvalueOutside, 2)],
            _ => &[(Op::GuardUpvalueOutside, 3), (Op::GuardUpvalueOutside, 255)],
        });
        self.push(guard, Ty::Void, &[upvalue], imm);
        let ty = self.world.upvalue_types[index];
        self.load_or_store(Op::UpvalueLoad, Op::UpvalueStore, &[upvalue], ty);
    }

    fn load_or_store(&mut self, load: Op, store: Op, at: &[ValueId], ty: Ty) {
        if self.rng.percent(60) {
            self.push(load, ty, at, 0);
            return;
        }
        // Mostly of the type that is there, so that later loads go on.
        let value = if self.rng.percent(80) { self.of(ty) } else { self.lua_value() };
        self.push(store, Ty::Void, &[at, &[value]].concat(), 0);
    }

    /// A loop of at most a few iterations.
    fn body(&mut self) {
        let (zero, one) = (self.kint(0), self.kint(1));
        let count = self.rng.below(4) as u32;
        let start = self.kint(count);
        let inits: Vec<(Ty, ValueId)> =
            (0..self.rng.below(8)).map(|_| self.rng.pick(&self.pool)).collect();
        self.push(Op::Loop, Ty::Void, &[], 0);
        let counter = self.push(Op::Phi, Ty::Int, &[start, start], 0);
        let phis: Vec<(Ty, ValueId)> = inits
            .into_iter()
            .map(|(ty, init)| (ty, self.push(Op::Phi, ty, &[init, init], 0)))
            .collect();
        self.stale = true;
        let before = self.rng.percent(50);
        let next = before.then(|| self.count_down(counter, zero, one));
        for _ in 0..self.rng.below(25) {
            self.step();
        }
        let next = next.unwrap_or_else(|| self.count_down(counter, zero, one));
        self.set_next(counter, next);
        for (ty, phi) in phis {
            let next = self.of(ty);
            self.set_next(phi, next);
        }
    }

    fn count_down(&mut self, counter: ValueId, zero: ValueId, one: ValueId) -> ValueId {
        self.push(Op::GuardINe, Ty::Void, &[counter, zero], 0);
        self.push(Op::Sub, Ty::Int, &[counter, one], 0)
    }

    fn set_next(&mut self, phi: ValueId, next: ValueId) {
        let inst = &mut self.trace.insts[phi.0 as usize];
        inst.args = Args::new(&[inst.args.get(0), next]);
    }
}
