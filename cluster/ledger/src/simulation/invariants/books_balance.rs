//! The ledger's views say what the commands did: tasks by state, who holds what, how much waits.

use std::collections::{BTreeMap, BTreeSet};

use nexus_model::{AttemptToken, JobId, NodeId, TaskState};

use crate::Ledger;
use crate::simulation::history::{History, Task};

fn state(task: &Task) -> TaskState {
    match (task.ended, task.holder, task.is_ready) {
        (Some(state), _, _) => state,
        (None, Some(_), _) => TaskState::Assigned,
        (None, None, true) => TaskState::Ready,
        (None, None, false) => TaskState::Waiting,
    }
}

pub(super) fn check(history: &History, ledger: &Ledger, some: Option<&BTreeSet<JobId>>) {
    for (id, job) in history.jobs.iter().filter(|(id, _)| some.is_none_or(|some| some.contains(id))) {
        let view = ledger.job(*id).unwrap_or_else(|| panic!("{id} is lost"));
        let mut counts = [0; 8];
        job.tasks.values().for_each(|task| counts[state(task) as usize] += 1);
        assert_eq!(view.counts, counts, "{id}");
        assert_eq!(view.by_node.iter().map(|(_, n)| n).sum::<u32>(), view.count(TaskState::Succeeded), "{id}");
        assert_eq!((view.state.is_final(), view.finished_at_ms.is_some()), (job.ended.is_some(), job.ended.is_some()));
        assert!(view.finished_at_ms.is_none_or(|end| end >= view.submitted_at_ms), "{id} ended before it began");
    }
    if some.is_none() {
        whole(history, ledger);
    }
}

fn whole(history: &History, ledger: &Ledger) {
    let mut queued = 0;
    let mut held: BTreeMap<NodeId, BTreeSet<(JobId, u32, AttemptToken)>> = BTreeMap::new();
    for (id, job) in &history.jobs {
        for (index, task) in &job.tasks {
            queued += u64::from(state(task) == TaskState::Ready);
            if let Some((node, token)) = task.holder {
                held.entry(node).or_default().insert((*id, *index, token));
            }
        }
    }
    assert_eq!(ledger.tasks_queued(), queued);
    assert_eq!(ledger.jobs_active() as usize, history.jobs.values().filter(|job| job.ended.is_none()).count());
    for (node, _) in ledger.members() {
        let attempts = ledger.attempts(node);
        let tasks: BTreeSet<_> =
            attempts.iter().flat_map(|a| (a.range.start..a.range.end).map(|index| (a.job, index, a.token))).collect();
        assert_eq!(tasks, held.remove(&node).unwrap_or_default(), "{node}");
    }
    assert!(held.is_empty(), "only members hold tasks");
}
