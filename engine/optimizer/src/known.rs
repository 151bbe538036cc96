//! The pieces of work that are remembered one by one, the longest unused forgotten first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::budget::Budget;
use crate::candidate::Chosen;
use crate::checks::Checks;
use crate::coverage::Coverage;
use crate::evidence::{Course, Evidence, Noise, seconds};
use crate::history::MachineCode;
use crate::kinship::Family;
use crate::optimizer::OWN_SPREAD;
use crate::work::{Features, Key, Shape, Work};

/// Nodes whose experience with one piece of work is kept apart.
const NODES_MAX: usize = 32;
/// Runs that what other nodes saw counts for at most: one's own machine is seen better.
const FOREIGN_RUNS_MAX: f64 = 3.0;
/// Runs in a row that compile after which that is what is expected: where others were seen, and where not.
const COMPILING_AFTER_OTHERS: u32 = 4;
const COMPILING_ALONE: u32 = 2;
/// Failures after which a strategy is left alone on a piece of work.
const FAILURES_MAX: u32 = 2;

/// A strategy on a piece of work.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Arm {
    /// What was seen here.
    pub(crate) own: Evidence,
    /// Runs in a row that compiled machine code first.
    #[serde(default)]
    compiling: u32,
    /// Whether `own` is of such runs, because there were no others.
    #[serde(default)]
    is_of_compiling: bool,
    /// Logarithm of the seconds of the last such run, while nothing else was seen: later runs take no more.
    #[serde(default)]
    pub(crate) bound: Option<f64>,
    /// Whether that was the first run of all of the work, which found nothing ready: threads, memory, caches.
    #[serde(default)]
    is_cold: bool,
    /// The mean of the logarithm of its seconds before things changed last.
    #[serde(default)]
    pub(crate) before: Option<f64>,
    /// What other nodes of this class of hardware saw, by node.
    pub(crate) foreign: BTreeMap<u64, Evidence>,
    /// Bytes that runs took at most.
    pub(crate) memory_bytes: f64,
    /// Failures since the last success.
    pub(crate) failures: u32,
    /// Whether its results differed once.
    pub(crate) is_wrong: bool,
    /// How far its results were compared with another strategy's.
    #[serde(flatten)]
    pub(crate) checks: Checks,
    /// Logarithm of the seconds that the roofline said when the work was last asked for.
    pub(crate) prior_log_s: Option<f64>,
    /// The strategy's family on the machine that last asked for the work.
    #[serde(default)]
    pub(crate) family: Option<Family>,
    /// What the regression holds of it: the row's value.
    #[serde(skip)]
    pub(crate) contributed: Option<f64>,
}

impl Arm {
    /// What was seen, here and elsewhere.
    pub(crate) fn evidence(&self) -> Evidence {
        let mut foreign = Evidence::default();
        for evidence in self.foreign.values() {
            foreign = foreign.with(evidence, f64::INFINITY);
        }
        self.own.with(&foreign, FOREIGN_RUNS_MAX)
    }

    /// Takes in a run of `log_s` logarithmic seconds; what came before weighs `keep` of what it did. Gives whether things
    /// go on as before, and the seconds that compiling took, where that can be told now.
    ///
    /// A run that compiles, or waits for that, or finds nothing ready, says how long later ones take at most; only where
    /// every run compiles (programs that are told apart by every process anew, say) does that become what is expected.
    pub(crate) fn record(&mut self, log_s: f64, code: MachineCode, keep: f64, noise: Noise) -> (Course, Option<f64>) {
        let mut compiling_s = None;
        let compiled = code == MachineCode::Made;
        if code == MachineCode::Awaited {
            self.bounds(log_s);
            return (Course::Steady, None);
        }
        let was_cold = std::mem::take(&mut self.is_cold);
        if compiled {
            self.compiling = self.compiling.saturating_add(1);
            let is_settled = self.own.weight > 0.0 && !self.is_of_compiling;
            if self.compiling < if is_settled { COMPILING_AFTER_OTHERS } else { COMPILING_ALONE } {
                self.own.runs += 1;
                self.bound = Some(log_s).filter(|_| !is_settled);
                return (Course::Steady, None);
            }
        } else {
            self.compiling = 0;
            let bound = self.bound.take().filter(|_| !was_cold);
            compiling_s = bound.map(|bound| seconds(bound) - seconds(log_s)).filter(|s| *s > 0.0);
        }
        if compiled != self.is_of_compiling {
            (self.is_of_compiling, self.bound) = (compiled, None);
            self.own = self.own.begun_again();
        }
        let expected = self.own.belief(self.own.mean, OWN_SPREAD * OWN_SPREAD, noise);
        let course = self.own.record(log_s, keep, &expected);
        if course != Course::Steady {
            self.before = Some(expected.location);
        }
        (course, compiling_s)
    }

    /// The first run of all of the work.
    pub(crate) fn record_cold(&mut self, log_s: f64) {
        self.bounds(log_s);
        self.is_cold = true;
    }

    /// A run says how long later ones take at most.
    fn bounds(&mut self, log_s: f64) {
        let is_settled = self.own.weight > 0.0;
        self.own.runs += 1;
        self.bound = Some(log_s).filter(|_| !is_settled);
    }

    /// Takes what another node saw in place of what it told before. Nodes beyond the bound are not heard.
    pub(crate) fn hear(&mut self, node: u64, evidence: Evidence) {
        if self.foreign.len() < NODES_MAX || self.foreign.contains_key(&node) {
            self.foreign.insert(node, evidence);
        }
    }

    /// Whether it failed too often in a row.
    pub(crate) fn has_failed(&self) -> bool {
        self.failures >= FAILURES_MAX
    }
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) features: Features,
    /// What it was given when it was first asked for here; empty where only others told of it.
    #[serde(default)]
    pub(crate) shapes: Vec<Shape>,
    /// Whether those were seen in a run, and not guessed.
    pub(crate) is_measured: bool,
    /// By index of the strategy; shorter where later ones never ran.
    pub(crate) arms: Vec<Arm>,
    pub(crate) budget: Budget,
    /// How far the ends of its intervals lie.
    #[serde(default)]
    pub(crate) coverage: Coverage,
    /// What its last run here was chosen to be; states of older versions do not say.
    #[serde(default)]
    pub(crate) last: Option<Chosen>,
    /// When it was last asked for, in choices and records.
    pub(crate) used: u64,
}

impl Known {
    pub(crate) fn new(features: Features, used: u64) -> Self {
        Known {
            features,
            shapes: Vec::new(),
            is_measured: false,
            arms: Vec::new(),
            budget: Budget::default(),
            coverage: Coverage::default(),
            last: None,
            used,
        }
    }

    /// What is known of a piece of work before its first run.
    pub(crate) fn of(work: &Work, used: u64) -> Self {
        Known { shapes: work.shapes.clone(), ..Known::new(work.features, used) }
    }

    /// Runs that were seen of it here, under all strategies.
    pub(crate) fn runs(&self) -> u64 {
        self.arms.iter().map(|arm| arm.own.runs).sum()
    }

    pub(crate) fn arm(&self, strategy: usize) -> Option<&Arm> {
        self.arms.get(strategy)
    }

    pub(crate) fn arm_mut(&mut self, strategy: usize) -> &mut Arm {
        if self.arms.len() <= strategy {
            self.arms.resize_with(strategy + 1, Arm::default);
        }
        &mut self.arms[strategy]
    }

    /// Whether the numbers can be those of runs.
    pub(crate) fn is_sound(&self) -> bool {
        let sound = |arm: &Arm| {
            arm.own.is_sound()
                && arm.foreign.values().all(Evidence::is_sound)
                && arm.memory_bytes.is_finite()
                && arm.checks.is_sound()
                && arm.bound.is_none_or(|bound| bound.abs() < 1e3)
                && arm.before.is_none_or(|before| before.abs() < 1e3)
                && arm.prior_log_s.is_none_or(|prior| prior.abs() < 1e3)
        };
        self.budget.is_sound() && self.coverage.is_sound() && self.arms.iter().all(sound)
    }
}

/// All pieces of work, up to a limit.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Table {
    by_key: BTreeMap<Key, Known>,
}

impl Table {
    pub(crate) fn get(&self, key: &Key) -> Option<&Known> {
        self.by_key.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut Known> {
        self.by_key.get_mut(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Known)> {
        self.by_key.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Leaves out what was seen of the strategy at `index`; those behind it move up, and no regression knows any.
    pub(crate) fn forget_strategy(&mut self, index: usize, strategy_id: &str) {
        for known in self.by_key.values_mut() {
            if index < known.arms.len() {
                known.arms.remove(index);
            }
            known.arms.iter_mut().for_each(|arm| arm.contributed = None);
            known.last.take_if(|last| last.strategy_id == strategy_id);
        }
    }

    /// Puts in a piece of work; where `limit` are known, what was unused longest is returned for forgetting.
    pub(crate) fn insert(&mut self, key: Key, known: Known, limit: usize) -> Option<(Key, Known)> {
        let is_full = self.by_key.len() >= limit && !self.by_key.contains_key(&key);
        let oldest = self.by_key.iter().min_by_key(|(_, known)| known.used).map(|(key, _)| *key);
        let forgotten = oldest.filter(|_| is_full).and_then(|oldest| self.by_key.remove_entry(&oldest));
        self.by_key.insert(key, known);
        forgotten
    }
}
