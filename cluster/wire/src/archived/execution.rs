//! How a program is executed, and a job's description with it: version 3 of what is submitted.
//!
//! A job that leaves it to whoever runs it is still written in version 1 or 2, so that it means the same to a node that
//! knows no other.

use nexus_model::{Execution, JitLevel, JobSpec};
use rkyv::{Archive, Serialize};

use super::conditions::JobSpecV2;
use super::{WireError, plain_enum};

plain_enum!(
    /// [`JitLevel`].
    JitLevelV1, ArchivedJitLevelV1, JitLevel { Plain = 0, Optimised = 1, Native = 2 }
);

/// [`Execution`].
#[derive(Debug, Clone, Copy, Archive, Serialize)]
pub struct ExecutionV1 {
    jit_level: JitLevelV1,
    tensor_fusion: bool,
    operator_fusion: bool,
    loop_unrolling: bool,
}

/// [`JobSpec`] with how it is executed.
#[derive(Debug, Archive, Serialize)]
pub struct JobSpecV3<'a> {
    spec: JobSpecV2<'a>,
    execution: Option<ExecutionV1>,
}

impl From<Execution> for ExecutionV1 {
    fn from(execution: Execution) -> Self {
        let Execution { jit_level, tensor_fusion, operator_fusion, loop_unrolling } = execution;
        ExecutionV1 { jit_level: jit_level.into(), tensor_fusion, operator_fusion, loop_unrolling }
    }
}

impl From<&ArchivedExecutionV1> for Execution {
    fn from(form: &ArchivedExecutionV1) -> Self {
        Execution {
            jit_level: (&form.jit_level).into(),
            tensor_fusion: form.tensor_fusion,
            operator_fusion: form.operator_fusion,
            loop_unrolling: form.loop_unrolling,
        }
    }
}

impl<'a> TryFrom<&'a JobSpec> for JobSpecV3<'a> {
    type Error = WireError;

    fn try_from(spec: &'a JobSpec) -> Result<Self, WireError> {
        Ok(JobSpecV3 { spec: spec.try_into()?, execution: spec.execution.map(Into::into) })
    }
}

impl TryFrom<&ArchivedJobSpecV3<'_>> for JobSpec {
    type Error = WireError;

    fn try_from(form: &ArchivedJobSpecV3<'_>) -> Result<Self, WireError> {
        let mut spec = JobSpec::try_from(&form.spec)?;
        spec.execution = form.execution.as_ref().map(Into::into);
        Ok(spec)
    }
}
