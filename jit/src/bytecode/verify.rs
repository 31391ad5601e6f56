//! Structural rules of a prototype.
//!
//! In:  any prototype, however built. Out: nothing, or every broken rule with its place.
//!
//! A prototype without errors can be interpreted with unchecked accesses to registers, constants,
//! upvalues and nested prototypes, and analysed by [`effects`](super::effects). The rules say nothing
//! about types of values or about reading registers before they are written.
//!
//! Run on each compile in debug builds, and on each binary chunk always.

use std::fmt;

use super::opcode::{Event, Format, Instruction, Op, Operand, Pc};
use super::proto::{ABS_LINE_INFO, Constant, Proto};

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which function: indices of nested prototypes, from the outermost.
    pub path: Vec<usize>,
    /// The instruction, unless the rule is about the whole function.
    pub pc: Option<Pc>,
    pub rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function main")?;
        self.path.iter().try_for_each(|index| write!(f, ".{index}"))?;
        if let Some(pc) = self.pc {
            write!(f, " at {pc}")?;
        }
        write!(f, ": {}", self.rule)
    }
}

/// Checks a main function and everything nested in it.
pub fn verify(proto: &Proto) -> Result<(), Vec<Violation>> {
    let mut verifier = Verifier { path: Vec::new(), violations: Vec::new() };
    verifier.function(proto);
    if verifier.violations.is_empty() { Ok(()) } else { Err(verifier.violations) }
}

struct Verifier {
    path: Vec<usize>,
    violations: Vec<Violation>,
}

impl Verifier {
    fn report(&mut self, pc: Option<Pc>, rule: impl Into<String>) {
        self.violations.push(Violation { path: self.path.clone(), pc, rule: rule.into() });
    }

    fn function(&mut self, proto: &Proto) {
        self.whole(proto);
        for pc in (0..proto.code.len() as u32).map(Pc) {
            Check { verifier: self, proto, pc, i: proto.code[pc.index()] }.instruction();
        }
        for (index, nested) in proto.protos.iter().enumerate() {
            self.path.push(index);
            self.captures(proto, nested);
            self.function(nested);
            self.path.pop();
        }
    }

    /// Rules about the function as a whole.
    fn whole(&mut self, proto: &Proto) {
        let len = proto.code.len();
        let ends = proto.code.last().map(|last| last.op());
        if !matches!(ends, Some(Op::Return | Op::Return0 | Op::Return1)) {
            self.report(None, "the code does not end in a return");
        }
        if proto.max_stack_size < 2 || proto.num_params > proto.max_stack_size {
            self.report(None, "too few registers");
        }
        let prepares = proto.code.first().map(|first| first.op()) == Some(Op::VarArgPrep);
        if proto.is_vararg != prepares {
            self.report(None, "a vararg function, and no other, starts with VARARGPREP");
        }
        if proto.upvalues.len() > 255 {
            self.report(None, "too many upvalues");
        }
        if !proto.lineinfo.is_empty() && proto.lineinfo.len() != len {
            self.report(None, "line information does not cover the code");
        }
        let absolute = (0..proto.lineinfo.len()).filter(|&pc| proto.lineinfo[pc] == ABS_LINE_INFO);
        if !absolute.eq(proto.abslineinfo.iter().map(|abs| abs.pc.index())) {
            self.report(None, "absolute lines do not match their marks");
        }
        for local in &proto.locals {
            if local.start_pc > local.end_pc || local.end_pc.index() > len {
                self.report(None, "a local variable is alive outside the code");
            }
        }
    }

    fn captures(&mut self, outer: &Proto, nested: &Proto) {
        for upvalue in &nested.upvalues {
            let index = usize::from(upvalue.index);
            let limit = if upvalue.in_stack {
                usize::from(outer.max_stack_size)
            } else {
                outer.upvalues.len()
            };
            if index >= limit {
                self.report(None, "an upvalue captures what does not exist");
            }
        }
    }
}

/// The check of one instruction.
struct Check<'v, 'p> {
    verifier: &'v mut Verifier,
    proto: &'p Proto,
    pc: Pc,
    i: Instruction,
}

impl Check<'_, '_> {
    fn fail(&mut self, rule: impl Into<String>) {
        self.verifier.report(Some(self.pc), rule);
    }

    fn require(&mut self, holds: bool, rule: &str) {
        if !holds {
            self.fail(rule);
        }
    }

    fn at(&self, pc: Pc) -> Option<Instruction> {
        self.proto.code.get(pc.index()).copied()
    }

    fn op_at(&self, pc: Pc) -> Option<Op> {
        self.at(pc).map(Instruction::op)
    }

    fn previous_op(&self) -> Option<Op> {
        self.pc.0.checked_sub(1).and_then(|pc| self.op_at(Pc(pc)))
    }

    fn instruction(&mut self) {
        if self.i.0 & 0x7f >= Op::COUNT as u32 {
            return self.fail("no such opcode");
        }
        self.operands();
        self.ranges();
        self.neighbours();
        self.jumps();
    }

    // Operands.

    fn operands(&mut self) {
        let i = self.i;
        let info = i.op().info();
        self.operand(info.a, i.a());
        match info.format {
            Format::Abc => {
                self.operand(info.b, i.b());
                self.operand(info.c, i.c());
            }
            Format::ABx => self.operand(info.b, i.bx()),
            Format::AsBx | Format::Ax | Format::SJ => {}
        }
    }

    fn operand(&mut self, operand: Operand, value: usize) {
        match operand {
            Operand::Read | Operand::Write => self.register(value),
            Operand::ReadOrConstant if self.i.k() => self.constant(value, |_| true),
            Operand::ReadOrConstant => self.register(value),
            Operand::Upvalue => {
                self.require(value < self.proto.upvalues.len(), "no such upvalue");
            }
            Operand::Constant => self.constant(value, |_| true),
            Operand::ConstantString => self.constant(value, Constant::is_short_string),
            Operand::ConstantNumber => {
                self.constant(value, |k| matches!(k, Constant::Int(_) | Constant::Float(_)));
            }
            Operand::ConstantInteger => {
                self.constant(value, |k| matches!(k, Constant::Int(_)));
            }
            Operand::Event => {
                let arithmetic = Event::Add as usize..=Event::Shr as usize;
                self.require(arithmetic.contains(&value), "not an arithmetic event");
            }
            Operand::Proto => {
                self.require(value < self.proto.protos.len(), "no such nested function");
            }
            _ => {}
        }
    }

    fn register(&mut self, register: usize) {
        let limit = usize::from(self.proto.max_stack_size);
        self.require(register < limit, "register beyond the frame");
    }

    fn constant(&mut self, index: usize, accept: impl Fn(&Constant) -> bool) {
        match self.proto.constants.get(index) {
            None => self.fail("no such constant"),
            Some(constant) => self.require(accept(constant), "constant of a wrong type"),
        }
    }

    /// The last register of instructions that name only the first one.
    fn ranges(&mut self) {
        let (a, b, c) = (self.i.a(), self.i.b(), self.i.c());
        let last = match self.i.op() {
            Op::LoadNil | Op::SetList => Some(a + b),
            Op::SelfIndex => Some(a + 1),
            Op::Concat => {
                self.require(b >= 2, "CONCAT of fewer than two values");
                Some((a + b).saturating_sub(1))
            }
            Op::Call => Some((a + b.max(1) - 1).max((a + c).saturating_sub(2)).max(a)),
            Op::TailCall => Some(a + b.max(1) - 1),
            // With B = 1 nothing is returned and A means nothing.
            Op::Return => (b != 1).then(|| a + b.max(2) - 2),
            Op::VarArg => (c != 1).then(|| a + c.max(2) - 2),
            Op::ForLoop | Op::ForPrep | Op::TForPrep => Some(a + 3),
            Op::TForLoop => Some(a + 4),
            Op::TForCall => {
                self.require(c >= 1, "TFORCALL without results");
                // The iterator and its two arguments are copied there.
                Some((a + 6).max(a + 3 + c))
            }
            Op::Close => Some(a),
            Op::VarArgPrep => {
                let params = usize::from(self.proto.num_params);
                self.require(self.pc == Pc(0) && a == params, "misplaced VARARGPREP");
                None
            }
            _ => None,
        };
        if let Some(last) = last {
            self.register(last);
        }
    }

    // Pairs of instructions.

    fn neighbours(&mut self) {
        let next = self.op_at(self.pc.next());
        let op = self.i.op();
        let takes_extra = |i: Instruction| match i.op() {
            Op::LoadKX | Op::NewTable => true,
            Op::SetList => i.k(),
            _ => false,
        };
        self.require(takes_extra(self.i) <= (next == Some(Op::ExtraArg)), "EXTRAARG is missing");
        if op == Op::ExtraArg {
            let before = self.pc.0.checked_sub(1).and_then(|pc| self.at(Pc(pc)));
            self.require(before.is_some_and(takes_extra), "EXTRAARG belongs to nothing");
        }
        if op == Op::LoadKX && next == Some(Op::ExtraArg) {
            let index = self.at(self.pc.next()).map_or(0, Instruction::ax);
            self.constant(index, |_| true);
        }
        if op.info().is_test() {
            self.require(next == Some(Op::Jmp), "a test without its JMP");
        }
        if let Some(metamethod) = metamethod_of(op) {
            self.require(next == Some(metamethod), "arithmetic without its metamethod call");
        }
        if op.info().is_metamethod() {
            let before = self.previous_op().and_then(metamethod_of);
            self.require(before == Some(op), "a metamethod call without its arithmetic");
        }
        if matches!(op, Op::Return | Op::TailCall) {
            // C finds the function below the extra arguments.
            let below =
                if self.proto.is_vararg { usize::from(self.proto.num_params) + 1 } else { 0 };
            self.require(self.i.c() == below, "a return does not find its function");
        }
        if matches!(op, Op::Return0 | Op::Return1) {
            self.require(!self.proto.is_vararg, "a return does not find its function");
        }
        let opens = self.i.opens_top();
        let taken = self.at(self.pc.next()).is_some_and(Instruction::takes_top);
        self.require(opens == taken, "open results and their user do not match");
        if let Some(user) = self.at(self.pc.next()).filter(|_| opens && taken) {
            // The others have the function, or the table, below what they take.
            let first = user.a() + usize::from(user.op() != Op::Return);
            self.require(first <= self.i.a(), "open results begin below what is taken");
        }
        if self.pc == Pc(0) {
            self.require(!self.i.takes_top(), "open operands without results");
        }
    }

    // Jumps.

    fn jumps(&mut self) {
        let next = self.pc.0 + 1;
        let (op, a, bx) = (self.i.op(), self.i.a(), i64::from(self.i.bx() as u32));
        let next = i64::from(next);
        match op {
            Op::Jmp => self.target(next + i64::from(self.i.sj())),
            Op::LFalseSkip => self.target(next + 1),
            Op::ForPrep => {
                self.partner(next + bx, Op::ForLoop, a);
                self.target(next + bx + 1);
            }
            Op::TForPrep => self.partner(next + bx, Op::TForCall, a),
            Op::ForLoop => self.partner(next - bx - 1, Op::ForPrep, a),
            Op::TForCall => self.partner(next, Op::TForLoop, a),
            Op::TForLoop => {
                self.partner(next - 2, Op::TForCall, a);
                self.partner(next - bx - 1, Op::TForPrep, a);
            }
            _ => {}
        }
    }

    /// A jump must land on an instruction that can run by itself.
    fn target(&mut self, target: i64) {
        let landing = usize::try_from(target).ok().and_then(|pc| self.proto.code.get(pc));
        if landing.is_some_and(|landing| landing.takes_top()) {
            self.fail("a jump passes by the results that its target takes");
        }
        match landing.map(|landing| landing.op()) {
            None => self.fail("a jump leaves the code"),
            Some(Op::VarArgPrep) => self.fail("a jump to VARARGPREP"),
            Some(Op::ExtraArg) => self.fail("a jump into an extra argument"),
            Some(op) => {
                self.require(!op.info().is_metamethod(), "a jump to a metamethod call");
            }
        }
    }

    /// The parts of a loop must belong together.
    fn partner(&mut self, pc: i64, op: Op, a: usize) {
        let found = usize::try_from(pc).ok().and_then(|pc| self.proto.code.get(pc));
        let matches = found.is_some_and(|found| found.op() == op && found.a() == a);
        self.require(matches, "the parts of a loop do not belong together");
    }
}

/// The metamethod call that must follow an arithmetic instruction.
fn metamethod_of(op: Op) -> Option<Op> {
    match op {
        Op::AddI | Op::ShrI | Op::ShlI => Some(Op::MmBinI),
        _ if (Op::AddK..=Op::BXorK).contains(&op) => Some(Op::MmBinK),
        _ if (Op::Add..=Op::Shr).contains(&op) => Some(Op::MmBin),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::load::load;
    use super::super::proto::VarKind;
    use super::*;

    const SOURCE: &str = r#"
        local a, b = ...
        local t = {1, 2, a, x = 3}
        local s = a + b - 1 * a .. "x"
        if a < b and t.x == "s" then s = t:m(f()) end
        for i = 1, 10 do s = i + 2.5 end
        for k, v in pairs(t) do s = k end
        local function g(x, ...) a = x; return x, ... end
        return g(a), a & 3, not (a == b)
    "#;

    fn sample() -> Proto {
        load(SOURCE.as_bytes(), b"=t", "t", 0).unwrap()
    }

    fn find(proto: &Proto, op: Op) -> usize {
        proto.code.iter().position(|i| i.op() == op).unwrap_or_else(|| panic!("no {op:?}"))
    }

    /// Breaks the sample and expects a rule to say so.
    #[track_caller]
    fn broken(rule: &str, damage: impl FnOnce(&mut Proto)) {
        let mut proto = sample();
        damage(&mut proto);
        let violations = verify(&proto).unwrap_err();
        let found = violations.iter().any(|violation| violation.rule == rule);
        assert!(found, "expected {rule:?}, got {violations:#?}");
    }

    /// Changes the first instruction with this opcode.
    fn change(op: Op, edit: impl FnOnce(Instruction) -> Instruction) -> impl FnOnce(&mut Proto) {
        move |proto| {
            let pc = find(proto, op);
            proto.code[pc] = edit(proto.code[pc]);
        }
    }

    fn remove_after(op: Op) -> impl FnOnce(&mut Proto) {
        move |proto| {
            let pc = find(proto, op);
            proto.code[pc + 1] = Instruction::abc(Op::Move, 0, 0, 0);
        }
    }

    #[test]
    fn compiled_code_is_clean() {
        assert_eq!(verify(&sample()), Ok(()));
    }

    #[test]
    fn whole_function() {
        broken("the code does not end in a return", |p| p.code.truncate(p.code.len() - 2));
        broken("the code does not end in a return", |p| p.code.clear());
        broken("too few registers", |p| p.max_stack_size = 1);
        broken("a vararg function, and no other, starts with VARARGPREP", |p| p.is_vararg = false);
        broken("line information does not cover the code", |p| {
            p.lineinfo.truncate(p.lineinfo.len() - 1)
        });
        broken("absolute lines do not match their marks", |p| p.lineinfo[3] = ABS_LINE_INFO);
        broken("a local variable is alive outside the code", |p| p.locals[0].end_pc = Pc(9999));
        broken("too many upvalues", |p| {
            p.upvalues = vec![p.upvalues[0].clone(); 256];
        });
        broken("an upvalue captures what does not exist", |p| {
            let mut nested = Proto::clone(&p.protos[0]);
            nested.upvalues[0].index = 250;
            nested.upvalues[0].kind = VarKind::Regular;
            p.protos[0] = Arc::new(nested);
        });
    }

    #[test]
    fn operands() {
        broken("no such opcode", |p| p.code[1] = Instruction(0x7f));
        broken("register beyond the frame", change(Op::Add, |i| i.with_b(200)));
        broken("register beyond the frame", change(Op::Call, |i| i.with_b(200)));
        broken("register beyond the frame", change(Op::LoadI, |i| i.with_a(255)));
        broken("register beyond the frame", change(Op::TForCall, |i| i.with_c(200)));
        broken("no such upvalue", change(Op::GetTabUp, |i| i.with_b(9)));
        broken("no such constant", change(Op::GetTabUp, |i| i.with_c(99)));
        broken("constant of a wrong type", change(Op::AddK, |i| i.with_c(0)));
        broken("not an arithmetic event", change(Op::MmBin, |i| i.with_c(0)));
        broken("no such nested function", change(Op::Closure, |i| i.with_bx(7)));
        broken("CONCAT of fewer than two values", change(Op::Concat, |i| i.with_b(1)));
        broken("misplaced VARARGPREP", change(Op::VarArgPrep, |i| i.with_a(1)));
        broken("TFORCALL without results", change(Op::TForCall, |i| i.with_c(0)));
    }

    #[test]
    fn neighbours() {
        broken("EXTRAARG is missing", remove_after(Op::NewTable));
        broken("EXTRAARG belongs to nothing", |p| {
            p.code[1] = Instruction::from_ax(Op::ExtraArg, 0)
        });
        broken("a test without its JMP", remove_after(Op::Lt));
        broken("arithmetic without its metamethod call", remove_after(Op::Add));
        broken(
            "a metamethod call without its arithmetic",
            change(Op::Add, |i| i.with_op(Op::LoadNil)),
        );
        broken("open results and their user do not match", change(Op::Call, |i| i.with_c(2)));
        broken("a return does not find its function", change(Op::Return, |i| i.with_c(3)));
    }

    #[test]
    fn jumps() {
        broken("a jump leaves the code", change(Op::Jmp, |i| i.with_sj(1000)));
        broken("a jump leaves the code", change(Op::Jmp, |i| i.with_sj(-1000)));
        let jump_to = |op: Op| {
            move |p: &mut Proto| {
                let (from, to) = (find(p, Op::Jmp) as i32, find(p, op) as i32);
                p.code[from as usize] = p.code[from as usize].with_sj(to - from - 1);
            }
        };
        broken("a jump leaves the code", |p| {
            let last = p.code.len() - 1;
            p.code[last] = Instruction::abc(Op::LFalseSkip, 0, 0, 0);
        });
        broken("a jump to VARARGPREP", jump_to(Op::VarArgPrep));
        broken("a jump into an extra argument", jump_to(Op::ExtraArg));
        broken("a jump to a metamethod call", jump_to(Op::MmBin));
        for op in [Op::ForPrep, Op::ForLoop, Op::TForPrep, Op::TForLoop] {
            let edit = |i: Instruction| i.with_bx(i.bx() as u32 + 1);
            broken("the parts of a loop do not belong together", change(op, edit));
        }
    }

    #[test]
    fn a_violation_tells_its_place() {
        let mut proto = sample();
        let mut nested = Proto::clone(&proto.protos[0]);
        nested.code[1] = nested.code[1].with_a(250);
        proto.protos[0] = Arc::new(nested);
        let text = verify(&proto).unwrap_err()[0].to_string();
        assert_eq!(text, "function main.0 at 1: register beyond the frame");
    }
}
