//! Tests of means, variances and linear correlation.

use super::{
    Alternative, Finding, SampleError, UNKNOWN, any_nan, at_least, mean, paired, sorted, squares, symmetric_p,
};
use crate::Distribution;

fn student(statistic: f64, df: f64, alternative: Alternative) -> Finding {
    let p_value = symmetric_p(Distribution::StudentT { df }, statistic, alternative);
    Finding { statistic, p_value, df: Some(df) }
}

fn fisher(statistic: f64, df1: f64, df2: f64) -> Finding {
    Finding { statistic, p_value: Distribution::FisherF { df1, df2 }.sf(statistic), df: None }
}

/// Student's t test whether a sample comes from a distribution with the mean `expected`. At least two elements.
pub fn t_one_sample(x: &[f64], expected: f64, alternative: Alternative) -> Result<Finding, SampleError> {
    at_least(2, &[x])?;
    let (n, df) = (x.len() as f64, x.len() as f64 - 1.0);
    if any_nan(&[x]) {
        return Ok(UNKNOWN);
    }
    Ok(student((mean(x) - expected) / (squares(x) / df / n).sqrt(), df, alternative))
}

/// The t test whether two independent samples come from distributions with one mean: Welch's, or Student's where the
/// variances are known to be equal. At least two elements each.
pub fn t_two_samples(
    x: &[f64],
    y: &[f64],
    equal_variances: bool,
    alternative: Alternative,
) -> Result<Finding, SampleError> {
    at_least(2, &[x, y])?;
    if any_nan(&[x, y]) {
        return Ok(UNKNOWN);
    }
    let (m, n) = (x.len() as f64, y.len() as f64);
    let distance = mean(x) - mean(y);
    if equal_variances {
        let df = m + n - 2.0;
        let variance = (squares(x) + squares(y)) / df;
        return Ok(student(distance / (variance * (1.0 / m + 1.0 / n)).sqrt(), df, alternative));
    }
    let (a, b) = (squares(x) / (m - 1.0) / m, squares(y) / (n - 1.0) / n);
    let df = (a + b) * (a + b) / (a * a / (m - 1.0) + b * b / (n - 1.0));
    // Two constant samples have no variance to divide by, and any number of degrees of freedom.
    Ok(student(distance / (a + b).sqrt(), if df.is_nan() { 1.0 } else { df }, alternative))
}

/// One-way analysis of variance: whether groups have one mean. Two groups or more, one element each, one group with two.
pub fn anova(groups: &[&[f64]]) -> Result<Finding, SampleError> {
    if groups.len() < 2 {
        return Err(SampleError::TooFew { needed: 2, found: groups.len() });
    }
    at_least(1, groups)?;
    let (k, n) = (groups.len() as f64, groups.iter().map(|group| group.len()).sum::<usize>() as f64);
    if n <= k {
        return Err(SampleError::TooFew { needed: 2, found: 1 });
    }
    if any_nan(groups) {
        return Ok(UNKNOWN);
    }
    let total = groups.iter().flat_map(|group| group.iter()).sum::<f64>() / n;
    let between: f64 = groups.iter().map(|group| group.len() as f64 * (mean(group) - total).powi(2)).sum();
    let within: f64 = groups.iter().map(|group| squares(group)).sum();
    Ok(fisher((between / (k - 1.0)) / (within / (n - k)), k - 1.0, n - k))
}

/// Levene's test, with medians (Brown and Forsythe, 1974), whether groups have one variance.
pub fn levene(groups: &[&[f64]]) -> Result<Finding, SampleError> {
    at_least(1, groups)?;
    let distances: Vec<Vec<f64>> = groups
        .iter()
        .map(|group| {
            let middle = median(group);
            group.iter().map(|x| (x - middle).abs()).collect()
        })
        .collect();
    let distances: Vec<&[f64]> = distances.iter().map(Vec::as_slice).collect();
    anova(&distances)
}

fn median(x: &[f64]) -> f64 {
    let sorted = sorted(x);
    let n = sorted.len();
    0.5 * (sorted[(n - 1) / 2] + sorted[n / 2])
}

/// Pearson's coefficient of linear correlation and the test whether it is zero. At least two pairs; a constant sample
/// gives NaN.
pub fn pearson(x: &[f64], y: &[f64], alternative: Alternative) -> Result<Finding, SampleError> {
    paired(x, y)?;
    at_least(2, &[x, y])?;
    if any_nan(&[x, y]) {
        return Ok(UNKNOWN);
    }
    let (mx, my) = (mean(x), mean(y));
    let products: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    let r = (products / (squares(x) * squares(y)).sqrt()).clamp(-1.0, 1.0);
    Ok(correlated(r, x.len() as f64 - 2.0, alternative))
}

/// The test whether a correlation is zero.
pub(super) fn correlated(r: f64, df: f64, alternative: Alternative) -> Finding {
    if df == 0.0 {
        // Two points lie on a line whatever they are.
        let p_value = match alternative {
            Alternative::TwoSided => 1.0,
            Alternative::Less => 0.5 * (1.0 + r),
            Alternative::Greater => 0.5 * (1.0 - r),
        };
        return Finding { statistic: r, p_value, df: Some(df) };
    }
    let t = r * (df / ((1.0 - r) * (1.0 + r))).sqrt();
    Finding { statistic: r, ..student(t, df, alternative) }
}
