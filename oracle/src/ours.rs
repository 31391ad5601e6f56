//! Our engines: the interpreter, driven to clocks, and the JIT, which leads.
//!
//! In: a [`Program`] (compiled once, by our compiler). Out: the same as every engine: stops, an ending.
//! Both run on the same `Vm`; they differ in what is plugged into it as its driver.
//!
//! - The interpreter's driver asks for a tick at each clock its watcher names. No loop is ever hot.
//! - The JIT is watched through its observer, which is called at each entry into and exit from a trace.
//!
//! Fuel ends a run as in the reference: an error at every further instruction, so that no `pcall` of the
//! program can keep it alive; whatever happens meanwhile is ignored.
#![forbid(unsafe_code)]

mod interpreter;
mod jit;
#[cfg(test)]
mod links;

pub use interpreter::{Collecting, Interpreter};
pub use jit::Jit;

use crate::canon::{
    Address, Class, Frame, FunctionId, LibraryName, ProtoId, State, ThreadFrameVisitor,
    ThreadStatus, View,
};
use crate::engine::{Ending, Outcome, Program};
use crate::verdict::Reason;
use plumb_jit::bytecode::Pc;
use plumb_jit::heap::{ClosureRef, TableRef, Tag, ThreadRef, Value, layout};
use plumb_jit::vm::{
    Args, ErrorKind, LuaResult, NativeFunction, Returned, RuntimeProto, Unspecified, Vm,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

/// A stopped VM.
pub struct VmState<'vm> {
    vm: &'vm Vm,
    library: &'vm Library,
    /// Prototypes of the main chunk: the VM numbers them in the order of [`ProtoId`], from 0.
    protos: u32,
    /// Indices of the Lua frames, innermost first; given back to the library at the end.
    frames: Vec<usize>,
    /// First stack slot that means nothing although static analysis must call it live: what lies above
    /// an open list of values when the running frame's next instruction takes one.
    dead_from: usize,
}

impl<'vm> VmState<'vm> {
    fn new(vm: &'vm Vm, library: &'vm Library, protos: u32) -> Self {
        let mut frames = library.spare.take();
        let all = vm.frames().iter().enumerate().rev();
        frames.clear();
        frames.extend(all.filter(|(_, frame)| frame.is_lua()).map(|(index, _)| index));
        VmState { vm, library, protos, frames, dead_from: dead_from(vm) }
    }

    fn identify(&self, proto: &RuntimeProto) -> FunctionId {
        let id = if proto.id < self.protos { ProtoId(proto.id) } else { ProtoId::DYNAMIC };
        FunctionId {
            proto: id,
            line_defined: proto.proto.line_defined,
            last_line: proto.proto.last_line_defined,
        }
    }
}

fn dead_from(vm: &Vm) -> usize {
    let running = vm.frame_count().checked_sub(1).map(|top| vm.frame(top));
    let next = running.and_then(|view| Some(view.proto()?.code()[view.pc.index()]));
    match next {
        Some(instruction) if instruction.takes_top() => vm.open_top(),
        _ => usize::MAX,
    }
}

impl Drop for VmState<'_> {
    fn drop(&mut self) {
        self.library.spare.set(std::mem::take(&mut self.frames));
    }
}

impl State for VmState<'_> {
    type Value = Value;

    fn frame_count(&self) -> usize {
        self.frames.len()
    }

    #[inline]
    fn level(&self, level: usize) -> (Frame, impl Fn(u8) -> Value + '_) {
        let view = self.vm.frame(self.frames[level]);
        let proto = view.proto().expect("only Lua frames are listed");
        // The frame on top is at the instruction it executes next, any other behind its call.
        let running = self.frames[level] + 1 == self.vm.frame_count();
        let frame = Frame { function: self.identify(proto), pc: view.pc.0 - u32::from(!running) };
        let meant = self.dead_from.saturating_sub(view.base);
        let register = move |index| match usize::from(index) {
            index if index < meant => view.registers[index],
            _ => Value::NIL,
        };
        (frame, register)
    }

    fn register_name(&self, level: usize, index: u8) -> Option<String> {
        let view = self.vm.frame(*self.frames.get(level)?);
        let pc = self.frame(level).pc;
        let name = view.proto()?.proto.local_name(usize::from(index), Pc(pc))?;
        Some(String::from_utf8_lossy(name).into_owned())
    }

    fn globals(&self) -> Value {
        Value::from(self.vm.globals())
    }

    #[inline(always)]
    fn view(&self, value: Value) -> View<'_> {
        let object = |class| View::Object(class, Address(value.payload()));
        match value.tag() {
            Tag::Nil | Tag::DeadKey => View::Nil,
            Tag::False => View::Bool(false),
            Tag::True => View::Bool(true),
            Tag::Int => View::Int(value.payload() as i64),
            Tag::Float => View::Float(f64::from_bits(value.payload())),
            Tag::Str => View::Str(value.as_str().expect("tagged as a string").as_bytes()),
            Tag::Table => object(Class::Table),
            Tag::Closure => object(Class::Closure),
            Tag::Native => object(Class::Native),
            Tag::NativeClosure => {
                View::Object(Class::Native, Address(value.payload() | NATIVE_CLOSURE_BIT))
            }
            Tag::Userdata | Tag::LightUserdata => object(Class::Userdata),
            Tag::Thread => object(Class::Thread),
        }
    }

    #[inline]
    fn each_entry(&self, table: Address, mut visit: impl FnMut(Value, Value) -> ControlFlow<()>) {
        for (key, value) in table_at(table).entries() {
            if visit(key, value).is_break() {
                return;
            }
        }
    }

    fn get_int(&self, table: Address, key: i64) -> Value {
        table_at(table).peek_int(key)
    }

    fn metatable(&self, table: Address) -> Option<Address> {
        table_at(table).metatable().map(|metatable| Address(metatable.address()))
    }

    fn function(&self, closure: Address) -> FunctionId {
        self.identify(closure_at(closure).proto())
    }

    fn upvalue_count(&self, closure: Address) -> usize {
        closure_at(closure).upvalue_count()
    }

    fn upvalue(&self, closure: Address, index: usize) -> Value {
        closure_at(closure).upvalue(index).get()
    }

    fn upvalue_cell(&self, closure: Address, index: usize) -> Address {
        Address(closure_at(closure).upvalue(index).as_ptr() as u64)
    }

    fn thread_status(&self, thread: Address) -> ThreadStatus {
        match thread_at(thread).status() {
            layout::ThreadStatus::Suspended => ThreadStatus::Suspended,
            layout::ThreadStatus::Running => ThreadStatus::Running,
            layout::ThreadStatus::Normal => ThreadStatus::Normal,
            layout::ThreadStatus::Dead | layout::ThreadStatus::Failed => ThreadStatus::Dead,
        }
    }

    fn thread_body(&self, thread: Address) -> Option<Value> {
        self.vm.coroutine_body(thread_at(thread))
    }

    fn wrapped_thread(&self, native: Address) -> Option<Value> {
        if native.0 & NATIVE_CLOSURE_BIT == 0 {
            return None;
        }
        let closure = Value::from_raw(Tag::NativeClosure, native.0 & !NATIVE_CLOSURE_BIT);
        let closure = closure.as_native_closure()?;
        // No other function of the library keeps a coroutine.
        let first = (closure.upvalue_count() > 0).then(|| closure.upvalue(0))?;
        first.as_thread().map(Value::from)
    }

    fn each_thread_frame(&self, thread: Address, visit: &mut ThreadFrameVisitor<'_, Value>) {
        let thread = self.vm.thread_state(thread_at(thread));
        for index in (0..thread.frames().len()).rev() {
            let view = thread.view(index);
            let Some(proto) = view.proto() else { continue };
            let frame = Frame { function: self.identify(proto), pc: view.pc.0 - 1 };
            if visit(&frame, &|index| view.registers[usize::from(index)]).is_break() {
                return;
            }
        }
    }

    fn waiting_main(&self) -> Option<Value> {
        let main = self.vm.main_thread();
        (self.vm.current_thread() != main).then(|| Value::from(main))
    }

    fn shown(&self) -> Unspecified {
        self.vm.shown
    }

    fn library_name(&self, class: Class, object: Address) -> Option<&LibraryName> {
        self.library.name(class, object)
    }
}

/// Addresses of tables and closures come from `view`, with the tag that says what they are.
fn table_at(address: Address) -> TableRef {
    Value::from_raw(Tag::Table, address.0).as_table().expect("an address is not null")
}

fn closure_at(address: Address) -> ClosureRef {
    Value::from_raw(Tag::Closure, address.0).as_closure().expect("an address is not null")
}

fn thread_at(address: Address) -> ThreadRef {
    Value::from_raw(Tag::Thread, address.0).as_thread().expect("an address is not null")
}

/// Native functions with and without upvalues share a class; this bit of the address tells them apart.
const NATIVE_CLOSURE_BIT: u64 = 1 << 63;

/// Names of the standard library: of its functions, which live at the same address in every VM of a
/// process, and of this VM's tables.
struct Library {
    functions: &'static FxHashMap<u64, LibraryName>,
    tables: Vec<(u64, &'static LibraryName)>,
    /// Room for the frames of a [`VmState`]; there is one at a time.
    spare: Cell<Vec<usize>>,
}

impl Library {
    fn of(vm: &Vm) -> Library {
        let names = names();
        let mut tables = Vec::with_capacity(8);
        for (key, value) in vm.globals().entries() {
            if let (Some(key), Some(table)) = (key.as_str(), value.as_table())
                && let Some(name) =
                    names.tables.iter().find(|name| name.text().as_bytes() == key.as_bytes())
            {
                tables.push((table.address(), name));
            }
        }
        Library { functions: &names.functions, tables, spare: Cell::default() }
    }

    fn name(&self, class: Class, object: Address) -> Option<&LibraryName> {
        if class == Class::Table {
            let table = self.tables.iter().find(|(address, _)| *address == object.0);
            return table.map(|(_, name)| *name);
        }
        let function = match object.0 & NATIVE_CLOSURE_BIT {
            0 => object.0,
            _ => {
                let closure = Value::from_raw(Tag::NativeClosure, object.0 & !NATIVE_CLOSURE_BIT);
                std::ptr::from_ref(closure.native_function()?) as u64
            }
        };
        self.functions.get(&function)
    }
}

struct Names {
    /// By address of the native function; one with two names goes by the smaller.
    functions: FxHashMap<u64, LibraryName>,
    tables: Vec<LibraryName>,
    all: FxHashSet<String>,
}

fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut vm = new_vm();
        let mut names = Names {
            functions: FxHashMap::default(),
            tables: Vec::new(),
            all: FxHashSet::default(),
        };
        let mut add = |name: &str, value: Value| {
            names.all.insert(name.to_string());
            match value.native_function() {
                Some(function) => {
                    let address = std::ptr::from_ref(function) as u64;
                    let name = LibraryName::new(name.into());
                    let entry = names.functions.entry(address).or_insert_with(|| name.clone());
                    if name < *entry {
                        *entry = name;
                    }
                }
                None => names.tables.push(LibraryName::new(name.into())),
            }
        };
        each_name(vm.globals(), "", &mut add);
        let ipairs = vm.get_global("ipairs");
        if let Ok(iterator) = vm.call1(ipairs, &[Value::int(0)]) {
            add("ipairs iterator", iterator);
        }
        names
    })
}

/// Visits the functions and tables that globals hold, and those that these tables hold.
fn each_name(table: TableRef, prefix: &str, visit: &mut dyn FnMut(&str, Value)) {
    for (key, value) in table.entries() {
        let Some(key) = key.as_str() else { continue };
        let name = format!("{prefix}{}", key.to_text());
        match value.as_table() {
            Some(library) if prefix.is_empty() && name != "_G" => {
                each_name(library, &format!("{name}."), visit);
                visit(&name, value);
            }
            None if value.is_function() => visit(&name, value),
            _ => {}
        }
    }
}

/// Whether our library has a function or table of this name, such as `math.sin`.
pub fn offers(name: &str) -> bool {
    names().all.contains(name)
}

fn new_vm() -> Vm {
    let mut vm = Vm::new();
    plumb_jit::stdlib::open_pure(&mut vm);
    vm
}

/// A VM ready to run a program within its bounds, its collector stopped.
fn prepare(program: &Program) -> (Vm, Library) {
    let mut vm = new_vm();
    vm.heap.limit_bytes = program.options.memory;
    // As in the reference: finalizers and weak tables would show when a collection came.
    vm.heap.stopped = true;
    vm.imitate_count_hook();
    let library = Library::of(&vm);
    if let Some(math) = vm.get_global("math").as_table() {
        let name = vm.heap.new_string(b"randomseed");
        let seed = [Value::int(program.options.random_seed)];
        vm.call(math.get_str(name), &seed).expect("randomseed accepts an integer");
    }
    vm.reset_clock();
    (vm, library)
}

/// Runs the main chunk above a message handler, as the reference does.
fn run_main(vm: &mut Vm, closure: ClosureRef) -> LuaResult<Vec<Value>> {
    vm.call_handled(Value::from(closure), &[], Value::native(&NOTE_TRACEBACK))
}

static NOTE_TRACEBACK: NativeFunction =
    NativeFunction { name: "message handler", call: note_traceback, intrinsic: None };

/// Where the registry keeps the traceback of the last error that reached the handler.
const TRACEBACK: &str = "traceback of the last error";

/// Notes where an error was raised, and leaves it as it is. Runs no Lua code, so the clock stands still.
fn note_traceback(vm: &mut Vm, args: Args) -> LuaResult<Returned> {
    let text = vm.traceback(None, 1);
    let text = vm.heap.new_string_value(&text);
    vm.registry().set_name(&mut vm.heap, TRACEBACK, text);
    let error = vm.arg(args, 1);
    vm.ret(error)
}

/// The ending of a run that nothing limited.
fn ending_of(vm: &mut Vm, result: LuaResult<Vec<Value>>) -> Ending<Value> {
    match result {
        Ok(values) => Ending::Returned(values),
        Err(error) if error.kind == ErrorKind::Memory => Ending::Limited(Reason::Memory),
        Err(error) => {
            let key = vm.heap.new_string(TRACEBACK.as_bytes());
            let text = vm.registry().get_str(key);
            let traceback = text.as_str().map(|text| text.as_bytes().to_vec());
            Ending::Failed { error: error.value, traceback }
        }
    }
}

fn without_values(ending: Ending<Value>) -> Ending<()> {
    match ending {
        Ending::Returned(values) => Ending::Returned(vec![(); values.len()]),
        Ending::Failed { traceback, .. } => Ending::Failed { error: (), traceback },
        Ending::NotLua(message) => Ending::NotLua(message),
        Ending::Limited(reason) => Ending::Limited(reason),
        Ending::Stopped => Ending::Stopped,
        Ending::Broken(rule) => Ending::Broken(rule),
    }
}

/// The outcome of a program that our compiler rejects.
fn rejected(message: &[u8]) -> Outcome {
    Outcome { ending: Ending::NotLua(message.to_vec()), output: Vec::new(), instructions: None }
}

/// Runs ours, and turns a panic, which is a defect of ours, into a description.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        format!("panic: {}", text.unwrap_or("(no message)"))
    })
}
