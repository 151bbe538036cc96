//! The optimiser: choose, record, learn.

use std::collections::{BTreeMap, VecDeque};

use rand::Rng;

use crate::candidate::{Choice, Exclusion, Reason};
use crate::config::OptimizerConfig;
use crate::evidence::{Belief, Course, Noise, seconds};
use crate::explain::candidates;
use crate::history::{History, Run, RunOutcome};
use crate::known::{Known, Table};
use crate::machine::{Machine, Roofline};
use crate::regression::Regression;
use crate::strategy::{Strategies, Strategy, StrategyError};
use crate::work::{FEATURES, Features, Key, Work, hardware_digest};

/// The baseline's index.
pub(crate) const BASELINE: usize = 0;
/// Work that takes less than this is not worth a choice.
const SMALL_S: f64 = 100e-6;
/// Spread of what all strategies share on a piece of work, about the regression.
const SHARED_SPREAD: f64 = 0.8;
/// Spread of what is one strategy's own on a piece of work.
const OWN_SPREAD: f64 = 0.5;
/// Runs below which a strategy counts as not seen.
const SEEN_RUNS: f64 = 0.5;
/// What is predicted to take so many times the best known, and surely more than it, is left out.
const FAR_WORSE: f64 = 3.0;
/// The exploration rate at which doubts are taken as they are.
const PLAIN_RATE: f64 = 0.2;
/// How much faster than what is chosen the evidence of the others fades.
const FADING: f64 = 0.05;

/// The learning optimiser. See the crate's documentation for what it does and how.
#[derive(Debug, Clone)]
pub struct Optimizer {
    pub(crate) config: OptimizerConfig,
    pub(crate) strategies: Strategies,
    pub(crate) table: Table,
    pub(crate) history: History,
    pub(crate) noise: Noise,
    regressions: BTreeMap<(u64, usize), Regression>,
    /// Pieces of work whose news the regressions do not know yet.
    news: VecDeque<(Key, usize)>,
    since_update: usize,
    pub(crate) tick: u64,
}

/// What a user says about a run of their own.
#[derive(Debug, Clone, PartialEq)]
pub struct Feedback<'a> {
    /// The work.
    pub work: &'a Work,
    /// The machine it ran on.
    pub machine: &'a Machine,
    /// The strategy's id.
    pub strategy_id: &'a str,
    /// What it took.
    pub time_ms: f64,
    /// Whether it gave its result.
    pub is_success: bool,
}

/// A strategy that was looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looked {
    pub(crate) roofline: Option<Roofline>,
    pub(crate) belief: Option<Belief>,
    pub(crate) exclusion: Option<Exclusion>,
    /// Runs seen, here and elsewhere, newer ones counting more.
    pub(crate) weight: f64,
}

impl Optimizer {
    /// An optimiser that has seen nothing.
    pub fn new(config: OptimizerConfig) -> Self {
        Optimizer {
            config,
            strategies: Strategies::default(),
            table: Table::default(),
            history: History::default(),
            noise: Noise::default(),
            regressions: BTreeMap::new(),
            news: VecDeque::new(),
            since_update: 0,
            tick: 0,
        }
    }

    /// An optimiser that knows the baseline only: the strategies are those that will be registered.
    pub(crate) fn with_baseline_only(config: OptimizerConfig) -> Self {
        Optimizer { strategies: Strategies::baseline_only(), ..Optimizer::new(config) }
    }

    /// What it is set to.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// The strategies it chooses from.
    pub fn strategies(&self) -> &Strategies {
        &self.strategies
    }

    /// Adds a strategy of the user to choose from.
    pub fn register(&mut self, strategy: Strategy) -> Result<(), StrategyError> {
        self.strategies.register(strategy)
    }

    /// Pieces of work that are remembered.
    pub fn known(&self) -> usize {
        self.table.len()
    }

    /// The runs that are remembered for reports, oldest first.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.history.runs()
    }

    /// How to run this work on this machine. `chance` decides what is tried.
    pub fn choose(&mut self, work: &Work, machine: &Machine, chance: &mut impl Rng) -> Choice {
        self.tick += 1;
        let key = work.key(&machine.hardware);
        if !self.config.enabled {
            return self.choice(key, work, BASELINE, Reason::Disabled, &[], 0.0);
        }
        if self.table.get(&key).is_none() {
            self.remember(key, Known::new(work.features, self.tick));
        }
        let looked = self.look(&key, work, machine);
        let (chosen, reason, best) = self.decide(&key, &looked, chance);
        self.keep_priors(&key, &looked);
        let best_known_s = looked[best].belief.map_or(0.0, |belief| seconds(belief.location));
        self.choice(key, work, chosen, reason, &looked, best_known_s)
    }

    fn choice(
        &self,
        key: Key,
        work: &Work,
        chosen: usize,
        reason: Reason,
        looked: &[Looked],
        best_known_s: f64,
    ) -> Choice {
        let known = self.table.get(&key);
        let runs = known.and_then(|known| known.arm(chosen)).map_or(0, |arm| arm.own.runs);
        Choice {
            strategy: self.strategies.all()[chosen].clone(),
            reason,
            key,
            pattern: known.map_or(work.features, |known| known.features).pattern(),
            is_unchecked: chosen != BASELINE && runs == 0,
            candidates: candidates(&self.strategies, known, looked),
            best_known_s,
        }
    }

    /// Notes that the work is in use, and what the rooflines said of it.
    fn keep_priors(&mut self, key: &Key, looked: &[Looked]) {
        let Some(known) = self.table.get_mut(key) else { return };
        known.used = self.tick;
        for (index, looked) in looked.iter().enumerate() {
            known.arm_mut(index).prior_log_s = looked.roofline.map(|roofline| roofline.seconds.ln());
        }
    }

    /// Every strategy as it is seen for this work.
    pub(crate) fn look(&self, key: &Key, work: &Work, machine: &Machine) -> Vec<Looked> {
        let known = self.table.get(key);
        let features = known.filter(|known| known.is_measured).map_or(work.features, |known| known.features);
        let row = features.vector();
        let mut looked: Vec<Looked> = Vec::with_capacity(self.strategies.all().len());
        let mut expected = Vec::with_capacity(self.strategies.all().len());
        for (index, strategy) in self.strategies.all().iter().enumerate() {
            let arm = known.and_then(|known| known.arm(index));
            let evidence = arm.map(super::known::Arm::evidence).unwrap_or_default();
            let roofline = machine.roofline(&features, strategy);
            let exclusion = match (&roofline, arm) {
                (Err(exclusion), _) => Some(*exclusion),
                (Ok(_), Some(arm)) if arm.is_wrong => Some(Exclusion::Wrong),
                (Ok(_), Some(arm)) if arm.has_failed() => Some(Exclusion::Failed),
                (Ok(_), Some(arm)) if arm.memory_bytes > machine.cpu.memory_bytes => {
                    Some(Exclusion::Memory { needed_bytes: arm.memory_bytes, free_bytes: machine.cpu.memory_bytes })
                }
                _ => None,
            };
            let roofline = roofline.ok();
            let (mean, variance) = self.expect(key.hardware, index, &row);
            expected.push((roofline.map_or(0.0, |roofline| roofline.seconds.ln()) + mean, variance, evidence));
            looked.push(Looked { roofline, belief: None, exclusion, weight: evidence.weight });
        }
        believe(&mut looked, &expected, self.noise);
        looked
    }

    fn expect(&self, hardware: u64, strategy: usize, row: &[f64; FEATURES]) -> (f64, f64) {
        match self.regressions.get(&(hardware, strategy)) {
            Some(regression) => regression.predict(row),
            None => Regression::default().predict(row),
        }
    }

    /// The chosen strategy, why, and the best known one.
    fn decide(&self, key: &Key, looked: &[Looked], chance: &mut impl Rng) -> (usize, Reason, usize) {
        let open = |index: &usize| looked[*index].exclusion.is_none() && looked[*index].belief.is_some();
        let belief = |index: usize| looked[index].belief.expect("only what is open is asked");
        let by_location = |a: &usize, b: &usize| belief(*a).location.total_cmp(&belief(*b).location);
        let Some(cheapest) = (0..looked.len()).filter(open).min_by(by_location) else {
            // Nothing can run as predicted; the baseline's own error is the one that users should see.
            return (BASELINE, Reason::Baseline, BASELINE);
        };
        let is_seen = |index: &usize| looked[*index].weight >= SEEN_RUNS;
        let Some(best) = (0..looked.len()).filter(open).filter(is_seen).min_by(by_location) else {
            if !open(&BASELINE) {
                return (cheapest, Reason::Best, cheapest);
            }
            let (baseline, other) = (belief(BASELINE).interval_s(), belief(cheapest).interval_s());
            if baseline.1 < SMALL_S {
                return (BASELINE, Reason::Small, BASELINE);
            }
            return match other.1 < baseline.0 {
                true => (cheapest, Reason::Similar, cheapest),
                false => (BASELINE, Reason::Baseline, BASELINE),
            };
        };
        if open(&BASELINE) && is_seen(&BASELINE) && seconds(belief(BASELINE).location) < SMALL_S {
            return (BASELINE, Reason::Small, BASELINE);
        }
        let boldness = self.config.exploration_rate / PLAIN_RATE;
        let limit = belief(best).location + FAR_WORSE.ln();
        let drawn = (0..looked.len())
            .filter(open)
            .filter(|&index| index == best || belief(index).location < limit)
            .map(|index| (index, belief(index).sample(boldness, chance)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let winner = drawn.map_or(best, |(index, _)| index);
        if winner == best {
            return (best, Reason::Best, best);
        }
        let usual_s = seconds(belief(best).location);
        let price_s = belief(winner).mean_s() - usual_s;
        let budget = self.table.get(key).map(|known| &known.budget);
        let allowance_s = budget.map_or(0.0, |b| b.allowance_s(self.config.exploration_budget, usual_s));
        match price_s <= allowance_s {
            true => (winner, Reason::Trial { allowance_s }, best),
            false => (best, Reason::Best, best),
        }
    }

    /// Learns from a run of what was chosen.
    pub fn record(&mut self, choice: &Choice, outcome: RunOutcome) {
        let ids = self.strategies.all();
        let Some(strategy) = ids.iter().position(|s| s.strategy_id == choice.strategy.strategy_id) else { return };
        // Its piece of work was forgotten meanwhile: others were more in use.
        let Some(known) = self.table.get_mut(&choice.key) else { return };
        self.tick += 1;
        known.used = self.tick;
        let (taken_s, once_s) = match outcome {
            RunOutcome::Succeeded { seconds, once_s, .. } => (seconds, once_s),
            RunOutcome::Failed { seconds } | RunOutcome::Wrong { seconds } => (seconds, 0.0),
        };
        let is_trial = matches!(choice.reason, Reason::Trial { .. } | Reason::Similar);
        let price_s = if is_trial { taken_s + once_s - choice.best_known_s } else { 0.0 };
        if taken_s.is_finite() && once_s.is_finite() {
            known.budget.enter(taken_s + once_s, price_s);
        }
        match outcome {
            RunOutcome::Failed { .. } => known.arm_mut(strategy).failures += 1,
            RunOutcome::Wrong { .. } => known.arm_mut(strategy).is_wrong = true,
            RunOutcome::Succeeded { seconds, memory_bytes, .. } => {
                let arm = known.arm_mut(strategy);
                arm.failures = 0;
                if memory_bytes.is_finite() {
                    arm.memory_bytes = arm.memory_bytes.max(memory_bytes);
                }
                if seconds.is_finite() && seconds > 0.0 {
                    self.learn(choice, strategy, seconds);
                }
            }
        }
        let baseline = choice.candidates.get(BASELINE).and_then(|candidate| candidate.prediction);
        self.history.push(Run {
            pattern: choice.pattern,
            strategy,
            seconds: taken_s,
            baseline_s: baseline.map_or(taken_s, |prediction| prediction.median_s),
            best_s: if choice.best_known_s > 0.0 { choice.best_known_s } else { taken_s },
            is_trial,
        });
    }

    fn learn(&mut self, choice: &Choice, strategy: usize, taken_s: f64) {
        let Some(known) = self.table.get_mut(&choice.key) else { return };
        let keep = 1.0 - self.config.learning_rate;
        let log_s = taken_s.ln();
        let own = &mut known.arm_mut(strategy).own;
        let expected = own.belief(own.mean, OWN_SPREAD * OWN_SPREAD, self.noise);
        let (step, weight) = (own.step(log_s), own.weight);
        let held_back = own.is_surprised();
        let course = own.record(log_s, keep, &expected);
        if let (Some(step), Course::Steady, false) = (step, course, held_back || own.is_surprised()) {
            self.noise.learn(step, weight);
        }
        for (_, arm) in known.arms.iter_mut().enumerate().filter(|(index, _)| *index != strategy) {
            match course {
                // What this one did not foresee may have happened to the others too.
                Course::Changed => arm.own.doubt(),
                Course::Steady => arm.own.fade(1.0 - FADING * self.config.learning_rate),
            }
        }
        if !self.news.contains(&(choice.key, strategy)) {
            self.news.push_back((choice.key, strategy));
        }
        self.since_update += 1;
        if self.since_update >= self.config.update_interval {
            self.since_update = 0;
            self.update();
        }
    }

    /// Takes what a run of this work was seen to do in place of what was guessed before. Later runs are looked at with
    /// these features.
    pub fn measured(&mut self, choice: &Choice, features: Features) {
        let Some(known) = self.table.get_mut(&choice.key) else { return };
        if known.is_measured && known.features.vector() == features.vector() {
            return;
        }
        let before = known.features.vector();
        (known.features, known.is_measured) = (features, true);
        for (strategy, arm) in known.arms.iter_mut().enumerate() {
            // The roofline that this was set against was that of the guess.
            arm.prior_log_s = None;
            if let (Some(value), Some(regression)) =
                (arm.contributed.take(), self.regressions.get_mut(&(choice.key.hardware, strategy)))
            {
                regression.remove(&before, value);
                regression.settle();
                self.news.push_back((choice.key, strategy));
            }
        }
    }

    /// Learns from a run that a user measured.
    pub fn feedback(&mut self, feedback: &Feedback<'_>) -> Result<(), StrategyError> {
        let Feedback { work, machine, strategy_id, time_ms, is_success } = *feedback;
        let unknown = || StrategyError::Text(format!("there is no strategy `{strategy_id}`"));
        let index = self.strategies.all().iter().position(|s| s.strategy_id == strategy_id).ok_or_else(unknown)?;
        if !(time_ms > 0.0 && time_ms.is_finite()) {
            return Err(StrategyError::Text(format!("a run takes a time above zero, not {time_ms} ms")));
        }
        let key = work.key(&machine.hardware);
        if self.table.get(&key).is_none() {
            self.remember(key, Known::new(work.features, self.tick));
        }
        let looked = self.look(&key, work, machine);
        self.keep_priors(&key, &looked);
        let choice = self.choice(key, work, index, Reason::Best, &looked, 0.0);
        let seconds = time_ms / 1e3;
        self.record(
            &choice,
            match is_success {
                true => RunOutcome::Succeeded { seconds, once_s: 0.0, memory_bytes: 0.0 },
                false => RunOutcome::Failed { seconds },
            },
        );
        Ok(())
    }

    /// Lets the regressions take in what is new, `batch_size` pieces of news at most.
    fn update(&mut self) {
        let count = self.news.len().min(self.config.batch_size);
        let mut changed = std::collections::BTreeSet::new();
        for (key, strategy) in self.news.drain(..count) {
            let Some(known) = self.table.get_mut(&key) else { continue };
            let row = known.features.vector();
            let Some(value) = residual(known, strategy) else { continue };
            let regression = self.regressions.entry((key.hardware, strategy)).or_default();
            match known.arm_mut(strategy).contributed.replace(value) {
                Some(before) => regression.correct(&row, value - before),
                None => regression.add(&row, value),
            }
            changed.insert((key.hardware, strategy));
        }
        for place in changed {
            if let Some(regression) = self.regressions.get_mut(&place) {
                regression.settle();
            }
        }
    }

    /// Puts a piece of work into the table; what is forgotten for it leaves the regressions too.
    pub(crate) fn remember(&mut self, key: Key, known: Known) {
        let Some((key, known)) = self.table.insert(key, known, self.config.memory_size) else { return };
        let row = known.features.vector();
        for (strategy, arm) in known.arms.iter().enumerate() {
            if let (Some(value), Some(regression)) =
                (arm.contributed, self.regressions.get_mut(&(key.hardware, strategy)))
            {
                regression.remove(&row, value);
                regression.settle();
            }
        }
    }

    /// Tells the regressions all that the table knows and they do not: after loading, and after news from other nodes.
    pub(crate) fn absorb(&mut self) {
        let arms = self.table.iter().flat_map(|(key, known)| (0..known.arms.len()).map(move |arm| (*key, arm)));
        self.news = arms.collect();
        while !self.news.is_empty() {
            self.update();
        }
    }

    /// Whether anything was learned on hardware of this class.
    pub fn knows_hardware(&self, hardware: &str) -> bool {
        let hardware = hardware_digest(hardware);
        self.regressions.range((hardware, 0)..=(hardware, usize::MAX)).next().is_some()
    }
}

/// What a strategy took on a piece of work beyond what its roofline says: the regression's value.
fn residual(known: &Known, strategy: usize) -> Option<f64> {
    let arm = known.arm(strategy)?;
    let evidence = arm.evidence();
    (evidence.weight > 0.0).then_some(evidence.mean - arm.prior_log_s?)
}

/// Fills in the beliefs. What all strategies share on this work is learned from those that ran, each belief being helped
/// by the others only.
fn believe(looked: &mut [Looked], expected: &[(f64, f64, crate::Evidence)], noise: Noise) {
    let shared = SHARED_SPREAD * SHARED_SPREAD;
    let own = OWN_SPREAD * OWN_SPREAD;
    // Of each that ran: precision of what it says about the shared part, and that times its value.
    let says: Vec<(f64, f64)> = expected
        .iter()
        .map(|(mean, variance, evidence)| match evidence.weight > 0.0 {
            true => {
                let precision = 1.0 / (variance + own + noise.variance() / evidence.weight);
                (precision, precision * (evidence.mean - mean))
            }
            false => (0.0, 0.0),
        })
        .collect();
    let (precision, moment) = says.iter().fold((1.0 / shared, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    for ((looked, (mean, variance, evidence)), says) in looked.iter_mut().zip(expected).zip(says) {
        if looked.roofline.is_none() {
            continue;
        }
        let others = precision - says.0;
        let location = mean + (moment - says.1) / others;
        looked.belief = Some(evidence.belief(location, variance + own + 1.0 / others, noise));
    }
    let best = looked.iter().filter(|l| l.weight >= SEEN_RUNS && l.exclusion.is_none()).filter_map(|l| l.belief);
    let Some(best) = best.map(|belief| belief.location).min_by(f64::total_cmp) else { return };
    for looked in looked {
        if let (Some(belief), None) = (looked.belief, looked.exclusion) {
            let ratio = seconds(belief.location - best);
            if ratio > FAR_WORSE && belief.interval_s().0 > seconds(best) {
                looked.exclusion = Some(Exclusion::FarWorse { ratio });
            }
        }
    }
}
