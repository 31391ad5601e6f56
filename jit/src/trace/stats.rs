//! Counters of the JIT.

use super::abort::Abort;
use std::collections::BTreeMap;

/// What the JIT of one VM did.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct JitStats {
    pub recordings: u64,
    pub compiled: u64,
    pub aborts: BTreeMap<Abort, u64>,
    /// Loop heads that are never tried again.
    pub blacklisted: u64,
    /// Traces given up because they did not pay.
    pub retired: u64,
    pub entries: u64,
    pub exits: u64,
    /// Exits through a failed guard.
    pub side_exits: u64,
    /// Exits taken as often as `JitConfig::hot_exit` says: where side traces would begin.
    pub hot_exits: u64,
    pub loop_arrivals: u64,
    /// Entries that what the traces stood for has not paid for (`JitConfig::max_fruitless`): the worst loop
    /// head's.
    pub thrash: u64,
    /// Exits taken although their guard held.
    pub forced_exits: u64,
    /// Entries that a referee repeated (`ExecutorKind::Refereed`).
    pub refereed: u64,
    /// Times all traces were dropped.
    pub flushes: u64,
}
