//! What can go wrong with a blob.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexus_model::BlobHash;
use thiserror::Error;

use crate::codes;
use crate::disk;

/// Why a blob was not stored or read. A failed write leaves nothing behind.
#[derive(Debug, Clone, Error)]
pub enum BlobError {
    /// It was never here, or is not any more. Another node may have it.
    #[error("there is no blob {hash} on this node")]
    Missing {
        /// Which.
        hash: BlobHash,
    },
    /// What is on disk does not have the hash that it is filed under. It was set aside and is not served any more;
    /// storing the content again mends it.
    #[error("the blob {hash} is damaged on disk; it was set aside as {}", .set_aside.display())]
    Damaged {
        /// Which.
        hash: BlobHash,
        /// Where what is left of it is.
        set_aside: PathBuf,
    },
    /// What came in does not have the hash that was announced. It was thrown away; another source may be better.
    #[error("the content that came for blob {expected} has the hash {found}")]
    Mismatch {
        /// Announced.
        expected: BlobHash,
        /// Of the content.
        found: BlobHash,
    },
    /// A piece does not continue what has come in so far. The right one can still be sent.
    #[error("a piece of blob {hash} begins at byte {found}, expected {expected}")]
    OutOfOrder {
        /// Which.
        hash: BlobHash,
        /// Where the next piece must begin.
        expected: u64,
        /// Where it began.
        found: u64,
    },
    /// The length of the content and the announced length differ, or two announcements do.
    #[error("blob {hash} was announced with {announced} bytes, but has {found}")]
    Length {
        /// Which.
        hash: BlobHash,
        /// Announced first.
        announced: u64,
        /// Found.
        found: u64,
    },
    /// A part beyond the end was asked for.
    #[error("blob {hash} has {total} bytes, byte {offset} was asked for")]
    BeyondEnd {
        /// Which.
        hash: BlobHash,
        /// Its length.
        total: u64,
        /// Asked for.
        offset: u64,
    },
    /// The disk is full. Trying again helps once there is room.
    #[error("the disk of {} is full", .disk.display())]
    DiskFull {
        /// Where the file system is mounted.
        disk: PathBuf,
    },
    /// The operating system failed.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// A verb: `read`, `write`.
        action: &'static str,
        /// Which file or directory.
        path: PathBuf,
        /// What it said.
        source: Arc<io::Error>,
    },
}

impl BlobError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            BlobError::Missing { .. } => codes::MISSING,
            BlobError::Damaged { .. } => codes::DAMAGED,
            BlobError::Mismatch { .. } => codes::MISMATCH,
            BlobError::OutOfOrder { .. } => codes::OUT_OF_ORDER,
            BlobError::Length { .. } => codes::LENGTH,
            BlobError::BeyondEnd { .. } => codes::BEYOND_END,
            BlobError::DiskFull { .. } => codes::DISK_FULL,
            BlobError::Io { .. } => codes::IO,
        }
    }

    /// What a person can do, where there is something.
    pub const fn help(&self) -> Option<&'static str> {
        match self {
            BlobError::DiskFull { .. } => Some("make room on it, or move the node's data directory to another disk"),
            BlobError::Damaged { .. } => Some("check the disk; the blob can be fetched or computed again"),
            BlobError::Missing { .. }
            | BlobError::Mismatch { .. }
            | BlobError::OutOfOrder { .. }
            | BlobError::Length { .. }
            | BlobError::BeyondEnd { .. }
            | BlobError::Io { .. } => None,
        }
    }

    /// An error of the operating system about `path`, told apart from a full disk.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                BlobError::DiskFull { disk: disk::mount_of(path) }
            }
            _ => BlobError::Io { action, path: path.to_owned(), source: Arc::new(source) },
        }
    }
}
