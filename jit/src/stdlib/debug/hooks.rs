//! `debug.sethook` and `debug.gethook`.
//!
//! In:  a function, a mask and a count.   Out: the hooks of a thread set (see `vm::hook`).

use super::thread_argument;
use crate::heap::Value;
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::hook::mask;
use crate::vm::native::{Args, BasicType, Returned};

/// The letters of a mask, in the order that `gethook` gives them.
const LETTERS: [(u8, u8); 3] = [(b'c', mask::CALL), (b'r', mask::RETURN), (b'l', mask::LINE)];

pub fn sethook(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let (thread, skipped) = thread_argument(vm, args);
    let mut events = 0;
    let mut count = 0;
    let hook = vm.arg(args, skipped + 1);
    if !hook.is_nil() {
        let text = vm.check_str(args, skipped + 2)?;
        vm.check_type(args, skipped + 1, BasicType::Function)?;
        count = vm.opt_int(args, skipped + 3, 0)? as i32;
        let text = text.as_bytes().split(|byte| *byte == 0).next().unwrap_or_default();
        for (letter, event) in LETTERS {
            if text.contains(&letter) {
                events |= event;
            }
        }
        if count > 0 {
            events |= mask::COUNT;
        }
    }
    let table = vm.hook_table();
    table.set_beyond_limit(&mut vm.heap, Value::from(thread), hook);
    vm.set_hook_events(thread, events, count);
    vm.ret0_after_hooks()
}

pub fn gethook(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let (thread, _) = thread_argument(vm, args);
    let (events, count) = vm.hook_events(thread);
    if events == 0 {
        return vm.ret(Value::NIL);
    }
    let hook = vm.hook_table().get(Value::from(thread));
    let letters = LETTERS.iter().filter(|(_, event)| events & event != 0);
    let text: Vec<u8> = letters.map(|(letter, _)| *letter).collect();
    let text = vm.heap.new_string_value(&text);
    vm.ret_all(&[hook, text, Value::int(i64::from(count))])
}
