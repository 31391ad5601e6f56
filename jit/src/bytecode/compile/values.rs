//! Putting the value of a described expression where its user wants it: a register, a constant, a
//! branch, or a variable.

use super::super::opcode::{Instruction, MAX_B, MAX_BX, OFFSET_SBX, Op};
use super::expdesc::{ExpDesc, JumpList, Kind};
use super::fold::float_to_int;
use super::function::NO_REGISTER;
use super::{Compiler, Res};
use crate::syntax::ast::Str;

impl<'a> Compiler<'a> {
    // Loads.

    /// Sets `count` registers from `from` on to nil, growing a LOADNIL just before if there is one.
    pub(super) fn load_nil(&mut self, from: u32, count: u32) {
        let last = from + count - 1;
        if let Some(previous) = self.f.previous_instruction().filter(|i| i.op() == Op::LoadNil) {
            let previous_from = previous.a() as u32;
            let previous_last = previous_from + previous.b() as u32;
            let joins = (previous_from..=previous_last + 1).contains(&from)
                || (from..=last + 1).contains(&previous_from);
            if joins {
                let from = from.min(previous_from);
                let last = last.max(previous_last);
                let pc = self.f.pc() - 1;
                *self.f.instruction(pc) = previous.with_a(from).with_b(last - from);
                return;
            }
        }
        self.emit(Instruction::abc(Op::LoadNil, from, count - 1, 0));
    }

    fn load_constant(&mut self, register: u32, constant: u32) -> u32 {
        if constant <= MAX_BX {
            return self.emit(Instruction::abx(Op::LoadK, register, constant));
        }
        let pc = self.emit(Instruction::abx(Op::LoadKX, register, 0));
        self.emit(Instruction::from_ax(Op::ExtraArg, constant));
        pc
    }

    pub(super) fn load_int(&mut self, register: u32, value: i64) {
        if fits_sbx(value) {
            self.emit(Instruction::asbx(Op::LoadI, register, value as i32));
        } else {
            let constant = self.int_constant(value);
            self.load_constant(register, constant);
        }
    }

    fn load_float(&mut self, register: u32, value: f64) {
        match float_to_int(value).filter(|&int| fits_sbx(int)) {
            Some(int) => {
                self.emit(Instruction::asbx(Op::LoadF, register, int as i32));
            }
            None => {
                let constant = self.float_constant(value);
                self.load_constant(register, constant);
            }
        }
    }

    // Number of results.

    /// Makes a call or `...` give `count` values; `None` means all there are.
    pub(super) fn set_results(&mut self, e: &ExpDesc<'a>, count: Option<u32>) -> Res {
        let c = count.map_or(0, |count| count + 1);
        match e.kind {
            Kind::Call(pc) => {
                let call = self.f.instruction(pc);
                *call = call.with_c(c);
            }
            Kind::Vararg(pc) => {
                let first = self.f.free_register;
                let vararg = self.f.instruction(pc);
                *vararg = vararg.with_c(c).with_a(first);
                self.f.reserve_registers(1)?;
            }
            _ => unreachable!("only calls and varargs have several results"),
        }
        Ok(())
    }

    /// Makes a call or `...` give one value; other expressions have one already.
    pub(super) fn set_one_result(&mut self, e: &mut ExpDesc<'a>) {
        match e.kind {
            Kind::Call(pc) => e.kind = Kind::Fixed(self.f.instruction(pc).a() as u32),
            Kind::Vararg(pc) => {
                let vararg = self.f.instruction(pc);
                *vararg = vararg.with_c(2);
                e.kind = Kind::Relocatable(pc);
            }
            _ => {}
        }
    }

    // Registers.

    /// Reads a variable, so that `e` is a value.
    pub(super) fn discharge(&mut self, e: &mut ExpDesc<'a>) {
        let load = match e.kind {
            Kind::ConstVariable { value, .. } => {
                e.kind = value.kind();
                return;
            }
            Kind::Local { register, .. } => {
                e.kind = Kind::Fixed(register);
                return;
            }
            Kind::Upvalue(index) => Instruction::abc(Op::GetUpval, 0, index, 0),
            Kind::IndexedUpvalue { table, key } => Instruction::abc(Op::GetTabUp, 0, table, key),
            Kind::IndexedInt { table, key } => {
                self.f.release(table);
                Instruction::abc(Op::GetI, 0, table, key)
            }
            Kind::IndexedStr { table, key } => {
                self.f.release(table);
                Instruction::abc(Op::GetField, 0, table, key)
            }
            Kind::Indexed { table, key } => {
                self.f.release_two(table, key);
                Instruction::abc(Op::GetTable, 0, table, key)
            }
            _ => return self.set_one_result(e),
        };
        e.kind = Kind::Relocatable(self.emit(load));
    }

    /// Puts the main value into `register`; jumps stay pending.
    fn discharge_to_register(&mut self, e: &mut ExpDesc<'a>, register: u32) {
        self.discharge(e);
        match e.kind {
            Kind::Nil => self.load_nil(register, 1),
            Kind::False => {
                self.emit(Instruction::abc(Op::LoadFalse, register, 0, 0));
            }
            Kind::True => {
                self.emit(Instruction::abc(Op::LoadTrue, register, 0, 0));
            }
            Kind::Str(value) => {
                let constant = self.string_constant(value);
                self.load_constant(register, constant);
            }
            Kind::Constant(constant) => {
                self.load_constant(register, constant);
            }
            Kind::Float(value) => self.load_float(register, value),
            Kind::Int(value) => self.load_int(register, value),
            Kind::Relocatable(pc) => {
                let instruction = self.f.instruction(pc);
                *instruction = instruction.with_a(register);
            }
            Kind::Fixed(from) => {
                if from != register {
                    self.emit(Instruction::abc(Op::Move, register, from, 0));
                }
            }
            _ => {
                debug_assert!(matches!(e.kind, Kind::Jump(_)));
                return;
            }
        }
        e.kind = Kind::Fixed(register);
    }

    fn discharge_to_any_register(&mut self, e: &mut ExpDesc<'a>) -> Res<u32> {
        if let Kind::Fixed(register) = e.kind {
            return Ok(register);
        }
        self.f.reserve_registers(1)?;
        let register = self.f.free_register - 1;
        self.discharge_to_register(e, register);
        Ok(register)
    }

    fn load_bool_target(&mut self, register: u32, op: Op) -> u32 {
        self.f.mark_target();
        self.emit(Instruction::abc(op, register, 0, 0))
    }

    /// Puts the final value, jumps included, into `register`.
    pub(super) fn place_in(&mut self, e: &mut ExpDesc<'a>, register: u32) -> Res {
        self.discharge_to_register(e, register);
        if let Kind::Jump(pc) = e.kind {
            self.f.concat_jumps(&mut e.exit_true, Some(pc))?;
        }
        if e.has_jumps() {
            let (mut load_false, mut load_true) = (NO_TARGET, NO_TARGET);
            if self.f.needs_value(e.exit_true) || self.f.needs_value(e.exit_false) {
                let around: JumpList = match e.kind {
                    Kind::Jump(_) => None,
                    _ => Some(self.emit_jump()),
                };
                load_false = self.load_bool_target(register, Op::LFalseSkip);
                load_true = self.load_bool_target(register, Op::LoadTrue);
                self.f.patch_to_here(around)?;
            }
            let end = self.f.mark_target();
            self.f.patch_list_values(e.exit_false, end, register, load_false)?;
            self.f.patch_list_values(e.exit_true, end, register, load_true)?;
        }
        *e = Kind::Fixed(register).into();
        Ok(())
    }

    /// Gives back the register of a value that is not needed any more.
    pub(super) fn release_value(&mut self, e: &ExpDesc<'a>) {
        if let Kind::Fixed(register) = e.kind {
            self.f.release(register);
        }
    }

    pub(super) fn release_values(&mut self, x: &ExpDesc<'a>, y: &ExpDesc<'a>) {
        match (x.kind, y.kind) {
            (Kind::Fixed(x), Kind::Fixed(y)) => self.f.release_two(x, y),
            _ => {
                self.release_value(x);
                self.release_value(y);
            }
        }
    }

    /// Puts the value into the next free register.
    pub(super) fn place_next(&mut self, e: &mut ExpDesc<'a>) -> Res {
        self.discharge(e);
        self.release_value(e);
        self.f.reserve_registers(1)?;
        self.place_in(e, self.f.free_register - 1)
    }

    /// Puts the value into some register, where it may be already.
    pub(super) fn place_anywhere(&mut self, e: &mut ExpDesc<'a>) -> Res<u32> {
        self.discharge(e);
        if let Kind::Fixed(register) = e.kind {
            if !e.has_jumps() {
                return Ok(register);
            }
            // A local's register must not receive the values of the jumps.
            if register >= self.f.local_registers() {
                self.place_in(e, register)?;
                return Ok(register);
            }
        }
        self.place_next(e)?;
        Ok(self.f.free_register - 1)
    }

    pub(super) fn place_or_upvalue(&mut self, e: &mut ExpDesc<'a>) -> Res {
        if !matches!(e.kind, Kind::Upvalue(_)) || e.has_jumps() {
            self.place_anywhere(e)?;
        }
        Ok(())
    }

    /// Makes `e` a constant or a value in a register (or one that can still choose its register).
    pub(super) fn settle(&mut self, e: &mut ExpDesc<'a>) -> Res {
        if matches!(e.kind, Kind::Jump(_)) || e.has_jumps() {
            self.place_anywhere(e)?;
        } else {
            self.discharge(e);
        }
        Ok(())
    }

    // Constants as operands.

    /// The index of a literal's constant, if it fits operand B or C; `e` then is that constant. The
    /// constant is added even when its index does not fit.
    pub(super) fn try_constant(&mut self, e: &mut ExpDesc<'a>) -> Option<u32> {
        if e.has_jumps() {
            return None;
        }
        let index = match e.kind {
            Kind::True => self.bool_constant(true),
            Kind::False => self.bool_constant(false),
            Kind::Nil => self.nil_constant(),
            Kind::Int(value) => self.int_constant(value),
            Kind::Float(value) => self.float_constant(value),
            Kind::Str(value) => self.string_constant(value),
            Kind::Constant(index) => index,
            _ => return None,
        };
        if index > MAX_B {
            return None;
        }
        e.kind = Kind::Constant(index);
        Some(index)
    }

    /// An operand that is a constant (then the flag is set) or a register.
    pub(super) fn place_or_constant(&mut self, e: &mut ExpDesc<'a>) -> Res<(u32, bool)> {
        match self.try_constant(e) {
            Some(index) => Ok((index, true)),
            None => Ok((self.place_anywhere(e)?, false)),
        }
    }

    fn emit_with_rk(&mut self, op: Op, a: u32, b: u32, value: &mut ExpDesc<'a>) -> Res {
        let (c, k) = self.place_or_constant(value)?;
        self.emit(Instruction::abck(op, a, b, c, k));
        Ok(())
    }

    // Variables.

    /// `variable = value`
    pub(super) fn store(&mut self, variable: &ExpDesc<'a>, value: &mut ExpDesc<'a>) -> Res {
        match variable.kind {
            Kind::Local { register, .. } => {
                self.release_value(value);
                return self.place_in(value, register);
            }
            Kind::Upvalue(index) => {
                let register = self.place_anywhere(value)?;
                self.emit(Instruction::abc(Op::SetUpval, register, index, 0));
            }
            Kind::IndexedUpvalue { table, key } => {
                self.emit_with_rk(Op::SetTabUp, table, key, value)?;
            }
            Kind::IndexedInt { table, key } => self.emit_with_rk(Op::SetI, table, key, value)?,
            Kind::IndexedStr { table, key } => {
                self.emit_with_rk(Op::SetField, table, key, value)?
            }
            Kind::Indexed { table, key } => self.emit_with_rk(Op::SetTable, table, key, value)?,
            _ => unreachable!("only variables are assigned to"),
        }
        self.release_value(value);
        Ok(())
    }

    /// Turns `e` into the method `e:name` and its `self`, in two new registers.
    pub(super) fn method(&mut self, e: &mut ExpDesc<'a>, name: &'a Str) -> Res {
        let object = self.place_anywhere(e)?;
        self.release_value(e);
        let base = self.f.free_register;
        *e = Kind::Fixed(base).into();
        self.f.reserve_registers(2)?;
        let mut key = Kind::Str(name).into();
        self.emit_with_rk(Op::SelfIndex, base, object, &mut key)?;
        self.release_value(&key);
        Ok(())
    }

    /// Describes `table[key]`. The table must be in a register or an upvalue, the key a literal or a
    /// value.
    pub(super) fn index(&mut self, table: &mut ExpDesc<'a>, mut key: ExpDesc<'a>) -> Res {
        if let Kind::Str(value) = key.kind {
            key.kind = Kind::Constant(self.string_constant(value));
        }
        let field = self.short_string_constant(&key);
        if matches!(table.kind, Kind::Upvalue(_)) && field.is_none() {
            self.place_anywhere(table)?;
        }
        let register = match (table.kind, field) {
            (Kind::Upvalue(upvalue), Some(key)) => {
                table.kind = Kind::IndexedUpvalue { table: upvalue, key };
                return Ok(());
            }
            (Kind::Local { register, .. } | Kind::Fixed(register), _) => register,
            _ => unreachable!("an indexed table is in a register or an upvalue"),
        };
        table.kind = match (field, key.unsigned_immediate()) {
            (Some(key), _) => Kind::IndexedStr { table: register, key },
            (None, Some(key)) => Kind::IndexedInt { table: register, key },
            (None, None) => {
                let key = self.place_anywhere(&mut key)?;
                Kind::Indexed { table: register, key }
            }
        };
        Ok(())
    }

    /// The constant of a key that GETFIELD and its kin accept.
    fn short_string_constant(&self, key: &ExpDesc<'a>) -> Option<u32> {
        match key.kind {
            Kind::Constant(index) if index <= MAX_B && !key.has_jumps() => {
                self.f.constants[index as usize].is_short_string().then_some(index)
            }
            _ => None,
        }
    }

    // Branches.

    fn emit_test_jump(&mut self, test: Instruction) -> u32 {
        self.emit(test);
        self.emit_jump()
    }

    /// Jumps when the truth of `e` is `condition`. Undoes a `not` that was just emitted.
    fn jump_on(&mut self, e: &mut ExpDesc<'a>, condition: bool) -> Res<u32> {
        if let Kind::Relocatable(pc) = e.kind {
            let instruction = *self.f.instruction(pc);
            if instruction.op() == Op::Not {
                self.f.remove_last_instruction();
                let operand = instruction.b() as u32;
                let test = Instruction::abck(Op::Test, operand, 0, 0, !condition);
                return Ok(self.emit_test_jump(test));
            }
        }
        let register = self.discharge_to_any_register(e)?;
        self.release_value(e);
        let test = Instruction::abck(Op::TestSet, NO_REGISTER, register, 0, condition);
        Ok(self.emit_test_jump(test))
    }

    /// Goes on if `e` is true, else jumps (through `exit_false`).
    pub(super) fn go_if_true(&mut self, e: &mut ExpDesc<'a>) -> Res {
        self.discharge(e);
        let jump = match e.kind {
            Kind::Jump(pc) => {
                self.f.negate_condition(pc);
                Some(pc)
            }
            Kind::Constant(_) | Kind::Float(_) | Kind::Int(_) | Kind::Str(_) | Kind::True => None,
            _ => Some(self.jump_on(e, false)?),
        };
        self.f.concat_jumps(&mut e.exit_false, jump)?;
        self.f.patch_to_here(e.exit_true.take())
    }

    /// Goes on if `e` is false, else jumps (through `exit_true`).
    pub(super) fn go_if_false(&mut self, e: &mut ExpDesc<'a>) -> Res {
        self.discharge(e);
        let jump = match e.kind {
            Kind::Jump(pc) => Some(pc),
            Kind::Nil | Kind::False => None,
            _ => Some(self.jump_on(e, true)?),
        };
        self.f.concat_jumps(&mut e.exit_true, jump)?;
        self.f.patch_to_here(e.exit_false.take())
    }

    /// `not e`
    pub(super) fn negate(&mut self, e: &mut ExpDesc<'a>) -> Res {
        match e.kind {
            Kind::Nil | Kind::False => e.kind = Kind::True,
            Kind::Constant(_) | Kind::Float(_) | Kind::Int(_) | Kind::Str(_) | Kind::True => {
                e.kind = Kind::False;
            }
            Kind::Jump(pc) => self.f.negate_condition(pc),
            _ => {
                let register = self.discharge_to_any_register(e)?;
                self.release_value(e);
                e.kind = Kind::Relocatable(self.emit(Instruction::abc(Op::Not, 0, register, 0)));
            }
        }
        std::mem::swap(&mut e.exit_true, &mut e.exit_false);
        self.f.remove_values(e.exit_false);
        self.f.remove_values(e.exit_true);
        Ok(())
    }
}

/// Target of a jump list that is known to be empty or to produce its values itself.
const NO_TARGET: u32 = u32::MAX;

fn fits_sbx(value: i64) -> bool {
    (-i64::from(OFFSET_SBX)..=i64::from(MAX_BX) - i64::from(OFFSET_SBX)).contains(&value)
}
