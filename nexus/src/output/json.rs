//! The stable JSON documents of `--json`: one for each command, fields in a fixed order, times in ms, sizes in bytes.
//!
//! A field is never removed or given another meaning; what is not known is null.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_formats::json::JsonValue;
use nexus_model::{Diagnostic, Failure, NodeId, TaskState, Value};
use nexus_wire::{JobView, NodeView, StatusView, TaskView};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

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
            running: job.count(TaskState::Running),
            age_ms: now_ms.saturating_sub(job.submitted_at_ms),
            time_ms: job.started_at_ms.map(|start| job.finished_at_ms.unwrap_or(now_ms).saturating_sub(start)),
            submitted_at_ms: job.submitted_at_ms,
            started_at_ms: job.started_at_ms,
            finished_at_ms: job.finished_at_ms,
            counts: Counts(job.counts),
            ran_on: job.by_node.iter().map(|&(node, tasks)| RanOn { node: names.name(node), tasks }).collect(),
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
    /// Wall time of its last attempt.
    pub time_ms: Option<f64>,
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
            time_ms: task.cost.as_ref().map(|cost| ms(cost.wall)),
        }
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
    /// Wall time of its last attempt.
    pub time_ms: Option<f64>,
}

impl<'a> ResultDocument<'a> {
    /// The document of the only task of `job`.
    pub fn of(job: u64, task: TaskDocument<'a>) -> Self {
        let TaskDocument { index: _, state, node, attempts, result, outputs, error, exit_code, time_ms } = task;
        ResultDocument { job, state, node, attempts, result, outputs, error, exit_code, time_ms }
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

/// `nexus node list --json`.
#[derive(Debug, Serialize)]
pub struct NodesDocument {
    /// In order of id.
    pub nodes: Vec<NodeDocument>,
}

/// A node.
#[derive(Debug, Serialize)]
pub struct NodeDocument {
    /// Name.
    pub node: String,
    /// Id.
    pub id: u64,
    /// Roles.
    pub role: Vec<&'static str>,
    /// `up` or `down`.
    pub state: &'static str,
    /// Where it listens.
    pub address: String,
    /// Tasks that it runs at once.
    pub slots: u32,
    /// Its graphics processor.
    pub gpu: Option<String>,
    /// Physical memory.
    pub mem: u64,
    /// Tasks that it runs now.
    pub tasks: u32,
    /// Round-trip time from the leader.
    pub rtt_ms: Option<f64>,
    /// Since its last sign of life.
    pub seen_ms: Option<u64>,
    /// Its labels, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// `nexus node label --json`.
#[derive(Debug, Serialize)]
pub struct LabelsDocument<'a> {
    /// Name.
    pub node: &'a str,
    /// Id.
    pub id: u64,
    /// Labels by name.
    pub labels: BTreeMap<&'a str, &'a str>,
}

impl NodeDocument {
    /// The document of a node at `now_ms`.
    pub fn of(node: &NodeView, now_ms: u64) -> Self {
        let gpu = node.capacity.devices.iter().find(|device| device.kind == nexus_model::DeviceKind::Gpu);
        NodeDocument {
            node: node.name.clone(),
            id: node.node.0,
            role: node.roles.iter().map(|role| role.name()).collect(),
            state: node.state.name(),
            address: node.address.clone(),
            slots: node.capacity.slots,
            gpu: gpu.map(|device| device.name.clone()),
            mem: node.capacity.memory_bytes,
            tasks: node.running,
            rtt_ms: node.rtt.map(ms),
            seen_ms: node.seen_at_ms.map(|seen| now_ms.saturating_sub(seen)),
            labels: None,
        }
    }
}

/// `nexus status --json`.
#[derive(Debug, Serialize)]
pub struct StatusDocument {
    /// The cluster's name.
    pub cluster: String,
    /// Version of the node that answers.
    pub version: String,
    /// Name of the leader.
    pub leader: Option<String>,
    /// Names of the voters.
    pub voters: Vec<String>,
    /// Raft term.
    pub term: u64,
    /// Index of the last applied entry.
    pub applied: u64,
    /// Jobs that have not ended.
    pub jobs_active: u32,
    /// Tasks that wait for a slot.
    pub tasks_queued: u64,
    /// In order of id.
    pub nodes: Vec<NodeDocument>,
}

impl StatusDocument {
    /// The document of a cluster at `now_ms`.
    pub fn of(status: &StatusView, now_ms: u64) -> Self {
        let names = NodeNames::of(&status.nodes);
        StatusDocument {
            cluster: status.cluster.clone(),
            version: status.version.clone(),
            leader: status.leader.map(|node| names.name(node)),
            voters: status.voters.iter().map(|&node| names.name(node)).collect(),
            term: status.term,
            applied: status.applied,
            jobs_active: status.jobs_active,
            tasks_queued: status.tasks_queued,
            nodes: status.nodes.iter().map(|node| NodeDocument::of(node, now_ms)).collect(),
        }
    }
}
