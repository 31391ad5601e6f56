//! Metamethods: indexing, arithmetic, comparison, length and concatenation beyond the fast paths.
//!
//! In:  operands whose fast path failed.   Out: the result in place, or a call under way.
//!
//! An instruction that needs a metamethod calls it with [`Vm::call_metamethod`]. When the call returns,
//! at once or after a Lua frame has run, [`Vm::finish_instruction`] completes the instruction from its
//! bytecode, as PUC's `luaV_finishOp` does after a yield. The same chains serve natives (`Vm::index`,
//! `Vm::set_index` and so on), which wait for the call instead.
//!
//! Invariant: operands are passed by address where a message may name them (see `debug`).

use super::Vm;
use super::arith::{self, ArithError, DIVIDE_BY_ZERO};
use super::call::Flow;
use super::error::{LuaError, LuaResult};
use super::frame::flag;
use crate::bytecode::{Event, Instruction, Op};
use crate::heap::number::{Rounding, float_to_int, number_text, parse_number};
use crate::heap::table::TableError;
use crate::heap::{StrRef, TableRef, Value};

/// Longest chain of `__index` or `__newindex` tables (`MAXTAGLOOP`).
const MAX_CHAIN: usize = 2000;

/// Where an `__index` chain ended.
pub(crate) enum Lookup {
    Found(Value),
    /// Call this function with this object and the key.
    Call(Value, Value),
}

/// Where a `__newindex` chain ended.
pub(crate) enum Store {
    Done,
    Call(Value, Value),
}

impl Vm {
    /// A metamethod of a metatable whose absence the metatable remembers.
    #[inline]
    pub(crate) fn fast_metamethod(&self, metatable: Option<TableRef>, event: Event) -> Value {
        let Some(metatable) = metatable else {
            return Value::NIL;
        };
        let bit = 1u8 << event as u8;
        // SAFETY: a handle points to a live table.
        unsafe {
            if (*metatable.as_ptr()).absent_metamethods & bit != 0 {
                return Value::NIL;
            }
            let slot = metatable.short_str_slot(self.event_names[event as usize]);
            if slot.is_null() || (*slot).is_nil() {
                (*metatable.as_ptr()).absent_metamethods |= bit;
                return Value::NIL;
            }
            *slot
        }
    }

    /// What a table that lacks a field inherits through tables alone (perhaps nil); `None` where a
    /// function or something else than a table has to be asked.
    pub(crate) fn inherited(&mut self, table: TableRef, name: StrRef) -> Option<Value> {
        let mut table = table;
        for _ in 1..MAX_CHAIN {
            let metatable = table.metatable();
            let index = self.fast_metamethod(metatable, Event::Index);
            if index.is_nil() {
                return Some(Value::NIL);
            }
            table = index.as_table()?;
            let slot = table.short_str_slot(name);
            // SAFETY: a slot that is not null is inside the table.
            if !slot.is_null() && unsafe { !(*slot).is_nil() } {
                // SAFETY: as above.
                return Some(unsafe { *slot });
            }
        }
        None
    }

    /// Follows `object[key]` until a value or a function to call.
    pub(crate) fn lookup(&mut self, object: *const Value, key: Value) -> LuaResult<Lookup> {
        // SAFETY: the address of a register, an upvalue's value, or a local copy.
        let mut current = unsafe { *object };
        let mut slot = object;
        for _ in 0..MAX_CHAIN {
            let metamethod = if let Some(table) = current.as_table() {
                let value = table.get(key);
                if !value.is_nil() {
                    return Ok(Lookup::Found(value));
                }
                let metamethod = self.fast_metamethod(table.metatable(), Event::Index);
                if metamethod.is_nil() {
                    return Ok(Lookup::Found(Value::NIL));
                }
                metamethod
            } else {
                let metamethod = self.metamethod(current, Event::Index);
                if metamethod.is_nil() {
                    return Err(self.type_error(slot, "index"));
                }
                metamethod
            };
            if metamethod.is_function() {
                return Ok(Lookup::Call(metamethod, current));
            }
            current = metamethod;
            slot = &raw const current;
        }
        Err(self.runtime_error("'__index' chain too long; possible loop"))
    }

    /// Follows `object[key] = value` until it is stored or a function is to be called.
    pub(crate) fn store(
        &mut self,
        object: *const Value,
        key: Value,
        value: Value,
    ) -> LuaResult<Store> {
        // SAFETY: the address of a register, an upvalue's value, or a local copy.
        let mut current = unsafe { *object };
        let mut slot = object;
        for _ in 0..MAX_CHAIN {
            let metamethod = if let Some(table) = current.as_table() {
                let found = table.slot(key);
                // SAFETY: a slot that is not null is inside the table.
                if !found.is_null() && unsafe { !(*found).is_nil() } {
                    self.heap.barrier(table.as_ptr().cast(), value);
                    // SAFETY: as above.
                    unsafe { *found = value };
                    return Ok(Store::Done);
                }
                let metamethod = self.fast_metamethod(table.metatable(), Event::NewIndex);
                if metamethod.is_nil() {
                    return match table.finish_set(&mut self.heap, key, found, value) {
                        Ok(()) => Ok(Store::Done),
                        Err(TableError::Memory) => {
                            self.or_collect(|vm| table.set(&mut vm.heap, key, value))?;
                            Ok(Store::Done)
                        }
                        Err(error) => Err(self.table_error(error)),
                    };
                }
                metamethod
            } else {
                let metamethod = self.metamethod(current, Event::NewIndex);
                if metamethod.is_nil() {
                    return Err(self.type_error(slot, "index"));
                }
                metamethod
            };
            if metamethod.is_function() {
                return Ok(Store::Call(metamethod, current));
            }
            current = metamethod;
            slot = &raw const current;
        }
        Err(self.runtime_error("'__newindex' chain too long; possible loop"))
    }

    /// The metamethod of a binary operation: the left operand's, else the right one's.
    fn binary_metamethod(&self, left: Value, right: Value, event: Event) -> Value {
        let metamethod = self.metamethod(left, event);
        if metamethod.is_nil() { self.metamethod(right, event) } else { metamethod }
    }

    /// The error of an arithmetic operation without metamethods.
    #[cold]
    fn binary_error(
        &mut self,
        left: *const Value,
        right: *const Value,
        event: Event,
    ) -> Box<LuaError> {
        // SAFETY: addresses of registers, constants or local copies.
        let (a, b) = unsafe { (*left, *right) };
        match event {
            Event::BAnd | Event::BOr | Event::BXor | Event::Shl | Event::Shr | Event::BNot => {
                if a.is_number() && b.is_number() {
                    self.no_integer_error(left, right)
                } else {
                    self.operand_error(left, right, "perform bitwise operation on")
                }
            }
            _ => self.operand_error(left, right, "perform arithmetic on"),
        }
    }

    /// Calls a metamethod on behalf of the instruction that the top frame executes.
    pub(crate) fn call_metamethod(
        &mut self,
        metamethod: Value,
        args: &[Value],
        wanted: i32,
        extra_flags: u16,
    ) -> LuaResult<Flow> {
        let func = self.thread.top_frame().top as usize;
        self.call_metamethod_at(func, metamethod, args, wanted, extra_flags)
    }

    /// [`Vm::call_metamethod`] with the function in slot `func`.
    pub(crate) fn call_metamethod_at(
        &mut self,
        func: usize,
        metamethod: Value,
        args: &[Value],
        wanted: i32,
        extra_flags: u16,
    ) -> LuaResult<Flow> {
        let end = func + 1 + args.len();
        if end > self.thread.checked_end as usize {
            // PUC has spare slots for this (`EXTRA_STACK`).
            self.extend_checked_end(end);
        }
        self.thread.stack.set(func, metamethod);
        for (index, arg) in args.iter().enumerate() {
            self.thread.stack.set(func + 1 + index, *arg);
        }
        self.thread.top = end as u32;
        self.enter_c_call()?;
        let flags = flag::METAMETHOD | flag::COUNTED | extra_flags;
        match self.precall(func, args.len(), wanted, flags)? {
            Flow::Done => {
                self.c_calls -= 1;
                self.finish_instruction(extra_flags & flag::NEGATED != 0, false)
            }
            flow => Ok(flow),
        }
    }

    /// Completes the instruction of the top frame that called a metamethod, an iterator or (for
    /// TAILCALL) a native; the results start at the called function's slot. After an interruption
    /// (see [`Vm::interrupt`]) the jump of a test, the TFORLOOP of a TFORCALL and so on are
    /// instructions of their own.
    pub(crate) fn finish_instruction(
        &mut self,
        negated: bool,
        interrupted: bool,
    ) -> LuaResult<Flow> {
        let frame = *self.thread.top_frame();
        let base = frame.func as usize + 1;
        let result = frame.top as usize;
        // SAFETY: the pc is after the instruction that made the call, so reading one or two back and
        // one ahead (verified code does not end in a test) stays inside the code.
        let (previous, instruction, next) = unsafe {
            let pc = frame.saved_pc;
            let previous =
                if pc.sub(1) == self.code_start(base) { Instruction(0) } else { *pc.sub(2) };
            (previous, *pc.sub(1), pc)
        };
        match instruction.op() {
            Op::MmBin | Op::MmBinI | Op::MmBinK => {
                let value = self.thread.stack.get(result);
                self.thread.stack.set(base + previous.a(), value);
            }
            Op::Unm
            | Op::BNot
            | Op::Len
            | Op::GetTabUp
            | Op::GetTable
            | Op::GetI
            | Op::GetField
            | Op::SelfIndex => {
                let value = self.thread.stack.get(result);
                self.thread.stack.set(base + instruction.a(), value);
            }
            Op::Lt | Op::Le | Op::LtI | Op::LeI | Op::GtI | Op::GeI | Op::Eq => {
                let holds = self.thread.stack.get(result).is_falsy() == negated;
                if interrupted && holds == instruction.k() {
                    return Ok(Flow::Done);
                }
                // SAFETY: a test is followed by a jump, whose target is inside the code.
                let target = unsafe {
                    if holds == instruction.k() {
                        next.offset((*next).sj() as isize + 1)
                    } else {
                        next.add(1)
                    }
                };
                self.arrive(target);
            }
            Op::Concat => {
                let top = frame.callee as usize;
                let value = self.thread.stack.get(result);
                self.thread.stack.set(top - 2, value);
                return self.concat(base + instruction.a(), top - 1);
            }
            Op::TForCall if !interrupted => {
                // The TFORLOOP after it belongs to the same fetch.
                // SAFETY: TFORCALL is followed by TFORLOOP, whose target is inside the code.
                let target = unsafe {
                    let jump = *next;
                    let control = self.thread.stack.get(base + jump.a() + 4);
                    if control.is_nil() {
                        next.add(1)
                    } else {
                        self.thread.stack.set(base + jump.a() + 2, control);
                        next.add(1).offset(-(jump.bx() as isize))
                    }
                };
                self.arrive(target);
            }
            Op::TailCall => {
                // The RETURN after it passes the results on.
                if !interrupted {
                    self.hook_tail_called_native(base + instruction.a())?;
                }
                self.fetch_uncounted(interrupted);
            }
            Op::Close | Op::Return => {
                // Again, for the other variables to be closed.
                if instruction.op() == Op::Return {
                    self.thread.top = base as u32 + instruction.a() as u32 + frame.callee;
                }
                // SAFETY: the pc is after the instruction.
                self.thread.top_frame_mut().saved_pc = unsafe { next.sub(1) };
                self.fetch_uncounted(interrupted);
            }
            _ => {}
        }
        Ok(Flow::Done)
    }

    /// The next fetch is PUC's only after an interruption.
    fn fetch_uncounted(&mut self, interrupted: bool) {
        if !interrupted {
            self.ticks_left = self.ticks_left.wrapping_add(1);
        }
    }

    /// Start of the code of the function whose registers start at `base`.
    fn code_start(&self, base: usize) -> *const Instruction {
        let closure = self.thread.stack.get(base - 1).as_closure();
        closure.expect("a Lua function is running").proto().code
    }

    /// Moves the top frame to `target`; a backward move arrives at a loop head.
    fn arrive(&mut self, target: *const Instruction) {
        let frame = self.thread.top_frame_mut();
        let backward = target <= frame.saved_pc;
        frame.saved_pc = target;
        if backward {
            self.loop_head_arrival();
        }
    }

    /// Counts the arrival at the loop head that is the top frame's pc, and calls the driver if due.
    pub(crate) fn loop_head_arrival(&mut self) {
        let frame = self.thread.top_frame();
        let Some(closure) = self.frame_closure(frame) else {
            return;
        };
        let counter = &closure.proto().hot[closure.proto().pc_of(frame.saved_pc).index()];
        match counter.get() {
            super::proto::NEVER_HOT => {}
            0 => self.call_loop_head(),
            count => counter.set(count - 1),
        }
    }

    #[cold]
    pub(crate) fn call_loop_head(&mut self) {
        if self.thread.hooks.mask != 0 {
            return;
        }
        if let Some(mut driver) = self.driver.take() {
            driver.loop_head(self);
            if self.driver.is_none() {
                self.driver = Some(driver);
            }
        }
    }

    /// MMBIN and its kin, UNM, BNOT: an arithmetic metamethod or the error.
    pub(crate) fn binary_operation(
        &mut self,
        left: *const Value,
        right: *const Value,
        event: Event,
    ) -> LuaResult<Flow> {
        // SAFETY: addresses of registers, constants or local copies.
        let (a, b) = unsafe { (*left, *right) };
        let metamethod = self.binary_metamethod(a, b, event);
        if metamethod.is_nil() {
            return Err(self.binary_error(left, right, event));
        }
        self.call_metamethod(metamethod, &[a, b], 1, 0)
    }

    /// `left < right` or `left <= right` for operands that are not both numbers or both strings.
    pub(crate) fn order_operation(
        &mut self,
        left: Value,
        right: Value,
        event: Event,
    ) -> LuaResult<Flow> {
        let metamethod = self.binary_metamethod(left, right, event);
        if !metamethod.is_nil() {
            return self.call_metamethod(metamethod, &[left, right], 1, 0);
        }
        if event == Event::Le {
            // Compatibility with 5.3, which the reference is built with: a <= b is not (b < a).
            let metamethod = self.binary_metamethod(right, left, Event::Lt);
            if !metamethod.is_nil() {
                return self.call_metamethod(metamethod, &[right, left], 1, flag::NEGATED);
            }
        }
        Err(self.order_error(left, right))
    }

    /// The metamethod `__eq` for two different tables or userdata.
    pub(crate) fn equality_metamethod(&self, left: Value, right: Value) -> Value {
        let metatables = match (left.as_table(), right.as_table()) {
            (Some(a), Some(b)) => [a.metatable(), b.metatable()],
            _ => match (left.as_userdata(), right.as_userdata()) {
                (Some(a), Some(b)) => [a.metatable(), b.metatable()],
                _ => return Value::NIL,
            },
        };
        let metamethod = self.fast_metamethod(metatables[0], Event::Eq);
        if metamethod.is_nil() {
            self.fast_metamethod(metatables[1], Event::Eq)
        } else {
            metamethod
        }
    }

    /// `#operand` without calling anything, or the metamethod to call.
    fn raw_length(&mut self, operand: *const Value) -> LuaResult<Result<i64, Value>> {
        // SAFETY: the address of a register or a local copy.
        let value = unsafe { *operand };
        if let Some(table) = value.as_table() {
            let metamethod = self.fast_metamethod(table.metatable(), Event::Len);
            return Ok(if metamethod.is_nil() { Ok(table.length()) } else { Err(metamethod) });
        }
        if let Some(string) = value.as_str() {
            return Ok(Ok(string.len() as i64));
        }
        let metamethod = self.metamethod(value, Event::Len);
        if metamethod.is_nil() {
            return Err(self.type_error(operand, "get length of"));
        }
        Ok(Err(metamethod))
    }

    /// LEN.
    pub(crate) fn length_operation(
        &mut self,
        operand: *const Value,
        target: *mut Value,
    ) -> LuaResult<Flow> {
        match self.raw_length(operand)? {
            Ok(length) => {
                // SAFETY: the address of a register of the running function.
                unsafe { *target = Value::int(length) };
                Ok(Flow::Done)
            }
            Err(metamethod) => {
                // SAFETY: as in `raw_length`.
                let value = unsafe { *operand };
                self.call_metamethod(metamethod, &[value, value], 1, 0)
            }
        }
    }

    /// CONCAT of slots `first .. top` into `first`, from the right, as many strings at a time as
    /// possible.
    pub(crate) fn concat(&mut self, first: usize, top: usize) -> LuaResult<Flow> {
        let mut top = top;
        while top - first > 1 {
            let left = self.thread.stack.get(top - 2);
            let left_fits = left.is_string() || left.is_number();
            if !left_fits || self.slot_to_string(top - 1).is_none() {
                let (a, b) = (left, self.thread.stack.get(top - 1));
                let metamethod = self.binary_metamethod(a, b, Event::Concat);
                if metamethod.is_nil() {
                    let (a, b) = (self.thread.stack.slot(top - 2), self.thread.stack.slot(top - 1));
                    return Err(self.concat_error(a, b));
                }
                let frame = self.thread.top_frame_mut();
                frame.callee = top as u32;
                return self.call_metamethod(metamethod, &[a, b], 1, 0);
            }
            let start = self.gather_strings(first, top)?;
            let parts = self.thread.stack.slice(start, top);
            let joined = match parts {
                [one, empty] if empty.as_str().is_some_and(|s| s.len() == 0) => *one,
                [empty, one] if empty.as_str().is_some_and(|s| s.len() == 0) => *one,
                parts => Value::from(self.heap.concat_strings(parts)),
            };
            self.thread.stack.set(start, joined);
            top = start + 1;
        }
        Ok(Flow::Done)
    }

    /// The lowest slot from `first` on such that all slots from it to `top` are strings now.
    fn gather_strings(&mut self, first: usize, top: usize) -> LuaResult<usize> {
        let mut start = top - 1;
        let mut total = 0usize;
        while start > first {
            let Some(string) = self.slot_to_string(start - 1) else {
                break;
            };
            total += string.len();
            if total > isize::MAX as usize / 2 {
                return Err(self.runtime_error("string length overflow"));
            }
            start -= 1;
        }
        self.check_room(total)?;
        Ok(start)
    }

    /// The string in a slot, converting a number in place.
    fn slot_to_string(&mut self, index: usize) -> Option<StrRef> {
        let value = self.thread.stack.get(index);
        if let Some(string) = value.as_str() {
            return Some(string);
        }
        let text = number_text(value)?;
        let string = self.heap.new_string(&text);
        self.thread.stack.set(index, Value::from(string));
        Some(string)
    }
}

/// The same operations for natives, which wait for metamethods.
impl Vm {
    /// `object[key]`.
    #[inline]
    pub fn index(&mut self, object: Value, key: Value) -> LuaResult<Value> {
        if let (Some(table), Some(index)) = (object.as_table(), key.as_int()) {
            let value = table.get_int(index);
            if !value.is_nil() {
                return Ok(value);
            }
        }
        self.index_slowly(object, key)
    }

    fn index_slowly(&mut self, object: Value, key: Value) -> LuaResult<Value> {
        match self.lookup(&raw const object, key)? {
            Lookup::Found(value) => Ok(value),
            Lookup::Call(metamethod, receiver) => self.call1(metamethod, &[receiver, key]),
        }
    }

    /// `object[key] = value`.
    #[inline]
    pub fn set_index(&mut self, object: Value, key: Value, value: Value) -> LuaResult<()> {
        if let (Some(table), Some(index)) = (object.as_table(), key.as_int())
            && table.replace_int(&mut self.heap, index, value)
        {
            return Ok(());
        }
        self.set_index_slowly(object, key, value)
    }

    fn set_index_slowly(&mut self, object: Value, key: Value, value: Value) -> LuaResult<()> {
        match self.store(&raw const object, key, value)? {
            Store::Done => Ok(()),
            Store::Call(metamethod, receiver) => {
                for value in [metamethod, receiver, key, value] {
                    self.push(value);
                }
                self.call_pushed(3, 0)
            }
        }
    }

    /// `left <event> right` for an arithmetic or bitwise event.
    pub fn arith(&mut self, event: Event, left: Value, right: Value) -> LuaResult<Value> {
        match arith::arithmetic(event, left, right) {
            Ok(value) => Ok(value),
            Err(ArithError::ZeroDivision(message)) => Err(self.runtime_error(message)),
            Err(ArithError::Operands) => {
                let metamethod = self.binary_metamethod(left, right, event);
                if metamethod.is_nil() {
                    return Err(self.binary_error(&raw const left, &raw const right, event));
                }
                self.call1(metamethod, &[left, right])
            }
        }
    }

    /// `left == right`.
    pub fn equals(&mut self, left: Value, right: Value) -> LuaResult<bool> {
        if left.raw_equals(right) {
            return Ok(true);
        }
        let metamethod = self.equality_metamethod(left, right);
        if metamethod.is_nil() {
            return Ok(false);
        }
        Ok(!self.call1(metamethod, &[left, right])?.is_falsy())
    }

    /// `left < right`.
    pub fn less_than(&mut self, left: Value, right: Value) -> LuaResult<bool> {
        if let Some(answer) = arith::less_than(left, right) {
            return Ok(answer);
        }
        let metamethod = self.binary_metamethod(left, right, Event::Lt);
        if metamethod.is_nil() {
            return Err(self.order_error(left, right));
        }
        Ok(!self.call1(metamethod, &[left, right])?.is_falsy())
    }

    /// `#value`, which a metamethod may make anything.
    pub fn length(&mut self, value: Value) -> LuaResult<Value> {
        match self.raw_length(&raw const value)? {
            Ok(length) => Ok(Value::int(length)),
            Err(metamethod) => self.call1(metamethod, &[value, value]),
        }
    }

    /// `#value`, which must be an integer (`luaL_len`).
    pub fn length_int(&mut self, value: Value) -> LuaResult<i64> {
        let length = self.length(value)?;
        match self.to_number(length).and_then(arith::to_integer) {
            Some(length) => Ok(length),
            None => Err(self.error("object length is not an integer")),
        }
    }

    /// What `tostring` returns (`luaL_tolstring`).
    pub fn to_string(&mut self, value: Value) -> LuaResult<StrRef> {
        let key = self.heap.new_string(b"__tostring");
        let metatable = self.metatable_of(value);
        let metamethod = metatable.map_or(Value::NIL, |metatable| metatable.get_str(key));
        if !metamethod.is_nil() {
            let text = self.call1(metamethod, &[value])?;
            return match text.as_str() {
                Some(string) => Ok(string),
                None => match number_text(text) {
                    Some(text) => Ok(self.heap.new_string(&text)),
                    None => Err(self.error("'__tostring' must return a string")),
                },
            };
        }
        if let Some(string) = value.as_str() {
            return Ok(string);
        }
        let text = match number_text(value) {
            Some(text) => text,
            None if value.is_nil() => b"nil".to_vec(),
            None if value.raw_equals(Value::TRUE) => b"true".to_vec(),
            None if value.raw_equals(Value::FALSE) => b"false".to_vec(),
            None => {
                let mut text = self.type_name_of(value);
                self.shown.address = true;
                text.extend_from_slice(format!(": {:#x}", value.payload()).as_bytes());
                text
            }
        };
        Ok(self.heap.new_string(&text))
    }

    /// The number a value denotes, converting strings (`lua_arith` on strings is the string library's).
    pub fn to_number(&self, value: Value) -> Option<Value> {
        match value.as_str() {
            Some(string) => parse_number(string.as_bytes()),
            None => Some(value).filter(|value| value.is_number()),
        }
    }

    /// The integer that a number, or a string that is a numeral, stands for exactly.
    pub fn to_int(&self, value: Value) -> Option<i64> {
        let number = self.to_number(value)?;
        number.as_int().or_else(|| float_to_int(number.as_float()?, Rounding::Exact))
    }
}

/// The message of an integer division by zero, for the interpreter's fast path.
pub(crate) const ZERO_DIVISION: &str = DIVIDE_BY_ZERO;
