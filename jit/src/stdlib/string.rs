//! The `string` library.
//!
//! In:  byte strings; numbers are converted.   Out: new strings, positions, captures.
//!
//! Invariants: positions are one-based and inclusive, negative ones count from the end; letters and
//! classes are those of the C locale.

use super::format::{self, Spec};
use super::pattern::{self, Captured, Match, PatternError};
use super::{arith, pack, text_of};
use crate::heap::{StrRef, TableRef, Tag, Value};
use crate::vm::Vm;
use crate::vm::error::{LuaError, LuaResult};
use crate::vm::native::{Args, BasicType, Intrinsic, NativeFunction, Returned};

pub static FUNCTIONS: [NativeFunction; 17] = [
    NativeFunction { name: "byte", call: byte, intrinsic: Some(Intrinsic::StringByte) },
    NativeFunction { name: "char", call: char, intrinsic: Some(Intrinsic::StringChar) },
    NativeFunction { name: "dump", call: dump, intrinsic: None },
    NativeFunction { name: "find", call: find, intrinsic: None },
    NativeFunction { name: "format", call: format, intrinsic: None },
    NativeFunction { name: "gmatch", call: gmatch, intrinsic: None },
    NativeFunction { name: "gsub", call: gsub, intrinsic: None },
    NativeFunction { name: "len", call: len, intrinsic: Some(Intrinsic::StringLen) },
    NativeFunction { name: "lower", call: lower, intrinsic: None },
    NativeFunction { name: "match", call: match_first, intrinsic: None },
    NativeFunction { name: "rep", call: rep, intrinsic: None },
    NativeFunction { name: "reverse", call: reverse, intrinsic: None },
    NativeFunction { name: "sub", call: sub, intrinsic: Some(Intrinsic::StringSub) },
    NativeFunction { name: "upper", call: upper, intrinsic: None },
    NativeFunction { name: "pack", call: pack::pack, intrinsic: None },
    NativeFunction { name: "packsize", call: pack::packsize, intrinsic: None },
    NativeFunction { name: "unpack", call: pack::unpack, intrinsic: None },
];

/// Strings get the library as their methods.
pub fn finish(vm: &mut Vm, library: TableRef) {
    let metatable = arith::string_metatable(vm, library);
    let any_string = vm.heap.new_string_value(b"");
    vm.set_metatable_of(any_string, Some(metatable));
}

/// PUC's limit for the length of strings that it computes in an `int`.
pub(super) const MAX_LEN: u64 = i32::MAX as u64;

/// A start position as a one-based index, at least 1.
pub(super) fn start_position(position: i64, len: usize) -> usize {
    match position {
        1.. => position as usize,
        0 => 1,
        _ if position < -(len as i64) => 1,
        _ => (len as i64 + position + 1) as usize,
    }
}

/// An end position as a one-based index in `0..=len`.
fn end_position(position: i64, len: usize) -> usize {
    match position {
        0.. => position.min(len as i64) as usize,
        _ if position < -(len as i64) => 0,
        _ => (len as i64 + position + 1) as usize,
    }
}

fn len(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let len = vm.check_str(args, 1)?.len();
    vm.ret(Value::int(len as i64))
}

fn sub(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let bytes = vm.check_str(args, 1)?.as_bytes();
    let start = start_position(vm.check_int(args, 2)?, bytes.len());
    let end = end_position(vm.opt_int(args, 3, -1)?, bytes.len());
    vm.ret_str(if start <= end { &bytes[start - 1..end] } else { b"" })
}

fn reverse(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    map_bytes(vm, args, |bytes| bytes.reverse())
}

fn lower(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    map_bytes(vm, args, <[u8]>::make_ascii_lowercase)
}

fn upper(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    map_bytes(vm, args, <[u8]>::make_ascii_uppercase)
}

fn map_bytes(vm: &mut Vm, args: Args, change: fn(&mut [u8])) -> LuaResult<Returned> {
    let mut bytes = vm.check_str(args, 1)?.as_bytes().to_vec();
    change(&mut bytes);
    vm.ret_str(&bytes)
}

fn rep(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let unit = vm.check_str(args, 1)?.as_bytes();
    let count = vm.check_int(args, 2)?;
    let separator = vm.opt_str(args, 3)?.map_or(&b""[..], |separator| separator.as_bytes());
    if count <= 0 {
        return vm.ret_str(b"");
    }
    let step = unit.len() as u64 + separator.len() as u64;
    if step > MAX_LEN / count as u64 {
        return Err(vm.error("resulting string too large"));
    }
    if step == 0 {
        return vm.ret_str(b"");
    }
    let count = count as usize;
    vm.check_room(step as usize * count)?;
    let mut text = Vec::with_capacity(step as usize * count);
    for _ in 1..count {
        text.extend_from_slice(unit);
        text.extend_from_slice(separator);
    }
    text.extend_from_slice(unit);
    vm.ret_str(&text)
}

fn byte(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let bytes = vm.check_str(args, 1)?.as_bytes();
    let position = vm.opt_int(args, 2, 1)?;
    let start = start_position(position, bytes.len());
    let end = end_position(vm.opt_int(args, 3, position)?, bytes.len());
    if start > end {
        return vm.ret0();
    }
    let slice = &bytes[start - 1..end];
    if slice.len() as u64 > MAX_LEN {
        return Err(vm.error("string slice too long"));
    }
    vm.ensure_stack(slice.len(), "string slice too long")?;
    for byte in slice {
        vm.push(Value::int(i64::from(*byte)));
    }
    vm.ret_pushed(slice.len())
}

fn char(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let mut bytes = Vec::with_capacity(args.len());
    for n in 1..=args.len() {
        match u8::try_from(vm.check_int(args, n)?) {
            Ok(byte) => bytes.push(byte),
            Err(_) => return Err(vm.arg_error(n, "value out of range")),
        }
    }
    vm.ret_str(&bytes)
}

fn dump(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let strip = !vm.arg(args, 2).is_falsy();
    let function = vm.check_type(args, 1, BasicType::Function)?;
    match function.as_closure() {
        Some(closure) => vm.ret_str(&crate::bytecode::dump(&closure.proto().proto, strip)),
        None => Err(vm.error("unable to dump given function")),
    }
}

const FLOAT_FLAGS: &[u8] = b"-+#0 ";
const HEX_FLAGS: &[u8] = b"-#0";
const DECIMAL_FLAGS: &[u8] = b"-+0 ";
const UNSIGNED_FLAGS: &[u8] = b"-0";
const TEXT_FLAGS: &[u8] = b"-";

fn format(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let template = vm.check_str(args, 1)?.as_bytes();
    let mut out = Vec::with_capacity(template.len());
    let mut rest = template;
    let mut n = 1;
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            out.push(first);
            rest = after;
        } else if after.first() == Some(&b'%') {
            out.push(b'%');
            rest = &after[1..];
        } else {
            n += 1;
            if n > args.len() {
                return Err(vm.arg_error(n, "no value"));
            }
            let text = format::scan(after).map_err(|message| vm.error(message))?;
            convert(vm, args, n, text, &mut out)?;
            rest = &after[text.len()..];
        }
    }
    vm.check_room(out.len())?;
    vm.ret_str(&out)
}

/// Writes argument `n` as the specification `text` (without its `%`) says.
fn convert(vm: &mut Vm, args: Args, n: usize, text: &[u8], out: &mut Vec<u8>) -> LuaResult<()> {
    let parse = |vm: &mut Vm, flags: &[u8], takes_precision: bool| {
        Spec::parse(text, flags, takes_precision).map_err(|message| vm.error(message))
    };
    // The order of the two checks is PUC's: it shows when both fail.
    match text.last().copied().unwrap_or(0) {
        b'c' => {
            let spec = parse(vm, TEXT_FLAGS, false)?;
            spec.char(out, vm.check_int(args, n)? as u8);
        }
        conversion @ (b'd' | b'i' | b'u' | b'o' | b'x' | b'X') => {
            let flags = match conversion {
                b'd' | b'i' => DECIMAL_FLAGS,
                b'u' => UNSIGNED_FLAGS,
                _ => HEX_FLAGS,
            };
            let int = vm.check_int(args, n)?;
            parse(vm, flags, true)?.int(out, int);
        }
        b'a' | b'A' => {
            let spec = parse(vm, FLOAT_FLAGS, true)?;
            spec.float(out, vm.check_float(args, n)?);
        }
        b'f' | b'e' | b'E' | b'g' | b'G' => {
            let float = vm.check_float(args, n)?;
            parse(vm, FLOAT_FLAGS, true)?.float(out, float);
        }
        b'p' => {
            let spec = parse(vm, TEXT_FLAGS, false)?;
            let value = vm.arg(args, n);
            match value.tag() {
                Tag::Nil | Tag::False | Tag::True | Tag::Int | Tag::Float => {
                    spec.str(out, b"(null)");
                }
                _ => {
                    vm.shown.address = true;
                    spec.pointer(out, value.payload());
                }
            }
        }
        b'q' if text.len() > 1 => {
            return Err(vm.error("specifier '%q' cannot have modifiers"));
        }
        b'q' => quote(vm, n, vm.arg(args, n), out)?,
        b's' => {
            let shown = vm.to_string(vm.arg(args, n))?.as_bytes();
            if text.len() == 1 {
                out.extend_from_slice(shown);
                return Ok(());
            }
            if shown.contains(&0) {
                return Err(vm.arg_error(n, "string contains zeros"));
            }
            parse(vm, TEXT_FLAGS, true)?.str(out, shown);
        }
        _ => return Err(vm.error(format::unknown_conversion(text))),
    }
    Ok(())
}

/// `%q`: the value as a Lua literal.
fn quote(vm: &mut Vm, n: usize, value: Value, out: &mut Vec<u8>) -> LuaResult<()> {
    if let Some(string) = value.as_str() {
        format::quote_str(out, string.as_bytes());
    } else if let Some(int) = value.as_int() {
        format::quote_int(out, int);
    } else if let Some(float) = value.as_float() {
        format::quote_float(out, float);
    } else if matches!(BasicType::of(value), BasicType::Nil | BasicType::Boolean) {
        out.extend_from_slice(vm.to_string(value)?.as_bytes());
    } else {
        return Err(vm.arg_error(n, "value has no literal form"));
    }
    Ok(())
}

#[cold]
fn pattern_error(vm: &mut Vm, error: PatternError) -> Box<LuaError> {
    vm.error(error.to_string())
}

/// Capture `i` of a match as a value.
fn capture(vm: &mut Vm, subject: &[u8], found: &Match, i: usize) -> LuaResult<Value> {
    match found.capture(i) {
        Ok(Captured::Range(from, to)) => Ok(vm.heap.new_string_value(&subject[from..to])),
        Ok(Captured::Position(position)) => Ok(Value::int(position as i64)),
        Err(error) => Err(pattern_error(vm, error)),
    }
}

/// Pushes the first `count` captures.
fn push_captures(vm: &mut Vm, subject: &[u8], found: &Match, count: usize) -> LuaResult<()> {
    vm.ensure_stack(count, "too many captures")?;
    for i in 0..count {
        let value = capture(vm, subject, found, i)?;
        vm.push(value);
    }
    Ok(())
}

/// A leading `^` anchors the match and is not part of the pattern.
fn split_anchor(pattern: &[u8]) -> (bool, &[u8]) {
    match pattern.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, pattern),
    }
}

fn find(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    search(vm, args, true)
}

fn match_first(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    search(vm, args, false)
}

fn search(vm: &mut Vm, args: Args, wants_range: bool) -> LuaResult<Returned> {
    let subject = vm.check_str(args, 1)?.as_bytes();
    let pattern = vm.check_str(args, 2)?.as_bytes();
    let start = start_position(vm.opt_int(args, 3, 1)?, subject.len()) - 1;
    if start > subject.len() {
        return vm.ret(Value::NIL);
    }
    if wants_range && (!vm.arg(args, 4).is_falsy() || pattern::is_plain(pattern)) {
        return match pattern::find_plain(subject, pattern, start) {
            Some(at) => vm.ret_all(&range(at, at + pattern.len())),
            None => vm.ret(Value::NIL),
        };
    }
    let (anchored, pattern) = split_anchor(pattern);
    let found = pattern::search(subject, pattern, start, anchored);
    let Some(found) = found.map_err(|error| pattern_error(vm, error))? else {
        return vm.ret(Value::NIL);
    };
    if !wants_range {
        push_captures(vm, subject, &found, found.num_values())?;
        return vm.ret_pushed(found.num_values());
    }
    for value in range(found.start, found.end) {
        vm.push(value);
    }
    push_captures(vm, subject, &found, found.num_captures())?;
    vm.ret_pushed(found.num_captures() + 2)
}

/// The subject's bytes `start..end` as the positions that Lua shows.
fn range(start: usize, end: usize) -> [Value; 2] {
    [Value::int(start as i64 + 1), Value::int(end as i64)]
}

/// Upvalues of the iterator: subject, pattern, where to go on, end of the last match (-1 before the
/// first).
static GMATCH_STEP: NativeFunction =
    NativeFunction { name: "gmatch_step", call: gmatch_step, intrinsic: None };

fn gmatch(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let subject = vm.check_str(args, 1)?;
    let pattern = vm.check_str(args, 2)?;
    let start = start_position(vm.opt_int(args, 3, 1)?, subject.len()) - 1;
    let start = start.min(subject.len() + 1) as i64;
    let state = [subject.into(), pattern.into(), Value::int(start), Value::int(-1)];
    let step = vm.heap.new_native_closure(&GMATCH_STEP, &state);
    vm.keep_args(args, 0);
    vm.ret(Value::from(step))
}

fn gmatch_step(vm: &mut Vm, _: Args) -> LuaResult<Returned> {
    let string = |vm: &Vm, n| vm.native_upvalue(n).as_str().map(StrRef::as_bytes);
    let position = |vm: &Vm, n| vm.native_upvalue(n).as_int();
    let (Some(subject), Some(pattern)) = (string(vm, 1), string(vm, 2)) else {
        unreachable!("upvalues 1 and 2 are strings");
    };
    let (Some(start), Some(last_end)) = (position(vm, 3), position(vm, 4)) else {
        unreachable!("upvalues 3 and 4 are positions");
    };
    for at in start as usize..=subject.len() {
        let found = pattern::match_at(subject, pattern, at);
        match found.map_err(|error| pattern_error(vm, error))? {
            Some(found) if found.end as i64 != last_end => {
                let end = Value::int(found.end as i64);
                vm.set_native_upvalue(3, end);
                vm.set_native_upvalue(4, end);
                push_captures(vm, subject, &found, found.num_values())?;
                return vm.ret_pushed(found.num_values());
            }
            _ => {}
        }
    }
    vm.ret0()
}

fn gsub(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let subject = vm.check_str(args, 1)?.as_bytes();
    let pattern = vm.check_str(args, 2)?.as_bytes();
    let kind = BasicType::of(vm.arg(args, 3));
    let max_count = vm.opt_int(args, 4, subject.len() as i64 + 1)?;
    if !matches!(
        kind,
        BasicType::Number | BasicType::String | BasicType::Function | BasicType::Table
    ) {
        return Err(vm.arg_type_error(args, 3, "string/function/table"));
    }
    if kind == BasicType::Number {
        vm.check_str(args, 3)?;
    }
    let (anchored, pattern) = split_anchor(pattern);
    let mut out = Vec::new();
    let (mut at, mut last_end) = (0, None);
    let mut count = 0;
    let mut changed = false;
    while count < max_count {
        let found = pattern::match_at(subject, pattern, at);
        match found.map_err(|error| pattern_error(vm, error))? {
            Some(found) if last_end != Some(found.end) => {
                count += 1;
                changed |= replace(vm, vm.arg(args, 3), subject, &found, &mut out)?;
                at = found.end;
                last_end = Some(at);
            }
            _ if at < subject.len() => {
                out.push(subject[at]);
                at += 1;
            }
            _ => break,
        }
        if anchored {
            break;
        }
    }
    if changed {
        out.extend_from_slice(&subject[at..]);
        vm.check_room(out.len())?;
        let result = vm.heap.new_string_value(&out);
        vm.push(result);
    } else {
        // Where PUC has its buffer.
        vm.push(Value::NIL);
        vm.push(vm.arg(args, 1));
    }
    vm.push(Value::int(count));
    vm.ret_pushed(2)
}

/// Appends what replaces a match; false if the match stays as it is.
fn replace(
    vm: &mut Vm,
    replacement: Value,
    subject: &[u8],
    found: &Match,
    out: &mut Vec<u8>,
) -> LuaResult<bool> {
    if let Some(template) = replacement.as_str() {
        expand(vm, template.as_bytes(), subject, found, out)?;
        return Ok(true);
    }
    let value = if replacement.is_table() {
        let key = capture(vm, subject, found, 0)?;
        vm.push(key);
        let value = vm.index(replacement, key)?;
        vm.pop();
        value
    } else {
        vm.push(replacement);
        push_captures(vm, subject, found, found.num_values())?;
        vm.call_pushed(found.num_values(), 1)?;
        vm.pop()
    };
    if value.is_falsy() {
        out.extend_from_slice(&subject[found.start..found.end]);
        return Ok(false);
    }
    match text_of(value) {
        Some(text) => out.extend_from_slice(&text),
        None => {
            let message = format!("invalid replacement value (a {})", value.type_name());
            return Err(vm.error(message));
        }
    }
    Ok(true)
}

/// Appends a replacement string, with `%0` to `%9` and `%%` expanded.
fn expand(
    vm: &mut Vm,
    template: &[u8],
    subject: &[u8],
    found: &Match,
    out: &mut Vec<u8>,
) -> LuaResult<()> {
    let mut bytes = template.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'%') => out.push(b'%'),
            Some(b'0') => out.extend_from_slice(&subject[found.start..found.end]),
            Some(digit @ b'1'..=b'9') => match found.capture(usize::from(digit - b'1')) {
                Ok(Captured::Range(from, to)) => out.extend_from_slice(&subject[from..to]),
                Ok(Captured::Position(at)) => out.extend_from_slice(at.to_string().as_bytes()),
                Err(error) => return Err(pattern_error(vm, error)),
            },
            _ => return Err(vm.error("invalid use of '%' in replacement string")),
        }
    }
    Ok(())
}
