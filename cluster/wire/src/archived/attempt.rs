//! Attempts: which tasks, and how they ended.

use nexus_model::{AttemptToken, JobId};
use rkyv::{Archive, Serialize};

use super::WireError;
use super::bounds::{Bounded, bytes};
use super::job::IndexRangeV1;
use super::outcome::{CostV1, OutcomeV1};
use super::size::finished_bytes;
use crate::limits::FINISHED_BYTES_MAX;
use crate::message::{AttemptRange, FinishedTasks};

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
        AttemptRange {
            job: JobId(form.job.to_native()),
            token: AttemptToken(form.token.to_native()),
            range: (&form.range).into(),
        }
    }
}

impl Bounded for AttemptRange {
    fn check_bounds(&self) -> Result<(), WireError> {
        self.range.check_bounds()
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

impl Bounded for FinishedTasks {
    fn check_bounds(&self) -> Result<(), WireError> {
        self.attempt.check_bounds()?;
        self.outcome.check_bounds()?;
        self.cost.check_bounds()?;
        bytes("end of a task", finished_bytes(self), FINISHED_BYTES_MAX)
    }
}

/// The forms of several.
pub(super) fn attempts(attempts: &[AttemptRange]) -> Vec<AttemptRangeV1> {
    attempts.iter().copied().map(Into::into).collect()
}
