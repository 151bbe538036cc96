//! Who is told ahead of a job that waits for a slot, so that its inputs are on their way while other tasks still run.
//!
//! A job's turn comes where a slot becomes free first. Of the nodes that lack its inputs, those are told that give slots back
//! most often: the sum, over the tasks that a node has in hand, of one by the time that each takes. As many are told as there
//! are tasks; a few jobs at a time, in the order in which they were accepted, so that little is fetched in vain.

use std::collections::BTreeMap;

use nexus_model::{JobId, NodeId};

use crate::job::Job;
use crate::scheduler::Scheduler;

/// Inputs that take about a millisecond on a link of a gigabit: less is fetched while the task is started.
const BYTES_MIN: u64 = 128 << 10;
/// More is left to the task itself: on its way to the disk it is in memory.
const BYTES_MAX: u64 = 512 << 20;
/// Jobs that are told of ahead at a time.
const JOBS_MAX: usize = 4;

impl Scheduler {
    /// Appends jobs that wait for a slot, with nodes that should have their inputs by then and were not told yet. To be asked
    /// after [`Scheduler::plan`].
    pub fn tell_ahead(&mut self, told: &mut Vec<(JobId, NodeId)>) {
        if self.large.is_empty() || self.stopped {
            return;
        }
        let waiting: Vec<JobId> = self.large.iter().copied().take(JOBS_MAX).collect();
        let mut releases = None;
        for id in waiting {
            let Some(job) = self.jobs.get(&id) else { continue };
            let lacking = job.ready.len().saturating_sub(job.told.len() as u64);
            if lacking == 0 {
                continue;
            }
            let may_come = self.nodes.attached().filter(|(node, state)| {
                let wide_enough = state.slots >= u64::from(job.cpus) && state.gpu_milli >= u64::from(job.gpu_milli);
                wide_enough && !state.is_held() && job.admits(&state.labels) && job.lacks_on(*node) > 0
            });
            let mut nodes: Vec<NodeId> = may_come.map(|(node, _)| node).collect();
            if nodes.is_empty() {
                continue;
            }
            let releases = releases.get_or_insert_with(|| self.releases());
            let of = |node: &NodeId| releases.get(node).copied().unwrap_or(0.0);
            nodes.sort_by(|a, b| of(b).total_cmp(&of(a)));
            nodes.truncate(usize::try_from(lacking).unwrap_or(usize::MAX));
            told.extend(nodes.iter().map(|node| (id, *node)));
            if let Some(job) = self.jobs.get_mut(&id) {
                job.told.extend(nodes);
            }
        }
    }

    /// Tasks that each node is expected to end in a nanosecond.
    fn releases(&self) -> BTreeMap<NodeId, f64> {
        let mut releases = BTreeMap::new();
        for job in self.running.iter().filter_map(|id| self.jobs.get(id)) {
            for (node, holding) in &job.held {
                *releases.entry(*node).or_default() += holding.tasks as f64 / job.task_ns().max(1) as f64;
            }
        }
        releases
    }

    /// Keeps account of whether a job waits for a slot with inputs that are worth being fetched ahead.
    pub(crate) fn note_large(&mut self, id: JobId) {
        let is_large = |job: &Job| (BYTES_MIN..=BYTES_MAX).contains(&job.input_bytes) && job.waits();
        if self.jobs.get(&id).is_some_and(is_large) {
            self.large.insert(id);
        } else {
            self.large.remove(&id);
        }
    }

    /// Nobody knows any more what was told ahead: with all other work it was forgotten.
    pub(crate) fn untell_all(&mut self) {
        for id in &self.large {
            if let Some(job) = self.jobs.get_mut(id) {
                job.told.clear();
            }
        }
    }

    /// A node is gone: what it was told it may have to be told again.
    pub(crate) fn untell(&mut self, node: NodeId) {
        for id in &self.large {
            if let Some(job) = self.jobs.get_mut(id) {
                job.told.remove(&node);
            }
        }
    }
}
