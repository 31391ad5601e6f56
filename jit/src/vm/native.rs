//! Library functions: how the VM calls Rust, and what Rust code may do.
//!
//! In:  arguments on the stack, named by [`Args`].   Out: results pushed on the stack, counted by
//! [`Returned`], or an error.
//!
//! ```text
//! static FLOOR: NativeFunction = NativeFunction {
//!     name: "floor",
//!     call: |vm, args| {
//!         let x = vm.check_float(args, 1)?;
//!         vm.ret(Value::float(x.floor()))
//!     },
//!     intrinsic: Some(Intrinsic::MathFloor),
//! };
//! ```
//!
//! Invariants:
//! - a function is a `static`; its address is its identity, on which the JIT guards;
//! - arguments are numbered from 1, as in messages. They stay on the stack, hence rooted, until the
//!   function returns. Nothing is collected while a native runs, except inside `Vm::call`: values that
//!   must survive such a call have to be reachable (pushed, an argument, or in a table that is);
//! - results are the last values pushed;
//! - a function that calls back and only passes results on (pcall and its kin) returns
//!   [`Vm::call_then`] or [`Vm::protected_call_then`] instead of using `Vm::call`: then neither depth
//!   of calls nor errors use the Rust stack.

use super::Vm;
use super::error::{LuaError, LuaResult};
use crate::heap::number::{Rounding, float_to_int, number_text, parse_number};
use crate::heap::{ClosureRef, StrRef, TableRef, ThreadRef, UserdataRef, Value};
use crate::syntax::error::until_nul;

pub type NativeCall = fn(&mut Vm, Args) -> LuaResult<Returned>;
/// Completes a native whose called function is done. `Args` are the native's own arguments.
pub type Continuation = fn(&mut Vm, Args, Outcome) -> LuaResult<Returned>;

/// A library function.
pub struct NativeFunction {
    pub name: &'static str,
    pub call: NativeCall,
    pub intrinsic: Option<Intrinsic>,
}

/// Functions that a trace can compute itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Intrinsic {
    MathAbs,
    MathCeil,
    MathFloor,
    MathFmod,
    MathMax,
    MathMin,
    MathSqrt,
    MathSin,
    MathCos,
    MathTan,
    MathExp,
    MathLog,
    MathToInteger,
    MathType,
    MathUlt,
    RawEqual,
    RawGet,
    RawLen,
    RawSet,
    Select,
    Type,
    Next,
    IPairsStep,
    StringByte,
    StringChar,
    StringLen,
    StringSub,
    TableInsert,
    TableRemove,
}

/// Where the arguments of the running native are: stack slots `base .. base + count`.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    pub(crate) base: u32,
    pub(crate) count: u32,
}

impl Args {
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        self.count as usize
    }
    /// Stack index of argument `n` (from 1).
    pub fn slot(self, n: usize) -> usize {
        self.base as usize + n - 1
    }
}

/// How the function that a native called ended.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// Its results are stack slots `first .. first + count`, and nothing is above them.
    Done { first: usize, count: usize },
    /// It raised the error value in stack slot `slot`, which is the last in use.
    Failed { slot: usize },
}

/// What a native gives back.
#[must_use]
pub struct Returned(pub(crate) Return);

pub(crate) enum Return {
    /// This many values on top of the stack.
    Values(u32),
    /// The same, from a function that may have set hooks: they see its return.
    AfterHooks(u32),
    /// Call the function in slot `func` with the arguments above it, then go on with `then`.
    Call { func: u32, then: Continuation, protected: bool, handler: Option<u32> },
    /// Resume a coroutine that can be resumed with the topmost `nargs` values.
    Resume { thread: ThreadRef, nargs: u32 },
    /// Suspend the running coroutine, which can be, and hand the topmost values to its resumer.
    Yield(u32),
}

/// The basic types, for [`Vm::check_type`] and the type metatables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BasicType {
    Nil,
    Boolean,
    LightUserdata,
    Number,
    String,
    Table,
    Function,
    Userdata,
    Thread,
}

impl BasicType {
    pub const COUNT: usize = 9;

    pub fn of(value: Value) -> BasicType {
        use crate::heap::Tag;
        match value.tag() {
            Tag::Nil | Tag::DeadKey => BasicType::Nil,
            Tag::False | Tag::True => BasicType::Boolean,
            Tag::Int | Tag::Float => BasicType::Number,
            Tag::LightUserdata => BasicType::LightUserdata,
            Tag::Native | Tag::Closure | Tag::NativeClosure => BasicType::Function,
            Tag::Str => BasicType::String,
            Tag::Table => BasicType::Table,
            Tag::Userdata => BasicType::Userdata,
            Tag::Thread => BasicType::Thread,
        }
    }

    pub fn name(self) -> &'static str {
        [
            "nil", "boolean", "userdata", "number", "string", "table", "function", "userdata",
            "thread",
        ][self as usize]
    }
}

/// Results.
impl Vm {
    /// Pushes a value above everything the running native has.
    #[inline(always)]
    pub fn push(&mut self, value: Value) {
        let top = self.thread.top as usize;
        if top >= self.thread.checked_end as usize {
            self.extend_checked_end(top + 1);
        }
        self.thread.stack.set(top, value);
        self.thread.top += 1;
    }
    /// Removes the topmost value.
    pub fn pop(&mut self) -> Value {
        self.thread.top -= 1;
        self.thread.stack.get(self.thread.top as usize)
    }
    /// The value pushed `n` pushes ago (1 is the last).
    pub fn pushed(&self, n: usize) -> Value {
        self.thread.stack.get(self.thread.top as usize - n)
    }
    /// Returns the last `count` values pushed.
    #[inline(always)]
    pub fn ret_pushed(&mut self, count: usize) -> LuaResult<Returned> {
        Ok(Returned(Return::Values(count as u32)))
    }
    /// Leaves exactly `count` arguments on the stack, nil where there are fewer: what is pushed next comes
    /// there. Return hooks are told where results are, so a function leaves under them what PUC's does.
    #[inline(always)]
    pub(crate) fn keep_args(&mut self, args: Args, count: u32) {
        self.thread.top = args.base + count.min(args.count);
        for _ in args.count..count {
            self.push(Value::NIL);
        }
    }
    /// Returns nothing, from a function that may have set hooks.
    pub(crate) fn ret0_after_hooks(&mut self) -> LuaResult<Returned> {
        Ok(Returned(Return::AfterHooks(0)))
    }
    /// Returns nothing.
    #[inline(always)]
    pub fn ret0(&mut self) -> LuaResult<Returned> {
        self.ret_pushed(0)
    }
    /// Returns one value.
    #[inline(always)]
    pub fn ret(&mut self, value: Value) -> LuaResult<Returned> {
        self.push(value);
        self.ret_pushed(1)
    }
    /// Returns a string.
    pub fn ret_str(&mut self, bytes: &[u8]) -> LuaResult<Returned> {
        let string = self.heap.new_string_value(bytes);
        self.ret(string)
    }
    /// Returns these values.
    pub fn ret_all(&mut self, values: &[Value]) -> LuaResult<Returned> {
        self.ensure_stack(values.len(), "too many results")?;
        for value in values {
            self.push(*value);
        }
        self.ret_pushed(values.len())
    }
    /// Calls the function in stack slot `func` with the values above it, all results wanted, and then
    /// runs `then`.
    pub fn call_then(&mut self, func: usize, then: Continuation) -> LuaResult<Returned> {
        Ok(Returned(Return::Call { func: func as u32, then, protected: false, handler: None }))
    }
    /// As [`Vm::call_then`], but errors reach `then` too. `handler` is the stack slot of a message
    /// handler to run where the error is raised.
    pub fn protected_call_then(
        &mut self,
        func: usize,
        handler: Option<usize>,
        then: Continuation,
    ) -> LuaResult<Returned> {
        Ok(Returned(Return::Call {
            func: func as u32,
            then,
            protected: true,
            handler: handler.map(|slot| slot as u32),
        }))
    }
}

/// Arguments.
impl Vm {
    /// Argument `n`, nil if it is absent.
    #[inline(always)]
    pub fn arg(&self, args: Args, n: usize) -> Value {
        if n <= args.len() { self.thread.stack.get(args.slot(n)) } else { Value::NIL }
    }
    /// Argument `n`, `None` if it is absent.
    pub fn arg_opt(&self, args: Args, n: usize) -> Option<Value> {
        (n <= args.len()).then(|| self.arg(args, n))
    }
    /// All arguments from `n` on.
    pub fn args_from(&self, args: Args, n: usize) -> &[Value] {
        let end = args.base as usize + args.len();
        self.thread.stack.slice(args.slot(n).min(end), end)
    }
    /// Overwrites argument `n`, which must be present.
    pub fn set_arg(&mut self, args: Args, n: usize, value: Value) {
        assert!(n <= args.len());
        self.thread.stack.set(args.slot(n), value);
    }
    /// Upvalue `n` (from 1) of the running native closure.
    pub fn native_upvalue(&self, n: usize) -> Value {
        self.running_native_closure().upvalue(n - 1)
    }
    pub fn native_upvalue_count(&self) -> usize {
        self.running_native_closure().upvalue_count()
    }
    pub fn set_native_upvalue(&mut self, n: usize, value: Value) {
        let closure = self.running_native_closure();
        closure.set_upvalue(&mut self.heap, n - 1, value);
    }
    fn running_native_closure(&self) -> crate::heap::NativeClosureRef {
        let frame = self.thread.frames.last().expect("a native is running");
        self.frame_function(frame).as_native_closure().expect("the running native has upvalues")
    }

    pub fn check_any(&mut self, args: Args, n: usize) -> LuaResult<Value> {
        match self.arg_opt(args, n) {
            Some(value) => Ok(value),
            None => Err(self.arg_error(n, "value expected")),
        }
    }
    /// A number, converted from a string if need be; keeps the subtype.
    pub fn check_number(&mut self, args: Args, n: usize) -> LuaResult<Value> {
        let value = self.arg(args, n);
        if value.is_number() {
            return Ok(value);
        }
        match value.as_str().and_then(|string| parse_number(string.as_bytes())) {
            Some(number) => Ok(number),
            None => Err(self.arg_type_error(args, n, "number")),
        }
    }
    #[inline]
    pub fn check_float(&mut self, args: Args, n: usize) -> LuaResult<f64> {
        let number = self.check_number(args, n)?;
        Ok(match number.as_int() {
            Some(int) => int as f64,
            None => number.as_float().expect("check_number returns a number"),
        })
    }
    pub fn opt_float(&mut self, args: Args, n: usize, default: f64) -> LuaResult<f64> {
        if self.arg(args, n).is_nil() { Ok(default) } else { self.check_float(args, n) }
    }
    #[inline]
    pub fn check_int(&mut self, args: Args, n: usize) -> LuaResult<i64> {
        if let Some(int) = self.arg(args, n).as_int() {
            return Ok(int);
        }
        let number = match self.arg(args, n).as_str() {
            Some(string) => parse_number(string.as_bytes()),
            None => Some(self.arg(args, n)).filter(|value| value.is_number()),
        };
        let Some(number) = number else {
            return Err(self.arg_type_error(args, n, "number"));
        };
        let int = number
            .as_int()
            .or_else(|| number.as_float().and_then(|float| float_to_int(float, Rounding::Exact)));
        match int {
            Some(int) => Ok(int),
            None => Err(self.arg_error(n, "number has no integer representation")),
        }
    }
    pub fn opt_int(&mut self, args: Args, n: usize, default: i64) -> LuaResult<i64> {
        if self.arg(args, n).is_nil() { Ok(default) } else { self.check_int(args, n) }
    }
    /// A string; a number is converted, and the argument replaced by the string.
    pub fn check_str(&mut self, args: Args, n: usize) -> LuaResult<StrRef> {
        let value = self.arg(args, n);
        if let Some(string) = value.as_str() {
            return Ok(string);
        }
        let Some(text) = number_text(value) else {
            return Err(self.arg_type_error(args, n, "string"));
        };
        let string = self.heap.new_string(&text);
        self.set_arg(args, n, Value::from(string));
        Ok(string)
    }
    pub fn opt_str(&mut self, args: Args, n: usize) -> LuaResult<Option<StrRef>> {
        if self.arg(args, n).is_nil() { Ok(None) } else { self.check_str(args, n).map(Some) }
    }
    pub fn check_table(&mut self, args: Args, n: usize) -> LuaResult<TableRef> {
        match self.arg(args, n).as_table() {
            Some(table) => Ok(table),
            None => Err(self.arg_type_error(args, n, "table")),
        }
    }
    pub fn check_lua_function(&mut self, args: Args, n: usize) -> LuaResult<ClosureRef> {
        match self.arg(args, n).as_closure() {
            Some(closure) => Ok(closure),
            None => Err(self.arg_type_error(args, n, "Lua function")),
        }
    }
    pub fn check_userdata(&mut self, args: Args, n: usize, name: &str) -> LuaResult<UserdataRef> {
        match self.arg(args, n).as_userdata() {
            Some(userdata) => Ok(userdata),
            None => Err(self.arg_type_error(args, n, name)),
        }
    }
    pub fn check_type(&mut self, args: Args, n: usize, expected: BasicType) -> LuaResult<Value> {
        let value = self.arg(args, n);
        if n <= args.len() && BasicType::of(value) == expected {
            Ok(value)
        } else {
            Err(self.arg_type_error(args, n, expected.name()))
        }
    }
    /// The index of argument `n` (a string, `default` if absent) in `options` (`luaL_checkoption`).
    pub fn check_option(
        &mut self,
        args: Args,
        n: usize,
        default: Option<&str>,
        options: &[&str],
    ) -> LuaResult<usize> {
        let bytes: Vec<u8> = match (default, self.arg(args, n).is_nil()) {
            (Some(default), true) => default.as_bytes().to_vec(),
            _ => self.check_str(args, n)?.as_bytes().to_vec(),
        };
        match options.iter().position(|option| option.as_bytes() == bytes) {
            Some(index) => Ok(index),
            None => Err(self.arg_error(n, [b"invalid option '", &bytes[..], b"'"].concat())),
        }
    }

    /// `bad argument #n to 'f' (message)` (`luaL_argerror`).
    #[cold]
    pub fn arg_error(&mut self, n: usize, message: impl AsRef<[u8]>) -> Box<LuaError> {
        let index = self.frame_count() - 1;
        let mut n = n;
        let message = message.as_ref();
        let name = match self.function_name(index) {
            Some((kind, name)) => {
                if kind == "method" {
                    n -= 1;
                    if n == 0 {
                        return self.error(
                            [b"calling '", &name[..], b"' on bad self (", message, b")"].concat(),
                        );
                    }
                }
                name
            }
            None => self
                .global_function_name(self.frame_function(&self.thread.frames[index]))
                .unwrap_or_else(|| b"?".to_vec()),
        };
        self.error(
            [format!("bad argument #{n} to '").as_bytes(), &name, b"' (", message, b")"].concat(),
        )
    }

    /// `bad argument #n to 'f' (<expected> expected, got <type>)` (`luaL_typeerror`).
    #[cold]
    pub fn arg_type_error(&mut self, args: Args, n: usize, expected: &str) -> Box<LuaError> {
        self.value_type_error(n, self.arg_opt(args, n), expected)
    }

    /// [`Vm::arg_type_error`] for a value that stands in for argument `n`; `None` if there is none.
    #[cold]
    pub fn value_type_error(
        &mut self,
        n: usize,
        value: Option<Value>,
        expected: &str,
    ) -> Box<LuaError> {
        let got = match value {
            None => b"no value".to_vec(),
            Some(value) => {
                let name_key = self.heap.new_string_value(b"__name");
                let own =
                    self.metatable_of(value).and_then(|metatable| metatable.get(name_key).as_str());
                match own {
                    Some(name) => until_nul(name.as_bytes()).to_vec(),
                    None if BasicType::of(value) == BasicType::LightUserdata => {
                        b"light userdata".to_vec()
                    }
                    None => value.type_name().as_bytes().to_vec(),
                }
            }
        };
        self.arg_error(n, [expected.as_bytes(), b" expected, got ", &got].concat())
    }

    /// The name under which `package.loaded` knows a function: `print`, `math.floor`.
    pub fn global_function_name(&self, function: Value) -> Option<Vec<u8>> {
        for (module, content) in self.loaded.entries() {
            let Some(module) = module.as_str() else {
                continue;
            };
            if content.raw_equals(function) {
                return Some(module.as_bytes().to_vec());
            }
            let Some(content) = content.as_table() else {
                continue;
            };
            for (name, value) in content.entries() {
                if let Some(name) = name.as_str()
                    && value.raw_equals(function)
                {
                    return Some(match module.as_bytes() {
                        b"_G" => name.as_bytes().to_vec(),
                        module => [module, b".", name.as_bytes()].concat(),
                    });
                }
            }
        }
        None
    }
}
