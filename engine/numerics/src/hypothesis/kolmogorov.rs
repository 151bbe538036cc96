//! The tests of Kolmogorov and Smirnov: the largest distance between two distribution functions.

use super::{Finding, SampleError, UNKNOWN, any_nan, at_least, sorted};
use crate::Distribution;
use crate::special::ln_gamma;

/// Up to this sample size the distribution of the distance is exact everywhere.
const EXACT_MAX: usize = 2000;
/// Steps of lattice paths that are counted one by one for two samples.
const PATHS_MAX: usize = 100_000_000;

/// Whether a sample comes from a distribution, two-sided. Exact up to 2000 elements, and in the tail for any number;
/// beyond, the p-value of distances that are not surprising has an error of about 1e-6 (Vrbik, 2018).
pub fn ks_one_sample(x: &[f64], d: &Distribution) -> Result<Finding, SampleError> {
    at_least(1, &[x])?;
    if any_nan(&[x]) {
        return Ok(UNKNOWN);
    }
    let n = x.len() as f64;
    let distance = |(i, &x): (usize, &f64)| {
        let p = d.cdf(x);
        ((i + 1) as f64 / n - p).max(p - i as f64 / n)
    };
    let statistic = sorted(x).iter().enumerate().map(distance).fold(0.0, f64::max);
    Ok(Finding { statistic, p_value: distance_tail(x.len(), statistic), df: None })
}

/// Whether two samples come from one distribution, two-sided. Exact as long as the product of the sizes is at most 10⁸,
/// beyond by the distribution for one sample of the harmonic size.
pub fn ks_two_samples(x: &[f64], y: &[f64]) -> Result<Finding, SampleError> {
    at_least(1, &[x, y])?;
    if any_nan(&[x, y]) {
        return Ok(UNKNOWN);
    }
    let (x, y) = (sorted(x), sorted(y));
    let (m, n) = (x.len(), y.len());
    let (mut i, mut j, mut steps) = (0, 0, 0i128);
    while i < m && j < n {
        let next = x[i].min(y[j]);
        i += x[i..].iter().take_while(|&&v| v == next).count();
        j += y[j..].iter().take_while(|&&v| v == next).count();
        // The distance in whole numbers, times m n.
        steps = steps.max(((i * n) as i128 - (j * m) as i128).abs());
    }
    let statistic = steps as f64 / (m as f64 * n as f64);
    let p_value = if m.saturating_mul(n) <= PATHS_MAX {
        paths_beyond(m, n, steps)
    } else {
        let harmonic = m as f64 * n as f64 / (m + n) as f64;
        distance_tail(harmonic.round() as usize, statistic)
    };
    Ok(Finding { statistic, p_value, df: None })
}

/// The probability that a lattice path from (0, 0) to (m, n) somewhere has |i n - j m| of at least `steps`: of the paths to
/// each place the share that has, which only adds positive numbers.
fn paths_beyond(m: usize, n: usize, steps: i128) -> f64 {
    if steps == 0 {
        return 1.0;
    }
    let beyond = |i: usize, j: usize| ((i * n) as i128 - (j * m) as i128).abs() >= steps;
    let mut shares = vec![0.0; n + 1];
    for i in 0..=m {
        for j in 0..=n {
            shares[j] = match (i, j) {
                _ if beyond(i, j) => 1.0,
                (0, 0) => 0.0,
                (0, _) => shares[j - 1],
                (_, 0) => shares[0],
                _ => (i as f64 * shares[j] + j as f64 * shares[j - 1]) / (i + j) as f64,
            };
        }
    }
    shares[n].min(1.0)
}

/// The probability that the distance of `n` elements from their distribution function is at least `d`.
fn distance_tail(n: usize, d: f64) -> f64 {
    let size = n as f64;
    let t = size * d;
    if d >= 1.0 {
        return 0.0;
    }
    if t <= 0.5 {
        return 1.0;
    }
    // From here on both sides cannot be far at once, or hardly (Simard and L'Ecuyer, 2011).
    if d >= 0.5 || t * d > 4.0 {
        return (2.0 * one_sided_tail(n, d)).min(1.0);
    }
    if n <= EXACT_MAX {
        return (1.0 - within(n, d)).clamp(0.0, 1.0);
    }
    let root = size.sqrt();
    let z = root * d;
    limit_tail(z + 1.0 / (6.0 * root) + (z - 1.0) / (4.0 * size))
}

/// The probability that the empirical distribution function of `n` elements is somewhere at least `d` above its own
/// (Birnbaum and Tingey, 1951): a sum of positive terms.
fn one_sided_tail(n: usize, d: f64) -> f64 {
    let size = n as f64;
    let most = (size * (1.0 - d)).floor() as usize;
    let term = |j: usize| {
        let j = j as f64;
        let rest = 1.0 - d - j / size;
        if rest <= 0.0 {
            return if j == size { d * (d + 1.0).powf(size - 1.0) } else { 0.0 };
        }
        let choose = ln_gamma(size + 1.0) - ln_gamma(j + 1.0) - ln_gamma(size - j + 1.0);
        (choose + d.ln() + (j - 1.0) * (d + j / size).ln() + (size - j) * rest.ln()).exp()
    };
    (0..=most).map(term).sum::<f64>().min(1.0)
}

/// The probability that the distance is below `d` (Marsaglia, Tsang and Wang, "Evaluating Kolmogorov's distribution",
/// 2003): an element of the n-th power of a matrix.
fn within(n: usize, d: f64) -> f64 {
    let size = n as f64;
    let k = (size * d).ceil() as usize;
    let (m, h) = (2 * k - 1, k as f64 - size * d);
    let mut a = vec![0.0; m * m];
    for i in 0..m {
        for j in 0..m.min(i + 2) {
            a[i * m + j] = 1.0;
        }
    }
    for i in 0..m {
        a[i * m] -= h.powi(i as i32 + 1);
        a[(m - 1) * m + i] -= h.powi((m - i) as i32);
    }
    a[(m - 1) * m] += if 2.0 * h - 1.0 > 0.0 { (2.0 * h - 1.0).powi(m as i32) } else { 0.0 };
    for i in 0..m {
        for j in 0..m.min(i + 2) {
            for g in 1..=(i + 1 - j) {
                a[i * m + j] /= g as f64;
            }
        }
    }
    let (power, mut exponent) = power(&a, m, n);
    let mut s = power[(k - 1) * m + k - 1];
    for i in 1..=n {
        s *= i as f64 / size;
        if s < 1e-140 {
            s *= 1e140;
            exponent -= 140;
        }
    }
    s * 10f64.powi(exponent)
}

/// The `n`-th power of a matrix of `m` rows, times a power of ten that is given too.
fn power(a: &[f64], m: usize, n: usize) -> (Vec<f64>, i32) {
    if n == 1 {
        return (a.to_vec(), 0);
    }
    let (half, exponent) = power(a, m, n / 2);
    let mut result = product(&half, &half, m);
    let mut exponent = 2 * exponent;
    if n % 2 == 1 {
        result = product(a, &result, m);
    }
    if result[(m / 2) * m + m / 2] > 1e140 {
        result.iter_mut().for_each(|x| *x *= 1e-140);
        exponent += 140;
    }
    (result, exponent)
}

fn product(a: &[f64], b: &[f64], m: usize) -> Vec<f64> {
    let mut out = vec![0.0; m * m];
    for (row, out) in a.chunks_exact(m).zip(out.chunks_exact_mut(m)) {
        for (&x, b) in row.iter().zip(b.chunks_exact(m)) {
            out.iter_mut().zip(b).for_each(|(o, b)| *o += x * b);
        }
    }
    out
}

/// The tail of Kolmogorov's limiting distribution.
fn limit_tail(z: f64) -> f64 {
    if z < 1.0 {
        // Jacobi's form of the series, which converges where the other does not.
        let step = std::f64::consts::PI / z;
        let sum: f64 = (1..=20).map(|k| (-((2 * k - 1) as f64 * step).powi(2) / 8.0).exp()).sum();
        return (1.0 - std::f64::consts::TAU.sqrt() / z * sum).clamp(0.0, 1.0);
    }
    let sum: f64 = (1..=20)
        .map(|k| {
            let term = (-2.0 * (k as f64 * z).powi(2)).exp();
            if k % 2 == 1 { term } else { -term }
        })
        .sum();
    (2.0 * sum).clamp(0.0, 1.0)
}
