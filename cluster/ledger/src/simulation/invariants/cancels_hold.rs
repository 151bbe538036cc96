//! After an acknowledged cancel nothing but the cancel ends a task; without one no task is cancelled.

use nexus_model::{JobState, TaskState};

use crate::Effect;
use crate::simulation::history::History;

pub(super) fn before(effect: &Effect, history: &History) {
    match effect {
        Effect::TasksEnded { job, state, .. } => {
            let is_cancelled = history.job(*job).is_cancelled;
            assert_eq!(is_cancelled, *state == TaskState::Cancelled, "{job} ends tasks as {state:?}");
        }
        Effect::JobEnded { job, state } => {
            assert_eq!(history.job(*job).is_cancelled, *state == JobState::Cancelled, "{job} ends as {state:?}");
        }
        Effect::TasksAssigned { attempt, .. } => {
            assert!(!history.job(attempt.job).is_cancelled, "{} was cancelled", attempt.job);
        }
        _ => {}
    }
}
