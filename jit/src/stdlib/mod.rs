//! The library functions.
