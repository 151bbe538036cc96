//! Intervals of estimated probabilities: Wilson's (1927) for as many unweighted samples as an estimate is worth.
//!
//! Shared by the samplers; it draws nothing.

/// The normal quantile of intervals of 97.5 %: the variance is estimated from the same samples, and with that of 95 % the
/// intervals of rare states held a little less often than that (93.8 % of seeds for asia).
const QUANTILE: f64 = 2.241_402_727_604_947;

/// A probability with the interval that holds the true one in at least 95 % of seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub probability: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// What is known for sure.
    pub(crate) fn certain(probability: f64) -> Self {
        Estimate { probability, low: probability, high: probability }
    }

    /// Wilson's interval of a proportion that so many unweighted samples gave.
    pub(crate) fn of(probability: f64, samples: f64) -> Self {
        let z2 = QUANTILE * QUANTILE;
        let scale = 1.0 / (1.0 + z2 / samples);
        let centre = (probability + z2 / (2.0 * samples)) * scale;
        let half = scale
            * QUANTILE
            * (probability * (1.0 - probability) / samples + z2 / (4.0 * samples * samples)).max(0.0).sqrt();
        Estimate { probability, low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
    }
}
