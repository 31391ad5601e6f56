//! `string.pack`, `string.unpack` and `string.packsize` (manual section 6.4.2).
//!
//! In:  a format and values, or a format and bytes.   Out: bytes, or values.
//!
//! Invariants: sizes are those of a 64-bit Linux or macOS host, byte order included, whatever the
//! host is, so that results do not depend on it.

use super::string::{MAX_LEN, start_position};
use crate::heap::Value;
use crate::vm::Vm;
use crate::vm::error::{LuaError, LuaResult};
use crate::vm::native::{Args, Returned};

/// Largest integer that a format can ask for, in bytes.
const MAX_INT_SIZE: i32 = 16;
const INT_SIZE: usize = 8;
/// Alignment that `!` alone asks for.
const NATIVE_ALIGN: i32 = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int,
    Uint,
    Float,
    Double,
    /// Fixed size.
    Chars,
    /// Preceded by its length.
    String,
    ZeroTerminated,
    Padding,
    /// `X`: aligns to the option after it.
    Align,
    /// Sets a mode, or is a blank.
    Nothing,
}

/// One option of a format.
struct Item {
    kind: Kind,
    size: usize,
    /// Padding before it.
    padding: usize,
}

/// What is wrong with a format.
enum FormatError {
    Message(Vec<u8>),
    /// About argument 1, the format.
    Argument(&'static str),
}

impl FormatError {
    #[cold]
    fn raise(self, vm: &mut Vm) -> Box<LuaError> {
        match self {
            FormatError::Message(message) => vm.error(message),
            FormatError::Argument(message) => vm.arg_error(1, message),
        }
    }
}

/// Reads a format; a NUL ends it, as it ends a C string.
struct Format<'a> {
    rest: &'a [u8],
    little_endian: bool,
    max_align: i32,
}

impl<'a> Format<'a> {
    fn new(text: &'a [u8]) -> Format<'a> {
        Format { rest: text, little_endian: true, max_align: 1 }
    }

    fn is_done(&self) -> bool {
        matches!(self.rest.first(), None | Some(0))
    }

    /// A decimal numeral; digits beyond what an `int` holds are left in the format.
    fn number(&mut self) -> Option<i32> {
        const LAST_SAFE: i32 = (i32::MAX - 9) / 10;
        let mut number = None;
        while let Some(digit) = self.rest.first().filter(|b| b.is_ascii_digit())
            && number.is_none_or(|number| number <= LAST_SAFE)
        {
            number = Some(number.unwrap_or(0) * 10 + i32::from(digit - b'0'));
            self.rest = &self.rest[1..];
        }
        number
    }

    fn int_size(&mut self, default: i32) -> Result<i32, FormatError> {
        let size = self.number().unwrap_or(default);
        if (1..=MAX_INT_SIZE).contains(&size) {
            return Ok(size);
        }
        let message = format!("integral size ({size}) out of limits [1,{MAX_INT_SIZE}]");
        Err(FormatError::Message(message.into_bytes()))
    }

    /// The next option and its size.
    fn option(&mut self) -> Result<(Kind, i32), FormatError> {
        let (&option, rest) = self.rest.split_first().expect("the format is not done");
        self.rest = rest;
        Ok(match option {
            b'b' => (Kind::Int, 1),
            b'B' => (Kind::Uint, 1),
            b'h' => (Kind::Int, 2),
            b'H' => (Kind::Uint, 2),
            b'l' | b'j' => (Kind::Int, 8),
            b'L' | b'J' | b'T' => (Kind::Uint, 8),
            b'i' => (Kind::Int, self.int_size(4)?),
            b'I' => (Kind::Uint, self.int_size(4)?),
            b'f' => (Kind::Float, 4),
            b'n' | b'd' => (Kind::Double, 8),
            b's' => (Kind::String, self.int_size(8)?),
            b'c' => match self.number() {
                Some(size) => (Kind::Chars, size),
                None => {
                    return Err(FormatError::Message(
                        b"missing size for format option 'c'".to_vec(),
                    ));
                }
            },
            b'z' => (Kind::ZeroTerminated, 0),
            b'x' => (Kind::Padding, 1),
            b'X' => (Kind::Align, 0),
            b' ' => (Kind::Nothing, 0),
            b'<' | b'=' | b'>' => {
                self.little_endian = option != b'>';
                (Kind::Nothing, 0)
            }
            b'!' => {
                self.max_align = self.int_size(NATIVE_ALIGN)?;
                (Kind::Nothing, 0)
            }
            _ => {
                let message = [b"invalid format option '", &[option][..], b"'"].concat();
                return Err(FormatError::Message(message));
            }
        })
    }

    /// The next option, `offset` bytes after the start.
    fn item(&mut self, offset: usize) -> Result<Item, FormatError> {
        let (kind, size) = self.option()?;
        let mut align = size;
        if kind == Kind::Align {
            const INVALID: FormatError =
                FormatError::Argument("invalid next option for option 'X'");
            if self.is_done() {
                return Err(INVALID);
            }
            let (next, next_size) = self.option()?;
            if next == Kind::Chars || next_size == 0 {
                return Err(INVALID);
            }
            align = next_size;
        }
        let mut padding = 0;
        if align > 1 && kind != Kind::Chars {
            align = align.min(self.max_align);
            if align & (align - 1) != 0 {
                return Err(FormatError::Argument("format asks for alignment not power of 2"));
            }
            padding = offset.wrapping_neg() & (align as usize - 1);
        }
        Ok(Item { kind, size: size as usize, padding })
    }

    /// Appends an integer of `size` bytes.
    fn push_int(&self, out: &mut Vec<u8>, int: i64, size: usize, is_signed: bool) {
        let fill = if is_signed && int < 0 { 0xff } else { 0 };
        let mut bytes = [fill; MAX_INT_SIZE as usize];
        bytes[..INT_SIZE].copy_from_slice(&int.to_le_bytes());
        self.push_bytes(out, &bytes[..size]);
    }

    /// Appends little-endian bytes in the format's order.
    fn push_bytes(&self, out: &mut Vec<u8>, bytes: &[u8]) {
        if self.little_endian {
            out.extend_from_slice(bytes);
        } else {
            out.extend(bytes.iter().rev());
        }
    }

    /// Bytes in the format's order as little-endian ones, zero-extended.
    fn little_endian_bytes(&self, bytes: &[u8]) -> [u8; MAX_INT_SIZE as usize] {
        let mut ordered = [0; MAX_INT_SIZE as usize];
        for (i, byte) in bytes.iter().enumerate() {
            ordered[if self.little_endian { i } else { bytes.len() - 1 - i }] = *byte;
        }
        ordered
    }

    /// The integer in these bytes; `None` if 64 bits do not hold it.
    fn read_int(&self, bytes: &[u8], is_signed: bool) -> Option<i64> {
        let ordered = self.little_endian_bytes(bytes);
        let low = i64::from_le_bytes(ordered[..INT_SIZE].try_into().expect("eight bytes"));
        if bytes.len() < INT_SIZE {
            let unused = 64 - 8 * bytes.len() as u32;
            return Some(if is_signed { low << unused >> unused } else { low });
        }
        let fill = if is_signed && low < 0 { 0xff } else { 0 };
        ordered[INT_SIZE..bytes.len()].iter().all(|byte| *byte == fill).then_some(low)
    }

    fn read_double(&self, bytes: &[u8]) -> f64 {
        let ordered = self.little_endian_bytes(bytes);
        f64::from_le_bytes(ordered[..8].try_into().expect("eight bytes"))
    }

    fn read_float(&self, bytes: &[u8]) -> f64 {
        let ordered = self.little_endian_bytes(bytes);
        f64::from(f32::from_le_bytes(ordered[..4].try_into().expect("four bytes")))
    }
}

pub(super) fn pack(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let mut format = Format::new(vm.check_str(args, 1)?.as_bytes());
    let mut out = Vec::new();
    let mut n = 1;
    while !format.is_done() {
        let item = format.item(out.len()).map_err(|error| error.raise(vm))?;
        out.resize(out.len() + item.padding, 0);
        match item.kind {
            Kind::Padding => out.push(0),
            Kind::Align | Kind::Nothing => {}
            _ => {
                n += 1;
                if n > args.len() {
                    return Err(missing_argument(vm, n, item.kind));
                }
                pack_item(vm, args, n, &format, &item, &mut out)?;
            }
        }
    }
    vm.check_room(out.len())?;
    vm.push(Value::NIL);
    vm.ret_str(&out)
}

/// PUC keeps a nil above the arguments, so a missing one is said to be nil.
#[cold]
fn missing_argument(vm: &mut Vm, n: usize, kind: Kind) -> Box<LuaError> {
    let is_number = matches!(kind, Kind::Int | Kind::Uint | Kind::Float | Kind::Double);
    let expected = if is_number { "number" } else { "string" };
    vm.arg_error(n, format!("{expected} expected, got nil"))
}

/// Appends argument `n`.
fn pack_item(
    vm: &mut Vm,
    args: Args,
    n: usize,
    format: &Format,
    item: &Item,
    out: &mut Vec<u8>,
) -> LuaResult<()> {
    let size = item.size;
    match item.kind {
        Kind::Int => {
            let int = vm.check_int(args, n)?;
            if size < INT_SIZE {
                let limit = 1i64 << (size * 8 - 1);
                if !(-limit..limit).contains(&int) {
                    return Err(vm.arg_error(n, "integer overflow"));
                }
            }
            format.push_int(out, int, size, true);
        }
        Kind::Uint => {
            let int = vm.check_int(args, n)?;
            if size < INT_SIZE && int as u64 >= 1 << (size * 8) {
                return Err(vm.arg_error(n, "unsigned overflow"));
            }
            format.push_int(out, int, size, false);
        }
        Kind::Float => {
            let float = vm.check_float(args, n)? as f32;
            format.push_bytes(out, &float.to_le_bytes());
        }
        Kind::Double => {
            let float = vm.check_float(args, n)?;
            format.push_bytes(out, &float.to_le_bytes());
        }
        Kind::Chars => {
            let bytes = vm.check_str(args, n)?.as_bytes();
            if bytes.len() > size {
                return Err(vm.arg_error(n, "string longer than given size"));
            }
            vm.check_room(size)?;
            out.extend_from_slice(bytes);
            out.resize(out.len() + size - bytes.len(), 0);
        }
        Kind::String => {
            let bytes = vm.check_str(args, n)?.as_bytes();
            if size < INT_SIZE && bytes.len() >= 1 << (size * 8) {
                return Err(vm.arg_error(n, "string length does not fit in given size"));
            }
            format.push_int(out, bytes.len() as i64, size, false);
            out.extend_from_slice(bytes);
        }
        Kind::ZeroTerminated => {
            let bytes = vm.check_str(args, n)?.as_bytes();
            if bytes.contains(&0) {
                return Err(vm.arg_error(n, "string contains zeros"));
            }
            out.extend_from_slice(bytes);
            out.push(0);
        }
        Kind::Padding | Kind::Align | Kind::Nothing => unreachable!("these take no argument"),
    }
    Ok(())
}

pub(super) fn packsize(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let mut format = Format::new(vm.check_str(args, 1)?.as_bytes());
    let mut total = 0;
    while !format.is_done() {
        let item = format.item(total).map_err(|error| error.raise(vm))?;
        if matches!(item.kind, Kind::String | Kind::ZeroTerminated) {
            return Err(vm.arg_error(1, "variable-length format"));
        }
        let size = item.size + item.padding;
        if total as u64 > MAX_LEN.wrapping_sub(size as u64) {
            return Err(vm.arg_error(1, "format result too large"));
        }
        total += size;
    }
    vm.ret(Value::int(total as i64))
}

pub(super) fn unpack(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let mut format = Format::new(vm.check_str(args, 1)?.as_bytes());
    let data = vm.check_str(args, 2)?.as_bytes();
    let mut at = start_position(vm.opt_int(args, 3, 1)?, data.len()) - 1;
    if at > data.len() {
        return Err(vm.arg_error(3, "initial position out of string"));
    }
    let mut count = 0;
    while !format.is_done() {
        let item = format.item(at).map_err(|error| error.raise(vm))?;
        if item.padding + item.size > data.len() - at {
            return Err(vm.arg_error(2, "data string too short"));
        }
        at += item.padding;
        vm.ensure_stack(2, "too many results")?;
        if !matches!(item.kind, Kind::Padding | Kind::Align | Kind::Nothing) {
            let (value, beyond) = unpack_item(vm, &format, &item, &data[at..])?;
            vm.push(value);
            at += beyond;
            count += 1;
        }
        at += item.size;
    }
    vm.push(Value::int(at as i64 + 1));
    vm.ret_pushed(count + 1)
}

/// The value at the start of `data`, and how many bytes it takes beyond the item's own size.
fn unpack_item(
    vm: &mut Vm,
    format: &Format,
    item: &Item,
    data: &[u8],
) -> LuaResult<(Value, usize)> {
    let (own, after) = data.split_at(item.size);
    let read_int = |vm: &mut Vm, is_signed| {
        format.read_int(own, is_signed).ok_or_else(|| {
            vm.error(format!("{}-byte integer does not fit into Lua Integer", item.size))
        })
    };
    Ok(match item.kind {
        Kind::Int => (Value::int(read_int(vm, true)?), 0),
        Kind::Uint => (Value::int(read_int(vm, false)?), 0),
        Kind::Float => (Value::float(format.read_float(own)), 0),
        Kind::Double => (Value::float(format.read_double(own)), 0),
        Kind::Chars => (vm.heap.new_string_value(own), 0),
        Kind::String => {
            let len = read_int(vm, false)? as u64;
            if len > after.len() as u64 {
                return Err(vm.arg_error(2, "data string too short"));
            }
            (vm.heap.new_string_value(&after[..len as usize]), len as usize)
        }
        Kind::ZeroTerminated => match data.iter().position(|byte| *byte == 0) {
            Some(len) => (vm.heap.new_string_value(&data[..len]), len + 1),
            None => return Err(vm.arg_error(2, "unfinished string for format 'z'")),
        },
        Kind::Padding | Kind::Align | Kind::Nothing => unreachable!("these give no value"),
    })
}
