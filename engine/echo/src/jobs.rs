//! The runtime's own timelines: a job as events on its nodes' slots, and what would have been otherwise.
//!
//! Durations come from the tasks as they ran. The ledger keeps how long each task took and where, not when it began; so
//! the starts are those of the slots taking tasks in order, and say so in their metadata.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::Serialize;

use crate::EchoError;
use crate::event::{EventKind, TimeNode};
use crate::forecast::Lanes;
use crate::forecast::normal_quantile;
use crate::time::Micros;
use crate::timeline::{Timeline, TimelineKind};
use crate::trigger::{Trigger, TriggerKind};

/// Simulated runs of one prediction.
const RUNS: usize = 400;
/// The most task durations sampled for one simulated run; larger jobs are simulated in so many batches of tasks.
const SAMPLES_PER_RUN_MAX: usize = 20_000;
/// How far whole runs of the same job differ (standard deviation of the logarithm) as long as no earlier runs say it.
const SPREAD_UNKNOWN: f64 = 0.1;
/// Two identical runs by chance do not mean that all are identical.
const SPREAD_LEAST: f64 = 0.02;

/// A task as it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct RanTask {
    /// Its name in the job.
    pub name: String,
    /// The node it ran on.
    pub node: String,
    /// How long its last attempt took.
    pub wall: Micros,
    /// How many attempts it took.
    pub attempts: u32,
}

/// A job as it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct RanJob {
    /// Its name.
    pub name: String,
    /// When it was accepted.
    pub submitted: Micros,
    /// When its first task began.
    pub started: Micros,
    /// When it ended.
    pub finished: Micros,
    /// Its tasks, in order.
    pub tasks: Vec<RanTask>,
    /// Slots of each node that could take tasks.
    pub slots: BTreeMap<String, u32>,
    /// How long other runs of the same job took, from first start to end.
    pub other_runs: Vec<Micros>,
}

/// What a run would take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Prediction {
    /// From first start to end, in microseconds: the median.
    pub median: f64,
    /// Lower bound of the interval that should hold 80 % of the runs.
    pub low_80: f64,
    /// Its upper bound.
    pub high_80: f64,
}

/// The life of a job: accepted, each task on its node, ended.
///
/// # Errors
/// As [`Timeline::apply`].
pub fn job_timeline(job: &RanJob) -> Result<Timeline, EchoError> {
    let mut timeline = Timeline::new(&job.name, TimelineKind::Primary);
    timeline.append(TimeNode::new("accepted", EventKind::Fact, job.submitted))?;
    let mut free = Slots::new(&job.slots, job.started.0 as f64);
    let mut ends = Vec::new();
    for task in &job.tasks {
        let start = free.take_on(&task.node, task.wall.0 as f64, job.started.0 as f64);
        let mut node = TimeNode::new(&task.name, EventKind::Fact, Micros::from_f64(start));
        let end = Micros(node.timestamp.0 + task.wall.0);
        node.metadata.insert("lane".to_owned(), task.node.clone());
        node.metadata.insert("until".to_owned(), end.0.to_string());
        node.metadata.insert("start".to_owned(), "reconstructed".to_owned());
        if task.attempts > 1 {
            node.metadata.insert("attempts".to_owned(), task.attempts.to_string());
        }
        timeline.append(node)?;
        timeline.link(Trigger::new("accepted", TriggerKind::Enables, &task.name))?;
        ends.push((task.name.clone(), task.wall));
    }
    let finished = job.finished.max(timeline_end(&timeline));
    timeline.append(TimeNode::new("ended", EventKind::Fact, finished))?;
    for (name, wall) in ends {
        let mut trigger = Trigger::new(name, TriggerKind::Enables, "ended");
        trigger.delay.min = wall;
        timeline.link(trigger)?;
    }
    Ok(timeline)
}

fn timeline_end(timeline: &Timeline) -> Micros {
    let until = |node: &TimeNode| node.metadata.get("until").and_then(|until| until.parse().ok()).map(Micros);
    timeline.state().iter_nodes().filter_map(|(_, node)| until(node)).max().unwrap_or_default()
}

/// Predicts how long the job takes with `slots`: task times drawn from those seen, longer or shorter by node as seen, on
/// slots that take the next task when they are free; scaled so that the run that was seen is predicted without bias, and
/// spread as other runs of the job were.
///
/// # Errors
/// [`EchoError::Unanswerable`] without tasks or without slots.
pub fn predict(job: &RanJob, slots: &BTreeMap<String, u32>, seed: u64) -> Result<Prediction, EchoError> {
    let walls: Vec<f64> = job.tasks.iter().map(|task| task.wall.0 as f64).collect();
    if walls.is_empty() {
        return Err(EchoError::Unanswerable(
            "no task of the job has ended yet, so there is nothing to predict from".into(),
        ));
    }
    if slots.values().all(|slots| *slots == 0) {
        return Err(EchoError::Unanswerable("there would be no slot left to run the tasks on".into()));
    }
    let speeds = speeds(job);
    let mut random = Lanes::<1>::new(seed, 0);
    let seen = (job.finished.0 - job.started.0).max(1) as f64;
    let mut base = simulate(job, &walls, &speeds, &job.slots, &mut random);
    let mut changed = simulate(job, &walls, &speeds, slots, &mut random);
    base.sort_unstable_by(f64::total_cmp);
    let bias = seen / base[base.len() / 2].max(1.0);
    let spread = run_spread(job);
    for time in &mut changed {
        *time *= bias * (spread * normal_quantile(random.next())).exp();
    }
    changed.sort_unstable_by(f64::total_cmp);
    let quantile = |p: f64| changed[((changed.len() - 1) as f64 * p).round() as usize];
    Ok(Prediction { median: quantile(0.5), low_80: quantile(0.1), high_80: quantile(0.9) })
}

/// How much longer tasks take on each node than on all: the ratio of medians.
fn speeds(job: &RanJob) -> BTreeMap<&str, f64> {
    let mut by_node: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for task in &job.tasks {
        by_node.entry(&task.node).or_default().push(task.wall.0 as f64);
    }
    let overall = median(job.tasks.iter().map(|task| task.wall.0 as f64).collect());
    by_node.into_iter().map(|(node, walls)| (node, median(walls) / overall.max(1.0))).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Standard deviation of the logarithm of whole runs.
fn run_spread(job: &RanJob) -> f64 {
    let seen = (job.finished.0 - job.started.0).max(1);
    let logs: Vec<f64> =
        job.other_runs.iter().map(|run| run.0).chain([seen]).map(|run| (run.max(1) as f64).ln()).collect();
    if logs.len() < 3 {
        return SPREAD_UNKNOWN;
    }
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    // One more run differs from a run that was seen, not from the mean of all: both vary.
    (variance * (1.0 + 1.0 / n)).sqrt().max(SPREAD_LEAST) * std::f64::consts::SQRT_2
}

fn simulate(
    job: &RanJob,
    walls: &[f64],
    speeds: &BTreeMap<&str, f64>,
    slots: &BTreeMap<String, u32>,
    random: &mut Lanes<1>,
) -> Vec<f64> {
    let group = job.tasks.len().div_ceil(SAMPLES_PER_RUN_MAX).max(1);
    let runs = (RUNS * SAMPLES_PER_RUN_MAX / job.tasks.len().clamp(1, SAMPLES_PER_RUN_MAX)).clamp(50, RUNS);
    let run = |_| {
        let mut free = Slots::new(slots, 0.0);
        for _ in 0..job.tasks.len().div_ceil(group) {
            let wall = walls[(random.next() * walls.len() as f64) as usize % walls.len()] * group as f64;
            free.take_next(wall, speeds);
        }
        free.last
    };
    (0..runs).map(run).collect()
}

/// When slots become free.
struct Slots {
    /// Time as ordered bits (times are not negative), then the node.
    free: BinaryHeap<Reverse<(u64, usize)>>,
    names: Vec<String>,
    /// For one node alone.
    by_node: BTreeMap<String, BinaryHeap<Reverse<u64>>>,
    last: f64,
}

impl Slots {
    fn new(slots: &BTreeMap<String, u32>, start: f64) -> Self {
        let bits = start.max(0.0).to_bits();
        let names: Vec<String> = slots.keys().cloned().collect();
        let each = slots
            .values()
            .enumerate()
            .flat_map(|(at, count)| std::iter::repeat_n(Reverse((bits, at)), *count as usize));
        let by_node = slots.iter().map(|(name, count)| {
            (name.clone(), std::iter::repeat_n(Reverse(bits), (*count).max(1) as usize).collect())
        });
        Slots { free: each.collect(), by_node: by_node.collect(), names, last: start }
    }

    /// Runs a task on the slot that is free first.
    fn take_next(&mut self, wall: f64, speeds: &BTreeMap<&str, f64>) {
        let Some(Reverse((bits, node))) = self.free.pop() else { return };
        let speed = speeds.get(self.names[node].as_str()).copied().unwrap_or(1.0);
        let end = f64::from_bits(bits) + wall * speed;
        self.last = self.last.max(end);
        self.free.push(Reverse((end.to_bits(), node)));
    }

    /// Runs a task on a slot of one node and answers when it begins.
    fn take_on(&mut self, node: &str, wall: f64, start: f64) -> f64 {
        let first = start.max(0.0);
        let slots = self.by_node.entry(node.to_owned()).or_insert_with(|| BinaryHeap::from([Reverse(first.to_bits())]));
        let begin = slots.pop().map_or(first, |Reverse(bits)| f64::from_bits(bits));
        slots.push(Reverse((begin + wall.max(0.0)).to_bits()));
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(tasks: usize, slots: u32) -> RanJob {
        let wall = |at: usize| Micros(900_000 + (at as i64 * 7_919 % 200_000));
        let tasks: Vec<RanTask> = (0..tasks)
            .map(|at| RanTask { name: format!("task {at}"), node: "box".to_owned(), wall: wall(at), attempts: 1 })
            .collect();
        let length = tasks.iter().map(|task| task.wall.0).sum::<i64>() / i64::from(slots);
        RanJob {
            name: "job".to_owned(),
            submitted: Micros(1_000_000),
            started: Micros(2_000_000),
            finished: Micros(2_000_000 + length),
            tasks,
            slots: BTreeMap::from([("box".to_owned(), slots)]),
            other_runs: Vec::new(),
        }
    }

    #[test]
    fn twice_the_slots_take_half_the_time() {
        let job = job(100, 2);
        let seen = (job.finished.0 - job.started.0) as f64;
        let same = predict(&job, &job.slots, 1).unwrap();
        assert!((same.median / seen - 1.0).abs() < 0.03, "{same:?} for {seen}");
        assert!(same.low_80 < seen && seen < same.high_80);
        let twice = predict(&job, &BTreeMap::from([("box".to_owned(), 4)]), 1).unwrap();
        assert!((twice.median / seen - 0.5).abs() < 0.03, "{twice:?} for {seen}");
    }

    #[test]
    fn a_job_becomes_a_consistent_timeline_with_its_tasks_on_their_nodes() {
        let timeline = job_timeline(&job(7, 2)).unwrap();
        assert!(crate::check::check(&timeline).is_consistent(), "{:?}", crate::check::check(&timeline));
        assert_eq!(timeline.state().events(), 9);
        let chart = crate::draw::chart(&crate::Graph::new(timeline.state()), 80, 20);
        assert!(chart.contains("task 6 @ box"), "{chart}");
    }

    #[test]
    fn without_slots_or_tasks_there_is_no_prediction() {
        let mut job = job(3, 1);
        assert!(predict(&job, &BTreeMap::new(), 1).is_err());
        job.tasks.clear();
        assert!(predict(&job, &job.slots, 1).is_err());
    }
}
