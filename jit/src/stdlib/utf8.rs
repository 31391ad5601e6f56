//! The `utf8` library.
//!
//! In:  byte strings.   Out: code points and byte positions.
//!
//! Invariants: as PUC, sequences of up to six bytes encode up to 2^31 - 1; unless an argument says
//! `lax`, surrogates and what lies above U+10FFFF are invalid. Overlong sequences always are.

use crate::heap::{TableRef, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::native::{Args, NativeFunction, Returned};

pub static FUNCTIONS: [NativeFunction; 5] = [
    NativeFunction { name: "offset", call: offset, intrinsic: None },
    NativeFunction { name: "codepoint", call: codepoint, intrinsic: None },
    NativeFunction { name: "char", call: char, intrinsic: None },
    NativeFunction { name: "len", call: len, intrinsic: None },
    NativeFunction { name: "codes", call: codes, intrinsic: None },
];

static CODES_STEP_STRICT: NativeFunction =
    NativeFunction { name: "codes_step", call: |vm, a| codes_step(vm, a, true), intrinsic: None };
static CODES_STEP_LAX: NativeFunction =
    NativeFunction { name: "codes_step", call: |vm, a| codes_step(vm, a, false), intrinsic: None };

/// Matches one character.
const CHAR_PATTERN: &[u8] = b"[\0-\x7F\xC2-\xFD][\x80-\xBF]*";
const MAX_CODE: u64 = 0x7fff_ffff;
const INVALID: &str = "invalid UTF-8 code";

pub fn finish(vm: &mut Vm, library: TableRef) {
    let pattern = vm.heap.new_string_value(CHAR_PATTERN);
    library.set_name(&mut vm.heap, "charpattern", pattern);
}

/// Is there a continuation byte at `at`? A string reads as a NUL just past its end.
fn is_continuation(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|byte| byte & 0xC0 == 0x80)
}

/// A position as given: negative counts from the end, 0 if before the start.
fn relative(position: i64, len: usize) -> i64 {
    match position {
        0.. => position,
        _ if position.unsigned_abs() > len as u64 => 0,
        _ => len as i64 + position + 1,
    }
}

/// Decodes the sequence at the start of `bytes`: code and length.
fn decode(bytes: &[u8], strict: bool) -> Option<(u32, usize)> {
    /// Least code for each number of continuation bytes.
    const LEAST: [u32; 6] = [0, 0x80, 0x800, 0x1_0000, 0x20_0000, 0x400_0000];
    let first = *bytes.first()?;
    let (code, len) = match first {
        0..0x80 => (u32::from(first), 1),
        // A continuation byte, or more than five of them announced.
        0x80..0xC0 | 0xFE.. => return None,
        _ => {
            let following = first.leading_ones() as usize - 1;
            let mut code = u32::from(first) & (0x3F >> following);
            for i in 1..=following {
                if !is_continuation(bytes, i) {
                    return None;
                }
                code = code << 6 | u32::from(bytes[i] & 0x3F);
            }
            if code < LEAST[following] {
                return None;
            }
            (code, following + 1)
        }
    };
    let is_scalar = char::from_u32(code).is_some();
    (is_scalar || !strict).then_some((code, len))
}

/// Appends the encoding of a code below 2^31.
fn encode(out: &mut Vec<u8>, code: u32) {
    if code < 0x80 {
        return out.push(code as u8);
    }
    let following = match code {
        0..0x800 => 1,
        0x800..0x1_0000 => 2,
        0x1_0000..0x20_0000 => 3,
        0x20_0000..0x400_0000 => 4,
        _ => 5,
    };
    let marker = 0xFFu8 << (7 - following);
    out.push(marker | (code >> (6 * following)) as u8);
    for i in (0..following).rev() {
        out.push(0x80 | (code >> (6 * i)) as u8 & 0x3F);
    }
}

fn len(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let bytes = vm.check_str(args, 1)?.as_bytes();
    let len = bytes.len() as i64;
    let first = relative(vm.opt_int(args, 2, 1)?, bytes.len());
    let last = relative(vm.opt_int(args, 3, -1)?, bytes.len());
    let strict = vm.arg(args, 4).is_falsy();
    if first < 1 || first - 1 > len {
        return Err(vm.arg_error(2, "initial position out of bounds"));
    }
    if last > len {
        return Err(vm.arg_error(3, "final position out of bounds"));
    }
    let mut at = first as usize - 1;
    let mut count = 0;
    while (at as i64) < last {
        match decode(&bytes[at..], strict) {
            Some((_, size)) => at += size,
            None => return vm.ret_all(&[Value::NIL, Value::int(at as i64 + 1)]),
        }
        count += 1;
    }
    vm.ret(Value::int(count))
}

fn codepoint(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let bytes = vm.check_str(args, 1)?.as_bytes();
    let first = relative(vm.opt_int(args, 2, 1)?, bytes.len());
    let last = relative(vm.opt_int(args, 3, first)?, bytes.len());
    let strict = vm.arg(args, 4).is_falsy();
    if first < 1 {
        return Err(vm.arg_error(2, "out of bounds"));
    }
    if last > bytes.len() as i64 {
        return Err(vm.arg_error(3, "out of bounds"));
    }
    if first > last {
        return vm.ret0();
    }
    if last - first >= i64::from(i32::MAX) {
        return Err(vm.error("string slice too long"));
    }
    vm.ensure_stack((last - first) as usize + 1, "string slice too long")?;
    let mut at = first as usize - 1;
    let mut count = 0;
    while (at as i64) < last {
        let Some((code, size)) = decode(&bytes[at..], strict) else {
            return Err(vm.error(INVALID));
        };
        vm.push(Value::int(i64::from(code)));
        at += size;
        count += 1;
    }
    vm.ret_pushed(count)
}

fn char(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let mut out = Vec::new();
    for n in 1..=args.len() {
        let code = vm.check_int(args, n)? as u64;
        if code > MAX_CODE {
            return Err(vm.arg_error(n, "value out of range"));
        }
        encode(&mut out, code as u32);
    }
    vm.ret_str(&out)
}

fn offset(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let bytes = vm.check_str(args, 1)?.as_bytes();
    let n = vm.check_int(args, 2)?;
    let default = if n >= 0 { 1 } else { bytes.len() as i64 + 1 };
    let start = relative(vm.opt_int(args, 3, default)?, bytes.len());
    if start < 1 || start - 1 > bytes.len() as i64 {
        return Err(vm.arg_error(3, "position out of bounds"));
    }
    let start = start as usize - 1;
    if n != 0 && is_continuation(bytes, start) {
        return Err(vm.error("initial position is a continuation byte"));
    }
    let found = character_start(bytes, start, n);
    vm.ret(found.map_or(Value::NIL, |at| Value::int(at as i64 + 1)))
}

/// Where the `n`-th character from `at` starts; 0 is the one that `at` is in.
fn character_start(bytes: &[u8], mut at: usize, n: i64) -> Option<usize> {
    let back = |mut at: usize| {
        while at > 0 && is_continuation(bytes, at) {
            at -= 1;
        }
        at
    };
    if n == 0 {
        return Some(back(at));
    }
    let mut left = n;
    while left < 0 && at > 0 {
        at = back(at - 1);
        left += 1;
    }
    while left > 1 && at < bytes.len() {
        at += 1;
        while is_continuation(bytes, at) {
            at += 1;
        }
        left -= 1;
    }
    let is_found = left == 0 || (n > 0 && left == 1);
    is_found.then_some(at)
}

fn codes(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let lax = !vm.arg(args, 2).is_falsy();
    let string = vm.check_str(args, 1)?;
    if is_continuation(string.as_bytes(), 0) {
        return Err(vm.arg_error(1, INVALID));
    }
    let step = if lax { &CODES_STEP_LAX } else { &CODES_STEP_STRICT };
    vm.ret_all(&[Value::native(step), Value::from(string), Value::int(0)])
}

fn codes_step(vm: &mut Vm, args: Args, strict: bool) -> LuaResult<Returned> {
    let bytes = vm.check_str(args, 1)?.as_bytes();
    // As `lua_tointeger`: what is no integer counts as 0.
    let position = vm.to_number(vm.arg(args, 2)).and_then(crate::vm::arith::to_integer);
    let position = position.unwrap_or(0) as u64;
    if position >= bytes.len() as u64 {
        return vm.ret0();
    }
    let mut at = position as usize;
    while is_continuation(bytes, at) {
        at += 1;
    }
    if at >= bytes.len() {
        return vm.ret0();
    }
    match decode(&bytes[at..], strict) {
        Some((code, size)) if !is_continuation(bytes, at + size) => {
            vm.ret_all(&[Value::int(at as i64 + 1), Value::int(i64::from(code))])
        }
        _ => Err(vm.error(INVALID)),
    }
}
