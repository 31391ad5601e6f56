//! Register allocation: virtual registers -> registers, spill slots and moves.
//!
//! In:  a [`MachTrace`].   Out: [`Allocated`]: the same instructions over locations, with the moves
//! that the allocator inserted.
//!
//! The allocator is the `regalloc2` crate: this file is its client. It describes the trace (blocks,
//! operands with their demands, what a call destroys) and rewrites it by the answer. The crate's
//! symbolic checker, which shares no code with its allocators, can follow each value through the
//! answer; it runs on every compile of a debug build and where the configuration asks for it.
//!
//! Registers: x0-x15, x21-x28, d0-d30. x16 and d31 are for the emitter and for moves, x17 for moves;
//! x18 is the platform's, x19 the frame, x20 the context, x29 and x30 the caller's.
//!
//! Limits: spill slots are those of `TraceContext`; a trace that needs more is declined.

use std::cell::RefCell;
use std::fmt::{self, Display};

use regalloc2::checker::Checker;
use regalloc2::{
    Algorithm, Allocation, Block as RaBlock, Edit, Function, Inst as RaInst, InstOrEdit, InstRange,
    MachineEnv, Operand, OperandConstraint, OperandKind, OperandPos, Output, PReg, PRegSet,
    RegAllocError, RegClass, RegallocOptions, VReg,
};

use super::mach::{Block, Class, Inst, Loc, MachTrace, Role, Virtual};
use super::{BackendConfig, BackendError};
use crate::exec::context::SPILL_SLOTS;
use crate::ir::trace::ValueId;

/// Which allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum Strategy {
    /// Backtracking with live range splitting.
    #[default]
    Backtracking,
    /// One pass, spills much: compiles fast, and shakes out wrong assumptions about locations.
    SinglePass,
}

/// An instruction may read five registers at once, and helper arguments stand in x0 to x3.
pub const MIN_GPR: usize = 6;
pub const MIN_FPR: usize = 4;
pub const MAX_GPR: usize = CALLER_SAVED_GPR.len() + CALLEE_SAVED_GPR.len();
pub const MAX_FPR: usize = FPR.len();

const CALLER_SAVED_GPR: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const CALLEE_SAVED_GPR: [u8; 8] = [21, 22, 23, 24, 25, 26, 27, 28];
/// d8 to d15 survive calls, so they come last for traces without calls.
const FPR: [u8; 31] = [
    0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 8, 9, 10,
    11, 12, 13, 14, 15,
];
/// For the allocator's cyclic moves, one a class.
pub const SCRATCH_GPR: u8 = 17;
pub const SCRATCH_FPR: u8 = 31;

/// One step of allocated code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    Inst {
        inst: Inst<Loc>,
        origin: Option<ValueId>,
    },
    /// Inserted by the allocator; at least one side is a register.
    Move {
        from: Loc,
        to: Loc,
    },
}

/// A trace after register allocation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allocated {
    pub entry: Vec<Step>,
    pub body: Option<Vec<Step>>,
    pub spill_slots: usize,
    pub num_exits: u32,
}

thread_local! {
    /// Memory that the allocator needs for itself, kept from one trace to the next.
    static SCRATCH: RefCell<regalloc2::Ctx> = RefCell::default();
}

/// Allocates registers. Fewer of them must never change a result, only its speed.
///
/// # Panics
/// When the checker rejects the allocator's answer, or the trace is not what lowering promises.
pub fn allocate(trace: &MachTrace, config: &BackendConfig) -> Result<Allocated, BackendError> {
    let function = Client::new(trace);
    let env = machine_env(config);
    let algorithm = match config.strategy {
        Strategy::Backtracking => Algorithm::Ion,
        Strategy::SinglePass => Algorithm::Fastalloc,
    };
    let checked = config.check || cfg!(debug_assertions);
    let options = RegallocOptions { verbose_log: false, validate_ssa: checked, algorithm };
    let run = |options| {
        // A run that fails or panics leaves nothing behind.
        let mut scratch = SCRATCH.take();
        regalloc2::run_with_ctx(&function, &env, options, &mut scratch)?;
        let output = std::mem::take(&mut scratch.output);
        SCRATCH.set(scratch);
        Ok(output)
    };
    let output = match run(&options) {
        // With few registers the single pass may not find one for an operand beside late ones.
        Err(RegAllocError::TooManyLiveRegs) if config.strategy == Strategy::SinglePass => {
            run(&RegallocOptions { algorithm: Algorithm::Ion, ..options })
        }
        result => result,
    };
    let output = output.map_err(BackendError::Allocation)?;
    if checked {
        let mut checker = Checker::new(&function, &env);
        checker.prepare(&output);
        checker.run().unwrap_or_else(|errors| panic!("register allocation: {errors:?}\n{trace}"));
    }
    if output.num_spillslots > SPILL_SLOTS {
        return Err(BackendError::TooManySpills { needed: output.num_spillslots });
    }
    let mut allocated = Allocated {
        entry: rewrite(&function, &output, 0, &trace.entry),
        body: trace.body.as_ref().map(|body| rewrite(&function, &output, 1, body)),
        spill_slots: output.num_spillslots,
        num_exits: trace.num_exits,
    };
    drop_undefined_copies(&mut allocated);
    if let Some(body) = &mut allocated.body {
        fuse_back_edge(body);
    }
    Ok(allocated)
}

/// One branch closes the loop and checks its count, if the back edge needs no moves.
fn fuse_back_edge(body: &mut Vec<Step>) {
    if let [.., Step::Inst { inst, .. }, Step::Inst { inst: Inst::Jump, .. }] = body.as_mut_slice()
        && let Inst::CountDown { rd, rn, exit } = inst
    {
        *inst = Inst::CountLoop { rd: *rd, rn: *rn, exit: exit.clone() };
        body.pop();
    }
}

/// Drops moves of registers that hold nothing. To swap two spill slots the allocator borrows a
/// register and saves it first, also when it is free; such a save is harmless, but a read of a
/// register that was never written is what the simulator reports as a defect.
fn drop_undefined_copies(allocated: &mut Allocated) {
    let mut at_head = Defined::default();
    allocated.entry.retain(|step| at_head.step(step));
    let Some(body) = &mut allocated.body else { return };
    loop {
        let mut at_end = at_head.clone();
        for step in body.iter() {
            at_end.step(step);
        }
        if !at_head.intersect(&at_end) {
            break;
        }
    }
    body.retain(|step| at_head.step(step));
}

/// Which locations hold a value.
#[derive(Clone, Default, PartialEq)]
struct Defined {
    /// x0 to x31, then d0 to d31.
    registers: u64,
    spills: [u64; SPILL_SLOTS.div_ceil(64)],
}

impl Defined {
    /// Goes past a step; false if it moves nothing.
    fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Move { from, to } => {
                let moves = self.contains(*from);
                self.set(*to, moves);
                return moves;
            }
            Step::Inst { inst, .. } => {
                if matches!(inst, Inst::Call { .. }) {
                    self.registers &= SURVIVE_CALLS;
                }
                if let Some(written) = inst.written() {
                    self.set(written, true);
                }
            }
        }
        true
    }

    fn contains(&self, loc: Loc) -> bool {
        match loc {
            Loc::X(n) => self.registers >> n & 1 == 1,
            Loc::D(n) => self.registers >> (32 + n) & 1 == 1,
            Loc::Spill(n) => self.spills[n as usize / 64] >> (n % 64) & 1 == 1,
        }
    }

    fn set(&mut self, loc: Loc, holds: bool) {
        let (word, bit) = match loc {
            Loc::X(n) => (&mut self.registers, n.into()),
            Loc::D(n) => (&mut self.registers, 32 + u32::from(n)),
            Loc::Spill(n) => (&mut self.spills[n as usize / 64], n % 64),
        };
        *word = *word & !(1 << bit) | u64::from(holds) << bit;
    }

    /// Keeps what is also in `other`; true if something went.
    fn intersect(&mut self, other: &Defined) -> bool {
        let before = self.clone();
        self.registers &= other.registers;
        self.spills.iter_mut().zip(other.spills).for_each(|(own, others)| *own &= others);
        *self != before
    }
}

/// Registers that AAPCS64 makes a called function keep, as [`Defined`] has them: of those that are allocated,
/// [`CALLEE_SAVED_GPR`] and d8 to d15.
const SURVIVE_CALLS: u64 = {
    let (mut set, mut at) = (0xff00 << 32, 0);
    while at < CALLEE_SAVED_GPR.len() {
        set |= 1 << CALLEE_SAVED_GPR[at];
        at += 1;
    }
    set
};

/// Whether AAPCS64 makes a called function keep this location.
pub fn survives_call(loc: &Loc) -> bool {
    match *loc {
        Loc::X(n) => SURVIVE_CALLS >> n & 1 == 1,
        Loc::D(n) => SURVIVE_CALLS >> (32 + n) & 1 == 1,
        Loc::Spill(_) => true,
    }
}

fn rewrite(function: &Client, output: &Output, index: usize, block: &Block) -> Vec<Step> {
    let mut lines = block.lines.iter();
    let step = |step| match step {
        InstOrEdit::Edit(&Edit::Move { from, to }) => {
            (from != to).then(|| Step::Move { from: location(from), to: location(to) })
        }
        InstOrEdit::Inst(inst) => {
            let line = lines.next().expect("the allocator keeps all instructions");
            let mut places = output.inst_allocs(inst).iter().copied().map(location);
            let inst = line.inst.map(&mut |_, _| places.next().expect("a place for each operand"));
            Some(Step::Inst { inst, origin: line.origin })
        }
    };
    output.block_insts_and_edits(function, RaBlock::new(index)).filter_map(step).collect()
}

fn location(allocation: Allocation) -> Loc {
    match (allocation.as_reg(), allocation.as_stack()) {
        (Some(reg), _) if reg.class() == RegClass::Int => Loc::X(reg.hw_enc() as u8),
        (Some(reg), _) => Loc::D(reg.hw_enc() as u8),
        (None, Some(slot)) => Loc::Spill(slot.index() as u32),
        (None, None) => panic!("an operand without a place"),
    }
}

fn machine_env(config: &BackendConfig) -> MachineEnv {
    let gpr = |n: &u8| PReg::new(*n as usize, RegClass::Int);
    let fpr = |n: &u8| PReg::new(*n as usize, RegClass::Float);
    let gpr_limit = config.gpr_limit.clamp(MIN_GPR, MAX_GPR);
    let fpr_limit = config.fpr_limit.clamp(MIN_FPR, MAX_FPR);
    let first = CALLER_SAVED_GPR.len().min(gpr_limit);
    let preferred = CALLER_SAVED_GPR[..first].iter().map(gpr).collect();
    let others = CALLEE_SAVED_GPR[..gpr_limit - first].iter().map(gpr).collect();
    let floats = FPR[..fpr_limit].iter().map(fpr).collect();
    MachineEnv {
        preferred_regs_by_class: [preferred, floats, PRegSet::empty()],
        non_preferred_regs_by_class: [others, PRegSet::empty(), PRegSet::empty()],
        scratch_by_class: [Some(gpr(&SCRATCH_GPR)), Some(fpr(&SCRATCH_FPR)), None],
        fixed_stack_slots: Vec::new(),
    }
}

/// What a helper may destroy: AAPCS64's caller-saved registers.
fn call_clobbers(result: Option<Class>) -> PRegSet {
    let gprs = CALLER_SAVED_GPR.iter().map(|&n| PReg::new(n as usize, RegClass::Int));
    let fprs = FPR.iter().filter(|&&n| !survives_call(&Loc::D(n)));
    let fprs = fprs.map(|&n| PReg::new(n as usize, RegClass::Float));
    let mut clobbers: PRegSet = gprs.chain(fprs).collect();
    if let Some(class) = result {
        clobbers.remove(PReg::new(0, reg_class(class)));
    }
    clobbers
}

fn reg_class(class: Class) -> RegClass {
    match class {
        Class::Int => RegClass::Int,
        Class::Float => RegClass::Float,
    }
}

fn vreg(v: Virtual) -> VReg {
    VReg::new(v.index as usize, reg_class(v.class))
}

fn operand(v: Virtual, role: Role) -> Operand {
    let at = |n: u8| PReg::new(n as usize, reg_class(v.class));
    match role {
        Role::Use => Operand::reg_use(vreg(v)),
        Role::UseAny => Operand::any_use(vreg(v)),
        Role::UseAnyLate => {
            Operand::new(vreg(v), OperandConstraint::Any, OperandKind::Use, OperandPos::Late)
        }
        Role::UseAt(n) => Operand::reg_fixed_use(vreg(v), at(n)),
        Role::Def => Operand::reg_def(vreg(v)),
        Role::DefAt(n) => Operand::reg_fixed_def(vreg(v), at(n)),
    }
}

/// The trace as `regalloc2` wants to see it.
struct Client<'t> {
    trace: &'t MachTrace,
    blocks: Vec<ClientBlock>,
    operands: Vec<Operand>,
    /// Where the operands of each instruction start and end, all blocks' in one numbering.
    spans: Vec<(u32, u32)>,
    clobbers: Vec<PRegSet>,
}

struct ClientBlock {
    insts: InstRange,
    params: Vec<VReg>,
    jump_args: Vec<VReg>,
    successors: Vec<RaBlock>,
    predecessors: Vec<RaBlock>,
}

impl<'t> Client<'t> {
    fn new(trace: &'t MachTrace) -> Client<'t> {
        let lines = trace.blocks().map(|block| block.lines.len()).sum();
        let mut client = Client {
            trace,
            blocks: Vec::new(),
            operands: Vec::with_capacity(4 * lines),
            spans: Vec::with_capacity(lines),
            clobbers: Vec::with_capacity(lines),
        };
        for (index, block) in trace.blocks().enumerate() {
            let first = RaInst::new(client.spans.len());
            for line in &block.lines {
                let start = client.operands.len() as u32;
                line.inst.visit(&mut |v, role| client.operands.push(operand(v, role)));
                client.spans.push((start, client.operands.len() as u32));
                client.clobbers.push(match &line.inst {
                    Inst::Call { result, .. } => call_clobbers(result.map(|v| v.class)),
                    _ => PRegSet::empty(),
                });
            }
            let loop_block = || vec![RaBlock::new(1)];
            client.blocks.push(ClientBlock {
                insts: InstRange::new(first, RaInst::new(client.spans.len())),
                params: block.params.iter().copied().map(vreg).collect(),
                jump_args: block.jump_args.iter().copied().map(vreg).collect(),
                successors: if trace.body.is_some() { loop_block() } else { Vec::new() },
                predecessors: match index {
                    0 => Vec::new(),
                    _ => vec![RaBlock::new(0), RaBlock::new(1)],
                },
            });
        }
        client
    }

    fn is_jump(&self, inst: RaInst) -> bool {
        self.blocks.iter().any(|block| block.insts.last() == inst)
    }
}

impl Function for Client<'_> {
    fn num_insts(&self) -> usize {
        self.spans.len()
    }
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    fn entry_block(&self) -> RaBlock {
        RaBlock::new(0)
    }
    fn block_insns(&self, block: RaBlock) -> InstRange {
        self.blocks[block.index()].insts
    }
    fn block_succs(&self, block: RaBlock) -> &[RaBlock] {
        &self.blocks[block.index()].successors
    }
    fn block_preds(&self, block: RaBlock) -> &[RaBlock] {
        &self.blocks[block.index()].predecessors
    }
    fn block_params(&self, block: RaBlock) -> &[VReg] {
        &self.blocks[block.index()].params
    }
    fn is_ret(&self, inst: RaInst) -> bool {
        self.trace.body.is_none() && self.is_jump(inst)
    }
    fn is_branch(&self, inst: RaInst) -> bool {
        self.trace.body.is_some() && self.is_jump(inst)
    }
    fn branch_blockparams(&self, block: RaBlock, _: RaInst, _: usize) -> &[VReg] {
        &self.blocks[block.index()].jump_args
    }
    fn inst_operands(&self, inst: RaInst) -> &[Operand] {
        let (start, end) = self.spans[inst.index()];
        &self.operands[start as usize..end as usize]
    }
    fn inst_clobbers(&self, inst: RaInst) -> PRegSet {
        self.clobbers[inst.index()]
    }
    fn num_vregs(&self) -> usize {
        self.trace.num_virtuals as usize
    }
    fn spillslot_size(&self, _: RegClass) -> usize {
        1
    }
}

impl Display for Allocated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks = std::iter::once(&self.entry).chain(&self.body);
        for (steps, name) in blocks.zip(["entry", "loop"]) {
            writeln!(f, "{name}:")?;
            for step in steps {
                match step {
                    Step::Move { from, to } => writeln!(f, "  {to} = move {from}")?,
                    Step::Inst { inst, origin: Some(origin) } => {
                        writeln!(f, "  {:<40} ; v{}", inst.to_string(), origin.0)?
                    }
                    Step::Inst { inst, origin: None } => writeln!(f, "  {inst}")?,
                }
            }
        }
        Ok(())
    }
}
