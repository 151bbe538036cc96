//! Measures every pair of the suite under every strategy that can run here.

use nexus_actors::learning::{self, Trial};
use nexus_optimizer::replay::{EarlyRun, RecordedWork, Recording, Times};
use nexus_optimizer::{Machine, Strategies, Strategy};

use super::suite::{self, Pair};

/// Times that the first runs of each pair are taken under each strategy: each time the program is compiled anew.
const COURSES: usize = 3;
/// Runs of such a course: by then what is made native is made.
const EARLY_RUNS: usize = 12;
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
    let can_run = |strategy: &Strategy| machine.refusal(strategy).is_none();
    let mut times: Vec<Option<Times>> = strategies.iter().map(|s| can_run(s).then(Times::default)).collect();
    let mut measured = None;
    let mut warm = Vec::new();
    for course in 0..COURSES {
        for (at, (strategy, times)) in strategies.iter().zip(&mut times).enumerate() {
            let Some(times) = times else { continue };
            let trial = pair.trial()?;
            times.courses.push((0..EARLY_RUNS).map(|_| early(&trial, strategy, threads)).collect::<Result<_, _>>()?);
            // A strategy keeps a program of its own: what others made of it says nothing of this one.
            if course + 1 == COURSES {
                warm.push((at, trial));
            }
        }
    }
    for _ in 0..LATER_RUNS {
        for (at, warm) in &warm {
            let (strategy, Some(times)) = (&strategies[*at], &mut times[*at]) else { continue };
            // What ran before left the pool of memory and the caches as it does: what is timed is the second run.
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

fn early(trial: &Trial, strategy: &Strategy, threads: usize) -> Result<EarlyRun, String> {
    let sample = trial.run(strategy, threads)?;
    Ok(EarlyRun(nanoseconds(sample.seconds), sample.code))
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}
