//! Nothing is given out before the jobs that it waits for have succeeded, nor before its time.

use nexus_model::{JobState, Outcome};

use crate::simulation::history::{History, Job, Step};
use crate::{Command, Effect};

pub(super) fn before(step: &Step<'_>, effect: &Effect, history: &History) {
    let (id, range) = match effect {
        Effect::TasksReady { job, range, .. } => (*job, *range),
        Effect::TasksAssigned { attempt, .. } => (attempt.job, attempt.range),
        _ => return,
    };
    let job = history.job(id);
    for other in job.spec.conditions.jobs() {
        // One that was forgotten had ended, and one that was made again had succeeded.
        let had_succeeded = |other: &Job| if other.was_made_again { Some(JobState::Succeeded) } else { other.ended };
        let state = history.jobs.get(&other).map_or(Some(JobState::Succeeded), had_succeeded);
        assert_eq!(state, Some(JobState::Succeeded), "{id} waits for {other}");
    }
    if let (Some(start), false) = (job.spec.conditions.not_before_ms, job.has_begun)
        && matches!(effect, Effect::TasksReady { .. })
    {
        assert!(start <= step.at_ms, "{id} begins at {start}, and it is {}", step.at_ms);
    }
    let given_up =
        |finished: &nexus_wire::FinishedTasks| finished.attempt.job == id && finished.outcome == Outcome::Cancelled;
    // What its worker gave up does not rest.
    if matches!(step.command, Command::FinishTasks { tasks, .. } if tasks.iter().any(given_up)) {
        return;
    }
    for index in range.start..range.end {
        if let Some(until) = job.tasks[&index].rests_until_ms {
            let awake = matches!(effect, Effect::TasksReady { .. }) && until <= step.at_ms;
            assert!(awake, "{id}/{index} rests until {until}, and it is {}: {effect:?}", step.at_ms);
        }
    }
}
