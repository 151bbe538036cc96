//! Tests that look at the order of elements only.

use super::means::correlated;
use super::{Alternative, Finding, SampleError, UNKNOWN, any_nan, at_least, paired, symmetric_p};
use crate::Distribution;

/// The standard normal distribution, to which rank sums tend.
const NORMAL: Distribution = Distribution::Normal { mean: 0.0, std: 1.0 };

/// From this size of the smaller sample on the rank sum counts as normal.
const EXACT_MAX: usize = 8;
/// Additions that an exact distribution may cost.
const EXACT_WORK_MAX: usize = 200_000_000;
/// From this size on signed ranks count as normal.
const SIGNED_EXACT_MAX: usize = 50;

/// Ranks from 1, equal elements sharing the mean of theirs, and the sum of t³ - t over groups of t equal elements.
pub(crate) fn ranked(x: &[f64]) -> (Vec<f64>, f64) {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| x[i].total_cmp(&x[j]));
    let mut ranks = vec![0.0; x.len()];
    let (mut start, mut ties) = (0, 0.0);
    while start < order.len() {
        let mut end = start + 1;
        // -0 and 0 are equal, though one sorts first.
        while end < order.len() && x[order[end]] == x[order[start]] {
            end += 1;
        }
        for &i in &order[start..end] {
            ranks[i] = 0.5 * (start + end + 1) as f64;
        }
        let count = (end - start) as f64;
        ties += count * count * count - count;
        start = end;
    }
    (ranks, ties)
}

/// The test of Mann and Whitney (Wilcoxon's rank sum) whether elements of one sample tend to be larger than those of
/// another. The statistic is the number of pairs in which the first is larger, ties counting half. Exact where a sample
/// has at most eight elements and nothing is tied, else normal with corrections for ties and continuity.
pub fn mann_whitney(x: &[f64], y: &[f64], alternative: Alternative) -> Result<Finding, SampleError> {
    at_least(1, &[x, y])?;
    if any_nan(&[x, y]) {
        return Ok(UNKNOWN);
    }
    let (m, n) = (x.len(), y.len());
    let all: Vec<f64> = x.iter().chain(y).copied().collect();
    let (ranks, ties) = ranked(&all);
    let pairs = (m * n) as f64;
    let first = ranks[..m].iter().sum::<f64>() - (m * (m + 1)) as f64 / 2.0;
    let (statistic, sides) = match alternative {
        Alternative::TwoSided => (first.max(pairs - first), 2.0),
        Alternative::Greater => (first, 1.0),
        Alternative::Less => (pairs - first, 1.0),
    };
    let small = m.min(n) <= EXACT_MAX && m.saturating_mul(n).saturating_mul(m + n) <= EXACT_WORK_MAX;
    let tail = if small && ties == 0.0 {
        rank_sum_tail(m, n, statistic as usize)
    } else {
        let total = (m + n) as f64;
        let spread = (pairs / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)))).sqrt();
        NORMAL.sf((statistic - pairs / 2.0 - 0.5) / spread)
    };
    Ok(Finding { statistic: first, p_value: (sides * tail).clamp(0.0, 1.0), df: None })
}

/// The probability of at least `least` pairs, for samples of `m` and `n` elements without ties: subsets of ranks are
/// counted by their sum, as probabilities that never cancel.
fn rank_sum_tail(m: usize, n: usize, least: usize) -> f64 {
    let (m, n) = (m.min(n), m.max(n));
    // ways[k][u]: the probability that of the first elements k are of the smaller sample, with u pairs.
    let mut ways: Vec<Vec<f64>> = (0..=m).map(|k| vec![0.0; k * n + 1]).collect();
    ways[0][0] = 1.0;
    for drawn in 0..m + n {
        let left = (m + n - drawn) as f64;
        for k in (0..=m.min(drawn)).rev() {
            let others = drawn - k;
            if others > n {
                continue;
            }
            let take = (m - k) as f64 / left;
            if k < m {
                // The next one is of the smaller sample, and above all others so far.
                let (now, next) = ways.split_at_mut(k + 1);
                for (u, &p) in now[k].iter().enumerate() {
                    if p > 0.0 {
                        next[0][u + others] += p * take;
                    }
                }
            }
            ways[k].iter_mut().for_each(|p| *p *= 1.0 - take);
        }
    }
    ways[m].get(least..).map_or(0.0, |tail| tail.iter().sum())
}

/// Wilcoxon's signed rank test whether the median of differences is zero. Zeros are left out; the statistic is the sum of
/// the ranks of positive differences, of the smaller side for the two-sided test. Exact up to fifty differences, with ties
/// too, else normal with a correction for ties.
pub fn wilcoxon(differences: &[f64], alternative: Alternative) -> Result<Finding, SampleError> {
    if any_nan(&[differences]) {
        return Ok(UNKNOWN);
    }
    let kept: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
    at_least(1, &[&kept])?;
    let sizes: Vec<f64> = kept.iter().map(|d| d.abs()).collect();
    let (ranks, ties) = ranked(&sizes);
    let positive: f64 = kept.iter().zip(&ranks).filter(|(d, _)| **d > 0.0).map(|(_, rank)| rank).sum();
    let n = kept.len() as f64;
    let total = n * (n + 1.0) / 2.0;
    let p_value = if differences.len() <= SIGNED_EXACT_MAX {
        let masses = signed_rank_masses(&ranks);
        let at = (2.0 * positive) as usize;
        let (above, below): (f64, f64) = (masses[at..].iter().sum(), masses[..=at].iter().sum());
        match alternative {
            Alternative::TwoSided => (2.0 * above.min(below)).min(1.0),
            Alternative::Greater => above,
            Alternative::Less => below,
        }
    } else {
        let spread = ((n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0).sqrt();
        symmetric_p(NORMAL, (positive - total / 2.0) / spread, alternative)
    };
    let statistic = if alternative == Alternative::TwoSided { positive.min(total - positive) } else { positive };
    Ok(Finding { statistic, p_value, df: None })
}

/// The probability of each sum of positive ranks when signs are drawn, in halves: twice a rank is whole.
fn signed_rank_masses(ranks: &[f64]) -> Vec<f64> {
    let total: f64 = ranks.iter().sum();
    let mut masses = vec![0.0; (2.0 * total).round() as usize + 1];
    masses[0] = 1.0;
    for rank in ranks {
        let step = (2.0 * rank) as usize;
        for u in (0..masses.len()).rev() {
            let from = if u >= step { masses[u - step] } else { 0.0 };
            masses[u] = 0.5 * (masses[u] + from);
        }
    }
    masses
}

/// The test of Kruskal and Wallis whether groups come from one distribution, by ranks.
pub fn kruskal(groups: &[&[f64]]) -> Result<Finding, SampleError> {
    if groups.len() < 2 {
        return Err(SampleError::TooFew { needed: 2, found: groups.len() });
    }
    at_least(1, groups)?;
    if any_nan(groups) {
        return Ok(UNKNOWN);
    }
    let all: Vec<f64> = groups.iter().flat_map(|group| group.iter().copied()).collect();
    let (ranks, ties) = ranked(&all);
    let n = all.len() as f64;
    let mut start = 0;
    let mut sum = 0.0;
    for group in groups {
        let total: f64 = ranks[start..start + group.len()].iter().sum();
        sum += total * total / group.len() as f64;
        start += group.len();
    }
    let raw = 12.0 / (n * (n + 1.0)) * sum - 3.0 * (n + 1.0);
    let (statistic, df) = (raw / (1.0 - ties / (n * n * n - n)), groups.len() as f64 - 1.0);
    Ok(Finding { statistic, p_value: Distribution::ChiSquared { df }.sf(statistic), df: Some(df) })
}

/// Spearman's coefficient of correlation, of ranks, and the test whether it is zero. At least three pairs.
pub fn spearman(x: &[f64], y: &[f64], alternative: Alternative) -> Result<Finding, SampleError> {
    paired(x, y)?;
    at_least(3, &[x, y])?;
    if any_nan(&[x, y]) {
        return Ok(UNKNOWN);
    }
    let ((x, _), (y, _)) = (ranked(x), ranked(y));
    let r = super::means::pearson(&x, &y, alternative)?.statistic;
    Ok(correlated(r, x.len() as f64 - 2.0, alternative))
}
