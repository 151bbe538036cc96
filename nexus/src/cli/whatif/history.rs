//! What the cluster knows of how a job ran: its tasks, the slots that came and went meanwhile, and other runs of the same
//! work.
//!
//! It asks and gathers; what it means is `nexus_echo::jobs`.

use std::collections::BTreeMap;

use nexus_echo::Micros;
use nexus_echo::jobs::{Offer, RanJob, RanTask};
use nexus_model::{IndexRange, JobId, TaskState};
use nexus_wire::{
    Fate, JobView, LifeEntry, LifeEvent, NodeView, PastRun, Request, Response, TaskView, TimelineRequest,
    TimelineResponse,
};

use crate::cli::cluster::{self, Cluster};
use crate::cli::error::{CliError, Exit};
use crate::cli::{codes, life};

/// Other runs of the same work that say how much runs differ.
const OTHER_RUNS_MAX: usize = 30;
/// Tasks of another run that are set beside those of this one.
const OTHER_TASKS_MAX: u32 = 20_000;

/// A job that ran, and what else the answer names.
pub(super) struct History {
    pub(super) ran: RanJob,
    /// How many tasks the job has.
    pub(super) tasks: u32,
    /// Slots that each node offered last, of those that ever offered any.
    pub(super) last_offered: BTreeMap<String, u32>,
}

/// Everything that is known of how a job ran.
pub(super) async fn history(cluster: &impl Cluster, job: JobId, nodes: &[NodeView]) -> Result<History, CliError> {
    let view = cluster::job(cluster, job).await?;
    let (Some(started), Some(finished)) = (view.started_at_ms, view.finished_at_ms) else {
        let message = format!("{job} has not ended, so there is no whole run to look at");
        return Err(CliError::new(Exit::Usage, codes::NO_RESULT_YET, message)
            .with_help(format!("`nexus job wait {}` waits for it", job.0)));
    };
    let tasks = ran_tasks(cluster, job, view.tasks, nodes).await?;
    let presences = presences(cluster, nodes).await?;
    let slots = slots_at(&presences, started);
    let marks = marks(cluster, job, (&tasks, nodes)).await?;
    let others = other_runs(cluster, &view, &presences, &slots).await?;
    let other_tasks = match others.first() {
        Some(other) => {
            let end = view.tasks.end.min(view.tasks.start.saturating_add(OTHER_TASKS_MAX));
            ran_tasks(cluster, other.job, IndexRange::new(view.tasks.start, end), nodes).await?
        }
        None => Vec::new(),
    };
    let took = |started: u64, finished: u64| micros(finished.saturating_sub(started));
    let ran = RanJob {
        took: took(started, finished),
        tasks,
        offers: presences.iter().flat_map(|presence| presence.offers((started, finished), &marks)).collect(),
        slots,
        other_runs: others.iter().map(|run| took(run.started_at_ms, run.finished_at_ms)).collect(),
        other_tasks,
    };
    let last = presences.iter().filter_map(|presence| Some((presence.node.clone(), presence.last_offered()?)));
    Ok(History { ran, tasks: view.tasks.len(), last_offered: last.collect() })
}

/// What a node offered from some time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offered {
    /// So many slots; 0 while it drains, and ends what it holds.
    Slots(u32),
    /// Nothing, and what it held was lost.
    Gone,
}

/// What a node offered when, in order: from its life.
struct Presence {
    node: String,
    since: Vec<(u64, Offered)>,
}

impl Presence {
    fn at(&self, at_ms: u64) -> u32 {
        let before = self.since.partition_point(|(since, _)| *since <= at_ms);
        match before.checked_sub(1).map(|last| self.since[last].1) {
            Some(Offered::Slots(slots)) => slots,
            Some(Offered::Gone) | None => 0,
        }
    }

    fn last_offered(&self) -> Option<u32> {
        let slots = |(_, offered): &(u64, Offered)| match offered {
            Offered::Slots(slots) if *slots > 0 => Some(*slots),
            _ => None,
        };
        self.since.iter().rev().find_map(slots)
    }

    /// The slots that it offered during a run, with times from the run's start.
    fn offers(&self, (started, finished): (u64, u64), marks: &Marks) -> Vec<Offer> {
        let mut offers: Vec<Offer> = Vec::new();
        let open = |from: u64, slots: u32| Offer {
            node: self.node.clone(),
            slots,
            from: micros(from - started),
            until: None,
            lost_back: None,
        };
        let mut now = self.at(started);
        if now > 0 {
            offers.push(open(started, now));
        }
        for (at, offered) in self.since.iter().filter(|(at, _)| (started + 1..=finished).contains(at)) {
            let next = match offered {
                Offered::Slots(slots) => *slots,
                Offered::Gone => 0,
            };
            // A node that attaches to another leader offers what it offered.
            if next == now {
                continue;
            }
            if let Some(last) = offers.last_mut().filter(|_| now > 0) {
                let back = marks.lost.iter().find(|(node, back)| *node == self.node && back >= at);
                let gone = match back {
                    Some(_) if *offered == Offered::Gone => marks.fell_silent(&self.node, started, *at),
                    _ => *at,
                };
                last.until = Some(micros(gone - started));
                let lost = *offered == Offered::Gone;
                last.lost_back = lost.then(|| micros(back.map_or(*at, |(_, back)| *back) - started));
            }
            if next > 0 {
                offers.push(open(*at, next));
            }
            now = next;
        }
        offers
    }
}

async fn presences(cluster: &impl Cluster, nodes: &[NodeView]) -> Result<Vec<Presence>, CliError> {
    let mut presences = Vec::new();
    for view in nodes {
        let life = life::asked(cluster, TimelineRequest::NodeLife(view.node)).await?;
        let offers = |entry: &LifeEntry| match entry.what {
            LifeEvent::Up { slots } => Some((entry.at_ms, Offered::Slots(slots))),
            LifeEvent::Lost | LifeEvent::Stopped | LifeEvent::Removed => Some((entry.at_ms, Offered::Gone)),
            _ => None,
        };
        let since = life.entries.iter().filter_map(offers).collect();
        presences.push(Presence { node: view.name.clone(), since });
    }
    Ok(presences)
}

/// The slots that were offered at a time, by node.
fn slots_at(presences: &[Presence], at_ms: u64) -> BTreeMap<String, u32> {
    let offered = presences.iter().map(|presence| (presence.node.clone(), presence.at(at_ms)));
    offered.filter(|(_, slots)| *slots > 0).collect()
}

/// What the life of the job says of when its nodes were lost.
#[derive(Debug, Default)]
struct Marks {
    /// When tasks came back that were lost with a node, in order.
    lost: Vec<(String, u64)>,
    /// When tasks ended on a node, in order.
    ended: Vec<(String, u64)>,
    /// Half of what a task takes.
    half_task_ms: u64,
}

impl Marks {
    /// When a node, of which it was said at `said` that it was lost, took no more tasks. The leader waits for a while
    /// before it says so: the tasks that were lost began when the last ones ended, and were not over.
    fn fell_silent(&self, node: &str, started: u64, said: u64) -> u64 {
        let ends = self.ended.iter().filter(|(on, at)| on == node && *at <= said);
        let last = ends.map(|(_, at)| *at).max().unwrap_or(started).max(started);
        last.saturating_add(self.half_task_ms).min(said)
    }
}

async fn marks(
    cluster: &impl Cluster,
    job: JobId,
    (tasks, nodes): (&[RanTask], &[NodeView]),
) -> Result<Marks, CliError> {
    let life = life::asked(cluster, TimelineRequest::JobLife(job)).await?;
    let mut walls: Vec<i64> = tasks.iter().map(|task| task.wall.0).collect();
    walls.sort_unstable();
    let half = walls.get(walls.len() / 2).map_or(0, |wall| wall.unsigned_abs() / 2_000);
    let mut marks = Marks { half_task_ms: half, ..Marks::default() };
    for entry in &life.entries {
        match entry.what {
            LifeEvent::Left { node, fate: Fate::Lost, .. } => {
                marks.lost.push((life::name_of(node, nodes), entry.at_ms));
            }
            LifeEvent::Left { node, fate: Fate::Ended(_), .. } => {
                marks.ended.push((life::name_of(node, nodes), entry.at_ms));
            }
            _ => {}
        }
    }
    Ok(marks)
}

/// The tasks of a job that ran to an end of their own, with their nodes and times. A task that was lost, cancelled or
/// never started took no time that says anything.
async fn ran_tasks(
    cluster: &impl Cluster,
    job: JobId,
    mut rest: IndexRange,
    nodes: &[NodeView],
) -> Result<Vec<RanTask>, CliError> {
    let mut tasks = Vec::new();
    while rest.start < rest.end {
        let page = cluster::tasks_page(cluster, job, rest).await?;
        let Some(last) = page.last().map(|task| task.index) else { break };
        tasks.extend(page.iter().filter_map(|task| ran(task, nodes)));
        rest = IndexRange { start: last + 1, end: rest.end };
    }
    Ok(tasks)
}

fn ran(task: &TaskView, nodes: &[NodeView]) -> Option<RanTask> {
    // A failure of the runtime, like a node that was lost, has no time.
    let ended_itself = matches!(task.state, TaskState::Succeeded | TaskState::Failed | TaskState::TimedOut);
    let wall = task.cost.as_ref().filter(|cost| ended_itself && !cost.wall.is_zero())?.wall;
    let wall = Micros(i64::try_from(wall.as_micros()).unwrap_or(i64::MAX));
    Some(RanTask { index: task.index, node: life::name_of(task.node?, nodes), wall })
}

/// Other runs of the same work that ended alike, and during which the nodes offered `slots` and nothing else; the newest
/// first.
async fn other_runs(
    cluster: &impl Cluster,
    of: &JobView,
    presences: &[Presence],
    slots: &BTreeMap<String, u32>,
) -> Result<Vec<PastRun>, CliError> {
    let asked = Request::Timeline(Box::new(TimelineRequest::RunsLike(of.job)));
    let Response::Timeline(answer) = cluster.request(asked).await? else { return Err(cluster::unexpected()) };
    let TimelineResponse::Runs(runs) = *answer else { return Err(cluster::unexpected()) };
    let steady = |run: &PastRun| {
        let during = (run.started_at_ms, run.finished_at_ms);
        let offers: Vec<Offer> =
            presences.iter().flat_map(|presence| presence.offers(during, &Marks::default())).collect();
        offers.iter().all(|offer| offer.from == Micros::ZERO && offer.until.is_none())
            && slots_at(presences, run.started_at_ms) == *slots
    };
    let alike = runs.into_iter().filter(|run| run.state == of.state && steady(run));
    Ok(alike.take(OTHER_RUNS_MAX).collect())
}

fn micros(ms: u64) -> Micros {
    Micros(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(node: &str, since: &[(u64, Offered)]) -> Presence {
        Presence { node: node.to_owned(), since: since.to_vec() }
    }

    #[test]
    fn slots_are_those_that_were_offered_then() {
        let presences = [
            presence("a", &[(10, Offered::Slots(4)), (20, Offered::Gone), (30, Offered::Slots(2))]),
            presence("b", &[(15, Offered::Slots(1))]),
        ];
        let slots = |at| slots_at(&presences, at).into_iter().collect::<Vec<_>>();
        assert_eq!(slots(9), []);
        assert_eq!(slots(10), [("a".to_owned(), 4)]);
        assert_eq!(slots(25), [("b".to_owned(), 1)]);
        assert_eq!(slots(31), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert_eq!(presence("c", &[(1, Offered::Slots(3)), (2, Offered::Slots(0))]).last_offered(), Some(3));
    }

    #[test]
    fn offers_begin_and_end_as_the_node_came_and_went() {
        let node = presence(
            "a",
            &[
                (5, Offered::Slots(4)),
                (12, Offered::Slots(4)),
                (20, Offered::Gone),
                (30, Offered::Slots(2)),
                (35, Offered::Slots(0)),
                (99, Offered::Slots(9)),
            ],
        );
        let offer = |slots, from, until: Option<u64>, back: Option<u64>| Offer {
            node: "a".to_owned(),
            slots,
            from: micros(from),
            until: until.map(micros),
            lost_back: back.map(micros),
        };
        let at = |all: &[(&str, u64)]| all.iter().map(|(node, at)| ((*node).to_owned(), *at)).collect::<Vec<_>>();
        let mut marks = Marks { lost: at(&[("b", 21), ("a", 26)]), ended: at(&[("b", 19)]), half_task_ms: 50 };
        assert_eq!(
            node.offers((10, 40), &marks),
            [offer(4, 0, Some(10), Some(16)), offer(2, 20, Some(25), None)],
            "attached to another leader at 12, lost at 20, with its tasks back at 26, drained at 35"
        );
        assert_eq!(node.offers((6, 15), &marks), [offer(4, 0, None, None)]);
        assert_eq!(node.offers((22, 25), &marks), []);
        // The task that was lost began at 14 and would have taken four.
        (marks.ended, marks.half_task_ms) = (at(&[("a", 12), ("a", 14), ("b", 19), ("a", 33)]), 2);
        assert_eq!(node.offers((10, 40), &marks)[0], offer(4, 0, Some(6), Some(16)));
    }
}
