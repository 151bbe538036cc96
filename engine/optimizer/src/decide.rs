//! Which strategy is taken: the best known, one that may be better and can be afforded, or the usual one.
//!
//! Pure: chance is an argument. What is believed of each strategy comes from [`crate::beliefs`].

use rand::Rng;

use crate::beliefs::{FAR_WORSE, Looked, SEEN_RUNS};
use crate::candidate::Reason;
use crate::evidence::seconds;
use crate::optimizer::{BASELINE, Optimizer};
use crate::work::Key;

/// Work that takes less than this is not worth a choice.
const SMALL_S: f64 = 100e-6;
/// The exploration rate at which doubts are taken as they are.
const PLAIN_RATE: f64 = 0.2;

impl Optimizer {
    /// The chosen strategy, why, and the best known one.
    pub(crate) fn decide(&self, key: &Key, looked: &[Looked], chance: &mut impl Rng) -> (usize, Reason, usize) {
        let open = |index: &usize| looked[*index].exclusion.is_none() && looked[*index].belief.is_some();
        let belief = |index: usize| looked[index].belief.expect("only what is open is asked");
        let by_location = |a: &usize, b: &usize| belief(*a).location.total_cmp(&belief(*b).location);
        let is_seen = |index: &usize| looked[*index].weight >= SEEN_RUNS;
        let Some(best) = (0..looked.len()).filter(open).filter(is_seen).min_by(by_location) else {
            return self.decide_unseen(looked);
        };
        if seconds(belief(best).location) < SMALL_S {
            return (best, Reason::Small, best);
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

    /// The same where nothing was seen of this work: with everything on, unless similar work was clearly faster another
    /// way. The baseline is never forced on a person: without any optimisation a program may
    /// take a hundred times as long.
    fn decide_unseen(&self, looked: &[Looked]) -> (usize, Reason, usize) {
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
        if belief(usual).interval_s().1 < SMALL_S {
            return (usual, Reason::Small, usual);
        }
        match belief(cheapest).interval_s().1 < belief(usual).interval_s().0 {
            true => (cheapest, Reason::Similar, cheapest),
            false => (usual, Reason::Usual, usual),
        }
    }
}
