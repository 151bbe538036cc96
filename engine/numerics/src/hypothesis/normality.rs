//! Whether a sample is normal.

use super::{Finding, SampleError, UNKNOWN, any_nan, at_least, mean};
use crate::Distribution;

/// The test of D'Agostino and Pearson (1973) whether a sample is normal: of its skewness (D'Agostino, 1970) and its
/// kurtosis (Anscombe and Glynn, 1983). At least eight elements; from twenty on it is good.
pub fn normality(x: &[f64]) -> Result<Finding, SampleError> {
    at_least(8, &[x])?;
    if any_nan(&[x]) {
        return Ok(UNKNOWN);
    }
    let (n, centre) = (x.len() as f64, mean(x));
    let moment = |power: i32| x.iter().map(|v| (v - centre).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    let (skewness, kurtosis) = (moment(3) / variance.powf(1.5), moment(4) / (variance * variance));
    let statistic = skewness_score(skewness, n).powi(2) + kurtosis_score(kurtosis, n).powi(2);
    Ok(Finding { statistic, p_value: Distribution::ChiSquared { df: 2.0 }.sf(statistic), df: Some(2.0) })
}

/// The skewness of a normal sample as a standard normal number.
fn skewness_score(skewness: f64, n: f64) -> f64 {
    let y = skewness * ((n + 1.0) * (n + 3.0) / (6.0 * (n - 2.0))).sqrt();
    let beta =
        3.0 * (n * n + 27.0 * n - 70.0) * (n + 1.0) * (n + 3.0) / ((n - 2.0) * (n + 5.0) * (n + 7.0) * (n + 9.0));
    let w2 = -1.0 + (2.0 * (beta - 1.0)).sqrt();
    let delta = 1.0 / (0.5 * w2.ln()).sqrt();
    let alpha = (2.0 / (w2 - 1.0)).sqrt();
    delta * (y / alpha).asinh()
}

/// The kurtosis of a normal sample as a standard normal number.
fn kurtosis_score(kurtosis: f64, n: f64) -> f64 {
    let expected = 3.0 * (n - 1.0) / (n + 1.0);
    let variance = 24.0 * n * (n - 2.0) * (n - 3.0) / ((n + 1.0) * (n + 1.0) * (n + 3.0) * (n + 5.0));
    let x = (kurtosis - expected) / variance.sqrt();
    let root_beta = 6.0 * (n * n - 5.0 * n + 2.0) / ((n + 7.0) * (n + 9.0))
        * (6.0 * (n + 3.0) * (n + 5.0) / (n * (n - 2.0) * (n - 3.0))).sqrt();
    let a = 6.0 + 8.0 / root_beta * (2.0 / root_beta + (1.0 + 4.0 / (root_beta * root_beta)).sqrt());
    let first = 1.0 - 2.0 / (9.0 * a);
    let below = 1.0 + x * (2.0 / (a - 4.0)).sqrt();
    let second = below.signum() * ((1.0 - 2.0 / a) / below.abs()).cbrt();
    (first - second) / (2.0 / (9.0 * a)).sqrt()
}
