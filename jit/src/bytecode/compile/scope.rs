//! Names: local variables, upvalues, scopes, labels and gotos.
//!
//! A name resolves to a local variable, an upvalue (created in every function between), a
//! compile-time constant, or a field of `_ENV`. Leaving a scope ends its variables, emits CLOSE where
//! some of them were captured, and hands pending gotos to the scope outside.

use super::super::opcode::{Instruction, Op, Pc};
use super::super::proto::{LocalVar, UpvalueDesc, VarKind};
use super::expdesc::{ConstValue, ExpDesc, JumpList, Kind};
use super::function::FunctionState;
use super::{CompileError, Compiler, Res};
use crate::syntax::ast::{ENV, Str};

/// Local variables that may be active in one function.
const MAX_LOCALS: usize = 200;
const MAX_UPVALUES: usize = 255;
/// Size limit of PUC's `short`-indexed vectors.
const MAX_SHORT: usize = i16::MAX as usize;
/// Name of the label at the end of a loop. No goto can name it, for it is a reserved word.
pub(super) const BREAK: &[u8] = b"break";

/// A declared local variable.
pub(super) struct Variable<'a> {
    pub name: &'a Str,
    pub kind: VarKind,
    /// Its register, once it is active.
    pub register: u32,
    /// Its entry in the debug information, once it is active.
    debug_index: usize,
    /// Its value, when `kind` is `CompileTimeConst`.
    pub value: ConstValue<'a>,
}

impl Variable<'_> {
    pub fn is_compile_time(&self) -> bool {
        self.kind == VarKind::CompileTimeConst
    }
}

/// A block that is being compiled.
pub(super) struct Scope {
    first_label: usize,
    first_goto: usize,
    /// Active variables outside.
    active_outside: usize,
    /// Some variable of the block was captured, or is to be closed.
    pub has_upvalue: bool,
    is_loop: bool,
    /// Inside the scope of a to-be-closed variable.
    pub inside_to_be_closed: bool,
}

/// A label, or a goto that waits for one.
pub(super) struct Label<'a> {
    name: &'a [u8],
    /// Position in the code.
    position: u32,
    /// The jumps of a goto (none in `if nil then break`).
    jumps: JumpList,
    line: u32,
    /// Active variables at that position.
    active_count: usize,
    /// First register above them.
    register_level: u32,
    /// The goto leaves the scope of a captured variable.
    needs_close: bool,
}

impl<'a> FunctionState<'a> {
    /// Makes the last `count` declared variables active.
    pub fn activate_variables(&mut self, count: usize) -> Res {
        let first = self.local_registers();
        for register in first..first + count as u32 {
            if self.locals.len() >= MAX_SHORT {
                return Err(short_limit("local variables"));
            }
            let start_pc = Pc(self.pc());
            let debug_index = self.locals.len();
            let variable = &mut self.variables[self.active_count];
            variable.register = register;
            variable.debug_index = debug_index;
            self.locals.push(LocalVar {
                name: variable.name.0.clone(),
                start_pc,
                end_pc: start_pc,
            });
            self.active_count += 1;
        }
        Ok(())
    }

    /// The newest active variable counts as alive only from here on.
    pub fn restart_last_variable(&mut self) {
        let start_pc = Pc(self.pc());
        if let Some(variable) = self.variables.last() {
            self.locals[variable.debug_index].start_pc = start_pc;
        }
    }

    fn remove_variables(&mut self, keep: usize) {
        let end_pc = Pc(self.pc());
        for variable in self.variables.drain(keep..) {
            if variable.kind != VarKind::CompileTimeConst {
                self.locals[variable.debug_index].end_pc = end_pc;
            }
        }
        self.active_count = keep;
    }

    fn find_active(&self, name: &Str) -> Option<usize> {
        self.variables[..self.active_count].iter().rposition(|variable| variable.name == name)
    }

    /// Notes that a closure captured a variable: the block that declares it must close it.
    fn mark_captured(&mut self, variable: usize) {
        let scope = self.scopes.iter_mut().rfind(|scope| scope.active_outside <= variable);
        if let Some(scope) = scope {
            scope.has_upvalue = true;
        }
        self.needs_close = true;
    }

    /// Notes that the current block has a to-be-closed variable.
    pub fn mark_to_be_closed(&mut self) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.has_upvalue = true;
            scope.inside_to_be_closed = true;
        }
        self.needs_close = true;
    }

    pub fn inside_to_be_closed(&self) -> bool {
        self.scopes.last().is_some_and(|scope| scope.inside_to_be_closed)
    }

    pub fn add_upvalue(&mut self, upvalue: UpvalueDesc) -> Res<u32> {
        if self.upvalues.len() >= MAX_UPVALUES {
            return Err(CompileError::Limit(self.limit_message("upvalues", MAX_UPVALUES)));
        }
        self.upvalues.push(upvalue);
        Ok(self.upvalues.len() as u32 - 1)
    }

    fn limit_message(&self, what: &str, limit: usize) -> String {
        let place = match self.line_defined {
            0 => "main function".to_string(),
            line => format!("function at line {line}"),
        };
        format!("too many {what} (limit is {limit}) in {place}")
    }

    /// Hands the gotos of a block that ends to the block outside.
    fn move_gotos_out(&mut self, scope: &Scope) {
        let outside = self.register_level(scope.active_outside);
        for index in scope.first_goto..self.gotos.len() {
            let goto = &mut self.gotos[index];
            goto.needs_close |= goto.register_level > outside && scope.has_upvalue;
            goto.active_count = scope.active_outside;
            goto.register_level = outside;
        }
    }
}

impl<'a> Compiler<'a> {
    /// Declares a local variable; it becomes active later. The parser checks the limit too, and leaves a
    /// name empty where the text ends before it.
    pub(super) fn declare(&mut self, name: &'a Str) -> Res<usize> {
        if name.is_empty() {
            return Err(CompileError::Unreached);
        }
        if self.f.variables.len() >= MAX_LOCALS {
            let message = self.f.limit_message("local variables", MAX_LOCALS);
            return Err(CompileError::Semantic(self.reached.number, message.into_bytes()));
        }
        self.f.variables.push(Variable {
            name,
            kind: VarKind::Regular,
            register: 0,
            debug_index: 0,
            value: ConstValue::Nil,
        });
        Ok(self.f.variables.len() - 1)
    }

    // Resolution.

    /// What a name means here; a global is `_ENV.name`.
    pub(super) fn variable(&mut self, name: &'a Str) -> Res<ExpDesc<'a>> {
        if let Some(kind) = self.resolve(self.enclosing.len(), name, true)? {
            return Ok(kind.into());
        }
        let Some(env) = self.resolve(self.enclosing.len(), &ENV, true)? else {
            unreachable!("the main function has the upvalue _ENV");
        };
        let mut variable = env.into();
        self.place_or_upvalue(&mut variable)?;
        self.index(&mut variable, Kind::Str(name).into())?;
        Ok(variable)
    }

    /// The function at a nesting level; the innermost one is the current one.
    fn function_at(&mut self, level: usize) -> &mut FunctionState<'a> {
        if level == self.enclosing.len() { &mut self.f } else { &mut self.enclosing[level] }
    }

    /// Looks a name up in the function at `level` and outwards, creating upvalues on the way back.
    /// `here` is false when an inner function asks. Gives nothing for a global.
    fn resolve(&mut self, level: usize, name: &Str, here: bool) -> Res<Option<Kind<'a>>> {
        let function = self.function_at(level);
        if let Some(variable) = function.find_active(name) {
            let found = &function.variables[variable];
            if found.is_compile_time() {
                return Ok(Some(Kind::ConstVariable { name: found.name, value: found.value }));
            }
            let register = found.register;
            if !here {
                function.mark_captured(variable);
            }
            return Ok(Some(Kind::Local { register, variable }));
        }
        let known = |upvalue: &UpvalueDesc| upvalue.name.as_ref() == Some(&name.0);
        if let Some(index) = function.upvalues.iter().position(known) {
            return Ok(Some(Kind::Upvalue(index as u32)));
        }
        let Some(outside) = level.checked_sub(1) else {
            return Ok(None);
        };
        let found = self.resolve(outside, name, false)?;
        let (in_stack, index, kind) = match found {
            Some(Kind::Local { register, variable }) => {
                (true, register, self.function_at(outside).variables[variable].kind)
            }
            Some(Kind::Upvalue(index)) => {
                (false, index, self.function_at(outside).upvalues[index as usize].kind)
            }
            _ => return Ok(found),
        };
        let upvalue =
            UpvalueDesc { name: Some(name.0.clone()), in_stack, index: index as u8, kind };
        self.function_at(level).add_upvalue(upvalue).map(|index| Some(Kind::Upvalue(index)))
    }

    /// Refuses an assignment to a `<const>` or `<close>` variable.
    pub(super) fn check_assignable(&self, target: &ExpDesc<'a>, line: u32) -> Res {
        let read_only = match target.kind {
            Kind::ConstVariable { name, .. } => Some(&**name),
            Kind::Local { variable, .. } => {
                let variable = &self.f.variables[variable];
                (variable.kind != VarKind::Regular).then_some(&**variable.name)
            }
            Kind::Upvalue(index) => {
                let upvalue = &self.f.upvalues[index as usize];
                upvalue.name.as_deref().filter(|_| upvalue.kind != VarKind::Regular)
            }
            _ => None,
        };
        match read_only {
            None => Ok(()),
            Some(name) => Err(CompileError::Semantic(
                line,
                [b"attempt to assign to const variable '", name, b"'"].concat(),
            )),
        }
    }

    // Scopes.

    pub(super) fn enter_scope(&mut self, is_loop: bool) {
        let inside_to_be_closed = self.f.inside_to_be_closed();
        self.f.scopes.push(Scope {
            first_label: self.f.labels.len(),
            first_goto: self.f.gotos.len(),
            active_outside: self.f.active_count,
            has_upvalue: false,
            is_loop,
            inside_to_be_closed,
        });
        debug_assert_eq!(self.f.free_register, self.f.local_registers());
    }

    /// Ends the innermost block and tells what it was.
    pub(super) fn leave_scope(&mut self) -> Res<Scope> {
        let Some(scope) = self.f.scopes.last() else { unreachable!("scopes are balanced") };
        let (outside, is_loop, has_upvalue) =
            (scope.active_outside, scope.is_loop, scope.has_upvalue);
        let is_outermost = self.f.scopes.len() == 1;
        let level = self.f.register_level(outside);
        self.f.remove_variables(outside);
        let closed = is_loop && self.create_label(BREAK, 0, false)?;
        if !closed && !is_outermost && has_upvalue {
            self.emit(Instruction::abc(Op::Close, level, 0, 0));
        }
        self.f.free_register = level;
        let Some(scope) = self.f.scopes.pop() else { unreachable!("scopes are balanced") };
        self.f.labels.truncate(scope.first_label);
        if !is_outermost {
            self.f.move_gotos_out(&scope);
        } else if let Some(goto) = self.f.gotos.get(scope.first_goto) {
            return Err(self.undefined_goto(goto));
        }
        Ok(scope)
    }

    fn undefined_goto(&self, goto: &Label<'a>) -> CompileError {
        let message = if goto.name == BREAK {
            format!("break outside loop at line {}", goto.line).into_bytes()
        } else {
            let tail = format!("' for <goto> at line {}", goto.line);
            [b"no visible label '", goto.name, tail.as_bytes()].concat()
        };
        CompileError::Semantic(self.reached.number, message)
    }

    // Labels.

    /// Adds a goto that is done by these jumps.
    pub(super) fn add_goto(&mut self, name: &'a [u8], line: u32, jumps: JumpList) -> Res {
        if self.f.gotos.len() >= MAX_SHORT {
            return Err(short_limit("labels/gotos"));
        }
        let goto = self.label_here(name, line, jumps);
        self.f.gotos.push(goto);
        Ok(())
    }

    fn label_here(&self, name: &'a [u8], line: u32, jumps: JumpList) -> Label<'a> {
        let active_count = self.f.active_count;
        let register_level = self.f.local_registers();
        Label {
            name,
            position: self.f.pc(),
            jumps,
            line,
            active_count,
            register_level,
            needs_close: false,
        }
    }

    /// A visible label of the current function, with its position and register level.
    pub(super) fn find_label(&self, name: &[u8]) -> Option<(u32, u32)> {
        let label = self.f.labels.iter().find(|label| label.name == name)?;
        Some((label.position, self.f.register_level(label.active_count)))
    }

    /// Refuses a label that is already visible.
    pub(super) fn check_new_label(&self, name: &[u8]) -> Res {
        match self.f.labels.iter().find(|label| label.name == name) {
            None => Ok(()),
            Some(old) => {
                let tail = format!("' already defined on line {}", old.line);
                let message = [b"label '", name, tail.as_bytes()].concat();
                Err(CompileError::Semantic(self.reached.number, message))
            }
        }
    }

    /// Puts a label here and resolves the gotos that wait for it. `last` says that only empty
    /// statements follow in its block, so the block's variables count as gone. Tells whether it
    /// emitted a CLOSE.
    pub(super) fn create_label(&mut self, name: &'a [u8], line: u32, last: bool) -> Res<bool> {
        let here = self.f.mark_target();
        let mut label = self.label_here(name, line, None);
        let Some(scope) = self.f.scopes.last() else { unreachable!("labels stand in a scope") };
        let first_goto = scope.first_goto;
        if last {
            label.active_count = scope.active_outside;
        }
        let active_count = label.active_count;
        if self.f.labels.len() >= MAX_SHORT {
            return Err(short_limit("labels/gotos"));
        }
        self.f.labels.push(label);
        let mut needs_close = false;
        let mut index = first_goto;
        while index < self.f.gotos.len() {
            if self.f.gotos[index].name != name {
                index += 1;
                continue;
            }
            let goto = self.f.gotos.remove(index);
            needs_close |= goto.needs_close;
            if goto.active_count < active_count {
                return Err(self.jump_into_scope(&goto));
            }
            self.f.patch_list(goto.jumps, here)?;
        }
        if needs_close {
            let level = self.f.local_registers();
            self.emit(Instruction::abc(Op::Close, level, 0, 0));
        }
        Ok(needs_close)
    }

    fn jump_into_scope(&self, goto: &Label<'a>) -> CompileError {
        let variable = self.f.variables[goto.active_count].name;
        let place = format!("> at line {} jumps into the scope of local '", goto.line);
        let message = [b"<goto ", goto.name, place.as_bytes(), variable, b"'"].concat();
        CompileError::Semantic(self.reached.number, message)
    }
}

fn short_limit(what: &str) -> CompileError {
    CompileError::Bare(format!("too many {what} (limit is {MAX_SHORT})"))
}
