//! When a job may run, and a job's description with it: version 2 of what is submitted.
//!
//! A job without conditions is still written in version 1, so that it means the same to a node that knows no other.

use nexus_model::{Conditions, JobId, JobSpec, Taken};
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};

use super::bounds::{Bounded, duration, name};
use super::job::JobSpecV1;
use super::{DurationV1, WireError};

/// [`Taken`].
#[derive(Debug, Archive, Serialize)]
pub struct TakenV1<'a> {
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    job: u64,
    #[rkyv(with = Map<InlineAsBox>)]
    output: Option<&'a str>,
}

/// [`Conditions`].
#[derive(Debug, Archive, Serialize)]
pub struct ConditionsV1<'a> {
    after: Vec<u64>,
    takes: Vec<TakenV1<'a>>,
    not_before_ms: Option<u64>,
    deadline_ms: Option<u64>,
    backoff: DurationV1,
    retry_failures: bool,
}

/// [`JobSpec`] with its conditions.
#[derive(Debug, Archive, Serialize)]
pub struct JobSpecV2<'a> {
    spec: JobSpecV1<'a>,
    conditions: ConditionsV1<'a>,
}

impl<'a> From<&'a Conditions> for ConditionsV1<'a> {
    fn from(conditions: &'a Conditions) -> Self {
        let taken = |taken: &'a Taken| TakenV1 { name: &taken.name, job: taken.job.0, output: taken.output.as_deref() };
        ConditionsV1 {
            after: conditions.after.iter().map(|job| job.0).collect(),
            takes: conditions.takes.iter().map(taken).collect(),
            not_before_ms: conditions.not_before_ms,
            deadline_ms: conditions.deadline_ms,
            backoff: conditions.backoff.into(),
            retry_failures: conditions.retry_failures,
        }
    }
}

impl TryFrom<&ArchivedConditionsV1<'_>> for Conditions {
    type Error = WireError;

    fn try_from(form: &ArchivedConditionsV1<'_>) -> Result<Self, WireError> {
        let taken = |taken: &ArchivedTakenV1<'_>| Taken {
            name: taken.name.to_string(),
            job: JobId(taken.job.to_native()),
            output: taken.output.as_ref().map(|output| output.to_string()),
        };
        Ok(Conditions {
            after: form.after.iter().map(|job| JobId(job.to_native())).collect(),
            takes: form.takes.iter().map(taken).collect(),
            not_before_ms: form.not_before_ms.as_ref().map(|ms| ms.to_native()),
            deadline_ms: form.deadline_ms.as_ref().map(|ms| ms.to_native()),
            backoff: (&form.backoff).try_into()?,
            retry_failures: form.retry_failures,
        })
    }
}

impl<'a> TryFrom<&'a JobSpec> for JobSpecV2<'a> {
    type Error = WireError;

    fn try_from(spec: &'a JobSpec) -> Result<Self, WireError> {
        Ok(JobSpecV2 { spec: spec.try_into()?, conditions: (&spec.conditions).into() })
    }
}

impl TryFrom<&ArchivedJobSpecV2<'_>> for JobSpec {
    type Error = WireError;

    fn try_from(form: &ArchivedJobSpecV2<'_>) -> Result<Self, WireError> {
        let mut spec = JobSpec::try_from(&form.spec)?;
        spec.conditions = (&form.conditions).try_into()?;
        Ok(spec)
    }
}

impl Bounded for Conditions {
    fn check_bounds(&self) -> Result<(), WireError> {
        for taken in &self.takes {
            name("input's name", &taken.name)?;
            name("output's name", taken.output.as_deref().unwrap_or_default())?;
        }
        duration("pause between attempts", Some(self.backoff))
    }
}
