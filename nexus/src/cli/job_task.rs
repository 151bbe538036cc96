//! `nexus job show 17/5`: how one task of an array is.

use nexus_model::{JobId, Severity};
use nexus_wire::JobView;

use super::cluster::{self, Cluster};
use super::error::CliError;
use super::job_result::task_view;
use super::result::TaskResult;
use crate::output::json::{NodeNames, TaskStateDocument, document};
use crate::output::paint::{NAME, one_line, paint};
use crate::output::{Console, diagnostic, units};

/// Shows it, without its result, which `nexus job result` prints.
pub(super) async fn show(
    job: JobId,
    index: u32,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    let job = cluster::job(cluster, job).await?;
    let view = task_view(&job, index, cluster).await?;
    let names = cluster::names(cluster).await;
    let task = TaskResult::without_values(view);
    if console.is_json() {
        console.answer(&document(&TaskStateDocument::of(job.job.0, task.document(&names))));
    } else {
        console.answer(&shown(&job, &task, &names));
    }
    Ok(())
}

fn shown(job: &JobView, task: &TaskResult, names: &NodeNames) -> String {
    let facts = task.document(names);
    let id = paint(NAME, &format!("{}/{}", job.job, facts.index));
    let mut text = format!("{id}  {}  {}\n", one_line(&job.name), facts.state);
    let mut line = |name: &str, content: Option<String>| {
        if let Some(content) = content {
            text.push_str(&format!("{name:<10}{content}\n"));
        }
    };
    line("node", facts.node);
    line("attempts", (facts.attempts > 0).then(|| facts.attempts.to_string()));
    line("reused", facts.reused.map(|reused| format!("result of job-{}", reused.job)));
    line("time", task.view.cost.as_ref().map(|cost| units::duration(cost.wall)));
    line("exit code", facts.exit_code.map(|code| code.to_string()));
    match (task.failure(), facts.error) {
        (Some(failure), _) => text.push_str(&match &failure.diagnostic {
            Some(found) => diagnostic::drawn(found, None),
            None => diagnostic::heading(Severity::Error, &failure.code, &failure.message),
        }),
        (None, Some(error)) => text.push_str(&diagnostic::heading(Severity::Error, &error.code, &error.message)),
        (None, None) => {}
    }
    text
}
