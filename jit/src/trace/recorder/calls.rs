//! Calls: Lua functions are inlined, some library functions have ops of their own.
//!
//! In:  CALL, RETURN, RETURN0, RETURN1.
//! Out: a new frame in the recorder (calls), its results moved (returns), or math ops.
//!
//! An inlined callee is guarded by its proto, not by its closure, so that closures made afresh by
//! an outer loop run the same trace. Its registers are slots above the caller's; every snapshot
//! taken inside names all active frames, and an exit rebuilds them.
//!
//! Limits: no vararg functions, no tail calls; an open list of results must fit the caller's frame.

use super::arith::float_to_int;
use super::*;
use crate::vm::native::Intrinsic;

impl Recorder {
    pub(super) fn call(&mut self, view: &View, i: Instruction) -> Result<(), Abort> {
        let callee = self.register(view, i.a())?;
        let num_args = match i.b() {
            0 => self.open_count(i.a() + 1)?,
            b => b - 1,
        };
        let wanted = i.c() as i32 - 1;
        match callee.actual.tag() {
            Tag::Closure => self.inline(view, i.a(), callee, num_args, wanted),
            Tag::Native => self.intrinsic(view, i.a(), callee, num_args, wanted),
            _ => Err(Abort::CallKind),
        }
    }

    fn inline(
        &mut self,
        view: &View,
        a: usize,
        callee: Operand,
        num_args: usize,
        wanted: i32,
    ) -> Result<(), Abort> {
        let target = view.callee(callee.actual);
        if target.proto().is_vararg {
            return Err(Abort::VarArg);
        }
        if self.frames.len() > self.max_inline_depth {
            return Err(Abort::TooDeep);
        }
        let proto = self.pure(Op::ClosureProto, Ty::Ptr, &[callee.ir]);
        let expected = self.builder.kptr(target.address());
        self.inlined.push(target.runtime());
        self.guard(Op::GuardPEq, &[proto, expected]);

        let base = self.slot_of(a) + 1;
        // The callee may be the value of the slot without the trace having written the slot.
        self.slots.set(base - 1, callee.ir);
        let args = (0..num_args.min(usize::from(target.proto().num_params)))
            .map(|n| self.register(view, a + 1 + n).map(|operand| operand.ir))
            .collect::<Result<Vec<_>, _>>()?;
        self.slots.forget_from(base);
        for (n, &arg) in args.iter().enumerate() {
            self.slots.set(base + n as Slot, arg);
        }
        let nil = self.primitive(Ty::Nil);
        for n in args.len()..usize::from(target.proto().num_params) {
            self.slots.set(base + n as Slot, nil);
        }
        let max_stack = Slot::from(target.proto().max_stack_size);
        self.max_slots = self.max_slots.max((base + max_stack) as u32);
        self.frames.push(Frame {
            base,
            link: Some(FrameLink { closure: callee.ir, base, return_pc: self.pc + 1, wanted }),
            proto_address: target.address(),
            liveness: target.liveness(),
            max_stack,
        });
        Ok(())
    }

    pub(super) fn ret(&mut self, view: &View, i: Instruction) -> Result<(), Abort> {
        if self.in_root() {
            return Err(Abort::ReturnsFromRoot);
        }
        let count = match i.op() {
            Opcode::Return0 => 0,
            Opcode::Return1 => 1,
            _ if i.b() == 0 => self.open_count(i.a())?,
            _ if i.k() => return Err(Abort::ClosesUpvalues),
            _ => i.b() - 1,
        };
        let results = (0..count)
            .map(|n| self.register(view, i.a() + n).map(|operand| operand.ir))
            .collect::<Result<Vec<_>, _>>()?;
        let frame = self.frames.pop().expect("checked: not the root frame");
        let link = frame.link.expect("only the root frame has no link");
        self.place_results(link.base - 1, &results, link.wanted)
    }

    /// Length of the open list that begins in `register`.
    fn open_count(&mut self, register: usize) -> Result<usize, Abort> {
        let end = self.open_top.ok_or(Abort::OpenResults)?;
        usize::try_from(end - self.slot_of(register)).map_err(|_| Abort::OpenResults)
    }

    /// Results go where the callee stood; missing ones are nil, surplus ones vanish. If the caller
    /// wants all, they are an open list for the next instruction.
    fn place_results(
        &mut self,
        first: Slot,
        results: &[ValueId],
        wanted: i32,
    ) -> Result<(), Abort> {
        self.slots.forget_from(first);
        let count = if wanted < 0 { results.len() as Slot } else { wanted };
        let nil = self.primitive(Ty::Nil);
        for n in 0..count {
            let value = results.get(n as usize).copied().unwrap_or(nil);
            self.slots.set(first + n, value);
        }
        if wanted < 0 {
            // The list must lie in the caller's frame, where snapshots see it.
            if first + count > self.frame().base + self.frame().max_stack {
                return Err(Abort::OpenResults);
            }
            self.left_open = Some(first + count);
        }
        Ok(())
    }

    fn intrinsic(
        &mut self,
        view: &View,
        a: usize,
        callee: Operand,
        num_args: usize,
        wanted: i32,
    ) -> Result<(), Abort> {
        let intrinsic = view.intrinsic(callee.actual).ok_or(Abort::NativeCall)?;
        let args =
            (0..num_args).map(|n| self.register(view, a + 1 + n)).collect::<Result<Vec<_>, _>>()?;
        if args.is_empty() || args.iter().any(|arg| !is_number(arg)) {
            return Err(Abort::NativeCall);
        }
        let expected = self.constant(callee.actual)?;
        self.guard(Op::GuardPEq, &[callee.ir, expected]);
        let result = match intrinsic {
            Intrinsic::MathFloor => self.round(args[0], Op::FFloor)?,
            Intrinsic::MathCeil => self.round(args[0], Op::FCeil)?,
            Intrinsic::MathSqrt => {
                let x = self.float_of(args[0])?;
                self.pure(Op::FSqrt, Ty::Float, &[x])
            }
            Intrinsic::MathAbs if args[0].actual.is_int() => {
                self.pure(Op::IAbs, Ty::Int, &[args[0].ir])
            }
            Intrinsic::MathAbs => self.pure(Op::FAbs, Ty::Float, &[args[0].ir]),
            Intrinsic::MathMin => self.extreme(&args, Op::IMin, Op::FMin)?,
            Intrinsic::MathMax => self.extreme(&args, Op::IMax, Op::FMax)?,
            _ => return Err(Abort::NativeCall),
        };
        let first = self.slot_of(a);
        self.place_results(first, &[result], wanted)
    }

    /// math.floor and math.ceil: an integer stays; a float becomes an integer if it fits, else stays
    /// a float (also infinities and NaN), under a guard that it does not fit.
    fn round(&mut self, arg: Operand, op: Op) -> Result<ValueId, Abort> {
        let Some(x) = arg.actual.as_float() else { return Ok(arg.ir) };
        let fits = float_to_int(if op == Op::FFloor { x.floor() } else { x.ceil() }).is_some();
        if !fits {
            self.guard_outside_integers(x, arg.ir);
            return Ok(self.pure(op, Ty::Float, &[arg.ir]));
        }
        let rounded = self.pure(op, Ty::Float, &[arg.ir]);
        Ok(self.typed_load(Op::FloatToInt, Ty::Int, &[rounded]))
    }

    /// math.min and math.max pick an argument, type and all. Of one type, that is an op; of mixed
    /// types, the comparisons are guarded and the pick is known.
    fn extreme(&mut self, args: &[Operand], int: Op, float: Op) -> Result<ValueId, Abort> {
        let tag = args[0].actual.tag();
        let mut best = args[0];
        if args.iter().any(|arg| arg.actual.tag() != tag) {
            for &arg in &args[1..] {
                let better = match int {
                    Op::IMin => self.less_than(arg, best)?,
                    _ => self.less_than(best, arg)?,
                };
                best = if better { arg } else { best };
            }
            return Ok(best.ir);
        }
        let (op, ty) = if tag == Tag::Int { (int, Ty::Int) } else { (float, Ty::Float) };
        for arg in &args[1..] {
            best.ir = self.pure(op, ty, &[best.ir, arg.ir]);
        }
        Ok(best.ir)
    }
}

fn is_number(operand: &Operand) -> bool {
    operand.actual.is_int() || operand.actual.is_float()
}
