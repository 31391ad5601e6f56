//! From hot loops to recorded traces.
