//! Calendar time: C's `struct tm` and its functions.

use std::ffi::CStr;

/// Longest text of one conversion.
const ITEM_BYTES: usize = 250;

/// Seconds since the epoch.
pub fn now() -> i64 {
    // SAFETY: a null pointer asks for the result only.
    unsafe { libc::time(std::ptr::null_mut()) }
}

/// A date and time by its parts, with C's origins: years since 1900, months and days of the year from 0.
#[derive(Clone, Copy)]
pub struct Calendar(libc::tm);

/// The parts as C counts them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Parts {
    pub year: i32,
    pub month: i32,
    pub day: i32,
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    pub weekday: i32,
    pub yearday: i32,
    /// Daylight saving time: 1 yes, 0 no, negative unknown.
    pub is_dst: i32,
}

impl Calendar {
    fn zero() -> Calendar {
        // SAFETY: a `tm` is integers and a pointer that may be null.
        Calendar(unsafe { std::mem::zeroed() })
    }

    /// The local or universal date of a time; `None` if its year does not fit.
    pub fn of(time: i64, universal: bool) -> Option<Calendar> {
        let mut calendar = Calendar::zero();
        // SAFETY: both pointers are valid for the call.
        let done = unsafe {
            if universal {
                libc::gmtime_r(&time, &mut calendar.0)
            } else {
                libc::localtime_r(&time, &mut calendar.0)
            }
        };
        (!done.is_null()).then_some(calendar)
    }

    /// Brings the parts into their ranges, and returns the local time they stand for (`mktime`); -1 if
    /// it cannot be represented.
    pub fn normalize(parts: Parts) -> (i64, Parts) {
        let mut calendar = Calendar::zero();
        let tm = &mut calendar.0;
        (tm.tm_year, tm.tm_mon, tm.tm_mday) = (parts.year, parts.month, parts.day);
        (tm.tm_hour, tm.tm_min, tm.tm_sec) = (parts.hour, parts.minute, parts.second);
        (tm.tm_wday, tm.tm_yday, tm.tm_isdst) = (parts.weekday, parts.yearday, parts.is_dst);
        // SAFETY: the structure is complete.
        let time = unsafe { libc::mktime(tm) };
        (time, calendar.parts())
    }

    pub fn parts(&self) -> Parts {
        let tm = &self.0;
        Parts {
            year: tm.tm_year,
            month: tm.tm_mon,
            day: tm.tm_mday,
            hour: tm.tm_hour,
            minute: tm.tm_min,
            second: tm.tm_sec,
            weekday: tm.tm_wday,
            yearday: tm.tm_yday,
            is_dst: tm.tm_isdst,
        }
    }

    /// Text of one conversion, such as `%Y` (`strftime`); empty if it is longer than 249 bytes.
    pub fn format(&self, conversion: &CStr) -> Vec<u8> {
        let mut buffer = vec![0u8; ITEM_BYTES];
        // SAFETY: the buffer is as long as said; the structure comes from `gmtime_r` or `localtime_r`.
        let written = unsafe {
            libc::strftime(buffer.as_mut_ptr().cast(), ITEM_BYTES, conversion.as_ptr(), &self.0)
        };
        buffer.truncate(written);
        buffer
    }
}
