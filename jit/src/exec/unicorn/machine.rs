//! One emulated processor, with code and stack where the simulator has them.
//!
//! In:  registers, code, a memory map.   Out: registers after a run; memory, shared or copied.
//!
//! Data pages appear when the code touches them, if the memory map says that the access is live. They
//! are the host's own pages ([`Sharing::Host`]), or copies made at that moment ([`Sharing::Copies`]).

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ops::Range;
use std::ptr::with_exposed_provenance_mut;

use unicorn_engine::{Arch, HookType, Mode, Prot, RegisterARM64, Unicorn, uc_error, uc_mem_write};

use crate::exec::code::InstallError;
use crate::exec::context::TraceContext;
use crate::exec::executor::MemoryMap;
use crate::exec::sim::{CODE_BASE, RETURN, STACK_BASE, STACK_BYTES, Seen};

pub const PAGE: u64 = 4096;
const CONTEXT_BYTES: u64 = std::mem::size_of::<TraceContext>() as u64;
/// Code memory is mapped in steps of this size, up to what the simulator has.
const CODE_STEP: u64 = 1 << 20;
const CODE_BYTES: u64 = 64 << 20;

/// What a data page of the emulator is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// The host's memory.
    Host,
    /// A copy, with `Machine::old` written over it.
    Copies,
}

pub struct Machine {
    uc: Unicorn<'static, Data>,
    code_mapped: u64,
}

/// What the hook for unmapped memory needs.
struct Data {
    sharing: Sharing,
    /// Only during a run.
    map: Option<*const dyn MemoryMap>,
    context: u64,
    /// Pages, all mapped.
    pages: Vec<u64>,
    /// Bytes that copies get instead of the host's, by address.
    old: BTreeMap<u64, Vec<u8>>,
}

fn ok(result: Result<(), uc_error>) {
    result.expect("the emulator obeys");
}

fn x_id(n: usize) -> i32 {
    match n {
        29 => RegisterARM64::X29 as i32,
        30 => RegisterARM64::X30 as i32,
        _ => RegisterARM64::X0 as i32 + n as i32,
    }
}

impl Machine {
    pub fn new(sharing: Sharing) -> Machine {
        let data = Data { sharing, map: None, context: 0, pages: Vec::new(), old: BTreeMap::new() };
        let uc = Unicorn::new_with_data(Arch::ARM64, Mode::LITTLE_ENDIAN, data);
        let mut uc = uc.expect("the emulator starts");
        ok(uc.mem_map(STACK_BASE, STACK_BYTES as u64, Prot::READ | Prot::WRITE));
        // So that control can arrive there and be stopped.
        ok(uc.mem_map(RETURN, PAGE, Prot::ALL));
        let unmapped = HookType::MEM_READ_UNMAPPED | HookType::MEM_WRITE_UNMAPPED;
        let hook = uc.add_mem_hook(unmapped, 1, 0, |uc, _, address, size, _| {
            page_in(uc, address, size as u64)
        });
        hook.expect("the emulator takes hooks");
        Machine { uc, code_mapped: 0 }
    }

    /// Puts code at an address of the simulator's code space.
    pub fn write_code(&mut self, address: u64, words: &[u32]) -> Result<(), InstallError> {
        let end = address + 4 * words.len() as u64 + 4;
        if end > CODE_BASE + CODE_BYTES {
            return Err(InstallError::Full { needed_bytes: 4 * words.len() });
        }
        while CODE_BASE + self.code_mapped < end {
            ok(self.uc.mem_map(CODE_BASE + self.code_mapped, CODE_STEP, Prot::ALL));
            self.code_mapped += CODE_STEP;
        }
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        ok(self.uc.mem_write(address, &bytes));
        ok(self.uc.ctl_remove_cache(address, end));
        Ok(())
    }

    /// The context's memory is live besides what the map says.
    pub fn set_context(&mut self, address: u64) {
        self.uc.get_data_mut().context = address;
    }

    pub fn set(&mut self, seen: &Seen) {
        for (n, value) in seen.gpr.iter().enumerate() {
            ok(self.uc.reg_write(x_id(n), *value));
        }
        for (n, value) in seen.fpr.iter().enumerate() {
            ok(self.uc.reg_write(RegisterARM64::D0 as i32 + n as i32, *value));
        }
        ok(self.uc.reg_write(RegisterARM64::SP, seen.sp));
        ok(self.uc.reg_write(RegisterARM64::NZCV, u64::from(seen.nzcv) << 28));
    }

    pub fn get(&self) -> Seen {
        let read = |id: i32| self.uc.reg_read(id).expect("the register exists");
        Seen {
            gpr: std::array::from_fn(|n| read(x_id(n))),
            fpr: std::array::from_fn(|n| read(RegisterARM64::D0 as i32 + n as i32)),
            sp: read(RegisterARM64::SP as i32),
            nzcv: (read(RegisterARM64::NZCV as i32) >> 28) as u8,
            pc: self.uc.pc_read().expect("the register exists"),
            executed: 0,
        }
    }

    /// Runs from `pc` to the return, or for `count` instructions if that is not 0.
    pub fn run(&mut self, map: &dyn MemoryMap, pc: u64, count: u64) -> Result<(), String> {
        let map: *const dyn MemoryMap = map;
        // SAFETY: only the lifetime changes; the pointer is taken back below, before `map` can end.
        let map = unsafe { std::mem::transmute::<*const dyn MemoryMap, *const dyn MemoryMap>(map) };
        self.uc.get_data_mut().map = Some(map);
        let result = self.uc.emu_start(pc, RETURN, 0, count as usize);
        self.uc.get_data_mut().map = None;
        result.map_err(|error| format!("{error:?}"))
    }

    /// Makes data pages appear anew, from the host as it is then.
    pub fn forget_pages(&mut self) {
        for page in std::mem::take(&mut self.uc.get_data_mut().pages) {
            ok(self.uc.mem_unmap(page, PAGE));
        }
    }

    /// What copies get instead of the host's bytes.
    pub fn set_old(&mut self, old: BTreeMap<u64, Vec<u8>>) {
        self.uc.get_data_mut().old = old;
    }

    pub fn old(&self) -> &BTreeMap<u64, Vec<u8>> {
        &self.uc.get_data().old
    }

    pub fn pages(&self) -> &[u64] {
        &self.uc.get_data().pages
    }

    pub fn read(&self, address: u64, bytes: usize) -> Vec<u8> {
        self.uc.mem_read_as_vec(address, bytes).expect("the page is mapped")
    }
}

/// Maps the pages of an access to live memory.
fn page_in(uc: &mut Unicorn<Data>, address: u64, size: u64) -> bool {
    let data = uc.get_data();
    let context = data.context..data.context + CONTEXT_BYTES;
    let Some(map) = data.map else { return false };
    // SAFETY: `Machine::run` set the pointer from a reference that lives until it returns.
    let map = unsafe { &*map };
    let is_context = context.contains(&address) && context.contains(&(address + size - 1));
    if !is_context && map.region(address, size).is_none() {
        return false;
    }
    let first = address & !(PAGE - 1);
    (first..address + size).step_by(PAGE as usize).all(|page| map_page(uc, page))
}

fn map_page(uc: &mut Unicorn<Data>, page: u64) -> bool {
    if uc.get_data().pages.contains(&page) {
        return true;
    }
    let host = with_exposed_provenance_mut::<c_void>(page as usize);
    let mapped = match uc.get_data().sharing {
        // SAFETY: the page holds live memory of the host, which is mapped in whole pages; only live
        // objects in it are accessed, as on every executor.
        Sharing::Host => unsafe { uc.mem_map_ptr(page, PAGE, Prot::READ | Prot::WRITE, host) },
        Sharing::Copies => uc.mem_map(page, PAGE, Prot::READ | Prot::WRITE).and_then(|()| {
            // SAFETY: as above; the emulator only reads the page.
            unsafe { uc_mem_write(uc.get_handle(), page, host, PAGE) }.into()
        }),
    };
    if mapped.is_err() {
        return false;
    }
    uc.get_data_mut().pages.push(page);
    let pieces = overlaps(&uc.get_data().old, page..page + PAGE);
    pieces.into_iter().all(|(at, bytes)| uc.mem_write(at, &bytes).is_ok())
}

/// The parts of `old` inside a range.
fn overlaps(old: &BTreeMap<u64, Vec<u8>>, range: Range<u64>) -> Vec<(u64, Vec<u8>)> {
    let mut pieces = Vec::new();
    // Objects do not overlap, so only the last one that starts before the range can reach into it.
    let before = old.range(..range.start).next_back();
    for (&start, bytes) in before.into_iter().chain(old.range(range.clone())) {
        let (from, to) = (start.max(range.start), (start + bytes.len() as u64).min(range.end));
        if from < to {
            pieces.push((from, bytes[(from - start) as usize..(to - start) as usize].to_vec()));
        }
    }
    pieces
}
