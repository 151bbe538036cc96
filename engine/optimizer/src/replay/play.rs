//! Playing a policy on a recording, and what it came to.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{EarlyRun, NANOSECONDS, Policy, Recording, Times, Told};
use crate::history::MachineCode;

/// Runs of each piece of work before which predictions are not counted: nothing was seen yet.
const UNPREDICTED_ROUNDS: usize = 5;

/// Runs over which nothing may be worse than the baseline by more than the budget.
const WINDOW_RUNS: usize = 100;

/// How long a policy is played: every round runs every piece of work once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Play {
    /// Rounds.
    pub rounds: usize,
    /// Rounds after which the late regret is counted.
    pub learned_rounds: usize,
    /// Seeds, from zero.
    pub seeds: u64,
}

impl Default for Play {
    /// The bar's: what is lost after fifty runs, over thirty more.
    fn default() -> Self {
        Play { rounds: 80, learned_rounds: 50, seeds: 5 }
    }
}

/// What a policy came to, over all seeds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Score {
    /// Expected seconds lost against the oracle until each run, summed; the mean of the seeds.
    pub course: Vec<f64>,
    /// Expected seconds lost after the first rounds.
    pub late_lost_s: f64,
    /// The oracle's seconds then.
    pub late_best_s: f64,
    /// Expected seconds of all runs, those that compile included.
    pub taken_s: f64,
    /// Seconds lost in the late rounds by piece of work, and the oracle's there.
    pub late_by_work: Vec<(f64, f64)>,
    /// The most that any hundred runs in a row took, whatever ran in them, as a share of what `default` takes for them.
    pub worst_hundred: f64,
    /// The same for the runs of each piece of work alone: all that there were, where they are fewer than a hundred.
    pub worst_by_work: Vec<f64>,
    /// Runs that were predicted.
    pub predicted: u64,
    /// Of these, the runs that took less than their interval said, and those that took more.
    pub below: u64,
    /// See [`Score::below`].
    pub above: u64,
}

impl Score {
    /// What was lost against the oracle after the first rounds, as a share of the oracle's time.
    pub fn regret(&self) -> f64 {
        self.late_lost_s / self.late_best_s
    }

    /// The share of predicted runs that fell into their 80 % interval; `None` where nothing was predicted.
    pub fn calibration(&self) -> Option<f64> {
        (self.predicted > 0).then(|| 1.0 - (self.below + self.above) as f64 / self.predicted as f64)
    }
}

impl Play {
    /// Plays the policies that `make` gives for each seed. What a run takes is drawn from what was measured; what it is
    /// charged is the median, so that luck is nobody's merit.
    pub fn score<P: Policy>(&self, recording: &Recording, make: impl Fn(u64) -> P) -> Score {
        let mut score = Score { late_by_work: vec![(0.0, 0.0); recording.works.len()], ..Score::default() };
        for seed in 0..self.seeds {
            self.one_seed(recording, make(seed), seed, &mut score);
        }
        let mut sum = 0.0;
        for lost in &mut score.course {
            sum += *lost / self.seeds as f64;
            *lost = sum;
        }
        score
    }

    fn one_seed(&self, recording: &Recording, mut policy: impl Policy, seed: u64, score: &mut Score) {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut beginnings = BTreeMap::new();
        let mut beside = vec![Vec::with_capacity(self.rounds); recording.works.len()];
        let mut in_order = Vec::with_capacity(self.rounds * recording.works.len());
        score.course.resize(self.rounds * recording.works.len(), 0.0);
        for round in 0..self.rounds {
            for (at, work) in recording.works.iter().enumerate() {
                let (strategy, interval) = policy.choose(at, recording);
                let Some(times) = &work.times[strategy] else {
                    // A policy that chooses what cannot run has lost without end.
                    score.taken_s = f64::INFINITY;
                    continue;
                };
                let beginning: &mut Beginning =
                    beginnings.entry((at, strategy)).or_insert_with(|| Beginning::of(times, &mut chance));
                let (seconds, code, expected_s) = beginning.run(times, &mut chance);
                policy.learn(Told { at, strategy, seconds, code }, recording);
                let best_s = work.best_s();
                score.taken_s += expected_s;
                let baseline_s = work.times[0].as_ref().map_or(f64::INFINITY, |times| times.charged_s(round));
                beside[at].push((expected_s, baseline_s));
                in_order.push((expected_s, baseline_s));
                score.course[round * recording.works.len() + at] += expected_s - best_s;
                if round >= self.learned_rounds {
                    let (lost, best) = &mut score.late_by_work[at];
                    *lost += expected_s - best_s;
                    *best += best_s;
                    score.late_lost_s += expected_s - best_s;
                    score.late_best_s += best_s;
                }
                if let Some((low, high)) =
                    interval.filter(|_| round >= UNPREDICTED_ROUNDS && code == MachineCode::Settled)
                {
                    score.predicted += 1;
                    score.below += u64::from(seconds < low);
                    score.above += u64::from(seconds > high);
                }
            }
        }
        score.worst_hundred = shares(&in_order).fold(score.worst_hundred, f64::max);
        score.worst_by_work.resize(beside.len(), 0.0);
        for (worst, runs) in score.worst_by_work.iter_mut().zip(&beside) {
            *worst = shares(runs).fold(*worst, f64::max);
        }
    }
}

/// The first runs of a piece of work under a strategy: which course they follow, and how far they are.
struct Beginning {
    course: usize,
    runs: usize,
}

impl Beginning {
    fn of(times: &Times, chance: &mut StdRng) -> Beginning {
        Beginning { course: chance.random_range(0..times.courses.len().max(1)), runs: 0 }
    }

    /// The next run: its seconds, what became of machine code in it, and the seconds that it is charged.
    fn run(&mut self, times: &Times, chance: &mut StdRng) -> (f64, MachineCode, f64) {
        let at = self.runs;
        self.runs += 1;
        match times.courses.get(self.course).and_then(|course| course.get(at)) {
            Some(&EarlyRun(ns, code)) => (ns as f64 / NANOSECONDS, code, times.charged_s(at)),
            None => (times.draw(chance), MachineCode::Settled, times.charged_s(at)),
        }
    }
}

/// What each hundred runs in a row took as a share of the baseline's time.
fn shares(runs: &[(f64, f64)]) -> impl Iterator<Item = f64> {
    let share = |window: &[(f64, f64)]| {
        let (taken, baseline) = window.iter().fold((0.0, 0.0), |(a, b), (taken, baseline)| (a + taken, b + baseline));
        taken / baseline
    };
    runs.windows(WINDOW_RUNS.clamp(1, runs.len().max(1))).map(share)
}
