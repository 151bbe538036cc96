//! What has been promised so far, kept apart from the ledger: it sees only commands and effects, one task at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nexus_model::{AttemptToken, JobId, JobSpec, JobState, NodeId, TaskState};
use nexus_wire::{AttemptRange, ProtocolVersion};

use crate::lost::PAUSE_MS;
use crate::{Applied, Command, Digest, Effect, ReleaseReason, Reply};

/// One task as far as promises go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Task {
    pub(crate) holder: Option<(NodeId, AttemptToken)>,
    pub(crate) last_token: u64,
    /// To whom it was ever given, and by which entry.
    pub(crate) given: Vec<(NodeId, u64)>,
    /// Attempts that count.
    pub(crate) attempts: u32,
    /// Workers that were lost with it.
    pub(crate) losses: u32,
    /// It has lost a worker before, and who holds it has said that it begins.
    pub(crate) has_begun: bool,
    /// The entry by which it left a node last.
    pub(crate) left_at: u64,
    /// It was said to be ready, and has not been given out since.
    pub(crate) is_ready: bool,
    /// It rests until then.
    pub(crate) rests_until_ms: Option<u64>,
    pub(crate) ended: Option<TaskState>,
}

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) tasks: BTreeMap<u32, Task>,
    pub(crate) is_cancelled: bool,
    /// The entry that ran it again last; its deadline holds no more since. 0 where none has.
    pub(crate) retried_at: u64,
    pub(crate) ended: Option<JobState>,
    /// Whether any task of it was ready once: its time had come, whatever the clocks say since.
    pub(crate) has_begun: bool,
    /// It had succeeded, and ran again since a result of it was lost: with another result perhaps, or none.
    pub(crate) was_made_again: bool,
}

/// One entry of the log and what it did.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) index: u64,
    /// The proposer's clock.
    pub(crate) at_ms: u64,
    pub(crate) command: &'a Command,
    pub(crate) applied: &'a Applied,
    /// Reported tasks that their node held under that token before.
    pub(crate) held_before: u32,
}

/// Everything until now.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Whether all work is stopped.
    pub(crate) is_stopped: bool,
    pub(crate) jobs: BTreeMap<JobId, Job>,
    /// Jobs by user and key; a key is used for ever.
    pub(crate) keys: BTreeMap<(String, String), JobId>,
    /// Members by the token that admitted them, with their keys.
    pub(crate) admitted: BTreeMap<Digest, (NodeId, Digest)>,
    pub(crate) members: BTreeMap<NodeId, Digest>,
    /// Keys of those who were removed.
    pub(crate) removed: BTreeSet<Digest>,
    /// What all members speak.
    pub(crate) protocol: ProtocolVersion,
    /// Jobs that something happened to since this was last emptied.
    pub(crate) touched: BTreeSet<JobId>,
}

impl History {
    /// How many of these tasks the node holds under that token.
    pub(crate) fn held_under(&self, node: NodeId, attempt: AttemptRange) -> u32 {
        let Some(job) = self.jobs.get(&attempt.job) else { return 0 };
        let holder = Some((node, attempt.token));
        let range = attempt.range;
        (range.start..range.end).filter(|i| job.tasks.get(i).is_some_and(|task| task.holder == holder)).count() as u32
    }

    /// A job that is there.
    pub(crate) fn job(&self, id: JobId) -> &Job {
        self.jobs.get(&id).unwrap_or_else(|| panic!("{id} was never accepted"))
    }

    fn tasks(&mut self, id: JobId, start: u32, end: u32, mut change: impl FnMut(&mut Task)) {
        self.touched.insert(id);
        let job = self.jobs.get_mut(&id).unwrap_or_else(|| panic!("{id} was never accepted"));
        for index in start..end {
            change(job.tasks.get_mut(&index).unwrap_or_else(|| panic!("{id} has no task {index}")));
        }
    }

    /// Which of these tasks, by the ledger's answer, may begin.
    fn note_beginning(&mut self, node: NodeId, attempts: &[AttemptRange]) {
        for attempt in attempts {
            let Some(job) = self.jobs.get_mut(&attempt.job) else { continue };
            let held = job.tasks.range_mut(attempt.range.start..attempt.range.end);
            for (_, task) in held.filter(|(_, task)| task.holder == Some((node, attempt.token))) {
                task.has_begun = task.losses > 0;
            }
        }
    }

    /// A cancel that is answered well is a promise from then on, also while its own effects are looked at.
    pub(crate) fn begin(&mut self, step: &Step<'_>) {
        if let Command::CancelJob { job, .. } = step.command
            && step.applied.reply.is_ok()
            && let Some(state) = self.jobs.get_mut(job)
        {
            state.is_cancelled |= state.ended.is_none();
        }
    }

    /// Takes note of an effect.
    pub(crate) fn note(&mut self, step: &Step<'_>, effect: &Effect) {
        match effect {
            Effect::JobAccepted { job, spec } => self.accept(step.index, *job, spec),
            Effect::TasksReady { job, range, .. } => {
                let is_asked_for = matches!(step.command, Command::RetryLost { .. });
                let is_made_again = is_asked_for || matches!(step.command, Command::MakeAgain { .. });
                self.tasks(*job, range.start, range.end, |task| {
                    (task.is_ready, task.rests_until_ms) = (true, None);
                    if is_asked_for {
                        task.attempts = 0;
                    }
                    if is_made_again {
                        (task.ended, task.losses) = (None, 0);
                    }
                });
                if let Some(job) = self.jobs.get_mut(job) {
                    job.has_begun = true;
                    job.was_made_again |= is_made_again;
                }
            }
            Effect::TasksAssigned { node, attempt, .. } => {
                self.tasks(attempt.job, attempt.range.start, attempt.range.end, |task| {
                    task.is_ready = false;
                    task.holder = Some((*node, attempt.token));
                    task.last_token = step.index;
                    task.given.push((*node, step.index));
                    (task.has_begun, task.attempts) = (false, task.attempts + 1);
                });
            }
            Effect::TasksLeft { attempt, .. } => self.leave(step, attempt),
            Effect::TasksEnded { job, range, state } => self.tasks(*job, range.start, range.end, |task| {
                (task.is_ready, task.rests_until_ms, task.ended) = (false, None, Some(*state));
            }),
            Effect::JobEnded { job, state } => {
                self.touched.insert(*job);
                if let Some(job) = self.jobs.get_mut(job) {
                    job.ended = Some(*state);
                }
            }
            Effect::JobForgotten { job } => drop(self.jobs.remove(job)),
            Effect::WorkStopped => self.is_stopped = true,
            Effect::WorkResumed => self.is_stopped = false,
            Effect::NodeRemoved { node } => self.removed.extend(self.members.remove(node)),
            Effect::ClusterCreated
            | Effect::AssignmentRefused { .. }
            | Effect::NodeAdded { .. }
            | Effect::InputsKnown { .. }
            | Effect::NodeUpdated { .. }
            | Effect::NodeLabelled { .. }
            | Effect::NodeNoted { .. }
            | Effect::ProtocolRaised { .. }
            | Effect::VotersChanged { .. } => {}
        }
    }

    /// Takes note of the answer.
    pub(crate) fn end(&mut self, step: &Step<'_>) {
        match (step.command, &step.applied.reply) {
            (
                Command::SubmitJob { key: Some(key), spec, .. } | Command::SubmitPlaced { key: Some(key), spec, .. },
                Ok(Reply::Job(job)),
            ) => {
                self.keys.entry((spec.user.clone(), key.clone())).or_insert(*job);
            }
            (Command::AddNode { node, token_hash, .. }, Ok(Reply::Node { node: id, .. })) => {
                self.admitted.entry(*token_hash).or_insert((*id, node.fingerprint));
                self.members.insert(*id, node.fingerprint);
            }
            (Command::BeginTasks { node, attempts, .. }, Ok(Reply::Begun { .. })) => {
                self.note_beginning(*node, attempts)
            }
            (Command::RaiseProtocol { protocol }, Ok(_)) => self.protocol = *protocol,
            (Command::CreateCluster { founder, .. }, Ok(Reply::Node { node, .. })) => {
                self.members.insert(*node, founder.fingerprint);
            }
            _ => {}
        }
    }

    fn accept(&mut self, index: u64, id: JobId, spec: &Arc<JobSpec>) {
        self.touched.insert(id);
        if let Some(job) = self.jobs.get_mut(&id) {
            (job.ended, job.is_cancelled, job.retried_at, job.spec) = (None, false, index, Arc::clone(spec));
            for task in job.tasks.values_mut().filter(|task| task.ended != Some(TaskState::Succeeded)) {
                let given = std::mem::take(&mut task.given);
                *task = Task { last_token: task.last_token, given, ..Task::default() };
            }
            return;
        }
        let tasks = (spec.tasks.start..spec.tasks.end).map(|index| (index, Task::default())).collect();
        let spec = Arc::clone(spec);
        self.jobs.insert(
            id,
            Job {
                spec,
                tasks,
                is_cancelled: false,
                retried_at: 0,
                ended: None,
                has_begun: false,
                was_made_again: false,
            },
        );
    }

    fn leave(&mut self, step: &Step<'_>, attempt: &AttemptRange) {
        let why = match step.command {
            Command::ReleaseTasks { why, .. } => Some(*why),
            Command::MakeAgain { .. } => Some(ReleaseReason::NotStarted),
            Command::RemoveNode { .. } => Some(ReleaseReason::WorkerStopped),
            _ => None,
        };
        let reports = matches!(step.command, Command::FinishTasks { .. });
        let conditions = self.job(attempt.job).spec.conditions.clone();
        let beginnings_are_written = self.protocol >= Command::BEGUN;
        self.tasks(attempt.job, attempt.range.start, attempt.range.end, |task| {
            (task.holder, task.left_at) = (None, step.index);
            match why {
                Some(ReleaseReason::NotStarted) => task.attempts -= 1,
                // Nobody wrote down that it begins.
                Some(_) if beginnings_are_written && task.losses == 1 && !task.has_begun => task.attempts -= 1,
                Some(ReleaseReason::WorkerLost) => task.losses += 1,
                Some(ReleaseReason::WorkerStopped) | None => {}
            }
            // Said to be ready in the same entry, it does not rest.
            let pause = conditions.pause_after(task.attempts.max(1)).as_millis() as u64;
            task.rests_until_ms = match step.command {
                Command::MakeAgain { .. } => Some(step.at_ms.saturating_add(PAUSE_MS)),
                _ => (reports && pause > 0).then(|| step.at_ms.saturating_add(pause)),
            };
        });
    }
}
