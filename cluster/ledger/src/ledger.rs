//! The replicated state and its one transition: [`Ledger::apply`].
//!
//! Every node applies the same commands in the same order and so comes to the same state. There is no clock, no chance,
//! no input or output here; consensus drives it, and views of it are in `view.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nexus_model::{AttemptToken, INLINE_BYTES_MAX, IndexRange, JobId, JobSpec, NodeId, Payload, Reuse, TaskState};
use nexus_wire::{AttemptRange, FinishedTasks, ProtocolVersion, Stopped};

use crate::audit::Audit;
use crate::command::{Assignment, Command, NewNode, ReleaseReason, Released};
use crate::effect::{Applied, Effect, Rejection, Reply, Suspect};
use crate::guard::{Guard, off};
use crate::job::{Beginnings, Job};
use crate::keys::{FORGOTTEN_KEYS_MAX, KEY_BYTES_MAX, Keys, owner_of_key};
use crate::lives::Lives;
use crate::members::{Admission, Member, Members, NAME_BYTES_MAX, check_len};
use crate::outbox::{Held, Outbox};
use crate::reuse::ReuseIndex;
use crate::schedules::Schedules;

/// Most jobs that have not ended: two million queued jobs take about half a gigabyte.
pub const ACTIVE_JOBS_MAX: usize = 2_000_000;

/// The state of the cluster.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub(crate) applied: u64,
    pub(crate) members: Option<Members>,
    pub(crate) jobs: BTreeMap<JobId, Job>,
    /// Jobs that have not ended.
    pub(crate) active: BTreeSet<JobId>,
    /// Idempotency keys of each user.
    pub(crate) keys: Keys,
    /// Never goes back, so that no id is used twice.
    pub(crate) last_job: u64,
    /// Which grants each node holds.
    pub(crate) held: Held,
    /// Ready tasks of all jobs.
    pub(crate) queued: u64,
    /// Who waits for a job that has not ended.
    pub(crate) dependents: BTreeMap<JobId, BTreeSet<JobId>>,
    /// Jobs with something to do at a time, in ms.
    pub(crate) wakes: BTreeSet<(u64, JobId)>,
    /// Jobs that ended in the entry that is being applied.
    pub(crate) just_ended: Vec<JobId>,
    /// What happened to members; the lives of jobs are with the jobs.
    pub(crate) lives: Lives,
    /// Jobs that recur.
    pub(crate) schedules: Schedules,
    /// What people did.
    pub(crate) audit: Audit,
    /// What every member speaks at least.
    pub(crate) protocol: ProtocolVersion,
    /// Who stopped all work, where that was done and not taken back.
    pub(crate) stopped: Option<Stopped>,
    /// Where results are found that later jobs may take.
    pub(crate) reuse: ReuseIndex,
    /// The spec of the last accepted job: a burst of equal submissions shares one.
    last_spec: Option<Arc<JobSpec>>,
}

impl Ledger {
    /// An empty ledger, before the first entry of its log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the command of log entry `index`. Entries come in order; those that hold no command (elections, changes of
    /// membership) are reported to [`Ledger::skip`], or left out.
    pub fn apply(&mut self, index: u64, command: Command) -> Applied {
        if index <= self.applied && !off(Guard::AppliedOnce) {
            let rejection = Rejection::AlreadyApplied { index, applied: self.applied };
            return Applied { reply: Err(rejection), effects: Vec::new() };
        }
        self.applied = index;
        let mut held = std::mem::take(&mut self.held);
        let mut out = Outbox::new(&mut held);
        let at_ms = command.at_ms();
        let reply = self.dispatch(index, command, &mut out);
        self.settle_dependents(at_ms, &mut out);
        let effects = out.finish();
        self.held = held;
        self.write_lives(at_ms, &effects);
        debug_assert!(reply.is_ok() || effects.is_empty(), "a rejection has no effects");
        Applied { reply, effects }
    }

    /// Takes note of a log entry without a command.
    pub fn skip(&mut self, index: u64) {
        self.applied = self.applied.max(index);
    }

    /// The index of the last entry applied.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// What every member speaks at least: entries may use what it brought, and nothing newer.
    pub fn protocol(&self) -> ProtocolVersion {
        self.protocol
    }

    fn dispatch(&mut self, index: u64, command: Command, out: &mut Outbox<'_>) -> Result<Reply, Rejection> {
        match command {
            Command::CreateCluster { name, ca_certificate_pem, founder, at_ms } => {
                self.create_cluster(name, ca_certificate_pem, founder, at_ms, out)
            }
            Command::SubmitJob { spec, key, at_ms } => self.submit(*spec, key, at_ms, out),
            Command::SubmitPlaced { spec, key, node, at_ms } => self.submit_to((index, node), *spec, key, at_ms, out),
            Command::CancelJob { job, at_ms } => self.cancel(job, at_ms, out),
            Command::RetryJob { job, at_ms } => self.retry(job, at_ms, out),
            Command::Wake { at_ms } => {
                self.wake(at_ms, out);
                self.wake_schedules(at_ms, out);
                Ok(Reply::Done)
            }
            Command::ForgetJob { job } => self.forget(job, out),
            Command::AssignTasks { assignments, at_ms } => self.assign(index, &assignments, at_ms, out),
            Command::FinishTasks { node, tasks, at_ms } => self.finish(node, &tasks, at_ms, out),
            Command::ReleaseTasks { node, attempts, why, at_ms } => {
                self.cluster()?;
                Ok(Reply::Released { tasks: self.release(node, attempts, why, at_ms, out) })
            }
            Command::BeginTasks { node, attempts, at_ms: _ } => self.begin(node, &attempts),
            Command::RetryLost { job, blobs, at_ms: _ } => self.retry_lost(job, &blobs, out),
            Command::MakeAgain { node, attempts, blob, at_ms } => self.make_again(node, &attempts, blob, at_ms, out),
            Command::AddNode { node, token_hash, at_ms } => self.add_node(node, token_hash, at_ms, out),
            Command::UpdateNode { node, address, capacity } => {
                if self.cluster_mut()?.update(node, address, capacity)? {
                    out.push(Effect::NodeUpdated { node });
                }
                Ok(Reply::Done)
            }
            Command::CreateSchedule { spec, recurrence, at_ms } => self.create_schedule(*spec, recurrence, at_ms),
            Command::RemoveSchedule { schedule } => self.remove_schedule(schedule),
            Command::Record { by, act, at_ms } => self.record(at_ms, by, act),
            Command::LabelNode { node, changes } => {
                let members = self.cluster_mut()?;
                if members.label(node, &changes)? {
                    out.push(Effect::NodeLabelled { node, labels: members.machine(node)?.all_labels() });
                }
                Ok(Reply::Done)
            }
            Command::StopWork { by, at_ms } => self.stop_work(by, at_ms, out),
            Command::ResumeWork => self.resume_work(out),
            Command::RaiseProtocol { protocol } => self.raise_protocol(protocol, out),
            Command::RemoveNode { node, at_ms } => {
                self.cluster()?.check_removal(node)?;
                let all = if off(Guard::RemovedGivesBack) { Released::Attempts(Vec::new()) } else { Released::All };
                self.release(node, all, ReleaseReason::WorkerStopped, at_ms, out);
                self.cluster_mut()?.remove(node);
                out.push(Effect::NodeRemoved { node });
                Ok(Reply::Done)
            }
            Command::NoteNode { node, note, at_ms: _ } => {
                self.cluster()?.machine(node)?;
                out.push(Effect::NodeNoted { node, note });
                Ok(Reply::Done)
            }
            Command::CreateToken { hash, role, expires_at_ms, at_ms } => {
                self.cluster_mut()?.create_token(hash, role, expires_at_ms, at_ms)?;
                Ok(Reply::Done)
            }
            Command::SetVoters { voters } => {
                let members = self.cluster_mut()?;
                members.set_voters(&voters)?;
                out.push(Effect::VotersChanged { voters: members.voters.iter().copied().collect() });
                Ok(Reply::Done)
            }
        }
    }

    fn raise_protocol(&mut self, protocol: ProtocolVersion, out: &mut Outbox<'_>) -> Result<Reply, Rejection> {
        if protocol > self.protocol {
            self.protocol = protocol;
            out.push(Effect::ProtocolRaised { protocol });
        }
        Ok(Reply::Done)
    }

    pub(crate) fn cluster(&self) -> Result<&Members, Rejection> {
        self.members.as_ref().ok_or(Rejection::NoCluster)
    }

    fn cluster_mut(&mut self) -> Result<&mut Members, Rejection> {
        self.members.as_mut().ok_or(Rejection::NoCluster)
    }

    fn create_cluster(
        &mut self,
        name: String,
        ca_certificate_pem: String,
        founder: NewNode,
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> Result<Reply, Rejection> {
        if let Some(members) = &self.members {
            return Err(Rejection::ClusterExists(members.cluster.clone()));
        }
        let (members, node) = Members::found(name, ca_certificate_pem, founder, at_ms)?;
        let reply = node_reply(node, &members.nodes[&node]);
        self.members = Some(members);
        out.push(Effect::ClusterCreated);
        out.push(Effect::NodeAdded { node });
        Ok(reply)
    }

    fn add_node(
        &mut self,
        node: NewNode,
        token_hash: [u8; 32],
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> Result<Reply, Rejection> {
        let members = self.cluster_mut()?;
        let (node, admission) = members.admit(node, token_hash, at_ms)?;
        let reply = node_reply(node, &members.nodes[&node]);
        match admission {
            Admission::New => out.push(Effect::NodeAdded { node }),
            Admission::Repeated => {}
        }
        Ok(reply)
    }

    pub(crate) fn submit(
        &mut self,
        spec: JobSpec,
        key: Option<String>,
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> Result<Reply, Rejection> {
        self.cluster()?;
        check_spec(&spec)?;
        if let Some(key) = &key {
            check_len("idempotency key", owner_of_key(self.protocol, "", key).1, KEY_BYTES_MAX)?;
            if let Some(job) = self.job_of_key(&spec.user, key)
                && !off(Guard::KnownKey)
            {
                return Ok(Reply::Job(job));
            }
        }
        if self.active.len() >= ACTIVE_JOBS_MAX {
            return Err(Rejection::Full { what: "jobs that have not ended", most: ACTIVE_JOBS_MAX as u64 });
        }
        let state = Job::new(self.share(Arc::new(spec)), at_ms);
        let open = self.open_conditions(&state)?;
        self.last_job += 1;
        let job = JobId(self.last_job);
        let spec = Arc::clone(&state.spec);
        if let Some(key) = key {
            let (owner, name) = owner_of_key(self.protocol, &spec.user, &key);
            self.keys.insert(owner, name, job);
        }
        let range = spec.tasks;
        self.queued += u64::from(range.len());
        self.jobs.insert(job, state);
        self.active.insert(job);
        let (may_run, reuse) = (spec.conditions.is_none(), spec.reuse);
        out.push(Effect::JobAccepted { job, spec });
        if may_run && reuse == Reuse::Allowed {
            self.take_over(job, TaskState::Ready, at_ms, out);
            self.announce_ready(job, range, out);
        } else if may_run {
            out.push(Effect::TasksReady { job, range, suspect: Suspect::No });
        } else {
            self.begin_waiting(job, open, at_ms, out);
        }
        Ok(Reply::Job(job))
    }

    /// Accepts a job and gives it away in one step. What was accepted before is not given again.
    fn submit_to(
        &mut self,
        (index, node): (u64, NodeId),
        spec: JobSpec,
        key: Option<String>,
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> Result<Reply, Rejection> {
        let (range, before) = (spec.tasks, self.last_job);
        let reply = self.submit(spec, key, at_ms, out)?;
        if let Reply::Job(job) = reply
            && job.0 > before
        {
            self.assign(index, &[Assignment { job, range, node }], at_ms, out)?;
        }
        Ok(reply)
    }

    /// The spec of the job before, where it is the same.
    pub(crate) fn share(&mut self, spec: Arc<JobSpec>) -> Arc<JobSpec> {
        if let Some(last) = &self.last_spec
            && **last == *spec
        {
            return Arc::clone(last);
        }
        self.last_spec = Some(Arc::clone(&spec));
        spec
    }

    fn cancel(&mut self, job: JobId, at_ms: u64, out: &mut Outbox<'_>) -> Result<Reply, Rejection> {
        self.with_job(job, |state| state.cancel(job, at_ms, out)).ok_or(Rejection::UnknownJob(job))?;
        Ok(Reply::Done)
    }

    fn forget(&mut self, job: JobId, out: &mut Outbox<'_>) -> Result<Reply, Rejection> {
        if self.active.contains(&job) {
            return Err(Rejection::JobActive(job));
        }
        let forgotten = self.jobs.remove(&job).ok_or(Rejection::UnknownJob(job))?;
        self.reuse.remove(job, &forgotten.spec);
        self.keys.outlives(job);
        // A member of an earlier version keeps them all.
        if self.protocol >= Command::FORGETS_KEYS {
            self.keys.forget_beyond(FORGOTTEN_KEYS_MAX);
        }
        out.push(Effect::JobForgotten { job });
        Ok(Reply::Done)
    }

    fn assign(
        &mut self,
        index: u64,
        assignments: &[Assignment],
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> Result<Reply, Rejection> {
        self.cluster()?;
        let token = AttemptToken(index);
        let (mut tasks, mut refused) = (0u32, 0u32);
        for &Assignment { job, range, node } in assignments {
            let is_stopped = self.stopped.is_some() && !off(Guard::StoppedStops);
            if is_stopped || self.cluster()?.machine(node).is_err() && !off(Guard::MembersOnly) {
                refused = refused.saturating_add(range.len());
                out.push(Effect::AssignmentRefused { job, range, node });
                self.announce_ready(job, range, out);
                continue;
            }
            match self.with_job(job, |state| state.assign(job, range, node, token, at_ms, out)) {
                Some((given, left)) => {
                    tasks = tasks.saturating_add(given);
                    refused = refused.saturating_add(left);
                }
                None => {
                    refused = refused.saturating_add(range.len());
                    out.push(Effect::AssignmentRefused { job, range, node });
                }
            }
        }
        Ok(Reply::Assigned { tasks, refused })
    }

    /// Says again which tasks of `range` are ready.
    fn announce_ready(&self, job: JobId, range: IndexRange, out: &mut Outbox<'_>) {
        for (range, suspect) in self.ready(job, range) {
            out.push(Effect::TasksReady { job, range, suspect });
        }
    }

    fn finish(
        &mut self,
        node: NodeId,
        tasks: &[FinishedTasks],
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> Result<Reply, Rejection> {
        self.cluster()?;
        let (mut recorded, mut stale) = (0u32, 0u32);
        for same_job in tasks.chunk_by(|a, b| a.attempt.job == b.attempt.job) {
            let job = same_job[0].attempt.job;
            let reported = same_job.iter().fold(0u32, |sum, f| sum.saturating_add(f.attempt.range.len()));
            let counted = self.with_job(job, |state| {
                same_job.iter().map(|finished| state.finish(job, node, finished, at_ms, out)).sum::<u32>()
            });
            let counted = counted.unwrap_or(0);
            recorded = recorded.saturating_add(counted);
            stale = stale.saturating_add(reported - counted);
        }
        Ok(Reply::Finished { recorded, stale })
    }

    fn release(
        &mut self,
        node: NodeId,
        attempts: Released,
        why: ReleaseReason,
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> u32 {
        let attempts = match attempts {
            Released::All => self.attempts_of(out.held, node),
            Released::Attempts(attempts) => attempts,
            Released::AllBut(_) if off(Guard::ReturnedKeeps) => Vec::new(),
            Released::AllBut(kept) => subtract(self.attempts_of(out.held, node), kept),
        };
        let mut released = 0u32;
        let written = self.protocol >= Command::BEGUN;
        let beginnings = if written { Beginnings::Written } else { Beginnings::Unknown };
        for attempt in attempts {
            let job = attempt.job;
            let tasks = self.with_job(job, |state| state.release((job, node), attempt, beginnings, why, at_ms, out));
            released = released.saturating_add(tasks.unwrap_or(0));
        }
        released
    }

    fn begin(&mut self, node: NodeId, attempts: &[AttemptRange]) -> Result<Reply, Rejection> {
        self.cluster()?;
        let begun = attempts.iter().filter_map(|attempt| Some(self.jobs.get_mut(&attempt.job)?.begin(node, *attempt)));
        Ok(Reply::Begun { tasks: begun.fold(0, u32::saturating_add) })
    }

    /// The grants of a node, as attempts, in order. A grant's range may hold tasks that are no longer the node's.
    fn attempts_of(&self, held: &Held, node: NodeId) -> Vec<AttemptRange> {
        let mut attempts: Vec<AttemptRange> = held
            .range((node, JobId(0), 0)..=(node, JobId(u64::MAX), u32::MAX))
            .filter_map(|&(_, job, number)| {
                let grant = self.jobs.get(&job)?.grant(number)?;
                Some(AttemptRange { job, range: grant.range, token: grant.token })
            })
            .collect();
        // The numbers of grants are not the same on every node: one that began with a snapshot counts anew.
        attempts.sort_by_key(|attempt| (attempt.job, attempt.token, attempt.range));
        attempts
    }

    /// Changes a job and keeps the totals that depend on it.
    pub(crate) fn with_job<R>(&mut self, id: JobId, change: impl FnOnce(&mut Job) -> R) -> Option<R> {
        let job = self.jobs.get_mut(&id)?;
        let before = job.counts.get(TaskState::Ready);
        let result = change(job);
        self.queued = self.queued - u64::from(before) + u64::from(job.counts.get(TaskState::Ready));
        let wake = job.next_wake();
        if job.wakes_at_ms != wake {
            if let Some(at) = job.wakes_at_ms {
                self.wakes.remove(&(at, id));
            }
            self.wakes.extend(wake.map(|at| (at, id)));
            job.wakes_at_ms = wake;
        }
        if job.counts.open() == 0 && self.active.remove(&id) {
            self.reuse.add(id, &job.spec);
            self.just_ended.push(id);
        }
        Some(result)
    }
}

fn node_reply(node: NodeId, member: &Member) -> Reply {
    Reply::Node { node, role: member.role, name: member.name.clone() }
}

pub(crate) fn check_spec(spec: &JobSpec) -> Result<(), Rejection> {
    spec.check()?;
    check_len("job's name", &spec.name, NAME_BYTES_MAX)?;
    check_len("user's name", &spec.user, NAME_BYTES_MAX)?;
    for input in &spec.inputs {
        if let Payload::Inline(bytes) = &input.payload
            && bytes.len() > INLINE_BYTES_MAX
        {
            return Err(Rejection::TooLong { what: "inline input", found: bytes.len(), most: INLINE_BYTES_MAX });
        }
    }
    Ok(())
}

/// What is left of `attempts` without `kept`.
fn subtract(attempts: Vec<AttemptRange>, mut kept: Vec<AttemptRange>) -> Vec<AttemptRange> {
    kept.sort_by_key(|attempt| (attempt.job, attempt.token, attempt.range));
    let mut left = Vec::new();
    for attempt in attempts {
        let mut start = attempt.range.start;
        let from = kept.partition_point(|k| (k.job, k.token) < (attempt.job, attempt.token));
        let same = kept[from..].iter().take_while(|k| (k.job, k.token) == (attempt.job, attempt.token));
        for keep in same {
            if start < keep.range.start.min(attempt.range.end) {
                let end = keep.range.start.min(attempt.range.end);
                left.push(AttemptRange { range: IndexRange::new(start, end), ..attempt });
            }
            start = start.max(keep.range.end);
        }
        if start < attempt.range.end {
            left.push(AttemptRange { range: IndexRange::new(start, attempt.range.end), ..attempt });
        }
    }
    left
}
