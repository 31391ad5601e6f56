//! Reading: `read` and `lines`.
//!
//! In:  an open handle and formats.   Out: a value for each format up to the first that fails, which gives
//! nil; or nil, a message and a number if the system reports an error.

use super::{INPUT, check_open, default_file, is_open, open_or_fail, registered, with_stream};
use crate::heap::number::parse_number;
use crate::heap::{UserdataRef, Value};
use crate::stdlib::system::{file_result, reason};
use crate::vm::Vm;
use crate::vm::error::{LuaError, LuaResult};
use crate::vm::host::stream::Stream;
use crate::vm::host::{Errno, until_nul};
use crate::vm::native::{Args, NativeFunction, Returned};

/// Formats that `lines` accepts (`MAXARGLINE`).
const MAX_LINE_FORMATS: usize = 250;
/// Longest numeral that `read("n")` accepts (`L_MAXLENNUM`).
const MAX_NUMERAL: usize = 200;

static NEXT_LINE: NativeFunction =
    NativeFunction { name: "lines iterator", call: next_line, intrinsic: None };

pub fn read_default(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let file = default_file(vm, INPUT)?;
    vm.push(Value::from(file));
    read_and_return(vm, file, args, 1)
}

pub fn read(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let file = check_open(vm, args)?;
    read_and_return(vm, file, args, 2)
}

fn read_and_return(
    vm: &mut Vm,
    file: UserdataRef,
    args: Args,
    first: usize,
) -> LuaResult<Returned> {
    let formats = vm.args_from(args, first).to_vec();
    match read_formats(vm, file, &formats, first)? {
        Ok(count) => vm.ret_pushed(count),
        Err(errno) => file_result(vm, Err(errno), None),
    }
}

/// `file:lines(...)`.
pub fn lines(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let file = check_open(vm, args)?;
    let iterator = iterator(vm, args, Value::from(file), false)?;
    vm.keep_args(args, 1);
    vm.ret(iterator)
}

/// `io.lines(name, ...)`: the file is closed at its end, and when the loop is left.
pub fn lines_of(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    if vm.arg(args, 1).is_nil() {
        let file = registered(vm, INPUT);
        if !file.as_userdata().is_some_and(is_open) {
            return Err(vm.error("attempt to use a closed file"));
        }
        let iterator = iterator(vm, args, file, false)?;
        vm.keep_args(args, 1);
        return vm.ret(iterator);
    }
    let name = vm.check_str(args, 1)?;
    let file = open_or_fail(vm, name.as_bytes(), b"r")?;
    let iterator = iterator(vm, args, file, true)?;
    vm.keep_args(args, 1);
    vm.ret_all(&[iterator, Value::NIL, Value::NIL, file])
}

/// The function that reads the formats from argument 2 on. Its upvalues: the file, whether to close it,
/// the formats.
fn iterator(vm: &mut Vm, args: Args, file: Value, closes: bool) -> LuaResult<Value> {
    let formats = vm.args_from(args, 2);
    if formats.len() > MAX_LINE_FORMATS {
        return Err(vm.arg_error(MAX_LINE_FORMATS + 2, "too many arguments"));
    }
    let upvalues = [&[file, Value::bool(closes)], formats].concat();
    Ok(Value::from(vm.heap.new_native_closure(&NEXT_LINE, &upvalues)))
}

fn next_line(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let file = vm.native_upvalue(1).as_userdata().expect("upvalue 1 is a file");
    if !is_open(file) {
        return Err(vm.error("file is already closed"));
    }
    let formats: Vec<Value> =
        (3..=vm.native_upvalue_count()).map(|n| vm.native_upvalue(n)).collect();
    vm.keep_args(args, 1 + formats.len() as u32);
    match read_formats(vm, file, &formats, 2)? {
        Ok(count) if !vm.pushed(count).is_falsy() => vm.ret_pushed(count),
        Ok(_) => {
            if !vm.native_upvalue(2).is_falsy() {
                let _ = super::close_handle(vm, file)?;
            }
            vm.ret0()
        }
        Err(errno) => Err(vm.error(reason(errno))),
    }
}

/// Pushes what the formats read and returns how many values; or the error of the system. Format `i` is
/// argument `first + i` in messages.
fn read_formats(
    vm: &mut Vm,
    file: UserdataRef,
    formats: &[Value],
    first: usize,
) -> LuaResult<Result<usize, Errno>> {
    with_stream(file, Stream::clear_error);
    Errno::clear();
    let mut pushed = 0;
    let mut success = true;
    if formats.is_empty() {
        success = read_format(vm, file, Format::Line { chop: true })?;
        pushed = 1;
    } else {
        vm.ensure_stack(formats.len() + 20, "too many arguments")?;
    }
    for (i, format) in formats.iter().enumerate() {
        let format = Format::of(vm, *format, first + i)?;
        success = read_format(vm, file, format)?;
        pushed += 1;
        if !success {
            break;
        }
    }
    let errno = Errno::last();
    if with_stream(file, Stream::error) {
        return Ok(Err(errno));
    }
    if !success {
        vm.pop();
        vm.push(Value::NIL);
    }
    Ok(Ok(pushed))
}

#[derive(Clone, Copy)]
enum Format {
    Bytes(usize),
    Number,
    Line { chop: bool },
    All,
}

impl Format {
    fn of(vm: &mut Vm, value: Value, n: usize) -> LuaResult<Format> {
        if value.is_number() {
            return match vm.to_int(value) {
                Some(count) => Ok(Format::Bytes(count as usize)),
                None => Err(vm.arg_error(n, "number has no integer representation")),
            };
        }
        let Some(text) = value.as_str() else {
            return Err(vm.value_type_error(n, Some(value), "string"));
        };
        let text = until_nul(text.as_bytes());
        match text.strip_prefix(b"*").unwrap_or(text).first() {
            Some(b'n') => Ok(Format::Number),
            Some(b'l') => Ok(Format::Line { chop: true }),
            Some(b'L') => Ok(Format::Line { chop: false }),
            Some(b'a') => Ok(Format::All),
            _ => Err(vm.arg_error(n, "invalid format")),
        }
    }
}

/// Pushes what one format reads; false if it failed (then the value does not matter).
fn read_format(vm: &mut Vm, file: UserdataRef, format: Format) -> LuaResult<bool> {
    let mut text = Vec::new();
    let success = match format {
        Format::Number => {
            let numeral = with_stream(file, read_numeral);
            let number = numeral.and_then(|numeral| parse_number(&numeral));
            vm.push(number.unwrap_or(Value::NIL));
            return Ok(number.is_some());
        }
        Format::Line { chop } => {
            let read = with_stream(file, |stream| stream.line(&mut text));
            if chop && text.last() == Some(&b'\n') {
                text.pop();
            }
            read > 0
        }
        Format::All => {
            read_all(vm, file, &mut text)?;
            true
        }
        Format::Bytes(0) => with_stream(file, |stream| match stream.byte() {
            Some(byte) => {
                stream.unread(byte);
                true
            }
            None => false,
        }),
        Format::Bytes(count) => {
            vm.check_room(count)?;
            match with_stream(file, |stream| stream.read(count, &mut text)) {
                Some(read) => read > 0,
                None => {
                    return Err(LuaError::new(vm.heap.new_string_value(b"not enough memory")));
                }
            }
        }
    };
    vm.check_room(text.len())?;
    let string = vm.heap.new_string_value(&text);
    vm.push(string);
    Ok(success)
}

/// Reads until a block is not filled.
fn read_all(vm: &mut Vm, file: UserdataRef, text: &mut Vec<u8>) -> LuaResult<()> {
    loop {
        let block = text.len().clamp(1024, 1 << 20);
        match with_stream(file, |stream| stream.read(block, text)) {
            Some(read) if read == block => vm.check_room(text.len())?,
            Some(_) => return Ok(()),
            None => return Err(LuaError::new(vm.heap.new_string_value(b"not enough memory"))),
        }
    }
}

/// The longest prefix of the input that may begin a numeral, after spaces; `None` if it is too long. One
/// byte of look-ahead is put back.
fn read_numeral(stream: &mut Stream) -> Option<Vec<u8>> {
    let mut reader =
        NumeralReader { next: stream.byte(), text: Vec::new(), overflow: false, stream };
    while reader.next.is_some_and(|byte| matches!(byte, b' ' | b'\t'..=b'\r')) {
        reader.next = reader.stream.byte();
    }
    reader.accept(b"+-");
    let mut digits = 0;
    let mut is_hex = false;
    if reader.accept(b"0") {
        if reader.accept(b"xX") {
            is_hex = true;
        } else {
            digits = 1;
        }
    }
    digits += reader.digits(is_hex);
    if reader.accept(b".") {
        digits += reader.digits(is_hex);
    }
    if digits > 0 && reader.accept(if is_hex { b"pP" } else { b"eE" }) {
        reader.accept(b"+-");
        reader.digits(false);
    }
    if let Some(byte) = reader.next {
        reader.stream.unread(byte);
    }
    (!reader.overflow).then_some(reader.text)
}

struct NumeralReader<'a> {
    stream: &'a mut Stream,
    /// The byte to be looked at.
    next: Option<u8>,
    text: Vec<u8>,
    /// The text has no room for a byte that would belong to it.
    overflow: bool,
}

impl NumeralReader<'_> {
    /// Takes the next byte; false if the text is full.
    fn take(&mut self) -> bool {
        let Some(byte) = self.next.filter(|_| self.text.len() < MAX_NUMERAL) else {
            self.overflow = true;
            return false;
        };
        self.text.push(byte);
        self.next = self.stream.byte();
        true
    }

    /// Takes the next byte if it is one of these.
    fn accept(&mut self, set: &[u8]) -> bool {
        self.next.is_some_and(|byte| set.contains(&byte)) && self.take()
    }

    fn digits(&mut self, hex: bool) -> usize {
        let mut count = 0;
        while self
            .next
            .is_some_and(|byte| if hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() })
            && self.take()
        {
            count += 1;
        }
        count
    }
}
