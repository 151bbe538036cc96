//! Who fetches which blob, so that none comes twice at a time.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use nexus_model::BlobHash;

/// Blobs that are on their way to this node.
#[derive(Default)]
pub(super) struct Underway {
    blobs: Mutex<BTreeSet<BlobHash>>,
    arrived: Condvar,
}

/// The right to fetch a blob, until it is dropped.
pub(super) struct Turn<'a> {
    underway: &'a Underway,
    blob: BlobHash,
}

impl Underway {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<BlobHash>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while somebody else fetches the blob; then it may be here.
    pub(super) fn turn(&self, blob: BlobHash) -> Turn<'_> {
        let mut blobs = self.lock();
        while !blobs.insert(blob) {
            blobs = self.arrived.wait(blobs).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { underway: self, blob }
    }

    /// The same where nobody else fetches it.
    pub(super) fn free_turn(&self, blob: BlobHash) -> Option<Turn<'_>> {
        // Only who has the right may make a turn: its end gives the right back.
        self.lock().insert(blob).then(|| Turn { underway: self, blob })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.underway.lock().remove(&self.blob);
        self.underway.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn who_finds_a_blob_on_its_way_disturbs_nobody_who_fetches_it() {
        let (underway, blob) = (Underway::default(), BlobHash([7; 32]));
        let (first, second) = (underway.free_turn(blob).unwrap(), mpsc::channel());
        assert!(underway.free_turn(blob).is_none());
        assert!(underway.free_turn(BlobHash([8; 32])).is_some());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let turn = underway.turn(blob);
                second.0.send(()).unwrap();
                drop(turn);
            });
            assert!(underway.free_turn(blob).is_none(), "it is still on its way");
            assert!(second.1.try_recv().is_err(), "one at a time");
            drop(first);
            second.1.recv().unwrap();
        });
        assert!(underway.free_turn(blob).is_some(), "its way is free again");
    }
}
