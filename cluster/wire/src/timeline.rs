//! Messages about timelines: the lives of jobs and nodes, and the timelines that a node keeps.
//!
//! They travel as [`crate::Request::Timeline`] and [`crate::Response::Timeline`]. Timelines themselves are documents in
//! JSON here: what they mean is `nexus-echo`'s.

use nexus_model::{JobId, JobState, NodeId};

use crate::life::Life;

/// What is asked about timelines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimelineRequest {
    /// Client → leader: what happened to this job. Answer: [`TimelineResponse::Life`].
    JobLife(JobId),
    /// Client → leader: what happened to this node, and to the tasks that it had. Answer: [`TimelineResponse::Life`].
    NodeLife(NodeId),
    /// Client → node, passed on by the leader: do this with the timelines that the node keeps.
    Kept {
        /// Which node; the one that is asked where absent.
        node: Option<NodeId>,
        /// What to do.
        ask: KeptRequest,
    },
    /// Client → leader: the other runs of the work that this job is, as far as they are known and ended. Answer:
    /// [`TimelineResponse::Runs`].
    RunsLike(JobId),
}

/// What can be done with the timelines that a node keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptRequest {
    /// Their names. Answer: [`TimelineResponse::Names`]. Safe to repeat.
    List,
    /// One of them. Answer: [`TimelineResponse::Document`]. Safe to repeat.
    Read {
        /// Its name.
        name: String,
        /// As of this position of its log; its newest state where absent.
        position: Option<u64>,
    },
    /// Do these edits, all or none. Answer: [`TimelineResponse::Changed`] when they are on disk. Safe to repeat: the
    /// position has moved by then, and the repeat is refused.
    Change {
        /// Its name.
        name: String,
        /// The length of its log that the edits were made for.
        position: u64,
        /// The edits, one JSON value a line.
        edits: String,
    },
    /// Keep a new one. Answer: [`TimelineResponse::Changed`] when it is on disk. Safe to repeat: the repeat is refused.
    Create {
        /// The timeline as a JSON document.
        document: String,
    },
}

impl KeptRequest {
    /// Whether the timelines are as they were before.
    pub const fn is_look(&self) -> bool {
        matches!(self, KeptRequest::List | KeptRequest::Read { .. })
    }
}

/// The answer to a [`TimelineRequest`].
#[derive(Debug, Clone, PartialEq)]
pub enum TimelineResponse {
    /// What happened.
    Life(Box<Life>),
    /// Names, in order.
    Names(Vec<String>),
    /// A timeline.
    Document {
        /// Its state as a JSON document.
        document: String,
        /// The length of its log.
        position: u64,
    },
    /// The timeline is changed, or new.
    Changed {
        /// The length of its log.
        position: u64,
    },
    /// Runs of the same work, the newest first.
    Runs(Vec<PastRun>),
}

/// A job that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastRun {
    /// Which.
    pub job: JobId,
    /// How it ended: a final state.
    pub state: JobState,
    /// When its first task was given to a node, in ms since 1970 on the clock of the leader of then.
    pub started_at_ms: u64,
    /// When it ended.
    pub finished_at_ms: u64,
}
