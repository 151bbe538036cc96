//! What comes out of applying a command: an answer for the proposer, and events for whoever keeps up with the ledger.

use std::sync::Arc;
use std::time::Duration;

use nexus_model::{
    IndexRange, JobId, JobSpec, JobState, LabelError, Labels, NodeId, NodeRole, ScheduleId, SpecError, TaskState,
};
use nexus_wire::{AttemptRange, ProtocolVersion};
use thiserror::Error;

use crate::codes;
use crate::command::NodeNote;

/// The result of one command.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// For the proposer. After a rejection the state is what it was before.
    pub reply: Result<Reply, Rejection>,
    /// For the leader's scheduler and for those who wait; empty after a rejection. Followers ignore them.
    pub effects: Vec<Effect>,
}

/// The answer to a command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Done,
    /// The job.
    Job(JobId),
    /// The member.
    Node {
        /// Its identity.
        node: NodeId,
        /// What its token made it.
        role: NodeRole,
        /// Its name, as it is now known.
        name: String,
    },
    /// The schedule.
    Schedule {
        /// Its identity.
        schedule: ScheduleId,
        /// Its first time, in ms since 1970.
        next_ms: u64,
    },
    /// How many tasks were given out; the rest was not ready.
    Assigned {
        /// Given out.
        tasks: u32,
        /// Left as they were.
        refused: u32,
    },
    /// How many reports counted.
    Finished {
        /// Tasks whose attempt ended now.
        recorded: u32,
        /// Tasks that had another attempt, had ended, or do not exist.
        stale: u32,
    },
    /// How many tasks may begin; the rest is not the node's.
    Begun {
        /// Tasks.
        tasks: u32,
    },
    /// How many tasks were taken back.
    Released {
        /// Tasks.
        tasks: u32,
    },
}

/// Something that happened in the ledger. In the order of happening; neighbours that say the same are one.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The cluster exists.
    ClusterCreated,
    /// A job was accepted. Its tasks follow as [`Effect::TasksReady`].
    JobAccepted {
        /// Which.
        job: JobId,
        /// What to run.
        spec: Arc<JobSpec>,
    },
    /// What a job takes from other jobs is there. Its tasks follow as [`Effect::TasksReady`].
    InputsKnown {
        /// Which.
        job: JobId,
        /// What to run, with all its inputs.
        spec: Arc<JobSpec>,
        /// Bytes of blobs among them that were made on a node.
        made_on: Vec<(NodeId, u64)>,
    },
    /// These can be assigned now.
    TasksReady {
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
        /// They have lost a worker before: run each apart from the other suspects.
        suspect: Suspect,
    },
    /// These are a node's now.
    TasksAssigned {
        /// The node.
        node: NodeId,
        /// The tasks and their token.
        attempt: AttemptRange,
        /// They have lost a worker before: their beginning is written down.
        suspect: Suspect,
    },
    /// These were to be assigned and were not: they are not ready, or (then [`Effect::TasksReady`] follows) their node is
    /// gone.
    AssignmentRefused {
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
        /// The node that did not get them.
        node: NodeId,
    },
    /// These are a node's no more. What became of them follows.
    TasksLeft {
        /// The node.
        node: NodeId,
        /// The tasks and their token.
        attempt: AttemptRange,
        /// Their run times together, where they ran.
        busy: Option<Duration>,
    },
    /// These ended.
    TasksEnded {
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
        /// How: always a final state.
        state: TaskState,
    },
    /// Every task of the job has ended.
    JobEnded {
        /// Which.
        job: JobId,
        /// How: always a final state.
        state: JobState,
    },
    /// A job that had ended is gone.
    JobForgotten {
        /// Which.
        job: JobId,
    },
    /// A member was admitted.
    NodeAdded {
        /// Which.
        node: NodeId,
    },
    /// A member's address or capacity changed.
    NodeUpdated {
        /// Which.
        node: NodeId,
    },
    /// A machine's labels are these now, its name among them.
    NodeLabelled {
        /// Which.
        node: NodeId,
        /// All of them.
        labels: Labels,
    },
    /// A member is gone.
    NodeRemoved {
        /// Which.
        node: NodeId,
    },
    /// A machine came or went.
    NodeNoted {
        /// Which.
        node: NodeId,
        /// What happened.
        note: NodeNote,
    },
    /// Every member speaks this from now on.
    ProtocolRaised {
        /// The version.
        protocol: ProtocolVersion,
    },
    /// Nothing is given out any more, and what is out is to be taken back.
    WorkStopped,
    /// Tasks are given out again.
    WorkResumed,
    /// The voters are these.
    VotersChanged {
        /// All of them, in order.
        voters: Vec<NodeId>,
    },
}

/// Whether tasks are suspected of killing workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suspect {
    /// They have not lost a worker.
    No,
    /// They have lost one.
    Yes,
}

/// Why a command was not carried out. The state did not change. Whether a retry helps is said at each.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The entry was applied before. A defect of the caller; a retry gives the same answer.
    #[error("log entry {index} was applied before (the ledger stands at {applied})")]
    AlreadyApplied {
        /// This entry.
        index: u64,
        /// The last one applied.
        applied: u64,
    },
    /// There is a cluster already. A retry gives the same answer.
    #[error("this ledger already holds the cluster `{0}`")]
    ClusterExists(String),
    /// There is no cluster yet. Retry after it is created.
    #[error("there is no cluster here yet")]
    NoCluster,
    /// The job cannot be accepted. A retry gives the same answer.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A text is longer than the ledger keeps. A retry gives the same answer.
    #[error("the {what} takes {found} bytes; the most is {most}")]
    TooLong {
        /// What.
        what: &'static str,
        /// Found length.
        found: usize,
        /// Largest length.
        most: usize,
    },
    /// There is no room for more. Retry when some have ended.
    #[error("there are {most} {what} already, the most that this cluster keeps")]
    Full {
        /// What.
        what: &'static str,
        /// The bound.
        most: u64,
    },
    /// No such job. A retry gives the same answer.
    #[error("there is no {0}")]
    UnknownJob(JobId),
    /// The job has not ended. Retry when it has.
    #[error("{0} has not ended")]
    JobActive(JobId),
    /// All of it succeeded, and no result that is asked for is lost. A retry gives the same answer.
    #[error("every task of {0} succeeded; there is nothing to run again")]
    NothingToRetry(JobId),
    /// What it waits for did not succeed. Retry when it has.
    #[error("{job} waits for {other}, which did not succeed; run that one again first")]
    ConditionFailed {
        /// The job.
        job: JobId,
        /// What it waits for.
        other: JobId,
    },
    /// No such node. A retry gives the same answer.
    #[error("there is no {0}")]
    UnknownNode(NodeId),
    /// The member is a client, no machine that runs tasks. A retry gives the same answer.
    #[error("{0} is a client, not a machine that runs tasks")]
    NotAMachine(NodeId),
    /// A recurrence that cannot be. A retry gives the same answer.
    #[error("{0}")]
    Recurrence(String),
    /// No such schedule. A retry gives the same answer.
    #[error("there is no {0}")]
    UnknownSchedule(ScheduleId),
    /// No label can be so. A retry gives the same answer.
    #[error(transparent)]
    Label(LabelError),
    /// No such token, or it ended long ago. A new token helps.
    #[error("this join token is not known here")]
    UnknownToken,
    /// The token has been used. A new token helps.
    #[error("this join token has been used")]
    TokenUsed,
    /// The token's time is over. A new token helps.
    #[error("this join token has expired")]
    TokenExpired,
    /// The same token twice. Another token helps.
    #[error("this join token exists already")]
    TokenExists,
    /// The key belongs to a member. A new identity helps.
    #[error("this identity is already {0}")]
    IdentityInUse(NodeId),
    /// The key belonged to a member that was removed. A new identity helps.
    #[error("this identity was removed from the cluster")]
    IdentityRemoved,
    /// A voter cannot be removed. Retry when it does not vote any more.
    #[error("{0} is a voter; change the voters first")]
    NodeIsVoter(NodeId),
    /// An even number of voters survives no more losses than one fewer. A retry gives the same answer.
    #[error("{0} voters: take one, or an odd number")]
    VoterCount(usize),
}

impl Rejection {
    /// The stable code that users see.
    pub const fn code(&self) -> &'static str {
        match self {
            Rejection::AlreadyApplied { .. } => codes::ALREADY_APPLIED,
            Rejection::ClusterExists(_) => codes::CLUSTER_EXISTS,
            Rejection::NoCluster => codes::NO_CLUSTER,
            Rejection::Spec(_) => codes::BAD_JOB,
            Rejection::TooLong { .. } => codes::TOO_LONG,
            Rejection::Full { .. } => codes::FULL,
            Rejection::UnknownJob(_) => codes::UNKNOWN_JOB,
            Rejection::JobActive(_) => codes::JOB_ACTIVE,
            Rejection::NothingToRetry(_) => codes::NOTHING_TO_RETRY,
            Rejection::ConditionFailed { .. } => codes::RETRY_OTHER_FIRST,
            Rejection::UnknownNode(_) => codes::UNKNOWN_NODE,
            Rejection::NotAMachine(_) => codes::NOT_A_MACHINE,
            Rejection::Recurrence(_) => codes::BAD_RECURRENCE,
            Rejection::UnknownSchedule(_) => codes::UNKNOWN_SCHEDULE,
            Rejection::Label(_) => codes::BAD_LABEL,
            Rejection::UnknownToken => codes::UNKNOWN_TOKEN,
            Rejection::TokenUsed => codes::TOKEN_USED,
            Rejection::TokenExpired => codes::TOKEN_EXPIRED,
            Rejection::TokenExists => codes::TOKEN_EXISTS,
            Rejection::IdentityInUse(_) => codes::IDENTITY_IN_USE,
            Rejection::IdentityRemoved => codes::IDENTITY_REMOVED,
            Rejection::NodeIsVoter(_) => codes::NODE_IS_VOTER,
            Rejection::VoterCount(_) => codes::VOTER_COUNT,
        }
    }
}
