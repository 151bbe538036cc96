//! The archived parts of commands that say which tasks go where, and which are taken back.

use nexus_model::{IndexRange, JobId, NodeId};
use nexus_wire::AttemptRange;
use nexus_wire::archived::{AttemptRangeV1, IndexRangeV1};
use rkyv::{Archive, Serialize};

use crate::command::{Assignment, ReleaseReason, Released};

#[derive(Debug, Archive, Serialize)]
pub(super) struct AssignmentV1 {
    job: u64,
    node: u64,
    range: IndexRangeV1,
}

#[derive(Debug, Archive, Serialize)]
pub(super) enum ReleasedV1 {
    All,
    Attempts(Vec<AttemptRangeV1>),
    AllBut(Vec<AttemptRangeV1>),
}

#[derive(Debug, Archive, Serialize)]
pub(super) enum ReleaseReasonV1 {
    WorkerLost,
    WorkerStopped,
    NotStarted,
}

impl From<&Assignment> for AssignmentV1 {
    fn from(assignment: &Assignment) -> Self {
        let Assignment { job, range, node } = *assignment;
        AssignmentV1 { job: job.0, node: node.0, range: range.into() }
    }
}

impl From<&ArchivedAssignmentV1> for Assignment {
    fn from(form: &ArchivedAssignmentV1) -> Self {
        let range: IndexRange = (&form.range).into();
        Assignment { job: JobId(form.job.to_native()), node: NodeId(form.node.to_native()), range }
    }
}

impl From<&Released> for ReleasedV1 {
    fn from(released: &Released) -> Self {
        let forms = |attempts: &[AttemptRange]| attempts.iter().copied().map(Into::into).collect();
        match released {
            Released::All => ReleasedV1::All,
            Released::Attempts(attempts) => ReleasedV1::Attempts(forms(attempts)),
            Released::AllBut(attempts) => ReleasedV1::AllBut(forms(attempts)),
        }
    }
}

impl From<&ArchivedReleasedV1> for Released {
    fn from(form: &ArchivedReleasedV1) -> Self {
        match form {
            ArchivedReleasedV1::All => Released::All,
            ArchivedReleasedV1::Attempts(attempts) => Released::Attempts(attempts.iter().map(Into::into).collect()),
            ArchivedReleasedV1::AllBut(attempts) => Released::AllBut(attempts.iter().map(Into::into).collect()),
        }
    }
}

impl From<ReleaseReason> for ReleaseReasonV1 {
    fn from(why: ReleaseReason) -> Self {
        match why {
            ReleaseReason::WorkerLost => ReleaseReasonV1::WorkerLost,
            ReleaseReason::WorkerStopped => ReleaseReasonV1::WorkerStopped,
            ReleaseReason::NotStarted => ReleaseReasonV1::NotStarted,
        }
    }
}

impl From<&ArchivedReleaseReasonV1> for ReleaseReason {
    fn from(form: &ArchivedReleaseReasonV1) -> Self {
        match form {
            ArchivedReleaseReasonV1::WorkerLost => ReleaseReason::WorkerLost,
            ArchivedReleaseReasonV1::WorkerStopped => ReleaseReason::WorkerStopped,
            ArchivedReleaseReasonV1::NotStarted => ReleaseReason::NotStarted,
        }
    }
}
