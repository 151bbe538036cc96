//! How often something happened in a run, and how long it took.
//!
//! Every call is counted; of what is short only some are timed, each standing for those since the one before.

/// Calls of one function or operation that are all timed before it is known to be short.
const FIRST_CALLS: u64 = 64;
/// What a timed call costs, in nanoseconds: two looks at a clock and the bookkeeping.
const COST_NS: f64 = 90.0;
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
    /// Shortest call that was timed.
    pub min_ns: u64,
    /// Longest call that was timed.
    pub max_ns: u64,
    /// Bytes of the tensors that it made.
    pub bytes: u64,
    timed: u64,
    weighed: u64,
    children_ns: i64,
    gross_ns: u64,
    /// Calls from the one that was timed last to the next that is, that one among them: they are counted then.
    interval: u32,
    stride: u32,
    pub(super) active: u32,
    histogram: Vec<u32>,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            count: 0,
            total_ns: 0,
            self_ns: 0,
            min_ns: u64::MAX,
            max_ns: 0,
            bytes: 0,
            timed: 0,
            weighed: 0,
            children_ns: 0,
            gross_ns: 0,
            interval: 1,
            stride: 1,
            active: 0,
            histogram: Vec::new(),
        }
    }
}

fn bucket(ns: u64) -> usize {
    let bucket = (ns.max(1) as f64).log2() * BUCKETS_A_DOUBLING;
    (bucket as usize).min(DOUBLINGS * BUCKETS_A_DOUBLING as usize - 1)
}

impl Timing {
    /// A call is to be timed; for how many calls it stands, this one among them.
    pub(super) fn begins(&mut self) -> u32 {
        self.count += u64::from(self.interval);
        self.interval = self.stride;
        self.stride
    }

    /// Counts those calls behind the one that was timed last that there were: all but `due`.
    pub(super) fn count_up(&mut self, due: u32) {
        // The first of the interval was counted when it began; before any call there was none.
        self.count += u64::from(self.interval.saturating_sub(due));
        self.interval = due;
    }

    pub(super) fn ended(&mut self, ns: u64, children_ns: i64, weight: u64, is_outermost: bool) {
        self.timed += 1;
        self.weighed += weight;
        if is_outermost {
            self.total_ns = self.total_ns.saturating_add(ns.saturating_mul(weight));
        }
        self.gross_ns = self.gross_ns.saturating_add(ns.saturating_mul(weight));
        self.children_ns += children_ns.saturating_mul(weight as i64);
        (self.min_ns, self.max_ns) = (self.min_ns.min(ns), self.max_ns.max(ns));
        if self.histogram.is_empty() {
            self.histogram = vec![0; DOUBLINGS * BUCKETS_A_DOUBLING as usize];
        }
        let weight = u32::try_from(weight).unwrap_or(u32::MAX);
        let cell = &mut self.histogram[bucket(ns)];
        *cell = cell.saturating_add(weight);
        if self.timed >= FIRST_CALLS {
            let mean = self.gross_ns as f64 / self.weighed.max(1) as f64;
            self.stride = ((COST_NS / (SHARE * mean.max(1.0))).ceil() as u32).clamp(1, STRIDE_MAX);
        }
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

    /// Mean time of a call.
    pub fn mean_ns(&self) -> u64 {
        self.gross_ns / self.weighed.max(1)
    }

    /// Whether every call was timed, so that the totals are exact.
    pub fn is_exact(&self) -> bool {
        self.timed == self.count
    }

    pub(super) fn merge(&mut self, other: &Timing) {
        self.count += other.count;
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.gross_ns = self.gross_ns.saturating_add(other.gross_ns);
        self.children_ns += other.children_ns;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.timed += other.timed;
        self.weighed += other.weighed;
        (self.min_ns, self.max_ns) = (self.min_ns.min(other.min_ns), self.max_ns.max(other.max_ns));
        if self.histogram.is_empty() {
            self.histogram.clone_from(&other.histogram);
        } else {
            self.histogram.iter_mut().zip(&other.histogram).for_each(|(a, b)| *a = a.saturating_add(*b));
        }
    }

    /// Scales what was timed to all calls, and works out the time of its own.
    pub(super) fn settle(&mut self) {
        // Calls after the last timed one stand for themselves.
        let scale = self.count as f64 / self.weighed.max(1) as f64;
        self.total_ns = (self.total_ns as f64 * scale) as u64;
        let own = self.gross_ns as f64 - self.children_ns as f64;
        self.self_ns = (own.max(0.0) * scale) as u64;
        self.min_ns = self.min_ns.min(self.max_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls of these times, as a recorder tells them.
    fn after(times: impl Iterator<Item = u64>) -> (Timing, u64) {
        let (mut timing, mut timed, mut due) = (Timing::default(), 0, 1);
        for ns in times {
            due -= 1;
            if due == 0 {
                due = timing.begins();
                timed += 1;
                timing.ended(ns, 0, u64::from(due), true);
            }
        }
        timing.count_up(due);
        timing.settle();
        (timing, timed)
    }

    #[test]
    fn what_is_long_is_exact() {
        let (timing, timed) = after((1..=1000).map(|i| i * 1_000_000));
        assert_eq!((timing.count, timed, timing.total_ns), (1000, 1000, 500_500_000_000));
        assert_eq!((timing.min_ns, timing.max_ns, timing.mean_ns()), (1_000_000, 1_000_000_000, 500_500_000));
        assert!(timing.is_exact());
        for (share, expected) in [(0.5, 5e8), (0.99, 9.9e8)] {
            let found = timing.quantile_ns(share) as f64;
            assert!((found / expected - 1.0).abs() < 0.1, "{share}: {found}");
        }
    }

    #[test]
    fn what_is_short_is_sampled_and_its_total_estimated() {
        // Alternating times, so that a stride that kept step with them would be seen.
        let (timing, timed) = after((0..1_000_000u64).map(|i| 200 + (i * 7_919) % 101));
        assert_eq!(timing.count, 1_000_000);
        assert!(timed < 20_000, "{timed} of a million were timed");
        let expected = 250.0 * 1e6;
        assert!((timing.total_ns as f64 / expected - 1.0).abs() < 0.03, "{}", timing.total_ns);
        assert!(!timing.is_exact());
    }
}
