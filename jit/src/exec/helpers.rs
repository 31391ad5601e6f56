//! Functions that machine code may call, by address and by signature.
//!
//! On an aarch64 host a trace calls them directly; elsewhere the simulator looks the target of `blr`
//! up here, takes the arguments from its registers as AAPCS64 says and calls the host function.
//!
//! Invariant: a function never unwinds into a trace; failures are status values.

/// A host function and its signature. Integers are full registers: pointers, i64, tags, status.
#[derive(Clone, Copy, Debug)]
pub enum HostFn {
    Int0(unsafe extern "C" fn() -> u64),
    Int1(unsafe extern "C" fn(u64) -> u64),
    Int2(unsafe extern "C" fn(u64, u64) -> u64),
    Int3(unsafe extern "C" fn(u64, u64, u64) -> u64),
    Int4(unsafe extern "C" fn(u64, u64, u64, u64) -> u64),
    Int5(unsafe extern "C" fn(u64, u64, u64, u64, u64) -> u64),
    Int6(unsafe extern "C" fn(u64, u64, u64, u64, u64, u64) -> u64),
    Float1(unsafe extern "C" fn(f64) -> f64),
    Float2(unsafe extern "C" fn(f64, f64) -> f64),
}

impl HostFn {
    /// The function's own address, the natural key in a `HelperTable`.
    pub fn address(self) -> u64 {
        let address = match self {
            HostFn::Int0(f) => f as *const () as usize,
            HostFn::Int1(f) => f as *const () as usize,
            HostFn::Int2(f) => f as *const () as usize,
            HostFn::Int3(f) => f as *const () as usize,
            HostFn::Int4(f) => f as *const () as usize,
            HostFn::Int5(f) => f as *const () as usize,
            HostFn::Int6(f) => f as *const () as usize,
            HostFn::Float1(f) => f as *const () as usize,
            HostFn::Float2(f) => f as *const () as usize,
        };
        address as u64
    }

    /// Integer arguments taken from x0 on.
    pub fn integer_arguments(self) -> usize {
        match self {
            HostFn::Int0(_) | HostFn::Float1(_) | HostFn::Float2(_) => 0,
            HostFn::Int1(_) => 1,
            HostFn::Int2(_) => 2,
            HostFn::Int3(_) => 3,
            HostFn::Int4(_) => 4,
            HostFn::Int5(_) => 5,
            HostFn::Int6(_) => 6,
        }
    }

    /// Float arguments taken from d0 on. The result is in d0 if there are any, else in x0.
    pub fn float_arguments(self) -> usize {
        match self {
            HostFn::Float1(_) => 1,
            HostFn::Float2(_) => 2,
            _ => 0,
        }
    }
}

/// What an integer parameter must be. A wrong trace may pass anything; the simulator asks the memory
/// map before it calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parameter {
    /// Any 64 bits.
    Any,
    /// The address of the VM's heap.
    Heap,
    /// A live object.
    Table,
    Str,
    /// A value's payload; the next argument is its tag.
    Payload {
        tag: u8,
    },
    /// Follows `Payload`, which is judged with it.
    Tag,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: u64,
    name: &'static str,
    function: HostFn,
    parameters: &'static [Parameter],
}

/// Address -> function. A function outside the table is no legal call target in the simulator.
#[derive(Clone, Debug, Default)]
pub struct HelperTable {
    /// A few dozen at most, searched from the front.
    entries: Vec<Entry>,
}

impl HelperTable {
    pub fn new() -> HelperTable {
        HelperTable::default()
    }

    /// Adds a function under its own address and returns that address, to be put into
    /// `TraceContext::helpers`.
    ///
    /// # Safety
    /// The function must be sound to call with any arguments that correct traces pass it, and must not
    /// unwind.
    pub unsafe fn add(
        &mut self,
        name: &'static str,
        function: HostFn,
        parameters: &'static [Parameter],
    ) -> u64 {
        let address = function.address();
        if self.find(address).is_none() {
            self.entries.push(Entry { address, name, function, parameters });
        }
        address
    }

    #[inline]
    fn find(&self, address: u64) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.address == address)
    }

    pub fn get(&self, address: u64) -> Option<HostFn> {
        self.find(address).map(|entry| entry.function)
    }

    /// The first argument that `accepts` refuses, of a call with `arguments` from x0 on.
    pub fn refused(
        &self,
        address: u64,
        arguments: &[u64],
        accepts: impl Fn(Parameter, u64) -> bool,
    ) -> Option<usize> {
        let parameters = self.find(address)?.parameters;
        let refuses = |(index, &parameter): (usize, &Parameter)| {
            let parameter = match parameter {
                // A tag is one byte; anything wider is none.
                Parameter::Payload { .. } => Parameter::Payload {
                    tag: u8::try_from(*arguments.get(index + 1)?).unwrap_or(u8::MAX),
                },
                other => other,
            };
            (!accepts(parameter, *arguments.get(index)?)).then_some(index)
        };
        parameters.iter().enumerate().find_map(refuses)
    }

    /// For listings and traps.
    pub fn name(&self, address: u64) -> Option<&'static str> {
        self.find(address).map(|entry| entry.name)
    }
}
