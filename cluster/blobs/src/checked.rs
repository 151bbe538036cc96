//! Which blobs on disk are known to have their hash. Pure.
//!
//! Each blob is read through once before any part of it is served, and again when the node has started anew: a damaged
//! file is found here and not by the one who computes with it.

use std::collections::BTreeSet;

use nexus_model::BlobHash;

/// Hashes that are remembered; with more, checking begins anew, which costs time and nothing else.
const REMEMBERED_MAX: usize = 65_536;

#[derive(Debug, Default)]
pub(crate) struct Checked {
    hashes: BTreeSet<BlobHash>,
}

impl Checked {
    pub(crate) fn contains(&self, hash: &BlobHash) -> bool {
        self.hashes.contains(hash)
    }

    pub(crate) fn insert(&mut self, hash: BlobHash) {
        if self.hashes.len() >= REMEMBERED_MAX {
            self.hashes.clear();
        }
        self.hashes.insert(hash);
    }

    pub(crate) fn remove(&mut self, hash: &BlobHash) {
        self.hashes.remove(hash);
    }
}
