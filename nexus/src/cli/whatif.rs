//! `nexus whatif JOB`: how long a job would take otherwise.
//!
//! What the cluster knows of the job is asked for; what it means is `nexus_echo::jobs`.

use std::collections::BTreeMap;

use clap::Args;
use nexus_echo::Micros;
use nexus_echo::jobs::{Prediction, RanJob, RanTask, SeenTimes, predict};
use nexus_model::{IndexRange, JobId};
use nexus_wire::limits::JOBS_PER_PAGE_MAX;
use nexus_wire::{JobView, LifeEntry, LifeEvent, NodeView, Request, Response, TaskView, TimelineRequest};
use serde_json::json;

use super::argument::JobRef;
use super::cluster::{self, Cluster};
use super::codes;
use super::error::{CliError, Exit};
use super::life;
use crate::output::Console;
use crate::output::json::document;

/// Earlier runs of the same job that say how much runs differ.
const OTHER_RUNS_MAX: usize = 30;
/// Seed of a prediction: the same question has the same answer.
const SEED: u64 = 1;
/// Tasks of an earlier run that are set beside those of this one.
const OTHER_TASKS_MAX: u32 = 20_000;

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
        // It was not there then, but is now.
        let now = nodes.iter().find(|node| node.name == on && node.capacity.slots > 0);
        now.into_iter().for_each(|node| _ = slots.entry(on.clone()).or_insert(node.capacity.slots));
    }
    if let Some(without) = &args.without {
        let without = name(without)?;
        slots.retain(|node, _| *node != without);
    }
    if let Some(workers) = args.workers {
        slots = shared_out(&slots, workers);
    }
    let took = ran.finished.0 - ran.started.0;
    let times = SeenTimes::new(&ran);
    let (same, changed) = (predict(&ran, &ran.slots, &times, SEED)?, predict(&ran, &slots, &times, SEED)?);
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
    let tasks = ran_tasks(cluster, job, view.tasks, nodes).await?;
    let presences = presences(cluster, nodes).await?;
    let slots = slots_at(&presences, started);
    let others = other_runs(cluster, &view, |other| slots_at(&presences, other) == slots).await?;
    let other_tasks = match others.first() {
        Some((other, _)) => {
            let end = other.tasks.end.min(other.tasks.start.saturating_add(OTHER_TASKS_MAX));
            ran_tasks(cluster, other.job, IndexRange::new(other.tasks.start, end), nodes).await?
        }
        None => Vec::new(),
    };
    let micros = |ms: u64| Micros(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000));
    Ok(RanJob {
        started: micros(started),
        finished: micros(finished),
        tasks,
        slots,
        other_runs: others.iter().map(|(_, took)| *took).collect(),
        other_tasks,
    })
}

/// Since when a node offered how many slots, in order: from its life.
struct Presence {
    node: String,
    since: Vec<(u64, u32)>,
}

async fn presences(cluster: &impl Cluster, nodes: &[NodeView]) -> Result<Vec<Presence>, CliError> {
    let mut presences = Vec::new();
    for view in nodes {
        let life = life::asked(cluster, TimelineRequest::NodeLife(view.node)).await?;
        let offers = |entry: &LifeEntry| match entry.what {
            LifeEvent::Up { slots } => Some((entry.at_ms, slots)),
            LifeEvent::Lost | LifeEvent::Stopped | LifeEvent::Removed => Some((entry.at_ms, 0)),
            _ => None,
        };
        let since = life.entries.iter().filter_map(offers).collect();
        presences.push(Presence { node: view.name.clone(), since });
    }
    Ok(presences)
}

/// The slots that were offered at a time, by node.
fn slots_at(presences: &[Presence], at_ms: u64) -> BTreeMap<String, u32> {
    let slots = |presence: &Presence| {
        let offers = presence.since.partition_point(|(since, _)| *since <= at_ms);
        offers.checked_sub(1).map_or(0, |last| presence.since[last].1)
    };
    let offered = presences.iter().map(|presence| (presence.node.clone(), slots(presence)));
    offered.filter(|(_, slots)| *slots > 0).collect()
}

/// The tasks of a job that ran, with their nodes and times.
async fn ran_tasks(
    cluster: &impl Cluster,
    job: JobId,
    mut rest: IndexRange,
    nodes: &[NodeView],
) -> Result<Vec<RanTask>, CliError> {
    let node_name =
        |id| nodes.iter().find(|node| node.node == id).map_or_else(|| id.to_string(), |node| node.name.clone());
    let mut tasks = Vec::new();
    while rest.start < rest.end {
        let page = cluster::tasks_page(cluster, job, rest).await?;
        let Some(last) = page.last().map(|task| task.index) else { break };
        tasks.extend(page.iter().filter_map(|task: &TaskView| {
            let wall = task.cost.as_ref()?.wall;
            Some(RanTask {
                index: task.index,
                node: node_name(task.node?),
                wall: Micros(i64::try_from(wall.as_micros()).unwrap_or(i64::MAX)),
            })
        }));
        rest = IndexRange { start: last + 1, end: rest.end };
    }
    Ok(tasks)
}

/// Other runs of the same name and size that ended alike and began on the same slots, and how long they took; the newest
/// first.
async fn other_runs(
    cluster: &impl Cluster,
    of: &JobView,
    on_same_slots: impl Fn(u64) -> bool,
) -> Result<Vec<(JobView, Micros)>, CliError> {
    let Response::Jobs(page) = cluster.request(Request::ListJobs { limit: JOBS_PER_PAGE_MAX, before: None }).await?
    else {
        return Err(cluster::unexpected());
    };
    let same = |job: &JobView| {
        (&job.name, job.tasks, job.state) == (&of.name, of.tasks, of.state)
            && job.job != of.job
            && job.started_at_ms.is_some_and(&on_same_slots)
    };
    let took = |job: &JobView| {
        let ms = job.finished_at_ms?.saturating_sub(job.started_at_ms?);
        Some(Micros(i64::try_from(ms).ok()?.checked_mul(1_000)?))
    };
    let ran = page.into_iter().filter(same).filter_map(|job| took(&job).map(|took| (job, took)));
    Ok(ran.take(OTHER_RUNS_MAX).collect())
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
    fn slots_are_those_that_were_offered_then() {
        let presences = [
            Presence { node: "a".to_owned(), since: vec![(10, 4), (20, 0), (30, 2)] },
            Presence { node: "b".to_owned(), since: vec![(15, 1)] },
        ];
        let slots = |at| slots_at(&presences, at).into_iter().collect::<Vec<_>>();
        assert_eq!(slots(9), []);
        assert_eq!(slots(10), [("a".to_owned(), 4)]);
        assert_eq!(slots(25), [("b".to_owned(), 1)]);
        assert_eq!(slots(31), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    }
}
