//! Branches, counting, forcing, linking.

use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};

use super::support::{Assembler, Bench, asm, blob, words};
use crate::exec::{Category, CodeBlob, Executor, ForcedExit, GuardBranch, InstalledCode};

type Emit = fn(&mut Assembler);

/// Counts x2 down from 10; leaves through the guard at word 2 when x2 is 4, else at 0.
fn countdown(bench: &mut Bench) -> InstalledCode {
    let words = words(asm!(
        mov x2, 10;
        head: ; cmp x2, 4; b.eq >exit; subs x2, x2, 1; b.ne <head;
        mov x3, 1; b >end; exit: ; mov x3, 2; end: ; stp x2, x3, [x0]; ret
    ));
    let mut categories = vec![Category::GuardsAndBranches; words.len()];
    categories[3] = Category::IntegerArithmetic;
    let guards = vec![GuardBranch { word: 2, exit: 0 }];
    let blob = CodeBlob { words, loop_head: Some(1), categories, guards, ..CodeBlob::default() };
    bench.simulator.install(blob).unwrap()
}

#[test]
fn arrivals_instructions_and_word_counts() {
    let mut bench = Bench::new();
    let code = countdown(&mut bench);
    let stats = bench.go(&code, 0).unwrap();
    assert_eq!(bench.context.gpr[..2], [4, 2]);
    assert_eq!(stats.loop_arrivals, 7);
    assert_eq!(stats.instructions, 1 + 6 * 4 + 2 + 3);
    bench.go(&code, 0).unwrap();
    assert_eq!(bench.simulator.word_counts(&code), [2, 14, 14, 12, 12, 0, 0, 2, 2, 2]);
    let counts = bench.simulator.category_counts(&code);
    assert_eq!(counts[Category::IntegerArithmetic as usize], 12);
    assert_eq!(counts.iter().sum::<u64>(), 2 * stats.instructions);
    bench.simulator.clear_counts();
    assert_eq!(bench.simulator.word_counts(&code), [0; 10]);
}

#[test]
fn a_guard_is_forced_at_its_nth_execution() {
    let mut bench = Bench::new();
    let code = countdown(&mut bench);
    for (nth, x2) in [(1, 10), (3, 8), (7, 4)] {
        let request = ForcedExit { code: code.clone(), word: 2, nth };
        assert!(bench.simulator.force_exit(Some(request)));
        bench.go(&code, 0).unwrap();
        assert_eq!(bench.context.gpr[..2], [x2, 2], "forced at {nth}");
    }
    // The count goes on over runs: 7 executions each.
    let request = ForcedExit { code: code.clone(), word: 2, nth: 9 };
    assert!(bench.simulator.force_exit(Some(request)));
    bench.go(&code, 0).unwrap();
    assert_eq!(bench.context.gpr[0], 4);
    bench.go(&code, 0).unwrap();
    assert_eq!(bench.context.gpr[0], 9);
    bench.go(&code, 0).unwrap();
    assert_eq!(bench.context.gpr[0], 4, "once only");
    assert!(bench.simulator.force_exit(None));
    bench.go(&code, 0).unwrap();
    assert_eq!(bench.context.gpr[0], 4);
    // Only conditional branches can be forced.
    assert!(!bench.simulator.force_exit(Some(ForcedExit { code, word: 0, nth: 1 })));
}

/// A loop head that is itself the forced guard keeps counting arrivals.
#[test]
fn a_loop_head_can_be_forced() {
    let mut bench = Bench::new();
    let words = words(asm!(
        mov x2, 5; head: ; cbz x2, >exit; sub x2, x2, 1; b <head; exit: ; str x2, [x0]; ret
    ));
    let blob = CodeBlob { words, loop_head: Some(1), ..CodeBlob::default() };
    let code = bench.simulator.install(blob).unwrap();
    let request = ForcedExit { code: code.clone(), word: 1, nth: 2 };
    assert!(bench.simulator.force_exit(Some(request)));
    assert_eq!(bench.go(&code, 0).unwrap().loop_arrivals, 2);
    assert_eq!(bench.context.gpr[0], 4);
    bench.simulator.force_exit(None);
    assert_eq!(bench.go(&code, 0).unwrap().loop_arrivals, 6);
}

#[test]
fn conditions_follow_the_flags() {
    type Holds = fn(bool, bool, bool, bool) -> bool;
    let conditions: [(Emit, Holds); 15] = [
        (asm!(cset x0, eq), |_, z, _, _| z),
        (asm!(cset x0, ne), |_, z, _, _| !z),
        (asm!(cset x0, cs), |_, _, c, _| c),
        (asm!(cset x0, cc), |_, _, c, _| !c),
        (asm!(cset x0, mi), |n, _, _, _| n),
        (asm!(cset x0, pl), |n, _, _, _| !n),
        (asm!(cset x0, vs), |_, _, _, v| v),
        (asm!(cset x0, vc), |_, _, _, v| !v),
        (asm!(cset x0, hi), |_, z, c, _| c && !z),
        (asm!(cset x0, ls), |_, z, c, _| !c || z),
        (asm!(cset x0, ge), |n, _, _, v| n == v),
        (asm!(cset x0, lt), |n, _, _, v| n != v),
        (asm!(cset x0, gt), |n, z, _, v| !z && n == v),
        (asm!(cset x0, le), |n, z, _, v| z || n != v),
        (asm!(csinc x0, xzr, xzr, al), |_, _, _, _| false),
    ];
    for (emit, holds) in conditions {
        for nzcv in 0..16u8 {
            let expected = holds(nzcv & 8 != 0, nzcv & 4 != 0, nzcv & 2 != 0, nzcv & 1 != 0);
            let outcome = super::support::Probe::with_flags(nzcv, emit).run([0; 3]);
            assert_eq!(outcome.x0, expected as u64, "nzcv {nzcv:04b}");
            assert_eq!(outcome.nzcv, nzcv);
        }
    }
}

#[test]
fn compare_and_branch_and_test_bit() {
    let cases: [(Emit, fn(u64) -> bool); 8] = [
        (asm!(cbz x2, >t; b >f; t: ; mov x0, 1; f:), |v| v == 0),
        (asm!(cbnz x2, >t; b >f; t: ; mov x0, 1; f:), |v| v != 0),
        (asm!(cbz w2, >t; b >f; t: ; mov x0, 1; f:), |v| v as u32 == 0),
        (asm!(cbnz w2, >t; b >f; t: ; mov x0, 1; f:), |v| v as u32 != 0),
        (asm!(tbz x2, 0, >t; b >f; t: ; mov x0, 1; f:), |v| v & 1 == 0),
        (asm!(tbnz x2, 63, >t; b >f; t: ; mov x0, 1; f:), |v| v >> 63 == 1),
        (asm!(tbnz x2, 31, >t; b >f; t: ; mov x0, 1; f:), |v| v >> 31 & 1 == 1),
        (asm!(tbz x2, 32, >t; b >f; t: ; mov x0, 1; f:), |v| v >> 32 & 1 == 0),
    ];
    for (number, (emit, taken)) in cases.into_iter().enumerate() {
        let mut probe = super::support::Probe::new(emit);
        for value in super::support::INTEGERS {
            assert_eq!(
                probe.run([value, 0, 0]).x0,
                taken(value) as u64,
                "case {number}, {value:#x}"
            );
        }
    }
}

#[test]
fn calls_inside_the_code_and_computed_branches() {
    let mut bench = Bench::new();
    let call = asm!(
        mov x9, x30; mov x2, 1; bl >double; bl >double; adr x3, >end; br x3;
        double: ; add x2, x2, x2; ret;
        end: ; str x2, [x0]; ret x9
    );
    bench.run(call, 0).unwrap();
    assert_eq!(bench.context.gpr[0], 4);
}

/// An exit can be linked to another trace by patching its branch.
#[test]
fn a_branch_patched_to_other_code() {
    let mut bench = Bench::new();
    let first = bench.install(asm!(mov x2, 1; nop; str x2, [x0]; ret));
    let second = bench.install(asm!(mov x2, 2; str x2, [x0]; ret));
    bench.go(&first, 0).unwrap();
    assert_eq!(bench.context.gpr[0], 1);
    let distance = (second.address - first.word_address(1)) as i32;
    let branch = words(|a| dynasm!(a ; .arch aarch64 ; b distance))[0];
    bench.simulator.patch(&first, &[(1, branch)]).unwrap();
    bench.go(&first, 0).unwrap();
    assert_eq!(bench.context.gpr[0], 2);
}

#[test]
fn after_a_reset_code_memory_is_reused() {
    let mut bench = Bench::new();
    let first = bench.install(asm!(mov x2, 1; ret));
    bench.simulator.reset();
    let second = bench.install(asm!(mov x2, 2; str x2, [x0]; ret));
    assert_eq!(first.address, second.address);
    bench.go(&second, 0).unwrap();
    assert_eq!(bench.context.gpr[0], 2);
    assert_eq!(bench.simulator.word_counts(&second), [1, 1, 1]);
}

#[test]
fn code_memory_is_bounded() {
    let mut bench = Bench::new();
    let large = CodeBlob { words: vec![0; (64 << 20) / 4], ..CodeBlob::default() };
    assert!(bench.simulator.install(large).is_err());
    bench.simulator.install(blob(asm!(ret))).unwrap();
}
