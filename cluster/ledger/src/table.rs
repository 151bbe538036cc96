//! The state of each task of one job, in at most eight bytes a task: a table of slots in chunks, where a chunk whose
//! tasks are all alike is one slot.
//!
//! It stores and finds; it decides nothing. Indices outside the job's range do not exist here: callers clamp first.

use nexus_model::IndexRange;

/// Where one task is. The state carries what is known only in that state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Can be assigned.
    Ready {
        /// Attempts so far.
        attempts: u16,
        /// Workers that were lost while they held it.
        losses: u8,
    },
    /// A node has it.
    Assigned {
        /// Which grant of the job.
        grant: u32,
        /// Attempts with this one.
        attempts: u16,
        /// Workers that were lost while they held it. One that has lost a worker before counts this one, too, from when its
        /// beginning is written down until it is reported.
        losses: u8,
    },
    /// Nothing will change any more.
    Ended {
        /// Which record of the job's end log.
        end: u32,
        /// Attempts in all.
        attempts: u16,
    },
}

/// Tasks in a chunk: 1,024 slots are 8 KiB, what one mixed chunk costs.
const CHUNK: u32 = 1024;

const _: () = assert!(size_of::<Slot>() == 8, "a task in a mixed chunk takes eight bytes");

#[derive(Debug, Clone)]
enum Chunk {
    Alike(Slot),
    Mixed(Box<[Slot]>),
}

/// The slots of a job's tasks.
#[derive(Debug, Clone)]
pub(crate) struct TaskTable {
    range: IndexRange,
    chunks: Vec<Chunk>,
}

impl TaskTable {
    /// All tasks of `range` in the same slot.
    pub(crate) fn new(range: IndexRange, slot: Slot) -> Self {
        TaskTable { range, chunks: vec![Chunk::Alike(slot); range.len().div_ceil(CHUNK) as usize] }
    }

    /// The tasks that exist.
    pub(crate) fn range(&self) -> IndexRange {
        self.range
    }

    /// The part of `range` that exists.
    pub(crate) fn clamp(&self, range: IndexRange) -> IndexRange {
        let start = range.start.clamp(self.range.start, self.range.end);
        IndexRange::new(start, range.end.clamp(start, self.range.end))
    }

    /// The slot at `at`, and the longest run of equal slots that begins there and ends at `end` at the latest.
    /// `at < end`, both inside the range.
    pub(crate) fn run(&self, at: u32, end: u32) -> (IndexRange, Slot) {
        debug_assert!(self.range.start <= at && at < end && end <= self.range.end);
        let (mut chunk, offset) = self.place(at);
        let slot = match &self.chunks[chunk] {
            Chunk::Alike(slot) => *slot,
            Chunk::Mixed(slots) => slots[offset],
        };
        if end - at == 1 {
            return (IndexRange::new(at, end), slot);
        }
        let mut next = at;
        while next < end {
            let from = self.place(next).1;
            let bounds = self.bounds(chunk);
            match &self.chunks[chunk] {
                Chunk::Alike(other) if *other == slot => next = bounds.end,
                Chunk::Alike(_) => break,
                Chunk::Mixed(slots) => {
                    let same = slots[from..].iter().take((end - next) as usize).take_while(|s| **s == slot).count();
                    next += same as u32;
                    if next < bounds.end {
                        break;
                    }
                }
            }
            chunk += 1;
        }
        (IndexRange::new(at, next.min(end)), slot)
    }

    /// The runs of equal slots in `range` (clamped), in order.
    pub(crate) fn runs(&self, range: IndexRange) -> impl Iterator<Item = (IndexRange, Slot)> + '_ {
        let range = self.clamp(range);
        let mut at = range.start;
        std::iter::from_fn(move || {
            (at < range.end).then(|| {
                let (run, slot) = self.run(at, range.end);
                at = run.end;
                (run, slot)
            })
        })
    }

    /// Puts every task of `range` (inside the table's range) into `slot`.
    pub(crate) fn set(&mut self, range: IndexRange, slot: Slot) {
        debug_assert!(range.is_empty() || (self.range.start <= range.start && range.end <= self.range.end));
        let mut at = range.start;
        while at < range.end {
            let (chunk, offset) = self.place(at);
            let bounds = self.bounds(chunk);
            let until = range.end.min(bounds.end);
            if until - at == 1
                && let Chunk::Mixed(slots) = &mut self.chunks[chunk]
            {
                slots[offset] = slot;
            } else if at == bounds.start && until == bounds.end {
                self.chunks[chunk] = Chunk::Alike(slot);
            } else {
                self.mixed(chunk)[offset..][..(until - at) as usize].fill(slot);
            }
            at = until;
        }
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        let mixed = |chunk: &Chunk| match chunk {
            Chunk::Alike(_) => 0,
            Chunk::Mixed(slots) => size_of_val::<[Slot]>(slots),
        };
        self.chunks.capacity() * size_of::<Chunk>() + self.chunks.iter().map(mixed).sum::<usize>()
    }

    fn mixed(&mut self, chunk: usize) -> &mut [Slot] {
        let len = self.bounds(chunk).len() as usize;
        let chunk = &mut self.chunks[chunk];
        if let Chunk::Alike(slot) = *chunk {
            *chunk = Chunk::Mixed(vec![slot; len].into_boxed_slice());
        }
        match chunk {
            Chunk::Mixed(slots) => slots,
            Chunk::Alike(_) => &mut [],
        }
    }

    fn place(&self, index: u32) -> (usize, usize) {
        let position = index - self.range.start;
        ((position / CHUNK) as usize, (position % CHUNK) as usize)
    }

    fn bounds(&self, chunk: usize) -> IndexRange {
        let start = self.range.start + chunk as u32 * CHUNK;
        IndexRange::new(start, self.range.end.min(start.saturating_add(CHUNK)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const READY: Slot = Slot::Ready { attempts: 0, losses: 0 };

    fn slot(n: u8) -> Slot {
        match n {
            0 => READY,
            1 => Slot::Assigned { grant: 3, attempts: 1, losses: 0 },
            _ => Slot::Ended { end: u32::from(n), attempts: 1 },
        }
    }

    proptest! {
        #[test]
        fn a_table_behaves_like_a_plain_array(
            start in 0u32..3000,
            len in 1u32..5000,
            writes in proptest::collection::vec((any::<u32>(), any::<u32>(), 0u8..4), 0..40),
        ) {
            let mut table = TaskTable::new(IndexRange::new(start, start + len), READY);
            let mut plain = vec![READY; len as usize];
            for (a, b, n) in writes {
                let (a, b) = (a % (len + 1), b % (len + 1));
                let (a, b) = (a.min(b), a.max(b));
                table.set(IndexRange::new(start + a, start + b), slot(n));
                plain[a as usize..b as usize].fill(slot(n));
            }
            let mut seen = Vec::new();
            let mut last = None;
            for (run, slot) in table.runs(table.range()) {
                prop_assert!(!run.is_empty() && last != Some(slot), "runs are longest");
                last = Some(slot);
                seen.extend(std::iter::repeat_n(slot, run.len() as usize));
            }
            prop_assert_eq!(seen, plain);
        }
    }

    #[test]
    fn tables_reach_the_last_index_there_is() {
        let range = IndexRange::new(u32::MAX - 10, u32::MAX);
        let mut table = TaskTable::new(range, READY);
        table.set(IndexRange::new(u32::MAX - 1, u32::MAX), slot(1));
        assert_eq!(table.runs(IndexRange::new(0, u32::MAX)).count(), 2);
        assert_eq!(table.clamp(IndexRange::new(9, 3)), IndexRange::new(u32::MAX - 10, u32::MAX - 10));
    }

    #[test]
    fn a_queued_task_takes_at_most_sixteen_bytes_whatever_the_pattern() {
        const TASKS: u32 = 1_000_000;
        let mut table = TaskTable::new(IndexRange::new(0, TASKS), READY);
        assert!(table.heap_bytes() < 100_000, "untouched tasks cost almost nothing");
        for i in (0..TASKS).step_by(2) {
            table.set(IndexRange::new(i, i + 1), slot(1));
        }
        assert!(table.heap_bytes() <= 16 * TASKS as usize);
    }
}
