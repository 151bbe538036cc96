//! `nexus job result`: what a job returned. Also how `submit --wait` and `job wait` end.

use std::path::Path;

use clap::Args;
use nexus_model::{IndexRange, TaskState, Value};
use nexus_wire::{JobView, TaskView};

use super::argument::{JobRef, OutputBinding};
use super::cluster::{self, Cluster};
use super::error::{CliError, Exit};
use super::result::{TaskResult, header, job_error, save, show, task_error};
use super::wait::by_node;
use super::{codes, files, job_logs};
use crate::output::Console;
use crate::output::human::{self, Entry};
use crate::output::json::{NodeNames, ResultDocument, document};

/// Arrays up to so many tasks are shown whole; of longer ones, the first and the last.
const SHOWN_WHOLE_MAX: u32 = 12;
const SHOWN_HEAD: u32 = 5;
/// Lost results that are named one by one.
const LOST_NAMED_MAX: usize = 20;

/// Print the result of a job, or of one task of an array.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  nexus job result 17\n  nexus job result 17/112\n  nexus job result 17 --json\n  nexus job result 17 --output y=out.npy"
)]
pub(crate) struct ResultArgs {
    /// The job or task, like 17 or 17/112
    #[arg(value_name = "JOB")]
    job: JobRef,
    /// Write an output (or the result, where no name is given) to a file: .npy, .npz, .safetensors, .csv, .json or .png
    #[arg(long, short = 'o', value_name = "[NAME=]PATH")]
    output: Vec<OutputBinding>,
}

/// Runs the verb.
pub(crate) async fn result(args: &ResultArgs, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    args.output.iter().try_for_each(|binding| files::check_output(Path::new(&binding.path)))?;
    let view = cluster::job(cluster, args.job.job).await?;
    let names = cluster::names(cluster).await;
    let only = args.job.task.or((!view.is_array).then_some(view.tasks.start));
    match only {
        Some(index) => one_task(&view, index, Prints::Apart, &args.output, cluster, console, &names).await,
        None if args.output.is_empty() => array(&view, cluster, console, &names).await,
        None => saved_array(&view, &args.output, cluster, console).await,
    }
}

/// The end of waiting for a job: its result, or the error that it failed with.
pub(crate) async fn show_result(
    view: &JobView,
    cluster: &impl Cluster,
    console: &mut Console,
    names: &NodeNames,
) -> Result<(), CliError> {
    if view.is_array {
        array(view, cluster, console, names).await
    } else {
        one_task(view, view.tasks.start, Prints::Replayed, &[], cluster, console, names).await
    }
}

/// Whether what a program printed comes before its result. A command's output always does: it is its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prints {
    /// It does, as `nexus run` would show it.
    Replayed,
    /// It is left to `nexus job logs`.
    Apart,
}

async fn one_task(
    job: &JobView,
    index: u32,
    prints: Prints,
    saved: &[OutputBinding],
    cluster: &impl Cluster,
    console: &mut Console,
    names: &NodeNames,
) -> Result<(), CliError> {
    let task = task(job, index, cluster).await?;
    if console.is_json() {
        let mut content = task.document(names);
        if job_logs::is_command(&task.view) {
            // What it printed is its answer; where that is lost, its result is still one.
            if let Ok((stdout, stderr)) = job_logs::printed(&task.view, cluster).await {
                content = content.with_prints(&stdout, &stderr);
            }
        }
        console.answer(&match job.is_array {
            true => document(&content),
            false => document(&ResultDocument::of(job.job.0, content)),
        });
        // The document says what failed; the exit code says it again.
        return match &task.result {
            Some(result) => save(console, saved, result, &task.outputs),
            None => Err(task_error(&task, job, None).told()),
        };
    }
    if prints == Prints::Replayed || job_logs::is_command(&task.view) {
        job_logs::replay(&task.view, cluster, console).await?;
    }
    let Some(result) = &task.result else { return Err(task_error(&task, job, None)) };
    if job_logs::is_command(&task.view) {
        // What it printed is the answer.
        return save(console, saved, result, &task.outputs);
    }
    let place = match (task.view.node, task.view.reused) {
        (Some(node), _) => names.name(node),
        (None, Some(from)) => format!("result of {}", from.job),
        (None, None) => String::new(),
    };
    let name = if job.is_array { format!("{} {}/{index}", job.name, job.job.0) } else { job.name.clone() };
    let time = task.view.cost.as_ref().map(|cost| cost.wall).filter(|_| task.view.reused.is_none());
    console.say(&header(&name, &place, time));
    show(console, result, &task.outputs, saved);
    save(console, saved, result, &task.outputs)
}

/// The task of that index.
pub(super) async fn task_view(job: &JobView, index: u32, cluster: &impl Cluster) -> Result<TaskView, CliError> {
    let page = match index.checked_add(1) {
        Some(end) if job.tasks.contains(index) => {
            cluster::tasks_page(cluster, job.job, IndexRange::new(index, end)).await?
        }
        _ => Vec::new(),
    };
    page.into_iter().find(|task| task.index == index).ok_or_else(|| {
        let message = format!("{} has no task {index}", job.job);
        CliError::new(Exit::Usage, "NX0111", message).with_help(format!("its tasks are {}", job.tasks))
    })
}

/// The task of that index with its values.
async fn task(job: &JobView, index: u32, cluster: &impl Cluster) -> Result<TaskResult, CliError> {
    let view = task_view(job, index, cluster).await?;
    let task = TaskResult::fetched(view, cluster).await?;
    match &task.lost {
        Some(lost) => Err(CliError::from(lost.clone()).with_help(retry_of(job, "it"))),
        None => Ok(task),
    }
}

/// How what was lost comes back.
fn retry_of(job: &JobView, what: &str) -> String {
    format!("`nexus job retry {}` makes {what} again, where no machine that is away may have {what}", job.job.0)
}

/// Tasks whose results cannot be had.
#[derive(Default)]
struct Lost {
    tasks: Vec<u32>,
    code: String,
}

impl Lost {
    fn note(&mut self, task: &TaskResult) {
        if let Some(lost) = &task.lost {
            self.tasks.push(task.view.index);
            self.code.clone_from(&lost.code);
        }
    }

    /// All of them in one error, which one retry answers.
    fn error(&self, job: &JobView) -> Option<CliError> {
        let (number, count) = (job.job.0, self.tasks.len());
        let named = self.tasks.iter().take(LOST_NAMED_MAX).map(|index| format!("{number}/{index}"));
        let mut named = named.collect::<Vec<_>>().join(", ");
        if count > LOST_NAMED_MAX {
            named.push_str(&format!(" and {} more", count - LOST_NAMED_MAX));
        }
        let message = match count {
            0 => return None,
            1 => format!("the result of {named} is on no machine that answers"),
            _ => format!("the results of {count} tasks are on no machine that answers: {named}"),
        };
        let error = CliError::new(Exit::Unreachable, &self.code, message);
        Some(error.with_help(retry_of(job, if count == 1 { "it" } else { "them" })))
    }
}

/// Calls `each` with the tasks of `range` in order, a page in memory at a time.
async fn each_task(
    job: &JobView,
    range: IndexRange,
    cluster: &impl Cluster,
    mut each: impl FnMut(TaskResult) -> bool,
) -> Result<(), CliError> {
    let mut next = range.start;
    while next < range.end {
        let page = cluster::tasks_page(cluster, job.job, IndexRange::new(next, range.end)).await?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.index.saturating_add(1);
        for view in page {
            if !each(TaskResult::fetched(view, cluster).await?) {
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn array(
    job: &JobView,
    cluster: &impl Cluster,
    console: &mut Console,
    names: &NodeNames,
) -> Result<(), CliError> {
    if console.is_json() {
        // Written as it comes: an array can be larger than memory.
        console.answer(&format!("{{\"job\":{},\"state\":\"{}\",\"tasks\":[", job.job.0, job.state.name()));
        let (mut separator, mut lost) = ("", Lost::default());
        each_task(job, job.tasks, cluster, |task| {
            lost.note(&task);
            console.answer(&format!("{separator}{}", document(&task.document(names)).trim_end()));
            separator = ",";
            !console.is_broken()
        })
        .await?;
        console.answer("]}\n");
        return match job_error(job) {
            Some(error) if job.state.is_final() => Err(error.told()),
            _ => lost.error(job).map_or(Ok(()), |error| Err(error.told())),
        };
    }
    let (mut tasks, mut lost) = (Vec::new(), Lost::default());
    for range in shown_ranges(job.tasks) {
        each_task(job, range, cluster, |task| {
            lost.note(&task);
            tasks.push(task);
            true
        })
        .await?;
    }
    let mut entries = Vec::with_capacity(tasks.len());
    for task in tasks {
        entries.push((task.view.index, entry_with_prints(task, cluster).await?));
    }
    if !lost.tasks.is_empty() {
        // Also what is not shown is read: a retry makes again what was found missing.
        lost = Lost::default();
        each_task(job, job.tasks, cluster, |task| {
            lost.note(&task);
            true
        })
        .await?;
    }
    let time = match (job.started_at_ms, job.finished_at_ms) {
        (Some(start), Some(end)) => Some(std::time::Duration::from_millis(end.saturating_sub(start))),
        _ => None,
    };
    console.say(&header(&job.name, &by_node(job, names), time));
    console.answer(&human::array(job.tasks.len(), &entries));
    job_error(job).or_else(|| lost.error(job)).map_or(Ok(()), Err)
}

/// Of many tasks, those that are shown.
pub(crate) fn shown_tasks(tasks: &[TaskResult]) -> impl Iterator<Item = &TaskResult> {
    let (Some(first), Some(last)) = (tasks.first(), tasks.last()) else { return Vec::new().into_iter() };
    let ranges = shown_ranges(IndexRange::new(first.view.index, last.view.index.saturating_add(1)));
    let is_shown = |task: &&TaskResult| ranges.iter().any(|range| range.contains(task.view.index));
    tasks.iter().filter(is_shown).collect::<Vec<_>>().into_iter()
}

/// The lines that stand for these tasks.
pub(crate) fn entries_of<'a>(tasks: impl Iterator<Item = &'a TaskResult>) -> Vec<(u32, Entry)> {
    tasks.map(|task| (task.view.index, entry(task.clone()))).collect()
}

fn shown_ranges(tasks: IndexRange) -> Vec<IndexRange> {
    if tasks.len() <= SHOWN_WHOLE_MAX {
        return vec![tasks];
    }
    vec![IndexRange::new(tasks.start, tasks.start + SHOWN_HEAD), IndexRange::new(tasks.end - 1, tasks.end)]
}

/// The same, where a command shows what it printed: its result is 0 where it succeeded.
async fn entry_with_prints(task: TaskResult, cluster: &impl Cluster) -> Result<Entry, CliError> {
    if task.result.is_none() || !job_logs::is_command(&task.view) {
        return Ok(entry(task));
    }
    let (stdout, _) = job_logs::printed(&task.view, cluster).await?;
    Ok(Entry::Printed(String::from_utf8_lossy(&stdout).into_owned()))
}

fn entry(task: TaskResult) -> Entry {
    let TaskResult { view: task, result, lost, .. } = task;
    if let Some(lost) = lost {
        return Entry::Failure(format!("{}: {}", lost.code, lost.message));
    }
    match (result, &task.outcome) {
        (Some(value), _) => Entry::Value(value),
        (None, Some(nexus_model::Outcome::Failed(failure))) => {
            Entry::Failure(format!("{}: {}", failure.code, failure.message))
        }
        (None, _) if task.state == TaskState::TimedOut => Entry::Failure("timed out".to_owned()),
        (None, _) => Entry::State(task.state.name().to_owned()),
    }
}

/// Writes the results or named outputs of all tasks as lists.
async fn saved_array(
    job: &JobView,
    bindings: &[OutputBinding],
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    if let Some(error) = job_error(job) {
        return Err(error);
    }
    let (mut tasks, mut lost) = (Vec::new(), Lost::default());
    each_task(job, job.tasks, cluster, |task| {
        lost.note(&task);
        tasks.push(task);
        true
    })
    .await?;
    if let Some(error) = lost.error(job) {
        return Err(error);
    }
    let (results, outputs) = columns(tasks)?;
    save(console, bindings, &results, &outputs)
}

/// The results of all tasks as one list, and each named output as one list.
pub(crate) fn columns(tasks: Vec<TaskResult>) -> Result<(Value, Vec<(String, Value)>), CliError> {
    let mut results = Vec::with_capacity(tasks.len());
    let mut outputs: Vec<(String, Vec<Value>)> = Vec::new();
    for task in tasks {
        for (name, value) in task.outputs {
            match outputs.iter_mut().find(|(found, _)| *found == name) {
                Some((_, list)) => list.push(value),
                None => outputs.push((name, vec![value])),
            }
        }
        results.push(task.result.unwrap_or(Value::None));
    }
    if let Some((name, _)) = outputs.iter().find(|(_, list)| list.len() != results.len()) {
        let message = format!("not every task gave the output `{name}`");
        return Err(CliError::new(Exit::Usage, codes::BAD_OUTPUT, message).with_help("--json shows each task's own"));
    }
    Ok((Value::List(results), outputs.into_iter().map(|(name, list)| (name, Value::List(list))).collect()))
}
