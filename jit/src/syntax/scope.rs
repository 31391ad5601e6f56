//! Names while parsing: the checks that PUC's one-pass compiler makes on the way.
//!
//! In: declarations, uses, labels and gotos in source order. Out: the semantic errors PUC would
//! raise, at the moment it would raise them; a later syntax error never hides an earlier one of
//! these, nor the other way round. Nothing here reaches the AST: the compiler resolves names anew.
//!
//! Limits: the count of upvalues leaves out `<const>` variables whose value may be a compile-time
//! constant after folding (PUC needs no upvalue for those), so the compiler checks that limit again.

use super::ast::{Attrib, ENV, Str};

const MAX_LOCALS: usize = 200;
const MAX_UPVALUES: usize = 255;

/// A failed check. The parser adds the position, and for limits the current token.
#[derive(Debug)]
pub enum ScopeError {
    Semantic(Vec<u8>),
    Limit(String),
}

type Check<T = ()> = Result<T, ScopeError>;

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum VarKind {
    Regular,
    /// `<const>` or `<close>`.
    ReadOnly,
    /// `<const>` with a value known while compiling: never needs an upvalue.
    Constant,
}

impl From<Option<Attrib>> for VarKind {
    fn from(attrib: Option<Attrib>) -> VarKind {
        if attrib.is_some() { VarKind::ReadOnly } else { VarKind::Regular }
    }
}

struct Var {
    name: Str,
    kind: VarKind,
}

/// What a name stands for in the function where it is used.
enum Resolved {
    Local(VarKind),
    Upvalue(VarKind),
    Constant,
    Global,
}

/// A label, or a goto that waits for one. `None` is the label of `break`.
struct Jump {
    label: Option<Str>,
    line: u32,
    /// Active locals of the function at this point.
    active: usize,
}

struct Block {
    is_loop: bool,
    /// Active locals outside the block.
    active: usize,
    first_label: usize,
    first_goto: usize,
}

struct Func {
    /// Where `linedefined` is 0, the main function.
    line: u32,
    vararg: bool,
    first_local: usize,
    first_label: usize,
    active: usize,
    upvalues: Vec<Var>,
    blocks: Vec<Block>,
}

#[derive(Default)]
pub struct Scopes {
    funcs: Vec<Func>,
    /// Declared locals of all open functions; the last ones may not be active yet.
    vars: Vec<Var>,
    labels: Vec<Jump>,
    gotos: Vec<Jump>,
}

impl Scopes {
    pub fn open_main(&mut self) {
        self.open_function(0);
        self.set_vararg();
        self.func().upvalues.push(Var { name: ENV.clone(), kind: VarKind::Regular });
    }

    pub fn open_function(&mut self, line: u32) {
        self.funcs.push(Func {
            line,
            vararg: false,
            first_local: self.vars.len(),
            first_label: self.labels.len(),
            active: 0,
            upvalues: Vec::new(),
            blocks: Vec::new(),
        });
        self.open_block(false);
    }

    pub fn close_function(&mut self) -> Check {
        self.close_block()?;
        self.funcs.pop();
        Ok(())
    }

    pub fn set_vararg(&mut self) {
        self.func().vararg = true;
    }

    pub fn is_vararg(&self) -> bool {
        self.current().vararg
    }

    fn current(&self) -> &Func {
        self.funcs.last().expect("a function is open while parsing")
    }

    fn func(&mut self) -> &mut Func {
        self.funcs.last_mut().expect("a function is open while parsing")
    }

    pub fn open_block(&mut self, is_loop: bool) {
        let (first_label, first_goto) = (self.labels.len(), self.gotos.len());
        let func = self.func();
        let active = func.active;
        func.blocks.push(Block { is_loop, active, first_label, first_goto });
    }

    pub fn close_block(&mut self) -> Check {
        let func = self.func();
        let block = func.blocks.pop().expect("blocks close in the order they open");
        let gone = func.active - block.active;
        func.active = block.active;
        let outermost = func.blocks.is_empty();
        self.vars.truncate(self.vars.len() - gone);
        if block.is_loop {
            // The block is already popped, but its own gotos are those a `break` label solves.
            self.solve_gotos(block.first_goto, &None, block.active)?;
        }
        self.labels.truncate(block.first_label);
        if outermost {
            return match self.gotos.get(block.first_goto) {
                Some(jump) => Err(undefined(jump)),
                None => Ok(()),
            };
        }
        for jump in &mut self.gotos[block.first_goto..] {
            jump.active = block.active;
        }
        Ok(())
    }

    /// Declares a local, not yet visible.
    pub fn declare(&mut self, name: &Str, kind: VarKind) -> Check {
        let count = self.vars.len() + 1 - self.current().first_local;
        self.check_limit(count, MAX_LOCALS, "local variables")?;
        self.vars.push(Var { name: name.clone(), kind });
        Ok(())
    }

    /// The attribute is read after the declaration.
    pub fn set_last_kind(&mut self, kind: VarKind) {
        if let Some(var) = self.vars.last_mut() {
            var.kind = kind;
        }
    }

    /// Makes the next `count` declared locals visible.
    pub fn activate(&mut self, count: usize) {
        self.func().active += count;
    }

    /// A limit of the current function.
    pub fn check_limit(&self, value: usize, limit: usize, what: &str) -> Check {
        if value <= limit {
            return Ok(());
        }
        let place = match self.current().line {
            0 => "main function".to_string(),
            line => format!("function at line {line}"),
        };
        Err(ScopeError::Limit(format!("too many {what} (limit is {limit}) in {place}")))
    }

    /// A name is used: it may become an upvalue of some functions, as may `_ENV` for a global.
    pub fn reference(&mut self, name: &Str) -> Check {
        let top = self.funcs.len() - 1;
        if let Resolved::Global = self.resolve(top, name)? {
            self.resolve(top, &ENV)?;
        }
        Ok(())
    }

    /// Whether the variable is known while compiling, for the value of another `<const>`.
    pub fn is_constant(&mut self, name: &Str) -> Check<bool> {
        let top = self.funcs.len() - 1;
        Ok(matches!(self.resolve(top, name)?, Resolved::Constant))
    }

    pub fn check_assignable(&mut self, name: &Str) -> Check {
        let top = self.funcs.len() - 1;
        match self.resolve(top, name)? {
            Resolved::Global
            | Resolved::Local(VarKind::Regular)
            | Resolved::Upvalue(VarKind::Regular) => Ok(()),
            _ => Err(semantic(&[b"attempt to assign to const variable '", name, b"'"])),
        }
    }

    fn resolve(&mut self, level: usize, name: &Str) -> Check<Resolved> {
        let func = &self.funcs[level];
        let locals = &self.vars[func.first_local..func.first_local + func.active];
        if let Some(var) = locals.iter().rev().find(|var| var.name == *name) {
            return Ok(match var.kind {
                VarKind::Constant => Resolved::Constant,
                kind => Resolved::Local(kind),
            });
        }
        if let Some(upvalue) = func.upvalues.iter().find(|var| var.name == *name) {
            return Ok(Resolved::Upvalue(upvalue.kind));
        }
        if level == 0 {
            return Ok(Resolved::Global);
        }
        let outer = self.resolve(level - 1, name)?;
        let (Resolved::Local(kind) | Resolved::Upvalue(kind)) = outer else {
            return Ok(outer);
        };
        self.add_upvalue(level, name, kind)?;
        Ok(Resolved::Upvalue(kind))
    }

    fn add_upvalue(&mut self, level: usize, name: &Str, kind: VarKind) -> Check {
        let func = &mut self.funcs[level];
        if func.upvalues.len() >= MAX_UPVALUES {
            let place = func.line;
            return Err(ScopeError::Limit(format!(
                "too many upvalues (limit is {MAX_UPVALUES}) in function at line {place}"
            )));
        }
        func.upvalues.push(Var { name: name.clone(), kind });
        Ok(())
    }

    fn find_label(&self, name: &Str) -> Option<&Jump> {
        let labels = &self.labels[self.current().first_label..];
        labels.iter().find(|label| label.label.as_ref() == Some(name))
    }

    pub fn goto(&mut self, name: &Str, line: u32) {
        if self.find_label(name).is_none() {
            self.add_goto(Some(name.clone()), line);
        }
    }

    pub fn break_(&mut self, line: u32) {
        self.add_goto(None, line);
    }

    fn add_goto(&mut self, label: Option<Str>, line: u32) {
        let active = self.current().active;
        self.gotos.push(Jump { label, line, active });
    }

    /// Defines a label. `last`: only empty statements follow it in its block, so that the block's
    /// locals count as out of scope.
    pub fn label(&mut self, name: &Str, line: u32, last: bool) -> Check {
        if let Some(first) = self.find_label(name) {
            let tail = format!("' already defined on line {}", first.line);
            return Err(semantic(&[b"label '", name, tail.as_bytes()]));
        }
        let func = self.current();
        let block = func.blocks.last().expect("a block is open while parsing");
        let (first_goto, outside) = (block.first_goto, block.active);
        let active = if last { outside } else { func.active };
        self.labels.push(Jump { label: Some(name.clone()), line, active });
        self.solve_gotos(first_goto, &Some(name.clone()), active)
    }

    /// Removes the pending gotos to a new label.
    fn solve_gotos(&mut self, first: usize, label: &Option<Str>, active: usize) -> Check {
        let mut at = first;
        while at < self.gotos.len() {
            if self.gotos[at].label != *label {
                at += 1;
            } else if self.gotos[at].active < active {
                return Err(self.jump_into_scope(&self.gotos[at]));
            } else {
                self.gotos.remove(at);
            }
        }
        Ok(())
    }

    fn jump_into_scope(&self, jump: &Jump) -> ScopeError {
        let var = &self.vars[self.current().first_local + jump.active];
        let line = format!("> at line {} jumps into the scope of local '", jump.line);
        semantic(&[b"<goto ", jump_name(jump), line.as_bytes(), &var.name, b"'"])
    }
}

fn jump_name(jump: &Jump) -> &[u8] {
    jump.label.as_deref().unwrap_or(b"break")
}

fn semantic(parts: &[&[u8]]) -> ScopeError {
    ScopeError::Semantic(parts.concat())
}

fn undefined(jump: &Jump) -> ScopeError {
    match &jump.label {
        None => semantic(&[format!("break outside loop at line {}", jump.line).as_bytes()]),
        Some(name) => {
            let tail = format!("' for <goto> at line {}", jump.line);
            semantic(&[b"no visible label '", name, tail.as_bytes()])
        }
    }
}
