//! How far the ends of an 80 % interval lie from its middle, corrected by how often they held.
//!
//! Run times have heavier tails than any model of them, longer on the slow side, and each machine its own. So the two
//! ends follow the tenths of what was seen, whatever its distribution (adaptive conformal inference; Gibbs, Candès 2021),
//! for each piece of work, beginning where all pieces together stand.

use serde::{Deserialize, Serialize};

/// The share of runs that is to lie beyond each end.
const BEYOND: f64 = 0.1;
/// What a run moves the ends of its piece of work at first, as a logarithm.
const STEP: f64 = 0.6;
/// The same after many runs.
const STEP_LEAST: f64 = 0.2;
/// What a run moves the ends that new pieces of work begin with.
const STEP_OF_ALL: f64 = 0.02;
/// Ends move between a twentieth and twenty times of what the model says.
const REACH_MAX: f64 = 3.0;

/// Logarithms of what the model's distances to the ends are multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Coverage {
    low: f64,
    high: f64,
    /// Predictions that it was corrected by.
    runs: u32,
}

impl Coverage {
    /// For a piece of work that begins where all together stand.
    pub(crate) fn beginning(self) -> Coverage {
        Coverage { runs: 0, ..self }
    }

    /// The ends of an interval whose middle is `location` and whose ends the model puts at a distance of `reach`, all in
    /// logarithms.
    pub(crate) fn ends(&self, location: f64, reach: f64) -> (f64, f64) {
        (location - reach * self.low.exp(), location + reach * self.high.exp())
    }

    /// Learns from a run of one piece of work.
    pub(crate) fn learn(&mut self, seconds: f64, interval: (f64, f64)) {
        let step = (STEP / f64::from(self.runs + 1).sqrt()).max(STEP_LEAST);
        self.runs = self.runs.saturating_add(1);
        self.correct(seconds, interval, step);
    }

    /// Learns from a run of any piece of work.
    pub(crate) fn learn_of_all(&mut self, seconds: f64, interval: (f64, f64)) {
        self.correct(seconds, interval, STEP_OF_ALL);
    }

    fn correct(&mut self, seconds: f64, (low_s, high_s): (f64, f64), step: f64) {
        let moved = |is_beyond: bool| step * (f64::from(is_beyond) - BEYOND);
        self.low = (self.low + moved(seconds < low_s)).clamp(-REACH_MAX, REACH_MAX);
        self.high = (self.high + moved(seconds > high_s)).clamp(-REACH_MAX, REACH_MAX);
    }

    /// Whether the numbers can be those of runs.
    pub(crate) fn is_sound(&self) -> bool {
        self.low.abs() <= REACH_MAX && self.high.abs() <= REACH_MAX
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn the_ends_follow_tails_that_no_model_foresaw() {
        let mut chance = StdRng::seed_from_u64(1);
        let mut coverage = Coverage::default();
        let (mut below, mut above) = (0, 0);
        for run in 0..4000 {
            // One run in four is slow by far, the others hardly differ.
            let noise: f64 = chance.random::<f64>() * 0.02;
            let log_s = if chance.random::<f64>() < 0.25 { 1.0 + noise } else { noise };
            let (low, high) = coverage.ends(0.1, 0.3);
            let interval = (low.exp(), high.exp());
            if run >= 200 {
                below += u32::from(log_s.exp() < interval.0);
                above += u32::from(log_s.exp() > interval.1);
            }
            coverage.learn(log_s.exp(), interval);
        }
        for beyond in [below, above] {
            assert!((0.07..0.13).contains(&(f64::from(beyond) / 3800.0)), "{below} {above}");
        }
    }
}
