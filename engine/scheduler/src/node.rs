//! What the scheduler knows of one node.

use std::collections::BTreeMap;

use nexus_model::JobId;

/// A node with what it was given.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) attached: bool,
    pub(crate) slots: u32,
    /// Tasks given and not ended, by job.
    pub(crate) given: BTreeMap<JobId, u32>,
    /// Slots that these would take if all ran at once.
    pub(crate) cpus_given: u64,
    /// One suspect at a time.
    pub(crate) suspect: Option<(JobId, u32)>,
}

impl Node {
    /// `tasks` more of a job whose tasks take `cpus` slots each.
    pub(crate) fn give(&mut self, job: JobId, tasks: u32, cpus: u32) {
        *self.given.entry(job).or_default() += tasks;
        self.cpus_given += u64::from(tasks) * u64::from(cpus);
    }

    /// `tasks` fewer; more than there are count as all.
    pub(crate) fn take_back(&mut self, job: JobId, tasks: u32, cpus: u32) {
        let Some(given) = self.given.get_mut(&job) else { return };
        let tasks = tasks.min(*given);
        *given -= tasks;
        if *given == 0 {
            self.given.remove(&job);
        }
        self.cpus_given -= u64::from(tasks) * u64::from(cpus);
    }

    /// Slots with nothing to do.
    pub(crate) fn idle_slots(&self) -> u64 {
        u64::from(self.slots).saturating_sub(self.cpus_given)
    }
}
