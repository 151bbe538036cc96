//! Measures every pair of the suite under every strategy that can run here.

use nexus_actors::learning;
use nexus_optimizer::replay::{RecordedWork, Recording, Times};
use nexus_optimizer::{Machine, Parallelization, Strategies, Strategy};

use super::suite::{self, Pair};

/// First runs of each pair under each strategy: each compiles the program anew.
const FIRST_RUNS: usize = 5;
/// Later runs.
const LATER_RUNS: usize = 40;

/// Runs the suite.
pub(super) fn record() -> Result<Recording, String> {
    let strategies: Vec<Strategy> = Strategies::default().all().to_vec();
    let machine = learning::machine(&[nexus_tensor::Device::cpu().info()], 0);
    let works: Vec<RecordedWork> = suite::pairs()
        .map(|pair| {
            let name = format!("{} {}", pair.name, pair.size);
            measured(&pair, &strategies, &machine).map_err(|why| format!("{name}: {why}"))
        })
        .collect::<Result<_, String>>()?;
    let strategies = strategies.into_iter().map(|strategy| strategy.strategy_id).collect();
    Ok(Recording { machine, strategies, works })
}

/// Every strategy in turn, round by round, so that a busy moment falls on all alike.
fn measured(pair: &Pair, strategies: &[Strategy], machine: &Machine) -> Result<RecordedWork, String> {
    let threads = machine.threads as usize;
    // Each pair is one task: there is nothing to lay side by side.
    let can_run = |strategy: &Strategy| {
        machine.refusal(strategy).is_none() && strategy.parallelization_level != Parallelization::Processes
    };
    let mut times: Vec<Option<Times>> = strategies.iter().map(|s| can_run(s).then(Times::default)).collect();
    let mut measured = None;
    for round in 0..FIRST_RUNS + LATER_RUNS {
        let warm = pair.trial()?;
        for (strategy, times) in strategies.iter().zip(&mut times) {
            let Some(times) = times else { continue };
            if round < FIRST_RUNS {
                let first = pair.trial()?.run(strategy, threads)?;
                times.first_ns.push(nanoseconds(first.seconds));
                times.compiles = first.compiled;
            }
            // Machine code is made in the first run of a program; what is timed is the second.
            let _ = warm.run(strategy, threads)?;
            let sample = warm.run(strategy, threads)?;
            times.later_ns.push(nanoseconds(sample.seconds));
            measured.get_or_insert_with(|| warm.features(strategy, &sample, machine.cpu.bandwidth));
        }
    }
    let name = format!("{} {}", pair.name, pair.size);
    let work = pair.trial()?.work;
    let measured = measured.ok_or("no strategy can run here")?;
    Ok(RecordedWork { name, pattern: pair.pattern.to_owned(), work, measured, times })
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}
