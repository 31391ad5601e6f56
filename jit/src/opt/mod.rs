//! Trace -> Trace passes.
