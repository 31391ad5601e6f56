//! Each rule, broken once: a checker that cannot fail proves nothing.

use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};

use super::support::{Bench, asm, place};
use crate::exec::code::Annotation;
use crate::exec::{CodeBlob, Executor, HostFn, TraceContext, TrapKind, first_epoch};

fn assert_trap(
    emit: impl FnOnce(&mut super::support::Assembler),
    expected: (TrapKind, Option<usize>),
) -> String {
    let trap = Bench::new().trap(emit, 0);
    assert_eq!(place(&trap), expected, "{trap}");
    trap.to_string()
}

#[test]
fn read_of_a_register_that_was_never_written() {
    let text =
        assert_trap(asm!(mov x2, 1; add x3, x2, x5; ret), (TrapKind::UndefinedRead, Some(1)));
    assert!(text.contains("x5 was never written"), "{text}");
    assert_trap(asm!(fadd d0, d1, d2; ret), (TrapKind::UndefinedRead, Some(0)));
    assert_trap(asm!(cset x2, eq; ret), (TrapKind::UndefinedRead, Some(0)));
    assert_trap(asm!(ldr x2, [x21]; ret), (TrapKind::UndefinedRead, Some(0)));
    assert_trap(asm!(movk x2, 1; ret), (TrapKind::UndefinedRead, Some(0)));
    assert_trap(asm!(fcmp d9, 0.0; ret), (TrapKind::UndefinedRead, Some(0)));
}

#[test]
fn a_callee_saved_register_may_be_saved_but_not_used() {
    let mut bench = Bench::new();
    let save = asm!(stp x19, x20, [sp, -16]!; ldp x19, x20, [sp], 16; ret);
    bench.run(save, 0).unwrap();
    let heap = bench.env.arena.allocate(&[0]);
    let trap = bench.trap(asm!(str x19, [x1]; ret), heap);
    assert_eq!(place(&trap), (TrapKind::UndefinedRead, Some(0)));
    let spill = TraceContext::spill_offset(3) as u32;
    let trap = bench.trap(asm!(str x19, [x0, spill]; ret), heap);
    assert_eq!(place(&trap), (TrapKind::UndefinedRead, Some(0)));
}

#[test]
fn wild_accesses() {
    let mut bench = Bench::new();
    let block = bench.env.arena.allocate(&[1, 2]);
    bench.run(asm!(ldr x2, [x1, 8]; str x2, [x1]; ret), block).unwrap();
    for trap in [
        bench.trap(asm!(ldr x2, [x1, 16]; ret), block),
        bench.trap(asm!(ldur x2, [x1, 9]; ret), block),
        bench.trap(asm!(ldur x2, [x1, -1]; ret), block),
        bench.trap(asm!(str x1, [x1, 16]; ret), block),
        bench.trap(asm!(ldp x2, x3, [x1, 8]; ret), block),
        bench.trap(asm!(ldr x2, [x1]; ret), 0),
        bench.trap(asm!(ldr x2, [x1]; ret), u64::MAX),
        bench.trap(asm!(ldr x2, [x0, 8 * 4095]; ret), block),
    ] {
        assert_eq!(place(&trap), (TrapKind::WildAccess, Some(0)), "{trap}");
    }
    assert_eq!(bench.env.arena.cells(block), [2, 2]);
}

/// The remembered region of an instruction is asked for again after memory was freed.
#[test]
fn access_to_freed_memory() {
    let mut bench = Bench::new();
    let block = bench.env.arena.allocate(&[7]);
    let code = bench.install(asm!(ldr x2, [x1]; str x2, [x0]; ret));
    bench.go(&code, block).unwrap();
    bench.go(&code, block).unwrap();
    bench.env.arena.free(block);
    let trap = bench.go(&code, block).unwrap_err();
    assert_eq!(place(&trap), (TrapKind::WildAccess, Some(0)));
}

#[test]
fn epochs_are_never_reused() {
    assert!(first_epoch().abs_diff(first_epoch()) >= 1 << 40);
}

/// A patched load must not inherit what the smaller access had found to be in bounds.
#[test]
fn a_patch_forgets_the_remembered_region() {
    let mut bench = Bench::new();
    let block = bench.env.arena.allocate(&[7]);
    let code = bench.install(asm!(ldrb w2, [x1, 7]; ret));
    bench.go(&code, block).unwrap();
    let wide = super::support::words(asm!(ldur x2, [x1, 7]));
    bench.simulator.patch(&code, &[(0, wide[0])]).unwrap();
    let trap = bench.go(&code, block).unwrap_err();
    assert_eq!(place(&trap), (TrapKind::WildAccess, Some(0)));
}

#[test]
fn stack_below_sp_and_above_the_frame() {
    assert_trap(asm!(str x1, [sp, -16]!; ldur x2, [sp, -8]; ret), (TrapKind::StackAccess, Some(1)));
    assert_trap(asm!(stur x1, [sp, -8]; ret), (TrapKind::StackAccess, Some(0)));
    assert_trap(asm!(ldr x2, [sp]; ret), (TrapKind::StackAccess, Some(0)));
    assert_trap(asm!(str x1, [sp, -16]!; str x1, [sp, 16]; ret), (TrapKind::StackAccess, Some(1)));
    // What was popped is below SP again.
    assert_trap(
        asm!(mov x2, sp; str x1, [sp, -16]!; add sp, sp, 16; ldur x3, [x2, -16]; ret),
        (TrapKind::StackAccess, Some(3)),
    );
}

#[test]
fn misaligned_sp() {
    assert_trap(asm!(sub sp, sp, 8; str x1, [sp]; ret), (TrapKind::MisalignedStack, Some(1)));
}

#[test]
fn callee_saved_registers_are_compared_at_the_return() {
    for (emit, name) in [
        (asm!(mov x19, 1; ret) as fn(&mut super::support::Assembler), "x19"),
        (asm!(mov x28, 1; ret), "x28"),
        (asm!(mov x29, 1; ret), "x29"),
        (asm!(fmov d8, 1.0; ret), "d8"),
        (asm!(fmov d15, 1.0; ret), "d15"),
        (asm!(sub sp, sp, 16; ret), "sp"),
    ] {
        let trap = Bench::new().trap(emit, 0);
        assert_eq!(trap.kind, TrapKind::CalleeSaved);
        assert!(trap.message.starts_with(name), "{trap}");
    }
    Bench::new().run(asm!(mov x17, 1; fmov d7, 1.0; fmov d16, 1.0; ret), 0).unwrap();
}

#[test]
fn falling_off_the_end() {
    assert_trap(asm!(mov x2, 1), (TrapKind::OutsideCode, None));
}

#[test]
fn branches_to_nowhere() {
    assert_trap(asm!(b 4096), (TrapKind::OutsideCode, None));
    assert_trap(asm!(b - 8), (TrapKind::OutsideCode, None));
    assert_trap(asm!(br x1), (TrapKind::OutsideCode, Some(0)));
    assert_trap(asm!(adr x2, 2; br x2), (TrapKind::OutsideCode, Some(1)));
    assert_trap(asm!(blr x1), (TrapKind::UnknownHelper, Some(0)));
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let mut bench = Bench::new();
    bench.env.fuel = 1000;
    let trap = bench.trap(asm!(head: ; nop ; b <head), 0);
    assert_eq!(trap.kind, TrapKind::OutOfFuel);
    assert!(trap.registers.instructions < 1100, "{trap}");
}

#[test]
fn the_platform_register() {
    for emit in [
        asm!(mov x18, 1; ret) as fn(&mut super::support::Assembler),
        asm!(add x2, x1, x18; ret),
        asm!(str x18, [x0]; ret),
        asm!(ldr x2, [x1, x18]; ret),
    ] {
        assert_trap(emit, (TrapKind::PlatformRegister, Some(0)));
    }
    // d18 is another register.
    Bench::new().run(asm!(fmov d18, 1.0; ret), 0).unwrap();
}

#[test]
fn unknown_words() {
    for word in [0, 0x0000_dead, 0x4e20_1c00, 0xd53b_d040] {
        let text = assert_trap(
            move |a| dynasm!(a ; .arch aarch64 ; .u32 word; ret),
            (TrapKind::UnknownInstruction, Some(0)),
        );
        assert!(text.contains(&format!("{word:08x}")), "{text}");
    }
}

#[test]
fn a_change_without_a_flush() {
    let mut bench = Bench::new();
    let code = bench.install(asm!(mov x2, 1; str x2, [x0]; ret));
    let two = super::support::words(asm!(mov x2, 2))[0];
    bench.simulator.write_unflushed(&code, 0, code.blob.words[0]);
    bench.go(&code, 0).expect("writing what is there already changes nothing");
    bench.simulator.write_unflushed(&code, 0, two);
    let trap = bench.go(&code, 0).unwrap_err();
    assert_eq!(place(&trap), (TrapKind::StaleInstruction, Some(0)));
    bench.simulator.patch(&code, &[(0, two)]).unwrap();
    bench.go(&code, 0).unwrap();
    assert_eq!(bench.context.gpr[0], 2);
}

/// Neighbouring saves are executed as one; what changed in their middle must show all the same.
#[test]
fn changes_in_the_middle_of_saved_registers() {
    let save = asm!(
        stp x0, x1, [x0]; stp x2, x3, [x0, 16]; stp x4, x5, [x0, 32]; stp x6, x7, [x0, 48]; ret
    );
    let mut bench = Bench::new();
    let code = bench.install(save);
    bench.go(&code, 7).unwrap();
    assert_eq!((bench.context.gpr[1], bench.context.gpr[7] as u8), (7, 7));
    assert_eq!(bench.simulator.word_counts(&code), [1; 5]);
    let nop = super::support::words(asm!(nop))[0];
    bench.simulator.write_unflushed(&code, 2, nop);
    let trap = bench.go(&code, 7).unwrap_err();
    assert_eq!(place(&trap), (TrapKind::StaleInstruction, Some(2)));
    bench.simulator.patch(&code, &[(2, nop)]).unwrap();
    bench.context.gpr = [0; 31];
    bench.go(&code, 7).unwrap();
    let saved = |i: usize| bench.context.gpr[i] != 0;
    assert!(saved(2) && !saved(4) && !saved(5) && saved(6));
    let words = super::support::words(save);
    bench.simulator.patch(&code, &[(2, words[2])]).unwrap();
    bench.go(&code, 7).unwrap();
    assert!(bench.context.gpr[4] != 0);
}

#[test]
fn saved_registers_go_where_they_may() {
    let pairs = asm!(stp x2, x3, [x1]; stp x4, x5, [x1, 16]; ret);
    let mut bench = Bench::new();
    let block = bench.env.arena.allocate(&[0; 4]);
    assert_eq!(place(&bench.trap(pairs, block)), (TrapKind::UndefinedRead, Some(0)));
    let defined = asm!(
        mov x2, 1; mov x3, 2; mov x4, 3; mov x5, 4; stp x2, x3, [x1]; stp x4, x5, [x1, 16]; ret
    );
    bench.run(defined, block).unwrap();
    assert_eq!(bench.env.arena.cells(block), [1, 2, 3, 4]);
    let short = bench.env.arena.allocate(&[0; 3]);
    assert_eq!(place(&bench.trap(defined, short)), (TrapKind::WildAccess, Some(5)));
    let below = asm!(stp x2, x3, [sp, -32]; stp x4, x5, [sp, -16]; ret);
    assert_eq!(place(&bench.trap(below, 0)).1, Some(0));
    let popped = asm!(sub sp, sp, 16; ldp x4, x5, [sp]; ldp x6, x7, [sp, 16]; ret);
    assert_eq!(place(&bench.trap(popped, 0)), (TrapKind::StackAccess, Some(2)));
}

#[test]
fn a_loop_head_among_saved_registers_is_counted() {
    let mut bench = Bench::new();
    let words = super::support::words(asm!(
        stp x0, x1, [x0]; stp x2, x3, [x0, 16]; stp x4, x5, [x0, 32]; ret
    ));
    let blob = CodeBlob { words, loop_head: Some(1), ..CodeBlob::default() };
    let code = bench.simulator.install(blob).unwrap();
    assert_eq!(bench.go(&code, 0).unwrap().loop_arrivals, 1);
}

#[test]
fn misaligned_sp_at_a_call() {
    let mut bench = bench_with_helpers();
    let call = asm!(sub sp, sp, 8; fmov d0, 1.0; ldr x16, [x0, HALF]; blr x16; ret);
    assert_eq!(place(&bench.trap(call, 0)), (TrapKind::MisalignedStack, Some(3)));
}

unsafe extern "C" fn add_three(a: u64, b: u64, c: u64) -> u64 {
    a + 10 * b + 100 * c
}

unsafe extern "C" fn half(x: f64) -> f64 {
    x / 2.0
}

fn bench_with_helpers() -> Bench {
    let mut bench = Bench::new();
    for (slot, (name, function)) in
        [("add3", HostFn::Int3(add_three)), ("half", HostFn::Float1(half))].into_iter().enumerate()
    {
        // SAFETY: both take any values.
        bench.context.helpers[slot] = unsafe { bench.env.helpers.add(name, function, &[]) };
    }
    bench
}

const ADD_THREE: u32 = TraceContext::helper_offset(0) as u32;
const HALF: u32 = TraceContext::helper_offset(1) as u32;

#[test]
fn helpers_take_arguments_and_return() {
    let mut bench = bench_with_helpers();
    let call = asm!(
        stp x20, x30, [sp, -16]!; mov x20, x0;
        ldr x16, [x20, ADD_THREE]; mov x0, 1; mov x1, 2; mov x2, 3; blr x16; str x0, [x20];
        ldr x16, [x20, HALF]; fmov d0, 5.0; blr x16; str d0, [x20, 8];
        ldp x20, x30, [sp], 16; ret
    );
    bench.run(call, 0).unwrap();
    assert_eq!((bench.context.gpr[0], f64::from_bits(bench.context.gpr[1])), (321, 2.5));
}

#[test]
fn a_helper_destroys_caller_saved_registers() {
    let before = asm!(
        stp x20, x30, [sp, -16]!; mov x20, x0; mov x5, 5; fmov d5, 5.0; cmp x5, x5;
        fmov d20, 1.0; ldr x16, [x20, HALF]; fmov d0, 5.0; blr x16
    );
    for (emit, name) in [
        (asm!(mov x6, x5) as fn(&mut super::support::Assembler), "x5"),
        (asm!(fmov d6, d5), "d5"),
        (asm!(fmov d6, d20), "d20"),
        (asm!(mov x6, x16), "x16"),
        (asm!(cset x6, eq), "the flags"),
        (asm!(ret), "x30"),
    ] {
        let trap = bench_with_helpers().trap(
            |a| {
                before(a);
                emit(a);
            },
            0,
        );
        assert_eq!(place(&trap), (TrapKind::UndefinedRead, Some(9)), "{trap}");
        assert_eq!(trap.message, format!("{name} was never written"));
    }
}

#[test]
fn a_helper_keeps_callee_saved_registers() {
    let mut bench = bench_with_helpers();
    let call = asm!(
        stp x20, x30, [sp, -32]!; str d8, [sp, 16]; mov x20, x0; fmov d8, 3.0;
        ldr x16, [x20, HALF]; fmov d0, 5.0; blr x16; str d8, [x20];
        ldr d8, [sp, 16]; ldp x20, x30, [sp], 32; ret
    );
    bench.run(call, 0).unwrap();
    assert_eq!(f64::from_bits(bench.context.gpr[0]), 3.0);
}

#[test]
fn helper_arguments_must_be_defined() {
    let trap = bench_with_helpers().trap(asm!(ldr x16, [x0, ADD_THREE]; blr x16), 0);
    assert_eq!(place(&trap), (TrapKind::UndefinedRead, Some(1)));
    assert!(trap.message.contains("add3") && trap.message.contains("x2"), "{trap}");
    let trap = bench_with_helpers().trap(asm!(ldr x16, [x0, HALF]; blr x16), 0);
    assert_eq!(place(&trap), (TrapKind::UndefinedRead, Some(1)));
}

#[test]
fn spill_slots_are_poisoned_at_entry() {
    let mut bench = Bench::new();
    bench.context.spills = [5; crate::exec::context::SPILL_SLOTS];
    let words = super::support::words(asm!(ret));
    let code =
        bench.simulator.install(CodeBlob { words, spill_slots: 2, ..CodeBlob::default() }).unwrap();
    bench.go(&code, 0).unwrap();
    assert_ne!(bench.context.spills[0], 5);
    assert_ne!(bench.context.spills[1], 5);
    assert_eq!(bench.context.spills[2], 5);
}

#[test]
#[should_panic(expected = "after the executor's reset")]
fn code_from_before_a_reset_is_refused() {
    let mut bench = Bench::new();
    let code = bench.install(asm!(ret));
    bench.simulator.reset();
    let _ = bench.go(&code, 0);
}

/// A trap names the rule, the instruction, the IR operation and the registers.
#[test]
fn the_text_of_a_trap() {
    let mut bench = Bench::new();
    let words = super::support::words(asm!(movz x2, 7; ldr x3, [x2]; ret));
    let annotations =
        vec![(0, Annotation::Text("0001 KI64 7")), (1, Annotation::Text("0002 ALOAD 0001"))];
    let code = CodeBlob { words, annotations, ..CodeBlob::default() };
    let code = bench.simulator.install(code).unwrap();
    let text = bench.go(&code, 0).unwrap_err().to_string();
    for part in [
        "trap WildAccess: load of 8 bytes at 0x7, which is not live",
        "at word 1: ",
        "f9400043",
        "of `0002 ALOAD 0001`",
        "x2  0000000000000007",
        "x3  ----------------",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}
