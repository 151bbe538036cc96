//! The ready tasks of one job as sorted, disjoint ranges: a million tasks are one pair of numbers.

use std::collections::BTreeMap;

use nexus_model::IndexRange;

/// Sorted, disjoint, non-adjacent ranges.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ReadySet {
    ranges: BTreeMap<u32, u32>,
    count: u64,
}

impl ReadySet {
    /// Adds tasks; those that are there already stay.
    pub(crate) fn insert(&mut self, range: IndexRange) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        // Everything that touches the new range becomes part of it.
        while let Some((&near_start, &near_end)) = self.ranges.range(..=end).next_back()
            && near_end >= start
        {
            self.ranges.remove(&near_start);
            self.count -= u64::from(near_end - near_start);
            start = start.min(near_start);
            end = end.max(near_end);
        }
        self.ranges.insert(start, end);
        self.count += u64::from(end - start);
    }

    /// Removes tasks; those that are not there are ignored.
    pub(crate) fn remove(&mut self, range: IndexRange) {
        if range.is_empty() {
            return;
        }
        let cut: Vec<(u32, u32)> = self
            .ranges
            .range(..range.end)
            .rev()
            .take_while(|(_, end)| **end > range.start)
            .map(|(start, end)| (*start, *end))
            .collect();
        for (start, end) in cut {
            self.ranges.remove(&start);
            self.count -= u64::from(end - start);
            for (left, right) in [(start, range.start), (range.end, end)] {
                if left < right {
                    self.ranges.insert(left, right);
                    self.count += u64::from(right - left);
                }
            }
        }
    }

    /// Takes up to `most` tasks from the front, as one range.
    pub(crate) fn take(&mut self, most: u32) -> Option<IndexRange> {
        let (&start, &end) = self.ranges.first_key_value()?;
        let taken = IndexRange::new(start, end.min(start.saturating_add(most)));
        self.remove(taken);
        Some(taken)
    }

    /// Number of tasks.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_behaves_like_a_set(steps in proptest::collection::vec((0u8..3, 0u32..60, 0u32..20), 1..60)) {
            let mut ready = ReadySet::default();
            let mut model = BTreeSet::new();
            for (kind, start, len) in steps {
                let range = IndexRange::new(start, start + len);
                match kind {
                    0 => { ready.insert(range); model.extend(start..start + len); }
                    1 => { ready.remove(range); model.retain(|i| !range.contains(*i)); }
                    _ => if let Some(taken) = ready.take(len.max(1)) {
                        prop_assert_eq!(Some(&taken.start), model.first());
                        for i in taken.start..taken.end { prop_assert!(model.remove(&i)); }
                    },
                }
                prop_assert_eq!(ready.count(), model.len() as u64);
                let listed: Vec<u32> = ready.ranges.iter().flat_map(|(s, e)| *s..*e).collect();
                prop_assert_eq!(listed, model.iter().copied().collect::<Vec<_>>());
                let ends: Vec<_> = ready.ranges.iter().collect();
                prop_assert!(ends.windows(2).all(|w| w[0].1 < w[1].0), "ranges neither touch nor overlap");
            }
        }
    }
}
