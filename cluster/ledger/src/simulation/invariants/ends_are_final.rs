//! A task ends once, a job ends once and when all its tasks have; only running it again opens it, or making again what was
//! lost of it.

use nexus_model::{JobState, TaskState};

use crate::simulation::history::{History, Step};
use crate::{Command, Effect};

pub(super) fn before(step: &Step<'_>, effect: &Effect, history: &History) {
    match effect {
        Effect::TasksEnded { job, range, state } => {
            assert!(state.is_final());
            let job = history.job(*job);
            for index in range.start..range.end {
                let task = &job.tasks[&index];
                assert!(task.holder.is_none(), "a task leaves its node before it ends");
                assert_eq!(task.ended, None, "a task ends once");
            }
        }
        Effect::JobEnded { job, .. } => {
            let job = history.job(*job);
            assert!(job.tasks.values().all(|task| task.ended.is_some()), "a job ends with its last task");
            assert_eq!(job.ended, None, "a job ends once");
        }
        Effect::JobAccepted { job, .. } => {
            if let Some(known) = history.jobs.get(job) {
                if matches!(step.command, Command::MakeAgain { .. } | Command::RetryLost { .. }) {
                    assert_eq!(known.ended, Some(JobState::Succeeded), "only what has succeeded is made again");
                    return;
                }
                assert!(matches!(step.command, Command::RetryJob { .. }), "ids are never used again");
                let failed = known.tasks.values().any(|task| task.ended != Some(TaskState::Succeeded));
                assert!(known.ended.is_some() && failed, "only what has ended otherwise than well is run again");
            }
        }
        Effect::JobForgotten { job } => assert!(history.job(*job).ended.is_some(), "only what has ended is forgotten"),
        _ => {}
    }
}
