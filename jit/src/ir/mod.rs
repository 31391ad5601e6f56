//! A trace as a value.
