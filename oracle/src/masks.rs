//! Which registers mean something at an instruction.
//!
//! In: bytecode analysis of the main chunk and all functions in it. Out: [`Masks`], by prototype number
//! and pc, as [`Selection`]s for the traversal.
//!
//! - *live*: some path reads the register before writing it. Compared between the JIT and the
//!   interpreter, since a trace restores nothing else.
//! - *defined*: every path has written it since the function began. Compared between the interpreter and
//!   the reference, temporaries and dead values included, since both execute the same instructions.
//!
//! A frame that waits for a call shows the registers that are live after the calling instruction (or defined
//! before it) and that this instruction does not change: the others now belong to the called function.
//! A function loaded at run time has no masks; only its position is compared.
#![forbid(unsafe_code)]

use crate::canon::{Frame, ProtoId, Selection};
use plumb_jit::bytecode::{Liveness, Pc, Proto, RegisterSet, effects_of};
use std::sync::Arc;

/// Masks of one prototype, one entry an instruction.
#[derive(Clone, Debug, Default)]
pub struct ProtoMasks {
    pub live: Vec<RegisterSet>,
    pub defined: Vec<RegisterSet>,
    /// What is live in a frame while the instruction's call runs.
    pub live_in_call: Vec<RegisterSet>,
    /// What is defined, and not the called function's, while the instruction's call runs.
    pub defined_in_call: Vec<RegisterSet>,
}

impl ProtoMasks {
    fn of(proto: &Proto) -> ProtoMasks {
        let effects = effects_of(proto);
        let liveness = Liveness::by_effects(proto, &effects);
        let positions = || (0..proto.code.len() as u32).map(Pc);
        let mut masks = ProtoMasks {
            live: positions().map(|pc| *liveness.live_in(pc)).collect(),
            defined: positions().map(|pc| *liveness.defined_in(pc)).collect(),
            live_in_call: Vec::with_capacity(proto.code.len()),
            defined_in_call: Vec::with_capacity(proto.code.len()),
        };
        for (pc, effects) in positions().zip(&effects) {
            // What the calling instruction neither writes nor spoils on the way to a place where it is live.
            let mut through = RegisterSet::EMPTY;
            let mut kept = *liveness.defined_in(pc);
            for edge in effects.edges() {
                let unharmed = |set: RegisterSet| set.without(edge.writes).without(edge.clobbers);
                through = through.union(unharmed(*liveness.live_in(edge.target)));
                kept = unharmed(kept);
            }
            if effects.edges().next().is_none() {
                // A tail call of a native, or a return that runs `__close`: it works in place.
                let own = proto.code[pc.index()].a();
                kept = kept.without(RegisterSet::range(own, usize::from(proto.max_stack_size)));
            }
            masks.live_in_call.push(through);
            masks.defined_in_call.push(kept);
        }
        masks
    }
}

/// Masks of a program, by [`ProtoId`].
#[derive(Clone, Debug, Default)]
pub struct Masks(pub Arc<[ProtoMasks]>);

impl Masks {
    /// Masks of a main prototype and all prototypes in it.
    pub fn of(main: &Proto) -> Masks {
        let mut masks = Vec::new();
        main.for_each(&mut |proto| masks.push(ProtoMasks::of(proto)));
        Masks(masks.into())
    }

    fn get(&self, frame: &Frame, of: impl Fn(&ProtoMasks) -> &Vec<RegisterSet>) -> RegisterSet {
        let ProtoId(proto) = frame.function.proto;
        let masks = self.0.get(proto as usize);
        masks.and_then(|m| of(m).get(frame.pc as usize)).copied().unwrap_or_default()
    }

    /// Live registers in all frames.
    pub fn live(&self) -> impl Selection + '_ {
        |level: usize, frame: &Frame| match level {
            0 => self.get(frame, |m| &m.live),
            _ => self.get(frame, |m| &m.live_in_call),
        }
    }

    /// Defined registers in all frames.
    pub fn defined(&self) -> impl Selection + '_ {
        |level: usize, frame: &Frame| match level {
            0 => self.get(frame, |m| &m.defined),
            _ => self.get(frame, |m| &m.defined_in_call),
        }
    }
}
