//! Recently used small blobs, within a budget of bytes: least recently used goes first. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use nexus_model::BlobHash;

/// A blob above this share of the budget is not cached: one of them would drive out all others.
const SHARE_MAX: usize = 8;

#[derive(Debug)]
pub(crate) struct Cache {
    budget: usize,
    used: usize,
    /// Counts uses; the key of `by_age`.
    now: u64,
    blobs: BTreeMap<BlobHash, (Bytes, u64)>,
    by_age: BTreeMap<u64, BlobHash>,
}

impl Cache {
    pub(crate) fn new(budget: usize) -> Self {
        Cache { budget, used: 0, now: 0, blobs: BTreeMap::new(), by_age: BTreeMap::new() }
    }

    /// Whether a blob of this length would be kept.
    pub(crate) fn takes(&self, bytes: u64) -> bool {
        bytes <= (self.budget / SHARE_MAX) as u64
    }

    pub(crate) fn get(&mut self, hash: &BlobHash) -> Option<Bytes> {
        let (bytes, age) = self.blobs.get_mut(hash)?;
        self.now += 1;
        self.by_age.remove(age);
        self.by_age.insert(self.now, *hash);
        *age = self.now;
        Some(bytes.clone())
    }

    /// Keeps `bytes`, which have been checked against `hash`, if they are small enough.
    pub(crate) fn put(&mut self, hash: BlobHash, bytes: Bytes) {
        if !self.takes(bytes.len() as u64) || self.get(&hash).is_some() {
            return;
        }
        self.used += bytes.len();
        self.now += 1;
        self.by_age.insert(self.now, hash);
        self.blobs.insert(hash, (bytes, self.now));
        while self.used > self.budget {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            if let Some((bytes, _)) = self.blobs.remove(&oldest) {
                self.used -= bytes.len();
            }
        }
        debug_assert_eq!(self.by_age.len(), self.blobs.len());
    }

    pub(crate) fn remove(&mut self, hash: &BlobHash) {
        if let Some((bytes, age)) = self.blobs.remove(hash) {
            self.used -= bytes.len();
            self.by_age.remove(&age);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash(n: u8) -> BlobHash {
        BlobHash([n; 32])
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::new(80);
        for n in 0..8 {
            cache.put(hash(n), Bytes::from(vec![n; 10]));
        }
        assert!(cache.get(&hash(0)).is_some());
        cache.put(hash(8), Bytes::from(vec![8; 10]));
        assert!(cache.get(&hash(0)).is_some());
        assert!(cache.get(&hash(1)).is_none());
        cache.put(hash(9), Bytes::from(vec![9; 11]));
        assert!(cache.get(&hash(9)).is_none(), "more than an eighth of the budget");
    }

    proptest! {
        #[test]
        fn the_budget_holds_and_what_is_found_is_what_was_put(
            steps in prop::collection::vec((0..20u8, 0..30usize, 0..3u8), 0..200),
        ) {
            let mut cache = Cache::new(160);
            for (n, length, step) in steps {
                match step {
                    0 => cache.put(hash(n), Bytes::from(vec![n; length])),
                    1 => cache.remove(&hash(n)),
                    _ => {
                        if let Some(bytes) = cache.get(&hash(n)) {
                            prop_assert!(bytes.iter().all(|byte| *byte == n));
                        }
                    }
                }
                prop_assert!(cache.used <= 160);
                prop_assert_eq!(cache.used, cache.blobs.values().map(|(bytes, _)| bytes.len()).sum::<usize>());
            }
        }
    }
}
