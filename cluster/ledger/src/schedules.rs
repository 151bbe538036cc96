//! Schedules: descriptions of jobs that are submitted again and again, at the times of a recurrence.
//!
//! A schedule is due when the leader's clock says so and proposes [`crate::Command::Wake`]; in the entry that wakes it the
//! job is accepted and the next time is set, so that each time makes one job, whoever leads. Times that passed while
//! nobody led make one job together. While the job of the time before has not ended, a time is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_model::{JobId, JobSpec, Recurrence, ScheduleId};
use nexus_wire::ScheduleView;

use crate::effect::{Rejection, Reply};
use crate::ledger::{Ledger, check_spec};
use crate::outbox::Outbox;

/// Most schedules: each is looked at in order of its time only, so that many cost memory alone.
const SCHEDULES_MAX: usize = 1_000;
/// Schedules that one entry wakes: the rest is woken by the next.
const WAKES_MAX: usize = 1_000;

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    /// What is submitted. The times of its conditions count from each beginning.
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) recurrence: Recurrence,
    /// When it is due.
    pub(crate) next_ms: u64,
    /// Its newest job.
    pub(crate) last_job: Option<JobId>,
    /// Jobs that it made.
    pub(crate) begun: u64,
    /// Times that were left out: the job before had not ended, or there was no room.
    pub(crate) skipped: u64,
}

/// All schedules.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Schedules {
    pub(crate) all: BTreeMap<ScheduleId, Schedule>,
    /// Never goes back, so that no id is used twice.
    pub(crate) last: u64,
}

impl Schedules {
    /// The time of the first that is due.
    fn next_ms(&self) -> Option<u64> {
        self.all.values().map(|schedule| schedule.next_ms).min()
    }
}

impl Ledger {
    /// Whether a schedule is due by `now_ms`.
    pub(crate) fn has_due_schedule(&self, now_ms: u64) -> bool {
        self.schedules.next_ms().is_some_and(|next| next <= now_ms)
    }

    /// Makes a schedule. It may not name jobs: they end once.
    pub(crate) fn create_schedule(
        &mut self,
        spec: JobSpec,
        recurrence: Recurrence,
        at_ms: u64,
    ) -> Result<Reply, Rejection> {
        self.cluster()?;
        check_spec(&spec)?;
        if !spec.conditions.jobs().is_empty() {
            return Err(Rejection::Recurrence("a job that recurs cannot wait for one that ends once".to_owned()));
        }
        if self.schedules.all.len() >= SCHEDULES_MAX {
            return Err(Rejection::Full { what: "schedules", most: SCHEDULES_MAX as u64 });
        }
        let next_ms = recurrence.next_after(at_ms).map_err(Rejection::Recurrence)?;
        self.schedules.last += 1;
        let id = ScheduleId(self.schedules.last);
        let schedule = Schedule { spec: Arc::new(spec), recurrence, next_ms, last_job: None, begun: 0, skipped: 0 };
        self.schedules.all.insert(id, schedule);
        Ok(Reply::Schedule { schedule: id, next_ms })
    }

    /// Ends a schedule; its jobs stay as they are.
    pub(crate) fn remove_schedule(&mut self, id: ScheduleId) -> Result<Reply, Rejection> {
        self.cluster()?;
        self.schedules.all.remove(&id).map(|_| Reply::Done).ok_or(Rejection::UnknownSchedule(id))
    }

    /// Submits the jobs of the schedules that are due, and sets their next times.
    pub(crate) fn wake_schedules(&mut self, now_ms: u64, out: &mut Outbox<'_>) {
        let due = self.schedules.all.iter().filter(|(_, schedule)| schedule.next_ms <= now_ms);
        let due: Vec<ScheduleId> = due.map(|(id, _)| *id).take(WAKES_MAX).collect();
        for id in due {
            let Some(schedule) = self.schedules.all.get(&id) else { continue };
            let is_busy = schedule.last_job.is_some_and(|job| self.active.contains(&job));
            let mut spec = JobSpec::clone(&schedule.spec);
            let from_now = |after: Option<u64>| after.map(|after| now_ms.saturating_add(after));
            spec.conditions.deadline_ms = from_now(spec.conditions.deadline_ms);
            spec.conditions.not_before_ms = from_now(spec.conditions.not_before_ms);
            let made = if is_busy { None } else { self.submit(spec, None, now_ms, out).ok() };
            let Some(schedule) = self.schedules.all.get_mut(&id) else { continue };
            match made {
                Some(Reply::Job(job)) => {
                    schedule.last_job = Some(job);
                    schedule.begun += 1;
                }
                _ => schedule.skipped += 1,
            }
            // A recurrence that was accepted has a next time; one that came to its end stays and is never due.
            schedule.next_ms = schedule.recurrence.next_after(now_ms).unwrap_or(u64::MAX);
        }
    }

    /// The schedules in order.
    pub fn schedules(&self) -> Vec<ScheduleView> {
        let view = |(id, schedule): (&ScheduleId, &Schedule)| ScheduleView {
            schedule: *id,
            name: schedule.spec.name.clone(),
            user: schedule.spec.user.clone(),
            recurrence: schedule.recurrence.clone(),
            next_at_ms: schedule.next_ms,
            last_job: schedule.last_job,
            begun: schedule.begun,
            skipped: schedule.skipped,
        };
        self.schedules.all.iter().map(view).collect()
    }
}
