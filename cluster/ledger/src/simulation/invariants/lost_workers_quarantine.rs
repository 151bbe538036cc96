//! A task that was on two workers when they were lost ends there.

use crate::simulation::history::History;

/// Lost workers that a task may survive.
const LOSSES_MAX: u32 = 1;

pub(super) fn after(history: &History) {
    for (id, job) in history.touched.iter().filter_map(|id| history.jobs.get_key_value(id)) {
        for (index, task) in &job.tasks {
            let ended = task.ended.is_some();
            assert!(ended || task.losses <= LOSSES_MAX, "{id}/{index} goes on after {} lost workers", task.losses);
        }
    }
}
