//! Snapshots on the disk: one file, replaced as a whole.
//!
//! Layout: magic, length of the head (u32, little endian), head (version byte, what the snapshot covers), state as the
//! machine encoded it, BLAKE3 of everything before it. A snapshot is written beside the old one, flushed, renamed over it,
//! and the folder flushed, so that after a crash there is the old one or the new one. Content is checked whenever it is
//! read.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::raft_types::{LogId, SnapshotMeta};
use crate::stored::{self, StoredLogId, StoredMembersAt};

const MAGIC: &[u8; 8] = b"NXSNAP\r\n";
const DIGEST_BYTES: usize = 32;
/// A head names members; a thousand of them fit many times.
const HEAD_BYTES_MAX: usize = 1 << 20;
const CURRENT: &str = "snapshot";
/// Of what is being written or received; a number follows.
const UNFINISHED: &str = "snapshot.partial.";

/// Numbers unfinished snapshots, for the whole process: a snapshot that is still being written when a node is stopped and
/// started again must not share its file with one of the new start.
static UNFINISHED_COUNT: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    last: Option<StoredLogId>,
    members: StoredMembersAt,
}

/// A snapshot file that was written completely. Dropping it changes nothing; the open file stays readable when a newer
/// snapshot takes the name.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotData {
    pub(crate) bytes: u64,
    file: Arc<File>,
    place: Place,
}

/// Where a snapshot lies.
#[derive(Debug, Clone)]
enum Place {
    /// It is, or was, the current one of its directory.
    Current,
    /// It came from another node, and is not yet current.
    Received(Arc<UnfinishedFile>),
}

/// The name of a snapshot that is not current; the file goes with it, unless it was renamed to be the current one.
#[derive(Debug)]
struct UnfinishedFile(PathBuf);

impl UnfinishedFile {
    fn new(directory: &Path) -> Self {
        let number = UNFINISHED_COUNT.fetch_add(1, Ordering::Relaxed);
        Self(directory.join(format!("{UNFINISHED}{number}")))
    }
}

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.0.display(), "an unfinished snapshot cannot be removed");
        }
    }
}

/// The snapshots of one data directory.
#[derive(Debug)]
pub(crate) struct SnapshotFiles {
    directory: PathBuf,
    current: Mutex<Option<(SnapshotMeta, SnapshotData)>>,
    /// Set, under the lock above, when the directory is given back.
    is_closed: AtomicBool,
}

impl SnapshotFiles {
    /// Finds the current snapshot, and clears away what a crash left half done.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED)) {
                fs::remove_file(entry.path())?;
            }
        }
        let path = directory.join(CURRENT);
        let current = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
            Ok(file) => {
                let data = SnapshotData::current(file)?;
                let (meta, _) = data.read()?;
                Some((meta, data))
            }
        };
        Ok(Self { directory: directory.to_owned(), current: Mutex::new(current), is_closed: AtomicBool::new(false) })
    }

    /// The current snapshot.
    pub(crate) fn current(&self) -> Option<(SnapshotMeta, SnapshotData)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a snapshot and makes it the current one, unless a newer one is already there. Returns the current one.
    pub(crate) fn write(&self, meta: &SnapshotMeta, state: &[u8]) -> io::Result<(SnapshotMeta, SnapshotData)> {
        let name = UnfinishedFile::new(&self.directory);
        let mut file = Hashing { file: File::create(&name.0)?, hasher: blake3::Hasher::new() };
        let head = Head {
            last: meta.last_log_id.as_ref().map(StoredLogId::from),
            members: StoredMembersAt::from(&meta.last_membership),
        };
        let head = stored::encode(&head);
        let head_bytes = u32::try_from(head.len()).map_err(|_| damaged("the head of the snapshot is too long"))?;
        file.write(MAGIC)?;
        file.write(&head_bytes.to_le_bytes())?;
        file.write(&head)?;
        file.write(state)?;
        let digest = file.hasher.finalize();
        file.file.write_all(digest.as_bytes())?;
        file.file.sync_all()?;
        self.promote(meta, &name)
    }

    /// Makes a snapshot that was received the current one.
    pub(crate) fn install(&self, meta: &SnapshotMeta, data: &SnapshotData) -> io::Result<()> {
        match &data.place {
            Place::Received(name) => self.promote(meta, name).map(drop),
            // The start installs the snapshot that is current already.
            Place::Current if self.current().is_some_and(|(current, _)| current == *meta) => Ok(()),
            Place::Current => {
                let (_, state) = data.read()?;
                self.write(meta, &state).map(drop)
            }
        }
    }

    /// An empty file for a snapshot that comes in pieces.
    pub(crate) fn receive(&self) -> io::Result<IncomingSnapshot> {
        let name = UnfinishedFile::new(&self.directory);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&name.0)?;
        Ok(IncomingSnapshot { file, bytes: 0, name })
    }

    /// From now on no snapshot takes the place of the current one.
    pub(crate) fn close(&self) {
        let _current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_closed.store(true, Ordering::Release);
    }

    fn promote(&self, meta: &SnapshotMeta, name: &UnfinishedFile) -> io::Result<(SnapshotMeta, SnapshotData)> {
        // The lock is held over the rename, so that file and memory always agree on which snapshot is current.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((newer, data)) = current.as_ref()
            && index(newer) > index(meta)
        {
            return Ok((newer.clone(), data.clone()));
        }
        if self.is_closed.load(Ordering::Acquire) {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the data directory is closed"));
        }
        let target = self.directory.join(CURRENT);
        fs::rename(&name.0, &target)?;
        sync_directory(&self.directory)?;
        let data = SnapshotData::current(File::open(&target)?)?;
        *current = Some((meta.clone(), data.clone()));
        Ok((meta.clone(), data))
    }
}

fn index(meta: &SnapshotMeta) -> Option<u64> {
    meta.last_log_id.as_ref().map(|id| id.index)
}

/// Makes a rename in `directory` last.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

impl SnapshotData {
    fn current(file: File) -> io::Result<Self> {
        Ok(Self { bytes: file.metadata()?.len(), file: Arc::new(file), place: Place::Current })
    }

    /// What the snapshot covers, and the state; the digest is checked first.
    pub(crate) fn read(&self) -> io::Result<(SnapshotMeta, Vec<u8>)> {
        // By the open file, not by its name: the name may be a newer snapshot's by now.
        let mut content = vec![0; usize::try_from(self.bytes).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut content, 0)?;
        let body = content.len().checked_sub(DIGEST_BYTES).ok_or_else(|| damaged("the snapshot is cut off"))?;
        let digest = content.split_off(body);
        if blake3::hash(&content).as_bytes() != digest.as_slice() {
            return Err(damaged("the snapshot's digest does not match its content"));
        }
        let rest = content.strip_prefix(MAGIC).ok_or_else(|| damaged("the file is no snapshot"))?;
        let (head_bytes, rest) = rest.split_first_chunk::<4>().ok_or_else(|| damaged("the snapshot has no head"))?;
        let head_bytes = usize::try_from(u32::from_le_bytes(*head_bytes)).unwrap_or(usize::MAX);
        if head_bytes > HEAD_BYTES_MAX || head_bytes > rest.len() {
            return Err(damaged("the snapshot's head is too long"));
        }
        let (head, state) = rest.split_at(head_bytes);
        let head: Head = stored::decode("snapshot's head", head).map_err(|error| damaged(&error.to_string()))?;
        let meta = SnapshotMeta {
            last_log_id: head.last.map(LogId::from),
            last_membership: head.members.try_into().map_err(|reason: String| damaged(&reason))?,
        };
        let state_bytes = state.len();
        let start = content.len() - state_bytes;
        content.drain(..start);
        Ok((meta, content))
    }

    /// The bytes of the file from `offset` on, at most `bytes_max`.
    pub(crate) fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; left.min(bytes_max)];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }
}

/// A snapshot that is being received.
#[derive(Debug)]
pub(crate) struct IncomingSnapshot {
    file: File,
    bytes: u64,
    name: UnfinishedFile,
}

impl IncomingSnapshot {
    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// The whole: flushed, and its content checked against what the sender says that it covers.
    pub(crate) fn finish(self, meta: &SnapshotMeta) -> io::Result<SnapshotData> {
        self.file.sync_all()?;
        let data =
            SnapshotData { bytes: self.bytes, file: Arc::new(self.file), place: Place::Received(Arc::new(self.name)) };
        let (found, _) = data.read()?;
        if found == *meta { Ok(data) } else { Err(damaged("the snapshot covers something else than announced")) }
    }
}

struct Hashing {
    file: File,
    hasher: blake3::Hasher,
}

impl Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }
}

fn damaged(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
