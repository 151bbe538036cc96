//! The lives of jobs and nodes: what happened to them, and when, as the ledger wrote it down.
//!
//! Not a timeline: `nexus-echo` makes one of a life. Not the request for it either: that is `timeline.rs`.

use std::time::Duration;

use nexus_model::{AttemptToken, IndexRange, JobId, JobState, NodeId, TaskState};

/// What happened to a job or to a node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Life {
    /// In the order of the log; times never go back.
    pub entries: Vec<LifeEntry>,
    /// Entries that were not kept, because there were more than the ledger keeps of one life. Of a job the last ones are
    /// missing (its end is always there), of a node the first ones.
    pub dropped: u64,
}

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifeEntry {
    /// When, in ms since 1970 on the clock of the leader of then.
    pub at_ms: u64,
    /// The job that it happened to; absent where it happened to a node itself.
    pub job: Option<JobId>,
    /// What.
    pub what: LifeEvent,
}

/// What can happen to a job, its tasks or a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeEvent {
    /// The job was accepted.
    Accepted,
    /// Tasks were given to a node, which runs them as its slots become free.
    Placed {
        /// The tasks.
        range: IndexRange,
        /// The node.
        node: NodeId,
        /// The fence of the attempt.
        token: AttemptToken,
    },
    /// Tasks are a node's no more.
    Left {
        /// The tasks.
        range: IndexRange,
        /// The node that had them.
        node: NodeId,
        /// The fence of the attempt.
        token: AttemptToken,
        /// Their run times together, where they ran to an end.
        busy: Option<Duration>,
        /// What became of them.
        fate: Fate,
    },
    /// Tasks that no node had ended: with the job's cancel or deadline, or with a job that it waited for.
    TasksEnded {
        /// The tasks.
        range: IndexRange,
        /// How: a final state.
        state: TaskState,
    },
    /// Every task had ended.
    Ended {
        /// How: a final state.
        state: JobState,
    },
    /// What had not succeeded was to run again.
    Reopened,
    /// The node became a member.
    Joined,
    /// Its worker attached to the leader.
    Up {
        /// Slots that it offered; 0 while it drains.
        slots: u32,
    },
    /// The leader lost the way to its worker.
    Lost,
    /// Its worker said goodbye.
    Stopped,
    /// It votes from now on.
    Voter,
    /// It does not vote any more.
    NotVoter,
    /// It was taken out of the cluster.
    Removed,
}

/// What becomes of tasks that leave a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// They ended.
    Ended(TaskState),
    /// They wait for another attempt: theirs failed, or was given back.
    Requeued,
    /// Their node was lost with them; they wait for another attempt.
    Lost,
    /// They rest before another attempt.
    Resting,
}
