//! The oracle: three engines in lockstep.
