//! How long a job would take on other slots, with an interval that should hold 8 of 10 runs.
//!
//! Every simulated run (`replay.rs`) gives the tasks, in their order, to the slot that is free first. A task takes what it
//! took, longer or shorter on another node as [`TaskTimes`] says, and by chance as much as the same tasks of other runs
//! differed. Whole runs are scaled so that the slots of the runs that were seen, as they came and went, give what those
//! runs took, and spread as those were.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::EchoError;
use crate::forecast::{Lanes, normal_quantile};
use crate::jobs::replay::Replay;
use crate::jobs::times::{Factor, TaskTimes, median};
use crate::time::Micros;

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

/// Slots of a node that were there for a part of a run, or for all of it. Times count from the run's start.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The node.
    pub node: String,
    /// How many.
    pub slots: u32,
    /// Since when; 0 or before for what was there when the run began.
    pub from: Micros,
    /// Until when they took tasks; `None` for what stayed.
    pub until: Option<Micros>,
    /// When the tasks that ran there at `until` came back to the queue, if they were lost; `None` if they ran to their end.
    pub lost_back: Option<Micros>,
}

impl Offer {
    /// Slots that are there all the time.
    pub fn steady(slots: &BTreeMap<String, u32>) -> Vec<Offer> {
        let offer = |(node, slots): (&String, &u32)| Offer {
            node: node.clone(),
            slots: *slots,
            from: Micros::ZERO,
            until: None,
            lost_back: None,
        };
        slots.iter().map(offer).collect()
    }

    /// The slots of a run that took `took`, in the mean over its time.
    fn mean_slots(offers: &[Offer], took: Micros) -> f64 {
        let length = took.0.max(1);
        let share = |offer: &Offer| {
            let until = offer.until.map_or(length, |until| until.0.clamp(0, length));
            f64::from(offer.slots) * (until - offer.from.0.clamp(0, until)) as f64 / length as f64
        };
        offers.iter().map(share).sum()
    }
}

/// A job as it ran, and other runs of the same work.
#[derive(Debug, Clone, PartialEq)]
pub struct RanJob {
    /// From its first task's start to its end.
    pub took: Micros,
    /// Its tasks that ran to an end, in order.
    pub tasks: Vec<RanTask>,
    /// The slots that could take tasks, as they came and went.
    pub offers: Vec<Offer>,
    /// Slots of each node when it began.
    pub slots: BTreeMap<String, u32>,
    /// How long other runs of the same work took, during which `slots` were there, and no others.
    pub other_runs: Vec<Micros>,
    /// The times of the same tasks in one of them; empty where nobody looked.
    pub other_tasks: Vec<RanTask>,
}

/// What is to be otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The slots that take tasks.
    pub slots: BTreeMap<String, u32>,
    /// How much longer every task takes, whatever its node: another way to run the program.
    pub work: Factor,
}

impl Change {
    /// These slots, and nothing else.
    pub fn slots(slots: BTreeMap<String, u32>) -> Self {
        Change { slots, work: Factor::ONE }
    }
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

/// Predicts how long the job takes after a change; deterministic in `seed`.
///
/// # Errors
/// [`EchoError::Unanswerable`] without tasks or without slots.
pub fn predict(job: &RanJob, change: &Change, times: &impl TaskTimes, seed: u64) -> Result<Prediction, EchoError> {
    let unanswerable = |what: &str| Err(EchoError::Unanswerable(what.to_owned()));
    if job.tasks.is_empty() {
        return unanswerable("no task of the job ran to an end, so there is nothing to predict from");
    }
    let slots: f64 = change.slots.values().map(|slots| f64::from(*slots)).sum();
    if slots == 0.0 {
        return unanswerable("there would be no slot left to run the tasks on");
    }
    let mut random = Lanes::<1>::new(seed, 0);
    let replay = Replay { tasks: &job.tasks, times, task_spread: task_spread(job) };
    let own = median(replay.runs(&job.offers, &mut random));
    let steady = Offer::steady(&job.slots);
    let others =
        if job.other_runs.is_empty() || steady == job.offers { own } else { median(replay.runs(&steady, &mut random)) };
    let (scale, spread) = scale(job, own, others);
    let doublings = (slots / Offer::mean_slots(&job.offers, job.took).max(1.0)).log2().abs();
    let spread = spread.hypot(SPREAD_PER_DOUBLING * doublings).hypot(change.work.sigma);
    let mut then = replay.runs(&Offer::steady(&change.slots), &mut random);
    for time in &mut then {
        *time *= scale * change.work.median * (spread * normal_quantile(random.next())).exp();
    }
    then.sort_unstable_by(f64::total_cmp);
    let quantile = |p: f64| then[((then.len() - 1) as f64 * p).round() as usize];
    Ok(Prediction { median: quantile(0.5), low_80: quantile(0.1), high_80: quantile(0.9) })
}

/// How much longer runs took than the simulation of them, as the geometric mean of those that were seen, and how far the
/// next one may be from it (standard deviation of the logarithm): the variance of a normal sample with what is known
/// before it, times what the mean of few is worth. `own` and `others` are the simulated times of this run and of the
/// other ones.
fn scale(job: &RanJob, own: f64, others: f64) -> (f64, f64) {
    let log = |took: Micros, simulated: f64| (took.0.max(1) as f64 / simulated.max(1.0)).ln();
    let logs: Vec<f64> = job.other_runs.iter().map(|took| log(*took, others)).chain([log(job.took, own)]).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::SeenTimes;

    fn job(tasks: u32, slots: u32) -> RanJob {
        let wall = |at: u32| Micros(900_000 + i64::from(at) * 7_919 % 200_000);
        let tasks: Vec<RanTask> =
            (0..tasks).map(|index| RanTask { index, node: "box".to_owned(), wall: wall(index) }).collect();
        let length = tasks.iter().map(|task| task.wall.0).sum::<i64>() / i64::from(slots);
        RanJob {
            took: Micros(length),
            tasks,
            offers: Offer::steady(&on("box", slots)),
            slots: on("box", slots),
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
        let seen = job.took.0 as f64;
        let times = SeenTimes::new(&job);
        let same = predict(&job, &Change::slots(job.slots.clone()), &times, 1).unwrap();
        assert!((same.median / seen - 1.0).abs() < 0.03, "{same:?} for {seen}");
        assert!(same.low_80 < seen && seen < same.high_80);
        let twice = predict(&job, &Change::slots(on("box", 4)), &times, 1).unwrap();
        assert!((twice.median / seen - 0.5).abs() < 0.03, "{twice:?} for {seen}");
    }

    #[test]
    fn the_interval_is_as_wide_as_runs_were_different() {
        let width = |other_runs: Vec<f64>| {
            let mut job = job(100, 2);
            let seen = job.took.0 as f64;
            job.other_runs = other_runs.into_iter().map(|factor| Micros::from_f64(seen * factor)).collect();
            let found = predict(&job, &Change::slots(job.slots.clone()), &SeenTimes::new(&job), 1).unwrap();
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
        job.took = Micros(13_000_000);
        let many = predict(&job, &Change::slots(on("box", 64)), &SeenTimes::new(&job), 1).unwrap();
        let base = predict(&job, &Change::slots(job.slots.clone()), &SeenTimes::new(&job), 1).unwrap();
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
        let seen = job.took.0 as f64;
        let there = predict(&job, &Change::slots(on("gpu", 2)), &Learned, 1).unwrap();
        assert!((there.median / seen - 0.1).abs() < 0.02, "{there:?}");
        let unknown = predict(&job, &Change::slots(on("gpu", 2)), &SeenTimes::new(&job), 1).unwrap();
        assert!(unknown.high_80 / unknown.low_80 > 4.0, "nothing is known of that node: {unknown:?}");
    }

    #[test]
    fn without_slots_or_tasks_there_is_no_prediction() {
        let mut job = job(3, 1);
        let times = SeenTimes::new(&job);
        assert!(predict(&job, &Change::slots(BTreeMap::new()), &times, 1).is_err());
        assert!(predict(&job, &Change::slots(on("box", 0)), &times, 1).is_err());
        job.tasks.clear();
        assert!(predict(&job, &Change::slots(job.slots.clone()), &times, 1).is_err());
    }

    /// The same with every other task on a second node as fast.
    fn on_both(mut job: RanJob) -> RanJob {
        job.tasks.iter_mut().skip(1).step_by(2).for_each(|task| task.node = "air".to_owned());
        job
    }

    /// A hundred seconds of work on two slots of `box` and two of `air`, which was lost after ten seconds; its tasks came
    /// back five seconds later.
    fn broken() -> RanJob {
        let mut job = on_both(job(100, 2));
        let offers = |until: Option<i64>| {
            let offer = |node: &str, until: Option<i64>| Offer {
                node: node.to_owned(),
                slots: 2,
                from: Micros::ZERO,
                until: until.map(|seconds| Micros(seconds * 1_000_000)),
                lost_back: until.map(|seconds| Micros((seconds + 5) * 1_000_000)),
            };
            vec![offer("air", until), offer("box", None)]
        };
        job.slots = BTreeMap::from([("air".to_owned(), 2), ("box".to_owned(), 2)]);
        job.offers = offers(Some(10));
        // Forty tasks in ten seconds on four slots, sixty on two.
        job.took = Micros(40_000_000);
        job
    }

    #[test]
    fn a_run_that_lost_a_node_is_no_measure_of_one_that_does_not() {
        let job = broken();
        let times = SeenTimes::new(&job);
        let again = predict(&job, &Change::slots(job.slots.clone()), &times, 1).unwrap();
        assert!((again.median / 25e6 - 1.0).abs() < 0.08, "{again:?}");
        let without = predict(&job, &Change::slots(on("box", 2)), &times, 1).unwrap();
        assert!((without.median / 50e6 - 1.0).abs() < 0.05, "{without:?}");
        // Seen as if nothing had been lost, it would seem to be slow work.
        let naive = RanJob { offers: Offer::steady(&job.slots), ..job };
        let naive = predict(&naive, &Change::slots(naive.slots.clone()), &SeenTimes::new(&naive), 1).unwrap();
        assert!(naive.median > 35e6, "{naive:?}");
    }

    #[test]
    fn runs_in_peace_count_beside_one_that_lost_a_node() {
        let mut job = broken();
        let times = SeenTimes::new(&job);
        let alone = predict(&job, &Change::slots(job.slots.clone()), &times, 1).unwrap();
        job.other_runs = vec![Micros(25_000_000); 8];
        let beside = predict(&job, &Change::slots(job.slots.clone()), &times, 1).unwrap();
        assert!((beside.median / 25e6 - 1.0).abs() < 0.04, "{beside:?}");
        assert!(beside.high_80 - beside.low_80 < alone.high_80 - alone.low_80, "{beside:?} {alone:?}");
    }

    #[test]
    fn slots_that_come_and_go_take_tasks_while_they_are_there() {
        let mut job = on_both(job(100, 2));
        let offer = |from: i64, until: Option<i64>| Offer {
            node: "air".to_owned(),
            slots: 2,
            from: Micros(from * 1_000_000),
            until: until.map(|until| Micros(until * 1_000_000)),
            lost_back: None,
        };
        // Beside `box` ten seconds of two more slots, then none, then two for good.
        job.offers.extend([offer(0, Some(10)), offer(20, None)]);
        // A hundred seconds of work: 20 on `air` until it goes, and from 20 s on four slots for ten more.
        job.took = Micros(30_000_000);
        let found = predict(&job, &Change::slots(on("box", 2)), &SeenTimes::new(&job), 1).unwrap();
        assert!((found.median / 50e6 - 1.0).abs() < 0.05, "{found:?}");
    }

    #[test]
    fn another_way_to_run_the_program_makes_every_task_longer() {
        let job = job(100, 2);
        let change = |median, sigma| Change { work: Factor { median, sigma }, ..Change::slots(job.slots.clone()) };
        let times = SeenTimes::new(&job);
        let [as_is, half, unsure] = [change(1.0, 0.0), change(0.5, 0.0), change(0.5, 0.5)]
            .map(|change| predict(&job, &change, &times, 1).unwrap());
        assert!((half.median / as_is.median - 0.5).abs() < 1e-9, "{half:?} {as_is:?}");
        assert!(unsure.high_80 / unsure.low_80 > 2.0 * half.high_80 / half.low_80, "{unsure:?}");
    }
}
