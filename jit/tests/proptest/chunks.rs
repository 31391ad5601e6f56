//! Binary chunks: what `string.dump` writes loads again; what is cut or changed does no harm.
//!
//! PUC trusts a chunk's body, so only what it refuses is compared: truncation and headers.

use crate::edges::quote;
use crate::harness::{cases, check, compare};
use plumb_jit::stdlib::open_all;
use plumb_jit::vm::Vm;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

const FUNCTIONS: &[&str] = &[
    "return 1, 2.5, 'text', nil, true, -0.0, math.mininteger",
    "local a, b = ... for i = 1, 3 do a = (a or 0) + i end return a, b, select('#', ...)",
    "local t = {1, 2, x = 3} local function f(n) return n <= 0 and t.x or f(n - 1) end return f(3), #t",
    "local s = '' for k, v in pairs({10, 20}) do s = s .. k .. v end goto done ::done:: return s",
    "local n <const>, c <close> = 1, nil while n > 2 do break end return n, c, string.rep('long', 30)",
    "return function(...) local x = ... return function() x = (x or 0) + 1 return x end end",
    "error('with a line')",
];

#[test]
fn dumps_load_again() {
    check(
        200,
        (select(FUNCTIONS), any::<bool>(), select(vec!["nil", "'b'", "'t'", "'bt'", "'x'"]))
            .prop_map(|(body, strip, mode)| {
                format!(
                    "do local s = string.dump(load({}, '=c'), {strip}) S(s)
             local f, m = load(s, 'again', {mode}) S(f and 1, m) if f then T(f) end end",
                    quote(body.as_bytes())
                )
            }),
    );
}

#[test]
fn truncated_chunks_are_refused() {
    for body in FUNCTIONS {
        compare(&format!(
            "local s = string.dump(load({})) for i = 0, #s - 1 do S(i, load(s:sub(1, i), '=cut', 'b')) end",
            quote(body.as_bytes())
        ))
        .unwrap_or_else(|difference| panic!("{difference}"));
    }
}

#[test]
fn headers_are_checked() {
    check(300, (select(FUNCTIONS), 0usize..31, any::<u8>()).prop_map(|(body, at, byte)| format!(
        "do local s = string.dump(load({})) S(load(s:sub(1, {at}) .. '\\{byte:03}' .. s:sub({at} + 2), '=head') and 1) end",
        quote(body.as_bytes())
    )));
}

/// Ours alone: a changed body is refused, or runs to some end.
#[test]
fn changed_chunks_do_no_harm() {
    let change = (0usize..1000, prop_oneof![any::<u8>().prop_map(Some), Just(None)]);
    let changes = proptest::collection::vec(change, 1..4);
    proptest!(cases(1500), |(body in select(FUNCTIONS), strip in any::<bool>(), changes in changes)| {
        let proto = plumb_jit::bytecode::load(body.as_bytes(), b"=c", "t", 0).expect("it compiles");
        let mut bytes = plumb_jit::bytecode::dump(&proto, strip);
        for (at, byte) in changes {
            let at = 31 + at % (bytes.len() - 31);
            match byte {
                Some(byte) => bytes[at] = byte,
                None => bytes[at] ^= 1 << (at % 8),
            }
        }
        if let Ok(proto) = plumb_jit::bytecode::load(&bytes, b"=c", "b", 0) {
            let mut vm = Vm::new();
            open_all(&mut vm);
            vm.heap.limit_bytes = 64 << 20;
            let limit = "local hook = debug.sethook return pcall, function() error('enough') end, hook";
            let limit = plumb_jit::bytecode::load(limit.as_bytes(), b"=l", "t", 0).expect("it compiles");
            let limit = vm.load(&Arc::new(limit));
            let limits = vm.call(limit.into(), &[]).expect("it runs");
            let empty = vm.heap.new_string(b"");
            let every = plumb_jit::heap::Value::int(10_000);
            vm.call(limits[2], &[limits[1], empty.into(), every]).expect("the hook is set");
            let chunk = vm.load(&Arc::new(proto));
            let _ = vm.call(limits[0], &[chunk.into()]);
        }
    });
}
