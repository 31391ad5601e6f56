//! The function being compiled: its code buffer, line information, jump lists and registers.
//!
//! Nothing here knows the syntax tree. Everything that PUC shows in a dump and that depends on the
//! *order* of emission (line deltas, absolute lines, jump targets that block peephole optimisation)
//! is kept here.

use std::sync::Arc;

use super::super::opcode::{Instruction, MAX_A, MAX_BX, MAX_SJ, OFFSET_SJ, Op, Pc};
use super::super::proto::{
    ABS_LINE_INFO, AbsLine, Constant, LocalVar, MAX_REGISTERS, MAX_RELATIVE_LINES, Proto,
    UpvalueDesc,
};
use super::expdesc::JumpList;
use super::scope::{Label, Scope, Variable};
use super::{CompileError, Res};

/// Stands for "no register" in a TESTSET whose destination is not known yet.
pub(super) const NO_REGISTER: u32 = MAX_A;
/// Operand of a JMP at the end of a jump list: a jump to itself.
const END_OF_LIST: i32 = -1;
/// How many jumps to jumps the final pass follows.
const MAX_JUMP_CHAIN: u32 = 100;

/// State of one function while its code grows, or the buffers that one left.
#[derive(Default)]
pub(super) struct FunctionState<'a> {
    pub code: Vec<Instruction>,
    pub constants: Vec<Constant>,
    pub upvalues: Vec<UpvalueDesc>,
    pub protos: Vec<Arc<Proto>>,
    pub locals: Vec<LocalVar>,
    lineinfo: Vec<i8>,
    abslineinfo: Vec<AbsLine>,
    pub line_defined: u32,
    pub num_params: u8,
    pub is_vararg: bool,
    max_stack_size: u32,

    /// Position after the last instruction that may be a jump target.
    last_target: u32,
    /// Line of the last instruction.
    previous_line: u32,
    /// Instructions since the last absolute line.
    relative_lines: u32,
    pub free_register: u32,
    /// Some local is captured or to be closed: returns must close.
    pub needs_close: bool,

    /// Declared variables; the first `active_count` of them are in scope.
    pub variables: Vec<Variable<'a>>,
    pub active_count: usize,
    pub scopes: Vec<Scope>,
    pub labels: Vec<Label<'a>>,
    /// Jumps to labels that were not seen yet.
    pub gotos: Vec<Label<'a>>,
}

impl<'a> FunctionState<'a> {
    /// Begins a function. The state is new, or [`take_proto`](Self::take_proto) has emptied it.
    pub fn start(&mut self, line_defined: u32) {
        self.line_defined = line_defined;
        self.num_params = 0;
        self.is_vararg = false;
        // PUC keeps registers 0 and 1 valid in every frame.
        self.max_stack_size = 2;
        self.last_target = 0;
        self.previous_line = line_defined;
        self.relative_lines = 0;
        self.free_register = 0;
        self.needs_close = false;
        self.active_count = 0;
        self.variables.clear();
        self.scopes.clear();
        self.labels.clear();
        self.gotos.clear();
    }

    /// The finished prototype. A nested function's vectors have their exact size, and the buffers stay
    /// here for the next one.
    pub fn take_proto(
        &mut self,
        source: Arc<[u8]>,
        last_line_defined: u32,
        is_nested: bool,
    ) -> Proto {
        fn take<T>(buffer: &mut Vec<T>, exactly: bool) -> Vec<T> {
            if !exactly {
                return std::mem::take(buffer);
            }
            let mut exact = Vec::with_capacity(buffer.len());
            exact.append(buffer);
            exact
        }
        Proto {
            source: Some(source),
            line_defined: self.line_defined,
            last_line_defined,
            num_params: self.num_params,
            is_vararg: self.is_vararg,
            max_stack_size: self.max_stack_size as u8,
            code: take(&mut self.code, is_nested),
            constants: take(&mut self.constants, is_nested),
            upvalues: take(&mut self.upvalues, is_nested),
            protos: take(&mut self.protos, is_nested),
            lineinfo: take(&mut self.lineinfo, is_nested),
            abslineinfo: take(&mut self.abslineinfo, is_nested),
            locals: take(&mut self.locals, is_nested),
        }
    }

    /// Position of the next instruction.
    pub fn pc(&self) -> u32 {
        self.code.len() as u32
    }

    pub fn emit(&mut self, instruction: Instruction, line: u32) -> u32 {
        self.code.push(instruction);
        self.save_line(line);
        self.pc() - 1
    }

    pub fn instruction(&mut self, pc: u32) -> &mut Instruction {
        &mut self.code[pc as usize]
    }

    // Line information.

    fn save_line(&mut self, line: u32) {
        let delta = i64::from(line) - i64::from(self.previous_line);
        let near = delta.abs() < i64::from(ABS_LINE_INFO).abs();
        let relative = near && self.relative_lines < MAX_RELATIVE_LINES;
        if relative {
            self.relative_lines += 1;
            self.lineinfo.push(delta as i8);
        } else {
            self.abslineinfo.push(AbsLine { pc: Pc(self.pc() - 1), line });
            self.relative_lines = 1;
            self.lineinfo.push(ABS_LINE_INFO);
        }
        self.previous_line = line;
    }

    fn remove_last_line(&mut self) {
        match self.lineinfo.pop() {
            Some(ABS_LINE_INFO) => {
                self.abslineinfo.pop();
                // Forces the instruction that takes this place to be absolute too.
                self.relative_lines = MAX_RELATIVE_LINES + 1;
            }
            Some(delta) => {
                self.previous_line = self.previous_line.wrapping_add_signed(-i32::from(delta));
                self.relative_lines -= 1;
            }
            None => {}
        }
    }

    /// Gives the last instruction another line.
    pub fn fix_line(&mut self, line: u32) {
        self.remove_last_line();
        self.save_line(line);
    }

    pub fn remove_last_instruction(&mut self) {
        self.remove_last_line();
        self.code.pop();
    }

    // Jumps.

    /// The last instruction, unless a jump may land between it and the next one.
    pub fn previous_instruction(&self) -> Option<Instruction> {
        if self.pc() > self.last_target { self.code.last().copied() } else { None }
    }

    /// Marks the current position as a jump target.
    pub fn mark_target(&mut self) -> u32 {
        self.last_target = self.pc();
        self.pc()
    }

    pub fn emit_jump(&mut self, line: u32) -> u32 {
        self.emit(Instruction::from_sj(Op::Jmp, END_OF_LIST), line)
    }

    fn next_in_list(&self, jump: u32) -> JumpList {
        match self.code[jump as usize].sj() {
            END_OF_LIST => None,
            distance => Some((jump + 1).wrapping_add_signed(distance)),
        }
    }

    fn fix_jump(&mut self, jump: u32, target: u32) -> Res {
        let distance = i64::from(target) - i64::from(jump + 1);
        let range = -i64::from(OFFSET_SJ)..=i64::from(MAX_SJ) - i64::from(OFFSET_SJ);
        if !range.contains(&distance) {
            return Err(too_long());
        }
        let jump = self.instruction(jump);
        *jump = jump.with_sj(distance as i32);
        Ok(())
    }

    /// Appends the list `other` to `list`.
    pub fn concat_jumps(&mut self, list: &mut JumpList, other: JumpList) -> Res {
        let (Some(first), Some(other)) = (*list, other) else {
            *list = list.or(other);
            return Ok(());
        };
        let mut last = first;
        while let Some(next) = self.next_in_list(last) {
            last = next;
        }
        self.fix_jump(last, other)
    }

    /// The test that decides a jump, or the jump itself when it is unconditional.
    fn jump_control(&self, jump: u32) -> u32 {
        match jump.checked_sub(1) {
            Some(before) if self.code[before as usize].op().info().is_test() => before,
            _ => jump,
        }
    }

    /// Inverts the comparison that decides a jump.
    pub fn negate_condition(&mut self, jump: u32) {
        let control = self.jump_control(jump);
        let test = self.instruction(control);
        *test = test.with_k(!test.k());
    }

    /// If a TESTSET decides this jump, lets it write `register`, or makes it a plain TEST when there is
    /// no register to write or the value is already there. Tells whether it was a TESTSET.
    fn patch_test_register(&mut self, jump: u32, register: u32) -> bool {
        let control = self.jump_control(jump);
        let test = self.instruction(control);
        if test.op() != Op::TestSet {
            return false;
        }
        let value = test.b() as u32;
        *test = if register != NO_REGISTER && register != value {
            test.with_a(register)
        } else {
            Instruction::abck(Op::Test, value, 0, 0, test.k())
        };
        true
    }

    /// Makes sure that no test of a list produces a value.
    pub fn remove_values(&mut self, mut list: JumpList) {
        while let Some(jump) = list {
            self.patch_test_register(jump, NO_REGISTER);
            list = self.next_in_list(jump);
        }
    }

    /// Some test of the list does not produce a value by itself.
    pub fn needs_value(&self, mut list: JumpList) -> bool {
        while let Some(jump) = list {
            if self.code[self.jump_control(jump) as usize].op() != Op::TestSet {
                return true;
            }
            list = self.next_in_list(jump);
        }
        false
    }

    /// Sends the jumps of a list to a target: those whose test produces a value write it to `register`
    /// and go to `value_target`, the others go to `default_target`.
    pub fn patch_list_values(
        &mut self,
        mut list: JumpList,
        value_target: u32,
        register: u32,
        default_target: u32,
    ) -> Res {
        while let Some(jump) = list {
            let next = self.next_in_list(jump);
            let target = if self.patch_test_register(jump, register) {
                value_target
            } else {
                default_target
            };
            self.fix_jump(jump, target)?;
            list = next;
        }
        Ok(())
    }

    pub fn patch_list(&mut self, list: JumpList, target: u32) -> Res {
        self.patch_list_values(list, target, NO_REGISTER, target)
    }

    pub fn patch_to_here(&mut self, list: JumpList) -> Res {
        let here = self.mark_target();
        self.patch_list(list, here)
    }

    /// Lets a loop instruction in format ABx jump to `target`, unless that is too far.
    pub fn fix_for_jump(&mut self, pc: u32, target: u32, back: bool) -> Res {
        let distance = if back { pc + 1 - target } else { target - (pc + 1) };
        if distance > MAX_BX {
            return Err(too_long());
        }
        let instruction = self.instruction(pc);
        *instruction = instruction.with_bx(distance);
        Ok(())
    }

    // Registers.

    /// Registers that hold active local variables: those below this number.
    pub fn local_registers(&self) -> u32 {
        self.register_level(self.active_count)
    }

    /// First register above the first `count` variables (compile-time constants have none).
    pub fn register_level(&self, count: usize) -> u32 {
        let in_register = self.variables[..count].iter().rev().find(|var| !var.is_compile_time());
        in_register.map_or(0, |var| var.register + 1)
    }

    pub fn check_stack(&mut self, count: u32) -> Res {
        let needed = self.free_register + count;
        if needed > self.max_stack_size {
            if needed >= MAX_REGISTERS {
                let message = "function or expression needs too many registers";
                return Err(CompileError::Limit(message.into()));
            }
            self.max_stack_size = needed;
        }
        Ok(())
    }

    pub fn reserve_registers(&mut self, count: u32) -> Res {
        self.check_stack(count)?;
        self.free_register += count;
        Ok(())
    }

    /// Gives back a temporary register; locals keep theirs.
    pub fn release(&mut self, register: u32) {
        if register >= self.local_registers() {
            self.free_register -= 1;
            debug_assert_eq!(register, self.free_register, "registers are released in stack order");
        }
    }

    /// Gives back two registers, the higher one first.
    pub fn release_two(&mut self, x: u32, y: u32) {
        self.release(x.max(y));
        self.release(x.min(y));
    }

    // The final pass.

    /// Adjusts returns to what the whole function needs and shortens jumps to jumps.
    pub fn finish(&mut self) -> Res {
        for pc in 0..self.pc() {
            let instruction = self.code[pc as usize];
            match instruction.op() {
                Op::Return0 | Op::Return1 if self.needs_close || self.is_vararg => {
                    self.code[pc as usize] = self.with_exit_work(instruction.with_op(Op::Return));
                }
                Op::Return | Op::TailCall => {
                    self.code[pc as usize] = self.with_exit_work(instruction);
                }
                Op::Jmp => {
                    let target = self.final_target(pc);
                    self.fix_jump(pc, target)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A return that also closes variables and undoes the vararg frame where the function needs it.
    fn with_exit_work(&self, exit: Instruction) -> Instruction {
        let exit = if self.needs_close { exit.with_k(true) } else { exit };
        if self.is_vararg { exit.with_c(u32::from(self.num_params) + 1) } else { exit }
    }

    fn final_target(&self, jump: u32) -> u32 {
        let mut target = jump;
        for _ in 0..MAX_JUMP_CHAIN {
            let instruction = self.code[target as usize];
            if instruction.op() != Op::Jmp {
                break;
            }
            target = (target + 1).wrapping_add_signed(instruction.sj());
        }
        target
    }
}

fn too_long() -> CompileError {
    CompileError::Limit("control structure too long".into())
}
