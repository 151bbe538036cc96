//! `nexus job logs`: what tasks printed, on the streams that they printed it to. What they print meanwhile is in
//! `follow.rs`.

use clap::Args;
use nexus_model::{Cost, IndexRange, Payload};
use nexus_wire::TaskView;
use tokio::sync::watch;

use super::argument::JobRef;
use super::cluster::{self, Cluster};
use super::error::{CliError, Exit};
use super::follow::Follower;
use super::wait::interruption;
use crate::output::Console;
use crate::output::json::{LogDocument, document};
use crate::output::paint::{FAINT, paint};

/// Print what a job's tasks printed.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  nexus job logs 17\n  nexus job logs 17 --follow\n  nexus job logs 17/112 2>/dev/null\n  nexus job logs 17 --json"
)]
pub(crate) struct LogsArgs {
    /// The job or task, like 17 or 17/112
    #[arg(value_name = "JOB")]
    job: JobRef,
    /// Go on with what is printed from now on, until the tasks have ended; several tasks a line at a time. Ctrl-C leaves
    /// them running; with --json one line for each line
    #[arg(long, short = 'f')]
    follow: bool,
}

/// Runs the verb.
pub(crate) async fn logs(
    args: &LogsArgs,
    cluster: &impl Cluster,
    console: &mut Console,
    interrupted: &mut watch::Receiver<bool>,
) -> Result<(), CliError> {
    let job = cluster::job(cluster, args.job.job).await?;
    let range = match args.job.task {
        None => job.tasks,
        Some(index) if job.tasks.contains(index) => IndexRange::new(index, index + 1),
        Some(index) => {
            let message = format!("{} has no task {index}", job.job);
            return Err(CliError::new(Exit::Usage, "NX0111", message).with_help(format!("its tasks are {}", job.tasks)));
        }
    };
    if args.follow {
        let follower = Follower::new(job.job, range.len(), cluster, console);
        let left = format!("^C  left; the job goes on.  nexus job logs {} --follow", job.job.0);
        let followed = tokio::select! {
            followed = follower.follow(range, console) => Some(followed),
            () = interruption(interrupted) => None,
        };
        return match followed {
            Some(followed) => followed.map(drop),
            None => {
                console.say(&left);
                Ok(())
            }
        };
    }
    if console.is_json() {
        console.answer(&format!("{{\"job\":{},\"tasks\":[", job.job.0));
    }
    let mut separator = "";
    let mut next = range.start;
    while next < range.end && !console.is_broken() {
        let page = cluster::tasks_page(cluster, job.job, IndexRange::new(next, range.end)).await?;
        let Some(last) = page.last() else { break };
        next = last.index.saturating_add(1);
        for task in &page {
            if console.is_json() {
                let (stdout, stderr) = printed(task, cluster).await?;
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                let log = LogDocument { index: task.index, stdout: text(stdout), stderr: text(stderr) };
                console.answer(&format!("{separator}{}", document(&log).trim_end()));
                separator = ",";
            } else {
                let has_printed = |cost: &Cost| cost.stdout.is_some() || cost.stderr.is_some();
                if range.len() > 1 && task.cost.as_ref().is_some_and(has_printed) {
                    console.say(&paint(FAINT, &format!("── {}/{} ──", job.job.0, task.index)));
                }
                replay(task, cluster, console).await?;
            }
        }
    }
    if console.is_json() {
        console.answer("]}\n");
    }
    Ok(())
}

/// Writes what a task printed to the streams that it printed it to.
pub(crate) async fn replay(task: &TaskView, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let (stdout, stderr) = printed(task, cluster).await?;
    console.answer_bytes(&stdout);
    if !stderr.is_empty() {
        console.say_raw(&String::from_utf8_lossy(&stderr));
    }
    Ok(())
}

/// Whether the task ran a command, whose output is its answer.
pub(crate) fn is_command(task: &TaskView) -> bool {
    task.cost.as_ref().is_some_and(|cost| cost.exit_code.is_some())
}

pub(crate) async fn printed(task: &TaskView, cluster: &impl Cluster) -> Result<(Vec<u8>, Vec<u8>), CliError> {
    let Some(cost) = &task.cost else { return Ok(Default::default()) };
    let fetch = async |payload: &Option<Payload>| match payload {
        Some(payload) => cluster.fetch(payload).await,
        None => Ok(Vec::new()),
    };
    Ok((fetch(&cost.stdout).await?, fetch(&cost.stderr).await?))
}
