//! Made-up objects at real addresses: the simulator runs on them, the evaluator on a copy.

use std::cell::RefCell;
use std::collections::BTreeMap;

use plumb_jit::exec::TraceContext;
use plumb_jit::exec::arena::ArenaEnv;
use plumb_jit::exec::helpers::HostFn;
use plumb_jit::exec::runtime::Helper;
use plumb_jit::heap::Tag;
use plumb_jit::heap::layout::{self, ObjectKind};
use plumb_jit::ir::eval::{EvalTrap, TraceMemory};
use plumb_jit::ir::op::Ty;
use plumb_jit::ir::print::Symbols;
use plumb_jit::ir::trace::Slot;

use super::rng::Rng;

pub const SLOTS_BELOW: usize = 8;
pub const SLOTS: usize = 24;
/// Elements of every table's array part.
pub const ELEMENTS: usize = 8;
/// What stands in for the heap's address in helper calls.
const HEAP: u64 = 0x5eed_0000;

/// A value of a Lua type.
pub type Word = (Ty, u64);

/// What a helper was called with: heap, table, key, payload, tag.
type Call = [u64; 5];

thread_local! {
    static CALLS: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
    /// Address of the value by table and string key.
    static VALUES: RefCell<BTreeMap<(u64, u64), u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Looks up without touching memory: planted faults pass any address.
unsafe extern "C" fn find(table: u64, key: u64) -> u64 {
    VALUES.with_borrow(|values| values.get(&(table, key)).copied().unwrap_or(0))
}

/// Length that the made-up `tlen` answers after so many calls.
fn length_after(calls: usize) -> u64 {
    3 + calls as u64
}

unsafe extern "C" fn log_set(heap: u64, table: u64, key: u64, payload: u64, tag: u64) -> u64 {
    CALLS.with_borrow_mut(|calls| calls.push([heap, table, key, payload, tag]));
    0
}

unsafe extern "C" fn log_len(table: u64) -> u64 {
    CALLS.with_borrow_mut(|calls| {
        calls.push([0, table, 0, 0, 0]);
        length_after(calls.len())
    })
}

/// A table of the world.
pub struct TableObject {
    pub address: u64,
    /// Types of the array's elements.
    pub elements: Vec<Ty>,
    /// Key (index into `World::strings`) and type of the value of each node.
    pub nodes: Vec<(usize, Ty)>,
}

pub struct World {
    pub env: ArenaEnv,
    /// Address and contents of each block.
    blocks: Vec<(u64, Vec<u64>)>,
    pub base: u64,
    pub slots: Vec<Word>,
    pub strings: Vec<u64>,
    pub tables: Vec<TableObject>,
    /// Closed, then open at slot 2, then open below the frame.
    pub upvalues: [u64; 3],
    /// Types of the upvalues' values.
    pub upvalue_types: [Ty; 3],
    pub closure: u64,
    pub symbols: Symbols,
}

/// Cells of an object, filled by byte offset.
struct Cells(Vec<u64>);

impl Cells {
    fn new(bytes: usize) -> Cells {
        Cells(vec![0; bytes.div_ceil(8)])
    }
    fn put(&mut self, offset: usize, bytes: usize, value: u64) {
        let shift = 8 * (offset % 8);
        let mask = if bytes == 8 { u64::MAX } else { ((1 << (8 * bytes)) - 1) << shift };
        let cell = &mut self.0[offset / 8];
        *cell = *cell & !mask | value << shift & mask;
    }
}

fn cells_of(values: &[Word]) -> Vec<u64> {
    let pair = |&(ty, payload): &Word| [payload, ty.tag().expect("a Lua type") as u64];
    values.iter().flat_map(pair).collect()
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let mut world = World {
            env: ArenaEnv::default(),
            blocks: Vec::new(),
            base: 0,
            slots: Vec::new(),
            strings: Vec::new(),
            tables: Vec::new(),
            upvalues: [0; 3],
            upvalue_types: [Ty::Int; 3],
            closure: 0,
            symbols: Symbols::default(),
        };
        // A loop that never ends, by a planted fault, should do so soon.
        world.env.fuel = 1_000_000;
        for _ in 0..3 {
            let string = world.string(rng.below(40) as u64);
            world.strings.push(string);
        }
        let stack = world.block(vec![0; 2 * (SLOTS_BELOW + SLOTS)]);
        world.base = stack + 16 * SLOTS_BELOW as u64;
        for index in 0..3 {
            let types: &[Ty] = [
                &[Ty::Int] as &[Ty],
                &[Ty::Float],
                &[Ty::Int, Ty::Float, Ty::Nil, Ty::True, Ty::Str],
            ][index];
            let meta = world.tables.first().map_or(0, |table| table.address);
            let table = world.table(&mut rng, types, if index == 1 { meta } else { 0 });
            world.tables.push(table);
        }
        world.functions(&mut rng);
        world.stack(&mut rng, stack);
        world.name_objects();
        world
    }

    fn block(&mut self, cells: Vec<u64>) -> u64 {
        let address = self.env.arena.allocate(&cells);
        self.blocks.push((address, cells));
        address
    }

    fn string(&mut self, len: u64) -> u64 {
        let mut cells = Cells::new(size_of::<layout::Str>());
        cells.put(layout::HEADER_KIND, 1, ObjectKind::Str as u64);
        cells.put(layout::STR_LEN, 8, len);
        cells.put(std::mem::offset_of!(layout::Str, is_short), 1, 1);
        self.block(cells.0)
    }

    fn table(&mut self, rng: &mut Rng, types: &[Ty], metatable: u64) -> TableObject {
        let elements: Vec<Ty> = (0..ELEMENTS).map(|_| rng.pick(types)).collect();
        let values: Vec<Word> = elements.iter().map(|&ty| self.value(rng, ty)).collect();
        let array = self.block(cells_of(&values));
        // All strings hash to 0, so every chain begins at node 0 and runs through the vector.
        let nodes: Vec<(usize, Ty)> = (0..2).map(|key| (key, rng.pick(types))).collect();
        let mut cells = Cells::new(2 * layout::NODE_SIZE);
        for (index, &(key, ty)) in nodes.iter().enumerate() {
            let at = index * layout::NODE_SIZE;
            let (ty, payload) = self.value(rng, ty);
            cells.put(at, 8, payload);
            cells.put(at + 8, 1, ty.tag().expect("a Lua type") as u64);
            cells.put(at + layout::NODE_KEY_PAYLOAD, 8, self.strings[key]);
            cells.put(at + layout::NODE_KEY_TAG, 1, Tag::Str as u64);
            let next = if index == 0 { 1 } else { 0 };
            cells.put(at + std::mem::offset_of!(layout::Node, next), 4, next);
        }
        let node_vector = self.block(cells.0);
        let mut cells = Cells::new(size_of::<layout::Table>());
        cells.put(layout::HEADER_KIND, 1, ObjectKind::Table as u64);
        cells.put(layout::TABLE_ARRAY, 8, array);
        cells.put(layout::TABLE_ALIMIT, 4, ELEMENTS as u64);
        cells.put(std::mem::offset_of!(layout::Table, array_size), 4, ELEMENTS as u64);
        cells.put(layout::TABLE_NODES, 8, node_vector);
        cells.put(layout::TABLE_METATABLE, 8, metatable);
        cells.put(layout::TABLE_LOG2_NODES, 1, 1);
        cells.put(std::mem::offset_of!(layout::Table, has_nodes), 1, 1);
        cells.put(layout::TABLE_ABSENT_METAMETHODS, 1, 0xff);
        TableObject { address: self.block(cells.0), elements, nodes }
    }

    fn functions(&mut self, rng: &mut Rng) {
        for index in 0..3 {
            let ty = rng.pick(&[Ty::Int, Ty::Float, Ty::True]);
            let (_, payload) = self.value(rng, ty);
            let mut cells = Cells::new(size_of::<layout::Upvalue>());
            cells.put(layout::UPVALUE_CLOSED, 8, payload);
            cells.put(layout::UPVALUE_CLOSED + 8, 1, ty.tag().expect("a Lua type") as u64);
            let address = self.block(cells.0);
            let location = match index {
                0 => address + layout::UPVALUE_CLOSED as u64,
                1 => self.base + 2 * 16,
                _ => self.base - 5 * 16,
            };
            self.set(address, layout::UPVALUE_LOCATION, location);
            self.upvalues[index] = address;
            self.upvalue_types[index] = ty;
        }
        let proto = self.block(vec![0; 4]);
        let mut cells = Cells::new(layout::CLOSURE_UPVALUES + 8 * 3);
        cells.put(layout::HEADER_KIND, 1, ObjectKind::Closure as u64);
        cells.put(layout::CLOSURE_PROTO, 8, proto);
        for (index, &upvalue) in self.upvalues.iter().enumerate() {
            cells.put(layout::CLOSURE_UPVALUES + 8 * index, 8, upvalue);
        }
        self.closure = self.block(cells.0);
    }

    fn stack(&mut self, rng: &mut Rng, stack: u64) {
        let mut values = vec![(Ty::Nil, 0); SLOTS_BELOW];
        values[SLOTS_BELOW - 1] = (Ty::Closure, self.closure);
        values[SLOTS_BELOW - 5] = self.value(rng, self.upvalue_types[2]);
        for slot in 0..SLOTS {
            let ty = match slot {
                0 => Ty::Table,
                1 => Ty::Str,
                2 => self.upvalue_types[1],
                3 => Ty::Closure,
                _ => rng.pick(&[Ty::Int, Ty::Int, Ty::Float, Ty::Float, Ty::True, Ty::Nil]),
            };
            let value = self.value(rng, ty);
            self.slots.push(value);
            values.push(value);
        }
        for (cell, value) in cells_of(&values).into_iter().enumerate() {
            self.set(stack, 8 * cell, value);
        }
    }

    fn set(&mut self, address: u64, offset: usize, value: u64) {
        self.env.arena.set(address, offset / 8, value);
        let found = self.blocks.iter_mut().find(|(start, _)| *start == address);
        found.expect("a block of this world").1[offset / 8] = value;
    }

    fn value(&self, rng: &mut Rng, ty: Ty) -> Word {
        let payload = match ty {
            Ty::Int => random_int(rng) as u64,
            Ty::Float => random_float(rng).to_bits(),
            Ty::Str => rng.pick(&self.strings),
            Ty::Table => self.tables[rng.below(self.tables.len())].address,
            Ty::Closure => self.closure,
            _ => 0,
        };
        (ty, payload)
    }

    fn name_objects(&mut self) {
        for (index, table) in self.tables.iter().enumerate() {
            self.symbols.define(&format!("t{index}"), table.address);
        }
        for (index, &string) in self.strings.iter().enumerate() {
            self.symbols.define(&format!("s{index}"), string);
        }
        self.symbols.define("f", self.closure);
    }

    /// A copy for the evaluator.
    pub fn shadow(&self) -> Shadow {
        let bytes = |(address, cells): &(u64, Vec<u64>)| (*address, to_bytes(cells));
        Shadow {
            base: self.base,
            blocks: self.blocks.iter().map(bytes).collect(),
            calls: Vec::new(),
        }
    }

    /// Puts the memory back as it was and gives a context for a run.
    pub fn reset(&mut self) -> Box<TraceContext> {
        CALLS.with_borrow_mut(Vec::clear);
        VALUES.with_borrow_mut(|values| *values = self.nodes());
        for (address, cells) in &self.blocks {
            for (cell, &value) in cells.iter().enumerate() {
                self.env.arena.set(*address, cell, value);
            }
        }
        let mut ctx = TraceContext::new();
        ctx.heap = HEAP;
        for helper in Helper::ALL {
            let function = match helper {
                Helper::TableSetInt | Helper::TableSetStr => HostFn::Int5(log_set),
                Helper::TableLen => HostFn::Int1(log_len),
                Helper::HashFind | Helper::HashFindInt => HostFn::Int2(find),
                Helper::FloatMod | Helper::FloatPow => helper.host_fn(),
            };
            // SAFETY: none of them dereferences an argument or unwinds.
            ctx.helpers[helper.slot()] =
                unsafe { self.env.helpers.add(helper.name(), function, &[]) };
        }
        ctx
    }

    /// Addresses of the values of all nodes, by table and key.
    fn nodes(&self) -> BTreeMap<(u64, u64), u64> {
        let mut shadow = self.shadow();
        let mut nodes = BTreeMap::new();
        for table in &self.tables {
            for &string in &self.strings {
                let value = shadow.hash_find(table.address, string).expect("a table of this world");
                nodes.insert((table.address, string), value);
            }
        }
        nodes
    }

    /// How memory and helper calls differ from the evaluator's.
    pub fn differences(&self, shadow: &Shadow) -> Vec<String> {
        let mut found = Vec::new();
        for (address, bytes) in &shadow.blocks {
            let cells = self.env.arena.cells(*address);
            let expected = bytes.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap()));
            for (cell, (code, expected)) in cells.into_iter().zip(expected).enumerate() {
                if !same_bits(code, expected) {
                    found.push(format!(
                        "{address:#x} cell {cell}: code {code:#x}, evaluator {expected:#x}"
                    ));
                }
            }
        }
        let calls = CALLS.with_borrow(Vec::clone);
        let same = |(a, b): (&Call, &Call)| a.iter().zip(b).all(|(a, b)| same_bits(*a, *b));
        if calls.len() != shadow.calls.len() || !calls.iter().zip(&shadow.calls).all(same) {
            found.push(format!("calls: code {calls:x?}, evaluator {:x?}", shadow.calls));
        }
        found
    }
}

/// Any NaN equals any NaN.
pub fn same_bits(a: u64, b: u64) -> bool {
    a == b || f64::from_bits(a).is_nan() && f64::from_bits(b).is_nan()
}

pub fn random_int(rng: &mut Rng) -> i64 {
    const EDGES: [i64; 14] =
        [0, 1, -1, 2, 63, 64, -63, -64, 4095, 1 << 53, -(1 << 53) - 1, i64::MIN, i64::MAX, -7];
    match rng.below(3) {
        0 => rng.pick(&EDGES),
        1 => rng.below(200) as i64 - 100,
        _ => rng.next() as i64,
    }
}

pub fn random_float(rng: &mut Rng) -> f64 {
    const EDGES: [f64; 14] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        2.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        9_223_372_036_854_775_808.0,
        -9_223_372_036_854_775_808.0,
        f64::MIN_POSITIVE,
        f64::MAX,
        4_503_599_627_370_497.5,
    ];
    match rng.below(3) {
        0 => rng.pick(&EDGES),
        1 => rng.below(2000) as f64 / 8.0 - 125.0,
        _ => rng.next() as i64 as f64 / 1e10,
    }
}

fn to_bytes(cells: &[u64]) -> Vec<u8> {
    cells.iter().flat_map(|cell| cell.to_le_bytes()).collect()
}

/// The evaluator's memory: the same addresses, other bytes.
#[derive(Clone)]
pub struct Shadow {
    base: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
    calls: Vec<Call>,
}

impl Shadow {
    fn at(&mut self, address: u64, len: usize) -> Result<&mut [u8], EvalTrap> {
        let trap = EvalTrap::BadAddress(address);
        let (start, bytes) = self.blocks.range_mut(..=address).next_back().ok_or(trap)?;
        let offset = (address - start) as usize;
        bytes.get_mut(offset..offset + len).ok_or(trap)
    }
}

impl TraceMemory for Shadow {
    fn slot(&mut self, slot: Slot) -> (Tag, u64) {
        let address = self.base.wrapping_add_signed(16 * i64::from(slot));
        let tag = self.read_u8(address + 8).expect("a slot of the frame");
        let ty = Ty::ALL.iter().find(|ty| ty.tag().is_some_and(|t| t as u8 == tag));
        let tag = ty.and_then(|ty| ty.tag()).expect("a tag");
        (tag, self.read_u64(address).expect("a slot of the frame"))
    }
    fn base(&mut self) -> u64 {
        self.base
    }
    fn root_closure(&mut self) -> u64 {
        self.slot(-1).1
    }
    fn read_u8(&mut self, address: u64) -> Result<u8, EvalTrap> {
        Ok(self.at(address, 1)?[0])
    }
    fn read_u32(&mut self, address: u64) -> Result<u32, EvalTrap> {
        Ok(u32::from_le_bytes((&*self.at(address, 4)?).try_into().unwrap()))
    }
    fn read_u64(&mut self, address: u64) -> Result<u64, EvalTrap> {
        Ok(u64::from_le_bytes((&*self.at(address, 8)?).try_into().unwrap()))
    }
    fn write_u8(&mut self, address: u64, value: u8) -> Result<(), EvalTrap> {
        self.at(address, 1)?[0] = value;
        Ok(())
    }
    fn write_u64(&mut self, address: u64, value: u64) -> Result<(), EvalTrap> {
        self.at(address, 8)?.copy_from_slice(&value.to_le_bytes());
        Ok(())
    }
    fn hash_find(&mut self, table: u64, key: u64) -> Result<u64, EvalTrap> {
        let nodes = self.read_u64(table + layout::TABLE_NODES as u64)?;
        for index in 0..2 {
            let node = nodes + index * layout::NODE_SIZE as u64;
            if self.read_u64(node + layout::NODE_KEY_PAYLOAD as u64)? == key {
                return Ok(node);
            }
        }
        Ok(0)
    }
    fn hash_find_int(&mut self, _: u64, _: i64) -> Result<u64, EvalTrap> {
        // The hash parts of this world have string keys only.
        Ok(0)
    }
    fn table_set_int(
        &mut self,
        table: u64,
        key: i64,
        tag: Tag,
        payload: u64,
    ) -> Result<(), EvalTrap> {
        self.calls.push([HEAP, table, key as u64, payload, tag as u64]);
        Ok(())
    }
    fn table_set_str(
        &mut self,
        table: u64,
        key: u64,
        tag: Tag,
        payload: u64,
    ) -> Result<(), EvalTrap> {
        self.calls.push([HEAP, table, key, payload, tag as u64]);
        Ok(())
    }
    fn table_len(&mut self, table: u64) -> Result<i64, EvalTrap> {
        self.calls.push([0, table, 0, 0, 0]);
        Ok(length_after(self.calls.len()) as i64)
    }
}
