//! What instructions name: virtual registers, or registers and spill slots.
//!
//! In:  names.   Out: 64 bits, or the fault of reading what was never written.

use super::{Fault, fault};
use crate::backend::alloc::survives_call;
use crate::backend::mach::{Loc, Virtual};
use crate::exec::trap::TrapKind;

/// A register file.
pub trait Registers<R: Copy> {
    fn read(&self, r: R) -> Result<u64, Fault>;
    fn write(&mut self, r: R, bits: u64);
    /// The argument of a call at this position.
    fn argument(&self, r: R, position: u8) -> Result<u64, Fault>;
    /// The result of a call.
    fn result(&mut self, r: R, bits: u64) -> Result<(), Fault>;
    /// What a called function may destroy is gone.
    fn destroy_caller_saved(&mut self);
}

fn undefined(name: &dyn std::fmt::Display) -> Fault {
    fault(TrapKind::UndefinedRead, format!("{name} is read and holds nothing"))
}

/// Virtual registers; calls destroy none.
pub struct Virtuals(Vec<Option<u64>>);

impl Virtuals {
    pub fn new(count: usize) -> Virtuals {
        Virtuals(vec![None; count])
    }
}

impl Registers<Virtual> for Virtuals {
    fn read(&self, r: Virtual) -> Result<u64, Fault> {
        self.0.get(r.index as usize).copied().flatten().ok_or_else(|| undefined(&r))
    }
    fn write(&mut self, r: Virtual, bits: u64) {
        self.0[r.index as usize] = Some(bits);
    }
    fn argument(&self, r: Virtual, _: u8) -> Result<u64, Fault> {
        self.read(r)
    }
    fn result(&mut self, r: Virtual, bits: u64) -> Result<(), Fault> {
        self.write(r, bits);
        Ok(())
    }
    fn destroy_caller_saved(&mut self) {}
}

/// x and d registers and spill slots.
pub struct Locations {
    x: [Option<u64>; 32],
    d: [Option<u64>; 32],
    spills: Vec<Option<u64>>,
}

impl Locations {
    pub fn new(spill_slots: usize) -> Locations {
        Locations { x: [None; 32], d: [None; 32], spills: vec![None; spill_slots] }
    }

    /// A call's operand must stand where the calling convention says; the emitter does not move it.
    fn check_place(r: Loc, position: u8) -> Result<(), Fault> {
        match r {
            Loc::X(n) | Loc::D(n) if n == position => Ok(()),
            _ => {
                let text = format!("operand {position} of a call is in {r}");
                Err(fault(TrapKind::UndefinedRead, text))
            }
        }
    }
}

impl Registers<Loc> for Locations {
    fn read(&self, r: Loc) -> Result<u64, Fault> {
        let cell = match r {
            Loc::X(n) => self.x[n as usize % 32],
            Loc::D(n) => self.d[n as usize % 32],
            Loc::Spill(n) => self.spills.get(n as usize).copied().flatten(),
        };
        cell.ok_or_else(|| undefined(&r))
    }
    fn write(&mut self, r: Loc, bits: u64) {
        match r {
            Loc::X(n) => self.x[n as usize % 32] = Some(bits),
            Loc::D(n) => self.d[n as usize % 32] = Some(bits),
            Loc::Spill(n) => {
                if self.spills.len() <= n as usize {
                    self.spills.resize(n as usize + 1, None);
                }
                self.spills[n as usize] = Some(bits);
            }
        }
    }
    fn argument(&self, r: Loc, position: u8) -> Result<u64, Fault> {
        Self::check_place(r, position)?;
        self.read(r)
    }
    fn result(&mut self, r: Loc, bits: u64) -> Result<(), Fault> {
        Self::check_place(r, 0)?;
        self.write(r, bits);
        Ok(())
    }
    fn destroy_caller_saved(&mut self) {
        for n in 0..32 {
            if !survives_call(&Loc::X(n)) {
                self.x[n as usize] = None;
            }
            if !survives_call(&Loc::D(n)) {
                self.d[n as usize] = None;
            }
        }
    }
}
