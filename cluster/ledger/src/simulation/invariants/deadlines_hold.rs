//! A wake-up ends every job whose deadline is over, and none before.

use nexus_model::TaskState;

use crate::simulation::history::{History, Step};
use crate::{Command, Effect};

pub(super) fn before(step: &Step<'_>, effect: &Effect, history: &History) {
    if let (Command::Wake { at_ms }, Effect::TasksEnded { job, state: TaskState::TimedOut, .. }) =
        (step.command, effect)
    {
        let deadline = history.job(*job).spec.conditions.deadline_ms;
        assert!(deadline.is_some_and(|deadline| deadline <= *at_ms), "{job} ended before {deadline:?}");
    }
}

pub(super) fn after(at_ms: u64, history: &History) {
    for (id, job) in &history.jobs {
        let deadline = job.spec.conditions.deadline_ms.filter(|deadline| *deadline <= at_ms);
        assert!(deadline.is_none() || job.ended.is_some(), "{id} should have ended at {deadline:?}, and it is {at_ms}");
    }
}
