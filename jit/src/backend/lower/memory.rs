//! Lowering of loads, stores and helper calls on slots, tables, closures and upvalues.
//!
//! A Lua value is 16 bytes: payload at +0, tag byte at +8. A typed load reads the tag, leaves if it
//! is not the expected one, then reads the payload. A store writes payload and tag as one pair when
//! the payload is in an integer register: the seven bytes after the tag are padding.

use super::arith::snapshot_of;
use super::{Lower, Place, class_of, tag_of};
use crate::backend::mach::{
    Address, Argument, Base, Class, Cond, ImmOp, Inst, IntOp, OrZero, ShiftedOp, Test, Virtual,
    Width,
};
use crate::exec::runtime::Helper;
use crate::heap::layout;
use crate::heap::value::{Tag, VALUE_PAYLOAD, VALUE_SIZE, VALUE_TAG};
use crate::ir::op::{Op, Ty};
use crate::ir::trace::{self, SnapshotId, ValueId};

const _: () = assert!(VALUE_PAYLOAD == 0 && VALUE_TAG == 8 && VALUE_SIZE == 16);
/// log2 of the size of a value.
const VALUE_SHIFT: u8 = 4;
/// Value offsets whose payload and tag are both reachable by an immediate.
const VALUE_OFFSETS: std::ops::RangeInclusive<i64> = -256..=4080;
/// Offsets that a store of a pair reaches.
const PAIR_OFFSETS: std::ops::RangeInclusive<i32> = -512..=504;

impl Lower<'_> {
    pub(super) fn memory_op(&mut self, id: ValueId, inst: &trace::Inst) -> Place {
        let arg = |index: usize| inst.args.get(index);
        match inst.op {
            Op::SlotLoad => {
                let from = self.value_address(Base::Frame, inst.imm * VALUE_SIZE as i64);
                self.typed_load(id, inst, from)
            }
            Op::RootClosure => {
                let from = Address { base: Base::Frame, offset: -(VALUE_SIZE as i32) };
                self.field(Width::Double, from)
            }
            Op::TableArray => self.object_field(arg(0), Width::Double, layout::TABLE_ARRAY),
            Op::TableLimit => self.object_field(arg(0), Width::Word, layout::TABLE_ALIMIT),
            Op::TableMeta => self.object_field(arg(0), Width::Double, layout::TABLE_METATABLE),
            Op::StrLen => self.object_field(arg(0), Width::Double, layout::STR_LEN),
            Op::ClosureProto => self.object_field(arg(0), Width::Double, layout::CLOSURE_PROTO),
            Op::UpvalueRef => {
                let offset = layout::CLOSURE_UPVALUES + 8 * inst.imm as usize;
                self.object_field(arg(0), Width::Double, offset)
            }
            Op::ArrayLoad => {
                let from = self.element(arg(0), arg(1));
                self.typed_load(id, inst, from)
            }
            Op::ArrayStore => {
                let to = self.element(arg(0), arg(1));
                self.store_value(to, arg(2))
            }
            Op::HashLoad => {
                let base = self.reg(arg(0));
                self.typed_load(id, inst, Address { base: Base::Reg(base), offset: 0 })
            }
            Op::HashStore => {
                let base = self.reg(arg(0));
                self.store_value(Address { base: Base::Reg(base), offset: 0 }, arg(1))
            }
            Op::HashSlot => self.hash_slot(inst),
            Op::TableArraySize => self.object_field(arg(0), Width::Word, layout::TABLE_ARRAY_SIZE),
            Op::HashFindInt => {
                let args = vec![Argument::Reg(self.reg(arg(0))), Argument::Reg(self.reg(arg(1)))];
                self.int_call(Helper::HashFindInt, args)
            }
            Op::HashFind => {
                let args = vec![Argument::Reg(self.reg(arg(0))), Argument::Reg(self.reg(arg(1)))];
                self.int_call(Helper::HashFind, args)
            }
            Op::TableLen => {
                let args = vec![Argument::Reg(self.reg(arg(0)))];
                self.int_call(Helper::TableLen, args)
            }
            Op::TableSetInt => self.table_set(Helper::TableSetInt, inst),
            Op::TableSetStr => self.table_set(Helper::TableSetStr, inst),
            Op::TableClearFlags => {
                let base = Base::Reg(self.reg(arg(0)));
                let to = Address { base, offset: layout::TABLE_ABSENT_METAMETHODS as i32 };
                self.push(Inst::StoreByte { rn: OrZero::Zero, to });
                Place::None
            }
            Op::GuardUpvalueClosed => self.guard_closed(arg(0), snapshot_of(inst)),
            Op::GuardUpvalueOutside => self.guard_outside(arg(0), inst.imm, snapshot_of(inst)),
            Op::GuardUpvalueSlot => self.guard_slot(arg(0), inst.imm, snapshot_of(inst)),
            Op::UpvalueLoad => {
                let from = self.upvalue_location(arg(0));
                self.typed_load(id, inst, Address { base: Base::Reg(from), offset: 0 })
            }
            Op::UpvalueStore => {
                let to = self.upvalue_location(arg(0));
                self.store_value(Address { base: Base::Reg(to), offset: 0 }, arg(1))
            }
            op => unreachable!("{op} is lowered elsewhere"),
        }
    }

    fn load(&mut self, width: Width, from: Address<Virtual>) -> Virtual {
        self.define_int(|rd| Inst::Load { width, rd, from })
    }

    fn field(&mut self, width: Width, from: Address<Virtual>) -> Place {
        Place::Reg(self.load(width, from))
    }

    fn object_field(&mut self, object: ValueId, width: Width, offset: usize) -> Place {
        let base = Base::Reg(self.reg(object));
        self.field(width, Address { base, offset: offset as i32 })
    }

    /// The address of a value, with both its words in reach of an immediate.
    fn value_address(&mut self, base: Base<Virtual>, offset: i64) -> Address<Virtual> {
        if VALUE_OFFSETS.contains(&offset) {
            return Address { base, offset: offset as i32 };
        }
        let base = match base {
            Base::Reg(base) => base,
            Base::Frame => self.define_int(|rd| Inst::FrameAddress { rd, offset: 0 }),
        };
        let distance = self.constant_reg(Class::Int, offset as u64);
        let base = self.define_int(|rd| Inst::Int { op: IntOp::Add, rd, rn: base, rm: distance });
        Address { base: Base::Reg(base), offset: 0 }
    }

    fn element(&mut self, array: ValueId, index: ValueId) -> Address<Virtual> {
        let rn = self.reg(array);
        if let Some(index) = self.constant(index) {
            let offset = (index as i64).wrapping_mul(VALUE_SIZE as i64);
            return self.value_address(Base::Reg(rn), offset);
        }
        let rm = self.reg(index);
        let base = match self.elements.get(&(rn, rm)) {
            Some(&address) => address,
            None => {
                let (op, amount) = (ShiftedOp::AddLeft, VALUE_SHIFT);
                let address = self.define_int(|rd| Inst::IntShifted { op, rd, rn, rm, amount });
                self.elements.insert((rn, rm), address);
                address
            }
        };
        Address { base: Base::Reg(base), offset: 0 }
    }

    /// Leaves unless the tag is the declared type's; the payload is read only if somebody needs it.
    fn typed_load(&mut self, id: ValueId, inst: &trace::Inst, from: Address<Virtual>) -> Place {
        let tag_address = Address { offset: from.offset + VALUE_TAG as i32, ..from };
        let tag = self.load(Width::Byte, tag_address);
        let expected = tag_of(inst.ty) as i32;
        self.guard_holds(Test::IntImm(tag, expected), Cond::Eq, snapshot_of(inst));
        match class_of(inst.ty) {
            None => Place::Const(0),
            Some(_) if !self.used[id.0 as usize] => Place::None,
            Some(Class::Int) => Place::Reg(self.load(Width::Double, from)),
            Some(Class::Float) => Place::Reg(self.define_float(|rd| Inst::LoadFloat { rd, from })),
        }
    }

    fn store_value(&mut self, to: Address<Virtual>, value: ValueId) -> Place {
        let tag = self.constant_or_zero(tag_of(self.trace.ty(value)) as u64);
        let tag_address = Address { offset: to.offset + VALUE_TAG as i32, ..to };
        if self.trace.ty(value) == Ty::Float && self.constant(value).is_none() {
            let rn = self.reg(value);
            self.push(Inst::StoreFloat { rn, to });
            self.push(Inst::StoreByte { rn: tag, to: tag_address });
            return Place::None;
        }
        let payload = self.reg_or_zero(value);
        if PAIR_OFFSETS.contains(&to.offset) {
            self.push(Inst::StorePair { first: payload, second: tag, to });
        } else {
            self.push(Inst::Store { rn: payload, to });
            self.push(Inst::StoreByte { rn: tag, to: tag_address });
        }
        Place::None
    }

    /// The node exists if the index needs no more bits than the node array has; a table without
    /// nodes points at one shared node, whose key is nil.
    fn hash_slot(&mut self, inst: &trace::Inst) -> Place {
        let (table, key) = (self.reg(inst.args.get(0)), self.reg(inst.args.get(1)));
        let snapshot = snapshot_of(inst);
        let at = |base, offset: usize| Address { base: Base::Reg(base), offset: offset as i32 };
        let index_bits = (u64::BITS - (inst.imm as u64).leading_zeros()) as i32;
        if index_bits > 0 {
            let log2_nodes = self.load(Width::Byte, at(table, layout::TABLE_LOG2_NODES));
            self.guard_holds(Test::IntImm(log2_nodes, index_bits), Cond::Ge, snapshot);
        }
        let nodes = self.load(Width::Double, at(table, layout::TABLE_NODES));
        let node = self.offset_register(nodes, inst.imm * layout::NODE_SIZE as i64);
        let key_tag = self.load(Width::Byte, at(node, layout::NODE_KEY_TAG));
        self.guard_holds(Test::IntImm(key_tag, Tag::Str as i32), Cond::Eq, snapshot);
        let key_payload = self.load(Width::Double, at(node, layout::NODE_KEY_PAYLOAD));
        self.guard_holds(Test::Int(key_payload, key), Cond::Eq, snapshot);
        Place::Reg(self.offset_register(node, layout::NODE_VALUE as i64))
    }

    fn offset_register(&mut self, base: Virtual, offset: i64) -> Virtual {
        match offset {
            0 => base,
            1..=4095 => {
                let imm = offset as u64;
                self.define_int(|rd| Inst::IntImm { op: ImmOp::Add, rd, rn: base, imm })
            }
            _ => {
                let rm = self.constant_reg(Class::Int, offset as u64);
                self.define_int(|rd| Inst::Int { op: IntOp::Add, rd, rn: base, rm })
            }
        }
    }

    fn int_call(&mut self, helper: Helper, args: Vec<Argument<Virtual>>) -> Place {
        Place::Reg(self.define_int(|rd| Inst::Call { helper, args, result: Some(rd) }))
    }

    fn table_set(&mut self, helper: Helper, inst: &trace::Inst) -> Place {
        let value = inst.args.get(2);
        let table = self.reg(inst.args.get(0));
        let key = self.reg(inst.args.get(1));
        let payload = match (self.trace.ty(value), self.constant(value)) {
            (Ty::Float, None) => {
                let rn = self.reg(value);
                self.define_int(|rd| Inst::FloatToIntBits { rd, rn })
            }
            (_, Some(bits)) => self.constant_reg(Class::Int, bits),
            (_, None) => self.reg(value),
        };
        let tag = Argument::Imm(tag_of(self.trace.ty(value)) as u16);
        let registers = [table, key, payload].map(Argument::Reg);
        let args = [&[Argument::Heap], registers.as_slice(), &[tag]].concat();
        self.push(Inst::Call { helper, args, result: None });
        Place::None
    }

    fn upvalue_location(&mut self, upvalue: ValueId) -> Virtual {
        let base = Base::Reg(self.reg(upvalue));
        self.load(Width::Double, Address { base, offset: layout::UPVALUE_LOCATION as i32 })
    }

    /// Where a closed upvalue points.
    fn own_value(&mut self, upvalue: ValueId) -> Virtual {
        let base = self.reg(upvalue);
        self.offset_register(base, layout::UPVALUE_CLOSED as i64)
    }

    fn guard_closed(&mut self, upvalue: ValueId, snapshot: SnapshotId) -> Place {
        let location = self.upvalue_location(upvalue);
        let own = self.own_value(upvalue);
        self.guard_holds(Test::Int(location, own), Cond::Eq, snapshot);
        Place::None
    }

    /// One unsigned comparison: what lies before the frame is very far behind it.
    fn guard_outside(&mut self, upvalue: ValueId, slots: i64, snapshot: SnapshotId) -> Place {
        let location = self.upvalue_location(upvalue);
        let base = self.define_int(|rd| Inst::FrameAddress { rd, offset: 0 });
        let distance =
            self.define_int(|rd| Inst::Int { op: IntOp::Sub, rd, rn: location, rm: base });
        // A frame has 255 registers at most, so its size in bytes fits the immediate.
        let bytes = slots as i32 * VALUE_SIZE as i32;
        self.guard_holds(Test::IntImm(distance, bytes), Cond::Hs, snapshot);
        Place::None
    }

    fn guard_slot(&mut self, upvalue: ValueId, slot: i64, snapshot: SnapshotId) -> Place {
        let location = self.upvalue_location(upvalue);
        let at = self.value_address(Base::Frame, slot * VALUE_SIZE as i64);
        let at = match at.base {
            Base::Reg(at) => at,
            Base::Frame => self.define_int(|rd| Inst::FrameAddress { rd, offset: at.offset }),
        };
        self.guard_holds(Test::Int(location, at), Cond::Eq, snapshot);
        Place::None
    }
}
