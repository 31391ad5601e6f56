//! Traces that the backend declines, with a reason and without a panic.

use plumb_jit::backend::alloc::{MIN_FPR, MIN_GPR};
use plumb_jit::backend::{self, BackendConfig, BackendError};
use plumb_jit::exec::context::SPILL_SLOTS;
use plumb_jit::ir::op::{Op, Ty};
use plumb_jit::ir::trace::{Args, Inst, Slot, Snapshot, SnapshotId, Trace, ValueId};

/// A linear trace whose end needs `live` different values.
fn wide(live: usize) -> Trace {
    let mut insts = vec![Inst {
        op: Op::SlotLoad,
        ty: Ty::Int,
        args: Args::default(),
        imm: 0,
        snapshot: Some(SnapshotId(0)),
    }];
    for value in 0..live as u32 {
        let args = Args::new(&[ValueId(value), ValueId(0)]);
        insts.push(Inst { op: Op::Mul, ty: Ty::Int, args, imm: 0, snapshot: None });
    }
    let slots = (0..live).map(|slot| (slot as Slot, ValueId(slot as u32 + 1))).collect();
    let snapshot = |slots| Snapshot { pc: 0, clock: 0, open_top: None, frames: Vec::new(), slots };
    Trace {
        proto: 0,
        head: 0,
        iteration_clock: 1,
        max_slots: live as u32,
        insts,
        snapshots: vec![snapshot(Vec::new()), snapshot(slots)],
        end: SnapshotId(1),
    }
}

fn compile(trace: &Trace) -> Result<backend::CompiledTrace, BackendError> {
    let config = BackendConfig { gpr_limit: MIN_GPR, fpr_limit: MIN_FPR, ..Default::default() };
    backend::compile(trace, &config, &mut ())
}

#[test]
fn too_many_spills_are_declined() {
    let fits = compile(&wide(SPILL_SLOTS - 1)).expect("a slot for each value");
    assert!(fits.stats.spill_slots > SPILL_SLOTS - MIN_GPR - 2);
    let error = compile(&wide(SPILL_SLOTS + 2 * MIN_GPR)).expect_err("more values than places");
    assert!(matches!(error, BackendError::TooManySpills { .. }), "{error}");
}

#[test]
fn too_long_traces_are_declined() {
    let mut trace = wide(2);
    // Guards in front, more than stubs have numbers.
    let guard = Inst {
        op: Op::GuardIEq,
        ty: Ty::Void,
        args: Args::new(&[ValueId(0), ValueId(0)]),
        imm: 0,
        snapshot: Some(SnapshotId(0)),
    };
    trace.insts.extend(vec![guard; 1 << 16]);
    let error = compile(&trace).expect_err("too many exits");
    assert!(matches!(error, BackendError::TooLong { .. }), "{error}");
}
