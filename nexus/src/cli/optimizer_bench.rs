//! `nexus optimizer bench`: what choosing saves on this machine, beside what was claimed for it.
//!
//! The baseline is the strategy `default`: no compilation, one thread, nothing fused, the same kernels for each single
//! operation. All strategies that run on the processor are measured in turns in one run, so that what was learned also
//! stands beside the one strategy that is best where it is always used. Nothing here writes what it learned.

use std::time::Duration;

use nexus_actors::learning::Trial;
use nexus_model::Value;
use nexus_optimizer::{Machine, Optimizer, OptimizerConfig, RunOutcome, Strategy};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use super::codes;
use super::error::{CliError, Exit};
use crate::output::Console;
use crate::output::json::document;
use crate::output::table::{Align, Cell, Table};
use crate::output::units;

/// Runs in which the optimiser learns each piece of work.
const LEARNING_RUNS: usize = 50;
/// Turns in which the baseline and what was learned are compared.
const TURNS: usize = 9;

/// A piece of work, and the share of time that was claimed to be saved on it.
struct Claim {
    name: &'static str,
    claimed: f64,
    size: i64,
    source: &'static str,
}

const CLAIMS: [Claim; 4] = [
    Claim {
        name: "matrix product 1000²",
        claimed: 0.66,
        size: 1000,
        source: "function main(n: int)\n    x = tensor.reshape(tensor.linspace(0.0, 1.0, n * n), [n, n])\n    \
                 return tensor.sum(x @ x)\nend\n",
    },
    Claim {
        name: "tensor operations",
        claimed: 0.57,
        size: 1000,
        source: "function main(n: int)\n    x = tensor.reshape(tensor.linspace(0.0, 1.0, n * n), [n, n])\n    \
                 y = x * 2.0 + 1.0\n    z = (y - x) * 0.5 + y * x\n    w = z * 0.25 - y * 0.125 + x\n    \
                 return tensor.sum(w * z - y)\nend\n",
    },
    Claim {
        name: "timeline processing",
        claimed: 0.44,
        size: 50_000,
        source: "function main(n: int)\n    free = 0.0\n    late = 0.0\n    clock = 0.0\n    for i in 0..n\n        \
                 clock = clock + 1.0 + math.sin(i * 0.7)\n        start = clock\n        if free > clock\n            \
                 start = free\n        end\n        free = start + 1.0 + math.cos(i * 1.3)\n        \
                 late = late + (start - clock)\n    end\n    return late\nend\n",
    },
    Claim {
        name: "complex M-CODE",
        claimed: 0.48,
        size: 19,
        source: "function fib(n: int)\n    if n < 2 return n end\n    return fib(n - 1) + fib(n - 2)\nend\n\
                 function main(n: int)\n    total = fib(n)\n    x = tensor.ones(200, 200)\n    for i in 0..20\n        \
                 x = x * 0.5 + 1.0 - x * x * 0.01\n        total = total + i % 3\n    end\n    \
                 return total + tensor.sum(x)\nend\n",
    },
];

#[derive(Debug, Serialize)]
struct Row {
    work: &'static str,
    strategy: String,
    default_ms: f64,
    learned_ms: f64,
    fixed_ms: f64,
    best_ms: f64,
    saved: f64,
    claimed: f64,
    met: bool,
}

#[derive(Debug, Serialize)]
struct BenchDocument<'a> {
    baseline: &'static str,
    hardware: &'a str,
    best_fixed: &'a str,
    rows: Vec<Row>,
}

/// Measures the claims.
pub(super) fn bench(machine: &Machine, console: &mut Console) -> Result<(), CliError> {
    let failed = |why: String| CliError::new(Exit::ProgramFailed, codes::BENCH_FAILED, why);
    let mut measured = Vec::new();
    for claim in &CLAIMS {
        measured.push(Measured::of(claim, machine).map_err(failed)?);
    }
    let fixed = best_fixed(&measured).ok_or_else(|| failed("no strategy can run everything here".to_owned()))?;
    let rows: Vec<Row> = CLAIMS.iter().zip(&measured).map(|(claim, measured)| measured.row(claim, &fixed)).collect();
    if console.is_json() {
        console.answer(&document(&BenchDocument {
            baseline: "default",
            hardware: &machine.hardware,
            best_fixed: &fixed,
            rows,
        }));
        return Ok(());
    }
    console.say(&format!("{} · {} threads; less time than `default`", machine.hardware, machine.threads));
    let mut table = Table::new(&[
        ("WORK", Align::Left),
        ("DEFAULT", Align::Right),
        ("LEARNED", Align::Right),
        ("LESS TIME", Align::Right),
        ("CLAIMED", Align::Right),
        ("", Align::Left),
        ("BEST FIXED", Align::Right),
        ("BEST", Align::Right),
        ("STRATEGY", Align::Left),
    ]);
    for row in &rows {
        let time = |ms: f64| units::duration(Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default());
        table.row(vec![
            Cell::new(row.work),
            Cell::new(time(row.default_ms)),
            Cell::new(time(row.learned_ms)),
            Cell::new(format!("{:.0} %", row.saved * 100.0)),
            Cell::new(format!("{:.0} %", row.claimed * 100.0)),
            Cell::new(if row.met { "met" } else { "missed" }),
            Cell::new(time(row.fixed_ms)),
            Cell::new(time(row.best_ms)),
            Cell::new(&row.strategy),
        ]);
    }
    console.say(&format!("BEST FIXED is always `{fixed}`; BEST is the fastest of all, known afterwards"));
    let possible = 1.0 - 1.0 / f64::from(machine.threads.max(1));
    if rows[0].claimed > possible {
        let told = format!(
            "one thread multiplies at the speed of the processor already: {} can save {:.0} % of it at most",
            machine.threads,
            possible * 100.0
        );
        console.say(&told);
    }
    console.answer(&table.render());
    Ok(())
}

/// What every strategy took on a piece of work, and which one was learned.
struct Measured {
    learned: String,
    /// Ids and median milliseconds, `default` first.
    strategies: Vec<(String, f64)>,
}

impl Measured {
    fn of(claim: &Claim, machine: &Machine) -> Result<Measured, String> {
        // The processor only: what is measured must be what the baseline could do, too.
        let machine = &Machine { gpu: None, ..machine.clone() };
        let threads = machine.threads as usize;
        let trial = Trial::new(claim.name, claim.source, vec![("n".to_owned(), Value::Int(claim.size))])?;
        let learned = learn(&trial, machine)?.strategy_id;
        let runs = |strategy: &Strategy| machine.refusal(strategy).is_none();
        let strategies: Vec<Strategy> = Strategy::built_in().into_iter().filter(runs).collect();
        let mut times = vec![Vec::new(); strategies.len()];
        for turn in 0..=TURNS {
            for (strategy, times) in strategies.iter().zip(&mut times) {
                // The strategy before left the pool of memory as it does: what is timed is the second run.
                let _ = trial.run(strategy, threads)?;
                let seconds = trial.run(strategy, threads)?.seconds;
                // The first turn compiles what the optimiser never tried.
                if turn > 0 {
                    times.push(seconds);
                }
            }
        }
        let medians = times.iter_mut().map(|times| median(times) * 1e3);
        let strategies = strategies.into_iter().map(|strategy| strategy.strategy_id).zip(medians).collect();
        Ok(Measured { learned, strategies })
    }

    fn ms(&self, id: &str) -> f64 {
        self.strategies.iter().find(|(known, _)| known == id).map_or(f64::INFINITY, |(_, ms)| *ms)
    }

    fn row(&self, claim: &Claim, fixed: &str) -> Row {
        let (default_ms, learned_ms) = (self.ms("default"), self.ms(&self.learned));
        let saved = 1.0 - learned_ms / default_ms;
        Row {
            work: claim.name,
            strategy: self.learned.clone(),
            default_ms,
            learned_ms,
            fixed_ms: self.ms(fixed),
            best_ms: self.strategies.iter().map(|(_, ms)| *ms).fold(f64::INFINITY, f64::min),
            saved,
            claimed: claim.claimed,
            met: saved >= claim.claimed,
        }
    }
}

/// The strategy that takes the least share of `default`'s time over all of them.
fn best_fixed(measured: &[Measured]) -> Option<String> {
    let share = |id: &str| measured.iter().map(|one| one.ms(id) / one.ms("default")).sum::<f64>();
    let ids = measured.first()?.strategies.iter().map(|(id, _)| id);
    ids.min_by(|a, b| share(a).total_cmp(&share(b))).cloned()
}

/// The strategy that an optimiser which begins with nothing settles on.
fn learn(trial: &Trial, machine: &Machine) -> Result<Strategy, String> {
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let mut chance = StdRng::seed_from_u64(0);
    for _ in 0..LEARNING_RUNS {
        let choice = optimizer.choose(&trial.work, machine, &mut chance);
        let sample = trial.run(&choice.strategy, machine.threads as usize)?;
        let (seconds, memory_bytes, code) = (sample.seconds, sample.memory_bytes, sample.code);
        optimizer.record(&choice, RunOutcome::Succeeded { seconds, once_s: 0.0, memory_bytes, code });
        if !optimizer.is_measured(&choice) {
            optimizer.measured(&choice, trial.features(&choice.strategy, &sample, machine.cpu.bandwidth));
        }
    }
    let key = trial.work.key(&machine.hardware);
    let best = optimizer.recall(&key, machine).and_then(|recalled| recalled.best).unwrap_or_default();
    optimizer.strategies().get(&best).cloned().ok_or_else(|| "nothing was learned".to_owned())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
