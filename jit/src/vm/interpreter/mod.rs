//! The interpreter loop.
//!
//! In:  the frame on top.   Out: everything above and including the innermost fresh frame has run, or
//! an error that the caller unwinds.
//!
//! Here is the loop itself; what it reads and calls is beside it: [`operands`], [`calls`], what instructions
//! [`build`], [`numeric_for`].
//!
//! One function, one `match`: the compiler then keeps the instruction pointer, the register base, the
//! constants and the tick counter in machine registers. Fast paths are inline; everything that may
//! call, raise or allocate is a cold function, before which [`save`] writes the local state back and
//! after which the loop reloads it from the frame on top ('reload).
//!
//! Invariants (upheld by the bytecode verifier, the compiler and `Vm::push_lua_call`):
//! - registers named by instructions are below `max_stack_size`, and the stack has that room;
//! - constant, upvalue, proto and jump operands are in range;
//! - code ends in a return, so the instruction pointer stays inside the code.
//!
//! The clock: one decrement and one branch an instruction. `ticks` counts instructions down to the
//! next tick; see `Vm::clock` for what is counted.

mod build;
mod calls;
mod numeric_for;
mod operands;

use super::Vm;
use super::arith::{self, MODULO_BY_ZERO, to_integer};
use super::call::{After, Flow};
use super::error::LuaResult;
use super::frame::{ThreadState, flag};
use super::meta::{Lookup, Store, ZERO_DIVISION};
use super::native::Intrinsic;
use super::proto::{NEVER_HOT, RuntimeProto};
use crate::bytecode::{Event, Instruction, Op};
use crate::heap::layout::Closure;
use crate::heap::number::{
    float_floor_div, float_mod, float_pow, int_floor_div, int_mod, shift_left, shift_right,
};
use crate::heap::{StrRef, Tag, Value};
use numeric_for::float_for_step;
use operands::{Constants, Cursor, Operand, Registers};

/// Largest operand C, the unit of EXTRAARG.
const EXTRA_UNIT: usize = 256;

/// How the arguments of a call were counted.
#[inline(always)]
fn count_from(operand: usize, first: usize, top: u32) -> usize {
    if operand != 0 { operand - 1 } else { top as usize - first }
}

impl Vm {
    /// Runs until the innermost fresh frame has returned.
    pub(crate) fn run(&mut self) -> LuaResult<()> {
        'reload: loop {
            let frame = self.thread.top_frame();
            let mut registers = Registers(self.thread.stack.slot(frame.func as usize + 1));
            let mut pc = Cursor(frame.saved_pc);
            let (mut constants, mut hot_bias) = proto_parts(registers.closure());
            let mut ticks = self.ticks_left;

            /// Goes on with the frame on top as 'reload does, without a detour of the clock.
            macro_rules! resume {
                () => {{
                    let frame = self.thread.top_frame();
                    registers = Registers(self.thread.stack.slot(frame.func as usize + 1));
                    pc = Cursor(frame.saved_pc);
                    (constants, hot_bias) = proto_parts(registers.closure());
                    continue;
                }};
            }
            /// Goes on with the first instruction of a function whose frame was pushed.
            macro_rules! enter {
                ($proto:expr, $func:expr) => {{
                    let proto: &RuntimeProto = $proto;
                    registers = Registers(self.thread.stack.slot($func + 1));
                    pc = Cursor(proto.code);
                    (constants, hot_bias) = (Constants(proto.constants.as_ptr()), proto.hot_bias);
                    continue;
                }};
            }
            /// Makes the end of this arm differ from that of all others. Otherwise the compiler lets
            /// arms that end alike share that end, at the price of a jump and of common registers.
            macro_rules! apart {
                ($what:literal) => {
                    // SAFETY: a comment, no instruction.
                    #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
                    unsafe {
                        std::arch::asm!(
                            concat!("/* ", $what, line!(), " */"),
                            options(nomem, nostack, preserves_flags)
                        )
                    }
                };
            }

            /// Writes the local state back.
            macro_rules! save {
                () => {{
                    self.ticks_left = ticks;
                    self.set_saved_pc(pc.0);
                }};
            }
            /// Runs something that may raise but neither calls nor moves anything.
            macro_rules! attempt {
                ($result:expr) => {
                    match $result {
                        Ok(value) => value,
                        Err(error) => return Err(error),
                    }
                };
            }
            /// Runs something that may call; the frame on top goes on in either case.
            macro_rules! call {
                ($flow:expr) => {
                    call!($flow, |thread: &ThreadState| thread.top_frame().top as usize)
                };
                ($flow:expr, $end:expr) => {{
                    save!();
                    match $flow {
                        Ok(Flow::Done) => {
                            let end = $end(&self.thread);
                            attempt!(self.collect_if_due(end));
                            continue 'reload;
                        }
                        Ok(Flow::Enter) => continue 'reload,
                        Ok(Flow::Exit) => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }};
            }
            /// An allocation point after an instruction that set R[A], above which no register is in use.
            /// The state was saved; a finalizer may change it.
            macro_rules! collect {
                ($i:expr) => {
                    if self.heap.collection_due() {
                        let end = self.register_index($i.a()) + 1;
                        attempt!(self.collect_due(end));
                        continue 'reload;
                    }
                };
            }
            macro_rules! raise {
                ($error:expr) => {{
                    save!();
                    return Err($error);
                }};
            }
            /// Arrives at `pc` by a backward jump.
            macro_rules! loop_head {
                () => {{
                    let counter = hot_bias.wrapping_add(pc.0 as usize >> 1) as *mut u16;
                    // SAFETY: the counter of the instruction at `pc` (see `proto_parts`); counters are
                    // cells, which only this thread uses.
                    let count = unsafe { *counter };
                    if count != NEVER_HOT {
                        unlikely();
                        if count == 0 {
                            save!();
                            self.call_loop_head();
                            continue 'reload;
                        }
                        // SAFETY: as above.
                        unsafe { *counter = count - 1 };
                    }
                }};
            }
            macro_rules! jump {
                ($distance:expr) => {{
                    let distance: isize = $distance;
                    pc.skip(distance);
                    if distance < 0 {
                        loop_head!();
                    }
                }};
            }
            /// A test: does the next jump, or skips it.
            macro_rules! test {
                ($i:expr, $condition:expr) => {{
                    let condition: bool = $condition;
                    if condition != $i.k() {
                        pc.skip(1);
                        apart!("skip");
                    } else {
                        let distance = pc.peek().sj() as isize;
                        pc.skip(distance + 1);
                        if distance < 0 {
                            loop_head!();
                        }
                        apart!("jump");
                    }
                }};
            }
            /// Arithmetic on two values; the MMBIN after it is skipped if they are numbers. Payloads are
            /// read as what their tags say, so that a float goes straight to a float register.
            macro_rules! arith {
                ($i:expr, $left:expr, $right:expr, |$a:ident, $b:ident| $int:expr, |$x:ident, $y:ident| $float:expr) => {{
                    let (left, right) = (Operand($left), Operand($right));
                    match (left.tag(), right.tag()) {
                        (Tag::Int, Tag::Int) => {
                            let ($a, $b) = (left.int(), right.int());
                            registers.set($i.a(), Value::int($int));
                            pc.skip(1);
                            apart!("int");
                        }
                        (Tag::Float, Tag::Float) => {
                            let ($x, $y) = (left.float(), right.float());
                            registers.set($i.a(), Value::float($float));
                            pc.skip(1);
                            apart!("float");
                        }
                        (Tag::Int, Tag::Float) => {
                            let ($x, $y) = (left.int() as f64, right.float());
                            registers.set($i.a(), Value::float($float));
                            pc.skip(1);
                            apart!("int, float");
                        }
                        (Tag::Float, Tag::Int) => {
                            let ($x, $y) = (left.float(), right.int() as f64);
                            registers.set($i.a(), Value::float($float));
                            pc.skip(1);
                            apart!("float, int");
                        }
                        _ => unlikely(),
                    }
                }};
            }
            macro_rules! arith_float {
                ($i:expr, $left:expr, $right:expr, |$x:ident, $y:ident| $float:expr) => {{
                    let (left, right) = (Operand($left), Operand($right));
                    if let (Tag::Float, Tag::Float) = (left.tag(), right.tag()) {
                        let ($x, $y) = (left.float(), right.float());
                        registers.set($i.a(), Value::float($float));
                        pc.skip(1);
                        apart!("float");
                    } else if let (Some($x), Some($y)) = (left.to_float(), right.to_float()) {
                        registers.set($i.a(), Value::float($float));
                        pc.skip(1);
                        apart!("mixed");
                    }
                }};
            }
            macro_rules! bitwise {
                ($i:expr, $left:expr, $right:expr, |$a:ident, $b:ident| $int:expr) => {{
                    let (left, right) = (Operand($left), Operand($right));
                    if let (Tag::Int, Tag::Int) = (left.tag(), right.tag()) {
                        let ($a, $b) = (left.int(), right.int());
                        registers.set($i.a(), Value::int($int));
                        pc.skip(1);
                        apart!("int");
                    } else if let Some(($a, $b)) = to_integers(left.value(), right.value()) {
                        registers.set($i.a(), Value::int($int));
                        pc.skip(1);
                        apart!("mixed");
                    }
                }};
            }
            macro_rules! divide {
                ($a:expr, $b:expr) => {
                    match int_floor_div($a, $b) {
                        Some(quotient) => quotient,
                        None => raise!(self.runtime_error(ZERO_DIVISION)),
                    }
                };
            }
            macro_rules! modulo {
                ($a:expr, $b:expr) => {
                    match int_mod($a, $b) {
                        Some(rest) => rest,
                        None => raise!(self.runtime_error(MODULO_BY_ZERO)),
                    }
                };
            }
            macro_rules! order {
                ($i:expr, |$a:ident, $b:ident| $compare:expr, $general:path, $event:expr) => {{
                    let (left, right) =
                        (Operand(registers.at($i.a())), Operand(registers.at($i.b())));
                    match (left.tag(), right.tag()) {
                        (Tag::Int, Tag::Int) => {
                            let ($a, $b) = (left.int(), right.int());
                            test!($i, $compare);
                        }
                        (Tag::Float, Tag::Float) => {
                            let ($a, $b) = (left.float(), right.float());
                            test!($i, $compare);
                        }
                        _ => {
                            unlikely();
                            let (left, right) = (left.value(), right.value());
                            match $general(left, right) {
                                Some(condition) => test!($i, condition),
                                None => call!(self.order_operation(left, right, $event)),
                            }
                        }
                    }
                }};
            }
            macro_rules! order_immediate {
                ($i:expr, |$a:ident, $b:ident| $compare:expr, $swap:expr, $event:expr) => {{
                    let operand = Operand(registers.at($i.a()));
                    let immediate = $i.sb();
                    if operand.tag() == Tag::Int {
                        let ($a, $b) = (operand.int(), i64::from(immediate));
                        test!($i, $compare);
                    } else if operand.tag() == Tag::Float {
                        let ($a, $b) = (operand.float(), f64::from(immediate));
                        test!($i, $compare);
                    } else {
                        let operand = operand.value();
                        let immediate = if $i.c() != 0 {
                            Value::float(f64::from(immediate))
                        } else {
                            Value::int(i64::from(immediate))
                        };
                        let (left, right) =
                            if $swap { (immediate, operand) } else { (operand, immediate) };
                        call!(self.order_operation(left, right, $event))
                    }
                }};
            }
            /// Reads `object[key]` into R[A] when `slot` was not found or empty.
            macro_rules! get_slow {
                ($i:expr, $object:expr, $key:expr) => {{
                    let (object, key): (*const Value, Value) = ($object, $key);
                    save!();
                    match attempt!(self.lookup(object, key)) {
                        Lookup::Found(value) => registers.set($i.a(), value),
                        Lookup::Call(metamethod, receiver) => {
                            call!(self.call_metamethod(metamethod, &[receiver, key], 1, 0))
                        }
                    }
                }};
            }
            macro_rules! set_slow {
                ($object:expr, $key:expr, $value:expr) => {{
                    let (object, key, value): (*const Value, Value, Value) =
                        ($object, $key, $value);
                    save!();
                    match attempt!(self.store(object, key, value)) {
                        Store::Done => {}
                        Store::Call(metamethod, receiver) => {
                            call!(self.call_metamethod(metamethod, &[receiver, key, value], 0, 0))
                        }
                    }
                }};
            }
            /// Reads the slot that a table has for a key; otherwise, `missing`.
            macro_rules! get {
                ($i:expr, $object:expr, |$table:ident| $find:expr, |$lacks:ident| $lacking:expr, $otherwise:expr) => {{
                    let object = Operand($object);
                    if object.tag() == Tag::Table {
                        let $table = object.table();
                        let slot: *mut Value = $find;
                        // SAFETY: a slot that is not null is inside the table.
                        if !slot.is_null() && unsafe { !(*slot).is_nil() } {
                            // SAFETY: as above.
                            registers.set($i.a(), unsafe { *slot });
                            apart!("found");
                            continue;
                        }
                        unlikely();
                        let $lacks = $table;
                        $lacking
                    }
                    unlikely();
                    $otherwise
                }};
            }
            /// Reads a field by name.
            macro_rules! get_name {
                ($i:expr, $object:expr, $name:expr) => {{
                    let name: StrRef = $name;
                    get!(
                        $i,
                        $object,
                        |table| table.short_str_slot(name),
                        |table| {
                            if let Some(value) = self.inherited(table, name) {
                                registers.set($i.a(), value);
                                continue;
                            }
                        },
                        get_slow!($i, $object, Value::from(name))
                    )
                }};
            }
            macro_rules! get_index {
                ($i:expr, $object:expr, $index:expr) => {{
                    let index: i64 = $index;
                    get!(
                        $i,
                        $object,
                        |table| table.int_slot(index),
                        |_table| {},
                        get_slow!($i, $object, Value::int(index))
                    )
                }};
            }
            macro_rules! set {
                ($object:expr, $key:expr, $value:expr, |$table:ident| $find:expr) => {{
                    let object = Operand($object);
                    let value: Value = $value;
                    if object.tag() == Tag::Table {
                        let $table = object.table();
                        let slot: *mut Value = $find;
                        if !slot.is_null() {
                            // SAFETY: a slot that is not null is inside the table.
                            if unsafe { !(*slot).is_nil() } {
                                self.heap.barrier($table.as_ptr().cast(), value);
                                // SAFETY: as above.
                                unsafe { *slot = value };
                                apart!("there");
                                continue;
                            }
                            unlikely();
                            // With a metatable, a metamethod may ask for the store.
                            if $table.metatable().is_none() {
                                $table.invalidate_metamethods();
                                self.heap.barrier($table.as_ptr().cast(), value);
                                // SAFETY: as above.
                                unsafe { *slot = value };
                                apart!("empty");
                                continue;
                            }
                        }
                    }
                    unlikely();
                    set_slow!($object, $key, value)
                }};
            }
            macro_rules! register_or_constant {
                ($i:expr) => {
                    if $i.k() { constants.get($i.c()) } else { registers.get($i.c()) }
                };
            }
            /// Returns `count` values from slot `first` on.
            macro_rules! return_values {
                ($func:expr, $first:expr, $count:expr) => {{
                    let (func, first, count): (usize, usize, usize) = ($func, $first, $count);
                    let (wanted, flags) = self.pop_returning();
                    self.move_results(func, first, count, wanted);
                    if flags & !flag::TAIL == 0 {
                        resume!();
                    }
                    self.ticks_left = ticks;
                    if attempt!(self.after_return(flags, false)) == After::Exit {
                        return Ok(());
                    }
                    continue 'reload;
                }};
            }

            // The dispatch that follows fits into one cache line if it begins one; whether it crosses a
            // border is otherwise left to the linker, and costs up to a third of the time.
            #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
            // SAFETY: padding, which does nothing.
            unsafe {
                std::arch::asm!(".p2align 6", options(nomem, nostack, preserves_flags));
            }
            loop {
                ticks = ticks.wrapping_sub(1);
                if ticks == 0 {
                    // The instruction at `pc` is about to execute and not yet counted.
                    ticks = 1;
                    save!();
                    if let Err(error) = self.call_tick() {
                        pc.skip(1);
                        ticks = self.ticks_left;
                        save!();
                        return Err(error);
                    }
                    if self.thread.hooks.mask != 0 && pc.peek().op() == Op::TForCall {
                        // Hooks see the call of the iterator, whatever it is.
                        ticks = self.ticks_left.wrapping_sub(1);
                        let i = pc.fetch();
                        call!(self.call_iterator(i))
                    }
                    // Hooks may have moved the stack. No tick comes before the next instruction.
                    continue 'reload;
                }
                let i = pc.fetch();
                match i.op() {
                    Op::Move => {
                        registers.set(i.a(), registers.get(i.b()));
                        apart!("");
                    }
                    Op::LoadI => {
                        registers.set(i.a(), Value::int(i64::from(i.sbx())));
                        apart!("");
                    }
                    Op::LoadF => registers.set(i.a(), Value::float(f64::from(i.sbx()))),
                    Op::LoadK => {
                        registers.set(i.a(), constants.get(i.bx()));
                        apart!("");
                    }
                    Op::LoadKX => {
                        let extra = pc.fetch();
                        registers.set(i.a(), constants.get(extra.ax()));
                    }
                    Op::LoadFalse => registers.set(i.a(), Value::FALSE),
                    Op::LFalseSkip => {
                        registers.set(i.a(), Value::FALSE);
                        pc.skip(1);
                    }
                    Op::LoadTrue => registers.set(i.a(), Value::TRUE),
                    Op::LoadNil => {
                        for register in i.a()..=i.a() + i.b() {
                            registers.set(register, Value::NIL);
                        }
                    }
                    Op::GetUpval => {
                        // SAFETY: an upvalue's location is valid.
                        let value = unsafe { *registers.upvalue(i.b()) };
                        registers.set(i.a(), value);
                        apart!("");
                    }
                    Op::SetUpval => {
                        registers.upvalue_object(i.b()).set(&mut self.heap, registers.get(i.a()));
                    }
                    Op::GetTabUp => get_name!(i, registers.upvalue(i.b()), constants.string(i.c())),
                    Op::GetTable => {
                        let key = Operand(registers.at(i.c()));
                        match key.tag() {
                            Tag::Int => get_index!(i, registers.at(i.b()), key.int()),
                            Tag::Str if key.string().is_short() => {
                                get_name!(i, registers.at(i.b()), key.string())
                            }
                            _ => {
                                let key = key.value();
                                get!(
                                    i,
                                    registers.at(i.b()),
                                    |table| table.slot(key),
                                    |_table| {},
                                    get_slow!(i, registers.at(i.b()), key)
                                )
                            }
                        }
                    }
                    Op::GetI => get_index!(i, registers.at(i.b()), i.c() as i64),
                    Op::GetField => get_name!(i, registers.at(i.b()), constants.string(i.c())),
                    Op::SetTabUp => {
                        let key = constants.string(i.b());
                        set!(
                            registers.upvalue(i.a()),
                            Value::from(key),
                            register_or_constant!(i),
                            |table| table.short_str_slot(key)
                        )
                    }
                    Op::SetTable => {
                        let key = registers.get(i.b());
                        let value = register_or_constant!(i);
                        if let Some(index) = key.as_int() {
                            set!(registers.at(i.a()), key, value, |table| table.int_slot(index))
                        } else if let Some(name) = key.as_str()
                            && name.is_short()
                        {
                            set!(registers.at(i.a()), key, value, |table| table
                                .short_str_slot(name))
                        } else {
                            set!(registers.at(i.a()), key, value, |table| table.slot(key))
                        }
                    }
                    Op::SetI => {
                        let index = i.b() as i64;
                        set!(
                            registers.at(i.a()),
                            Value::int(index),
                            register_or_constant!(i),
                            |table| table.int_slot(index)
                        )
                    }
                    Op::SetField => {
                        let key = constants.string(i.b());
                        set!(
                            registers.at(i.a()),
                            Value::from(key),
                            register_or_constant!(i),
                            |table| table.short_str_slot(key)
                        )
                    }
                    Op::NewTable => {
                        let extra = pc.fetch();
                        save!();
                        registers.set(i.a(), attempt!(self.make_table(i, extra)));
                        collect!(i);
                    }
                    Op::SelfIndex => {
                        let object = registers.at(i.b());
                        let value = registers.get(i.b());
                        let key = register_or_constant!(i);
                        registers.set(i.a() + 1, value);
                        // When R[A+1] is R[B] itself, the copy changed nothing.
                        match key.as_str() {
                            Some(name) if name.is_short() => get_name!(i, object, name),
                            _ => get_slow!(i, object, key),
                        }
                    }
                    Op::AddI => {
                        let operand = Operand(registers.at(i.b()));
                        if operand.tag() == Tag::Int {
                            let sum = operand.int().wrapping_add(i64::from(i.sc()));
                            registers.set(i.a(), Value::int(sum));
                            pc.skip(1);
                            apart!("int");
                        } else if operand.tag() == Tag::Float {
                            let sum = operand.float() + f64::from(i.sc());
                            registers.set(i.a(), Value::float(sum));
                            pc.skip(1);
                            apart!("float");
                        }
                    }
                    Op::AddK => {
                        arith!(
                            i,
                            registers.at(i.b()),
                            constants.at(i.c()),
                            |a, b| a.wrapping_add(b),
                            |x, y| x + y
                        )
                    }
                    Op::SubK => {
                        arith!(
                            i,
                            registers.at(i.b()),
                            constants.at(i.c()),
                            |a, b| a.wrapping_sub(b),
                            |x, y| x - y
                        )
                    }
                    Op::MulK => {
                        arith!(
                            i,
                            registers.at(i.b()),
                            constants.at(i.c()),
                            |a, b| a.wrapping_mul(b),
                            |x, y| x * y
                        )
                    }
                    Op::ModK => {
                        arith!(
                            i,
                            registers.at(i.b()),
                            constants.at(i.c()),
                            |a, b| modulo!(a, b),
                            |x, y| float_mod(x, y)
                        )
                    }
                    Op::PowK => {
                        arith_float!(i, registers.at(i.b()), constants.at(i.c()), |x, y| {
                            float_pow(x, y)
                        })
                    }
                    Op::DivK => {
                        arith_float!(i, registers.at(i.b()), constants.at(i.c()), |x, y| x / y)
                    }
                    Op::IDivK => {
                        arith!(
                            i,
                            registers.at(i.b()),
                            constants.at(i.c()),
                            |a, b| divide!(a, b),
                            |x, y| float_floor_div(x, y)
                        )
                    }
                    Op::BAndK => {
                        bitwise!(i, registers.at(i.b()), constants.at(i.c()), |a, b| a & b)
                    }
                    Op::BOrK => {
                        bitwise!(i, registers.at(i.b()), constants.at(i.c()), |a, b| a | b)
                    }
                    Op::BXorK => {
                        bitwise!(i, registers.at(i.b()), constants.at(i.c()), |a, b| a ^ b)
                    }
                    Op::ShrI => {
                        if let Some(a) = to_integer(registers.get(i.b())) {
                            registers.set(i.a(), Value::int(shift_right(a, i64::from(i.sc()))));
                            pc.skip(1);
                        }
                    }
                    Op::ShlI => {
                        if let Some(a) = to_integer(registers.get(i.b())) {
                            registers.set(i.a(), Value::int(shift_left(i64::from(i.sc()), a)));
                            pc.skip(1);
                        }
                    }
                    Op::Add => {
                        arith!(
                            i,
                            registers.at(i.b()),
                            registers.at(i.c()),
                            |a, b| a.wrapping_add(b),
                            |x, y| x + y
                        )
                    }
                    Op::Sub => {
                        arith!(
                            i,
                            registers.at(i.b()),
                            registers.at(i.c()),
                            |a, b| a.wrapping_sub(b),
                            |x, y| x - y
                        )
                    }
                    Op::Mul => {
                        arith!(
                            i,
                            registers.at(i.b()),
                            registers.at(i.c()),
                            |a, b| a.wrapping_mul(b),
                            |x, y| x * y
                        )
                    }
                    Op::Mod => {
                        arith!(
                            i,
                            registers.at(i.b()),
                            registers.at(i.c()),
                            |a, b| modulo!(a, b),
                            |x, y| float_mod(x, y)
                        )
                    }
                    Op::Pow => {
                        arith_float!(i, registers.at(i.b()), registers.at(i.c()), |x, y| {
                            float_pow(x, y)
                        })
                    }
                    Op::Div => {
                        arith_float!(i, registers.at(i.b()), registers.at(i.c()), |x, y| x / y)
                    }
                    Op::IDiv => {
                        arith!(
                            i,
                            registers.at(i.b()),
                            registers.at(i.c()),
                            |a, b| divide!(a, b),
                            |x, y| float_floor_div(x, y)
                        )
                    }
                    Op::BAnd => {
                        bitwise!(i, registers.at(i.b()), registers.at(i.c()), |a, b| a & b)
                    }
                    Op::BOr => {
                        bitwise!(i, registers.at(i.b()), registers.at(i.c()), |a, b| a | b)
                    }
                    Op::BXor => {
                        bitwise!(i, registers.at(i.b()), registers.at(i.c()), |a, b| a ^ b)
                    }
                    Op::Shl => {
                        bitwise!(i, registers.at(i.b()), registers.at(i.c()), |a, b| {
                            shift_left(a, b)
                        })
                    }
                    Op::Shr => {
                        bitwise!(i, registers.at(i.b()), registers.at(i.c()), |a, b| {
                            shift_right(a, b)
                        })
                    }
                    Op::MmBin => {
                        let (left, right) = (registers.at(i.a()), registers.at(i.b()));
                        call!(self.binary_operation(left, right, event_of(i)))
                    }
                    Op::MmBinI => {
                        let immediate = Value::int(i64::from(i.sb()));
                        let (left, right) = operands(registers.at(i.a()), &raw const immediate, i);
                        call!(self.binary_operation(left, right, event_of(i)))
                    }
                    Op::MmBinK => {
                        let (left, right) = operands(registers.at(i.a()), constants.at(i.b()), i);
                        call!(self.binary_operation(left, right, event_of(i)))
                    }
                    Op::Unm => {
                        let operand = registers.get(i.b());
                        if let Some(int) = operand.as_int() {
                            registers.set(i.a(), Value::int(int.wrapping_neg()));
                        } else if let Some(float) = operand.as_float() {
                            registers.set(i.a(), Value::float(-float));
                        } else {
                            let slot = registers.at(i.b());
                            call!(self.binary_operation(slot, slot, Event::Unm))
                        }
                    }
                    Op::BNot => match to_integer(registers.get(i.b())) {
                        Some(int) => registers.set(i.a(), Value::int(!int)),
                        None => {
                            let slot = registers.at(i.b());
                            call!(self.binary_operation(slot, slot, Event::BNot))
                        }
                    },
                    Op::Not => {
                        registers.set(i.a(), Value::bool(registers.get(i.b()).is_falsy()));
                    }
                    Op::Len => {
                        let value = registers.get(i.b());
                        if let Some(table) = value.as_table()
                            && table.metatable().is_none()
                        {
                            registers.set(i.a(), Value::int(table.length()));
                            continue;
                        }
                        if let Some(string) = value.as_str() {
                            registers.set(i.a(), Value::int(string.len() as i64));
                            continue;
                        }
                        let (operand, target) = (registers.at(i.b()), registers.at(i.a()));
                        call!(self.length_operation(operand, target))
                    }
                    Op::Concat => {
                        save!();
                        let first = self.register_index(i.a());
                        match attempt!(self.concat(first, first + i.b())) {
                            Flow::Done => {}
                            Flow::Enter => continue 'reload,
                            Flow::Exit => return Ok(()),
                        }
                        collect!(i);
                        continue 'reload;
                    }
                    Op::Close => {
                        save!();
                        let level = self.register_index(i.a());
                        self.close_upvalues(level);
                        if self.thread.has_to_be_closed(level) {
                            call!(self.close_variable())
                        }
                    }
                    Op::Tbc => {
                        save!();
                        let slot = self.register_index(i.a());
                        attempt!(self.mark_to_be_closed(slot));
                    }
                    Op::Jmp => jump!(i.sj() as isize),
                    Op::Eq => {
                        let (left, right) = (registers.get(i.a()), registers.get(i.b()));
                        if left.raw_equals(right) {
                            test!(i, true);
                        } else if left.tag() != right.tag() || !has_equality(left) {
                            test!(i, false);
                        } else {
                            let metamethod = self.equality_metamethod(left, right);
                            if metamethod.is_nil() {
                                test!(i, false);
                            } else {
                                call!(self.call_metamethod(metamethod, &[left, right], 1, 0))
                            }
                        }
                    }
                    Op::Lt => order!(i, |a, b| a < b, arith::less_than, Event::Lt),
                    Op::Le => order!(i, |a, b| a <= b, arith::less_equal, Event::Le),
                    Op::EqK => {
                        let equal = registers.get(i.a()).raw_equals(constants.get(i.b()));
                        test!(i, equal);
                    }
                    Op::EqI => {
                        let operand = registers.get(i.a());
                        let equal = match operand.as_int() {
                            Some(int) => int == i64::from(i.sb()),
                            None => {
                                operand.as_float().is_some_and(|float| float == f64::from(i.sb()))
                            }
                        };
                        test!(i, equal);
                    }
                    Op::LtI => order_immediate!(i, |a, b| a < b, false, Event::Lt),
                    Op::LeI => order_immediate!(i, |a, b| a <= b, false, Event::Le),
                    Op::GtI => order_immediate!(i, |a, b| a > b, true, Event::Lt),
                    Op::GeI => order_immediate!(i, |a, b| a >= b, true, Event::Le),
                    Op::Test => {
                        let truthy = !registers.get(i.a()).is_falsy();
                        test!(i, truthy);
                    }
                    Op::TestSet => {
                        let value = registers.get(i.b());
                        if value.is_falsy() == i.k() {
                            pc.skip(1);
                        } else {
                            registers.set(i.a(), value);
                            let distance = pc.peek().sj() as isize;
                            pc.skip(1);
                            jump!(distance);
                        }
                    }
                    Op::Call => {
                        let frame = self.thread.top_frame_mut();
                        frame.saved_pc = pc.0;
                        let func = frame.func as usize + 1 + i.a();
                        let nargs = count_from(i.b(), func + 1, self.thread.top);
                        let wanted = i.c() as i32 - 1;
                        if let Some(proto) = self.plain_callee(func, nargs) {
                            self.push_plain_call(proto, func, nargs, wanted);
                            enter!(proto, func)
                        }
                        call!(
                            self.call_from_lua(func, nargs, wanted),
                            |thread: &ThreadState| thread.top as usize
                        )
                    }
                    Op::TailCall => {
                        save!();
                        let func = self.register_index(i.a());
                        let nargs = count_from(i.b(), func + 1, self.thread.top);
                        if !i.k()
                            && i.c() == 0
                            && let Some(proto) = self.plain_callee(func, nargs)
                        {
                            let target = self.replace_by_plain_call(proto, func, nargs);
                            enter!(proto, target)
                        }
                        self.thread.top = (func + 1 + nargs) as u32;
                        call!(self.tail_call(i, func, nargs), |thread: &ThreadState| thread.top
                            as usize)
                    }
                    Op::Return => {
                        save!();
                        let first = self.register_index(i.a());
                        let count = count_from(i.b(), first, self.thread.top);
                        let frame = self.thread.top_frame();
                        let mut func = frame.func as usize;
                        if i.c() != 0 {
                            func -= frame.extra_args as usize + i.c();
                        }
                        if i.k() {
                            let base = frame.func as usize + 1;
                            self.close_upvalues(base);
                            if self.thread.has_to_be_closed(base) {
                                call!(self.close_variable_for_return(first, count))
                            }
                            if self.thread.hooks.mask != 0 {
                                attempt!(self.hook_return(first, count));
                            }
                        }
                        return_values!(func, first, count)
                    }
                    Op::Return0 => {
                        let frame = self.thread.top_frame();
                        let func = frame.func as usize;
                        return_values!(func, func + 1, 0)
                    }
                    Op::Return1 => {
                        let frame = self.thread.top_frame();
                        let func = frame.func as usize;
                        if frame.wanted == 1 && frame.flags & !flag::TAIL == 0 {
                            registers.set_function_slot(registers.get(i.a()));
                            self.thread.frames.pop();
                            resume!()
                        }
                        return_values!(func, func + 1 + i.a(), 1)
                    }
                    Op::ForLoop => {
                        let a = i.a();
                        let step = registers.get(a + 2);
                        if let Some(step) = step.as_int() {
                            let count = registers.get(a + 1).payload();
                            if count > 0 {
                                let index = registers.get(a).payload() as i64;
                                let index = index.wrapping_add(step);
                                registers.set(a + 1, Value::int((count - 1) as i64));
                                registers.set(a, Value::int(index));
                                registers.set(a + 3, Value::int(index));
                                pc.skip(-(i.bx() as isize));
                                loop_head!();
                            }
                        } else if float_for_step(registers, a) {
                            pc.skip(-(i.bx() as isize));
                            loop_head!();
                        }
                    }
                    Op::ForPrep => {
                        save!();
                        if attempt!(self.prepare_for(registers, i.a())) {
                            pc.skip(i.bx() as isize + 1);
                        }
                    }
                    Op::TForPrep => {
                        if !registers.get(i.a() + 3).is_falsy() {
                            save!();
                            let slot = self.register_index(i.a() + 3);
                            attempt!(self.mark_to_be_closed(slot));
                        }
                        pc.skip(i.bx() as isize);
                        // The TFORCALL it leads to belongs to the same fetch.
                        let i = pc.fetch();
                        call!(self.call_iterator(i))
                    }
                    Op::TForCall => {
                        if let Some(entry) = next_entry(registers, i.a()) {
                            // The TFORLOOP after it belongs to the same fetch.
                            let jump = pc.fetch();
                            registers.set(i.a() + 5, registers.get(i.a() + 1));
                            registers.set(i.a() + 6, registers.get(i.a() + 2));
                            if let Some((key, value)) = entry {
                                registers.set(i.a() + 4, key);
                                if i.c() > 1 {
                                    registers.set(i.a() + 5, value);
                                    for extra in 2..i.c() {
                                        registers.set(i.a() + 4 + extra, Value::NIL);
                                    }
                                }
                                registers.set(i.a() + 2, key);
                                pc.skip(-(jump.bx() as isize));
                                loop_head!();
                            } else {
                                for result in 0..i.c() {
                                    registers.set(i.a() + 4 + result, Value::NIL);
                                }
                            }
                            continue;
                        }
                        call!(self.call_iterator(i))
                    }
                    Op::TForLoop => {
                        // Only reached by a jump into the middle, which compilers do not emit.
                        let control = registers.get(i.a() + 4);
                        if !control.is_nil() {
                            registers.set(i.a() + 2, control);
                            pc.skip(-(i.bx() as isize));
                            loop_head!();
                        }
                    }
                    Op::SetList => {
                        let extra = if i.k() { pc.fetch().ax() } else { 0 };
                        save!();
                        attempt!(self.set_list(i, extra));
                    }
                    Op::Closure => {
                        save!();
                        let closure = self.make_closure(registers, i.bx());
                        registers.set(i.a(), Value::from(closure));
                        collect!(i);
                    }
                    Op::VarArg => {
                        save!();
                        attempt!(self.copy_varargs(i));
                        // The stack may have moved.
                        continue 'reload;
                    }
                    // The call did its work (see `Vm::push_lua_call`).
                    Op::VarArgPrep => {}
                    // SAFETY: EXTRAARG is consumed by the instruction before it; verified code never
                    // jumps to one and has no numbers beyond it.
                    Op::ExtraArg => unsafe { std::hint::unreachable_unchecked() },
                }
            }
        }
    }

    #[inline(always)]
    fn set_saved_pc(&mut self, pc: *const Instruction) {
        let frame = self.thread.top_frame_mut();
        frame.saved_pc = pc;
    }

    /// Stack index of a register of the running function.
    #[inline(always)]
    fn register_index(&self, register: usize) -> usize {
        let frame = self.thread.top_frame();
        frame.func as usize + 1 + register
    }

    #[cold]
    fn call_tick(&mut self) -> LuaResult<()> {
        let result = self.tick();
        if self.watches_stack_end() {
            // An instruction that raises instead does not count.
            self.watch(self.clock() + u64::from(result.is_ok()));
        }
        result
    }

    fn tick(&mut self) -> LuaResult<()> {
        let now = self.clock();
        if self.interrupt_poll_is_due() {
            self.poll_interrupt()?;
        }
        if self.watches_stack_end() {
            self.check_room_for_hook()?;
        }
        if self.thread.hooks.mask != 0 {
            return self.tick_with_hooks();
        }
        if now >= self.driver_tick {
            return self.call_driver_tick();
        }
        self.arm(self.driver_tick);
        Ok(())
    }

    pub(crate) fn call_driver_tick(&mut self) -> LuaResult<()> {
        self.driver_tick = u64::MAX;
        let mut result = Ok(());
        if let Some(mut driver) = self.driver.take() {
            result = driver.tick(self);
            if self.driver.is_none() {
                self.driver = Some(driver);
            }
        }
        let now = self.clock();
        if result.is_ok() && self.tick_point == now + 1 {
            // Nobody asked for another tick than this one.
            self.arm(self.driver_tick.max(now + 1));
        }
        result
    }
}

/// Constants of a function, and the bias from which half the address of an instruction leads to the
/// instruction's loop counter (instructions have 4 bytes, counters 2).
#[inline(always)]
fn proto_parts(closure: *const Closure) -> (Constants, usize) {
    // SAFETY: the running closure is live, and so is its proto.
    let proto: &RuntimeProto = unsafe { &*(*closure).proto };
    (Constants(proto.constants.as_ptr()), proto.hot_bias)
}

/// What `next` gives for a generic loop over a table by the library function itself; `None` if the
/// iterator is anything else, or the call would fail.
#[inline(always)]
#[allow(clippy::option_option)]
fn next_entry(registers: Registers, a: usize) -> Option<Option<(Value, Value)>> {
    let native = registers.get(a).as_native()?;
    if native.intrinsic != Some(Intrinsic::Next) {
        return None;
    }
    let table = registers.get(a + 1).as_table()?;
    table.next(registers.get(a + 2)).ok()
}

/// Called where a path is not worth a place beside the others.
#[cold]
#[inline]
fn unlikely() {}

#[cold]
fn to_integers(left: Value, right: Value) -> Option<(i64, i64)> {
    Some((to_integer(left)?, to_integer(right)?))
}

#[inline(always)]
fn has_equality(value: Value) -> bool {
    value.is_table() || value.as_userdata().is_some()
}

fn event_of(i: Instruction) -> Event {
    Event::from_u8(i.c() as u8).expect("the verifier checked the event")
}

/// Operands of MMBINI and MMBINK in source order.
fn operands(
    register: *const Value,
    other: *const Value,
    i: Instruction,
) -> (*const Value, *const Value) {
    if i.k() { (other, register) } else { (register, other) }
}
