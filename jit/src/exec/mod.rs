//! Executors of compiled traces.
