//! The slots: threads that take chunks from the worker's queue, run their tasks and hand in what ended.
//!
//! Numeric work and processes live here, away from the actors' thread. The slots outlive a crash of the worker actor: the
//! queue, the jobs and the running tasks are theirs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nexus_model::{Cost, Failure, IndexRange, JobId, JobSpec, Outcome};
use nexus_wire::archived::Bounded;
use nexus_wire::{AttemptRange, FinishedTasks};

use super::queue::{Chunk, WorkQueue};
use super::task::{JobSlot, TaskRunner};
use crate::codes;

/// Ended tasks are handed in at the latest after this long, while their chunk goes on.
const HAND_IN_INTERVAL: Duration = Duration::from_millis(10);

/// Where ended tasks go. Called on a slot's thread; may block for back-pressure.
pub(crate) type HandIn = Box<dyn Fn(Vec<FinishedTasks>) + Send + Sync>;

struct State {
    queue: WorkQueue,
    jobs: BTreeMap<JobId, Arc<JobSlot>>,
    running: BTreeMap<u32, AttemptRange>,
    stopping: bool,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    runner: TaskRunner,
    hand_in: HandIn,
}

impl Shared {
    /// A slot that panicked left no half-made change behind: each critical section is a single step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running slots. Dropping them cancels what runs and joins the threads.
pub(crate) struct Slots {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Slots {
    /// Starts `count` slots.
    pub(crate) fn start(count: u32, runner: TaskRunner, hand_in: HandIn) -> std::io::Result<Self> {
        let state =
            State { queue: WorkQueue::new(count), jobs: BTreeMap::new(), running: BTreeMap::new(), stopping: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), work: Condvar::new(), runner, hand_in });
        let threads = (0..count)
            .map(|slot| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new().name(format!("slot-{slot}")).spawn(move || run_slot(&shared, slot))
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Slots { shared, threads })
    }

    /// Learns a job before its first range.
    pub(crate) fn describe(&self, job: JobId, spec: JobSpec) {
        let mut state = self.shared.lock();
        state.queue.describe(job, spec.resources.cpus);
        state.jobs.entry(job).or_insert_with(|| Arc::new(JobSlot::new(job, spec)));
    }

    /// Queues ranges.
    pub(crate) fn assign(&self, attempts: impl IntoIterator<Item = AttemptRange>) {
        let mut state = self.shared.lock();
        for attempt in attempts {
            state.queue.push(attempt);
        }
        drop(state);
        self.shared.work.notify_all();
    }

    /// Stops what runs of `job`, drops what waits of it.
    pub(crate) fn cancel(&self, job: JobId) {
        let mut state = self.shared.lock();
        state.queue.cancel(job);
        if let Some(slot) = state.jobs.get(&job) {
            slot.cancel();
        }
    }

    /// Forgets a job that has ended.
    pub(crate) fn forget(&self, job: JobId) {
        let mut state = self.shared.lock();
        state.queue.forget(job);
        state.jobs.remove(&job);
    }

    /// What is queued or running.
    pub(crate) fn holding(&self) -> Vec<AttemptRange> {
        let state = self.shared.lock();
        state.queue.waiting().copied().chain(state.running.values().copied()).collect()
    }

    /// What the slots have in hand, at most one range a slot.
    pub(crate) fn running(&self) -> Vec<AttemptRange> {
        self.shared.lock().running.values().copied().collect()
    }
}

impl Slots {
    /// Starts nothing more and stops what runs; nothing that ends from now on counts.
    pub(crate) fn give_up(&self) {
        let mut state = self.shared.lock();
        state.stopping = true;
        state.jobs.values().for_each(|job| job.cancel());
        drop(state);
        self.shared.work.notify_all();
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        self.give_up();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a slot thread had panicked");
            }
        }
    }
}

fn run_slot(shared: &Shared, slot: u32) {
    while let Some((chunk, job)) = next_chunk(shared, slot) {
        let started = Instant::now();
        let ran = match job {
            Some(job) => run_chunk(shared, slot, &chunk, &job),
            None => 0,
        };
        let mut state = shared.lock();
        state.running.remove(&slot);
        state.queue.finish(chunk, ran, started.elapsed());
        drop(state);
        shared.work.notify_all();
    }
}

fn next_chunk(shared: &Shared, slot: u32) -> Option<(Chunk, Option<Arc<JobSlot>>)> {
    let mut state = shared.lock();
    loop {
        if state.stopping {
            return None;
        }
        if let Some(chunk) = state.queue.take() {
            state.running.insert(slot, chunk.attempt);
            let job = state.jobs.get(&chunk.attempt.job).cloned();
            return Some((chunk, job));
        }
        state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Runs the tasks of a chunk in order and hands in what ended, equal ends merged. Returns how many ran.
fn run_chunk(shared: &Shared, slot: u32, chunk: &Chunk, job: &JobSlot) -> u32 {
    let mut ended = Ended::default();
    let mut handed_in_at = Instant::now();
    let mut ran = 0;
    for index in chunk.attempt.range.start..chunk.attempt.range.end {
        if job.is_cancelled() {
            break;
        }
        let (outcome, cost) = shared.runner.run(job, index);
        if job.is_cancelled() {
            // Cancelled, or this node is stopping: nothing that ended from now on counts.
            break;
        }
        ran += 1;
        ended.push(AttemptRange { range: IndexRange::new(index, index + 1), ..chunk.attempt }, outcome, cost);
        if handed_in_at.elapsed() > HAND_IN_INTERVAL {
            let rest = AttemptRange { range: IndexRange::new(index + 1, chunk.attempt.range.end), ..chunk.attempt };
            shared.lock().running.insert(slot, rest);
            (shared.hand_in)(std::mem::take(&mut ended.tasks));
            handed_in_at = Instant::now();
        }
    }
    if !ended.tasks.is_empty() {
        (shared.hand_in)(ended.tasks);
    }
    ran
}

/// Ended tasks, consecutive equal ends as one.
#[derive(Default)]
struct Ended {
    tasks: Vec<FinishedTasks>,
}

impl Ended {
    fn push(&mut self, attempt: AttemptRange, outcome: Outcome, cost: Cost) {
        if let Some(last) = self.tasks.last_mut()
            && last.attempt.range.end == attempt.range.start
            && last.outcome == outcome
            && equal_but_for_time(&last.cost, &cost)
        {
            let count = last.attempt.range.len();
            last.cost.wall = (last.cost.wall * count + cost.wall) / (count + 1);
            last.attempt.range.end = attempt.range.end;
        } else {
            self.tasks.push(within_bounds(FinishedTasks { attempt, outcome, cost }));
        }
    }
}

/// A report that no message could carry would be sent again and again: the task fails instead, and says so.
fn within_bounds(finished: FinishedTasks) -> FinishedTasks {
    match finished.check_bounds() {
        Ok(()) => finished,
        Err(error) => {
            let failure = Failure {
                code: codes::RESULT_NOT_KEPT.to_owned(),
                message: format!("the result cannot be kept: {error}"),
                diagnostic: None,
                retryable: false,
            };
            let cost = Cost { wall: finished.cost.wall, ..Cost::default() };
            FinishedTasks { attempt: finished.attempt, outcome: Outcome::Failed(failure), cost }
        }
    }
}

fn equal_but_for_time(a: &Cost, b: &Cost) -> bool {
    let Cost { wall: _, device, stdout, stderr, exit_code } = a;
    (device, stdout, stderr, exit_code) == (&b.device, &b.stdout, &b.stderr, &b.exit_code)
}

/// A flag that many tasks look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn shared(&self) -> &Arc<AtomicBool> {
        &self.0
    }
}
