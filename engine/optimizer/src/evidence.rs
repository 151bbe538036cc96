//! What was seen of one strategy on one piece of work, and what to believe because of it.
//!
//! Logarithms of run times are taken as normal with unknown mean and variance; the prior is normal-inverse-gamma
//! (Gelman et al., Bayesian Data Analysis, section 3.3), so what is believed is a Student t.

use serde::{Deserialize, Serialize};

use crate::coverage::Coverage;

/// How sure the usual spread of runs is for one strategy on one piece of work, in runs.
const NOISE_RUNS: f64 = 4.0;
/// What one run moves the usual spread.
const NOISE_STEP: f64 = 0.02;
/// What one compilation moves what it is expected to take.
const COMPILING_STEP: f64 = 0.2;
/// So many times the usual variance is what one run counts for at most.
const OUTLYING: f64 = 3.0;
/// So many spreads from what was expected is a surprise; two in a row are a change.
const SURPRISE: f64 = 6.0;
/// Spreads by which runs may lie off without telling of a change, on the mean.
const SLACK: f64 = 0.75;
/// Spreads beyond the slack that add up to a change: runs as they were reach it in some thousand.
const DRIFTED: f64 = 5.0;
/// What one run adds to that at most, so that it takes three.
const DRIFT_REACH: f64 = 2.75;
/// So many spreads from what was expected is what a run counts for at most.
const REACH: f64 = 1.2;
/// The same for the spread, as a multiple: narrower bounds would take the tails of a normal for slips.
const SPREAD_REACH: f64 = 1.35;
/// Runs without which nothing surprises.
const SETTLED_RUNS: f64 = 3.0;

/// A summary of runs: newer ones weigh more.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// Runs, each weighing less the older it is.
    pub weight: f64,
    /// Mean of the logarithms of their seconds.
    pub mean: f64,
    /// Weighted sum of squared differences from the mean.
    pub spread: f64,
    /// Runs, plainly counted.
    pub runs: u64,
    /// A last run that fits nothing before it, held back until the next one tells a slip from a change.
    surprise: Option<f64>,
    /// Whether things changed since the last run, for another strategy on this work: the next run may tell that all that
    /// was seen before is over.
    #[serde(default)]
    is_stale: bool,
    /// How far the last runs lay above what was expected, added up, in spreads, and what they were on the mean.
    #[serde(skip)]
    slower: Drift,
    /// The same below.
    #[serde(skip)]
    faster: Drift,
}

/// Runs in a row that lie to one side, each of them within what happens: the cumulative sum of E. Page (1954).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Drift {
    sum: f64,
    runs: f64,
    mean: f64,
}

impl Drift {
    /// A run of `log_s` that lies so many spreads to this side. Whether the last runs are a change.
    fn add(&mut self, off: f64, log_s: f64) -> bool {
        let sum = self.sum + off.min(DRIFT_REACH) - SLACK;
        if sum <= 0.0 {
            *self = Drift::default();
            return false;
        }
        let runs = self.runs + 1.0;
        *self = Drift { sum, runs, mean: self.mean + (log_s - self.mean) / runs };
        sum > DRIFTED
    }
}

/// The usual spread of repeated runs, learned from all of them: the variance of the logarithm of their time, without the
/// few that were far slower than all others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Noise(f64);

impl Default for Noise {
    /// Before any run was seen: about a tenth of the time.
    fn default() -> Self {
        Noise(0.01)
    }
}

impl Noise {
    /// Learns from a run that differs by `step` from the mean of `weight` runs before it.
    pub(crate) fn learn(&mut self, step: f64, weight: f64) {
        let seen = step * step * weight / (weight + 1.0);
        self.0 += NOISE_STEP * (seen.min(OUTLYING * self.variance()) - self.0);
    }

    pub(crate) fn variance(self) -> f64 {
        self.0.clamp(1e-5, 0.25)
    }
}

/// What compiling machine code takes, learned from all programs: the mean of the logarithm of its seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Compiling(f64);

impl Default for Compiling {
    /// Before anything was compiled: five milliseconds.
    fn default() -> Self {
        Compiling(-5.3)
    }
}

impl Compiling {
    /// Learns from a run that took so many seconds longer than the next one.
    pub(crate) fn learn(&mut self, seconds: f64) {
        self.0 += COMPILING_STEP * (seconds.max(1e-6).ln() - self.0);
    }

    pub(crate) fn seconds(self) -> f64 {
        seconds(self.0)
    }

    /// Whether the number can be that of runs.
    pub(crate) fn is_sound(self) -> bool {
        self.0.abs() < 40.0
    }
}

/// Whether what is seen goes on as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    Steady,
    /// What was seen before is over.
    Changed,
    /// The same, where it was known that things changed.
    Followed,
}

/// What is believed of the logarithm of an expected time: a Student t.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Belief {
    pub(crate) location: f64,
    pub(crate) scale: f64,
    /// The scale for a single run: doubt about the mean, and noise.
    pub(crate) run_scale: f64,
    pub(crate) freedom: f64,
}

impl Evidence {
    /// Takes in a run of `log_s` logarithmic seconds; what came before weighs `keep` of what it did. `expected` is what
    /// was believed before.
    pub(crate) fn record(&mut self, log_s: f64, keep: f64, expected: &Belief) -> Course {
        self.runs += 1;
        let surprises = |value: f64| (value - expected.location).abs() > SURPRISE * expected.run_scale.max(0.02);
        if std::mem::take(&mut self.is_stale) && self.weight > 0.0 && surprises(log_s) {
            (self.weight, self.spread, self.surprise) = (0.0, 0.0, None);
            self.add(log_s, 1.0, f64::INFINITY);
            return Course::Followed;
        }
        if self.weight < SETTLED_RUNS || !surprises(log_s) {
            // A slip, if one was held back, is left out: it was not repeated.
            self.surprise = None;
            if self.weight < SETTLED_RUNS {
                self.add(log_s, keep, f64::INFINITY);
                return Course::Steady;
            }
            self.add(log_s, keep, REACH * expected.run_scale);
            return self.drift(log_s, expected);
        }
        match self.surprise.take() {
            Some(before) if (before > expected.location) == (log_s > expected.location) => {
                (self.weight, self.spread) = (0.0, 0.0);
                self.add(before, 1.0, f64::INFINITY);
                self.add(log_s, 1.0, f64::INFINITY);
                Course::Changed
            }
            _ => {
                self.surprise = Some(log_s);
                Course::Steady
            }
        }
    }

    /// Whether the last runs, this one among them, lie so far to one side that what was seen before them is over: then they
    /// are all that is known.
    fn drift(&mut self, log_s: f64, expected: &Belief) -> Course {
        let off = (log_s - expected.location) / expected.run_scale.max(0.02);
        let (is_slower, is_faster) = (self.slower.add(off, log_s), self.faster.add(-off, log_s));
        let drift = if is_slower { self.slower } else { self.faster };
        if !is_slower && !is_faster {
            return Course::Steady;
        }
        (self.weight, self.mean) = (drift.runs, drift.mean);
        self.spread = drift.runs * expected.run_scale * expected.run_scale;
        (self.slower, self.faster) = (Drift::default(), Drift::default());
        Course::Changed
    }

    /// Adds a run that is taken to differ by `reach` at most: what few slow runs say of the rest is bounded (Huber 1964).
    fn add(&mut self, value: f64, keep: f64, reach: f64) {
        self.weight *= keep;
        self.spread *= keep;
        self.weight += 1.0;
        let wide = SPREAD_REACH * reach;
        let (step, seen) = ((value - self.mean).clamp(-reach, reach), (value - self.mean).clamp(-wide, wide));
        let moved = step / self.weight;
        self.mean += moved;
        self.spread += seen * (seen - moved);
    }

    /// Nothing seen, but runs counted.
    pub(crate) fn begun_again(&self) -> Evidence {
        Evidence { runs: self.runs, ..Evidence::default() }
    }

    /// Whether the last run is held back.
    pub(crate) fn is_surprised(&self) -> bool {
        self.surprise.is_some()
    }

    /// What a run differs from those before by, once there are some.
    pub(crate) fn step(&self, log_s: f64) -> Option<f64> {
        (self.weight >= SETTLED_RUNS).then_some(log_s - self.mean)
    }

    /// Lets what was seen count for less: it was seen a while ago.
    pub(crate) fn fade(&mut self, keep: f64) {
        self.weight *= keep;
        self.spread *= keep;
    }

    /// Lets it count for one run at most, and for none beside one that tells otherwise.
    pub(crate) fn doubt(&mut self) {
        self.is_stale = true;
        if self.weight > 1.0 {
            self.fade(1.0 / self.weight);
        }
    }

    /// Both together, the other counting for `weight_max` runs at most.
    pub(crate) fn with(&self, other: &Evidence, weight_max: f64) -> Evidence {
        if other.weight <= 0.0 {
            return *self;
        }
        let share = (weight_max / other.weight).min(1.0);
        let (w, o) = (self.weight, other.weight * share);
        let weight = w + o;
        let step = other.mean - self.mean;
        Evidence {
            weight,
            mean: self.mean + step * o / weight,
            spread: self.spread + other.spread * share + step * step * w * o / weight,
            runs: self.runs + other.runs,
            surprise: self.surprise,
            is_stale: self.is_stale,
            slower: self.slower,
            faster: self.faster,
        }
    }

    /// Whether the numbers can be those of runs: a file or another node may say anything.
    pub(crate) fn is_sound(&self) -> bool {
        let reasonable = |value: f64| value.is_finite() && value.abs() < 1e6;
        reasonable(self.weight)
            && reasonable(self.mean)
            && reasonable(self.spread)
            && self.weight >= 0.0
            && self.spread >= 0.0
            && self.surprise.is_none_or(reasonable)
    }

    /// What to believe, given that the mean was expected at `mean` give or take the root of `variance`.
    pub(crate) fn belief(&self, mean: f64, variance: f64, noise: Noise) -> Belief {
        let (runs, noise) = (self.weight, noise.variance());
        let trust = noise / variance.max(1e-6);
        let shape = (NOISE_RUNS + runs) / 2.0;
        let step = self.mean - mean;
        let drawn = if runs > 0.0 { trust * runs * step * step / (trust + runs) } else { 0.0 };
        let rate = (NOISE_RUNS * noise + self.spread + drawn) / 2.0;
        let spread = rate / shape;
        Belief {
            location: if runs > 0.0 { (trust * mean + runs * self.mean) / (trust + runs) } else { mean },
            scale: (spread / (trust + runs)).sqrt(),
            run_scale: (spread * (1.0 + 1.0 / (trust + runs))).sqrt(),
            freedom: 2.0 * shape,
        }
    }
}

impl Belief {
    /// The middle 80 % of the time of a single run as the model has it, in seconds.
    pub(crate) fn interval_s(&self) -> (f64, f64) {
        self.covered_s(&Coverage::default())
    }

    /// The same, corrected by how often such intervals held.
    pub(crate) fn covered_s(&self, coverage: &Coverage) -> (f64, f64) {
        let (low, high) = coverage.ends(self.location, self.run_scale * tenth(self.freedom));
        (seconds(low), seconds(high))
    }

    /// The expected seconds of a run. Doubts of more than a factor of about three are not taken at their word: the mean
    /// of a log-normal would follow its tail.
    pub(crate) fn mean_s(&self) -> f64 {
        seconds(self.location + self.run_scale.min(1.0).powi(2) / 2.0)
    }
}

/// Seconds of a logarithm, within what a float and a duration hold.
pub(crate) fn seconds(log_s: f64) -> f64 {
    log_s.clamp(-40.0, 40.0).exp()
}

/// The 90 % quantile of Student's t, by the expansion in Abramowitz and Stegun, 26.7.5; within 0.002 from four degrees
/// of freedom on.
fn tenth(freedom: f64) -> f64 {
    const Z: f64 = 1.281_551_565_544_600_4;
    let (z3, z5, z7) = (Z.powi(3), Z.powi(5), Z.powi(7));
    let g1 = (z3 + Z) / 4.0;
    let g2 = (5.0 * z5 + 16.0 * z3 + 3.0 * Z) / 96.0;
    let g3 = (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * Z) / 384.0;
    Z + g1 / freedom + g2 / freedom.powi(2) + g3 / freedom.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(runs: &[f64]) -> Evidence {
        let mut evidence = Evidence::default();
        for &run in runs {
            let expected = evidence.belief(0.0, 1.0, Noise::default());
            evidence.record(run, 0.9, &expected);
        }
        evidence
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, expected) in [(4.0, 1.533), (5.0, 1.476), (10.0, 1.372), (30.0, 1.310), (1e6, 1.2816)] {
            assert!((tenth(freedom) - expected).abs() < 2e-3, "{freedom}: {}", tenth(freedom));
        }
    }

    #[test]
    fn one_slip_is_left_out_and_two_are_a_change() {
        let steady = [1.0, 1.02, 0.99, 1.01, 1.0];
        let slip = after(&[&steady[..], &[4.0, 1.0]].concat());
        assert!((slip.mean - 1.0).abs() < 0.02, "{slip:?}");
        let change = after(&[&steady[..], &[4.0, 4.1]].concat());
        assert!((change.mean - 4.05).abs() < 0.02, "{change:?}");
        assert_eq!(change.runs, 7);
    }

    #[test]
    fn nothing_seen_is_believed_as_expected() {
        let belief = Evidence::default().belief(2.0, 0.25, Noise::default());
        assert!((belief.location - 2.0).abs() < 1e-12);
        assert!((belief.scale - 0.5).abs() < 1e-9, "{belief:?}");
    }

    #[test]
    fn summaries_of_two_nodes_are_the_summary_of_all_runs() {
        let (left, right, all) = ([1.0, 1.2, 0.9], [1.4, 1.1], [1.0, 1.2, 0.9, 1.4, 1.1]);
        let plain = |runs: &[f64]| {
            let mut evidence = Evidence::default();
            runs.iter().for_each(|&run| evidence.add(run, 1.0, f64::INFINITY));
            evidence
        };
        let (together, whole) = (plain(&left).with(&plain(&right), 100.0), plain(&all));
        assert!((together.mean - whole.mean).abs() < 1e-12 && (together.spread - whole.spread).abs() < 1e-12);
    }
}
