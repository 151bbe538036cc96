//! Distributions of several numbers at once, and of categories.
//!
//! Parameters are checked once, when a distribution is made.

use std::fmt;

use crate::distribution::sample_gamma;
use crate::special::{ln_gamma, normal_quantile};

/// Parameters that no distribution of the family has.
#[derive(Debug, Clone, PartialEq)]
pub enum MultivariateError {
    /// A parameter that must hold something else.
    Parameter {
        /// Its name.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// A covariance that is not symmetric positive definite.
    Covariance,
}

impl fmt::Display for MultivariateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MultivariateError::Parameter { name, wanted } => write!(f, "`{name}` must be {wanted}"),
            MultivariateError::Covariance => f.write_str("`cov` must be symmetric and positive definite"),
        }
    }
}

impl std::error::Error for MultivariateError {}

/// A distribution of vectors, or of categories, which are the whole numbers from 0 on.
#[derive(Debug, Clone, PartialEq)]
pub enum Multivariate {
    /// Categories with these probabilities.
    Categorical {
        /// They sum to 1.
        p: Vec<f64>,
    },
    /// Shares that sum to 1.
    Dirichlet {
        /// Concentrations, positive.
        alpha: Vec<f64>,
    },
    /// The normal distribution in several dimensions.
    Normal {
        /// Mean.
        mean: Vec<f64>,
        /// The lower triangular factor of the covariance, row by row.
        factor: Vec<f64>,
    },
}

impl Multivariate {
    /// Categories in proportion to weights, which are finite, not negative and not all zero.
    pub fn categorical(weights: &[f64]) -> Result<Multivariate, MultivariateError> {
        let sum: f64 = weights.iter().sum();
        if !weights.iter().all(|w| *w >= 0.0) || sum <= 0.0 || !sum.is_finite() {
            let wanted = "weights: finite, not negative and not all zero";
            return Err(MultivariateError::Parameter { name: "p", wanted });
        }
        Ok(Multivariate::Categorical { p: weights.iter().map(|w| w / sum).collect() })
    }

    /// Shares with these concentrations.
    pub fn dirichlet(alpha: &[f64]) -> Result<Multivariate, MultivariateError> {
        if alpha.is_empty() || alpha.iter().any(|a| !(*a > 0.0 && a.is_finite())) {
            return Err(MultivariateError::Parameter { name: "alpha", wanted: "positive numbers" });
        }
        Ok(Multivariate::Dirichlet { alpha: alpha.to_vec() })
    }

    /// The normal distribution with this mean and covariance, row by row.
    pub fn normal(mean: &[f64], covariance: &[f64]) -> Result<Multivariate, MultivariateError> {
        let n = mean.len();
        if n == 0 || mean.iter().any(|m| !m.is_finite()) {
            return Err(MultivariateError::Parameter { name: "mean", wanted: "finite numbers, at least one" });
        }
        if covariance.len() != n * n {
            let wanted = "a square matrix with as many rows as the mean has elements";
            return Err(MultivariateError::Parameter { name: "cov", wanted });
        }
        let factor = cholesky(covariance, n).ok_or(MultivariateError::Covariance)?;
        Ok(Multivariate::Normal { mean: mean.to_vec(), factor })
    }

    /// Numbers in one value: 1 for categories.
    pub fn dimensions(&self) -> usize {
        match self {
            Multivariate::Categorical { .. } => 1,
            Multivariate::Dirichlet { alpha } => alpha.len(),
            Multivariate::Normal { mean, .. } => mean.len(),
        }
    }

    /// The logarithm of the density at a value of [`dimensions`](Self::dimensions) numbers, or of the probability of a
    /// category; -infinity outside of the support.
    pub fn ln_density(&self, x: &[f64]) -> f64 {
        if x.iter().any(|v| v.is_nan()) {
            return f64::NAN;
        }
        match self {
            Multivariate::Categorical { p } => match x {
                [k] if k.fract() == 0.0 && *k >= 0.0 => p.get(*k as usize).map_or(f64::NEG_INFINITY, |p| p.ln()),
                _ => f64::NEG_INFINITY,
            },
            Multivariate::Dirichlet { alpha } => {
                let sum: f64 = x.iter().sum();
                if (sum - 1.0).abs() > 1e-6 || x.iter().any(|v| *v < 0.0) {
                    return f64::NEG_INFINITY;
                }
                let terms: f64 = x
                    .iter()
                    .zip(alpha)
                    .map(|(x, a)| if *a == 1.0 { 0.0 } else { (a - 1.0) * x.ln() } - ln_gamma(*a))
                    .sum();
                terms + ln_gamma(alpha.iter().sum())
            }
            Multivariate::Normal { mean, factor } => {
                let n = mean.len();
                let mut scaled = vec![0.0; n];
                let mut ln_root = 0.0;
                for i in 0..n {
                    let done: f64 = (0..i).map(|j| factor[i * n + j] * scaled[j]).sum();
                    scaled[i] = (x[i] - mean[i] - done) / factor[i * n + i];
                    ln_root += factor[i * n + i].ln();
                }
                let square: f64 = scaled.iter().map(|z| z * z).sum();
                -0.5 * square - ln_root - 0.5 * n as f64 * std::f64::consts::TAU.ln()
            }
        }
    }

    /// The probability of a category of at most `k`; NaN for distributions of vectors.
    pub fn cdf(&self, k: f64) -> f64 {
        match self {
            Multivariate::Categorical { p } if !k.is_nan() => {
                let count = if k < 0.0 { 0 } else { (k.floor() as usize).saturating_add(1).min(p.len()) };
                if count == p.len() { 1.0 } else { p[..count].iter().sum() }
            }
            _ => f64::NAN,
        }
    }

    /// The mean of each number.
    pub fn mean(&self) -> Vec<f64> {
        match self {
            Multivariate::Categorical { p } => vec![p.iter().enumerate().map(|(k, p)| k as f64 * p).sum()],
            Multivariate::Dirichlet { alpha } => {
                let sum: f64 = alpha.iter().sum();
                alpha.iter().map(|a| a / sum).collect()
            }
            Multivariate::Normal { mean, .. } => mean.clone(),
        }
    }

    /// The covariance matrix, row by row.
    pub fn covariance(&self) -> Vec<f64> {
        let (n, mean) = (self.dimensions(), self.mean());
        let at = |i: usize, j: usize| match self {
            Multivariate::Categorical { p } => {
                p.iter().enumerate().map(|(k, p)| p * (k as f64 - mean[0]).powi(2)).sum()
            }
            Multivariate::Dirichlet { alpha } => {
                let own = if i == j { mean[i] } else { 0.0 };
                (own - mean[i] * mean[j]) / (alpha.iter().sum::<f64>() + 1.0)
            }
            Multivariate::Normal { factor, .. } => (0..n).map(|k| factor[i * n + k] * factor[j * n + k]).sum(),
        };
        (0..n * n).map(|place| at(place / n, place % n)).collect()
    }

    /// One draw. `uniform` gives numbers in (0, 1).
    pub fn sample(&self, uniform: &mut dyn FnMut() -> f64, out: &mut [f64]) {
        match self {
            Multivariate::Categorical { p } => {
                let (target, mut sum) = (uniform(), 0.0);
                // Rounding may leave the sum below 1: then it is the last one that is possible.
                let last = p.iter().rposition(|p| *p > 0.0).unwrap_or(0);
                let found = p.iter().position(|p| {
                    sum += p;
                    target < sum
                });
                out[0] = found.unwrap_or(last) as f64;
            }
            Multivariate::Dirichlet { alpha } => {
                // By logarithms, so that small concentrations do not vanish: a gamma variable of shape a is one of shape
                // a + 1 times a power of a uniform one.
                for (slot, a) in out.iter_mut().zip(alpha) {
                    *slot = sample_gamma(a + 1.0, uniform).ln() + uniform().ln() / a;
                }
                let top = out.iter().fold(f64::NEG_INFINITY, |m, x| m.max(*x));
                out.iter_mut().for_each(|x| *x = (*x - top).exp());
                let sum: f64 = out.iter().sum();
                out.iter_mut().for_each(|x| *x /= sum);
            }
            Multivariate::Normal { mean, factor } => {
                let n = mean.len();
                let z: Vec<f64> = (0..n).map(|_| normal_quantile(uniform())).collect();
                for (i, slot) in out.iter_mut().enumerate() {
                    *slot = mean[i] + (0..=i).map(|j| factor[i * n + j] * z[j]).sum::<f64>();
                }
            }
        }
    }
}

/// The lower triangular factor of a symmetric positive definite matrix; `None` where it is none.
fn cholesky(a: &[f64], n: usize) -> Option<Vec<f64>> {
    let largest = a.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let symmetric = |i: usize, j: usize| (a[i * n + j] - a[j * n + i]).abs() <= 1e-8 * largest;
    if !largest.is_finite() || !(0..n).all(|i| (0..i).all(|j| symmetric(i, j))) {
        return None;
    }
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let done: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
            let rest = a[i * n + j] - done;
            l[i * n + j] = if i == j {
                if rest <= 0.0 || rest.is_nan() {
                    return None;
                }
                rest.sqrt()
            } else {
                rest / l[j * n + j]
            };
        }
    }
    Some(l)
}
