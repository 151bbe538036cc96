//! What many futures say together: probabilities, means and quantiles, each with its confidence interval.

use serde::Serialize;

use crate::forecast::block::LANES;
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

/// Sums and samples of one quantity. Differences to the first value are summed, so that large times lose no digits.
#[derive(Debug, Clone, Default)]
struct Sums {
    count: u64,
    shift: f64,
    sum: f64,
    squares: f64,
    samples: Vec<f64>,
}

impl Sums {
    fn add(&mut self, value: f64, keep: usize) {
        if self.count == 0 {
            self.shift = value;
        }
        let difference = value - self.shift;
        self.count += 1;
        self.sum += difference;
        self.squares += difference * difference;
        if self.samples.len() < keep {
            self.samples.push(value);
        }
    }

    fn merge(&mut self, other: Sums, keep: usize) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            self.shift = other.shift;
        }
        let move_by = other.shift - self.shift;
        self.squares += other.squares + 2.0 * move_by * other.sum + move_by * move_by * other.count as f64;
        self.sum += other.sum + move_by * other.count as f64;
        self.count += other.count;
        let room = keep.saturating_sub(self.samples.len());
        self.samples.extend(other.samples.into_iter().take(room));
    }

    fn distribution(mut self) -> Option<Distribution> {
        if self.count == 0 {
            return None;
        }
        let n = self.count as f64;
        let mean = self.sum / n;
        let variance = ((self.squares - self.sum * mean) / (n - 1.0).max(1.0)).max(0.0);
        self.samples.sort_unstable_by(f64::total_cmp);
        let quantile = |p: f64| {
            let place = p * (self.samples.len() - 1) as f64;
            let at = place as usize;
            let next = self.samples[(at + 1).min(self.samples.len() - 1)];
            self.samples[at] + (next - self.samples[at]) * (place - at as f64)
        };
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

/// What a thread has seen.
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

    /// Takes in the first `lanes` lanes of a block.
    pub(crate) fn add(&mut self, model: &Model, times: &[[f64; LANES]], lanes: usize) {
        let keep = samples_kept(times.len());
        let mut utility = [0.0; LANES];
        let (mut first, mut last) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        for ((step, times), sums) in model.steps.iter().zip(times).zip(&mut self.events) {
            for lane in 0..lanes {
                let time = times[lane];
                if time == f64::INFINITY {
                    continue;
                }
                sums.add(time, keep);
                utility[lane] += step.utility - step.late_cost * (time - step.at).max(0.0);
                first[lane] = first[lane].min(time);
                last[lane] = last[lane].max(time);
            }
        }
        for lane in 0..lanes {
            self.utility.add(utility[lane], SAMPLES_MAX);
            if first[lane] <= last[lane] {
                self.makespan.add(last[lane] - first[lane], SAMPLES_MAX);
            }
        }
    }
}

fn samples_kept(events: usize) -> usize {
    (SAMPLES_MAX / events.max(1)).max(1_000)
}

/// Puts the threads' tallies together, in order.
pub(crate) fn summarise(graph: &Graph, model: &Model, parts: Vec<Tally>, rollouts: u64) -> Forecast {
    let keep = samples_kept(model.steps.len());
    let mut all = Tally::new(model.steps.len());
    for part in parts {
        all.events.iter_mut().zip(part.events).for_each(|(sums, other)| sums.merge(other, keep));
        all.makespan.merge(part.makespan, SAMPLES_MAX);
        all.utility.merge(part.utility, SAMPLES_MAX);
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
