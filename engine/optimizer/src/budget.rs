//! What trying may cost: a share of the run time of a piece of work, over a window of runs.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Runs over which the budget holds.
const WINDOW_RUNS: usize = 100;
/// Runs that a new piece of work is expected to see at least: what may be spent before they happened. What ran more often
/// goes on being run.
const EXPECTED_RUNS: f64 = 20.0;

/// A run in the window: what it took, and what of that was the price of trying.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Spent {
    seconds: f64,
    price: f64,
}

/// The account of one piece of work.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Budget {
    window: VecDeque<Spent>,
}

impl Budget {
    /// Seconds that trying may still cost when it may cost `share` of the time and a usual run takes `usual_s`.
    pub(crate) fn allowance_s(&self, share: f64, usual_s: f64) -> f64 {
        let (time, price) = self.window.iter().fold((0.0, 0.0), |(t, p), run| (t + run.seconds, p + run.price));
        let ahead = EXPECTED_RUNS.max(self.window.len() as f64);
        share * time.max(ahead * usual_s) - price
    }

    /// Enters a run: `price` is what it took longer than the best known would have, when it was a trial.
    pub(crate) fn enter(&mut self, seconds: f64, price: f64) {
        if self.window.len() == WINDOW_RUNS {
            self.window.pop_front();
        }
        self.window.push_back(Spent { seconds, price: price.max(0.0) });
    }

    /// Whether the numbers can be those of runs.
    pub(crate) fn is_sound(&self) -> bool {
        self.window.len() <= WINDOW_RUNS
            && self.window.iter().all(|run| run.seconds.is_finite() && run.price.is_finite() && run.price >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spent_is_gone_until_its_run_leaves_the_window() {
        let mut budget = Budget::default();
        assert!((budget.allowance_s(0.05, 1.0) - 1.0).abs() < 1e-12);
        budget.enter(3.0, 2.0);
        assert!(budget.allowance_s(0.05, 1.0) < 0.0);
        for _ in 0..99 {
            budget.enter(1.0, 0.0);
        }
        assert!((budget.allowance_s(0.05, 1.0) - (0.05 * 102.0 - 2.0)).abs() < 1e-9);
        budget.enter(1.0, 0.0);
        assert!((budget.allowance_s(0.05, 1.0) - 5.0).abs() < 1e-9);
    }
}
