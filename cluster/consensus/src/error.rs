//! What can go wrong, in words for the owner of a node.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nexus_model::NodeId;

/// Why a data directory cannot be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses the directory. Stop it, or use another directory.
    #[error("the data directory {} is in use by {holder}", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Who, as far as it can be told.
        holder: String,
    },
    /// A file or folder could not be read or written. Trying again helps when the cause is gone.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is not what was written there. Trying again does not help: restore the directory from a copy, or let
    /// the node join again with an empty one.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The directory belongs to another node or cluster.
    #[error("the data directory {} belongs to {found}, not to {asked}", path.display())]
    Identity {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who asked.
        asked: String,
    },
    /// The protocol could not be started on what was read.
    #[error("consensus did not start: {0}")]
    Start(String),
}

/// Why a command was not committed, or not known to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Nothing was proposed: another node leads. Ask it.
    #[error("{}", not_leader(leader))]
    NotLeader {
        /// The leader and its address, where known. Where not, an election is going on: ask again soon.
        leader: Option<Leader>,
    },
    /// Nothing was proposed: as many proposals as allowed are under way, or a change of the members is. Ask again after
    /// `retry_after`.
    #[error("too much is waiting to be committed; try again in {} ms", retry_after.as_millis())]
    Busy {
        /// When to ask again.
        retry_after: Duration,
    },
    /// Nothing was proposed: the command is larger than [`crate::limits::COMMAND_BYTES_MAX`]. Asking again does not help.
    #[error("the command has {bytes} bytes, and at most {max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// Nothing was proposed: the command cannot be written down. Asking again does not help.
    #[error("the command cannot be encoded: {0}")]
    Encoding(String),
    /// Nothing was proposed: no such change of the members is possible.
    #[error("the members cannot be changed like that: {0}")]
    Members(String),
    /// The leadership was lost with the command under way. It may be committed or not: repeat it with its key, at the new
    /// leader.
    #[error("the leader changed before the outcome was known")]
    Unknown {
        /// The new leader, where known.
        leader: Option<Leader>,
    },
    /// This node's consensus has stopped, for the disk of its data directory is full. Commands under way may be committed or
    /// not.
    #[error("this node has stopped: the disk of its data directory is full")]
    DiskFull,
    /// This node's consensus has stopped. Commands under way may be committed or not.
    #[error("consensus has stopped on this node: {0}")]
    Stopped(String),
}

/// Why a current read is not possible. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Another node leads. Ask it.
    #[error("{}", not_leader(leader))]
    NotLeader {
        /// The leader and its address, where known.
        leader: Option<Leader>,
    },
    /// The majority did not confirm in time that this node still leads. Ask again.
    #[error("a majority of the voters cannot be reached")]
    NoQuorum,
    /// This node's consensus has stopped, for the disk of its data directory is full.
    #[error("this node has stopped: the disk of its data directory is full")]
    DiskFull,
    /// This node's consensus has stopped.
    #[error("consensus has stopped on this node: {0}")]
    Stopped(String),
}

/// Why a node stopped for good. It does not try again by itself: after a failed flush nobody knows what is on the disk.
/// Mend the cause and start the node again; everything acknowledged is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FatalError {
    /// No space left for the log or a snapshot.
    #[error("the disk of the data directory is full")]
    DiskFull,
    /// The log or a snapshot could not be written or read.
    #[error("the data directory failed: {0}")]
    Storage(String),
    /// The protocol stopped because of a defect.
    #[error("consensus failed: {0}")]
    Internal(String),
}

impl FatalError {
    /// From what the storage said; `kind` is of the first error that was seen, where it was one of the system's.
    pub(crate) fn from_storage(kind: Option<io::ErrorKind>, text: String) -> Self {
        if is_full(kind) { FatalError::DiskFull } else { FatalError::Storage(text) }
    }
}

/// Whether a write failed for want of room.
pub(crate) fn is_full(kind: Option<io::ErrorKind>) -> bool {
    matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

/// A leader as others reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Identity.
    pub node: NodeId,
    /// Address, as it stands in the membership.
    pub address: String,
}

fn not_leader(leader: &Option<Leader>) -> String {
    match leader {
        Some(leader) => format!("{} at {} leads", leader.node, leader.address),
        None => "no leader is known at the moment".to_owned(),
    }
}
