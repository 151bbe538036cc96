//! What the optimiser and the profiler themselves cost: a decision where programs run, and a run with the profiler on.

use std::sync::mpsc;
use std::time::Instant;

use nexus_actors::learning::{Learner, machine};
use nexus_optimizer::{MachineCode, OptimizerConfig, RunOutcome, Strategies};

use super::suite;
use crate::report;

/// Runs of each pair that are learned before decisions are timed.
const KNOWN_RUNS: usize = 20;
/// Decisions that are timed for each pair.
const DECISIONS: usize = 200;
/// Turns with and without the profiler.
const TURNS: usize = 40;
/// Pairs that take less are all start-up: what the profiler costs them cannot be told.
const LEAST_S: f64 = 2e-3;

/// Microseconds of one choice and one record for patterns that are known, as a slot of a worker asks.
pub(super) fn decisions() -> Result<(), String> {
    let here = machine(&[nexus_tensor::Device::cpu().info()], 0);
    let (learner, _) = Learner::open(OptimizerConfig::default(), here, 0);
    let works = suite::pairs().map(|pair| pair.trial().map(|trial| trial.work)).collect::<Result<Vec<_>, String>>()?;
    let (mut choosing, mut recording) = (Vec::new(), Vec::new());
    for round in 0..KNOWN_RUNS + DECISIONS {
        for work in &works {
            let begun = Instant::now();
            let choice = learner.choose(work, None, true, None).map_err(|error| error.to_string())?;
            let chosen = begun.elapsed();
            let seconds = 2e-3 + 1e-5 * (round % 7) as f64;
            let outcome = RunOutcome::Succeeded { seconds, once_s: 0.0, memory_bytes: 1e6, code: MachineCode::Settled };
            let begun = Instant::now();
            learner.record(&choice, outcome);
            if round >= KNOWN_RUNS {
                choosing.push(chosen.as_secs_f64() * 1e6);
                recording.push(begun.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    for (name, mut times) in [("decision", choosing), ("record", recording)] {
        times.sort_by(f64::total_cmp);
        for (share, of) in [("p50", 0.5), ("p99", 0.99)] {
            report(&format!("optimizer_{name}_{share}"), "µs", &[times[((times.len() - 1) as f64 * of) as usize]]);
        }
    }
    Ok(())
}

/// The share of time that the profiler adds: pairs in turns, with and without, as quiet and as compiled as can be.
///
/// Programs run in processes of several threads, where an allocation takes longer than in one of a single thread: there are
/// two with the profiler off, too.
pub(super) fn profiler() -> Result<(), String> {
    let (end, ended) = mpsc::channel::<()>();
    let second = std::thread::spawn(move || ended.recv().is_ok());
    let measured = profiler_beside_a_thread();
    drop(end);
    second.join().map_err(|_| "a thread that waits failed")?;
    measured
}

fn profiler_beside_a_thread() -> Result<(), String> {
    let strategies = Strategies::default();
    for id in ["default", "math_intensive"] {
        let strategy = strategies.get(id).ok_or("a built-in strategy is missing")?;
        let (mut off, mut on) = (0.0, 0.0);
        for pair in suite::pairs() {
            let trial = pair.trial()?;
            let (mut plain, mut profiled) = (f64::INFINITY, f64::INFINITY);
            for _ in 0..TURNS {
                plain = plain.min(trial.run(strategy, 1)?.seconds);
                profiled = profiled.min(trial.run_profiled(strategy, 1)?.seconds);
            }
            if plain >= LEAST_S {
                let name = format!("profiler_cost_{id}_{}_{}", pair.name, pair.size);
                report(&name, "share of time added, least of each", &[profiled / plain - 1.0]);
                (off, on) = (off + plain, on + profiled);
            }
        }
        report(&format!("profiler_cost_{id}"), "share of time added, least of each pair", &[on / off - 1.0]);
    }
    Ok(())
}
