//! How often something happened in a run, and how long it took.
//!
//! Every call is counted; of what is short only some are timed, each standing for those since the one before.

use super::places::Spent;

/// Calls of one function or operation that are all timed before it is known to be short.
const FIRST_CALLS: u64 = 64;
/// What a timed call costs, in nanoseconds: two looks at a clock and the bookkeeping, with what they push out of caches.
const COST_NS: f64 = 500.0;
/// What timing may add to the time of what is timed.
const SHARE: f64 = 0.005;
/// Most calls that one timed call stands for.
const STRIDE_MAX: u32 = 1 << 16;
/// Buckets of a histogram for each doubling of the time: neighbours differ by a tenth.
const BUCKETS_A_DOUBLING: f64 = 8.0;
/// Doublings of a nanosecond that a histogram reaches over: a week.
const DOUBLINGS: usize = 50;

/// How often something happened and how long it took, in nanoseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Calls.
    pub count: u64,
    /// Time of all calls together; of recursive calls only the outermost.
    pub total_ns: u64,
    /// Time without functions and operations that it called.
    pub self_ns: u64,
    /// How much of `self_ns` was not measured but given by beats of the clock.
    pub sampled_self_ns: u64,
    /// How much of `total_ns` was not measured but given by beats of the clock.
    pub sampled_total_ns: u64,
    /// Calls that were timed one by one: the times of single calls are theirs.
    pub timed: u64,
    /// Shortest call that was timed.
    pub min_ns: u64,
    /// Longest call that was timed.
    pub max_ns: u64,
    /// Bytes of the tensors that it made.
    pub bytes: u64,
    weighed: u64,
    /// Logarithms to base 2 of the times of timed calls: their mean tells what a call takes typically, where a few that
    /// contain all others, as the outermost of a recursion, would lift the mean of the times.
    logarithms: f64,
    /// Calls from the one that was timed last to the next that is, that one among them: they are counted then.
    interval: u32,
    stride: u32,
    histogram: Vec<u32>,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            count: 0,
            total_ns: 0,
            self_ns: 0,
            sampled_self_ns: 0,
            sampled_total_ns: 0,
            timed: 0,
            min_ns: u64::MAX,
            max_ns: 0,
            bytes: 0,
            weighed: 0,
            logarithms: 0.0,
            interval: 1,
            stride: 1,
            histogram: Vec::new(),
        }
    }
}

fn logarithm(ns: u64) -> f64 {
    (ns.max(1) as f64).log2()
}

fn bucket(logarithm: f64) -> usize {
    ((logarithm * BUCKETS_A_DOUBLING) as usize).min(DOUBLINGS * BUCKETS_A_DOUBLING as usize - 1)
}

/// A call that is to be timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begun {
    /// For how many calls its time stands in the distribution: it and those until the next that is timed.
    pub(super) weight: u32,
    /// Calls since the one that was timed last, which were not timed.
    pub(super) untimed: u32,
}

impl Timing {
    /// A call is to be timed.
    pub(super) fn begins(&mut self) -> Begun {
        self.count += u64::from(self.interval);
        let untimed = self.interval - 1;
        self.interval = self.stride;
        Begun { weight: self.stride, untimed }
    }

    /// Counts those calls behind the one that was timed last that there were, all but `due`, and gives their number.
    pub(super) fn count_up(&mut self, due: u32) -> u32 {
        // The first of the interval was counted when it began; before any call there was none.
        let untimed = self.interval.saturating_sub(due);
        self.count += u64::from(untimed);
        self.interval = due;
        untimed
    }

    /// A timed call that stands for `weight` calls took so long and made so much.
    pub(super) fn ended(&mut self, ns: u64, weight: u64, bytes: u64) {
        self.timed += 1;
        self.weighed += weight;
        self.bytes = self.bytes.saturating_add(bytes.saturating_mul(weight));
        (self.min_ns, self.max_ns) = (self.min_ns.min(ns), self.max_ns.max(ns));
        if self.histogram.is_empty() {
            self.histogram = vec![0; DOUBLINGS * BUCKETS_A_DOUBLING as usize];
        }
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        let logarithm = logarithm(ns);
        let cell = &mut self.histogram[bucket(logarithm)];
        *cell = cell.saturating_add(weight);
        self.logarithms += logarithm;
        if self.timed >= FIRST_CALLS {
            // Odd, so as not to keep step with what alternates.
            let stride = (COST_NS / (SHARE * self.typical_ns())).ceil() as u32;
            self.stride = (stride | 1).clamp(1, STRIDE_MAX);
        }
    }

    /// What a call takes typically: the geometric mean of those that were timed.
    pub(super) fn typical_ns(&self) -> f64 {
        (self.logarithms / self.timed.max(1) as f64).exp2()
    }

    /// The time that a share of the calls stayed below, within a tenth; 0 where none was timed.
    pub fn quantile_ns(&self, share: f64) -> u64 {
        let all: u64 = self.histogram.iter().map(|&n| u64::from(n)).sum();
        let wanted = (all as f64 * share).ceil() as u64;
        let mut below = 0;
        for (bucket, &count) in self.histogram.iter().enumerate() {
            below += u64::from(count);
            if count > 0 && below >= wanted {
                let middle = ((bucket as f64 + 0.5) / BUCKETS_A_DOUBLING).exp2() as u64;
                return middle.clamp(self.min_ns.min(self.max_ns), self.max_ns);
            }
        }
        self.max_ns
    }

    /// Mean time of a call: the total by the count.
    pub fn mean_ns(&self) -> u64 {
        self.total_ns / self.count.max(1)
    }

    /// Whether every call was timed.
    pub fn is_exact(&self) -> bool {
        self.timed == self.count
    }

    pub(super) fn merge(&mut self, other: &Timing) {
        self.count += other.count;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.timed += other.timed;
        self.weighed += other.weighed;
        self.logarithms += other.logarithms;
        (self.min_ns, self.max_ns) = (self.min_ns.min(other.min_ns), self.max_ns.max(other.max_ns));
        if self.histogram.is_empty() {
            self.histogram.clone_from(&other.histogram);
        } else {
            self.histogram.iter_mut().zip(&other.histogram).for_each(|(a, b)| *a = a.saturating_add(*b));
        }
    }

    /// Takes the times that it got, and scales what timed calls made to all calls.
    pub(super) fn settle(&mut self, own: Spent, total: Spent) {
        (self.self_ns, self.sampled_self_ns) = (own.all_ns(), own.sampled_ns);
        (self.total_ns, self.sampled_total_ns) = (total.all_ns(), total.sampled_ns);
        if self.timed < self.count && self.weighed > 0 {
            self.bytes = (self.bytes as f64 * self.count as f64 / self.weighed as f64) as u64;
        }
        self.min_ns = self.min_ns.min(self.max_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls of these times, as a recorder tells them.
    fn after(times: impl Iterator<Item = u64>) -> Timing {
        let (mut timing, mut due) = (Timing::default(), 1);
        for ns in times {
            due -= 1;
            if due == 0 {
                due = timing.begins().weight;
                timing.ended(ns, u64::from(due), 0);
            }
        }
        timing.count_up(due);
        timing
    }

    #[test]
    fn calls_that_are_long_are_all_timed() {
        let timing = after((1..=1000).map(|i| i * 1_000_000));
        assert_eq!((timing.count, timing.timed, timing.min_ns, timing.max_ns), (1000, 1000, 1_000_000, 1_000_000_000));
        for (share, expected) in [(0.5, 5e8), (0.99, 9.9e8)] {
            let found = timing.quantile_ns(share) as f64;
            assert!((found / expected - 1.0).abs() < 0.1, "{share}: {found}");
        }
    }

    #[test]
    fn calls_that_are_short_are_counted_and_few_are_timed() {
        // Alternating times, so that a stride that kept step with them would be seen.
        let timing = after((0..1_000_000u64).map(|i| 200 + (i * 7_919) % 101));
        assert_eq!(timing.count, 1_000_000);
        assert!(timing.timed < 5_000, "{} of a million were timed", timing.timed);
        let median = timing.quantile_ns(0.5) as f64;
        assert!((median / 250.0 - 1.0).abs() < 0.1, "{median}");
    }

    #[test]
    fn a_few_long_calls_do_not_make_short_ones_worth_timing() {
        // As the outermost calls of a recursion: they come first, and contain all others.
        let timing = after((0..1_000_000u64).map(|i| if i < 20 { 1_000_000_000 >> i } else { 60 }));
        assert_eq!(timing.count, 1_000_000);
        assert!(timing.timed < 5_000, "{} of a million were timed", timing.timed);
    }
}
