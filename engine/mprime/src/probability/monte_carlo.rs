//! Estimates from samples, with intervals that say how far they can be trusted.

use nexus_numerics::Distribution;

use super::{Error, Random};

/// The most samples: minutes of a fast sampler.
const SAMPLES_MAX: u64 = 1 << 32;

/// An estimate and the interval about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean of the samples.
    pub mean: f64,
    /// The standard error of the mean.
    pub standard_error: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// How many samples were taken.
    pub samples: u64,
    /// In which share of repetitions with other seeds the interval holds the true value.
    pub confidence: f64,
}

/// The mean of what a sampler draws, with Student's interval (W. Gosset, 1908), which is right for normal samples and nearly
/// so for many of any kind with a variance. The same seed draws the same.
///
/// Errors: fewer than 2 samples or more than 2^32, a confidence that is not between 0 and 1, a sample that is not finite.
pub fn estimate_mean(
    sampler: &mut dyn FnMut(&mut Random) -> f64,
    seed: u64,
    samples: u64,
    confidence: f64,
) -> Result<Estimate, Error> {
    check(samples, 2, confidence)?;
    let mut random = Random::new(seed);
    // The running mean and sum of squares of B. Welford (1962), which lose no digits to a mean far from 0.
    let (mut mean, mut squares) = (0.0f64, 0.0f64);
    for index in 0..samples {
        let value = sampler(&mut random);
        if !value.is_finite() {
            return Err(Error::NotFinite { index, value });
        }
        let before = value - mean;
        mean += before / (index + 1) as f64;
        squares += before * (value - mean);
    }
    let standard_error = (squares / (samples - 1) as f64 / samples as f64).sqrt();
    let student = Distribution::StudentT { df: (samples - 1) as f64 };
    let reach = student.quantile(0.5 + 0.5 * confidence) * standard_error;
    Ok(Estimate { mean, standard_error, low: mean - reach, high: mean + reach, samples, confidence })
}

/// The probability that a sampler says yes, with the exact interval of C. Clopper and E. Pearson (1934): it holds the true
/// value at least as often as its confidence says, however few the samples. The same seed draws the same.
///
/// Errors: no samples or more than 2^32, a confidence that is not between 0 and 1.
pub fn estimate_probability(
    sampler: &mut dyn FnMut(&mut Random) -> bool,
    seed: u64,
    samples: u64,
    confidence: f64,
) -> Result<Estimate, Error> {
    check(samples, 1, confidence)?;
    let mut random = Random::new(seed);
    let hits = (0..samples).filter(|_| sampler(&mut random)).count() as u64;
    let (yes, no, all) = (hits as f64, (samples - hits) as f64, samples as f64);
    let tail = 0.5 - 0.5 * confidence;
    let low = if hits == 0 { 0.0 } else { Distribution::Beta { a: yes, b: no + 1.0 }.quantile(tail) };
    let high = if hits == samples { 1.0 } else { Distribution::Beta { a: yes + 1.0, b: no }.quantile(1.0 - tail) };
    let mean = yes / all;
    let standard_error = (mean * (1.0 - mean) / all).sqrt();
    Ok(Estimate { mean, standard_error, low, high, samples, confidence })
}

fn check(samples: u64, least: u64, confidence: f64) -> Result<(), Error> {
    if !(least..=SAMPLES_MAX).contains(&samples) {
        return Err(Error::BadSamples { samples, least, most: SAMPLES_MAX });
    }
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(Error::BadConfidence(confidence));
    }
    Ok(())
}
