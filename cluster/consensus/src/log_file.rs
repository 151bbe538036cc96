//! The file of the log: what the tables are, how they are read, and how a batch of changes becomes one transaction.
//!
//! Synchronous and without state of its own; `writer.rs` calls it from its thread, `log_store.rs` keeps what openraft asks
//! for most often in memory.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::limits::{ENTRY_OVERHEAD_BYTES, PAGE_CACHE_BYTES, TAIL_BYTES_MAX};
use crate::raft_types::{LogEntry, LogId, Vote};
use crate::stored::{self, StoredError, StoredLogId, StoredVote};

/// Entries by index, each in the form of [`stored::encode_entry`].
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// The values below, each in the form of [`stored::encode`].
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// The vote or the leader: [`StoredVote`].
const VOTE: &str = "vote";
/// Everything up to here is committed, as far as it was known: [`StoredLogId`].
const COMMITTED: &str = "committed";
/// Everything up to here is in the snapshot and may be gone from the log: [`StoredLogId`].
const PURGED: &str = "purged";
/// Whose log it is: [`Identity`].
const IDENTITY: &str = "identity";

/// Whose log it is. Written once, when the node is made a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The node's number.
    pub(crate) node: u64,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// Tells this log from any other that the node had or will have: see [`crate::raft_types::Member`].
    pub(crate) incarnation: u64,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node-{} of cluster `{}`", self.node, self.cluster)
    }
}

/// Why the log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogFileError {
    /// The system refused.
    #[error("{0}")]
    Io(io::Error),
    /// The content is not what was written.
    #[error("{0}")]
    Damaged(String),
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}

impl From<LogFileError> for io::Error {
    fn from(error: LogFileError) -> Self {
        match error {
            LogFileError::Io(error) => error,
            LogFileError::Damaged(reason) => io::Error::new(io::ErrorKind::InvalidData, reason),
            LogFileError::Closed => io::Error::new(io::ErrorKind::NotConnected, "the log is closed"),
        }
    }
}

impl From<StoredError> for LogFileError {
    fn from(error: StoredError) -> Self {
        LogFileError::Damaged(error.to_string())
    }
}

/// One change of the log. A batch of them is one transaction, applied in order.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Entries behind the last one.
    Append(Vec<LogEntry>),
    /// The vote.
    Vote(Vote),
    /// The commit index.
    Committed(LogId),
    /// Remove every entry from this index on.
    TruncateFrom(u64),
    /// Entries up to here are in a snapshot.
    Purged(LogId),
    /// Remove the entries in this range, all of them purged.
    Remove(Range<u64>),
    /// Whose log it is.
    Identity(Identity),
}

/// What a log holds when it is opened.
#[derive(Debug, Default)]
pub(crate) struct LogContent {
    pub(crate) identity: Option<Identity>,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    pub(crate) purged: Option<LogId>,
    /// Index of the first entry in the file, purged ones included.
    pub(crate) first: Option<u64>,
    /// The last entries, consecutive, as many as fit [`TAIL_BYTES_MAX`].
    pub(crate) tail: Vec<LogEntry>,
}

/// The open file.
pub(crate) struct LogFile {
    /// `None` once closed.
    database: RwLock<Option<Database>>,
}

impl LogFile {
    /// Makes an empty log.
    pub(crate) fn create(path: &Path) -> Result<Self, LogFileError> {
        let file = Self::with(guarded(|| Database::builder().set_cache_size(PAGE_CACHE_BYTES).create(path))?);
        // Makes the tables, so that readers find them.
        file.write(&[])?;
        Ok(file)
    }

    /// Opens a log that exists.
    pub(crate) fn open(path: &Path) -> Result<Self, LogFileError> {
        Ok(Self::with(guarded(|| Database::builder().set_cache_size(PAGE_CACHE_BYTES).open(path))?))
    }

    /// Opens the log on another store of bytes: tests of crashes and of failing disks.
    #[cfg(test)]
    pub(crate) fn open_on(backend: impl redb::StorageBackend) -> Result<Self, LogFileError> {
        let open = || Database::builder().set_cache_size(PAGE_CACHE_BYTES).create_with_backend(backend);
        let file = Self::with(guarded(open)?);
        file.write(&[])?;
        Ok(file)
    }

    fn with(database: Database) -> Self {
        Self { database: RwLock::new(Some(database)) }
    }

    /// Closes the file, which is then clean: the next opening needs no repair. Later calls fail with `Closed`.
    pub(crate) fn close(&self) {
        drop(self.database.write().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Everything that is kept in memory while the log is open.
    pub(crate) fn content(&self) -> Result<LogContent, LogFileError> {
        self.read(|transaction| {
            let meta = transaction.open_table(META).map_err(redb::Error::from)?;
            let log = transaction.open_table(LOG).map_err(redb::Error::from)?;
            let value = |key: &str| -> Result<Option<Vec<u8>>, LogFileError> {
                Ok(meta.get(key).map_err(redb::Error::from)?.map(|guard| guard.value().to_vec()))
            };
            let log_id = |what, key| -> Result<Option<LogId>, LogFileError> {
                let bytes = value(key)?;
                Ok(bytes.map(|bytes| stored::decode::<StoredLogId>(what, &bytes)).transpose()?.map(LogId::from))
            };
            let vote = value(VOTE)?.map(|bytes| stored::decode::<StoredVote>("vote", &bytes)).transpose()?;
            let identity = value(IDENTITY)?.map(|bytes| stored::decode::<Identity>("identity", &bytes)).transpose()?;
            let first = log.first().map_err(redb::Error::from)?.map(|(index, _)| index.value());
            let purged = log_id("purged log id", PURGED)?;
            let from = purged.as_ref().map_or(0, |id| id.index + 1);
            let mut tail = Vec::new();
            let mut bytes = 0;
            for row in log.range(from..).map_err(redb::Error::from)?.rev() {
                let (index, value) = row.map_err(redb::Error::from)?;
                bytes += value.value().len() + ENTRY_OVERHEAD_BYTES;
                if bytes > TAIL_BYTES_MAX && !tail.is_empty() {
                    break;
                }
                tail.push(decode_at(index.value(), value.value())?);
            }
            tail.reverse();
            check_consecutive(&tail)?;
            let begin = log.range(from..).map_err(redb::Error::from)?.next().transpose().map_err(redb::Error::from)?;
            if let Some((begin, _)) = begin
                && begin.value() != from
            {
                let reason = format!("the entries between {from} and {} are missing", begin.value());
                return Err(LogFileError::Damaged(reason));
            }
            let committed = log_id("commit index", COMMITTED)?;
            Ok(LogContent { identity, vote: vote.map(Vote::from), committed, purged, first, tail })
        })
    }

    /// The entries of `range` that are there, in order and without a hole. Stops when `bytes_max` is exceeded, and then the
    /// second part of the answer is true.
    pub(crate) fn entries(&self, range: Range<u64>, bytes_max: usize) -> Result<(Vec<LogEntry>, bool), LogFileError> {
        self.read(|transaction| {
            let log = transaction.open_table(LOG).map_err(redb::Error::from)?;
            let mut entries = Vec::new();
            let mut bytes = 0_usize;
            for row in log.range(range).map_err(redb::Error::from)? {
                let (index, value) = row.map_err(redb::Error::from)?;
                if bytes > bytes_max {
                    check_consecutive(&entries)?;
                    return Ok((entries, true));
                }
                bytes = bytes.saturating_add(value.value().len() + ENTRY_OVERHEAD_BYTES);
                entries.push(decode_at(index.value(), value.value())?);
            }
            check_consecutive(&entries)?;
            Ok((entries, false))
        })
    }

    /// Makes the changes in one transaction and returns when they are on the disk.
    ///
    /// One-phase commit: the pages and the new root go out together, under one flush, with checksums that tell after a
    /// crash whether all of them arrived (redb's design document, "1-phase + checksum"). Two-phase commit flushes twice, and
    /// so takes twice as long (measured; the flush is nearly all of a commit). What it gains is safety from an attacker who
    /// chooses bytes of the log such that a partly written page has a valid XXH3, and who also chooses which sectors survive
    /// a crash; whoever can do the latter can write the file. The tests in `power_cut.rs` cut the power at every flush and
    /// keep any subset of the sectors.
    pub(crate) fn write(&self, changes: &[Change]) -> Result<(), LogFileError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(LogFileError::Closed)?;
        contained(|| {
            let mut transaction = database.begin_write().map_err(redb::Error::from)?;
            transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
            {
                let mut meta = transaction.open_table(META).map_err(redb::Error::from)?;
                let mut log = transaction.open_table(LOG).map_err(redb::Error::from)?;
                for change in changes {
                    apply(change, &mut meta, &mut log).map_err(redb::Error::from)?;
                }
            }
            transaction.commit().map_err(redb::Error::from)?;
            Ok(())
        })
    }

    fn read<T>(&self, read: impl FnOnce(&redb::ReadTransaction) -> Result<T, LogFileError>) -> Result<T, LogFileError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(LogFileError::Closed)?;
        contained(|| read(&database.begin_read().map_err(redb::Error::from)?))
    }
}

fn apply(
    change: &Change,
    meta: &mut redb::Table<'_, &str, &[u8]>,
    log: &mut redb::Table<'_, u64, &[u8]>,
) -> Result<(), redb::StorageError> {
    match change {
        Change::Append(entries) => {
            for entry in entries {
                log.insert(entry.log_id.index, stored::encode_entry(entry).as_slice())?;
            }
        }
        Change::Vote(vote) => {
            meta.insert(VOTE, stored::encode(&StoredVote::from(vote)).as_slice())?;
        }
        Change::Committed(id) => {
            meta.insert(COMMITTED, stored::encode(&StoredLogId::from(id)).as_slice())?;
        }
        Change::Purged(id) => {
            meta.insert(PURGED, stored::encode(&StoredLogId::from(id)).as_slice())?;
        }
        Change::TruncateFrom(index) => log.retain_in(*index.., |_, _| false)?,
        Change::Remove(range) => log.retain_in(range.clone(), |_, _| false)?,
        Change::Identity(identity) => {
            meta.insert(IDENTITY, stored::encode(identity).as_slice())?;
        }
    }
    Ok(())
}

fn decode_at(index: u64, bytes: &[u8]) -> Result<LogEntry, LogFileError> {
    let entry =
        stored::decode_entry(bytes).map_err(|error| LogFileError::Damaged(format!("entry {index}: {error}")))?;
    if entry.log_id.index == index {
        Ok(entry)
    } else {
        Err(LogFileError::Damaged(format!("entry {index} says that it is entry {}", entry.log_id.index)))
    }
}

fn check_consecutive(entries: &[LogEntry]) -> Result<(), LogFileError> {
    match entries.windows(2).find(|pair| pair[0].log_id.index + 1 != pair[1].log_id.index) {
        None => Ok(()),
        Some(pair) => {
            let (before, after) = (pair[0].log_id.index, pair[1].log_id.index);
            Err(LogFileError::Damaged(format!("the entries between {before} and {after} are missing")))
        }
    }
}

/// Runs redb's opening. See [`contained`].
fn guarded(open: impl FnOnce() -> Result<Database, redb::DatabaseError>) -> Result<Database, LogFileError> {
    contained(|| Ok(open().map_err(redb::Error::from)?))
}

/// Runs redb with a panic inside it turned into what it means: its own checks of a damaged page are assertions in places, and
/// not every page is looked at when the file is opened.
fn contained<T>(run: impl FnOnce() -> Result<T, LogFileError>) -> Result<T, LogFileError> {
    let damaged = |_| Err(LogFileError::Damaged("a page of it is not a page of a log".to_owned()));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(damaged)
}

impl From<redb::Error> for LogFileError {
    fn from(error: redb::Error) -> Self {
        match error {
            // A file that is no database is "invalid data" to redb.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                LogFileError::Damaged(error.to_string())
            }
            redb::Error::Io(error) => LogFileError::Io(error),
            redb::Error::Corrupted(reason) => LogFileError::Damaged(reason),
            other => LogFileError::Io(io::Error::other(other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_at_which_the_library_panics_is_damage() {
        let damaged = contained::<()>(|| panic!("range start index 5571920 out of range for slice of length 4096"));
        assert!(matches!(damaged, Err(LogFileError::Damaged(_))), "{damaged:?}");
        assert!(matches!(contained(|| Ok(7)), Ok(7)));
    }
}
