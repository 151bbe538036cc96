//! What a running component may grow to.

use wasmtime::ResourceLimiter;

/// Entries of all tables together: functions that are called by number, of which large programs have some ten thousand.
const TABLE_ENTRIES_MAX: usize = 1 << 20;
/// Memories, tables and instances of one component. Each memory reserves address space.
const MEMORIES_MAX: usize = 4;
const TABLES_MAX: usize = 64;
const INSTANCES_MAX: usize = 64;

/// Counts what all memories and tables of a component have together.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    table_entries: usize,
    /// Whether it asked for more memory than it may have.
    pub(crate) is_refused: bool,
}

impl Limiter {
    pub(crate) fn new(memory_bytes_max: usize) -> Self {
        Limiter { memory_bytes_max, memory_bytes: 0, table_entries: 0, is_refused: false }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let fits = wanted <= self.memory_bytes_max;
        if fits {
            self.memory_bytes = wanted;
        }
        self.is_refused |= !fits;
        Ok(fits)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.table_entries.saturating_add(desired.saturating_sub(current));
        let fits = wanted <= TABLE_ENTRIES_MAX;
        if fits {
            self.table_entries = wanted;
        }
        Ok(fits)
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }
}
