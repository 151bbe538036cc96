//! What can be asked of the ledger: one command is one entry of the replicated log.
//!
//! A command is proposed by the leader and checked again when it is applied; proposing an illegal one changes nothing.
//! Times in it are the proposer's, in ms since 1970; the ledger never reads a clock.

use nexus_model::{
    BlobHash, IndexRange, JobId, JobSpec, NodeCapacity, NodeId, NodeRole, Recurrence, Reuse, ScheduleId,
};
use nexus_wire::archived::NeedsV1;
use nexus_wire::{AttemptRange, FinishedTasks, ProtocolVersion};

use crate::codes;

/// The code of the failure with which a node reports, at its next start, what it had begun when it was killed. The leader
/// takes these tasks back as [`ReleaseReason::WorkerLost`].
pub const WORKER_LOST: &str = codes::WORKER_LOST;

/// The code of the failure with which a node reports, at its next start, what it had begun when it ended in order and nobody
/// could write that down. The leader takes these tasks back as [`ReleaseReason::WorkerStopped`].
pub const WORKER_STOPPED: &str = codes::GIVEN_UP;

/// The code of the failure with which a worker gives back tasks of which no node has an input any more. The leader has it
/// made again ([`Command::MakeAgain`]).
pub const INPUT_LOST: &str = codes::INPUT_LOST;

/// A SHA-256 or BLAKE3 digest: of a join token's text, or of a node's public key.
pub type Digest = [u8; 32];

/// One entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The first entry of a new cluster: its name, its authority and its first node, which becomes the only voter.
    /// Answer: [`Reply::Node`](crate::Reply::Node). Refused where there is a cluster.
    CreateCluster {
        /// Name for people.
        name: String,
        /// Certificate of the cluster's authority.
        ca_certificate_pem: String,
        /// The machine that founds it.
        founder: NewNode,
        /// Proposed at.
        at_ms: u64,
    },
    /// Accept a job; [`JobSpec::user`] is the authenticated submitter. Answer: [`Reply::Job`](crate::Reply::Job), with the
    /// earlier job where the same user has used `key` before.
    SubmitJob {
        /// What to run.
        spec: Box<JobSpec>,
        /// Idempotency key: one job for each user and key, for ever.
        key: Option<String>,
        /// Proposed at.
        at_ms: u64,
    },
    /// Accept a job and give all its tasks to a node, in one entry: a job that meets a free slot costs one flush until it
    /// may start and not two. The index of this entry is the token of the attempts. Where the key was used before, nothing is
    /// given; where the tasks may not run yet, or the node is gone, the job is accepted all the same. Answer: as
    /// [`Command::SubmitJob`].
    SubmitPlaced {
        /// What to run.
        spec: Box<JobSpec>,
        /// Idempotency key.
        key: Option<String>,
        /// Who is to run it.
        node: NodeId,
        /// Proposed at.
        at_ms: u64,
    },
    /// Cancel a job: tasks that have not ended end as cancelled, at once; what their attempts report later is stale.
    /// Answer: [`Reply::Done`](crate::Reply::Done), also where the job has ended.
    CancelJob {
        /// Which.
        job: JobId,
        /// Proposed at.
        at_ms: u64,
    },
    /// Forget a job that has ended, with its results. Its key stays used. Answer: [`Reply::Done`](crate::Reply::Done).
    ForgetJob {
        /// Which.
        job: JobId,
    },
    /// Run again what did not succeed of a job that has ended. Answer: [`Reply::Done`](crate::Reply::Done).
    RetryJob {
        /// Which.
        job: JobId,
        /// Proposed at.
        at_ms: u64,
    },
    /// The time has come for tasks that rest, and for deadlines, up to `at_ms`. Proposed by the leader when its clock says
    /// so. Answer: [`Reply::Done`](crate::Reply::Done).
    Wake {
        /// Proposed at.
        at_ms: u64,
    },
    /// Give ready tasks to nodes. The index of this entry is the token of the attempts. Tasks that are not ready, or whose
    /// node is gone, are left out, and an effect says so. Answer: [`Reply::Assigned`](crate::Reply::Assigned).
    AssignTasks {
        /// What goes where.
        assignments: Vec<Assignment>,
        /// Proposed at.
        at_ms: u64,
    },
    /// Record attempts that ended. Those whose token is not the current one are stale and change nothing. Answer:
    /// [`Reply::Finished`](crate::Reply::Finished).
    FinishTasks {
        /// The node that ran them.
        node: NodeId,
        /// What ended, and how.
        tasks: Vec<FinishedTasks>,
        /// Proposed at.
        at_ms: u64,
    },
    /// Take tasks back from a node: they become ready again while attempts are left. Answer:
    /// [`Reply::Released`](crate::Reply::Released).
    ReleaseTasks {
        /// From whom.
        node: NodeId,
        /// Which.
        attempts: Released,
        /// Why, which decides what it costs the tasks.
        why: ReleaseReason,
        /// Proposed at.
        at_ms: u64,
    },
    /// Tasks that have lost a worker before are about to begin: from now on the loss of this node counts against them, and
    /// before it does not. Answer: [`Reply::Begun`](crate::Reply::Begun); those that the node does not hold under that token are
    /// left out, and must not run.
    BeginTasks {
        /// The node that is to run them.
        node: NodeId,
        /// Which.
        attempts: Vec<AttemptRange>,
        /// Proposed at.
        at_ms: u64,
    },
    /// No node has these results of a job any more that has succeeded, and somebody wants them: run again whoever made them,
    /// with all attempts. Answer: [`Reply::Done`](crate::Reply::Done). Refused where no task of the job made any of them.
    RetryLost {
        /// Which.
        job: JobId,
        /// What is lost.
        blobs: Vec<BlobHash>,
        /// Proposed at.
        at_ms: u64,
    },
    /// No node has `blob` any more, which tasks take from other jobs: run again whoever made it, and give these
    /// tasks out once more after a pause, as if they had never been given out. Where nobody can make it they fail. Answer:
    /// [`Reply::Released`](crate::Reply::Released), with those that wait.
    MakeAgain {
        /// The node that reports it.
        node: NodeId,
        /// What it gives back.
        attempts: Vec<AttemptRange>,
        /// What is lost.
        blob: BlobHash,
        /// Proposed at.
        at_ms: u64,
    },
    /// Admit a member and use up its join token, in one step. Answer: [`Reply::Node`](crate::Reply::Node); the same token
    /// with the same key again answers the same node, so that a lost answer does no harm.
    AddNode {
        /// The machine or person.
        node: NewNode,
        /// Digest of the join token.
        token_hash: Digest,
        /// Proposed at; compared with the token's end.
        at_ms: u64,
    },
    /// A node's address or capacity is different now. Answer: [`Reply::Done`](crate::Reply::Done).
    UpdateNode {
        /// Which.
        node: NodeId,
        /// Where it listens.
        address: String,
        /// What it offers.
        capacity: NodeCapacity,
    },
    /// Submit a job again and again. The times of its conditions count from each beginning. Answer:
    /// [`Reply::Schedule`](crate::Reply::Schedule).
    CreateSchedule {
        /// What to run.
        spec: Box<JobSpec>,
        /// When.
        recurrence: Recurrence,
        /// Proposed at.
        at_ms: u64,
    },
    /// End a schedule. Answer: [`Reply::Done`](crate::Reply::Done).
    RemoveSchedule {
        /// Which.
        schedule: ScheduleId,
    },
    /// Write down who did what. Answer: [`Reply::Done`](crate::Reply::Done).
    Record {
        /// Who.
        by: String,
        /// What.
        act: String,
        /// Proposed at.
        at_ms: u64,
    },
    /// Give a machine labels, or take them away. Answer: [`Reply::Done`](crate::Reply::Done).
    LabelNode {
        /// Which.
        node: NodeId,
        /// Labels by name; without a value the label is taken away.
        changes: Vec<(String, Option<String>)>,
    },
    /// Remove a member for ever: its tasks go back to the queue, its key is never admitted again. Refused for a voter.
    /// Answer: [`Reply::Done`](crate::Reply::Done).
    RemoveNode {
        /// Which.
        node: NodeId,
        /// Proposed at.
        at_ms: u64,
    },
    /// Make a join token. Answer: [`Reply::Done`](crate::Reply::Done).
    CreateToken {
        /// Digest of its text.
        hash: Digest,
        /// What its user becomes.
        role: NodeRole,
        /// When it stops working.
        expires_at_ms: u64,
        /// Proposed at; tokens that have ended by then are dropped.
        at_ms: u64,
    },
    /// Who votes, for people to see: one node or an odd number. Changing the consensus membership itself is the consensus
    /// library's. Answer: [`Reply::Done`](crate::Reply::Done).
    SetVoters {
        /// All of them.
        voters: Vec<NodeId>,
    },
    /// From now on every member speaks `protocol`, so that entries may use what it brought. Never goes back. Proposed by the
    /// leader when it has seen all of them. Answer: [`Reply::Done`](crate::Reply::Done).
    RaiseProtocol {
        /// The version.
        protocol: ProtocolVersion,
    },
    /// Give out no tasks from now on; the leader takes back those that are out. Answer:
    /// [`Reply::Done`](crate::Reply::Done), also where all work is stopped already.
    StopWork {
        /// Who wants it.
        by: String,
        /// Proposed at.
        at_ms: u64,
    },
    /// Give out tasks again. Answer: [`Reply::Done`](crate::Reply::Done).
    ResumeWork,
    /// A machine came or went: for its life, and for nothing else. Answer: [`Reply::Done`](crate::Reply::Done).
    NoteNode {
        /// Which.
        node: NodeId,
        /// What happened.
        note: NodeNote,
        /// Proposed at.
        at_ms: u64,
    },
}

/// What the leader sees of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeNote {
    /// Its worker attached.
    Up {
        /// Slots that it offers; 0 while it drains.
        slots: u32,
    },
    /// The way to its worker was lost.
    Lost,
    /// Its worker said goodbye.
    Stopped,
}

/// The version that brought copies of results, results of earlier jobs, acceptance together with an assignment, beginnings
/// that are written down, and the emergency stop.
const THIRD: ProtocolVersion = ProtocolVersion { major: 1, minor: 2 };

impl Command {
    /// The version that brought [`Command::SubmitPlaced`].
    pub const PLACED: ProtocolVersion = THIRD;

    /// The version that brought [`Command::BeginTasks`]. From it on a second loss counts only against what had begun.
    pub const BEGUN: ProtocolVersion = THIRD;

    /// The version from which on keys of jobs that were forgotten long ago are forgotten.
    pub const FORGETS_KEYS: ProtocolVersion = THIRD;

    /// When it was proposed, where that matters.
    pub(crate) fn at_ms(&self) -> u64 {
        match self {
            Command::CreateCluster { at_ms, .. }
            | Command::SubmitJob { at_ms, .. }
            | Command::SubmitPlaced { at_ms, .. }
            | Command::CreateSchedule { at_ms, .. }
            | Command::Record { at_ms, .. }
            | Command::CancelJob { at_ms, .. }
            | Command::RetryJob { at_ms, .. }
            | Command::Wake { at_ms }
            | Command::AssignTasks { at_ms, .. }
            | Command::FinishTasks { at_ms, .. }
            | Command::ReleaseTasks { at_ms, .. }
            | Command::MakeAgain { at_ms, .. }
            | Command::BeginTasks { at_ms, .. }
            | Command::RetryLost { at_ms, .. }
            | Command::AddNode { at_ms, .. }
            | Command::RemoveNode { at_ms, .. }
            | Command::CreateToken { at_ms, .. }
            | Command::StopWork { at_ms, .. }
            | Command::NoteNode { at_ms, .. } => *at_ms,
            Command::ForgetJob { .. }
            | Command::UpdateNode { .. }
            | Command::LabelNode { .. }
            | Command::RemoveSchedule { .. }
            | Command::RaiseProtocol { .. }
            | Command::ResumeWork
            | Command::SetVoters { .. } => 0,
        }
    }

    /// The version that brought it: while a member speaks an earlier one it must not come into the log, which that member
    /// could not read.
    pub fn since(&self) -> ProtocolVersion {
        const SECOND: ProtocolVersion = ProtocolVersion { major: 1, minor: 1 };
        match self {
            Command::SubmitJob { spec, .. } | Command::CreateSchedule { spec, .. }
                if spec.selection.copies > 1 || spec.reuse == Reuse::Allowed =>
            {
                THIRD
            }
            Command::SubmitPlaced { .. } => Command::PLACED,
            Command::MakeAgain { .. } | Command::RetryLost { .. } => THIRD,
            Command::StopWork { .. } | Command::ResumeWork => THIRD,
            Command::BeginTasks { .. } => Command::BEGUN,
            Command::SubmitJob { spec, .. } if NeedsV1::of(spec).is_some() => SECOND,
            Command::CreateSchedule { .. }
            | Command::RemoveSchedule { .. }
            | Command::Record { .. }
            | Command::LabelNode { .. }
            | Command::RaiseProtocol { .. } => SECOND,
            Command::CreateCluster { .. }
            | Command::SubmitJob { .. }
            | Command::CancelJob { .. }
            | Command::ForgetJob { .. }
            | Command::RetryJob { .. }
            | Command::Wake { .. }
            | Command::AssignTasks { .. }
            | Command::FinishTasks { .. }
            | Command::ReleaseTasks { .. }
            | Command::AddNode { .. }
            | Command::UpdateNode { .. }
            | Command::RemoveNode { .. }
            | Command::CreateToken { .. }
            | Command::SetVoters { .. }
            | Command::NoteNode { .. } => ProtocolVersion::FIRST,
        }
    }
}

/// A machine (or a client) that wants to be a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNode {
    /// Name for people; a number is appended where it is taken.
    pub name: String,
    /// Digest of its public key.
    pub fingerprint: Digest,
    /// Where it listens.
    pub address: String,
    /// What it offers.
    pub capacity: NodeCapacity,
}

/// Tasks of one job for one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The job.
    pub job: JobId,
    /// The tasks.
    pub range: IndexRange,
    /// The node.
    pub node: NodeId,
}

/// Which attempts are taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// Everything that the node holds.
    All,
    /// These, where the node holds them under that token.
    Attempts(Vec<AttemptRange>),
    /// Everything but these: what a worker that came back does not hold any more.
    AllBut(Vec<AttemptRange>),
}

/// Why tasks are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReleaseReason {
    /// The worker was lost, with them or by them. The attempt counts, and a task that loses two workers is quarantined: one
    /// that has lost a worker before loses this one only if its beginning was written down ([`Command::BeginTasks`]), once
    /// the cluster speaks [`Command::BEGUN`]. Otherwise it was never started.
    WorkerLost,
    /// The worker stopped in order. The attempt counts (it may have begun).
    WorkerStopped,
    /// They were never started. The attempt does not count.
    NotStarted,
}
