//! Tests of the simulator. Words come from `dynasmrt`, decoding from `disarm64`: two independent
//! readings of the architecture must agree.

mod support;

mod speed;
mod traps;
