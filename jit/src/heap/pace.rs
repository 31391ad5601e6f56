//! When the collector runs, and for how long: PUC's parameters and formulas.
//!
//! In:  what `collectgarbage` sets.   Out: byte thresholds and units of work.
//!
//! Invariant: parameters are kept, cut off and reported as PUC does (a byte each; percentages divided
//! by four), so that `collectgarbage` returns the same previous values.

/// Bytes that a unit of work stands for (a value's size).
const WORK_BYTES: isize = 16;

#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The next cycle starts when memory has reached this percentage of what the last one left, by 4.
    pause: u8,
    /// Units of work for each allocated unit, by 4.
    step_multiplier: u8,
    /// Bytes to allocate between two steps, as a power of two.
    step_size: u8,
    /// Growth in percent before a minor collection.
    minor_multiplier: u8,
    /// Growth in percent since the last major collection before the next, by 4.
    major_multiplier: u8,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            pause: 200 / 4,
            step_multiplier: 100 / 4,
            step_size: 13,
            minor_multiplier: 20,
            major_multiplier: 100 / 4,
        }
    }
}

/// Stores a percentage and returns the one before.
fn exchange(parameter: &mut u8, percent: i32) -> i32 {
    let previous = i32::from(*parameter) * 4;
    *parameter = (percent / 4) as u8;
    previous
}

impl Pace {
    pub fn set_pause(&mut self, percent: i32) -> i32 {
        exchange(&mut self.pause, percent)
    }
    pub fn set_step_multiplier(&mut self, percent: i32) -> i32 {
        exchange(&mut self.step_multiplier, percent)
    }
    /// Parameters of the incremental mode; zero keeps one.
    pub fn set_incremental(&mut self, pause: i32, multiplier: i32, step_size: i32) {
        if pause != 0 {
            self.set_pause(pause);
        }
        if multiplier != 0 {
            self.set_step_multiplier(multiplier);
        }
        if step_size != 0 {
            self.step_size = step_size as u8;
        }
    }
    /// Parameters of the generational mode; zero keeps one.
    pub fn set_generational(&mut self, minor: i32, major: i32) {
        if minor != 0 {
            self.minor_multiplier = minor as u8;
        }
        if major != 0 {
            exchange(&mut self.major_multiplier, major);
        }
    }

    /// Bytes in use at which the next cycle starts, when `estimate` bytes survived the last.
    pub fn threshold(&self, estimate: usize) -> usize {
        (estimate / 100).max(1).saturating_mul(usize::from(self.pause) * 4)
    }
    /// Units of work that an allocated unit pays for.
    fn multiplier(&self) -> isize {
        (isize::from(self.step_multiplier) * 4) | 1
    }
    /// Units of work owed for `debt` bytes.
    pub fn work_for(&self, debt: isize) -> isize {
        (debt / WORK_BYTES).saturating_mul(self.multiplier())
    }
    /// Bytes that may be allocated for `work` units done in advance.
    pub fn bytes_for(&self, work: isize) -> isize {
        work / self.multiplier() * WORK_BYTES
    }
    /// Units of work in a basic step.
    pub fn step_work(&self) -> isize {
        match 1isize.checked_shl(u32::from(self.step_size)) {
            Some(bytes) if bytes > 0 => self.work_for(bytes),
            _ => isize::MAX / 4,
        }
    }
    /// Growth before the next minor collection.
    pub fn minor_growth(&self, live: usize) -> usize {
        live / 100 * usize::from(self.minor_multiplier)
    }
    /// Growth before the next major collection, when `base` bytes survived the last.
    pub fn major_growth(&self, base: usize) -> usize {
        base / 100 * usize::from(self.major_multiplier) * 4
    }
}
