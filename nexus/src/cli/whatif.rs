//! `nexus whatif JOB` and `nexus timeline show JOB`: a job as a timeline, and what would have been otherwise.
//!
//! What the cluster knows of the job is asked for; what it means is `nexus_echo::jobs`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use nexus_echo::jobs::{Prediction, RanJob, RanTask, job_timeline, predict};
use nexus_echo::{Graph, Micros, draw};
use nexus_model::{IndexRange, JobId};
use nexus_wire::limits::JOBS_PER_PAGE_MAX;
use nexus_wire::{JobView, NodeView, Request, Response, TaskView};
use serde_json::json;

use super::argument::JobRef;
use super::cluster::{self, Cluster};
use super::codes;
use super::error::{CliError, Exit};
use super::timeline::exported;
use crate::output::Console;
use crate::output::json::document;

/// Earlier runs of the same job that say how much runs differ.
const OTHER_RUNS_MAX: usize = 30;
/// Seed of a prediction: the same question has the same answer.
const SEED: u64 = 1;
const CHART_WIDTH: usize = 100;
const CHART_ROWS: usize = 60;

/// Predict how long a job would take otherwise
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  nexus whatif 17 --without box\n  nexus whatif 17 --workers 8\n  nexus whatif 17 --on studio"
)]
pub(crate) struct WhatifArgs {
    /// The job
    pub(crate) job: JobRef,
    /// With this node alone
    #[arg(long, value_name = "NODE", conflicts_with = "without")]
    on: Option<String>,
    /// Without this node
    #[arg(long, value_name = "NODE")]
    without: Option<String>,
    /// With so many slots in all, shared out as they are now
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    workers: Option<u32>,
}

/// Runs `nexus whatif`.
pub(crate) async fn whatif(args: &WhatifArgs, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let nodes = cluster::nodes(cluster).await?;
    let ran = ran_job(cluster, args.job.job, &nodes).await?;
    let mut slots = ran.slots.clone();
    let name = |text: &str| {
        let node = cluster::find_node(&nodes, text)?;
        Ok::<String, CliError>(nodes.iter().find(|n| n.node == node).map_or_else(String::new, |n| n.name.clone()))
    };
    if let Some(on) = &args.on {
        let on = name(on)?;
        slots.retain(|node, _| *node == on);
    }
    if let Some(without) = &args.without {
        let without = name(without)?;
        slots.retain(|node, _| *node != without);
    }
    if let Some(workers) = args.workers {
        slots = shared_out(&slots, workers);
    }
    let took = ran.finished.0 - ran.started.0;
    let (same, changed) = (predict(&ran, &ran.slots, SEED)?, predict(&ran, &slots, SEED)?);
    if console.is_json() {
        let ms = |p: &Prediction| json!({"median_ms": p.median / 1e3, "low_80_ms": p.low_80 / 1e3, "high_80_ms": p.high_80 / 1e3});
        console.answer(&document(&json!({
            "job": args.job.job.0, "took_ms": took as f64 / 1e3, "slots": ran.slots, "slots_then": slots,
            "again": ms(&same), "then": ms(&changed), "runs_seen": ran.other_runs.len() + 1,
        })));
        return Ok(());
    }
    let span = |micros: f64| Micros::from_f64(micros).to_string();
    let difference = changed.median - took as f64;
    let sign = if difference < 0.0 { "−" } else { "+" };
    console.answer(&format!(
        "predicted {} [{}, {}], {sign}{} against the {} it took\n",
        span(changed.median),
        span(changed.low_80),
        span(changed.high_80),
        span(difference.abs()),
        span(took as f64),
    ));
    console.say(&format!(
        "8 of 10 runs should be in the brackets; from {} tasks and {} of this job",
        ran.tasks.len(),
        crate::output::units::count(ran.other_runs.len() as u64 + 1, "run")
    ));
    Ok(())
}

/// Runs `nexus timeline show JOB`.
pub(crate) async fn show(
    job: JobId,
    svg: Option<&PathBuf>,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    let nodes = cluster::nodes(cluster).await?;
    let ran = ran_job(cluster, job, &nodes).await?;
    let timeline = job_timeline(&ran)?;
    let graph = Graph::new(timeline.state());
    if let Some(path) = svg {
        return exported(&draw::svg(&graph, &format!("job {} · {}", job.0, ran.name)), Some(path), console);
    }
    if console.is_json() {
        console.answer(&nexus_echo::Document::of(&timeline).to_text());
    } else {
        console.answer(&draw::chart(&graph, CHART_WIDTH, CHART_ROWS));
        console.say("lengths are measured; starts are those of slots that take the tasks in order");
    }
    Ok(())
}

/// The job of a name like `17` or `job-17`.
pub(crate) fn job_of(name: &str) -> Option<JobId> {
    let digits = name.strip_prefix("job-").unwrap_or(name);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok().map(JobId)).flatten()
}

/// As many slots in all as wanted, in the proportions that there are, the largest remainders first.
fn shared_out(slots: &BTreeMap<String, u32>, wanted: u32) -> BTreeMap<String, u32> {
    let all: u64 = slots.values().map(|slots| u64::from(*slots)).sum();
    let exact = |slots: u32| u64::from(slots) * u64::from(wanted);
    let mut shared: BTreeMap<String, u32> =
        slots.iter().map(|(node, slots)| (node.clone(), (exact(*slots) / all.max(1)) as u32)).collect();
    let mut rest: Vec<(u64, &String)> = slots.iter().map(|(node, slots)| (exact(*slots) % all.max(1), node)).collect();
    rest.sort_by(|a, b| b.cmp(a));
    let given: u32 = shared.values().sum();
    for (_, node) in rest.into_iter().cycle().take(wanted.saturating_sub(given) as usize) {
        *shared.entry(node.clone()).or_default() += 1;
    }
    shared
}

/// Everything that is known of how a job ran.
async fn ran_job(cluster: &impl Cluster, job: JobId, nodes: &[NodeView]) -> Result<RanJob, CliError> {
    let view = cluster::job(cluster, job).await?;
    let (Some(started), Some(finished)) = (view.started_at_ms, view.finished_at_ms) else {
        let message = format!("{job} has not ended, so there is no whole run to look at");
        return Err(CliError::new(Exit::Usage, codes::NO_RESULT_YET, message)
            .with_help(format!("`nexus job wait {}` waits for it", job.0)));
    };
    let node_name =
        |id| nodes.iter().find(|node| node.node == id).map_or_else(|| id.to_string(), |node| node.name.clone());
    let mut tasks = Vec::new();
    let mut rest = view.tasks;
    while rest.start < rest.end {
        let page = cluster::tasks_page(cluster, job, rest).await?;
        let Some(last) = page.last().map(|task| task.index) else { break };
        tasks.extend(page.iter().filter_map(|task: &TaskView| {
            let cost = task.cost.as_ref()?;
            Some(RanTask {
                name: format!("task {}", task.index),
                node: node_name(task.node?),
                wall: Micros(i64::try_from(cost.wall.as_micros()).unwrap_or(i64::MAX)),
                attempts: task.attempts,
            })
        }));
        rest = IndexRange { start: last + 1, end: rest.end };
    }
    let micros = |ms: u64| Micros(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000));
    let used = |node: &&NodeView| view.by_node.iter().any(|(id, _)| *id == node.node) || node.capacity.slots > 0;
    Ok(RanJob {
        name: view.name.clone(),
        submitted: micros(view.submitted_at_ms),
        started: micros(started),
        finished: micros(finished),
        tasks,
        slots: nodes.iter().filter(used).map(|node| (node.name.clone(), node.capacity.slots)).collect(),
        other_runs: other_runs(cluster, &view).await?,
    })
}

/// How long other runs of the same name and size took that ended well.
async fn other_runs(cluster: &impl Cluster, of: &JobView) -> Result<Vec<Micros>, CliError> {
    let Response::Jobs(page) = cluster.request(Request::ListJobs { limit: JOBS_PER_PAGE_MAX, before: None }).await?
    else {
        return Err(cluster::unexpected());
    };
    let length = |range: IndexRange| range.end.saturating_sub(range.start);
    let same = |job: &&JobView| {
        job.job != of.job && job.name == of.name && length(job.tasks) == length(of.tasks) && job.state == of.state
    };
    let took = |job: &JobView| {
        Some(Micros(i64::try_from(job.finished_at_ms?.saturating_sub(job.started_at_ms?)).ok()?.checked_mul(1_000)?))
    };
    Ok(page.iter().filter(same).filter_map(took).take(OTHER_RUNS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_shared_out_in_proportion() {
        let slots = |a, b| BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        assert_eq!(shared_out(&slots(2, 6), 4), slots(1, 3));
        assert_eq!(shared_out(&slots(2, 6), 5).values().sum::<u32>(), 5);
        assert_eq!(shared_out(&BTreeMap::new(), 5), BTreeMap::new());
    }

    #[test]
    fn numbers_are_jobs_and_other_names_are_timelines() {
        assert_eq!(job_of("17"), Some(JobId(17)));
        assert_eq!(job_of("job-17"), Some(JobId(17)));
        assert_eq!(["launch", "", "job-", "17b"].map(job_of), [None; 4]);
    }
}
