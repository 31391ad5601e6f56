//! Arithmetic on strings: the metamethods of the string metatable.
//!
//! In:  two operands, at least one a string.   Out: the arithmetic of the numbers they denote, or
//! the other operand's metamethod, or PUC's error.

use super::metatable_field;
use crate::bytecode::Event;
use crate::heap::{TableRef, Value};
use crate::vm::Vm;
use crate::vm::error::LuaResult;
use crate::vm::native::{Args, NativeFunction, Returned};

static METAMETHODS: [NativeFunction; 8] = [
    NativeFunction { name: "__add", call: |vm, a| arith(vm, a, Event::Add), intrinsic: None },
    NativeFunction { name: "__sub", call: |vm, a| arith(vm, a, Event::Sub), intrinsic: None },
    NativeFunction { name: "__mul", call: |vm, a| arith(vm, a, Event::Mul), intrinsic: None },
    NativeFunction { name: "__mod", call: |vm, a| arith(vm, a, Event::Mod), intrinsic: None },
    NativeFunction { name: "__pow", call: |vm, a| arith(vm, a, Event::Pow), intrinsic: None },
    NativeFunction { name: "__div", call: |vm, a| arith(vm, a, Event::Div), intrinsic: None },
    NativeFunction { name: "__idiv", call: |vm, a| arith(vm, a, Event::IDiv), intrinsic: None },
    NativeFunction { name: "__unm", call: |vm, a| arith(vm, a, Event::Unm), intrinsic: None },
];

/// The metatable of all strings, whose `__index` is the string library.
pub(super) fn string_metatable(vm: &mut Vm, library: TableRef) -> TableRef {
    let metatable = vm.heap.new_table();
    for function in &METAMETHODS {
        metatable.set_name(&mut vm.heap, function.name, Value::native(function));
    }
    metatable.set_name(&mut vm.heap, "__index", Value::from(library));
    metatable
}

fn arith(vm: &mut Vm, args: Args, event: Event) -> LuaResult<Returned> {
    let (left, right) = (vm.arg(args, 1), vm.arg(args, 2));
    if let (Some(a), Some(b)) = (vm.to_number(left), vm.to_number(right)) {
        let result = vm.arith(event, a, b)?;
        if event == Event::Unm {
            // PUC pushes the operand twice, and the operator takes one.
            vm.push(a);
        }
        return vm.ret(result);
    }
    let metamethod = metatable_field(vm, right, event.name());
    if right.is_string() || metamethod.is_nil() {
        return Err(vm.error(format!(
            "attempt to {} a '{}' with a '{}'",
            &event.name()[2..],
            left.type_name(),
            right.type_name()
        )));
    }
    let result = vm.call1(metamethod, &[left, right])?;
    vm.ret(result)
}
