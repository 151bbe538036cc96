//! What a task prints while it runs: asked for piece by piece, so that whoever reads slowly slows nobody down.
//!
//! A client asks the leader with [`crate::Request::ReadLog`], the leader the node that has the task with
//! [`crate::ClusterRequest::ReadHeldLog`]; both are answered with [`crate::Response::Log`]. The log itself is the
//! worker's, which keeps a bounded part of it.

use std::time::Duration;

use nexus_model::TaskId;

/// Bytes of stdout and of stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogPosition {
    /// Bytes of stdout.
    pub stdout: u64,
    /// Bytes of stderr.
    pub stderr: u64,
}

/// Which part of a task's log is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogQuery {
    /// The task.
    pub task: TaskId,
    /// The attempt that [`LogQuery::from`] is a position of, counted from 1; of another one the log is read from its
    /// beginning.
    pub attempt: u32,
    /// What the asker has already.
    pub from: LogPosition,
    /// How long to wait where there is nothing new, at most [`crate::limits::LOG_WAIT_MAX`].
    pub patience: Duration,
}

/// Where a task stands whose log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogState {
    /// No node has it, or the one that has it cannot be reached.
    Waiting,
    /// A node has it.
    Running,
    /// It has ended: its whole log is with its result.
    Ended,
}

/// A part of a task's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPiece {
    /// Where the task stands.
    pub state: LogState,
    /// The attempt that this is the log of.
    pub attempt: u32,
    /// Where the parts begin.
    pub from: LogPosition,
    /// What follows there on stdout, at most [`crate::limits::LOG_PIECE_BYTES`].
    pub stdout: Vec<u8>,
    /// What follows there on stderr, at most as much.
    pub stderr: Vec<u8>,
}

impl LogPiece {
    /// A piece without content.
    pub fn empty(state: LogState, attempt: u32, from: LogPosition) -> Self {
        LogPiece { state, attempt, from, stdout: Vec::new(), stderr: Vec::new() }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty()
    }

    /// Where the next piece begins.
    pub fn end(&self) -> LogPosition {
        LogPosition {
            stdout: self.from.stdout.saturating_add(self.stdout.len() as u64),
            stderr: self.from.stderr.saturating_add(self.stderr.len() as u64),
        }
    }
}
