//! Which strategy is taken: the best known, one that may be better and can be afforded, or the usual one.
//!
//! Pure: chance is an argument. What is believed of each strategy comes from [`crate::beliefs`].

use rand::{Rng, RngExt};

use crate::beliefs::{FAR_WORSE, Looked, SEEN_RUNS};
use crate::candidate::Reason;
use crate::evidence::{Belief, seconds};
use crate::known::Known;
use crate::optimizer::{BASELINE, Optimizer};
use crate::strategy::JitLevel;
use crate::trying::{Worth, worth};
use crate::work::Key;

/// Work that takes less than this is not worth a choice.
const SMALL_S: f64 = 100e-6;
/// Runs that a piece of work has ahead at least and at most.
const RUNS_AHEAD: (f64, f64) = (30.0, 100.0);
/// What is tried ends in time where so many times what one run in ten exceeds is in time: one trial in ten must not be lost.
const IN_TIME: f64 = 2.0;
/// What a trial may take longer than the best known in any case, in seconds: nobody feels that.
const TRIAL_LEAST_S: f64 = 5e-3;
/// The exploration rate at which doubts are taken as they are.
const PLAIN_RATE: f64 = 0.2;

impl Optimizer {
    /// The chosen strategy, why, and the best known one.
    pub(crate) fn decide(
        &self,
        key: &Key,
        looked: &[Looked],
        within_s: f64,
        chance: &mut impl Rng,
    ) -> (usize, Reason, usize) {
        let open = |index: &usize| looked[*index].exclusion.is_none() && looked[*index].belief.is_some();
        let belief = |index: usize| looked[index].belief.expect("only what is open is asked");
        let by_location = |a: &usize, b: &usize| belief(*a).location.total_cmp(&belief(*b).location);
        let is_seen = |index: &usize| looked[*index].weight >= SEEN_RUNS;
        let Some(best) = (0..looked.len()).filter(open).filter(is_seen).min_by(by_location) else {
            let is_measured = self.table.get(key).is_some_and(|known| known.is_measured);
            return self.decide_unseen(looked, is_measured);
        };
        if seconds(belief(best).location) < SMALL_S {
            return (best, Reason::Small, best);
        }
        match self.trial(key, looked, (best, within_s), chance) {
            Some((tried, allowance_s)) => {
                let usual_s = looked[best].belief.map_or(0.0, |belief| seconds(belief.location));
                let stop_s = usual_s + allowance_s.max(TRIAL_LEAST_S);
                (tried, Reason::Trial { allowance_s, stop_s }, best)
            }
            None => (best, Reason::Best, best),
        }
    }

    /// A strategy that is worth trying and can be afforded, and what it may cost. Where there are several, chance takes
    /// one, the more often the more it promises: nodes that know the same should not all try the same.
    fn trial(
        &self,
        key: &Key,
        looked: &[Looked],
        (best, within_s): (usize, f64),
        chance: &mut impl Rng,
    ) -> Option<(usize, f64)> {
        let (known, best_belief) = (self.table.get(key)?, looked[best].belief?);
        // The share is one of what `default` takes, where that is sure to take more than the best known.
        let baseline_s = looked[BASELINE].belief.map_or(0.0, |baseline| baseline.interval_s().0);
        let usual_s = baseline_s.max(seconds(best_belief.location));
        let allowance_s = known.budget.allowance_s(self.config.exploration_budget, usual_s);
        let boldness = self.config.exploration_rate / PLAIN_RATE;
        let limit = best_belief.location + FAR_WORSE.ln();
        let promises = |(index, one): (usize, &Looked)| {
            let is_in_time = |belief: &Belief| IN_TIME * belief.interval_s().1 < within_s;
            let belief = one.belief.filter(|belief| index != best && belief.location < limit && is_in_time(belief))?;
            let Worth { gain_s, price_s } = worth(&best_belief, &belief);
            let price_s = price_s + if one.ran { 0.0 } else { self.compiling_s(index) };
            // What is promised against `default` is promised for so many runs.
            let runs_ahead = if index == BASELINE { RUNS_AHEAD.1 } else { self.runs_ahead(known) };
            let net_s = boldness * runs_ahead * gain_s - price_s;
            (one.exclusion.is_none() && net_s > 0.0 && price_s <= allowance_s).then_some((index, net_s))
        };
        let promising: Vec<(usize, f64)> = looked.iter().enumerate().filter_map(promises).collect();
        let total: f64 = promising.iter().map(|(_, net_s)| net_s).sum();
        let mut left = chance.random::<f64>() * total;
        let drawn = promising.iter().find(|(_, net_s)| {
            left -= net_s;
            left <= 0.0
        });
        drawn.or(promising.last()).map(|(index, _)| (*index, allowance_s))
    }

    /// Runs of a piece of work that are still to come, as far as can be told: as many as there were (what was used often
    /// goes on being used), and the tasks of a job.
    fn runs_ahead(&self, known: &Known) -> f64 {
        (known.runs() as f64).max(known.features.batch).clamp(RUNS_AHEAD.0, RUNS_AHEAD.1)
    }

    /// Seconds that the first run under a strategy takes for compiling.
    fn compiling_s(&self, strategy: usize) -> f64 {
        match self.strategies.all()[strategy].jit_level {
            JitLevel::Native => self.compiling.seconds(),
            JitLevel::Interpreted | JitLevel::Optimised => 0.0,
        }
    }

    /// The same where nothing was seen of this work: with everything on, unless similar work was clearly faster another
    /// way. The baseline is never forced on a person: without any optimisation a program may
    /// take a hundred times as long.
    fn decide_unseen(&self, looked: &[Looked], is_measured: bool) -> (usize, Reason, usize) {
        let open = |index: &usize| looked[*index].exclusion.is_none() && looked[*index].belief.is_some();
        let belief = |index: usize| looked[index].belief.expect("only what is open is asked");
        let by_location = |a: &usize, b: &usize| belief(*a).location.total_cmp(&belief(*b).location);
        let Some(cheapest) = (0..looked.len()).filter(open).min_by(by_location) else {
            // Nothing can run as predicted; the baseline's own error is the one that users should see.
            return (BASELINE, Reason::Baseline, BASELINE);
        };
        let usual = self.strategies.usual();
        if !open(&usual) {
            return (cheapest, Reason::Similar, cheapest);
        }
        // What nobody ran is guessed from its text: a loop or a tensor of any size looks like microseconds.
        if is_measured && belief(usual).interval_s().1 < SMALL_S {
            return (usual, Reason::Small, usual);
        }
        match belief(cheapest).interval_s().1 < belief(usual).interval_s().0 {
            true => (cheapest, Reason::Similar, cheapest),
            false => (usual, Reason::Usual, usual),
        }
    }
}
