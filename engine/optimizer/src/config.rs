//! What users set, with the names that the optimiser's configuration has always had.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What users set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// Whether it chooses at all; else its answer is always `default`, for the reason that it is switched off.
    pub enabled: bool,
    /// How boldly it tries what it is unsure about: 0 never, 0.2 as far as later runs are expected to repay it, 1 as if
    /// there were five times as many of them.
    pub exploration_rate: f64,
    /// How much the newest run weighs against the ones before: 0.1 remembers about ten runs of a piece of work.
    pub learning_rate: f64,
    /// Pieces of work that are remembered one by one; beyond that the longest unused is forgotten.
    pub memory_size: usize,
    /// Runs that one update of the model takes in at most.
    pub batch_size: usize,
    /// Runs between two updates of the model.
    pub update_interval: usize,
    /// Where the learned model is kept; the driver's default place without it.
    pub model_path: Option<PathBuf>,
    /// What trying may cost, as a share of the run time under `default`, over every hundred runs.
    pub exploration_budget: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        OptimizerConfig {
            enabled: true,
            exploration_rate: 0.2,
            learning_rate: 0.1,
            memory_size: 1000,
            batch_size: 32,
            update_interval: 5,
            model_path: None,
            exploration_budget: 0.05,
        }
    }
}

/// A setting out of its bounds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("optimizer.{name} is {value}; it lies between {least} and {most}")]
pub struct ConfigError {
    name: &'static str,
    value: f64,
    least: f64,
    most: f64,
}

impl OptimizerConfig {
    /// The same, if every setting lies within its bounds.
    pub fn checked(self) -> Result<Self, ConfigError> {
        let bounds = [
            ("exploration_rate", self.exploration_rate, 0.0, 1.0),
            ("learning_rate", self.learning_rate, 0.001, 1.0),
            ("memory_size", self.memory_size as f64, 1.0, 1e6),
            ("batch_size", self.batch_size as f64, 1.0, 1e4),
            ("update_interval", self.update_interval as f64, 1.0, 1e4),
            ("exploration_budget", self.exploration_budget, 0.0, 1.0),
        ];
        match bounds.into_iter().find(|(_, value, least, most)| !(*least..=*most).contains(value)) {
            Some((name, value, least, most)) => Err(ConfigError { name, value, least, most }),
            None => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_out_of_bounds_is_named() {
        let config = OptimizerConfig { learning_rate: f64::NAN, ..OptimizerConfig::default() };
        assert!(config.checked().unwrap_err().to_string().starts_with("optimizer.learning_rate is NaN"));
        assert!(OptimizerConfig::default().checked().is_ok());
    }
}
