//! The reference engine: PUC Lua 5.4.9, as vendored by `mlua`, stopped at chosen instructions.
//!
//! In: Lua source, [`Options`], an [`Observer`]. Out: an [`Ending`], the printed bytes, and calls on the
//! observer with the engine stopped at exactly the clocks it asked for.
//!
//! # The clock
//! PUC counts an instruction when `luaV_execute` fetches it with hooks on (`vmfetch`, `luaG_traceexec`).
//! A count hook armed with `n` fires just before the `n`-th fetched instruction is executed, and is armed
//! anew there with the distance to the next stop. Our engines count what PUC counts:
//! - One for each fetched instruction, in Lua functions only. Native functions cost nothing, but the Lua
//!   functions they call (`pcall`, `table.sort` comparators, `string.gsub` callbacks, metamethods,
//!   `__tostring`, iterators, message handlers) count like any other.
//! - `VARARGPREP`, always the first instruction of a vararg function (and of the main chunk), is not
//!   counted: hooks of a vararg function start after its frame is adjusted.
//! - Nothing is counted for words that are consumed by their predecessor:
//!   the `JMP` after a comparison or test, when that jump is *taken* (a jump that is skipped is skipped);
//!   `EXTRAARG` after `LOADKX`, `NEWTABLE` (always present) and `SETLIST`; the `TFORCALL` reached by
//!   `TFORPREP`, and the `TFORLOOP` that follows every `TFORCALL`. A `TFORCALL` reached by fetching counts.
//! - An `MMBIN*` after an arithmetic instruction is skipped, uncounted, when the operation succeeds, and
//!   fetched and counted when the metamethod is needed. `FORPREP` and `FORLOOP` count one each time.
//! - An instruction that raises an error was fetched, so it counts.
//!
//! The state at clock `c` is the one after `c` counted instructions, before the next counted one. Hence a
//! stop never falls between an instruction and what it consumes, and never on `VARARGPREP`.
//!
//! # Choices
//! - Strings are hashed from our seed instead of a random one, so that the order of `next` is the same on
//!   all engines and in every run, but for keys that are hashed by their address.
//! - A fresh state each run, the collector stopped: it would clear or free what dead registers hold.
//!   Memory is bounded by the allocator instead.
//! - No `os`, `io`, `package` and no file loading; of `debug`, `traceback` alone, since hooks are ours.
//!   `print` writes to a buffer.
//! - Limits (fuel, memory) raise errors that the program may catch; whatever it does then is ignored, as
//!   the run is reported as limited.
//! - A message handler beneath the main chunk notes the traceback of an error that nothing catches. It needs
//!   one slot, so a recursion overflows that much earlier: on our engines too, which have the same.
//! - Each coroutine counts down on its own, and inherits the hook when it is made. Only the one that the
//!   hook ran in last counts to the next stop; in all others the hook runs before their next
//!   instruction, and takes over what is left of the count (`Context::settle`).
//! - Finalizers run with hooks off, and `collectgarbage` runs them though the collector is stopped. Their
//!   instructions are not counted: a program whose text mentions `__gc` has the hook run at each of its
//!   instructions, since a longer count would run down in a finalizer too.
//! - Where the hook runs, PUC needs twenty slots above a frame's registers. So that stops do not decide
//!   whether a deep recursion fails, the hook runs at each instruction once the stack is nearly full
//!   (`allocate`), and our engines imitate it (`Vm::imitate_count_hook`). The instruction before which such
//!   an overflow is raised is not counted.

mod layout;
mod state;

use crate::canon::{Address, Class, Frame, LibraryName, ProtoId, State, View};
use crate::engine::{Ending, Engine, Next, Options, Outcome, Program, Watcher};
use crate::event::Clock;
use crate::policy;
use crate::verdict::{self, Reason};
use layout::{CallInfo, LuaClosure, LuaState, Proto, TString, TValue};
use mlua::ffi;
use plumb_jit::heap::string::{HASH_SEED, hash_bytes};
use rustc_hash::FxHashMap;
pub use state::PucState;
use state::{lua_frames, read};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_int, c_void};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::OnceLock;

/// Watches a run.
pub trait Observer {
    /// The first clock to stop at.
    fn first(&mut self) -> Option<Clock>;
    /// The engine stands at `clock`.
    fn at(&mut self, clock: Clock, state: &PucState<'_>) -> Next;
    /// The program has ended and all its values are still there. Not called for limited runs nor for
    /// rejected sources.
    fn end(&mut self, state: &PucState<'_>, ending: &Ending<PucValue>);
}

/// A value of the reference engine. Valid only while the engine it came from is stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PucValue {
    payload: u64,
    tag: u8,
}

const NIL: PucValue = PucValue { payload: 0, tag: 0 };

/// Bytes in use by one Lua state, and its bound.
struct Memory {
    used: usize,
    limit: usize,
    hit: bool,
    /// While the program runs: who is to be told of a stack near its limit and of freed threads.
    running: *mut Context<'static>,
}

/// What the hook and `print` need; one a run, at a stable address.
struct Context<'o> {
    observer: &'o mut dyn Observer,
    main: *mut ffi::lua_State,
    /// Counted instructions fetched when the hook last ran, the fetched one included.
    fetched: u64,
    /// The thread that the hook last ran in, null if that is over. All others have a count of one.
    counting: *mut LuaState,
    /// Distance with which the hook of `counting` is armed.
    armed: u64,
    /// Next stop that the observer asked for.
    next: Option<Clock>,
    /// The hook runs at each instruction.
    every: bool,
    fuel: u64,
    limited: Option<Reason>,
    /// The observer wants no more.
    stopped: bool,
    memory: *mut Memory,
    panic: Option<Box<dyn std::any::Any + Send>>,
    output_limit: usize,
    facts: Facts,
}

/// What a run knows of its state besides the state itself.
struct Facts {
    main: *mut ffi::lua_State,
    output: Vec<u8>,
    protos: FxHashMap<usize, ProtoId>,
    /// Library tables of this state by address.
    tables: Vec<(u64, &'static LibraryName)>,
    globals: PucValue,
    /// What the message handler saw last.
    traceback: Option<Vec<u8>>,
    /// Room for the frames of a state; there is one at a time.
    spare: Cell<Vec<(*mut CallInfo, c_int)>>,
}

impl Context<'_> {
    /// Whether what the program does from now on is ignored.
    fn is_over(&self) -> bool {
        self.limited.is_some() || self.stopped || self.panic.is_some()
    }

    /// Has the hook run in `thread` at the next moment at which it has work to do.
    ///
    /// # Safety
    /// `thread` is a live thread of this run, between two instructions, and no other counts.
    unsafe fn arm(&mut self, thread: *mut LuaState) {
        let stop = self.next.map_or(self.fuel, |c| c.0.min(self.fuel));
        self.armed = match self.every {
            true => 1,
            false => (stop + 1).saturating_sub(self.fetched).clamp(1, i32::MAX as u64 - 1),
        };
        self.counting = thread;
        // SAFETY: by the caller.
        unsafe { (*thread).hook_count = self.armed as i32 };
    }

    /// Counts what the counting thread has fetched so far, and has it count no further.
    ///
    /// # Safety
    /// Called while the run's state exists; Lua reads a thread's count only between instructions.
    unsafe fn settle(&mut self) {
        if self.counting.is_null() {
            return;
        }
        // SAFETY: the counting thread is alive: before it is freed, it is settled.
        unsafe {
            self.fetched += self.armed - (*self.counting).hook_count as u64;
            (*self.counting).hook_count = 1;
        }
        self.counting = ptr::null_mut();
    }

    /// Counts the instruction that the hook was called for, in `thread`.
    ///
    /// # Safety
    /// As for [`Context::settle`].
    unsafe fn count(&mut self, thread: *mut LuaState) {
        if self.counting == thread {
            self.fetched += self.armed;
        } else {
            // SAFETY: by the caller.
            unsafe { self.settle() };
            self.fetched += 1;
        }
    }
}

/// Runs a program on a fresh reference engine.
pub fn run(
    source: &[u8],
    chunk_name: &str,
    options: &Options,
    observer: &mut dyn Observer,
) -> Outcome {
    let name = CString::new(chunk_name).expect("a chunk name has no NUL");
    let mut memory =
        Memory { used: 0, limit: options.memory, hit: false, running: ptr::null_mut() };
    let memory_ptr: *mut Memory = &mut memory;
    let mut context = Context {
        next: observer.first(),
        observer,
        main: ptr::null_mut(),
        fetched: 0,
        counting: ptr::null_mut(),
        armed: 0,
        every: policy::mentions(source, "__gc"),
        fuel: options.fuel,
        limited: None,
        stopped: false,
        memory: memory_ptr,
        panic: None,
        output_limit: options.output,
        facts: Facts {
            main: ptr::null_mut(),
            output: Vec::new(),
            protos: FxHashMap::default(),
            tables: Vec::new(),
            globals: NIL,
            traceback: None,
            spare: Cell::default(),
        },
    };
    // SAFETY: the state is created, used and closed here, by this thread only; `memory` and `context`
    // outlive it and are reached by the callbacks through raw pointers, never while a Rust reference to
    // the same field is in use. Every call that may raise a Lua error runs inside `lua_pcall` (opening
    // libraries and loading run before the program, within the fresh state's memory bound).
    let ending = unsafe {
        let l = ffi::lua_newstate(allocate, memory_ptr.cast());
        assert!(!l.is_null(), "the memory bound is too small for an empty Lua state");
        let context: *mut Context<'_> = &mut context;
        ((*context).main, (*context).facts.main) = (l, l);
        ffi::lua_getextraspace(l).cast::<*mut c_void>().write(context.cast());
        ffi::lua_gc(l, ffi::LUA_GCSTOP);
        fix_seed(l);
        let ending = load_and_call(l, &mut *context, source, &name, options);
        ffi::lua_close(l);
        ending
    };
    if let Some(payload) = context.panic {
        resume_unwind(payload);
    }
    let ending = match context.limited {
        Some(reason) => Ending::Limited(reason),
        None if context.stopped => Ending::Stopped,
        None => ending,
    };
    Outcome { ending, output: context.facts.output, instructions: None }
}

/// Replaces the random hash seed of a fresh state by that of our heap, and rehashes the few strings that
/// the state has already: tables are then traversed in one order, whichever run and engine.
///
/// # Safety
/// `l` was just made: no table has a string key and no long string exists.
unsafe fn fix_seed(l: *mut ffi::lua_State) {
    // SAFETY: the string table holds `size` chains of live short strings; each is linked anew, once.
    unsafe {
        let global = (*l.cast::<LuaState>()).global;
        let buckets =
            std::slice::from_raw_parts_mut((*global).buckets, (*global).num_buckets as usize);
        let mut strings = Vec::new();
        for bucket in buckets.iter_mut() {
            let mut string = std::mem::replace(bucket, ptr::null_mut());
            while !string.is_null() {
                strings.push(string);
                string = (*string).long_len_or_next as *mut TString;
            }
        }
        (*global).seed = HASH_SEED;
        for string in strings {
            let len = usize::from((*string).short_len);
            let bytes = std::slice::from_raw_parts(ptr::addr_of!((*string).contents).cast(), len);
            (*string).hash = hash_bytes(bytes);
            let bucket = &mut buckets[(*string).hash as usize & (buckets.len() - 1)];
            (*string).long_len_or_next = *bucket as usize;
            *bucket = string;
        }
    }
}

/// # Safety
/// `l` is a fresh state whose extra space points at `context`.
unsafe fn load_and_call(
    l: *mut ffi::lua_State,
    context: *mut Context<'_>,
    source: &[u8],
    name: &CStr,
    options: &Options,
) -> Ending<()> {
    // SAFETY: stack effects balance as written: at most five slots, of the twenty that a C caller has.
    unsafe {
        open_libraries(l, &mut (*context).facts, options);
        let mode = c"t".as_ptr();
        let status =
            ffi::luaL_loadbufferx(l, source.as_ptr().cast(), source.len(), name.as_ptr(), mode);
        if status != ffi::LUA_OK {
            return Ending::NotLua(top_bytes(l));
        }
        // The registry keeps the prototypes alive, so that their addresses stay theirs.
        ffi::lua_pushvalue(l, -1);
        ffi::lua_rawsetp(l, ffi::LUA_REGISTRYINDEX, context.cast::<c_void>());
        let closure = ffi::lua_topointer(l, -1).cast::<LuaClosure>();
        ffi::lua_pushcfunction(l, note_traceback);
        ffi::lua_insert(l, -2);
        let handler = ffi::lua_gettop(l) - 1;
        let mut protos = FxHashMap::default();
        number_protos((*closure).proto, &mut protos);
        (*context).facts.protos = protos;
        // What a count is reset to, and what new threads begin with, is one.
        ffi::lua_sethook(l, Some(hook), ffi::LUA_MASKCOUNT, 1);
        (*context).arm(l.cast());
        (*(*context).memory).running = context.cast();
        let status = ffi::lua_pcall(l, 0, ffi::LUA_MULTRET, handler);
        (*(*context).memory).running = ptr::null_mut();
        ffi::lua_sethook(l, None, 0, 0);
        let function = (*(*l.cast::<LuaState>()).ci).function;
        let value = |index: c_int| read(function.add(index as usize));
        let ending = if status == ffi::LUA_OK {
            Ending::Returned((handler + 1..=ffi::lua_gettop(l)).map(value).collect())
        } else {
            let traceback = (*context).facts.traceback.take();
            Ending::Failed { error: value(ffi::lua_gettop(l)), traceback }
        };
        if (*(*context).memory).hit {
            (*context).limited = Some(Reason::Memory);
        }
        if !(*context).is_over() {
            let state = PucState { l, facts: &(*context).facts, frames: Vec::new() };
            let observer: *mut dyn Observer = ptr::addr_of_mut!(*(*context).observer);
            let watched = catch_unwind(AssertUnwindSafe(|| (*observer).end(&state, &ending)));
            if let Err(payload) = watched {
                (*context).panic = Some(payload);
            }
        }
        match ending {
            Ending::Failed { traceback, .. } => Ending::Failed { error: (), traceback },
            Ending::Returned(values) => Ending::Returned(vec![(); values.len()]),
            _ => unreachable!("a call returns or fails"),
        }
    }
}

/// The message handler beneath the main chunk: notes where an error was raised, and leaves it as it is.
/// Runs no Lua code, so the clock stands still.
unsafe extern "C-unwind" fn note_traceback(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: a handler gets the error value and has the room of a C function. The text is made on a
    // thread of its own, so neither what is left of the program's stack nor the depth of its C calls matters;
    // making it may fail for lack of memory, before there is anything to drop.
    unsafe {
        let context = context_of(l);
        if !(*context).is_over() {
            let room = ffi::lua_newthread(l);
            ffi::luaL_traceback(room, l, ptr::null(), 1);
            (*context).facts.traceback = Some(top_bytes(room));
        }
        ffi::lua_settop(l, 1);
    }
    1
}

/// # Safety
/// The value on top of the stack of `l` is a string.
unsafe fn top_bytes(l: *mut ffi::lua_State) -> Vec<u8> {
    let mut len = 0;
    // SAFETY: the string stays on the stack while its bytes are copied.
    unsafe {
        let bytes = ffi::lua_tolstring(l, -1, &mut len);
        std::slice::from_raw_parts(bytes.cast::<u8>(), len).to_vec()
    }
}

/// Numbers prototypes depth first, children after parents.
///
/// # Safety
/// `proto` is a live prototype; the vendored layout is the one of `layout`.
unsafe fn number_protos(proto: *mut Proto, protos: &mut FxHashMap<usize, ProtoId>) {
    let id = ProtoId(protos.len() as u32);
    protos.insert(proto as usize, id);
    // SAFETY: `p` holds `size_p` prototypes, each alive as long as its parent.
    unsafe {
        for child in 0..(*proto).size_p as usize {
            number_protos(*(*proto).p.add(child), protos);
        }
    }
}

type OpenFunction = unsafe extern "C-unwind" fn(*mut ffi::lua_State) -> c_int;

/// # Safety
/// `l` is a fresh state with an empty stack.
unsafe fn open_libraries(l: *mut ffi::lua_State, facts: &mut Facts, options: &Options) {
    let libraries: [(&CStr, OpenFunction); 7] = [
        (c"_G", ffi::luaopen_base),
        (c"table", ffi::luaopen_table),
        (c"string", ffi::luaopen_string),
        (c"math", ffi::luaopen_math),
        (c"utf8", ffi::luaopen_utf8),
        (c"coroutine", ffi::luaopen_coroutine),
        (c"debug", open_traceback),
    ];
    // SAFETY: each step leaves the stack as it found it; `luaL_requiref` fails only for lack of memory,
    // which the bound of an empty state rules out.
    unsafe {
        for (name, open) in libraries {
            ffi::luaL_requiref(l, name.as_ptr(), open, 1);
            ffi::lua_settop(l, 0);
        }
        for name in [c"dofile", c"loadfile"] {
            ffi::lua_pushnil(l);
            ffi::lua_setglobal(l, name.as_ptr());
        }
        ffi::lua_pushcclosure(l, print, 0);
        ffi::lua_setglobal(l, c"print".as_ptr());
        ffi::lua_getglobal(l, c"math".as_ptr());
        ffi::lua_getfield(l, -1, c"randomseed".as_ptr());
        ffi::lua_pushinteger(l, options.random_seed);
        ffi::lua_call(l, 1, 0);
        ffi::lua_settop(l, 0);
        ffi::lua_rawgeti(l, ffi::LUA_REGISTRYINDEX, ffi::LUA_RIDX_GLOBALS);
        facts.globals = read((*(*l.cast::<LuaState>()).ci).function.add(1));
        ffi::lua_settop(l, 0);
        let names = library_names(l, facts);
        if let Some(offers) = options.offers {
            names.all.iter().filter(|name| !offers(name)).for_each(|name| remove(l, name));
        }
    }
}

/// Leaves a table of `debug.traceback` alone on the stack.
///
/// # Safety
/// Called by Lua, to open a library.
unsafe extern "C-unwind" fn open_traceback(l: *mut ffi::lua_State) -> c_int {
    /// The function is hidden in the library, which is too large to be made for each run.
    static TRACEBACK: OnceLock<ffi::lua_CFunction> = OnceLock::new();
    // SAFETY: the library is a table with this function; memory does not run out in an empty state.
    unsafe {
        let traceback = *TRACEBACK.get_or_init(|| {
            ffi::luaopen_debug(l);
            ffi::lua_getfield(l, -1, c"traceback".as_ptr());
            let traceback = ffi::lua_tocfunction(l, -1).expect("a C function");
            ffi::lua_pop(l, 2);
            traceback
        });
        ffi::lua_createtable(l, 0, 1);
        ffi::lua_pushcfunction(l, traceback);
        ffi::lua_setfield(l, -2, c"traceback".as_ptr());
    }
    1
}

/// Removes the library function or table `name`, such as `math.sin` or `utf8`.
///
/// # Safety
/// The stack of `l` is empty.
unsafe fn remove(l: *mut ffi::lua_State, name: &str) {
    let (table, field) = name.split_once('.').unwrap_or(("_G", name));
    let [table, field] =
        [table, field].map(|s| CString::new(s).expect("library names have no NUL"));
    // SAFETY: balanced by `settop`; a table that is itself removed already is no table any more.
    unsafe {
        if ffi::lua_getglobal(l, table.as_ptr()) == ffi::LUA_TTABLE {
            ffi::lua_pushnil(l);
            ffi::lua_setfield(l, -2, field.as_ptr());
        }
        ffi::lua_settop(l, 0);
    }
}

/// Names of the standard library. Addresses of C functions are the same in every state of a process.
struct LibraryNames {
    /// By address; a function with two names goes by the smaller one.
    functions: FxHashMap<u64, LibraryName>,
    tables: Vec<LibraryName>,
    /// All names, of functions and tables.
    all: Vec<String>,
}

static NAMES: OnceLock<LibraryNames> = OnceLock::new();

/// The process-wide names; also notes where this state keeps the library tables.
///
/// # Safety
/// `l` is a fresh state with all libraries open and an empty stack.
unsafe fn library_names(l: *mut ffi::lua_State, facts: &mut Facts) -> &'static LibraryNames {
    let globals = facts.globals;
    let names = NAMES.get_or_init(|| {
        let state = PucState { l, facts, frames: Vec::new() };
        let mut names =
            LibraryNames { functions: FxHashMap::default(), tables: Vec::new(), all: Vec::new() };
        state.collect_names(globals, "", &mut names);
        // SAFETY: as above; `ipairs` accepts any value and returns three.
        unsafe {
            ffi::lua_getglobal(l, c"ipairs".as_ptr());
            ffi::lua_pushinteger(l, 0);
            ffi::lua_call(l, 1, 1);
            let iterator = read((*(*l.cast::<LuaState>()).ci).function.add(1));
            ffi::lua_settop(l, 0);
            let name = LibraryName::new("ipairs iterator".into());
            names.functions.insert(iterator.payload, name);
        }
        names
    });
    let mut tables = Vec::new();
    let state = PucState { l, facts, frames: Vec::new() };
    state.each_entry(Address(globals.payload), |key, value| {
        if let (View::Str(key), View::Object(Class::Table, address)) =
            (state.view(key), state.view(value))
            && let Some(name) = names.tables.iter().find(|n| n.text().as_bytes() == key)
        {
            tables.push((address.0, name));
        }
        ControlFlow::Continue(())
    });
    facts.tables = tables;
    names
}

/// The reference engine of a lockstep.
pub struct Reference;

impl Engine for Reference {
    fn kind(&self) -> verdict::Engine {
        verdict::Engine::Reference
    }

    fn run<W: Watcher>(&self, program: &Program, watcher: W) -> (Outcome, W) {
        let mut watched = Watched(watcher);
        let outcome = run(&program.source, &program.chunk_name, &program.options, &mut watched);
        (outcome, watched.0)
    }
}

/// A watcher of any engine as an observer of this one.
struct Watched<W>(W);

impl<W: Watcher> Observer for Watched<W> {
    fn first(&mut self) -> Option<Clock> {
        self.0.first()
    }
    fn at(&mut self, clock: Clock, state: &PucState<'_>) -> Next {
        self.0.at(clock, state)
    }
    fn end(&mut self, state: &PucState<'_>, ending: &Ending<PucValue>) {
        self.0.end(state, ending, state.output());
    }
}

/// One counted instruction of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    pub frame: Frame,
    /// Depth of the call, 1 being the main chunk.
    pub depth: usize,
    pub line: u32,
}

/// Every counted instruction of a run, in order: the definition of the clock by example.
pub fn pc_trace(source: &[u8], chunk_name: &str, options: &Options) -> (Vec<Tick>, Outcome) {
    struct Every(Vec<Tick>);
    impl Observer for Every {
        fn first(&mut self) -> Option<Clock> {
            Some(Clock(0))
        }
        fn at(&mut self, clock: Clock, state: &PucState<'_>) -> Next {
            self.0.push(Tick {
                frame: state.frame(0),
                depth: state.frame_count(),
                line: state.line(),
            });
            Next::At(Clock(clock.0 + 1))
        }
        fn end(&mut self, _: &PucState<'_>, _: &Ending<PucValue>) {}
    }
    let mut every = Every(Vec::new());
    let outcome = run(source, chunk_name, options, &mut every);
    (every.0, outcome)
}

/// Lua's allocator: the global one, with a bound.
unsafe extern "C" fn allocate(
    memory: *mut c_void,
    block: *mut c_void,
    old_size: usize,
    new_size: usize,
) -> *mut c_void {
    const ALIGN: usize = 16;
    let layout =
        |size: usize| std::alloc::Layout::from_size_align(size, ALIGN).expect("a sane size");
    // SAFETY: `memory` is the `Memory` given to `lua_newstate`, used by one thread. Lua passes the exact
    // size of a block it frees or resizes; for a new block `old_size` is a type code, not a size.
    unsafe {
        let memory = &mut *memory.cast::<Memory>();
        let old_size = if block.is_null() { 0 } else { old_size };
        if new_size == 0 {
            memory.used -= old_size;
            if !block.is_null() {
                if !memory.running.is_null() {
                    let counting = (*memory.running).counting as usize;
                    if counting.wrapping_sub(block as usize) < old_size {
                        (*memory.running).settle();
                    }
                }
                std::alloc::dealloc(block.cast(), layout(old_size));
            }
            return ptr::null_mut();
        }
        let used = memory.used - old_size + new_size;
        if used > memory.limit && new_size > old_size {
            memory.hit = true;
            return ptr::null_mut();
        }
        let new = if block.is_null() {
            std::alloc::alloc(layout(new_size))
        } else {
            std::alloc::realloc(block.cast(), layout(old_size), new_size)
        };
        if !new.is_null() {
            memory.used = used;
        }
        // A frame near the stack's limit fails at the first instruction at which the hook runs
        // (`luaD_hook` needs room): that has to be the same one whatever the stops.
        if new_size >= NEARLY_FULL_STACK && !memory.running.is_null() {
            (*memory.running).settle();
            (*memory.running).every = true;
        }
        new.cast()
    }
}

/// Bytes of the smallest stack in which a frame can come so near to the limit that `luaD_hook` finds no
/// room: `LUA_MINSTACK` slots fewer than `LUAI_MAXSTACK`, and `EXTRA_STACK`.
const NEARLY_FULL_STACK: usize = (1_000_000 - 20 + 5) * size_of::<TValue>();

/// The context of the run that `l` belongs to.
///
/// # Safety
/// `l` is a thread of a state made by [`run`] (new threads inherit the main thread's extra space).
unsafe fn context_of<'a>(l: *mut ffi::lua_State) -> *mut Context<'a> {
    // SAFETY: `run` stored the pointer before anything could call back.
    unsafe { ffi::lua_getextraspace(l).cast::<*mut Context<'a>>().read() }
}

/// `print` of `lbaselib.c`, into the run's buffer.
unsafe extern "C-unwind" fn print(l: *mut ffi::lua_State) -> c_int {
    // SAFETY: `luaL_tolstring` may raise an error, which unwinds this frame with `longjmp`; the frame
    // holds nothing that needs dropping. The output is not referenced from elsewhere during the call.
    unsafe {
        let context = context_of(l);
        for index in 1..=ffi::lua_gettop(l) {
            let mut len = 0;
            let bytes = ffi::luaL_tolstring(l, index, &mut len);
            let output = &mut (*context).facts.output;
            if output.len() + len > (*context).output_limit {
                (*context).limited.get_or_insert(Reason::Memory);
                return 0;
            }
            if index > 1 {
                output.push(b'\t');
            }
            output.extend_from_slice(std::slice::from_raw_parts(bytes.cast::<u8>(), len));
            ffi::lua_settop(l, -2);
        }
        (*context).facts.output.push(b'\n');
    }
    0
}

/// The count hook: notes the clock, lets the observer look, arms itself for the next stop.
unsafe extern "C-unwind" fn hook(l: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: Lua calls the hook with the engine stopped before an instruction. `look` catches panics,
    // so none crosses C frames; `lua_error` leaves by `longjmp` from a frame with nothing to drop.
    unsafe {
        if look(l) {
            (*l.cast::<LuaState>()).hook_count = 1;
            ffi::lua_pushnil(l);
            ffi::lua_error(l);
        }
    }
}

/// Returns whether the run is to be stopped: at every instruction from now on, so that no `pcall` of the
/// program can keep it alive.
///
/// # Safety
/// Called by the hook.
unsafe fn look(l: *mut ffi::lua_State) -> bool {
    // SAFETY: the observer gets a shared view of the context's tables while the pointer to itself is
    // taken out as a raw pointer; it cannot reach the fields that change below.
    unsafe {
        let context = context_of(l);
        (*context).count(l.cast());
        if (*context).is_over() {
            return true;
        }
        let clock = Clock((*context).fetched - 1);
        if clock.0 >= (*context).fuel {
            (*context).limited = Some(Reason::Fuel);
            return true;
        }
        if (*context).next == Some(clock) {
            let observer: *mut dyn Observer = ptr::addr_of_mut!(*(*context).observer);
            let facts = &(*context).facts;
            let state = PucState { l, facts, frames: lua_frames(l, facts.spare.take()) };
            let watched = catch_unwind(AssertUnwindSafe(|| {
                let next = (*observer).at(clock, &state);
                let later = !matches!(next, Next::At(next) if next <= clock);
                assert!(later, "an observer at {clock} asked for {next:?}");
                next
            }));
            facts.spare.set(state.frames);
            match watched {
                Ok(Next::At(next)) => (*context).next = Some(next),
                Ok(Next::Never) => (*context).next = None,
                Ok(Next::Stop) => {
                    (*context).stopped = true;
                    return true;
                }
                Err(payload) => {
                    (*context).panic = Some(payload);
                    return true;
                }
            }
        }
        (*context).arm(l.cast());
        false
    }
}

#[cfg(test)]
mod tests;
