//! Tests of counts.

use super::{Finding, SampleError};
use crate::Distribution;
use crate::special::ln_gamma;

fn chi2(statistic: f64, df: f64) -> Finding {
    let p_value = if df > 0.0 { Distribution::ChiSquared { df }.sf(statistic) } else { 1.0 };
    Finding { statistic, p_value, df: Some(df) }
}

fn counts(x: &[f64]) -> Result<f64, SampleError> {
    if x.iter().any(|&x| !(x >= 0.0 && x.is_finite())) {
        return Err(SampleError::Counts("must be counts: finite, and not negative"));
    }
    Ok(x.iter().sum())
}

/// Pearson's chi-squared test whether counts follow expectations, equal ones where none are given. `fitted` is the number
/// of parameters that the expectations were fitted with.
pub fn chi2_fit(observed: &[f64], expected: Option<&[f64]>, fitted: usize) -> Result<Finding, SampleError> {
    let (k, total) = (observed.len(), counts(observed)?);
    if k < 2 {
        return Err(SampleError::TooFew { needed: 2, found: k });
    }
    let equal = vec![total / k as f64; k];
    let expected = expected.unwrap_or(&equal);
    super::paired(observed, expected)?;
    let sum = counts(expected)?;
    if expected.contains(&0.0) {
        return Err(SampleError::Counts("must not hold 0 among the expected counts"));
    }
    if (sum - total).abs() > 1e-8 * total.max(sum) {
        return Err(SampleError::Counts("must have the sum of the expected counts; scale those first"));
    }
    let statistic = observed.iter().zip(expected).map(|(o, e)| (o - e) * (o - e) / e).sum();
    Ok(chi2(statistic, (k - 1) as f64 - fitted as f64))
}

/// Pearson's chi-squared test whether the rows and columns of a table of counts are independent, row by row. With
/// `corrected` (Yates, 1934) tables of 2 × 2 are corrected for continuity.
pub fn chi2_contingency(table: &[f64], columns: usize, corrected: bool) -> Result<Finding, SampleError> {
    let total = counts(table)?;
    let rows = table.len().checked_div(columns).unwrap_or(0);
    if rows == 0 || rows * columns != table.len() {
        return Err(SampleError::Counts("must be a table with rows and columns"));
    }
    let row_sums: Vec<f64> = table.chunks(columns).map(|row| row.iter().sum()).collect();
    let column_sums: Vec<f64> = (0..columns).map(|j| table.chunks(columns).map(|row| row[j]).sum()).collect();
    if row_sums.contains(&0.0) || column_sums.contains(&0.0) {
        return Err(SampleError::Counts("must not have a row or column of zeros"));
    }
    let df = ((rows - 1) * (columns - 1)) as f64;
    let mut statistic = 0.0;
    for (i, row) in table.chunks(columns).enumerate() {
        for (j, &found) in row.iter().enumerate() {
            let expected = row_sums[i] * column_sums[j] / total;
            let mut distance = (found - expected).abs();
            if corrected && df == 1.0 {
                distance -= distance.min(0.5);
            }
            statistic += distance * distance / expected;
        }
    }
    Ok(chi2(statistic, df))
}

/// Fisher's exact test of a table of 2 × 2 counts `[[a, b], [c, d]]`, two-sided: the probability of all tables with these
/// sums that are at most as probable. The statistic is the ratio of the odds.
pub fn fisher_exact([a, b, c, d]: [f64; 4]) -> Result<Finding, SampleError> {
    counts(&[a, b, c, d])?;
    if [a, b, c, d].iter().any(|x| x.fract() != 0.0 || *x > 1e9) {
        return Err(SampleError::Counts("must be whole numbers, up to a thousand million"));
    }
    let (row, column, total) = (a + b, a + c, a + b + c + d);
    if row == 0.0 || column == 0.0 || row == total || column == total {
        return Ok(Finding { statistic: f64::NAN, p_value: 1.0, df: None });
    }
    let choose = |n: f64, k: f64| ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
    let ln_mass = |x: f64| choose(row, x) + choose(total - row, column - x);
    let whole = choose(total, column);
    let (low, high) = ((row + column - total).max(0.0), row.min(column));
    let here = ln_mass(a);
    // The masses rise to the mode and fall: each tail is summed from its first table that is as improbable.
    let limit = here + 1e-7 * (1.0 + here.abs() * 1e-7).min(2.0);
    let mut p_value = 0.0;
    let mode = ((row + 1.0) * (column + 1.0) / (total + 2.0)).floor().clamp(low, high);
    for (start, end, step) in [(mode, high, 1.0), (mode - 1.0, low, -1.0)] {
        let mut x = boundary(start, end, step, |x| ln_mass(x) <= limit);
        while (end - x) * step >= 0.0 {
            let mass = (ln_mass(x) - whole).exp();
            p_value += mass;
            if mass < p_value * 1e-18 {
                break;
            }
            x += step;
        }
    }
    Ok(Finding { statistic: a * d / (b * c), p_value: p_value.min(1.0), df: None })
}

/// The first place from `start` towards `end` where `holds` does, which then holds up to `end`; beyond `end` if nowhere.
fn boundary(start: f64, end: f64, step: f64, holds: impl Fn(f64) -> bool) -> f64 {
    if (end - start) * step < 0.0 || !holds(end) {
        return end + step;
    }
    let (mut below, mut above) = (-1.0, (end - start).abs());
    while above - below > 1.0 {
        let middle = ((below + above) * 0.5).floor();
        if holds(start + step * middle) { above = middle } else { below = middle }
    }
    start + step * above
}
