//! `[optimizer]`: the settings of the learning optimiser, checked; their bounds are the optimiser's own.

use std::path::Path;

use nexus_optimizer::OptimizerConfig;
use toml::Value;

use super::{absolute_path, check};
use crate::error::ConfigError;
use crate::keys::{self, Key};
use crate::raw::RawOptimizer;

/// The settings, with the defaults where nothing is said or what is said is wrong; what is wrong goes to `note`.
pub(super) fn resolve(raw: &RawOptimizer, note: &mut impl FnMut(ConfigError)) -> OptimizerConfig {
    let mut config = OptimizerConfig::default();
    let mut set =
        |key: Key, value: Option<&Value>, put: &dyn Fn(&Value, OptimizerConfig) -> Option<OptimizerConfig>| {
            let taken = check(key, value, |value| put(value, config.clone())?.checked().ok(), note);
            config = taken.unwrap_or_else(|| config.clone());
        };
    set(keys::OPTIMIZER_ENABLED, raw.enabled.as_ref(), &|value, config| {
        Some(OptimizerConfig { enabled: value.as_bool()?, ..config })
    });
    set(keys::OPTIMIZER_EXPLORATION_RATE, raw.exploration_rate.as_ref(), &|value, config| {
        Some(OptimizerConfig { exploration_rate: number(value)?, ..config })
    });
    set(keys::OPTIMIZER_LEARNING_RATE, raw.learning_rate.as_ref(), &|value, config| {
        Some(OptimizerConfig { learning_rate: number(value)?, ..config })
    });
    set(keys::OPTIMIZER_MEMORY_SIZE, raw.memory_size.as_ref(), &|value, config| {
        Some(OptimizerConfig { memory_size: count(value)?, ..config })
    });
    set(keys::OPTIMIZER_BATCH_SIZE, raw.batch_size.as_ref(), &|value, config| {
        Some(OptimizerConfig { batch_size: count(value)?, ..config })
    });
    set(keys::OPTIMIZER_UPDATE_INTERVAL, raw.update_interval.as_ref(), &|value, config| {
        Some(OptimizerConfig { update_interval: count(value)?, ..config })
    });
    set(keys::OPTIMIZER_MODEL_PATH, raw.model_path.as_ref(), &|value, config| {
        let path = absolute_path(value).filter(|path| path.file_name().is_some() && path != Path::new("/"))?;
        Some(OptimizerConfig { model_path: Some(path), ..config })
    });
    set(keys::OPTIMIZER_EXPLORATION_BUDGET, raw.exploration_budget.as_ref(), &|value, config| {
        Some(OptimizerConfig { exploration_budget: number(value)?, ..config })
    });
    config
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64))
}

fn count(value: &Value) -> Option<usize> {
    usize::try_from(value.as_integer()?).ok()
}
