//! What the program writes without opening a file: standard output and warnings.
//!
//! In:  bytes.   Out: a buffer in the VM that the host reads, or the process's standard output.
//!
//! A fresh VM keeps its output, so that hosts can compare it. [`Vm::use_standard_output`] sends it to C's
//! `stdout`, which `io.stdout` is then too: so `print`, `io.write` and the commands that a program starts
//! keep their order.

use super::Vm;
use super::host::stream::{Stream, StreamKind};

/// Where output goes, and whether warnings are shown.
pub(crate) struct Output {
    standard: Option<Stream>,
    warnings: Warnings,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Warnings {
    Off,
    On,
    /// A message has begun.
    Continued,
}

impl Output {
    pub(crate) fn new() -> Output {
        Output { standard: None, warnings: Warnings::Off }
    }
}

impl Vm {
    /// What the program prints goes to the process's standard output from now on.
    pub fn use_standard_output(&mut self) {
        self.destination.standard = Some(Stream::standard(StreamKind::Output));
    }

    /// Whether the VM keeps what the program prints.
    pub fn keeps_output(&self) -> bool {
        self.destination.standard.is_none()
    }

    /// Writes to standard output; false if the system refused.
    pub fn write_output(&mut self, bytes: &[u8]) -> bool {
        match &mut self.destination.standard {
            Some(stream) => stream.write(bytes),
            None => {
                self.output.extend_from_slice(bytes);
                true
            }
        }
    }

    /// Ends a line of `print`: it reaches its reader at once. That there is none is not an error.
    pub(crate) fn end_output_line(&mut self) {
        self.write_output(b"\n");
        self.flush_output();
    }

    /// Hands on what C's standard output holds back.
    pub fn flush_output(&mut self) {
        if let Some(stream) = &mut self.destination.standard {
            // That nobody reads it is not the program's error.
            let _ = stream.flush();
        }
    }

    /// Emits a piece of a warning (`lua_warning`); `to_be_continued` if it is not the last. A single
    /// piece `@on` or `@off` turns warnings on or off.
    pub fn warning(&mut self, message: &[u8], to_be_continued: bool) {
        let message = super::host::until_nul(message);
        let state = self.destination.warnings;
        if state != Warnings::Continued && !to_be_continued && message.first() == Some(&b'@') {
            match message {
                b"@on" => self.destination.warnings = Warnings::On,
                b"@off" => self.destination.warnings = Warnings::Off,
                _ => {}
            }
            return;
        }
        if state == Warnings::Off {
            return;
        }
        let start: &[u8] = if state == Warnings::On { b"Lua warning: " } else { b"" };
        let end: &[u8] = if to_be_continued { b"" } else { b"\n" };
        Stream::standard(StreamKind::Error).write(&[start, message, end].concat());
        self.destination.warnings =
            if to_be_continued { Warnings::Continued } else { Warnings::On };
    }
}
