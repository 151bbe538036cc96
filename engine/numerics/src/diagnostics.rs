//! Whether chains of draws can be trusted: R-hat and the effective sample size of one quantity.
//!
//! Vehtari, Gelman, Simpson, Carpenter and Bürkner, "Rank-normalization, folding, and localization: an improved R-hat for
//! assessing convergence of MCMC" (2021). Chains are halved, so that one that drifts differs from itself.

use crate::special::normal_quantile;

/// What chains of one quantity say about themselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diagnosis {
    /// Near 1 where the chains agree; above 1.01 they should not be trusted. NaN for constant chains.
    pub r_hat: f64,
    /// How many independent draws the chains are worth for the middle of the distribution.
    pub ess_bulk: f64,
    /// The same for its tails, the 5 % and 95 % quantiles.
    pub ess_tail: f64,
}

/// The diagnosis of chains of one length, of at least four draws each; NaN for everything where they are shorter or not
/// finite.
pub fn diagnose(chains: &[&[f64]]) -> Diagnosis {
    let length = chains.iter().map(|chain| chain.len()).min().unwrap_or(0);
    if length < 4 || chains.iter().any(|chain| chain.iter().any(|x| !x.is_finite())) {
        return Diagnosis { r_hat: f64::NAN, ess_bulk: f64::NAN, ess_tail: f64::NAN };
    }
    // Of an odd number of draws the one in the middle is left out.
    let half = length / 2;
    let halves: Vec<Vec<f64>> =
        chains.iter().flat_map(|chain| [chain[..half].to_vec(), chain[length - half..length].to_vec()]).collect();
    let mut sorted: Vec<f64> = chains.iter().flat_map(|chain| chain[..length].iter().copied()).collect();
    sorted.sort_by(f64::total_cmp);
    let median = quantile(&sorted, 0.5);
    let folded: Vec<Vec<f64>> = halves.iter().map(|c| c.iter().map(|x| (x - median).abs()).collect()).collect();
    let scores = normal_scores(&halves);
    let indicator = |p: f64| {
        let limit = quantile(&sorted, p);
        let of = |chain: &Vec<f64>| chain.iter().map(|&x| f64::from(u8::from(x <= limit))).collect();
        effective_size(&halves.iter().map(of).collect::<Vec<Vec<f64>>>())
    };
    Diagnosis {
        r_hat: spread_ratio(&scores).max(spread_ratio(&normal_scores(&folded))),
        ess_bulk: effective_size(&scores),
        ess_tail: indicator(0.05).min(indicator(0.95)),
    }
}

fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let (low, part) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + part * (sorted[high] - sorted[low])
}

/// The ranks among all draws as quantiles of the normal distribution; equal draws share their mean rank.
fn normal_scores(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let all: Vec<f64> = chains.concat();
    let (ranks, _) = crate::hypothesis::ranked(&all);
    let size = all.len() as f64;
    let scores: Vec<f64> = ranks.iter().map(|rank| normal_quantile((rank - 0.375) / (size + 0.25))).collect();
    let mut start = 0;
    let mut of = |chain: &Vec<f64>| {
        start += chain.len();
        scores[start - chain.len()..start].to_vec()
    };
    chains.iter().map(&mut of).collect()
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn variance(x: &[f64]) -> f64 {
    let centre = mean(x);
    x.iter().map(|v| (v - centre) * (v - centre)).sum::<f64>() / (x.len() - 1) as f64
}

/// The root of the variance of all draws over that within chains.
fn spread_ratio(chains: &[Vec<f64>]) -> f64 {
    let n = chains[0].len() as f64;
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    let within = mean(&chains.iter().map(|c| variance(c)).collect::<Vec<_>>());
    ((variance(&means) + within * (n - 1.0) / n) / within).sqrt()
}

/// The number of independent draws whose mean is as exact: Geyer's initial monotone sequence of autocorrelations.
fn effective_size(chains: &[Vec<f64>]) -> f64 {
    let (m, n) = (chains.len(), chains[0].len());
    let total = (m * n) as f64;
    if chains.iter().all(|chain| chain.iter().all(|x| *x == chains[0][0])) {
        return total;
    }
    let centred: Vec<Vec<f64>> = chains
        .iter()
        .map(|chain| {
            let centre = mean(chain);
            chain.iter().map(|x| x - centre).collect()
        })
        .collect();
    let covariance = |lag: usize| -> f64 {
        let one = |c: &Vec<f64>| c.iter().zip(&c[lag..]).map(|(a, b)| a * b).sum::<f64>() / n as f64;
        centred.iter().map(one).sum::<f64>() / m as f64
    };
    let within = covariance(0) * n as f64 / (n as f64 - 1.0);
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    let whole = within * (n as f64 - 1.0) / n as f64 + if m > 1 { variance(&means) } else { 0.0 };
    let correlation = |lag: usize| 1.0 - (within - covariance(lag)) / whole;
    let mut sums = vec![1.0 + correlation(1)];
    let mut last_even = 1.0;
    let mut lag = 1;
    while lag + 3 < n && sums.last().is_some_and(|&sum| sum > 0.0) {
        let (even, odd) = (correlation(lag + 1), correlation(lag + 2));
        last_even = even;
        sums.push(even + odd);
        lag += 2;
    }
    // The last pair is left out, but for its first part.
    let kept = sums.len() - 1;
    let extra = if sums[kept] >= 0.0 { last_even } else { last_even.max(0.0) };
    for k in 1..kept {
        sums[k] = sums[k].min(sums[k - 1]);
    }
    let length = -1.0 + 2.0 * sums[..kept].iter().sum::<f64>() + extra;
    total / length.max(1.0 / total.log10())
}
