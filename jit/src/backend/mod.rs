//! Trace -> ARM64 code.
