//! What a choice was made from, for people: candidates with predicted and seen times.

use crate::beliefs::Looked;
use crate::candidate::{Candidate, Choice, Chosen, Prediction};
use crate::coverage::Coverage;
use crate::evidence::seconds;
use crate::known::Known;
use crate::machine::Machine;
use crate::optimizer::Optimizer;
use crate::strategy::Strategies;
use crate::work::{Features, Key, Pattern, Shape, Work, hardware_digest};

/// Everything that was looked at, in the order of registration.
pub(crate) fn candidates(
    strategies: &Strategies,
    known: Option<&Known>,
    looked: &[Looked],
    of_all: Coverage,
) -> Vec<Candidate> {
    let one = |(index, looked): (usize, &Looked)| {
        let evidence = known.and_then(|known| known.arm(index)).map(crate::known::Arm::evidence).unwrap_or_default();
        let prediction = looked.belief.map(|belief| {
            let coverage = known.map(|known| known.coverage).filter(|own| *own != Coverage::default());
            let (low_s, high_s) = belief.covered_s(&coverage.unwrap_or(of_all));
            Prediction {
                median_s: seconds(belief.location),
                low_s,
                high_s,
                memory_bytes: looked.roofline.map_or(0.0, |roofline| roofline.bytes),
                runs: evidence.runs,
                seen_s: (evidence.weight > 0.0).then(|| seconds(evidence.mean)),
            }
        });
        let strategy_id = strategies.all()[index].strategy_id.clone();
        Candidate { strategy_id, prediction, exclusion: looked.exclusion }
    };
    looked.iter().enumerate().map(one).collect()
}

/// What is known of a piece of work.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Which.
    pub key: Key,
    /// What it is mostly about.
    pub pattern: Pattern,
    /// What it does.
    pub features: Features,
    /// What it was given at first; later runs differ from that by less than a factor of two. Empty where only other nodes
    /// ran it.
    pub shapes: Vec<Shape>,
    /// Every strategy, in the order of registration.
    pub candidates: Vec<Candidate>,
    /// The best of those that ran.
    pub best: Option<String>,
    /// What was chosen for its last run here, and why; nothing where only others told of it.
    pub chosen: Option<Chosen>,
}

impl Recalled {
    /// As a table, as [`Choice::explain`] draws it, with what was chosen last and why.
    pub fn explain(&self) -> String {
        let chosen = self.chosen.as_ref();
        let told = |chosen: &Chosen| format!("last run: {}, because {}\n", chosen.strategy_id, chosen.reason);
        format!("{}{}", table(&self.candidates), chosen.map_or_else(String::new, told))
    }
}

impl Optimizer {
    /// What every strategy is predicted to do with this work on this machine; changes nothing.
    pub fn predict(&self, work: &Work, machine: &Machine) -> Vec<Candidate> {
        let key = work.key(&machine.hardware);
        candidates(&self.strategies, self.table.get(&key), &self.look(&key, &work.features, machine), self.coverage)
    }

    /// The pieces of work on this class of hardware whose code's hash begins with `prefix` (hexadecimal, lowercase).
    pub fn find(&self, prefix: &str, machine: &Machine) -> Vec<Key> {
        let hardware = hardware_digest(&machine.hardware);
        let keys = self.table.iter().map(|(key, _)| *key).filter(|key| key.hardware == hardware);
        keys.filter(|key| blake3::Hash::from_bytes(key.code).to_hex().starts_with(prefix)).collect()
    }

    /// What is known of a piece of work that ran before: its pattern and every strategy, and the one that is the best
    /// known. `None` where it was forgotten.
    pub fn recall(&self, key: &Key, machine: &Machine) -> Option<Recalled> {
        let known = self.table.get(key)?;
        let looked = self.look(key, &known.features, machine);
        let candidates = candidates(&self.strategies, Some(known), &looked, self.coverage);
        let seen = candidates.iter().filter(|c| c.exclusion.is_none() && c.prediction.is_some_and(|p| p.runs > 0));
        let median = |c: &&Candidate| c.prediction.map_or(f64::INFINITY, |p| p.median_s);
        let best = seen.min_by(|a, b| median(a).total_cmp(&median(b))).map(|c| c.strategy_id.clone());
        let (features, shapes) = (known.features, known.shapes.clone());
        let (pattern, chosen) = (features.pattern(), known.last.clone());
        Some(Recalled { key: *key, pattern, features, shapes, candidates, best, chosen })
    }
}

impl Choice {
    /// The choice as a table: candidates with predicted times, 80 % intervals and what was seen; then what was chosen
    /// and why.
    pub fn explain(&self) -> String {
        format!("{}chosen: {}, because {}\n", table(&self.candidates), self.strategy.strategy_id, self.reason)
    }
}

/// Candidates with predicted times, 80 % intervals and what was seen.
fn table(candidates: &[Candidate]) -> String {
    use std::fmt::Write as _;
    let width = candidates.iter().map(|c| c.strategy_id.len()).max().unwrap_or(8).max(8);
    let mut text =
        format!("{:width$}  {:>9}  {:>21}  {:>9}  {:>5}\n", "STRATEGY", "PREDICTED", "80 % OF RUNS", "SEEN", "RUNS");
    for candidate in candidates {
        let _ = write!(text, "{:width$}", candidate.strategy_id);
        if let Some(p) = &candidate.prediction {
            let between = format!("{} – {}", time(p.low_s), time(p.high_s));
            let seen = p.seen_s.map_or_else(|| "—".to_owned(), time);
            let _ = write!(text, "  {:>9}  {between:>21}  {seen:>9}  {:>5}", time(p.median_s), p.runs);
        }
        if let Some(exclusion) = &candidate.exclusion {
            let _ = write!(text, "  {exclusion}");
        }
        text.push('\n');
    }
    text
}

/// A time with three digits and a unit.
pub(crate) fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    match value {
        v if v < 9.995 => format!("{v:.2} {unit}"),
        v if v < 99.95 => format!("{v:.1} {unit}"),
        v => format!("{v:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_have_three_digits() {
        for (seconds, text) in [(4.2e-8, "42.0 ns"), (0.001_234, "1.23 ms"), (0.0567, "56.7 ms"), (123.4, "123 s")] {
            assert_eq!(time(seconds), text);
        }
    }
}
