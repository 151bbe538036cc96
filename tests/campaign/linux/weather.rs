//! What happens to packets on the way from one node to another.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One direction between two nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// Nothing passes.
    pub(crate) is_cut: bool,
    /// Packets lost, in a thousand.
    pub(crate) lost: u64,
    /// Packets that come twice, in a thousand.
    pub(crate) doubled: u64,
    /// Each packet waits this long, and up to `jitter` longer: later ones overtake.
    pub(crate) delay: Duration,
    /// See `delay`.
    pub(crate) jitter: Duration,
}

impl Way {
    /// Closed.
    pub(crate) const CUT: Way =
        Way { is_cut: true, lost: 0, doubled: 0, delay: Duration::ZERO, jitter: Duration::ZERO };
}

/// All ways; one that is not named is clear.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    ways: Mutex<BTreeMap<(usize, usize), Way>>,
}

impl Weather {
    fn ways(&self) -> MutexGuard<'_, BTreeMap<(usize, usize), Way>> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is from one node to another.
    pub(crate) fn between(&self, from: usize, to: usize) -> Way {
        self.ways().get(&(from, to)).copied().unwrap_or_default()
    }

    /// Makes it so from one node to another, and leaves the way back as it is.
    pub(crate) fn set(&self, from: usize, to: usize, way: Way) {
        self.ways().insert((from, to), way);
    }

    /// Makes it so both ways between all nodes of one side and all of the other.
    pub(crate) fn set_between(&self, side: &[usize], other: &[usize], way: Way) {
        for &a in side {
            for &b in other.iter().filter(|b| **b != a) {
                self.set(a, b, way);
                self.set(b, a, way);
            }
        }
    }

    /// Everything passes.
    pub(crate) fn clear(&self) {
        self.ways().clear();
    }
}
