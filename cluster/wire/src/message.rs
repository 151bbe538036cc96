//! The messages that actors, nodes and clients exchange, in the words of `nexus-model`.
//!
//! In one process they travel as they are; between machines they are converted to the archived forms of this crate,
//! framed and sent. Requests have exactly one response. Worker and leader messages flow on one long-lived stream each way.

use std::time::Duration;

use nexus_model::{
    AttemptToken, BlobHash, Cost, IndexRange, JobId, JobSpec, JobState, NodeCapacity, NodeId, NodeRole, Outcome,
    Reused, TaskId, TaskState, Vitals,
};

use crate::cluster::{ClusterRequest, ClusterResponse};
use crate::decision::{DecisionRequest, DecisionResponse};
use crate::health::Stopped;
use crate::log::{LogPiece, LogQuery};
use crate::schedule::{ScheduleRequest, ScheduleResponse};
use crate::timeline::{TimelineRequest, TimelineResponse};
use crate::version::ProtocolVersion;

/// What a client or a node asks of a gateway. Losing a request or its response means the outcome is unknown; each says
/// whether repeating it is safe.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Client → gateway: accept a job. Answer: [`Response::Submitted`] once it is committed and flushed. Repeating it is
    /// safe with a key (the same job is answered), and makes a second job without one.
    SubmitJob {
        /// What to run.
        spec: Box<JobSpec>,
        /// Idempotency key: one job for each key, for ever.
        key: Option<String>,
    },
    /// Client → gateway: the newest jobs first. Answer: [`Response::Jobs`].
    ListJobs {
        /// At most this many (the gateway caps it at [`crate::limits::JOBS_PER_PAGE_MAX`]).
        limit: u32,
        /// Only jobs before this one, for the next page.
        before: Option<JobId>,
    },
    /// Client → gateway: one job. Answer: [`Response::Job`].
    ShowJob(JobId),
    /// Client → gateway: tasks of a job from `range`. Answer: [`Response::Tasks`], which may stop early (size); ask again
    /// from where it stopped.
    ListTasks {
        /// The job.
        job: JobId,
        /// Indices asked for.
        range: IndexRange,
        /// With results, outputs and logs, or only states.
        detail: TaskDetail,
    },
    /// Client → gateway: answer when the job's progress differs from `seen`, or it has ended, or `patience` is over.
    /// Answer: [`Response::Job`].
    WaitJob {
        /// The job.
        job: JobId,
        /// Tasks ended that the client already knows of.
        seen: u32,
        /// Longest wait; the gateway caps it at [`crate::limits::WAIT_MAX`].
        patience: Duration,
    },
    /// Client → gateway: cancel a job. Answer: [`Response::Job`] once the cancel is committed; no result is committed
    /// after that. Repeating it is safe.
    CancelJob(JobId),
    /// Client → gateway: run the tasks of an ended job again that did not succeed. Answer: [`Response::Job`] once it is
    /// committed. Repeating it is safe: while the job runs it is refused.
    RetryJob(JobId),
    /// Client → gateway: why a job, or one task of it, is where it is. Answer: [`Response::Explanation`].
    ExplainJob {
        /// The job.
        job: JobId,
        /// The task, or the job as a whole.
        task: Option<u32>,
    },
    /// Client → gateway: what does a job ask for that no machine of the cluster has? Answer: [`Response::Explanation`],
    /// without a sentence where some machine could run its tasks. Safe to repeat.
    UnmetNeeds(JobId),
    /// Client → gateway: what a task has printed from a position on, also while it runs. Answer: [`Response::Log`], at
    /// once where there is something new. Safe to repeat.
    ReadLog(LogQuery),
    /// Client → gateway: the nodes. Answer: [`Response::Nodes`].
    ListNodes,
    /// Client → gateway: how the cluster is. Answer: [`Response::Status`].
    GetStatus,
    /// Client → gateway: make a join token. Answer: [`Response::Token`]. Repeating it makes another.
    CreateToken {
        /// What its user may become.
        role: NodeRole,
        /// How long it can be used.
        ttl: Duration,
    },
    /// Client → gateway: stop a node in order (its running tasks go back to the queue). Answer: [`Response::Done`] when
    /// the stop has begun.
    StopNode(Option<NodeId>),
    /// New machine → gateway, on a connection without a certificate: join with a token. Answer: [`Response::Joined`].
    /// Repeating it fails: a token is used once.
    Join(Box<JoinRequest>),
    /// Node or client → node: one piece of a blob. Answer: [`Response::BlobChunk`]. Safe to repeat.
    ReadBlob {
        /// Which.
        hash: BlobHash,
        /// From which byte.
        offset: u64,
    },
    /// Client → gateway: store one piece of a blob (pieces in order, from 0). Answer: [`Response::Done`]; with the last
    /// piece the content is checked against the hash. Safe to repeat.
    WriteBlob {
        /// Which.
        hash: BlobHash,
        /// Length in all.
        total: u64,
        /// Where this piece begins.
        offset: u64,
        /// The piece, at most [`crate::limits::BLOB_CHUNK_BYTES`].
        bytes: Vec<u8>,
    },
    /// Node → voter: a message of the consensus library, encoded by `nexus-consensus`. Answer: [`Response::Raft`].
    Raft(Vec<u8>),
    /// About the cluster itself, or passed on by one of its nodes.
    Cluster(Box<ClusterRequest>),
    /// About timelines.
    Timeline(Box<TimelineRequest>),
    /// About jobs that recur.
    Schedule(Box<ScheduleRequest>),
    /// A question to a decision model.
    Decide(Box<DecisionRequest>),
}

/// How much of each task to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskDetail {
    /// State, node, attempts.
    State,
    /// Also results, outputs, failures, costs and logs.
    Full,
}

/// A machine that wants to become a member.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinRequest {
    /// The token as it was printed.
    pub token: String,
    /// The node's public key with proof of possession: a PEM certificate signing request.
    pub csr_pem: String,
    /// The same for the key of the machine's own client, with which its user's commands reach the cluster.
    pub client_csr_pem: String,
    /// Its name for people.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// What it offers.
    pub capacity: NodeCapacity,
}

/// What a new member gets.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinedNode {
    /// Its identity.
    pub node: NodeId,
    /// Its role.
    pub role: NodeRole,
    /// Its certificate, PEM.
    pub certificate_pem: String,
    /// The certificate of the machine's own client (role submitter; it may also stop its own node), PEM.
    pub client_certificate_pem: String,
    /// The cluster's authority, PEM.
    pub ca_pem: String,
    /// The cluster's name.
    pub cluster: String,
    /// Addresses of nodes that answer requests.
    pub peers: Vec<String>,
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// The job is accepted: committed on a majority of voters and flushed.
    Submitted(JobId),
    /// Jobs, newest first.
    Jobs(Vec<JobView>),
    /// One job.
    Job(Box<JobView>),
    /// Tasks in order of index.
    Tasks(Vec<TaskView>),
    /// Why a job or task is where it is: sentences, the most important first.
    Explanation(Vec<String>),
    /// Nodes in order of id.
    Nodes(Vec<NodeView>),
    /// How the cluster is.
    Status(Box<StatusView>),
    /// A join token, shown once.
    Token {
        /// The token.
        token: String,
        /// What its user becomes.
        role: NodeRole,
        /// When it stops working, in ms since 1970.
        expires_at_ms: u64,
    },
    /// Welcome.
    Joined(Box<JoinedNode>),
    /// A piece of a blob.
    BlobChunk {
        /// Length of the blob in all.
        total: u64,
        /// The piece.
        bytes: Vec<u8>,
    },
    /// A part of a task's log.
    Log(LogPiece),
    /// The answer of the consensus library.
    Raft(Vec<u8>),
    /// About the cluster itself.
    Cluster(Box<ClusterResponse>),
    /// About timelines.
    Timeline(Box<TimelineResponse>),
    /// About jobs that recur.
    Schedule(Box<ScheduleResponse>),
    /// What a decision model says.
    Decided(Box<DecisionResponse>),
    /// It is done.
    Done,
    /// It is not done, and why.
    Refused(Refusal),
}

/// Why a request was not carried out, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Stable code, like `NX0104`.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Ask again after this long (full queues, elections).
    pub retry_after: Option<Duration>,
    /// The leader's address, where this node is not the leader and knows it.
    pub leader: Option<String>,
}

/// A job as it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    /// Identity.
    pub job: JobId,
    /// Name.
    pub name: String,
    /// Submitter.
    pub user: String,
    /// State.
    pub state: JobState,
    /// Task indices.
    pub tasks: IndexRange,
    /// Whether it is an array.
    pub is_array: bool,
    /// Tasks in each state, in the order of [`TaskState::ALL`].
    pub counts: [u32; 8],
    /// Succeeded tasks by node, in order of node id; under [`REUSED_ON`] those that took results of earlier jobs.
    pub by_node: Vec<(NodeId, u32)>,
    /// Accepted at, ms since 1970 on the clock of the leader of then.
    pub submitted_at_ms: u64,
    /// First task started at.
    pub started_at_ms: Option<u64>,
    /// Ended at.
    pub finished_at_ms: Option<u64>,
    /// The first failure, where there is one.
    pub first_failure: Option<(TaskId, nexus_model::Failure)>,
}

/// The id under which tasks are counted that ran on no node, as they took results of earlier jobs. No node has it.
pub const REUSED_ON: NodeId = NodeId(0);

impl JobView {
    /// Succeeded tasks by the node on which they ran.
    pub fn ran_on(&self) -> impl Iterator<Item = (NodeId, u32)> {
        self.by_node.iter().copied().filter(|(node, _)| *node != REUSED_ON)
    }

    /// Tasks that took results of earlier jobs.
    pub fn reused(&self) -> u32 {
        self.by_node.iter().filter(|(node, _)| *node == REUSED_ON).map(|(_, tasks)| tasks).sum()
    }

    /// Tasks in `state`.
    pub fn count(&self, state: TaskState) -> u32 {
        let position = TaskState::ALL.iter().position(|s| *s == state).expect("ALL lists every state");
        self.counts[position]
    }

    /// Tasks that have ended.
    pub fn ended(&self) -> u32 {
        TaskState::ALL.into_iter().filter(|s| s.is_final()).map(|s| self.count(s)).sum()
    }
}

/// A task as it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskView {
    /// Index in the array.
    pub index: u32,
    /// State.
    pub state: TaskState,
    /// Node of the current or last attempt.
    pub node: Option<NodeId>,
    /// Attempts so far.
    pub attempts: u32,
    /// How it ended (with [`TaskDetail::Full`] only).
    pub outcome: Option<Outcome>,
    /// What it cost (with [`TaskDetail::Full`] only).
    pub cost: Option<Cost>,
    /// Where its result is from, if it was taken from an earlier job.
    pub reused: Option<Reused>,
}

/// A node as it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeView {
    /// Identity.
    pub node: NodeId,
    /// Name.
    pub name: String,
    /// Roles.
    pub roles: Vec<NodeRole>,
    /// Where it listens.
    pub address: String,
    /// Whether it is connected.
    pub state: NodeState,
    /// What it offers.
    pub capacity: NodeCapacity,
    /// Tasks it runs now.
    pub running: u32,
    /// Round-trip time from the leader.
    pub rtt: Option<Duration>,
    /// Ms since 1970 of its last sign of life.
    pub seen_at_ms: Option<u64>,
    /// How the machine is, where it has said so. Travels apart, in [`crate::Health`].
    pub vitals: Option<Vitals>,
}

/// Whether a node is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// Connected.
    Up,
    /// Not heard of.
    Down,
}

impl NodeState {
    /// The name that users see.
    pub const fn name(self) -> &'static str {
        match self {
            NodeState::Up => "up",
            NodeState::Down => "down",
        }
    }
}

/// How the cluster is.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusView {
    /// The cluster's name.
    pub cluster: String,
    /// The node that answers.
    pub node: NodeId,
    /// The leader, where known.
    pub leader: Option<NodeId>,
    /// Raft term.
    pub term: u64,
    /// Index of the last applied log entry.
    pub applied: u64,
    /// Voters.
    pub voters: Vec<NodeId>,
    /// Nodes.
    pub nodes: Vec<NodeView>,
    /// Jobs that have not ended.
    pub jobs_active: u32,
    /// Tasks that wait for a slot.
    pub tasks_queued: u64,
    /// Version of the node that answers.
    pub version: String,
    /// Who stopped all work, where that was done. Travels apart, in [`crate::Health`].
    pub stopped: Option<Stopped>,
}

/// Worker → leader, on the worker's stream. Lost with the connection; what matters is sent again after the next
/// [`WorkerMessage::Hello`].
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerMessage {
    /// First on the stream: who is there, and what it already holds (so that nothing is started twice).
    Hello {
        /// Identity, checked against the certificate.
        node: NodeId,
        /// Where its other services listen.
        address: String,
        /// What it offers.
        capacity: NodeCapacity,
        /// Attempts that it runs or has finished without an acknowledgement.
        holding: Vec<AttemptRange>,
    },
    /// Attempts that ended, in order. Repeated until acknowledged; the ledger drops repeats.
    TasksFinished {
        /// Counts up by one on each stream; acknowledged by [`LeaderMessage::FinishedRecorded`].
        sequence: u64,
        /// What ended.
        tasks: Vec<FinishedTasks>,
    },
    /// Every [`crate::limits::HEARTBEAT_INTERVAL`].
    Heartbeat {
        /// What the slots have in hand, at most one range a slot: the tasks that would be lost with this worker.
        running: Vec<AttemptRange>,
        /// How the machine is; absent where that was not measured yet, and to a leader that would not know it.
        vitals: Option<Box<Vitals>>,
    },
    /// Tasks of [`LeaderMessage::AssignSuspects`] that have a slot and wait for [`LeaderMessage::BeginTasks`] or
    /// [`LeaderMessage::DropTasks`]. Said again on the next stream where neither came.
    BeginningTasks(Vec<AttemptRange>),
    /// Last on the stream: the worker stops in order, and what it holds can go elsewhere at once.
    Goodbye,
}

impl WorkerMessage {
    /// The version that brought how a machine is to its signs of life.
    pub const VITALS: ProtocolVersion = ProtocolVersion { major: 1, minor: 2 };
}

/// Leader → worker, on the worker's stream.
#[derive(Debug, Clone, PartialEq)]
pub enum LeaderMessage {
    /// Run these. A job's spec comes before its first assignment on a stream.
    AssignTasks(Vec<AttemptRange>),
    /// Run these, which have lost a worker before: each begins only once [`LeaderMessage::BeginTasks`] has answered
    /// [`WorkerMessage::BeginningTasks`].
    AssignSuspects(Vec<AttemptRange>),
    /// It is written down that these begin.
    BeginTasks(Vec<AttemptRange>),
    /// These are not the worker's any more: they must not begin, and what runs of them is in vain.
    DropTasks(Vec<AttemptRange>),
    /// What a job is. Kept until [`LeaderMessage::ForgetJob`].
    DescribeJob {
        /// Identity.
        job: JobId,
        /// What to run.
        spec: Box<JobSpec>,
    },
    /// Stop what runs of this job, start nothing more of it.
    CancelJob(JobId),
    /// The job has ended: its spec can go.
    ForgetJob(JobId),
    /// Everything up to this sequence is committed (or stale): the worker can let go of it.
    FinishedRecorded {
        /// Highest recorded sequence.
        sequence: u64,
    },
}

/// A range of tasks of one job assigned under one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptRange {
    /// The job.
    pub job: JobId,
    /// The tasks.
    pub range: IndexRange,
    /// The fence.
    pub token: AttemptToken,
}

/// Consecutive tasks of one attempt range that ended alike (equal outcomes; for a range of more than one, `cost.wall` is
/// the mean). The usual case for tasks that matter is a range of one.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedTasks {
    /// Which.
    pub attempt: AttemptRange,
    /// How they ended.
    pub outcome: Outcome,
    /// What each cost.
    pub cost: Cost,
}
