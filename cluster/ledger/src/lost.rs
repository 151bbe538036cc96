//! Results that no node has any more: who made them runs again, and who needs them waits meanwhile.
//!
//! Whether something is lost is for its reader to say, which has asked every member. What can be done about it is decided
//! here, from the jobs that are kept: tasks run again while attempts are left, so that what is lost each time ends somewhere.

use std::collections::BTreeSet;

use nexus_model::{BlobHash, IndexRange, JobId, JobState, NodeId, Outcome, Payload};
use nexus_wire::AttemptRange;

use crate::codes;
use crate::effect::{Effect, Rejection, Reply, Suspect};
use crate::end::End;
use crate::job::{Job, runtime_failure};
use crate::ledger::Ledger;
use crate::outbox::Outbox;
use crate::table::Slot;

/// How long a task waits that needs what is made again, until it is given out and looks once more.
pub(crate) const PAUSE_MS: u64 = 5_000;

/// Tasks that made what is lost.
#[derive(Debug)]
struct Maker {
    job: JobId,
    range: IndexRange,
    end: u32,
    attempts: u16,
}

impl Ledger {
    pub(crate) fn make_again(
        &mut self,
        node: NodeId,
        attempts: &[AttemptRange],
        blob: BlobHash,
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) -> Result<Reply, Rejection> {
        self.cluster()?;
        let mut waiting = 0u32;
        for of_job in attempts.chunk_by(|a, b| a.job == b.job) {
            let job = of_job[0].job;
            // What is stale has no say.
            let holds = |state: &Job| of_job.iter().any(|attempt| state.is_held(node, attempt));
            if !self.jobs.get(&job).is_some_and(holds) {
                continue;
            }
            let fate = self.makers(job, blob).and_then(|makers| {
                makers.iter().try_for_each(|maker| self.check_maker(maker))?;
                Ok(makers)
            });
            let outcome;
            let fate = match fate {
                Ok(makers) => {
                    makers.into_iter().for_each(|maker| self.run_again(maker, out));
                    Ok(at_ms.saturating_add(PAUSE_MS))
                }
                Err(why) => {
                    let message = format!("no node has the blob {blob} any more, which is an input of it, and {why}");
                    outcome = Outcome::Failed(runtime_failure(codes::INPUT_LOST, &message));
                    Err(&outcome)
                }
            };
            for attempt in of_job {
                let waits = self.with_job(job, |state| state.give_back((job, node), *attempt, fate, at_ms, out));
                waiting = waiting.saturating_add(waits.unwrap_or(0));
            }
        }
        Ok(Reply::Released { tasks: waiting })
    }

    /// Runs again what made these results of a job that has ended, for whoever asks for them. Its attempts count anew.
    pub(crate) fn retry_lost(
        &mut self,
        id: JobId,
        blobs: &[BlobHash],
        out: &mut Outbox<'_>,
    ) -> Result<Reply, Rejection> {
        self.cluster()?;
        if self.active.contains(&id) {
            return Err(Rejection::JobActive(id));
        }
        let job = self.jobs.get(&id).ok_or(Rejection::UnknownJob(id))?;
        let blobs: BTreeSet<&BlobHash> = blobs.iter().collect();
        let makers = job.makers(id, |blob| blobs.contains(blob));
        if job.state() != JobState::Succeeded || makers.is_empty() {
            return Err(Rejection::NothingToRetry(id));
        }
        makers.into_iter().for_each(|maker| self.run_again(Maker { attempts: 0, ..maker }, out));
        Ok(Reply::Done)
    }

    /// The tasks that made a blob which a job takes; none where they run again already.
    fn makers(&self, id: JobId, blob: BlobHash) -> Result<Vec<Maker>, String> {
        let takes = self.jobs.get(&id).into_iter().flat_map(|job| &job.spec.conditions.takes);
        let sources: BTreeSet<JobId> = takes.map(|taken| taken.job).collect();
        let (mut makers, mut why) = (Vec::new(), "it was given with the job, which cannot be made again".to_owned());
        for id in sources {
            match self.jobs.get(&id) {
                _ if self.active.contains(&id) => return Ok(Vec::new()),
                None => why = format!("{id}, which may have made it, is forgotten"),
                Some(source) if source.state() != JobState::Succeeded => {
                    why = format!("{id}, which was to make it again, is {}", source.state().name());
                }
                Some(source) => makers.extend(source.makers(id, |made| *made == blob)),
            }
        }
        if makers.is_empty() { Err(why) } else { Ok(makers) }
    }

    /// Whether tasks may run once more.
    fn check_maker(&self, maker: &Maker) -> Result<(), String> {
        let most = self.jobs.get(&maker.job).map_or(0, |job| job.spec.retry.max_attempts);
        if u32::from(maker.attempts) < most {
            return Ok(());
        }
        let (job, task) = (maker.job.0, maker.range.start);
        Err(format!("task {job}/{task}, which made it, has had all of its {most} attempts"))
    }

    fn run_again(&mut self, maker: Maker, out: &mut Outbox<'_>) {
        let Maker { job: id, range, end, attempts } = maker;
        let Some(job) = self.jobs.get(&id) else { return };
        self.reuse.remove(id, &job.spec);
        let had_ended = self.active.insert(id);
        self.with_job(id, |job| job.make_again(range, end, attempts));
        if let Some(job) = self.jobs.get(&id).filter(|_| had_ended) {
            out.push(Effect::JobAccepted { job: id, spec: job.spec.clone() });
        }
        out.push(Effect::TasksReady { job: id, range, suspect: Suspect::No });
    }
}

impl Job {
    /// Whether the node holds some of these tasks under that token.
    fn is_held(&self, node: NodeId, attempt: &AttemptRange) -> bool {
        self.table.runs(attempt.range).any(|(run, slot)| self.held(run, slot, node, attempt.token).is_some())
    }

    /// The tasks whose result or outputs are lost, each once.
    fn makers(&self, job: JobId, is_lost: impl Fn(&BlobHash) -> bool) -> Vec<Maker> {
        let is_it = |payload: &Payload| matches!(payload, Payload::Blob { hash, .. } if is_lost(hash));
        let gave_it = |end: &End| match &end.outcome {
            Outcome::Succeeded(output) => {
                is_it(&output.result) || output.outputs.iter().any(|(_, payload)| is_it(payload))
            }
            Outcome::Failed(_) | Outcome::Cancelled | Outcome::TimedOut => false,
        };
        let ends = self.work.as_ref().map(|work| &work.ends);
        let made = self.table.runs(self.table.range()).filter_map(|(range, slot)| match slot {
            Slot::Ended { end, attempts } if ends?.get(end).as_ref().is_some_and(gave_it) => {
                Some(Maker { job, range, end, attempts })
            }
            Slot::Ended { .. } | Slot::Ready { .. } | Slot::Assigned { .. } => None,
        });
        made.collect()
    }
}
