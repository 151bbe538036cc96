//! The ledger's side of a job's conditions: who waits for whom, what is taken over when a job ends, what wakes when, and
//! running again what did not succeed.
//!
//! Every change goes through [`Ledger::with_job`], which keeps the indices; what a job itself does is in `job.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_model::{
    Failure, INLINE_BYTES_MAX, Input, JobId, JobState, NodeId, Outcome, Payload, Taken, TaskState, Value, decode_value,
    encode_value,
};

use crate::codes;
use crate::effect::{Effect, Rejection, Reply};
use crate::guard::{Guard, off};
use crate::job::{Job, runtime_failure};
use crate::ledger::Ledger;
use crate::outbox::Outbox;
use crate::table::Slot;

/// Jobs that one entry wakes: the rest is woken by the next.
const WAKES_MAX: usize = 10_000;

impl Ledger {
    /// Whether something is to be done by `now_ms` (a task that rests, a deadline, a schedule); the leader proposes a wake-up
    /// then.
    pub fn has_wakes(&self, now_ms: u64) -> bool {
        self.wakes.first().is_some_and(|(at, _)| *at <= now_ms) || self.has_due_schedule(now_ms)
    }

    /// Wakes what rests until `now_ms`, and ends what should have ended by then.
    pub(crate) fn wake(&mut self, now_ms: u64, out: &mut Outbox<'_>) {
        let due: Vec<JobId> =
            self.wakes.iter().take_while(|(at, _)| *at <= now_ms).take(WAKES_MAX).map(|(_, job)| *job).collect();
        for id in due {
            self.with_job(id, |job| job.wake(id, now_ms, out));
        }
    }

    /// What `job` still waits for, as it is accepted or tried again: jobs that have not ended. A job that ended otherwise
    /// than well is the error; one that does not exist is refused.
    pub(crate) fn open_conditions(&self, job: &Job) -> Result<Result<Vec<JobId>, JobId>, Rejection> {
        let mut open = Vec::new();
        for id in job.spec.conditions.jobs() {
            match self.jobs.get(&id).map(Job::state) {
                None => return Err(Rejection::UnknownJob(id)),
                Some(JobState::Succeeded) => {}
                Some(JobState::Queued | JobState::Running) => open.push(id),
                Some(JobState::Failed | JobState::Cancelled) => return Ok(Err(id)),
            }
        }
        Ok(Ok(open))
    }

    /// Begins to wait, or lets the tasks go at once.
    pub(crate) fn begin_waiting(
        &mut self,
        id: JobId,
        open: Result<Vec<JobId>, JobId>,
        at_ms: u64,
        out: &mut Outbox<'_>,
    ) {
        let open = match open {
            Ok(open) => open,
            Err(failed) => {
                let failure = self.not_succeeded(failed);
                self.with_job(id, |job| job.end_open(id, &Outcome::Failed(failure), at_ms, out));
                return;
            }
        };
        for other in &open {
            self.dependents.entry(*other).or_default().insert(id);
        }
        let waits = !open.is_empty() && !off(Guard::WaitsForOthers);
        self.with_job(id, |job| job.wait_for(open));
        if !waits {
            self.let_go(id, at_ms, out);
        }
    }

    /// Jobs that waited for those that ended in this entry go on, or fail with them; and so on.
    pub(crate) fn settle_dependents(&mut self, at_ms: u64, out: &mut Outbox<'_>) {
        while let Some(ended) = self.just_ended.pop() {
            let succeeded = self.jobs.get(&ended).is_some_and(|job| job.state() == JobState::Succeeded);
            for id in self.dependents.remove(&ended).unwrap_or_default() {
                if !self.active.contains(&id) {
                    continue;
                }
                if !succeeded {
                    let failure = self.not_succeeded(ended);
                    self.with_job(id, |job| job.end_open(id, &Outcome::Failed(failure), at_ms, out));
                } else if self.with_job(id, |job| job.stop_waiting_for(ended)) == Some(true) {
                    self.let_go(id, at_ms, out);
                }
            }
        }
    }

    /// Nothing is waited for any more: inputs are filled in, and tasks become ready, now or at their time.
    fn let_go(&mut self, id: JobId, at_ms: u64, out: &mut Outbox<'_>) {
        match self.taken_inputs(id) {
            Ok(inputs) => {
                self.with_job(id, |job| {
                    if !inputs.is_empty() {
                        Arc::make_mut(&mut job.spec).inputs = inputs;
                    }
                });
                if let Some(known) = self.inputs_known(id) {
                    out.push(known);
                }
                self.take_over(id, TaskState::Waiting, at_ms, out);
                self.with_job(id, |job| job.let_go(id, at_ms, out));
            }
            Err(failure) => {
                self.with_job(id, |job| job.end_open(id, &Outcome::Failed(failure), at_ms, out));
            }
        }
    }

    /// The inputs of a job with those that it takes from others, or nothing where it takes none.
    fn taken_inputs(&self, id: JobId) -> Result<Vec<Input>, Failure> {
        let Some(job) = self.jobs.get(&id) else { return Ok(Vec::new()) };
        let takes = &job.spec.conditions.takes;
        if takes.is_empty() {
            return Ok(Vec::new());
        }
        // Taken anew where the job is tried again.
        let own = job.spec.inputs.iter().filter(|input| !takes.iter().any(|taken| taken.name == input.name));
        let mut inputs: Vec<Input> = own.cloned().collect();
        for taken in takes {
            inputs.push(Input { name: taken.name.clone(), payload: self.taken(taken)? });
        }
        Ok(inputs)
    }

    /// What the scheduler is to know of the blobs that a job takes from others; nothing where it takes none.
    pub(crate) fn inputs_known(&self, id: JobId) -> Option<Effect> {
        let job = self.jobs.get(&id)?;
        let (mut made_on, mut takes_blobs) = (BTreeMap::<NodeId, u64>::new(), false);
        for taken in &job.spec.conditions.takes {
            let input = job.spec.inputs.iter().find(|input| input.name == taken.name)?;
            let Payload::Blob { bytes, .. } = input.payload else { continue };
            takes_blobs = true;
            if let Some(node) = self.maker_of(taken.job) {
                *made_on.entry(node).or_default() += bytes;
            }
        }
        takes_blobs.then(|| Effect::InputsKnown {
            job: id,
            spec: job.spec.clone(),
            made_on: made_on.into_iter().collect(),
        })
    }

    /// Where a task ran that is its job's only one: only its result may be a blob that others take.
    fn maker_of(&self, id: JobId) -> Option<NodeId> {
        let job = self.jobs.get(&id)?;
        let (_, slot) = job.table.runs(job.table.range()).next()?;
        let Slot::Ended { end, .. } = slot else { return None };
        job.work.as_ref()?.ends.get(end)?.node
    }

    fn taken(&self, taken: &Taken) -> Result<Payload, Failure> {
        let gone = || runtime_failure(codes::NOTHING_TO_TAKE, &format!("{} is not there any more", taken.job));
        let source = self.jobs.get(&taken.job).ok_or_else(gone)?;
        let mut payloads = Vec::new();
        for (run, slot) in source.table.runs(source.table.range()) {
            let Slot::Ended { end, .. } = slot else { return Err(gone()) };
            let ended = source.work.as_ref().and_then(|work| work.ends.get(end)).ok_or_else(gone)?;
            let Outcome::Succeeded(output) = ended.outcome else { return Err(gone()) };
            let payload = match &taken.output {
                None => output.result,
                Some(name) => {
                    let named = output.outputs.into_iter().find(|(output, _)| output == name);
                    let message =
                        format!("{} has no output `{name}`, which the input `{}` takes", taken.job, taken.name);
                    named.ok_or_else(|| runtime_failure(codes::NOTHING_TO_TAKE, &message))?.1
                }
            };
            payloads.extend(std::iter::repeat_n(payload, run.len() as usize));
        }
        match <[Payload; 1]>::try_from(payloads) {
            Ok([payload]) if !source.spec.is_array => Ok(payload),
            Ok(payloads) => gathered(taken, &payloads),
            Err(payloads) => gathered(taken, &payloads),
        }
    }

    fn not_succeeded(&self, id: JobId) -> Failure {
        let state = self.jobs.get(&id).map_or("gone", |job| job.state().name());
        runtime_failure(codes::CONDITION_FAILED, &format!("it waited for {id}, which is {state}"))
    }

    /// Runs again what did not succeed of a job that has ended. Its deadline, which may be over, holds no more.
    pub(crate) fn retry(&mut self, id: JobId, at_ms: u64, out: &mut Outbox<'_>) -> Result<Reply, Rejection> {
        self.cluster()?;
        if self.active.contains(&id) {
            return Err(Rejection::JobActive(id));
        }
        let job = self.jobs.get(&id).ok_or(Rejection::UnknownJob(id))?;
        if job.counts.get(TaskState::Succeeded) == job.table.range().len() {
            return Err(Rejection::NothingToRetry(id));
        }
        let open = match self.open_conditions(job)? {
            Ok(open) => open,
            Err(other) => return Err(Rejection::ConditionFailed { job: id, other }),
        };
        self.reuse.remove(id, &job.spec);
        self.active.insert(id);
        self.with_job(id, Job::reopen);
        if let Some(job) = self.jobs.get(&id) {
            out.push(Effect::JobAccepted { job: id, spec: Arc::clone(&job.spec) });
        }
        self.begin_waiting(id, Ok(open), at_ms, out);
        Ok(Reply::Done)
    }

    /// Jobs to forget so that at most `count` ended ones are kept and none that ended before `before_ms`: the oldest
    /// first, at most `limit`.
    pub fn forgettable(&self, count: usize, before_ms: u64, limit: usize) -> Vec<JobId> {
        let surplus = (self.jobs.len() - self.active.len()).saturating_sub(count);
        let ended = self.jobs.iter().filter(|(id, _)| !self.active.contains(id));
        let old = |job: &Job| job.finished_at_ms.is_some_and(|at| at < before_ms);
        let oldest = ended.take(surplus.max(limit)).enumerate();
        oldest.filter(|(place, (_, job))| *place < surplus || old(job)).map(|(_, (id, _))| *id).take(limit).collect()
    }
}

/// The results of an array as a list.
fn gathered(taken: &Taken, payloads: &[Payload]) -> Result<Payload, Failure> {
    let unfit = |what: &str| {
        let message = format!("the results of {}, which the input `{}` takes, {what}", taken.job, taken.name);
        runtime_failure(codes::NOTHING_TO_TAKE, &message)
    };
    let inline = |payload: &Payload| match payload {
        Payload::Inline(bytes) => bytes.len(),
        Payload::Blob { .. } => 0,
    };
    // A list takes at least half of what its values take apart, each of which names its version: looked at before they
    // are decoded.
    let apart: usize = payloads.iter().map(inline).sum();
    if apart > 2 * INLINE_BYTES_MAX {
        return Err(unfit(&format!("take {apart} bytes; the most is {INLINE_BYTES_MAX} as a list")));
    }
    let values = payloads.iter().map(|payload| match payload {
        Payload::Inline(bytes) => decode_value(bytes).map_err(|_| unfit("cannot be read")),
        Payload::Blob { .. } => Err(unfit("are too large for a list; take single outputs instead")),
    });
    let list = encode_value(&Value::List(values.collect::<Result<_, _>>()?));
    let bytes = list.map_err(|_| unfit("are nested too deep for a list"))?;
    if bytes.len() > INLINE_BYTES_MAX {
        let too_large = format!("take {} bytes as a list; the most is {INLINE_BYTES_MAX}", bytes.len());
        return Err(unfit(&too_large));
    }
    Ok(Payload::Inline(bytes.into()))
}
