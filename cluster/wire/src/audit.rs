//! The record of what people did to the cluster: each entry's hash covers the one before it, so that none can be changed
//! or left out unseen by whoever knows a later hash.

/// An act, as the log of the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Counts up by one, from 1.
    pub number: u64,
    /// When the leader wrote it down, in ms since 1970, by its clock.
    pub at_ms: u64,
    /// Who did it: the name on the certificate, and on which node it was issued.
    pub by: String,
    /// What was done, as a command would say it.
    pub act: String,
    /// Covers everything above, and the hash of the entry before.
    pub hash: [u8; 32],
}

impl AuditEntry {
    /// The entry after one with the hash `before` (zeros before the first).
    pub fn after(before: &[u8; 32], number: u64, at_ms: u64, by: String, act: String) -> Self {
        let hash = hash(before, number, at_ms, &by, &act);
        AuditEntry { number, at_ms, by, act, hash }
    }

    /// Whether it is what was written after the entry with the hash `before`.
    pub fn follows(&self, before: &[u8; 32]) -> bool {
        hash(before, self.number, self.at_ms, &self.by, &self.act) == self.hash
    }
}

fn hash(before: &[u8; 32], number: u64, at_ms: u64, by: &str, act: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("nexus-os 2026-11 entry of the audit log");
    hasher.update(before).update(&number.to_le_bytes()).update(&at_ms.to_le_bytes());
    // Both lengths, so that no other split of the same bytes has the same hash.
    for text in [by, act] {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Acts that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The hash of the entry before the first of these; zeros where there was none.
    pub before: [u8; 32],
    /// In order.
    pub entries: Vec<AuditEntry>,
    /// The number of the newest entry of all; 0 where there is none.
    pub newest: u64,
}

impl AuditPage {
    /// The number of the first entry that is not what was written, or that does not follow the one before it.
    pub fn first_broken(&self) -> Option<u64> {
        let mut before = self.before;
        for (number, entry) in (self.entries.first()?.number..).zip(&self.entries) {
            if entry.number != number || !entry.follows(&before) {
                return Some(number);
            }
            before = entry.hash;
        }
        None
    }
}

/// What is asked and written about acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditRequest {
    /// Client → leader: the acts from this number on. Answer: [`crate::ClusterResponse::Audit`] with as many as fit.
    Read {
        /// The first; the oldest kept where it is gone.
        from: u64,
    },
    /// Node → leader: this was asked of me and needs no leader. Answer: [`crate::Response::Done`].
    Write {
        /// Who asked.
        by: String,
        /// What for.
        act: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> AuditPage {
        let mut before = [0; 32];
        let mut entries = Vec::new();
        for (number, act) in (1..).zip(["token create", "node forget 2", "voters set 1"]) {
            let entry = AuditEntry::after(&before, number, 10 * number, "ada".into(), act.into());
            before = entry.hash;
            entries.push(entry);
        }
        AuditPage { before: [0; 32], entries, newest: 3 }
    }

    #[test]
    fn whatever_is_changed_breaks_the_chain_there() {
        assert_eq!(page().first_broken(), None);
        let broken = |change: &dyn Fn(&mut AuditPage)| {
            let mut page = page();
            change(&mut page);
            page.first_broken()
        };
        assert_eq!(broken(&|page| page.entries[1].act.push('0')), Some(2));
        assert_eq!(broken(&|page| page.entries[1].by = "bob".into()), Some(2));
        assert_eq!(broken(&|page| page.entries[2].at_ms += 1), Some(3));
        assert_eq!(broken(&|page| drop(page.entries.remove(1))), Some(2));
        assert_eq!(broken(&|page| page.before[0] = 1), Some(1));
        // An entry that is written anew, with its own hash, breaks the next.
        let again = |page: &mut AuditPage| {
            let first = page.entries[0].hash;
            page.entries[1] = AuditEntry::after(&first, 2, 20, "ada".into(), "node forget 3".into());
        };
        assert_eq!(broken(&again), Some(3));
        // Moving bytes between the texts is a change.
        assert_eq!(
            broken(&|page| (page.entries[0].by, page.entries[0].act) = ("adat".into(), "oken create".into())),
            Some(1)
        );
    }
}
