//! Results of earlier jobs that tasks take instead of running, where their job asks for it.
//!
//! What is taken is decided as an entry is applied, from what the ledger holds, so every node takes the same: of the jobs
//! that have ended and do the same work, the newest first, what succeeded of it, task by task. The index by which they are
//! found follows from the jobs: it is in no snapshot, and there is none until a job asks for it, so that it costs those
//! nothing who do not.

use std::collections::{BTreeMap, BTreeSet};

use nexus_model::{
    ArgumentSource, Cost, DeviceChoice, IndexRange, JobId, JobSpec, Outcome, Payload, Program, Reuse, Reused,
    TaskOutput, TaskState, encode_value,
};
use nexus_wire::REUSED_ON;

use crate::effect::Effect;
use crate::end::End;
use crate::job::Job;
use crate::ledger::Ledger;
use crate::outbox::Outbox;
use crate::table::Slot;

/// Most jobs that are compared for one that asks: an entry is applied while all others wait.
const COMPARED_MAX: usize = 1_000;
/// Most bytes of results that one job takes as it begins: copies in the memory of every node. What is beyond runs.
const TAKEN_BYTES_MAX: usize = 64 << 20;
/// The parameter through which a program learns how many tasks its job has.
const COUNT_PARAMETER: &str = "task_count";

/// The jobs that have ended, by what they did. Nothing is kept before the first question.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReuseIndex {
    by_work: Option<BTreeMap<u32, BTreeSet<JobId>>>,
}

impl ReuseIndex {
    /// A job has ended: at this moment, as an index that is made later has all that have.
    pub(crate) fn add(&mut self, id: JobId, spec: &JobSpec) {
        if let Some(by_work) = &mut self.by_work {
            by_work.entry(digest(spec)).or_default().insert(id);
        }
    }

    /// A job is gone, or is run again.
    pub(crate) fn remove(&mut self, id: JobId, spec: &JobSpec) {
        let Some(by_work) = &mut self.by_work else { return };
        let work = digest(spec);
        if let Some(jobs) = by_work.get_mut(&work) {
            jobs.remove(&id);
            if jobs.is_empty() {
                by_work.remove(&work);
            }
        }
    }

    /// Jobs that may have done this work, the newest first.
    fn of<'a>(&'a self, spec: &JobSpec) -> impl Iterator<Item = JobId> + use<'a> {
        let jobs = self.by_work.as_ref().and_then(|by_work| by_work.get(&digest(spec)));
        jobs.into_iter().flatten().rev().copied()
    }
}

/// What a run of tasks takes.
#[derive(Debug)]
pub(crate) struct Taken {
    range: IndexRange,
    from: Reused,
    output: TaskOutput,
    cost: Cost,
}

impl Ledger {
    /// Ends the tasks of a job that asked for it and whose results are known. They are counted as `state` until then.
    pub(crate) fn take_over(&mut self, id: JobId, state: TaskState, at_ms: u64, out: &mut Outbox<'_>) {
        if self.jobs.get(&id).is_none_or(|job| job.spec.reuse == Reuse::Never) {
            return;
        }
        if self.reuse.by_work.is_none() {
            self.reuse.by_work = Some(BTreeMap::new());
            for (id, job) in self.jobs.iter().filter(|(id, _)| !self.active.contains(id)) {
                self.reuse.add(*id, &job.spec);
            }
        }
        let taken = self.results_for(id);
        if !taken.is_empty() {
            self.with_job(id, |job| job.take_over(id, taken, state, at_ms, out));
        }
    }

    /// What the ready tasks of a job can take, in order.
    fn results_for(&self, id: JobId) -> Vec<Taken> {
        let Some(job) = self.jobs.get(&id) else { return Vec::new() };
        let (mut taken, mut room) = (Vec::new(), TAKEN_BYTES_MAX);
        let mut open: Vec<IndexRange> = job.ready_runs(job.table.range()).into_iter().map(|(range, _)| range).collect();
        for other in self.reuse.of(&job.spec).filter(|other| *other != id).take(COMPARED_MAX) {
            let Some(source) = self.jobs.get(&other).filter(|source| gives_the_same(&source.spec, &job.spec)) else {
                continue;
            };
            open = open.into_iter().flat_map(|range| source.give((other, id), range, &mut room, &mut taken)).collect();
            if open.is_empty() || room == 0 {
                break;
            }
        }
        taken.sort_by_key(|taken| taken.range);
        taken
    }
}

impl Job {
    /// Adds what succeeded of `range` to `taken`, while there is room; gives back what is left of it. What the taker gave
    /// itself once is no longer there: else it would not run again.
    fn give(
        &self,
        (id, taker): (JobId, JobId),
        range: IndexRange,
        room: &mut usize,
        taken: &mut Vec<Taken>,
    ) -> Vec<IndexRange> {
        let mut left = Vec::new();
        let mut at = range.start;
        for (run, slot) in self.table.runs(range) {
            let Some(result) = self.result(id, run, slot).filter(|result| result.from.job != taker) else { continue };
            let bytes = result.bytes();
            if bytes > *room {
                *room = 0;
                break;
            }
            *room -= bytes;
            if at < run.start {
                left.push(IndexRange::new(at, run.start));
            }
            at = run.end;
            taken.push(result);
        }
        if at < range.end {
            left.push(IndexRange::new(at, range.end));
        }
        left
    }

    /// The result of tasks that succeeded. A result that was taken itself is still that of the job that made it.
    fn result(&self, id: JobId, range: IndexRange, slot: Slot) -> Option<Taken> {
        let Slot::Ended { end, .. } = slot else { return None };
        let End { node: _, outcome, cost, reused } = self.work.as_ref()?.ends.get(end)?;
        let Outcome::Succeeded(output) = outcome else { return None };
        let from = reused.unwrap_or(Reused { job: id, committed_at_ms: self.finished_at_ms? });
        // What it printed belongs to the result; the time that it took was another's.
        Some(Taken { range, from, output, cost: Cost { wall: std::time::Duration::ZERO, ..cost } })
    }

    fn take_over(&mut self, id: JobId, taken: Vec<Taken>, state: TaskState, at_ms: u64, out: &mut Outbox<'_>) {
        let work = self.work.get_or_insert_default();
        for Taken { range, from, output, cost } in taken {
            let end = work.ends.push_reused(from, &output, &cost);
            *work.by_node.entry(REUSED_ON).or_default() += range.len();
            self.table.set(range, Slot::Ended { end, attempts: 0 });
            self.counts.shift(state, TaskState::Succeeded, range.len());
            out.push(Effect::TasksEnded { job: id, range, state: TaskState::Succeeded });
        }
        self.close_if_ended(id, at_ms, out);
    }
}

impl Taken {
    /// What keeping it takes, roughly.
    fn bytes(&self) -> usize {
        let inline = |payload: &Payload| match payload {
            Payload::Inline(bytes) => bytes.len(),
            Payload::Blob { .. } => 48,
        };
        let outputs = self.output.outputs.iter().map(|(name, payload)| name.len() + inline(payload));
        let printed = self.cost.stdout.iter().chain(&self.cost.stderr).map(inline);
        inline(&self.output.result) + outputs.sum::<usize>() + printed.sum::<usize>() + 16
    }
}

/// Whether a task of one job gives what the task of the same index gives in the other: the same program, arguments,
/// inputs, seed and device; and as many tasks, where the work may depend on that. What bounds it, where it runs, for whom
/// and when may differ.
fn gives_the_same(one: &JobSpec, other: &JobSpec) -> bool {
    let same_program = match (&one.program, &other.program) {
        // A program cannot tell what its file is called.
        (Program::MCode { source, .. }, Program::MCode { source: other, .. }) => source == other,
        (one, other) => one == other,
    };
    same_program
        && one.arguments == other.arguments
        && one.inputs == other.inputs
        && (one.seed, one.device, one.execution) == (other.seed, other.device, other.execution)
        && one.resources.gpu_milli == other.resources.gpu_milli
        && one.is_array == other.is_array
        && (one.tasks == other.tasks || !depends_on_count(one))
}

/// Whether what a task does may depend on how many others its job has.
fn depends_on_count(spec: &JobSpec) -> bool {
    let is_sweep = |source: &ArgumentSource| !matches!(source, ArgumentSource::Value(_));
    let may_look = match &spec.program {
        Program::MCode { source, .. } => source.contains(COUNT_PARAMETER),
        Program::Command { .. } => true,
    };
    may_look || spec.arguments.iter().any(|(_, source)| is_sweep(source))
}

/// A digest of what [`gives_the_same`] compares, but for the number of tasks. It only has to tell most work apart.
fn digest(spec: &JobSpec) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let mut text = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    match &spec.program {
        Program::MCode { source, .. } => text(source),
        Program::Command { argv, .. } => argv.iter().for_each(|word| text(word)),
    }
    spec.arguments.iter().for_each(|(name, _)| text(name));
    spec.inputs.iter().for_each(|input| text(&input.name));
    for (_, source) in &spec.arguments {
        match source {
            // What cannot be encoded was not accepted.
            ArgumentSource::Value(value) => hasher.update(&encode_value(value).unwrap_or_default()),
            ArgumentSource::Linear { from, to } | ArgumentSource::Logarithmic { from, to } => {
                [from, to].into_iter().for_each(|end| hasher.update(&end.to_le_bytes()));
            }
        }
    }
    for input in &spec.inputs {
        match &input.payload {
            Payload::Inline(bytes) => hasher.update(bytes),
            Payload::Blob { hash, .. } => hasher.update(&hash.0),
        }
    }
    hasher.update(&spec.seed.to_le_bytes());
    hasher.update(&[match spec.device {
        DeviceChoice::Auto => 0,
        DeviceChoice::Cpu => 1,
        DeviceChoice::Gpu => 2,
    }]);
    hasher.finalize()
}
