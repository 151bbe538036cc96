//! Whether a job's tasks may take the committed results of earlier jobs instead of running, and what such a task says of
//! where its result is from.
//!
//! Only what is pure may: work whose result depends on nothing but its program, arguments, inputs and seed. Programs of
//! M-CODE on the nodes of a cluster are, as they have no files, network or clock; of a command only its user knows.

use serde::{Deserialize, Serialize};

use crate::ids::JobId;

/// Whether results of earlier jobs may be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reuse {
    /// Every task runs.
    #[default]
    Never,
    /// A task whose work is that of a task that succeeded takes its result. Whoever asks for it says that the work is pure.
    Allowed,
}

/// Where a result is from that was taken instead of being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reused {
    /// The job whose task of the same index made it.
    pub job: JobId,
    /// By when it was committed: the end of that job, in ms since 1970.
    pub committed_at_ms: u64,
}
