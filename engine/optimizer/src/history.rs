//! What was run, for reports: the newest runs, bounded.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::work::Pattern;

/// Runs that a report looks back on.
pub(crate) const HISTORY_MAX: usize = 10_000;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunOutcome {
    /// With its result.
    Succeeded {
        /// Seconds of the run.
        seconds: f64,
        /// Seconds beside the run that only this one costs: comparing results.
        once_s: f64,
        /// Bytes of tensors at once.
        memory_bytes: f64,
        /// What became of machine code in it.
        code: MachineCode,
    },
    /// With an error that this strategy is to blame for: memory, device, compiler.
    Failed {
        /// Seconds until then.
        seconds: f64,
    },
    /// Not at all: it was a trial, and was stopped when it had taken too long.
    Stopped {
        /// Seconds until then.
        seconds: f64,
    },
    /// With results that differ from the baseline's beyond the precision that was asked for.
    Wrong {
        /// Seconds that it took.
        seconds: f64,
    },
}

/// What became of machine code in a run: whether later runs can be expected to take what it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum MachineCode {
    /// They can: nothing was made, nothing is to come.
    #[default]
    #[serde(rename = "s")]
    Settled,
    /// It was made in this run: later ones take less.
    #[serde(rename = "m")]
    Made,
    /// A run that comes soon will make it: until then this is what runs take at most.
    #[serde(rename = "a")]
    Awaited,
}

/// A run, as reports see it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What the work was about.
    pub pattern: Pattern,
    /// Index of the strategy in the order of registration.
    pub strategy: usize,
    /// What it took, in seconds.
    pub seconds: f64,
    /// What the baseline was believed to take; what the run took, where nothing was known before.
    pub baseline_s: f64,
    /// The same of the best strategy.
    pub best_s: f64,
    /// Whether it was a trial.
    pub is_trial: bool,
}

/// The newest runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct History(VecDeque<Run>);

impl History {
    pub(crate) fn push(&mut self, run: Run) {
        if self.0.len() >= HISTORY_MAX {
            self.0.pop_front();
        }
        self.0.push_back(run);
    }

    /// Leaves out the runs under the strategy at `index`; those behind it move up.
    pub(crate) fn forget_strategy(&mut self, index: usize) {
        self.0.retain(|run| run.strategy != index);
        self.0.iter_mut().filter(|run| run.strategy > index).for_each(|run| run.strategy -= 1);
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.0.iter()
    }
}
