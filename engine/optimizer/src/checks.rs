//! Whether the results of a strategy on a piece of work were compared with the baseline's, and what comparing may cost.
//!
//! A comparison runs the baseline. What takes a hundred times as long there is compared too, once the strategy has run for
//! long enough that the comparison is a small share of it: each one that did not come to its end makes the next wait until
//! there is time for twice as much.

use serde::{Deserialize, Serialize};

/// What a comparison may take in any case, in seconds: nobody feels that.
pub(crate) const CHECK_LEAST_S: f64 = 0.02;
/// The share of what ran unchecked that comparisons may take.
const SHARE: f64 = 0.05;
/// Comparisons in a row that said nothing after which no more are begun: the program reads a clock, or fails either way.
const VOID_MAX: u8 = 3;

/// How a comparison ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Comparison {
    /// The results are the same.
    Same,
    /// The baseline had not come to its end after so many seconds.
    Open {
        /// Seconds until then.
        seconds: f64,
    },
    /// There is nothing to compare.
    Void,
    /// None was begun: there is no time for it yet.
    Postponed,
}

/// What is known of the comparisons of one strategy on one piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Checks {
    /// The results were the same.
    #[serde(default)]
    pub(crate) is_checked: bool,
    /// Comparisons that said nothing.
    #[serde(default, rename = "void_checks")]
    void: u8,
    /// Seconds that ran unchecked.
    #[serde(default, rename = "unchecked_s")]
    unchecked_s: f64,
    /// Seconds of all comparisons that did not come to their end, and of the longest of them.
    #[serde(default, rename = "check_spent_s")]
    spent_s: f64,
    #[serde(default, rename = "check_longest_s")]
    longest_s: f64,
}

impl Checks {
    /// Whether no more are to be made.
    pub(crate) fn are_done(&self) -> bool {
        self.is_checked || self.void >= VOID_MAX
    }

    /// What one may take after a run of so many seconds; `None` where it is not worth beginning.
    pub(crate) fn within_s(&self, taken_s: f64) -> Option<f64> {
        if self.are_done() {
            return None;
        }
        let saved_s = SHARE * (self.unchecked_s + taken_s) - self.spent_s;
        let open_s = if self.longest_s == 0.0 { saved_s.max(CHECK_LEAST_S) } else { saved_s };
        (open_s >= 2.0 * self.longest_s).then_some(open_s)
    }

    /// Takes in how one ended, after a run of so many seconds.
    pub(crate) fn enter(&mut self, taken_s: f64, comparison: Comparison) {
        let reasonable = |seconds: f64| if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
        self.unchecked_s += reasonable(taken_s);
        match comparison {
            Comparison::Same => self.is_checked = true,
            Comparison::Void => self.void = self.void.saturating_add(1),
            Comparison::Open { seconds } => {
                self.spent_s += reasonable(seconds);
                self.longest_s = self.longest_s.max(reasonable(seconds));
            }
            Comparison::Postponed => {}
        }
    }

    /// Whether the numbers can be those of runs.
    pub(crate) fn is_sound(&self) -> bool {
        [self.unchecked_s, self.spent_s, self.longest_s].iter().all(|s| s.is_finite() && *s >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_take_their_share_and_come_to_an_end_however_slow_the_baseline_is() {
        for (run_s, baseline_s) in [(10.0, 9.0), (10.0, 2_000.0), (1e-3, 0.5)] {
            let mut checks = Checks::default();
            let (mut ran_s, mut compared_s, mut runs) = (0.0, 0.0, 0);
            while !checks.are_done() {
                (ran_s, runs) = (ran_s + run_s, runs + 1);
                match checks.within_s(run_s) {
                    Some(within_s) if within_s >= baseline_s => {
                        compared_s += baseline_s;
                        checks.enter(run_s, Comparison::Same);
                    }
                    Some(within_s) => {
                        compared_s += within_s;
                        checks.enter(run_s, Comparison::Open { seconds: within_s });
                    }
                    None => checks.enter(run_s, Comparison::Postponed),
                }
                assert!(compared_s <= SHARE * ran_s + CHECK_LEAST_S + 1e-9, "{compared_s} of {ran_s}");
                assert!(runs < 200_000);
            }
            assert!(ran_s < 100.0 * baseline_s + 20.0 * run_s, "{ran_s} before {baseline_s} were compared");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_left_alone() {
        let mut checks = Checks::default();
        for _ in 0..VOID_MAX {
            assert!(checks.within_s(1.0).is_some());
            checks.enter(1.0, Comparison::Void);
        }
        assert!(checks.are_done() && checks.within_s(1e9).is_none());
    }
}
