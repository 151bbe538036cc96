//! Results of tasks: fetching them, showing them, saving them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nexus_model::{Failure, JobState, Outcome, Payload, TaskState, Value, decode_value};
use nexus_wire::{JobView, Refusal, TaskView};

use super::argument::OutputBinding;
use super::cluster::Cluster;
use super::error::{CliError, Exit};
use super::{codes, files};
use crate::output::json::{ErrorFacts, NodeNames, TaskDocument};
use crate::output::paint::one_line;
use crate::output::{Console, human, units};

/// What a cluster says of a payload that is on no disk that it can ask.
const NO_SUCH_BLOB: &str = "NX0109";

/// A task with the values behind its payloads.
#[derive(Debug, Clone)]
pub(crate) struct TaskResult {
    /// The task.
    pub(crate) view: TaskView,
    /// What it returned, if it succeeded.
    pub(crate) result: Option<Value>,
    /// What it gave out under names.
    pub(crate) outputs: Vec<(String, Value)>,
    /// Why the values of a task that succeeded cannot be had: no machine that answers has them.
    pub(crate) lost: Option<Refusal>,
}

impl TaskResult {
    /// Fetches and decodes the payloads of a task.
    pub(crate) async fn fetched(view: TaskView, cluster: &impl Cluster) -> Result<Self, CliError> {
        let (mut contents, mut lost) = (Vec::new(), None);
        for payload in payloads(&view) {
            match cluster.fetch(payload).await {
                Ok(content) => contents.push(content),
                Err(refusal) if refusal.code == NO_SUCH_BLOB => lost = Some(refusal),
                Err(refusal) => return Err(refusal.into()),
            }
        }
        match lost {
            Some(_) => Ok(TaskResult { lost, ..TaskResult::without_values(view) }),
            None => Self::of(view, &contents),
        }
    }

    /// The task alone.
    pub(crate) fn without_values(view: TaskView) -> Self {
        TaskResult { view, result: None, outputs: Vec::new(), lost: None }
    }

    /// Decodes the payloads of a task that are at hand.
    pub(crate) fn loaded(
        view: TaskView,
        load: impl Fn(&Payload) -> Result<Vec<u8>, Refusal>,
    ) -> Result<Self, CliError> {
        let contents = payloads(&view).map(load).collect::<Result<Vec<_>, _>>()?;
        Self::of(view, &contents)
    }

    /// A task with the contents of its [`payloads`].
    fn of(view: TaskView, contents: &[Vec<u8>]) -> Result<Self, CliError> {
        let mut values = contents.iter().map(|bytes| decoded(bytes));
        let result = values.next().transpose()?;
        let names = match &view.outcome {
            Some(Outcome::Succeeded(output)) => output.outputs.as_slice(),
            _ => &[],
        };
        let outputs = names
            .iter()
            .zip(values)
            .map(|((name, _), value)| Ok((name.clone(), value?)))
            .collect::<Result<_, CliError>>()?;
        Ok(TaskResult { view, result, outputs, lost: None })
    }

    /// Why it failed, if it did.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.view.outcome {
            Some(Outcome::Failed(failure)) => Some(failure),
            _ => None,
        }
    }

    /// Whether the deadline of its job ended it, and not its own timeout.
    fn is_overdue(&self) -> bool {
        let ended_itself = self.view.cost.as_ref().is_some_and(|cost| !cost.is_unattempted());
        self.view.outcome == Some(Outcome::TimedOut) && !ended_itself
    }

    /// Its part of a JSON document.
    pub(crate) fn document(&self, names: &NodeNames) -> TaskDocument<'_> {
        let error = match self.view.outcome {
            Some(Outcome::Failed(ref failure)) => Some(ErrorFacts::of_failure(failure)),
            Some(Outcome::TimedOut) if self.is_overdue() => {
                Some(ErrorFacts::new(codes::JOB_OVERDUE, "it had not ended at the deadline of its job", None))
            }
            Some(Outcome::TimedOut) => {
                Some(ErrorFacts::new(codes::TASK_TIMED_OUT, "it ran longer than its timeout", None))
            }
            Some(Outcome::Cancelled) => Some(ErrorFacts::new(codes::JOB_CANCELLED, "it was cancelled", None)),
            Some(Outcome::Succeeded(_)) | None => {
                self.lost.as_ref().map(|lost| ErrorFacts::new(&lost.code, &lost.message, lost.help.as_deref()))
            }
        };
        TaskDocument::of(&self.view, names, self.result.as_ref(), &self.outputs, error)
    }
}

/// The payload of a task's result, then those of its outputs; none unless it succeeded.
fn payloads(view: &TaskView) -> impl Iterator<Item = &Payload> {
    let output = match &view.outcome {
        Some(Outcome::Succeeded(output)) => Some(output),
        _ => None,
    };
    output.into_iter().flat_map(|output| std::iter::once(&output.result).chain(output.outputs.iter().map(|(_, p)| p)))
}

fn decoded(bytes: &[u8]) -> Result<Value, CliError> {
    decode_value(bytes).map_err(|error| {
        CliError::new(Exit::Unreachable, codes::UNEXPECTED_ANSWER, format!("the result cannot be read: {error}"))
    })
}

/// The line above an answer: `pca.mcode · cpu (2 threads, avx512) · 41 ms`.
pub(crate) fn header(name: &str, place: &str, time: Option<Duration>) -> String {
    let (name, time) = (one_line(name), time.map(units::duration));
    let parts = [Some(name.as_str()), (!place.is_empty()).then_some(place), time.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Shows what a program returned and gave out. Outputs that went to files are not shown again.
pub(crate) fn show(console: &mut Console, result: &Value, outputs: &[(String, Value)], saved: &[OutputBinding]) {
    console.answer(&human::answer(result));
    let is_saved = |name: &str| saved.iter().any(|binding| binding.name.as_deref() == Some(name));
    let rest: Vec<(String, Value)> = outputs.iter().filter(|(name, _)| !is_saved(name)).cloned().collect();
    if !rest.is_empty() {
        console.answer(&human::named(&rest));
    }
}

/// Writes the outputs that `--output` names to their files, and says so.
pub(crate) fn save(
    console: &mut Console,
    bindings: &[OutputBinding],
    result: &Value,
    outputs: &[(String, Value)],
) -> Result<(), CliError> {
    for binding in bindings {
        let value = chosen(binding.name.as_deref(), result, outputs)?;
        files::output(value, Path::new(&binding.path))?;
        let name = binding.name.as_deref().unwrap_or("result");
        console.say(&format!("{name} → {}", binding.path));
    }
    Ok(())
}

/// The value that `--output NAME=…` means: the output of that name, else the field of that name in the result, else,
/// for a program without any outputs, the result.
fn chosen<'a>(name: Option<&str>, result: &'a Value, outputs: &'a [(String, Value)]) -> Result<&'a Value, CliError> {
    let Some(name) = name else { return Ok(result) };
    let in_record = match result {
        Value::Record(fields) => fields.as_slice(),
        _ => &[],
    };
    let named = outputs.iter().chain(in_record).find(|(found, _)| found == name).map(|(_, value)| value);
    if let Some(value) = named {
        return Ok(value);
    }
    if name == "result" || (outputs.is_empty() && in_record.is_empty()) {
        return Ok(result);
    }
    let known: Vec<String> = outputs.iter().chain(in_record).map(|(name, _)| format!("`{name}`")).collect();
    let message = format!("the program gave no output `{name}`");
    Err(CliError::new(Exit::Usage, codes::BAD_OUTPUT, message).with_help(format!("it gave {}", known.join(", "))))
}

/// The error of a task that did not succeed.
pub(crate) fn task_error(task: &TaskResult, job: &JobView, source: Option<Arc<str>>) -> CliError {
    let (index, attempts) = (task.view.index, task.view.attempts);
    let which = if job.is_array { format!("task {}/{index}", job.job.0) } else { job.job.to_string() };
    match &task.view.outcome {
        Some(Outcome::Failed(failure)) => failure_error(failure, source),
        Some(Outcome::TimedOut) if task.is_overdue() => CliError::new(
            Exit::Cancelled,
            codes::JOB_OVERDUE,
            format!("{which} had not ended at the deadline of the job"),
        )
        .with_help("submit it again with a later --deadline"),
        Some(Outcome::TimedOut) => CliError::new(
            Exit::Cancelled,
            codes::TASK_TIMED_OUT,
            format!("{which} ran longer than its timeout in {}", units::count(u64::from(attempts), "attempt")),
        )
        .with_help("give it more time with --timeout"),
        Some(Outcome::Cancelled) => {
            CliError::new(Exit::Cancelled, codes::JOB_CANCELLED, format!("{which} was cancelled"))
        }
        _ if task.view.state == TaskState::Cancelled => {
            CliError::new(Exit::Cancelled, codes::JOB_CANCELLED, format!("{which} was cancelled"))
        }
        _ => not_ended(&which, task.view.state.name(), job),
    }
}

/// The error of something that has no result yet.
fn not_ended(which: &str, state: &str, job: &JobView) -> CliError {
    CliError::new(Exit::Unreachable, codes::NO_RESULT_YET, format!("{which} is {state}: it has no result yet"))
        .with_help(format!("wait for it with `nexus job wait {}`", job.job.0))
}

/// The error of a failed attempt.
pub(crate) fn failure_error(failure: &Failure, source: Option<Arc<str>>) -> CliError {
    // What the user left out or mistyped on the command line is a matter of usage, not of the program.
    let exit = match failure.code.as_str() {
        "MC0301" | "MC0302" | "MC0303" | "MC0305" => Exit::Usage,
        _ => Exit::ProgramFailed,
    };
    match &failure.diagnostic {
        Some(diagnostic) => CliError::of_program(exit, vec![(**diagnostic).clone()], source),
        None => CliError::new(exit, &failure.code, failure.message.clone()),
    }
}

/// The error of an ended job that did not succeed; `None` if it did.
pub(crate) fn job_error(job: &JobView) -> Option<CliError> {
    let number = job.job.0;
    match job.state {
        JobState::Succeeded => None,
        JobState::Cancelled => {
            Some(CliError::new(Exit::Cancelled, codes::JOB_CANCELLED, format!("job-{number} was cancelled")))
        }
        JobState::Failed => {
            let (failed, timed_out) = (job.count(TaskState::Failed), job.count(TaskState::TimedOut));
            let exit = if failed == 0 { Exit::Cancelled } else { Exit::ProgramFailed };
            let of = units::count(u64::from(job.tasks.len()), "task");
            // A deadline leaves no task behind, so the first that was late tells of all that were.
            let overdue = job.first_failure.as_ref().is_some_and(|(_, first)| first.code == "NX0318");
            let lateness = if overdue { "had not ended at the deadline" } else { "ran longer than the timeout" };
            let message = match (failed, timed_out) {
                (0, late) => format!("{late} of {of} of job-{number} {lateness}"),
                (failed, 0) => format!("{failed} of {of} of job-{number} failed"),
                (failed, late) => format!("{failed} of {of} of job-{number} failed, {late} {lateness}"),
            };
            let error = CliError::new(exit, codes::JOB_FAILED, message);
            Some(error.with_help(format!("`nexus job show {number}` tells more")))
        }
        JobState::Queued | JobState::Running => Some(not_ended(&format!("job-{number}"), job.state.name(), job)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_leave_out_what_is_not_known() {
        let time = Some(Duration::from_micros(41_200));
        assert_eq!(header("pca.mcode", "cpu (2 threads, avx512)", time), "pca.mcode · cpu (2 threads, avx512) · 41 ms");
        assert_eq!(header("echo", "", None), "echo");
        assert_eq!(header("a\nb", "", None), "a b");
    }

    #[test]
    fn outputs_are_chosen_by_name_then_field_then_result() {
        let (one, two) = (Value::Int(1), Value::Int(2));
        let record = Value::Record(vec![("y".into(), one.clone()), ("z".into(), two.clone())]);
        let outputs = [("y".to_owned(), two.clone())];
        assert_eq!(chosen(Some("y"), &record, &outputs), Ok(&two));
        assert_eq!(chosen(Some("z"), &record, &outputs), Ok(&two));
        assert_eq!(chosen(Some("y"), &record, &[]), Ok(&one));
        assert_eq!(chosen(Some("y"), &one, &[]), Ok(&one));
        assert_eq!(chosen(None, &record, &outputs), Ok(&record));
        assert_eq!(chosen(Some("result"), &one, &outputs), Ok(&one));
        let error = chosen(Some("x"), &record, &[]).unwrap_err();
        assert_eq!(error.help.as_deref(), Some("it gave `y`, `z`"));
    }
}
