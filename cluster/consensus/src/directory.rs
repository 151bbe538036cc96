//! The data directory of one node: who uses it, whose it is, and the log and the snapshots in it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nexus_model::NodeId;

use crate::error::OpenError;
use crate::log_file::{Identity, LogFile, LogFileError};
use crate::log_store::LogStore;
use crate::snapshot_file::{self, SnapshotFiles};

const LOCK: &str = "lock";
const LOG: &str = "log";
const UNFINISHED_LOG: &str = "log.partial";
/// A holder's line is short; more is not shown.
const HOLDER_BYTES_MAX: u64 = 256;

/// An opened data directory. While it exists, no other process can open it.
///
/// A node looks here first: a directory with an identity belongs to a member, one without is new.
pub struct DataDirectory {
    pub(crate) path: PathBuf,
    pub(crate) lock: DirectoryLock,
    pub(crate) log: LogStore,
    pub(crate) snapshots: SnapshotFiles,
    pub(crate) identity: Option<Identity>,
}

impl DataDirectory {
    /// Opens `path`, or makes it (readable by its owner alone). Reads and checks what is in it; blocks while it does.
    ///
    /// # Errors
    /// Another process uses it, something cannot be read or written, or the content is damaged.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        make_folder(path)?;
        let lock = DirectoryLock::take(path)?;
        let log_path = path.join(LOG);
        let failed = |error| log_error(&log_path, error);
        let exists = log_path.try_exists().map_err(|error| failed(LogFileError::Io(error)))?;
        let file = if exists { LogFile::open(&log_path) } else { make_log(path) };
        let (log, identity) = LogStore::on(file.map_err(failed)?).map_err(failed)?;
        let snapshots = SnapshotFiles::open(path).map_err(|error| snapshot_error(path, error))?;
        Ok(Self { path: path.to_owned(), lock, log, snapshots, identity })
    }

    /// The node and the cluster that the directory belongs to; `None` for a new one.
    pub fn identity(&self) -> Option<(NodeId, &str)> {
        self.identity.as_ref().map(|identity| (NodeId(identity.node), identity.cluster.as_str()))
    }
}

fn make_folder(path: &Path) -> Result<(), OpenError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| OpenError::Io { action: "make the folder", path: path.to_owned(), source })
}

/// The parts of a directory that exists already: its log's path, the lock, the log and the snapshots.
pub(crate) fn open_parts(path: &Path) -> Result<(PathBuf, DirectoryLock, LogFile, SnapshotFiles), OpenError> {
    let log_path = path.join(LOG);
    if !log_path.exists() {
        let source = io::Error::from(io::ErrorKind::NotFound);
        return Err(OpenError::Io { action: "open the log", path: log_path, source });
    }
    let lock = DirectoryLock::take(path)?;
    let file = LogFile::open(&log_path).map_err(|error| log_error(&log_path, error))?;
    let snapshots = SnapshotFiles::open(path).map_err(|error| snapshot_error(path, error))?;
    Ok((log_path, lock, file, snapshots))
}

/// Makes an empty log. It gets its name only when it is complete: a crash in between leaves no log, not half of one.
fn make_log(directory: &Path) -> Result<LogFile, LogFileError> {
    let unfinished = directory.join(UNFINISHED_LOG);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(LogFileError::Io(error)),
        _ => {}
    }
    let file = LogFile::create(&unfinished)?;
    let named = fs::rename(&unfinished, directory.join(LOG));
    named.and_then(|()| snapshot_file::sync_directory(directory)).map_err(LogFileError::Io)?;
    Ok(file)
}

pub(crate) fn log_error(path: &Path, error: LogFileError) -> OpenError {
    let path = path.to_owned();
    match error {
        LogFileError::Io(source) => OpenError::Io { action: "open the log", path, source },
        LogFileError::Damaged(reason) => OpenError::Damaged { path, reason },
        LogFileError::Closed => OpenError::Start(LogFileError::Closed.to_string()),
    }
}

fn snapshot_error(directory: &Path, error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            OpenError::Damaged { path: directory.join("snapshot"), reason: error.to_string() }
        }
        _ => OpenError::Io { action: "open the snapshot in", path: directory.to_owned(), source: error },
    }
}

/// The lock on a directory; the operating system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    fn take(directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(LOCK);
        let failed = |action| {
            let path = path.clone();
            move |source| OpenError::Io { action, path, source }
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Without a readable line the holder stays unnamed; that it exists is certain.
                let named = (&mut file).take(HOLDER_BYTES_MAX).read_to_string(&mut holder).is_ok();
                let holder = Some(holder.trim().to_owned()).filter(|holder| named && !holder.is_empty());
                let holder = holder.unwrap_or_else(|| "another process".to_owned());
                return Err(OpenError::InUse { path: directory.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let holder = format!("process {} ({})\n", std::process::id(), program.as_deref().unwrap_or("unknown program"));
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
        written.map_err(failed("write"))?;
        Ok(Self { _file: file })
    }
}
