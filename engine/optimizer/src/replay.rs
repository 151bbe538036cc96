//! Times that were measured once, under every strategy, for policies to be played on: every policy meets the same world,
//! a thousand seeds cost seconds, and a machine that is busy now changes nothing.
//!
//! Pure: whoever records has the clock ([`Recording`] is what they fill), chance is an argument. It is no model of run
//! times: runs are drawn from what was measured of the same strategy on the same work.

mod play;
mod policy;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

pub use self::play::{Play, Score};
pub use self::policy::{EpsilonGreedy, Fixed, Interval, Learned, Policy, Random, Told};
use crate::history::MachineCode;
use crate::machine::Machine;
use crate::work::{Features, Work};

/// Nanoseconds of a second.
const NANOSECONDS: f64 = 1e9;

/// What every strategy took on every piece of work, measured on one machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The machine, as the optimiser was told of it.
    pub machine: Machine,
    /// Ids of the strategies, in the order in which times stand.
    pub strategies: Vec<String>,
    /// The pieces of work.
    pub works: Vec<RecordedWork>,
}

/// A piece of work with its times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedWork {
    /// For people: program and size.
    pub name: String,
    /// The kind of program, for sums.
    pub pattern: String,
    /// As it is before it ran.
    pub work: Work,
    /// What a run was seen to do.
    pub measured: Features,
    /// By index of the strategy; `None` where it cannot run there.
    pub times: Vec<Option<Times>>,
}

/// What a strategy took on a piece of work, in nanoseconds, in the order of the runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Several times the first runs in a row of a program that was never run under this strategy: in some of them
    /// machine code is made.
    pub courses: Vec<Vec<EarlyRun>>,
    /// Later runs.
    pub later_ns: Vec<u64>,
}

/// One of the first runs of a program: its nanoseconds, and what became of machine code in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyRun(pub u64, pub MachineCode);

impl Times {
    /// Median seconds of the runs that policies meet: every second one of the later runs.
    pub fn median_s(&self) -> f64 {
        median(self.met())
    }

    /// Median seconds of the other runs: those of the oracle, which tried everything beforehand.
    pub fn tried_s(&self) -> f64 {
        median(self.later_ns.iter().copied().step_by(2))
    }

    fn met(&self) -> impl Iterator<Item = u64> {
        self.later_ns.iter().copied().skip(1).step_by(2)
    }

    /// The seconds that a policy is charged for the run at this place, counted from the first: luck is nobody's merit.
    pub fn charged_s(&self, run: usize) -> f64 {
        self.usual_course().get(run).map_or_else(|| self.median_s(), |EarlyRun(ns, _)| *ns as f64 / NANOSECONDS)
    }

    /// The course of first runs that takes the median of all in sum.
    fn usual_course(&self) -> &[EarlyRun] {
        let mut sums: Vec<(u64, usize)> = (0..).zip(&self.courses).map(|(at, course)| (sum(course), at)).collect();
        sums.sort_unstable();
        sums.get(sums.len() / 2).map_or(&[], |&(_, at)| &self.courses[at])
    }

    /// How far the runs that policies meet lie apart: half of the middle half of them, as a share of the median.
    pub fn noise(&self) -> f64 {
        let mut sorted: Vec<u64> = self.met().collect();
        sorted.sort_unstable();
        let at = |share: usize| sorted.get(sorted.len() * share / 4).map_or(0.0, |&ns| ns as f64 / NANOSECONDS);
        (at(3) - at(1)) / 2.0 / self.median_s()
    }

    /// The seconds of one of the later runs that policies meet, drawn.
    pub fn draw(&self, chance: &mut impl Rng) -> f64 {
        let from: Vec<u64> = self.met().collect();
        match from.len() {
            0 => f64::NAN,
            count => from[chance.random_range(0..count)] as f64 / NANOSECONDS,
        }
    }
}

impl RecordedWork {
    /// Median seconds of a later run under a strategy; infinite where it cannot run.
    pub fn median_s(&self, strategy: usize) -> f64 {
        self.times.get(strategy).and_then(Option::as_ref).map_or(f64::INFINITY, Times::median_s)
    }

    /// What the oracle takes, which tried every strategy many times and stays with the one of the least median. The runs
    /// that it tried are not those that count: else the luck of one of two equals would be taken for skill.
    pub fn best_s(&self) -> f64 {
        let tried = |strategy: &usize| self.tried_s(*strategy);
        let best = (0..self.times.len()).min_by(|a, b| tried(a).total_cmp(&tried(b)));
        best.map_or(f64::INFINITY, |best| self.median_s(best))
    }

    fn tried_s(&self, strategy: usize) -> f64 {
        self.times.get(strategy).and_then(Option::as_ref).map_or(f64::INFINITY, Times::tried_s)
    }
}

impl Recording {
    /// The strategies that every piece of work could run under.
    pub fn usable(&self) -> Vec<usize> {
        let runs = |strategy: &usize| self.works.iter().all(|work| work.median_s(*strategy).is_finite());
        (0..self.strategies.len()).filter(runs).collect()
    }

    /// The strategy that takes the least time when it is always used, as the oracle tried it; `None` where none can always
    /// be used.
    pub fn best_fixed(&self) -> Option<usize> {
        let total = |strategy: usize| self.works.iter().map(|work| work.tried_s(strategy)).sum::<f64>();
        self.usable().into_iter().min_by(|&a, &b| total(a).total_cmp(&total(b)))
    }
}

fn sum(course: &[EarlyRun]) -> u64 {
    course.iter().map(|EarlyRun(ns, _)| ns).sum()
}

fn median(nanoseconds: impl Iterator<Item = u64>) -> f64 {
    let mut sorted: Vec<u64> = nanoseconds.collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).map_or(f64::INFINITY, |&median| median as f64 / NANOSECONDS)
}
