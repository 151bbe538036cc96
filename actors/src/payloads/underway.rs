//! Who fetches which blob, so that none comes twice at a time, and nobody waits twice for the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use nexus_model::BlobHash;

use crate::worker::LoadError;

/// What became of a fetch: why it failed, where that holds for all who wait for it.
type Outcome = Arc<OnceLock<Option<LoadError>>>;

/// Blobs that are on their way to this node.
#[derive(Default)]
pub(super) struct Underway {
    blobs: Mutex<BTreeMap<BlobHash, Outcome>>,
    arrived: Condvar,
}

/// The right to fetch a blob, until it is dropped.
pub(super) struct Turn<'a> {
    underway: &'a Underway,
    blob: BlobHash,
    outcome: Outcome,
    failure: Option<LoadError>,
}

impl Underway {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<BlobHash, Outcome>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to fetch a blob; where somebody else fetches it, nothing, once that is over: then it may be here. If it is
    /// not, for a reason that holds for everybody, that is the error.
    pub(super) fn turn(&self, blob: BlobHash) -> Result<Option<Turn<'_>>, LoadError> {
        let mut blobs = self.lock();
        let Some(outcome) = blobs.get(&blob).map(Arc::clone) else { return Ok(Some(self.begin(&mut blobs, blob))) };
        loop {
            match outcome.get() {
                Some(None) => return Ok(None),
                Some(Some(failure)) => return Err(failure.clone()),
                None => blobs = self.arrived.wait(blobs).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// The same where nobody else fetches it.
    pub(super) fn free_turn(&self, blob: BlobHash) -> Option<Turn<'_>> {
        let mut blobs = self.lock();
        // Only who has the right may make a turn: its end gives the right back.
        (!blobs.contains_key(&blob)).then(|| self.begin(&mut blobs, blob))
    }

    fn begin(&self, blobs: &mut BTreeMap<BlobHash, Outcome>, blob: BlobHash) -> Turn<'_> {
        let outcome = Outcome::default();
        blobs.insert(blob, Arc::clone(&outcome));
        Turn { underway: self, blob, outcome, failure: None }
    }
}

impl Turn<'_> {
    /// Whoever waits for this turn need not try again. Gives the reason back.
    pub(super) fn failed(&mut self, why: LoadError) -> LoadError {
        self.failure = Some(why.clone());
        why
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut blobs = self.underway.lock();
        blobs.remove(&self.blob);
        // Nobody but a turn sets it, and only once.
        let _ = self.outcome.set(self.failure.take());
        drop(blobs);
        self.underway.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const BLOB: BlobHash = BlobHash([7; 32]);

    #[test]
    fn who_finds_a_blob_on_its_way_disturbs_nobody_who_fetches_it() {
        let underway = Underway::default();
        let first = underway.free_turn(BLOB).unwrap();
        assert!(underway.free_turn(BLOB).is_none());
        assert!(underway.free_turn(BlobHash([8; 32])).is_some());
        assert!(underway.free_turn(BLOB).is_none(), "it is still on its way");
        drop(first);
        assert!(underway.free_turn(BLOB).is_some(), "its way is free again");
    }

    /// What others are told that wait for a turn until it ends like this.
    fn told(failure: Option<LoadError>) -> Vec<Result<bool, LoadError>> {
        let (underway, (say, said)) = (Underway::default(), mpsc::channel());
        let mut first = underway.turn(BLOB).unwrap().unwrap();
        std::thread::scope(|scope| {
            for say in [say.clone(), say] {
                let underway = &underway;
                scope.spawn(move || say.send(underway.turn(BLOB).map(|turn| turn.is_some())).unwrap());
            }
            // Both wait for what became of it.
            while Arc::strong_count(&first.outcome) < 4 {
                std::thread::yield_now();
            }
            if let Some(failure) = failure {
                first.failed(failure);
            }
            drop(first);
        });
        said.iter().collect()
    }

    #[test]
    fn who_waits_for_a_fetch_shares_what_became_of_it() {
        let lost = LoadError::Lost(BLOB);
        assert_eq!(told(Some(lost.clone())), [Err(lost.clone()), Err(lost)]);
        assert_eq!(told(None), [Ok(false), Ok(false)], "it may be here now");
    }
}
