//! A lost worker ends only tasks that had all their attempts, or that had begun on two workers when those were lost: of the
//! second that is written down.

use nexus_model::TaskState;

use crate::simulation::history::{History, Step};
use crate::{Command, Effect, ReleaseReason};

pub(super) fn before(step: &Step<'_>, effect: &Effect, history: &History) {
    let lost = matches!(step.command, Command::ReleaseTasks { why: ReleaseReason::WorkerLost, .. });
    let Effect::TasksEnded { job, range, state: TaskState::Failed } = effect else { return };
    if !lost || history.protocol < Command::BEGUN {
        return;
    }
    let job = history.job(*job);
    // Whoever waits for a task that ends may end with it.
    let were_held = job.tasks.range(range.start..range.end).filter(|(_, task)| task.left_at == step.index);
    for (index, task) in were_held {
        let had_all = task.attempts >= job.spec.retry.max_attempts;
        assert!(
            had_all || task.losses >= 2,
            "task {index} of {} ends by a worker that it had not begun on",
            job.spec.name
        );
    }
}
