//! Statements, blocks and functions.
//!
//! `reach` is called wherever PUC would have consumed a token since the last instruction; see the
//! notes on lines in `syntax::ast`.

use std::sync::Arc;

use super::super::opcode::{Instruction, MAX_BX, Op};
use super::super::proto::VarKind;
use super::expdesc::{ExpDesc, Kind};
use super::scope::BREAK;
use super::{CompileError, Compiler, Res};
use crate::syntax::ast::{
    Arm, Attrib, Block, Expr, Function, FunctionName, LocalName, SELF, Stat, StatKind,
};

impl<'a> Compiler<'a> {
    /// A block with its own scope.
    pub(super) fn block(&mut self, block: &'a Block) -> Res {
        self.enter_scope(false);
        self.statements(block)?;
        self.leave_scope()?;
        Ok(())
    }

    /// The statements of a block, in the scope that is open.
    pub(super) fn statements(&mut self, block: &'a Block) -> Res {
        self.statement_list(&block.stats, BlockEnd::Keyword)?;
        self.reach(block.end)?;
        Ok(())
    }

    pub(super) fn statement_list(&mut self, stats: &'a [Stat], end: BlockEnd) -> Res {
        let mut rest = stats;
        while let Some((stat, after)) = rest.split_first() {
            rest = match &stat.kind {
                StatKind::Label(name) => self.label(name, stat, after, end)?,
                _ => {
                    self.statement(stat)?;
                    after
                }
            };
            self.f.free_register = self.f.local_registers();
        }
        Ok(())
    }

    fn statement(&mut self, stat: &'a Stat) -> Res {
        match &stat.kind {
            StatKind::Empty => {}
            StatKind::Local { names, values } => self.local(stat, names, values)?,
            StatKind::LocalFunction { name, body } => {
                self.declare(name)?;
                self.f.activate_variables(1)?;
                self.function(body, false)?;
                self.f.restart_last_variable();
            }
            StatKind::Function { name, body } => self.named_function(stat, name, body)?,
            StatKind::Assign { targets, values } => self.assignment(targets, values)?,
            StatKind::Call(call) => {
                let e = self.expression(call)?;
                self.reach(stat.end)?;
                self.set_results(&e, Some(0))?;
            }
            StatKind::Do(body) => self.block(body)?,
            StatKind::While { cond, body } => self.while_loop(stat, cond, body)?,
            StatKind::Repeat { body, cond } => self.repeat_loop(body, cond)?,
            StatKind::If { arms, orelse } => self.if_chain(arms, orelse.as_ref())?,
            StatKind::NumericFor(node) => self.numeric_for(stat, node)?,
            StatKind::GenericFor(node) => self.generic_for(stat, node)?,
            StatKind::Goto(name) => self.goto(stat, name)?,
            StatKind::Label(_) => unreachable!("labels are compiled with their successors"),
            StatKind::Break => {
                self.reach(stat.end)?;
                let jump = self.emit_jump();
                self.add_goto(BREAK, stat.line.number, Some(jump))?;
            }
            StatKind::Return(values) => self.return_values(stat, values)?,
        }
        self.reach(stat.end)?;
        Ok(())
    }

    // Local variables and assignment.

    fn local(&mut self, stat: &'a Stat, names: &'a [LocalName], values: &'a [Expr]) -> Res {
        let mut to_be_closed = None;
        for (index, local) in names.iter().enumerate() {
            let variable = self.declare(&local.name)?;
            self.f.variables[variable].kind = match local.attrib {
                None => VarKind::Regular,
                Some(Attrib::Const) => VarKind::Const,
                Some(Attrib::Close) => VarKind::ToBeClosed,
            };
            if local.attrib == Some(Attrib::Close)
                && to_be_closed.replace(self.f.active_count + index).is_some()
            {
                let message = "multiple to-be-closed variables in local list";
                return Err(CompileError::Semantic(stat.line.number, message.into()));
            }
        }
        let (count, last) = self.expression_list(values)?;
        self.reach(stat.end)?;
        let wanted = names.len() as u32;
        let constant = last.const_value().filter(|_| count == wanted);
        match (self.f.variables.last_mut(), constant) {
            (Some(variable), Some(value)) if variable.kind == VarKind::Const => {
                variable.kind = VarKind::CompileTimeConst;
                variable.value = value;
                self.f.activate_variables(names.len() - 1)?;
                self.f.active_count += 1;
            }
            _ => {
                self.adjust_values(wanted, count, last)?;
                self.f.activate_variables(names.len())?;
            }
        }
        if let Some(variable) = to_be_closed {
            self.f.mark_to_be_closed();
            let register = self.f.register_level(variable);
            self.emit(Instruction::abc(Op::Tbc, register, 0, 0));
        }
        Ok(())
    }

    /// Makes a list of `count` values, of which `last` is not in its register yet, fill exactly
    /// `wanted` registers.
    pub(super) fn adjust_values(&mut self, wanted: u32, count: u32, mut last: ExpDesc<'a>) -> Res {
        if last.is_multi() {
            self.set_results(&last, Some((wanted + 1).saturating_sub(count)))?;
        } else {
            if !matches!(last.kind, Kind::Void) {
                self.place_next(&mut last)?;
            }
            if wanted > count {
                self.load_nil(self.f.free_register, wanted - count);
            }
        }
        if wanted > count {
            self.f.reserve_registers(wanted - count)?;
        } else {
            self.f.free_register -= count - wanted;
        }
        Ok(())
    }

    fn assignment(&mut self, targets: &'a [Expr], values: &'a [Expr]) -> Res {
        let mut variables: Vec<ExpDesc<'a>> = Vec::with_capacity(targets.len());
        for target in targets {
            let variable = self.expression(target)?;
            if !variable.is_indexed() {
                self.save_conflicting(&mut variables, &variable)?;
            }
            self.check_assignable(&variable, target.sep.number)?;
            self.reach(target.sep)?;
            variables.push(variable);
        }
        let (count, mut last) = self.expression_list(values)?;
        if count as usize == variables.len() {
            self.set_one_result(&mut last);
            if let Some(variable) = variables.pop() {
                self.store(&variable, &mut last)?;
            }
        } else {
            self.adjust_values(variables.len() as u32, count, last)?;
        }
        while let Some(variable) = variables.pop() {
            let mut value = Kind::Fixed(self.f.free_register - 1).into();
            self.store(&variable, &mut value)?;
        }
        Ok(())
    }

    /// In a multiple assignment, an earlier target may index the local or upvalue that is assigned
    /// now. Then it gets a copy that keeps the old value.
    fn save_conflicting(&mut self, earlier: &mut [ExpDesc<'a>], now: &ExpDesc<'a>) -> Res {
        let copy = self.f.free_register;
        let mut conflict = false;
        for variable in earlier {
            match (&mut variable.kind, now.kind) {
                (Kind::IndexedUpvalue { table, key }, Kind::Upvalue(index)) if *table == index => {
                    variable.kind = Kind::IndexedStr { table: copy, key: *key };
                    conflict = true;
                }
                (Kind::Indexed { table, key }, Kind::Local { register, .. }) => {
                    for operand in [table, key] {
                        if *operand == register {
                            *operand = copy;
                            conflict = true;
                        }
                    }
                }
                (
                    Kind::IndexedInt { table, .. } | Kind::IndexedStr { table, .. },
                    Kind::Local { register, .. },
                ) if *table == register => {
                    *table = copy;
                    conflict = true;
                }
                _ => {}
            }
        }
        if conflict {
            match now.kind {
                Kind::Local { register, .. } => {
                    self.emit(Instruction::abc(Op::Move, copy, register, 0))
                }
                Kind::Upvalue(index) => self.emit(Instruction::abc(Op::GetUpval, copy, index, 0)),
                _ => unreachable!("only locals and upvalues conflict"),
            };
            self.f.reserve_registers(1)?;
        }
        Ok(())
    }

    // Branches and jumps.

    fn if_chain(&mut self, arms: &'a [Arm], orelse: Option<&'a Block>) -> Res {
        let mut escapes = None;
        for (index, arm) in arms.iter().enumerate() {
            let followed = index + 1 < arms.len() || orelse.is_some();
            self.arm(arm, followed, &mut escapes)?;
        }
        if let Some(block) = orelse {
            self.block(block)?;
        }
        self.f.patch_to_here(escapes)
    }

    /// One condition and its block. `followed` by another arm or `else`, the block ends with a jump
    /// that joins `escapes`.
    fn arm(&mut self, arm: &'a Arm, followed: bool, escapes: &mut Option<u32>) -> Res {
        let mut cond = self.expression(&arm.cond)?;
        self.reach(arm.then_line)?;
        let skip = match arm.body.stats.split_first() {
            // `then break`: the condition jumps straight out of the loop.
            Some((stat, rest)) if matches!(stat.kind, StatKind::Break) => {
                self.go_if_false(&mut cond)?;
                self.enter_scope(false);
                self.reach(stat.end)?;
                self.add_goto(BREAK, stat.line.number, cond.exit_true)?;
                if rest.is_empty() {
                    self.reach(arm.body.end)?;
                    self.leave_scope()?;
                    return Ok(());
                }
                self.reach(arm.skip_line)?;
                let skip = Some(self.emit_jump());
                self.statement_list(rest, BlockEnd::Keyword)?;
                skip
            }
            _ => {
                self.go_if_true(&mut cond)?;
                self.enter_scope(false);
                self.statement_list(&arm.body.stats, BlockEnd::Keyword)?;
                cond.exit_false
            }
        };
        self.reach(arm.body.end)?;
        self.leave_scope()?;
        if followed {
            let jump = self.emit_jump();
            self.f.concat_jumps(escapes, Some(jump))?;
        }
        self.f.patch_to_here(skip)
    }

    fn goto(&mut self, stat: &'a Stat, name: &'a [u8]) -> Res {
        self.reach(stat.end)?;
        match self.find_label(name) {
            None => {
                let jump = self.emit_jump();
                self.add_goto(name, stat.end.number, Some(jump))
            }
            Some((target, level)) => {
                if self.f.local_registers() > level {
                    self.emit(Instruction::abc(Op::Close, level, 0, 0));
                }
                let jump = self.emit_jump();
                self.f.patch_list(Some(jump), target)
            }
        }
    }

    /// A label, after the labels and empty statements behind it; gives the statements after those.
    fn label(
        &mut self,
        name: &'a [u8],
        stat: &'a Stat,
        mut after: &'a [Stat],
        end: BlockEnd,
    ) -> Res<&'a [Stat]> {
        while let Some((next, behind)) = after.split_first() {
            after = match &next.kind {
                StatKind::Label(name) => self.label(name, next, behind, end)?,
                StatKind::Empty => behind,
                _ => break,
            };
        }
        self.reach(stat.end)?;
        self.check_new_label(name)?;
        let last = after.is_empty() && end == BlockEnd::Keyword;
        self.create_label(name, stat.line.number, last)?;
        Ok(after)
    }

    fn return_values(&mut self, stat: &'a Stat, values: &'a [Expr]) -> Res {
        let mut first = self.f.local_registers();
        let (count, mut last) = self.expression_list(values)?;
        self.reach(stat.end)?;
        let mut returned = Some(count);
        if last.is_multi() {
            self.set_results(&last, None)?;
            returned = None;
            if let (Kind::Call(pc), 1, false) = (last.kind, count, self.f.inside_to_be_closed()) {
                let call = self.f.instruction(pc);
                *call = call.with_op(Op::TailCall);
            }
        } else if count == 1 {
            first = self.place_anywhere(&mut last)?;
        } else if count > 1 {
            self.place_next(&mut last)?;
        }
        self.emit_return(first, returned);
        Ok(())
    }

    /// Returns `count` values (`None`: up to the top).
    fn emit_return(&mut self, first: u32, count: Option<u32>) {
        let op = match count {
            Some(0) => Op::Return0,
            Some(1) => Op::Return1,
            _ => Op::Return,
        };
        self.emit(Instruction::abc(op, first, count.map_or(0, |count| count + 1), 0));
    }

    // Functions.

    fn named_function(
        &mut self,
        stat: &'a Stat,
        name: &'a FunctionName,
        body: &'a Function,
    ) -> Res {
        self.reach(name.base.line)?;
        let mut target = self.variable(&name.base.text)?;
        for field in name.path.iter().chain(&name.method) {
            self.place_or_upvalue(&mut target)?;
            self.reach(field.line)?;
            self.index(&mut target, Kind::Str(&field.text).into())?;
        }
        let mut function = self.function(body, name.method.is_some())?;
        self.check_assignable(&target, self.reached.number)?;
        self.store(&target, &mut function)?;
        self.f.fix_line(stat.line.number);
        Ok(())
    }

    /// A function body; its closure goes to the next register.
    pub(super) fn function(&mut self, node: &'a Function, is_method: bool) -> Res<ExpDesc<'a>> {
        let index = self.f.protos.len() as u32;
        if index >= MAX_BX {
            return Err(CompileError::Bare(format!("too many functions (limit is {MAX_BX})")));
        }
        let mut inner = self.spare.pop().unwrap_or_default();
        inner.start(node.line.number);
        let outer = std::mem::replace(&mut self.f, inner);
        self.enclosing.push(outer);
        self.enter_scope(false);
        if is_method {
            self.declare(&SELF)?;
            self.f.activate_variables(1)?;
        }
        for param in &node.params {
            self.declare(param)?;
        }
        self.f.activate_variables(node.params.len())?;
        self.f.num_params = self.f.active_count as u8;
        if node.vararg {
            self.reach(node.vararg_line)?;
            self.set_vararg();
        }
        self.f.reserve_registers(self.f.active_count as u32)?;
        self.statements(&node.body)?;
        self.reach(node.end)?;
        let Some(outer) = self.enclosing.pop() else {
            unreachable!("a nested function has an enclosing one");
        };
        // The closure is placed before the function is finished: either may fail.
        let inner = std::mem::replace(&mut self.f, outer);
        let mut closure =
            Kind::Relocatable(self.emit(Instruction::abx(Op::Closure, 0, index))).into();
        self.place_next(&mut closure)?;
        let outer = std::mem::replace(&mut self.f, inner);
        self.finish_function()?;
        let mut inner = std::mem::replace(&mut self.f, outer);
        let proto = inner.take_proto(self.source.clone(), node.end.number, true);
        self.f.protos.push(Arc::new(proto));
        self.spare.push(inner);
        Ok(closure)
    }

    pub(super) fn set_vararg(&mut self) {
        self.f.is_vararg = true;
        let params = u32::from(self.f.num_params);
        self.emit(Instruction::abc(Op::VarArgPrep, params, 0, 0));
    }

    pub(super) fn finish_function(&mut self) -> Res {
        self.emit_return(self.f.local_registers(), Some(0));
        self.leave_scope()?;
        self.f.finish()
    }
}

/// What ends a block. A label before `until` does not count as last in its block, because the
/// condition still sees the block's variables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockEnd {
    /// `end`, `else`, `elseif` or the end of the chunk.
    Keyword,
    Until,
}
