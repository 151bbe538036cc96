//! What must be true, kept apart from the ledger: it sees only commands and effects, one task at a time.

use std::collections::{BTreeMap, BTreeSet};

use nexus_ledger::{Applied, Command, Effect, Ledger, Rejection, Reply};
use nexus_model::{AttemptToken, JobId, JobState, NodeId, TaskState};
use nexus_wire::AttemptRange;

/// One task as far as promises go.
#[derive(Debug, Clone, Default)]
struct Task {
    holder: Option<(NodeId, AttemptToken)>,
    last_token: u64,
    assigned: u32,
    ended: Option<TaskState>,
}

#[derive(Debug)]
struct Job {
    tasks: BTreeMap<u32, Task>,
    max_attempts: u32,
    cancelled: bool,
    ended: Option<JobState>,
}

/// The bookkeeping of promises.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    jobs: BTreeMap<JobId, Job>,
    keys: BTreeMap<String, JobId>,
}

impl Oracle {
    /// Reads what a command did. Panics where a promise is broken.
    pub(crate) fn observe(&mut self, index: u64, command: &Command, applied: &Applied) {
        let valid = match command {
            Command::FinishTasks { node, tasks, .. } => {
                tasks.iter().map(|finished| self.held_under(*node, finished.attempt)).sum()
            }
            _ => 0,
        };
        if let Command::CancelJob { job, .. } = command
            && applied.reply.is_ok()
            && let Some(state) = self.jobs.get_mut(job)
        {
            state.cancelled |= state.ended.is_none();
        }
        for effect in &applied.effects {
            self.observe_effect(index, effect);
        }
        match (command, &applied.reply) {
            (Command::SubmitJob { key: Some(key), .. }, Ok(Reply::Job(job))) => {
                assert_eq!(self.keys.entry(key.clone()).or_insert(*job), job, "one key, one job");
            }
            (Command::FinishTasks { .. }, Ok(Reply::Finished { recorded, .. })) => {
                assert_eq!(*recorded, valid, "exactly the current attempts count: {command:?}");
            }
            (_, Err(rejection)) => {
                assert!(!matches!(rejection, Rejection::AlreadyApplied { .. }), "{rejection}");
                assert_eq!(applied.effects, vec![]);
            }
            _ => {}
        }
    }

    fn held_under(&self, node: NodeId, attempt: AttemptRange) -> u32 {
        let Some(job) = self.jobs.get(&attempt.job) else { return 0 };
        let holder = Some((node, attempt.token));
        let range = attempt.range;
        (range.start..range.end).filter(|i| job.tasks.get(i).is_some_and(|task| task.holder == holder)).count() as u32
    }

    fn observe_effect(&mut self, index: u64, effect: &Effect) {
        match effect {
            Effect::JobAccepted { job, spec } => {
                let tasks = (spec.tasks.start..spec.tasks.end).map(|i| (i, Task::default())).collect();
                let state = Job { tasks, max_attempts: spec.retry.max_attempts, cancelled: false, ended: None };
                assert!(self.jobs.insert(*job, state).is_none(), "ids are never reused");
            }
            Effect::TasksAssigned { node, attempt } => {
                assert_eq!(attempt.token, AttemptToken(index), "tokens come from the log");
                for i in attempt.range.start..attempt.range.end {
                    let job = self.jobs.get_mut(&attempt.job).unwrap();
                    let task = job.tasks.get_mut(&i).unwrap();
                    assert!(task.holder.is_none() && task.ended.is_none(), "{attempt:?} {i} was ready");
                    assert!(task.last_token < index, "a later attempt has a larger token");
                    task.last_token = index;
                    task.holder = Some((*node, attempt.token));
                    task.assigned += 1;
                }
            }
            Effect::TasksLeft { node, attempt, .. } => {
                for i in attempt.range.start..attempt.range.end {
                    let task = self.jobs.get_mut(&attempt.job).unwrap().tasks.get_mut(&i).unwrap();
                    assert_eq!(task.holder.take(), Some((*node, attempt.token)));
                }
            }
            Effect::TasksEnded { job, range, state } => {
                let job = self.jobs.get_mut(job).unwrap();
                for i in range.start..range.end {
                    let task = job.tasks.get_mut(&i).unwrap();
                    assert!(task.holder.is_none() && state.is_final());
                    assert_eq!(task.ended.replace(*state), None, "a task ends once");
                    let cancelled = *state == TaskState::Cancelled;
                    assert_eq!(job.cancelled, cancelled, "no result after a cancel, no cancel without one");
                }
            }
            Effect::JobEnded { job, state } => {
                let job = self.jobs.get_mut(job).unwrap();
                assert!(job.tasks.values().all(|task| task.ended.is_some()));
                assert_eq!(job.ended.replace(*state), None, "a job ends once");
                assert_eq!(job.cancelled, *state == JobState::Cancelled);
            }
            Effect::TasksReady { job, range, .. } => {
                let job = &self.jobs[job];
                let free = |i| job.tasks[&i].holder.is_none() && job.tasks[&i].ended.is_none();
                assert!((range.start..range.end).all(free));
            }
            Effect::JobForgotten { job } => {
                assert!(self.jobs.remove(job).unwrap().ended.is_some());
            }
            Effect::ClusterCreated
            | Effect::AssignmentRefused { .. }
            | Effect::NodeAdded { .. }
            | Effect::NodeUpdated { .. }
            | Effect::NodeLabelled { .. }
            | Effect::NodeNoted { .. }
            | Effect::NodeRemoved { .. }
            | Effect::VotersChanged { .. } => {}
        }
    }

    /// Compares the ledger's views with the bookkeeping.
    pub(crate) fn check(&self, ledger: &Ledger) {
        let mut queued = 0;
        let mut held: BTreeMap<NodeId, BTreeSet<(JobId, u32, AttemptToken)>> = BTreeMap::new();
        for (id, job) in &self.jobs {
            let view = ledger.job(*id).unwrap();
            let mut counts = [0; 8];
            for (index, task) in &job.tasks {
                assert!(task.assigned <= job.max_attempts + NOT_STARTED_MAX, "attempts are bounded");
                let state = match (task.ended, task.holder) {
                    (Some(state), _) => state,
                    (None, Some((node, token))) => {
                        held.entry(node).or_default().insert((*id, *index, token));
                        TaskState::Assigned
                    }
                    (None, None) => TaskState::Ready,
                };
                counts[state as usize] += 1;
            }
            assert_eq!(view.counts, counts, "{id}");
            assert_eq!(view.by_node.iter().map(|(_, n)| n).sum::<u32>(), view.count(TaskState::Succeeded));
            assert_eq!(view.state.is_final(), job.ended.is_some());
            assert_eq!(view.finished_at_ms.is_some(), job.ended.is_some());
            queued += u64::from(view.count(TaskState::Ready));
        }
        assert_eq!(ledger.tasks_queued(), queued);
        assert_eq!(ledger.jobs_active() as usize, self.jobs.values().filter(|job| job.ended.is_none()).count());
        for (node, _) in ledger.members() {
            let attempts = ledger.attempts(node);
            let tasks: BTreeSet<_> = attempts
                .iter()
                .flat_map(|a| (a.range.start..a.range.end).map(|index| (a.job, index, a.token)))
                .collect();
            assert_eq!(tasks, held.remove(&node).unwrap_or_default(), "{node}");
        }
        assert!(held.is_empty(), "only members hold tasks");
    }
}

/// In this world, tasks that were taken back unstarted may be assigned this often beyond their attempts.
const NOT_STARTED_MAX: u32 = 1000;
