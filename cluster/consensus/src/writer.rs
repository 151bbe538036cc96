//! The thread that writes the log: everything that waits while one flush runs goes into the next transaction together
//! (group commit), so that a thousand proposals under way cost as many flushes as ten.
//!
//! One thread, one queue: votes, entries, truncations and purges reach the disk in the order in which they were asked for.
//! The first error ends it. Nothing is tried again after a failed flush, because nobody knows what the disk kept; what
//! waits and what comes later fails with the same error, and the owner is told.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{PURGE_STEP_ENTRIES, WRITE_QUEUE_BYTES_MAX};
use crate::log_file::{Change, LogFile};
use crate::raft_types::LogId;

/// Called once, from the writer thread, when the change is on the disk or has failed.
pub(crate) type Flushed = Box<dyn FnOnce(io::Result<()>) + Send>;

/// The handle of the writer thread. Dropping it writes what waits and ends the thread.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Counts the bytes that wait.
    room: Arc<Semaphore>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Goes along with the next transaction; losing it costs a repeated look at the log after a crash, no more.
    committed: Option<LogId>,
    /// Purged entries that are still in the file.
    remove: Option<Range<u64>>,
    closing: bool,
    failed: Option<Failure>,
}

/// What goes into one transaction, and who is told.
struct Batch {
    changes: Vec<Change>,
    flushed: Vec<Flushed>,
    /// Given back with the batch.
    _room: Vec<OwnedSemaphorePermit>,
}

struct Waiting {
    change: Change,
    flushed: Flushed,
    room: OwnedSemaphorePermit,
}

/// The first error, kept to be told again.
#[derive(Debug, Clone)]
struct Failure {
    kind: io::ErrorKind,
    text: String,
}

impl Failure {
    fn error(&self) -> io::Error {
        io::Error::new(self.kind, self.text.clone())
    }
}

impl Writer {
    /// Starts the thread on `file`.
    pub(crate) fn start(file: Arc<LogFile>) -> io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() });
        let thread = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("raft-log".to_owned()).spawn(move || shared.run(&file))?
        };
        let room = Arc::new(Semaphore::new(WRITE_QUEUE_BYTES_MAX));
        Ok(Self { shared, thread: Mutex::new(Some(thread)), room })
    }

    /// Waits until a change of `bytes` may be queued.
    pub(crate) async fn room_for(&self, bytes: usize) -> OwnedSemaphorePermit {
        let bytes = u32::try_from(bytes.min(WRITE_QUEUE_BYTES_MAX)).expect("the bound of the queue is below 4 GiB");
        Arc::clone(&self.room).acquire_many_owned(bytes).await.expect("this semaphore is never closed")
    }

    /// Queues `change`. `flushed` is called exactly once.
    pub(crate) fn submit(&self, change: Change, room: OwnedSemaphorePermit, flushed: Flushed) {
        let refused = {
            let mut queue = self.shared.lock();
            match &queue.failed {
                Some(failure) => Some((flushed, failure.error())),
                None if queue.closing => {
                    Some((flushed, io::Error::new(io::ErrorKind::NotConnected, "the log is closed")))
                }
                None => {
                    queue.waiting.push_back(Waiting { change, flushed, room });
                    None
                }
            }
        };
        match refused {
            Some((flushed, error)) => flushed(Err(error)),
            None => self.shared.wake.notify_one(),
        }
    }

    /// Queues `change` and waits until it is on the disk.
    pub(crate) async fn write(&self, change: Change) -> io::Result<()> {
        let room = self.room_for(0).await;
        let (send, receive) = tokio::sync::oneshot::channel();
        let flushed = Box::new(move |result| drop(send.send(result)));
        self.submit(change, room, flushed);
        receive.await.unwrap_or_else(|_| Err(io::Error::other("the log's writer is gone")))
    }

    /// Notes the commit index for the next transaction.
    pub(crate) fn note_committed(&self, committed: LogId) {
        self.shared.lock().committed = Some(committed);
    }

    /// Notes that the entries of `range` can go; they go a step at a time, with or between other changes.
    pub(crate) fn note_purged(&self, upto: LogId, range: Range<u64>) {
        {
            let mut queue = self.shared.lock();
            if queue.failed.is_some() || queue.closing {
                return;
            }
            let start = queue.remove.as_ref().map_or(range.start, |remove| remove.start.min(range.start));
            queue.remove = Some(start..range.end);
            let room = Arc::clone(&self.room).try_acquire_many_owned(0).expect("no permits can always be had");
            let waiting = Waiting { change: Change::Purged(upto), flushed: Box::new(|_| {}), room };
            queue.waiting.push_back(waiting);
        }
        self.shared.wake.notify_one();
    }

    /// What kind the failure was that ended the thread.
    pub(crate) fn failure(&self) -> Option<io::ErrorKind> {
        self.shared.lock().failed.as_ref().map(|failure| failure.kind)
    }

    /// Writes what waits and ends the thread.
    pub(crate) fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the log's writer thread panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, file: &LogFile) {
        // A panic here would leave every waiting proposal without an answer: the guard turns it into a failure.
        let _guard = FailOnPanic(self);
        while let Some(Batch { changes, flushed, _room }) = self.next_batch() {
            match file.write(&changes) {
                Ok(()) => flushed.into_iter().for_each(|flushed| flushed(Ok(()))),
                Err(error) => {
                    let error = io::Error::from(error);
                    tracing::error!(%error, "the log cannot be written");
                    let failure = Failure { kind: error.kind(), text: error.to_string() };
                    // Before anybody is told, so that whoever is told can ask why.
                    let waiting = self.fail(&failure);
                    flushed.into_iter().chain(waiting).for_each(|flushed| flushed(Err(failure.error())));
                    return;
                }
            }
        }
    }

    /// Waits for something to write; `None` when the log is closed and everything is written.
    fn next_batch(&self) -> Option<Batch> {
        let mut queue = self.lock();
        while queue.waiting.is_empty() && queue.remove.is_none() && !queue.closing {
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let closing = queue.closing;
        let mut changes = Vec::with_capacity(queue.waiting.len() + 2);
        let mut flushed = Vec::with_capacity(queue.waiting.len());
        let mut room = Vec::with_capacity(queue.waiting.len());
        for waiting in queue.waiting.drain(..) {
            changes.push(waiting.change);
            flushed.push(waiting.flushed);
            room.push(waiting.room);
        }
        changes.extend(queue.committed.take().map(Change::Committed));
        // Purged entries that are left when the log is closed go after the next start.
        if let Some(remove) = queue.remove.take()
            && !closing
        {
            let end = remove.end.min(remove.start.saturating_add(PURGE_STEP_ENTRIES));
            changes.push(Change::Remove(remove.start..end));
            queue.remove = (end < remove.end).then_some(end..remove.end);
        }
        if changes.is_empty() { None } else { Some(Batch { changes, flushed, _room: room }) }
    }

    /// Refuses everything from now on; returns who is still to be told.
    fn fail(&self, failure: &Failure) -> Vec<Flushed> {
        let mut queue = self.lock();
        queue.failed = Some(failure.clone());
        queue.waiting.drain(..).map(|waiting| waiting.flushed).collect()
    }
}

struct FailOnPanic<'a>(&'a Shared);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = "the log's writer panicked".to_owned();
            let failure = Failure { kind: io::ErrorKind::Other, text };
            self.0.fail(&failure).into_iter().for_each(|flushed| flushed(Err(failure.error())));
        }
    }
}
