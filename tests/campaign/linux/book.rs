//! What was promised to the submitter: every submission, whether it was acknowledged, and what became of it.
//!
//! It is kept outside the cluster and knows nothing of it; [`crate::linux::promises`] compares the two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a submission is, and so what must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// A program over `tasks` indices: task `i` gives `1000 factor + i`.
    Program {
        /// See above.
        factor: u64,
        /// Tasks.
        tasks: u64,
    },
    /// A command over `tasks` indices, each of which writes a line to a file of its own for each attempt.
    Command {
        /// Tasks.
        tasks: u64,
    },
    /// A slow array that is cancelled in the middle.
    Cancelled {
        /// Tasks.
        tasks: u64,
    },
    /// A command that writes a line and kills whatever node runs it.
    Poison,
}

/// A submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) work: Work,
    /// The job, once the submission was acknowledged.
    pub(crate) job: Option<u64>,
    /// Succeeded tasks as they were read after the cancel was acknowledged.
    pub(crate) at_cancel: Option<u64>,
    /// kill -9 and other losses of nodes before it was submitted.
    pub(crate) losses_before: u64,
    /// Everything about it has been found right.
    pub(crate) is_verified: bool,
}

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Submissions that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Attempts to submit whose outcome was unknown or that were refused, each made again with the same key.
    pub(crate) unanswered: u64,
    /// Acknowledged cancels.
    pub(crate) cancelled: u64,
    /// Tasks with their right result, each once.
    pub(crate) results: u64,
    /// Tasks that were quarantined or ran out of attempts because the campaign killed their workers.
    pub(crate) quarantined: u64,
    /// Attempts of commands, as their files say.
    pub(crate) runs: u64,
    /// Reads that were answered.
    pub(crate) reads: u64,
    /// Keys that were submitted again and gave the same job.
    pub(crate) repeated: u64,
    /// Refusals by code.
    pub(crate) refusals: BTreeMap<String, u64>,
}

/// All submissions by key.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: Mutex<BTreeMap<String, Entry>>,
    counts: Mutex<Counts>,
    losses: Mutex<u64>,
    broken: Mutex<Option<(&'static str, String)>>,
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    /// Writes down what is going to be submitted.
    pub(crate) fn intend(&self, key: &str, work: Work) {
        let losses_before = *open(&self.losses);
        let entry = Entry { work, job: None, at_cancel: None, losses_before, is_verified: false };
        open(&self.entries).insert(key.to_owned(), entry);
    }

    /// A submission was acknowledged. A key that gives another job than before is a broken promise.
    pub(crate) fn acknowledge(&self, key: &str, job: u64) {
        let earlier = open(&self.entries).get_mut(key).and_then(|entry| entry.job.replace(job));
        match earlier {
            None => self.count(|counts| counts.acknowledged += 1),
            Some(earlier) if earlier == job => self.count(|counts| counts.repeated += 1),
            Some(earlier) => self.report("one key is one job", format!("{key} was job {earlier} and is job {job}")),
        }
    }

    /// Changes an entry.
    pub(crate) fn change(&self, key: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = open(&self.entries).get_mut(key) {
            change(entry);
        }
    }

    /// Changes what is counted.
    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut open(&self.counts));
    }

    /// A refusal with this code.
    pub(crate) fn refused(&self, code: &str) {
        self.count(|counts| *counts.refusals.entry(code.to_owned()).or_default() += 1);
    }

    /// Nodes were lost, one way or another.
    pub(crate) fn lose(&self, nodes: usize) {
        *open(&self.losses) += nodes as u64;
    }

    /// Nodes lost until now.
    pub(crate) fn losses(&self) -> u64 {
        *open(&self.losses)
    }

    /// A broken promise; the first one is kept.
    pub(crate) fn report(&self, promise: &'static str, found: String) {
        open(&self.broken).get_or_insert((promise, found));
    }

    /// The first broken promise.
    pub(crate) fn broken(&self) -> Option<(&'static str, String)> {
        open(&self.broken).clone()
    }

    /// Acknowledged submissions.
    pub(crate) fn acknowledged(&self) -> Vec<(String, Entry)> {
        open(&self.entries).iter().filter(|(_, e)| e.job.is_some()).map(|(key, e)| (key.clone(), e.clone())).collect()
    }

    /// Keys that were never acknowledged: there may be a job of each, or none.
    pub(crate) fn unknown(&self) -> BTreeSet<String> {
        open(&self.entries).iter().filter(|(_, entry)| entry.job.is_none()).map(|(key, _)| key.clone()).collect()
    }

    /// What was counted until now.
    pub(crate) fn counts(&self) -> Counts {
        open(&self.counts).clone()
    }
}
