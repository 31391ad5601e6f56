//! C's streams.
//!
//! In:  paths, modes, bytes.   Out: bytes, positions, errors as [`Errno`].
//!
//! Why C's and not Rust's: Lua shows their buffering (`setvbuf`, an unflushed file read through a
//! second handle, reads after writes on one handle, the order of `print` and `io.stderr`), and standard
//! streams are shared with C code in the process.
//!
//! Invariants:
//! - a [`Stream`] of kind file or pipe is the only owner of its `FILE`, and closes it when dropped;
//! - the standard streams are never closed. Every `Stream` for one of them is the same C stream; C
//!   locks it for each call.

use super::Errno;
use libc::FILE;
use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

unsafe extern "C" {
    #[cfg_attr(target_os = "macos", link_name = "__stdinp")]
    static mut stdin: *mut FILE;
    #[cfg_attr(target_os = "macos", link_name = "__stdoutp")]
    static mut stdout: *mut FILE;
    #[cfg_attr(target_os = "macos", link_name = "__stderrp")]
    static mut stderr: *mut FILE;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamKind {
    File,
    /// One end of a command's standard input or output.
    Pipe,
    Input,
    Output,
    Error,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    Start,
    Current,
    End,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Buffering {
    None,
    Full,
    Line,
}

/// An open C stream.
#[derive(Debug)]
pub struct Stream {
    file: NonNull<FILE>,
    kind: StreamKind,
}

impl Stream {
    fn new(file: *mut FILE, kind: StreamKind) -> Result<Stream, Errno> {
        match NonNull::new(file) {
            Some(file) => Ok(Stream { file, kind }),
            None => Err(Errno::last()),
        }
    }

    /// `fopen`.
    pub fn open(path: &CStr, mode: &CStr) -> Result<Stream, Errno> {
        Errno::clear();
        // SAFETY: both are C strings.
        Stream::new(unsafe { libc::fopen(path.as_ptr(), mode.as_ptr()) }, StreamKind::File)
    }

    /// Starts a command with its standard output (mode `r`) or input (`w`) connected; `popen`. All
    /// output streams are flushed first.
    pub fn command(command: &CStr, mode: &CStr) -> Result<Stream, Errno> {
        Errno::clear();
        // SAFETY: both are C strings; a null stream means all of them.
        let file = unsafe {
            libc::fflush(std::ptr::null_mut());
            libc::popen(command.as_ptr(), mode.as_ptr())
        };
        Stream::new(file, StreamKind::Pipe)
    }

    /// A file without a name, open for update, that goes away when closed.
    pub fn temporary() -> Result<Stream, Errno> {
        Errno::clear();
        // SAFETY: no arguments.
        Stream::new(unsafe { libc::tmpfile() }, StreamKind::File)
    }

    /// A standard stream.
    pub fn standard(kind: StreamKind) -> Stream {
        // SAFETY: the C library has set these before `main`, and nobody assigns them.
        let file = unsafe {
            match kind {
                StreamKind::Input => stdin,
                StreamKind::Output => stdout,
                StreamKind::Error => stderr,
                StreamKind::File | StreamKind::Pipe => panic!("{kind:?} is no standard stream"),
            }
        };
        Stream { file: NonNull::new(file).expect("the standard streams exist"), kind }
    }

    pub fn kind(&self) -> StreamKind {
        self.kind
    }
    /// What C's `%p` shows for it.
    pub fn address(&self) -> u64 {
        self.file.as_ptr() as u64
    }
    fn raw(&mut self) -> *mut FILE {
        self.file.as_ptr()
    }

    /// Closes the stream: `Ok` with the wait status of a pipe's command (0 for a file).
    pub fn close(self) -> Result<c_int, Errno> {
        let file = self.file.as_ptr();
        let kind = self.kind;
        std::mem::forget(self);
        Errno::clear();
        // SAFETY: the stream was owned and is not used after this.
        let status = unsafe {
            match kind {
                StreamKind::File => libc::fclose(file),
                StreamKind::Pipe => libc::pclose(file),
                _ => return Ok(0),
            }
        };
        let failed = if kind == StreamKind::Pipe { status == -1 } else { status != 0 };
        if failed { Err(Errno::last()) } else { Ok(status) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: an owned stream that was not closed; nobody else has it.
        unsafe {
            match self.kind {
                StreamKind::File => libc::fclose(self.raw()),
                StreamKind::Pipe => libc::pclose(self.raw()),
                _ => 0,
            };
        }
    }
}

/// Reading. What these leave out for lack of input is told by the return value; whether that was an
/// error by [`Stream::error`].
impl Stream {
    /// The next byte (`getc`).
    pub fn byte(&mut self) -> Option<u8> {
        // SAFETY: the stream is open.
        u8::try_from(unsafe { libc::fgetc(self.raw()) }).ok()
    }

    /// Puts a byte back, to be read next (`ungetc`); one is sure to fit.
    pub fn unread(&mut self, byte: u8) {
        // SAFETY: the stream is open.
        unsafe { libc::ungetc(c_int::from(byte), self.raw()) };
    }

    /// Appends up to `count` bytes (`fread`), and returns how many. `None` if there is no memory for
    /// them.
    pub fn read(&mut self, count: usize, out: &mut Vec<u8>) -> Option<usize> {
        out.try_reserve_exact(count).ok()?;
        let spare = out.spare_capacity_mut();
        // SAFETY: `count` bytes are reserved behind the vector's end, and `read` of them are
        // initialised when its length grows.
        unsafe {
            let read = libc::fread(spare.as_mut_ptr().cast(), 1, count, self.raw());
            out.set_len(out.len() + read);
            Some(read)
        }
    }

    /// Appends all bytes up to and including the next newline, and returns how many: 0 at the end.
    pub fn line(&mut self, out: &mut Vec<u8>) -> usize {
        let mut line: *mut libc::c_char = std::ptr::null_mut();
        let mut room = 0;
        // SAFETY: `getline` allocates the buffer, says how much of it is filled, and leaves it to its
        // caller to free, also when it fails.
        unsafe {
            let read = libc::getline(&mut line, &mut room, self.raw());
            let read = usize::try_from(read).unwrap_or(0);
            if read > 0 {
                out.extend_from_slice(std::slice::from_raw_parts(line.cast::<u8>(), read));
            }
            libc::free(line.cast());
            read
        }
    }

    /// Whether an operation since [`Stream::clear_error`] failed (`ferror`).
    pub fn error(&mut self) -> bool {
        // SAFETY: the stream is open.
        unsafe { libc::ferror(self.raw()) != 0 }
    }

    /// Forgets errors and the end of the file (`clearerr`).
    pub fn clear_error(&mut self) {
        // SAFETY: the stream is open.
        unsafe { libc::clearerr(self.raw()) }
    }
}

/// Writing, and the rest.
impl Stream {
    /// Whether all bytes were accepted (`fwrite`).
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        // SAFETY: the stream is open, the bytes are initialised.
        let written = unsafe { libc::fwrite(bytes.as_ptr().cast(), 1, bytes.len(), self.raw()) };
        written == bytes.len()
    }

    pub fn flush(&mut self) -> Result<(), Errno> {
        Errno::clear();
        // SAFETY: the stream is open.
        if unsafe { libc::fflush(self.raw()) } == 0 { Ok(()) } else { Err(Errno::last()) }
    }

    /// Moves the position and returns it, in bytes from the start.
    pub fn seek(&mut self, offset: i64, from: Origin) -> Result<i64, Errno> {
        let whence = match from {
            Origin::Start => libc::SEEK_SET,
            Origin::Current => libc::SEEK_CUR,
            Origin::End => libc::SEEK_END,
        };
        Errno::clear();
        // SAFETY: the stream is open.
        unsafe {
            if libc::fseeko(self.raw(), offset, whence) != 0 {
                return Err(Errno::last());
            }
            Ok(libc::ftello(self.raw()))
        }
    }

    /// Chooses the buffering of a stream that was not used yet; C ignores some requests.
    pub fn set_buffering(&mut self, buffering: Buffering, bytes: usize) -> Result<(), Errno> {
        let mode = match buffering {
            Buffering::None => libc::_IONBF,
            Buffering::Full => libc::_IOFBF,
            Buffering::Line => libc::_IOLBF,
        };
        Errno::clear();
        // SAFETY: the stream is open; a null buffer asks C to make its own.
        let status = unsafe { libc::setvbuf(self.raw(), std::ptr::null_mut(), mode, bytes) };
        if status == 0 { Ok(()) } else { Err(Errno::last()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_file_gives_back_what_was_written() {
        let mut stream = Stream::temporary().expect("temporary files can be made");
        assert!(stream.write(b"one\ntw\0o\nend"));
        assert_eq!(stream.seek(0, Origin::Start), Ok(0));
        let mut text = Vec::new();
        assert_eq!(stream.line(&mut text), 4);
        assert_eq!(stream.line(&mut text), 5);
        assert_eq!(stream.byte(), Some(b'e'));
        stream.unread(b'e');
        assert_eq!(stream.read(100, &mut text), Some(3));
        assert_eq!(text, b"one\ntw\0o\nend");
        assert_eq!(stream.line(&mut text), 0);
        assert!(!stream.error());
        assert_eq!(stream.read(usize::MAX / 2, &mut text), None);
        assert_eq!(stream.close(), Ok(0));
    }

    #[test]
    fn failures_have_numbers_and_texts() {
        let error = Stream::open(c"/nonexistent/file", c"r").expect_err("there is no such file");
        assert_eq!(
            (error, &error.text()[..]),
            (Errno(libc::ENOENT), &b"No such file or directory"[..])
        );
    }

    #[test]
    fn commands_have_a_status() {
        let mut stream = Stream::command(c"echo word; exit 3", c"r").expect("a shell starts");
        let mut text = Vec::new();
        stream.line(&mut text);
        assert_eq!(text, b"word\n");
        let status = stream.close().expect("the command ends");
        assert_eq!(super::super::process::Ended::of(status), super::super::process::Ended::Exit(3));
    }
}
