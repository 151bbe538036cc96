//! What is submitted.

use nexus_model::{
    ArgumentSource, Conditions, DeviceChoice, IndexRange, Input, JobSpec, JobState, Limits, Program, Resources,
    RetryPolicy, Reuse, Selection, TaskState, decode_value, encode_value,
};
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};

use super::bounds::bytes;
use super::outcome::{ArchivedNamedPayloadV1, NamedPayloadV1};
use super::{ArchivedDurationV1, DurationV1, WireError, plain_enum, read_all};

/// Most bytes of all values among a job's arguments, encoded: larger ones are inputs. A value in memory takes up to 40
/// times its bytes.
pub const ARGUMENTS_BYTES_MAX: usize = 1 << 20;

plain_enum!(
    /// [`DeviceChoice`].
    pub DeviceChoiceV1, ArchivedDeviceChoiceV1, DeviceChoice { Auto = 0, Cpu = 1, Gpu = 2 }
);
plain_enum!(
    /// [`TaskState`].
    pub(crate) TaskStateV1, ArchivedTaskStateV1, TaskState {
        Waiting = 0, Ready = 1, Assigned = 2, Running = 3, Succeeded = 4, Failed = 5, Cancelled = 6, TimedOut = 7,
    }
);
plain_enum!(
    /// [`JobState`].
    pub(crate) JobStateV1, ArchivedJobStateV1, JobState {
        Queued = 0, Running = 1, Succeeded = 2, Failed = 3, Cancelled = 4,
    }
);

/// [`IndexRange`].
#[derive(Debug, Clone, Copy, Archive, Serialize)]
pub struct IndexRangeV1 {
    start: u32,
    end: u32,
}

impl From<IndexRange> for IndexRangeV1 {
    fn from(range: IndexRange) -> Self {
        IndexRangeV1 { start: range.start, end: range.end }
    }
}

impl From<&ArchivedIndexRangeV1> for IndexRange {
    fn from(form: &ArchivedIndexRangeV1) -> Self {
        IndexRange::new(form.start.to_native(), form.end.to_native())
    }
}

/// A pair of texts.
#[derive(Debug, Archive, Serialize)]
pub struct TextPairV1<'a> {
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    #[rkyv(with = InlineAsBox)]
    value: &'a str,
}

/// [`Program`].
#[derive(Debug, Archive, Serialize)]
#[repr(u8)]
pub enum ProgramV1<'a> {
    /// An M-CODE program.
    MCode {
        /// Its name.
        #[rkyv(with = InlineAsBox)]
        file: &'a str,
        /// Its text.
        #[rkyv(with = InlineAsBox)]
        source: &'a str,
    } = 0,
    /// A command.
    Command {
        /// Its words.
        #[rkyv(with = Map<InlineAsBox>)]
        argv: Vec<&'a str>,
        /// Its environment.
        env: Vec<TextPairV1<'a>>,
        /// Its folder.
        #[rkyv(with = Map<InlineAsBox>)]
        cwd: Option<&'a str>,
    } = 1,
}

impl<'a> From<&'a Program> for ProgramV1<'a> {
    fn from(program: &'a Program) -> Self {
        match program {
            Program::MCode { file, source } => ProgramV1::MCode { file, source },
            Program::Command { argv, env, cwd } => ProgramV1::Command {
                argv: argv.iter().map(String::as_str).collect(),
                env: env.iter().map(|(name, value)| TextPairV1 { name, value }).collect(),
                cwd: cwd.as_deref(),
            },
        }
    }
}

impl From<&ArchivedProgramV1<'_>> for Program {
    fn from(form: &ArchivedProgramV1<'_>) -> Self {
        match form {
            ArchivedProgramV1::MCode { file, source } => {
                Program::MCode { file: file.to_string(), source: source[..].into() }
            }
            ArchivedProgramV1::Command { argv, env, cwd } => Program::Command {
                argv: argv.iter().map(|word| word.to_string()).collect(),
                env: env.iter().map(|pair| (pair.name.to_string(), pair.value.to_string())).collect(),
                cwd: cwd.as_ref().map(|cwd| cwd.to_string()),
            },
        }
    }
}

/// [`ArgumentSource`]; values in the byte form of `nexus-model`.
#[derive(Debug, Archive, Serialize)]
#[repr(u8)]
pub enum ArgumentSourceV1 {
    /// The same for each task.
    Value(Vec<u8>) = 0,
    /// Evenly spaced.
    Linear {
        /// First.
        from: f64,
        /// Last.
        to: f64,
    } = 1,
    /// Evenly spaced in the logarithm.
    Logarithmic {
        /// First.
        from: f64,
        /// Last.
        to: f64,
    } = 2,
}

/// An argument with its name.
#[derive(Debug, Archive, Serialize)]
pub struct ArgumentV1<'a> {
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    source: ArgumentSourceV1,
}

impl<'a> TryFrom<&'a (String, ArgumentSource)> for ArgumentV1<'a> {
    type Error = WireError;

    fn try_from((name, source): &'a (String, ArgumentSource)) -> Result<Self, WireError> {
        let source = match source {
            ArgumentSource::Value(value) => ArgumentSourceV1::Value(encode_value(value)?),
            ArgumentSource::Linear { from, to } => ArgumentSourceV1::Linear { from: *from, to: *to },
            ArgumentSource::Logarithmic { from, to } => ArgumentSourceV1::Logarithmic { from: *from, to: *to },
        };
        Ok(ArgumentV1 { name, source })
    }
}

impl TryFrom<&ArchivedArgumentV1<'_>> for (String, ArgumentSource) {
    type Error = WireError;

    fn try_from(form: &ArchivedArgumentV1<'_>) -> Result<Self, WireError> {
        let source = match &form.source {
            ArchivedArgumentSourceV1::Value(bytes) => ArgumentSource::Value(decode_value(bytes)?),
            ArchivedArgumentSourceV1::Linear { from, to } => {
                ArgumentSource::Linear { from: from.to_native(), to: to.to_native() }
            }
            ArchivedArgumentSourceV1::Logarithmic { from, to } => {
                ArgumentSource::Logarithmic { from: from.to_native(), to: to.to_native() }
            }
        };
        Ok((form.name.to_string(), source))
    }
}

/// [`Limits`].
#[derive(Debug, Archive, Serialize)]
pub struct LimitsV1 {
    wall: Option<DurationV1>,
    memory_bytes: Option<u64>,
    loop_iterations: Option<u64>,
    recursion_depth: u32,
    tensor_elements: Option<u64>,
    output_bytes: Option<u64>,
}

impl From<&Limits> for LimitsV1 {
    fn from(limits: &Limits) -> Self {
        LimitsV1 {
            wall: limits.wall.map(Into::into),
            memory_bytes: limits.memory_bytes,
            loop_iterations: limits.loop_iterations,
            recursion_depth: limits.recursion_depth,
            tensor_elements: limits.tensor_elements,
            output_bytes: limits.output_bytes,
        }
    }
}

impl TryFrom<&ArchivedLimitsV1> for Limits {
    type Error = WireError;

    fn try_from(form: &ArchivedLimitsV1) -> Result<Self, WireError> {
        Ok(Limits {
            wall: form.wall.as_ref().map(TryInto::try_into).transpose()?,
            memory_bytes: form.memory_bytes.as_ref().map(|n| n.to_native()),
            loop_iterations: form.loop_iterations.as_ref().map(|n| n.to_native()),
            recursion_depth: form.recursion_depth.to_native(),
            tensor_elements: form.tensor_elements.as_ref().map(|n| n.to_native()),
            output_bytes: form.output_bytes.as_ref().map(|n| n.to_native()),
        })
    }
}

/// [`JobSpec`].
#[derive(Debug, Archive, Serialize)]
pub struct JobSpecV1<'a> {
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    #[rkyv(with = InlineAsBox)]
    user: &'a str,
    program: ProgramV1<'a>,
    tasks: IndexRangeV1,
    is_array: bool,
    arguments: Vec<ArgumentV1<'a>>,
    inputs: Vec<NamedPayloadV1<'a>>,
    device: DeviceChoiceV1,
    seed: u64,
    limits: LimitsV1,
    cpus: u32,
    memory_bytes: u64,
    max_attempts: u32,
    timeout: Option<DurationV1>,
    priority: i32,
}

impl<'a> TryFrom<&'a JobSpec> for JobSpecV1<'a> {
    type Error = WireError;

    fn try_from(spec: &'a JobSpec) -> Result<Self, WireError> {
        let inputs = spec.inputs.iter();
        let arguments: Vec<ArgumentV1<'_>> = spec.arguments.iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        check_arguments(arguments.iter().map(|argument| match &argument.source {
            ArgumentSourceV1::Value(bytes) => bytes.len(),
            ArgumentSourceV1::Linear { .. } | ArgumentSourceV1::Logarithmic { .. } => 0,
        }))?;
        Ok(JobSpecV1 {
            name: &spec.name,
            user: &spec.user,
            program: (&spec.program).into(),
            tasks: spec.tasks.into(),
            is_array: spec.is_array,
            arguments,
            inputs: inputs
                .map(|input| NamedPayloadV1 { name: &input.name, payload: (&input.payload).into() })
                .collect(),
            device: spec.device.into(),
            seed: spec.seed,
            limits: (&spec.limits).into(),
            cpus: spec.resources.cpus,
            memory_bytes: spec.resources.memory_bytes,
            max_attempts: spec.retry.max_attempts,
            timeout: spec.timeout.map(Into::into),
            priority: spec.priority,
        })
    }
}

impl TryFrom<&ArchivedJobSpecV1<'_>> for JobSpec {
    type Error = WireError;

    fn try_from(form: &ArchivedJobSpecV1<'_>) -> Result<Self, WireError> {
        check_arguments(form.arguments.iter().map(|argument| match &argument.source {
            ArchivedArgumentSourceV1::Value(bytes) => bytes.len(),
            ArchivedArgumentSourceV1::Linear { .. } | ArchivedArgumentSourceV1::Logarithmic { .. } => 0,
        }))?;
        Ok(JobSpec {
            name: form.name.to_string(),
            user: form.user.to_string(),
            program: (&form.program).into(),
            tasks: (&form.tasks).into(),
            is_array: form.is_array,
            arguments: read_all(&form.arguments)?,
            inputs: read_all(&form.inputs)?,
            device: (&form.device).into(),
            seed: form.seed.to_native(),
            limits: (&form.limits).try_into()?,
            resources: Resources {
                cpus: form.cpus.to_native(),
                memory_bytes: form.memory_bytes.to_native(),
                gpu_milli: 0,
            },
            retry: RetryPolicy { max_attempts: form.max_attempts.to_native() },
            timeout: form.timeout.as_ref().map(|timeout: &ArchivedDurationV1| timeout.try_into()).transpose()?,
            priority: form.priority.to_native(),
            selection: Selection::default(),
            conditions: Conditions::default(),
            execution: None,
            reuse: Reuse::Never,
        })
    }
}

impl TryFrom<&ArchivedNamedPayloadV1<'_>> for Input {
    type Error = WireError;

    fn try_from(form: &ArchivedNamedPayloadV1<'_>) -> Result<Self, WireError> {
        let (name, payload) = form.try_into()?;
        Ok(Input { name, payload })
    }
}

/// Values are decoded only where all of them together are within their bound.
fn check_arguments(sizes: impl Iterator<Item = usize>) -> Result<(), WireError> {
    bytes("job's arguments", sizes.sum(), ARGUMENTS_BYTES_MAX)
}
