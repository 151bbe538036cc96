//! How an attempt of a task ended, what it produced and what it cost.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::ids::BlobHash;

/// Results and outputs up to this size travel and are kept inline; larger ones are blobs. 64 KiB: small enough that a
/// full batch of completions still fits a frame.
pub const INLINE_BYTES_MAX: usize = 64 << 10;

/// Bytes that are either here or addressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// Here; at most [`INLINE_BYTES_MAX`].
    Inline(Arc<[u8]>),
    /// In the blob store of the node that ran the task.
    Blob {
        /// Content address.
        hash: BlobHash,
        /// Length in bytes.
        bytes: u64,
    },
}

impl Payload {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Payload::Inline(bytes) => bytes.len() as u64,
            Payload::Blob { bytes, .. } => *bytes,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a task that succeeded leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOutput {
    /// The encoded [`Value`](crate::Value) that the program returned.
    pub result: Payload,
    /// Encoded values by the names that the program gave them with `output(name, value)`.
    pub outputs: Vec<(String, Payload)>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code: `MC0407` for a program's error, `NX0301` for the runtime's.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The place in the program, where there is one.
    pub diagnostic: Option<Box<Diagnostic>>,
    /// Whether another attempt may end differently (a lost worker: yes; a type error: no).
    pub retryable: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It returned.
    Succeeded(TaskOutput),
    /// It did not.
    Failed(Failure),
    /// It was stopped because its job was cancelled.
    Cancelled,
    /// It ran longer than its timeout.
    TimedOut,
}

/// What an attempt used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// From start to end of the attempt.
    pub wall: Duration,
    /// The device that did the work (`cpu`, `gpu`), empty for a command.
    pub device: String,
    /// What the task printed, or the captured standard output of a command. Shortened at the limit of a task's log.
    pub stdout: Option<Payload>,
    /// The captured standard error of a command.
    pub stderr: Option<Payload>,
    /// Exit status of a command.
    pub exit_code: Option<i32>,
}

impl Cost {
    /// Whether no attempt stands behind it: the ledger ended the task itself (a cancel, a deadline). Every attempt takes
    /// some time.
    pub fn is_unattempted(&self) -> bool {
        self.wall.is_zero()
    }
}
