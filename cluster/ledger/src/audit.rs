//! The acts of people that the ledger keeps: a chain of hashes, the newest entries of it.
//!
//! What falls out at the old end leaves its last hash, so that the rest can still be checked.

use std::collections::VecDeque;

use nexus_wire::limits::{AUDIT_PAGE_MAX, AUDIT_TEXT_BYTES_MAX};
use nexus_wire::{AuditEntry, AuditPage};

use crate::effect::{Rejection, Reply};
use crate::ledger::Ledger;

/// Acts that are kept: years of a small cluster's, a few megabytes at most.
pub(crate) const ENTRIES_MAX: usize = 10_000;

/// The chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    /// The hash before the first entry that is kept.
    pub(crate) before: [u8; 32],
    pub(crate) entries: VecDeque<AuditEntry>,
    /// Entries ever written.
    pub(crate) newest: u64,
}

impl Audit {
    fn write(&mut self, at_ms: u64, by: String, act: String) {
        let before = self.entries.back().map_or(self.before, |entry| entry.hash);
        self.newest += 1;
        self.entries.push_back(AuditEntry::after(&before, self.newest, at_ms, by, act));
        if self.entries.len() > ENTRIES_MAX
            && let Some(oldest) = self.entries.pop_front()
        {
            self.before = oldest.hash;
        }
    }

    /// Whether these entries follow each other and end with the newest.
    pub(crate) fn is_whole(&self) -> bool {
        let first = self.newest.checked_sub(self.entries.len() as u64);
        let numbers =
            self.entries.iter().zip(1..).all(|(entry, n)| first.is_some_and(|first| entry.number == first + n));
        let mut before = self.before;
        let chain = self.entries.iter().all(|entry| {
            let follows = entry.follows(&before);
            before = entry.hash;
            follows
        });
        first.is_some() && numbers && chain && self.entries.len() <= ENTRIES_MAX
    }
}

impl Ledger {
    /// Writes down who did what.
    pub(crate) fn record(&mut self, at_ms: u64, by: String, act: String) -> Result<Reply, Rejection> {
        self.cluster()?;
        let longest = by.len().max(act.len()) as u64;
        if longest > AUDIT_TEXT_BYTES_MAX as u64 {
            return Err(Rejection::Full { what: "bytes of an act", most: AUDIT_TEXT_BYTES_MAX as u64 });
        }
        self.audit.write(at_ms, by, act);
        Ok(Reply::Done)
    }

    /// The acts from number `from` on, as many as one answer takes; from the oldest where that is gone.
    pub fn audit(&self, from: u64) -> AuditPage {
        let Audit { before, entries, newest } = &self.audit;
        let oldest = entries.front().map_or(newest.saturating_add(1), |entry| entry.number);
        let skipped = usize::try_from(from.saturating_sub(oldest)).unwrap_or(usize::MAX).min(entries.len());
        let before = skipped.checked_sub(1).map_or(*before, |last| entries[last].hash);
        let entries = entries.iter().skip(skipped).take(AUDIT_PAGE_MAX).cloned().collect();
        AuditPage { before, entries, newest: *newest }
    }
}
