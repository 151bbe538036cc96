//! What strategies that resemble each other say about each other on one piece of work.
//!
//! What a strategy takes beyond its expectation is a Gaussian process over strategies (Rasmussen, Williams 2006, chapter
//! 2): a part that all share, a part for each setting that two have in common, and a part of its own. A program that is
//! fast in native code under one strategy is so under the other that compiles it, though that never ran.
//!
//! Pure numbers; who calls is [`crate::beliefs`].

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::strategy::{DeviceTarget, MemoryOptimization, Parallelization, Strategy};
use crate::work::{FEATURES, Features};

/// Variance of what all strategies share on a piece of work: the work is slower than its features say.
const SHARED: f64 = 0.8 * 0.8;
/// Variance of what strategies of one level of compilation share.
const LEVEL: f64 = 0.45 * 0.45;
/// The same of one device.
const DEVICE: f64 = 0.6 * 0.6;
/// The same of one kind of parallelism.
const PARALLEL: f64 = 0.2 * 0.2;
/// The same where both fuse tensor operations, or neither does.
const FUSION: f64 = 0.2 * 0.2;
/// Variance of what is one strategy's own.
const OWN: f64 = 0.15 * 0.15;

/// Regressors that tell the strategies of one family apart.
const SETTINGS: usize = 4;
/// Regressors of a piece of work under a strategy.
pub(crate) const REGRESSORS: usize = FEATURES + SETTINGS;

/// Strategies that compute in the same place with code of the same level: what one of them does to work of some features,
/// the others do much alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Family(u8);

impl Family {
    /// The family of a strategy on a machine.
    pub(crate) fn of(strategy: &Strategy, machine: &Machine) -> Family {
        let device = match strategy.device_target {
            DeviceTarget::Cpu => 0,
            DeviceTarget::Auto if machine.gpu.is_none() => 0,
            DeviceTarget::Auto | DeviceTarget::Gpu => 1,
            DeviceTarget::Cuda => 2,
            DeviceTarget::Ane => 3,
        };
        Family(device * 3 + u8::from(strategy.jit_level))
    }

    fn device(self) -> u8 {
        self.0 / 3
    }

    fn level(self) -> u8 {
        self.0 % 3
    }
}

/// The regressors of a piece of work under a strategy: those of the work, and the settings that differ in a family.
pub(crate) fn regressors(features: &Features, strategy: &Strategy) -> [f64; REGRESSORS] {
    let mut row = [0.0; REGRESSORS];
    row[..FEATURES].copy_from_slice(&features.vector());
    let settings: [bool; SETTINGS] = [
        strategy.parallelization_level == Parallelization::Threads,
        strategy.tensor_fusion,
        strategy.batch_processing,
        strategy.memory_optimization == MemoryOptimization::High,
    ];
    for (cell, setting) in row[FEATURES..].iter_mut().zip(settings) {
        *cell = f64::from(setting);
    }
    row
}

/// A strategy with its family on the machine at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind<'a> {
    pub(crate) strategy: &'a Strategy,
    pub(crate) family: Family,
}

/// What is known of one strategy: what was expected, with the doubt about it, and what was seen beyond that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Index of the strategy.
    pub(crate) strategy: usize,
    /// What was seen, less what was expected.
    pub(crate) residual: f64,
    /// Variance of what was seen about the truth, and of the expectation.
    pub(crate) variance: f64,
}

/// What two strategies have in common.
fn kin(a: Kind<'_>, b: Kind<'_>) -> f64 {
    let mut covariance = SHARED;
    let mut share = |is_same: bool, variance: f64| covariance += if is_same { variance } else { 0.0 };
    share(a.family.level() == b.family.level(), LEVEL);
    share(a.family.device() == b.family.device(), DEVICE);
    let (a, b) = (a.strategy, b.strategy);
    share(a.parallelization_level == b.parallelization_level, PARALLEL);
    share(a.tensor_fusion == b.tensor_fusion, FUSION);
    covariance
}

/// Mean and variance of what every strategy takes beyond its expectation, each by what the *others* were seen to take.
pub(crate) fn foretold(strategies: &[Kind<'_>], seen: &[Seen]) -> Vec<(f64, f64)> {
    let alone = |&kind: &Kind<'_>| (0.0, kin(kind, kind) + OWN);
    if seen.is_empty() {
        return strategies.iter().map(alone).collect();
    }
    let inverse = inverse(&covariance(strategies, seen));
    let count = seen.len();
    let weights: Vec<f64> =
        (0..count).map(|i| (0..count).map(|j| inverse[i * count + j] * seen[j].residual).sum()).collect();
    let mut row = vec![0.0; count];
    let of = |(index, &kind): (usize, &Kind<'_>)| {
        if let Some(at) = seen.iter().position(|seen| seen.strategy == index) {
            // Leaving one out has a closed form (Rasmussen, Williams 2006, equations 5.12).
            let precision = inverse[at * count + at];
            let mean = seen[at].residual - weights[at] / precision;
            return (mean, (1.0 / precision - seen[at].variance).max(OWN));
        }
        for (cell, seen) in row.iter_mut().zip(seen) {
            *cell = kin(kind, strategies[seen.strategy]);
        }
        let mean = row.iter().zip(&weights).map(|(k, w)| k * w).sum();
        let explained: f64 =
            (0..count).map(|i| row[i] * (0..count).map(|j| inverse[i * count + j] * row[j]).sum::<f64>()).sum();
        (mean, (kin(kind, kind) + OWN - explained).max(OWN))
    };
    strategies.iter().enumerate().map(of).collect()
}

/// Covariances of what was seen.
fn covariance(strategies: &[Kind<'_>], seen: &[Seen]) -> Vec<f64> {
    let count = seen.len();
    let mut covariance = vec![0.0; count * count];
    for (i, a) in seen.iter().enumerate() {
        for (j, b) in seen.iter().enumerate() {
            let own = if i == j { OWN + a.variance } else { 0.0 };
            covariance[i * count + j] = kin(strategies[a.strategy], strategies[b.strategy]) + own;
        }
    }
    covariance
}

/// The inverse of a positive matrix in rows, by Gauss and Jordan: its own parts keep the pivots above zero.
fn inverse(matrix: &[f64]) -> Vec<f64> {
    let count = matrix.len().isqrt();
    debug_assert_eq!(count * count, matrix.len());
    let mut left = matrix.to_vec();
    let mut right = vec![0.0; left.len()];
    (0..count).for_each(|i| right[i * count + i] = 1.0);
    for pivot in 0..count {
        let scale = 1.0 / left[pivot * count + pivot].max(1e-12);
        for column in 0..count {
            left[pivot * count + column] *= scale;
            right[pivot * count + column] *= scale;
        }
        for other in (0..count).filter(|&other| other != pivot) {
            let factor = left[other * count + pivot];
            for column in 0..count {
                left[other * count + column] -= factor * left[pivot * count + column];
                right[other * count + column] -= factor * right[pivot * count + column];
            }
        }
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(id: &str) -> usize {
        Strategy::built_in().iter().position(|s| s.strategy_id == id).unwrap()
    }

    fn seen(id: &str, residual: f64) -> Seen {
        Seen { strategy: at(id), residual, variance: 0.01 }
    }

    fn foretold_here(seen: &[Seen]) -> Vec<(f64, f64)> {
        let (strategies, machine) = (Strategy::built_in(), Machine::ordinary("box", 2, 1e9));
        let kinds: Vec<Kind<'_>> =
            strategies.iter().map(|strategy| Kind { strategy, family: Family::of(strategy, &machine) }).collect();
        foretold(&kinds, seen)
    }

    #[test]
    fn what_one_strategy_in_native_code_takes_is_foretold_by_the_other() {
        let told = foretold_here(&[seen("default", 0.0), seen("math_intensive", -2.0)]);
        let (kin, far) = (told[at("aggressive_optimization")], told[at("memory_efficient")]);
        assert!(kin.0 < -1.5 && far.0 > kin.0 + 0.8, "{kin:?} {far:?}");
        let before = foretold_here(&[])[at("aggressive_optimization")];
        assert!(kin.1 < 0.6 * before.1, "{kin:?} {before:?}");
    }

    #[test]
    fn nobody_is_foretold_by_themselves() {
        let with = foretold_here(&[seen("default", 0.3), seen("cpu_optimized", 5.0)]);
        let without = foretold_here(&[seen("default", 0.3)]);
        let at = at("cpu_optimized");
        assert!((with[at].0 - without[at].0).abs() < 1e-9, "{:?} {:?}", with[at], without[at]);
        assert!((with[at].1 - without[at].1).abs() < 1e-9);
    }

    #[test]
    fn an_inverse_times_its_matrix_is_one() {
        let matrix = [4.0, 1.0, 0.5, 1.0, 3.0, 0.2, 0.5, 0.2, 2.0];
        let inverse = inverse(&matrix);
        for i in 0..3 {
            for j in 0..3 {
                let cell: f64 = (0..3).map(|k| matrix[i * 3 + k] * inverse[k * 3 + j]).sum();
                assert!((cell - f64::from(i == j)).abs() < 1e-12);
            }
        }
    }
}
