//! What the C library gives, behind safe functions.
//!
//! In:  arguments as Rust values.   Out: what the C function returned, and `errno` where it failed.
//!
//! 1. [`stream`]   C's `FILE`: the buffering of `io` is observable, so it is C's own
//! 2. [`time`]     calendar time
//! 3. [`process`]  commands, their exit status, locales
//! 4. [`signal`]   interrupts from the keyboard
//!
//! Invariant: a failing call's `errno` is read before anything else can change it.
//!
//! Limits: POSIX systems only (Linux, macOS).

pub mod process;
pub mod signal;
pub mod stream;
pub mod time;

pub use crate::syntax::error::until_nul;
use std::ffi::{CStr, CString};

/// An error number of the system; 0 where a call failed without giving a reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

impl Errno {
    /// The reason of the last failure on this thread.
    pub fn last() -> Errno {
        Errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
    }

    /// Forgets earlier failures, so that [`Errno::last`] speaks of what follows.
    pub fn clear() {
        // SAFETY: the location belongs to this thread and is always valid.
        unsafe { *errno_location() = 0 }
    }

    /// The system's text for it (`strerror`).
    pub fn text(self) -> Vec<u8> {
        let mut buffer = [0u8; 256];
        // SAFETY: the buffer is as long as said; the result ends with a NUL.
        unsafe { libc::strerror_r(self.0, buffer.as_mut_ptr().cast(), buffer.len()) };
        until_nul(&buffer).to_vec()
    }
}

#[cfg(not(target_os = "macos"))]
use libc::__errno_location as errno_location;
#[cfg(target_os = "macos")]
use libc::__error as errno_location;

/// A C string of the bytes before the first NUL.
pub fn c_string(bytes: &[u8]) -> CString {
    CString::new(until_nul(bytes)).expect("the NULs are cut off")
}

/// Copies a C string; `None` for a null pointer.
///
/// # Safety
/// `text` is null or points to a string that ends with a NUL.
unsafe fn copied(text: *const libc::c_char) -> Option<Vec<u8>> {
    // SAFETY: as promised.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes().to_vec())
}
