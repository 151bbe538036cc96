//! What many futures say together: probabilities, means and quantiles, each with its confidence interval.

use serde::Serialize;

use crate::forecast::block::{LANES, smaller};
use crate::forecast::model::Model;
use crate::graph::Graph;
use crate::time::Micros;

/// Numbers kept for the quantiles of all times: events × rollouts. Beyond, quantiles come from the first rollouts.
const SAMPLES_MAX: usize = 8_000_000;
/// z of a two-sided confidence of 95 %.
pub(crate) const Z95: f64 = 1.959_963_984_540_054;

/// Bounds that hold the true value with a confidence of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// A quantity over all futures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distribution {
    /// Mean.
    pub mean: f64,
    /// Confidence interval of the mean.
    pub mean_95: Interval,
    /// Standard deviation.
    pub deviation: f64,
    /// The value below which 10 % of the futures are.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// The value below which 90 % of the futures are.
    pub p90: f64,
}

/// The future of one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventForecast {
    /// Its name.
    pub event: String,
    /// In what part of the futures it happens.
    pub probability: f64,
    /// Confidence interval of the probability (Wilson, "Probable inference, the law of succession, and statistical
    /// inference", 1927).
    pub probability_95: Interval,
    /// When, in microseconds, in the futures where it happens; `None` if it happens in none.
    pub time: Option<Distribution>,
}

/// The future of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// How many futures were simulated.
    pub rollouts: u64,
    /// Each event, in the order of the graph.
    pub events: Vec<EventForecast>,
    /// Time from the first to the last event that happens, in microseconds; `None` if nothing ever happens.
    pub makespan: Option<Distribution>,
    /// Utility of a future, in the user's unit.
    pub utility: Distribution,
}

/// Partial sums side by side, which the compiler keeps in vector registers.
const WIDE: usize = 8;

/// Sums and samples of one quantity. Differences to a value near the first one are summed, so that large times lose no
/// digits.
#[derive(Debug, Clone, Default)]
struct Sums {
    count: u64,
    shift: f64,
    sum: [f64; WIDE],
    squares: [f64; WIDE],
    samples: Vec<f64>,
}

impl Sums {
    /// Takes in the values that are finite; keeps the first `keep` lanes as samples.
    #[inline(always)]
    fn add(&mut self, values: &[f64; LANES], keep: usize) {
        if self.count == 0 {
            let first = values.iter().find(|value| value.is_finite());
            let Some(first) = first else { return };
            self.shift = *first;
        }
        let mut counts = [0.0; WIDE];
        for chunk in values.chunks_exact(WIDE) {
            for lane in 0..WIDE {
                let counts_here = chunk[lane] < f64::INFINITY;
                let difference = if counts_here { chunk[lane] - self.shift } else { 0.0 };
                counts[lane] += if counts_here { 1.0 } else { 0.0 };
                self.sum[lane] += difference;
                self.squares[lane] += difference * difference;
            }
        }
        self.count += counts.iter().sum::<f64>() as u64;
        if keep > 0 {
            self.samples.extend(values[..keep.min(LANES)].iter().filter(|value| value.is_finite()));
        }
    }

    fn merge(&mut self, other: Sums) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        let move_by = other.shift - self.shift;
        let (sum, squares): (f64, f64) = (other.sum.iter().sum(), other.squares.iter().sum());
        self.squares[0] += squares + 2.0 * move_by * sum + move_by * move_by * other.count as f64;
        self.sum[0] += sum + move_by * other.count as f64;
        self.count += other.count;
        self.samples.extend(other.samples);
    }

    fn distribution(mut self) -> Option<Distribution> {
        if self.count == 0 {
            return None;
        }
        let n = self.count as f64;
        let (sum, squares): (f64, f64) = (self.sum.iter().sum(), self.squares.iter().sum());
        let mean = sum / n;
        let variance = ((squares - sum * mean) / (n - 1.0).max(1.0)).max(0.0);
        if self.samples.is_empty() {
            // It happened in later futures than those that are kept: the mean is the best that is known.
            self.samples.push(mean + self.shift);
        }
        let mut quantile = |p: f64| quantile(&mut self.samples, p);
        let (mean, error) = (mean + self.shift, Z95 * (variance / n).sqrt());
        Some(Distribution {
            mean,
            mean_95: Interval { low: mean - error, high: mean + error },
            deviation: variance.sqrt(),
            p10: quantile(0.1),
            p50: quantile(0.5),
            p90: quantile(0.9),
        })
    }
}

/// What a group of blocks has shown.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    events: Vec<Sums>,
    makespan: Sums,
    utility: Sums,
}

impl Tally {
    pub(crate) fn new(events: usize) -> Self {
        Tally { events: vec![Sums::default(); events], makespan: Sums::default(), utility: Sums::default() }
    }

    /// Takes in a block of rollouts, the first of which has the number `first`; beyond the first `lanes` lanes nothing
    /// counts.
    #[inline(always)]
    pub(crate) fn add(&mut self, model: &Model, times: &mut [[f64; LANES]], (first, lanes): (u64, usize)) {
        let room = |most: usize| most.saturating_sub(usize::try_from(first).unwrap_or(usize::MAX));
        let keep = room(samples_kept(times.len()));
        let mut utility = [0.0; LANES];
        let (mut earliest, mut latest) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        for ((step, times), sums) in model.steps.iter().zip(times).zip(&mut self.events) {
            times[lanes..].fill(f64::INFINITY);
            sums.add(times, keep);
            // What others bring about comes after them: no delay is negative.
            if !step.caused {
                (0..LANES).for_each(|lane| earliest[lane] = smaller(earliest[lane], times[lane]));
            }
            for lane in 0..LANES {
                let time = times[lane];
                let happens = time < f64::INFINITY;
                latest[lane] = if happens && time > latest[lane] { time } else { latest[lane] };
            }
            if step.utility != 0.0 || step.late_cost != 0.0 {
                for lane in 0..LANES {
                    let worth = step.utility - step.late_cost * (times[lane] - step.at).max(0.0);
                    utility[lane] += if times[lane] < f64::INFINITY { worth } else { 0.0 };
                }
            }
        }
        let mut makespan = [f64::INFINITY; LANES];
        for lane in 0..lanes {
            if earliest[lane] <= latest[lane] {
                makespan[lane] = latest[lane] - earliest[lane];
            }
        }
        utility[lanes..].fill(f64::INFINITY);
        self.utility.add(&utility, room(SAMPLES_MAX));
        self.makespan.add(&makespan, room(SAMPLES_MAX));
    }
}

/// The value below which a part `p` of the values lies, interpolated between neighbours (the seventh definition of Hyndman
/// and Fan, "Sample quantiles in statistical packages", 1996). Puts the values into another order.
fn quantile(values: &mut [f64], p: f64) -> f64 {
    let place = p * (values.len() - 1) as f64;
    let at = place as usize;
    let (_, &mut below, above) = values.select_nth_unstable_by(at, f64::total_cmp);
    let next = above.iter().copied().reduce(f64::min).unwrap_or(below);
    below + (next - below) * (place - at as f64)
}

fn samples_kept(events: usize) -> usize {
    (SAMPLES_MAX / events.max(1)).max(1_000)
}

/// Puts the tallies of groups of blocks together, in order.
pub(crate) fn summarise(graph: &Graph, model: &Model, parts: Vec<Tally>, rollouts: u64) -> Forecast {
    let mut all = Tally::new(model.steps.len());
    for part in parts {
        all.events.iter_mut().zip(part.events).for_each(|(sums, other)| sums.merge(other));
        all.makespan.merge(part.makespan);
        all.utility.merge(part.utility);
    }
    let mut events: Vec<Option<Sums>> = all.events.into_iter().map(Some).collect();
    let events = graph.nodes.iter().zip(&model.rank).map(|(node, &rank)| {
        let sums = events[rank as usize].take().expect("each event has one rank");
        EventForecast {
            event: node.name.clone(),
            probability: sums.count as f64 / rollouts as f64,
            probability_95: wilson(sums.count, rollouts),
            time: sums.distribution(),
        }
    });
    let nothing = Distribution {
        mean: 0.0,
        mean_95: Interval { low: 0.0, high: 0.0 },
        deviation: 0.0,
        p10: 0.0,
        p50: 0.0,
        p90: 0.0,
    };
    Forecast {
        rollouts,
        events: events.collect(),
        makespan: all.makespan.distribution(),
        utility: all.utility.distribution().unwrap_or(nothing),
    }
}

/// Confidence interval of a probability from `hits` of `trials`.
pub(crate) fn wilson(hits: u64, trials: u64) -> Interval {
    let (n, p) = (trials as f64, hits as f64 / trials as f64);
    let scale = 1.0 + Z95 * Z95 / n;
    let centre = p + Z95 * Z95 / (2.0 * n);
    let spread = Z95 * (p * (1.0 - p) / n + Z95 * Z95 / (4.0 * n * n)).sqrt();
    Interval { low: ((centre - spread) / scale).max(0.0), high: ((centre + spread) / scale).min(1.0) }
}

impl Distribution {
    /// A time of the distribution as one.
    pub fn micros(value: f64) -> Micros {
        Micros::from_f64(value)
    }
}
