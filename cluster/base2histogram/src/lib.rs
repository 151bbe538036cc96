//! openraft's statistics of itself, in a few kilobytes: stands in for the crate of this name, which fills tables of 25 MB when
//! a node starts, for scales that openraft never asks for, and has no switch for it.
//!
//! It has what openraft uses of that crate and nothing else. Values are counted by power of two, four counts for each, so
//! that a percentile is at most a fourth too small. It is no measuring of ours: nothing here is shown to anybody.

use std::fmt;
use std::marker::PhantomData;

/// Counts for each power of two.
const STEPS: usize = 4;
/// Bits of a value that its count knows beside the first.
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Values below this have a count of their own.
const EXACT: u64 = STEPS as u64;
/// Counts in all: the last is that of the largest value.
const COUNTS: usize = STEPS * (u64::BITS - STEP_BITS + 1) as usize;

/// How often which values came. The type parameter is for marks that openraft does not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    counts: Vec<u64>,
    total: u64,
    marks: PhantomData<T>,
}

impl<T> Histogram<T> {
    /// Of no value.
    pub fn new() -> Self {
        Histogram { counts: vec![0; COUNTS], total: 0, marks: PhantomData }
    }

    /// A value came.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// A value came so often.
    pub fn record_n(&mut self, value: u64, times: u64) {
        let count = &mut self.counts[place(value)];
        *count = count.saturating_add(times);
        self.total = self.total.saturating_add(times);
    }

    /// How many values came.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The least value that a count of the given part (in thousandths) of all values reaches, rounded down.
    fn percentile(&self, thousandths: u64) -> u64 {
        let wanted = u64::try_from(u128::from(self.total) * u128::from(thousandths) / 1000).unwrap_or(u64::MAX).max(1);
        let mut seen = 0u64;
        let reached = self.counts.iter().position(|count| {
            seen = seen.saturating_add(*count);
            seen >= wanted
        });
        reached.map_or(0, least)
    }

    /// Some of the percentiles; all 0 where no value came.
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total,
            p0_1: self.percentile(1),
            p1: self.percentile(10),
            p5: self.percentile(50),
            p10: self.percentile(100),
            p50: self.percentile(500),
            p90: self.percentile(900),
            p99: self.percentile(990),
            p99_9: self.percentile(999),
        }
    }
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The count of a value.
fn place(value: u64) -> usize {
    if value < EXACT {
        return value as usize;
    }
    let shift = value.ilog2() - STEP_BITS;
    STEPS * (shift as usize + 1) + (value >> shift) as usize - STEPS
}

/// The least value of a count.
fn least(place: usize) -> u64 {
    if place < STEPS {
        return place as u64;
    }
    let shift = place / STEPS - 1;
    ((STEPS + place % STEPS) as u64) << shift
}

/// Percentiles of a [`Histogram`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentileStats {
    /// How many values came.
    pub samples: u64,
    /// One in a thousand is at most this.
    pub p0_1: u64,
    /// One in a hundred is at most this.
    pub p1: u64,
    /// One in twenty is at most this.
    pub p5: u64,
    /// One in ten is at most this.
    pub p10: u64,
    /// The median.
    pub p50: u64,
    /// One in ten is more.
    pub p90: u64,
    /// One in a hundred is more.
    pub p99: u64,
    /// One in a thousand is more.
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PercentileStats { samples, p1, p10, p50, p90, p99, .. } = self;
        write!(f, "{samples} values, 1 %: {p1}, 10 %: {p10}, 50 %: {p50}, 90 %: {p90}, 99 %: {p99}")
    }
}

/// Histograms one below the other, as text.
#[derive(Debug, Clone, Default)]
pub struct AsciiChart {
    lines: Vec<(String, PercentileStats)>,
}

impl AsciiChart {
    /// Of none.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more.
    #[must_use]
    pub fn add<T>(mut self, name: impl Into<String>, histogram: Histogram<T>) -> Self {
        self.lines.push((name.into(), histogram.percentile_stats()));
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(name, stats)| writeln!(f, "{name}: {stats}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_count_that_is_at_most_a_fourth_too_small() {
        let edges = (0..u64::BITS).flat_map(|bit| [1u64 << bit, (1u64 << bit) - 1, (1u64 << bit) | ((1 << bit) >> 2)]);
        for value in edges.chain(0..5_000).chain([u64::MAX]) {
            let found = least(place(value));
            assert!(found <= value && u128::from(value) * 4 < (u128::from(found) + 1) * 5, "{value} counts as {found}");
        }
        assert_eq!(place(u64::MAX), COUNTS - 1);
        assert!((0..COUNTS).all(|at| place(least(at)) == at), "each count has its own values");
    }

    #[test]
    fn percentiles_are_those_of_the_values() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!(histogram.percentile_stats().p50, 0);
        (1..=1000).for_each(|value| histogram.record(value));
        let stats = histogram.percentile_stats();
        assert_eq!(stats.samples, 1000);
        for (found, exact) in [(stats.p1, 10), (stats.p10, 100), (stats.p50, 500), (stats.p99, 990)] {
            assert!(found <= exact && found * 5 >= exact * 4, "{found} for {exact}");
        }
        histogram.record_n(7, u64::MAX);
        assert_eq!((histogram.total(), histogram.percentile_stats().p50), (u64::MAX, 7));
    }
}
