//! Executable memory of the native executor: one reserved region, never writable and executable at
//! once.
//!
//! In:  words and where to put them.   Out: the same words, executable, caches flushed.
//!
//! The state is in the type: `ExecutableRegion::open` consumes the region and gives a `WritableRegion`,
//! whose `seal` consumes that and flushes. Code can be entered only through an `ExecutableRegion`.
//!
//! One contiguous region, because `b` and `bl` reach +-128 MiB and so reach everywhere in it. The first
//! and the last page are never used: on Linux they stay inaccessible, on macOS they hold zeros, which
//! are undefined instructions.
//!
//! On macOS the region is `MAP_JIT` and `pthread_jit_write_protect_np` switches this thread's view; a
//! hardened process needs the entitlement `com.apple.security.cs.allow-jit`. Elsewhere `mprotect`
//! switches the pages that are written.
//!
//! Limits: one thread. Another thread must not run code of the region while it is writable.

use std::io;
use std::ops::Range;
use std::ptr::NonNull;

use super::code::InstallError;

const REGION_BYTES: usize = 64 << 20;

/// The reserved addresses and how much of them is in use.
struct Mapping {
    start: NonNull<u8>,
    page: usize,
    /// Offset of the first free byte.
    used: usize,
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `start` and the size are those of the mapping made by `reserve`; it is unmapped once.
        unsafe { libc::munmap(self.start.as_ptr().cast(), REGION_BYTES) };
    }
}

/// Nothing can be written; everything installed can run.
pub struct ExecutableRegion(Mapping);

/// The pages of `open` can be written; nothing may run.
pub struct WritableRegion {
    mapping: Mapping,
    /// Byte offsets, whole pages.
    open: Range<usize>,
}

/// Either state again, with the reason why it could not change.
pub struct Unchanged<R> {
    pub region: R,
    pub error: InstallError,
}

impl ExecutableRegion {
    /// Reserves addresses; commits no memory.
    pub fn reserve() -> Result<ExecutableRegion, InstallError> {
        // SAFETY: an anonymous mapping at an address of the system's choice touches no other memory.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                REGION_BYTES,
                platform::RESERVE_PROTECTION,
                libc::MAP_PRIVATE | libc::MAP_ANON | platform::RESERVE_FLAGS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(refused("mmap"));
        }
        // SAFETY: asks for a constant.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let start = NonNull::new(start.cast()).ok_or_else(|| refused("mmap"))?;
        Ok(ExecutableRegion(Mapping { start, page, used: page }))
    }

    /// The addresses of the whole region.
    #[cfg_attr(not(target_arch = "aarch64"), expect(dead_code))]
    pub fn addresses(&self) -> Range<u64> {
        let start = self.0.start.as_ptr() as u64;
        start..start + REGION_BYTES as u64
    }

    /// Address of the first free byte, a multiple of 16.
    pub fn next_address(&self) -> usize {
        self.0.start.as_ptr() as usize + self.0.used
    }

    /// Makes `bytes` free bytes writable, from `next_address` on.
    pub fn open_free(self, bytes: usize) -> Result<WritableRegion, Unchanged<ExecutableRegion>> {
        let range = self.0.used..self.0.used + bytes;
        if range.end > REGION_BYTES - self.0.page {
            let error = InstallError::Full { needed_bytes: bytes };
            return Err(Unchanged { region: self, error });
        }
        self.open(range)
    }

    /// Makes installed words at an address writable.
    ///
    /// # Panics
    /// When they are not installed code.
    pub fn open_at(
        self,
        address: usize,
        bytes: usize,
    ) -> Result<WritableRegion, Unchanged<ExecutableRegion>> {
        let offset = address.wrapping_sub(self.0.start.as_ptr() as usize);
        assert!(
            offset >= self.0.page && offset.saturating_add(bytes) <= self.0.used,
            "only installed code is patched"
        );
        self.open(offset..offset + bytes)
    }

    fn open(self, bytes: Range<usize>) -> Result<WritableRegion, Unchanged<ExecutableRegion>> {
        let page = self.0.page;
        let open = bytes.start / page * page..bytes.end.next_multiple_of(page);
        match platform::allow_writing(self.0.start, &open) {
            Ok(()) => Ok(WritableRegion { mapping: self.0, open }),
            Err(error) => Err(Unchanged { region: self, error }),
        }
    }

    /// Frees all code.
    #[cfg_attr(not(target_arch = "aarch64"), expect(dead_code))]
    pub fn clear(&mut self) {
        self.0.used = self.0.page;
    }
}

impl WritableRegion {
    /// Writes words at an address inside the open pages; free bytes become used.
    ///
    /// # Panics
    /// When the words do not lie in the open pages.
    pub fn write(&mut self, address: usize, words: &[u32]) {
        let offset = address.wrapping_sub(self.mapping.start.as_ptr() as usize);
        let end = offset.saturating_add(4 * words.len());
        assert!(offset >= self.open.start && end <= self.open.end, "write outside the open pages");
        assert!(offset.is_multiple_of(4), "instructions are aligned");
        for (i, word) in words.iter().enumerate() {
            // SAFETY: the assertions put all words into pages that `allow_writing` made writable, and
            // `&mut self` is the only handle to them.
            unsafe { self.mapping.start.add(offset).cast::<u32>().add(i).write(word.to_le()) };
        }
        let next = end.next_multiple_of(16);
        self.mapping.used = self.mapping.used.max(next);
    }

    /// Makes everything executable again and flushes the caches for the pages that were open.
    pub fn seal(self) -> Result<ExecutableRegion, Unchanged<WritableRegion>> {
        if let Err(error) = platform::allow_execution(self.mapping.start, &self.open) {
            return Err(Unchanged { region: self, error });
        }
        // SAFETY: the open pages are mapped and readable, and nobody writes them while the slice lives.
        let written = unsafe {
            std::slice::from_raw_parts(
                self.mapping.start.add(self.open.start).as_ptr(),
                self.open.len(),
            )
        };
        dynasmrt::cache_control::synchronize_icache(written);
        dynasmrt::cache_control::prepare_for_execution(written);
        Ok(ExecutableRegion(self.mapping))
    }
}

fn refused(call: &str) -> InstallError {
    InstallError::Refused(format!("{call}: {}", io::Error::last_os_error()))
}

#[cfg(not(target_os = "macos"))]
mod platform {
    use super::{InstallError, NonNull, Range, refused};

    pub const RESERVE_PROTECTION: i32 = libc::PROT_NONE;
    pub const RESERVE_FLAGS: i32 = libc::MAP_NORESERVE;

    fn protect(
        start: NonNull<u8>,
        pages: &Range<usize>,
        protection: i32,
    ) -> Result<(), InstallError> {
        // SAFETY: the pages belong to the region, which holds nothing but code; no code of it runs and
        // no reference into it exists while its protection changes.
        let result = unsafe {
            libc::mprotect(start.add(pages.start).as_ptr().cast(), pages.len(), protection)
        };
        if result == 0 { Ok(()) } else { Err(refused("mprotect")) }
    }

    pub fn allow_writing(start: NonNull<u8>, pages: &Range<usize>) -> Result<(), InstallError> {
        protect(start, pages, libc::PROT_READ | libc::PROT_WRITE)
    }

    pub fn allow_execution(start: NonNull<u8>, pages: &Range<usize>) -> Result<(), InstallError> {
        protect(start, pages, libc::PROT_READ | libc::PROT_EXEC)
    }
}

#[cfg(target_os = "macos")]
mod platform {
    use super::{InstallError, NonNull, Range};

    pub const RESERVE_PROTECTION: i32 = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    pub const RESERVE_FLAGS: i32 = libc::MAP_JIT;

    pub fn allow_writing(_: NonNull<u8>, _: &Range<usize>) -> Result<(), InstallError> {
        // SAFETY: changes only how this thread sees its own MAP_JIT pages.
        unsafe { libc::pthread_jit_write_protect_np(0) };
        Ok(())
    }

    pub fn allow_execution(_: NonNull<u8>, _: &Range<usize>) -> Result<(), InstallError> {
        // SAFETY: as above.
        unsafe { libc::pthread_jit_write_protect_np(1) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(region: ExecutableRegion, words: &[u32]) -> (ExecutableRegion, usize) {
        let address = region.next_address();
        let Ok(mut writable) = region.open_free(4 * words.len()) else { panic!("opens") };
        writable.write(address, words);
        let Ok(region) = writable.seal() else { panic!("seals") };
        (region, address)
    }

    fn read(address: usize) -> u32 {
        // SAFETY: tests read only what they installed before, in a region that is still alive.
        unsafe { std::ptr::with_exposed_provenance::<u32>(address).read() }
    }

    #[test]
    fn blocks_follow_each_other_and_stay() {
        let region = ExecutableRegion::reserve().unwrap();
        let (region, first) = install(region, &[1, 2, 3]);
        let (region, second) = install(region, &[4; 5000]);
        assert_eq!(second, first + 16);
        assert_eq!((read(first + 8), read(second + 4 * 4999)), (3, 4));
        drop(region);
    }

    #[test]
    fn a_patch_changes_one_word() {
        let (region, address) = install(ExecutableRegion::reserve().unwrap(), &[1, 2, 3]);
        let next = region.next_address();
        let Ok(mut writable) = region.open_at(address + 4, 4) else { panic!("opens") };
        writable.write(address + 4, &[9]);
        let Ok(region) = writable.seal() else { panic!("seals") };
        assert_eq!([read(address), read(address + 4), read(address + 8)], [1, 9, 3]);
        assert_eq!(region.next_address(), next);
    }

    #[test]
    fn too_much_is_refused_and_the_region_survives() {
        let region = ExecutableRegion::reserve().unwrap();
        let Err(unchanged) = region.open_free(REGION_BYTES) else { panic!("does not fit") };
        assert_eq!(unchanged.error, InstallError::Full { needed_bytes: REGION_BYTES });
        let (_region, address) = install(unchanged.region, &[7]);
        assert_eq!(read(address), 7);
    }

    #[test]
    #[should_panic(expected = "only installed code is patched")]
    fn free_space_is_not_patched() {
        let region = ExecutableRegion::reserve().unwrap();
        let address = region.next_address();
        let _ = region.open_at(address, 4);
    }

    /// Pages are writable or executable, never both.
    #[test]
    #[cfg(target_os = "linux")]
    fn write_xor_execute() {
        let protection = |address: usize| {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let line = maps.lines().find(|line| {
                let (range, _) = line.split_once(' ').unwrap();
                let (from, to) = range.split_once('-').unwrap();
                let parse = |text| usize::from_str_radix(text, 16).unwrap();
                (parse(from)..parse(to)).contains(&address)
            });
            line.unwrap().split_whitespace().nth(1).unwrap().to_string()
        };
        let region = ExecutableRegion::reserve().unwrap();
        let address = region.next_address();
        assert_eq!(protection(address), "---p");
        let Ok(mut writable) = region.open_free(4) else { panic!("opens") };
        assert_eq!(protection(address), "rw-p");
        writable.write(address, &[1]);
        let Ok(region) = writable.seal() else { panic!("seals") };
        assert_eq!(protection(address), "r-xp");
        assert_eq!(protection(address - 8), "---p", "the page before is a guard");
        drop(region);
    }
}
