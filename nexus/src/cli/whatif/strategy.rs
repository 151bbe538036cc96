//! What another strategy would make of a job's program: the optimiser's prediction for it, against what ran.
//!
//! What was learned is read from this machine's data folder, as `nexus optimizer explain` reads it; nothing is changed.

use std::path::Path;

use nexus_actors::learning::{self, StateFile};
use nexus_echo::jobs::Factor;
use nexus_model::JobId;
use nexus_optimizer::{Candidate, OptimizerConfig, Prediction, Recalled};

use crate::cli::codes;
use crate::cli::error::{CliError, Exit};
use crate::cli::world::World;

/// z of the ends of an interval of 80 %.
const Z80: f64 = 1.281_551_565_544_6;

/// How much longer each task takes under the strategy than it took under those that it ran under.
pub(super) fn against_what_ran(
    strategy: &str,
    job: JobId,
    data: &Path,
    world: &impl World,
) -> Result<Factor, CliError> {
    let (known, _) = StateFile::new(&learning::file(data)).load(OptimizerConfig::default());
    let machine = learning::machine(&world.hardware_devices(), nexus_config::Machine::look().memory_bytes);
    if !known.strategies().all().iter().any(|one| one.strategy_id == strategy) {
        let message = format!("there is no strategy `{strategy}`");
        return Err(CliError::new(Exit::Usage, "NX0308", message).with_help("`nexus optimizer strategies` lists them"));
    }
    let recalled = known.named(&job.to_string()).and_then(|key| known.recall(&key, &machine));
    let Some(recalled) = recalled else {
        let message = format!("nothing was learned of {job} on this machine, so strategies cannot be compared for it");
        return Err(CliError::new(Exit::Usage, codes::NOTHING_LEARNED, message).with_help(
            "only M-CODE programs run under strategies, and what was learned is written after every few of their runs; \
             ask on a node that ran some of its tasks (`--data`)",
        ));
    };
    compared(strategy, &recalled)
}

fn compared(strategy: &str, recalled: &Recalled) -> Result<Factor, CliError> {
    let candidate = recalled.candidates.iter().find(|candidate| candidate.strategy_id == strategy);
    let refused = |why: String| {
        CliError::new(Exit::Usage, nexus_echo::codes::UNANSWERABLE, format!("`{strategy}` cannot run this: {why}"))
            .with_help("`nexus optimizer explain JOB` shows every strategy for it")
    };
    let prediction = match candidate {
        Some(Candidate { prediction: Some(prediction), .. }) => prediction,
        Some(Candidate { exclusion: Some(exclusion), .. }) => return Err(refused(exclusion.to_string())),
        _ => return Err(refused("nothing is predicted for it".to_owned())),
    };
    let ran: Vec<&Prediction> = recalled
        .candidates
        .iter()
        .filter_map(|candidate| candidate.prediction.as_ref())
        .filter(|p| p.runs > 0)
        .collect();
    let runs: u64 = ran.iter().map(|prediction| prediction.runs).sum();
    if runs == 0 {
        return Err(refused("no run of this program was seen".to_owned()));
    }
    // The geometric mean over the runs that were seen, each by the strategy that it ran under.
    let seen: f64 = ran.iter().map(|p| p.runs as f64 * p.seen_s.unwrap_or(p.median_s).ln()).sum::<f64>() / runs as f64;
    let sigma = (prediction.high_s / prediction.low_s).ln() / (2.0 * Z80);
    Ok(Factor { median: prediction.median_s / seen.exp(), sigma: sigma.max(0.0) })
}

#[cfg(test)]
mod tests {
    use nexus_optimizer::{Features, Key, Optimizer, RunOutcome, Shape, Work};

    use super::*;

    fn recalled() -> Recalled {
        let mut known = Optimizer::new(OptimizerConfig::default());
        let machine = learning::machine(&[], 1 << 34);
        let features = Features {
            flops: 1e6,
            bytes: 1e6,
            peak_bytes: 1e5,
            tensor_operations: 10.0,
            scalar_operations: 1e5,
            loops: 1.0,
            recursive_functions: 0.0,
            io_bytes: 0.0,
            product_share: 0.0,
            batch: 1.0,
        };
        let work = Work { code: [1; 32], shapes: vec![Shape { dtype: "n: int".to_owned(), sizes: vec![7] }], features };
        let key: Key = work.key(&machine.hardware);
        for (strategy, seconds) in [("default", 0.4), ("default", 0.4), ("default", 0.4)] {
            let choice = known.ask_for(&work, &machine, strategy).unwrap();
            let outcome = RunOutcome::Succeeded {
                seconds,
                once_s: 0.0,
                memory_bytes: 0.0,
                code: nexus_optimizer::MachineCode::Settled,
            };
            known.record(&choice, outcome);
        }
        known.recall(&key, &machine).unwrap()
    }

    #[test]
    fn the_strategy_that_ran_is_as_long_as_it_was() {
        let same = compared("default", &recalled()).unwrap();
        assert!((same.median - 1.0).abs() < 0.2, "{same:?}");
        assert!(same.sigma > 0.0, "{same:?}");
    }

    #[test]
    fn what_is_not_predicted_is_refused() {
        let refused = compared("no-such", &recalled()).unwrap_err();
        assert!(refused.message.starts_with("`no-such` cannot run this"), "{}", refused.message);
    }
}
