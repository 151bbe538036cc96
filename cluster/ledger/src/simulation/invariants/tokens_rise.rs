//! A token is the index of the entry that assigned, and larger than that of every earlier attempt; only what is ready is
//! assigned.

use nexus_model::AttemptToken;

use crate::Effect;
use crate::simulation::history::{History, Step};

pub(super) fn before(step: &Step<'_>, effect: &Effect, history: &History) {
    let Effect::TasksAssigned { attempt, .. } = effect else { return };
    assert_eq!(attempt.token, AttemptToken(step.index), "tokens come from the log");
    let job = history.job(attempt.job);
    for index in attempt.range.start..attempt.range.end {
        let task = &job.tasks[&index];
        assert!(task.holder.is_none() && task.ended.is_none(), "{attempt:?}: task {index} was free");
        assert!(task.last_token < step.index, "a later attempt has a larger token");
    }
}
