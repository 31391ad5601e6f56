//! Writing, and what belongs to a stream's buffer: `write`, `flush`, `seek`, `setvbuf`.
//!
//! In:  an open handle.   Out: the handle, a position, or true; or nil, a message and a number.

use super::{OUTPUT, check_open, default_file, is_kept, with_stream};
use crate::heap::number::{format_float, format_int};
use crate::heap::{UserdataRef, Value};
use crate::stdlib::system::file_result;
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::host::Errno;
use crate::vm::host::stream::{Buffering, Origin, Stream};
use crate::vm::native::{Args, Returned};

/// What `setvbuf` asks for if it is not told (`LUAL_BUFFERSIZE`).
const BUFFER_BYTES: i64 = 1024;

pub fn write_default(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let file = default_file(vm, OUTPUT)?;
    write_all(vm, file, args, 1)
}

pub fn write(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let file = check_open(vm, args)?;
    write_all(vm, file, args, 2)
}

/// Writes the arguments from `first` on, and returns the file.
fn write_all(vm: &mut Vm, file: UserdataRef, args: Args, first: usize) -> LuaResult<Returned> {
    let is_kept = is_kept(vm, file);
    let mut success = true;
    Errno::clear();
    for n in first..=args.len() {
        let value = vm.arg(args, n);
        let number = match (value.as_int(), value.as_float()) {
            (Some(int), _) => Some(format_int("%d", int)),
            // Unlike `tostring`, without a `.0`.
            (_, Some(float)) => Some(format_float("%.14g", float)),
            _ => None,
        };
        let string = if number.is_none() { Some(vm.check_str(args, n)?) } else { None };
        let bytes = match (&number, &string) {
            (Some(number), _) => &number[..],
            (_, Some(string)) => string.as_bytes(),
            _ => unreachable!("an argument is a number or a string"),
        };
        success &= if is_kept {
            vm.write_output(bytes)
        } else {
            with_stream(file, |stream| stream.write(bytes))
        };
    }
    let errno = Errno::last();
    if success { vm.ret(Value::from(file)) } else { file_result(vm, Err(errno), None) }
}

pub fn flush_default(vm: &mut Vm, _: Args) -> LuaResult<Returned> {
    let file = default_file(vm, OUTPUT)?;
    vm.push(Value::from(file));
    flush_file(vm, file)
}

pub fn flush(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let file = check_open(vm, args)?;
    flush_file(vm, file)
}

fn flush_file(vm: &mut Vm, file: UserdataRef) -> LuaResult<Returned> {
    let result = if is_kept(vm, file) { Ok(()) } else { with_stream(file, Stream::flush) };
    file_result(vm, result, None)
}

pub fn seek(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    const ORIGINS: [Origin; 3] = [Origin::Start, Origin::Current, Origin::End];
    let file = check_open(vm, args)?;
    let origin = ORIGINS[vm.check_option(args, 2, Some("cur"), &["set", "cur", "end"])?];
    let offset = vm.opt_int(args, 3, 0)?;
    let position = if is_kept(vm, file) {
        // As for a terminal or a pipe.
        Err(Errno(libc::ESPIPE))
    } else {
        with_stream(file, |stream| stream.seek(offset, origin))
    };
    match position {
        Ok(position) => vm.ret(Value::int(position)),
        Err(errno) => file_result(vm, Err(errno), None),
    }
}

pub fn setvbuf(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    const KINDS: [Buffering; 3] = [Buffering::None, Buffering::Full, Buffering::Line];
    let file = check_open(vm, args)?;
    let kind = KINDS[vm.check_option(args, 2, None, &["no", "full", "line"])?];
    let bytes = vm.opt_int(args, 3, BUFFER_BYTES)?;
    let result = if is_kept(vm, file) {
        Ok(())
    } else {
        with_stream(file, |stream| stream.set_buffering(kind, bytes as usize))
    };
    file_result(vm, result, None)
}
