//! Faults of what a trace keeps alive.
//!
//! Traces never collect, but the program does between two entries: what a trace knows by its address must
//! be alive then, or another object may be met there.

use super::{Fault, Plant};

pub const FAULTS: &[Fault] = &[Fault {
    name: "roots.functions",
    about: "a function that a trace has inlined is not kept alive",
    imitates: "a live value missing from the roots of a trace: another function at the address of a dead one",
    rare: Some("only where functions are loaded at run time and collected"),
    ops: &[],
    plant: Plant::Rooted(|roots| roots.functions.clear()),
}];
