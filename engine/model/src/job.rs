//! Jobs and tasks: what is asked for, and the states that they pass through.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::conditions::Conditions;
use crate::execution::Execution;
use crate::limits::Limits;
use crate::node::DeviceChoice;
use crate::outcome::Payload;
use crate::placement::{LabelError, Selection};
use crate::reuse::Reuse;
use crate::value::Value;

/// The most tasks in one array.
pub const ARRAY_TASKS_MAX: u32 = 10_000_000;

/// Most bytes of a program's source, a command line or an environment: 1 MiB, so that a submission fits one frame.
const PROGRAM_BYTES_MAX: usize = 1 << 20;
/// Most arguments, inputs or environment entries of one job.
const ENTRIES_MAX: usize = 4096;
/// Most attempts of one task.
const ATTEMPTS_MAX: u32 = 1000;

/// A half-open range of task indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IndexRange {
    /// First index.
    pub start: u32,
    /// One past the last index.
    pub end: u32,
}

impl IndexRange {
    /// The range `start..end`.
    pub const fn new(start: u32, end: u32) -> Self {
        IndexRange { start, end }
    }

    /// Number of indices.
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether `index` is inside.
    pub const fn contains(self, index: u32) -> bool {
        self.start <= index && index < self.end
    }
}

impl fmt::Display for IndexRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// An M-CODE program.
    MCode {
        /// Name of the file, for messages.
        file: String,
        /// Its text.
        source: Arc<str>,
    },
    /// Any command: an isolated process with captured output.
    Command {
        /// Program and arguments; at least one.
        argv: Vec<String>,
        /// Extra environment.
        env: Vec<(String, String)>,
        /// Working directory on the node; a fresh scratch folder where absent.
        cwd: Option<String>,
    },
}

/// Where an argument's value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgumentSource {
    /// The same value for each task.
    Value(Value),
    /// Evenly spaced over the array: `from` for the first task, `to` for the last.
    Linear {
        /// First value.
        from: f64,
        /// Last value.
        to: f64,
    },
    /// Evenly spaced in the logarithm over the array; both positive.
    Logarithmic {
        /// First value.
        from: f64,
        /// Last value.
        to: f64,
    },
}

impl ArgumentSource {
    /// The value for the task at `position` of `count` (position from 0).
    pub fn value_at(&self, position: u32, count: u32) -> Value {
        let share = if count > 1 { f64::from(position) / f64::from(count - 1) } else { 0.0 };
        match self {
            ArgumentSource::Value(value) => value.clone(),
            ArgumentSource::Linear { from, to } => Value::Scalar(from + (to - from) * share),
            ArgumentSource::Logarithmic { from, to } => {
                Value::Scalar((from.ln() + (to.ln() - from.ln()) * share).exp())
            }
        }
    }
}

/// A named input: an encoded value that the program reads with `input(name)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Name in the program.
    pub name: String,
    /// The encoded value.
    pub payload: Payload,
}

/// What one task needs while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Task slots (one slot is one core).
    pub cpus: u32,
    /// Memory in bytes; 0 asks for none in particular.
    pub memory_bytes: u64,
    /// Thousandths of a graphics processor: up to 1000 a part of one, which others may share; above, whole ones. 0 asks
    /// for none.
    pub gpu_milli: u32,
}

/// A whole graphics processor, in thousandths.
pub const GPU_MILLI: u32 = 1000;

impl Default for Resources {
    fn default() -> Self {
        Resources { cpus: 1, memory_bytes: 0, gpu_milli: 0 }
    }
}

/// How often a task is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all, at least 1. Only failures that may end differently are tried again.
    pub max_attempts: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy { max_attempts: 3 }
    }
}

/// What was submitted. Checked by [`JobSpec::check`] before it is accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSpec {
    /// For people; the file's name or the command's.
    pub name: String,
    /// Who submitted it.
    pub user: String,
    /// What runs.
    pub program: Program,
    /// The task indices: `0..1` for a job that is no array.
    pub tasks: IndexRange,
    /// Whether it was submitted as an array (also of one task): results come as a list.
    pub is_array: bool,
    /// Arguments by name.
    pub arguments: Vec<(String, ArgumentSource)>,
    /// Named inputs.
    pub inputs: Vec<Input>,
    /// Device wish.
    pub device: DeviceChoice,
    /// Seed of the program's random numbers. Task `i` uses stream `i`.
    pub seed: u64,
    /// Limits of each attempt (M-CODE).
    pub limits: Limits,
    /// Needs of each task.
    pub resources: Resources,
    /// Attempts.
    pub retry: RetryPolicy,
    /// Wall-clock limit of one attempt; it ends as timed out.
    pub timeout: Option<Duration>,
    /// Larger runs first.
    pub priority: i32,
    /// What it asks of the nodes that it runs on.
    pub selection: Selection,
    /// What it waits for, and until when.
    pub conditions: Conditions,
    /// How a program is compiled and executed; where it is absent whoever runs it chooses.
    pub execution: Option<Execution>,
    /// Whether tasks may take results of earlier jobs.
    pub reuse: Reuse,
}

/// A submission that cannot be accepted. Nothing changed; a retry gives the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// No task index at all.
    #[error("the array {0} has no tasks")]
    EmptyArray(IndexRange),
    /// Too many tasks.
    #[error("the array {0} has {count} tasks; the most is {ARRAY_TASKS_MAX}", count = .0.len())]
    ArrayTooLarge(IndexRange),
    /// No program name.
    #[error("there is no command to run")]
    EmptyCommand,
    /// Something is larger than a submission may be.
    #[error("the {what} takes {found}; the most is {most}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Found size.
        found: usize,
        /// Largest size.
        most: usize,
    },
    /// A name given twice.
    #[error("the {what} `{name}` is given twice")]
    Duplicate {
        /// What.
        what: &'static str,
        /// Name.
        name: String,
    },
    /// A sweep whose ends make no sense.
    #[error("the sweep of `{0}` needs finite ends, and positive ones for a logarithmic sweep")]
    Sweep(String),
    /// Not between 1 and the most attempts.
    #[error("a task can have 1 to {ATTEMPTS_MAX} attempts, not {0}")]
    Attempts(u32),
    /// A task that asks for no slot.
    #[error("a task needs at least one cpu")]
    NoCpu,
    /// More than one graphics processor, but not a whole number of them.
    #[error("a task takes a part of one gpu, or whole ones: not {} of a gpu", f64::from(*.0) / f64::from(GPU_MILLI))]
    GpuParts(u32),
    /// What is asked of a label that no label can be.
    #[error(transparent)]
    Label(LabelError),
    /// It would have to end before it may begin.
    #[error("the deadline is before the time at which it may begin")]
    Deadline,
}

impl JobSpec {
    /// A single task that runs `program` with every default.
    pub fn single(name: impl Into<String>, program: Program) -> Self {
        JobSpec {
            name: name.into(),
            user: String::new(),
            program,
            tasks: IndexRange::new(0, 1),
            is_array: false,
            arguments: Vec::new(),
            inputs: Vec::new(),
            device: DeviceChoice::Auto,
            seed: 0,
            limits: Limits::local(),
            resources: Resources::default(),
            retry: RetryPolicy::default(),
            timeout: None,
            priority: 0,
            selection: Selection::default(),
            conditions: Conditions::default(),
            execution: None,
            reuse: Reuse::Never,
        }
    }

    /// Whether this can be accepted: every bound that later rooms rely on.
    pub fn check(&self) -> Result<(), SpecError> {
        if self.tasks.is_empty() {
            return Err(SpecError::EmptyArray(self.tasks));
        }
        if self.tasks.len() > ARRAY_TASKS_MAX {
            return Err(SpecError::ArrayTooLarge(self.tasks));
        }
        if !(1..=ATTEMPTS_MAX).contains(&self.retry.max_attempts) {
            return Err(SpecError::Attempts(self.retry.max_attempts));
        }
        if self.resources.cpus == 0 {
            return Err(SpecError::NoCpu);
        }
        let gpu_milli = self.resources.gpu_milli;
        if gpu_milli > GPU_MILLI && !gpu_milli.is_multiple_of(GPU_MILLI) {
            return Err(SpecError::GpuParts(gpu_milli));
        }
        self.selection.check()?;
        self.check_program()?;
        at_most("number of arguments", self.arguments.len(), ENTRIES_MAX)?;
        at_most("number of inputs", self.inputs.len(), ENTRIES_MAX)?;
        unique("argument", self.arguments.iter().map(|(name, _)| name))?;
        let taken = self.conditions.takes.iter().map(|taken| &taken.name);
        unique("input", self.inputs.iter().map(|input| &input.name).chain(taken))?;
        self.conditions.check()?;
        for (name, source) in &self.arguments {
            let fine = match source {
                ArgumentSource::Value(_) => true,
                ArgumentSource::Linear { from, to } => from.is_finite() && to.is_finite(),
                ArgumentSource::Logarithmic { from, to } => {
                    from.is_finite() && to.is_finite() && *from > 0.0 && *to > 0.0
                }
            };
            if !fine {
                return Err(SpecError::Sweep(name.clone()));
            }
        }
        Ok(())
    }

    fn check_program(&self) -> Result<(), SpecError> {
        match &self.program {
            Program::MCode { source, .. } => at_most("program", source.len(), PROGRAM_BYTES_MAX),
            Program::Command { argv, env, .. } => {
                if argv.first().is_none_or(String::is_empty) {
                    return Err(SpecError::EmptyCommand);
                }
                at_most("command line", argv.iter().map(String::len).sum(), PROGRAM_BYTES_MAX)?;
                at_most("environment", env.iter().map(|(k, v)| k.len() + v.len()).sum(), PROGRAM_BYTES_MAX)
            }
        }
    }
}

fn at_most(what: &'static str, found: usize, most: usize) -> Result<(), SpecError> {
    if found > most { Err(SpecError::TooLarge { what, found, most }) } else { Ok(()) }
}

fn unique<'a>(what: &'static str, names: impl Iterator<Item = &'a String>) -> Result<(), SpecError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(SpecError::Duplicate { what, name: name.clone() });
        }
    }
    Ok(())
}

/// The states of a task, for people and programs that look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Waits for others.
    Waiting,
    /// Could run now.
    Ready,
    /// Given to a node.
    Assigned,
    /// Runs there.
    Running,
    /// Its result is committed.
    Succeeded,
    /// Its last attempt failed.
    Failed,
    /// Stopped on request.
    Cancelled,
    /// Its last attempt ran too long.
    TimedOut,
}

impl TaskState {
    /// Every state, in the order of a task's life.
    pub const ALL: [TaskState; 8] = [
        TaskState::Waiting,
        TaskState::Ready,
        TaskState::Assigned,
        TaskState::Running,
        TaskState::Succeeded,
        TaskState::Failed,
        TaskState::Cancelled,
        TaskState::TimedOut,
    ];

    /// The name that users see.
    pub const fn name(self) -> &'static str {
        match self {
            TaskState::Waiting => "waiting",
            TaskState::Ready => "ready",
            TaskState::Assigned => "assigned",
            TaskState::Running => "running",
            TaskState::Succeeded => "succeeded",
            TaskState::Failed => "failed",
            TaskState::Cancelled => "cancelled",
            TaskState::TimedOut => "timed-out",
        }
    }

    /// Whether nothing will change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, TaskState::Succeeded | TaskState::Failed | TaskState::Cancelled | TaskState::TimedOut)
    }
}

/// The states of a job, derived from its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// No task has been given to a node yet.
    Queued,
    /// Some task has been, and not all have ended.
    Running,
    /// Every task succeeded.
    Succeeded,
    /// Every task has ended and at least one failed or timed out.
    Failed,
    /// Cancelled on request, and every task has ended.
    Cancelled,
}

impl JobState {
    /// The name that users see.
    pub const fn name(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Succeeded => "succeeded",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    /// Whether nothing will change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, JobState::Succeeded | JobState::Failed | JobState::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(argv: &[&str]) -> JobSpec {
        let argv = argv.iter().map(|s| s.to_string()).collect();
        JobSpec::single("c", Program::Command { argv, env: vec![], cwd: None })
    }

    #[test]
    fn sensible_jobs_are_accepted() {
        assert_eq!(command(&["true"]).check(), Ok(()));
    }

    #[test]
    fn senseless_jobs_are_refused_by_name() {
        assert_eq!(command(&[]).check(), Err(SpecError::EmptyCommand));
        let mut job = command(&["true"]);
        job.tasks = IndexRange::new(5, 5);
        assert_eq!(job.check().unwrap_err().to_string(), "the array 5..5 has no tasks");
        job.tasks = IndexRange::new(0, u32::MAX);
        assert!(matches!(job.check(), Err(SpecError::ArrayTooLarge(_))));
        let mut job = command(&["true"]);
        job.resources.gpu_milli = 1500;
        assert_eq!(
            job.check().unwrap_err().to_string(),
            "a task takes a part of one gpu, or whole ones: not 1.5 of a gpu"
        );
        job.resources.gpu_milli = 2000;
        assert_eq!(job.check(), Ok(()));
        job.arguments = vec![("lr".into(), ArgumentSource::Logarithmic { from: 0.0, to: 1.0 })];
        assert_eq!(job.check(), Err(SpecError::Sweep("lr".into())));
        job.arguments = vec![
            ("n".into(), ArgumentSource::Value(Value::Int(1))),
            ("n".into(), ArgumentSource::Value(Value::Int(2))),
        ];
        assert_eq!(job.check().unwrap_err().to_string(), "the argument `n` is given twice");
    }

    #[test]
    fn sweeps_begin_and_end_where_they_say() {
        let sweep = ArgumentSource::Logarithmic { from: 1e-4, to: 1e-1 };
        let at = |i| match sweep.value_at(i, 4) {
            Value::Scalar(x) => x,
            other => panic!("{other:?}"),
        };
        for (i, expected) in [(0, 1e-4), (1, 1e-3), (2, 1e-2), (3, 1e-1)] {
            assert!((at(i) / expected - 1.0).abs() < 1e-12);
        }
        assert_eq!(ArgumentSource::Linear { from: 2.0, to: 9.0 }.value_at(0, 1), Value::Scalar(2.0));
    }
}
