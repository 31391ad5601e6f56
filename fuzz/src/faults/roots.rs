//! Faults of what a trace asks of the collector.
//!
//! Traces never collect, but the program does between two entries: what a trace knows by its address must
//! be alive then, or another object may be met there. Nor do their stores have a barrier: the collector is
//! told that they happened, or it frees what they have put where it had looked already.

use super::{Fault, Plant};
use plumb_jit::ir::op::Op;

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "roots.functions",
        about: "a function that a trace has inlined is not kept alive",
        imitates: "a live value missing from the roots of a trace: another function at the address of a dead one",
        rare: Some("only where functions are loaded at run time and collected"),
        ops: &[],
        plant: Plant::Rooted(|_, roots| roots.functions.clear()),
    },
    Fault {
        name: "roots.table-barrier",
        about: "stores of references to tables have no write barrier",
        imitates: "LuaJIT: a TBAR missing after a store, so that the collector frees what a black table holds",
        rare: Some(
            "only while marking is in progress, or for an old table in the generational mode",
        ),
        ops: &[Op::ArrayStore, Op::HashStore],
        plant: Plant::Rooted(|trace, roots| {
            roots.stores_references = trace.reference_stores().any(|op| op == Op::UpvalueStore);
        }),
    },
    Fault {
        name: "roots.upvalue-barrier",
        about: "stores of references to upvalues have no write barrier",
        imitates: "LuaJIT: an OBAR missing after a store to a closed upvalue",
        rare: Some(
            "only while marking is in progress, or for an old upvalue in the generational mode",
        ),
        ops: &[Op::UpvalueStore],
        plant: Plant::Rooted(|trace, roots| {
            roots.stores_references = trace.reference_stores().any(|op| op != Op::UpvalueStore);
        }),
    },
];
