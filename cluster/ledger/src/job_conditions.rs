//! A job that waits, rests, wakes, ends before its time or is opened again: the transitions that its conditions bring.
//! Those of attempts are in `job.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_model::{Cost, IndexRange, JobId, NodeId, Outcome, TaskState};
use nexus_wire::{AttemptRange, REUSED_ON};

use crate::effect::{Effect, Suspect};
use crate::guard::{Guard, off};
use crate::job::{Ending, HeldRun, Job, state_after, suspect};
use crate::outbox::Outbox;
use crate::table::Slot;

impl Job {
    /// Its ready tasks wait for these jobs (and, with none, to be let go).
    pub(crate) fn wait_for(&mut self, open: Vec<JobId>) {
        self.waiting.get_or_insert_default().after = open.into_iter().collect();
        let ready = self.counts.get(TaskState::Ready);
        self.counts.shift(TaskState::Ready, TaskState::Waiting, ready);
    }

    /// Another job has ended well; whether nothing is waited for any more.
    pub(crate) fn stop_waiting_for(&mut self, other: JobId) -> bool {
        let Some(waiting) = &mut self.waiting else { return false };
        waiting.after.remove(&other) && waiting.after.is_empty()
    }

    /// Its tasks may run, from the time that its conditions name.
    pub(crate) fn let_go(&mut self, id: JobId, at_ms: u64, out: &mut Outbox<'_>) {
        let mut waiting = self.waiting.take().unwrap_or_default();
        waiting.after.clear();
        let until = self.spec.conditions.not_before_ms.filter(|until| *until > at_ms);
        for (range, slot) in self.ready_runs(self.table.range()) {
            match until {
                Some(until) => waiting.rest(until, range),
                None => self.announce(id, range, suspect(slot), out),
            }
        }
        self.waiting = (!waiting.is_over()).then_some(waiting);
    }

    /// The time has come for what rests until `now_ms`, and for what should have ended by then.
    pub(crate) fn wake(&mut self, id: JobId, now_ms: u64, out: &mut Outbox<'_>) {
        if self.spec.conditions.deadline_ms.is_some_and(|deadline| deadline <= now_ms) && !off(Guard::DeadlineEnds) {
            self.end_open(id, &Outcome::TimedOut, now_ms, out);
            return;
        }
        let Some(mut waiting) = self.waiting.take() else { return };
        let awake = if waiting.after.is_empty() { waiting.wake(now_ms) } else { Vec::new() };
        self.waiting = (!waiting.is_over()).then_some(waiting);
        for range in awake {
            for (range, slot) in self.ready_runs(range) {
                self.announce(id, range, suspect(slot), out);
            }
        }
    }

    /// When something is to be done about it without anybody asking.
    pub(crate) fn next_wake(&self) -> Option<u64> {
        if self.counts.open() == 0 {
            return None;
        }
        let waiting = self.waiting.as_ref().filter(|waiting| waiting.after.is_empty());
        let resting = waiting.and_then(|waiting| waiting.next_wake());
        resting.into_iter().chain(self.spec.conditions.deadline_ms).min()
    }

    /// Whether tasks of `range` may not be assigned although their slots are ready.
    pub(crate) fn holds_back(&self, range: IndexRange) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.runnable(range) != [range]) && !off(Guard::RestingRests)
    }

    /// Ends every open task, whoever has it.
    pub(crate) fn end_open(&mut self, id: JobId, outcome: &Outcome, at_ms: u64, out: &mut Outbox<'_>) {
        self.waiting = None;
        let waiting = self.counts.get(TaskState::Waiting);
        self.counts.shift(TaskState::Waiting, TaskState::Ready, waiting);
        let state = state_after(outcome);
        let cost = Cost::default();
        let mut unheld = None;
        let mut by_grant = BTreeMap::new();
        let range = self.table.range();
        let mut at = range.start;
        while at < range.end {
            let (run, slot) = self.table.run(at, range.end);
            at = run.end;
            match slot {
                Slot::Ready { attempts, losses: _ } => {
                    let work = self.work.get_or_insert_default();
                    let end = *unheld.get_or_insert_with(|| work.ends.push(None, outcome, &cost));
                    if matches!(state, TaskState::Failed | TaskState::TimedOut) {
                        work.first_failure.get_or_insert((run.start, end));
                    }
                    self.table.set(run, Slot::Ended { end, attempts });
                    self.counts.shift(TaskState::Ready, state, run.len());
                    out.push(Effect::TasksEnded { job: id, range: run, state });
                }
                Slot::Assigned { .. } if *outcome == Outcome::Cancelled && off(Guard::CancelHeld) => {}
                Slot::Assigned { grant, attempts, losses } => {
                    let held = HeldRun { range: run, grant, attempts, losses };
                    let ending = by_grant.entry(grant).or_insert_with(|| Ending::new(outcome, &cost, None));
                    self.end(id, held, ending, out);
                }
                Slot::Ended { .. } => {}
            }
        }
        self.close_if_ended(id, at_ms, out);
    }

    /// Tasks that succeeded run again, after so many attempts; the job has not ended.
    pub(crate) fn make_again(&mut self, range: IndexRange, end: u32, attempts: u16) {
        self.finished_at_ms = None;
        self.let_deadline_go();
        // Its result was there, and is needed: there is nothing to wait for any more.
        if self.spec.conditions.not_before_ms.is_some() {
            Arc::make_mut(&mut self.spec).conditions.not_before_ms = None;
        }
        let Some(work) = &mut self.work else { return };
        let place = work.ends.get(end).and_then(|end| end.node).unwrap_or(REUSED_ON);
        if let Some(tasks) = work.by_node.get_mut(&place) {
            *tasks = tasks.saturating_sub(range.len());
        }
        work.by_node.retain(|_, tasks| *tasks > 0);
        self.table.set(range, Slot::Ready { attempts, losses: 0 });
        self.counts.shift(TaskState::Succeeded, TaskState::Ready, range.len());
    }

    /// Gives back what a node holds of `range` under that token, to be given out again from a time on, as if it had never been
    /// given out; or ends it so. Answers how many tasks wait.
    pub(crate) fn give_back(
        &mut self,
        (id, node): (JobId, NodeId),
        attempt: AttemptRange,
        fate: Result<u64, &Outcome>,
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> u32 {
        let range = self.table.clamp(attempt.range);
        let cost = Cost::default();
        let mut waiting = 0;
        let mut at = range.start;
        while at < range.end {
            let (run, slot) = self.table.run(at, range.end);
            at = run.end;
            let Some(held) = self.held(run, slot, node, attempt.token) else { continue };
            match fate {
                Ok(until_ms) => {
                    waiting += run.len();
                    let slot = Slot::Ready { attempts: held.attempts - 1, losses: held.losses_before() };
                    self.retry(id, held, slot, None, Some(until_ms), out);
                }
                Err(outcome) => self.end(id, held, &mut Ending::new(outcome, &cost, None), out),
            }
        }
        self.close_if_ended(id, at_ms, out);
        waiting
    }

    /// What runs again does so whatever the time.
    fn let_deadline_go(&mut self) {
        if self.spec.conditions.deadline_ms.is_some() {
            Arc::make_mut(&mut self.spec).conditions.deadline_ms = None;
        }
    }

    /// Tasks that did not succeed are as they were before their first attempt; the job has not ended.
    pub(crate) fn reopen(&mut self) {
        (self.finished_at_ms, self.cancelled_at_ms) = (None, None);
        self.let_deadline_go();
        let Some(work) = &mut self.work else { return };
        work.first_failure = None;
        let range = self.table.range();
        let mut at = range.start;
        while at < range.end {
            let (run, slot) = self.table.run(at, range.end);
            at = run.end;
            let Slot::Ended { end, .. } = slot else { continue };
            if let Some(state) = work.ends.state(end).filter(|state| *state != TaskState::Succeeded) {
                self.table.set(run, Slot::Ready { attempts: 0, losses: 0 });
                self.counts.shift(state, TaskState::Ready, run.len());
            }
        }
    }

    /// The runs of `range` whose slots are ready, resting or not.
    pub(crate) fn ready_runs(&self, range: IndexRange) -> Vec<(IndexRange, Slot)> {
        self.table.runs(range).filter(|(_, slot)| matches!(slot, Slot::Ready { .. })).collect()
    }

    fn announce(&mut self, id: JobId, range: IndexRange, suspect: Suspect, out: &mut Outbox<'_>) {
        self.counts.shift(TaskState::Waiting, TaskState::Ready, range.len());
        out.push(Effect::TasksReady { job: id, range, suspect });
    }
}
