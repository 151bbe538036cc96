//! Runs of a job played again on slots that come and go: which task starts when, where, and which ones are lost with their
//! node and run once more.
//!
//! It says how long runs last, not how sure that is: that is `predict.rs`, which drives it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::forecast::{Lanes, normal_quantile};
use crate::jobs::predict::{Offer, RanTask};
use crate::jobs::times::{Factor, TaskTimes};

/// Simulated runs of one prediction.
const RUNS: usize = 400;
/// The most tasks of one simulated run; of larger jobs every so many are simulated as one.
const TASKS_PER_RUN_MAX: usize = 20_000;

/// A job that can be played again.
pub(super) struct Replay<'a, T> {
    pub(super) tasks: &'a [RanTask],
    pub(super) times: &'a T,
    /// How far the same task of two runs differs by chance (standard deviation of the logarithm).
    pub(super) task_spread: f64,
}

/// One slot as long as it takes tasks.
struct Slot {
    /// Place of its node among the names.
    node: usize,
    until: f64,
    /// When the task that it had at `until` came back to the queue; absent where that task ran to its end.
    back: Option<f64>,
}

/// What the runs on the same offers share.
struct Ground<'a> {
    names: Vec<&'a str>,
    slots: Vec<Slot>,
    /// When each slot takes its first task, as bits: times are not negative, so that their bits are ordered as they are.
    opens: BinaryHeap<Reverse<(u64, usize)>>,
    /// For each node of the run that was seen the factors to `names`.
    factors: BTreeMap<&'a str, Vec<Factor>>,
}

impl<T: TaskTimes> Replay<'_, T> {
    /// How long runs on these slots last, in microseconds from the first start to the last end.
    pub(super) fn runs(&self, offers: &[Offer], random: &mut Lanes<1>) -> Vec<f64> {
        let tasks = self.tasks.len();
        let runs = (RUNS * TASKS_PER_RUN_MAX / tasks.clamp(1, TASKS_PER_RUN_MAX)).clamp(50, RUNS);
        // One task stands for so many: they would go to the slots one after the other.
        let group = tasks.div_ceil(TASKS_PER_RUN_MAX).max(1);
        let ground = self.ground(offers);
        (0..runs).map(|_| self.run(&ground, group, random)).collect()
    }

    fn ground<'a>(&'a self, offers: &'a [Offer]) -> Ground<'a> {
        let mut names: Vec<&str> = offers.iter().map(|offer| offer.node.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let (mut slots, mut opens) = (Vec::new(), BinaryHeap::new());
        for offer in offers {
            let node = names.partition_point(|name| *name < offer.node.as_str());
            let until = offer.until.map_or(f64::INFINITY, |until| until.0.max(0) as f64);
            for _ in 0..offer.slots {
                opens.push(Reverse(((offer.from.0.max(0) as f64).to_bits(), slots.len())));
                slots.push(Slot { node, until, back: offer.lost_back.map(|back| back.0.max(0) as f64) });
            }
        }
        let mut factors: BTreeMap<&str, Vec<Factor>> = BTreeMap::new();
        for task in self.tasks {
            let to = || names.iter().map(|on| self.times.factor(&task.node, on)).collect();
            factors.entry(&task.node).or_insert_with(to);
        }
        Ground { names, slots, opens, factors }
    }

    /// One run: every slot that is free takes the first task of the queue. Tasks that no slot is left for do not run.
    fn run(&self, ground: &Ground<'_>, group: usize, random: &mut Lanes<1>) -> f64 {
        // Whether a node is faster than thought is the same for all tasks of a run.
        let luck: Vec<f64> = ground.names.iter().map(|_| normal_quantile(random.next())).collect();
        let mut free = ground.opens.clone();
        let mut waiting = (0..self.tasks.len()).step_by(group);
        let mut came_back: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        let mut last = 0.0_f64;
        while let Some(Reverse((bits, at))) = free.pop() {
            let (slot, now) = (&ground.slots[at], f64::from_bits(bits));
            if now >= slot.until {
                continue;
            }
            let is_back = came_back.peek().is_some_and(|Reverse((ready, _))| f64::from_bits(*ready) <= now);
            let next = if is_back { None } else { waiting.next() };
            let (start, place) = match next {
                Some(place) => (now, place),
                None => match came_back.pop() {
                    Some(Reverse((ready, place))) => (now.max(f64::from_bits(ready)), place),
                    None => break,
                },
            };
            if start >= slot.until {
                came_back.push(Reverse((start.to_bits(), place)));
                continue;
            }
            let task = &self.tasks[place];
            let factor = ground.factors[task.node.as_str()][slot.node];
            let chance = (self.task_spread * normal_quantile(random.next())).exp();
            let wall = task.wall.0 as f64 * group as f64 * factor.median * (factor.sigma * luck[slot.node]).exp();
            let end = start + wall * chance;
            match slot.back {
                Some(back) if end > slot.until => came_back.push(Reverse((back.max(slot.until).to_bits(), place))),
                _ => {
                    last = last.max(end);
                    free.push(Reverse((end.to_bits(), at)));
                }
            }
        }
        last
    }
}
