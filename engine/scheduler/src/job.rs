//! What the scheduler knows of one job.

use std::time::Duration;

use nexus_model::IndexRange;

use crate::ready::ReadySet;

/// Weight of the newest report in a job's pace.
const NEWEST_WEIGHT: f64 = 0.3;

/// A job that has not ended.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) user: String,
    pub(crate) priority: i32,
    pub(crate) cpus: u32,
    pub(crate) ready: ReadySet,
    /// Ready tasks that have lost a worker.
    pub(crate) suspects: ReadySet,
    /// Tasks that nodes were given and that have not left them.
    pub(crate) given: u64,
    /// Tasks whose end was reported.
    ended: u64,
    seconds_per_task: Option<f64>,
}

impl Job {
    pub(crate) fn new(user: String, priority: i32, cpus: u32) -> Self {
        Job {
            user,
            priority,
            cpus: cpus.max(1),
            ready: ReadySet::default(),
            suspects: ReadySet::default(),
            given: 0,
            ended: 0,
            seconds_per_task: None,
        }
    }

    /// Tasks ran for `busy` together.
    pub(crate) fn observe(&mut self, range: IndexRange, busy: Duration) {
        let newest = busy.as_secs_f64() / f64::from(range.len().max(1));
        let known = self.seconds_per_task.unwrap_or(newest);
        self.seconds_per_task = Some(NEWEST_WEIGHT * newest + (1.0 - NEWEST_WEIGHT) * known);
        self.ended += u64::from(range.len());
    }

    /// Seconds that a task takes, once one has ended; never zero.
    pub(crate) fn pace(&self) -> Option<f64> {
        self.seconds_per_task.map(|seconds| seconds.max(1e-7))
    }

    /// How many tasks have ended: the evidence behind the pace.
    pub(crate) fn evidence(&self) -> u64 {
        self.ended
    }

    /// Whether something could be assigned.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty() || !self.suspects.is_empty()
    }
}
