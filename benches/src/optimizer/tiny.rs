//! Whether tiny work is left alone: programs of microseconds in their first hundred runs, with an optimiser that knows
//! nothing, beside a hundred runs under `default`.

use super::drift::Scene;
use super::suite;
use crate::report;
use nexus_actors::learning;
use nexus_optimizer::{Strategies, Strategy};

/// Runs of each program.
const RUNS: usize = 100;
/// Runs of less are small.
const SMALL_S: f64 = 100e-6;
/// Programs whose hundred runs under `default` take longer are not tiny.
const TINY_S: f64 = SMALL_S * RUNS as f64;
/// Turns; the least of each counts, so that what other programs do is left out.
const TURNS: usize = 5;

/// Measures what a hundred runs take, in sum and for the worst program, as shares of `default`'s time, and how many units
/// of machine code were made.
pub(super) fn measure() -> Result<(), String> {
    let machine = learning::machine(&[nexus_tensor::Device::cpu().info()], 0);
    let strategies = Strategies::default();
    let usual = strategies.get("aggressive_optimization").ok_or("a built-in strategy is missing")?;
    let (mut plain, mut learned, mut worst, mut units, mut count) = (0.0, 0.0, (0.0, String::new()), 0, 0);
    for pair in suite::pairs() {
        let (mut default_s, mut chosen_s) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..TURNS {
            let trial = pair.trial()?;
            let mut taken_s = 0.0;
            for _ in 0..RUNS {
                taken_s += trial.run(&Strategy::baseline(), machine.threads as usize)?.seconds;
            }
            default_s = default_s.min(taken_s);
            if taken_s > 2.0 * TINY_S {
                break;
            }
            let (trial, mut scene) = (pair.trial()?, Scene::new(&machine));
            let (mut taken_s, mut made, mut is_small) = (0.0, 0, false);
            for _ in 0..RUNS {
                // A worker asks no more once a run took microseconds.
                let sample = match is_small {
                    true => trial.run(usual, machine.threads as usize),
                    false => scene.sample(&trial),
                };
                let sample = sample.map_err(|why| format!("{} {}: {why}", pair.name, pair.size))?;
                is_small |= sample.seconds < SMALL_S;
                taken_s += sample.seconds;
                made += sample.units;
            }
            chosen_s = chosen_s.min(taken_s);
            units += if default_s <= TINY_S { made } else { 0 };
        }
        if default_s > TINY_S {
            continue;
        }
        (plain, learned, count) = (plain + default_s, learned + chosen_s, count + 1);
        let share = chosen_s / default_s;
        if share > worst.0 {
            worst = (share, format!("{}_{}", pair.name, pair.size));
        }
    }
    report("optimizer_tiny_programs", "programs", &[f64::from(count)]);
    report("optimizer_tiny_hundred", "share of default's time", &[learned / plain]);
    report(&format!("optimizer_tiny_worst_{}", worst.1), "share of default's time", &[worst.0]);
    report("optimizer_tiny_units", "units of machine code in a hundred runs", &[units as f64 / TURNS as f64]);
    Ok(())
}
