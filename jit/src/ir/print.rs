//! The text form of traces, written.
//!
//! In:  a [`Trace`].   Out: text that [`super::parse`] reads back to an equal trace.
//!
//! ```text
//! trace proto=3 head=12 clock=9 slots=7 end=#1
//! v0:int = sload s5 #0
//! v1:int = kint 1
//! guard.ilt v0, v1 #0
//! v3:int = add v0, v1
//! snap #0 pc=12 clock=0 {}
//! snap #1 pc=12 clock=9 frames=[fun v3 base=7 ret=14 want=1] {5: v3}
//! ```
//!
//! One line an instruction: result and type, op, operands, immediate, snapshot. The immediate's
//! form follows `op.imm()`: `5`, `1.5` (bits in hexadecimal when a NaN), `0x7f00`, `s5`, `[2]`.
//! An address that has a name in the given [`Symbols`] prints as `@name`.

use super::op::{Imm, Op};
use super::trace::{Inst, Snapshot, Trace};
use std::fmt::{self, Write};

/// Names of object addresses in the text form, for traces over made-up objects.
#[derive(Clone, Default, Debug)]
pub struct Symbols {
    entries: Vec<(String, u64)>,
}

impl Symbols {
    pub fn define(&mut self, name: &str, address: u64) {
        self.entries.push((name.to_owned(), address));
    }
    pub fn address(&self, name: &str) -> Option<u64> {
        self.entries.iter().find(|(n, _)| n == name).map(|&(_, address)| address)
    }
    pub fn name(&self, address: u64) -> Option<&str> {
        self.entries.iter().find(|&&(_, a)| a == address).map(|(name, _)| name.as_str())
    }
}

/// The whole trace, objects by address.
pub fn print(trace: &Trace) -> String {
    print_with(trace, &Symbols::default())
}

/// The whole trace, objects by name where `symbols` has one.
pub fn print_with(trace: &Trace, symbols: &Symbols) -> String {
    let mut out = String::new();
    write_trace(&mut out, trace, symbols).expect("writing to a string succeeds");
    out
}

/// One instruction as it stands in the text form.
pub fn print_inst(index: usize, inst: &Inst) -> String {
    let mut out = String::new();
    write_inst(&mut out, index, inst, &Symbols::default()).expect("writing to a string succeeds");
    out
}

fn write_trace(out: &mut String, trace: &Trace, symbols: &Symbols) -> fmt::Result {
    let Trace { proto, head, iteration_clock, max_slots, end, .. } = trace;
    writeln!(
        out,
        "trace proto={proto} head={head} clock={iteration_clock} slots={max_slots} end=#{}",
        end.0
    )?;
    for (index, inst) in trace.insts.iter().enumerate() {
        write_inst(out, index, inst, symbols)?;
        out.push('\n');
    }
    for (index, snapshot) in trace.snapshots.iter().enumerate() {
        write_snapshot(out, index, snapshot)?;
    }
    Ok(())
}

fn write_inst(out: &mut String, index: usize, inst: &Inst, symbols: &Symbols) -> fmt::Result {
    if inst.ty != super::op::Ty::Void {
        write!(out, "v{index}:{} = ", inst.ty)?;
    }
    write!(out, "{}", inst.op)?;
    for (position, arg) in inst.args.iter().enumerate() {
        write!(out, "{} v{}", if position == 0 { "" } else { "," }, arg.0)?;
    }
    write_imm(out, inst.op, inst.imm, symbols)?;
    match inst.snapshot {
        Some(snapshot) => write!(out, " #{}", snapshot.0),
        None => Ok(()),
    }
}

fn write_imm(out: &mut String, op: Op, imm: i64, symbols: &Symbols) -> fmt::Result {
    match op.imm() {
        Imm::None => Ok(()),
        Imm::Int => write!(out, " {imm}"),
        Imm::Slot => write!(out, " s{imm}"),
        Imm::Index => write!(out, " [{imm}]"),
        Imm::FloatBits => {
            let float = f64::from_bits(imm as u64);
            // `{:?}` is the shortest decimal that reads back to the same bits; a NaN has none.
            if float.is_nan() { write!(out, " {imm:#018x}") } else { write!(out, " {float:?}") }
        }
        Imm::Address => match symbols.name(imm as u64) {
            Some(name) => write!(out, " @{name}"),
            None => write!(out, " {imm:#x}"),
        },
    }
}

fn write_snapshot(out: &mut String, index: usize, snapshot: &Snapshot) -> fmt::Result {
    write!(out, "snap #{index} pc={} clock={}", snapshot.pc, snapshot.clock)?;
    if let Some(top) = snapshot.open_top {
        write!(out, " top={top}")?;
    }
    for (position, link) in snapshot.frames.iter().enumerate() {
        out.push_str(if position == 0 { " frames=[" } else { ", " });
        let (closure, base) = (link.closure.0, link.base);
        write!(out, "fun v{closure} base={base} ret={} want={}", link.return_pc, link.wanted)?;
    }
    out.push_str(if snapshot.frames.is_empty() { " {" } else { "] {" });
    for (position, (slot, value)) in snapshot.slots.iter().enumerate() {
        write!(out, "{}{slot}: v{}", if position == 0 { "" } else { ", " }, value.0)?;
    }
    out.push_str("}\n");
    Ok(())
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print(self))
    }
}
