//! Which registers matter before each instruction.
//!
//! In:  a verified prototype. Out: two register sets for each position:
//!
//! - [`Liveness::live_in`]: registers whose value *may* still be read: by an instruction of this
//!   function, or through an upvalue that may be open at this point, or by a `__close` metamethod.
//!   What is not in the set may hold anything without changing what the program does.
//! - [`Liveness::defined_in`]: registers that *were* assigned on every path from the function's entry,
//!   by this function's own instructions or its caller's arguments, and not clobbered since. Their
//!   values follow from the language and the bytecode alone, so two correct interpreters agree on them,
//!   dead or not. The other registers hold leftovers: of earlier calls, of a callee's frame, of an
//!   unknown number of results.
//!
//! Live: a backward may-analysis over [`effects`], united with a forward may-analysis of open upvalues
//! (opened by CLOSURE, TBC and TFORPREP, closed by CLOSE). Defined: a forward must-analysis.
//!
//! For `defined_in`, an interpreter must keep the internal slots of loops as PUC does: after FORPREP,
//! R[A+1] of an integer loop is the number of iterations left, and R[A], R[A+1], R[A+2] of a float loop
//! are floats; FORLOOP updates R[A] and the count; TFORLOOP copies R[A+4] to R[A+2].
//!
//! Limits: registers read only by the `debug` library are not live. Unreachable positions have empty
//! sets.

use super::effects::{Effects, RegisterSet, captured_registers, effects_of};
use super::opcode::{Instruction, Op, Pc};
use super::proto::Proto;

/// Register sets of one prototype. Costs 64 bytes an instruction; make it once and keep it.
#[derive(Clone, Debug)]
pub struct Liveness {
    live: Vec<RegisterSet>,
    defined: Vec<RegisterSet>,
}

impl Liveness {
    pub fn new(proto: &Proto) -> Liveness {
        Liveness::by_effects(proto, &effects_of(proto))
    }

    /// [`Liveness::new`] for who has the effects at hand.
    pub fn by_effects(proto: &Proto, effects: &[Effects]) -> Liveness {
        let sets = vec![RegisterSet::EMPTY; effects.len()];
        let mut liveness = Liveness { live: sets.clone(), defined: sets };
        // What happens to a register says nothing about others, so each word of the sets is analysed
        // by itself; few functions have registers in a second one.
        for word in 0..=usize::from(proto.max_stack_size) / 64 {
            let edges = edges(effects, word);
            let parameters = RegisterSet::range(0, usize::from(proto.num_params)).word(word);
            let defined = defined(effects.len(), &edges, parameters);
            let open = open_upvalues(proto, &edges, word);
            let live = live(effects, &edges, word);
            for (pc, defined) in defined.into_iter().enumerate() {
                if let Some(defined) = defined {
                    liveness.defined[pc].set_word(word, defined);
                    liveness.live[pc].set_word(word, live[pc] | open[pc]);
                }
            }
        }
        liveness
    }

    /// Registers whose value may still be read when the instruction at `pc` is about to run.
    #[inline]
    pub fn live_in(&self, pc: Pc) -> &RegisterSet {
        &self.live[pc.index()]
    }

    /// Registers that certainly hold a value of this activation when `pc` is about to run.
    #[inline]
    pub fn defined_in(&self, pc: Pc) -> &RegisterSet {
        &self.defined[pc.index()]
    }
}

/// An edge between instructions, and what happens on it to the registers of one word.
struct Edge {
    from: usize,
    to: usize,
    writes: u64,
    clobbers: u64,
}

/// All edges in the order of the code.
fn edges(effects: &[Effects], word: usize) -> Vec<Edge> {
    let mut edges = Vec::with_capacity(2 * effects.len());
    for (from, effects) in effects.iter().enumerate() {
        for edge in effects.edges() {
            edges.push(Edge {
                from,
                to: edge.target.index(),
                writes: edge.writes.word(word),
                clobbers: edge.clobbers.word(word),
            });
        }
    }
    edges
}

// Each analysis goes over the code in the direction of its flow, so what changes is seen in the same pass,
// but for what flows along an edge back: another pass is needed only if something new did.

/// Least fixed point of: live before = read here, or live after on some edge that does not write it.
fn live(effects: &[Effects], edges: &[Edge], word: usize) -> Vec<u64> {
    let mut live: Vec<u64> = effects.iter().map(|effects| effects.reads.word(word)).collect();
    let mut is_loop_head = vec![false; effects.len()];
    for edge in edges.iter().filter(|edge| edge.to <= edge.from) {
        is_loop_head[edge.to] = true;
    }
    let mut changed = true;
    while changed {
        changed = false;
        for edge in edges.iter().rev() {
            let merged = live[edge.from] | live[edge.to] & !edge.writes & !edge.clobbers;
            changed |= is_loop_head[edge.from] && merged != live[edge.from];
            live[edge.from] = merged;
        }
    }
    live
}

/// Least fixed point of: registers that an open upvalue or a pending `__close` may refer to.
fn open_upvalues(proto: &Proto, edges: &[Edge], word: usize) -> Vec<u64> {
    let mut open = vec![0; proto.code.len()];
    let opens = |i: &Instruction| matches!(i.op(), Op::Closure | Op::Tbc | Op::TForPrep);
    let mut changed = proto.code.iter().any(opens);
    while changed {
        changed = false;
        for edge in edges {
            let after = open_after(proto, edge.from, open[edge.from], word);
            let merged = open[edge.to] | after;
            changed |= edge.to <= edge.from && merged != open[edge.to];
            open[edge.to] = merged;
        }
    }
    open
}

fn open_after(proto: &Proto, pc: usize, before: u64, word: usize) -> u64 {
    let i = proto.code[pc];
    match i.op() {
        Op::Closure => before | captured_registers(proto, Pc(pc as u32)).word(word),
        Op::Tbc => before | RegisterSet::one(i.a()).word(word),
        Op::TForPrep => before | RegisterSet::one(i.a() + 3).word(word),
        Op::Close => before & !RegisterSet::range(i.a(), 256).word(word),
        _ => before,
    }
}

/// Greatest fixed point of: defined on every edge that leads here; `None` where no edge does.
fn defined(instructions: usize, edges: &[Edge], parameters: u64) -> Vec<Option<u64>> {
    let mut defined = vec![None; instructions];
    if let Some(entry) = defined.first_mut() {
        *entry = Some(parameters);
    }
    let mut changed = true;
    while changed {
        changed = false;
        for edge in edges {
            let Some(before) = defined[edge.from] else { continue };
            let after = before & !edge.clobbers | edge.writes;
            let target = &mut defined[edge.to];
            let merged = target.map_or(after, |old| old & after);
            changed |= edge.to <= edge.from && *target != Some(merged);
            *target = Some(merged);
        }
    }
    defined
}

#[cfg(test)]
mod tests {
    use super::super::listing::listing;
    use super::super::load::load;
    use super::*;

    fn main(source: &str) -> Proto {
        load(source.as_bytes(), b"=t", "t", 0).unwrap()
    }

    fn positions(proto: &Proto) -> impl Iterator<Item = Pc> + use<> {
        (0..proto.code.len() as u32).map(Pc)
    }

    /// Position of the n-th instruction (from 0) with this opcode.
    fn nth(proto: &Proto, op: Op, n: usize) -> Pc {
        let found = positions(proto).filter(|pc| proto.code[pc.index()].op() == op).nth(n);
        found.unwrap_or_else(|| panic!("no {op:?} number {n} in\n{}", listing(proto)))
    }

    fn set(registers: &[usize]) -> RegisterSet {
        registers.iter().copied().collect()
    }

    #[track_caller]
    fn check(proto: &Proto, pc: Pc, live: &[usize], defined: &[usize]) {
        let liveness = Liveness::new(proto);
        let text = listing(proto);
        assert_eq!(*liveness.live_in(pc), set(live), "live before {pc} in\n{text}");
        assert_eq!(*liveness.defined_in(pc), set(defined), "defined before {pc} in\n{text}");
    }

    #[test]
    fn straight_code() {
        // 0 a, 1 b; R2 is the argument's place of no one.
        let proto = main("local a, b = 1, 2; a = a + b; return a");
        check(&proto, nth(&proto, Op::Add, 0), &[0, 1], &[0, 1]);
        check(&proto, nth(&proto, Op::Return, 0), &[0], &[0, 1]);
        check(&proto, Pc(0), &[], &[]);
    }

    #[test]
    fn arithmetic_writes_only_on_its_own_edge() {
        let proto = main("local a, b = 1, 2; local c = a + b; return c");
        check(&proto, nth(&proto, Op::MmBin, 0), &[0, 1], &[0, 1]);
        check(&proto, nth(&proto, Op::Return, 0), &[2], &[0, 1, 2]);
    }

    #[test]
    fn calls_clobber_what_is_above_their_results() {
        let proto = main("local f, x = f, 1; local y = f(x, 2, 3); return y");
        let call = nth(&proto, Op::Call, 0);
        check(&proto, call, &[2, 3, 4, 5], &[0, 1, 2, 3, 4, 5]);
        check(&proto, call.next(), &[2], &[0, 1, 2]);
    }

    #[test]
    fn open_results_are_read_but_not_defined() {
        let proto = main("local f = f; return 1, f(f())");
        let inner = nth(&proto, Op::Call, 0);
        let outer = nth(&proto, Op::Call, 1);
        assert_eq!(outer, inner.next());
        check(&proto, inner, &[1, 2, 3], &[0, 1, 2, 3]);
        let top = usize::from(proto.max_stack_size);
        check(&proto, outer, &(2..top).chain([1]).collect::<Vec<_>>(), &[0, 1, 2]);
        check(&proto, outer.next(), &(1..top).collect::<Vec<_>>(), &[0, 1]);
    }

    #[test]
    fn integer_loops_define_their_slots_inside() {
        let proto = main("local s = 0; for i = 1, 10 do s = s + i end; return s");
        let body = nth(&proto, Op::Add, 0);
        check(&proto, body, &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4]);
        check(&proto, nth(&proto, Op::ForLoop, 0), &[0, 1, 2, 3], &[0, 1, 2, 3, 4]);
        // The body may have been skipped, then R4 is whatever it was.
        check(&proto, nth(&proto, Op::Return, 0), &[0], &[0]);
    }

    #[test]
    fn generic_loops_keep_their_closing_slot() {
        let proto = main("local t = 1; for k, v in t do t = k end");
        let call = nth(&proto, Op::TForCall, 0);
        check(&proto, call, &[1, 2, 3, 4], &[0, 1, 2, 3, 4]);
        check(&proto, call.next(), &[1, 2, 4, 5], &[0, 1, 2, 3, 4, 5, 6]);
        let close = nth(&proto, Op::Close, 0);
        check(&proto, close, &[4], &[0, 1, 2, 3, 4]);
        check(&proto, close.next(), &[], &[0, 1, 2, 3, 4]);
    }

    #[test]
    fn closing_a_variable_leaves_nothing_above_it() {
        let proto = main("local a = 1; do local b, c <close> = a; local d = 1 end; return a");
        let close = nth(&proto, Op::Close, 0);
        check(&proto, nth(&proto, Op::LoadI, 1), &[0, 2], &[0, 1, 2]);
        // The method may have yielded, and CLOSE begin again.
        check(&proto, close, &[0, 2], &[0, 1, 2]);
        check(&proto, close.next(), &[0], &[0, 1, 2]);
        // Closing upvalues calls nothing.
        let proto = main("local a; do local b, c = a; a = function() return b end end");
        let close = nth(&proto, Op::Close, 0);
        check(&proto, close, &[1], &[0, 1, 2, 3]);
        check(&proto, close.next(), &[], &[0, 1, 2, 3]);
    }

    #[test]
    fn captured_registers_live_until_closed() {
        let source = "local f; do local x = 1; f = function() return x end; f() end; f()";
        let proto = main(source);
        let closure = nth(&proto, Op::Closure, 0);
        check(&proto, closure, &[1], &[0, 1]);
        check(&proto, nth(&proto, Op::Close, 0), &[0, 1], &[0, 1]);
        check(&proto, nth(&proto, Op::Call, 1), &[1], &[0, 1]);
    }

    #[test]
    fn a_function_that_captures_itself_reads_nothing_before() {
        let proto = main("local function f() return f end return f");
        check(&proto, nth(&proto, Op::Closure, 0), &[], &[]);
        check(&proto, nth(&proto, Op::Return, 0), &[0], &[0]);
    }

    #[test]
    fn to_be_closed_variables_stay_live() {
        let proto = main("local a = 1; local c <close> = nil; a = 2; return a");
        let last = nth(&proto, Op::Return, 0);
        check(&proto, last, &[0, 1], &[0, 1]);
    }

    #[test]
    fn branches_meet() {
        let proto = main("local a, b = 1; if a then local c = 2; b = c end; return b");
        check(&proto, nth(&proto, Op::Test, 0), &[0, 1], &[0, 1]);
        check(&proto, nth(&proto, Op::Return, 0), &[1], &[0, 1]);
    }

    #[test]
    fn testset_writes_when_it_jumps() {
        let proto = main("local a, b = 1, 2; local c = a or b; return c");
        let test = nth(&proto, Op::TestSet, 0);
        check(&proto, test, &[0, 1], &[0, 1]);
        check(&proto, test.next(), &[2], &[0, 1, 2]);
        check(&proto, nth(&proto, Op::Return, 0), &[2], &[0, 1, 2]);
    }

    #[test]
    fn concat_spoils_its_operands() {
        let proto = main("local a, b = 1, 2; local c = a .. b; return c");
        let concat = nth(&proto, Op::Concat, 0);
        check(&proto, concat, &[2, 3], &[0, 1, 2, 3]);
        check(&proto, concat.next(), &[2], &[0, 1, 2]);
    }

    #[test]
    fn parameters_are_defined_at_entry() {
        let proto = main("return function(a, b) return b end, function(a, ...) return ... end");
        check(&proto.protos[0], Pc(0), &[1], &[0, 1]);
        check(&proto.protos[1], Pc(0), &[0], &[0]);
        check(&proto.protos[1], Pc(1), &[], &[0]);
    }

    #[test]
    fn unreachable_code_has_empty_sets() {
        let proto = main("local a = 1; do return a end; return a");
        let unreachable = nth(&proto, Op::Return, 1);
        check(&proto, unreachable, &[], &[]);
    }

    #[test]
    fn sets_list_their_members() {
        let set = RegisterSet::range(60, 70).without(RegisterSet::one(64));
        assert_eq!(set.iter().collect::<Vec<_>>(), [60, 61, 62, 63, 65, 66, 67, 68, 69]);
        assert_eq!((set.len(), set.contains(64), set.contains(255)), (9, false, false));
        assert_eq!(RegisterSet::range(0, 300), RegisterSet::ALL);
    }
}
