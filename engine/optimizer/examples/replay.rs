//! Plays every policy on recorded times: `cargo run --release -p nexus-optimizer --example replay -- TIMES.json [--works]`.
//!
//! `cargo run --release -p nexus-benches -- optimizer --times TIMES.json` records them; with `--works` it also tells where
//! the optimiser loses what it loses.

use std::io::Write as _;
use std::process::ExitCode;

use nexus_optimizer::OptimizerConfig;
use nexus_optimizer::replay::{EpsilonGreedy, Fixed, Learned, Play, Random, Recording, Score};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = words.first() else {
        say("name a file of recorded times");
        return ExitCode::FAILURE;
    };
    let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let recording: Result<Recording, String> =
        read.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    let recording = match recording {
        Ok(recording) => recording,
        Err(why) => {
            say(&format!("{path}: {why}"));
            return ExitCode::FAILURE;
        }
    };
    let play = Play { seeds: 20, ..Play::default() };
    let learned = play.score(&recording, |seed| Learned::new(OptimizerConfig::default(), seed));
    tell("learned", &learned, &play);
    if let Some(best) = recording.best_fixed() {
        tell(&format!("always {}", recording.strategies[best]), &play.score(&recording, |_| Fixed(best)), &play);
    }
    tell("default", &play.score(&recording, |_| Fixed(0)), &play);
    let usable = recording.usable();
    tell("epsilon-greedy", &play.score(&recording, |seed| EpsilonGreedy::new(usable.clone(), seed)), &play);
    tell("random", &play.score(&recording, |seed| Random::new(usable.clone(), seed)), &play);
    if words.iter().any(|word| word == "--works") {
        works(&recording, &learned);
    }
    ExitCode::SUCCESS
}

/// A line of output; whoever closed it wants no more.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn tell(name: &str, score: &Score, play: &Play) {
    let seeds = play.seeds as f64;
    let calibration = score.calibration().map_or(String::new(), |inside| {
        let share = |count: u64| 100.0 * count as f64 / score.predicted as f64;
        let (below, above) = (share(score.below), share(score.above));
        format!(", {:.1} % of runs inside ({below:.1} % below, {above:.1} % above)", inside * 100.0)
    });
    say(&format!(
        "{name:30} regret {:6.2} %, {:.3} s a seed{calibration}",
        score.regret() * 100.0,
        score.taken_s / seeds
    ));
}

fn works(recording: &Recording, score: &Score) {
    let mut lost: Vec<(f64, f64, &str)> = score
        .late_by_work
        .iter()
        .zip(&recording.works)
        .map(|(&(lost, best), work)| (lost / score.late_best_s, lost / best, work.name.as_str()))
        .collect();
    lost.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (share, own, name) in lost.iter().take(15) {
        say(&format!(
            "{name:20} {:6.2} % of the oracle's time in all, {:6.1} % of its own",
            share * 100.0,
            own * 100.0
        ));
    }
}
