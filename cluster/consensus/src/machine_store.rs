//! openraft's state machine storage: the state in memory, rebuilt at the start from the last snapshot and the log.
//!
//! Nothing of the state is written when an entry is applied; the log already is. A snapshot is written when the log behind
//! the last one has grown enough to pay for it.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use futures::{Stream, StreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use tokio::sync::{Notify, RwLock, RwLockReadGuard, mpsc};

use crate::event::{Applied, Event};
use crate::limits::APPLY_BATCH_MAX;
use crate::machine::StateMachine;
use crate::raft_types::{LogId, RaftTypes, Snapshot, SnapshotMeta, StoredMembership};
use crate::snapshot_file::{SnapshotData, SnapshotFiles};

/// A log this many times longer than [`SnapshotPolicy::entries`] gets a snapshot whatever the size of the state.
const LONG_LOG_FACTOR: u64 = 16;

/// When a snapshot is worth writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// After this many entries; they bound the time that a start takes.
    pub entries: u64,
    /// After this many bytes of log; they bound the space of the log.
    pub log_bytes: u64,
    /// Entries kept behind a snapshot, for followers that are only a little late.
    pub keep: u64,
}

impl Default for SnapshotPolicy {
    /// 50,000 entries are applied again in well under a second, and 64 MiB of log are read in less.
    fn default() -> Self {
        Self { entries: 50_000, log_bytes: 64 << 20, keep: 5_000 }
    }
}

/// The state and what of the log is in it.
pub(crate) struct State<S> {
    pub(crate) machine: S,
    pub(crate) applied: Option<LogId>,
    membership: StoredMembership,
}

/// What the store, its snapshot builders and readers share.
pub(crate) struct Shared<S> {
    state: RwLock<State<S>>,
    /// Told whenever the state was changed and may be read again.
    readable: Notify,
    pub(crate) snapshots: SnapshotFiles,
    /// Bytes of commands applied since the last snapshot was begun.
    log_bytes: AtomicU64,
    /// Set once the log has been applied again up to where it was: from then on effects are told.
    live: AtomicBool,
    /// Set while somebody asked for a snapshot whatever the policy.
    wanted: AtomicBool,
    /// What kind the first failure of a snapshot was.
    failure: OnceLock<io::ErrorKind>,
}

impl<S: StateMachine> Shared<S> {
    pub(crate) fn new(snapshots: SnapshotFiles) -> Self {
        let state = State { machine: S::empty(), applied: None, membership: StoredMembership::default() };
        Self {
            state: RwLock::new(state),
            readable: Notify::new(),
            snapshots,
            log_bytes: AtomicU64::new(0),
            live: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            failure: OnceLock::new(),
        }
    }

    /// The state, for reading. Applying waits while it is held.
    ///
    /// Who waits here stands in no line: an actor that waits for one future polls no other, and one that had got its turn
    /// without being polled would hold up applying, and with it everything, for ever.
    pub(crate) async fn state(&self) -> RwLockReadGuard<'_, State<S>> {
        loop {
            let mut readable = pin!(self.readable.notified());
            readable.as_mut().enable();
            if let Ok(state) = self.state.try_read() {
                return state;
            }
            readable.await;
        }
    }

    async fn change<R>(&self, change: impl FnOnce(&mut State<S>) -> R) -> R {
        let result = change(&mut *self.state.write().await);
        self.readable.notify_waiters();
        result
    }

    /// The next time that openraft asks, a snapshot is due.
    pub(crate) fn want_snapshot(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    /// What kind the first failure of a snapshot was.
    pub(crate) fn failure(&self) -> Option<io::ErrorKind> {
        self.failure.get().copied()
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            tracing::error!(%error, "a snapshot cannot be written or read");
            // Only the first one is kept.
            let _ = self.failure.set(error.kind());
        })
    }

    /// From now on effects are told.
    pub(crate) fn go_live(&self) {
        self.live.store(true, Ordering::Release);
    }
}

/// The state machine as openraft drives it.
pub(crate) struct MachineStore<S: StateMachine> {
    pub(crate) shared: Arc<Shared<S>>,
    pub(crate) events: mpsc::Sender<Event<S>>,
    pub(crate) policy: SnapshotPolicy,
}

impl<S: StateMachine> MachineStore<S> {
    /// Applies a batch under one lock, answers the proposers, then tells the owner.
    async fn apply_batch(&self, batch: Vec<EntryResponder<RaftTypes<S>>>) -> io::Result<()> {
        let mut applied = Vec::with_capacity(batch.len());
        let mut answers = Vec::with_capacity(batch.len());
        let mut bytes = 0;
        let change = |state: &mut State<S>| -> io::Result<()> {
            for (entry, responder) in batch {
                let index = entry.log_id.index;
                let reply = match entry.payload {
                    EntryPayload::Blank => None,
                    EntryPayload::Normal(command) => {
                        bytes += command.0.len() as u64;
                        let command = S::decode_command(&command.0).map_err(|reason| undecodable(index, &reason))?;
                        let (reply, effects) = state.machine.apply(index, command);
                        applied.push(Applied { index, effects });
                        Some(reply)
                    }
                    EntryPayload::Membership(membership) => {
                        state.membership = StoredMembership::new(Some(entry.log_id), membership);
                        None
                    }
                };
                state.applied = Some(entry.log_id);
                answers.extend(responder.map(|responder| (responder, reply)));
            }
            Ok(())
        };
        self.shared.change(change).await?;
        self.shared.log_bytes.fetch_add(bytes, Ordering::Relaxed);
        answers.into_iter().for_each(|(responder, reply)| responder.send(reply));
        if self.shared.live.load(Ordering::Acquire) && !applied.is_empty() {
            // An owner that is gone needs no events.
            drop(self.events.send(Event::Applied(applied)).await);
        }
        Ok(())
    }

    /// Whether the log since the last snapshot is long enough. A large state is written only when the log has grown by half
    /// its size (or by very many entries), so that snapshots never cost more than a constant factor of what the log costs.
    async fn is_snapshot_due(&self) -> bool {
        let applied = self.shared.state.read().await.applied.as_ref().map_or(0, |id| id.index);
        let (covered, size) = self
            .shared
            .snapshots
            .current()
            .map_or((0, 0), |(meta, data)| (meta.last_log_id.as_ref().map_or(0, |id| id.index), data.bytes));
        let bytes = self.shared.log_bytes.load(Ordering::Relaxed);
        let entries = applied.saturating_sub(covered);
        let long = entries >= self.policy.entries || bytes >= self.policy.log_bytes;
        long && (bytes >= size / 2 || entries / LONG_LOG_FACTOR >= self.policy.entries)
    }
}

fn undecodable(index: u64, reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the command of entry {index} cannot be read: {reason}"))
}

impl<S: StateMachine> RaftStateMachine<RaftTypes<S>> for MachineStore<S> {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = SnapshotBuilder<S>;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        let state = self.shared.state.read().await;
        Ok((state.applied, state.membership.clone()))
    }

    async fn apply<Strm>(&mut self, entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<RaftTypes<S>>, io::Error>> + Unpin + OptionalSend,
    {
        let mut batches = entries.ready_chunks(APPLY_BATCH_MAX);
        while let Some(batch) = batches.next().await {
            self.apply_batch(batch.into_iter().collect::<Result<_, _>>()?).await?;
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<SnapshotBuilder<S>> {
        let wanted = self.shared.wanted.swap(false, Ordering::AcqRel);
        if !force && !wanted && !self.is_snapshot_due().await {
            return None;
        }
        Some(self.get_snapshot_builder().await)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder<S> {
        SnapshotBuilder { shared: Arc::clone(&self.shared) }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: SnapshotData) -> Result<(), io::Error> {
        let shared = Arc::clone(&self.shared);
        let announced = meta.clone();
        let install = move || -> io::Result<S> {
            let (found, state) = snapshot.read()?;
            if found != announced {
                let reason = "the snapshot covers something else than announced";
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            let machine = S::decode_snapshot(&state).map_err(|reason| {
                io::Error::new(io::ErrorKind::InvalidData, format!("the state in the snapshot: {reason}"))
            })?;
            shared.snapshots.install(&announced, &snapshot)?;
            Ok(machine)
        };
        let installed = tokio::task::spawn_blocking(install).await.map_err(io::Error::other)?;
        let machine = self.shared.note(installed)?;
        let state = State { machine, applied: meta.last_log_id, membership: meta.last_membership.clone() };
        self.shared.change(|before| *before = state).await;
        self.shared.log_bytes.store(0, Ordering::Relaxed);
        if self.shared.live.load(Ordering::Acquire) {
            let index = meta.last_log_id.as_ref().map_or(0, |id| id.index);
            drop(self.events.send(Event::StateReplaced { index }).await);
        }
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        Ok(self.shared.snapshots.current().map(|(meta, snapshot)| Snapshot { meta, snapshot }))
    }
}

/// Writes one snapshot, of the state at the time when it is asked to.
pub(crate) struct SnapshotBuilder<S> {
    shared: Arc<Shared<S>>,
}

impl<S: StateMachine> RaftSnapshotBuilder<RaftTypes<S>> for SnapshotBuilder<S> {
    type SnapshotData = SnapshotData;

    /// Applying waits while the state is encoded in memory, on a thread for blocking work, and goes on while the bytes are
    /// written and flushed. So does reading, once something waits to be applied.
    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        let shared = Arc::clone(&self.shared);
        let build = move || -> io::Result<(SnapshotMeta, SnapshotData)> {
            let (meta, bytes) = {
                let state = shared.state.blocking_read();
                shared.log_bytes.store(0, Ordering::Relaxed);
                let meta = SnapshotMeta { last_log_id: state.applied, last_membership: state.membership.clone() };
                (meta, state.machine.encode_snapshot())
            };
            let bytes = bytes.map_err(|reason| io::Error::other(format!("the state cannot be encoded: {reason}")))?;
            shared.snapshots.write(&meta, &bytes)
        };
        let built = tokio::task::spawn_blocking(build).await.map_err(io::Error::other)?;
        let (meta, snapshot) = self.shared.note(built)?;
        Ok(Snapshot { meta, snapshot })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_machine::Register;

    #[tokio::test]
    async fn who_waits_to_read_and_is_not_polled_holds_up_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let shared = Shared::<Register>::new(SnapshotFiles::open(folder.path()).unwrap());
        let writing = shared.state.write().await;
        let mut reader = pin!(shared.state());
        assert!(futures::poll!(reader.as_mut()).is_pending());
        drop(writing);
        let changed = tokio::time::timeout(Duration::from_secs(5), shared.change(|_| ())).await;
        assert!(changed.is_ok(), "applying waits for a reader that nobody polls");
        assert!(reader.await.applied.is_none());
    }
}
