//! What the leader says to a worker.

use nexus_model::JobId;
use rkyv::primitive::ArchivedU64;
use rkyv::vec::ArchivedVec;
use rkyv::{Archive, Serialize};

use super::WireError;
use super::attempt::{ArchivedAttemptRangeV1, attempts};
use super::body::{Body, Kind};
use super::bounds::Bounded;
use super::conditions::JobSpecV2;
use super::execution::JobSpecV3;
use super::job::JobSpecV1;
use super::placement::{JobSpecV4, NeedsV1};
use crate::message::{AttemptRange, LeaderMessage};

const WHAT: &str = "leader message";

/// The numbers of the kinds: never reused.
mod kind {
    pub(super) const ASSIGN_TASKS: u8 = 1;
    pub(super) const DESCRIBE_JOB: u8 = 2;
    pub(super) const CANCEL_JOB: u8 = 3;
    pub(super) const FORGET_JOB: u8 = 4;
    pub(super) const FINISHED_RECORDED: u8 = 5;
    pub(super) const DESCRIBE_JOB_2: u8 = 6;
    pub(super) const DESCRIBE_JOB_3: u8 = 7;
    pub(super) const DESCRIBE_JOB_4: u8 = 8;
    pub(super) const ASSIGN_SUSPECTS: u8 = 9;
    pub(super) const BEGIN_TASKS: u8 = 10;
    pub(super) const DROP_TASKS: u8 = 11;
}

#[derive(Archive, Serialize)]
struct DescribeJobV1<'a> {
    job: u64,
    spec: JobSpecV1<'a>,
}

#[derive(Archive, Serialize)]
struct DescribeJobV2<'a> {
    job: u64,
    spec: JobSpecV2<'a>,
}

#[derive(Archive, Serialize)]
struct DescribeJobV3<'a> {
    job: u64,
    spec: JobSpecV3<'a>,
}

#[derive(Archive, Serialize)]
struct DescribeJobV4<'a> {
    job: u64,
    spec: JobSpecV4<'a>,
}

/// The body of a leader message's frame. Fails where it is beyond its bounds or would not fit a frame, or a job's
/// argument is nested too deep.
pub fn encode_leader_message(message: &LeaderMessage) -> Result<Vec<u8>, WireError> {
    message.check_bounds()?;
    let kind = |number| Kind { what: WHAT, number };
    match message {
        LeaderMessage::AssignTasks(tasks) => kind(kind::ASSIGN_TASKS).write(&attempts(tasks)),
        LeaderMessage::AssignSuspects(tasks) => kind(kind::ASSIGN_SUSPECTS).write(&attempts(tasks)),
        LeaderMessage::BeginTasks(tasks) => kind(kind::BEGIN_TASKS).write(&attempts(tasks)),
        LeaderMessage::DropTasks(tasks) => kind(kind::DROP_TASKS).write(&attempts(tasks)),
        LeaderMessage::DescribeJob { job, spec } if NeedsV1::of(spec).is_some() => {
            kind(kind::DESCRIBE_JOB_4).write(&DescribeJobV4 { job: job.0, spec: (&**spec).try_into()? })
        }
        LeaderMessage::DescribeJob { job, spec } if spec.execution.is_some() => {
            kind(kind::DESCRIBE_JOB_3).write(&DescribeJobV3 { job: job.0, spec: (&**spec).try_into()? })
        }
        LeaderMessage::DescribeJob { job, spec } if !spec.conditions.is_none() => {
            kind(kind::DESCRIBE_JOB_2).write(&DescribeJobV2 { job: job.0, spec: (&**spec).try_into()? })
        }
        LeaderMessage::DescribeJob { job, spec } => {
            kind(kind::DESCRIBE_JOB).write(&DescribeJobV1 { job: job.0, spec: (&**spec).try_into()? })
        }
        LeaderMessage::CancelJob(job) => kind(kind::CANCEL_JOB).write(&job.0),
        LeaderMessage::ForgetJob(job) => kind(kind::FORGET_JOB).write(&job.0),
        LeaderMessage::FinishedRecorded { sequence } => kind(kind::FINISHED_RECORDED).write(sequence),
    }
}

/// Reads what [`encode_leader_message`] made.
pub fn decode_leader_message(bytes: &[u8]) -> Result<LeaderMessage, WireError> {
    let body = Body::open(WHAT, bytes)?;
    let number = || body.form::<ArchivedU64>().map(|number| number.to_native());
    let message = match body.kind {
        kind::ASSIGN_TASKS => LeaderMessage::AssignTasks(attempts_of(&body)?),
        kind::ASSIGN_SUSPECTS => LeaderMessage::AssignSuspects(attempts_of(&body)?),
        kind::BEGIN_TASKS => LeaderMessage::BeginTasks(attempts_of(&body)?),
        kind::DROP_TASKS => LeaderMessage::DropTasks(attempts_of(&body)?),
        kind::DESCRIBE_JOB => {
            let form: &ArchivedDescribeJobV1<'_> = body.form()?;
            LeaderMessage::DescribeJob { job: JobId(form.job.to_native()), spec: Box::new((&form.spec).try_into()?) }
        }
        kind::DESCRIBE_JOB_2 => {
            let form: &ArchivedDescribeJobV2<'_> = body.form()?;
            LeaderMessage::DescribeJob { job: JobId(form.job.to_native()), spec: Box::new((&form.spec).try_into()?) }
        }
        kind::DESCRIBE_JOB_3 => {
            let form: &ArchivedDescribeJobV3<'_> = body.form()?;
            LeaderMessage::DescribeJob { job: JobId(form.job.to_native()), spec: Box::new((&form.spec).try_into()?) }
        }
        kind::DESCRIBE_JOB_4 => {
            let form: &ArchivedDescribeJobV4<'_> = body.form()?;
            LeaderMessage::DescribeJob { job: JobId(form.job.to_native()), spec: Box::new((&form.spec).try_into()?) }
        }
        kind::CANCEL_JOB => LeaderMessage::CancelJob(JobId(number()?)),
        kind::FORGET_JOB => LeaderMessage::ForgetJob(JobId(number()?)),
        kind::FINISHED_RECORDED => LeaderMessage::FinishedRecorded { sequence: number()? },
        _ => return Err(body.unknown()),
    };
    message.check_bounds()?;
    Ok(message)
}

fn attempts_of(body: &Body<'_>) -> Result<Vec<AttemptRange>, WireError> {
    let form: &ArchivedVec<ArchivedAttemptRangeV1> = body.form()?;
    Ok(form.iter().map(Into::into).collect())
}

impl Bounded for LeaderMessage {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            LeaderMessage::AssignTasks(tasks)
            | LeaderMessage::AssignSuspects(tasks)
            | LeaderMessage::BeginTasks(tasks)
            | LeaderMessage::DropTasks(tasks) => tasks.check_bounds(),
            LeaderMessage::DescribeJob { job: _, spec } => spec.check_bounds(),
            LeaderMessage::CancelJob(_) | LeaderMessage::ForgetJob(_) | LeaderMessage::FinishedRecorded { .. } => {
                Ok(())
            }
        }
    }
}
