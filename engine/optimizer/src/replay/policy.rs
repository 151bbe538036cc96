//! Policies that choose a strategy for each run: the optimiser, and what it is set beside.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{RecordedWork, Recording};
use crate::candidate::Choice;
use crate::config::OptimizerConfig;
use crate::history::{MachineCode, RunOutcome};
use crate::optimizer::Optimizer;

/// The seconds between which 80 % of the runs are predicted to lie.
pub type Interval = (f64, f64);

/// A run that a policy chose for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// Index of the piece of work.
    pub at: usize,
    /// Index of the strategy.
    pub strategy: usize,
    /// What it took.
    pub seconds: f64,
    /// What became of machine code in it.
    pub code: MachineCode,
}

/// Something that chooses.
pub trait Policy {
    /// The strategy's index for a run of piece `at`, and what it is predicted to take where a prediction is made.
    fn choose(&mut self, at: usize, recording: &Recording) -> (usize, Option<Interval>);

    /// What the run took.
    fn learn(&mut self, told: Told, recording: &Recording);
}

/// The optimiser.
#[derive(Debug)]
pub struct Learned {
    optimizer: Optimizer,
    chance: StdRng,
    choice: Option<Choice>,
}

impl Learned {
    /// One that has seen nothing; what it draws follows from `seed`.
    pub fn new(config: OptimizerConfig, seed: u64) -> Self {
        Learned::knowing(Optimizer::new(config), seed)
    }

    /// One that has seen something.
    pub fn knowing(optimizer: Optimizer, seed: u64) -> Self {
        Learned { optimizer, chance: StdRng::seed_from_u64(seed), choice: None }
    }

    /// What it has learned.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }
}

impl Policy for Learned {
    fn choose(&mut self, at: usize, recording: &Recording) -> (usize, Option<Interval>) {
        let work = &recording.works[at];
        let (index, choice) = loop {
            let choice = self.optimizer.choose(&work.work, &recording.machine, &mut self.chance);
            let index = recording.strategies.iter().position(|id| *id == choice.strategy.strategy_id).unwrap_or(0);
            if index == 0 || work.times[index].is_some() {
                break (index, choice);
            }
            // What cannot run there says so at once.
            self.optimizer.record(&choice, RunOutcome::Failed { seconds: 0.0 });
        };
        let interval = choice.prediction().filter(|p| p.runs > 0).map(|p| (p.low_s, p.high_s));
        self.choice = Some(choice);
        (index, interval)
    }

    fn learn(&mut self, told: Told, recording: &Recording) {
        let Some(choice) = self.choice.take() else { return };
        let RecordedWork { measured, .. } = &recording.works[told.at];
        let outcome = RunOutcome::Succeeded {
            seconds: told.seconds,
            once_s: 0.0,
            memory_bytes: measured.peak_bytes,
            code: told.code,
        };
        self.optimizer.record(&choice, outcome);
        if !self.optimizer.is_measured(&choice) {
            self.optimizer.measured(&choice, *measured);
        }
    }
}

/// Always one strategy.
#[derive(Debug)]
pub struct Fixed(pub usize);

impl Policy for Fixed {
    fn choose(&mut self, _: usize, _: &Recording) -> (usize, Option<Interval>) {
        (self.0, None)
    }

    fn learn(&mut self, _: Told, _: &Recording) {}
}

/// With probability 0.2 any strategy, else the one with the least mean so far on this work (Sutton, Barto 2018, section
/// 2.3): the plain design that a learner has to beat.
#[derive(Debug)]
pub struct EpsilonGreedy {
    usable: Vec<usize>,
    /// Sum and count by piece of work and strategy.
    seen: BTreeMap<(usize, usize), (f64, f64)>,
    chance: StdRng,
}

impl EpsilonGreedy {
    const EPSILON: f64 = 0.2;

    /// One that has seen nothing, over these strategies.
    pub fn new(usable: Vec<usize>, seed: u64) -> Self {
        EpsilonGreedy { usable, seen: BTreeMap::new(), chance: StdRng::seed_from_u64(seed) }
    }
}

impl Policy for EpsilonGreedy {
    fn choose(&mut self, at: usize, _: &Recording) -> (usize, Option<Interval>) {
        if self.chance.random::<f64>() < Self::EPSILON {
            return (self.usable[self.chance.random_range(0..self.usable.len())], None);
        }
        let mean = |&strategy: &usize| self.seen.get(&(at, strategy)).map_or(f64::INFINITY, |(sum, n)| sum / n);
        let best = self.usable.iter().copied().min_by(|a, b| mean(a).total_cmp(&mean(b)));
        (best.unwrap_or(0), None)
    }

    fn learn(&mut self, told: Told, _: &Recording) {
        let (sum, count) = self.seen.entry((told.at, told.strategy)).or_default();
        (*sum, *count) = (*sum + told.seconds, *count + 1.0);
    }
}

/// Any strategy.
#[derive(Debug)]
pub struct Random {
    usable: Vec<usize>,
    chance: StdRng,
}

impl Random {
    /// Any of these strategies, with the same chance.
    pub fn new(usable: Vec<usize>, seed: u64) -> Self {
        Random { usable, chance: StdRng::seed_from_u64(seed) }
    }
}

impl Policy for Random {
    fn choose(&mut self, _: usize, _: &Recording) -> (usize, Option<Interval>) {
        (self.usable[self.chance.random_range(0..self.usable.len())], None)
    }

    fn learn(&mut self, _: Told, _: &Recording) {}
}
