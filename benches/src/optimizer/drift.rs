//! Whether the choice follows when the world changes, with real runs: other programs take the processors, the data grows,
//! a graphics processor that the machine is said to have does not start. For the last, hide what may be there:
//! `VK_DRIVER_FILES=/dev/null` does on Linux.

use std::sync::atomic::{AtomicBool, Ordering};

use nexus_actors::learning::{self, Sample, Trial};
use nexus_optimizer::{Device, Machine, Optimizer, OptimizerConfig, RunOutcome, Strategy};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::suite;
use crate::report;

/// Runs before the change.
const CALM_RUNS: usize = 60;
/// Runs after it in which the choice may follow.
const FOLLOWING_RUNS: usize = 20;
/// Turns in which the choice is then set beside every strategy.
const TURNS: usize = 31;

/// An optimiser in a world.
pub(super) struct Scene {
    optimizer: Optimizer,
    machine: Machine,
    chance: StdRng,
}

/// Measures the three changes.
pub(super) fn measure() -> Result<(), String> {
    let machine = learning::machine(&[nexus_tensor::Device::cpu().info()], 0);
    for (name, size) in [("chain", 1024), ("product", 512), ("rollouts", 256)] {
        busy(&format!("{name}_{size}"), &trial(name, size)?, &machine)?;
    }
    grown("chain", &[64, 1024], &machine)?;
    grown("collatz", &[50, 2000], &machine)?;
    gone(&trial("product", 512)?, &machine)
}

fn trial(name: &str, size: i64) -> Result<Trial, String> {
    let pair = suite::pairs().find(|pair| pair.name == name && pair.size == size);
    pair.ok_or_else(|| format!("{name} {size} is not in the suite"))?.trial()
}

impl Scene {
    /// An optimiser that knows nothing, on this machine.
    pub(super) fn new(machine: &Machine) -> Scene {
        let (optimizer, chance) = (Optimizer::new(OptimizerConfig::default()), StdRng::seed_from_u64(0));
        Scene { optimizer, machine: machine.clone(), chance }
    }

    /// Runs the program so often as the optimiser chooses; how many of the runs failed.
    fn repeat(&mut self, trial: &Trial, runs: usize) -> usize {
        (0..runs).filter(|_| !self.run(trial)).count()
    }

    /// Runs it once; `false` where the strategy could not run.
    fn run(&mut self, trial: &Trial) -> bool {
        self.sample(trial).is_ok()
    }

    /// Runs it once as the optimiser chooses, and tells it what it took.
    pub(super) fn sample(&mut self, trial: &Trial) -> Result<Sample, String> {
        let choice = self.optimizer.choose(&trial.work, &self.machine, &mut self.chance);
        let sample = trial.run(&choice.strategy, self.machine.threads as usize);
        let outcome = match &sample {
            Ok(sample) => RunOutcome::Succeeded {
                seconds: sample.seconds,
                once_s: 0.0,
                memory_bytes: sample.memory_bytes,
                code: sample.code,
            },
            Err(_) => RunOutcome::Failed { seconds: 1e-3 },
        };
        self.optimizer.record(&choice, outcome);
        let sample = sample?;
        if !self.optimizer.is_measured(&choice) {
            let features = trial.features(&choice.strategy, &sample, self.machine.cpu.bandwidth);
            self.optimizer.measured(&choice, features);
        }
        Ok(sample)
    }

    fn best(&self, trial: &Trial) -> Option<String> {
        self.optimizer.recall(&trial.work.key(&self.machine.hardware), &self.machine)?.best
    }

    /// The median of one strategy over that of the fastest, all measured in turns.
    fn over_the_fastest(&self, trial: &Trial, id: &str) -> Result<f64, String> {
        over_the_fastest(&self.medians(trial)?, id)
    }

    /// The median seconds of every strategy that runs here, all measured in turns.
    fn medians(&self, trial: &Trial) -> Result<Vec<(String, f64)>, String> {
        let runs = |s: &Strategy| self.machine.refusal(s).is_none();
        let strategies: Vec<Strategy> = Strategy::built_in().into_iter().filter(runs).collect();
        let mut times = vec![Vec::new(); strategies.len()];
        for turn in 0..=TURNS {
            for (strategy, times) in strategies.iter().zip(&mut times) {
                // The strategy before left the pool of memory as it does: what is timed is the second run.
                let _ = trial.run(strategy, self.machine.threads as usize)?;
                let seconds = trial.run(strategy, self.machine.threads as usize)?.seconds;
                if turn > 0 {
                    times.push(seconds);
                }
            }
        }
        let medians = times.iter_mut().map(|times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        Ok(strategies.into_iter().map(|strategy| strategy.strategy_id).zip(medians).collect())
    }
}

fn over_the_fastest(medians: &[(String, f64)], id: &str) -> Result<f64, String> {
    let (_, of) = medians.iter().find(|(known, _)| known == id).ok_or("what was chosen cannot run here")?;
    Ok(of / medians.iter().map(|(_, seconds)| *seconds).fold(f64::INFINITY, f64::min))
}

/// Other programs take all processors: threads that only spin.
fn busy(name: &str, trial: &Trial, machine: &Machine) -> Result<(), String> {
    let mut scene = Scene::new(machine);
    scene.repeat(trial, CALM_RUNS);
    let before = scene.best(trial).ok_or("nothing was learned")?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..machine.threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        scene.repeat(trial, FOLLOWING_RUNS);
        let after = scene.best(trial).ok_or("nothing was learned");
        let found = after.and_then(|after| {
            let medians = scene.medians(trial).map_err(|_| "a program fails")?;
            let stays = over_the_fastest(&medians, &before).map_err(|_| "what was chosen cannot run")?;
            let follows = over_the_fastest(&medians, &after).map_err(|_| "what was chosen cannot run")?;
            Ok((stays, follows, medians, after))
        });
        stop.store(true, Ordering::Relaxed);
        let (stays, follows, medians, after) = found?;
        for (id, seconds) in &medians {
            let chosen = if *id == after { "_chosen" } else { "" };
            report(&format!("optimizer_drift_busy_{name}_{id}{chosen}"), "median seconds beside", &[*seconds]);
        }
        report(&format!("optimizer_drift_busy_{name}_stays"), "the old choice's time over the best one's", &[stays]);
        report(&format!("optimizer_drift_busy_{name}_follows"), "the choice's time over the best one's", &[follows]);
        Ok(())
    })
}

/// The data grow.
fn grown(name: &str, sizes: &[i64; 2], machine: &Machine) -> Result<(), String> {
    let mut scene = Scene::new(machine);
    let (small, large) = (trial(name, sizes[0])?, trial(name, sizes[1])?);
    scene.repeat(&small, CALM_RUNS);
    scene.repeat(&large, FOLLOWING_RUNS);
    let best = scene.best(&large).ok_or("nothing was learned")?;
    let follows = scene.over_the_fastest(&large, &best)?;
    report(&format!("optimizer_drift_grown_{name}"), "the choice's time over the best one's", &[follows]);
    Ok(())
}

/// A graphics processor that does not start: how often it was tried in all, and behind the first twenty runs.
fn gone(trial: &Trial, machine: &Machine) -> Result<(), String> {
    if machine.gpu.is_some() {
        // One that starts is not gone.
        return Ok(());
    }
    let gpu = Device { flops: 4e12, bandwidth: 2e11, launch_s: 3e-5, transfer: 6e9, ..machine.cpu };
    let mut scene = Scene::new(&Machine { gpu: Some(gpu), ..machine.clone() });
    let (early, late) = (scene.repeat(trial, FOLLOWING_RUNS), scene.repeat(trial, CALM_RUNS));
    report("optimizer_drift_gone", "failed runs of the first twenty", &[early as f64]);
    report("optimizer_drift_gone_late", "failed runs of the sixty behind them", &[late as f64]);
    Ok(())
}
