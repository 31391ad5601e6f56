//! A compiled function as pure data.
//!
//! In:  the compiler or `undump`. Out: what the interpreter, the dump, the listing, the verifier and
//! the data-flow analyses read. Nothing here points into a heap: the VM makes its own runtime form
//! (constants as heap values) from a `Proto`.
//!
//! Invariants (checked by `verify`): `code` ends in a return, operands index existing registers,
//! constants, upvalues and prototypes; `lineinfo` is empty (stripped) or as long as `code`.

use std::sync::Arc;

use super::opcode::{Instruction, Pc};

/// Value of `lineinfo` that means: look in `abslineinfo`.
pub const ABS_LINE_INFO: i8 = -128;
/// At most this many instructions in a row rely on relative line information.
pub const MAX_RELATIVE_LINES: u32 = 128;
/// Registers a function may have; the number must fit in eight bits.
pub const MAX_REGISTERS: u32 = 255;
/// Longest string that PUC calls short. Only short strings are operands of GETFIELD and its kin.
pub const MAX_SHORT_STRING_BYTES: usize = 40;

/// A constant of the table K. Equality is bitwise on floats (`-0.0 != 0.0`, a NaN equals itself).
#[derive(Clone, Debug)]
pub enum Constant {
    Nil,
    False,
    True,
    Int(i64),
    Float(f64),
    /// Long strings that share their bytes are one object at run time.
    Str(Arc<[u8]>),
}

impl Constant {
    pub fn is_short_string(&self) -> bool {
        matches!(self, Constant::Str(bytes) if bytes.len() <= MAX_SHORT_STRING_BYTES)
    }
}

impl PartialEq for Constant {
    fn eq(&self, other: &Constant) -> bool {
        match (self, other) {
            (Constant::Nil, Constant::Nil)
            | (Constant::False, Constant::False)
            | (Constant::True, Constant::True) => true,
            (Constant::Int(x), Constant::Int(y)) => x == y,
            (Constant::Float(x), Constant::Float(y)) => x.to_bits() == y.to_bits(),
            (Constant::Str(x), Constant::Str(y)) => x == y,
            _ => false,
        }
    }
}

impl Eq for Constant {}

/// What a variable is declared as; the number is PUC's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum VarKind {
    Regular = 0,
    /// `<const>`
    Const = 1,
    /// `<close>`
    ToBeClosed = 2,
    /// `<const>` whose value is known when compiling; it has no register.
    CompileTimeConst = 3,
}

impl VarKind {
    pub fn from_u8(number: u8) -> Option<VarKind> {
        [VarKind::Regular, VarKind::Const, VarKind::ToBeClosed, VarKind::CompileTimeConst]
            .get(usize::from(number))
            .copied()
    }
}

/// Where CLOSURE finds one upvalue of the new closure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpvalueDesc {
    /// `None` in a stripped chunk.
    pub name: Option<Arc<[u8]>>,
    /// A register of the enclosing function (else an upvalue of it).
    pub in_stack: bool,
    /// Register or upvalue number in the enclosing function.
    pub index: u8,
    pub kind: VarKind,
}

/// Name and live range of a local variable. The n-th variable (from 0) whose range holds `pc` lives in
/// register n.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalVar {
    pub name: Arc<[u8]>,
    /// First instruction where the variable is active.
    pub start_pc: Pc,
    /// First instruction where it is dead.
    pub end_pc: Pc,
}

/// Line of one instruction, given absolutely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsLine {
    pub pc: Pc,
    pub line: u32,
}

/// A function prototype.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proto {
    /// Chunk name with its `@` or `=` prefix; `None` in a stripped chunk.
    pub source: Option<Arc<[u8]>>,
    /// 0 for the main function.
    pub line_defined: u32,
    pub last_line_defined: u32,
    pub num_params: u8,
    pub is_vararg: bool,
    /// Registers that a frame needs (at least 2).
    pub max_stack_size: u8,
    pub code: Vec<Instruction>,
    pub constants: Vec<Constant>,
    pub upvalues: Vec<UpvalueDesc>,
    pub protos: Vec<Arc<Proto>>,
    /// Line of each instruction as a difference to the one before, or [`ABS_LINE_INFO`].
    pub lineinfo: Vec<i8>,
    pub abslineinfo: Vec<AbsLine>,
    pub locals: Vec<LocalVar>,
}

impl Proto {
    /// Source line of an instruction; `None` when the chunk was stripped.
    pub fn line(&self, pc: Pc) -> Option<u32> {
        if pc.index() >= self.lineinfo.len() {
            return None;
        }
        let known = self.abslineinfo.partition_point(|abs| abs.pc <= pc);
        let (mut line, first) = match known.checked_sub(1).map(|i| self.abslineinfo[i]) {
            Some(abs) => (abs.line, abs.pc.index() + 1),
            None => (self.line_defined, 0),
        };
        for &delta in &self.lineinfo[first..=pc.index()] {
            line = line.wrapping_add_signed(i32::from(delta));
        }
        Some(line)
    }

    /// Name of the local variable that lives in `register` when instruction `pc` is about to run.
    pub fn local_name(&self, register: usize, pc: Pc) -> Option<&[u8]> {
        self.locals
            .iter()
            .take_while(|local| local.start_pc <= pc)
            .filter(|local| pc < local.end_pc)
            .nth(register)
            .map(|local| &*local.name)
    }

    /// Name of an upvalue, `None` when stripped or out of range.
    pub fn upvalue_name(&self, index: usize) -> Option<&[u8]> {
        self.upvalues.get(index)?.name.as_deref()
    }

    /// Calls `visit` on this prototype and all nested ones, outermost first.
    pub fn for_each<'p>(&'p self, visit: &mut dyn FnMut(&'p Proto)) {
        visit(self);
        for nested in &self.protos {
            nested.for_each(visit);
        }
    }
}
