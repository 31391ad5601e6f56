//! For each rule a trace that breaks it, and traces that break none.

use super::*;
use crate::ir::parse::parse;

fn trace(body: &str) -> Trace {
    let text = format!(
        "trace proto=0 head=4 clock=9 slots=12 end=#9\n{body}\nsnap #9 pc=4 clock=9 {{}}\n"
    );
    parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// `body` breaks `rule` and no other.
fn breaks(rule: Rule, body: &str) {
    let violations = verify(&trace(body));
    let rules: Vec<Rule> = violations.iter().map(|v| v.rule).collect();
    assert!(!rules.is_empty(), "{rule:?} is not reported for:\n{body}");
    assert!(rules.iter().all(|&found| found == rule), "{violations:#?}");
}

fn valid(body: &str) {
    let violations = verify(&trace(body));
    assert!(violations.is_empty(), "{violations:#?}");
}

const LOOP: &str = "v0:int = sload s1 #0
v1:int = kint 1
v2:int = add v0, v1
guard.ilt v2, v0 #1
loop
v5:int = phi v2, v6
v6:int = add v5, v1
guard.ilt v6, v0 #2
snap #0 pc=4 clock=0 {}
snap #1 pc=6 clock=2 {1: v2}
snap #2 pc=6 clock=2 {1: v6}";

#[test]
fn well_formed_traces_pass() {
    valid("");
    valid(LOOP);
    valid(
        "v0:tab = sload s1 #0\nv1:int = sload s2 #0\nv2:int = tlimit v0\nguard.ult v1, v2 #0\n\
         v4:ptr = tarray v0\nv5:float = aload v4, v1 #0\nastore v4, v1, v5\n\
         guard.ilt v1, v2 #1\nsnap #0 pc=4 clock=0 {}\nsnap #1 pc=7 clock=3 {3: v5}",
    );
}

#[test]
fn order() {
    breaks(Rule::Order, "v0:int = neg v1\nv1:int = kint 1");
    breaks(Rule::Order, "loop\nloop");
    breaks(Rule::Order, "v0:int = kint 1\nv1:int = phi v0, v0");
    breaks(Rule::Order, "v0:int = kint 1\nloop\nv1:int = neg v0\nv2:int = phi v0, v1");
    breaks(Rule::Order, "v0:int = kint 1\nloop\nv2:int = phi v0, v3\nv3:int = phi v2, v3");
    breaks(Rule::Order, "loop\nv1:int = sload s1 #0\nsnap #0 pc=4 clock=0 {}");
    let mut unknown = trace("v0:int = kint 1\nv1:int = neg v0");
    unknown.insts[1].args = crate::ir::trace::Args::new(&[ValueId(7)]);
    assert_eq!(verify(&unknown)[0].rule, Rule::Order);
}

#[test]
fn types() {
    breaks(Rule::Types, "v0:float = kfloat 1.0\nv1:int = neg v0");
    breaks(Rule::Types, "v0:int = kint 1\nv1:float = neg v0");
    breaks(Rule::Types, "v0:int = kpri");
    breaks(Rule::Types, "v0:int = kobj 0x10");
    breaks(Rule::Types, "v0:str = kobj 0x0");
    breaks(Rule::Types, "v0:ptr = sload s1 #0\nsnap #0 pc=4 clock=0 {}");
    breaks(Rule::Types, "v0:int = sload s12 #0\nsnap #0 pc=4 clock=0 {}");
    breaks(Rule::Types, "v0:fun = rootclosure\nv1:ptr = upref v0 [-1]");
    let mut short = trace("v0:int = kint 1\nv1:int = neg v0");
    short.insts[1].args = crate::ir::trace::Args::new(&[]);
    assert_eq!(verify(&short)[0].rule, Rule::Types);
}

#[test]
fn stale_in_loop() {
    breaks(Rule::StaleInLoop, &LOOP.replace("add v5, v1", "add v2, v1"));
    breaks(Rule::StaleInLoop, &LOOP.replace("#2 pc=6 clock=2 {1: v6}", "#2 pc=6 clock=2 {1: v2}"));
    valid(&LOOP.replace("phi v2, v6", "phi v1, v6"));
}

#[test]
fn guard_has_snapshot() {
    breaks(Rule::GuardHasSnapshot, "v0:int = kint 1\nguard.ilt v0, v0");
    breaks(Rule::GuardHasSnapshot, "v0:int = kint 1 #0\nsnap #0 pc=4 clock=0 {}");
    let mut unknown = trace(LOOP);
    unknown.insts[3].snapshot = Some(SnapshotId(70));
    assert_eq!(verify(&unknown)[0].rule, Rule::GuardHasSnapshot);
}

#[test]
fn snapshot_dominates() {
    let late =
        "v0:int = kint 1\nguard.ine v0, v0 #0\nv2:int = neg v0\nsnap #0 pc=5 clock=1 {1: v2}";
    breaks(Rule::SnapshotDominates, late);
    breaks(Rule::SnapshotDominates, "v0:int = sload s1 #0\nsnap #0 pc=4 clock=0 {1: v0}");
    let pointer = "v0:ptr = kptr 0x10\nguard.null v0 #0\nsnap #0 pc=4 clock=0 {1: v0}";
    breaks(Rule::SnapshotDominates, pointer);
    let mut unknown = trace("v0:int = kint 1");
    unknown.snapshots[0].slots = vec![(1, ValueId(8))];
    assert_eq!(verify(&unknown)[0].rule, Rule::SnapshotDominates);
}

#[test]
fn snapshot_form() {
    let snap = |line: &str| format!("v0:fun = kobj 0x10\nv1:int = kint 1\nsnap #0 pc=5 {line}");
    valid(&snap(
        "clock=2 frames=[fun v0 base=3 ret=6 want=1, fun v0 base=5 ret=1 want=-1] {2: v0}",
    ));
    for line in [
        "clock=10 {}",
        "clock=2 {3: v1, 1: v1}",
        "clock=2 {12: v1}",
        "clock=2 {-1: v1}",
        "clock=2 frames=[fun v0 base=5 ret=1 want=1, fun v0 base=5 ret=1 want=1] {}",
        "clock=2 frames=[fun v0 base=13 ret=1 want=1] {}",
        "clock=2 frames=[fun v1 base=3 ret=1 want=1] {}",
        "clock=2 frames=[fun v0 base=3 ret=1 want=-2] {}",
        "clock=2 frames=[fun v0 base=3 ret=1 want=1] {2: v1}",
    ] {
        breaks(Rule::SnapshotForm, &snap(line));
    }
    let mut end = trace("");
    end.snapshots[0].pc = 5;
    assert_eq!(verify(&end)[0].rule, Rule::SnapshotForm);
    end.end = SnapshotId(3);
    assert_eq!(verify(&end)[0].rule, Rule::SnapshotForm);
}

#[test]
fn write_before_guard() {
    let store = "v0:fun = rootclosure\nv1:ptr = upref v0 [0]\nv2:int = kint 1\n";
    let snaps = "snap #0 pc=5 clock=1 {}\nsnap #1 pc=6 clock=2 {}";
    let between =
        format!("{store}guard.ilt v2, v2 #0\nustore v1, v2\nguard.ile v2, v2 #0\n{snaps}");
    breaks(Rule::WriteBeforeGuard, &between);
    let back = format!("{store}guard.ilt v2, v2 #1\nguard.ile v2, v2 #0\n{snaps}");
    breaks(Rule::WriteBeforeGuard, &back);
    valid(&format!("{store}guard.ilt v2, v2 #0\nustore v1, v2\nguard.ile v2, v2 #1\n{snaps}"));
}

const ARRAY: &str = "v0:tab = sload s1 #0
v1:int = sload s2 #0
v2:int = tlimit v0
guard.ult v1, v2 #0
v4:ptr = tarray v0
v5:int = aload v4, v1 #0
snap #0 pc=4 clock=0 {}";

#[test]
fn stale_address() {
    let stale = ARRAY.replace("v5:int", "v9:int = tlen v0\nv5:int");
    // `tlen` writes after a guard of snapshot #0, so the load leaves through a later one.
    let stale = stale.replace("aload v4, v1 #0", "aload v4, v1 #1") + "\nsnap #1 pc=5 clock=1 {}";
    breaks(Rule::StaleAddress, &stale);
    let in_loop = "v0:tab = sload s1 #0\nv1:str = kobj 0x10\nv2:ptr = hslot v0, v1 [3] #0\nloop\n\
                   v4:int = hload v2 #1\ntsetstr v0, v1, v4\n\
                   snap #0 pc=4 clock=0 {}\nsnap #1 pc=5 clock=1 {}";
    breaks(Rule::StaleAddress, in_loop);
}

#[test]
fn phi_types() {
    breaks(
        Rule::PhiTypes,
        &LOOP
            .replace("v1:int = kint 1", "v1:int = kint 1\nvx:float = kfloat 1.0")
            .replace("phi v2, v6", "phi vx, v6"),
    );
}

#[test]
fn divisor_guarded() {
    let div = |guard: &str| {
        format!(
            "v0:int = sload s1 #0\nv1:int = sload s2 #0\nv2:int = kint 0\n{guard}\n\
             v4:int = idiv v0, v1\nsnap #0 pc=4 clock=0 {{}}"
        )
    };
    breaks(Rule::DivisorGuarded, &div("guard.ine v0, v2 #0"));
    valid(&div("guard.ine v1, v2 #0"));
    valid(&div("guard.ilt v2, v1 #0"));
    valid(&div("guard.ult v0, v1 #0"));
    breaks(Rule::DivisorGuarded, "v0:int = kint 0\nv1:int = imod v0, v0");
    valid("v0:int = kint -1\nv1:int = imod v0, v0");
}

#[test]
fn index_guarded() {
    valid(ARRAY);
    breaks(Rule::IndexGuarded, &ARRAY.replace("guard.ult v1, v2", "guard.ult v2, v2"));
    breaks(Rule::IndexGuarded, &ARRAY.replace("guard.ult", "guard.ilt"));
    let constant = ARRAY.replace("v4:ptr", "v8:int = kint 7\nguard.ult v8, v2 #0\nv4:ptr");
    let smaller = constant.replace("v5:int", "v9:int = kint 6\nv5:int");
    valid(&smaller.replace("aload v4, v1", "aload v4, v9"));
    breaks(
        Rule::IndexGuarded,
        &smaller.replace("aload v4, v1", "aload v4, v9").replace("kint 6", "kint 8"),
    );
}

#[test]
fn pointer_guarded() {
    let find = "v0:tab = sload s1 #0\nv1:str = kobj 0x10\nv2:ptr = hfind v0, v1\n";
    let snap = "snap #0 pc=4 clock=0 {}";
    breaks(Rule::PointerGuarded, &format!("{find}v3:nil = hload v2 #0\n{snap}"));
    valid(&format!("{find}guard.nonnull v2 #0\nv3:nil = hload v2 #0\n{snap}"));
}

const PASS: &str = "v0:fun = rootclosure
v1:ptr = upref v0 [0]
v2:int = uload v1 #0
guard.ilt v2, v2 #1
ustore v1, v2
guard.ile v2, v2 #2
snap #0 pc=4 clock=0 {}
snap #1 pc=6 clock=2 {}
snap #2 pc=8 clock=4 {}";

fn pass_breaks(rule: Rule, output: &str) {
    let violations = verify_pass(&trace(PASS), &trace(output));
    assert_eq!(violations.iter().map(|v| v.rule).next(), Some(rule), "{violations:#?}");
}

#[test]
fn writes_preserved() {
    assert_eq!(verify_pass(&trace(PASS), &trace(PASS)), []);
    pass_breaks(Rule::WritesPreserved, &PASS.replace("ustore v1, v2\n", ""));
    pass_breaks(
        Rule::WritesPreserved,
        &PASS.replace("ustore v1, v2\n", "ustore v1, v2\nustore v1, v2\n"),
    );
}

#[test]
fn guard_order() {
    let without = PASS.replace("guard.ilt v2, v2 #1\n", "");
    assert_eq!(verify_pass(&trace(PASS), &trace(&without)), []);
    pass_breaks(
        Rule::GuardOrder,
        &PASS.replace("guard.ilt v2, v2 #1\nustore v1, v2", "ustore v1, v2\nguard.ilt v2, v2 #1"),
    );
    pass_breaks(Rule::GuardOrder, &PASS.replace("ilt", "ieq"));
    pass_breaks(Rule::GuardOrder, &PASS.replace("pc=6", "pc=7"));
    let mut header = trace(PASS);
    header.max_slots += 1;
    assert_eq!(verify_pass(&trace(PASS), &header)[0].rule, Rule::SnapshotForm);
}
