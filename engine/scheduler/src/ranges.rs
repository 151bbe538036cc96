//! A set of task indices as ranges that do not touch.

use std::collections::BTreeMap;

use nexus_model::IndexRange;

/// Indices, kept as the fewest ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    /// Ends by start.
    ranges: BTreeMap<u32, u32>,
    len: u64,
}

impl RangeSet {
    /// How many indices there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds indices, some of which may be there already.
    pub(crate) fn insert(&mut self, range: IndexRange) {
        if range.is_empty() {
            return;
        }
        let IndexRange { mut start, mut end } = range;
        if let Some((&before, &until)) = self.ranges.range(..=start).next_back()
            && until >= start
        {
            start = before;
            end = end.max(until);
            self.forget(before, until);
        }
        while let Some((&next, &until)) = self.ranges.range(start..=end).next() {
            end = end.max(until);
            self.forget(next, until);
        }
        self.ranges.insert(start, end);
        self.len += u64::from(end - start);
    }

    /// Takes indices out, some of which may not be there. Answers how many were.
    pub(crate) fn remove(&mut self, range: IndexRange) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let before = self.len;
        let first = self.ranges.range(..=range.start).next_back().map_or(range.start, |(&start, _)| start);
        while let Some((&start, &end)) = self.ranges.range(first..range.end).find(|(_, end)| **end > range.start) {
            self.forget(start, end);
            for (from, to) in [(start, end.min(range.start)), (start.max(range.end), end)] {
                if from < to {
                    self.ranges.insert(from, to);
                    self.len += u64::from(to - from);
                }
            }
        }
        before - self.len
    }

    /// Takes the lowest indices out: one range, at most `most` of them.
    pub(crate) fn take_first(&mut self, most: u32) -> Option<IndexRange> {
        let (&start, &end) = self.ranges.first_key_value().filter(|_| most > 0)?;
        let until = end.min(start.saturating_add(most));
        self.forget(start, end);
        if until < end {
            self.ranges.insert(until, end);
            self.len += u64::from(end - until);
        }
        Some(IndexRange::new(start, until))
    }

    fn forget(&mut self, start: u32, end: u32) {
        self.ranges.remove(&start);
        self.len -= u64::from(end - start);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_range_set_behaves_like_a_set(steps in proptest::collection::vec((0u8..3, 0u32..60, 0u32..60), 0..60)) {
            let mut set = RangeSet::default();
            let mut plain = BTreeSet::new();
            for (what, a, b) in steps {
                let range = IndexRange::new(a.min(b), a.max(b));
                match what {
                    0 => {
                        set.insert(range);
                        plain.extend(range.start..range.end);
                    }
                    1 => {
                        let before = plain.len();
                        plain.retain(|i| !range.contains(*i));
                        prop_assert_eq!(set.remove(range), (before - plain.len()) as u64);
                    }
                    _ => {
                        if let Some(taken) = set.take_first(a) {
                            prop_assert!(!taken.is_empty() && taken.len() <= a);
                            for i in taken.start..taken.end {
                                prop_assert_eq!(plain.pop_first(), Some(i));
                            }
                        } else {
                            prop_assert!(a == 0 || plain.is_empty());
                        }
                    }
                }
                prop_assert_eq!(set.len(), plain.len() as u64);
                let spread: Vec<u32> = set.ranges.iter().flat_map(|(s, e)| *s..*e).collect();
                prop_assert_eq!(spread, plain.iter().copied().collect::<Vec<_>>());
                let mut last = None;
                for (start, end) in &set.ranges {
                    prop_assert!(start < end && last.is_none_or(|last| last < *start), "the fewest ranges");
                    last = Some(*end);
                }
            }
        }
    }
}
