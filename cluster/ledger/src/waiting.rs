//! What keeps the ready tasks of a job from being given out: jobs that it waits for, and times before which they rest.
//!
//! A resting task's slot says ready; that it may not be assigned yet is said here. Times are the proposers', compared with
//! the proposer's time of the command that wakes; nothing here reads a clock.

use std::collections::{BTreeMap, BTreeSet};

use nexus_model::{IndexRange, JobId};

/// The part of a job that exists while something keeps it waiting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Jobs that have not ended: while there are any, no task may run.
    pub(crate) after: BTreeSet<JobId>,
    /// Tasks that rest, by the time in ms at which they wake. No task rests twice.
    pub(crate) resting: BTreeMap<u64, Vec<IndexRange>>,
}

impl Waiting {
    /// Whether nothing is kept waiting.
    pub(crate) fn is_over(&self) -> bool {
        self.after.is_empty() && self.resting.is_empty()
    }

    /// Puts tasks to rest until a time.
    pub(crate) fn rest(&mut self, until_ms: u64, range: IndexRange) {
        let ranges = self.resting.entry(until_ms).or_default();
        match ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => ranges.push(range),
        }
    }

    /// Takes out what wakes by `now_ms`.
    pub(crate) fn wake(&mut self, now_ms: u64) -> Vec<IndexRange> {
        let later = self.resting.split_off(&now_ms.saturating_add(1));
        std::mem::replace(&mut self.resting, later).into_values().flatten().collect()
    }

    /// When the next tasks wake.
    pub(crate) fn next_wake(&self) -> Option<u64> {
        self.resting.first_key_value().map(|(until, _)| *until)
    }

    /// The parts of `range` that may run.
    pub(crate) fn runnable(&self, range: IndexRange) -> Vec<IndexRange> {
        if !self.after.is_empty() {
            return Vec::new();
        }
        let mut resting: Vec<IndexRange> = self.resting.values().flatten().copied().collect();
        resting.sort_unstable();
        let mut parts = Vec::new();
        let mut start = range.start;
        for rest in resting {
            let end = rest.start.min(range.end);
            if start < end {
                parts.push(IndexRange::new(start, end));
            }
            start = start.max(rest.end);
        }
        if start < range.end {
            parts.push(IndexRange::new(start, range.end));
        }
        parts
    }

    /// When task `index` wakes, if it rests.
    pub(crate) fn wakes_at(&self, index: u32) -> Option<u64> {
        let rests = |ranges: &Vec<IndexRange>| ranges.iter().any(|range| range.contains(index));
        self.resting.iter().find(|(_, ranges)| rests(ranges)).map(|(until, _)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u32, end: u32) -> IndexRange {
        IndexRange::new(start, end)
    }

    #[test]
    fn what_rests_is_not_runnable_until_its_time() {
        let mut waiting = Waiting::default();
        waiting.rest(50, range(2, 3));
        waiting.rest(50, range(3, 4));
        waiting.rest(70, range(6, 8));
        assert_eq!(waiting.runnable(range(0, 10)), vec![range(0, 2), range(4, 6), range(8, 10)]);
        assert_eq!(waiting.runnable(range(3, 7)), vec![range(4, 6)]);
        assert_eq!((waiting.wakes_at(7), waiting.wakes_at(5)), (Some(70), None));
        assert_eq!(waiting.wake(49), vec![]);
        assert_eq!(waiting.wake(50), vec![range(2, 4)]);
        assert_eq!(waiting.next_wake(), Some(70));
        assert_eq!(waiting.wake(u64::MAX), vec![range(6, 8)]);
        assert!(waiting.is_over());
    }

    #[test]
    fn nothing_is_runnable_while_another_job_is_waited_for() {
        let waiting = Waiting { after: [JobId(1)].into(), ..Waiting::default() };
        assert_eq!(waiting.runnable(range(0, 3)), vec![]);
    }
}
