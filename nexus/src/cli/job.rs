//! `nexus job`: one job, looked at, waited for, cancelled.

use std::time::Duration;

use clap::{Args, Subcommand};
use nexus_model::{JobId, TaskState};
use nexus_wire::{JobView, Request, Response};
use tokio::sync::watch;

use super::argument::JobRef;
use super::cluster::{self, Cluster, unexpected};
use super::error::{CliError, Exit};
use super::job_logs::{LogsArgs, logs};
use super::job_result::{ResultArgs, result, show_result};
use super::jobs::{now_ms, state_text};
use super::wait::{Style, Waited, detached, ran_on, summary, until_ended};
use super::{codes, job_task};
use crate::output::json::{ExplanationDocument, JobDocument, NodeNames, document};
use crate::output::paint::{NAME, one_line, paint};
use crate::output::{Console, diagnostic, units};

/// Look at, wait for or cancel a job.
#[derive(Debug, Clone, Args)]
pub(crate) struct JobArgs {
    #[command(subcommand)]
    verb: JobVerb,
}

#[derive(Debug, Clone, Subcommand)]
enum JobVerb {
    /// Show a job's state, its tasks by state and node, and its first failure
    #[command(after_help = "Examples:\n  nexus job show 17\n  nexus job show 17/112\n  nexus job show 17 --json")]
    Show {
        /// The job or task, like 17 or 17/112
        #[arg(value_name = "JOB")]
        job: JobRef,
    },
    /// Print the result of a job, or of one task of an array
    Result(ResultArgs),
    /// Print what a job's tasks printed
    Logs(LogsArgs),
    /// Cancel a job; no result of it is kept after that
    #[command(after_help = "Example:\n  nexus job cancel 17")]
    Cancel {
        /// The job, like 17 or job-17
        #[arg(value_name = "JOB")]
        job: JobRef,
    },
    /// Run again the tasks of an ended job that did not succeed, or whose results no machine has any more
    #[command(after_help = "Example:\n  nexus job retry 17")]
    Retry {
        /// The job, like 17 or job-17
        #[arg(value_name = "JOB")]
        job: JobRef,
    },
    /// Say why a job or task is where it is: what it waits for, who has it, what it ended of
    #[command(after_help = "Examples:\n  nexus job explain 17\n  nexus job explain 17/112")]
    Explain {
        /// The job or task, like 17 or 17/112
        #[arg(value_name = "JOB")]
        job: JobRef,
    },
    /// Wait until a job has ended, then print its result; Ctrl-C leaves it running
    #[command(visible_alias = "follow", after_help = "Examples:\n  nexus job wait 17\n  nexus job follow 17 --json")]
    Wait {
        /// The job, like 17 or job-17
        #[arg(value_name = "JOB")]
        job: JobRef,
    },
}

impl JobArgs {
    /// Whether it leaves in order when it is interrupted.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.verb, JobVerb::Wait { .. } | JobVerb::Logs(_))
    }
}

/// Runs the verb.
pub(crate) async fn job(
    args: &JobArgs,
    cluster: &impl Cluster,
    console: &mut Console,
    interrupted: &mut watch::Receiver<bool>,
) -> Result<(), CliError> {
    match &args.verb {
        JobVerb::Show { job: JobRef { job, task: Some(index) } } => {
            job_task::show(*job, *index, cluster, console).await
        }
        JobVerb::Show { job } => show(job.job, cluster, console).await,
        JobVerb::Result(args) => result(args, cluster, console).await,
        JobVerb::Logs(args) => logs(args, cluster, console, interrupted).await,
        JobVerb::Cancel { job } => cancel(whole(*job, "cancel", "")?, cluster, console).await,
        JobVerb::Retry { job } => {
            let others = "; of an array it runs again only what did not succeed or is lost";
            changed(Request::RetryJob(whole(*job, "retry", others)?), cluster, console).await
        }
        JobVerb::Explain { job } => explain(*job, cluster, console).await,
        JobVerb::Wait { job } => {
            let job = whole(*job, "wait", "")?;
            let names = cluster::names(cluster).await;
            match until_ended(cluster, job, console, Style::Quiet, &names, interrupted).await? {
                Waited::Ended(view) => show_result(&view, cluster, console, &names).await,
                Waited::Detached => Err(detached()),
            }
        }
    }
}

/// The job that is named, for a verb that takes no single task: it would do to all what was meant for one.
fn whole(reference: JobRef, verb: &str, more: &str) -> Result<JobId, CliError> {
    let JobRef { job, task: Some(index) } = reference else { return Ok(reference.job) };
    let number = job.0;
    let message = format!("`nexus job {verb}` takes a whole job, and {number}/{index} is one task of {job}");
    Err(CliError::new(Exit::Usage, codes::USAGE, message).with_help(format!(
        "`nexus job {verb} {number}` is about all of {job}{more}; show, explain, result and logs take a task, like \
         `nexus job show {number}/{index}`"
    )))
}

async fn show(job: JobId, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let view = cluster::job(cluster, job).await?;
    let names = cluster::names(cluster).await;
    if console.is_json() {
        console.answer(&document(&JobDocument::of(&view, &names, now_ms())));
    } else {
        console.answer(&shown(&view, &names, now_ms()));
    }
    Ok(())
}

fn shown(job: &JobView, names: &NodeNames, now_ms: u64) -> String {
    let facts = JobDocument::of(job, names, now_ms);
    let tasks = units::count(u64::from(facts.tasks), "task");
    let mut text =
        format!("{}  {}  {tasks}  {}\n", paint(NAME, &job.job.to_string()), one_line(&job.name), state_text(job));
    let mut line = |name: &str, content: String| {
        if !content.is_empty() {
            text.push_str(&format!("{name:<10}{content}\n"));
        }
    };
    let counts = TaskState::ALL.into_iter().zip(job.counts).filter(|(_, count)| *count > 0);
    line("tasks", counts.map(|(state, count)| format!("{count} {}", state.name())).collect::<Vec<_>>().join(", "));
    line("ran on", ran_on(job, names).join(", "));
    let reused = units::count(u64::from(job.reused()), "task");
    line("reused", if job.reused() > 0 { format!("results of earlier jobs, for {reused}") } else { String::new() });
    let age = units::age(Duration::from_millis(facts.age_ms));
    let by = if facts.user.is_empty() { String::new() } else { format!(" by {}", facts.user) };
    line("submitted", format!("{age} ago{by}"));
    let time = facts.time_ms.map(|time| units::duration(Duration::from_millis(time)));
    line("time", time.unwrap_or_default());
    if let Some((task, failure)) = &job.first_failure {
        if job.is_array {
            text.push_str(&format!("first failure: task {task}\n"));
        }
        text.push_str(&match &failure.diagnostic {
            Some(found) => diagnostic::drawn(found, None),
            None => diagnostic::heading(nexus_model::Severity::Error, &failure.code, &failure.message),
        });
    }
    text
}

async fn explain(reference: JobRef, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let JobRef { job, task } = reference;
    let Response::Explanation(sentences) = cluster.request(Request::ExplainJob { job, task }).await? else {
        return Err(unexpected());
    };
    if console.is_json() {
        console.answer(&document(&ExplanationDocument { job: job.0, task, explanation: &sentences }));
    } else {
        console.answer(&sentences.iter().map(|sentence| format!("{sentence}\n")).collect::<String>());
    }
    Ok(())
}

/// Cancels, and says where there was nothing left to cancel: a script may go on, but a person should know.
async fn cancel(job: JobId, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let before = cluster::job(cluster, job).await?;
    if before.state.is_final() {
        console.say(&format!("{} had ended before ({}); nothing was cancelled", before.job, state_text(&before)));
    }
    changed(Request::CancelJob(job), cluster, console).await
}

/// Asks for a change of a job, and shows what it is then.
async fn changed(request: Request, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let Response::Job(view) = cluster.request(request).await? else {
        return Err(unexpected());
    };
    let names = cluster::names(cluster).await;
    if console.is_json() {
        console.answer(&document(&JobDocument::of(&view, &names, now_ms())));
    } else {
        console.answer(&format!("{}\n", summary(&view, &names)));
    }
    Ok(())
}
