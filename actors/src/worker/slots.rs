//! The slots: threads that take chunks from the worker's queue, run their tasks and hand in what ended.
//!
//! Numeric work and processes live here, away from the actors' thread. The slots outlive a crash of the worker actor: the
//! queue, the jobs and the running tasks are theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nexus_model::{DeviceKind, IndexRange, JobId, JobSpec, NodeCapacity};
use nexus_wire::limits::LOG_WAIT_MAX;
use nexus_wire::{AttemptRange, FinishedTasks, LogPiece, LogQuery, LogState};
use tokio::sync::Notify;

use super::ahead::FetchAhead;
use super::beginnings::{Beginnings, SayBeginning, Verdict};
use super::begun::Account;
use super::folder::Folder;
use super::log::SlotLog;
use super::queue::{Chunk, WorkQueue, covers};
use super::reports::{GATHER, HandIn, Reports};
use super::task::{JobSlot, Place, TaskRunner};

/// What is printed within this time goes to a follower together.
const FOLLOW_GATHER: Duration = Duration::from_millis(10);

/// How long a follower waits for a task that no slot has in hand.
const NOT_IN_HAND_PATIENCE: Duration = Duration::from_millis(200);

/// How long a node that stops waits for its slots to let go: a process that was told to end is killed sooner.
const GIVEN_UP_PATIENCE: Duration = Duration::from_secs(5);

/// How often in a chunk it is noted which tasks of it are in hand: for each tenth of a millisecond of short tasks, which
/// takes a hundredth of it.
const NOTES_OF_CHUNK: u32 = 20;

struct State {
    queue: WorkQueue,
    jobs: BTreeMap<JobId, Arc<JobSlot>>,
    running: BTreeMap<u32, AttemptRange>,
    /// Why nothing is begun, while that is so.
    held_back: Option<String>,
    stopping: bool,
}

impl State {
    /// Ends what runs of a job where all of it is in vain; other attempts of it begin as if it were new here.
    fn stop_stale(&mut self, job: JobId, stale: &[AttemptRange]) {
        let mut running = self.running.values().filter(|attempt| attempt.job == job).peekable();
        let is_stale = |attempt: &AttemptRange| stale.iter().any(|stale| covers(stale, attempt));
        if running.peek().is_none() || !running.all(is_stale) {
            return;
        }
        if let Some(slot) = self.jobs.get_mut(&job) {
            slot.cancel();
            *slot = Arc::new(JobSlot::new(job, slot.spec.clone()));
        }
    }
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    runner: TaskRunner,
    reports: Reports,
    beginnings: Beginnings,
    ahead: FetchAhead,
    say_beginning: SayBeginning,
    places: Vec<Place>,
    /// Wakes who follows the log of a task.
    printed: Arc<Notify>,
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
    /// Starts the slots of a machine.
    pub(crate) fn start(
        capacity: &NodeCapacity,
        runner: TaskRunner,
        (hand_in, say_beginning): (HandIn, SayBeginning),
    ) -> std::io::Result<Self> {
        let count = capacity.slots;
        let gpus = capacity.devices.iter().filter(|device| device.kind == DeviceKind::Gpu).count();
        let state = State {
            queue: WorkQueue::new(count, gpus),
            jobs: BTreeMap::new(),
            running: BTreeMap::new(),
            held_back: None,
            stopping: false,
        };
        let printed = Arc::new(Notify::new());
        let place = |slot| {
            let folder = Folder::new(runner.scratch.join(format!("slot-{slot}")));
            Place { log: SlotLog::announced(&printed), folder }
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            places: (0..count).map(place).collect(),
            ahead: FetchAhead::new(Arc::clone(&runner.payloads)),
            runner,
            reports: Reports::new(hand_in),
            beginnings: Beginnings::default(),
            say_beginning,
            printed,
        });
        let mut slots = Slots { shared: Arc::clone(&shared), threads: Vec::new() };
        slots.spawn("reporter".to_owned(), |shared| shared.reports.run())?;
        for (slot, number) in (0..count).zip(0usize..) {
            slots.spawn(format!("slot-{slot}"), move |shared| run_slot(shared, slot, &shared.places[number]))?;
        }
        Ok(slots)
    }

    fn spawn(&mut self, name: String, run: impl FnOnce(&Shared) + Send + 'static) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.threads.push(std::thread::Builder::new().name(name).spawn(move || run(&shared))?);
        Ok(())
    }

    /// Learns a job before its first range, and begins to fetch its inputs.
    pub(crate) fn describe(&self, job: JobId, spec: JobSpec) {
        self.shared.ahead.add(job, &spec);
        let mut state = self.shared.lock();
        state.queue.describe(job, spec.resources.cpus, spec.resources.gpu_milli);
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

    /// Queues tasks that have lost a worker before: each waits for its beginning to be written down.
    pub(crate) fn assign_suspects(&self, attempts: impl IntoIterator<Item = AttemptRange>) {
        let mut state = self.shared.lock();
        attempts.into_iter().for_each(|attempt| state.queue.push_suspect(attempt));
        drop(state);
        self.shared.work.notify_all();
    }

    /// Begins nothing while there is a reason not to.
    pub(crate) fn hold_back(&self, reason: Option<String>) {
        let mut state = self.shared.lock();
        match (&state.held_back, &reason) {
            (None, Some(reason)) => tracing::info!(reason, "no task is begun until less waits"),
            (Some(_), None) => tracing::info!("tasks are begun again"),
            (None, None) => return,
            (Some(_), Some(_)) => {}
        }
        state.held_back = reason;
        drop(state);
        self.shared.work.notify_all();
    }

    /// It is written down that these begin.
    pub(crate) fn begin(&self, attempts: &[AttemptRange]) {
        self.shared.beginnings.answer(attempts, Verdict::Begin);
    }

    /// These are not this worker's any more.
    pub(crate) fn drop_stale(&self, attempts: &[AttemptRange]) {
        self.shared.beginnings.answer(attempts, Verdict::Drop);
        let mut state = self.shared.lock();
        state.queue.drop_stale(attempts);
        for job in attempts.iter().map(|attempt| attempt.job).collect::<BTreeSet<_>>() {
            state.stop_stale(job, attempts);
        }
        drop(state);
        self.recorded(attempts.iter());
    }

    /// What waits for its beginning to be written down.
    pub(crate) fn beginning(&self) -> Vec<AttemptRange> {
        self.shared.beginnings.unanswered()
    }

    /// Stops what runs of `job`, drops what waits of it.
    pub(crate) fn cancel(&self, job: JobId) {
        let mut state = self.shared.lock();
        state.queue.cancel(job);
        if let Some(slot) = state.jobs.get(&job) {
            slot.cancel();
        }
        drop(state);
        self.shared.ahead.forget(job);
        self.shared.beginnings.cancel(job);
    }

    /// Forgets a job that has ended.
    pub(crate) fn forget(&self, job: JobId) {
        let mut state = self.shared.lock();
        state.queue.forget(job);
        state.jobs.remove(&job);
        drop(state);
        self.shared.ahead.forget(job);
        if let Some(account) = &self.shared.runner.account {
            account.forget(job);
        }
    }

    /// Forgets all jobs but these.
    pub(crate) fn forget_others(&self, kept: &BTreeSet<JobId>) {
        let others: Vec<JobId> = self.shared.lock().jobs.keys().filter(|job| !kept.contains(job)).copied().collect();
        others.into_iter().for_each(|job| self.forget(job));
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> Vec<JobId> {
        self.shared.lock().jobs.keys().copied().collect()
    }

    /// It is recorded how these ended, of this process or of one before it.
    pub(crate) fn recorded<'a>(&self, ended: impl Iterator<Item = &'a AttemptRange>) {
        if let Some(account) = &self.shared.runner.account {
            account.recorded(ended);
        }
    }

    /// What is queued or running, or has ended and is not handed in.
    pub(crate) fn holding(&self) -> Vec<AttemptRange> {
        let state = self.shared.lock();
        let unfinished = state.queue.waiting().copied().chain(state.running.values().copied());
        unfinished.chain(self.shared.reports.holding()).collect()
    }

    /// What the slots have in hand, at most one range a slot.
    pub(crate) fn running(&self) -> Vec<AttemptRange> {
        self.shared.lock().running.values().copied().collect()
    }
}

impl Slots {
    /// What tasks in hand have of the graphics processors, in thousandths; `None` where there are none.
    pub(crate) fn gpus_given(&self) -> Option<u32> {
        self.shared.lock().queue.gpus_given()
    }

    /// What a task in hand has printed; waits while there is nothing new, as long as the query says.
    pub(crate) fn read_log(&self, query: LogQuery) -> impl Future<Output = LogPiece> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        async move {
            let asked_at = tokio::time::Instant::now();
            let mut was_in_hand = false;
            let LogQuery { task, attempt, from, .. } = query;
            let mut piece = LogPiece::empty(LogState::Running, attempt, from);
            loop {
                let mut printed = std::pin::pin!(shared.printed.notified());
                // From here on nothing that is printed goes unnoticed.
                printed.as_mut().enable();
                let found = shared.places.iter().find_map(|place| place.log.read(task, from));
                let is_in_hand = found.is_some();
                (piece.stdout, piece.stderr) = found.unwrap_or_default();
                // What is not in hand waits for a slot, or has ended, which the ledger will know in a moment.
                let patience = if is_in_hand { LOG_WAIT_MAX } else { NOT_IN_HAND_PATIENCE };
                let deadline = asked_at + query.patience.min(patience);
                let has_ended = was_in_hand && !is_in_hand;
                if !piece.is_empty() || has_ended || tokio::time::timeout_at(deadline, printed).await.is_err() {
                    return piece;
                }
                was_in_hand |= is_in_hand;
                // Who prints a line seldom prints only one.
                tokio::time::sleep(FOLLOW_GATHER).await;
            }
        }
    }

    /// Waits until no slot has anything in hand after [`Slots::give_up`], for a while; then hands in what had ended before.
    /// What was begun and is not recorded to have ended.
    pub(crate) fn given_up(&self) -> Vec<AttemptRange> {
        let state = self.shared.lock();
        let is_busy = |state: &mut State| !state.running.is_empty();
        let waited = self.shared.work.wait_timeout_while(state, GIVEN_UP_PATIENCE, is_busy);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let in_hand: Vec<AttemptRange> = state.running.values().copied().collect();
        drop(state);
        self.shared.reports.flush();
        self.shared.runner.account.as_ref().map_or(in_hand, Account::begun)
    }

    /// Starts nothing more and stops what runs; nothing that ends from now on counts.
    pub(crate) fn give_up(&self) {
        let mut state = self.shared.lock();
        state.stopping = true;
        state.jobs.values().for_each(|job| job.cancel());
        drop(state);
        self.shared.work.notify_all();
        self.shared.beginnings.stop();
        self.shared.reports.stop();
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

fn run_slot(shared: &Shared, slot: u32, place: &Place) {
    while let Some((chunk, job)) = next_chunk(shared, slot) {
        let started = Instant::now();
        let ran = match &job {
            Some(job) if may_begin(shared, &chunk) => run_chunk(shared, slot, place, &chunk, job),
            Some(_) | None => Ran::default(),
        };
        let mut state = shared.lock();
        state.running.remove(&slot);
        // What was cancelled meanwhile is not begun later.
        if let Some(rest) = ran.rest.filter(|_| job.is_some_and(|job| !job.is_cancelled())) {
            state.queue.put_back(rest);
        }
        state.queue.finish(chunk, ran.tasks, started.elapsed());
        drop(state);
        shared.work.notify_all();
    }
}

/// Whether a chunk may begin: what has lost a worker before waits until that is written down.
fn may_begin(shared: &Shared, chunk: &Chunk) -> bool {
    if !chunk.is_suspect {
        return true;
    }
    // What has ended before is not lost with it.
    shared.reports.flush();
    shared.beginnings.ask(chunk.attempt, &shared.say_beginning) == Verdict::Begin
}

fn next_chunk(shared: &Shared, slot: u32) -> Option<(Chunk, Option<Arc<JobSlot>>)> {
    let mut has_flushed = false;
    let mut state = shared.lock();
    loop {
        if state.stopping {
            return None;
        }
        if state.held_back.is_none()
            && let Some(chunk) = state.queue.take()
        {
            state.running.insert(slot, chunk.attempt);
            let job = state.jobs.get(&chunk.attempt.job).cloned();
            return Some((chunk, job));
        }
        if has_flushed {
            state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        } else {
            // Nothing to do: what has ended need not wait for company.
            drop(state);
            shared.reports.flush();
            state = shared.lock();
        }
        has_flushed = !has_flushed;
    }
}

/// What became of a chunk.
#[derive(Debug, Default)]
struct Ran {
    /// So many ran.
    tasks: u32,
    /// These were not begun, as nothing is for now.
    rest: Option<AttemptRange>,
}

/// Runs the tasks of a chunk in order and reports what ended.
fn run_chunk(shared: &Shared, slot: u32, place: &Place, chunk: &Chunk, job: &JobSlot) -> Ran {
    let mut ended = Vec::new();
    let mut reported_at = Instant::now();
    let mut ran = Ran::default();
    let step = chunk.attempt.range.len().div_ceil(NOTES_OF_CHUNK);
    for index in chunk.attempt.range.start..chunk.attempt.range.end {
        if job.is_cancelled() {
            break;
        }
        if (index - chunk.attempt.range.start).is_multiple_of(step) {
            if index > chunk.attempt.range.start && shared.lock().held_back.is_some() {
                ran.rest = Some(rest(chunk, index));
                break;
            }
            if let Some(account) = &shared.runner.account {
                let end = index.saturating_add(step).min(chunk.attempt.range.end);
                account.begin(&AttemptRange { range: IndexRange::new(index, end), ..chunk.attempt });
            }
        }
        let (outcome, cost) = shared.runner.run(job, index, place, chunk.gpus);
        if job.is_cancelled() {
            // Cancelled, or this node is stopping: nothing that ended from now on counts.
            break;
        }
        ran.tasks += 1;
        let attempt = AttemptRange { range: IndexRange::new(index, index + 1), ..chunk.attempt };
        ended.push(FinishedTasks { attempt, outcome, cost });
        if reported_at.elapsed() > GATHER {
            shared.reports.add(std::mem::take(&mut ended));
            shared.lock().running.insert(slot, rest(chunk, index + 1));
            reported_at = Instant::now();
        }
    }
    shared.reports.add(ended);
    ran
}

/// The tasks of a chunk from this one on.
fn rest(chunk: &Chunk, index: u32) -> AttemptRange {
    AttemptRange { range: IndexRange::new(index, chunk.attempt.range.end), ..chunk.attempt }
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

#[cfg(test)]
mod tests;
