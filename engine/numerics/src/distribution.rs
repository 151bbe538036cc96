//! Probability distributions: density, distribution function, quantile, moments, samples.
//!
//! Discrete distributions have masses at whole numbers. Parameters are checked once, when a distribution is made.

mod discrete;

use std::fmt;

use crate::special::{beta_inc_with, gamma_inc, ln_beta, ln_gamma, normal_quantile};

/// A distribution of one real or whole number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// The normal distribution.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation, positive.
        std: f64,
    },
    /// The exponential of a normal variable.
    LogNormal {
        /// Mean of the logarithm.
        mean: f64,
        /// Standard deviation of the logarithm, positive.
        std: f64,
    },
    /// Equal density between two bounds.
    Uniform {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// Waiting times.
    Exponential {
        /// Events in a unit of time, positive.
        rate: f64,
    },
    /// Sums of waiting times.
    Gamma {
        /// Shape, positive.
        shape: f64,
        /// Rate, positive.
        rate: f64,
    },
    /// A share between 0 and 1.
    Beta {
        /// First shape, positive.
        a: f64,
        /// Second shape, positive.
        b: f64,
    },
    /// Student's t.
    StudentT {
        /// Degrees of freedom, positive.
        df: f64,
    },
    /// Sums of squares of standard normal variables.
    ChiSquared {
        /// Degrees of freedom, positive.
        df: f64,
    },
    /// The ratio of two chi-squared variables over their degrees of freedom.
    FisherF {
        /// Degrees of freedom of the numerator, positive.
        df1: f64,
        /// Degrees of freedom of the denominator, positive.
        df2: f64,
    },
    /// Events in a unit of time.
    Poisson {
        /// Mean, positive.
        rate: f64,
    },
    /// Successes among independent trials.
    Binomial {
        /// Trials.
        n: f64,
        /// Probability of success.
        p: f64,
    },
    /// One trial.
    Bernoulli {
        /// Probability of success.
        p: f64,
    },
}

/// A parameter that no distribution of its family has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParameterError {
    /// Name of the parameter.
    pub name: &'static str,
    /// What it must be.
    pub wanted: &'static str,
    /// What it is.
    pub found: f64,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` must be {}, is {}", self.name, self.wanted, self.found)
    }
}

impl std::error::Error for ParameterError {}

fn positive(name: &'static str, value: f64) -> Result<(), ParameterError> {
    if value > 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(ParameterError { name, wanted: "positive", found: value })
    }
}

fn finite(name: &'static str, value: f64) -> Result<(), ParameterError> {
    if value.is_finite() { Ok(()) } else { Err(ParameterError { name, wanted: "finite", found: value }) }
}

fn share(name: &'static str, value: f64) -> Result<(), ParameterError> {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        Err(ParameterError { name, wanted: "between 0 and 1", found: value })
    }
}

/// A gap at which the search for a quantile stops, relative to the quantile.
const QUANTILE_GAP: f64 = 4.0 * f64::EPSILON;

impl Distribution {
    /// The distribution, if its parameters are possible.
    pub fn checked(self) -> Result<Distribution, ParameterError> {
        match self {
            Distribution::Normal { mean, std } | Distribution::LogNormal { mean, std } => {
                finite("mean", mean)?;
                positive("std", std)?;
            }
            Distribution::Uniform { low, high } => {
                finite("low", low)?;
                finite("high", high)?;
                if high <= low {
                    return Err(ParameterError { name: "high", wanted: "above `low`", found: high });
                }
            }
            Distribution::Exponential { rate } | Distribution::Poisson { rate } => positive("rate", rate)?,
            Distribution::Gamma { shape, rate } => {
                positive("shape", shape)?;
                positive("rate", rate)?;
            }
            Distribution::Beta { a, b } => {
                positive("a", a)?;
                positive("b", b)?;
            }
            Distribution::StudentT { df } | Distribution::ChiSquared { df } => positive("df", df)?,
            Distribution::FisherF { df1, df2 } => {
                positive("df1", df1)?;
                positive("df2", df2)?;
            }
            Distribution::Binomial { n, p } => {
                if n < 0.0 || n.fract() != 0.0 || n > 9e15 {
                    return Err(ParameterError { name: "n", wanted: "a whole number, not negative", found: n });
                }
                share("p", p)?;
            }
            Distribution::Bernoulli { p } => share("p", p)?,
        }
        Ok(self)
    }

    /// Whether its values are whole numbers.
    pub fn is_discrete(&self) -> bool {
        matches!(self, Distribution::Poisson { .. } | Distribution::Binomial { .. } | Distribution::Bernoulli { .. })
    }

    /// The smallest and the largest value.
    pub fn support(&self) -> (f64, f64) {
        match *self {
            Distribution::Normal { .. } | Distribution::StudentT { .. } => (f64::NEG_INFINITY, f64::INFINITY),
            Distribution::Uniform { low, high } => (low, high),
            Distribution::Beta { .. } | Distribution::Bernoulli { .. } => (0.0, 1.0),
            Distribution::Binomial { n, .. } => (0.0, n),
            _ => (0.0, f64::INFINITY),
        }
    }

    /// The logarithm of the density, or of the mass at a whole number; -infinity outside of the support.
    pub fn ln_density(&self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let (low, high) = self.support();
        if x < low || x > high || (self.is_discrete() && x.fract() != 0.0) || x.is_infinite() {
            return f64::NEG_INFINITY;
        }
        match *self {
            Distribution::Normal { mean, std } => {
                let z = (x - mean) / std;
                -0.5 * z * z - std.ln() - 0.5 * std::f64::consts::TAU.ln()
            }
            Distribution::LogNormal { .. } if x == 0.0 => f64::NEG_INFINITY,
            Distribution::LogNormal { mean, std } => Distribution::Normal { mean, std }.ln_density(x.ln()) - x.ln(),
            Distribution::Uniform { low, high } => -(high - low).ln(),
            Distribution::Exponential { rate } => rate.ln() - rate * x,
            Distribution::Gamma { shape, rate } => {
                times_ln(shape - 1.0, x) + shape * rate.ln() - rate * x - ln_gamma(shape)
            }
            Distribution::Beta { a, b } => times_ln(a - 1.0, x) + times_ln_1p(b - 1.0, -x) - ln_beta(a, b),
            Distribution::StudentT { df } => {
                -0.5 * (df + 1.0) * (x * x / df).ln_1p() - 0.5 * df.ln() - ln_beta(0.5, 0.5 * df)
            }
            Distribution::ChiSquared { df } => Distribution::Gamma { shape: 0.5 * df, rate: 0.5 }.ln_density(x),
            Distribution::FisherF { df1, df2 } => {
                let (a, b) = (0.5 * df1, 0.5 * df2);
                a * (df1 / df2).ln() + times_ln(a - 1.0, x) - (a + b) * (df1 * x / df2).ln_1p() - ln_beta(a, b)
            }
            Distribution::Poisson { rate } => times_ln(x, rate) - rate - ln_gamma(x + 1.0),
            Distribution::Binomial { n, p } => {
                let choose = ln_gamma(n + 1.0) - ln_gamma(x + 1.0) - ln_gamma(n - x + 1.0);
                choose + times_ln(x, p) + times_ln_1p(n - x, -p)
            }
            Distribution::Bernoulli { p } => {
                if x == 1.0 {
                    p.ln()
                } else {
                    (-p).ln_1p()
                }
            }
        }
    }

    /// The density at `x`, or the mass at a whole number.
    pub fn density(&self, x: f64) -> f64 {
        self.ln_density(x).exp()
    }

    /// The probability of a value of at most `x`.
    pub fn cdf(&self, x: f64) -> f64 {
        self.tails(x).0
    }

    /// The probability of a value above `x`, exact also where it is tiny.
    pub fn sf(&self, x: f64) -> f64 {
        self.tails(x).1
    }

    /// The probabilities of at most `x` and of more.
    fn tails(&self, x: f64) -> (f64, f64) {
        if x.is_nan() {
            return (f64::NAN, f64::NAN);
        }
        let (low, high) = self.support();
        if x < low {
            return (0.0, 1.0);
        }
        if x >= high {
            return (1.0, 0.0);
        }
        match *self {
            Distribution::Normal { mean, std } => {
                let z = (x - mean) / std * std::f64::consts::FRAC_1_SQRT_2;
                (0.5 * libm::erfc(-z), 0.5 * libm::erfc(z))
            }
            Distribution::LogNormal { .. } if x == 0.0 => (0.0, 1.0),
            Distribution::LogNormal { mean, std } => Distribution::Normal { mean, std }.tails(x.ln()),
            Distribution::Uniform { low, high } => ((x - low) / (high - low), (high - x) / (high - low)),
            Distribution::Exponential { rate } => (-(-rate * x).exp_m1(), (-rate * x).exp()),
            Distribution::Gamma { shape, rate } => gamma_inc(shape, rate * x),
            Distribution::Beta { a, b } => beta_inc_with(a, b, x, 1.0 - x),
            Distribution::StudentT { df } => {
                let square = x * x;
                let (_, far) = {
                    let (inside, outside) = beta_inc_with(0.5 * df, 0.5, df / (df + square), square / (df + square));
                    (outside, 0.5 * inside)
                };
                if x > 0.0 { (1.0 - far, far) } else { (far, 1.0 - far) }
            }
            Distribution::ChiSquared { df } => gamma_inc(0.5 * df, 0.5 * x),
            Distribution::FisherF { df1, df2 } => {
                let total = df1 * x + df2;
                beta_inc_with(0.5 * df1, 0.5 * df2, df1 * x / total, df2 / total)
            }
            Distribution::Poisson { rate } => {
                let (p, q) = gamma_inc(x.floor() + 1.0, rate);
                (q, p)
            }
            Distribution::Binomial { n, p } => {
                let (i, c) = beta_inc_with(x.floor() + 1.0, n - x.floor(), p, 1.0 - p);
                (c, i)
            }
            Distribution::Bernoulli { p } => (1.0 - p, p),
        }
    }

    /// The smallest value whose distribution function is at least `p`; NaN where `p` is no probability.
    pub fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        let (low, high) = self.support();
        if p == 0.0 {
            return low;
        }
        match *self {
            Distribution::Normal { mean, std } => mean + std * normal_quantile(p),
            Distribution::LogNormal { mean, std } => (mean + std * normal_quantile(p)).exp(),
            Distribution::Uniform { low, high } => low + p * (high - low),
            Distribution::Exponential { rate } => -(-p).ln_1p() / rate,
            Distribution::Bernoulli { p: success } => {
                if p > 1.0 - success {
                    1.0
                } else {
                    0.0
                }
            }
            _ if p == 1.0 => high,
            _ if self.is_discrete() => self.discrete_quantile(p),
            // In the upper half the tail is searched, whose small numbers are exact.
            _ => self.continuous_quantile(p),
        }
    }

    fn continuous_quantile(&self, p: f64) -> f64 {
        if let Distribution::StudentT { .. } = self
            && p < 0.5
        {
            return -self.above_median(p, true);
        }
        self.above_median(if p > 0.5 { 1.0 - p } else { p }, p > 0.5)
    }

    /// The value whose tail (the upper one if `upper`) has the probability `tail`: bracketed on a scale of ratios, then
    /// bisected.
    fn above_median(&self, tail: f64, upper: bool) -> f64 {
        let (_, end) = self.support();
        let beyond = |x: f64| if upper { self.sf(x) <= tail } else { self.cdf(x) >= tail };
        let (mut low, mut high) = (0.0, if end.is_finite() { end } else { 1.0 });
        while end.is_infinite() && !beyond(high) && high < 1e300 {
            low = high;
            high *= 2.0;
        }
        // Small quantiles are as exact as large ones: the bracket shrinks from both sides in ratio.
        if low == 0.0 {
            let mut least = high;
            while least > 1e-300 && beyond(least) {
                high = least;
                least *= 0.5;
            }
            low = if beyond(least) { 0.0 } else { least };
        }
        while high - low > QUANTILE_GAP * high {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if beyond(middle) { high = middle } else { low = middle }
        }
        0.5 * (low + high)
    }

    /// The mean; NaN or infinite where there is none.
    pub fn mean(&self) -> f64 {
        match *self {
            Distribution::Normal { mean, .. } => mean,
            Distribution::LogNormal { mean, std } => (mean + 0.5 * std * std).exp(),
            Distribution::Uniform { low, high } => 0.5 * (low + high),
            Distribution::Exponential { rate } => 1.0 / rate,
            Distribution::Gamma { shape, rate } => shape / rate,
            Distribution::Beta { a, b } => a / (a + b),
            Distribution::StudentT { df } => {
                if df > 1.0 {
                    0.0
                } else {
                    f64::NAN
                }
            }
            Distribution::ChiSquared { df } => df,
            Distribution::FisherF { df2, .. } => {
                if df2 > 2.0 {
                    df2 / (df2 - 2.0)
                } else {
                    f64::INFINITY
                }
            }
            Distribution::Poisson { rate } => rate,
            Distribution::Binomial { n, p } => n * p,
            Distribution::Bernoulli { p } => p,
        }
    }

    /// The variance; NaN or infinite where there is none.
    pub fn variance(&self) -> f64 {
        match *self {
            Distribution::Normal { std, .. } => std * std,
            Distribution::LogNormal { mean, std } => {
                let s = std * std;
                s.exp_m1() * (2.0 * mean + s).exp()
            }
            Distribution::Uniform { low, high } => (high - low) * (high - low) / 12.0,
            Distribution::Exponential { rate } => 1.0 / (rate * rate),
            Distribution::Gamma { shape, rate } => shape / (rate * rate),
            Distribution::Beta { a, b } => a * b / ((a + b) * (a + b) * (a + b + 1.0)),
            Distribution::StudentT { df } if df > 2.0 => df / (df - 2.0),
            Distribution::StudentT { df } => {
                if df > 1.0 {
                    f64::INFINITY
                } else {
                    f64::NAN
                }
            }
            Distribution::ChiSquared { df } => 2.0 * df,
            Distribution::FisherF { df1, df2 } if df2 > 4.0 => {
                2.0 * df2 * df2 * (df1 + df2 - 2.0) / (df1 * (df2 - 2.0) * (df2 - 2.0) * (df2 - 4.0))
            }
            Distribution::FisherF { .. } => f64::INFINITY,
            Distribution::Poisson { rate } => rate,
            Distribution::Binomial { n, p } => n * p * (1.0 - p),
            Distribution::Bernoulli { p } => p * (1.0 - p),
        }
    }

    /// A value drawn with uniform numbers in (0, 1) from `uniform`: gamma variables after Marsaglia and Tsang (2000),
    /// those made of them by their definitions, all others by their quantiles.
    pub fn sample(&self, uniform: &mut dyn FnMut() -> f64) -> f64 {
        match *self {
            Distribution::Gamma { shape, rate } => sample_gamma(shape, uniform) / rate,
            Distribution::ChiSquared { df } => 2.0 * sample_gamma(0.5 * df, uniform),
            Distribution::Beta { a, b } => {
                let (x, y) = (sample_gamma(a, uniform), sample_gamma(b, uniform));
                // Both can vanish for tiny shapes; then one of the ends is drawn.
                if x + y > 0.0 { x / (x + y) } else { f64::from(u8::from(uniform() * (a + b) < a)) }
            }
            Distribution::StudentT { df } => {
                let z = normal_quantile(uniform());
                z / (2.0 * sample_gamma(0.5 * df, uniform) / df).sqrt()
            }
            Distribution::FisherF { df1, df2 } => {
                sample_gamma(0.5 * df1, uniform) / df1 / (sample_gamma(0.5 * df2, uniform) / df2)
            }
            _ => self.quantile(uniform()),
        }
    }
}

/// `n ln x`, and 0 where `n` is 0 also at x = 0.
fn times_ln(n: f64, x: f64) -> f64 {
    if n == 0.0 { 0.0 } else { n * x.ln() }
}

/// `n ln(1 + x)`, and 0 where `n` is 0 also at x = -1.
fn times_ln_1p(n: f64, x: f64) -> f64 {
    if n == 0.0 { 0.0 } else { n * x.ln_1p() }
}

/// A gamma variable of rate 1: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).
pub(crate) fn sample_gamma(shape: f64, uniform: &mut dyn FnMut() -> f64) -> f64 {
    if shape < 1.0 {
        return sample_gamma(shape + 1.0, uniform) * uniform().powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal_quantile(uniform());
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}
