//! What workers and the leader say to each other.

use nexus_model::{AttemptToken, JobId, NodeId};
use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use super::WireError;
use super::job::{ArchivedIndexRangeV1, IndexRangeV1, JobSpecV1};
use super::node::NodeCapacityV1;
use super::outcome::{CostV1, OutcomeV1};
use crate::message::{AttemptRange, FinishedTasks, LeaderMessage, WorkerMessage};

/// [`AttemptRange`].
#[derive(Debug, Clone, Copy, Archive, Serialize)]
pub struct AttemptRangeV1 {
    job: u64,
    token: u64,
    range: IndexRangeV1,
}

impl From<AttemptRange> for AttemptRangeV1 {
    fn from(attempt: AttemptRange) -> Self {
        AttemptRangeV1 { job: attempt.job.0, token: attempt.token.0, range: attempt.range.into() }
    }
}

impl From<&ArchivedAttemptRangeV1> for AttemptRange {
    fn from(form: &ArchivedAttemptRangeV1) -> Self {
        let range: &ArchivedIndexRangeV1 = &form.range;
        AttemptRange {
            job: JobId(form.job.to_native()),
            token: AttemptToken(form.token.to_native()),
            range: range.into(),
        }
    }
}

/// [`FinishedTasks`].
#[derive(Debug, Archive, Serialize)]
pub struct FinishedTasksV1<'a> {
    attempt: AttemptRangeV1,
    outcome: OutcomeV1<'a>,
    cost: CostV1<'a>,
}

impl<'a> From<&'a FinishedTasks> for FinishedTasksV1<'a> {
    fn from(finished: &'a FinishedTasks) -> Self {
        FinishedTasksV1 {
            attempt: finished.attempt.into(),
            outcome: (&finished.outcome).into(),
            cost: (&finished.cost).into(),
        }
    }
}

impl TryFrom<&ArchivedFinishedTasksV1<'_>> for FinishedTasks {
    type Error = WireError;

    fn try_from(form: &ArchivedFinishedTasksV1<'_>) -> Result<Self, WireError> {
        Ok(FinishedTasks {
            attempt: (&form.attempt).into(),
            outcome: (&form.outcome).try_into()?,
            cost: (&form.cost).try_into()?,
        })
    }
}

/// [`WorkerMessage`].
#[derive(Debug, Archive, Serialize)]
pub(crate) enum WorkerMessageV1<'a> {
    Hello {
        node: u64,
        #[rkyv(with = InlineAsBox)]
        address: &'a str,
        capacity: NodeCapacityV1<'a>,
        holding: Vec<AttemptRangeV1>,
    },
    TasksFinished {
        sequence: u64,
        tasks: Vec<FinishedTasksV1<'a>>,
    },
    Heartbeat {
        running: Vec<AttemptRangeV1>,
    },
    Goodbye,
}

impl<'a> From<&'a WorkerMessage> for WorkerMessageV1<'a> {
    fn from(message: &'a WorkerMessage) -> Self {
        match message {
            WorkerMessage::Hello { node, address, capacity, holding } => {
                WorkerMessageV1::Hello { node: node.0, address, capacity: capacity.into(), holding: attempts(holding) }
            }
            WorkerMessage::TasksFinished { sequence, tasks } => {
                WorkerMessageV1::TasksFinished { sequence: *sequence, tasks: tasks.iter().map(Into::into).collect() }
            }
            WorkerMessage::Heartbeat { running } => WorkerMessageV1::Heartbeat { running: attempts(running) },
            WorkerMessage::Goodbye => WorkerMessageV1::Goodbye,
        }
    }
}

impl TryFrom<&ArchivedWorkerMessageV1<'_>> for WorkerMessage {
    type Error = WireError;

    fn try_from(form: &ArchivedWorkerMessageV1<'_>) -> Result<Self, WireError> {
        Ok(match form {
            ArchivedWorkerMessageV1::Hello { node, address, capacity, holding } => WorkerMessage::Hello {
                node: NodeId(node.to_native()),
                address: address.to_string(),
                capacity: capacity.into(),
                holding: holding.iter().map(Into::into).collect(),
            },
            ArchivedWorkerMessageV1::TasksFinished { sequence, tasks } => WorkerMessage::TasksFinished {
                sequence: sequence.to_native(),
                tasks: tasks.iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            },
            ArchivedWorkerMessageV1::Heartbeat { running } => {
                WorkerMessage::Heartbeat { running: running.iter().map(Into::into).collect() }
            }
            ArchivedWorkerMessageV1::Goodbye => WorkerMessage::Goodbye,
        })
    }
}

/// [`LeaderMessage`].
#[derive(Debug, Archive, Serialize)]
pub(crate) enum LeaderMessageV1<'a> {
    AssignTasks(Vec<AttemptRangeV1>),
    DescribeJob { job: u64, spec: Box<JobSpecV1<'a>> },
    CancelJob(u64),
    ForgetJob(u64),
    FinishedRecorded { sequence: u64 },
}

impl<'a> TryFrom<&'a LeaderMessage> for LeaderMessageV1<'a> {
    type Error = WireError;

    fn try_from(message: &'a LeaderMessage) -> Result<Self, WireError> {
        Ok(match message {
            LeaderMessage::AssignTasks(tasks) => LeaderMessageV1::AssignTasks(attempts(tasks)),
            LeaderMessage::DescribeJob { job, spec } => {
                LeaderMessageV1::DescribeJob { job: job.0, spec: Box::new((&**spec).try_into()?) }
            }
            LeaderMessage::CancelJob(job) => LeaderMessageV1::CancelJob(job.0),
            LeaderMessage::ForgetJob(job) => LeaderMessageV1::ForgetJob(job.0),
            LeaderMessage::FinishedRecorded { sequence } => LeaderMessageV1::FinishedRecorded { sequence: *sequence },
        })
    }
}

impl TryFrom<&ArchivedLeaderMessageV1<'_>> for LeaderMessage {
    type Error = WireError;

    fn try_from(form: &ArchivedLeaderMessageV1<'_>) -> Result<Self, WireError> {
        Ok(match form {
            ArchivedLeaderMessageV1::AssignTasks(tasks) => {
                LeaderMessage::AssignTasks(tasks.iter().map(Into::into).collect())
            }
            ArchivedLeaderMessageV1::DescribeJob { job, spec } => {
                LeaderMessage::DescribeJob { job: JobId(job.to_native()), spec: Box::new((&**spec).try_into()?) }
            }
            ArchivedLeaderMessageV1::CancelJob(job) => LeaderMessage::CancelJob(JobId(job.to_native())),
            ArchivedLeaderMessageV1::ForgetJob(job) => LeaderMessage::ForgetJob(JobId(job.to_native())),
            ArchivedLeaderMessageV1::FinishedRecorded { sequence } => {
                LeaderMessage::FinishedRecorded { sequence: sequence.to_native() }
            }
        })
    }
}

fn attempts(attempts: &[AttemptRange]) -> Vec<AttemptRangeV1> {
    attempts.iter().copied().map(Into::into).collect()
}
