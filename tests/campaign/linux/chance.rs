//! Numbers that look like chance and are the same for the same seed.
//!
//! The seed decides which faults come in which order and how long they last. What the processes make of them is up to the
//! machine, so the same seed gives the same plan, not the same run.

use std::time::Duration;

use fastrand::Rng;

/// A generator.
#[derive(Debug, Clone)]
pub(crate) struct Chance(Rng);

impl Chance {
    /// The generator of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Chance(Rng::with_seed(seed))
    }

    /// Another generator, for somebody who draws in a thread of its own.
    pub(crate) fn fork(&mut self) -> Self {
        Chance(self.0.fork())
    }

    /// A number below `n`, 0 where `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0.u64(..n.max(1))
    }

    /// True `per_mille` times in a thousand.
    pub(crate) fn happens(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// A time between the two, to the millisecond.
    pub(crate) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let spread = most.saturating_sub(least).as_millis() as u64;
        least + Duration::from_millis(self.0.u64(..=spread))
    }

    /// One of the items, none of none.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        self.0.choice(items)
    }
}
