//! The optimiser: choose, record, learn.

use std::collections::{BTreeMap, VecDeque};

use rand::Rng;

use crate::beliefs::Looked;
use crate::candidate::{Choice, Chosen, Exclusion, Reason};
use crate::checks::{CHECK_LEAST_S, Comparison};
use crate::config::OptimizerConfig;
use crate::coverage::Coverage;
use crate::evidence::{Compiling, Course, Noise, seconds};
use crate::explain::candidates;
use crate::history::{History, MachineCode, Run, RunOutcome};
use crate::kinship::{Family, regressors};
use crate::known::{Known, Table};
use crate::machine::Machine;
use crate::names::Names;
use crate::regression::Regression;
use crate::strategy::{Strategies, Strategy, StrategyError};
use crate::work::{Features, Key, Work, hardware_digest};

/// The baseline's index.
pub(crate) const BASELINE: usize = 0;
/// Spread of what is one strategy's own on a piece of work.
pub(crate) const OWN_SPREAD: f64 = 0.5;
/// What a run that was stopped would have taken, as a multiple of what it did: at least that, and nobody knows how much more.
const STOPPED_TAKES: f64 = 1.5;
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
    pub(crate) coverage: Coverage,
    pub(crate) compiling: Compiling,
    pub(crate) names: Names,
    pub(crate) regressions: BTreeMap<(u64, Family), Regression>,
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

impl Optimizer {
    /// An optimiser that has seen nothing.
    pub fn new(config: OptimizerConfig) -> Self {
        Optimizer {
            config,
            strategies: Strategies::default(),
            table: Table::default(),
            history: History::default(),
            noise: Noise::default(),
            coverage: Coverage::default(),
            compiling: Compiling::default(),
            names: Names::default(),
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

    /// Takes away a strategy of the user, with what was seen of it.
    pub fn unregister(&mut self, strategy_id: &str) -> Result<(), StrategyError> {
        let index = self.index_of(strategy_id)?;
        self.strategies.take_away(index)?;
        self.table.forget_strategy(index, strategy_id);
        self.history.forget_strategy(index);
        // What the regressions hold is told to them anew, under the new numbers.
        self.regressions.clear();
        self.absorb();
        Ok(())
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
        self.choose_within(work, machine, f64::INFINITY, chance)
    }

    /// The same where a run that takes more than so many seconds is stopped: nothing is tried that may not come to its end.
    pub fn choose_within(&mut self, work: &Work, machine: &Machine, within_s: f64, chance: &mut impl Rng) -> Choice {
        self.tick += 1;
        let key = work.key(&machine.hardware);
        if !self.config.enabled {
            return self.choice(key, work, BASELINE, Reason::Disabled, &[], 0.0);
        }
        if self.table.get(&key).is_none() {
            self.remember(key, Known::of(work, self.tick));
        }
        let looked = self.look(&key, &work.features, machine);
        let (chosen, reason, best) = self.decide(&key, &looked, within_s, chance);
        self.keep_priors(&key, &looked);
        let best_known_s = looked[best].belief.map_or(0.0, |belief| seconds(belief.location));
        let otherwise = matches!(reason, Reason::Trial { .. }).then(|| self.strategies.all()[best].clone());
        Choice { otherwise, ..self.choice(key, work, chosen, reason, &looked, best_known_s) }
    }

    /// The strategy that a person named, with what is predicted of all. The error says why it cannot run here.
    pub fn ask_for(&mut self, work: &Work, machine: &Machine, strategy_id: &str) -> Result<Choice, StrategyError> {
        self.tick += 1;
        let key = work.key(&machine.hardware);
        let index = self.index_of(strategy_id)?;
        if self.table.get(&key).is_none() {
            self.remember(key, Known::of(work, self.tick));
        }
        let looked = self.look(&key, &work.features, machine);
        if let Some(exclusion) = looked[index].exclusion.filter(|exclusion| !exclusion.is_advice()) {
            return Err(StrategyError::Text(format!("`{strategy_id}` cannot run this: {exclusion}")));
        }
        self.keep_priors(&key, &looked);
        let usual_s = looked[index].belief.map_or(0.0, |belief| seconds(belief.location));
        Ok(self.choice(key, work, index, Reason::Asked, &looked, usual_s))
    }

    fn index_of(&self, strategy_id: &str) -> Result<usize, StrategyError> {
        let ids = self.strategies.all();
        ids.iter().position(|s| s.strategy_id == strategy_id).ok_or_else(|| {
            let known: Vec<&str> = ids.iter().map(|s| s.strategy_id.as_str()).collect();
            StrategyError::Text(format!("there is no strategy `{strategy_id}`; there are {}", known.join(", ")))
        })
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
        let is_checked = known.and_then(|known| known.arm(chosen)).is_some_and(|arm| arm.checks.are_done());
        Choice {
            strategy: self.strategies.all()[chosen].clone(),
            reason,
            key,
            pattern: known.map_or(work.features, |known| known.features).pattern(),
            is_unchecked: chosen != BASELINE && !is_checked,
            candidates: candidates(&self.strategies, known, looked, self.coverage),
            otherwise: None,
            slowed_log: looked.get(chosen).map_or(0.0, |looked| looked.slowed_log),
            best_known_s,
            guessed: work.features,
        }
    }

    /// Notes that the work is in use, and what the rooflines said of it.
    fn keep_priors(&mut self, key: &Key, looked: &[Looked]) {
        let Some(known) = self.table.get_mut(key) else { return };
        known.used = self.tick;
        for (index, looked) in looked.iter().enumerate() {
            let arm = known.arm_mut(index);
            arm.prior_log_s = looked.roofline.map(|roofline| roofline.seconds.ln());
            if arm.contributed.is_none() {
                arm.family = Some(looked.family);
            }
        }
    }

    /// Learns from a run of what was chosen.
    pub fn record(&mut self, choice: &Choice, outcome: RunOutcome) {
        let is_cold = self.table.get(&choice.key).is_none_or(|known| known.runs() == 0);
        self.take_in(choice, outcome, is_cold);
        if let Some(known) = self.table.get_mut(&choice.key) {
            known.last = Some(Chosen { strategy_id: choice.strategy.strategy_id.clone(), reason: choice.reason });
        }
    }

    /// The same; whether it found nothing ready: threads, memory, caches.
    fn take_in(&mut self, choice: &Choice, outcome: RunOutcome, is_cold: bool) {
        let ids = self.strategies.all();
        let Some(strategy) = ids.iter().position(|s| s.strategy_id == choice.strategy.strategy_id) else { return };
        self.tick += 1;
        if self.table.get(&choice.key).is_none() {
            // It was forgotten meanwhile, or chosen by another process that knows this optimiser's file.
            self.remember(choice.key, Known::new(choice.guessed, self.tick));
        }
        let Some(known) = self.table.get_mut(&choice.key) else { return };
        known.used = self.tick;
        // Before the first run, times are predicted from the text of the program.
        let is_guess = !known.is_measured && known.runs() == 0;
        let (taken_s, once_s) = match outcome {
            RunOutcome::Succeeded { seconds, once_s, .. } => (seconds, once_s),
            RunOutcome::Failed { seconds } | RunOutcome::Stopped { seconds } | RunOutcome::Wrong { seconds } => {
                (seconds, 0.0)
            }
        };
        let is_trial = matches!(choice.reason, Reason::Trial { .. } | Reason::Similar);
        let tried_s = match outcome {
            // The work is done again.
            RunOutcome::Stopped { seconds } => seconds,
            _ if is_trial => taken_s - choice.best_known_s,
            _ => 0.0,
        };
        let price_s = tried_s.max(0.0) + (once_s - CHECK_LEAST_S).max(0.0);
        if taken_s.is_finite() && once_s.is_finite() {
            let baseline = choice.candidates.get(BASELINE).and_then(|candidate| candidate.prediction);
            let baseline_s = baseline.map_or(0.0, |prediction| prediction.low_s);
            known.budget.enter((taken_s + once_s).max(baseline_s), price_s);
        }
        match outcome {
            RunOutcome::Failed { .. } => known.arm_mut(strategy).failures += 1,
            RunOutcome::Wrong { .. } => known.arm_mut(strategy).is_wrong = true,
            RunOutcome::Stopped { seconds } if seconds.is_finite() && seconds > 0.0 => {
                self.learn(choice, strategy, STOPPED_TAKES * seconds, MachineCode::Settled);
            }
            RunOutcome::Stopped { .. } => {}
            RunOutcome::Succeeded { seconds, memory_bytes, code, .. } => {
                let arm = known.arm_mut(strategy);
                arm.failures = 0;
                if memory_bytes.is_finite() {
                    arm.memory_bytes = arm.memory_bytes.max(memory_bytes);
                }
                if seconds.is_finite() && seconds > 0.0 && is_cold && code == MachineCode::Settled {
                    arm.record_cold(seconds.ln() - choice.slowed_log);
                } else if seconds.is_finite() && seconds > 0.0 {
                    if code == MachineCode::Settled {
                        self.cover(choice, seconds);
                    }
                    self.learn(choice, strategy, seconds, code);
                }
            }
        }
        let baseline = choice.candidates.get(BASELINE).and_then(|candidate| candidate.prediction);
        self.history.push(Run {
            pattern: choice.pattern,
            strategy,
            seconds: taken_s,
            baseline_s: baseline.filter(|_| !is_guess).map_or(taken_s, |prediction| prediction.median_s),
            best_s: if choice.best_known_s > 0.0 && !is_guess { choice.best_known_s } else { taken_s },
            is_trial,
        });
    }

    /// Corrects the ends of intervals by a run that was predicted.
    fn cover(&mut self, choice: &Choice, taken_s: f64) {
        let Some(prediction) = choice.prediction().filter(|prediction| prediction.seen_s.is_some()) else { return };
        let Some(known) = self.table.get_mut(&choice.key) else { return };
        let interval = (prediction.low_s, prediction.high_s);
        if known.coverage == Coverage::default() {
            known.coverage = self.coverage.beginning();
        }
        known.coverage.learn(taken_s, interval);
        self.coverage.learn_of_all(taken_s, interval);
    }

    fn learn(&mut self, choice: &Choice, strategy: usize, taken_s: f64, code: MachineCode) {
        let Some(known) = self.table.get_mut(&choice.key) else { return };
        let keep = 1.0 - self.config.learning_rate;
        // What it would have taken on a machine that does nothing else.
        let log_s = taken_s.ln() - choice.slowed_log;
        let arm = known.arm_mut(strategy);
        let (step, weight, held_back) = (arm.own.step(log_s), arm.own.weight, arm.own.is_surprised());
        let (course, compiling_s) = arm.record(log_s, code, keep, self.noise);
        let is_unlike = code != MachineCode::Settled || held_back || arm.own.is_surprised();
        if let (Some(step), false, Course::Steady) = (step, is_unlike, course) {
            self.noise.learn(step, weight);
        }
        if let Some(compiling_s) = compiling_s {
            self.compiling.learn(compiling_s);
        }
        for (_, arm) in known.arms.iter_mut().enumerate().filter(|(index, _)| *index != strategy) {
            match course {
                // What this one did not foresee may have happened to the others too.
                Course::Changed => arm.own.doubt(),
                Course::Steady | Course::Followed => arm.own.fade(1.0 - FADING * self.config.learning_rate),
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
        let before = std::mem::replace(&mut known.features, features);
        known.is_measured = true;
        for (strategy, arm) in known.arms.iter_mut().enumerate() {
            // The roofline that this was set against was that of the guess.
            arm.prior_log_s = None;
            let Some(family) = arm.family else { continue };
            if let (Some(value), Some(regression)) =
                (arm.contributed.take(), self.regressions.get_mut(&(choice.key.hardware, family)))
            {
                regression.remove(&regressors(&before, &self.strategies.all()[strategy]), value);
                regression.settle();
                if !self.news.contains(&(choice.key, strategy)) {
                    self.news.push_back((choice.key, strategy));
                }
            }
        }
    }

    /// Whether the features of a choice's work were seen in a run, and not guessed.
    pub fn is_measured(&self, choice: &Choice) -> bool {
        self.table.get(&choice.key).is_some_and(|known| known.is_measured)
    }

    /// Seconds that comparing the results of a choice with another strategy's may take now, after a run of so many seconds:
    /// its share of what this strategy ran unchecked, and at first what nobody feels. `None` where it is compared already,
    /// or what is left does not reach for twice what the last comparison took without an end. A run that failed is compared in
    /// any case: its error may be the strategy's.
    pub fn check_within_s(&self, choice: &Choice, taken_s: f64, has_failed: bool) -> Option<f64> {
        let index = self.index_of(&choice.strategy.strategy_id).ok().filter(|index| *index != BASELINE)?;
        let arm = self.table.get(&choice.key)?.arm(index);
        let checks = arm.map(|arm| arm.checks).unwrap_or_default();
        // What is known to take longer is not begun in vain.
        let baseline = choice.candidates.get(BASELINE).and_then(|candidate| candidate.prediction);
        let needed_s = baseline.filter(|prediction| prediction.seen_s.is_some()).map_or(0.0, |p| p.low_s);
        let within_s = checks.within_s(taken_s).filter(|within_s| *within_s >= needed_s);
        if has_failed { Some(within_s.unwrap_or(0.0).max(CHECK_LEAST_S)) } else { within_s }
    }

    /// Notes how comparing the results of a choice with another strategy's ended, after a run of so many seconds.
    pub fn checked(&mut self, choice: &Choice, taken_s: f64, comparison: Comparison) {
        let Ok(index) = self.index_of(&choice.strategy.strategy_id) else { return };
        let Some(known) = self.table.get_mut(&choice.key) else { return };
        known.arm_mut(index).checks.enter(taken_s, comparison);
    }

    /// Learns from a run that a user measured.
    pub fn feedback(&mut self, feedback: &Feedback<'_>) -> Result<(), StrategyError> {
        let Feedback { work, machine, strategy_id, time_ms, is_success } = *feedback;
        let index = self.index_of(strategy_id)?;
        if !(time_ms > 0.0 && time_ms.is_finite()) {
            return Err(StrategyError::Text(format!("a run takes a time above zero, not {time_ms} ms")));
        }
        let key = work.key(&machine.hardware);
        if self.table.get(&key).is_none() {
            self.remember(key, Known::of(work, self.tick));
        }
        let looked = self.look(&key, &work.features, machine);
        if let Some(exclusion @ Exclusion::NoDevice(_)) = looked[index].exclusion {
            return Err(StrategyError::Text(format!("nothing ran under `{strategy_id}`: {exclusion}")));
        }
        self.keep_priors(&key, &looked);
        let choice = self.choice(key, work, index, Reason::Best, &looked, 0.0);
        let seconds = time_ms / 1e3;
        let outcome = match is_success {
            true => RunOutcome::Succeeded { seconds, once_s: 0.0, memory_bytes: 0.0, code: MachineCode::Settled },
            false => RunOutcome::Failed { seconds },
        };
        // Whoever tells it means what runs take.
        self.take_in(&choice, outcome, false);
        Ok(())
    }

    /// Lets the regressions take in what is new, `batch_size` pieces of news at most.
    fn update(&mut self) {
        let count = self.news.len().min(self.config.batch_size);
        let mut changed = std::collections::BTreeSet::new();
        for (key, strategy) in self.news.drain(..count) {
            let Some(known) = self.table.get_mut(&key) else { continue };
            let row = regressors(&known.features, &self.strategies.all()[strategy]);
            let Some((family, value)) = residual(known, strategy) else { continue };
            let regression = self.regressions.entry((key.hardware, family)).or_default();
            match known.arm_mut(strategy).contributed.replace(value) {
                Some(before) => regression.correct(&row, value - before),
                None => regression.add(&row, value),
            }
            changed.insert((key.hardware, family));
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
        for (strategy, arm) in known.arms.iter().enumerate() {
            let Some(family) = arm.family else { continue };
            if let (Some(value), Some(regression)) =
                (arm.contributed, self.regressions.get_mut(&(key.hardware, family)))
            {
                regression.remove(&regressors(&known.features, &self.strategies.all()[strategy]), value);
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
        self.regressions.keys().any(|(known, _)| *known == hardware)
    }
}

/// What a strategy took on a piece of work beyond what its roofline says: the value for its family's regression.
fn residual(known: &Known, strategy: usize) -> Option<(Family, f64)> {
    let arm = known.arm(strategy)?;
    let evidence = arm.evidence();
    (evidence.weight > 0.0).then_some((arm.family?, evidence.mean - arm.prior_log_s?))
}
