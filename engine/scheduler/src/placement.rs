//! What it is worth to run a task on a node: an expected utility in closed form, and why one node was chosen.
//!
//! A task on a node ends well after what it fetches and its predicted time, or the node is lost with it half way. Either
//! costs time, and energy priced as time; the utility of a cost c is `exp(-c / scale)`: 1 for nothing, and less the later
//! the result comes, as by discounting (Samuelson 1937). The expectation over both is the worth of the node; that it is
//! what an influence diagram of the same numbers gives is held by a test. Driven by the scheduler's choice for each task
//! that is not short, and asked for by whoever explains.

use nexus_model::{NodeId, WORKER_LEASE};

use crate::job::Pace;
use crate::{PREDICTED_RUNS, UNKNOWN_NS};

/// The most nodes that are weighed against each other for one decision: the most idle ones that fit.
pub(crate) const CANDIDATES_MAX: usize = 8;
/// Nodes behind the first that fits that are looked at for others.
pub(crate) const LOOKED_AT_MAX: usize = 32;
/// A node further down the order is taken only if it is worth so many parts in a hundred more: smaller differences are
/// less than is known.
const MARGIN: f64 = 1.02;
/// What a lost worker costs beside the work: its lease runs out before its tasks go back to the queue.
const LOSS_NS: f64 = WORKER_LEASE.as_nanos() as f64;
/// Losses among tasks that are expected of a node of which nothing is known: one in four hundred.
const PRIOR_LOSSES: f64 = 0.25;
const PRIOR_TASKS: f64 = 100.0;
/// Bytes that a node fetches in a nanosecond: a link of a gigabit.
const FETCH_BYTES_PER_NS: f64 = 0.117;
/// What a slot draws while it works, in watts, where the node's label does not say it: a core of a laptop or a small
/// server.
pub(crate) const ASSUMED_WATTS: f64 = 6.0;
/// Time that a joule is worth, in ns: a task that takes a second more on a slot less draws even.
const JOULE_NS: f64 = 5e7;
/// The weight of the newest task in what is known of a node's speed.
const NEWEST_WEIGHT: f64 = 0.125;
/// How far a node may be from the mean speed: beyond, something else than the node was slow.
const SPEED_MAX: f64 = 32.0;
/// Tasks of which a node's losses are remembered; then both halve, so that a node can mend.
const REMEMBERED: f64 = 10_000.0;

/// Parts that make less of a difference are no reason: they would be told as nothing.
const GAIN_MIN: f64 = 0.0005;

/// What is known of a node beside its load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Record {
    /// Time of its tasks against the mean of their jobs: 2 is twice as slow.
    slowness: f64,
    /// Tasks that it ended, and those that were lost with it.
    ended: f64,
    lost: f64,
}

impl Default for Record {
    fn default() -> Self {
        Record { slowness: 1.0, ended: 0.0, lost: 0.0 }
    }
}

impl Record {
    /// Tasks of a job with this pace ran here, and took `busy_ns` together.
    pub(crate) fn ran(&mut self, tasks: u32, busy_ns: f64, job: Pace) {
        self.ended += f64::from(tasks);
        self.forget();
        if let Some(mean_ns) = job.mean_ns().filter(|mean| *mean > 0.0) {
            let ratio = (busy_ns / f64::from(tasks.max(1)) / mean_ns).clamp(1.0 / SPEED_MAX, SPEED_MAX);
            // In logarithms, so that twice as slow and twice as fast even out.
            self.slowness = (self.slowness.ln() * (1.0 - NEWEST_WEIGHT) + ratio.ln() * NEWEST_WEIGHT).exp();
        }
    }

    /// Tasks were lost with it.
    pub(crate) fn lost(&mut self, tasks: u32) {
        self.lost += f64::from(tasks);
        self.forget();
    }

    fn forget(&mut self) {
        if self.ended + self.lost > REMEMBERED {
            self.ended /= 2.0;
            self.lost /= 2.0;
        }
    }

    /// The probability that the node is lost with a task.
    fn risk(&self) -> f64 {
        (self.lost + PRIOR_LOSSES) / (self.ended + self.lost + PRIOR_TASKS)
    }
}

/// What a task asks of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// The pace of its job.
    pub(crate) pace: Pace,
    /// Slots that it takes.
    pub(crate) cpus: u32,
}

/// A node as it is weighed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) node: NodeId,
    pub(crate) record: Record,
    /// The pace of the job's tasks that ran there.
    pub(crate) here: Option<Pace>,
    /// Bytes of the task's inputs that are not there.
    pub(crate) lacking_bytes: u64,
    /// What one slot draws, if somebody said so.
    pub(crate) slot_watts: Option<f64>,
}

impl Need {
    /// Predicted time on a node of mean speed.
    fn mean_ns(&self) -> f64 {
        self.pace.mean_ns().unwrap_or(UNKNOWN_NS as f64)
    }

    /// The cost at which the utility has fallen to 1/e.
    fn scale_ns(&self) -> f64 {
        // Twice what the task takes: waiting as long as the work itself costs about a third.
        2.0 * self.mean_ns().max(1.0)
    }
}

/// What running a task on a node is expected to come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The node.
    pub node: NodeId,
    /// Tasks of the job that ran there: what the predicted time rests on.
    pub runs: u64,
    /// Predicted time of the task there, in ns.
    pub run_ns: f64,
    /// Time to fetch its inputs, in ns: 0 where tasks of the job were before, and where the inputs were made.
    pub fetch_ns: f64,
    /// What one slot draws there, in watts, if the node's label says it; otherwise it is assumed.
    pub slot_watts: Option<f64>,
    /// Energy that it takes there, in joules.
    pub energy_joules: f64,
    /// Probability that the node is lost with it.
    pub risk: f64,
    /// Expected utility, from 0 to 1.
    pub utility: f64,
}

impl Estimate {
    /// What a task comes to on a node.
    pub(crate) fn of(candidate: Candidate, need: &Need) -> Self {
        let Candidate { node, record, here, lacking_bytes, slot_watts } = candidate;
        let runs = here.map_or(0, |pace| pace.completed);
        let guess = need.mean_ns() * record.slowness;
        let own = here.and_then(Pace::mean_ns).unwrap_or(0.0);
        // The mean of what ran here, and of the guess, which counts for a few runs.
        let run_ns = (own * runs as f64 + guess * PREDICTED_RUNS) / (runs as f64 + PREDICTED_RUNS);
        let fetch_ns = lacking_bytes as f64 / FETCH_BYTES_PER_NS;
        let energy_joules = energy_joules(run_ns, slot_watts, need);
        let risk = record.risk();
        let mut estimate = Estimate { node, runs, run_ns, fetch_ns, slot_watts, energy_joules, risk, utility: 0.0 };
        estimate.utility = estimate.expected(need);
        estimate
    }

    /// The costs of the two ways in which it may go, in ns: well, and lost half way and done again.
    fn costs(&self) -> [f64; 2] {
        let well = self.fetch_ns + self.run_ns + self.energy_joules * JOULE_NS;
        [well, 1.5 * well + LOSS_NS]
    }

    fn expected(&self, need: &Need) -> f64 {
        let [well, lost] = self.costs().map(|cost| (-cost / need.scale_ns()).exp());
        (1.0 - self.risk) * well + self.risk * lost
    }

    /// The same with one part of it as at another node.
    fn with(mut self, part: Part, other: &Estimate, need: &Need) -> f64 {
        match part {
            Part::Time => {
                self.run_ns = other.run_ns;
                self.energy_joules = energy_joules(other.run_ns, self.slot_watts, need);
            }
            Part::Energy => self.energy_joules = energy_joules(self.run_ns, other.slot_watts, need),
            Part::Locality => self.fetch_ns = other.fetch_ns,
            Part::Risk => self.risk = other.risk,
        }
        self.expected(need)
    }

    /// The ways in which it may go, well and lost: the probability and the cost, in ns, of each.
    pub fn outcomes(&self) -> [(f64, f64); 2] {
        let [well, lost] = self.costs();
        [(1.0 - self.risk, well), (self.risk, lost)]
    }
}

/// Energy of a task that takes so long.
fn energy_joules(run_ns: f64, slot_watts: Option<f64>, need: &Need) -> f64 {
    run_ns / 1e9 * f64::from(need.cpus) * slot_watts.unwrap_or(ASSUMED_WATTS)
}

/// A part of what makes one node better than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Predicted time, and the energy that goes with it.
    Time,
    /// What a slot draws.
    Energy,
    /// What has to be fetched first.
    Locality,
    /// The risk that the node is lost.
    Risk,
}

/// A choice that was made for a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// The node that was taken.
    pub chosen: Estimate,
    /// The best of the others that were weighed.
    pub runner_up: Option<Estimate>,
    /// How many nodes were weighed.
    pub weighed: usize,
    /// The part in which the two differ most, by what the chosen one would lose with the other's; none where they are
    /// alike, and idleness decided.
    pub because: Option<(Part, f64)>,
    /// The cost at which the utility has fallen to 1/e, in ns.
    pub scale_ns: f64,
}

/// The choice among candidates, the most idle first.
pub(crate) fn choose(candidates: &[Estimate], need: &Need) -> Option<Placement> {
    let first = candidates.first()?;
    let best = candidates.iter().fold(first, |best, other| if other.utility > best.utility { other } else { best });
    let chosen = if best.utility > first.utility * MARGIN { best } else { first };
    let others = candidates.iter().filter(|other| other.node != chosen.node);
    let runner_up = others.max_by(|a, b| a.utility.total_cmp(&b.utility)).copied();
    let gain = |other: &Estimate, part| chosen.utility - chosen.with(part, other, need);
    let because = runner_up.and_then(|other| {
        let parts = [Part::Time, Part::Energy, Part::Locality, Part::Risk].map(|part| (part, gain(&other, part)));
        parts.into_iter().filter(|(_, gain)| *gain >= GAIN_MIN).max_by(|a, b| a.1.total_cmp(&b.1))
    });
    Some(Placement { chosen: *chosen, runner_up, weighed: candidates.len(), because, scale_ns: need.scale_ns() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn pace(tasks: u32, each: Duration) -> Pace {
        let mut pace = Pace::default();
        pace.learn(tasks, each * tasks);
        pace
    }

    fn need() -> Need {
        Need { pace: pace(4, Duration::from_secs(2)), cpus: 1 }
    }

    fn estimate(node: u64, record: Record, here: Option<Pace>, need: &Need) -> Estimate {
        lacking(0, node, record, here, need)
    }

    fn lacking(lacking_bytes: u64, node: u64, record: Record, here: Option<Pace>, need: &Need) -> Estimate {
        Estimate::of(Candidate { node: NodeId(node), record, here, lacking_bytes, slot_watts: None }, need)
    }

    #[test]
    fn of_nodes_that_are_as_fast_the_one_that_draws_less_is_worth_more() {
        let need = need();
        let drawing = |node, slot_watts| {
            let candidate =
                Candidate { node: NodeId(node), record: Record::default(), here: None, lacking_bytes: 0, slot_watts };
            Estimate::of(candidate, &need)
        };
        let candidates = [drawing(1, Some(40.0)), drawing(2, Some(4.0)), drawing(3, None)];
        assert_eq!(candidates.map(|candidate| candidate.energy_joules), [80.0, 8.0, 2.0 * ASSUMED_WATTS]);
        let placement = choose(&candidates[..2], &need).unwrap();
        assert_eq!((placement.chosen.node, placement.because.unwrap().0), (NodeId(2), Part::Energy));
    }

    #[test]
    fn a_loss_costs_half_the_work_and_a_lease() {
        let estimate = estimate(1, Record::default(), None, &need());
        let [(_, well), (_, lost)] = estimate.outcomes();
        assert!((lost - 1.5 * well - WORKER_LEASE.as_nanos() as f64).abs() < 1.0);
    }

    #[test]
    fn alike_nodes_go_by_idleness() {
        let need = need();
        let candidates = [5, 3, 4].map(|node| lacking(1 << 30, node, Record::default(), None, &need));
        let placement = choose(&candidates, &need).unwrap();
        assert_eq!((placement.chosen.node, placement.because), (NodeId(5), None));
        assert_eq!(choose(&[], &need), None);
    }

    #[test]
    fn a_faster_node_is_worth_more_and_the_reason_is_its_time() {
        let need = need();
        let slow = estimate(1, Record::default(), Some(pace(3, Duration::from_secs(4))), &need);
        let fast = estimate(2, Record::default(), Some(pace(3, Duration::from_secs(1))), &need);
        let placement = choose(&[slow, fast], &need).unwrap();
        assert_eq!((placement.chosen.node, placement.because.unwrap().0), (NodeId(2), Part::Time));
        assert!(placement.chosen.utility > placement.runner_up.unwrap().utility);
    }

    #[test]
    fn inputs_that_are_there_outweigh_a_little_speed() {
        let need = need();
        let there = estimate(1, Record::default(), Some(pace(3, Duration::from_millis(2200))), &need);
        let elsewhere = lacking(1 << 30, 2, Record::default(), None, &need);
        let placement = choose(&[elsewhere, there], &need).unwrap();
        assert_eq!((placement.chosen.node, placement.because.unwrap().0), (NodeId(1), Part::Locality));
    }

    #[test]
    fn a_node_that_loses_tasks_is_avoided_until_it_has_proved_itself() {
        let need = need();
        let mut flaky = Record::default();
        flaky.lost(20);
        let candidates = [estimate(1, flaky, None, &need), estimate(2, Record::default(), None, &need)];
        let placement = choose(&candidates, &need).unwrap();
        assert_eq!((placement.chosen.node, placement.because.unwrap().0), (NodeId(2), Part::Risk));
        flaky.ran(9_000, 9_000.0 * 2e9, need.pace);
        let mended = [estimate(1, flaky, None, &need), estimate(2, Record::default(), None, &need)];
        assert_eq!(choose(&mended, &need).unwrap().chosen.node, NodeId(1));
    }

    #[test]
    fn what_is_known_of_a_node_moves_with_its_tasks() {
        let mut record = Record::default();
        for _ in 0..40 {
            record.ran(1, 4e9, pace(10, Duration::from_secs(2)));
        }
        assert!((record.slowness - 2.0).abs() < 0.02, "{}", record.slowness);
        assert!(record.risk() < Record::default().risk());
    }
}
