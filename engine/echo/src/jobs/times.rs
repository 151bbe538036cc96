//! How long a task takes on another node: the interface of those who know, and what the tasks of the run itself say.

use std::collections::BTreeMap;

use crate::jobs::predict::{RanJob, RanTask};

/// How much longer something takes than something else: a log-normal ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor {
    /// Its median.
    pub median: f64,
    /// Standard deviation of its logarithm: how sure that is.
    pub sigma: f64,
}

impl Factor {
    /// Just as long, for certain.
    pub const ONE: Factor = Factor { median: 1.0, sigma: 0.0 };
}

/// Who knows how long tasks take where. What the run itself says is [`SeenTimes`]; a model that was learned from other runs
/// is another.
pub trait TaskTimes {
    /// How much longer a task takes on the node `on` than it took on `seen_on`.
    fn factor(&self, seen_on: &str, on: &str) -> Factor;
}

/// The nodes' speeds as the tasks of a run show them: the same task on both nodes in two runs where there are such, else
/// the ratio of the median times of the nodes' tasks. Few tasks, or very different ones, say little, so that what they say
/// is drawn towards "as fast". A node that ran none of them is as fast as all together, which is not sure at all.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenTimes {
    /// Of the times of its tasks, as logarithms: the median, and the variance of that.
    by_node: BTreeMap<String, (f64, f64)>,
    overall: f64,
    /// Of the same tasks on the one and the other: mean logarithm of the ratio, and its variance.
    pairs: BTreeMap<(String, String), (f64, f64)>,
}

/// How unsure the speed of a node is that ran nothing (standard deviation of the logarithm): between half and twice as
/// fast, two times of three.
const UNSEEN: f64 = 0.7;
/// How far the speeds of the nodes of one cluster differ, before anything is seen.
const NODES_DIFFER: f64 = 0.4;
/// The variance of a median of a normal sample, beside that of its mean.
const OF_MEDIAN: f64 = 1.571;
/// Pairs of tasks from which on they say more than medians.
const PAIRS_MIN: usize = 3;

impl SeenTimes {
    /// What the tasks of a run, and of another, say.
    pub fn new(job: &RanJob) -> Self {
        let mut by_node: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for task in &job.tasks {
            by_node.entry(task.node.clone()).or_default().push(log(task));
        }
        let mut pairs: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
        let others: BTreeMap<u32, &RanTask> = job.other_tasks.iter().map(|task| (task.index, task)).collect();
        for task in &job.tasks {
            let Some(other) = others.get(&task.index).filter(|other| other.node != task.node) else { continue };
            let ratio = log(other) - log(task);
            pairs.entry((task.node.clone(), other.node.clone())).or_default().push(ratio);
            pairs.entry((other.node.clone(), task.node.clone())).or_default().push(-ratio);
        }
        let mean = |ratios: &Vec<f64>| (ratios.iter().sum::<f64>() / ratios.len() as f64, spread(ratios));
        SeenTimes {
            overall: median(job.tasks.iter().map(log).collect()),
            by_node: by_node
                .into_iter()
                .map(|(node, logs)| (node, (median(logs.clone()), OF_MEDIAN * spread(&logs))))
                .collect(),
            pairs: pairs
                .iter()
                .filter(|(_, all)| all.len() >= PAIRS_MIN)
                .map(|(nodes, all)| (nodes.clone(), mean(all)))
                .collect(),
        }
    }
}

fn log(task: &RanTask) -> f64 {
    (task.wall.0.max(1) as f64).ln()
}

/// The variance of the mean of some values; that of one value is not known, and large.
fn spread(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if values.len() < 2 {
        return 1.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0) / n
}

impl TaskTimes for SeenTimes {
    fn factor(&self, seen_on: &str, on: &str) -> Factor {
        if seen_on == on {
            return Factor::ONE;
        }
        let seen = match (
            self.pairs.get(&(seen_on.to_owned(), on.to_owned())),
            self.by_node.get(seen_on),
            self.by_node.get(on),
        ) {
            (Some(pairs), ..) => *pairs,
            (None, Some((here, here_spread)), Some((there, there_spread))) => {
                (there - here, here_spread + there_spread)
            }
            (None, here, _) => {
                let from = here.map_or(self.overall, |(here, _)| *here);
                return Factor { median: (self.overall - from).exp(), sigma: UNSEEN };
            }
        };
        // What is seen and what is known before, each by what it is worth.
        let before = NODES_DIFFER.powi(2);
        let share = before / (before + seen.1);
        Factor { median: (seen.0 * share).exp(), sigma: (share * seen.1).sqrt() }
    }
}

/// The middle value; 0 of none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;

    fn job(tasks: &[(u32, &str, i64)], other: &[(u32, &str, i64)]) -> RanJob {
        let ran = |all: &[(u32, &str, i64)]| {
            let task =
                |&(index, node, wall): &(u32, &str, i64)| RanTask { index, node: node.to_owned(), wall: Micros(wall) };
            all.iter().map(task).collect::<Vec<_>>()
        };
        RanJob {
            took: Micros(1),
            tasks: ran(tasks),
            offers: Vec::new(),
            slots: BTreeMap::new(),
            other_runs: Vec::new(),
            other_tasks: ran(other),
        }
    }

    #[test]
    fn a_node_is_slower_whose_tasks_took_longer_time_after_time() {
        let tasks: Vec<(u32, &str, i64)> = (0..40)
            .map(|at| (at, if at % 2 == 0 { "fast" } else { "slow" }, if at % 2 == 0 { 1_000 } else { 2_000 }))
            .collect();
        let factor = SeenTimes::new(&job(&tasks, &[])).factor("fast", "slow");
        assert!((factor.median - 2.0).abs() < 0.01 && factor.sigma < 0.01, "{factor:?}");
    }

    #[test]
    fn tasks_of_very_different_lengths_say_little_unless_the_same_ran_on_both() {
        // The long ones happened to run on `a`; the nodes are as fast as each other.
        let tasks: Vec<(u32, &str, i64)> =
            (0..8).map(|at| (at, if at < 4 { "a" } else { "b" }, 1_000 << (9 - at))).collect();
        let swapped: Vec<(u32, &str, i64)> =
            tasks.iter().map(|&(at, node, wall)| (at, if node == "a" { "b" } else { "a" }, wall)).collect();
        let guessed = SeenTimes::new(&job(&tasks, &[])).factor("a", "b");
        assert!(guessed.median > 0.5 && guessed.sigma > 0.2, "drawn towards as fast, and unsure: {guessed:?}");
        let known = SeenTimes::new(&job(&tasks, &swapped)).factor("a", "b");
        assert!((known.median - 1.0).abs() < 1e-9 && known.sigma < 1e-6, "{known:?}");
    }
}
