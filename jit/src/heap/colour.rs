//! The bits of [`GcHeader::mark`]: colour, age, and whether a finalizer is due.
//!
//! White: not reached in this cycle (there are two whites, so that objects made while the last cycle
//! is swept differ from its dead ones). Black: reached, and its content is visited. Grey, neither bit:
//! reached, to be visited; it is in one of the collector's lists (open upvalues excepted, whose
//! thread is visited instead).
//!
//! Ages matter in generational mode only. A new object that survives two minor collections is old, and
//! is visited once more then, since it may refer to younger ones. An old object that was given a
//! reference to a young one is *touched* and visited in the next two collections, after which that one
//! is old too.

use super::layout::GcHeader;

const WHITE_0: u8 = 1;
const WHITES: u8 = 3;
pub(super) const BLACK: u8 = 4;
const FINALIZE: u8 = 8;
const AGES: u8 = 0x70;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Age {
    New = 0,
    Survival = 0x10,
    /// Old since the last minor collection.
    Old1 = 0x20,
    Old = 0x30,
    /// Old and grey: it was given a reference to a young object since the last minor collection.
    Touched1 = 0x40,
    /// Old, touched before the last minor collection.
    Touched2 = 0x50,
}

/// One of the two whites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct White(u8);

impl White {
    pub const FIRST: White = White(WHITE_0);
    pub fn other(self) -> White {
        White(self.0 ^ WHITES)
    }
    /// The mark of a new object.
    pub fn mark(self) -> u8 {
        self.0
    }
}

impl GcHeader {
    #[inline(always)]
    pub(super) fn is_white(&self) -> bool {
        self.mark & WHITES != 0
    }
    #[inline(always)]
    pub(super) fn is_black(&self) -> bool {
        self.mark & BLACK != 0
    }
    pub(super) fn has_white(&self, white: White) -> bool {
        self.mark & white.0 != 0
    }
    pub(super) fn set_grey(&mut self) {
        self.mark &= !(WHITES | BLACK);
    }
    #[inline(always)]
    pub(super) fn set_black(&mut self) {
        self.mark = self.mark & !WHITES | BLACK;
    }
    /// White, and of the same age as before.
    pub(super) fn set_white(&mut self, white: White) {
        self.mark = self.mark & !(WHITES | BLACK) | white.0;
    }
    /// White and new, as an object that was just made.
    pub(super) fn renew(&mut self, white: White) {
        self.mark = self.mark & FINALIZE | white.0;
    }
    pub(super) fn age(&self) -> Age {
        match self.mark & AGES {
            0 => Age::New,
            0x10 => Age::Survival,
            0x20 => Age::Old1,
            0x30 => Age::Old,
            0x40 => Age::Touched1,
            _ => Age::Touched2,
        }
    }
    pub(super) fn set_age(&mut self, age: Age) {
        self.mark = self.mark & !AGES | age as u8;
    }
    pub(super) fn is_old(&self) -> bool {
        self.mark & AGES >= Age::Old1 as u8
    }
    /// Its finalizer is to be called when it is no longer reachable.
    pub(super) fn is_finalizable(&self) -> bool {
        self.mark & FINALIZE != 0
    }
    pub(super) fn set_finalizable(&mut self, finalizable: bool) {
        self.mark = if finalizable { self.mark | FINALIZE } else { self.mark & !FINALIZE };
    }
}
