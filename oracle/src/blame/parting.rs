//! Where the interpreter goes another way than the recorded iteration did, and what should have noticed.
//!
//! In:  the recorded iteration and another one, by clock.
//! Out: the clock of the instruction at which they part; what its guard should have compared, and how
//!      the operands stand to each other. A library function that was recorded by what it chose, as
//!      `math.max` is, parts nowhere; [`wrong_choice`] looks at its arguments, and at its result's type.

use super::moments::{Moment, Plain};
use super::recording::{Iteration, Wrong};
use plumb_jit::bytecode::{Instruction, Op as Opcode};
use plumb_jit::ir::op::Op;

/// The clock of the instruction after which two iterations stand at different places.
pub fn clock(recorded: &[Moment], now: &[Moment]) -> Option<usize> {
    if recorded.is_empty() {
        return None;
    }
    // Depths count from the loop's frame.
    let start = |moments: &[Moment]| moments.first().map_or(0, |moment| moment.depth);
    let (then, later) = (start(recorded), start(now));
    let same = |(a, b): (&Moment, &Moment)| {
        a.depth + later == b.depth + then && a.positions().eq(b.positions())
    };
    let parts = recorded.iter().zip(now).position(|pair| !same(pair));
    let ends = (now.len() < recorded.len()).then_some(now.len());
    parts.or(ends)?.checked_sub(1)
}

/// What the guard of the instruction at `clock` let pass.
pub fn wrong_guard(at: &Iteration, clock: usize) -> Wrong {
    let frame = &at.now[clock].frames[0];
    let Some(i) = at.code.at(frame) else { return ("guard".into(), None) };
    let called = at.now.get(clock + 1).is_some_and(|next| next.depth > at.now[clock].depth);
    use Opcode::*;
    match i.op() {
        Lt | Le | LtI | LeI | GtI | GeI | Eq | EqI | EqK => {
            compared(at, clock, i).unwrap_or_else(|| ("guard".into(), Some(i.op().name().into())))
        }
        Test | TestSet => tested(at, clock, i),
        Call | TailCall => ("guard of the callee".into(), None),
        ForLoop => {
            let guard = at.guards_at(clock).last();
            ("guard of the loop's end".into(), guard.map(|op| op.text().into()))
        }
        _ if called => ("not tested".into(), Some(Op::TableMeta.text().into())),
        op => ("guard".into(), Some(op.name().into())),
    }
}

/// How two operands of a comparison stand to each other.
fn relation(a: Plain, b: Plain) -> Option<(&'static str, &'static str)> {
    let of_floats = |a: f64, b: f64| match a.partial_cmp(&b) {
        None => "unordered",
        Some(std::cmp::Ordering::Equal) => "equal",
        Some(_) => "unequal",
    };
    let is_wide = |int: i64| int.unsigned_abs() > 1 << 53;
    Some(match (a, b) {
        (Plain::Int(a), Plain::Int(b)) => ("integers", if a == b { "equal" } else { "unequal" }),
        (Plain::Float(a), Plain::Float(b)) => ("numbers", of_floats(a, b)),
        (Plain::Int(int), Plain::Float(_)) | (Plain::Float(_), Plain::Int(int)) if is_wide(int) => {
            ("numbers", "wide")
        }
        (Plain::Int(a), Plain::Float(b)) => ("numbers", of_floats(a as f64, b)),
        (Plain::Float(a), Plain::Int(b)) => ("numbers", of_floats(a, b as f64)),
        _ => return None,
    })
}

fn compared(at: &Iteration, clock: usize, i: Instruction) -> Option<Wrong> {
    let frame = at.now[clock].frames.first()?;
    let a = *frame.registers.get(i.a())?;
    use Opcode::*;
    let b = match i.op() {
        Lt | Le | Eq => *frame.registers.get(i.b())?,
        EqK => at.code.constant(frame, i.b())?,
        _ => Plain::Int(i64::from(i.sb())),
    };
    let what = if matches!(i.op(), Eq | EqI | EqK) { "equality" } else { "order" };
    Some(named(at, clock, what, a, b))
}

/// The rule for two operands that a guard should have compared.
fn named(at: &Iteration, clock: usize, what: &str, a: Plain, b: Plain) -> Wrong {
    let Some((kind, relation)) = relation(a, b) else {
        return (format!("guard of {what} of objects"), None);
    };
    if relation == "wide" {
        return ("guard of a wide integer".into(), None);
    }
    let others = [Op::GuardFits53, Op::GuardPEq];
    let guard = at.guards_at(clock).filter(|op| !others.contains(op)).last();
    match guard {
        None => (format!("guard of {what} of {kind}"), Some("missing".into())),
        Some(guard) => (format!("{} of {relation} {kind}", guard.text()), None),
    }
}

/// What a call of a library function let pass: that it is another function, or that its first two
/// arguments have another order.
pub fn wrong_choice(at: &Iteration, clock: usize) -> Option<Wrong> {
    let call = |moments: &[Moment]| {
        let moment = moments.get(clock)?;
        let frame = moment.frames.first()?;
        let i = at.code.at(frame).filter(|i| i.op() == Opcode::Call)?;
        let enters = moments.get(clock + 1).is_some_and(|next| next.depth > moment.depth);
        let argument = |n: usize| frame.registers.get(i.a() + n).copied();
        (!enters).then(|| (i.b(), argument(1), argument(2)))
    };
    let ((_, x, y), (count, a, b)) = (call(&at.recorded)?, call(&at.now)?);
    if !at.guards_at(clock).any(|op| op == Op::GuardPEq) {
        return Some(("guard of equality of objects".into(), None));
    }
    if let Some(wrong) = wrong_result(at, clock) {
        return Some(wrong);
    }
    // Operand B is the number of arguments and one.
    let ((x, y), (a, b)) = (x.zip(y)?, a.zip(b)?);
    let orders = |a, b| (less(a, b), less(b, a));
    let other = count == 3 && orders(x, y) != orders(a, b);
    other.then(|| named(at, clock, "order", a, b))
}

/// `math.floor` and `math.ceil` return a float where no integer fits, which is a guard of what the recorded
/// argument was: NaN, or beyond all integers.
fn wrong_result(at: &Iteration, clock: usize) -> Option<Wrong> {
    let register = |moments: &[Moment], clock: usize, index: usize| {
        moments.get(clock)?.frames.first()?.registers.get(index).copied()
    };
    let called = at.code.at(at.recorded.get(clock)?.frames.first()?)?.a();
    let (then, now) = (&at.recorded, &at.now);
    let Plain::Float(argument) = register(then, clock, called + 1)? else { return None };
    let result = |moments: &[Moment]| register(moments, clock + 1, called);
    let was_float = matches!(result(then)?, Plain::Float(_));
    if !was_float || !matches!(result(now)?, Plain::Int(_)) {
        return None;
    }
    let what = if argument.is_nan() { "equality" } else { "order" };
    let (a, b) = (Plain::Float(argument), Plain::Float(argument));
    Some(named(at, clock, what, a, b))
}

fn less(a: Plain, b: Plain) -> Option<bool> {
    let float = |value| match value {
        Plain::Int(int) => Some(int as f64),
        Plain::Float(float) => Some(float),
        _ => None,
    };
    match (a, b) {
        (Plain::Int(a), Plain::Int(b)) => Some(a < b),
        _ => Some(float(a)? < float(b)?),
    }
}

/// A test has no guard of its own: its operand has another truth than it had, and nobody noticed.
fn tested(at: &Iteration, clock: usize, i: Instruction) -> Wrong {
    let register = if i.op() == Opcode::Test { i.a() } else { i.b() };
    let held = |moments: &[Moment]| {
        let frame = moments.get(clock)?.frames.first()?;
        frame.registers.get(register).copied()
    };
    match (held(&at.recorded), held(&at.now)) {
        (Some(Plain::Bool(_)), Some(Plain::Bool(_))) => ("truth of a boolean".into(), None),
        (Some(then), Some(now)) if then.kind() != now.kind() => {
            ("truth of another type".into(), None)
        }
        _ => ("guard".into(), Some(i.op().name().into())),
    }
}
