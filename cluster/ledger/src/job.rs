//! One job: its tasks, who holds them, how they ended. The transitions of a task are here and nowhere else:
//!
//! | from | event | to |
//! |---|---|---|
//! | ready | assigned | assigned, one attempt more |
//! | assigned | succeeded, timed out, failed for good or for the last time | ended |
//! | assigned | failed, or given up, with attempts left | ready, or waiting where there is a pause between attempts |
//! | assigned | worker lost | ready and suspect; ended where no attempt is left or it is the second worker |
//! | assigned, suspect | begun | assigned, the loss of its worker counted in advance |
//! | assigned, suspect, not begun | worker lost | ready and suspect, one attempt fewer |
//! | assigned | taken back before it began | ready, one attempt fewer |
//! | waiting, ready, assigned | job cancelled, its deadline is over, a job that it waits for failed | ended |
//!
//! Every other pair changes nothing, and is counted as refused or stale. A timeout ends the task: the same work under the
//! same limit would most likely end the same way, and each attempt costs the whole limit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nexus_model::{AttemptToken, Cost, Failure, IndexRange, JobId, JobSpec, JobState, NodeId, Outcome, TaskState};
use nexus_wire::{AttemptRange, FinishedTasks};

use crate::codes;
use crate::command::ReleaseReason;
use crate::effect::{Effect, Suspect};
use crate::end;
use crate::end_log::EndLog;
use crate::guard::{Guard, off};
use crate::life_log::LifeLog;
use crate::outbox::{Fate, Outbox};
use crate::table::{Slot, TaskTable};
use crate::waiting::Waiting;

/// A task that was on this many workers when they were lost is quarantined.
pub(crate) const LOSSES_MAX: u8 = 2;

/// Tasks by state, in the order of [`TaskState::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts(pub(crate) [u32; 8]);

impl Counts {
    /// Tasks in `state`.
    pub(crate) fn get(&self, state: TaskState) -> u32 {
        self.0[state as usize]
    }

    /// Tasks that have not ended.
    pub(crate) fn open(&self) -> u32 {
        let [waiting, ready, assigned, running, ..] = self.0;
        waiting + ready + assigned + running
    }

    pub(crate) fn shift(&mut self, from: TaskState, to: TaskState, tasks: u32) {
        self.0[from as usize] -= tasks;
        self.0[to as usize] += tasks;
    }
}

/// Tasks that one node holds under one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    /// The fence.
    pub(crate) token: AttemptToken,
    /// Every task of it is in this range.
    pub(crate) range: IndexRange,
    /// The holder.
    pub(crate) node: NodeId,
    /// Tasks still held; at 0 the place is free.
    pub(crate) live: u32,
}

/// What a job has from its first assignment (or cancel) on; a queued job does without.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work {
    /// Who holds what, by the number in the slots.
    pub(crate) grants: Vec<Grant>,
    /// Free places of `grants`.
    pub(crate) free: Vec<u32>,
    /// How tasks ended.
    pub(crate) ends: EndLog,
    /// What happened to the job since.
    pub(crate) life: LifeLog,
    /// Succeeded tasks by node.
    pub(crate) by_node: BTreeMap<NodeId, u32>,
    /// First assignment.
    pub(crate) started_at_ms: Option<u64>,
    /// The first failure that was committed: task and record.
    pub(crate) first_failure: Option<(u32, u32)>,
}

/// A job and its tasks.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) submitted_at_ms: u64,
    pub(crate) finished_at_ms: Option<u64>,
    /// When a cancel arrived that found open tasks.
    pub(crate) cancelled_at_ms: Option<u64>,
    pub(crate) table: TaskTable,
    pub(crate) counts: Counts,
    /// What keeps its ready tasks from running.
    pub(crate) waiting: Option<Box<Waiting>>,
    /// Where it stands in the ledger's list of wake-ups.
    pub(crate) wakes_at_ms: Option<u64>,
    pub(crate) work: Option<Box<Work>>,
}

/// An assigned task (or run of tasks) as its slot tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldRun {
    pub(crate) range: IndexRange,
    pub(crate) grant: u32,
    pub(crate) attempts: u16,
    pub(crate) losses: u8,
}

/// Whether suspects of this cluster say so before they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginnings {
    /// It is written down first.
    Written,
    /// Some member could not read that yet: what a node holds may have begun.
    Unknown,
}

impl HeldRun {
    /// Workers that it lost before the one that holds it.
    pub(crate) fn losses_before(self) -> u8 {
        self.losses.min(LOSSES_MAX - 1)
    }

    /// A suspect of which it is sure that it has not begun.
    fn has_not_begun(self, beginnings: Beginnings) -> bool {
        let is_suspect = (1..LOSSES_MAX).contains(&self.losses);
        is_suspect && beginnings == Beginnings::Written && !off(Guard::SecondLossIsSure)
    }
}

/// How held tasks end, and the record of it once it is written.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    outcome: &'a Outcome,
    cost: &'a Cost,
    /// The time that each task ran, where it is known.
    ran: Option<Duration>,
    record: Option<u32>,
}

impl<'a> Ending<'a> {
    pub(crate) fn new(outcome: &'a Outcome, cost: &'a Cost, ran: Option<Duration>) -> Self {
        Ending { outcome, cost, ran, record: None }
    }
}

impl Job {
    /// A job whose tasks are all ready.
    pub(crate) fn new(spec: Arc<JobSpec>, submitted_at_ms: u64) -> Self {
        let mut counts = Counts::default();
        counts.0[TaskState::Ready as usize] = spec.tasks.len();
        let table = TaskTable::new(spec.tasks, Slot::Ready { attempts: 0, losses: 0 });
        Job {
            spec,
            submitted_at_ms,
            finished_at_ms: None,
            cancelled_at_ms: None,
            table,
            counts,
            waiting: None,
            wakes_at_ms: None,
            work: None,
        }
    }

    /// The state that follows from the tasks.
    pub(crate) fn state(&self) -> JobState {
        let started = self.work.as_ref().is_some_and(|work| work.started_at_ms.is_some());
        if self.counts.open() > 0 {
            return if started { JobState::Running } else { JobState::Queued };
        }
        if self.cancelled_at_ms.is_some() {
            JobState::Cancelled
        } else if self.counts.get(TaskState::Failed) + self.counts.get(TaskState::TimedOut) > 0 {
            JobState::Failed
        } else {
            JobState::Succeeded
        }
    }

    /// Gives the ready tasks of `range` to `node`; answers how many were and how many were not ready.
    pub(crate) fn assign(
        &mut self,
        id: JobId,
        range: IndexRange,
        node: NodeId,
        token: AttemptToken,
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> (u32, u32) {
        if self.table.clamp(range) != range {
            out.push(Effect::AssignmentRefused { job: id, range, node });
            return (0, range.len());
        }
        let mut grant = None;
        let mut refused = 0;
        let mut at = range.start;
        while at < range.end {
            let (run, slot) = self.table.run(at, range.end);
            at = run.end;
            let is_suspect = suspect(slot);
            let Slot::Ready { attempts, losses } = slot else {
                refused += run.len();
                out.push(Effect::AssignmentRefused { job: id, range: run, node });
                continue;
            };
            if self.holds_back(run) {
                refused += run.len();
                out.push(Effect::AssignmentRefused { job: id, range: run, node });
                continue;
            }
            let work = self.work.get_or_insert_default();
            work.started_at_ms.get_or_insert(at_ms);
            let grant = *grant.get_or_insert_with(|| work.open_grant(Grant { token, range, node, live: 0 }));
            work.grants[grant as usize].live += run.len();
            self.table.set(run, Slot::Assigned { grant, attempts: attempts + 1, losses });
            self.counts.shift(TaskState::Ready, TaskState::Assigned, run.len());
            out.held.insert((node, id, grant));
            let attempt = AttemptRange { job: id, range: run, token };
            out.push(Effect::TasksAssigned { node, attempt, suspect: is_suspect });
        }
        (range.len() - refused, refused)
    }

    /// Records how attempts ended; answers how many tasks were held under that token by that node.
    pub(crate) fn finish(
        &mut self,
        id: JobId,
        node: NodeId,
        finished: &FinishedTasks,
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> u32 {
        let oversized;
        let none;
        let (outcome, cost) = if end::fits(&finished.outcome, &finished.cost) {
            (&finished.outcome, &finished.cost)
        } else {
            oversized = Outcome::Failed(oversized_result());
            none = Cost { wall: finished.cost.wall, ..Cost::default() };
            (&oversized, &none)
        };
        let attempts_max = self.spec.retry.max_attempts;
        let gave_up = Outcome::Failed(given_up());
        let mut ending = Ending::new(outcome, cost, Some(cost.wall));
        let mut giving_up = Ending::new(&gave_up, cost, Some(cost.wall));
        let range = self.table.clamp(finished.attempt.range);
        let mut recorded = 0;
        let mut at = range.start;
        while at < range.end {
            let (run, slot) = self.table.run(at, range.end);
            at = run.end;
            let Some(held) = self.held(run, slot, node, finished.attempt.token) else { continue };
            recorded += run.len();
            let attempts_left = u32::from(held.attempts) < attempts_max || off(Guard::AttemptsEnd);
            let retry = Slot::Ready { attempts: held.attempts, losses: held.losses_before() };
            match outcome {
                Outcome::Failed(failure) if failure.retryable && attempts_left => {
                    let pause = self.spec.conditions.pause_after(held.attempts.into()).as_millis() as u64;
                    let until = (pause > 0).then(|| at_ms.saturating_add(pause));
                    self.retry(id, held, retry, ending.ran, until, out);
                }
                Outcome::Cancelled if attempts_left => self.retry(id, held, retry, ending.ran, None, out),
                Outcome::Cancelled => self.end(id, held, &mut giving_up, out),
                Outcome::Succeeded(_) | Outcome::TimedOut | Outcome::Failed(_) => {
                    self.end(id, held, &mut ending, out);
                }
            }
        }
        self.close_if_ended(id, at_ms, out);
        recorded
    }

    /// Suspects that `node` holds under that token are about to begin; answers how many tasks it holds.
    pub(crate) fn begin(&mut self, node: NodeId, attempt: AttemptRange) -> u32 {
        let range = self.table.clamp(attempt.range);
        let mut begun = 0;
        let mut at = range.start;
        while at < range.end {
            let (run, slot) = self.table.run(at, range.end);
            at = run.end;
            let Some(held) = self.held(run, slot, node, attempt.token) else { continue };
            begun += run.len();
            if held.losses > 0 && !off(Guard::BegunIsLost) {
                self.table.set(run, Slot::Assigned { grant: held.grant, attempts: held.attempts, losses: LOSSES_MAX });
            }
        }
        begun
    }

    /// Takes the tasks of `attempt` back that `node` holds; answers how many. Whether beginnings of suspects are written down
    /// is for the cluster to say.
    pub(crate) fn release(
        &mut self,
        (id, node): (JobId, NodeId),
        attempt: AttemptRange,
        beginnings: Beginnings,
        why: ReleaseReason,
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> u32 {
        let attempts_max = self.spec.retry.max_attempts;
        let range = self.table.clamp(attempt.range);
        let cost = Cost::default();
        let mut released = 0;
        let mut at = range.start;
        while at < range.end {
            let (run, slot) = self.table.run(at, range.end);
            at = run.end;
            let Some(held) = self.held(run, slot, node, attempt.token) else { continue };
            released += run.len();
            let attempts_left = u32::from(held.attempts) < attempts_max || off(Guard::AttemptsEnd);
            let why = if held.has_not_begun(beginnings) { ReleaseReason::NotStarted } else { why };
            let counts = why == ReleaseReason::WorkerLost && !off(Guard::LossesCount);
            let losses = held.losses_before() + u8::from(counts);
            let failure = match why {
                ReleaseReason::NotStarted => None,
                ReleaseReason::WorkerLost if losses >= LOSSES_MAX => Some(quarantined()),
                ReleaseReason::WorkerLost if !attempts_left => Some(worker_lost()),
                ReleaseReason::WorkerStopped if !attempts_left => Some(given_up()),
                ReleaseReason::WorkerLost | ReleaseReason::WorkerStopped => None,
            };
            match failure {
                Some(failure) => {
                    self.end(id, held, &mut Ending::new(&Outcome::Failed(failure), &cost, None), out);
                }
                None => {
                    let attempts = held.attempts - u16::from(why == ReleaseReason::NotStarted);
                    self.retry(id, held, Slot::Ready { attempts, losses }, None, None, out);
                }
            }
        }
        self.close_if_ended(id, at_ms, out);
        released
    }

    /// Ends every open task as cancelled.
    pub(crate) fn cancel(&mut self, id: JobId, at_ms: u64, out: &mut Outbox<'_>) {
        if self.counts.open() > 0 {
            self.cancelled_at_ms = Some(at_ms);
            self.end_open(id, &Outcome::Cancelled, at_ms, out);
        }
    }

    /// The grant behind an assigned slot.
    pub(crate) fn grant(&self, number: u32) -> Option<&Grant> {
        self.work.as_ref()?.grants.get(number as usize).filter(|grant| grant.live > 0)
    }

    pub(crate) fn held(&self, range: IndexRange, slot: Slot, node: NodeId, token: AttemptToken) -> Option<HeldRun> {
        let Slot::Assigned { grant, attempts, losses } = slot else { return None };
        let current = self.grant(grant)?;
        let same_node = current.node == node || off(Guard::HoldingNode);
        let same_token = current.token == token || off(Guard::CurrentToken);
        (same_node && same_token).then_some(HeldRun { range, grant, attempts, losses })
    }

    pub(crate) fn end(&mut self, id: JobId, held: HeldRun, ending: &mut Ending<'_>, out: &mut Outbox<'_>) {
        let work = self.work.get_or_insert_default();
        let grant = work.leave_grant(id, held, out);
        let Ending { outcome, cost, ran, ref mut record } = *ending;
        let end = *record.get_or_insert_with(|| work.ends.push(Some(grant.node), outcome, cost));
        let state = state_after(outcome);
        match state {
            TaskState::Succeeded => *work.by_node.entry(grant.node).or_default() += held.range.len(),
            TaskState::Failed | TaskState::TimedOut => {
                work.first_failure.get_or_insert((held.range.start, end));
            }
            _ => {}
        }
        self.table.set(held.range, Slot::Ended { end, attempts: held.attempts });
        self.counts.shift(TaskState::Assigned, state, held.range.len());
        let attempt = AttemptRange { job: id, range: held.range, token: grant.token };
        let busy = ran.map(|ran| ran.saturating_mul(held.range.len()));
        out.departed(grant.node, attempt, busy, Fate::Ended(state));
    }

    /// Puts held tasks back, to be given out again at once or from a time on.
    pub(crate) fn retry(
        &mut self,
        id: JobId,
        held: HeldRun,
        slot: Slot,
        ran: Option<Duration>,
        until_ms: Option<u64>,
        out: &mut Outbox<'_>,
    ) {
        let grant = self.work.get_or_insert_default().leave_grant(id, held, out);
        self.table.set(held.range, slot);
        let (state, fate) = match until_ms {
            Some(until) => {
                self.waiting.get_or_insert_default().rest(until, held.range);
                (TaskState::Waiting, Fate::Resting)
            }
            None => (TaskState::Ready, Fate::Ready(suspect(slot))),
        };
        self.counts.shift(TaskState::Assigned, state, held.range.len());
        let attempt = AttemptRange { job: id, range: held.range, token: grant.token };
        let busy = ran.map(|ran| ran.saturating_mul(held.range.len()));
        out.departed(grant.node, attempt, busy, fate);
    }

    pub(crate) fn close_if_ended(&mut self, id: JobId, at_ms: u64, out: &mut Outbox<'_>) {
        if self.counts.open() > 0 || self.finished_at_ms.is_some() {
            return;
        }
        self.finished_at_ms = Some(at_ms.max(self.submitted_at_ms));
        if let Some(work) = &mut self.work {
            debug_assert!(work.grants.iter().all(|grant| grant.live == 0), "an ended job holds no grant");
            work.grants = Vec::new();
            work.free = Vec::new();
            work.ends.shrink();
        }
        out.push(Effect::JobEnded { job: id, state: self.state() });
    }
}

impl Work {
    fn open_grant(&mut self, grant: Grant) -> u32 {
        match self.free.pop() {
            Some(number) => {
                self.grants[number as usize] = grant;
                number
            }
            None => {
                self.grants.push(grant);
                self.grants.len() as u32 - 1
            }
        }
    }

    /// Takes tasks off their grant, which is free when it was the last.
    fn leave_grant(&mut self, id: JobId, held: HeldRun, out: &mut Outbox<'_>) -> Grant {
        let grant = &mut self.grants[held.grant as usize];
        grant.live -= held.range.len();
        let copy = *grant;
        if copy.live == 0 {
            self.free.push(held.grant);
            out.held.remove(&(copy.node, id, held.grant));
        }
        copy
    }
}

/// Whether a ready task has lost a worker.
pub(crate) fn suspect(slot: Slot) -> Suspect {
    match slot {
        Slot::Ready { losses: 1.., .. } => Suspect::Yes,
        Slot::Ready { losses: 0, .. } | Slot::Assigned { .. } | Slot::Ended { .. } => Suspect::No,
    }
}

pub(crate) fn state_after(outcome: &Outcome) -> TaskState {
    match outcome {
        Outcome::Succeeded(_) => TaskState::Succeeded,
        Outcome::Failed(_) => TaskState::Failed,
        Outcome::Cancelled => TaskState::Cancelled,
        Outcome::TimedOut => TaskState::TimedOut,
    }
}

pub(crate) fn runtime_failure(code: &str, message: &str) -> Failure {
    Failure { code: code.to_owned(), message: message.to_owned(), diagnostic: None, retryable: false }
}

fn worker_lost() -> Failure {
    runtime_failure(codes::WORKER_LOST, "its worker was lost, and no attempts are left")
}

fn quarantined() -> Failure {
    runtime_failure(codes::QUARANTINED, "two workers were lost while they ran it; it is quarantined")
}

fn given_up() -> Failure {
    runtime_failure(codes::GIVEN_UP, "its worker stopped before it ended, and no attempts are left")
}

fn oversized_result() -> Failure {
    runtime_failure(codes::RESULT_TOO_LARGE, "its result is larger than the ledger keeps; larger results are blobs")
}
