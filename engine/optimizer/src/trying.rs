//! What trying a strategy is worth: what later runs are expected to save, against what the trial costs.
//!
//! The knowledge gradient (Frazier, Powell, Dayanik 2008) for times whose logarithms are normal: one run moves the belief
//! by so much, and where it ends below the best known, every later run gains. A trial that cannot change the choice is
//! worth nothing, however wide the doubts are.

use crate::evidence::{Belief, seconds};

/// What a trial brings and costs, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Worth {
    /// What each later run is expected to gain.
    pub(crate) gain_s: f64,
    /// What the trial is expected to take longer than the best known.
    pub(crate) price_s: f64,
}

/// What trying `arm` is worth where `best` is the best known.
pub(crate) fn worth(best: &Belief, arm: &Belief) -> Worth {
    let best_s = seconds(best.location);
    let mean = arm.location - best.location;
    // How far one run moves the belief: the less, the noisier runs are. Tails of few runs are heavy.
    let tails = arm.freedom / (arm.freedom - 2.0);
    let moved = arm.scale * (arm.scale / arm.run_scale.max(1e-12)) * tails.sqrt();
    Worth { gain_s: best_s * saved(mean, moved), price_s: (arm.mean_s() - best_s).max(0.0) }
}

/// The expectation of `1 − exp(x)` where that is positive, for a normal x: a put on a log-normal (Black, Scholes 1973).
fn saved(mean: f64, scale: f64) -> f64 {
    if scale < 1e-9 {
        return (1.0 - mean.exp()).max(0.0);
    }
    let d = -mean / scale;
    (below(d) - (mean + scale * scale / 2.0).min(40.0).exp() * below(d - scale)).clamp(0.0, 1.0)
}

/// The share of a standard normal below `x`, by Abramowitz and Stegun, 26.2.17; within 7.5e-8.
fn below(x: f64) -> f64 {
    const WEIGHTS: [f64; 5] = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let sum = WEIGHTS.iter().rev().fold(0.0, |sum, weight| (sum + weight) * t);
    let tail = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum;
    if x > 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_tables() {
        for (x, expected) in [(0.0, 0.5), (1.0, 0.841_344_746), (-1.96, 0.024_997_895), (3.0, 0.998_650_102)] {
            assert!((below(x) - expected).abs() < 1e-7, "{x}: {}", below(x));
        }
    }

    #[test]
    fn what_is_saved_agrees_with_a_sum_over_the_density() {
        for (mean, scale) in [(0.0, 0.3), (0.5, 0.4), (-0.7, 0.2), (1.0, 1.5)] {
            let step = 1e-3;
            let sum: f64 = (-8000..8000)
                .map(|i| {
                    let z = f64::from(i) * step;
                    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
                    (1.0 - (mean + scale * z).exp()).max(0.0) * density * step
                })
                .sum();
            assert!((saved(mean, scale) - sum).abs() < 1e-3, "{mean} {scale}: {} {sum}", saved(mean, scale));
        }
    }

    #[test]
    fn what_surely_changes_nothing_is_worth_nothing() {
        let belief = |location: f64, scale: f64| Belief { location, scale, run_scale: scale.hypot(0.1), freedom: 10.0 };
        let best = belief(0.0, 0.05);
        assert!(worth(&best, &belief(1.0, 0.05)).gain_s < 1e-9);
        let open = worth(&best, &belief(0.2, 0.8));
        assert!(open.gain_s > 0.1 && open.price_s > 0.2, "{open:?}");
    }
}
