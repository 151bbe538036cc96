//! What could happen: a timeline's future by seeded simulation, with confidence intervals.
//!
//! Deterministic: the answer is a function of graph, choices, number of rollouts and seed, whatever the number of
//! threads. What to choose is `plan.rs`.

mod block;
mod critical;
mod delay;
pub(crate) mod model;
mod random;
mod summary;

pub use critical::{CriticalEvent, critical_events};
pub(crate) use delay::{Sampler, normal_quantile};
pub use model::{Choices, Model};
pub(crate) use random::Lanes;
pub use summary::{Distribution, EventForecast, Forecast, Interval};

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::EchoError;
use crate::graph::Graph;

/// The most rollouts of one forecast.
pub const ROLLOUTS_MAX: u64 = 100_000_000;
/// The most threads that a forecast starts.
const THREADS_MAX: usize = 64;

/// The most groups of blocks that are summed apart, and the fewest blocks of a group: what a thread takes at once.
const GROUPS_MAX: u64 = 64;
const GROUP_BLOCKS_MIN: u64 = 16;

/// How to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many futures.
    pub rollouts: u64,
    /// Seed of all chance.
    pub seed: u64,
    /// Threads to spread them over; the answer does not depend on it.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { rollouts: 100_000, seed: 1, threads: 1 }
    }
}

/// Simulates the future of a graph.
///
/// Events without causes happen with their probability at their time, facts at theirs for certain. Any one `causes` is
/// enough and the first counts; every `enables` is needed and the last counts; an event is kept from happening by a
/// `prevents` that comes first. A decision takes the option in `choices`, or any one with equal chance.
///
/// # Errors
/// [`EchoError::Unanswerable`] for a timeline whose triggers go in circles, or a choice that is none of its options.
pub fn forecast(graph: &Graph, choices: &Choices, settings: Settings) -> Result<Forecast, EchoError> {
    let rollouts = settings.rollouts.clamp(1, ROLLOUTS_MAX);
    let model = Model::new(graph, choices)?;
    let blocks = rollouts.div_ceil(block::LANES as u64);
    // The groups are the same for every number of threads, and so are the sums over them, to the last bit.
    let group = blocks.div_ceil(GROUPS_MAX).max(GROUP_BLOCKS_MIN);
    let groups: Vec<_> = (0..blocks.div_ceil(group)).map(|at| at * group..((at + 1) * group).min(blocks)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(blocks) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((blocks.start, block::run(&model, settings.seed, blocks.clone(), rollouts)));
        }
        done
    };
    let mut parts: Vec<(u64, summary::Tally)> = std::thread::scope(|scope| {
        let threads = settings.threads.clamp(1, THREADS_MAX).min(groups.len());
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let joined =
            workers.into_iter().flat_map(|worker| worker.join().expect("the arithmetic of a rollout cannot panic"));
        own.into_iter().chain(joined).collect()
    });
    parts.sort_by_key(|(start, _)| *start);
    Ok(summary::summarise(graph, &model, parts.into_iter().map(|(_, tally)| tally).collect(), rollouts))
}
