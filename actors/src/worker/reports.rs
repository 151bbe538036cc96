//! Ended tasks on their way from the slots to the worker actor, gathered so that one report carries many.
//!
//! Nobody waits for company who has nothing better to do: a slot that finds no more work hands in at once what it and the
//! others have. While there is more work, reports are gathered for [`GATHER`], so that a node full of short tasks does
//! not pay a trip to the ledger for each; a thread of its own sees to it.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nexus_model::{Cost, Failure, Outcome};
use nexus_wire::archived::{Bounded, finished_bytes};
use nexus_wire::{AttemptRange, FinishedTasks};

use crate::codes;

/// Ended tasks are handed in at the latest after this long.
pub(super) const GATHER: Duration = Duration::from_millis(10);
/// Bytes of reports that may wait or be on their way; then the slots wait. A few full messages.
const WAITING_BYTES_MAX: usize = 16 << 20;

/// Where ended tasks go. Called on a slot's thread or the reporter's; may block for back-pressure.
pub(crate) type HandIn = Box<dyn Fn(Vec<FinishedTasks>) + Send + Sync>;

/// Reports that wait or are on their way.
pub(super) struct Reports {
    state: Mutex<State>,
    changed: Condvar,
    hand_in: HandIn,
}

#[derive(Default)]
struct State {
    waiting: Vec<FinishedTasks>,
    /// Of what waits, and of what is on its way.
    bytes: usize,
    waiting_bytes: usize,
    /// When the first of the waiting ones ended.
    since: Option<Instant>,
    /// Handed in and not yet taken, by the number of the delivery.
    on_the_way: BTreeMap<u64, Vec<AttemptRange>>,
    deliveries: u64,
    stopping: bool,
}

impl Reports {
    pub(super) fn new(hand_in: HandIn) -> Self {
        Reports { state: Mutex::default(), changed: Condvar::new(), hand_in }
    }

    /// Adds what ended, in order; waits while there is no room.
    pub(super) fn add(&self, ended: Vec<FinishedTasks>) {
        let mut state = self.state();
        while state.bytes > WAITING_BYTES_MAX && !state.stopping {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        for finished in ended {
            state.add(finished);
        }
        if state.since.is_none() && !state.waiting.is_empty() {
            state.since = Some(Instant::now());
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Hands in everything that waits; returns when it is taken.
    pub(super) fn flush(&self) {
        let mut state = self.state();
        if state.waiting.is_empty() {
            return;
        }
        let tasks = std::mem::take(&mut state.waiting);
        let bytes = std::mem::take(&mut state.waiting_bytes);
        state.since = None;
        state.deliveries += 1;
        let delivery = state.deliveries;
        state.on_the_way.insert(delivery, tasks.iter().map(|finished| finished.attempt).collect());
        drop(state);
        self.changed.notify_all();
        (self.hand_in)(tasks);
        let mut state = self.state();
        state.on_the_way.remove(&delivery);
        state.bytes -= bytes;
        drop(state);
        self.changed.notify_all();
    }

    /// What has ended here and is not the worker actor's yet.
    pub(super) fn holding(&self) -> Vec<AttemptRange> {
        let state = self.state();
        let waiting = state.waiting.iter().map(|finished| finished.attempt);
        waiting.chain(state.on_the_way.values().flatten().copied()).collect()
    }

    /// The reporter: hands in what has waited for long, until told to stop.
    pub(super) fn run(&self) {
        let mut state = self.state();
        while !state.stopping {
            let left = state.since.map(|since| GATHER.saturating_sub(since.elapsed()));
            state = match left {
                Some(Duration::ZERO) => {
                    drop(state);
                    self.flush();
                    self.state()
                }
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Ends the reporter; nobody waits for room any more.
    pub(super) fn stop(&self) {
        self.state().stopping = true;
        self.changed.notify_all();
    }

    /// A thread that panicked left no half-made change behind: each critical section is a single step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Consecutive equal ends become one.
    fn add(&mut self, finished: FinishedTasks) {
        if let Some(last) = self.waiting.last_mut()
            && last.attempt.range.end == finished.attempt.range.start
            && (last.attempt.job, last.attempt.token) == (finished.attempt.job, finished.attempt.token)
            && last.outcome == finished.outcome
            && equal_but_for_time(&last.cost, &finished.cost)
        {
            let (count, more) = (last.attempt.range.len(), finished.attempt.range.len());
            last.cost.wall = (last.cost.wall * count + finished.cost.wall * more) / (count + more);
            last.attempt.range.end = finished.attempt.range.end;
        } else {
            let finished = within_bounds(finished);
            let bytes = finished_bytes(&finished);
            self.bytes += bytes;
            self.waiting_bytes += bytes;
            self.waiting.push(finished);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use nexus_model::{AttemptToken, IndexRange, JobId};

    use super::*;

    fn ended(index: u32, outcome: Outcome, micros: u64) -> FinishedTasks {
        let range = IndexRange::new(index, index + 1);
        let attempt = AttemptRange { job: JobId(1), range, token: AttemptToken(1) };
        FinishedTasks { attempt, outcome, cost: Cost { wall: Duration::from_micros(micros), ..Cost::default() } }
    }

    fn reports() -> (Arc<Reports>, mpsc::Receiver<Vec<FinishedTasks>>) {
        let (sender, receiver) = mpsc::channel();
        let sender = Mutex::new(sender);
        let deliver = move |tasks| sender.lock().unwrap().send(tasks).unwrap();
        (Arc::new(Reports::new(Box::new(deliver))), receiver)
    }

    #[test]
    fn equal_neighbours_are_one_with_the_mean_of_their_times() {
        let (reports, received) = reports();
        reports.add((0..4).map(|i| ended(i, Outcome::TimedOut, u64::from(i))).collect());
        reports.add(vec![ended(4, Outcome::Cancelled, 9), ended(6, Outcome::Cancelled, 9)]);
        assert_eq!(reports.holding().len(), 3);
        reports.flush();
        let tasks = received.recv().unwrap();
        let ranges: Vec<_> = tasks.iter().map(|t| (t.attempt.range.start, t.attempt.range.end)).collect();
        assert_eq!(ranges, vec![(0, 4), (4, 5), (6, 7)]);
        assert_eq!(tasks[0].cost.wall, Duration::from_nanos(1500));
        assert!(reports.holding().is_empty());
    }

    #[test]
    fn what_waits_is_handed_in_although_its_slot_goes_on() {
        let (reports, received) = reports();
        std::thread::scope(|scope| {
            scope.spawn(|| reports.run());
            for index in 0..3 {
                reports.add(vec![ended(index, Outcome::TimedOut, 1)]);
                assert_eq!(received.recv().unwrap()[0].attempt.range.start, index);
            }
            reports.stop();
        });
    }

    #[test]
    fn what_is_being_handed_in_is_still_held() {
        let (entered, at_door) = mpsc::channel();
        let (open, door) = mpsc::channel::<()>();
        let (entered, door) = (Mutex::new(entered), Mutex::new(door));
        let reports = Reports::new(Box::new(move |_| {
            entered.lock().unwrap().send(()).unwrap();
            door.lock().unwrap().recv().unwrap();
        }));
        reports.add(vec![ended(0, Outcome::TimedOut, 1)]);
        std::thread::scope(|scope| {
            scope.spawn(|| reports.flush());
            at_door.recv().unwrap();
            assert_eq!(reports.holding().len(), 1);
            assert!(reports.state().bytes > 0, "what is on its way takes room");
            open.send(()).unwrap();
        });
        assert!(reports.holding().is_empty());
        assert_eq!(reports.state().bytes, 0);
    }
}
