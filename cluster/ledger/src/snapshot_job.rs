//! A job on its way back from a snapshot: its description in any version, then its tasks and their ends, each checked
//! against the others. Which sections there are is in `snapshot.rs`, which drives it.

use std::sync::Arc;

use nexus_model::{Conditions, IndexRange, JobId, JobSpec, NodeId, TaskState};
use nexus_wire::WireError;
use nexus_wire::archived::read;
use rkyv::vec::ArchivedVec;

use crate::command_codec::CodecError;
use crate::end_log::EndLog;
use crate::job::{Counts, Job, LOSSES_MAX, Work};
use crate::ledger::Ledger;
use crate::snapshot::inconsistent;
use crate::snapshot_form::{ArchivedJobV1, ArchivedJobV2, ArchivedJobV3, ArchivedJobV4, ArchivedRunV1};
use crate::table::Slot;
use crate::waiting::Waiting;

/// A job on its way back: everything is checked against everything else when it is closed.
pub(crate) struct RestoreJob {
    id: JobId,
    job: Job,
    pub(crate) work: Work,
    pub(crate) ends: EndLog,
    /// The first task that no run has reached.
    next: u32,
}

impl RestoreJob {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, CodecError> {
        Ok(read(bytes, |form: &ArchivedJobV1<'_>| Self::of(form, Conditions::default(), |_| {}))?)
    }

    pub(crate) fn read_conditioned(bytes: &[u8]) -> Result<Self, CodecError> {
        Ok(read(bytes, |form: &ArchivedJobV2<'_>| Self::waiting(form, |_| {}))?)
    }

    pub(crate) fn read_executed(bytes: &[u8]) -> Result<Self, CodecError> {
        let executed = |form: &ArchivedJobV3<'_>, spec: &mut JobSpec| spec.execution = Some((&form.execution).into());
        Ok(read(bytes, |form: &ArchivedJobV3<'_>| Self::waiting(&form.job, |spec| executed(form, spec)))?)
    }

    pub(crate) fn read_selective(bytes: &[u8]) -> Result<Self, CodecError> {
        let needy = |form: &ArchivedJobV4<'_>, spec: &mut JobSpec| {
            spec.execution = form.execution.as_ref().map(Into::into);
            form.needs.restore(spec);
        };
        Ok(read(bytes, |form: &ArchivedJobV4<'_>| Self::waiting(&form.job, |spec| needy(form, spec)))?)
    }

    /// `complete` adds to the description what stands beside it.
    fn waiting(form: &ArchivedJobV2<'_>, complete: impl FnOnce(&mut JobSpec)) -> Result<Self, WireError> {
        let mut restored = Self::of(&form.job, (&form.conditions).try_into()?, complete)?;
        let mut waiting =
            Waiting { after: form.after.iter().map(|job| JobId(job.to_native())).collect(), ..Waiting::default() };
        for resting in form.resting.iter() {
            let (until, range) = resting.read();
            waiting.resting.entry(until).or_default().push(range);
        }
        restored.job.waiting = (!waiting.is_over()).then(|| Box::new(waiting));
        Ok(restored)
    }

    fn of(
        form: &ArchivedJobV1<'_>,
        conditions: Conditions,
        complete: impl FnOnce(&mut JobSpec),
    ) -> Result<Self, WireError> {
        {
            let mut spec: JobSpec = (&form.spec).try_into()?;
            spec.conditions = conditions;
            complete(&mut spec);
            // An input that was taken is there twice, by its name and as what was taken.
            let mut bare = spec.clone();
            bare.conditions.takes.retain(|taken| !spec.inputs.iter().any(|input| input.name == taken.name));
            bare.check().map_err(|_| WireError::Value("a job that cannot be accepted"))?;
            let next = spec.tasks.start;
            let mut job = Job::new(Arc::new(spec), form.submitted_at_ms.to_native());
            job.counts = Counts::default();
            job.finished_at_ms = form.finished_at_ms.as_ref().map(|ms| ms.to_native());
            job.cancelled_at_ms = form.cancelled_at_ms.as_ref().map(|ms| ms.to_native());
            let by_node = form.by_node.iter().map(|count| (NodeId(count.node.to_native()), count.tasks.to_native()));
            let first_failure = form.first_failure.as_ref();
            let work = Work {
                grants: form.grants.iter().map(Into::into).collect(),
                by_node: by_node.collect(),
                started_at_ms: form.started_at_ms.as_ref().map(|ms| ms.to_native()),
                first_failure: first_failure.map(|first| (first.index.to_native(), first.end.to_native())),
                ..Work::default()
            };
            Ok(RestoreJob { id: JobId(form.id.to_native()), job, work, ends: EndLog::default(), next })
        }
    }

    pub(crate) fn read_runs(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        let RestoreJob { job, work, next, .. } = self;
        let attempts_max = job.spec.retry.max_attempts;
        let sound = read(bytes, |forms: &ArchivedVec<ArchivedRunV1>| {
            for form in forms.iter() {
                let (start, slot) = (*next, Slot::from(&form.slot));
                let end = start.checked_add(form.tasks.to_native()).filter(|end| *end <= job.spec.tasks.end);
                let Some(end) = end.filter(|end| *end > start) else { return Ok(false) };
                if !is_sound(slot, attempts_max) || !hold(work, IndexRange::new(start, end), slot) {
                    return Ok(false);
                }
                job.table.set(IndexRange::new(start, end), slot);
                *next = end;
            }
            Ok(true)
        })?;
        if sound { Ok(()) } else { Err(inconsistent("the tasks of a job contradict it")) }
    }

    pub(crate) fn close(mut self, ledger: &mut Ledger) -> Result<(), CodecError> {
        let sound = self.count_tasks() && self.agrees(ledger);
        if !sound {
            return Err(inconsistent("a job contradicts its tasks"));
        }
        let RestoreJob { id, mut job, mut work, ends, .. } = self;
        let open = job.counts.open() > 0;
        for other in job.waiting.iter().flat_map(|waiting| &waiting.after) {
            ledger.dependents.entry(*other).or_default().insert(id);
        }
        job.wakes_at_ms = job.next_wake();
        ledger.wakes.extend(job.wakes_at_ms.map(|at| (at, id)));
        for (grant, number) in work.grants.iter().zip(0..) {
            ledger.held.insert((grant.node, id, number));
        }
        work.ends = ends;
        let idle = work.started_at_ms.is_none() && work.ends.len() == 0 && work.life.entries == 0;
        job.work = (!idle).then(|| Box::new(work));
        job.spec = ledger.share(job.spec);
        ledger.queued += u64::from(job.counts.get(TaskState::Ready));
        if open {
            ledger.active.insert(id);
        }
        ledger.jobs.insert(id, job);
        Ok(())
    }

    /// Counts the tasks by state; whether every ended task has a record.
    fn count_tasks(&mut self) -> bool {
        let mut counts = Counts::default();
        for (run, slot) in self.job.table.runs(self.job.table.range()) {
            let state = match slot {
                Slot::Ready { .. } => {
                    let runnable = match &self.job.waiting {
                        Some(waiting) => waiting.runnable(run).iter().map(|range| range.len()).sum(),
                        None => run.len(),
                    };
                    counts.0[TaskState::Waiting as usize] += run.len() - runnable;
                    counts.0[TaskState::Ready as usize] += runnable;
                    continue;
                }
                Slot::Assigned { .. } => Some(TaskState::Assigned),
                Slot::Ended { end, .. } => self.ends.state(end),
            };
            let Some(state) = state else { return false };
            counts.0[state as usize] += run.len();
        }
        self.job.counts = counts;
        true
    }

    /// Whether the parts of the job agree with each other and with the ledger so far.
    fn agrees(&self, ledger: &Ledger) -> bool {
        let RestoreJob { id, job, work, ends, next } = self;
        let complete = *next == job.spec.tasks.end;
        let in_order = ledger.jobs.last_key_value().map_or(JobId(0), |(last, _)| *last) < *id;
        let known = id.0 <= ledger.last_job;
        let open = job.counts.open() > 0;
        let succeeded: u64 = work.by_node.values().map(|tasks| u64::from(*tasks)).sum();
        let machine = |node: NodeId| ledger.members.as_ref().is_some_and(|members| members.nodes.contains_key(&node));
        complete
            && in_order
            && known
            && open == job.finished_at_ms.is_none()
            && succeeded == u64::from(job.counts.get(TaskState::Succeeded))
            && job.waiting.as_ref().is_none_or(|waiting| self.waits_soundly(waiting, ledger))
            && work.grants.iter().all(|grant| grant.live > 0 && machine(grant.node))
            && (work.grants.is_empty() || work.started_at_ms.is_some())
            && work.first_failure.is_none_or(|(index, end)| {
                job.spec.tasks.contains(index)
                    && matches!(ends.state(end), Some(TaskState::Failed | TaskState::TimedOut))
            })
    }
}

impl RestoreJob {
    /// Whether it waits for jobs that have not ended, and only ready tasks rest, none of them twice.
    fn waits_soundly(&self, waiting: &Waiting, ledger: &Ledger) -> bool {
        let tasks = self.job.table.range();
        let mut resting: Vec<IndexRange> = waiting.resting.values().flatten().copied().collect();
        resting.sort_unstable();
        let apart = resting.windows(2).all(|pair| pair[0].end <= pair[1].start);
        let ready = |range: IndexRange| {
            let slots = || self.job.table.runs(range);
            !range.is_empty()
                && tasks.start <= range.start
                && range.end <= tasks.end
                && slots().all(|(_, slot)| matches!(slot, Slot::Ready { .. }))
        };
        waiting.after.iter().all(|other| ledger.active.contains(other)) && apart && resting.into_iter().all(ready)
    }
}

/// Whether a task can be in such a slot.
fn is_sound(slot: Slot, attempts_max: u32) -> bool {
    match slot {
        Slot::Ready { attempts, losses } => losses < LOSSES_MAX && u32::from(attempts) < attempts_max,
        Slot::Assigned { attempts, losses, grant: _ } => {
            // A suspect that has begun counts the loss of its worker in advance.
            losses <= LOSSES_MAX && attempts > 0 && u32::from(attempts) <= attempts_max
        }
        Slot::Ended { attempts, end: _ } => u32::from(attempts) <= attempts_max,
    }
}

/// Counts assigned tasks to their grant; whether there is such a grant.
fn hold(work: &mut Work, run: IndexRange, slot: Slot) -> bool {
    let Slot::Assigned { grant, .. } = slot else { return true };
    match work.grants.get_mut(grant as usize) {
        Some(grant) if grant.range.start <= run.start && run.end <= grant.range.end => {
            grant.live += run.len();
            true
        }
        _ => false,
    }
}
