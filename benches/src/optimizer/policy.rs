//! Policies that choose a strategy for each run: ours, and what it is set beside.

use nexus_optimizer::{Choice, Machine, Optimizer, OptimizerConfig, RunOutcome, Strategies};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Measured;

/// Something that chooses.
pub(crate) trait Policy {
    /// The strategy's index for a run of pair `at`, and the interval that it is predicted to fall into.
    fn choose(&mut self, at: usize, pair: &Measured, machine: &Machine) -> (usize, Option<(f64, f64)>);

    /// What the run took.
    fn learn(&mut self, at: usize, pair: &Measured, strategy: usize, seconds: f64);
}

/// The optimiser.
pub(crate) struct Learned {
    optimizer: Optimizer,
    ids: Vec<String>,
    chance: StdRng,
    choice: Option<Choice>,
}

impl Learned {
    pub(crate) fn new(seed: u64) -> Self {
        let ids = Strategies::default().all().iter().map(|s| s.strategy_id.clone()).collect();
        let optimizer = Optimizer::new(OptimizerConfig::default());
        Learned { optimizer, ids, chance: StdRng::seed_from_u64(seed ^ 0x9e37), choice: None }
    }
}

impl Policy for Learned {
    fn choose(&mut self, _: usize, pair: &Measured, machine: &Machine) -> (usize, Option<(f64, f64)>) {
        let choice = self.optimizer.choose(&pair.trial.work, machine, &mut self.chance);
        let index = self.ids.iter().position(|id| *id == choice.strategy.strategy_id).unwrap_or(0);
        let interval = choice.prediction().filter(|p| p.runs > 0).map(|p| (p.low_s, p.high_s));
        self.choice = Some(choice);
        (index, interval)
    }

    fn learn(&mut self, _: usize, pair: &Measured, _: usize, seconds: f64) {
        let Some(choice) = self.choice.take() else { return };
        self.optimizer.record(&choice, RunOutcome::Succeeded { seconds, once_s: 0.0, memory_bytes: 0.0 });
        if !self.optimizer.is_measured(&choice) {
            self.optimizer.measured(&choice, pair.features);
        }
    }
}

/// Always one strategy.
pub(crate) struct Fixed(pub(crate) usize);

impl Policy for Fixed {
    fn choose(&mut self, _: usize, _: &Measured, _: &Machine) -> (usize, Option<(f64, f64)>) {
        (self.0, None)
    }

    fn learn(&mut self, _: usize, _: &Measured, _: usize, _: f64) {}
}

/// With probability 0.2 any strategy, else the one with the least mean so far on this pair: the design of the seeds.
pub(crate) struct EpsilonGreedy {
    usable: Vec<usize>,
    seen: std::collections::BTreeMap<(usize, usize), (f64, f64)>,
    chance: StdRng,
}

impl EpsilonGreedy {
    const EPSILON: f64 = 0.2;

    pub(crate) fn new(usable: &[usize], seed: u64) -> Self {
        EpsilonGreedy { usable: usable.to_vec(), seen: Default::default(), chance: StdRng::seed_from_u64(seed) }
    }
}

impl Policy for EpsilonGreedy {
    fn choose(&mut self, at: usize, _: &Measured, _: &Machine) -> (usize, Option<(f64, f64)>) {
        if self.chance.random::<f64>() < Self::EPSILON {
            return (self.usable[self.chance.random_range(0..self.usable.len())], None);
        }
        let mean = |&strategy: &usize| self.seen.get(&(at, strategy)).map_or(f64::INFINITY, |(sum, n)| sum / n);
        let best = self.usable.iter().copied().min_by(|a, b| mean(a).total_cmp(&mean(b)));
        (best.unwrap_or(0), None)
    }

    fn learn(&mut self, at: usize, _: &Measured, strategy: usize, seconds: f64) {
        let (sum, count) = self.seen.entry((at, strategy)).or_default();
        (*sum, *count) = (*sum + seconds, *count + 1.0);
    }
}

/// Any strategy.
pub(crate) struct Random {
    usable: Vec<usize>,
    chance: StdRng,
}

impl Random {
    pub(crate) fn new(usable: &[usize], seed: u64) -> Self {
        Random { usable: usable.to_vec(), chance: StdRng::seed_from_u64(seed) }
    }
}

impl Policy for Random {
    fn choose(&mut self, _: usize, _: &Measured, _: &Machine) -> (usize, Option<(f64, f64)>) {
        (self.usable[self.chance.random_range(0..self.usable.len())], None)
    }

    fn learn(&mut self, _: usize, _: &Measured, _: usize, _: f64) {}
}
