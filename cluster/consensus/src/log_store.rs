//! openraft's log storage: the view in memory that answers at once, over the file that remembers.
//!
//! Entries are readable as soon as `append` returns, before they are flushed; what was flushed long ago is read from the
//! file. The view is behind one lock that is never held across input or output.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{Stream, TryStreamExt, stream};
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{EntryPayload, OptionalSend, RaftLogReader};

use crate::limits::{APPEND_BYTES_MAX, ENTRY_OVERHEAD_BYTES, TAIL_BYTES_MAX};
use crate::log_file::{Change, Identity, LogFile, LogFileError};
use crate::machine::StateMachine;
use crate::raft_types::{LogEntry, LogId, RaftTypes, Vote};
use crate::writer::Writer;

/// How often a read looks again when the log was purged or truncated between the look at the view and at the file.
const READ_ATTEMPTS: u32 = 8;
/// Bytes of entries read at a time for applying.
const APPLY_PIECE_BYTES: usize = 4 << 20;

/// The replicated log of this node. Clones are the same log.
#[derive(Clone)]
pub(crate) struct LogStore {
    shared: Arc<Shared>,
}

struct Shared {
    view: Arc<Mutex<View>>,
    file: Arc<LogFile>,
    writer: Writer,
}

/// What is known without asking the file.
#[derive(Debug, Default)]
struct View {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    /// Index of the first entry that is there, where there is one.
    begin: u64,
    /// The last entry, or `purged` where there is none.
    last: Option<LogId>,
    /// The last entries, consecutive, up to `last`.
    tail: VecDeque<LogEntry>,
    tail_bytes: usize,
    /// Entries before this index are on the disk and may leave the tail.
    flushed_end: u64,
}

impl View {
    fn push(&mut self, entry: LogEntry) {
        self.tail_bytes += entry_bytes(&entry);
        if self.last == self.purged {
            self.begin = entry.log_id.index;
        }
        self.last = Some(entry.log_id);
        self.tail.push_back(entry);
    }

    /// Lets go of flushed entries beyond the bound.
    fn trim(&mut self) {
        while self.tail_bytes > TAIL_BYTES_MAX
            && self.tail.front().is_some_and(|entry| entry.log_id.index < self.flushed_end)
        {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some(entry) = self.tail.pop_front() {
            self.tail_bytes -= entry_bytes(&entry);
        }
    }

    fn truncate(&mut self, after: Option<LogId>) {
        let end = after.map_or(0, |id| id.index + 1);
        while self.tail.back().is_some_and(|entry| entry.log_id.index >= end) {
            if let Some(entry) = self.tail.pop_back() {
                self.tail_bytes -= entry_bytes(&entry);
            }
        }
        self.flushed_end = self.flushed_end.min(end);
        if self.last.as_ref().is_some_and(|last| last.index >= end) {
            self.last = after.max(self.purged);
        }
    }

    fn purge(&mut self, upto: LogId) {
        while self.tail.front().is_some_and(|entry| entry.log_id.index <= upto.index) {
            self.pop_front();
        }
        self.purged = self.purged.max(Some(upto));
        if self.last.as_ref().is_none_or(|last| last.index < upto.index) {
            self.last = Some(upto);
        }
    }

    /// The entries of `range` that exist: which of them only the file has, and the others.
    fn slice(&self, range: &Range<u64>) -> (Range<u64>, Vec<LogEntry>) {
        let first = self.purged.as_ref().map_or(0, |id| id.index + 1).max(self.begin);
        let end = self.last.as_ref().map_or(0, |id| id.index + 1);
        let (start, end) = (range.start.max(first), range.end.min(end));
        let tail_start = self.tail.front().map_or(end, |entry| entry.log_id.index);
        let in_file = start..end.min(tail_start);
        let skip = usize::try_from(start.saturating_sub(tail_start)).unwrap_or(usize::MAX);
        let take = usize::try_from(end.saturating_sub(start.max(tail_start))).unwrap_or(usize::MAX);
        (in_file, self.tail.iter().skip(skip).take(take).cloned().collect())
    }
}

/// What an entry weighs in the accounts of memory and of messages.
fn entry_bytes(entry: &LogEntry) -> usize {
    let payload = match &entry.payload {
        EntryPayload::Blank => 0,
        EntryPayload::Normal(command) => command.0.len(),
        EntryPayload::Membership(members) => members.nodes().map(|(_, node)| node.address.len() + 32).sum(),
    };
    payload + ENTRY_OVERHEAD_BYTES
}

impl LogStore {
    /// Opens the log in `file`.
    pub(crate) fn on(file: LogFile) -> Result<(Self, Option<Identity>), LogFileError> {
        let content = file.content()?;
        let first = content.purged.as_ref().map_or(0, |id| id.index + 1);
        let file = Arc::new(file);
        let writer = Writer::start(Arc::clone(&file)).map_err(LogFileError::Io)?;
        let mut view = View {
            vote: content.vote,
            committed: content.committed,
            purged: content.purged,
            last: content.purged,
            ..View::default()
        };
        content.tail.into_iter().for_each(|entry| view.push(entry));
        view.begin = first;
        view.flushed_end = view.last.as_ref().map_or(0, |id| id.index + 1);
        // What a purge left behind when the node stopped in the middle of it.
        if let (Some(purged), Some(begin)) = (content.purged, content.first)
            && begin < first
        {
            writer.note_purged(purged, begin..first);
        }
        let shared = Arc::new(Shared { view: Arc::new(Mutex::new(view)), file, writer });
        Ok((Self { shared }, content.identity))
    }

    /// Writes down whose log this is.
    pub(crate) async fn save_identity(&self, identity: Identity) -> io::Result<()> {
        self.shared.writer.write(Change::Identity(identity)).await
    }

    /// Writes what waits, and closes the file. Every later call fails.
    pub(crate) fn close(&self) {
        self.shared.writer.close();
        self.shared.file.close();
    }

    /// What kind the failure was that ended the writing.
    pub(crate) fn failure(&self) -> Option<io::ErrorKind> {
        self.shared.writer.failure()
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.shared.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entries of `range` that exist, without a hole; as many as fit `bytes_max`, but one in any case.
    async fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<LogEntry>> {
        for _ in 0..READ_ATTEMPTS {
            let (in_file, tail) = self.view().slice(&range);
            let (mut entries, cut) = if in_file.is_empty() {
                (Vec::new(), false)
            } else {
                let (file, range) = (Arc::clone(&self.shared.file), in_file.clone());
                let read = tokio::task::spawn_blocking(move || file.entries(range, bytes_max));
                read.await.map_err(io::Error::other)??
            };
            let starts = entries.first().is_none_or(|entry| entry.log_id.index == in_file.start);
            let expected = in_file.end.saturating_sub(in_file.start);
            if starts && (cut || u64::try_from(entries.len()) == Ok(expected)) {
                if !cut {
                    entries.extend(tail);
                }
                entries.truncate(fitting(&entries, bytes_max));
                return Ok(entries);
            }
            // The log was purged or truncated between the look at the view and at the file; the view has changed too.
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("entries of {range:?} are missing in the log")))
    }
}

/// How many of the first entries fit `bytes_max`; one fits in any case, commands are bounded with that in mind.
fn fitting(entries: &[LogEntry], bytes_max: usize) -> usize {
    let mut bytes = 0;
    let too_many = entries.iter().position(|entry| {
        bytes += entry_bytes(entry);
        bytes > bytes_max
    });
    too_many.map_or(entries.len(), |position| position.max(1))
}

fn index_range(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(index) => *index,
        Bound::Excluded(index) => index.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(index) => index.saturating_add(1),
        Bound::Excluded(index) => *index,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl<S: StateMachine> RaftLogReader<RaftTypes<S>> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<LogEntry>, io::Error> {
        self.read(index_range(&range), usize::MAX).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.view().vote)
    }

    /// As many entries as fit a message.
    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<LogEntry>, io::Error> {
        self.read(start..end, APPEND_BYTES_MAX).await
    }

    /// A piece at a time, so that applying a long backlog does not hold all of it in memory.
    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = Result<LogEntry, io::Error>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let pieces = stream::try_unfold((self.clone(), index_range(&range)), |(log, range)| async move {
            let entries = log.read(range.clone(), APPLY_PIECE_BYTES).await?;
            let next = entries.last().map(|entry| entry.log_id.index + 1);
            Ok::<_, io::Error>(next.map(|next| (stream::iter(entries.into_iter().map(Ok)), (log, next..range.end))))
        });
        Box::pin(pieces.try_flatten())
    }
}

impl<S: StateMachine> RaftLogStorage<RaftTypes<S>> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<RaftTypes<S>>, io::Error> {
        let view = self.view();
        Ok(LogState { last_purged_log_id: view.purged, last_log_id: view.last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        self.shared.writer.write(Change::Vote(*vote)).await?;
        self.view().vote = Some(*vote);
        Ok(())
    }

    /// Only noted: it goes to the disk with the next transaction, so that a commit costs no flush of its own. After a crash
    /// the last batch may be known as committed only when this node hears of it again, from itself if it is the only voter.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        if let Some(committed) = committed {
            self.view().committed = Some(committed);
            self.shared.writer.note_committed(committed);
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.view().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<RaftTypes<S>>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<LogEntry> = entries.into_iter().collect();
        let Some(last) = entries.last() else {
            callback.io_completed(Ok(()));
            return Ok(());
        };
        let end = last.log_id.index + 1;
        let room = self.shared.writer.room_for(entries.iter().map(entry_bytes).sum()).await;
        {
            let mut view = self.view();
            entries.iter().for_each(|entry| view.push(entry.clone()));
        }
        // Only the view: the writer's thread must never be the one to drop the writer.
        let view = Arc::clone(&self.shared.view);
        let flushed = Box::new(move |result: io::Result<()>| {
            if result.is_ok() {
                let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
                view.flushed_end = view.flushed_end.max(end);
                view.trim();
            }
            callback.io_completed(result);
        });
        self.shared.writer.submit(Change::Append(entries), room, flushed);
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> Result<(), io::Error> {
        self.view().truncate(last_log_id);
        let from = last_log_id.map_or(0, |id| id.index + 1);
        self.shared.writer.write(Change::TruncateFrom(from)).await?;
        // Appends that were still on their way above have moved the mark meanwhile; what they wrote is gone now.
        let mut view = self.view();
        view.flushed_end = view.flushed_end.min(from);
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), io::Error> {
        let range = {
            let mut view = self.view();
            let start = view.purged.as_ref().map_or(0, |id| id.index + 1);
            view.purge(log_id);
            start..log_id.index + 1
        };
        if !range.is_empty() {
            self.shared.writer.note_purged(log_id, range);
        }
        Ok(())
    }
}
