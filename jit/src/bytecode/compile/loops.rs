//! Loops.

use super::super::opcode::{Instruction, Op};
use super::expdesc::{ExpDesc, Kind};
use super::statements::BlockEnd;
use super::{Compiler, Res};
use crate::syntax::ast::{Block, Expr, FOR_STATE, GenericFor, Line, NumericFor, Stat};

/// What the two `for` loops share.
struct ForBody<'a> {
    /// First control register.
    base: u32,
    prepare: Op,
    repeat: Op,
    /// Declared variables.
    variables: u32,
    do_line: Line,
    /// Line of the instructions after the body.
    line: u32,
    body: &'a Block,
}

impl<'a> Compiler<'a> {
    /// Compiles a condition; gives the jumps that leave when it is false.
    fn condition(&mut self, cond: &'a Expr) -> Res<Option<u32>> {
        let mut e = self.expression(cond)?;
        if matches!(e.kind, Kind::Nil) {
            e.kind = Kind::False;
        }
        self.go_if_true(&mut e)?;
        Ok(e.exit_false)
    }

    fn jump_back(&mut self, target: u32) -> Res {
        let jump = self.emit_jump();
        self.f.patch_list(Some(jump), target)
    }

    pub(super) fn while_loop(&mut self, stat: &'a Stat, cond: &'a Expr, body: &'a Block) -> Res {
        let start = self.f.mark_target();
        let exit = self.condition(cond)?;
        self.enter_scope(true);
        self.block(body)?;
        self.jump_back(start)?;
        self.reach(stat.end)?;
        self.leave_scope()?;
        self.f.patch_to_here(exit)
    }

    pub(super) fn repeat_loop(&mut self, body: &'a Block, cond: &'a Expr) -> Res {
        let start = self.f.mark_target();
        self.enter_scope(true);
        self.enter_scope(false);
        self.statement_list(&body.stats, BlockEnd::Until)?;
        self.reach(body.end)?;
        let mut again = self.condition(cond)?;
        let scope = self.leave_scope()?;
        if scope.has_upvalue {
            // Both ways out of the body must close its variables.
            let exit = self.emit_jump();
            self.f.patch_to_here(again)?;
            let level = self.f.local_registers();
            self.emit(Instruction::abc(Op::Close, level, 0, 0));
            again = Some(self.emit_jump());
            self.f.patch_to_here(Some(exit))?;
        }
        self.f.patch_list(again, start)?;
        self.leave_scope()?;
        Ok(())
    }

    fn place_expression(&mut self, expr: &'a Expr) -> Res {
        let mut e: ExpDesc<'a> = self.expression(expr)?;
        self.place_next(&mut e)
    }

    pub(super) fn numeric_for(&mut self, stat: &'a Stat, node: &'a NumericFor) -> Res {
        self.enter_scope(true);
        let base = self.f.free_register;
        for name in [&*FOR_STATE, &*FOR_STATE, &*FOR_STATE, &node.var] {
            self.declare(name)?;
        }
        self.place_expression(&node.start)?;
        self.place_expression(&node.limit)?;
        match &node.step {
            Some(step) => self.place_expression(step)?,
            None => {
                self.load_int(self.f.free_register, 1);
                self.f.reserve_registers(1)?;
            }
        }
        self.f.activate_variables(3)?;
        self.for_body(ForBody {
            base,
            prepare: Op::ForPrep,
            repeat: Op::ForLoop,
            variables: 1,
            do_line: node.do_line,
            line: stat.line.number,
            body: &node.body,
        })?;
        self.reach(stat.end)?;
        self.leave_scope()?;
        Ok(())
    }

    pub(super) fn generic_for(&mut self, stat: &'a Stat, node: &'a GenericFor) -> Res {
        self.enter_scope(true);
        let base = self.f.free_register;
        for _ in ["iterator", "state", "control", "closing value"] {
            self.declare(&FOR_STATE)?;
        }
        for name in &node.names {
            self.declare(name)?;
        }
        let (count, last) = self.expression_list(&node.values)?;
        self.adjust_values(4, count, last)?;
        self.f.activate_variables(4)?;
        self.f.mark_to_be_closed();
        // The call of the iterator needs room for itself and two arguments.
        self.f.check_stack(3)?;
        self.for_body(ForBody {
            base,
            prepare: Op::TForPrep,
            repeat: Op::TForLoop,
            variables: node.names.len() as u32,
            do_line: node.do_line,
            line: node.in_line.number,
            body: &node.body,
        })?;
        self.reach(stat.end)?;
        self.leave_scope()?;
        Ok(())
    }

    fn for_body(&mut self, node: ForBody<'a>) -> Res {
        self.reach(node.do_line)?;
        let prepare = self.emit(Instruction::abx(node.prepare, node.base, 0));
        self.enter_scope(false);
        self.f.activate_variables(node.variables as usize)?;
        self.f.reserve_registers(node.variables)?;
        self.block(node.body)?;
        self.leave_scope()?;
        let after = self.f.mark_target();
        self.f.fix_for_jump(prepare, after, false)?;
        if node.repeat == Op::TForLoop {
            self.emit(Instruction::abc(Op::TForCall, node.base, 0, node.variables));
            self.f.fix_line(node.line);
        }
        let repeat = self.emit(Instruction::abx(node.repeat, node.base, 0));
        let body = prepare + 1;
        self.f.fix_for_jump(repeat, body, true)?;
        self.f.fix_line(node.line);
        Ok(())
    }
}
