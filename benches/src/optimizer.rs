//! The learning optimiser on real programs: what it loses against an oracle that knows every strategy's time, beside
//! always the best single strategy, `default`, epsilon-greedy, and chance.
//!
//! Every (program, shape) is run for real under every strategy that can run here; each policy is then played on those
//! measured times, with several seeds, so that all policies meet the same world. Nothing is asserted: `RESULTS.md` holds
//! a run. `cargo run --release -p nexus-benches -- optimizer [FOLDER]` writes the plots there.

mod policy;
mod suite;

use std::fmt::Write as _;
use std::path::Path;

use nexus_actors::learning::{self, Trial};
use nexus_optimizer::{Machine, Strategies, Strategy};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use self::policy::{EpsilonGreedy, Fixed, Learned, Policy, Random};
use crate::report;

/// Times that each pair is measured under each strategy.
const SAMPLES: usize = 9;
/// Runs of each pair that a policy is played for.
const ROUNDS: usize = 80;
/// Runs of each pair after which regret is counted: the bar is about what comes after them.
const LEARNED_ROUNDS: usize = 50;
/// Seeds.
const SEEDS: u64 = 5;

/// A pair with its measured seconds by strategy.
pub(crate) struct Measured {
    name: String,
    pattern: &'static str,
    trial: Trial,
    /// By index of the strategy; empty where it cannot run here.
    seconds: Vec<Vec<f64>>,
    features: nexus_optimizer::Features,
}

impl Measured {
    /// The median of a strategy.
    fn median(&self, strategy: usize) -> Option<f64> {
        let mut sorted = self.seconds[strategy].clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }

    /// The least median.
    fn best(&self) -> f64 {
        (0..self.seconds.len()).filter_map(|index| self.median(index)).fold(f64::INFINITY, f64::min)
    }

    fn draw(&self, strategy: usize, chance: &mut StdRng) -> f64 {
        let seconds = &self.seconds[strategy];
        seconds[chance.random_range(0..seconds.len())]
    }
}

/// What a policy came to.
#[derive(Default)]
struct Score {
    /// Seconds lost against the oracle, summed, after each run of all seeds together.
    course: Vec<f64>,
    /// The same after the first runs, and the oracle's seconds then.
    late_lost: f64,
    late_best: f64,
    taken: f64,
    inside: u64,
    predicted: u64,
}

/// Runs everything and reports.
pub(crate) fn measure(folder: Option<&Path>) -> Result<(), String> {
    let strategies: Vec<Strategy> = Strategies::default().all().to_vec();
    let machine = learning::machine(&[nexus_tensor::Device::cpu().info()], 0);
    let pairs = measure_pairs(&strategies, &machine)?;
    report("optimizer_pairs", "pairs", &[pairs.len() as f64]);
    let usable: Vec<usize> = (0..strategies.len()).filter(|&s| !pairs[0].seconds[s].is_empty()).collect();
    let best_fixed = usable.iter().copied().min_by(|&a, &b| total(&pairs, a).total_cmp(&total(&pairs, b)));
    let best_fixed = best_fixed.ok_or("no strategy can run here")?;
    let mut scores = Vec::new();
    for (name, make) in policies(&usable, best_fixed) {
        let score = play(&pairs, &machine, &make);
        let share = score.late_lost / score.late_best;
        report(&format!("optimizer_regret_{name}"), "share after 50 runs", &[share]);
        report(&format!("optimizer_time_{name}"), "seconds in all", &[score.taken]);
        if score.predicted > 0 {
            let inside = score.inside as f64 / score.predicted as f64;
            report(&format!("optimizer_calibration_{name}"), "share of runs inside the 80 % interval", &[inside]);
        }
        scores.push((name, score));
    }
    by_pattern(&pairs, best_fixed, &strategies);
    if let Some(folder) = folder {
        write_plots(folder, &scores)?;
    }
    Ok(())
}

/// The seconds of always one strategy.
fn total(pairs: &[Measured], strategy: usize) -> f64 {
    pairs.iter().map(|pair| pair.median(strategy).unwrap_or(f64::INFINITY)).sum()
}

type Make = Box<dyn Fn(u64) -> Box<dyn Policy>>;

fn policies(usable: &[usize], best_fixed: usize) -> Vec<(&'static str, Make)> {
    let (greedy, random) = (usable.to_vec(), usable.to_vec());
    vec![
        ("learned", Box::new(|seed| Box::new(Learned::new(seed)) as Box<dyn Policy>) as Make),
        ("best_fixed", Box::new(move |_| Box::new(Fixed(best_fixed)) as Box<dyn Policy>)),
        ("default", Box::new(|_| Box::new(Fixed(0)) as Box<dyn Policy>)),
        ("epsilon_greedy", Box::new(move |seed| Box::new(EpsilonGreedy::new(&greedy, seed)) as Box<dyn Policy>)),
        ("random", Box::new(move |seed| Box::new(Random::new(&random, seed)) as Box<dyn Policy>)),
    ]
}

/// Measures every pair under every strategy, round by round, so that a busy moment falls on all alike.
fn measure_pairs(strategies: &[Strategy], machine: &Machine) -> Result<Vec<Measured>, String> {
    let threads = machine.threads as usize;
    let mut pairs = Vec::new();
    for pair in suite::pairs()? {
        let mut measured = Measured {
            name: pair.name,
            pattern: pair.pattern,
            seconds: vec![Vec::new(); strategies.len()],
            features: pair.trial.work.features,
            trial: pair.trial,
        };
        let can_run =
            |strategy: &Strategy| machine.refusal(strategy).is_none() && strategy.strategy_id != "parallel_cpu";
        for round in 0..=SAMPLES {
            for (index, strategy) in strategies.iter().enumerate().filter(|(_, strategy)| can_run(strategy)) {
                let sample =
                    measured.trial.run(strategy, threads).map_err(|why| format!("{}: {why}", measured.name))?;
                // The first round warms up: code is compiled, pages are touched.
                if round > 0 {
                    measured.seconds[index].push(sample.seconds);
                }
            }
        }
        pairs.push(measured);
    }
    Ok(pairs)
}

/// Plays a policy: every round runs every pair once.
fn play(pairs: &[Measured], machine: &Machine, make: &Make) -> Score {
    let mut score = Score::default();
    for seed in 0..SEEDS {
        let (mut policy, mut chance) = (make(seed), StdRng::seed_from_u64(seed));
        let mut run = 0;
        for round in 0..ROUNDS {
            for (at, pair) in pairs.iter().enumerate() {
                let (strategy, interval) = policy.choose(at, pair, machine);
                let seconds =
                    if pair.seconds[strategy].is_empty() { f64::NAN } else { pair.draw(strategy, &mut chance) };
                policy.learn(at, pair, strategy, seconds);
                let (taken, best) = (pair.median(strategy).unwrap_or(f64::INFINITY), pair.best());
                score.taken += taken;
                if round >= LEARNED_ROUNDS {
                    score.late_lost += taken - best;
                    score.late_best += best;
                }
                if let Some((low, high)) = interval.filter(|_| round >= 5) {
                    score.predicted += 1;
                    score.inside += u64::from((low..=high).contains(&seconds));
                }
                if score.course.len() <= run {
                    score.course.push(0.0);
                }
                score.course[run] += (taken - best) / SEEDS as f64;
                run += 1;
            }
        }
    }
    let mut sum = 0.0;
    for lost in &mut score.course {
        sum += *lost;
        *lost = sum;
    }
    score
}

/// What each pattern gains: the oracle's and the best single strategy's times against `default`.
fn by_pattern(pairs: &[Measured], best_fixed: usize, strategies: &[Strategy]) {
    report(&format!("optimizer_best_fixed_is_{}", strategies[best_fixed].strategy_id), "index", &[best_fixed as f64]);
    let mut patterns: Vec<&str> = pairs.iter().map(|pair| pair.pattern).collect();
    patterns.dedup();
    for pattern in patterns {
        let of: Vec<&Measured> = pairs.iter().filter(|pair| pair.pattern == pattern).collect();
        let sum = |time: &dyn Fn(&Measured) -> f64| of.iter().map(|pair| time(pair)).sum::<f64>();
        let base = sum(&|pair| pair.median(0).unwrap_or(f64::NAN));
        let best = sum(&|pair| pair.best());
        report(
            &format!("optimizer_possible_{pattern}"),
            "share of default's time saved by the oracle",
            &[1.0 - best / base],
        );
    }
}

/// The courses of regret as one SVG.
fn write_plots(folder: &Path, scores: &[(&'static str, Score)]) -> Result<(), String> {
    const COLOURS: [&str; 5] = ["#0969da", "#1a7f37", "#cf222e", "#bf8700", "#8250df"];
    let (width, height) = (760.0, 360.0);
    let most = scores.iter().filter_map(|(_, score)| score.course.last()).fold(1e-9f64, |most, v| most.max(*v));
    let least = 1e-4 * most;
    let y = |value: f64| height - 40.0 - (value.max(least) / least).ln() / (most / least).ln() * (height - 60.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\"><text x=\"8\" y=\"16\">seconds lost against the oracle (logarithmic), over runs</text>\n"
    );
    for ((name, score), colour) in scores.iter().zip(COLOURS) {
        let last = score.course.len().max(2) - 1;
        let step = score.course.len().div_ceil(400).max(1);
        let points = (0..score.course.len())
            .step_by(step)
            .map(|at| format!("{:.1},{:.1}", 20.0 + at as f64 / last as f64 * (width - 160.0), y(score.course[at])));
        let points: Vec<String> = points.collect();
        let end = y(score.course.last().copied().unwrap_or(0.0));
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>\
             <text x=\"{}\" y=\"{end:.1}\" fill=\"{colour}\">{name}</text>",
            points.join(" "),
            width - 132.0
        );
    }
    svg.push_str("</svg>\n");
    let path = folder.join("optimizer-regret.svg");
    std::fs::write(&path, svg).map_err(|error| format!("{}: {error}", path.display()))
}
