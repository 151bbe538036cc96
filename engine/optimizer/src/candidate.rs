//! A choice and what it was made from.

use serde::{Deserialize, Serialize};

use crate::explain::time;
use crate::strategy::{DeviceTarget, Strategy};
use crate::work::{Features, Key, Pattern};

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

impl Exclusion {
    /// Whether the strategy could run all the same, and is only not worth it.
    pub(crate) fn is_advice(&self) -> bool {
        matches!(self, Exclusion::FarWorse { .. } | Exclusion::Failed)
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Choosing is switched off.
    #[error("choosing is switched off")]
    Disabled,
    /// The work is too small to think about.
    #[error("the work takes microseconds: choosing would not pay")]
    Small,
    /// Nothing that could be chosen can run here, so the baseline's own error is what users see.
    #[error("nothing else can run here")]
    Baseline,
    /// Nothing is known of this work yet, so it runs with everything on.
    #[error("nothing is known of this work yet: it runs with everything on that makes programs fast")]
    Usual,
    /// A person named it.
    #[error("it was asked for")]
    Asked,
    /// Similar work says clearly that it is better, though this was never run.
    #[error("similar work was clearly faster this way")]
    Similar,
    /// It is the best known.
    #[error("it is the best known")]
    Best,
    /// It may be better, and finding out is paid for.
    #[error(
        "it may be better; trying it may take {} more than the best known, and is stopped after {}",
        time(*.allowance_s),
        time(*.stop_s)
    )]
    Trial {
        /// What trying may take longer than the best known, in seconds.
        allowance_s: f64,
        /// Seconds after which the run is stopped and done again under the best known; states of older versions do not say.
        #[serde(default)]
        stop_s: f64,
    },
}

/// What was chosen for a run that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Which strategy.
    pub strategy_id: String,
    /// Why.
    pub reason: Reason,
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
    /// Whether the results of this strategy on this work were never compared: they are to be compared with another
    /// strategy's on a sample ([`crate::Optimizer::checked`]), and told as [`crate::RunOutcome::Wrong`] where they
    /// differ beyond the precision that was asked for.
    pub is_unchecked: bool,
    /// Everything that was looked at, in the order of registration.
    pub candidates: Vec<Candidate>,
    /// The best known strategy, where another one is tried: what the run is done again under when it is stopped.
    #[serde(skip)]
    pub otherwise: Option<Strategy>,
    /// Logarithm of how much longer runs are taken to be because others keep the machine busy.
    #[serde(skip)]
    pub(crate) slowed_log: f64,
    /// The expected time of the best known strategy, in seconds: what a trial is charged against.
    pub(crate) best_known_s: f64,
    /// What the work was taken to do when this was chosen.
    #[serde(skip)]
    pub(crate) guessed: Features,
}

impl Choice {
    /// What the work was taken to do when this was chosen.
    pub fn guessed(&self) -> &Features {
        &self.guessed
    }

    /// What the chosen strategy is predicted to take; `None` where nothing was predicted because nothing was chosen.
    pub fn prediction(&self) -> Option<&Prediction> {
        let chosen = self.candidates.iter().find(|c| c.strategy_id == self.strategy.strategy_id)?;
        chosen.prediction.as_ref()
    }
}
