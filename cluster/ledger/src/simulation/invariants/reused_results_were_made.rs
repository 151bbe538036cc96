//! What a task took is what a task of the same index gave that ran the same program; who did not ask took nothing.

use std::collections::BTreeSet;

use nexus_model::{IndexRange, JobId, Reuse};
use nexus_wire::{TaskDetail, TaskView};

use crate::Ledger;
use crate::simulation::history::History;

fn tasks(ledger: &Ledger, job: JobId, range: IndexRange) -> Vec<TaskView> {
    ledger.tasks(job, range, TaskDetail::Full, usize::MAX).unwrap_or_default()
}

pub(super) fn check(history: &History, ledger: &Ledger, some: Option<&BTreeSet<JobId>>) {
    for (id, job) in history.jobs.iter().filter(|(id, _)| some.is_none_or(|some| some.contains(id))) {
        let taken: Vec<TaskView> =
            tasks(ledger, *id, job.spec.tasks).into_iter().filter(|task| task.reused.is_some()).collect();
        assert_eq!(ledger.job(*id).map(|view| view.reused() as usize), Some(taken.len()), "{id}");
        assert!(taken.is_empty() || job.spec.reuse == Reuse::Allowed, "{id} did not ask");
        for task in taken {
            let source = task.reused.expect("only these were kept").job;
            assert!(
                source != *id && task.node.is_none() && task.attempts == 0,
                "{id}/{} did not run: {task:?}",
                task.index
            );
            // One that ran again may have given something else then.
            let Some(made) = history.jobs.get(&source).filter(|made| !made.was_made_again) else { continue };
            assert_eq!(made.spec.program, job.spec.program, "{id} took what {source} made");
            let given = tasks(ledger, source, IndexRange::new(task.index, task.index + 1));
            assert_eq!(given.first().map(|given| &given.outcome), Some(&task.outcome), "{id}/{}", task.index);
            assert!(given.iter().all(|given| given.reused.is_none()), "{source} made it");
        }
    }
}
