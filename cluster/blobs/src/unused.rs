//! What is no longer used goes: a blob that two looks in a row found without a reference, and that nobody stored or asked
//! for in between. How far apart the looks are is the caller's; no clock and no time of a file decides. It does not know
//! who refers to what: that is the ledger's.

use std::collections::{BTreeMap, BTreeSet};

use nexus_model::BlobHash;

use crate::error::BlobError;
use crate::store::{BlobStore, lock};

/// Blobs without a reference at an earlier look, with the number of that look.
#[derive(Debug, Default)]
pub(crate) struct Unused {
    looks: u64,
    since: BTreeMap<BlobHash, u64>,
}

/// What a look found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs that went.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Blobs that go at the next look, unless somebody wants them until then.
    pub waiting: u64,
}

impl BlobStore {
    /// A look: removes what was found without a reference before and has none now; `referenced` are those that have one.
    /// Whoever stores a blob, or asks whether it is here, puts off its end by a look.
    ///
    /// # Errors
    /// The directory cannot be read, or a file not removed. What was removed until then stays so.
    pub fn collect(&self, referenced: &BTreeSet<BlobHash>) -> Result<Collected, BlobError> {
        let look = {
            let mut unused = lock(&self.unused);
            unused.looks += 1;
            unused.looks
        };
        let mut found = Collected::default();
        for hash in self.disk.hashes()? {
            // Under the lock, so that nobody is told that it is here while it goes.
            let mut unused = lock(&self.unused);
            if referenced.contains(&hash) {
                unused.since.remove(&hash);
                continue;
            }
            let is_old = *unused.since.entry(hash).or_insert(look) < look;
            if !is_old {
                found.waiting += 1;
                continue;
            }
            unused.since.remove(&hash);
            let bytes = self.disk.length(&hash)?.unwrap_or(0);
            if self.remove(&hash)? {
                found.removed += 1;
                found.removed_bytes += bytes;
            }
        }
        Ok(found)
    }

    /// Somebody wants it: the next look does not remove it.
    pub(crate) fn in_use(&self, hash: &BlobHash) {
        lock(&self.unused).since.remove(hash);
    }
}
