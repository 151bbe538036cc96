//! The stable JSON documents of `--json`: one for each command, fields in a fixed order, times in ms, sizes in bytes.
//!
//! A field is never removed or given another meaning; what is not known is null.

mod nodes;

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_formats::json::JsonValue;
use nexus_model::{Diagnostic, Failure, NodeId, Reused, TaskState, Value};
use nexus_wire::{JobView, NodeView, TaskView};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

pub use nodes::{LabelsDocument, NodeDocument, NodesDocument, StatusDocument};

/// Of what a command printed, a result's document has so much of each stream; `nexus job logs` has the rest.
pub const PRINTED_BYTES_MAX: usize = 64 << 10;

/// A document on one line, with its newline.
pub fn document(content: &impl Serialize) -> String {
    // The documents below have string keys and no fallible parts, so nothing can go wrong.
    let mut text = serde_json::to_string(content).expect("documents have string keys only");
    text.push('\n');
    text
}

/// Milliseconds, to the microsecond.
pub fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// Named values as an object, in their order.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a>(pub &'a [(String, Value)]);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, JsonValue(value))))
    }
}

/// `nexus run FILE --json`.
#[derive(Debug, Serialize)]
pub struct RunDocument<'a> {
    /// What the program returned.
    pub result: JsonValue<'a>,
    /// What it gave out under names.
    pub outputs: Named<'a>,
    /// The device that did the work.
    pub device: &'a str,
    /// Wall time of the run.
    pub time_ms: f64,
}

/// `nexus run FILE --array A..B --json`.
#[derive(Debug, Serialize)]
pub struct RunArrayDocument<'a> {
    /// State of the whole.
    pub state: &'static str,
    /// In order of index.
    pub tasks: Vec<TaskDocument<'a>>,
    /// The device that did the work.
    pub device: &'a str,
    /// Wall time of the whole.
    pub time_ms: f64,
}

/// Any command that failed: `{"error": …}`.
#[derive(Debug, Serialize)]
pub struct ErrorDocument {
    /// The first error.
    pub error: ErrorFacts,
    /// Further errors of the same program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<ErrorFacts>,
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorFacts {
    /// Stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The source file, for errors in a program.
    pub file: Option<String>,
    /// Line from 1.
    pub line: Option<u32>,
    /// Column from 1, in characters.
    pub column: Option<u32>,
    /// What to do.
    pub help: Option<String>,
}

impl ErrorFacts {
    /// An error without a place.
    pub fn new(code: &str, message: &str, help: Option<&str>) -> Self {
        ErrorFacts {
            code: code.to_owned(),
            message: message.to_owned(),
            file: None,
            line: None,
            column: None,
            help: help.map(str::to_owned),
        }
    }

    /// The facts of a diagnostic.
    pub fn of(diagnostic: &Diagnostic) -> Self {
        let span = diagnostic.primary.as_ref().map(|label| label.span);
        ErrorFacts {
            file: (!diagnostic.file.is_empty()).then(|| diagnostic.file.clone()),
            line: span.map(|span| span.line),
            column: span.map(|span| span.column),
            ..ErrorFacts::new(&diagnostic.code, &diagnostic.message, diagnostic.help.as_deref())
        }
    }

    /// The facts of a task's failure.
    pub fn of_failure(failure: &Failure) -> Self {
        match &failure.diagnostic {
            Some(diagnostic) => ErrorFacts {
                code: failure.code.clone(),
                message: failure.message.clone(),
                ..ErrorFacts::of(diagnostic)
            },
            None => ErrorFacts::new(&failure.code, &failure.message, None),
        }
    }
}

/// Node names by id, as far as they are known.
#[derive(Debug, Clone, Default)]
pub struct NodeNames(Vec<(NodeId, String)>);

impl NodeNames {
    /// The names of these nodes.
    pub fn of(nodes: &[NodeView]) -> Self {
        NodeNames(nodes.iter().map(|node| (node.node, node.name.clone())).collect())
    }

    /// Whether no name is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The node's name, or its id where it has none or the name is not known.
    pub fn name(&self, node: NodeId) -> String {
        let named = self.0.iter().find(|(id, name)| *id == node && !name.is_empty());
        named.map_or_else(|| node.to_string(), |(_, name)| name.clone())
    }
}

/// `nexus jobs --json`.
#[derive(Debug, Serialize)]
pub struct JobsDocument {
    /// Newest first.
    pub jobs: Vec<JobDocument>,
}

/// A job: a row of `nexus jobs`, and all of `nexus job show`.
#[derive(Debug, Serialize)]
pub struct JobDocument {
    /// Id.
    pub job: u64,
    /// Name.
    pub name: String,
    /// Submitter.
    pub user: String,
    /// State.
    pub state: &'static str,
    /// Tasks that have ended.
    pub done: u32,
    /// Tasks in all.
    pub tasks: u32,
    /// Tasks that failed or timed out.
    pub failed: u32,
    /// Those of them that ran out of time.
    pub timed_out: u32,
    /// Tasks running now.
    pub running: u32,
    /// Since its submission.
    pub age_ms: u64,
    /// From its first start to its end or now; null before it starts.
    pub time_ms: Option<u64>,
    /// Ms since 1970.
    pub submitted_at_ms: u64,
    /// Ms since 1970.
    pub started_at_ms: Option<u64>,
    /// Ms since 1970.
    pub finished_at_ms: Option<u64>,
    /// Tasks by state; every state is there.
    pub counts: Counts,
    /// Succeeded tasks by node.
    pub ran_on: Vec<RanOn>,
    /// Tasks that took results of earlier jobs instead of running.
    pub reused: u32,
    /// The first failure.
    pub first_failure: Option<FailureDocument>,
}

/// Tasks by state, as an object.
#[derive(Debug)]
pub struct Counts([u32; 8]);

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (state, count) in TaskState::ALL.iter().zip(&self.0) {
            map.serialize_entry(state.name(), count)?;
        }
        map.end()
    }
}

/// How much a node did.
#[derive(Debug, Serialize)]
pub struct RanOn {
    /// Its name.
    pub node: String,
    /// Tasks that succeeded there.
    pub tasks: u32,
}

/// A failure with its task.
#[derive(Debug, Serialize)]
pub struct FailureDocument {
    /// Index of the task.
    pub task: u32,
    /// What went wrong.
    #[serde(flatten)]
    pub error: ErrorFacts,
}

impl JobDocument {
    /// The document of a job at `now_ms`.
    pub fn of(job: &JobView, names: &NodeNames, now_ms: u64) -> Self {
        JobDocument {
            job: job.job.0,
            name: job.name.clone(),
            user: job.user.clone(),
            state: job.state.name(),
            done: job.ended(),
            tasks: job.tasks.len(),
            failed: job.count(TaskState::Failed) + job.count(TaskState::TimedOut),
            timed_out: job.count(TaskState::TimedOut),
            running: job.count(TaskState::Running),
            age_ms: now_ms.saturating_sub(job.submitted_at_ms),
            time_ms: job.started_at_ms.map(|start| job.finished_at_ms.unwrap_or(now_ms).saturating_sub(start)),
            submitted_at_ms: job.submitted_at_ms,
            started_at_ms: job.started_at_ms,
            finished_at_ms: job.finished_at_ms,
            counts: Counts(job.counts),
            ran_on: job.ran_on().map(|(node, tasks)| RanOn { node: names.name(node), tasks }).collect(),
            reused: job.reused(),
            first_failure: job
                .first_failure
                .as_ref()
                .map(|(task, failure)| FailureDocument { task: task.index, error: ErrorFacts::of_failure(failure) }),
        }
    }
}

/// A task with its result.
#[derive(Debug, Serialize)]
pub struct TaskDocument<'a> {
    /// Index in the array.
    pub index: u32,
    /// State.
    pub state: &'static str,
    /// The node of its last attempt.
    pub node: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// What it returned; null unless it succeeded.
    pub result: Option<JsonValue<'a>>,
    /// What it gave out under names.
    pub outputs: Named<'a>,
    /// Why it failed; null unless it did.
    pub error: Option<ErrorFacts>,
    /// Exit status of a command.
    pub exit_code: Option<i32>,
    /// What a command printed, as text; the first 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// What it printed to its second stream; the first 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Whether one of the two is longer: `nexus job logs` has all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printed_truncated: Option<bool>,
    /// Wall time of its last attempt.
    pub time_ms: Option<f64>,
    /// Where its result is from, if it was taken from an earlier job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused: Option<ReusedDocument>,
}

/// Where a result is from that was taken from an earlier job, whose task of the same index made it.
#[derive(Debug, Serialize)]
pub struct ReusedDocument {
    /// The job.
    pub job: u64,
    /// By when it was committed, ms since 1970.
    pub committed_at_ms: u64,
}

impl<'a> TaskDocument<'a> {
    /// The document of a task whose payloads have been read.
    pub fn of(
        task: &TaskView,
        names: &NodeNames,
        result: Option<&'a Value>,
        outputs: &'a [(String, Value)],
        error: Option<ErrorFacts>,
    ) -> Self {
        TaskDocument {
            index: task.index,
            state: task.state.name(),
            node: task.node.map(|node| names.name(node)),
            attempts: task.attempts,
            result: result.map(JsonValue),
            outputs: Named(outputs),
            error,
            exit_code: task.cost.as_ref().and_then(|cost| cost.exit_code),
            stdout: None,
            stderr: None,
            printed_truncated: None,
            time_ms: task.cost.as_ref().map(|cost| ms(cost.wall)),
            reused: task.reused.map(|Reused { job, committed_at_ms }| ReusedDocument { job: job.0, committed_at_ms }),
        }
    }

    /// The same with what the task's command printed.
    #[must_use]
    pub fn with_prints(self, stdout: &[u8], stderr: &[u8]) -> Self {
        let first = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(PRINTED_BYTES_MAX)]).into_owned();
            Some(text)
        };
        let printed_truncated = Some(stdout.len().max(stderr.len()) > PRINTED_BYTES_MAX);
        TaskDocument { stdout: first(stdout), stderr: first(stderr), printed_truncated, ..self }
    }
}

/// A job that is no array, with its result: `submit --wait`, `job wait`, `job result`.
#[derive(Debug, Serialize)]
pub struct ResultDocument<'a> {
    /// Id.
    pub job: u64,
    /// State.
    pub state: &'static str,
    /// The node that ran it.
    pub node: Option<String>,
    /// Attempts.
    pub attempts: u32,
    /// What it returned; null unless it succeeded.
    pub result: Option<JsonValue<'a>>,
    /// What it gave out under names.
    pub outputs: Named<'a>,
    /// Why it failed; null unless it did.
    pub error: Option<ErrorFacts>,
    /// Exit status of a command.
    pub exit_code: Option<i32>,
    /// What a command printed, as text; the first 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// What it printed to its second stream; the first 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Whether one of the two is longer: `nexus job logs` has all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printed_truncated: Option<bool>,
    /// Wall time of its last attempt.
    pub time_ms: Option<f64>,
    /// Where its result is from, if it was taken from an earlier job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused: Option<ReusedDocument>,
}

impl<'a> ResultDocument<'a> {
    /// The document of the only task of `job`.
    pub fn of(job: u64, task: TaskDocument<'a>) -> Self {
        ResultDocument {
            job,
            state: task.state,
            node: task.node,
            attempts: task.attempts,
            result: task.result,
            outputs: task.outputs,
            error: task.error,
            exit_code: task.exit_code,
            stdout: task.stdout,
            stderr: task.stderr,
            printed_truncated: task.printed_truncated,
            time_ms: task.time_ms,
            reused: task.reused,
        }
    }
}

/// `nexus job show 17/5 --json`: a task without its result.
#[derive(Debug, Serialize)]
pub struct TaskStateDocument {
    /// Its job.
    pub job: u64,
    /// Index in the array.
    pub index: u32,
    /// State.
    pub state: &'static str,
    /// The node of its last attempt.
    pub node: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// Why it failed; null unless it did.
    pub error: Option<ErrorFacts>,
    /// Exit status of a command.
    pub exit_code: Option<i32>,
    /// Wall time of its last attempt.
    pub time_ms: Option<f64>,
    /// Where its result is from, if it was taken from an earlier job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused: Option<ReusedDocument>,
}

impl TaskStateDocument {
    /// What is left of a task's document without its values.
    pub fn of(job: u64, task: TaskDocument<'_>) -> Self {
        let TaskDocument { index, state, node, attempts, error, exit_code, time_ms, reused, .. } = task;
        TaskStateDocument { job, index, state, node, attempts, error, exit_code, time_ms, reused }
    }
}

/// `nexus submit job.toml --json` without `--wait`.
#[derive(Debug, Serialize)]
pub struct GraphDocument<'a> {
    /// Name.
    pub name: &'a str,
    /// Ids by task.
    pub jobs: BTreeMap<&'a str, u64>,
}

/// `nexus job explain … --json`.
#[derive(Debug, Serialize)]
pub struct ExplanationDocument<'a> {
    /// Id.
    pub job: u64,
    /// The task, where one was named.
    pub task: Option<u32>,
    /// Sentences, the most important first.
    pub explanation: &'a [String],
}

/// `nexus submit … --json` without `--wait`.
#[derive(Debug, Serialize)]
pub struct SubmittedDocument<'a> {
    /// Id.
    pub job: u64,
    /// Name.
    pub name: &'a str,
    /// Tasks in all.
    pub tasks: u32,
}

/// What a task printed.
#[derive(Debug, Serialize)]
pub struct LogDocument {
    /// Index in the array.
    pub index: u32,
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error; bytes that are not UTF-8 are replaced.
    pub stderr: String,
}

/// `nexus job logs --json`.
#[derive(Debug, Serialize)]
pub struct LogsDocument {
    /// Id.
    pub job: u64,
    /// In order of index.
    pub tasks: Vec<LogDocument>,
}
