//! Time cut into slices, and what a delay looks like in them.

use nexus_echo::{Graph, Micros, Trigger};

use crate::BridgeError;

/// The most slices: tables of two variables that meet in a third have the third power of so many numbers.
pub const SLICES_MAX: usize = 64;
/// Quantiles of a delay that stand for its distribution.
const QUANTILES: usize = 1_024;

/// Equal slices of time. Whatever lies behind the last one counts as never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slices {
    start: Micros,
    width: Micros,
    count: usize,
}

impl Slices {
    /// `count` slices of `width` from `start` on.
    ///
    /// # Errors
    /// [`BridgeError::BadSlices`] for none or more than [`SLICES_MAX`], or a width that is not above 0.
    pub fn new(start: Micros, width: Micros, count: usize) -> Result<Self, BridgeError> {
        let end = i64::try_from(count)
            .ok()
            .and_then(|count| width.0.checked_mul(count))
            .and_then(|length| start.0.checked_add(length));
        let in_range = end.is_some_and(|end| Micros(end).in_range()) && start.in_range();
        if width.0 <= 0 || count == 0 || count > SLICES_MAX || !in_range {
            return Err(BridgeError::BadSlices { count, most: SLICES_MAX });
        }
        Ok(Slices { start, width, count })
    }

    /// `count` slices from the first event of a graph to `horizon`.
    ///
    /// # Errors
    /// As [`Slices::new`]; a horizon that is not after the first event.
    pub fn until(graph: &Graph, horizon: Micros, count: usize) -> Result<Self, BridgeError> {
        let start = graph.nodes.iter().map(|node| node.timestamp).min().unwrap_or_default();
        let length = i128::from(horizon.0) - i128::from(start.0);
        let width = (length + count.max(1) as i128 - 1) / count.max(1) as i128;
        Slices::new(start, Micros(i64::try_from(width).unwrap_or(0)), count)
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How long each is.
    pub fn width(&self) -> Micros {
        self.width
    }

    /// When slice `at` ends.
    pub fn end(&self, at: usize) -> Micros {
        Micros(self.start.0 + self.width.0 * (at as i64 + 1))
    }

    /// The slice of a time: the first for earlier ones, [`Slices::count`] (never) for later ones.
    pub fn of(&self, time: Micros) -> usize {
        let after = (i128::from(time.0) - i128::from(self.start.0)).max(0);
        usize::try_from(after / i128::from(self.width.0)).unwrap_or(usize::MAX).min(self.count)
    }

    /// Names of a variable's states: when each slice ends, and never.
    pub(crate) fn states(&self) -> Vec<String> {
        let slices = (0..self.count).map(|at| format!("{}: by {}", at, self.end(at).point()));
        slices.chain(["later or never".to_owned()]).collect()
    }

    /// By how much a time within slice `at`, any of which is equally likely, is later than `due` on average.
    pub(crate) fn lateness(&self, at: usize, due: Micros) -> f64 {
        let (end, width) = (self.end(at).0 as f64, self.width.0 as f64);
        let late = (end - due.0 as f64).max(0.0);
        if late >= width { late - width / 2.0 } else { late * late / (2.0 * width) }
    }

    /// How likely an effect comes so many slices after its cause, which came at `known`, or is anywhere in its slice; what is
    /// missing from 1 comes later than the last slice.
    pub(crate) fn lags(&self, trigger: &Trigger, known: Option<Micros>) -> Vec<f64> {
        let within = known.map(|time| (time.0 - self.start.0).rem_euclid(self.width.0) as f64 / self.width.0 as f64);
        let mut lags = vec![0.0; self.count];
        for delay in trigger.delay_quantiles(QUANTILES) {
            let slices = (delay / self.width.0 as f64).max(0.0);
            let (whole, part) = match within {
                Some(within) => ((slices + within).floor(), 0.0),
                None => (slices.floor(), slices.fract()),
            };
            for (lag, share) in [(whole, 1.0 - part), (whole + 1.0, part)] {
                if lag < self.count as f64 {
                    lags[lag as usize] += share / QUANTILES as f64;
                }
            }
        }
        lags
    }
}

#[cfg(test)]
mod tests {
    use nexus_echo::TriggerKind;

    use super::*;

    #[test]
    fn a_delay_of_whole_slices_is_one_lag_and_any_other_two() {
        let slices = Slices::new(Micros(0), Micros(10), 6).unwrap();
        let lags =
            |min, max| slices.lags(&Trigger::new("a", TriggerKind::Causes, "b").within(Micros(min), Micros(max)), None);
        assert_eq!(lags(20, 20), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(lags(5, 5), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0]);
        // Even between 0 and 10 after a cause that is even within its slice: a triangle over two slices.
        let even = lags(0, 10);
        assert!((even[0] - 0.5).abs() < 1e-3 && (even[1] - 0.5).abs() < 1e-3, "{even:?}");
        assert_eq!(lags(1_000, 1_000), [0.0; 6]);
        let known = Trigger::new("a", TriggerKind::Causes, "b").within(Micros(5), Micros(5));
        assert_eq!(slices.lags(&known, Some(Micros(0))), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(slices.lags(&known, Some(Micros(27))), [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn lateness_is_that_of_a_time_anywhere_in_the_slice() {
        let slices = Slices::new(Micros(0), Micros(10), 6).unwrap();
        assert_eq!(slices.lateness(2, Micros(0)), 25.0);
        assert_eq!(slices.lateness(2, Micros(25)), 1.25);
        assert_eq!(slices.lateness(2, Micros(40)), 0.0);
    }

    #[test]
    fn times_have_their_slices() {
        let slices = Slices::new(Micros(100), Micros(10), 6).unwrap();
        assert_eq!([0, 100, 109, 110, 159, 160, i64::MAX].map(|at| slices.of(Micros(at))), [0, 0, 0, 1, 5, 6, 6]);
        assert!(Slices::new(Micros(0), Micros(0), 6).is_err() && Slices::new(Micros(0), Micros(1), 65).is_err());
        assert!(Slices::new(Micros(0), Micros(i64::MAX), 2).is_err());
    }
}
