//! The log of refusals: one line each, but not more a second than a person could want, so that whoever knocks all night
//! cannot fill the disk.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines in a window before they are only counted.
const LINES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);

/// Decides which refusals get a line. Pure: the time is an argument.
#[derive(Debug, Default)]
struct Gate {
    window: Option<Instant>,
    lines: u32,
    unsaid: u64,
}

impl Gate {
    /// Whether this refusal gets a line, and how many before it did not.
    fn pass(&mut self, now: Instant) -> Option<u64> {
        if self.window.is_none_or(|start| now.saturating_duration_since(start) >= WINDOW) {
            self.window = Some(now);
            self.lines = 0;
        }
        if self.lines == LINES_MAX {
            self.unsaid += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.unsaid))
    }
}

/// Where refusals are reported.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    gate: Mutex<Gate>,
}

impl Refusals {
    /// Says that something of `peer` was refused, and why.
    pub(crate) fn report(&self, peer: SocketAddr, reason: impl Display) {
        let pass = self.gate.lock().unwrap_or_else(PoisonError::into_inner).pass(Instant::now());
        match pass {
            Some(0) => tracing::warn!(%peer, %reason, "refused a peer"),
            Some(unsaid) => tracing::warn!(%peer, %reason, unsaid, "refused a peer, and others before it"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_counted_and_not_written() {
        let mut gate = Gate::default();
        let start = Instant::now();
        let said = (0..1000).filter(|_| gate.pass(start).is_some()).count();
        assert_eq!(said, LINES_MAX as usize);
        assert_eq!(gate.pass(start + WINDOW / 2), None);
        assert_eq!(gate.pass(start + WINDOW), Some(1000 - u64::from(LINES_MAX) + 1));
        assert_eq!(gate.pass(start + WINDOW), Some(0));
    }
}
