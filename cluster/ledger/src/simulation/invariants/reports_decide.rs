//! A task ends as its current attempt reported: what succeeded is never a failure, and nothing succeeds without a report,
//! but for what takes the result of an earlier job because its own asked for that.

use nexus_model::{Outcome, Reuse, TaskState};

use crate::simulation::history::{History, Step};
use crate::{Command, Effect};

pub(super) fn before(step: &Step<'_>, effect: &Effect, history: &History) {
    let Effect::TasksEnded { job, range, state } = effect else { return };
    let may_take = history.job(*job).spec.reuse == Reuse::Allowed;
    let Command::FinishTasks { tasks, .. } = step.command else {
        assert!(*state != TaskState::Succeeded || may_take, "{job} succeeds without a report");
        return;
    };
    if tasks.iter().all(|finished| finished.attempt.job != *job) {
        // A job that waited for the reported one fails with it, or goes on.
        assert!(*state == TaskState::Failed || *state == TaskState::Succeeded && may_take, "{job} ended as {state:?}");
        return;
    }
    for index in range.start..range.end {
        let token = history.job(*job).tasks[&index].last_token;
        let reports = tasks.iter().filter(|finished| {
            let attempt = finished.attempt;
            attempt.job == *job && attempt.token.0 == token && attempt.range.contains(index)
        });
        let fits = |outcome: &Outcome| match outcome {
            Outcome::Succeeded(_) => *state == TaskState::Succeeded,
            Outcome::TimedOut => *state == TaskState::TimedOut,
            // Given up for the last time is a failure.
            Outcome::Failed(_) | Outcome::Cancelled => *state == TaskState::Failed,
        };
        assert!(reports.map(|finished| &finished.outcome).any(fits), "{job}/{index} ended as {state:?}: {tasks:?}");
    }
}
