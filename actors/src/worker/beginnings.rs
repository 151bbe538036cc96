//! Suspects that have a slot and wait until it is written down that they begin: tasks that have lost a worker before. Only
//! what is written down counts as lost with this worker, so that none is blamed for a loss that it was not there for.
//!
//! The worker actor asks the leader for each, and again after each attachment; its answers come here. A slot waits for as
//! long as no leader answers.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use nexus_model::JobId;
use nexus_wire::AttemptRange;

/// Says to the worker actor what a slot is about to begin. Called on a slot's thread.
pub(crate) type SayBeginning = Box<dyn Fn(AttemptRange) + Send + Sync>;

/// What the leader says of tasks that are about to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written down.
    Begin,
    /// They are not this worker's any more.
    Drop,
}

/// The slots that wait, at most one attempt each.
#[derive(Debug, Default)]
pub(super) struct Beginnings {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<AttemptRange, Option<Verdict>>,
    stopping: bool,
}

impl Beginnings {
    /// Asks, and waits for the answer.
    pub(super) fn ask(&self, attempt: AttemptRange, say: impl FnOnce(AttemptRange)) -> Verdict {
        self.state().waiting.insert(attempt, None);
        say(attempt);
        let mut state = self.state();
        loop {
            let verdict = state.waiting.get(&attempt).copied().flatten();
            if let Some(verdict) = verdict.or(state.stopping.then_some(Verdict::Drop)) {
                state.waiting.remove(&attempt);
                return verdict;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What waits for an answer.
    pub(super) fn unanswered(&self) -> Vec<AttemptRange> {
        let state = self.state();
        state.waiting.iter().filter(|(_, verdict)| verdict.is_none()).map(|(attempt, _)| *attempt).collect()
    }

    /// The answer to what waits for it; whatever else it is about is over.
    pub(super) fn answer(&self, attempts: &[AttemptRange], verdict: Verdict) {
        self.decide(verdict, |attempt| attempts.contains(attempt));
    }

    /// Nothing of a job begins any more.
    pub(super) fn cancel(&self, job: JobId) {
        self.decide(Verdict::Drop, |attempt| attempt.job == job);
    }

    fn decide(&self, verdict: Verdict, is_meant: impl Fn(&AttemptRange) -> bool) {
        let mut state = self.state();
        let meant = state.waiting.iter_mut().filter(|(attempt, answer)| answer.is_none() && is_meant(attempt));
        meant.for_each(|(_, answer)| *answer = Some(verdict));
        drop(state);
        self.changed.notify_all();
    }

    /// Nothing begins any more.
    pub(super) fn stop(&self) {
        self.state().stopping = true;
        self.changed.notify_all();
    }

    /// A thread that panicked left no half-made change behind: each critical section is a single step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use nexus_model::{AttemptToken, IndexRange};

    use super::*;

    fn attempt(job: u64, index: u32) -> AttemptRange {
        AttemptRange { job: JobId(job), range: IndexRange::new(index, index + 1), token: AttemptToken(9) }
    }

    #[test]
    fn a_suspect_waits_for_its_own_answer_and_is_asked_for_until_then() {
        let beginnings = Beginnings::default();
        std::thread::scope(|scope| {
            let (said, asked) = mpsc::channel();
            let waits = |index: u32| {
                let (said, beginnings) = (said.clone(), &beginnings);
                scope.spawn(move || beginnings.ask(attempt(1, index), |attempt| said.send(attempt).unwrap()))
            };
            let (first, second) = (waits(3), waits(4));
            let mut all: Vec<AttemptRange> = asked.iter().take(2).collect();
            all.sort();
            assert_eq!((&all, beginnings.unanswered()), (&vec![attempt(1, 3), attempt(1, 4)], all.clone()));
            beginnings.answer(&[attempt(1, 4), attempt(2, 4)], Verdict::Begin);
            assert_eq!(second.join().unwrap(), Verdict::Begin);
            assert_eq!(beginnings.unanswered(), vec![attempt(1, 3)]);
            beginnings.answer(&[attempt(1, 3)], Verdict::Drop);
            assert_eq!(first.join().unwrap(), Verdict::Drop);
        });
        assert_eq!(beginnings.unanswered(), vec![]);
    }

    #[test]
    fn what_is_cancelled_and_whatever_waits_when_the_node_stops_does_not_begin() {
        let beginnings = Beginnings::default();
        let cancelled = beginnings.ask(attempt(1, 0), |attempt| beginnings.cancel(attempt.job));
        assert_eq!(cancelled, Verdict::Drop);
        assert_eq!(beginnings.ask(attempt(1, 0), |_| beginnings.stop()), Verdict::Drop);
    }
}
