//! Users of the world: what they submit, repeat, cancel, run again and forget, and what their tasks report.

use std::time::Duration;

use nexus_model::{
    BlobHash, Cost, Failure, IndexRange, JobId, JobSpec, NodeId, Outcome, Payload, Program, Reuse, Taken, TaskOutput,
};
use nexus_wire::{AttemptRange, FinishedTasks};

use super::machines::NODE_MEMORY;
use super::world::World;
use crate::{Command, Reply};

/// Submissions that may come again.
const REMEMBERED_MAX: usize = 40;

impl World {
    /// A job, now and then with a key, a time, or jobs that it waits for.
    pub(super) fn submit(&mut self) {
        let source = format!("return {}", self.chance.below(3));
        let program = Program::MCode { file: "s".into(), source: source.into() };
        let mut spec = JobSpec::single("s", program);
        let first = self.chance.below(5) as u32;
        let most = [1, 3, 40, 700][self.chance.below(4) as usize];
        spec.tasks = IndexRange::new(first, first + 1 + self.chance.below(most) as u32);
        spec.is_array = spec.tasks.len() > 1;
        spec.priority = self.chance.below(3) as i32;
        spec.user = format!("u{}", self.chance.below(3));
        spec.retry.max_attempts = 1 + self.chance.below(4) as u32;
        spec.resources.cpus = 1 + self.chance.below(2) as u32;
        spec.resources.memory_bytes = [0, 0, 3, NODE_MEMORY][self.chance.below(4) as usize];
        spec.reuse = if self.chance.below(3) == 0 { Reuse::Allowed } else { Reuse::Never };
        self.add_conditions(&mut spec);
        let key = (self.chance.below(3) == 0).then(|| format!("{}-{}", spec.user, self.chance.below(5)));
        self.submit_this(spec, key);
    }

    fn add_conditions(&mut self, spec: &mut JobSpec) {
        let now = self.now();
        let conditions = &mut spec.conditions;
        match self.chance.below(12) {
            0 => conditions.not_before_ms = Some(now + self.chance.below(2_000)),
            1 => conditions.deadline_ms = Some(now + 1 + self.chance.below(20_000)),
            2..=4 => conditions.backoff = Duration::from_millis(1 + self.chance.below(500)),
            5 => conditions.after.extend(self.chance.pick(&self.jobs)),
            6 | 7 => {
                let jobs: Vec<JobId> = self.jobs.iter().copied().filter(|job| self.is_single(*job)).collect();
                let take = |job| Taken { name: "x".into(), job, output: None };
                conditions.takes.extend(self.chance.pick(&jobs).map(take));
            }
            _ => {}
        }
    }

    fn submit_this(&mut self, spec: JobSpec, key: Option<String>) {
        let waits = !spec.conditions.jobs().is_empty();
        if self.submitted.len() < REMEMBERED_MAX {
            self.submitted.push((spec.clone(), key.clone()));
        }
        let at_ms = self.now();
        let applied = match self.place_at_once() {
            Some(node) => self.commit(Command::SubmitPlaced { spec: Box::new(spec), key, node, at_ms }),
            None => self.commit(Command::SubmitJob { spec: Box::new(spec), key, at_ms }),
        };
        match applied.reply {
            Ok(Reply::Job(job)) => self.jobs.push(job),
            // What it waits for may be forgotten.
            Err(_) if waits => {}
            other => panic!("{other:?}"),
        }
    }

    /// Now and then a job is given away as it is accepted: to whoever, also one that has gone or has no room, since much may
    /// happen until the entry is applied.
    fn place_at_once(&mut self) -> Option<NodeId> {
        let nodes: Vec<NodeId> = self.workers.keys().copied().collect();
        if self.chance.below(3) == 0 { self.chance.pick(&nodes) } else { None }
    }

    /// The answer was lost, and the user asks again.
    pub(super) fn repeat_submission(&mut self) {
        let with_keys: Vec<usize> =
            (0..self.submitted.len()).filter(|place| self.submitted[*place].1.is_some()).collect();
        if let Some(place) = self.chance.pick(&with_keys) {
            let (spec, key) = self.submitted[place].clone();
            self.submit_this(spec, key);
        }
    }

    fn is_single(&self, job: JobId) -> bool {
        self.ledger.spec(job).is_some_and(|spec| !spec.is_array)
    }

    /// What a worker holds takes a blob that no node has any more.
    fn lose_input(&mut self) {
        let lost = |job: JobId| {
            let inputs = self.ledger.spec(job).into_iter().flat_map(|spec| &spec.inputs);
            inputs.clone().find_map(|input| match &input.payload {
                Payload::Blob { hash, .. } => Some(*hash),
                Payload::Inline(_) => None,
            })
        };
        let held = self.workers.iter().flat_map(|(node, worker)| worker.holds.iter().map(|attempt| (*node, *attempt)));
        let all: Vec<_> = held.filter_map(|(node, attempt)| Some((node, attempt, lost(attempt.job)?))).collect();
        let Some((node, attempt, blob)) = self.chance.pick(&all) else { return };
        if let Some(worker) = self.workers.get_mut(&node) {
            worker.holds.retain(|held| *held != attempt);
        }
        let at_ms = self.now();
        self.commit(Command::MakeAgain { node, attempts: vec![attempt], blob, at_ms });
    }

    /// Somebody wants results again that no node has any more.
    fn retry_lost(&mut self) {
        let Some(job) = self.chance.pick(&self.jobs) else { return };
        let blobs = self.ledger.results(job, 0, 99).unwrap_or_default().into_iter().map(|(blob, _)| blob).collect();
        let at_ms = self.now();
        self.commit(Command::RetryLost { job, blobs, at_ms });
    }

    /// Some worker reports.
    pub(super) fn report(&mut self) {
        if self.chance.below(8) == 0 {
            self.lose_input();
        }
        let nodes: Vec<NodeId> = self.workers.keys().copied().collect();
        if let Some(node) = self.chance.pick(&nodes) {
            self.report_from(node);
        }
    }

    /// Some of what a worker believes to hold ends. Workers that are not attached report, too: zombies.
    pub(super) fn report_from(&mut self, node: NodeId) {
        let mut tasks = Vec::new();
        for _ in 0..self.chance.below(8) + 1 {
            let worker = self.workers.entry(node).or_default();
            let Some(attempt) = worker.holds.pop_front() else { break };
            if !self.begins(node, attempt) {
                break;
            }
            let AttemptRange { range, .. } = attempt;
            let split = range.start + 1 + self.chance.below(u64::from(range.len())) as u32;
            if split < range.end {
                let rest = AttemptRange { range: IndexRange::new(split, range.end), ..attempt };
                self.workers.entry(node).or_default().holds.push_front(rest);
            }
            let attempt = AttemptRange { range: IndexRange::new(range.start, split), ..attempt };
            let micros = [1, 20, 3_000, 60_000, 5_000_000][self.chance.below(5) as usize];
            let cost = Cost { wall: Duration::from_micros(micros), device: "cpu".into(), ..Cost::default() };
            tasks.push(FinishedTasks { attempt, outcome: self.outcome(), cost });
        }
        if !tasks.is_empty() {
            self.repeats.extend(tasks.iter().cloned().map(|finished| (node, finished)));
            let at_ms = self.now();
            self.commit(Command::FinishTasks { node, tasks, at_ms });
        }
    }

    fn outcome(&mut self) -> Outcome {
        let fail =
            |retryable| Outcome::Failed(Failure { code: "X".into(), message: "x".into(), diagnostic: None, retryable });
        match self.chance.below(20) {
            0 => fail(true),
            1 => fail(false),
            2 => Outcome::TimedOut,
            3 => Outcome::Cancelled,
            n if n < 10 => {
                let hash = BlobHash([n as u8; 32]);
                Outcome::Succeeded(TaskOutput { result: Payload::Blob { hash, bytes: 9 }, outputs: vec![] })
            }
            n => {
                let bytes = vec![1, n as u8, self.chance.below(4) as u8];
                Outcome::Succeeded(TaskOutput { result: Payload::Inline(bytes.into()), outputs: vec![] })
            }
        }
    }

    /// A report arrives once more, or from the wrong node.
    pub(super) fn repeat_report(&mut self) {
        let at_ms = self.now();
        if let Some((node, finished)) = self.late_report() {
            self.commit(Command::FinishTasks { node, tasks: vec![finished], at_ms });
            return;
        }
        if self.repeats.is_empty() {
            return;
        }
        let place = self.chance.below(self.repeats.len() as u64) as usize;
        let (node, finished) = self.repeats[place].clone();
        self.commit(Command::FinishTasks { node, tasks: vec![finished], at_ms });
    }

    /// Somebody reports what another node holds.
    pub(super) fn report_of_another(&mut self) {
        let nodes: Vec<NodeId> = self.workers.keys().copied().collect();
        let (Some(holder), Some(node)) = (self.chance.pick(&nodes), self.chance.pick(&nodes)) else { return };
        let attempts = self.ledger.attempts(holder);
        if let (Some(attempt), true) = (self.chance.pick(&attempts), node != holder) {
            let finished = FinishedTasks { attempt, outcome: self.outcome(), cost: Cost::default() };
            let at_ms = self.now();
            self.commit(Command::FinishTasks { node, tasks: vec![finished], at_ms });
        }
    }

    /// A report of an earlier attempt of what the same node holds under another token now: what the fence is for.
    fn late_report(&self) -> Option<(NodeId, FinishedTasks)> {
        let is_late = |(node, finished): &&(NodeId, FinishedTasks)| {
            let late = finished.attempt;
            self.ledger.attempts(*node).iter().any(|held| {
                let meets = held.range.start < late.range.end && late.range.start < held.range.end;
                held.job == late.job && held.token != late.token && meets
            })
        };
        self.repeats.iter().rev().take(100).find(is_late).cloned()
    }

    /// A job is cancelled, whatever it is.
    pub(super) fn cancel(&mut self) {
        if let Some(job) = self.chance.pick(&self.jobs) {
            let at_ms = self.now();
            self.commit(Command::CancelJob { job, at_ms });
        }
    }

    /// What did not succeed of a job is run again.
    pub(super) fn retry(&mut self) {
        if self.chance.below(3) == 0 {
            self.retry_lost();
            return;
        }
        if let Some(job) = self.chance.pick(&self.jobs) {
            let at_ms = self.now();
            self.commit(Command::RetryJob { job, at_ms });
        }
    }

    /// A job is forgotten, if it has ended.
    pub(super) fn forget(&mut self) {
        if let Some(job) = self.chance.pick(&self.jobs) {
            self.commit(Command::ForgetJob { job });
        }
    }
}
