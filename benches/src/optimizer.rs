//! The learning optimiser on real programs: what it loses against an oracle that knows every strategy's time, beside
//! always the best single strategy, `default`, epsilon-greedy, and chance.
//!
//! Every (program, shape) is run for real under every strategy that can run here; each policy is then played on those
//! measured times, with several seeds, so that all policies meet the same world. Nothing is asserted: `RESULTS.md` holds
//! a run. `cargo run --release -p nexus-benches -- optimizer [--times FILE] [FOLDER]` writes the measured times to a
//! file and the plots to a folder. With `--only` it measures one part: `record` these times; `tiny` whether work of
//! microseconds is left alone; `cost` what the optimiser and the profiler themselves cost; `drift` whether the choice
//! follows when the world changes.

mod cost;
mod drift;
mod plot;
mod record;
mod suite;
mod tiny;

use std::path::{Path, PathBuf};

use nexus_optimizer::OptimizerConfig;
use nexus_optimizer::replay::{EpsilonGreedy, Fixed, Learned, Play, Random, Recording, Score};

use crate::report;

/// Seeds.
const SEEDS: u64 = 20;

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Where the measured times go.
    times: Option<PathBuf>,
    /// Where the plots go.
    folder: Option<PathBuf>,
    /// One part alone.
    only: Option<Part>,
}

/// A part that can be measured alone.
#[derive(Debug, Clone, Copy)]
enum Part {
    Cost,
    Drift,
    Tiny,
    Record,
}

impl Request {
    /// From what stands behind `optimizer` on the command line.
    pub(crate) fn of(words: &[String]) -> Result<Request, String> {
        let mut request = Request::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--times" => {
                    let file = words.next().ok_or("--times needs a file, `--times times.json`")?;
                    request.times = Some(PathBuf::from(file));
                }
                "--only" => {
                    request.only = Some(match words.next().map(String::as_str) {
                        Some("cost") => Part::Cost,
                        Some("drift") => Part::Drift,
                        Some("tiny") => Part::Tiny,
                        Some("record") => Part::Record,
                        _ => return Err("--only needs `cost`, `drift`, `tiny` or `record`".to_owned()),
                    });
                }
                option if option.starts_with('-') => {
                    return Err(format!("there is no option {option}; there are --times FILE and --only PART"));
                }
                folder => request.folder = Some(PathBuf::from(folder)),
            }
        }
        Ok(request)
    }
}

/// Runs everything and reports.
pub(crate) fn measure(request: &Request) -> Result<(), String> {
    match request.only {
        Some(Part::Cost) => return cost(),
        Some(Part::Drift) => return drift::measure(),
        Some(Part::Tiny) => return tiny::measure(),
        Some(Part::Record) | None => {}
    }
    let recording = record::record()?;
    if let Some(path) = &request.times {
        write(path, &serde_json::to_string(&recording).map_err(|error| error.to_string())?)?;
    }
    let scores = play(&recording)?;
    for (name, score) in &scores {
        report(&format!("optimizer_regret_{name}"), "share after 50 runs", &[score.regret()]);
        report(&format!("optimizer_time_{name}"), "seconds in all", &[score.taken_s / SEEDS as f64]);
        if let Some(inside) = score.calibration() {
            report(&format!("optimizer_worst_hundred_{name}"), "share of default's time", &[score.worst_hundred]);
            report(&format!("optimizer_calibration_{name}"), "share of runs inside the 80 % interval", &[inside]);
        }
    }
    by_pattern(&recording);
    if let Some(folder) = &request.folder {
        write(&folder.join("optimizer-regret.svg"), &plot::courses(&scores))?;
    }
    if matches!(request.only, Some(Part::Record)) {
        return Ok(());
    }
    tiny::measure()?;
    cost()?;
    drift::measure()
}

fn cost() -> Result<(), String> {
    cost::decisions()?;
    cost::profiler()
}

/// Every policy on the same times.
fn play(recording: &Recording) -> Result<Vec<(&'static str, Score)>, String> {
    report("optimizer_pairs", "pairs", &[recording.works.len() as f64]);
    let best_fixed = recording.best_fixed().ok_or("no strategy can run everything here")?;
    report(&format!("optimizer_best_fixed_is_{}", recording.strategies[best_fixed]), "index", &[best_fixed as f64]);
    let usable = recording.usable();
    let play = Play { seeds: SEEDS, ..Play::default() };
    Ok(vec![
        ("learned", play.score(recording, |seed| Learned::new(OptimizerConfig::default(), seed))),
        ("best_fixed", play.score(recording, |_| Fixed(best_fixed))),
        ("default", play.score(recording, |_| Fixed(0))),
        ("epsilon_greedy", play.score(recording, |seed| EpsilonGreedy::new(usable.clone(), seed))),
        ("random", play.score(recording, |seed| Random::new(usable.clone(), seed))),
    ])
}

/// What each pattern could gain: the oracle's time against `default`.
fn by_pattern(recording: &Recording) {
    let mut patterns: Vec<&str> = recording.works.iter().map(|work| work.pattern.as_str()).collect();
    patterns.dedup();
    for pattern in patterns {
        let of = recording.works.iter().filter(|work| work.pattern == pattern);
        let (base, best) = of.fold((0.0, 0.0), |(base, best), work| (base + work.median_s(0), best + work.best_s()));
        report(
            &format!("optimizer_possible_{pattern}"),
            "share of default's time saved by the oracle",
            &[1.0 - best / base],
        );
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
