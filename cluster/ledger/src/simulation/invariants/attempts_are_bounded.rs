//! A task gets no more attempts than its job allows; what was taken back unstarted does not count.

use crate::Effect;
use crate::simulation::history::History;

pub(super) fn before(effect: &Effect, history: &History) {
    let Effect::TasksAssigned { attempt, .. } = effect else { return };
    let job = history.job(attempt.job);
    for index in attempt.range.start..attempt.range.end {
        let used = job.tasks[&index].attempts;
        let most = job.spec.retry.max_attempts;
        assert!(used < most, "{}/{index} gets attempt {} of {most}", attempt.job, used + 1);
    }
}
