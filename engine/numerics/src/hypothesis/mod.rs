//! Hypothesis tests: how surprising samples would be if nothing were the matter.
//!
//! Definitions, defaults and names follow SciPy's `scipy.stats`. Samples are plain numbers; a sample with a NaN gives NaN
//! for everything.

mod kolmogorov;
mod means;
mod normality;
mod ranks;
mod tables;

use std::fmt;

pub use kolmogorov::{ks_one_sample, ks_two_samples};
pub use means::{anova, levene, pearson, t_one_sample, t_two_samples};
pub use normality::normality;
pub(crate) use ranks::ranked;
pub use ranks::{kruskal, mann_whitney, spearman, wilcoxon};
pub use tables::{chi2_contingency, chi2_fit, fisher_exact};

use crate::Distribution;

/// What is held against the null hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// It differs, in either direction.
    TwoSided,
    /// It is less.
    Less,
    /// It is greater.
    Greater,
}

/// What a test found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// The statistic of the test.
    pub statistic: f64,
    /// The probability, under the null hypothesis, of a statistic that speaks at least as much against it.
    pub p_value: f64,
    /// Degrees of freedom, where the statistic's distribution has one number of them.
    pub df: Option<f64>,
}

/// Samples that a test cannot be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleError {
    /// Fewer elements than the test needs.
    TooFew {
        /// Elements that it needs in each sample.
        needed: usize,
        /// Elements that there are.
        found: usize,
    },
    /// Samples of different sizes where elements belong together.
    Unpaired {
        /// Size of the first.
        left: usize,
        /// Size of the second.
        right: usize,
    },
    /// Numbers that are no counts, or expectations that are not positive or do not add up to the counts.
    Counts(&'static str),
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SampleError::TooFew { needed, found } => {
                write!(f, "needs at least {needed} elements for this test, has {found}")
            }
            SampleError::Unpaired { left, right } => {
                write!(f, "must have as many elements as the other sample: {left} and {right}")
            }
            SampleError::Counts(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for SampleError {}

/// Refuses samples that are too small.
fn at_least(needed: usize, samples: &[&[f64]]) -> Result<(), SampleError> {
    match samples.iter().map(|sample| sample.len()).find(|&found| found < needed) {
        Some(found) => Err(SampleError::TooFew { needed, found }),
        None => Ok(()),
    }
}

/// Refuses samples whose elements do not belong together.
fn paired(x: &[f64], y: &[f64]) -> Result<(), SampleError> {
    if x.len() == y.len() { Ok(()) } else { Err(SampleError::Unpaired { left: x.len(), right: y.len() }) }
}

fn any_nan(samples: &[&[f64]]) -> bool {
    samples.iter().any(|sample| sample.iter().any(|x| x.is_nan()))
}

/// What there is to say of samples with a NaN.
const UNKNOWN: Finding = Finding { statistic: f64::NAN, p_value: f64::NAN, df: None };

/// The probability of a statistic at least as extreme, of a symmetric distribution around 0.
fn symmetric_p(d: Distribution, statistic: f64, alternative: Alternative) -> f64 {
    match alternative {
        Alternative::TwoSided => (2.0 * d.sf(statistic.abs())).min(1.0),
        Alternative::Less => d.cdf(statistic),
        Alternative::Greater => d.sf(statistic),
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// The sum of squared distances from the mean.
fn squares(x: &[f64]) -> f64 {
    let mean = mean(x);
    x.iter().map(|v| (v - mean) * (v - mean)).sum()
}

fn sorted(x: &[f64]) -> Vec<f64> {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
