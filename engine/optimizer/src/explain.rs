//! What a choice was made from, for people: candidates with predicted and seen times.

use crate::candidate::{Candidate, Choice, Prediction};
use crate::evidence::seconds;
use crate::known::Known;
use crate::machine::Machine;
use crate::optimizer::{Looked, Optimizer};
use crate::strategy::Strategies;
use crate::work::Work;

/// Everything that was looked at, in the order of registration.
pub(crate) fn candidates(strategies: &Strategies, known: Option<&Known>, looked: &[Looked]) -> Vec<Candidate> {
    let one = |(index, looked): (usize, &Looked)| {
        let evidence = known.and_then(|known| known.arm(index)).map(crate::known::Arm::evidence).unwrap_or_default();
        let prediction = looked.belief.map(|belief| {
            let (low_s, high_s) = belief.interval_s();
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

impl Optimizer {
    /// What every strategy is predicted to do with this work on this machine; changes nothing.
    pub fn predict(&self, work: &Work, machine: &Machine) -> Vec<Candidate> {
        let key = work.key(&machine.hardware);
        candidates(&self.strategies, self.table.get(&key), &self.look(&key, work, machine))
    }
}

impl Choice {
    /// The choice as a table: candidates with predicted times, 80 % intervals and what was seen; then what was chosen
    /// and why.
    pub fn explain(&self) -> String {
        use std::fmt::Write as _;
        let width = self.candidates.iter().map(|c| c.strategy_id.len()).max().unwrap_or(8).max(8);
        let mut text = format!(
            "{:width$}  {:>9}  {:>21}  {:>9}  {:>5}\n",
            "STRATEGY", "PREDICTED", "80 % OF RUNS", "SEEN", "RUNS"
        );
        for candidate in &self.candidates {
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
        let _ = writeln!(text, "chosen: {}, because {}", self.strategy.strategy_id, self.reason);
        text
    }
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
