//! Operand values.
//!
//! In:  a subject and a source of choices.   Out: [`Input`]: flags, registers and memory before it runs.
//!
//! Registers that the subject reads get an edge value or a random one; all others hold fixed patterns,
//! so that a stray write shows. A base register gets an address whose access lies in the window.
//! Addresses are written as offsets from [`WINDOW`], which stands for the window's place in memory.

use plumb_jit::backend::alloc::Step;
use plumb_jit::backend::mach::{Address, Base, Inst, Loc, Role};
use plumb_jit::exec::TraceContext;

use super::rng::Rng;
use super::table::Subject;

/// Stands for the address of the window.
pub const WINDOW: u64 = 0x0000_5757_0000_0000;
/// Registers this far from the window still count as addresses: bases with offsets.
pub const NEAR: u64 = 1 << 16;
/// 64-bit cells of the window: a context with its spill slots fits.
pub const CELLS: usize = 1024;
const WINDOW_BYTES: i64 = 8 * CELLS as i64;

/// Everything that a subject can see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    pub nzcv: u8,
    /// x18 is nobody's.
    pub x: [u64; 31],
    pub d: [u64; 32],
    pub window: Vec<u64>,
}

impl State {
    /// Fixed patterns, different in each place.
    pub fn pattern() -> State {
        let mix = |n: u64| (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut state = State {
            nzcv: 0,
            x: std::array::from_fn(|i| mix(i as u64)),
            d: std::array::from_fn(|i| (1.5 * (i + 1) as f64).to_bits()),
            window: (0..CELLS).map(|i| mix(1000 + i as u64)).collect(),
        };
        state.x[18] = 0;
        state
    }

    /// A place by number: x0 to x30, d0 to d31, the window.
    fn cell(&mut self, place: usize) -> &mut u64 {
        match place {
            0..31 => &mut self.x[place],
            31..63 => &mut self.d[place - 31],
            _ => &mut self.window[place - 63],
        }
    }
}

/// Integers at the edges of 32 and 64 bits, and shift amounts around 64.
pub const INTEGERS: [u64; 22] = [
    0,
    1,
    2,
    5,
    31,
    32,
    63,
    64,
    65,
    127,
    128,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x001f_ffff_ffff_ffff, // beyond, integers have no float of their own
    0x0020_0000_0000_0001,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0x8000_0000_0000_0001,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
];

/// Bits of floats at every edge that matters.
pub const FLOATS: [u64; 34] = [
    0x0000_0000_0000_0000, // 0
    0x8000_0000_0000_0000, // -0
    0x3ff0_0000_0000_0000, // 1
    0xbff0_0000_0000_0000, // -1
    0x3fe0_0000_0000_0000, // 0.5
    0xbfe0_0000_0000_0000, // -0.5
    0x3fdf_ffff_ffff_ffff, // just below 0.5
    0x3ff8_0000_0000_0000, // 1.5
    0x4004_0000_0000_0000, // 2.5
    0xc004_0000_0000_0000, // -2.5
    0x3fd5_5555_5555_5555, // 1/3
    0x7ff0_0000_0000_0000, // infinity
    0xfff0_0000_0000_0000, // -infinity
    0x7ff8_0000_0000_0000, // default NaN
    0xfff8_0000_0000_0000, // x86's default NaN
    0xfff8_0000_0000_0123, // quiet NaN with a payload
    0x7ff8_dead_beef_0001, // another
    0x7ff0_0000_0000_0456, // signalling NaN
    0xfff4_0000_0000_0789, // another
    0x0000_0000_0000_0001, // least subnormal
    0x800f_ffff_ffff_ffff, // greatest negative subnormal
    0x0010_0000_0000_0000, // least normal
    0x7fef_ffff_ffff_ffff, // greatest
    0x4330_0000_0000_0001, // 2^52 + 1
    0x432f_ffff_ffff_ffff, // 2^52 - 0.5
    0xc330_0000_0000_0000, // -2^52
    0x4340_0000_0000_0000, // 2^53
    0x43e0_0000_0000_0000, // 2^63
    0xc3e0_0000_0000_0000, // -2^63
    0xc3e0_0000_0000_0001, // just below -2^63
    0x43df_ffff_ffff_ffff, // just below 2^63
    0x43f0_0000_0000_0000, // 2^64
    0x41e0_0000_0000_0000, // 2^31
    0x41f0_0000_0000_0000, // 2^32
];

/// Draws an input. `edges` says how many percent of the values are edges.
pub fn draw(subject: &Subject, rng: &mut Rng, edges: usize) -> State {
    let mut state = State::pattern();
    state.nzcv = rng.below(16) as u8;
    match subject {
        Subject::Step(step) => step_input(step, rng, edges, &mut state),
        Subject::Frame { .. } => {
            for i in 0..31 {
                state.x[i] = if i == 18 { 0 } else { integer(rng, edges) };
            }
            for i in 0..32 {
                state.d[i] = float(rng, edges);
            }
            state.x[0] = WINDOW;
        }
    }
    state
}

fn step_input(step: &Step, rng: &mut Rng, edges: usize, state: &mut State) {
    let sources = match step {
        Step::Move { from, .. } => vec![*from],
        Step::Inst { inst, .. } => {
            let is_read = |role| matches!(role, Role::Use | Role::UseAny | Role::UseAt(_));
            let operands = inst.operands().into_iter();
            operands.filter(|&(_, role)| is_read(role)).map(|(loc, _)| loc).collect()
        }
    };
    // Now and then two operands hold the same: equality is an edge of its own.
    let same = (integer(rng, edges), float(rng, edges));
    let all_same = rng.percent(10);
    for loc in sources {
        match loc {
            Loc::X(n) => state.x[n as usize] = if all_same { same.0 } else { integer(rng, edges) },
            Loc::D(n) => state.d[n as usize] = if all_same { same.1 } else { float(rng, edges) },
            Loc::Spill(n) => {
                let cell = TraceContext::spill_offset(n as usize) / 8;
                state.window[cell] = integer(rng, edges);
            }
        }
    }
    // Frame and context.
    state.x[19] = integer(rng, edges);
    state.x[20] = WINDOW;
    let Step::Inst { inst, .. } = step else { return };
    if let Some((address, bytes)) = accessed(inst) {
        let room = WINDOW_BYTES - bytes;
        let place = match rng.below(4) {
            0 => rng.pick(&[0, room]),
            1 => rng.below(room as usize + 1) as i64,
            _ => rng.below(room as usize / 8 + 1) as i64 * 8,
        };
        let base = match address.base {
            Base::Reg(Loc::X(n)) => n as usize,
            Base::Frame => 19,
            Base::Reg(other) => panic!("{other} as a base"),
        };
        state.x[base] = WINDOW.wrapping_add_signed(place - i64::from(address.offset));
        let value = if rng.percent(50) { integer(rng, edges) } else { float(rng, edges) };
        state.window[place as usize / 8] = value;
    }
}

/// A smaller input of which `holds` is still true: what does not matter is as in [`State::pattern`], the
/// rest is 0 or 1 where it can be. Addresses stay.
pub fn shrink(state: &State, mut holds: impl FnMut(&State) -> bool) -> State {
    let (mut state, pattern) = (state.clone(), State::pattern());
    let mut attempt = |change: &dyn Fn(&mut State)| {
        let mut smaller = state.clone();
        change(&mut smaller);
        if smaller != state && holds(&smaller) {
            state = smaller;
            return true;
        }
        false
    };
    attempt(&|s| s.nzcv = 0);
    // Whole files first: most of the window never matters.
    attempt(&|s| s.window = pattern.window.clone());
    let places = (0..31 + 32 + CELLS).filter(|&place| place != 18);
    for place in places {
        let original = *pattern.clone().cell(place);
        let simple = [original, 0, 1].map(|value| {
            move |s: &mut State| {
                let cell = s.cell(place);
                if *cell != original && !is_address(*cell) {
                    *cell = value;
                }
            }
        });
        let _ = simple.iter().any(|change| attempt(change));
    }
    state
}

fn is_address(value: u64) -> bool {
    value.wrapping_sub(WINDOW - NEAR) < 2 * NEAR
}

/// Where an instruction loads or stores, and how many bytes.
fn accessed(inst: &Inst<Loc>) -> Option<(Address<Loc>, i64)> {
    match *inst {
        Inst::Load { width, from, .. } => Some((from, i64::from(width.bytes()))),
        Inst::LoadFloat { from, .. } => Some((from, 8)),
        Inst::Store { to, .. } | Inst::StoreFloat { to, .. } => Some((to, 8)),
        Inst::StoreByte { to, .. } => Some((to, 1)),
        Inst::StorePair { to, .. } => Some((to, 16)),
        _ => None,
    }
}

/// An integer operand.
pub fn integer(rng: &mut Rng, edges: usize) -> u64 {
    if rng.percent(edges) {
        return rng.pick(&INTEGERS);
    }
    match rng.below(4) {
        0 => rng.below(200) as u64,
        1 => (rng.below(200) as u64).wrapping_neg(),
        _ => rng.next() >> rng.below(64),
    }
}

/// The bits of a float operand.
pub fn float(rng: &mut Rng, edges: usize) -> u64 {
    if rng.percent(edges) {
        return rng.pick(&FLOATS);
    }
    match rng.below(4) {
        0 => (rng.below(200) as f64 - 100.0).to_bits(),
        1 => (rng.below(2000) as f64 / 8.0 - 100.0).to_bits(),
        // Exponents near those of integers.
        2 => rng.next() & !(0x7ff << 52) | (0x3ff + rng.below(70) as u64) << 52,
        _ => rng.next(),
    }
}

#[test]
fn shrinking_keeps_what_matters() {
    let mut rng = Rng::new(3);
    let state = draw(&Subject::Frame { count_arrivals: false }, &mut rng, 0);
    let mut state = State { nzcv: 6, ..state };
    (state.x[3], state.x[4], state.window[5]) = (77, WINDOW + 8, 9);
    let small = shrink(&state, |s| s.x[3] == 77 && s.nzcv & 4 != 0 && s.window[5] == 9);
    let mut expected = State { nzcv: 6, ..State::pattern() };
    (expected.x[0], expected.x[3], expected.x[4]) = (WINDOW, 77, WINDOW + 8);
    expected.window[5] = 9;
    assert_eq!(small, expected);
}
