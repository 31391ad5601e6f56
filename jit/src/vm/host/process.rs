//! Commands, temporary names, locales, processor time.

use super::{Errno, copied};
use std::ffi::{CStr, CString, c_int};

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    Exit(i32),
    Signal(i32),
}

impl Ended {
    /// Takes apart what `system` and `pclose` return.
    pub fn of(status: c_int) -> Ended {
        if libc::WIFEXITED(status) {
            Ended::Exit(libc::WEXITSTATUS(status))
        } else if libc::WIFSIGNALED(status) {
            Ended::Signal(libc::WTERMSIG(status))
        } else {
            Ended::Exit(status)
        }
    }
}

/// Runs a command to its end (`system`), and returns its wait status.
pub fn run_command(command: &CStr) -> Result<c_int, Errno> {
    Errno::clear();
    // SAFETY: a C string.
    let status = unsafe { libc::system(command.as_ptr()) };
    if status == -1 { Err(Errno::last()) } else { Ok(status) }
}

/// Whether there is a shell to run commands.
pub fn has_shell() -> bool {
    // SAFETY: a null command only asks.
    unsafe { libc::system(std::ptr::null()) != 0 }
}

/// Removes a file or an empty directory.
pub fn remove(path: &CStr) -> Result<(), Errno> {
    Errno::clear();
    // SAFETY: a C string.
    if unsafe { libc::remove(path.as_ptr()) } == 0 { Ok(()) } else { Err(Errno::last()) }
}

pub fn rename(from: &CStr, to: &CStr) -> Result<(), Errno> {
    Errno::clear();
    // SAFETY: C strings.
    if unsafe { libc::rename(from.as_ptr(), to.as_ptr()) } == 0 {
        Ok(())
    } else {
        Err(Errno::last())
    }
}

/// The name of a new empty file, `None` if none can be made.
pub fn temporary_name() -> Option<Vec<u8>> {
    let template = CString::new("/tmp/lua_XXXXXX").expect("no NUL").into_raw();
    // SAFETY: `mkstemp` overwrites the X's and keeps the length; the descriptor is ours to close.
    unsafe {
        let descriptor = libc::mkstemp(template);
        if descriptor != -1 {
            libc::close(descriptor);
        }
        let name = CString::from_raw(template);
        (descriptor != -1).then(|| name.into_bytes())
    }
}

/// A category of the locale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Locale {
    All,
    Collate,
    Ctype,
    Monetary,
    Numeric,
    Time,
}

/// Sets the process's locale, or only asks for it; returns its name. `None` if there is no such locale.
///
/// Limit: as in C, other threads that format numbers or dates at this moment see either.
pub fn set_locale(category: Locale, name: Option<&CStr>) -> Option<Vec<u8>> {
    let category = match category {
        Locale::All => libc::LC_ALL,
        Locale::Collate => libc::LC_COLLATE,
        Locale::Ctype => libc::LC_CTYPE,
        Locale::Monetary => libc::LC_MONETARY,
        Locale::Numeric => libc::LC_NUMERIC,
        Locale::Time => libc::LC_TIME,
    };
    let name = name.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: null or a C string goes in; a C string that is copied at once, or null, comes out.
    unsafe { copied(libc::setlocale(category, name)) }
}

/// Processor time of the process in seconds, in C's steps of a microsecond (`clock`).
pub fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    (time.tv_sec * 1_000_000 + time.tv_nsec / 1000) as f64 / 1e6
}

/// Whether a person types the standard input.
pub fn input_is_terminal() -> bool {
    use std::io::IsTerminal;
    std::io::stdin().is_terminal()
}
