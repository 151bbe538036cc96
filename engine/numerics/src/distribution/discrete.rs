//! Quantiles of distributions over whole numbers.

use super::Distribution;
use crate::special::normal_quantile;

impl Distribution {
    /// The smallest whole number whose distribution function is at least `p`.
    pub(super) fn discrete_quantile(&self, p: f64) -> f64 {
        if let Some(value) = self.wide_quantile(p) {
            return value;
        }
        // The distribution function rounds; a probability that it gives is found again.
        let reached = |k: f64| self.cdf(k) >= p * (1.0 - 8.0 * f64::EPSILON);
        let (_, end) = self.support();
        let mut high = (self.mean() + 1.0).ceil().min(end);
        while !reached(high) && high < end && high < 1e15 {
            high = (high * 2.0).min(end);
        }
        let mut low = -1.0;
        while high - low > 1.0 {
            let middle = (0.5 * (low + high)).floor();
            if middle <= low || middle >= high {
                break;
            }
            if reached(middle) { high = middle } else { low = middle }
        }
        high
    }

    /// The quantile of a discrete distribution so wide that its distribution function takes millions of terms: the normal one
    /// with the first correction for skewness (Cornish and Fisher, 1938), whose error is far below one.
    fn wide_quantile(&self, p: f64) -> Option<f64> {
        const VARIANCE_MIN: f64 = 1e10;
        let (mean, variance, skewed) = match *self {
            Distribution::Poisson { rate } => (rate, rate, 1.0),
            Distribution::Binomial { n, p } => (n * p, n * p * (1.0 - p), 1.0 - 2.0 * p),
            _ => return None,
        };
        if variance < VARIANCE_MIN {
            return None;
        }
        let z = normal_quantile(p);
        let (low, high) = self.support();
        let value = mean + variance.sqrt() * z + skewed * (z * z - 1.0) / 6.0 - 0.5;
        Some(value.ceil().clamp(low, high))
    }
}
