//! Runtime form of a `bytecode::Proto`: constants as heap values, loop state for the JIT.

/// Allocated once per proto, never moved, alive as long as the VM.
#[repr(C)]
pub struct RuntimeProto {
    /// Unique number within the VM, in order of loading.
    pub id: u32,
}
