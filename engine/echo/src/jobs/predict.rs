//! How long a job would take on other slots, with an interval that should hold 8 of 10 runs.
//!
//! Every simulated run gives the tasks, in their order, to the slot that is free first. A task takes what it took, longer
//! or shorter on another node as [`TaskTimes`] says, and by chance as much as the same tasks of other runs differed. Whole
//! runs are scaled so that the slots of the run that was seen give what such runs took, and spread as those were.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::Serialize;

use crate::EchoError;
use crate::forecast::{Lanes, normal_quantile};
use crate::jobs::times::{TaskTimes, median};
use crate::time::Micros;

/// Simulated runs of one prediction.
const RUNS: usize = 400;
/// The most tasks of one simulated run; of larger jobs every so many are simulated as one.
const TASKS_PER_RUN_MAX: usize = 20_000;
/// How far whole runs of one job differ (standard deviation of the logarithm) as long as nothing else is known, and as
/// many earlier runs as that is worth.
const SPREAD_BEFORE: f64 = 0.10;
const SPREAD_BEFORE_RUNS: f64 = 3.0;
/// How far the same task of two runs differs as long as nothing else is known, and as many tasks as that is worth.
const TASK_SPREAD_BEFORE: f64 = 0.15;
const TASK_SPREAD_BEFORE_TASKS: f64 = 10.0;
/// What twice or half as many slots add: the rest of a run (transfer, planning, memory bandwidth) does not scale with them.
const SPREAD_PER_DOUBLING: f64 = 0.05;

/// A task as it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct RanTask {
    /// Its place in the job.
    pub index: u32,
    /// The node it ran on.
    pub node: String,
    /// How long its last attempt took.
    pub wall: Micros,
}

/// A job as it ran, and other runs of the same job.
#[derive(Debug, Clone, PartialEq)]
pub struct RanJob {
    /// When its first task was given to a node.
    pub started: Micros,
    /// When it ended.
    pub finished: Micros,
    /// Its tasks, in order.
    pub tasks: Vec<RanTask>,
    /// Slots of each node that could take tasks.
    pub slots: BTreeMap<String, u32>,
    /// How long other runs of the same job took on the same slots, from first start to end.
    pub other_runs: Vec<Micros>,
    /// The times of the same tasks in one of them; empty where nobody looked.
    pub other_tasks: Vec<RanTask>,
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

/// Predicts how long the job takes with `slots`; deterministic in `seed`.
///
/// # Errors
/// [`EchoError::Unanswerable`] without tasks or without slots.
pub fn predict(
    job: &RanJob,
    slots: &BTreeMap<String, u32>,
    times: &impl TaskTimes,
    seed: u64,
) -> Result<Prediction, EchoError> {
    let unanswerable = |what: &str| Err(EchoError::Unanswerable(what.to_owned()));
    if job.tasks.is_empty() {
        return unanswerable("no task of the job has ended yet, so there is nothing to predict from");
    }
    let count = |slots: &BTreeMap<String, u32>| slots.values().map(|slots| f64::from(*slots)).sum::<f64>();
    if count(slots) == 0.0 {
        return unanswerable("there would be no slot left to run the tasks on");
    }
    let mut random = Lanes::<1>::new(seed, 0);
    let simulation = Simulation { job, times, task_spread: task_spread(job) };
    let base = median(simulation.runs(&job.slots, &mut random));
    let (usual, spread) = usual_run(job);
    let scale = usual / base.max(1.0);
    let doublings = (count(slots) / count(&job.slots).max(1.0)).log2().abs();
    let spread = spread.hypot(SPREAD_PER_DOUBLING * doublings);
    let mut then = simulation.runs(slots, &mut random);
    for time in &mut then {
        *time *= scale * (spread * normal_quantile(random.next())).exp();
    }
    then.sort_unstable_by(f64::total_cmp);
    let quantile = |p: f64| then[((then.len() - 1) as f64 * p).round() as usize];
    Ok(Prediction { median: quantile(0.5), low_80: quantile(0.1), high_80: quantile(0.9) })
}

/// The geometric mean of the runs that were seen, and how far the next one may be from it (standard deviation of the
/// logarithm): the variance of a normal sample with what is known before it, times what the mean of few is worth.
fn usual_run(job: &RanJob) -> (f64, f64) {
    let seen = (job.finished.0 - job.started.0).max(1);
    let runs = job.other_runs.iter().map(|run| run.0).chain([seen]);
    let logs: Vec<f64> = runs.map(|run| (run.max(1) as f64).ln()).collect();
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
    let variance = (SPREAD_BEFORE_RUNS * SPREAD_BEFORE.powi(2) + squares) / (SPREAD_BEFORE_RUNS + n - 1.0);
    (mean.exp(), (variance * (1.0 + 1.0 / n)).sqrt())
}

/// How far the same task of two runs differs by chance (standard deviation of the logarithm), whatever whole runs differ
/// by: half of the variance of their ratios is each one's own.
fn task_spread(job: &RanJob) -> f64 {
    let others: BTreeMap<u32, &RanTask> = job.other_tasks.iter().map(|task| (task.index, task)).collect();
    let log = |task: &RanTask| (task.wall.0.max(1) as f64).ln();
    let pairs = job.tasks.iter().filter_map(|task| {
        let other = others.get(&task.index).filter(|other| other.node == task.node)?;
        Some(log(task) - log(other))
    });
    let ratios: Vec<f64> = pairs.collect();
    let n = ratios.len() as f64;
    let mean = ratios.iter().sum::<f64>() / n.max(1.0);
    let squares: f64 = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum();
    let before = TASK_SPREAD_BEFORE_TASKS * TASK_SPREAD_BEFORE.powi(2);
    ((before + squares / 2.0) / (TASK_SPREAD_BEFORE_TASKS + (n - 1.0).max(0.0))).sqrt()
}

struct Simulation<'a, T> {
    job: &'a RanJob,
    times: &'a T,
    task_spread: f64,
}

impl<T: TaskTimes> Simulation<'_, T> {
    fn runs(&self, slots: &BTreeMap<String, u32>, random: &mut Lanes<1>) -> Vec<f64> {
        let tasks = self.job.tasks.len();
        let runs = (RUNS * TASKS_PER_RUN_MAX / tasks.clamp(1, TASKS_PER_RUN_MAX)).clamp(50, RUNS);
        let names: Vec<&str> = slots.iter().filter(|(_, count)| **count > 0).map(|(name, _)| name.as_str()).collect();
        // One task stands for so many: they would go to the slots one after the other.
        let group = tasks.div_ceil(TASKS_PER_RUN_MAX).max(1);
        let factors = self.factors(&names);
        (0..runs).map(|_| self.run(slots, &names, &factors, group, random)).collect()
    }

    /// For each node of the run, in order of name, the factors to `names`.
    fn factors(&self, names: &[&str]) -> BTreeMap<&str, Vec<crate::jobs::Factor>> {
        let mut factors: BTreeMap<&str, Vec<crate::jobs::Factor>> = BTreeMap::new();
        for task in &self.job.tasks {
            factors
                .entry(&task.node)
                .or_insert_with(|| names.iter().map(|on| self.times.factor(&task.node, on)).collect());
        }
        factors
    }

    fn run(
        &self,
        slots: &BTreeMap<String, u32>,
        names: &[&str],
        factors: &BTreeMap<&str, Vec<crate::jobs::Factor>>,
        group: usize,
        random: &mut Lanes<1>,
    ) -> f64 {
        // Whether a node is faster than thought is the same for all tasks of a run.
        let luck: Vec<f64> = names.iter().map(|_| normal_quantile(random.next())).collect();
        // Times are not negative, so that their bits are ordered as they are.
        let mut free: BinaryHeap<Reverse<(u64, usize)>> = names
            .iter()
            .enumerate()
            .flat_map(|(at, name)| std::iter::repeat_n(Reverse((0, at)), slots[*name] as usize))
            .collect();
        let mut last = 0.0_f64;
        for task in self.job.tasks.iter().step_by(group) {
            let Some(Reverse((bits, at))) = free.pop() else { break };
            let factor = factors[task.node.as_str()][at];
            let chance = (self.task_spread * normal_quantile(random.next())).exp();
            let wall = task.wall.0 as f64 * group as f64 * factor.median * (factor.sigma * luck[at]).exp() * chance;
            let end = f64::from_bits(bits) + wall;
            last = last.max(end);
            free.push(Reverse((end.to_bits(), at)));
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{Factor, SeenTimes};

    fn job(tasks: u32, slots: u32) -> RanJob {
        let wall = |at: u32| Micros(900_000 + i64::from(at) * 7_919 % 200_000);
        let tasks: Vec<RanTask> =
            (0..tasks).map(|index| RanTask { index, node: "box".to_owned(), wall: wall(index) }).collect();
        let length = tasks.iter().map(|task| task.wall.0).sum::<i64>() / i64::from(slots);
        RanJob {
            started: Micros(2_000_000),
            finished: Micros(2_000_000 + length),
            tasks,
            slots: BTreeMap::from([("box".to_owned(), slots)]),
            other_runs: Vec::new(),
            other_tasks: Vec::new(),
        }
    }

    fn on(node: &str, slots: u32) -> BTreeMap<String, u32> {
        BTreeMap::from([(node.to_owned(), slots)])
    }

    #[test]
    fn twice_the_slots_take_half_the_time() {
        let job = job(100, 2);
        let seen = (job.finished.0 - job.started.0) as f64;
        let times = SeenTimes::new(&job);
        let same = predict(&job, &job.slots, &times, 1).unwrap();
        assert!((same.median / seen - 1.0).abs() < 0.03, "{same:?} for {seen}");
        assert!(same.low_80 < seen && seen < same.high_80);
        let twice = predict(&job, &on("box", 4), &times, 1).unwrap();
        assert!((twice.median / seen - 0.5).abs() < 0.03, "{twice:?} for {seen}");
    }

    #[test]
    fn the_interval_is_as_wide_as_runs_were_different() {
        let width = |other_runs: Vec<f64>| {
            let mut job = job(100, 2);
            let seen = (job.finished.0 - job.started.0) as f64;
            job.other_runs = other_runs.into_iter().map(|factor| Micros::from_f64(seen * factor)).collect();
            let found = predict(&job, &job.slots.clone(), &SeenTimes::new(&job), 1).unwrap();
            (found.high_80 / found.low_80).ln()
        };
        let steady = width(vec![1.0; 10]);
        let wild = width(vec![0.7, 1.3, 0.8, 1.4, 0.6, 1.5, 1.0, 0.75, 1.25, 1.1]);
        assert!(steady < width(Vec::new()) && width(Vec::new()) < wild, "{steady} {wild}");
        // 80 % of a normal distribution lie within 1.28 deviations; these runs have 0.29.
        assert!((wild / (2.0 * 1.2816 * 0.29 * (1.0 + 1.0 / 11.0_f64).sqrt()) - 1.0).abs() < 0.15, "{wild}");
    }

    #[test]
    fn a_longest_task_bounds_what_more_slots_can_do() {
        let mut job = job(8, 2);
        job.tasks[7].wall = Micros(10_000_000);
        job.finished = Micros(job.started.0 + 13_000_000);
        let many = predict(&job, &on("box", 64), &SeenTimes::new(&job), 1).unwrap();
        let base = predict(&job, &job.slots, &SeenTimes::new(&job), 1).unwrap();
        assert!(many.median > 0.65 * base.median, "{many:?} against {base:?}");
    }

    #[test]
    fn a_model_says_how_fast_a_node_is_that_ran_nothing() {
        struct Learned;
        impl TaskTimes for Learned {
            fn factor(&self, _: &str, on: &str) -> Factor {
                if on == "gpu" { Factor { median: 0.1, sigma: 0.05 } } else { Factor::ONE }
            }
        }
        let job = job(100, 2);
        let seen = (job.finished.0 - job.started.0) as f64;
        let there = predict(&job, &on("gpu", 2), &Learned, 1).unwrap();
        assert!((there.median / seen - 0.1).abs() < 0.02, "{there:?}");
        let unknown = predict(&job, &on("gpu", 2), &SeenTimes::new(&job), 1).unwrap();
        assert!(unknown.high_80 / unknown.low_80 > 4.0, "nothing is known of that node: {unknown:?}");
    }

    #[test]
    fn without_slots_or_tasks_there_is_no_prediction() {
        let mut job = job(3, 1);
        let times = SeenTimes::new(&job);
        assert!(predict(&job, &BTreeMap::new(), &times, 1).is_err());
        assert!(predict(&job, &on("box", 0), &times, 1).is_err());
        job.tasks.clear();
        assert!(predict(&job, &job.slots.clone(), &times, 1).is_err());
    }
}
