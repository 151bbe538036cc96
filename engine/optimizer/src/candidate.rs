//! A choice and what it was made from.

use serde::Serialize;

use crate::strategy::{DeviceTarget, Strategy};
use crate::work::{Key, Pattern};

/// What a strategy is predicted to take for a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prediction {
    /// Half of the runs take less, in seconds.
    pub median_s: f64,
    /// One run in ten takes less.
    pub low_s: f64,
    /// One run in ten takes more.
    pub high_s: f64,
    /// Bytes of tensors at once.
    pub memory_bytes: f64,
    /// Runs of exactly this work under this strategy that were seen.
    pub runs: u64,
    /// What those took in the (geometric) mean, newer ones weighing more.
    pub seen_s: Option<f64>,
}

/// Why a strategy was not considered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Exclusion {
    /// The machine has no such device.
    #[error("there is no {} here", device(.0))]
    NoDevice(DeviceTarget),
    /// It is predicted to need more memory than there is.
    #[error("it would need {needed_bytes:.0} bytes of {free_bytes:.0}")]
    Memory {
        /// Predicted need.
        needed_bytes: f64,
        /// What there is.
        free_bytes: f64,
    },
    /// It is predicted to be far worse than the best known.
    #[error("it is predicted to take {ratio:.1} times as long")]
    FarWorse {
        /// Its median over that of the best known.
        ratio: f64,
    },
    /// It failed on this work.
    #[error("it failed on this work")]
    Failed,
    /// Its results differed from those of the baseline.
    #[error("its results differed from those of `default`")]
    Wrong,
}

fn device(target: &DeviceTarget) -> &'static str {
    match target {
        DeviceTarget::Auto => "device",
        DeviceTarget::Cpu => "processor",
        DeviceTarget::Gpu => "graphics processor",
        DeviceTarget::Cuda => "CUDA card",
        DeviceTarget::Ane => "Apple Neural Engine",
    }
}

/// A strategy that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// Which.
    pub strategy_id: String,
    /// What it is predicted to take, where it could run at all.
    pub prediction: Option<Prediction>,
    /// Why it was left out, if it was.
    pub exclusion: Option<Exclusion>,
}

/// Why a strategy was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Choosing is switched off.
    #[error("choosing is switched off")]
    Disabled,
    /// The work is too small to think about.
    #[error("the work takes microseconds: choosing would not pay")]
    Small,
    /// Nothing is known of this work yet, so the baseline is measured first.
    #[error("nothing is known of this work yet: the baseline is measured first")]
    Baseline,
    /// Similar work says clearly that it is better, though this was never run.
    #[error("similar work was clearly faster this way")]
    Similar,
    /// It is the best known.
    #[error("it is the best known")]
    Best,
    /// It may be better, and finding out is paid for.
    #[error("it may be better; trying it may cost {allowance_s:.3} s")]
    Trial {
        /// What trying may cost at most, in seconds.
        allowance_s: f64,
    },
}

/// A choice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// How to run the work.
    pub strategy: Strategy,
    /// Why.
    pub reason: Reason,
    /// What the work is remembered as.
    #[serde(skip)]
    pub key: Key,
    /// What it is mostly about.
    pub pattern: Pattern,
    /// Whether this strategy never ran on this work: its results are to be compared with the baseline's on a sample,
    /// and told as [`crate::RunOutcome::Wrong`] where they differ beyond the precision that was asked for.
    pub is_unchecked: bool,
    /// Everything that was looked at, in the order of registration.
    pub candidates: Vec<Candidate>,
    /// The expected time of the best known strategy, in seconds: what a trial is charged against.
    pub(crate) best_known_s: f64,
}

impl Choice {
    /// What the chosen strategy is predicted to take; `None` where nothing was predicted because nothing was chosen.
    pub fn prediction(&self) -> Option<&Prediction> {
        let chosen = self.candidates.iter().find(|c| c.strategy_id == self.strategy.strategy_id)?;
        chosen.prediction.as_ref()
    }
}
