//! Looking at the ledger: jobs, tasks, members and totals, in the forms that clients see. Nothing here changes anything.

use std::sync::Arc;

use nexus_model::{Failure, IndexRange, JobId, JobSpec, NodeId, NodeRole, Outcome, Payload, TaskId, TaskState};
use nexus_wire::limits::PAST_RUNS_MAX;
use nexus_wire::{AttemptRange, JobView, NodeState, NodeView, PastRun, StatusView, TaskDetail, TaskView};

use crate::codes;
use crate::command::Digest;
use crate::effect::{Effect, Suspect};
use crate::end::End;
use crate::job::{Job, runtime_failure, suspect};
use crate::keys::owner_of_key;
use crate::ledger::Ledger;
use crate::members::Member;
use crate::table::Slot;

/// Jobs that are looked through for runs of the same work, the newest first.
const JOBS_COMPARED_MAX: usize = 10_000;
/// Bytes that a task takes in an answer beside its payloads, roughly.
const TASK_VIEW_BYTES: usize = 64;

/// What the ledger does not know and a status says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusFacts {
    /// The node that answers.
    pub node: NodeId,
    /// The leader, where known.
    pub leader: Option<NodeId>,
    /// Raft term.
    pub term: u64,
    /// Version of the node that answers.
    pub version: String,
}

impl Ledger {
    /// A job.
    pub fn job(&self, id: JobId) -> Option<JobView> {
        self.jobs.get(&id).map(|job| job.view(id))
    }

    /// Runs of the same work as a job's, its own left out, the newest first, of as many jobs as are looked through: the
    /// same program, arguments, inputs, tasks and needs. What is said for people or chooses only chance (the name, the
    /// seed, who submitted it), and what bounds it, may differ.
    pub fn runs_like(&self, id: JobId) -> Option<Vec<PastRun>> {
        let of = &self.jobs.get(&id)?.spec;
        let looked = self.jobs.iter().rev().take(JOBS_COMPARED_MAX);
        let others = looked.filter(|(other, job)| **other != id && is_same_work(&job.spec, of));
        let run = |(other, job): (&JobId, &Job)| {
            let started_at_ms = job.work.as_ref().and_then(|work| work.started_at_ms);
            Some(PastRun {
                job: *other,
                state: job.state(),
                started_at_ms: started_at_ms?,
                finished_at_ms: job.finished_at_ms?,
            })
        };
        Some(others.filter_map(run).take(PAST_RUNS_MAX).collect())
    }

    /// What a job runs.
    pub fn spec(&self, id: JobId) -> Option<&Arc<JobSpec>> {
        self.jobs.get(&id).map(|job| &job.spec)
    }

    /// The newest jobs before `before`, newest first.
    pub fn jobs(&self, limit: usize, before: Option<JobId>) -> Vec<JobView> {
        let before = before.unwrap_or(JobId(u64::MAX));
        self.jobs.range(..before).rev().take(limit).map(|(id, job)| job.view(*id)).collect()
    }

    /// The job that a key stands for, which is the user's own, or, where [`crate::MACHINES_KEY`] is in front of it, the machines'.
    pub fn job_of_key(&self, user: &str, key: &str) -> Option<JobId> {
        let (owner, name) = owner_of_key(self.protocol, user, key);
        let earlier = || self.keys.job(user, name);
        // What a user submitted before the machines had keys of their own is meant, too.
        self.keys.job(owner, name).or_else(earlier)
    }

    /// Tasks of a job in `range`, in order, until about `bytes_max` bytes are reached (one task at least). `None` for an
    /// unknown job.
    pub fn tasks(&self, id: JobId, range: IndexRange, detail: TaskDetail, bytes_max: usize) -> Option<Vec<TaskView>> {
        let job = self.jobs.get(&id)?;
        let mut tasks = Vec::new();
        let mut bytes = 0;
        for (run, slot) in job.table.runs(range) {
            for index in run.start..run.end {
                let task = job.task(index, slot, detail);
                bytes += TASK_VIEW_BYTES + task.outcome.as_ref().map_or(0, outcome_bytes);
                bytes += task
                    .cost
                    .iter()
                    .flat_map(|cost| cost.stdout.iter().chain(&cost.stderr))
                    .map(inline_bytes)
                    .sum::<usize>();
                if bytes > bytes_max && !tasks.is_empty() {
                    return Some(tasks);
                }
                tasks.push(task);
            }
        }
        Some(tasks)
    }

    /// The ready tasks of a job in `range`: runs in order, and whether they have lost a worker.
    pub fn ready(&self, id: JobId, range: IndexRange) -> impl Iterator<Item = (IndexRange, Suspect)> + '_ {
        let job = self.jobs.get(&id);
        job.into_iter().flat_map(move |job| {
            job.ready_runs(range).into_iter().flat_map(|(run, slot)| {
                let runnable = job.waiting.as_ref().map_or_else(|| vec![run], |waiting| waiting.runnable(run));
                runnable.into_iter().map(move |range| (range, suspect(slot)))
            })
        })
    }

    /// What `node` holds, exactly, in order of job and token.
    pub fn attempts(&self, node: NodeId) -> Vec<AttemptRange> {
        self.held_by(node, |_| true)
    }

    /// What `node` holds of tasks that have lost a worker before, in order of job and token.
    pub fn suspects(&self, node: NodeId) -> Vec<AttemptRange> {
        self.held_by(node, |losses| losses > 0)
    }

    fn held_by(&self, node: NodeId, is_meant: impl Fn(u8) -> bool) -> Vec<AttemptRange> {
        let grants = self.held.range((node, JobId(0), 0)..=(node, JobId(u64::MAX), u32::MAX));
        let mut attempts = Vec::new();
        for &(_, id, number) in grants {
            let Some((job, grant)) = self.jobs.get(&id).and_then(|job| Some((job, job.grant(number)?))) else {
                continue;
            };
            let mut open: Option<IndexRange> = None;
            for (run, slot) in job.table.runs(grant.range) {
                let ours = matches!(slot, Slot::Assigned { grant, losses, .. } if grant == number && is_meant(losses));
                open = match open {
                    Some(range) if ours => Some(IndexRange::new(range.start, run.end)),
                    None if ours => Some(run),
                    Some(range) => {
                        attempts.push(AttemptRange { job: id, range, token: grant.token });
                        None
                    }
                    None => None,
                };
            }
            attempts.extend(open.map(|range| AttemptRange { job: id, range, token: grant.token }));
        }
        attempts.sort_by_key(|attempt| (attempt.job, attempt.token, attempt.range));
        attempts
    }

    /// The effects that would bring a fresh scheduler to where the ledger stands: jobs that have not ended, their ready
    /// tasks, and what each node holds. For a new leader.
    pub fn standing(&self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for &id in &self.active {
            let Some(job) = self.jobs.get(&id) else { continue };
            effects.push(Effect::JobAccepted { job: id, spec: Arc::clone(&job.spec) });
            effects.extend(self.inputs_known(id));
            let ready = self.ready(id, job.spec.tasks);
            effects.extend(ready.map(|(range, suspect)| Effect::TasksReady { job: id, range, suspect }));
        }
        effects.extend(self.stopped.is_some().then_some(Effect::WorkStopped));
        for &node in self.members.iter().flat_map(|members| members.nodes.keys()) {
            let suspect = Suspect::No;
            let held = self.held_by(node, |losses| losses == 0).into_iter();
            effects.extend(held.map(|attempt| Effect::TasksAssigned { node, attempt, suspect }));
            let suspect = Suspect::Yes;
            let held = self.suspects(node).into_iter();
            effects.extend(held.map(|attempt| Effect::TasksAssigned { node, attempt, suspect }));
        }
        effects
    }

    /// Jobs that have not ended and are parts of tasks that nobody runs any more.
    pub fn orphans(&self) -> Vec<JobId> {
        let parts = self.active.iter().filter_map(|id| Some((*id, self.jobs.get(id)?.spec.part_of()?)));
        parts.filter(|(_, of)| !self.runs(*of)).map(|(id, _)| id).collect()
    }

    fn runs(&self, task: TaskId) -> bool {
        let range = IndexRange::new(task.index, task.index.saturating_add(1));
        let slots = self.jobs.get(&task.job).map(|job| job.table.runs(range));
        slots.into_iter().flatten().any(|(_, slot)| matches!(slot, Slot::Assigned { .. }))
    }

    /// The cluster's name, once there is one.
    pub fn cluster_name(&self) -> Option<&str> {
        self.members.as_ref().map(|members| members.cluster.as_str())
    }

    /// The certificate of the cluster's authority.
    pub fn ca_certificate_pem(&self) -> Option<&str> {
        self.members.as_ref().map(|members| members.ca_certificate_pem.as_str())
    }

    /// A member.
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.as_ref()?.nodes.get(&node)
    }

    /// The members in order of id.
    pub fn members(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.members.iter().flat_map(|members| members.nodes.iter().map(|(id, member)| (*id, member)))
    }

    /// What the token of this digest makes of who uses it.
    pub fn token_role(&self, hash: &Digest) -> Option<NodeRole> {
        self.members.as_ref()?.tokens.get(hash).map(|token| token.role)
    }

    /// Whether `node` was a member once and is none any more: ids are given out in order and never again.
    pub fn is_forgotten(&self, node: NodeId) -> bool {
        let members = self.members.as_ref();
        members.is_some_and(|members| node.0 <= members.last_node && !members.nodes.contains_key(&node))
    }

    /// The member that has this key.
    pub fn member_by_fingerprint(&self, fingerprint: &Digest) -> Option<NodeId> {
        self.members().find(|(_, member)| member.fingerprint == *fingerprint).map(|(id, _)| id)
    }

    /// Whether the key belonged to a member that was removed.
    pub fn is_removed(&self, fingerprint: &Digest) -> bool {
        self.members.as_ref().is_some_and(|members| members.removed.contains(fingerprint))
    }

    /// The voters in order.
    pub fn voters(&self) -> Vec<NodeId> {
        self.members.iter().flat_map(|members| members.voters.iter().copied()).collect()
    }

    /// The machines in order of id. Whether they are up is not the ledger's to know: all are down, with what they hold as
    /// `running`; the leader fills in the rest.
    pub fn nodes(&self) -> Vec<NodeView> {
        let machines = self.members().filter(|(_, member)| member.is_machine());
        machines.map(|(node, member)| self.node_view(node, member)).collect()
    }

    /// How the cluster is.
    pub fn status(&self, facts: StatusFacts) -> StatusView {
        let StatusFacts { node, leader, term, version } = facts;
        StatusView {
            cluster: self.cluster_name().unwrap_or_default().to_owned(),
            node,
            leader,
            term,
            applied: self.applied,
            voters: self.voters(),
            nodes: self.nodes(),
            jobs_active: self.jobs_active(),
            tasks_queued: self.tasks_queued(),
            version,
            stopped: self.stopped.clone(),
        }
    }

    /// Jobs that have not ended.
    pub fn jobs_active(&self) -> u32 {
        self.active.len() as u32
    }

    /// Tasks that are ready.
    pub fn tasks_queued(&self) -> u64 {
        self.queued
    }

    fn node_view(&self, node: NodeId, member: &Member) -> NodeView {
        let votes = self.members.as_ref().is_some_and(|members| members.voters.contains(&node));
        let roles = if votes { vec![NodeRole::Voter, NodeRole::Worker] } else { vec![NodeRole::Worker] };
        let grants = self.held.range((node, JobId(0), 0)..=(node, JobId(u64::MAX), u32::MAX));
        let live = grants.filter_map(|(_, job, number)| self.jobs.get(job)?.grant(*number)).map(|grant| grant.live);
        NodeView {
            node,
            name: member.name.clone(),
            roles,
            address: member.address.clone(),
            state: NodeState::Down,
            capacity: member.capacity.clone(),
            running: live.fold(0, u32::saturating_add),
            rtt: None,
            seen_at_ms: None,
            vitals: None,
        }
    }
}

/// Whether two jobs do the same, other than for whom, by which chance and within which bounds.
fn is_same_work(one: &JobSpec, other: &JobSpec) -> bool {
    (one.tasks, one.is_array, one.device) == (other.tasks, other.is_array, other.device)
        && one.program == other.program
        && one.arguments == other.arguments
        && one.inputs == other.inputs
        && one.resources == other.resources
        && one.execution == other.execution
}

impl Job {
    fn view(&self, id: JobId) -> JobView {
        let work = self.work.as_ref();
        JobView {
            job: id,
            name: self.spec.name.clone(),
            user: self.spec.user.clone(),
            state: self.state(),
            tasks: self.spec.tasks,
            is_array: self.spec.is_array,
            counts: self.counts.0,
            by_node: work.map_or_else(Vec::new, |work| work.by_node.iter().map(|(n, c)| (*n, *c)).collect()),
            submitted_at_ms: self.submitted_at_ms,
            started_at_ms: work.and_then(|work| work.started_at_ms),
            finished_at_ms: self.finished_at_ms,
            first_failure: self.first_failure(id),
        }
    }

    fn first_failure(&self, job: JobId) -> Option<(TaskId, Failure)> {
        let (index, end) = self.work.as_ref()?.first_failure?;
        let ended = self.ended(end)?;
        let failure = match ended.outcome {
            Outcome::Failed(failure) => failure,
            Outcome::TimedOut if ended.cost.is_unattempted() => {
                runtime_failure(codes::DEADLINE_PASSED, "it had not ended at the deadline of its job")
            }
            Outcome::TimedOut => runtime_failure(codes::TIMED_OUT, "it ran longer than its timeout"),
            Outcome::Succeeded(_) | Outcome::Cancelled => return None,
        };
        Some((TaskId { job, index }, failure))
    }

    fn task(&self, index: u32, slot: Slot, detail: TaskDetail) -> TaskView {
        let mut view = TaskView {
            index,
            state: TaskState::Ready,
            node: None,
            attempts: 0,
            outcome: None,
            cost: None,
            reused: None,
        };
        match slot {
            Slot::Ready { attempts, losses: _ } => {
                view.attempts = attempts.into();
                if self.holds_back(IndexRange::new(index, index + 1)) {
                    view.state = TaskState::Waiting;
                }
            }
            Slot::Assigned { grant, attempts, losses: _ } => {
                view.state = TaskState::Assigned;
                view.attempts = attempts.into();
                view.node = self.grant(grant).map(|grant| grant.node);
            }
            Slot::Ended { end, attempts } => {
                view.attempts = attempts.into();
                let log = self.work.as_ref().map(|work| &work.ends);
                view.state = log.and_then(|log| log.state(end)).unwrap_or(TaskState::Cancelled);
                if let Some(End { node, outcome, cost, reused }) = self.ended(end) {
                    (view.node, view.reused) = (node, reused);
                    if detail == TaskDetail::Full {
                        view.outcome = Some(outcome);
                        view.cost = Some(cost);
                    }
                }
            }
        }
        view
    }

    fn ended(&self, end: u32) -> Option<End> {
        self.work.as_ref()?.ends.get(end)
    }
}

fn inline_bytes(payload: &Payload) -> usize {
    match payload {
        Payload::Inline(bytes) => bytes.len(),
        Payload::Blob { .. } => 48,
    }
}

fn outcome_bytes(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Succeeded(output) => {
            let outputs = output.outputs.iter().map(|(name, payload)| name.len() + inline_bytes(payload) + 16);
            inline_bytes(&output.result) + outputs.sum::<usize>()
        }
        Outcome::Failed(failure) => crate::end::failure_bytes(failure),
        Outcome::Cancelled | Outcome::TimedOut => 0,
    }
}
